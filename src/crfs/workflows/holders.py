"""Who holds a job's lease, and whether that process is certainly dead."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from crfs.workflows.asked_for import ASKED_FOR

if TYPE_CHECKING:
    from crfs.store.database import Database


def holder() -> str:
    """Who holds a lease: the place where its process has a number (:func:`_place`), and the number."""
    return f"{_place()}:{os.getpid()}"


def retire_jobs_of_the_dead(database: Database, *, at: datetime) -> int:
    """End the running jobs of dead processes, or queue them again where a service or a worker takes them up; how many there were."""
    from crfs.store.jobs import retire_dead

    return retire_dead(database, at=at, is_dead=is_dead, queue_again=ASKED_FOR)


def is_dead(lease_holder: str) -> bool:
    """Whether a holder is certainly dead: its number counts here, and no process has it any more. Of all others the lease decides.

    >>> is_dead(holder()), is_dead("another-host:1")
    (False, False)
    """
    place, _, number = lease_holder.rpartition(":")
    if place != _place() or not number.isdecimal():
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


def _place() -> str:
    """The host, and what tells its numbering of processes from others: containers and machines may share a name, and each counts from one."""
    return f"{socket.gethostname()}/{_numbering()}"


@cache
def _numbering() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        names = f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # no Linux, or a /proc that does not show it
        names = str(uuid.getnode())
    return hashlib.sha256(names.encode()).hexdigest()[:8]
