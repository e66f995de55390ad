"""The Census Bureau: tables with the header first, sentinels, empty and refused answers, series of indicators."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.census import SOURCE, WIDE
from tests.samples.census import STATES

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ACS = "https://api.census.gov/data/2023/acs/acs5?get=NAME,B19013_001E&for=state:*"
EITS = "https://api.census.gov/data/timeseries/eits/"
INDICATOR = ["category_code", "data_type_code", "seasonally_adj", "cell_value", "error_data", "time"]


def payload(
    document: object,
    *,
    url: str = ACS,
    stream: str = "s",
    status: int = 200,
    headers: dict[str, str] | None = None,
    fetched_at: datetime = NOW,
) -> Payload:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(
        source="census",
        stream=stream,
        body=body,
        url=url,
        status=status,
        headers=headers or {},
        started_at=fetched_at,
        fetched_at=fetched_at,
    )


def values(table: pl.DataFrame) -> dict[str, float | None]:
    return dict(table.select("entity", "value").rows())


def test_the_recorded_tracts_give_the_values_that_stand_in_them(recordings: Path, catalogue: Catalogue) -> None:
    item = next(recorded_payloads(recordings / "census", source="census", now=NOW))
    assert SOURCE.classify(item.payload) is Classification.OK
    parsed = SOURCE.parse(item.payload, catalogue)
    assert parsed.rejected.is_empty()
    assert list(parsed.tables) == ["census_acs5"]
    table = parsed.tables["census_acs5"]
    assert table.height == 8 * 3
    assert values(table)["C16001_003E/state:42/county:101/tract:000101"] == 198.0
    assert values(table)["C16001_005E/state:42/county:101/tract:000500"] == 81.0
    assert set(table["valid_time"]) == {datetime(2019, 1, 1, tzinfo=UTC)}
    assert set(table["knowledge_time"]) == {datetime(2025, 3, 31, 16, tzinfo=UTC)}


def test_sentinels_and_nulls_are_missing_and_zero_is_a_number(catalogue: Catalogue) -> None:
    cells = ["-666666666", "-999999999", "-888888888", "-555555555", "-333333333", "-222222222", "-666666666.0", None, "0", "-5", "1,5", 7]
    rows = [[cell, f"{i:02}"] for i, cell in enumerate(cells, start=1)]
    parsed = SOURCE.parse(payload([["B19013_001E", "state"], *rows]), catalogue)
    table = parsed.tables["census_acs5"]
    assert table["row_state"].to_list() == ["missing"] * 8 + ["value"] * 3
    assert table["value"].to_list()[8:] == [0.0, -5.0, 7.0]
    assert parsed.rejected.select("row", "column", "reason").rows() == [(11, "value", "not_a_number")]


def test_the_variables_of_households_make_a_wide_row_a_place_with_rates(catalogue: Catalogue) -> None:
    tables = SOURCE.parse(payload(STATES), catalogue).tables
    wide = tables["census_acs5_households"]
    assert wide["entity"].to_list() == ["state:42", "state:72"]
    pennsylvania, puerto_rico = wide.to_dicts()
    assert pennsylvania["median_household_income"] == 76081.0
    assert pennsylvania["unemployment_rate"] == pytest.approx(351142 / 6639417)
    assert pennsylvania["owner_share"] == pytest.approx(3617137 / 5219783)
    assert puerto_rico["row_state"] == "missing"
    assert tables["census_acs5"].height == 2 * len(WIDE)
    one_less = [[cell for cell, name in zip(row, STATES[0], strict=True) if name != "B25003_002E"] for row in STATES]
    assert "census_acs5_households" not in SOURCE.parse(payload(one_less), catalogue).tables


@pytest.mark.parametrize("case", range(30))
def test_the_order_of_columns_and_rows_and_columns_that_are_new_make_no_difference(catalogue: Catalogue, case: int) -> None:
    draw = random.Random(case)
    header = ["NAME", "B19013_001E", "B01003_001E", "state", "county"]
    rows = [
        [f"County {i}", str(draw.randrange(200_000)), draw.choice(["-666666666", str(draw.randrange(9999))]), "42", f"{i:03}"]
        for i in range(20)
    ]
    order = [*range(5), *([5] if draw.random() < 0.5 else [])]
    draw.shuffle(order)
    mixed = [[(*row, "1" if n else "GEO_ID")[place] for place in order] for n, row in enumerate([header, *draw.sample(rows, 20)])]
    one, other = (SOURCE.parse(payload(document), catalogue) for document in ([header, *rows], mixed))
    assert one.tables["census_acs5"].equals(other.tables["census_acs5"])
    assert other.rejected.is_empty()


def test_a_survey_is_known_after_it_was_out_even_in_its_late_years(catalogue: Catalogue) -> None:
    out = {2018: date(2019, 12, 19), 2019: date(2020, 12, 10), 2020: date(2022, 3, 17), 2022: date(2023, 12, 7), 2024: date(2026, 1, 29)}
    for year, day in out.items():
        table = SOURCE.parse(payload(STATES, url=ACS.replace("2023", str(year))), catalogue).tables["census_acs5"]
        assert set(table["valid_time"]) == {datetime(year - 4, 1, 1, tzinfo=UTC)}
        assert day < table["knowledge_time"][0].date() <= NOW.date()


def test_without_year_or_geography_or_program_nothing_is_guessed(catalogue: Catalogue) -> None:
    for document, url, reason in [
        (STATES, "https://api.census.gov/data/2023/pep/population", "unknown_series"),
        (STATES, "", "unknown_series"),
        ([["B19013_001E"], ["1"]], ACS, "unexpected_shape"),
        ([["NAME", "state"], ["x", "42"]], ACS, "unexpected_shape"),
        ([INDICATOR, ["MDM", "NO", "yes", "1", "no", "2020-01"]], "", "unknown_series"),
        ([INDICATOR[:-1], ["MDM", "NO", "yes", "1", "no"]], EITS + "m3", "missing_field"),
        ({"a": 1}, ACS, "unexpected_shape"),
        ([], ACS, "unexpected_shape"),
        ([[]], ACS, "unexpected_shape"),
    ]:
        parsed = SOURCE.parse(payload(document, url=url), catalogue)
        assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, [reason])


def test_a_series_of_an_indicator_is_named_by_program_category_type_region_and_adjustment(catalogue: Catalogue) -> None:
    rows = [
        ["MDM", "NO", "yes", "299321", "no", "2025-01"],
        ["MDM", "NO", "no", "(S)", "no", "2025-01"],
        ["MDM", "NO", "yes", "(NA)", "no", "2025-02"],
        ["MDM", "E_NO", "no", "1.5", "yes", "2025-01"],
        ["MDM", "NO", "yes", "x", "no", "2025-03"],
        ["MDM", "NO", "yes", "1", "no", "2025-13"],
        ["", "NO", "yes", "1", "no", "2025-01"],
        ["MDM", "NO", "yes", "1", "no"],
        ["QTR", "T", "yes", "5", "no", "2025-Q3"],
    ]
    parsed = SOURCE.parse(payload([INDICATOR, *rows], url=f"{EITS}m3?time=from+2025"), catalogue)
    monthly, quarterly = parsed.tables["census_eits"], parsed.tables["census_eits_quarterly"]
    assert monthly.select("entity", "row_state", "value").rows() == [
        ("m3/MDM/E_NO/US/NSA/error", "value", 1.5),
        ("m3/MDM/NO/US/NSA", "missing", None),
        ("m3/MDM/NO/US/SA", "value", 299321.0),
        ("m3/MDM/NO/US/SA", "missing", None),
    ]
    assert quarterly.select("entity", "valid_time").row(0) == ("m3/QTR/T/US/SA", datetime(2025, 7, 1, tzinfo=UTC))
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (5, "cell_value", "not_a_number"),
        (6, "time", "not_a_date"),
        (7, "category_code", "missing_field"),
        (8, None, "unexpected_shape"),
    ]


@pytest.mark.parametrize(
    ("program", "row", "published"),
    [
        ("marts", ["44X72", "SM", "yes", "1", "no", "2024-01"], "2024-02-15T13:30"),
        ("marts", ["44X72", "SM", "yes", "1", "no", "2018-12"], "2019-02-14T13:30"),
        ("marts", ["44X72", "SM", "yes", "1", "no", "2019-01"], "2019-03-11T12:30"),
        ("marts", ["44X72", "SM", "yes", "1", "no", "2025-09"], "2025-11-25T13:30"),
        ("m3", ["MDM", "NO", "yes", "1", "no", "2024-01"], "2024-03-05T15:00"),
        ("resconst", ["ASTARTS", "TOTAL", "yes", "1", "no", "2013-09"], "2013-12-18T13:30"),
        ("resconst", ["APERMITS", "TOTAL", "yes", "1", "no", "2024-01"], "2024-02-16T13:30"),
    ],
)
def test_no_indicator_is_known_before_its_release(catalogue: Catalogue, program: str, row: list[str], published: str) -> None:
    table = SOURCE.parse(payload([INDICATOR, row], url=EITS + program), catalogue).tables["census_eits"]
    assert datetime.fromisoformat(f"{published}+00:00") <= table["knowledge_time"].item() < NOW
    assert table["knowledge_basis"].item() == "calendar"


@pytest.mark.parametrize(
    ("body", "status", "location", "expected"),
    [
        (b'[["NAME","state"],["x","42"]]', 200, "", "OK"),
        (b'[["NAME","state"]]', 200, "", "EMPTY"),
        (b"", 204, "", "EMPTY"),
        (b"", 200, "", "RETRY"),
        (b"", 302, "https://api.census.gov/data/missing_key.html", "AUTH"),
        (b"<html><head><title>Missing Key</title></head></html>", 200, "", "AUTH"),
        (b"<html><head><title>Invalid Key</title></head></html>", 200, "", "AUTH"),
        (b"error: error: unknown variable 'X'", 400, "", "BAD_REQUEST"),
        (b"error: unknown/unsupported geography hierarchy", 400, "", "BAD_REQUEST"),
        (b"error: error: unknown variable 'X'", 200, "", "BAD_REQUEST"),
        (b"error: there was an error while running your query", 500, "", "RETRY"),
        (b"<html>not found</html>", 404, "", "BAD_REQUEST"),
        (b"<html>busy</html>", 503, "", "RETRY"),
        (b"<html>maintenance</html>", 200, "", "SCHEMA"),
        (b'{"a":1}', 200, "", "SCHEMA"),
        (b'[["NAME",1]]', 200, "", "SCHEMA"),
    ],
)
def test_an_answer_is_told_by_its_body_before_its_status(body: bytes, status: int, location: str, expected: str) -> None:
    headers = {"location": location} if location else {}
    assert SOURCE.classify(payload(body, status=status, headers=headers)) is Classification(expected)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A transport that remembers what it was asked."""

    has_key: bool = False
    now: datetime = NOW
    requests: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Payload:
        self.requests.append(request)
        return payload(b"", status=204)


