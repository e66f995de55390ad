"""Who makes the tail: Euler contributions of names to value at risk and expected shortfall, from the same points as the measures.

Given the factors the loss is a sum of independent parts, and with K_j(i) the cumulants of part i, formally

    E[L_i; L > x] = K1(i) P(L > x) + K2(i) f(x) - K3(i) f'(x) / 2 + ...,    E[L_i; L in dx] = K1(i) f(x) - K2(i) f'(x) + K3(i) f''(x) / 2 - ...

(expand E[L_i exp(t L)] = K'_i(t) E[exp(t L)] in powers of t). Summed over names the first is the third-order tail itself, so nothing is lost
between the whole and its parts. Names that are kept explicit are taken exactly, by leaving each out of the product of characteristic functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.cells import cells_of, interpolation, probabilities
from crfs.risk.cumulants import of_default
from crfs.risk.edgeworth import Tail
from crfs.risk.mixture import Mixture
from crfs.risk.names import Names
from crfs.risk.normal_cdf import normal_cdf
from crfs.risk.tables import Table
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_NAMES_AT_ONCE = 512
_LEAST_IN_CELL = 200
"""A cell has a hundred points."""
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Contributions of every name (in the order of ``Names``) by scramble: names x scrambles, book units; unscaled."""

    es: FloatArray
    var: FloatArray


def contributions(mixture: Mixture, quantiles: Sequence[tuple[float, float]], *, map_tasks: MapTasks = map) -> list[Shares]:
    """Contributions to the measures of each pair of a value at risk and its confidence: over names they sum to them, within their error."""
    if not quantiles:
        return []
    names, scrambles = mixture.book.names, mixture.scrambles
    locals_ = [mixture.local(x) for x, _ in quantiles]
    densities = [float(mixture.by_scramble(at.density).mean()) for at in locals_]
    levels = [1.0 - confidence for _, confidence in quantiles]
    columns = np.concatenate([_columns(mixture.points.weight, *each) for each in zip(locals_, densities, levels, strict=True)])
    result = np.zeros((len(names), len(columns), scrambles))
    for table in mixture.book.tables:
        _tabulated(mixture, table, columns, result, map_tasks)
    if len(mixture.book.direct):
        _direct(mixture, columns, result)
    found = [Shares(es=result[:, k], var=result[:, k + 1]) for k in range(0, len(columns), 2)]
    apart = mixture.book.explicit
    if len(apart):
        explicit = mixture.explicit_parts([x for x, _ in quantiles], map_tasks)
        for shares, (tails, lines), density, level in zip(found, explicit, densities, levels, strict=True):
            shares.es[apart] = tails / level
            shares.var[apart] = lines / density
    for shares, (x, _), density, level in zip(found, quantiles, densities, levels, strict=True):
        out = mixture.to_take_out(x)
        if len(out) and density > 0.0:
            tails, lines = mixture.parts_of(out, [x], map_tasks)[0]
            shares.es[out], shares.var[out] = tails / level, lines / density
    return found


def _columns(weight: FloatArray, at: Tail, density: float, level: float) -> FloatArray:
    """What the first, second and third cumulant of a name count for at each point: 2 (ES, VaR) x 3 x points."""
    tail_weight = weight / level
    line_weight = weight / density if density > 0.0 else np.zeros_like(weight)
    return np.stack(
        [
            [tail_weight * at.beyond, tail_weight * at.density, 0.5 * tail_weight * at.minus_slope],
            [line_weight * at.density, line_weight * at.minus_slope, 0.5 * line_weight * at.curvature],
        ]
    )


class _NamesTask(NamedTuple):
    """Some names of a class, and what its nodes count for (3 x (measures x scrambles) x nodes); ``cell`` is below zero where they are asked one by
    one, else theirs: then its points are asked, and what they say is interpolated."""

    cell: int
    a: FloatArray
    b: FloatArray
    loss: FloatArray
    y: FloatArray
    s: FloatArray
    nodes: FloatArray


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
        for cell, some in _by_cell(names, mine):
            places.append(some)
            tasks.append(_NamesTask(cell, names.a[some], names.b[some], np.ascontiguousarray(names.loss[:, some]), node_y, node_s, nodes))
    for some, part in zip(places, map_tasks(_name_task, tasks), strict=True):
        result[some] += part.reshape(len(some), len(columns), -1)


