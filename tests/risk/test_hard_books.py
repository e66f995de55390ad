"""Books of one factor and whole losses, whose distribution is known exactly, at which smooth or finite methods may err: their intervals know it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import exact, portfolio_risk
from crfs.risk.names import Names
from crfs.risk.result import Method, RiskResult
from crfs.risk.warm import WarmPortfolio

MODEL = FactorModel(factors=("economy",), correlation=((1.0,),), groups={"all": {"economy": 1.0}})


def book(loss: np.ndarray, pd: np.ndarray, r2: np.ndarray | float) -> pl.DataFrame:
    count = len(loss)
    ids = [f"O{i:03}" for i in range(count)]
    table = {"facility_id": ids, "obligor_id": ids, "ead": loss, "lgd": np.ones(count), "pd_12m": pd, "r2": np.broadcast_to(r2, count)}
    return pl.DataFrame({**table, "group": ["all"] * count})


def standing_out() -> pl.DataFrame:
    """One name owes far more than all others and defaults often alone: few of the others default in the states where it makes the tail."""
    random = np.random.default_rng(77)
    loss = np.ceil(random.lognormal(1.5, 0.7, 130))
    loss[0] = 64.0
    pd = 10.0 ** random.uniform(-3.0, -1.0, 130)
    pd[0] = 0.054
    return book(loss, pd, random.uniform(0.1, 0.7, 130))


def two_amounts() -> pl.DataFrame:
    """Many small names and a few large ones, of probabilities far apart."""
    random = np.random.default_rng(3)
    pd = 10.0 ** random.uniform(-4.0, math.log10(0.5), 120)
    return book(np.concatenate([np.ones(110), np.full(10, 20.0)]), pd, 0.2)


def alike() -> pl.DataFrame:
    random = np.random.default_rng(5)
    return book(np.ones(200), 10.0 ** random.uniform(-3.0, -1.2, 200), 0.3)


BOOKS = {"standing out": standing_out, "two amounts": two_amounts, "alike": alike}
LOAN = pl.DataFrame(
    {"facility_id": ["NEW"], "obligor_id": ["NEW"], "ead": [3.0], "lgd": [1.0], "pd_12m": [0.02], "r2": [0.3], "group": ["all"]}
)


def measured(table: pl.DataFrame, method: str, *confidences: float, seed: int = 1, contributions: bool = False) -> RiskResult:
    return portfolio_risk(table, MODEL, method=method, confidences=confidences, seed=seed, contributions=contributions)


@pytest.mark.parametrize("name", list(BOOKS))
@pytest.mark.parametrize("seed", [1, 2])
def test_an_expansion_s_intervals_hold_the_exact_measures_even_where_few_names_default(name: str, seed: int) -> None:
    table = BOOKS[name]()
    exactly, found = (measured(table, method, 0.9, 0.99, 0.999, seed=seed) for method in ("exact", "collapsed"))
    for truth, m in zip(exactly.measures, found.measures, strict=True):
        assert m.var_low <= truth.var <= m.var_high
        assert m.es_low - m.es_se <= truth.es <= m.es_high + m.es_se


def test_auto_does_not_trust_an_expansion_of_few_defaults() -> None:
    table = standing_out()
    # A second direction, so that the book is not one of those that are measured exactly.
    model = FactorModel(
        factors=("economy", "other"), correlation=((1.0, 0.5), (0.5, 1.0)), groups={"all": {"economy": 1.0}, "rest": {"other": 1.0}}
    )
    place = pl.int_range(pl.len())
    table = table.with_columns(
        group=pl.when(place % 2 == 1).then(pl.lit("rest")).otherwise(pl.lit("all")),
        pd_12m=pl.col("pd_12m") * pl.when(place > 0).then(0.5).otherwise(1.0),
    )
    result = portfolio_risk(table, model, confidences=(0.9,), contributions=False)
    assert result.method is Method.CONVOLUTION
    assert any("where few of its names default is not small" in note for note in result.notes)
    farther = portfolio_risk(table, model, confidences=(0.999,), contributions=False)
    assert not any("where few of its names default" in note for note in farther.notes)


@pytest.mark.parametrize("name", ["two amounts", "alike"])
def test_parts_of_an_expansion_have_what_the_whole_may_be_off_by(name: str) -> None:
    """Of losses that are multiples of one amount the smooth value at risk is none, and so are its parts."""
    table = BOOKS[name]()
    exactly, found = (measured(table, method, 0.99, 0.999, contributions=True) for method in ("exact", "collapsed"))
    truths = {part.name: part for part in exactly.contributions if part.by == "obligor"}
    held = [
        abs(mine - truth) <= found.reach * se
        for part in found.contributions
        if part.by == "obligor"
        for values, errors, others in (
            (part.es, part.es_se, truths[part.name].es),
            (part.var, part.var_se, truths[part.name].var),
        )
        for mine, se, truth in zip(values, errors, others, strict=True)
    ]
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize("name", list(BOOKS))
def test_what_a_loan_adds_to_losses_on_a_lattice_lies_within_its_interval(name: str) -> None:
    table = BOOKS[name]()
    confidences = (0.99, 0.999)
    exactly = [measured(each, "exact", *confidences) for each in (table, pl.concat([table, LOAN], how="vertical_relaxed"))]
    answer = WarmPortfolio(table, MODEL, method="collapsed", confidences=confidences, seed=1).what_if(put=LOAN)
    for before, after, told in zip(exactly[0].measures, exactly[1].measures, answer.measures, strict=True):
        assert told.incremental_var.low <= after.var - before.var <= told.incremental_var.high
        assert told.incremental_es.low <= after.es - before.es <= told.incremental_es.high
        assert told.var_low <= after.var <= told.var_high
        assert told.es_low - told.es_se <= after.es <= told.es_high + told.es_se


@pytest.mark.parametrize("name", list(BOOKS))
def test_convolution_and_auto_are_right_in_far_tails(name: str) -> None:
    table = BOOKS[name]()
    confidences = (1.0 - 1e-5, 1.0 - 1e-7)
    exactly = measured(table, "exact", *confidences)
    found = measured(table, "convolution", *confidences)
    for truth, m in zip(exactly.measures, found.measures, strict=True):
        assert m.var_low <= truth.var <= m.var_high
        assert abs(m.es - truth.es) <= 4.0 * m.es_se + 1e-9 * truth.es


def test_no_convolution_loses_more_than_there_is_and_one_whose_tail_is_lost_in_rounding_is_refused() -> None:
    table = book(np.array([50.0, 100.0, 150.0, 25.0]), np.array([0.01, 0.02, 0.03, 0.2]), 0.2)
    for level in (1e-6, 1e-8, 1e-9):
        result = measured(table, "convolution", 1.0 - level, contributions=True)
        assert result.measures[0].var == 325.0
        assert result.measures[0].es == pytest.approx(325.0, rel=1e-12)
        assert sum(part.es[0] for part in result.contributions if part.by == "obligor") == pytest.approx(325.0, rel=1e-9)
    with pytest.raises(InvalidInput, match="use method 'auto'"):
        measured(table, "convolution", 1.0 - 1e-12)


@pytest.mark.parametrize("method", ["few_names", "convolution", "collapsed"])
def test_where_a_loss_is_rarer_than_the_tail_no_method_draws(method: str) -> None:
    """Then the value at risk is none, and all that is expected to be lost lies in the tail."""
    table = book(np.arange(1.0, 21.0), np.full(20, 2e-4), 0.3)
    (m,) = measured(table, method, 0.99).measures
    assert (m.var, m.es_se) == (0.0, 0.0)
    assert m.es == pytest.approx(210.0 * 2e-4 / 0.01, rel=1e-12)


@pytest.mark.parametrize(
    ("r2", "nu"), [(0.9, math.inf), (0.9999, math.inf), (1.0 - 1e-8, math.inf), (1.0 - 1e-12, math.inf), (1.0 - 1e-8, 4.0)]
)
def test_names_that_default_all_at_once_keep_their_expected_loss(r2: float, nu: float) -> None:
    """A hundred names alike, and twenty of two amounts and probabilities: no shortfall is beyond the expected loss over the tail."""
    model = replace(MODEL, copula=Copula(nu=nu))
    mixed = book(np.repeat([1.0, 3.0], 10), np.repeat([0.0123, 0.02], 10), r2)
    for table, el in ((book(np.full(100, 0.5), np.full(100, 0.0123), r2), 0.615), (mixed, 10 * (0.0123 + 0.06))):
        result = portfolio_risk(table, model, confidences=(0.96, 0.98))
        assert result.method == "exact"
        assert result.el == pytest.approx(el, rel=1e-12)
        assert result.el_simulated == pytest.approx(el, rel=1e-9)
        for c, measure in enumerate(result.measures):
            assert measure.es <= el / (1.0 - measure.confidence) * (1.0 + 1e-9)
            (whole,) = (part.es[c] for part in result.contributions if part.by == "group")
            assert whole == pytest.approx(measure.es, rel=1e-9)


def test_an_exact_answer_whose_mean_is_not_the_books_is_not_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points that pass over the defaults: ``auto`` goes on, and who asks for the method by name is warned."""

    def blind(names: Names) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.array([-1.0, 1.0]), np.ones((1, 2)), np.array([0.5, 0.5])

    monkeypatch.setattr(exact, "_quadrature", blind)
    table = book(np.full(100, 1.0), np.full(100, 0.0123), 0.2)
    assert measured(table, "auto", 0.99).method != "exact"
    asked = measured(table, "exact", 0.99)
    assert not asked.converged
    assert "of the expected loss, beyond its error" in asked.notes[0]
