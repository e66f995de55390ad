"""The exact loss of a few names given the factors: a convolution on a lattice, or every sum there is, and what each name has to do with it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_NAMES_AT_ONCE = 6
"""Names whose 64 sets are looked at one by one."""
_CELLS_AT_ONCE = 65_536
_MOST_CELLS = 4_000
# Of a step, what is lost in the rounding of some thousands of them.
_NO_PART = 1e-9
# What sums of the same amounts in another order may differ by, of themselves.
_LAST_DIGITS = 1e-12
_MOST_SUMS = 4_096
"""Those of a dozen names of any amounts."""
# Names among which one is looked for that keeps the others from a lattice: all pairs are looked at.
_MOST_WITH_A_STRANGER = 200


class LossLattice(Protocol):
    """Where the summed loss of some names may lie: what the methods that take names exactly ask of it."""

    @property
    def values(self) -> FloatArray:
        """The losses that there are, in rising order."""

    @property
    def price(self) -> float:
        """Products that the distribution takes at a point."""

    @property
    def rounded_to(self) -> float:
        """How far the points are apart that losses are moved to; zero where all losses lie on the lattice by themselves."""

    @property
    def end(self) -> float:
        """From here on losses have no places of their own; infinite where all have."""

    @property
    def noise(self) -> FloatArray:
        """What the rounding of transforms may leave at each of the values; nothing where there are none."""

    def summed(self, p: FloatArray, weight: FloatArray, groups: int, map_tasks: MapTasks = map) -> FloatArray:
        """Probabilities of the summed loss (groups x values), for default probabilities ``p`` (names x points) and the points' ``weight``.

        The points are in so many equal ``groups``, each of which is summed up.
        """

    def parts(self, p: FloatArray, weight: FloatArray, groups: int, payoffs: FloatArray, map_tasks: MapTasks = map) -> FloatArray:
        """For each name E[its loss x payoff(summed loss)] of each group of points: payoffs x names x groups; ``payoffs`` is kinds x values."""


class OwnLattice(ABC):
    """Lattices on which losses lie by themselves: their distribution is found point by point."""

    __slots__ = ()

    @property
    @abstractmethod
    def size(self) -> int:
        """How many sums there can be."""

    @property
    @abstractmethod
    def price(self) -> float:
        """Products that the distribution takes at a point."""

    @abstractmethod
    def distribution(self, p: FloatArray) -> FloatArray:
        """Probabilities (points x sums), for default probabilities ``p`` (names x points)."""

    @abstractmethod
    def lost(self, p: FloatArray, weight: FloatArray) -> FloatArray:
        """For each name E[its loss; the summed loss is the k-th], weighed over points: names x sums."""

    @property
    def rounded_to(self) -> float:
        """No loss is moved."""
        return 0.0

    @property
    def end(self) -> float:
        """Every loss has its place."""
        return math.inf

    @property
    def noise(self) -> FloatArray:
        """Nothing is transformed."""
        return np.zeros(self.size)

    def summed(self, p: FloatArray, weight: FloatArray, groups: int, map_tasks: MapTasks = map) -> FloatArray:
        """As :meth:`LossLattice.summed`."""

        def of_group(pieces: list[slice]) -> FloatArray:
            result = np.zeros(self.size)
            for some in pieces:
                result += np.einsum("pg,p->g", self.distribution(p[:, some]), weight[some])
            return result

        return np.stack(list(map_tasks(of_group, self._pieces(len(weight), groups))))

    def parts(self, p: FloatArray, weight: FloatArray, groups: int, payoffs: FloatArray, map_tasks: MapTasks = map) -> FloatArray:
        """As :meth:`LossLattice.parts`."""

        def of_group(pieces: list[slice]) -> FloatArray:
            lost = np.zeros((len(p), self.size))
            for some in pieces:
                lost += self.lost(p[:, some], weight[some])
            return payoffs @ lost.T

        return np.stack(list(map_tasks(of_group, self._pieces(len(weight), groups))), axis=-1)

    def _pieces(self, count: int, groups: int) -> list[list[slice]]:
        """The points of each group, so many of them at a time (one at least)."""
        each, step = count // groups, max(1, _CELLS_AT_ONCE // self.size)
        starts = range(0, count, each)
        return [[slice(at, min(at + step, start + each)) for at in range(start, start + each, step)] for start in starts]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice(OwnLattice):
    """Losses as multiples of ``step``: name ``i`` loses ``cells[i]`` steps if it defaults. ``size`` points, from no loss to all of them."""

    step: float
    cells: IntArray

    @property
    def size(self) -> int:
        """How many sums there can be."""
        return 1 + int(self.cells.sum())

    @property
    def values(self) -> FloatArray:
        """The sums, in rising order."""
        return np.asarray(self.step * np.arange(self.size), dtype=np.float64)

    @property
    def price(self) -> int:
        """Products that the distribution takes at a point."""
        return self.size * len(self.cells)

    def distribution(self, p: FloatArray) -> FloatArray:
        """Probabilities (points x lattice) of the summed loss, for default probabilities ``p`` (names x points)."""
        return self._with(np.ones((p.shape[1], 1)), p, range(len(p)))

    def lost(self, p: FloatArray, weight: FloatArray) -> FloatArray:
        """For each name E[its loss; the summed loss is at k], weighed over points: names x lattice.

        What is paid at a place is paid for what the others lose, so each name is left out of the sum: half of the names are added to the other
        half, half of those again, down to a few, which are looked at together. Nothing is subtracted, or divided by what may be small.
        """
        result = np.zeros((len(p), self.size))
        # What the names outside a range lose, and the range: halved from the whole on.
        waiting = [(np.ones((p.shape[1], 1)), range(len(p)))]
        while waiting:
            others, names = waiting.pop()
            if len(names) <= _NAMES_AT_ONCE:
                self._share(result, others, p, weight, names)
                continue
            half = len(names) // 2
            waiting += [(self._with(others, p, names[:half]), names[half:]), (self._with(others, p, names[half:]), names[:half])]
        return result

    def _share(self, result: FloatArray, others: FloatArray, p: FloatArray, weight: FloatArray, names: range) -> None:
        """Add to ``result`` what a few names lose beside what all others do: set by set of them in default."""
        counted, places = weight[None, :], [0]
        for i in names:
            counted = np.concatenate([counted * (1.0 - p[i]), counted * p[i]])
            places = [*places, *(place + int(self.cells[i]) for place in places)]
        for number, (place, held) in enumerate(zip(places, counted @ others, strict=True)):
            for bit, i in enumerate(names):
                if number >> bit & 1:
                    result[i, place : place + len(held)] += self.cells[i] * self.step * held

    def _with(self, held: FloatArray, p: FloatArray, names: range) -> FloatArray:
        """The distribution (points x as far as it reaches) with so many more of the names in it."""
        reach = held.shape[1]
        result = np.zeros((len(held), reach + int(self.cells[names].sum())))
        result[:, :reach] = held
        room = np.empty_like(result)
        for i in names:
            so_far, cell = result[:, :reach], int(self.cells[i])
            defaulted = np.multiply(so_far, p[i][:, None], out=room[:, :reach])
            so_far *= (1.0 - p[i])[:, None]
            result[:, cell : cell + reach] += defaulted
            reach += cell
        return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums(OwnLattice):
    """All sums of some names' losses, whatever amounts they lose: ``values`` in rising order.

    Names whose losses are multiples of one amount, their step, are counted together, in steps. Such counts are the digits of a number, and numbers are
    multiples of one: the distribution on the lattice of numbers is that of the sums, in the ``order`` that makes them rise. Sums that differ in their last
    digits alone are one: each value has its numbers from its place among the ``starts`` on.
    """

    losses: FloatArray
    numbers: Lattice
    values: FloatArray
    order: IntArray
    starts: IntArray

    @classmethod
    def of(cls, losses: FloatArray, steps: FloatArray | None = None) -> Sums:
        """Of the losses of names given default, in their ``steps`` (those that lose the same together); few enough of them (:func:`count_of_sums`)."""
        amounts, first, owner = np.unique(losses if steps is None else steps, return_index=True, return_inverse=True)
        cells = np.asarray(np.round(losses / amounts[owner]), dtype=np.int64)
        reach = np.bincount(owner, weights=cells).astype(np.int64)
        sums, place = np.zeros(1), np.zeros(len(amounts), dtype=np.int64)
        for k in np.argsort(first):
            place[k] = len(sums)
            sums = (np.arange(reach[k] + 1)[:, None] * amounts[k] + sums).ravel()
        order = np.argsort(sums, kind="stable")
        rising = sums[order]
        starts = np.flatnonzero(np.diff(rising, prepend=-np.inf) > _LAST_DIGITS * rising)
        return cls(losses=losses, numbers=Lattice(step=1.0, cells=cells * place[owner]), values=rising[starts], order=order, starts=starts)

    @property
    def size(self) -> int:
        """How many sums there are."""
        return len(self.values)

    @property
    def price(self) -> int:
        """Products that the distribution takes at a point: two for each number that is reached, name by name."""
        return 2 * int((1 + np.cumsum(self.numbers.cells)).sum())

    def distribution(self, p: FloatArray) -> FloatArray:
        """Probabilities (points x sums), for default probabilities ``p`` (names x points)."""
        return self._risen(self.numbers.distribution(p))

    def lost(self, p: FloatArray, weight: FloatArray) -> FloatArray:
        """For each name E[its loss; the summed loss is the k-th], weighed over points: names x sums."""
        return self._risen(self.numbers.lost(p, weight)) * (self.losses / self.numbers.cells)[:, None]

    def _risen(self, of_numbers: FloatArray) -> FloatArray:
        """Columns of the values, from those of the numbers."""
        rising = of_numbers[:, self.order]
        return rising if len(self.starts) == len(self.order) else np.asarray(np.add.reduceat(rising, self.starts, axis=1))


def lattice_of(losses: FloatArray) -> Lattice | Sums | None:
    """Places for every sum of losses that are certain, where those are some thousands.

    Losses are multiples of one amount, or all but one of them are, or the sums of whatever amounts are few.

    >>> lattice_of(np.array([300.0, 500.0])).values.tolist()
    [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0]
    >>> lattice_of(np.array([1.0, 1.0, math.pi])).values.round(2).tolist()
    [0.0, 1.0, 2.0, 3.14, 4.14, 5.14]
    """
    step = common_step(losses, _MOST_CELLS)
    if step is not None:
        return make_lattice(losses, step)
    if count_of_sums(losses) <= _MOST_SUMS:
        return Sums.of(losses)
    steps = _all_but_one(losses)
    return None if steps is None else Sums.of(losses, steps)


def count_of_sums(losses: FloatArray) -> float:
    """How many sums losses have, where those of different amounts are counted apart: two to the number of names, if no two lose the same.

    >>> count_of_sums(np.array([2.0, 2.0, 2.0, 3.5]))
    8.0
    """
    with np.errstate(over="ignore"):  # infinite is many
        return float(np.prod(np.unique(losses, return_counts=True)[1] + 1.0))


def _all_but_one(losses: FloatArray) -> FloatArray | None:
    """The amount that each loss is a multiple of, where there is one for all but one of them, which has his own; else None."""
    if len(losses) > _MOST_WITH_A_STRANGER:
        return None
    for stranger in range(len(losses)):
        step = common_step(np.delete(losses, stranger), _MOST_SUMS // 2 - 1)
        if step is not None:
            steps = np.full(len(losses), step)
            steps[stranger] = losses[stranger]
            return steps
    return None


def make_lattice(losses: FloatArray, step: float) -> Lattice:
    """The lattice of losses that are multiples of ``step`` (:func:`common_step`)."""
    return Lattice(step=step, cells=np.asarray(np.round(losses / step), dtype=np.int64))


def common_step(losses: FloatArray, most_cells: int) -> float | None:
    """The largest amount that every loss is a multiple of, where that takes at most ``most_cells`` lattice points; else None.

    A loss that is lost in the rounding of the largest is a multiple of none.

    >>> common_step(np.array([300.0, 500.0, 1100.0]), 1000)
    100.0
    >>> common_step(np.array([1e9, 50.0]), 1000) is None
    True
    """
    step, whole = float(losses[0]), float(losses.sum())
    for loss in losses[1:]:
        a, b = float(loss), step
        while b > _NO_PART * step:
            a, b = b, a % b
            if a - b < _NO_PART * step:  # the remainder of numbers that are not quite multiples
                b = 0.0
        step = a
        if whole / step > most_cells:  # infinite beside the smallest of doubles
            return None
    steps = losses / step
    # Steps that differ in rounding alone are one: take the one that fits the largest loss.
    step = float(losses.max() / round(float(steps.max())))
    cells = np.round(losses / step)
    whole_steps = bool((np.abs(losses / step - cells) < _NO_PART * np.maximum(cells, 1.0)).all()) and bool((cells >= 1.0).all())
    return step if whole_steps and losses.sum() / step <= most_cells else None


def beyond(probability: FloatArray) -> FloatArray:
    """P(loss > k steps) for each k, summed from above so that a far tail is not lost in the rounding of a sum close to one."""
    return np.append(np.cumsum(probability[::-1])[::-1][1:], 0.0)


def lower_quantile(probability: FloatArray, confidence: float) -> int:
    """The smallest k with P(loss <= k steps) >= confidence.

    >>> lower_quantile(np.array([0.9, 0.0, 0.1]), 0.9), lower_quantile(np.array([0.9, 0.0, 0.1]), 0.95)
    (0, 2)
    """
    return int(np.argmax(beyond(probability) <= (1.0 - confidence) * (1.0 + 1e-12)))


def tail_payoffs(probability: FloatArray, confidence: float) -> FloatArray:
    """What a loss of k steps counts for in the expected shortfall and in the value at risk (2 x lattice).

    The atom at the quantile belongs to the tail in part (C. Acerbi and D. Tasche, 2002).
    """
    k, level, cells = lower_quantile(probability, confidence), 1.0 - confidence, np.arange(len(probability))
    at, above = float(probability[k]), float(probability[k + 1 :].sum())
    atom = (level - above) / at / level if at > 0.0 else 0.0
    on_line = 1.0 / at if at > 0.0 else 0.0
    return np.stack([np.where(cells > k, 1.0 / level, np.where(cells == k, atom, 0.0)), np.where(cells == k, on_line, 0.0)])
