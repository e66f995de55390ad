"""The Bureau of Labor Statistics: what is asked, how failures that come with HTTP 200 are told, what rows become of answers."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.bls import SOURCE, URL

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def payload(document: object, *, status: int = 200, fetched_at: datetime = NOW) -> Payload:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(
        source="bls", stream="LNS14000000", body=body, url=URL, status=status, headers={}, started_at=fetched_at, fetched_at=fetched_at
    )


def answer(*series: dict[str, Any], message: list[str] | None = None, status: str = "REQUEST_SUCCEEDED") -> dict[str, Any]:
    return {"status": status, "responseTime": 1, "message": message or [], "Results": {"series": list(series)}}


def series(name: str, *rows: tuple[str, str, object]) -> dict[str, Any]:
    return {
        "seriesID": name,
        "data": [{"year": year, "period": period, "value": value, "footnotes": [{}]} for year, period, value in rows],
    }


def cell(table: pl.DataFrame, entity: str, day: date) -> dict[str, Any]:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return table.row(by_predicate=(pl.col("entity") == entity) & (pl.col("valid_time") == at), named=True)


def test_every_recording_gives_the_values_that_stand_in_it(recordings: Path, catalogue: Catalogue) -> None:
    seen: dict[str, tuple[str, int, int]] = {}
    tables: dict[str, pl.DataFrame] = {}
    for item in recorded_payloads(recordings / "bls", source="bls", now=NOW):
        parsed = SOURCE.parse(item.payload, catalogue)
        if parsed.tables:
            tables[item.path.stem] = parsed.tables["bls_monthly"]
        rows = sum(table.height for table in parsed.tables.values())
        seen[item.path.stem] = (SOURCE.classify(item.payload).value, rows, parsed.rejected.height)
    assert seen == {
        "bad_end_year": ("BAD_REQUEST", 0, 1),
        "cps-situation-2015": ("OK", 48, 0),
        "econ8320_two_series_2024": ("OK", 295, 0),
        "error_invalid_key": ("AUTH", 0, 1),
        "sae-north_dakota-mining-2014-2015": ("OK", 24, 0),
    }
    december = cell(tables["cps-situation-2015"], "LNS14000000", date(2015, 12, 1))
    assert december["value"] == 5.0
    assert december["knowledge_time"] == datetime(2016, 1, 11, 13, 30, tzinfo=UTC)  # the 10th was a Sunday
    assert december["knowledge_basis"] == "calendar"
    january = cell(tables["econ8320_two_series_2024"], "LNS11000000", date(2024, 1, 1))
    assert (january["value"], january["footnotes"]) == (167276.0, "1")
    mining = cell(tables["sae-north_dakota-mining-2014-2015"], "SMS38000001000000001", date(2015, 12, 1))
    assert (mining["value"], mining["footnotes"], mining["clipped"]) == (24.3, "P", True)
    assert mining["knowledge_time"] == datetime(2018, 8, 16, tzinfo=UTC)  # no factor names it: known from the fetch


@pytest.mark.parametrize(
    ("document", "status", "expected"),
    [
        (answer(series("X", ("2020", "M01", "1"))), 200, "OK"),
        (answer(series("X", ("2020", "M01", "1"))), 500, "OK"),
        (answer(series("X"), message=["No Data Available for Series X Year: 2030"]), 200, "EMPTY"),
        (answer(series("X"), message=["Series does not exist for Series X"]), 200, "BAD_REQUEST"),
        (answer(message=["Invalid Series for Series X"]), 200, "BAD_REQUEST"),
        ({"status": "REQUEST_SUCCEEDED", "message": [], "Results": {}}, 200, "EMPTY"),
        ({"status": "REQUEST_SUCCEEDED", "message": [], "Results": []}, 200, "EMPTY"),
        ({"status": "REQUEST_SUCCEEDED", "message": [], "Results": {"serie": []}}, 200, "SCHEMA"),
        ({"status": "REQUEST_NOT_PROCESSED", "message": ["The key:REDACTED provided by the User is invalid."]}, 200, "AUTH"),
        (
            {
                "status": "REQUEST_NOT_PROCESSED",
                "message": [
                    "Request could not be serviced, as the daily threshold for total number of requests allocated to the user "
                    "with registration key REDACTED has been reached."
                ],
                "Results": {},
            },
            200,
            "QUOTA",
        ),
        ({"status": "REQUEST_NOT_PROCESSED", "Results": {}}, 200, "QUOTA"),
        ({"status": "REQUEST_NOT_PROCESSED", "message": ["Invalid series"], "Results": {}}, 200, "BAD_REQUEST"),
        ({"status": "REQUEST_FAILED_INVALID_PARAMETERS", "message": ["End year is invalid."], "Results": []}, 200, "BAD_REQUEST"),
        ({"status": "REQUEST_FAILED_OVER_CAPACITY", "message": [], "Results": {}}, 200, "RETRY"),
        ({"status": "REQUEST_FAILED", "message": ["Unable to process"], "Results": {}}, 200, "RETRY"),
        (b"", 200, "RETRY"),
        (b"{}", 200, "SCHEMA"),
        (b"[1]", 200, "SCHEMA"),
        (b"<html>maintenance</html>", 200, "SCHEMA"),
        (b"<html>gateway</html>", 502, "RETRY"),
        (b"<html>Access Denied</html>", 403, "AUTH"),
        (b"<html>not here</html>", 404, "BAD_REQUEST"),
        (b"slow down", 429, "RETRY"),
    ],
)
def test_an_answer_is_told_by_its_status_field_before_the_http_status(document: object, status: int, expected: str) -> None:
    assert SOURCE.classify(payload(document, status=status)) is Classification(expected)


def test_each_length_of_period_has_a_dataset_of_its_own(catalogue: Catalogue) -> None:
    rows = [("2020", p, "1") for p in ("M01", "M12", "M13", "Q01", "Q04", "S01", "S02")]
    tables = SOURCE.parse(payload(answer(series("X", *rows))), catalogue).tables
    days = {name: [at.date() for at in table["valid_time"]] for name, table in tables.items()}
    assert days == {
        "bls_monthly": [date(2020, 1, 1), date(2020, 12, 1)],
        "bls_quarterly": [date(2020, 1, 1), date(2020, 10, 1)],
        "bls_semiannual": [date(2020, 1, 1), date(2020, 7, 1)],
        "bls_annual": [date(2020, 1, 1)],
    }
    for name in ("Q05", "S03", "A01"):
        assert list(SOURCE.parse(payload(answer(series("X", ("2020", name, "1")))), catalogue).tables) == ["bls_annual"]


def test_a_dash_is_a_missing_row_and_a_bad_cell_is_rejected_beside_the_good_ones(catalogue: Catalogue) -> None:
    rows: list[tuple[str, str, object]] = [
        ("2025", "M10", "-"), ("2025", "M09", "4.4"), ("2025", "M14", "1"), ("25", "M01", "1"), ("2025", "M08", "4,3"),
        ("2025", "M07", "1e999"), ("2025", "M06", None), ("2025", "M05", 4.2),
    ]  # fmt: skip
    document = answer(series("LNS99999999", *rows), {"seriesID": "Y", "data": [{"year": "2025"}, 7]}, {"seriesID": "Z"})
    parsed = SOURCE.parse(payload(document), catalogue)
    table = parsed.tables["bls_monthly"]
    assert table.select("value", "row_state").rows() == [(4.2, "value"), (None, "missing"), (4.4, "value"), (None, "missing")]
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (None, "data", "unexpected_shape"),
        (3, "period", "not_a_date"),
        (4, "period", "not_a_date"),
        (5, "value", "not_a_number"),
        (6, "value", "not_finite"),
        (9, "period", "missing_field"),
        (10, None, "unexpected_shape"),
    ]


def test_messages_of_a_success_are_kept(catalogue: Catalogue) -> None:
    messages = [
        "Series does not exist for Series NOPE",
        "Year range has been reduced to the system-allowed limit of 10 years.",
        "No Data Available for Series LNS14000000 Year: 2027",
    ]
    parsed = SOURCE.parse(payload(answer(series("LNS14000000", ("2020", "M01", "3.5")), series("NOPE"), message=messages)), catalogue)
    assert parsed.tables["bls_monthly"].height == 1
    assert parsed.rejected.select("column", "reason").rows() == [("seriesID", "unknown_series"), ("year", "unsupported")]


def test_a_value_outside_the_bounds_of_its_factor_is_rejected(catalogue: Catalogue) -> None:
    parsed = SOURCE.parse(payload(answer(series("LNS14000000", ("2020", "M01", "350"), ("2020", "M02", "3.5")))), catalogue)
    assert parsed.tables["bls_monthly"]["value"].to_list() == [3.5]
    assert parsed.rejected["reason"].to_list() == ["out_of_range"]


@pytest.mark.parametrize(
    ("name", "month", "published"),
    [
        ("CES0000000001", ("2024", "M02"), "2024-03-08T13:30"),
        ("LNS14000000", ("2024", "M12"), "2025-01-10T13:30"),
        ("LNS14000000", ("2013", "M09"), "2013-10-22T12:30"),
        ("LNS14000000", ("2025", "M09"), "2025-11-20T13:30"),
        ("CES0000000001", ("2025", "M10"), "2025-12-16T13:30"),
        ("CUSR0000SA0", ("2024", "M01"), "2024-02-13T13:30"),
        ("CUSR0000SA0", ("2025", "M09"), "2025-10-24T12:30"),
        ("WPSFD4", ("2024", "M01"), "2024-02-16T13:30"),
        ("WPSFD4", ("2025", "M10"), "2026-01-14T13:30"),
        ("JTS000000000000000JOL", ("2024", "M01"), "2024-03-06T15:00"),
        ("JTS000000000000000JOL", ("2013", "M08"), "2013-10-24T14:00"),
    ],
)
def test_no_value_is_known_before_its_release(catalogue: Catalogue, name: str, month: tuple[str, str], published: str) -> None:
    """Days on which BLS really published, ordinary ones and those after shutdowns."""
    table = SOURCE.parse(payload(answer(series(name, (*month, "4.0")))), catalogue).tables["bls_monthly"]
    known = table["knowledge_time"].item()
    assert datetime.fromisoformat(f"{published}+00:00") <= known < NOW
    assert table["knowledge_basis"].item() == "calendar"


def test_what_is_polled_before_the_calendars_day_is_known_from_the_fetch(catalogue: Catalogue) -> None:
    fetched = datetime(2024, 3, 8, 13, 31, tzinfo=UTC)
    table = SOURCE.parse(payload(answer(series("LNS14000000", ("2024", "M02", "3.9"))), fetched_at=fetched), catalogue).tables[
        "bls_monthly"
    ]
    assert table.select("knowledge_time", "knowledge_basis", "clipped").row(0) == (fetched, "observed", True)


@pytest.mark.parametrize("case", range(30))
def test_the_order_of_fields_and_fields_that_are_new_make_no_difference(catalogue: Catalogue, case: int) -> None:
    draw = random.Random(case)
    rows = [(str(2000 + i // 12), f"M{i % 12 + 1:02}", f"{draw.uniform(1, 9):.1f}") for i in range(40)]
    plain = answer(series("LNS14000000", *rows), series("CUSR0000SA0", *rows[:5]))

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = [*value.items(), *([("new", {"deep": [1]})] if draw.random() < 0.5 else [])]
            draw.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        if isinstance(value, list):
            return draw.sample([shuffled(item) for item in value], len(value))
        return value

    one, other = (SOURCE.parse(payload(document), catalogue) for document in (plain, shuffled(plain)))
    assert one.tables["bls_monthly"].equals(other.tables["bls_monthly"])
    assert other.rejected.is_empty()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A transport that remembers what it was asked."""

    has_key: bool = False
    now: datetime = NOW
    requests: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Payload:
        self.requests.append(request)
        return payload(answer())

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content or b"") for request in self.requests]


