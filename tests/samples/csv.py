"""Good bodies of the source ``csv``."""

from __future__ import annotations

from tests.samples import sample

_CSV = (
    b"entity,valid_time,knowledge_time,close\nVIX,2020-01-02,2020-01-02T21:15:00Z,12.5\nVIX,2020-01-03,2020-01-03,14\nVIX,2020-01-06,,13\n"
)
SAMPLES = [sample("csv", _CSV, stream="vix_daily")]
