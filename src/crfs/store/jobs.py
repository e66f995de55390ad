"""The job ledger: a row is the truth of a job; who works on it holds a lease with a fencing token."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from crfs.errors import DoneElsewhere, NotFound
from crfs.store.database import Database
from crfs.store.publication import Fence


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the ledger has it; ``state`` is queued, running, succeeded, failed or cancelled."""

    job_id: UUID
    kind: str
    specification: Mapping[str, Any]
    state: str
    fencing_token: int
    lease_holder: str | None
    lease_until: datetime | None
    attempts: int
    progress_done: int
    progress_total: int | None
    progress_note: str | None
    cancel_requested: bool
    outcome: Mapping[str, Any] | None
    error: str | None
    actor: str
    created_at: datetime
    finished_at: datetime | None
    priority: int = 0
    not_before: datetime | None = None
    live_key: str | None = None

    @property
    def fence(self) -> Fence:
        """The right to write that the present lease gives."""
        return Fence(job_id=self.job_id, token=self.fencing_token)


_COLUMNS = ", ".join(Job.__dataclass_fields__)


def submit(
    database: Database,
    *,
    job_id: UUID,
    kind: str,
    specification: Mapping[str, Any],
    at: datetime,
    priority: int = 0,
    not_before: datetime | None = None,
    live_key: str | None = None,
) -> Job:
    """Write a queued job; the same id again is the same job.

    Of jobs with one ``live_key`` only one is queued or running: where there is one, it is the answer. The greater ``priority`` goes first;
    a job waits until ``not_before``.
    """
    with database.writing() as connection:
        _submit(
            connection, database, job_id=job_id, kind=kind, specification=specification, at=at,
            priority=priority, not_before=not_before, live_key=live_key,
        )  # fmt: skip
        found = _live(connection, job_id, live_key)
    return job(database, found)


def begin(
    database: Database,
    *,
    job_id: UUID,
    kind: str,
    specification: Mapping[str, Any],
    holder: str,
    at: datetime,
    lease: timedelta,
    again: bool = True,
    live_key: str | None = None,
) -> Job | None:
    """Write a job and take it in one transaction, for who does it here and now: a death in between leaves no job that waits for nobody.

    Where a job of the ``live_key`` waits already, that one is taken. None where the job of that id, or key, is being done elsewhere, or is done,
    or has failed and is not to be done ``again``.
    """
    with database.writing() as connection:
        _submit(connection, database, job_id=job_id, kind=kind, specification=specification, at=at, live_key=live_key)
        if live_key is not None:
            job_id = _live(connection, job_id, live_key)
        return _claim(connection, holder=holder, at=at, lease=lease, job_id=job_id, again=again)


def _submit(
    connection: sa.Connection,
    database: Database,
    *,
    job_id: UUID,
    kind: str,
    specification: Mapping[str, Any],
    at: datetime,
    priority: int = 0,
    not_before: datetime | None = None,
    live_key: str | None = None,
) -> None:
    connection.execute(
        sa.text(
            "INSERT INTO crfs.job (job_id, kind, specification, state, actor, tenant_id, created_at, priority, not_before, live_key) "
            "VALUES (:job_id, :kind, CAST(:specification AS jsonb), 'queued', :actor, :tenant_id, :at, :priority, :not_before, :live_key) "
            "ON CONFLICT DO NOTHING"
        ),
        {
            "job_id": job_id,
            "kind": kind,
            "specification": json.dumps(specification),
            "actor": database.actor,
            "tenant_id": database.tenant_id,
            "at": at,
            "priority": priority,
            "not_before": not_before,
            "live_key": live_key,
        },
    )


def _live(connection: sa.Connection, job_id: UUID, live_key: str | None) -> UUID:
    """The job of that id, else the one with that key that is queued or running."""
    found: UUID = connection.execute(
        sa.text(
            "SELECT job_id FROM crfs.job WHERE job_id = :job_id OR (live_key = :live_key AND state IN ('queued', 'running')) "
            "ORDER BY (job_id = :job_id) DESC LIMIT 1"
        ),
        {"job_id": job_id, "live_key": live_key},
    ).scalar_one()
    return found


def live_job(database: Database, live_key: str) -> Job | None:
    """The job with that key that is queued or running."""
    with database.reading() as connection:
        row = connection.execute(
            sa.text(f"SELECT {_COLUMNS} FROM crfs.job WHERE live_key = :live_key AND state IN ('queued', 'running')"),
            {"live_key": live_key},
        ).one_or_none()
    return None if row is None else Job(**row._mapping)


