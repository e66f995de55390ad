"""Alpha Vantage: recorded bodies, errors that come with 200, and the clocks of each kind of figure."""

from __future__ import annotations

import copy
import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import Redistribution
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Parsed, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.alpha_vantage import SOURCE
from tests.samples import alpha_vantage as bodies

FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = "ABCDEF0123456789"
QUOTA = (
    f"We have detected your API key as {KEY} and our standard API rate limit is 25 requests per day. Please subscribe to any premium plan"
)


def payload_of(document: Any, *, url: str = "", stream: str = "file", status: int = 200, fetched: datetime = FETCHED) -> Payload:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(
        source="alpha_vantage", stream=stream, body=body, url=url, status=status, headers={}, started_at=fetched, fetched_at=fetched
    )


def refused(parsed: Parsed) -> list[tuple[Any, ...]]:
    return parsed.rejected.select("row", "column", "reason").rows()


def day(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year, month and day, or more


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        ({"Information": QUOTA}, 200, "QUOTA"),
        ({"Information": "The **demo** API key is for demo purposes only. Please claim your free API key"}, 200, "AUTH"),
        ({"Information": "This is a premium endpoint. You may subscribe to any of the premium plans"}, 200, "AUTH"),
        ({"Information": "Please consider spreading out your free API requests more sparingly (1 request per second)"}, 200, "RETRY"),
        ({"Note": "Our standard API call frequency is 5 calls per minute and 500 calls per day."}, 200, "RETRY"),
        ({"Error Message": "Invalid API call. Please retry or visit the documentation for TIME_SERIES_DAILY."}, 200, "BAD_REQUEST"),
        ({"Error Message": "the parameter apikey is invalid or missing."}, 200, "AUTH"),
        ({"Information": "Invalid inputs. Please refer to the API documentation"}, 200, "BAD_REQUEST"),
        ({"Information": "No articles found."}, 200, "EMPTY"),
        ({}, 200, "EMPTY"),
        ({}, 500, "RETRY"),
        ({}, 429, "QUOTA"),
        ({}, 403, "AUTH"),
        ({"feed": [], "items": "0"}, 200, "EMPTY"),
        ({"feed": [{}], "Information": "a word beside data"}, 200, "OK"),
        ({"symbol": "X", "annualReports": [], "quarterlyReports": []}, 200, "EMPTY"),
        ({"symbol": "X", "data": []}, 200, "EMPTY"),
        ({"bestMatches": []}, 200, "EMPTY"),
        ({"other": 1}, 200, "SCHEMA"),
        ([], 200, "SCHEMA"),
        (bodies.LISTING.split(b"\r\n")[0] + b"\r\n", 200, "EMPTY"),
        (b"", 200, "RETRY"),
        (b"<html>gateway</html>", 502, "RETRY"),
        (b"<html>gateway</html>", 200, "SCHEMA"),
        (b"Forbidden", 403, "AUTH"),
        (b"", 429, "QUOTA"),
        (b"nothing here", 404, "BAD_REQUEST"),
    ],
)
def test_an_answer_is_an_error_where_data_are_absent_whatever_its_status(document: object, status: int, expected: str) -> None:
    assert SOURCE.classify(payload_of(document, status=status)) is Classification(expected)


def test_the_callers_key_in_a_quotas_words_is_never_repeated(catalogue: Catalogue) -> None:
    for document in ({"Information": QUOTA}, {"Information": QUOTA, "other": [KEY]}):
        rejected = SOURCE.parse(payload_of(document), catalogue).rejected
        assert rejected.height == 1
        assert KEY not in str(rejected.to_dicts())


