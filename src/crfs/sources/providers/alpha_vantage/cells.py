"""Alpha Vantage's cells: numbers are texts, and "None", "-", "." and an empty text mean that there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import DatasetDefinition
from crfs.sources.core.contract import Parsed, RejectReason
from crfs.sources.core.json_text import object_cells
from crfs.sources.core.tables import accept, known_from, rejected_table, rejected_where
from crfs.sources.core.text import iso_date, typed

MISSING = ("", "None", "none", "null", "-", "--", ".", "NaN", "nan", "N/A", "0000-00-00")
NEW_YORK = "America/New_York"
_NUMBERED = re.compile(r"^\d+[a-z]?\. ")


def plain(name: object) -> str:
    """A key without its number: ``1. open`` and ``01. symbol`` are open and symbol."""
    return _NUMBERED.sub("", name) if isinstance(name, str) else ""


def camel(column: str) -> str:
    """What a column is called in a statement.

    >>> camel("total_revenue")
    'totalRevenue'
    """
    first, *rest = column.split("_")
    return first + "".join(part.capitalize() for part in rest)


def records(
    rows: Iterable[object], dataset: DatasetDefinition, fields: Mapping[str, str], *, needed: tuple[str, ...], what: str
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Objects as ``row``, the ``needed`` fields as texts, and the dataset's columns by ``fields`` (theirs → ours); and what is rejected.

    A field that is absent is null, unless it is needed.
    """
    optional = [name for name in fields if name not in needed]
    cells, refused = object_cells(rows, needed, optional=optional, what=what)
    return columns(cells, dataset, fields, [rejected_table(refused)])


def columns(
    cells: pl.DataFrame, dataset: DatasetDefinition, fields: Mapping[str, str], refused: list[pl.DataFrame]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Text cells as the dataset's columns; a cell that cannot be read rejects its row."""
    clean = cells.with_columns(
        pl.when(pl.col(name).str.strip_chars().is_in(list(MISSING))).then(pl.lit("")).otherwise(pl.col(name)).alias(name) for name in fields
    )
    read, unread = typed(clean, {there: dataset.column(here) for there, here in fields.items()})
    return read, [*refused, unread]


def dated(frame: pl.DataFrame, name: str, refused: list[pl.DataFrame], *, months: int = 0) -> pl.DataFrame:
    """``frame`` with ``valid_time`` from the date in ``name``: that day, or the first day of the ``months`` that end on it."""
    day = iso_date(pl.col(name).str.strip_chars().str.slice(0, 10))
    read = frame.with_columns(_day=pl.when(day.is_between(date(1800, 1, 1), date(2198, 12, 31))).then(day))
    refused.append(rejected_where(read, pl.col("_day").is_null(), name, RejectReason.NOT_A_DATE, "no date", shown=name))
    start = pl.col("_day").dt.offset_by("1d").dt.offset_by(f"-{months}mo") if months else pl.col("_day")
    return read.filter(pl.col("_day").is_not_null()).with_columns(valid_time=start.cast(INSTANT))


def on(frame: pl.DataFrame, moment: datetime, zone: str = NEW_YORK) -> pl.DataFrame:
    """``frame`` valid on the day of ``moment`` in the zone: what describes its present."""
    day: date = pl.Series([moment]).dt.convert_time_zone(zone).dt.date()[0]
    return frame.with_columns(valid_time=pl.lit(day).cast(INSTANT))


def known(frame: pl.DataFrame, dataset: DatasetDefinition, fetched_at: datetime) -> pl.DataFrame:
    """``frame`` with its clocks, by the dataset's release rule or from the fetch."""
    times = known_from(frame["valid_time"], dataset.release, dataset.period, fetched_at)
    return frame.hstack(times).with_columns(clipped=pl.col("knowledge_basis") == "observed")


def finished(
    frame: pl.DataFrame, dataset: DatasetDefinition, catalogue: Catalogue, refused: list[pl.DataFrame], *, fetched_at: datetime
) -> Parsed:
    """Accepted and rejected rows of one dataset."""
    accepted, rejected = accept(frame, dataset, catalogue, fetched_at=fetched_at)
    return Parsed(
        tables={dataset.name: accepted} if accepted.height else {},
        rejected=pl.concat([rejected_table(), *refused, rejected]).sort("row", maintain_order=True),
    )


def together(parts: Iterable[Parsed]) -> Parsed:
    """Several datasets of one body."""
    tables: dict[str, pl.DataFrame] = {}
    rejected = [rejected_table()]
    for part in parts:
        tables.update(part.tables)
        rejected.append(part.rejected)
    return Parsed(tables=tables, rejected=pl.concat(rejected))
