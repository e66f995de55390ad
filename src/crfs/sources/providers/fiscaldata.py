"""Treasury Fiscal Data: debt to the penny, average interest rates, the Treasury's cash, interest paid, reporting rates of exchange, auctions.

All values come as text, and what is missing as the text ``null``. A question never names ``fields``: where one that is no number is left
out, the API adds up the rows that differ in it, without a word. There are no vintages, and ``record_date`` is no day of publication.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from crfs.bitemporal.release import end_of_day
from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnDefinition
from crfs.errors import InvalidInput, SourceUnavailable
from crfs.sources.core.asked import in_words
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.json_text import as_text, object_cells, read_json
from crfs.sources.core.pages import Next, pages, with_params
from crfs.sources.core.tables import Rejection, accept, known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import day_instant, iso_date, read_delimited, typed
from crfs.sources.core.units import exponent_in, kind_of

API = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service/"
PAGE_SIZE = 10_000
_NULL = ("null", "")
_PROVIDER = Provider(
    title="U.S. Treasury Fiscal Data",
    limits=(Limit(2, 1.0),),
    terms="Open data of the United States government (no key); the Bureau of the Fiscal Service asks to be named as the source.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the API: its ``path``, the ``dataset`` of its rows, the fields that make their entity, and the first one that has a day.

    ``label`` is the entity where no field makes it. ``announced`` is the field with the day from which a row was public, where there is one.
    ``whole`` tables are asked for without bounds: they hold what lies ahead. ``total`` is a field and those that it is the sum of, give or take
    ``rounding``, where all of them are told.
    """

    path: str
    dataset: str
    entity: tuple[str, ...] = ()
    label: str = ""
    days: tuple[str, ...] = ("record_date",)
    announced: str | None = None
    whole: bool = False
    total: tuple[str, ...] = ()
    rounding: float = 0.0

    @property
    def name(self) -> str:
        """What users call it: the last part of its path."""
        return self.path.rpartition("/")[2]


CASH, TGA = "fiscaldata_cash_balance", "fiscaldata_general_account"
TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.name: table
        for table in (
            Table(
                path="v2/accounting/od/debt_to_penny",
                dataset="fiscaldata_debt",
                label="US",
                total=("tot_pub_debt_out_amt", "debt_held_public_amt", "intragov_hold_amt"),
                rounding=1.0,  # a dollar; a sum of floats at this size is right to a cent
            ),
            Table(
                path="v2/accounting/od/avg_interest_rates",
                dataset="fiscaldata_average_rates",
                entity=("security_type_desc", "security_desc"),
            ),
            Table(
                path="v2/accounting/od/interest_expense",
                dataset="fiscaldata_interest_expense",
                entity=("expense_catg_desc", "expense_group_desc", "expense_type_desc"),
            ),
            Table(
                path="v1/debt/mspd/mspd_table_1",
                dataset="fiscaldata_public_debt",
                entity=("security_type_desc", "security_class_desc"),
                total=("total_mil_amt", "debt_held_public_mil_amt", "intragov_hold_mil_amt"),
                rounding=2.0,  # old statements have whole millions
            ),
            Table(path="v1/accounting/dts/operating_cash_balance", dataset=CASH, entity=("account_type",)),
            Table(
                path="v1/accounting/od/rates_of_exchange",
                dataset="fiscaldata_exchange_rates",
                entity=("country_currency_desc",),
                days=("effective_date", "record_date"),
            ),
            Table(
                path="v1/accounting/od/upcoming_auctions",
                dataset="fiscaldata_upcoming_auctions",
                entity=("cusip",),
                days=("auction_date",),
                announced="announcemt_date",
                whole=True,
            ),
        )
    }
)

