"""SDMX messages: one set of observations written in every form gives the same rows; what has no place in a message is rejected alone."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime

import pytest

from crfs.sources.core.sdmx import observation_rows, read_sdmx
from crfs.sources.core.sdmx_periods import LENGTHS, period_of
from tests.samples.sdmx import Observation, json_message, xml_message

DIMENSIONS = [("LOCATION", ["AUS", "AUT", "CHL"]), ("SUBJECT", ["B1_GE", "P3"]), ("FREQUENCY", ["Q", "A"])]
PERIODS = {"Q": ["2009-Q1", "2009-Q4", "2010-Q2"], "A": ["2009", "2011"]}


def drawn(seed: int) -> list[Observation]:
    draw = random.Random(seed)
    found: list[Observation] = []
    for place in DIMENSIONS[0][1]:
        for subject in DIMENSIONS[1][1]:
            for frequency, periods in PERIODS.items():
                found += [((place, subject, frequency), period, round(draw.uniform(-9, 9), 3)) for period in periods if draw.random() < 0.7]
    draw.shuffle(found)
    return found


def test_every_form_of_a_message_gives_the_same_rows(seed: int) -> None:
    observations = drawn(seed)
    bodies = [json_message(DIMENSIONS, observations, version=version, flat=flat) for version in (1, 2) for flat in (False, True)]
    bodies.append(xml_message([name for name, _ in DIMENSIONS], observations))
    keyed = "".join(f"{'.'.join(codes)},{period},{value}\n" for codes, period, value in observations)
    bodies.append(f"KEY,TIME_PERIOD,OBS_VALUE\n{keyed}".encode())
    begins = {period: found.start for _, period, _ in observations if (found := period_of(period))}
    expected = {(f"QNA/{'.'.join(codes)}", begins[period], value) for codes, period, value in observations}
    for body in bodies:
        message = read_sdmx(body)
        frame, rejected = observation_rows(message, prefix="QNA/")
        assert rejected.is_empty()
        assert {(entity, valid.date(), value) for _, entity, valid, value in frame.iter_rows()} == expected
        assert message.count == len(observations)
    assert [read_sdmx(body).flow for body in bodies[:5]] == ["QNA"] * 5
    assert read_sdmx(bodies[0]).prepared == datetime(2024, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        b"KEY,TIME_PERIOD,OBS_VALUE,OBS_STATUS\nUSA.M.LI,2024-01,99.5,A\n",
        b"DATAFLOW,REF_AREA,FREQ,MEASURE,TIME_PERIOD,OBS_VALUE,OBS_STATUS\nOECD.SDD:DSD_A@DF_B(4.1),USA,M,LI,2024-01,99.5,A\n",
        b"STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION,REF_AREA,Reference area,FREQ,Frequency,MEASURE,Measure,TIME_PERIOD,Time period,"
        b"OBS_VALUE,Value,OBS_STATUS\nDATAFLOW,OECD.SDD:DSD_A@DF_B(4.1),Name,I,USA,United States,M,Monthly,LI,Leading,2024-01,,99.5,,A\n",
        b"DATAFLOW,REF_AREA: Area,FREQ: Frequency,MEASURE: Measure,TIME_PERIOD: Time,OBS_VALUE,OBS_STATUS: Status\n"
        b"OECD.SDD:DSD_A@DF_B(4.1): Name,USA: United States,M: Monthly,LI: Leading,2024-01,99.5,A: Normal\n",
    ],
)
def test_csv_has_the_same_key_with_labels_and_without(body: bytes) -> None:
    message = read_sdmx(body)
    assert message.table.select("key", "period", "text").rows() == [("USA.M.LI", "2024-01", "99.5")]
    assert message.flow == (None if body.startswith(b"KEY") else "DSD_A@DF_B")


def test_the_key_follows_the_positions_not_the_order_of_the_dimensions() -> None:
    document = json.loads(json_message(DIMENSIONS[:2], [(("AUT", "P3"), "2009-Q1", 1.5)]))
    series = document["structure"]["dimensions"]["series"]
    series.reverse()
    document["dataSets"][0]["series"] = {"1:1": document["dataSets"][0]["series"]["1:1"]}
    assert read_sdmx(json.dumps(document).encode()).table["key"].to_list() == ["AUT.P3"]


def test_a_dimension_of_the_whole_data_set_is_in_the_key() -> None:
    document = json.loads(json_message(DIMENSIONS[:1], [(("AUT",), "2009-Q1", 1.5)]))
    document["structure"]["dimensions"]["dataSet"] = [{"id": "FREQUENCY", "keyPosition": 3, "values": [{"id": "Q"}]}]
    assert read_sdmx(json.dumps(document).encode()).table["key"].to_list() == ["AUT.Q"]


@pytest.mark.parametrize("none", [None, "NaN", "", "null"])
def test_an_observation_without_a_value_is_null(none: object) -> None:
    frame, rejected = observation_rows(read_sdmx(json_message(DIMENSIONS[:1], [(("AUT",), "2009-Q1", none)])), prefix="")
    assert (frame["value"].to_list(), rejected.height) == ([None], 0)


def test_observations_that_have_no_place_are_rejected_and_the_rest_is_kept() -> None:
    document = json.loads(
        json_message(DIMENSIONS[:2], [(("AUT", "P3"), "2009-Q1", 1.5), (("AUS", "P3"), "2009-Q9", 2), (("AUS", "P3"), "2010", "x")])
    )
    series = document["dataSets"][0]["series"]
    series["7:0"] = {"observations": {"0": [1]}}
    series["0"] = {"observations": {"0": [1]}}
    series["-1:0"] = {"observations": {"0": [1]}}
    series["0:0"] = {"observations": {"99": [1], "x": [1]}}
    series["1:0"] = "no series"
    frame, rejected = observation_rows(read_sdmx(json.dumps(document).encode()), prefix="")
    assert frame.select("entity", "value").rows() == [("AUT.P3", 1.5)]
    assert sorted(rejected["reason"].to_list()) == ["not_a_date", "not_a_number", *["unexpected_shape"] * 5]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2009", date(2009, 1, 1)), ("2009-A1", date(2009, 1, 1)), ("2009-11", date(2009, 11, 1)), ("2009-M03", date(2009, 3, 1)),
        ("2009-Q3", date(2009, 7, 1)), ("Q3-2009", date(2009, 7, 1)), ("2009-S2", date(2009, 7, 1)), ("2009-H1", date(2009, 1, 1)),
        ("2009-W01", date(2008, 12, 29)), ("2009-02-28", date(2009, 2, 28)), ("2009-02-28T00:00:00", date(2009, 2, 28)),
        ("2009-13", None), ("2009-02-29", None), ("2009-Q5", None), ("2009-W54", None), ("09", None), ("", None), ("0000", None),
        ("2009-02-28T12:00:00", None), ("²009", None),
    ],
)  # fmt: skip
def test_a_period_begins_where_the_standard_says(text: str, start: date | None) -> None:
    found = period_of(text)
    assert (None if found is None else found.start) == start


WRITTEN = {"year": "2024", "half-year": "2024-S1", "quarter": "2024-Q1", "month": "2024-03", "week": "2024-W10", "day": "2024-03-28"}


@pytest.mark.parametrize("code", LENGTHS)
def test_only_a_period_as_long_as_the_frequency_of_its_series_is_taken(code: str) -> None:
    dimensions = [("LOCATION", ["AUS"]), ("FREQ", [code])]
    told: list[Observation] = [(("AUS", code), period, 1.5) for period in WRITTEN.values()]
    bodies = [json_message(dimensions, told, version=version, flat=flat) for version in (1, 2) for flat in (False, True)]
    bodies.append(xml_message([name for name, _ in dimensions], told))
    lines = "".join(f"X:Y(1),AUS,{code},{period},{value}\n" for _, period, value in told)
    bodies.append(f"DATAFLOW,LOCATION,FREQ,TIME_PERIOD,OBS_VALUE\n{lines}".encode())
    keyed = "".join(f"AUS.{code},{code},{period},{value}\n" for _, period, value in told)
    bodies.append(f"KEY,FREQ,TIME_PERIOD,OBS_VALUE\n{keyed}".encode())
    fits = period_of(WRITTEN[LENGTHS[code]])
    assert fits is not None
    for body in bodies:
        frame, rejected = observation_rows(read_sdmx(body), prefix="")
        assert [day.date() for day in frame["valid_time"]] == [fits.start]
        assert rejected["reason"].to_list() == ["contradiction"] * 5
        assert rejected["column"].to_list() == ["TIME_PERIOD"] * 5


def test_the_frequency_of_a_whole_data_set_holds_for_its_series() -> None:
    document = json.loads(json_message(DIMENSIONS[:1], [(("AUT",), "2009", 1.5), (("AUT",), "2009-Q1", 2.5)]))
    document["structure"]["dimensions"]["dataSet"] = [{"id": "FREQUENCY", "keyPosition": 3, "values": [{"id": "Q"}]}]
    frame, rejected = observation_rows(read_sdmx(json.dumps(document).encode()), prefix="")
    assert frame["value"].to_list() == [2.5]
    assert rejected["detail"].to_list() == ["not as long as the series' periods: 2009 is a year, and the key's frequency a quarter"]


@pytest.mark.parametrize("code", ["A3", "_Z", "I", ""])
def test_a_frequency_of_no_one_length_judges_no_period(code: str) -> None:
    told: list[Observation] = [((code,), period, 1.5) for period in WRITTEN.values()]
    frame, rejected = observation_rows(read_sdmx(json_message([("FREQ", [code])], told)), prefix="")
    assert (frame.height, rejected.height) == (len(told), 0)


def test_messages_about_structures_and_errors_are_no_data() -> None:
    assert read_sdmx(b'<m:Structure xmlns:m="x"><m:Structures/></m:Structure>').is_structure
    assert read_sdmx(b'{"data": {"dataStructures": []}, "meta": {}}').is_structure
    assert read_sdmx(b'<m:Error xmlns:m="x"><m:ErrorMessage code="100"><t>No Results Found</t></m:ErrorMessage></m:Error>').error
    assert read_sdmx(b'{"errors": [{"code": 100, "title": "No results"}]}').error
    for body in (b"{}", b"[1]", b'{"dataSets": [1], "structure": {}}', b'{"dataSets": [{}]}', b"<html/>", b"", b"a,b\n1,2\n"):
        assert read_sdmx(body).problem is not None


def test_a_message_prepared_without_a_zone_says_no_instant() -> None:
    said = [
        read_sdmx(json_message(DIMENSIONS[:1], [(("AUT",), "2009", 1)], prepared=text)).prepared
        for text in ("2019-09-17T01:11:32", "soon", "")
    ]
    assert said == [None, None, None]
    exact = read_sdmx(json_message(DIMENSIONS[:1], [(("AUT",), "2009", 1)], prepared="2019-09-17T03:11:32.7663652+02:00")).prepared
    assert exact == datetime(2019, 9, 17, 1, 11, 32, 766365, tzinfo=UTC)


def test_two_dimensions_of_time_or_none_are_refused() -> None:
    document = json.loads(json_message(DIMENSIONS[:1], [(("AUT",), "2009", 1)]))
    document["structure"]["dimensions"]["observation"] = []
    assert read_sdmx(json.dumps(document).encode()).problem is not None
