"""The European Central Bank: euro reference rates (``eurofxref``), and series of its data portal (SDMX) such as key rates and €STR.

A reference rate is **units of the currency for one euro**: 1.0832 for USD is 1.0832 US dollars per euro. It is set at 14:15 and published
around 16:00 Central European time on TARGET days, for information only, and never revised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import InvalidInput
from crfs.sources.core.asked import in_words, outside_key
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.sdmx import SdmxMessage, flow_in, observation_rows, read_sdmx, stated_units
from crfs.sources.core.tables import Rejection, Rejections, accept, known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import cell, day_instant, iso_date, read_delimited
from crfs.sources.core.units import of_expected_units
from crfs.sources.core.xml_text import local_name, read_xml

if TYPE_CHECKING:
    pass

RATES, CROSS, SERIES = "ecb_reference_rates", "ecb_dollar_rates", "ecb_series"
REFERENCE = "reference_rates"
FILES = "https://www.ecb.europa.eu/stats/eurofxref/"
API = "https://data-api.ecb.europa.eu/service/data/"
_KEY = re.compile(r"[A-Z0-9_]{2,20}(\.[A-Z0-9_+]*){1,20}", re.ASCII)
_CELLS = {"row": pl.Int64(), "date": pl.String(), "currency": pl.String(), "text": pl.String()}
_PROVIDER = Provider(
    title="European Central Bank",
    limits=(Limit(1, 1.0),),
    max_redirects=2,
    terms="Free reuse with the ECB named as the source and no change of the data; reference rates are for information only.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quotes:
    """Cells of reference rates; ``days`` says how many days there were, ``problem`` why nothing could be read."""

    table: pl.DataFrame
    rejected: tuple[Rejection, ...] = ()
    days: int = 0
    problem: tuple[RejectReason, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ecb:
    """The source ``ecb``; the series of a query are ``reference_rates`` and keys of the data portal like ``EST.B.EU000A2X2A25.WT``.

    None: the reference rates, and every key that the catalogue names.
    """

    name: str = "ecb"
    parser_version: str = "5"
    hosts: tuple[str, ...] = ("www.ecb.europa.eu", "data-api.ecb.europa.eu")
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The reference rates of the last 90 days, and some days of the deposit facility's rate."""
        return {
            "reference rates": Query(series=(REFERENCE,), options={"file": "eurofxref-hist-90d.xml"}),
            "data portal": Query(series=("FM.D.U2.EUR.4F.KR.DFR.LEV",), since=date(2024, 3, 1), until=date(2024, 3, 8)),
        }

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The file of reference rates that reaches back to ``since``, and each key's observations as CSV (or the option ``format``: json)."""
        form = query.options.get("format", "csv")
        if form not in ("csv", "json"):
            raise InvalidInput(f"ecb: format is csv or json, not {form!r}")
        named = sorted(catalogue.entities(SERIES))
        for series in query.series or (REFERENCE, *named):
            if series == REFERENCE:
                recent = query.since is not None and query.since >= transport.now.date() - timedelta(days=80)
                file = query.options.get("file", "eurofxref-hist-90d.xml" if recent else "eurofxref-hist.xml")
                yield transport.send(Request(url=f"{FILES}{file}", stream=REFERENCE))
                continue
            flow, _, key = series.partition(".")
            if not _KEY.fullmatch(series):
                raise InvalidInput(f"ecb: {series!r} is no series; write {REFERENCE}, or a key like EST.B.EU000A2X2A25.WT")
            params = [("startPeriod", query.since.isoformat())] if query.since else []
            params += [("endPeriod", query.until.isoformat())] if query.until else []
            yield transport.send(Request(url=f"{API}{flow}/{key}", params=(*params, ("format", f"{form}data")), stream=series))

    def classify(self, payload: Payload) -> Classification:
        """The data portal says by 404 that a key has no observations in the range; everything else by body before status."""
        if payload.status in (204, 304) or (payload.status == 404 and "/service/data/" in payload.url):
            return Classification.EMPTY
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        if not payload.body.strip():
            return Classification.RETRY
        read = _read(payload)
        if read.problem is not None:
            return Classification.SCHEMA
        if isinstance(read, _Quotes):
            return Classification.OK if read.days else Classification.EMPTY
        if read.error is not None:
            return Classification.EMPTY if "no results" in read.error.lower() else Classification.BAD_REQUEST
        if _other_series(read, payload) is not None:
            return Classification.SCHEMA
        return Classification.OK if read.count or read.is_structure else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Reference rates, and made of those of one day the same currencies for one US dollar; or observations of the data portal."""
        read = _read(payload)
        if read.problem is not None:
            return reject_all(*read.problem)
        if isinstance(read, SdmxMessage):
            return _series(read, payload, catalogue)
        frame, rejected = _rates(read)
        tables: dict[str, pl.DataFrame] = {}
        for name in (RATES, CROSS):
            part = frame if name == RATES else _dollar_rates(frame, tables.get(RATES))
            if part.is_empty():
                continue
            dataset = catalogue.dataset(name)
            accepted, refused = accept(
                known_by_entity(part, dataset, catalogue, payload.fetched_at), dataset, catalogue, fetched_at=payload.fetched_at
            )
            rejected.append(refused)
            if accepted.height:
                tables[name] = accepted
        return Parsed(tables=tables, rejected=pl.concat(rejected).sort("row", nulls_last=True, maintain_order=True))


def _read(payload: Payload) -> _Quotes | SdmxMessage:
    """Reference rates where the body is ``eurofxref``'s XML or CSV, else a message of the data portal."""
    start = payload.body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<") and (b"eurofxref" in start or b"gesmes" in start):
        return _of_xml(payload.body)
    if start[:5].lower().lstrip(b'"').startswith(b"date"):
        return _of_csv(payload.body)
    return read_sdmx(payload.body)


