"""Release rules: from a period (or a vintage's date) to the instant from which its value was known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.rows import INSTANT, KnowledgeBasis
from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput

Anchor = Literal["period_start", "period_end"]
Holidays = Literal["none", "us_federal", "target"]
_FIRST_YEAR, _LAST_YEAR = 1870, 2200


def check_zone(name: str) -> str:
    """The zone's name, if the time zone database has it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidInput(f"no time zone is called {name!r}; write one like America/New_York") from None
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseCalendar:
    """A declared calendar of publication, as a rule on business days (basis ``calendar``).

    From the ``anchor`` (the day on which the period starts, or the first day after it) go ``months`` months on; there take the
    ``business_day``-th business day of the month, or the ``day``-th day (rolled to the next business day), or the anchor's own day
    where neither is given; then ``business_days`` business days more. Published at the local ``at`` in ``zone``.

    Holidays are those of the United States federal government where ``holidays`` is ``us_federal``, those of the euro's settlement
    system where it is ``target``.
    """

    name: str
    anchor: Anchor = "period_end"
    months: int = 0
    business_day: int | None = None
    day: int | None = None
    business_days: int = 0
    at: time
    zone: str
    holidays: Holidays = "us_federal"

    def __post_init__(self) -> None:
        check_zone(self.zone)
        if self.business_day is not None and self.day is not None:
            raise InvalidInput(f"release calendar {self.name}: give business_day or day, not both")
        if self.holidays not in get_args(Holidays):
            raise InvalidInput(f"release calendar {self.name}: holidays is one of {', '.join(get_args(Holidays))}, not {self.holidays!r}")
        if self.months < 0 or self.business_days < 0 or (self.business_day or 1) < 1 or not 1 <= (self.day or 1) <= 31:
            raise InvalidInput(f"release calendar {self.name}: months, business_days, business_day and day count forward from the anchor")

    @property
    def basis(self) -> KnowledgeBasis:
        """What a row's knowledge time rests on."""
        return KnowledgeBasis.CALENDAR

    def knowledge_times(self, valid_times: pl.Series, period: Tenor) -> pl.Series:
        """The instants at which the values of the periods that start at ``valid_times`` were published."""
        anchor = valid_times if self.anchor == "period_start" else valid_times.dt.offset_by(period.polars_offset())
        days = anchor.dt.date().to_numpy().astype("datetime64[D]")
        holidays = holidays_of(self.holidays)
        if self.business_day is not None or self.day is not None:
            month = days.astype("datetime64[M]") + np.timedelta64(self.months, "M")
            first = month.astype("datetime64[D]")
            if self.business_day is not None:
                days = np.busday_offset(first, self.business_day - 1, roll="forward", holidays=holidays)
            else:
                last = (month + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
                wanted = np.minimum(first + np.timedelta64((self.day or 1) - 1, "D"), last)
                days = np.busday_offset(wanted, 0, roll="forward", holidays=holidays)
        elif self.months:
            raise InvalidInput(f"release calendar {self.name}: months needs business_day or day")
        days = np.busday_offset(days, self.business_days, roll="forward", holidays=holidays)
        return local_instants(pl.Series(days).cast(pl.Date), self.at, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLag:
    """A declared lag from the period's end, at a local time (basis ``assumed``: a strict read refuses it)."""

    lag: Tenor
    at: time
    zone: str

    def __post_init__(self) -> None:
        check_zone(self.zone)

    @property
    def basis(self) -> KnowledgeBasis:
        """What a row's knowledge time rests on."""
        return KnowledgeBasis.ASSUMED

    def knowledge_times(self, valid_times: pl.Series, period: Tenor) -> pl.Series:
        """The instants at which the values of the periods that start at ``valid_times`` are taken to be published."""
        end = valid_times.dt.offset_by(period.polars_offset()).dt.offset_by(self.lag.polars_offset())
        return local_instants(end.dt.date(), self.at, self.zone)


ReleaseRule = ReleaseCalendar | ReleaseLag


def local_instants(days: pl.Series, at: time, zone: str) -> pl.Series:
    """UTC instants of a local time on each day; an hour that the clock skips counts as the hour after it, a doubled one as the later."""
    frame = pl.DataFrame({"day": days})
    wall = pl.col("day").dt.combine(at, time_unit="us")
    exact = wall.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    skipped = wall.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    return frame.select(pl.coalesce(exact, skipped).dt.convert_time_zone("UTC").cast(INSTANT))["day"].alias("knowledge_time")


def end_of_day(days: pl.Series, zone: str) -> pl.Series:
    """The end of each day in ``zone``: from then a vintage that is only a date is known, and a question that is only a date means it."""
    return local_instants(days.dt.offset_by("1d"), time(0), zone)


def vintage_instants(vintage_dates: pl.Series, zone: str, release_time: time | None = None, release_zone: str | None = None) -> pl.Series:
    """From when vintages that are only dates were known: at the release time where it is known, else at the end of the day."""
    if release_time is None:
        return end_of_day(vintage_dates, zone)
    return local_instants(vintage_dates, release_time, release_zone or zone)


def holidays_of(name: Holidays) -> npt.NDArray[np.datetime64]:
    """The days that are no business days, beside Saturdays and Sundays, where ``name`` closes."""
    match name:
        case "us_federal":
            return us_federal_holidays()
        case "target":
            return target_holidays()
        case "none":
            return np.array([], dtype="datetime64[D]")


@cache
def us_federal_holidays() -> npt.NDArray[np.datetime64]:
    """Days on which United States federal offices were closed by today's rules (a superset of the past's, as is safe for a release).

    New Year, Martin Luther King (from 1986), Washington, Memorial, Juneteenth (from 2021), Independence, Labor, Columbus, Veterans,
    Thanksgiving, Christmas; a Saturday's holiday is kept on Friday, a Sunday's on Monday.
    """
    days: list[date] = []
    for year in range(_FIRST_YEAR, _LAST_YEAR + 1):
        fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
        if year >= 2021:
            fixed.append(date(year, 6, 19))
        days += [day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0)) for day in fixed]
        days += [_nth_monday(year, 2, 3), _nth_monday(year, 9, 1), _nth_monday(year, 10, 2)]
        days += [_nth_monday(year, 6, 1) - timedelta(days=7), _nth_monday(year, 11, 1) + timedelta(days=24)]
        if _nth_monday(year, 11, 1).day > 4:  # the fourth Thursday lies in the week before
            days[-1] -= timedelta(days=7)
        if year >= 1986:
            days.append(_nth_monday(year, 1, 3))
    return np.array(sorted(set(days)), dtype="datetime64[D]")


