"""The law of a large book's value given the factors' path, without drawing a name: its mean and variance are exact, the rest is normal.

Given the path names are independent, so the loss has mean M1 = sum_i sum_j p_ij l_ij and variance M2 = sum_i [sum_j p_ij l_ij^2 - (sum_j p_ij
l_ij)^2], p_ij being the probability that name i ends in rating j. Names of one direction, rating and r2 share their p, so the sums of l and of its
products over them are made once; r2 that differ by name are interpolated between nodes at which those sums are kept (Chebyshev's, in the angle
arcsin sqrt(r2), in which the probabilities are smooth). A scenario then costs directions x nodes x ratings, whatever the number of names; over one
period under the Gaussian copula M1 and M2 are functions of one number a direction, tabulated once, and a scenario is two look-ups a direction.

The loss is M1 + sqrt(M2) x normal: its expectation and standard deviation have no error but sampling's. What the normal leaves out is the shape of
the idiosyncratic part, which :func:`idiosyncratic_shift` bounds; a book in which single names matter has them drawn (:mod:`crfs.risk.migration.paths`).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.migration.paths import PathResult, PathTask, Plan, chunk_generator, mixing, next_factor, run_chunks
from crfs.risk.migration.positions import RatedPositions
from crfs.risk.migration.thresholds import normal_between
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.ordered_product import combine

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_MOST_EXACT_NODES = 32
# Numbers of interpolation nodes, tried in order until probabilities are met to the tolerance.
_NODE_COUNTS = (6, 8, 12, 16, 24, 32, 48)
_NODE_TOLERANCE = 1e-6
# Entries of the sums of products of losses: 64 MB.
_MOST_ENTRIES = 8_000_000
# The composite factor's grid, for one period: cubic between its points, some 1e-7 off.
_EDGE = 8.5
_POINTS = 401
_STEP = 2.0 * _EDGE / (_POINTS - 1)
_MOST_SCENARIOS_PER_CHUNK = 2000
# Of probabilities in a chunk: of one direction (they are held at once), and of all.
_HELD_PER_CHUNK = 400_000
_WORK_PER_CHUNK = 4_000_000


def make_collapsed_plan(positions: RatedPositions, shared: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]] | None:
    """The arrays that every block shares, on top of :func:`~crfs.risk.migration.paths.shared_plan`.

    None where the directions are too many for sums by class, or the r2 too far apart to be interpolated.
    """
    grades = positions.loss.shape[1]
    live = np.flatnonzero(positions.rating < grades - 1)
    found = _r2_nodes(positions.r2[live], shared["thresholds"][:-1])
    if found is None:
        return None
    nodes, weights = found
    shape = (len(positions.directions), len(nodes), grades - 1)
    if math.prod(shape) * grades * grades > _MOST_ENTRIES:
        return None
    loss, second = positions.loss, np.square(positions.loss)
    second[:, -1] += _recovery_variance(positions)
    key = (positions.direction[live] * len(nodes))[:, None] + np.arange(len(nodes))
    key = (key * (grades - 1) + positions.rating[live][:, None]).ravel()

    def sums(values: FloatArray) -> FloatArray:
        spread = (weights * values[:, None]).ravel()
        return np.bincount(key, weights=spread, minlength=math.prod(shape)).reshape(shape).astype(np.float64)

    gram = np.zeros((*shape, grades, grades))
    for j in range(grades):
        for k in range(j + 1):
            gram[..., j, k] = gram[..., k, j] = sums(loss[live, j] * loss[live, k])
    class_of = positions.direction[live] * (grades - 1) + positions.rating[live]
    order = np.argsort(class_of, kind="stable")
    ends = np.flatnonzero(np.diff(class_of[order])) + 1
    plan = shared | {
        "class_order": order,
        "class_start": np.r_[0, ends, len(live)] if len(live) else np.zeros(1, dtype=np.int64),
        "r2_nodes": nodes,
        "node_weights": weights,
        "live": live,
        "fixed": np.array(loss[positions.rating == grades - 1, -1].sum()),
        "members": sums(np.ones(len(live))),
        "defaulted": np.array(float((positions.rating == grades - 1).sum())),
        "first": np.stack([sums(column) for column in loss[live].T], axis=-1),
        "second": np.stack([sums(column) for column in second[live].T], axis=-1),
        "gram": gram,
        "name_direction": positions.direction,
        "name_rating": positions.rating,
        "name_loss": loss,
        "name_second": second,
    }
    if math.isinf(float(shared["degrees_of_freedom"])):
        plan["grid"] = _rows(shared["thresholds"][:-1], nodes, np.linspace(-_EDGE, _EDGE, _POINTS), None)
        # From a given state of the economy the one period's mean is not the matrix's, and has to be counted along the way.
        if int(shared["periods"]) == 1 and (not len(shared["start"]) or float(shared["persistence"]) == 0.0):
            return plan | _tables(plan) | {"chunk_size": np.array(_MOST_SCENARIOS_PER_CHUNK)}
    held = len(nodes) * (grades - 1) * grades
    size = min(_HELD_PER_CHUNK // held, _WORK_PER_CHUNK // (held * shape[0]), _MOST_SCENARIOS_PER_CHUNK)
    return plan | {"chunk_size": np.array(max(1, size))}


def simulate_collapsed(task: PathTask) -> PathResult:
    """One block: a function of its arguments alone."""
    return run_chunks(task, _look_up_chunk if "table_first" in task.plan else _path_chunk)


def idiosyncratic_shift(positions: RatedPositions, matrix: TransitionMatrix, *, periods: int, ul: float) -> float:
    """How far the shape that the normal leaves out may move a quantile at 99.9 %, currency units.

    The first term of Cornish and Fisher, (z^2 - 1) / 6 times a third cumulant over the variance, with sum_i E|l_i - l_i(unchanged)|^3 in the place of
    the cumulant that names by themselves give the book: more than it for all but the strangest books.
    """
    reached = matrix.power(periods).probability[positions.rating]
    base = np.take_along_axis(positions.loss, positions.rating[:, None], axis=1)
    third = float((reached * np.abs(positions.loss - base) ** 3).sum())
    return (3.0902323**2 - 1.0) / 6.0 * third / ul**2 if ul > 0.0 else 0.0


def name_losses(plan: Plan, weighted: tuple[FloatArray, ...]) -> FloatArray:
    """Each name's weighted loss, one row a confidence: from the weighted sums of a run's blocks. They sum to the book's.

    Given the path and the loss, a name's expected loss is its conditional mean plus its share of the variance times what the normal drew:
    m_i + v_i / M2 (L - M1).
    """
    mean, spread, product = _from_grid(plan, *weighted) if "table_first" in plan else weighted
    return _by_name(plan, mean, spread, product)


def name_means(plan: Plan, weighted: tuple[FloatArray, ...]) -> FloatArray:
    """As :func:`name_losses`, the conditional means alone: what the factors do to each name."""
    mean = np.einsum("ldn,nrgj->ldrgj", weighted[0], plan["grid"]) if "table_first" in plan else weighted[0]
    return _by_name(plan, mean, None, None)


def _by_name(plan: Plan, mean: FloatArray, spread: FloatArray | None, product: FloatArray | None) -> FloatArray:
    names = np.zeros((len(mean), len(plan["name_rating"])))
    order, starts = plan["class_order"], plan["class_start"]
    for start, end in pairwise(starts):
        mine = order[start:end]
        row = plan["live"][mine]
        d, g = int(plan["name_direction"][row[0]]), int(plan["name_rating"][row[0]])
        nodes, loss = plan["node_weights"][mine], plan["name_loss"][row]
        value = np.einsum("lij,ij->li", np.einsum("ir,lrj->lij", nodes, mean[:, d, :, g]), loss)
        if spread is not None and product is not None:
            value += np.einsum("lij,ij->li", np.einsum("ir,lrj->lij", nodes, spread[:, d, :, g]), plan["name_second"][row])
            for j in range(loss.shape[1]):
                pairs = np.einsum("ir,lrk->lik", nodes, product[:, d, :, g, j])
                value -= loss[:, j] * np.einsum("lik,ik->li", pairs, loss)
        names[:, row] = value
    return names


def _r2_nodes(r2: FloatArray, thresholds: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Nodes, and the weight of each on every name: exact where r2 are few, Chebyshev interpolation in the angle where they are many.

    None where even the most nodes do not meet the probabilities.
    """
    distinct, index = np.unique(r2, return_inverse=True)
    if not len(distinct):
        return np.zeros(1), np.zeros((0, 1))
    if len(distinct) <= _MOST_EXACT_NODES:
        return distinct, np.eye(len(distinct))[index.reshape(-1)]
    low, high = float(np.arcsin(np.sqrt(distinct[0]))), float(np.arcsin(np.sqrt(distinct[-1])))
    probe = np.linspace(low, high, 41)
    for count in _NODE_COUNTS:
        angles = (low + high) / 2.0 - (high - low) / 2.0 * np.cos(np.pi * np.arange(count) / (count - 1))
        if _interpolation_error(angles, probe, thresholds) < _NODE_TOLERANCE:
            return np.square(np.sin(angles)), _lagrange(angles, np.arcsin(np.sqrt(r2)))
    return None