def _of_xml(body: bytes) -> _Quotes:
    read = read_xml(body)
    if read.root is None:
        return _Quotes(table=pl.DataFrame(schema=_CELLS), problem=(RejectReason.MALFORMED, read.problem or "not XML"))
    rows: list[tuple[int, str, str, str]] = []
    rejected = Rejections()
    days = number = 0
    for cube in read.root.iter():
        if "time" not in cube.attrib or local_name(cube) != "Cube":
            continue
        days += 1
        for quote in cube:
            number += 1
            absent = next((name for name in ("currency", "rate") if name not in quote.attrib), None)
            if absent is not None:
                rejected.append((number, absent, RejectReason.MISSING_FIELD, "a quote has a currency and a rate"))
            else:
                rows.append((number, cube.attrib["time"], quote.attrib["currency"], quote.attrib["rate"]))
    if not days and local_name(read.root) != "Envelope":
        shape = (RejectReason.UNEXPECTED_SHAPE, f"the root is {local_name(read.root)[:60]}, not an Envelope of reference rates")
        return _Quotes(table=pl.DataFrame(schema=_CELLS), problem=shape)
    return _Quotes(table=pl.DataFrame(rows, schema=_CELLS, orient="row"), rejected=tuple(rejected.listed()), days=days)


def _of_csv(body: bytes) -> _Quotes:
    """The file ``eurofxref.csv``: a column a currency, and a comma too many at the end of each line."""
    text = read_delimited(body)
    if text.problem is not None:
        return _Quotes(table=pl.DataFrame(schema=_CELLS), problem=text.problem)
    day, *names = text.header
    currencies = [name for name in names if re.fullmatch(r"[A-Z]{3}", name)]
    if not currencies:
        return _Quotes(table=pl.DataFrame(schema=_CELLS), problem=(RejectReason.UNEXPECTED_SHAPE, "no column is called like a currency"))
    rejected = list(text.rejected)
    for name in names:
        if name not in currencies and (name or (text.table[name] != "").any()):
            rejected.append((None, name[:80], RejectReason.UNKNOWN_COLUMN, "no currency of three letters"))
    cells = text.table.unpivot(on=currencies, index=["row", day], variable_name="currency", value_name="text").rename({day: "date"})
    table = cells.select(list(_CELLS)).sort("row", maintain_order=True)
    return _Quotes(table=table, rejected=tuple(rejected), days=text.table.height + len(text.rejected))


