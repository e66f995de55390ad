"""NewsAPI: recorded pages, errors by their code, stubs of removed articles, and pages that go by time."""

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
from crfs.sources.providers.newsapi import SOURCE
from tests.samples.newsapi import ARTICLES, URL

FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def payload_of(document: Any, *, url: str = URL, stream: str = "acme", status: int = 200) -> Payload:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(source="newsapi", stream=stream, body=body, url=url, status=status, headers={}, started_at=FETCHED, fetched_at=FETCHED)


def error(code: str) -> dict[str, str]:
    return {"status": "error", "code": code, "message": "Words."}


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        (error("apiKeyInvalid"), 401, "AUTH"),
        (error("apiKeyInvalid"), 200, "AUTH"),
        (error("apiKeyMissing"), 401, "AUTH"),
        (error("apiKeyDisabled"), 401, "AUTH"),
        (error("apiKeyExhausted"), 401, "QUOTA"),
        (error("rateLimited"), 429, "QUOTA"),
        (error("parameterInvalid"), 400, "BAD_REQUEST"),
        (error("parametersMissing"), 400, "BAD_REQUEST"),
        (error("sourceDoesNotExist"), 400, "BAD_REQUEST"),
        (error("parameterInvalid"), 426, "AUTH"),
        (error("maximumResultsReached"), 426, "BAD_REQUEST"),
        (error("unexpectedError"), 500, "RETRY"),
        ({"status": "ok", "totalResults": 0, "articles": []}, 200, "EMPTY"),
        ({"status": "ok", "totalResults": 7, "articles": []}, 200, "RETRY"),
        ({"articles": []}, 200, "EMPTY"),
        ({"status": "ok"}, 200, "SCHEMA"),
        (ARTICLES, 200, "OK"),
        (b"", 200, "RETRY"),
        (b"<html></html>", 200, "SCHEMA"),
        (b"<html></html>", 502, "RETRY"),
        (b"upgrade", 426, "AUTH"),
        (b"slow down", 429, "QUOTA"),
        (b"no", 404, "BAD_REQUEST"),
    ],
)
def test_an_answer_is_classified_by_its_code_before_its_status(document: object, status: int, expected: str) -> None:
    assert SOURCE.classify(payload_of(document, status=status)) is Classification(expected)


def test_an_empty_page_after_the_last_is_no_broken_one() -> None:
    document = {"status": "ok", "totalResults": 7, "articles": []}
    assert SOURCE.classify(payload_of(document, url=URL + "&page=2")) is Classification.EMPTY


def test_every_recording_is_what_it_is_and_known_from_its_fetch(recordings: Path, catalogue: Catalogue) -> None:
    seen: dict[str, tuple[str, int]] = {}
    found = {}
    for item in recorded_payloads(recordings / "newsapi", source="newsapi", now=FETCHED):
        parsed = SOURCE.parse(item.payload, catalogue)
        seen[item.path.stem] = (SOURCE.classify(item.payload).value, sum(table.height for table in parsed.tables.values()))
        for table in parsed.tables.values():
            assert parsed.rejected.is_empty()
            assert set(table["knowledge_time"]) == {item.payload.fetched_at}
            assert table["clipped"].all()
            found[item.path.stem] = {row["title"]: row for row in table.to_dicts()}
    assert seen == {
        "error_401_api_key_invalid": ("AUTH", 0),
        "top_headlines_2023-02": ("OK", 20),
        "top_headlines_2023-11": ("OK", 20),
        "top_headlines_q_new_york_pageSize3": ("OK", 3),
    }
    wework = found["top_headlines_2023-11"]["The wildest moments of WeWork’s rise - CNN"]
    assert (wework["valid_time"], wework["publisher"]) == (datetime(2023, 11, 12, 1, 22, tzinfo=UTC), "CNN")
    assert wework["url"].startswith("https://www.cnn.com/2023/11/11/tech/wework")
    google = found["top_headlines_q_new_york_pageSize3"]
    assert [row["summary"] for row in google.values()].count(None) == 2


