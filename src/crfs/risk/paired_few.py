"""Two books of a few names at the same states of the factors: each name is taken exactly there, so a worse book never has a smaller loss."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.analytic import few_names_measure
from crfs.risk.choosing import Question
from crfs.risk.few_names import FewNames, few_names
from crfs.risk.lattice import beyond, lower_quantile
from crfs.risk.measures import TailMeasure
from crfs.risk.names import Names
from crfs.risk.on_top import Anchor, Carried, compared
from crfs.risk.result import Method, RiskResult
from crfs.risk.same_points import at_points_of
from crfs.risk.scrambles import scramble_error, student
from crfs.risk.what_if import Difference, WhatIf, difference
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]


def few_names_base(names: Names, question: Question, *, fine: bool, map_tasks: MapTasks = map) -> FewNames | None:
    """The book's own distribution, to compare others with; None where the book is not for this method."""
    return few_names(
        names,
        confidences=question.confidences,
        rel_tol=question.rel_tol,
        seed=question.seed,
        most_points=question.max_scenarios,
        fine=fine,
        map_tasks=map_tasks,
    )


def few_names_what_if(
    told: RiskResult, found: FewNames, after: Names, after_el: float, *, rel_tol: float, budget: float = math.inf, map_tasks: MapTasks = map
) -> WhatIf | None:
    """The answer at the points that the book's distribution was ``found`` with; ``told`` is what is told of the book, by whatever method.

    None where these points are not for the changed book (:func:`crfs.risk.same_points.at_points_of`).
    """
    moved = at_points_of(found, after, [base.confidence for base in told.measures], rel_tol=rel_tol, budget=budget, map_tasks=map_tasks)
    if moved is None:
        return None
    method = told.method if told.method is Method.CONVOLUTION else Method.FEW_NAMES
    spreads = [_spread(side, el) for side, el in ((found, told.el), (moved, after_el))]
    ul, ul_kept = _spread_moved(told, *spreads)
    measures = []
    for base in told.measures:
        at = few_names_measure(found, base.confidence)
        own = few_names_measure(moved, base.confidence) if at.var == base.var else None
        measures.append(compared(base, own, *_tail_moved(found, moved, at, at if own is not None else base)))
    return WhatIf(
        el=after_el,
        incremental_el=after_el - told.el,
        ul=told.ul + ul.value,
        ul_se=scramble_error(spreads[1]) if told.method is method else math.hypot(ul_kept * told.ul_se, ul.se),
        incremental_ul=ul,
        measures=tuple(measures),
        method=method,
        notes=(
            f"both books are taken name by name at the same states of the factors ({method.value}): the differences have their own noise alone",
        ),
    )


def few_names_difference(before: FewNames, after: FewNames, confidence: float) -> tuple[Difference, Difference]:
    """What the value at risk and the expected shortfall of ``after`` are more than those of ``before``: two books at the same states."""
    at = few_names_measure(before, confidence)
    var, es = _tail_moved(before, after, at, at)
    return var.moved, es.moved


def _tail_moved(before: FewNames, after: FewNames, found: TailMeasure, told: TailMeasure) -> tuple[Carried, Carried]:
    """Moves of the value at risk and of the expected shortfall, of which ``found`` is what these states say of the book before."""
    greatest = before.names.unit * before.names.greatest
    by_var, by_es = (
        Anchor(told=of_book, found=of_found, greatest=greatest) for of_book, of_found in ((told.var, found.var), (told.es, found.es))
    )
    confidence = found.confidence
    return _quantile_moved(before, after, confidence, by_var), _shortfall_moved(before, after, confidence, by_es)


def _spread(found: FewNames, el: float) -> FloatArray:
    """The standard deviation of loss about its mean ``el`` by scramble, currency units."""
    return np.asarray(found.names.unit * found.moments(el / found.names.unit)[1])


def _spread_moved(told: RiskResult, before: FloatArray, after: FloatArray) -> tuple[Difference, float]:
    """The move of the standard deviation of loss, of which ``before`` and ``after`` are what was found by scramble, and what is kept of the book's error."""
    anchor = Anchor(told=told.ul, found=float(before.mean()))
    by_after, by_before, kept = anchor.slopes(float(after.mean()))
    return difference(anchor.moved(float(after.mean())), by_after * after + by_before * before), kept


