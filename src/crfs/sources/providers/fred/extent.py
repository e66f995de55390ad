"""What an answer of FRED shows the whole of: a period that it leaves out there was gone by then.

An answer whose real time was asked for has every observation date of its span. The latest values reach back as far as FRED may show them
today (some licences allow ten years, or three), so what lies before the first date that they show is no withdrawal. A page tells of the
dates that lie wholly on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.release import end_of_day, vintage_instants
from crfs.bitemporal.rows import KnowledgeBasis
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY
from crfs.sources.providers.fred.periods import Window

_DAY = timedelta(days=1)


def days_told(
    dates: pl.Series, fields: Mapping[str, object], asked: Mapping[str, str], window: Window, *, is_first_page: bool
) -> tuple[date, date]:
    """The first and the last observation date of which an answer with ``dates`` tells the whole; the last is before the first if there is none.

    ``fields`` are what the answer says of itself, ``asked`` the parameters of its url.
    """
    shown_first, shown_last = dates.min(), dates.max()
    if not isinstance(shown_first, date) or not isinstance(shown_last, date):
        return LAST_DAY, FIRST_DAY
    if str(fields.get("sort_order", "asc")) != "asc" and (window.tail_is_cut or not is_first_page):
        return LAST_DAY, FIRST_DAY
    first = shown_first
    if window.head_is_cut:
        first = shown_first + _DAY
    elif is_first_page and "realtime_start" in asked:
        first = max(_day(told.get("observation_start"), FIRST_DAY) for told in (fields, asked))
    last = shown_last - _DAY if window.tail_is_cut else min(_day(told.get("observation_end"), LAST_DAY) for told in (fields, asked))
    return max(first, FIRST_DAY), min(last, LAST_DAY)


def known_at(start: date, zone: str, release_time: time | None, release_zone: str | None, *, fetched_at: datetime) -> datetime:
    """From when what an answer leaves out is known to be gone: the vintage of its window's start, or the fetch while that day is running."""
    day = pl.Series([start])
    if fetched_at < end_of_day(day, zone).item():
        return fetched_at
    instant: datetime = vintage_instants(day, zone, release_time, release_zone).item()
    return instant


def final_until(start: date, end: date, zone: str, *, fetched_at: datetime) -> datetime | None:
    """The end of the last day of a window that was over when the answer was fetched; None where there is none."""
    before = fetched_at.astimezone(ZoneInfo(zone)).date() - _DAY
    last = min(end, before)
    if last < start:
        return None
    instant: datetime = end_of_day(pl.Series([last]), zone).item()
    return instant


def of(
    series: str, first: date, last: date, *, known_at: datetime, vintage: date | None, final_until: datetime | None = None
) -> list[Extent]:
    """The extent of an answer; none where it tells the whole of no date."""
    if last < first:
        return []
    begin, end = (datetime.combine(day, time(), tzinfo=UTC) for day in (first, last))
    return [
        Extent(
            entity=series,
            first_valid_time=begin,
            last_valid_time=end,
            known_at=known_at,
            knowledge_basis=KnowledgeBasis.BACKFILLED,
            vintage_date=vintage,
            final_until=final_until,
        )
    ]


def _day(field: object, default: date) -> date:
    try:
        return date.fromisoformat(str(field))
    except ValueError:
        return default