def _interpolation_error(angles: FloatArray, probe: FloatArray, thresholds: FloatArray) -> float:
    """The largest error of a conditional migration probability between the nodes, in the states of the economy that a tail is made of."""
    factors = np.linspace(-5.0, 5.0, 41)
    at_nodes = _rows(thresholds, np.square(np.sin(angles)), factors, None)
    exact = _rows(thresholds, np.square(np.sin(probe)), factors, None)
    between = np.einsum("pr,nrgj->npgj", _lagrange(angles, probe), at_nodes)
    return float(np.abs(between - exact).max())


def _lagrange(nodes: FloatArray, points: FloatArray) -> FloatArray:
    """Barycentric weights of the values at Chebyshev's ``nodes`` in the interpolation at each of ``points``."""
    sign = (-1.0) ** np.arange(len(nodes))
    sign[[0, -1]] *= 0.5
    gap = points[:, None] - nodes[None, :]
    hit = np.abs(gap) < 1e-14
    pull = sign / np.where(hit, 1.0, gap)
    weights: FloatArray = pull / pull.sum(axis=1, keepdims=True)
    return np.where(hit.any(axis=1, keepdims=True), hit.astype(np.float64), weights)


def _rows(thresholds: FloatArray, r2: FloatArray, factors: FloatArray, spread: FloatArray | None) -> FloatArray:
    """P(end at j | start at g, factor) as factors x nodes x start x end; ``spread`` multiplies each scenario's thresholds."""
    scaled = thresholds[None, None, :, :] if spread is None else thresholds[None, None, :, :] * spread[:, None, None, None]
    cut = (scaled - np.sqrt(r2)[None, :, None, None] * factors[:, None, None, None]) / np.sqrt(1.0 - r2)[None, :, None, None]
    far = np.full((*cut.shape[:3], 1), np.inf)
    return normal_between(np.concatenate([cut, -far], axis=3), np.concatenate([far, cut], axis=3))