def test_null_fields_are_null_and_the_language_is_what_was_asked(catalogue: Catalogue) -> None:
    table = SOURCE.parse(payload_of(ARTICLES), catalogue).tables["newsapi_articles"].sort("title")
    assert table.select("title", "summary", "publisher", "language").rows() == [
        ("A second one", None, None, "en"),
        ("ACME misses a payment - A Wire", "It did.", "A Wire", "en"),
    ]
    without = SOURCE.parse(payload_of(ARTICLES, url=""), catalogue).tables["newsapi_articles"]
    assert without["language"].null_count() == 2


def test_stubs_and_bad_articles_are_rejected_alone(catalogue: Catalogue) -> None:
    good = ARTICLES["articles"][0]
    stub = {**good, "title": "[Removed]", "description": "[Removed]", "url": "https://removed.com", "publishedAt": "1970-01-01T00:00:00Z"}
    articles = [stub, good, {**good, "publishedAt": None}, {**good, "title": None}, {**good, "url": None}, {"title": "x"}, None]
    parsed = SOURCE.parse(payload_of({"status": "ok", "articles": articles}), catalogue)
    assert parsed.tables["newsapi_articles"].height == 1
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (1, "title", "unsupported"),
        (3, "publishedAt", "not_a_date"),
        (4, "title", "missing_field"),
        (5, "entity", "missing_field"),
        (6, "url", "missing_field"),
        (7, None, "unexpected_shape"),
    ]


class Asked:
    """A transport that gives ``full`` pages of a hundred, each an hour older, and then a short one."""

    has_key = True
    now = FETCHED

    def __init__(self, *, full: int) -> None:
        self.requests: list[Request] = []
        self.full = full

    def send(self, request: Request) -> Payload:
        self.requests.append(request)
        n = len(self.requests)
        count = 100 if n <= self.full else 2
        articles = [
            {"title": "t", "url": f"https://x.org/{n}/{i}", "publishedAt": f"2026-01-01T{23 - n:02d}:{59 - i % 60:02d}:00Z"}
            for i in range(count)
        ]
        return payload_of({"status": "ok", "totalResults": 999, "articles": articles}, url=request.full_url)


def test_older_articles_are_asked_by_the_time_of_the_oldest_since_numbered_pages_are_for_paying_users(catalogue: Catalogue) -> None:
    transport = Asked(full=2)
    assert len(list(SOURCE.fetch(Query(series=("acme",), since=date(2026, 1, 1)), transport, catalogue))) == 3
    assert [dict(request.params).get("to") for request in transport.requests] == [None, "2026-01-01T22:00:00", "2026-01-01T21:00:00"]
    assert all("page" not in dict(request.params) for request in transport.requests)


def test_without_since_one_page_is_asked_and_headlines_have_no_dates(catalogue: Catalogue) -> None:
    transport = Asked(full=9)
    list(SOURCE.fetch(Query(series=("acme", "top:US"), until=date(2026, 1, 1)), transport, catalogue))
    search, headlines = transport.requests
    assert dict(search.params) == {"q": "acme", "language": "en", "sortBy": "publishedAt", "pageSize": "100", "to": "2026-01-02"}
    assert headlines.full_url == "https://newsapi.org/v2/top-headlines?country=us&pageSize=100"
    with pytest.raises(InvalidInput, match="top:us"):
        list(SOURCE.fetch(Query(), transport, catalogue))


def test_the_key_goes_into_a_header_and_nothing_may_be_passed_on(catalogue: Catalogue) -> None:
    assert (SOURCE.provider.key_header, SOURCE.provider.key_parameter, SOURCE.provider.needs_key) == ("X-Api-Key", None, True)
    assert catalogue.dataset("newsapi_articles").redistribution is Redistribution.FORBIDDEN
