"""Value at risk given a scenario: nothing said is nothing changed, everything said is a binomial loss, and all between by other ways."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.credit.macro_link import MacroLink
from crfs.errors import InvalidInput, NotFound
from crfs.risk import homogeneous_pool, portfolio_risk
from crfs.risk.stress import RiskOptions, conditional_book, restrict, reverse_stress, stressed_risk
from tests.risk.stress.test_reverse import CORRELATION, ONE, alike, el, wild, world
from tests.thorough import cases

CERTAIN = ConditionalFactors(factors=("economy",), mean=(-2.0,), covariance=((0.0,),))


def of_all(mean: tuple[float, ...], covariance: np.ndarray) -> ConditionalFactors:
    return ConditionalFactors(factors=("us", "eu", "oil"), mean=mean, covariance=tuple(map(tuple, covariance.tolist())))


def fine(names: int) -> pl.DataFrame:
    """A book without large names, so that a run takes a moment."""
    return wild(names).with_columns(ead=100.0 + pl.int_range(pl.len()) % 50)


def with_loadings(names: int) -> pl.DataFrame:
    """Half of the rows by group, the others with loadings of their own."""
    rng = np.random.default_rng(7)
    book = wild(names)
    own = pl.Series(np.arange(names) % 2 == 1)
    return book.with_columns(
        pl.when(own).then(None).otherwise(pl.col("r2")).alias("r2"),
        *(pl.Series(f"loading:{f}", rng.uniform(-0.1, 0.5, names)).set(~own, None) for f in ("us", "eu", "oil")),
    )


def test_saying_what_the_model_says_changes_nothing() -> None:
    book = fine(300)
    found = stressed_risk(
        book, world(), of_all((0.0,) * 3, np.array(CORRELATION)), confidences=(0.99, 0.999), contributions=False, rel_tol=0.05
    )
    assert found.stressed.el == pytest.approx(found.base.el, rel=1e-12)
    assert found.stressed.ul == pytest.approx(found.base.ul, rel=1e-9)
    for before, after in zip(found.base.measures, found.stressed.measures, strict=True):
        assert after.var == pytest.approx(before.var, rel=1e-9)
        assert after.es == pytest.approx(before.es, rel=1e-9)


def test_where_every_factor_is_certain_the_loss_is_binomial() -> None:
    names, pd, r2 = 40, 0.03, 0.25
    found = stressed_risk(alike({"all": names}, pd=pd, r2=r2), ONE, CERTAIN, confidences=(0.9, 0.99, 0.999))
    conditional = float(ndtr((ndtri(pd) + math.sqrt(r2) * 2.0) / math.sqrt(1.0 - r2)))
    law = binom(names, conditional)
    assert found.stressed.el == pytest.approx(names * conditional, rel=1e-12)
    assert found.stressed.ul == pytest.approx(law.std(), rel=1e-6)
    for measure in found.stressed.measures:
        assert measure.var == pytest.approx(law.ppf(measure.confidence), abs=1e-9)
        k = np.arange(names + 1)
        beyond = float(((k - measure.var).clip(0) * law.pmf(k)).sum()) / (1.0 - measure.confidence)
        assert measure.es == pytest.approx(measure.var + beyond, rel=1e-8)


@given(st.floats(-3.0, 3.0), st.floats(0.0, 1.0), st.floats(0.001, 0.2), st.floats(0.05, 0.6))
@cases(12)
def test_a_pool_given_a_normal_factor_is_another_pool(mean: float, variance: float, pd: float, r2: float) -> None:
    told = ConditionalFactors(factors=("economy",), mean=(mean,), covariance=((variance,),))
    moved, model = conditional_book(alike({"all": 30}, pd=pd, r2=r2), ONE, told)
    whole = 1.0 - r2 + r2 * variance
    other = homogeneous_pool(30, float(ndtr((ndtri(pd) - math.sqrt(r2) * mean) / math.sqrt(whole))), r2 * variance / whole)
    found = portfolio_risk(moved, model, confidences=(0.99,)).measures[0]
    assert found.var == pytest.approx(other.value_at_risk(0.99), abs=1e-9)
    assert found.es == pytest.approx(other.expected_shortfall(0.99), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("mixed", [False, True])
def test_probabilities_and_correlations_are_those_of_the_latent_variables_given_the_scenario(mixed: bool) -> None:
    """Default and joint default of every pair by simulation of the factors themselves, in the base model's own terms."""
    book, model = (with_loadings(6), world()) if mixed else (wild(6), world())
    left = restrict(model, ConditionalFactors(factors=("banks",), mean=(-1.5,), covariance=((0.2,),)))
    moved, after = conditional_book(book, model, left)
    z = np.random.default_rng(3).multivariate_normal(left.mean_array(), left.covariance_array(), 200_000)
    x = np.random.default_rng(4).multivariate_normal(np.zeros(3), after.correlation_matrix(), 200_000)

    def latent(rows: pl.DataFrame, one: FactorModel, state: np.ndarray) -> np.ndarray:
        loadings = []
        for row in rows.iter_rows(named=True):
            own = [row.get(f"loading:{f}") for f in one.factors]
            loadings.append(math.sqrt(row["r2"]) * one.direction(row["group"]) if own[0] is None else np.array(own))
        lines = np.array(loadings)
        r2 = np.einsum("ij,jk,ik->i", lines, one.correlation_matrix(), lines)
        return np.asarray(ndtr((ndtri(rows["pd_12m"].to_numpy()) - state @ lines.T) / np.sqrt(1.0 - r2)))

    first, second = latent(book, model, z), latent(moved, after, x)
    assert second.mean(axis=0) == pytest.approx(moved["pd_12m"].to_numpy(), rel=0.03)
    assert first.mean(axis=0) == pytest.approx(moved["pd_12m"].to_numpy(), rel=0.03)
    assert first.T @ first / len(z) == pytest.approx(second.T @ second / len(x), rel=0.06)


