"""Stress-test scenarios: every recorded table, its set, from when it was known, and what other years call things."""

from __future__ import annotations

import csv
import io
import random
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Classification
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.federal_reserve import SOURCE
from crfs.sources.providers.federal_reserve.scenarios import variable
from tests.samples import NOW, sample
from tests.samples.federal_reserve import DOMESTIC

DATASETS = ("fed_scenario_domestic", "fed_scenario_international")


def tables_of(recordings: Path, catalogue: Catalogue) -> dict[str, pl.DataFrame]:
    tables: dict[str, pl.DataFrame] = {}
    for item in recorded_payloads(recordings / "fed_supervisory_scenarios", source="federal_reserve", now=datetime.now(UTC)):
        assert SOURCE.classify(item.payload) is Classification.OK
        parsed = SOURCE.parse(item.payload, catalogue)
        assert parsed.rejected.is_empty(), item.path
        (table,) = parsed.tables.values()
        (entity,) = table["entity"].unique()
        tables[entity] = table
    return tables


def test_every_recorded_table_is_a_scenario_with_all_of_its_quarters(recordings: Path, catalogue: Catalogue) -> None:
    assert {entity: table.height for entity, table in tables_of(recordings, catalogue).items()} == {
        "2025/historic/domestic": 196,
        "2025/baseline/domestic": 13,
        "2025/severely_adverse/domestic": 13,
        "2026-proposed/historic/domestic": 200,
        "2026-proposed/historic/international": 200,
        "2026-proposed/baseline/domestic": 13,
        "2026-proposed/baseline/international": 13,
        "2026-proposed/severely_adverse/domestic": 13,
        "2026-proposed/severely_adverse/international": 13,
    }


def test_values_are_those_of_the_files(recordings: Path, catalogue: Catalogue) -> None:
    tables = tables_of(recordings, catalogue)
    adverse = tables["2025/severely_adverse/domestic"].row(0, named=True)
    assert adverse["valid_time"] == datetime(2025, 1, 1, tzinfo=UTC)
    assert (adverse["real_gdp_growth"], adverse["unemployment_rate"], adverse["bbb_yield"]) == (-8.9, 5.6, 5.2)
    assert (adverse["equity_index"], adverse["house_price_index"], adverse["volatility_index"]) == (34508.6, 275.1, 60.0)
    history = tables["2025/historic/domestic"].row(0, named=True)
    assert history["valid_time"] == datetime(1976, 1, 1, tzinfo=UTC)
    assert (history["bbb_yield"], history["equity_index"], history["commercial_property_index"]) == (None, None, 50.9)
    last = tables["2026-proposed/severely_adverse/international"].row(12, named=True)
    assert last["valid_time"] == datetime(2029, 1, 1, tzinfo=UTC)
    assert (last["euro_area_exchange_rate"], last["developing_asia_exchange_rate"], last["uk_inflation"]) == (1.168, 107.2, 2.1)


def test_a_path_is_known_from_its_publication_and_never_from_its_quarters(recordings: Path, catalogue: Catalogue) -> None:
    published = {"2025": datetime(2025, 2, 6, 5, tzinfo=UTC), "2026-proposed": datetime(2025, 10, 25, 4, tzinfo=UTC)}
    for entity, table in tables_of(recordings, catalogue).items():
        assert table["knowledge_time"].unique().to_list() == [published[entity.partition("/")[0]]]
        assert table["knowledge_basis"].unique().to_list() == ["calendar"]
    assert tables_of(recordings, catalogue)["2025/baseline/domestic"]["vintage_date"][0] == date(2025, 2, 5)


def parse(body: bytes, catalogue: Catalogue, *, stream: str = "2025-Table_3A", **more: object) -> tuple[pl.DataFrame, pl.DataFrame]:
    parsed = SOURCE.parse(sample("federal_reserve", body, stream=stream, **more), catalogue)  # type: ignore[arg-type]  # names of sample
    return parsed.tables.get("fed_scenario_domestic", pl.DataFrame()), parsed.rejected


def test_a_set_that_is_not_declared_is_known_from_its_last_change_else_from_the_fetch(catalogue: Catalogue) -> None:
    body = DOMESTIC.replace(b"2025 Q", b"2031 Q")
    table, _ = parse(body, catalogue, stream="2031_scenarios")
    assert (table["entity"][0], table["knowledge_time"][0]) == ("2031/severely_adverse/domestic", NOW)
    table, _ = parse(body, catalogue, stream="2031_scenarios", headers={"last-modified": "Wed, 05 Feb 2025 21:30:00 GMT"})
    assert table["knowledge_time"][0] == datetime(2025, 2, 5, 21, 30, tzinfo=UTC)
    assert table["clipped"].all()
    table, _ = parse(body, catalogue, stream="2031_scenarios", headers={"last-modified": "Wed, 05 Feb 2098 21:30:00 GMT"})
    assert table["knowledge_time"][0] == NOW


