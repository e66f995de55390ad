"""NEWS_SENTIMENT and transcripts: texts with Alpha Vantage's own scores from -1 (bearish) to 1 (bullish).

``time_published`` is UTC (an answer's newest article lies within an hour before the fetch in UTC, and would lie after it in New York's
time). Articles and scores may be edited: those fetched on the day of their publication are known from the fetch, older ones from the end
of that day by a declared rule, which a strict reading refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.articles import filled, ids, tickers, web_address
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.json_text import as_text, object_cells
from crfs.sources.core.tables import reject_all, rejected_table, rejected_where
from crfs.sources.providers.alpha_vantage.cells import columns, finished, known, together

ARTICLES, TICKERS, TRANSCRIPTS = "alpha_vantage_articles", "alpha_vantage_ticker_sentiment", "alpha_vantage_transcripts"


def parse_news(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Articles, and their sentiment for each ticker that they mention."""
    feed = fields["feed"]
    needed = ("title", "url", "time_published")
    cells, refused = object_cells(feed, needed, optional=("summary", "source", "overall_sentiment_score"), what="an article")
    mentioned = [_mentions(feed[row - 1].get("ticker_sentiment")) for row in cells["row"]]
    cells = cells.with_columns(_tickers=pl.Series([tickers([m.get("ticker") for m in found]) for found in mentioned], dtype=pl.String()))
    dataset = catalogue.dataset(ARTICLES)
    frame, rejected = columns(cells, dataset, {"overall_sentiment_score": "provider_sentiment"}, [rejected_table(refused)])
    frame = _published(frame, rejected)
    rejected.append(rejected_where(frame, filled("title").is_null(), "title", RejectReason.MISSING_FIELD, "no title", shown="url"))
    frame = frame.filter(filled("title").is_not_null())
    frame = frame.with_columns(
        entity=ids(pl.Series("entity", [""] * frame.height, dtype=pl.String()), frame["url"]),
        title=filled("title"),
        summary=filled("summary"),
        url=web_address("url"),
        publisher=filled("source"),
        tickers=filled("_tickers"),
    )
    articles = finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at)
    return together([articles, _by_ticker(frame, dict(zip(cells["row"], mentioned, strict=True)), payload, catalogue)])


def _by_ticker(frame: pl.DataFrame, mentioned: Mapping[int, list[dict[str, Any]]], payload: Payload, catalogue: Catalogue) -> Parsed:
    """The score of each article for each ticker; ``row`` is that of the article."""
    dataset = catalogue.dataset(TICKERS)
    of_row = {row: (article, at) for row, article, at in frame.select("row", "entity", "valid_time").iter_rows() if article}
    mentions = [
        {**mention, "article": of_row[row][0], "_row": row} for row, found in mentioned.items() if row in of_row for mention in found
    ]
    wanted = {
        "article": "article",
        "ticker": "ticker",
        "relevance_score": "relevance",
        "ticker_sentiment_score": "sentiment",
        "ticker_sentiment_label": "label",
    }
    cells, refused = object_cells(mentions, ("ticker", "article", "_row"), optional=tuple(wanted)[2:], what="a ticker's sentiment")
    cells = cells.with_columns(row=pl.col("_row").cast(pl.Int64)).with_columns(
        valid_time=pl.Series([of_row[mentions[i - 1]["_row"]][1] for i in cells["row"]], dtype=INSTANT),
        ticker=filled("ticker").str.to_uppercase(),
    )
    rejected = [rejected_table(refused)]
    frame, rejected = columns(cells.with_columns(pl.col("ticker").fill_null("")), dataset, wanted, rejected)
    frame = frame.filter(pl.col("ticker").is_not_null()).with_columns(entity=pl.col("ticker") + "/" + pl.col("article"))
    return finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at)


def _mentions(found: object) -> list[dict[str, Any]]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _published(frame: pl.DataFrame, rejected: list[pl.DataFrame]) -> pl.DataFrame:
    """``frame`` with ``valid_time`` from ``time_published``, which is YYYYMMDDTHHMM with or without seconds."""
    text = pl.col("time_published").str.strip_chars()
    full = pl.when(text.str.contains(r"^\d{8}T\d{4}$")).then(text + pl.lit("00")).otherwise(text)
    shaped = pl.when(full.str.contains(r"^\d{8}T\d{6}$")).then(full)
    read = frame.with_columns(
        valid_time=shaped.str.to_datetime("%Y%m%dT%H%M%S", strict=False, time_unit="us").dt.replace_time_zone("UTC").cast(INSTANT)
    )
    bad = pl.col("valid_time").is_null()
    rejected.append(
        rejected_where(read, bad, "time_published", RejectReason.NOT_A_DATE, "no time like 20240101T120000", shown="time_published")
    )
    return read.filter(~bad)


def parse_transcript(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """What was said in a company's earnings call, a row a speaker's turn.

    No date is given: the turn is valid in the calendar quarter that has the name of the company's fiscal quarter, and known from the fetch.
    """
    query = payload.parameters
    symbol = as_text(fields.get("symbol") or query.get("symbol", "")).strip().upper()
    quarter = as_text(fields.get("quarter") or query.get("quarter", "")).strip().upper()
    if not symbol:
        return reject_all(RejectReason.MISSING_FIELD, "a transcript without a symbol")
    if len(quarter) != 6 or not quarter.isascii() or not quarter[:4].isdigit() or quarter[4] != "Q" or quarter[5] not in "1234":
        return reject_all(RejectReason.NOT_A_DATE, f"no quarter like 2024Q1: {quarter[:20]!r}")
    dataset = catalogue.dataset(TRANSCRIPTS)
    cells, refused = object_cells(fields["transcript"], ("content",), optional=("speaker", "title", "sentiment"), what="a turn")
    wanted = {"content": "content", "speaker": "speaker", "title": "title", "sentiment": "provider_sentiment"}
    frame, rejected = columns(cells, dataset, wanted, [rejected_table(refused)])
    start = pl.datetime(int(quarter[:4]), 3 * int(quarter[5]) - 2, 1, time_unit="us", time_zone="UTC")
    frame = frame.with_columns(
        entity=pl.lit(f"{symbol}/{quarter}/") + pl.col("row").cast(pl.String).str.zfill(4),
        valid_time=start if frame.height else pl.lit(None, dtype=INSTANT),
        symbol=pl.lit(symbol),
        quarter=pl.lit(quarter),
    )
    return finished(known(frame, dataset, payload.fetched_at), dataset, catalogue, rejected, fetched_at=payload.fetched_at)
