"""Reddit: posts of a subreddit, as the Data API lists them. Optional: it needs an app's token (OAuth) and agreement to Reddit's terms.

Titles cannot be edited and Reddit stamps a post, so a post is known from its creation; one whose text was edited from the edit; one whose
text was removed, or was edited at an unknown time, from the fetch. Who wrote it is not kept, and scores are not: they change by the minute.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import unescape
from typing import Any, NamedTuple, get_type_hints

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.articles import filled, web_address
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.json_text import as_text, read_json
from crfs.sources.core.pages import pages, with_params
from crfs.sources.core.tables import Rejection, accept, reject_all, rejected_table

DATASET = "reddit_posts"
API = "https://oauth.reddit.com/r/"
_SUBREDDIT = re.compile(r"[A-Za-z0-9_]{2,21}", re.ASCII)
_GONE = ("[removed]", "[deleted]", "[removed by reddit]")
_LATEST = 7_258_118_400  # 2200
_PROVIDER = Provider(
    title="Reddit Data API",
    limits=(Limit(1, 1.0), Limit(100, 60.0)),
    key_header="Authorization",
    key_prefix="bearer ",
    needs_key=True,
    needs_contact=True,
    switched_on=False,
    key_page="www.reddit.com/prefs/apps",
    terms=(
        "Reddit's Data API terms: registered apps only, no commercial use and no training of models without an agreement, no redistribution, "
        "and deleted posts have to be deleted."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reddit:
    """The source ``reddit``; the series of a query are subreddits."""

    name: str = "reddit"
    parser_version: str = "2"
    hosts: tuple[str, ...] = ("oauth.reddit.com",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The newest posts of one subreddit."""
        return {"posts": Query(series=("investing",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The newest page of each subreddit; with ``since`` older ones too, as far back as Reddit lists (about 1,000 posts)."""
        names = [series.strip().removeprefix("/").removeprefix("r/").strip("/") for series in query.series]
        if not names or not all(_SUBREDDIT.fullmatch(name) for name in names):
            raise InvalidInput("reddit: name at least one subreddit, like investing")

        def older(request: Request, payload: Payload) -> Request | None:
            data = read_json(payload.body).fields.get("data")
            after = data.get("after") if isinstance(data, dict) else None
            if query.since is None or not isinstance(after, str) or not after or _ends_before(data, query.since):
                return None
            return with_params(request, after=after)

        for name in names:
            yield from pages(Request(url=f"{API}{name}/new", params=(("limit", "100"), ("raw_json", "1")), stream=name), older, transport)

    def classify(self, payload: Payload) -> Classification:
        """By ``error`` in the body before the HTTP status; a private subreddit is ``AUTH``, one that is not there ``BAD_REQUEST``."""
        read = read_json(payload.body)
        said = read.fields.get("error")
        status = said if isinstance(said, int) and not isinstance(said, bool) else payload.status
        refusal = by_status(status)
        if refusal is not None:
            return refusal
        if status >= 300 or said:
            return Classification.BAD_REQUEST
        listings = _listings(read.value)
        if not listings:
            return Classification.RETRY if not payload.body.strip() else Classification.SCHEMA
        return Classification.OK if any(listings) else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of the posts (``t3``) in a listing, or in a post's page, which is two listings; comments are rejected."""
        read = read_json(payload.body)
        if read.problem is not None:
            return reject_all(RejectReason.MALFORMED, read.problem)
        listings = _listings(read.value)
        if not listings:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, "no listing with children")
        rejected: list[Rejection] = []
        posts: list[_Post] = []
        escaped = "raw_json" not in payload.parameters
        for row, child in enumerate((child for children in listings for child in children), start=1):
            post = _post(child, row, payload.fetched_at, escaped=escaped)
            if isinstance(post, _Post):
                posts.append(post)
            else:
                rejected.append(post)
        frame = pl.DataFrame(posts, schema=_POST, orient="row")
        rows = frame.with_columns(
            *(filled(name).alias(name) for name, kind in _POST.items() if kind == pl.String() and name != "url"),
            url=web_address("url"),
            valid_time=pl.col("created").cast(INSTANT),
            knowledge_time=pl.col("known").cast(INSTANT),
            knowledge_basis=pl.lit("observed"),
        )
        accepted, refused = accept(rows, catalogue.dataset(DATASET), catalogue, fetched_at=payload.fetched_at)
        return Parsed(
            tables={DATASET: accepted} if accepted.height else {},
            rejected=pl.concat([rejected_table(rejected), refused]).sort("row", maintain_order=True),
        )


class _Post(NamedTuple):
    """A post's cells; instants are microseconds since 1970. ``clipped``: it is known from the fetch, since nobody kept when it was changed."""

    row: int
    entity: str
    created: int
    known: int
    clipped: bool
    title: str
    summary: str
    url: str
    publisher: str


_POST = {name: {int: pl.Int64(), bool: pl.Boolean(), str: pl.String()}[kind] for name, kind in get_type_hints(_Post).items()}


def _listings(value: object) -> list[list[Any]]:
    """The children of every listing in a body: one, or the two of a post's page."""
    found = value if isinstance(value, list) else [value]
    inner = [item.get("data") for item in found[:10] if isinstance(item, dict)]
    return [data["children"] for data in inner if isinstance(data, dict) and isinstance(data.get("children"), list)]


def _post(child: object, row: int, fetched_at: datetime, *, escaped: bool) -> _Post | Rejection:
    """One post, or why it is none."""
    data = child.get("data") if isinstance(child, dict) else None
    if not isinstance(child, dict) or not isinstance(data, dict):
        return row, None, RejectReason.UNEXPECTED_SHAPE, "a child has a kind and data"
    if child.get("kind") != "t3":
        return row, "kind", RejectReason.UNSUPPORTED, f"only posts (t3) are kept: {as_text(child.get('kind'))[:20]}"
    created = _micros(data.get("created_utc"))
    if created is None:
        return row, "created_utc", RejectReason.NOT_A_DATE, f"no seconds since 1970: {as_text(data.get('created_utc'))[:40]}"
    read = unescape if escaped else str
    title, text = (read(as_text(data.get(name))).strip() for name in ("title", "selftext"))
    if not title or title.lower() in _GONE:
        return row, "title", RejectReason.MISSING_FIELD, "no title"
    own = as_text(data.get("name")) or (f"t3_{as_text(data['id'])}" if data.get("id") else "")
    edited, fetch = data.get("edited"), int(fetched_at.timestamp() * 1_000_000)
    changed = _micros(edited)
    # true is an edit of the old days, whose time nobody kept.
    unknown = text.lower() in _GONE or (bool(edited) and changed is None)
    known = fetch if unknown else min(max(created, changed or created), fetch)
    link = as_text(data.get("permalink"))
    url = f"https://www.reddit.com{link}" if link.startswith("/") else as_text(data.get("url"))
    place = as_text(data.get("subreddit"))
    return _Post(
        row=row,
        entity=own,
        created=created,
        known=known,
        clipped=unknown,
        title=title,
        summary="" if text.lower() in _GONE else text,
        url=url,
        publisher=f"r/{place}" if place else "",
    )


def _micros(value: object) -> int | None:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    return round(number * 1_000_000) if 0 < number < _LATEST else None


def _ends_before(data: object, day: date) -> bool:
    children = data.get("children") if isinstance(data, dict) else None
    last = children[-1] if isinstance(children, list) and children else None
    inner = last.get("data") if isinstance(last, dict) else None
    created = _micros(inner.get("created_utc")) if isinstance(inner, dict) else None
    return created is None or datetime.fromtimestamp(created / 1_000_000, UTC).date() < day


SOURCE = Reddit()
