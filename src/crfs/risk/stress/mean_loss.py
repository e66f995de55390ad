"""The mean loss of a book given the state of the world, and its slope: what a reverse stress climbs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.names import Names
from crfs.risk.points import mixing_variables
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

FARTHEST = 10.0
"""How many standard deviations from the middle a state is looked for: a sphere that one normal state in 10^22 leaves."""
_STEP = 1e-4
_FEW = 2_000
_CELLS_AT_ONCE = 400_000
# Phi is one or zero to the last bit beyond it.
_EDGE = 8.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanLoss:
    """E[L | state], in the book's units, at states ``u`` (points x dimensions) of independent standard normals.

    The first coordinates of a state are those of the factors, the largest principal component first; under a t copula the last one, ``v``, is
    the normal score of the mixing variable: ``W`` is the quantile of chi-squared at ``Phi(v)`` (M. Rosenblatt's transformation, 1952), the same
    ``v`` for all degrees of freedom of a grouped copula. So every state has the density ``exp(-|u|^2 / 2)`` up to a constant.

    Classes of many names are looked up in the engine's tables (their slope by central differences), the others are taken one by one.
    """

    names: Names
    tabulated: ConditionalBook | None
    direct: IntArray

    @classmethod
    def of(cls, names: Names, *, map_tasks: MapTasks = map) -> MeanLoss:
        """Tabulate what can be tabulated; a small book is not worth it."""
        if len(names) <= _FEW:
            return cls(names=names, tabulated=None, direct=np.arange(len(names)))
        book = condition(names, map_tasks=map_tasks)
        return cls(
            names=names,
            tabulated=replace(book, direct=np.zeros(0, dtype=np.int64)) if book.tables else None,
            direct=book.direct,
        )

    def by_names(self) -> MeanLoss:
        """The same from every name's own default probability, with no interpolation."""
        return replace(self, tabulated=None, direct=np.arange(len(self.names)))

    @property
    def dimensions(self) -> int:
        """Factors, and one more under a t copula."""
        return int(self.names.directions.shape[1]) + bool(self.names.nus)

    def value(self, u: FloatArray) -> FloatArray:
        """The mean loss at each state."""
        total = np.zeros(len(u))
        if self.tabulated is not None:
            total += self.tabulated.whole(np.ascontiguousarray(self._factors(u)), self.mixing(u))[0]
        return total + self._one_by_one(self.direct, u, with_slope=False)[0]

    def slope(self, u: FloatArray) -> FloatArray:
        """Its gradient at each state, points x dimensions."""
        _, gradient = self._one_by_one(self.direct, u, with_slope=True)
        if self.tabulated is None:
            return gradient
        count, size = u.shape
        moved = np.eye(size)[:, None, :] * _STEP
        states = np.concatenate([u[None] + moved, u[None] - moved]).reshape(-1, size)
        values = self.tabulated.whole(np.ascontiguousarray(self._factors(states)), self.mixing(states))[0].reshape(2, size, count)
        return np.asarray(gradient + ((values[0] - values[1]) / (2.0 * _STEP)).T)

    def exact(self, u: FloatArray) -> FloatArray:
        """As :meth:`value`, from every name's own default probability: no interpolation."""
        return self._one_by_one(np.arange(len(self.names)), u, with_slope=False)[0]

    def of_names(self, u: FloatArray) -> FloatArray:
        """The mean loss of each name at one state (``dimensions`` numbers)."""
        from scipy.special import ndtr

        return np.asarray(self.names.loss[0] * ndtr(self._arguments(np.arange(len(self.names)), u[None])[:, 0]))

    def _factors(self, u: FloatArray) -> FloatArray:
        return u[:, : self.names.directions.shape[1]]

    def mixing(self, u: FloatArray) -> FloatArray:
        """``sqrt(W / nu)`` for each of ``names.nus`` and a row of ones, x points."""
        nus = self.names.nus
        return mixing_variables(chi_squared(u[:, -1], min(nus)) if nus else None, nus, len(u))

    def _arguments(self, which: IntArray, u: FloatArray) -> FloatArray:
        """What the normal distribution function of each name's default is taken of (names x points)."""
        names = self.names
        y = np.einsum("kf,pf->kp", names.directions, self._factors(u))
        s = self.mixing(u)[names.nu_index]
        kind = names.kind[which]
        with np.errstate(invalid="ignore"):  # a certain default has an infinite threshold
            x = names.a[which, None] * s[kind] - names.b[which, None] * y[kind]
        return np.where(np.isposinf(names.a[which, None]), np.inf, x)

    def _one_by_one(self, which: IntArray, u: FloatArray, *, with_slope: bool) -> tuple[FloatArray, FloatArray]:
        from scipy.special import ndtr

        value, gradient = np.zeros(len(u)), np.zeros(u.shape)
        if not len(which):
            return value, gradient
        names = self.names
        step = max(1, _CELLS_AT_ONCE // len(which))
        for start in range(0, len(u), step):
            some = slice(start, start + step)
            x = self._arguments(which, u[some])
            value[some] = np.einsum("i,ip->p", names.loss[0, which], ndtr(x))
            if with_slope:
                gradient[some] = self._slope_of(which, x, u[some])
        return value, gradient

    def _slope_of(self, which: IntArray, x: FloatArray, u: FloatArray) -> FloatArray:
        names = self.names
        kinds, first = np.unique(names.kind[which], return_index=True)
        density = names.loss[0, which, None] * np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
        down = np.add.reduceat(density * names.b[which, None], first, axis=0)
        gradient = np.zeros(u.shape)
        gradient[:, : names.directions.shape[1]] = -np.einsum("kp,kf->pf", down, names.directions[kinds])
        if names.nus:
            level = np.where(np.isfinite(names.a[which]), names.a[which], 0.0)
            up = np.add.reduceat(density * level[:, None], first, axis=0)
            moved = u.copy()
            moved[:, -1] += _STEP
            ahead = self.mixing(moved)
            moved[:, -1] -= 2.0 * _STEP
            pace = (ahead - self.mixing(moved)) / (2.0 * _STEP)
            gradient[:, -1] = np.einsum("kp,kp->p", up, pace[names.nu_index[kinds]])
        return gradient


def chi_squared(score: FloatArray, nu: float) -> FloatArray:
    """The chi-squared variable whose normal score is ``score``: the quantile at ``Phi(score)``, from the end that is nearer.

    >>> chi_squared(np.array([0.0]), 2.0).round(6).tolist()
    [1.386294]
    """
    from scipy.special import gammainccinv, gammaincinv, ndtr

    v = np.clip(score, -_EDGE, _EDGE)
    return np.asarray(2.0 * np.where(v < 0.0, gammaincinv(0.5 * nu, ndtr(v)), gammainccinv(0.5 * nu, ndtr(-v))))
