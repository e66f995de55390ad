"""Pages: rendered here from the same workflows as the API; every state is a URL, and nothing comes from elsewhere."""

from __future__ import annotations

from fastapi import FastAPI


def install(app: FastAPI) -> None:
    """Put the pages into the application; they are no part of the API's description."""
    from crfs.apps.api.pages import factors, lineage, models, payloads, problem, reports, static, today

    for part in (today, reports, models, factors, lineage, payloads, problem, static):
        app.include_router(part.router, include_in_schema=False)
