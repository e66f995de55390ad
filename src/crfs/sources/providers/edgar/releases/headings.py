"""Headings of a release: which short lines head what follows, and whether what stands there is the whole company's.

Most short lines of a release are no headings at all: a page's number, whom to ask, "PRESS RELEASE". They leave the heading above them in force.
What stands over the opening paragraph is the release's title, of which the line about results heads what follows. Below it a line in words that
everybody uses for results heads the company's; one in other words ("Aerospace") may name a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.releases.company import PART, is_name
from crfs.sources.providers.edgar.releases.measures import OTHER_MEASURE
from crfs.sources.providers.edgar.releases.periods import COMPARISON, DATELINE

_LONGEST = 90
_OPENING_LINES = 60
_RELEASE = r"(?:press|news|media|earnings)\s+release"
_EXHIBIT = r"(?:exhibit|ex)[\s.-]{0,3}(?:\d{1,3}(?:\.\d{1,3})?)?"
_FILE = r"[\w.-]{1,60}\.(?:html?|txt|pdf)"
_WHO = r"(?:investors?|media|press|public|shareholders?|stockholders?|company|corporate|analysts?|financial)"
_FURNITURE = re.compile(
    rf"\W*(?:{_EXHIBIT}(?:\s+\d{{1,3}})?(?:\s+{_FILE})?(?:\s+(?:{_RELEASE}|{_EXHIBIT}))?|{_FILE}|{_RELEASE}|for\s+immediate\s+release"
    r"|(?:page\s+)?\d{1,3}(?:\s*(?:of|/)\s*\d{1,3})?|table\s+of\s+contents|(?:more|continued|news)"
    rf"|{_WHO}(?:\s*(?:and|&|/)\s*{_WHO})?\s+(?:relations|contacts?|inquiries|enquiries)(?:\s*[:(|–—-].{{0,60}})?|investors?(?::.{{0,60}})?"
    r"|contacts?(?::.{0,70})?|for\s+(?:more|further|additional)\s+information.{0,60}|(?:https?://|www\.)\S{1,80})\W*",
    re.IGNORECASE,
)
# Headings under which the whole company's numbers stand: all of their words are of these, or they are the release's own title.
_OF_RESULTS = re.compile(
    r"^(?:[\s\d,.:;&()–—-]|\b(?:first|second|third|fourth|Q[1-4]|quarter|quarterly|full|fiscal|year|FY|results(?: of operations)?|highlights?"
    r"|summary|financial (?:results|highlights|summary|"
    r"overview|performance|review|statements?|data|information)|business highlights|consolidated|total company|company|overview|and|the|for|in"
    r"|three|six|nine|twelve|months|weeks|ended|key|selected|"
    r"operating (?:results|highlights|performance|summary|review|overview)|performance|update|review|unaudited|gaap"
    r"|(?:income )?statements?(?: of (?:income|operations|earnings))?|january|february|"
    r"march|april|may|june|july|august|september|october|november|december|as reported|other|our|of"
    r"|board(?: of directors)?|declares?|declared|dividends?|balance sheet|liquidity|cash flows?|(?:share|stock) repurchases?|conference call"
    r"|webcast|management|discussion|commentary|comments|(?:net )?(?:revenues?|sales)|net income|earnings per share|record|strong|solid)\b)*$"
    r"|\b(?:reports?|announces?|exhibit|news|immediate release|contacts?)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"\b(?:reports?|reported|announces?|announced|released?|posted)\b.{0,200}?\b(?:results|earnings|revenues?|net sales|net income|net loss)\b",
    re.IGNORECASE,
)
_RESULTS = re.compile(r"\b(?:results|earnings|revenues?|sales|profits?|quarter|highlights|summary|statements?)\b|\bQ[1-4]\b", re.IGNORECASE)
_OF_A_PERIOD = re.compile(r"\b(?:ended|ending|as of|at|through|quarter|year|months|weeks)\b", re.IGNORECASE)
_EXPECTS = re.compile(r"\b(?:guidance|outlook|forecasts?|targets?|expectations?)\b", re.IGNORECASE)


def is_heading(text: str) -> bool:
    """Whether a line outside of tables heads what follows: it is short, no sentence, has no amount and is no furniture.

    >>> is_heading("Aerospace"), is_heading("Page 1 of 8"), is_heading("Sales rose.")
    (True, False, False)
    """
    return len(text) <= _LONGEST and not re.search(r"[.;,]$|\$\s?\d", text) and not is_furniture(text)


def is_furniture(text: str) -> bool:
    """Whether a line is one that releases have for the sake of their form.

    >>> is_furniture("EX-99.1 2 ex991.htm PRESS RELEASE"), is_furniture("Investor Relations"), is_furniture("Media")
    (True, True, False)
    """
    return len(text) <= _LONGEST and _FURNITURE.fullmatch(text) is not None


def is_opening(text: str, place: int, *, is_first: bool) -> bool:
    """Whether a paragraph, the ``place``-th line, opens the release: it is dated, or the first one and says that results are reported."""
    if place >= _OPENING_LINES:
        return False
    dated = DATELINE.match(text)
    return (dated is not None and not _OF_A_PERIOD.search(dated[0])) or (is_first and _OPENING.search(text[:600]) is not None)


def title_of(lines: Sequence[str]) -> str:
    """What the short lines over the opening paragraph say of all that follows: their last line about results.

    A title that is about a part, or about another measure, heads what follows as it would elsewhere; all others ("Board Declares Dividend")
    head nothing.
    """
    of_results = [text for text in lines if is_of_results(text) and _RESULTS.search(text)]
    other = [text for text in lines if PART.search(text) or OTHER_MEASURE.search(text)]
    return (of_results or other or [""])[-1]


def head(heading: str) -> str:
    """A heading without what it compares with, and what it puts in parentheses."""
    return COMPARISON.split(re.sub(r"\([^)]*\)", " ", heading))[0]


def is_of_results(heading: str) -> bool:
    """Whether a heading is in words of results alone, and of no part."""
    return _OF_RESULTS.search(head(heading)) is not None and PART.search(heading) is None


def is_of_the_whole(heading: str, name: frozenset[str]) -> bool:
    """Whether the whole company's numbers stand under a heading: it is about results, or it is the company's name."""
    return is_of_results(heading) or is_name(head(heading), name)


def is_of_something_else(heading: str) -> bool:
    """Whether a heading says that not the company's results follow: a part's, or another measure's."""
    return PART.search(heading) is not None or OTHER_MEASURE.search(heading) is not None


def is_of_what_is_expected(heading: str) -> bool:
    """Whether a heading is of guidance."""
    return _EXPECTS.search(heading) is not None
