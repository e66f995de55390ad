"""The head of a payload's bytes, as text, and how they came."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api.pages.rendering import page
from crfs.apps.api.payloads import Hash
from crfs.apps.api.service import Held

router = APIRouter()


@router.get("/payloads/{sha256}")
def payload(request: Request, session: Held, sha256: Hash) -> Response:
    """Damaged bytes are an error, never shown."""
    from crfs.workflows.payload_bytes import payload_bytes
    from crfs.workflows.payload_notes import payload_document, payload_head

    document = payload_document(session, sha256)
    head = payload_head(payload_bytes(session, sha256))
    return page(request, "payload.html", {"payload": document, "head": head}, headers={"Cache-Control": "no-store"})