def test_an_answer_without_error_stays_one_beside_a_book_that_is_sampled() -> None:
    table = pl.DataFrame({"facility_id": [f"F{i:02d}" for i in range(20)], "obligor_id": [f"O{i:02d}" for i in range(20)]}).with_columns(
        ead=pl.Series([10.0 * (1 + i % 4) for i in range(20)]), lgd=pl.lit(1.0), pd_12m=pl.lit(0.05), r2=pl.lit(0.3),
        group=pl.Series(["a", "b"] * 10),
    )  # fmt: skip
    two = FactorModel(factors=("x", "y"), correlation=((1.0, 0.3), (0.3, 1.0)), groups={"a": {"x": 1.0}, "b": {"y": 1.0}})
    certain = ConditionalFactors(factors=("x", "y"), mean=(-1.0, -0.5), covariance=((0.0, 0.0), (0.0, 0.0)))
    found = stressed_risk(table, two, certain, confidences=(0.9,))
    assert (found.base.method, found.stressed.method) == ("few_names", "exact")
    assert found.stressed.measures[0].es_se == 0.0


def test_an_option_that_there_is_not_is_no_option() -> None:
    table = pl.DataFrame(
        {"facility_id": ["F"], "obligor_id": ["A"], "ead": [1.0], "lgd": [1.0], "pd_12m": [0.05], "r2": [0.3], "group": ["all"]}
    )
    slump = ConditionalFactors(factors=("economy",), mean=(-2.0,), covariance=((0.0,),))
    with pytest.raises(TypeError, match="confidence"):
        stressed_risk(table, FactorModel.one_factor("all"), slump, confidence=(0.9,))  # type: ignore[call-arg]  # misspelt on purpose


def test_worse_factors_cost_more_and_knowing_more_leaves_less_spread() -> None:
    book = fine(200)

    def told(mean: float, variance: float) -> float:
        given_factors = ConditionalFactors(factors=("retail", "banks"), mean=(mean, mean), covariance=((variance, 0.0), (0.0, variance)))
        return stressed_risk(book, world(), given_factors, confidences=(0.99,), contributions=False, rel_tol=0.05).stressed.measures[0].var

    assert told(-3.0, 0.1) > told(-2.0, 0.1) > told(-1.0, 0.1)
    assert told(-2.0, 0.5) > told(-2.0, 0.0)


