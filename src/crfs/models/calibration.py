"""Calibration: whether a PD of 2 % means that 2 in 100 default; how to mend it, and how to test it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from crfs.errors import InvalidInput
from crfs.models.discrimination import midranks, normal_quantile
from crfs.models.logistic import FloatArray, cluster_numbers, cluster_sums, fit_logistic, logit, sigmoid


class CalibrationMethod(StrEnum):
    """What is fitted on the calibration slice."""

    NONE = "none"
    INTERCEPT = "intercept"
    """Shift the log-odds so that the mean PD meets the realised rate (the anchor, or central tendency)."""
    PLATT = "platt"
    """Shift and stretch the log-odds: ``logit(pd) = intercept + slope · logit(raw)`` (Platt, 1999)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """``logit(pd) = intercept + slope · logit(raw)``; with intercept 0 and slope 1 nothing changes."""

    method: CalibrationMethod
    intercept: float
    slope: float
    rows: int
    defaults: int
    clusters: int | None

    def apply(self, pd: ArrayLike) -> FloatArray:
        """The calibrated PD of a raw one."""
        return sigmoid(self.intercept + self.slope * logit(pd))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        return cls(
            method=CalibrationMethod(data["method"]),
            intercept=float(data["intercept"]),
            slope=float(data["slope"]),
            rows=int(data["rows"]),
            defaults=int(data["defaults"]),
            clusters=None if data["clusters"] is None else int(data["clusters"]),
        )