def test_surveys_are_asked_for_by_year_and_in_groups_of_at_most_fifty_variables(catalogue: Catalogue) -> None:
    transport = Asked()
    names = ",".join(f"B01001_{i:03}E" for i in range(1, 120))
    options = {"for": "tract:*", "in": "state:42 county:101", "get": names}
    list(SOURCE.fetch(Query(series=("acs5/2023",), options=options), transport, catalogue))
    asked = [dict(request.params) for request in transport.requests]
    assert {request.url for request in transport.requests} == {"https://api.census.gov/data/2023/acs/acs5"}
    assert all(len(params["get"].split(",")) <= 50 and params["get"].startswith("NAME,") for params in asked)
    assert [name for params in asked for name in params["get"].split(",")[1:]] == names.split(",")
    assert {(params["for"], params["in"]) for params in asked} == {("tract:*", "state:42 county:101")}

    transport = Asked()
    list(SOURCE.fetch(Query(series=("acs5",), since=date(2001, 1, 1), until=date(2011, 12, 31)), transport, catalogue))
    assert [request.url.split("/")[4] for request in transport.requests] == ["2009", "2010", "2011"]
    assert set(WIDE.values()) < set(dict(transport.requests[0].params)["get"].split(","))


def test_indicators_are_asked_for_by_program_and_months(catalogue: Catalogue) -> None:
    transport = Asked()
    list(SOURCE.fetch(Query(series=("m3", "resconst"), since=date(2010, 1, 1), until=date(2012, 6, 30)), transport, catalogue))
    m3, resconst = transport.requests
    assert m3.full_url == (
        f"{EITS}m3?get=data_type_code%2Ctime_slot_id%2Cseasonally_adj%2Ccategory_code%2Ccell_value%2Cerror_data&time=from+2010-01+to+2012-06"
    )
    assert "geo_level_code" in dict(resconst.params)["get"]
    assert (m3.stream, resconst.stream) == ("eits/m3", "eits/resconst")
    transport = Asked()
    list(SOURCE.fetch(Query(), transport, catalogue))
    assert [request.stream for request in transport.requests] == ["eits/m3", "eits/marts", "eits/resconst", "acs5/2024/state:*"]
    for series in ("acs1", "acs5/20x3", "acs5/1999", "m3/2020"):
        with pytest.raises(InvalidInput):
            list(SOURCE.fetch(Query(series=(series,)), transport, catalogue))


