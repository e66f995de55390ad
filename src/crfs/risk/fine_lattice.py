"""Losses of any amounts, random ones too, on a lattice so fine that what the rounding may do is known, and small.

Each name's loss given default is spread over the points of a lattice in a way that keeps its mean: what lies between two of them goes to
both, to each the more the nearer it is. All losses rounded down to the lattice, and all rounded up, are a smaller and a larger loss than the
true one in every state, so that their measures lie on either side of the true ones: that is a bound, no estimate.

Sums of independent losses are products of Fourier transforms: a transform of a name's loss is made once, and holds whatever its PD. The products of
two or three names are sums over who of them defaults, and so, at many points and frequencies, one product of matrices. Points are summed up as
transforms: one transform goes back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.names import Names
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]
Rounding: TypeAlias = Literal["mean", "down", "up"]
"""Whether a loss between two points goes to both with its mean kept, to the lower, or to the upper."""

_NAMES_A_BLOCK = 3
# What is multiplied stays in a core's cache.
_POINTS_AT_ONCE, _FREQUENCIES_AT_ONCE = 256, 128
# Less than this is no probability, and products of such numbers, which have few digits left, take a hundred times as long.
LEAST = 1e-100

# What the rounding of a point is of the whole, and the part of a probability that it may be at all points together.
ROUNDING_OF_TRANSFORMS, MOST_IN_VAIN = 1e-16, 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineLattice:
    """``size`` (a power of two) points ``step`` apart, from no loss to more than all losses rounded up.

    ``losses`` has, for each way of rounding, the transform of each name's loss if it defaults (names x frequencies); ``worth`` that of what it
    loses at each point (loss times probability), its mean kept.
    """

    step: float
    size: int
    losses: Mapping[Rounding, ComplexArray]
    worth: ComplexArray

    @classmethod
    def of(cls, names: Names, size: int) -> FineLattice:
        """Of so many points (a power of two, more than twice the names) that just hold all that the names can lose."""
        return cls.at(names, names.greatest / (size - 2 * len(names) - 2), size)

    @classmethod
    def at(cls, names: Names, step: float, size: int) -> FineLattice:
        """Of points that are ``step`` apart, which ``size`` of them have to hold."""
        spread, down = np.zeros((2, len(names), size))
        for i in range(len(names)):
            first, *masses = loss_masses(names, i, step)
            spread[i, first : first + len(masses[0])], down[i, first : first + len(masses[1])] = masses
        below = np.fft.rfft(down, axis=1)
        # The point above is the next one: a turn of each frequency.
        turn = np.exp(-2j * np.pi * np.arange(below.shape[1]) / size)
        return cls(
            step=step,
            size=size,
            losses={"mean": np.fft.rfft(spread, axis=1), "down": below, "up": below * turn},
            worth=np.fft.rfft(spread * (step * np.arange(size)), axis=1),
        )

    @property
    def values(self) -> FloatArray:
        """The points, in rising order."""
        return np.asarray(self.step * np.arange(self.size), dtype=np.float64)

    @property
    def price(self) -> int:
        """Products that the distribution takes at a point."""
        return self.size * len(self.worth)

    @property
    def rounded_to(self) -> float:
        """The distance of its points."""
        return self.step

    @property
    def noise(self) -> FloatArray:
        """What the rounding of transforms may leave at each of the points."""
        return np.full(self.size, ROUNDING_OF_TRANSFORMS)

    def faithful(self, least: float) -> bool:
        """Whether the rounding of transforms, at all points together, is small beside a probability of ``least``."""
        return ROUNDING_OF_TRANSFORMS * self.size <= MOST_IN_VAIN * least

    @property
    def end(self) -> float:
        """Every loss has its place."""
        return math.inf

    def summed(self, p: FloatArray, weight: FloatArray, groups: int, map_tasks: MapTasks = map, *, which: Rounding = "mean") -> FloatArray:
        """Probabilities of the summed loss (groups x lattice), for default probabilities ``p`` (names x points) and the points' ``weight``.

        The points are in so many equal ``groups``, each of which is summed up; losses are moved to the lattice ``which`` way.
        """
        losses, blocks = self.losses[which], _blocks(p)
        pieces = _pieces(groups, len(weight))
        counted = blocks[-1].counted(weight)

        def of_frequencies(some: slice) -> ComplexArray:
            *before, after = (block.transforms(losses[:, some]) for block in blocks)
            room = np.empty((2, _POINTS_AT_ONCE, len(after[0])), dtype=np.complex128)
            total = np.zeros((groups, len(after[0])), dtype=np.complex128)
            for group, points in pieces:
                product, factor = room[:, : points.stop - points.start]
                blocks[0].at(points, before[0], product)
                for block, transforms in zip(blocks[1:-1], before[1:], strict=True):
                    product *= block.at(points, transforms, factor)
                total[group] += np.einsum("sf,sf->f", _complex(counted[:, points] @ _real(product)), after)
            return total

        found = np.concatenate(list(map_tasks(of_frequencies, _frequencies(losses, _FREQUENCIES_AT_ONCE))), axis=1)
        # The rounding of the transform may leave less than nothing where there is nothing.
        return np.maximum(np.fft.irfft(found, n=self.size, axis=1), 0.0)

    def parts(self, p: FloatArray, weight: FloatArray, groups: int, payoffs: FloatArray, map_tasks: MapTasks = map) -> FloatArray:
        """For each name E[its loss x payoff(summed loss)] of each group of points: payoffs x names x groups; ``payoffs`` is kinds x lattice.

        What the other names lose is the product of those before a name and those after it: nothing is divided by what may be small.
        """
        losses, blocks = self.losses["mean"], _blocks(p)
        pieces = _pieces(groups, len(weight))
        counted = [block.counted(weight) for block in blocks]
        # Parseval: a sum over the lattice is one over the frequencies, of which all but the first and the last stand for two.
        paid = np.conj(np.fft.rfft(payoffs, axis=1)) / self.size
        paid[:, 1:-1] *= 2.0

        def of_frequencies(some: slice) -> FloatArray:
            transforms = [block.transforms(losses[:, some]) for block in blocks]
            width = some.stop - some.start
            summed = [np.zeros((groups, len(each), 2 * width)) for each in transforms]
            room = np.empty((2 * len(blocks), _POINTS_AT_ONCE, width), dtype=np.complex128)
            for group, points in pieces:
                each_room = room[:, : points.stop - points.start]
                for block, each, product in zip(blocks, transforms, each_room, strict=False):
                    block.at(points, each, product)
                for k, others in enumerate(_left_out(each_room)):
                    summed[k][group] += counted[k][:, points] @ _real(others)
            result: FloatArray = np.zeros((len(payoffs), len(p), groups))
            for block, each, found in zip(blocks, transforms, summed, strict=True):
                for place, name in enumerate(block.names):
                    # The sets with the name were counted: what the others of such a set lose is what the set without it does.
                    beside = _complex(found).reshape(groups, -1, 2, 1 << place, width)[:, :, 1]
                    without = each.reshape(-1, 2, 1 << place, width)[:, 0]
                    lost = np.einsum("ghlf,hlf->gf", beside, without) * self.worth[name, some]
                    result[:, name] = (paid[:, some] @ lost.T).real
            return result

        return np.asarray(np.sum(list(map_tasks(of_frequencies, _frequencies(losses, _FREQUENCIES_AT_ONCE // 2))), axis=0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """A few names: ``held`` is the probability of each set of them in default, points x sets; set ``n`` has those whose bit of ``n`` is set."""

    names: Sequence[int]
    held: FloatArray

    def transforms(self, losses: ComplexArray) -> ComplexArray:
        """Of what each set loses, sets x frequencies; ``losses`` is all names x frequencies."""
        found = np.ones((1, losses.shape[1]), dtype=np.complex128)
        for name in self.names:
            found = np.concatenate([found, found * losses[name]])
        return found

    def at(self, points: slice, transforms: ComplexArray, out: ComplexArray) -> ComplexArray:
        """Of what the names lose at points, points x frequencies, which are written to ``out``."""
        np.matmul(self.held[points], _real(transforms), out=_real(out))
        return out

    def counted(self, weight: FloatArray) -> FloatArray:
        """What each set counts for at the points, sets x points."""
        return np.ascontiguousarray(self.held.T) * weight


def _blocks(p: FloatArray) -> list[_Block]:
    """All names, two blocks of them at least; the first and the last cost less, and have a name more where that spares a block."""
    count = max(2, -(-(len(p) - 2) // _NAMES_A_BLOCK))
    blocks = []
    for names in np.array_split(np.arange(len(p)), count):
        held = np.ones((p.shape[1], 1))
        for each in p[names]:
            held = np.concatenate([held * (1.0 - each)[:, None], held * each[:, None]], axis=1)
        held[held < LEAST] = 0.0
        blocks.append(_Block(names=names.tolist(), held=held))
    return blocks


def _left_out(room: ComplexArray) -> Iterator[ComplexArray]:
    """For each of the blocks, whose transforms are the first half of ``room``, that of all others; the second half is to work in."""
    count = len(room) // 2
    blocks, after = room[:count], room[count:]
    last = blocks[-1]
    for k in range(count - 2, 0, -1):
        last = np.multiply(blocks[k], last, out=after[k])
    yield last
    before = blocks[0]
    for k in range(1, count - 1):
        yield np.multiply(before, after[k + 1] if k + 2 < count else blocks[-1], out=after[k])
        before = np.multiply(before, blocks[k], out=blocks[k])
    yield before


def _pieces(groups: int, count: int) -> list[tuple[int, slice]]:
    """Each group's points in pieces, of ``count`` in all."""
    each = count // groups
    starts = [(group, start) for group in range(groups) for start in range(group * each, (group + 1) * each, _POINTS_AT_ONCE)]
    return [(group, slice(start, min(start + _POINTS_AT_ONCE, (group + 1) * each))) for group, start in starts]


