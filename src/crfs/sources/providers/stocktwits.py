"""StockTwits: short posts about symbols, some with the author's own label Bullish (1) or Bearish (-1); most have none, which is null.

A post cannot be edited and the site stamps it, so it is known from its own time. Who wrote it is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import unescape
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.articles import filled, tickers
from crfs.sources.core.asked import other_than_asked
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.json_text import as_text, object_cells, read_json
from crfs.sources.core.pages import pages, with_params
from crfs.sources.core.tables import accept, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import iso_instant

DATASET = "stocktwits_posts"
API = "https://api.stocktwits.com/api/2/streams/symbol/"
_SENTIMENT = {"bullish": 1.0, "bearish": -1.0}
_NUMBER = re.compile(r"(\d{1,20})$", re.ASCII)
_PROVIDER = Provider(
    title="StockTwits",
    limits=(Limit(1, 18.0), Limit(200, 3600.0)),
    key_parameter="access_token",
    switched_on=False,
    terms="Posts belong to their authors and StockTwits: no redistribution, and nothing that tells who wrote them; ask StockTwits for access.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTwits:
    """The source ``stocktwits``; the series of a query are symbols."""

    name: str = "stocktwits"
    parser_version: str = "2"
    hosts: tuple[str, ...] = ("api.stocktwits.com",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The newest posts about one symbol."""
        return {"posts": Query(series=("AAPL",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The newest page of each symbol; with ``since`` older ones too, until one ends before that day."""
        if not query.series:
            raise InvalidInput("stocktwits: name at least one symbol, like AAPL")

        def older(request: Request, payload: Payload) -> Request | None:
            cursor = read_json(payload.body).fields.get("cursor")
            last = cursor.get("max") if isinstance(cursor, dict) and cursor.get("more") is True else None
            if query.since is None or not isinstance(last, int) or _ends_before(payload, query.since):
                return None
            return with_params(request, max=last)

        for series in query.series:
            symbol = series.strip().upper()
            yield from pages(
                Request(url=f"{API}{quote(symbol, safe='.-')}.json", params=(("limit", "30"),), stream=symbol), older, transport
            )

    def classify(self, payload: Payload) -> Classification:
        """By ``response.status`` in the body before the HTTP status."""
        if _lines(payload.body):
            return Classification.OK
        fields = read_json(payload.body).fields
        response = fields.get("response")
        said = response.get("status") if isinstance(response, dict) else None
        status = said if isinstance(said, int) else payload.status
        words = as_text(fields.get("errors")).lower()
        if status == 429 or "rate limit" in words:
            return Classification.QUOTA
        refusal = by_status(status)
        if refusal is not None:
            return refusal
        if fields.get("errors"):
            return Classification.BAD_REQUEST
        messages = fields.get("messages")
        if isinstance(messages, list):
            if _other_symbol(fields, payload) is not None:
                return Classification.SCHEMA
            return Classification.OK if messages else Classification.EMPTY
        return Classification.RETRY if not payload.body.strip() else Classification.SCHEMA

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of a symbol's stream, or of a firehose of one activity a line."""
        lines = _lines(payload.body)
        if lines:
            return _posts([_from_activity(read_json(line).value) for line in lines], payload, catalogue)
        read = read_json(payload.body)
        if read.problem is not None:
            return reject_all(RejectReason.MALFORMED, read.problem)
        messages = read.fields.get("messages")
        if not isinstance(messages, list):
            return reject_all(RejectReason.UNEXPECTED_SHAPE, "no list of messages")
        if (other := _other_symbol(read.fields, payload)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, other)
        return _posts([_from_message(message) for message in messages], payload, catalogue)


def _other_symbol(fields: Mapping[str, Any], payload: Payload) -> str | None:
    """What is wrong where a stream is another symbol's than the url asks for; None where it is not, or one of them does not say."""
    told = fields.get("symbol")
    name = told.get("symbol") if isinstance(told, dict) else None
    try:
        asked = unquote(urlsplit(payload.url).path.partition("/streams/symbol/")[2].removesuffix(".json"))
    except ValueError:
        return None
    return other_than_asked([asked], [name]) if asked and isinstance(name, str) else None


def _lines(body: bytes) -> list[bytes]:
    """The lines of a firehose, whose first is an activity; none for any other body."""
    first, _, _ = body.lstrip(b"\xef\xbb\xbf \r\n").partition(b"\n")
    about = read_json(first).fields if first[:1] == b"{" else {}
    return (
        [line for line in body.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()] if "verb" in about and "object" in about else []
    )


def _from_message(message: object) -> object:
    if not isinstance(message, dict):
        return message
    entities = message.get("entities")
    return _post(message, "id", "created_at", message.get("symbols"), entities.get("sentiment") if isinstance(entities, dict) else None)


def _from_activity(activity: object) -> object:
    if not isinstance(activity, dict):
        return activity
    inner, entities = activity.get("object"), activity.get("entities")
    if not isinstance(inner, dict):
        return {}
    entities = entities if isinstance(entities, dict) else {}
    return _post({**inner, "body": activity.get("body")}, "id", "postedTime", entities.get("symbols"), entities.get("sentiment"))


def _post(fields: Mapping[str, Any], number: str, moment: str, symbols: object, sentiment: object) -> dict[str, Any]:
    """The same fields for both forms; what is absent stays so."""
    there = {ours: fields[theirs] for ours, theirs in (("body", "body"), ("time", moment)) if theirs in fields}
    if len(there) < 2:
        return there
    found = _NUMBER.search(as_text(fields.get(number)))
    named = [item.get("symbol") for item in symbols if isinstance(item, dict)] if isinstance(symbols, list) else []
    label = as_text(sentiment.get("basic")) if isinstance(sentiment, dict) else ""
    return {
        "id": found.group(1) if found else None,
        **there,
        "tickers": tickers(named),
        "label": label.strip().lower(),
    }


def _posts(posts: list[object], payload: Payload, catalogue: Catalogue) -> Parsed:
    cells, refused = object_cells(posts, ("body", "time"), optional=("id", "tickers", "label"), what="a post")
    texts = pl.Series([unescape(text) for text in cells["body"]], dtype=pl.String())
    frame = cells.with_columns(_title=texts, valid_time=iso_instant(pl.col("time").str.strip_chars()))
    unread = [
        rejected_table(refused),
        rejected_where(frame, pl.col("valid_time").is_null(), "created_at", RejectReason.NOT_A_DATE, "no instant", shown="time"),
        rejected_where(frame, filled("_title").is_null(), "body", RejectReason.MISSING_FIELD, "no text", shown="id"),
    ]
    good = frame.filter(pl.col("valid_time").is_not_null() & filled("_title").is_not_null())
    fetch = pl.lit(payload.fetched_at).cast(INSTANT)
    rows = good.with_columns(
        entity=filled("id"),
        knowledge_time=pl.min_horizontal(pl.col("valid_time"), fetch),
        knowledge_basis=pl.lit("observed"),
        title=filled("_title"),
        url=pl.lit("https://stocktwits.com/message/") + filled("id"),
        publisher=pl.lit("StockTwits"),
        tickers=filled("tickers"),
        provider_sentiment=pl.col("label").replace_strict(_SENTIMENT, default=None, return_dtype=pl.Float64),
    )
    accepted, rejected = accept(rows, catalogue.dataset(DATASET), catalogue, fetched_at=payload.fetched_at)
    return Parsed(
        tables={DATASET: accepted} if accepted.height else {},
        rejected=pl.concat([*unread, rejected]).sort("row", maintain_order=True),
    )


def _ends_before(payload: Payload, day: date) -> bool:
    """Whether the last post of a page is older than the day."""
    messages = read_json(payload.body).fields.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    text = last.get("created_at") if isinstance(last, dict) else None
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return True
    return moment is None or moment.tzinfo is None or moment.astimezone(UTC).date() < day


SOURCE = StockTwits()
