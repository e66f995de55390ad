"""Folders of recorded answers of FRED, written from its contract: windows of real time, clipped to what was asked."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

from tests.sources.alfred import EARLIEST, FOREVER, Archive, observations_document

API = "https://api.stlouisfed.org/fred/series/observations"
GRAPH = "https://fred.stlouisfed.org/graph/fredgraph.csv"


def write_window(
    folder: Path, name: str, archive: Archive, *, captured: datetime, start: date = EARLIEST, end: date = FOREVER, today: date | None = None
) -> None:
    """What FRED answers about ``archive`` for a window of real time; ``today`` cuts the archive to what was there on that day."""
    known = Archive(vintages={day: said for day, said in archive.vintages.items() if today is None or day <= today}, series=archive.series)
    rows = [
        {"realtime_start": str(max(a, start)), "realtime_end": str(min(b, end)), "date": str(when), "value": text}
        for when, a, b, text in known.periods()
        if a <= end and b >= start
    ]
    url = f"{API}?series_id={archive.series}&file_type=json&realtime_start={start}&realtime_end={end}"
    _write(folder, f"{name}.json", json.dumps(observations_document(rows, start, end)).encode(), url=url, captured=captured)


def write_graph(folder: Path, name: str, archive: Archive, *, captured: datetime) -> None:
    """The keyless table of the day of ``captured``: the latest values, "." where there is none."""
    days = [day for day in sorted(archive.vintages) if day <= captured.date()]
    said = archive.vintages[days[-1]]
    body = f"observation_date,{archive.series}\n" + "".join(f"{when},{said[when]}\n" for when in sorted(said))
    _write(folder, f"{name}.csv", body.encode(), url=f"{GRAPH}?id={archive.series}", captured=captured)


def write_refusal(folder: Path, name: str, *, captured: datetime) -> None:
    """FRED's words for a key that is none."""
    body = {"error_code": 400, "error_message": "Bad Request.  The value for variable api_key is not registered."}
    _write(folder, f"{name}.json", json.dumps(body).encode(), url=f"{API}?series_id=GDP", captured=captured, status=400)


def _write(folder: Path, name: str, body: bytes, *, url: str, captured: datetime, status: int = 200) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)
    meta = {"url": url, "status": status, "captured": captured.isoformat()}
    (folder / name).with_suffix(".meta.json").write_text(json.dumps(meta))
