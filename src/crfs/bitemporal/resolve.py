"""Which row counts: the definition of every answer of the store, on tables.

The SQL of the store must agree with these functions, and a property test says so with one list of cases for both and for the
nested-loop definition.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from crfs.bitemporal.rows import KnowledgeBasis, RowState, not_after, value_columns
from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput

_KEY = ["entity", "valid_time", "knowledge_time"]


def recorded_by(table: pl.DataFrame, recorded_as_of: int | datetime | None) -> pl.DataFrame:
    """Rows of batches recorded by ``recorded_as_of``: a batch id, or an instant where the table has ``recorded_at``."""
    if recorded_as_of is None:
        return table
    if not isinstance(recorded_as_of, int):
        if "recorded_at" not in table.columns:
            raise InvalidInput("recorded_as_of is an instant, but the table has no column recorded_at; give a batch id")
        return not_after(table, "recorded_at", recorded_as_of, "recorded_as_of")
    return table.filter(pl.col("batch_id") <= recorded_as_of)


def rows_that_count(table: pl.DataFrame, *, missing_is_answer: bool = False) -> pl.DataFrame:
    """Of the rows with one (entity, valid_time, knowledge_time) the one of the greatest batch; none if that one is annulled.

    ``missing`` rows are no candidates, so they are left out too, unless ``missing_is_answer``. Filter batches first: reducing first
    and filtering later is wrong. Values of rows that are not ``value`` are null in the answer. The order is by entity and clocks.
    """
    if table.is_empty():
        return table
    last = table.sort([*_KEY, "batch_id"]).unique(_KEY, keep="last", maintain_order=True)
    dropped = [RowState.ANNULLED.value] if missing_is_answer else [RowState.ANNULLED.value, RowState.MISSING.value]
    counted = last.filter(~pl.col("row_state").cast(pl.String).is_in(dropped))
    values = value_columns(counted)
    if not values or (counted["row_state"].cast(pl.String) == RowState.VALUE.value).all():
        return counted
    is_value = pl.col("row_state").cast(pl.String) == RowState.VALUE.value
    return counted.with_columns(pl.when(is_value).then(pl.col(name)).alias(name) for name in values)


def without_repeated_bounds(counted: pl.DataFrame) -> pl.DataFrame:
    """The rows that count, without the upper bounds that an earlier row has shown to be no news.

    A row of basis ``backfilled`` was known at some earlier moment that its answer does not tell. Where the row of the same (entity,
    valid_time) that was known just before it says the same, that one tells the moment. No answer changes its value by this, only the
    knowledge time that is shown with it.

    >>> from datetime import UTC
    >>> day = lambda d: datetime(2020, 1, d, tzinfo=UTC)
    >>> gdp = pl.DataFrame({"entity": "GDP", "valid_time": [day(1)] * 2, "knowledge_time": [day(5), day(9)], "batch_id": [2, 1],
    ...                     "row_state": "value", "knowledge_basis": ["observed", "backfilled"], "value": [1.0, 1.0]})
    >>> without_repeated_bounds(gdp)["knowledge_time"].dt.day().to_list()
    [5]
    """
    ordered = counted.sort(_KEY)
    period = ["entity", "valid_time"]
    said = [(pl.col("row_state").cast(pl.String) == RowState.VALUE.value), *(pl.col(name) for name in value_columns(ordered))]
    repeats = pl.all_horizontal(one.eq_missing(one.shift(1).over(period)) for one in said) & (pl.int_range(pl.len()).over(period) > 0)
    bound = pl.col("knowledge_basis").cast(pl.String) == KnowledgeBasis.BACKFILLED.value
    return ordered.filter(~(bound & repeats))


def as_of(
    table: pl.DataFrame,
    *,
    as_of: datetime | None = None,
    recorded_as_of: int | datetime | None = None,
    missing_is_answer: bool = False,
) -> pl.DataFrame:
    """The vintage of ``as_of``: for each (entity, valid_time) the row of the greatest knowledge time that is not later.

    ``table`` has entity, valid_time, knowledge_time, batch_id, row_state and value columns; ``recorded_as_of`` keeps what the store
    had recorded by a batch (or an instant). A retracted row stays in the answer with null values: it *is* the answer.

    >>> from datetime import UTC
    >>> day = lambda d: datetime(2020, 1, d, tzinfo=UTC)
    >>> gdp = pl.DataFrame({"entity": "GDP", "valid_time": [day(1)] * 2, "knowledge_time": [day(5), day(9)], "batch_id": [1, 2],
    ...                     "row_state": "value", "value": [1.0, 1.5]})
    >>> as_of(gdp, as_of=day(6))["value"].to_list(), as_of(gdp, as_of=day(9))["value"].to_list()
    ([1.0], [1.5])
    """
    known = recorded_by(table, recorded_as_of)
    if as_of is not None:
        known = not_after(known, "knowledge_time", as_of, "as_of")
    counted = rows_that_count(known, missing_is_answer=missing_is_answer)
    return counted.unique(["entity", "valid_time"], keep="last", maintain_order=True)


def change_points(table: pl.DataFrame, lag: str | Tenor = "P0D", *, missing_is_answer: bool = False) -> pl.DataFrame:
    """The instants at which the answer "value lagged by ``lag``, as known at t" changes, and the row it changes to.

    The answer at t is the row with ``valid_time + lag <= t`` and ``knowledge_time <= t`` of the greatest (valid_time, knowledge_time).
    A row is eligible from ``effective_time = max(knowledge_time, valid_time + lag)``. In the order of (effective_time, valid_time,
    knowledge_time) it changes the answer if and only if no row before it has a later valid_time: rows of one valid_time come in the
    order of their knowledge time, so the running maximum of the pair is the running maximum of valid_time alone. Of several that
    become eligible at the same instant only the last is an answer. Rows of later batches must have been filtered out before.
    """
    offset = Tenor.parse(lag)
    counted = rows_that_count(table, missing_is_answer=missing_is_answer)
    eligible = pl.col("valid_time") if offset.is_zero else pl.col("valid_time").dt.offset_by(offset.polars_offset())
    return (
        counted.with_columns(effective_time=pl.max_horizontal("knowledge_time", eligible))
        .sort(["entity", "effective_time", "valid_time", "knowledge_time"])
        .filter(pl.col("valid_time") == pl.col("valid_time").cum_max().over("entity"))
        .unique(["entity", "effective_time"], keep="last", maintain_order=True)
    )