IDENTITY = Calibration(method=CalibrationMethod.NONE, intercept=0.0, slope=1.0, rows=0, defaults=0, clusters=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its standard error and interval."""

    value: float
    se: float
    lower: float
    upper: float

    def to_dict(self) -> dict[str, float]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFit:
    """The logistic regression of the outcome on ``logit(pd)``.

    ``slope`` below 1: the PDs are too spread (over-fitted); above 1: too close together. ``intercept`` goes with that slope.
    ``in_the_large`` is the intercept with the slope held at 1: above 0 the PDs are too low. ``clusters`` counts the obligors that the
    errors rest on; None where rows were taken as independent. Few clusters (below about 50) make the intervals too narrow, and a shock
    common to all obligors is in no interval that clusters by obligor.
    """

    slope: Estimate
    intercept: Estimate
    in_the_large: Estimate
    confidence: float
    rows: int
    defaults: int
    clusters: int | None


def fit_calibration(
    outcome: ArrayLike, pd: ArrayLike, *, method: CalibrationMethod = CalibrationMethod.PLATT, clusters: ArrayLike | pl.Series | None = None
) -> Calibration:
    """Fit the recalibration of raw PDs on a slice that the model was not fitted on, later than it, its outcome windows closed.

    Example:
        >>> raw = np.full(1000, 0.02)
        >>> shift = fit_calibration(np.arange(1000) < 40, raw, method=CalibrationMethod.INTERCEPT)
        >>> round(float(shift.apply(0.02)), 9)
        0.04
    """
    y, eta = _checked(outcome, pd)
    facts: dict[str, Any] = {"rows": len(y), "defaults": int(y.sum()), "clusters": None}
    grouped = cluster_numbers(clusters)
    if grouped is not None:
        facts["clusters"] = grouped[1]
    ones = np.ones((len(y), 1))
    if method is CalibrationMethod.NONE:
        return Calibration(method=method, intercept=0.0, slope=1.0, **facts)
    if method is CalibrationMethod.INTERCEPT:
        fit = fit_logistic(ones, y, offset=eta, start=[_shift(y, eta)])
        return Calibration(method=method, intercept=float(fit.coefficients[0]), slope=1.0, **facts)
    fit = fit_logistic(np.column_stack([ones, eta]), y, start=[0.0, 1.0], names=("intercept", "slope"))
    intercept, slope = (float(value) for value in fit.coefficients)
    if slope <= 0.0:
        raise InvalidInput(
            f"on the calibration slice the slope is {slope:.3g}: the model ranks the wrong way there; "
            "a larger or later slice, another model, or method='intercept'"
        )
    return Calibration(method=method, intercept=intercept, slope=slope, **facts)


def calibration_fit(
    outcome: ArrayLike, pd: ArrayLike, *, clusters: ArrayLike | pl.Series | None = None, confidence: float = 0.95
) -> CalibrationFit:
    """Calibration slope, intercept and calibration in the large, with intervals (Cox, 1958; Steyerberg, Clinical Prediction Models, ch. 15).

    Give ``clusters`` (the obligor of each row) wherever an obligor has more than one row; without, each row is its own cluster.
    """
    y, eta = _checked(outcome, pd)
    labels = np.arange(len(y)) if clusters is None else clusters
    z = normal_quantile(0.5 + 0.5 * confidence)
    ones = np.ones((len(y), 1))
    both = fit_logistic(np.column_stack([ones, eta]), y, start=[0.0, 1.0], clusters=labels, names=("intercept", "slope"))
    large = fit_logistic(ones, y, offset=eta, start=[_shift(y, eta)], clusters=labels)

    def estimate(value: float, se: float) -> Estimate:
        return Estimate(value=value, se=se, lower=value - z * se, upper=value + z * se)

    return CalibrationFit(
        slope=estimate(float(both.coefficients[1]), float(both.standard_errors[1])),
        intercept=estimate(float(both.coefficients[0]), float(both.standard_errors[0])),
        in_the_large=estimate(float(large.coefficients[0]), float(large.standard_errors[0])),
        confidence=confidence,
        rows=len(y),
        defaults=int(y.sum()),
        clusters=None if clusters is None else both.clusters,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """A test's statistic, degrees of freedom (0: normal) and p-value; a small p speaks against the PDs."""

    __test__ = False  # not a test class, whatever its name begins with

    statistic: float
    degrees_of_freedom: int
    p_value: float


def hosmer_lemeshow(outcome: ArrayLike, pd: ArrayLike, *, groups: int = 10, in_sample: bool = False) -> TestResult:
    """Hosmer–Lemeshow: ``Σ (D_g - Σp)² / (Σp (1 - p̄))`` over groups of near equal size by PD; equal PDs are never parted.

    Chi-square with ``groups`` degrees of freedom out of sample, ``groups - 2`` in sample (Hosmer & Lemeshow, 2000, 5.2.2). Rows count as
    independent; with thousands of rows it refuses every model, so read it beside the reliability table.
    """
    y, eta = _checked(outcome, pd)
    table = _grouped(y, sigmoid(eta), groups)
    expected = table["count"].to_numpy() * table["mean_pd"].to_numpy()
    statistic = float(np.sum((table["defaults"].to_numpy() - expected) ** 2 / (expected * (1.0 - table["mean_pd"].to_numpy()))))
    freedom = len(table) - (2 if in_sample else 0)
    if freedom < 1:
        raise InvalidInput(f"only {len(table)} groups of distinct PDs: too few for the test")
    from scipy.special import chdtrc

    return TestResult(statistic=statistic, degrees_of_freedom=freedom, p_value=float(chdtrc(freedom, statistic)))


def spiegelhalter(outcome: ArrayLike, pd: ArrayLike, *, clusters: ArrayLike | pl.Series | None = None) -> TestResult:
    """Spiegelhalter's z: is the Brier score what the PDs themselves promise? Standard normal if they are right (Statistics in Medicine 5, 1986).

    ``z = Σ (y - p)(1 - 2p) / sqrt(Σ (1 - 2p)² p (1 - p))``; two-sided. With ``clusters`` the variance is the sum of squared cluster totals.

    >>> round(spiegelhalter([0, 0, 0, 1], [0.25] * 4).statistic, 12)
    0.0
    """
    y, eta = _checked(outcome, pd)
    p = sigmoid(eta)
    terms = (y - p) * (1.0 - 2.0 * p)
    grouped = cluster_numbers(clusters)
    variance = float(np.sum((1.0 - 2.0 * p) ** 2 * p * (1.0 - p))) if grouped is None else float(np.sum(cluster_sums(terms, grouped) ** 2))
    if variance == 0.0:
        raise InvalidInput("Spiegelhalter's test is not defined where every PD is one half")
    z = float(np.sum(terms)) / math.sqrt(variance)
    return TestResult(statistic=z, degrees_of_freedom=0, p_value=math.erfc(abs(z) / math.sqrt(2.0)))


def jeffreys_test(*, count: int, defaults: int, pd: float) -> float:
    """Jeffreys test of one grade: one-sided p-value of "the PD is not too low" (ECB, Instructions for validation reporting, 2019, 2.5.3.1).

    The Beta(D + ½, N - D + ½) distribution at the PD; below 0.05 the grade's PD looks too low. Defaults count as independent, which in
    a credit cycle they are not.

    >>> round(jeffreys_test(count=100, defaults=3, pd=0.02), 6)
    0.219044
    """
    if not 0 <= defaults <= count or count < 1:
        raise InvalidInput(f"a grade needs 0 <= defaults <= count and count >= 1, not {defaults} of {count}")
    if not 0.0 < pd < 1.0:
        raise InvalidInput(f"a grade's PD must lie strictly between 0 and 1, not {pd}")
    from scipy.special import betainc

    return float(betainc(defaults + 0.5, count - defaults + 0.5, pd))


def grade_table(
    outcome: ArrayLike, pd: ArrayLike, grades: pl.Series | ArrayLike, *, clusters: ArrayLike | pl.Series | None = None
) -> pl.DataFrame:
    """A row a grade, by rising mean PD: ``grade, count, obligors, defaults, mean_pd, default_rate, jeffreys_p``."""
    y, eta = _checked(outcome, pd)
    grade = grades if isinstance(grades, pl.Series) else pl.Series(np.asarray(grades))
    labels = cluster_numbers(clusters)
    frame = pl.DataFrame({"grade": grade, "y": y, "pd": sigmoid(eta), "obligor": np.arange(len(y)) if labels is None else labels[0]})
    table = (
        frame.group_by("grade")
        .agg(
            count=pl.len().cast(pl.Int64),
            obligors=pl.col("obligor").n_unique().cast(pl.Int64),
            defaults=pl.col("y").sum().cast(pl.Int64),
            mean_pd=pl.col("pd").mean(),
        )
        .sort("mean_pd", "grade")
        .with_columns(default_rate=pl.col("defaults") / pl.col("count"))
    )
    p_values = [jeffreys_test(count=n, defaults=d, pd=p) for n, d, p in table.select("count", "defaults", "mean_pd").iter_rows()]
    return table.with_columns(pl.Series("jeffreys_p", p_values, dtype=pl.Float64))


def brier(outcome: ArrayLike, pd: ArrayLike) -> float:
    """Mean squared error of the PD, in [0, 1]; lower is better.

    >>> round(brier([0, 1], [0.2, 0.8]), 12)
    0.04
    """
    y, p = np.asarray(outcome, dtype=np.float64), np.asarray(pd, dtype=np.float64)
    if y.shape != p.shape or y.size == 0:
        raise InvalidInput(f"outcome and PD must be two columns of one length, not {y.shape} and {p.shape}")
    return float(np.mean((y - p) ** 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class BrierParts:
    """``brier = reliability - resolution + uncertainty + within`` (Murphy, 1973; ``within`` by Stephenson, Coelho & Jolliffe, 2008).

    ``reliability`` (0 is best): squared distance of PD and rate by bin. ``resolution``: how far the bins' rates spread.
    ``uncertainty``: of the base rate alone. ``within``: variance and covariance inside the bins, so that the sum is exact.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float


def brier_parts(outcome: ArrayLike, pd: ArrayLike, *, groups: int = 10) -> BrierParts:
    """Decompose the Brier score over groups of near equal size by PD."""
    y, eta = _checked(outcome, pd)
    p = sigmoid(eta)
    table = _grouped(y, p, groups)
    weight = table["count"].to_numpy() / len(y)
    rate, mean_pd, base = table["default_rate"].to_numpy(), table["mean_pd"].to_numpy(), float(y.mean())
    total = float(np.mean((y - p) ** 2))
    reliability = float(np.sum(weight * (mean_pd - rate) ** 2))
    resolution = float(np.sum(weight * (rate - base) ** 2))
    uncertainty = base * (1.0 - base)
    return BrierParts(
        brier=total,
        reliability=reliability,
        resolution=resolution,
        uncertainty=uncertainty,
        within=total - reliability + resolution - uncertainty,
    )


def reliability_table(outcome: ArrayLike, pd: ArrayLike, *, groups: int = 10, confidence: float = 0.95) -> pl.DataFrame:
    """PD against realised rate by groups of near equal size: ``group, count, defaults, mean_pd, default_rate, lower, upper``.

    The interval of the rate is Jeffreys': quantiles of Beta(D + ½, N - D + ½), for independent defaults.
    """
    from scipy.special import betaincinv

    y, eta = _checked(outcome, pd)
    table = _grouped(y, sigmoid(eta), groups)
    count, defaults = table["count"].to_numpy(), table["defaults"].to_numpy()
    tail = 0.5 * (1.0 - confidence)
    return table.with_columns(
        lower=pl.Series(np.where(defaults == 0, 0.0, betaincinv(defaults + 0.5, count - defaults + 0.5, tail))),
        upper=pl.Series(np.where(defaults == count, 1.0, betaincinv(defaults + 0.5, count - defaults + 0.5, 1.0 - tail))),
    )


def _grouped(y: FloatArray, p: FloatArray, groups: int) -> pl.DataFrame:
    """Groups of near equal size by PD; a run of equal PDs goes to the group of its middle."""
    if groups < 2:
        raise InvalidInput(f"groups must be 2 or more, not {groups}")
    number = np.minimum((midranks(p) - 0.5) * groups / len(p), groups - 1).astype(np.int64)
    count = np.bincount(number, minlength=groups)
    used = count > 0
    defaults = np.bincount(number, weights=y, minlength=groups)[used]
    total = np.bincount(number, weights=p, minlength=groups)[used]
    count = count[used]
    return pl.DataFrame(
        {
            "group": np.arange(1, len(count) + 1),
            "count": count,
            "defaults": defaults.astype(np.int64),
            "mean_pd": total / count,
            "default_rate": defaults / count,
        }
    )


def _shift(y: FloatArray, eta: FloatArray) -> float:
    """A good first guess of the intercept, so that Newton's steps stay small."""
    rate, mean = float(y.mean()), float(sigmoid(eta).mean())
    return math.log(rate / (1.0 - rate)) - math.log(mean / (1.0 - mean))


def _checked(outcome: ArrayLike, pd: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, p = np.asarray(outcome, dtype=np.float64), np.asarray(pd, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape:
        raise InvalidInput(f"outcome and PD must be two columns of one length, not {y.shape} and {p.shape}")
    if not np.all((y == 0.0) | (y == 1.0)):
        raise InvalidInput("the outcome must be 0 or 1 in every row")
    if not 0.0 < y.sum() < len(y):
        raise InvalidInput(f"calibration needs both defaults and others; there are {int(y.sum())} defaults in {len(y)} rows")
    return y, logit(p)
