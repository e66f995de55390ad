"""Simulate defaults in blocks of scenarios whose cost grows with the defaults, not with the names; exact for every name.

Given the factors, defaults are independent. For obligor ``i`` with conditional default probability ``p_i(y)`` call
``h_i(y) = -log(1 - p_i(y))`` its hazard. If points fall on the names as independent Poisson variables of mean ``h_i(y)``, then "at least one point"
has probability ``p_i(y)``, independently of other names: that is a default. Poisson points of a whole group are cheap to draw: their
number, then the name of each, from a bound ``h_bar >= h_i(y)`` that holds for a bucket of similar names over a cell of factor values, each point
being kept with probability ``h_i(y) / h_bar``. Where the bound is large (a likely default) names are compared one by one.

A block's random numbers come from a Philox counter stream keyed by (seed, block), so it gives the same bits wherever it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.factor_model import FactorModel
from crfs.risk.obligors import Obligors

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Plan: TypeAlias = Mapping[str, npt.NDArray[Any]]

# Cells of the composite factor: cell 0 is everything below _LOWEST (probability 1e-12), the last one everything above _HIGHEST.
_LOWEST = -7.0
_HIGHEST = 5.0
_CELL = 0.05
_CELLS = 1 + round((_HIGHEST - _LOWEST) / _CELL)
# A bucket whose hazard bound exceeds this in a cell (default probability above 0.63) is compared name by name there.
_DENSE_HAZARD = 1.0
_MOST_TABLE_ENTRIES = 600_000  # some 12 MB, which travel with every block that is sent to another process
_WORK_PER_BLOCK = 1_500_000
_BLOCK_SIZES = (4000, 2000, 1000, 500, 250, 125)


class BlockTask(NamedTuple):
    """What a block needs, in plain values and arrays, so that it can be sent anywhere."""

    plan: Plan
    seed: int
    block: int
    scenarios: int
    tail_floor: float
    """Scenarios with a loss of at least this also report who defaulted; infinite for none."""


class BlockResult(NamedTuple):
    """Losses of a block's scenarios, and the defaults of those in the tail: scenario (in the block), obligor, loss."""

    block: int
    losses: FloatArray
    tail_scenario: IntArray
    tail_obligor: IntArray
    tail_loss: FloatArray


def make_plan(obligors: Obligors, factor_model: FactorModel, *, thinning: bool) -> Plan | None:
    """The arrays that every block shares; None where thinning is asked for and the directions are too many for its tables.

    Obligors that cannot lose anything (pd or loss zero) are left out.
    """
    loss = obligors.loss
    live = np.flatnonzero((obligors.pd > 0.0) & (loss > 0.0))
    keys = _bucket_keys(obligors, live, thinning=thinning)
    if keys is None:
        return None
    order = np.lexsort((live, *keys[::-1]))
    live = live[order]
    plan = _names(obligors, live)
    plan["factor_root"] = factor_model.root()
    plan["directions"] = np.ascontiguousarray(obligors.directions)
    if thinning:
        plan |= _tables(plan, [key[order] for key in keys])
        work = float(plan.pop("work_per_scenario"))
    else:
        work = float(len(live))
    plan["block_size"] = np.array(next((size for size in _BLOCK_SIZES if size * work <= _WORK_PER_BLOCK), _BLOCK_SIZES[-1]))
    return plan


def _bucket_keys(obligors: Obligors, live: IntArray, *, thinning: bool) -> list[IntArray] | None:
    """Sort keys (direction, PD class, R2 class), the classes as fine as the tables' size allows."""
    direction = obligors.direction[live]
    if not thinning:
        return [direction]
    log_pd, r2 = np.log(obligors.pd[live]), obligors.r2[live]
    for coarseness in (1, 2, 4, 8, 1000):
        pd_class = np.floor(log_pd / (0.25 * coarseness)).astype(np.int64)
        r2_class = np.floor(r2 / (0.05 * coarseness)).astype(np.int64)
        keys = [direction, pd_class, r2_class]
        if len(np.unique(np.stack(keys), axis=1).T) * _CELLS <= _MOST_TABLE_ENTRIES:
            return keys
    return None


