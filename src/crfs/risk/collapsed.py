"""The fast method: no name's own noise is drawn. Given the factors the loss has tabulated cumulants; the factors are integrated over by
importance sampling with scrambled Sobol points.

P. Glasserman and J. Li, "Importance sampling for portfolio credit risk", Management Science 51 (2005), for the shift of the factors;
R. Martin, K. Thompson and C. Browne (2001) and others for expansions given the factors; A. Owen (1997) for the error by scrambles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.aiming import aim_at, bad_directions
from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.few_defaults import few_defaults
from crfs.risk.memo import Memo
from crfs.risk.mixture import Mixture
from crfs.risk.mixtures import make_mixture, price
from crfs.risk.names import Names
from crfs.risk.points import Aim, Points, draw, merged
from crfs.risk.ripples import Ripples, ripples, too_small
from crfs.risk.scrambles import SCRAMBLES, scramble_error
from crfs.risk.spectrum import MOST_FREQUENCIES
from crfs.risk.table_errors import table_errors
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_PILOT = 1_024
_FIRST = 256
_LEAST = 32
_MOST_POINTS = 400_000
# A name is kept apart where its loss is this part of the standard deviation, given a bad state, of all.
LARGE = 0.4
# ... and from the start on where the largest is so many of them. Below that the factors smooth away in most books what the names' own noise makes of
# the loss, which the next order tells.
_ALWAYS_APART = 3.0
_MOST_EXPLICIT = 192
_MOST_STEPS = 60
_MOST_TANGENTS = 24
_CLOSE = 1e-10
# A tangent's step of this size leaves its square, times what the slope changes by over a spread: less than the above.
_CLOSE_STEP = 1e-7
# Products that the characteristic functions of large names may take in a round: some seconds of one core.
_MOST_PRODUCTS = 2.5e9
# The expansion is trusted where what it leaves out moves a measure by less than this part of the wanted error; where large names are
# in it, less still, for then the next order is a poor judge of all that follow.
_TRUSTED = 0.5
_TRUSTED_WITH_LARGE_NAMES = 0.1
TAKEN_BY_NAME = 400
"""So many names are convolved in a second or two; of more, whose losses come in steps, the intervals include these."""
# Where the next order of the expansion is looked at, in spreads about the value at risk.
_AROUND = (-1.0, -0.5, 0.5, 1.0)
# What is smeared is misplaced by up to the blur: this part of the wanted error at most.
_SMEARED = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantile:
    """Value at risk and expected shortfall at one confidence, in the book's units, by scramble and together.

    ``bias_var`` and ``bias_es`` are what the next order of the expansion would move them by, ``near_var`` and ``near_es``, zero or more, what it is more
    than that nearby: it changes its sign, and says nothing where it does. ``off_var`` and ``off_es``, zero or more, what the
    interpolation of tables and the end of a series may, and by how much they were beyond the greatest possible loss, to which they are held;
    ``few_var`` and ``few_es`` what no order of the expansion sees of sums of few losses (:mod:`crfs.risk.few_defaults`), ``ripple_var`` and ``ripple_es``
    what none sees of losses that are nearly alike (:mod:`crfs.risk.ripples`).
    """

    confidence: float
    var: float
    es: float
    var_by_scramble: FloatArray
    es_by_scramble: FloatArray
    bias_var: float
    bias_es: float
    near_var: float = 0.0
    near_es: float = 0.0
    off_var: float = 0.0
    off_es: float = 0.0
    few_var: float = 0.0
    few_es: float = 0.0
    ripple_var: float = 0.0
    ripple_es: float = 0.0

    @property
    def biases(self) -> tuple[float, float]:
        """What bounds the systematic error of both, positive; ripples apart."""
        return (
            abs(self.bias_var) + self.near_var + self.off_var + self.few_var,
            abs(self.bias_es) + self.near_es + self.off_es + self.few_es,
        )

    @property
    def judged(self) -> tuple[tuple[float, float, float, float], ...]:
        """What the expansion leaves out, what else is off, what few losses make of it, and the measure.

        What the next order is nearby counts half: the most of it is seldom left out.
        """
        return tuple(
            (max(abs(bias), 0.5 * (abs(bias) + near)), off, few, value)
            for bias, near, off, few, value in (
                (self.bias_var, self.near_var, self.off_var, self.few_var, self.var),
                (self.bias_es, self.near_es, self.off_es, self.few_es, self.es),
            )
        )

    def error(self, which: str) -> float:
        """Standard error over the scrambles of ``var`` or ``es``."""
        values = self.var_by_scramble if which == "var" else self.es_by_scramble
        return scramble_error(values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Collapsed:
    """The finished computation: the mixture it rests on, and its quantiles."""

    mixture: Mixture
    aims: tuple[Aim, ...]
    quantiles: tuple[Quantile, ...]
    converged: bool
    doubt: str | None
    """What is not small beside the wanted error, if anything is."""

    @property
    def trusted(self) -> bool:
        """Whether nothing is in doubt."""
        return self.doubt is None


def collapse(
    names: Names,
    *,
    confidences: tuple[float, ...],
    rel_tol: float,
    seed: int,
    map_tasks: MapTasks = map,
    most_points: int = _MOST_POINTS,
    memo: Memo | None = None,
) -> Collapsed:
    """Draw until the standard errors are within ``rel_tol`` of the measures at every confidence, or ``most_points`` are reached.

    ``memo`` holds what was tabulated in earlier runs.
    """
    book = condition(names, map_tasks=map_tasks, memo=memo)
    smooth, aims = book, find_aims(book, confidences, seed=seed)
    large = _large(book, aims)
    draws = partial(_drawn, aims=aims, confidences=confidences, rel_tol=rel_tol, seed=seed, most_points=most_points)
    found: Collapsed | None = None
    if len(large) and float(names.loss[0].max()) > _ALWAYS_APART * spread_of_rest(book, aims):
        book = book.with_explicit(large, map_tasks)
    while True:
        if _too_dear(book, aims, seed=seed, most_points=most_points):
            return found or replace(draws(smooth), doubt="what large names, which are too dear to take apart, make of the expansion")
        found = draws(book)
        with_large = len(large) > len(book.explicit)
        wished = _TRUSTED_WITH_LARGE_NAMES if with_large else _TRUSTED
        if with_large:
            found = replace(found, quantiles=tuple(_as_much_again(q) for q in found.quantiles))
        doubted = doubt(found.mixture, found.quantiles, rel_tol, within=wished)
        found = replace(found, doubt=doubted or _rippled(found, rel_tol))
        most = min(len(names), _MOST_EXPLICIT)
        # Ripples stay whatever names are taken apart.
        if doubted is None or len(book.explicit) >= most:
            return found
        if len(large) and not len(book.explicit):
            book = book.with_explicit(large, map_tasks)
            continue
        wanted = min(most, max(len(large), 16, 2 * len(book.explicit)))
        book = book.with_explicit(np.sort(largest(names.loss[0], wanted)), map_tasks)


def doubt(mixture: Mixture, quantiles: tuple[Quantile, ...], rel_tol: float, *, within: float = _TRUSTED) -> str | None:
    """What is not small beside the wanted error at some confidence; None where the expansion, its tables and the blur of a Fourier series are.

    ``within`` is the part of it that the first may take.
    """
    for q in quantiles:
        for bias, off, few, value in q.judged:
            if not bias <= within * rel_tol * value:
                return "what the expansion leaves out"
            if not off <= _TRUSTED * rel_tol * value:
                return "the error of its tables and series"
            if not few <= _TRUSTED * rel_tol * value:
                return "what the expansion may err by where few of its names default"
        if not mixture.smeared(q.var) <= _SMEARED * rel_tol * q.var:
            return "the blur of the names that are not taken apart"
    return None


def _as_much_again(q: Quantile) -> Quantile:
    """With large names in the expansion what follows the next order is not small beside it (0.4 of it in books of lognormal losses): as much again."""
    return replace(q, off_var=q.off_var + abs(q.bias_var), off_es=q.off_es + abs(q.bias_es))


def _rippled(found: Collapsed, rel_tol: float) -> str | None:
    """What is in doubt where a book that is soon convolved has ripples that are not small beside the wanted error."""
    if len(found.mixture.book.names) > TAKEN_BY_NAME:
        return None
    pairs = (pair for q in found.quantiles for pair in ((q.ripple_var, q.var), (q.ripple_es, q.es)))
    if all(ripple <= _TRUSTED * rel_tol * value for ripple, value in pairs):
        return None
    return "what the steps make of it in which sums of losses come that are nearly alike"


def find_aims(book: ConditionalBook, confidences: tuple[float, ...], *, seed: int) -> tuple[Aim, ...]:
    """For each confidence the most likely state in which its value at risk is reached, found from a coarse value at risk.

    ``book`` has no explicit names: how lumpy the losses are matters little for where they come from.
    """
    factors, nus = book.names.directions.shape[1], book.names.nus
    aims: tuple[Aim, ...] = ()
    for confidence in sorted(confidences):
        # Each coarse answer is drawn with what is known by then, so that a far tail is reached in steps.
        for _ in range(2):
            points = draw(aims, factors=factors, nus=nus, seed=seed, scrambles=1, size=_PILOT, memo=book.memo)
            loss = quantile(make_mixture(book, points, 0.0), confidence)
            found = aim_at(book, loss, start=aims[-1].epsilon if aims else None).rounded()
            aims = (*aims[: sorted(confidences).index(confidence)], found)
    return aims


def quantile(mixture: Mixture, confidence: float, *, guess: float | None = None) -> float:
    """inf{x: F(x) >= confidence} over all points together; zero where that much of the distribution is no loss.

    ``guess`` is where to look first. Newton's steps in the logarithm of P(L > x), which is nearly straight in a tail, kept in a bracket.
    """
    level = 1.0 - confidence
    if guess is None or not guess > 0.0:
        mean, square = (float(values.mean()) for values in mixture.moments())
        guess = mean + 3.0 * math.sqrt(max(square - mean * mean, 0.0))
    greatest = mixture.book.names.greatest
    low, high, x = 0.0, greatest, min(guess, greatest)
    for step in range(_MOST_STEPS):
        beyond, _, density = (float(values.mean()) for values in mixture.tails(np.array([x])))
        if beyond > level:
            low = x
        else:
            high = x
        following = x + math.log(max(beyond, 1e-300) / level) * beyond / density if density > 0.0 and beyond > 0.0 else math.inf
        # On a plateau between atoms the tangent leads anywhere: no further than some times the loss itself.
        following = min(following, 4.0 * x)
        if low < following < high and abs(following - x) <= _CLOSE_STEP * guess:
            return following
        # A tangent that is still not there leads nowhere: half of the bracket each time does.
        if not low < following < high or step >= _MOST_TANGENTS:
            following = 0.5 * (low + high)
        if high - low <= _CLOSE * guess:
            return following
        if high <= 1e-9 * guess:
            return 0.0
        x = following
    return x


def measure(mixture: Mixture, confidence: float, *, guess: float | None = None) -> Quantile:
    """Value at risk and expected shortfall with their spread over the scrambles (their influence functions at the joint quantile)."""
    x = quantile(mixture, confidence, guess=guess)
    level = 1.0 - confidence
    beyond, excess, slope = (values[0] for values in mixture.tails(np.array([x])))
    density = max(float(slope.mean()), 1e-300)
    wanted, greatest = x + float(excess.mean()) / level, mixture.book.names.greatest
    es = min(wanted, greatest)
    bias_p, bias_e = mixture.left_out(x)
    exact_zero = x == 0.0

    def moved(beyond: FloatArray | float) -> FloatArray:
        """How far so much more probability beyond it moves the quantile: where there is no density, by all that it may be."""
        return np.clip(np.asarray(beyond) / density, -greatest, greatest)

    return Quantile(
        confidence=confidence,
        var=x,
        es=es,
        var_by_scramble=np.zeros(mixture.scrambles) if exact_zero else x + moved(beyond - level),
        es_by_scramble=np.minimum(x + excess / level, greatest),
        bias_var=0.0 if exact_zero else float(moved(bias_p)),
        bias_es=bias_e / level,
        off_es=wanted - es,
    )


def with_what_is_near(mixture: Mixture, q: Quantile) -> Quantile:
    """The same with the most that the next order of the expansion is within a spread of the small names' loss, given what the value at risk is made of."""
    if q.var == 0.0:
        return q
    spread = mixture.spread_at(q.var)
    if not spread > 0.0:
        return q
    density = float(mixture.by_scramble(mixture.local(q.var).density).mean())
    around = [mixture.left_out(q.var + part * spread) for part in _AROUND]
    most_p, most_e = (max(abs(one[k]) for one in around) for k in (0, 1))
    near_var = min(most_p / density, mixture.book.names.greatest) if density > 0.0 else 0.0
    return replace(
        q,
        near_var=max(near_var - abs(q.bias_var), 0.0),
        near_es=max(most_e / (1.0 - q.confidence) - abs(q.bias_es), 0.0),
    )


