"""FRED's answers told apart: recorded bodies, and the errors that its contract knows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput, SourceRejected, SourceUnavailable
from crfs.sources.core import Classification, Query, RejectReason
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.fred.source import SOURCE, Fred
from tests.sources.alfred import NOW, Archive, payload_of
from tests.sources.recorded_transport import RecordedTransport

URL = "https://api.stlouisfed.org/fred/series/observations?series_id=GDP"
GRAPH = "https://fred.stlouisfed.org/graph/fredgraph.csv"
ALFRED = "Bad Request.  The series does not exist in ALFRED but may exist in FRED."


def error(code: int, words: str) -> dict[str, object]:
    return {"error_code": code, "error_message": words}


@pytest.mark.parametrize(
    ("document", "status", "url", "expected"),
    [
        (error(400, "Bad Request. Variable api_key is not set."), 400, URL, "AUTH"),
        (error(400, "Bad Request.  The value for variable api_key is not registered."), 400, URL, "AUTH"),
        (error(400, "Bad Request.  The series does not exist."), 400, URL, "BAD_REQUEST"),
        (error(400, "There are 2004 vintage dates … exceeds the maximum number of vintage dates allowed (2000)"), 400, URL, "BAD_REQUEST"),
        (error(400, ALFRED), 400, URL + "&realtime_start=1950-01-01", "EMPTY"),
        (error(400, ALFRED), 400, URL, "BAD_REQUEST"),
        (error(429, "Too Many Requests.  Exceeded Rate Limit"), 429, URL, "RETRY"),
        (error(500, "Internal Server Error"), 500, URL, "RETRY"),
        (b"Too Many Requests", 429, URL, "RETRY"),
        (b"<html>not found</html>", 404, "https://fred.stlouisfed.org/graph/fredgraph.csv?id=NO", "BAD_REQUEST"),
        (b"<html>maintenance</html>", 200, URL, "SCHEMA"),
        (b"<html>gateway</html>", 503, URL, "RETRY"),
        (b"", 200, URL, "RETRY"),
        (b'{"observations": [', 200, URL, "SCHEMA"),
        ({"observations": [], "count": 0}, 200, URL, "EMPTY"),
        ({"observations": [], "count": 3, "offset": 0}, 200, URL, "RETRY"),
        ({"observations": [{}], "count": 1, "units": "pch"}, 200, URL, "SCHEMA"),
        ({"observations": [{}], "count": 1}, 200, URL + "&units=pch", "SCHEMA"),
        (b'<?xml version="1.0"?><error code="400" message="Bad Request.  Variable api_key is not set."/>', 400, URL, "AUTH"),
        (b"observation_date,GDP\n2020-01-01,1\n", 200, f"{GRAPH}?id=GDP", "OK"),
        (b'\xef\xbb\xbf"observation_date","GDP","UNRATE"\r\n2020-01-01,1,2\r\n', 200, f"{GRAPH}?id=unrate,gdp", "OK"),
        (b"observation_date,GDP\n", 200, f"{GRAPH}?id=GDP", "EMPTY"),
        (b"observation_date,GDP\n2020-01-01,1\n", 200, f"{GRAPH}?id=UNRATE", "SCHEMA"),
        (b"observation_date,GDP,X2\n2020-01-01,1,9\n", 200, f"{GRAPH}?id=GDP", "SCHEMA"),
        (b"observation_date,GDP\n2020-01-01,1\n", 200, f"{GRAPH}?id=GDP,UNRATE", "SCHEMA"),
        (b"observation_date\n2020-01-01\n", 200, f"{GRAPH}?id=GDP", "SCHEMA"),
        ({"seriess": [{"id": "GDP"}]}, 200, URL, "OK"),
        ({"seriess": [{"id": "UNRATE"}]}, 200, URL, "SCHEMA"),
        (b'<?xml version="1.0"?><seriess><series id="UNRATE"/></seriess>', 200, URL, "SCHEMA"),
        ({"vintage_dates": ["2020-01-01"]}, 200, URL, "OK"),
    ],
)
def test_an_answer_is_classified_by_its_body_before_its_status(document: object, status: int, url: str, expected: str) -> None:
    assert SOURCE.classify(payload_of(document, url=url, status=status)) is Classification(expected)


def test_every_recording_is_what_it_is(recordings: Path, catalogue: Catalogue) -> None:
    """Documents about series have no rows; nothing crashes."""
    seen: dict[str, tuple[str, int]] = {}
    for folder in ("fred", "fred_md"):
        for item in recorded_payloads(recordings / folder, source="fred", now=datetime.now(UTC)):
            rows = SOURCE.parse(item.payload, catalogue).tables
            seen[item.path.stem] = (SOURCE.classify(item.payload).value, sum(table.height for table in rows.values()))
    assert seen["error_400_api_key_not_set"] == ("AUTH", 0)
    assert seen["error_400_realtime_end_after_today"] == ("BAD_REQUEST", 0)
    assert seen["fred_md_current_a"] == ("OK", 92_364)
    assert seen["fred_md_current_b"] == ("OK", 98_969)
    assert seen["xml_fredapi_test_0"] == ("OK", 4)
    assert seen["fredgraph_CPIAUCSL_legacy_header"] == ("OK", 857)
    assert seen["fredgraph_INDPRO_observation_date_header"] == ("OK", 314)
    for about in ("category_series_125", "releases_dates", "series_vintagedates_GDP_a", "series_tags_GDP", "sources", "xml_fredapi_test_2"):
        assert seen[about] == ("OK", 0)
    assert len(seen) == 29


def test_a_keyless_table_is_known_from_its_fetch_and_a_point_is_missing(catalogue: Catalogue) -> None:
    payload = payload_of(b"DATE,DGS10\n2020-01-02,1.88\n2020-01-03,.\n2020-01-06,\n", stream="DGS10")
    table = SOURCE.parse(payload, catalogue).tables["fred_series"]
    assert table["row_state"].to_list() == ["value", "missing", "missing"]
    assert table["clipped"].all()
    assert set(table["knowledge_time"]) == {payload.fetched_at}


def test_bad_cells_are_rejected_by_row_and_column_and_the_rest_is_kept(catalogue: Catalogue) -> None:
    good = {"realtime_start": "2020-02-01", "realtime_end": "9999-12-31", "date": "2020-01-01", "value": "1"}
    rows = [
        good,
        {**good, "date": "2020-01-32"},
        {**good, "date": "2020-02-01", "value": "1,5"},
        {**good, "date": "2019-12-01", "value": "2"},
        {"date": "x"},
        "no",
    ]
    rows += [{**good, "date": "2020-03-01", "value": "1e999"}, {**good, "date": "2020-04-01", "realtime_end": "2020-01-01"}]
    rows += [{**good, "date": "2019-12-01"}]
    document = {"realtime_start": "2020-01-01", "realtime_end": "9999-12-31", "observations": rows}
    parsed = SOURCE.parse(payload_of(document, url=URL), catalogue)
    assert parsed.tables["fred_series"]["value"].to_list() == [1.0]
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (2, "date", RejectReason.NOT_A_DATE.value),
        (3, "value", RejectReason.NOT_A_NUMBER.value),
        (4, "value", RejectReason.CONTRADICTION.value),
        (5, "realtime_start", RejectReason.MISSING_FIELD.value),
        (6, None, RejectReason.UNEXPECTED_SHAPE.value),
        (7, "value", RejectReason.NOT_FINITE.value),
        (8, "realtime_end", RejectReason.CONTRADICTION.value),
        (9, "value", RejectReason.CONTRADICTION.value),
    ]


def test_vintages_without_a_key_are_an_error_that_says_what_to_set(catalogue: Catalogue) -> None:
    archive = Archive(vintages={date(2020, 1, 1): {date(2019, 12, 1): "1"}}, has_key=False)
    with pytest.raises(InvalidInput, match="CRFS_SOURCES__FRED__API_KEY"):
        next(SOURCE.fetch(Query(series=("TEST",), vintages="all"), archive, catalogue))


@pytest.mark.parametrize("series", [(), ("",), ("UNRATE", " ")])
def test_a_series_without_a_name_is_not_asked(catalogue: Catalogue, series: tuple[str, ...]) -> None:
    transport = RecordedTransport([], now=NOW)
    with pytest.raises(InvalidInput, match="name at least one series, like UNRATE, and none that is empty"):
        list(SOURCE.fetch(Query(series=series), transport, catalogue))
    assert transport.asked == []


def test_an_unknown_series_ends_with_the_providers_words(catalogue: Catalogue) -> None:
    archive = Archive(vintages={date(2020, 1, 1): {date(2019, 12, 1): "1"}})
    with pytest.raises(SourceRejected, match="does not exist"):
        list(SOURCE.fetch(Query(series=("NOPE",), vintages="all"), archive, catalogue))


def test_no_request_spans_more_vintages_than_fred_allows(catalogue: Catalogue) -> None:
    """A daily series: 4,500 vintages in three slices of at most 2,000; the archive refuses larger ones."""
    first = date(2000, 1, 1).toordinal()
    vintages = {date.fromordinal(first + i): {date(1999, 12, 1): str(i)} for i in range(4500)}
    archive = Archive(vintages=vintages)
    payloads = list(SOURCE.fetch(Query(series=("TEST",), vintages="all"), archive, catalogue))
    asked = [dict(request.params) for request in archive.asked if request.url.endswith("observations")]
    assert len(asked) == 3
    assert asked[0]["realtime_start"] == "1776-07-04"
    assert asked[-1]["realtime_end"] == "9999-12-31"
    assert sum(table.filter(~table["clipped"]).height for p in payloads for table in SOURCE.parse(p, catalogue).tables.values()) == 4500


@pytest.mark.parametrize("vintages", ["all", "latest"])
def test_of_a_series_that_is_described_as_another_no_observations_are_asked(
    catalogue: Catalogue, vintages: Literal["all", "latest"]
) -> None:
    page = payload_of({"seriess": [{"id": "OTHER"}]}, url="https://api.stlouisfed.org/fred/series?series_id=TEST&file_type=json")
    transport = RecordedTransport([page], now=NOW)
    assert list(SOURCE.fetch(Query(series=("TEST",), vintages=vintages), transport, catalogue)) == [page]
    assert len(transport.asked) == 1
    rejected = SOURCE.parse(page, catalogue).rejected
    assert rejected.select("reason", "detail").rows() == [("unknown_series", "TEST was asked for, and the answer is about OTHER")]


def test_an_answer_of_another_shape_is_handed_on_and_ends_the_fetch(catalogue: Catalogue) -> None:
    page = payload_of(b"<html>maintenance</html>", url="https://api.stlouisfed.org/fred/series?series_id=TEST&file_type=json")
    listed = "https://api.stlouisfed.org/fred/series/vintagedates?series_id=TEST&file_type=json&realtime_start=1776-07-04"
    dates = payload_of(b"<html>maintenance</html>", url=f"{listed}&realtime_end=9999-12-31&limit=10000&offset=0")
    fetch = SOURCE.fetch(Query(series=("TEST",), vintages="all"), RecordedTransport([page, dates], now=NOW), catalogue)
    assert [next(fetch).body, next(fetch).body] == [page.body, dates.body]
    with pytest.raises(SourceUnavailable, match="another shape"):
        next(fetch)


def test_slices_and_pages_that_cannot_be_put_together_are_refused() -> None:
    with pytest.raises(InvalidInput, match="overlap"):
        Fred(max_vintages=1)
