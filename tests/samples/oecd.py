"""Good bodies of the source ``oecd``: SDMX-JSON 1.0 and 2.0, with series and flat, generic XML, and CSV with labels."""

from __future__ import annotations

from tests.samples import sample
from tests.samples.sdmx import Observation, json_message, xml_message

DIMENSIONS = [("LOCATION", ["AUS", "CHL"]), ("SUBJECT", ["B1_GE"]), ("FREQUENCY", ["Q", "A"])]
OBSERVATIONS: list[Observation] = [
    (("AUS", "B1_GE", "Q"), "2009-Q1", 1321158.283224),
    (("AUS", "B1_GE", "Q"), "2009-Q2", None),
    (("CHL", "B1_GE", "A"), "2009", -1.5),
]
_CSV = (
    b"STRUCTURE,STRUCTURE_ID,STRUCTURE_NAME,ACTION,REF_AREA,Reference area,FREQ,Frequency of observation,TIME_PERIOD,Time period,OBS_VALUE,"
    b"Observation value,OBS_STATUS\nDATAFLOW,OECD.SDD.STES:DSD_STES@DF_CLI(4.1),CLI,I,USA,United States,M,Monthly,2024-01,,99.7,,A\n"
)
SAMPLES = [
    *(
        sample("oecd", json_message(DIMENSIONS, OBSERVATIONS, version=version, flat=flat), stream="saved")
        for version in (1, 2)
        for flat in (False, True)
    ),
    sample("oecd", xml_message([name for name, _ in DIMENSIONS], OBSERVATIONS).replace(b'"None"', b'"NaN"'), stream="saved"),
    sample("oecd", _CSV, stream="saved"),
]
