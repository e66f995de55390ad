"""The OECD: recorded messages, from when values were known, and what is asked in how many questions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Parsed, Payload, Query, Request
from crfs.sources.core.recorded import Recording, recorded_payloads
from crfs.sources.providers.oecd import DATASET, SOURCE
from tests.samples import NOW, sample
from tests.samples.oecd import DIMENSIONS, OBSERVATIONS
from tests.samples.sdmx import Observation, json_message


@pytest.fixture(scope="module")
def recorded(recordings: Path) -> dict[str, Recording]:
    """The recordings by their files' names."""
    return {item.path.name: item for item in recorded_payloads(recordings / "oecd_sdmx", source="oecd", now=NOW)}


def parse(body: bytes, catalogue: Catalogue, *, url: str = "", stream: str = "") -> Parsed:
    return SOURCE.parse(sample("oecd", body, url=url, stream=stream), catalogue)


def test_the_recorded_national_accounts_are_read_with_their_dimensions(recorded: dict[str, Recording], catalogue: Catalogue) -> None:
    payload = recorded["oecd1_jsdmx.json"].payload
    assert SOURCE.classify(payload) is Classification.OK
    parsed = SOURCE.parse(payload, catalogue)
    table = parsed.tables[DATASET]
    assert (table.height, parsed.rejected.height, table["entity"].n_unique()) == (60, 0, 5)
    chile = table.filter(pl.col("entity") == "QNA/CHL.B1_GE.VOBARSA.Q")
    assert chile["valid_time"].dt.date().to_list()[:3] == [date(2009, 1, 1), date(2009, 4, 1), date(2009, 7, 1)]
    assert chile["value"].to_list()[::11] == [104697282.668229, 120601874.99935]


def test_values_are_known_from_the_message_not_from_their_period_nor_from_a_later_fetch(
    recorded: dict[str, Recording], catalogue: Catalogue
) -> None:
    """The message was prepared in 2019 and found in a repository in 2026."""
    table = SOURCE.parse(recorded["oecd1_jsdmx.json"].payload, catalogue).tables[DATASET]
    assert set(table["knowledge_time"]) == {datetime(2019, 9, 17, 1, 11, 32, 766365, tzinfo=UTC)}
    assert set(table["knowledge_basis"]) == {"observed"}
    assert table["clipped"].all()


@pytest.mark.parametrize("prepared", ["2030-01-01T00:00:00Z", "2019-09-17T01:11:32", "", "soon"])
def test_without_a_credible_instant_in_the_message_values_are_known_from_the_fetch(catalogue: Catalogue, prepared: str) -> None:
    table = parse(json_message(DIMENSIONS, OBSERVATIONS, prepared=prepared), catalogue).tables[DATASET]
    assert set(table["knowledge_time"]) == {NOW}


def test_a_recorded_structure_is_ok_and_has_no_rows(recorded: dict[str, Recording], catalogue: Catalogue) -> None:
    payload = recorded["eurostat_dsd_xml.xml"].payload
    parsed = SOURCE.parse(payload, catalogue)
    assert (SOURCE.classify(payload), parsed.tables, parsed.rejected.height) == (Classification.OK, {}, 0)


def test_a_null_observation_is_missing_and_frequencies_stay_apart(catalogue: Catalogue) -> None:
    table = parse(json_message(DIMENSIONS, OBSERVATIONS), catalogue).tables[DATASET]
    assert table.select("entity", pl.col("valid_time").dt.date(), pl.col("row_state").cast(pl.String), "value").rows() == [
        ("QNA/AUS.B1_GE.Q", date(2009, 1, 1), "value", 1321158.283224),
        ("QNA/AUS.B1_GE.Q", date(2009, 4, 1), "missing", None),
        ("QNA/CHL.B1_GE.A", date(2009, 1, 1), "value", -1.5),
    ]


def test_a_period_is_as_long_as_the_frequency_says_or_refused(catalogue: Catalogue) -> None:
    told: list[Observation] = [(("AUS", "B1_GE", "Q"), "2009-Q1", 1.5), (("AUS", "B1_GE", "Q"), "2009", 6.0)]
    told += [(("CHL", "B1_GE", "A"), "2009", 2.5), (("CHL", "B1_GE", "A"), "2009-01", 0.5)]
    parsed = parse(json_message(DIMENSIONS, told), catalogue)
    assert parsed.tables[DATASET].select("entity", "value").rows() == [("QNA/AUS.B1_GE.Q", 1.5), ("QNA/CHL.B1_GE.A", 2.5)]
    assert parsed.rejected["reason"].to_list() == ["contradiction"] * 2


