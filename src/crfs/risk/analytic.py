"""Outcomes of the methods that draw no name's own noise: the exact one and the collapsed one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.collapsed import Collapsed, Quantile
from crfs.risk.contributions import contributions
from crfs.risk.cuts import cut, scaling_note
from crfs.risk.exact import ExactTail
from crfs.risk.few_names import FewNames
from crfs.risk.lattice import beyond
from crfs.risk.measures import TailMeasure, certain
from crfs.risk.mixture import Mixture
from crfs.risk.obligors import Obligors
from crfs.risk.outcome import Outcome
from crfs.risk.result import Contribution, CurvePoint, Method
from crfs.risk.scrambles import scramble_error, student, unit_error
from crfs.risk.systematic import lattice_step, systematic_errors
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]

_CURVE_POINTS = 60
# Where every point of the curve takes a look at every point of the factors.
_CURVE_POINTS_BY_EXPANSION = 32


def exact_outcome(obligors: Obligors, found: ExactTail, confidences: tuple[float, ...], *, listed: int | None) -> Outcome:
    """No error anywhere (``listed`` obligors are told with their parts, None: no parts): the factor was integrated over to the last digits."""
    unit = found.names.unit
    losses = unit * found.values
    mean = float((losses * found.probability).sum())
    variance = float((np.square(losses - mean) * found.probability).sum())
    measures = []
    es = np.zeros((len(confidences), len(obligors.names), 1))
    var = np.zeros_like(es)
    for confidence in confidences:
        at, beyond = found.measures(confidence)
        measures.append(certain(confidence, unit * at, unit * beyond))
    for c, parts in enumerate(found.contributions(confidences) if listed is not None else ()):
        es[c, found.names.obligor, 0], var[c, found.names.obligor, 0] = (unit * part for part in parts)
    return Outcome(
        measures=tuple(measures),
        mean=mean,
        mean_se=0.0,
        ul=math.sqrt(variance),
        ul_se=0.0,
        curve=lattice_curve(found.probability, losses),
        contributions=cut(obligors, es, var, listed=listed) if listed is not None else (),
        method=Method.EXACT,
        scenarios=0,
        converged=True,
        notes=("the distribution is exact: names are independent given the factor, and the factor is integrated over by quadrature",),
    )


def few_names_outcome(
    obligors: Obligors,
    found: FewNames,
    confidences: tuple[float, ...],
    *,
    rel_tol: float,
    most_points: int,
    listed: int | None,
    map_tasks: MapTasks,
    method: Method,
) -> Outcome:
    """Names exactly, factors by points: an error over the scrambles, and what rounding may do to losses that have no lattice of their own.

    An atom that every scramble finds has no error.
    """
    unit, scrambles = found.names.unit, found.points.scrambles
    mean, deviation = (unit * each for each in found.moments(float(obligors.expected_loss.sum()) / unit))
    es, var = np.zeros((2, len(confidences), len(obligors.names), scrambles))
    without = [obligors.rarer_than_the_tail(confidence) for confidence in confidences]
    measures = [certainly or few_names_measure(found, confidence) for certainly, confidence in zip(without, confidences, strict=True)]
    factors: list[float] = []
    for c, (tail, line) in enumerate(found.contributions(confidences, map_tasks) if listed is not None else ()):
        if without[c] is not None:
            es[c] = _parts_without_loss(obligors, confidences[c])[:, None]
            continue
        for target, part, total in ((es, tail, measures[c].es), (var, line, measures[c].var)):
            whole = unit * float(part.mean(axis=1).sum())
            factors.append(total / whole if whole > 0.0 else 1.0)
            target[c, found.names.obligor] = unit * factors[-1] * part

    notes = ["names are taken exactly given the factors; the factors by 8 scrambles of Sobol points"]
    step, by_bounds = unit * found.lattice.rounded_to, found.rounded is not None
    if step > 0.0:
        included = "the measures of all losses rounded down and rounded up" if by_bounds else "what that adds to the variance, and one step"
        notes.append(f"losses are spread over points {step:.6g} apart with their means kept; the intervals include {included}")
        random = obligors.facility_obligor[(obligors.facility_lgd_sd > 0.0) & (obligors.facility_ead > 0.0)]
        if len(random) > len(np.unique(random)):
            notes.append("the facilities of an obligor that have a random lgd are taken as one of the same mean and variance")
    notes += scaling_note(factors)
    if not found.fine_enough(confidences, rel_tol):
        notes.append(f"what the rounding of losses may do is not within rel_tol {rel_tol:g} on the finest lattice that is payable")
    elif not found.converged:
        more = "raise max_scenarios" if 2 * len(found.points) > most_points else "more are not payable: take a wider rel_tol, or 'thinning'"
        notes.append(f"the errors are not yet within rel_tol {rel_tol:g} after {len(found.points):,} points; {more}")
    return Outcome(
        measures=tuple(measures),
        mean=float(mean.mean()),
        mean_se=scramble_error(mean),
        ul=float(deviation.mean()),
        ul_se=scramble_error(deviation),
        curve=_few_names_curve(found),
        contributions=cut(obligors, es, var, listed=listed) if listed is not None else (),
        method=method,
        scenarios=len(found.points),
        converged=found.converged,
        notes=tuple(notes),
    )


def _parts_without_loss(obligors: Obligors, confidence: float) -> FloatArray:
    """What each obligor contributes to the expected shortfall where every loss lies in the tail."""
    return np.asarray(obligors.expected_loss / (1.0 - confidence))


def few_names_measure(found: FewNames, confidence: float) -> TailMeasure:
    """Its errors over the scrambles; the interval includes what rounding may do, and the sums that a quantile may be as well."""
    by_var, by_es = found.by_rounding(confidence)
    by_var += found.lattice.rounded_to if found.rounded is None else 0.0
    unit, greatest, reach = found.names.unit, _greatest(found), student(found.points.scrambles)
    var, es, var_each, es_each = found.measure(confidence)
    var, es = min(var, greatest), min(es, greatest)
    bounds, level = found.bounds, np.array([1.0 - confidence])
    (var_low, _), (_, var_high) = (each.quantile_intervals(level, reach) for each in bounds)
    es_low, es_high = (
        at + sign * reach * scramble_error(each)
        for sign, (_, at, _, each) in zip((-1.0, 1.0), (bound.measure(confidence) for bound in bounds), strict=True)
    )
    return TailMeasure(
        confidence=confidence,
        var=unit * var,
        var_se=unit * scramble_error(var_each),
        var_low=unit * max(0.0, min(float(var_low[0]), var) - by_var),
        var_high=unit * max(min(float(var_high[0]) + by_var, greatest), var),
        es=unit * es,
        es_se=unit * scramble_error(es_each),
        es_low=unit * max(0.0, min(es_low - by_es, es)),
        es_high=unit * max(min(es_high + by_es, greatest), es),
        tail_scenarios=len(found.points),
    )


def _few_names_curve(found: FewNames) -> tuple[CurvePoint, ...]:
    """The exceedance curve with a 95 % band, of the scrambles and of what was rounded."""
    unit, greatest, reach = found.names.unit, _greatest(found), student(found.points.scrambles)
    points = lattice_curve(found.probability.mean(axis=0), unit * np.minimum(found.lattice.values, greatest))
    beyond_them = np.array([point.exceedance_probability for point in points])
    (low, _), (_, high) = (each.quantile_intervals(beyond_them, reach) for each in found.bounds)
    # What lies beyond a lattice that ends before the losses do has no place of its own.
    end = found.lattice.end
    return tuple(
        replace(point, loss_low=min(unit * lowest, point.loss), loss_high=max(unit * min(highest, greatest), point.loss))
        for point, lowest, highest in zip(points, low.tolist(), high.tolist(), strict=True)
        if highest < end
    )


def _greatest(found: FewNames) -> float:
    """What no loss is beyond, which a fine lattice may pass by a step; a lattice that is the losses' own ends there."""
    return found.names.greatest if found.lattice.rounded_to > 0.0 else math.inf


