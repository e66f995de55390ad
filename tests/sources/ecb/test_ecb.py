"""The ECB: recorded reference rates, what they are quoted in, when they were known; series of the data portal; what is asked."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Parsed, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.ecb import SOURCE
from tests.samples import sample
from tests.samples.ecb import API, CSV, DEPOSIT, KEYS, eurofxref
from tests.samples.sdmx import json_message

RATES, CROSS, SERIES = "ecb_reference_rates", "ecb_dollar_rates", "ecb_series"
NOW = datetime(2024, 4, 2, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def recorded(recordings: Path, catalogue: Catalogue) -> Parsed:
    """The recorded part of the history of reference rates."""
    item = next(recorded_payloads(recordings / "ecb", source="ecb", now=NOW))
    assert SOURCE.classify(item.payload) is Classification.OK
    return SOURCE.parse(item.payload, catalogue)


def parse(body: bytes, catalogue: Catalogue, *, url: str = "", stream: str = "saved") -> Parsed:
    return SOURCE.parse(sample("ecb", body, url=url, stream=stream), catalogue)


def value(table: pl.DataFrame, entity: str, day: date) -> float:
    found: float = table.filter((pl.col("entity") == entity) & (pl.col("valid_time").dt.date() == day)).select(pl.last()).item()
    return found


def test_recorded_rates_are_units_of_a_currency_for_one_euro(recorded: Parsed) -> None:
    table = recorded.tables[RATES]
    assert (table.height, recorded.rejected.height) == (327, 0)
    assert value(table, "USD", date(2021, 1, 8)) == 1.225
    assert value(table, "IDR", date(2021, 1, 8)) == 17247.33
    assert value(table, "TRL", date(1999, 1, 4)) == 372274
    assert value(table, "SIT", date(1999, 1, 4)) == 189.045
    assert set(table["knowledge_basis"]) == {"calendar"}


def test_recorded_days_are_known_from_four_in_central_europe(recorded: Parsed) -> None:
    known = dict(recorded.tables[RATES].select("valid_time", "knowledge_time").unique().iter_rows())
    assert known[datetime(2021, 1, 8, tzinfo=UTC)] == datetime(2021, 1, 8, 15, tzinfo=UTC), "winter time"
    assert known[datetime(2021, 6, 25, tzinfo=UTC)] == datetime(2021, 6, 25, 14, tzinfo=UTC), "summer time"
    assert all(knowledge > valid for valid, knowledge in known.items())


def test_dollar_rates_are_ratios_of_one_day_and_the_euros_is_inverse(recorded: Parsed) -> None:
    table = recorded.tables[CROSS]
    assert value(table, "JPY", date(2021, 1, 8)) == 127.26 / 1.225
    assert value(table, "EUR", date(2021, 1, 8)) == 1 / 1.225
    assert "USD" not in set(table["entity"])


def test_without_the_dollar_of_the_day_there_is_no_dollar_rate(catalogue: Catalogue) -> None:
    body = eurofxref({"2024-03-28": {"JPY": "163.45"}, "2024-03-27": {"USD": "1.08", "JPY": "163"}})
    table = parse(body, catalogue).tables[CROSS]
    assert table.select("entity", pl.col("valid_time").dt.day()).rows() == [("EUR", 27), ("JPY", 27)]


def test_no_dollar_rate_is_made_of_a_rate_that_is_refused(catalogue: Catalogue) -> None:
    body = eurofxref({"2024-03-28": {"USD": "11.1", "JPY": "163.45"}, "2024-03-27": {"USD": "1.08", "JPY": "163", "GBP": "-1"}})
    parsed = parse(body, catalogue)
    assert parsed.tables[CROSS].select("entity", pl.col("valid_time").dt.day()).rows() == [("EUR", 27), ("JPY", 27)]
    assert parsed.tables[RATES].height == 3


def test_a_rate_of_today_is_known_from_the_fetch_before_four(catalogue: Catalogue) -> None:
    body, fetched = eurofxref({"2024-03-28": {"USD": "1.08"}}), datetime(2024, 3, 28, 14, 30, tzinfo=UTC)
    payload = Payload(source="ecb", stream="x", body=body, url="", status=200, headers={}, started_at=fetched, fetched_at=fetched)
    row = SOURCE.parse(payload, catalogue).tables[RATES].row(0, named=True)
    assert (row["knowledge_time"], row["knowledge_basis"], row["clipped"]) == (fetched, "observed", True)


def test_xml_and_csv_of_the_same_days_give_the_same_rows(recordings: Path, catalogue: Catalogue, seed: int) -> None:
    """The recording written as the CSV that the ECB zips, its columns shuffled: N/A where a day has no rate, a comma too many."""
    item = next(recorded_payloads(recordings / "ecb", source="ecb", now=NOW))
    table = SOURCE.parse(item.payload, catalogue).tables[RATES]
    grid = table.pivot(on="entity", index="valid_time", values="rate")
    names = grid.columns[1:]
    random.Random(seed).shuffle(names)
    lines = [",".join(["Date", *names, ""])]
    for row in grid.iter_rows(named=True):
        lines.append(",".join([f"{row['valid_time']:%Y-%m-%d}", *("N/A" if row[name] is None else str(row[name]) for name in names), ""]))
    parsed = parse("\n".join(lines).encode(), catalogue)
    assert parsed.rejected.is_empty()
    columns = ["entity", "valid_time", "knowledge_time", "rate"]
    assert parsed.tables[RATES].select(columns).equals(table.select(columns))


def test_bad_quotes_are_rejected_and_the_good_beside_them_kept(catalogue: Catalogue) -> None:
    body = eurofxref({"2024-03-28": {"USD": "1.08", "JPY": "x", "GBP": "0", "usd": "1", "CHF": "-1"}, "2024-02-30": {"USD": "1"}})
    body = body.replace(b"</Cube></gesmes", b'<Cube time="2024-03-27"><Cube currency="USD"/><Cube rate="1"/></Cube></Cube></gesmes')
    parsed = parse(body, catalogue)
    assert parsed.tables[RATES].select("entity", "rate").rows() == [("USD", 1.08)]
    assert set(parsed.rejected.select("row", "column", "reason").rows()) == {
        (2, "rate", "not_a_number"), (3, "rate", "out_of_range"), (4, "currency", "unknown_series"), (5, "rate", "out_of_range"),
        (6, "time", "not_a_date"), (7, "rate", "missing_field"), (8, "currency", "missing_field"),
    }  # fmt: skip


def test_series_of_the_data_portal_have_one_key_in_every_format(catalogue: Catalogue) -> None:
    key = "FM.D.U2.EUR.4F.KR.DFR.LEV"
    dimensions = [(name, [code]) for name, code in zip(KEYS, DEPOSIT, strict=True)]
    observations = [(DEPOSIT, "2024-03-28", 4.0), (DEPOSIT, "2024-03-29", 4.0)]
    link = "http://data-api.ecb.europa.eu:80/service/dataflow/ECB/FM/1.0"
    csv = f"KEY,TIME_PERIOD,OBS_VALUE\n{key},2024-03-28,4\n{key},2024-03-29,4\n".encode()
    tables = [
        parse(csv, catalogue).tables[SERIES],
        parse(json_message(dimensions, observations, flow=link), catalogue).tables[SERIES],
        parse(json_message(dimensions, observations, flow=""), catalogue, url=f"{API}FM/D.U2?format=jsondata").tables[SERIES],
        parse(json_message(dimensions, observations, flow=""), catalogue, stream=key).tables[SERIES],
    ]
    assert all(table.equals(tables[0]) for table in tables)
    # Good Friday and Easter Monday are no TARGET days: the rate of Good Friday is published on Tuesday.
    assert tables[0].select("entity", "value", "knowledge_time").rows() == [
        (key, 4.0, datetime(2024, 3, 28, 17, tzinfo=UTC)),
        (key, 4.0, datetime(2024, 4, 2, 16, tzinfo=UTC)),
    ]
    lost = parse(json_message(dimensions, observations, flow=""), catalogue)
    assert (lost.tables, lost.rejected["reason"].to_list()) == ({}, ["unknown_series"])


def test_a_blank_observation_is_missing_and_a_series_without_a_rule_is_known_from_the_fetch(catalogue: Catalogue) -> None:
    table = parse(CSV, catalogue).tables[SERIES]
    assert table.select(pl.col("row_state").cast(pl.String), "value").rows() == [("value", 1.0811), ("missing", None)]
    assert table["clipped"].all()
    assert set(table["knowledge_basis"]) == {"observed"}


def test_the_short_term_rate_is_known_on_the_morning_of_the_next_target_day(catalogue: Catalogue) -> None:
    body = b"KEY,TIME_PERIOD,OBS_VALUE\nEST.B.EU000A2X2A25.WT,2024-03-28,3.907\n"
    assert parse(body, catalogue).tables[SERIES]["knowledge_time"].item() == datetime(2024, 4, 2, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "good", "others"),
    [
        ("FM.D.U2.EUR.4F.KR.DFR.LEV", "2024-03-28", ["2024", "2024-Q1", "2024-S1", "2024-03", "2024-W10"]),
        ("EST.B.EU000A2X2A25.WT", "2024-03-28", ["2024", "2024-03"]),
        ("FM.M.U2.EUR.RT.MM.EURIBOR1MD_.HSTA", "2024-03", ["2024", "2024-Q1", "2024-03-28"]),
        ("EXR.Q.USD.EUR.SP00.A", "2024-Q1", ["2024", "2024-01"]),
    ],
)
def test_no_value_of_a_longer_period_is_dated_by_the_rule_of_a_shorter_one(
    catalogue: Catalogue, key: str, good: str, others: list[str]
) -> None:
    lines = "".join(f"{key},{period},4.0\n" for period in (good, *others))
    parsed = parse(f"KEY,TIME_PERIOD,OBS_VALUE\n{lines}".encode(), catalogue)
    assert parsed.tables[SERIES].height == 1
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (row, "TIME_PERIOD", "contradiction") for row in range(2, len(others) + 2)
    ]


def test_in_a_message_the_frequency_is_the_keys_however_its_dimension_is_called(catalogue: Catalogue) -> None:
    dimensions = [(name, [code]) for name, code in zip(("OFTEN", *KEYS[1:]), DEPOSIT, strict=True)]
    body = json_message(dimensions, [(DEPOSIT, "2024", 4.0), (DEPOSIT, "2024-03-28", 4.0)], flow="https://x/dataflow/FM/all")
    parsed = parse(body, catalogue)
    assert parsed.tables[SERIES]["valid_time"].dt.date().to_list() == [date(2024, 3, 28)]
    assert parsed.rejected["reason"].to_list() == ["contradiction"]


class Portal:
    """Answers everything with the sample of its kind."""

    has_key = False
    now = NOW

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def send(self, request: Request) -> Payload:
        self.asked.append(request)
        body = CSV if "service/data" in request.url else eurofxref({"2024-03-28": {"USD": "1.08"}})
        return sample("ecb", body, url=request.full_url, stream=request.stream)


@pytest.mark.parametrize(
    ("since", "file"),
    [(None, "eurofxref-hist.xml"), (date(2020, 1, 1), "eurofxref-hist.xml"), (date(2024, 3, 20), "eurofxref-hist-90d.xml")],
)
def test_the_smallest_file_that_reaches_back_is_asked_for(catalogue: Catalogue, since: date | None, file: str) -> None:
    portal = Portal()
    list(SOURCE.fetch(Query(series=("reference_rates",), since=since), portal, catalogue))
    assert [request.url.rpartition("/")[2] for request in portal.asked] == [file]


def test_a_key_is_asked_of_its_dataflow_within_its_days(catalogue: Catalogue) -> None:
    portal = Portal()
    query = Query(series=("FM.D.U2.EUR.4F.KR.DFR.LEV",), since=date(2024, 3, 1), until=date(2024, 3, 8))
    list(SOURCE.fetch(query, portal, catalogue))
    assert portal.asked[0].full_url == f"{API}FM/D.U2.EUR.4F.KR.DFR.LEV?startPeriod=2024-03-01&endPeriod=2024-03-08&format=csvdata"


def test_without_series_everything_that_the_catalogue_names_is_asked_for(catalogue: Catalogue) -> None:
    portal = Portal()
    list(SOURCE.fetch(Query(), portal, catalogue))
    named = {factor.entity for factor in catalogue.factors.values() if factor.dataset == SERIES}
    assert {request.stream for request in portal.asked} == {"reference_rates", *named}


def test_what_is_no_series_is_an_error_that_says_what_is(catalogue: Catalogue) -> None:
    for query, words in ((Query(series=("usd",)), "reference_rates"), (Query(options={"format": "xml"}), "csv or json")):
        with pytest.raises(InvalidInput, match=words):
            next(SOURCE.fetch(query, Portal(), catalogue))


@pytest.mark.parametrize(
    ("body", "status", "url", "expected"),
    [
        (eurofxref({"2024-03-28": {"USD": "1.08"}}), 200, "", "OK"),
        (eurofxref({}), 200, "", "EMPTY"),
        (CSV, 200, "", "OK"),
        (CSV.partition(b"\n")[0] + b"\n", 200, "", "EMPTY"),
        (b"No results found.", 404, f"{API}FM/D.X", "EMPTY"),
        (b"<html>not found</html>", 404, "https://www.ecb.europa.eu/stats/eurofxref/x.xml", "BAD_REQUEST"),
        (b"<m:Error xmlns:m='x'>No results found</m:Error>", 200, f"{API}FM/D.X", "EMPTY"),
        (b"<m:Error xmlns:m='x'>Invalid number of dimensions</m:Error>", 200, f"{API}FM/D.X", "BAD_REQUEST"),
        (b"syntax error", 400, f"{API}FM/D.X", "BAD_REQUEST"),
        (b"<!DOCTYPE html><html>maintenance</html>", 200, "", "SCHEMA"),
        (b"", 200, "", "RETRY"),
        (b"", 304, "", "EMPTY"),
        (b"busy", 503, "", "RETRY"),
        (b"slow down", 429, "", "RETRY"),
        (eurofxref({"2024-03-28": {"USD": "1.08"}})[:-30], 200, "", "SCHEMA"),
        (b"a,b\n1,2\n", 200, "", "SCHEMA"),
    ],
)
def test_an_answer_is_classified(body: bytes, status: int, url: str, expected: str) -> None:
    assert SOURCE.classify(sample("ecb", body, status=status, url=url)) is Classification(expected)


def test_every_currency_of_the_catalogue_says_how_it_is_quoted(catalogue: Catalogue, recorded: Parsed) -> None:
    factors = [factor for factor in catalogue.factors.values() if factor.dataset in (RATES, CROSS)]
    units: Mapping[str, str] = {RATES: "EUR", CROSS: "USD"}
    assert all(factor.unit == f"{factor.entity} per {units[factor.dataset]}" for factor in factors)
    assert {factor.entity for factor in factors if factor.dataset == RATES} <= set(recorded.tables[RATES]["entity"])
    assert sum(factor.dataset == RATES for factor in factors) == 32
    assert all(factor.formula for factor in factors if factor.dataset == CROSS)
