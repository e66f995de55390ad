"""Times as users write them: RFC 3339 instants, and dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from crfs.errors import InvalidInput


def parse_instant(text: str, *, what: str) -> datetime:
    """An RFC 3339 instant; a text without a zone is refused, since it could mean any."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{what} = {text!r} is no time; write 2026-06-30T00:00:00Z") from None
    if value.tzinfo is None:
        raise InvalidInput(f"{what} = {text!r} has no time zone; write {text}Z for UTC")
    return value


def parse_question(text: str, *, what: str, zone: str = "UTC") -> datetime:
    """An instant that a question names; a text that is only a date means the end of that day in ``zone``.

    >>> parse_question("2020-06-05", what="as_of").isoformat()
    '2020-06-06T00:00:00+00:00'
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return parse_instant(text, what=what)
    from zoneinfo import ZoneInfo

    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def parse_day(text: str, *, what: str) -> date:
    """A calendar day, written 2026-06-30."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{what} = {text!r} is no day; write 2026-06-30") from None
