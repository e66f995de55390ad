"""Shutdowns of the United States federal government: releases that a calendar rule would place in one came later.

A release calendar says when a statistic is out in an ordinary month. While the statistical offices were closed, and while they caught up,
it would be early, and a value known too early is a look into the future. So calendar times inside such a window are put off by more than
any release of that time was late. What comes out is late rather than early; a value that was polled keeps the time of its fetch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, KnowledgeBasis


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """Releases that the calendar places from ``first`` to ``last`` came at most ``days`` later than it says."""

    first: date
    last: date
    days: int


_WINTER_1995 = Shutdown(first=date(1995, 11, 14), last=date(1996, 2, 29), days=42)
_AUTUMN_2013 = Shutdown(first=date(2013, 10, 1), last=date(2013, 12, 15), days=63)
_WINTER_2018 = Shutdown(first=date(2018, 12, 22), last=date(2019, 4, 30), days=49)
_AUTUMN_2025 = Shutdown(first=date(2025, 10, 1), last=date(2026, 3, 31), days=84)

LABOR: tuple[Shutdown, ...] = (_WINTER_1995, _AUTUMN_2013, _AUTUMN_2025)
"""Those that closed the Bureau of Labor Statistics; in 2018 its money was there."""

COMMERCE: tuple[Shutdown, ...] = (_WINTER_1995, _AUTUMN_2013, _WINTER_2018, _AUTUMN_2025)
"""Those that closed the Census Bureau and the Bureau of Economic Analysis."""


def put_off(known: pl.DataFrame, shutdowns: Sequence[Shutdown], fetched_at: datetime) -> pl.DataFrame:
    """``known`` (``knowledge_time``, ``knowledge_basis``, ``clipped``) with the calendar's times in a shutdown put off.

    Never beyond the fetch: what the fetch had is known from it, and ``clipped``.

    >>> rows = pl.DataFrame({"knowledge_time": [datetime(2025, 10, 10, 12, 30, tzinfo=UTC)], "clipped": [False],
    ...     "knowledge_basis": pl.Series(["calendar"], dtype=KNOWLEDGE_BASIS)})
    >>> put_off(rows, LABOR, datetime(2026, 6, 1, tzinfo=UTC))["knowledge_time"][0]
    datetime.datetime(2026, 1, 2, 12, 30, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    """
    told = pl.col("knowledge_time")
    later = told
    for shutdown in shutdowns:
        start = datetime(shutdown.first.year, shutdown.first.month, shutdown.first.day, tzinfo=UTC)
        end = datetime(shutdown.last.year, shutdown.last.month, shutdown.last.day, tzinfo=UTC)
        later = pl.when(told.is_between(start, end)).then(told.dt.offset_by(f"{shutdown.days}d")).otherwise(later)
    by_calendar = pl.col("knowledge_basis") == KnowledgeBasis.CALENDAR.value
    fetch = pl.lit(fetched_at).cast(INSTANT)
    beyond = by_calendar & (later > fetch)
    observed = pl.lit(KnowledgeBasis.OBSERVED.value, dtype=KNOWLEDGE_BASIS)
    return known.with_columns(
        knowledge_time=pl.when(beyond).then(fetch).when(by_calendar).then(later).otherwise(told).cast(INSTANT),
        knowledge_basis=pl.when(beyond).then(observed).otherwise(pl.col("knowledge_basis")),
        clipped=pl.col("clipped") | beyond,
    )
