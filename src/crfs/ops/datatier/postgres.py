"""The life of the PostgreSQL server of a data folder: made whole or not at all, started, looked after, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crfs.errors import ServiceUnavailable
from crfs.ops.datatier.binaries import Binaries
from crfs.ops.datatier.folder import DataFolder, disk_full, says_full, sync_folder, write_atomically
from crfs.ops.datatier.locks import FileLock, is_held
from crfs.ops.datatier.probe import Answer, Health, probe_postgres
from crfs.ops.datatier.processes import Account, confirmed, launch, living_in, log_tail, run_as, send, trim_log, wait_free

MAJOR = 18
PORT = 5432
"""Only part of the socket's file name: there is no TCP port."""
ROLE = "crfs"

_SETTINGS = """\
# Written by crfs at each start. Your own settings go to local.conf beside this file, or to ALTER SYSTEM: both win over these.
listen_addresses = ''
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
log_checkpoints = off
logging_collector = off
max_connections = 100
shared_buffers = 256MB
work_mem = 16MB
maintenance_work_mem = 128MB
effective_cache_size = 1GB
random_page_cost = 1.1
jit = off
fsync = on
synchronous_commit = on
full_page_writes = on
max_wal_size = 2GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """The server of one data folder."""

    folder: DataFolder
    home: Path
    account: Account

    @property
    def cluster(self) -> Path:
        return self.home / "postgres"

    @property
    def lock(self) -> Path:
        return self.folder.server_lock("postgres")

    @property
    def log(self) -> Path:
        return self.folder.log("postgres")

    def pid(self) -> int | None:
        """The postmaster's process id, if it lives."""
        return confirmed(self.written_pid(), self.cluster, program="postgres")

    def written_pid(self) -> int | None:
        """The process id in ``postmaster.pid``, which may be long gone."""
        try:
            return int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None


def socket_file(socket_dir: Path) -> Path:
    """The server's socket in ``socket_dir``."""
    return socket_dir / f".s.PGSQL.{PORT}"


def probe(socket_dir: Path, *, seconds: float = 5.0) -> Answer:
    """What the server at ``socket_dir`` answers."""
    return probe_postgres(socket_file(socket_dir), user=ROLE, database=ROLE, seconds=seconds)


