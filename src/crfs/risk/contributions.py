"""Who makes the tail: Euler contributions of names to value at risk and expected shortfall, from the same points as the measures.

Given the factors the loss is a sum of independent parts, and with K_j(i) the cumulants of part i, formally

    E[L_i; L > x] = K1(i) P(L > x) + K2(i) f(x) - K3(i) f'(x) / 2 + ...,    E[L_i; L in dx] = K1(i) f(x) - K2(i) f'(x) + K3(i) f''(x) / 2 - ...

(expand E[L_i exp(t L)] = K'_i(t) E[exp(t L)] in powers of t). Summed over names the first is the third-order tail itself, so nothing is lost
between the whole and its parts. Names that are kept explicit are taken exactly, by leaving each out of the product of characteristic functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.cumulants import of_default
from crfs.risk.mixture import Lumpy, Mixture
from crfs.risk.normal_cdf import normal_cdf
from crfs.risk.tables import Table
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_NAMES_AT_ONCE = 512
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Contributions of every name (in the order of ``Names``) by scramble: names x scrambles, book units; unscaled."""

    es: FloatArray
    var: FloatArray


def contributions(mixture: Mixture, quantiles: Sequence[tuple[float, float]], *, map_tasks: MapTasks = map) -> list[Shares]:
    """Contributions to the measures of each pair of a value at risk and its confidence: over names they sum to them, within their error."""
    explicit = mixture.explicit_parts([x for x, _ in quantiles], map_tasks) if isinstance(mixture, Lumpy) else [None] * len(quantiles)
    return [_shares(mixture, x, confidence, apart, map_tasks) for (x, confidence), apart in zip(quantiles, explicit, strict=True)]


def _shares(mixture: Mixture, x: float, confidence: float, explicit: FloatArray | None, map_tasks: MapTasks) -> Shares:
    """``explicit`` has what the names that are kept so lose beyond ``x`` and at it, where there are any."""
    names, scrambles = mixture.book.names, mixture.scrambles
    at = mixture.local(x)
    weight = mixture.points.weight
    density = float(mixture.by_scramble(at.density).mean())
    tail_weight = weight / (1.0 - confidence)
    line_weight = weight / density if density > 0.0 else np.zeros_like(weight)
    # Three columns each: what the first, second and third cumulant of a name count for at each point.
    es = np.stack([tail_weight * at.beyond, tail_weight * at.density, 0.5 * tail_weight * at.minus_slope])
    var = np.stack([line_weight * at.density, line_weight * at.minus_slope, 0.5 * line_weight * at.curvature])
    columns = np.concatenate([es, var])  # (2 x 3) x points
    result = np.zeros((2, len(names), scrambles))
    for table in mixture.book.tables:
        _tabulated(mixture, table, columns, result, map_tasks)
    if len(mixture.book.direct):
        _direct(mixture, columns, result)
    if explicit is not None:
        tails, lines = explicit
        result[0, mixture.book.explicit] = tails / (1.0 - confidence)
        result[1, mixture.book.explicit] = lines / density
    return Shares(es=result[0], var=result[1])


