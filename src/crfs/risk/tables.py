"""Collapsed classes: within a class the conditional cumulants of loss are functions of one number (two under a t copula), tabulated once.

A scenario then costs one look-up a class and not one default probability a name. Interpolated are the logarithms of the first two cumulants
and the ratios of the third and fourth to the second: they bend little, and the second can never come out negative.
"""

from __future__ import annotations

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
_MIXING_STEP = 0.15
NODES_A_NAME = 2_500
"""About how many default probabilities a name costs at most, once, under a t copula; a twentieth of it under a Gaussian one."""
_TINY = 1e-280
_COEFFICIENTS_AT_ONCE = 131_072  # doubles: they stay in a core's own cache


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
    y: FloatArray
    s: FloatArray
    pieces: tuple[FloatArray, ...]
    keys: tuple[bytes, ...]

    def by_class(self, factor: FloatArray, mixing: FloatArray | None) -> FloatArray:
        """Cumulants of each class (classes x 4 x points): ``factor`` is classes x points, ``mixing`` one number a point."""
        result = np.empty((len(self.kinds), 4, factor.shape[1]))
        step = max(1, _COEFFICIENTS_AT_ONCE // (len(self.kinds) * (16 if self.nu_index < 0 else 64)))
        for start in range(0, factor.shape[1], step):
            some = slice(start, start + step)
            cell_y, u = _cells(self.y, factor[:, some])
            if self.nu_index < 0:
                rows = np.stack([pieces[cell_y[k]] for k, pieces in enumerate(self.pieces)])
            else:
                assert mixing is not None
                cell_s, v = _cells(self.s, mixing[some])
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


def make_table(
    names: Names, kinds: IntArray, nu_index: int, s_range: tuple[float, float], map_tasks: MapTasks, *, memo: Memo | None
) -> Table:
    """Tabulate classes ``kinds`` (all with degrees of freedom ``nu_index``); ``map_tasks`` is ``map`` or a pool's."""
    y = np.linspace(-REACH, REACH, 1 + round(2.0 * REACH / (_STEP if nu_index < 0 else _STEP_WITH_MIXING)))
    s = np.ones(1) if nu_index < 0 else np.linspace(*s_range, 5 + round((s_range[1] - s_range[0]) / _MIXING_STEP))
    parted = is_parted(names, kinds)
    pieces, keys = zip(*class_pieces(names, kinds, y, s, map_tasks, parted=parted, memo=memo), strict=True)
    return Table(kinds=kinds, nu_index=nu_index, parted=parted, y=y, s=s, pieces=pieces, keys=keys)


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
    fresh = iter(class_pieces(staying, again, table.y, table.s, map_tasks, parted=table.parted, memo=memo))
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
    y: FloatArray
    s: FloatArray


def class_pieces(
    names: Names, kinds: IntArray, y: FloatArray, s: FloatArray, map_tasks: MapTasks, *, parted: bool, memo: Memo | None
) -> tuple[Pieces, ...]:
    """Of each class of ``kinds`` its piecewise cubics over the grid."""
    sums = class_sums(names, kinds, y, s, map_tasks, parted=parted, memo=memo)
    if memo is None:
        return tuple(Pieces(each, b"") for each in map_tasks(_pieces, [_PiecesTask(each.sums, y, s) for each in sums]))
    keys = [digest(b"pieces", each.key) for each in sums]
    known = [memo.find(key) for key in keys]
    fresh = iter(map_tasks(_pieces, [_PiecesTask(each.sums, y, s) for each, old in zip(sums, known, strict=True) if old is None]))
    found = tuple(next(fresh) if old is None else old for old in known)
    for key, each in zip(keys, found, strict=True):
        memo.keep(key, each)
    return tuple(map(Pieces, found, keys))


def _pieces(task: _PiecesTask) -> FloatArray:
    from scipy.interpolate import CubicSpline

    sums, y, s = task
    m1, m2, m3, m4 = sums.reshape(4, len(s), len(y))
    safe = np.maximum(m2, _TINY)
    some = m2 > _TINY
    quantities = np.stack([np.log(np.maximum(m1, _TINY)), np.log(safe), np.where(some, m3 / safe, 0.0), np.where(some, m4 / safe, 0.0)])
    # 4 (power of y) x y cells x 4 quantities x s
    along_y = CubicSpline(y, np.moveaxis(quantities, -1, 0), axis=0).c
    if len(s) == 1:
        return np.ascontiguousarray(np.transpose(along_y[..., 0], (1, 2, 0)))
    # 4 (power of s) x s cells x 4 (power of y) x y cells x 4 quantities
    both = CubicSpline(s, np.moveaxis(along_y, -1, 0), axis=0).c
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
