"""The exact loss of a few names given the factors: a convolution on a lattice, and what each of them has to do with the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_ON_LATTICE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice:
    """Losses of some names as multiples of ``step``: name ``i`` loses ``cells[i][j]`` steps with probability ``shares[i][j]`` if it defaults.

    A loss between two multiples is shared between them so that its mean stays; ``spread[i]`` is the variance that this adds (given default).
    ``size`` is the number of lattice points, from no loss to all of them.
    """

    step: float
    cells: tuple[IntArray, ...]
    shares: tuple[FloatArray, ...]
    spread: FloatArray
    size: int

    @property
    def exact(self) -> bool:
        """Whether every loss is a multiple of the step."""
        return bool((self.spread == 0.0).all())

    def distribution(self, p: FloatArray) -> FloatArray:
        """Probabilities (points x lattice) of the summed loss, for default probabilities ``p`` (names x points)."""
        return self._stages(p, keep=False)[-1]

    def _stages(self, p: FloatArray, *, keep: bool) -> list[FloatArray]:
        """The distribution of the first 0, 1, 2, ... names; the last alone where they are not to be kept."""
        now = np.zeros((p.shape[1], self.size))
        now[:, 0] = 1.0
        stages = [now]
        reach = 1
        for i in range(len(self.cells)):
            following = np.zeros_like(now)
            following[:, :reach] = now[:, :reach] * (1.0 - p[i])[:, None]
            for cell, share in zip(self.cells[i], self.shares[i], strict=True):
                following[:, cell : cell + reach] += now[:, :reach] * (p[i] * share)[:, None]
            reach += int(self.cells[i].max())
            stages = [*stages, following] if keep else [following]
            now = following
        return stages

    def parts(self, p: FloatArray, payoffs: FloatArray) -> FloatArray:
        """For each name E[its loss x payoff(summed loss)] at each point: payoffs x names x points; ``payoffs`` is kinds x points x lattice.

        Backwards through the convolution, so the cost is that of making it, and nothing is divided by what may be small.
        """
        stages = self._stages(p, keep=True)
        result = np.zeros((len(payoffs), *p.shape))
        for kind, payoff in enumerate(payoffs):
            after = payoff
            for i in range(len(self.cells) - 1, -1, -1):
                before = stages[i]
                now = after * (1.0 - p[i])[:, None]
                for cell, share in zip(self.cells[i], self.shares[i], strict=True):
                    shifted = np.zeros_like(after)
                    shifted[:, : self.size - cell] = after[:, cell:]
                    now += shifted * (p[i] * share)[:, None]
                    result[kind, i] += share * cell * self.step * p[i] * np.einsum("pg,pg->p", before, shifted)
                after = now
        return result


def make_lattice(loss: FloatArray, cells: int, *, step: float | None = None) -> Lattice:
    """A lattice for names whose losses have cumulants ``loss`` (4 x names): ``cells`` points at most, or the given ``step``.

    A random LGD is replaced by the two values that have its first three moments (its Gauss quadrature).
    """
    nodes, weights = two_values(loss)
    chosen = float(nodes.max(axis=0).sum()) / max(1, cells - 2 - loss.shape[1]) if step is None else step
    listed, shares, spread = [], [], []
    for i in range(loss.shape[1]):
        place: dict[int, float] = {}
        added = 0.0
        for node, weight in zip(nodes[:, i], weights[:, i], strict=True):
            if weight == 0.0:
                continue
            steps = float(node) / chosen
            whole = round(steps)
            if abs(steps - whole) > _ON_LATTICE * max(1.0, steps):
                whole = int(np.floor(steps))
            rest = steps - whole if abs(steps - whole) > _ON_LATTICE * max(1.0, steps) else 0.0
            for cell, part in ((whole, 1.0 - rest), (whole + 1, rest)):
                if part > 0.0:
                    place[cell] = place.get(cell, 0.0) + float(weight) * part
            added += float(weight) * rest * (1.0 - rest) * chosen**2
        listed.append(np.array(sorted(place), dtype=np.int64))
        shares.append(np.array([place[cell] for cell in sorted(place)]))
        spread.append(added)
    size = 1 + sum(int(cell.max()) for cell in listed)
    return Lattice(step=chosen, cells=tuple(listed), shares=tuple(shares), spread=np.array(spread), size=size)


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


def two_values(loss: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two values and their probabilities (2 x names each) with the given mean, variance and third central moment; never below zero."""
    mean, variance, third = loss[0], loss[1], loss[2]
    random = variance > 0.0
    sd = np.sqrt(np.where(random, variance, 1.0))
    skewness = np.where(random, third, 0.0) / sd**3
    root = np.sqrt(1.0 + 0.25 * skewness**2)
    up, down = 0.5 * skewness + root, 0.5 * skewness - root
    share_up = -down / (up - down)
    nodes = np.stack([mean + up * sd, mean + down * sd])
    weights = np.stack([share_up, 1.0 - share_up])
    nodes = np.where(random, nodes, mean)
    weights = np.where(random, weights, np.array([[1.0], [0.0]]))
    return np.maximum(nodes, 0.0), weights
