"""What one application holds: the open store, the pool that does jobs, and the way back when a server has died."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from crfs.apps.api.problems import TooManyJobs
from crfs.errors import CrfsError, ServiceUnavailable
from crfs.workflows.session import Session, open_session

if TYPE_CHECKING:
    Outcome = Future[dict[str, Any]]

_log = logging.getLogger(__name__)


class Service:
    """One session for the life of the application; ``jobs`` at once are done, ``waiting`` more may wait, and then it is full."""

    def __init__(self, session: Session | None, *, url: str | None, data_dir: Path | str | None, jobs: int = 2, waiting: int = 16) -> None:
        self._given = session
        self._session = session
        self._url = url
        self._data_dir = data_dir
        self._places = threading.BoundedSemaphore(jobs + waiting)
        self._pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="crfs-job")
        self._reviving = threading.Lock()

    @property
    def session(self) -> Session:
        """The open store; before it is open, and after, an error that says to ask later."""
        if self._session is None:
            raise ServiceUnavailable("the store is not open yet; ask again in a moment")
        return self._session

    def open(self) -> None:
        """Open the store and take up the jobs that an earlier process left."""
        from crfs.workflows.asked_for import ASKED_FOR
        from crfs.workflows.job_kinds import to_do

        if self._session is None:
            self._session = open_session(self._url, data_dir=self._data_dir)
        for job_id in to_do(self._session, ASKED_FOR):
            try:
                self.do(job_id)
            except TooManyJobs:
                return

    def close(self) -> None:
        """Let the jobs that run come to their end, leave those that wait to the next process, and close the store if it was opened here."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        session, self._session = self._session, None
        if session is not None and self._given is None:
            session.close()

    def room(self) -> None:
        """Refuse new work while the pool is full; asked before anything is written."""
        if not self._places.acquire(blocking=False):
            raise TooManyJobs("as many jobs are waiting as this service takes; ask again in a few seconds")
        self._places.release()

    def do(self, job_id: UUID) -> Outcome:
        """Do a queued job in the pool."""
        from crfs.workflows.job_kinds import work_on

        if not self._places.acquire(blocking=False):
            raise TooManyJobs(f"job {job_id} is queued, and as many are waiting as this service takes; it is done when it starts again")
        try:
            future = self._pool.submit(work_on, self.session, job_id)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(self._finished)
        return future

    def _finished(self, future: Outcome) -> None:
        self._places.release()
        if not future.cancelled() and (error := future.exception()) is not None:
            _log.warning("job_failed error=%s", error, exc_info=None if isinstance(error, CrfsError) else error)

    def revive(self) -> None:
        """Bring a dead embedded server back, in the background; the requests meanwhile are told to ask again."""
        if self._session is None or not self._reviving.acquire(blocking=False):
            return
        threading.Thread(target=self._revive, args=(self._session,), name="crfs-revive", daemon=True).start()

    def _revive(self, session: Session) -> None:
        from crfs.workflows.recovery import revive

        try:
            _log.warning("store_revived answers=%s", revive(session))
        except CrfsError as error:
            _log.error("store_not_revived error=%s", error)
        finally:
            self._reviving.release()


def service_of(request: Request) -> Service:
    """The service of a request's application."""
    service: Service = request.app.state.service
    return service


def session_of(request: Request) -> Session:
    """The open store of a request's application."""
    return service_of(request).session


Held = Annotated[Session, Depends(session_of)]
Serving = Annotated[Service, Depends(service_of)]
