"""From ALFRED's real-time periods to rows: only the start of a period is knowledge, and a window's edges are no events.

ALFRED gives each value an inclusive period [realtime_start, realtime_end], cut to the window that was asked for. So a period that
starts at the window's start may be older (``clipped``), and one that ends at the window's end has not ended. A period that ends inside
the window with no successor was withdrawn on the day after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

EARLIEST = date(1776, 7, 4)
"""The first day of real time that FRED knows; a window from here is not cut at its start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The window of real time that an answer is cut to, and where the answer itself is cut into pages.

    ``archive_start`` is the first vintage of the series, if that is known: its values were known earlier, nobody recorded when.
    ``head_is_cut``: the first date's earlier periods may be on the page before; ``tail_is_cut``: the last date's later ones may follow.
    ``with_ends``: the ends of periods are events (not so where only first releases were asked for).
    """

    start: date
    end: date
    archive_start: date | None = None
    head_is_cut: bool = False
    tail_is_cut: bool = False
    with_ends: bool = True


def revisions(periods: pl.DataFrame, window: Window) -> pl.DataFrame:
    """One row a revision: row, date, vintage (Date), value, state (value, missing, retracted), clipped, backfilled.

    ``periods`` has row, date, start, end (Dates) and value (null: FRED's "."). Neighbours that say the same are one row.
    """
    ordered = (
        periods.sort(["date", "start", "end"], descending=[False, False, True], maintain_order=True)
        .unique(["date", "start"], keep="first", maintain_order=True)
        .with_columns(following=pl.col("start").shift(-1).over("date"))
    )
    gone = ordered.clear()
    if window.with_ends:
        is_last = pl.col("following").is_null()
        cut = (pl.col("date") == pl.col("date").max()) & pl.lit(window.tail_is_cut)
        ended = is_last & ~cut & (pl.col("end") < window.end)
        gap = pl.col("following") > pl.col("end").dt.offset_by("1d")
        gone = ordered.filter((ended | gap) & pl.col("value").is_not_null()).with_columns(
            start=pl.col("end").dt.offset_by("1d"), value=pl.lit(None, dtype=pl.Float64)
        )
    same = pl.col("value").eq_missing(pl.col("value").shift(1)).over("date")
    first = pl.col("start").is_first_distinct().over("date") & (pl.int_range(pl.len()).over("date") == 0)
    on_cut_head = (pl.col("date") == pl.col("date").min()) & pl.lit(window.head_is_cut)
    state = pl.when(pl.col("value").is_not_null()).then(pl.lit("value")).when(first).then(pl.lit("missing")).otherwise(pl.lit("retracted"))
    at_edge = (pl.col("start") <= window.start) & pl.lit(window.start > EARLIEST)
    backfilled = pl.col("start") == window.archive_start if window.archive_start is not None else pl.lit(False)
    return (
        pl.concat([ordered, gone])
        .sort(["date", "start"], maintain_order=True)
        .filter(first | ~same)
        .with_columns(
            state=state, _edge=at_edge | (on_cut_head & first & pl.col("value").is_null()), backfilled=backfilled.fill_null(False)
        )
        .select(
            "row",
            "date",
            pl.col("start").alias("vintage"),
            "value",
            "state",
            (pl.col("_edge") & ~pl.col("backfilled")).alias("clipped"),
            "backfilled",
        )
    )
