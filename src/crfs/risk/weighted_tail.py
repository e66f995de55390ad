"""The tail of a weighted sample of losses that comes in independent scrambles: quantiles and shortfalls with the errors that these show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.measures import TailMeasure
from crfs.risk.result import CurvePoint
from crfs.risk.scrambles import roots, scramble_error, student

FloatArray: TypeAlias = npt.NDArray[np.float64]

_CURVE_POINTS = 60
# The curve goes on to this part of the smallest tail that was asked for: what the sample was aimed at.
_FARTHER = 0.05
# A sum of many weights carries rounding; a quantile must not jump for it.
_SLACK = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedTail:
    """``losses`` and their ``weights`` (scrambles x scenarios, the weights of a scramble summing to about one); ``values`` are the distinct losses,
    the greatest first, and ``at_least`` the probability by scramble of losing as much or more (scrambles x values).

    Weights are not divided by their sum: that would bring the noise of good states into the tail. What is missing, or too much, is no loss.
    """

    losses: FloatArray
    weights: FloatArray
    values: FloatArray
    at_least: FloatArray

    @classmethod
    def of(cls, losses: FloatArray, weights: FloatArray) -> WeightedTail:
        """Sort a sample.

        >>> tail = WeightedTail.of(np.array([[0.0, 10.0], [10.0, 20.0]]), np.array([[0.9, 0.1], [0.2, 0.1]]))
        >>> tail.values.tolist(), tail.at_least.round(9).tolist(), tail.quantile(0.05), tail.quantile(0.1)
        ([20.0, 10.0, 0.0], [[0.0, 0.1, 1.0], [0.1, 0.3, 0.3]], 10.0, 10.0)
        """
        flat = losses.ravel()
        order = np.argsort(-flat, kind="stable")
        ordered = flat[order]
        last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        scramble = np.repeat(np.arange(len(losses)), losses.shape[1])[order]
        at_least = np.empty((len(losses), len(last)))
        for r in range(len(losses)):
            at_least[r] = np.cumsum(np.where(scramble == r, weights.ravel()[order], 0.0))[last]
        return cls(losses=losses, weights=weights, values=ordered[last], at_least=at_least)

    @property
    def scrambles(self) -> int:
        """How many independent answers there are."""
        return len(self.losses)

    def quantile(self, level: float) -> float:
        """inf{x: P(L > x) <= level}; zero where less than that is lost at all."""
        return float(self._reached(self.at_least.mean(axis=0), np.array([level]))[0])

    def interval(self, levels: FloatArray, reach: float) -> tuple[FloatArray, FloatArray]:
        """Ends of the quantiles' intervals: where the probability is ``reach`` of its standard errors below and above what was found.

        A quantile is one of the losses that there were, which all scrambles may find alike though the next one is as likely.
        """
        mean, half = self.at_least.mean(axis=0), reach * self.at_least.std(axis=0, ddof=1) / np.sqrt(self.scrambles)
        # Neither rises all the way as losses get smaller: what is passed for good, and first.
        low = np.minimum.accumulate((mean - half)[::-1])[::-1]
        return self._reached(low, levels), self._reached(np.maximum.accumulate(mean + half), levels)

    def _reached(self, at_least: FloatArray, levels: FloatArray) -> FloatArray:
        """The greatest loss with more than each level of probability at or above it, of which ``at_least`` is told (rising)."""
        place = np.searchsorted(at_least, levels * (1.0 + _SLACK), side="right")
        return np.where(place < len(self.values), self.values[np.minimum(place, len(self.values) - 1)], 0.0)

    def measure(self, confidence: float, greatest: float) -> TailMeasure:
        """Value at risk and expected shortfall; no loss is beyond ``greatest``. ``tail_scenarios`` is how many equally likely ones the weights are worth."""
        level, reach = 1.0 - confidence, student(self.scrambles)
        var = self.quantile(level)
        (low,), (high,) = self.interval(np.array([level]), reach)
        es_each = var + (self.weights * np.maximum(self.losses - var, 0.0)).sum(axis=1) / level
        es, es_se = min(float(es_each.mean()), greatest), scramble_error(es_each)
        beyond = self.weights[self.losses > var]
        return TailMeasure(
            confidence=confidence,
            var=var,
            var_se=(float(high) - float(low)) / (2.0 * reach),
            var_low=min(float(low), var),
            var_high=max(float(high), var),
            es=es,
            es_se=es_se,
            es_low=max(0.0, es - reach * es_se),
            es_high=max(es, min(es + reach * es_se, greatest)),
            tail_scenarios=round(float(beyond.sum()) ** 2 / float(np.square(beyond).sum())) if len(beyond) else 0,
        )

    def moments(self, expected_loss: float) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of the loss by scramble, the latter about the ``expected_loss``, which is known."""
        mean = (self.weights * self.losses).sum(axis=1)
        return mean, roots((self.weights * np.square(self.losses - expected_loss)).sum(axis=1))

    def curve(self, confidences: Sequence[float]) -> tuple[CurvePoint, ...]:
        """Exceedance curve with a 95 % band, its points even in the logarithm of the probability."""
        levels = np.geomspace(0.999, _FARTHER * (1.0 - max(confidences)), _CURVE_POINTS)
        at = self._reached(self.at_least.mean(axis=0), levels)
        low, high = self.interval(levels, student(self.scrambles))
        return tuple(
            CurvePoint(exceedance_probability=p, loss=x, loss_low=min(down, x), loss_high=max(up, x))
            for p, x, down, up in zip(levels.tolist(), at.tolist(), low.tolist(), high.tolist(), strict=True)
        )
