"""Every name's default is drawn, in states of the world that are moved to where the losses are: exact for any book, and sharp in the tail.

The factors come from the scrambled Sobol points of :mod:`crfs.risk.points`, weighted by how much likelier they are than they were drawn; who defaults
in a state is found as in the plain scenarios of :mod:`crfs.risk.simulation`. Nothing is expanded or rounded, so the answer is unbiased however
lumpy the book; a tail of one in a thousand is seen in every few scenarios, not in one in a thousand
(P. Glasserman and J. Li, "Importance sampling for portfolio credit risk", Management Science 51, 2005).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.factor_model import FactorModel
from crfs.risk.aiming import bad_directions
from crfs.risk.collapsed import find_aims
from crfs.risk.conditional import condition
from crfs.risk.cuts import cut, scaling_note
from crfs.risk.measures import TailMeasure
from crfs.risk.names import make_names
from crfs.risk.obligors import Obligors
from crfs.risk.outcome import Outcome
from crfs.risk.points import Points, draw
from crfs.risk.result import Contribution, Method
from crfs.risk.scrambles import SCRAMBLES, scramble_error
from crfs.risk.simulated import within
from crfs.risk.simulation import Plan, make_plan, simulate_states
from crfs.risk.weighted_tail import WeightedTail
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]

_FIRST, _LEAST = 256, 32
"""Points of a stratum in the first round, and the fewest that are worth one."""
# Points that are not moved, beside those of a moved stratum: a loss that one name makes by itself comes in any state, and its weight must not be large.
_UNMOVED = 1.0
_STATES_A_TASK = 256
# Scenarios that stand for "the loss equals the value at risk": a share of those beyond it, and no fewer than these.
_NEAR_SHARE, _LEAST_NEAR = 0.05, 160


class _Task(NamedTuple):
    """States to be simulated, in plain values and arrays; ``columns`` (columns x states) are what a scenario's losses are counted with, by obligor."""

    plan: Plan
    seed: int
    block: int
    epsilon: FloatArray
    mixing: FloatArray
    columns: FloatArray | None = None


class _Round(NamedTuple):
    """Points that were drawn together, where their blocks begin to be numbered, and the loss at each."""

    points: Points
    first_block: int
    losses: FloatArray


def importance_sampled(
    obligors: Obligors,
    factor_model: FactorModel,
    *,
    confidences: tuple[float, ...],
    rel_tol: float,
    seed: int,
    max_scenarios: int,
    listed: int | None,
    map_tasks: MapTasks,
) -> Outcome | None:
    """Scenarios in rounds, each as many as all before it, until the errors are small enough; None where ``max_scenarios`` are too few for one round.

    Contributions are wanted, with so many ``listed`` obligors, or are not (None): they take the same scenarios once more.
    """
    # Where to aim is asked of the book with its mean losses: an aim that is not the best makes the errors larger, and nothing else.
    names = make_names(replace(obligors, facility_lgd_loading=np.zeros_like(obligors.facility_lgd_loading)), factor_model)
    book = condition(names)
    aims = find_aims(book, confidences, seed=seed)
    factors, along = names.directions.shape[1], bad_directions(book)
    plan = make_plan(obligors, factor_model, thinning=True) or make_plan(obligors, factor_model, thinning=False)
    assert plan is not None  # only thinning can be refused

    def drawn(size: int, skip: int) -> Points:
        return draw(
            aims, factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, skip=skip, along=along, unmoved=_UNMOVED
        )

    size = _FIRST
    points = drawn(size, 0)
    while len(points) > max_scenarios and size > _LEAST:
        size //= 2
        points = drawn(size, 0)
    if len(points) > max_scenarios:
        return None
    states = _States(plan, names.nus, seed)
    greatest = float(obligors.facility_ead.sum())
    rounds: list[_Round] = []
    while True:
        first = 0 if not rounds else rounds[-1].first_block + _blocks(rounds[-1].points)
        found = map_tasks(_losses, states.tasks(points, first))
        rounds.append(_Round(points, first, np.concatenate(list(found)).reshape(SCRAMBLES, -1)))
        tail = _together(rounds)
        measures = tuple(_measure(tail, obligors, confidence, greatest) for confidence in confidences)
        converged = all(within(measure, rel_tol) for measure in measures)
        if converged or 2 * tail.losses.size > max_scenarios:
            break
        points = drawn(size, size)
        size *= 2
    notes = [
        "every name's default is drawn, in states of the factors that are moved to where the losses are: "
        f"{SCRAMBLES} scrambles of Sobol points with importance weights"
    ]
    if not converged:
        notes.append(
            f"the errors are not yet within rel_tol {rel_tol:g} after {tail.losses.size:,} scenarios; raise max_scenarios for narrower intervals"
        )
    mean, deviation = tail.moments(float(obligors.expected_loss.sum()))
    parts: tuple[Contribution, ...] = ()
    if listed is not None:
        es, var, factors_of = _contributions(states, rounds, tail, measures, obligors=len(obligors.names), map_tasks=map_tasks)
        parts = cut(obligors, es, var, listed=listed)
        notes += scaling_note(factors_of)
    return Outcome(
        measures=measures,
        mean=float(mean.mean()),
        mean_se=scramble_error(mean),
        ul=float(deviation.mean()),
        ul_se=scramble_error(deviation),
        curve=tail.curve(confidences),
        contributions=parts,
        method=Method.IMPORTANCE_SAMPLING,
        scenarios=tail.losses.size,
        converged=converged,
        notes=tuple(notes),
    )


def _measure(tail: WeightedTail, obligors: Obligors, confidence: float, greatest: float) -> TailMeasure:
    """The sample's measure, or the exact one where defaults are rarer than the tail is wide."""
    return obligors.rarer_than_the_tail(confidence) or tail.measure(confidence, greatest)


