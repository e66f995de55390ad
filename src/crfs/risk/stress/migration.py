"""Ratings under stress: a migration matrix in a worse or better state of the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.risk.ranges import FINITE, Range, number, numbers
from crfs.risk.stress.shifts import shifted_pd

FloatArray: TypeAlias = npt.NDArray[np.float64]

_TOLERANCE = 1e-9


def shifted_migration(matrix: npt.ArrayLike, shift: float) -> FloatArray:
    """A migration matrix whose every row has moved down by ``shift`` standard deviations of the latent variable (above 0 is worse).

    The probability to end in a grade or a worse one becomes ``Phi(Phi^-1(probability) + shift)``: for default that is
    :func:`~crfs.risk.stress.shifts.shifted_pd`. Grades go from the best to default, which is last and never left. What cannot happen still
    cannot. A shift of 0 is the same matrix, bit for bit; a larger one makes every grade or worse more probable.

    >>> shifted_migration([[0.9, 0.08, 0.02], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]], 0.5).round(4).tolist()
    [[0.7828, 0.1571, 0.0601], [0.0374, 0.7453, 0.2172], [0.0, 0.0, 1.0]]
    """
    given = checked_migration(matrix)
    if number("shift", shift, FINITE) == 0.0:
        return given
    return _from_tails(given, lambda tails: shifted_pd(tails, np.full_like(tails, shift)))


def checked_migration(matrix: npt.ArrayLike) -> FloatArray:
    """A migration matrix: square, probabilities, rows that sum to one within 1e-9, default last and never left."""
    given = numbers("matrix", matrix, Range(said="a square of probabilities", or_unknown=True))
    if given.ndim != 2 or given.shape[0] != given.shape[1] or len(given) < 2:
        raise InvalidInput(f"a migration matrix is square with two grades or more, not of shape {given.shape}", argument="matrix")
    problems = []
    for i, j in np.argwhere(~((given >= 0.0) & (given <= 1.0))):
        problems.append((i, j, f"{given[i, j]} is no probability"))
    for i in np.flatnonzero(np.abs(given.sum(axis=1) - 1.0) > _TOLERANCE):
        problems.append((i, None, f"the row sums to {given[i].sum():.12g}, not to 1"))
    if not problems and given[-1, -1] != 1.0:
        problems.append((len(given) - 1, len(given) - 1, "default is last, and is never left"))
    if problems:
        named = tuple(
            Problem(row=int(i) + 1, column=None if j is None else str(int(j) + 1), reason=Reason.OUT_OF_RANGE.value, detail=detail)
            for i, j, detail in problems
        )
        raise InvalidInput(f"migration matrix: {named[0]}", problems=named)
    return given


def _from_tails(matrix: FloatArray, moved: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Move the probabilities of each grade or a worse one, and take them apart again."""
    return taken_apart(np.asarray(moved(tails_of(matrix)), dtype=np.float64))


def tails_of(matrix: FloatArray) -> FloatArray:
    """The probabilities to end in each grade or a worse one."""
    tails = np.cumsum(matrix[:, ::-1], axis=1)[:, ::-1]
    # The whole and the impossible are exact, so that they stay; a rounded sum must not leave [0, 1].
    tails[:, 0] = 1.0
    tails = np.where(_nothing_from_here(matrix), 0.0, np.clip(tails, 0.0, 1.0))
    return np.where(_all_from_here(matrix), 1.0, tails)


def taken_apart(tails: FloatArray) -> FloatArray:
    """The probabilities of each grade from those of each grade or a worse one: rows x grades."""
    # Never more to end worse, whatever the rounding.
    after = np.minimum.accumulate(tails, axis=1)
    return np.asarray(after - np.concatenate([after[:, 1:], np.zeros((len(after), 1))], axis=1), dtype=np.float64)


def _nothing_from_here(matrix: FloatArray) -> npt.NDArray[np.bool_]:
    return np.logical_and.accumulate((matrix == 0.0)[:, ::-1], axis=1)[:, ::-1]


def _all_from_here(matrix: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether all grades better than this one are impossible."""
    before = np.logical_and.accumulate(matrix == 0.0, axis=1)
    return np.concatenate([np.ones((len(matrix), 1), dtype=np.bool_), before[:, :-1]], axis=1)