def _drawn(
    book: ConditionalBook, aims: tuple[Aim, ...], *, confidences: tuple[float, ...], rel_tol: float, seed: int, most_points: int
) -> Collapsed:
    spread = spread_of_rest(book, aims)
    size = _first(aims, most_points)
    points = _points(book, aims, size, 0, seed=seed)
    guesses: dict[float, float] = {}
    while True:
        mixture = make_mixture(book, points, spread)
        quantiles = tuple(measure(mixture, confidence, guess=guesses.get(confidence)) for confidence in confidences)
        guesses = {q.confidence: q.var for q in quantiles}
        converged = all(
            q.error(which) <= rel_tol * value for q in quantiles for which, value in (("var", q.var), ("es", q.es)) if value > 0.0
        )
        if converged or 2 * len(points) > most_points or 2.0 * mixture.price > _MOST_PRODUCTS:
            break
        points = merged(points, _points(book, aims, size, size, seed=seed))
        size *= 2
    by_confidence = dict(zip(sorted(confidences), aims, strict=True))
    quantiles = tuple(_with_all_errors(mixture, q, by_confidence[q.confidence], rel_tol) for q in quantiles)
    return Collapsed(mixture=mixture, aims=aims, quantiles=quantiles, converged=converged, doubt="nothing was looked at yet")


