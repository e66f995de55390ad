"""The application: the API under ``/v1``, the pages, health, and the description of it all.

There is no identity yet: whoever reaches the service may do everything. It is meant for this machine alone, so it answers only to
loopback names unless it is told others, and ``python -m crfs.apps.api`` binds to 127.0.0.1.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from crfs.apps.api import (
    alerts,
    attribution_runs,
    capital_runs,
    concentration_runs,
    ecl_runs,
    factor_model_runs,
    factors,
    health,
    jobs,
    mark_to_market_runs,
    models,
    pages,
    payloads,
    portfolios,
    problems,
    reverse_stress_runs,
    risk_runs,
    runs,
    scenarios,
    sensitivity_runs,
    stress_runs,
    what_if_runs,
)
from crfs.apps.api.middleware import BodyLimit, Guard
from crfs.apps.api.pages.problem import page_of_problem
from crfs.apps.api.queries import refuse_unknown
from crfs.apps.api.service import Service
from crfs.workflows.session import Session

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
BODY_LIMIT = 10_000_000
_THREADS = 12
"""Requests that are worked on at once: below the connections of the store's pool, so that none waits for one in vain."""


def create_app(
    session: Session | None = None,
    *,
    url: str | None = None,
    data_dir: Path | str | None = None,
    hosts: Collection[str] = LOOPBACK,
    body_limit: int = BODY_LIMIT,
) -> FastAPI:
    """The application over ``session``, or over a store that it opens when it starts and closes when it ends.

    ``url`` and ``data_dir`` are those of :func:`crfs.workflows.session.open_session`: with neither, the settings say which store.
    ``hosts`` are the names by which it may be called; ``body_limit`` is in bytes.
    """
    service = Service(session, url=url, data_dir=data_dir)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        await anyio.to_thread.run_sync(service.open)
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(service.close)

    app = FastAPI(
        title="Credit Risk Factor Store",
        version=_version(),
        summary="Factors with both clocks, models, and portfolio risk whose every number can be computed again and traced.",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_unknown)],
        responses=problems.responses(),
    )
    app.state.service = service
    problems.install(app, page_of_problem)
    for part in (
        health,
        factors,
        portfolios,
        risk_runs,
        capital_runs,
        concentration_runs,
        ecl_runs,
        stress_runs,
        reverse_stress_runs,
        sensitivity_runs,
        what_if_runs,
        mark_to_market_runs,
        attribution_runs,
        factor_model_runs,
        scenarios,
        runs,
        models,
        payloads,
        jobs,
        alerts,
    ):
        app.include_router(part.router)
    pages.install(app)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]  # as FastAPI's documentation has it
    app.add_middleware(BodyLimit, limit=body_limit)
    app.add_middleware(Guard, hosts=hosts)
    return app


def _description(app: FastAPI) -> dict[str, Any]:
    """OpenAPI with one schema of problems, in place of FastAPI's own 422."""
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes)
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = problems.SCHEMA
        app.openapi_schema = described
    return app.openapi_schema


def _version() -> str:
    from importlib.metadata import version

    return version("crfs")


_DESCRIPTION = """
Every answer says which state it is about: `as_of` (what was known then) and `recorded_as_of` (what this store had recorded then), both
resolved where they were not given. A question with both clocks at or before the head has one answer for ever, and its strong `ETag` and
`Cache-Control: immutable` say so. Times are RFC 3339 in UTC; a clock that is only a date means the end of that day; intervals are
half-open: `start <= valid_time < end`. Errors are RFC 9457 problem details. There is no identity yet: the service is for this machine alone.
"""
