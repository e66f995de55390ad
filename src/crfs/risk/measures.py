"""Value at risk and expected shortfall of a sample of losses, with their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.as_json import finite_or_none
from crfs.risk.ranges import CONFIDENCE, Range, number, numbers
from crfs.risk.scrambles import Z95, student

FloatArray: TypeAlias = npt.NDArray[np.float64]

_LOSS = Range(said="a finite number for every scenario", low=-math.inf, with_low=False, with_high=False)
_WEIGHT = Range(said="a finite number of zero or more for each loss", low=0.0, with_high=False)
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class TailRisk:
    """Value at risk and expected shortfall at one confidence; currency units, 95 % intervals; an end that no sample can give is infinite."""

    confidence: float
    var: float
    var_se: float
    var_low: float
    var_high: float
    es: float
    es_se: float
    es_low: float
    es_high: float

    def to_dict(self, el: float) -> dict[str, float | None]:
        """Plain values for JSON, an error or an end that no sample can give None; with the economic capital over the expected loss ``el``.

        The economic capital's error is that of the value at risk, for the expected loss is exact.
        """
        return {
            "confidence": self.confidence,
            "var": self.var,
            "var_se": finite_or_none(self.var_se),
            "var_low": finite_or_none(self.var_low),
            "var_high": finite_or_none(self.var_high),
            "es": self.es,
            "es_se": finite_or_none(self.es_se),
            "es_low": finite_or_none(self.es_low),
            "es_high": finite_or_none(self.es_high),
            "ec": self.var - el,
            "ec_se": finite_or_none(self.var_se),
            "ec_low": finite_or_none(self.var_low - el),
            "ec_high": finite_or_none(self.var_high - el),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TailMeasure(TailRisk):
    """What a run says of the tail at one confidence.

    How the error of the value at risk is found depends on the method; the interval is of 95 % with all of them:

    - ``thinning``, ``plain``: ``var_low`` and ``var_high`` are order statistics of the sample (exact whatever the distribution), ``var_se`` their
      distance over 2 x 1.96; zero where the value at risk is one atom of a discrete loss.
    - ``importance_sampling``: the ends are the losses that are exceeded with the tail's probability less and more its error over the scrambles;
      ``var_se`` is their distance over twice Student's quantile of eight scrambles.
    - ``few_names``, ``convolution``: ``var_se`` is the standard error of the scrambles' own values at risk; the ends are those of the probability, as
      above, and what the rounding of losses may do on top.
    - ``collapsed``: ``var_se`` is the standard error over the scrambles, the ends are Student's with the expansion's own error on top.
    - ``creditriskplus``: ``var_se`` is what the error of a sampled covariance makes of it, else zero; the ends have what rounding may do on top.
    - ``exact``, ``closed_form``: no error.

    ``tail_scenarios`` is how many scenarios lie beyond the value at risk, or how many equally likely ones weighted points are worth; the points of the
    factors by ``few_names`` and ``convolution``; 0 where nothing was drawn. ``exact`` marks a measure without any error.
    """

    tail_scenarios: int
    exact: bool = False


def certain(confidence: float, var: float, es: float) -> TailMeasure:
    """A measure that is known exactly."""
    return TailMeasure(
        confidence=confidence,
        var=var,
        var_se=0.0,
        var_low=var,
        var_high=var,
        es=es,
        es_se=0.0,
        es_low=es,
        es_high=es,
        tail_scenarios=0,
        exact=True,
    )


def within_the_tail(probability: float, confidence: float) -> bool:
    """Whether what has this probability is no more than the tail beyond ``confidence``, but for the rounding of one less that.

    >>> within_the_tail(0.07, 0.93), 0.07 <= 1.0 - 0.93
    (True, False)
    """
    return probability <= (1.0 - confidence) * (1.0 + _ROUNDING)


def rarer_than_the_tail(any_loss: float, el: float, confidence: float) -> TailMeasure | None:
    """The measures of a book in which any loss is rarer than the tail, exactly; else None.

    ``any_loss`` is the sum of the PDs of all who may lose something, no less than P(any loss): where it is no more than the tail, the value at risk is zero,
    and the whole expected loss ``el`` lies in the tail.

    >>> round(rarer_than_the_tail(0.005, 2.0, 0.99).es, 9), rarer_than_the_tail(0.02, 2.0, 0.99)
    (200.0, None)
    """
    return None if not within_the_tail(any_loss, confidence) else certain(confidence, 0.0, el / (1.0 - confidence))


def value_at_risk(losses: npt.ArrayLike, *, confidence: float, weights: npt.ArrayLike | None = None) -> float:
    """The lower quantile inf{x: F(x) >= confidence} of equally likely (or weighted) losses.

    ``losses`` are positive numbers in currency units, one a scenario; ``weights`` are probabilities up to a factor. No interpolation:
    the answer is always one of the losses.

    >>> value_at_risk([0.0] * 990 + [10.0] * 10, confidence=0.99)
    0.0
    """
    sample = _sample(losses, confidence)
    if weights is not None:
        order, cumulative = _weighted(sample, weights)
        return float(sample[order[_first_at_least(cumulative, confidence)]])
    rank = quantile_rank(len(sample), confidence)
    return float(np.partition(sample, rank - 1)[rank - 1])


def expected_shortfall(losses: npt.ArrayLike, *, confidence: float, weights: npt.ArrayLike | None = None) -> float:
    """Mean loss in the worst ``1 - confidence`` of scenarios; an atom at the value at risk counts with the part of it that belongs there.

    C. Acerbi and D. Tasche, "On the coherence of expected shortfall", Journal of Banking & Finance 26 (2002), definition 2.6.

    >>> round(expected_shortfall([0.0] * 995 + [100.0] * 5, confidence=0.99), 9)
    50.0
    """
    sample = _sample(losses, confidence)
    if weights is not None:
        order, cumulative = _weighted(sample, weights)
        first = _first_at_least(cumulative, confidence)
        quantile = float(sample[order[first]])
        probability = np.diff(cumulative, prepend=0.0)
        excess = float((probability[first + 1 :] * (sample[order[first + 1 :]] - quantile)).sum())
        return quantile + excess / (1.0 - confidence)
    rank = quantile_rank(len(sample), confidence)
    return _shortfall(np.partition(sample, rank - 1), rank, confidence)


def tail_measure(losses: npt.ArrayLike, *, confidence: float) -> TailMeasure:
    """Both measures with standard errors and 95 % intervals, for independent and equally likely scenarios.

    The interval of the value at risk lies between two order statistics with exact binomial ranks. The standard error of the expected
    shortfall is that of its influence function, var + (loss - var)+ / (1 - confidence); its interval leans to the right by the skewness
    of the excess (Johnson's t), and is wider than a normal one by what is not known of the error itself, since a tail is sampled from seldom.
    """
    return sorted_tail_measure(np.sort(_sample(losses, confidence)), confidence=confidence)


def sorted_tail_measure(ordered: FloatArray, *, confidence: float) -> TailMeasure:
    """As :func:`tail_measure`, for losses that are sorted already."""
    n = len(ordered)
    rank = quantile_rank(n, confidence)
    var = float(ordered[rank - 1])
    es = _shortfall(ordered, rank, confidence)
    low_rank, high_rank = interval_ranks(n, confidence)
    var_low = float(ordered[low_rank - 1]) if low_rank >= 1 else -math.inf
    var_high = float(ordered[high_rank - 1]) if high_rank <= n else math.inf
    first_above = int(np.searchsorted(ordered, var, side="right"))
    excess = ordered[first_above:] - var
    # Moments of (loss - var)+ over all scenarios: most of them are zero. In units of a power of two, so that no power of a loss overflows
    # and none of their bits changes.
    unit = 2.0 ** math.frexp(float(excess[-1]))[1] if len(excess) else 1.0
    excess = excess / unit
    mean = float(excess.sum()) / n
    second = float(np.square(excess).sum()) / n
    third = float((excess**3).sum()) / n
    fourth = float((excess**4).sum()) / n
    variance = max(0.0, second - mean * mean)
    es_se = unit * math.sqrt(variance / n) / (1.0 - confidence)
    central = third - 3.0 * mean * second + 2.0 * mean**3
    skewness = central / variance**1.5 if variance > 0.0 else 0.0
    # The error is itself found from seldom events: Student's quantile with the degrees of freedom that the fourth moment leaves it (F. Satterthwaite).
    spread_of_squares = fourth - 4.0 * mean * third + 6.0 * mean**2 * second - 3.0 * mean**4 - variance**2
    reach = student(1.0 + max(1.0, 2.0 * n * variance**2 / spread_of_squares)) if spread_of_squares > 0.0 else Z95
    lean = skewness / (6.0 * math.sqrt(n)) * (1.0 + 2.0 * reach**2) * es_se
    if first_above == n and not var_high > var:
        es_high = es
    elif first_above == n:
        es_high = es_se = math.inf  # the sample has nothing above the value at risk, so it cannot bound what lies there
    else:
        es_high = es + reach * es_se + lean
    return TailMeasure(
        confidence=confidence,
        var=var,
        var_se=(var_high - var_low) / (2.0 * Z95),
        var_low=var_low,
        var_high=var_high,
        es=es,
        es_se=es_se,
        es_low=max(var_low, min(es, es - reach * es_se + lean)) if es_se < math.inf else var_low,
        es_high=es_high,
        tail_scenarios=n - first_above,
    )


def quantile_rank(n: int, confidence: float) -> int:
    """The smallest rank k, counted from 1, with k / n >= confidence.

    >>> quantile_rank(1000, 0.99), quantile_rank(1001, 0.99)
    (990, 991)
    """
    rank = min(n, max(1, math.ceil(n * confidence)))
    # n * confidence may be rounded to the wrong side of a whole number; the quotient is what the definition compares.
    while rank > 1 and (rank - 1) / n >= confidence:
        rank -= 1
    while rank < n and rank / n < confidence:
        rank += 1
    return rank


def interval_ranks(n: int, confidence: float, *, level: float = 0.95) -> tuple[int, int]:
    """Ranks, counted from 1, of two order statistics that hold the quantile between them with probability ``level`` or more.

    A rank of 0 or n + 1 means that n scenarios cannot give that end.
    """
    tail = (1.0 - level) / 2.0
    return _binomial_quantile(tail, n, confidence), _binomial_quantile(1.0 - tail, n, confidence) + 1


def _binomial_quantile(q: float, n: int, p: float) -> int:
    """Smallest k with P(Binomial(n, p) <= k) >= q, by bisection on the exact distribution function."""
    from scipy.special import bdtr

    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        if float(bdtr(middle, n, p)) >= q:
            high = middle
        else:
            low = middle
    return high


def _shortfall(ordered: FloatArray, rank: int, confidence: float) -> float:
    """Needs only that the first ``rank - 1`` losses are no greater, and those after ``rank`` no less, than the one at ``rank``."""
    quantile = float(ordered[rank - 1])
    excess = float((ordered[rank:] - quantile).sum()) / len(ordered)
    return quantile + excess / (1.0 - confidence)


def _sample(losses: npt.ArrayLike, confidence: float) -> FloatArray:
    number("confidence", confidence, CONFIDENCE)
    sample = numbers("losses", losses, _LOSS)
    if sample.ndim != 1 or sample.size == 0:
        raise InvalidInput("losses is a sequence of numbers, one a scenario, and not empty", argument="losses")
    return sample


def _weighted(sample: FloatArray, weights: npt.ArrayLike) -> tuple[npt.NDArray[np.intp], FloatArray]:
    mass = numbers("weights", weights, _WEIGHT)
    if mass.shape != sample.shape or not (mass > 0.0).any():
        raise InvalidInput("weights has one finite number of zero or more for each loss, and they do not all vanish", argument="weights")
    order = np.argsort(sample, kind="stable")
    with np.errstate(over="ignore"):
        cumulative = np.cumsum(mass[order])
    if not math.isfinite(cumulative[-1]):
        raise InvalidInput(
            "the weights sum to more than a double holds; give smaller ones, since a factor changes nothing", argument="weights"
        )
    return order, cumulative / cumulative[-1]


def _first_at_least(cumulative: FloatArray, confidence: float) -> int:
    # A sum of n weights carries rounding of some n ulps; a quantile must not jump for it.
    slack = 4.0 * len(cumulative) * np.finfo(np.float64).eps
    return min(int(np.searchsorted(cumulative, confidence - slack, side="left")), len(cumulative) - 1)