def lattice_curve(probability: FloatArray, losses: npt.NDArray[np.floating[Any]]) -> tuple[CurvePoint, ...]:
    """Exceedance curve of a loss on a lattice, its points even in the logarithm of the probability."""
    above = beyond(probability)
    places = sorted({int(np.argmax(above <= p)) for p in np.geomspace(0.999, 1e-6, _CURVE_POINTS)})
    return tuple(
        CurvePoint(exceedance_probability=float(above[k]), loss=float(losses[k]), loss_low=float(losses[k]), loss_high=float(losses[k]))
        for k in places
        if above[k] > 0.0
    )


def collapsed_outcome(obligors: Obligors, found: Collapsed, *, rel_tol: float, listed: int | None, map_tasks: MapTasks) -> Outcome:
    """Measures with errors over the scrambles, Student's interval, and the expansion's own bias within it."""
    mixture, unit = found.mixture, found.mixture.book.names.unit
    first, _ = mixture.moments()
    deviation = mixture.spread(float(obligors.expected_loss.sum()) / unit)
    notes = [_how(found)]
    if not found.converged:
        notes.append(f"the errors are not yet within rel_tol {rel_tol:g} after {len(mixture.points):,} points; raise max_scenarios")
    if not found.trusted:
        notes.append(f"{found.doubt} is not small beside rel_tol: the book is too lumpy for this method, and 'auto' would take another")
    step = lattice_step(found, rel_tol)
    rippled = max(found.quantiles, key=lambda q: q.ripple_var)
    if step > 0.0 and step >= rippled.ripple_var:
        notes.append(
            f"losses are multiples of {unit * step:.12g}, and the expansion is smooth: the value at risk is one of them, within half of that beside "
            "the one that is told, and the intervals include it"
        )
    elif rippled.ripple_var > 0.0:
        notes.append(
            "losses are nearly alike, so that sums of them come in steps, and the expansion is smooth: the value at risk may lie "
            f"{unit * rippled.ripple_var:.2g} beside the one that is told, and the intervals include it"
        )
    parts: tuple[Contribution, ...] = ()
    if listed is not None:
        parts, factors = _contributions(obligors, found, step, map_tasks, listed)
        notes += scaling_note(factors)
    measures = tuple(obligors.rarer_than_the_tail(q.confidence) or _measure(found, q, step) for q in found.quantiles)
    return Outcome(
        measures=measures,
        mean=unit * float(first.mean()),
        mean_se=unit * scramble_error(first),
        ul=unit * float(deviation.mean()),
        ul_se=unit * scramble_error(deviation),
        curve=_curve(mixture, found.quantiles),
        contributions=parts,
        method=Method.COLLAPSED,
        scenarios=len(mixture.points),
        converged=found.converged,
        notes=tuple(notes),
    )


