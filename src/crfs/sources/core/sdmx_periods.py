"""Periods as SDMX writes them: where one begins, and whether it is as long as the frequency of its series says.

A series that is called daily and has a value for ``2024`` has the value of a year. Dated by the daily series' rule it would be known on the
first of January, before the year has happened: so the length is read with the beginning, and never dropped.
"""

from __future__ import annotations

import re
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

FREQUENCIES = ("FREQ", "FREQUENCY")
"""Names of the dimension that says how often a series has a value."""

LENGTHS = MappingProxyType(
    {"A": "year", "S": "half-year", "H": "half-year", "Q": "quarter", "M": "month", "W": "week", "D": "day", "B": "day"}
)
"""The length of the periods of a series by the code of its frequency. Any other code (``A3``, ``I``, ``N``, ``_Z``) says none."""


class Period(NamedTuple):
    """A period: its first day and its length, one of those in :data:`LENGTHS`."""

    start: date
    length: str


_PERIOD = re.compile(
    r"(?P<year>\d{4})(?:-?A1)?|"
    r"(?P<month_year>\d{4})-M?(?P<month>\d{1,2})|"
    r"(?P<quarter_year>\d{4})-?Q(?P<quarter>[1-4])|Q(?P<quarter2>[1-4])-(?P<quarter_year2>\d{4})|"
    r"(?P<half_year>\d{4})-?[SHB](?P<half>[12])|"
    r"(?P<week_year>\d{4})-?W(?P<week>\d{1,2})|"
    r"(?P<day>\d{4}-\d{2}-\d{2})(?:T00:00:00(?:\.0{1,9})?Z?)?",
    re.ASCII,
)


def period_of(text: str) -> Period | None:
    """The period that a text names; None for any other text.

    >>> [str(period_of(text).start) for text in ("2009", "2009-11", "2009-Q2", "Q2-2009", "2009-S2", "2009-W53", "2009-02-28")]
    ['2009-01-01', '2009-11-01', '2009-04-01', '2009-04-01', '2009-07-01', '2009-12-28', '2009-02-28']
    >>> period_of("2009-Q1").length, period_of("2009").length, period_of("spring")
    ('quarter', 'year', None)
    """
    found = _PERIOD.fullmatch(text.strip())
    if found is None:
        return None
    part = found.groupdict()
    try:
        if part["day"]:
            return Period(date.fromisoformat(part["day"]), "day")
        if part["week"]:
            return Period(date.fromisocalendar(int(part["week_year"]), int(part["week"]), 1), "week")
        if part["half"]:
            return Period(date(int(part["half_year"]), 6 * int(part["half"]) - 5, 1), "half-year")
        if quarter := part["quarter"] or part["quarter2"]:
            return Period(date(int(part["quarter_year"] or part["quarter_year2"]), 3 * int(quarter) - 2, 1), "quarter")
        if part["month"]:
            return Period(date(int(part["month_year"]), int(part["month"]), 1), "month")
        return Period(date(int(part["year"]), 1, 1), "year")
    except ValueError:
        return None
