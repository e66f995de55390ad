"""The life of the Valkey server of a data folder: a cache and a wake-up channel, nothing in it is the truth."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crfs.errors import ServiceUnavailable
from crfs.ops.datatier.binaries import Binaries
from crfs.ops.datatier.folder import DataFolder, disk_full, says_full
from crfs.ops.datatier.locks import FileLock
from crfs.ops.datatier.probe import Answer, Health, probe_valkey, valkey_command
from crfs.ops.datatier.processes import Account, confirmed, launch, living_in, log_tail, send, trim_log, wait_free

# Keys without a time to live are queues and the newest online values, so only what was written with one may be evicted.
_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-lru",
    "daemonize": "no",
    "supervised": "no",
    "loglevel": "notice",
    "always-show-logo": "no",
    "timeout": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """The server of one data folder; it works in ``socket_dir`` and writes nothing but its process id there."""

    folder: DataFolder
    account: Account
    socket_dir: Path

    @property
    def socket(self) -> Path:
        return socket_file(self.socket_dir)

    @property
    def lock(self) -> Path:
        return self.folder.server_lock("valkey")

    @property
    def log(self) -> Path:
        return self.folder.log("valkey")

    def pids(self) -> list[int]:
        """Process ids of this server, if it lives."""
        found = set(living_in(self.socket_dir, program="valkey-server"))
        with suppress(OSError, ValueError):
            written = confirmed(int((self.socket_dir / "valkey.pid").read_text()), self.socket_dir, program="valkey-server")
            if written is not None:
                found.add(written)
        return sorted(found)


def socket_file(socket_dir: Path) -> Path:
    """The server's socket in ``socket_dir``."""
    return socket_dir / "valkey.sock"


def probe(server: Valkey) -> Answer:
    """What the server answers."""
    return probe_in(server.socket_dir)


def probe_in(socket_dir: Path, *, seconds: float = 5.0) -> Answer:
    """What the server with its socket in ``socket_dir`` answers."""
    return probe_valkey(socket_file(socket_dir), seconds=seconds)


def begin(server: Valkey, binaries: Binaries, *, keep: FileLock) -> int:
    """Start the server and give its process id; ``keep`` is its lock, held."""
    for stale in (server.socket, server.socket_dir / "valkey.pid"):
        stale.unlink(missing_ok=True)
    trim_log(server.log)
    command: list[str | Path] = [binaries.valkey_server]
    for name, value in _SETTINGS.items():
        command += [f"--{name}", value]
    command += ["--unixsocket", server.socket, "--dir", server.socket_dir, "--pidfile", server.socket_dir / "valkey.pid"]
    return launch(server.account, command, cwd=server.socket_dir, log=server.log, keep=keep)


def await_ready(server: Valkey) -> None:
    """Return when the server that was started answers; raise with its last words where it ended."""
    began = time.monotonic()
    while probe(server).health is not Health.UP:
        gone = FileLock(server.lock)
        try:
            if gone.try_exclusive():
                tail = log_tail(server.log)
                if says_full(tail):
                    raise ServiceUnavailable(disk_full(server.folder.path))
                raise ServiceUnavailable(
                    f"Valkey in {server.folder.path} ended right after its start. The last lines of {server.log}:\n{tail}"
                )
        finally:
            gone.close()
        if time.monotonic() - began > 60:
            raise ServiceUnavailable(
                f"Valkey in {server.folder.path} does not answer 60 s after its start. Its last lines:\n{log_tail(server.log)}"
            )
        time.sleep(0.005)


def take_over(server: Valkey) -> FileLock | None:
    """The lock of a server that does not serve, when nothing of it is left; None where it serves after all. One that hangs is killed."""
    began = time.monotonic()
    while True:
        lock = wait_free(server.lock, seconds=0.02)
        if lock is not None:
            return lock
        answer = probe(server)
        if answer.health is Health.UP:
            return None
        waited = time.monotonic() - began
        if waited > (1 if answer.health is Health.ABSENT else 20):
            send(server.pids(), signal.SIGKILL)
        if waited > 60:
            raise ServiceUnavailable(
                f"a Valkey that does not answer still holds {server.folder.path} (on this machine or in a container that shares the folder): end it and"
                " start again."
            )


def end(server: Valkey) -> None:
    """Stop the server and wait until it is gone."""
    began = time.monotonic()
    with suppress(OSError):
        valkey_command(server.socket, "SHUTDOWN NOSAVE NOW FORCE", seconds=2)
    while (lock := wait_free(server.lock, seconds=0.5)) is None:
        waited = time.monotonic() - began
        send(server.pids(), signal.SIGTERM if waited < 3 else signal.SIGKILL)
        if waited > 30:
            return  # held from where we cannot reach, as another container
    lock.close()
