"""Headlines of the search endpoint, and the newest prices of quote and quoteSummary bodies that were saved.

``providerPublishTime`` is the publisher's word, and a headline may have been changed since, so an article is known from the fetch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.articles import filled, ids, tickers, web_address
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text, object_cells
from crfs.sources.core.tables import accept, known_from, rejected_table, rejected_where
from crfs.sources.providers.yahoo.answers import raw

ARTICLES, QUOTES = "yahoo_articles", "yahoo_quotes"
_EARLIEST, _LATEST = 0, 7_258_118_400


def parse_news(news: Sequence[Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of the articles that a search found."""
    table, refused = object_cells(
        news, ("title", "providerPublishTime"), optional=("uuid", "link", "publisher", "relatedTickers"), what="an article"
    )
    related = [tickers(news[row - 1].get("relatedTickers")) for row in table["row"]]
    seconds = pl.col("providerPublishTime").cast(pl.Int64, strict=False)
    table = table.with_columns(
        _seconds=pl.when(seconds.is_between(_EARLIEST, _LATEST)).then(seconds), _tickers=pl.Series(related, dtype=pl.String())
    )
    no_time = rejected_where(
        table,
        pl.col("_seconds").is_null(),
        "providerPublishTime",
        RejectReason.NOT_A_DATE,
        "no seconds since 1970",
        shown="providerPublishTime",
    )
    good = table.filter(pl.col("_seconds").is_not_null())
    no_title = rejected_where(good, filled("title").is_null(), "title", RejectReason.MISSING_FIELD, "no title", shown="link")
    good = good.filter(filled("title").is_not_null())
    rows = good.with_columns(
        entity=ids(good["uuid"], good["link"]),
        valid_time=(pl.col("_seconds") * 1_000_000).cast(INSTANT),
        title=filled("title"),
        url=web_address("link"),
        publisher=filled("publisher"),
        tickers=filled("_tickers"),
    )
    return _accepted(rows, ARTICLES, payload, catalogue, [rejected_table(refused), no_time, no_title])


def parse_quotes(quotes: Sequence[Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of quotes: price and size at the time of the last regular trade. Quotes without a price are left out: Yahoo has none."""
    names = {"price": "regularMarketPrice", "market_cap": "marketCap", "shares_outstanding": "sharesOutstanding"}
    priced = [
        {
            "symbol": as_text(quote.get("symbol")).strip().upper(),
            "time": raw(quote.get("regularMarketTime")),
            "currency": quote.get("currency"),
            **{name: raw(quote.get(field)) for name, field in names.items()},
        }
        if isinstance(quote, dict)
        else quote
        for quote in quotes
        if not isinstance(quote, dict) or raw(quote.get("regularMarketPrice")) is not None
    ]
    table, refused = object_cells(priced, ("symbol", "time", *names), optional=("currency",), what="a quote")
    seconds = pl.col("time").cast(pl.Int64, strict=False)
    read = table.with_columns(
        [pl.when(seconds.is_between(_EARLIEST, _LATEST)).then(seconds).alias("_seconds")]
        + [pl.col(name).cast(pl.Float64, strict=False).alias(f"_{name}") for name in names]
    )
    no_time = rejected_where(
        read, pl.col("_seconds").is_null(), "regularMarketTime", RejectReason.NOT_A_DATE, "no seconds since 1970", shown="time"
    )
    bad = {name: (filled(name).is_not_null()) & pl.col(f"_{name}").is_null() for name in names}
    unread = [rejected_where(read, cell, name, RejectReason.NOT_A_NUMBER, "no number") for name, cell in bad.items()]
    good = read.filter(pl.col("_seconds").is_not_null() & ~pl.any_horizontal(bad.values()))
    rows = good.with_columns(
        entity=pl.col("symbol"),
        valid_time=(pl.col("_seconds") * 1_000_000).cast(INSTANT),
        currency=filled("currency"),
        **{name: pl.col(f"_{name}") for name in names},
    )
    return _accepted(rows, QUOTES, payload, catalogue, [rejected_table(refused), no_time, *unread])


def _accepted(rows: pl.DataFrame, dataset: str, payload: Payload, catalogue: Catalogue, refused: list[pl.DataFrame]) -> Parsed:
    definition = catalogue.dataset(dataset)
    known = known_from(rows["valid_time"], None, definition.period, payload.fetched_at)
    accepted, rejected = accept(rows.hstack(known).with_columns(clipped=pl.lit(True)), definition, catalogue, fetched_at=payload.fetched_at)
    return Parsed(
        tables={dataset: accepted} if accepted.height else {},
        rejected=pl.concat([*refused, rejected]).sort("row", maintain_order=True),
    )
