"""A data tier for a while: its servers stop, and all of it is removed, when it is left."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from crfs.errors import CrfsError
from crfs.ops.datatier.folder import DataFolder
from crfs.ops.datatier.tier import DataTier, start

_PREFIX = "crfs-scratch-"
_FORGOTTEN = 24 * 3600.0
"""Seconds after which what a killed process left behind is removed by the next one."""


@contextmanager
def scratch_tier() -> Iterator[DataTier]:
    """An empty data tier in the temporary folder (``TMPDIR``), for this process alone; it waits for no disk."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    os.chmod(folder, 0o711)  # root's server user goes through it; what lies within has its own permissions
    try:
        tier = start(folder / "store", lasting=False)
        try:
            yield tier
        finally:
            tier.close()
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """The folder, and the servers' home, which lies elsewhere where root's server user cannot get to it."""
    data = DataFolder(folder / "store")
    with suppress(CrfsError):  # one that was not made whole may have none that can be read
        if (layout := data.read_layout()) is not None:
            shutil.rmtree(data.home(layout), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove what processes that were killed left behind of ours."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = left.lstat()
            if found.st_uid == os.getuid() and time.time() - found.st_mtime > _FORGOTTEN:
                _remove(left)
