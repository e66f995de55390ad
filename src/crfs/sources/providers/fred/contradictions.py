"""Values of one date that hold at the same time and say different things: which of them is right nobody knows, so none of them is taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from crfs.sources.core.contract import RejectReason
from crfs.sources.core.tables import rejected_where


def without_two_of_one_start(periods: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The periods without those of one date that start on one day with different values, and these as rejected.

    For answers whose periods have no ends of their own.
    """
    two = pl.struct("value").n_unique().over("date", "start") > 1
    return _parted(periods, two, "value", "another value of the same date starts on the same day; neither is taken")


def without_overlaps(periods: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The periods without those of one date that hold on a day on which another of them says something else, and these as rejected."""
    ordered = periods.sort("date", "start", maintain_order=True)
    # Hardly any answer has an overlap at all: only the dates that have one are looked through.
    overlaps = (pl.col("start") <= pl.col("end").cum_max().shift(1)).fill_null(False).any().over("date")
    crowded = ordered.filter(overlaps)
    marks = [
        mark
        for part in crowded.partition_by("date", maintain_order=True)
        for mark in contradicted(part["start"].to_list(), part["end"].to_list(), part["value"].to_list())
    ]
    bad = crowded.filter(pl.Series(marks, dtype=pl.Boolean)).select("date", "start", "end", "value", _bad=pl.lit(True))
    if bad.is_empty():
        return periods, rejected_where(bad.with_columns(row=0), pl.lit(False), "value", RejectReason.CONTRADICTION, "")
    marked = periods.join(bad.unique(), on=["date", "start", "end", "value"], how="left", nulls_equal=True, maintain_order="left")
    detail = "another value of the same date holds on the same days; neither is taken"
    return _parted(marked, pl.col("_bad").fill_null(False), "value", detail, shown="start")


def contradicted(starts: Sequence[date], ends: Sequence[date], values: Sequence[float | None]) -> list[bool]:
    """Of each of some periods that come in the order of their starts: whether another one shares a day with it and has another value.

    >>> march, april, may = (date(2020, month, 1) for month in (3, 4, 5))
    >>> contradicted([march, march, april], [may, march, april], [3.4, 3.4, 9.9])
    [True, False, True]
    """
    found = [False] * len(starts)
    # Of those that began before, the one that lasts longest, and the longest of those that say something else than that one.
    longest: int | None = None
    other: int | None = None
    for place, value in enumerate(values):
        rival = other if longest is not None and values[longest] == value else longest
        found[place] = rival is not None and ends[rival] >= starts[place]
        if longest is None or ends[place] > ends[longest]:
            other = longest if longest is not None and values[longest] != value else other
            longest = place
        elif values[longest] != value and (other is None or ends[place] > ends[other]):
            other = place
    # Of those that begin later, the first that says something else.
    following: int | None = None
    for place in reversed(range(len(starts) - 1)):
        following = place + 1 if values[place + 1] != values[place] else following
        found[place] = found[place] or (following is not None and starts[following] <= ends[place])
    return found


def _parted(
    periods: pl.DataFrame, bad: pl.Expr, column: str, detail: str, *, shown: str | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    marked = periods.with_columns(_bad=bad)
    rejected = rejected_where(marked, pl.col("_bad"), column, RejectReason.CONTRADICTION, detail, shown=shown)
    return marked.filter(~pl.col("_bad")).drop("_bad"), rejected
