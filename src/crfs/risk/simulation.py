"""Simulate defaults in blocks of scenarios whose cost grows with the defaults, not with the names; exact for every name.

Given the factors, defaults are independent. For obligor ``i`` with conditional default probability ``p_i(y)`` call
``h_i(y) = -log(1 - p_i(y))`` its hazard. If points fall on the names as independent Poisson variables of mean ``h_i(y)``, then "at least one point"
has probability ``p_i(y)``, independently of other names: that is a default. Poisson points of a whole group are cheap to draw: their
number, then the name of each, from a bound ``h_bar >= h_i(y)`` that holds for a bucket of similar names over a cell of factor values, each point
being kept with probability ``h_i(y) / h_bar``. Where the bound is large (a likely default) names are compared one by one.

A block's random numbers come from a Philox counter stream keyed by (seed, block), so it gives the same bits wherever it runs. The plain
simulation has a number for every obligor whether it matters or not (:mod:`crfs.risk.plain`), and ties losses given default to obligors
(:mod:`crfs.risk.tied_lgd`): two books of the same obligors have common random numbers, and where no name of the second is better, no
scenario's loss is smaller. Thinning takes as many numbers as the book has likely defaults; two books have numbers in common where they are
thinned together, against a bound for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.factor_model import FactorModel
from crfs.risk.counted import Stream, block_key, philox
from crfs.risk.factor_lgd import drawn_lgd, factor_lgd, lgd_shapes
from crfs.risk.names import thresholds
from crfs.risk.obligors import Obligors, alike
from crfs.risk.ordered_product import combine
from crfs.risk.plain import States, plain_defaults
from crfs.risk.points import mixing_variables
from crfs.risk.tied_lgd import beta_quantile, tied_normals, tied_plan, tied_shares

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Plan: TypeAlias = Mapping[str, npt.NDArray[Any]]
PlainDefaults: TypeAlias = Callable[[Plan, States], IntArray]

# Cells of the composite factor: cell 0 is everything below _LOWEST (probability 1e-12), the last one everything above _HIGHEST.
_LOWEST = -7.0
_HIGHEST = 5.0
_CELL = 0.05
_CELLS = 1 + round((_HIGHEST - _LOWEST) / _CELL)
# A bucket whose hazard bound exceeds this in a cell (default probability above 0.63) is compared name by name there.
_DENSE_HAZARD = 1.0
# Of the mixing variable; below the first and above the last edge lie some 1e-4 of a t copula with 4 degrees of freedom.
_MIXING_EDGES = np.geomspace(0.15, 2.6, 24)
_MOST_TABLE_ENTRIES = (
    600_000  # some 12 MB (five times that under a t copula), which travel with every block that is sent to another process
)
_WORK_PER_BLOCK = 1_500_000
_WORK_AT_ONCE = 200_000
# Points a bucket and scenario below which a bucket is drawn for each point instead of a number for each bucket.
_FEW_POINTS = 0.5
_BLOCK_SIZES = (4000, 2000, 1000, 500, 250, 125)
# A threshold that no latent variable is below, and that stays so whatever it is multiplied by.
_NEVER = -1e150
_OTHER = "other_"


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

    Thinning leaves out obligors that cannot lose anything (pd or loss zero); the plain simulation draws for all, so that books have common numbers.
    """
    if not thinning:
        everybody = np.arange(len(obligors.names))
        kinds = _Kinds.of(obligors, everybody)
        plan = _names(obligors, everybody, tied=True) | kinds.plan(obligors, factor_model, everybody)
        return _sized(plan, float(len(everybody)))
    return _thinning_plan(obligors, (obligors,), factor_model)


