"""Plain text of what may be HTML."""

from __future__ import annotations

import random

import pytest

from crfs.sources.core.markup import LONGEST, plain_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("  no\u00a0tags \n at all ", "no tags at all"),
        ("<ol><li><a href='x'>First</a>&nbsp;<font>Paper</font></li><li>Second</li></ol>", "First Paper Second"),
        ("un<b>broken</b> word", "unbroken word"),
        ("a<br/>b", "a b"),
        ("<style>p{}</style>seen<script>if (a<b) {}</script>", "seen"),
        ("<script>never closed", ""),
        ("<!-- a note -->seen", "seen"),
        ("1 < 2 &amp;&amp; 3 > 2", "1 < 2 && 3 > 2"),
        ("&lt;b&gt; stays as written", "<b> stays as written"),
        ("half \ud800 a pair", "half ? a pair"),
        ("<unclosed", "<unclosed"),
    ],
)
def test_markup_becomes_words(markup: str, text: str) -> None:
    assert plain_text(markup) == text


def test_a_reference_of_thousands_of_digits_is_no_character() -> None:
    assert plain_text(f"a &#{'9' * 5000}; b &#{'0' * 90}65;") == "a \ufffd b A"


def test_no_name_of_a_tag_is_tried_at_each_of_its_lengths() -> None:
    # In the square of its length this would take hours.
    text = "<" + "a" * 2_000_000
    assert plain_text(text, most=len(text)) == text


def test_random_markup_never_raises_and_is_one_line(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(2000):
        text = "".join(
            draw.choice(["<", ">", "/", "script", "b", " ", "&", "lt;", "#x0;", "\n", "<!--", "-->", "é", '"']) for _ in range(40)
        )
        said = plain_text(text)
        assert "\n" not in said
        said.encode()


@pytest.mark.parametrize("unit", ["<", "<script>", "<!--", "&#x", "<a b='", "\n", "&lt"])
def test_hostile_markup_is_bounded(unit: str) -> None:
    assert len(plain_text(unit * 400_000)) <= LONGEST
