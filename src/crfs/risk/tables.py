"""Collapsed classes: within a class the conditional cumulants of loss are functions of one number (two under a t copula), tabulated once.

A scenario then costs one look-up a class and not one default probability a name. Interpolated are the logarithms of the first two cumulants
and the ratios of the third and fourth to the second: they bend little, and the second can never come out negative.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.cells import cells_of, moved, probabilities
from crfs.risk.cumulants import Moments, moments, sums_of_default, weighted_sums, weights_of_default
from crfs.risk.names import Names
from crfs.risk.normal_cdf import normal_cdf

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
MapTasks: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

REACH = 10.0
"""The composite factor is tabulated within these many standard deviations; what lies beyond takes the value at the edge."""
_STEP = 0.2
# Coarser where the grid has two dimensions: 2e-5 of the mean and 1e-4 of the variance, where one dimension has 1e-7.
_STEP_WITH_MIXING = 0.25
_MIXING_STEP = 0.15
NODES_A_NAME = 2_500
"""About how many default probabilities a name costs, once, under a t copula; a twentieth of it under a Gaussian one."""
_TINY = 1e-280
_NAMES_A_TASK = 2_048
# Tables of so many names go through cells, where a class has so many of them in one: the cell's own points serve all classes.
_LEAST_PARTED = 4_000
_LEAST_IN_CELL = 32
_STATES_AT_ONCE = 256
_CELLS_AT_ONCE = 12_000  # doubles: a handful of such arrays stay in a core's own cache


class _Part(NamedTuple):
    """Some names of a class, in the order of the book."""

    a: FloatArray
    b: FloatArray
    loss: FloatArray


class _SumTask(NamedTuple):
    """Parts of several classes that lie in one cell, or (``cell`` below zero) a part to be summed name by name; and the grid's states."""

    cell: int
    parts: tuple[_Part, ...]
    y: FloatArray
    s: FloatArray


def _sum_task(task: _SumTask) -> list[FloatArray]:
    """Cumulants (4 x (s x y)) of the losses of each part on the grid."""
    return _through_cell(task) if task.cell >= 0 else [_name_by_name(part, task.y, task.s) for part in task.parts]


