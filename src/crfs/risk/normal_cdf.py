"""The standard normal distribution function over large arrays, in the time that memory takes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Phi(-z) = exp(-z^2 / 2) t R(2 t - 1) with t = k / (k + z): a least-squares Chebyshev fit of relative error over z in [0, 40],
# turned into powers. The test judges it by scipy's ndtr: 7e-10 of the value itself at most, the tail included.
_K = 4.0
_R = (
    0.18882128255081887,
    0.15197415926656277,
    0.09678435382372155,
    0.046630506572470067,
    0.015099105933630399,
    0.001884646902781446,
    -0.0008697891297921569,
    -0.00040608665555088327,
    3.3130644543372426e-05,
    5.455977967965543e-05,
    -2.953076398172595e-07,
    -5.574722203905645e-06,
)
_FARTHEST = 38.0  # beyond it the value is no double


def normal_cdf(x: FloatArray) -> FloatArray:
    """Phi(x), to 7e-10 of its own size wherever it is below one half: a quarter of the time of ``scipy.special.ndtr`` and no exactness.

    For tables and sums over many names, where a spline's error is a thousand times larger. NaN stays NaN.

    >>> [float(p) for p in normal_cdf(np.array([-1.96, 0.0, 1.96])).round(8)]
    [0.0249979, 0.5, 0.9750021]
    """
    tail = _smaller(x)
    return np.where(x > 0.0, 1.0 - tail, tail)


def both_tails(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Phi(x) and Phi(-x), each to 7e-10 of its own size wherever it is below one half: one less the other is nothing but rounding in a tail.

    >>> [float(tail[0]) for tail in both_tails(np.array([20.0]))] == [1.0, float(normal_cdf(np.array([-20.0]))[0])]
    True
    """
    tail = _smaller(x)
    rest = 1.0 - tail
    above = x > 0.0
    return np.where(above, rest, tail), np.where(above, tail, rest)


def _smaller(x: FloatArray) -> FloatArray:
    """Phi(-|x|)."""
    z = np.abs(x)
    np.minimum(z, _FARTHEST, out=z)
    t = z + _K
    np.divide(2.0 * _K, t, out=t)
    t -= 1.0
    tail = np.full_like(t, _R[-1])
    for coefficient in _R[-2::-1]:
        tail *= t
        tail += coefficient
    t += 1.0
    t *= 0.5
    tail *= t
    np.multiply(z, z, out=z)
    z *= -0.5
    tail *= np.exp(z, out=z)
    return np.asarray(tail)
