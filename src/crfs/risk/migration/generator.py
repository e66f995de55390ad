"""Generators of transition matrices: rates at an instant, from which any horizon follows; with what had to be changed to have one.

A generator has rates of zero or more off its diagonal and rows that sum to zero; exp(t Q) is a transition matrix for every t. The logarithm of
an estimated matrix seldom is one: its small negative rates are regularised, and the distance of exp(Q) from the matrix is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_choice, check_kind, check_texts
from crfs.risk.migration.transition_matrix import TransitionMatrix, matrix_power
from crfs.risk.ranges import Range, number, numbers

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Rates below this, a year, are the rounding of a logarithm.
_DUST = 1e-12
# Uniformisation is summed while its mean number of jumps is at most this; longer times are squared from shorter ones.
_MOST_JUMPS = 8.0
_JUMP_TERMS = 60  # P(Poisson(8) > 60) < 1e-30
_RATES = Range(said="a square of finite numbers a year", with_low=False, with_high=False)
_YEARS = Range(said="a positive number", low=0.0, with_low=False, with_high=False)


class Regularisation(StrEnum):
    """What becomes of negative rates off the diagonal.

    ``diagonal``: they become zero, the diagonal takes their sum. ``weighted``: they become zero, and all other rates of the row give for it in
    proportion to their size. (A. Kreinin and M. Sidelnikova, "Regularization algorithms for transition matrices", Algo Research Quarterly 4,
    2001; R. Israel, J. Rosenthal and J. Wei, "Finding generators for Markov chains via empirical transition matrices", Mathematical Finance 11, 2001.)
    ``nearest``: the row of a generator that is closest to the logarithm's row (quasi-optimisation of Kreinin and Sidelnikova).
    """

    DIAGONAL = "diagonal"
    WEIGHTED = "weighted"
    NEAREST = "nearest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What is known of whether a matrix is exp of a generator (Israel, Rosenthal and Wei 2001).

    ``exists`` is False where a necessary condition fails (``reasons`` say which), True where the logarithm is a generator, None where neither is
    known. ``unique``: no other generator can give the matrix.
    """

    exists: bool | None
    unique: bool
    determinant: float
    diagonal_product: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generator:
    """Transition rates a year from the rating of a row to that of a column; default, the last, is never left.

    ``distance`` is the largest row sum of |exp(years Q) - P| against the matrix it was made of (0 where it was made of none),
    ``largest_change`` the largest cell of that difference, ``regularised`` the sum of the rates that were made zero.
    """

    ratings: tuple[str, ...]
    rates: FloatArray
    distance: float = 0.0
    largest_change: float = 0.0
    regularised: float = 0.0
    embedding: Embedding | None = None

    def __post_init__(self) -> None:
        names = check_texts("ratings", self.ratings)
        rates = numbers("rates", self.rates, _RATES)
        if not names:
            raise InvalidInput("ratings are one or more names, the best first and default last", argument="ratings")
        if rates.shape != (len(names),) * 2:
            raise InvalidInput(f"rates are {len(names)} x {len(names)} finite numbers a year", argument="rates")
        off = rates - np.diag(np.diag(rates))
        if off.min() < -_DUST or np.abs(rates.sum(axis=1)).max() > 1e-9 * (1.0 + np.abs(rates).max()) or rates[-1].any():
            raise InvalidInput(
                "rates off the diagonal are zero or more, rows sum to zero, and that of default, the last, is zero", argument="rates"
            )
        off = np.maximum(off, 0.0)
        rates = off - np.diag(off.sum(axis=1))
        rates.flags.writeable = False
        object.__setattr__(self, "ratings", names)
        object.__setattr__(self, "rates", rates)

    def matrix(self, years: float) -> TransitionMatrix:
        """The transition matrix over any positive time: exp(years Q), by uniformisation, so that no cell can fall below zero."""
        number("years", years, _YEARS)
        return TransitionMatrix(ratings=self.ratings, probability=exponential(self.rates, years), years=years)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        known = self.embedding
        return {
            "ratings": list(self.ratings),
            "rates": self.rates.tolist(),
            "distance": self.distance,
            "largest_change": self.largest_change,
            "regularised": self.regularised,
            "exists": known.exists if known else None,
            "unique": known.unique if known else None,
            "reasons": list(known.reasons) if known else [],
        }


def generator_of(matrix: TransitionMatrix, *, method: Regularisation | str = Regularisation.WEIGHTED) -> Generator:
    """The generator from a matrix's principal logarithm, its negative rates regularised by ``method``.

    Raises :class:`InvalidInput` where the matrix has no real principal logarithm (an eigenvalue of zero or below).

    >>> matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.95, 0.04, 0.01], [0.10, 0.80, 0.10]])
    >>> generator = generator_of(matrix)
    >>> generator.embedding.exists, generator.distance < 1e-12
    (True, True)
    """
    check_kind("matrix", matrix, TransitionMatrix)
    rule = check_choice("method", method, Regularisation)
    logarithm = _logarithm(matrix)
    rates = np.stack([_regularise(row, i, rule) for i, row in enumerate(logarithm)])
    # Adding up leaves the last bit; a row of a generator sums to zero.
    np.fill_diagonal(rates, 0.0)
    np.fill_diagonal(rates, -rates.sum(axis=1))
    difference = np.abs(exponential(rates, matrix.years) - matrix.probability)
    off = logarithm - np.diag(np.diag(logarithm))
    return Generator(
        ratings=matrix.ratings,
        rates=rates,
        distance=float(difference.sum(axis=1).max()),
        largest_change=float(difference.max()),
        regularised=float(-off[off < -_DUST].sum()),
        embedding=embedding(matrix, logarithm=logarithm),
    )


