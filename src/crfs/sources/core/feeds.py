"""The bytes of a feed → its entries; broken feeds too (what feedparser calls bozo), within bounds that keep it quick."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from typing import Any
from xml.sax import SAXException

MOST_BYTES = 4 * 1024 * 1024
# Feedparser reads what nobody else does, and on the way raises what its parts raise; each of these was seen, or is of the same kind.
_GIVES_UP = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError, ArithmeticError, SAXException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed that was read: its ``version`` (``rss20``, ``atom10`` …, empty: unknown), its own fields and its entries, or the problem."""

    version: str = ""
    fields: Mapping[str, Any]
    entries: Sequence[Mapping[str, Any]]
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date of a feed: an ``instant`` where it has a zone, else only the ``day`` (at midnight UTC) of the text."""

    instant: datetime | None = None
    day: datetime | None = None


def read_feed(body: bytes, content_type: str = "") -> Feed:
    """The feed in a body; never raises. HTML is no feed, whatever is in it."""
    start = body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return _none("an empty body")
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _none("an HTML page")
    if b"<" not in start.replace(b"\x00", b""):
        return _none("no markup")
    if len(body) > MOST_BYTES:
        return _none(f"larger than any feed: more than {MOST_BYTES} bytes")
    from crfs.sources.core import feed_parsers

    try:
        version, fields, found = feed_parsers.parse(feed_parsers.text_of(body, _charset(content_type)))
    except feed_parsers.TooMuch as error:
        return _none(f"larger than any feed: {error}")
    except _GIVES_UP as error:
        return _none(f"no feed: {type(error).__name__}: {error}")
    entries = [entry for entry in found if isinstance(entry, dict)]
    if not version and not entries:
        return _none("neither RSS nor Atom")
    return Feed(version=version, fields=fields, entries=entries)


def _none(problem: str) -> Feed:
    return Feed(fields={}, entries=[], problem=problem)


def _charset(content_type: str) -> str:
    """The charset that the server named; the media type says nothing, for servers often call feeds text/html or text/plain."""
    named = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", content_type)
    return named.group(1) if named else ""


def read_moment(text: object) -> Moment | None:
    """A date as RFC 822 or ISO 8601 writes it; None where it is neither.

    >>> read_moment("Tue, 14 Jul 2026 03:33:16 GMT").instant.isoformat()
    '2026-07-14T03:33:16+00:00'
    >>> read_moment("Tue, 14 Jul 2026 03:33:16").day.isoformat()
    '2026-07-14T00:00:00+00:00'
    >>> read_moment("2026-07-14T03:33:16+02:00").instant.hour
    1
    """
    shown = " ".join(str(text)[:80].split())
    if not shown.isascii():
        return None
    found = _iso(shown) or _rfc822(shown)
    if found is None:
        return None
    try:
        if found.tzinfo is not None:
            return Moment(instant=found.astimezone(UTC))
    except OverflowError:
        return None
    return Moment(day=found.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC))


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _rfc822(text: str) -> datetime | None:
    try:
        parts = parsedate_tz(text)
        if parts is None:
            return None
        offset = 0 if re.search(r"(-0000|\bUTC)$", text) else _offset(text, parts[9])
        zone = None if offset is None else timezone(timedelta(seconds=offset))
        return datetime(*parts[:6], tzinfo=zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _offset(text: str, seconds: int | None) -> int | None:
    """The offset that the text itself has: a date without a zone is none of UTC's."""
    return seconds if re.search(r"([+-]\d{2}:?\d{2}|\b(UT|GMT|Z|[ECMPA][SD]T))\)?$", text, re.IGNORECASE) else None
