"""The chart endpoint's daily bars, dividends and splits.

Prices and volumes are **adjusted for every split up to the fetch**, dividends too, so an answer is true only as of its fetch: that is its
knowledge time, and a split makes later fetches new versions of old days. ``adjclose`` is left out: it changes with each dividend, and can
be made from the closes and dividends that were known at any time. Prices are in the quote's own unit: ``GBp`` is pence. A bar whose prices
contradict each other is refused whole. An open of zero in a bar with other prices stands for none, as in bars of the 1960s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import available_timezones

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text
from crfs.sources.core.tables import Rejection, Rejections, accept, known_from, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import day_instant
from crfs.sources.core.units import Kind, of_expected_units

DAILY, DIVIDENDS, SPLITS = "yahoo_daily", "yahoo_dividends", "yahoo_splits"
FIELDS = ("open", "high", "low", "close", "volume")
MOST_RESULTS = 500
ROUNDING = 1e-3
"""As much of a price may the prices of a bar disagree by: each was adjusted for splits and rounded by itself."""
_EARLIEST, _LATEST = -11_644_473_600, 7_258_118_400  # 1601 and 2200
_Part = tuple[pl.DataFrame, list[pl.DataFrame]]


def parse_chart(results: Sequence[Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of every result of a chart answer."""
    if len(results) > MOST_RESULTS:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, f"{len(results)} results in one chart; Yahoo gives one for each symbol asked")
    found: dict[str, list[pl.DataFrame]] = {DAILY: [], DIVIDENDS: [], SPLITS: []}
    units: list[tuple[str, str | None]] = []
    rejected: list[pl.DataFrame] = []
    for result in results:
        about = _about(result, payload)
        if isinstance(about, Parsed):
            rejected.append(about.rejected)
            continue
        units.append((about["symbol"], about["currency"]))
        for dataset, (frame, refused) in {
            DAILY: _bars(result, about, payload),
            DIVIDENDS: _dividends(result, about),
            SPLITS: _splits(result, about),
        }.items():
            rejected += refused
            if frame.height:
                found[dataset].append(frame.with_columns(entity=pl.lit(about["symbol"])))
    tables: dict[str, pl.DataFrame] = {}
    for dataset, frames in found.items():
        if not frames:
            continue
        rows = pl.concat(frames).with_columns(valid_time=day_instant("session"))
        rows, other = of_expected_units(rows, _told(units), catalogue.dataset(dataset), catalogue, kinds=(Kind.MONEY,))
        rejected.append(other)
        known = known_from(rows["valid_time"], None, catalogue.dataset(dataset).period, payload.fetched_at)
        accepted, refused_rows = accept(
            rows.hstack(known).with_columns(clipped=pl.lit(True)), catalogue.dataset(dataset), catalogue, fetched_at=payload.fetched_at
        )
        rejected.append(refused_rows)
        if accepted.height:
            tables[dataset] = accepted
    return Parsed(tables=tables, rejected=pl.concat([rejected_table(), *rejected]).sort("row", maintain_order=True))


def _told(units: Sequence[tuple[str, str | None]]) -> pl.DataFrame:
    """The currency that each symbol is quoted in; Yahoo says it of an index too, so only factors in money are asked."""
    schema = dict.fromkeys(("entity", "unit"), pl.String())
    return pl.DataFrame(units, schema=schema, orient="row").with_columns(multiplier=pl.lit(None, dtype=pl.String))


def _about(result: Any, payload: Payload) -> dict[str, Any] | Parsed:
    """What holds for all rows: symbol, zone, currency, and until when the last session ran; or why there are none."""
    meta = result.get("meta") if isinstance(result, dict) else None
    if not isinstance(meta, dict):
        return reject_all(RejectReason.UNEXPECTED_SHAPE, "a chart result has no meta")
    zone = meta.get("exchangeTimezoneName")
    if not isinstance(zone, str) or zone not in _zones():
        detail = f"exchangeTimezoneName = {as_text(zone)!r}: a session's date needs a zone of the time zone database"
        return reject_all(RejectReason.MISSING_FIELD if zone is None else RejectReason.WRONG_TYPE, detail)
    step = meta.get("dataGranularity") or next(iter(parse_qs(_query(payload.url)).get("interval", [])), "1d")
    if step != "1d":
        return reject_all(RejectReason.UNSUPPORTED, f"bars of {as_text(step)}; only daily ones (interval=1d) are kept")
    symbol = meta.get("symbol")
    if not isinstance(symbol, str) or not symbol.strip():
        symbol = _asked(payload)
    if not symbol:
        return reject_all(RejectReason.MISSING_FIELD, "neither meta.symbol nor the url names the symbol")
    currency = meta.get("currency")
    period = meta.get("currentTradingPeriod")
    regular = period.get("regular") if isinstance(period, dict) else None
    session = regular if isinstance(regular, dict) else {}
    return {
        "symbol": as_text(symbol).strip().upper(),
        "zone": zone,
        "kind": meta.get("instrumentType"),
        "currency": as_text(currency) if isinstance(currency, str) and currency else None,
        "start": _seconds(session.get("start")),
        "end": _seconds(session.get("end")),
        "traded": _seconds(meta.get("regularMarketTime")),
    }


