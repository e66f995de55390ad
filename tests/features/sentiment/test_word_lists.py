"""Counts of words in lists: whole words and phrases, whatever their case; each list has words of its own."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crfs.features.sentiment.word_lists import COUNTS, LISTS, word_counts, word_lists


def test_whole_words_and_phrases_are_counted() -> None:
    counts = word_counts(pl.Series(["MAY may Mayor maybe", "Chapter  11 and past\ndue loans", "No assurance: class-action lawsuits"]))
    assert dict(counts.schema) == COUNTS
    assert counts["uncertainty"].to_list() == [3, 0, 1]
    assert counts["distress"].to_list() == [0, 2, 0]
    assert counts["litigation"].to_list() == [0, 0, 2]
    assert counts["words"].to_list() == [4, 5, 4]


def test_a_blank_text_has_no_counts() -> None:
    assert word_counts(pl.Series([None, "  ", "7 %"])).rows() == [(None,) * 4, (None,) * 4, (0, 0, 0, 0)]


@given(st.lists(st.sampled_from(["may", "court", "default", "acme"]), min_size=1, max_size=30))
def test_counts_are_those_of_the_words(words: list[str]) -> None:
    row = word_counts(pl.Series([" ".join(words)])).row(0, named=True)
    assert (row["uncertainty"], row["litigation"], row["distress"], row["words"]) == (
        *(words.count(w) for w in ("may", "court", "default")),
        len(words),
    )


def test_lists_are_named_and_filled() -> None:
    assert tuple(word_lists()) == LISTS
    assert min(len(terms) for terms in word_lists().values()) > 50
