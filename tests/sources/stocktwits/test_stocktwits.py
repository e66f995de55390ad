"""StockTwits: both forms of its posts, labels that are mostly null, and pages by cursor."""

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
from crfs.sources.providers.stocktwits import SOURCE
from tests.samples.stocktwits import ACTIVITY, STREAM

FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def payload_of(document: Any, *, url: str = "", status: int = 200) -> Payload:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(
        source="stocktwits", stream="ACME", body=body, url=url, status=status, headers={}, started_at=FETCHED, fetched_at=FETCHED
    )


def error(status: int, words: str) -> dict[str, Any]:
    return {"response": {"status": status}, "errors": [{"message": words}]}


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        (STREAM, 200, "OK"),
        ({**STREAM, "messages": []}, 200, "EMPTY"),
        (error(404, "Symbol not found"), 404, "BAD_REQUEST"),
        (error(404, "Symbol not found"), 200, "BAD_REQUEST"),
        (error(429, "Rate limit exceeded. Client may not make more than 200 requests an hour."), 429, "QUOTA"),
        (error(401, "Access token missing"), 401, "AUTH"),
        (error(503, "Over capacity"), 200, "RETRY"),
        (b"<html>Attention required</html>", 403, "AUTH"),
        (b"<html></html>", 200, "SCHEMA"),
        (b"", 200, "RETRY"),
        ({"messages": {}}, 200, "SCHEMA"),
    ],
)
def test_an_answer_is_classified_by_its_body_before_its_status(document: object, status: int, expected: str) -> None:
    assert SOURCE.classify(payload_of(document, status=status)) is Classification(expected)


def test_every_recording_is_what_it_is(recordings: Path, catalogue: Catalogue) -> None:
    found = {}
    for item in recorded_payloads(recordings / "social_stocktwits", source="stocktwits", now=FETCHED):
        assert SOURCE.classify(item.payload) is Classification.OK
        parsed = SOURCE.parse(item.payload, catalogue)
        assert parsed.rejected.is_empty()
        found[item.path.stem] = parsed.tables["stocktwits_posts"]
    assert {name: table.height for name, table in found.items()} == {
        "stream_symbol_F_0": 30,
        "firehose_activity_stream_200": 200,
        "stream_symbol_AAPL_trimmed": 2,
    }
    ford = found["stream_symbol_F_0"]["provider_sentiment"]
    assert (ford.null_count(), (ford == 1.0).sum(), (ford == -1.0).sum()) == (16, 12, 2)
    post = found["stream_symbol_AAPL_trimmed"].row(-1, named=True)
    assert (post["entity"], post["tickers"], post["provider_sentiment"]) == ("189068692", "AAPL,NFLX,XOM,TSLA,SNAP", None)
    assert post["valid_time"] == post["knowledge_time"] == datetime(2020, 1, 5, 20, 22, tzinfo=UTC)
    hose = found["firehose_activity_stream_200"].row(2, named=True)
    assert (hose["entity"], hose["title"][:34]) == ("42123859", "@CallsthenPuts I've been staring a")


def test_a_post_is_known_from_its_own_time_and_says_nothing_of_its_author(catalogue: Catalogue) -> None:
    table = SOURCE.parse(payload_of(STREAM), catalogue).tables["stocktwits_posts"].sort("entity")
    assert table.select("entity", "title", "tickers", "provider_sentiment").rows() == [
        ("2", "$ACME", None, None),
        ("3", "$ACME can't pay", "ACME,BTC.X", -1.0),
    ]
    assert table["knowledge_time"].equals(table["valid_time"].rename("knowledge_time"))
    assert "someone" not in str(table.to_dicts())


def test_a_clock_that_is_ahead_does_not_make_a_post_known_after_its_fetch(catalogue: Catalogue) -> None:
    document = {"messages": [{**STREAM["messages"][0], "created_at": "2026-01-02T03:04:09Z"}]}
    assert SOURCE.parse(payload_of(document), catalogue).tables["stocktwits_posts"]["knowledge_time"].to_list() == [FETCHED]


@pytest.mark.parametrize("label", [None, {}, {"basic": None}, {"basic": "Sideways"}, "Bullish", 1])
def test_a_label_that_is_none_of_the_two_is_null(label: object, catalogue: Catalogue) -> None:
    document = {"messages": [{**STREAM["messages"][0], "entities": {"sentiment": label}}]}
    assert SOURCE.parse(payload_of(document), catalogue).tables["stocktwits_posts"]["provider_sentiment"].to_list() == [None]


def test_bad_posts_and_lines_are_rejected_alone(catalogue: Catalogue) -> None:
    good = STREAM["messages"][0]
    messages = [good, {**good, "id": None}, {**good, "created_at": "2020-01-05 20:22"}, {**good, "body": " "}, {"id": 1}, 7]
    parsed = SOURCE.parse(payload_of({"messages": messages}), catalogue)
    assert parsed.tables["stocktwits_posts"].height == 1
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (2, "entity", "missing_field"),
        (3, "created_at", "not_a_date"),
        (4, "body", "missing_field"),
        (5, "body", "missing_field"),
        (6, None, "unexpected_shape"),
    ]
    lines = (
        json.dumps(ACTIVITY).encode()
        + b"\n{broken\n\n"
        + json.dumps({**ACTIVITY, "object": {"id": "note:stocktwits:7", "postedTime": "x"}}).encode()
    )
    parsed = SOURCE.parse(payload_of(lines), catalogue)
    assert parsed.tables["stocktwits_posts"]["title"].to_list() == ["$ACME up & away"]
    assert parsed.rejected.select("row", "reason").rows() == [(2, "unexpected_shape"), (3, "not_a_date")]


class Pages:
    """A transport with three pages, a day older each."""

    has_key = False
    now = FETCHED

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def send(self, request: Request) -> Payload:
        self.requests.append(request)
        n = len(self.requests)
        message = {**STREAM["messages"][0], "id": 10 - n, "created_at": f"2026-01-0{5 - n}T00:00:00Z"}
        return payload_of({**STREAM, "messages": [message], "cursor": {"more": n < 3, "max": 10 - n}}, url=request.full_url)


def test_older_pages_are_asked_by_cursor_until_the_day_wanted_is_reached(catalogue: Catalogue) -> None:
    for since, expected in ((None, [None]), (date(2026, 1, 4), [None, "9"]), (date(2020, 1, 1), [None, "9", "8"])):
        transport = Pages()
        list(SOURCE.fetch(Query(series=("acme",), since=since), transport, catalogue))
        assert [dict(request.params).get("max") for request in transport.requests] == expected
        assert transport.requests[0].url == "https://api.stocktwits.com/api/2/streams/symbol/ACME.json"
    with pytest.raises(InvalidInput, match="AAPL"):
        list(SOURCE.fetch(Query(), Pages(), catalogue))


def test_it_is_optional_and_nothing_may_be_passed_on(catalogue: Catalogue) -> None:
    assert not SOURCE.provider.switched_on
    assert catalogue.dataset("stocktwits_posts").redistribution is Redistribution.FORBIDDEN
