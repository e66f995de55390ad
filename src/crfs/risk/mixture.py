"""The loss distribution as a weighted mixture over points: given each, a lattice of explicit names and an expansion for all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.edgeworth import Tail, fourth_order, local, tail
from crfs.risk.lattice import Lattice
from crfs.risk.points import Points

FloatArray: TypeAlias = npt.NDArray[np.float64]

_CELLS_AT_ONCE = 120_000
_NEGLIGIBLE = 1e-13
_HELD_CELLS = 12_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixture:
    """Points, the cumulants there (4 x points, of the names that are not explicit), and the lattice of the explicit ones, if any."""

    book: ConditionalBook
    points: Points
    sums: FloatArray
    lattice: Lattice | None
    explicit_pd: FloatArray
    held: FloatArray | None = None
    """The lattice's probabilities at every point, where there is room for them."""

    @property
    def scrambles(self) -> int:
        """How many independent answers the points hold."""
        return self.points.scrambles

    def tails(self, losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """P(L > x), E(L - x)+ and the density for each of ``losses`` and each scramble: three arrays losses x scrambles."""
        answer = np.zeros((3, len(losses), self.scrambles))
        for some, moments, weight, probabilities, cells in self._chunks():
            for j, x in enumerate(losses):
                if probabilities is None:
                    parts = tail(float(x), *moments[:3])
                else:
                    parts = tuple(np.einsum("pg,pg->p", probabilities, part) for part in tail(x - cells, *moments[:3, :, None]))
                for row, values in zip(answer[:, j], parts, strict=True):
                    self._add(row, weight * values, some)
        return answer[0], answer[1], answer[2]

    def local(self, x: float) -> Tail:
        """The tail at one loss, point by point and not weighted."""
        columns = [np.zeros(len(self.points)) for _ in range(5)]
        for some, moments, _, probabilities, cells in self._chunks():
            if probabilities is None:
                answer = local(x, *moments[:3])
            else:
                parts = local(x - cells, *moments[:3, :, None])
                answer = Tail(*(np.einsum("pg,pg->p", probabilities, part) for part in parts))
            for column, values in zip(columns, answer, strict=True):
                column[some] = values
        return Tail(*columns)

    def left_out(self, x: float) -> tuple[float, float]:
        """What the next order of the expansion would add to P(L > x) and to E(L - x)+."""
        beyond = excess = 0.0
        for _, moments, weight, probabilities, cells in self._chunks():
            if probabilities is None:
                p, e = fourth_order(x, *moments)
            else:
                p, e = fourth_order(x - cells, *moments[:, :, None])
                p, e = np.einsum("pg,pg->p", probabilities, p), np.einsum("pg,pg->p", probabilities, e)
            beyond += float((weight * p).sum())
            excess += float((weight * e).sum())
        return beyond / self.scrambles, excess / self.scrambles

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and mean square of the loss, a number a scramble each."""
        mean, variance = self.sums[0], self.sums[1]
        if self.lattice is not None:
            loss = self.book.names.loss[:, self.book.explicit]
            mean = mean + np.einsum("i,ip->p", loss[0], self.explicit_pd)
            p = self.explicit_pd
            variance = variance + np.einsum("i,ip->p", loss[0] ** 2, p * (1.0 - p)) + np.einsum("i,ip->p", loss[1], p)
        weight = self.points.weight
        return self._by_scramble(weight * mean), self._by_scramble(weight * (variance + mean * mean))

    def by_scramble(self, values: FloatArray) -> FloatArray:
        """Weighted sums of values at the points, a number a scramble."""
        return self._by_scramble(self.points.weight * values)

    def chunks(self) -> Iterator[tuple[slice, FloatArray, FloatArray | None, FloatArray]]:
        """Points in pieces: where, their cumulants, the lattice's probabilities and its losses."""
        for some, moments, _, probabilities, cells in self._chunks():
            yield some, moments, probabilities, cells

    def _by_scramble(self, values: FloatArray) -> FloatArray:
        return np.asarray(values.reshape(self.scrambles, -1).sum(axis=1))

    def _add(self, row: FloatArray, values: FloatArray, some: slice) -> None:
        each = len(self.points) // self.scrambles
        place = np.arange(some.start, some.stop) // each
        row += np.bincount(place, weights=values, minlength=self.scrambles)

    def _chunks(self) -> Iterator[tuple[slice, FloatArray, FloatArray, FloatArray | None, FloatArray]]:
        width = 1 if self.lattice is None else self.lattice.size
        step = max(1, _CELLS_AT_ONCE // width)
        for start in range(0, len(self.points), step):
            some = slice(start, min(start + step, len(self.points)))
            moments = self.sums[:, some]
            if self.lattice is None:
                yield some, moments, self.points.weight[some], None, np.zeros(0)
                continue
            p = self.explicit_pd[:, some]
            probabilities = self.held[some] if self.held is not None else self.lattice.distribution(p)
            held = np.flatnonzero(probabilities.max(axis=0) > _NEGLIGIBLE)
            first, last = int(held[0]), int(held[-1]) + 1
            yield (
                some,
                moments,
                self.points.weight[some],
                np.ascontiguousarray(probabilities[:, first:last]),
                self.lattice.step * np.arange(first, last, dtype=np.float64),
            )


def make_mixture(book: ConditionalBook, points: Points, lattice: Lattice | None) -> Mixture:
    """Look the book up at the points."""
    sums = book.cumulants(points.epsilon, points.mixing)
    explicit_pd = np.zeros((0, len(points)))
    if lattice is not None:
        explicit_pd = book.conditional_pd(book.explicit, points.epsilon, points.mixing)
        # What rounding to the lattice adds in variance is taken from the rest, as far as it has some.
        added = np.einsum("i,ip->p", lattice.spread, explicit_pd)
        sums = sums.copy()
        sums[1] = np.maximum(sums[1] - added, 0.5 * sums[1])
    floor = 1e-12 * float(book.names.loss[0].max()) ** 2
    sums[1] = np.maximum(sums[1], floor)
    held = None
    if lattice is not None and lattice.size * len(points) <= _HELD_CELLS:
        step = max(1, _CELLS_AT_ONCE // lattice.size)
        held = np.concatenate([lattice.distribution(explicit_pd[:, start : start + step]) for start in range(0, len(points), step)])
    return Mixture(book=book, points=points, sums=sums, lattice=lattice, explicit_pd=explicit_pd, held=held)
