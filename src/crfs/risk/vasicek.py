"""Vasicek's large homogeneous pool: closed forms for its value at risk, expected shortfall and standard deviation."""

from __future__ import annotations

import math

from crfs.errors import InvalidInput
from crfs.risk.bivariate_normal import bivariate_normal_cdf, dependence
from crfs.risk.ranges import ANYWHERE, CONFIDENCE, CORRELATION, DECIMAL, SHARE_OF_VARIANCE, number


def conditional_default_probability(pd: float, *, r2: float, factor: float) -> float:
    """Default probability given the systematic factor (standard normal; low is bad): Phi((Phi^-1(pd) - sqrt(r2) factor) / sqrt(1 - r2)).

    >>> round(conditional_default_probability(0.01, r2=0.2, factor=-3.0902323061678132), 6)
    0.145525
    """
    from scipy.special import ndtr, ndtri

    pd, r2, factor = number("pd", pd, DECIMAL), number("r2", r2, SHARE_OF_VARIANCE), number("factor", factor, ANYWHERE)
    return float(ndtr((ndtri(pd) - math.sqrt(r2) * factor) / math.sqrt(1.0 - r2)))


def value_at_risk(pd: float, *, r2: float, confidence: float, lgd: float = 1.0) -> float:
    """Value at risk of a pool of infinitely many equal loans, as a decimal of its exposure.

    O. Vasicek, "Loan portfolio value", Risk, December 2002; the kernel of the Basel risk weights.
    """
    from scipy.special import ndtri

    pd, r2, lgd = number("pd", pd, DECIMAL), number("r2", r2, SHARE_OF_VARIANCE), number("lgd", lgd, DECIMAL)
    confidence = number("confidence", confidence, CONFIDENCE)
    return lgd * conditional_default_probability(pd, r2=r2, factor=-float(ndtri(confidence)))


def expected_shortfall(pd: float, *, r2: float, confidence: float, lgd: float = 1.0) -> float:
    """Expected shortfall of the large pool, a decimal of its exposure: lgd Phi2(Phi^-1(pd), Phi^-1(1 - confidence); sqrt(r2)) / (1 - confidence)."""
    from scipy.special import ndtri

    pd, r2, lgd = number("pd", pd, DECIMAL), number("r2", r2, SHARE_OF_VARIANCE), number("lgd", lgd, DECIMAL)
    confidence = number("confidence", confidence, CONFIDENCE)
    joint = bivariate_normal_cdf(float(ndtri(pd)), -float(ndtri(confidence)), math.sqrt(r2))
    return lgd * joint / (1.0 - confidence)


def unexpected_loss(pd: float, *, r2: float, lgd: float = 1.0) -> float:
    """Standard deviation of the large pool's loss, a decimal of its exposure."""
    from scipy.special import ndtri

    pd, r2, lgd = number("pd", pd, DECIMAL), number("r2", r2, SHARE_OF_VARIANCE), number("lgd", lgd, DECIMAL)
    threshold = float(ndtri(pd))
    return lgd * math.sqrt(max(0.0, dependence(threshold, threshold, r2)))


def joint_default_probability(pd: float, other_pd: float, *, correlation: float) -> float:
    """Probability that both of two obligors default whose latent variables have the given correlation, within [-1, 1].

    >>> round(joint_default_probability(0.01, 0.01, correlation=0.2), 9)
    0.000338917
    >>> f"{joint_default_probability(1e-4, 1e-4, correlation=-0.5):.4e}"
    '3.0432e-15'
    """
    from scipy.special import ndtri

    p, other = number("pd", pd, DECIMAL), number("other_pd", other_pd, DECIMAL)
    return bivariate_normal_cdf(float(ndtri(p)), float(ndtri(other)), correlation)


def default_correlation(pd: float, other_pd: float, *, correlation: float) -> float:
    """Correlation of the two default flags; both probabilities must lie strictly between 0 and 1."""
    from scipy.special import ndtri

    p, other, correlation = (
        number("pd", pd, DECIMAL),
        number("other_pd", other_pd, DECIMAL),
        number("correlation", correlation, CORRELATION),
    )
    for name, probability in (("pd", p), ("other_pd", other)):
        if probability in (0.0, 1.0):
            raise InvalidInput(f"a default that is certain or impossible has no correlation: {name} is {probability:g}", argument=name)
    if abs(correlation) == 1.0:
        odds, other_odds = (math.log(each) - math.log1p(-each) for each in (p, other))
        return math.copysign(math.exp(-abs(odds - correlation * other_odds) / 2.0), correlation)
    # The product of the two standard deviations, of probabilities that may be as small as doubles go.
    log_spread = (math.log(p) + math.log1p(-p) + math.log(other) + math.log1p(-other)) / 2.0
    return dependence(float(ndtri(p)), float(ndtri(other)), correlation, log_unit=log_spread)
