"""The granularity adjustment: the value at risk that a book of finite names has beyond that of infinitely many."""

from __future__ import annotations

import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.largest_names import shares
from crfs.risk.ranges import CONFIDENCE, DECIMAL, Range, number, numbers

_PRECISION = Range(said="a precision above 0 and up to 1e12, such as 0.25", low=0.0, with_low=False, high=1e12)
"""Beyond it the Gamma variable is one but for rounding."""
_CAPITAL = Range(said="a decimal within [-1, 1]", low=-1.0, high=1.0)
# A difference of two numbers that may be equal is rounded to either side of zero.
_ROUNDING = 1e-12


def granularity_delta(*, confidence: float = 0.999, xi: float = 0.25) -> float:
    """The regulatory parameter delta: (a - 1)(xi + (1 - xi) / a), ``a`` the quantile of a Gamma variable of mean 1 and variance 1 / xi.

    >>> round(granularity_delta(), 2)
    4.83
    """
    from scipy.special import gammaincinv

    confidence, xi = number("confidence", confidence, CONFIDENCE), number("xi", xi, _PRECISION)
    quantile = float(gammaincinv(xi, confidence)) / xi
    if not quantile > 0.0:
        raise InvalidInput(
            f"with xi = {xi} the factor's quantile at {confidence} is below what a double holds; give a larger xi", argument="xi"
        )
    return (quantile - 1.0) * (xi + (1.0 - xi) / quantile)


def granularity_adjustment(
    exposure: npt.ArrayLike,
    *,
    pd: npt.ArrayLike,
    lgd: npt.ArrayLike,
    capital: npt.ArrayLike,
    confidence: float = 0.999,
    xi: float = 0.25,
    lgd_variance_factor: npt.ArrayLike = 0.25,
) -> float:
    """Simplified granularity adjustment to the value at risk, a decimal of the book's exposure.

    One entry an obligor: ``exposure`` in currency units, ``pd`` and mean ``lgd`` decimals, ``capital`` the obligor's unexpected-loss
    capital in the large pool as a decimal of its exposure (value at risk less expected loss; below 0, but not below ``-pd lgd``, for one that the
    pool's bad state spares). ``xi`` is the precision of the systematic factor in CreditRisk+, ``lgd_variance_factor`` the variance of the loss given
    default as a share (a decimal) of the greatest possible, ``lgd (1 - lgd)``: one for all, such as the supervisors' 0.25, or one an obligor; 0 is
    a certain loss. It supposes one systematic factor. What is NaN or outside of what it may be is :class:`crfs.errors.InvalidInput` that names the
    argument.

    >>> [round(granularity_adjustment([1.0] * 100, pd=0.01, lgd=0.45, capital=0.06, lgd_variance_factor=v), 5) for v in (0.0, 0.25)]
    [0.00944, 0.01233]

    M. Gordy and E. Lütkebohmert, "Granularity adjustment for regulatory capital assessment", International Journal of Central
    Banking 9(3), 2013, equation 11: sum s^2 C (delta (K + R) - K) / (2 K*).
    """
    share = shares(exposure)
    given = {"pd": pd, "lgd": lgd, "capital": capital, "lgd_variance_factor": lgd_variance_factor}
    columns = {name: numbers(name, values, _CAPITAL if name == "capital" else DECIMAL) for name, values in given.items()}
    for name, column in columns.items():
        if column.shape not in ((), (1,), share.shape):
            raise InvalidInput(
                f"{name} is one decimal, or one for each of the {len(share):,} exposures, not {column.size:,}", argument=name
            )
    p, loss, k, factor = columns.values()
    if (k + p * loss < -_ROUNDING).any():
        raise InvalidInput("capital is below -pd * lgd: no state of the pool loses less than nothing", argument="capital")
    pool_capital = float((share * k).sum())
    if not pool_capital > 0.0:
        raise InvalidInput("the large pool has no capital, so the adjustment, which is relative to it, does not exist", argument="capital")
    delta = granularity_delta(confidence=confidence, xi=xi)
    # (Var[LGD] + E[LGD]^2) / E[LGD], with Var[LGD] = factor * E[LGD] (1 - E[LGD])
    lgd_ratio = factor * (1.0 - loss) + loss
    return float((share**2 * lgd_ratio * (delta * (k + p * loss) - k)).sum() / (2.0 * pool_capital))
