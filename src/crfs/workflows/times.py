"""Times as users write them: RFC 3339 instants, and dates."""

from __future__ import annotations

from datetime import datetime

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
