"""Every command of ``examples/README.md``, by the real program in order on one store: it ends well and prints the lines shown there."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from crfs.apps.cli.program import run
from tests.places import servers_folder

pytestmark = [pytest.mark.servers, pytest.mark.journey]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAM = [sys.executable, "-c", "from crfs.apps.cli import main; main()"]
SHOWN = re.compile(r"```console\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A command of the page, and the lines of its output that the page shows."""

    command: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How the command ended."""

    code: int
    out: str
    err: str


def commands() -> list[Shown]:
    """What the page shows, in order; the history that it supposes comes first."""
    shown = [Shown(command="crfs ingest packaged", lines=())]
    for block in SHOWN.findall((EXAMPLES / "README.md").read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            shown.append(Shown(command=command, lines=tuple(lines)))
    return shown


def squeezed(text: str) -> str:
    """The text with every run of blanks as one: a table's columns are as wide as its other rows ask."""
    return re.sub(r"[ \t]+", " ", text).strip()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A copy of the examples, in which the commands write."""
    with servers_folder("examples") as place:
        yield Path(shutil.copytree(EXAMPLES, place / "examples"))


@pytest.fixture(scope="module")
def told(folder: Path, new_store: Callable[[], str]) -> Iterator[dict[str, Told]]:
    """What each command of the page answered in an empty store of the servers that all journeys share."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("CRFS_"):
                patch.delenv(name)
        patch.setenv("CRFS_STORE__URL", new_store())
        patch.chdir(folder)
        first, *others = commands()
        answers = {first.command: in_its_own_process(first.command)}
        for shown in others:
            answers[shown.command] = here(shown.command)
        yield answers


def in_its_own_process(command: str) -> Told:
    """The program as a shell starts it."""
    done = subprocess.run([*PROGRAM, *words(command)], capture_output=True, text=True, timeout=60, check=False)
    return Told(code=done.returncode, out=done.stdout, err=done.stderr)


def here(command: str) -> Told:
    """The program in this process: one of its own costs each command a second or two of imports."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(words(command))
    return Told(code=int(code), out=out.getvalue(), err=err.getvalue())


def words(command: str) -> list[str]:
    """A command's words after the program's name."""
    program, *rest = shlex.split(command)
    assert program == "crfs"
    return rest


@pytest.mark.parametrize("shown", commands(), ids=lambda shown: shown.command)
def test_a_command_of_the_page_prints_what_the_page_shows(told: dict[str, Told], shown: Shown) -> None:
    answer = told[shown.command]
    assert answer.code == 0, answer.err
    printed = [squeezed(line) for line in answer.out.splitlines()]
    for line in shown.lines:
        assert squeezed(line) in printed


def test_the_page_takes_every_file() -> None:
    taken = {word for shown in commands() for word in words(shown.command)}
    assert {file.name for file in EXAMPLES.iterdir()} - {"README.md"} <= taken


def test_expected_loss_and_exposure_are_the_sums_of_the_book(told: dict[str, Told], folder: Path) -> None:
    exposure = loss = 0.0
    with (folder / "book.csv").open() as file:
        for row in csv.DictReader(file):
            drawn, limit, ccf = (float(row[name] or 0) for name in ("drawn", "limit", "ccf"))
            ead = float(row["ead"] or drawn + ccf * (limit - drawn))
            exposure += ead
            loss += ead * float(row["lgd"]) * float(row["pd_12m"])
    printed = squeezed(told["crfs portfolio risk book.csv --factor-model model.json"].out)
    assert f"exposure {exposure:,.0f} USD" in printed
    assert f"EL {loss:,.0f} exact" in printed


def test_the_set_has_the_spread_of_a_year_before_and_no_unemployment_that_is_too_old(told: dict[str, Told], folder: Path) -> None:
    assert told["crfs features build spec.toml --spine rows.csv --out set.csv"].code == 0
    with (folder / "set.csv").open() as file:
        rows = {(row["obligor_id"], row["observed_at"]): row for row in csv.DictReader(file)}
    crisis, later = rows["O02", "2008-09-30"], rows["O05", "2010-09-30"]
    # August's Baa of 7.15 % less its Aaa of 5.64 %: September's average was not out on the 30th.
    assert float(crisis["us.credit_spread_baa_aaa"]) == pytest.approx(0.0151)
    assert float(crisis["us.credit_spread_baa_aaa@P12M"]) == pytest.approx(0.0082)
    assert crisis["default_flag"] == "1"
    assert float(crisis["us.unemployment_rate_quarterly"]) == pytest.approx(0.054)
    assert later["us.unemployment_rate_quarterly"] == ""
