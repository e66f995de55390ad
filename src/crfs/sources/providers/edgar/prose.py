"""The prose of a filing's document: its sentences, a paragraph a block, without tables, titles of statements and what every document repeats.

What is kept is what the issuer tells this time: a release's headline and the paragraphs and bullets below it, a report's items. Left out are the
cells of tables (a number is no sentence), the cover and the signatures of a report, and words that lawyers wrote once: the safe harbour of
forward-looking statements, what the company is ("About Acme"), what non-GAAP measures are, how to listen to a call, that a report is furnished and
not filed. Of those a tone would only learn who the lawyer is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.item_headings import item_headed
from crfs.sources.providers.edgar.releases import headings
from crfs.sources.providers.edgar.sentences import FEWEST_WORDS, is_prose, whole_paragraphs, without_bullet, words_of

MOST_PROSE = 100_000
"""Characters of prose that are kept of a document, some forty pages."""

_MARK = re.compile(r"[^\w\s]{1,3}|o|\(?\w{1,2}[.)]")
"""What stands in the cell before an entry of a list that is laid out as a table: a bullet, 1., (a)."""
_WHO = r"(?:investors?|media|press|analysts?|shareholders?)(?:\s*(?:and|&|/)\s*(?:investors?|media|press|analysts?|shareholders?))?"
_CONTENT = (
    r"(?!\s+(?:highlights?|commentary|comments|remarks|summary|takeaways|themes|transcript|q&a"
    r"|(?:and\s+\w+\s+)?(?:services?|segments?|business|division|platform)))"
)
_LEFT_OUT = re.compile(
    r"^about\s+(?!\d[\d.,]*\s*(?:%|(?:percent|million|billion|of)\b)"
    r"|(?:our|the|these|this)\s+(?:\w+\s+)?(?:results|quarter|outlook|performance)\b)|forward[\s-]looking(?!\s+outlook)|cautionary"
    r"|safe\s+harbou?r(?=\W*$|\s+(?:statements?|provisions?|language|disclosures?|notice|for|under|act|of|regarding|concerning)\b)"
    r"|^(?:teleconference|contact\s+information|availability\s+of\s+replay|dial-?in\s+\w+|disclaimers?|company\s+profile|notice\s+regarding\b.*\bnon-gaap.*)\W*$"
    r"|^reconciliations?\b|non-gaap\b.*\breconciliations?\b|\breconciliations?\b.*\bnon-gaap"
    r"|^(?:use|definitions?|description|discussion|explanation|notes?|statement|disclosures?|information|regarding|presentation|basis)\b.*\bnon-gaap"
    r"|\bnon-gaap\s+(?:(?:and|other|financial|performance|operating|key)\s+)*(?:measures?|measurements?|information|disclosures?|definitions?|terms|metrics)\b"
    rf"|\b(?:conference|earnings)\s+call\b{_CONTENT}|\bwebcast\b{_CONTENT}"
    rf"|^{_WHO}\s+(?:relations|contacts?|inquiries|enquiries)(?:\s+(?:contacts?|information|(?:at|of|to|for)\b.*))?\W*$|^{_WHO}\s*:\s*$|^investors?$"
    r"|^for\s+(?:more|further|additional)\s+information\b",
    re.IGNORECASE,
)
"""Headings of what every release repeats: whom to ask, what a measure is, how to listen; not those of a part of the company, or of results."""
_CONTACTS = re.compile(
    rf"\W*(?:{_WHO}\s+)?(?:relations\s+)?(?:contacts?|inquiries|enquiries)\b|\W*for\s+(?:more|further|additional)\s+information\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"about\s.{1,70}\.$", re.IGNORECASE)
"""The name of a company may end in a stop: "About Acme Corp."."""
_LAWYERS = re.compile(
    r"forward[\s-]looking\s+statements?|securities\s+litigation\s+reform\s+act|shall\s+not\s+be\s+deemed\s+[“\"']?(?:to\s+be\s+)?[“\"']?filed",
    re.IGNORECASE,
)
_CALL = re.compile(r"\b(?:(?:conference|earnings|investors?|analysts?)\s+calls?|teleconference|web\s?casts?|replay)\b", re.IGNORECASE)
_MAY = r"\b(?:will|to|can|may|is|are|has|have|please|plans\s+to)\s+(?:(?:also|then|be|been)\s+){0,2}"
_IS_HELD = re.compile(
    rf"(?:{_MAY}|\band\s+)(?:host|hold|conduct|schedul|discuss|review|listen|join|access|register|dial|participat|broadcast)", re.IGNORECASE
)
_IS_THERE = re.compile(
    rf"{_MAY}(?:available|access|archived|held|hosted|conducted|scheduled|broadcast|webcast|heard|begin|start|take\s+place)", re.IGNORECASE
)
_LOGISTICS = re.compile(
    r"\b(?:calls?|web\s?casts?|teleconference|replay|dial\w*|pass\s?code|(?:access|conference|confirmation)\s+(?:code|id|number)|listen\w*"
    r"|regist\w+|(?:web\s?)?sites?|slides|broadcast|archived?|participa\w+|toll|hours|[ap]\.m|questions?|available|www|https?)\b|\(\d{3}\)",
    re.IGNORECASE,
)
_TOLD = re.compile(r"\$\s?\d|\d\s?%|\bpercent\b")
_BESIDE, _FIRST_SENTENCE, _TOLD_IN_ALL = 120, 400, 4_000
_NO_END = re.compile(r"\b(?:[ap]\.m|inc|corp|co|ltd)\.\W*$", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])[”\")]*\s+(?=[A-Z“\"(])")
_SIGNATURES = re.compile(r"signatures?\b", re.IGNORECASE)
_LONGEST_LABEL, _FEWEST_OF_TITLE, _MOST_TITLES = 80, 4, 2
_LISTS_EXHIBITS = ("9.01", "7")
"""Items that list exhibits, today and before 23 August 2004."""


def release_prose(read: Sequence[Line]) -> str:
    """The prose of an exhibit that is a release: its headline, and its sentences.

    >>> release_prose([Line(("Acme Reports Record Sales",)), Line(("Sales rose by a tenth.",)), Line(("Sales", "100"), table=1)])
    'Acme Reports Record Sales\\n\\nSales rose by a tenth.'
    """
    titles: list[str] = []
    found: list[str] = []
    is_left_out = False
    for line in whole_paragraphs(read, goes_with=_LAWYERS):
        text, is_entry = _paragraph(line)
        if not text:
            continue
        if headings.is_furniture(text):
            is_left_out |= bool(found) and _CONTACTS.match(text) is not None
            continue
        if is_entry or is_prose(text):
            found += [] if is_left_out else _said_this_time(text)
        elif _is_heading(text):
            # A title may name the call as well as the results, and heads all of the release.
            is_left_out = bool(found) and _LEFT_OUT.search(text) is not None
            if not found and len(words_of(text)) >= _FEWEST_OF_TITLE:
                titles.append(text)
    return _joined([*titles[-_MOST_TITLES:], *found] if found else [])


def report_prose(read: Sequence[Line]) -> str:
    """The prose of a current report's own items, without those that list exhibits; nothing of a page without items.

    >>> report_prose([Line(("Form 8-K",)), Line(("Item 4.02",)), Line(("Its accounts are not to be relied on.",)), Line(("SIGNATURES",))])
    'Its accounts are not to be relied on.'
    """
    found: list[str] = []
    item: str | None = None
    for line in whole_paragraphs(read, goes_with=_LAWYERS):
        if (headed := item_headed(line.text)) is not None:
            item = headed
            # Some reports begin the paragraph on the line of its heading.
            text = line.text[:MOST_PROSE]
            found += _said_this_time(text) if item not in _LISTS_EXHIBITS and is_prose(text) else []
        elif item is not None and _SIGNATURES.match(line.text) and len(line.text) <= _LONGEST_LABEL:
            break
        elif item is not None and item not in _LISTS_EXHIBITS:
            text, is_entry = _paragraph(line)
            found += _said_this_time(text) if is_entry or is_prose(text) else []
    return _joined(found)


def _paragraph(line: Line) -> tuple[str, bool]:
    """A line's paragraph without its bullet, and whether it is an entry of a list; nothing of a row of a table that is none."""
    if not line.table:
        whole = line.text[:MOST_PROSE]
        text = without_bullet(whole)
        return text, text != whole and len(words_of(text)) >= FEWEST_WORDS
    cells = [cell for cell in line.cells if cell]
    is_marked = len(cells) == 2 and _MARK.fullmatch(cells[0]) is not None
    whole = cells[-1][:MOST_PROSE] if cells else ""
    text = without_bullet(whole)
    is_entry = (is_marked or text != whole) and len(words_of(text)) >= FEWEST_WORDS
    is_text = len(cells) == 1 + is_marked and (is_entry or (len(text) > _LONGEST_LABEL and is_prose(text)))
    return (text, is_entry) if is_text else ("", False)


