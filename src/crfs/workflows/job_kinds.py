"""What each kind of job does: the one table by which the ledger's jobs are worked on, inline or by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from crfs.errors import CrfsError, InvalidInput
from crfs.workflows import backfills, book_jobs, rule_jobs, streams
from crfs.workflows.asked_for import EVALUATION, REPLAY
from crfs.workflows.jobs import JobContext, Outcome, may_go_on, run_job
from crfs.workflows.session import Progress, Session, no_progress

Work = Callable[[Session, Mapping[str, Any], JobContext], Outcome]

WORK: Mapping[str, Work] = MappingProxyType(
    {
        **{job: book_jobs.work_of(job) for job in book_jobs.RUNS},
        REPLAY: book_jobs.replay,
        EVALUATION: rule_jobs.evaluate,
        streams.KIND: lambda session, specification, job: streams.run_stream(session, specification["stream"], job),
        backfills.KIND: lambda session, specification, job: backfills.run_backfill(session, specification["stream"], job),
    }
)


def to_do(session: Session, kinds: Iterable[str] = tuple(WORK)) -> list[UUID]:
    """Jobs that may be claimed now: queued and due, or left by a worker that died; in the order in which they are to be done."""
    from crfs.store.jobs import to_do as claimable

    return claimable(session.database, kinds=list(kinds), at=session.clock.now())


def work_on(session: Session, job_id: UUID, *, progress: Progress = no_progress, parks: bool = False) -> dict[str, Any]:
    """Do a queued job here and now; the answer is the outcome that the ledger keeps.

    With ``parks``, a job that may go on later (:func:`~crfs.workflows.jobs.may_go_on`) goes back to the queue until then, which the answer says.
    """
    from crfs.store.jobs import job as find

    job = find(session.database, job_id)
    work = WORK.get(job.kind)
    if work is None:
        raise InvalidInput(f"job {job_id} is of the kind {job.kind}, which is not done here")
    specification = job.specification

    def do(context: JobContext) -> Outcome:
        return work(session, specification, context)

    try:
        return run_job(session, job.kind, specification, do, progress=progress, job_id=job_id, parks=parks).to_dict()
    except CrfsError as error:
        until = may_go_on(session, error) if parks else None
        if until is None:
            raise
        return {"parked_until": until.isoformat(), "reason": str(error)}
