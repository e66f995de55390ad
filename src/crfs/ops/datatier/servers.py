"""The two servers of a data folder together: looking after them and stopping them. The caller holds the locks that make it alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from crfs.errors import ServiceUnavailable
from crfs.ops.datatier import postgres, valkey
from crfs.ops.datatier.account import choose_home, reaches, servers_account
from crfs.ops.datatier.binaries import Binaries, binaries_for
from crfs.ops.datatier.folder import LAYOUT, DataFolder, Layout, Running, choose_socket_dir, make_socket_dir, remove_socket_dir
from crfs.ops.datatier.locks import FileLock, is_held
from crfs.ops.datatier.postgres import Postgres
from crfs.ops.datatier.probe import Health
from crfs.ops.datatier.processes import Account, living_in, send, wait_free
from crfs.ops.datatier.valkey import Valkey


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthy:
    """Both servers answered, as these versions, and a watcher is there."""

    running: Running
    postgres_version: str
    valkey_version: str


def check(folder: DataFolder, *, seconds: float = 5.0) -> Healthy | None:
    """Whether everything runs and answers; starts nothing."""
    running = folder.read_running()
    if running is None:
        return None
    socket_dir = Path(running.socket_dir)
    database = postgres.probe(socket_dir, seconds=seconds)
    if database.health is not Health.UP:
        return None
    cache = valkey.probe_in(socket_dir, seconds=seconds)
    if cache.health is not Health.UP or not is_held(folder.server_lock("watcher")):
        return None
    return Healthy(running=running, postgres_version=database.version, valkey_version=cache.version)


def look_after(
    folder: DataFolder, *, start_watcher: Callable[[Running, FileLock], int], progress: Callable[[str], None], lasting: bool = True
) -> None:
    """Start whatever is not there, and return when all of it serves; the caller is a client and holds the start lock.

    ``start_watcher`` is given what is to run and the watcher's lock, and gives a process id. A store that is not ``lasting`` waits for no disk.
    """
    layout = folder.read_layout()
    account = servers_account(None if layout is None else folder.cluster(layout))
    if layout is None:
        layout = Layout(layout=LAYOUT, home=choose_home(folder.path, account), initialised=False)
        folder.write_layout(layout)
    home = folder.home(layout)
    _make_home(home, layout, account, folder.layout_file)
    database = Postgres(folder=folder, home=home, account=account)
    postgres.check_version(database)
    binaries = binaries_for(account)

    before = folder.read_running()
    socket_dir = choose_socket_dir(before, uid=account.uid, fallback=folder.path)
    running = replace(before or Running(socket_dir="", cluster=""), socket_dir=str(socket_dir), cluster=str(database.cluster))
    if before is not None and before.socket_dir != running.socket_dir:
        # Servers whose sockets are gone can serve nobody.
        valkey.end(Valkey(folder=folder, account=account, socket_dir=Path(before.socket_dir)))
        postgres.end(database)
    # Written before anything is made or started: whoever comes after our kill -9 finds it, and the watcher ends it.
    folder.write_running(running)
    make_socket_dir(socket_dir, uid=account.uid, gid=account.gid)
    # A look at the lock by another process takes microseconds; a watcher holds it.
    if (free := wait_free(folder.server_lock("watcher"), seconds=0.01)) is not None:
        with free:
            running = replace(running, watcher_pid=start_watcher(running, free))

    cache = Valkey(folder=folder, account=account, socket_dir=socket_dir)
    if valkey.probe(cache).health is not Health.UP and (free := valkey.take_over(cache)) is not None:
        with free:
            running = replace(running, valkey_pid=valkey.begin(cache, binaries, keep=free))
    if postgres.probe(socket_dir).health is not Health.UP:
        free = postgres.take_over(database, socket_dir=socket_dir, progress=progress)
        if free is not None:
            with free:
                if not database.cluster.exists():
                    _initialise(database, layout, binaries, free, progress, lasting=lasting)
                progress("Starting PostgreSQL and Valkey")
                postgres.write_settings(database, binaries)
                running = replace(
                    running, postgres_pid=postgres.begin(database, binaries, socket_dir=socket_dir, lasting=lasting, keep=free)
                )
    if not layout.initialised:
        folder.write_layout(replace(layout, initialised=True))
    postgres.await_ready(database, socket_dir=socket_dir, progress=progress)
    valkey.await_ready(cache)
    folder.write_running(running)


def _make_home(home: Path, layout: Layout, account: Account, layout_file: Path) -> None:
    if layout.initialised and not home.is_dir():
        raise _lost(home, layout_file)
    with suppress(FileExistsError):
        home.mkdir(mode=0o700)
        if account.switch:
            os.chmod(home, 0o711)  # our own folder: root's server user has to get through, whatever the umask
    if account.switch and not reaches(account, home):
        raise ServiceUnavailable(
            f"the user {account.name}, as whom root's PostgreSQL runs, cannot get into {home}: a folder above it was closed. Open it for passing through"
            " (chmod o+x), or move the data folder to where he can go and start again."
        )


def _initialise(
    database: Postgres, layout: Layout, binaries: Binaries, lock: FileLock, progress: Callable[[str], None], *, lasting: bool
) -> None:
    if layout.initialised:
        raise _lost(database.cluster, database.folder.layout_file)
    progress("Making an empty store (once, about a second)")
    postgres.initialise(database, binaries, lasting=lasting, keep=lock)


def _lost(path: Path, layout_file: Path) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"the data folder had a store and {path} is gone: bring it back from a backup, or remove {layout_file} to start with an empty store."
    )


def stop(folder: DataFolder) -> None:
    """Stop both servers, wait until nothing of them is left, and remove their socket folder; the caller holds the client lock alone."""
    running, layout = folder.read_running(), folder.read_layout()
    if running is None or layout is None:
        return
    account = servers_account(folder.cluster(layout))
    socket_dir = Path(running.socket_dir)
    cache = Valkey(folder=folder, account=account, socket_dir=socket_dir)
    database = Postgres(folder=folder, home=folder.home(layout), account=account)
    postgres.ask_to_end(database, socket_dir=socket_dir)
    valkey.end(cache)
    postgres.end(database)
    remove_socket_dir(socket_dir, uid=account.uid)
    folder.running_file.unlink(missing_ok=True)


def stop_orphaned(folder: DataFolder, remembered: Running) -> None:
    """End servers whose data folder was removed under them; there is nothing left to save, and a new folder of that name is not theirs."""
    socket_dir, cluster = Path(remembered.socket_dir), Path(remembered.cluster)
    inside = cluster.is_relative_to(folder.path)
    send(living_in(cluster, program="postgres", removed=inside), signal.SIGQUIT)
    send(living_in(socket_dir, program="valkey-server"), signal.SIGKILL)
    with suppress(OSError):
        remove_socket_dir(socket_dir, uid=socket_dir.stat().st_uid)
