"""Conditional cumulants of classes of names, summed over a grid of states: the work that grows with the number of names.

A class falls into parts by the cells of its thresholds and slopes (:mod:`crfs.risk.cells`). A part's sums depend on its own names alone, so a name
that comes, goes or changes leaves all parts but one or two as they were.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.cells import cells_of, moved, probabilities
from crfs.risk.cumulants import Moments, moments, sums_of_default, weighted_sums, weights_of_default
from crfs.risk.memo import Memo, digest
from crfs.risk.names import Names
from crfs.risk.normal_cdf import both_tails
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

LEAST_PARTED = 4_000
"""Tables of so many names go through cells, whose own points serve all classes."""
_LEAST_IN_CELL = 32
_NAMES_A_TASK = 2_048
_STATES_AT_ONCE = 256
_CELLS_AT_ONCE = 12_000  # doubles: a handful of such arrays stay in a core's own cache


class Part(NamedTuple):
    """Some names of a class, in the order of the book; ``cell`` is below zero where they are summed one by one."""

    cell: int
    a: FloatArray
    b: FloatArray
    loss: FloatArray

    def key(self, grid: bytes) -> bytes:
        """What its sums on a grid depend on."""
        told = self.loss if self.loss[1:].any() else self.loss[:1]
        return digest(grid, str(self.cell).encode(), self.a, self.b, told)


class ClassSums(NamedTuple):
    """Cumulants (4 x (s x y)) of one class at the nodes of a grid, and a key for what they were made of (empty without a memo)."""

    sums: FloatArray
    key: bytes


class _SumTask(NamedTuple):
    """Parts of several classes that lie in one cell, or parts to be summed name by name; and the grid's states."""

    parts: tuple[Part, ...]
    y: FloatArray
    s: FloatArray


def class_sums(
    names: Names, kinds: IntArray, y: FloatArray, s: FloatArray, map_tasks: MapTasks, *, parted: bool, memo: Memo | None = None
) -> list[ClassSums]:
    """Sums of each class of ``kinds`` at the grid's nodes, over its parts in the order of their cells.

    How a class falls into parts depends on its own names alone; where it is not ``parted`` it is one.
    """
    if memo is None:
        return [ClassSums(sums, b"") for sums, _ in _sums(names, kinds, y, s, map_tasks, parted=parted, memo=None)]
    # A class that is as it was is found as a whole, before it is looked at by cells.
    grid = digest(y, s, b"parted" if parted else b"whole")
    keys = [digest(grid, names.class_key(int(kind))) for kind in kinds]
    known = [memo.find(key) for key in keys]
    again = np.array([old is None for old in known], dtype=np.bool_)
    fresh = iter(_sums(names, kinds[again], y, s, map_tasks, parted=parted, memo=memo))
    result = []
    for key, old in zip(keys, known, strict=True):
        if old is None:
            sums, parts = next(fresh)
            memo.keep(key, (sums, parts))
        else:
            sums, parts = old
            memo.use(parts)
        result.append(ClassSums(sums, key))
    return result


def _sums(
    names: Names, kinds: IntArray, y: FloatArray, s: FloatArray, map_tasks: MapTasks, *, parted: bool, memo: Memo | None
) -> list[tuple[FloatArray, list[bytes]]]:
    """Sums of each class, and the keys of its parts (none without a memo)."""
    grid = digest(y, s) if memo is not None else b""
    classes = [_parts(names, int(kind), parted) for kind in kinds]
    keys = [[part.key(grid) for part in parts] if memo is not None else [] for parts in classes]
    found: dict[tuple[int, int], FloatArray] = {}
    together: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for k, parts in enumerate(classes):
        for n, part in enumerate(parts):
            known = memo.find(keys[k][n]) if memo is not None else None
            if known is not None:
                found[k, n] = known
            else:
                together.setdefault((part.cell, -1, -1) if part.cell >= 0 else (part.cell, k, n), []).append((k, n))
    tasks = [_SumTask(tuple(classes[k][n] for k, n in places), y, s) for places in together.values()]
    for places, answers in zip(together.values(), map_tasks(_sum_task, tasks), strict=True):
        for (k, n), answer in zip(places, answers, strict=True):
            found[k, n] = answer
            if memo is not None:
                memo.keep(keys[k][n], answer)
    result = []
    for k, parts in enumerate(classes):
        sums = np.zeros((4, len(s) * len(y)))
        for n in range(len(parts)):
            sums += found[k, n]
        result.append((sums, keys[k]))
    return result


def _parts(names: Names, kind: int, parted: bool) -> list[Part]:
    start, end = np.searchsorted(names.kind, [kind, kind + 1])
    cell = cells_of(names.a[start:end], names.b[start:end]) if parted else np.full(end - start, -1, dtype=np.int16)
    order = np.argsort(cell, kind="stable")
    parts = []
    for first, last in pairwise(np.flatnonzero(np.diff(cell[order], prepend=-2, append=-2))):
        mine = start + order[first:last]
        number = int(cell[order[first]])
        through = number >= 0 and len(mine) >= _LEAST_IN_CELL
        for some in (mine,) if through else (mine[at : at + _NAMES_A_TASK] for at in range(0, len(mine), _NAMES_A_TASK)):
            parts.append(Part(number if through else -1, names.a[some], names.b[some], np.ascontiguousarray(names.loss[:, some])))
    return parts


def _sum_task(task: _SumTask) -> list[FloatArray]:
    """Cumulants (4 x (s x y)) of the losses of each part on the grid."""
    return _through_cell(task) if task.parts[0].cell >= 0 else [_name_by_name(part, task.y, task.s) for part in task.parts]


def _name_by_name(part: Part, y: FloatArray, s: FloatArray) -> FloatArray:
    states = len(y) * len(s)
    total = np.zeros((4, states))
    step = max(1, _CELLS_AT_ONCE // states)
    for start in range(0, len(part.a), step):
        some = slice(start, start + step)
        mixed = part.a[some, None] * s
        x = (mixed[:, :, None] - (part.b[some, None] * y)[:, None, :]).reshape(-1, states)
        p, q = both_tails(x)
        total += sums_of_default(p, part.loss[:, some], q=q)
    return total


def _through_cell(task: _SumTask) -> list[FloatArray]:
    """The states' probabilities are found at the cell's points, once for all classes."""
    cell = task.parts[0].cell
    weights = [moved(cell, part.a, part.b, weights_of_default(part.loss)) for part in task.parts]
    totals = [np.empty((4, len(task.y) * len(task.s))) for _ in weights]
    values = moments(*probabilities(cell, np.tile(task.y, len(task.s)), np.repeat(task.s, len(task.y))))
    for start in range(0, totals[0].shape[1], _STATES_AT_ONCE):
        some = slice(start, start + _STATES_AT_ONCE)
        here = Moments(*(np.ascontiguousarray(each[:, some]) for each in values))
        for total, weight in zip(totals, weights, strict=True):
            total[:, some] = weighted_sums(here, weight)
    return totals
