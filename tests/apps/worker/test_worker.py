"""A worker in a process of its own, on a real store: it does what was queued, and takes over from one that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from crfs.workflows.book_jobs import submit_question
from crfs.workflows.book_runs import Question
from crfs.workflows.books import land_book
from crfs.workflows.ledger import show_job
from crfs.workflows.packaged import packaged_factor_model
from crfs.workflows.portfolio_risk import RISK
from crfs.workflows.session import Session, open_session
from tests.places import servers_folder

BOOK = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\n" + "".join(
    f"F{number},O{number},{1000 + number},0.4,0.02,0.2,retail_pacific\n" for number in range(60)
)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with servers_folder("worker") as folder, open_session(data_dir=folder / "data") as opened:
        yield opened


def queued(session: Session, *, max_scenarios: int, seed: int) -> UUID:
    book = {"kind": "payload", "sha256": land_book(session, BOOK.encode(), Path("book.csv")), "format": "csv"}
    options = {"max_scenarios": max_scenarios, "seed": seed, "rel_tol": 1e-9}
    return submit_question(
        session, Question(kind=RISK, book=book, settings={"factor_model": packaged_factor_model()}, options=options, models=())
    )


def working(session: Session) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "crfs.apps.worker", str(session.data_dir)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


def state(session: Session, job_id: UUID, *wanted: str) -> str:
    for _ in range(600):
        found: str = show_job(session, job_id)["state"]
        if found in wanted:
            return found
        time.sleep(0.05)
    raise AssertionError(f"job {job_id} stayed {found}")


def test_a_worker_does_what_is_queued_and_ends_when_told(session: Session) -> None:
    jobs = [queued(session, max_scenarios=4_000, seed=seed) for seed in (1, 2)]
    process = working(session)
    assert [state(session, job, "succeeded", "failed") for job in jobs] == ["succeeded"] * 2
    process.terminate()
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert output.splitlines()[-1] == "2 jobs done"


def test_another_worker_takes_over_from_one_that_was_killed(session: Session) -> None:
    job = queued(session, max_scenarios=60_000_000, seed=3)
    process = working(session)
    state(session, job, "running")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with session.database.writing() as connection:  # rather than wait for a minute
        connection.exec_driver_sql("UPDATE crfs.job SET lease_until = now() - interval '1 second', specification = jsonb_set(specification, "
                                   "'{run,max_scenarios}', '4000') WHERE job_id = %s", (job,))  # fmt: skip
    successor = working(session)
    assert state(session, job, "succeeded", "failed") == "succeeded"
    assert show_job(session, job)["attempts"] == 2
    successor.terminate()
    successor.communicate(timeout=30)


def test_the_last_worker_gives_its_job_back_before_it_gives_up_the_servers(tmp_path: Path) -> None:
    with open_session(data_dir=tmp_path / "data") as opened:
        job = queued(opened, max_scenarios=60_000_000, seed=4)
        process = subprocess.Popen(
            [sys.executable, "-m", "crfs.apps.worker", str(opened.data_dir)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        state(opened, job, "running")
    process.terminate()
    output, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"job_parked job_id={job}" in told
    assert "Traceback" not in told
    assert "ack" not in told
    assert output.splitlines()[-1] == "1 jobs done"
    with open_session(data_dir=tmp_path / "data") as opened:
        assert show_job(opened, job)["state"] == "queued"
