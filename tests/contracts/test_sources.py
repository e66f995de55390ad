"""What every source keeps to: names, classifications, accepted tables; and no bytes whatever make it crash."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module

import polars as pl
import pytest

from crfs.bitemporal import RowState
from crfs.credit.catalogue import packaged_catalogue
from crfs.sources.core import Classification, Parsed, Payload, load_source, source_names
from crfs.sources.core.contract import REJECTED_SCHEMA
from crfs.sources.core.document import parse_to_json, parsed_to_json
from crfs.sources.core.tables import ACCEPTED
from tests.samples import sample

CATALOGUE = packaged_catalogue()
NAMES = [name for name in source_names() if name != "bureau"]  # simulates: its deliveries have tests of their own
SAMPLES: dict[str, list[Payload]] = {name: import_module(f"tests.samples.{name}").SAMPLES for name in NAMES}
_URL = "https://api.stlouisfed.org/fred/series/observations?series_id=GDP"
FUZZED_BODIES = int(os.environ.get("CRFS_TEST_FUZZED_BODIES", "25"))
"""Of every sample; `make faults` has ten thousand of every source."""


def check(parsed: Parsed) -> None:
    """An accepted table is what the store takes; a rejected one says why."""
    assert dict(parsed.rejected.schema) == dict(REJECTED_SCHEMA)
    assert not parsed.rejected["reason"].has_nulls()
    for name, table in parsed.tables.items():
        dataset = CATALOGUE.dataset(name)
        assert dict(table.schema) == {**ACCEPTED, **dataset.schema()}
        assert table.height
        clocks = table.select("entity", "valid_time", "knowledge_time", "knowledge_basis", "row_state", "clipped")
        assert clocks.null_count().sum_horizontal().item() == 0
        assert clocks.select("entity", "valid_time", "knowledge_time").is_unique().all()
        values = table.select(list(dataset.schema()))
        floats = values.select(pl.selectors.float())
        assert all(column.drop_nulls().is_finite().all() for column in floats)
        absent = values.filter(table["row_state"] != RowState.VALUE.value)
        assert all(column.null_count() == absent.height for column in absent)


@pytest.mark.parametrize("name", NAMES)
def test_a_source_is_what_its_name_says(name: str) -> None:
    source = load_source(name)
    assert source.name == name
    assert source.parser_version
    assert all("/" not in host for host in source.hosts)


@pytest.mark.parametrize("payload", [pytest.param(p, id=f"{name}-{i}") for name, samples in SAMPLES.items() for i, p in enumerate(samples)])
def test_a_good_body_is_ok_accepted_and_said_as_json(payload: Payload) -> None:
    source = load_source(payload.source)
    assert source.classify(payload) is Classification.OK
    parsed = source.parse(payload, CATALOGUE)
    check(parsed)
    again = source.parse(payload, CATALOGUE)
    assert all(table.equals(again.tables[name]) for name, table in parsed.tables.items())
    document = json.loads(json.dumps(parse_to_json(source, payload, CATALOGUE)))
    assert list(document) == ["classification", "accepted", "rejected"]
    assert len(document["accepted"]) == sum(table.height for table in parsed.tables.values()) > 0
    for row in document["accepted"]:
        assert list(row) == ["dataset", "entity", "valid_time", "knowledge_time", "knowledge_basis", "values"]
        assert datetime.fromisoformat(row["valid_time"]).utcoffset() == timedelta(0)
    assert document["rejected"] == []


@pytest.mark.parametrize("payload", [pytest.param(p, id=f"{name}-{i}") for name, samples in SAMPLES.items() for i, p in enumerate(samples)])
def test_nothing_is_known_later_than_it_was_fetched(payload: Payload) -> None:
    """Dates that lie after the fetch (a publication announced for tomorrow, a wrong clock, an error of typing) are no knowledge of the future."""
    early = datetime(1950, 1, 1, tzinfo=UTC)
    source = load_source(payload.source)
    parsed = source.parse(replace(payload, started_at=early, fetched_at=early), CATALOGUE)
    for table in parsed.tables.values():
        assert (table["knowledge_time"] <= early).all()
        cut = table.filter(pl.col("knowledge_time") == early)
        # Where the source knows since when and its answer does not say it, the fetch is a bound.
        assert cut["knowledge_basis"].cast(pl.String).is_in(["observed", "backfilled"]).all()


@pytest.mark.parametrize("name", NAMES)
def test_html_in_place_of_data_is_rejected_with_a_reason(name: str) -> None:
    source, payload = (
        load_source(name),
        sample(name, b"<!DOCTYPE html><html><body>Service unavailable</body></html>", url=_URL, stream="vix_daily"),
    )
    assert source.classify(payload) is Classification.SCHEMA
    document = parse_to_json(source, payload, CATALOGUE)
    assert document["accepted"] == []
    assert list(document["rejected"][0]) == ["row", "column", "reason", "detail"]


def _flip(draw: random.Random, body: bytes) -> bytes:
    broken = bytearray(body)
    for _ in range(draw.randint(1, 6)):
        broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
    return bytes(broken)


def _splice(draw: random.Random, body: bytes) -> bytes:
    at = draw.randrange(len(body))
    words = [
        b"NaN",
        b"-inf",
        b"1e999",
        b"9999-12-31",
        b"0000-00-00",
        b"\x00",
        b'"',
        b"\n",
        b",",
        b"null",
        b"\xff\xfe",
        b"{",
        b"2020-13-45",
        b"\r",
    ]
    return body[:at] + draw.choice(words) + body[at + draw.randrange(8) :]


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    _flip,
    _splice,
    _splice,
    lambda draw, body: body[: draw.randrange(len(body) + 1)],
    lambda draw, body: body.decode("latin-1").encode("utf-16"),
    lambda draw, body: body.replace(b"2", "²é".encode("latin-1"), draw.randint(1, 5)),
    lambda draw, body: draw.randbytes(draw.randrange(200)),
]


@pytest.mark.parametrize("payload", [pytest.param(p, id=f"{name}-{i}") for name, samples in SAMPLES.items() for i, p in enumerate(samples)])
def test_no_bytes_crash_a_parser(payload: Payload, pytestconfig: pytest.Config) -> None:
    """Truncated, flipped, spliced, in another encoding, or nothing but noise: classified, and rejected rather than raised.

    The seed is the run's, printed in its header.
    """
    draw, source = random.Random(int(pytestconfig.getoption("--hypothesis-seed") or 0)), load_source(payload.source)
    for _ in range(FUZZED_BODIES):
        body = draw.choice(MUTATIONS)(draw, payload.body)
        broken = sample(payload.source, body, url=payload.url, stream=payload.stream)
        said, parsed = source.classify(broken), source.parse(broken, CATALOGUE)
        assert isinstance(said, Classification)
        check(parsed)
        json.dumps(parsed_to_json(said, parsed), allow_nan=False)


def test_importing_the_sources_imports_no_http_and_no_provider() -> None:
    code = (
        "import sys, crfs.sources.core; "
        "print([m for m in sys.modules if m in ('httpx', 'httpcore', 'stamina', 'pandas') or m.startswith('crfs.sources.providers')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_catalogue_has_credit_relevant_factors_of_fred_that_read_as_decimals() -> None:
    factors = [factor for factor in CATALOGUE.factors.values() if factor.dataset == "fred_series"]
    assert len(factors) >= 40
    assert len({factor.entity for factor in factors}) == len(factors)
    assert all(factor.scale == 0.01 for factor in factors if factor.unit == "decimal")
    assert CATALOGUE.factor("us.unemployment_rate").entity == "UNRATE"
