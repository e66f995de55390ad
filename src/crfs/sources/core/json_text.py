"""Bytes of JSON → values, and lists of objects → text cells; never raises, whatever the bytes are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import polars as pl

from crfs.sources.core.contract import RejectReason
from crfs.sources.core.tables import Rejection, Rejections

MOST_LEVELS = 64
"""As many levels of lists and objects has a body at most: a provider's have a dozen, and what walks or writes deeper ones would not end well."""
MOST_COMPARED = 2 * 1024 * 1024
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonText:
    """A body that was read: its ``value``, or the ``problem`` why there is none."""

    value: Any = None
    problem: str | None = None

    @property
    def fields(self) -> Mapping[str, Any]:
        """The object's fields; none where it is no object."""
        return self.value if isinstance(self.value, dict) else {}


def read_json(body: bytes) -> JsonText:
    """The value of a JSON body in UTF-8 (a byte order mark is no matter). NaN and infinity are not JSON, an escaped NUL becomes U+FFFD, and
    nesting beyond :data:`MOST_LEVELS` is a problem. So is an object that says two things under one name: readers differ in which they take.

    >>> read_json(b'{"a": 1}').fields["a"]
    1
    >>> read_json(b"<html>").problem
    'an HTML page'
    >>> read_json(b'{"value": "1", "value": "999"}').problem
    "JSON whose 'value' has two values in one object"
    """
    start = body[:400].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<"):
        return JsonText(problem="an HTML page" if b"<html" in start or start.startswith(b"<!doctype html") else "XML or HTML")
    if not start:
        return JsonText(problem="an empty body")
    if b"\\" in body and b"\\u0000" in body:  # PostgreSQL's text holds no NUL; one byte is looked for in a twentieth of the time
        body = body.replace(b"\\u0000", b"\\ufffd")
    try:
        value = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except (orjson.JSONDecodeError, RecursionError) as error:
        return JsonText(problem=f"not JSON: {error}")
    if _most_brackets_open(body) > MOST_LEVELS and _levels(value) > MOST_LEVELS:
        return JsonText(problem=f"JSON of more than {MOST_LEVELS} levels")
    twice = _told_twice(body, value)
    return JsonText(value=value) if twice is None else JsonText(problem=f"JSON whose {twice!r} has two values in one object")


def _told_twice(body: bytes, value: object) -> str | None:
    """A name that one object has twice, with different values; None where there is none.

    The reader takes the last one and says nothing. So names are counted: where a body has more than what was read of it (as bytes, which is a
    tenth of the time of looking at each object), each is looked at. A body beyond :data:`MOST_COMPARED` bytes is not, for the memory that takes.
    """
    marks = (b'":', b'" :')
    if len(body) > MOST_COMPARED or not (names := sum(map(body.count, marks))):
        return None
    try:
        again = orjson.dumps(value)
    except TypeError:  # what it does not write, it does not read either
        return None
    if names <= sum(map(again.count, marks)):
        return None
    found: list[str] = []

    def looked_at(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for name, one in pairs:
            if not found and name in told and told[name] != one:
                found.append(name)
            told[name] = one
        return told

    try:
        json.loads(body, object_pairs_hook=looked_at, parse_int=str)  # a number of any length
    except (ValueError, RecursionError):
        return None
    return found[0][:80] if found else None


def _most_brackets_open(body: bytes) -> int:
    """At least as many levels as a body of JSON has, up to those in its texts: a tenth of the time of reading it."""
    brackets = np.frombuffer(body.translate(None, _NO_BRACKETS), np.uint8)
    # Of the four characters the two that open have the second bit set.
    steps = np.where(brackets & 2, np.int8(1), np.int8(-1))
    return max(0, int(np.cumsum(steps, dtype=np.int64).max(initial=0)))


def _levels(value: object) -> int:
    """How many lists and objects stand in one another at the deepest place."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        inner, above = waiting.pop()
        if isinstance(inner, dict | list):
            deepest = max(deepest, above + 1)
            waiting += [(item, above + 1) for item in (inner.values() if isinstance(inner, dict) else inner)]
    return deepest


def object_cells(
    rows: Iterable[object], names: Sequence[str], *, optional: Sequence[str] = (), what: str = "a row"
) -> tuple[pl.DataFrame, list[Rejection]]:
    """The named fields of each object as text: ``row`` (from 1) and a String column for each name.

    Null becomes an empty text, and so does an ``optional`` field that is absent; an object without one of ``names`` is rejected, and so is
    what is no object. Numbers keep their shortest text; lists and objects are written as JSON.
    """
    good: list[dict[str, Any]] = []
    numbers: list[int] = []
    rejected = Rejections()
    needed, no_object, no_field = frozenset(names), f"{what} is an object", f"{what} has no such field"
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            if rejected.room(RejectReason.UNEXPECTED_SHAPE):
                rejected.append((number, None, RejectReason.UNEXPECTED_SHAPE, no_object))
        elif needed <= row.keys():
            good.append(row)
            numbers.append(number)
        elif rejected.room(RejectReason.MISSING_FIELD):
            absent = next(name for name in names if name not in row)
            rejected.append((number, absent, RejectReason.MISSING_FIELD, no_field))
    columns = [texts(name, [row.get(name) for row in good]) for name in dict.fromkeys((*names, *optional))]
    return pl.DataFrame([pl.Series("row", numbers, dtype=pl.Int64), *columns]), rejected.listed()


def texts(name: str, values: list[Any]) -> pl.Series:
    """Values as text; where all are texts already, which is most of the time, none needs a look of its own."""
    if set(map(type, values)) == {str}:
        try:
            return pl.Series(name, values, dtype=pl.String)
        except UnicodeEncodeError:  # half of a pair
            pass
    return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)


def as_text(value: object) -> str:
    """A cell as text that a table can hold; null is empty, true and false are as JSON writes them."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")