def test_a_scenario_of_macro_values_reaches_the_value_at_risk() -> None:
    link = MacroLink(
        variables=("growth", "unemployment"),
        mean=(0.02, 0.05),
        covariance=((0.0004, -0.0001), (-0.0001, 0.0001)),
        factors=("retail",),
        intercept=(1.8,),
        loadings=((10.0, -40.0),),
        residual=((0.7,),),
    )
    some = link.given({"unemployment": 0.09})
    assert some.mean[0] == pytest.approx(1.8 + 10.0 * (0.02 - 0.04) - 40.0 * 0.09)
    assert some.covariance[0][0] == pytest.approx(100.0 * (0.0004 - 0.0001) + 0.7)
    assert link.given({}).covariance[0][0] == pytest.approx(
        np.array([10.0, -40.0]) @ np.array(link.covariance) @ np.array([10.0, -40.0]) + 0.7
    )
    found = stressed_risk(fine(200), world(), some, confidences=(0.99,), contributions=False, rel_tol=0.05)
    assert found.stressed.measures[0].var > found.base.measures[0].var
    assert "unemployment is 0.09" in found.stressed.notes
    content = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert content["change"]["measures"][0]["var"] == found.stressed.measures[0].var - found.base.measures[0].var
    with pytest.raises(InvalidInput, match="not oil"):
        link.given({"oil": 1.0})


def test_in_the_state_of_a_reverse_stress_the_mean_loss_is_the_one_asked_for() -> None:
    book = fine(200)
    scenario = reverse_stress(book, world(), loss=5.0 * el(book)).scenarios[0]
    found = stressed_risk(book, world(), scenario.given(), confidences=(0.99,), contributions=False, rel_tol=0.05)
    assert found.stressed.el == pytest.approx(5.0 * el(book), rel=1e-9)


def test_certain_defaults_stay_certain_and_rejected_rows_are_told() -> None:
    book = alike({"all": 4}).with_columns(pd_12m=pl.Series([0.0, 1.0, 0.01, 0.01]), ead=pl.Series([1.0, 1.0, 1.0, -1.0]))
    found = stressed_risk(book, ONE, CERTAIN, confidences=(0.8,), accept_partial=True)
    assert found.stressed.n_rejected == 1
    assert found.stressed.measures[0].var == 1.0
    with pytest.raises(InvalidInput, match="row 4, column ead"):
        stressed_risk(book, ONE, CERTAIN)


def test_what_cannot_be_conditioned_on_is_refused() -> None:
    t = replace(ONE, copula=Copula(nu=4.0))
    with pytest.raises(InvalidInput, match="Gaussian copulas, not t:4"):
        stressed_risk(alike({"all": 4}), t, CERTAIN)
    with pytest.raises(NotFound, match="no factor or group 'mars'"):
        stressed_risk(alike({"all": 4}), ONE, replace(CERTAIN, factors=("mars",)))
    with pytest.raises(InvalidInput, match="restrict"):
        conditional_book(wild(5), world(), replace(CERTAIN, factors=("us",)))


def test_the_pair_of_a_difference_is_drawn_by_the_workers_too_and_no_bit_hangs_on_them() -> None:
    given, tasks = CERTAIN, []

    def watched(work: Callable[[Any], Any], some: Iterable[Any]) -> list[Any]:
        kept = list(some)
        tasks.append(len(kept))
        return [work(task) for task in kept]

    options: RiskOptions = {"confidences": (0.9,), "method": "plain", "max_scenarios": 20_000, "contributions": False}
    by_watched: RiskOptions = {**options, "map_blocks": watched}
    found = stressed_risk(alike({"all": 50}), ONE, given, **by_watched)
    alone = sum(tasks)
    tasks.clear()
    for book, model in ((alike({"all": 50}), ONE), conditional_book(alike({"all": 50}), ONE, restrict(ONE, given))):
        portfolio_risk(book, model, **by_watched)
    assert alone == 2 * sum(tasks), "both runs, and both books once more beside each other"
    for threads in (1, 3):
        by_threads: RiskOptions = {**options, "threads": threads}
        assert stressed_risk(alike({"all": 50}), ONE, given, **by_threads).changes == found.changes
