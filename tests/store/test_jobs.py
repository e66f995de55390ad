"""The job ledger: one holder at a time, and who has lost the lease writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import polars as pl
import pytest

from crfs.errors import Conflict, DoneElsewhere, NotFound
from crfs.store.answers import AnswerKey
from crfs.store.database import Database
from crfs.store.jobs import Job, claim, finish, heartbeat, job, jobs, park, request_cancel, retire_dead, submit
from crfs.store.payloads import keep_rejected
from crfs.store.publication import Fence
from crfs.store.quarantine import hold, keep_shape
from crfs.store.source_states import (
    end_slice,
    park_source,
    plan_slices,
    schedule_stream,
    source_failed,
    source_state,
    source_succeeded,
    stream_failed,
    stream_states,
    stream_succeeded,
)
from tests.store.deliveries import NOW, dataset, rows, stored, write

LEASE = timedelta(minutes=1)


@pytest.fixture
def database(module_database: Database) -> Database:
    return module_database


def submitted(database: Database) -> Job:
    return submit(database, job_id=uuid4(), kind="ingest", specification={"source": "fred", "n": [1, None]}, at=NOW)


def claimed(database: Database, holder: str = "w1", *, after: timedelta = timedelta(0), of: Job | None = None) -> Job:
    found = claim(database, holder=holder, at=NOW + after, lease=LEASE, job_id=(of or submitted(database)).job_id)
    assert found is not None
    return found


def test_a_job_from_submission_to_its_outcome(database: Database) -> None:
    queued = submitted(database)
    assert (queued.state, queued.attempts, queued.actor) == ("queued", 0, "tester")
    assert submit(database, job_id=queued.job_id, kind="other", specification={}, at=NOW) == queued, "the same id is the same job"
    running = claimed(database, of=queued)
    assert (running.state, running.lease_holder, running.attempts, running.fencing_token) == ("running", "w1", 1, 1)
    assert running.lease_until == NOW + LEASE
    assert running.specification == {"source": "fred", "n": [1, None]}
    assert heartbeat(database, running.fence, at=NOW + LEASE / 2, lease=LEASE, done=3, total=9, note="vintages") is False
    beating = job(database, running.job_id)
    assert (beating.lease_until, beating.progress_done, beating.progress_total) == (NOW + LEASE * 1.5, 3, 9)
    finish(database, running.fence, state="succeeded", at=NOW + LEASE, outcome={"batches": [1]})
    done = job(database, running.job_id)
    assert (done.state, done.outcome, done.finished_at, done.lease_until) == ("succeeded", {"batches": [1]}, NOW + LEASE, None)
    assert claim(database, holder="w2", at=NOW + 9 * LEASE, lease=LEASE, job_id=queued.job_id) is None
    assert jobs(database, limit=1_000)[0].created_at == NOW


def test_a_job_ends_whatever_its_error_and_its_outcome_quote(database: Database) -> None:
    """Else it would never end, and be done again for ever."""
    said = "NUL \0, ESC \x1b[2J, half a pair \ud800"
    failed, told = claimed(database), claimed(database)
    finish(database, failed.fence, state="failed", at=NOW, error=f"ValueError: {said}")
    assert job(database, failed.job_id).error == "ValueError: NUL \ufffd, ESC \ufffd[2J, half a pair \ufffd"
    finish(database, told.fence, state="succeeded", at=NOW, outcome={"reason": "NUL \0 and \\0, \\u0000 and \\\0"})
    assert job(database, told.job_id).outcome == {"reason": "NUL \ufffd and \\0, \\u0000 and \\\ufffd"}
    source_failed(database, "x", at=NOW, error=said)
    stream_failed(database, "x", "y", at=NOW, error=said)
    assert source_state(database, "x").failures == stream_states(database)["x/y"].failures == 1


def test_a_lease_that_holds_cannot_be_taken_and_one_that_ran_out_can(database: Database) -> None:
    first = claimed(database)
    assert claim(database, holder="w2", at=NOW + LEASE, lease=LEASE, job_id=first.job_id) is None
    second = claimed(database, "w2", after=LEASE * 1.1, of=first)
    assert (second.lease_holder, second.attempts, second.fencing_token) == ("w2", 2, 2)


def test_a_worker_that_wakes_after_its_lease_ran_out_can_write_nothing(database: Database) -> None:
    zombie = claimed(database)
    present = claimed(database, "w2", after=2 * LEASE, of=zombie)
    definition = dataset()
    with pytest.raises(Conflict, match="lost its lease"):
        write(database, definition, rows([1.0]), fence=zombie.fence)
    with pytest.raises(Conflict, match="this one stops"):
        heartbeat(database, zombie.fence, at=NOW, lease=LEASE)
    with pytest.raises(Conflict, match="not kept"):
        finish(database, zombie.fence, state="succeeded", at=NOW)
    assert stored(database, definition) == []
    assert write(database, definition, rows([1.0]), fence=present.fence).batch_id is not None
    finish(database, present.fence, state="failed", at=NOW, error="no such series")
    with pytest.raises(Conflict, match="lost its lease"):
        write(database, definition, rows([2.0], valid=1), fence=present.fence)
    assert job(database, zombie.job_id).error == "no such series"


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_at_its_next_heartbeat(database: Database) -> None:
    queued, running = submitted(database), claimed(database)
    assert request_cancel(database, queued.job_id, at=NOW).state == "cancelled"
    assert claim(database, holder="w2", at=NOW, lease=LEASE, job_id=queued.job_id) is None
    assert request_cancel(database, running.job_id, at=NOW).state == "running"
    assert heartbeat(database, running.fence, at=NOW, lease=LEASE) is True
    finish(database, running.fence, state="cancelled", at=NOW)
    assert request_cancel(database, running.job_id, at=NOW + LEASE).finished_at == NOW


def test_many_workers_take_each_job_once_the_oldest_first(own_database: Database) -> None:
    ids = [
        submit(own_database, job_id=uuid4(), kind="ingest", specification={}, at=NOW + timedelta(seconds=number)).job_id
        for number in range(12)
    ]
    first = claim(own_database, holder="w", at=NOW, lease=LEASE)
    assert first is not None
    assert first.job_id == ids[0]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: claim(own_database, holder=f"w{number}", at=NOW, lease=LEASE), range(16)))
    assert sorted(str(found.job_id) for found in taken if found) == sorted(map(str, ids[1:]))


def test_a_job_that_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound, match="no job has the id"):
        job(database, uuid4())


def test_parking_gives_the_attempt_back_so_that_a_death_after_it_is_the_first(database: Database) -> None:
    queued = submit(database, job_id=uuid4(), kind="stream", specification={"stream": "x/y"}, at=NOW, live_key=f"stream:{uuid4()}")
    for _ in range(3):
        park(database, claimed(database, of=queued).fence, until=NOW, note="25 a day")
    assert claimed(database, "dead", of=queued).attempts == 1
    assert retire_dead(database, at=NOW, is_dead=lambda holder: holder == "dead") == 1
    assert job(database, queued.job_id).state == "queued"


def test_why_a_job_was_parked_is_not_said_of_it_once_it_goes_on(database: Database) -> None:
    queued = submitted(database)
    first = claimed(database, of=queued)
    heartbeat(database, first.fence, at=NOW, lease=LEASE, done=1, total=9, note="the first year")
    park(database, first.fence, until=NOW, note="25 a day")
    assert job(database, queued.job_id).progress_note == "25 a day"
    again = claimed(database, of=queued)
    assert (again.progress_note, again.progress_done, again.progress_total) == (None, 1, 9)
    finish(database, again.fence, state="succeeded", at=NOW, outcome={}, progress=("the last year", 9, 9))
    done = job(database, queued.job_id)
    assert (done.state, done.progress_note, done.progress_done, done.progress_total) == ("succeeded", "the last year", 9, 9)


def test_a_job_that_tells_no_progress_ends_without_the_note_of_its_parking(database: Database) -> None:
    queued = submitted(database)
    park(database, claimed(database, of=queued).fence, until=NOW, note="25 a day")
    finish(database, claimed(database, of=queued).fence, state="succeeded", at=NOW)
    assert job(database, queued.job_id).progress_note is None


_SHA = "0" * 64
_ANSWER = AnswerKey("z", "s", _SHA)
WRITES: dict[str, Callable[[Database, Fence], object]] = {
    "source_succeeded": lambda database, fence: source_succeeded(database, "z", at=NOW, fence=fence),
    "source_failed": lambda database, fence: source_failed(database, "z", at=NOW, error="silence", fence=fence),
    "park_source": lambda database, fence: park_source(database, "z", until=NOW, reason="quota", fence=fence),
    "schedule_stream": lambda database, fence: schedule_stream(database, "z", "s", due_at=NOW, fence=fence),
    "stream_succeeded": lambda database, fence: stream_succeeded(database, "z", "s", at=NOW, watermark=None, news=True, fence=fence),
    "stream_failed": lambda database, fence: stream_failed(database, "z", "s", at=NOW, error="silence", fence=fence),
    "plan_slices": lambda database, fence: plan_slices(database, "z", "s", [("", NOW.date(), NOW.date())], at=NOW, fence=fence),
    "end_slice": lambda database, fence: end_slice(database, "z", "s", NOW.date(), at=NOW, fence=fence, error="silence"),
    "keep_rejected": lambda database, fence: keep_rejected(
        database, _ANSWER, "1", pl.DataFrame({"row": [1], "column": ["x"], "reason": ["malformed"], "detail": ["1,5"]}), fence
    ),
    "hold": lambda database, fence: hold(
        database, _ANSWER, parser_version="1", rule="row_drop", detail="", evidence={}, at=NOW, fence=fence
    ),
    "keep_shape": lambda database, fence: keep_shape(
        database, "z", "s", sha256=_SHA, row_count=1, shape={}, newest=None, at=NOW, fence=fence
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_worker_that_lost_its_lease_changes_no_state_that_others_go_by(database: Database, name: str) -> None:
    zombie = claimed(database)
    claimed(database, "w2", after=LEASE * 2, of=zombie)
    with pytest.raises(DoneElsewhere, match="lost its lease"):
        WRITES[name](database, zombie.fence)
    assert (source_state(database, "z").failures, source_state(database, "z").parked_until) == (0, None)
    assert "z/s" not in stream_states(database)