def make_paired_plan(before: Obligors, after: Obligors, factor_model: FactorModel) -> Plan | None:
    """A plan by which two books of the same obligors are thinned together: the points are those of a bound for both, and each book keeps its own.

    None where it cannot be: an obligor follows different directions, or has different degrees of freedom, in the two, or the directions are too many.
    """
    directions = np.concatenate([before.directions, after.directions])
    places = before.direction, after.direction + len(before.directions)
    both = (before.r2 > 0.0) & (after.r2 > 0.0)
    apart = np.abs(directions[places[0]] - directions[places[1]]).max(axis=1, initial=0.0)
    if (both & (apart > 1e-9)).any() or not np.array_equal(before.nu, after.nu):
        return None
    where, same = alike(directions)
    envelope = replace(
        before,
        # Where a name loses nothing its probability is none of the bound's business.
        pd=np.maximum(*(np.where(side.loss > 0.0, side.pd, 0.0) for side in (before, after))),
        r2=np.where(before.r2 > 0.0, before.r2, after.r2),
        direction=same[np.where(before.r2 > 0.0, *places)],
        directions=np.ascontiguousarray(directions[where]),
    )
    return _thinning_plan(envelope, (before, after), factor_model)


def _thinning_plan(envelope: Obligors, sides: tuple[Obligors, ...], factor_model: FactorModel) -> Plan | None:
    """``envelope`` has the directions, degrees of freedom, and highest probabilities of the books; their numbers follow each other in the plan."""
    live = np.flatnonzero((envelope.pd > 0.0) & np.logical_or.reduce([(side.pd > 0.0) & (side.loss > 0.0) for side in sides]))
    kinds = _Kinds.of(envelope, live)
    cells = _Cells.of(kinds.nus)
    keys = _bucket_keys(envelope, live, kinds.kind, cells.count)
    if keys is None:
        return None
    order = np.lexsort((live, *keys[::-1]))
    live = live[order]
    plan = _names(sides[0], live, tied=len(sides) > 1) | kinds.plan(envelope, factor_model, live)
    for other in sides[1:]:
        plan |= {_OTHER + name: values for name, values in _names(other, live, tied=True).items()}
    plan |= _tables(plan, [key[order] for key in keys], cells)
    return _sized(plan, float(plan.pop("work_per_scenario")))


def _sized(plan: dict[str, npt.NDArray[Any]], work: float) -> Plan:
    plan["block_size"] = np.array(next((size for size in _BLOCK_SIZES if size * work <= _WORK_PER_BLOCK), _BLOCK_SIZES[-1]))
    return plan