def claim(database: Database, *, holder: str, at: datetime, lease: timedelta, job_id: UUID | None = None) -> Job | None:
    """Take the oldest job that is queued, or whose lease has run out; ``job_id`` asks for that one, which may also have failed before.

    None where there is nothing to do.

    Every claim raises the fencing token, so that a worker that wakes after its lease has run out can publish nothing.
    """
    with database.writing() as connection:
        return _claim(connection, holder=holder, at=at, lease=lease, job_id=job_id)


def _claim(
    connection: sa.Connection, *, holder: str, at: datetime, lease: timedelta, job_id: UUID | None, again: bool = True
) -> Job | None:
    row = connection.execute(
        sa.text(
            "UPDATE crfs.job SET state = 'running', fencing_token = fencing_token + 1, lease_holder = :holder, "
            "lease_until = CAST(:until AS timestamptz), attempts = attempts + 1, error = NULL, finished_at = NULL, progress_note = NULL "
            "WHERE job_id = (SELECT job_id FROM crfs.job WHERE (CAST(:job_id AS uuid) IS NULL OR job_id = :job_id) "
            "AND ((state = 'queued' AND coalesce(not_before <= :at, true)) OR (state = 'running' AND lease_until < :at) "
            "OR (:again AND state = 'failed' AND job_id = :job_id)) "
            f"ORDER BY priority DESC, created_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}"
        ),
        {"holder": holder, "until": at + lease, "at": at, "job_id": job_id, "again": again},
    ).one_or_none()

    return None if row is None else Job(**row._mapping)


def heartbeat(
    database: Database, fence: Fence, *, at: datetime, lease: timedelta, done: int = 0, total: int | None = None, note: str | None = None
) -> bool:
    """Extend the lease and tell the progress; whether the job has been asked to stop. A lost lease is :class:`~crfs.errors.DoneElsewhere`."""
    with database.writing(durable=False) as connection:
        row = connection.execute(
            sa.text(
                "UPDATE crfs.job SET lease_until = CAST(:until AS timestamptz), progress_done = :done, progress_total = :total, "
                "progress_note = :note WHERE job_id = :job_id AND fencing_token = :token AND state = 'running' RETURNING cancel_requested"
            ),
            {"until": at + lease, "done": done, "total": total, "note": note, "job_id": fence.job_id, "token": fence.token},
        ).one_or_none()
    if row is None:
        raise DoneElsewhere(f"job {fence.job_id} has lost its lease to another worker; this one stops")
    return bool(row.cancel_requested)


def finish(
    database: Database,
    fence: Fence,
    *,
    state: str,
    at: datetime,
    outcome: Mapping[str, Any] | None = None,
    error: str | None = None,
    progress: tuple[str, int, int | None] | None = None,
) -> None:
    """End a job as succeeded, failed or cancelled; only the holder of the present lease may.

    ``progress`` is the last that it told (step, done, total), which no heartbeat may have written; without it, what was written stays.
    """
    note, done, total = progress or (None, None, None)
    with database.writing() as connection:
        row = connection.execute(
            sa.text(
                "UPDATE crfs.job SET state = :state, finished_at = :at, outcome = CAST(:outcome AS jsonb), error = :error, lease_until = NULL, "
                "progress_note = coalesce(:note, progress_note), progress_done = coalesce(:done, progress_done), "
                "progress_total = CASE WHEN CAST(:done AS bigint) IS NULL THEN progress_total ELSE :total END "
                "WHERE job_id = :job_id AND fencing_token = :token AND state = 'running' RETURNING job_id"
            ),
            {
                "state": state,
                "at": at,
                "outcome": None if outcome is None else json.dumps(outcome),
                "error": error,
                "note": note,
                "done": done,
                "total": total,
                "job_id": fence.job_id,
                "token": fence.token,
            },
        ).one_or_none()
    if row is None:
        raise DoneElsewhere(f"job {fence.job_id} has lost its lease to another worker; its outcome is not kept")


def park(database: Database, fence: Fence, *, until: datetime, note: str) -> None:
    """Give a running job back to the queue, where it waits until ``until``; only the holder of the present lease may.

    The attempt is given back too: a job that waited for a quota three times has not been tried in vain three times.
    """
    with database.writing() as connection:
        row = connection.execute(
            sa.text(
                "UPDATE crfs.job SET state = 'queued', attempts = greatest(attempts - 1, 0), not_before = :until, lease_until = NULL, "
                "lease_holder = NULL, progress_note = :note "
                "WHERE job_id = :job_id AND fencing_token = :token AND state = 'running' RETURNING job_id"
            ),
            {"until": until, "note": note[:2000], "job_id": fence.job_id, "token": fence.token},
        ).one_or_none()
    if row is None:
        raise DoneElsewhere(f"job {fence.job_id} has lost its lease to another worker; it is not parked")