def test_values_of_regions_without_the_column_that_names_them_are_refused_and_not_taken_for_the_country(catalogue: Catalogue) -> None:
    rows = [INDICATOR, ["ASTARTS", "TOTAL", "yes", "104", "no", "2025-01"], ["ASTARTS", "TOTAL", "yes", "1366", "no", "2025-01"]]
    parsed = SOURCE.parse(payload(rows, url=EITS + "resconst"), catalogue)
    assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["missing_field"])
    one = SOURCE.parse(payload([INDICATOR, *rows[2:], *rows[2:]], url=EITS + "resconst"), catalogue)
    assert one.tables["census_eits"]["entity"].to_list() == ["resconst/ASTARTS/TOTAL/US/SA"]


def test_of_a_value_told_twice_the_same_is_kept_once_and_what_differs_is_refused_alone(catalogue: Catalogue) -> None:
    rows = [
        ["44X72", "SM", "yes", "700000", "no", "2024-01"],
        ["44X72", "SM", "yes", "700000", "no", "2024-01"],
        ["44X72", "SM", "yes", "710000", "no", "2024-02"],
        ["44X72", "SM", "yes", "720000", "no", "2024-02"],
        ["44X72", "SM", "yes", "730000", "no", "2024-03"],
    ]
    parsed = SOURCE.parse(payload([INDICATOR, *rows], url=EITS + "marts"), catalogue)
    assert parsed.tables["census_eits"].select("valid_time", "value").rows() == [
        (datetime(2024, 1, 1, tzinfo=UTC), 700000.0),
        (datetime(2024, 3, 1, tzinfo=UTC), 730000.0),
    ]
    assert parsed.rejected.select("row", "reason").rows() == [(3, "contradiction"), (4, "contradiction")]


def test_two_columns_of_one_name_are_one_where_they_are_the_same_and_refused_where_they_differ(catalogue: Catalogue) -> None:
    row = ["44X72", "SM", "yes", "700000", "no", "2024-01"]
    same = payload([[*INDICATOR, "time"], [*row, "2024-01"]], url=EITS + "marts")
    assert SOURCE.classify(same) is Classification.OK
    assert SOURCE.parse(same, catalogue).tables["census_eits"].height == 1
    other = payload([[*INDICATOR, "time"], [*row, "2024-01"], [*row, "2024-02"]], url=EITS + "marts")
    assert SOURCE.classify(other) is Classification.SCHEMA
    parsed = SOURCE.parse(other, catalogue)
    assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["unexpected_shape"])
