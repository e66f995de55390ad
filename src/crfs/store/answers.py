"""Answers: bytes, and what they were asked for."""

from __future__ import annotations

from typing import NamedTuple


class AnswerKey(NamedTuple):
    """Which answer is meant. Bytes alone do not tell: those of one series may say nothing of it and come for another one too.

    >>> AnswerKey(source="fred", stream="UNRATE", sha256="e3b0") == AnswerKey(source="fred", stream="FEDFUNDS", sha256="e3b0")
    False
    """

    source: str
    stream: str
    sha256: str
