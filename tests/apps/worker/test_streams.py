"""A worker with its beat, on a real store and broker: what is due is asked within seconds, lost messages and killed workers lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import redis

from crfs.apps.worker.beat import scheduler_of
from crfs.apps.worker.tasks import application, broker_of
from crfs.credit.catalogue import packaged_catalogue
from crfs.ops.datatier import status
from crfs.store.jobs import jobs
from crfs.store.source_states import schedule_stream
from crfs.workflows.holders import retire_jobs_of_the_dead
from crfs.workflows.session import Session, open_session
from tests.places import servers_folder
from tests.sources.fred_server import KEY, FredServer, fred_server, told_at_once

pytestmark = pytest.mark.servers
CLAIMS = "fred/claims"
SERIES = ("ICSA", "CCSA", "IC4WSA")


@dataclass(frozen=True, kw_only=True)
class Office:
    """A store with FRED beside it."""

    session: Session
    fred: FredServer
    workers: list[subprocess.Popen[str]]

    def worker(self, *words: str, **settings: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "crfs.apps.worker", str(self.session.data_dir), *words],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **settings},
        )
        self.workers.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        return process

    def due(self) -> None:
        schedule_stream(self.session.database, "fred", "claims", due_at=self.session.clock.now())

    def jobs(self) -> list[Any]:
        return [job for job in jobs(self.session.database) if job.kind == "stream"]

    def wait(self, count: int, *, seconds: float = 30.0) -> Any:
        """The newest job, when so many have succeeded."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.jobs()
            if sum(job.state == "succeeded" for job in found) >= count:
                return found[0]
            time.sleep(0.05)
        raise AssertionError([(job.state, job.error, job.progress_note) for job in self.jobs()])


def ended(*processes: subprocess.Popen[str]) -> list[int]:
    """Tell workers to stop; how many jobs each has done."""
    for process in processes:
        process.terminate()
    return [int(process.communicate(timeout=30)[0].split()[-3]) for process in processes]


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with pytest.MonkeyPatch.context() as patch, fred_server() as fred, servers_folder("office") as folder:
        patch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
        patch.setenv("CRFS_SOURCES__FRED__MIRROR", fred.address)
        patch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "1000")
        patch.setenv("CRFS_SCHEDULE__STREAMS", CLAIMS)
        for series in SERIES:
            values = {date(2026, 1, 3) + timedelta(days=7 * number): 200_000.0 + number for number in range(8)}
            fred.series[series] = told_at_once(series, values, on=date(2026, 3, 4))
        fred.now = datetime.now(UTC)
        with open_session(data_dir=folder / "data") as session:
            made = Office(session=session, fred=fred, workers=[])
            yield made
            for worker in made.workers:
                if worker.poll() is None:  # a failed test has left it
                    worker.kill()
                    worker.communicate()


def test_a_stream_that_is_due_is_asked_within_seconds_by_one_of_two_workers_once(office: Office) -> None:
    """Both have a beat. The first time it is due at once; then when its time has come."""
    workers = [office.worker(), office.worker()]
    first = office.wait(1, seconds=20)
    assert first.outcome["ingest"]["payloads"] == 9  # and none of vintages when it is asked again, since there are no new ones
    asked, began = office.fred.count, time.monotonic()
    office.due()
    assert office.wait(2, seconds=20).attempts == 1
    assert time.monotonic() - began < 15
    assert office.fred.count - asked == 6
    assert sum(ended(*workers)) == 2
    assert len(office.jobs()) == 2


def test_a_lost_message_is_sent_again(office: Office) -> None:
    """The broker forgets everything, bindings and all, while a worker listens; beats go by here as fast as we like."""
    before = len(office.jobs())
    app = application(broker_of(office.session), lambda: office.session)
    scheduler = scheduler_of(office.session)(app, lazy=True)
    broker = redis.Redis.from_url(office.session.redis_url or "")
    office.due()
    scheduler.tick()
    assert broker.llen("crfs") == 1
    worker = None
    try:
        broker.flushall()
        worker = office.worker("--no-beat")
        assert len(office.jobs()) == before + 1
        broker.flushall()
        for _ in range(11):
            scheduler.tick()
        assert office.jobs()[0].state == "queued"
        scheduler.tick()
        office.wait(before + 1, seconds=15)
    finally:
        broker.close()
        if worker is not None:
            ended(worker)


def test_a_beat_lives_on_when_the_broker_is_away(office: Office, tmp_path: Path) -> None:
    app = application(f"redis+socket://{tmp_path}/nobody", lambda: office.session)
    app.conf.update(broker_connection_retry=False, broker_connection_timeout=0.2, task_publish_retry=False)
    scheduler = scheduler_of(office.session)(app, lazy=True)
    office.due()
    assert scheduler.tick() > 0
    queued = [job for job in office.jobs() if job.state == "queued"]
    assert len(queued) == 1
    worker = office.worker()
    office.wait(len(office.jobs()))
    ended(worker)


