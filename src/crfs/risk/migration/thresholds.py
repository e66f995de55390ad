"""CreditMetrics thresholds: where a latent variable must fall for a name to end in each rating, and what two names do together.

G. Gupton, C. Finger and M. Bhatia, CreditMetrics Technical Document, J.P. Morgan, 1997, chapter 8.
"""

from __future__ import annotations

import itertools
import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput, naming
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.ranges import CORRELATION, Range, number, numbers

_PROBABILITIES = Range(said="a row of two or more numbers of zero or more that sum to one", low=0.0, with_high=False)
_DEGREES = Range(said="a positive number", low=0.0, with_low=False)

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Beyond it a normal variable has probability 1e-300.
_FAR = 37.0
_NODES = 24


def thresholds(probabilities: npt.ArrayLike, *, degrees_of_freedom: float | None = None) -> FloatArray:
    """The K - 1 thresholds of one row of end ratings, from that between the two best down to that of default, falling.

    The latent variable, standard normal (or Student t), ends in rating ``j`` between thresholds ``j - 1`` and ``j``: above the first in the best,
    below the last in default. A rating with probability zero has an empty interval; thresholds may be infinite.

    >>> thresholds([0.02, 0.90, 0.05, 0.03]).round(4).tolist()
    [2.0537, -1.4051, -1.8808]
    """
    if degrees_of_freedom is not None:
        number("degrees_of_freedom", degrees_of_freedom, _DEGREES)
    row = numbers("probabilities", probabilities, _PROBABILITIES)
    if row.ndim != 1 or len(row) < 2 or abs(float(row.sum()) - 1.0) > 1e-9:
        raise InvalidInput(f"probabilities is {_PROBABILITIES.said}, not {probabilities!r:.80}", argument="probabilities")
    found: FloatArray = threshold_rows(row[None, :], degrees_of_freedom)[0]
    return found


def matrix_thresholds(matrix: TransitionMatrix, *, degrees_of_freedom: float | None = None) -> FloatArray:
    """Thresholds of every rating, K x (K - 1); the row of default has infinity, since it is never left."""
    return threshold_rows(matrix.probability, degrees_of_freedom)


def threshold_rows(rows: FloatArray, degrees_of_freedom: float | None) -> FloatArray:
    """As :func:`thresholds` for rows that sum to one. Each is found from its nearer end, so that small tails keep their digits."""
    better = np.cumsum(rows, axis=1)[:, :-1]
    worse = np.cumsum(rows[:, ::-1], axis=1)[:, ::-1][:, 1:]
    quantile = _quantile(np.minimum(np.minimum(worse, better), 1.0), degrees_of_freedom)
    return np.where(worse <= better, quantile, -quantile)


def joint_migration(probabilities: npt.ArrayLike, other: npt.ArrayLike, *, correlation: float) -> FloatArray:
    """Probability of each pair of end ratings of two names whose latent normal variables have ``correlation``: rows the first's, columns the other's.

    ``probabilities`` and ``other`` are their rows of a transition matrix; rows and columns of the answer sum to them.

    >>> joint = joint_migration([0.1, 0.8, 0.1], [0.2, 0.7, 0.1], correlation=0.3)
    >>> joint.sum(axis=1).round(12).tolist(), round(float(joint[2, 2]), 6)
    ([0.1, 0.8, 0.1], 0.021616)
    """
    number("correlation", correlation, CORRELATION)
    first = thresholds(probabilities)
    with naming("other", instead_of="probabilities"):
        second = thresholds(other)
    return _rectangles(first, second, correlation)


def normal_between(lower: FloatArray, upper: FloatArray) -> FloatArray:
    """P(lower < X <= upper) of a standard normal: a difference of two tails, taken on the side where both are small."""
    from scipy.special import ndtr

    flip = lower > 0.0
    return np.asarray(ndtr(np.where(flip, -lower, upper)) - ndtr(np.where(flip, -upper, lower)), dtype=np.float64)


def _rectangles(first: FloatArray, second: FloatArray, correlation: float) -> FloatArray:
    """Normal probability of each rectangle, by quadrature over the first variable: a sum of positive terms, so a small cell keeps its digits."""
    from scipy.special import ndtr

    down = np.r_[np.inf, first, -np.inf]
    if abs(correlation) == 1.0:
        other = np.r_[np.inf, second, -np.inf]
        return _comonotone(np.asarray(ndtr(down)), np.asarray(ndtr(other)), correlation)
    scale = math.sqrt(1.0 - correlation * correlation)
    result = np.zeros((len(down) - 1, len(second) + 1))
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    for i, (high, low) in enumerate(itertools.pairwise(down)):
        edges = _panels(low, high, second, correlation, scale)
        if edges is None:
            continue
        half = np.diff(edges)[:, None] / 2.0
        x = (edges[:-1, None] + half + half * points).ravel()
        mass = (half * weights).ravel() * np.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)
        cut = (second[None, :] - correlation * x[:, None]) / scale
        upper = np.concatenate([np.full((len(x), 1), np.inf), cut], axis=1)
        lower = np.concatenate([cut, np.full((len(x), 1), -np.inf)], axis=1)
        result[i] = np.einsum("n,nj->j", mass, normal_between(lower, upper))
    return result


def _panels(low: float, high: float, second: FloatArray, correlation: float, scale: float) -> FloatArray | None:
    """Edges of panels short enough for both the density and the edges of the other's thresholds; None where nothing lies between."""
    start, end = max(low, -_FAR), min(high, _FAR)
    if not end > start:
        return None
    edges = [start, end, *(x for x in np.arange(-_FAR, _FAR + 0.5, 0.5) if start < x < end)]
    if abs(correlation) > 0.01:  # below, the other threshold moves by less than any panel is wide
        finite = second[np.isfinite(second)] / correlation
        width = scale / abs(correlation)
        spread = np.array([-8.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 8.0])
        edges += [x for x in (finite[:, None] + width * spread).ravel() if start < x < end]
    return np.unique(edges)


def _comonotone(first: FloatArray, second: FloatArray, correlation: float) -> FloatArray:
    """Of one uniform variable (or of it and its opposite) the share in both intervals; arguments are distribution functions, falling."""
    high, low = first[:-1, None], first[1:, None]
    other_high, other_low = second[None, :-1], second[None, 1:]
    if correlation < 0.0:
        other_high, other_low = 1.0 - second[None, 1:], 1.0 - second[None, :-1]
    share: FloatArray = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0.0)
    return share


def _quantile(probability: FloatArray, degrees_of_freedom: float | None) -> FloatArray:
    from scipy.special import ndtri, stdtrit

    if degrees_of_freedom is None:
        return np.asarray(ndtri(probability), dtype=np.float64)
    if not degrees_of_freedom > 0.0:
        raise InvalidInput(f"degrees_of_freedom is a positive number, not {degrees_of_freedom}", argument="degrees_of_freedom")
    if math.isinf(degrees_of_freedom):
        return np.asarray(ndtri(probability), dtype=np.float64)
    inside = (probability > 0.0) & (probability < 1.0)
    values = np.where(probability >= 1.0, np.inf, -np.inf)
    values[inside] = stdtrit(degrees_of_freedom, probability[inside])
    return values
