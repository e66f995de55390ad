"""Calibration: mends what was bent, its intervals cover, its tests have their size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.models.calibration import (
    Calibration,
    CalibrationMethod,
    brier,
    brier_parts,
    calibration_fit,
    fit_calibration,
    grade_table,
    hosmer_lemeshow,
    reliability_table,
    spiegelhalter,
)
from crfs.models.logistic import logit, sigmoid


def drawn(seed: int, rows: int, copies: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes that follow their PDs; each obligor has ``copies`` rows with the same outcome, as overlapping windows have."""
    rng = np.random.default_rng(seed)
    p = sigmoid(rng.normal(-2.0, 1.0, rows))
    y = (rng.random(rows) < p).astype(float)
    obligor = np.repeat(np.arange(rows), copies)
    return y[obligor], p[obligor], obligor


def test_interval_of_the_slope_covers_one_at_its_level_when_rows_of_an_obligor_overlap() -> None:
    covered, naive = 0, 0
    for seed in range(200):
        y, p, obligor = drawn(seed, 500, copies=4)
        slope = calibration_fit(y, p, clusters=obligor).slope
        covered += slope.lower <= 1.0 <= slope.upper
        slope = calibration_fit(y, p).slope
        naive += slope.lower <= 1.0 <= slope.upper
    # 95 % of 200 with binomial error 1.5 %; without clusters the interval has half its width and covers about 67 %.
    assert 182 <= covered <= 198
    assert naive < 160


def test_platt_undoes_a_bent_pd_and_the_anchor_a_shifted_one() -> None:
    y, p, _ = drawn(1, 60_000)
    bent = sigmoid(0.5 + 1.6 * logit(p))
    mended = fit_calibration(y, bent).apply(bent)
    found = calibration_fit(y, mended)
    assert found.slope.value == pytest.approx(1.0, abs=1e-9)
    assert found.in_the_large.value == pytest.approx(0.0, abs=1e-9)
    assert calibration_fit(y, bent).slope.upper < 0.7
    shift = fit_calibration(y, sigmoid(logit(p) + 0.8), method=CalibrationMethod.INTERCEPT)
    assert shift.slope == 1.0
    assert shift.intercept == pytest.approx(-0.8, abs=0.05)
    assert float(shift.apply(sigmoid(logit(p) + 0.8)).mean()) == pytest.approx(float(y.mean()), abs=1e-12)


def test_calibration_comes_back_from_plain_values() -> None:
    y, p, obligor = drawn(1, 300, copies=2)
    fitted = fit_calibration(y, p, clusters=obligor)
    assert Calibration.from_dict(fitted.to_dict()) == fitted
    assert (fitted.rows, fitted.clusters) == (600, 300)


def test_a_model_that_ranks_the_wrong_way_cannot_be_stretched() -> None:
    y, p, _ = drawn(1, 5000)
    with pytest.raises(InvalidInput, match="wrong way"):
        fit_calibration(y, 1.0 - p)


def test_certainty_is_refused() -> None:
    with pytest.raises(InvalidInput, match="strictly between"):
        calibration_fit([0, 1, 1], [0.1, 0.5, 1.0])


def test_hosmer_lemeshow_and_spiegelhalter_have_their_size_on_right_pds_and_power_on_wrong_ones() -> None:
    rejected = np.zeros(2)
    for seed in range(200):
        y, p, _ = drawn(seed, 800)
        rejected += [hosmer_lemeshow(y, p).p_value < 0.05, spiegelhalter(y, p).p_value < 0.05]
    assert np.all(rejected >= 2)
    assert np.all(rejected <= 20)
    y, p, _ = drawn(0, 5000)
    assert hosmer_lemeshow(y, p / 2).p_value < 1e-6
    assert spiegelhalter(y, p / 2).p_value < 1e-6


def test_hosmer_lemeshow_equals_its_sum_over_deciles() -> None:
    y, p, _ = drawn(3, 1000)
    order = np.argsort(p)
    total = sum((y[g].sum() - p[g].sum()) ** 2 / (p[g].sum() * (1 - p[g].mean())) for g in np.array_split(order, 10))
    assert hosmer_lemeshow(y, p).statistic == pytest.approx(total, rel=1e-12)
    assert hosmer_lemeshow(y, p).degrees_of_freedom == 10
    assert hosmer_lemeshow(y, p, in_sample=True).degrees_of_freedom == 8


@given(seed=st.integers(0, 10_000), groups=st.integers(2, 20), ties=st.booleans())
def test_brier_parts_sum_exactly_and_the_reliability_table_holds_every_row(seed: int, groups: int, ties: bool) -> None:
    y, p, _ = drawn(seed, 300)
    p = np.maximum(np.round(p, 1), 0.05) if ties else p
    parts = brier_parts(y, p, groups=groups)
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within == pytest.approx(parts.brier, abs=1e-14)
    table = reliability_table(y, p, groups=groups)
    assert table["count"].sum() == 300
    assert table["defaults"].sum() == int(y.sum())
    assert (table["lower"] <= table["default_rate"]).all()
    assert (table["default_rate"] <= table["upper"]).all()
    assert table["mean_pd"].is_sorted()


def test_within_is_nothing_where_a_bin_has_one_pd() -> None:
    y, p = np.array([0, 1, 0, 1, 1, 1.0]), np.array([0.2, 0.2, 0.2, 0.7, 0.7, 0.7])
    parts = brier_parts(y, p, groups=2)
    assert parts.within == pytest.approx(0.0, abs=1e-15)
    assert parts.uncertainty == pytest.approx(2 / 9)


def test_brier_equals_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss

    y, p, _ = drawn(2, 1000)
    assert brier(y, p) == pytest.approx(brier_score_loss(y, p), abs=1e-12)


def test_grades_show_which_pd_is_too_low() -> None:
    grades = np.repeat(["A", "B"], 1000)
    y = np.concatenate([np.arange(1000) < 10, np.arange(1000) < 60]).astype(float)
    table = grade_table(y, np.where(grades == "A", 0.01, 0.03), grades, clusters=np.arange(2000) // 2)
    assert table["grade"].to_list() == ["A", "B"]
    assert table["obligors"].to_list() == [500, 500]
    assert table["default_rate"].to_list() == [0.01, 0.06]
    assert table["jeffreys_p"][0] > 0.3
    assert table["jeffreys_p"][1] < 1e-5
