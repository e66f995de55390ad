"""Losses that are nearly alike come in steps, which a smooth expansion cannot see: its intervals include them, and small books are convolved."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from crfs.credit.factor_model import FactorModel
from crfs.risk import WarmPortfolio, portfolio_risk
from crfs.risk.atoms import atom
from crfs.risk.names import make_names
from crfs.risk.obligors import roll_up
from crfs.risk.result import Method
from crfs.risk.ripples import ripples, too_small

MODEL = FactorModel.one_factor("all")


def book_of(losses: list[float], pd: float, *, r2: float = 0.2) -> pl.DataFrame:
    """A name a loss, LGD one half."""
    names = [f"O{i:05d}" for i in range(len(losses))]
    columns = {"ead": [2.0 * each for each in losses], "lgd": 0.5, "pd_12m": pd, "r2": r2, "group": "all"}
    return pl.DataFrame({"facility_id": names, "obligor_id": names}).with_columns(
        pl.Series(name, value) if isinstance(value, list) else pl.lit(value).alias(name) for name, value in columns.items()
    )


def nearly_alike(names: int) -> list[float]:
    """Losses of one, but for one that is a hundredth more: no step has them all as multiples that matter."""
    return [1.01, *[1.0] * (names - 1)]


@pytest.mark.parametrize(
    ("names", "pd", "confidence", "r2"),
    [(150, 0.01, 0.99, 0.2), (150, 0.01, 0.999, 0.2), (300, 0.01, 0.99, 0.05), (1_000, 0.0005, 0.999, 0.2), (600, 0.005, 0.9, 0.05)],
)
def test_the_interval_of_an_expansion_has_the_value_at_risk_of_losses_that_are_nearly_alike(
    names: int, pd: float, confidence: float, r2: float
) -> None:
    exact = portfolio_risk(
        book_of([1.0] * names, pd, r2=r2), MODEL, confidences=(confidence,), method="exact", contributions=False
    ).measures[0]
    for seed in range(3):
        found = portfolio_risk(
            book_of(nearly_alike(names), pd, r2=r2), MODEL, confidences=(confidence,), method="collapsed", contributions=False, seed=seed
        )
        (told,) = found.measures
        # One name is a hundredth larger: by so much at most the exact loss of the book is.
        assert told.var_low <= exact.var + 0.01
        assert exact.var <= told.var_high
        assert told.es_low <= exact.es + 0.01
        assert exact.es <= told.es_high
        assert any("nearly alike" in note for note in found.notes)


def test_a_small_book_of_losses_that_are_nearly_alike_is_convolved_and_its_value_at_risk_is_that_of_equal_ones() -> None:
    exact = portfolio_risk(book_of([1.0] * 150, 0.01), MODEL, confidences=(0.99,), contributions=False).measures[0]
    each_another = (1.0 + 1e-3 * np.random.default_rng(1).uniform(0.0, 1.0, 150)).tolist()
    found = portfolio_risk(book_of(each_another, 0.01), MODEL, confidences=(0.99,), contributions=False)
    assert found.method is Method.CONVOLUTION
    assert any("steps" in note and "collapsed" in note for note in found.notes)
    assert found.measures[0].var == pytest.approx(exact.var, rel=0.01)
    assert found.measures[0].es == pytest.approx(exact.es, rel=0.005)


def test_a_book_of_like_losses_but_for_a_few_is_exact() -> None:
    even = portfolio_risk(book_of([1.0] * 150, 0.01), MODEL, confidences=(0.99,), contributions=False)
    odd = portfolio_risk(book_of(nearly_alike(150), 0.01), MODEL, confidences=(0.99,), contributions=False)
    assert even.method is odd.method is Method.EXACT
    (a,), (b,) = even.measures, odd.measures
    assert a.var <= b.var <= a.var + 0.01
    assert a.es <= b.es <= a.es + 0.01


def test_a_loan_that_becomes_a_hundredth_larger_moves_the_value_at_risk_of_equal_ones_by_no_more() -> None:
    warm = WarmPortfolio(book_of([1.0] * 500, 0.01), FactorModel.from_content(TWO_FACTORS), confidences=(0.99,), method="collapsed")
    (answer,) = warm.what_if(put=book_of([1.01], 0.01).with_columns(facility_id=pl.lit("O00000"), obligor_id=pl.lit("O00000"))).measures
    assert answer.incremental_var.low <= 0.0
    assert answer.incremental_var.high >= 0.01


TWO_FACTORS = {"factors": ["a", "b"], "correlation": [[1.0, 0.3], [0.3, 1.0]], "groups": {"all": {"a": 1.0, "b": 0.5}}}


def test_ripples_of_losses_that_differ_are_none_and_of_equal_ones_half_of_one() -> None:
    random, p = np.random.default_rng(1), np.full(2_000, 0.01)
    losses = random.lognormal(0.0, 0.5, 2_000)
    assert ripples(p, losses, np.zeros(2_000), 0.005 * 20.0).var < 0.02 * 0.005 * 20.0
    assert ripples(p, np.ones(2_000), np.full(2_000, 0.4), 0.005 * 20.0).var < 0.02 * 0.005 * 20.0  # alike in the mean, but random
    alike = ripples(p, np.ones(2_000), np.zeros(2_000), 0.005 * 20.0)
    assert alike.var == pytest.approx(0.5, rel=0.2)
    assert alike.excess == pytest.approx(1.0 / 12.0, rel=0.2)


def test_names_that_are_taken_exactly_make_no_ripples() -> None:
    p, losses = np.full(400, 0.02), np.concatenate([np.full(200, 5.0), np.geomspace(0.01, 0.2, 200)])
    every = ripples(p, losses, np.zeros(400), 0.1)
    assert every.var > 0.5
    assert ripples(p, losses, np.zeros(400), 0.1, expanded=losses < 1.0).var < 0.05 * every.var


def test_ripples_scale_with_the_losses() -> None:
    p, losses = np.full(150, 0.03), 1.0 + 0.05 * np.sin(np.arange(150.0))
    one, thousand = ripples(p, losses, np.zeros(150), 0.03), ripples(p, 1_000.0 * losses, np.zeros(150), 30.0)
    assert thousand.var == pytest.approx(1_000.0 * one.var, rel=1e-6)
    assert thousand.excess == pytest.approx(1e6 * one.excess, rel=1e-6)


def test_names_too_small_to_ripple_only_smooth() -> None:
    random = np.random.default_rng(2)
    losses = np.concatenate([np.ones(60), random.uniform(0.0, 0.004, 4_000)])
    p = np.full(len(losses), 0.05)
    tolerance = 0.1
    small = too_small(losses, tolerance)
    assert small.sum() == 4_000
    whole = ripples(p, losses, np.zeros(len(losses)), tolerance)
    rest = float(p[small] @ losses[small]), float((p * (1.0 - p))[small] @ losses[small] ** 2)
    parted = ripples(p[~small], losses[~small], np.zeros(60), tolerance, rest=rest)
    assert whole.var > tolerance
    assert parted.var == pytest.approx(whole.var, rel=0.02)
    assert parted.excess == pytest.approx(whole.excess, rel=0.02)


@pytest.mark.parametrize("smallest", [2, 3, 6, 7, 9, 11])
def test_the_step_of_whole_losses_is_found_whatever_the_smallest_is_and_is_in_what_a_loan_adds(smallest: int) -> None:
    """A smallest loss of 3 hid it: hundredths of three are no part of four. And what is small beside a book is not beside a loan."""
    random = np.random.default_rng(smallest)
    losses = random.integers(smallest, 21, 600).astype(float)
    losses[:2] = smallest, smallest + 1
    table = book_of((25_000.0 * losses).tolist(), 0.01)
    model = FactorModel.from_content({**TWO_FACTORS, "groups": {"all": {"a": 1.0}, "other": {"b": 1.0}}})
    table = table.with_columns(group=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("all")).otherwise(pl.lit("other")))
    names = make_names(roll_up(table, model), model)
    assert names.unit * atom(names, 0.0) == pytest.approx(25_000.0)
    warm = WarmPortfolio(table, model, confidences=(0.99,))
    assert warm.result.method == "collapsed"
    loan = book_of([12 * 25_000.0], 0.04).with_columns(facility_id=pl.lit("N"), obligor_id=pl.lit("N"))
    (told,) = warm.what_if(put=loan, first_order=False).measures
    # The value at risk is a whole number of steps before and after.
    assert told.incremental_var.high - told.incremental_var.low >= 2 * 25_000.0 * (1.0 - 1e-9)
