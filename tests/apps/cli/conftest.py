"""The real program in processes of its own, on one embedded store that the tests of this folder share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crfs.apps.cli.program import run
from crfs.ops import datatier
from tests.places import servers_folder
from tests.store.conftest import wait_for_no_disk

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("CRFS_SHARED", ROOT.parent / "shared"))
PROGRAM = [sys.executable, "-c", "from crfs.apps.cli import main; main()"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output, which is one JSON document and nothing else."""
        return json.loads(self.out)


Crfs = Callable[..., Ended]


def environment(**more: str) -> dict[str, str]:
    """The tests' environment without any setting of crfs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRFS_") or name == "CRFS_SHARED"}
    return {**kept, **more}


@pytest.fixture(scope="session")
def tier() -> Iterator[datatier.DataTier]:
    """A data tier that stays up for the whole session, so that each command joins it instead of starting one."""
    with servers_folder("cli test") as folder, datatier.start(folder / "data") as running:
        wait_for_no_disk(sa.make_url(running.store_url))
        yield running


@pytest.fixture(scope="session")
def crfs(tier: datatier.DataTier) -> Crfs:
    """Runs a command on the shared store; the words are the command line's."""

    def run(*words: str | Path, timeout: float = 120) -> Ended:
        done = subprocess.run(
            [*PROGRAM, *map(str, words), "--data-dir", str(tier.data_dir)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(),
            check=False,
        )
        return Ended(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture
def within(tier: datatier.DataTier, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Crfs:
    """Runs a command in this process, for tests of many commands: a process of its own costs a second of imports."""
    for name in os.environ:
        if name.startswith("CRFS_"):
            monkeypatch.delenv(name)

    def run_here(*words: str | Path) -> Ended:
        capsys.readouterr()
        code = run([*map(str, words), "--data-dir", str(tier.data_dir)])
        told = capsys.readouterr()
        return Ended(code=int(code), out=told.out, err=told.err)

    return run_here


@pytest.fixture(scope="session")
def history(crfs: Crfs) -> dict[str, Any]:
    """The packaged history is in the store; the report of the ingest that brought it."""
    done = crfs("ingest", "packaged", "--json")
    assert done.code == 0, done.err
    report: dict[str, Any] = done.json
    return report


@pytest.fixture(scope="session")
def bureau(crfs: Crfs, history: dict[str, Any]) -> dict[str, Any]:
    """A small simulated bureau is in the store too."""
    assert history["batches"]
    done = crfs("ingest", "bureau", "--obligors", "60", "--months", "15", "--json")
    assert done.code == 0, done.err
    report: dict[str, Any] = done.json
    return report


@pytest.fixture(scope="session")
def factor_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model.json of one factor with the group ``all``."""
    file = tmp_path_factory.mktemp("factor model") / "model.json"
    file.write_text(json.dumps({"factors": ["economy"], "correlation": [[1.0]], "groups": {"all": {"economy": 1.0}}}))
    return file


HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector"


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of forty facilities in which nothing is wrong."""
    rows = [f"F{i},O{i % 30},{1000 + 10 * i},0.45,0.0{1 + i % 30 % 5},0.2,all,{'retail' if i % 2 else 'energy'}" for i in range(40)]
    file = tmp_path_factory.mktemp("book") / "book.csv"
    file.write_text("\n".join([HEADER, *rows]) + "\n")
    return file


@pytest.fixture(scope="session")
def measured(crfs: Crfs, history: dict[str, Any], book: Path, factor_model: Path) -> dict[str, Any]:
    """A risk run of that book."""
    assert history
    done = crfs("portfolio", "risk", book, "--factor-model", factor_model, "--max-scenarios", "20000", "--label", "first", "--json")
    assert done.code == 0, done.err
    answer: dict[str, Any] = done.json
    return answer
