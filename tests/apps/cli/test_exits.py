"""Every deliberate error ends a command with its code, in words on the standard error and as JSON on the standard output."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import click
import pytest

from crfs import errors
from crfs.apps.cli import program as entry
from crfs.apps.cli.exits import EXIT_CODES, ExitCode, exit_code
from crfs.apps.cli.lazily import command
from crfs.apps.cli.screen import cell
from crfs.apps.cli.termination import Terminated, terminable
from crfs.errors import CrfsError, InvalidInput, Problem

EXPECTED = {
    errors.InvalidInput: 1,
    errors.NotFound: 1,
    errors.NotYetKnown: 1,
    errors.SourceRejected: 1,
    errors.QuotaExhausted: 3,
    errors.Redirected: 3,
    errors.Forbidden: 1,
    errors.Quarantined: 2,
    errors.Unreadable: 2,
    errors.Conflict: 1,
    errors.StoredInPart: 4,
    errors.DoneElsewhere: 4,
    errors.Cancelled: 130,
    errors.VerificationFailed: 2,
    errors.ServiceUnavailable: 3,
    errors.SourceUnavailable: 3,
}


def raised(kind: type[CrfsError], text: str) -> CrfsError:
    """An error of a kind, with whatever else it wants to know."""
    return errors.QuotaExhausted(text, until=datetime(2030, 1, 1, tzinfo=UTC)) if kind is errors.QuotaExhausted else kind(text)


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Makes the command ``status`` raise what is given."""

    def give(error: BaseException) -> None:
        @command("status")
        def failing() -> None:
            """Fails."""
            raise error

        monkeypatch.setattr(entry.root, "get_command", lambda _context, name: failing if name == "status" else None)

    return give


def subclasses(kind: type[CrfsError]) -> set[type[CrfsError]]:
    return {kind for child in kind.__subclasses__() if child.__module__ == "crfs.errors" for kind in {child, *subclasses(child)}}


def test_the_table_has_every_error_of_the_tree() -> None:
    assert subclasses(CrfsError) == EXPECTED.keys()
    assert {kind: int(exit_code(raised(kind, "x"))) for kind in EXPECTED} == EXPECTED
    assert EXIT_CODES.keys() <= EXPECTED.keys()


@pytest.mark.parametrize("kind", EXPECTED, ids=lambda kind: kind.__name__)
def test_an_error_ends_with_its_code_and_says_so_in_json(
    kind: type[CrfsError], ends_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(raised(kind, "what to do next"))
    assert entry.run(["status", "--json"]) == EXPECTED[kind]
    told = capsys.readouterr()
    assert json.loads(told.out) == {"error": {"type": kind.__name__, "message": "what to do next", "exit_code": EXPECTED[kind]}}
    assert told.err == "Error: what to do next\n"


def test_people_see_twenty_problems_and_a_count_and_programs_see_all(
    ends_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    problems = tuple(Problem(row=row, column="ead", reason="missing", detail="blank") for row in range(1, 51))
    ends_with(InvalidInput("50 rows", problems=problems))
    assert entry.run(["status", "--json"]) == ExitCode.CALLERS_MISTAKE
    told = capsys.readouterr()
    assert len(json.loads(told.out)["error"]["problems"]) == 50
    assert told.err.splitlines()[1] == "  row 1, column ead: missing: blank"
    assert told.err.splitlines()[21:] == ["  … and 30 more"]


def test_a_place_that_the_message_names_is_not_told_twice(
    ends_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    problems = tuple(Problem(row=None, column=name, reason="setting", detail="a number is wanted") for name in ("CRFS_A", "CRFS_B"))
    ends_with(InvalidInput("; ".join(f"{item.column}: {item.detail}" for item in problems), problems=problems))
    assert entry.run(["status"]) == ExitCode.CALLERS_MISTAKE
    assert capsys.readouterr().err == "Error: CRFS_A: a number is wanted; CRFS_B: a number is wanted\n"


def test_a_fault_is_a_short_line_and_a_file_without_a_traceback_on_the_screen(
    ends_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ends_with(ZeroDivisionError("division by zero"))
    assert entry.run(["status"]) == ExitCode.NO_SERVICE
    told = capsys.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err
    file = told.err.rsplit("The traceback is in ", 1)[1].rstrip(".\n")
    with open(file, encoding="utf-8") as trace:
        assert "ZeroDivisionError: division by zero" in trace.read()


@pytest.mark.parametrize("kind", [ValueError, InvalidInput])
def test_nothing_that_an_error_or_a_table_quotes_steers_the_terminal(
    kind: type[Exception],
    ends_with: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = "of a \x1b[2J\x9b31m title"
    ends_with(kind(said))
    entry.run(["status"])
    for told in (capsys.readouterr().err, cell(said), cell([said])):
        assert "of a \ufffd[2J\ufffd31m title" in told
        assert told.replace("\n", "").isprintable()


@pytest.mark.parametrize("end", [KeyboardInterrupt(), click.Abort()], ids=["Ctrl-C", "abort"])
def test_an_interrupted_command_ends_with_130(
    end: BaseException, ends_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ends_with(end)
    assert entry.run(["status"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_terminated_command_ends_with_143(ends_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]) -> None:
    ends_with(Terminated())
    assert entry.run(["status"]) == ExitCode.TERMINATED == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "Terminated.\n"


def test_only_the_first_sigterm_is_raised_and_what_was_there_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    tidied = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            tidied.append(True)

    with pytest.raises(Terminated), terminable():
        work()
    assert tidied
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    "words", [["bogus"], ["factors", "get"], ["portfolio", "risk", "x", "--seed", "many"], ["ingest", "fred", "--what"]], ids=" ".join
)
def test_a_wrong_command_line_is_the_callers_mistake(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run([*words, "--json"]) == ExitCode.CALLERS_MISTAKE
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["type"] == "InvalidInput"
    assert told.err.startswith("Error: ")