def _is_heading(text: str) -> bool:
    """Whether a line heads what follows; an entry of a list without a bullet begins in small letters."""
    return (headings.is_heading(text) or _ABOUT.match(text) is not None) and not text[0].islower()


def _said_this_time(text: str) -> list[str]:
    """A paragraph up to its first sentence in the words of lawyers; of one that begins by telling of a call what is about something else."""
    if _is_of_a_call(text):
        text = " ".join(each for each in _sentences(text)[1:] if is_prose(each) and not _LOGISTICS.search(each))
    said = _LAWYERS.search(text)
    if said is None:
        return [text] if text else []
    begins = [found.end() for found in _SENTENCE.finditer(text, 0, said.start())]
    kept = text[: begins[-1]].strip() if begins else ""
    return [kept] if kept else []


def _sentences(text: str) -> list[str]:
    """The sentences of a paragraph, of at most so many characters as tell of a call.

    >>> _sentences("We meet at 10 a.m. EST today. Sales fell.")
    ['We meet at 10 a.m. EST today.', 'Sales fell.']
    """
    return [text[start:stop].strip() for start, stop in pairwise([0, *_ends(text, _TOLD_IN_ALL), len(text)])]


def _ends(text: str, stop: int) -> list[int]:
    """Where sentences begin after the first one, up to a place."""
    return [end.end() for end in _SENTENCE.finditer(text, 0, stop) if not _NO_END.search(text[: end.start()][-8:])]


def _is_of_a_call(text: str) -> bool:
    """Whether the first sentence of a paragraph says how to listen to a call, and no number.

    >>> _is_of_a_call("Acme will host a conference call at 10:00 a.m. EST. A replay will be available."), _is_of_a_call("Our webcast services grew.")
    (True, False)
    """
    for found in _CALL.finditer(text, 0, _FIRST_SENTENCE):
        start, stop = found.span()
        if _TOLD.search(text, 0, start) or _ends(text, start):
            return False
        if _IS_HELD.search(text, max(start - _BESIDE, 0), start) or _IS_THERE.search(text, stop, stop + _BESIDE):
            return True
    return False


def _joined(paragraphs: Sequence[str]) -> str:
    return "\n\n".join(dict.fromkeys(paragraphs))[:MOST_PROSE].strip()
