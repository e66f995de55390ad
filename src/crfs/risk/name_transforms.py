"""The loss of any number of names on a lattice, given the factors.

Given the factors a name's loss has the transform ``1 + p u(f)``, with ``p`` its default probability there and ``u`` a function of the frequency alone.
Large names are multiplied out three at a time (:mod:`crfs.risk.products`). Small ones, whose losses are a few steps of the lattice, are as good as a few
common losses: as a function of ``p`` the logarithm of a factor is a polynomial of low degree while ``p`` is small, so all of their logarithms are
summed up by products of matrices of numbers, however many they are. Nothing is expanded in the loss, and no name is taken for a normal variable.

The lattice ends where nobody asks any more. Losses beyond it would come back at its beginning; transforms of losses that are weighed down
exponentially keep that from being seen (R. Grübel and R. Hermesmeier, "Computation of compound distributions I", ASTIN Bulletin 29, 1999).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.fine_lattice import MOST_IN_VAIN, ROUNDING_OF_TRANSFORMS, loss_masses
from crfs.risk.names import Names
from crfs.risk.products import combined, subsets
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]
# A sparse matrix of SciPy, whose stubs know no type for it that holds for all that is done here.
Sparse: TypeAlias = Any

# What is left of a loss that comes back at the beginning is exp(-tilt) of it; the rounding of transforms is exp(tilt) times as large at the far end.
_MOST_TILT, _LEAST_TILT = 12.0, 4.0
_POOLED = 16
"""A name that is certain to lose less than so many steps if it defaults is summed up with others like it."""
_TOGETHER = 3
# What a small name takes that is multiplied out by itself, in products.
_ONE_BY_ONE = 8
_ROUNDED = 1e-6
_VANISHED = 1e-9
_FREQUENCIES_AT_ONCE = 128
_POINTS_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class _Powers:
    """Of names that seldom default the first powers of the logarithm's series: what is left of it is small beside the least chance of so many defaults."""

    highest: float
    count: int

    def weights(self, p: FloatArray) -> FloatArray:
        """What each of the terms counts for, terms x the shape of ``p``."""
        return np.stack([p**k for k in range(1, self.count + 1)])

    def logarithms(self, u: ComplexArray) -> list[ComplexArray]:
        """The terms of ``log(1 + p u)``."""
        return [-((-u) ** k) / k for k in range(1, self.count + 1)]

    def shares(self, u: ComplexArray) -> list[ComplexArray]:
        """The terms of ``p / (1 + p u)``."""
        return [(-u) ** (k - 1) for k in range(1, self.count + 1)]


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Of names whose default probability is nowhere above ``highest`` logarithms at some probabilities (0, where they vanish, is one too), interpolated."""

    highest: float
    at: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many terms there are."""
        return len(self.at)

    def weights(self, p: FloatArray) -> FloatArray:
        """As :meth:`_Powers.weights`."""
        return _lagrange(np.array([0.0, *self.at]), p)[1:]

    def logarithms(self, u: ComplexArray) -> list[ComplexArray]:
        """As :meth:`_Powers.logarithms`."""
        return [np.log1p(at * u) for at in self.at]

    def shares(self, u: ComplexArray) -> list[ComplexArray]:
        """As :meth:`_Powers.shares`."""
        return [at / (1.0 + at * u) for at in self.at]


# The further from one half, where a factor may vanish, the fewer: an error of some 1e-6 in a logarithm at most, and less the fewer defaults there are.
_BANDS: tuple[_Powers | _Nodes, ...] = (
    _Powers(0.01, 6),
    _Nodes(0.1, (0.015, 0.05, 0.085, 0.1)),
    _Nodes(0.3, (0.015, 0.056, 0.117, 0.183, 0.244, 0.29)),
)


class _Banded(NamedTuple):
    """Names of a band at some points: their places, and what each of the band's terms counts for in each (terms x names x points)."""

    band: int
    names: IntArray
    weights: FloatArray


class _Pooled(NamedTuple):
    """Small names of a band at some points as columns: the latter, and what they count for (a term's columns after the other's, x points)."""

    band: int
    columns: IntArray
    weights: FloatArray


