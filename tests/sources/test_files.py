"""Sources that read files: the history that packages ship, nowcast vintages, and a user's own CSV."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crfs.bitemporal import KnowledgeBasis, Tenor
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import parse_definitions
from crfs.errors import NotFound, SourceUnavailable
from crfs.sources.core import Classification, Payload, Query, load_source
from crfs.sources.core.recorded import NoTransport
from crfs.sources.core.tables import settle_clipped

NOW = datetime(2026, 1, 2, tzinfo=UTC)
OFFLINE = NoTransport(now=NOW)


def packaged(catalogue: Catalogue, dataset: str) -> pl.DataFrame:
    source = load_source("packaged")
    (payload,) = source.fetch(Query(series=(dataset,)), OFFLINE, catalogue)
    assert source.classify(payload) is Classification.OK
    parsed = source.parse(payload, catalogue)
    assert parsed.rejected.is_empty()
    return parsed.tables[dataset]


@pytest.mark.parametrize(
    ("dataset", "rows", "first", "last"),
    [
        ("moodys_yields", 1200, date(1919, 1, 1), date(2018, 12, 1)),
        ("sp500_daily", 5031, date(1999, 1, 4), date(2018, 12, 31)),
        ("vix_daily", 1305, date(2014, 1, 3), date(2019, 1, 3)),
        ("wti_daily", 8611, date(1986, 1, 2), date(2019, 1, 3)),
        ("core_cpi", 743, date(1957, 1, 1), date(2018, 11, 1)),
        ("us_macro_quarterly", 203, date(1959, 1, 1), date(2009, 7, 1)),
    ],
)
def test_a_packaged_history_is_whole_and_known_by_a_declared_calendar(
    catalogue: Catalogue, dataset: str, rows: int, first: date, last: date
) -> None:
    table = packaged(catalogue, dataset)
    days = table["valid_time"].dt.date()
    assert (table.height, days.min(), days.max()) == (rows, first, last)
    assert set(table["knowledge_basis"]) == {KnowledgeBasis.CALENDAR.value}
    # Never the valid time, and for averages never before the period has ended.
    assert (table["knowledge_time"] > table["valid_time"]).all()
    period = catalogue.dataset(dataset).period
    if period != Tenor(days=1):
        assert (table["knowledge_time"] > table["valid_time"].dt.offset_by(period.polars_offset())).all()


def test_baa_less_aaa_is_computed_in_basis_points(catalogue: Catalogue) -> None:
    table = packaged(catalogue, "moodys_yields").filter(pl.col("valid_time") == datetime(2018, 12, 1, tzinfo=UTC))
    assert table.select("aaa", "baa", "spread_bp").row(0) == (4.02, 5.13, 111.0)
    # The first business day of January 2019 was the second, at 16:15 in New York.
    assert table["knowledge_time"][0] == datetime(2019, 1, 2, 21, 15, tzinfo=UTC)


def test_the_third_estimate_of_a_quarter_is_three_months_late(catalogue: Catalogue) -> None:
    table = packaged(catalogue, "us_macro_quarterly").filter(pl.col("valid_time") == datetime(2008, 7, 1, tzinfo=UTC))
    assert table.select("realgdp", "unemp").row(0) == (13324.6, 6.0)
    assert table["knowledge_time"][0] == datetime(2008, 12, 31, 13, 30, tzinfo=UTC)


def test_a_file_cut_short_is_rejected_as_a_whole(catalogue: Catalogue) -> None:
    source = load_source("packaged")
    (payload,) = source.fetch(Query(series=("vix_daily",)), OFFLINE, catalogue)
    body = gzip.compress(gzip.decompress(payload.body))[:-30]
    cut = Payload(source="packaged", stream="vix_daily", body=body, url=payload.url, status=200, headers={}, started_at=NOW, fetched_at=NOW)
    parsed = source.parse(cut, catalogue)
    assert source.classify(cut) is Classification.SCHEMA
    assert not parsed.tables
    assert parsed.rejected["reason"].to_list() == ["malformed"]


def test_an_unknown_packaged_dataset_is_not_found(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound, match="moodys_yields"):
        list(load_source("packaged").fetch(Query(series=("moodys",)), OFFLINE, catalogue))


def test_two_nowcast_vintages_settle_to_the_second_ones_news(catalogue: Catalogue) -> None:
    source = load_source("nyfed")
    try:
        payloads = list(source.fetch(Query(), OFFLINE, catalogue))
    except SourceUnavailable as error:
        pytest.skip(str(error))
    june, july = (source.parse(payload, catalogue).tables["nyfed_nowcast_panel"] for payload in payloads)
    assert [payload.stream for payload in payloads] == ["2016-06-29", "2016-07-29"]
    assert (june.height, july.height) == (8653, 8676)
    key = ["entity", "valid_time"]
    assert june.join(july, on=key, how="anti").is_empty()  # nothing is withdrawn between the two
    settled = settle_clipped(pl.concat([june, july]))
    changed = july.join(june, on=[*key, "value"], how="anti")
    assert settled.height == june.height + changed.height
    payrolls = settled.filter((pl.col("entity") == "PAYEMS") & (pl.col("valid_time") == datetime(2016, 5, 1, tzinfo=UTC)))
    assert payrolls["vintage_date"].to_list() == [date(2016, 6, 29), date(2016, 7, 29)]
    assert payrolls["knowledge_time"][0] == datetime(2016, 6, 30, 4, 0, tzinfo=UTC)


TOML = """
[[dataset]]
name = "ratings"
title = "Ratings"
source = "csv"
entity_kind = "obligor"
period = "P1M"
zone = "Europe/Berlin"
release = { lag = "P5D", at = "18:00", zone = "Europe/Berlin" }
[[dataset.column]]
name = "score"
title = "Score"
minimum = 0
maximum = 100
required = true
[[dataset.column]]
name = "grade"
title = "Grade"
type = "text"
[[dataset.column]]
name = "watch"
title = "On the watch list"
type = "bool"
"""
RATINGS = Catalogue.of([parse_definitions(TOML, where="ratings.toml")])
HEADER = b"entity,valid_time,knowledge_time,score,grade,watch\n"


def csv(body: bytes, stream: str = "ratings") -> Payload:
    return Payload(source="csv", stream=stream, body=body, url="file:ratings.csv", status=200, headers={}, started_at=NOW, fetched_at=NOW)


def test_a_csv_row_is_known_when_it_says_else_by_the_datasets_rule_else_from_the_fetch() -> None:
    body = (
        HEADER
        + b"A,2020-01-01,2020-02-03T10:00:00+01:00,50,BB,no\nB,2020-01-01,2020-02-03,51,,yes\nC,2020-01-01,,52,A,\nD,2026-01-01,,1,B,1\n"
    )
    parsed = load_source("csv").parse(csv(body), RATINGS)
    assert parsed.rejected.is_empty()
    assert parsed.tables["ratings"].select("entity", "knowledge_time", "knowledge_basis", "vintage_date", "grade", "watch").rows() == [
        ("A", datetime(2020, 2, 3, 9, tzinfo=UTC), "observed", None, "BB", False),
        ("B", datetime(2020, 2, 3, 23, tzinfo=UTC), "observed", date(2020, 2, 3), None, True),
        ("C", datetime(2020, 2, 6, 17, tzinfo=UTC), "assumed", None, "A", None),
        ("D", NOW, "observed", None, "B", True),
    ]


def test_a_csv_row_that_would_be_known_after_its_file_was_read_is_rejected_and_one_of_the_day_is_known_from_then() -> None:
    """Somebody wrote another year than was meant; of today's day the end has not come."""
    lines = [b"A,2026-01-01,2026-01-02,50,BB,no", b"B,2026-01-01,2062-01-02,50,BB,no", b"C,2026-01-01,2026-01-02T00:00:01Z,50,BB,no"]
    parsed = load_source("csv").parse(csv(HEADER + b"\n".join(lines)), RATINGS)
    assert parsed.tables["ratings"].select("entity", "knowledge_time", "vintage_date").rows() == [("A", NOW, date(2026, 1, 2))]
    assert parsed.rejected.select("row", "column", "reason").rows() == [(row, "knowledge_time", "contradiction") for row in (2, 3)]
    assert "later than the file was read (2026-01-02): 2062-01-02" in parsed.rejected["detail"][0]


