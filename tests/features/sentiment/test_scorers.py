"""Scorers: a score depends on its text alone, blank texts have none, and bounds hold."""

from __future__ import annotations

import hashlib
import math
import time
from importlib.resources import files

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.features.sentiment import SCORES, FinanceScorer, SentimentScorer, VaderScorer, classes
from crfs.features.sentiment.tokens import LONGEST_SENTENCE, LONGEST_TEXT, sentences, tokens

SCORERS: list[SentimentScorer] = [VaderScorer(), FinanceScorer()]
WORDS = [
    "profit", "loss", "costs", "rose", "fell", "not", "narrowed", "from", "EUR", "13.1", "mn", "compared", "with", "8.7", "%", ",", ".", "but", "slightly",
    "bankruptcy", "great", "Acme", "shares", "cut", "its", "\n", "debt", "😀", "n't", "1,000.50.3", "$", "no", "U.S.",
]  # fmt: skip
TEXTS = st.one_of(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join), st.text(max_size=80))


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: str(scorer.name))
@given(texts=st.lists(st.one_of(st.none(), TEXTS), max_size=8), data=st.data())
def test_a_score_depends_on_its_text_alone(scorer: SentimentScorer, texts: list[str | None], data: st.DataObject) -> None:
    """Neither on the order of the texts nor on how they are cut into calls; and it lies in its range."""
    series = pl.Series("text", texts, pl.String())
    whole = scorer.score(series)
    assert dict(whole.schema) == SCORES
    order = data.draw(st.permutations(range(len(texts))))
    assert scorer.score(series.gather(pl.Series(order, dtype=pl.UInt32))).equals(whole[order] if order else whole)
    cut = data.draw(st.integers(0, len(texts)))
    assert pl.concat([scorer.score(series[:cut]), scorer.score(series[cut:])]).equals(whole)
    for text, (compound, positive, negative, neutral) in zip(texts, whole.rows(), strict=True):
        if not (text or "").strip():
            assert compound is positive is negative is neutral is None
        else:
            assert -1 <= compound <= 1
            assert min(positive, negative, neutral) >= 0
            assert math.isclose(positive + negative + neutral, 1, abs_tol=0.0021) or positive + negative + neutral == 0


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: str(scorer.name))
def test_a_document_scores_the_mean_of_its_sentences(scorer: SentimentScorer) -> None:
    parts = ["Profit fell sharply.", "The outlook is excellent!", "The board met in May."]
    alone = scorer.score(pl.Series(parts))
    together = scorer.score(pl.Series([" ".join(parts)]))
    for name in SCORES:
        assert together[name].item() == pytest.approx(alone[name].mean(), abs=1e-6)


def test_the_name_the_version_and_the_hash_tell_scorers_apart() -> None:
    assert VaderScorer().lexicon_sha256 != FinanceScorer().lexicon_sha256
    assert VaderScorer().name != FinanceScorer().name
    assert FinanceScorer().lexicon_sha256 == FinanceScorer().lexicon_sha256
    assert "vader 3.3.2" in FinanceScorer().version


def test_a_scorer_takes_texts_only() -> None:
    with pytest.raises(InvalidInput, match="takes texts"):
        FinanceScorer().score(pl.Series([1, 2]))
    assert FinanceScorer().score(pl.Series([None]))["compound"].to_list() == [None]


def test_the_neutral_band_is_open_at_its_ends() -> None:
    assert classes(pl.Series([0.05, 0.0499, 0.0, -0.0499, -0.05, None])).to_list() == [1, 0, 0, 0, -1, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It rose 2.5 %. In May it fell.", ["It rose 2.5 %.", "In May it fell."]),
        ("Acme Inc. rose. U.S. sales fell.", ["Acme Inc. rose.", "U.S. sales fell."]),
        ("A title\n\nA paragraph", ["A title", "A paragraph"]),
        ('He said "sell." Then he left.', ['He said "sell."', "Then he left."]),
        ("  \n ", []),
        ("x" * (LONGEST_SENTENCE + 1), ["x" * LONGEST_SENTENCE, "x"]),
    ],
)
def test_sentences_end_where_they_do(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(max_size=300))
def test_tokens_stand_where_they_say_and_sentences_keep_every_letter(text: str) -> None:
    for token in tokens(text):
        assert text[token.start : token.end].lower().startswith(token.lower[:1])
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("piece", [".", "no ", "loss ", '("', "\n ", "profit 5 from 3 ", ". ", "!?"])
def test_no_text_costs_more_than_a_long_report(piece: str) -> None:
    """The work on a text far beyond the bound is that on the bound: 100,000 characters."""
    begun = time.process_time()
    FinanceScorer().score(pl.Series([piece * (5 * LONGEST_TEXT // len(piece))]))
    assert time.process_time() - begun < 15


@pytest.mark.parametrize("name", ["finance_lexicon", "policy_lexicon", "word_lists"])
def test_what_ships_says_its_origin_and_its_licence(name: str) -> None:
    body = (files("crfs.features.sentiment") / f"{name}.tsv").read_text(encoding="utf-8")
    head = [line for line in body.splitlines() if line.startswith("# ")]
    assert any(line.startswith("# Origin: written for crfs") for line in head)
    assert any(line.startswith("# Licence: Apache-2.0") for line in head)


def test_vaders_lexicon_is_the_one_that_the_figures_were_made_with() -> None:
    """A new one changes every score: then the scorer's version and the figures change too."""
    import vaderSentiment

    body = (files(vaderSentiment) / "vader_lexicon.txt").read_bytes()
    assert VaderScorer().lexicon_sha256 == hashlib.sha256(body).hexdigest()
    assert hashlib.sha256(body).hexdigest().startswith("1ec9c6e9ee19aade")
