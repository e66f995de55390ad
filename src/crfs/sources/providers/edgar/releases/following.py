"""Whether guidance is for the period that follows a release's: the next quarter, or the year at hand or the next.

A range for the quarter after next or for 2030 is no forecast of what comes next, and a column that does not say of which period its numbers are
can't keep it.
"""

from __future__ import annotations

import re
from datetime import timedelta

from crfs.sources.providers.edgar.releases.fiscal import ends_a_year, fiscal_years, quarter_of
from crfs.sources.providers.edgar.releases.headings import is_of_what_is_expected
from crfs.sources.providers.edgar.releases.periods import DATED, DAY, Period, quarters, read_day, years

_ENDING = re.compile(rf"\b(?:ending|ended|ends)\s+(?:on\s+)?(?P<day>{DAY.pattern})", re.IGNORECASE)
_NEXT_QUARTER = re.compile(
    r"\b(?:next|current|coming|upcoming|following)[\s-]+(?:fiscal[\s-]+)?quarter|\b(?:for|in|during)\s+the\s+quarter\b", re.IGNORECASE
)
_COMPARED = re.compile(r"\b(?:compar\w+|versus|vs)\b", re.IGNORECASE)
_LONGEST_QUARTER, _LONGEST_YEAR = timedelta(days=100), timedelta(days=375)


def is_following(text: str, heading: str, months: int, period: Period) -> bool:
    """Whether the quarter or the year that a sentence names, or else its heading, is the one that follows the release's.

    >>> from datetime import date
    >>> period = Period(end=date(2024, 12, 31), months=3, quarters=frozenset({4}))
    >>> [is_following(f"In {year}, we expect", "", 12, period) for year in (2024, 2025, 2026, 2030)]
    [False, True, False, False]
    """
    if period.end is None:
        return True
    # A heading of results names the release's own period.
    heading = heading if is_of_what_is_expected(heading) else ""
    said = _COMPARED.split(text)[0]
    named = years(DATED.sub(" ", said)) or years(DATED.sub(" ", heading))
    ahead = _years_ahead(period, months)
    if (named and max(named) not in ahead) or any(year > max(ahead) for year in years(DATED.sub(" ", text))):
        return False
    longest = _LONGEST_QUARTER if months == 3 else _LONGEST_YEAR * (1 if ends_a_year(period) else 2)
    ends = [day for found in _ENDING.finditer(said) if (day := read_day(found["day"])) is not None]
    if any(not period.end < day <= period.end + longest for day in ends):
        return False
    return months != 3 or _is_next_quarter(said, heading, period)


def _years_ahead(period: Period, months: int) -> set[int]:
    """The numbers of the years that may follow: of the next quarter, or of the year at hand and the next one."""
    own = fiscal_years(period)
    after = {year + 1 for year in own}
    if ends_a_year(period):
        return after
    return set(own) if months == 3 else set(own) | after


def _is_next_quarter(text: str, heading: str, period: Period) -> bool:
    """Whether the quarter that a text names, or else its heading, is the next one."""
    named, own = quarters(text), quarter_of(period)
    if not named and _NEXT_QUARTER.search(text):
        return True
    named = named or quarters(heading)
    return own is not None and named == {own % 4 + 1}
