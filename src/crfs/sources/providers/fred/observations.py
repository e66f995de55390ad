"""FRED's observations → rows of ``fred_series``: JSON and XML with vintages, keyless tables without.

Panels of FRED-MD go to :mod:`crfs.sources.providers.fred.panel`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, time
from itertools import groupby

import polars as pl

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.release import vintage_instants
from crfs.bitemporal.rows import KNOWLEDGE_BASIS
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import object_cells
from crfs.sources.core.tables import (
    FIRST_DAY,
    LAST_DAY,
    Rejection,
    Rejections,
    accept,
    known_by_entity,
    reject_all,
    rejected_cells,
    rejected_table,
    rejected_where,
)
from crfs.sources.core.text import cell, day_instant, iso_date, read_delimited
from crfs.sources.providers.fred import extent, panel
from crfs.sources.providers.fred.answers import Answer, Kind, as_int, hints, is_transformed, look, other_series, page
from crfs.sources.providers.fred.contradictions import without_overlaps, without_two_of_one_start
from crfs.sources.providers.fred.periods import EARLIEST, Window, revisions

DATASET = "fred_series"
MOST_SERIES = 2000
"""A data list has at most some hundred series."""
_LATEST, _ALL, _INITIAL = 1, 2, 4
_WIDE = (_ALL, 3)
_CELLS = {"row": pl.Int64(), "realtime_start": pl.String(), "realtime_end": pl.String(), "date": pl.String(), "value": pl.String()}
_NONE = (".", "")
_CHANGED_BY = ("transformation", "fq", "fam", "units", "aggregation_method")


def parse(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of one payload; documents without observations give none, errors and unknown shapes are rejected as a whole."""
    answer = look(payload)
    if (other := other_series(answer, payload)) is not None:
        return reject_all(RejectReason.UNKNOWN_SERIES, other)
    match answer.kind:
        case Kind.OBSERVATIONS:
            return _with_vintages(answer, payload, catalogue)
        case Kind.TABLE:
            return _table(answer, payload, catalogue)
        case Kind.PANEL:
            return panel.parse(payload, catalogue)
        case Kind.METADATA:
            return Parsed(tables={}, rejected=rejected_table())
        case Kind.ERROR:
            return reject_all(RejectReason.UNSUPPORTED, f"an error of the provider: {answer.words}")
        case _:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"neither observations nor a table of FRED: {answer.words or 'an empty body'}")


def _with_vintages(answer: Answer, payload: Payload, catalogue: Catalogue) -> Parsed:
    params, fields, hint = payload.parameters, answer.fields, hints(payload)
    if is_transformed(answer, payload):
        return reject_all(RejectReason.UNSUPPORTED, "units or frequency were changed by FRED; ask for the series as it is (units=lin)")
    # An answer does not name its series; where the url does not either, the stream (a saved file's name) does.
    series = params.get("series_id") or payload.stream
    start, end = _day(fields.get("realtime_start")), _day(fields.get("realtime_end"))
    if not series:
        return reject_all(RejectReason.UNKNOWN_SERIES, "neither the url nor the stream names a series")
    if start is None or end is None or end < start:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, "realtime_start and realtime_end do not bound a window of real time")

    output_type = as_int(fields.get("output_type"), _LATEST)
    told_from: date | None = start
    if output_type in _WIDE:
        cells, rejections, told_from = _wide_cells(answer.rows, series, end, output_type)
    else:
        cells, rejections = _cells(answer.rows)
    periods, rejected = _periods(cells)
    periods, contradicting = (without_overlaps if output_type == _LATEST else without_two_of_one_start)(periods)
    rejected = pl.concat([rejected, contradicting])
    offset, rows, count = page(answer)
    head_is_cut = offset > 0 and hint.get("page") != "whole_dates"
    window = Window(
        start=start,
        end=end,
        archive_start=_day(hint.get("archive_start")) or _archive_start(periods, fields, start, offset),
        head_is_cut=head_is_cut,
        tail_is_cut=offset + rows < count,
        # Where a period was refused, the one before it ends though nothing was withdrawn.
        with_ends=output_type == _LATEST and rejected.is_empty() and not rejections,
    )
    frame = revisions(periods, window)
    dataset = catalogue.dataset(DATASET)
    release_time, release_zone = _release(catalogue, series)
    # Today's vintage may be asked for before its release: what was there then is known from the fetch.
    released = vintage_instants(frame["vintage"], dataset.zone, release_time, release_zone)
    accepted, refused = accept(
        frame.with_columns(
            knowledge_time=released,
            entity=pl.lit(series),
            valid_time=day_instant("date"),
            knowledge_basis=_basis(pl.col("backfilled") | pl.col("clipped")),
            vintage_date=pl.col("vintage"),
            row_state=pl.col("state"),
        ),
        dataset,
        catalogue,
        fetched_at=payload.fetched_at,
    )
    whole = output_type != _INITIAL and start < end and not head_is_cut and not window.tail_is_cut
    refusals = pl.concat([rejected_table(rejections), rejected, refused]).sort("row", maintain_order=True)
    # What was refused was shown, though.
    extents: list[Extent] = []
    if output_type in (_LATEST, _ALL) and told_from is not None and refusals.is_empty():
        first, last = extent.days_told(periods["date"], fields, params, window, is_first_page=not offset)
        extents = extent.of(
            series,
            first,
            last,
            known_at=extent.known_at(told_from, dataset.zone, release_time, release_zone, fetched_at=payload.fetched_at),
            vintage=told_from,
            final_until=extent.final_until(told_from, end, dataset.zone, fetched_at=payload.fetched_at),
        )
    return Parsed(
        tables={DATASET: accepted} if accepted.height else {},
        rejected=refusals,
        complete_history=whole,
        extents={DATASET: extents} if extents else {},
    )


