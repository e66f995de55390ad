"""Fiscal Data: every table's values and times, the text ``null``, pages, fields that must not be named, and its errors."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput, SourceUnavailable
from crfs.sources.core import Classification, Parsed, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.fiscaldata import SOURCE, TABLES, FiscalData
from tests.samples import sample
from tests.samples.fiscaldata import API, CASH, PATHS, ROWS, SAMPLES, page
from tests.sources.recorded_transport import RecordedTransport

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def parse(rows: Sequence[object], catalogue: Catalogue, *, stream: str) -> Parsed:
    return SOURCE.parse(sample("fiscaldata", page(rows), stream=stream), catalogue)


def only(parsed: Parsed, dataset: str) -> dict[str, Any]:
    assert parsed.rejected.is_empty()
    assert parsed.tables[dataset].height == 1
    return parsed.tables[dataset].row(0, named=True)


def test_the_recorded_auctions_are_read_row_by_row(recordings: Path, catalogue: Catalogue) -> None:
    item = next(recorded_payloads(recordings / "treasury_fiscaldata", source="fiscaldata", now=NOW))
    assert SOURCE.classify(item.payload) is Classification.OK
    parsed = SOURCE.parse(item.payload, catalogue)
    table = parsed.tables["fiscaldata_upcoming_auctions"]
    assert (table.height, parsed.rejected.height) == (90, 0)
    bill = table.filter(pl.col("entity") == "912797JW8").row(0, named=True)
    assert bill["valid_time"] == datetime(2024, 3, 14, tzinfo=UTC)
    assert bill["knowledge_time"] == datetime(2024, 3, 13, 4, tzinfo=UTC), "the end of 12 March in New York"
    assert (bill["vintage_date"], bill["offering_amt"], bill["reopening"]) == (date(2024, 3, 12), 90e9, True)
    ten = table.filter(pl.col("entity") == "91282CRE3").row(0, named=True)
    # Announced on the day of the fetch, or after it: known from the fetch, not from the end of the day.
    assert (ten["knowledge_time"], ten["clipped"]) == (datetime(2026, 7, 16, 18, 32, 50, tzinfo=UTC), True)
    unknown = table.filter(pl.col("offering_amt").is_null())
    assert sorted(unknown["entity"]) == ["91282CMQ1", "91282CPV7"]
    assert unknown["row_state"].cast(pl.String).to_list() == ["value", "value"], "the auction is there, its amount is not"


def test_the_recorded_address_is_what_is_asked(recordings: Path, catalogue: Catalogue) -> None:
    payloads = [item.payload for item in recorded_payloads(recordings / "treasury_fiscaldata", source="fiscaldata", now=NOW)]
    transport = RecordedTransport(payloads, now=NOW)
    assert len(list(SOURCE.fetch(Query(series=("upcoming_auctions",)), transport, catalogue))) == 1


def test_debt_is_known_from_the_next_business_day_and_null_is_no_number(catalogue: Catalogue) -> None:
    table = SOURCE.parse(SAMPLES[0], catalogue).tables["fiscaldata_debt"]
    first, last = table.row(0, named=True), table.row(1, named=True)
    # 28 March 2024 is a Thursday before Good Friday, on which federal offices were open.
    assert (last["valid_time"], last["knowledge_time"]) == (datetime(2024, 3, 28, tzinfo=UTC), datetime(2024, 3, 29, 22, tzinfo=UTC))
    assert last["tot_pub_debt_out_amt"] == 34576469410217.77
    assert (first["tot_pub_debt_out_amt"], first["debt_held_public_amt"], first["intragov_hold_amt"]) == (4225873987843.44, None, None)
    assert last["knowledge_basis"] == "calendar"


def test_average_rates_have_their_type_in_the_entity_and_a_null_is_missing(catalogue: Catalogue) -> None:
    table = SOURCE.parse(SAMPLES[1], catalogue).tables["fiscaldata_average_rates"]
    assert table.select("entity", "avg_interest_rate_amt", pl.col("row_state").cast(pl.String)).rows() == [
        ("Marketable/Treasury Bills", 5.34, "value"),
        ("Marketable/Treasury Notes", None, "missing"),
    ]
    # A declared lag of 14 days after the day that follows the month's last.
    assert table["knowledge_time"][0] == datetime(2024, 3, 15, 22, tzinfo=UTC)
    assert table["knowledge_basis"][0] == "assumed"


def test_the_closing_balance_is_one_series_under_all_its_names(catalogue: Catalogue) -> None:
    """In April 2022 the closing balance became a row of its own, in the field of the opening balance."""
    accounts = [
        ("2021-09-30", "Federal Reserve Account", "215160", "1"),
        ("2021-10-01", "Treasury General Account (TGA)", "132385", "2"),
        ("2022-04-18", "Treasury General Account (TGA) Closing Balance", "null", "906463"),
        ("2022-04-18", "Treasury General Account (TGA) Opening Balance", "null", "3"),
        ("2022-04-18", "Total TGA Deposits (Table II)", "null", "4"),
    ]
    names = ("record_date", "account_type", "close_today_bal", "open_today_bal")
    rows = [dict(zip(names, texts, strict=True)) | CASH for texts in accounts]
    parsed = parse(rows, catalogue, stream="operating_cash_balance")
    assert parsed.tables["fiscaldata_general_account"]["closing_balance"].to_list() == [215160, 132385, 906463]
    assert parsed.tables["fiscaldata_cash_balance"].height == 5


def test_a_rate_of_exchange_holds_from_its_effective_date(catalogue: Catalogue) -> None:
    row = {**ROWS["rates_of_exchange"][0], "effective_date": "2024-04-30"}
    got = only(parse([row], catalogue, stream="rates_of_exchange"), "fiscaldata_exchange_rates")
    assert (got["entity"], got["valid_time"], got["exchange_rate"]) == ("Canada-Dollar", datetime(2024, 4, 30, tzinfo=UTC), 1.355)
    without = {name: text for name, text in row.items() if name != "effective_date"}
    got = only(parse([without], catalogue, stream="rates_of_exchange"), "fiscaldata_exchange_rates")
    assert got["valid_time"] == datetime(2024, 3, 31, tzinfo=UTC)


def test_the_monthly_statement_is_known_from_the_fifth_business_day(catalogue: Catalogue) -> None:
    got = only(SOURCE.parse(SAMPLES[3], catalogue), "fiscaldata_public_debt")
    assert (got["entity"], got["total_mil_amt"]) == ("Total Marketable/_", 26920000.1)
    assert got["knowledge_time"] == datetime(2024, 3, 7, 23, tzinfo=UTC)


def test_rows_that_lack_a_field_of_their_entity_are_rejected(catalogue: Catalogue) -> None:
    """Where ``fields`` left out a text, the API has added up the rows that differ in it."""
    row = {"record_date": "2024-02-29", "security_desc": "Treasury Bills", "avg_interest_rate_amt": "10.1"}
    parsed = parse([row], catalogue, stream="avg_interest_rates")
    assert (parsed.tables, parsed.rejected.select("row", "column", "reason").rows()) == ({}, [(1, "security_type_desc", "missing_field")])
    csv = sample("fiscaldata", b"record_date,avg_interest_rate_amt\n2024-02-29,10.1\n", stream="avg_interest_rates")
    assert SOURCE.parse(csv, catalogue).tables == {}


def test_bad_cells_are_rejected_by_row_and_the_good_beside_them_kept(catalogue: Catalogue) -> None:
    good = ROWS["debt_to_penny"][0]
    rows = [
        {**good, "tot_pub_debt_out_amt": "34,576"},
        {**good, "record_date": "2024-02-30"},
        "no row",
        {**good, "record_date": "null"},
        {**good, "record_date": "2024-03-27", "tot_pub_debt_out_amt": "-1"},
        {**good, "record_date": "2024-03-26", "intragov_hold_amt": "1e999"},
        {name: text for name, text in good.items() if name != "tot_pub_debt_out_amt"},
        good,
        {**good, "record_date": "2024-03-25"},
        {**good, "record_date": "2024-03-25", "tot_pub_debt_out_amt": "1"},
    ]
    parsed = parse(rows, catalogue, stream="debt_to_penny")
    assert parsed.tables["fiscaldata_debt"]["tot_pub_debt_out_amt"].to_list() == [34576469410217.77]
    assert set(parsed.rejected.select("row", "reason").rows()) == {
        (1, "not_a_number"), (2, "not_a_date"), (3, "unexpected_shape"), (4, "not_a_date"), (5, "out_of_range"), (6, "not_finite"),
        (7, "missing_field"), (9, "contradiction"), (10, "contradiction"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "total", "off"), [("debt_to_penny", "tot_pub_debt_out_amt", (0.01, 5.0)), ("mspd_table_1", "total_mil_amt", (1.5, 3.0))]
)
def test_a_total_that_is_not_the_sum_of_its_parts_is_rejected(
    catalogue: Catalogue, name: str, total: str, off: tuple[float, float]
) -> None:
    good = ROWS[name][0]
    rounded, wrong = (
        {**good, "record_date": day, total: f"{float(good[total]) + by:.2f}"}
        for day, by in zip(("2023-12-31", "2024-01-31"), off, strict=True)
    )
    alone = {**good, "record_date": "2023-11-30", total: "99", "intragov_hold_amt": "null", "intragov_hold_mil_amt": "null"}
    parsed = parse([good, rounded, wrong, alone], catalogue, stream=name)
    assert parsed.rejected.select("row", "column", "reason").rows() == [(3, total, "contradiction")]
    assert next(iter(parsed.tables.values())).height == 3


@pytest.mark.parametrize("name", list(ROWS))
def test_a_table_is_known_by_its_fields_alone_in_any_order(catalogue: Catalogue, name: str, seed: int) -> None:
    """A saved body without an address, its fields shuffled, numbers as numbers and an unknown field put in."""
    draw = random.Random(seed)
    rows: list[Mapping[str, Any]] = []
    for row in ROWS[name]:
        items: list[tuple[str, Any]] = [*row.items(), ("something_new", "x")]
        draw.shuffle(items)
        rows.append(dict(items))
    got, whole = parse(rows, catalogue, stream="saved"), parse(ROWS[name], catalogue, stream=name)
    assert got.tables.keys() == whole.tables.keys()
    assert all(table.equals(whole.tables[key]) for key, table in got.tables.items())
    assert got.rejected.is_empty()


class Paged:
    """A table of ``total`` days of debt, answered in pages as the API does."""

    has_key = False
    now = NOW

    def __init__(self, total: int, *, stuck: bool = False) -> None:
        self.total, self.stuck = total, stuck
        self.asked: list[dict[str, str]] = []

    def send(self, request: Request) -> Payload:
        params = dict(request.params)
        self.asked.append(params)
        number, size = int(params["page[number]"]), int(params["page[size]"])
        number = 1 if self.stuck else number
        days = range(self.total)[(number - 1) * size : number * size]
        rows = [{"record_date": date.fromordinal(738000 + day).isoformat(), "tot_pub_debt_out_amt": str(day)} for day in days]
        body = page(rows, total=self.total, pages=-(-self.total // size), number=number)
        return sample("fiscaldata", body, url=request.full_url, stream=request.stream)


def test_pages_are_asked_until_the_last_and_no_field_is_named(catalogue: Catalogue) -> None:
    transport = Paged(250)
    query = Query(series=("debt_to_penny",), since=date(2021, 1, 1), until=date(2021, 12, 31))
    payloads = list(FiscalData(page_size=100).fetch(query, transport, catalogue))
    assert [params["page[number]"] for params in transport.asked] == ["1", "2", "3"]
    assert {params["filter"] for params in transport.asked} == {"record_date:gte:2021-01-01,record_date:lte:2021-12-31"}
    assert all("fields" not in params for params in transport.asked)
    assert sum(SOURCE.parse(payload, catalogue).tables["fiscaldata_debt"].height for payload in payloads) == 250
    assert all(SOURCE.classify(payload) is Classification.OK for payload in payloads)


def test_a_provider_that_gives_the_same_page_again_ends_the_fetch(catalogue: Catalogue) -> None:
    with pytest.raises(SourceUnavailable, match="same page"):
        list(FiscalData(page_size=100).fetch(Query(series=("debt_to_penny",)), Paged(250, stuck=True), catalogue))


def test_the_first_page_under_the_number_of_another_is_not_taken(catalogue: Catalogue) -> None:
    """Its link to itself says so, or else its rows do."""

    class Circling(Paged):
        own = ""

        def send(self, request: Request) -> Payload:
            payload = super().send(request)
            number = dict(request.params)["page[number]"]
            body = payload.body.replace(
                b'"self": "&page%5Bnumber%5D=1"', f'"self": "{self.own.format(number)}", "nonce": {number}'.encode()
            )
            return replace(payload, body=body)

    told = Circling(250, stuck=True)
    told.own = "&page%5Bnumber%5D=1"
    answers = FiscalData(page_size=100).fetch(Query(series=("debt_to_penny",)), told, catalogue)
    assert [SOURCE.classify(next(answers)) for _ in range(2)] == [Classification.OK, Classification.RETRY]
    with pytest.raises(SourceUnavailable, match="gives the page before again as page 2"):
        list(FiscalData(page_size=100).fetch(Query(series=("debt_to_penny",)), Circling(250, stuck=True), catalogue))


def test_without_series_every_table_is_asked_for(catalogue: Catalogue) -> None:
    class Empty(Paged):
        def send(self, request: Request) -> Payload:
            self.asked.append({"url": request.url})
            return sample("fiscaldata", page([], total=0, pages=0), url=request.full_url, stream=request.stream)

    transport = Empty(0)
    payloads = list(SOURCE.fetch(Query(), transport, catalogue))
    assert [params["url"] for params in transport.asked] == [API + path for path in PATHS.values()]
    assert {SOURCE.classify(payload) for payload in payloads} == {Classification.EMPTY}
    assert len(payloads) == len(TABLES)


def test_an_unknown_table_is_an_error_that_names_the_known(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidInput, match="debt_to_penny"):
        next(SOURCE.fetch(Query(series=("debt",)), Paged(1), catalogue))


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (page(ROWS["debt_to_penny"]), 200, "OK"),
        (page([], total=0, pages=0), 200, "EMPTY"),
        (page([], total=250, pages=3), 200, "RETRY"),
        (page(ROWS["debt_to_penny"], total=5), 200, "RETRY"),
        (page(ROWS["debt_to_penny"]).replace(b'"count": 2', b'"count": 100'), 200, "RETRY"),
        (b'{"error":"Invalid Query Param","message":"Invalid query parameter \'x\'"}', 400, "BAD_REQUEST"),
        (b'{"error":"Invalid Query Param","message":"Invalid query parameter \'x\'"}', 200, "BAD_REQUEST"),
        (b"<html><body>Not Found</body></html>", 404, "BAD_REQUEST"),
        (b"<html><body>maintenance</body></html>", 200, "SCHEMA"),
        (b"<html><body>gateway</body></html>", 502, "RETRY"),
        (b'{"message":"Forbidden"}', 403, "AUTH"),
        (b"", 200, "RETRY"),
        (b"", 204, "EMPTY"),
        (b'{"data": [', 200, "SCHEMA"),
        (b'{"data": {}}', 200, "SCHEMA"),
        (page([{"record_date": "2024-03-28", "gold": "1"}]), 200, "SCHEMA"),
    ],
)
def test_an_answer_is_classified_by_its_body_before_its_status(body: bytes, status: int, expected: str) -> None:
    assert SOURCE.classify(sample("fiscaldata", body, status=status, stream="saved")) is Classification(expected)


def test_a_page_beyond_the_last_is_empty() -> None:
    url = f"{API}{PATHS['debt_to_penny']}?page%5Bnumber%5D=4&page%5Bsize%5D=100"
    assert SOURCE.classify(sample("fiscaldata", page([], total=250, pages=3, number=4), url=url)) is Classification.EMPTY
    assert SOURCE.classify(sample("fiscaldata", page([], total=250, pages=3, number=1), url=url)) is Classification.RETRY
    second = url.replace("=4", "=2")
    nothing = page([], total=250, pages=3, number=2).replace(b'"total-count": 250', b'"total-count": null')
    assert SOURCE.classify(sample("fiscaldata", nothing, url=second)) is Classification.RETRY