class _Piece(NamedTuple):
    """Some points of a scramble, and the default probabilities of all names there."""

    scramble: int
    points: IntArray
    p: FloatArray
    place: IntArray
    """Each name's band, or how many there are of them where it is likely to default."""
    large: list[FloatArray]
    """Products of the probabilities of all subsets of three large names."""
    pooled: list[_Pooled]

    def likely(self, names: IntArray) -> IntArray:
        """Those of some names that are likely to default at one of the points."""
        return np.asarray(names[self.place[names] == len(_BANDS)])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NameTransforms:
    """``size`` (a power of two) lattice points ``step`` apart, and beyond them all losses as one.

    ``columns`` (columns x frequencies) are transforms of losses given default, less one; ``worth`` those of loss times probability; a name's are the
    combination of columns in its row of ``shares``. ``large`` are the names that have a column of their own, the last ones in their order; ``small`` the
    others. ``tilt`` is by how much the last point is weighed down, as an exponent: nothing where no loss lies beyond the lattice. ``least`` is the
    smallest probability of more that is asked for.
    """

    step: float
    size: int
    own: bool
    """Whether all losses are multiples of ``step``: then nothing is moved."""
    names: Names
    columns: ComplexArray
    worth: ComplexArray
    shares: Sparse
    large: IntArray
    small: IntArray
    tilt: float
    least: float

    @classmethod
    def of(cls, names: Names, step: float, size: int, least: float) -> NameTransforms:
        """Each name's loss given default on the lattice: what lies between two of its points goes to both so that the mean is kept."""
        from scipy.sparse import csr_array

        place = names.loss[0] / step
        on_it = not names.loss[1].any() and bool((np.abs(place - np.round(place)) < _ROUNDED).all())
        if on_it:
            place = np.round(place)
        pooled = (names.loss[1] <= 0.0) & (place < _POOLED)
        own = np.flatnonzero(~pooled)
        masses = np.zeros((2 * _POOLED + 1 + len(own), size))
        # Columns of pooled names stand half a step apart.
        half = np.arange(2 * _POOLED + 1)
        masses[half, half // 2] = 1.0 - 0.5 * (half % 2)
        masses[half[1::2], half[1::2] // 2 + 1] = 0.5
        for row, i in enumerate(own.tolist()):
            first, spread, _ = loss_masses(names, i, step) if not on_it else (int(place[i]), np.ones(1), None)
            kept = spread[: max(size - first, 0)]
            masses[2 * _POOLED + 1 + row, first : first + len(kept)] = kept
        # Between columns a name is a polynomial of its place: the transform itself exactly, its logarithm nearly.
        whole = place[pooled].astype(np.int64)
        u = place[pooled] - whole
        rows = np.concatenate([np.repeat(np.flatnonzero(pooled), 3), own])
        cells = np.concatenate([(2 * whole[:, None] + np.arange(3)).ravel(), 2 * _POOLED + 1 + np.arange(len(own))])
        lagrange = np.stack([(1.0 - u) * (1.0 - 2.0 * u), 4.0 * u * (1.0 - u), u * (2.0 * u - 1.0)], axis=1)
        values = np.concatenate([lagrange.ravel(), np.ones(len(own))])
        used = np.unique(cells)
        covers = _reached(names, step, own=on_it) < size
        tilt = 0.0 if covers else float(np.clip(math.log(MOST_IN_VAIN * least / (ROUNDING_OF_TRANSFORMS * size)), _LEAST_TILT, _MOST_TILT))
        masses = masses[used] * np.exp(-tilt / size * np.arange(size))
        return cls(
            step=step,
            size=size,
            own=on_it,
            names=names,
            columns=np.fft.rfft(masses, axis=1) - 1.0,
            worth=np.fft.rfft(masses * (step * np.arange(size)), axis=1),
            shares=csr_array((values, (rows, np.searchsorted(used, cells))), shape=(len(names), len(used))),
            large=own,
            small=np.flatnonzero(pooled),
            tilt=tilt,
            least=least,
        )

    @property
    def end(self) -> float:
        """Where the lattice ends."""
        return self.step * self.size

    @property
    def values(self) -> FloatArray:
        """The points, in rising order, and two for the losses beyond them: the end of the lattice, and all that the names can lose."""
        return np.append(self.step * np.arange(self.size), [self.end, max(self.names.greatest, self.end + self.step)])

    @property
    def noise(self) -> FloatArray:
        """What the rounding of transforms may leave at each of the points, which are weighed up; beyond them is what is missing."""
        return np.append(ROUNDING_OF_TRANSFORMS * self._weighed_up, [0.0, 0.0])

    @property
    def faithful(self) -> bool:
        """Whether the rounding of transforms is small beside the least probability that is asked for."""
        return math.exp(self.tilt) * ROUNDING_OF_TRANSFORMS * self.size <= MOST_IN_VAIN * self.least * 1.001

    @property
    def _weighed_up(self) -> FloatArray:
        return np.asarray(np.exp(self.tilt / self.size * np.arange(self.size)))

    @property
    def price(self) -> float:
        """Products that the distribution takes at a point where no small name is likely to default."""
        pooled = sum(band.count for band in _BANDS) * (len(self.columns) - len(self.large))
        return float(self.columns.shape[1]) * (_TOGETHER * len(self.large) + pooled)

    def work(self, p: FloatArray, groups: int) -> float:
        """Products that :meth:`summed` takes."""
        likely = 0
        for points in _alike(p, groups):
            likely += len(points) * int(np.count_nonzero((p[np.ix_(self.small, points)] > _BANDS[-1].highest).any(axis=1)))
        return float(self.price * p.shape[1] + _ONE_BY_ONE * self.columns.shape[1] * likely)

    def rounding_variance(self, p: FloatArray) -> FloatArray:
        """By how much the lattice adds to the variance of the loss at points: losses between two of its points go to either."""
        certain = self.names.loss[1] <= 0.0
        if self.own:
            return np.zeros(p.shape[1])
        u = np.where(certain, self.names.loss[0] / self.step % 1.0, 0.5)
        return np.asarray(self.step**2 * ((u * (1.0 - u)) @ p))

    @property
    def rounded_to(self) -> float:
        """The distance of its points, where losses are no multiples of it."""
        return 0.0 if self.own else self.step

    def summed(self, p: FloatArray, weight: FloatArray, groups: int, map_tasks: MapTasks = map) -> FloatArray:
        """Probabilities of the summed loss (groups x :attr:`values`), for default probabilities ``p`` (names x points) and the points' ``weight``.

        The points are in so many equal ``groups``, each of which is summed up.
        """
        pieces = list(self._pieces(p, groups))

        def of_frequencies(some: slice) -> ComplexArray:
            total = np.zeros((groups, some.stop - some.start), dtype=np.complex128)
            for piece, whole in self._spectra(pieces, some):
                total[piece.scramble] += _complex(weight[None, piece.points] @ _real(whole))[0]
            return total

        found = np.concatenate(list(map_tasks(of_frequencies, self._frequencies())), axis=1)
        probability = np.maximum(np.fft.irfft(found, n=self.size, axis=1) * self._weighed_up, 0.0)
        reached = _reached(self.names, self.step, own=self.own)
        if reached < self.size:
            probability[:, reached + 1 :] = 0.0
            return np.pad(probability, ((0, 0), (0, 2)))
        return self._with_rest(probability, p, weight)

    def _with_rest(self, probability: FloatArray, p: FloatArray, weight: FloatArray) -> FloatArray:
        """With what lies beyond the lattice at two points so that probability and mean are those of the names."""
        groups, values = len(probability), self.values
        counted = weight.reshape(groups, -1)
        mean = ((self.names.loss[0] @ p) * weight).reshape(groups, -1).sum(axis=1)
        rest = np.maximum(counted.sum(axis=1) - probability.sum(axis=1), 0.0)
        left = np.maximum(mean - probability @ values[: self.size], 0.0)
        far = np.clip((left - rest * values[-2]) / (values[-1] - values[-2]), 0.0, rest)
        return np.concatenate([probability, (rest - far)[:, None], far[:, None]], axis=1)

    def parts(self, p: FloatArray, weight: FloatArray, groups: int, payoffs: FloatArray, map_tasks: MapTasks = map) -> FloatArray:
        """For each name E[its loss x payoff(summed loss)] of each group of points: payoffs x names x groups; ``payoffs`` is kinds x :attr:`values`,
        each the same for all losses beyond the lattice."""
        beyond = payoffs[:, -1]
        # Parseval: a sum over the lattice is one over the frequencies, of which all but the first and the last stand for two.
        tilted = (payoffs[:, : self.size] - beyond[:, None]) * self._weighed_up
        paid = np.asarray(np.conj(np.fft.rfft(tilted, axis=1)) / self.size, dtype=np.complex128)
        paid[:, 1:-1] *= 2.0
        pieces = list(self._pieces(p, groups))

        def of_frequencies(some: slice) -> FloatArray:
            lost = _Lost.of(self, some, groups)
            for piece, whole in self._spectra(pieces, some):
                lost.add(piece, whole * weight[piece.points, None])
            return lost.paid(np.ascontiguousarray(paid[:, some]))

        found = np.sum(list(map_tasks(of_frequencies, self._frequencies())), axis=0)
        mean = (p * weight).reshape(len(p), groups, -1).sum(axis=2) * self.names.loss[0, :, None]
        return np.asarray(found + beyond[:, None, None] * mean)

    def transforms(self, names: IntArray, some: slice) -> ComplexArray:
        """Of the losses given default of some names, less one: names x frequencies."""
        return np.asarray(self.shares[names] @ self.columns[:, some])

    def _spectra(self, pieces: Sequence[_Piece], some: slice) -> Iterator[tuple[_Piece, ComplexArray]]:
        """The transform of the summed loss at the points of each piece: points x frequencies."""
        columns = self.columns[:, some]
        own = columns[len(columns) - len(self.large) :]
        terms = [subsets(own[start : start + _TOGETHER]) for start in range(0, len(own), _TOGETHER)]
        logarithms: dict[int, ComplexArray] = {}
        for piece in pieces:
            whole = np.ones((len(piece.points), columns.shape[1]), dtype=np.complex128)
            for band, mine, weights in piece.pooled:
                if band not in logarithms:
                    logarithms[band] = np.stack(_BANDS[band].logarithms(columns[: len(columns) - len(self.large)]))
                rows = np.ascontiguousarray(logarithms[band][:, mine]).reshape(-1, columns.shape[1])
                whole *= np.exp(_complex(weights.T @ _real(rows)))
            likely = piece.likely(self.small)
            for p, transform in zip(piece.p[likely], self.transforms(likely, some), strict=True):
                whole *= 1.0 + p[:, None] * transform
            for held, term in zip(piece.large, terms, strict=True):
                whole *= combined(held, term)
            yield piece, whole

    def _pieces(self, p: FloatArray, groups: int) -> Iterator[_Piece]:
        each = p.shape[1] // groups
        for points in _alike(p, groups):
            yield self._piece(int(points[0]) // each, points, p[:, points])

    def _piece(self, scramble: int, points: IntArray, p: FloatArray) -> _Piece:
        place = np.asarray(np.searchsorted([band.highest for band in _BANDS], p.max(axis=1)), dtype=np.int64)
        pooled = []
        for band, names, weights in banded(p, place, self.small):
            shares = self.shares[names]
            columns = np.unique(shares.indices)
            mine = shares[:, columns].T.tocsr()
            pooled.append(_Pooled(band, columns, np.concatenate([mine @ each for each in weights])))
        own = p[self.large]
        large = [subsets(own[start : start + _TOGETHER]) for start in range(0, len(own), _TOGETHER)]
        return _Piece(scramble, points, p, place, large, pooled)

    def _frequencies(self) -> list[slice]:
        count = self.columns.shape[1]
        return [slice(start, min(start + _FREQUENCIES_AT_ONCE, count)) for start in range(0, count, _FREQUENCIES_AT_ONCE)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lost:
    """What each name loses times the transform of what the others lose, summed over the points of each scramble, at some frequencies."""

    transforms: NameTransforms
    some: slice
    direct: ComplexArray
    """Of names that are likely to default where they are: scrambles x names x frequencies."""
    by_band: dict[int, ComplexArray]
    """Of each of a band's terms what it counts for: scrambles x terms x names x frequencies."""

    @classmethod
    def of(cls, transforms: NameTransforms, some: slice, groups: int) -> _Lost:
        shape = (groups, len(transforms.names), some.stop - some.start)
        return cls(transforms=transforms, some=some, direct=np.zeros(shape, dtype=np.complex128), by_band={})

    def add(self, piece: _Piece, whole: ComplexArray) -> None:
        """``whole``: the transform of the summed loss at a piece's points, times their weight."""
        every = np.arange(len(piece.p))
        for band, names, weights in banded(piece.p, piece.place, every):
            held = self.by_band.get(band)
            if held is None:
                shape = (len(self.direct), _BANDS[band].count, *self.direct.shape[1:])
                held = self.by_band[band] = np.zeros(shape, dtype=np.complex128)
            for k, each in enumerate(weights):
                held[piece.scramble, k, names] += _complex(each @ _real(whole))
        likely = piece.likely(every)
        transforms, worth = (
            self.transforms.transforms(likely, self.some),
            self.transforms.shares[likely] @ self.transforms.worth[:, self.some],
        )
        for i, p, transform, lost in zip(likely.tolist(), piece.p[likely], transforms, worth, strict=True):
            factor = 1.0 + p[:, None] * transform
            # A factor that all but vanishes makes the whole vanish too: that one frequency tells nothing.
            others = np.divide(whole, factor, out=np.zeros_like(whole), where=np.abs(factor) > _VANISHED)
            self.direct[piece.scramble, i] += (p @ others) * lost

    def paid(self, paid: ComplexArray) -> FloatArray:
        """Summed over the frequencies with what these are paid: payoffs x names x scrambles."""
        columns, worth = (each[:, self.some] for each in (self.transforms.columns, self.transforms.worth))
        total = self.direct
        for band, held in self.by_band.items():
            # Without the name itself: its factor is divided by, which is not small where defaults are not likely.
            for k, share in enumerate(_BANDS[band].shares(columns)):
                total += held[:, k] * (self.transforms.shares @ (worth * share))
        return np.asarray(np.moveaxis(np.real(total @ paid.T), 2, 0).transpose(0, 2, 1))


def _alike(p: FloatArray, groups: int) -> Iterator[IntArray]:
    """The points of each group in pieces, alike ones together, so that names are likely to default in few of them."""
    each = p.shape[1] // groups
    badness = p.mean(axis=0)
    for group in range(groups):
        order = group * each + np.argsort(badness[group * each : (group + 1) * each], kind="stable")
        yield from np.array_split(order, -(-each // _POINTS_AT_ONCE))


def banded(p: FloatArray, place: IntArray, names: IntArray) -> Iterator[_Banded]:
    """Some of the names by their bands (``place``), for default probabilities ``p`` (all names x points)."""
    for number, band in enumerate(_BANDS):
        mine = names[place[names] == number]
        if len(mine):
            yield _Banded(number, mine, band.weights(p[mine]))


def _lagrange(nodes: FloatArray, x: FloatArray) -> FloatArray:
    """Lagrange's polynomials of some nodes at ``x``: nodes x the shape of ``x``."""
    result = np.ones((len(nodes), *x.shape))
    for j, mine in enumerate(nodes):
        for k, other in enumerate(nodes):
            if k != j:
                result[j] *= (x - other) / (mine - other)
    return result


def _real(values: ComplexArray) -> FloatArray:
    """The same numbers as pairs of a real and an imaginary part, which products with real matrices are made of."""
    return np.ascontiguousarray(values).view(np.float64)


def _complex(values: FloatArray) -> ComplexArray:
    return np.ascontiguousarray(values).view(np.complex128)


def _reached(names: Names, step: float, *, own: bool) -> int:
    """The last point of an endless lattice that all names together reach; where losses are moved to the next point, each name may reach one more."""
    return math.ceil(names.greatest / step - _ROUNDED * len(names)) + (0 if own else len(names))
