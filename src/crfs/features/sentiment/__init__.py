"""Sentiment of news, filings and policy texts: scorers behind one protocol, word counts apart, and the stance of a policy text."""

from __future__ import annotations

from crfs.features.sentiment.policy import policy_stance
from crfs.features.sentiment.scorer import NEUTRAL_BAND, SCORES, SentimentScorer, classes
from crfs.features.sentiment.transformer import TransformerScorer
from crfs.features.sentiment.vader import FinanceScorer, VaderScorer
from crfs.features.sentiment.word_lists import word_counts

__all__ = [
    "NEUTRAL_BAND",
    "SCORES",
    "FinanceScorer",
    "SentimentScorer",
    "TransformerScorer",
    "VaderScorer",
    "classes",
    "policy_stance",
    "word_counts",
]