def _bars(result: Mapping[str, Any], about: Mapping[str, Any], payload: Payload) -> _Part:
    stamps = result.get("timestamp")
    if stamps is None:
        return _nothing()
    indicators = result.get("indicators")
    quotes = indicators.get("quote") if isinstance(indicators, dict) else None
    quote = quotes[0] if isinstance(quotes, list) and quotes and isinstance(quotes[0], dict) else None
    if not isinstance(stamps, list) or quote is None:
        return _nothing((None, "indicators", RejectReason.UNEXPECTED_SHAPE, "timestamp and indicators.quote[0] are lists side by side"))
    closes = quote.get("close")
    if not isinstance(closes, list) or len(closes) != len(stamps):
        shown = f"{len(closes)} closes" if isinstance(closes, list) else "no list of closes"
        return _nothing((None, "close", RejectReason.UNEXPECTED_SHAPE, f"{shown} for {len(stamps)} timestamps"))
    refused = Rejections()
    bad: set[int] = set()
    columns: dict[str, list[float | None]] = {}
    for name in FIELDS:
        cells = quote.get(name)
        if cells is None:
            columns[name] = [None] * len(stamps)
        elif not isinstance(cells, list) or len(cells) != len(stamps):
            refused.append((None, name, RejectReason.UNEXPECTED_SHAPE, f"not one value for each of {len(stamps)} timestamps"))
            columns[name] = [None] * len(stamps)
        else:
            columns[name] = [_number(cell) for cell in cells]
            for row, (cell, read) in enumerate(zip(cells, columns[name], strict=True), start=1):
                if read is None and cell is not None:
                    bad.add(row)
                    if refused.room(RejectReason.NOT_A_NUMBER):
                        refused.append((row, name, RejectReason.NOT_A_NUMBER, f"no number: {as_text(cell)[:80]}"))
    frame, no_time = _dated(stamps, about, columns)
    frame = frame.filter(~pl.col("row").is_in(list(bad))) if bad else frame
    frame = frame.with_columns(open=pl.when(~((pl.col("open") == 0) & (pl.col("close") > 0))).then("open"))
    frame, impossible = _possible(frame, about)
    running = _running(about, payload.fetched_at)
    unfinished = rejected_where(
        frame, running, "close", RejectReason.UNSUPPORTED, "the session had not ended, so this is not its close", shown="close"
    )
    whole = frame.filter(~running.fill_null(False))
    given = pl.any_horizontal(pl.col(name).is_not_null() for name in FIELDS)
    # A day of nothing but nulls is one for which Yahoo has no value; the currency alone is none.
    whole = whole.with_columns(currency=pl.when(given).then(pl.lit(about["currency"], dtype=pl.String)))
    return whole, [rejected_table(refused.listed()), no_time, *impossible, unfinished]


