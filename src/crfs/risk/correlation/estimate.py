"""A factor model's correlation from the histories of its factors: returns of industries and countries, or default rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.copula import GAUSSIAN, Copula
from crfs.credit.factor_model import FactorModel
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_choice, check_texts, is_whole, shown
from crfs.risk.correlation.nearest import nearest_correlation
from crfs.risk.ranges import Range, number

FloatArray: TypeAlias = npt.NDArray[np.float64]

LEDOIT_WOLF = "ledoit_wolf"
"""Shrink by as much as the errors of the correlations ask for."""

_SHRINKAGE = Range(said=f"a decimal within [0, 1] or '{LEDOIT_WOLF}'", low=0.0, high=1.0)
_TIME = "valid_time"
_LEAST = 12


class Missing(StrEnum):
    """Which periods count where some factors have no value: those that both of a pair have, or those that all have."""

    PAIRWISE = "pairwise"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrelationEstimate:
    """The correlation of ``factors`` with what it is worth.

    ``matrix`` is positive semi-definite and what a factor model takes; ``sample`` is what the histories say by themselves, with
    ``standard_errors`` and the number of ``observations`` a pair. ``shrinkage`` is the weight of the mean correlation in it; ``distance`` is
    how far (Frobenius) the shrunk matrix had to be moved to be positive semi-definite, 0 where it was already; ``smallest`` its smallest eigenvalue before.
    """

    factors: tuple[str, ...]
    matrix: FloatArray
    sample: FloatArray
    standard_errors: FloatArray
    observations: npt.NDArray[np.int64]
    shrinkage: float
    distance: float
    smallest: float
    notes: tuple[str, ...]

    def factor_model(self, groups: Mapping[str, Mapping[str, float]] | None = None, *, copula: Copula = GAUSSIAN) -> FactorModel:
        """The factor model with this correlation; without ``groups`` each factor is a group of its own name."""
        return FactorModel(
            factors=self.factors,
            correlation=tuple(map(tuple, self.matrix.tolist())),
            groups={name: {name: 1.0} for name in self.factors} if groups is None else groups,
            copula=copula,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "factors": list(self.factors),
            "correlation": self.matrix.tolist(),
            "sample": self.sample.tolist(),
            "standard_errors": self.standard_errors.tolist(),
            "observations": self.observations.tolist(),
            "shrinkage": self.shrinkage,
            "distance": self.distance,
            "smallest_eigenvalue": self.smallest,
            "notes": list(self.notes),
        }


def estimate_correlation(
    history: pl.DataFrame,
    *,
    default_rates: Sequence[str] = (),
    missing: Missing | str = Missing.PAIRWISE,
    shrinkage: float | str = 0.0,
    hac_lags: int = 0,
) -> CorrelationEstimate:
    """Estimate how systematic factors hang together.

    Args:
        history: ``valid_time`` and a column a factor, or long: ``valid_time``, ``variable``, ``value``. One row a period; returns or
            changes, for which low is bad; a blank or NaN cell is missing, and a period may be absent.
        default_rates: those of the columns that are default rates of large pools, strictly between 0 and 1: what counts is ``-Phi^-1(rate)``,
            which of Vasicek's pool is its factor but for level and scale. Small pools scatter by chance too: their correlations come out too small.
        missing: ``pairwise`` uses all that a pair has in common, and may give a matrix that is no correlation; ``complete`` cannot.
        shrinkage: weight within [0, 1] of the mean of all correlations, or :data:`LEDOIT_WOLF`: the one of least expected error, ``sum(Var r -
            Cov(r, mean r)) / sum((r - mean r)^2)`` over pairs (O. Ledoit and M. Wolf, "Honey, I shrunk the sample covariance matrix", Journal of
            Portfolio Management 30, 2004, for correlations). Toward the mean, not toward none, which would make a book look diversified.
        hac_lags: periods over which values hang together: errors count them with Bartlett's weights (Newey and West, 1987).

    Standard errors are those of the correlation's influence function, ``x y - r (x^2 + y^2) / 2`` of standardised values, so they
    hold for fat tails; they are of the sample's correlations, before shrinkage and repair. What is not positive semi-definite is replaced by
    the :func:`~crfs.risk.correlation.nearest_correlation`. A pair with fewer than 12 periods in common, or a factor that does not vary, is refused.

    >>> quarters = pl.DataFrame({"valid_time": list(range(12)), "us": [1, -1] * 6, "eu": [1, -1] * 5 + [-1, 1]})
    >>> found = estimate_correlation(quarters)
    >>> round(float(found.matrix[0, 1]), 6), int(found.observations[0, 1])
    (0.666667, 12)
    """
    require_table(history, argument="history")
    factors, values = _read(history, check_texts("default_rates", default_rates))
    if check_choice("missing", missing, Missing) is Missing.COMPLETE:
        values = values[~np.isnan(values).any(axis=1)]
    if not is_whole(hac_lags) or hac_lags < 0:
        raise InvalidInput(f"hac_lags is a number of periods, not negative, not {shown(hac_lags)}", argument="hac_lags")
    if not (isinstance(shrinkage, str) and shrinkage == LEDOIT_WOLF):
        number("shrinkage", shrinkage, _SHRINKAGE)
    rows, columns = np.triu_indices(len(factors), 1)
    sample, counts, influence = _pairs(factors, values, rows, columns)
    variance = _long_run(influence, influence, hac_lags)
    weight = _shrinkage(sample, influence, variance, hac_lags) if isinstance(shrinkage, str) else float(shrinkage)
    mean = float(sample.mean()) if len(sample) else 0.0
    shrunk = _matrix(sample if weight == 0.0 else (1.0 - weight) * sample + weight * mean, rows, columns, len(factors))
    near = nearest_correlation(shrunk)
    observations = np.diag(np.count_nonzero(~np.isnan(values), axis=0)).astype(np.int64)
    observations[rows, columns] = observations[columns, rows] = counts
    errors = _matrix(np.sqrt(np.maximum(variance, 0.0)), rows, columns, len(factors))
    np.fill_diagonal(errors, 0.0)
    return CorrelationEstimate(
        factors=factors,
        matrix=near.matrix,
        sample=_matrix(sample, rows, columns, len(factors)),
        standard_errors=errors,
        observations=observations,
        shrinkage=weight,
        distance=near.distance,
        smallest=near.smallest,
        notes=_notes(weight, mean, near.distance, near.smallest, counts),
    )


def _read(history: pl.DataFrame, default_rates: tuple[str, ...]) -> tuple[tuple[str, ...], FloatArray]:
    """Names of the factors, and their values (periods x factors, NaN where missing) in the order of time; default rates as scores."""
    from scipy.special import ndtri

    if _TIME not in history.columns:
        raise InvalidInput(f"a history has a column {_TIME}", argument="history")
    if {"variable", "value"} <= set(history.columns):
        keys = [_TIME, "variable"]
        if history.select(pl.struct(keys).is_duplicated().any()).item():
            raise InvalidInput("the history has two values of a variable at one time", argument="history")
        history = history.pivot(on="variable", index=_TIME, values="value", sort_columns=True)
    history = history.sort(_TIME)
    twice = history.filter(pl.col(_TIME).is_duplicated() | pl.col(_TIME).is_null())
    if not twice.is_empty():
        raise InvalidInput(f"the history has more than one row at {twice[_TIME][0]}, or one without a time", argument="history")
    factors = tuple(name for name in history.columns if name != _TIME)
    lost = [name for name in default_rates if name not in factors]
    if not factors or lost:
        raise InvalidInput(f"the history has the factors {', '.join(factors) or '(none)'}; no {', '.join(lost)}", argument="default_rates")
    problems = []
    columns = []
    for name in factors:
        try:
            column = history[name].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
        except pl.exceptions.InvalidOperationError:
            raise InvalidInput(f"column {name} holds {history[name].dtype}, not numbers", argument="history") from None
        inside = (column > 0.0) & (column < 1.0) if name in default_rates else np.isfinite(column)
        for row in np.flatnonzero(~np.isnan(column) & ~inside)[:20]:
            what = "no default rate strictly between 0 and 1; of few names take (defaults + 1/2) / (names + 1)"
            detail = f"{column[row]:g} at {history[_TIME][int(row)]} is {what if name in default_rates else 'not finite'}"
            problems.append(Problem(row=int(row) + 1, column=name, reason=Reason.OUT_OF_RANGE.value, detail=detail))
        columns.append(-ndtri(np.where(inside, column, np.nan)) if name in default_rates else column)
    if problems:
        raise InvalidInput(f"history: {problems[0]}", problems=tuple(problems))
    return factors, np.column_stack(columns)


def _pairs(
    factors: tuple[str, ...], values: FloatArray, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> tuple[FloatArray, npt.NDArray[np.int64], FloatArray]:
    """Of each pair the correlation over its common periods, their number, and the correlation's influence function over it (periods x pairs)."""
    sample, counts = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    influence = np.zeros((len(values), len(rows)))
    known = ~np.isnan(values)
    for k, (i, j) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        both = known[:, i] & known[:, j]
        count = int(np.count_nonzero(both))
        if count < _LEAST:
            raise InvalidInput(
                f"{factors[i]} and {factors[j]} have {count} periods in common; {_LEAST} are the least for a correlation",
                argument="history",
            )
        pair = values[both][:, [i, j]]
        centred = pair - np.add.reduce(pair, axis=0) / count
        size = np.sqrt(np.add.reduce(centred**2, axis=0) / count)
        for which, spread in zip((i, j), size.tolist(), strict=True):
            if not spread > 1e-12 * float(np.abs(values[both][:, which]).max()):
                raise InvalidInput(f"{factors[which]} does not vary over the periods it shares", argument="history")
        x, y = (centred / size).T
        sample[k] = min(1.0, max(-1.0, float(np.add.reduce(x * y)) / count))
        counts[k] = count
        influence[both, k] = (x * y - 0.5 * sample[k] * (x * x + y * y)) / count
    return sample, counts, influence


