"""When a stream is due: from its declared calendar or its local time to the next instant at which to ask. Pure: the time is passed in."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from crfs.bitemporal.release import holidays_of, local_instants
from crfs.bitemporal.rows import INSTANT
from crfs.credit.streams import StreamDefinition
from crfs.errors import InvalidInput

_LONGEST_SLEEP = timedelta(days=6)
"""The first regular time after so many days is a week away."""


def next_due(stream: StreamDefinition, after: datetime, *, watermark: date | None = None, salt: str = "") -> datetime:
    """The first instant after ``after`` (UTC) at which ``stream`` is to be asked.

    ``watermark`` is the last valid day that has come of the slowest of its series: with a calendar, the stream sleeps until the period after
    it may be out, and from then on it is due at its local time of every business day until every series has it. It never sleeps longer than a
    week, since revisions of what has come follow no calendar of first prints. Without a calendar, or a watermark, it is due on each of its days.

    The jitter is the same whenever it is asked for, and another one for another ``salt`` (an installation).

    >>> from datetime import time
    >>> daily = StreamDefinition(source="fred", name="rates", at=time(16, 15), zone="America/New_York", jitter_seconds=0)
    >>> next_due(daily, datetime(2024, 3, 8, 22, tzinfo=UTC)).isoformat()  # a Friday evening, and the clocks change on Sunday
    '2024-03-11T20:15:00+00:00'
    """
    if after.tzinfo is None:
        raise InvalidInput("after has no time zone")
    after = after.astimezone(UTC)
    if stream.every_minutes is not None:
        return after + timedelta(minutes=stream.every_minutes, seconds=_jitter(stream, str(after.date()), salt))
    if stream.calendar is not None and watermark is not None:
        predicted = _published(stream, watermark)
        if predicted is not None and predicted > after:
            awake = predicted + timedelta(seconds=_jitter(stream, predicted.isoformat(), salt))
            return min(awake, _next_day(stream, after + _LONGEST_SLEEP, salt))
    return _next_day(stream, after, salt)


def _published(stream: StreamDefinition, watermark: date) -> datetime | None:
    """When the period after the one that holds ``watermark`` is published, by the calendar."""
    assert stream.calendar is not None
    assert stream.period is not None
    start = datetime(watermark.year, watermark.month, watermark.day, tzinfo=UTC)
    following = stream.period.after(start)
    if following <= start:
        return None
    times = stream.calendar.knowledge_times(pl.Series([following], dtype=INSTANT), stream.period)
    found: datetime = times[0]
    return found


def _next_day(stream: StreamDefinition, after: datetime, salt: str) -> datetime:
    assert stream.at is not None
    closed = holidays_of(stream.calendar.holidays if stream.calendar is not None else stream.holidays)
    today = after.astimezone(ZoneInfo(stream.zone)).date()
    for ahead in range(15):
        day = today + timedelta(days=ahead)
        if stream.days == "business" and not np.is_busday(np.datetime64(day), holidays=closed):
            continue
        due: datetime = local_instants(pl.Series([day]), stream.at, stream.zone)[0]
        due += timedelta(seconds=_jitter(stream, day.isoformat(), salt))
        if due > after:
            return due
    raise AssertionError("two weeks have a business day")


def _jitter(stream: StreamDefinition, occasion: str, salt: str) -> float:
    """Seconds in [0, jitter_seconds), spread evenly over streams, occasions and installations."""
    digest = hashlib.sha256(f"{salt}|{stream.key}|{occasion}".encode()).digest()
    return stream.jitter_seconds * int.from_bytes(digest[:8], "big") / 2**64
