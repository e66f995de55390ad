"""Ratings along simulated paths of the factors: every name drawn, in chunks of scenarios whose random numbers are their own.

In a period a name of rating ``g`` has the latent variable sqrt(r2) Y + sqrt(1 - r2) e and ends between the thresholds that it falls between. Most
names stay, so a chunk compares each with the two thresholds of staying, and looks up the new rating of those that moved alone.

A chunk's numbers come from a Philox counter stream keyed by (seed, chunk), and a chunk's size depends on the book alone: so a scenario has the same
bits however chunks are grouped into blocks, and wherever a block runs. To learn who made the tail, the chunks that hold it are simply run again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk.migration.positions import RatedPositions
from crfs.risk.migration.thresholds import matrix_thresholds
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.ordered_product import combine

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Plan: TypeAlias = Mapping[str, npt.NDArray[Any]]

# Names x scenarios of a chunk: some megabytes, which stay in a cache.
_WORK_PER_CHUNK = 250_000
_CHUNK_SIZES = (2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)
# Tells these streams from those of other simulations of the same seed.
_STREAM = 1


class PathTask(NamedTuple):
    """A block of chunks, in plain values and arrays, so that it can be sent anywhere.

    ``weights``, where given, has one row a confidence and one column a scenario of the block: what is needed to tell who made the weighted
    losses is then added up. Chunks whose scenarios all weigh nothing are not run.
    """

    plan: Plan
    seed: int
    first_chunk: int
    chunks: int
    weights: FloatArray | None = None


class PathResult(NamedTuple):
    """What a block gave, summed over its scenarios but for the losses themselves."""

    first_chunk: int
    losses: FloatArray
    counts: FloatArray
    """Names by period, start rating and rating at the period's end."""
    share_squared: FloatArray
    """Squares of each scenario's shares, summed: by period, start rating and rating at the period's end."""
    weighted: tuple[FloatArray, ...]
    """With weights: what the method keeps of them, one row a confidence."""


def shared_plan(
    positions: RatedPositions,
    factor_model: FactorModel,
    matrix: TransitionMatrix,
    *,
    periods: int,
    persistence: float,
    degrees_of_freedom: float | None,
    start: FloatArray | None,
) -> dict[str, npt.NDArray[Any]]:
    """What every method draws the factors' paths from. ``start`` is the factors' value now; None: drawn from their long-run distribution."""
    return {
        "periods": np.array(periods),
        "persistence": np.array(persistence),
        "degrees_of_freedom": np.array(degrees_of_freedom if degrees_of_freedom is not None else math.inf),
        "start": start if start is not None else np.zeros(0),
        "factor_root": factor_model.root(),
        "directions": np.ascontiguousarray(positions.directions),
        "thresholds": matrix_thresholds(matrix, degrees_of_freedom=degrees_of_freedom),
    }


