"""Books of a few names: every sum there is, without a bias, and intervals that know of atoms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import WarmPortfolio, portfolio_risk
from crfs.risk.few_names import few_names
from crfs.risk.lattice import Sums, common_step, lattice_of, lower_quantile, make_lattice
from crfs.risk.names import make_names
from crfs.risk.obligors import roll_up
from crfs.risk.scrambles import student

GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "energy": {"us": 0.3, "oil": 1.0}, "retail": {"eu": 1.0}}


def three(nu: float = math.inf) -> FactorModel:
    correlation = ((1.0, 0.6, -0.2), (0.6, 1.0, 0.1), (-0.2, 0.1, 1.0))
    return FactorModel(factors=("us", "eu", "oil"), correlation=correlation, groups=GROUPS, copula=Copula(nu=nu))


def book(names: int, seed: int, *, lgd_sd: float = 0.0, whole: bool = False) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    ids = [f"O{i}" for i in range(names)]
    ead = random.lognormal(3.0, 0.8, names)
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": np.ceil(ead / 4.0) if whole else ead,
            "lgd": np.full(names, 0.5) if lgd_sd else np.ones(names),
            "lgd_sd": np.full(names, lgd_sd),
            "pd_12m": np.exp(random.uniform(math.log(0.005), math.log(0.1), names)),
            "r2": random.uniform(0.05, 0.4, names),
            "group": [list(GROUPS)[k % 3] for k in range(names)],
        }
    )


def test_all_sums_say_what_the_lattice_says() -> None:
    random = np.random.default_rng(1)
    losses = random.integers(1, 9, 7).astype(float)
    lattice, sums = make_lattice(losses, 1.0), Sums.of(losses)
    p = random.uniform(0.0, 1.0, (7, 3))
    on_lattice = np.zeros((3, lattice.size))
    np.add.at(on_lattice.T, sums.values.astype(int), sums.distribution(p).T)
    assert on_lattice == pytest.approx(lattice.distribution(p), abs=1e-14)
    weight = random.uniform(0.0, 1.0, 3)
    lost = np.zeros((7, lattice.size))
    np.add.at(lost.T, sums.values.astype(int), sums.lost(p, weight).T)
    assert lost == pytest.approx(lattice.lost(p, weight), rel=1e-12)
    assert lost.sum(axis=0) == pytest.approx(weight @ lattice.distribution(p) * lattice.values, rel=1e-12)


@given(st.lists(st.tuples(st.sampled_from([1.0, math.pi, 4.0, 4.04, 0.1, 0.2, 0.3]), st.floats(0.0, 1.0)), min_size=1, max_size=8))
def test_like_losses_are_counted_together_and_sums_that_differ_in_their_last_digits_are_one(names: list[tuple[float, float]]) -> None:
    losses, p = np.array([loss for loss, _ in names]), np.array([p for _, p in names])
    agrees_with_counting(Sums.of(losses), losses, p)


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0.0, 1.0)), min_size=1, max_size=7), st.floats(0.01, 20.0), st.floats(0.0, 1.0))
def test_one_name_beside_a_lattice_has_places_of_its_own(names: list[tuple[int, float]], stranger: float, chance: float) -> None:
    at = len(names) // 2
    losses = np.insert(np.array([0.5 * loss for loss, _ in names]), at, stranger)
    p = np.insert(np.array([p for _, p in names]), at, chance)
    steps = np.insert(np.full(len(names), 0.5), at, stranger)
    agrees_with_counting(Sums.of(losses, steps), losses, p)


def test_a_lattice_with_a_stranger_is_found_wherever_he_stands() -> None:
    whole = np.random.default_rng(1).integers(1, 60, 30).astype(float)
    for at in (0, 1, 17, 30):
        found = lattice_of(np.insert(whole, at, 31.0137))
        assert isinstance(found, Sums)
        assert found.numbers.size == 2 * (int(whole.sum()) + 1)
    assert lattice_of(np.append(whole, [31.0137, 28.0411])) is None


def agrees_with_counting(sums: Sums, losses: npt.NDArray[np.float64], p: npt.NDArray[np.float64]) -> None:
    names = len(losses)
    assert (np.diff(sums.values) > 1e-12).all()
    sets = (np.arange(2**names)[:, None] >> np.arange(names)) & 1
    chance = np.where(sets, p, 1.0 - p).prod(axis=1)
    place = np.abs((sets @ losses)[:, None] - sums.values).argmin(axis=1)
    assert sums.values[place] == pytest.approx(sets @ losses, rel=1e-12)
    assert sums.distribution(p[:, None])[0] == pytest.approx(np.bincount(place, weights=chance, minlength=sums.size), abs=1e-14)
    lost = [np.bincount(place, weights=chance * sets[:, i] * losses[i], minlength=sums.size) for i in range(names)]
    assert sums.lost(p[:, None], np.ones(1)) == pytest.approx(np.array(lost), abs=1e-13)


@pytest.mark.parametrize("names", [1, 2, 9])
def test_a_dozen_names_of_any_amounts_have_the_value_at_risk_that_counting_finds(names: int) -> None:
    table = book(names, 5)
    amounts = table["ead"].to_numpy()
    told = portfolio_risk(table, three(), confidences=(0.9, 0.99, 0.999), method="few_names", contributions=True, rel_tol=1e-3)
    drawn = portfolio_risk(table, three(), confidences=(0.9, 0.99, 0.999), method="plain", max_scenarios=400_000, rel_tol=1e-9)
    sums = Sums.of(amounts).values
    for mine, other in zip(told.measures, drawn.measures, strict=True):
        assert np.isclose(sums, mine.var, rtol=1e-12).any()
        assert mine.var_low <= mine.var <= mine.var_high
        assert other.var_low * (1 - 1e-12) <= mine.var <= other.var_high * (1 + 1e-12)
        assert abs(mine.es - other.es) <= 4.0 * math.hypot(mine.es_se, other.es_se)


def test_the_mean_at_the_points_is_their_weighted_mean_and_is_not_divided_by_the_sum_of_the_weights() -> None:
    """Division brings the noise of good states into the tail: up to one percent too much under a t copula at few points, with eight scrambles agreeing."""
    names = make_names(roll_up(book(16, 2, whole=True), three(3.0)), three(3.0))
    found = few_names(names, confidences=(0.99, 0.999), rel_tol=0.5, seed=1, most_points=10**6)
    assert found is not None
    points = found.points
    loss = names.loss[0] @ found.book.conditional_pd(np.arange(len(names)), points.epsilon, points.mixing)
    weighted = (points.weight * loss).reshape(points.scrambles, -1).sum(axis=1)
    assert found.probability @ found.lattice.values == pytest.approx(weighted, rel=1e-9)
    assert found.probability.sum(axis=1) == pytest.approx(np.ones(points.scrambles), abs=1e-12)
    assert np.abs(points.weight.reshape(points.scrambles, -1).sum(axis=1) - 1.0).max() > 1e-3


def test_one_loan_of_a_random_loss_has_its_quantiles_within_the_stated_intervals() -> None:
    """VaR = EAD x the Beta quantile at 1 - (1 - confidence) / PD, which a blurred series of few values misses."""
    from scipy.stats import beta

    mean, sd, pd, ead = 0.317, 0.149, 0.08688, 134_949.29
    table = book(1, 1).with_columns(ead=pl.lit(ead), lgd=pl.lit(mean), lgd_sd=pl.lit(sd), pd_12m=pl.lit(pd), r2=pl.lit(0.349))
    total = mean * (1.0 - mean) / sd**2 - 1.0
    law = beta(mean * total, (1.0 - mean) * total)
    within = 0
    for seed in range(10):
        told = portfolio_risk(table, three(), confidences=(0.99, 0.999), contributions=False, seed=seed)
        for measure in told.measures:
            within += measure.var_low <= ead * float(law.ppf(1.0 - (1.0 - measure.confidence) / pd)) <= measure.var_high
    assert within >= 18  # of 20, of which 95 % are 19


def test_the_points_that_tell_how_many_are_needed_are_not_those_that_answer() -> None:
    """To stop when all scrambles find one sum is to stop when they err alike: 91 % of such intervals held the truth (``benchmarks.coverage``)."""
    model, confidence = three(), 0.99
    names = make_names(roll_up(book(10, 10, whole=True), model), model)
    seeds = range(12)

    def answered(seed: int, most_points: int) -> tuple[bytes, int]:
        found = few_names(names, confidences=(confidence,), rel_tol=0.02, seed=seed, most_points=most_points)
        assert found is not None
        return found.points.key, len(found.points)

    for seed in seeds:
        deciding, first = answered(seed, 1_000)
        answering, count = answered(seed, 10**6)
        assert first == 896, "no more were payable"
        assert answering != deciding
        assert count >= first
    found = few_names(names, confidences=(confidence,), rel_tol=0.02, seed=1, most_points=10**6)
    assert found is not None
    assert len({answered(seed, 10**6)[0] for seed in seeds}) == len(seeds)
    p, at = found.probability.mean(axis=0), found.measure(confidence)[0]
    beyond = float(p[found.lattice.values > at].sum())
    edge = replace(found, probability=np.tile(p, (8, 1)) * np.linspace(0.9, 1.1, 8)[:, None])
    assert edge.on_an_edge(1.0 - beyond)
    assert not found.on_an_edge(1.0 - beyond - 0.5 * float(p[found.lattice.values == at].sum()))


def test_parts_of_a_value_at_risk_on_an_edge_have_the_error_of_the_sum_beside_it() -> None:
    model = three()
    names = make_names(roll_up(book(10, 10, whole=True), model), model)
    found = few_names(names, confidences=(0.99,), rel_tol=0.02, seed=1, most_points=10**6)
    assert found is not None
    p, values = found.probability.mean(axis=0), found.lattice.values
    at = found.measure(0.99)[0]
    beyond = float(p[values > at].sum())
    on_edge, off_edge = 1.0 - beyond * (1.0 + 1e-9), 1.0 - beyond - 0.5 * float(p[values == at].sum())
    assert found.beside(off_edge) == np.flatnonzero(values == at)[0]
    other = found.beside(on_edge)
    assert values[other] != found.measure(on_edge)[0]
    (_, line), (_, sure) = found.contributions([on_edge, off_edge])
    assert line.mean(axis=1).sum() == pytest.approx(found.measure(on_edge)[0])
    inside = replace(found, probability=np.tile(p, (8, 1)))
    beside = inside.contributions([1.0 - float(p[other + 1 :].sum()) - 0.5 * float(p[other])])[0][1].mean(axis=1)
    half = 2.365 * line.std(axis=1, ddof=1) / math.sqrt(8.0)
    assert (np.abs(beside - line.mean(axis=1)) <= half + 1e-9).all()
    assert (half > 2.365 * sure.std(axis=1, ddof=1) / math.sqrt(8.0)).any()


def test_parts_of_a_value_at_risk_are_those_of_any_sum_that_may_be_it() -> None:
    """Of a dozen names of any amounts the sums lie so close that several are within the interval of the value at risk."""
    model = three()
    names = make_names(roll_up(book(12, 12), model), model)
    found = few_names(names, confidences=(0.995,), rel_tol=0.02, seed=1, most_points=10**6)
    assert found is not None
    p, values = found.probability.mean(axis=0), found.lattice.values
    low, high = (float(each[0]) for each in found.quantile_intervals(np.array([0.005]), student(8)))
    may_be = np.flatnonzero((p > 0.0) & (values >= low) & (values <= high))
    assert len(may_be) >= 3
    line = found.contributions([0.995])[0][1]
    half = student(8) * line.std(axis=1, ddof=1) / math.sqrt(8.0)
    inside = replace(found, probability=np.tile(p, (8, 1)))
    for place in may_be:
        middle = 1.0 - float(p[place + 1 :].sum()) - 0.5 * float(p[place])
        parts = inside.contributions([middle])[0][1].mean(axis=1)
        assert parts.sum() == pytest.approx(values[place])
        assert (np.abs(parts - line.mean(axis=1)) <= half + 1e-9).all()


def test_a_loss_next_to_the_smallest_double_has_no_step_in_common_with_others() -> None:
    assert common_step(np.array([1e-320, 300.0, 500.0]), 1_000) is None


def test_small_names_beside_a_giant_are_not_lost_in_the_rounding_of_his_loss() -> None:
    names = [f"O{i}" for i in range(4)]
    for giant in (1e5, 1e9, 1e18):
        ead = [giant, 50.0, 30.0, 20.0]
        book = pl.DataFrame({"facility_id": names, "obligor_id": names, "ead": ead, "pd_12m": [0.001, 0.05, 0.05, 0.05]}).with_columns(
            lgd=pl.lit(1.0), r2=pl.lit(0.2), group=pl.lit("all")
        )
        (found,) = portfolio_risk(book, FactorModel.one_factor("all"), confidences=(0.97,)).measures
        assert found.var_low <= 50.0 <= found.var_high
        assert found.var_high < 101.0


def test_a_probability_that_is_lost_in_the_rounding_of_transforms_is_not_told_from_them() -> None:
    """ES was 213 for 171 at 1e-12, and beyond its own interval."""
    names = [f"O{i:02d}" for i in range(30)]
    table = pl.DataFrame({"facility_id": names, "obligor_id": names, "ead": [100.0] * 15 + [141.4] * 15}).with_columns(
        lgd=pl.lit(0.4), pd_12m=pl.lit(1e-5), r2=pl.lit(0.05), group=pl.lit("all")
    )
    random = table.with_columns(lgd_sd=pl.lit(1e-5))
    model = FactorModel.one_factor("all")
    for tail in (1e-6, 1e-9, 1e-11, 1e-12):
        (true,) = portfolio_risk(table, model, confidences=(1.0 - tail,), contributions=False).measures
        assert true.exact
        answer = portfolio_risk(random, model, confidences=(1.0 - tail,), contributions=False, max_scenarios=20_000)
        (told,) = answer.measures
        assert told.es_low <= told.es <= told.es_high
        assert told.es_low * (1.0 - 1e-4) <= true.es <= told.es_high * (1.0 + 1e-4)
        assert told.var_low * (1.0 - 1e-4) <= true.var <= told.var_high * (1.0 + 1e-4)
    with pytest.raises(InvalidInput, match="nearer to 1 than some 1e-9"):
        portfolio_risk(random, model, confidences=(1.0 - 1e-11,), method="few_names")


def test_to_want_more_is_to_be_told_no_less() -> None:
    """Where no lattice is fine enough for what is wanted the finest one answers, and not a simulation, whose errors were ten times as large."""
    random = np.random.default_rng(11)
    table = book(20, 11).with_columns(
        ead=pl.Series(100.0 * random.lognormal(0.0, 1.0, 20)), lgd=pl.lit(0.5), lgd_sd=pl.lit(0.2), r2=pl.lit(0.2)
    )
    wide = []
    for rel_tol in (0.005, 0.0002):
        answer = portfolio_risk(table, three(), confidences=(0.99, 0.999), contributions=False, rel_tol=rel_tol)
        assert answer.method == "few_names"
        wide.append([m.es_high - m.es_low for m in answer.measures])
        assert answer.converged or any("not yet within rel_tol" in note or "finest lattice" in note for note in answer.notes)
    assert all(strict <= 1.5 * loose for strict, loose in zip(wide[-1], wide[0], strict=True))


def test_the_interval_of_what_a_change_does_holds_where_two_odd_amounts_put_whole_ones_on_a_fine_lattice() -> None:
    """Their sums are few, and a lattice of another step has them in the midst of one another: 28 of these 36 intervals held before that was in them."""
    units = np.array([4, 11, 18, 19, 23, 24.4, 27, 30, 31, 32, 47, 48, 49, 49, 50, 53.6, 54, 55, 58, 58, 65, 65, 77, 154, 202])
    pd = np.geomspace(0.3, 0.02, 25)
    confidences = (0.9, 0.95, 0.99, 0.999)
    ids = [f"O{i:02d}" for i in range(25)]
    table = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": units, "pd_12m": pd}).with_columns(
        lgd=pl.lit(1.0), r2=pl.lit(0.2), group=pl.lit("all")
    )
    nodes, weight = np.polynomial.legendre.leggauss(120)
    y, weight = 8.0 * nodes, 8.0 * weight * norm.pdf(8.0 * nodes)
    p = norm.cdf((norm.ppf(pd)[:, None] - math.sqrt(0.2) * y) / math.sqrt(0.8))

    def values_at_risk(losses: npt.NDArray[np.float64]) -> list[float]:
        probability = weight @ make_lattice(losses, 0.1).distribution(p)
        return [0.1 * lower_quantile(probability, confidence) for confidence in confidences]

    warm, before, held = WarmPortfolio(table, FactorModel.one_factor("all"), confidences=confidences), values_at_risk(units), 0
    assert warm.result.method == "few_names"
    for name in (7, 20, 24):
        for more in (1.05, 1.2, 1.37):
            changed = units.copy()
            changed[name] = round(units[name] * more, 1)
            told = warm.what_if(put=table.with_columns(ead=pl.Series(changed)).slice(name, 1), first_order=False)
            for measure, after, was in zip(told.measures, values_at_risk(changed), before, strict=True):
                held += measure.incremental_var.low - 1e-9 <= after - was <= measure.incremental_var.high + 1e-9
    assert held >= 34
