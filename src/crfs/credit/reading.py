"""Reading a definition from its TOML or JSON form: every key and type is checked, and what does not fit is named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from crfs.errors import InvalidInput

_Kind = TypeVar("_Kind")


def called(kind: str, data: Any, key: str) -> str:
    """What errors call a definition: its kind and name; anything but a table is refused."""
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{kind}: a table is wanted, got {data!r}")
    return f"{kind} {data.get(key, '?')}"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a kind of definition declares."""

    parts: Mapping[str, tuple[Any, ...]]
    """The types that each field may have: one, or those of a union."""
    needed: tuple[str, ...]
    """The fields that have no default."""


_SHAPES: dict[type[Any], _Shape] = {}


def _shape(kind: type[Any]) -> _Shape:
    """Looked up once: that takes far longer than reading a definition, and a catalogue has thousands."""
    if kind not in _SHAPES:
        hints = get_type_hints(kind)
        _SHAPES[kind] = _Shape(
            parts={
                field.name: get_args(hints[field.name]) if get_origin(hints[field.name]) in {Union, UnionType} else (hints[field.name],)
                for field in fields(kind)
            },
            needed=tuple(field.name for field in fields(kind) if field.default is MISSING),
        )
    return _SHAPES[kind]


@cache
def _class_of(part: Any) -> type[Any] | None:
    """The class that a type asks for; None for a choice of values."""
    origin = get_origin(part)
    return None if origin is Literal else origin or part


def known(kind: type[Any], data: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The keys and values of ``data``, all of which are fields of ``kind``; an unknown key is named."""
    names = _shape(kind).parts.keys()
    unknown = data.keys() - names
    if unknown:
        raise InvalidInput(f"{what}: unknown key {min(unknown)!r}; known are {', '.join(sorted(names))}")
    return dict(data)


def made(kind: type[_Kind], values: dict[str, Any], what: str, **readers: Any) -> _Kind:
    """A definition of ``values``, those named in ``readers`` read first; types are those that the fields declare."""
    for name, read in readers.items():
        if values.get(name) is not None:
            try:
                values[name] = read(values[name])
            except InvalidInput:
                raise
            except (ValueError, TypeError) as error:
                why = f"known: {', '.join(_members(read))}" if _members(read) else str(error)
                raise InvalidInput(f"{what}: {name} = {values[name]!r}: {why}") from None
    shape = _shape(kind)
    for name, value in values.items():
        if not _fits(value, shape.parts[name]):
            raise InvalidInput(f"{what}: {name} = {value!r}: {_spoken(shape.parts[name])} is wanted")
    missing = [name for name in shape.needed if name not in values]
    if missing:
        raise InvalidInput(f"{what}: it needs {', '.join(missing)}")
    return kind(**values)


def _members(read: Any) -> list[str]:
    """What an enumeration knows; nothing of any other reader."""
    return [str(member.value) for member in read] if isinstance(read, type) and issubclass(read, Enum) else []


def _fits(value: Any, parts: tuple[Any, ...]) -> bool:
    """Whether a value has one of the types that the definition declares."""
    for part in parts:  # noqa: SIM110  # a generator costs as much as all that it does
        if _is_of(value, part):
            return True
    return False


def _is_of(value: Any, part: Any) -> bool:
    """A whole number is a float too, a truth value is no number."""
    kind = _class_of(part)
    if kind is None:
        return value in get_args(part)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _is_finite(value: float) -> bool:
    """Whether a number is one that a float holds: a whole number may be larger than any."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _spoken(parts: tuple[Any, ...]) -> str:
    names = {str: "a text", float: "a finite number", int: "a whole number", bool: "true or false"}
    if len(parts) == 1 and get_origin(parts[0]) is Literal:
        return " or ".join(get_args(parts[0]))
    said = [part for part in parts if part is not type(None)]
    return " or ".join(names.get(part, getattr(part, "__name__", str(part))) for part in said)
