"""Which system user the servers run as, and where that user can reach the data and the programs.

PostgreSQL refuses to run as root. An ordinary user's servers run as himself; root's run as an existing system user without rights.
"""

from __future__ import annotations

import os
import pwd
import secrets
from contextlib import suppress
from pathlib import Path

from crfs.errors import ServiceUnavailable
from crfs.ops.datatier.folder import user_name, write_atomically
from crfs.ops.datatier.processes import Account, run_as

SYSTEM_FOLDER = Path("/var/lib/crfs")
"""Where root keeps what his server user must reach and cannot: a copy of the programs, and homes of data folders below a closed one."""

_CANDIDATES = ("postgres", "nobody")


def servers_account(cluster: Path | None) -> Account:
    """The user to run the servers as: ourselves, or as root the owner of the ``cluster`` that exists, else a system user."""
    uid = os.geteuid()
    if uid != 0:
        try:
            return Account(uid=uid, gid=os.getegid(), name=pwd.getpwuid(uid).pw_name, switch=False)
        except KeyError:
            raise ServiceUnavailable(
                f"user id {uid} has no name on this machine and PostgreSQL needs one: add it to the user database (in a container: a line in"
                " /etc/passwd), or set CRFS_STORE__URL and CRFS_REDIS__URL to servers of yours."
            ) from None
    if cluster is not None:
        with suppress(FileNotFoundError):
            owner = cluster.stat().st_uid
            try:
                entry = pwd.getpwuid(owner)
            except KeyError:
                raise ServiceUnavailable(
                    f"{cluster} belongs to user id {owner}, which has no name on this machine: add that user, or give the folder to another"
                    " system user with chown -R."
                ) from None
            if owner == 0:
                raise ServiceUnavailable(
                    f"{cluster} belongs to root, as whom PostgreSQL does not run: give it back with chown -R postgres (or nobody)."
                )
            return Account(uid=owner, gid=entry.pw_gid, name=entry.pw_name, switch=True)
    for name in _CANDIDATES:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=name, switch=True)
    raise ServiceUnavailable(
        "root needs a system user to run PostgreSQL as, and this machine has neither postgres nor nobody: add one (useradd --system postgres),"
        " run crfs as an ordinary user, or set CRFS_STORE__URL and CRFS_REDIS__URL."
    )


def choose_home(data_dir: Path, account: Account) -> str:
    """The servers' home for a new data folder: inside it, or below ``SYSTEM_FOLDER`` where ``account`` cannot get there."""
    if not account.switch or reaches(account, data_dir):
        return "servers"
    homes = system_folder("homes")
    home = homes / f"{data_dir.name}-{secrets.token_hex(6)}"
    home.mkdir(mode=0o711)
    os.chmod(home, 0o711)  # our own folder, whatever the umask
    write_atomically(home / "data_dir.txt", f"{data_dir}\n", mode=0o600)
    return str(home)


def reaches(account: Account, folder: Path) -> bool:
    """Whether ``account`` can get into ``folder``, found out by going there: access lists and mounts count too."""
    return run_as(account, ["/bin/sh", "-c", 'cd -- "$1"', "sh", folder], cwd=Path("/"))[0] == 0


def system_folder(name: str) -> Path:
    """``SYSTEM_FOLDER / name``, made readable for everybody where it is absent; one that somebody else can write is refused."""
    for folder in (SYSTEM_FOLDER, SYSTEM_FOLDER / name):
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                folder.mkdir()
                os.chmod(folder, 0o755)
            found = folder.lstat()
        except OSError as error:
            raise ServiceUnavailable(
                f"{folder} cannot be made ({error.strerror}), and root's server user needs it: choose a data folder that everybody can reach, such"
                " as /srv/crfs, with a Python environment that everybody can read, or run crfs as an ordinary user."
            ) from error
        if found.st_uid != 0 or found.st_mode & 0o170022 != 0o040000:
            raise ServiceUnavailable(
                f"{folder} belongs to {user_name(found.st_uid)} or others may write there, so root cannot trust what it holds: remove it or move it"
                " away, and start again."
            )
    return SYSTEM_FOLDER / name