class _Kinds(NamedTuple):
    """Classes of obligors that share a direction and degrees of freedom: the latter, the pairs (rows of places), and each obligor's class."""

    nus: FloatArray
    pairs: IntArray
    kind: IntArray

    @classmethod
    def of(cls, obligors: Obligors, live: IntArray) -> _Kinds:
        nus = np.unique(obligors.nu[live][np.isfinite(obligors.nu[live])])
        nu_index = np.where(np.isfinite(obligors.nu), np.searchsorted(nus, obligors.nu), len(nus))
        pairs, kind = np.unique(np.stack([obligors.direction, nu_index]), axis=1, return_inverse=True)
        return cls(nus, pairs, np.asarray(kind, dtype=np.int64).reshape(-1))

    def plan(self, obligors: Obligors, factor_model: FactorModel, live: IntArray) -> dict[str, npt.NDArray[Any]]:
        return {
            "kind": self.kind[live],
            "nus": self.nus,
            "kind_nu": self.pairs[1],
            "factor_root": factor_model.root(),
            "directions": np.ascontiguousarray(obligors.directions[self.pairs[0]]),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """Cells of a class's state: of its factor, and under a t copula of the mixing variable too.

    ``edges`` and ``mixing_edges`` part the lines; the first cell is everything below the first edge, the last everything above the last.
    """

    edges: FloatArray
    mixing_edges: FloatArray

    @classmethod
    def of(cls, nus: FloatArray) -> _Cells:
        edges = _LOWEST + np.float64(_CELL) * np.arange(_CELLS - 1, dtype=np.float64)
        return cls(edges=edges[::2], mixing_edges=_MIXING_EDGES) if len(nus) else cls(edges=edges, mixing_edges=np.zeros(0))

    @property
    def count(self) -> int:
        return (len(self.edges) + 1) * (len(self.mixing_edges) + 1)

    def place(self, factor: FloatArray, mixing: FloatArray) -> IntArray:
        """The cell of each state."""
        row = np.searchsorted(self.mixing_edges, mixing.ravel(), side="right").reshape(mixing.shape)
        step = self.edges[1] - self.edges[0]
        column = np.clip(np.floor((factor - self.edges[0]) / step).astype(np.int64) + 1, 0, len(self.edges))
        return np.asarray(row * (len(self.edges) + 1) + column)

    def probability(self, nu: float) -> FloatArray:
        """Of each cell, where the mixing variable has ``nu`` degrees of freedom (infinite: it is one)."""
        from scipy.special import chdtr, ndtr

        columns = np.diff(ndtr(np.r_[-np.inf, self.edges, np.inf]))
        if not len(self.mixing_edges):
            return columns
        if not math.isfinite(nu):
            rows = np.zeros(len(self.mixing_edges) + 1)
            rows[np.searchsorted(self.mixing_edges, 1.0, side="right")] = 1.0
        else:
            rows = np.diff(np.r_[0.0, chdtr(nu, nu * np.square(self.mixing_edges)), 1.0])
        return np.asarray(np.outer(rows, columns).ravel())

    def bounds(self, a: FloatArray, b: FloatArray, starts: IntArray) -> FloatArray:
        """Upper bounds of the hazard of each bucket's names in each cell (buckets x cells); infinite in cells without an end."""
        from scipy.special import log_ndtr

        columns = len(self.edges) + 1
        bound = np.full((len(starts), self.count), np.inf)
        if not len(self.mixing_edges):
            for cell, edge in enumerate(self.edges, start=1):
                # The hazard falls with the factor, so it is greatest at the cell's lower edge; the margin covers rounding.
                bound[:, cell] = np.maximum.reduceat(-log_ndtr(b * edge - a), starts) * (1.0 + 1e-9)
            return bound
        highest, least, most = np.maximum.reduceat(a, starts), np.minimum.reduceat(b, starts), np.maximum.reduceat(b, starts)
        low, high = np.r_[0.0, self.mixing_edges], np.r_[self.mixing_edges, np.inf]
        with np.errstate(invalid="ignore"):
            # The corner of the bucket and the cell where a default is likeliest.
            lifted = np.where(highest[:, None] > 0.0, highest[:, None] * high, highest[:, None] * low)
        lowered = np.minimum(least[:, None] * self.edges, most[:, None] * self.edges)
        corner = lifted[:, :, None] - lowered[:, None, :]
        bound.reshape(len(starts), -1, columns)[:, :, 1:] = -log_ndtr(-corner) * (1.0 + 1e-9)
        return bound


def _bucket_keys(obligors: Obligors, live: IntArray, kind: IntArray, cells: int) -> list[IntArray] | None:
    """Sort keys (class, PD class, R2 class), the last two as fine as the tables' size allows."""
    log_pd, r2 = np.log(obligors.pd[live]), obligors.r2[live]
    for coarseness in (1, 2, 4, 8, 1000):
        pd_class = np.floor(log_pd / (0.25 * coarseness)).astype(np.int64)
        r2_class = np.floor(r2 / (0.05 * coarseness)).astype(np.int64)
        keys = [kind[live], pd_class, r2_class]
        if len(np.unique(np.stack(keys), axis=1).T) * cells <= _MOST_TABLE_ENTRIES * (1 if cells == _CELLS else 5):
            return keys
    return None


def _names(obligors: Obligors, live: IntArray, *, tied: bool) -> dict[str, npt.NDArray[Any]]:
    """Thresholds, slopes and losses of the live obligors; ``tied``: with what ties their losses given default to them."""
    r2 = obligors.r2[live]
    position = np.full(len(obligors.names), -1, dtype=np.int64)
    position[live] = np.arange(len(live))
    mean = obligors.facility_ead * obligors.facility_lgd
    spread = obligors.facility_lgd_sd
    # A facility with a random LGD loses ead * Beta(a, b); the others are summed once for all.
    drawn = (spread > 0.0) | (obligors.facility_lgd_loading > 0.0)
    random = np.flatnonzero(
        drawn & (mean > 0.0) & (position[obligors.facility_obligor] >= 0) & (obligors.pd > 0.0)[obligors.facility_obligor]
    )
    certain = np.bincount(obligors.facility_obligor, weights=np.where(drawn, 0.0, mean), minlength=len(obligors.names))
    owner = position[obligors.facility_obligor[random]]
    random, owner = random[np.argsort(owner, kind="stable")], np.sort(owner)
    lgd = obligors.facility_lgd[random]
    with np.errstate(divide="ignore"):  # a loss that is certain but for the factor is drawn by other means
        precision = lgd * (1.0 - lgd) / np.square(spread[random]) - 1.0
    plan = {
        "obligor": live,
        "a": np.maximum(thresholds(obligors.pd[live], obligors.nu[live]) / np.sqrt(1.0 - r2), _NEVER),
        "b": np.sqrt(r2 / (1.0 - r2)),
        "certain_loss": certain[live],
        "random_start": np.searchsorted(owner, np.arange(len(live) + 1)),
        "random_facility": random,
        "random_ead": obligors.facility_ead[random],
        "beta_a": lgd * precision,
        "beta_b": (1.0 - lgd) * precision,
    }
    curves = obligors.lgd_follows_factors()
    if curves:
        plan |= _factor_lgd(obligors, plan)
    if tied:
        plan |= tied_plan(random, obligors.facility_obligor, plan["beta_a"], plan["beta_b"], curves=curves)
    return plan


def _factor_lgd(obligors: Obligors, plan: Plan) -> Plan:
    """Level, slope and spread of each random loss given default as a function of its obligor's factor."""
    facility = plan["random_facility"]
    owner = obligors.facility_obligor[facility]
    curves = factor_lgd(
        owner=np.arange(len(facility)),
        ead=obligors.facility_ead[facility],
        lgd=obligors.facility_lgd[facility],
        lgd_sd=obligors.facility_lgd_sd[facility],
        loading=obligors.facility_lgd_loading[facility],
        pd=obligors.pd[owner],
        r2=obligors.r2[owner],
        nu=obligors.nu[owner],
        labels=[f"obligor {name!r}" for name in obligors.names.gather(owner).to_list()],
    )
    return {"lgd_level": curves.level, "lgd_slope": curves.slope, "lgd_kappa": curves.kappa}


def _tables(plan: dict[str, npt.NDArray[Any]], keys: list[IntArray], cells: _Cells) -> dict[str, npt.NDArray[Any]]:
    """Bounds and the distribution of a point over the buckets, for each class and cell."""
    stacked = np.stack(keys)
    starts = np.flatnonzero(np.r_[True, (stacked[:, 1:] != stacked[:, :-1]).any(axis=0)])
    sizes = np.diff(np.r_[starts, stacked.shape[1]])
    bucket_direction = keys[0][starts]
    directions = len(plan["directions"])
    bound = cells.bounds(plan["a"], plan["b"], starts)
    if _OTHER + "a" in plan:
        bound = np.maximum(bound, cells.bounds(plan[_OTHER + "a"], plan[_OTHER + "b"], starts))
    dense = bound > _DENSE_HAZARD
    rate = np.where(dense, 0.0, bound * sizes[:, None])
    total = np.zeros((directions, cells.count))
    dense_names = np.zeros((directions, cells.count))
    np.add.at(total, bucket_direction, rate)
    np.add.at(dense_names, bucket_direction, dense * sizes[:, None])
    cdf, entry_bucket, entry_bound, entry_rate = [], [], [], []
    bucket_start = np.searchsorted(bucket_direction, np.arange(directions + 1))
    for d in range(directions):
        mine = slice(bucket_start[d], bucket_start[d + 1])
        cumulative = np.cumsum(rate[mine], axis=0)
        if not len(cumulative):
            continue
        last = cumulative[-1]
        share = np.where(last > 0.0, cumulative / np.where(last > 0.0, last, 1.0), 1.0)
        # Row (d, cell) of the table runs over (row, row + 1], so that one search serves all rows.
        cdf.append((share + (d * cells.count + np.arange(cells.count))).T.ravel())
        entry_bucket.append(np.tile(np.arange(bucket_start[d], bucket_start[d + 1], dtype=np.int32), cells.count))
        entry_bound.append(np.where(dense[mine], 0.0, bound[mine]).T.ravel())
        entry_rate.append(rate[mine].T.ravel())
    entries = {"cdf": cdf, "entry_bucket": entry_bucket, "entry_bound": entry_bound, "entry_rate": entry_rate}
    nus = np.append(plan["nus"], np.inf)
    probability = np.stack([cells.probability(float(nus[k])) for k in plan["kind_nu"]])
    points, compared = float((total * probability).sum()), float((dense_names * probability).sum())
    # A number for each bucket is drawn faster than a bucket for each point, where the points are not few.
    del entries["entry_rate" if points < _FEW_POINTS * len(starts) else "cdf"]
    return {
        **{name: np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32) for name, parts in entries.items()},
        "total": total,
        "dense": dense,
        "compared": dense_names,
        "bucket_start": bucket_start,
        "bucket_first": starts,
        "bucket_size": sizes,
        "at_once": np.array(max(1, int(_WORK_AT_ONCE / max(points + compared, 1.0)))),
        "work_per_scenario": np.array(points + compared),
    }