def _name_by_name(part: _Part, y: FloatArray, s: FloatArray) -> FloatArray:
    states = len(y) * len(s)
    total = np.zeros((4, states))
    step = max(1, _CELLS_AT_ONCE // states)
    for start in range(0, len(part.a), step):
        some = slice(start, start + step)
        mixed = part.a[some, None] * s
        x = (mixed[:, :, None] - (part.b[some, None] * y)[:, None, :]).reshape(-1, states)
        total += sums_of_default(normal_cdf(x), part.loss[:, some])
    return total


def _through_cell(task: _SumTask) -> list[FloatArray]:
    """The states' probabilities are found at the cell's points, once for all classes."""
    weights = [moved(task.cell, part.a, part.b, weights_of_default(part.loss)) for part in task.parts]
    totals = [np.empty((4, len(task.y) * len(task.s))) for _ in weights]
    values = moments(probabilities(task.cell, task.y, task.s))
    for start in range(0, totals[0].shape[1], _STATES_AT_ONCE):
        some = slice(start, start + _STATES_AT_ONCE)
        here = Moments(*(np.ascontiguousarray(each[:, some]) for each in values))
        for total, weight in zip(totals, weights, strict=True):
            total[:, some] = weighted_sums(here, weight)
    return totals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Cumulants of classes with the same degrees of freedom, as piecewise cubics.

    ``kinds`` are the classes; ``nu_index`` is -1 where there is no mixing variable; ``sums_at_nodes`` is classes x 4 x (s x y).
    ``parted`` says whether they went through cells.
    ``pieces``: classes x [s cells x] y cells x 4 quantities x [4 x] 4 coefficients, the highest power first.
    """

    kinds: IntArray
    nu_index: int
    parted: bool
    y: FloatArray
    s: FloatArray
    sums_at_nodes: FloatArray
    pieces: FloatArray

    def sums(self, factor: FloatArray, mixing: FloatArray | None) -> FloatArray:
        """Cumulants (4 x points) summed over the table's classes: ``factor`` is classes x points, ``mixing`` one number a point."""
        total = np.zeros((4, factor.shape[1]))
        cell_y, u = _cells(self.y, factor)
        if self.nu_index < 0:
            for k in range(len(self.kinds)):
                total += _whole(_horner(self.pieces[k][cell_y[k]], u[k][:, None]))
            return total
        assert mixing is not None
        cell_s, v = _cells(self.s, mixing)
        for k in range(len(self.kinds)):
            rows = self.pieces[k][cell_s, cell_y[k]]
            total += _whole(_horner(_horner(rows, v[:, None, None]), u[k][:, None]))
        return total


def make_table(names: Names, kinds: IntArray, nu_index: int, s_range: tuple[float, float], map_tasks: MapTasks) -> Table:
    """Tabulate classes ``kinds`` (all with degrees of freedom ``nu_index``); ``map_tasks`` is ``map`` or a pool's."""
    y = np.linspace(-REACH, REACH, 1 + round(2.0 * REACH / (_STEP if nu_index < 0 else _STEP_WITH_MIXING)))
    s = np.ones(1) if nu_index < 0 else np.linspace(*s_range, 5 + round((s_range[1] - s_range[0]) / _MIXING_STEP))
    parted = int(np.isin(names.kind, kinds).sum()) >= _LEAST_PARTED
    sums = _class_sums(names, kinds, y, s, map_tasks, parted=parted)
    return Table(kinds=kinds, nu_index=nu_index, parted=parted, y=y, s=s, sums_at_nodes=sums, pieces=_pieces(sums, y, s))


def without(table: Table, changed: IntArray, staying: Names, map_tasks: MapTasks) -> Table | None:
    """The table after some names of the classes ``changed`` left: those are summed anew from the ``staying`` ones; None where nobody stays.

    What left could be taken off the sums instead, but beside a giant the sums of dwarfs are rounding.
    """
    populated = np.isin(table.kinds, staying.kind) | ~np.isin(table.kinds, changed)
    if not populated.any():
        return None
    kinds, sums = table.kinds[populated], table.sums_at_nodes[populated].copy()
    again = np.isin(kinds, changed)
    sums[again] = _class_sums(staying, kinds[again], table.y, table.s, map_tasks, parted=table.parted)
    return replace(table, kinds=kinds, sums_at_nodes=sums, pieces=_pieces(sums, table.y, table.s))


def _class_sums(names: Names, kinds: IntArray, y: FloatArray, s: FloatArray, map_tasks: MapTasks, *, parted: bool) -> FloatArray:
    """Cumulants at the nodes (classes x 4 x (s x y)) of the names of each class: sums over its parts in the order of their cells."""
    owner, cells, parts = _parts(names, kinds, parted)
    together: dict[int, list[int]] = {}
    for number, cell in enumerate(cells):
        together.setdefault(cell if cell >= 0 else -1 - number, []).append(number)
    tasks = [_SumTask(cell, tuple(parts[number] for number in numbers), y, s) for cell, numbers in together.items()]
    found: dict[int, FloatArray] = {}
    for numbers, answers in zip(together.values(), map_tasks(_sum_task, tasks), strict=True):
        found.update(zip(numbers, answers, strict=True))
    sums = np.zeros((len(kinds), 4, len(s) * len(y)))
    for number, k in enumerate(owner):
        sums[k] += found[number]
    return sums


def _parts(names: Names, kinds: IntArray, parted: bool) -> tuple[list[int], list[int], list[_Part]]:
    """Parts of the classes: the class's place in ``kinds``, the cell (-1: to be summed name by name), the names.

    How a class falls into parts depends on its own names alone, and a part on those in its cell. Where the table is not ``parted`` a class is one part.
    """
    starts = np.searchsorted(names.kind, kinds)
    ends = np.searchsorted(names.kind, kinds, side="right")
    owner: list[int] = []
    cells: list[int] = []
    parts: list[_Part] = []
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        whole = np.arange(start, end)
        cell = cells_of(names.a[start:end], names.b[start:end]) if parted else np.full(end - start, -1)
        order = np.argsort(cell, kind="stable")
        bounds = np.flatnonzero(np.diff(cell[order], prepend=-2, append=-2))
        for first, last in pairwise(bounds):
            mine = whole[order[first:last]]
            number = int(cell[order[first]])
            through = number >= 0 and len(mine) >= _LEAST_IN_CELL
            for some in (mine,) if through else (mine[at : at + _NAMES_A_TASK] for at in range(0, len(mine), _NAMES_A_TASK)):
                owner.append(k)
                cells.append(number if through else -1)
                parts.append(_Part(names.a[some], names.b[some], np.ascontiguousarray(names.loss[:, some])))
    return owner, cells, parts


def _pieces(sums: FloatArray, y: FloatArray, s: FloatArray) -> FloatArray:
    from scipy.interpolate import CubicSpline

    m1, m2, m3, m4 = np.moveaxis(sums, 1, 0).reshape(4, len(sums), len(s), len(y))
    safe = np.maximum(m2, _TINY)
    some = m2 > _TINY
    quantities = np.stack([np.log(np.maximum(m1, _TINY)), np.log(safe), np.where(some, m3 / safe, 0.0), np.where(some, m4 / safe, 0.0)])
    # 4 (power of y) x y cells x 4 quantities x classes x s
    along_y = CubicSpline(y, np.moveaxis(quantities, -1, 0), axis=0).c
    if len(s) == 1:
        return np.ascontiguousarray(np.transpose(along_y[..., 0], (3, 1, 2, 0)))
    # 4 (power of s) x s cells x 4 (power of y) x y cells x 4 quantities x classes
    both = CubicSpline(s, np.moveaxis(along_y, -1, 0), axis=0).c
    return np.ascontiguousarray(np.transpose(both, (5, 1, 3, 4, 2, 0)))


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
    """Cumulants (4 x points) from the interpolated quantities (points x 4)."""
    m1, m2 = np.exp(quantities[:, 0]), np.exp(quantities[:, 1])
    return np.stack([m1, m2, m2 * quantities[:, 2], m2 * quantities[:, 3]])