def check_version(server: Postgres) -> None:
    """Refuse a cluster of another major version of PostgreSQL, whose files this one cannot read."""
    try:
        major = (server.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    except OSError as error:
        raise server.folder.refusal(error) from error
    if not major.isdigit():
        raise ServiceUnavailable(
            f"{server.cluster / 'PG_VERSION'} says {major!r}, not a version: the cluster is damaged; bring {server.cluster} back from a backup."
        )
    if int(major) > MAJOR:
        raise ServiceUnavailable(
            f"the data in {server.folder.path} was written by PostgreSQL {major} and this crfs brings {MAJOR}: install the newer crfs, or choose another"
            " folder with --data-dir or CRFS_DATA_DIR."
        )
    if int(major) < MAJOR:
        raise ServiceUnavailable(
            f"the data in {server.folder.path} was written by PostgreSQL {major} and this crfs brings {MAJOR}: use the crfs that wrote it, or"
            " carry the data over with PostgreSQL's own pg_upgrade or pg_dump."
        )


def initialise(server: Postgres, binaries: Binaries, *, lasting: bool, keep: FileLock) -> None:
    """Make the cluster beside its place and rename it there: a crash leaves nothing half-made. ``keep`` is the server's lock, held.

    Nothing of one that is not ``lasting`` waits for the disk.
    """
    for left in server.home.glob("postgres.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=server.home))
    try:
        if server.account.switch:
            os.chown(new, server.account.uid, server.account.gid)
        command: list[str | Path] = [binaries.initdb, "-D", new, "-U", ROLE, "-E", "UTF8", "--data-checksums", "--no-instructions"]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth-local=peer", "--auth-host=reject"]
        command += [] if lasting else ["--no-sync"]
        _must(server, run_as(server.account, command, cwd=server.home, keep=keep), "initdb")
        single: list[str | Path] = [binaries.postgres, "--single", "-D", new, "-c", "listen_addresses=", *_set(lasting), "postgres"]
        _must(server, run_as(server.account, single, cwd=server.home, keep=keep, stdin=f"CREATE DATABASE {ROLE}\n"), "postgres --single")
        new.rename(server.cluster)
    except OSError as error:
        raise server.folder.refusal(error) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    sync_folder(server.home)


def _set(lasting: bool) -> list[str]:
    """Settings that win over all files."""
    if lasting:
        return []
    return [word for setting in ("fsync=off", "full_page_writes=off", "synchronous_commit=off") for word in ("-c", setting)]


def _must(server: Postgres, result: tuple[int, str], program: str) -> None:
    code, said = result
    if code == 0 and "FATAL" not in said and "ERROR" not in said:
        return
    if says_full(said):
        raise ServiceUnavailable(disk_full(server.home))
    last = "\n".join(said.splitlines()[-12:])
    raise ServiceUnavailable(f"{program} could not make the store in {server.home} (exit code {code}). Its last lines:\n{last}")


def write_settings(server: Postgres, binaries: Binaries) -> None:
    """The settings and who may connect, in files of ours that the server reads."""
    _, built = run_as(server.account, [binaries.postgres_bin / "pg_config", "--configure"], cwd=Path("/"))
    lz4 = "--with-lz4" in built
    settings = _SETTINGS + f"wal_compression = {'lz4' if lz4 else 'on'}\n" + ("default_toast_compression = lz4\n" if lz4 else "")
    # Parallel queries share memory through /dev/shm, which a container often limits to 64 MB; files do the same there.
    settings += f"dynamic_shared_memory_type = {'posix' if _roomy(Path('/dev/shm')) else 'mmap'}\n"
    made = server.cluster / "postgresql.conf"  # initdb's, with the locale
    settings = f"include {_quoted(str(made))}\n{settings}include_if_exists {_quoted(str(server.home / 'local.conf'))}\n"
    names = dict.fromkeys((_name_of_ours(), server.account.name))
    ident = "".join(f'crfs "{name}" all\n' for name in names)
    mode = 0o644 if server.account.switch else 0o600
    write_atomically(server.home / "crfs.conf", settings, mode=mode)
    write_atomically(server.home / "pg_hba.conf", "local all all peer map=crfs\n", mode=mode)
    write_atomically(server.home / "pg_ident.conf", ident, mode=mode)


def _name_of_ours() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _quoted(text: str) -> str:
    """As ``postgresql.conf`` reads it: quotes are doubled, and a backslash begins an escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _roomy(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free >= 256 * 1024 * 1024
    except OSError:
        return False


def begin(server: Postgres, binaries: Binaries, *, socket_dir: Path, lasting: bool, keep: FileLock) -> int:
    """Start the server and give its process id; ``keep`` is its lock, held, so that nothing of an earlier one lives."""
    # The lock proves it stale. PostgreSQL itself refuses where another process happens to have the old number.
    (server.cluster / "postmaster.pid").unlink(missing_ok=True)
    for stale in (socket_file(socket_dir), socket_dir / f".s.PGSQL.{PORT}.lock"):
        stale.unlink(missing_ok=True)
    trim_log(server.log)
    command: list[str | Path] = [binaries.postgres, "-D", server.cluster]
    for name, value in {
        "config_file": server.home / "crfs.conf",
        "hba_file": server.home / "pg_hba.conf",
        "ident_file": server.home / "pg_ident.conf",
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": socket_dir,
        "unix_socket_permissions": "0700",
    }.items():
        command += ["-c", f"{name}={value}"]
    command += _set(lasting)
    return launch(server.account, command, cwd=server.home, log=server.log, keep=keep)


def await_ready(server: Postgres, *, socket_dir: Path, progress: Callable[[str], None]) -> None:
    """Return when the server that was started serves; raise with its last words where it ended or stays silent."""
    began = time.monotonic()
    told = False
    pause = 0.003
    while True:
        answer = probe(socket_dir)
        waited = time.monotonic() - began
        if answer.health is Health.UP:
            return
        if answer.health is Health.REFUSED:
            raise ServiceUnavailable(
                f"PostgreSQL in {server.folder.path} runs and refuses its own user: {answer.detail}. See {server.log}."
            )
        gone = FileLock(server.lock)
        try:
            if gone.try_exclusive():
                raise failure(server)
        finally:
            gone.close()
        if waited > (600 if answer.health is Health.STARTING else 60):
            raise ServiceUnavailable(
                f"PostgreSQL in {server.folder.path} was started {waited:.0f} s ago and does not serve yet. Its last lines:\n{log_tail(server.log)}"
            )
        if waited > 1 and not told:
            progress("PostgreSQL recovers from its last stop" if answer.health is Health.STARTING else "Waiting for PostgreSQL")
            told = True
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)


def failure(server: Postgres) -> ServiceUnavailable:
    """Why the server ended right after its start."""
    tail = log_tail(server.log)
    if says_full(tail):
        return ServiceUnavailable(disk_full(server.cluster))
    return ServiceUnavailable(f"PostgreSQL in {server.folder.path} ended right after its start. The last lines of {server.log}:\n{tail}")


def take_over(server: Postgres, *, socket_dir: Path, progress: Callable[[str], None]) -> FileLock | None:
    """The lock of a server that does not serve, when nothing of it is left; None where it serves after all.

    Four cases hold the lock without serving: a server still starting (its starter was killed), a postmaster without its socket, the children
    of a killed postmaster, and one that hangs. The first is waited for, the next two are ended, and the last is left alone with an error:
    to kill a database that may be only slow is the operator's choice.
    """
    began = time.monotonic()
    asked: dict[tuple[int, signal.Signals], float] = {}
    told = False
    while True:
        lock = wait_free(server.lock, seconds=0.02)
        if lock is not None:
            return lock
        answer = probe(socket_dir)
        waited = time.monotonic() - began
        if answer.health is Health.UP:
            return None
        if answer.health is Health.REFUSED:
            raise ServiceUnavailable(
                f"PostgreSQL in {server.folder.path} runs and refuses its own user: {answer.detail}. See {server.log}."
            )
        if answer.health is Health.SILENT and waited > 30:
            raise ServiceUnavailable(
                f"PostgreSQL in {server.folder.path} (process {server.pid() or 'unknown'}) has not answered for 30 s. If the machine is busy, wait; if it"
                " hangs, end it with kill -9 and start again: what was committed is kept."
            )
        if answer.health is Health.ABSENT:
            pid = server.pid()
            if pid is not None:
                if waited > 10:
                    _ask(asked, [pid], signal.SIGINT if waited < 40 else signal.SIGKILL)
            elif waited > 0.1:
                _ask(asked, _orphans(server), signal.SIGQUIT if waited < 2 else signal.SIGKILL)
        if waited > 1 and not told:
            progress("Waiting for what an earlier PostgreSQL left behind")
            told = True
        if waited > (600 if answer.health is Health.STARTING else 60):
            raise ServiceUnavailable(
                f"processes of an earlier PostgreSQL still hold {server.folder.path} (on this machine or in a container that shares the folder): end them and"
                " start again."
            )


def _orphans(server: Postgres) -> list[int]:
    return living_in(server.cluster, program="postgres")


def _ask(asked: dict[tuple[int, signal.Signals], float], pids: list[int], signum: signal.Signals) -> None:
    """Send the signal, once a second: a server that has only begun to start does not hear the first one."""
    now = time.monotonic()
    for pid in pids:
        if now - asked.get((pid, signum), -1.0) >= 1.0:
            asked[pid, signum] = now
            send([pid], signum)


def ask_to_end(server: Postgres, *, socket_dir: Path) -> None:
    """Ask for a fast shutdown and do not wait; one that recovers has nothing to write, and is ended at once.

    PostgreSQL 18 that is asked for a fast shutdown while it recovers from the death of one of its processes may wait for ever.
    """
    pid = server.pid()
    if pid is not None and is_held(server.lock):
        answer = probe(socket_dir, seconds=1.0)
        recovers = answer.health is Health.STARTING and "shutting down" not in answer.detail
        send([pid], signal.SIGQUIT if recovers else signal.SIGINT)


def end(server: Postgres) -> None:
    """Stop the server and wait until its last process is gone: fast shutdown, and the hard way where that takes over half a minute.

    One that was asked in the moment in which a process of it died may never come to an end by itself; what it did not write it recovers.
    """
    began = time.monotonic()
    asked: dict[tuple[int, signal.Signals], float] = {}
    while (lock := wait_free(server.lock, seconds=0.02 if time.monotonic() - began < 1 else 0.3)) is None:
        waited = time.monotonic() - began
        pid = server.pid()
        if pid is not None:
            _ask(asked, [pid], signal.SIGINT if waited < 30 else signal.SIGQUIT if waited < 35 else signal.SIGKILL)
        else:
            _ask(asked, _orphans(server), signal.SIGQUIT if waited < 2 else signal.SIGKILL)
        if waited > 90:
            return  # held from where we cannot reach, as another container; that one's last client stops it
    lock.close()