@pytest.mark.parametrize(("has_key", "most_series", "most_years"), [(False, 25, 10), (True, 50, 20)])
def test_series_and_years_are_sliced_as_bls_allows(catalogue: Catalogue, has_key: bool, most_series: int, most_years: int) -> None:
    names = tuple(f"CES{i:010}" for i in range(120))
    transport = Asked(has_key=has_key)
    list(SOURCE.fetch(Query(series=names, since=date(1948, 5, 1), until=date(2024, 2, 1)), transport, catalogue))
    asked = {name: set[int]() for name in names}
    for request, body in zip(transport.requests, transport.bodies(), strict=True):
        assert request.method == "POST"
        assert "registrationkey" not in body  # the transport adds it
        years = range(int(body["startyear"]), int(body["endyear"]) + 1)
        assert len(body["seriesid"]) <= most_series
        assert len(years) <= most_years
        for name in body["seriesid"]:
            assert asked[name].isdisjoint(years)
            asked[name].update(years)
    assert all(years == set(range(1948, 2025)) for years in asked.values())
    assert SOURCE.provider.key_field == "registrationkey"


def test_without_series_the_catalogues_are_asked_for_and_without_since_the_newest_years(catalogue: Catalogue) -> None:
    transport = Asked(has_key=True)
    list(SOURCE.fetch(Query(), transport, catalogue))
    bodies = transport.bodies()
    assert {(body["startyear"], body["endyear"]) for body in bodies} == {("2007", "2026")}
    named = {factor.entity for factor in catalogue.factors.values() if factor.dataset == "bls_monthly"}
    assert {name for body in bodies for name in body["seriesid"]} == named
    with pytest.raises(InvalidInput, match="series id"):
        list(SOURCE.fetch(Query(series=("LNS 14",)), transport, catalogue))


def test_the_streams_ask_for_every_factor_once(catalogue: Catalogue) -> None:
    asked = [name for stream in catalogue.streams.values() if stream.source == "bls" for name in stream.series]
    named = [factor.entity for factor in catalogue.factors.values() if factor.dataset == "bls_monthly"]
    assert sorted(asked) == sorted(name for name in named if name)
    assert len(set(named)) == len(named)
    assert all(factor.release is not None for factor in catalogue.factors.values() if factor.dataset == "bls_monthly")