class Defaults(NamedTuple):
    """Who defaults (a place among the plan's names), in which scenario, and what is lost."""

    scenario: IntArray
    name: IntArray
    loss: FloatArray


def simulate_block(task: BlockTask, *, plain: PlainDefaults = plain_defaults) -> BlockResult:
    """Losses of one block of scenarios: a function of the task alone. ``plain`` is how a plain simulation finds who defaults, all of them the same."""
    plan, rng, factor, mixing = _states(task)
    states = States(block_key(task.seed, task.block, Stream.DEFAULTS), factor, mixing)
    scenario, name, loss = _defaults(
        plan, rng, states, block_key(task.seed, task.block, Stream.LOSSES) if "lgd_key" in plan else rng, plain
    )
    losses = np.bincount(scenario, weights=loss, minlength=task.scenarios).astype(np.float64)
    kept = np.flatnonzero(losses[scenario] >= task.tail_floor) if np.isfinite(task.tail_floor) else np.zeros(0, dtype=np.int64)
    return BlockResult(task.block, losses, scenario[kept], plan["obligor"][name[kept]], loss[kept])


def simulate_states(plan: Plan, seed: int, block: int, epsilon: FloatArray, mixing: FloatArray) -> Defaults:
    """Defaults in scenarios whose factors are given: ``epsilon`` are the independent normals behind these (scenarios x factors), ``mixing`` has a row
    for each of the plan's degrees of freedom, and one of ones. A function of the arguments alone."""
    rng = np.random.Generator(philox(seed, block, Stream.AIMED))
    states = States(block_key(seed, block, Stream.AIMED_DEFAULTS), _composite(plan, np.ascontiguousarray(epsilon.T)), mixing)
    if "bucket_first" in plan:
        # There are more defaults than in the states that the plan's own number is for.
        plan = {**plan, "at_once": np.array(_states_at_once(plan, states))}
    return _defaults(plan, rng, states, rng, plain_defaults)


