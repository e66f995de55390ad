"""Losses of any amounts on a fine lattice: their means are kept, and the measures of all rounded down and up enclose the true ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import WarmPortfolio, portfolio_risk
from crfs.risk.few_names import few_names
from crfs.risk.fine_lattice import FineLattice
from crfs.risk.lattice import Sums
from crfs.risk.names import Names, make_names
from crfs.risk.obligors import roll_up
from tests.thorough import cases

CORRELATION = ((1.0, 0.5), (0.5, 1.0))


def model(nu: float = math.inf) -> FactorModel:
    groups = {"banks": {"us": 1.0, "eu": 0.4}, "retail": {"eu": 1.0}}
    return FactorModel(factors=("us", "eu"), correlation=CORRELATION, groups=groups, copula=Copula(nu=nu))


def book(count: int, seed: int, *, lgd_sd: float = 0.0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    ids = [f"O{i:03}" for i in range(count)]
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": random.lognormal(10.0, 1.2, count),
            "lgd": np.full(count, 0.45),
            "lgd_sd": np.full(count, lgd_sd),
            "pd_12m": np.exp(random.uniform(math.log(0.003), math.log(0.08), count)),
            "r2": random.uniform(0.05, 0.35, count),
            "group": [("banks", "retail")[i % 2] for i in range(count)],
        }
    )


def names_of(table: pl.DataFrame) -> Names:
    return make_names(roll_up(table, model()), model())


def mean_excess(probability: np.ndarray[Any, Any], values: np.ndarray[Any, Any], x: float) -> float:
    return float(probability @ np.maximum(values - x, 0.0))


@cases(25)
@given(count=st.integers(1, 9), seed=st.integers(0, 2**32 - 1), size=st.sampled_from([64, 512, 4096]))
def test_the_rounded_losses_enclose_the_true_one_and_the_spread_one_has_its_mean(count: int, seed: int, size: int) -> None:
    names = names_of(book(count, seed))
    lattice, sums = FineLattice.of(names, size), Sums.of(names.loss[0])
    random = np.random.default_rng(seed)
    p = np.where(random.random((count, 3)) < 0.1, 1.0, random.uniform(0.0, 0.6, (count, 3)))
    true = sums.distribution(p)
    spread, down, up = (lattice.summed(p, np.ones(3), 3, which=which) for which in ("mean", "down", "up"))
    for some in (spread, down, up):
        assert some.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-12)
    assert spread @ lattice.values == pytest.approx(true @ sums.values, rel=1e-10)
    for x in random.uniform(0.0, names.greatest, 5):
        for k in range(3):
            beyond = [float(some[k] @ (values > x)) for some, values in ((down, lattice.values), (true, sums.values), (up, lattice.values))]
            assert beyond == sorted(beyond) or np.diff(beyond).min() > -1e-12
            # What keeps the mean of each loss and spreads it is larger in convex order.
            assert mean_excess(spread[k], lattice.values, x) >= mean_excess(true[k], sums.values, x) - 1e-12 * names.greatest


@cases(25)
@given(
    mean=st.floats(0.05, 0.95),
    part=st.floats(0.05, 0.9),
    certain=st.floats(0.0, 2.0),
    size=st.sampled_from([128, 1024, 8192]),
)
def test_a_random_loss_is_its_beta_distribution_between_the_points(mean: float, part: float, certain: float, size: int) -> None:
    """With one name in default the distribution is that of its loss: the points' masses are differences of the Beta's, and the mean is its mean."""
    sd = part * math.sqrt(mean * (1.0 - mean))
    one = names_of(book(1, 1, lgd_sd=0.2))
    exposure = float(one.random[0])
    names = replace(
        one,
        certain=np.array([certain]),
        loss=np.array([[certain + mean * exposure], [(sd * exposure) ** 2], [0.0], [0.0]]),
    )
    lattice = FineLattice.of(names, size)
    total = mean * (1.0 - mean) / sd**2 - 1.0
    law = beta(mean * total, (1.0 - mean) * total, loc=certain, scale=exposure)
    sure = np.ones((1, 1))
    spread, down, up = (lattice.summed(sure, np.ones(1), 1, which=which)[0] for which in ("mean", "down", "up"))
    below = law.cdf(lattice.values)
    assert np.cumsum(up) == pytest.approx(below, abs=1e-10)
    assert np.cumsum(down)[:-1] == pytest.approx(below[1:], abs=1e-10)
    assert spread @ lattice.values == pytest.approx(certain + mean * exposure, rel=1e-10)
    second = float(spread @ np.square(lattice.values - certain - mean * exposure))
    assert 0.0 <= second - (sd * exposure) ** 2 + 1e-9 <= 0.25 * lattice.step**2 + 2e-9


def test_what_names_have_to_do_with_a_loss_sums_to_it() -> None:
    names = names_of(book(7, 3, lgd_sd=0.2))
    lattice = FineLattice.of(names, 1024)
    random = np.random.default_rng(4)
    p, payoffs = random.uniform(0.0, 1.0, (7, 5)), random.uniform(0.0, 1.0, (2, 1024))
    parts = lattice.parts(p, np.ones(5), 5, payoffs)
    whole = lattice.summed(p, np.ones(5), 5) * lattice.values @ payoffs.T
    assert pytest.approx(whole, rel=1e-11) == parts.sum(axis=1).T
    # Of one name alone in default it is all of it.
    alone = lattice.parts(np.eye(7)[:, :1], np.ones(1), 1, payoffs)
    assert alone[:, 1:] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("nu", [math.inf, 4.0])
def test_on_a_fine_lattice_a_dozen_names_have_the_measures_that_every_sum_gives(nu: float) -> None:
    table = book(11, 5)
    names = make_names(roll_up(table, model(nu)), model(nu))
    # So few that those that tell how many are needed are those that answer.
    options: dict[str, Any] = {"confidences": (0.9, 0.99, 0.999), "rel_tol": 0.01, "seed": 3, "most_points": 3_000}
    exact, fine = few_names(names, **options), few_names(names, **options, fine=True)
    assert exact is not None
    assert fine is not None
    assert exact.points.key == fine.points.key
    down, up = fine.bounds
    for confidence in (0.9, 0.99, 0.999):
        for low, true, high in zip(*(each.measure(confidence)[:2] for each in (down, exact, up)), strict=True):
            assert low <= true * (1.0 + 1e-12)
            assert true <= high * (1.0 + 1e-12)
            assert high - low <= 0.01 * true
    (theirs,), (mine,) = exact.contributions([0.999]), fine.contributions([0.999])
    assert mine[0].mean(axis=1) == pytest.approx(theirs[0].mean(axis=1), rel=0.02, abs=1e-3 * float(names.greatest))


@pytest.mark.parametrize(("count", "lgd_sd", "nu"), [(20, 0.0, math.inf), (14, 0.2, 5.0)])
def test_a_small_book_of_odd_losses_agrees_with_the_simulation_of_every_name(count: int, lgd_sd: float, nu: float) -> None:
    table = book(count, count, lgd_sd=lgd_sd)
    told = portfolio_risk(table, model(nu), confidences=(0.95, 0.99), method="few_names")
    assert told.converged
    drawn = portfolio_risk(table, model(nu), confidences=(0.95, 0.99), method="plain", max_scenarios=400_000, rel_tol=1e-9)
    for mine, other in zip(told.measures, drawn.measures, strict=True):
        assert mine.var_low <= other.var_high
        assert other.var_low <= mine.var_high
        assert abs(mine.es - other.es) <= 4.0 * math.hypot(mine.es_se, other.es_se) + 0.5 * (mine.es_high - mine.es_low)
        assert mine.var_high - mine.var_low < other.var_high - other.var_low
    parts = [part for part in told.contributions if part.by == "group"]
    for c, measure in enumerate(told.measures):
        assert sum(part.es[c] for part in parts) == pytest.approx(measure.es, rel=1e-9)
        assert sum(part.var[c] for part in parts) == pytest.approx(measure.var, rel=1e-9)
    for point in told.loss_curve:
        assert point.loss_low <= point.loss <= point.loss_high


def test_auto_takes_what_no_expansion_describes_on_a_fine_lattice_with_the_same_bits_on_any_threads() -> None:
    table = book(9, 20, lgd_sd=0.25)
    one, two, eight = (portfolio_risk(table, model(), threads=threads) for threads in (1, 2, 8))
    assert (one.method, one.converged) == ("few_names", True)
    assert one.to_dict() == two.to_dict() == eight.to_dict()
    assert any("rounded down and rounded up" in note for note in one.notes)


def test_a_book_for_which_no_lattice_is_payable_is_tried_on_one_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def counted(names: Names, **options: Any) -> None:
        asked.append(options["fine"])

    monkeypatch.setattr("crfs.risk.choosing.few_names", counted)
    told = portfolio_risk(book(20, 20, lgd_sd=0.25), model(), contributions=False, max_scenarios=20_000)
    assert told.method in {"collapsed", "convolution", "importance_sampling"}
    assert asked == [False, True]


def test_no_measure_is_beyond_all_that_can_be_lost() -> None:
    table = book(14, 2).with_columns(pd_12m=pl.lit(0.6), r2=pl.lit(0.5))
    told = portfolio_risk(table, model(), confidences=(0.99, 0.9999), method="few_names", contributions=False)
    greatest = 0.45 * float(table["ead"].sum())
    for measure in told.measures:
        assert measure.var <= measure.var_high <= greatest * (1.0 + 1e-12)
        assert measure.es <= measure.es_high <= greatest * (1.0 + 1e-12)
    assert all(point.loss_high <= greatest * (1.0 + 1e-12) for point in told.loss_curve)


@pytest.mark.parametrize("odd", [True, False])
def test_a_loan_more_is_measured_at_the_books_own_states_and_never_lowers_the_loss(odd: bool) -> None:
    """``odd``: whether the book's losses are; the loan's loss is, so that both are put on one fine lattice."""
    table = book(16, 8)
    table = table if odd else table.with_columns(ead=(pl.col("ead") / 4_000.0).ceil() * 4_000.0)
    warm = WarmPortfolio(table, model(), confidences=(0.99, 0.999), contributions=False, rel_tol=0.02, method="few_names")
    assert warm.result.method == "few_names"
    row = table[:1].with_columns(facility_id=pl.lit("new"), obligor_id=pl.lit("new"), ead=pl.lit(12_345.678))
    told = warm.what_if(put=row)
    assert told.method == "few_names"
    alone = portfolio_risk(pl.concat([table, row]), model(), confidences=(0.99, 0.999), contributions=False, method="few_names")
    for mine, other in zip(told.measures, alone.measures, strict=True):
        assert mine.incremental_es.value > 0.0
        assert mine.incremental_var.value >= 0.0
        assert mine.incremental_es.se <= mine.es_se
        assert mine.es == pytest.approx(other.es, rel=0.04)


def test_several_random_facilities_of_an_obligor_are_one_and_the_notes_say_so() -> None:
    table = book(6, 3, lgd_sd=0.2).with_columns(
        obligor_id=pl.Series(["A", "A", "B", "C", "D", "E"]), pd_12m=pl.lit(0.03), r2=pl.lit(0.2), group=pl.lit("retail")
    )
    told = portfolio_risk(table, model(), confidences=(0.99,), method="few_names")
    assert any("taken as one of the same mean and variance" in note for note in told.notes)
    drawn = portfolio_risk(table, model(), confidences=(0.99,), method="plain", max_scenarios=200_000, rel_tol=1e-9)
    (mine,), (other,) = told.measures, drawn.measures
    assert abs(mine.es - other.es) <= 4.0 * other.es_se + 0.01 * other.es
    assert not any("same mean and variance" in note for note in portfolio_risk(book(6, 3, lgd_sd=0.2), model(), method="few_names").notes)


def test_more_names_than_it_is_for_are_refused() -> None:
    with pytest.raises(InvalidInput, match="128 names at most"):
        portfolio_risk(book(129, 1), model(), method="few_names")