def test_every_recording_is_what_it_is(recordings: Path, catalogue: Catalogue) -> None:
    seen: dict[str, tuple[str, dict[str, int]]] = {}
    for item in recorded_payloads(recordings / "alpha_vantage", source="alpha_vantage", now=FETCHED):
        parsed, classified = SOURCE.parse(item.payload, catalogue), SOURCE.classify(item.payload)
        assert parsed.rejected.is_empty() or classified is not Classification.OK, item.path
        seen[item.path.stem] = (classified.value, {name.removeprefix("alpha_vantage_"): t.height for name, t in parsed.tables.items()})
    assert seen == {
        "001_overview_ibm": ("OK", {"overview": 1}),
        "002_income_statement_ibm": ("OK", {"income_annual": 20, "income": 81}),
        "003_balance_sheet_ibm": ("OK", {"balance_annual": 20, "balance": 81}),
        "006_dividends_ibm": ("OK", {"dividends": 110}),
        "009_earnings_estimates_ibm": ("OK", {"estimates": 38, "estimates_annual": 2}),
        "011_news_sentiment_aapl_latest": ("AUTH", {}),
        "013_earnings_call_transcript_ibm_2024q1": ("OK", {"transcripts": 37}),
        "014_listing_status": ("OK", {"listing": 13909}),
        "015_earnings_calendar_ibm_12month": ("OK", {"earnings_calendar": 1}),
        "017_news_sentiment_technology_latest": ("OK", {"articles": 50, "ticker_sentiment": 93}),
        "error_200_rate_limit_information": ("QUOTA", {}),
        "pricehist_eur-aud-partial": ("OK", {"fx": 8}),
        "pricehist_ibm-partial": ("OK", {"daily": 7}),
        "pricehist_physical-partial": ("OK", {"symbols": 3}),
        "pricehist_search-ibm": ("OK", {"symbols": 10}),
    }


def test_recorded_values_have_the_clocks_of_their_kind(recordings: Path, catalogue: Catalogue) -> None:
    items = {i.path.stem: i.payload for i in recorded_payloads(recordings / "alpha_vantage", source="alpha_vantage", now=FETCHED)}

    def rows(stem: str, dataset: str, **where: Any) -> dict[str, Any]:
        table = SOURCE.parse(items[stem], catalogue).tables[f"alpha_vantage_{dataset}"]
        found: dict[str, Any] = table.filter(**where).row(0, named=True)
        return found

    close = rows("pricehist_ibm-partial", "daily", valid_time=day(2021, 1, 8))
    assert (close["close"], close["knowledge_time"], close["knowledge_basis"]) == (128.53, day(2021, 1, 8, 21, 15), "calendar")
    euro = rows("pricehist_eur-aud-partial", "fx", valid_time=day(2021, 1, 8))
    assert (euro["entity"], euro["close"], euro["knowledge_time"]) == ("EUR/AUD", 1.57350, day(2021, 1, 8, 23, 59))
    quarter = rows("003_balance_sheet_ibm", "balance", valid_time=day(2026, 1, 1))
    assert (quarter["total_assets"], quarter["property_plant_equipment"], quarter["reported_currency"]) == (156229e6, None, "USD")
    assert quarter["knowledge_time"] == items["003_balance_sheet_ibm"].fetched_at
    assert rows("002_income_statement_ibm", "income_annual", valid_time=day(2025, 1, 1))["interest_expense"] == 1935e6
    declared = rows("006_dividends_ibm", "dividends", valid_time=day(2026, 5, 8))
    assert (declared["amount"], declared["knowledge_time"], declared["vintage_date"]) == (1.69, day(2026, 4, 23, 4), date(2026, 4, 22))
    undeclared = rows("006_dividends_ibm", "dividends", valid_time=day(2020, 11, 9))
    assert (undeclared["amount"], undeclared["knowledge_time"], undeclared["knowledge_basis"]) == (
        1.63,
        day(2020, 11, 9, 14, 30),
        "calendar",
    )
    assert rows("001_overview_ibm", "overview")["market_cap"] == 255874367000.0
    assert rows("001_overview_ibm", "overview")["valid_time"] == day(2026, 6, 15)
    assert rows("009_earnings_estimates_ibm", "estimates_annual", valid_time=day(2027, 1, 1))["eps_estimate_average"] == 13.4227
    assert rows("014_listing_status", "listing", entity="NA")["name"] == "Nano Labs Ltd"
    report = rows("015_earnings_calendar_ibm_12month", "earnings_calendar")
    assert (report["valid_time"], report["report_date"], report["estimate"]) == (day(2026, 4, 1), date(2026, 7, 22), 2.95)
    epam = rows("017_news_sentiment_technology_latest", "articles", valid_time=day(2026, 6, 15, 11, 34, 31))
    assert (epam["provider_sentiment"], epam["publisher"], epam["tickers"][:7]) == (-0.15628, "Investing.com", "EPAM,GS")
    assert epam["knowledge_time"] == items["017_news_sentiment_technology_latest"].fetched_at
    assert rows("017_news_sentiment_technology_latest", "ticker_sentiment", ticker="EPAM")["sentiment"] == -0.223303
    turn = rows("013_earnings_call_transcript_ibm_2024q1", "transcripts", entity="IBM/2024Q1/0002")
    assert (turn["speaker"], turn["provider_sentiment"]) == ("Arvind Krishna", 0.7)


