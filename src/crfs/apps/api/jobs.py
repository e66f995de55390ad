"""Jobs: how far long work is, how it ended, and asking it to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api.answers import NEVER, respond
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held
from crfs.workflows.book_jobs import RUNS

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=responses(404))
_OPEN = {"queued", "running"}


@router.get("/{job_id}", summary="A job", operation_id="getJob")
def one(request: Request, session: Held, job_id: UUID) -> Response:
    """Its state (queued, running, succeeded, failed, cancelled), progress, and where its result is."""
    from crfs.workflows.ledger import show_job

    found = job_document(show_job(session, job_id))
    return respond(request, found, cache=NEVER, headers={"Retry-After": "1"} if found["state"] in _OPEN else None)


@router.delete("/{job_id}", summary="Ask a job to stop", operation_id="cancelJob", status_code=202)
def cancel(request: Request, session: Held, job_id: UUID) -> Response:
    """One that waits is cancelled at once; one that runs, at its next step; one that has ended stays as it is."""
    from crfs.workflows.ledger import cancel_job

    return respond(request, job_document(cancel_job(session, job_id)), cache=NEVER, status=202)


def job_document(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job as the API shows it."""
    outcome = job["outcome"] or {}
    return {
        "job_id": job["job_id"],
        "kind": job["kind"],
        "state": job["state"],
        "progress": {"done": job["progress_done"], "total": job["progress_total"], "note": job["progress_note"]},
        "cancel_requested": job["cancel_requested"],
        "created_at": job["created_at"],
        "finished_at": job["finished_at"],
        "result": f"/v1/{job['kind']}s/{outcome['run_id']}" if job["kind"] in RUNS and "run_id" in outcome else None,
        "outcome": outcome or None,
        "error": job["error"],
    }