def _shortfall_moved(before: FewNames, after: FewNames, confidence: float, anchor: Anchor) -> Carried:
    """Of the expected shortfall; the interval is widened by what the difference is another where both books' losses are rounded down, or up."""
    found = []
    for sides in zip((before, *before.bounds), (after, *after.bounds), strict=True):
        (_, es, _, each), (_, es_after, _, each_after) = (side.measure(confidence) for side in sides)
        units = [side.names.unit for side in sides]
        es_after = min(es_after, after.names.greatest)
        found.append((anchor.moved(units[1] * es_after, units[0] * es), units[0] * each, units[1] * each_after, units[1] * es_after))
    (value, each, each_after, after_es), *rounded = found
    by_after, by_before, kept = anchor.slopes(after_es)
    by_rounding = _by_rounding(before, after, confidence)[1] + max(abs(other - value) for other, *_ in rounded)
    moved = difference(value, by_after * each_after + by_before * each, by_rounding)
    return Carried(moved=moved, kept=kept)


def _quantile_moved(before: FewNames, after: FewNames, confidence: float, anchor: Anchor) -> Carried:
    """Of the value at risk. It is one of the sums that there are, so that all scrambles may agree on a move, or on none, and be wrong.

    The interval asks instead by how much P(L > x) may be off: what both books have in common moves the quantiles of both, and what is left of
    it that of one. On a fine lattice a quantile is known to one of its steps, and a loss is spread over two places, so that a value at risk that is one
    of few sums is in the midst of them, where that of losses rounded down, or up, is a sum again: the interval holds their differences too.
    """
    units, greatest = (before.names.unit, after.names.unit), after.names.greatest
    (var, _, each, _), (var_after, _, each_after, _) = (side.measure(confidence) for side in (before, after))
    value = anchor.moved(*_quantiles(before, after, confidence))
    by_after, by_before, kept = anchor.slopes(units[1] * var_after)
    above = [_beyond(side, at) for side, at in ((before, var), (after, var_after))]
    reach = student(before.points.scrambles)
    common, own = reach * scramble_error(above[0]), reach * scramble_error(above[1] - above[0])
    levels = [1.0 - confidence + step for step in (-common, 0.0, common)]
    low = min(
        anchor.moved(units[1] * min(_quantile(after, level + own), greatest), units[0] * _quantile(before, level)) for level in levels
    )
    high = max(
        anchor.moved(units[1] * min(_quantile(after, level - own), greatest), units[0] * _quantile(before, level)) for level in levels
    )
    rounded = (anchor.moved(*_quantiles(*sides, confidence)) for sides in zip(before.bounds, after.bounds, strict=True))
    off = _steps_of(before, after) + _by_rounding(before, after, confidence)[0] + max(abs(other - value) for other in rounded)
    se = scramble_error(by_after * units[1] * each_after + by_before * units[0] * each)
    return Carried(moved=Difference(value=value, se=se, low=min(low, value) - off, high=max(high, value) + off), kept=kept)


def _quantiles(before: FewNames, after: FewNames, confidence: float) -> tuple[float, float]:
    """Values at risk of the book after and before, currency units."""
    # A fine lattice may pass what can be lost by a step.
    return after.names.unit * min(after.measure(confidence)[0], after.names.greatest), before.names.unit * before.measure(confidence)[0]


def _quantile(found: FewNames, level: float) -> float:
    """Where P(L > x) falls to ``level``, in the book's units."""
    return float(found.lattice.values[lower_quantile(found.probability.mean(axis=0), min(max(1.0 - level, 0.0), 1.0))])


def _beyond(found: FewNames, loss: float) -> FloatArray:
    """P(L > ``loss``) by scramble; ``loss`` is one of the lattice's."""
    place = int(np.searchsorted(found.lattice.values, loss))
    return np.array([beyond(row)[place] for row in found.probability])


def _steps_of(before: FewNames, after: FewNames) -> float:
    """The steps of lattices that are not the losses' own, currency units, for a quantile is known to one; none where nothing has moved."""
    same = before.probability.shape == after.probability.shape and bool((before.probability == after.probability).all())
    return 0.0 if same else sum(side.names.unit * side.lattice.rounded_to for side in (before, after))


def _by_rounding(before: FewNames, after: FewNames, confidence: float) -> tuple[float, float]:
    """By how much more a lattice may move the value at risk and the expected shortfall of one book than those of the other, currency units."""
    (var, es), (var_after, es_after) = (tuple(side.names.unit * by for by in side.by_rounding(confidence)) for side in (before, after))
    return abs(var_after - var), abs(es_after - es)
