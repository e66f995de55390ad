"""The job ledger as users read it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from crfs.workflows.session import Session

if TYPE_CHECKING:
    from uuid import UUID

    from crfs.store.jobs import Job


def list_jobs(session: Session, *, limit: int = 50) -> list[dict[str, Any]]:
    """The newest jobs first: what they were asked, how far they are, how they ended."""
    from crfs.store.jobs import jobs

    return [_document(job) for job in jobs(session.database, limit=limit)]


def show_job(session: Session, job_id: UUID) -> dict[str, Any]:
    """One job: what it was asked, how far it is, how it ended."""
    from crfs.store.jobs import job

    return _document(job(session.database, job_id))


def cancel_job(session: Session, job_id: UUID) -> dict[str, Any]:
    """Ask a job to stop: one that waits is cancelled at once, one that runs at its next sign of life; one that has ended stays as it is."""
    from crfs.store.jobs import request_cancel

    return _document(request_cancel(session.database, job_id, at=session.clock.now()))


def _document(job: Job) -> dict[str, Any]:
    return {**asdict(job), "job_id": str(job.job_id)}
