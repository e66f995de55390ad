"""Runs of every kind: what is recorded of them, and what they rest on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from crfs.apps.api.answers import FOR_EVER, respond
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held

router = APIRouter(prefix="/v1/runs", tags=["runs"], responses=responses(404))


@router.get("", summary="The newest runs", operation_id="listRuns")
def list_all(
    request: Request,
    session: Held,
    kind: Annotated[
        str | None,
        Query(
            description="training-set, model, risk, concentration, capital, ecl, stress, reverse-stress, sensitivity, what-if, mark-to-market, attribution "
            "or factor-model"
        ),
    ] = None,
    label: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """Runs without their results, the newest first."""
    from crfs.workflows.run_documents import list_runs

    return respond(request, {"runs": list_runs(session, kind=kind, label=label, limit=limit)})


@router.get("/{run_id}", summary="What is recorded of a run", operation_id="getRun")
def one(request: Request, session: Held, run_id: str) -> Response:
    """Its specification, both clocks, environment, the hash of its result, and the command that computes it again."""
    from crfs.workflows.run_documents import run_document

    return respond(request, run_document(session, run_id), cache=FOR_EVER)


@router.get("/{run_id}/lineage", summary="What a run rests on, down to the bytes", operation_id="getRunLineage")
def lineage(request: Request, session: Held, run_id: str) -> Response:
    """The closed chain: runs, batches, payloads with the state of their bytes (hashed anew now); ``sound`` says whether all is well."""
    from crfs.workflows.lineage import trace

    return respond(request, trace(session, run_id))
