"""The tone and the attention of groups of documents (issuers, sources) a day.

``tone`` is the mean compound score of the day's scored documents, ``negative_share`` the share of them whose score is -0.05 or less,
``documents`` their number (attention), scored or not, and the shares of words are those of all their words together.
"""

from __future__ import annotations

import polars as pl

from crfs.features.documents.totals import known_totals
from crfs.features.sentiment.scorer import NEUTRAL_BAND

MICRO = 1_000_000
"""Scores have six decimals, so their sums are those of whole numbers."""
LISTS = ("uncertainty", "litigation", "distress")
_NUMBER = pl.Float64()
TONE: dict[str, pl.DataType] = {
    "documents": pl.Int64(),
    "scored": pl.Int64(),
    "tone": _NUMBER,
    "negative_share": _NUMBER,
    **{f"{name}_share": _NUMBER for name in LISTS},
}


def daily_tone(documents: pl.DataFrame, groups: pl.Expr) -> pl.DataFrame:
    """Rows of the groups' days (:data:`TONE`, with the clocks), one for each instant at which the day's documents change.

    ``documents`` are rows of ``document_sentiment``, every version of them; ``groups`` says to which groups a version belongs (a list of
    texts). A day is one of UTC. A day whose documents are all withdrawn has 0 documents and no tone.
    """
    compound = pl.col("compound")
    amounts = {
        "scored": compound.is_not_null(),
        "micro": (compound * MICRO).round(),
        "bad": (compound <= -NEUTRAL_BAND).fill_null(value=False),
        "words": pl.col("words"),
        **{name: pl.col(name) for name in LISTS},
    }
    versions = documents.with_columns(
        groups=groups,
        period=pl.col("valid_time").dt.truncate("1d"),
        **{name: expression.cast(pl.Int64) for name, expression in amounts.items()},
    )
    totals = known_totals(versions, list(amounts))
    some = pl.col("scored") > 0
    return totals.select(
        "knowledge_time",
        "knowledge_basis",
        "documents",
        "scored",
        entity="group",
        valid_time="period",
        # A column by a column: polars turns a division by a constant into a product with its inverse, which rounds otherwise.
        tone=pl.when(some).then(pl.col("micro") / (pl.col("scored") * MICRO)),
        negative_share=pl.when(some).then(pl.col("bad") / pl.col("scored")),
        **{f"{name}_share": pl.when(pl.col("words") > 0).then(pl.col(name) / pl.col("words")) for name in LISTS},
    )
