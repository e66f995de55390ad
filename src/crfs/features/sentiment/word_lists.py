"""Words counted apart from any score: how often a document speaks of uncertainty, of courts, of distress, and how long it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import polars as pl

from crfs.features.sentiment.scorer import checked_texts
from crfs.features.sentiment.tokens import LONGEST_TEXT

LISTS = ("uncertainty", "litigation", "distress")
COUNTS: dict[str, pl.DataType] = {"words": pl.Int64(), **{name: pl.Int64() for name in LISTS}}
"""``words`` of the document, and how many of its words and phrases stand in each list; the share is the count over the words."""

_WORD = r"\p{L}[\p{L}\p{M}'’-]*"


@cache
def _body() -> bytes:
    return (files("crfs.features.sentiment") / "word_lists.tsv").read_bytes()


@cache
def word_lists() -> Mapping[str, tuple[str, ...]]:
    """The terms of each list, the longest first."""
    lines = [line.split("\t") for line in _body().decode().splitlines() if not line.startswith("# ")]
    found: dict[str, list[str]] = {name: [] for name in LISTS}
    for term, name in lines[1:]:
        found[name].append(term)
    return MappingProxyType({name: tuple(sorted(terms, key=lambda term: (-len(term), term))) for name, terms in found.items()})


@cache
def word_lists_sha256() -> str:
    """The hash of the file of the lists."""
    return hashlib.sha256(_body()).hexdigest()


def word_counts(texts: pl.Series) -> pl.DataFrame:
    """A row of :data:`COUNTS` for each text, in order; nulls for one that is null or blank.

    >>> word_counts(pl.Series(["The court may rule on the default.", ""])).rows()
    [(7, 1, 1, 1), (None, None, None, None)]
    """
    text = pl.col("text")
    frame = pl.DataFrame({"text": checked_texts(texts).str.slice(0, LONGEST_TEXT)})
    counts = {name: text.str.count_matches(_pattern(name)) for name in LISTS}
    blank = text.is_null() | (text.str.strip_chars() == "")
    return frame.select(
        pl.when(~blank).then(count).cast(pl.Int64).alias(name) for name, count in {"words": text.str.count_matches(_WORD), **counts}.items()
    )


@cache
def _pattern(name: str) -> str:
    """An expression for whole words and phrases, whatever their case and blanks."""
    terms = "|".join(r"\s+".join(re.escape(part) for part in term.split()) for term in word_lists()[name])
    return rf"(?i)\b(?:{terms})\b"
