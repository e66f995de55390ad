"""What is asked of EDGAR, in which order, and where it ends."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput, SourceUnavailable
from crfs.sources.core import Payload, Query, load_source
from tests.samples import NOW, sample
from tests.samples.edgar import COLUMNS, ENTRY, FEED, ISSUER, STATEMENTS, SUBMISSION, TICKERS, company_facts
from tests.sources.recorded_transport import RecordedTransport

SOURCE = load_source("edgar")
DATA, SITE = "https://data.sec.gov/", "https://www.sec.gov/"
FILES = [
    {"name": "CIK0001234567-submissions-001.json", "filingCount": 3, "filingFrom": "2015-01-01", "filingTo": "2024-12-30"},
    {"name": "CIK0001234567-submissions-002.json", "filingCount": 3, "filingFrom": "2001-01-01", "filingTo": "2014-12-31"},
    {"name": "../secret", "filingFrom": "2001-01-01", "filingTo": "2014-12-31"},
]
LISTED = json.dumps({**ISSUER, "filings": {"recent": COLUMNS, "files": FILES}}).encode()


def feed_page(start: int, entries: int) -> Payload:
    body = FEED.replace(b"</feed>", b"".join(ENTRY.replace("000003", f"{start + i:06d}").encode() for i in range(entries - 1)) + b"</feed>")
    params = f"action=getcurrent&count=100&start={start}&type=8-K&owner=include&output=atom"
    return sample("edgar", body, url=f"{SITE}cgi-bin/browse-edgar?{params}")


def transport(*more: Payload) -> RecordedTransport:
    payloads = [
        sample("edgar", LISTED, url=DATA + "submissions/CIK0001234567.json"),
        sample("edgar", json.dumps(COLUMNS).encode(), url=DATA + "submissions/CIK0001234567-submissions-001.json"),
        sample("edgar", json.dumps(COLUMNS).encode(), url=DATA + "submissions/CIK0001234567-submissions-002.json"),
        sample("edgar", company_facts(STATEMENTS), url=DATA + "api/xbrl/companyfacts/CIK0001234567.json"),
        sample("edgar", json.dumps(TICKERS).encode(), url=SITE + "files/company_tickers.json"),
        sample("edgar", SUBMISSION.encode(), url=SITE + "Archives/edgar/data/1234567/0000000001-25-000003.txt"),
        *more,
    ]
    return RecordedTransport(payloads, now=NOW)


def asked(catalogue: Catalogue, *series: str, transport: RecordedTransport, **query: Any) -> list[str]:
    list(SOURCE.fetch(Query(series=series, **query), transport, catalogue))
    return [request.url.removeprefix(DATA).removeprefix(SITE) for request in transport.asked]


@pytest.mark.parametrize("series", ["1234567", "CIK0001234567", "cik1234567"])
def test_an_issuer_is_asked_for_its_filings_and_its_facts(series: str, catalogue: Catalogue) -> None:
    assert asked(catalogue, series, transport=transport()) == [
        "submissions/CIK0001234567.json", "submissions/CIK0001234567-submissions-001.json",
        "submissions/CIK0001234567-submissions-002.json", "api/xbrl/companyfacts/CIK0001234567.json",
    ]  # fmt: skip


def test_a_ticker_is_looked_up_once(catalogue: Catalogue) -> None:
    urls = asked(catalogue, "exm", "EXM", transport=transport(), options={"what": "facts"})
    assert urls == ["files/company_tickers.json", *["api/xbrl/companyfacts/CIK0001234567.json"] * 2]
    with pytest.raises(InvalidInput, match="lists no ticker 'ZZZ'"):
        asked(catalogue, "ZZZ", transport=transport())


def test_older_pages_are_asked_for_only_where_the_days_reach(catalogue: Catalogue) -> None:
    urls = asked(catalogue, "1234567", transport=transport(), since=date(2015, 6, 1), options={"what": "filings"})
    assert urls == ["submissions/CIK0001234567.json", "submissions/CIK0001234567-submissions-001.json"]
    urls = asked(catalogue, "1234567", transport=transport(), until=date(2014, 12, 31), options={"what": "filings"})
    assert urls[1:] == ["submissions/CIK0001234567-submissions-002.json"]


@pytest.mark.parametrize(("documents", "found"), [("8-K:2.04", True), (["8-K"], True), ("8-K:2.02", False), ("10-Q", False)])
def test_documents_are_asked_for_by_form_and_item(documents: Any, found: bool, catalogue: Catalogue) -> None:
    options = {"what": "filings", "documents": documents}
    urls = asked(catalogue, "1234567", transport=transport(), since=date(2025, 1, 1), options=options)
    assert urls[1:] == (["Archives/edgar/data/1234567/0000000001-25-000003.txt"] if found else [])


@pytest.mark.parametrize(
    ("series", "found"),
    [("1234567:8-K", True), ("exm:8-k:2.04", True), ("1234567:8-K:2.02", False), ("1234567:10-Q", False), ("1234567:8-K/A", False)],
)
def test_documents_are_asked_for_by_the_series_too(series: str, found: bool, catalogue: Catalogue) -> None:
    urls = asked(catalogue, series, transport=transport(), since=date(2025, 1, 1))
    urls.remove("submissions/CIK0001234567.json")
    assert [url for url in urls if "ticker" not in url] == (["Archives/edgar/data/1234567/0000000001-25-000003.txt"] if found else [])


def test_an_amendment_comes_along_with_the_form_that_it_amends(catalogue: Catalogue) -> None:
    columns = {**COLUMNS, "form": ["8-K/A", "4", "10-K"]}
    listed = json.dumps({**ISSUER, "filings": {"recent": columns, "files": []}}).encode()
    amended = RecordedTransport(
        [
            sample("edgar", listed, url=DATA + "submissions/CIK0001234567.json"),
            sample("edgar", SUBMISSION.encode(), url=SITE + "Archives/edgar/data/1234567/0000000001-25-000003.txt"),
        ],
        now=NOW,
    )
    assert len(asked(catalogue, "1234567:8-K:2.04", transport=amended)) == 2


def test_the_feed_ends_with_a_short_page_or_the_pages_asked_for(catalogue: Catalogue) -> None:
    pages = (feed_page(0, 100), feed_page(100, 100), feed_page(200, 7))
    for most, expected in ((1, 1), (2, 2), (9, 3)):
        assert len(asked(catalogue, "current:8-K", transport=transport(*pages), options={"pages": most})) == expected
    with pytest.raises(InvalidInput, match="pages"):
        asked(catalogue, "current", transport=transport(), options={"pages": 51})


def test_what_is_asked_wrongly_says_what_to_name(catalogue: Catalogue) -> None:
    for series, options, match in (
        ((), {}, "name at least one issuer"),
        (("1",), {"what": "x"}, "what is"),
        (("a b",), {}, "neither a CIK"),
    ):
        with pytest.raises(InvalidInput, match=match):
            asked(catalogue, *series, transport=transport(), options=options)


def test_an_issuer_answered_in_another_shape_ends_the_fetch_after_its_bytes(catalogue: Catalogue) -> None:
    other = RecordedTransport([sample("edgar", b"[]", url=DATA + "submissions/CIK0000000001.json")], now=NOW)
    answers = SOURCE.fetch(Query(series=("1",)), other, catalogue)
    assert next(answers).body == b"[]"
    with pytest.raises(SourceUnavailable, match="another shape"):
        next(answers)
