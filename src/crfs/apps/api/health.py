"""Whether the process lives, and whether the store answers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api.answers import NEVER, instant, respond
from crfs.apps.api.service import Held

router = APIRouter(tags=["health"])


@router.get("/livez", summary="The process lives", operation_id="livez")
def livez(request: Request) -> Response:
    """Answers as long as the process does; asks nothing of the store."""
    return respond(request, {"status": "ok"}, cache=NEVER)


@router.get("/readyz", summary="The store answers", operation_id="readyz")
def readyz(request: Request, session: Held) -> Response:
    """The head of the store; 503 while it does not answer, and meanwhile a dead embedded server is started again."""
    pin = session.pin()
    return respond(request, {"status": "ok", "batch_id": pin.batch_id, "recorded_as_of": instant(pin.recorded_at)}, cache=NEVER)