def _nth_monday(year: int, month: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(-first.weekday()) % 7 + 7 * (n - 1))


@cache
def target_holidays() -> npt.NDArray[np.datetime64]:
    """Weekdays on which TARGET, the euro's settlement system, is closed: the ECB publishes no reference rates on them.

    New Year, Good Friday, Easter Monday, 1 May, 25 and 26 December (by the long-term calendar of 2000, taken for every year, as is safe
    for a release), and 31 December in 1999 and 2001. A holiday on a Saturday or Sunday moves no other day.
    """
    days = [date(1999, 12, 31), date(2001, 12, 31)]
    for year in range(_FIRST_YEAR, _LAST_YEAR + 1):
        easter = easter_sunday(year)
        days += [date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)]
        days += [easter - timedelta(days=2), easter + timedelta(days=1)]
    return np.array(sorted(day for day in days if day.weekday() < 5), dtype="datetime64[D]")


def easter_sunday(year: int) -> date:
    """Easter in the Gregorian calendar, by the anonymous rule of 1876 (Meeus, Astronomical Algorithms, chapter 8).

    >>> str(easter_sunday(2024)), str(easter_sunday(2038))
    ('2024-03-31', '2038-04-25')
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (a + 11 * h) // 319
    r = (2 * e + 2 * i - k - h + m + 32) % 7
    month = (h - m + r + 90) // 25
    return date(year, month, (h - m + r + month + 19) % 32)
