"""The nearest correlation matrix to one that is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.ranges import Range, numbers

FloatArray: TypeAlias = npt.NDArray[np.float64]

_ASYMMETRY = 1e-8
# Rounding leaves an eigenvalue of nought this far below it.
_NEGATIVE = 1e-10
_CLOSE = 1e-12
_MOST_STEPS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearestCorrelation:
    """``matrix`` is the answer, ``distance`` its Frobenius distance from what was given: 0 where that was a correlation matrix already.

    ``smallest`` is the smallest eigenvalue of what was given, ``steps`` how many projections it took.
    """

    matrix: FloatArray
    distance: float
    smallest: float
    steps: int


def nearest_correlation(matrix: npt.ArrayLike) -> NearestCorrelation:
    """The symmetric positive semi-definite matrix with a unit diagonal that is nearest in the Frobenius norm.

    N. Higham, "Computing the nearest correlation matrix: a problem from finance", IMA Journal of Numerical Analysis 22 (2002), algorithm
    3.3: projections by turns on both sets, with R. Dykstra's correction. ``matrix`` is symmetric and finite, its diagonal as it may be. A
    correlation matrix (eigenvalues of 0 or more) is handed back as it is, bit for bit.

    >>> found = nearest_correlation([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    >>> found.matrix.round(4).tolist(), round(found.distance, 4)
    ([[1.0, 0.7607, 0.1573], [0.7607, 1.0, 0.7607], [0.1573, 0.7607, 1.0]], 0.5278)
    """
    given = _checked(matrix)
    smallest = float(np.linalg.eigvalsh(given)[0])
    if smallest >= -_NEGATIVE and bool((np.diag(given) == 1.0).all()):
        return NearestCorrelation(matrix=given, distance=0.0, smallest=smallest, steps=0)
    y, correction = given, np.zeros_like(given)
    steps = 0
    while True:
        steps += 1
        before = y - correction
        x = _positive(before)
        correction = x - before
        y = x.copy()
        np.fill_diagonal(y, 1.0)
        if _norm(y - x) <= _CLOSE * _norm(y):
            break
        if steps == _MOST_STEPS:
            raise InvalidInput(f"the nearest correlation matrix was not found in {_MOST_STEPS:,} steps", argument="matrix")
    x = _positive(y)
    scale = np.sqrt(np.diag(x))
    answer = x / np.outer(scale, scale)
    answer = 0.5 * (answer + answer.T)
    np.fill_diagonal(answer, 1.0)
    answer = np.clip(answer, -1.0, 1.0)
    return NearestCorrelation(matrix=answer, distance=_norm(answer - given), smallest=smallest, steps=steps)


def _checked(matrix: npt.ArrayLike) -> FloatArray:
    given = numbers("matrix", matrix, Range(said="a square of correlations", or_unknown=True)).copy()
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not len(given):
        raise InvalidInput(f"a correlation matrix is square, not of shape {given.shape}", argument="matrix")
    wrong = np.argwhere(~np.isfinite(given))
    if len(wrong):
        raise InvalidInput(f"row {wrong[0][0] + 1}, column {wrong[0][1] + 1} is no finite number", argument="matrix")
    gap = np.abs(given - given.T)
    if gap.max() > _ASYMMETRY * max(1.0, float(np.abs(given).max())):
        i, j = np.unravel_index(int(gap.argmax()), gap.shape)
        raise InvalidInput(
            f"the matrix is not symmetric: row {i + 1}, column {j + 1} has {given[i, j]}, and the other way {given[j, i]}",
            argument="matrix",
        )
    return given if not gap.any() else 0.5 * (given + given.T)


def _positive(matrix: FloatArray) -> FloatArray:
    """The nearest positive semi-definite matrix: eigenvalues below 0 become 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = np.einsum("ik,k,jk->ij", vectors, np.maximum(values, 0.0), vectors)
    return np.asarray(0.5 * (kept + kept.T), dtype=np.float64)


def _norm(matrix: FloatArray) -> float:
    return math.sqrt(float(np.add.reduce((matrix**2).ravel())))