def _how(found: Collapsed) -> str:
    book = found.mixture.book
    large = len(book.explicit)
    names = f"{large} large name{'' if large == 1 else 's'} taken exactly, the others" if large else "they are taken together"
    bias = max((b / v for q in found.quantiles for b, v in zip(q.biases, (q.var, q.es), strict=True) if v > 0.0), default=0.0)
    return (
        f"no name's own noise is drawn: {names} by an expansion to third order, which is off by some {bias:.2g} of a measure "
        f"at most; the factors by {found.mixture.scrambles} scrambles of Sobol points"
    )


def _measure(found: Collapsed, q: Quantile, step: float) -> TailMeasure:
    """``step``: of a lattice on which the losses lie, in the book's units, zero where they lie on none."""
    unit, greatest = found.mixture.book.names.unit, found.mixture.book.names.greatest
    reach = student(found.mixture.scrambles)
    bias_var, bias_es = systematic_errors(found.mixture, q, step)
    var_se, es_se = q.error("var"), q.error("es")
    var_half, es_half = reach * var_se + bias_var, reach * es_se + bias_es
    return TailMeasure(
        confidence=q.confidence,
        var=unit * q.var,
        var_se=unit * var_se,
        var_low=unit * max(0.0, q.var - var_half),
        var_high=unit * min(q.var + var_half, greatest),
        es=unit * q.es,
        es_se=unit * es_se,
        es_low=unit * max(0.0, q.es - es_half),
        es_high=unit * min(q.es + es_half, greatest),
        tail_scenarios=_effective(found.mixture, q.var),
    )


