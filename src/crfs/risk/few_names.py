"""Books of few names over several factors: every name's default is taken exactly, on a lattice, and only the factors are sampled.

Losses that are multiples of one amount lie on a lattice of their own, and where there are some thousand sums every one is looked at: those of a
dozen names of any amounts, or of more where many lose alike. Other losses, random ones too, are put on a fine lattice
(:mod:`crfs.risk.fine_lattice`), which moves a measure by less than a bound that is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.aiming import bad_directions
from crfs.risk.collapsed import find_aims
from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.fine_lattice import LEAST, FineLattice, Rounding
from crfs.risk.lattice import LossLattice, beyond, lattice_of, lower_quantile
from crfs.risk.names import Names
from crfs.risk.points import Aim, Points, draw, merged
from crfs.risk.scrambles import SCRAMBLES, roots, scramble_error, student, unit_error
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

MOST_NAMES = 48
MOST_ON_FINE_LATTICE = 128
"""Names whose losses are put on a fine lattice."""
AT_BEST = 0.02
"""What rounding may move a measure by, of itself, where no lattice that is payable is fine enough for what is wanted."""
_FIRST = 64
_MOST_WORK = 4e8
_MOST_WORK_ON_FINE_LATTICE = 2e9
_COARSE, FINEST = 2**11, 2**15
# The part of the wanted error that the lattice may take.
_ROUNDING = 0.5
# How alike further blurs move a measure of what is smooth; and how much more than the second the first one has moved it, where it is not.
_SMOOTH, _OF_A_HILL = 0.9, 2.5
# Standard deviations of a scramble within which a probability is on the edge of deciding which sum a quantile is.
_ON_AN_EDGE = 3.0
_MOST_INSTEAD = 32
_PLACES_BESIDE = 4
_OTHER_POINTS = 2**40
"""What is added to a seed for points that have not been looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FewNames:
    """The loss distribution: ``probability[r, k]`` = P(loss = ``lattice.values[k]``) by scramble, in the book's units.

    ``rounded`` has the same of all losses rounded down and up, where the lattice is not the losses' own; or ``added_by_loss`` is what that adds to the
    variance of the loss, for each unit that is lost.
    """

    names: Names
    lattice: LossLattice
    book: ConditionalBook
    points: Points
    probability: FloatArray
    converged: bool
    rounded: tuple[FloatArray, FloatArray] | None = None
    added_by_loss: float = 0.0

    @property
    def bounds(self) -> tuple[FewNames, FewNames]:
        """The distributions between whose measures the true ones lie but for the sampling of the factors: itself, where nothing was rounded."""
        if self.rounded is None:
            return self, self
        down, up = self.rounded
        return replace(self, probability=down, rounded=None), replace(self, probability=up, rounded=None)

    def moved(self, confidence: float) -> float:
        """By how much the lattice may move either measure beside the :attr:`bounds`; a quantile is known to a step of it at most.

        Its rounding keeps means, and adds to the variance, with each name that defaults: half of that times the density moves the mean loss beyond a
        point, and half of that times the density's fall the probability (the first term of either in powers of it). Density over tail is one over the
        mean excess of a tail that falls evenly.
        """
        var, es, _, _ = self.measure(confidence)
        return 0.5 * self.added_by_loss * es / (es - var) if es > var else 0.0

    def by_rounding(self, confidence: float) -> tuple[float, float]:
        """By how much the lattice may move the value at risk and the expected shortfall beside the :attr:`bounds` and its step.

        What :meth:`moved` says holds where the loss is smooth over the rounding. Where it is lumpy, a sum of losses is blurred into a hill, and a measure
        that is on it moves with the standard deviation of what is added, not with its square. So the distribution is blurred once more by as much, and
        again: a smooth one moves each time alike, a hill by the roots' differences, of which the first is 2.4 times the second.
        """
        step = self.lattice.rounded_to
        var, es, _, _ = self.measure(confidence)
        mean, values = self.probability.mean(axis=0), self.lattice.values
        # What may be told where nothing is, by the rounding of transforms.
        in_vain = float((self.lattice.noise * np.maximum(values - var, 0.0)).sum()) / (1.0 - confidence)
        if not self.added_by_loss > 0.0:
            return 0.0, in_vain
        # What lies beyond the lattice's end stays where it is.
        on_it = np.flatnonzero(values < self.lattice.end)
        count = len(on_it)
        turns = 2.0 * np.pi * np.fft.rfftfreq(2 * count)
        spectrum, fallen = np.fft.rfft(mean[on_it], n=2 * count), 0.5 * self.added_by_loss * es * np.square(turns / step)
        found = [(var, es)]
        for times in (1.0, 2.0):
            blurred = mean.copy()
            blurred[on_it] = np.maximum(np.fft.irfft(spectrum * np.exp(-times * fallen), n=2 * count)[:count], 0.0)
            k = lower_quantile(blurred, confidence)
            excess = float((blurred[k + 1 :] * (values[k + 1 :] - values[k])).sum()) / (1.0 - confidence)
            found.append((float(values[k]), float(values[k]) + excess))
        once, twice = (abs(found[k + 1][1] - found[k][1]) for k in range(2))
        smooth = twice >= _SMOOTH * once
        moved = self.moved(confidence)
        by_var, by_es = (abs(after - before) * (1.0 if smooth else _OF_A_HILL) for before, after in zip(*found[:2], strict=True))
        return max(moved, by_var), max(moved, by_es) + in_vain

    def moments(self, expected_loss: float) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the loss by scramble, from the names' own moments at the points.

        The spread is that about the ``expected_loss``, which is known: the mean square less the square of the mean is, of a loss that is almost
        certain, what the weights of the points miss of one, and no spread at all.
        """
        p, loss = conditional_pds(self.book, self.points), self.names.loss
        mean = loss[0] @ p
        variance = np.square(loss[0]) @ (p * (1.0 - p)) + loss[1] @ p
        first, square = (
            (self.points.weight * each).reshape(self.points.scrambles, -1).sum(axis=1)
            for each in (mean, variance + np.square(mean - expected_loss))
        )
        return first, roots(square)

    @property
    def expected_loss(self) -> FloatArray:
        """The mean loss by scramble."""
        return np.asarray(self.probability @ self.lattice.values)

    def measure(self, confidence: float) -> tuple[float, float, FloatArray, FloatArray]:
        """Value at risk and expected shortfall of all points together, and by scramble."""
        k = lower_quantile(self.probability.mean(axis=0), confidence)
        values = self.lattice.values
        at = float(values[k])
        excess = (self.probability[:, k + 1 :] @ (values[k + 1 :] - at)) / (1.0 - confidence)
        each = values[[lower_quantile(row, confidence) for row in self.probability]]
        return at, at + float(excess.mean()), each, at + excess

    def settled(self, confidence: float, rel_tol: float) -> bool:
        """Whether the errors of both measures are within ``rel_tol`` of them."""
        var, es, var_each, es_each = self.measure(confidence)
        return scramble_error(var_each) <= rel_tol * var and scramble_error(es_each) <= rel_tol * es

    def settles(self, confidences: Sequence[float], rel_tol: float) -> bool:
        """Whether all measures are :meth:`settled`, and what rounding may move them by is within the wanted error as well."""
        return all(self.settled(confidence, rel_tol) for confidence in confidences) and self.fine_enough(confidences, rel_tol)

    def fine_enough(self, confidences: Sequence[float], rel_tol: float) -> bool:
        """Whether what rounding down or up may move all measures by is within the wanted error."""
        return all(part <= 1.0 for part in _rounding(self, confidences, rel_tol))

    def on_an_edge(self, confidence: float) -> bool:
        """Whether the probability that decides which sum of losses is the value at risk is so close to it that scrambles may differ."""
        return self.beside(confidence) != lower_quantile(self.probability.mean(axis=0), confidence)

    def beside(self, confidence: float) -> int:
        """Place of the sum of losses that may be the value at risk as well, the nearer one of two; that of the value at risk itself where none may."""
        mean = self.probability.mean(axis=0)
        k = lower_quantile(mean, confidence)
        edges = np.stack([self.probability[:, k:].sum(axis=1), self.probability[:, k + 1 :].sum(axis=1)])
        margins = np.abs(edges.mean(axis=1) - (1.0 - confidence))
        near = margins < _ON_AN_EDGE * edges.std(axis=1, ddof=1)
        there = np.flatnonzero(mean > 0.0)
        below, above = there[there < k], there[there > k]
        if near[1] and len(above) and (margins[1] <= margins[0] or not near[0] or not len(below)):
            return int(above[0])
        return int(below[-1]) if near[0] and len(below) else k

    def instead(self, confidence: float) -> IntArray:
        """Places of the sums of losses that may be the value at risk as well: the one :meth:`beside` it, and all within its interval.

        Of a dozen names of any amounts many sums lie close together, each of other names, and what a loss of some amount is made of changes from one to
        the next. Where losses were moved to a lattice, four places on either side of the value at risk may be meant too. 32 of them are looked at: the
        nearest, or such as lie evenly.
        """
        mean = self.probability.mean(axis=0)
        k, level = lower_quantile(mean, confidence), np.array([1.0 - confidence])
        reach = student(len(self.probability))
        (lows, _), (_, highs) = (each.quantile_intervals(level, reach) for each in self.bounds)
        values, moved = self.lattice.values, self.moved(confidence)
        may_be = (values >= float(lows[0]) - moved) & (values <= float(highs[0]) + moved)
        if self.lattice.rounded_to > 0.0:
            may_be[max(k - _PLACES_BESIDE, 0) : k + _PLACES_BESIDE + 1] = True
        may_be &= mean > 0.0
        may_be[self.beside(confidence)] = True
        may_be[k] = False
        places = np.flatnonzero(may_be)
        nearest = places[np.argsort(np.abs(places - k), kind="stable")]
        if self.lattice.rounded_to == 0.0 or len(nearest) <= _MOST_INSTEAD:
            return nearest[:_MOST_INSTEAD]
        return nearest[np.linspace(0, len(nearest) - 1, _MOST_INSTEAD).astype(np.int64)]

    def quantile_intervals(self, beyond_them: FloatArray, reach: float) -> tuple[FloatArray, FloatArray]:
        """For each probability of more the quantiles where P(loss > x) is ``reach`` of its standard errors above and below what it was found to be.

        A quantile is one of the sums that there are, which all scrambles may find alike though the next one is as likely.
        """
        above = np.stack([beyond(each) for each in self.probability])
        mean, half = above.mean(axis=0), reach * above.std(axis=0, ddof=1) / np.sqrt(len(above))
        # Neither falls all the way: the running least is what is passed for good, and first.
        low, high = (np.minimum.accumulate(bound) for bound in (mean - half, mean + half))
        levels = beyond_them * (1.0 + 1e-12)
        places = (np.searchsorted(-bound, -levels) for bound in (low, high))
        values = self.lattice.values
        at_low, at_high = (values[np.minimum(place, len(values) - 1)] for place in places)
        return at_low, at_high

    def contributions(self, confidences: Sequence[float], map_tasks: MapTasks = map) -> list[tuple[FloatArray, FloatArray]]:
        """For each confidence the contributions to expected shortfall and to value at risk, names x scrambles.

        The atom at the quantile counts in part, which each scramble finds for itself: so the parts of a scramble sum to its own measures. Where other
        sums may be the value at risk as well, the parts may be those of any: the greatest difference is spread over the scrambles as an error of them all.
        """
        together, points = self.probability.mean(axis=0), self.points
        places = [lower_quantile(together, confidence) for confidence in confidences]
        cells = np.arange(len(together))
        others = [[cells == place for place in self.instead(confidence)] for confidence in confidences]
        payoffs = [payoff for k, each in zip(places, others, strict=True) for payoff in (cells > k, cells == k, *each)]
        parts = iter(
            self.lattice.parts(
                conditional_pds(self.book, points), points.weight, points.scrambles, np.array(payoffs, dtype=np.float64), map_tasks
            )
        )
        found = []
        for k, confidence, each in zip(places, confidences, others, strict=True):
            tail, at = next(parts), next(parts)
            # Zero is no amount that any name has lost.
            line = at / _positive(self.probability[:, k], together[k])
            level = 1.0 - confidence
            es = (tail + (level - self.probability[:, k + 1 :].sum(axis=1)) * line) / level
            centre = line.mean(axis=1)
            apart = np.zeros(len(line))
            for payoff in each:
                apart = np.maximum(apart, np.abs(next(parts).mean(axis=1) / float(together[payoff].sum()) - centre))
            if each:
                # So wide that an interval about the wrong one holds the other, and its sampling error.
                own_error = line.std(axis=1, ddof=1) / math.sqrt(points.scrambles)
                # Sums that lie between the places of a lattice differ from what is told there by as much again.
                between = 2.0 if self.lattice.rounded_to > 0.0 else 1.0
                line = line + (between * apart / student(points.scrambles) + own_error)[:, None] * unit_error(points.scrambles)
            found.append((es, line))
        return found


def _positive(probability: FloatArray, otherwise: float) -> FloatArray:
    """Probabilities by scramble to divide by: where one has found none at all, that of all scrambles."""
    return np.where(probability > 0.0, probability, otherwise if otherwise > 0.0 else 1.0)


def few_names(
    names: Names,
    *,
    confidences: tuple[float, ...],
    rel_tol: float,
    seed: int,
    most_points: int,
    fine: bool = False,
    at_best: bool = False,
    budget: float = math.inf,
    map_tasks: MapTasks = map,
) -> FewNames | None:
    """The distribution, drawn until the errors are small enough; on the losses' own lattice, or on a ``fine`` one.

    None where the names are too many; where losses have no lattice of their own, which more than 48 have not, nor those of too many sums,
    nor any that is random; where no lattice is fine enough for ``rel_tol``; where the first points take more than ``budget``; and where a probability is
    asked for that is lost in the rounding of transforms (some 1e-9). ``at_best`` takes the finest lattice that is payable, though it be not fine enough,
    where rounding moves no measure by more than some hundredths.
    """
    if len(names) > (MOST_ON_FINE_LATTICE if fine else MOST_NAMES):
        return None
    lattice: LossLattice | None = None if fine else own_lattice(names)
    if lattice is None and not fine:
        return None
    book = condition(names)
    aims = find_aims(book, confidences, seed=seed)
    factors = names.directions.shape[1]
    along = bad_directions(book)
    size = _FIRST
    points = draw(aims, factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, along=along)
    most_work = min(_MOST_WORK_ON_FINE_LATTICE if fine else _MOST_WORK, budget)
    if lattice is None:
        lattice = _fine_enough(
            book, points, confidences=confidences, rel_tol=rel_tol, most_work=most_work, at_best=at_best, map_tasks=map_tasks
        )
    if lattice is None or len(points) * lattice.price > budget:
        return None
    probability = distribution(book, lattice, points, map_tasks)
    while True:
        found = FewNames(names=names, lattice=lattice, book=book, points=points, probability=probability, converged=False)
        settled = all(found.settled(confidence, rel_tol) for confidence in confidences)
        if settled or 2 * len(points) > most_points or 2.0 * len(points) * lattice.price > most_work:
            break
        further = draw(aims, factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, skip=size, along=along)
        # The weights of merged points are each set's own, weighed by its size: so are the probabilities.
        share = len(points) / (len(points) + len(further))
        probability = share * probability + (1.0 - share) * distribution(book, lattice, further, map_tasks)
        points = merged(points, further)
        size *= 2
    if settled and lattice.rounded_to == 0.0:
        times = 2 if any(found.on_an_edge(confidence) for confidence in confidences) else 1
        found = _drawn_anew(found, aims, along, times * size, seed=seed, most_points=most_points, most_work=most_work, map_tasks=map_tasks)
    found = bounded(found, map_tasks)
    return replace(found, converged=found.settles(confidences, rel_tol))


def _drawn_anew(
    found: FewNames,
    aims: tuple[Aim, ...],
    along: FloatArray,
    size: int,
    *,
    seed: int,
    most_points: int,
    most_work: float,
    map_tasks: MapTasks,
) -> FewNames:
    """The distribution at other points; the same where that is not payable.

    A sum of losses that decides a value at risk is found by all scrambles or is not: the drawing ends when they happen to err to one side, and what they
    differ by then tells too little of their error. So the points that tell how many are needed are not those that answer.
    """
    names = found.names
    points = draw(
        aims, factors=names.directions.shape[1], nus=names.nus, seed=seed + _OTHER_POINTS, scrambles=SCRAMBLES, size=size, along=along
    )
    drawn = len(found.points) + len(points)
    if drawn > most_points or drawn * found.lattice.price > most_work:
        return found
    return replace(found, points=points, probability=distribution(found.book, found.lattice, points, map_tasks))


def own_lattice(names: Names) -> LossLattice | None:
    """Places for every sum of the losses, which have to be certain, and the names no more than 48."""
    if len(names) > MOST_NAMES or names.loss[1:].any():
        return None
    return lattice_of(names.loss[0])


def _fine_enough(
    book: ConditionalBook,
    points: Points,
    *,
    confidences: tuple[float, ...],
    rel_tol: float,
    most_work: float,
    at_best: bool,
    map_tasks: MapTasks,
) -> FineLattice | None:
    """A lattice whose rounding takes half of the wanted error at most, by the first scramble; None where that is too fine to be payable.

    ``at_best`` it is the finest that is payable, where rounding takes some hundredths of a measure at most.
    """
    size, some, least, best = _COARSE, first_scramble(points), 1.0 - max(confidences), None
    while float(len(points)) * len(book.names) * size <= most_work:
        lattice = FineLattice.of(book.names, size)
        if not lattice.faithful(least):
            break
        found = FewNames(
            names=book.names,
            lattice=lattice,
            book=book,
            points=some,
            probability=distribution(book, lattice, some, map_tasks),
            converged=False,
        )
        # The bound falls with the step.
        by_rounding = max(_rounding(bounded(found, map_tasks), confidences, rel_tol))
        finer = by_rounding / _ROUNDING
        if finer <= 1.0:
            return lattice
        if at_best and by_rounding * rel_tol <= AT_BEST:
            best = lattice
        larger = size * 2 ** max(1, int(np.ceil(np.log2(finer))))
        if size == FINEST or (larger > FINEST and not at_best):
            break
        payable = 2 ** int(np.log2(most_work / (float(len(points)) * len(book.names))))
        size = max(2 * size, min(larger, payable, FINEST)) if at_best else larger
    return best


def first_scramble(points: Points) -> Points:
    """The points of the first scramble alone."""
    each = len(points) // points.scrambles
    return replace(points, epsilon=points.epsilon[:each], mixing=points.mixing[:, :each], weight=points.weight[:each], scrambles=1)


def bounded(found: FewNames, map_tasks: MapTasks) -> FewNames:
    """The same with the distributions of the losses rounded down and up, where they were put on a lattice that is not theirs."""
    lattice = found.lattice
    if not isinstance(lattice, FineLattice):
        return found
    ways: tuple[Rounding, Rounding] = ("down", "up")
    down, up = (distribution(found.book, lattice, found.points, map_tasks, which) for which in ways)
    return replace(found, rounded=(down, up))


def _rounding(found: FewNames, confidences: Sequence[float], rel_tol: float) -> list[float]:
    """By how much of the wanted error rounding may move each measure at most; a measure of zero that may be none counts as beyond it."""
    down, up = found.bounds
    parts = []
    for confidence in confidences:
        for low, high, told in zip(*(each.measure(confidence)[:2] for each in (down, up, found)), strict=True):
            parts.append(0.5 * (high - low) / (rel_tol * told) if told > 0.0 else float(high > 0.0) * 2.0)
    return parts


def distribution(book: ConditionalBook, lattice: LossLattice, points: Points, map_tasks: MapTasks, which: Rounding = "mean") -> FloatArray:
    """Probabilities by scramble (scrambles x lattice); ``which`` way losses are rounded matters on a fine lattice alone."""
    p = conditional_pds(book, points)
    if isinstance(lattice, FineLattice):
        found = lattice.summed(p, points.weight, points.scrambles, map_tasks, which=which)
    else:
        found = lattice.summed(p, points.weight, points.scrambles, map_tasks)
    return settled_at_zero(found)


def settled_at_zero(probability: FloatArray) -> FloatArray:
    """The same (scrambles x lattice), summing to one in each scramble.

    The weights sum to one but for the sampling of the strata, which samples the tail well and good states not: to divide by their sum would
    bring that noise, and a bias, into the tail. What is missing, or too much, is no loss.
    """
    probability[:, 0] += 1.0 - probability.sum(axis=1)
    return probability


def conditional_pds(book: ConditionalBook, points: Points) -> FloatArray:
    """Default probabilities of all names at all points."""
    p = book.conditional_pd(np.arange(len(book.names)), points.epsilon, points.mixing)
    p[p < LEAST] = 0.0
    return p
