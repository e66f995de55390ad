"""Reddit: listings, posts that were edited or removed, and what is no post."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import Redistribution
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.reddit import SOURCE
from tests.samples.reddit import URL, listing, post

FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREATED = datetime(2024, 1, 1, tzinfo=UTC)


def payload_of(document: Any, *, url: str = URL, status: int = 200) -> Payload:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(
        source="reddit", stream="investing", body=body, url=url, status=status, headers={}, started_at=FETCHED, fetched_at=FETCHED
    )


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        (listing(post()), 200, "OK"),
        (listing(), 200, "EMPTY"),
        ([listing(post()), listing()], 200, "OK"),
        ({"message": "Unauthorized", "error": 401}, 401, "AUTH"),
        ({"message": "Forbidden", "error": 403, "reason": "private"}, 403, "AUTH"),
        ({"message": "Not Found", "error": 404, "reason": "banned"}, 200, "BAD_REQUEST"),
        ({"message": "Too Many Requests", "error": 429}, 429, "RETRY"),
        ({"message": "Internal Server Error", "error": 500}, 200, "RETRY"),
        (b"<html>whoa there, pardner!</html>", 429, "RETRY"),
        (b"<html>our CDN was unable to reach our servers</html>", 503, "RETRY"),
        (b"<html>blocked</html>", 403, "AUTH"),
        (b"", 302, "BAD_REQUEST"),
        (b"<html></html>", 200, "SCHEMA"),
        (b"", 200, "RETRY"),
        ({"kind": "Listing", "data": {}}, 200, "SCHEMA"),
    ],
)
def test_an_answer_is_classified_by_its_body_before_its_status(document: object, status: int, expected: str) -> None:
    assert SOURCE.classify(payload_of(document, status=status)) is Classification(expected)


def test_the_recording_is_three_posts_one_of_them_edited(recordings: Path, catalogue: Catalogue) -> None:
    (item,) = recorded_payloads(recordings / "social_reddit", source="reddit", now=FETCHED)
    assert SOURCE.classify(item.payload) is Classification.OK
    parsed = SOURCE.parse(item.payload, catalogue)
    assert parsed.rejected.is_empty()
    assert parsed.tables["reddit_posts"].select("entity", "valid_time", "knowledge_time", "publisher").rows() == [
        ("t3_41jgyv", datetime(2016, 1, 18, 15, 47, 37, tzinfo=UTC), datetime(2016, 1, 19, 22, 49, 36, tzinfo=UTC), "r/listentothis"),
        ("t3_4s8dem", datetime(2016, 7, 11, 1, 2, 6, tzinfo=UTC), datetime(2016, 7, 11, 1, 2, 6, tzinfo=UTC), "r/listentothis"),
        ("t3_4sklfv", datetime(2016, 7, 13, 1, 37, 29, tzinfo=UTC), datetime(2016, 7, 13, 1, 37, 29, tzinfo=UTC), "r/listentothis"),
    ]
    assert parsed.tables["reddit_posts"]["title"][1] == "Music Melting Pot [Week of July 11, 2016]"


@pytest.mark.parametrize(
    ("changes", "known", "clipped", "summary"),
    [
        ({}, CREATED, False, "A text."),
        ({"edited": 1704070800.0}, datetime(2024, 1, 1, 1, tzinfo=UTC), False, "A text."),
        ({"edited": True}, FETCHED, True, "A text."),
        ({"selftext": "[removed]"}, FETCHED, True, None),
        ({"selftext": "[deleted]", "author": None}, FETCHED, True, None),
        ({"selftext": ""}, CREATED, False, None),
        ({"edited": None}, CREATED, False, "A text."),
    ],
)
def test_a_post_is_known_from_its_creation_its_edit_or_where_its_text_is_gone_the_fetch(
    changes: dict[str, Any], known: datetime, clipped: bool, summary: str | None, catalogue: Catalogue
) -> None:
    row = SOURCE.parse(payload_of(listing(post(**changes))), catalogue).tables["reddit_posts"].row(0, named=True)
    assert (row["valid_time"], row["knowledge_time"], row["clipped"], row["summary"]) == (CREATED, known, clipped, summary)
    assert (row["title"], row["url"]) == ("ACME & its debts", "https://www.reddit.com/r/investing/comments/aaaaaa/acme/")


def test_escaped_texts_are_read_where_raw_ones_were_not_asked(catalogue: Catalogue) -> None:
    document = listing(post(title="ACME &amp; its debts"))
    titles = [SOURCE.parse(payload_of(document, url=url), catalogue).tables["reddit_posts"]["title"][0] for url in ("", URL)]
    assert titles == ["ACME & its debts", "ACME &amp; its debts"]


def test_comments_and_bad_posts_are_rejected_alone(catalogue: Catalogue) -> None:
    children = [
        post(),
        {"kind": "t1", "data": {"body": "x"}},
        post(created_utc="x"),
        post(title="[deleted]"),
        post(name="", id=None),
        7,
        {"kind": "t3"},
    ]
    parsed = SOURCE.parse(payload_of(listing(*children)), catalogue)
    assert parsed.tables["reddit_posts"].height == 1
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (2, "kind", "unsupported"),
        (3, "created_utc", "not_a_date"),
        (4, "title", "missing_field"),
        (5, "entity", "missing_field"),
        (6, None, "unexpected_shape"),
        (7, None, "unexpected_shape"),
    ]


class Pages:
    """A transport with three pages, a day older each."""

    has_key = True
    now = FETCHED

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def send(self, request: Request) -> Payload:
        self.requests.append(request)
        n = len(self.requests)
        return payload_of(
            listing(post(name=f"t3_{n}", created_utc=1704067200 - 86400 * n), after=f"t3_{n}" if n < 3 else None), url=request.full_url
        )


def test_older_pages_are_asked_until_the_day_wanted_is_reached(catalogue: Catalogue) -> None:
    for since, expected in ((None, [None]), (date(2023, 12, 31), [None, "t3_1"]), (date(2020, 1, 1), [None, "t3_1", "t3_2"])):
        transport = Pages()
        list(SOURCE.fetch(Query(series=("r/investing",), since=since), transport, catalogue))
        assert [dict(request.params).get("after") for request in transport.requests] == expected
        assert transport.requests[0].url == "https://oauth.reddit.com/r/investing/new"
    for series in ((), ("a/../b",), ("",)):
        with pytest.raises(InvalidInput, match="investing"):
            list(SOURCE.fetch(Query(series=series), Pages(), catalogue))


def test_it_is_optional_needs_a_token_and_nothing_may_be_passed_on(catalogue: Catalogue) -> None:
    provider = SOURCE.provider
    assert (provider.switched_on, provider.needs_key, provider.key_header, provider.key_prefix) == (False, True, "Authorization", "bearer ")
    assert catalogue.dataset("reddit_posts").redistribution is Redistribution.FORBIDDEN
