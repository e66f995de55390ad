"""Draw ``revision.svg``: a revised series as known then and now, from a store made for it (``python docs/pictures/revision.py``)."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import crfs
from crfs.apps.api.plots.history import Series, history_plot

MNEMONIC = "us.nowcast.construction_spending"
THEN = "2016-06-30"
STYLE = (
    "<style>svg{background:#fff;font:13px system-ui,sans-serif}path{fill:none;stroke-width:2.5}.then{stroke:#d55e00;stroke-dasharray:6 4}"
    ".now{stroke:#0072b2}.grid{stroke:#e3e6ea}.axis{stroke:#6b7280}text{fill:#374151}line.then,line.now{stroke-width:2.5}</style>"
)


def main() -> None:
    """Ingest the two vintages that ship with statsmodels, read the series twice, draw both."""
    with tempfile.TemporaryDirectory() as folder, crfs.open(data_dir=Path(folder) / "data") as store:
        store.ingest("nyfed", vintages="all")
        answers = {"then": store.factors.get(MNEMONIC, as_of=THEN), "now": store.factors.get(MNEMONIC)}
    names = {"then": f"as known on {THEN}", "now": "as known one month later"}
    first = datetime(2012, 1, 1, tzinfo=UTC)
    series = [
        Series(
            name=names[key],
            css=key,
            points=[
                (at, None if value is None else value / 1e6)
                for at, value in answer.table.select("valid_time", "value").rows()
                if at >= first
            ],
        )
        for key, answer in answers.items()
    ]
    title = "US construction spending: the same months, one month apart (New York Fed nowcast panel)"
    svg = history_plot(series, name="revision", title=title, unit="trillion USD, annual rate")
    svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace("</desc>", f"</desc>{STYLE}", 1)
    Path(__file__).with_name("revision.svg").write_text(svg + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
