"""Every recorded answer of every provider goes through its classifier and parser; errors are told from data, whatever their status says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs.workflows.source_catalogue import parse_saved
from tests.journeys.conftest import SHARED

FOLDERS = {
    "alfred_vintages": "nyfed", "alpha_vantage": "alpha_vantage", "bls": "bls", "census": "census", "earnings_releases": "edgar",
    "ecb": "ecb", "fed_g17": "federal_reserve", "fed_supervisory_scenarios": "federal_reserve", "federal_register": "federal_register",
    "fomc": "federal_reserve", "fred": "fred", "fred_md": "fred", "gdelt": "gdelt", "gscpi": "nyfed", "ken_french": "ken_french",
    "newsapi": "newsapi", "oecd_sdmx": "oecd", "rss": "rss", "sec_edgar": "edgar", "social_reddit": "reddit",
    "social_stocktwits": "stocktwits", "treasury_fiscaldata": "fiscaldata", "treasury_yield_csv": "treasury",
    "treasury_yield_xml": "treasury", "yahoo_chart": "yahoo", "yahoo_search_news": "yahoo",
}  # fmt: skip
"""Folder of recordings → source; what is in ``sentiment_labelled`` measures scorers and is no answer of a provider."""

ERRORS = {
    "alpha_vantage/error_200_rate_limit_information.json": {"QUOTA", "AUTH"},
    "gdelt/doc_429_rate_limited.txt": {"RETRY", "QUOTA"},
    "fred/error_400_api_key_not_set.json": {"AUTH"},
    "fred/error_400_realtime_end_after_today.json": {"BAD_REQUEST"},
    "sec_edgar/submissions_404_unknown_cik.xml": {"EMPTY"},
    "sec_edgar/full_index_403_future_quarter.xml": {"EMPTY"},
    "sec_edgar/full_index_304_not_modified.txt": {"EMPTY"},
    "sec_edgar/error_403_undeclared_automated_tool_excerpt.html": {"AUTH"},
    "federal_register/regulations_gov_403_invalid_key.json": {"AUTH"},
    "federal_register/regulations_gov_400_bad_filter.json": {"BAD_REQUEST"},
    "federal_register/regulations_gov_empty_result.json": {"EMPTY"},
    "yahoo_chart/quoteSummary_all_ADH_404.json": {"EMPTY", "BAD_REQUEST"},
}
_CLASSES = {"OK", "EMPTY", "RETRY", "QUOTA", "AUTH", "BAD_REQUEST", "SCHEMA"}


def _recordings() -> Iterator[tuple[str, Path]]:
    root = SHARED / "recordings"
    for folder, source in FOLDERS.items():
        for body in sorted((root / folder).glob("*")):
            if not body.name.endswith(".meta.json") and body.is_file():
                yield source, body


@pytest.fixture(scope="module")
def parsed() -> dict[str, dict[str, Any]]:
    """What ``crfs sources parse`` makes of every recording, by folder and name."""
    if not (SHARED / "recordings").is_dir():
        pytest.skip(f"the shared recordings are not at {SHARED} (CRFS_SHARED)")
    return {f"{body.parent.name}/{body.name}": parse_saved(source, body) for source, body in _recordings()}


def test_every_folder_has_a_source(parsed: dict[str, dict[str, Any]]) -> None:
    folders = {path.name for path in (SHARED / "recordings").iterdir() if path.is_dir()} - {"sentiment_labelled"}
    assert folders == set(FOLDERS)
    assert len(parsed) > 130


def test_every_recording_is_classified_and_is_json(parsed: dict[str, dict[str, Any]]) -> None:
    for name, document in parsed.items():
        assert document["classification"] in _CLASSES, name
        json.dumps(document, allow_nan=False)
        if document["classification"] not in {"OK", "SCHEMA"}:
            assert document["accepted"] == [], name


@pytest.mark.parametrize(("name", "classes"), ERRORS.items())
def test_errors_are_what_they_are(parsed: dict[str, dict[str, Any]], name: str, classes: set[str]) -> None:
    assert parsed[name]["classification"] in classes


def test_a_value_is_known_no_earlier_than_its_period_begins_and_never_by_the_valid_time_alone(parsed: dict[str, dict[str, Any]]) -> None:
    for name, document in parsed.items():
        for row in document["accepted"]:
            assert row["knowledge_time"] is not None, name
            assert row["knowledge_basis"] in {"observed", "calendar", "assumed", "backfilled"}, name
