"""What a promise is worth in each rating at a horizon, and the distribution of one name's value: CreditMetrics, chapters 1 and 2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_kind
from crfs.risk.measures import expected_shortfall, value_at_risk
from crfs.risk.migration.curves import ZeroCurves
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.ranges import AMOUNT, ANYWHERE, FINITE, Range, elementwise, number, numbers, places, whole_number

_MATURITY = Range(said="above 0 and at most 200", low=0.0, with_low=False, high=200.0)
_ZERO_OR_MORE = Range(said="zero or more", low=0.0, with_high=False)
_VALUES = Range(said="one finite amount for each end rating", with_low=False, with_high=False)

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# A payment this close after a date is one of that date: thirds of a year do not add up to whole ones.
_SAME_DAY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CashFlows:
    """Promised payments of ``count`` facilities: ``owner`` (0 to count - 1), ``years`` from now, ``amount`` in currency units."""

    owner: IntArray
    years: FloatArray
    amount: FloatArray
    count: int

    def __post_init__(self) -> None:
        for name in ("owner", "years", "amount"):
            # Lists will do as well as arrays.
            object.__setattr__(self, name, numbers(name, getattr(self, name), ANYWHERE).astype(np.int64 if name == "owner" else np.float64))
        if not (self.owner.shape == self.years.shape == self.amount.shape) or self.owner.ndim != 1:
            raise InvalidInput("owner, years and amount have one entry a payment")
        if len(self.owner) and (self.owner.min() < 0 or self.owner.max() >= self.count):
            raise InvalidInput(f"owner counts facilities from 0 to {self.count - 1}", argument="owner")
        if not (np.isfinite(self.years).all() and np.isfinite(self.amount).all() and (self.years >= 0.0).all()):
            raise InvalidInput("years are zero or more, and amounts are finite")


@elementwise
def bullet_flows(ead: npt.ArrayLike, *, coupon: npt.ArrayLike, maturity_years: npt.ArrayLike, frequency: int = 1) -> CashFlows:
    """Payments of loans or bonds that repay at once: ``coupon`` (decimal a year of ``ead``) ``frequency`` times a year, counted back from the end.

    >>> flows = bullet_flows([100.0], coupon=[0.06], maturity_years=[2.5])
    >>> flows.years.tolist(), flows.amount.tolist()
    ([0.5, 1.5, 2.5], [6.0, 6.0, 106.0])
    """
    exposure, rate, maturity = np.broadcast_arrays(
        numbers("ead", ead, AMOUNT), numbers("coupon", coupon, FINITE), numbers("maturity_years", maturity_years, _MATURITY)
    )
    if exposure.ndim != 1:
        raise InvalidInput("ead, coupon and maturity_years are one number a facility")
    whole_number("frequency", frequency, "a whole number of payments a year")
    payments = np.maximum(1, np.ceil(maturity * frequency - _SAME_DAY)).astype(np.int64)
    owner = np.repeat(np.arange(len(exposure)), payments)
    back = np.repeat(np.cumsum(payments), payments) - 1 - np.arange(len(owner))
    years = np.maximum(maturity[owner] - back / frequency, 0.0)
    amount = exposure[owner] * (rate[owner] / frequency + (back == 0))
    return CashFlows(owner=owner, years=years, amount=amount, count=len(exposure))


def par_coupon(curves: ZeroCurves, rating: npt.ArrayLike, *, maturity_years: npt.ArrayLike, frequency: int = 1) -> FloatArray:
    """The coupon at which a bullet loan of each ``rating`` (place in ``curves.ratings``) is worth its exposure now; decimal a year."""
    check_kind("curves", curves, ZeroCurves)
    place = places("rating", rating, len(curves.ratings), "a place in the order of the curves' ratings")
    maturity = numbers("maturity_years", maturity_years, _MATURITY)
    if place.ndim != 1:
        raise InvalidInput(f"rating is a list of places in the order of the curves' ratings, not {rating!r:.80}", argument="rating")
    if maturity.shape not in {(), (1,), place.shape}:
        raise InvalidInput(f"maturity_years is one number, or one for each of the {len(place)} of rating", argument="maturity_years")
    unit = bullet_flows(np.ones(len(place)), coupon=0.0, maturity_years=maturity, frequency=frequency)
    discount = curves.discount(unit.years)[np.arange(len(unit.owner)), place[unit.owner]]
    annuity = np.bincount(unit.owner, weights=discount, minlength=unit.count) / frequency
    end = np.bincount(unit.owner, weights=discount * unit.amount, minlength=unit.count)
    return np.asarray((1.0 - end) / annuity, dtype=np.float64)


def values_by_rating(flows: CashFlows, curves: ZeroCurves, *, at_years: float = 0.0, carry: ZeroCurves | None = None) -> FloatArray:
    """Value of each facility at ``at_years`` in each performing rating: ``count`` rows, a column a rating, currency units.

    ``curves`` are those seen from ``at_years``: of today, or ``curves.forward(at_years)``, or a view. Payments up to that time are in the value,
    grown at the best rating's forward rates of ``carry`` (today's curves), or as they are without it.
    """
    check_kind("flows", flows, CashFlows)
    check_kind("curves", curves, ZeroCurves)
    if carry is not None:
        check_kind("carry", carry, ZeroCurves)
    number("at_years", at_years, _ZERO_OR_MORE)
    ahead = flows.years - at_years
    paid = ahead <= _SAME_DAY if at_years > 0.0 else np.zeros(len(ahead), dtype=bool)
    factor = curves.discount(np.maximum(ahead, 0.0))
    if paid.any():
        grown = np.ones(int(paid.sum()))
        if carry is not None:
            grown = carry.discount(flows.years[paid])[:, 0] / carry.discount(np.array([at_years]))[0, 0]
        factor[paid] = grown[:, None]
    worth = flows.amount[:, None] * factor
    columns = [np.bincount(flows.owner, weights=worth[:, g], minlength=flows.count) for g in range(worth.shape[1])]
    return np.stack(columns, axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueDistribution:
    """One name's value at the horizon: ``probability`` and ``value`` of each end rating, default last; currency units."""

    ratings: tuple[str, ...]
    probability: FloatArray
    value: FloatArray
    mean: float
    standard_deviation: float

    def value_at_risk(self, confidence: float, *, reference: float | None = None) -> float:
        """The smallest loss against ``reference`` (None: the mean) that is not exceeded with ``confidence``; below zero where it is a gain."""
        base = self.mean if reference is None else reference
        return value_at_risk(base - self.value, confidence=confidence, weights=self.probability)

    def expected_shortfall(self, confidence: float, *, reference: float | None = None) -> float:
        """Mean loss against ``reference`` (None: the mean) in the worst ``1 - confidence``."""
        base = self.mean if reference is None else reference
        return expected_shortfall(base - self.value, confidence=confidence, weights=self.probability)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "ratings": [
                {"rating": name, "probability": p, "value": v}
                for name, p, v in zip(self.ratings, self.probability.tolist(), self.value.tolist(), strict=True)
            ],
        }


def value_distribution(matrix: TransitionMatrix, rating: str, values: npt.ArrayLike, *, recovery_sd: float = 0.0) -> ValueDistribution:
    """The distribution of the value of a name that is rated ``rating`` now.

    ``values`` has one amount an end rating, default (the recovery) last. ``recovery_sd`` is the standard deviation of the recovery, currency
    units; it widens ``standard_deviation`` alone (CreditMetrics, section 2.4).
    """
    check_kind("matrix", matrix, TransitionMatrix)
    value = numbers("values", values, _VALUES)
    if value.shape != (len(matrix.ratings),):
        raise InvalidInput(f"values has one finite amount for each of {', '.join(matrix.ratings)}", argument="values")
    number("recovery_sd", recovery_sd, _ZERO_OR_MORE)
    probability = matrix.row(rating)
    mean = float((probability * value).sum())
    variance = float((probability * np.square(value - mean)).sum()) + float(probability[-1]) * recovery_sd**2
    return ValueDistribution(
        ratings=matrix.ratings, probability=probability, value=value, mean=mean, standard_deviation=math.sqrt(variance)
    )
