"""The loss distribution by simulation of every name's default, in rounds until the errors are small enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk.cuts import MOST_VALUES, coded, facility_losses, scaling_note
from crfs.risk.measures import TailMeasure, interval_ranks, quantile_rank, sorted_tail_measure
from crfs.risk.obligors import Obligors
from crfs.risk.on_device import block_simulator
from crfs.risk.outcome import Outcome
from crfs.risk.result import Contribution, CurvePoint, Method
from crfs.risk.simulation import BlockResult, BlockTask, Plan, make_plan

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
RunBlocks: TypeAlias = Callable[[Iterable[int], float], list[BlockResult]]
MapBlocks: TypeAlias = Callable[[Callable[[BlockTask], BlockResult], Iterable[BlockTask]], Iterable[BlockResult]]

_FIRST_ROUND = 20_000
_CURVE_POINTS = 120
# Fewer scenarios beyond the value at risk than this say too little to call a run converged.
_LEAST_TAIL_SCENARIOS = 100
# Tail defaults are kept for the contributions; beyond this they would take gigabytes.
_MOST_TAIL_DEFAULTS = 20_000_000
# A book of no more obligors is simulated name by name unless thinning is asked for, which may take a fifth of that second or two: books of the
# same obligors have common random numbers then, so that a worse book is never a smaller loss.
MOST_PLAIN = 100
# Scenarios that stand for "the loss equals the value at risk": a share of those beyond it, and no fewer than these.
_NEAR_SHARE = 0.05
_LEAST_NEAR = 20


def simulate(
    obligors: Obligors,
    factor_model: FactorModel,
    *,
    confidences: tuple[float, ...],
    method: Method,
    rel_tol: float,
    seed: int,
    max_scenarios: int,
    listed: int | None,
    map_blocks: MapBlocks,
    device: str | None = None,
) -> Outcome:
    """The measures from scenarios in which every name's default is decided, with the errors of a sample.

    ``method`` THINNING needs obligors that share directions, PLAIN does not; AUTO takes PLAIN for a few, else the first that can.
    ``device`` is what finds the defaults of PLAIN (:mod:`crfs.risk.on_device`).
    """
    used, plan = _planned(obligors, factor_model, method)
    size = int(plan["block_size"])
    work = block_simulator(device)

    def run(numbers: Iterable[int], floor: float) -> list[BlockResult]:
        tasks = [BlockTask(plan, seed, k, min(size, max_scenarios - k * size), floor) for k in numbers]
        return sorted(map_blocks(work, tasks), key=lambda result: result.block)

    drawn = _drawn(
        run,
        obligors,
        confidences=confidences,
        rel_tol=rel_tol,
        first=-(-_FIRST_ROUND // size),
        most=-(-max_scenarios // size),
        wanted=listed is not None,
    )
    parts: tuple[Contribution, ...] | None = None
    notes = []
    if listed is not None and drawn.keeps_defaults and _has_all_tail_defaults(drawn, run, confidences):
        parts, factors = _contributions(obligors, drawn.results, size, drawn.ordered, drawn.measures, listed=listed)
        notes += scaling_note(factors)
    if not drawn.converged:
        notes.append(
            f"the errors are not yet within rel_tol {rel_tol:g} after {len(drawn.ordered):,} scenarios; raise max_scenarios for narrower intervals"
        )
    beyond = [f"{100.0 * m.confidence:.12g} %" for m in drawn.measures if not m.var_high < math.inf]
    if beyond:
        notes.append(
            f"{len(drawn.ordered):,} scenarios do not reach as far as {' or '.join(beyond)}: what is told is the greatest loss that was drawn, or near it, and "
            "no more than a lower bound; raise max_scenarios, or take another method"
        )
    if listed is not None and parts is None:
        notes.append("contributions are left out: the tail holds too many defaults to keep; ask for higher confidences or fewer scenarios")
    return _outcome(drawn.ordered, drawn.measures, parts or (), used=used, converged=drawn.converged, notes=tuple(notes))


class _Drawn(NamedTuple):
    """Blocks that were drawn, and the loss from which on each of them tells who defaulted; all losses in order and what they say."""

    results: list[BlockResult]
    floors: list[float]
    ordered: FloatArray
    measures: tuple[TailMeasure, ...]
    converged: bool
    keeps_defaults: bool


def _drawn(
    run: RunBlocks, obligors: Obligors, *, confidences: tuple[float, ...], rel_tol: float, first: int, most: int, wanted: bool
) -> _Drawn:
    """Blocks in rounds, each as many as all before it, until the errors are small enough; those that are ``wanted`` for contributions tell of defaults."""
    results: list[BlockResult] = []
    floors: list[float] = []
    floor, keeps_defaults, target = math.inf, wanted, min(most, first)
    while True:
        fresh = run(range(len(results), target), floor)
        results += fresh
        floors += [floor] * len(fresh)
        ordered = np.sort(np.concatenate([result.losses for result in results]))
        measures = tuple(_measure(ordered, obligors, confidence) for confidence in confidences)
        converged = all(within(measure, rel_tol) for measure in measures)
        if converged or target == most:
            return _Drawn(results, floors, ordered, measures, converged, keeps_defaults)
        if keeps_defaults and not math.isfinite(floor):
            # A loss that the final value at risk will not fall below, but for one chance in a billion; then blocks are simply run again.
            rank = interval_ranks(len(ordered), min(confidences), level=1.0 - 1e-9)[0]
            floor = max(float(ordered[rank - 1]) if rank else 0.0, math.ulp(0.0))
        following = min(most, 2 * target)
        kept = sum(len(result.tail_loss) for result in results)
        if kept + sum(len(result.tail_loss) for result in fresh) * (following - target) / len(fresh) > _MOST_TAIL_DEFAULTS:
            floor, keeps_defaults = math.inf, False
        target = following


def _has_all_tail_defaults(drawn: _Drawn, run: RunBlocks, confidences: tuple[float, ...]) -> bool:
    """Run the blocks again that told too little of who defaulted in the tail; false where that is too much to keep."""
    results = drawn.results
    least = max(min(_quantile(drawn.ordered, confidence) for confidence in confidences), math.ulp(0.0))
    again = [k for k, floor in enumerate(drawn.floors) if floor > least]
    # One block tells how much the others will hold.
    for k, result in zip(again[:1], run(again[:1], least), strict=True):
        results[k] = result
        if len(result.tail_loss) * len(results) > _MOST_TAIL_DEFAULTS:
            return False
    for k, result in zip(again[1:], run(again[1:], least), strict=True):
        results[k] = result
    return True


def _planned(obligors: Obligors, factor_model: FactorModel, method: Method) -> tuple[Method, Plan]:
    """What the blocks share, and the method that it is for."""
    if method is Method.THINNING or (method is not Method.PLAIN and len(obligors.names) > MOST_PLAIN):
        plan = make_plan(obligors, factor_model, thinning=True)
        if plan is not None:
            return Method.THINNING, plan
        if method is Method.THINNING:
            raise InvalidInput(
                "thinning needs obligors that share directions; this book has too many directions: use method 'plain' or 'auto'"
            )
    plan = make_plan(obligors, factor_model, thinning=False)
    assert plan is not None  # only thinning can be refused
    return Method.PLAIN, plan


def _outcome(
    ordered: FloatArray,
    measures: tuple[TailMeasure, ...],
    parts: tuple[Contribution, ...],
    *,
    used: Method,
    converged: bool,
    notes: tuple[str, ...],
) -> Outcome:
    """The sample's moments and curve beside its measures."""
    n = len(ordered)
    mean = float(ordered.mean())
    deviation = ordered - mean
    variance = float(np.square(deviation).sum()) / (n - 1)
    fourth = float(np.square(np.square(deviation)).mean())
    ul = math.sqrt(variance)
    return Outcome(
        measures=measures,
        mean=mean,
        mean_se=math.sqrt(variance / n),
        ul=ul,
        ul_se=math.sqrt(max(0.0, fourth - variance**2) / n) / (2.0 * ul) if ul > 0.0 else 0.0,
        curve=_curve(ordered),
        contributions=parts,
        method=used,
        scenarios=n,
        converged=converged,
        notes=notes,
    )


