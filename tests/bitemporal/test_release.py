"""Release rules against published dates, and local times on the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl
import pytest

from crfs.bitemporal import KnowledgeBasis, ReleaseCalendar, ReleaseLag, Tenor
from crfs.bitemporal.release import easter_sunday, end_of_day, local_instants, target_holidays, us_federal_holidays, vintage_instants
from crfs.errors import InvalidInput

NEW_YORK = "America/New_York"


def starts(*days: date) -> pl.Series:
    return pl.Series([datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days], dtype=pl.Datetime("us", "UTC"))


def test_business_days_of_a_month_are_counted_without_weekends_and_holidays() -> None:
    rule = ReleaseCalendar(name="g17", months=0, business_day=12, at=time(9, 15), zone=NEW_YORK)
    got = rule.knowledge_times(starts(date(2024, 1, 1), date(2024, 6, 1)), Tenor.parse("P1M"))
    # February 2024: 1 is a Thursday, so the 12th business day is Friday the 16th. July 2024: the 4th is a holiday, so it is Wednesday the 17th.
    assert got.to_list() == [datetime(2024, 2, 16, 14, 15, tzinfo=UTC), datetime(2024, 7, 17, 13, 15, tzinfo=UTC)]
    assert rule.basis is KnowledgeBasis.CALENDAR


def test_a_day_of_the_month_rolls_to_the_next_business_day_and_is_clipped_to_the_months_end() -> None:
    rule = ReleaseCalendar(name="monthly", months=1, day=31, at=time(8, 30), zone="UTC", holidays="none")
    got = rule.knowledge_times(starts(date(2023, 12, 1), date(2024, 3, 1)), Tenor.parse("P1M"))
    # From the period's end a month on: 29 February 2024 (a Thursday); 31 May 2024 (a Friday).
    assert [stamp.date() for stamp in got] == [date(2024, 2, 29), date(2024, 5, 31)]
    weekend = rule.knowledge_times(starts(date(2024, 6, 1)), Tenor.parse("P1M"))
    assert weekend.item() == datetime(2024, 9, 2, 8, 30, tzinfo=UTC), "31 August 2024 is a Saturday"


def test_daily_quotes_are_known_on_their_own_day_or_business_days_later() -> None:
    same = ReleaseCalendar(name="close", anchor="period_start", at=time(16), zone=NEW_YORK)
    later = ReleaseCalendar(name="h15", anchor="period_start", business_days=1, at=time(16, 15), zone=NEW_YORK)
    friday = starts(date(2024, 7, 3), date(2024, 7, 5))
    assert [stamp.date() for stamp in same.knowledge_times(friday, Tenor.parse("P1D"))] == [date(2024, 7, 3), date(2024, 7, 5)]
    assert [stamp.date() for stamp in later.knowledge_times(friday, Tenor.parse("P1D"))] == [date(2024, 7, 5), date(2024, 7, 8)]


def test_an_assumed_lag_counts_from_the_periods_end_in_local_time() -> None:
    rule = ReleaseLag(lag=Tenor.parse("P1M"), at=time(0), zone="Europe/Berlin")
    got = rule.knowledge_times(starts(date(2024, 1, 1)), Tenor.parse("P3M"))
    assert got.item() == datetime(2024, 4, 30, 22, tzinfo=UTC)
    assert rule.basis is KnowledgeBasis.ASSUMED


def test_hours_that_the_clock_skips_or_repeats_are_never_early() -> None:
    spring, autumn = pl.Series([date(2024, 3, 10)]), pl.Series([date(2024, 11, 3)])
    assert local_instants(spring, time(2, 30), NEW_YORK).item() == datetime(2024, 3, 10, 7, 30, tzinfo=UTC)
    assert local_instants(autumn, time(1, 30), NEW_YORK).item() == datetime(2024, 11, 3, 6, 30, tzinfo=UTC)


def test_a_vintage_that_is_a_date_is_known_from_its_release_or_else_from_the_end_of_its_day() -> None:
    days = pl.Series([date(2024, 1, 5), date(2024, 3, 9)])
    assert end_of_day(days, "America/Chicago").to_list() == [datetime(2024, 1, 6, 6, tzinfo=UTC), datetime(2024, 3, 10, 6, tzinfo=UTC)]
    assert vintage_instants(days, "America/Chicago").equals(end_of_day(days, "America/Chicago"))
    at_release = vintage_instants(days, "America/Chicago", time(8, 30), NEW_YORK)
    assert at_release.to_list() == [datetime(2024, 1, 5, 13, 30, tzinfo=UTC), datetime(2024, 3, 9, 13, 30, tzinfo=UTC)]


def test_federal_holidays_of_2021_and_2022() -> None:
    """As the Office of Personnel Management published them, inauguration day (Washington only) aside."""
    expected = {
        "2021-01-01", "2021-01-18", "2021-02-15", "2021-05-31", "2021-06-18", "2021-07-05", "2021-09-06", "2021-10-11", "2021-11-11",
        "2021-11-25", "2021-12-24", "2021-12-31", "2022-01-17", "2022-02-21", "2022-05-30", "2022-06-20", "2022-07-04", "2022-09-05",
        "2022-10-10", "2022-11-11", "2022-11-24", "2022-12-26",
    }  # fmt: skip
    assert {str(day) for day in us_federal_holidays() if str(day)[:4] in {"2021", "2022"}} == expected


def test_easter_of_the_years_that_are_hard_and_of_those_around_now() -> None:
    """The earliest and latest days there are, and a run of years, as the almanacs have them."""
    published = [
        "1818-03-22",
        "1943-04-25",
        "1954-04-18",
        "1999-04-04",
        "2000-04-23",
        "2008-03-23",
        "2011-04-24",
        "2019-04-21",
        "2021-04-04",
    ]
    published += ["2022-04-17", "2023-04-09", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25"]
    assert [str(easter_sunday(int(day[:4]))) for day in published] == published


def test_target_is_closed_on_the_days_that_the_ecb_published() -> None:
    """1999 and 2001 with their 31 December; holidays at a weekend move no other day."""
    closed = {year: [str(day)[5:] for day in target_holidays() if str(day)[:4] == str(year)] for year in (2001, 2021, 2022, 2024)}
    assert closed == {
        2001: ["01-01", "04-13", "04-16", "05-01", "12-25", "12-26", "12-31"],
        2021: ["01-01", "04-02", "04-05"],
        2022: ["04-15", "04-18", "12-26"],
        2024: ["01-01", "03-29", "04-01", "05-01", "12-25", "12-26"],
    }
    assert "1999-12-31" in {str(day) for day in target_holidays()}


def test_a_release_on_target_days_skips_its_holidays_in_local_time() -> None:
    rule = ReleaseCalendar(name="reference", anchor="period_start", at=time(16), zone="Europe/Berlin", holidays="target")
    got = rule.knowledge_times(starts(date(2024, 3, 28), date(2024, 3, 29), date(2024, 5, 1)), Tenor.parse("P1D"))
    assert got.to_list() == [
        datetime(2024, 3, 28, 15, tzinfo=UTC), datetime(2024, 4, 2, 14, tzinfo=UTC), datetime(2024, 5, 2, 14, tzinfo=UTC),
    ]  # fmt: skip


def test_rules_that_make_no_sense_are_refused() -> None:
    faults: list[tuple[dict[str, Any], str]] = [
        ({"zone": "Mars/Olympus"}, "no time zone is called"),
        ({"business_day": 1, "day": 1}, "not both"),
        ({"months": -1}, "count forward"),
        ({"day": 32}, "count forward"),
        ({"holidays": "mars"}, "holidays is one of none, us_federal, target"),
    ]
    for fault, message in faults:
        with pytest.raises(InvalidInput, match=message):
            ReleaseCalendar(**{"name": "x", "at": time(8), "zone": "UTC", **fault})
    with pytest.raises(InvalidInput, match="months needs business_day or day"):
        ReleaseCalendar(name="x", months=1, at=time(8), zone="UTC").knowledge_times(starts(date(2024, 1, 1)), Tenor())
