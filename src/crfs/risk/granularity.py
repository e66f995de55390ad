"""The granularity adjustment: the value at risk that a book of finite names has beyond that of infinitely many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput


def granularity_delta(*, confidence: float = 0.999, xi: float = 0.25) -> float:
    """The regulatory parameter delta: (a - 1)(xi + (1 - xi) / a), ``a`` the quantile of a Gamma variable of mean 1 and variance 1 / xi.

    >>> round(granularity_delta(), 2)
    4.83
    """
    from scipy.special import gammaincinv

    if not 0.0 < confidence < 1.0 or not xi > 0.0:
        raise InvalidInput(f"confidence is within (0, 1) and xi above 0; given {confidence}, {xi}")
    quantile = float(gammaincinv(xi, confidence)) / xi
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
    systematic factor in CreditRisk+, ``lgd_variance_factor`` the share of the greatest possible LGD variance. It supposes one systematic factor.

    M. Gordy and E. Lütkebohmert, "Granularity adjustment for regulatory capital assessment", International Journal of Central
    Banking 9(3), 2013, equation 11: sum s^2 C (delta (K + R) - K) / (2 K*).
    """
    amounts, p, loss, k = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (exposure, pd, lgd, capital)))
    if not all(np.isfinite(a).all() for a in (amounts, p, loss, k)) or (amounts < 0.0).any() or not amounts.sum() > 0.0:
        raise InvalidInput("exposure, pd, lgd and capital must be finite, exposure zero or more and not all zero")
    share = amounts / amounts.sum()
    pool_capital = float((share * k).sum())
    if not pool_capital > 0.0:
        raise InvalidInput("the large pool has no capital, so the adjustment, which is relative to it, does not exist")
    delta = granularity_delta(confidence=confidence, xi=xi)
    # (Var[LGD] + E[LGD]^2) / E[LGD], with Var[LGD] = factor * E[LGD] (1 - E[LGD])
    lgd_ratio = lgd_variance_factor * (1.0 - loss) + loss
    return float((share**2 * lgd_ratio * (delta * (k + p * loss) - k)).sum() / (2.0 * pool_capital))
