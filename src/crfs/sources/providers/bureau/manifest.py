"""The index that comes with each delivery: its files by name, with their rows and SHA-256; a file is read only if it is the one named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum

from crfs.sources.core.contract import Payload
from crfs.sources.core.json_text import read_json

MANIFEST = "x-manifest"
"""The header that carries the manifest: ``{"obligor.csv": {"rows": 4000, "sha256": "…"}, …}``, the same for all files of a delivery."""


class Agreement(Enum):
    """What a manifest says of a file: nothing, that it is the one sent, that something of it is lacking, or that it is another."""

    SILENT = "silent"
    AGREES = "agrees"
    SHORT = "short"
    DIFFERS = "differs"


def manifest_of(bodies: Mapping[str, bytes]) -> str:
    """The manifest of a delivery's files, as the text of a header.

    >>> manifest_of({"a.csv": b"x,y\\n1,2\\n"})[:21]
    '{"a.csv": {"rows": 1,'
    """
    return json.dumps({name: {"rows": rows_of(body), "sha256": hashlib.sha256(body).hexdigest()} for name, body in bodies.items()})


def rows_of(body: bytes) -> int:
    """Lines after the header; a last one that does not end counts too."""
    lines = body.count(b"\n") + (bool(body) and not body.endswith(b"\n"))
    return max(0, lines - 1)


def agreement(payload: Payload) -> tuple[Agreement, str]:
    """Whether a payload is what its manifest says, and in words why not. A payload without one (a saved file) is not held to any.

    A file of other bytes is ``SHORT`` where it has fewer rows or its last line does not end: a transmission broke off, and the provider
    sends it again. Else somebody changed it.
    """
    text = payload.headers.get(MANIFEST)
    if text is None:
        return Agreement.SILENT, ""
    fields = read_json(text.encode("utf-8", "replace")).fields
    name = payload.url.partition("?")[0].partition("#")[0].rsplit("/", 1)[-1]
    entry = fields.get(name)
    rows, sha256 = (entry.get("rows"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
    if not isinstance(rows, int) or not isinstance(sha256, str):
        return Agreement.DIFFERS, f"the delivery's manifest has no rows and sha256 of a file {name!r}"
    if payload.sha256 == sha256.lower():
        return Agreement.AGREES, ""
    got = rows_of(payload.body)
    if got < rows or not payload.body.endswith(b"\n"):
        return Agreement.SHORT, f"{name} breaks off after {got} rows; its manifest says {rows}"
    return (
        Agreement.DIFFERS,
        f"{name} is not the file of its manifest: {got} rows for {rows}, sha256 {payload.sha256[:12]}… for {sha256[:12]}…",
    )
