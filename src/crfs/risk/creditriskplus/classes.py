"""The sectors of a book that follows a factor model: its classes of names, the nearest of them together where there are many."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.names import Names

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

MOST_SECTORS = 24
"""Each sector has a Fourier transform of its own, as long as the lattice. What the forms of dependence keep of many sectors is a number or two."""


def sectors_of(names: Names, expected_loss: FloatArray) -> IntArray:
    """The sector of each class of ``names``, -1 where a class follows nothing; ``expected_loss`` (of the same unit for all) is that of each class.

    A class is a sector, where no more than :data:`MOST_SECTORS` are. Of more, some lead: the largest, then always the one whose expected loss times
    its distance (one less the cosine of the angle between the directions) from the leaders so far is the greatest. Every other class joins the
    leader that is nearest to it. Sectors are numbered in the order of their first classes.

    >>> names = Names(obligor=np.arange(3), a=np.zeros(3), b=np.array([0.5, 0.5, 0.0]), loss=np.ones((4, 3)), certain=np.ones(3), random=np.zeros(3),
    ...               kind=np.arange(3), directions=np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), nu_index=np.array([-1, -1, -1]), nus=(), unit=1.0)
    >>> sectors_of(names, np.ones(3)).tolist()
    [0, 1, -1]
    """
    count = len(names.directions)
    pulled = np.bincount(names.kind, weights=names.b, minlength=count) > 0.0
    live = np.flatnonzero(pulled | (names.nu_index >= 0))
    result = np.full(count, -1, dtype=np.int64)
    if len(live) <= MOST_SECTORS:
        result[live] = np.arange(len(live))
        return result
    directions, weight = names.directions[live], expected_loss[live]
    leader = int(np.argmax(weight))
    nearest = np.zeros(len(live), dtype=np.int64)
    distance = _distance(directions, leader)
    for number in range(1, MOST_SECTORS):
        leader = int(np.argmax(weight * distance))
        away = _distance(directions, leader)
        nearer = away < distance
        nearest[nearer], distance = number, np.minimum(away, distance)
    # Numbers that no class has are left out.
    _, first, places = np.unique(nearest, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    result[live] = order[places.reshape(-1)]
    return result


def _distance(directions: FloatArray, leader: int) -> FloatArray:
    """One less the cosine of each direction's angle to a leader's."""
    cosine: FloatArray = np.einsum("kf,f->k", directions, directions[leader])
    return np.clip(1.0 - cosine, 0.0, 2.0)
