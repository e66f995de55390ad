"""Yahoo's bars, events, quotes and headlines: recorded bodies, and every way in which its answers fail or mislead."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import Redistribution
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Parsed, Payload, Query, RejectReason, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.yahoo import SOURCE
from tests.samples.yahoo import CHART_URL, NEWS, QUOTE, chart

FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def payload_of(document: Any, *, url: str = CHART_URL, stream: str = "ACME", status: int = 200, fetched: datetime = FETCHED) -> Payload:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(source="yahoo", stream=stream, body=body, url=url, status=status, headers={}, started_at=fetched, fetched_at=fetched)


def refused(parsed: Parsed) -> list[tuple[Any, ...]]:
    return parsed.rejected.select("row", "column", "reason").rows()


CHART_404 = {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}
NO_DATA = "Data doesn't exist for startDate = 1577836800, endDate = 1578009600"
TOO_MANY = {"finance": {"result": None, "error": {"code": "Too Many Requests", "description": "Rate limited."}}}
BAD_CRUMB = {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        (chart(), 200, "OK"),
        (chart(), 500, "RETRY"),
        (CHART_404, 404, "BAD_REQUEST"),
        (CHART_404, 200, "BAD_REQUEST"),
        ({"chart": {"result": None, "error": {"code": "Bad Request", "description": NO_DATA}}}, 400, "EMPTY"),
        (
            {"chart": {"result": None, "error": {"code": "Unprocessable Entity", "description": "1m data not available"}}},
            422,
            "BAD_REQUEST",
        ),
        ({"chart": {"result": None, "error": {"code": "Internal Server Error", "description": ""}}}, 500, "RETRY"),
        ({"chart": {"result": None, "error": None}}, 200, "EMPTY"),
        ({"chart": {"result": [], "error": None}}, 200, "EMPTY"),
        ({"chart": {"result": [{"meta": {"symbol": "ACME"}, "indicators": {"quote": [{}]}}], "error": None}}, 200, "EMPTY"),
        ({"chart": {"result": [{"timestamp": [1]}], "error": None}}, 200, "SCHEMA"),
        ({"chart": {}}, 200, "SCHEMA"),
        (QUOTE, 200, "OK"),
        ({"quoteResponse": {"result": [], "error": None}}, 200, "EMPTY"),
        (
            {"quoteSummary": {"result": None, "error": {"code": "Not Found", "description": "Quote not found for symbol: X"}}},
            404,
            "BAD_REQUEST",
        ),
        (BAD_CRUMB, 401, "AUTH"),
        (BAD_CRUMB, 200, "AUTH"),
        (TOO_MANY, 429, "RETRY"),
        (b"Too Many Requests\r\n", 200, "RETRY"),
        (b"Edge: Too Many Requests", 429, "RETRY"),
        (b"", 302, "AUTH"),
        (b"", 200, "RETRY"),
        (b"Will be right back...", 999, "RETRY"),
        (b"<html>Service Unavailable</html>", 503, "RETRY"),
        (b"<html>Forbidden</html>", 403, "AUTH"),
        (b"<html>Not Found</html>", 404, "BAD_REQUEST"),
        (b"<!doctype html><html></html>", 200, "SCHEMA"),
        (b"Q1w2e3.crumb", 200, "SCHEMA"),
        ({"news": []}, 200, "EMPTY"),
        (NEWS, 200, "OK"),
        ([], 200, "SCHEMA"),
    ],
)
def test_an_answer_is_classified_by_its_body_before_its_status(document: object, status: int, expected: str) -> None:
    assert SOURCE.classify(payload_of(document, status=status)) is Classification(expected)


def test_every_recording_is_what_it_is(recordings: Path, catalogue: Catalogue) -> None:
    seen: dict[str, tuple[str, dict[str, int]]] = {}
    for folder in ("yahoo_chart", "yahoo_search_news"):
        for item in recorded_payloads(recordings / folder, source="yahoo", now=FETCHED):
            parsed = SOURCE.parse(item.payload, catalogue)
            classified = SOURCE.classify(item.payload)
            assert parsed.rejected.is_empty() or classified is Classification.AUTH, item.path
            seen[item.path.stem] = (classified.value, {name: table.height for name, table in parsed.tables.items()})
    assert len(seen) == 20
    assert seen["getcrumb_consent_redirect"] == ("AUTH", {})
    assert seen["quote_ADH_unknown_symbol"] == seen["quoteSummary_all_ADH_404"] == ("EMPTY", {})
    assert seen["chart_AAPL_2020_div_split"] == ("OK", {"yahoo_daily": 49, "yahoo_dividends": 1, "yahoo_splits": 1})
    assert seen["chart_NVDA_split_1y"] == ("OK", {"yahoo_daily": 252, "yahoo_splits": 1})
    assert seen["pricehist_ibm-long-partial"] == ("OK", {"yahoo_daily": 10, "yahoo_dividends": 10, "yahoo_splits": 7})
    assert seen["pp_response_yahoo_historical01"] == ("OK", {"yahoo_daily": 124})
    assert all(seen[f"search_{symbol}"] == ("OK", {"yahoo_articles": 4}) for symbol in ("AAPL", "BABA", "GOOG"))


def test_recorded_bars_are_dated_by_the_exchange_and_known_from_the_fetch(recordings: Path, catalogue: Catalogue) -> None:
    found = {
        item.path.stem: SOURCE.parse(item.payload, catalogue).tables
        for item in recorded_payloads(recordings / "yahoo_chart", source="yahoo", now=FETCHED)
    }
    apple = found["chart_AAPL_2020_div_split"]
    first, last = apple["yahoo_daily"].row(0, named=True), apple["yahoo_daily"].row(-1, named=True)
    assert (first["entity"], first["valid_time"]) == ("AAPL", datetime(2020, 8, 31, tzinfo=UTC))
    assert first["close"] == 129.0399932861328
    assert (last["valid_time"], last["close"], last["volume"]) == (datetime(2020, 11, 6, tzinfo=UTC), 118.69000244140625, 114457900.0)
    assert set(apple["yahoo_daily"]["knowledge_time"]) == {datetime(2025, 2, 20, 11, 47, 42, tzinfo=UTC)}
    assert apple["yahoo_daily"]["clipped"].all()
    assert apple["yahoo_dividends"].select("valid_time", "amount", "currency").rows() == [(datetime(2020, 11, 6, tzinfo=UTC), 0.205, "USD")]
    assert apple["yahoo_splits"].select("valid_time", "numerator", "denominator").rows() == [(datetime(2020, 8, 31, tzinfo=UTC), 4.0, 1.0)]
    # A July split at 13:30Z, sessions in February at 14:30Z: both are days in New York.
    assert found["chart_NVDA_split_1y"]["yahoo_splits"]["valid_time"].to_list() == [datetime(2021, 7, 20, tzinfo=UTC)]
    assert found["chart_NVDA_split_1y"]["yahoo_daily"]["valid_time"][0] == datetime(2021, 2, 1, tzinfo=UTC)
    # Before 1970.
    assert found["pricehist_ibm-long-partial"]["yahoo_daily"]["valid_time"][0] == datetime(1962, 1, 2, tzinfo=UTC)
    pence = found["chart_OCDO_L_pence"]["yahoo_daily"].row(0, named=True)
    assert (pence["close"], pence["currency"]) == (1259.5, "GBp")
    quote = found["quote_AAPL"]["yahoo_quotes"].row(0, named=True)
    assert (quote["price"], quote["market_cap"], quote["shares_outstanding"]) == (244.6, 3674405863424.0, 15022100480.0)
    assert (quote["valid_time"], quote["knowledge_time"].day) == (datetime(2025, 2, 14, 21, tzinfo=UTC), 17)


def test_recorded_headlines_are_articles_known_from_the_fetch(recordings: Path, catalogue: Catalogue) -> None:
    items = {item.path.stem: item.payload for item in recorded_payloads(recordings / "yahoo_search_news", source="yahoo", now=FETCHED)}
    table = SOURCE.parse(items["search_AAPL"], catalogue).tables["yahoo_articles"]
    row = next(r for r in table.to_dicts() if r["entity"] == "bfb8b663-081c-3c2b-84e3-df8fff2c37d8")
    assert row["title"] == "Indonesia and Apple said to agree on terms to lift iPhone 16 ban"
    assert (row["publisher"], row["tickers"], row["provider_sentiment"], row["summary"]) == ("Bloomberg", "AAPL", None, None)
    assert (row["valid_time"], row["knowledge_time"]) == (datetime(2025, 2, 25, 5, 54, 47, tzinfo=UTC), items["search_AAPL"].fetched_at)


def test_the_session_date_is_that_of_the_named_zone_not_of_the_offset(catalogue: Catalogue) -> None:
    """Tokyo opens at 00:00Z; currencies begin at local midnight, 23:00Z of the day before in summer; the offset of today is no use."""
    for zone, stamp, expected in [
        ("Asia/Tokyo", datetime(2020, 7, 1, 0, 0, tzinfo=UTC), date(2020, 7, 1)),
        ("Europe/London", datetime(2020, 7, 1, 23, 0, tzinfo=UTC), date(2020, 7, 2)),
        ("Europe/London", datetime(2020, 1, 2, 0, 0, tzinfo=UTC), date(2020, 1, 2)),
        ("Pacific/Auckland", datetime(2020, 1, 1, 21, 0, tzinfo=UTC), date(2020, 1, 2)),
        ("America/New_York", datetime(2020, 7, 1, 13, 30, tzinfo=UTC), date(2020, 7, 1)),
    ]:
        document = chart(
            meta={"exchangeTimezoneName": zone, "gmtoffset": 0},
            timestamp=[int(stamp.timestamp())],
            events={},
            indicators={"quote": [{"close": [1.5]}]},
        )
        table = SOURCE.parse(payload_of(document), catalogue).tables["yahoo_daily"]
        assert [value.date() for value in table["valid_time"]] == [expected], zone


def test_nulls_in_arrays_are_missing_days_or_missing_cells(catalogue: Catalogue) -> None:
    table = SOURCE.parse(payload_of(chart(quote={"open": [None, None, 73.45]})), catalogue).tables["yahoo_daily"]
    assert table["row_state"].to_list() == ["value", "missing", "value"]
    assert table["open"].to_list() == [None, None, 73.45]
    assert table["close"].to_list() == [75.09, None, 74.95]
    assert table["currency"].to_list() == ["USD", None, "USD"]


def test_the_adjusted_close_is_never_kept(catalogue: Catalogue) -> None:
    plain, other = chart(), chart()
    other["chart"]["result"][0]["indicators"]["adjclose"] = [{"adjclose": [1, 2, 3]}]
    tables = [SOURCE.parse(payload_of(document), catalogue).tables["yahoo_daily"] for document in (plain, other)]
    assert tables[0].equals(tables[1])


def test_the_bar_of_a_running_session_is_no_close(catalogue: Catalogue) -> None:
    """The last "bar" of a trading day is the last trade so far; the same body saved late does not become a close by that."""
    opened, closed = datetime(2020, 1, 6, 14, 30, tzinfo=UTC), datetime(2020, 1, 6, 21, 0, tzinfo=UTC)
    period = {"regular": {"start": int(opened.timestamp()), "end": int(closed.timestamp())}}
    at_noon = datetime(2020, 1, 6, 17, 0, tzinfo=UTC)

    def closes(traded: datetime, fetched: datetime, **meta: Any) -> tuple[list[Any], list[Any]]:
        document = chart(meta={"currentTradingPeriod": period, "regularMarketTime": int(traded.timestamp()), **meta})
        parsed = SOURCE.parse(payload_of(document, fetched=fetched), catalogue)
        return parsed.tables["yahoo_daily"]["close"].to_list(), refused(parsed)

    running = [(3, "close", RejectReason.UNSUPPORTED.value)]
    assert closes(at_noon, at_noon) == ([75.09, None], running)
    assert closes(at_noon, FETCHED) == ([75.09, None], running)
    assert closes(closed, closed) == ([75.09, None, 74.95], [])
    assert closes(at_noon, at_noon, currentTradingPeriod=None) == ([75.09, None], running)
    assert closes(at_noon, datetime(2020, 1, 7, 5, 0, tzinfo=UTC), currentTradingPeriod=None) == ([75.09, None, 74.95], [])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"meta": {"exchangeTimezoneName": None}}, [(None, None, "missing_field")]),
        ({"meta": {"exchangeTimezoneName": "Mars/Olympus"}}, [(None, None, "wrong_type")]),
        ({"meta": {"exchangeTimezoneName": "America"}}, [(None, None, "wrong_type")]),
        ({"meta": {"dataGranularity": "1wk"}}, [(None, None, "unsupported")]),
        ({"timestamp": [1577975400, 1578061800]}, [(None, "close", "unexpected_shape")]),
        ({"timestamp": [1577975400, "x", True]}, [(2, "timestamp", "not_a_date"), (3, "timestamp", "not_a_date")]),
        ({"timestamp": [1577975400, 1577975401, 1578321000]}, [(3, "valid_time", "contradiction")]),
        ({"timestamp": {"a": 1}}, [(None, "indicators", "unexpected_shape")]),
        ({"indicators": {"quote": []}}, [(None, "indicators", "unexpected_shape")]),
        ({"quote": {"open": [1]}}, [(None, "open", "unexpected_shape")]),
        ({"quote": {"open": [74, "2", True]}}, [(2, "open", "not_a_number"), (3, "open", "not_a_number")]),
        ({"quote": {"volume": [-1, None, 0]}}, [(1, "volume", "out_of_range")]),
        ({"events": {"dividends": {"1": {"date": 1578061800}}}}, [(1, "amount", "not_a_number")]),
        ({"events": {"dividends": {"1": {"amount": 1}}}}, [(1, "timestamp", "not_a_date")]),
        ({"events": {"splits": {"1": {"date": 1578061800, "numerator": 0, "denominator": 1}}}}, [(1, "numerator", "not_a_number")]),
        ({"events": {"dividends": []}}, []),
        ({"events": None}, []),
    ],
)
def test_what_is_wrong_is_rejected_where_it_is(changes: dict[str, Any], expected: list[tuple[Any, ...]], catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(payload_of(chart(**copy.deepcopy(changes))), catalogue)
    if "timestamp" in changes and "contradiction" in str(expected):
        assert [reason for _, _, reason in refused(parsed)] == ["contradiction"] * 2
    else:
        assert refused(parsed) == expected


@pytest.mark.parametrize(
    ("quote", "refused"),
    [
        ({"high": [73.0, None, 75.0]}, [("high", "contradiction"), ("open", "contradiction"), ("close", "contradiction")]),
        ({"open": [75.3, None, 73.45]}, [("open", "contradiction")]),
        ({"close": [73.7, None, 74.95]}, [("close", "contradiction")]),
        ({"open": [75.2, None, 73.45]}, []),  # rounded by itself
        ({"low": [-1.0, None, 73.19]}, [("low", "out_of_range")]),
        ({"high": None, "low": None, "open": None, "close": [-5.0, None, 74.95]}, [("close", "out_of_range")]),
    ],
)
def test_a_bar_whose_prices_cannot_be_is_refused_alone(quote: dict[str, Any], refused: list[tuple[str, str]], catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(payload_of(chart(quote=quote)), catalogue)
    assert parsed.rejected.select("column", "reason").rows() == refused
    assert set(parsed.rejected["row"]) <= {1}
    days = parsed.tables["yahoo_daily"].drop_nulls("close")["valid_time"].dt.date().to_list()
    assert days == ([date(2020, 1, 6)] if refused else [date(2020, 1, 2), date(2020, 1, 6)])


def test_a_future_may_cost_less_than_nothing_and_an_open_of_zero_is_none(catalogue: Catalogue) -> None:
    oil = {"open": [-14.0, None, 0], "high": [13.86, None, 75.0], "low": [-40.32, None, 73.19], "close": [-37.63, None, 74.95]}
    parsed = SOURCE.parse(payload_of(chart(quote=oil, meta={"instrumentType": "FUTURE"})), catalogue)
    assert parsed.rejected.is_empty()
    assert parsed.tables["yahoo_daily"].select("open", "close").rows() == [(-14.0, -37.63), (None, None), (None, 74.95)]


def test_the_order_of_fields_and_unknown_ones_change_nothing_and_optional_ones_may_be_absent(
    catalogue: Catalogue, pytestconfig: pytest.Config
) -> None:
    draw = random.Random(int(pytestconfig.getoption("--hypothesis-seed") or 0))

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            pairs = [(key, shuffled(item)) for key, item in value.items()] + [("somethingNew", {"a": [1]})]
            draw.shuffle(pairs)
            return dict(pairs)
        return value

    document = chart()
    result = document["chart"]["result"][0]
    plain = SOURCE.parse(payload_of(document), catalogue)
    other = {"chart": {"error": None, "result": [{**shuffled(result), "events": result["events"]}]}}
    again = SOURCE.parse(payload_of(other), catalogue)
    assert all(table.equals(again.tables[name]) for name, table in plain.tables.items())
    for name in ("currency", "symbol", "dataGranularity", "currentTradingPeriod", "regularMarketTime", "gmtoffset", "range"):
        document = chart()
        del document["chart"]["result"][0]["meta"][name]
        parsed = SOURCE.parse(payload_of(document), catalogue)
        assert parsed.tables["yahoo_daily"]["entity"].to_list() == ["ACME"] * 3, name
        assert parsed.rejected.is_empty()


def test_several_results_of_one_answer_are_all_kept(catalogue: Catalogue) -> None:
    both = {"chart": {"result": [chart()["chart"]["result"][0], chart(meta={"symbol": "emca"})["chart"]["result"][0]], "error": None}}
    table = SOURCE.parse(replace(payload_of(both), url=""), catalogue).tables["yahoo_daily"]
    assert table["entity"].to_list() == ["ACME"] * 3 + ["EMCA"] * 3


def test_bad_articles_are_rejected_alone(catalogue: Catalogue) -> None:
    good: dict[str, Any] = NEWS["news"][0]
    news: list[Any] = [
        good,
        {**good, "title": ""},
        {**good, "providerPublishTime": "soon"},
        {"title": "x"},
        7,
        {**good, "uuid": "", "link": ""},
    ]
    parsed = SOURCE.parse(payload_of({"news": news}), catalogue)
    assert parsed.tables["yahoo_articles"].height == 1
    assert refused(parsed) == [
        (2, "title", "missing_field"),
        (3, "providerPublishTime", "not_a_date"),
        (4, "providerPublishTime", "missing_field"),
        (5, None, "unexpected_shape"),
        (6, "entity", "missing_field"),
    ]


class Asked:
    """A transport that notes what it is asked and answers with nothing."""

    has_key = False
    now = FETCHED

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def send(self, request: Request) -> Payload:
        self.requests.append(request)
        return payload_of({"chart": {"result": [], "error": None}}, url=request.full_url, stream=request.stream)


def test_what_is_asked_covers_the_days_wanted_in_every_zone(catalogue: Catalogue) -> None:
    transport = Asked()
    query = Query(series=("aapl", "eurusd=x", "^vix", "news:Acme Corp"), since=date(2020, 1, 2), until=date(2020, 1, 3))
    assert len(list(SOURCE.fetch(query, transport, catalogue))) == 4
    apple, euro, vix, news = transport.requests
    asked = {name: int(value) for name, value in apple.params if name.startswith("period")}
    assert datetime.fromtimestamp(asked["period1"], UTC) == datetime(2020, 1, 1, tzinfo=UTC)
    assert datetime.fromtimestamp(asked["period2"], UTC) == datetime(2020, 1, 5, tzinfo=UTC)
    assert ("interval", "1d") in apple.params
    assert ("events", "div|split") in apple.params
    assert [request.stream for request in transport.requests] == ["AAPL", "EURUSD=X", "^VIX", "news:Acme Corp"]
    assert euro.url.endswith("/EURUSD=X")
    assert vix.url.endswith("/^VIX")
    assert parse_qs(urlsplit(news.full_url).query)["q"] == ["Acme Corp"]


def test_without_dates_all_of_history_is_asked_by_dates_since_a_range_would_give_months(catalogue: Catalogue) -> None:
    transport = Asked()
    list(SOURCE.fetch(Query(series=("AAPL",)), transport, catalogue))
    params = dict(transport.requests[0].params)
    assert int(params["period1"]) < -2_000_000_000
    assert int(params["period2"]) > int(FETCHED.timestamp())
    assert "range" not in params


def test_without_series_those_of_the_catalogue_are_asked_and_an_empty_search_is_none(catalogue: Catalogue) -> None:
    transport = Asked()
    list(SOURCE.fetch(Query(), transport, catalogue))
    assert {"^GSPC", "^VIX", "HYG"} <= {request.stream for request in transport.requests}
    with pytest.raises(InvalidInput, match="news:AAPL"):
        list(SOURCE.fetch(Query(series=("news: ",)), transport, catalogue))


def test_it_is_off_until_switched_on_and_nothing_of_it_may_be_passed_on(catalogue: Catalogue) -> None:
    assert not SOURCE.provider.switched_on
    assert "personal use" in SOURCE.provider.terms
    owned = [dataset for dataset in catalogue.datasets.values() if dataset.source == "yahoo"]
    assert len(owned) == 5
    assert all(dataset.redistribution is Redistribution.FORBIDDEN for dataset in owned)
