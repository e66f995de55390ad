"""The stance of a text on monetary policy: how many of its terms argue for a tighter policy (hawkish) and how many for an easier one.

The same rules read it as news of companies (:mod:`~crfs.features.sentiment.interplay`), with a lexicon in which "good" means hawkish:
"inflation declined" is dovish and "unemployment declined" hawkish. A direction without a quantity of the lexicon says nothing here: news that
something rose is rather good, but it argues for a tighter policy only where that is inflation, say, and not where it is a swap line. A term
within three tokens after not, no, nor, never, less or without counts for the other side.
"""

from __future__ import annotations

import polars as pl

from crfs.features.sentiment.interplay import read
from crfs.features.sentiment.lexicon import Lexicon, packaged_lexicon
from crfs.features.sentiment.scorer import checked_texts
from crfs.features.sentiment.tokens import sentences, tokens

STANCE: dict[str, pl.DataType] = {"hawkish": pl.Int64(), "dovish": pl.Int64(), "stance": pl.Float64()}
"""Counts of terms, and their balance (hawkish - dovish) / (hawkish + dovish), from -1 (all dovish) to 1 (all hawkish)."""

VERSION = "2"
_NEGATIONS = frozenset({"not", "no", "nor", "never", "less", "without", "neither"})
_REACH = 3


def policy_stance(texts: pl.Series) -> pl.DataFrame:
    """A row of :data:`STANCE` for each text; nulls for a blank one, and a null balance for a text that has no term at all.

    >>> policy_stance(pl.Series(["Inflation remains elevated.", "The unemployment rate rose and inflation declined.", "The vote was unanimous."])).rows()
    [(1, 0, 1.0), (0, 2, -1.0), (0, 0, None)]
    """
    lexicon = packaged_lexicon("policy_lexicon")
    return pl.DataFrame([_stance(text, lexicon) for text in checked_texts(texts)], schema=STANCE, orient="row")


def policy_lexicon_sha256() -> str:
    """The hash of the lexicon by which the stance is told."""
    return packaged_lexicon("policy_lexicon").sha256


def _stance(text: str | None, lexicon: Lexicon) -> tuple[int | None, int | None, float | None]:
    if not (text or "").strip():
        return None, None, None
    hawkish = dovish = 0
    for sentence in sentences(text or ""):
        negations = [token.start for token in tokens(sentence) if token.lower in _NEGATIONS]
        for mark in read(sentence, lexicon, alone=0.0):
            if not mark.valence:
                continue
            if (mark.valence > 0) != _negated(sentence, mark.start, negations):
                hawkish += 1
            else:
                dovish += 1
    both = hawkish + dovish
    return hawkish, dovish, (hawkish - dovish) / both if both else None


def _negated(sentence: str, start: int, negations: list[int]) -> bool:
    """Whether a negation stands among the few words before a place."""
    return any(at < start and len(sentence[at:start].split()) <= _REACH for at in negations)