def _names(obligors: Obligors, live: IntArray) -> dict[str, npt.NDArray[Any]]:
    from scipy.special import ndtri

    r2 = obligors.r2[live]
    position = np.full(len(obligors.names), -1, dtype=np.int64)
    position[live] = np.arange(len(live))
    mean = obligors.facility_ead * obligors.facility_lgd
    spread = obligors.facility_lgd_sd
    # A facility with a random LGD loses ead * Beta(a, b); the others are summed once for all.
    random = np.flatnonzero((spread > 0.0) & (mean > 0.0) & (position[obligors.facility_obligor] >= 0))
    certain = np.bincount(obligors.facility_obligor, weights=np.where(spread > 0.0, 0.0, mean), minlength=len(obligors.names))
    owner = position[obligors.facility_obligor[random]]
    random, owner = random[np.argsort(owner, kind="stable")], np.sort(owner)
    lgd = obligors.facility_lgd[random]
    precision = lgd * (1.0 - lgd) / np.square(spread[random]) - 1.0
    return {
        "obligor": live,
        "direction": obligors.direction[live],
        "a": ndtri(obligors.pd[live]) / np.sqrt(1.0 - r2),
        "b": np.sqrt(r2 / (1.0 - r2)),
        "certain_loss": certain[live],
        "random_start": np.searchsorted(owner, np.arange(len(live) + 1)),
        "random_ead": obligors.facility_ead[random],
        "beta_a": lgd * precision,
        "beta_b": (1.0 - lgd) * precision,
    }


def _tables(plan: dict[str, npt.NDArray[Any]], keys: list[IntArray]) -> dict[str, npt.NDArray[Any]]:
    """Bounds and the distribution of a point over the buckets, for each direction and cell."""
    from scipy.special import log_ndtr, ndtr

    stacked = np.stack(keys)
    starts = np.flatnonzero(np.r_[True, (stacked[:, 1:] != stacked[:, :-1]).any(axis=0)])
    sizes = np.diff(np.r_[starts, stacked.shape[1]])
    bucket_direction = keys[0][starts]
    directions = len(plan["directions"])
    edges = _LOWEST + _CELL * np.arange(_CELLS - 1)
    bound = np.full((len(starts), _CELLS), np.inf)
    for cell, edge in enumerate(edges, start=1):
        # The hazard falls with the factor, so it is greatest at the cell's lower edge; the margin covers rounding.
        bound[:, cell] = np.maximum.reduceat(-log_ndtr(plan["b"] * edge - plan["a"]), starts) * (1.0 + 1e-9)
    dense = bound > _DENSE_HAZARD
    rate = np.where(dense, 0.0, bound * sizes[:, None])
    total = np.zeros((directions, _CELLS))
    dense_names = np.zeros((directions, _CELLS))
    np.add.at(total, bucket_direction, rate)
    np.add.at(dense_names, bucket_direction, dense * sizes[:, None])
    cdf, entry_bucket, entry_bound = [], [], []
    bucket_start = np.searchsorted(bucket_direction, np.arange(directions + 1))
    for d in range(directions):
        mine = slice(bucket_start[d], bucket_start[d + 1])
        cumulative = np.cumsum(rate[mine], axis=0)
        if not len(cumulative):
            continue
        last = cumulative[-1]
        share = np.where(last > 0.0, cumulative / np.where(last > 0.0, last, 1.0), 1.0)
        # Row (d, cell) of the table runs over (row, row + 1], so that one search serves all rows.
        cdf.append((share + (d * _CELLS + np.arange(_CELLS))).T.ravel())
        entry_bucket.append(np.tile(np.arange(bucket_start[d], bucket_start[d + 1], dtype=np.int32), _CELLS))
        entry_bound.append(np.where(dense[mine], 0.0, bound[mine]).T.ravel())
    total_cumulative = {"cdf": cdf, "entry_bucket": entry_bucket, "entry_bound": entry_bound}
    probability = np.diff(ndtr(np.r_[-np.inf, edges, np.inf]))
    return {
        **{name: np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32) for name, parts in total_cumulative.items()},
        "total": total,
        "dense": dense,
        "dense_any": dense_names > 0.0,
        "bucket_start": bucket_start,
        "bucket_first": starts,
        "bucket_size": sizes,
        "work_per_scenario": np.array(((total + dense_names) * probability).sum()),
    }


def simulate_block(task: BlockTask) -> BlockResult:
    """Losses of one block of scenarios: a function of its arguments alone."""
    plan = task.plan
    bits = np.random.Philox(key=np.array([task.seed, 0], dtype=np.uint64), counter=np.array([0, 0, 0, task.block], dtype=np.uint64))
    rng = np.random.Generator(bits)
    count = len(plan["obligor"])
    factor = _composite_factors(plan, rng, task.scenarios)
    defaults = _thinned_defaults(plan, rng, factor) if "cdf" in plan else _plain_defaults(plan, rng, factor)
    scenario = defaults // count
    name = defaults - scenario * count
    loss = _losses(plan, rng, name)
    losses = np.bincount(scenario, weights=loss, minlength=task.scenarios).astype(np.float64)
    kept = np.flatnonzero(losses[scenario] >= task.tail_floor) if np.isfinite(task.tail_floor) else np.zeros(0, dtype=np.int64)
    return BlockResult(task.block, losses, scenario[kept], plan["obligor"][name[kept]], loss[kept])


