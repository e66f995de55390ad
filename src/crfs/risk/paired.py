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

from crfs.credit.confidences import percentage
from crfs.credit.factor_model import FactorModel
from crfs.risk.measures import TailMeasure, quantile_rank, sorted_tail_measure
from crfs.risk.obligors import Obligors
from crfs.risk.on_device import block_simulator
from crfs.risk.on_top import Anchor, Carried, compared
from crfs.risk.paired_few import few_names_difference
from crfs.risk.portfolio import MeasuredBook
from crfs.risk.result import Method, RiskResult
from crfs.risk.scrambles import Z95
from crfs.risk.simulated import MOST_PLAIN
from crfs.risk.simulation import BlockTask, Plan, make_paired_plan, make_plan, simulate_paired_block
from crfs.risk.what_if import Difference, WhatIf, WhatIfMeasure, rerun_what_if
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
T = TypeVar("T", np.float64, np.int64)


# Obligor-scenarios of a book that are drawn name by name, whatever the book's own run does: some seconds.
_MOST_PLAIN_PAIR = 2.5e8


def pair_method(method: Method, names: int, scenarios: int) -> Method:
    """How two books of so many names are simulated together, where ``method`` is that of their runs: name by name wherever that is payable.

    Then a book has the same losses whatever it is compared with, so that of shocks that grow each is beside the same numbers; thinned, every pair
    has a bound of its own, and numbers that follow from it.
    """
    return Method.PLAIN if names * scenarios <= _MOST_PLAIN_PAIR else method


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
    device: str | None = None,
) -> PairedLosses:
    """Both books in the first ``scenarios`` scenarios of the seed. A book of few names, or one that is simulated by PLAIN, is drawn name by name:
    then its losses are those of a run of its own. Others are thinned together where they follow the same directions of one model.

    The models have equally many factors; those of the second are driven by the same normals. ``device`` is what finds the
    defaults of those that are drawn name by name.
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
    simulate_block = block_simulator(device)
    for obligors, model in zip((before, after), models, strict=True):
        plan = make_plan(obligors, model, thinning=False)
        assert plan is not None  # only thinning can be refused
        blocks = map_blocks(simulate_block, _tasks(plan, seed, scenarios, int(plan["block_size"])))
        found.append(np.concatenate([result.losses for result in sorted(blocks, key=lambda result: result.block)]))
    return PairedLosses(before=found[0], after=found[1], method=Method.PLAIN)


def _tasks(plan: Plan, seed: int, scenarios: int, size: int) -> list[BlockTask]:
    return [BlockTask(plan, seed, k, min(size, scenarios - k * size), math.inf) for k in range(-(-scenarios // size))]


def paired_what_if(before: RiskResult, after_el: float, pair: PairedLosses, *, greatest: float) -> WhatIf:
    """The answer by two books of common scenarios: what is told of the book, and the paired differences on top of it.

    So a book that was measured better than by these scenarios keeps its numbers, and the changed one inherits them. ``greatest`` is all that the book
    can lose.
    """
    ordered = np.sort(pair.before), np.sort(pair.after)
    same_ul = before.ul == _deviation(pair.before)
    ul, ul_kept = _spread(pair, before.ul)
    measures = []
    for told in before.measures:
        # Where the book's own run had these scenarios, so has the changed book: its error is that of the sample.
        same = not told.exact and float(ordered[0][quantile_rank(len(ordered[0]), told.confidence) - 1]) == told.var
        own = sorted_tail_measure(ordered[1], confidence=told.confidence) if same else None
        measures.append(compared(told, own, *_tail(pair, ordered, told.confidence, told if own is None else None, greatest)))
    return WhatIf(
        el=after_el,
        incremental_el=after_el - before.el,
        ul=before.ul + ul.value,
        ul_se=_error_of_spread(pair.after) if same_ul else math.hypot(ul_kept * before.ul_se, ul.se),
        incremental_ul=ul,
        measures=tuple(measures),
        method=pair.method,
        notes=_notes(before, pair, measures),
    )


def _notes(before: RiskResult, pair: PairedLosses, measures: list[WhatIfMeasure]) -> tuple[str, ...]:
    how = (
        f"the changed book is simulated in {len(pair.before):,} scenarios beside the book, with common random numbers ({pair.method.value}): "
        "the differences have their own noise alone"
    )
    told = [how]
    if before.method is Method.IMPORTANCE_SAMPLING:
        told.append(
            f"its states are drawn as they are likely, not moved to the tail as in the book's own run ({before.method.value}): its errors are wider than "
            "those of the book"
        )
    unknown = [
        f"{name} {percentage(m.confidence)} %"
        for m in measures
        for name, moved in (("VaR", m.incremental_var), ("ES", m.incremental_es))
        if moved.se == math.inf
    ]
    if not unknown:
        return tuple(told)
    rare = f"by how much {', '.join(unknown)} differ is less than {len(pair.before):,} scenarios can tell: no scenario that matters has moved; "
    return (*told, rare + "raise max_scenarios")


def differences(
    before: MeasuredBook, after: MeasuredBook, *, map_blocks: MapTasks = map, device: str | None = None
) -> tuple[tuple[Difference, Difference], ...]:
    """Of the value at risk and of the expected shortfall of two measured books at each confidence, the second less the first.

    Two runs that took their names one by one at the same states of the factors, or drew every name in the same scenarios of one seed, have common random
    numbers: their differences have their own noise alone. Of others the errors of both are in them, which is more than there is. One book in one world
    differs from itself by nothing, exactly.
    """
    first, second = before.result, after.result
    if before.factor_model == after.factor_model and before.obligors.same_as(after.obligors) and first.measures == second.measures:
        none = Difference(value=0.0, se=0.0, low=0.0, high=0.0)
        return tuple((none, none) for _ in first.measures)
    few = before.found.few_names, after.found.few_names
    if few[0] is not None and few[1] is not None and few[0].points is few[1].points:
        return tuple(few_names_difference(few[0], few[1], told.confidence) for told in first.measures)
    if first.method is second.method is Method.PLAIN and (first.seed, first.scenarios) == (second.seed, second.scenarios):
        pair = simulate_pair(
            before.obligors,
            after.obligors,
            (before.factor_model, after.factor_model),
            method=Method.PLAIN,
            seed=first.seed,
            scenarios=first.scenarios,
            map_blocks=map_blocks,
            device=device,
        )
        ordered = np.sort(pair.before), np.sort(pair.after)
        tails = (_tail(pair, ordered, told.confidence) for told in first.measures)
        return tuple((var.moved, es.moved) for var, es in tails)
    return tuple((m.incremental_var, m.incremental_es) for m in rerun_what_if(first, second).measures)


def _tail(
    pair: PairedLosses,
    ordered: tuple[FloatArray, FloatArray],
    confidence: float,
    told: TailMeasure | None = None,
    greatest: float = math.inf,
) -> tuple[Carried, Carried]:
    """Moves of the value at risk and of the expected shortfall, from what is ``told`` of the book; from these scenarios where nothing else is."""
    level, count = 1.0 - confidence, len(pair.before)
    values: list[tuple[float, float]] = []
    influences: list[tuple[FloatArray, FloatArray]] = []
    for losses, sample in zip((pair.before, pair.after), ordered, strict=True):
        own = sorted_tail_measure(sample, confidence=confidence)
        # One over the density at the value at risk, from the interval of ranks; none where an atom holds it.
        pace = own.var_se / math.sqrt(confidence * level / count)
        values.append((own.var, own.es))
        # Where the ranks run out, the sample does not say how far off its quantile is.
        quantile = np.where(losses > own.var, pace, 0.0) if pace < math.inf else np.full(count, math.inf)
        beyond = np.maximum(losses - own.var, 0.0) / level if own.es_se < math.inf else np.full(count, math.inf)
        influences.append((quantile, beyond))
    starts = values[0] if told is None else (told.var, told.es)
    var, es = (
        _carried(Anchor(told=starts[k], found=values[0][k], greatest=greatest), values[1][k], influences[1][k], influences[0][k])
        for k in (0, 1)
    )
    return var, es


def _spread(pair: PairedLosses, told: float) -> tuple[Difference, float]:
    """The move of the standard deviation of loss from what is ``told`` of the book, and what is kept of the book's error."""
    values, influences = [], []
    for losses in (pair.before, pair.after):
        deviation = losses - losses.mean()
        ul = _deviation(losses)
        values.append(ul)
        influences.append(np.square(deviation) / (2.0 * ul) if ul > 0.0 else np.zeros(len(losses)))
    carried = _carried(Anchor(told=told, found=values[0]), values[1], influences[1], influences[0])
    return carried.moved, carried.kept


