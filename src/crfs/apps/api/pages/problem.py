"""Problems as pages, and the page that explains the kinds that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api import problems
from crfs.apps.api.pages.rendering import page

router = APIRouter()


@router.get("/problems")
def kinds(request: Request) -> Response:
    """Every kind of problem, its status and what the caller can do."""
    described = [
        {"name": kind.name, "title": kind.title, "status": kind.status, "meaning": (error.__doc__ or "").strip().splitlines()[0]}
        for error, kind in problems.TYPES
    ]
    return page(request, "problems.html", {"kinds": described})


def wants_page(request: Request) -> bool:
    """Whether a person with a browser asked for a page, rather than a program for an answer of the API."""
    path = request.url.path
    api = path.startswith("/v1/") or path in {"/v1", "/livez", "/readyz", "/openapi.json"}
    return not api and "text/html" in request.headers.get("accept", "")


def page_of_problem(request: Request, body: Mapping[str, Any], headers: Mapping[str, str] | None) -> Response | None:
    """A problem as a page; None where it was not a person who asked."""
    if not wants_page(request):
        return None
    return page(
        request,
        "problem.html",
        {"problem": body, "retry": (headers or {}).get("Retry-After")},
        status=int(body["status"]),
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
