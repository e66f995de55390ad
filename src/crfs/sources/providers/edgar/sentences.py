"""What is a sentence among the lines of a filing's document, what only heads or describes, and which lines one paragraph was torn into."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from crfs.sources.providers.edgar.html_text import Line

FEWEST_WORDS = 5
"""Of how many words a sentence or an entry of a list is at least."""
_TOLD_BY = 2_000
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_END = re.compile(r"([.!?:;])[”\"’'*]*\)?[”\"’'*]*$")
_LAST = 12
"""Within so many letters of its end a sentence ends."""
_SHORTENED = re.compile(r"\b(?:inc|corp|co|ltd|llc|jr|sr|n\.a|l\.p|u\.s(?:\.a)?|no|[ap]\.m|[A-Z])\.\W{0,4}$", re.IGNORECASE)
"""Ends of names, addresses and hours, which are followed by a stop in a sentence or without one."""
# What titles, captions, addresses and signatures have in small letters too.
_OF_TITLES = frozenset({
    "a", "affiliates", "an", "and", "as", "at", "attn", "audited", "but", "by", "chairman", "chairwoman", "chief", "company", "compared",
    "contact", "corporation", "dated", "director", "directors", "doing", "e-mail", "email", "ended", "ending", "entitled", "etc", "except",
    "executive", "ext", "fax", "financial", "for", "formerly", "from", "general", "in", "into", "investor", "investors", "issued", "its",
    "known", "manager", "media", "millions", "nor", "of", "off", "officer", "on", "onto", "or", "over", "per", "phone", "president", "pursuant",
    "relations", "secretary", "senior", "share", "shares", "subsidiaries", "subsidiary", "tel", "telephone", "than", "the", "their",
    "these", "this", "thousands", "through", "titled", "to", "treasurer", "unaudited", "under", "until", "upon", "via", "vice", "vs",
    "with", "within", "without",
})  # fmt: skip
# No title is in these, whether in small letters or in capitals.
_VERBS = frozenset({
    "am", "are", "be", "been", "believes", "did", "does", "expects", "had", "has", "have", "is", "reports", "said", "says", "they",
    "today", "was", "we", "were", "will", "would",
})  # fmt: skip
_CAPTION = re.compile(
    r"\W*+(?:(?:unaudited|all|dollars?|u\.?s\.?|amounts?|figures|numbers|tables?|are|stated|expressed|presented|shares?)\b\W*+){0,6}"
    r"in\s+(?:thousands|millions|billions)(?:\s+of\s+(?:u\.?s\.?\s+)?dollars)?\W*(?:$|except\b|unaudited\b)"
    r"|\W*+(?:unaudited\W++)?(?:see\s+|refer\s+to\s+)?(?:the\s+)?accompanying\s+(?:condensed\s+|consolidated\s+|financial\s+)*notes\b",
    re.IGNORECASE,
)
"""What stands over or under a statement and reads like a sentence."""
_BULLET = re.compile(r"^(?:[•·▪◦●■o*–—-]\s+|[•·▪◦●■])+")
_NUMBERED = re.compile(r"\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]\s", re.IGNORECASE)
_JOINING = frozenset({
    "a", "an", "and", "as", "at", "by", "for", "from", "has", "have", "in", "is", "its", "not", "of", "on", "or", "our", "than", "that",
    "the", "their", "to", "was", "were", "which", "will", "with",
})  # fmt: skip
_WRAPPED = 60
"""A line of so many letters that ends in no stop was most likely broken where the page ended."""


def words_of(text: str) -> list[str]:
    """The words of a text, without numbers.

    >>> words_of("Moody's cut 3 ratings.")
    ["Moody's", 'cut', 'ratings']
    """
    return _WORD.findall(text)


def without_bullet(text: str) -> str:
    """An entry of a list without what marks it.

    >>> without_bullet("• Sales rose"), without_bullet("Sales rose")
    ('Sales rose', 'Sales rose')
    """
    return _BULLET.sub("", text)


def is_prose(text: str) -> bool:
    """Whether a line is a sentence or more.

    Either most of its words are in small letters, which those of titles are not, or it ends as a sentence does and has a word that titles, captions
    and addresses have not. What is all in brackets has to end so within them.

    >>> is_prose("Net sales increased 5% to $500 million"), is_prose("Condensed Consolidated Statements of Income (Unaudited)")
    (True, False)
    >>> is_prose("Moody's Investors Service downgraded Acme Corporation's Senior Notes."), is_prose("Acme Inc., 100 Main Street, Chicago, U.S.A.")
    (True, False)
    """
    told = text[:_TOLD_BY]
    words = words_of(" ".join(part for part in told.split() if not _is_address(part)) if _is_address(told) else told)
    if len(words) < FEWEST_WORDS or _CAPTION.match(told):
        return False
    is_in_brackets = text[0] == "(" and text.find(")") == len(text) - 1
    small = sum(word[0].islower() for word in words)
    return (not is_in_brackets and 2 * small >= len(words)) or _is_sentence(text, words, in_capitals=told.isupper())


def _is_sentence(text: str, words: Sequence[str], *, in_capitals: bool) -> bool:
    """Whether a line that is mostly names, or in capitals or brackets, is a sentence."""
    end = _END.search(text[-_LAST:])
    if end is None or (text[0] == "(" and text[-1] == ")" and end[1] in ":;"):
        return False
    small = {word for word in words if word.islower() and len(word) > 1} - _OF_TITLES
    if not _VERBS.isdisjoint({word.lower() for word in words} if in_capitals else small):
        return True
    is_certain = not _SHORTENED.search(text[-_LAST:])
    return end[1] in ".!?" and ((bool(small) and is_certain) or any(word.endswith("ed") for word in small))


def _is_address(part: str) -> bool:
    return "@" in part or "://" in part or "www." in part or ".com" in part or "c/o" in part


def whole_paragraphs(read: Iterable[Line], *, goes_with: re.Pattern[str]) -> Iterator[Line]:
    """Lines, with those in one that a line break tore a sentence into.

    A line goes on after a break where it ends in no stop, and the next one begins in small letters, or it ends in a comma, in a word that joins,
    or was broken where the page ended. After a sentence in which ``goes_with`` is found all further sentences of its paragraph go with it.

    >>> torn = [Line(("Sales rose by",)), Line(("a tenth.",), after_break=True), Line(("Costs fell.",), after_break=True)]
    >>> [line.text for line in whole_paragraphs(torn, goes_with=re.compile("Profit"))]
    ['Sales rose by a tenth.', 'Costs fell.']
    """
    first: Line | None = None
    pieces: list[str] = []
    goes_with_it = False
    for line in read:
        text = line.text
        is_torn = first is not None and line.after_break and line.table == first.table
        goes_with_it = is_torn and (goes_with_it or goes_with.search(pieces[-1]) is not None)
        if is_torn and (_goes_on(pieces[-1], text) or (goes_with_it and is_prose(text))):
            pieces.append(text)
            continue
        if first is not None:
            yield _whole(first, pieces)
        first, pieces, goes_with_it = line, [text], False
    if first is not None:
        yield _whole(first, pieces)


def _whole(first: Line, pieces: Sequence[str]) -> Line:
    return first if len(pieces) == 1 else replace(first, cells=(" ".join(pieces),))


def _goes_on(before: str, after: str) -> bool:
    """Whether a sentence goes on from one line to the next."""
    if not before or not after or _BULLET.match(after) or _NUMBERED.match(after) or _is_address(after[:_TOLD_BY].partition(" ")[0]):
        return False
    end = _END.search(before[-_LAST:])
    last = before[-_TOLD_BY:].rpartition(" ")[2]
    if end is not None and not (end[1] == "." and after[0].islower() and _SHORTENED.search(before[-_LAST:])):
        return False
    if after[0].islower() or last[-1:] == "," or last in _JOINING:
        return True
    if after[0].isdigit() or after[0] in "$€£":
        return last.isalpha() and last.islower()
    return len(before) >= _WRAPPED and after[0].isalpha() and is_prose(before)
