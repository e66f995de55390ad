"""Many names as few: what the names of a cell of thresholds and slopes count for, moved to the cell's own interpolation points.

A name's conditional default probability ``Phi(s a - b y)`` is an entire function of its threshold ``a`` and slope ``b``. Within a small cell it is
a polynomial in both to all digits that matter, so a sum over the cell's names of weight times (a function of) that probability equals the sum over the
cell's Chebyshev points with weights that do not depend on the state: found once, whatever the number of states, and the points are the same
for every class of names and every book (L. Trefethen, "Approximation theory and approximation practice", 2013, chapters 2 to 8).
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.normal_cdf import both_tails

FloatArray: TypeAlias = npt.NDArray[np.float64]

_WIDTH_A, _WIDTH_B = 1.0, 0.15
_POINTS = 10
"""In each of the two directions of a cell."""
_FARTHEST = 40.0
_COLUMNS = 64
_OUTSIDE = -1
# Where the next term of the interpolation would be this part of a probability, of default or of survival, the probability is too small for it to matter
# (below 1e-13 but in the best of states): there the cell's centre stands for all of it.
_LOST = 5e-4


def cells_of(a: FloatArray, b: FloatArray) -> npt.NDArray[np.int16]:
    """The number of each name's cell, a function of its threshold and slope alone; -1 far out, where names are summed one by one."""
    inside = (np.abs(a) < _FARTHEST) & (b < _WIDTH_B * _COLUMNS)
    row = np.floor(np.where(inside, a, 0.0) / _WIDTH_A) + _FARTHEST
    column = np.floor(np.where(inside, b, 0.0) / _WIDTH_B)
    return np.asarray(np.where(inside, row * _COLUMNS + column, _OUTSIDE), dtype=np.int16)


def moved(cell: int, a: FloatArray, b: FloatArray, weights: FloatArray) -> FloatArray:
    """Weights (rows x names) of a cell's names moved to its points: rows x points, with the same sums over polynomials."""
    along_a, along_b = _along(cell, a, b)
    spread = (weights[:, None, :] * along_a).reshape(-1, len(a))
    return np.ascontiguousarray((spread @ along_b.T).reshape(len(weights), -1))


def interpolation(cell: int, a: FloatArray, b: FloatArray) -> FloatArray:
    """What each of a cell's points counts for in a name's value (names x points): the values at the points, so weighted, are its own."""
    along_a, along_b = _along(cell, a, b)
    return np.asarray((along_a.T[:, :, None] * along_b.T[:, None, :]).reshape(len(a), -1))


def probabilities(cell: int, y: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probabilities of default and of survival (points x states each) at a cell's points in states of a factor ``y`` and a mixing variable ``s``."""
    centre_a, centre_b = _centre(cell)
    nodes = _nodes()
    a = centre_a + 0.5 * _WIDTH_A * np.repeat(nodes, _POINTS)
    b = centre_b + 0.5 * _WIDTH_B * np.tile(nodes, _POINTS)
    p, q = both_tails(a[:, None] * s - b[:, None] * y)
    middle = centre_a * s - centre_b * y
    reach = np.maximum(s * (0.25 * _WIDTH_A), np.abs(y) * (0.25 * _WIDTH_B))
    # The first coefficient that is left out, beside the probability: (|x| reach)^n / n!.
    lost = np.abs(middle) * reach > (_LOST * _factorial(_POINTS)) ** (1.0 / _POINTS)
    p[:, lost], q[:, lost] = both_tails(middle[lost])
    return p, q


def _along(cell: int, a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lagrange's polynomials of a cell's points in either direction (points x names)."""
    centre_a, centre_b = _centre(cell)
    return _lagrange((a - centre_a) * (2.0 / _WIDTH_A)), _lagrange((b - centre_b) * (2.0 / _WIDTH_B))


def _centre(cell: int) -> tuple[float, float]:
    row, column = divmod(cell, _COLUMNS)
    return (row - _FARTHEST + 0.5) * _WIDTH_A, (column + 0.5) * _WIDTH_B


@cache
def _nodes() -> FloatArray:
    """Chebyshev's points of the first kind within (-1, 1)."""
    return np.asarray(np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS))


@cache
def _from_chebyshev() -> FloatArray:
    """Lagrange's polynomials at the nodes as combinations of Chebyshev's: nodes x degrees."""
    matrix = 2.0 / _POINTS * _chebyshev(_nodes()).T
    matrix[:, 0] *= 0.5
    return np.ascontiguousarray(matrix)


def _lagrange(t: FloatArray) -> FloatArray:
    return np.asarray(_from_chebyshev() @ _chebyshev(t))


def _chebyshev(t: FloatArray) -> FloatArray:
    """Chebyshev's polynomials (degrees x numbers)."""
    result = np.empty((_POINTS, len(t)))
    result[0], result[1] = 1.0, t
    for degree in range(2, _POINTS):
        result[degree] = 2.0 * t * result[degree - 1] - result[degree - 2]
    return result


def _factorial(n: int) -> float:
    return float(np.prod(np.arange(1.0, n + 1.0)))