def _measure(ordered: FloatArray, obligors: Obligors, confidence: float) -> TailMeasure:
    """The sample's measure, or the exact one where defaults are rarer than the tail is wide."""
    without = obligors.rarer_than_the_tail(confidence)
    if without is not None:
        return without
    measure = sorted_tail_measure(ordered, confidence=confidence)
    # No loss is below zero, so a sample too small to bound the quantile from below is bounded all the same.
    return measure if measure.var_low > -math.inf else replace(measure, var_low=0.0, es_low=max(0.0, measure.es_low))


def within(measure: TailMeasure, rel_tol: float) -> bool:
    """Whether the errors of a measure are within ``rel_tol`` of it, and the tail seen often enough to say so."""
    if measure.exact:
        return True
    if measure.tail_scenarios < _LEAST_TAIL_SCENARIOS:
        return False
    return measure.var_se <= rel_tol * measure.var and measure.es_se <= rel_tol * measure.es


def _quantile(ordered: FloatArray, confidence: float) -> float:
    return float(ordered[quantile_rank(len(ordered), confidence) - 1])


def _curve(ordered: FloatArray) -> tuple[CurvePoint, ...]:
    """Exceedance curve with a 95 % band, its points even in the logarithm of the probability, down to ten scenarios."""
    n = len(ordered)
    points = []
    for probability in np.geomspace(0.999, 10.0 / n, _CURVE_POINTS):
        confidence = 1.0 - float(probability)
        rank = min(n, max(1, math.ceil(n * confidence)))
        low, high = interval_ranks(n, confidence)
        points.append(
            CurvePoint(
                exceedance_probability=float(probability),
                loss=float(ordered[rank - 1]),
                loss_low=float(ordered[low - 1]) if low >= 1 else 0.0,
                loss_high=float(ordered[high - 1]) if high <= n else math.inf,
            )
        )
    return tuple(points)


