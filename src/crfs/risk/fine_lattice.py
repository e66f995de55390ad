"""Losses of any amounts, random ones too, on a lattice so fine that what the rounding may do is known, and small.

Each name's loss given default is spread over the points of a lattice in a way that keeps its mean: what lies between two of them goes to
both, to each the more the nearer it is. All losses rounded down to the lattice, and all rounded up, are a smaller and a larger loss than the
true one in every state, so that their measures lie on either side of the true ones: that is a bound, no estimate.

Sums of independent losses are products of Fourier transforms: a transform of a name's loss is made once, and holds whatever its PD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.names import Names

FloatArray: TypeAlias = npt.NDArray[np.float64]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]
Rounding: TypeAlias = Literal["mean", "down", "up"]
"""Whether a loss between two points goes to both with its mean kept, to the lower, or to the upper."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineLattice:
    """``size`` (a power of two) points ``step`` apart, from no loss to more than all losses rounded up.

    ``losses`` has, for each way of rounding, the transform of each name's loss if it defaults, less one (names x frequencies); ``worth`` that of
    what it loses at each point (loss times probability), its mean kept.
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
            spread[i], down[i] = _masses(names, i, step, size)
        below = np.fft.rfft(down, axis=1)
        # The point above is the next one: a turn of each frequency.
        turn = np.exp(-2j * np.pi * np.arange(below.shape[1]) / size)
        return cls(
            step=step,
            size=size,
            losses={"mean": np.fft.rfft(spread, axis=1) - 1.0, "down": below - 1.0, "up": below * turn - 1.0},
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

    def distribution(self, p: FloatArray, which: Rounding = "mean") -> FloatArray:
        """Probabilities (points x lattice) of the summed loss, for default probabilities ``p`` (names x points)."""
        losses = self.losses[which]
        product = np.ones((p.shape[1], losses.shape[1]), dtype=np.complex128)
        factor = np.empty_like(product)
        for probability, loss in zip(p, losses, strict=True):
            np.multiply(probability[:, None], loss, out=factor)
            factor += 1.0
            product *= factor
        # The rounding of the transform may leave less than nothing where there is nothing.
        return np.maximum(np.fft.irfft(product, n=self.size, axis=1), 0.0)

    def parts(self, p: FloatArray, payoffs: FloatArray) -> FloatArray:
        """For each name E[its loss x payoff(summed loss)] at each point: payoffs x names x points; ``payoffs`` is kinds x lattice.

        What the other names lose is the product of those before a name and those after it: nothing is divided by what may be small.
        """
        count, points = p.shape
        losses = self.losses["mean"]
        # Parseval: a sum over the lattice is one over the frequencies, of which all but the first and the last stand for two.
        paid = np.conj(np.fft.rfft(payoffs, axis=1)) / self.size
        paid[:, 1:-1] *= 2.0
        before = np.ones((count, points, losses.shape[1]), dtype=np.complex128)
        for i in range(1, count):
            np.multiply(before[i - 1], 1.0 + p[i - 1][:, None] * losses[i - 1], out=before[i])
        after = np.ones_like(before[0])
        result = np.zeros((len(payoffs), count, points))
        for i in range(count - 1, -1, -1):
            others = before[i] * after
            result[:, i] = ((paid * self.worth[i]) @ others.T).real * p[i]
            after *= 1.0 + p[i][:, None] * losses[i]
        return result


def _masses(names: Names, i: int, step: float, size: int) -> tuple[FloatArray, FloatArray]:
    """The probabilities of name ``i``'s loss given default at the lattice's points: with its mean kept, and rounded down.

    What falls between two points goes to both so that the mean of that part is kept.
    """
    certain, exposure = float(names.certain[i]), float(names.random[i])
    mean, variance = float(names.loss[0, i]), float(names.loss[1, i])
    spread, down = np.zeros((2, size))
    if variance <= 0.0:
        first = int(mean / step)
        share = mean / step - first
        spread[first], spread[first + 1], down[first] = 1.0 - share, share, 1.0
        return spread, down
    first, last = int(certain / step), int((certain + exposure) / step) + 1
    x = np.asarray(step * np.arange(first, last + 1), dtype=np.float64)
    below, lost = (np.diff(each) for each in _beta(x, certain, exposure, mean, variance))
    # Where next to nothing falls, so does the rounding of a share that means nothing: it stays between none and all.
    mean_here = np.divide(lost, below, out=x[:-1].copy(), where=below > 0.0)
    upper = below * np.clip((mean_here - x[:-1]) / step, 0.0, 1.0)
    down[first:last] = below
    spread[first:last] = below - upper
    spread[first + 1 : last + 1] += upper
    return spread, down


def _beta(x: FloatArray, certain: float, exposure: float, mean: float, variance: float) -> tuple[FloatArray, FloatArray]:
    """P(L <= x) and E[L; L <= x] of a loss L of ``certain`` plus a Beta share of ``exposure``, which has this mean and variance."""
    from scipy.special import betainc

    share = (mean - certain) / exposure
    total = share * (1.0 - share) / (variance / exposure**2) - 1.0
    a, b = share * total, (1.0 - share) * total
    u = np.clip((x - certain) / exposure, 0.0, 1.0)
    below = np.asarray(betainc(a, b, u), dtype=np.float64)
    return below, np.asarray(certain * below + exposure * share * betainc(a + 1.0, b, u), dtype=np.float64)
