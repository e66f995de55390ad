"""Population stability index (PSI): how far a score's distribution has moved from a reference, over bins fixed on the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from crfs.errors import InvalidInput

EPSILON = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Psi:
    """``Σ (a - r) ln(a / r)`` over bins, 0 or more; ``null`` is what chance alone gives on average.

    Below 0.1 is called stable, above 0.25 shifted; these marks ignore the sample sizes, so compare with ``null`` and ``upper``, mean and
    95 % point of ``χ²(bins - 1) · (1/n + 1/m)`` (Yurdakul & Naranjo, Journal of Risk Model Validation, 2020), for independent rows.
    ``epsilon`` replaced shares below it, in bins that one side has no row in.
    """

    psi: float
    null: float
    upper: float
    bins: int
    epsilon: float
    edges: tuple[float, ...]
    reference_shares: tuple[float, ...]
    shares: tuple[float, ...]


def reference_edges(reference: ArrayLike | pl.Series, *, bins: int = 10) -> tuple[float, ...]:
    """Cuts at the reference's quantiles, at values that occur; a bin begins at each cut. Fewer where values tie."""
    values = _finite(reference)
    if bins < 2:
        raise InvalidInput(f"bins must be 2 or more, not {bins}")
    ordered = np.sort(values)
    cuts = np.unique(ordered[(np.arange(1, bins) * len(ordered)) // bins])
    return tuple(float(cut) for cut in cuts if cut > ordered[0])


def shares_psi(reference: ArrayLike, current: ArrayLike, *, epsilon: float = EPSILON) -> float:
    """PSI of two lists of shares over the same bins.

    >>> round(shares_psi([0.5, 0.5], [0.6, 0.4]), 6)
    0.040547
    """
    r, a = np.maximum(np.asarray(reference, dtype=np.float64), epsilon), np.maximum(np.asarray(current, dtype=np.float64), epsilon)
    if r.shape != a.shape:
        raise InvalidInput(f"the shares are over different bins: {r.shape} and {a.shape}")
    return float(np.sum((a - r) * np.log(a / r)))


def psi(
    reference: ArrayLike | pl.Series,
    current: ArrayLike | pl.Series,
    *,
    bins: int = 10,
    edges: tuple[float, ...] | None = None,
    epsilon: float = EPSILON,
) -> Psi:
    """PSI of a current sample against a reference.

    Args:
        reference: the score on the training rows.
        current: the score now.
        bins: quantile bins of the reference, where no ``edges`` are given.
        edges: cuts fixed earlier.
        epsilon: least share; it matters where a bin is empty on one side, so it is named in the answer.
    """
    old, new = _finite(reference), _finite(current)
    cuts = reference_edges(old, bins=bins) if edges is None else edges
    count = len(cuts) + 1
    r = np.bincount(np.searchsorted(cuts, old, side="right"), minlength=count) / len(old)
    a = np.bincount(np.searchsorted(cuts, new, side="right"), minlength=count) / len(new)
    from scipy.special import chdtri

    scale = 1.0 / len(old) + 1.0 / len(new)
    return Psi(
        psi=shares_psi(r, a, epsilon=epsilon),
        null=(count - 1) * scale,
        upper=float(chdtri(count - 1, 0.05)) * scale if count > 1 else 0.0,
        bins=count,
        epsilon=epsilon,
        edges=cuts,
        reference_shares=tuple(float(share) for share in r),
        shares=tuple(float(share) for share in a),
    )


def _finite(values: ArrayLike | pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = values.cast(pl.Float64).to_numpy() if isinstance(values, pl.Series) else np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not np.isfinite(array).all():
        raise InvalidInput("a score must be a column of finite numbers with at least one row")
    return array
