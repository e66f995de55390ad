"""Good bodies of the source ``nyfed``."""

from __future__ import annotations

from tests.samples import sample

SAMPLES = [sample("nyfed", b"Date,PAYEMS,GDPC1\n1/1/85,96373,\n3/1/16,143733,16514.6\n", stream="2016-06-29")]
