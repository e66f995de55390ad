"""A data tier for a while leaves nothing behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from crfs.ops.datatier import DataTier, scratch_tier
from crfs.ops.datatier.folder import DataFolder
from crfs.ops.datatier.scratch import _FORGOTTEN


def home_of(tier: DataTier) -> Path:
    folder = DataFolder(tier.data_dir)
    layout = folder.read_layout()
    assert layout is not None
    return folder.home(layout)


@pytest.mark.parametrize("mode", [0o700, 0o755], ids=["closed to others", "open"])
def test_it_answers_and_is_gone_with_its_servers_home_wherever_that_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    os.chmod(place, mode)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    homes = []

    def use() -> None:
        with scratch_tier() as tier:
            engine = sa.create_engine(sa.engine.make_url(tier.store_url).set(drivername="postgresql+psycopg"))
            with engine.connect() as connection:
                assert connection.exec_driver_sql("SHOW fsync").scalar() == "off"
            engine.dispose()
            homes.append(home_of(tier))
            assert homes[0].is_dir()
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        use()
    (home,) = homes
    assert not home.exists()
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, new, other = (tmp_path / name for name in ("crfs-scratch-old", "crfs-scratch-new", "not ours"))
    for folder in (old, new, other):
        (folder / "store").mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (time.time() - _FORGOTTEN - 60,) * 2)
    with scratch_tier():
        pass
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["crfs-scratch-new", "not ours"]
