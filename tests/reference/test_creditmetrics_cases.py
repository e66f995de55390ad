"""CreditMetrics' examples: the value of a BBB bond in a year, thresholds, and the joint migration of two names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crfs.risk.migration import (
    TransitionMatrix,
    ZeroCurves,
    bullet_flows,
    joint_migration,
    thresholds,
    value_distribution,
    values_by_rating,
)

SHARED = Path(os.environ.get("CRFS_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared"))
CASES_FILE = SHARED / "truth" / "portfolio_cases.json"

pytestmark = pytest.mark.skipif(not CASES_FILE.exists(), reason="the folder of reference cases (CRFS_SHARED) is not here")


def case(name: str) -> Any:
    return next(case for case in json.loads(CASES_FILE.read_text()) if case["id"] == name)


def test_the_value_of_a_bbb_bond_in_a_year() -> None:
    known = case("creditmetrics_bbb_bond")
    given, expected, tolerance = known["inputs"], known["expected"], known["rel_tol"]
    ratings = tuple(given["zero_curves"])
    # The forward zero curves of a year hence, in percent.
    curves = ZeroCurves(ratings=ratings, years=np.arange(1.0, 5.0), rates=np.array(list(given["zero_curves"].values())) / 100.0)
    bond = bullet_flows([100.0], coupon=[0.06], maturity_years=[5.0])
    values = np.r_[values_by_rating(bond, curves, at_years=1.0)[0], given["recovery"]]
    assert values == pytest.approx(expected["values"], rel=tolerance)
    rows = np.eye(8)
    rows[ratings.index("BBB")] = given["transition"]
    found = value_distribution(TransitionMatrix.from_rows((*ratings, "D"), rows), "BBB", values)
    assert found.mean == pytest.approx(expected["mean"], rel=tolerance)
    assert found.standard_deviation == pytest.approx(expected["sd"], rel=tolerance)
    published = expected["published_recalled"]
    assert values == pytest.approx(published["values"], abs=0.021)
    assert found.mean == pytest.approx(published["mean"], abs=0.021)
    assert found.standard_deviation == pytest.approx(published["sd"], abs=0.005)


def test_thresholds_and_joint_migration_of_bb_and_a() -> None:
    known = case("creditmetrics_BB_A_joint")
    given, expected, tolerance = known["inputs"], known["expected"], known["rel_tol"]
    assert thresholds(given["BB"]) == pytest.approx(expected["thresholds_BB"], rel=tolerance)
    joint = joint_migration(given["BB"], given["A"], correlation=given["rho"])
    assert joint == pytest.approx(np.array(expected["joint"]), rel=tolerance)
    assert joint[4, 2] == pytest.approx(expected["joint_stay"], rel=tolerance)
    assert joint[-1, -1] == pytest.approx(expected["joint_default"], rel=tolerance)
    published = expected["published_recalled"]
    assert thresholds(given["BB"]) == pytest.approx(published["thr"], abs=0.005)
    assert joint[4, 2] == pytest.approx(published["joint_stay"], abs=2e-4)
