"""Verification as a document: what was checked, what is wrong, and which numbers rest on it."""

from __future__ import annotations

from typing import Any

from crfs.workflows.session import Session


def verify(session: Session) -> dict[str, Any]:
    """Hash every payload and artefact anew and reconcile batches, head and row counts; ``sound`` says that nothing is wrong."""
    from crfs.store.verification import verify_store

    found = verify_store(session.database)
    return {
        "sound": found.sound,
        "payloads": found.payloads,
        "expired_payloads": found.expired_payloads,
        "damaged_payloads": [{"sha256": sha256, "runs": list(runs)} for sha256, runs in found.damaged_payloads.items()],
        "artefacts": found.artefacts,
        "damaged_artefacts": list(found.damaged_artefacts),
        "batches": found.batches,
        "rows": found.rows,
        "book_errors": list(found.book_errors),
    }
