"""What the members of a JSON body may be: a truth value is no number, a text is neither, and no key is said twice."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

QUESTION = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
"""Of every question: unknown members are refused, and none is turned into another type; a whole number is a number too."""
_NAME = r"^[a-z][a-z0-9_]{0,63}$"


def _whole(given: Any) -> Any:
    """JSON has one type of numbers, so 5.0 is the whole number 5."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


def _day(given: Any) -> Any:
    if given is None or isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        raise PydanticCustomError("date_type", "a day is a text such as 2026-06-30") from None


def _named_or_content(given: Any) -> Any:
    # Checked here, since a union tells each of its kinds on its own, at places that no body has.
    if given is None or isinstance(given, dict) or (isinstance(given, str) and re.fullmatch(_NAME, given)):
        return given
    raise PydanticCustomError("name_or_content", "the name of one that ships with crfs (lower case and _), or the content as an object")


def _state(given: Any) -> Any:
    if given is None or isinstance(given, str) or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    raise PydanticCustomError("recorded_state", "an instant or a day as a text, or the number of a batch")


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number."""
Day = Annotated[date, BeforeValidator(_day)]
"""A day, ``2026-06-30``."""
NamedOrContent = Annotated[dict[str, Any] | Annotated[str, Field(pattern=_NAME)], BeforeValidator(_named_or_content)]
"""The name of a definition that ships with crfs, or its content."""
State = Annotated[str | int, BeforeValidator(_state)]
"""A state of the store: an instant, a day (its end in UTC), or the number of a batch."""


def said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object, for ``object_pairs_hook``; one whose key is there twice is refused with the key, since no reader can know which is
    meant.

    >>> said_once([("seed", 1), ("loss", 2.0)])
    {'seed': 1, 'loss': 2.0}
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        words = f'an object of the body has the key "{twice}" more than once'
        raise RequestValidationError([{"type": "key_twice", "loc": ("body",), "msg": words}])
    return found