def _rates(quotes: _Quotes) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Typed rates; what is told as ``N/A`` gives no row."""
    day = pl.coalesce(iso_date(pl.col("date")), pl.col("date").str.strip_chars().str.to_date("%d %B %Y", strict=False))
    table = quotes.table.filter(~pl.col("text").str.strip_chars().str.to_uppercase().is_in(["N/A", ""])).with_columns(
        day=day, rate=cell("text", ColumnType.FLOAT8)
    )
    checks = [
        (pl.col("day").is_null(), "time", RejectReason.NOT_A_DATE, "not a day like 2024-03-28", "date"),
        (
            ~pl.col("currency").str.contains(r"^[A-Z]{3}$"),
            "currency",
            RejectReason.UNKNOWN_SERIES,
            "no currency of three letters",
            "currency",
        ),
        (pl.col("rate").is_null(), "rate", RejectReason.NOT_A_NUMBER, "not a number", "text"),
        (pl.col("rate") <= 0, "rate", RejectReason.OUT_OF_RANGE, "a rate is above 0", "text"),
    ]
    rejected = [rejected_where(table, bad, name, reason, detail, shown=shown) for bad, name, reason, detail, shown in checks]
    good = table.filter(~pl.any_horizontal(bad.fill_null(False) for bad, *_ in checks))
    frame = good.select("row", entity=pl.col("currency"), valid_time=day_instant("day"), rate=pl.col("rate"))
    return frame, [rejected_table(quotes.rejected), *rejected]


def _dollar_rates(rates: pl.DataFrame, accepted: pl.DataFrame | None) -> pl.DataFrame:
    """Units of each currency for one US dollar: its rate over the dollar's of the same day; the euro's is one over the dollar's.

    Only rates that were ``accepted`` enter: of a dollar that is out of its range every other currency would be wrong.
    """
    if accepted is None:
        return rates.clear()
    finite = rates.join(accepted, on=["entity", "valid_time"], how="semi", maintain_order="left")
    dollar = finite.filter(pl.col("entity") == "USD").unique("valid_time", keep="first", maintain_order=True)
    others = finite.filter(pl.col("entity") != "USD").join(dollar.select("valid_time", usd="rate"), on="valid_time", maintain_order="left")
    crossed = others.select("row", "entity", "valid_time", rate=pl.col("rate") / pl.col("usd"))
    euro = dollar.select("row", entity=pl.lit("EUR"), valid_time="valid_time", rate=1 / pl.col("rate"))
    return pl.concat([crossed, euro]).filter(pl.col("rate").is_finite()).sort("row", maintain_order=True)


def _series(message: SdmxMessage, payload: Payload, catalogue: Catalogue) -> Parsed:
    if message.error is not None:
        return reject_all(RejectReason.UNSUPPORTED, f"an error of the provider: {message.error}")
    prefix = _prefix(message, payload)
    if prefix is None:
        return reject_all(RejectReason.UNKNOWN_SERIES, "neither the message nor the url or the stream says which dataflow it is of")
    if (elsewhere := _other_series(message, payload)) is not None:
        return reject_all(RejectReason.UNKNOWN_SERIES, elsewhere)
    dataset = catalogue.dataset(SERIES)
    # Behind the dataflow every key of the ECB begins with the frequency.
    frequency = (pl.lit(prefix) + pl.col("key")).str.split(".").list.get(1, null_on_oob=True)
    frame, unread = observation_rows(message, prefix=prefix, frequency=frequency)
    frame, other = of_expected_units(frame, stated_units(message, prefix=prefix), dataset, catalogue)
    accepted, refused = accept(
        known_by_entity(frame, dataset, catalogue, payload.fetched_at), dataset, catalogue, fetched_at=payload.fetched_at
    )
    rejected = pl.concat([unread, other, refused]).sort("row", nulls_last=True, maintain_order=True)
    return Parsed(tables={SERIES: accepted} if accepted.height else {}, rejected=rejected)


def _other_series(message: SdmxMessage, payload: Payload) -> str | None:
    """What is wrong where a message has another series than its url asks for; None where it has not, or the url does not say."""
    prefix = _prefix(message, payload)
    try:
        [*_, flow, key] = urlsplit(payload.url).path.partition("/service/data/")[2].split("/")
    except ValueError:  # none of these two
        return None
    keys = message.table["key"].unique(maintain_order=True)
    if prefix is None or not key.strip(".") or key == "all" or message.is_structure:
        return None
    if not prefix:
        return outside_key(f"{flow}.{key}", keys)
    # In XML the structure is named, which is not always called as its dataflow is.
    if message.flow not in (None, flow) and not payload.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return in_words(f"{flow}.{key}", [prefix + one for one in keys])
    return outside_key(key, keys)


def _prefix(message: SdmxMessage, payload: Payload) -> str | None:
    """What to put before a key: nothing in CSV, whose keys begin with the dataflow; else the dataflow."""
    if message.is_structure or not payload.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[", b"<")):
        return ""
    try:
        path = urlsplit(payload.url).path
    except ValueError:
        path = ""
    stream = payload.stream.partition(".")[0] if _KEY.fullmatch(payload.stream) else ""
    flow = message.flow or flow_in(path) or stream
    return f"{flow}." if flow else None


SOURCE = Ecb()