_CLOSING = {
    "Federal Reserve Account": "close_today_bal",
    "Treasury General Account (TGA)": "close_today_bal",
    # Since April 2022 the closing balance is a row of its own, whose value stands in the field of the opening balance.
    "Treasury General Account (TGA) Closing Balance": "open_today_bal",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """A body that was read: text cells of the rows, what its ``meta`` says, which ``page`` its link to itself names, an error's words, or the
    problem why there is nothing.
    """

    rows: Sequence[object] = ()
    names: frozenset[str] = frozenset()
    csv: pl.DataFrame | None = None
    rejected: tuple[Rejection, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    page: int | None = None
    error: str | None = None
    problem: tuple[RejectReason, str] | None = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows) if self.csv is None else self.csv.height + len(self.rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiscalData:
    """The source ``fiscaldata``; the series of a query are names of tables (none: all of them), ``since`` and ``until`` bound record_date."""

    name: str = "fiscaldata"
    parser_version: str = "4"
    hosts: tuple[str, ...] = ("api.fiscaldata.treasury.gov",)
    provider: Provider = _PROVIDER
    page_size: int = PAGE_SIZE

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """A few days, or a quarter, of each table."""
        return {name: Query(series=(name,), since=date(2024, 3, 25), until=date(2024, 4, 2)) for name in TABLES}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Each table page by page, oldest record first, with all of its fields."""
        for name in query.series or tuple(TABLES):
            if name not in TABLES:
                raise InvalidInput(f"fiscaldata: no table is called {name!r}; there are {', '.join(TABLES)}")
            yield from pages(self._first(TABLES[name], query), _following(), transport)

    def classify(self, payload: Payload) -> Classification:
        """By the status, then by the body: an ``error`` is a BAD_REQUEST, no rows are EMPTY; a RETRY is a page that is another one than was
        asked for, or shorter than it says, or than all rows leave for it.
        """
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        body = _read(payload)
        if body.error is not None:
            return Classification.BAD_REQUEST
        if payload.status == 204:
            return Classification.EMPTY
        if not payload.body.strip():
            return Classification.RETRY
        if body.problem is not None:
            return Classification.SCHEMA
        if body.count < _least_rows(payload, body) or _is_another_page(payload, body):
            return Classification.RETRY
        if not body.count:
            return Classification.EMPTY
        if _other_table(payload, body) is not None:
            return Classification.SCHEMA
        return Classification.OK if _table(payload, body) is not None else Classification.SCHEMA

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of the table that the url (or a saved file's name, or else the fields) says; the closing balance also as one long series."""
        body = _read(payload)
        if body.error is not None:
            return reject_all(RejectReason.UNSUPPORTED, f"an error of the provider: {body.error}")
        if body.problem is not None:
            return reject_all(*body.problem)
        if (other := _other_table(payload, body)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, other)
        table = _table(payload, body)
        if table is None:
            if not body.count:
                return Parsed(tables={}, rejected=rejected_table())
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"no table that is known has these fields; there are {', '.join(TABLES)}")
        dataset = catalogue.dataset(table.dataset)
        other = _other_unit(body.meta, dataset.columns)
        if other is not None:
            return reject_all(RejectReason.UNSUPPORTED, other)
        frame, rejected = _rows(table, body, dataset.columns)
        known = _known(frame, table, catalogue, payload.fetched_at)
        tables: dict[str, pl.DataFrame] = {}
        for name, part in {table.dataset: known, **({TGA: _general_account(known)} if table.dataset == CASH else {})}.items():
            accepted, refused = accept(part, catalogue.dataset(name), catalogue, fetched_at=payload.fetched_at)
            rejected.append(refused)
            if table.total:
                accepted, refused = _added_up(table, accepted, part)
                rejected.append(refused)
            if accepted.height:
                tables[name] = accepted
        return Parsed(tables=tables, rejected=pl.concat(rejected).sort("row", nulls_last=True, maintain_order=True))

    def _first(self, table: Table, query: Query) -> Request:
        params: list[tuple[str, str]] = []
        if not table.whole:
            bounds = [("gte", query.since), ("lte", query.until)]
            filters = [f"record_date:{sign}:{day.isoformat()}" for sign, day in bounds if day is not None]
            params += [("filter", ",".join(filters))] if filters else []
            params += [("sort", "record_date")]
        params += [("page[number]", "1"), ("page[size]", str(self.page_size))]
        return Request(url=API + table.path, params=tuple(params), stream=table.name)


def _following() -> Next:
    """The page after each, up to the last that the first one knew of; pages that begin with the same row are one page, given again."""
    first_row: list[object] = []

    def following(request: Request, payload: Payload) -> Request | None:
        body = _read(payload)
        number = int(dict(request.params)["page[number]"])
        if body.rows and body.rows[:1] == first_row:
            raise SourceUnavailable(f"{request.stream}: the provider gives the page before again as page {number}")
        first_row[:] = body.rows[:1]
        if not body.count or number >= (_whole(body.meta.get("total-pages")) or 1):
            return None
        return with_params(request, page__number=number + 1)

    return following


def _least_rows(payload: Payload, body: _Body) -> int:
    """As many rows a page has to have by what it says of itself and of all pages."""
    meta = {name: _whole(body.meta.get(name)) for name in ("count", "total-count", "total-pages")}
    page, size = _whole(payload.parameters.get("page[number]")) or 1, _whole(payload.parameters.get("page[size]"))
    least = meta["count"] or 0
    if meta["total-count"]:
        rest = meta["total-count"] - (page - 1) * size if size else meta["total-count"] if meta["total-pages"] == 1 else 0
        least = max(least, min(rest, size or rest))
    is_told = page > 1 or bool(meta["total-count"])
    return max(least, int(is_told and page <= (meta["total-pages"] or 0)))


def _is_another_page(payload: Payload, body: _Body) -> bool:
    """Whether the answer's link to itself has another number than the question."""
    own, asked = body.page, _whole(payload.parameters.get("page[number]"))
    return None not in (own, asked) and own != asked


def _read(payload: Payload) -> _Body:
    """The body as JSON, or as the CSV that the API gives for ``format=csv``."""
    start = payload.body[:400].lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"record_date" in start.split(b"\n", 1)[0] and not start.startswith((b"{", b"[", b"<")):
        text = read_delimited(payload.body)
        if text.problem is not None:
            return _Body(problem=text.problem)
        return _Body(csv=text.table, names=frozenset(text.header), rejected=text.rejected)
    read = read_json(payload.body)
    if read.problem is not None:
        return _Body(problem=(RejectReason.MALFORMED, read.problem))
    fields = read.fields
    if "error" in fields and not isinstance(fields.get("data"), list):
        return _Body(error=f"{fields['error']}: {fields.get('message', '')}"[:300])
    rows = fields.get("data")
    if not isinstance(rows, list):
        return _Body(problem=(RejectReason.UNEXPECTED_SHAPE, "an object with a list called data is expected"))
    names = next((frozenset(row) for row in rows if isinstance(row, dict)), frozenset())
    meta = fields.get("meta")
    links = fields.get("links")
    own = dict(parse_qsl(as_text(links.get("self")).lstrip("&?"))) if isinstance(links, dict) else {}
    return _Body(rows=rows, names=names, meta=meta if isinstance(meta, dict) else {}, page=_whole(own.get("page[number]")))


def _table(payload: Payload, body: _Body) -> Table | None:
    """The table by the url's path; else by the stream; else the one whose entity and values all stand in the rows."""
    asked = _asked(payload)
    if asked is not None:
        return TABLES[asked]
    fits = [table for table in TABLES.values() if set(table.entity) <= body.names and set(_MARKS[table.name]) & body.names]
    return max(fits, key=lambda table: len(table.entity), default=None)


def _asked(payload: Payload) -> str | None:
    """The table that the url's path, else the stream, names."""
    try:
        place = urlsplit(payload.url).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        place = ""
    return next((name for name in (place, payload.stream) if name in TABLES), None)


def _other_table(payload: Payload, body: _Body) -> str | None:
    """What is wrong where the fields are those of another table than the one that was asked for; None where they are not."""
    asked = _asked(payload)
    if asked is None or set(_MARKS[asked]) & body.names:
        return None
    others = [name for name, marks in _MARKS.items() if set(marks) & body.names]
    return in_words(asked, others) if others else None


_MARKS = {
    "debt_to_penny": ("tot_pub_debt_out_amt",),
    "avg_interest_rates": ("avg_interest_rate_amt",),
    "interest_expense": ("month_expense_amt", "fytd_expense_amt"),
    "mspd_table_1": ("total_mil_amt", "debt_held_public_mil_amt", "intragov_hold_mil_amt"),
    "operating_cash_balance": ("open_today_bal", "close_today_bal"),
    "rates_of_exchange": ("exchange_rate",),
    "upcoming_auctions": ("announcemt_date",),
}
"""Fields that only one table has."""


def _rows(table: Table, body: _Body, columns: tuple[ColumnDefinition, ...]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Typed rows with ``entity`` and ``valid_time``, and what cannot be read. A field that makes the entity and is absent rejects the row."""
    required = [column.name for column in columns if column.required]
    needed = [*table.entity, *required, table.days[-1]]
    others = [column.name for column in columns if not column.required] + list(table.days[:-1])
    if body.csv is None:
        cells, absent = object_cells(body.rows, needed, optional=others)
    else:
        lacking = [name for name in needed if name not in body.csv.columns]
        absent = [(None, name, RejectReason.MISSING_FIELD, "the table has no such field") for name in lacking]
        blank = [pl.lit("").alias(name) for name in {*needed, *others} if name not in body.csv.columns]
        cells = (body.csv.with_columns(blank) if not lacking else body.csv.clear().with_columns(blank)).select("row", *needed, *others)
    texts = [name for name in cells.columns if name != "row"]
    cells = cells.with_columns(
        pl.when(~pl.col(name).str.strip_chars().is_in(_NULL)).then(pl.col(name)).otherwise(pl.lit("")) for name in texts
    )
    cells = cells.with_columns(_text_of_day=pl.coalesce(pl.when(pl.col(name) != "").then(pl.col(name)) for name in table.days))
    rejected = [rejected_table([*body.rejected, *absent])]
    wrong = iso_date(pl.col("_text_of_day")).is_null()
    detail = "not a day like 2024-03-28"
    rejected.append(rejected_where(cells, wrong, table.days[-1], RejectReason.NOT_A_DATE, detail, shown="_text_of_day"))
    cells = cells.filter(~wrong).with_columns(_day=iso_date(pl.col("_text_of_day")))
    values, unread = typed(cells, {column.name: column for column in columns if column.name in cells.columns})
    named = [pl.when(pl.col(name) != "").then(pl.col(name).str.strip_chars()) for name in table.entity]
    entity = pl.concat_str(named, separator="/", ignore_nulls=True) if named else pl.lit(table.label)
    return values.with_columns(entity=entity, valid_time=day_instant("_day")), [*rejected, unread]


def _added_up(table: Table, accepted: pl.DataFrame, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The accepted rows whose total is the sum of its parts, and the others, by their places in ``frame``."""
    total, *parts = table.total
    wrong = ((pl.col(total) - sum((pl.col(part) for part in parts), pl.lit(0.0))).abs() > table.rounding).fill_null(value=False)
    keys = ["entity", "valid_time"]
    others = frame.join(accepted.filter(wrong).select(keys), on=keys, how="semi").unique(keys, keep="first", maintain_order=True)
    detail = f"{total} is not the sum of {' and '.join(parts)}"
    return accepted.filter(~wrong), rejected_where(others, pl.lit(True), total, RejectReason.CONTRADICTION, detail)


def _other_unit(meta: Mapping[str, Any], columns: tuple[ColumnDefinition, ...]) -> str | None:
    """What the types and labels of the fields say against the units of their columns: money for a percentage, other multiples of money."""
    types, labels = (given if isinstance(given := meta.get(name), dict) else {} for name in ("dataTypes", "labels"))
    for column in columns:
        unit = column.unit or ""
        given, wanted = kind_of(as_text(types.get(column.name))), kind_of(unit)
        if given is not None and wanted is not None and given is not wanted:
            return f"{column.name} is {given.value} and no longer {wanted.value}"
        power = exponent_in(as_text(labels.get(column.name)))
        if power is not None and power != (exponent_in(unit) or 0):
            return f"{column.name} is called {as_text(labels[column.name])[:80]!r}, but its column is in {unit}"
    return None


def _known(frame: pl.DataFrame, table: Table, catalogue: Catalogue, fetched_at: datetime) -> pl.DataFrame:
    """By the dataset's rule; for an announced row from the end of the day of its announcement, or the fetch where that was earlier."""
    dataset = catalogue.dataset(table.dataset)
    if table.announced is None:
        return known_by_entity(frame, dataset, catalogue, fetched_at)
    fetch = pl.lit(fetched_at).cast(INSTANT)
    ends = end_of_day(frame[table.announced], dataset.zone)
    later = pl.col("_end").is_null() | (pl.col("_end") > fetch)
    return frame.with_columns(_end=ends).with_columns(
        knowledge_time=pl.when(later).then(fetch).otherwise(pl.col("_end")),
        knowledge_basis=pl.lit("observed"),
        vintage_date=pl.when(~later).then(pl.col(table.announced)),
        clipped=later,
    )


def _general_account(cash: pl.DataFrame) -> pl.DataFrame:
    """The closing balance of the Treasury's account at the Federal Reserve under whatever name its row had."""
    parts = [
        cash.filter(pl.col("entity") == account).with_columns(entity=pl.lit("US"), closing_balance=pl.col(column))
        for account, column in _CLOSING.items()
    ]
    kept = ["row", "entity", "valid_time", "knowledge_time", "knowledge_basis", "clipped", "closing_balance"]
    return pl.concat([part.select(kept) for part in parts]).drop_nulls("closing_balance").sort("row", maintain_order=True)


def _whole(value: object) -> int | None:
    """A count that is not negative, as a number or as text."""
    text = str(value)
    return int(text) if re.fullmatch(r"\d{1,12}", text, re.ASCII) else None


SOURCE = FiscalData()
