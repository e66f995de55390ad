"""VADER (Hutto and Gilbert, 2014) over documents: alone, and with the finance lexicon and its rules before it.

VADER's engine weighs words by negation, degree and contrast within a sentence. The finance scorer first reads a sentence with
:mod:`~crfs.features.sentiment.interplay` and hands VADER in place of each term a word of its own that carries what the term says there,
so that "did not fall", "slightly weaker" and "sales rose but margins fell" are still VADER's to weigh.

A document's score is the mean of its sentences' scores; its length is bounded (:mod:`~crfs.features.sentiment.tokens`).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from crfs.features.sentiment.interplay import read
from crfs.features.sentiment.lexicon import Lexicon, packaged_lexicon
from crfs.features.sentiment.scorer import SCORES, checked_texts
from crfs.features.sentiment.tokens import sentences

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

_ENGINE = "vader 3.3.2"
_NOTHING = "crfsplain"
_STEPS = 4
"""Valences are handed on in quarters."""


@dataclass(frozen=True)
class VaderScorer:
    """VADER as its authors ship it: the yardstick."""

    name: str = "vader"
    version: str = _ENGINE

    @cached_property
    def lexicon_sha256(self) -> str:
        """The hash of VADER's own lexicon."""
        return hashlib.sha256(self._engine.lexicon_full_filepath.encode()).hexdigest()

    @cached_property
    def _engine(self) -> SentimentIntensityAnalyzer:
        return _new_engine()

    def score(self, texts: pl.Series) -> pl.DataFrame:
        """See :class:`~crfs.features.sentiment.scorer.SentimentScorer`."""
        return _table([_document(self._engine, text, None) for text in checked_texts(texts)])


@dataclass(frozen=True)
class FinanceScorer:
    """VADER's engine with the finance lexicon of crfs and the rules by which its terms work together.

    >>> FinanceScorer().score(pl.Series(["The operating loss narrowed.", "Profit fell 5%.", "The board meets in May.", " "]))["compound"].to_list()
    [0.4588, -0.4588, 0.0, None]
    """

    name: str = "crfs_finance"
    version: str = f"1, {_ENGINE}"

    @cached_property
    def lexicon_sha256(self) -> str:
        """The hash of the finance lexicon's hash and VADER's."""
        return hashlib.sha256(f"{self._lexicon.sha256} {VaderScorer().lexicon_sha256}".encode()).hexdigest()

    @cached_property
    def _lexicon(self) -> Lexicon:
        return packaged_lexicon("finance_lexicon")

    @cached_property
    def _engine(self) -> SentimentIntensityAnalyzer:
        engine = _new_engine()
        engine.lexicon.update({_word(step / _STEPS): step / _STEPS for step in range(-4 * _STEPS, 4 * _STEPS + 1) if step})
        return engine

    def score(self, texts: pl.Series) -> pl.DataFrame:
        """See :class:`~crfs.features.sentiment.scorer.SentimentScorer`."""
        return _table([_document(self._engine, text, self._lexicon) for text in checked_texts(texts)])


def _new_engine() -> SentimentIntensityAnalyzer:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def _document(engine: SentimentIntensityAnalyzer, text: str | None, lexicon: Lexicon | None) -> tuple[float | None, ...]:
    """The mean of the sentences' compound, positive, negative and neutral; nulls for a text without a sentence."""
    scores = [engine.polarity_scores(part if lexicon is None else _rewritten(part, lexicon)) for part in sentences(text or "")]
    if not scores:
        return (None,) * len(SCORES)
    return tuple(round(math.fsum(score[key] for score in scores) / len(scores), 6) for key in ("compound", "pos", "neg", "neu"))


def _rewritten(sentence: str, lexicon: Lexicon) -> str:
    """The sentence with a word of ours in the place of each term that was read."""
    parts, at = [], 0
    for mark in read(sentence, lexicon):
        parts += [sentence[at : mark.start], " ", _word(mark.valence), " "]
        at = mark.end
    return "".join([*parts, sentence[at:]])


def _word(valence: float) -> str:
    steps = round(valence * _STEPS)
    return f"crfs{'good' if steps > 0 else 'bad'}{abs(steps)}" if steps else _NOTHING


def _table(rows: list[tuple[float | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCORES, orient="row")
