"""Cumulants of what a name loses, given its default probability."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


def of_default(p: FloatArray, loss: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """First four cumulants of ``D X``: ``D`` one with probability ``p``, else zero; ``X`` with cumulants ``loss`` (4 x ...), independent.

    By the law of total cumulance (D. Brillinger, 1969): with q = 1 - p, the j-th cumulant of ``X`` being k_j,
    ``k1 p``, ``k1^2 pq + k2 p``, ``k1^3 pq(1-2p) + 3 k1 k2 pq + k3 p`` and so on. Shapes broadcast.
    """
    k1, k2, k3, k4 = loss
    pq = p * (1.0 - p)
    odd = pq * (1.0 - 2.0 * p)
    return (
        k1 * p,
        k1 * k1 * pq + k2 * p,
        k1**3 * odd + 3.0 * k1 * k2 * pq + k3 * p,
        k1**4 * pq * (1.0 - 6.0 * pq) + 6.0 * k2 * k1 * k1 * odd + (4.0 * k3 * k1 + 3.0 * k2 * k2) * pq + k4 * p,
    )


def weights_of_default(loss: FloatArray) -> FloatArray:
    """What each name counts for in :func:`weighted_sums`: 4 rows where every loss given default (``loss``: 4 x names) is certain, else 10."""
    k1, k2, k3, k4 = loss
    own = [k1, k1 * k1, k1**3, k1**4]
    if loss[1:].any():
        own += [k2, 3.0 * k1 * k2, k3, 6.0 * k2 * k1 * k1, 4.0 * k3 * k1 + 3.0 * k2 * k2, k4]
    return np.stack(own)


class Moments(NamedTuple):
    """What the cumulants of a default are made of, names x states each: p, pq, pq(1 - 2p), pq(1 - 6pq)."""

    p: FloatArray
    pq: FloatArray
    odd: FloatArray
    even: FloatArray


def moments(p: FloatArray, q: FloatArray) -> Moments:
    """Of default probabilities ``p``; ``q`` are those of survival, which one less ``p`` has lost where default is all but certain."""
    pq = p * q
    return Moments(p, pq, pq * (q - p), pq * (1.0 - 6.0 * pq))


def weighted_sums(of: Moments, weights: FloatArray) -> FloatArray:
    """Cumulants (4 x states) of the sum over names: ``weights`` are those of :func:`weights_of_default`."""
    total = np.stack([row @ values for row, values in zip(weights[:4], of, strict=True)])
    if len(weights) > 4:
        from_p, from_pq = weights[[4, 6, 9]] @ of.p, weights[[5, 8]] @ of.pq
        total[1] += from_p[0]
        total[2] += from_p[1] + from_pq[0]
        total[3] += from_p[2] + from_pq[1] + weights[7] @ of.odd
    return np.asarray(total)


def sums_of_default(p: FloatArray, loss: FloatArray, *, q: FloatArray | None = None) -> FloatArray:
    """Cumulants of the sum over names: ``p`` has one row a name, one column a state; ``loss`` is 4 x names; the answer 4 x states.

    ``q``, where it is given, are the probabilities of survival to their own digits (:func:`moments`).
    """
    return weighted_sums(moments(p, 1.0 - p if q is None else q), weights_of_default(loss))
