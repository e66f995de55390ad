"""The entry point: one table of commands, one place where errors become exit codes."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import click

from crfs.apps.cli.exits import ExitCode, exit_code
from crfs.apps.cli.lazily import LazyGroup
from crfs.apps.cli.termination import Terminated, terminable
from crfs.errors import CrfsError, plain

_COMMANDS = "crfs.apps.cli.commands"
_COMPLETION = "_CRFS_COMPLETE"
"""Set by the shell when it asks how a word may go on: ``eval "$(_CRFS_COMPLETE=bash_source crfs)"``."""

COMMANDS = {
    "demo": (f"{_COMMANDS}.demo:demo", "The main job: history, a bureau, models and a portfolio's risk, every number repeatable."),
    "up": (f"{_COMMANDS}.up:up", "Serve the pages and the API until you stop it."),
    "status": (f"{_COMMANDS}.status:status", "The servers, the store's head and the newest runs."),
    "config": (f"{_COMMANDS}.config:config", "Settings: what is set, and variables that nothing claims."),
    "sources": (f"{_COMMANDS}.sources:sources", "Providers: list them, try them, parse saved answers, begin a new one."),
    "ingest": (f"{_COMMANDS}.ingest:ingest", "Bring a source's rows into the store."),
    "factors": (f"{_COMMANDS}.factors:factors", "Find factors; their values as known at any time; their vintages."),
    "datasets": (f"{_COMMANDS}.datasets:datasets", "Datasets: define, append, list, show, export."),
    "features": (
        f"{_COMMANDS}.features:features",
        "Training sets that do not see the future, the check that they do not, and documents as numbers.",
    ),
    "models": (f"{_COMMANDS}.models:models", "Models: train, list, show, promote, score."),
    "portfolio": (f"{_COMMANDS}.portfolio:portfolio", "Books: load, list, VaR and ES, concentration, capital, provisions, stress."),
    "scenarios": (f"{_COMMANDS}.scenarios:scenarios", "Scenarios: list, show, define."),
    "lineage": (f"{_COMMANDS}.lineage:lineage", "What a result rests on, down to the bytes that came over the wire."),
    "replay": (f"{_COMMANDS}.replay:replay", "Compute a result again and compare it to the byte."),
    "verify": (f"{_COMMANDS}.verify:verify", "Whether every byte and every book of the store is what it was."),
    "payloads": (f"{_COMMANDS}.payloads:payloads", "The raw bytes behind a number."),
    "jobs": (f"{_COMMANDS}.jobs:jobs", "The ledger of long work, and when streams are due."),
    "quarantine": (f"{_COMMANDS}.quarantine:quarantine", "Answers that were held back, and rows that were refused."),
    "alerts": (f"{_COMMANDS}.alerts:alerts", "What needs somebody's attention, from opened to closed."),
}
"""Every command: where it is, and what it says of itself."""


def _version(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"crfs {version('crfs')}")
        context.exit()


root = LazyGroup(
    "crfs",
    places=COMMANDS,
    help="The Credit Risk Factor Store: factors with their vintages, credit models and portfolio risk, every number of which can be "
    "computed again and traced to the bytes it rests on.",
    epilog="Exit codes: 0 done, 1 your mistake, 2 a verification failed, 3 a service is not there, or a quota is used up, 4 done in part. "
    'With --json an error is {"error": {…}} on the standard output, and its text on the standard error.',
    params=[
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and end.")
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    # A command lives for seconds and makes a few hundred thousand objects that stay: looking through them at every 700 new ones, as
    # Python does, takes a sixth of the time of its imports.
    gc.set_threshold(50_000, 20, 20)
    words = list(sys.argv[1:] if arguments is None else arguments)
    with terminable():
        code = run(words)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    sys.exit(int(code))


def run(words: list[str]) -> ExitCode | int:
    """Run a command; the exit code."""
    in_json = "--json" in words
    try:
        if _COMPLETION in os.environ:
            root.main(args=words, prog_name="crfs", complete_var=_COMPLETION)
        with root.make_context("crfs", words) as context:
            code = root.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.CALLERS_MISTAKE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "crfs"
        return _refuse("InvalidInput", f"{error.format_message()}\nSee {where} --help.", ExitCode.CALLERS_MISTAKE, in_json=in_json)
    except click.ClickException as error:
        return _refuse("InvalidInput", error.format_message(), ExitCode.CALLERS_MISTAKE, in_json=in_json)
    except Terminated:
        click.echo("Terminated.", err=True)
        return ExitCode.TERMINATED
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return ExitCode.DONE
    except CrfsError as error:
        return _tell(error, in_json=in_json)
    except MemoryError:
        return _refuse(
            "ServiceUnavailable", "this machine has not enough memory for that; ask for less", ExitCode.NO_SERVICE, in_json=in_json
        )
    except Exception as error:
        if "--debug" in words:
            raise
        return _fault(error, in_json=in_json)
    return code if isinstance(code, int) else ExitCode.DONE


def _tell(error: CrfsError, *, in_json: bool) -> ExitCode:
    from crfs.apps.cli.problems import problem_lines, problem_list

    problems = problem_list(error)
    click.echo(f"Error: {error}", err=True)
    for line in problem_lines(problems, said=str(error)):
        click.echo(line, err=True)
    for note in getattr(error, "__notes__", ()):
        click.echo(note, err=True)
    code = exit_code(error)
    if in_json:
        _error_document(type(error).__name__, str(error), code, problems=problems)
    return code


def _refuse(kind: str, text: str, code: ExitCode, *, in_json: bool) -> ExitCode:
    click.echo(f"Error: {plain(text)}", err=True)
    if in_json:
        _error_document(kind, text, code)
    return code


def _fault(error: Exception, *, in_json: bool) -> ExitCode:
    import tempfile
    import traceback

    trace = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile("w", prefix="crfs-fault-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(trace)
    text = f"a fault of crfs: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}\nThe traceback is in {file.name}."
    return _refuse("Fault", text, ExitCode.NO_SERVICE, in_json=in_json)


def _error_document(kind: str, text: str, code: ExitCode, *, problems: Sequence[dict[str, object]] = ()) -> None:
    from crfs.apps.cli.door import write_json

    document: dict[str, object] = {"type": kind, "message": text, "exit_code": int(code)}
    if problems:
        document |= {"problems": list(problems), "problem_count": len(problems)}
    try:
        write_json({"error": document})
    except BrokenPipeError:
        _forget_output()


def _forget_output() -> None:
    """Nobody reads any more: let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
