"""The stance of the Federal Open Market Committee's statements, and what changed since the statement before.

For a statement of day v as known at K: ``stance`` = (hawkish - dovish) / (hawkish + dovish) terms; ``stance_change`` and ``tone_change`` are
its stance and tone less those of the latest statement before v that was known at K; ``days_since_previous`` the days between the two.

``change_bp`` is the change of the target for the federal funds rate that the statement says; where it says none, its target less that of
the latest statement before v whose target was known at K. A range stands by its midpoint, which between ranges of one width is the change of
either end, and from one number to a range (December 2008) the only fair one. A target that did not move as the statement says that it did
(raise, lower) is no change of that statement's: others are missing in between, and it is null.
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
    "change_bp": _NUMBER,
}
ENTITY = "fomc"
_OWN = ("hawkish", "dovish", "stance", "tone", "words")
_SAID = ("target_lower", "target_upper", "change_bp", "direction")
DECISION: dict[str, pl.DataType] = {**dict.fromkeys(_SAID, _NUMBER), "direction": pl.String()}
"""What statements say of the target: its ends in percent, its change in basis points, and raise, lower or maintain."""
_AT = ["valid_time", "knowledge_time"]


def stance_history(statements: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``fomc`` (:data:`POLICY`, with the clocks): for each statement one for each instant at which one of its numbers changes.

    ``statements`` are every version of the statements, with the clocks and ``hawkish``, ``dovish``, ``stance``, ``tone`` and ``words``;
    ``decisions`` every version of what they say of the target (:data:`DECISION`, rows of ``fomc_statement``), of the same valid times. A
    statement that is withdrawn is a ``retracted`` row.
    """
    versions = _versions(statements, decisions)
    firsts = versions.group_by("valid_time").agg(first=pl.col("knowledge_time").min())
    # Everything that can change what is said of the statement of v: its own versions, and those of earlier ones that come after it.
    instants = (
        firsts.join_where(
            versions.select(other="valid_time", knowledge_time="knowledge_time"),
            pl.col("other") <= pl.col("valid_time"),
            pl.col("knowledge_time") >= pl.col("first"),
        )
        .select(_AT)
        .unique()
    )
    joined = _as_known(instants, versions)
    before = {"valid_before": "valid_time", "stance_before": "stance", "tone_before": "tone"}
    joined = joined.join(_previous(instants, versions, before), on=_AT, how="left")
    joined = joined.join(
        _previous(instants, versions.with_columns(live=pl.col("live") & pl.col("target").is_not_null()), {"target_before": "target"}),
        on=_AT,
        how="left",
    )
    live = pl.col("live")
    moved = (pl.col("target") - pl.col("target_before")) * 100
    fits = pl.when(pl.col("direction") == "raise").then(moved > 0).when(pl.col("direction") == "lower").then(moved < 0).otherwise(True)
    said = joined.sort(_AT).select(
        "valid_time",
        "knowledge_time",
        "knowledge_basis",
        entity=pl.lit(ENTITY),
        row_state=pl.when(live).then(pl.lit(RowState.VALUE.value)).otherwise(pl.lit(RowState.RETRACTED.value)),
        **{name: pl.when(live).then(pl.col(name)).cast(POLICY[name]) for name in _OWN},
        stance_change=pl.when(live).then(pl.col("stance") - pl.col("stance_before")),
        tone_change=pl.when(live).then(pl.col("tone") - pl.col("tone_before")),
        days_since_previous=pl.when(live).then((pl.col("valid_time") - pl.col("valid_before")).dt.total_days()).cast(pl.Int64),
        change_bp=pl.when(live).then(pl.coalesce("change_bp", pl.when(fits).then(moved))),
    )
    values = ["row_state", *POLICY]
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1).over("valid_time")) for name in values)
    return said.filter(~same | (pl.int_range(pl.len()).over("valid_time") == 0))


def _versions(statements: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """For each instant at which a statement, or what it says of the target, changes: whether it is ``live``, its numbers, and its ``target``."""
    is_value = pl.col("row_state").cast(pl.String) == RowState.VALUE.value
    texts = rows_that_count(statements).select(*_AT, "knowledge_basis", live=is_value, **{name: pl.col(name) for name in _OWN})
    counted = rows_that_count(decisions).select(*_AT, "entity", **{name: pl.when(is_value).then(pl.col(name)) for name in _SAID})
    said = _of_one_entity(counted)
    firsts = texts.group_by("valid_time").agg(first=pl.col("knowledge_time").min())
    instants = (
        pl.concat([texts.select(_AT), said.select(_AT)])
        .unique()
        .join(firsts, on="valid_time")
        .filter(pl.col("knowledge_time") >= pl.col("first"))
    )
    return _as_known(_as_known(instants.select(_AT), texts), said).with_columns(
        target=(pl.col("target_lower") + pl.col("target_upper")) / 2
    )


def _of_one_entity(counted: pl.DataFrame) -> pl.DataFrame:
    """What is said at each instant, by whichever entity says something then: a mended reading may move a statement to another one."""
    instants = counted.select(_AT).unique()
    parts = [_as_known(instants, counted.filter(pl.col("entity") == name).drop("entity")) for name in counted["entity"].unique().sort()]
    if not parts:
        return counted.drop("entity")
    rows = pl.concat(parts)
    return rows.group_by(_AT).agg(pl.col(name).drop_nulls().first() for name in _SAID)


def _as_known(instants: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """``instants`` with the columns of the version that counts then."""
    return instants.sort("knowledge_time").join_asof(
        versions.sort("knowledge_time"), on="knowledge_time", by="valid_time", strategy="backward", check_sortedness=False
    )


def _previous(instants: pl.DataFrame, versions: pl.DataFrame, wanted: dict[str, str]) -> pl.DataFrame:
    """For each statement and instant what is ``wanted`` of the latest earlier statement that was known then and ``live``."""
    earlier = instants.join_where(
        versions.select("live", _valid="valid_time", _known="knowledge_time", **{name: pl.col(other) for name, other in wanted.items()}),
        pl.col("_valid") < pl.col("valid_time"),
        pl.col("_known") <= pl.col("knowledge_time"),
    ).sort("_known")
    newest = earlier.unique([*_AT, "_valid"], keep="last", maintain_order=True).filter("live")
    return newest.sort("_valid").unique(_AT, keep="last", maintain_order=True).select(*_AT, *wanted)