def _frequencies(losses: ComplexArray, at_once: int) -> list[slice]:
    return [slice(start, min(start + at_once, losses.shape[1])) for start in range(0, losses.shape[1], at_once)]


def _real(values: ComplexArray) -> FloatArray:
    """The same numbers as pairs of a real and an imaginary part, which products with real matrices are made of."""
    return values.view(np.float64)


def _complex(values: FloatArray) -> ComplexArray:
    return values.view(np.complex128)


def loss_masses(names: Names, i: int, step: float) -> tuple[int, FloatArray, FloatArray]:
    """The probabilities of name ``i``'s loss given default at a lattice's points, from which of them on: with its mean kept, and rounded down.

    What falls between two points goes to both so that the mean of that part is kept.
    """
    certain, exposure = float(names.certain[i]), float(names.random[i])
    mean, variance = float(names.loss[0, i]), float(names.loss[1, i])
    if variance <= 0.0:
        first = int(mean / step)
        share = mean / step - first
        return first, np.array([1.0 - share, share]), np.array([1.0, 0.0])
    first, last = int(certain / step), int((certain + exposure) / step) + 1
    x = np.asarray(step * np.arange(first, last + 1), dtype=np.float64)
    below, lost = (np.diff(each) for each in _beta(x, certain, exposure, mean, variance))
    # Where next to nothing falls, so does the rounding of a share that means nothing: it stays between none and all.
    mean_here = np.divide(lost, below, out=x[:-1].copy(), where=below > 0.0)
    upper = below * np.clip((mean_here - x[:-1]) / step, 0.0, 1.0)
    return first, np.append(below - upper, 0.0) + np.append(0.0, upper), np.append(below, 0.0)


def _beta(x: FloatArray, certain: float, exposure: float, mean: float, variance: float) -> tuple[FloatArray, FloatArray]:
    """P(L <= x) and E[L; L <= x] of a loss L of ``certain`` plus a Beta share of ``exposure``, which has this mean and variance."""
    from scipy.special import betainc

    share = (mean - certain) / exposure
    total = share * (1.0 - share) / (variance / exposure**2) - 1.0
    a, b = share * total, (1.0 - share) * total
    u = np.clip((x - certain) / exposure, 0.0, 1.0)
    below = np.asarray(betainc(a, b, u), dtype=np.float64)
    return below, np.asarray(certain * below + exposure * share * betainc(a + 1.0, b, u), dtype=np.float64)
