"""A payload as a document: its bytes, every time that they came, and the runs that rest on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from crfs.workflows.session import Session


def payload_document(session: Session, sha256: str) -> dict[str, Any]:
    """What is known of a payload; its bytes are checked against their hash (``crfs.workflows.payload_bytes`` answers them)."""
    from crfs.store.lineage import runs_on_payloads
    from crfs.store.provenance import fetches
    from crfs.workflows.payload_bytes import payload_bytes

    asked = sha256.strip().lower()
    came = fetches(session.database, asked)
    body = payload_bytes(session, asked)
    return {
        "sha256": asked,
        "byte_count": len(body),
        "fetches": [asdict(fetch) for fetch in came],
        "runs": runs_on_payloads(session.database, [asked])[asked],
    }


def payload_head(body: bytes, *, most: int = 16_000) -> str | None:
    """The beginning of a payload as text, cut at a character; None where it is not text."""
    head = body[:most]
    if b"\0" in head:
        return None
    for cut in range(4):
        try:
            return head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
    return None