@pytest.mark.parametrize(
    ("flow", "url", "stream", "entity"),
    [
        ("https://stats.oecd.org/sdmx-json/dataflow/QNA/all", "", "", "QNA"),
        ("", "https://sdmx.oecd.org/public/rest/data/OECD.SDD.STES,DSD_STES@DF_CLI,4.1/USA.M?format=jsondata", "", "DSD_STES@DF_CLI"),
        ("", "", "DSD_STES@DF_CLI/USA.M", "DSD_STES@DF_CLI"),
        ("", "", "saved_gdp", "saved_gdp"),
    ],
)
def test_the_dataflow_is_named_by_the_message_the_url_or_the_stream(
    catalogue: Catalogue, flow: str, url: str, stream: str, entity: str
) -> None:
    table = parse(json_message(DIMENSIONS, OBSERVATIONS, flow=flow), catalogue, url=url, stream=stream).tables[DATASET]
    assert {name.partition("/")[0] for name in table["entity"]} == {entity}


def test_without_any_name_of_the_dataflow_nothing_is_accepted(catalogue: Catalogue) -> None:
    parsed = parse(json_message(DIMENSIONS, OBSERVATIONS, flow=""), catalogue)
    assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["unknown_series"])


class Service:
    """Answers everything with one message."""

    has_key = False
    now = NOW

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def send(self, request: Request) -> Payload:
        self.asked.append(request)
        return sample("oecd", json_message(DIMENSIONS, OBSERVATIONS), url=request.full_url, stream=request.stream)


def test_countries_of_one_kind_of_series_are_one_question(catalogue: Catalogue) -> None:
    service = Service()
    query = Query(
        series=("DSD_STES@DF_CLI/USA.M.LI", "DSD_STES@DF_CLI/DEU.M.LI", "OECD.SDD.NAD,DSD_NAMAIN1@DF_QNA,1.1/Q..USA"),
        since=date(2024, 1, 15),
        until=date(2024, 6, 30),
    )
    list(SOURCE.fetch(query, service, catalogue))
    assert [request.url.rpartition("/data/")[2] for request in service.asked] == [
        "OECD.SDD.STES,DSD_STES@DF_CLI,/USA+DEU.M.LI",
        "OECD.SDD.NAD,DSD_NAMAIN1@DF_QNA,1.1/Q..USA",
    ]
    assert dict(service.asked[0].params) == {
        "startPeriod": "2024-01",
        "endPeriod": "2024-06",
        "dimensionAtObservation": "AllDimensions",
        "format": "jsondata",
    }
    assert service.asked[0].stream == "DSD_STES@DF_CLI/USA+DEU.M.LI"


def test_the_whole_catalogue_is_six_questions(catalogue: Catalogue) -> None:
    """At most 60 downloads an hour are allowed."""
    service = Service()
    list(SOURCE.fetch(Query(), service, catalogue))
    assert len(service.asked) == 6
    assert sum(len(request.stream.partition("/")[2].split(".")[0].split("+")) for request in service.asked) == 42


@pytest.mark.parametrize("series", ["GDP", "DSD_NAMAIN1@DF_QNA/Q..USA", "DSD_STES@DF_CLI/", "DSD_STES@DF_CLI/US A", "/USA.M"])
def test_what_is_no_series_is_an_error_that_says_how_to_write_one(catalogue: Catalogue, series: str) -> None:
    with pytest.raises(InvalidInput, match="AGENCY,FLOW/KEY"):
        next(SOURCE.fetch(Query(series=(series,)), Service(), catalogue))


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (json_message(DIMENSIONS, OBSERVATIONS), 200, "OK"),
        (json_message(DIMENSIONS, []), 200, "EMPTY"),
        (b"NoRecordsFound", 404, "EMPTY"),
        (b"Could not find Dataflow and/or DSD related with this data request", 404, "BAD_REQUEST"),
        (b"<mes:Error xmlns:mes='x'>No Results Found</mes:Error>", 200, "EMPTY"),
        (b'{"errors": [{"code": 140, "title": "syntax"}]}', 200, "BAD_REQUEST"),
        (b"<html>Attention Required! Cloudflare</html>", 403, "QUOTA"),
        (b"forbidden", 403, "AUTH"),
        (b"", 200, "RETRY"),
        (b"slow down", 429, "RETRY"),
        (b"<html>maintenance</html>", 200, "SCHEMA"),
        (b"<m:CompactData xmlns:m='x'/>", 200, "SCHEMA"),
        (json_message(DIMENSIONS, OBSERVATIONS)[:-40], 200, "SCHEMA"),
    ],
)
def test_an_answer_is_classified(body: bytes, status: int, expected: str) -> None:
    assert SOURCE.classify(sample("oecd", body, status=status)) is Classification(expected)
