"""The loss distribution by the expansion alone: given the factors, and given which of a few large names default.

With ``k`` large names a point has ``2^k`` states. In each the loss is what they lose there, a number or a random one of known cumulants, and the
loss of all others: cumulants add, and the expansion takes their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.cumulants import of_default as cumulants_of_default
from crfs.risk.edgeworth import Tail, fourth_order, local, of_part, tail
from crfs.risk.mixture import Mixture
from crfs.risk.points import Points
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# Standard deviations beyond which a normal tail (below 1e-22) is none.
_NEAR = 10.0
LEAST_OF_LARGEST = 1e-6
"""The least standard deviation of the loss of all others, as a part of the largest loss."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smooth(Mixture):
    """States of the large names at every point: bit ``k`` of a state's number says whether the ``k``-th of them defaults; without any, one state."""

    given: FloatArray
    """Cumulants of the whole loss, 4 x states x points."""
    chance: FloatArray
    """Of the state at the point, states x points."""

    @classmethod
    def of(cls, book: ConditionalBook, points: Points, sums: FloatArray, explicit_pd: FloatArray) -> Smooth:
        """``sums`` are cumulants (4 x points) of what all but the explicit names lose, ``explicit_pd`` the default probabilities of those."""
        lost = np.zeros((4, 1))
        chance = np.ones((1, len(points)))
        for name, p in zip(book.explicit, explicit_pd, strict=True):
            lost = np.concatenate([lost, lost + book.names.loss[:, name, None]], axis=1)
            chance = np.concatenate([chance * (1.0 - p), chance * p])
        return cls(book=book, points=points, sums=sums, explicit_pd=explicit_pd, given=sums[:, None, :] + lost[:, :, None], chance=chance)

    def tails(self, losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        weight = self.points.weight * self.chance
        answer = np.zeros((3, len(losses), self.scrambles))
        for k, x in enumerate(losses.tolist()):
            values = _at(self.given, x, tail) * weight
            answer[:, k] = values.reshape(3, len(weight), self.scrambles, -1).sum(axis=(1, 3))
        return answer[0], answer[1], answer[2]

    def _local(self, x: float) -> Tail:
        return Tail(*(_at(self.given, x, local) * self.chance).sum(axis=1))

    def left_out(self, x: float) -> tuple[float, float]:
        flat = self.given.reshape(4, -1)
        near = _near(self.given, x)
        values = np.zeros((2, flat.shape[1]))
        values[:, near] = fourth_order(x, *flat[:, near])
        beyond, excess = (values.reshape(2, *self.chance.shape) * self.chance).sum(axis=1)
        return float(self.by_scramble(beyond).mean()), float(self.by_scramble(excess).mean())

    @property
    def asked_of_one(self) -> float:
        return float(self.chance.size)

    def parts_of(
        self,
        names: IntArray,
        losses: Sequence[float],
        map_tasks: MapTasks = map,
        *,
        share: FloatArray | None = None,
        of_default: bool = False,
    ) -> FloatArray:
        p = self.book.conditional_pd(names, self.points.epsilon, self.points.mixing)
        least = (LEAST_OF_LARGEST * float(self.book.names.loss[0].max())) ** 2
        tasks = []
        for place, name in enumerate(names):
            weight = self.points.weight * self.chance * p[place]
            own = weight if share is None else weight * share[place]
            tasks.append(
                _PartTask(self.given, p[place], self.book.names.loss[:, name], own, least, tuple(losses), self.scrambles, of_default)
            )
        return np.stack(list(map_tasks(_part_of, tasks)), axis=2)

    def explicit_parts(
        self, losses: Sequence[float], map_tasks: MapTasks = map, *, share: FloatArray | None = None, of_default: bool = False
    ) -> FloatArray:
        names = self.book.explicit
        answer = np.zeros((len(losses), 2, len(names), self.scrambles))
        weight = self.points.weight * self.chance
        for x, parts in zip(losses, answer, strict=True):
            at = Tail(*_at(self.given, x, local))
            for place, name in enumerate(names):
                # In the states of its default the name's loss is a part of the sum that is independent of all others.
                defaults = np.flatnonzero(np.arange(len(self.chance)) >> place & 1)
                k1, k2, k3 = (1.0, 0.0, 0.0) if of_default else self.book.names.loss[:3, name]
                own = weight[defaults] if share is None else weight[defaults] * share[place]
                values = np.stack(of_part(Tail(*(each[defaults] for each in at)), k1, k2, k3))
                parts[:, place] = (values * own).reshape(2, len(defaults), self.scrambles, -1).sum(axis=(1, 3))
        return answer


class _PartTask(NamedTuple):
    """A name that is taken out of the loss that is ``given`` (cumulants, 4 x states x points): its probability at the points, the cumulants of what it loses,
    and what its default counts for (states x points)."""

    given: FloatArray
    p: FloatArray
    lost: FloatArray
    own: FloatArray
    least: float
    losses: tuple[float, ...]
    scrambles: int
    of_default: bool


def _part_of(task: _PartTask) -> FloatArray:
    """losses x 2 x scrambles: in the states of its default the name's loss is a part of the sum that is independent of all others."""
    given = task.given - np.stack(cumulants_of_default(task.p, task.lost))[:, None] + task.lost[:, None, None]
    given[1] = np.maximum(given[1], task.least)
    found = np.zeros((len(task.losses), 2, task.scrambles))
    for x, part in zip(task.losses, found, strict=True):
        values = np.stack(of_part(Tail(*_at(given, x, local)), *((1.0, 0.0, 0.0) if task.of_default else task.lost[:3].tolist())))
        part[:] = (values * task.own).reshape(2, len(task.own), task.scrambles, -1).sum(axis=(1, 3))
    return found


def _at(given: FloatArray, x: float, what: Callable[..., Sequence[FloatArray]]) -> FloatArray:
    """What ``what`` says of ``x``, rows x states x points: farther off nothing is left but that the loss is beyond, or is not, and by how much."""
    flat, near = given.reshape(len(given), -1), _near(given, x)
    found = what(x, *flat[:3, near])
    values = np.zeros((len(found), flat.shape[1]))
    values[0] = flat[0] > x
    np.multiply(values[0], flat[0] - x, out=values[1])
    values[:, near] = found
    return values.reshape(-1, *given.shape[1:])


def _near(given: FloatArray, x: float) -> npt.NDArray[np.intp]:
    """Places (states x points, flat) where a loss of ``x`` is neither all but impossible nor all but sure to be exceeded."""
    m1, m2 = given[:2].reshape(2, -1)
    return np.flatnonzero(np.abs(x - m1) < _NEAR * np.sqrt(m2))
