"""What is asked of the Board's site, and how its answers are told apart."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput, SourceUnavailable
from crfs.sources.core import Classification, Payload, Query
from crfs.sources.providers.federal_reserve import SOURCE
from crfs.sources.providers.federal_reserve.source import CALENDAR, FEED, calendar_urls, feed_statements, scenario_urls
from crfs.sources.providers.federal_reserve.texts import links
from tests.samples import sample
from tests.samples.federal_reserve import COLUMNS, DOMESTIC, PAGE, ROWS, SAMPLES, STATEMENT
from tests.sources.recorded_transport import RecordedTransport

NOW = datetime(2026, 8, 3, tzinfo=UTC)
SITE = "https://www.federalreserve.gov"
ITEM = "<item><title>{title}</title><link><![CDATA[{link}]]></link><pubDate>Wed, 29 Jul 2026 18:00:00 GMT</pubDate></item>"
PRESS = f"{SITE}/newsevents/pressreleases"
RSS = (
    '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>FRB: Press Release - All Releases</title>'
    + ITEM.format(title="Federal Reserve issues FOMC statement", link=f"{PRESS}/monetary20260729a.htm")
    + ITEM.format(title="Federal Reserve issues FOMC statement", link=f"{PRESS}/monetary20260617a.htm")
    + ITEM.format(title="Minutes of the Federal Open Market Committee, June 16-17, 2026", link=f"{PRESS}/monetary20260708a.htm")
    + ITEM.format(title="Agencies issue a statement", link=f"{PRESS}/bcreg20260701a.htm")
    + "</channel></rss>"
).encode()
MEETINGS = (
    "<!DOCTYPE html><html><body><div id='article'><h3>Meeting calendars, statements, and minutes of the Federal Open Market Committee</h3>"
    + "".join(
        f"<p><a href='/newsevents/pressreleases/monetary{day}a.htm'>HTML</a> <a href='/newsevents/pressreleases/monetary{day}a1.htm'>"
        f"Implementation Note</a>{'' if day == '20260729' else f' <a href=/monetarypolicy/fomcminutes{day}.htm>Minutes</a>'}</p>"
        for day in ("20260128", "20260318", "20260429", "20260617", "20260729")
    )
    + "</div></body></html>"
).encode()


class Site(RecordedTransport):
    """Answers what it has, and any other address of a text with one of its day."""

    def __init__(self) -> None:
        bodies = {FEED: RSS, CALENDAR: MEETINGS}
        super().__init__([sample("federal_reserve", body, url=url) for url, body in bodies.items()], now=NOW)

    def send(self, request):  # type: ignore[no-untyped-def]  # as RecordedTransport.send
        try:
            return super().send(request)
        except SourceUnavailable:
            return sample("federal_reserve", PAGE.encode(), url=request.full_url, stream=request.stream)


def asked(query: Query, catalogue: Catalogue) -> list[str]:
    site = Site()
    payloads = list(SOURCE.fetch(query, site, catalogue))
    assert len(payloads) == len(site.asked)
    assert all(urlsplit(request.url).hostname in SOURCE.hosts for request in site.asked)
    return [request.full_url for request in site.asked]


def test_a_release_is_asked_for_by_its_package_with_the_days_as_the_site_writes_them(catalogue: Catalogue) -> None:
    (url,) = asked(Query(series=("G17",), since=date(2024, 2, 1)), catalogue)
    params = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    assert (params["rel"], params["from"], params["to"], params["filetype"]) == ("G17", "02/01/2024", "08/03/2026", "csv")
    assert params["series"]
    (url,) = asked(Query(series=("H15/bf17364827e38702b42a58cf8eaa3f78",)), catalogue)
    params = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    assert (params["rel"], params["series"], params["from"]) == ("H15", "bf17364827e38702b42a58cf8eaa3f78", "")


def test_statements_come_from_the_feed_or_with_since_from_the_calendar_oldest_first(catalogue: Catalogue) -> None:
    newest = [f"{PRESS}/monetary20260617a.htm", f"{PRESS}/monetary20260729a.htm"]
    assert asked(Query(series=("fomc_statements",)), catalogue) == [FEED, *newest]
    days = Query(series=("fomc_statements",), since=date(2026, 3, 18), until=date(2026, 6, 17))
    assert asked(days, catalogue) == [CALENDAR, *(f"{PRESS}/monetary{day}a.htm" for day in ("20260318", "20260429", "20260617"))]


def test_minutes_and_notes_are_asked_for_by_the_day_of_their_meeting(catalogue: Catalogue) -> None:
    since = date(2026, 6, 1)
    assert asked(Query(series=("fomc_minutes",), since=since), catalogue)[1:] == [f"{SITE}/monetarypolicy/fomcminutes20260617.htm"], (
        "those of July are not out yet"
    )
    assert asked(Query(series=("fomc_implementation_notes",), since=since), catalogue)[-1] == f"{PRESS}/monetary20260729a1.htm"
    assert asked(Query(series=("fomc_statement/2015-12-16",)), catalogue) == [f"{PRESS}/monetary20151216a.htm"]


def test_years_before_the_calendar_are_on_pages_of_their_own() -> None:
    today = date(2026, 8, 3)
    assert calendar_urls(date(2019, 5, 1), None, today=today) == [
        f"{SITE}/monetarypolicy/fomchistorical2019.htm", f"{SITE}/monetarypolicy/fomchistorical2020.htm", CALENDAR,
    ]  # fmt: skip
    assert calendar_urls(date(2008, 1, 1), date(2008, 12, 31), today=today) == [f"{SITE}/monetarypolicy/fomchistorical2008.htm"]


def test_a_set_of_scenarios_is_six_files_or_the_one_that_is_named(catalogue: Catalogue) -> None:
    files = f"{SITE}/supervisionreg/files/"
    urls = asked(Query(series=("scenarios/2025",)), catalogue)
    assert urls[0] == f"{files}2025-Table_1A_Historic_Domestic.csv"
    assert urls[-1] == f"{files}2025-Table_3B_Supervisory_Severely_Adverse_International.csv"
    assert len(urls) == 6
    assert scenario_urls("2024")[2] == f"{files}2024-Table_3A_Supervisory_Baseline_Domestic.csv"
    assert scenario_urls("2023")[0] == f"{files}2023-table_1a_historic_domestic.csv"
    assert scenario_urls("2026")[4] == f"{files}2026_Final_Supervisory_Severely_Adverse_Domestic.csv"
    assert asked(Query(series=("scenarios/2019",), options={"url": f"{files}2019.csv"}), catalogue) == [f"{files}2019.csv"]


@pytest.mark.parametrize("series", ["UNRATE", "Z1", "scenarios/2031", "fomc_statement/December", "H15/../x"])
def test_a_series_that_is_none_says_what_to_name(catalogue: Catalogue, series: str) -> None:
    with pytest.raises(InvalidInput):
        list(SOURCE.fetch(Query(series=(series,)), Site(), catalogue))


def test_without_series_the_release_and_the_newest_statements_are_asked_for(catalogue: Catalogue) -> None:
    urls = asked(Query(), catalogue)
    assert "rel=G17" in urls[0]
    assert FEED in urls


def test_every_stream_and_probe_asks_for_what_there_is(catalogue: Catalogue) -> None:
    queries = [*SOURCE.probes(catalogue).values()]
    queries += [Query(series=stream.series) for stream in catalogue.streams.values() if stream.source == SOURCE.name]
    assert len(queries) >= 6
    for query in queries:
        assert asked(query, catalogue)


def test_links_of_older_pages_are_known_by_their_day() -> None:
    page = (
        b"<html><a href='http://www.federalreserve.gov/newsevents/pressreleases/monetary20080122b.htm?x=1'>Statement</a>"
        b"<a href='/boarddocs/press/monetary/2001/20010103/default.htm'>S</a>"
        b"<a href='/fomc/minutes/20050322.htm'>M</a><a href='/newsevents/pressreleases/bcreg20080122a.htm'>x</a><a href='/x/20089999a.htm'>"
    )
    assert links(page, "fomc_statement") == {
        date(2008, 1, 22): "/newsevents/pressreleases/monetary20080122b.htm",
        date(2001, 1, 3): "/boarddocs/press/monetary/2001/20010103/default.htm",
    }
    assert sorted(links(page, "fomc_minutes")) == [date(2005, 3, 22)]
    assert links(page, "fomc_implementation_note") == {}


def test_a_broken_feed_gives_what_can_be_read_of_it() -> None:
    assert feed_statements(RSS[: RSS.index(b"monetary20260617a")]) == {date(2026, 7, 29): "/newsevents/pressreleases/monetary20260729a.htm"}
    assert feed_statements(b"\x00\xff<") == {}


@pytest.mark.parametrize("body", [RSS, MEETINGS])
def test_lists_of_texts_are_good_answers_without_rows(catalogue: Catalogue, body: bytes) -> None:
    payload = sample("federal_reserve", body)
    assert SOURCE.classify(payload) is Classification.OK
    parsed = SOURCE.parse(payload, catalogue)
    assert not parsed.tables
    assert parsed.rejected.is_empty()


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (ROWS, 200, "OK"),
        (ROWS.splitlines()[0] + b"\n", 200, "EMPTY"),
        (b"\n".join(COLUMNS.splitlines()[:6]) + b"\n", 200, "EMPTY"),
        (DOMESTIC.splitlines()[0] + b"\n", 200, "EMPTY"),
        (b"", 200, "RETRY"),
        (b"", 204, "EMPTY"),
        (b"", 304, "EMPTY"),
        (b"<html><body>Page not found. Federal Reserve</body></html>", 404, "BAD_REQUEST"),
        (b"<html><body>Access Denied</body></html>", 403, "QUOTA"),
        (b"slow down", 429, "RETRY"),
        (b"<html>gateway</html>", 503, "RETRY"),
        (b"<html><body>The Federal Reserve is being maintained</body></html>", 200, "SCHEMA"),
        (b'{"error": "no"}', 200, "SCHEMA"),
        (b"date,value\n2020-01-01,1\n", 200, "SCHEMA"),
        (DOMESTIC.replace(b"Scenario Name", b"Story"), 200, "SCHEMA"),
        (b"<rss><channel>", 200, "SCHEMA"),
        (STATEMENT.encode(), 200, "SCHEMA"),
    ],
)
def test_an_answer_is_told_by_its_body_and_an_error_by_its_status(body: bytes, status: int, expected: str) -> None:
    assert SOURCE.classify(sample("federal_reserve", body, status=status)) is Classification(expected)


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>" + b"<div>" * 100_000 + b"Federal Open Market Committee",
        b"Series Name:,Unit:," + b"2020-01," * 100_000,
        b"sentence\n" + b"a\n" * 100_000,
    ],
    ids=["nested", "wide", "endless"],
)
def test_a_body_made_to_take_long_is_refused(catalogue: Catalogue, body: bytes) -> None:
    payload = sample("federal_reserve", body, stream="minutes_20200101")
    assert SOURCE.classify(payload) is Classification.SCHEMA
    assert not SOURCE.parse(payload, catalogue).tables


@pytest.mark.parametrize("payload", SAMPLES, ids=[str(number) for number in range(len(SAMPLES))])
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(catalogue: Catalogue, payload: Payload) -> None:
    body = b"\xef\xbb\xbf" + payload.body.replace(b"\n", b"\r\n")
    twin = sample("federal_reserve", body, url=payload.url, stream=payload.stream)
    assert SOURCE.classify(twin) is Classification.OK
    first, second = SOURCE.parse(payload, catalogue).tables, SOURCE.parse(twin, catalogue).tables
    assert first.keys() == second.keys()
    assert all(first[name].equals(second[name]) for name in first)