def _basis(earlier: pl.Expr) -> pl.Expr:
    """How a knowledge time is known: ``backfilled`` where the value was known ``earlier``, at a moment that the answer does not tell."""
    return pl.when(earlier).then(pl.lit("backfilled")).otherwise(pl.lit("observed")).cast(KNOWLEDGE_BASIS)


def _archive_start(periods: pl.DataFrame, fields: Mapping[str, object], start: date, offset: int) -> date | None:
    """The series' first vintage, if this answer shows it: first page, all dates, a window that begins before anything was known."""
    if offset or periods.is_empty() or (_day(fields.get("observation_start")) or EARLIEST) > EARLIEST:
        return None
    if as_int(fields.get("output_type"), _LATEST) == _INITIAL:  # leaves out what was there before the archive
        return None
    first = periods["start"].min()
    return first if isinstance(first, date) and start < first else None


def _cells(rows: Iterable[object]) -> tuple[pl.DataFrame, list[Rejection]]:
    return object_cells(rows, [name for name in _CELLS if name != "row"], what="an observation")


def _wide_cells(rows: Iterable[object], series: str, end: date, output_type: int) -> tuple[pl.DataFrame, list[Rejection], date | None]:
    """Output types 2 and 3 have a column a vintage, ``GDP_19911204``; the period of a cell ends where the next one of its row begins.

    The first of the vintages is told too: a window may begin before it.
    """
    first_vintage = ""
    data: list[tuple[object, ...]] = []
    rejections = Rejections()
    prefix = f"{series}_"
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or "date" not in row:
            rejections.append((number, "date", RejectReason.MISSING_FIELD, "an observation is an object with a date"))
            continue
        vintages: list[tuple[str, str]] = []
        for name, value in row.items():
            if name == "date":
                continue
            day = name.removeprefix(prefix)
            if name == day or len(day) != 8 or not (day.isascii() and day.isdigit()):
                if rejections.room(RejectReason.UNKNOWN_COLUMN):
                    rejections.append((number, str(name), RejectReason.UNKNOWN_COLUMN, f"a column is called {prefix}YYYYMMDD"))
                continue
            vintages.append((f"{day[:4]}-{day[4:6]}-{day[6:]}", _text(value)))
        vintages.sort()
        first_vintage = min(first_vintage or vintages[0][0], vintages[0][0]) if vintages else first_vintage
        if output_type == _ALL:  # every vintage is there: "." before the first value is "not published yet"
            known = next((i for i, (_, value) in enumerate(vintages) if value not in _NONE), len(vintages))
            vintages = vintages[known:]
        # One period a value: equal neighbours are one, and ends play no part.
        for _, run in groupby(vintages, key=lambda item: item[1]):
            first, value = next(run)
            data.append((number, first, end.isoformat(), _text(row["date"]), value))
    return pl.DataFrame(data, schema=_CELLS, orient="row"), rejections.listed(), _day(first_vintage)


