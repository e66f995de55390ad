"""CreditRisk+ as a method of portfolio risk: gamma sectors in place of the factor model, with the variance of the conditional expected loss kept.

Sectors are the factor model's classes, the directions (and degrees of freedom) that obligors follow. The covariance of the sectors' relative default
intensities is that of their mean losses given the factors (:mod:`crfs.risk.creditriskplus.intensities`), so that expected loss and the systematic part of
the variance are the copula's. What is another model's is the shape: gamma variables in place of functions of normal ones, and Poisson counts in place of
defaults, by which a name may default twice (M. Gordy, "A comparative anatomy of credit risk models", Journal of Banking & Finance 24, 2000,
matches the two in the same way).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.analytic import lattice_curve
from crfs.risk.creditriskplus.classes import sectors_of
from crfs.risk.creditriskplus.contributions import LatticeTail, lattice_tail
from crfs.risk.creditriskplus.fitted import MISSING_MASS, Exposed, Fitted, fit
from crfs.risk.creditriskplus.intensities import Intensities, intensities, work
from crfs.risk.creditriskplus.matching import Matched, match
from crfs.risk.cuts import cut, scaling_note
from crfs.risk.measures import TailMeasure
from crfs.risk.names import Names
from crfs.risk.obligors import Obligors
from crfs.risk.outcome import Outcome
from crfs.risk.result import Contribution, CurvePoint, Method
from crfs.risk.scrambles import SCRAMBLES, student
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# Of a confidence the least tail, for which what lies beyond the lattice is a thousandth at most.
_LEAST_TAIL = 1000.0 * MISSING_MASS
# Shares that a reader is told of: of the expected loss by second defaults, of the variance of the sectors that is not where it should be.
_TOLD_TWICE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Model:
    """Names in matched sectors, and the distributions of their loss: as it is, on the next coarser lattice where the lattice rounds, and with the
    variance a standard error up and down where it has one."""

    exposed: Exposed
    sampled: Intensities
    matched: Matched
    ul: float
    fitted: Fitted
    other: tuple[Fitted, Fitted] | None

    def coarser(self) -> Fitted | None:
        """The loss on a lattice of at least twice the step, which shows what rounding does to a part of it; None where nothing is rounded."""
        return fit(self.exposed, self.matched.sectors, ul=self.ul, beyond=self.fitted.unit) if self.fitted.rounds else None


def gamma_sectors_outcome(
    obligors: Obligors,
    names: Names,
    confidences: tuple[float, ...],
    *,
    rel_tol: float,
    seed: int,
    most_points: int,
    budget: float,
    listed: int | None,
    map_tasks: MapTasks,
) -> Outcome:
    """The outcome; :class:`InvalidInput` where the budget or double precision do not reach."""
    for confidence in confidences:
        if 1.0 - confidence < _LEAST_TAIL:
            raise InvalidInput(
                f"the method creditriskplus tells no tail of less than {_LEAST_TAIL:g}, for double precision ends there; confidence {confidence!r} asks "
                "beyond it",
                argument="confidences",
            )
    model = _modelled(obligors, names, seed=seed, most_points=most_points, budget=budget, map_tasks=map_tasks)
    fitted = model.fitted
    tails = [lattice_tail(fitted.probability, confidence) for confidence in confidences]
    measures = tuple(_measure(model, tail) for tail in tails)
    parts, factors = _contributions(obligors, names, model, tails, measures, listed=listed) if listed is not None else ((), [])
    within = all(_half(m) <= rel_tol for m in measures)
    notes = _notes(obligors, names, model)
    if not within:
        notes.append(f"the intervals are wider than rel_tol {rel_tol:g}: this method draws nothing that would narrow them")
    matched = model.sampled.total
    return Outcome(
        measures=measures,
        mean=float(fitted.losses @ fitted.probability),
        mean_se=0.0,
        ul=model.ul,
        ul_se=0.5 * model.sampled.se * names.unit**2 / model.ul if matched > 0.0 and model.ul > 0.0 else 0.0,
        curve=_curve(model),
        contributions=parts,
        method=Method.CREDITRISKPLUS,
        scenarios=model.sampled.points,
        converged=within,
        notes=(*notes, *scaling_note(factors)),
    )


def _modelled(obligors: Obligors, names: Names, *, seed: int, most_points: int, budget: float, map_tasks: MapTasks) -> _Model:
    pd = obligors.pd[names.obligor]
    living = names.chosen(np.flatnonzero(pd < 1.0))
    price = work(living) if len(living) else 0.0
    if price > budget:
        raise InvalidInput(
            f"the covariance of the default intensities takes {price:.3g} evaluations, above the budget of {budget:.3g}; raise the budget",
            argument="budget",
        )
    expected = np.bincount(names.kind, weights=np.where(pd < 1.0, pd * names.loss[0], 0.0), minlength=len(names.directions)).astype(
        np.float64
    )
    sector = sectors_of(living, expected) if len(living) else np.full(len(names.directions), -1)
    count = int(sector.max(initial=-1)) + 1
    # Without a sector there is one that nobody follows.
    found = intensities(living, pd[pd < 1.0], sector, max(count, 1), seed=seed, most_points=most_points, map_tasks=map_tasks)
    weight = np.zeros((len(names), max(count, 1)))
    mine = sector[names.kind]
    weight[np.flatnonzero(mine >= 0), mine[mine >= 0]] = 1.0
    unit = names.unit
    exposed = Exposed(
        pd=pd,
        loss=unit * names.loss[0],
        certain=unit * names.certain,
        random=unit * names.random,
        variance=unit * unit * names.loss[1],
        weight=weight,
    )
    matched = match(unit * found.expected, unit * unit * found.covariance)
    ul = math.sqrt(exposed.variance_of_loss(unit * unit * found.total))
    fitted = fit(exposed, matched.sectors, ul=ul)
    error = found.se + found.left_out
    other = None
    if found.total > 0.0 and error > 1e-9 * found.total:
        ways = (max(0.0, 1.0 + sign * error / found.total) for sign in (-1.0, 1.0))
        low, high = (fit(exposed, match(unit * found.expected, unit * unit * way * found.covariance).sectors, ul=ul) for way in ways)
        other = (low, high)
    return _Model(exposed=exposed, sampled=found, matched=matched, ul=ul, fitted=fitted, other=other)


def _measure(model: _Model, tail: LatticeTail) -> TailMeasure:
    """Standard errors are those of a sampled covariance; intervals hold what rounding may do as well."""
    fitted = model.fitted
    var, es = _amounts(fitted, tail)
    var_se = es_se = 0.0
    if model.other is not None:
        low, high = (_amounts(each, lattice_tail(each.probability, tail.confidence)) for each in model.other)
        var_se, es_se = 0.5 * abs(high[0] - low[0]), 0.5 * abs(high[1] - low[1])
    reach = student(SCRAMBLES) if model.other is not None else 0.0
    by_var, by_es = fitted.moved(tail)
    by_var += fitted.unit if fitted.rounds else 0.0
    return TailMeasure(
        confidence=tail.confidence,
        var=var,
        var_se=var_se,
        var_low=max(0.0, var - by_var - reach * var_se),
        var_high=var + by_var + reach * var_se,
        es=es,
        es_se=es_se,
        # A mean-preserving spread moves no shortfall down.
        es_low=max(0.0, es - by_es - reach * es_se),
        es_high=es + reach * es_se,
        tail_scenarios=0,
        exact=not fitted.rounds and model.other is None,
    )


def _amounts(fitted: Fitted, tail: LatticeTail) -> tuple[float, float]:
    return fitted.base + fitted.unit * tail.at, fitted.base + fitted.unit * tail.es_units


def _half(measure: TailMeasure) -> float:
    """The larger half of a measure's two intervals, as a part of it."""
    pairs = ((measure.var, measure.var_low, measure.var_high), (measure.es, measure.es_low, measure.es_high))
    return max((0.5 * (high - low) / value for value, low, high in pairs if value > 0.0), default=0.0)


