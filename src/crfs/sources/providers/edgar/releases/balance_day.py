"""Whether a sentence about a balance is about the day of the release's balance sheet: "at year-end", "at the end of the third quarter", "at closing".

A day, a quarter's or a year's end that is named has to be that one. What is said of an event ("before the offering", "at its peak") is of another day.
"""

from __future__ import annotations

import re

from crfs.sources.providers.edgar.releases.fiscal import ends_a_year, fiscal_years, quarter_of
from crfs.sources.providers.edgar.releases.periods import DAY, MONTH_DAY, MONTHS, Period, quarters, read_day, years

_YEARS = r"(?:,?\s+(?:of\s+)?(?:fiscal\s+)?(?:year\s+)?20\d\d)?"
_END = (
    rf"(?:fiscal\s+)?(?:year|quarter|period|month)[\s-]?end{_YEARS}"
    rf"|(?:end|close)\s+of\s+(?:the\s+|our\s+|its\s+)?(?:(?:fiscal|current|reporting|first|second|third|fourth|full)[\s-]+){{0,3}}"
    rf"(?:quarter|year|period|(?:{MONTHS})|20\d\d){_YEARS}"
)
AT_DAY = re.compile(
    rf",?\s*\b(?:as of|as at|at|on)\s+(?:the\s+)?(?:{DAY.pattern}|{MONTH_DAY.pattern}|{_END}|that\s+(?:date|day)\b),?", re.IGNORECASE
)
_YEAR_END = re.compile(
    r"\b(?:fiscal\s+)?year[\s-]?end\b|\b(?:end|close)\s+of\s+(?:the\s+|our\s+|its\s+)?(?:(?:fiscal|full)\s+)?(?:year\b|20\d\d\b)",
    re.IGNORECASE,
)
_MONTH_END = re.compile(rf"\b(?:end|close)\s+of\s+(?P<month>{MONTHS})\b", re.IGNORECASE)
_OTHER_TIME = re.compile(
    r"\b(?:before|after|following|prior to|peak|high|low|highest|lowest|closing|upon|until|when|since|subsequent\w*|immediately|average|averaged"
    r"|maximum|minimum|giving effect|inception|at issuance|then|now|as of today|to date|offering|anniversary)\b",
    re.IGNORECASE,
)
_EVENT = re.compile(
    r"\b(?:subsequent\w*|clos(?:ed|ing)|offering|acquisition|merger|transactions?|refinanc\w+|pro[\s-]?forma)\b", re.IGNORECASE
)


def is_of_the_day(text: str, period: Period) -> bool:
    """Whether a text names no day but the period's last one, in whatever way, and no event.

    >>> from datetime import date
    >>> period = Period(end=date(2024, 12, 31), quarters=frozenset({4}))
    >>> is_of_the_day("at year-end 2024", period), is_of_the_day("at year-end 2023", period), is_of_the_day("at closing", period)
    (True, False, False)
    """
    end = period.end
    if end is None:
        return not _OTHER_TIME.search(text)
    undated = DAY.sub(" ", text)
    return (
        not _OTHER_TIME.search(text)
        and all(read_day(day) == end for day in DAY.findall(text))
        and all(read_day(f"{day} {end.year}") == end for day in MONTH_DAY.findall(undated))
        and all(read_day(f"{month['month']} 1 {end.year}") == end.replace(day=1) for month in _MONTH_END.finditer(undated))
        and years(undated) <= fiscal_years(period) | {end.year}
        and quarters(undated) <= {quarter_of(period)}
        and (ends_a_year(period) or not _YEAR_END.search(undated))
    )


def tells_of_an_event(text: str) -> bool:
    """Whether a heading, or the sentences before one that names no day, are about something that changes balances on a day of its own."""
    return _EVENT.search(text) is not None