def test_earnings_are_known_from_the_end_of_the_day_of_the_report_in_new_york(catalogue: Catalogue) -> None:
    tables = SOURCE.parse(payload_of(bodies.EARNINGS), catalogue).tables
    row = tables["alpha_vantage_earnings"].row(0, named=True)
    assert (row["valid_time"], row["knowledge_time"]) == (day(2025, 7, 1), day(2025, 10, 23, 4))
    assert (row["vintage_date"], row["knowledge_basis"], row["clipped"]) == (date(2025, 10, 22), "observed", False)
    assert (row["reported_eps"], row["estimated_eps"], row["surprise_percent"]) == (2.65, 2.45, 8.1633)
    year = tables["alpha_vantage_earnings_annual"].row(0, named=True)
    assert (year["valid_time"], year["knowledge_time"], year["clipped"]) == (day(2024, 1, 1), FETCHED, True)


def test_a_report_that_is_not_out_or_has_no_day_is_known_from_the_fetch(catalogue: Catalogue) -> None:
    document = copy.deepcopy(bodies.EARNINGS)
    quarter = document["quarterlyEarnings"][0]
    document["quarterlyEarnings"] = [
        {**quarter, "fiscalDateEnding": "2025-12-31", "reportedDate": "2026-01-28", "reportedEPS": "None"},
        {**quarter, "reportedDate": "None"},
    ]
    table = SOURCE.parse(payload_of(document), catalogue).tables["alpha_vantage_earnings"]
    assert table["knowledge_time"].to_list() == [FETCHED, FETCHED]
    assert table["clipped"].all()
    assert table["reported_eps"].to_list() == [2.65, None]


def test_the_bar_of_a_day_that_has_not_ended_is_no_close(catalogue: Catalogue) -> None:
    at_noon = {**bodies.DAILY, "Meta Data": {"2. Symbol": "ACME", "3. Last Refreshed": "2020-01-03 11:35:00"}}
    for document, fetched in ((bodies.DAILY, day(2020, 1, 3, 17)), (at_noon, FETCHED)):
        parsed = SOURCE.parse(payload_of(document, fetched=fetched), catalogue)
        assert parsed.tables["alpha_vantage_daily"]["close"].to_list() == [11.0]
        assert refused(parsed) == [(1, "close", "unsupported")]
    after = {**bodies.DAILY, "Meta Data": {"2. Symbol": "ACME", "3. Last Refreshed": "2020-01-03 16:00:01"}}
    assert SOURCE.parse(payload_of(after), catalogue).tables["alpha_vantage_daily"].height == 2
    currency = {**bodies.FX, "Meta Data": {**bodies.FX["Meta Data"], "5. Last Refreshed": "2020-01-02 21:55:00"}}
    assert not SOURCE.parse(payload_of(currency), catalogue).tables


def test_news_of_the_day_are_known_from_the_fetch_and_older_ones_by_a_rule_that_a_strict_reading_refuses(catalogue: Catalogue) -> None:
    table = SOURCE.parse(payload_of(bodies.NEWS), catalogue).tables["alpha_vantage_articles"].sort("valid_time")
    assert table["valid_time"].to_list() == [day(2024, 1, 2, 2, 15), day(2026, 1, 2, 2, 15)]
    assert table["knowledge_time"].to_list() == [day(2024, 1, 3), FETCHED]
    assert table["knowledge_basis"].to_list() == ["assumed", "observed"]
    assert table["provider_sentiment"].to_list() == [None, -0.41]
    assert table["tickers"].to_list() == [None, "ACME,FOREX:USD"]


@pytest.mark.parametrize("blank", ["None", "-", ".", "", "null", None, " None "], ids=repr)
def test_what_means_none_is_null_and_never_a_number(blank: str | None, catalogue: Catalogue) -> None:
    document = copy.deepcopy(bodies.BALANCE)
    document["quarterlyReports"][0]["totalLiabilities"] = blank
    parsed = SOURCE.parse(payload_of(document), catalogue)
    assert parsed.rejected.is_empty()
    assert parsed.tables["alpha_vantage_balance"]["total_liabilities"].to_list() == [None]


