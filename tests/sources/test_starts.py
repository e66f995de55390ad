"""Declared starts against what is true: a whole history begins on the day that its factor declares, and nothing that was recorded is older."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import FactorDefinition
from crfs.sources.core import Query, load_source
from crfs.sources.core.recorded import NoTransport, recorded_payloads

NOW = datetime(2026, 3, 20, tzinfo=UTC)


def first_days(tables: Iterable[pl.DataFrame], catalogue: Catalogue, dataset: str) -> dict[str, date]:
    """The first day with a value of each factor of a dataset, as was known last: older vintages of a few series begin earlier."""
    known = pl.concat([table.select("entity", "valid_time", "knowledge_time", *_columns(catalogue, dataset)) for table in tables])
    known = known.sort("knowledge_time", maintain_order=True).unique(["entity", "valid_time"], keep="last")
    found: dict[str, date] = {}
    for factor in _factors(catalogue, dataset):
        mine = known if factor.entity is None else known.filter(pl.col("entity") == factor.entity)
        first = mine.filter(pl.col(factor.column).is_not_null())["valid_time"].dt.date().min()
        if isinstance(first, date):
            found[factor.mnemonic] = first
    return found


def _factors(catalogue: Catalogue, dataset: str) -> list[FactorDefinition]:
    return [factor for factor in catalogue.factors.values() if factor.dataset == dataset]


def _columns(catalogue: Catalogue, dataset: str) -> list[str]:
    return sorted({factor.column for factor in _factors(catalogue, dataset)})


def first_days_of(folder: Path, name: str, catalogue: Catalogue) -> dict[str, date]:
    """The first recorded day with a value of each factor that a folder of recordings has values of."""
    source, tables = load_source(name), dict[str, list[pl.DataFrame]]()
    for item in recorded_payloads(folder, source=name, now=datetime.now(UTC)):
        for dataset, table in source.parse(item.payload, catalogue).tables.items():
            tables.setdefault(dataset, []).append(table)
    return {key: day for dataset, some in tables.items() for key, day in first_days(some, catalogue, dataset).items()}


def declared(catalogue: Catalogue, mnemonics: Iterable[str]) -> dict[str, date | None]:
    return {mnemonic: catalogue.factor(mnemonic).start for mnemonic in mnemonics}


def test_the_packaged_histories_begin_when_their_factors_say(catalogue: Catalogue) -> None:
    source, found = load_source("packaged"), dict[str, date]()
    for payload in source.fetch(Query(), NoTransport(now=NOW), catalogue):
        for dataset, table in source.parse(payload, catalogue).tables.items():
            found |= first_days([table], catalogue, dataset)
    assert found == declared(catalogue, found)
    assert len(found) == 16


@pytest.mark.parametrize(
    ("folder", "name", "factors"),
    [
        ("alfred_vintages", "nyfed", 9), ("fed_g17", "federal_reserve", 17), ("fed_supervisory_scenarios", "federal_reserve", 28),
        ("fred_md", "fred", 20), ("gscpi", "nyfed", 1), ("ken_french", "ken_french", 49),
    ],
)  # fmt: skip
def test_a_recorded_history_begins_when_its_factors_say(
    catalogue: Catalogue, recordings: Path, folder: str, name: str, factors: int
) -> None:
    found = first_days_of(recordings / folder, name, catalogue)
    assert found == declared(catalogue, found)
    assert len(found) == factors


def test_the_first_reference_rates_of_the_euro_are_those_that_say_so(catalogue: Catalogue, recordings: Path) -> None:
    """The recorded part of the history has its first week: what is not in it began later."""
    found = first_days_of(recordings / "ecb", "ecb", catalogue)
    at_first = {mnemonic for mnemonic, day in found.items() if day == date(1999, 1, 4)}
    assert at_first == {mnemonic for mnemonic, start in declared(catalogue, found).items() if start == date(1999, 1, 4)}
    assert len(at_first) == 18 + 17  # for a euro, and for a dollar
    assert len(found) == 59


def test_the_first_par_yields_of_the_treasury_are_those_that_say_so(catalogue: Catalogue, recordings: Path) -> None:
    """The record of the year in which the history begins."""
    found = first_days_of(recordings / "treasury_yield_xml", "treasury", catalogue)
    at_first = {mnemonic for mnemonic, day in found.items() if day == date(1990, 1, 2)}
    assert at_first == {mnemonic for mnemonic, start in declared(catalogue, found).items() if start == date(1990, 1, 2)}
    assert at_first


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("bls", "bls"), ("ecb", "ecb"), ("fred", "fred"), ("treasury_yield_csv", "treasury"), ("treasury_yield_xml", "treasury"),
        ("yahoo_chart", "yahoo"),
    ],
)  # fmt: skip
def test_no_value_that_was_recorded_is_older_than_its_factor_says(catalogue: Catalogue, recordings: Path, folder: str, name: str) -> None:
    found = first_days_of(recordings / folder, name, catalogue)
    starts = declared(catalogue, found)
    assert {key: day for key, day in found.items() if (start := starts[key]) is not None and day < start} == {}
    assert found


def test_series_of_the_consumer_price_index_begin_where_fred_says_they_do(catalogue: Catalogue, recordings: Path) -> None:
    """FRED describes its series, and those that the Bureau of Labor Statistics names as FRED does."""
    contents = [json.loads(path.read_bytes()) for path in sorted((recordings / "fred").glob("*.json"))]
    described = [series for content in contents if isinstance(content, dict) for series in content.get("seriess", [])]
    said = {series["id"]: date.fromisoformat(series["observation_start"]) for series in described}
    starts = {
        factor.mnemonic: (factor.start, said[factor.entity])
        for factor in catalogue.factors.values()
        if factor.dataset in {"fred_series", "bls_monthly"} and factor.entity in said
    }
    assert {key: pair for key, pair in starts.items() if pair[0] != pair[1]} == {}
    assert len(starts) > 20