def _effective(mixture: Mixture, x: float) -> int:
    """How many equally likely tail scenarios the weighted points are worth (Kish)."""
    parts = mixture.points.weight * mixture.local(x).beyond
    square = float(np.square(parts).sum())
    return round(float(parts.sum()) ** 2 / square) if square > 0.0 else 0


def _curve(mixture: Mixture, quantiles: tuple[Quantile, ...]) -> tuple[CurvePoint, ...]:
    """Exceedance curve with a 95 % band: from below the mean to beyond the strictest value at risk."""
    unit = mixture.book.names.unit
    mean = float(mixture.moments()[0].mean())
    highest = min(max((q.es for q in quantiles), default=mean) * 1.4, mixture.book.names.greatest)
    losses = np.geomspace(max(0.2 * mean, 1e-6 * highest), highest, _CURVE_POINTS_BY_EXPANSION)
    beyond, _, density = mixture.tails(losses)
    probability, slope = beyond.mean(axis=1), density.mean(axis=1)
    reach = student(mixture.scrambles)
    half = reach * beyond.std(axis=1, ddof=1) / math.sqrt(mixture.scrambles)
    points = []
    last = 1.0
    for x, p, s, h in zip(losses, probability, slope, half, strict=True):
        if not 0.0 < p < last:
            continue
        last = float(p)
        width = h / s if s > 0.0 else 0.0
        points.append(
            CurvePoint(exceedance_probability=float(p), loss=unit * x, loss_low=unit * max(0.0, x - width), loss_high=unit * (x + width))
        )
    return tuple(points)


def _contributions(
    obligors: Obligors, found: Collapsed, step: float, map_tasks: MapTasks, listed: int
) -> tuple[tuple[Contribution, ...], list[float]]:
    mixture = found.mixture
    names = mixture.book.names
    es = np.zeros((len(found.quantiles), len(obligors.names), mixture.scrambles))
    var = np.zeros_like(es)
    factors = []
    shared = unit_error(mixture.scrambles) / student(mixture.scrambles)
    unit = names.unit
    every = contributions(mixture, [(q.var, q.confidence) for q in found.quantiles], map_tasks=map_tasks)
    for c, (q, shares) in enumerate(zip(found.quantiles, every, strict=True)):
        if obligors.rarer_than_the_tail(q.confidence) is not None:
            es[c] = _parts_without_loss(obligors, q.confidence)[:, None]
            continue
        off_var, off_es = systematic_errors(mixture, q, step)
        # The parts of a scramble sum to what it says of the measure, whose influence function they share: those of the value at risk are ratios
        # in each, and a tail that holds too little by its own count begins below, with losses at the value at risk.
        whole = shares.var.sum(axis=0)
        line = shares.var * np.divide(q.var_by_scramble, whole, out=np.zeros_like(whole), where=whole > 0.0)
        lacking = 1.0 - mixture.by_scramble(mixture.local(q.var).beyond) / (1.0 - q.confidence)
        tail = shares.es + line.mean(axis=1)[:, None] * lacking
        told = (float(tail.sum(axis=0).mean()), float(whole.mean()))
        factors += [total / one if one > 0.0 else 1.0 for total, one in zip((q.es, q.var), told, strict=True)]
        for target, parts, total, off in ((es, tail, q.es, off_es), (var, line, q.var, off_var)):
            mean = float(parts.sum(axis=0).mean())
            # What the measure may be off by is theirs in proportion, as an error of all scrambles.
            scaled = parts * (unit * total / mean if mean > 0.0 else 0.0)
            target[c, names.obligor] = scaled + (scaled.mean(axis=1)[:, None] * (off / total) * shared if total > 0.0 else 0.0)
        if max(step, q.ripple_var) > 0.0 and 0.0 < off_var < q.var:
            # Where losses come in steps the value at risk is one beside the smooth one, of which other names may have other parts.
            above, below = contributions(mixture, [(q.var + off_var, q.confidence), (q.var - off_var, q.confidence)], map_tasks=map_tasks)
            apart = 0.5 * unit * (above.var - below.var).mean(axis=1) - off_var / q.var * var[c, names.obligor].mean(axis=1)
            var[c, names.obligor] += apart[:, None] * shared
    return cut(obligors, es, var, listed=listed), factors
