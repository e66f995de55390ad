"""Work until told to stop: ``python -m crfs.apps.worker [DATA_DIR]``: a Celery worker with its beat, on one session."""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import signal
import sys
import threading
import warnings
from types import FrameType

import click

from crfs.errors import CrfsError
from crfs.workflows.session import Session, open_session


def main(arguments: list[str]) -> int:
    """Open the store (the embedded one in DATA_DIR, else the settings') and work.

    SIGTERM and Ctrl-C end it at the next step of the jobs in hand, which go back to the queue; a second one at once, as a kill does.
    """
    parser = argparse.ArgumentParser(prog="crfs worker", description="Does what the job ledger has to do.")
    parser.add_argument("data_dir", nargs="?", help="the embedded store's folder (else CRFS_DATA_DIR, else the platform's)")
    parser.add_argument("--concurrency", type=int, default=2, help="jobs at a time (2)")
    parser.add_argument("--no-beat", action="store_true", help="do jobs only; another worker has the beat")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("alembic", "celery", "kombu", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        with open_session(data_dir=options.data_dir) as session:
            return _work(session, concurrency=options.concurrency, beats=not options.no_beat)
    except CrfsError as error:
        click.echo(f"crfs worker: {error}", err=True)
        return 3


def _work(session: Session, *, concurrency: int, beats: bool) -> int:
    from celery.beat import Service
    from celery.exceptions import SecurityWarning
    from celery.signals import worker_ready

    from crfs.apps.worker.beat import AT_MOST_SECONDS, scheduler_of
    from crfs.apps.worker.tasks import application, broker_of

    done = itertools.count()
    app = application(broker_of(session), lambda: session, ended=lambda: next(done))
    # Celery warns root of pickled messages; these are JSON, and nothing else is accepted.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    beat = Service(app, max_interval=AT_MOST_SECONDS, scheduler_cls=scheduler_of(session)) if beats else None
    worker = app.Worker(pool="threads", concurrency=concurrency, loglevel="WARNING", without_gossip=True, without_mingle=True, quiet=True)

    # In a thread of its own: a warm shutdown waits for the jobs in hand, and a signal's handler should wait for nothing.
    stopping = threading.Thread(target=worker.stop, name="crfs-worker-stop")

    def stop(_number: int, _frame: FrameType | None) -> None:
        if session.stopping.is_set():
            click.echo("told twice: ends at once; another worker does the jobs in hand", err=True)
            os._exit(130)
        session.stopping.set()
        stopping.start()

    def listen(**_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    listen()
    worker_ready.connect(listen)  # Celery puts handlers of its own in the place of ours when it starts
    if beat is not None:
        threading.Thread(target=beat.start, kwargs={"embedded_process": True}, name="crfs-beat", daemon=True).start()
    click.echo("working")
    worker.start()
    if stopping.ident is not None:
        # The worker has stopped listening; the jobs in hand are still to be given back, and their messages acknowledged, before the servers may go.
        stopping.join()
    if beat is not None:
        beat.stop()
    click.echo(f"{next(done)} jobs done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
