"""Starting a server that outlives its starter, and finding what a dead starter left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crfs.errors import ServiceUnavailable
from crfs.ops.datatier.locks import FileLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The system user that the servers run as; ``switch`` where that is another user than ours (we are root)."""

    uid: int
    gid: int
    name: str
    switch: bool


_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}
"""All that a server gets of the environment: PGDATA, PGOPTIONS, LD_PRELOAD and the like of the caller's shell must not reach it."""


def run_as(account: Account, command: Sequence[str | Path], *, cwd: Path, keep: FileLock | None = None, stdin: str = "") -> tuple[int, str]:
    """Run ``command`` to its end as ``account``: exit code, and what it wrote on both outputs. ``keep`` is held until it ends, come what may."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=_ENVIRONMENT,
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            user=account.uid if account.switch else None,
            group=account.gid if account.switch else None,
            extra_groups=[] if account.switch else None,
            pass_fds=() if keep is None else (keep.fd,),
            check=False,
        )
    except OSError as error:
        return 126, str(error)
    except subprocess.SubprocessError as error:
        raise ServiceUnavailable(_cannot_switch(account)) from error
    return done.returncode, done.stdout.decode(errors="replace")


def launch(
    account: Account | None,
    command: Sequence[str | Path],
    *,
    cwd: Path,
    log: Path,
    keep: FileLock,
    environment: dict[str, str] | None = None,
    hand_on: FileLock | None = None,
) -> int:
    """Start ``command`` detached, as ``account`` (None: as ourselves), and give its process id.

    The command holds ``keep`` from now until the last of its processes is gone: that lock, not a process id, says whether it lives.
    A shell starts it in the background and ends, in a session of its own: the server belongs to init, never becomes our zombie, and
    does not hear the terminal's Ctrl-C. ``hand_on`` is another open lock file that the command gets.
    """
    log_fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
            cwd=cwd,
            env=_ENVIRONMENT if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log_fd,
            start_new_session=True,
            umask=0o077,
            user=account.uid if account is not None and account.switch else None,
            group=account.gid if account is not None and account.switch else None,
            extra_groups=[] if account is not None and account.switch else None,
            pass_fds=(keep.fd,) if hand_on is None else (keep.fd, hand_on.fd),
            check=False,
        )
    except subprocess.SubprocessError as error:
        raise ServiceUnavailable(_cannot_switch(account)) from error
    finally:
        os.close(log_fd)
    return int(done.stdout or 0)


def _cannot_switch(account: Account | None) -> str:
    name = "another user" if account is None else account.name
    return (
        f"this process is root but may not run a server as {name} (a container without CAP_SETUID?). Run crfs as an ordinary user, or set"
        " CRFS_STORE__URL and CRFS_REDIS__URL to servers of yours."
    )


def living_in(folder: Path, *, program: str, removed: bool = False) -> list[int]:
    """Process ids of ``program`` whose working folder is ``folder``, as far as /proc shows them (none where there is no /proc).

    With ``removed`` only those whose folder was removed under them, even where one of that name exists again.
    """
    found = []
    with suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and _is(int(entry.name), folder, program, removed=removed):
                found.append(int(entry.name))
    return found


def _is(pid: int, folder: Path, program: str, *, removed: bool = False) -> bool:
    try:
        where = os.readlink(f"/proc/{pid}/cwd")
        what = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return False
    return where in ((f"{folder} (deleted)",) if removed else (str(folder), f"{folder} (deleted)")) and os.path.basename(what) == program


def confirmed(pid: int | None, folder: Path, *, program: str) -> int | None:
    """``pid`` if it can be the server of ``folder``: it exists, and /proc, where there is one, does not say that it is something else."""
    if pid is None or pid <= 1:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return None
    if os.path.exists(f"/proc/{os.getpid()}/exe") and not _is(pid, folder, program):
        return None
    return pid


def send(pids: Sequence[int], signum: signal.Signals) -> None:
    """Send ``signum`` to each that still exists."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signum)


def wait_free(path: Path, *, seconds: float) -> FileLock | None:
    """The server's lock at ``path``, alone, as soon as its last process is gone; None where that takes longer than ``seconds``."""
    lock = FileLock(path)
    deadline = time.monotonic() + seconds
    pause = 0.002
    while not lock.try_exclusive():
        if time.monotonic() >= deadline:
            lock.close()
            return None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.03)
    return lock


def log_tail(path: Path, *, lines: int = 12) -> str:
    """The last lines of a log, for an error's text."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"


_LOG_LIMIT = 8 * 1024 * 1024


def trim_log(path: Path) -> None:
    """Keep a log that a running server appends to below about 8 MiB: its end moves to ``<name>.1`` and the file starts again."""
    try:
        if path.stat().st_size <= _LOG_LIMIT:
            return
        with path.open("rb") as file:
            file.seek(-_LOG_LIMIT // 2, os.SEEK_END)
            tail = file.read(_LOG_LIMIT)
        path.with_name(path.name + ".1").write_bytes(tail)
        os.truncate(path, 0)  # the server writes in append mode, so it goes on at the new end
    except OSError:
        return  # a full disk must not end the watcher