def _by_cell(names: Names, mine: IntArray) -> Iterator[tuple[int, IntArray]]:
    """Names by their cells, where these have so many that its points are fewer; the others, with -1, some at a time."""
    cell = cells_of(names.a[mine], names.b[mine])
    count = np.bincount(cell + 1)[cell + 1]
    alone = (cell < 0) | (count < _LEAST_IN_CELL)
    others = mine[alone]
    for start in range(0, len(others), _NAMES_AT_ONCE):
        yield -1, others[start : start + _NAMES_AT_ONCE]
    order = np.flatnonzero(~alone)[np.argsort(cell[~alone], kind="stable")]
    for some in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        if len(some):
            yield int(cell[some[0]]), mine[some]


def _name_task(task: _NamesTask) -> FloatArray:
    """Contributions (names x (measures x scrambles)) of some names."""
    of = _of_states(task)
    if task.cell < 0:
        return _weighted(task.loss, of)
    found = np.empty((len(task.a), task.nodes.shape[1]))
    for start in range(0, len(task.a), _NAMES_AT_ONCE):
        some = slice(start, start + _NAMES_AT_ONCE)
        loss, weights = task.loss[:, some], interpolation(task.cell, task.a[some], task.b[some])
        found[some] = _weighted(loss, [weights @ each for each in of])
    return found


def _of_states(task: _NamesTask) -> list[FloatArray]:
    """Sums over the nodes of what they count for times p, pq and pq(1 - 2p), and, where a loss is random, of p with the second, pq with the third and
    p with the third; of each name, or of each point of the cell."""
    if task.cell < 0:
        p = normal_cdf(task.a[:, None] * task.s - task.b[:, None] * task.y)
        q = 1.0 - p
    else:
        p, q = probabilities(task.cell, task.y, task.s)
    first, second, third = (each.T for each in task.nodes)
    pq = p * q
    of = [p @ first, pq @ second, (pq * (q - p)) @ third]
    if task.loss[1].any():
        of += [p @ second, pq @ third, p @ third]
    return of


def _weighted(loss: FloatArray, of: Sequence[FloatArray]) -> FloatArray:
    """The cumulants of a default (:func:`~crfs.risk.cumulants.of_default`), so summed."""
    k1, k2, k3 = (row[:, None] for row in loss[:3])
    total = k1 * of[0] + k1 * k1 * of[1] + k1**3 * of[2]
    if len(of) > 3:
        total += k2 * of[3] + 3.0 * k1 * k2 * of[4] + k3 * of[5]
    return np.asarray(total)


def _spread(
    table: Table, factor: FloatArray, mixing: FloatArray, columns: FloatArray, scramble: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What the points count for (measures x 3 x points), moved to the grid's nodes by cubic interpolation: 3 x (measures x scrambles) x nodes, and
    the nodes' ``y`` and ``s``."""
    scrambles = int(scramble[-1]) + 1
    y, s, _ = table.grid
    places_y, weights_y = _around(y, factor)
    places_s, weights_s = np.zeros((1, len(factor)), dtype=np.intp), np.ones((1, len(factor)))
    if len(s) > 1:
        places_s, weights_s = _around(table.grid.even(s), table.grid.even(mixing))
    width = len(s) * len(y)
    flat = columns.reshape(-1, len(factor))
    grid = np.zeros((len(flat), scrambles * width))
    for row_s, weight_s in zip(places_s, weights_s, strict=True):
        for row_y, weight_y in zip(places_y, weights_y, strict=True):
            place = scramble * width + row_s * len(y) + row_y
            for column in range(len(flat)):
                grid[column] += np.bincount(place, weights=flat[column] * weight_s * weight_y, minlength=scrambles * width)
    by_scramble = grid.reshape(len(flat), scrambles, width)
    size = np.abs(by_scramble).sum(axis=1)
    counts = (size > _NEGLIGIBLE * size.max(axis=1, keepdims=True)).any(axis=0)
    node_s, node_y = np.divmod(np.flatnonzero(counts), len(y))
    kept = by_scramble[:, :, counts].reshape(len(columns), 3, scrambles, -1)
    return np.ascontiguousarray(np.moveaxis(kept, 1, 0)).reshape(3, len(columns) * scrambles, -1), y[node_y], s[node_s]


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
        for which, (first, second, third) in enumerate(columns):
            values = k1 * first + k2 * second + k3 * third
            result[some, which] += values.reshape(len(some), -1, each).sum(axis=2)
