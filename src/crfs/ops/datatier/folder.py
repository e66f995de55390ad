"""What lies where in a data folder, and what must hold before anything starts in it.

::

    <data folder>/
      layout.json      layout number, where the servers' home is
      client.lock      held shared by each client; whoever gets it alone is the last and stops the servers
      start.lock       held alone while one process looks after the servers
      servers.json     socket folder and process ids of the running servers
      postgres.lock, valkey.lock, watcher.lock     held by the servers themselves, so by the kernel's word on who lives
      postgres.log, valkey.log, watcher.log
      servers/         the servers' home: settings, and the cluster in postgres/ (elsewhere where root's server user cannot get here)
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from crfs.errors import InvalidInput, ServiceUnavailable

LAYOUT = 1
"""Number of the layout above; a folder with a higher one was written by a newer crfs."""

_LONGEST_CLUSTER_PATH = 900  # PostgreSQL cuts its paths at 1,024 bytes and appends to this one
_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107 (Linux) or 103 (macOS) bytes


def default_data_dir() -> Path:
    """The platform's folder for this user's data, as ``~/.local/share/crfs`` on Linux."""
    import platformdirs

    return platformdirs.user_data_path("crfs", appauthor=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What ``layout.json`` says: ``home`` is relative to the data folder, or absolute; ``initialised`` once a cluster was made."""

    layout: int
    home: str
    initialised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What ``servers.json`` says; a process id of 0 is not known yet."""

    socket_dir: str
    cluster: str
    postgres_pid: int = 0
    valkey_pid: int = 0
    watcher_pid: int = 0


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The names of a data folder; ``path`` is absolute."""

    path: Path

    @property
    def client_lock(self) -> Path:
        return self.path / "client.lock"

    @property
    def start_lock(self) -> Path:
        return self.path / "start.lock"

    @property
    def layout_file(self) -> Path:
        return self.path / "layout.json"

    @property
    def running_file(self) -> Path:
        return self.path / "servers.json"

    def server_lock(self, server: str) -> Path:
        return self.path / f"{server}.lock"

    def log(self, server: str) -> Path:
        return self.path / f"{server}.log"

    def home(self, layout: Layout) -> Path:
        """The servers' home."""
        return self.path / layout.home

    def cluster(self, layout: Layout) -> Path:
        """PostgreSQL's own folder."""
        return self.home(layout) / "postgres"

    def read_layout(self) -> Layout | None:
        """The layout, or None in a folder that no data tier was made in; refuses one that a newer crfs wrote."""
        try:
            said = json.loads(self.layout_file.read_text(encoding="utf-8"))
            number = int(said["layout"])
            if number > LAYOUT:
                raise ServiceUnavailable(
                    f"the data folder {self.path} was written by a newer crfs (layout {number}, this one knows up to {LAYOUT}):"
                    " install that version of crfs, or choose another folder with --data-dir or CRFS_DATA_DIR."
                )
            return Layout(layout=number, home=str(said["home"]), initialised=bool(said["initialised"]))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.refusal(error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceUnavailable(
                f"{self.layout_file} cannot be read as JSON with layout, home and initialised: bring it back from a backup, or move"
                f" {self.path} away to start with an empty store."
            ) from error

    def write_layout(self, layout: Layout) -> None:
        write_atomically(self.layout_file, json.dumps(asdict(layout)), mode=0o600)

    def read_running(self) -> Running | None:
        """What runs according to the last one who looked after the servers; None where that is nothing, or unreadable after a crash."""
        try:
            said = json.loads(self.running_file.read_text(encoding="utf-8"))
            return Running(**said)
        except (OSError, ValueError, TypeError):
            return None

    def write_running(self, running: Running) -> None:
        write_atomically(self.running_file, json.dumps(asdict(running)), mode=0o600)

    def make(self) -> None:
        """Make the folder where it is absent, and refuse one that cannot serve. Changes no permission of a folder that exists."""
        text = str(self.path)
        if "\n" in text or "\0" in text:
            raise InvalidInput(
                f"the data folder {text!r} has a line break in its name, which PostgreSQL cannot handle: choose another name."
            )
        if len(os.fsencode(text)) > _LONGEST_CLUSTER_PATH:
            raise InvalidInput(
                f"the data folder's path has {len(os.fsencode(text))} bytes, at most {_LONGEST_CLUSTER_PATH} work: choose a shorter one."
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                # Root's servers run as another user, who has to get through (not to read).
                self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
            owner = self.path.stat()
            if not self.path.is_dir():
                raise InvalidInput(f"{self.path} is a file: choose a folder with --data-dir or CRFS_DATA_DIR.")
        except OSError as error:
            raise self.refusal(error) from error
        with suppress(FileNotFoundError):
            try:
                owner = self.layout_file.stat()
            except PermissionError as error:
                raise self.refusal(error) from error
            if owner.st_uid != os.geteuid():
                raise ServiceUnavailable(self._of_another_user(owner.st_uid))

    def refusal(self, error: OSError) -> ServiceUnavailable | InvalidInput:
        """The error to raise for an ``OSError`` in this folder: what is wrong and what to do."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ServiceUnavailable(disk_full(self.path))
        if error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
            return InvalidInput(
                f"{self.path} cannot be a data folder ({error.strerror}): choose another one with --data-dir or CRFS_DATA_DIR."
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            with suppress(OSError):
                owner = self.path.stat().st_uid
                if owner != os.geteuid() and error.errno != errno.EROFS:
                    return ServiceUnavailable(self._of_another_user(owner))
            return ServiceUnavailable(
                f"the data folder {self.path} cannot be written ({error.strerror}): make it writable, or choose another one with --data-dir"
                " or CRFS_DATA_DIR."
            )
        return ServiceUnavailable(
            f"the data folder {self.path} cannot be used: {error}. Choose another one with --data-dir or CRFS_DATA_DIR."
        )

    def _of_another_user(self, uid: int) -> str:
        return (
            f"the data folder {self.path} belongs to the user {user_name(uid)}, and a data tier is one user's: run crfs as that user, or choose"
            " a folder of your own with --data-dir or CRFS_DATA_DIR."
        )


def user_name(uid: int) -> str:
    """The name of a system user, or his number where he has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def says_full(said: str) -> bool:
    """Whether a server's or a tool's words are about a full disk: PostgreSQL tells a write that was cut short otherwise than one refused."""
    return "No space left on device" in said or "Check free disk space" in said


def disk_full(path: Path) -> str:
    """What to say when the disk that holds ``path`` is full."""
    try:
        free = f"{shutil.disk_usage(path).free / 1e6:,.0f} MB free"
    except OSError:
        free = "free space unknown"
    return (
        f"the disk that holds {path} is full ({free}; an empty store needs about 100 MB): free some space, or choose a folder on another disk with"
        " --data-dir or CRFS_DATA_DIR, and start again. What was stored is kept."
    )


def write_atomically(path: Path, text: str, *, mode: int) -> None:
    """Write a small file so that a reader, or a crash, sees the old one or the new one, whole and on disk."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.fchmod(fd, mode)
            left = memoryview(text.encode())
            while left:  # a disk that fills takes a part and says so at the next
                left = left[os.write(fd, left) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        new.rename(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def choose_socket_dir(before: Running | None, *, uid: int, fallback: Path) -> Path:
    """A private folder with a path short enough for a socket: the one used before, as a client may still know it, else a new name.

    It is not made yet: its name is to be written down first.
    """
    if before is not None and _is_socket_name(old := Path(before.socket_dir)) and (_is_ours(old, uid) or not os.path.lexists(old)):
        return old
    for base in dict.fromkeys((Path("/tmp"), Path(tempfile.gettempdir()), fallback)):
        name = base / f"crfs-{secrets.token_hex(5)}"
        if len(os.fsencode(name / ".s.PGSQL.5432.lock")) <= _LONGEST_SOCKET_PATH and os.access(base, os.W_OK | os.X_OK):
            return name
    raise ServiceUnavailable(
        "no folder for the servers' sockets: /tmp cannot be written, and the data folder's path is too long. Make /tmp writable."
    )


def make_socket_dir(path: Path, *, uid: int, gid: int) -> None:
    """Make the folder that ``choose_socket_dir`` named; one that a stranger made first is not used."""
    try:
        path.mkdir(mode=0o700)
        os.chown(path, uid, gid)
    except FileExistsError:
        if not _is_ours(path, uid):
            raise ServiceUnavailable(f"{path} was made by somebody else just now: start again.") from None


def remove_socket_dir(path: Path, *, uid: int) -> None:
    """Remove a socket folder that we made; anything else stays."""
    if _is_socket_name(path) and _is_ours(path, uid):
        shutil.rmtree(path, ignore_errors=True)


def _is_socket_name(path: Path) -> bool:
    return path.is_absolute() and path.name.startswith("crfs-")


def _is_ours(path: Path, uid: int) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return found.st_uid == uid and (found.st_mode & 0o170777) == 0o040700
