"""Kenneth R. French's files: several tables in one, missing codes, the database's month as vintage."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Payload, Query
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.ken_french import FOLDER, SOURCE
from tests.samples.ken_french import DAILY, FACTORS, INDUSTRIES, zipped
from tests.sources.recorded_transport import RecordedTransport

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
URL = f"{FOLDER}5_Industry_Portfolios_CSV.zip"


def payload(
    body: bytes, *, stream: str = "5_Industry_Portfolios", url: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Payload:
    return Payload(
        source="ken_french", stream=stream, body=body, url=url, status=status, headers=headers or {}, started_at=NOW, fetched_at=NOW
    )


def values(table: pl.DataFrame, entity: str) -> dict[date, float | None]:
    rows = table.filter(pl.col("entity") == entity).select("valid_time", "value").rows()
    return {at.date(): value for at, value in rows}


def test_the_recorded_file_gives_every_cell_of_its_eight_tables(recordings: Path, catalogue: Catalogue) -> None:
    item = next(recorded_payloads(recordings / "ken_french", source="ken_french", now=NOW))
    assert SOURCE.classify(item.payload) is Classification.OK
    parsed = SOURCE.parse(item.payload, catalogue)
    assert parsed.rejected.is_empty()
    monthly, annual = parsed.tables["french_monthly"], parsed.tables["french_annual"]
    assert monthly.height == 4 * 49 * 1128  # July 1926 to June 2020
    assert annual.height == 49 * (2 * 93 + 2 * 94)  # returns from 1927, ratios from 1926, to 2019
    agriculture = values(monthly, "49_Industry_Portfolios/Agric/average_value_weighted_returns")
    assert (agriculture[date(1926, 7, 1)], agriculture[date(1926, 8, 1)]) == (2.37, 2.23)
    assert values(monthly, "49_Industry_Portfolios/Soda/average_value_weighted_returns")[date(1926, 7, 1)] is None
    assert values(monthly, "49_Industry_Portfolios/Food/number_of_firms_in_portfolios")[date(1926, 7, 1)] == 40.0
    assert values(monthly, "49_Industry_Portfolios/Soda/average_firm_size")[date(1926, 7, 1)] is None
    assert values(annual, "49_Industry_Portfolios/Food/average_value_weighted_returns")[date(1927, 1, 1)] == 41.88
    assert values(annual, "49_Industry_Portfolios/Beer/sum_of_be_sum_of_me")[date(1926, 1, 1)] == 2.54
    assert values(annual, "49_Industry_Portfolios/Agric/value_weighted_average_of_be_me")[date(1926, 1, 1)] == 0.75
    assert set(monthly["vintage_date"]) == {date(2020, 6, 30)}
    assert set(monthly["knowledge_time"]) == {datetime(2020, 9, 1, 22, tzinfo=UTC)}
    assert set(monthly["knowledge_basis"]) == {"calendar"}
    text = item.path.read_text().split("  Average Equal Weighted Returns -- Monthly")[0]
    assert monthly.filter(pl.col("entity").str.ends_with("/average_value_weighted_returns"))["value"].null_count() == text.count(
        "-99.99,"
    ) + (text.count("-99.99\n"))


def test_every_industry_factor_rests_on_a_column_of_the_recorded_file(recordings: Path, catalogue: Catalogue) -> None:
    item = next(recorded_payloads(recordings / "ken_french", source="ken_french", now=NOW))
    there = set(SOURCE.parse(item.payload, catalogue).tables["french_monthly"]["entity"])
    wanted = {factor.entity for factor in catalogue.factors.values() if factor.mnemonic.startswith("us.industry_return.")}
    assert len(wanted) == 49
    assert wanted <= there


def test_research_factors_have_no_title_and_their_annual_table_is_a_dataset_of_its_own(catalogue: Catalogue) -> None:
    tables = SOURCE.parse(payload(FACTORS, stream="F-F_Research_Data_Factors"), catalogue).tables
    assert values(tables["french_monthly"], "F-F_Research_Data_Factors/Mkt-RF") == {date(1926, 7, 1): 2.96, date(1926, 8, 1): 2.64}
    assert values(tables["french_annual"], "F-F_Research_Data_Factors/RF") == {date(1927, 1, 1): 3.12}
    daily = SOURCE.parse(payload(zipped(DAILY, "x.CSV"), stream="F-F_Research_Data_Factors_daily"), catalogue).tables
    assert values(daily["french_daily"], "F-F_Research_Data_Factors_daily/SMB") == {date(2024, 4, 3): -0.21, date(2024, 4, 4): 0.1}


def test_a_zero_is_a_number_and_only_the_codes_are_missing(catalogue: Catalogue) -> None:
    tables = SOURCE.parse(payload(INDUSTRIES), catalogue).tables
    assert values(tables["french_monthly"], "5_Industry_Portfolios/Other/number_of_firms_in_portfolios") == {date(2024, 6, 1): 0.0}
    assert values(tables["french_monthly"], "5_Industry_Portfolios/Other/average_value_weighted_returns") == {
        date(2024, 6, 1): None,
        date(2024, 7, 1): 1.5,
    }
    assert tables["french_annual"].filter(pl.col("entity").str.contains("Other"))["row_state"].to_list() == ["missing"]


@pytest.mark.parametrize(
    ("headers", "url", "expected"),
    [
        ({}, URL, (datetime(2024, 11, 1, 22, tzinfo=UTC), "calendar")),
        ({"last-modified": "Thu, 19 Sep 2024 13:05:00 GMT"}, URL, (datetime(2024, 9, 19, 13, 5, tzinfo=UTC), "observed")),
        ({"last-modified": "Thu, 19 Sep 2024 13:05:00 GMT"}, "https://example.org/x", (datetime(2024, 11, 1, 22, tzinfo=UTC), "calendar")),
        ({"last-modified": "Thu, 01 Aug 2024 13:05:00 GMT"}, URL, (datetime(2024, 11, 1, 22, tzinfo=UTC), "calendar")),
        ({"last-modified": "no date"}, URL, (datetime(2024, 11, 1, 22, tzinfo=UTC), "calendar")),
    ],
)
def test_a_file_is_known_from_when_the_library_put_it_there_or_by_the_calendar_of_its_vintage(
    catalogue: Catalogue, headers: dict[str, str], url: str, expected: tuple[datetime, str]
) -> None:
    table = SOURCE.parse(payload(INDUSTRIES, url=url, headers=headers), catalogue).tables["french_monthly"]
    assert set(table.select("knowledge_time", "knowledge_basis").rows()) == {expected}
    assert set(table["vintage_date"]) == {date(2024, 8, 31)}
    assert table["clipped"].all()


def test_a_file_without_a_vintage_is_known_from_the_fetch(catalogue: Catalogue) -> None:
    table = SOURCE.parse(payload(INDUSTRIES.replace(b"using the 202408 CRSP database", b"by us")), catalogue).tables["french_monthly"]
    assert set(table.select("knowledge_time", "knowledge_basis", "vintage_date").rows()) == {(NOW, "observed", None)}


def test_bad_rows_are_rejected_beside_the_good_ones(catalogue: Catalogue) -> None:
    bad = b"2024x7,   2.23,   2.60,   1.50\n202413,   1,   1,   1\n202405,   1,   1\n"
    body = INDUSTRIES.replace(b"202407,", bad + b"202407,").replace(b"2.68", b"2..68")
    parsed = SOURCE.parse(payload(body), catalogue)
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (2, "date", "not_a_date"),
        (3, "date", "not_a_date"),
        (4, "date", "unexpected_shape"),
        (5, "value", "not_a_number"),
    ]
    assert parsed.tables["french_monthly"].height == 3 + 2 + 3


@pytest.mark.parametrize("case", range(25))
def test_the_order_of_columns_and_tables_makes_no_difference_and_neither_does_the_file_they_come_in(
    catalogue: Catalogue, case: int
) -> None:
    draw = random.Random(case)
    count, months = draw.choice([5, 10, 12, 17, 30, 38, 48, 49]), [f"{y}{m:02}" for y in (1999, 2000) for m in range(1, 13)]
    names = [f"Ind{i}" for i in range(count)]
    titles = ["  Average Value Weighted Returns -- Monthly", "  Average Equal Weighted Returns -- Monthly", "  Average Firm Size"]
    data: dict[tuple[str, str, str], float] = {(t, n, m): round(draw.uniform(-20, 20), 2) for t in titles for n in names for m in months}

    def written(columns: list[str], order: list[str], end: str) -> bytes:
        parts = ["This file was created by CMPT_IND_RETS using the 200012 CRSP database.", f"Returns for {count} industry portfolios.", ""]
        for title in order:
            parts += [title, "," + ",".join(columns)]
            parts += [f"{m}," + ",".join(f"{data[title, n, m]:8.2f}" for n in columns) for m in months]
            parts += ["", ""]
        return (end.join(parts) + end + "Copyright 2001 Kenneth R. French" + end).encode()

    plain = SOURCE.parse(payload(written(names, titles, "\n"), stream=f"{count}_Industry_Portfolios"), catalogue)
    other = written(draw.sample(names, count), draw.sample(titles, 3), draw.choice(["\n", "\r\n"]))
    mixed = SOURCE.parse(payload(zipped(other, "any.CSV"), stream="saved"), catalogue)
    assert plain.rejected.is_empty()
    assert plain.tables["french_monthly"].height == len(data)
    key: list[Any] = ["entity", "valid_time"]
    assert plain.tables["french_monthly"].sort(key).equals(mixed.tables["french_monthly"].sort(key))


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (INDUSTRIES, 200, "OK"),
        (zipped(INDUSTRIES, "a.CSV"), 200, "OK"),
        (zipped(INDUSTRIES, "a.CSV")[:200], 200, "RETRY"),
        (zipped(INDUSTRIES, "a.exe"), 200, "RETRY"),
        (b"<html>moved</html>", 200, "SCHEMA"),
        (b"<html>not found</html>", 404, "BAD_REQUEST"),
        (b"<html>busy</html>", 503, "RETRY"),
        (b"", 200, "RETRY"),
        (b"a,b\n1,2\n", 200, "SCHEMA"),
    ],
)
def test_an_answer_is_told_by_its_body(body: bytes, status: int, expected: str) -> None:
    assert SOURCE.classify(payload(body, status=status)) is Classification(expected)


def test_files_are_asked_for_by_name_and_without_names_those_of_the_factors(catalogue: Catalogue) -> None:
    names = ["49_Industry_Portfolios", "F-F_Research_Data_5_Factors_2x3", "F-F_Momentum_Factor"]
    answers = [payload(FACTORS, url=f"{FOLDER}{name}_CSV.zip", stream=name) for name in names]
    transport = RecordedTransport(answers, now=NOW)
    assert [answer.stream for answer in SOURCE.fetch(Query(), transport, catalogue)] == names
    assert [answer.stream for answer in SOURCE.fetch(Query(series=("F-F_Momentum_Factor",)), transport, catalogue)] == names[2:]
    with pytest.raises(InvalidInput, match="no name of a file"):
        list(SOURCE.fetch(Query(series=("../x",)), transport, catalogue))


def test_the_values_may_not_be_passed_on(catalogue: Catalogue) -> None:
    assert {catalogue.redistribution(catalogue.factor(name)).value for name in ("us.industry_return.banks", "us.equity_factor.market")} == {
        "forbidden"
    }
