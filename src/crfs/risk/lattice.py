"""The exact loss of a few names given the factors: a convolution on a lattice, or every sum there is, and what each name has to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_NAMES_AT_ONCE = 6
"""Names whose 64 sets are looked at one by one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice:
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
class Sums:
    """The losses of all subsets of some names, whatever amounts they lose: ``values`` in rising order, ``order`` the subsets in that order.

    Subset number ``n`` has name ``i`` where bit ``i`` of ``n`` is set.
    """

    losses: FloatArray
    values: FloatArray
    order: IntArray

    @classmethod
    def of(cls, losses: FloatArray) -> Sums:
        """Of the losses of names given default."""
        sums = np.zeros(1)
        for loss in losses:
            sums = np.concatenate([sums, sums + loss])
        order = np.argsort(sums, kind="stable")
        return cls(losses=losses, values=sums[order], order=order)

    @property
    def size(self) -> int:
        """How many sums there are."""
        return len(self.values)

    @property
    def price(self) -> int:
        """Products that the distribution takes at a point."""
        return 4 * self.size

    def distribution(self, p: FloatArray) -> FloatArray:
        """Probabilities (points x sums), for default probabilities ``p`` (names x points)."""
        return self._by_subset(p)[:, self.order]

    def lost(self, p: FloatArray, weight: FloatArray) -> FloatArray:
        """For each name E[its loss; the summed loss is the k-th], weighed over points: names x sums."""
        paid = (self.order >> np.arange(len(self.losses))[:, None] & 1) * self.losses[:, None]
        return np.asarray(paid * (weight @ self.distribution(p)))

    def _by_subset(self, p: FloatArray) -> FloatArray:
        held = np.ones((p.shape[1], 1))
        for each in p:
            held = np.concatenate([held * (1.0 - each)[:, None], held * each[:, None]], axis=1)
        return held


def make_lattice(losses: FloatArray, step: float) -> Lattice:
    """The lattice of losses that are multiples of ``step`` (:func:`common_step`)."""
    return Lattice(step=step, cells=np.asarray(np.round(losses / step), dtype=np.int64))


def common_step(losses: FloatArray, most_cells: int) -> float | None:
    """The largest amount that every loss is a multiple of, where that takes at most ``most_cells`` lattice points; else None.

    >>> common_step(np.array([300.0, 500.0, 1100.0]), 1000)
    100.0
    """
    step = float(losses[0])
    for loss in losses[1:]:
        a, b = float(loss), step
        while b > 1e-7 * step:
            a, b = b, a % b
            if a - b < 1e-7 * step:  # the remainder of numbers that are not quite multiples
                b = 0.0
        step = a
        if losses.sum() / step > most_cells:
            return None
    steps = losses / step
    # Steps that differ in rounding alone are one: take the one that fits the largest loss.
    step = float(losses.max() / round(float(steps.max())))
    return step if bool((np.abs(losses / step - np.round(losses / step)) < 1e-6).all()) and losses.sum() / step <= most_cells else None


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
