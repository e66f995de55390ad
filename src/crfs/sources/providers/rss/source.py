"""Feeds as a source: which are asked, what an answer is, and the articles in it.

When an entry was known: from its publication (or, where its text was changed later, from its update) if that date has a zone; never later than
the fetch. An entry whose date lacks a zone is known from the fetch and true on the day that the text names; one without a date, or with one
that cannot be read, is known from the fetch and true on the fetch's day (UTC).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.articles import text_id, web_address
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.feeds import Feed, Moment, read_feed, read_moment
from crfs.sources.core.markup import plain_text
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY, Rejection, accept, reject_all, rejected_table
from crfs.sources.providers.rss.feeds import FEEDS, GOOGLE_NEWS

DATASET = "rss_articles"
SEARCH = "google_news/"
_LONGEST_ID = 1000
_PROVIDER = Provider(
    title="Feeds of central banks and supervisors, and Google's news search",
    limits=(Limit(1, 1.0), Limit(2000, 86_400)),
    terms="Agencies of the United States: public domain. BIS, ECB, Bank of England: with attribution. Google News: personal use only.",
    max_bytes=8 * 1024 * 1024,
    attempts=3,
)
_TABLE = {
    "row": pl.Int64(), "entity": pl.String(), "valid_time": INSTANT, "knowledge_time": INSTANT, "clipped": pl.Boolean(),
    "title": pl.String(), "summary": pl.String(), "url": pl.String(), "publisher": pl.String(), "language": pl.String(),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rss:
    """The source ``rss``. A series is a feed's name, its address (of a host that is declared), or ``google_news/WORDS TO SEARCH``.

    ``feeds`` may be others: ``Rss(feeds={"name": "https://…"})`` talks to their hosts alone. Options of a query: ``etag`` and ``modified``,
    what the last answer's headers said, so that an unchanged feed answers with nothing (304).
    """

    feeds: Mapping[str, str] = field(default_factory=lambda: FEEDS)
    name: str = "rss"
    parser_version: str = "3"
    provider: Provider = _PROVIDER

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of the declared feeds, and the news search's."""
        return tuple(dict.fromkeys(urlsplit(url).hostname or "" for url in (*self.feeds.values(), GOOGLE_NEWS)))

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The first feed that is declared."""
        return {"feed": Query(series=(next(iter(self.feeds)),))} if self.feeds else {}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """One answer a feed; without series all that are declared. A feed has only its newest entries, so since and until bound nothing."""
        requests = [self._request(series, query) for series in query.series or tuple(self.feeds)]
        for request in requests:
            yield transport.send(request)

    def _request(self, series: str, query: Query) -> Request:
        options = (("if-none-match", query.options.get("etag")), ("if-modified-since", query.options.get("modified")))
        headers = tuple((name, str(value)) for name, value in options if value)
        words = series.removeprefix(SEARCH) if series.startswith(SEARCH) else ""
        if words.strip():
            asked = (("q", words.strip()), ("hl", "en-US"), ("gl", "US"), ("ceid", "US:en"))
            return Request(url=GOOGLE_NEWS, params=asked, stream=series, headers=headers)
        url = self.feeds.get(series, series)
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = None
        if host not in self.hosts or "#" in url:
            raise InvalidInput(
                f"rss: {series!r} is no declared feed; there are {', '.join(self.feeds)}, {SEARCH}WORDS, and addresses of {', '.join(self.hosts)}"
            )
        return Request(url=url, stream=series, headers=headers)

    def classify(self, payload: Payload) -> Classification:
        """OK for a feed with entries, EMPTY for one without or an unchanged one; else by the status."""
        if payload.status in (204, 304):
            return Classification.EMPTY
        feed = _read(payload)
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        if feed.problem is not None:
            return Classification.SCHEMA if payload.body.strip() else Classification.RETRY
        return Classification.OK if feed.entries else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of ``rss_articles``. An entry needs an id, an address or words; a date that cannot be read is rejected without its row."""
        feed = _read(payload)
        if feed.problem is not None:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"no feed: {feed.problem}")
        rows: list[tuple[object, ...]] = []
        rejected: list[Rejection] = []
        publisher, language = _words(feed.fields, "title"), _words(feed.fields, "language")
        for number, entry in enumerate(feed.entries, start=1):
            title, summary, url = _words(entry, "title"), _summary(entry), _address(entry)
            entity = _entity(entry, url, f"{title or ''}\n{summary or ''}")
            if entity is None:
                rejected.append((number, "id", RejectReason.MISSING_FIELD, "an entry without an id, an address and words"))
                continue
            published, unread = _dates(entry)
            if unread:
                rejected.append((number, "published", RejectReason.NOT_A_DATE, f"no date of RFC 822 or ISO 8601: {unread[:80]}"))
            own = entry.get("source")
            source = _words(own, "title") if isinstance(own, dict) else None
            valid, known, clipped = _clocks(published, payload.fetched_at.astimezone(UTC))
            rows.append((number, entity, valid, known, clipped, title, summary, url, source or publisher, language))
        frame = pl.DataFrame(rows, schema=_TABLE, orient="row").with_columns(url=web_address("url"), knowledge_basis=pl.lit("observed"))
        accepted, refused = accept(frame, catalogue.dataset(DATASET), catalogue, fetched_at=payload.fetched_at)
        return Parsed(
            tables={DATASET: accepted} if accepted.height else {},
            rejected=pl.concat([rejected_table(rejected), refused]).sort("row", maintain_order=True),
        )