def test_a_report_without_any_figure_is_missing(catalogue: Catalogue) -> None:
    document = copy.deepcopy(bodies.BALANCE)
    document["quarterlyReports"][0] |= {"totalAssets": "None", "totalLiabilities": "None"}
    assert SOURCE.parse(payload_of(document), catalogue).tables["alpha_vantage_balance"]["row_state"].to_list() == ["missing"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({**bodies.SERIES, "data": [{"date": "2020-13-01", "value": "1"}, {"date": "2020-01-01", "value": "1,5"}, {"value": "1"}, 7]},
         {(1, "date", "not_a_date"), (2, "value", "not_a_number"), (3, "date", "missing_field"), (4, None, "unexpected_shape")}),
        ({**bodies.SERIES, "data": [{"date": "2198-01-01", "value": "1"}]}, {(1, "date", "out_of_range")}),
        ({**bodies.DIVIDENDS, "data": [{"ex_dividend_date": "2020-01-01", "amount": "None"}]}, {(1, "amount", "missing_field")}),
        ({"symbol": "X", "annualReports": [{"fiscalDateEnding": "2020-01-01"}]}, {(None, None, "unexpected_shape")}),
        ({**bodies.TRANSCRIPT, "quarter": "2024Q5"}, {(None, None, "not_a_date")}),
        ({**bodies.ESTIMATES, "estimates": [{"date": "2026-12-31", "horizon": "decade"}]}, {(1, "horizon", "unsupported")}),
        ({"Time Series (5min)": {}, "Meta Data": {}}, {(None, None, "unsupported")}),
        ({"Time Series (Daily)": {"2020-01-02": {"1. open": "1"}}, "Meta Data": {"2. Symbol": "A"}}, {(1, "close", "missing_field")}),
        ({"Time Series (Daily)": {}}, {(None, None, "missing_field")}),
        (b"symbol,name,exchange\nA,B,C\nx,ipoDate,delistingDate\n", {(None, None, "malformed")}),
        (b"symbol,name,delistingDate\nA,B,null\n", {(None, None, "missing_field")}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_rejected_where_it_is(document: Any, expected: set[tuple[Any, ...]], catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(payload_of(document), catalogue)
    assert set(refused(parsed)) == expected
    assert not parsed.tables


def test_fields_may_come_in_any_order_with_unknown_ones_between(catalogue: Catalogue, pytestconfig: pytest.Config) -> None:
    draw = random.Random(int(pytestconfig.getoption("--hypothesis-seed") or 0))

    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffled(item) for item in value]
        if isinstance(value, dict) and not any(key[:2] == "20" for key in value):
            pairs = [(key, shuffled(item)) for key, item in value.items()] + [("99. something new", "x")]
            draw.shuffle(pairs)
            return dict(pairs)
        return value

    for name, body in bodies.BODIES.items():
        if isinstance(body, bytes) or not body.keys().isdisjoint({"Time Series (Daily)", "Time Series FX (Daily)"}):
            continue
        url = bodies.API + name
        plain, other = (SOURCE.parse(payload_of(document, url=url), catalogue) for document in (body, shuffled(body)))
        assert plain.tables.keys() == other.tables.keys()
        assert all(table.equals(other.tables[key]) for key, table in plain.tables.items()), name
        assert other.rejected.is_empty()


def test_columns_of_a_table_may_come_in_any_order_and_unknown_ones_are_ignored(catalogue: Catalogue) -> None:
    moved = b"status,new,ipoDate,delistingDate,symbol\nActive,x,1999-11-18,null,acme\n"
    row = SOURCE.parse(payload_of(moved), catalogue)
    assert row.tables["alpha_vantage_listing"].select("entity", "status", "delisting_date").rows() == [("ACME", "Active", None)]


def test_a_series_is_named_by_what_was_asked_else_by_the_file(catalogue: Catalogue) -> None:
    def entity(**about: str) -> str:
        return str(SOURCE.parse(payload_of(bodies.SERIES, **about), catalogue).tables["alpha_vantage_series"]["entity"][0])  # type: ignore[arg-type]  # url and stream are texts

    assert entity(url=bodies.API + "WTI&interval=daily") == "WTI:daily"
    assert entity(stream="WTI:daily") == "WTI:daily"
    assert entity() == "Crude Oil Prices WTI:daily"
    table = SOURCE.parse(payload_of(bodies.SERIES, stream="WTI:daily"), catalogue).tables["alpha_vantage_series"]
    assert table.select("value", "unit", "row_state").rows()[0] == (None, None, "missing")
    assert table["value"].to_list() == [None, 61.17, 63.0]


class Asked:
    """A transport that notes what it is asked; news come in full pages, until ``full`` of them were given."""

    has_key = True
    now = FETCHED

    def __init__(self, *, full: int = 0) -> None:
        self.requests: list[Request] = []
        self.full = full

    def send(self, request: Request) -> Payload:
        self.requests.append(request)
        n = len(self.requests)
        feed = [
            {"title": "t", "url": f"u{n}/{i}", "time_published": f"2025010{n}T12{i % 60:02d}00"}
            for i in range(1000 if n <= self.full else 3)
        ]
        return payload_of({"feed": feed}, url=request.full_url, stream=request.stream)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ("ibm", {"function": "TIME_SERIES_DAILY", "symbol": "IBM", "outputsize": "compact"}),
        ("FX_DAILY:eur/usd", {"function": "FX_DAILY", "from_symbol": "EUR", "to_symbol": "USD", "outputsize": "compact"}),
        ("OVERVIEW:IBM", {"function": "OVERVIEW", "symbol": "IBM"}),
        ("EARNINGS_CALENDAR", {"function": "EARNINGS_CALENDAR", "horizon": "12month"}),
        ("LISTING_STATUS:delisted", {"function": "LISTING_STATUS", "state": "delisted"}),
        ("EARNINGS_CALL_TRANSCRIPT:IBM:2024Q1", {"function": "EARNINGS_CALL_TRANSCRIPT", "symbol": "IBM", "quarter": "2024Q1"}),
        ("WTI:daily", {"function": "WTI", "interval": "daily"}),
        ("WTI", {"function": "WTI"}),
        ("TREASURY_YIELD:monthly:10year", {"function": "TREASURY_YIELD", "interval": "monthly", "maturity": "10year"}),
    ],
)
def test_a_series_says_what_is_asked_and_no_key_is_among_it(series: str, expected: dict[str, str], catalogue: Catalogue) -> None:
    transport = Asked()
    list(SOURCE.fetch(Query(series=(series,)), transport, catalogue))
    assert {name: value for name, (value,) in parse_qs(urlsplit(transport.requests[0].full_url).query).items()} == expected
    assert SOURCE.provider.key_parameter == "apikey"


