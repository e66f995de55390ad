"""Transition matrices from rating histories, with intervals: by cohorts, by durations (one rate for all time), and by Aalen and Johansen.

D. Lando and T. Skødeberg, "Analyzing rating transitions and rating drift with continuous observations", Journal of Banking & Finance 26, 2002:
a cohort forgets what happens within its year and gives zero to what nobody did in one; durations use every day, and give a probability to every
chain of moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_day, check_texts
from crfs.risk.migration.generator import Generator, exponential
from crfs.risk.migration.histories import DAYS_A_YEAR, Spells, read_spells
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.ranges import Range, number, whole_number

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_LEVEL = Range(said="a decimal within (0, 1), such as 0.95", low=0.0, high=1.0, with_low=False, with_high=False)
_YEARS = Range(said="a positive number", low=0.0, with_low=False, with_high=False)
_INDEPENDENT = "the intervals suppose that names move independently; common factors make them wider in truth"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TransitionEstimate:
    """A matrix with what it was counted from and intervals of ``level`` for each of its cells.

    ``counts`` is K x K: names by first and last rating (cohorts) or moves seen (durations). ``at_risk`` is, a rating, the names that began a period in
    it, or the years spent in it. ``generator`` is there where one was estimated, with ``rate_low`` and ``rate_high`` of its rates a year.
    """

    matrix: TransitionMatrix
    method: str
    counts: IntArray
    at_risk: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    generator: Generator | None = None
    rate_low: FloatArray | None = None
    rate_high: FloatArray | None = None
    withdrawn: int = 0
    """Cohorts: names whose rating ended in a period without a default; they are not in its counts."""
    notes: tuple[str, ...] = ()

    def to_table(self) -> pl.DataFrame:
        """One row a cell: ``rating``, ``to_rating``, ``count``, ``probability``, ``low``, ``high``."""
        names = self.matrix.ratings
        return pl.DataFrame(
            {
                "rating": np.repeat(names, len(names)),
                "to_rating": np.tile(names, len(names)),
                "count": self.counts.ravel(),
                "probability": self.matrix.probability.ravel(),
                "low": self.low.ravel(),
                "high": self.high.ravel(),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "method": self.method,
            "matrix": self.matrix.to_dict(),
            "counts": self.counts.tolist(),
            "at_risk": self.at_risk.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "level": self.level,
            "generator": self.generator.to_dict() if self.generator else None,
            "withdrawn": self.withdrawn,
            "notes": list(self.notes),
        }


def cohort_estimate(
    history: pl.DataFrame, ratings: Sequence[str], *, end: date, start: date | None = None, months: int = 12, level: float = 0.95
) -> TransitionEstimate:
    """Count who begins each period of ``months`` in one rating and ends it in another.

    ``history`` is :data:`~crfs.risk.migration.histories.RATING_HISTORY`, ``ratings`` the order with default last. Periods follow each other from
    ``start`` while they end by ``end``. A default within the period counts whatever came later; a name whose rating was withdrawn leaves the counts.
    Intervals are Clopper and Pearson's, a cell at a time.
    """
    _check_level(level)
    span = whole_number("months", months, "a whole number of 1 or more")
    ratings = check_texts("ratings", ratings)
    spells = read_spells(history, ratings, start=start, end=end)
    days = _period_days(spells, span)
    if len(days) < 2:
        raise InvalidInput(f"the window holds no whole period of {months} months", argument="end")
    count = len(ratings)
    counts, withdrawn = np.zeros((count, count), dtype=np.int64), 0
    for first, last in pairwise(days):
        moved, gone = _one_cohort(spells, first, last, count)
        counts += moved
        withdrawn += gone
    at_risk = counts.sum(axis=1).astype(np.float64)
    probability, notes = _rows_of(counts.astype(np.float64), at_risk, ratings)
    low, high = _clopper_pearson(counts, at_risk[:, None], level)
    _certain_default(low, high)
    return TransitionEstimate(
        matrix=TransitionMatrix(ratings=tuple(ratings), probability=probability, years=months / 12.0, notes=notes),
        method="cohort",
        counts=counts,
        at_risk=at_risk,
        low=low,
        high=high,
        level=level,
        withdrawn=withdrawn,
        notes=(*notes, _INDEPENDENT),
    )


def duration_estimate(
    history: pl.DataFrame, ratings: Sequence[str], *, end: date, start: date | None = None, years: float = 1.0, level: float = 0.95
) -> TransitionEstimate:
    """The maximum likelihood generator, moves over years at risk, and its matrix over ``years``.

    For migrations without memory whose rates do not change in the window. ``history`` and ``ratings`` as for :func:`cohort_estimate`; the day
    itself is the clock, so moves within a period count. Intervals of rates are exact for a Poisson count (Garwood); those of the matrix come from
    the rates' variances through the derivative of the exponential, in log-odds; where no chain of seen moves leads, from the bound on the rate.
    """
    _check_level(level)
    number("years", years, _YEARS)
    ratings = check_texts("ratings", ratings)
    spells = read_spells(history, ratings, start=start, end=end)
    count = len(ratings)
    counts, _ = _moves(spells, count)
    stay = np.minimum(spells.last, spells.end) - np.maximum(spells.first, spells.start)
    at_risk = np.bincount(spells.rating, weights=np.maximum(stay, 0), minlength=count) / DAYS_A_YEAR
    at_risk[-1] = 0.0
    safe = np.where(at_risk > 0.0, at_risk, 1.0)[:, None]
    rates = counts / safe
    np.fill_diagonal(rates, -rates.sum(axis=1))
    unseen = [name for name, time in zip(ratings[:-1], at_risk[:-1], strict=True) if not time]
    notes = (f"nobody was rated {', '.join(unseen)}: such a row stays put",) if unseen else ()
    probability = exponential(rates, years)
    rate_low, rate_high = _garwood(counts, at_risk[:, None], level)
    variance = _variance_of_exponential(rates, counts / safe**2, years)
    low, high = _log_odds_interval(probability, variance, level)
    # Where nothing leads, only the bound on the direct rate speaks.
    bound = 1.0 - np.exp(-np.where(np.isfinite(rate_high), rate_high, np.inf) * years)
    high = np.where(probability == 0.0, bound, high)
    high = np.where((at_risk > 0.0)[:, None], high, 1.0)
    low = np.where((at_risk > 0.0)[:, None], low, 0.0)
    _certain_default(low, high)
    return TransitionEstimate(
        matrix=TransitionMatrix(ratings=tuple(ratings), probability=probability, years=years, notes=notes),
        method="duration",
        counts=counts,
        at_risk=at_risk,
        low=low,
        high=high,
        level=level,
        generator=Generator(ratings=tuple(ratings), rates=rates),
        rate_low=rate_low,
        rate_high=rate_high,
        notes=(*notes, _INDEPENDENT),
    )


def aalen_johansen_estimate(
    history: pl.DataFrame, ratings: Sequence[str], *, start: date, end: date, level: float = 0.95
) -> TransitionEstimate:
    """The product-limit matrix from ``start`` to ``end``: rates may change with the calendar in any way.

    P = product over the days of moves of (I + dN / Y), Y being who was at risk just before (O. Aalen and S. Johansen, "An empirical transition
    matrix for non-homogeneous Markov chains based on censored observations", Scandinavian Journal of Statistics 5, 1978). Intervals come from the
    variance of Greenwood's kind (P. Andersen, Ø. Borgan, R. Gill and N. Keiding, Statistical Models Based on Counting Processes, 1993, IV.4.1.3),
    in log-odds.
    """
    _check_level(level)
    check_day("start", start)
    ratings = check_texts("ratings", ratings)
    spells = read_spells(history, ratings, start=start, end=end)
    count = len(ratings)
    counts, events = _moves(spells, count)
    days = np.unique(events[:, 0])
    # Names with first < day <= last are at risk on a day.
    at_risk = np.zeros((len(days), count))
    for k in range(count):
        mine = spells.rating == k
        entered = np.searchsorted(np.sort(spells.first[mine]), days, side="left")
        at_risk[:, k] = entered - np.searchsorted(np.sort(spells.last[mine]), days, side="left")
    reached, covariance = np.eye(count), np.zeros((count, count, count))
    position = np.searchsorted(days, events[:, 0])
    steps = np.zeros((len(days), count, count))
    np.add.at(steps, (position, events[:, 1], events[:, 2]), 1.0)
    for moved, risk in zip(steps, at_risk, strict=True):
        reached, covariance = _product_step(reached, covariance, moved, np.maximum(risk, 1.0))
    variance = np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0)
    began = np.bincount(spells.rating[spells.first <= spells.start], minlength=count).astype(np.float64)
    probability = np.maximum(reached, 0.0)
    probability = probability / probability.sum(axis=1, keepdims=True)
    low, high = _log_odds_interval(probability, variance, level)
    high = np.where(
        (probability == 0.0) | (probability == 1.0), _clopper_pearson(probability * began[:, None], began[:, None], level)[1], high
    )
    low = np.where(probability == 1.0, _clopper_pearson(began[:, None] * probability, began[:, None], level)[0], low)
    _certain_default(low, high)
    return TransitionEstimate(
        matrix=TransitionMatrix(ratings=tuple(ratings), probability=probability, years=(end - start).days / DAYS_A_YEAR),
        method="aalen_johansen",
        counts=counts,
        at_risk=began,
        low=low,
        high=high,
        level=level,
        notes=(_INDEPENDENT,),
    )


def _check_level(level: float) -> None:
    number("level", level, _LEVEL)


def _period_days(spells: Spells, months: int) -> list[int]:
    """First days of the periods, and the last one's end: calendar months, so that a year is a year."""
    span = (spells.end - spells.start) // (28 * months) + 1
    start = pl.Series([spells.start], dtype=pl.Int32).cast(pl.Date)
    days = [int(start.dt.offset_by(f"{k * months}mo").to_physical()[0]) for k in range(span + 1)]
    return [day for day in days if day <= spells.end]


def _one_cohort(spells: Spells, first: int, last: int, count: int) -> tuple[IntArray, int]:
    """Names by rating on the day ``first`` and on the day ``last``, and how many were withdrawn meanwhile."""
    members = int(spells.obligor.max()) + 1
    began, ended = np.full(members, -1), np.full(members, -1)
    at_first = (spells.first <= first) & (first < spells.last)
    began[spells.obligor[at_first]] = spells.rating[at_first]
    at_last = (spells.first <= last) & (last < spells.last)
    ended[spells.obligor[at_last]] = spells.rating[at_last]
    defaulted = (spells.rating == count - 1) & (spells.first > first) & (spells.first <= last)
    ended[spells.obligor[defaulted]] = count - 1
    performing = (began >= 0) & (began < count - 1)
    seen = performing & (ended >= 0)
    counts = np.bincount(began[seen] * count + ended[seen], minlength=count * count).reshape(count, count)
    return counts.astype(np.int64), int((performing & (ended < 0)).sum())


def _moves(spells: Spells, count: int) -> tuple[IntArray, IntArray]:
    """Moves within the window: their counts, and one row (day, from, to) each."""
    moved = (spells.following >= 0) & (spells.following != spells.rating) & (spells.last > spells.start) & (spells.last <= spells.end)
    events = np.stack([spells.last[moved], spells.rating[moved], spells.following[moved]], axis=1).astype(np.int64)
    counts = np.bincount(events[:, 1] * count + events[:, 2], minlength=count * count).reshape(count, count)
    return counts.astype(np.int64), events


def _product_step(reached: FloatArray, covariance: FloatArray, moved: FloatArray, risk: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One day of the product limit; ``covariance[h]`` is that of the row of rating ``h``."""
    share = moved / risk[:, None]
    step = np.eye(len(risk)) + share - np.diag(share.sum(axis=1))
    # A day's moves out of a rating are multinomial: a row of the step has the covariance (diag(p) - p p') / Y.
    own = np.einsum("ij,jk->ijk", step, np.eye(len(risk))) - np.einsum("ij,ik->ijk", step, step)
    spread = np.einsum("hi,ijk->hjk", np.square(reached), own / risk[:, None, None])
    carried = np.einsum("hak,kb->hab", np.einsum("ja,hjk->hak", step, covariance), step)
    return np.einsum("ij,jk->ik", reached, step), carried + spread


def _rows_of(counts: FloatArray, at_risk: FloatArray, ratings: Sequence[str]) -> tuple[FloatArray, tuple[str, ...]]:
    probability = np.eye(len(ratings))
    seen = at_risk > 0.0
    probability[seen] = counts[seen] / at_risk[seen, None]
    probability[-1] = np.eye(len(ratings))[-1]
    unseen = [name for name, some in zip(ratings[:-1], seen[:-1], strict=True) if not some]
    return probability, (f"nobody was rated {', '.join(unseen)}: such a row stays put",) if unseen else ()


def _certain_default(low: FloatArray, high: FloatArray) -> None:
    for ends in (low, high):
        ends[-1] = np.eye(len(ends))[-1]


def _clopper_pearson(successes: npt.NDArray[Any], trials: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Exact binomial interval, each cell by itself; all of [0, 1] without a trial."""
    from scipy.special import betaincinv

    tail = (1.0 - level) / 2.0
    hits = np.broadcast_to(np.asarray(successes, dtype=np.float64), np.broadcast_shapes(np.shape(successes), np.shape(trials)))
    number = np.broadcast_to(trials, hits.shape)
    low, high = np.zeros(hits.shape), np.ones(hits.shape)
    some = hits > 0.0
    low[some] = betaincinv(hits[some], number[some] - hits[some] + 1.0, tail)
    few = hits < number
    high[few] = betaincinv(hits[few] + 1.0, number[few] - hits[few], 1.0 - tail)
    return low, high


def _garwood(counts: IntArray, time: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Exact interval of a Poisson rate from a count over a time; up to infinity without time. The diagonal, no rate, has zeros."""
    from scipy.special import gammaincinv

    tail = (1.0 - level) / 2.0
    number = counts.astype(np.float64)
    low = np.zeros(number.shape)
    low[number > 0.0] = gammaincinv(number[number > 0.0], tail)
    high = np.asarray(gammaincinv(number + 1.0, 1.0 - tail), dtype=np.float64)
    known = np.broadcast_to(time > 0.0, number.shape)
    safe = np.where(time > 0.0, time, 1.0)
    low, high = np.where(known, low / safe, 0.0), np.where(known, high / safe, np.inf)
    off = ~np.eye(len(number), dtype=bool)
    return np.where(off, low, 0.0), np.where(off, high, 0.0)


def _variance_of_exponential(rates: FloatArray, variance: FloatArray, years: float) -> FloatArray:
    """Variance of each cell of exp(years Q) from those of the independent rates, to first order."""
    from scipy.linalg import expm_frechet

    total = np.zeros_like(rates)
    for i, j in np.argwhere(variance > 0.0):
        direction = np.zeros_like(rates)
        direction[i, j], direction[i, i] = years, -years
        slope = np.asarray(expm_frechet(rates * years, direction, compute_expm=False), dtype=np.float64)
        total += variance[i, j] * np.square(slope)
    return total


def _log_odds_interval(probability: FloatArray, variance: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Normal in log-odds, so that it stays within (0, 1) and leans as rare events do; a point where the variance is zero."""
    from scipy.special import expit, logit, ndtri

    reach = -float(ndtri((1.0 - level) / 2.0))
    inside = (probability > 0.0) & (probability < 1.0)
    low, high = probability.copy(), probability.copy()
    p = probability[inside]
    width = reach * np.sqrt(variance[inside]) / (p * (1.0 - p))
    low[inside], high[inside] = expit(logit(p) - width), expit(logit(p) + width)
    return low, high
