"""The sentences of a release, each with its heading, the sentences before it in its paragraph and the words that lead a list in.

A sentence names a period itself or stands under a heading that does; what it says is the company's where its words and its heading are
(``company``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases import headings
from crfs.sources.providers.edgar.releases.agreement import Stated, stated
from crfs.sources.providers.edgar.releases.company import has_another_subject
from crfs.sources.providers.edgar.releases.periods import COMPARISON, DATELINE, DAY, Period, is_headed_otherwise, lengths, names_another
from crfs.sources.providers.edgar.releases.units import SCALES

DOLLAR = r"(?<![A-Za-z])(?:US|U\.S\.\s?)?\$"
_LETTERS = {"m": 1e6, "mm": 1e6, "b": 1e9, "bn": 1e9, "k": 1e3}
UNIT = r"(?:thousand|million|billion|(?-i:MM|M|bn|B|K)\b)"
MONEY = rf"{DOLLAR}\s?(?P<number>\d{{1,3}}(?:,\d{{3}})*(?:\.\d+)?|\d+(?:\.\d+)?)\s?(?P<unit>{UNIT})?\b(?!\s?%)"
FORWARD = re.compile(
    r"\b(?:expects?|expected|expecting|guidance|outlook|anticipates?|anticipated|forecasts?|projects?|projected|estimates?|estimated|targets?"
    r"|targeted|"
    r"consensus|analysts?)\b",
    re.IGNORECASE,
)
# A sentence does not end within "Acme, Inc. (NYSE: ACM)" or "the U.S. Treasury".
_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!\bU\.S\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bNo\.)(?<!\bSt\.)\s+(?=[A-Z“\"$])|(?<=[.!?])(?<!\bInc\.)(?<!\bCorp\.)(?<!\bCo\.)"
    r"(?<!\bLtd\.)(?<!\bL\.P\.)(?<!\bN\.V\.)\s+(?=\()|(?<=[.!?][”\"])\s+(?=[A-Z“\"$(])"
)
_ABOUT = re.compile(r"\b(?:approximately|about|around|roughly|nearly|almost)\b", re.IGNORECASE)
_BULLET = re.compile(r"^[\s•·▪◦●*\-–—]+\s*")
_LONGEST_SENTENCE, _LONGEST_TEXT, _MOST_SENTENCES = 1200, 20_000, 1_500
_LONGEST_LEAD = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence, its heading, the sentences before it in its paragraph, and the words with a colon that lead in its list; else empty."""

    text: str
    heading: str = ""
    before: str = ""
    lead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A number and the months of its period; one that ``may_be_a_part``'s is the whole company's for certain only where it is too large for a part's."""

    stated: Stated
    months: int
    may_be_a_part: bool = False


def sentences(lines: Sequence[Line]) -> list[Sentence]:
    """The sentences of a release, in order and each once; rows of tables only where a paragraph was laid out in one."""
    found: list[Sentence] = []
    heading = lead = ""
    over: list[str] = []  # the short lines over the opening paragraph
    is_opened, is_first = False, True
    for place, line in enumerate(lines):
        text = _BULLET.sub("", line.text[:_LONGEST_TEXT])
        if line.table and len(text) <= 80:
            continue
        if not line.table and headings.is_heading(text):
            heading, lead = text, text if text.endswith(":") else ""
            over.append(text)
        elif not is_opened and not headings.is_furniture(text):
            is_opened = headings.is_opening(text, place, is_first=is_first and text == line.text)
            heading, is_first = headings.title_of(over) if is_opened else heading, False
        if text.endswith(":") and len(text) <= _LONGEST_LEAD:
            lead = text
        before = ""
        parts = _SENTENCE.split(DATELINE.sub("", text))
        lead = "" if len(parts) > 2 and not text.endswith(":") else lead  # a paragraph, and no entry of a list
        for one in parts:
            if len(one) <= _LONGEST_SENTENCE:
                found.append(Sentence(text=one, heading=heading, before=before[-_LONGEST_SENTENCE:], lead="" if one == lead else lead))
            before = f"{before[-_LONGEST_SENTENCE:]} {one[:_LONGEST_SENTENCE]}".strip()
    # What is said again in the same place says nothing more, and takes as long to read.
    return list(islice(dict.fromkeys(found), _MOST_SENTENCES))


def unit_scale(unit: str | None) -> float:
    """How much a unit is worth: billion or M; 1 where there is none."""
    word = (unit or "").lower()
    return SCALES.get(word) or _LETTERS.get(word, 1.0)


def amount(number: str, unit: str | None) -> float:
    """A number with its unit, like 4.8 and billion, or 410 and M."""
    return stated(number, unit_scale(unit)).number


def money(found: re.Match[str], *, is_negative: bool = False) -> Stated:
    """The amount that a match of :data:`MONEY` states, and how precisely."""
    is_about = _ABOUT.search(found.string[max(found.start("number") - 20, 0) : found.start("number")]) is not None
    return stated(found["number"], unit_scale(found["unit"]), is_negative=is_negative, is_about=is_about)


def until_comparison(text: str, start: int) -> str:
    """``text`` up to the first comparison after ``start``."""
    comparison = COMPARISON.search(text, start)
    return text[: comparison.start()] if comparison else text


def is_of_the_company(sentence: Sentence, name: frozenset[str]) -> bool:
    """Whether what stands there is about the whole company: under "Fourth Quarter Highlights", not "Aerospace", nor after words about others."""
    return headings.is_of_the_whole(sentence.heading, name) and not has_another_subject(sentence.before, name)


def months_of(text: str, heading: str, period: Period) -> int | None:
    """The length of the one period that a sentence names, or else its heading; None where either is of another one than the release."""
    above = headings.head(heading)
    if names_another(text, period) or is_headed_otherwise(above, period):
        return None
    named, headed = set(lengths(re.sub(r"\bquarterly\b|\bQ[1-4]\b", "quarter", text, flags=re.IGNORECASE))), set(lengths(above))
    if named and headed and not named & headed:
        return None
    named = named or headed
    if len(named) != 1 or (period.months is not None and named != {period.months}):
        return None
    return named.pop()


def whose(sentence: Sentence, text: str, period: Period, name: frozenset[str], *, is_total: bool = False) -> tuple[int, bool] | None:
    """The months of the one period that ``text`` of a sentence names, and whether it may be a part's; None where it is not this period's, or a part's.

    Under a heading in other words than results have ("Aerospace", "A Good Start") it may be: but a total is the whole company's there too.
    """
    is_whole = is_of_the_company(sentence, name)
    # A line that is no heading of results tells no period by a day or by the word "year", only by naming another one.
    is_silent = not (is_whole or is_total or is_headed_otherwise(DAY.sub(" ", sentence.heading), period))
    heading = "" if is_silent else sentence.heading
    months = months_of(text, heading, period)
    is_other = headings.is_of_something_else(sentence.heading) or has_another_subject(sentence.before, name)
    if months is None or (not is_whole and (is_other or (not is_total and headings.is_of_what_is_expected(sentence.heading)))):
        return None
    return months, not (is_whole or is_total)
