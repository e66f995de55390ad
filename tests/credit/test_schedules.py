"""When streams are due: at the declared local time, on the declared days, later than asked and never far off."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal.release import ReleaseCalendar
from crfs.bitemporal.tenor import Tenor
from crfs.credit.catalogue import packaged_catalogue
from crfs.credit.schedules import next_due
from crfs.credit.streams import StreamDefinition, stream_from_dict
from crfs.errors import InvalidInput

NEW_YORK = ZoneInfo("America/New_York")
CPI = ReleaseCalendar(name="cpi", day=10, months=0, business_days=0, at=time(8, 30), zone="America/New_York")
_INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 (zone after)


def daily(**more: object) -> StreamDefinition:
    return StreamDefinition(**{"source": "fred", "name": "rates", "at": time(8, 30), "zone": "America/New_York", **more})  # type: ignore[arg-type]


@given(after=_INSTANTS, jitter=st.floats(0, 600), salt=st.text(max_size=5))
def test_a_daily_stream_is_due_after_its_local_time_on_a_business_day(after: datetime, jitter: float, salt: str) -> None:
    due = next_due(daily(jitter_seconds=jitter), after, salt=salt)
    assert due > after
    local = due.astimezone(NEW_YORK)
    assert local.weekday() < 5
    late = (local.replace(tzinfo=None) - datetime.combine(local.date(), time(8, 30))).total_seconds()
    assert 0 <= late <= jitter
    assert due - after < timedelta(days=6)


@given(after=_INSTANTS)
def test_asked_again_at_once_it_is_the_same_and_asked_then_it_is_the_next(after: datetime) -> None:
    stream = daily()
    due = next_due(stream, after)
    assert next_due(stream, after) == due
    assert next_due(stream, due - timedelta(microseconds=1)) == due
    assert next_due(stream, due) > due


def test_half_past_eight_is_half_past_eight_in_summer_and_in_winter() -> None:
    dues = [next_due(daily(jitter_seconds=0), datetime(2024, month, 5, tzinfo=UTC)) for month in (2, 6)]
    assert [due.hour for due in dues] == [13, 12]


def test_installations_do_not_ask_in_the_same_second() -> None:
    after = datetime(2024, 5, 6, tzinfo=UTC)
    dues = {next_due(daily(jitter_seconds=300), after, salt=str(number)) for number in range(200)}
    assert len(dues) == 200
    assert max(dues) - min(dues) > timedelta(seconds=250)


def test_with_a_calendar_the_stream_is_due_when_the_next_period_is_published() -> None:
    stream = daily(calendar=CPI, period=Tenor.parse("P1M"), jitter_seconds=0)
    # March has come; April's value is published on the 10th of May at 08:30 in New York.
    due = next_due(stream, datetime(2024, 5, 8, tzinfo=UTC), watermark=date(2024, 3, 1))
    assert due == datetime(2024, 5, 10, 12, 30, tzinfo=UTC)


def test_it_is_due_once_a_week_until_then_since_revisions_come_when_they_come() -> None:
    stream, due = daily(calendar=CPI, period=Tenor.parse("P1M"), jitter_seconds=0), datetime(2024, 4, 10, 12, 30, tzinfo=UTC)
    days = []
    while due < datetime(2024, 5, 10, 12, tzinfo=UTC):
        due = next_due(stream, due, watermark=date(2024, 3, 1))
        days.append(f"{due:%m-%d}")
    assert days == ["04-17", "04-24", "05-01", "05-08", "05-10"]


@pytest.mark.parametrize(
    ("key", "told_on", "day", "following"),
    [
        # The second estimate of GDP, with profits, comes in November; productivity a week after the employment cost index; …
        ("fred/national_accounts", datetime(2026, 10, 29, 13, tzinfo=UTC), date(2026, 7, 1), date(2026, 10, 30)),
        ("fred/labour_costs", datetime(2026, 10, 30, 16, tzinfo=UTC), date(2026, 7, 1), date(2026, 11, 2)),
        ("fred/housing", datetime(2026, 11, 18, 16, tzinfo=UTC), date(2026, 10, 1), date(2026, 11, 19)),
        ("fred/retail_and_orders", datetime(2026, 11, 17, 16, tzinfo=UTC), date(2026, 10, 1), date(2026, 11, 18)),
        ("fred/conditions_month", datetime(2026, 11, 2, 23, tzinfo=UTC), date(2026, 10, 1), date(2026, 11, 3)),
    ],
)
def test_streams_of_several_releases_a_period_are_asked_on_every_business_day(
    key: str, told_on: datetime, day: date, following: date
) -> None:
    assert next_due(packaged_catalogue().streams[key], told_on, watermark=day).date() == following


def test_what_has_not_come_on_its_day_is_asked_on_every_business_day_after() -> None:
    stream = daily(calendar=CPI, period=Tenor.parse("P1M"), jitter_seconds=0)
    due = next_due(stream, datetime(2024, 5, 10, 13, tzinfo=UTC), watermark=date(2024, 3, 1))
    assert due == datetime(2024, 5, 13, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "eve", "following"),
    [
        ("ecb/reference_rates", date(2026, 11, 25), date(2026, 11, 26)),  # Thanksgiving
        ("ecb/reference_rates", date(2026, 4, 2), date(2026, 4, 7)),  # Easter
        ("oecd/unemployment", date(2026, 11, 25), date(2026, 11, 26)),
        ("fred/rates", date(2026, 11, 25), date(2026, 11, 27)),
        ("fred/rates", date(2026, 4, 2), date(2026, 4, 3)),
    ],
)
def test_business_days_are_those_of_the_publisher(key: str, eve: date, following: date) -> None:
    after = datetime.combine(eve, time(23), tzinfo=UTC)
    assert next_due(packaged_catalogue().streams[key], after).date() == following


def test_a_polled_stream_is_due_so_many_minutes_later() -> None:
    after = datetime(2024, 5, 6, tzinfo=UTC)
    stream = StreamDefinition(source="rss", name="feeds", every_minutes=15, jitter_seconds=30)
    assert timedelta(minutes=15) <= next_due(stream, after) - after < timedelta(minutes=15, seconds=30)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "either at"),
        ({"at": "08:30", "every_minutes": 5}, "either at"),
        ({"every_minutes": 0}, "at least 1"),
        ({"at": "08:30", "slice": "P1Y"}, "backfill_since"),
        ({"at": "08:30", "zone": "Mars"}, "time zone"),
        ({"at": "08:30", "colour": "red"}, "unknown key"),
        ({"at": "08:30", "holidays": "lunar"}, "none or us_federal or target"),
        ({"at": "08:30", "slice_by": "series", "backfill_since": date(2000, 1, 1)}, "slices by series need"),
        ({"at": "08:30", "calendar": {"name": "x", "at": "08:30", "zone": "UTC"}}, "needs at and period"),
    ],
)
def test_a_stream_that_does_not_fit_is_refused_by_name(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        stream_from_dict({"source": "fred", "name": "rates", **wrong})
    assert "rates" in str(caught.value) or "zone" in str(caught.value)


def test_every_stream_of_the_catalogue_has_a_next_time() -> None:
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    for stream in packaged_catalogue().streams.values():
        for watermark in (None, date(2026, 9, 1)):
            assert now < next_due(stream, now, watermark=watermark) < now + timedelta(days=400), stream.key
