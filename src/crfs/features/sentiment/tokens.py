"""Texts cut into sentences, and sentences into tokens with their places; bounded, so that no text costs more than a long report."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_TEXT = 100_000
"""Characters of a document that are read, some forty pages; what follows is not."""
LONGEST_SENTENCE = 600
"""Characters after which a sentence is cut, since the work on a sentence grows with the square of its length."""

_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|jr|sr|st|inc|corp|co|ltd|plc|no|nos|vs|approx|est|fig|sec|art|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)"
    r"|\b\w|\b\w\.\w)\.\Z",
    re.IGNORECASE,
)
_OPENING, _CLOSING = "\"'“\u2018(\\[", "\"'”’)\\]"
# Possessive throughout, and a run of marks is entered at its first only, so that no text is read twice.
_END = re.compile(
    rf"(?<![.!?…])[.!?…]++[{_CLOSING}]*+(?=\s++[{_OPENING}]*+[^\Wa-z_])|\n\s*\n|\r?\n(?=\s*+[^\Wa-z_])",
)
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’&./-](?=[^\W\d_])[^\W_]+)*|[^\s\w]|_")
_POSSESSIVE = re.compile(r"['’]s$")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a mark of punctuation; ``lower`` is what is looked up, ``start`` and ``end`` where it stands."""

    start: int
    end: int
    lower: str

    @property
    def is_number(self) -> bool:
        """Whether it begins with a digit."""
        return self.lower[0].isdecimal()


def sentences(text: str) -> list[str]:
    """The sentences of a text without blanks around them; an empty text has none.

    >>> sentences("Profit rose to EUR 13.1 mn. Mr. Smith said no. 5 was sold.")
    ['Profit rose to EUR 13.1 mn.', 'Mr. Smith said no. 5 was sold.']
    """
    text = text[:LONGEST_TEXT]
    cut, found = 0, []
    for end in _END.finditer(text):
        if end.group().startswith(".") and _ABBREVIATION.search(text, max(cut, end.start() - 8), end.start() + 1):
            continue
        found.append(text[cut : end.end()])
        cut = end.end()
    found.append(text[cut:])
    return [piece for part in found for piece in _pieces(part.strip())]


def tokens(sentence: str) -> list[Token]:
    """The tokens of a sentence; a possessive is looked up without its s.

    >>> [token.lower for token in tokens("Nokia's net loss: EUR-0.8m")]
    ['nokia', 'net', 'loss', ':', 'eur', '-', '0.8', 'm']
    """
    return [Token(found.start(), found.end(), _POSSESSIVE.sub("", found.group().lower())) for found in _TOKEN.finditer(sentence)]


def _pieces(sentence: str) -> list[str]:
    """A sentence, cut at the last blank before each bound."""
    found = []
    while len(sentence) > LONGEST_SENTENCE:
        cut = sentence.rfind(" ", 1, LONGEST_SENTENCE)
        cut = cut if cut > 0 else LONGEST_SENTENCE
        found.append(sentence[:cut].rstrip())
        sentence = sentence[cut:].lstrip()
    return [*found, sentence] if sentence else found
