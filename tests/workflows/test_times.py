"""Times as users write them: a text, a day or an instant, each turned into one instant in UTC, or refused in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from crfs.errors import InvalidInput
from crfs.workflows.times import as_told, parse_day, parse_instant, parse_question, parse_start

BERLIN = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("given", "zone", "instant"),
    [
        ("2020-06-05", "UTC", datetime(2020, 6, 6, tzinfo=UTC)),
        ("2020-06-05", "America/New_York", datetime(2020, 6, 6, 4, tzinfo=UTC)),
        (date(2020, 6, 5), "America/New_York", datetime(2020, 6, 6, 4, tzinfo=UTC)),
        ("2020-06-05T12:00:00+02:00", "UTC", datetime(2020, 6, 5, 10, tzinfo=UTC)),
        (datetime(2020, 6, 5, 12, tzinfo=BERLIN), "America/New_York", datetime(2020, 6, 5, 10, tzinfo=UTC)),
    ],
)
def test_a_question_is_one_instant_in_utc_however_it_is_written(given: str | date, zone: str, instant: datetime) -> None:
    asked = parse_question(given, what="as_of", zone=zone)
    assert (asked, asked.tzinfo) == (instant, UTC)


@pytest.mark.parametrize(
    "given",
    [
        *(
            "yesterday",
            "",
            "2020-06-05T12:00:00",
            "2020-13-01",
            "0001-01-01T00:00:00+05:00",
            "9999-12-31",
            "9999-12-31T23:59:59-01:00",
            "\0",
        ),
        date(9999, 12, 31),
        datetime(2020, 6, 5),  # noqa: DTZ001 (a time without a zone is what is refused)
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
        *(5, 2020.5, True, b"2020-06-05", ["2020-06-05"], object),
    ],
)
def test_what_is_no_instant_of_the_calendar_is_refused_with_the_name_of_the_argument(given: Any) -> None:
    with pytest.raises(InvalidInput, match="as_of") as caught:
        parse_question(given, what="as_of")
    assert caught.value.argument == "as_of"


@pytest.mark.parametrize("given", ["2020-06-05", date(2020, 6, 5), datetime(2020, 6, 5, 2, tzinfo=BERLIN), "2020-06-05T00:00:00Z"])
def test_a_start_is_that_of_a_day_or_an_instant(given: str | date) -> None:
    assert parse_start(given, what="until") == datetime(2020, 6, 5, tzinfo=UTC)


@pytest.mark.parametrize("given", [5, None, "soon", datetime(2020, 6, 5), b"2020-06-05"])  # noqa: DTZ001 (it is refused)
def test_a_start_of_another_kind_is_refused_with_the_name_of_the_argument(given: Any) -> None:
    with pytest.raises(InvalidInput, match="until") as caught:
        parse_start(given, what="until")
    assert caught.value.argument == "until"


def test_the_last_instant_that_there_is_can_be_asked() -> None:
    assert parse_question("9999-12-30", what="as_of") == datetime(9999, 12, 31, tzinfo=UTC)
    assert parse_instant("9999-12-31T23:59:59Z", what="as_of").year == 9999
    with pytest.raises(InvalidInput, match="no day"):
        parse_day("2020-6", what="start")


@pytest.mark.parametrize("day", ["2026-06-30", "2024-02-29", "2025-12-31", "0001-01-02"])
def test_a_day_that_was_said_is_told_as_that_day(day: str) -> None:
    assert as_told(parse_question(day, what="valid_at")) == f"the end of {day}"


def test_an_instant_is_told_to_the_second() -> None:
    assert as_told(parse_question("2026-06-30T12:00:00+02:00", what="valid_at")) == "2026-06-30T10:00:00Z"
    assert as_told(datetime(2026, 6, 30, 0, 0, 0, 1, tzinfo=UTC)) == "2026-06-30T00:00:00Z"
    assert as_told(datetime(2026, 6, 30, 2, tzinfo=BERLIN)) == "the end of 2026-06-29"
    assert as_told(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z", "no day ends there"
