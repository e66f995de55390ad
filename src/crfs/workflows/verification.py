"""Verification as a document: what was checked, what is wrong, and which numbers rest on it."""

from __future__ import annotations

from typing import Any

from crfs.workflows.session import Session


def verify(session: Session) -> dict[str, Any]:
    """Hash every payload and artefact anew and compare batches, runs, entities, definitions and rows with what was kept of them.

    ``sound`` says that nothing is wrong. ``without_digest`` counts what an older crfs wrote, of which less can be checked.
    """
    from crfs.store.verification import verify_store

    found = verify_store(session.database)
    return {
        "sound": found.sound,
        "payloads": found.payloads,
        "expired_payloads": found.expired_payloads,
        "damaged_payloads": [{"sha256": sha256, "runs": list(runs)} for sha256, runs in found.damaged_payloads.items()],
        "artefacts": found.artefacts,
        "damaged_artefacts": [{"sha256": sha256, "runs": list(runs)} for sha256, runs in found.damaged_artefacts.items()],
        "batches": found.batches,
        "rows": found.rows,
        "book_errors": list(found.book_errors),
        "without_digest": dict(found.without_digest),
    }
