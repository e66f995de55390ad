"""Earnings that are not what the accounting rules make of all of the company's operations, by the names that companies give them.

One list for the rows, columns and titles of statements, for sentences and for guidance: "cash EPS" is no earnings per share anywhere.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NAMES = (
    r"adjusted", r"adjusting", r"adj\.?", r"non[\s-]?gaap", r"pro[\s-]?forma", r"core", r"normali[sz]ed", r"underlying", r"economic", r"on-?going",
    r"operating (?:earnings|eps|income per|net income|loss per)", r"cash (?:earnings|eps|net income|basis)", r"distributable", r"comparable",
    r"headline", r"recurring (?:earnings|eps|net income)", r"run[\s-]rate", r"annuali[sz]ed", r"as if", r"same[\s-]store",
    r"organic(?:ally)?", r"constant[\s-]currency", r"managed(?:[\s-]basis)?", r"(?:fully )?tax(?:able)?[\s-]equivalent", r"a?ffo",
    r"funds from operations", r"ebitda\w*", r"tangible", r"ex[\s-](?:items?|notables?|special)", r"special items?", r"notable items?",
    r"before (?:special|certain|non|unusual|one|amorti[sz]ation|items|restructuring|the restatement)",
)  # fmt: skip
# Words that take something out of a number, whatever its name.
_WITHOUT = (
    r"\b(?:on (?:that|this|the same) basis|excluding|excludes?|excluded|exclusive of|(?:does|do|did) not include|not including|absent|aside from"
    r"|apart from|ignoring)\b"
)
OTHER_MEASURE = re.compile(rf"\b(?:{'|'.join(_NAMES)})(?!\w)|{_WITHOUT}", re.IGNORECASE)


@lru_cache(maxsize=8192)
def says_other_measure(text: str) -> bool:
    """Whether a line says one; kept for lines of which each of many tables around them asks.

    >>> says_other_measure("Cash EPS"), says_other_measure("Net income per share")
    (True, False)
    """
    return OTHER_MEASURE.search(text) is not None
