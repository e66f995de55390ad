"""A new source from a template is a whole one: it is found, passes the contract's suite, and lints, types and links as all code does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crfs.apps.cli.program import run as program
from crfs.errors import Conflict, InvalidInput
from crfs.workflows.source_template import new_source

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a source needs to be built and tested in."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("samples", "contracts"):
        shutil.copytree(ROOT / "tests" / name, folder / "tests" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests" / "sources").mkdir()
    for name in ("pyproject.toml", "tests/conftest.py", "tests/thorough.py", "tests/sources/conftest.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(checkout: Path, *words: str) -> str:
    """A Python module of the environment, on the copy."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "CRFS_TEST_FUZZED_BODIES": "20"}
    done = subprocess.run([sys.executable, "-m", *words], check=False, cwd=checkout, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "template"), [("payload", "csv"), ("true", "json"), ("fresh_air", "json")])
def test_a_new_source_passes_what_every_source_passes(checkout: Path, name: str, template: str) -> None:
    """Whatever its name is: one that the module imports, or a word of Python with a capital."""
    written = new_source(name, template, checkout)
    assert all(path.is_file() for path in written)
    code = [str(path.relative_to(checkout)) for path in written if path.suffix == ".py"]
    run(checkout, "ruff", "format", "--check", *code)
    run(checkout, "ruff", "check", *code)
    out = run(checkout, "pytest", "-q", "-p", "no:cacheprovider", "-k", name, "tests/contracts", f"tests/sources/{name}")
    assert "passed" in out


def test_the_program_says_at_its_end_that_the_page_of_coverage_is_made_anew(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(["sources", "new", "told", "--template", "csv", "--into", str(checkout)]) == 0
    assert "crfs sources coverage --markdown > docs/reference/coverage.md" in capsys.readouterr().out.splitlines()[-1]


def test_nothing_that_is_there_is_touched(checkout: Path) -> None:
    before = (checkout / "src/crfs/sources/providers/csv.py").read_bytes()
    with pytest.raises(Conflict, match="there already"):
        new_source("csv", "csv", checkout)
    assert (checkout / "src/crfs/sources/providers/csv.py").read_bytes() == before
    assert not (checkout / "tests/sources/csv").exists()


@pytest.mark.parametrize("name", ["x", "a" * 32, "Upper", "a b", "1st", "../up"])
def test_a_name_that_is_no_modules_name_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="lower case"):
        new_source(name, "csv", checkout)


def test_a_word_of_python_is_refused_since_no_module_can_be_imported_by_it(checkout: Path) -> None:
    with pytest.raises(InvalidInput, match="global is a word of Python"):
        new_source("global", "csv", checkout)


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no folder src/crfs/sources/providers\. A source is a module of crfs itself, so clone crfs"):
        new_source("fresh", "csv", tmp_path)