def make_plan(positions: RatedPositions, shared: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The arrays for drawing every name, on top of :func:`shared_plan`."""
    thresholds = shared["thresholds"]
    grades = np.arange(positions.loss.shape[1] - 1)
    own = np.sqrt(1.0 - positions.r2)
    order = np.argsort(positions.random_name, kind="stable")
    size = next((size for size in _CHUNK_SIZES if size * len(positions.names) <= _WORK_PER_CHUNK), 1)
    return shared | {
        "chunk_size": np.array(size),
        "direction": positions.direction,
        "rating": positions.rating,
        "pull": np.sqrt(positions.r2) / own,
        "stretch": 1.0 / own,
        # Leaving upwards above, downwards below; default is never left.
        "upper": np.r_[np.inf, thresholds[grades[1:], grades[1:] - 1], np.inf],
        "lower": np.r_[thresholds[grades, grades], -np.inf],
        "loss": np.ascontiguousarray(positions.loss),
        "random_start": np.searchsorted(positions.random_name[order], np.arange(len(positions.names) + 1)),
        "random_ead": positions.random_ead[order],
        "beta_a": positions.beta_a[order],
        "beta_b": positions.beta_b[order],
    }


def simulate_paths(task: PathTask) -> PathResult:
    """One block with every name drawn: a function of its arguments alone."""
    return run_chunks(task, _chunk)


def run_chunks(task: PathTask, chunk: Callable[[Plan, int, int, FloatArray | None], PathResult]) -> PathResult:
    """The chunks of a block, in order, and their sums."""
    size = int(task.plan["chunk_size"])
    found = []
    for k in range(task.chunks):
        weights = None if task.weights is None else task.weights[:, k * size : (k + 1) * size]
        if weights is None or weights.any():
            found.append(chunk(task.plan, task.seed, task.first_chunk + k, weights))
    if not found:
        raise InvalidInput("a block of which no scenario has a weight has nothing to run", argument="weights")
    return PathResult(
        first_chunk=task.first_chunk,
        losses=np.concatenate([part.losses for part in found]),
        counts=add_up([part.counts for part in found]),
        share_squared=add_up([part.share_squared for part in found]),
        weighted=tuple(add_up(list(parts)) for parts in zip(*(part.weighted for part in found), strict=True)),
    )


def add_up(parts: list[FloatArray]) -> FloatArray:
    """The sum of equal shapes, from the first to the last."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def chunk_generator(seed: int, chunk: int) -> np.random.Generator:
    """The random numbers of one chunk, whoever runs it."""
    bits = np.random.Philox(key=np.array([seed, _STREAM], dtype=np.uint64), counter=np.array([0, 0, 0, chunk], dtype=np.uint64))
    return np.random.Generator(bits)


def next_factor(plan: Plan, rng: np.random.Generator, factor: FloatArray | None, size: int) -> FloatArray:
    """Factors of the next period, one column a scenario: AR(1) with variance one in the long run. ``factor`` is None before the first period."""
    root, persistence = plan["factor_root"], float(plan["persistence"])
    shock = combine(root, rng.standard_normal((root.shape[1], size)))
    if factor is None:
        if not len(plan["start"]):
            return shock
        factor = np.repeat(plan["start"][:, None], size, axis=1)
    moved: FloatArray = persistence * factor + math.sqrt(1.0 - persistence * persistence) * shock
    return moved


def mixing(plan: Plan, rng: np.random.Generator, size: int) -> FloatArray | None:
    """The period's sqrt(W / nu) of each scenario, by which a t copula's thresholds are multiplied; None where it is Gaussian."""
    freedom = float(plan["degrees_of_freedom"])
    return np.asarray(np.sqrt(rng.chisquare(freedom, size) / freedom)) if math.isfinite(freedom) else None


def _chunk(plan: Plan, seed: int, chunk: int, weights: FloatArray | None) -> PathResult:
    rng = chunk_generator(seed, chunk)
    size, periods = int(plan["chunk_size"]), int(plan["periods"])
    start_rating, grades = plan["rating"], plan["loss"].shape[1]
    names = len(start_rating)
    members = np.bincount(start_rating, minlength=grades)
    squared = np.zeros((periods, grades, grades))
    counts = np.zeros((periods, grades, grades))
    # Names by scenario, start rating and rating now.
    table = np.tile(np.diag(members).astype(np.int64), (size, 1, 1))
    # The rating of each name in each scenario, once a second period needs it.
    current = np.tile(start_rating.astype(np.int8), size) if periods > 1 else None
    cell = new = np.zeros(0, dtype=np.int64)
    factor = None
    for t in range(periods):
        factor = next_factor(plan, rng, factor, size)
        cell, old, new = _movers(plan, rng, factor, current if t else None, size)
        if current is not None:
            current[cell] = new
        began = start_rating[cell % names]
        at = (cell // names) * grades + began
        table += _tally(at, new, size, grades)
        table -= _tally(at, old, size, grades)
        counts[t] = table.sum(axis=0)
        squared[t] = np.square(table / np.maximum(members, 1)[:, None]).sum(axis=0)
    if current is not None:
        cell = np.flatnonzero(current.reshape(size, names) != start_rating.astype(np.int8))
        new = current[cell].astype(np.int64)
    name, scenario = cell % names, cell // names
    base = plan["loss"][np.arange(names), start_rating]
    change = plan["loss"][name, new] + _recovery_noise(plan, rng, name, new, grades) - base[name]
    losses = float(base.sum()) + np.bincount(scenario, weights=change, minlength=size).astype(np.float64)
    weighted = _weighted(weights, base, name, scenario, change) if weights is not None else ()
    return PathResult(chunk, losses, counts, squared, weighted)


def _movers(
    plan: Plan, rng: np.random.Generator, factor: FloatArray, current: npt.NDArray[np.int8] | None, size: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Who changes rating in a period: the cell (scenario x names + name), its old and its new rating."""
    direction, pull, stretch = plan["direction"], plan["pull"], plan["stretch"]
    names = len(direction)
    composite = combine(plan["directions"], factor)
    latent = rng.standard_normal((size, names))
    latent += composite.T[:, direction] * pull
    spread = mixing(plan, rng, size)
    if spread is not None:
        latent /= spread[:, None]
    if current is None:
        upper, lower = plan["upper"][plan["rating"]] * stretch, plan["lower"][plan["rating"]] * stretch
    else:
        held = current.reshape(size, names)
        upper, lower = plan["upper"][held] * stretch, plan["lower"][held] * stretch
    cell = np.flatnonzero(((latent >= upper) | (latent < lower)).ravel())
    name = cell % names
    old = plan["rating"][name] if current is None else current[cell].astype(np.int64)
    value = latent.ravel()[cell] / stretch[name]
    new = (value[:, None] < plan["thresholds"][old]).sum(axis=1)
    return cell, old, new


def _tally(began: IntArray, rating: IntArray, size: int, grades: int) -> IntArray:
    """Names by scenario, start rating and another rating; ``began`` is the scenario's and the start rating's place in one number."""
    return np.bincount(began * grades + rating, minlength=size * grades * grades).reshape(size, grades, grades)


def _recovery_noise(plan: Plan, rng: np.random.Generator, name: IntArray, new: IntArray, grades: int) -> FloatArray:
    """What a random recovery adds to the mean loss of each default, in the order of ``name``."""
    noise = np.zeros(len(name))
    if not len(plan["random_ead"]):
        return noise
    fallen = np.flatnonzero(new == grades - 1)
    start = plan["random_start"]
    count = start[name[fallen] + 1] - start[name[fallen]]
    owner = np.repeat(fallen, count)
    facility = start[name[owner]] + np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    a, b = plan["beta_a"][facility], plan["beta_b"][facility]
    drawn = plan["random_ead"][facility] * (rng.beta(a, b) - a / (a + b))
    return np.bincount(owner, weights=drawn, minlength=len(name)).astype(np.float64)


def _weighted(
    weights: FloatArray, base: FloatArray, name: IntArray, scenario: IntArray, change: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sums over scenarios of weight x loss and weight x loss squared of every name; those that did not move are added at once."""
    total = weights.sum(axis=1)
    after = base[name] + change
    first, second = np.outer(total, base), np.outer(total, np.square(base))
    for k, weight in enumerate(weights):
        each = weight[scenario]
        first[k] += np.bincount(name, weights=each * change, minlength=len(base))
        second[k] += np.bincount(name, weights=each * (np.square(after) - np.square(base[name])), minlength=len(base))
    return first, second