def _contributions(
    obligors: Obligors, results: list[BlockResult], size: int, ordered: FloatArray, measures: tuple[TailMeasure, ...], *, listed: int
) -> tuple[tuple[Contribution, ...], list[float]]:
    """Mean loss of each obligor and sector in the tail, the atom at the quantile included, and around the value at risk; scaled to the measures.

    The second are the factors. That of an expected shortfall is one but where it is known without the sample; that of a value at risk is not, since
    few scenarios lose that very amount, and those around it stand in for them.
    """
    confidences = tuple(measure.confidence for measure in measures)
    losses = np.concatenate([result.losses for result in results])
    scenario = np.concatenate([result.tail_scenario + result.block * size for result in results])
    obligor = np.concatenate([result.tail_obligor for result in results])
    loss = np.concatenate([result.tail_loss for result in results])
    starts = np.searchsorted(obligors.facility_obligor, np.arange(len(obligors.names) + 1))
    count = starts[obligor + 1] - starts[obligor]
    entry = np.repeat(np.arange(len(obligor)), count)
    facility = starts[obligor][entry] + np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)
    pieces = facility_losses(obligors, facility, loss[entry])
    tail_scenarios, tail_row = np.unique(scenario, return_inverse=True)
    weights = [_tail_weights(losses, tail_scenarios, _quantile(ordered, confidence), confidence) for confidence in confidences]
    near = [_line_weights(losses, tail_scenarios, _quantile(ordered, confidence)) for confidence in confidences]
    factors = [
        _factor(total, float(weight @ losses[tail_scenarios]))
        for pair, measure in zip(zip(weights, near, strict=True), measures, strict=True)
        for weight, total in zip(pair, (measure.es, measure.var), strict=True)
    ]

    # Names are many and seldom in the tail: theirs are sums over defaults, without a table.
    by_name = [
        [_mean_and_error_of_names(weight[tail_row], obligor, loss, weight, len(obligors.names)) for weight in pair]
        for pair in zip(weights, near, strict=True)
    ]
    top = np.argsort(-by_name[int(np.argmax(confidences))][0][0], kind="stable")[:listed]
    scaled = partial(_contribution, es_factors=factors[::2], var_factors=factors[1::2])
    ead, el = obligors.ead, obligors.expected_loss
    parts = [scaled(("obligor", obligors.names[int(i)]), float(ead[i]), float(el[i]), by_name, int(i)) for i in top]
    # The scenarios of a block are its own: so a table of what the values of a column lost in each need not be of all of them.
    ends = np.searchsorted(entry, np.cumsum([len(result.tail_obligor) for result in results])).tolist()
    blocks = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True) if end > start]
    row, each = tail_row[entry], [weight for pair in zip(weights, near, strict=True) for weight in pair]
    facility_mean = obligors.facility_ead * obligors.facility_lgd
    facility_el = obligors.pd[obligors.facility_obligor] * facility_mean
    for tag in obligors.facility_tags:
        values, code = coded(obligors, tag)
        if len(values) > MOST_VALUES:
            continue
        width = len(values)
        of_each = _means_and_errors(each, row, code[facility], pieces, blocks=blocks, width=width)
        measured = [of_each[k : k + 2] for k in range(0, len(of_each), 2)]
        tag_ead = np.bincount(code, weights=obligors.facility_ead, minlength=width)
        tag_el = np.bincount(code, weights=facility_el, minlength=width)
        parts += [scaled((tag, value), float(tag_ead[k]), float(tag_el[k]), measured, k) for k, value in enumerate(values)]
    return tuple(parts), factors


