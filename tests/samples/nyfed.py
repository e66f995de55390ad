"""Good bodies of the source ``nyfed``."""

from __future__ import annotations

from tests.samples import sample
from tests.samples.workbooks import Cells, xls, xlsx

URL = "https://www.newyorkfed.org/medialibrary/research/interactives/gscpi/downloads/gscpi_data.xlsx"
INDEX: dict[str, Cells] = {
    "GSCPI Overview": [[None, "Global Supply Chain Pressure Index (GSCPI)"]],
    "GSCPI Monthly Data": [
        ["Date", "GSCPI", None, None],
        [None, None, None, "NEW YORK FED  ECONOMIC RESEARCH"],
        [None],
        [None],
        [None],
        ["31-Jan-1998", -1.0855, None, None],
        ["28-Feb-1998", -0.4386],
        ["31-Mar-1998", 0.0],
    ],
}
_PANEL: dict[str, Cells] = {"data": [["Date", "PAYEMS", "GDPC1"], [31048.0, 96373.0, None], [42430.0, 143733.0, 16514.6]]}
SAMPLES = [
    sample("nyfed", b"Date,PAYEMS,GDPC1\n1/1/85,96373,\n3/1/16,143733,16514.6\n", stream="2016-06-29"),
    sample("nyfed", xls(INDEX), url=URL, stream="gscpi"),
    sample("nyfed", xlsx(INDEX), url=URL, stream="gscpi"),
    sample("nyfed", xlsx(_PANEL, dates=[0], shared=False), stream="2016-06-29"),
    sample("nyfed", b"Date,Rate\n31-Jan-1998,-1.06\n28-Feb-1998,-0.42\n", stream="gscpi_2col"),
]
