"""Payloads: the bytes behind the numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from crfs.apps.api.answers import ASK_AGAIN, respond_bytes
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held

router = APIRouter(prefix="/v1/payloads", tags=["payloads"], responses=responses(403, 404))
Hash = Annotated[str, Path(pattern="^[0-9A-Fa-f]{64}$", description="SHA-256 of the bytes, in hexadecimal")]


@router.get(
    "/{sha256}",
    summary="The bytes under a hash",
    operation_id="getPayload",
    responses={200: {"description": "The bytes, checked against the hash", "content": {"application/octet-stream": {}}}},
)
def one(request: Request, session: Held, sha256: Hash) -> Response:
    """The bytes as they came over the wire, always as a download; damaged bytes are an error, and those whose
    provider forbids to hand its values on are refused."""
    from crfs.workflows.payload_bytes import payload_for_others

    body = payload_for_others(session, sha256)
    headers = {"Content-Disposition": f'attachment; filename="{sha256.lower()}"', "Crfs-Sha256": sha256.lower()}
    return respond_bytes(request, body, "application/octet-stream", cache=f"private, {ASK_AGAIN}", headers=headers)