def to_do(database: Database, *, kinds: Sequence[str], at: datetime, limit: int = 200) -> list[UUID]:
    """Jobs of some kinds that may be claimed now: queued and due, or left by a worker whose lease ran out; in the order of their claims."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                "SELECT job_id FROM crfs.job WHERE kind = ANY(:kinds) AND ((state = 'queued' AND coalesce(not_before <= :at, true)) "
                "OR (state = 'running' AND lease_until < :at)) ORDER BY priority DESC, created_at LIMIT :limit"
            ),
            {"kinds": list(kinds), "at": at, "limit": limit},
        )
        return list(found.scalars())


def retire_lapsed(database: Database, *, at: datetime, grace: timedelta) -> int:
    """End jobs as failed whose lease ran out more than ``grace`` ago: who held it died, and nobody took it over. How many there were.

    A job with a live key is a worker's: the next worker takes it over, however late.
    """
    with database.writing(durable=False) as connection:
        ended = connection.execute(
            sa.text(
                "UPDATE crfs.job SET state = 'failed', finished_at = :at, lease_until = NULL, "
                "error = 'its process (' || coalesce(lease_holder, 'unknown') || ') ended without a word; run the same command again' "
                "WHERE job_id IN (SELECT job_id FROM crfs.job WHERE state = 'running' AND live_key IS NULL AND lease_until < :before FOR UPDATE SKIP LOCKED)"
            ),
            {"at": at, "before": at - grace},
        )
    return ended.rowcount


def retire_dead(database: Database, *, at: datetime, is_dead: Callable[[str], bool], queue_again: Collection[str] = ()) -> int:
    """End running jobs whose holder is certainly dead, whatever their lease says: nobody works on them. How many there were.

    Those that workers claim (of the kinds of ``queue_again``, or with a live key) go back into the queue unless they have been tried three times
    already, or were asked to stop; the others have failed.
    """
    with database.writing(durable=False) as connection:
        held = connection.exec_driver_sql("SELECT DISTINCT lease_holder FROM crfs.job WHERE state = 'running' AND lease_holder IS NOT NULL")
        dead = [holder for holder in held.scalars() if is_dead(holder)]
        if not dead:
            return 0
        again = "(kind = ANY(:again) OR live_key IS NOT NULL) AND attempts < 3 AND NOT cancel_requested"
        ended = connection.execute(
            sa.text(
                f"UPDATE crfs.job SET state = CASE WHEN {again} THEN 'queued' WHEN cancel_requested THEN 'cancelled' ELSE 'failed' END, "
                f"finished_at = CASE WHEN {again} THEN NULL ELSE CAST(:at AS timestamptz) END, lease_until = NULL, "
                f"error = CASE WHEN {again} THEN NULL ELSE 'its process (' || lease_holder || ') is dead; run the same command again' END "
                "WHERE state = 'running' AND lease_holder = ANY(:dead)"
            ),
            {"at": at, "dead": dead, "again": list(queue_again)},
        )
    return ended.rowcount


def request_cancel(database: Database, job_id: UUID, *, at: datetime) -> Job:
    """Ask a job to stop: a queued one is cancelled at once, a running one at its next heartbeat."""
    with database.writing() as connection:
        connection.execute(
            sa.text(
                "UPDATE crfs.job SET cancel_requested = true, state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END, "
                "finished_at = CASE state WHEN 'queued' THEN CAST(:at AS timestamptz) ELSE finished_at END "
                "WHERE job_id = :job_id AND state IN ('queued', 'running')"
            ),
            {"job_id": job_id, "at": at},
        )
    return job(database, job_id)


def job(database: Database, job_id: UUID) -> Job:
    """The job of that id."""
    with database.reading() as connection:
        row = connection.execute(sa.text(f"SELECT {_COLUMNS} FROM crfs.job WHERE job_id = :job_id"), {"job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound(f"no job has the id {job_id}")
    return Job(**row._mapping)


def jobs(database: Database, *, limit: int = 50) -> list[Job]:
    """The newest jobs first."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(f"SELECT {_COLUMNS} FROM crfs.job ORDER BY created_at DESC LIMIT :limit"), {"limit": limit}
        ).all()
    return [Job(**row._mapping) for row in found]
