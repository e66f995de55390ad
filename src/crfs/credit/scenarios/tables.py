"""Tables of macro history and of scenarios: one row a variable and period, checked cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from crfs.bitemporal.tenor import Tenor
from crfs.credit.scenarios.scenario import MONTH, QUARTER, Path, Scenario, ScenarioSeverity, period_starts
from crfs.credit.scenarios.units import Change, shifted_right, unit_in_engine
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem

_COLUMNS = ("valid_time", "variable", "value", "unit")


def from_table(
    table: pl.DataFrame,
    *,
    name: str,
    severity: ScenarioSeverity | str = ScenarioSeverity.ADVERSE,
    probability: float | None = None,
    source: str = "",
    notes: str = "",
    period: Tenor | str | None = None,
    units: Mapping[str, str] | None = None,
    changes: Mapping[str, Change] | None = None,
) -> Scenario:
    """A scenario of a long table.

    Args:
        table: one row a variable and period, in any order: ``valid_time`` (a date, or an instant: the start of the period), ``variable``,
            ``value`` (null: the scenario does not say) and ``unit``. Percent and basis points become decimals.
        period: ``P1M`` or ``P3M``; None takes it from the table's times.
        units: unit by variable, where the table has no column ``unit``.
        changes: how a variable moves, where its unit does not tell.

    A time that is not the first day of a period, a period that is left out, a second row for one variable and period, and a value that is
    not finite are :class:`~crfs.errors.InvalidInput` with row and column.

    >>> table = pl.DataFrame({"valid_time": [date(2026, 1, 1), date(2026, 4, 1)], "variable": "us.unemployment_rate",
    ...                       "value": [4.4, 6.0], "unit": "percent"})
    >>> from_table(table, name="slump").path("us.unemployment_rate").values
    (0.044, 0.06)
    """
    rows, length = checked_rows(table, units=units, period=period)
    start: date = rows["valid_time"].min()  # type: ignore[assignment] # of a Date column that is not empty
    times = pl.DataFrame({"valid_time": period_starts(start, length, _count(rows, start, length))})
    paths = []
    for key, part in rows.group_by("variable", maintain_order=True):
        variable = str(key[0])
        unit, places = unit_in_engine(variable, part["unit"][0])
        values = times.join(part, on="valid_time", how="left", maintain_order="left")["value"].to_list()
        written = tuple(None if value is None else shifted_right(value, places) for value in values)
        paths.append(Path(variable=variable, unit=unit, values=written, change=(changes or {}).get(variable)))
    return Scenario(
        name=name,
        severity=ScenarioSeverity(severity),
        probability=probability,
        source=source,
        notes=notes,
        start=start,
        period=length,
        paths=tuple(paths),
    )


def checked_rows(
    table: pl.DataFrame, *, units: Mapping[str, str] | None = None, period: Tenor | str | None = None
) -> tuple[pl.DataFrame, Tenor]:
    """The rows of a long table with ``valid_time`` as a date, sorted, and the length of its periods; every wrong cell is named."""
    rows = _typed(table, units)
    problems = [
        *_where(rows, pl.col("valid_time").is_null(), "valid_time", Reason.MISSING, "a period needs its first day"),
        *_where(rows, pl.col("variable").is_null(), "variable", Reason.MISSING, "a row needs the variable's name"),
        *_where(rows, pl.col("unit").is_null() | (pl.col("unit") == ""), "unit", Reason.MISSING, "a variable needs its unit"),
        *_where(rows, ~pl.col("value").is_finite(), "value", Reason.NOT_FINITE, "it is not a finite number"),
        *_where(rows, pl.col("valid_time").dt.day() != 1, "valid_time", Reason.OUT_OF_RANGE, "a period starts on the first day of a month"),
        *_where(
            rows,
            (pl.col("unit") != pl.col("unit").first().over("variable")),
            "unit",
            Reason.INCONSISTENT,
            "another row of the variable has another unit",
        ),
        *_where(
            rows,
            pl.struct("valid_time", "variable").is_duplicated() & ~pl.struct("valid_time", "variable").is_first_distinct(),
            "valid_time",
            Reason.DUPLICATE,
            "the variable has a row for this period already",
        ),
    ]
    if problems:
        raise InvalidInput(f"{len(problems)} wrong cell(s); first: {problems[0]}", problems=tuple(problems))
    length = _period(rows, period)
    return rows.sort("variable", "valid_time").drop("row"), length


def _typed(table: pl.DataFrame, units: Mapping[str, str] | None) -> pl.DataFrame:
    wanted = [name for name in _COLUMNS if name != "unit" or units is None]
    absent = tuple(
        Problem(row=None, column=name, reason=Reason.MISSING_COLUMN.value, detail=f"a table of paths has a column {name}")
        for name in wanted
        if name not in table.columns
    )
    if absent:
        raise InvalidInput("; ".join(problem.detail for problem in absent), problems=absent)
    if table.is_empty():
        raise InvalidInput(
            "the table of paths has no rows",
            problems=(Problem(row=None, column=None, reason=Reason.EMPTY.value, detail="the table has no rows"),),
        )
    if not (table["value"].dtype.is_numeric() or table["value"].dtype == pl.Null):
        raise InvalidInput(f"the column value holds {table['value'].dtype} where numbers belong", argument="value")
    rows = table.select(
        _days(table["valid_time"]).alias("valid_time"),
        pl.col("variable").cast(pl.String),
        pl.col("value").cast(pl.Float64),
        (pl.col("unit").cast(pl.String) if units is None else pl.lit(None, pl.String)).alias("unit"),
    )
    if units is not None:
        rows = rows.with_columns(unit=pl.col("variable").replace_strict(dict(units), default=None, return_dtype=pl.String))
    return rows.with_row_index("row", offset=1)


def _days(times: pl.Series) -> pl.Series:
    if times.dtype == pl.Date:
        return times
    if times.dtype == pl.String:
        return times.str.to_date("%Y-%m-%d", strict=False)
    if isinstance(times.dtype, pl.Datetime):
        moments = times.dt.convert_time_zone("UTC") if times.dtype.time_zone is not None else times
        whole = moments.dt.truncate("1d") == moments
        # An instant within a day starts no period: the check for missing times names it.
        return moments.dt.date().set(~whole.fill_null(False), None)
    raise InvalidInput(f"valid_time is {times.dtype}; give dates, or instants at which periods start", argument="valid_time")


def _where(rows: pl.DataFrame, wrong: pl.Expr, column: str, reason: Reason, detail: str) -> list[Problem]:
    found = rows.filter(wrong.fill_null(False)).select("row", shown=pl.col(column).cast(pl.String))
    return [
        Problem(row=row, column=column, reason=reason.value, detail=f"{detail}{'' if shown is None else f' (found {shown})'}")
        for row, shown in found.iter_rows()
    ]


def _period(rows: pl.DataFrame, period: Tenor | str | None) -> Tenor:
    """The length of the periods: as said, else the smallest step between times; a period without any row is a gap, and named."""
    months = rows.select(month=pl.col("valid_time").dt.year().cast(pl.Int64) * 12 + pl.col("valid_time").dt.month().cast(pl.Int64))
    distinct = months["month"].unique().sort()
    steps = distinct.diff().drop_nulls()
    if period is not None:
        length = Tenor.parse(period)
        if length not in {MONTH, QUARTER}:
            raise InvalidInput(f"the period of a path is P1M or P3M, not {length}", argument="period")
    elif steps.is_empty():
        raise InvalidInput("the table has one period only, which does not say how long it is; give period", argument="period")
    else:
        length = MONTH if steps.min() in {1, 2} else QUARTER
    wrong = distinct.gather((steps != length.months).arg_true() + 1)
    if not wrong.is_empty():
        first = (wrong[0] - 1) // 12, (wrong[0] - 1) % 12 + 1
        detail = f"no row for the period before {first[0]:04d}-{first[1]:02d}-01; periods of {length} must follow each other without a gap"
        if length == MONTH and set(steps) == {QUARTER.months}:
            detail = f"the rows are a quarter apart, and the period is said to be {MONTH}: write {QUARTER}, or give rows by the month"
        raise InvalidInput(detail, problems=(Problem(row=None, column="valid_time", reason=Reason.MISSING.value, detail=detail),))
    return length


def _count(rows: pl.DataFrame, start: date, period: Tenor) -> int:
    last: date = rows["valid_time"].max()  # type: ignore[assignment] # of a Date column that is not empty
    return ((last.year - start.year) * 12 + last.month - start.month) // period.months + 1
