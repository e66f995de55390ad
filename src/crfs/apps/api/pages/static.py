"""The style sheet and the mark, from the package."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api.answers import ASK_AGAIN, respond_bytes

router = APIRouter()


@router.get("/static/crfs.css")
def style(request: Request) -> Response:
    """The one style sheet."""
    return _file(request, "crfs.css", "text/css; charset=utf-8")


@router.get("/favicon.ico")
def mark(request: Request) -> Response:
    """The mark in the browser's tab."""
    return _file(request, "mark.svg", "image/svg+xml")


def _file(request: Request, name: str, media_type: str) -> Response:
    body = (files("crfs.apps.api.pages") / "static" / name).read_bytes()
    return respond_bytes(request, body, media_type, cache=ASK_AGAIN)
