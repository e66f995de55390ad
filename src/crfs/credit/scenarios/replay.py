"""Historical replay: what happened in a window of history, happening again from today's values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from crfs.bitemporal.tenor import Tenor
from crfs.credit.scenarios.operators import FloatArray, with_values
from crfs.credit.scenarios.scenario import Path, Scenario, ScenarioSeverity, period_starts, require_periods
from crfs.credit.scenarios.tables import from_table
from crfs.credit.scenarios.units import Change
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem

Bounds = Mapping[str, tuple[float | None, float | None]]
"""The least and the greatest value that a variable may take, None where there is none: a rate of unemployment is not below 0."""


def replay(
    history: pl.DataFrame,
    *,
    since: date,
    until: date,
    today: Mapping[str, float],
    start: date,
    name: str,
    bounds: Bounds | None = None,
    period: Tenor | str | None = None,
    units: Mapping[str, str] | None = None,
    changes: Mapping[str, Change] | None = None,
    severity: ScenarioSeverity | str = ScenarioSeverity.ADVERSE,
    probability: float | None = None,
    source: str = "",
) -> Scenario:
    """The window ``[since, until)`` of history from ``today`` on.

    The period before ``since`` is where history stood; each later value is told as its change from there, and the change happens to today's
    value: a difference for rates, a relative change for levels, as the unit says. ``start`` is the first period of the scenario.

    Args:
        history: a long table as :func:`~crfs.credit.scenarios.tables.from_table` takes it, as it was known when the question is asked (of
            a store: with its ``as_of``), reaching from the period before ``since`` up to ``until``. Variables that ``today`` does not
            name are left out.
        today: the last known value of each variable, in the engine's unit (decimals).
        bounds: a value beyond is held at the bound, and the scenario's notes say so.

    >>> days = [date(2008, 7, 1), date(2008, 10, 1), date(2009, 1, 1)]
    >>> history = pl.DataFrame({"valid_time": days, "variable": "us.equity", "value": [1000.0, 700.0, 600.0], "unit": "index"})
    >>> again = replay(history, since=date(2008, 10, 1), until=date(2009, 4, 1), today={"us.equity": 5000.0},
    ...                start=date(2026, 1, 1), name="2008")
    >>> again.path("us.equity").values
    (3500.0, 3000.0)
    """
    if not today:
        raise InvalidInput("today names no variable; give the last known value of each variable to replay", argument="today")
    unknown = sorted(set(today) - set(history["variable"].unique().to_list() if "variable" in history.columns else ()))
    if unknown:
        raise InvalidInput(f"the history has no {', '.join(unknown)}", argument="today")
    told = from_table(
        history.filter(pl.col("variable").is_in(list(today))), name=name, period=period, units=units, changes=changes, severity=severity
    )
    first, last = _window(told, since, until)
    clipped: list[str] = []
    paths = []
    for path in told.paths:
        values = _rebased(path, told, first, last, today[path.variable])
        low, high = (bounds or {}).get(path.variable, (None, None))
        held = np.clip(values, -math.inf if low is None else low, math.inf if high is None else high)
        if (held != values).any():
            clipped.append(path.variable)
        paths.append(with_values(path, held))
    notes = f"what happened from {since} to {until}, from today's values"
    if clipped:
        notes += f"; held at its bounds: {', '.join(clipped)}"
    return Scenario(
        name=name,
        severity=told.severity,
        probability=probability,
        source=source,
        notes=notes,
        start=start,
        period=told.period,
        paths=tuple(paths),
    )


def hold(
    history: pl.DataFrame,
    *,
    periods: int,
    today: Mapping[str, float],
    start: date,
    name: str,
    period: Tenor | str | None = None,
    severity: ScenarioSeverity | str = ScenarioSeverity.BASELINE,
    probability: float | None = None,
    source: str = "",
) -> Scenario:
    """The scenario in which nothing moves: every variable keeps the value of ``today`` for so many periods.

    ``history`` gives the units of the variables and the length of a period (unless ``period`` says it).

    >>> history = pl.DataFrame({"valid_time": [date(2026, 1, 1), date(2026, 4, 1)], "variable": "us.rate", "value": [0.03, 0.04],
    ...                         "unit": "decimal"})
    >>> hold(history, periods=2, today={"us.rate": 0.04}, start=date(2026, 7, 1), name="hold").path("us.rate").values
    (0.04, 0.04)
    """
    require_periods(periods)
    unknown = sorted(set(today) - set(history["variable"].unique().to_list() if "variable" in history.columns else ()))
    if unknown or not today:
        raise InvalidInput(f"the history has no {', '.join(unknown) or 'variable that is to be held'}", argument="today")
    told = from_table(history.filter(pl.col("variable").is_in(list(today))), name=name, period=period)
    return Scenario(
        name=name,
        severity=ScenarioSeverity(severity),
        probability=probability,
        source=source,
        notes="the last known values go on",
        start=start,
        period=told.period,
        paths=tuple(with_values(path, np.full(periods, today[path.variable])) for path in told.paths),
    )


def _window(told: Scenario, since: date, until: date) -> tuple[int, int]:
    """Positions of the first period of the window and of the first one after it."""
    edges = period_starts(told.start, told.period, told.periods + 1)
    if since not in edges or until not in edges or not since < until:
        raise InvalidInput(
            f"[{since}, {until}) are no periods of the history, which has those of {told.period} from {told.start} to {told.end}"
        )
    first = edges.index(since)
    if first == 0:
        raise InvalidInput(f"the history starts at {told.start}: the period before {since}, from which changes are told, is not there")
    return first, edges.index(until)


def _rebased(path: Path, told: Scenario, first: int, last: int, now: float) -> FloatArray:
    values = path.array()[first - 1 : last]
    absent = np.flatnonzero(np.isnan(values))
    relative = path.moves_by is Change.RELATIVE
    problems = [
        Problem(row=None, column=path.variable, reason=Reason.MISSING.value, detail=f"no value for {told.times[first - 1 + int(row)]}")
        for row in absent
    ]
    if relative and not len(absent):
        problems += [
            Problem(
                row=None,
                column=path.variable,
                reason=Reason.OUT_OF_RANGE.value,
                detail=f"{values[row]:g} in {told.times[first - 1 + int(row)]}: a variable that moves by relative changes is above 0",
            )
            for row in np.flatnonzero(values <= 0.0)
        ]
    if not math.isfinite(now) or (relative and now <= 0.0):
        detail = f"{now} is no {'level' if relative else 'number'} to start from"
        problems.append(Problem(row=None, column=path.variable, reason=Reason.OUT_OF_RANGE.value, detail=detail))
    if problems:
        raise InvalidInput(f"{path.variable} cannot be replayed: {problems[0]}", problems=tuple(problems))
    return np.asarray(now * values[1:] / values[0] if relative else now + (values[1:] - values[0]), dtype=np.float64)