def _defaults(
    plan: Plan, rng: np.random.Generator, states: States, source: np.random.Generator | npt.NDArray[np.uint64], plain: PlainDefaults
) -> Defaults:
    """``source``: of the losses given default."""
    count = len(plan["obligor"])
    if "bucket_first" in plan:
        (pairs,) = _thinned_defaults(plan, ("",), rng, states.factor, states.mixing)
    else:
        pairs = plain(plan, states)
    scenario = pairs // count
    name = pairs - scenario * count
    return Defaults(scenario, name, _losses(plan, source, name, states.factor, scenario))


def _states_at_once(plan: Plan, states: States) -> int:
    row = _rows(plan, states.factor, states.mixing[plan["kind_nu"]])
    work = float((plan["total"].ravel()[row] + plan["compared"].ravel()[row]).sum()) / states.scenarios
    return max(1, int(_WORK_AT_ONCE / max(work, 1.0)))


def simulate_paired_block(task: BlockTask) -> tuple[int, FloatArray, FloatArray]:
    """The block, and the losses of both books of a paired plan in its scenarios."""
    plan, rng, factor, mixing = _states(task)
    count, key = len(plan["obligor"]), block_key(task.seed, task.block, Stream.LOSSES)
    sides = ("", _OTHER)
    found = []
    for side, defaults in zip(sides, _thinned_defaults(plan, sides, rng, factor, mixing), strict=True):
        mine = {name.removeprefix(side): values for name, values in plan.items() if name.startswith(side)} | {"kind": plan["kind"]}
        scenario = defaults // count
        loss = _losses(mine, key, defaults - scenario * count, factor, scenario)
        found.append(np.bincount(scenario, weights=loss, minlength=task.scenarios).astype(np.float64))
    return task.block, found[0], found[1]


