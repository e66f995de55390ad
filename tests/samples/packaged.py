"""Good bodies of the source ``packaged``."""

from __future__ import annotations

import gzip

from tests.samples import sample

_VIX = b"Date,vix\n1/3/2014,13.76\n1/6/2014,.\n1/7/2014,12.92\n"
SAMPLES = [sample("packaged", gzip.compress(_VIX), stream="vix_daily"), sample("packaged", _VIX, stream="vix_daily")]