def _factor(total: float, whole: float) -> float:
    return total / whole if whole > 0.0 else 1.0


def _means_and_errors(
    weights: list[FloatArray], row: IntArray, place: IntArray, amount: FloatArray, *, blocks: list[slice], width: int
) -> list[tuple[FloatArray, FloatArray]]:
    """For each weight of the kept scenarios the mean of what each of ``width`` places lost, and its standard error for the scenarios that count.

    Of each ``amount`` the ``row`` is the scenario and the ``place`` who lost it; no two of the ``blocks`` of them have a scenario in common.
    """
    first, second = np.zeros((2, len(weights), width))
    for block in blocks:
        start = int(row[block].min())
        rows = int(row[block].max()) + 1 - start
        table = np.bincount((row[block] - start) * width + place[block], weights=amount[block], minlength=rows * width).reshape(rows, width)
        some = np.stack([weight[start : start + rows] for weight in weights])
        first += some @ table
        second += some @ np.square(table)
    return [
        (mean, np.sqrt(np.clip(square - mean**2, 0.0, None) * float(np.square(weight).sum())))
        for weight, mean, square in zip(weights, first, second, strict=True)
    ]


def _mean_and_error_of_names(
    per_default: FloatArray, obligor: IntArray, loss: FloatArray, weight: FloatArray, count: int
) -> tuple[FloatArray, FloatArray]:
    first = np.bincount(obligor, weights=per_default * loss, minlength=count).astype(np.float64)
    second = np.bincount(obligor, weights=per_default * loss**2, minlength=count).astype(np.float64)
    return first, np.sqrt(np.clip(second - first**2, 0.0, None) * float(np.square(weight).sum()))


def _contribution(
    what: tuple[str, str | None],
    ead: float,
    el: float,
    measured: list[list[tuple[FloatArray, FloatArray]]],
    k: int,
    *,
    es_factors: list[float],
    var_factors: list[float],
) -> Contribution:
    return Contribution(
        by=what[0],
        name=what[1],
        ead=ead,
        el=el,
        es=tuple(factor * float(tail[0][k]) for factor, (tail, _) in zip(es_factors, measured, strict=True)),
        es_se=tuple(factor * float(tail[1][k]) for factor, (tail, _) in zip(es_factors, measured, strict=True)),
        var=tuple(factor * float(line[0][k]) for factor, (_, line) in zip(var_factors, measured, strict=True)),
        var_se=tuple(factor * float(line[1][k]) for factor, (_, line) in zip(var_factors, measured, strict=True)),
    )


def _line_weights(losses: FloatArray, scenarios: npt.NDArray[np.int64], var: float) -> FloatArray:
    """Weights of the kept scenarios around the value at risk, equal and summing to one: the sample's stand-in for a loss that equals it.

    The scenarios at the value at risk itself where there are many (an atom), else a few nearest on either side of it.
    """
    mine = losses[scenarios]
    if not len(mine):
        return np.zeros(0)
    wanted = max(_LEAST_NEAR, round(_NEAR_SHARE * len(mine)))
    at = mine == var
    if np.count_nonzero(at) < wanted:
        distance = np.sort(np.abs(mine - var))
        at = np.abs(mine - var) <= distance[min(wanted, len(distance)) - 1]
    return at / np.count_nonzero(at) if at.any() else np.zeros(len(mine))


def _tail_weights(losses: FloatArray, scenarios: npt.NDArray[np.int64], var: float, confidence: float) -> FloatArray:
    """Weight of each kept scenario in the expected shortfall; over all scenarios they sum to one."""
    n = len(losses)
    above = int(np.count_nonzero(losses > var))
    at = int(np.count_nonzero(losses == var))
    each = 1.0 / (n * (1.0 - confidence))
    atom = max(0.0, (1.0 - above * each)) / at
    mine = losses[scenarios]
    return np.where(mine > var, each, np.where(mine == var, atom, 0.0))