def _read(payload: Payload) -> Feed:
    return read_feed(payload.body, payload.headers.get("content-type", ""))


def _dates(entry: Mapping[str, Any]) -> tuple[tuple[Moment | None, Moment | None], str]:
    """When an entry was published and last changed, and the first text of the two that is no date. Only changed: published then."""
    # Feedparser's own look-up would give one for the other.
    texts = [dict.get(entry, key) for key in ("published", "updated")] if isinstance(entry, dict) else [None, None]
    moments = [read_moment(text) if text else None for text in texts]
    unread = next((str(text) for text, moment in zip(texts, moments, strict=True) if text and moment is None), "")
    published, updated = moments
    return (published or updated, updated), unread.encode("utf-8", "replace").decode()


def _clocks(dates: tuple[Moment | None, Moment | None], fetched: datetime) -> tuple[datetime, datetime, bool]:
    """Valid time, knowledge time, and whether that is only when we first saw it."""
    published, updated = dates
    today = fetched.replace(hour=0, minute=0, second=0, microsecond=0)
    if published is None:
        return today, fetched, True
    if published.instant is None:
        day = published.day or today
        return (day if FIRST_DAY <= day.date() <= LAST_DAY else today), fetched, True
    changed = updated.instant if updated is not None and updated.instant is not None else published.instant
    known = max(published.instant, changed)
    return published.instant, min(known, fetched), known > fetched


def _entity(entry: Mapping[str, Any], url: str | None, words: str) -> str | None:
    own = _text(dict.get(entry, "id") if isinstance(entry, dict) else None)
    if own:
        return own if len(own) <= _LONGEST_ID else text_id(own)
    if url:
        return text_id(url)
    return text_id(words) if words.strip() else None


def _address(entry: Mapping[str, Any]) -> str | None:
    return _text(entry.get("link")) or None


def _summary(entry: Mapping[str, Any]) -> str | None:
    """The summary, else the first content, without markup."""
    found = _words(entry, "summary")
    if found:
        return found
    contents = entry.get("content")
    first = contents[0] if isinstance(contents, list) and contents else None
    return _words(first, "value") if isinstance(first, dict) else None


def _words(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return plain_text(value) or None if isinstance(value, str) else None


def _text(value: object) -> str:
    return value.encode("utf-8", "replace").decode("utf-8").strip() if isinstance(value, str) else ""


SOURCE = Rss()
