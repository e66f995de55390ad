"""Characteristic functions of a loss at many points: the large names multiplied out three at a time, the others as a normal variable.

Given the factors, a large name's characteristic function is ``1 + p A(t)`` with ``A`` its own and ``p`` a number a point. The product of three is a sum of
eight terms, each a product of PDs times a function of the frequency: a product of real matrices, which is what computers are fastest at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.spectrum import ComplexArray, Spectrum

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

CELLS_AT_ONCE = 30_000
"""Points times frequencies that are held at a time."""
_TOGETHER = 3
# exp(-18): what a point's characteristic function has fallen to at the last frequency that is asked for there.
_FALLEN = 6.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Product:
    """Large names in groups: of each group which names, and the products of all subsets of their functions ``A`` (subsets x frequencies).

    Subset number ``n`` has the group's ``k``-th name where bit ``k`` of ``n`` is set.
    """

    groups: tuple[tuple[int, ...], ...]
    terms: tuple[ComplexArray, ...]

    @classmethod
    def of(cls, phases: ComplexArray) -> Product:
        """``phases`` are the names' characteristic functions given default, names x frequencies."""
        groups = tuple(tuple(range(start, min(start + _TOGETHER, len(phases)))) for start in range(0, len(phases), _TOGETHER))
        return cls(groups=groups, terms=tuple(subsets(phases[list(group)] - 1.0) for group in groups))

    def spectra(self, p: FloatArray, kept: int) -> ComplexArray:
        """Characteristic functions (points x ``kept`` frequencies) of all names' summed loss; ``p`` is names x points."""
        result = np.ones((p.shape[1], kept), dtype=np.complex128)
        for group, terms in zip(self.groups, self.terms, strict=True):
            result *= combined(subsets(p[list(group)]), terms[:, :kept])
        return result

    def left_out_columns(self, paid: ComplexArray, functionals: ComplexArray) -> list[FloatArray]:
        """What :meth:`parts` multiplies with, group by group: of each name its ``paid`` (names x frequencies) times the functionals
        (frequencies x kinds), times each subset's product of the others in its group.
        """
        columns = []
        for group, terms in zip(self.groups, self.terms, strict=True):
            mine = [
                paid[i][:, None] * functionals * terms[n][:, None] for k, i in enumerate(group) for n in range(len(terms)) if not n >> k & 1
            ]
            columns.append(as_real_columns(np.concatenate(mine, axis=1)))
        return columns

    def parts(self, rest: ComplexArray, p: FloatArray, columns: list[FloatArray], kept: int) -> FloatArray:
        """``p`` times the functionals of ``rest`` (points x frequencies) times all names but one times its ``paid``: kinds x names x points."""
        sets = [subsets(p[list(group)]) for group in self.groups]
        factors = [combined(some, terms[:, :kept]) for some, terms in zip(sets, self.terms, strict=True)]
        after = [np.ones_like(rest)]
        for factor in reversed(factors[1:]):
            after.append(after[-1] * factor)
        before = rest
        result = np.zeros((columns[0].shape[1] // self._columns_of(0), len(p), len(rest)))
        for g, group in enumerate(self.groups):
            held = np.multiply(before, after.pop()).view(np.float64) @ columns[g][: 2 * kept]
            # The others of the group that default, and the name.
            with_it = sets[g][[[n for n in range(len(sets[g])) if n >> k & 1] for k in range(len(group))]]
            by_name = held.reshape(len(rest), *with_it.shape[:2], -1)
            result[:, group[0] : group[-1] + 1] = np.einsum("pink,inp->kip", by_name, with_it)
            before = before * factors[g]
        return result

    def _columns_of(self, group: int) -> int:
        """How many columns a functional has in :meth:`left_out_columns`: one for each name of a group and each set of the others in it."""
        return len(self.groups[group]) * len(self.terms[group]) // 2


def gaussian_spectra(sums: FloatArray, spectrum: Spectrum, kept: int) -> ComplexArray:
    """Characteristic functions (points x ``kept`` frequencies) of normal variables with the mean and variance in ``sums`` (cumulants x points)."""
    t = spectrum.frequencies[:kept]
    m1, m2 = sums[0, :, None], sums[1, :, None]
    # Even frequencies: each turn is the one before times the first, twenty times cheaper than a sine and a cosine.
    turns = np.empty((len(m1), kept), dtype=np.complex128)
    turns[:, 0] = 1.0
    turns[:, 1:] = np.exp(1j * m1 * spectrum.frequencies[1])
    np.multiply.accumulate(turns, axis=1, out=turns)
    turns *= np.exp(-0.5 * m2 * (t * t))
    return turns


def pieces_of_points(variance: FloatArray, spectrum: Spectrum, *, at_once: int = CELLS_AT_ONCE) -> Iterator[tuple[IntArray, int]]:
    """Points of like variance together, and how many frequencies they need: the more they vary, the fewer."""
    order = np.argsort(variance, kind="stable")
    step = spectrum.frequencies[1]
    start = 0
    while start < len(order):
        kept = min(len(spectrum.frequencies), 2 + int(_FALLEN / (step * np.sqrt(variance[order[start]]))))
        some = order[start : start + max(1, at_once // kept)]
        yield some, kept
        start += len(some)


def as_real_columns(functionals: ComplexArray) -> FloatArray:
    """Real columns (2 x frequencies rows) with ``spectra.view(float) @ columns`` = the real part of ``spectra @ functionals``."""
    columns = np.empty((2 * len(functionals), functionals.shape[1]))
    columns[0::2], columns[1::2] = functionals.real, -functionals.imag
    return columns


def combined(subsets: FloatArray, terms: ComplexArray) -> ComplexArray:
    """Product over a group's names of ``1 + p A``: points x frequencies; ``subsets`` has the products of ``p`` of all sets of them."""
    return np.asarray((subsets.T @ np.ascontiguousarray(terms).view(np.float64)).view(np.complex128))


def subsets(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Products over all subsets of some rows: the empty one first, subset ``n`` in place ``n``."""
    result = np.ones((1, rows.shape[1]), dtype=rows.dtype)
    for row in rows:
        result = np.concatenate([result, result * row])
    return result
