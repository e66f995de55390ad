"""The source ``treasury``: what to ask of home.treasury.gov, what its answers are, and rows of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import InvalidInput
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.tables import accept, known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import cell, day_instant, iso_date
from crfs.sources.providers.treasury.cells import first_lines, read_cells
from crfs.sources.providers.treasury.columns import BILLS, KINDS, LONG, PAR, REAL, SPREADS, Kind

FEED = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/pages/xml"
TABLE = "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv"
PAIRS = (("10Y", "3M"), ("10Y", "2Y"), ("10Y", "5Y"), ("30Y", "10Y"), ("30Y", "5Y"), ("5Y", "2Y"), ("2Y", "3M"), ("1Y", "3M"))
"""The term spreads that are computed: the longer tenor less the shorter one, of the same day."""

_PROVIDER = Provider(
    title="U.S. Department of the Treasury, daily interest rates",
    limits=(Limit(1, 1.0),),
    terms="Works of the United States government; no terms beyond fair use of the site. No key.",
)
_DATASETS = (PAR, REAL, BILLS, LONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Treasury:
    """The source ``treasury``; the series of a query are kinds of tables (``par_yields`` or the Treasury's own name; none: all of them).

    The option ``format`` is ``xml`` (the feed; the default) or ``csv``. One question is a kind and a year, or a month where the query
    lies within one.
    """

    name: str = "treasury"
    parser_version: str = "4"
    hosts: tuple[str, ...] = ("home.treasury.gov",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """A month of each kind, and one of the CSV."""
        first, last = date(2024, 3, 1), date(2024, 3, 28)
        probes = {kind.short: Query(series=(kind.short,), since=first, until=last) for kind in KINDS}
        return probes | {"csv": Query(series=("par_yields",), since=first, until=last, options={"format": "csv"})}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Each kind, year by year from the first that was published (or ``since``) to this year (or ``until``)."""
        form = query.options.get("format", "xml")
        if form not in ("xml", "csv"):
            raise InvalidInput(f"treasury: format is xml or csv, not {form!r}")
        today = transport.now.date()
        for kind in [_kind(name) for name in query.series] or list(KINDS):
            for period in _periods(kind, query.since, query.until or today):
                yield transport.send(_request(kind, period, form))

    def classify(self, payload: Payload) -> Classification:
        """OK with at least one entry or line; EMPTY for a feed without entries or a header alone; SCHEMA for what is no table of rates."""
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        if payload.status == 204:
            return Classification.EMPTY
        if not payload.body.strip():
            return Classification.RETRY
        cells = read_cells(first_lines(payload))
        if cells.problem is not None:
            return Classification.SCHEMA
        return Classification.OK if cells.days else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of every table that the payload has cells of; a day of the par curve also gives its term spreads.

        A day is known from 18:00 in New York (the end of the time in which the Treasury publishes), on the next business day where it is a
        federal holiday; or from the fetch, where that was earlier.
        """
        cells = read_cells(payload)
        if cells.problem is not None:
            return reject_all(*cells.problem)
        rejected = [rejected_table(cells.rejected)]
        good, refused = _typed(cells.table, payload)
        rejected += refused
        frames = {name: _wide(good.filter(pl.col("dataset") == name)) for name in _DATASETS}
        tables: dict[str, pl.DataFrame] = {}
        for name in (*_DATASETS, SPREADS):
            frame = _spreads(frames[PAR], tables.get(PAR)) if name == SPREADS else frames[name]
            if frame.is_empty():
                continue
            dataset = catalogue.dataset(name)
            accepted, wrong = accept(
                known_by_entity(frame, dataset, catalogue, payload.fetched_at), dataset, catalogue, fetched_at=payload.fetched_at
            )
            rejected.append(wrong)
            if accepted.height:
                tables[name] = accepted
        return Parsed(tables=tables, rejected=pl.concat(rejected).sort("row", nulls_last=True, maintain_order=True))


def _typed(table: pl.DataFrame, payload: Payload) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The cells with ``day`` and ``value``; a day that is no date is rejected once, a cell that is no number by its field."""
    days = table.unique(["row"], keep="first", maintain_order=True).with_columns(day=_day(payload.fetched_at.date()))
    rejected = []
    for (field,), part in days.group_by("date_field", maintain_order=True):
        detail = "not a day like 2024-03-28 or 03/28/2024"
        rejected.append(rejected_where(part, pl.col("day").is_null(), str(field), RejectReason.NOT_A_DATE, detail, shown="date"))
    read = table.join(days.select("row", "day").drop_nulls(), on="row", how="inner", maintain_order="left")
    read = read.with_columns(value=cell("text", ColumnType.FLOAT8))
    not_number = read.filter(pl.col("value").is_null())
    for (field,), part in not_number.group_by("field", maintain_order=True):
        rejected.append(rejected_where(part, pl.lit(True), str(field), RejectReason.NOT_A_NUMBER, "not a number", shown="text"))
    # A bill's two rates belong together: where one of them cannot be read, the other would look as if it were alone.
    bad = not_number.select("row", "dataset", "entity")
    return read.join(bad, on=["row", "dataset", "entity"], how="anti", maintain_order="left"), rejected


def _day(fetched: date) -> pl.Expr:
    """Days as the feed (an instant without a zone), the CSV (month first) and the Treasury's archives (two digits of a year) write them."""
    text = pl.col("date").str.replace(r"[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?$", "")
    month_first = text.str.replace_all("-", "/")
    short = month_first.str.extract(r"^\d{1,2}/\d{1,2}/(\d{2})$").cast(pl.Int32)
    century = pl.when(short + 2000 <= fetched.year).then(pl.lit("20")).otherwise(pl.lit("19"))
    full = pl.when(short.is_not_null()).then(month_first.str.replace(r"(\d{2})$", century + "${1}")).otherwise(month_first)
    shaped = pl.when(full.str.contains(r"^\d{1,2}/\d{1,2}/\d{4}$")).then(full)
    return pl.coalesce(iso_date(text), shaped.str.to_date("%m/%d/%Y", strict=False))


def _wide(cells: pl.DataFrame) -> pl.DataFrame:
    """One row for each day and entity, a column for each of the dataset's; a cell that is told twice stays two rows, to be compared."""
    columns = cells["column"].unique(maintain_order=True)
    key = ["row", "entity", "day"]
    if len(columns) <= 1:
        name = columns[0] if len(columns) else "rate"
        wide = cells.select(*key, pl.col("value").alias(name))
    else:
        parts = [cells.filter(pl.col("column") == name).select(*key, pl.col("value").alias(name)) for name in columns]
        wide = parts[0]
        for part in parts[1:]:
            wide = wide.join(part, on=key, how="full", coalesce=True, maintain_order="left_right")
    return wide.with_columns(valid_time=day_instant("day")).sort("row", maintain_order=True)


def _spreads(par: pl.DataFrame, accepted: pl.DataFrame | None) -> pl.DataFrame:
    """The term spreads of each day of the par curve, in basis points: 100 * (longer - shorter), rounded to a hundredth; of accepted rates."""
    if accepted is None:
        return par.clear()
    rate = par.join(accepted, on=["entity", "valid_time"], how="semi", maintain_order="left")
    rate = rate.unique(["row", "entity"], keep="first", maintain_order=True)
    parts = []
    for longer, shorter in PAIRS:
        ends = [rate.filter(pl.col("entity") == tenor).select("row", "valid_time", "rate") for tenor in (longer, shorter)]
        both = ends[0].join(ends[1], on=["row", "valid_time"], suffix="_short", maintain_order="left")
        spread = (100 * (pl.col("rate") - pl.col("rate_short"))).round(2)
        parts.append(both.select("row", "valid_time", entity=pl.lit(f"{longer}-{shorter}"), spread_bp=spread))
    return pl.concat(parts).filter(pl.col("spread_bp").is_finite())


def _kind(name: str) -> Kind:
    for kind in KINDS:
        if name.lower() in (kind.name, kind.short):
            return kind
    raise InvalidInput(f"treasury: no table is called {name!r}; there are {', '.join(kind.short for kind in KINDS)}")


def _periods(kind: Kind, since: date | None, until: date) -> list[str]:
    """Years, like 2024; or one month, like 202403, where everything lies within it."""
    first = date(kind.first_year, 1, 1)
    since = max(since or first, first)
    if (since.year, since.month) == (until.year, until.month):
        return [f"{since:%Y%m}"]
    return [str(year) for year in range(since.year, until.year + 1)]


def _request(kind: Kind, period: str, form: str) -> Request:
    parameter = "field_tdr_date_value" if len(period) == 4 else "field_tdr_date_value_month"
    if form == "xml":
        return Request(url=FEED, params=(("data", kind.name), (parameter, period)), stream=kind.name)
    place = f"{period}/all" if len(period) == 4 else f"all/{period}"
    params = (("type", kind.name), (parameter, period), ("page", ""), ("_format", "csv"))
    return Request(url=f"{TABLE}/{place}", params=params, stream=kind.name)


SOURCE = Treasury()
