"""Rates and steps as the Federal Reserve writes them: "5-1/4", "4.25", "by one-half percentage point"."""

from __future__ import annotations

import re
from fractions import Fraction

RATE = r"(?:[1-9]\d?-\d{1,2}/\d{1,2}|\d{1,2} and \d{1,2}/\d{1,2}|\d{1,2} \d/\d{1,2}|\d{1,2}/\d{1,2}|\d{1,2}(?:\.\d{1,4})?)"
PERCENT = r"\s?(?:percent|per cent|%)"
_WORDS = r"(?:one|three)-(?:half|quarters?|fourths?)(?: of)?"
STEP = rf"(?P<size>{_WORDS}|{RATE}|\d{{1,3}})[- ](?P<unit>basis[- ]points?|(?:(?:of )?a )?percentage[- ]points?|percent)"
_FRACTIONS = {"¼": "1/4", "½": "1/2", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
_FRACTION_WORDS = {
    "one-half": "1/2", "one-quarter": "1/4", "one-fourth": "1/4", "three-quarters": "3/4", "three-quarter": "3/4", "three-fourths": "3/4",
}  # fmt: skip


def plainly(text: str) -> str:
    """Text with a paragraph a line, with plain hyphens and blanks, and fractions written out.

    >>> plainly("5¼ to 5\\u2011½ percent\\n(5 1\\u20444)")
    '5-1/4 to 5-1/2 percent (5 1/4)'
    """
    for sign, written in _FRACTIONS.items():
        text = re.sub(rf"(?<=\d){sign}", f"-{written}", text).replace(sign, written)
    text = re.sub("[\u2010\u2011\u2012\u2013\u2014\u2212]", "-", text).replace("\u2044", "/")
    return "\n".join(paragraph for block in re.split(r"\n[ \t\r]*\n", text) if (paragraph := " ".join(block.split())))


def rate(text: str) -> float | None:
    """A rate as the Committee writes it, in percent.

    >>> [rate(text) for text in ("5-1/4", "1/2", "4.25", "6", "3 and 3/4", "1/0")]
    [5.25, 0.5, 4.25, 6.0, 3.75, None]
    """
    try:
        return float(sum((Fraction(part) for part in re.split(r"-| and | ", text.strip())), Fraction(0)))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def points(size: str | None, unit: str | None) -> float | None:
    """A step in basis points.

    >>> points("1/4", "percentage point"), points("50", "basis points")
    (25.0, 50.0)
    """
    number = rate(_FRACTION_WORDS.get(size.lower().removesuffix(" of"), size)) if size else None
    if number is None or unit is None:
        return None
    return number if unit.lower().startswith("basis") else number * 100.0