def _curve(model: _Model) -> tuple[CurvePoint, ...]:
    """Exceedance probabilities with a band of a step of the lattice, and of the sampled covariance."""
    fitted = model.fitted
    points = lattice_curve(np.maximum(fitted.probability, 0.0), fitted.losses)
    step = fitted.unit if fitted.rounds else 0.0
    reach = student(SCRAMBLES)
    result = []
    for point in points:
        half = step
        if model.other is not None:
            level = point.exceedance_probability
            low, high = (
                (_amounts(each, lattice_tail(each.probability, 1.0 - level))[0] for each in model.other) if level < 1.0 else (0.0, 0.0)
            )
            half += reach * 0.5 * abs(high - low)
        result.append(replace(point, loss_low=max(0.0, point.loss - half), loss_high=point.loss + half))
    return tuple(result)


def _contributions(
    obligors: Obligors, names: Names, model: _Model, tails: list[LatticeTail], measures: tuple[TailMeasure, ...], *, listed: int
) -> tuple[tuple[Contribution, ...], list[float]]:
    """Parts that sum to the measures, and what they were multiplied by for it.

    Answers of a part lie to both sides of it, a pair for each kind of error: what a sampled variance makes of it, and what a lattice of twice the step
    does.
    """
    coarse = model.coarser()
    kinds = (model.other is not None) + (coarse is not None)
    answers = 2 * kinds or 1
    # So that the pairs' half distances add up as errors do, root sum square, in the error of the mean of all answers.
    stretch = math.sqrt(kinds * (answers - 1))
    es, var = np.zeros((2, len(tails), len(obligors.names), answers))
    factors = []
    found = model.fitted.parts(tails)
    apart = [] if model.other is None else [[[0.5 * part for part in each] for each in _apart(model, tails)]]
    rough = None if coarse is None else coarse.parts([lattice_tail(coarse.probability, tail.confidence) for tail in tails])
    for c, measure in enumerate(measures):
        for k, (target, total) in enumerate(((es, measure.es), (var, measure.var))):
            part, factor = _scaled(found[c][k], total)
            factors.append(factor)
            halves = [each[c][k] for each in apart] + ([] if rough is None else [_rounded(part, rough[c][k])])
            target[c, names.obligor] = part[:, None]
            for n, half in enumerate(halves):
                target[c, names.obligor, 2 * n] -= stretch * half
                target[c, names.obligor, 2 * n + 1] += stretch * half
    return cut(obligors, es, var, listed=listed), factors


