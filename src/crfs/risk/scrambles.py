"""Errors from independent scrambles: each is an answer of its own, and their spread is the error of their mean."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal: by so many standard errors of a large sample a 95 % interval reaches to either side."""

SCRAMBLES = 8
"""Independent answers of a run that draws points of the factors."""

FloatArray: TypeAlias = npt.NDArray[np.float64]


def scramble_error(values: FloatArray) -> float:
    """Standard error of the mean of independent answers; one alone has none to show: 0.

    >>> round(scramble_error(np.array([1.0, 2.0, 3.0, 4.0])), 6)
    0.645497
    """
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


@lru_cache(maxsize=64)
def student(count: float) -> float:
    """By how many standard errors of ``count`` answers a 95 % interval reaches to either side: Student's quantile, not the normal one.

    An error that is worth as much as that of so many answers need not be a whole number of them.

    >>> round(student(8), 3)
    2.365
    """
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, 0.975)) if count > 1 else math.inf


def roots(squares: FloatArray) -> FloatArray:
    """Standard deviations by scramble of which the mean is the root of the mean of ``squares``, variances by scramble, and the spread its error.

    The root of each would be too small on average, the more so the more they scatter.

    >>> roots(np.array([8.0, 10.0])).round(6).tolist()
    [2.833333, 3.166667]
    """
    whole = math.sqrt(max(float(squares.mean()), 0.0))
    return whole + (squares - squares.mean()) / (2.0 * whole) if whole > 0.0 else np.zeros(len(squares))


def unit_error(count: int) -> FloatArray:
    """Numbers for ``count`` scrambles with no mean and a standard error of one: times an error that they all share, it is an error among others.

    >>> float(unit_error(4).mean()), round(scramble_error(unit_error(4)), 9)
    (0.0, 1.0)
    """
    signs = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    signs -= signs.mean()
    return np.asarray(signs / scramble_error(signs))
