"""The Federal Reserve Bank of New York: vintages of its nowcast's data, and the Global Supply Chain Pressure Index (GSCPI).

A vintage of the nowcast is a CSV or a workbook named by its day: a row a month, a column a series. A blank cell gives no row: in a grid of
monthly and quarterly series it does not say that there is no value. A quarterly value stands in the last month of its quarter.
``statsmodels`` keeps two of them with its tests.

The GSCPI is a workbook whose sheet "GSCPI Monthly Data" has the months' last days (31-Jan-1998) and the index in standard deviations from
its mean. Each month the whole history is estimated again, so a file is a vintage of all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

import polars as pl

from crfs.bitemporal.release import vintage_instants
from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import NotFound, SourceRejected, SourceUnavailable
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.package_files import package_folder, package_payload
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY, Rejection, accept, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import cell, day_instant, iso_date, read_delimited
from crfs.sources.core.workbooks import Cell, Sheet, is_workbook, read_workbook

DATASET = "nyfed_nowcast_panel"
GSCPI = "nyfed_gscpi"
FOLDER = "tsa/statespace/tests/results/frbny_nowcast/Nowcasting/data/US"
DOWNLOADS = "https://www.newyorkfed.org/medialibrary/research/interactives/gscpi/downloads/"
_HEADER_ROWS = 50
_MOST_SERIES = 1_000
_PROVIDER = Provider(
    title="Federal Reserve Bank of New York",
    limits=(Limit(1, 2.0),),
    terms="Terms of use of newyorkfed.org: name the source, no implied endorsement.",
)
_VINTAGE = re.compile(r"(\d{4}-\d{2}-\d{2})(?!.*\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The cells of a nowcast vintage, or of the GSCPI (``vintage`` is None): ``row`` and a text column for each name, and what was left out."""

    header: tuple[str, ...]
    table: pl.DataFrame
    rejected: tuple[Rejection, ...]
    vintage: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NyFed:
    """The source ``nyfed``; a series of a query is ``gscpi`` or a vintage's date like 2016-06-29.

    None: the vintages that lie in the package, which need no network.
    """

    name: str = "nyfed"
    parser_version: str = "2"
    hosts: tuple[str, ...] = ("www.newyorkfed.org",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The vintages that lie in the package, and the index from the web."""
        return {"nowcast vintages": Query(), "gscpi": Query(series=("gscpi",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The vintages in order of their dates, and the index.

        :class:`~crfs.errors.SourceUnavailable` where vintages are asked for and statsmodels is installed without its tests.
        """
        days = [name for name in query.series if name.lower() != "gscpi"]
        unknown = next((name for name in days if _vintage(name) is None), None)
        if unknown is not None:
            raise NotFound(f"nyfed: {unknown!r} is neither gscpi nor the date of a vintage, like 2016-06-29")
        if days or not query.series:
            yield from self._vintages(days, transport)
        if len(days) < len(query.series):
            yield self._gscpi(transport)

    def _vintages(self, days: list[str], transport: Transport) -> Iterator[Payload]:
        folder = package_folder("statsmodels")[0] / FOLDER
        files = sorted(folder.glob("????-??-??.csv")) if folder.is_dir() else []
        wanted = [file for file in files if not days or file.stem in days]
        if not wanted:
            raise SourceUnavailable(
                "nyfed: statsmodels is not installed with its test data, so its nowcast vintages are not here; "
                "save them as YYYY-MM-DD.csv and use --replay instead"
            )
        for file in wanted:
            yield package_payload("statsmodels", f"{FOLDER}/{file.name}", source=self.name, stream=file.stem, transport=transport)

    def _gscpi(self, transport: Transport) -> Payload:
        """The workbook, which was seen as .xls bytes under an .xlsx address: both addresses are tried, and either form is read."""
        try:
            return transport.send(Request(url=f"{DOWNLOADS}gscpi_data.xlsx", stream="gscpi"))
        except SourceRejected:
            return transport.send(Request(url=f"{DOWNLOADS}gscpi_data.xls", stream="gscpi"))

    def classify(self, payload: Payload) -> Classification:
        """OK for a nowcast vintage or the index; a workbook that cannot be opened was cut short: RETRY; SCHEMA for any other file."""
        read = _read(payload)
        if isinstance(read, Panel):
            return Classification.OK if read.table.height else Classification.EMPTY
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        broken = is_workbook(payload.body) and read_workbook(payload.body).problem is not None
        return Classification.RETRY if broken else Classification.SCHEMA

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of one vintage, known from the end of its day in New York at the latest; or of the index (:func:`_parse_gscpi`).

        Each is ``clipped``: an earlier file may have had the same value.
        """
        text = _read(payload)
        if isinstance(text, Parsed):
            return text
        if text.vintage is None:
            return _parse_gscpi(text, payload, catalogue)
        vintage = text.vintage
        dataset = catalogue.dataset(DATASET)
        day, *series = text.header
        cells = text.table.unpivot(on=series, index=["row", day], variable_name="entity", value_name="text").rename({day: "date"})
        shown = pl.col("date").str.replace(r"^(\d{1,2}/\d{1,2}/)(\d{2})$", "${1}19${2}")
        # Two digits of a year: no vintage knows a month after its own day, so 16 is 2016 and 85 is 1985.
        nineteen = shown.str.to_date("%m/%d/%Y", strict=False)
        twenty = pl.col("date").str.replace(r"^(\d{1,2}/\d{1,2}/)(\d{2})$", "${1}20${2}").str.to_date("%m/%d/%Y", strict=False)
        typed = cells.filter(pl.col("text") != "").with_columns(
            _date=pl.coalesce(iso_date(pl.col("date")), pl.when(twenty <= vintage).then(twenty).otherwise(nineteen)),
            value=cell("text", ColumnType.FLOAT8),
        )
        no_date = pl.col("_date").is_null() | ~pl.col("_date").is_between(date(1900, 1, 1), vintage)
        rejected = [rejected_where(typed, no_date, day, RejectReason.NOT_A_DATE, "no month up to the vintage", shown="date")]
        unread = typed.filter(pl.col("value").is_null())
        numbers = rejected_where(unread, pl.lit(True), "value", RejectReason.NOT_A_NUMBER, "not a number", shown="text")
        rejected.append(numbers.with_columns(column=unread["entity"]))
        known = vintage_instants(pl.Series([vintage]), dataset.zone)
        good = typed.filter(~no_date.fill_null(True) & pl.col("value").is_not_null()).with_columns(
            valid_time=day_instant("_date"),
            knowledge_time=pl.lit(known[0]),
            knowledge_basis=pl.lit("observed"),
            vintage_date=pl.lit(vintage),
            clipped=pl.lit(True),
        )
        accepted, refused = accept(good, dataset, catalogue, fetched_at=payload.fetched_at)
        return Parsed(
            tables={DATASET: accepted} if accepted.height else {},
            rejected=pl.concat([rejected_table(text.rejected), *rejected, refused]).sort("row", maintain_order=True),
        )


def _parse_gscpi(text: Panel, payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of the index, known from when the bank's server says that the file was put there, else from the fetch."""
    dataset = catalogue.dataset(GSCPI)
    day, name = text.header
    shown = pl.col(day).str.strip_chars()
    typed = text.table.with_columns(
        _day=pl.coalesce(iso_date(shown), shown.str.to_date("%d-%b-%Y", strict=False), shown.str.to_date("%m/%d/%Y", strict=False)),
        _text=pl.col(name).str.strip_chars(),
    )
    none = pl.col("_text").is_in(["", "NA", "#N/A"])
    typed = typed.with_columns(value=pl.when(~none).then(cell("_text", ColumnType.FLOAT8)), _none=none)
    undated = pl.col("_day").is_null() | ~pl.col("_day").is_between(FIRST_DAY, LAST_DAY)
    unread = ~pl.col("_none") & pl.col("value").is_null()
    known, vintage = payload.fetched_at, None
    put = _last_modified(payload)
    if put is not None and put <= payload.fetched_at:
        known, vintage = put, put.astimezone(ZoneInfo(dataset.zone)).date()
    good = typed.filter(~undated.fill_null(True) & ~unread).select(
        "row",
        "value",
        entity=pl.lit("GSCPI"),
        valid_time=day_instant("_day").dt.month_start(),
        knowledge_time=pl.lit(known).cast(INSTANT),
        knowledge_basis=pl.lit("observed"),
        vintage_date=pl.lit(vintage, dtype=pl.Date),
        clipped=pl.lit(True),
    )
    accepted, refused = accept(good, dataset, catalogue, fetched_at=payload.fetched_at)
    rejected = [
        rejected_table(text.rejected),
        rejected_where(typed, undated, day, RejectReason.NOT_A_DATE, "no date like 31-Jan-1998", shown=day),
        rejected_where(typed, unread, name, RejectReason.NOT_A_NUMBER, "not a number", shown=name),
        refused,
    ]
    return Parsed(
        tables={GSCPI: accepted} if accepted.height else {},
        rejected=pl.concat(rejected).sort("row", maintain_order=True),
    )


def _read(payload: Payload) -> Panel | Parsed:
    """The cells of a body, told by their header; or why all of it is rejected."""
    if is_workbook(payload.body):
        return _read_sheets(payload)
    text = read_delimited(payload.body)
    if text.problem is not None:
        return reject_all(*text.problem)
    header = text.header
    # An export of the index has its two columns only, and one of them may be called by another name.
    names = [name for name in header[1:] if name.upper() == "GSCPI"] or [*header[1:][: len(header) == 2 and _of_gscpi(payload)]]
    if header[0] == "Date" and len(names) == 1:
        return Panel(header=("Date", names[0]), table=text.table, rejected=text.rejected, vintage=None)
    return _panel(header, text.table, text.rejected, payload)


def _read_sheets(payload: Payload) -> Panel | Parsed:
    """The first sheet that has the index or a vintage, its own name first."""
    book = read_workbook(payload.body)
    if book.problem is not None:
        return reject_all(RejectReason.MALFORMED, book.problem)
    for sheet in sorted(book.sheets, key=lambda sheet: sheet.name.strip().lower() != "gscpi monthly data"):
        for place, cells in [*sheet.rows.items()][:_HEADER_ROWS]:
            names = {column: str(value).strip() for column, value in cells.items() if isinstance(value, str) and value.strip()}
            days = [column for column, name in names.items() if name.lower() == "date"]
            index = [column for column, name in names.items() if name.upper() == "GSCPI"]
            if len(days) == 1 and len(index) == 1:
                wanted = {days[0]: "Date", index[0]: "GSCPI"}
                return Panel(header=("Date", "GSCPI"), table=_text_of(sheet, place, wanted), rejected=(), vintage=None)
            if len(days) == 1 and days[0] == min(names) and 1 < len(names) <= _MOST_SERIES:
                if len(set(names.values())) < len(names) or "row" in names.values():
                    return reject_all(RejectReason.UNEXPECTED_SHAPE, "the header names a column twice (or one is called row)")
                return _panel(tuple(names.values()), _text_of(sheet, place, names), (), payload)
    return reject_all(RejectReason.UNEXPECTED_SHAPE, "no sheet has a header with Date and GSCPI, or with Date and series")


def _text_of(sheet: Sheet, header: int, names: Mapping[int, str]) -> pl.DataFrame:
    """The rows below the header whose first named column is not blank, as text; dates like 2020-01-31."""
    first = next(iter(names))
    rows = [cells for place, cells in sheet.rows.items() if place > header and first in cells]
    columns = {name: [_shown(cells.get(column)) for cells in rows] for column, name in names.items()}
    return pl.DataFrame(
        {"row": pl.int_range(1, len(rows) + 1, eager=True), **{name: pl.Series(cells, dtype=pl.String) for name, cells in columns.items()}}
    )


def _shown(value: Cell | None) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.date().isoformat()
        case str():
            return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd").strip()
        case _:
            return repr(value)


def _panel(header: tuple[str, ...], table: pl.DataFrame, rejected: tuple[Rejection, ...], payload: Payload) -> Panel | Parsed:
    if header[0] != "Date" or not 2 <= len(header) <= _MOST_SERIES or "" in header:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, "a nowcast vintage begins with Date and then names its series")
    vintage = _vintage(payload.url.rpartition("/")[2]) or _vintage(payload.stream)
    if vintage is None:
        return reject_all(RejectReason.NO_KNOWLEDGE_TIME, "neither the url nor the file's name has the vintage's date, like 2016-06-29")
    return Panel(header=header, table=table, rejected=rejected, vintage=vintage)


def _of_gscpi(payload: Payload) -> bool:
    return "gscpi" in payload.url.lower() or "gscpi" in payload.stream.lower()


def _last_modified(payload: Payload) -> datetime | None:
    if not payload.url.startswith(DOWNLOADS):
        return None
    try:
        moment = parsedate_to_datetime(payload.headers.get("last-modified", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None


def _vintage(name: str) -> date | None:
    found = _VINTAGE.search(name)
    try:
        return date.fromisoformat(found.group(1)) if found else None
    except ValueError:
        return None


SOURCE = NyFed()
