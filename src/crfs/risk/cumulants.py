"""Cumulants of what a name loses, given its default probability."""

from __future__ import annotations

from typing import TypeAlias

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


def sums_of_default(p: FloatArray, loss: FloatArray) -> FloatArray:
    """Cumulants of the sum over names: ``p`` has one row a name, one column a state; ``loss`` is 4 x names; the answer 4 x states."""
    k1, k2, k3 = loss[:3]
    pq = p * (1.0 - p)
    odd = pq * (1.0 - 2.0 * p)
    if not loss[1:].any():
        return np.stack([k1 @ p, (k1 * k1) @ pq, k1**3 @ odd, k1**4 @ (pq * (1.0 - 6.0 * pq))])
    total = loss @ p
    square = np.stack([k1 * k1, 3.0 * k1 * k2, 4.0 * k3 * k1 + 3.0 * k2 * k2]) @ pq
    cube = np.stack([k1**3, 6.0 * k2 * k1 * k1]) @ odd
    fourth = (k1**4) @ (pq * (1.0 - 6.0 * pq))
    total[1] += square[0]
    total[2] += square[1] + cube[0]
    total[3] += square[2] + cube[1] + fourth
    return np.asarray(total)
