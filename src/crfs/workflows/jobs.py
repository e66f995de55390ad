"""Running long work through the job ledger: inline here, or by a worker that claims it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID, uuid4

from crfs.errors import Cancelled, CrfsError, DoneElsewhere, QuotaExhausted
from crfs.workflows.circuit import SourceRests
from crfs.workflows.holders import holder, retire_jobs_of_the_dead
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    from crfs.store.jobs import Job
    from crfs.store.publication import Fence

LEASE = timedelta(seconds=60)
BEAT_SECONDS = 15.0
_NOTHING_TOLD = ("", 0, None)


class Stopped(Cancelled):
    """The process was told to end: the job goes back to the queue, for whoever comes next."""


class Outcome(Protocol):
    """What a job's work answers: something with a JSON form."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, kept in the ledger."""
        ...


_Outcome = TypeVar("_Outcome", bound=Outcome)


class JobContext:
    """What work that runs as a job may use: its fence for writes, and a place to tell its progress."""

    def __init__(self, session: Session, fence: Fence, tell: Progress, *, parks: bool = False) -> None:
        self.fence = fence
        self._parks = parks
        self._session = session
        self._tell = tell
        self._state: tuple[str, int, int | None] = _NOTHING_TOLD
        self._beaten = time.monotonic()
        self._stop = threading.Event()
        self._cancelled = False
        self._lost: DoneElsewhere | None = None

    def progress(self, step: str, done: int, total: int | None) -> None:
        """Tell how far the work is; raises :class:`Cancelled` where somebody asked the job to stop, and at once
        :class:`~crfs.errors.DoneElsewhere` where its lease was lost since, or :class:`Stopped` where a worker is to end.
        """
        self.tell(step, done, total)
        if self._lost is not None:
            raise self._lost
        if self._parks and self._session.stopping.is_set():
            raise Stopped(f"job {self.fence.job_id} waits for another worker, since this one was told to end")
        if time.monotonic() - self._beaten >= 1.0:
            self.beat()
        if self._cancelled:
            raise Cancelled(f"job {self.fence.job_id} was cancelled")

    def tell(self, step: str, done: int, total: int | None) -> None:
        """Tell how far the work is, and go on whatever became of the job: for the last step, after which there is nothing to stop."""
        self._state = (step, done, total)
        self._tell(step, done, total)

    @property
    def told(self) -> tuple[str, int, int | None] | None:
        """The last progress (step, done, total); None where nothing was told."""
        return None if self._state is _NOTHING_TOLD else self._state

    def beat(self) -> None:
        """Extend the lease."""
        from crfs.store.jobs import heartbeat

        step, done, total = self._state
        self._beaten = time.monotonic()
        now = self._session.clock.now()
        if heartbeat(self._session.database, self.fence, at=now, lease=LEASE, done=done, total=total, note=step):
            self._cancelled = True

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Keep the lease while work goes on without telling anything."""

        def keep() -> None:
            while not self._stop.wait(BEAT_SECONDS):
                try:
                    self.beat()
                except DoneElsewhere as error:
                    self._lost = error  # the lease is another worker's now: the work stops at its next step
                    return
                except CrfsError:
                    continue  # a server that does not answer may do so at the next beat, long before the lease has run out

        thread = threading.Thread(target=keep, name="crfs-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()


def run_job(
    session: Session,
    kind: str,
    specification: Mapping[str, Any],
    work: Callable[[JobContext], _Outcome],
    *,
    progress: Progress = no_progress,
    job_id: UUID | None = None,
    parks: bool = False,
    live_key: str | None = None,
) -> _Outcome:
    """Write the job into the ledger, claim it, do it here and now, and write its end; an error ends it as failed and goes on to the caller.

    A job of that id that has failed is done again, but not with ``parks``: that is a worker's, whose messages may come twice. Of jobs with one
    ``live_key`` only one is done at a time: one that waits in the queue, or whose worker is dead, is taken over, and one that is under way is
    :class:`~crfs.errors.DoneElsewhere`.
    """
    from crfs.store.jobs import begin, live_job

    job_id = job_id or uuid4()
    if live_key is not None:
        retire_jobs_of_the_dead(session.database, at=session.clock.now())
    claimed = begin(
        session.database, job_id=job_id, kind=kind, specification=specification, holder=holder(), at=session.clock.now(), lease=LEASE,
        again=not parks, live_key=live_key,
    )  # fmt: skip
    if claimed is None and live_key is not None and (other := live_job(session.database, live_key)) is not None:
        until = f" until {other.not_before:%Y-%m-%d %H:%M}Z" if other.state == "queued" and other.not_before is not None else ""
        by = f"waits{until}" if other.state == "queued" else f"is being done by {other.lease_holder}"
        raise DoneElsewhere(f"the same work is job {other.job_id}, which {by}: crfs jobs show {other.job_id} says how far it is")
    if claimed is None:
        raise DoneElsewhere(f"job {job_id} is being done elsewhere, or is done")
    return do_job(session, claimed, work, progress=progress, parks=parks)


def do_job(
    session: Session, job: Job, work: Callable[[JobContext], _Outcome], *, progress: Progress = no_progress, parks: bool = False
) -> _Outcome:
    """Do a claimed job and write its end; with ``parks``, one that :func:`may_go_on` is queued again until then."""
    from crfs.store.jobs import finish, park

    context = JobContext(session, job.fence, progress, parks=parks)
    try:
        with context.beating():
            outcome = work(context)
    except BaseException as error:
        try:
            if parks and (until := may_go_on(session, error)) is not None:
                park(session.database, job.fence, until=until, note=str(error))
            else:
                state = "cancelled" if isinstance(error, Cancelled | KeyboardInterrupt) else "failed"
                text = f"{type(error).__name__}: {error}"[:4000]
                finish(session.database, job.fence, state=state, at=session.clock.now(), error=text)
        except (CrfsError, OSError) as second:
            error.add_note(f"the ledger could not be told: {second}")
        raise
    finish(session.database, job.fence, state="succeeded", at=session.clock.now(), outcome=outcome.to_dict(), progress=context.told)
    return outcome


def may_go_on(session: Session, error: BaseException) -> datetime | None:
    """When a worker's job that ended so is to be done again: a quota starts anew, a source has rested, the worker was told to end; else None."""
    if isinstance(error, Stopped):
        return session.clock.now()
    return error.until if isinstance(error, QuotaExhausted | SourceRests) else None
