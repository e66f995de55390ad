"""Who holds a job's lease, and whether that process is certainly dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path

TAKEN_UP = (
    "risk-run",
    "concentration-run",
    "capital-run",
    "ecl-run",
    "stress-run",
    "reverse-stress-run",
    "sensitivity-run",
    "attribution-run",
    "replay",
)
"""The kinds of jobs that a service or a worker takes from the queue; the others are done by the process that writes them."""


def holder() -> str:
    """Who holds a lease: host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


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
