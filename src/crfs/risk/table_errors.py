"""What tables get wrong in a measure: at some of the points that make it, every name is asked itself."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.mixture import Mixture

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_LEAST_POINTS, _MOST_POINTS = 2, 16
_MOST_PROBABILITIES = 400_000
_NAMES_AT_ONCE = 8_192


def table_errors(mixture: Mixture, x: float, confidence: float) -> tuple[float, float]:
    """By how much interpolation may move the value at risk ``x`` and its expected shortfall, book units, zero or more.

    To first order in the errors ``d1``, ``d2`` of the conditional mean and variance the tail P(L > x) moves by ``f d1 - f' d2 / 2`` and the excess by
    ``P d1 + f d2 / 2``, ``f`` being the density: their sizes are averaged over points that stand for an equal part of the density and of the tail each.
    """
    book, points = mixture.book, mixture.points
    if not book.tables:
        return 0.0, 0.0
    at = mixture.local(x)
    level = 1.0 - confidence
    on_line, in_tail = (points.weight * np.maximum(part, 0.0) for part in (at.density, at.beyond))
    density, beyond = (float(part.sum()) / mixture.scrambles for part in (on_line, in_tail))
    count = int(np.clip(_MOST_PROBABILITIES // (4 * len(book.names)), _LEAST_POINTS, _MOST_POINTS))
    line, tail = (_standing_for(part, count) for part in (on_line, in_tail))
    if not len(line) or not len(tail):
        return 0.0, 0.0
    both = np.concatenate([line, tail])
    first, second = _errors(book, points.epsilon[both], points.mixing[:, both])
    local = at.density[line]
    var = np.abs(first[: len(line)] + 0.5 * second[: len(line)] * at.minus_slope[line] / local).mean()
    es = beyond * np.abs(first[len(line) :]).mean() + 0.5 * density * np.abs(second[: len(line)]).mean()
    return float(var), float(es) / level


def _standing_for(parts: FloatArray, count: int) -> IntArray:
    """Places that stand for ``count`` equal shares of the sum of ``parts``; none where there is no sum."""
    upto = np.cumsum(parts)
    if not upto[-1] > 0.0:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(np.searchsorted(upto, (np.arange(count) + 0.5) / count * upto[-1]), dtype=np.int64)


def _errors(book: ConditionalBook, epsilon: FloatArray, mixing: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance by the tables less those by every name in them, at some points."""
    inside = np.ones(len(book.names), dtype=np.bool_)
    inside[book.direct] = False
    inside[book.explicit] = False
    places = np.flatnonzero(inside)
    error = book.tabulated(epsilon, mixing)[:2]
    for start in range(0, len(places), _NAMES_AT_ONCE):
        some = places[start : start + _NAMES_AT_ONCE]
        p = book.conditional_pd(some, epsilon, mixing)
        k1, k2 = book.names.loss[:2, some]
        error[0] -= k1 @ p
        error[1] -= (k1 * k1) @ (p * (1.0 - p)) + k2 @ p
    return error[0], error[1]
