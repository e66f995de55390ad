"""The beat: Celery's scheduler, on the release calendars of the catalogue instead of a table of its own."""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery
from celery.beat import Scheduler
from kombu.exceptions import KombuError

from crfs.apps.worker.tasks import WORK
from crfs.errors import CrfsError
from crfs.workflows.alerts import watch_sources
from crfs.workflows.job_kinds import to_do
from crfs.workflows.session import Session
from crfs.workflows.streams import seconds_until_due, submit_due

_log = logging.getLogger("crfs.beat")
AT_MOST_SECONDS = 5.0
_WATCH_EVERY = 6
"""So many beats apart the rules of source health are evaluated."""
_SENT_AGAIN_AFTER = 12
"""So many beats after it was sent, the id of a job that nobody has claimed is sent again: its message may be lost."""


def scheduler_of(session: Session) -> type[Scheduler]:
    """A scheduler class for Celery's beat that queues what is due in a session's ledger, and sends the ids of what may be claimed."""

    class LedgerScheduler(Scheduler):  # type: ignore[misc]  # Celery ships no types
        def __init__(self, app: Celery, **options: Any) -> None:
            self._sent: dict[str, int] = {}
            self._beats = 0
            super().__init__(app, **options)

        def setup_schedule(self) -> None:
            """There is no table to set up: PostgreSQL has it."""

        def tick(self, *_: Any, **__: Any) -> float:
            """Queue and send; the seconds until the next beat."""
            self._beats += 1
            try:
                submit_due(session)
                if self._beats % _WATCH_EVERY == 1:
                    session.set_clock()
                    watch_sources(session)
                waiting = [str(job_id) for job_id in to_do(session)]
                for job_id in waiting:
                    if self._beats - self._sent.get(job_id, -_SENT_AGAIN_AFTER) >= _SENT_AGAIN_AFTER:
                        self.app.send_task(WORK, (job_id,), ignore_result=True)
                        self._sent[job_id] = self._beats
                self._sent = {job_id: beat for job_id, beat in self._sent.items() if job_id in set(waiting)}
                return max(0.2, seconds_until_due(session, at_most=AT_MOST_SECONDS))
            except (CrfsError, OSError, KombuError) as error:  # a broker that is away is asked again at the next beat
                _log.warning("beat_failed error=%s", error)
                self._revive()
                return AT_MOST_SECONDS
            except Exception:  # noqa: BLE001 (a fault of ours, whatever it is: a beat that ends would end every stream without a word)
                _log.exception("beat_failed")
                return AT_MOST_SECONDS

        def _revive(self) -> None:
            """Have embedded servers that have died start again: there is nobody else here who would."""
            try:
                session.revive()
            except CrfsError as error:
                _log.warning("beat_failed error=%s", error)

    return LedgerScheduler
