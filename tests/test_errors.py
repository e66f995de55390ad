"""Errors: their text is fit to be shown and kept, whomever it quotes."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs import errors
from crfs.errors import CrfsError, Problem, plain
from crfs.sources.core.contract import STEERING

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CrfsError) and kind is not errors.QuotaExhausted
]
EVERY = "".join(map(chr, range(0x11000)))


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.characters()))
def test_no_error_steers_a_terminal_or_fits_into_no_column(kind: type[CrfsError], text: str) -> None:
    for said in (str(kind(text)), f"{kind(text)}", Problem(row=None, column=None, reason="x", detail=text).detail):
        assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in said if letter not in "\n\t")
        assert not any(
            unicodedata.bidirectional(letter) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"} for letter in said
        )
        assert len(said) == len(text)
        said.encode()


def test_what_says_something_stays() -> None:
    said = "Zürich, 東京, عربي, שלום, 👩‍💻, a\tb\nc"
    assert plain(said) == said


def test_a_tables_texts_lose_the_same_characters() -> None:
    """But for halves of pairs, which no table has."""
    whole = "".join(letter for letter in EVERY if unicodedata.category(letter) != "Cs")
    assert pl.Series([whole]).str.replace_all(STEERING, "\ufffd")[0] == plain(whole)