def _recovery_variance(positions: RatedPositions) -> FloatArray:
    """Variance of each name's loss in default that random recoveries add."""
    a, b = positions.beta_a, positions.beta_b
    each = np.square(positions.random_ead) * a * b / (np.square(a + b) * (a + b + 1.0))
    return np.bincount(positions.random_name, weights=each, minlength=len(positions.names)).astype(np.float64)


def _moments(plan: Plan, direction: int, reached: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of one direction's loss, from the probabilities of its classes: scenarios x nodes x start x end."""
    first, second, gram = plan["first"][direction], plan["second"][direction], plan["gram"][direction]
    mean = np.einsum("srgj,rgj->s", reached, first)
    variance = np.einsum("srgj,rgj->s", reached, second)
    for j in range(reached.shape[3]):
        # Products of two ratings' probabilities, each pair once.
        pairs = reached[..., j : j + 1] * reached[..., : j + 1]
        weight = gram[..., j, : j + 1] * np.r_[np.full(j, 2.0), 1.0]
        variance -= np.einsum("srgk,rgk->s", pairs, weight)
    return mean, np.maximum(variance, 0.0)


def _path_chunk(plan: Plan, seed: int, chunk: int, weights: FloatArray | None) -> PathResult:
    """Any number of periods and either copula: the classes' probabilities are multiplied along each path."""
    rng = chunk_generator(seed, chunk)
    size, periods = int(plan["chunk_size"]), int(plan["periods"])
    factors, spreads, factor = [], [], None
    for _ in range(periods):
        factor = next_factor(plan, rng, factor, size)
        factors.append(combine(plan["directions"], factor))
        spreads.append(mixing(plan, rng, size))
    drawn = rng.standard_normal(size)
    members = plan["members"]
    grades = plan["first"].shape[-1]
    rated = np.r_[members.sum(axis=(0, 1)), float(plan["defaulted"])]
    counts, held = np.zeros((periods, grades, grades)), np.zeros((periods, size, grades, grades))
    counts[:, -1, -1] = size * rated[-1]
    mean, variance = np.full(size, float(plan["fixed"])), np.zeros(size)
    ends = []
    for d in range(len(members)):
        reached = np.zeros(0)
        for t in range(periods):
            step = _step(plan, factors[t][d], spreads[t])
            if t == 0:
                reached = step
            else:
                default = reached[..., -1].copy()
                reached = np.einsum("srgk,srkj->srgj", reached[..., :-1], step)
                reached[..., -1] += default
            mine = np.einsum("srgj,rg->sgj", reached, members[d])
            counts[t, :-1] += mine.sum(axis=0)
            held[t, :, :-1] += mine
        own_mean, own_variance = _moments(plan, d, reached)
        mean += own_mean
        variance += own_variance
        if weights is not None:
            ends.append(reached)
    squared = np.square(held / np.maximum(rated, 1.0)[:, None]).sum(axis=1)
    deviation = np.sqrt(variance)
    weighted: tuple[FloatArray, ...] = ()
    if weights is not None:
        some = np.flatnonzero(weights.any(axis=0))
        weight = weights[:, some]
        pull = weight * np.divide(drawn, deviation, out=np.zeros(size), where=deviation > 0.0)[some]
        ends = [reached[some] for reached in ends]
        weighted = (
            np.stack([np.einsum("ls,srgj->lrgj", weight, reached) for reached in ends], axis=1),
            np.stack([np.einsum("ls,srgj->lrgj", pull, reached) for reached in ends], axis=1),
            np.stack([_products(pull, reached) for reached in ends], axis=1),
        )
    return PathResult(chunk, mean + deviation * drawn, counts, squared, weighted)


def _step(plan: Plan, factor: FloatArray, spread: FloatArray | None) -> FloatArray:
    """One period's probabilities of one direction's classes: from the grid where the copula is Gaussian."""
    if spread is not None:
        return _rows(plan["thresholds"][:-1], plan["r2_nodes"], factor, spread)
    point, share = _cubic(factor)
    grid = plan["grid"]
    step: FloatArray = share[0][:, None, None, None] * grid[point]
    for k in range(1, 4):
        step += share[k][:, None, None, None] * grid[point + k]
    return step


def _products(pull: FloatArray, reached: FloatArray) -> FloatArray:
    columns = [np.einsum("ls,srgk->lrgk", pull, reached[..., j : j + 1] * reached) for j in range(reached.shape[3])]
    return np.stack(columns, axis=-2)


def _tables(plan: Plan) -> dict[str, npt.NDArray[Any]]:
    """Mean and variance of each direction's loss on the grid of its composite factor, one period, Gaussian."""
    pairs = [_moments(plan, d, plan["grid"]) for d in range(len(plan["first"]))]
    return {"table_first": np.stack([mean for mean, _ in pairs]), "table_second": np.stack([variance for _, variance in pairs])}


def _look_up_chunk(plan: Plan, seed: int, chunk: int, weights: FloatArray | None) -> PathResult:
    rng = chunk_generator(seed, chunk)
    size = int(plan["chunk_size"])
    composite = combine(plan["directions"], next_factor(plan, rng, None, size))
    drawn = rng.standard_normal(size)
    mean, variance = np.full(size, float(plan["fixed"])), np.zeros(size)
    looked = []
    for d, factor in enumerate(composite):
        point, share = _cubic(factor)
        looked.append((point, share))
        for k in range(4):
            mean += share[k] * plan["table_first"][d, point + k]
            variance += share[k] * plan["table_second"][d, point + k]
    deviation = np.sqrt(np.maximum(variance, 0.0))
    weighted: tuple[FloatArray, ...] = ()
    if weights is not None:
        pull = weights * np.divide(drawn, deviation, out=np.zeros(size), where=deviation > 0.0)
        weighted = (_on_grid(weights, looked), _on_grid(pull, looked))
    counts, squared = _one_period_counts(plan, size)
    return PathResult(chunk, mean + deviation * drawn, counts, squared, weighted)


def _cubic(factor: FloatArray) -> tuple[IntArray, FloatArray]:
    """First of the four grid points about each value, and Lagrange's weights of the four; flat beyond the grid."""
    position = (np.clip(factor, -_EDGE, _EDGE) + _EDGE) / _STEP
    point = np.clip(np.floor(position).astype(np.int64) - 1, 0, _POINTS - 4)
    x = position - point
    a, b, c, e = x, x - 1.0, x - 2.0, x - 3.0
    return point, np.stack([b * c * e / -6.0, a * c * e / 2.0, a * b * e / -2.0, a * b * c / 6.0])


def _on_grid(weights: FloatArray, looked: list[tuple[IntArray, FloatArray]]) -> FloatArray:
    """Weights of scenarios as weights of grid points, by confidence and direction: what the look-up takes from each."""
    found = np.zeros((len(weights), len(looked), _POINTS))
    row, scenario = np.nonzero(weights)
    weight = weights[row, scenario]
    for d, (point, share) in enumerate(looked):
        for k in range(4):
            key = row * _POINTS + point[scenario] + k
            sums = np.bincount(key, weights=weight * share[k, scenario], minlength=len(weights) * _POINTS)
            found[:, d] += sums.reshape(len(weights), _POINTS)
    return found


def _from_grid(plan: Plan, weights: FloatArray, pull: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """From weights of grid points to weighted probabilities of the classes, and of their products."""
    grid = plan["grid"]
    mean = np.einsum("ldn,nrgj->ldrgj", weights, grid)
    spread = np.einsum("ldn,nrgj->ldrgj", pull, grid)
    columns = [np.einsum("ldn,nrgk->ldrgk", pull, grid[..., j : j + 1] * grid) for j in range(grid.shape[3])]
    return mean, spread, np.stack(columns, axis=-2)


def _one_period_counts(plan: Plan, size: int) -> tuple[FloatArray, FloatArray]:
    """Over one period the factors average out to the matrix itself: no error is to be told."""
    members = plan["members"].sum(axis=(0, 1))
    thresholds = plan["thresholds"][:-1]
    rows = _rows(thresholds, np.zeros(1), np.zeros(1), None)[0, 0]
    counts = np.zeros((1, len(rows) + 1, len(rows) + 1))
    counts[0, :-1] = size * members[:, None] * rows
    counts[0, -1, -1] = size * float(plan["defaulted"])
    squared = np.zeros_like(counts)
    squared[0, :-1] = size * np.square(rows * (members > 0.0)[:, None])
    return counts, squared
