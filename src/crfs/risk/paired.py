"""Two books of one world: simulated with common random numbers, so that the difference of their risks has its own noise alone.

A name's default is decided by one number in each scenario, its losses by one number a facility (:mod:`crfs.risk.simulation`,
:mod:`crfs.risk.tied_lgd`): where no name of the second book is safer, recovers more or owes less, its loss is no smaller in any scenario, and so
neither is its value at risk nor its expected shortfall. Books of other correlations have the same factors and the same noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.risk.measures import quantile_rank, sorted_tail_measure
from crfs.risk.obligors import Obligors
from crfs.risk.result import Method, RiskResult
from crfs.risk.simulated import MOST_PLAIN
from crfs.risk.simulation import BlockTask, Plan, make_paired_plan, make_plan, simulate_block, simulate_paired_block
from crfs.risk.what_if import Difference, WhatIf, WhatIfMeasure
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
T = TypeVar("T", np.float64, np.int64)

_Z95 = 1.959963984540054  # 97.5 % point of the standard normal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedLosses:
    """Losses of both books in the same scenarios, currency units, and whether they were thinned or plain."""

    before: FloatArray
    after: FloatArray
    method: Method


def simulate_pair(
    before: Obligors,
    after: Obligors,
    models: tuple[FactorModel, FactorModel],
    *,
    method: Method,
    seed: int,
    scenarios: int,
    map_blocks: MapTasks = map,
) -> PairedLosses:
    """Both books in the first ``scenarios`` scenarios of the seed. A book of few names, or one that is simulated by PLAIN, is drawn name by name:
    then its losses are those of a run of its own. Others are thinned together where they follow the same directions of one model.

    The models have equally many factors; those of the second are driven by the same normals.
    """
    before, after = same_names(before, after)
    if method is Method.THINNING or (method is not Method.PLAIN and len(before.names) > MOST_PLAIN):
        plan = make_paired_plan(before, after, models[0]) if models[0] == models[1] else None
        if plan is not None:
            size = int(plan["block_size"])
            thinned = sorted(map_blocks(simulate_paired_block, _tasks(plan, seed, scenarios, size)), key=lambda block: block[0])
            losses = (np.concatenate([block[k] for block in thinned]) for k in (1, 2))
            return PairedLosses(before=next(losses), after=next(losses), method=Method.THINNING)
    found = []
    for obligors, model in zip((before, after), models, strict=True):
        plan = make_plan(obligors, model, thinning=False)
        assert plan is not None  # only thinning can be refused
        blocks = map_blocks(simulate_block, _tasks(plan, seed, scenarios, int(plan["block_size"])))
        found.append(np.concatenate([result.losses for result in sorted(blocks, key=lambda result: result.block)]))
    return PairedLosses(before=found[0], after=found[1], method=Method.PLAIN)


def _tasks(plan: Plan, seed: int, scenarios: int, size: int) -> list[BlockTask]:
    return [BlockTask(plan, seed, k, min(size, scenarios - k * size), math.inf) for k in range(-(-scenarios // size))]


def paired_what_if(before: RiskResult, after_el: float, pair: PairedLosses) -> WhatIf:
    """The answer by two books of common scenarios: what is told of the book, and the paired differences on top of it.

    So a book that was measured better than by these scenarios keeps its numbers, and the changed one inherits them.
    """
    ordered = np.sort(pair.before), np.sort(pair.after)
    ul = _spread(pair)
    measures = []
    for told in before.measures:
        var, es = _tail(pair, ordered, told.confidence)
        own = sorted_tail_measure(ordered[1], confidence=told.confidence)
        # Where the book's own run had these scenarios, so has the changed book: its error is that of the sample.
        shared = not told.exact and float(ordered[0][quantile_rank(len(ordered[0]), told.confidence) - 1]) == told.var
        measures.append(
            WhatIfMeasure(
                confidence=told.confidence,
                var=told.var + var.value,
                var_se=own.var_se if shared else math.hypot(told.var_se, var.se),
                es=told.es + es.value,
                es_se=own.es_se if shared else math.hypot(told.es_se, es.se),
                incremental_var=var,
                incremental_es=es,
                marginal_var=None,
                marginal_es=None,
            )
        )
    return WhatIf(
        el=after_el,
        incremental_el=after_el - before.el,
        ul=before.ul + ul.value,
        incremental_ul=ul,
        measures=tuple(measures),
        method=pair.method,
        notes=(
            f"the changed book is simulated in {len(pair.before):,} scenarios beside the book, with common random numbers ({pair.method.value}): "
            "the differences have their own noise alone",
        ),
    )


def paired_differences(pair: PairedLosses, confidence: float) -> tuple[Difference, Difference]:
    """Of the value at risk and of the expected shortfall, the second book less the first."""
    return _tail(pair, (np.sort(pair.before), np.sort(pair.after)), confidence)


def _tail(pair: PairedLosses, ordered: tuple[FloatArray, FloatArray], confidence: float) -> tuple[Difference, Difference]:
    level, count = 1.0 - confidence, len(pair.before)
    values: list[tuple[float, float]] = []
    influences: list[tuple[FloatArray, FloatArray]] = []
    for losses, sample in zip((pair.before, pair.after), ordered, strict=True):
        own = sorted_tail_measure(sample, confidence=confidence)
        # One over the density at the value at risk, from the interval of ranks; none where an atom holds it.
        pace = own.var_se / math.sqrt(confidence * level / count)
        values.append((own.var, own.es))
        influences.append(
            (pace * (losses > own.var).astype(np.float64) if pace > 0.0 else np.zeros(count), np.maximum(losses - own.var, 0.0) / level)
        )
    var, es = (_difference(values[1][k] - values[0][k], influences[1][k], influences[0][k]) for k in (0, 1))
    return var, es


def _spread(pair: PairedLosses) -> Difference:
    """Of the standard deviation of loss."""
    values, influences = [], []
    for losses in (pair.before, pair.after):
        deviation = losses - losses.mean()
        ul = math.sqrt(float(np.square(deviation).sum()) / (len(losses) - 1))
        values.append(ul)
        influences.append(np.square(deviation) / (2.0 * ul) if ul > 0.0 else np.zeros(len(losses)))
    return _difference(values[1] - values[0], influences[1], influences[0])


def _difference(value: float, after: FloatArray, before: FloatArray) -> Difference:
    """``after`` and ``before`` are what each scenario does to the two numbers (their influence functions, up to a constant)."""
    if not (np.isfinite(after).all() and np.isfinite(before).all()):
        return Difference(value=value, se=math.inf, low=-math.inf, high=math.inf)
    se = float((after - before).std(ddof=1)) / math.sqrt(len(after))
    return Difference(value=value, se=se, low=value - _Z95 * se, high=value + _Z95 * se)


def same_names(before: Obligors, after: Obligors) -> tuple[Obligors, Obligors]:
    """Both books with the obligors of both: who is not in one of them does not default there."""
    if before.names.equals(after.names):
        return before, after
    names = pl.concat([before.names, after.names]).unique().sort()
    return _among(names, before, after), _among(names, after, before)


def _among(names: pl.Series, mine: Obligors, other: Obligors) -> Obligors:
    places = [np.asarray(names.search_sorted(side.names).to_numpy(), dtype=np.int64) for side in (other, mine)]

    def spread(others: npt.NDArray[T], own: npt.NDArray[T]) -> npt.NDArray[T]:
        values = np.zeros(len(names), dtype=own.dtype)
        values[places[0]], values[places[1]] = others, own
        return values

    return replace(
        mine,
        names=names,
        pd=spread(np.zeros(len(other.names)), mine.pd),
        r2=spread(other.r2, mine.r2),
        nu=spread(other.nu, mine.nu),
        direction=spread(other.direction + len(mine.directions), mine.direction),
        directions=np.concatenate([mine.directions, other.directions]),
        facility_obligor=places[1][mine.facility_obligor],
    )