def _with_all_errors(mixture: Mixture, q: Quantile, aim: Aim, rel_tol: float) -> Quantile:
    if q.var == 0.0:
        return q
    off_var, off_es = table_errors(mixture, q.var, q.confidence)
    few_var, few_es = few_defaults(mixture, q.var, q.confidence)
    cut_beyond, cut_excess = mixture.cut_off()
    density = float(mixture.by_scramble(mixture.local(q.var).density).mean())
    off_var += min(cut_beyond / density, mixture.book.names.greatest) if density > 0.0 else 0.0
    off_es += cut_excess / (1.0 - q.confidence)
    rippled = _ripples(mixture, aim, rel_tol * q.var)
    return replace(
        with_what_is_near(mixture, q),
        off_var=q.off_var + off_var,
        off_es=q.off_es + off_es,
        few_var=few_var,
        few_es=few_es,
        ripple_var=rippled.var,
        ripple_es=rippled.excess * density / (1.0 - q.confidence),
    )


def _ripples(mixture: Mixture, aim: Aim, tolerance: float) -> Ripples:
    """Those of the loss in the most likely of the states in which the value at risk is reached."""
    book = mixture.book
    names, state = book.names, aim.mixing(book.names.nus)
    expanded = np.ones(len(names), dtype=np.bool_)
    expanded[book.explicit] = False
    asked = np.flatnonzero(~(too_small(names.loss[0], tolerance) & expanded))
    p, expanded = book.conditional_pd(asked, aim.epsilon[None], state)[:, 0], expanded[asked]
    losses, variances = names.loss[0, asked], names.loss[1, asked]
    # What is not asked is what is left of all that the expansion has.
    mean, variance = book.cumulants(aim.epsilon[None], state)[:2, 0]
    mean -= float(p[expanded] @ losses[expanded])
    variance -= float((p * ((1.0 - p) * losses**2 + variances))[expanded].sum())
    rest = (max(float(mean), 0.0), max(float(variance), 0.0)) if len(asked) < len(names) else (0.0, 0.0)
    return ripples(p, losses, np.sqrt(variances), tolerance, expanded=expanded, rest=rest)


