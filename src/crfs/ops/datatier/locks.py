"""File locks that the kernel frees: held through an open file, so a ``kill -9`` of the holder is a release."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self


class FileLock:
    """An open lock file; ``flock`` belongs to the open file, so a process that inherits ``fd`` holds the lock too.

    Two ``FileLock`` of one path are independent even inside one process.
    """

    __slots__ = ("fd", "path")

    def __init__(self, path: Path, *, inherited_fd: int | None = None) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600) if inherited_fd is None else inherited_fd

    def try_shared(self) -> bool:
        """Hold the lock together with others; False where somebody holds it alone."""
        return self._try(fcntl.LOCK_SH)

    def try_exclusive(self) -> bool:
        """Hold the lock alone; False where anybody else holds it. From shared it is a change, and a failed one holds nothing."""
        return self._try(fcntl.LOCK_EX)

    def wait_exclusive(self) -> None:
        """Sleep in the kernel until nobody else holds the lock: no processor time, no time limit."""
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def is_current(self) -> bool:
        """Whether the path still names this file: a lock on a removed file keeps nobody out."""
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self.fd))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock up, unless an inherited copy of the open file goes on holding it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _try(self, kind: int) -> bool:
        try:
            fcntl.flock(self.fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def acquire(path: Path, *, shared: bool, seconds: float, waiting: Callable[[], None] | None = None) -> FileLock | None:
    """The lock at ``path``, or None where it could not be had in ``seconds``; ``waiting`` is called once if it takes a moment."""
    began = time.monotonic()
    pause = 0.002
    lock = FileLock(path)
    try:
        while True:
            if lock.try_shared() if shared else lock.try_exclusive():
                if lock.is_current():
                    return lock
                # Somebody removed the folder in the meantime: this file locks nothing any more.
                lock.close()
                lock = FileLock(path)
                continue
            if time.monotonic() - began >= seconds:
                lock.close()
                return None
            if waiting is not None and time.monotonic() - began > 0.3:
                waiting()
                waiting = None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
    except BaseException:
        lock.close()
        raise


def is_held(path: Path) -> bool:
    """Whether any process holds the lock at ``path`` alone; makes no file."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def shared_holders(path: Path) -> tuple[int, ...] | None:
    """Process ids that hold the lock at ``path`` shared, as far as the kernel lists them (Linux); None where it does not."""
    try:
        listed = Path("/proc/locks").read_text(encoding="ascii")
        inode = path.stat().st_ino
    except OSError:
        return None
    pids = set()
    for line in listed.splitlines():
        parts = line.split()
        # "1: FLOCK  ADVISORY  READ 1234 fe:00:131 0 EOF"; a waiting lock has "->" after its number.
        if len(parts) >= 6 and parts[1] == "FLOCK" and parts[3] == "READ" and parts[5].rpartition(":")[2] == str(inode):
            pids.add(int(parts[4]))
    return tuple(sorted(pids))
