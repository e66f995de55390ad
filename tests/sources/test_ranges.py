"""Valid ranges against what is true: no value of the packaged history, and none that was recorded, lies out of its factor's range."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Parsed, Query, load_source
from crfs.sources.core.recorded import recorded_payloads

NOW = datetime(2026, 3, 20, tzinfo=UTC)


class Shelf:
    """The transport of a source that reads files: only a clock."""

    now = NOW
    has_key = False


def out_of_range(parsed: Parsed) -> list[str]:
    return parsed.rejected.filter(pl.col("reason").cast(pl.String) == "out_of_range")["detail"].to_list()


def test_no_value_of_the_packaged_history_is_out_of_range(catalogue: Catalogue) -> None:
    source = load_source("packaged")
    parsed = [source.parse(payload, catalogue) for payload in source.fetch(Query(), Shelf(), catalogue)]  # type: ignore[arg-type]  # sends nothing
    assert [out_of_range(part) for part in parsed] == [[]] * len(parsed)
    assert sum(table.height for part in parsed for table in part.tables.values()) > 15_000


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("fred", "fred"), ("fred_md", "fred"), ("alfred_vintages", "nyfed"), ("gscpi", "nyfed"), ("bls", "bls"), ("ecb", "ecb"),
        ("fed_g17", "federal_reserve"), ("oecd_sdmx", "oecd"), ("treasury_yield_xml", "treasury"), ("yahoo_chart", "yahoo"),
    ],
)  # fmt: skip
def test_no_value_that_was_recorded_is_out_of_range(catalogue: Catalogue, recordings: Path, folder: str, name: str) -> None:
    source, found = load_source(name), 0
    for item in recorded_payloads(recordings / folder, source=name, now=datetime.now(UTC)):
        parsed = source.parse(item.payload, catalogue)
        assert out_of_range(parsed) == [], item.payload.stream
        found += sum(table.height for table in parsed.tables.values())
    assert found
