"""Canonical JSON: the same values give the same bytes (sorted keys, no blanks, floats as the shortest text that reads back the same)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from crfs.errors import VerificationFailed


def canonical_json(value: Any) -> bytes:
    """UTF-8 bytes of plain values; NaN and infinity are refused, since JSON has neither.

    >>> canonical_json({"b": 0.1, "a": [1, None]})
    b'{"a":[1,null],"b":0.1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def read_artefact(data: bytes, *, kind: str, version: int) -> dict[str, Any]:
    """Parse a model file and check that it is of this kind and of a format version that this code reads."""
    try:
        content = json.loads(data)
    except ValueError as error:
        raise VerificationFailed(f"the model file is not JSON ({error}); fetch it again from the registry") from None
    if not isinstance(content, dict) or content.get("kind") != kind:
        found = content.get("kind") if isinstance(content, dict) else type(content).__name__
        raise VerificationFailed(f"the model file is of kind {found!r}, not {kind!r}; load it with the kind that the registry states")
    if content.get("format") != version:
        raise VerificationFailed(f"the model file has format {content.get('format')!r}, this version of crfs reads {version}")
    return content


def digest(data: bytes) -> str:
    """SHA-256 of a model file, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
