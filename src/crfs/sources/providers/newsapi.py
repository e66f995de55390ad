"""NewsAPI: headlines that a search finds. Its free key gives articles a day late and a month back, and is not for use in production.

``publishedAt`` is the publisher's word, the free key learns of an article only a day later, and texts are edited without a trace: so an
article is known from the fetch. ``content`` is cut after 200 characters and is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.articles import filled, ids, web_address
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport
from crfs.sources.core.json_text import as_text, object_cells, read_json
from crfs.sources.core.pages import pages, with_params
from crfs.sources.core.tables import accept, known_from, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import iso_instant

DATASET = "newsapi_articles"
API = "https://newsapi.org/v2/"
HEADLINES = "top:"
PAGE = 100
"""Articles in a page: the most that there are, and all that the free key gives of one question."""
_AUTH = ("apikeydisabled", "apikeyinvalid", "apikeymissing")
_QUOTA = ("ratelimited", "apikeyexhausted")
_PROVIDER = Provider(
    title="NewsAPI",
    limits=(Limit(1, 1.0), Limit(100, 86_400.0)),
    key_header="X-Api-Key",
    needs_key=True,
    key_page="newsapi.org/register",
    terms="The free key is for development only, not for production; articles belong to their publishers and may not be redistributed.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsApi:
    """The source ``newsapi``; the series of a query are searches (``"credit default" AND bank``), or ``top:us`` for a country's headlines."""

    name: str = "newsapi"
    parser_version: str = "2"
    hosts: tuple[str, ...] = ("newsapi.org",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The newest articles of one search, and one country's headlines."""
        return {"search": Query(series=("bankruptcy",)), "headlines": Query(series=("top:us",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The newest page of each search; with ``since`` also the older ones, each up to the time of the oldest article before it.

        Pages by number are for paying users, so a page goes by time. Headlines have one page and no dates.
        """
        if not query.series:
            raise InvalidInput("newsapi: name at least one search, like bankruptcy, or top:us")
        for series in query.series:
            if series.startswith(HEADLINES):
                params = (("country", series.removeprefix(HEADLINES).strip().lower()), ("pageSize", str(PAGE)))
                yield transport.send(Request(url=API + "top-headlines", params=params, stream=series))
            else:
                yield from self._search(series, query, transport)

    def _search(self, words: str, query: Query, transport: Transport) -> Iterator[Payload]:
        params = [("q", words), ("language", "en"), ("sortBy", "publishedAt"), ("pageSize", str(PAGE))]
        params += [("from", query.since.isoformat())] if query.since else []
        params += [("to", (query.until + timedelta(days=1)).isoformat())] if query.until and query.until < date.max else []
        first = Request(url=API + "everything", params=tuple(params), stream=words)
        yield from pages(first, _older if query.since else _no_more, transport)

    def classify(self, payload: Payload) -> Classification:
        """By the body's ``code`` before its status; 426 is a question that the key's plan does not allow, and ``AUTH``."""
        fields = read_json(payload.body).fields
        if fields.get("status") == "error" or "code" in fields:
            return _of_error(as_text(fields.get("code")).lower(), payload.status)
        articles = fields.get("articles")
        if isinstance(articles, list):
            total = fields.get("totalResults")
            short = isinstance(total, int) and not isinstance(total, bool) and total > 0 and _page(payload) == 1
            return Classification.OK if articles else Classification.RETRY if short else Classification.EMPTY
        return _of_status(payload)

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of the articles; a stub of a removed one is rejected."""
        read = read_json(payload.body)
        if read.problem is not None:
            return reject_all(RejectReason.MALFORMED, read.problem)
        articles = read.fields.get("articles")
        if not isinstance(articles, list):
            return reject_all(RejectReason.UNEXPECTED_SHAPE, "no list of articles")
        cells, refused = object_cells(articles, ("title", "url", "publishedAt"), optional=("description",), what="an article")
        names = [_source_name(articles[row - 1].get("source")) for row in cells["row"]]
        cells = cells.with_columns(
            _source=pl.Series(names, dtype=pl.String()), valid_time=iso_instant(pl.col("publishedAt").str.strip_chars())
        )
        stub = (pl.col("title").str.strip_chars() == "[Removed]") | pl.col("url").str.contains(r"^https?://removed\.com/?$")
        unread = [
            rejected_table(refused),
            rejected_where(cells, stub, "title", RejectReason.UNSUPPORTED, "a stub of a removed article", shown="url"),
        ]
        live = cells.filter(~stub)
        checks = {
            "publishedAt": (pl.col("valid_time").is_null(), RejectReason.NOT_A_DATE, "no instant like 2024-01-02T03:04:05Z"),
            "title": (filled("title").is_null(), RejectReason.MISSING_FIELD, "no title"),
        }
        unread += [rejected_where(live, bad, name, reason, detail, shown=name) for name, (bad, reason, detail) in checks.items()]
        good = live.filter(pl.col("valid_time").is_not_null() & filled("title").is_not_null())
        dataset = catalogue.dataset(DATASET)
        rows = good.with_columns(
            entity=ids(pl.Series("entity", [""] * good.height, dtype=pl.String()), good["url"]),
            title=filled("title"),
            summary=filled("description"),
            url=web_address("url"),
            publisher=filled("_source"),
            language=pl.lit(payload.parameters.get("language"), dtype=pl.String),
            clipped=pl.lit(True),
        )
        accepted, rejected = accept(
            rows.hstack(known_from(rows["valid_time"], None, dataset.period, payload.fetched_at)),
            dataset,
            catalogue,
            fetched_at=payload.fetched_at,
        )
        return Parsed(
            tables={DATASET: accepted} if accepted.height else {},
            rejected=pl.concat([*unread, rejected]).sort("row", maintain_order=True),
        )


def _older(request: Request, payload: Payload) -> Request | None:
    """The question for what is older than a full page's oldest article; None where the page was not full."""
    fields = read_json(payload.body).fields
    articles, total = fields.get("articles"), fields.get("totalResults")
    if not isinstance(articles, list) or len(articles) < PAGE or not isinstance(total, int) or total <= len(articles):
        return None
    times = [item["publishedAt"] for item in articles if isinstance(item, dict) and isinstance(item.get("publishedAt"), str)]
    oldest = min(times, default="").removesuffix("Z")
    return with_params(request, to=oldest) if oldest and ("to", oldest) not in request.params else None


def _no_more(request: Request, payload: Payload) -> Request | None:
    return None


def _source_name(source: object) -> str:
    return as_text(source.get("name")) if isinstance(source, dict) else ""


def _page(payload: Payload) -> int:
    text = payload.parameters.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _of_error(code: str, status: int) -> Classification:
    if code in _AUTH:
        return Classification.AUTH
    if code in _QUOTA or (status == 429 and not code):
        return Classification.QUOTA
    if code == "unexpectederror":
        return Classification.RETRY
    if status == 426 and code != "maximumresultsreached":
        return Classification.AUTH
    return Classification.RETRY if status >= 500 else Classification.BAD_REQUEST


def _of_status(payload: Payload) -> Classification:
    status = payload.status
    if status >= 500:
        return Classification.RETRY
    if status >= 400:
        refusals = {401: Classification.AUTH, 403: Classification.AUTH, 426: Classification.AUTH, 429: Classification.QUOTA}
        return refusals.get(status, Classification.BAD_REQUEST)
    return Classification.RETRY if not payload.body.strip() else Classification.SCHEMA


SOURCE = NewsApi()
