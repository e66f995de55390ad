"""Times as users write them: RFC 3339 instants, and dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from crfs.errors import InvalidInput

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Of no book before that are there rows of facilities."""
YEARS_AHEAD = 10
"""So far ahead somebody may plan; what lies farther is a year that was mistyped."""


def parse_instant(text: str, *, what: str) -> datetime:
    """An RFC 3339 instant, in UTC; a text without a zone is refused, since it could mean any."""
    if not isinstance(text, str):  # from Python anything may come
        raise _no_time(text, what)
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{what} = {text!r} is no time; write 2026-06-30T00:00:00Z", argument=what) from None
    if value.tzinfo is None:
        raise InvalidInput(f"{what} = {text!r} has no time zone; write {text}Z for UTC", argument=what)
    return _in_utc(value, text, what)


def parse_start(asked: str | date, *, what: str) -> datetime:
    """An RFC 3339 instant, or the start of a day in UTC.

    >>> parse_start("2027-01-01", what="until").isoformat()
    '2027-01-01T00:00:00+00:00'
    """
    if isinstance(asked, datetime):
        return _of_zone(asked, what)
    if isinstance(asked, date):
        return datetime.combine(asked, time(0), tzinfo=UTC)
    try:
        return datetime.combine(date.fromisoformat(asked), time(0), tzinfo=UTC)
    except (ValueError, TypeError):
        return parse_instant(asked, what=what)


def parse_question(asked: str | date, *, what: str, zone: str = "UTC") -> datetime:
    """The instant that a question names, in UTC; a day, or a text that is only a date, means the end of that day in ``zone``.

    >>> parse_question("2020-06-05", what="as_of").isoformat()
    '2020-06-06T00:00:00+00:00'
    """
    if isinstance(asked, datetime):
        return _of_zone(asked, what)
    if isinstance(asked, date):
        day = asked
    else:
        try:
            day = date.fromisoformat(asked)
        except (ValueError, TypeError):
            return parse_instant(asked, what=what)
    from zoneinfo import ZoneInfo

    try:
        end = datetime.combine(day + timedelta(days=1), time(0), tzinfo=ZoneInfo(zone))
    except OverflowError:
        raise _beyond(day.isoformat(), what) from None
    return _in_utc(end, day.isoformat(), what)


def refuse_ahead(asked: datetime, *, now: datetime, what: str) -> None:
    """Refuse a moment of knowledge that lies ahead; the end of a day that is not over yet does not.

    >>> refuse_ahead(parse_question("2050-01-01", what="as_of"), now=datetime(2026, 6, 30, 12, tzinfo=UTC), what="as_of")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: as_of the end of 2050-01-01 lies ahead; nothing is known of it yet
    """
    if asked > now + timedelta(days=1):
        raise InvalidInput(f"{what} {as_told(asked)} lies ahead; nothing is known of it yet", argument=what)


def refuse_unmeant(asked: datetime, *, now: datetime, what: str) -> None:
    """Refuse a moment of which something is said to hold that cannot be meant: before :data:`EARLIEST`, or more than :data:`YEARS_AHEAD` years ahead.

    What holds from tomorrow on, or from a year that is planned, may be said today: it is in force when that day comes.

    >>> refuse_unmeant(parse_question("2999-01-01", what="valid_at"), now=datetime(2026, 6, 30, 12, tzinfo=UTC), what="valid_at")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: valid_at the end of 2999-01-01 lies more than 10 years ahead; is the year meant?
    >>> refuse_unmeant(parse_question("0001-01-01", what="valid_at"), now=datetime(2026, 6, 30, 12, tzinfo=UTC), what="valid_at")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: valid_at the end of 0001-01-01 lies before 1900; is the year meant?
    >>> refuse_unmeant(parse_question("2027-01-01", what="valid_at"), now=datetime(2026, 6, 30, 12, tzinfo=UTC), what="valid_at")
    """
    if asked < EARLIEST:
        raise InvalidInput(f"{what} {as_told(asked)} lies before {EARLIEST.year}; is the year meant?", argument=what)
    if asked - now > timedelta(days=366 * YEARS_AHEAD):
        raise InvalidInput(f"{what} {as_told(asked)} lies more than {YEARS_AHEAD} years ahead; is the year meant?", argument=what)


def as_told(instant: datetime) -> str:
    """An instant as :func:`parse_question` would have been told of it: where a day ends in UTC that day, else to the second.

    >>> as_told(parse_question("2026-06-30", what="valid_at")), as_told(datetime(2026, 6, 30, 12, tzinfo=UTC))
    ('the end of 2026-06-30', '2026-06-30T12:00:00Z')
    """
    at = instant.astimezone(UTC)
    if at.time() == time(0) and at.date() > date.min:
        return f"the end of {day_of(at).isoformat()}"
    return f"{at.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def day_of(asked: datetime) -> date:
    """The day in UTC that a question is about: where its instant is the end of a day, as :func:`parse_question` makes it of one, that day.

    >>> day_of(parse_question("2026-06-30", what="as_of")), day_of(datetime(2026, 6, 30, 12, tzinfo=UTC))
    (datetime.date(2026, 6, 30), datetime.date(2026, 6, 30))
    """
    at = asked.astimezone(UTC)
    return at.date() - timedelta(days=1) if at.time() == time(0) and at.date() > date.min else at.date()


def parse_day(text: str, *, what: str) -> date:
    """A calendar day, written 2026-06-30."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{what} = {text!r} is no day; write 2026-06-30", argument=what) from None


def _of_zone(asked: datetime, what: str) -> datetime:
    if asked.tzinfo is None:
        raise InvalidInput(f"{what} = {asked.isoformat()} has no time zone", argument=what)
    return _in_utc(asked, asked.isoformat(), what)


def _no_time(asked: object, what: str) -> InvalidInput:
    wanted = "a datetime with a zone, a date, or a text of either, such as 2026-06-30T00:00:00Z"
    return InvalidInput(f"{what} = {asked!r} is no time: it is {wanted}", argument=what)


def _in_utc(value: datetime, text: str, what: str) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise _beyond(text, what) from None


def _beyond(text: str, what: str) -> InvalidInput:
    return InvalidInput(f"{what} = {text} lies beyond the calendar, whose days are 0001-01-02 to 9999-12-30", argument=what)
