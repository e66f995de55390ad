"""Vasicek's large homogeneous pool: closed forms for its value at risk, expected shortfall and standard deviation."""

from __future__ import annotations

import math

from crfs.errors import InvalidInput
from crfs.risk.bivariate_normal import bivariate_normal_cdf, dependence


def _check(pd: float, r2: float, lgd: float, confidence: float | None = None) -> None:
    if not 0.0 <= pd <= 1.0:
        raise InvalidInput(f"pd is a decimal within [0, 1], not {pd}")
    if not 0.0 <= r2 < 1.0:
        raise InvalidInput(f"r2 is a decimal within [0, 1), not {r2}")
    if not 0.0 <= lgd <= 1.0:
        raise InvalidInput(f"lgd is a decimal within [0, 1], not {lgd}")
    if confidence is not None and not 0.0 < confidence < 1.0:
        raise InvalidInput(f"confidence is a decimal within (0, 1), such as 0.999, not {confidence}")


def conditional_default_probability(pd: float, *, r2: float, factor: float) -> float:
    """Default probability given the systematic factor (standard normal; low is bad): Phi((Phi^-1(pd) - sqrt(r2) factor) / sqrt(1 - r2)).

    >>> round(conditional_default_probability(0.01, r2=0.2, factor=-3.0902323061678132), 6)
    0.145525
    """
    from scipy.special import ndtr, ndtri

    _check(pd, r2, 1.0)
    return float(ndtr((ndtri(pd) - math.sqrt(r2) * factor) / math.sqrt(1.0 - r2)))


def value_at_risk(pd: float, *, r2: float, confidence: float, lgd: float = 1.0) -> float:
    """Value at risk of a pool of infinitely many equal loans, as a decimal of its exposure.

    O. Vasicek, "Loan portfolio value", Risk, December 2002; the kernel of the Basel risk weights.
    """
    from scipy.special import ndtri

    _check(pd, r2, lgd, confidence)
    return lgd * conditional_default_probability(pd, r2=r2, factor=-float(ndtri(confidence)))


def expected_shortfall(pd: float, *, r2: float, confidence: float, lgd: float = 1.0) -> float:
    """Expected shortfall of the large pool, a decimal of its exposure: lgd Phi2(Phi^-1(pd), Phi^-1(1 - confidence); sqrt(r2)) / (1 - confidence)."""
    from scipy.special import ndtri

    _check(pd, r2, lgd, confidence)
    joint = bivariate_normal_cdf(float(ndtri(pd)), -float(ndtri(confidence)), math.sqrt(r2))
    return lgd * joint / (1.0 - confidence)


def unexpected_loss(pd: float, *, r2: float, lgd: float = 1.0) -> float:
    """Standard deviation of the large pool's loss, a decimal of its exposure."""
    from scipy.special import ndtri

    _check(pd, r2, lgd)
    threshold = float(ndtri(pd))
    return lgd * math.sqrt(max(0.0, dependence(threshold, threshold, r2)))


def joint_default_probability(pd: float, other_pd: float, *, correlation: float) -> float:
    """Probability that both of two obligors default whose latent variables have the given correlation.

    >>> round(joint_default_probability(0.01, 0.01, correlation=0.2), 9)
    0.000338917
    """
    from scipy.special import ndtri

    _check(pd, 0.0, 1.0)
    _check(other_pd, 0.0, 1.0)
    return bivariate_normal_cdf(float(ndtri(pd)), float(ndtri(other_pd)), correlation)


def default_correlation(pd: float, other_pd: float, *, correlation: float) -> float:
    """Correlation of the two default flags; both probabilities must lie strictly between 0 and 1."""
    from scipy.special import ndtri

    spread = pd * (1.0 - pd) * other_pd * (1.0 - other_pd)
    if not spread > 0.0:
        raise InvalidInput(f"a default that is certain or impossible has no correlation: pd {pd}, {other_pd}")
    if abs(correlation) == 1.0:
        return (joint_default_probability(pd, other_pd, correlation=correlation) - pd * other_pd) / math.sqrt(spread)
    return dependence(float(ndtri(pd)), float(ndtri(other_pd)), correlation) / math.sqrt(spread)
