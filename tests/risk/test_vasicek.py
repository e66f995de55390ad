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


def test_a_pool_too_large_to_be_finite_is_told_of_its_limit() -> None:
    with pytest.raises(InvalidInput, match=r"100,000 at most.*not 1,000,000,000: .*crfs\.risk\.vasicek") as refused:
        homogeneous_pool(10**9, 0.1, 0.2)
    assert refused.value.argument == "obligors"


def test_independent_defaults_are_binomial() -> None:
    from scipy.stats import binom

    assert homogeneous_pool(30, 0.1, 0.0).probability == pytest.approx(binom.pmf(np.arange(31), 30, 0.1), rel=1e-10)


def test_two_obligors_default_jointly_as_the_bivariate_normal_says() -> None:
    assert homogeneous_pool(2, 0.03, 0.25).probability[2] == pytest.approx(
        vasicek.joint_default_probability(0.03, 0.03, correlation=0.25), rel=1e-10
    )


@pytest.mark.parametrize("r2", [0.79, 0.81, 0.99, 0.99999, 1.0 - 1e-8, 1.0 - 1e-12, 1.0 - 1.2e-16])
@pytest.mark.parametrize("pd", [1e-6, 0.0123, 0.5, 0.97])
def test_a_pool_whose_obligors_default_all_at_once_keeps_its_moments(pd: float, r2: float) -> None:
    pool, k = homogeneous_pool(100, pd, r2), np.arange(101)
    assert pool.probability.sum() == pytest.approx(1.0, rel=1e-12)
    assert (k * pool.probability).sum() == pytest.approx(100 * pd, rel=1e-10)
    pairs = vasicek.joint_default_probability(pd, pd, correlation=r2)
    assert (k * (k - 1) * pool.probability).sum() == pytest.approx(100 * 99 * pairs, rel=1e-9)
    assert pool.expected_shortfall(0.98) <= 100 * pd / 0.02 * (1.0 + 1e-10)


@pytest.mark.parametrize(("pd", "r2"), [(1.5, 0.2), (-0.1, 0.2), (float("nan"), 0.2), (0.1, 1.0), (0.1, -0.2)])
def test_impossible_parameters_are_refused(pd: float, r2: float) -> None:
    with pytest.raises(InvalidInput):
        vasicek.value_at_risk(pd, r2=r2, confidence=0.99)
    with pytest.raises(InvalidInput):
        homogeneous_pool(10, pd, r2)


# Quadrature of the conditional probability with 30 digits (mpmath), from the decimals as they are written.
JOINT = [
    (1e-4, 1e-4, -0.9, 2.23471345610595e-64),
    (1e-4, 1e-4, -0.5, 3.04318603294202e-15),
    (1e-8, 1e-8, -0.3, 7.21184810497704e-23),
    (1e-8, 0.5, -0.9, 4.62037152852873e-40),
    (0.5, 0.5, -0.99, 0.0225267068222061),
    (0.05, 0.02, -0.99, 9.60126998176032e-154),
    (0.3, 1e-6, -0.7, 1.64391137462535e-14),
    (1e-8, 1e-8, -0.9, 1.91861368881166e-141),
    (1e-3, 0.01, -0.95, 3.11449914322974e-68),
]


@pytest.mark.parametrize(("pd", "other", "correlation", "joint"), JOINT)
def test_a_joint_default_that_is_next_to_impossible_has_its_digits(pd: float, other: float, correlation: float, joint: float) -> None:
    for first, second in ((pd, other), (other, pd)):
        assert vasicek.joint_default_probability(first, second, correlation=correlation) == pytest.approx(joint, rel=1e-12, abs=0.0)


@given(st.floats(1e-8, 0.5), st.floats(1e-8, 0.5), st.floats(-0.99, 0.0), st.floats(1e-6, 0.009))
def test_a_joint_default_becomes_likelier_with_correlation(pd: float, other: float, correlation: float, more: float) -> None:
    lower = vasicek.joint_default_probability(pd, other, correlation=correlation - more)
    higher = vasicek.joint_default_probability(pd, other, correlation=correlation)
    assert 0.0 <= lower < higher or higher == 0.0
    assert higher <= pd * other * (1 + 1e-12)


def test_defaults_as_seldom_as_doubles_go_have_a_correlation() -> None:
    # Quadrature with 30 digits of the joint probability, which is 1.8e-317 where no double has its digits.
    assert vasicek.default_correlation(1e-300, 1e-300, correlation=0.9) == pytest.approx(1.8126192717e-17, rel=1e-9, abs=0.0)
    assert vasicek.default_correlation(1e-300, 1e-300, correlation=-0.9) == pytest.approx(-1e-300, rel=1e-9, abs=0.0)
    assert vasicek.default_correlation(1e-300, 1e-300, correlation=1.0) == 1.0


@given(st.floats(1e-6, 0.9), st.floats(1e-6, 0.9), st.sampled_from([-1.0, 1.0]))
def test_the_correlation_of_defaults_at_its_ends_is_that_of_the_joint_probability(pd: float, other: float, correlation: float) -> None:
    joint = vasicek.joint_default_probability(pd, other, correlation=correlation)
    expected = (joint - pd * other) / math.sqrt(pd * (1 - pd) * other * (1 - other))
    assert vasicek.default_correlation(pd, other, correlation=correlation) == pytest.approx(expected, rel=1e-6, abs=1e-15)