def _periods(cells: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Typed periods, and the cells that are no dates or numbers."""
    value = pl.col("value").str.strip_chars()
    none = value.is_in(list(_NONE))
    typed = cells.with_columns(
        _date=iso_date(pl.col("date")),
        _start=iso_date(pl.col("realtime_start")),
        _end=iso_date(pl.col("realtime_end")),
        _value=pl.when(~none).then(cell("value", ColumnType.FLOAT8)),
        _none=none,
    )
    outside = ~pl.col("_start").is_between(EARLIEST, LAST_DAY)
    bad = [
        (pl.col("_date").is_null(), "date", RejectReason.NOT_A_DATE, "not a date like 2020-01-31"),
        (pl.col("_start").is_null(), "realtime_start", RejectReason.NOT_A_DATE, "not a date like 2020-01-31"),
        (pl.col("_end").is_null(), "realtime_end", RejectReason.NOT_A_DATE, "not a date like 2020-01-31"),
        (~pl.col("_date").is_between(FIRST_DAY, LAST_DAY), "date", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199"),
        (outside, "realtime_start", RejectReason.OUT_OF_RANGE, "not within 1776 to 2199"),
        (pl.col("_end") < pl.col("_start"), "realtime_end", RejectReason.CONTRADICTION, "the period ends before it starts"),
        (~pl.col("_none") & pl.col("_value").is_null(), "value", RejectReason.NOT_A_NUMBER, "not a number"),
        (~pl.col("_value").is_finite(), "value", RejectReason.NOT_FINITE, "not a finite number"),
    ]
    rejected = pl.concat([rejected_where(typed, *check) for check in bad])
    good = typed.filter(~pl.any_horizontal(check.fill_null(False) for check, *_ in bad))
    # What is told twice is one period.
    keyed = good.unique(["date", "_start", "_end", "_value", "_none"], keep="first", maintain_order=True)
    return keyed.select("row", date="_date", start="_start", end="_end", value="_value"), rejected


def _table(answer: Answer, payload: Payload, catalogue: Catalogue) -> Parsed:
    """The keyless table (``fredgraph.csv``, or a data list with tabs): the latest values, known from the fetch.

    A "." or blank is ``missing`` where the table has one series; in a table of many it only fills the grid and gives no row.
    """
    changed = [name for name in _CHANGED_BY if payload.parameters.get(name, "lin").lower() not in ("lin", "")]
    if changed:
        return reject_all(RejectReason.UNSUPPORTED, f"{', '.join(changed)} made FRED change the series; ask for it as it is")
    if payload.body.split(b"\n", 1)[0].count(answer.delimiter.encode()) > MOST_SERIES:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, f"more than {MOST_SERIES} series in one table")
    text = read_delimited(payload.body, delimiter=answer.delimiter)
    if text.problem is not None:
        return reject_all(*text.problem)
    day, *series = text.header
    dataset = catalogue.dataset(DATASET)
    if not series:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, "the table has no series beside its dates")
    cells = text.table.unpivot(on=series, index=["row", day], variable_name="entity", value_name="text").rename({day: "date"})
    typed = cells.with_columns(
        _date=iso_date(pl.col("date")),
        none=pl.col("text").is_in(list(_NONE)),
        value=cell("text", ColumnType.FLOAT8),
    )
    if len(series) > 1:
        typed = typed.filter(~pl.col("none"))
    not_number = ~pl.col("none") & pl.col("value").is_null()
    outside = ~pl.col("_date").is_between(FIRST_DAY, LAST_DAY)
    rejected = [
        rejected_where(typed, pl.col("_date").is_null(), day, RejectReason.NOT_A_DATE, "not a date like 2020-01-31", shown="date"),
        rejected_where(typed, outside, day, RejectReason.OUT_OF_RANGE, "not within 1600 to 2199", shown="date"),
        rejected_cells(typed, not_number, RejectReason.NOT_A_NUMBER, "not a number"),
    ]
    good = typed.filter(~(pl.col("_date").is_null() | outside | not_number)).with_columns(
        valid_time=day_instant("_date"),
        row_state=pl.when("none").then(pl.lit("missing")).otherwise(pl.lit("value")),
    )
    good = known_by_entity(good, dataset, catalogue, payload.fetched_at)
    # The archive knows since when; this table does not say it.
    good = good.with_columns(knowledge_basis=pl.when("clipped").then(_basis(pl.col("clipped"))).otherwise("knowledge_basis"))
    accepted, refused = accept(good, dataset, catalogue, fetched_at=payload.fetched_at)
    refusals = pl.concat([rejected_table(text.rejected), *rejected, refused]).sort("row", maintain_order=True)
    last = _day(payload.parameters.get("coed")) or LAST_DAY
    # What a rule dates is not what the fetch showed, and what was refused was shown, though.
    told = good.group_by("entity").agg(pl.col("_date").min(), pl.col("clipped").all()).sort("entity")
    extents = [
        one
        for entity, first, by_fetch in told.iter_rows()
        if by_fetch and refusals.is_empty()
        for one in extent.of(entity, first, last, known_at=payload.fetched_at, vintage=None)
    ]
    return Parsed(
        tables={DATASET: accepted} if accepted.height else {},
        rejected=refusals,
        extents={DATASET: extents} if extents else {},
    )


def _release(catalogue: Catalogue, series: str) -> tuple[time | None, str | None]:
    """The local time at which new vintages of a series are out, where a factor names it."""
    named = [factor for factor in catalogue.of_entity(DATASET, series) if factor.release_time is not None]
    return (named[0].release_time, named[0].release_zone) if named else (None, None)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _text(value: object) -> str:
    """A cell as text that a table can hold: what JSON gives may be a number, null, or hold halves of surrogate pairs."""
    if value is None:
        return ""
    return str(value).encode("utf-8", "replace").decode("utf-8")
