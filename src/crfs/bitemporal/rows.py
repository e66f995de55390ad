"""The columns that every row of the store has, and what their values may be."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

import polars as pl

from crfs.errors import InvalidInput


class RowState(Enum):
    """What a row says of its (entity, valid_time, knowledge_time); the code is what PostgreSQL keeps.

    ``missing`` is the source saying that there is no value; ``retracted`` the source withdrawing one; ``annulled`` our own error: a
    row of this key never was.
    """

    VALUE = "value"
    MISSING = "missing"
    RETRACTED = "retracted"
    ANNULLED = "annulled"

    @property
    def code(self) -> int:
        """The small integer that stands for the state in PostgreSQL."""
        return ROW_STATES.index(self.value)


class KnowledgeBasis(Enum):
    """Where a row's knowledge time comes from: seen, a declared release calendar, a declared lag, or older than the archive."""

    OBSERVED = "observed"
    CALENDAR = "calendar"
    ASSUMED = "assumed"
    BACKFILLED = "backfilled"

    @property
    def code(self) -> int:
        """The small integer that stands for the basis in PostgreSQL."""
        return KNOWLEDGE_BASES.index(self.value)


ROW_STATES = [state.value for state in RowState]
KNOWLEDGE_BASES = [basis.value for basis in KnowledgeBasis]
ROW_STATE = pl.Enum(ROW_STATES)
KNOWLEDGE_BASIS = pl.Enum(KNOWLEDGE_BASES)
INSTANT = pl.Datetime("us", "UTC")

CLOCKS = {
    "entity": pl.String(),
    "valid_time": INSTANT,
    "knowledge_time": INSTANT,
    "batch_id": pl.Int64(),
    "row_state": ROW_STATE,
}
"""Columns that identify a row on the three clocks."""

ABOUT = {"knowledge_basis": KNOWLEDGE_BASIS, "vintage_date": pl.Date()}
"""Columns that say more of a row's knowledge time; no part of its key."""

_NOT_VALUES = {*CLOCKS, *ABOUT, "entity_id", "recorded_at", "effective_time"}


def value_columns(table: pl.DataFrame | pl.LazyFrame) -> list[str]:
    """The columns of ``table`` that carry values rather than clocks."""
    names = table.collect_schema().names() if isinstance(table, pl.LazyFrame) else table.columns
    return [name for name in names if name not in _NOT_VALUES]


def instant(moment: datetime, what: str) -> datetime:
    """The same instant in UTC; a day, or a time without a zone, is refused, since it could be any of many instants."""
    if not isinstance(moment, datetime):
        raise InvalidInput(
            f"{what} = {moment!r} is no instant, and a day ends at another one in each zone; give a datetime with a zone", argument=what
        )
    if moment.tzinfo is None:
        raise InvalidInput(f"{what} = {moment.isoformat()} has no time zone", argument=what)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{what} = {moment.isoformat()} lies beyond the calendar", argument=what) from None


def not_after(table: pl.DataFrame, column: str, moment: datetime, what: str) -> pl.DataFrame:
    """The rows whose ``column`` is at or before an instant; both may be in any zone."""
    dtype = table.schema[column]
    if not isinstance(dtype, pl.Datetime) or dtype.time_zone is None:
        raise InvalidInput(f"{column} is {dtype}; give instants with a time zone")
    return table.filter(pl.col(column).dt.convert_time_zone("UTC") <= instant(moment, what))
