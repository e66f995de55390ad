"""The unit of amounts that a line over a statement, a cell of its head or a row's label says: thousands, millions or billions of dollars."""

from __future__ import annotations

import re

SCALES = {"thousands": 1e3, "millions": 1e6, "billions": 1e9, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_SHORT = {"000": 1e3, "k": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9}
_WORD = r"(?P<{}>thousands|millions|billions)\b"
# "In millions of" anything but dollars (pounds of copper, francs) is no unit of these amounts.
_NOT_OF_OTHERS = r"(?!\s+of\s+(?!U\.?S|dollars|\$))"
_BEFORE = r"(?:US\$?\s+|U\.S\.\s+|USD\s+)?(?:\$\s*)?"
_UNIT = re.compile(
    rf"\bin\s+{_BEFORE}{_WORD.format('plain')}{_NOT_OF_OTHERS}"
    rf"|(?<!hundreds\sof\s)(?<!tens\sof\s){_WORD.format('of')}\s+of\s+(?:U\.?S\.?\s+)?(?:dollars|\$)"
    rf"|^\W*(?:unaudited\W+)?{_BEFORE}{_WORD.format('first')}{_NOT_OF_OTHERS}(?=\s*(?:$|[,;)]|except\b|of\b))"
    rf"|\$\s?{_WORD.format('sign')}{_NOT_OF_OTHERS}"
    r"|(?:\bin\s+|\$\s?|^\W*)(?P<zeros>000)['’]?s?\b(?!,\d)|\$\s?(?P<letter>(?-i:MM|M|mn|B|bn|K))\b",
    re.IGNORECASE,
)
# "Shares in thousands", "except number of shares, which are reflected in thousands": the unit of a count.
_OF_SHARES = re.compile(
    r"(?<!dollars\s)(?<!\$\s)(?:\b(?:except|and"
    r"|with)\s+)?(?:for\s+)?(?:the\s+)?(?:\bnumber\s+of\s+)?(?:weighted[\s-]average\s+)?(?<!per\s)(?<!per-)(?<!dollars\sand\s)(?<!\$\sand\s)"
    r"\b(?:common\s+)?shares?(?:\s+(?:outstanding|amounts|data|counts?))?(?:,?\s+(?:which|that)\s+(?:are|is))?(?:\s+(?:reflected|presented|stated"
    r"|shown|expressed))?"
    r",?\s+(?:are\s+)?in\s+(?:thousands|millions|billions)\b",
    re.IGNORECASE,
)


def names_unit(text: str) -> bool:
    """Whether a text says a unit of amounts."""
    return _UNIT.search(_OF_SHARES.sub(" ", text)) is not None


def scale(text: str) -> float | None:
    """The unit of amounts that a text says; None where it says none, or two.

    >>> scale("(In millions, except number of shares, which are reflected in thousands)"), scale("($000s)"), scale("(in thousands of pounds)")
    (1000000.0, 1000.0, None)
    """
    units = set()
    for found in _UNIT.finditer(_OF_SHARES.sub(" ", text)):
        word = next(one for one in found.groups() if one).lower()
        units.add(SCALES.get(word) or _SHORT[word])
    return units.pop() if len(units) == 1 else None
