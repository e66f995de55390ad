"""The generating function on the unit circle, and back: lengths that leave out no more than they may, and one Fourier transform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.creditriskplus.lattice import Lattice
from crfs.risk.creditriskplus.sectors import GammaSectors

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]

# exp of more overflows.
_LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bands:
    """The polynomials: intensity of each distinct loss (in units), idiosyncratic and for each driver."""

    units: IntArray
    own: FloatArray
    driven: FloatArray
    """One row a driver."""


def make_bands(lattice: Lattice, weight: FloatArray, drivers: GammaSectors) -> Bands:
    """Add up the entries of a lattice by their loss; ``weight`` is each obligor's on the sectors."""
    units, index = np.unique(lattice.units, return_inverse=True)
    per_driver = np.einsum("ik,kl->li", weight, drivers.mixing)
    own = np.clip(1.0 - weight.sum(axis=1), 0.0, None)

    def sums(share: FloatArray) -> FloatArray:
        return np.bincount(index, weights=lattice.intensity * share[lattice.owner], minlength=len(units)).astype(np.float64)

    driven = np.stack([sums(share) for share in per_driver]) if len(units) else np.zeros((len(per_driver), 0))
    return Bands(units=units.astype(np.int64), own=sums(own), driven=driven)


def lattice_points(bands: Bands, drivers: GammaSectors, *, missing_mass: float) -> float:
    """Points beyond which at most ``missing_mass`` lies, by P(L >= n) <= exp(log G(t) - t n) for every t (Chernoff).

    The bound is proved before anything is transformed, so no aliasing has to be looked for afterwards. Its best t need not be met exactly:
    any t gives a true bound, and near the best one it is flat.
    """
    if not len(bands.units):
        return 1.0
    largest = float(bands.units[-1])

    def needed(tilt: float) -> float:
        if tilt * largest > _LARGEST_EXPONENT:
            return math.inf
        return (_log_pgf_at(bands, drivers, tilt) - math.log(missing_mass)) / tilt

    coarse = {tilt: needed(tilt) for tilt in (1e-6 / largest * 2.0**step for step in range(30))}
    start = min(coarse, key=lambda tilt: coarse[tilt])
    best = min(coarse[start], *(needed(start * 2.0 ** (step / 8)) for step in range(-7, 8)))
    return max(best, largest) + 2.0


def transform_length(points: float) -> int:
    """The next length of at least ``points`` that a fast Fourier transform is quick at."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(math.ceil(points), real=True))


def _log_pgf_at(bands: Bands, drivers: GammaSectors, tilt: float) -> float:
    growth = np.expm1(tilt * bands.units)
    own = float((bands.own * growth).sum())
    terms = np.zeros(())
    for k, driven in enumerate(bands.driven):
        terms = terms + drivers.term(k, np.asarray((driven * growth).sum()))
    return own + float(drivers.log_pgf(terms)) if np.isfinite(terms) else math.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transform:
    """The generating function at the roots of unity. A driver's polynomial is transformed when needed, so memory does not grow with sectors."""

    bands: Bands
    drivers: GammaSectors
    points: int
    terms: ComplexArray
    pgf: ComplexArray

    @classmethod
    def of(cls, bands: Bands, drivers: GammaSectors, *, points: int) -> Transform:
        """Evaluate it, for a lattice of ``points``."""
        terms = np.zeros(points // 2 + 1, dtype=np.complex128)
        for k, driven in enumerate(bands.driven):
            terms += drivers.term(k, _excess(bands, driven, points))
        pgf = np.exp(_excess(bands, bands.own, points) + drivers.log_pgf(terms))
        return cls(bands=bands, drivers=drivers, points=points, terms=terms, pgf=pgf)

    def probability(self) -> FloatArray:
        """P(L = n) for each point; rounding leaves some 1e-17 of either sign where there is nothing."""
        return self._back(self.pgf)

    def driver_masses(self) -> list[FloatArray]:
        """E[driver; L = n] for each driver."""
        return [
            self._back(self.pgf * self.drivers.tilt(k, _excess(self.bands, driven, self.points), self.terms))
            for k, driven in enumerate(self.bands.driven)
        ]

    def _back(self, values: ComplexArray) -> FloatArray:
        from scipy.fft import irfft

        return np.asarray(irfft(values, n=self.points), dtype=np.float64)


def _excess(bands: Bands, intensity: FloatArray, points: int) -> ComplexArray:
    """P(z) - P(1) at the roots of unity."""
    from scipy.fft import rfft

    dense = np.zeros(points)
    dense[bands.units] = intensity
    return np.asarray(rfft(dense) - intensity.sum(), dtype=np.complex128)
