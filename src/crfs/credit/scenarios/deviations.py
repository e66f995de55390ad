"""An adverse scenario told as deviations from a baseline, as the European Banking Authority's stress tests are."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import numpy as np
import polars as pl

from crfs.credit.scenarios.operators import FloatArray, Shift, with_values
from crfs.credit.scenarios.scenario import Scenario, ScenarioSeverity
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem

_COLUMNS = {"valid_time", "variable", "deviation", "how"}


class Between(StrEnum):
    """What holds between the times that a table of deviations names: the last one told, or the straight line to the next."""

    STEP = "step"
    LINEAR = "linear"


def from_deviations(
    base: Scenario,
    deviations: pl.DataFrame,
    *,
    name: str,
    between: Between | str = Between.STEP,
    severity: ScenarioSeverity | str = ScenarioSeverity.ADVERSE,
    probability: float | None = None,
    source: str = "",
) -> Scenario:
    """The scenario that deviates from ``base`` as told.

    Args:
        deviations: ``valid_time`` (first day of one of the base's periods), ``variable``, ``deviation`` (decimal: 0.02 is two percentage
            points, or two percent) and ``how``: ``additive`` (added to the base's value, as for rates) or ``relative`` (of the base's
            level, as for prices).
        between: a table of years on a base of quarters has gaps. ``step`` holds the last deviation until the next; ``linear`` goes on a
            straight line, from nothing in the period before the first told one where that is within the scenario. Before the first told
            one there is none, after the last one it stays.

    Variables that the table leaves out are the base's, bit for bit.

    >>> from crfs.credit.scenarios.scenario import QUARTER, Path
    >>> base = Scenario(name="base", start=date(2026, 1, 1), period=QUARTER,
    ...                 paths=(Path(variable="ea.house_prices", unit="index", values=(100.0, 100.0, 100.0)),))
    >>> told = pl.DataFrame({"valid_time": [date(2026, 4, 1)], "variable": "ea.house_prices", "deviation": -0.1, "how": "relative"})
    >>> from_deviations(base, told, name="adverse").path("ea.house_prices").values
    (100.0, 90.0, 90.0)
    """
    rows = _checked(base, deviations)
    mode = Between(between)
    paths = {path.variable: path for path in base.paths}
    for key, part in rows.group_by("variable", maintain_order=True):
        variable = str(key[0])
        amounts = _filled(part["position"].to_numpy(), part["deviation"].to_numpy(), base.periods, mode)
        values = paths[variable].array()
        after = values + amounts if part["how"][0] == Shift.ADDITIVE.value else values * (1.0 + amounts)
        # Where nothing deviates the base's own number stays, also for a sum that would round.
        paths[variable] = with_values(paths[variable], np.where(amounts == 0.0, values, after))
    return base.with_paths(
        list(paths.values()),
        done=f"deviates from {base.name}",
        name=name,
        severity=ScenarioSeverity(severity),
        probability=probability,
        source=source or None,
    )


def _filled(positions: np.ndarray[tuple[int], np.dtype[np.int64]], told: FloatArray, periods: int, mode: Between) -> FloatArray:
    every = np.arange(periods)
    if mode is Between.STEP:
        last = np.searchsorted(positions, every, side="right") - 1
        return np.where(last < 0, 0.0, told[np.maximum(last, 0)])
    before = positions[0] - 1
    knots, heights = (np.concatenate([[before], positions]), np.concatenate([[0.0], told])) if before >= 0 else (positions, told)
    return np.asarray(np.interp(every, knots, heights), dtype=np.float64)


def _checked(base: Scenario, deviations: pl.DataFrame) -> pl.DataFrame:
    absent = sorted(_COLUMNS - set(deviations.columns))
    if absent or deviations.is_empty():
        raise InvalidInput(f"a table of deviations has {', '.join(sorted(_COLUMNS))}; lacking: {', '.join(absent) or 'any row'}")
    position = {day: number for number, day in enumerate(base.times)}
    problems: list[Problem] = []
    rows = deviations.select(
        pl.col("valid_time").cast(pl.Date),
        pl.col("variable").cast(pl.String),
        pl.col("deviation").cast(pl.Float64),
        pl.col("how").cast(pl.String),
    )
    seen: set[tuple[str, date]] = set()
    hows: dict[str, str] = {}
    for number, (day, variable, deviation, how) in enumerate(rows.iter_rows(), start=1):
        for wrong, column, reason, detail in (
            (day not in position, "valid_time", Reason.OUT_OF_RANGE, f"{day} is no period of {base.name!r}"),
            (variable not in base.variables, "variable", Reason.UNKNOWN_VALUE, f"{base.name!r} has no path of {variable!r}"),
            (deviation is None or not np.isfinite(deviation), "deviation", Reason.NOT_FINITE, f"{deviation} is not a finite number"),
            (how not in list(Shift), "how", Reason.UNKNOWN_VALUE, f"{how!r} is neither additive nor relative"),
            (hows.setdefault(variable, how) != how, "how", Reason.INCONSISTENT, f"{variable} was {hows[variable]} before"),
            ((variable, day) in seen, "valid_time", Reason.DUPLICATE, f"{variable} has a deviation for {day} already"),
        ):
            if wrong:
                problems.append(Problem(row=number, column=column, reason=reason.value, detail=detail))
        seen.add((variable, day))
    if problems:
        raise InvalidInput(f"{len(problems)} wrong cell(s) in the deviations; first: {problems[0]}", problems=tuple(problems))
    where = pl.col("valid_time").replace_strict(position, return_dtype=pl.Int64)
    return rows.with_columns(position=where).sort("variable", "position")
