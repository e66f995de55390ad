"""Good bodies of the source ``fred``."""

from __future__ import annotations

import json

from tests.samples import sample


def _fred(output_type: int = 1) -> bytes:
    rows = [
        {
            "realtime_start": f"2020-0{1 + i}-05",
            "realtime_end": f"2020-0{2 + i}-04",
            "date": "2019-12-01",
            "value": ["1.5", ".", "2"][i % 3],
        }
        for i in range(6)
    ]
    window = {
        "realtime_start": "2020-01-01",
        "realtime_end": "2020-12-31",
        "output_type": output_type,
        "count": 6,
        "offset": 0,
        "limit": 100,
    }
    return json.dumps({**window, "observations": rows}).encode()


_URL = "https://api.stlouisfed.org/fred/series/observations?series_id=GDP"
_XML = b"""<?xml version="1.0" encoding="utf-8" ?><observations realtime_start="2015-06-28" realtime_end="2015-06-28" units="lin"
output_type="1" count="1" offset="0" limit="9"><observation realtime_start="2015-06-28" realtime_end="2015-06-28" date="2014-09-02"
value="2002.28"/></observations>"""
SAMPLES = [
    sample("fred", _fred(), url=_URL, stream="GDP"),
    sample("fred", _XML, url=_URL, stream="GDP"),
    sample("fred", b"observation_date,GDP\n2020-01-01,1.5\n2020-04-01,.\n2020-07-01,\n", stream="GDP"),
    sample("fred", b"DATE\tA\tB\n2020-01-01\t1.5\t.\n2021-01-01\t\t2\n", stream="list"),
    sample("fred", b"sasdate,RPI,S&P 500\nTransform:,5,5\n1/1/1959,2437.296,\n2/1/1959,2446.902,54.77\n,,\n", stream="2015-01"),
    sample(
        "fred",
        b'{"date":"2020-01-01","observations":[{"date":"2020-01-01","GDP_20200105":"1"}],"output_type":2,'
        b'"realtime_start":"2020-01-01","realtime_end":"2020-12-31"}',
        url=_URL,
        stream="GDP",
    ),
]
