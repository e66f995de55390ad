"""Published and independently computed figures: WoE of the German credit data, scaling, Jeffreys, AUC floors on real sets."""

from __future__ import annotations

import json
import os
from ast import literal_eval
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.features.woe import BinningSpec, fit_binning
from crfs.models.calibration import CalibrationMethod, jeffreys_test
from crfs.models.discrimination import auc, gini, ks
from crfs.models.lgd import LgdSpec, fit_lgd
from crfs.models.logistic import fit_logistic
from crfs.models.scorecard import PointsScale, ScorecardSpec, fit_scorecard

SHARED = Path(os.environ.get("CRFS_SHARED", Path(__file__).parents[2].parent / "shared"))
CASES = SHARED / "truth" / "model_cases.json"

needs_shared = pytest.mark.skipif(not CASES.exists(), reason="the shared reference figures are not on this machine (set CRFS_SHARED)")


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(CASES.read_text())
    return loaded


@pytest.fixture(scope="module")
def german() -> pl.DataFrame:
    return pl.read_csv(SHARED / "data" / "german" / "data.csv.gz").with_columns(default_flag=pl.col("target") - 1)


@needs_shared
@pytest.mark.parametrize("column", ["status", "history", "employment", "housing", "foreign_worker", "other_debtors"])
def test_weight_of_evidence_of_categories_of_the_german_credit_data(cases: dict[str, Any], german: pl.DataFrame, column: str) -> None:
    truth = cases[f"german.{column}"]
    groups = tuple((name,) for name in truth["WoE"])
    binning = fit_binning(german[column], german["default_flag"], spec=BinningSpec(groups=groups, smoothing=0.0))
    assert [line.woe for line in binning.ordinary] == pytest.approx(list(truth["WoE"].values()), abs=1e-6)
    assert [[line.count - line.defaults, line.defaults] for line in binning.ordinary] == truth["counts_good_bad"]
    assert binning.information_value == pytest.approx(truth["IV"], abs=1e-6)


@needs_shared
@pytest.mark.parametrize(
    ("column", "case", "edges"),
    [
        ("age", "german.age[26,35,40)", (26.0, 35.0, 40.0)),
        ("duration", "german.duration[8,16,34,44)", (8.0, 16.0, 34.0, 44.0)),
    ],
)
def test_weight_of_evidence_of_ranges_of_the_german_credit_data(
    cases: dict[str, Any], german: pl.DataFrame, column: str, case: str, edges: tuple[float, ...]
) -> None:
    truth = cases[case]
    binning = fit_binning(german[column], german["default_flag"], spec=BinningSpec(edges=edges, smoothing=0.0))
    assert {line.label: round(line.woe, 6) for line in binning.ordinary} == truth["WoE"]
    assert sorted([line.count - line.defaults, line.defaults] for line in binning.ordinary) == sorted(truth["counts"])
    assert binning.information_value == pytest.approx(truth["IV"], abs=1e-6)


@needs_shared
@pytest.mark.parametrize("column", ["duration", "amount"])
def test_discrimination_of_raw_columns(cases: dict[str, Any], german: pl.DataFrame, column: str) -> None:
    truth = cases[f"german.{column} raw"]
    y, x = german["default_flag"].to_numpy(), german[column].to_numpy()
    assert auc(y, x).auc == pytest.approx(truth["AUC"], abs=1e-6)
    assert ks(y, x) == pytest.approx(truth["KS"], abs=1e-6)
    if "Gini" in truth:
        assert gini(y, x) == pytest.approx(truth["Gini"], abs=1e-6)


@needs_shared
def test_logistic_regression_on_raw_columns(cases: dict[str, Any], german: pl.DataFrame) -> None:
    truth = cases["german logit duration+amount+rate+age"]
    names = [name for name in truth["coef"] if name != "const"]
    design = np.column_stack([np.ones(german.height), german.select(names).to_numpy()])
    fit = fit_logistic(design, german["default_flag"].to_numpy())
    assert fit.coefficients == pytest.approx(list(truth["coef"].values()), abs=2e-8)
    assert fit.standard_errors == pytest.approx(list(truth["se"].values()), abs=2e-8)
    assert fit.log_likelihood == pytest.approx(truth["llf"], abs=1e-6)
    assert auc(german["default_flag"].to_numpy(), design @ fit.coefficients).auc == pytest.approx(truth["AUC"], abs=1e-6)


@needs_shared
def test_jeffreys_test_of_a_grade(cases: dict[str, Any]) -> None:
    for key, expected in cases["Jeffreys (n,d,PD)->p"].items():
        count, defaults, pd = literal_eval(key)
        assert jeffreys_test(count=count, defaults=defaults, pd=pd) == pytest.approx(expected, abs=1e-6)


@needs_shared
def test_points_to_double_the_odds(cases: dict[str, Any]) -> None:
    truth, scale = cases["scaling PDO20 600@50:1"], PointsScale(base_score=600, base_odds=50, pdo=20)
    assert (scale.factor, scale.offset) == pytest.approx((truth["factor"], truth["offset"]), abs=1e-6)
    assert scale.score(0.05) == pytest.approx(truth["score at PD=5%"], abs=1e-6)
    assert scale.score(0.20) == pytest.approx(truth["score at PD=20%"], abs=1e-6)


@needs_shared
def test_mean_loss_of_a_european_bank(cases: dict[str, Any]) -> None:
    table = pl.read_csv(SHARED / "data" / "lgd_baesens" / "data.csv.gz")
    model = fit_lgd(table, spec=LgdSpec(segments=("purpose1",), outcome="lgd_time", resolved=None, obligor=None))
    root = model.means.segments[0]
    assert root.count == cases["lgd_baesens"]["n"]
    assert root.mean == pytest.approx(cases["lgd_baesens"]["mean_lgd"], abs=1e-5)
    predicted = model.predict(table)["lgd"].to_numpy()
    assert abs(float(np.mean(predicted - table["lgd_time"].to_numpy()))) < 1e-12


def _set(name: str) -> pl.DataFrame:
    match name:
        case "taiwan":
            return (
                pl.read_parquet(SHARED / "data" / name / "data.parquet").drop("ID").rename({"default payment next month": "default_flag"})
            )
        case "heloc":
            return pl.read_csv(SHARED / "data" / name / "data.csv.gz").rename({"RiskPerformance": "default_flag"})
        case _:
            table = pl.read_parquet(SHARED / "data" / name / "data.parquet")
            return table.with_columns(default_flag=1 - pl.col("SeriousDlqin2yrs")).drop("SeriousDlqin2yrs")


@needs_shared
@pytest.mark.parametrize(("name", "floor"), [("taiwan", 0.76), ("heloc", 0.795), ("gmsc_sample", 0.84)])
def test_scorecard_in_five_folds_is_level_with_the_best_open_ones(name: str, floor: float) -> None:
    from sklearn.model_selection import StratifiedKFold

    table = _set(name)
    y = table["default_flag"].to_numpy()
    features = [column for column in table.columns if column != "default_flag"]
    spec = ScorecardSpec.of(features, obligor=None, observed_at=None, calibration=CalibrationMethod.NONE)
    found = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=42).split(y, y):
        scored = fit_scorecard(table[train], spec=spec).score(table[test])
        found.append(auc(y[test], scored["pd_12m"].to_numpy()).auc)
    assert float(np.mean(found)) >= floor