def test_bad_csv_rows_are_rejected_by_row_and_column() -> None:
    lines = [
        b"A,2020-01-01,,50,BB,no",
        b"A,2020-13-01,,50,BB,no",
        b"B,2020-01-01T00:00:00,,50,BB,no",
        b"C,2020-01-01,,fifty,BB,no",
        b"D,2020-01-01,,101,BB,no",
        b"E,2020-01-01,,NaN,BB,no",
        b"F,2020-01-01,,,BB,no",
        b"G,2020-01-01,,50,B\xff,no",
        b"H,2020-01-01,,50,BB",
        b",2020-01-01,,50,BB,no",
        b"K,2020-01-01,,51,BB,no",
        b"I,2020-01-01,,50,BB,perhaps",
        b"J,1066-10-14,,50,BB,no",
        b"K,2020-01-01,,50,BB,no",
    ]
    parsed = load_source("csv").parse(csv(HEADER + b"\n".join(lines)), RATINGS)
    assert parsed.tables["ratings"]["entity"].to_list() == ["A"]
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (2, "valid_time", "not_a_date"),
        (3, "valid_time", "not_a_date"),
        (4, "score", "not_a_number"),
        (5, "score", "out_of_range"),
        (6, "score", "not_finite"),
        (7, "score", "missing_field"),
        (8, "grade", "broken_encoding"),
        (9, None, "unexpected_shape"),
        (10, "entity", "missing_field"),
        (11, "valid_time", "contradiction"),
        (12, "watch", "wrong_type"),
        (13, "valid_time", "out_of_range"),
        (14, "valid_time", "contradiction"),
    ]


@pytest.mark.parametrize(
    ("body", "column", "reason"),
    [
        (b"entity,valid_time,score,grade,watch,colour\nA,2020-01-01,1,B,no,red\n", "colour", "unknown_column"),
        (b"entity,valid_time,score,grade\nA,2020-01-01,1,B\n", "watch", "missing_field"),
        ("entity,valid_time\n".encode("utf-16"), None, "broken_encoding"),
    ],
)
def test_a_wrong_header_rejects_the_file(body: bytes, column: str | None, reason: str) -> None:
    parsed = load_source("csv").parse(csv(body), RATINGS)
    assert not parsed.tables
    assert parsed.rejected.select("row", "column", "reason").rows() == [(None, column, reason)]


def test_a_csv_of_an_unknown_dataset_says_so() -> None:
    assert (
        load_source("csv")
        .parse(csv(HEADER, stream="rating"), RATINGS)
        .rejected["detail"][0]
        .startswith("no dataset is called 'rating'; did you")
    )


def test_a_csv_file_is_fetched_by_its_path_and_its_url_names_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "book.csv"
    file.write_bytes(HEADER)
    (payload,) = load_source("csv").fetch(Query(series=("ratings",), options={"path": file}), OFFLINE, RATINGS)
    assert (payload.url, payload.stream, payload.body) == ("file:book.csv", "ratings", HEADER)
    assert load_source("csv").classify(payload) is Classification.EMPTY
    assert payload.fetched_at - payload.started_at == timedelta(0)
