"""The granularity adjustment: the value at risk that a book of finite names has beyond that of infinitely many."""

from __future__ import annotations

import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.largest_names import shares
from crfs.risk.ranges import CONFIDENCE, DECIMAL, Range, number, numbers

_PRECISION = Range(said="a precision above 0 and up to 1e12, such as 0.25", low=0.0, with_low=False, high=1e12)
"""Beyond it the Gamma variable is one but for rounding."""
# A difference of two numbers that may be equal is rounded to either side of zero.
_CAPITAL = Range(said=DECIMAL.said, low=-1e-12, high=1.0)


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
    lgd_variance_factor: float = 0.25,
) -> float:
    """Simplified granularity adjustment to the value at risk, a decimal of the book's exposure.

    One entry an obligor: ``exposure`` in currency units, ``pd`` and mean ``lgd`` decimals, ``capital`` the obligor's unexpected-loss
    capital in the large pool as a decimal of its exposure (value at risk less expected loss). ``xi`` is the precision of the
    systematic factor in CreditRisk+, ``lgd_variance_factor`` the share (a decimal) of the greatest possible LGD variance. It supposes one
    systematic factor. What is negative, NaN or above what it may be is :class:`crfs.errors.InvalidInput` that names the argument.

    M. Gordy and E. Lütkebohmert, "Granularity adjustment for regulatory capital assessment", International Journal of Central
    Banking 9(3), 2013, equation 11: sum s^2 C (delta (K + R) - K) / (2 K*).
    """
    share = shares(exposure)
    given = {"pd": pd, "lgd": lgd, "capital": capital}
    columns = {name: numbers(name, values, _CAPITAL if name == "capital" else DECIMAL) for name, values in given.items()}
    for name, column in columns.items():
        if column.shape not in ((), (1,), share.shape):
            raise InvalidInput(
                f"{name} is one decimal, or one for each of the {len(share):,} exposures, not {column.size:,}", argument=name
            )
    p, loss, k = columns.values()
    factor = number("lgd_variance_factor", lgd_variance_factor, DECIMAL)
    pool_capital = float((share * k).sum())
    if not pool_capital > 0.0:
        raise InvalidInput("the large pool has no capital, so the adjustment, which is relative to it, does not exist", argument="capital")
    delta = granularity_delta(confidence=confidence, xi=xi)
    # (Var[LGD] + E[LGD]^2) / E[LGD], with Var[LGD] = factor * E[LGD] (1 - E[LGD])
    lgd_ratio = factor * (1.0 - loss) + loss
    return float((share**2 * lgd_ratio * (delta * (k + p * loss) - k)).sum() / (2.0 * pool_capital))