def _deviation(losses: FloatArray) -> float:
    return math.sqrt(float(np.square(losses - losses.mean()).sum()) / (len(losses) - 1))


def _error_of_spread(losses: FloatArray) -> float:
    ul = _deviation(losses)
    return float(np.square(losses - losses.mean()).std()) / (2.0 * ul * math.sqrt(len(losses))) if ul > 0.0 else 0.0


def _carried(anchor: Anchor, after: float, influence_after: FloatArray, influence_before: FloatArray) -> Carried:
    by_after, by_before, kept = anchor.slopes(after)
    # No slope makes something of nothing known.
    parts = (
        by_after * influence_after if by_after else np.zeros(1),
        -by_before * influence_before if by_before else np.zeros(len(influence_before)),
    )
    return Carried(moved=_difference(anchor.moved(after), *parts), kept=kept)


def _difference(value: float, after: FloatArray, before: FloatArray) -> Difference:
    """``after`` and ``before`` are what each scenario does to the two numbers (their influence functions, up to a constant)."""
    if not (np.isfinite(after).all() and np.isfinite(before).all()):
        return Difference(value=value, se=math.inf, low=-math.inf, high=math.inf)
    moved = after - before
    if value == 0.0 and before.any() and not moved.any():
        # Not one scenario that matters has moved: the difference is less than so many scenarios can tell, which is not nothing.
        return Difference(value=value, se=math.inf, low=-math.inf, high=math.inf)
    se = float(moved.std(ddof=1)) / math.sqrt(len(moved))
    return Difference(value=value, se=se, low=value - Z95 * se, high=value + Z95 * se)


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
