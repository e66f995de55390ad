"""The point-in-time kernel: one backward as-of join of questions onto change points, on keys only."""

from __future__ import annotations

import polars as pl

from crfs.bitemporal.resolve import change_points
from crfs.bitemporal.rows import RowState
from crfs.bitemporal.tenor import Tenor


def answers(
    questions: pl.DataFrame,
    rows: pl.DataFrame,
    *,
    lag: str | Tenor = "P0D",
    period: str | Tenor = "P0D",
    max_age: str | Tenor | None = None,
    missing_is_answer: bool = False,
) -> pl.Series:
    """For each question (``entity``, ``at``) the position in ``rows`` of the row that answers it, null where the answer is missing.

    ``rows`` are of one dataset, filtered to the batches and the knowledge that may be seen. Values are not touched: the caller
    gathers them once by the positions (late materialisation). An answer older than ``max_age`` is missing; its age is
    ``at - (valid_time + period + lag)``, where ``period`` is the length of the period that a row describes.
    """
    offset, length = Tenor.parse(lag), Tenor.parse(period)
    keys = rows.select("entity", "valid_time", "knowledge_time", "batch_id", "row_state").with_row_index("position")
    points = change_points(keys, offset, missing_is_answer=missing_is_answer)
    asked = questions.select("entity", "at").with_row_index("question").sort(["entity", "at"])
    joined = asked.join_asof(
        points.select("entity", "effective_time", "valid_time", "row_state", "position"),
        left_on="at",
        right_on="effective_time",
        by="entity",
        strategy="backward",
        check_sortedness=False,
    )
    answered = pl.col("row_state").cast(pl.String) == RowState.VALUE.value
    if max_age is not None:
        end = pl.col("valid_time").dt.offset_by(length.polars_offset()).dt.offset_by(offset.polars_offset())
        answered = answered & (pl.col("at") <= end.dt.offset_by(Tenor.parse(max_age).polars_offset()))
    return joined.select("question", position=pl.when(answered).then(pl.col("position"))).sort("question")["position"]
