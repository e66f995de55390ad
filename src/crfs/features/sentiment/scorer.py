"""What every scorer of sentiment is: texts in, four numbers a text out, with a name, a version and the hash of its lexicon beside them."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from crfs.errors import InvalidInput

SCORES: dict[str, pl.DataType] = {
    "compound": pl.Float64(),
    "positive": pl.Float64(),
    "negative": pl.Float64(),
    "neutral": pl.Float64(),
}
"""``compound`` from -1 (bad news) to 1 (good news); ``positive``, ``negative`` and ``neutral`` from 0 to 1, together 1 but for rounding."""

NEUTRAL_BAND = 0.05
"""A compound score nearer to 0 than this is neutral: the band that VADER's authors publish, taken before anything was measured."""


class SentimentScorer(Protocol):
    """Scores texts; ``name``, ``version`` and ``lexicon_sha256`` are kept with every score, so that it can be had again.

    A score depends on its text alone: not on the texts beside it, their order, or how they are cut into calls.
    """

    @property
    def name(self) -> str:
        """What it is called in the store, like ``crfs_finance``."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same text and lexicon may score differently."""
        ...

    @property
    def lexicon_sha256(self) -> str:
        """The hash of what it looks words up in, or of the weights that it computes with."""
        ...

    def score(self, texts: pl.Series) -> pl.DataFrame:
        """A row of :data:`SCORES` for each text, in order; null throughout for a text that is null or blank."""
        ...


def classes(compound: pl.Series) -> pl.Series:
    """Scores as -1, 0 and 1: what lies within :data:`NEUTRAL_BAND` of 0 is neutral; null stays null.

    >>> classes(pl.Series([0.6, 0.04, -0.05, None])).to_list()
    [1, 0, -1, None]
    """
    score = pl.col("score")
    sign = pl.when(score >= NEUTRAL_BAND).then(1).when(score <= -NEUTRAL_BAND).then(-1).when(score.is_not_null()).then(0)
    return pl.DataFrame({"score": compound.cast(pl.Float64)}).select(sign.cast(pl.Int64).alias("class"))["class"]


def checked_texts(texts: pl.Series) -> pl.Series:
    """The texts as text; a series of anything else is an error."""
    if texts.dtype not in {pl.String(), pl.Null()}:
        raise InvalidInput(f"a scorer takes texts, not {texts.dtype}")
    return texts.cast(pl.String)
