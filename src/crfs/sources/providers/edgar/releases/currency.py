"""The currency of a release: amounts are kept only where they are plainly US dollars.

A bare ``$`` is the dollar of whoever writes it, so a release that states its amounts in another currency anywhere (over a table, in a cell, in
a sentence about its results) is not read at all: of a column in RMB and one in US$ nothing here says which was meant. One sentence that writes C$ or
A$ of a change or of a place, beside statements with a bare ``$``, tells that this is another dollar than that one, and only its own amounts are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from crfs.sources.providers.edgar.html_text import Line

_SIGN = r"[€£¥₩₹₪₽฿₱]|(?-i:(?<![A-Za-z.])(?!US\$|USD\$)[A-Z][A-Za-z]{0,3}\.?\$)"
_CODE = (
    r"(?-i:\b(?:EUR|GBP|RMB|CNY|JPY|CAD|Cdn|AUD|NZD|HKD|TWD|NTD|SGD|BRL|MXN|CHF|INR|KRW|SEK|NOK|DKK|ILS|NIS|ZAR|PLN|AED|THB|PHP|IDR|ARS|CLP|COP|"
    r"PEN|UYU|RUB|TRY|CZK|HUF|SAR|QAR|KWD|MYR|EGP|NGN|VND)\b)"
)
_NAME = (
    r"\b(?:euros?|pounds?\s+sterling|sterling|british\s+pounds?|renminbi|yuan|yen|(?:canadian|australian|new\s+zealand|hong\s+kong|(?:new\s+)?taiwan|"
    r"singapore)\s+dollars?|reais|pesos?|(?:swiss\s+)?francs?|ro?ubles?|(?:turkish\s+)?lira|forints?|koruna|ringgit|rupees?|(?:korean"
    r"|south\s+korean)\s+won|kron(?:or|er|e|a)|shekels?|"
    r"south\s+african\s+rand|zloty|dirhams?|baht|rupiah)\b"
)
_OTHER = rf"(?:{_SIGN}|{_CODE}|{_NAME})"
_ANY = re.compile(_OTHER, re.IGNORECASE)
_UNIT = re.compile(
    rf"(?:thousands|millions|billions)\s+of\s+(?:\w+\s+)?(?P<after>{_OTHER})|(?P<before>{_OTHER})\s*,?\s*(?:in\s+)?(?:thousands|millions|billions)"
    rf"|\bin\s+(?P<of>{_OTHER})\s+(?:thousands|millions|billions)|\b(?:thousands|millions|billions)\s*\(?\s*(?P<last>{_OTHER})",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"\b(?:(?:expressed|presented|reports?|reported|stated)\s+(?:\w+\s+){0,2}?in|(?:reporting|presentation"
    r"|functional)\s+currency\s+(?:\w+\s+){0,4}?is"
    r"|(?:amounts|figures|dollars)\b[^.;]{0,40}?\s(?:in|are))"
    rf"\s+(?:\w+\s+){{0,3}}?(?P<name>{_OTHER})(?!\s*(?:zone|area))",
    re.IGNORECASE,
)
_RESULT = r"\b(?:revenues?|sales|net\s+income|net\s+loss|net\s+profit|earnings|eps|per\s+(?:\w+\s+)?(?:share|ads)|total\s+debt|guidance|outlook)\b"
_AMOUNT = re.compile(
    rf"(?P<sign>{_OTHER})\s?\$?\s?\(?\d|\d\s?(?:thousand|million|billion)?\s?(?P<name>{_CODE}|{_NAME})|\d[\d,.]*\s?(?:thousand|million|billion)?\s"
    r"(?P<nation>Canadian|Australian)\b",
    re.IGNORECASE,
)
_RESULT_AMOUNT = re.compile(rf"{_RESULT}[^.;]{{0,80}}?(?:{_AMOUNT.pattern})", re.IGNORECASE)
_CELL = re.compile(rf"^\(?\s*(?P<name>{_OTHER})\s*\$?\s*\(?\s*[\d.,]*\s*\)?$|^(?P<head>{_CODE}|{_NAME})$", re.IGNORECASE)
_IN_PASSING = re.compile(
    rf"\bby\s+(?:{_SIGN})\s?\d|\b(?:sales|revenues?)\s+in\s+(?:Canada|Australia|Hong Kong|Singapore|New Zealand|Taiwan)\b", re.IGNORECASE
)
_DOLLAR = re.compile(r"(?<![A-Za-z])\$|\bUS\$|U\.?S\.?\s?(?:\$|dollars?)|\bdollars?\b|\bUSD\b", re.IGNORECASE)
_LONGEST_UNIT = 200


def other_currency(lines: Sequence[Line]) -> str | None:
    """The currency, as the release writes it, if its amounts are not all US dollars; None where no other is named.

    >>> other_currency([Line(("(In millions of RMB)",))])
    'RMB'
    >>> other_currency([Line(("The euro fell, and sales rose to $5 million.",))]) is None
    True
    """
    passing: list[str] = []
    for line in lines:
        text = line.text[:20_000]
        if _ANY.search(text) is None and "Canadian" not in text and "Australian" not in text:
            continue
        found = (
            (_UNIT.search(text) if len(text) <= _LONGEST_UNIT else None) or _STATED.search(text) or _RESULT_AMOUNT.search(text)
        ) or _first(_CELL.match(cell) for cell in (line.cells[1:] if line.table else ()))
        if found is not None:
            word = next(word.strip() for word in found.groupdict().values() if word)
            if not _is_in_passing(line, text, word):
                return word
            passing.append(word)
    return passing[0] if len(passing) > 1 or (passing and not _states_bare_dollars(lines)) else None


def _is_in_passing(line: Line, text: str, word: str) -> bool:
    """Whether a line only says what changed by some of another dollar, or how much of it came of a place."""
    is_other_dollar = re.fullmatch(r"[A-Z]{1,3}\$", word) is not None
    return (
        not line.table
        and is_other_dollar
        and _UNIT.search(text) is None
        and _STATED.search(text) is None
        and _IN_PASSING.search(text) is not None
    )


def _states_bare_dollars(lines: Sequence[Line]) -> bool:
    return sum(bool(re.match(r"\$", cell)) for line in lines if line.table for cell in line.cells[1:]) > 1


def names_other(text: str) -> bool:
    """Whether a sentence has an amount that is no US dollars: of such a sentence no amount is taken."""
    return (_ANY.search(text) is not None or "Canadian" in text or "Australian" in text) and _AMOUNT.search(text) is not None


def names_dollars(lines: Sequence[Line]) -> bool:
    """Whether dollars are named at all: thousands of nothing are no amount."""
    return any(_DOLLAR.search(line.text) for line in lines)


def _first(found: Iterable[re.Match[str] | None]) -> re.Match[str] | None:
    return next((one for one in found if one is not None), None)
