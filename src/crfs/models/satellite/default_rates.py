"""Default rates on macro history: a regression of their log-odds or probits, and the path that a scenario gives, with its band."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.scenarios import Scenario
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.models.logistic import sigmoid
from crfs.models.satellite.fitting import MacroFit, SatelliteSpec, fit_macro, one_series

FloatArray: TypeAlias = npt.NDArray[np.float64]

_NODES = 64


class Link(StrEnum):
    """The scale on which a default rate is explained."""

    LOGIT = "logit"
    PROBIT = "probit"

    def of(self, rate: FloatArray) -> FloatArray:
        """From rates within (0, 1) to the whole line."""
        from scipy.special import logit, ndtri

        return np.asarray(logit(rate) if self is Link.LOGIT else ndtri(rate), dtype=np.float64)

    def inverse(self, value: FloatArray) -> FloatArray:
        """Back to rates."""
        from scipy.special import ndtr

        return sigmoid(value) if self is Link.LOGIT else np.asarray(ndtr(value), dtype=np.float64)

    def mean(self, value: FloatArray, sd: FloatArray) -> FloatArray:
        """The mean rate where the value is normal: in closed form for probits, by Gauss-Hermite quadrature for log-odds."""
        if self is Link.PROBIT:
            return self.inverse(value / np.sqrt(1.0 + sd**2))
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        rates = self.inverse(value[:, None] + sd[:, None] * nodes)
        return np.asarray(np.add.reduce(rates * (weights / np.add.reduce(weights)), axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatePath:
    """Default rates over the periods of a scenario, decimals over the model's horizon.

    ``central`` is the median, ``mean`` the mean over what the regression does not explain, with the coefficients as estimated: what a
    large book loses on average given the scenario (more: the rate is convex in its residuals). ``low`` and ``high`` bound the rate with
    the model's ``confidence``, residual and parameter errors together. ``notes`` are sentences for the reader.
    """

    times: tuple[date, ...]
    central: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    notes: tuple[str, ...]

    def to_table(self) -> pl.DataFrame:
        """``valid_time``, ``default_rate``, ``default_rate_mean``, ``default_rate_low``, ``default_rate_high``: one row a period."""
        from crfs.bitemporal.rows import INSTANT

        return pl.DataFrame(
            {
                "valid_time": pl.Series(list(self.times)).cast(INSTANT),
                "default_rate": self.central,
                "default_rate_mean": self.mean,
                "default_rate_low": self.low,
                "default_rate_high": self.high,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        columns = {name: getattr(self, name).tolist() for name in ("central", "mean", "low", "high")}
        return {"times": [day.isoformat() for day in self.times], **columns, "notes": list(self.notes)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DefaultRateModel:
    """A fitted regression of default rates; ``fit`` has its coefficients, errors and tests."""

    link: Link
    fit: MacroFit

    def predict(self, scenario: Scenario, *, history: pl.DataFrame | None = None) -> RatePath:
        """The default rates that a scenario gives.

        ``history`` is the macro history up to the scenario, where it is newer than what the model was fitted on; the last known rates and
        the periods between them and the scenario are gone through.
        """
        from scipy.special import stdtrit

        told = self.fit.forecast(scenario, history=history)
        reach = float(stdtrit(self.fit.regression.degrees_of_freedom, 0.5 + self.fit.spec.confidence / 2.0)) * told.sd
        return RatePath(
            times=told.times,
            central=self.link.inverse(told.mean),
            mean=self.link.mean(told.mean, told.residual_sd),
            low=self.link.inverse(told.mean - reach),
            high=self.link.inverse(told.mean + reach),
            notes=told.notes,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"model": "default_rate_regression", "link": self.link.value, **self.fit.to_dict()}


def fit_default_rates(
    rates: pl.DataFrame, history: pl.DataFrame, spec: SatelliteSpec, *, link: Link | str = Link.LOGIT
) -> DefaultRateModel:
    """Regress default rates on macro history: ``link(rate) = a + phi link(rate of the last period) + b' terms + e``.

    T. Wilson, "Portfolio credit risk", Risk, September and October 1997 (CreditPortfolioView) for log-odds.

    Args:
        rates: a row a period: ``valid_time`` and either ``default_rate`` (decimal, above 0 and below 1) or counts ``defaults`` and
            ``obligors``, of which the rate is (defaults + 1/2) / (obligors + 1), so that a period without a default has log-odds too.
        history: the long table of macro history, of the same periods.

    A rate of 0 or 1 without its counts is refused with its row: its log-odds are infinite.
    """
    series = one_series(checked_rates(rates), column="default_rate", what="default rates")
    kind = Link(link)
    values = series.paths[0].array()
    transformed = one_series(
        pl.DataFrame({"valid_time": list(series.times), "link": pl.Series(kind.of(values)).fill_nan(None)}),
        column="link",
        what="default rates",
    )
    return DefaultRateModel(link=kind, fit=fit_macro(transformed, history, spec))


def checked_rates(table: pl.DataFrame) -> pl.DataFrame:
    """The table with ``default_rate`` strictly between 0 and 1 (null: not known)."""
    if {"defaults", "obligors"} <= set(table.columns) and "default_rate" not in table.columns:
        bad = (pl.col("obligors") < 1) | (pl.col("defaults") < 0) | (pl.col("defaults") > pl.col("obligors"))
        _refuse(table, bad, "defaults", "defaults are between 0 and the number of obligors, which is at least 1")
        return table.with_columns(default_rate=(pl.col("defaults") + 0.5) / (pl.col("obligors") + 1.0))
    if "default_rate" not in table.columns:
        raise InvalidInput("default rates are a column default_rate, or the columns defaults and obligors", argument="rates")
    bad = ~((pl.col("default_rate") > 0.0) & (pl.col("default_rate") < 1.0)) & pl.col("default_rate").is_not_null()
    _refuse(table, bad, "default_rate", "a rate is above 0 and below 1; give defaults and obligors where a period has none")
    return table


def _refuse(table: pl.DataFrame, bad: pl.Expr, column: str, detail: str) -> None:
    rows = table.with_row_index("__row", offset=1).filter(bad.fill_null(False))
    if rows.is_empty():
        return
    problems = tuple(
        Problem(row=row, column=column, reason=Reason.OUT_OF_RANGE.value, detail=f"{value} found: {detail}")
        for row, value in rows.select("__row", column).iter_rows()
    )
    raise InvalidInput(f"default rates: {problems[0]}", problems=problems)
