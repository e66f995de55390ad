"""Good bodies of the source ``bls``."""

from __future__ import annotations

import json

from tests.samples import sample

_URL = "https://api.bls.gov/publicAPI/v2/timeseries/data/"


def _row(year: str, period: str, value: str, *notes: str) -> dict[str, object]:
    footnotes = [{"code": code, "text": "a note"} for code in notes] or [{}]
    return {"year": year, "period": period, "periodName": "its name", "value": value, "footnotes": footnotes}


_ONE = {
    "status": "REQUEST_SUCCEEDED",
    "responseTime": 41,
    "message": [],
    "Results": {
        "series": [
            {
                "seriesID": "LNS14000000",
                "data": [_row("2025", "M11", "4.5", "P"), _row("2025", "M10", "-", "X"), _row("2024", "M13", "4.0")],
            },
            {"seriesID": "CES0000000001", "data": [_row("2025", "M11", "159552", "P", "R")]},
        ]
    },
}
_OTHER_PERIODS = {
    "status": "REQUEST_SUCCEEDED",
    "message": ["No Data Available for Series PRS85006092 Year: 2026"],
    "Results": [
        {
            "series": [
                {"seriesID": "PRS85006092", "data": [_row("2025", "Q02", "2.4"), _row("2025", "Q01", "-1.5"), _row("2024", "Q05", "2.7")]},
                {"seriesID": "CUUSA210SA0", "data": [_row("2016", "S02", "241.3"), _row("2016", "S01", "238.9"), _row("2015", "A01", "1")]},
            ]
        }
    ],
}
SAMPLES = [
    sample("bls", json.dumps(_ONE).encode(), url=_URL, stream="LNS14000000+1"),
    sample("bls", json.dumps(_OTHER_PERIODS).encode(), url=_URL, stream="PRS85006092+1"),
]
