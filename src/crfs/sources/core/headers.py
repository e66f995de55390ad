"""What the headers of an answer say about asking again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil

LONGEST_WAIT_SECONDS = 86_400.0
_SURELY_AN_INSTANT = 1e9
_SURELY_MILLISECONDS = 1e11
_SECONDS = re.compile(r"\d{1,20}(\.\d{0,20})?", re.ASCII)
KEPT = (
    "content-type", "content-length", "content-encoding", "content-disposition", "date", "last-modified", "etag", "expires",
    "cache-control", "retry-after", "location", "server", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
    "x-ratelimit-used", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
)  # fmt: skip
"""The headers that are kept with a payload."""


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (a number, of several the largest, or an HTTP date), at most a day; None without one that
    can be read. A part of a second counts as one.

    >>> [retry_after({"retry-after": text}, datetime(2024, 1, 1, tzinfo=UTC)) for text in ("12", "1.5", "5, 1")]
    [12.0, 2.0, 5.0]
    >>> retry_after({"retry-after": "Mon, 01 Jan 2024 00:00:30 GMT"}, datetime(2024, 1, 1, tzinfo=UTC))
    30.0
    """
    text = headers.get("retry-after", "").strip()
    parts = [part.strip() for part in text.split(",")]
    if all(map(_SECONDS.fullmatch, parts)):
        return min(float(ceil(max(map(float, parts)))), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        seconds = ((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):  # the last: a year or a zone beyond what a date can have
        return None
    return min(max(0.0, seconds), LONGEST_WAIT_SECONDS)


def until_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until a provider answers again that says "0 requests remain", at most a day; None where it says no such thing.

    Some write the reset as seconds from now, some as seconds (or milliseconds) since 1970.

    >>> until_reset({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "40"}, datetime(2024, 1, 1, tzinfo=UTC))
    40.0
    """
    for prefix in ("x-ratelimit-", "ratelimit-"):
        remaining, reset = _number(headers.get(prefix + "remaining")), _number(headers.get(prefix + "reset"))
        if remaining is None or reset is None or remaining >= 1:
            continue
        if reset > _SURELY_MILLISECONDS:
            reset /= 1000
        seconds = reset - now.timestamp() if reset > _SURELY_AN_INSTANT else reset
        return min(max(0.0, seconds), LONGEST_WAIT_SECONDS)
    return None


def _number(text: str | None) -> float | None:
    if text is None or len(text) > 20 or not text.strip().replace(".", "", 1).isdecimal() or not text.isascii():
        return None
    return float(text)
