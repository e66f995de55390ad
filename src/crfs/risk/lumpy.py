"""The loss distribution of a book whose large names are too many to be taken state by state: their characteristic function times that of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.cumulants import of_default as cumulants_of_default
from crfs.risk.edgeworth import Tail
from crfs.risk.mixture import Mixture
from crfs.risk.points import Points
from crfs.risk.products import CELLS_AT_ONCE, Product, as_real_columns, gaussian_spectra, pieces_of_points
from crfs.risk.spectrum import ComplexArray, Spectrum, make_spectrum
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# The rest is blurred to at least this part of its standard deviation in a bad state: good states, where little is left to
# blur, need no more, and frequencies beyond what that leaves are not asked for.
_LEAST_BLUR = 0.4
_MARGIN = 9.0
# Parts that the points are looked at in, whatever the threads: sums in the same order have the same bits.
_TASKS = 16
# What a piece of points costs on top of its points, in points: the names' own functions are fetched once a piece.
_AS_POINTS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lumpy(Mixture):
    """Explicit names beside the others: characteristic functions are multiplied, and summed over the points of each scramble."""

    spectrum: Spectrum
    blur: float
    """Standard deviation by which the loss of the other names is blurred at least, book units."""
    blurred: npt.NDArray[np.bool_]
    """Points where they vary less than that by themselves, so that atoms of the loss are smeared."""
    blurred_sums: FloatArray
    """:attr:`Mixture.sums` with the variance that the blur leaves at least."""
    large: Product
    """Characteristic functions of the explicit names."""
    summed: ComplexArray
    """Of the whole loss, scrambles x frequencies."""
    next_order: ComplexArray
    """What the next order of the expansion adds to it, all scrambles together."""
    beside: dict[int, ComplexArray] = field(default_factory=dict, init=False)
    """Of the loss of all others beside the default of a name that has been taken out of them: scrambles x frequencies."""

    @classmethod
    def of(cls, book: ConditionalBook, points: Points, sums: FloatArray, explicit_pd: FloatArray, *, spread: float) -> Lumpy:
        """``sums`` are cumulants (4 x points) of what all but the explicit names lose, ``explicit_pd`` the default probabilities of those, and ``spread``
        the standard deviation of the former in a bad state."""
        blur = _blur(book, spread)
        blurred_sums = sums.copy()
        blurred_sums[1] = np.maximum(sums[1], blur * blur)
        spectrum = _spectrum(book, blurred_sums[1], blur)
        large = Product.of(_phases(book, book.explicit, spectrum, blur)[0])
        summed, next_order = _summed_spectra(points, blurred_sums, spectrum, large, explicit_pd)
        return cls(
            book=book,
            points=points,
            sums=sums,
            explicit_pd=explicit_pd,
            spectrum=spectrum,
            blur=blur,
            blurred=sums[1] < blur * blur,
            blurred_sums=blurred_sums,
            large=large,
            summed=summed,
            next_order=next_order,
        )

    @property
    def price(self) -> float:
        return _price(self.blurred_sums[1], self.spectrum, len(self.explicit_pd))

    def tails(self, losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        answer = np.stack([np.real(self.summed @ self.spectrum.functionals(float(x))[:, :3]).T for x in losses], axis=1)
        return answer[0], np.maximum(answer[1], 0.0), answer[2]

    def _local(self, x: float) -> Tail:
        functionals = self.spectrum.functionals(x)
        cube = self.spectrum.frequencies[:, None] ** 3
        columns = as_real_columns(np.concatenate([functionals, -1j / 6.0 * cube * functionals], axis=1))
        values = np.zeros((len(self.points), 5))
        for some, kept in pieces_of_points(self.blurred_sums[1], self.spectrum):
            core = gaussian_spectra(self.blurred_sums[:, some], self.spectrum, kept) * self.large.spectra(self.explicit_pd[:, some], kept)
            both = core.view(np.float64) @ columns[: 2 * kept]
            values[some] = both[:, :5] + self.blurred_sums[2, some, None] * both[:, 5:]
        return Tail(*np.ascontiguousarray(values.T))

    def left_out(self, x: float) -> tuple[float, float]:
        beyond, excess = np.real(self.next_order @ self.spectrum.functionals(x)[:, :2])
        return float(beyond), float(excess)

    def smeared(self, x: float) -> float:
        """By how much a loss of ``x`` may be misplaced by the variance that the blur adds at some points.

        Half of that variance times the fall of the density moves the probability beyond ``x``; how much the fall itself changes over the blur is
        counted too, for beside an atom it does, and at most the blur in the part of the density where it is not the names' own.
        """
        at, added = self.local(x), self.blurred_sums[1] - self.sums[1]
        density = self.points.weight * np.maximum(at.density, 0.0)
        total = float(density.sum())
        if not total > 0.0:
            return self.blur
        moved = 0.5 * added * (np.abs(at.minus_slope) + np.sqrt(added) * np.abs(at.curvature))
        return min(float((self.points.weight * moved).sum()), self.blur * float(density[self.blurred].sum())) / total

    def cut_off(self) -> tuple[float, float]:
        """What is left of the least blurred point's characteristic function at the last frequency; an excess differs from one over a blur."""
        left = math.exp(-0.5 * (self.blur * float(self.spectrum.frequencies[-1])) ** 2)
        return left, left * self.blur

    def explicit_parts(
        self, losses: Sequence[float], map_tasks: MapTasks = map, *, share: FloatArray | None = None, of_default: bool = False
    ) -> FloatArray:
        functionals = np.concatenate([self.spectrum.functionals(x)[:, [0, 2]] for x in losses], axis=1)
        phases, lost = _phases(self.book, self.book.explicit, self.spectrum, self.blur)
        paid = phases if of_default else lost
        columns = self.large.left_out_columns(paid, functionals)
        own = _owners(self.points) * self.points.weight
        pieces = list(pieces_of_points(self.blurred_sums[1], self.spectrum, at_once=CELLS_AT_ONCE // (1 + len(paid) // 16)))

        def of_points(task: int) -> FloatArray:
            result = np.zeros((2 * len(losses), len(paid), self.scrambles))
            for some, kept in pieces[task::_TASKS]:
                rest = _third_order(self.blurred_sums[:, some], self.spectrum, kept)
                values = self.large.parts(rest, self.explicit_pd[:, some], columns, kept)
                result += (values if share is None else values * share[:, some]) @ own[:, some].T
            return result

        found = np.sum(list(map_tasks(of_points, range(_TASKS))), axis=0)
        return np.asarray(found.reshape(len(losses), 2, len(paid), self.scrambles))

    @property
    def asked_of_one(self) -> float:
        return float(sum(len(some) * kept for some, kept in pieces_of_points(self.blurred_sums[1], self.spectrum)))

    def parts_of(
        self,
        names: IntArray,
        losses: Sequence[float],
        map_tasks: MapTasks = map,
        *,
        share: FloatArray | None = None,
        of_default: bool = False,
    ) -> FloatArray:
        functionals = np.concatenate([self.spectrum.functionals(x)[:, [0, 2]] for x in losses], axis=1)
        phases, lost = _phases(self.book, names, self.spectrum, self.blur)
        if share is None:
            new = np.array([i for i in names.tolist() if i not in self.beside], dtype=np.int64)
            self.beside.update(zip(new.tolist(), self._beside(new, self.points.weight, map_tasks), strict=True))
            beside = np.stack([self.beside[i] for i in names.tolist()])
        else:
            beside = self._beside(names, self.points.weight * share, map_tasks)
        found = np.real((beside * (phases if of_default else lost)[:, None]) @ functionals)
        return np.asarray(np.moveaxis(found.reshape(len(names), self.scrambles, len(losses), 2), (2, 3), (0, 1)))

    def _beside(self, names: IntArray, counts: FloatArray, map_tasks: MapTasks) -> ComplexArray:
        """Characteristic functions of what all others lose beside a name's default, which ``counts`` for so much (points, or names x points), and summed
        over the points of each scramble: names x scrambles x frequencies."""
        if not len(names):
            return np.zeros((0, self.scrambles, len(self.spectrum.frequencies)), dtype=np.complex128)
        p = self.book.conditional_pd(names, self.points.epsilon, self.points.mixing)
        own = _owners(self.points) * (counts * p)[:, None]
        lost = (np.stack(cumulants_of_default(each, self.book.names.loss[:, i])) for i, each in zip(names, p, strict=True))
        others = np.stack([self.sums - each for each in lost])
        others[:, 1] = np.maximum(others[:, 1], self.blur * self.blur)
        pieces = list(pieces_of_points(others[:, 1].min(axis=0), self.spectrum))

        def of_points(task: int) -> ComplexArray:
            result = np.zeros((len(names), self.scrambles, 2 * len(self.spectrum.frequencies)))
            for some, kept in pieces[task::_TASKS]:
                large = self.large.spectra(self.explicit_pd[:, some], kept)
                for of_others, of_name, part in zip(others, own, result, strict=True):
                    spectra = _third_order(of_others[:, some], self.spectrum, kept) * large
                    part[:, : 2 * kept] += of_name[:, some] @ spectra.view(np.float64)
            return result.view(np.complex128)

        return np.asarray(np.sum(list(map_tasks(of_points, range(_TASKS))), axis=0))


def price(book: ConditionalBook, points: Points, spread: float) -> float:
    """:attr:`Lumpy.price` of a book with explicit names, before it is paid."""
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
    own = _owners(points) * points.weight
    each = points.weight / scrambles
    weights = np.concatenate([own, own * sums[2] / 6.0, [each * sums[3] / 24.0, each * np.square(sums[2]) / 72.0]])
    total = np.zeros((len(weights), 2 * count))
    for some, kept in pieces_of_points(sums[1], spectrum):
        core = gaussian_spectra(sums[:, some], spectrum, kept) * large.spectra(explicit_pd[:, some], kept)
        total[:, : 2 * kept] += weights[:, some] @ core.view(np.float64)
    spectra, t = total.view(np.complex128), spectrum.frequencies
    return spectra[:scrambles] - 1j * t**3 * spectra[scrambles : 2 * scrambles], t**4 * spectra[-2] - t**6 * spectra[-1]


def _owners(points: Points) -> npt.NDArray[np.bool_]:
    """Which scramble each point is of, scrambles x points."""
    return np.equal(np.arange(len(points)) // (len(points) // points.scrambles), np.arange(points.scrambles)[:, None])


def _third_order(sums: FloatArray, spectrum: Spectrum, kept: int) -> ComplexArray:
    """Characteristic functions (points x ``kept`` frequencies) of the expansion to third order of losses with the cumulants ``sums`` (4 x points)."""
    third = sums[2, :, None] / 6.0 * spectrum.frequencies[:kept] ** 3
    return gaussian_spectra(sums, spectrum, kept) * (1.0 - 1j * third)


def _phases(book: ConditionalBook, names: IntArray, spectrum: Spectrum, blur: float) -> tuple[ComplexArray, ComplexArray]:
    """E[exp(i t X)] and E[X exp(i t X)] of the loss ``X`` given default of each of some ``names``, names x frequencies each."""
    phases = np.zeros((len(names), len(spectrum.frequencies)), dtype=np.complex128)
    paid = np.zeros_like(phases)
    for row, i in enumerate(names):
        values, shares = book.names.loss_given_default(int(i), blur)
        turns = np.exp(1j * values[:, None] * spectrum.frequencies) * shares[:, None]
        phases[row], paid[row] = turns.sum(axis=0), (values[:, None] * turns).sum(axis=0)
    return phases, paid
