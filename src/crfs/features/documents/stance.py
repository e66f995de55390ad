"""The stance of the Federal Open Market Committee's statements, and what changed since the statement before.

For a statement of day v as known at K: ``stance`` = (hawkish - dovish) / (hawkish + dovish) terms; ``stance_change`` and ``tone_change`` are
its stance and tone less those of the latest statement before v that was known at K; ``days_since_previous`` the days between the two.
"""

from __future__ import annotations

import polars as pl

from crfs.bitemporal.resolve import rows_that_count
from crfs.bitemporal.rows import RowState

_NUMBER = pl.Float64()
POLICY: dict[str, pl.DataType] = {
    "hawkish": pl.Int64(),
    "dovish": pl.Int64(),
    "stance": _NUMBER,
    "tone": _NUMBER,
    "words": pl.Int64(),
    "stance_change": _NUMBER,
    "tone_change": _NUMBER,
    "days_since_previous": pl.Int64(),
}
ENTITY = "fomc"
_OWN = ("hawkish", "dovish", "stance", "tone", "words")


def stance_history(statements: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``fomc`` (:data:`POLICY`, with the clocks): for each statement one for each instant at which one of its numbers changes.

    ``statements`` are every version of the statements, with the clocks and ``hawkish``, ``dovish``, ``stance``, ``tone`` and ``words``. A
    statement that is withdrawn is a ``retracted`` row.
    """
    counted = rows_that_count(statements)
    is_value = pl.col("row_state").cast(pl.String) == RowState.VALUE.value
    versions = counted.select("valid_time", "knowledge_time", "knowledge_basis", live=is_value, **{name: pl.col(name) for name in _OWN})
    firsts = versions.group_by("valid_time").agg(first=pl.col("knowledge_time").min())
    # Everything that can change what is said of the statement of v: its own versions, and those of earlier ones that come after it.
    instants = (
        firsts.join_where(
            versions.select(other="valid_time", knowledge_time="knowledge_time"),
            pl.col("other") <= pl.col("valid_time"),
            pl.col("knowledge_time") >= pl.col("first"),
        )
        .select("valid_time", "knowledge_time")
        .unique()
    )
    own = instants.sort("knowledge_time").join_asof(
        versions.sort("knowledge_time"), on="knowledge_time", by="valid_time", strategy="backward", check_sortedness=False
    )
    before = _previous(instants, versions)
    joined = own.join(before, on=["valid_time", "knowledge_time"], how="left").sort("valid_time", "knowledge_time")
    live = pl.col("live")
    said = joined.select(
        "valid_time",
        "knowledge_time",
        "knowledge_basis",
        entity=pl.lit(ENTITY),
        row_state=pl.when(live).then(pl.lit(RowState.VALUE.value)).otherwise(pl.lit(RowState.RETRACTED.value)),
        **{name: pl.when(live).then(pl.col(name)).cast(POLICY[name]) for name in _OWN},
        stance_change=pl.when(live).then(pl.col("stance") - pl.col("stance_before")),
        tone_change=pl.when(live).then(pl.col("tone") - pl.col("tone_before")),
        days_since_previous=pl.when(live).then((pl.col("valid_time") - pl.col("valid_before")).dt.total_days()).cast(pl.Int64),
    )
    values = ["row_state", *POLICY]
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1).over("valid_time")) for name in values)
    return said.filter(~same | (pl.int_range(pl.len()).over("valid_time") == 0))


def _previous(instants: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """For each statement and instant the latest earlier statement that was known then and not withdrawn."""
    earlier = instants.join_where(
        versions.select("live", valid_before="valid_time", known_before="knowledge_time", stance_before="stance", tone_before="tone"),
        pl.col("valid_before") < pl.col("valid_time"),
        pl.col("known_before") <= pl.col("knowledge_time"),
    ).sort("known_before")
    key = ["valid_time", "knowledge_time"]
    newest = earlier.unique([*key, "valid_before"], keep="last", maintain_order=True).filter("live")
    return newest.sort("valid_before").unique(key, keep="last", maintain_order=True).drop("live", "known_before")
