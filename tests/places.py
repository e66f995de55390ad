"""Where the servers of tests keep their data: in memory, where there is room for it.

What takes time on a disk is not what a test asks of a server, but its journal: each database that is made, copied and removed is a thousand files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 6 * 1024**3
"""Bytes: several times what a run of the whole suite has at once."""


def _place() -> Path:
    try:
        roomy = shutil.disk_usage(_MEMORY).free >= _ROOM and os.access(_MEMORY, os.W_OK)
    except OSError:
        roomy = False
    return _MEMORY if roomy else Path("/tmp")


PLACE = _place()


@contextmanager
def servers_folder(name: str) -> Iterator[Path]:
    """A folder that the servers' user can pass through, as pytest's own are root's alone."""
    with tempfile.TemporaryDirectory(prefix=f"{name} ", dir=PLACE) as folder:
        made = Path(folder)
        made.chmod(0o755)
        yield made
