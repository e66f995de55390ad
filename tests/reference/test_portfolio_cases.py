"""Published and independently computed portfolio cases: closed forms, the finite pool, and the simulation against both."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.credit.factor_model import FactorModel
from crfs.quality import validate_portfolio
from crfs.risk import WarmPortfolio, granularity_adjustment, herfindahl_index, homogeneous_pool, portfolio_risk, vasicek
from crfs.risk.granularity import granularity_delta
from crfs.risk.obligors import roll_up
from crfs.risk.simulation import BlockTask, make_plan, simulate_block

SHARED = Path(os.environ.get("CRFS_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared"))
CASES_FILE = SHARED / "truth" / "portfolio_cases.json"

pytestmark = pytest.mark.skipif(not CASES_FILE.exists(), reason="the folder of reference cases (CRFS_SHARED) is not here")

ONE_FACTOR = FactorModel.one_factor("all")


def cases(start: str) -> list[Any]:
    if not CASES_FILE.exists():
        return []
    return [pytest.param(case, id=case["id"]) for case in json.loads(CASES_FILE.read_text()) if case["id"].startswith(start)]


def case(name: str) -> Any:
    return cases(name)[0].values[0]


def pool(obligors: int, pd: float, r2: float) -> pl.DataFrame:
    names = [f"O{i:05d}" for i in range(obligors)]
    return pl.DataFrame({"facility_id": names, "obligor_id": names, "ead": 1.0, "lgd": 1.0, "pd_12m": pd, "r2": r2, "group": "all"})


@pytest.mark.parametrize("case", cases("vasicek_lhp"))
def test_the_large_homogeneous_pool_has_its_closed_forms(case: Any) -> None:
    given, expected = case["inputs"], case["expected"]
    common = {"r2": given["rho"], "lgd": given["lgd"]}
    assert vasicek.value_at_risk(given["pd"], confidence=given["alpha"], **common) == pytest.approx(expected["VaR"], rel=1e-10)
    assert vasicek.expected_shortfall(given["pd"], confidence=given["alpha"], **common) == pytest.approx(expected["ES"], rel=1e-10)
    assert vasicek.unexpected_loss(given["pd"], **common) == pytest.approx(expected["UL_sd"], rel=1e-10)


@pytest.mark.parametrize("case", cases("joint_default"))
def test_joint_default_and_default_correlation(case: Any) -> None:
    given, expected = case["inputs"], case["expected"]
    joint = vasicek.joint_default_probability(given["pd1"], given["pd2"], correlation=given["rho"])
    assert joint == pytest.approx(expected["joint"], rel=1e-10)
    assert vasicek.default_correlation(given["pd1"], given["pd2"], correlation=given["rho"]) == pytest.approx(
        expected["default_corr"], rel=1e-10
    )


@pytest.mark.parametrize("case", cases("binom_mixture"))
def test_the_finite_homogeneous_pool_is_exact(case: Any) -> None:
    given, expected = case["inputs"], case["expected"]
    exact = homogeneous_pool(given["m"], given["pd"], given["rho"])
    for confidence in (0.95, 0.99, 0.999):
        assert exact.value_at_risk(confidence) == expected[f"VaR_{confidence}"]
        assert exact.expected_shortfall(confidence) == pytest.approx(expected[f"ES_{confidence}"], rel=1e-8)
    assert exact.standard_deviation == pytest.approx(expected["sd"], rel=1e-8)
    assert exact.probability[0] == pytest.approx(expected["P(D=0)"], rel=1e-8)
    for key in expected:
        if key.startswith("P(D>="):
            assert exact.exceedance(int(key[5:-1])) == pytest.approx(expected[key], rel=1e-8)


@pytest.mark.parametrize("case", cases("fmn_t_copula_A_nuinf") + cases("fmn_t_copula_B_nuinf"))
def test_ten_thousand_obligors_of_frey_mcneil_nyfeler(case: Any) -> None:
    given, expected = case["inputs"], case["expected"]
    exact = homogeneous_pool(given["m"], given["pd"], given["rho"])
    for key, value in expected.items():
        if key.startswith("VaR_"):
            assert exact.value_at_risk(float(key.removeprefix("VaR_"))) == value


@pytest.mark.parametrize("case", cases("binom_mixture"))
def test_the_simulation_agrees_with_the_finite_pool(case: Any) -> None:
    given, expected = case["inputs"], case["expected"]
    result = portfolio_risk(
        pool(given["m"], given["pd"], given["rho"]),
        ONE_FACTOR,
        confidences=(0.95, 0.99, 0.999),
        method="thinning",
        seed=5,
        max_scenarios=100_000,
        contributions=False,
    )
    for measure in result.measures:
        # The case states how far F(VaR) is above the confidence, so a sample may fall on the next atom: hence the interval, widened to four errors.
        reach = max(4 * measure.var_se, 1.0 if expected[f"margin_F(VaR)-a_{measure.confidence}"] < 1e-3 else 0.0)
        assert abs(measure.var - expected[f"VaR_{measure.confidence}"]) <= reach
        assert abs(measure.es - expected[f"ES_{measure.confidence}"]) < 4 * measure.es_se
    assert abs(result.ul - expected["sd"]) < 4 * result.ul_se
    assert abs(result.el_simulated - result.el) < 4 * result.el_simulated_se


@pytest.mark.parametrize("method", ["thinning", "plain"])
def test_25_heterogeneous_names_and_their_contributions(method: str) -> None:
    known = case("exact_25_gaussian")
    given, expected = known["inputs"], known["expected"]
    names = [f"O{i:02d}" for i in range(25)]
    units = [float(unit) for unit in given["units"]]
    book = pl.DataFrame(
        {"facility_id": names, "obligor_id": names, "ead": units, "lgd": 1.0, "pd_12m": given["pd"], "r2": given["rho"], "group": "all"}
    )
    result = portfolio_risk(book, ONE_FACTOR, confidences=(0.95, 0.99, 0.999), method=method, seed=2, max_scenarios=150_000, rel_tol=1e-4)
    assert result.method == method
    for measure in result.measures:
        assert abs(measure.var - expected[f"VaR_{measure.confidence}"]) <= 4 * measure.var_se
        assert abs(measure.es - expected[f"ES_{measure.confidence}"]) < 4 * measure.es_se
    exact = dict(zip(names, expected["ES99_contributions"], strict=True))
    shown = [part for part in result.contributions if part.by == "obligor"]
    assert len(shown) == 20
    for part in shown:
        assert part.name is not None
        assert abs(part.es[1] - exact[part.name]) < 4 * part.es_se[1] + 0.01


@pytest.mark.parametrize("run", [portfolio_risk, lambda *asked, **options: WarmPortfolio(*asked, contributions=True, **options).result])
def test_every_contribution_of_25_names_is_told_where_so_many_are_listed(run: Any) -> None:
    known = case("exact_25_gaussian")
    given, names = known["inputs"], [f"O{i:02d}" for i in range(25)]
    units = [float(unit) for unit in given["units"]]
    book = pl.DataFrame(
        {"facility_id": names, "obligor_id": names, "ead": units, "lgd": 1.0, "pd_12m": given["pd"], "r2": given["rho"], "group": "all"}
    )
    told = [part for part in run(book, ONE_FACTOR, confidences=(0.95, 0.99, 0.999), listed=25).contributions if part.by == "obligor"]
    exact = dict(zip(names, known["expected"]["ES99_contributions"], strict=True))
    assert {part.name: part.es[1] for part in told} == pytest.approx(exact, rel=1e-6)


def test_the_granularity_adjustment_of_gordy_and_luetkebohmert() -> None:
    known = case("granularity_adjustment_GL")
    given, expected = known["inputs"], known["expected"]
    exposure = 1.0 / np.arange(1, 101)
    assert granularity_delta(confidence=0.999, xi=given["xi"]) == pytest.approx(expected["delta"], rel=1e-8)
    assert herfindahl_index(exposure) == pytest.approx(expected["HHI"], rel=1e-8)
    value = granularity_adjustment(exposure, pd=given["pd"], lgd=given["lgd"], capital=expected["K"], xi=given["xi"])
    assert value == pytest.approx(expected["GA"], rel=1e-8)


def test_the_large_pool_is_the_limit_of_the_simulation() -> None:
    result = portfolio_risk(
        pool(4000, 0.01, 0.2), ONE_FACTOR, confidences=(0.999,), method="thinning", seed=1, max_scenarios=40_000, contributions=False
    )
    limit = vasicek.value_at_risk(0.01, r2=0.2, confidence=0.999) * 4000
    (measure,) = result.measures
    # 4,000 names are not infinitely many: the finite pool is a little riskier, by less than a granularity adjustment of its size.
    assert abs(measure.var - limit) < 4 * measure.var_se + 10.0
    assert result.granularity_adjustment is not None
    assert 0.0 < result.granularity_adjustment < 10.0


def test_21_factors_of_glasserman_and_li_with_an_obligor_s_own_loadings() -> None:
    known = cases("gl2005_21factor")
    count, scenarios, blocks = 1000, 4000, 25
    k = np.arange(1, count + 1)
    loadings = np.zeros((count, 21))
    loadings[:, 0] = 0.8
    loadings[k - 1, 1 + (k - 1) // 100] = 0.4
    loadings[k - 1, 11 + ((k - 1) % 100) // 10] = 0.4
    factors = tuple(f"f{j}" for j in range(21))
    names = [f"O{i:04d}" for i in k]
    pd = np.clip(0.01 * (1 + np.sin(16 * np.pi * k / count)), 0.0, 1.0)
    book = pl.DataFrame(
        {"facility_id": names, "obligor_id": names, "ead": np.ceil(5 * k / count) ** 2, "lgd": 1.0, "pd_12m": pd}
    ).with_columns(pl.Series(f"loading:{name}", loadings[:, j]) for j, name in enumerate(factors))
    model = FactorModel(factors=factors, correlation=tuple(tuple(row) for row in np.eye(21).tolist()))
    plan = make_plan(roll_up(validate_portfolio(book, model).require_all("book"), model), model, thinning=True)
    assert plan is not None
    assert len(plan["directions"]) == 100
    losses = np.concatenate([simulate_block(BlockTask(plan, 9, block, scenarios, np.inf)).losses for block in range(blocks)])
    for parameter in known:
        given, expected = parameter.values[0]["inputs"], parameter.values[0]["expected"]
        share = float((losses > given["x"]).mean())
        error = np.sqrt(share * (1 - share) / len(losses))
        assert abs(share - expected["tail_prob"]) < 4 * np.hypot(error, expected["tail_prob_se"])
