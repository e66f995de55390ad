"""Bytes of delimited text → cells, and cells → numbers, dates and instants; what cannot be read is rejected by row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.definitions import ColumnDefinition, ColumnType
from crfs.sources.core.contract import RejectReason
from crfs.sources.core.tables import Rejection, Rejections, rejected_table, rejected_where

MOST_COLUMNS = 5_000
"""FRED-MD has 130, a file of the Fed's some hundreds, all vintages of a series two thousand; each takes time of its own wherever it goes."""
MOST_BLANK_LINES = 100_000
_PART = 20_000
_BLANK = "".join(map(chr, (*range(9, 14), *range(28, 33), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288)))
"""What Python's ``strip`` takes off."""
_TRUE, _FALSE = {"true", "t", "yes", "y", "1"}, {"false", "f", "no", "n", "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedText:
    """The cells of a body as text: ``header``, a ``table`` with ``row`` and a String column for each name, and the rows left out.

    ``problem`` is set where nothing could be read at all.
    """

    header: tuple[str, ...]
    table: pl.DataFrame
    rejected: tuple[Rejection, ...]
    problem: tuple[RejectReason, str] | None = None


def read_delimited(body: bytes, *, delimiter: str = ",") -> DelimitedText:
    """The cells of CSV in UTF-8. A row that is not UTF-8, or has more or fewer cells than the header, is rejected alone."""
    if has_many_blank_lines(body):
        return _unreadable(RejectReason.UNEXPECTED_SHAPE, f"more than {MOST_BLANK_LINES:,} blank lines")
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _unreadable(RejectReason.BROKEN_ENCODING, "the text is UTF-16; save it as UTF-8")
    text = body.decode("utf-8-sig", errors="surrogateescape").replace("\x00", "\ufffd")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    whole = _is_text(text)  # mostly so: then no cell needs a look of its own
    header: list[str] = []
    rows: list[list[str]] = []
    numbers: list[int] = []
    parts: list[pl.DataFrame] = []
    rejected = Rejections()
    number = width = 0
    try:
        for cells in reader:
            if not cells or not (cells[0].strip() or any(map(str.strip, cells))):
                continue
            if not width:
                header = [cell.strip() for cell in cells]
                width = len(header)
                if width > MOST_COLUMNS:
                    return _unreadable(RejectReason.UNEXPECTED_SHAPE, f"{width:,} columns; no more than {MOST_COLUMNS:,} are read")
                continue
            number += 1
            broken = None if whole else next((i for i, cell in enumerate(cells) if not _is_text(cell)), None)
            if broken is None and len(cells) == width:
                rows.append(cells)
                numbers.append(number)
                if len(rows) == _PART:
                    parts.append(_columns(width, rows))
                    rows = []
            elif broken is not None and rejected.room(RejectReason.BROKEN_ENCODING):
                name = header[broken] if broken < width else None
                shown = cells[broken].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                rejected.append(
                    (number, name if name is None or _is_text(name) else None, RejectReason.BROKEN_ENCODING, f"not UTF-8: {shown[:80]}")
                )
            elif broken is None and rejected.room(RejectReason.UNEXPECTED_SHAPE):
                detail = f"{len(cells)} cells, but the header has {width}"
                rejected.append((number, None, RejectReason.UNEXPECTED_SHAPE, detail))
    except csv.Error as error:
        rejected.append((number + 1, None, RejectReason.MALFORMED, f"the rest cannot be read: {error}"))
    if not header:
        return _unreadable(RejectReason.MALFORMED, "no header line")
    if not all(_is_text(name) for name in header):
        return _unreadable(RejectReason.BROKEN_ENCODING, "the header is not UTF-8")
    if len(set(header)) != len(header) or "row" in header:
        return _unreadable(RejectReason.UNEXPECTED_SHAPE, "the header names a column twice (or one is called row)")
    parts.append(_columns(width, rows))
    cells_of = pl.concat(parts).rename(dict(zip(map(str, range(width)), header, strict=True)))
    table = cells_of.insert_column(0, pl.Series("row", numbers, dtype=pl.Int64))
    return DelimitedText(header=tuple(header), table=table, rejected=tuple(rejected.listed()))


def _columns(width: int, rows: list[list[str]]) -> pl.DataFrame:
    """Some rows as a table whose columns are named by their place. The cells of so few rows lie in Python's memory at a time, which takes
    several times a table's."""
    columns = zip(*rows, strict=True) if rows else ((),) * width
    table = pl.DataFrame([pl.Series(str(place), cells, dtype=pl.String) for place, cells in enumerate(columns)])
    return table.with_columns(pl.all().str.strip_chars(_BLANK))


def has_many_blank_lines(body: bytes) -> bool:
    """Whether a body has more of them than any table; a reader takes its time for each, and megabytes of nothing else have millions.

    >>> has_many_blank_lines(b"a,b\\r\\n\\r\\n1,2\\r\\n"), has_many_blank_lines(b"\\n" * 1_000_000)
    (False, True)
    """
    return sum(map(body.count, (b"\n\n", b"\r\r", b"\n\r\n"))) > MOST_BLANK_LINES


def beginning(body: bytes, *, most: int = 200_000) -> bytes:
    """The first lines of a body, about as many bytes as ``most``: they say what it is, and the rest need not be read for that.

    >>> beginning(b"a,b\\n1,2\\n3,4\\n", most=5)
    b'a,b\\n1,2\\n'
    """
    end = body.find(b"\n", most)
    return body if end < 0 else body[: end + 1]


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:  # a byte that was not UTF-8 stands in it as half of a pair
        return False
    return True


def _unreadable(reason: RejectReason, detail: str) -> DelimitedText:
    return DelimitedText(header=(), table=pl.DataFrame(schema={"row": pl.Int64()}), rejected=(), problem=(reason, detail))


def typed(table: pl.DataFrame, columns: Mapping[str, ColumnDefinition]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows whose cells can all be read, as ``row``, the columns not named, and the named ones under their definitions' names.

    ``columns`` goes from a header's name to the definition. The second table says which cells could not be read.
    """
    reasons = {
        ColumnType.FLOAT8: RejectReason.NOT_A_NUMBER,
        ColumnType.INT8: RejectReason.NOT_A_NUMBER,
        ColumnType.DATE: RejectReason.NOT_A_DATE,
    }
    read = table.select(
        *(pl.col(name) for name in table.columns if name not in columns),
        *(cell(name, column.type).alias(column.name) for name, column in columns.items()),
    )
    rejected: list[pl.DataFrame] = []
    bad_rows = pl.Series("bad", [False]).new_from_index(0, table.height)
    for name, column in columns.items():
        unread = table.select((pl.col(name).str.strip_chars() != "") & pl.lit(read[column.name].is_null())).to_series()
        if unread.any():
            reason = reasons.get(column.type, RejectReason.WRONG_TYPE)
            rejected.append(rejected_where(table.filter(unread), pl.lit(True), column.name, reason, f"no {column.type.value}", shown=name))
            bad_rows = bad_rows | unread
    return read.filter(~bad_rows), pl.concat(rejected) if rejected else rejected_table()


def day_instant(name: str) -> pl.Expr:
    """A Date column as the instant at which the day begins in UTC."""
    return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def cell(name: str, kind: ColumnType) -> pl.Expr:
    """The text column ``name`` as ``kind``: an empty cell is null, and so is one that cannot be read (compare with the text)."""
    text = pl.col(name).str.strip_chars()
    match kind:
        case ColumnType.FLOAT8:
            return text.cast(pl.Float64, strict=False)
        case ColumnType.INT8:
            return text.cast(pl.Int64, strict=False)
        case ColumnType.DATE:
            return iso_date(text)
        case ColumnType.BOOL:
            low = text.str.to_lowercase()
            return pl.when(low.is_in(list(_TRUE))).then(True).when(low.is_in(list(_FALSE))).then(False).otherwise(None)
        case ColumnType.TEXT:
            return pl.when(text != "").then(text)


def iso_date(text: pl.Expr) -> pl.Expr:
    """Dates like 2020-05-01; null for any other text."""
    return pl.when(text.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(text).str.to_date("%Y-%m-%d", strict=False)


def iso_instant(text: pl.Expr) -> pl.Expr:
    """Instants like 2020-05-01T12:30:00Z or with +02:00 (fractions and a blank for T allowed); null where the zone is absent."""
    shaped = text.str.replace(r"^(\d{4}-\d{2}-\d{2})[ T]", "${1}T").str.replace(r"[zZ]$", "+00:00").str.replace(r"([+-]\d{2})$", "${1}:00")
    shaped = shaped.str.replace(r"T(\d{2}:\d{2})([+-])", "T${1}:00${2}")
    good = shaped.str.contains(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?[+-]\d{2}:\d{2}$")
    return (
        pl.when(good).then(shaped).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", strict=False, time_zone="UTC", time_unit="us").cast(INSTANT)
    )