@pytest.mark.parametrize("series", ["NOPE:x", "FX_DAILY:EURUSD", "EARNINGS_CALL_TRANSCRIPT:IBM", "SYMBOL_SEARCH_X:a", ":", ""])
def test_a_series_that_is_none_is_refused_with_the_ways_to_write_one(series: str, catalogue: Catalogue) -> None:
    with pytest.raises(InvalidInput, match="EARNINGS_CALL_TRANSCRIPT:IBM:2024Q1"):
        list(SOURCE.fetch(Query(series=(series,)), Asked(), catalogue))


def test_news_since_a_day_are_asked_page_by_page_from_the_last_minute_on(catalogue: Catalogue) -> None:
    transport = Asked(full=2)
    assert (
        len(
            list(SOURCE.fetch(Query(series=("NEWS_SENTIMENT:AAPL",), since=date(2025, 1, 1), until=date(2025, 1, 9)), transport, catalogue))
        )
        == 3
    )
    starts = [dict(request.params)["time_from"] for request in transport.requests]
    assert starts == ["20250101T0000", "20250101T1259", "20250102T1259"]
    assert {dict(request.params)["time_to"] for request in transport.requests} == {"20250109T2359"}


def test_old_prices_need_the_full_size_and_without_series_the_catalogue_is_asked(catalogue: Catalogue) -> None:
    transport = Asked()
    list(SOURCE.fetch(Query(series=("IBM",), since=date(2020, 1, 1)), transport, catalogue))
    assert dict(transport.requests[0].params)["outputsize"] == "full"
    transport = Asked()
    list(SOURCE.fetch(Query(), transport, catalogue))
    streams = {request.stream for request in transport.requests}
    assert {"FX_DAILY:EUR/USD", "WTI:daily", "ALL_COMMODITIES:monthly"} <= streams
    assert len(streams) <= 25, "more than a day's quota"


def test_nothing_of_it_may_be_passed_on_and_a_key_is_needed(catalogue: Catalogue) -> None:
    owned = [dataset for dataset in catalogue.datasets.values() if dataset.source == "alpha_vantage"]
    assert all(dataset.redistribution is Redistribution.FORBIDDEN for dataset in owned)
    assert SOURCE.provider.needs_key
    assert [(limit.requests, limit.seconds) for limit in SOURCE.provider.limits] == [(5, 60.0), (25, 86_400.0)]
