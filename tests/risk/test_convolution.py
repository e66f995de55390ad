"""Lumpy books of many names: on a lattice given the factors, or simulated in states that are moved to where the losses are."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.risk_books import heterogeneous_book, twenty_factors
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import validate_portfolio
from crfs.risk import portfolio_risk
from crfs.risk.fine_lattice import FineLattice
from crfs.risk.lattice import lower_quantile
from crfs.risk.name_transforms import NameTransforms
from crfs.risk.names import Names, make_names
from crfs.risk.obligors import roll_up
from crfs.risk.warm import WarmPortfolio
from crfs.risk.weighted_tail import WeightedTail


def lumpy(names: int, *, spread: float = 1.0, lower: float = 0.05) -> pl.DataFrame:
    """A book of few defaults: probabilities of 0.003 to 0.4 %."""
    return heterogeneous_book(names, seed=names, spread=spread).with_columns(pl.col("pd_12m") * lower)


def names_of(count: int, *, random: bool) -> Names:
    table = heterogeneous_book(count, seed=3, spread=1.0)
    if random:
        table = table.with_columns(lgd_sd=pl.when(pl.int_range(pl.len()) % 3 == 0).then(0.2).otherwise(0.0))
    return make_names(roll_up(validate_portfolio(table, twenty_factors()).accepted, twenty_factors()), twenty_factors())


@pytest.mark.parametrize("random", [False, True])
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_sums_of_logarithms_and_a_lattice_that_ends_early_give_what_every_name_multiplied_out_does(random: bool, seed: int) -> None:
    names, draws = names_of(60, random=random), np.random.default_rng(seed)
    p = draws.beta(0.5, 10.0, (60, 32))
    # Some names are likely to default somewhere, one for certain.
    p[:5, :8], p[7, 3] = 0.7, 1.0
    weight = np.full(32, 1.0 / 8.0)
    fine = FineLattice.of(names, 4096)
    short = NameTransforms.of(names, fine.step, 1024, 1e-3)
    whole, found = fine.summed(p, weight, 4), short.summed(p, weight, 4)
    assert np.abs(np.cumsum(whole, axis=1)[:, :1024] - np.cumsum(found, axis=1)[:, :1024]).max() < 1e-4
    assert found.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-9)
    assert found @ short.values == pytest.approx(whole @ fine.values, rel=1e-9)

    tail = np.zeros((1, 4096))
    tail[0, 400:] = 1.0
    cut = np.concatenate([tail[:, :1024], np.ones((1, 2))], axis=1)
    parts, expected = short.parts(p, weight, 4, cut), fine.parts(p, weight, 4, tail)
    assert np.abs(parts - expected).max() < 1e-4 * expected.max()
    # What all names lose in the tail is what is lost in it.
    assert parts[0].sum(axis=0) == pytest.approx((found * short.values) @ cut[0], rel=1e-4)


@pytest.mark.parametrize("copula", [math.inf, 5.0])
def test_few_names_and_convolution_measure_a_book_alike(copula: float) -> None:
    table, model = lumpy(60, lower=1.0), twenty_factors(copula)
    exactly = portfolio_risk(table, model, method="few_names", confidences=(0.99,))
    found = portfolio_risk(table, model, method="convolution", confidences=(0.99,))
    (m,), (e,) = found.measures, exactly.measures
    # The same points: what differs is the lattice.
    assert abs(m.var - e.var) <= 0.5 * (m.var_high - m.var_low) + 0.5 * (e.var_high - e.var_low)
    assert m.es == pytest.approx(e.es, rel=3.0 * (m.es_se + e.es_se) / e.es)
    assert found.ul == pytest.approx(exactly.ul, rel=0.02)
    sectors = {part.name: part for part in found.contributions if part.by == "group"}
    for part in (each for each in exactly.contributions if each.by == "group"):
        mine = sectors[part.name]
        assert abs(mine.es[0] - part.es[0]) <= 4.0 * math.hypot(mine.es_se[0], part.es_se[0]) + 0.002 * e.es


@pytest.mark.parametrize("copula", [math.inf, 5.0])
def test_a_lumpy_book_of_few_defaults_is_measured_to_rel_tol_and_agrees_with_simulation_of_every_name(copula: float) -> None:
    table, model = lumpy(300), twenty_factors(copula)
    found = portfolio_risk(table, model, rel_tol=0.01)
    assert found.converged
    assert found.method in {"convolution", "collapsed"}
    audit = portfolio_risk(table, model, method="thinning", max_scenarios=400_000, contributions=False)
    moved = portfolio_risk(table, model, method="importance_sampling", max_scenarios=100_000)
    assert moved.method == "importance_sampling"
    for mine, other, third in zip(found.measures, audit.measures, moved.measures, strict=True):
        assert abs(mine.es - other.es) <= 4.0 * math.hypot(mine.es_se, other.es_se)
        assert abs(third.es - other.es) <= 4.0 * math.hypot(third.es_se, other.es_se)
        assert mine.var_low <= other.var_high
        assert other.var_low <= mine.var_high
    for result in (found, moved):
        for k, measure in enumerate(result.measures):
            whole = sum(part.es[k] for part in result.contributions if part.by == "group")
            assert whole == pytest.approx(measure.es, rel=1e-6)


@pytest.mark.parametrize("times", [1.01, 1.05, 1.1, 1.5])
def test_a_book_on_its_own_lattice_that_grows_as_a_whole_loses_so_much_more(times: float) -> None:
    """Of 150 loans of 10 that are a tenth larger VaR rose by 20 [20, 20], not 16: what was no multiple of 10 had been put on the old lattice."""
    ids = [f"O{i:03d}" for i in range(150)]
    model = FactorModel.from_content(
        {"factors": ["a", "b"], "correlation": [[1.0, 0.3], [0.3, 1.0]], "groups": {"x": {"a": 1.0}, "y": {"b": 1.0}}}
    )
    for exposures in ([10.0] * 150, [10.0 + 10.0 * (i % 3) for i in range(150)]):
        table = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": exposures, "group": ["x", "y"] * 75}).with_columns(
            lgd=pl.lit(0.5), pd_12m=pl.lit(0.02), r2=pl.lit(0.2)
        )
        warm = WarmPortfolio(table, model, confidences=(0.99, 0.999))
        assert warm.result.method == "convolution"
        told = warm.what_if(put=table.with_columns(ead=times * pl.col("ead")), first_order=False)
        for measure, base in zip(told.measures, warm.result.measures, strict=True):
            assert measure.incremental_var.value == pytest.approx((times - 1.0) * base.var, rel=1e-6)
            assert measure.incremental_es.value == pytest.approx((times - 1.0) * base.es, rel=1e-6)


def test_what_a_loan_of_an_odd_amount_adds_to_like_ones_has_its_rounding_in_its_interval() -> None:
    """The book has no rounding, the loan has: the intervals of 7 of 8 seeds missed what it adds."""
    ids = [f"O{i:03d}" for i in range(150)]
    table = pl.DataFrame({"facility_id": ids, "obligor_id": ids}).with_columns(
        ead=pl.lit(10.0), lgd=pl.lit(1.0), pd_12m=pl.lit(0.02), r2=pl.lit(0.2), group=pl.lit("all")
    )
    loan = pl.DataFrame(
        {"facility_id": ["N"], "obligor_id": ["N"], "ead": [5.13], "lgd": [1.0], "pd_12m": [0.1], "r2": [0.2], "group": ["all"]}
    )
    # Along one factor the truth is known: the loan is a stranger beside a pool.
    one = FactorModel.one_factor("all")
    before, after = (
        portfolio_risk(each, one, confidences=(0.99, 0.999), contributions=False) for each in (table, pl.concat([table, loan]))
    )
    assert before.method == after.method == "exact"
    held = 0
    for seed in range(6):
        warm = WarmPortfolio(table, one, confidences=(0.99, 0.999), method="convolution", seed=seed)
        for told, was, now in zip(warm.what_if(put=loan, first_order=False).measures, before.measures, after.measures, strict=True):
            held += told.incremental_es.low <= now.es - was.es <= told.incremental_es.high
            assert told.incremental_var.low <= now.var - was.var <= told.incremental_var.high
    assert held >= 11


def test_where_nothing_but_defaults_makes_the_tail_its_rounding_is_that_of_more_defaults() -> None:
    """Without a factor the loss is a sum of independent ones, whose distribution is one Fourier transform on any lattice."""
    random = np.random.default_rng(103)
    losses, pd = 40.0 * random.lognormal(0.0, 0.3, 1_500), np.exp(random.uniform(math.log(0.002), math.log(0.08), 1_500))
    step, size, ids = 0.06, 2**16, [f"O{i:04d}" for i in range(1_500)]
    whole, turn = np.floor(losses / step), -2j * np.pi * np.arange(size // 2 + 1) / size
    log_of = np.zeros(size // 2 + 1, dtype=complex)
    for p, low, upper in zip(pd, whole, losses / step - whole, strict=True):
        log_of += np.log1p(p * (np.exp(turn * low) * (1.0 - upper + upper * np.exp(turn)) - 1.0))
    probability, values = np.fft.irfft(np.exp(log_of), n=size), step * np.arange(size)
    table = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": losses, "pd_12m": pd}).with_columns(
        lgd=pl.lit(1.0), r2=pl.lit(0.0), group=pl.lit("all")
    )
    found = portfolio_risk(
        table, FactorModel.one_factor("all"), confidences=(0.99, 0.999, 0.9999), method="convolution", contributions=False
    )
    for told in found.measures:
        k = lower_quantile(probability, told.confidence)
        es = values[k] + float((probability[k:] * (values[k:] - values[k])).sum()) / (1.0 - told.confidence)
        assert told.var_low <= values[k] <= told.var_high
        assert told.es_low <= es <= told.es_high


def test_equal_losses_lie_on_their_own_lattice_and_have_no_rounding() -> None:
    table = lumpy(200, spread=0.0).with_columns(ead=pl.lit(1000.0))
    (m,) = portfolio_risk(table, twenty_factors(), method="convolution", confidences=(0.999,)).measures
    assert m.var / 450.0 == pytest.approx(round(m.var / 450.0), abs=1e-9)
    assert m.var_low <= m.var <= m.var_high


def test_whole_numbers_are_on_their_own_lattice_where_one_of_as_many_points_is_beside_them() -> None:
    random = np.random.default_rng(25)
    names = [f"O{i:02d}" for i in range(25)]
    table = pl.DataFrame({"facility_id": names, "obligor_id": names, "ead": random.integers(4, 200, 25).astype(float)}).with_columns(
        pd_12m=pl.Series(random.uniform(0.02, 0.3, 25)), lgd=pl.lit(1.0), r2=pl.lit(0.2), group=pl.lit("all")
    )
    one = FactorModel.one_factor("all")
    exactly, found = (portfolio_risk(table, one, method=method, confidences=(0.99,), listed=25) for method in ("exact", "convolution"))
    assert found.measures[0].var == exactly.measures[0].var
    wanted = {part.name: part for part in exactly.contributions}
    for part in found.contributions:
        assert part.var[0] == pytest.approx(wanted[part.name].var[0], rel=2e-3)
        assert part.es[0] == pytest.approx(wanted[part.name].es[0], rel=2e-3)


def test_the_answer_has_the_same_bits_whatever_the_threads() -> None:
    for method in ("convolution", "importance_sampling"):
        found = [
            portfolio_risk(lumpy(140), twenty_factors(), method=method, confidences=(0.99,), rel_tol=0.02, threads=threads).to_dict()
            for threads in (1, 3)
        ]
        assert found[0] == found[1]


def test_what_a_loan_does_to_a_book_that_is_convolved_is_asked_at_the_same_points() -> None:
    table = lumpy(300)
    warm = WarmPortfolio(table, twenty_factors(), confidences=(0.999,), rel_tol=0.02, method="convolution")
    told = warm.what_if(pd={"O0000007": 0.02})
    assert told.method == "convolution"
    (m,) = told.measures
    assert m.incremental_es.value > 0.0
    assert m.incremental_es.se < 0.2 * m.es_se + 0.01 * m.incremental_es.value
    again = warm.what_if(put=table.reverse())
    assert again.measures[0].incremental_es.value == 0.0


@pytest.mark.parametrize("pd", [0.05, 0.5])
def test_a_change_that_leads_far_beyond_the_lattice_of_the_book_is_measured_where_it_leads(pd: float) -> None:
    table = lumpy(140, spread=1.6)
    warm = WarmPortfolio(table, twenty_factors(), confidences=(0.99,), method="convolution")
    changed = table.with_columns(pd_12m=pl.lit(pd))
    told = warm.what_if(put=changed, first_order=False)
    assert told.method == "convolution"
    (own,), (m,) = portfolio_risk(changed, twenty_factors(), confidences=(0.99,), contributions=False).measures, told.measures
    assert own.var > 3.0 * warm.result.measures[0].var
    for which in ("var", "es"):
        apart = abs(getattr(m, which) - getattr(own, which))
        assert apart <= 0.5 * sum(getattr(each, which + "_high") - getattr(each, which + "_low") for each in (m, own))


def test_importance_sampling_that_may_not_draw_enough_is_refused() -> None:
    with pytest.raises(InvalidInput, match="raise max_scenarios"):
        portfolio_risk(
            lumpy(150), twenty_factors(), method="importance_sampling", max_scenarios=1_000, confidences=(0.9, 0.95, 0.99, 0.999)
        )


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.1, 0.02]))
def test_a_sample_of_equal_weights_has_the_quantile_of_its_losses(seed: int, level: float) -> None:
    losses = np.random.default_rng(seed).integers(0, 9, (4, 50)).astype(float)
    tail = WeightedTail.of(losses, np.full((4, 50), 1.0 / 50.0))
    ordered = np.sort(losses.ravel())
    above = np.array([(ordered > x).mean() for x in ordered])
    assert tail.quantile(level) == ordered[np.argmax(above <= level + 1e-9)]
    (low,), (high,) = tail.interval(np.array([level]), 2.4)
    assert low <= tail.quantile(level) <= high


@pytest.mark.parametrize("highest", [0.001, 0.004, 0.01])
def test_far_tails_of_names_that_seldom_default_are_those_of_a_convolution(highest: float) -> None:
    """Logarithms that are interpolated between two probabilities miss the cube of a small one, of which three defaults are made."""
    random = np.random.default_rng(3)
    cells, pd = random.integers(1, 6, 150), random.uniform(0.1 * highest, highest, 150)
    ids = [f"O{i:03d}" for i in range(150)]
    table = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": 10.0 * cells, "pd_12m": pd}).with_columns(
        lgd=pl.lit(1.0), r2=pl.lit(0.0), group=pl.lit("all")
    )
    true = np.ones(1)
    for p, cell in zip(pd, cells, strict=True):
        true = np.pad(true * (1.0 - p), (0, cell)) + np.pad(true * p, (cell, 0))
    values = 10.0 * np.arange(len(true))
    for confidence in (0.99, 0.999, 0.99999):
        found = portfolio_risk(table, FactorModel.one_factor("all"), confidences=(confidence,), method="convolution", contributions=False)
        (told,) = found.measures
        k = lower_quantile(true, confidence)
        es = values[k] + float((true[k:] * (values[k:] - values[k])).sum()) / (1.0 - confidence)
        assert told.var == pytest.approx(values[k])
        assert told.es == pytest.approx(es, rel=1e-5)
        assert told.es_low * (1.0 - 1e-7) <= es <= told.es_high * (1.0 + 1e-7)