def _rounded(parts: FloatArray, rough: FloatArray) -> FloatArray:
    """The error of parts that lie on a lattice, by what a coarser one makes of them: each part's own, and not less than twice what is usual of them.

    What rounding does to a single part depends on where its loss lies between two points, and may be nothing on both lattices by chance.
    """
    apart, whole = rough - parts, float(parts.sum())
    if whole <= 0.0:
        return apart
    usual = math.sqrt(float(np.divide(np.square(apart), parts, out=np.zeros_like(parts), where=parts > 0.0).sum()) / whole)
    return np.copysign(np.maximum(np.abs(apart), min(1.0, 2.0 * usual) * parts), apart)


def _scaled(parts: FloatArray, total: float) -> tuple[FloatArray, float]:
    """Parts that sum to a total, and what they were multiplied by for it."""
    whole = float(parts.sum())
    factor = total / whole if whole > 0.0 else 1.0
    return factor * parts, factor


def _apart(model: _Model, tails: list[LatticeTail]) -> list[tuple[FloatArray, FloatArray]]:
    """How far apart each name's parts of shortfall and value at risk are between the two variances."""
    assert model.other is not None
    low, high = (each.parts([lattice_tail(each.probability, tail.confidence) for tail in tails]) for each in model.other)
    return [(up[0] - down[0], up[1] - down[1]) for down, up in zip(low, high, strict=True)]


def _notes(obligors: Obligors, names: Names, model: _Model) -> list[str]:
    notes, found, fitted, exposed = [], model.sampled, model.fitted, model.exposed
    sectors = np.count_nonzero(exposed.weight.any(axis=0))
    notes.append(
        f"another model of dependence than the copula, and no approximation of it, so auto never takes it: Poisson defaults in {sectors} gamma sector(s); "
        "expected loss and the variance of the mean loss given the factors are the copula's"
    )
    followed = np.unique(names.kind[exposed.weight.any(axis=1)])
    if len(followed) > sectors:
        notes.append(f"the {len(followed):,} directions that the book follows are put together in {sectors} sectors, the nearest in one")
    if model.matched.apart > 0.0:
        notes.append(
            f"the sectors hang together by {model.matched.dependence.value}, which misses their covariances by {model.matched.apart:.2g} of them, root mean "
            "square, and keeps their sum"
        )
    if found.points:
        part = found.se / found.total if found.total > 0.0 else 0.0
        notes.append(
            f"that variance is sampled at {found.points:,} Sobol points, to {part:.2g} of itself: standard errors are what this does to each number"
        )
    twice = _twice(exposed)
    if twice > 0.0:
        notes.append(f"{100.0 * twice:.2f} % of the expected loss are second and later defaults of one name, which Poisson counts allow")
    greatest = float((obligors.certain_loss + obligors.random_exposure).sum())
    above = float(fitted.probability[fitted.losses > greatest * (1.0 + 1e-12)].sum())
    if above > 1e-9:
        notes.append(
            f"a loss beyond {greatest:,.2f}, all that can be lost, has a probability of {above:.2g} here, for a name may default twice"
        )
    gone = exposed.gone
    if len(gone):
        notes.append(f"{len(gone):,} obligor(s) of pd 1 have defaulted once, for certain")
        uncertain = int(np.count_nonzero(exposed.variance[gone]))
        if uncertain > 1:
            notes.append(f"the uncertain losses of {uncertain:,} of them are taken as one of the same mean and variance")
    random = obligors.facility_obligor[(obligors.facility_lgd_sd > 0.0) & (obligors.facility_ead > 0.0)]
    if len(random) > len(np.unique(random)):
        notes.append("the facilities of an obligor that have a random lgd are taken as one of the same mean and variance")
    if fitted.rounds:
        drawn = (
            ""
            if found.points
            else "nothing is drawn, so that value at risk and shortfall have no sampling error: their intervals are numerical; "
        )
        notes.append(
            f"{drawn}losses are spread over points {fitted.unit:.6g} apart with their means kept; the intervals include what that adds to the variance, "
            "and one step, and the error of a part is what points further apart make of it"
        )
    return notes


def _twice(exposed: Exposed) -> float:
    """Of the expected loss, the part by second and later defaults at the mean intensity; 0 where nobody needs to know."""
    pd, loss = exposed.pd[exposed.alive], exposed.loss[exposed.alive]
    whole = float((pd * loss).sum())
    twice = float(((pd + np.expm1(-pd)) * loss).sum()) / whole if whole > 0.0 else 0.0
    return twice if twice > _TOLD_TWICE else 0.0
