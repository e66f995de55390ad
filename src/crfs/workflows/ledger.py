"""The job ledger as users read it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from crfs.workflows.session import Session


def list_jobs(session: Session, *, limit: int = 50) -> list[dict[str, Any]]:
    """The newest jobs first: what they were asked, how far they are, how they ended."""
    from crfs.store.jobs import jobs

    return [{**asdict(job), "job_id": str(job.job_id)} for job in jobs(session.database, limit=limit)]
