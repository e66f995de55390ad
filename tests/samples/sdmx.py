"""SDMX messages written small from the standard: JSON 1.0 and 2.0, with series and flat, and generic XML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Dimension = tuple[str, Sequence[str]]
Observation = tuple[tuple[str, ...], str, Any]
"""(codes of the dimensions, period, value)."""


def json_message(
    dimensions: Sequence[Dimension],
    observations: Sequence[Observation],
    *,
    version: int = 1,
    flat: bool = False,
    flow: str = "https://example.org/dataflow/QNA/all",
    prepared: str = "2024-03-01T10:00:00Z",
) -> bytes:
    """A data message; the last dimension of the observations is TIME_PERIOD."""
    periods = list(dict.fromkeys(period for _, period, _ in observations))
    series: dict[str, dict[str, Any]] = {}
    for codes, period, value in observations:
        indices = [str(list(given).index(code)) for (_, given), code in zip(dimensions, codes, strict=True)]
        key, place = (":".join([*indices, str(periods.index(period))]), "") if flat else (":".join(indices), str(periods.index(period)))
        if flat:
            series[key] = [value, None]  # type: ignore[assignment]  # an observation, not a series
        else:
            series.setdefault(key, {"attributes": [0], "observations": {}})["observations"][place] = [value, None]
    described = [
        {"id": name, "keyPosition": place, "values": [{"id": code, "name": code} for code in codes]}
        for place, (name, codes) in enumerate(dimensions)
    ]
    word = "value" if version == 2 else "id"
    time = {"id": "TIME_PERIOD", "keyPosition": len(dimensions), "values": [{word: period} for period in periods]}
    structure = {
        "links": [{"href": flow, "rel": "dataflow"}],
        "dimensions": {"dataSet": [], "series": [] if flat else described, "observation": [*described, time] if flat else [time]},
    }
    one = {"action": "Information", **({"observations": series} if flat else {"series": series})}
    head = {"id": "x", "test": False, "prepared": prepared, "sender": {"id": "OECD"}}
    if version == 1:
        return json.dumps({"header": head, "dataSets": [one], "structure": structure}).encode()
    return json.dumps({"meta": head, "data": {"dataSets": [{"structure": 0, **one}], "structures": [structure]}}).encode()


def xml_message(dimensions: Sequence[str], observations: Sequence[Observation], *, flow: str = "QNA") -> bytes:
    """A generic data message of SDMX 2.1 with a series for each observation."""
    parts = [
        "<generic:Series><generic:SeriesKey>"
        + "".join(f'<generic:Value id="{name}" value="{code}"/>' for name, code in zip(dimensions, codes, strict=True))
        + f'</generic:SeriesKey><generic:Obs><generic:ObsDimension value="{period}"/><generic:ObsValue value="{value}"/></generic:Obs>'
        "</generic:Series>"
        for codes, period, value in observations
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?><message:GenericData xmlns:message="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" '
        'xmlns:generic="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic" '
        'xmlns:common="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"><message:Header><message:ID>x</message:ID>'
        "<message:Prepared>2024-03-01T10:00:00Z</message:Prepared><message:Structure><common:Structure>"
        f'<Ref agencyID="X" id="{flow}" version="1.0"/></common:Structure></message:Structure></message:Header><message:DataSet>'
        f"{''.join(parts)}</message:DataSet></message:GenericData>"
    ).encode()