def _tabulated(mixture: Mixture, table: Table, columns: FloatArray, result: FloatArray, map_tasks: MapTasks) -> None:
    """Spread what each point counts for over the nodes of the table's grid, then ask every name at the nodes that count."""
    names, points = mixture.book.names, mixture.points
    apart = np.zeros(len(names), dtype=bool)
    apart[mixture.book.direct] = True
    apart[mixture.book.explicit] = True
    scramble = np.repeat(np.arange(points.scrambles), len(points) // points.scrambles)
    factor = mixture.book.factors(table.kinds, points.epsilon)
    mixing = points.mixing[table.nu_index]
    tasks, places = [], []
    for k, kind in enumerate(table.kinds):
        nodes, node_y, node_s = _spread(table, factor[k], mixing, columns, scramble)
        first, last = np.searchsorted(names.kind, [kind, kind + 1])
        mine = np.arange(first, last)[~apart[first:last]]
        for start in range(0, len(mine), _NAMES_AT_ONCE):
            some = mine[start : start + _NAMES_AT_ONCE]
            places.append(some)
            tasks.append((names.a[some], names.b[some], np.ascontiguousarray(names.loss[:, some]), node_y, node_s, nodes))
    for some, part in zip(places, map_tasks(_name_task, tasks), strict=True):
        result[:, some] += part


def _name_task(task: tuple[FloatArray, ...]) -> FloatArray:
    """Contributions (2 x names x scrambles) of some names of a class from what its nodes count for (6 x scrambles x nodes)."""
    a, b, loss, y, s, nodes = task
    p = normal_cdf(a[:, None] * s - b[:, None] * y)
    pq = p * (1.0 - p)
    odd = pq * (1.0 - 2.0 * p)
    k1, k2, k3 = (row[:, None] for row in loss[:3])
    parts = []
    for first, second, third in (nodes[:3], nodes[3:]):
        part = k1 * (p @ first.T) + k1 * k1 * (pq @ second.T) + k1**3 * (odd @ third.T)
        if loss[1].any():
            part += k2 * (p @ second.T) + 3.0 * k1 * k2 * (pq @ third.T) + k3 * (p @ third.T)
        parts.append(part)
    return np.stack(parts)


def _spread(
    table: Table, factor: FloatArray, mixing: FloatArray, columns: FloatArray, scramble: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What the points count for, moved to the grid's nodes by cubic interpolation: 6 x scrambles x nodes, and the nodes' ``y`` and ``s``."""
    scrambles = int(scramble[-1]) + 1
    y, s, _ = table.grid
    places_y, weights_y = _around(y, factor)
    places_s, weights_s = np.zeros((1, len(factor)), dtype=np.intp), np.ones((1, len(factor)))
    if len(s) > 1:
        places_s, weights_s = _around(table.grid.even(s), table.grid.even(mixing))
    width = len(s) * len(y)
    grid = np.zeros((len(columns), scrambles * width))
    for row_s, weight_s in zip(places_s, weights_s, strict=True):
        for row_y, weight_y in zip(places_y, weights_y, strict=True):
            place = scramble * width + row_s * len(y) + row_y
            for column in range(len(columns)):
                grid[column] += np.bincount(place, weights=columns[column] * weight_s * weight_y, minlength=scrambles * width)
    by_scramble = grid.reshape(len(columns), scrambles, width)
    size = np.abs(by_scramble).sum(axis=1)
    counts = (size > _NEGLIGIBLE * size.max(axis=1, keepdims=True)).any(axis=0)
    node_s, node_y = np.divmod(np.flatnonzero(counts), len(y))
    return np.ascontiguousarray(by_scramble[:, :, counts]), y[node_y], s[node_s]


def _around(grid: FloatArray, x: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """The four nodes of an even grid around each number and Lagrange's weights of them (4 x numbers each)."""
    step = (grid[-1] - grid[0]) / (len(grid) - 1)
    inside = (np.clip(x, grid[0], grid[-1]) - grid[0]) / step
    first = np.clip(inside.astype(np.intp) - 1, 0, len(grid) - 4)
    u = inside - first
    weights = np.stack(
        [
            -(u - 1.0) * (u - 2.0) * (u - 3.0) / 6.0,
            u * (u - 2.0) * (u - 3.0) / 2.0,
            -u * (u - 1.0) * (u - 3.0) / 2.0,
            u * (u - 1.0) * (u - 2.0) / 6.0,
        ]
    )
    return first + np.arange(4)[:, None], weights


def _direct(mixture: Mixture, columns: FloatArray, result: FloatArray) -> None:
    """Names outside the tables, point by point."""
    names, points, direct = mixture.book.names, mixture.points, mixture.book.direct
    each = len(points) // points.scrambles
    step = max(1, 500_000 // len(points))
    for start in range(0, len(direct), step):
        some = direct[start : start + step]
        p = mixture.book.conditional_pd(some, points.epsilon, points.mixing)
        k1, k2, k3, _ = of_default(p, names.loss[:, some, None])
        for which, (first, second, third) in enumerate((columns[:3], columns[3:])):
            values = k1 * first + k2 * second + k3 * third
            result[which, some] += values.reshape(len(some), -1, each).sum(axis=2)
