"""Joining, leaving and looking at the data tier of a data folder: the first client starts the servers, the last one stops them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from crfs.errors import ServiceUnavailable
from crfs.ops.datatier import postgres, valkey
from crfs.ops.datatier.folder import DataFolder
from crfs.ops.datatier.locks import FileLock, acquire, is_held, shared_holders
from crfs.ops.datatier.probe import Health
from crfs.ops.datatier.servers import check, look_after, stop
from crfs.ops.datatier.watcher import start_watcher

_PATIENCE = 660.0
"""Seconds to wait for another process that starts or stops the servers: a crash recovery gets 600."""


class DataTier:
    """A client's hold on a running data tier, from ``start``; ``close`` it, or use it as a context manager.

    ``store_url`` is a SQLAlchemy URL of the role and database ``crfs``, ``redis_url`` one that redis-py takes; both name Unix sockets and
    stay the same when a server has to be started again. A process made by ``fork`` inherits the hold without being asked and keeps the
    servers up while it lives, but it should ``start`` its own, as its parent may close this one. Where nobody closes, the end of the
    process does, and the watcher stops the servers.
    """

    def __init__(self, *, folder: DataFolder, lock: FileLock, socket_dir: Path) -> None:
        self.data_dir = folder.path
        self.store_url = f"postgresql+psycopg://{postgres.ROLE}@/{postgres.ROLE}?host={quote(str(socket_dir))}&port={postgres.PORT}"
        self.redis_url = f"unix://{quote(str(valkey.socket_file(socket_dir)))}"
        self._folder = folder
        self._lock: FileLock | None = lock
        self._pid = os.getpid()

    def close(self) -> None:
        """Stop being a client; the last one stops the servers and returns when they are gone. A second call does nothing."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        if os.getpid() != self._pid:
            lock.close()  # the parent's hold is the parent's to give up
            return
        _leave(self._folder, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DataTier({str(self.data_dir)!r}, {'closed' if self._lock is None else 'open'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTierStatus:
    """What runs in a data folder.

    ``running`` is True where both servers answer. ``pids`` has those of ``postgres``, ``valkey``, ``watcher`` that live, ``versions``
    those of the servers that answer. ``clients`` are the process ids of the clients, None where the system does not list them.
    """

    data_dir: Path
    running: bool
    pids: Mapping[str, int]
    versions: Mapping[str, str]
    clients: tuple[int, ...] | None


def start(data_dir: Path, *, progress: Callable[[str], None] | None = None, lasting: bool = True) -> DataTier:
    """Be a client of the data tier in ``data_dir``: join the servers that run there, or start them, making the folder where it is absent.

    ``progress`` gets a sentence for each step that takes time. Raises ``InvalidInput`` for a path that cannot be a data folder and
    ``ServiceUnavailable``, with what to do, where the servers cannot run. What is not ``lasting`` waits for no disk: a crash of the machine
    may leave none of it.
    """
    tell = progress if progress is not None else _say_nothing
    folder = DataFolder(Path(data_dir).expanduser().resolve())
    folder.make()
    folder.read_layout()
    try:
        lock = acquire(
            folder.client_lock, shared=True, seconds=_PATIENCE, waiting=lambda: tell("Waiting for the last client's servers to stop")
        )
    except OSError as error:
        raise folder.refusal(error) from error
    if lock is None:
        raise ServiceUnavailable(
            f"a process has held {folder.client_lock} for {_PATIENCE:.0f} s while stopping the servers: end it and start again."
        )
    began: FileLock | None = None
    try:
        # From here on nobody stops the servers: who would do so cannot have the lock alone.
        healthy = check(folder)
        if healthy is None:
            began = acquire(
                folder.start_lock, shared=False, seconds=_PATIENCE, waiting=lambda: tell("Waiting for another process to start the servers")
            )
            if began is None:
                raise ServiceUnavailable(
                    f"another process has been starting the servers of {folder.path} for {_PATIENCE:.0f} s: look at {folder.log('postgres')}, end that"
                    " process and start again."
                )
            healthy = check(folder)
        if healthy is None:
            look_after(
                folder, start_watcher=lambda running, keep: start_watcher(folder, running, keep=keep), progress=tell, lasting=lasting
            )
        running = folder.read_running()
        if running is None:
            raise ServiceUnavailable(f"{folder.running_file} was removed while the servers started: start again.")
        tier = DataTier(folder=folder, lock=lock, socket_dir=Path(running.socket_dir))
    except BaseException as error:
        if began is not None:
            began.close()
        _leave(folder, lock)
        if isinstance(error, OSError):
            raise folder.refusal(error) from error
        raise
    if began is not None:
        began.close()
    return tier


def _say_nothing(_: str) -> None:
    return None


def _leave(folder: DataFolder, lock: FileLock) -> None:
    """Give up a shared ``lock``; whoever then has it alone stops the servers.

    The start lock makes two clients that leave at once take turns, as otherwise each could take the other's hold for one that stays.
    """
    try:
        if not lock.is_current():
            return  # the data folder was removed: nothing here is ours to stop, the watcher remembers what is
        with_turn = acquire(folder.start_lock, shared=False, seconds=_PATIENCE)
        try:
            alone = lock.try_exclusive()
            if alone:
                stop(folder)
            # A failed change leaves us without the lock. Others hold it shared, and will have their turn, or the watcher has it alone.
            watched = not alone and not lock.try_shared()
        finally:
            if with_turn is not None:
                with_turn.close()
        deadline = time.monotonic() + 120
        while watched and time.monotonic() < deadline and not lock.try_shared():
            time.sleep(0.01)
    finally:
        lock.close()


def status(data_dir: Path) -> DataTierStatus:
    """What runs in ``data_dir``; starts nothing and makes no file."""
    folder = DataFolder(Path(data_dir).expanduser().resolve())
    pids: dict[str, int] = {}
    versions: dict[str, str] = {}
    up = 0
    try:
        layout = folder.read_layout()
        running = folder.read_running()
        if layout is not None and running is not None:
            socket_dir = Path(running.socket_dir)
            for server, answer in {"postgres": postgres.probe(socket_dir), "valkey": valkey.probe_in(socket_dir)}.items():
                up += answer.health is Health.UP
                if answer.version:
                    versions[server] = answer.version
            for server, pid in {"postgres": running.postgres_pid, "valkey": running.valkey_pid, "watcher": running.watcher_pid}.items():
                if pid and is_held(folder.server_lock(server)):
                    pids[server] = pid
        clients = shared_holders(folder.client_lock)
    except OSError as error:
        raise folder.refusal(error) from error
    return DataTierStatus(data_dir=folder.path, running=up == 2, pids=pids, versions=versions, clients=clients)