def _shares(rounds: list[_Round]) -> list[float]:
    """What part of all scenarios each round has: the weights of a round are its own, and weighed by this."""
    whole = sum(each.losses.size for each in rounds)
    return [each.losses.size / whole for each in rounds]


def _together(rounds: list[_Round]) -> WeightedTail:
    weights = [share * each.points.weight.reshape(SCRAMBLES, -1) for share, each in zip(_shares(rounds), rounds, strict=True)]
    return WeightedTail.of(np.concatenate([each.losses for each in rounds], axis=1), np.concatenate(weights, axis=1))


def _contributions(
    states: _States,
    rounds: list[_Round],
    tail: WeightedTail,
    measures: tuple[TailMeasure, ...],
    *,
    obligors: int,
    map_tasks: MapTasks,
) -> tuple[FloatArray, FloatArray, list[float]]:
    """Contributions to expected shortfall and to value at risk (confidences x obligors x scrambles each), and by what they were scaled to sum to these."""
    counted = np.zeros((2 * len(measures), obligors, SCRAMBLES))
    limits = [_limits(tail, measure) for measure in measures]
    for share, each in zip(_shares(rounds), rounds, strict=True):
        losses, weight = each.losses.ravel(), share * each.points.weight
        columns = np.concatenate([limit.columns(losses, weight) for limit in limits])
        width = _states_a_task(each.points)
        tasks = states.tasks(each.points, each.first_block, columns)
        # One after the other, and added up in their order: whatever the threads, the sums have the same bits.
        for k, parts in enumerate(map_tasks(_lost_by_obligor, tasks)):
            counted[:, states.plan["obligor"], k * width // (len(losses) // SCRAMBLES)] += parts
    factors = []
    for c, measure in enumerate(measures):
        for row, total in ((2 * c, measure.es), (2 * c + 1, measure.var)):
            whole = counted[row].sum(axis=0)
            factors.append(total / float(whole.mean()) if whole.mean() > 0.0 else 1.0)
            # Each scramble's parts are scaled to the measure: what is left of their spread is that of the shares.
            counted[row] *= np.divide(total, whole, out=np.zeros_like(whole), where=whole > 0.0)
    return counted[0::2], counted[1::2], factors


class _Limit(NamedTuple):
    """Where a tail begins: the value at risk, the tail's probability, the part of the scenarios at the value at risk that is in the tail, how near to it
    a loss stands for it, and the probability of such losses."""

    var: float
    level: float
    atom: float
    near: float
    nearby: float

    def columns(self, losses: FloatArray, weight: FloatArray) -> FloatArray:
        """What each scenario counts for in the expected shortfall, and at the value at risk: 2 x scenarios."""
        in_tail = np.where(losses > self.var, 1.0, np.where(losses == self.var, self.atom, 0.0))
        return np.stack([weight * in_tail / self.level, weight * (np.abs(losses - self.var) <= self.near) / self.nearby])


def _limits(tail: WeightedTail, measure: TailMeasure) -> _Limit:
    level = 1.0 - measure.confidence
    beyond, at = (float((tail.weights * mine).sum()) / tail.scrambles for mine in (tail.losses > measure.var, tail.losses == measure.var))
    atom = min(max((level - beyond) / at, 0.0), 1.0) if at > 0.0 else 0.0
    distance = np.abs(tail.losses - measure.var)
    wanted = min(max(_LEAST_NEAR, round(_NEAR_SHARE * np.count_nonzero(tail.losses > measure.var))), distance.size)
    near = float(np.partition(distance.ravel(), wanted - 1)[wanted - 1])
    nearby = float((tail.weights * (distance <= near)).sum()) / tail.scrambles
    return _Limit(measure.var, level, atom, near, nearby or 1.0)


def _states_a_task(points: Points) -> int:
    """A scramble's points are handed out in equal pieces: no piece has points of two."""
    each = len(points) // points.scrambles
    return next(width for width in range(min(_STATES_A_TASK, each), 0, -1) if each % width == 0)


def _blocks(points: Points) -> int:
    return len(points) // _states_a_task(points)


class _States(NamedTuple):
    """What every task of a run shares; ``nus`` are the degrees of freedom that its points know."""

    plan: Plan
    nus: tuple[float, ...]
    seed: int

    def tasks(self, points: Points, first_block: int, columns: FloatArray | None = None) -> Iterator[_Task]:
        """The points in pieces, numbered from ``first_block`` on."""
        # The plan may know degrees of freedom of obligors that cannot default, which no state is asked about.
        rows = [self.nus.index(nu) if nu in self.nus else -1 for nu in self.plan["nus"].tolist()] + [-1]
        mixing, width = points.mixing[rows], _states_a_task(points)
        for block in range(_blocks(points)):
            some = slice(block * width, (block + 1) * width)
            own = columns[:, some] if columns is not None else None
            yield _Task(self.plan, self.seed, first_block + block, points.epsilon[some], mixing[:, some], own)


def _losses(task: _Task) -> FloatArray:
    """The loss in each state."""
    found = simulate_states(task.plan, task.seed, task.block, task.epsilon, task.mixing)
    return np.bincount(found.scenario, weights=found.loss, minlength=len(task.epsilon)).astype(np.float64)


def _lost_by_obligor(task: _Task) -> FloatArray:
    """What each of the plan's obligors loses over the states, counted by each of the columns: columns x obligors."""
    assert task.columns is not None
    found = simulate_states(task.plan, task.seed, task.block, task.epsilon, task.mixing)
    count = len(task.plan["obligor"])
    return np.stack([np.bincount(found.name, weights=found.loss * column[found.scenario], minlength=count) for column in task.columns])
