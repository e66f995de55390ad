"""Who holds a job's lease, and whether that process is certainly dead."""

from __future__ import annotations

import os
import socket
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from crfs.workflows.asked_for import ASKED_FOR

if TYPE_CHECKING:
    from crfs.store.database import Database


def holder() -> str:
    """Who holds a lease: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def retire_jobs_of_the_dead(database: Database, *, at: datetime) -> int:
    """End the running jobs of dead processes, or queue them again where a service or a worker takes them up; how many there were."""
    from crfs.store.jobs import retire_dead

    return retire_dead(database, at=at, is_dead=is_dead, queue_again=ASKED_FOR)


def is_dead(lease_holder: str) -> bool:
    """Whether a holder is certainly dead: it was a process of this host, and none of its number runs any more.

    >>> is_dead(holder()), is_dead("another-host:1")
    (False, False)
    """
    host, _, number = lease_holder.rpartition(":")
    if host != socket.gethostname() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state == "Z"  # ended, and nobody has asked how
