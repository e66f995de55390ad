"""Least squares on a time series: every number as statsmodels has it, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.stattools import durbin_watson

from crfs.errors import InvalidInput
from crfs.models.satellite.regression import LAST_PERIOD, regress
from tests.thorough import cases


def sample(seed: int, rows: int, columns: int, persistence: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, columns)) * np.exp(rng.uniform(-3, 3, columns))
    noise = np.empty(rows)
    last = 0.0
    for t in range(rows):
        last = persistence * last + rng.standard_normal() * (1.0 + abs(x[t, 0]))
        noise[t] = last
    return x @ rng.standard_normal(columns) + noise + 3.0, x


@cases(30)
@given(st.integers(0, 10_000), st.integers(20, 120), st.integers(1, 4), st.integers(0, 9))
def test_errors_are_those_of_statsmodels_with_newey_wests_covariance(seed: int, rows: int, columns: int, lags: int) -> None:
    y, x = sample(seed, rows, columns)
    own = regress(y, x, tuple(f"x{k}" for k in range(columns)), hac_lags=lags)
    other: Any = sm.OLS(y, sm.add_constant(x)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    assert own.coefficients == pytest.approx(other.params, rel=1e-9, abs=1e-12)
    assert own.standard_errors == pytest.approx(other.bse, rel=1e-8)
    assert own.t == pytest.approx(other.tvalues, rel=1e-8, abs=1e-10)
    assert own.p_values == pytest.approx(other.pvalues, rel=1e-7, abs=1e-12)
    assert own.covariance == pytest.approx(other.cov_params(), rel=1e-8, abs=1e-14)
    assert (own.r2, own.r2_adjusted) == pytest.approx((other.rsquared, other.rsquared_adj), rel=1e-9)
    assert own.durbin_watson == pytest.approx(durbin_watson(other.resid), rel=1e-9)
    assert own.sigma**2 == pytest.approx(other.mse_resid, rel=1e-9)
    assert own.vif == pytest.approx([variance_inflation_factor(sm.add_constant(x), k + 1) for k in range(columns)], rel=1e-8)


def test_lags_follow_the_length_of_the_sample() -> None:
    y, x = sample(1, 100, 2)
    assert regress(y, x, ("a", "b")).hac_lags == 4
    assert regress(y[:50], x[:50], ("a", "b")).hac_lags == math.floor(4 * 0.5 ** (2 / 9))
    with pytest.raises(InvalidInput, match="hac_lags"):
        regress(y, x, ("a", "b"), hac_lags=100)


def test_chows_test_is_that_of_three_regressions() -> None:
    from scipy.stats import f

    y, x = sample(3, 60, 2)
    own = regress(y, x, ("a", "b")).stability
    left = [sm.OLS(part, sm.add_constant(rows)).fit().ssr for part, rows in ((y, x), (y[:30], x[:30]), (y[30:], x[30:]))]
    statistic = (left[0] - left[1] - left[2]) / 3 / ((left[1] + left[2]) / 54)
    assert own.chow_f == pytest.approx(statistic, rel=1e-9)
    assert own.chow_at == 30
    assert own.chow_p == pytest.approx(float(f.sf(statistic, 3, 54)), rel=1e-9)


def test_a_break_is_seen() -> None:
    y, x = sample(4, 80, 1, persistence=0.0)
    assert (regress(y, x, ("a",)).stability.chow_p or 0.0) > 0.001
    assert (regress(np.where(np.arange(80) < 40, y, y + 15.0), x, ("a",)).stability.chow_p or 1.0) < 1e-6


def test_forecasts_of_one_period_are_fitted_on_what_came_before() -> None:
    y, x = sample(5, 40, 1)
    own = regress(y, x, ("a",)).stability
    errors = []
    for row in range(24, 40):
        before: Any = sm.OLS(y[:row], sm.add_constant(x[:row])).fit()
        errors.append(y[row] - (before.params[0] + before.params[1] * x[row, 0]))
    assert own.forecasts == 16
    assert own.error == pytest.approx(math.sqrt(np.mean(np.square(errors))), rel=1e-9)
    assert own.naive_error == pytest.approx(math.sqrt(np.mean(np.square(np.diff(y)[23:]))), rel=1e-9)
    changed = y.copy()
    changed[-1] += 1e6
    assert regress(changed[:39], x[:39], ("a",)).stability == regress(y[:39], x[:39], ("a",)).stability


def test_durbins_h_is_told_where_the_last_period_is_a_regressor() -> None:
    rng = np.random.default_rng(6)
    y = np.cumsum(rng.standard_normal(80)) * 0.1
    own = regress(y[1:], y[:-1, None], (LAST_PERIOD,))
    plain: Any = sm.OLS(y[1:], sm.add_constant(y[:-1])).fit()
    assert own.durbin_h == pytest.approx((1 - durbin_watson(plain.resid) / 2) * math.sqrt(79 / (1 - 79 * plain.bse[1] ** 2)), rel=1e-8)
    assert own.persistence == pytest.approx(plain.params[1])
    other = regress(y[1:], y[:-1, None], ("x",))
    assert (other.durbin_h, other.persistence) == (None, 0.0)


def test_what_cannot_be_told_apart_is_refused_by_name() -> None:
    y, x = sample(7, 40, 2)
    with pytest.raises(InvalidInput, match="b, c say the same"):
        regress(y, np.column_stack([x, x[:, 1] * 2.0 + 1.0]), ("a", "b", "c"))
    with pytest.raises(InvalidInput, match="still does not move"):
        regress(y, np.column_stack([x, np.full(40, 7.0)]), ("a", "b", "still"))
    with pytest.raises(InvalidInput, match="too few for 3 coefficients"):
        regress(y[:7], x[:7], ("a", "b"))
    assert regress(y[:8], x[:8], ("a", "b")).degrees_of_freedom == 5


def test_the_json_form_has_a_row_a_coefficient() -> None:
    y, x = sample(8, 40, 2)
    told = regress(y, x, ("a", "b")).to_dict()
    assert [row["name"] for row in told["coefficients"]] == ["intercept", "a", "b"]
    assert told["coefficients"][0]["vif"] is None
    assert told["stability"]["forecasts"] == 16
