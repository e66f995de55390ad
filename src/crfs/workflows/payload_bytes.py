"""The raw bytes behind a number."""

from __future__ import annotations

from crfs.workflows.session import Session


def payload_bytes(session: Session, sha256: str) -> bytes:
    """The bytes under a hash, checked against it."""
    from crfs.store.payloads import payload

    return payload(session.database, sha256.strip().lower())
