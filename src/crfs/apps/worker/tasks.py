"""The Celery application: its messages carry ids of jobs and nothing else; the ledger in PostgreSQL is the truth.

A message that is lost, doubled or late changes nothing: the beat sends the ids of all jobs that may be claimed, again and again until
they are, and a job is claimed in the ledger before it is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from celery import Celery

from crfs.errors import CrfsError, DoneElsewhere
from crfs.workflows.job_kinds import work_on

if TYPE_CHECKING:
    from crfs.workflows.session import Session

WORK = "crfs.work"
_log = logging.getLogger("crfs.worker")


def application(broker_url: str, session: Callable[[], Session], *, ended: Callable[[], object] = lambda: None) -> Celery:
    """An application on a broker, whose tasks work in the session that ``session`` hands out; ``ended`` is called after each job."""
    app = Celery("crfs", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_store_eager_result=False,
        task_acks_late=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 3600},
        task_default_queue="crfs",
        beat_schedule={},
    )

    def work(job_id: str) -> None:
        try:
            outcome = work_on(session(), UUID(job_id), parks=True)
        except DoneElsewhere:
            return  # another worker was quicker, or the message is an old one
        except CrfsError as error:
            _log.warning("job_failed job_id=%s error=%s: %s", job_id, type(error).__name__, error)
        except Exception as error:  # a fault of ours: Celery writes its traceback, without a word of the job
            _log.error("job_failed job_id=%s error=%s: %s", job_id, type(error).__name__, error)
            raise
        else:
            if "parked_until" in outcome:
                _log.warning("job_parked job_id=%s until=%s", job_id, outcome["parked_until"])
            else:
                _log.info("job_done job_id=%s", job_id)
        ended()

    app.task(name=WORK, shared=False)(work)  # shared: every other application of the process would have it too
    return app


def broker_of(session: Session) -> str:
    """Where ids travel: the broker that is set, else Redis; a Unix socket is spelt as Celery wants it."""
    url = session.settings.broker.url or session.redis_url
    if not url:
        from crfs.errors import ServiceUnavailable

        raise ServiceUnavailable("no broker: set CRFS_BROKER__URL or CRFS_REDIS__URL, or unset CRFS_STORE__URL for the embedded servers")
    return url.replace("unix://", "redis+socket://", 1) if url.startswith("unix://") else url
