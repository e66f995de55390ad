"""Totals of groups of documents as they were known: a row for every instant at which a group's documents change.

A version of a document counts from its knowledge time until the next version of the same document (entity and valid time) is known; a
retracted version counts nothing. So a document that comes late changes its group's number from then on, and no number rests on a document
that was not known yet. Amounts are whole numbers, so that totals are exact whatever the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crfs.bitemporal.resolve import rows_that_count
from crfs.bitemporal.rows import KNOWLEDGE_BASES, KNOWLEDGE_BASIS, RowState

_KEY = ["group", "period", "knowledge_time"]


def known_totals(versions: pl.DataFrame, amounts: Sequence[str]) -> pl.DataFrame:
    """The totals of ``amounts`` (whole numbers, null counts as 0) and the number of ``documents`` by group, period and knowledge time.

    ``versions`` are a dataset's rows with the clocks, ``knowledge_basis``, ``groups`` (a list of texts: the groups that the version belongs
    to), ``period`` (the instant at which the group's period starts) and the amounts; corrections and annulments are resolved here. The
    basis of a total is the weakest of those of the documents that it has ever rested on (observed, calendar, assumed, backfilled).
    """
    counted = rows_that_count(versions)
    until = pl.col("knowledge_time").shift(-1).over("entity", "valid_time")
    values = counted.with_columns(until=until).filter(pl.col("row_state").cast(pl.String) == RowState.VALUE.value)
    values = values.select(
        group=pl.col("groups").list.unique(),
        period="period",
        since="knowledge_time",
        until="until",
        basis=pl.col("knowledge_basis").cast(KNOWLEDGE_BASIS).to_physical().cast(pl.Int64),
        **{name: pl.col(name).cast(pl.Int64).fill_null(0) for name in amounts},
        documents=pl.lit(1, dtype=pl.Int64),
    )
    values = values.explode("group").drop_nulls("group")
    summed = [*amounts, "documents"]
    comes = values.drop("until").rename({"since": "knowledge_time"})
    goes = values.drop_nulls("until").drop("since").rename({"until": "knowledge_time"}).with_columns(-pl.col(name) for name in summed)
    events = pl.concat([comes, goes.select(comes.columns)])
    running = events.group_by(_KEY).agg(pl.col(summed).sum(), pl.col("basis").max()).sort(_KEY)
    return running.select(
        *_KEY,
        knowledge_basis=pl.col("basis")
        .cum_max()
        .over("group", "period")
        .replace_strict(dict(enumerate(KNOWLEDGE_BASES)), return_dtype=KNOWLEDGE_BASIS),
        **{name: pl.col(name).cum_sum().over("group", "period") for name in summed},
    )
