"""The first page: what is in the store, the newest runs, factors by category."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api.pages.rendering import page
from crfs.apps.api.pages.shown import BESIDE, PAGES
from crfs.apps.api.service import Held

router = APIRouter()


@router.get("/")
def today(request: Request, session: Held) -> Response:
    """What there is, now."""
    from crfs.workflows.overview import overview
    from crfs.workflows.run_documents import newest_risk_run, risk_run, run_document, runs_beside

    newest = newest_risk_run(session, label="demo") or newest_risk_run(session)
    beside = [] if newest is None else runs_beside(session, run_document(session, newest), BESIDE)
    context = {
        "store": overview(session),
        "risk": None if newest is None else risk_run(session, newest),
        "beside": [(PAGES[other["kind"]], other["run_id"]) for other in beside],
    }
    return page(request, "today.html", context)
