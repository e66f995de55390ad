"""The job ledger around real work: progress, a death in the middle, somebody who takes over, a request to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from crfs.errors import Cancelled, Conflict, DoneElsewhere, ServiceUnavailable
from crfs.ops.clock import SystemClock
from crfs.store.jobs import claim, finish, job, request_cancel, submit
from crfs.store.publication import BatchKind, BatchNote, publication
from crfs.workflows.holders import holder
from crfs.workflows.jobs import LEASE, JobContext, do_job, run_job
from crfs.workflows.session import Session, open_session
from tests.store.conftest import administering

pytestmark = [pytest.mark.servers, pytest.mark.journey]


@dataclass(frozen=True)
class Counted:
    """An outcome."""

    steps: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"steps": self.steps}


WORKER = """
import sys, time
from uuid import UUID
from crfs.workflows.jobs import run_job
from crfs.workflows.session import open_session
def work(context):
    for step in range(1000):
        context.progress("counting", step, 1000)
        if step == 3:
            context.beat()
            print("under way", flush=True)
        time.sleep(0.05)
with open_session(sys.argv[1]) as session:
    run_job(session, "count", {"to": 1000}, work, job_id=UUID(sys.argv[2]))
"""


def interrupted(url: str) -> UUID:
    """A job whose process is killed in the middle."""
    job_id = uuid4()
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, url, str(job_id)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "under way\n"
        process.send_signal(signal.SIGKILL)
    return job_id


def elsewhere(url: str, job_id: UUID) -> None:
    """Have the job held by a process of another host, of which nobody here knows whether it lives."""
    with administering(sa.make_url(url)) as connection:
        connection.exec_driver_sql("UPDATE crfs.job SET lease_holder = 'another-host:4711' WHERE job_id = %s", (job_id,))


def count(context: JobContext) -> Counted:
    context.progress("counting", 1000, 1000)
    return Counted(steps=1000)


def test_an_interrupted_job_is_taken_over_when_its_lease_has_run_out(new_store: Callable[[], str]) -> None:
    url = new_store()
    dead = interrupted(url)
    elsewhere(url, dead)
    with open_session(url) as session:
        left = job(session.database, dead)
        assert (left.state, left.progress_done, left.progress_note) == ("running", 3, "counting")
        now = session.clock.now()
        # The lease holds: nobody takes the job, and nobody has to wait for it to do something else, or the same anew.
        assert claim(session.database, holder=holder(), at=now, lease=LEASE) is None
        with pytest.raises(Conflict, match="done elsewhere"):
            run_job(session, "count", {"to": 1000}, count, job_id=dead)
        assert run_job(session, "count", {"to": 1000}, count).steps == 1000

        taken = claim(session.database, holder=holder(), at=now + LEASE, lease=LEASE)
        assert taken is not None
        assert (taken.job_id, taken.attempts, taken.specification) == (dead, 2, {"to": 1000})
        do_job(session, taken, count)
        done = job(session.database, dead)
        assert (done.state, done.outcome, done.error) == ("succeeded", {"steps": 1000}, None)
        with pytest.raises(Conflict, match="lost its lease"):  # had the first one only slept
            finish(session.database, left.fence, state="succeeded", at=now)
        with (
            pytest.raises(Conflict, match="lost its lease"),
            publication(session.database, BatchNote(kind=BatchKind.INGEST, at=now, fence=left.fence)),
        ):
            raise AssertionError("a batch was opened")


def test_a_job_that_nobody_takes_over_has_failed_when_the_store_is_opened_again_and_can_be_had_by_its_id(
    new_store: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_store()
    dead = interrupted(url)
    elsewhere(url, dead)
    with open_session(url) as session:
        assert job(session.database, dead).state == "running"
        clock = session.clock

    class Later:
        def now(self) -> Any:
            return clock.now() + LEASE + timedelta(minutes=10)

    with open_session(url, clock=Later()) as session:
        ended = job(session.database, dead)
        assert ended.state == "failed"
        assert "ended without a word" in (ended.error or "")
        assert claim(session.database, holder=holder(), at=session.clock.now(), lease=LEASE) is None
        assert run_job(session, "count", {"to": 1000}, count, job_id=dead).steps == 1000
        again = job(session.database, dead)
        assert (again.state, again.attempts, again.error) == ("succeeded", 2, None)


def test_a_job_whose_process_is_dead_has_ended_when_the_store_is_opened_again_and_one_for_workers_waits_again(
    new_store: Callable[[], str],
) -> None:
    url = new_store()
    dead = interrupted(url)
    with administering(sa.make_url(url)) as connection:
        gone = connection.exec_driver_sql("SELECT lease_holder FROM crfs.job WHERE job_id = %s", (dead,)).scalar_one()
    with open_session(url) as session:
        ended = job(session.database, dead)
        assert (ended.state, ended.lease_until) == ("failed", None)
        assert ended.finished_at is not None
        assert ended.error == f"its process ({gone}) is dead; run the same command again"

        now, ids = session.clock.now(), [uuid4() for _ in range(3)]
        for job_id in ids:
            submit(session.database, job_id=job_id, kind="risk-run", specification={}, at=now)
            for _ in range(3 if job_id == ids[1] else 1):
                assert claim(session.database, holder=gone, at=now + 2 * LEASE * ids.index(job_id), lease=-LEASE, job_id=job_id) is not None
        request_cancel(session.database, ids[2], at=now)
        mine = uuid4()
        submit(session.database, job_id=mine, kind="risk-run", specification={}, at=now)
        assert claim(session.database, holder=holder(), at=now, lease=LEASE, job_id=mine) is not None
        with open_session(url):
            pass
        assert [job(session.database, job_id).state for job_id in [*ids, mine]] == ["queued", "failed", "cancelled", "running"]


def test_a_server_that_does_not_answer_for_a_moment_does_not_cost_the_lease(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    import crfs.store.jobs as ledger
    import crfs.workflows.jobs as at_work

    told: list[type[Exception] | None] = []
    trouble = iter([ServiceUnavailable, None, ServiceUnavailable, None, DoneElsewhere, None])
    beat, over = ledger.heartbeat, threading.Event()

    def heartbeat(*given: Any, **named: Any) -> bool:
        kind = next(trouble)
        told.append(kind)
        if kind is DoneElsewhere:
            over.set()
        if kind is not None:
            raise kind("for a moment")
        return beat(*given, **named)

    monkeypatch.setattr(ledger, "heartbeat", heartbeat)
    monkeypatch.setattr(at_work, "BEAT_SECONDS", 0.02)

    def work(context: JobContext) -> Counted:
        before = job(session.database, context.fence.job_id).lease_until
        assert over.wait(20)
        time.sleep(0.1)  # time for a beat that must not come
        after = job(session.database, context.fence.job_id).lease_until
        assert before is not None
        assert after is not None
        assert after > before
        return Counted(steps=1)

    run_job(session, "count", {}, work)
    assert told == [ServiceUnavailable, None, ServiceUnavailable, None, DoneElsewhere], "a lease that another worker has is given up"


def test_a_running_job_that_is_asked_to_stop_stops_and_says_so(session: Session) -> None:
    asked: list[UUID] = []

    def work(context: JobContext) -> Counted:
        for step in range(1_000):
            if step == 2:
                asked.append(context.fence.job_id)
                request_cancel(session.database, context.fence.job_id, at=session.clock.now())
                context.beat()
            context.progress("counting", step, 1_000)
        return Counted(steps=1_000)

    with pytest.raises(Cancelled):
        run_job(session, "count", {}, work)
    ended = job(session.database, asked[0])
    assert (ended.state, ended.progress_done, ended.outcome) == ("cancelled", 1, None)

    queued = submit(session.database, job_id=uuid4(), kind="count", specification={}, at=session.clock.now())
    assert request_cancel(session.database, queued.job_id, at=session.clock.now()).state == "cancelled"
    assert claim(session.database, holder=holder(), at=session.clock.now(), lease=LEASE) is None


def test_an_error_ends_a_job_as_failed_with_its_words(session: Session) -> None:
    def work(context: JobContext) -> Counted:
        time.sleep(0)
        raise Conflict(f"no luck in {context.fence.job_id}")

    job_id = uuid4()
    with pytest.raises(Conflict, match="no luck"):
        run_job(session, "count", {}, work, job_id=job_id)
    ended = job(session.database, job_id)
    assert (ended.state, ended.error) == ("failed", f"Conflict: no luck in {job_id}")


def test_work_that_is_done_here_and_now_is_never_left_waiting_in_the_queue(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by a kill between the writing of a job and its claim: both are one transaction."""
    import crfs.store.jobs as ledger

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ledger, "_claim", dies)
    with pytest.raises(KeyboardInterrupt):
        run_job(session, "count", {}, count)
    assert ledger.jobs(session.database) == []


def test_a_machine_whose_clock_is_ahead_takes_no_job_that_another_one_is_doing(
    new_store: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    url, ahead = new_store(), timedelta(seconds=90)
    with open_session(url) as session, open_session(url, clock=SystemClock(lambda: datetime.now(UTC) + ahead)) as off:
        assert "this machine's clock is 90 s ahead of the store's" in caplog.text
        job_id = uuid4()
        submit(session.database, job_id=job_id, kind="risk-run", specification={}, at=session.clock.now())
        assert claim(session.database, holder="elsewhere:1", at=session.clock.now(), lease=LEASE, job_id=job_id) is not None
        assert claim(off.database, holder=holder(), at=off.clock.now(), lease=LEASE, job_id=job_id) is None
        assert abs(off.clock.now() - session.clock.now()) < timedelta(seconds=5)
