"""Collapsed classes: within a class the conditional cumulants of loss are functions of one number (two under a t copula), tabulated once.

A scenario then costs one look-up a class and not one default probability a name. Interpolated are the logarithms of the first two cumulants
and the ratios of the third and fourth to the second: they bend little, and the second can never come out negative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.class_sums import LEAST_PARTED, class_sums
from crfs.risk.memo import Memo, digest
from crfs.risk.names import Names
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

REACH = 10.0
"""The composite factor is tabulated within these many standard deviations; what lies beyond takes the value at the edge."""
_STEP = 0.2
# Coarser where the grid has two dimensions: 2e-5 of the mean and 1e-4 of the variance, where one dimension has 1e-7.
_STEP_WITH_MIXING = 0.25
# Of the mixing variable ``s``, in the logarithm of ``s + bend``: from node to node a threshold ``s a`` moves by no more than this part of what it is or
# of what it is at the bend, whatever its size.
_MIXING_STEP = 0.1
_BEND = 4.0
_MIXING_OUTSIDE = (1e-12, 1e-9)
NODES_A_NAME = 2_500
"""About how many default probabilities a name costs at most, once, under a t copula; a twentieth of it under a Gaussian one."""
# A cumulant that is this part of its largest on the grid is nothing. Added to it, it lets the logarithm level off: from a cliff a spline would ring.
_NOTHING = 1e-30
_TINY = 1e-280
_COEFFICIENTS_AT_ONCE = 131_072  # doubles: they stay in a core's own cache


class Grid(NamedTuple):
    """States in which classes are summed: composite factors ``y`` at even steps, mixing variables ``s`` at even steps of ``log(1 + s / bend)``."""

    y: FloatArray
    s: FloatArray
    bend: float

    def even(self, s: FloatArray) -> FloatArray:
        """Mixing variables in the scale in which the nodes are even."""
        return np.asarray(np.log1p(s / self.bend))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Cumulants of classes with the same degrees of freedom, as piecewise cubics.

    ``kinds`` are the classes; ``nu_index`` is -1 where there is no mixing variable. ``parted`` says whether sums went through cells.
    ``pieces``, of each class: [s cells x] y cells x 4 quantities x [4 x] 4 coefficients, the highest power first; ``keys`` stand for them in a
    memo (empty without one).
    """

    kinds: IntArray
    nu_index: int
    parted: bool
    grid: Grid
    pieces: tuple[FloatArray, ...]
    keys: tuple[bytes, ...]

    def by_class(self, factor: FloatArray, mixing: FloatArray | None) -> FloatArray:
        """Cumulants of each class (classes x 4 x points): ``factor`` is classes x points, ``mixing`` one number a point."""
        result = np.empty((len(self.kinds), 4, factor.shape[1]))
        step = max(1, _COEFFICIENTS_AT_ONCE // (len(self.kinds) * (16 if self.nu_index < 0 else 64)))
        for start in range(0, factor.shape[1], step):
            some = slice(start, start + step)
            cell_y, u = _cells(self.grid.y, factor[:, some])
            if self.nu_index < 0:
                rows = np.stack([pieces[cell_y[k]] for k, pieces in enumerate(self.pieces)])
            else:
                assert mixing is not None
                cell_s, v = _cells(self.grid.even(self.grid.s), self.grid.even(mixing[some]))
                rows = _horner(np.stack([pieces[cell_s, cell_y[k]] for k, pieces in enumerate(self.pieces)]), v[:, None, None])
            result[:, :, some] = _whole(_horner(rows, u[:, :, None]))
        return result

    def of_class(self, k: int) -> Table:
        """A table of its ``k``-th class alone."""
        return replace(self, kinds=self.kinds[k : k + 1], pieces=self.pieces[k : k + 1], keys=self.keys[k : k + 1])

    def with_classes(self, fresh: Mapping[int, Pieces]) -> Table:
        """The table with other pieces at some places."""
        pieces, keys = list(self.pieces), list(self.keys)
        for k, piece in fresh.items():
            pieces[k], keys[k] = piece
        return replace(self, pieces=tuple(pieces), keys=tuple(keys))


def make_table(names: Names, kinds: IntArray, nu_index: int, map_tasks: MapTasks, *, memo: Memo | None) -> Table:
    """Tabulate classes ``kinds`` (all with degrees of freedom ``nu_index``); ``map_tasks`` is ``map`` or a pool's."""
    y = np.linspace(-REACH, REACH, 1 + round(2.0 * REACH / (_STEP if nu_index < 0 else _STEP_WITH_MIXING)))
    grid = Grid(y, np.ones(1), 1.0)
    if nu_index >= 0:
        bend = _bend(names.a[np.isin(names.kind, kinds)])
        grid = Grid(y, _mixing_nodes(names.nus[nu_index], bend), bend)
    parted = is_parted(names, kinds)
    pieces, keys = zip(*class_pieces(names, kinds, grid, map_tasks, parted=parted, memo=memo), strict=True)
    return Table(kinds=kinds, nu_index=nu_index, parted=parted, grid=grid, pieces=pieces, keys=keys)


def _bend(thresholds: FloatArray) -> float:
    """Up to which mixing variable the farthest threshold still decides little: a power of two, so that few changes of a book move it."""
    farthest = float(np.abs(thresholds[np.isfinite(thresholds)]).max(initial=1.0))
    return 2.0 ** math.floor(math.log2(_BEND / farthest))


def _mixing_nodes(nu: float, bend: float) -> FloatArray:
    """Mixing variables ``sqrt(W / nu)`` from far below to far above."""
    from scipy.special import chdtri, gammaincinv

    ends = 2.0 * float(gammaincinv(0.5 * nu, _MIXING_OUTSIDE[0])), float(chdtri(nu, _MIXING_OUTSIDE[1]))
    first, last = (math.log1p(math.sqrt(end / nu) / bend) for end in ends)
    return np.asarray(bend * np.expm1(np.linspace(first, last, 5 + round((last - first) / _MIXING_STEP))))


def is_parted(names: Names, kinds: IntArray) -> bool:
    """Whether a table of these classes of ``names`` goes through cells."""
    return int(np.bincount(names.kind, minlength=int(kinds.max()) + 1)[kinds].sum()) >= LEAST_PARTED


def without(table: Table, changed: IntArray, staying: Names, map_tasks: MapTasks, memo: Memo | None = None) -> Table | None:
    """The table after some names of the classes ``changed`` left: those are summed anew from the ``staying`` ones; None where nobody stays.

    What left could be taken off the sums instead, but beside a giant the sums of dwarfs are rounding.
    """
    populated = np.isin(table.kinds, staying.kind) | ~np.isin(table.kinds, changed)
    if not populated.any():
        return None
    again = table.kinds[populated & np.isin(table.kinds, changed)]
    fresh = iter(class_pieces(staying, again, table.grid, map_tasks, parted=table.parted, memo=memo))
    kept = [
        next(fresh) if kind in again else Pieces(pieces, key)
        for kind, pieces, key, keep in zip(table.kinds, table.pieces, table.keys, populated, strict=True)
        if keep
    ]
    pieces, keys = zip(*kept, strict=True)
    return replace(table, kinds=table.kinds[populated], pieces=pieces, keys=keys)


class Pieces(NamedTuple):
    """Piecewise cubics of a class, and what stands for them in a memo (empty without one)."""

    coefficients: FloatArray
    key: bytes


class _PiecesTask(NamedTuple):
    sums: FloatArray
    grid: Grid


def class_pieces(names: Names, kinds: IntArray, grid: Grid, map_tasks: MapTasks, *, parted: bool, memo: Memo | None) -> tuple[Pieces, ...]:
    """Of each class of ``kinds`` its piecewise cubics over the grid."""
    sums = class_sums(names, kinds, grid.y, grid.s, map_tasks, parted=parted, memo=memo)
    if memo is None:
        return tuple(Pieces(each, b"") for each in map_tasks(_pieces, [_PiecesTask(each.sums, grid) for each in sums]))
    keys = [digest(b"pieces", each.key) for each in sums]
    known = [memo.find(key) for key in keys]
    fresh = iter(map_tasks(_pieces, [_PiecesTask(each.sums, grid) for each, old in zip(sums, known, strict=True) if old is None]))
    found = tuple(next(fresh) if old is None else old for old in known)
    for key, each in zip(keys, found, strict=True):
        memo.keep(key, each)
    return tuple(map(Pieces, found, keys))


def _pieces(task: _PiecesTask) -> FloatArray:
    from scipy.interpolate import CubicSpline

    sums, (y, s, _) = task
    m1, m2, m3, m4 = sums.reshape(4, len(s), len(y))
    # A sum through a cell's points may be below zero where it is rounding.
    first, second = (np.maximum(m, 0.0) + _NOTHING * float(m.max()) + _TINY for m in (m1, m2))
    quantities = np.stack([np.log(first), np.log(second), m3 / second, m4 / second])
    # 4 (power of y) x y cells x 4 quantities x s
    along_y = CubicSpline(y, np.moveaxis(quantities, -1, 0), axis=0).c
    if len(s) == 1:
        return np.ascontiguousarray(np.transpose(along_y[..., 0], (1, 2, 0)))
    # 4 (power of s) x s cells x 4 (power of y) x y cells x 4 quantities
    both = CubicSpline(task.grid.even(s), np.moveaxis(along_y, -1, 0), axis=0).c
    return np.ascontiguousarray(np.transpose(both, (1, 3, 4, 2, 0)))


def _cells(grid: FloatArray, x: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """The cell of an even grid in which each number lies, and how far from its left end; outside the grid its edge."""
    step = (grid[-1] - grid[0]) / (len(grid) - 1)
    inside = np.clip(x, grid[0], grid[-1]) - grid[0]
    cell = np.minimum((inside / step).astype(np.intp), len(grid) - 2)
    return cell, inside - cell * step


def _horner(coefficients: FloatArray, u: FloatArray) -> FloatArray:
    result = coefficients[..., 0] * u
    for power in (1, 2):
        result += coefficients[..., power]
        result *= u
    result += coefficients[..., 3]
    return result


def _whole(quantities: FloatArray) -> FloatArray:
    """Cumulants (classes x 4 x points) from the interpolated quantities (classes x points x 4)."""
    result = np.empty((len(quantities), 4, quantities.shape[1]))
    np.exp(quantities[:, :, 0], out=result[:, 0])
    np.exp(quantities[:, :, 1], out=result[:, 1])
    np.multiply(result[:, 1], quantities[:, :, 2], out=result[:, 2])
    np.multiply(result[:, 1], quantities[:, :, 3], out=result[:, 3])
    return result