def _composite_factors(plan: Plan, rng: np.random.Generator, scenarios: int) -> FloatArray:
    """One row a direction, one column a scenario. Sums are written out, since a threaded BLAS may round differently from run to run."""
    root, directions = plan["factor_root"], plan["directions"]
    shocks = rng.standard_normal((root.shape[1], scenarios))
    return _combine(directions, _combine(root, shocks))


def _combine(weights: FloatArray, rows: FloatArray) -> FloatArray:
    result = np.zeros((len(weights), rows.shape[1]))
    for i, j in zip(*np.nonzero(weights), strict=True):
        result[i] += weights[i, j] * rows[j]
    return result


def _plain_defaults(plan: Plan, rng: np.random.Generator, factor: FloatArray) -> IntArray:
    """Every name's own normal drawn and compared: the definition, and the judge of the thinned version."""
    count, scenarios = len(plan["obligor"]), factor.shape[1]
    found = []
    step = max(1, _WORK_PER_BLOCK // max(count, 1))
    for start in range(0, scenarios, step):
        y = factor[:, start : start + step]
        threshold = plan["a"] - plan["b"] * y.T[:, plan["direction"]]
        hit = np.flatnonzero(rng.standard_normal(threshold.shape) < threshold)
        found.append(hit + start * count)
    return np.concatenate(found)


def _thinned_defaults(plan: Plan, rng: np.random.Generator, factor: FloatArray) -> IntArray:
    from scipy.special import log_ndtr, ndtr

    count, scenarios = len(plan["obligor"]), factor.shape[1]
    a, b = plan["a"], plan["b"]
    cell = np.clip(np.floor((factor - _LOWEST) / _CELL).astype(np.int64) + 1, 0, _CELLS - 1)
    row = (cell + _CELLS * np.arange(len(factor))[:, None]).ravel()
    y = factor.ravel()

    points = rng.poisson(plan["total"].ravel()[row])
    pair = np.repeat(np.arange(len(row)), points)
    at = row[pair].astype(np.float64)
    entry = np.searchsorted(plan["cdf"], np.minimum(at + rng.random(len(pair)), np.nextafter(at + 1.0, 0.0)), side="right")
    bucket = plan["entry_bucket"][entry]
    name = plan["bucket_first"][bucket] + (rng.random(len(pair)) * plan["bucket_size"][bucket]).astype(np.int64)
    hazard = -log_ndtr(b[name] * y[pair] - a[name])
    kept = rng.random(len(pair)) * plan["entry_bound"][entry] < hazard
    sparse = (pair[kept] % scenarios) * count + name[kept]

    crowded = np.flatnonzero(plan["dense_any"].ravel()[row])
    direction = crowded // scenarios
    buckets_there = plan["bucket_start"][direction + 1] - plan["bucket_start"][direction]
    pair, bucket = _expand(crowded, plan["bucket_start"][direction], buckets_there)
    here = plan["dense"][bucket, row[pair] - _CELLS * (pair // scenarios)]
    pair, bucket = pair[here], bucket[here]
    pair, name = _expand(pair, plan["bucket_first"][bucket], plan["bucket_size"][bucket])
    hit = rng.random(len(pair)) < ndtr(a[name] - b[name] * y[pair])
    compared = (pair[hit] % scenarios) * count + name[hit]

    found = np.sort(np.concatenate([sparse, compared]))
    return found[np.r_[True, found[1:] != found[:-1]]] if len(found) else found


def _expand(owner: IntArray, start: IntArray, size: IntArray) -> tuple[IntArray, IntArray]:
    """Each owner repeated ``size`` times, beside ``start, start + 1, ...``."""
    repeated = np.repeat(np.arange(len(owner)), size)
    offset = np.arange(len(repeated)) - np.repeat(np.cumsum(size) - size, size)
    return owner[repeated], start[repeated] + offset


def _losses(plan: Plan, rng: np.random.Generator, name: IntArray) -> FloatArray:
    loss: FloatArray = plan["certain_loss"][name]
    if not len(plan["random_ead"]):
        return loss
    start = plan["random_start"][name]
    default, facility = _expand(np.arange(len(name)), start, plan["random_start"][name + 1] - start)
    drawn = plan["random_ead"][facility] * rng.beta(plan["beta_a"][facility], plan["beta_b"][facility])
    return loss + np.bincount(default, weights=drawn, minlength=len(name))
