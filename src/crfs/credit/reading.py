"""Reading a definition from its TOML or JSON form: every key and type is checked, and what does not fit is named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from crfs.errors import InvalidInput

_Kind = TypeVar("_Kind")


def called(kind: str, data: Any, key: str) -> str:
    """What errors call a definition: its kind and name; anything but a table is refused."""
    if not isinstance(data, Mapping):
        raise InvalidInput(f"{kind}: a table is wanted, got {data!r}")
    return f"{kind} {data.get(key, '?')}"


def known(kind: type[Any], data: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The keys and values of ``data``, all of which are fields of ``kind``; an unknown key is named."""
    names = {field.name for field in fields(kind)}
    unknown = sorted(set(data) - names)
    if unknown:
        raise InvalidInput(f"{what}: unknown key {unknown[0]!r}; known are {', '.join(sorted(names))}")
    return dict(data)


_HINTS: dict[type[Any], Mapping[str, Any]] = {}


def _hints(kind: type[Any]) -> Mapping[str, Any]:
    """The types that the fields declare; looking them up takes far longer than reading a definition, and a catalogue has thousands."""
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


def _missing(kind: type[Any], values: Mapping[str, Any]) -> list[str]:
    return [field.name for field in fields(kind) if field.name not in values and field.default is MISSING]


def made(kind: type[_Kind], values: dict[str, Any], what: str, **readers: Any) -> _Kind:
    """A definition of ``values``, those named in ``readers`` read first; types are those that the fields declare."""
    for name, read in readers.items():
        if values.get(name) is not None:
            try:
                values[name] = read(values[name])
            except InvalidInput:
                raise
            except (ValueError, TypeError) as error:
                raise InvalidInput(f"{what}: {name} = {values[name]!r}: {error}") from None
    hints = _hints(kind)
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise InvalidInput(f"{what}: {name} = {value!r}: {_spoken(hints[name])} is wanted")
    missing = _missing(kind, values)
    if missing:
        raise InvalidInput(f"{what}: it needs {', '.join(missing)}")
    return kind(**values)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value has the type that the definition declares; a whole number is a float too, a truth value is no number."""
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, part) for part in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    kind = origin or hint
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _spoken(hint: Any) -> str:
    names = {str: "a text", float: "a finite number", int: "a whole number", bool: "true or false"}
    if get_origin(hint) is Literal:
        return " or ".join(get_args(hint))
    parts = [part for part in (get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)) if part is not type(None)]
    return " or ".join(names.get(part, getattr(part, "__name__", str(part))) for part in parts)
