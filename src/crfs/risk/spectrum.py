"""Fourier series of a loss distribution: probabilities, densities and partial means from the characteristic function at even frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]

# exp(-16): what is left at the last frequency of the least blurred point.
_DECAY = 5.6
MOST_FREQUENCIES = 4_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """Frequencies ``2 pi j / period``, j = 0, 1, ..., for losses within (``low``, ``low + period``).

    The density is ``(1 / period) sum_j phi(t_j) exp(-i t_j x)`` over all whole j. It is good to rounding where the characteristic
    function has decayed at the last frequency and no loss lies outside the interval.
    """

    low: float
    period: float
    frequencies: FloatArray

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.low + self.period

    def functionals(self, x: float) -> ComplexArray:
        """Rows ``a`` with ``Re(phi @ a)`` = P(L > x), E(L - x)+, density, minus its slope, its curvature at ``x`` (frequencies x 5).

        Above the interval there is no loss: all of them are zero there. Below it the series would begin anew, so ``x`` is not below.
        """
        if x >= self.high:
            return np.zeros((len(self.frequencies), 5), dtype=np.complex128)
        t = self.frequencies[1:]
        turn = -1j * t
        at, end = np.exp(turn * x), np.exp(turn * self.high)
        rows = np.zeros((len(self.frequencies), 5), dtype=np.complex128)
        width = self.high - x
        rows[0, :3] = width / self.period, 0.5 * width * width / self.period, 1.0 / self.period
        # Frequency -j gives the conjugate of frequency j: twice the real part.
        twice = 2.0 / self.period
        rows[1:, 0] = twice * (end - at) / turn
        rows[1:, 1] = twice * (width * end / turn - (end - at) / (turn * turn))
        rows[1:, 2] = twice * at
        rows[1:, 3] = -twice * turn * at
        rows[1:, 4] = twice * turn * turn * at
        return rows


def make_spectrum(low: float, high: float, spread: float) -> Spectrum:
    """Frequencies for losses between ``low`` and ``high`` whose distribution is blurred by at least ``spread`` (a standard deviation)."""
    period = high - low
    count = min(MOST_FREQUENCIES, 2 + math.ceil(_DECAY * period / (2.0 * math.pi * spread)))
    return Spectrum(low=low, period=period, frequencies=np.arange(count) * np.float64(2.0 * math.pi / period))
