"""FRED-MD: a file is a vintage of the whole panel, known no earlier than its name and no later than its fetch say."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.bitemporal import as_of
from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Parsed, Payload, Query
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.core.tables import settle_clipped
from crfs.sources.providers.fred.source import PANEL, SOURCE
from tests.sources.alfred import NOW, with_batch
from tests.sources.recorded_transport import RecordedTransport

BODY = b"sasdate,RPI,S&P 500\nTransform:,5,2\n1/1/2014,100.5,\n2/1/2014,101,1850.25\n,,\n"


def panel(body: bytes = BODY, *, name: str = "current.csv", fetched_at: datetime = NOW) -> Payload:
    return Payload(
        source="fred",
        stream=f"fred_md/{name}",
        body=body,
        url=PANEL + name,
        status=200,
        headers={},
        started_at=fetched_at,
        fetched_at=fetched_at,
    )


def rows(parsed: Parsed) -> pl.DataFrame:
    return parsed.tables["fred_md_panel"]


@pytest.mark.parametrize(
    ("name", "vintage", "known", "basis"),
    [
        ("2015-01.csv", date(2015, 1, 31), datetime(2015, 2, 1, 6, tzinfo=UTC), "assumed"),
        ("201501.csv", date(2015, 1, 31), datetime(2015, 2, 1, 6, tzinfo=UTC), "assumed"),
        ("2015-06-md.csv", date(2015, 6, 30), datetime(2015, 7, 1, 5, tzinfo=UTC), "assumed"),
        ("fred_md_2015-06-12.csv", date(2015, 6, 12), datetime(2015, 6, 13, 5, tzinfo=UTC), "observed"),
        ("current.csv", date(2029, 12, 31), NOW, "observed"),
        ("2015-13.csv", date(2029, 12, 31), NOW, "observed"),
    ],
)
def test_a_vintage_is_known_from_the_end_of_its_month_or_day_and_else_from_the_fetch(
    catalogue: Catalogue, name: str, vintage: date, known: datetime, basis: str
) -> None:
    table = rows(SOURCE.parse(panel(name=name), catalogue))
    assert set(table.select("vintage_date", "knowledge_time", "knowledge_basis").rows()) == {(vintage, known, basis)}


def test_a_file_that_is_fetched_within_its_month_is_known_from_the_fetch(catalogue: Catalogue) -> None:
    fetched = datetime(2014, 3, 30, 12, tzinfo=UTC)
    table = rows(SOURCE.parse(panel(name="2014-03.csv", fetched_at=fetched), catalogue))
    assert set(table["knowledge_time"]) == {fetched}
    assert set(table["knowledge_basis"]) == {"observed"}


def test_a_file_without_a_url_takes_its_vintage_from_its_name(catalogue: Catalogue) -> None:
    saved = replace(panel(), url="", stream="2015-01")
    assert set(rows(SOURCE.parse(saved, catalogue))["vintage_date"]) == {date(2015, 1, 31)}


def test_blank_cells_and_rows_give_nothing_and_the_code_stands_beside_each_value(catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(panel(), catalogue)
    assert rows(parsed).select("entity", "value", "transform_code").rows() == [
        ("RPI", 100.5, 5),
        ("RPI", 101.0, 5),
        ("S&P 500", 1850.25, 2),
    ]
    assert parsed.rejected.is_empty()


def test_columns_go_by_their_names_in_any_order_and_a_panel_without_codes_is_read(catalogue: Catalogue, seed: int) -> None:
    draw = random.Random(seed)
    names = [f"S{i}" for i in range(12)]
    cells = {(name, month): f"{draw.uniform(-9, 9):.3f}" for name in names for month in range(1, 7)}
    tables = []
    for order in (names, draw.sample(names, len(names))):
        lines = [",".join(["sasdate", *order])]
        lines += [",".join([f"{month}/1/2014", *(cells[name, month] for name in order)]) for month in draw.sample(range(1, 7), 6)]
        tables.append(rows(SOURCE.parse(panel("\r\n".join(lines).encode()), catalogue)))
    assert tables[0].equals(tables[1])
    assert tables[0].height == len(cells)
    assert tables[0]["transform_code"].is_null().all()


def test_bad_cells_are_rejected_by_row_and_column_and_the_rest_is_kept(catalogue: Catalogue) -> None:
    body = b"sasdate,A,B,\nTransform:,9,5,\n1/1/2014,1,x,\n13/1/2014,1,2,\n1/1/2040,1,2,\n2/1/2014,inf,3,4\n2/1/2014,1\n"
    parsed = SOURCE.parse(panel(body, name="2015-01.csv"), catalogue)
    assert rows(parsed).select("entity", "value").rows() == [("A", 1.0), ("B", 3.0)]
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (1, "A", "out_of_range"),
        (2, "B", "not_a_number"),
        (3, "sasdate", "not_a_date"),
        (4, "sasdate", "not_a_date"),
        (5, "", "unknown_column"),
        (5, "value", "not_finite"),
        (6, None, "unexpected_shape"),
    ]


def test_years_of_two_digits_are_the_latest_that_the_vintage_can_know(catalogue: Catalogue) -> None:
    table = rows(SOURCE.parse(panel(b"sasdate,A\n1/1/59,1\n1/1/14,2\n2014-02-01,3\n", name="2015-01.csv"), catalogue))
    assert table["valid_time"].dt.date().to_list() == [date(1959, 1, 1), date(2014, 1, 1), date(2014, 2, 1)]


def test_the_quarterly_panel_is_told_apart_and_refused(catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(panel(b"sasdate,GDPC1\nfactors,0\ntransform,5\n3/1/1959,1\n"), catalogue)
    assert not parsed.tables
    assert parsed.rejected["reason"].to_list() == ["unsupported"]


def test_a_panel_is_asked_for_without_a_key_and_by_its_files_name(catalogue: Catalogue) -> None:
    transport = RecordedTransport([panel(), panel(name="2015-01.csv")], now=NOW, has_key=False)
    query = Query(series=("FRED-MD", "fred_md/2015-01"), vintages="all")
    assert [payload.url for payload in SOURCE.fetch(query, transport, catalogue)] == [f"{PANEL}current.csv", f"{PANEL}2015-01.csv"]
    with pytest.raises(InvalidInput, match="2015-01"):
        next(SOURCE.fetch(Query(series=("fred_md/../x",)), transport, catalogue))


@pytest.fixture(scope="module")
def recorded(recordings: Path) -> list[Payload]:
    return [item.payload for item in recorded_payloads(recordings / "fred_md", source="fred", now=NOW)]


def test_two_recorded_files_are_two_vintages_of_the_panel(recorded: list[Payload], catalogue: Catalogue) -> None:
    parsed = [SOURCE.parse(payload, catalogue) for payload in recorded]
    assert [SOURCE.classify(payload) for payload in recorded] == [Classification.OK] * 2
    assert all(p.rejected.is_empty() for p in parsed)
    first, second = (rows(p) for p in parsed)
    assert (first["entity"].n_unique(), second["entity"].n_unique()) == (128, 126)
    assert (set(first["vintage_date"]), set(second["vintage_date"])) == ({date(2019, 11, 6)}, {date(2025, 4, 16)})
    both = with_batch(settle_clipped(pl.concat([first, second])))
    month = pl.col("valid_time") == datetime(2019, 8, 1, tzinfo=UTC)
    for instant, shown in ((datetime(2020, 1, 1, tzinfo=UTC), 109.9431), (datetime(2026, 1, 1, tzinfo=UTC), 102.7814)):
        known = as_of(both, as_of=instant).filter(month & (pl.col("entity") == "INDPRO"))
        assert known["value"].to_list() == [pytest.approx(shown, abs=1e-9)]
    assert as_of(both, as_of=datetime(2019, 11, 1, tzinfo=UTC)).is_empty()
    claims = first.filter(month & (pl.col("entity") == "CLAIMSx"))
    assert claims.select("value", "transform_code").rows() == [(215600.0, 5)]


@pytest.mark.parametrize("first", ["sasdate", "DATE"])
def test_a_table_of_more_series_than_any_has_is_refused_at_once(catalogue: Catalogue, first: str) -> None:
    wide = f"{first},{','.join(f'S{i}' for i in range(100_000))}\n1/1/2014{',1' * 100_000}\n".encode()
    parsed = SOURCE.parse(panel(wide), catalogue)
    assert not parsed.tables
    assert parsed.rejected.select("row", "reason").rows() == [(None, "unexpected_shape")]
