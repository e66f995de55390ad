"""The loss distribution as a weighted mixture over points: given the factors, an expansion for the names that are many and small, and the
exact characteristic function of the large ones.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.edgeworth import Tail, fourth_order, local, tail
from crfs.risk.points import Points
from crfs.risk.products import CELLS_AT_ONCE, Product, as_real_columns, gaussian_spectra, pieces_of_points
from crfs.risk.spectrum import ComplexArray, Spectrum, make_spectrum
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Standard deviations beyond which a normal tail (below 1e-22) is none.
_NEAR = 10.0
# The rest is blurred to at least this part of its standard deviation in a bad state: good states, where little is left to
# blur, need no more, and frequencies beyond what that leaves are not asked for.
_LEAST_BLUR = 0.4
_MARGIN = 9.0
# Parts that the points are looked at in, whatever the threads: sums in the same order have the same bits.
_TASKS = 16
# What a piece of points costs on top of its points, in points: the names' own functions are fetched once a piece.
_AS_POINTS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixture(ABC):
    """Points, and the cumulants there (4 x points) of the loss of all names that are not explicit."""

    book: ConditionalBook
    points: Points
    sums: FloatArray

    @property
    def scrambles(self) -> int:
        """How many independent answers the points hold."""
        return self.points.scrambles

    @property
    def parts_large_names(self) -> bool:
        """Whether large names are taken apart and others are left to the expansion: of few such others its next order is a poor judge."""
        return 0 < len(self.book.explicit) < len(self.book.names)

    @property
    def price(self) -> float:
        """How many products of a point's and a frequency's numbers the explicit names take."""
        return 0.0

    @abstractmethod
    def tails(self, losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """P(L > x), E(L - x)+ and the density for each of ``losses`` and each scramble: three arrays losses x scrambles."""

    @abstractmethod
    def local(self, x: float) -> Tail:
        """The tail at one loss, point by point and not weighted."""

    @abstractmethod
    def left_out(self, x: float) -> tuple[float, float]:
        """What the next order of the expansion would add to P(L > x) and to E(L - x)+."""

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and mean square of the loss, a number a scramble each."""
        mean, variance = self.sums[0], self.sums[1]
        return self.by_scramble(mean), self.by_scramble(variance + mean * mean)

    def by_scramble(self, values: FloatArray) -> FloatArray:
        """Weighted sums of values at the points, a number a scramble."""
        return np.asarray((self.points.weight * values).reshape(self.scrambles, -1).sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Smooth(Mixture):
    """No name is explicit: the expansion alone."""

    def tails(self, losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        m1, m2, m3 = self.sums[:3]
        spread = np.sqrt(m2)
        answer = np.zeros((3, len(losses), self.scrambles))
        for k, x in enumerate(losses.tolist()):
            distance = (x - m1) / spread
            values = np.zeros((3, len(m1)))
            # Farther off nothing is left of the tail but that the loss is beyond, or is not, and by how much.
            near = np.flatnonzero(np.abs(distance) < _NEAR)
            values[0] = distance < 0.0
            np.multiply(values[0], m1 - x, out=values[1])
            values[:, near] = tail(x, m1[near], m2[near], m3[near])
            values *= self.points.weight
            answer[:, k] = values.reshape(3, self.scrambles, -1).sum(axis=2)
        return answer[0], answer[1], answer[2]

    def local(self, x: float) -> Tail:
        return local(x, *self.sums[:3])

    def left_out(self, x: float) -> tuple[float, float]:
        near = np.flatnonzero(np.abs(x - self.sums[0]) < _NEAR * np.sqrt(self.sums[1]))
        values = np.zeros((2, len(self.points)))
        values[:, near] = fourth_order(x, *self.sums[:, near])
        return float(self.by_scramble(values[0]).mean()), float(self.by_scramble(values[1]).mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lumpy(Mixture):
    """Explicit names beside the others: characteristic functions are multiplied, and summed over the points of each scramble."""

    spectrum: Spectrum
    blur: float
    """Standard deviation by which the loss of the other names is blurred at least, book units."""
    blurred: npt.NDArray[np.bool_]
    """Points where they vary less than that by themselves, so that atoms of the loss are smeared."""
    variance: FloatArray
    """Of the loss of the other names at the points, without the blur."""
    explicit_pd: FloatArray
    """Default probabilities of the explicit names, names x points."""
    large: Product
    """Characteristic functions of the explicit names."""
    summed: ComplexArray
    """Of the whole loss, scrambles x frequencies."""
    next_order: ComplexArray
    """What the next order of the expansion adds to it, all scrambles together."""
    asked: dict[float, Tail]
    """The tails that have been asked for."""

    @property
    def price(self) -> float:
        return _price(self.sums[1], self.spectrum, len(self.explicit_pd))

    def tails(self, losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        answer = np.stack([np.real(self.summed @ self.spectrum.functionals(float(x))[:, :3]).T for x in losses], axis=1)
        return answer[0], np.maximum(answer[1], 0.0), answer[2]

    def local(self, x: float) -> Tail:
        found = self.asked.get(x)
        if found is not None:
            return found
        functionals = self.spectrum.functionals(x)
        cube = self.spectrum.frequencies[:, None] ** 3
        columns = as_real_columns(np.concatenate([functionals, -1j / 6.0 * cube * functionals], axis=1))
        values = np.zeros((len(self.points), 5))
        for some, kept in pieces_of_points(self.sums[1], self.spectrum):
            core = gaussian_spectra(self.sums[:, some], self.spectrum, kept) * self.large.spectra(self.explicit_pd[:, some], kept)
            both = core.view(np.float64) @ columns[: 2 * kept]
            values[some] = both[:, :5] + self.sums[2, some, None] * both[:, 5:]
        self.asked[x] = Tail(*np.ascontiguousarray(values.T))
        return self.asked[x]

    def left_out(self, x: float) -> tuple[float, float]:
        beyond, excess = np.real(self.next_order @ self.spectrum.functionals(x)[:, :2])
        return float(beyond), float(excess)

    def moments(self) -> tuple[FloatArray, FloatArray]:
        loss, p = self.book.names.loss[:, self.book.explicit], self.explicit_pd
        mean = self.sums[0] + np.einsum("i,ip->p", loss[0], p)
        variance = self.variance + np.einsum("i,ip->p", loss[0] ** 2, p * (1.0 - p)) + np.einsum("i,ip->p", loss[1], p)
        return self.by_scramble(mean), self.by_scramble(variance + mean * mean)

    def smeared(self, x: float) -> float:
        """By how much a loss of ``x`` may be misplaced: the blur, in the part of its density where it is not the names' own."""
        density = self.points.weight * np.maximum(self.local(x).density, 0.0)
        total = float(density.sum())
        return self.blur * float(density[self.blurred].sum()) / total if total > 0.0 else self.blur

    def explicit_parts(self, losses: Sequence[float], map_tasks: MapTasks = map) -> FloatArray:
        """E[L_i; L > x] and E[L_i; L in dx] of the explicit names for each of ``losses``: losses x 2 x names x scrambles, weighted."""
        functionals = np.concatenate([self.spectrum.functionals(x)[:, [0, 2]] for x in losses], axis=1)
        paid = _phases(self.book, self.spectrum, self.blur)[1]
        columns = self.large.left_out_columns(paid, functionals)
        scramble = np.arange(len(self.points)) // (len(self.points) // self.scrambles)
        pieces = list(pieces_of_points(self.sums[1], self.spectrum, at_once=CELLS_AT_ONCE // (1 + len(paid) // 16)))

        def of_points(task: int) -> FloatArray:
            result = np.zeros((2 * len(losses), len(paid), self.scrambles))
            for some, kept in pieces[task::_TASKS]:
                third = self.sums[2, some, None] / 6.0 * self.spectrum.frequencies[:kept] ** 3
                rest = gaussian_spectra(self.sums[:, some], self.spectrum, kept) * (1.0 - 1j * third)
                own = (scramble[some, None] == np.arange(self.scrambles)) * self.points.weight[some, None]
                result += self.large.parts(rest, self.explicit_pd[:, some], columns, kept) @ own
            return result

        found = np.sum(list(map_tasks(of_points, range(_TASKS))), axis=0)
        return np.asarray(found.reshape(len(losses), 2, len(paid), self.scrambles))


def make_mixture(book: ConditionalBook, points: Points, spread: float, *, sums: FloatArray | None = None) -> Mixture:
    """Look the book up at the points; ``spread`` is the standard deviation, in a bad state, of the loss of the names that are not explicit.

    ``sums`` are the book's cumulants at the points where they are at hand.
    """
    sums = book.cumulants_at(points) if sums is None else sums.copy()
    floor = (1e-6 * float(book.names.loss[0].max())) ** 2
    if not len(book.explicit):
        sums[1] = np.maximum(sums[1], floor)
        return Smooth(book=book, points=points, sums=sums)
    blur = _blur(book, spread)
    variance = sums[1].copy()
    blurred = variance < blur * blur
    sums[1] = np.maximum(variance, blur * blur)
    spectrum = _spectrum(book, sums[1], blur)
    explicit_pd = book.conditional_pd(book.explicit, points.epsilon, points.mixing)
    large = Product.of(_phases(book, spectrum, blur)[0])
    summed, next_order = _summed_spectra(points, sums, spectrum, large, explicit_pd)
    return Lumpy(
        book=book,
        points=points,
        sums=sums,
        spectrum=spectrum,
        blur=blur,
        blurred=blurred,
        variance=variance,
        explicit_pd=explicit_pd,
        large=large,
        summed=summed,
        next_order=next_order,
        asked={},
    )


def price(book: ConditionalBook, points: Points, spread: float) -> float:
    """:attr:`Mixture.price` of a book with explicit names, before it is paid."""
    blur = _blur(book, spread)
    variance = np.maximum(book.cumulants_at(points)[1], blur * blur)
    return _price(variance, _spectrum(book, variance, blur), len(book.explicit))


def _price(variance: FloatArray, spectrum: Spectrum, explicit: int) -> float:
    return float(explicit) * sum((len(some) + _AS_POINTS) * kept for some, kept in pieces_of_points(variance, spectrum))


def _blur(book: ConditionalBook, spread: float) -> float:
    """Standard deviation to which the loss of the names that are not explicit is blurred at least."""
    loss = book.names.loss[0]
    # A random LGD is a sum over at most so many values: the blur bridges them.
    widest = float(book.names.random[book.explicit].max()) / 200.0
    return max(_LEAST_BLUR * spread, 3e-4 * float(loss.sum()), widest, 1e-6 * float(loss.max()))


def _spectrum(book: ConditionalBook, variance: FloatArray, blur: float) -> Spectrum:
    """``variance`` is at the points, of the names that are not explicit."""
    loss = book.names.loss
    margin = _MARGIN * math.sqrt(float(variance.max()))
    return make_spectrum(-margin, float(loss[0].sum()) + 3.0 * math.sqrt(float(loss[1].sum())) + margin, blur)


def _summed_spectra(
    points: Points, sums: FloatArray, spectrum: Spectrum, large: Product, explicit_pd: FloatArray
) -> tuple[ComplexArray, ComplexArray]:
    """Characteristic functions summed over the points of each scramble, and what the next order adds to their mean.

    The expansion's factors are powers of the frequency times a number a point, so each power is one more row of weights.
    """
    scrambles, count = points.scrambles, len(spectrum.frequencies)
    owners = np.arange(len(points)) // (len(points) // scrambles)
    own = (owners == np.arange(scrambles)[:, None]) * points.weight
    each = points.weight / scrambles
    weights = np.concatenate([own, own * sums[2] / 6.0, [each * sums[3] / 24.0, each * np.square(sums[2]) / 72.0]])
    total = np.zeros((len(weights), 2 * count))
    for some, kept in pieces_of_points(sums[1], spectrum):
        core = gaussian_spectra(sums[:, some], spectrum, kept) * large.spectra(explicit_pd[:, some], kept)
        total[:, : 2 * kept] += weights[:, some] @ core.view(np.float64)
    spectra, t = total.view(np.complex128), spectrum.frequencies
    return spectra[:scrambles] - 1j * t**3 * spectra[scrambles : 2 * scrambles], t**4 * spectra[-2] - t**6 * spectra[-1]


def _phases(book: ConditionalBook, spectrum: Spectrum, blur: float) -> tuple[ComplexArray, ComplexArray]:
    """E[exp(i t X)] and E[X exp(i t X)] of each explicit name's loss ``X`` given default, names x frequencies each."""
    phases = np.zeros((len(book.explicit), len(spectrum.frequencies)), dtype=np.complex128)
    paid = np.zeros_like(phases)
    for row, i in enumerate(book.explicit):
        values, shares = book.names.loss_given_default(int(i), blur)
        turns = np.exp(1j * values[:, None] * spectrum.frequencies) * shares[:, None]
        phases[row], paid[row] = turns.sum(axis=0), (values[:, None] * turns).sum(axis=0)
    return phases, paid
