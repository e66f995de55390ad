"""A book seen from the factors: given them its names default independently, and its loss is a sum whose cumulants are known.

The names fall in three parts: those of tabulated classes, those taken one by one (``direct``), and the largest, whose defaults are
kept apart (``explicit``) because no smooth expansion describes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.cumulants import sums_of_default
from crfs.risk.memo import Memo
from crfs.risk.names import Names
from crfs.risk.tables import Table, make_table, without
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_LEAST_TABULATED = 4
_STEEPEST = 2.6
_POINTS_A_TASK = 1_024
_CELLS_AT_ONCE = 250_000


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
        return self.summed([self.by_class(table, epsilon, mixing) for table in self.tables], epsilon, mixing)

    def by_class(self, table: Table, epsilon: FloatArray, mixing: FloatArray) -> FloatArray:
        """Cumulants of a table's classes, one by one: classes x 4 x points."""
        return table.by_class(self.factors(table.kinds, epsilon), mixing[table.nu_index] if table.nu_index >= 0 else None)

    def summed(self, by_class: list[FloatArray], epsilon: FloatArray, mixing: FloatArray) -> FloatArray:
        """Cumulants (4 x points) from those of each table's classes, and of the names that are taken one by one."""
        total = np.zeros((4, len(epsilon)))
        for each in by_class:
            total += np.add.reduce(each, axis=0)
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
        rows = [epsilon, *(epsilon + h * unit for unit in np.eye(len(epsilon))), *(epsilon - h * unit for unit in np.eye(len(epsilon)))]
        mixed = [mixing] * len(rows)
        if self.names.nus:
            scaled = np.where(np.arange(len(mixing)) < len(self.names.nus), h, 0.0)
            rows += [epsilon, epsilon]
            mixed += [mixing * np.exp(scaled), mixing * np.exp(-scaled)]
        points, states = np.array(rows), np.array(mixed).T
        mean, variance = self.whole(points, states)
        k = len(epsilon)
        gradient = [(values[1 : k + 1] - values[k + 1 : 2 * k + 1]) / (2.0 * h) for values in (mean, variance)]
        if self.names.nus:
            gradient = [np.append(g, (v[-2] - v[-1]) / (2.0 * h)) for g, v in zip(gradient, (mean, variance), strict=True)]
        return mean[0], variance[0], gradient[0], gradient[1]

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
    from scipy.special import chdtri

    direct = one_by_one(names)
    tabulated = np.ones(len(names), dtype=bool)
    tabulated[direct] = False
    inside = names.chosen(np.flatnonzero(tabulated))
    tables = []
    for nu_index in (-1, *range(len(names.nus))):
        kinds = np.unique(inside.kind[names.nu_index[inside.kind] == nu_index])
        if not len(kinds):
            continue
        nu = names.nus[nu_index] if nu_index >= 0 else 1.0
        s_range = (max(1e-3, float(np.sqrt(chdtri(nu, 1.0 - 1e-9) / nu))), float(np.sqrt(chdtri(nu, 1e-9) / nu)))
        tables.append(make_table(inside, kinds, nu_index, s_range, map_tasks, memo=memo))
    return ConditionalBook(names=names, tables=tuple(tables), direct=direct, explicit=np.zeros(0, dtype=np.int64), memo=memo)
