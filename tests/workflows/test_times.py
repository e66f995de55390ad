"""Times as users write them: a text, a day or an instant, each turned into one instant in UTC, or refused in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from crfs.errors import InvalidInput
from crfs.workflows.times import parse_day, parse_instant, parse_question

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
    ],
)
def test_what_is_no_instant_of_the_calendar_is_refused_with_the_name_of_the_argument(given: str | date) -> None:
    with pytest.raises(InvalidInput, match="as_of") as caught:
        parse_question(given, what="as_of")
    assert caught.value.argument == "as_of"


def test_the_last_instant_that_there_is_can_be_asked() -> None:
    assert parse_question("9999-12-30", what="as_of") == datetime(9999, 12, 31, tzinfo=UTC)
    assert parse_instant("9999-12-31T23:59:59Z", what="as_of").year == 9999
    with pytest.raises(InvalidInput, match="no day"):
        parse_day("2020-6", what="start")