def _too_dear(book: ConditionalBook, aims: tuple[Aim, ...], *, seed: int, most_points: int) -> bool:
    """Whether the characteristic functions of the explicit names take too long at the first points already."""
    points = _points(book, aims, _first(aims, most_points), 0, seed=seed)
    if len(points) * MOST_FREQUENCIES * len(book.explicit) <= 0.1 * _MOST_PRODUCTS:
        return False
    return price(book, points, spread_of_rest(book, aims)) > _MOST_PRODUCTS


def _first(aims: tuple[Aim, ...], most_points: int) -> int:
    """How many points a stratum begins with."""
    size = _FIRST
    while size > _LEAST and SCRAMBLES * size * (len(aims) + 1) > most_points:
        size //= 2
    return size


def _points(book: ConditionalBook, aims: tuple[Aim, ...], size: int, skip: int, *, seed: int) -> Points:
    factors, nus, along = book.names.directions.shape[1], book.names.nus, bad_directions(book)
    return draw(aims, factors=factors, nus=nus, seed=seed, scrambles=SCRAMBLES, size=size, skip=skip, along=along, memo=book.memo)


def spread_of_rest(book: ConditionalBook, aims: tuple[Aim, ...]) -> float:
    """Standard deviation of the loss of all but the explicit names in the mildest of the aimed-at states, book units."""
    sums = (book.cumulants(aim.epsilon[None], aim.mixing(book.names.nus)) for aim in aims)
    return min((math.sqrt(float(each[1, 0])) for each in sums), default=0.0)


def _large(book: ConditionalBook, aims: tuple[Aim, ...]) -> IntArray:
    """Names that no expansion smooths away in the bad states: their loss is a large part of the spread that is left there."""
    losses = book.names.loss[0]
    order = largest(losses, _MOST_EXPLICIT)
    return np.asarray(np.sort(order[losses[order] > LARGE * spread_of_rest(book, aims)]), dtype=np.int64)


def largest(losses: FloatArray, count: int) -> IntArray:
    """Places of the ``count`` largest losses, the largest first; of equal ones the earlier.

    >>> largest(np.array([1.0, 5.0, 5.0, 3.0]), 3)
    array([1, 2, 3])
    """
    some = np.arange(len(losses)) if count >= len(losses) else np.flatnonzero(losses >= np.partition(losses, -count)[-count])
    return np.asarray(some[np.argsort(-losses[some], kind="stable")[:count]], dtype=np.int64)
