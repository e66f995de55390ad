"""The exact loss of a few names given the factors: a convolution on a lattice, or every sum there is, and what each name has to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


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
        return self._stages(p, keep=False)[-1]

    def parts(self, p: FloatArray, payoffs: FloatArray) -> FloatArray:
        """For each name E[its loss x payoff(summed loss)] at each point: payoffs x names x points; ``payoffs`` is kinds x lattice.

        Backwards through the convolution, so the cost is that of making it, and nothing is divided by what may be small.
        """
        stages = self._stages(p, keep=True)
        result = np.zeros((len(payoffs), *p.shape))
        for kind, payoff in enumerate(payoffs):
            after = np.broadcast_to(payoff, (p.shape[1], self.size))
            for i in range(len(self.cells) - 1, -1, -1):
                cell = int(self.cells[i])
                shifted = np.zeros_like(after)
                shifted[:, : self.size - cell] = after[:, cell:]
                result[kind, i] = cell * self.step * p[i] * np.einsum("pg,pg->p", stages[i], shifted)
                after = after * (1.0 - p[i])[:, None] + shifted * p[i][:, None]
        return result

    def _stages(self, p: FloatArray, *, keep: bool) -> list[FloatArray]:
        """The distribution of the first 0, 1, 2, ... names; the last alone where they are not to be kept."""
        now = np.zeros((p.shape[1], self.size))
        now[:, 0] = 1.0
        stages = [now]
        reach = 1
        for i, cell in enumerate(self.cells):
            following = np.zeros_like(now)
            following[:, :reach] = now[:, :reach] * (1.0 - p[i])[:, None]
            following[:, cell : cell + reach] += now[:, :reach] * p[i][:, None]
            reach += int(cell)
            stages = [*stages, following] if keep else [following]
            now = following
        return stages


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

    def parts(self, p: FloatArray, payoffs: FloatArray) -> FloatArray:
        """For each name E[its loss x payoff(summed loss)] at each point: payoffs x names x points; ``payoffs`` is kinds x sums."""
        probability = self.distribution(p)
        paid = (self.order[:, None] >> np.arange(len(self.losses)) & 1) * self.losses
        return np.stack([((probability * payoff) @ paid).T for payoff in payoffs])

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