def test_a_path_that_its_name_cannot_have_is_not_known_from_the_declared_day(catalogue: Catalogue) -> None:
    """A file of 2025 under the name of 2019 would else be known six years too early."""
    table, _ = parse(DOMESTIC, catalogue, stream="2019_Table_3A")
    assert table["knowledge_time"].unique().to_list() == [NOW]


def test_without_a_name_the_first_quarter_says_the_set_and_the_fetch_when_it_was_known(catalogue: Catalogue) -> None:
    table, _ = parse(DOMESTIC, catalogue, stream="saved")
    assert table["entity"].unique().to_list() == ["2025/severely_adverse/domestic"]
    assert table["knowledge_time"].unique().to_list() == [NOW]


@pytest.mark.parametrize("written", ["2025 Q1", "2025Q1", "2025:Q1", "2025-Q1", "Q1 2025", "2025 q1"])
def test_a_quarter_is_read_however_it_is_written(catalogue: Catalogue, written: str) -> None:
    table, rejected = parse(DOMESTIC.replace(b"2025 Q1", written.encode()), catalogue)
    assert table["valid_time"][0] == datetime(2025, 1, 1, tzinfo=UTC)
    assert rejected.is_empty()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("House Price Index", "house_price_index"),
        ("National House Price Index (Level)", "house_price_index"),
        ("3-month Treasury yield", "treasury_3m"),
        ("CPI inflation rate ", "cpi_inflation_rate"),
        ("UK bilateral dollar exchange rate (USD/pound)", "uk_exchange_rate"),
        ("Developing Asia bilateral dollar exchange rate (F/USD, index, base = 2000 Q1)", "developing_asia_exchange_rate"),
        ("Japan bilateral dollar exchange rate (USD/yen)", None),
        ("Oil price", None),
    ],
)
def test_headers_are_read_by_name_and_a_rate_quoted_the_other_way_is_another(header: str, expected: str | None) -> None:
    found = variable(header)
    assert (found[1] if found else None) == expected


def test_columns_may_come_in_any_order_with_others_between_and_some_absent(catalogue: Catalogue, seed: int) -> None:
    draw = random.Random(seed)
    rows = list(csv.DictReader(io.StringIO(DOMESTIC.decode())))
    columns = [name for name in rows[0] if name != "Prime rate"] + ["Oil price"]
    draw.shuffle(columns)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", restval="7")
    writer.writeheader()
    writer.writerows(rows)
    whole, _ = parse(DOMESTIC, catalogue)
    table, rejected = parse(out.getvalue().encode(), catalogue)
    assert table.drop("prime_rate").equals(whole.drop("prime_rate"))
    assert table["prime_rate"].null_count() == 2
    assert sorted(rejected.select("column", "reason").rows()) == [("Oil price", "unknown_column"), ("prime_rate", "missing_field")]


@pytest.mark.parametrize("name", ["quarter", "set", "entity", "knowledge_time", "_quarter", "^.*$", "House price index"])
def test_a_column_with_an_awkward_name_is_noted_and_changes_nothing(catalogue: Catalogue, name: str) -> None:
    lines = DOMESTIC.decode().splitlines()
    body = "\n".join([f"{lines[0]},{name}", *(f"{line},7" for line in lines[1:])]).encode()
    table, rejected = parse(body, catalogue)
    assert table.equals(parse(DOMESTIC, catalogue)[0])
    assert rejected.select("column", "reason").rows() == [(name, "unknown_column")]


def test_a_bad_cell_rejects_its_quarter_and_no_other(catalogue: Catalogue) -> None:
    table, rejected = parse(DOMESTIC.replace(b"-8.9", b"deep"), catalogue)
    assert table["valid_time"].to_list() == [datetime(2025, 4, 1, tzinfo=UTC)]
    assert rejected.select("row", "column", "reason").rows() == [(1, "real_gdp_growth", "not_a_number")]


def test_there_is_a_factor_for_every_variable(catalogue: Catalogue) -> None:
    for dataset, count in zip(DATASETS, (16, 12), strict=True):
        columns = {factor.column for factor in catalogue.factors.values() if factor.dataset == dataset}
        assert columns == set(catalogue.dataset(dataset).schema())
        assert len(columns) == count
