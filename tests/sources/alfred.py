"""An archive of vintages that answers as FRED's contract says: windows, clipping, pages, at most so many vintages a request."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from crfs.bitemporal import as_of
from crfs.errors import SourceRejected
from crfs.sources.core import Classification, Parsed, Payload, Request
from crfs.sources.providers.fred import SOURCE

NOW = datetime(2030, 1, 1, tzinfo=UTC)
EARLIEST, FOREVER = date(1776, 7, 4), date(9999, 12, 31)
DAY = timedelta(days=1)
Period = tuple[date, date, date, str]
"""Observation date, first and last day of real time, text of the value."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What a series said at each vintage: vintage date → observation date → text (\".\" is FRED's none); also a transport."""

    vintages: Mapping[date, Mapping[date, str]]
    series: str = "TEST"
    max_vintages: int = 2000
    asked: list[Request] = field(default_factory=list)
    has_key: bool = True
    now: datetime = NOW

    def at(self, day: date) -> dict[date, float]:
        """The values as they were known on ``day``."""
        known = [vintage for vintage in sorted(self.vintages) if vintage <= day]
        return {when: float(text) for when, text in self.vintages[known[-1]].items() if text != "."} if known else {}

    def until(self, day: date) -> Archive:
        """The archive as it was on ``day``."""
        return Archive(
            vintages={vintage: said for vintage, said in self.vintages.items() if vintage <= day}, max_vintages=self.max_vintages
        )

    def periods(self) -> list[Period]:
        """Every real-time period, in order of observation date and start."""
        days = sorted(self.vintages)
        found: list[Period] = []
        for when in sorted({when for said in self.vintages.values() for when in said}):
            start, text = None, None
            for vintage in days:
                now = self.vintages[vintage].get(when)
                if now != text:
                    if start is not None and text is not None:
                        found.append((when, start, vintage - DAY, text))
                    start, text = vintage, now
            if start is not None and text is not None:
                found.append((when, start, FOREVER, text))
        return found

    def send(self, request: Request) -> Payload:
        """FRED's answer, or the refusal that a transport would raise."""
        self.asked.append(request)
        params = dict(request.params)
        document = self._answer(request.url.rpartition("/fred/")[2], params)
        error = document.get("error_code")
        payload = payload_of(document, url=request.full_url, stream=request.stream, status=400 if error else 200)
        if SOURCE.classify(payload) is Classification.BAD_REQUEST:
            raise SourceRejected(str(document["error_message"]))
        return payload

    def _answer(self, path: str, params: Mapping[str, str]) -> dict[str, object]:
        if params["series_id"] != self.series:
            return {"error_code": 400, "error_message": "Bad Request.  The series does not exist."}
        if path == "series":
            return {"seriess": [{"id": self.series}]}
        start = date.fromisoformat(params.get("realtime_start", self.now.date().isoformat()))
        end = date.fromisoformat(params.get("realtime_end", self.now.date().isoformat()))
        offset, limit = int(params["offset"]), int(params["limit"])
        days = [day for day in sorted(self.vintages) if start <= day <= end]
        if path == "series/vintagedates":
            return {
                "count": len(days),
                "offset": offset,
                "limit": limit,
                "vintage_dates": [str(day) for day in days[offset : offset + limit]],
            }
        assert path == "series/observations"
        if len(days) > self.max_vintages:
            words = f"Bad Request.  There are {len(days)} vintage dates in the specified real-time period, which exceeds the maximum"
            return {"error_code": 400, "error_message": words}
        first, last = params.get("observation_start", "1600-01-01"), params.get("observation_end", "9999-12-31")
        rows = [
            {"realtime_start": str(max(a, start)), "realtime_end": str(min(b, end)), "date": str(when), "value": text}
            for when, a, b, text in self.periods()
            if a <= end and b >= start and first <= str(when) <= last
        ]
        return observations_document(
            rows[offset : offset + limit], start, end, count=len(rows), offset=offset, limit=limit, observation_start=first
        )


def observations_document(
    rows: list[dict[str, str]],
    start: date,
    end: date,
    *,
    count: int | None = None,
    offset: int = 0,
    limit: int = 100_000,
    observation_start: str = "1600-01-01",
) -> dict[str, object]:
    """FRED's envelope around rows of output type 1."""
    return {
        "realtime_start": str(start), "realtime_end": str(end), "observation_start": observation_start, "observation_end": "9999-12-31",
        "units": "lin", "output_type": 1, "file_type": "json", "order_by": "observation_date", "sort_order": "asc",
        "count": len(rows) if count is None else count, "offset": offset, "limit": limit, "observations": rows,
    }  # fmt: skip


def payload_of(document: object, *, url: str = "", stream: str = "TEST", status: int = 200) -> Payload:
    """A JSON document as a payload."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Payload(source="fred", stream=stream, body=body, url=url, status=status, headers={}, started_at=NOW, fetched_at=NOW)


def random_archive(seed: int, *, vintages: int = 7, dates: int = 4, max_vintages: int = 2000) -> Archive:
    """A history with late starts, revisions, re-issues, withdrawals (gone or \".\"), and vintages a day apart."""
    draw = random.Random(seed)
    day = date(2000, 1, 1) + draw.randrange(400) * DAY
    said: dict[date, str] = {}
    history: dict[date, dict[date, str]] = {}
    months = [date(1999 + i // 12, 1 + i % 12, 1) for i in range(dates)]
    for _ in range(vintages):
        for month in months:
            match draw.randrange(6):
                case 0:
                    said = {when: text for when, text in said.items() if when != month}
                case 1:
                    said = {**said, month: "."}
                case 2 | 3:
                    said = {**said, month: f"{draw.randrange(4)}.5"}
                case _:
                    pass
        history[day] = said or {months[0]: "1.5"}
        day += draw.choice([1, 1, 2, 30, 400]) * DAY
    return Archive(vintages=history, max_vintages=max_vintages)


def seen(table: pl.DataFrame, day: date) -> dict[date, float]:
    """What the table answers for the end of ``day`` in St. Louis: observation date → value, none where it says that there is none."""
    after = day + DAY
    end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo("America/Chicago")).astimezone(UTC)
    answer = as_of(with_batch(table), as_of=end)
    return {when.date(): value for when, value in answer.select("valid_time", "value").rows() if value is not None}


def with_batch(table: pl.DataFrame) -> pl.DataFrame:
    """An accepted table as the store would have it."""
    return table.drop("clipped").with_columns(batch_id=pl.lit(1, dtype=pl.Int64))


def rows_of(parsed: Parsed) -> pl.DataFrame:
    """The accepted rows of FRED's dataset, with nothing rejected."""
    assert parsed.rejected.is_empty(), parsed.rejected.rows()
    return parsed.tables["fred_series"]
