"""The raw bytes behind a number."""

from __future__ import annotations

from crfs.errors import Forbidden
from crfs.workflows.rights import terms_of_payload
from crfs.workflows.session import Session


def payload_bytes(session: Session, sha256: str) -> bytes:
    """The bytes under a hash, checked against it: the audit trail of whoever runs the store, whatever the provider's terms."""
    from crfs.store.payloads import payload

    return payload(session.database, sha256.strip().lower())


def payload_for_others(session: Session, sha256: str) -> bytes:
    """The same for somebody else: :class:`~crfs.errors.Forbidden` where the provider's terms keep its values here."""
    body = payload_bytes(session, sha256)
    terms = terms_of_payload(session, sha256.strip().lower())
    if terms is not None:
        raise Forbidden(f"the bytes {sha256.lower()} are kept to trace numbers to, and not handed on: {terms}")
    return body