def _states(task: BlockTask) -> tuple[Plan, np.random.Generator, FloatArray, FloatArray]:
    """The plan, the block's numbers, and the factors and mixing variables of its scenarios, which are the first that are drawn."""
    rng = np.random.Generator(philox(task.seed, task.block, Stream.FACTORS))
    factor = _composite_factors(task.plan, rng, task.scenarios)
    return task.plan, rng, factor, _mixing(task.plan, rng, task.scenarios)


def _composite_factors(plan: Plan, rng: np.random.Generator, scenarios: int) -> FloatArray:
    """One row a direction, one column a scenario."""
    return _composite(plan, rng.standard_normal((plan["factor_root"].shape[1], scenarios)))


def _composite(plan: Plan, shocks: FloatArray) -> FloatArray:
    """Sums are written out, since a threaded BLAS may round differently from run to run."""
    return combine(plan["directions"], combine(plan["factor_root"], shocks))


def _mixing(plan: Plan, rng: np.random.Generator, scenarios: int) -> FloatArray:
    """``sqrt(W / nu)`` for each number of degrees of freedom, from one chi-squared variable a scenario; the last row is one."""
    nus = tuple(float(nu) for nu in plan["nus"])
    return mixing_variables(rng.chisquare(min(nus), scenarios) if nus else None, nus, scenarios)


