"""Closed forms of the large pool and of the finite homogeneous pool, against quadrature and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from crfs.errors import InvalidInput
from crfs.risk import homogeneous_pool, vasicek
from crfs.risk.bivariate_normal import bivariate_normal_cdf

points = st.floats(-6.0, 6.0)


@given(points, points, st.floats(-0.999, 0.999))
def test_the_bivariate_normal_agrees_with_adaptive_quadrature(x: float, y: float, correlation: float) -> None:
    from scipy.integrate import quad

    def inner(t: float) -> float:
        return math.exp(-t * t / 2) / math.sqrt(2 * math.pi) * float(ndtr((y - correlation * t) / math.sqrt(1 - correlation**2)))

    turn = y / correlation if correlation else 0.0
    value, _ = quad(inner, -9.0, x, epsabs=1e-13, epsrel=1e-10, limit=400, points=[turn] if -9.0 < turn < x else None)
    assert bivariate_normal_cdf(x, y, correlation) == pytest.approx(value, abs=2e-12, rel=1e-8)


@given(points, points, st.floats(-1.0, 1.0))
def test_the_bivariate_normal_is_symmetric_and_between_its_bounds(x: float, y: float, correlation: float) -> None:
    value = bivariate_normal_cdf(x, y, correlation)
    assert value == pytest.approx(bivariate_normal_cdf(y, x, correlation), abs=1e-14)
    assert max(0.0, float(ndtr(x) + ndtr(y)) - 1.0) - 1e-14 <= value <= float(ndtr(min(x, y))) + 1e-14


def test_quadrants_have_their_arcsine() -> None:
    for correlation in (-1.0, -0.7, 0.0, 0.3, 0.999999, 1.0):
        assert bivariate_normal_cdf(0.0, 0.0, correlation) == pytest.approx(0.25 + math.asin(correlation) / (2 * math.pi), abs=1e-14)


def test_with_no_correlation_the_large_pool_loses_its_expectation_for_certain() -> None:
    assert vasicek.value_at_risk(0.02, r2=0.0, confidence=0.999, lgd=0.5) == pytest.approx(0.01)
    assert vasicek.expected_shortfall(0.02, r2=0.0, confidence=0.999, lgd=0.5) == pytest.approx(0.01)
    assert vasicek.unexpected_loss(0.02, r2=0.0) == 0.0


@given(st.floats(0.0001, 0.5), st.floats(0.01, 0.9), st.sampled_from([0.9, 0.99, 0.999]))
def test_shortfall_is_at_least_the_value_at_risk(pd: float, r2: float, confidence: float) -> None:
    var = vasicek.value_at_risk(pd, r2=r2, confidence=confidence)
    assert vasicek.expected_shortfall(pd, r2=r2, confidence=confidence) >= var * (1 - 1e-12)


def test_certain_and_impossible_default() -> None:
    assert vasicek.value_at_risk(0.0, r2=0.2, confidence=0.999) == 0.0
    assert vasicek.value_at_risk(1.0, r2=0.2, confidence=0.999, lgd=0.4) == 0.4
    assert homogeneous_pool(10, 0.0, 0.2).probability[0] == 1.0
    assert homogeneous_pool(10, 1.0, 0.2).probability[10] == 1.0
    with pytest.raises(InvalidInput):
        vasicek.default_correlation(0.0, 0.1, correlation=0.2)


def test_independent_defaults_are_binomial() -> None:
    from scipy.stats import binom

    assert homogeneous_pool(30, 0.1, 0.0).probability == pytest.approx(binom.pmf(np.arange(31), 30, 0.1), rel=1e-10)


def test_two_obligors_default_jointly_as_the_bivariate_normal_says() -> None:
    assert homogeneous_pool(2, 0.03, 0.25).probability[2] == pytest.approx(
        vasicek.joint_default_probability(0.03, 0.03, correlation=0.25), rel=1e-10
    )


@pytest.mark.parametrize(("pd", "r2"), [(1.5, 0.2), (-0.1, 0.2), (float("nan"), 0.2), (0.1, 1.0), (0.1, -0.2)])
def test_impossible_parameters_are_refused(pd: float, r2: float) -> None:
    with pytest.raises(InvalidInput):
        vasicek.value_at_risk(pd, r2=r2, confidence=0.99)
    with pytest.raises(InvalidInput):
        homogeneous_pool(10, pd, r2)
