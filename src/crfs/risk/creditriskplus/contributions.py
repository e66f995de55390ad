"""Who makes the tail: Euler contributions to value at risk and expected shortfall on the lattice, by obligor and by sector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.creditriskplus.lattice import Lattice
from crfs.risk.creditriskplus.sectors import GammaSectors

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# Of the probability beyond a quantile: what rounding may leave, far below any confidence that is answered.
_SLACK = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class LatticeTail:
    """The tail at one confidence: its value at risk is ``at`` units.

    ``atom`` is the share of the probability at the value at risk that belongs to the worst ``1 - confidence``.
    """

    confidence: float
    at: int
    es_units: float
    atom: float


def lattice_tail(probability: FloatArray, confidence: float) -> LatticeTail:
    """The lower quantile and the atom-corrected shortfall of ``probability[n]`` of ``n`` units.

    By the rules of :mod:`crfs.risk.measures`; summed from the far end, which keeps the digits that a sum towards one loses.

    >>> tail = lattice_tail(np.array([0.985, 0.0, 0.015]), 0.99)
    >>> tail.at, round(tail.es_units, 9), round(tail.atom, 9)
    (2, 2.0, 0.666666667)
    """
    in_tail = 1.0 - confidence
    above = beyond(probability)[1:]  # above[n] = P(L > n)
    at = int(np.argmax(above <= in_tail + _SLACK))
    excess = float((probability[at + 1 :] * np.arange(1.0, len(probability) - at)).sum())
    mass = float(probability[at])
    atom = (in_tail - float(above[at])) / mass if mass > 0.0 else 0.0
    return LatticeTail(confidence=confidence, at=at, es_units=at + excess / in_tail, atom=atom)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """Contributions in currency units: ``obligor_*`` one value an obligor, ``sector_*`` one a sector and a last one for what follows none."""

    confidence: float
    obligor_var: FloatArray
    obligor_es: FloatArray
    sector_var: FloatArray
    sector_es: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Allocation:
    """What contributions at any confidence are made of: E[S_k; L = n] for each driver ``k``, and 1 for the idiosyncratic part."""

    lattice: Lattice
    weight: FloatArray
    drivers: GammaSectors
    masses: list[FloatArray]
    """One array a driver, and the probabilities themselves last."""

    def parts(self, tail: LatticeTail) -> Parts:
        """E[L_i | L = VaR] and E[L_i | tail] of every obligor and sector (Tasche 2004): E[L_i; L = n] = u_i pd_i sum_k w_ik E[S_k; L = n - u_i]."""
        units, index = np.unique(self.lattice.units, return_inverse=True)
        before = tail.at - units
        at = [_at(mass, before) for mass in self.masses]
        probability = float(self.masses[-1][tail.at])
        in_tail = 1.0 - tail.confidence
        beyond_var = [beyond(mass)[np.maximum(before + 1, 0)] for mass in self.masses]
        obligor_var, sector_var = self._split([values / probability for values in at], index)
        obligor_es, sector_es = self._split([(far + tail.atom * near) / in_tail for far, near in zip(beyond_var, at, strict=True)], index)
        return Parts(confidence=tail.confidence, obligor_var=obligor_var, obligor_es=obligor_es, sector_var=sector_var, sector_es=sector_es)

    def _split(self, means: list[FloatArray], index: npt.NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """From each driver's mean at a default of each size to obligors and sectors, which are combinations of the drivers."""
        lattice, owner = self.lattice, self.lattice.owner
        loss = lattice.unit * lattice.units * lattice.intensity
        own = np.clip(1.0 - self.weight.sum(axis=1), 0.0, None)
        by_entry = own[owner] * means[-1][index]
        last = float((loss * by_entry).sum())
        columns = []
        for k, mixing in enumerate(self.drivers.mixing):
            sector = np.zeros(len(means[-1]))
            for share, mean in zip(mixing, means[:-1], strict=True):
                if share:
                    sector += share * mean
            piece = self.weight[owner, k] * sector[index]
            columns.append(float((loss * piece).sum()))
            by_entry += piece
        by_obligor = np.bincount(owner, weights=loss * by_entry, minlength=len(self.weight)).astype(np.float64)
        return by_obligor, np.array([*columns, last])


def beyond(mass: FloatArray) -> FloatArray:
    """Sums of ``mass[n:]`` for each n, and a last zero."""
    sums: FloatArray = np.r_[np.cumsum(mass[::-1])[::-1], 0.0]
    return sums


def _at(mass: FloatArray, index: IntArray) -> FloatArray:
    """``mass[index]``, zero below the lattice."""
    found: FloatArray = np.where(index >= 0, mass[np.maximum(index, 0)], 0.0)
    return found
