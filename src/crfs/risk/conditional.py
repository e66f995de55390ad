"""A book seen from the factors: given them its names default independently, and its loss is a sum whose cumulants are known.

The names fall in three parts: those of tabulated classes, those taken one by one (``direct``), and the largest, whose defaults are
kept apart (``explicit``) because no smooth expansion describes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.cumulants import of_default, sums_of_default
from crfs.risk.memo import Memo, digest
from crfs.risk.names import Names
from crfs.risk.points import Points
from crfs.risk.tables import Table, make_table, without
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_LEAST_TABULATED = 4
_STEEPEST = 2.6
_CELLS_AT_ONCE = 250_000
_MOST_KEPT = 2_000_000
"""Classes times points whose cumulants a memo holds: 64 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConditionalBook:
    """Tables, and the names outside them: ``direct`` and ``explicit`` are places in ``names``; ``explicit`` ones are in no table."""

    names: Names
    tables: tuple[Table, ...]
    direct: IntArray
    explicit: IntArray
    memo: Memo | None = None

    def factors(self, kinds: IntArray, epsilon: FloatArray) -> FloatArray:
        """Composite factors of classes (classes x points) from independent normals (points x factors)."""
        return np.asarray(self.names.directions[kinds] @ epsilon.T)

    def mixing(self, kinds: IntArray, mixing: FloatArray) -> FloatArray:
        """The mixing variable of classes (classes x points): ``mixing`` has a row for each of ``names.nus``, and one of ones at the end."""
        return mixing[self.names.nu_index[kinds]]

    def cumulants(self, epsilon: FloatArray, mixing: FloatArray) -> FloatArray:
        """First four cumulants (4 x points) of the loss of all but the explicit names."""
        return self.summed([self.tabulated(epsilon, mixing)], epsilon, mixing)

    def tabulated(self, epsilon: FloatArray, mixing: FloatArray) -> FloatArray:
        """First four cumulants (4 x points) of the loss of the names that are in tables."""
        total = np.zeros((4, len(epsilon)))
        for table in self.tables:
            for each in table.by_class(self.factors(table.kinds, epsilon), mixing[table.nu_index] if table.nu_index >= 0 else None):
                total += each
        return total

    def cumulants_at(self, points: Points) -> FloatArray:
        """:meth:`cumulants` at points where a memo may know the classes that are as they were."""
        return self.summed([each for table in self.tables for each in self.by_class(table, points)], points.epsilon, points.mixing)

    def by_class(self, table: Table, points: Points) -> list[FloatArray]:
        """Cumulants of each of a table's classes (4 x points), found one by one: what a class has there depends on no other."""
        factors, key = self.factors(table.kinds, points.epsilon), b""
        memo = self.memo if len(table.kinds) * len(points) <= _MOST_KEPT else None
        if memo is not None:
            # All directions, not the class's own: a product of matrices may round a row by the company it is in.
            key = digest(b"at", points.key, str(table.nu_index).encode(), self.names.directions[table.kinds])
        mixing = points.mixing[table.nu_index] if table.nu_index >= 0 else None
        result = []
        for k in range(len(table.kinds)):
            mine = digest(key, str(k).encode(), table.keys[k]) if memo is not None else b""
            found = memo.find(mine) if memo is not None else None
            if found is None:
                found = table.of_class(k).by_class(factors[k : k + 1], mixing)[0]
                if memo is not None:
                    memo.keep(mine, found)
            result.append(found)
        return result

    def summed(self, by_class: list[FloatArray], epsilon: FloatArray, mixing: FloatArray) -> FloatArray:
        """Cumulants (4 x points) from those of all tables' classes (4 x points each), and of the names that are taken one by one."""
        total = np.zeros((4, len(epsilon)))
        for each in by_class:
            total += each
        step = max(1, _CELLS_AT_ONCE // max(1, len(epsilon)))
        for start in range(0, len(self.direct), step):
            some = self.direct[start : start + step]
            total += sums_of_default(self.conditional_pd(some, epsilon, mixing), self.names.loss[:, some])
        return total

    def conditional_pd(self, which: IntArray, epsilon: FloatArray, mixing: FloatArray) -> FloatArray:
        """Default probabilities (names x points) of some names."""
        kinds, inverse = np.unique(self.names.kind[which], return_inverse=True)
        return self.names.conditional_pd(which, self.factors(kinds, epsilon)[inverse], self.mixing(kinds, mixing)[inverse])

    def slopes(self, epsilon: FloatArray, mixing: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """At one point (``epsilon``: factors; ``mixing``: one number each): mean and variance of the whole loss, and their gradients.

        By central differences in each class's factor; the last entry of a gradient is along the logarithm of all mixing variables together.
        """
        h = 1e-4
        # The state, its factor moved up and down, and its mixing variable moved up and down.
        moves, scales = np.array([0.0, h, -h]), np.ones(3)
        if self.names.nus:
            moves, scales = np.append(moves, [0.0, 0.0]), np.append(scales, [math.exp(h), math.exp(-h)])
        total = np.zeros((2, len(moves)))
        slope = np.zeros((2, len(self.names.directions)))
        for table in self.tables:
            y = self.factors(table.kinds, epsilon[None]) + moves
            values = table.by_class(y, mixing[table.nu_index] * scales if table.nu_index >= 0 else None)[:, :2]
            total += values.sum(axis=0)
            slope[:, table.kinds] = ((values[:, :, 1] - values[:, :, 2]) / (2.0 * h)).T
        others = np.concatenate([self.direct, self.explicit])
        if len(others):
            kind = self.names.kind[others]
            y = (self.names.directions @ epsilon)[kind, None] + moves
            s = np.where(self.names.nu_index[kind, None] >= 0, mixing[self.names.nu_index[kind], None] * scales, 1.0)
            each = of_default(self.names.conditional_pd(others, y, s), self.names.loss[:, others, None])[:2]
            for row, values in enumerate(each):
                total[row] += values.sum(axis=0)
                moved = (values[:, 1] - values[:, 2]) / (2.0 * h)
                slope[row] += np.bincount(kind, weights=moved, minlength=slope.shape[1])
        gradient = slope @ self.names.directions
        if self.names.nus:
            gradient = np.concatenate([gradient, ((total[:, 3] - total[:, 4]) / (2.0 * h))[:, None]], axis=1)
        return total[0, 0], total[1, 0], gradient[0], gradient[1]

    def whole(self, epsilon: FloatArray, mixing: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the whole loss at points, the explicit names included."""
        sums = self.cumulants(epsilon, mixing)
        if len(self.explicit):
            sums = sums + sums_of_default(self.conditional_pd(self.explicit, epsilon, mixing), self.names.loss[:, self.explicit])
        return sums[0], sums[1]

    def with_explicit(self, explicit: IntArray, map_tasks: MapTasks) -> ConditionalBook:
        """The same book with more names kept apart: ``explicit`` are places in ``names`` and hold those that are explicit already."""
        leaving = np.setdiff1d(explicit, np.concatenate([self.explicit, self.direct]))
        direct = np.setdiff1d(self.direct, explicit)
        changed = np.unique(self.names.kind[leaving])
        inside = np.isin(self.names.kind, changed)
        inside[explicit] = False
        inside[direct] = False
        staying = self.names.chosen(np.flatnonzero(inside))
        kept = [
            without(table, changed, staying, map_tasks, self.memo) if np.isin(table.kinds, changed).any() else table
            for table in self.tables
        ]
        return replace(self, tables=tuple(table for table in kept if table is not None), direct=direct, explicit=np.sort(explicit))


def one_by_one(names: Names) -> IntArray:
    """Places of names outside the tables: those of classes too small for one, and those that follow their factor too closely for a grid."""
    counts = np.bincount(names.kind, minlength=len(names.nu_index))
    return np.flatnonzero((counts[names.kind] < _LEAST_TABULATED) | (names.b > _STEEPEST))


def condition(names: Names, *, map_tasks: MapTasks = map, memo: Memo | None = None) -> ConditionalBook:
    """Tabulate what can be tabulated of ``names``; with a ``memo``, but for what was tabulated before."""
    direct = one_by_one(names)
    inside = names
    if len(direct):
        tabulated = np.ones(len(names), dtype=bool)
        tabulated[direct] = False
        inside = names.chosen(np.flatnonzero(tabulated))
    populated = np.flatnonzero(np.bincount(inside.kind, minlength=len(names.nu_index)))
    tables = []
    for nu_index in (-1, *range(len(names.nus))):
        kinds = populated[names.nu_index[populated] == nu_index]
        if not len(kinds):
            continue
        tables.append(make_table(inside, kinds, nu_index, map_tasks, memo=memo))
    return ConditionalBook(names=names, tables=tuple(tables), direct=direct, explicit=np.zeros(0, dtype=np.int64), memo=memo)
