"""From macro history and a series to a fitted regression: lags are chosen, signs are held, and a scenario is forecast with its error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.tenor import Tenor
from crfs.credit.scenarios import Scenario, from_table
from crfs.credit.scenarios.units import SPELLINGS
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.models.satellite.regression import LAST_PERIOD, Regression, high_inflation, regress
from crfs.models.satellite.terms import Term, Transform, lagged, regressor

FloatArray: TypeAlias = npt.NDArray[np.float64]

YEAR = Tenor(months=12)
_MOST_COMBINATIONS = 5_000
_FEW_A_COEFFICIENT = 10


class WrongSign(StrEnum):
    """What is done with a term whose coefficient has the wrong sign: the fit is refused, or the term dropped with a note."""

    REFUSE = "refuse"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class SatelliteSpec:
    """What a satellite regression is to be.

    Args:
        terms: the macro variables.
        lagged: whether the last period's value of what is explained is among the regressors.
        hac_lags: periods over which residuals may hang together; None: by the sample's length.
        wrong_sign: what to do where an estimated coefficient has another sign than its term says.
        confidence: of the band about a predicted path.
        horizon: over which the default rates count, ``P12M`` or the length of a period; rates of a quarter are compounded to a year where a
            yearly probability is asked for.
    """

    terms: tuple[Term, ...]
    lagged: bool = True
    hac_lags: int | None = None
    wrong_sign: WrongSign = WrongSign.REFUSE
    confidence: float = 0.9
    horizon: Tenor = YEAR

    def __post_init__(self) -> None:
        object.__setattr__(self, "wrong_sign", WrongSign(self.wrong_sign))
        if not self.terms:
            raise InvalidInput("a satellite regression needs a term")
        labels = [(term.variable, term.transform, term.over) for term in self.terms]
        if len(set(labels)) < len(labels):
            raise InvalidInput("two terms of a satellite regression are the same; give one of them with several lags")
        if not 0.0 < self.confidence < 1.0:
            raise InvalidInput(f"confidence is a decimal within (0, 1), such as 0.9, not {self.confidence}", argument="confidence")
        if self.horizon.months < 1 or 12 % self.horizon.months or self.horizon.days or self.horizon.seconds:
            raise InvalidInput(f"the horizon of default rates is P1M, P3M, P6M or P12M, not {self.horizon}", argument="horizon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A normal distribution a period of a scenario: ``mean`` and ``sd`` of what the regression explains.

    ``parameter_sd`` is the part of ``sd`` that comes from not knowing the coefficients. ``notes`` say where the scenario leaves what the
    sample has seen.
    """

    times: tuple[date, ...]
    mean: FloatArray
    sd: FloatArray
    parameter_sd: FloatArray
    notes: tuple[str, ...]

    @property
    def residual_sd(self) -> FloatArray:
        """The part of ``sd`` that comes from what the regression does not explain: the same for every scenario."""
        return np.sqrt(np.maximum(self.sd**2 - self.parameter_sd**2, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MacroFit:
    """A regression of a series on macro history, and what is needed to carry it on.

    ``chosen`` are the terms with the lag that was taken; ``times`` the periods of the sample. ``series`` is what is explained, with its
    own periods, and ``macro`` the history of the terms' variables. ``tried`` is how many combinations of lags were compared: the more,
    the better the best of them looks by chance.
    """

    spec: SatelliteSpec
    chosen: tuple[tuple[Term, int], ...]
    regression: Regression
    times: tuple[date, ...]
    series: Scenario
    macro: Scenario
    tried: int
    notes: tuple[str, ...]

    def forecast(self, scenario: Scenario, *, history: pl.DataFrame | None = None) -> Forecast:
        """The explained series over the scenario's periods.

        ``history`` is the macro history up to the scenario's start (a long table) where it is newer than the one of the fit. With the
        last value among the regressors the forecast starts where the series ends, and goes through the history to the scenario. The error
        is that of the residuals, adding up from period to period as far as they persist, and of the coefficients (delta method, with
        their HAC covariance).
        """
        macro = _spliced(self.macro if history is None else _macro(history, self.spec.terms), scenario, self.spec.terms)
        first = (scenario.start.year - macro.start.year) * 12 + scenario.start.month - macro.start.month
        begin = first // scenario.period.months
        _require_levels(scenario, [term for term, _ in self.chosen])
        columns = np.column_stack([regressor(macro, term, lag) for term, lag in self.chosen])
        last, since = self._last_before(scenario)
        start = begin - since
        if start < 0:
            raise InvalidInput(f"the macro history starts at {macro.start}, after the end of the explained series; give more of it")
        _require_complete(columns[start:], [term.label(lag) for term, lag in self.chosen], macro.times[start:])
        kept = slice(begin - start, None)
        with np.errstate(over="ignore", invalid="ignore"):  # what is no number is refused below
            mean, parameter, residual = self._recursion(columns[start:], last)
            told = np.isfinite(mean) & np.isfinite(parameter + residual)
        if not told[kept].all():
            where = int(np.flatnonzero(~told[kept])[0])
            raise self.too_far(scenario, where, "what the regression foretells is no finite number", history=history)
        return Forecast(
            times=scenario.times,
            mean=mean[kept],
            sd=np.sqrt(parameter + residual)[kept],
            parameter_sd=np.sqrt(parameter)[kept],
            notes=self._beyond_sample(columns[begin:]),
        )

    def too_far(self, scenario: Scenario, where: int, what: str, *, history: pl.DataFrame | None = None) -> InvalidInput:
        """That a scenario goes where the regression has no answer: ``what`` that means in the period at position ``where``.

        Of the variables of the terms and the periods up to then the value is named that lies farthest from what history has seen.
        """
        macro = self.macro if history is None else _macro(history, self.spec.terms)
        found: list[tuple[float, str, int, float, float]] = []
        for variable in sorted({term.variable for term, _ in self.chosen}):
            seen = macro.path(variable).array()
            low, high = float(np.nanmin(seen)), float(np.nanmax(seen))
            values = scenario.path(variable).array()[: where + 1]
            with np.errstate(over="ignore"):
                far = np.abs(values - 0.5 * (low + high)) / max(high - low, 1e-12)
            if not np.isnan(far).all():
                period = int(np.nanargmax(far))
                found.append((float(far[period]), variable, period, low, high))
        _, variable, period, low, high = max(found)
        path = scenario.path(variable)
        units = "decimals (0.1 is 10 percent)" if path.unit == "decimal" else path.unit
        return InvalidInput(
            f"scenario {scenario.name!r}: in the period from {scenario.times[where]} {what}. {variable} is {path.values[period]:g} in the period "
            f"from {scenario.times[period]}, and history has seen {low:.4g} to {high:.4g}: give it in {units}, or scale the scenario by less",
            argument="scenario",
        )

    def periods_before(self, scenario: Scenario) -> int:
        """How many periods lie between the last value of the series and the scenario's start."""
        return self._last_before(scenario)[1]

    def _last_before(self, scenario: Scenario) -> tuple[float, int]:
        """The last value of the series before the scenario, and how many periods lie between it and the scenario's start."""
        if not self.spec.lagged:
            return 0.0, 0
        months = (scenario.start.year - self.series.start.year) * 12 + scenario.start.month - self.series.start.month
        position = months // self.series.period.months - 1
        values = self.series.paths[0].array()
        if position < 0:
            raise InvalidInput(f"the explained series starts at {self.series.start}; nothing comes before a scenario from {scenario.start}")
        known = np.flatnonzero(~np.isnan(values[: position + 1]))
        if not len(known):
            raise InvalidInput(f"the explained series has no value before {scenario.start}")
        return float(values[known[-1]]), position - int(known[-1])

    def _recursion(self, columns: FloatArray, last: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        fit = self.regression
        persistence = fit.persistence
        count = len(columns)
        mean, parameter, residual = np.empty(count), np.empty(count), np.empty(count)
        gradient, variance = np.zeros(len(fit.names)), 0.0
        own = () if LAST_PERIOD not in fit.names else (last,)
        for period in range(count):
            row = np.array([1.0, *own, *columns[period]])
            mean[period] = float(np.add.reduce(row * fit.coefficients))
            gradient = row + persistence * gradient
            parameter[period] = max(float(np.einsum("i,ij,j->", gradient, fit.covariance, gradient)), 0.0)
            variance = fit.sigma**2 + persistence**2 * variance
            residual[period] = variance
            own = own and (mean[period],)
        return mean, parameter, residual

    def _beyond_sample(self, columns: FloatArray) -> tuple[str, ...]:
        sample = self.sample_columns()
        notes = []
        for j, (term, lag) in enumerate(self.chosen):
            low, high = float(sample[:, j].min()), float(sample[:, j].max())
            seen_low, seen_high = float(columns[:, j].min()), float(columns[:, j].max())
            if seen_low < low or seen_high > high:
                worst = seen_low if low - seen_low > seen_high - high else seen_high
                notes.append(
                    f"{term.label(lag)} reaches {worst:.4g}; the sample saw {low:.4g} to {high:.4g}, so the effect is extrapolated"
                )
        return tuple(notes)

    def sample_columns(self) -> FloatArray:
        """The regressors over the sample, a column a chosen term."""
        return _columns(self.macro, self.chosen, self.times)

    def residual_by_time(self) -> dict[date, float]:
        """The residuals of the sample by period."""
        return dict(zip(self.times, self.regression.residuals.tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "terms": [
                {
                    "name": term.label(lag),
                    "variable": term.variable,
                    "transform": term.transform.value,
                    "over": term.over,
                    "lag": lag,
                    "sign": term.sign,
                }
                for term, lag in self.chosen
            ],
            "last_period": self.spec.lagged,
            "horizon": str(self.spec.horizon),
            "confidence": self.spec.confidence,
            "period": str(self.series.period),
            "sample_start": self.times[0].isoformat(),
            "sample_end": self.times[-1].isoformat(),
            "combinations_tried": self.tried,
            **self.regression.to_dict(),
            "notes": list(self.notes),
        }


def fit_macro(series: Scenario, history: pl.DataFrame, spec: SatelliteSpec, *, sign: int = 1) -> MacroFit:
    """Regress a series (the only path of ``series``) on the terms of ``spec``.

    Args:
        history: a long table of macro history (``valid_time``, ``variable``, ``value``, ``unit``), of the same periods.
        sign: -1 where the series is low when defaults are many, so that the terms' signs turn round.

    Of the terms' lags the combination of the least BIC is taken, on one sample for all; one whose signs are right goes before one whose
    are not.
    """
    macro = _macro(history, spec.terms)
    if macro.period != series.period:
        raise InvalidInput(f"the series has periods of {series.period}, the macro history of {macro.period}; bring both to the same first")
    choices = [tuple((term, lag) for lag in term.lags) for term in spec.terms]
    combinations = math.prod(len(choice) for choice in choices)
    if combinations > _MOST_COMBINATIONS:
        raise InvalidInput(f"{combinations:,} combinations of lags are too many to compare ({_MOST_COMBINATIONS:,}); give fewer lags")
    sample = _sample(series, macro, [pair for choice in choices for pair in choice], spec)
    best: tuple[bool, float, tuple[tuple[Term, int], ...]] | None = None
    for pairs in itertools.product(*choices):
        fit = sample.fit(pairs)
        candidate = (bool(_wrong(fit, pairs, sign)), fit.bic, pairs)
        if best is None or candidate[:2] < best[:2]:
            best = candidate
    assert best is not None  # a product of choices that are not empty
    chosen, notes = _with_right_signs(best[2], sample, spec, sign=sign)
    fit = sample.fit(chosen)
    return MacroFit(
        spec=spec,
        chosen=chosen,
        regression=fit,
        times=sample.times,
        series=series,
        macro=macro,
        tried=combinations,
        notes=(*notes, *_caveats(fit, combinations)),
    )


def one_series(table: pl.DataFrame, *, column: str, what: str) -> Scenario:
    """A table of ``valid_time`` and ``column`` (decimals) as regular periods."""
    absent = [name for name in ("valid_time", column) if name not in table.columns]
    if absent:
        raise InvalidInput(f"a table of {what} has columns valid_time and {column}; lacking: {', '.join(absent)}")
    long = table.select("valid_time", variable=pl.lit(column), value=pl.col(column), unit=pl.lit("decimal"))
    return from_table(long, name=what)


def _macro(history: pl.DataFrame, terms: Sequence[Term]) -> Scenario:
    wanted = {term.variable for term in terms}
    if "variable" not in history.columns:
        raise InvalidInput("the macro history is a long table: valid_time, variable, value, unit", argument="history")
    absent = sorted(wanted - set(history["variable"].unique().to_list()))
    if absent:
        raise InvalidInput(f"the macro history has no {', '.join(absent)}", argument="history")
    return from_table(history.filter(pl.col("variable").is_in(list(wanted))), name="history")


def _spliced(history: Scenario, scenario: Scenario, terms: Sequence[Term]) -> Scenario:
    """History up to the scenario's start, then the scenario; the variables of the terms alone."""
    if history.period != scenario.period:
        raise InvalidInput(f"the scenario has periods of {scenario.period}, the fit of {history.period}")
    months = (scenario.start.year - history.start.year) * 12 + scenario.start.month - history.start.month
    before = months // history.period.months
    if months % history.period.months or before < 0:
        raise InvalidInput(f"the scenario starts at {scenario.start}, which is no period of the history from {history.start}")
    paths = []
    for variable in sorted({term.variable for term in terms}):
        past, future = history.path(variable), scenario.path(variable)
        if past.unit != future.unit:
            known = f"; write decimal, or what becomes decimals: {SPELLINGS}" if past.unit == "decimal" else ""
            raise InvalidInput(f"{variable} is in {past.unit} in the history and in {future.unit} in the scenario{known}")
        told = past.values[:before]
        paths.append(replace(past, values=(*told, *(None,) * (before - len(told)), *future.values)))
    return Scenario(name="spliced", start=history.start, period=history.period, paths=tuple(paths))


def _columns(macro: Scenario, pairs: Sequence[tuple[Term, int]], times: Sequence[date]) -> FloatArray:
    """The regressors of some terms at some periods, a column a term; NaN where the history does not reach."""
    months = np.array([(day.year - macro.start.year) * 12 + day.month - macro.start.month for day in times])
    if (months % macro.period.months).any():
        raise InvalidInput(f"the series has a period from {times[0]}, which is none of the history's, from {macro.start} on")
    rows = months // macro.period.months
    # A lag looks back from beyond the history's end, so the history is carried on, unsaid, as far as is asked.
    longer = (None,) * max(int(rows.max()) + 1 - macro.periods, 0)
    padded = replace(macro, paths=tuple(replace(path, values=path.values + longer) for path in macro.paths))
    return np.column_stack([np.where(rows >= 0, regressor(padded, term, lag)[np.maximum(rows, 0)], np.nan) for term, lag in pairs])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """The periods at which the series, its last value and every candidate regressor are known, which follow each other without a gap."""

    times: tuple[date, ...]
    y: FloatArray
    last: FloatArray | None
    columns: dict[tuple[Term, int], FloatArray]
    hac_lags: int | None

    def fit(self, pairs: Sequence[tuple[Term, int]]) -> Regression:
        """The regression on some of the candidates."""
        columns = np.column_stack([self.columns[pair] for pair in pairs])
        names = tuple(term.label(lag) for term, lag in pairs)
        if self.last is not None:
            columns, names = np.column_stack([self.last, columns]), (LAST_PERIOD, *names)
        return regress(self.y, columns, names, hac_lags=self.hac_lags)


def _sample(series: Scenario, macro: Scenario, pairs: Sequence[tuple[Term, int]], spec: SatelliteSpec) -> _Sample:
    y = series.paths[0].array()
    before = lagged(y, 1)
    columns = _columns(macro, pairs, series.times)
    known = ~np.isnan(y) & ~np.isnan(columns).any(axis=1)
    if spec.lagged:
        known &= ~np.isnan(before)
    rows = np.flatnonzero(known)
    if not len(rows):
        raise InvalidInput("no period has the series and all of its terms; look at where each begins and ends")
    gaps = np.flatnonzero(np.diff(rows) > 1)
    if len(gaps):
        lost = series.times[int(rows[gaps[0]]) + 1]
        detail = f"something is missing in {lost}, within the sample; fill it, or begin after it"
        raise InvalidInput(detail, problems=(Problem(row=None, column="valid_time", reason=Reason.MISSING.value, detail=detail),))
    return _Sample(
        times=tuple(series.times[row] for row in rows),
        y=y[rows],
        last=before[rows] if spec.lagged else None,
        columns={pair: columns[rows, k] for k, pair in enumerate(pairs)},
        hac_lags=spec.hac_lags,
    )


def _wrong(fit: Regression, pairs: Sequence[tuple[Term, int]], sign: int) -> list[int]:
    """Positions of terms whose coefficient contradicts them, the most certain contradiction first."""
    offset = len(fit.names) - len(pairs)
    t = fit.t
    bad = [k for k, (term, _) in enumerate(pairs) if term.sign and fit.coefficients[offset + k] * term.sign * sign < 0.0]
    return sorted(bad, key=lambda k: -abs(float(t[offset + k])))


def _with_right_signs(
    pairs: tuple[tuple[Term, int], ...], sample: _Sample, spec: SatelliteSpec, *, sign: int
) -> tuple[tuple[tuple[Term, int], ...], tuple[str, ...]]:
    notes: list[str] = []
    while True:
        fit = sample.fit(pairs)
        wrong = _wrong(fit, pairs, sign)
        if not wrong:
            return pairs, tuple(notes)
        offset = len(fit.names) - len(pairs)
        said = [
            f"{pairs[k][0].label(pairs[k][1])} has {fit.coefficients[offset + k]:.4g} (t {fit.t[offset + k]:.2f}), against its sign"
            for k in wrong
        ]
        if spec.wrong_sign is WrongSign.REFUSE:
            raise InvalidInput("; ".join(said) + ": leave it out, take other lags, or let wrong signs be dropped", argument="terms")
        if len(pairs) == 1:
            raise InvalidInput(f"{said[0]}: no term is left with the right sign", argument="terms")
        notes.append(f"{said[0]}: dropped")
        pairs = tuple(pair for k, pair in enumerate(pairs) if k != wrong[0])


def _caveats(fit: Regression, combinations: int) -> tuple[str, ...]:
    notes = []
    if fit.observations < _FEW_A_COEFFICIENT * len(fit.names):
        notes.append(f"{fit.observations} periods for {len(fit.names)} coefficients: fewer than ten each")
    inflated = high_inflation(fit)
    if inflated:
        notes.append(f"hard to tell apart (variance inflation above 10): {', '.join(inflated)}")
    if abs(fit.persistence) >= 1.0:
        notes.append(f"the last value weighs {fit.persistence:.3g}: a shock never dies away")
    if fit.stability.chow_p is not None and fit.stability.chow_p < 0.05:
        notes.append(f"the two halves of the sample differ (Chow p = {fit.stability.chow_p:.2g})")
    if fit.stability.error is not None and fit.stability.naive_error is not None and fit.stability.error > fit.stability.naive_error:
        notes.append("out of sample it foretells worse than taking the last value")
    if combinations > 1:
        notes.append(f"the lags are the best of {combinations} combinations: their standard errors do not know that")
    return tuple(notes)


def _require_levels(scenario: Scenario, terms: Sequence[Term]) -> None:
    """Refuse a scenario whose level has no logarithm where a term takes one."""
    for term in terms:
        values = scenario.path(term.variable).array()
        rows = np.flatnonzero(values <= 0.0)
        if term.transform is Transform.LOG_CHANGE and len(rows):
            raise InvalidInput(
                f"scenario {scenario.name!r}: {term.variable} is {values[rows[0]]:g} in the period from {scenario.times[rows[0]]}, and has no "
                "logarithm: a level is above 0; scale the scenario by less, or let the satellite take the variable's difference",
                argument="scenario",
            )


def _require_complete(columns: FloatArray, labels: Sequence[str], times: Sequence[date]) -> None:
    bad = np.argwhere(np.isnan(columns))
    if len(bad):
        problems = tuple(
            Problem(
                row=None,
                column=labels[j],
                reason=Reason.MISSING.value,
                detail=f"no value for {times[i]}: neither history nor scenario says",
            )
            for i, j in bad[:20]
        )
        raise InvalidInput(f"the path cannot be foretold: {problems[0]}", problems=problems)
