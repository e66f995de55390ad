"""A worker's loop: take what the ledger has to do, one job after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable

from crfs.errors import Conflict, CrfsError
from crfs.workflows.risk_jobs import unfinished, work_on
from crfs.workflows.session import Session


def work_off(session: Session, *, stop: threading.Event, poll_seconds: float = 1.0, tell: Callable[[str], None] = lambda _: None) -> int:
    """Do queued jobs, and those whose worker has died, until ``stop`` is set; how many were done.

    The ledger is the truth: a job is claimed before it is done, so that many workers may run side by side. One that fails is written
    into the ledger as failed, and the loop goes on.
    """
    done = 0
    while not stop.is_set():
        for job_id in unfinished(session):
            if stop.is_set():
                return done
            try:
                outcome = work_on(session, job_id)
            except Conflict:
                continue  # another worker was quicker
            except CrfsError as error:
                tell(f"{job_id} failed: {error}")
            else:
                tell(f"{job_id} done: {outcome.get('run_id', '')}")
            done += 1
        stop.wait(poll_seconds)
    return done
