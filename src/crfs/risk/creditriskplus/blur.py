"""By how much noise moves the tail of a distribution on a lattice: what rounding did to it, done once more."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.creditriskplus.contributions import LatticeTail

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Of the noise so many standard deviations are looked at.
_REACH = 8.0


def blurred(probability: FloatArray, tail: LatticeTail, deviation: float) -> tuple[float, float]:
    """By how many steps noise of mean zero and the given standard ``deviation`` (in steps) moves value at risk and shortfall at ``tail``.

    >>> by_var, by_es = blurred(np.array([0.985, 0.0, 0.015]), LatticeTail(confidence=0.99, at=2, es_units=2.0, atom=0.667), 0.5)
    >>> by_var, round(by_es, 6)
    (0, 0.1875)
    """
    if not deviation > 0.0:
        return 0.0, 0.0
    kernel = _noise(deviation)
    half = len(kernel) // 2
    in_tail = 1.0 - tail.confidence
    # P(L > n) and E(L - n)+ about the quantile: so far that the noise neither comes from beyond nor leaves.
    first, end = tail.at - 2 * half - 2, tail.at + 2 * half + 3
    above = np.cumsum(probability[::-1])[::-1]
    above = np.append(above[1:], 0.0)
    excess = np.append(np.cumsum(above[::-1])[::-1], 0.0)
    places = np.arange(first, end)
    inside = np.clip(places, 0, len(above) - 1)
    exceeded = np.where(places < 0, 1.0, np.where(places < len(above), above[inside], 0.0))
    # Below zero each step down is a step more of the mean excess.
    over = np.where(places < 0, excess[0] - places, np.where(places < len(above), excess[inside], 0.0))
    exceeded, over = (np.convolve(values, kernel, mode="valid") for values in (exceeded, over))
    k = int(np.argmax(exceeded <= in_tail * (1.0 + 1e-12)))
    quantile = first + half + k
    return quantile - tail.at, quantile + float(over[k]) / in_tail - tail.es_units


def _noise(deviation: float) -> FloatArray:
    """Probabilities of an odd number of steps, symmetric, with that standard deviation."""
    if deviation <= math.sqrt(0.5):
        side = 0.5 * deviation * deviation
        return np.array([side, 1.0 - 2.0 * side, side])
    reach = math.ceil(_REACH * deviation)
    density = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / deviation))
    noise: FloatArray = density / density.sum()
    return noise
