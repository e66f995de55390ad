"""Today's vintage, asked for before its release and after it: nothing is known later than we had it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Payload
from crfs.sources.providers.fred import SOURCE


@pytest.mark.parametrize(
    ("hour", "known"),
    [(12, datetime(2026, 3, 6, 12, tzinfo=UTC)), (15, datetime(2026, 3, 6, 13, 30, tzinfo=UTC))],
    ids=["before 08:30 in New York", "after"],
)
def test_what_was_there_before_the_release_is_known_from_the_fetch(catalogue: Catalogue, hour: int, known: datetime) -> None:
    fetched = datetime(2026, 3, 6, hour, tzinfo=UTC)
    row = {"realtime_start": "2026-03-06", "realtime_end": "2026-03-06", "date": "2026-01-01", "value": "4.1"}
    body = {"realtime_start": "2026-03-06", "realtime_end": "2026-03-06", "output_type": 1, "count": 1, "offset": 0, "limit": 10}
    payload = Payload(
        source="fred",
        stream="UNRATE",
        body=json.dumps({**body, "observations": [row]}).encode(),
        url="https://api.stlouisfed.org/fred/series/observations?series_id=UNRATE",
        status=200,
        headers={},
        started_at=fetched,
        fetched_at=fetched,
    )
    table = SOURCE.parse(payload, catalogue).tables["fred_series"]
    assert table["knowledge_time"].to_list() == [known]
    assert table["clipped"].to_list() == [True], "it may have been known before today"
