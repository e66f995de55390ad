"""Answers as JSON: instants in RFC 3339, ids as text, numbers as they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID


def to_json(document: Any) -> str:
    """The document, indented; what JSON has no word for (NaN, infinity) is null.

    >>> to_json({"at": date(2020, 1, 31), "x": [1.5, float("nan")]})
    '{\\n "at": "2020-01-31",\\n "x": [\\n  1.5,\\n  null\\n ]\\n}'
    """
    return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """The value in the words of JSON."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case UUID() | Path():
            return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
