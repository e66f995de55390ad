"""The prose of a filing's document: its sentences, a paragraph a block, without tables, titles of statements and what every document repeats.

What is kept is what the issuer tells this time: a release's headline and the paragraphs and bullets below it, a report's items. Left out are the
cells of tables (a number is no sentence), the cover and the signatures of a report, and words that lawyers wrote once: the safe harbour of
forward-looking statements, what the company is ("About Acme"), what non-GAAP measures are, how to listen to a call, that a report is furnished and
not filed. Of those a tone would only learn who the lawyer is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.item_headings import item_headed
from crfs.sources.providers.edgar.releases import headings

MOST_PROSE = 100_000
"""Characters of prose that are kept of a document, some forty pages."""

_BULLET = re.compile(r"^(?:[•·▪◦●■o*–—-]\s+|[•·▪◦●■])+")
_MARK = re.compile(r"[^\w\s]{1,3}|o|\(?\w{1,2}[.)]")
"""What stands in the cell before an entry of a list that is laid out as a table: a bullet, 1., (a)."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LEFT_OUT = re.compile(
    r"^about\s+(?!\d)|forward[\s-]looking|safe\s+harbou?r|cautionary|non-gaap|(?:conference|earnings)\s+call|webcast|^(?:media|investor|for\s+more)\b",
    re.IGNORECASE,
)
"""Headings of what every release repeats."""
_LAWYERS = re.compile(
    r"forward[\s-]looking\s+statements?|securities\s+litigation\s+reform\s+act|shall\s+not\s+be\s+deemed\s+[“\"']?(?:to\s+be\s+)?[“\"']?filed",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])[”\")]*\s+(?=[A-Z“\"(])")
_SIGNATURES = re.compile(r"signatures?\b", re.IGNORECASE)
_LONGEST_LABEL, _TOLD_BY = 80, 2_000
_FEWEST_WORDS, _FEWEST_OF_TITLE, _MOST_TITLES = 5, 4, 2
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
    for line in read:
        text, is_entry = _paragraph(line)
        if not text or headings.is_furniture(text):
            continue
        if is_entry or _is_prose(text):
            found += [] if is_left_out else _said_this_time(text)
        elif _is_heading(text):
            # A title may name the call as well as the results, and heads all of the release.
            is_left_out = bool(found) and _LEFT_OUT.search(text) is not None
            if not found and len(_WORD.findall(text)) >= _FEWEST_OF_TITLE:
                titles.append(text)
    return _joined([*titles[-_MOST_TITLES:], *found] if found else [])


def report_prose(read: Sequence[Line]) -> str:
    """The prose of a current report's own items, without those that list exhibits; nothing of a page without items.

    >>> report_prose([Line(("Form 8-K",)), Line(("Item 4.02",)), Line(("Its accounts are not to be relied on.",)), Line(("SIGNATURES",))])
    'Its accounts are not to be relied on.'
    """
    found: list[str] = []
    item: str | None = None
    for line in read:
        if (headed := item_headed(line.text)) is not None:
            item = headed
            # Some reports begin the paragraph on the line of its heading.
            text = line.text[:MOST_PROSE]
            found += _said_this_time(text) if item not in _LISTS_EXHIBITS and _is_prose(text) else []
        elif item is not None and _SIGNATURES.match(line.text) and len(line.text) <= _LONGEST_LABEL:
            break
        elif item is not None and item not in _LISTS_EXHIBITS:
            text, is_entry = _paragraph(line)
            found += _said_this_time(text) if is_entry or _is_prose(text) else []
    return _joined(found)


def _paragraph(line: Line) -> tuple[str, bool]:
    """A line's paragraph without its bullet, and whether it is an entry of a list; nothing of a row of a table that is none."""
    if not line.table:
        whole = line.text[:MOST_PROSE]
        text = _BULLET.sub("", whole)
        return text, text != whole and len(_WORD.findall(text)) >= _FEWEST_WORDS
    cells = [cell for cell in line.cells if cell]
    is_marked = len(cells) == 2 and _MARK.fullmatch(cells[0]) is not None
    whole = cells[-1][:MOST_PROSE] if cells else ""
    text = _BULLET.sub("", whole)
    is_entry = (is_marked or text != whole) and len(_WORD.findall(text)) >= _FEWEST_WORDS
    is_text = len(cells) == 1 + is_marked and (is_entry or (len(text) > _LONGEST_LABEL and _is_prose(text)))
    return (text, is_entry) if is_text else ("", False)


def _is_prose(text: str) -> bool:
    """Whether a line is a sentence or more: most of its words are in small letters, which those of titles are not, and it is not all in brackets.

    >>> _is_prose("Net sales increased 5% to $500 million"), _is_prose("Condensed Consolidated Statements of Income (Unaudited)")
    (True, False)
    """
    words = _WORD.findall(text[:_TOLD_BY])
    small = sum(word[0].islower() for word in words)
    return len(words) >= _FEWEST_WORDS and 2 * small >= len(words) and not (text[0] == "(" and text.find(")") == len(text) - 1)


def _is_heading(text: str) -> bool:
    """Whether a line heads what follows; an entry of a list without a bullet begins in small letters."""
    return headings.is_heading(text) and not text[0].islower()


def _said_this_time(text: str) -> list[str]:
    """A paragraph up to its first sentence in the words of lawyers; none where it begins with one."""
    said = _LAWYERS.search(text)
    if said is None:
        return [text]
    begins = [found.end() for found in _SENTENCE.finditer(text, 0, said.start())]
    kept = text[: begins[-1]].strip() if begins else ""
    return [kept] if kept else []


def _joined(paragraphs: Sequence[str]) -> str:
    return "\n\n".join(dict.fromkeys(paragraphs))[:MOST_PROSE].strip()
