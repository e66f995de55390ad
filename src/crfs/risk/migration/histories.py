"""Rating histories as spells: who had which rating from when to when, checked and joined into moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput
from crfs.quality.checks import Checked, Faults, check_columns, quoted
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_day, check_texts

IntArray: TypeAlias = npt.NDArray[np.int64]

RATING_HISTORY = TableSchema(
    name="rating_history",
    unique=("obligor_id", "from"),
    columns=(
        ColumnSchema(name="obligor_id", dtype=pl.String, required=True, meaning="who is rated"),
        ColumnSchema(name="rating", dtype=pl.String, required=True, meaning="the rating from this day on"),
        ColumnSchema(name="from", dtype=pl.Date, required=True, meaning="first day of the rating"),
        ColumnSchema(name="to", dtype=pl.Date, meaning="first day that it no longer holds; blank: it still does"),
    ),
)
"""One row a spell. Where no other spell of the obligor begins on the day ``to``, the rating was withdrawn."""

DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spells:
    """Checked spells as arrays, by obligor and day; days are counted from 1970-01-01, ``rating`` is the place in the order of ratings.

    ``following`` is the rating of the spell of the same obligor that begins on the day ``last``, or -1. A spell of default is the obligor's last:
    what follows a default is another life, and counts as another obligor who enters.
    """

    obligor: IntArray
    rating: IntArray
    first: IntArray
    last: IntArray
    following: IntArray
    start: int
    end: int


def read_spells(history: pl.DataFrame, ratings: Sequence[str], *, start: date | None, end: date) -> Spells:
    """Spells that touch the window from ``start`` (None: the first day told) to ``end``, cut to it.

    Raises :class:`InvalidInput` with every row that has an unknown rating, ends before it begins, or overlaps another of its obligor.
    """
    names = check_texts("ratings", ratings)
    if len(names) < 2 or len(set(names)) != len(names):
        raise InvalidInput("ratings are two or more names that differ, the best first and default last", argument="ratings")
    check_day("end", end)
    if start is not None:
        check_day("start", start)
    require_table(history, argument="history")
    if history.is_empty():
        raise InvalidInput("the rating history has no rows", argument="history")
    typed, faults = check_columns(history, RATING_HISTORY)
    if "to" not in typed.columns:
        typed = typed.with_columns(pl.lit(None, dtype=pl.Date).alias("to"))
    _check_spells(typed, names, faults)
    rows = Checked(accepted=typed.filter(~faults.bad), rejected=faults.table()).require_all("the rating history")
    begin = start if start is not None else min(rows["from"].to_list())
    if not begin < end:
        raise InvalidInput(f"the window from {begin} to {end} is empty", argument="end")
    return _spells(rows, names, begin, end)


def _check_spells(typed: pl.DataFrame, ratings: tuple[str, ...], faults: Faults) -> None:
    unknown = typed["rating"].is_not_null() & ~typed["rating"].is_in(list(ratings))
    detail = quoted(typed["rating"], before="'", after=f"' is none of {', '.join(ratings)}")
    faults.add(unknown, column="rating", reason=Reason.UNKNOWN_VALUE, detail=detail)
    backwards = typed["to"] <= typed["from"]
    faults.add(backwards, column="to", reason=Reason.INCONSISTENT, detail=quoted(typed["to"], after=" is not after the spell's first day"))
    ordered = typed.with_row_index("__row").sort("obligor_id", "from", "__row")
    same = ordered["obligor_id"] == ordered["obligor_id"].shift(1)
    before = ordered["to"].shift(1)
    overlaps = same & (before.is_null() | (before > ordered["from"]))
    at = ordered.with_columns(overlaps.fill_null(False).alias("__bad")).sort("__row")["__bad"]
    faults.add(at, column="from", reason=Reason.INCONSISTENT, detail="the spell begins before an earlier one of this obligor has ended")


def _spells(rows: pl.DataFrame, ratings: tuple[str, ...], start: date, end: date) -> Spells:
    place = {name: k for k, name in enumerate(ratings)}
    rows = rows.sort("obligor_id", "from").with_columns(
        pl.col("rating").replace_strict(place, return_dtype=pl.Int64),
        pl.col("obligor_id").rle_id().cast(pl.Int64).alias("who"),
        pl.col("from").to_physical().cast(pl.Int64),
        pl.col("to").to_physical().cast(pl.Int64),
    )
    who, rating, first = (rows[name].to_numpy() for name in ("who", "rating", "from"))
    opening, closing = _day(start), _day(end)
    # An open spell ends after the window, so that it is in force on its last day.
    last = rows["to"].fill_null(max(closing, int(first.max())) + 1).to_numpy()
    joined = np.r_[(who[1:] == who[:-1]) & (first[1:] == last[:-1]), False]
    following = np.where(joined, np.r_[rating[1:], -1], -1)
    following = np.where(rating == len(ratings) - 1, -1, following)
    kept = (first <= closing) & (last > opening)
    return Spells(
        obligor=who[kept],
        rating=rating[kept],
        first=first[kept],
        last=last[kept],
        following=following[kept],
        start=opening,
        end=closing,
    )


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days