def embedding(matrix: TransitionMatrix, *, logarithm: FloatArray | None = None) -> Embedding:
    """Necessary and sufficient conditions that a matrix has a generator, as far as they are known; ``logarithm`` where it is at hand.

    None exists where the determinant is not positive, or exceeds the product of the diagonal, or where a rating can be reached but not within one
    period (in continuous time it could). The logarithm is the only candidate where the eigenvalues differ and the determinant exceeds exp(-pi),
    or where the determinant exceeds 1/2 and the matrix is within 1/2 of the identity.
    """
    values = check_kind("matrix", matrix, TransitionMatrix).probability
    eigenvalues = np.linalg.eigvals(values)
    determinant = float(np.prod(eigenvalues).real)
    product = float(np.prod(np.diag(values)))
    reasons = []
    if determinant <= 0.0:
        reasons.append(f"the determinant {determinant:.4g} is not positive")
    if determinant > product * (1.0 + 1e-12):
        reasons.append(f"the determinant {determinant:.6g} exceeds the product of the diagonal {product:.6g}")
    reachable = matrix_power((values > 0.0) + np.eye(len(values)), len(values)) > 0.0
    names = matrix.ratings
    reasons += [f"{names[i]} can become {names[j]}, but not within one period" for i, j in np.argwhere(reachable & (values == 0.0))]
    gaps = np.abs(eigenvalues[:, None] - eigenvalues[None, :])[~np.eye(len(values), dtype=bool)]
    near_identity = float(np.abs(values - np.eye(len(values))).sum(axis=1).max()) < 0.5
    unique = (float(gaps.min()) > 1e-9 and determinant > math.exp(-math.pi)) or (determinant > 0.5 and near_identity)
    exists: bool | None = False if reasons else None
    if not reasons:
        rates = logarithm if logarithm is not None else _logarithm(matrix)
        off = rates - np.diag(np.diag(rates))
        if off.min() >= -_DUST:
            exists = True
        elif unique:
            exists = False
            reasons.append("the logarithm has negative rates, and no other candidate is possible")
    return Embedding(exists=exists, unique=unique, determinant=determinant, diagonal_product=product, reasons=tuple(reasons))


def exponential(rates: FloatArray, years: float) -> FloatArray:
    """exp(years Q) of a generator by uniformisation, a mixture of powers of a transition matrix: every cell is exact in its own digits.

    >>> exponential(np.array([[-0.1, 0.1], [0.0, 0.0]]), 1.0).round(6).tolist()
    [[0.904837, 0.095163], [0.0, 1.0]]
    """
    fastest = float(-np.diag(rates).min())
    jumps = fastest * years
    if jumps == 0.0:
        return np.eye(len(rates))
    halvings = math.ceil(math.log2(jumps / _MOST_JUMPS)) if jumps > _MOST_JUMPS else 0
    jumps /= 2.0**halvings
    step = np.maximum(np.eye(len(rates)) + rates / fastest, 0.0)
    weight, power = math.exp(-jumps), np.eye(len(rates))
    total: FloatArray = weight * power
    for n in range(1, _JUMP_TERMS + 1):
        power = np.einsum("ij,jk->ik", power, step)
        weight *= jumps / n
        total = total + weight * power
    total = total / total.sum(axis=1, keepdims=True)
    for _ in range(halvings):
        total = np.einsum("ij,jk->ik", total, total)
        total = total / total.sum(axis=1, keepdims=True)
    return total


def _logarithm(matrix: TransitionMatrix) -> FloatArray:
    """The real principal logarithm, per year."""
    from scipy.linalg import logm

    values = matrix.probability
    eigenvalues = np.linalg.eigvals(values)
    on_cut = eigenvalues[(np.abs(eigenvalues.imag) < 1e-12) & (eigenvalues.real <= 1e-14)]
    if len(on_cut):
        raise InvalidInput(
            f"the matrix has no real principal logarithm: an eigenvalue is {on_cut.real.min():.4g}; a rating of its own for each thing that it "
            "mixes, or a shorter period, would give one"
        )
    logarithm = np.asarray(logm(np.array(values)))
    if np.iscomplexobj(logarithm):
        if np.abs(logarithm.imag).max() > 1e-9:
            raise InvalidInput("the matrix has no real principal logarithm")
        logarithm = logarithm.real
    rates = np.array(logarithm, dtype=np.float64) / matrix.years
    rates[-1] = 0.0
    return rates


def _regularise(row: FloatArray, i: int, rule: Regularisation) -> FloatArray:
    if rule is Regularisation.NEAREST:
        return _nearest_row(row, i)
    good = float(abs(row[i]) + np.maximum(np.delete(row, i), 0.0).sum())
    bad = float(np.maximum(-np.delete(row, i), 0.0).sum())
    result = np.maximum(row, 0.0)
    result[i] = row[i]
    if rule is Regularisation.WEIGHTED and good > 0.0:
        weighted: FloatArray = result - bad * np.abs(result) / good
        return weighted
    result[i] = row[i] - bad
    return result


def _nearest_row(row: FloatArray, i: int) -> FloatArray:
    """The closest point to ``row`` with entries of zero or more off place ``i`` and sum zero: shift by what the kept ones share, exactly."""
    others = np.sort(np.delete(row, i))[::-1]
    # With the n largest kept, all n + 1 entries give the same amount; the right n is the first whose next entry would fall below it.
    total, kept = float(row[i]), 1
    for value in others:
        if value <= total / kept:
            break
        total += float(value)
        kept += 1
    shift = total / kept
    result = np.maximum(row - shift, 0.0)
    result[i] = row[i] - shift
    return result
