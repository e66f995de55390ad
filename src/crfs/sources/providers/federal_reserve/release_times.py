"""When the Federal Open Market Committee's texts were out, where they do not say it: times of day in New York, and documented exceptions.

Statements: 14:15 from 1995 to January 2013 (12:30 on days with a press conference in 2011 and 2012, for which 14:15 is late but safe),
14:00 from March 2013. Those outside the schedule had times of their own: the ones that are sure stand below, the others are known from
the end of their day, and so are those of 1994, before there was a fixed time.

Minutes: three weeks after the meeting's last day at 14:00, since the meeting of December 2004; before that soon after the next meeting,
which the text does not name, so ten weeks is assumed. A transcript of a press conference is known from the end of the day of the conference,
which was broadcast.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from crfs.bitemporal.release import end_of_day, local_instants, us_federal_holidays

ZONE = "America/New_York"
_AT_TWO_SINCE, _FIXED_SINCE = date(2013, 3, 1), date(1995, 1, 1)
_FAST_MINUTES_SINCE = date(2004, 12, 14)

UNSCHEDULED: dict[date, time | None] = {
    date(1998, 10, 15): None,
    date(2001, 1, 3): None,
    date(2001, 4, 18): None,
    date(2001, 9, 17): None,
    date(2007, 8, 10): None,
    date(2007, 8, 17): None,
    date(2008, 1, 22): time(8, 20),
    date(2008, 3, 11): time(8, 30),
    date(2008, 10, 8): time(7, 0),
    date(2010, 5, 9): None,
    date(2019, 10, 11): time(11, 0),
    date(2020, 3, 3): time(10, 0),
    date(2020, 3, 15): time(17, 0),
    date(2020, 3, 23): time(8, 0),
    date(2020, 3, 31): None,
}
"""Statements outside the schedule, with the time in New York; None: the end of the day."""

LATE_MINUTES: dict[date, date] = {date(2012, 12, 12): date(2013, 1, 3)}
"""Minutes that came later than three weeks after their meeting."""


def statement_time(day: date) -> datetime:
    """When a statement of ``day`` that does not say its hour was out."""
    if day in UNSCHEDULED or day < _FIXED_SINCE:
        return at(day, UNSCHEDULED.get(day))
    return at(day, time(14, 0) if day >= _AT_TWO_SINCE else time(14, 15))


def minutes_time(meeting: date) -> tuple[datetime, str]:
    """When the minutes of the meeting that ended on ``meeting`` were out, and what that rests on (a basis)."""
    if meeting < _FAST_MINUTES_SINCE:
        return at(meeting + timedelta(days=70), None), "assumed"
    day = LATE_MINUTES.get(meeting, meeting + timedelta(days=21))
    rolled = np.busday_offset(np.datetime64(day), 0, roll="forward", holidays=us_federal_holidays()).astype(object)
    return at(rolled, time(14, 0)), "calendar"


def at(day: date, hour: time | None) -> datetime:
    """The instant of a local hour in New York; the end of the day where there is none."""
    days = pl.Series([day], dtype=pl.Date())
    instant: datetime = (end_of_day(days, ZONE) if hour is None else local_instants(days, hour, ZONE))[0]
    return instant.astimezone(UTC)
