"""The card of a model version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from crfs.apps.api.pages.rendering import page, path_part
from crfs.apps.api.plots.reliability import reliability_plot
from crfs.apps.api.service import Held

router = APIRouter()


@router.get("/models")
def every(request: Request, session: Held) -> Response:
    """Every version of every model."""
    from crfs.workflows.models import list_models

    return page(request, "models.html", {"models": list_models(session)})


@router.get("/models/{name}")
def one(request: Request, session: Held, name: str) -> Response:
    """The champion of a model, else its newest version."""
    from crfs.workflows.models import show_model

    found = show_model(session, name)
    return RedirectResponse(f"/models/{path_part(found['model'])}/{found['version']}", status_code=303)


@router.get("/models/{name}/{version}")
def card(request: Request, session: Held, name: str, version: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """What a version is, what it was fitted on, and how it did out of time."""
    from crfs.workflows.card_warnings import card_warnings
    from crfs.workflows.models import list_models, show_model
    from crfs.workflows.run_documents import run_document

    found = show_model(session, name, version=version)
    seen = found["card"].get("validation")
    context = {
        "model": found,
        "card": found["card"],
        "seen": seen,
        "run": run_document(session, found["run_id"]),
        "warnings": card_warnings(found["card"]),
        "versions": [item for item in list_models(session) if item["model"] == name],
        "reliability": reliability_plot(seen["reliability"]) if seen and seen.get("reliability") else "",
    }
    return page(request, "model.html", context)
