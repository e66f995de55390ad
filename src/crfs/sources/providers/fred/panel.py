"""FRED-MD, the monthly panel of McCracken and Ng → rows of ``fred_md_panel``: each file is one vintage of every series.

The header begins with ``sasdate``; the row ``Transform:`` has a code a series (1 level, 2 difference, 3 second difference, 4 to 6 the same of
logarithms, 7 difference of the growth rate), which is kept beside each value; then a row a month, dated by its first day as M/D/YYYY. A
blank cell is the ragged edge or a series that is not in this vintage any more: it gives no row.

A file's vintage is the month in its name (``2015-01.csv``, ``2025-06-md.csv``). The publisher gives no day, so it is taken to be known from
the end of that month in St. Louis (basis ``assumed``), and never later than the fetch. A name with a day is a vintage of that day;
``current.csv`` is known from its fetch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from crfs.bitemporal.release import end_of_day
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.tables import (
    FIRST_DAY,
    LAST_DAY,
    Rejection,
    accept,
    reject_all,
    rejected_cells,
    rejected_table,
    rejected_where,
)
from crfs.sources.core.text import DelimitedText, cell, day_instant, iso_date, read_delimited

DATASET = "fred_md_panel"
DATE = "sasdate"
MOST_SERIES = 2000
"""FRED-MD has some 126 series; far more are no such panel."""
_NAMED = re.compile(r"(?<!\d)((?:19|20)\d{2})-?(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])(?!\d))?(?!\d)")
_BLANK = ("", ".", "NA", "NaN", "nan", "#N/A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vintage:
    """The vintage that a file is: its ``day``, from when it was ``known``, and what that rests on."""

    day: date
    known: datetime
    basis: str


def vintage_of(payload: Payload, zone: str) -> Vintage:
    """The vintage by the file's name in the url, else by the stream; without one there, the fetch's."""
    local = payload.fetched_at.astimezone(ZoneInfo(zone)).date()
    for name in (payload.url.partition("?")[0].partition("#")[0].rpartition("/")[2], payload.stream):
        found = list(_NAMED.finditer(name[-200:]))
        if not found:
            continue
        year, month, day = found[-1].groups()  # what stands before the last one is the word of whoever saved the file
        last = _last_day(int(year), int(month)) if day is None else _date(int(year), int(month), int(day))
        if last is None or last.replace(day=1) > local:
            continue
        known = end_of_day(pl.Series([last]), zone)[0]
        if known < payload.fetched_at:
            return Vintage(day=last, known=known, basis="assumed" if day is None else "observed")
        return Vintage(day=local, known=payload.fetched_at.astimezone(UTC), basis="observed")
    return Vintage(day=local, known=payload.fetched_at.astimezone(UTC), basis="observed")


def parse(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of one vintage. What was known before it looks new in it, so each row is ``clipped``: load vintages in their order."""
    if payload.body.split(b"\n", 1)[0].count(b",") > MOST_SERIES:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, f"more than {MOST_SERIES} series in one panel")
    text = read_delimited(payload.body)
    if text.problem is not None:
        return reject_all(*text.problem)
    day = next((name for name in text.header if name.lower() == DATE), None)
    series = [name for name in text.header if name and name != day]
    if day is None or not series or len(series) > MOST_SERIES:
        return reject_all(
            RejectReason.UNEXPECTED_SHAPE, f"a panel of FRED-MD begins with {DATE} and then names at most {MOST_SERIES} series"
        )
    labels = text.table[day].str.to_lowercase()
    if labels.str.starts_with("factors").any():
        return reject_all(RejectReason.UNSUPPORTED, "this is FRED-QD, the quarterly panel; FRED-MD is read")
    dataset = catalogue.dataset(DATASET)
    vintage = vintage_of(payload, dataset.zone)
    codes, bad_codes = _codes(text.table.filter(labels.str.starts_with("transform")), series)
    cells = (
        text.table.filter(~labels.str.starts_with("transform"))
        .unpivot(on=series, index=["row", day], variable_name="entity", value_name="text")
        .rename({day: "date"})
        .filter(~pl.col("text").is_in(_BLANK))
    )
    typed = cells.with_columns(_date=_month(pl.col("date"), vintage.day), value=cell("text", ColumnType.FLOAT8))
    no_date = pl.col("_date").is_null() | ~pl.col("_date").is_between(FIRST_DAY, min(vintage.day, LAST_DAY))
    not_number = pl.col("value").is_null()
    rejected = [
        rejected_table(text.rejected),
        rejected_table(bad_codes),
        _once(rejected_where(typed, no_date, day, RejectReason.NOT_A_DATE, "no month up to the vintage", shown="date")),
        rejected_cells(typed, ~no_date & not_number, RejectReason.NOT_A_NUMBER, "not a number"),
        _unnamed(text),
    ]
    good = (
        typed.filter(~no_date & ~not_number)
        .join(codes, on="entity", how="left", maintain_order="left")
        .with_columns(
            valid_time=day_instant("_date"),
            knowledge_time=pl.lit(vintage.known),
            knowledge_basis=pl.lit(vintage.basis),
            vintage_date=pl.lit(vintage.day),
            clipped=pl.lit(True),
        )
    )
    accepted, refused = accept(good, dataset, catalogue, fetched_at=payload.fetched_at)
    return Parsed(
        tables={DATASET: accepted} if accepted.height else {},
        rejected=pl.concat([*rejected, refused]).sort("row", maintain_order=True),
    )


def _codes(rows: pl.DataFrame, series: list[str]) -> tuple[pl.DataFrame, list[Rejection]]:
    """The transform code of each series, null where the file has none that can be read."""
    rejected: list[Rejection] = []
    codes: dict[str, int | None] = dict.fromkeys(series)
    for row in rows.head(1).iter_rows(named=True):
        for name in series:
            shown = str(row[name]).removesuffix(".0")
            if shown in {"1", "2", "3", "4", "5", "6", "7"}:
                codes[name] = int(shown)
            elif shown:
                rejected.append((row["row"], name, RejectReason.OUT_OF_RANGE, f"no transform code from 1 to 7: {shown[:80]}"))
    table = pl.DataFrame(
        {"entity": list(codes), "transform_code": list(codes.values())}, schema={"entity": pl.String, "transform_code": pl.Int64}
    )
    return table, rejected


def _month(text: pl.Expr, vintage: date) -> pl.Expr:
    """Days like 1/1/1959, 1959-01-01 or 1/1/59 (Excel's; then the latest such year that the vintage can know)."""
    full = pl.when(text.str.contains(r"^\d{1,2}/\d{1,2}/\d{4}$")).then(text).str.to_date("%m/%d/%Y", strict=False)
    short = text.str.contains(r"^\d{1,2}/\d{1,2}/\d{2}$")
    in_century = [
        pl.when(short).then(text.str.replace(r"/(\d{2})$", f"/{century}${{1}}")).str.to_date("%m/%d/%Y", strict=False)
        for century in (20, 19)
    ]
    latest = pl.when(in_century[0] <= vintage).then(in_century[0]).otherwise(in_century[1])
    return pl.coalesce(full, iso_date(text), latest)


def _once(rejected: pl.DataFrame) -> pl.DataFrame:
    """A row's date is rejected once, not for every series in it."""
    return rejected.unique("row", keep="first", maintain_order=True)


def _unnamed(text: DelimitedText) -> pl.DataFrame:
    """Cells under a header that names nothing."""
    if "" not in text.header:
        return rejected_table()
    return rejected_where(text.table, pl.col("") != "", "", RejectReason.UNKNOWN_COLUMN, "the column has no name")


def _last_day(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
