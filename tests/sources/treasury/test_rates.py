"""The Treasury's tables: recorded years value by value, XML against CSV, each kind of table, and the times from which days were known."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Parsed, Payload, RejectReason
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.treasury import SOURCE
from tests.samples import sample
from tests.samples.treasury import SAMPLES, feed

PAR, SPREADS = "treasury_par_yields", "treasury_term_spreads"
FETCHED = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
def parsed(recordings: Path, catalogue: Catalogue) -> dict[str, Parsed]:
    """What each recording gives, by the name of its file."""
    found = {}
    for folder in ("treasury_yield_xml", "treasury_yield_csv"):
        for item in recorded_payloads(recordings / folder, source="treasury", now=FETCHED):
            found[item.path.name] = SOURCE.parse(item.payload, catalogue)
    return found


def parse(body: bytes, catalogue: Catalogue, *, stream: str = "rates", url: str = "", fetched: datetime = FETCHED) -> Parsed:
    payload = sample("treasury", body, stream=stream, url=url)
    return SOURCE.parse(
        Payload(
            source="treasury", stream=stream, body=payload.body, url=url, status=200, headers={}, started_at=fetched, fetched_at=fetched
        ),
        catalogue,
    )


def values(table: pl.DataFrame, day: date, column: str = "rate") -> dict[str, float]:
    rows = table.filter(pl.col("valid_time").dt.date() == day)
    return dict(zip(rows["entity"], rows[column], strict=True))


def test_every_recording_is_read_to_the_last_cell(parsed: Mapping[str, Parsed]) -> None:
    rows = {name: {key: table.height for key, table in one.tables.items()} for name, one in parsed.items()}
    assert {name: counts[PAR] for name, counts in rows.items()} == {
        "daily_treasury_yield_curve_1990.xml": 2250,
        "daily_treasury_yield_curve_2008.xml": 2758,
        "daily_treasury_yield_curve_2018.xml": 2790,
        "daily_treasury_yield_curve_2022.xml": 576,
        "daily_treasury_rates_gt.csv": 86985,
        "daily_treasury_rates_2021.csv": 3012,
        "daily_treasury_rates_2024.csv": 3250,
        "daily_treasury_rates_2025.csv": 1803,
    }
    assert all(one.rejected.is_empty() for one in parsed.values())


def test_recorded_days_have_the_values_that_stand_in_the_files(parsed: Mapping[str, Parsed]) -> None:
    table = parsed["daily_treasury_yield_curve_1990.xml"].tables[PAR]
    assert values(table, date(1990, 12, 31)) == {
        "3M": 6.63, "6M": 6.73, "1Y": 6.82, "2Y": 7.15, "3Y": 7.40, "5Y": 7.68, "7Y": 8.00, "10Y": 8.08, "30Y": 8.26,
    }  # fmt: skip
    table = parsed["daily_treasury_rates_2025.csv"].tables[PAR]
    assert values(table, date(2025, 7, 11)) == {
        "1M": 4.37, "1.5M": 4.39, "2M": 4.47, "3M": 4.41, "4M": 4.42, "6M": 4.31, "1Y": 4.09, "2Y": 3.9, "3Y": 3.86, "5Y": 3.99,
        "7Y": 4.19, "10Y": 4.43, "20Y": 4.96, "30Y": 4.96,
    }  # fmt: skip
    assert "1.5M" not in values(table, date(2025, 1, 3))


def test_xml_and_csv_of_the_same_days_agree_exactly(parsed: Mapping[str, Parsed]) -> None:
    """Values, spreads and knowledge times: the long CSV against the feed of 1990, 2008, 2018 and 2022."""
    text = parsed["daily_treasury_rates_gt.csv"].tables
    days = 0
    for year in (1990, 2008, 2018, 2022):
        xml = parsed[f"daily_treasury_yield_curve_{year}.xml"].tables
        last = xml[PAR]["valid_time"].max()
        for dataset in (PAR, SPREADS):
            same = text[dataset].filter((pl.col("valid_time").dt.year() == year) & (pl.col("valid_time") <= last))
            assert same.equals(xml[dataset])
        days += xml[PAR]["valid_time"].n_unique()
    assert days == 798


def test_the_display_copy_of_the_thirty_year_yield_is_no_yield(parsed: Mapping[str, Parsed]) -> None:
    """``BC_30YEARDISPLAY`` is 0.00 on each day of 1990."""
    table = parsed["daily_treasury_yield_curve_1990.xml"].tables[PAR]
    assert table.filter(pl.col("entity") == "30Y")["rate"].min() == 8.0
    assert set(table["entity"]) == {"3M", "6M", "1Y", "2Y", "3Y", "5Y", "7Y", "10Y", "30Y"}


def test_a_tenor_that_began_in_the_year_has_no_row_before(parsed: Mapping[str, Parsed]) -> None:
    two = parsed["daily_treasury_yield_curve_2018.xml"].tables[PAR].filter(pl.col("entity") == "2M")
    assert (two.height, two["valid_time"].min()) == (51, datetime(2018, 10, 16, tzinfo=UTC))


def test_a_day_without_yields_gives_no_row(parsed: Mapping[str, Parsed]) -> None:
    """Columbus Day of 2010 stands in the table with blanks alone."""
    table = parsed["daily_treasury_rates_gt.csv"].tables[PAR]
    assert values(table, date(2010, 10, 11)) == {}
    assert values(table, date(2010, 10, 12)) != {}


@pytest.mark.parametrize(
    ("day", "known"),
    [
        ("2024-03-28", datetime(2024, 3, 28, 22, tzinfo=UTC)),
        ("2024-03-08", datetime(2024, 3, 8, 23, tzinfo=UTC)),
        ("2021-12-31", datetime(2022, 1, 3, 23, tzinfo=UTC)),
    ],
)
def test_a_day_is_known_from_six_in_new_york_never_from_its_beginning(catalogue: Catalogue, day: str, known: datetime) -> None:
    """Summer time, winter time, and a day on which federal offices were closed while the market was open."""
    table = parse(feed([{"NEW_DATE": f"{day}T00:00:00", "BC_10YEAR": "4.2"}]), catalogue).tables[PAR]
    assert table.select("knowledge_time", "knowledge_basis", "clipped").row(0) == (known, "calendar", False)


def test_a_day_fetched_before_six_is_known_from_the_fetch(catalogue: Catalogue) -> None:
    fetched = datetime(2024, 3, 28, 20, 30, tzinfo=UTC)
    table = parse(feed([{"NEW_DATE": "2024-03-28T00:00:00", "BC_10YEAR": "4.2"}]), catalogue, fetched=fetched).tables[PAR]
    assert table.select("knowledge_time", "knowledge_basis", "clipped").row(0) == (fetched, "observed", True)


def test_spreads_are_of_one_row_and_need_both_tenors(catalogue: Catalogue) -> None:
    body = feed(
        [
            {"NEW_DATE": "2024-03-27T00:00:00", "BC_10YEAR": "4.20", "BC_2YEAR": "4.54"},
            {"NEW_DATE": "2024-03-28T00:00:00", "BC_10YEAR": "4.20", "BC_3MONTH": "5.46"},
        ]
    )
    table = parse(body, catalogue).tables[SPREADS]
    assert table.select("entity", pl.col("valid_time").dt.day(), "spread_bp").rows() == [("10Y-2Y", 27, -34.0), ("10Y-3M", 28, -126.0)]


def test_bills_keep_their_two_rates_apart(catalogue: Catalogue) -> None:
    table = SOURCE.parse(SAMPLES[2], catalogue).tables["treasury_bill_rates"]
    assert table.select("entity", "discount_rate", "coupon_equivalent").rows() == [("4W", 5.27, 5.38), ("52W", 4.80, 5.05)]


def test_a_bill_with_a_rate_that_cannot_be_read_is_left_out_whole(catalogue: Catalogue) -> None:
    body = b"Date,4 WEEKS BANK DISCOUNT,4 WEEKS COUPON EQUIVALENT,8 WEEKS BANK DISCOUNT,8 WEEKS COUPON EQUIVALENT\n03/28/2024,x,5.38,5.2,\n"
    parsed = parse(body, catalogue)
    rows = parsed.tables["treasury_bill_rates"].select("entity", "discount_rate", "coupon_equivalent").rows()
    assert rows == [("8W", 5.2, None)]
    assert parsed.rejected.row(0) == (1, "4 WEEKS BANK DISCOUNT", "not_a_number", "not a number: x")


def test_long_term_rates_are_told_apart_by_their_type(catalogue: Catalogue) -> None:
    table = SOURCE.parse(SAMPLES[3], catalogue).tables["treasury_long_term_rates"]
    assert dict(zip(table["entity"], table["rate"], strict=True)) == {
        "20Y": 4.68,
        "over_10Y": 4.62,
        "real_over_10Y": 1.81,
        "extrapolation_factor": 0.10,
    }
    unknown = parse(feed([{"QUOTE_DATE": "2024-03-28T00:00:00", "RATE_TYPE": "Over_50_Years", "RATE": "4"}]), catalogue)
    assert (unknown.tables, unknown.rejected["reason"].to_list()) == ({}, [RejectReason.UNKNOWN_SERIES.value])


def test_real_and_par_tables_with_the_same_tenors_are_told_apart(catalogue: Catalogue) -> None:
    """By what was asked for; without that by the way of writing, or by the tenors."""
    real = "treasury_real_yields"
    url = "https://home.treasury.gov/x/daily-treasury-rates.csv/2024/all?type=daily_treasury_{}&page&_format=csv"
    line = b"\n03/28/2024,1,2\n"
    assert set(parse(b"Date,5 YR,10 YR" + line, catalogue).tables) == {real}
    assert set(parse(b"date,5 yr,10 yr" + line, catalogue).tables) == {real}
    assert PAR in parse(b"Date,5 Yr,10 Yr" + line, catalogue).tables
    assert PAR in parse(b"Date,3 YR,10 YR" + line, catalogue).tables
    assert set(parse(b"Date,5 Yr,10 Yr" + line, catalogue, url=url.format("real_yield_curve")).tables) == {real}
    assert PAR in parse(b"Date,5 Yr,10 Yr" + line, catalogue, url=url.format("yield_curve")).tables
    for header in (b"Date,5 YR,10 YR", b"date,5 yr,10 yr", b'Date,"5 YR","7 YR","10 YR","20 YR","30 YR"'):
        asked_for_par = parse(header + b"\n03/28/2024" + b",2" * header.count(b",") + b"\n", catalogue, url=url.format("yield_curve"))
        assert (asked_for_par.tables, asked_for_par.rejected["reason"].to_list()) == ({}, ["unknown_series"])


@pytest.mark.parametrize("day", ["03/28/2024", "3/28/2024", "2024-03-28", "03-28-2024", "3/28/24", "2024-03-28T00:00:00"])
def test_a_day_is_read_in_each_way_that_the_treasury_writes_it(catalogue: Catalogue, day: str) -> None:
    table = parse(f"Date,10 Yr\n{day},4.2\n".encode(), catalogue).tables[PAR]
    assert table["valid_time"].item() == datetime(2024, 3, 28, tzinfo=UTC)


def test_two_digits_of_a_year_are_of_no_later_century_than_the_fetch(catalogue: Catalogue) -> None:
    table = parse(b"Date,10 Yr\n1/2/90,7.94\n1/3/26,4.1\n", catalogue).tables[PAR]
    assert table["valid_time"].dt.year().to_list() == [1990, 2026]


def test_bad_days_and_cells_are_rejected_and_the_good_beside_them_kept(catalogue: Catalogue) -> None:
    body = b"Date,1 Mo,10 Yr,Mystery\n28/03/2024,5,4\n03/27/2024,5.1,x,\n,5,4,\n02/30/2024,5,4,\n03/26/2024,99,4.3,1\n03/25/2024,inf,,\n"
    parsed = parse(body, catalogue)
    assert values(parsed.tables[PAR], date(2024, 3, 27)) == {"1M": 5.1}
    assert values(parsed.tables[PAR], date(2024, 3, 26)) == {"10Y": 4.3}
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (1, None, "unexpected_shape"),
        (2, "10 Yr", "not_a_number"),
        (3, "Date", "missing_field"),
        (4, "Date", "not_a_date"),
        (5, "rate", "out_of_range"),
        (6, "rate", "not_finite"),
        (None, "Mystery", "unknown_column"),
    ]


def test_two_answers_for_one_day_are_a_contradiction_and_one_told_twice_is_not(catalogue: Catalogue) -> None:
    """Neither of the two is taken, and no spread is made of them."""
    parsed = parse(b"Date,10 Yr,2 Yr\n03/28/2024,4.2,4.0\n03/28/2024,4.20,4.0\n03/28/2024,4.3,4.0\n", catalogue)
    assert values(parsed.tables[PAR], date(2024, 3, 28)) == {"2Y": 4.0}
    assert set(parsed.tables) == {PAR}
    assert parsed.rejected.select("row", "reason").rows() == [(1, "contradiction"), (3, "contradiction")]
    entry = b"<d:NEW_DATE>2024-03-28T00:00:00</d:NEW_DATE>" + b"".join(b"<d:BC_10YEAR>%s</d:BC_10YEAR>" % text for text in (b"4.5", b"4.9"))
    body = feed([{"NEW_DATE": "2024-03-28T00:00:00", "BC_10YEAR": "0"}])
    start, end = body.index(b"<d:NEW_DATE"), body.index(b"</m:properties>")
    twice = parse(body[:start] + entry + body[end:], catalogue)
    assert twice.tables == {}
    assert twice.rejected["reason"].to_list() == ["contradiction"] * 2


def test_no_spread_is_made_of_a_rate_that_is_refused(catalogue: Catalogue) -> None:
    parsed = parse(b"Date,10 Yr,2 Yr,3 Mo\n03/28/2024,-9.99,4.2,5\n", catalogue)
    assert values(parsed.tables[PAR], date(2024, 3, 28)) == {"2Y": 4.2, "3M": 5.0}
    assert all("10Y" not in entity for table in parsed.tables.values() for entity in table["entity"])
    assert parsed.rejected["reason"].to_list() == ["out_of_range"]


def test_columns_are_found_by_name_in_any_order(recordings: Path, catalogue: Catalogue, seed: int) -> None:
    """A recorded year with its columns shuffled, one left out and an unknown one put in gives the same rows."""
    lines = (recordings / "treasury_yield_csv/daily_treasury_rates_2025.csv").read_text().splitlines()
    header, *rows = [line.split(",") for line in lines]
    order = list(range(len(header)))
    random.Random(seed).shuffle(order)
    order.remove(header.index("7 Yr"))
    shuffled = "\n".join(
        ",".join([row[i] for i in order] + [extra]) for row, extra in zip([header, *rows], ["Note", *["n"] * 999], strict=False)
    )
    whole = parse("\n".join(lines).encode(), catalogue).tables[PAR]
    got = parse(shuffled.encode(), catalogue)
    assert got.tables[PAR].equals(whole.filter(pl.col("entity") != "7Y"))
    assert got.rejected.select("row", "column", "reason").rows() == [(None, "Note", "unknown_column")]


def test_a_tenor_to_come_is_read_by_its_name_and_an_unreadable_one_is_told(catalogue: Catalogue) -> None:
    parsed = parse(feed([{"NEW_DATE": "2025-03-28T00:00:00", "BC_50YEAR": "4.9", "BC_SPECIAL": "1", "ANYTHING": "x"}]), catalogue)
    assert values(parsed.tables[PAR], date(2025, 3, 28)) == {"50Y": 4.9}
    assert parsed.rejected.select("column", "reason").rows() == [("BC_SPECIAL", "unknown_column")]


def test_an_entry_without_a_day_is_rejected_alone(catalogue: Catalogue) -> None:
    parsed = parse(feed([{"BC_10YEAR": "4"}, {"NEW_DATE": "2024-03-28T00:00:00", "BC_10YEAR": "4.2"}]), catalogue)
    assert parsed.tables[PAR].height == 1
    assert parsed.rejected.select("row", "column", "reason").rows() == [(1, "NEW_DATE", "missing_field")]


def test_every_tenor_of_the_catalogue_is_one_that_the_parser_makes(catalogue: Catalogue, parsed: Mapping[str, Parsed]) -> None:
    made = set().union(*(set(one.tables[PAR]["entity"]) for one in parsed.values()))
    assert {factor.entity for factor in catalogue.factors.values() if factor.dataset == PAR} == made
    spreads = parsed["daily_treasury_rates_2021.csv"].tables[SPREADS]
    factors = [factor for factor in catalogue.factors.values() if factor.dataset == SPREADS]
    assert {factor.entity for factor in factors} == set(spreads["entity"])
    assert all(factor.formula and factor.scale == 0.0001 for factor in factors)