def test_a_beat_lives_on_after_a_fault_of_ours_and_says_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(broker_of(office.session), lambda: office.session)
    scheduler = scheduler_of(office.session)(app, lazy=True)
    office.due()
    with monkeypatch.context() as patch:
        patch.setattr(app, "send_task", lambda *_, **__: 1 // 0)
        assert scheduler.tick() > 0
    assert "ZeroDivisionError" in caplog.text
    assert scheduler.tick() > 0
    worker = office.worker()
    office.wait(len(office.jobs()))
    ended(worker)


def test_another_worker_finishes_what_a_killed_one_began(office: Office) -> None:
    before = len(office.jobs())
    begun, go_on = threading.Event(), threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        go_on.wait(30)
        office.fred.failing = None
        office.fred(handler)

    office.fred.failing = slowly
    office.due()
    worker = office.worker()
    assert begun.wait(20)
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate()
    go_on.set()
    office.fred.failing = None
    [job] = [job for job in office.jobs() if job.state == "running"]
    with office.session.database.writing() as connection:  # rather than wait for a minute
        connection.exec_driver_sql("UPDATE crfs.job SET lease_until = now() - interval '1 second' WHERE job_id = %s", (job.job_id,))
    successor = office.worker()
    done = office.wait(before + 1)
    assert (done.job_id, done.attempts) == (job.job_id, 2)
    assert ended(successor) == [1]


def test_two_workers_keep_the_limit_together_as_the_provider_counts_it(office: Office) -> None:
    """Four streams of 21 series, all due at once; one job at a time each, and at most 15 questions in any second."""
    streams = ("job_openings", "cpi", "producer_prices", "labour_costs")
    names = [name for stream in streams for name in office.session.streams[f"fred/{stream}"].series]
    days = [date(2020 + number // 12, 1 + number % 12, 1) for number in range(70)]
    catalogue = packaged_catalogue()
    for name in names:
        factor = catalogue.of_entity("fred_series", name)[0]
        assert factor.minimum is not None
        assert factor.maximum is not None
        middle = (factor.minimum + factor.maximum) / 2.0 / factor.scale  # within the valid range, whatever the unit
        office.fred.series[name] = told_at_once(name, {day: middle * (1.0 + k / 1000) for k, day in enumerate(days)}, on=date(2026, 3, 4))
    before, began = len(office.jobs()), office.fred.count
    settings = {"CRFS_SCHEDULE__STREAMS": ",".join(f"fred/{stream}" for stream in streams), "CRFS_SOURCES__FRED__REQUESTS_PER_SECOND": "15"}

    def due(at: datetime) -> None:
        for stream in streams:
            schedule_stream(office.session.database, "fred", stream, due_at=at)

    due(office.session.clock.now() + timedelta(days=1))  # nothing is to do before both are there to do it
    workers = [office.worker("--concurrency", "1", **settings) for _ in range(2)]
    due(office.session.clock.now())
    office.wait(before + 4)
    done = ended(*workers)
    asked = sorted(request.at for request in office.fred.server.asked[began:])
    assert len(asked) == 3 * len(names)
    assert max(sum(start <= time < start + 1.0 for time in asked) for start in asked) <= 15
    assert min(done) >= 1


def test_a_worker_that_is_told_to_end_twice_ends_at_once_and_its_job_is_not_lost(office: Office) -> None:
    """The first time it waits for the answer that it has asked for."""
    begun, go_on = threading.Event(), threading.Event()

    def never(_handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        go_on.wait(60)

    office.fred.failing = never
    office.due()
    worker = office.worker()
    assert begun.wait(20)
    worker.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.communicate(timeout=1)
    worker.terminate()
    worker.communicate(timeout=10)
    assert worker.returncode == 130
    go_on.set()
    office.fred.failing = None
    assert retire_jobs_of_the_dead(office.session.database, at=office.session.clock.now()) == 1
    successor = office.worker()
    assert office.wait(1 + sum(job.state == "succeeded" for job in office.jobs())).attempts == 2
    ended(successor)


def test_a_beat_starts_embedded_servers_that_have_died_again(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    app = application(broker_of(office.session), lambda: office.session)
    scheduler = scheduler_of(office.session)(app, lazy=True)
    assert office.session.data_dir is not None
    server = status(office.session.data_dir).pids["postgres"]
    os.kill(server, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and status(office.session.data_dir).pids.get("postgres") in (server, None):
        scheduler.tick()
    assert "beat_failed" in caplog.text
    caplog.clear()
    scheduler.tick()
    assert "beat_failed" not in caplog.text
    assert office.jobs()