def _possible(frame: pl.DataFrame, about: Mapping[str, Any]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """The bars whose prices can be true together, and the others. Only a future may cost less than nothing, as oil did in April 2020."""
    low, high = pl.col("low"), pl.col("high")
    slack = ROUNDING * pl.max_horizontal(low.abs(), high.abs())
    checks = [(low > high + slack, "high", RejectReason.CONTRADICTION, "the high is below the low")]
    for name in ("open", "close"):
        outside = (pl.col(name) > high + slack) | (pl.col(name) < low - slack)
        checks.append((outside, name, RejectReason.CONTRADICTION, f"the {name} is not between the low and the high"))
    if about["kind"] != "FUTURE":
        checks += [(pl.col(name) < 0, name, RejectReason.OUT_OF_RANGE, "a price below zero") for name in FIELDS[:4]]
    refused = [rejected_where(frame, *check) for check in checks]
    return frame.filter(~pl.any_horizontal(check.fill_null(value=False) for check, *_ in checks)), refused


def _running(about: Mapping[str, Any], fetched_at: datetime) -> pl.Expr:
    """Whether a bar's session had not ended when the answer was made: its "close" would be the last trade so far.

    The answer says when the current session starts and ends, and when the last trade was; a body that was saved late is judged by that.
    Without them a session is taken to run until its local day is over.
    """
    start, end, traded = about["start"], about["end"], about["traded"]
    later = pl.col("stamp") > int(fetched_at.timestamp())
    if start is None or end is None:
        today: date = pl.Series([fetched_at]).dt.convert_time_zone(about["zone"]).dt.date()[0]
        return later | (pl.col("session") >= today)
    over = bool(fetched_at.timestamp() >= end) and (traded is None or traded >= end)
    return later if over else later | (pl.col("stamp") >= start)


def _dividends(result: Mapping[str, Any], about: Mapping[str, Any]) -> _Part:
    rows = _events(result, "dividends")
    amounts = [_number(row.get("amount")) for row in rows]
    frame, refused = _dated([row.get("date") for row in rows], about, {"amount": amounts})
    bad = rejected_where(frame, pl.col("amount").is_null(), "amount", RejectReason.NOT_A_NUMBER, "a dividend has no amount")
    frame = frame.filter(pl.col("amount").is_not_null()).with_columns(currency=pl.lit(about["currency"], dtype=pl.String))
    return frame, [refused, bad]


def _splits(result: Mapping[str, Any], about: Mapping[str, Any]) -> _Part:
    rows = _events(result, "splits")
    sides = {side: [_number(row.get(side)) for row in rows] for side in ("numerator", "denominator")}
    frame, refused = _dated([row.get("date") for row in rows], about, sides)
    no_split = pl.col("numerator").is_null() | (pl.col("numerator") <= 0) | pl.col("denominator").is_null() | (pl.col("denominator") <= 0)
    bad = rejected_where(frame, no_split, "numerator", RejectReason.NOT_A_NUMBER, "a split has two positive numbers")
    return frame.filter(~no_split), [refused, bad]


def _events(result: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    events = result.get("events")
    found = events.get(kind) if isinstance(events, dict) else None
    rows: Iterable[Any] = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return [row if isinstance(row, dict) else {} for row in rows]


def _dated(stamps: Sequence[Any], about: Mapping[str, Any], columns: Mapping[str, list[float | None]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with ``stamp`` and the ``session``, which is the stamp's date in the exchange's zone; and those without a time."""
    seconds = [_seconds(stamp) for stamp in stamps]
    schema = {"row": pl.Int64(), "stamp": pl.Int64(), **dict.fromkeys(columns, pl.Float64())}
    frame = pl.DataFrame({"row": range(1, len(stamps) + 1), "stamp": seconds, **columns}, schema=schema, strict=False)
    texts = ["" if read is not None else as_text(stamp)[:80] for stamp, read in zip(stamps, seconds, strict=True)]
    detail = "no time between 1601 and 2200 in seconds since 1970"
    untimed = frame.with_columns(timestamp=pl.Series(texts, dtype=pl.String()))
    refused = rejected_where(untimed, pl.col("stamp").is_null(), "timestamp", RejectReason.NOT_A_DATE, detail)
    instant = (pl.col("stamp") * 1_000_000).cast(INSTANT)
    good = frame.filter(pl.col("stamp").is_not_null()).with_columns(session=instant.dt.convert_time_zone(about["zone"]).dt.date())
    return good, refused


def _nothing(*rejections: Rejection) -> _Part:
    return pl.DataFrame(), [rejected_table(rejections)]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _seconds(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and _EARLIEST <= number <= _LATEST else None


@cache
def _zones() -> frozenset[str]:
    """The zones of the time zone database that name a place; two of its names stand for this machine's own."""
    return frozenset(available_timezones() - {"Factory", "localtime"})


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def _asked(payload: Payload) -> str:
    """The symbol that the url's path or else the stream names."""
    try:
        path = urlsplit(payload.url).path
    except ValueError:
        path = ""
    last = unquote(path.rpartition("/")[2])
    return last if "/chart/" in path and last and "{" not in last else payload.stream
