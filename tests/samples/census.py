"""Good bodies of the source ``census``."""

from __future__ import annotations

import json

from crfs.sources.providers.census import WIDE
from tests.samples import sample

_API = "https://api.census.gov/data/"
_TRACTS = [
    ["NAME", "B19013_001E", "B19013_001M", "B19013_001EA", "state", "county", "tract"],
    ["Census Tract 1.01; Philadelphia County; Pennsylvania", "91250", "-222222222", "null", "42", "101", "000101"],
    ["Census Tract 1.02; Philadelphia County; Pennsylvania", "-666666666", None, None, "42", "101", "000102"],
]
_PENNSYLVANIA = ["12986518", "76081", "0.4744", "240500", "1162", "12553861", "1472316", "6639417", "351142", "5781028", "561245"]
_PENNSYLVANIA += ["5219783", "3617137"]
STATES = [
    ["NAME", *WIDE.values(), "state"],
    ["Pennsylvania", *_PENNSYLVANIA, "42"],
    ["Puerto Rico", *["-666666666"] * len(WIDE), "72"],
]
_M3 = [
    ["data_type_code", "time_slot_id", "seasonally_adj", "category_code", "cell_value", "error_data", "time", "us"],
    ["NO", "0", "yes", "MDM", "299321", "no", "2025-01", "1"],
    ["NO", "0", "no", "MDM", "(NA)", "no", "2025-01", "1"],
    ["TI", "0", "yes", "MTM", "862144", "no", "2025-02", "1"],
]
_RESCONST = [
    ["data_type_code", "time_slot_id", "seasonally_adj", "category_code", "cell_value", "error_data", "geo_level_code", "time"],
    ["TOTAL", "0", "yes", "ASTARTS", "1366", "no", "US", "2025-01"],
    ["TOTAL", "0", "yes", "ASTARTS", "104", "no", "NE", "2025-01"],
    ["E_TOTAL", "0", "yes", "ASTARTS", "9.5", "yes", "US", "2025-01"],
]
_QUARTERS = [
    ["cell_value", "category_code", "data_type_code", "seasonally_adj", "program_code", "time"],
    ["65.7", "RATE", "HOR", "no", "HV", "2025-Q1"],
]
SAMPLES = [
    sample("census", json.dumps(_TRACTS).encode(), url=f"{_API}2023/acs/acs5?get=NAME", stream="acs5"),
    sample("census", json.dumps(STATES).encode(), stream="acs5_2023_states"),
    sample("census", json.dumps(_M3).encode(), url=f"{_API}timeseries/eits/m3?get=cell_value&time=from+2025-01", stream="eits/m3"),
    sample("census", json.dumps(_RESCONST).encode(), stream="eits/resconst"),
    sample("census", json.dumps(_QUARTERS).encode(), stream="saved"),
]
