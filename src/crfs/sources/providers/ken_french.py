"""Kenneth R. French's data library: returns of industry portfolios and research factors, from 1926.

A file is a CSV in a zip with several tables, one below the other: a line with the table's title, a header that begins with a comma, then a
row a month (``192607``), a day (``19260701``) or a year (``1927``). Returns are in percent; -99.99 and -999 mean that there is none.

Each file is made anew from one month's CRSP database, which its first lines name: that month is the vintage of all its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime

import polars as pl

from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, KnowledgeBasis
from crfs.bitemporal.tenor import Tenor
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType, DatasetDefinition
from crfs.errors import InvalidInput
from crfs.sources.core.archives import MAGIC, open_archive
from crfs.sources.core.asked import in_words
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.tables import accept, known_from, reject_all, rejected_where
from crfs.sources.core.text import cell, day_instant, has_many_blank_lines

FOLDER = "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp/"
MONTHLY, DAILY, ANNUAL = "french_monthly", "french_daily", "french_annual"
_DATASETS: Mapping[int, str] = {4: ANNUAL, 6: MONTHLY, 8: DAILY}
"""The dataset of a date with so many digits."""
_MOST_BYTES = 64 * 1024 * 1024
_FILE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}$")
_COLUMN = r"^[\x21-\x7e][\x20-\x7e]{0,59}$"
_CREATED = re.compile(r"created\b[^\n]{0,100}?\b((?:19|20)\d\d)(0[1-9]|1[0-2])\b")
_INDUSTRIES = re.compile(r"\b(\d{1,2}) industry portfolios", re.IGNORECASE)
_TITLE_NOISE = r"(?i)--.*$|\bannual factors.*$|^.*\b(created (by|using)|crsp|database|ibbotson|t-?bill)\b.*$"
_PROVIDER = Provider(
    title="Kenneth R. French Data Library, Tuck School of Business",
    limits=(Limit(1, 2.0),),
    terms="Copyright Kenneth R. French; made of CRSP data. For one's own research: name the source, do not pass the values on.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The lines of a file: headers with their titles (``table``, ``title``, ``text``) and rows (``row``, ``table``, ``text``)."""

    headers: pl.DataFrame
    rows: pl.DataFrame
    preamble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KenFrench:
    """The source ``ken_french``; the series of a query are names of files without their ending, like 49_Industry_Portfolios_daily.

    None asks for the files that the catalogue's factors rest on. A file is always whole, so ``since`` and ``until`` play no part.
    """

    name: str = "ken_french"
    parser_version: str = "2"
    hosts: tuple[str, ...] = ("mba.tuck.dartmouth.edu",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The smallest of the files."""
        return {"a file": Query(series=("F-F_Momentum_Factor",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Each file, whole."""
        for name in dict.fromkeys(query.series or _named(catalogue)):
            if not _FILE.match(name):
                raise InvalidInput(f"ken_french: {name!r} is no name of a file; write one like 49_Industry_Portfolios")
            yield transport.send(Request(url=f"{FOLDER}{name}_CSV.zip", stream=name))

    def classify(self, payload: Payload) -> Classification:
        """OK for a file with a table. A zip that cannot be opened was cut short on its way: RETRY."""
        body = payload.body
        text = _text(body)
        if text is None and body.startswith(MAGIC):
            return Classification.RETRY
        tables = _read(text) if text is not None else None
        if tables is not None and tables.rows.height:
            return Classification.OK if _other_file(payload, tables.preamble) is None else Classification.SCHEMA
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        return Classification.SCHEMA if body.strip() else Classification.RETRY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of every table of a file; the entity is ``file/column`` or, where the table has a title, ``file/column/title``."""
        text = _text(payload.body)
        if text is None:
            return reject_all(RejectReason.MALFORMED, "neither text nor a zip with one CSV of a sane size")
        tables = _read(text)
        if tables.rows.is_empty():
            return reject_all(RejectReason.UNEXPECTED_SHAPE, "no table: no header that begins with a comma, with rows below it")
        if (other := _other_file(payload, tables.preamble)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, other)
        file = _file(payload, tables.preamble)
        if file is None:
            return reject_all(RejectReason.UNKNOWN_SERIES, "neither the url, nor the stream, nor the first lines say which file it is")
        if file.lower().endswith("_weekly"):
            return reject_all(RejectReason.UNSUPPORTED, "weekly files are not read; the daily ones have the same portfolios")
        good, rejected = _numbers(tables, file)
        accepted: dict[str, pl.DataFrame] = {}
        for width, name in _DATASETS.items():
            rows = good.filter(pl.col("_width") == width).select("row", "entity", "value", "row_state", valid_time=day_instant("_day"))
            if rows.height:
                dataset = catalogue.dataset(name)
                accepted[name], refused = accept(
                    _known(rows, tables.preamble, payload, dataset), dataset, catalogue, fetched_at=payload.fetched_at
                )
                rejected.append(refused)
        return Parsed(
            tables={name: table for name, table in accepted.items() if table.height},
            rejected=pl.concat(rejected).sort("row", maintain_order=True),
        )


def _named(catalogue: Catalogue) -> list[str]:
    """The files that factors of the catalogue rest on, in their order."""
    return [entity.partition("/")[0] for entity in catalogue.entities(*_DATASETS.values())]


def _unpacked(body: bytes) -> bytes | None:
    return open_archive(body, most_bytes=_MOST_BYTES).only(lambda name: name.lower().endswith((".csv", ".txt")))


def _text(body: bytes) -> str | None:
    unpacked = _unpacked(body) if body.startswith(MAGIC) else body
    if unpacked is None or unpacked.startswith((b"\xff\xfe", b"\xfe\xff")) or has_many_blank_lines(unpacked):
        return None
    return unpacked.decode("utf-8-sig", "replace")


def _file(payload: Payload, preamble: str) -> str | None:
    """The file's name: of the url, of the stream, or (of industry portfolios) by the first lines."""
    return _asked(payload) or _of_industries(preamble)


def _asked(payload: Payload) -> str | None:
    places = (payload.url.partition("?")[0].partition("#")[0].rpartition("/")[2], payload.stream)
    return next((name for place in places if (name := _name_in(place)) is not None), None)


def _name_in(place: str) -> str | None:
    """The name of a file of the library without its endings; None for any other text."""
    name = re.sub(r"(?i)(_csv)?(\.zip|\.csv|\.txt)*$", "", place)
    return name if _FILE.match(name) and re.search(r"(?i)portfolios|factor|f-f_|siccodes", name) else None


def _of_industries(preamble: str) -> str | None:
    found = _INDUSTRIES.search(preamble)
    return f"{found.group(1)}_Industry_Portfolios" if found else None


def _other_file(payload: Payload, preamble: str) -> str | None:
    """What is wrong where a zip's file is called otherwise than the url (or the stream) says, or the first lines are of other industries."""
    asked = _asked(payload)
    if asked is None:
        return None
    packed = open_archive(payload.body, most_bytes=_MOST_BYTES).names if payload.body.startswith(MAGIC) else ()
    inside = [name for place in packed if (name := _name_in(place.rpartition("/")[2])) is not None]
    if inside and asked.lower() not in [name.lower() for name in inside]:
        return in_words(asked, inside)
    told = _of_industries(preamble)
    return in_words(asked, [told]) if told is not None and not asked.lower().startswith(told.lower()) else None


def _read(text: str) -> Tables:
    """Tell headers, rows, titles and other text apart.

    A header's first cell is blank. A row begins with the digits of a date, or stands right below its table's header or rows. A title is
    the text right above a header.
    """
    lines = pl.DataFrame({"text": text.replace("\r\n", "\n").replace("\r", "\n").split("\n")}, schema={"text": pl.String()})
    stripped, comma = pl.col("text").str.strip_chars(), pl.col("text").str.contains(",", literal=True)
    marked = lines.with_row_index("line").with_columns(
        blank=stripped == "",
        header=pl.col("text").str.contains(r"^[ \t]*,"),
        dated=pl.col("text").str.contains(r"^[ \t]*\d{4,8}[ \t]*,"),
        comma=comma,
    )
    marked = marked.with_columns(block=pl.col("blank").cum_sum(), table=pl.col("header").cum_sum())
    # Headers so far, and those up to the last blank line: where they differ, a header stands above without a blank line between.
    before = pl.when("blank").then(pl.col("table")).forward_fill().fill_null(0)
    below = pl.col("comma") & (pl.col("table") > before)
    marked = marked.with_columns(data=~pl.col("header") & (pl.col("table") > 0) & (pl.col("dated") | below))
    titles = (
        marked.filter(~pl.col("blank") & ~pl.col("header") & ~pl.col("data"))
        .group_by("block", pl.col("table") + 1, maintain_order=True)
        .agg(title=stripped.str.join(" "))
    )
    headers = (
        marked.filter("header")
        .select("block", "table", "text")
        .join(titles, on=["block", "table"], how="left", maintain_order="left")
        .select("table", "text", title=pl.col("title").fill_null(""))
    )
    rows = marked.filter("data").with_row_index("row", offset=1).select(pl.col("row").cast(pl.Int64), "table", "text")
    preamble = "\n".join(marked.filter(pl.col("table") == 0)["text"].head(60).str.slice(0, 300))
    return Tables(headers=headers, rows=rows, preamble=preamble)


def _cells(tables: Tables, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """``row``, ``_day``, ``_width``, ``entity`` and ``text`` of every cell; rows without a date, or of another length than their header, are left out."""
    columns = _columns(tables.headers, file)
    spans = columns.group_by("table", maintain_order=True).agg(width=pl.len(), first=pl.col("place").first())
    rows = tables.rows.select("row", "table", shown="text", text=pl.col("text").str.split(",")).select(
        "row", "table", "shown", date=pl.col("text").list.first().str.strip_chars(), text=pl.col("text").list.slice(1)
    )
    rows = rows.join(spans, on="table", how="left", maintain_order="left")
    # Some of the files end their rows with a comma.
    over = (pl.col("text").list.len() == pl.col("width") + 1) & (pl.col("text").list.last().str.strip_chars() == "")
    if rows.select(over.any()).item():
        rows = rows.with_columns(text=pl.when(over).then(pl.col("text").list.head("width")).otherwise(pl.col("text")))
    rows = rows.with_columns(_day=_day(), _width=pl.col("date").str.len_bytes())
    uneven, undated = pl.col("text").list.len() != pl.col("width"), pl.col("_day").is_null()
    rejected = [
        rejected_where(rows, uneven, "date", RejectReason.UNEXPECTED_SHAPE, "not as many cells as the header", shown="shown"),
        rejected_where(rows.filter(~uneven), undated, "date", RejectReason.NOT_A_DATE, "no year, month or day", shown="date"),
    ]
    odd = columns.with_columns(row=pl.lit(None, dtype=pl.Int64))
    unnamed = pl.col("entity").is_null()
    rejected.append(rejected_where(odd, unnamed, "header", RejectReason.UNKNOWN_COLUMN, "not the name of a portfolio", shown="column"))
    # Hundreds of thousands of cells: the name of each is looked up by its place, and nothing else of its row and header is carried along.
    cells = (
        rows.filter(~uneven & ~undated)
        .select("row", "_day", "_width", "text", place=pl.int_ranges("first", pl.col("first") + pl.col("width")))
        .explode("text", "place", empty_as_null=False, keep_nulls=False)
        .select("row", "_day", "_width", entity=pl.lit(columns["entity"]).gather("place"), text=pl.col("text").str.strip_chars())
    )
    return cells.filter(pl.col("entity").is_not_null()) if cells["entity"].null_count() else cells, rejected


def _columns(headers: pl.DataFrame, file: str) -> pl.DataFrame:
    """``table``, ``column``, ``place`` (from 0 over all tables) and ``entity`` of every column; null where it is not the name of a portfolio."""
    slug = pl.col("title").str.replace_all(_TITLE_NOISE, "").str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_").str.strip_chars("_")
    columns = (
        headers.select("table", slug=slug.str.slice(0, 80), column=pl.col("text").str.split(",").list.slice(1))
        .explode("column", empty_as_null=False, keep_nulls=False)
        .with_columns(pl.col("column").str.strip_chars())
    )
    ending = pl.when(pl.col("slug") != "").then("/" + pl.col("slug")).otherwise(pl.lit(""))
    entity = pl.when(pl.col("column").str.contains(_COLUMN)).then(pl.concat_str(pl.lit(f"{file}/"), "column", ending))
    return columns.select("table", "column", place=pl.int_range(pl.len()), entity=entity)


def _day() -> pl.Expr:
    """The first day of a row's year, month or day; null where it is none."""
    text = pl.col("date")
    digits = pl.when(text.str.len_bytes() == 4).then(text + "0101").when(text.str.len_bytes() == 6).then(text + "01").otherwise(text)
    return pl.when(digits.str.contains(r"^\d{8}$")).then(digits).str.to_date("%Y%m%d", strict=False)


def _numbers(tables: Tables, file: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """``row``, ``_day``, ``_width``, ``entity``, ``value`` and ``row_state`` of every cell that can be read, and what cannot."""
    cells, rejected = _cells(tables, file)
    typed = _typed(cells)
    unread = ~pl.col("_none") & pl.col("value").is_null()
    rejected.append(rejected_where(typed, unread, "value", RejectReason.NOT_A_NUMBER, "not a number", shown="text"))
    return typed.filter(~unread).drop("text", "_none"), rejected


def _typed(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells with their number; a missing code is ``_none``."""
    number = cell("text", ColumnType.FLOAT8)
    none = number.is_in([-99.99, -999.0]).fill_null(False) | (pl.col("text") == "")
    return cells.with_columns(
        _none=none,
        value=pl.when(~none).then(number),
        row_state=pl.when(none).then(pl.lit("missing")).otherwise(pl.lit("value")),
    )


def _known(rows: pl.DataFrame, preamble: str, payload: Payload, dataset: DatasetDefinition) -> pl.DataFrame:
    """``rows`` with the vintage of their file: the last day of the month whose database it was made from.

    Known from when the library's server says that the file was put there; else by the dataset's release calendar, counted from the
    vintage's month; else from the fetch. Each row is ``clipped``: an earlier file may have had the same value.
    """
    found = _CREATED.search(preamble)
    month = date(int(found.group(1)), int(found.group(2)), 1) if found else None
    moment, basis, vintage = payload.fetched_at, KnowledgeBasis.OBSERVED, None
    if month is not None:
        start = pl.Series([month]).cast(INSTANT)
        vintage = pl.Series([month]).dt.month_end().item()
        put = _last_modified(payload)
        if put is not None and vintage < put.date() and put <= payload.fetched_at:
            moment = put
        else:
            declared = known_from(start, dataset.release, Tenor(months=1), payload.fetched_at)
            moment, basis = declared["knowledge_time"].item(), KnowledgeBasis(declared["knowledge_basis"].item())
    return rows.with_columns(
        knowledge_time=pl.lit(moment).cast(INSTANT),
        knowledge_basis=pl.lit(basis.value, dtype=KNOWLEDGE_BASIS),
        vintage_date=pl.lit(vintage, dtype=pl.Date),
        clipped=pl.lit(True),
    )


def _last_modified(payload: Payload) -> datetime | None:
    if not payload.url.startswith(FOLDER):
        return None
    try:
        moment = parsedate_to_datetime(payload.headers.get("last-modified", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None


SOURCE = KenFrench()
