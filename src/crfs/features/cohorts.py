"""Cohorts: who is on the books at each observation time, as it was known then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from crfs.bitemporal.join import answers
from crfs.bitemporal.reader import Reader
from crfs.bitemporal.rows import INSTANT
from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput


def cohorts(
    reader: Reader,
    dataset: str,
    observed_at: Sequence[datetime],
    *,
    period: str | Tenor,
    max_age: str | Tenor,
    known_by: datetime | None = None,
    entity: str = "obligor_id",
) -> pl.DataFrame:
    """A spine: every entity of ``dataset`` at every observation time at which its newest known record is no older than ``max_age``.

    Age counts from the end of the record's ``period``. Rows are in the order of time, then of the entity's key.
    """
    if not observed_at:
        raise InvalidInput("cohorts need at least one observation time")
    rows = reader.rows(dataset, columns=[], known_by=known_by)
    times = pl.DataFrame({"at": sorted(set(observed_at))}, schema={"at": INSTANT})
    asked = times.join(rows.select(pl.col("entity").unique().sort()), how="cross")
    there = answers(asked, rows, period=period, max_age=max_age).is_not_null()
    return asked.filter(there).select(pl.col("entity").alias(entity), pl.col("at").alias("observed_at"))


def observation_times(first: datetime, last: datetime, every: str | Tenor) -> list[datetime]:
    """Instants from ``first`` to ``last`` (inclusive), each counted from the first, so that month ends stay month ends."""
    step = Tenor.parse(every)
    if step.is_zero:
        raise InvalidInput("cohorts follow each other by some time; every = P1M is one a month")
    times: list[datetime] = []
    number = 0
    while True:
        at = Tenor(months=step.months * number, days=step.days * number, seconds=step.seconds * number).after(first)
        if at > last:
            return times
        times.append(at)
        number += 1
