"""Two books with common random numbers: a worse book never has a smaller loss, and their difference has its own noise alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.risk_books import heterogeneous_book, twenty_factors
from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.risk import WarmPortfolio, portfolio_risk
from crfs.risk.choosing import Question, make_question
from crfs.risk.obligors import roll_up
from crfs.risk.paired import PairedLosses, differences, simulate_pair
from crfs.risk.portfolio import measure
from crfs.risk.result import Method
from crfs.risk.stress import bumped
from crfs.risk.stress.stressed_book import checked_book, stressed_book
from crfs.risk.stress.transmission import checked_shocks
from tests.thorough import cases

GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "retail": {"eu": 1.0}}
CORRELATION = ((1.0, 0.4), (0.4, 1.0))


def model(nu: float = math.inf) -> FactorModel:
    return FactorModel(factors=("us", "eu"), correlation=CORRELATION, groups=GROUPS, copula=Copula(nu=nu))


def book(seed: int, names: int, **columns: Any) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ids = [f"O{i:04d}" for i in range(names)]
    lgd = rng.uniform(0.2, 0.7, names)
    return checked_book(
        pl.DataFrame(
            {
                "facility_id": ids,
                "obligor_id": ids,
                "ead": rng.lognormal(3.0, 1.2, names),
                "lgd": lgd,
                "lgd_sd": np.where(rng.random(names) < 0.7, rng.uniform(0.1, 0.9, names) * np.sqrt(lgd * (1.0 - lgd)), 0.0),
                "pd_12m": np.exp(rng.uniform(np.log(0.002), np.log(0.2), names)),
                "r2": rng.uniform(0.0, 0.5, names),
                "group": rng.choice(sorted(GROUPS), names),
                **columns,
            }
        )
    )


def shocked(table: pl.DataFrame, **shock: float) -> pl.DataFrame:
    return stressed_book(table, checked_shocks(pl.DataFrame({name: [value] for name, value in shock.items()})))


def pair(before: pl.DataFrame, after: pl.DataFrame, method: Method, nu: float = math.inf, scenarios: int = 5_000) -> PairedLosses:
    sides = (roll_up(before, model(nu)), roll_up(after, model(nu)))
    return simulate_pair(*sides, (model(nu), model(nu)), method=method, seed=5, scenarios=scenarios)


@pytest.mark.parametrize("nu", [math.inf, 5.0])
@pytest.mark.parametrize("method", [Method.PLAIN, Method.THINNING])
@pytest.mark.parametrize("loading", [0.0, 0.2])
def test_a_worse_book_loses_no_less_in_any_scenario(method: Method, nu: float, loading: float) -> None:
    table = book(3, 150)
    if loading:
        table = table.with_columns(lgd_sd=0.8 * (pl.col("lgd") * (1 - pl.col("lgd"))).sqrt(), lgd_factor_loading=pl.lit(loading))
    worse = [shocked(table, pd_probit=0.2), bumped(table, "ead_relative", 0.1)]
    # A loss that follows the factor keeps its whole spread, so that its precision moves with its mean: there losses are tied, not ordered.
    worse += [] if loading else [shocked(table, pd_probit=0.1, lgd_add=0.1)]
    for moved in worse:
        found = pair(table, moved, method, nu)
        assert found.method is method
        slack = 1e-9 if loading == 0.0 else 0.02 * float(found.after.max())
        assert (found.after >= found.before - slack).all()
        assert found.after.sum() > found.before.sum()


@pytest.mark.parametrize("nu", [math.inf, 5.0])
def test_thinned_together_each_book_has_the_losses_of_a_run_of_its_own(nu: float) -> None:
    table = book(7, 300)
    found = pair(table, shocked(table, pd_probit=0.4, lgd_add=0.1, r2_scale=1.3), Method.THINNING, nu, 40_000)
    for losses, mine in ((found.before, table), (found.after, shocked(table, pd_probit=0.4, lgd_add=0.1, r2_scale=1.3))):
        alone = portfolio_risk(mine, model(nu), confidences=(0.9, 0.99), method="thinning", seed=99, max_scenarios=40_000, rel_tol=1e-6)
        assert abs(losses.mean() - alone.el) < 4.0 * alone.el_simulated_se
        for told in alone.measures:
            assert abs((losses > told.var).mean() - (1.0 - told.confidence)) < 6.0 * math.sqrt((1.0 - told.confidence) / 40_000)
    base = pair(table, table, Method.THINNING, nu)
    assert np.array_equal(base.before, base.after)


def test_names_in_one_book_alone_default_in_that_one_alone() -> None:
    table = book(2, 30)
    found = pair(table[3:], table, Method.PLAIN)
    alone = pair(table, table, Method.PLAIN)
    assert np.array_equal(found.after, alone.after)
    assert (found.after >= found.before).all()


@given(
    seed=st.integers(0, 2**16),
    names=st.integers(2, 14),
    steps=st.lists(st.tuples(st.floats(0.0, 0.3), st.floats(0.0, 0.1), st.floats(0.0, 0.3)), min_size=2, max_size=3),
    certain=st.booleans(),
)
@cases(6)
def test_growing_shocks_never_shrink_a_measure(seed: int, names: int, steps: list[tuple[float, float, float]], certain: bool) -> None:
    table = book(seed, names, **({"lgd_sd": 0.0} if certain else {}))
    warm = WarmPortfolio(table, model(), confidences=(0.9, 0.99, 0.999), max_scenarios=4_000, rel_tol=1e-9)
    last: npt.NDArray[np.float64] | None = None
    levels = np.cumsum([(0.0, 0.0, 0.0), *steps], axis=0)
    for probit, add, grown in levels.tolist():
        moved = bumped(shocked(table, pd_probit=probit, lgd_add=add), "ead_relative", grown)
        told = warm.what_if(put=moved, first_order=False)
        values = np.array([told.el, told.ul, *(value for m in told.measures for value in (m.var, m.es))])
        values = np.delete(values, 1)
        if last is not None:
            assert (values >= last * (1.0 - 1e-9)).all()
        last = values


@pytest.mark.parametrize("seed", range(4))
def test_a_few_names_of_round_amounts_are_ordered_at_their_common_states(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = book(seed, 8, lgd_sd=0.0, lgd=0.5, ead=rng.integers(1, 9, 8) * 100.0)
    warm = WarmPortfolio(table, model(), confidences=(0.9, 0.99, 0.999), rel_tol=0.05)
    assert warm.result.method == "few_names"
    last = [0.0] * 6
    for probit in (0.0, 1e-6, 1e-3, 0.01, 0.1, 0.2, 0.5):
        told = warm.what_if(put=shocked(table, pd_probit=probit), first_order=False)
        assert told.method == "few_names"
        values = [value for m in told.measures for value in (m.var, m.es)]
        assert all(new >= old * (1.0 - 1e-12) for new, old in zip(values, last, strict=True))
        last = values
    assert told.measures[1].incremental_es.se < 0.7 * math.hypot(told.measures[1].es_se, warm.result.measures[1].es_se)


@pytest.mark.parametrize("nu", [math.inf, 6.0])
def test_a_granular_book_is_ordered_at_its_common_points(nu: float) -> None:
    table = book(5, 400, ead=1.0, lgd_sd=0.0)
    warm = WarmPortfolio(table, model(nu), confidences=(0.9, 0.99, 0.999))
    assert warm.result.method == "collapsed"
    last = [0.0] * 6
    for probit, add in ((0.0, 0.0), (1e-6, 0.0), (1e-4, 0.0), (0.01, 0.0), (0.01, 1e-4), (0.1, 0.01), (0.3, 0.1)):
        told = warm.what_if(put=shocked(table, pd_probit=probit, lgd_add=add), first_order=False)
        values = [value for m in told.measures for value in (m.var, m.es)]
        assert all(new >= old * (1.0 - 1e-9) for new, old in zip(values, last, strict=True))
        last = values


@pytest.mark.parametrize("names", [12, 160])
def test_exposures_that_all_grow_by_a_part_scale_every_number_and_its_error(names: int) -> None:
    table = book(11, names, lgd_factor_loading=0.1).with_columns(lgd_sd=0.8 * (pl.col("lgd") * (1 - pl.col("lgd"))).sqrt())
    asked = "auto" if names == 12 else "thinning"
    warm = WarmPortfolio(table, model(), confidences=(0.99,), max_scenarios=20_000, rel_tol=1e-9, method=asked)
    assert warm.result.method == ("plain" if names == 12 else "thinning")
    told = warm.what_if(put=bumped(table, "ead_relative", 0.1), first_order=False)
    (base,), (m,) = warm.result.measures, told.measures
    assert told.incremental_el == pytest.approx(0.1 * warm.result.el, rel=1e-9)
    # A book that is thinned has its own numbers, and the pair scenarios of its own: there the tenth is of those.
    tolerance = 1e-9 if names == 12 else 0.1
    assert m.incremental_var.value == pytest.approx(0.1 * base.var, rel=tolerance)
    assert m.incremental_es.value == pytest.approx(0.1 * base.es, rel=tolerance)
    assert m.incremental_es.se == pytest.approx(0.1 * base.es_se, rel=max(0.02, 2.0 * tolerance))
    assert m.incremental_var.low <= 0.1 * base.var <= m.incremental_var.high


def test_a_difference_is_known_much_better_than_by_two_runs_and_its_error_is_right() -> None:
    table = book(4, 20)
    moved = bumped(table, "pd_relative", 0.1)
    options: dict[str, Any] = {"confidences": (0.99,), "max_scenarios": 8_000, "rel_tol": 1e-9}
    found = [WarmPortfolio(table, model(), seed=seed, method="plain", **options).what_if(put=moved) for seed in range(12)]
    values = np.array([one.measures[0].incremental_es.value for one in found])
    errors = np.array([one.measures[0].incremental_es.se for one in found])
    assert 0.5 < values.std(ddof=1) / errors.mean() < 1.8
    assert errors.mean() < 0.5 * math.sqrt(2.0) * found[0].measures[0].es_se


def test_the_order_of_a_runs_numbers_is_that_of_its_books_without_pairing() -> None:
    table = book(9, 12)
    runs = [
        portfolio_risk(shocked(table, pd_probit=0.05 * k), model(), confidences=(0.9, 0.99), max_scenarios=4_000, rel_tol=1e-9)
        for k in range(6)
    ]
    for confidence in range(2):
        for which in ("var", "es"):
            values = [getattr(run.measures[confidence], which) for run in runs]
            assert values == sorted(values)


@pytest.mark.parametrize(("seed", "asked"), [(4, "collapsed"), (11, "collapsed"), (13, "collapsed"), (11, "auto")])
def test_a_small_book_loses_no_less_with_any_harder_shock_whether_an_expansion_measures_it_or_its_names_do(seed: int, asked: str) -> None:
    table = heterogeneous_book(30, seed=seed)
    warm = WarmPortfolio(table, twenty_factors(), method=asked)
    assert warm.result.method == ("few_names" if asked == "auto" else "collapsed")
    last = [0.0] * 4
    for probit in (0.0005, 0.002, 0.005, 0.02):
        told = warm.what_if(put=shocked(checked_book(table), pd_probit=probit), first_order=False)
        assert told.method == ("few_names" if asked == "auto" else "collapsed")
        moves = [move for m in told.measures for move in (m.incremental_var, m.incremental_es)]
        assert all(move.value >= before for move, before in zip(moves, last, strict=True))
        assert all(move.value > before for move, before in zip(moves[1::2], last[1::2], strict=True))
        assert all(move.high > 0.0 for move in moves)
        last = [move.value for move in moves]
        assert told.measures[0].var == pytest.approx(warm.result.measures[0].var + moves[0].value, rel=1e-12)


def test_what_a_shock_adds_to_a_small_book_agrees_with_a_finer_lattice() -> None:
    table = checked_book(heterogeneous_book(30, seed=11))
    moved = shocked(table, pd_probit=0.005)
    told = WarmPortfolio(table, twenty_factors(), confidences=(0.99,)).what_if(put=moved).measures[0]
    # 318.4, within 5.7: what few_names says with rel_tol 0.0012, which takes a minute.
    assert told.incremental_es.low < 324.1
    assert told.incremental_es.high > 312.7
    assert abs(told.incremental_es.value - 318.4) < 12.0


@pytest.mark.parametrize("asked", ["auto", "thinning"])
def test_a_change_of_nothing_is_exactly_none(asked: str) -> None:
    table = heterogeneous_book(30, seed=11)
    warm = WarmPortfolio(table, twenty_factors(), method=asked, max_scenarios=20_000)
    told = warm.what_if(put=table.reverse(), first_order=False)
    for m, before in zip(told.measures, warm.result.measures, strict=True):
        for move in (m.incremental_var, m.incremental_es, told.incremental_ul):
            assert (move.value, move.se, move.low, move.high) == (0.0, 0.0, 0.0, 0.0)
        assert (m.var, m.es, m.var_low, m.es_high) == (before.var, before.es, before.var_low, before.es_high)


def test_a_change_that_leaves_too_few_names_for_an_expansion_has_both_books_taken_name_by_name() -> None:
    table = book(5, 60, ead=np.random.default_rng(1).uniform(0.7, 1.3, 60), lgd=0.5, lgd_sd=0.0)
    warm = WarmPortfolio(table, model(), confidences=(0.99,), rel_tol=0.01)
    assert warm.result.method == "collapsed"
    gone = table["facility_id"].to_list()[8:]
    told, run = warm.what_if(drop=gone), portfolio_risk(table[:8], model(), confidences=(0.99,), contributions=False)
    assert told.method == "few_names"
    (m,) = told.measures
    (base,), (alone,) = warm.result.measures, run.measures
    # What is told of the book stands, and the changed one has the difference on top of it.
    assert m.var == pytest.approx(base.var + m.incremental_var.value, rel=1e-12)
    assert m.es == pytest.approx(base.es + m.incremental_es.value, rel=1e-12)
    assert m.es_low <= alone.es_high
    assert alone.es_low <= m.es_high
    assert m.incremental_es.high < 0.0


def test_a_move_of_a_quantile_that_all_scrambles_agree_on_is_known_to_a_step_of_the_lattice() -> None:
    table = book(8, 30)
    warm = WarmPortfolio(table, model(), confidences=(0.99,), rel_tol=0.05, method="few_names")
    (m,) = warm.what_if(put=shocked(table, pd_probit=1e-9), first_order=False).measures
    assert m.incremental_var.low < 0.0 < m.incremental_var.high
    assert m.incremental_es.low <= m.incremental_es.value <= m.incremental_es.high
    (same,) = warm.what_if(put=table, first_order=False).measures
    assert (same.incremental_var.low, same.incremental_var.high, same.incremental_es.low, same.incremental_es.high) == (0.0, 0.0, 0.0, 0.0)


def test_a_book_that_is_simulated_is_compared_at_the_same_numbers_whatever_the_shock() -> None:
    table = book(3, 150, lgd_factor_loading=0.2).with_columns(lgd_sd=0.8 * (pl.col("lgd") * (1 - pl.col("lgd"))).sqrt())
    warm = WarmPortfolio(table, model(), confidences=(0.99, 0.999), max_scenarios=20_000, rel_tol=1e-9)
    assert warm.result.method == "importance_sampling"
    last = [0.0] * 2
    for probit in (0.002, 0.005, 0.01, 0.02, 0.05):
        told = warm.what_if(put=shocked(table, pd_probit=probit), first_order=False)
        assert told.method == "plain"
        values = [m.incremental_es.value for m in told.measures]
        assert all(new > old for new, old in zip(values, last, strict=True))
        last = values


@pytest.mark.parametrize("asked", ["importance_sampling", "collapsed", "plain"])
def test_an_answer_says_where_its_errors_are_beyond_what_was_wanted(asked: str) -> None:
    table = book(3, 150)
    warm = WarmPortfolio(table, model(), confidences=(0.99, 0.999), method=asked, max_scenarios=4_000, rel_tol=1e-4)
    notes = warm.what_if(put=shocked(table, pd_probit=0.5), first_order=False).notes
    (told,) = [note for note in notes if "rel_tol" in note]
    assert "0.0001" in told
    assert "ES 99.9 %" in told
    assert ("wider than" in " ".join(notes)) is (asked == "importance_sampling")
    rough = WarmPortfolio(table, model(), confidences=(0.9,), method=asked, max_scenarios=4_000, rel_tol=0.2)
    assert not [note for note in rough.what_if(put=shocked(table, pd_probit=0.5), first_order=False).notes if "rel_tol" in note]


@pytest.mark.parametrize("seed", [3, 4])
def test_intervals_hold_what_an_expansion_is_off_by_where_its_next_order_changes_sign(seed: int) -> None:
    table = shocked(book(seed, 40), pd_probit=2.0)
    exactly, found = (
        portfolio_risk(table, model(), confidences=(0.999,), method=method, contributions=False).measures[0]
        for method in ("convolution", "collapsed")
    )
    assert max(found.es_low, exactly.es_low) <= min(found.es_high, exactly.es_high)


def asked_of(method: str) -> Question:
    return make_question(confidences=(0.99,), method=method, max_scenarios=4_000, contributions=False)


@pytest.mark.parametrize("asked", ["plain", "collapsed", "few_names", "importance_sampling"])
def test_two_runs_of_one_book_differ_by_exactly_nothing(asked: str) -> None:
    table = book(3, 30)
    side = measure(table, model(), asked_of(asked))
    again = measure(table.reverse(), model(), asked_of(asked))
    assert {getattr(each, end) for each in differences(side, again)[0] for end in ("value", "se", "low", "high")} == {0.0}
    other = measure(table, model(5.0), asked_of(asked))
    assert differences(side, other)[0][1].se > 0.0


@pytest.mark.parametrize(("asked", "names"), [("few_names", 20), ("convolution", 60)])
@pytest.mark.parametrize("confidence", [(0.9, 0.99), (0.9, 0.999)])
def test_a_book_beside_itself_differs_by_exactly_nothing(asked: str, names: int, confidence: tuple[float, ...]) -> None:
    """On a lattice of its own making, twice as large for a rounding, it lost a ten-millionth less."""
    table, question = book(3, names), replace(asked_of(asked), confidences=confidence)
    side = measure(table, model(), question)
    again = measure(table.reverse(), model(), question, beside=side)
    for var, es in differences(side, again):
        assert {getattr(each, end) for each in (var, es) for end in ("value", "se", "low", "high")} == {0.0}


@pytest.mark.parametrize(("asked", "names"), [("few_names", 30), ("convolution", 60)])
def test_a_book_beside_another_is_taken_at_its_states_under_a_model_of_its_own_too(asked: str, names: int) -> None:
    table, worse = book(3, names), shocked(book(3, names), pd_probit=0.05)
    other = FactorModel(factors=("us", "eu"), correlation=((1.0, 0.35), (0.35, 1.0)), groups=GROUPS)
    side = measure(table, model(), asked_of(asked))
    moved = measure(worse, other, asked_of(asked), beside=side)
    assert moved.result.method == asked
    assert moved.found.few_names is not None
    assert moved.found.few_names.points is side.found.few_names.points  # type: ignore[union-attr]  # they are few
    ((var, es),), alone = differences(side, moved), measure(worse, other, asked_of(asked))
    (m,), (b,), (own,) = moved.result.measures, side.result.measures, alone.result.measures
    assert (m.var - b.var, m.es - b.es) == pytest.approx((var.value, es.value), rel=1e-9, abs=1e-9)
    assert es.se < 0.5 * m.es_se
    assert abs(m.es - own.es) <= 4.0 * math.hypot(m.es_se, own.es_se) + 0.5 * (own.es_high - own.es_low)


def test_a_book_beside_one_of_other_factors_has_a_run_of_its_own() -> None:
    table = book(3, 20)
    side = measure(table, model(), asked_of("few_names"))
    third = FactorModel(
        factors=("us", "eu", "oil"), correlation=((1.0, 0.4, 0.0), (0.4, 1.0, 0.0), (0.0, 0.0, 1.0)), groups={**GROUPS, "oil": {"oil": 1.0}}
    )
    moved = measure(table, third, asked_of("few_names"), beside=side)
    assert moved.result.measures == measure(table, third, asked_of("few_names")).result.measures


@pytest.mark.parametrize(("asked", "names"), [("few_names", 20), ("convolution", 60)])
def test_books_beside_one_lose_no_less_the_worse_they_are(asked: str, names: int) -> None:
    table = book(5, names).with_columns(ead=pl.when(pl.int_range(pl.len()) % 2 == 0).then(1.0).otherwise(1.01))
    side, last = measure(table, model(), asked_of(asked)), None
    for k in range(8):
        (m,) = measure(shocked(table, pd_probit=0.004 * k), model(), asked_of(asked), beside=side).result.measures
        assert last is None or (m.var >= last.var and m.es >= last.es)
        last = m


def test_a_quantile_beyond_what_the_scenarios_can_tell_has_no_error_and_no_warning() -> None:
    warm = WarmPortfolio(book(3, 30), model(), confidences=(0.9999,), method="plain", max_scenarios=2000)
    (m,) = warm.what_if(put=shocked(book(3, 30), pd_probit=0.5), first_order=False).measures
    assert m.incremental_var.value >= 0.0
    assert m.incremental_var.se == math.inf
    assert m.incremental_es.value >= 0.0
