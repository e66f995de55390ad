"""Which quarter of which fiscal year a release is about, as far as it says so: the next one, and the next year, are told by it.

A fiscal year bears the number of the year in which it ends, or, where it ends in the first half of one, sometimes that of the year before.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from crfs.sources.providers.edgar.releases.periods import Period

_NEAR = 8
"""Days by which the quarters of weeks end beside those of months."""


@lru_cache(maxsize=64)
def quarter_of(period: Period) -> int | None:
    """The fiscal quarter (1 to 4) that ends on the period's last day; None where it is not told.

    >>> quarter_of(Period(end=date(2024, 12, 31), months=3)), quarter_of(Period(end=date(2024, 12, 31), quarters=frozenset({1})))
    (4, 1)
    """
    calendar = _calendar_quarter(period.end)
    if len(period.quarters) == 1:
        return next(iter(period.quarters))
    if period.months == 12 and not period.quarters:
        return 4
    return calendar if not period.quarters or calendar in period.quarters else None


def ends_a_year(period: Period) -> bool:
    """Whether the period's last day is its fiscal year's."""
    return quarter_of(period) == 4


@lru_cache(maxsize=64)
def fiscal_years(period: Period) -> frozenset[int]:
    """The numbers that the fiscal year of the period's end may have: one where the release names it, else by when that year ends.

    >>> sorted(fiscal_years(Period(end=date(2023, 1, 28), quarters=frozenset({4}), year=2023)))
    [2022, 2023]
    """
    if period.end is None:
        return frozenset()
    if period.is_year_named and period.year is not None:
        return frozenset({period.year})
    quarter = quarter_of(period)
    if quarter is None:
        return frozenset({period.end.year, period.end.year + 1})
    month = period.end.month + 3 * (4 - quarter) - (1 if period.end.day <= _NEAR else 0)
    year = period.end.year + (month - 1) // 12
    return frozenset({year} if (month - 1) % 12 >= 6 else {year, year - 1})


def _calendar_quarter(end: date | None) -> int | None:
    """The quarter of the calendar that ends within days of ``end``."""
    if end is None:
        return None
    quarter_end = [(3, 31), (6, 30), (9, 30), (12, 31)]
    near = [number for number, (month, day) in enumerate(quarter_end, 1) if abs((end - date(end.year, month, day)).days) <= _NEAR]
    return near[0] if near else (4 if (end.month, end.day) < (1, _NEAR) else None)
