"""Models: versions with their cards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from crfs.apps.api.answers import respond
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held

router = APIRouter(prefix="/v1/models", tags=["models"], responses=responses(404))


@router.get("", summary="Model versions", operation_id="listModels")
def list_all(request: Request, session: Held) -> Response:
    """Every version of every model, the newest first, without cards."""
    from crfs.workflows.models import list_models

    return respond(request, {"models": list_models(session)})


@router.get("/{name}", summary="A model: its champion, else its newest version", operation_id="getModel")
def one(request: Request, session: Held, name: str) -> Response:
    """The version with its card, and the list of versions."""
    from crfs.workflows.models import list_models, show_model

    found = show_model(session, name)
    return respond(request, {**found, "versions": [item for item in list_models(session) if item["model"] == name]})


@router.get("/{name}/versions/{version}", summary="A version of a model, with its card", operation_id="getModelVersion")
def version(request: Request, session: Held, name: str, version: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """The card says what the version was fitted on, how it did out of time, and what it must not be used for."""
    from crfs.workflows.models import show_model

    return respond(request, show_model(session, name, version=version))