def _long_run(one: FloatArray, other: FloatArray, lags: int) -> FloatArray:
    """Covariance of the sums of two series over periods, column by column; a period that lacks a value counts nothing."""
    total = np.add.reduce(one * other, axis=0)
    for lag in range(1, min(lags, len(one) - 1) + 1):
        weight = 1.0 - lag / (lags + 1.0)
        total = total + weight * np.add.reduce(one[lag:] * other[:-lag] + one[:-lag] * other[lag:], axis=0)
    return np.asarray(total, dtype=np.float64)


def _shrinkage(sample: FloatArray, influence: FloatArray, variance: FloatArray, lags: int) -> float:
    if len(sample) < 2:
        return 0.0
    together = np.add.reduce(influence, axis=1)[:, None] / len(sample)
    noise = float(np.add.reduce(variance - _long_run(influence, np.broadcast_to(together, influence.shape), lags)))
    spread = float(np.add.reduce((sample - sample.mean()) ** 2))
    return min(1.0, max(0.0, noise / spread)) if spread > 0.0 else 1.0


def _matrix(pairs: FloatArray, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], count: int) -> FloatArray:
    matrix = np.eye(count)
    matrix[rows, columns] = matrix[columns, rows] = pairs
    return matrix


def _notes(weight: float, mean: float, distance: float, smallest: float, counts: npt.NDArray[np.int64]) -> tuple[str, ...]:
    notes = []
    if len(counts) and counts.min() < counts.max():
        notes.append(f"pairs rest on {counts.min()} to {counts.max()} common periods")
    if weight > 0.0:
        notes.append(f"shrunk by {weight:.3g} toward the mean correlation {mean:.3g}")
    if distance > 0.0:
        notes.append(
            f"not positive semi-definite (smallest eigenvalue {smallest:.3g}): replaced by the nearest correlation matrix, "
            f"{distance:.3g} away (Frobenius), {distance / math.sqrt(max(2 * len(counts), 1)):.2g} a correlation"
        )
    return tuple(notes)