def _thinned_defaults(
    plan: Plan, sides: tuple[str, ...], rng: np.random.Generator, factor: FloatArray, mixing: FloatArray
) -> list[IntArray]:
    """Of each side of the plan. Some scenarios at a time, so that their points stay in a core's own cache."""
    count, step = len(plan["obligor"]), int(plan["at_once"])
    found = [
        [side + start * count for side in _thinned(plan, sides, rng, factor[:, start : start + step], mixing[:, start : start + step])]
        for start in range(0, factor.shape[1], step)
    ]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _thinned(plan: Plan, sides: tuple[str, ...], rng: np.random.Generator, factor: FloatArray, mixing: FloatArray) -> list[IntArray]:
    from scipy.special import ndtr

    count, scenarios = len(plan["obligor"]), factor.shape[1]
    mixed = mixing[plan["kind_nu"]]
    row, cells = _rows(plan, factor, mixed), _Cells.of(plan["nus"]).count
    y, s = factor.ravel(), mixed.ravel()

    pair, entry = _points_by_bucket(plan, rng, row, cells) if "entry_rate" in plan else _points_by_search(plan, rng, row)
    bucket = plan["entry_bucket"][entry]
    # One number says both: its whole part the name within the bucket, what is left of it whether the point stays.
    number = rng.random(len(pair)) * plan["bucket_size"][bucket]
    place = number.astype(np.int64)
    number -= place
    name = plan["bucket_first"][bucket] + place
    number *= plan["entry_bound"][entry]
    crowded, crowd = _crowded(plan, row, cells, scenarios)
    uniform = rng.random(len(crowded))
    # By division, which takes a fifth of the time that a remainder takes.
    where = (pair - pair // scenarios * scenarios) * count + name
    found = []
    for side in sides:
        a, b = plan[side + "a"], plan[side + "b"]
        latent = a[name] * s[pair] if len(plan["nus"]) else a[name]
        latent -= b[name] * y[pair]
        # The hazard is moderate here: nothing is lost on the way through the probability, which takes less time than its logarithm.
        sparse = where[number < -np.log1p(-ndtr(latent))]
        hit = uniform < ndtr(a[crowd] * s[crowded] - b[crowd] * y[crowded])
        both = np.sort(np.concatenate([sparse, (crowded[hit] % scenarios) * count + crowd[hit]]))
        found.append(both[np.r_[True, both[1:] != both[:-1]]] if len(both) else both)
    return found


def _rows(plan: Plan, factor: FloatArray, mixed: FloatArray) -> IntArray:
    """The row of the tables of each state (directions x scenarios, one after the other)."""
    cells = _Cells.of(plan["nus"])
    return np.asarray((cells.place(factor, mixed) + cells.count * np.arange(len(factor))[:, None]).ravel())


def _crowded(plan: Plan, row: IntArray, cells: int, scenarios: int) -> tuple[IntArray, IntArray]:
    """States and names where defaults are likely, to be compared one by one."""
    crowded = np.flatnonzero(plan["compared"].ravel()[row])
    direction = crowded // scenarios
    buckets_there = plan["bucket_start"][direction + 1] - plan["bucket_start"][direction]
    pair, bucket = _expand(crowded, plan["bucket_start"][direction], buckets_there)
    here = plan["dense"][bucket, row[pair] - cells * (pair // scenarios)]
    pair, bucket = pair[here], bucket[here]
    return _expand(pair, plan["bucket_first"][bucket], plan["bucket_size"][bucket])


def _points_by_bucket(plan: Plan, rng: np.random.Generator, row: IntArray, cells: int) -> tuple[IntArray, IntArray]:
    """Points of each state (``row``: its row of the tables) as state and entry of the tables: a number is drawn for each bucket."""
    direction = row // cells
    first, last = plan["bucket_start"][direction], plan["bucket_start"][direction + 1]
    pair, entry = _expand(np.arange(len(row)), cells * first + (row - cells * direction) * (last - first), last - first)
    points = rng.poisson(plan["entry_rate"][entry])
    return np.repeat(pair, points), np.repeat(entry, points)


def _points_by_search(plan: Plan, rng: np.random.Generator, row: IntArray) -> tuple[IntArray, IntArray]:
    """The same points: a number is drawn for each state, and a bucket for each point."""
    pair = np.repeat(np.arange(len(row)), rng.poisson(plan["total"].ravel()[row]))
    at = row[pair].astype(np.float64)
    return pair, np.searchsorted(plan["cdf"], np.minimum(at + rng.random(len(pair)), np.nextafter(at + 1.0, 0.0)), side="right")


def _expand(owner: IntArray, start: IntArray, size: IntArray) -> tuple[IntArray, IntArray]:
    """Each owner repeated ``size`` times, beside ``start, start + 1, ...``."""
    repeated = np.repeat(np.arange(len(owner)), size)
    offset = np.arange(len(repeated)) - np.repeat(np.cumsum(size) - size, size)
    return owner[repeated], start[repeated] + offset


def _losses(
    plan: Plan, source: np.random.Generator | npt.NDArray[np.uint64], name: IntArray, factor: FloatArray, scenario: IntArray
) -> FloatArray:
    """What each default (a name in a scenario) costs; ``factor`` has the composite factors, directions x scenarios.

    Losses given default are drawn one after the other from ``source``, or follow from it where it is a block's key: for plans that tie them.
    """
    loss: FloatArray = plan["certain_loss"][name]
    if not len(plan["random_ead"]):
        return loss
    start = plan["random_start"][name]
    default, facility = _expand(np.arange(len(name)), start, plan["random_start"][name + 1] - start)
    if "lgd_level" in plan:
        state = factor[plan["kind"][name], scenario][default]
        curve = plan["lgd_level"][facility], plan["lgd_slope"][facility], plan["lgd_kappa"][facility]
        if not isinstance(source, np.random.Generator):
            mean, random, a, b = lgd_shapes(*curve, state)
            normal = tied_normals(source, plan["lgd_key"][facility], scenario[default])
            shares = mean.copy()
            shares[random] = beta_quantile(a[random], b[random], normal[random])
        else:
            shares = drawn_lgd(*curve, state, source)
    elif not isinstance(source, np.random.Generator):
        shares = tied_shares(plan, source, facility, scenario[default])
    else:
        shares = source.beta(plan["beta_a"][facility], plan["beta_b"][facility])
    drawn = plan["random_ead"][facility] * shares
    return loss + np.bincount(default, weights=drawn, minlength=len(name))
