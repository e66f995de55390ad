"""Work until told to stop: ``python -m crfs.apps.worker [DATA_DIR]``."""

from __future__ import annotations

import signal
import sys
import threading

import click

from crfs.errors import CrfsError
from crfs.workflows.session import open_session
from crfs.workflows.working import work_off


def main(arguments: list[str]) -> int:
    """Open the store (the embedded one in DATA_DIR, else the settings') and work; SIGTERM and Ctrl-C end it after the job in hand."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with open_session(data_dir=arguments[0] if arguments else None) as session:
            click.echo("working")
            done = work_off(session, stop=stop, tell=click.echo)
    except CrfsError as error:
        click.echo(f"crfs worker: {error}", err=True)
        return 3
    click.echo(f"{done} jobs done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
