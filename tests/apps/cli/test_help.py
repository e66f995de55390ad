"""Help: every page is there, costs nothing, and names only commands that are there."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from crfs.apps.cli.program import COMMANDS, root
from tests.apps.cli.conftest import PROGRAM, environment


def every_command() -> list[tuple[str, ...]]:
    """The words of every command and group."""
    found: list[tuple[str, ...]] = []

    def walk(group: click.Group, words: tuple[str, ...]) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found.append((*words, name))
            if isinstance(command, click.Group):
                walk(command, (*words, name))

    walk(root, ())
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_a_help_page_with_the_shared_options(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(root, [*words, "--help"], prog_name="crfs")
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: crfs {' '.join(words)}")
    assert "--json" in done.output
    assert "--data-dir" in done.output


def test_the_table_of_commands_says_what_each_command_says_of_itself() -> None:
    context = click.Context(root)
    assert root.list_commands(context) == list(COMMANDS)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


def test_help_takes_at_most_three_tenths_of_a_second_of_processor_time() -> None:
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime)"
    )
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", script, *PROGRAM, "--help"], capture_output=True, text=True, check=True, env=environment()
            ).stdout
        )
        for _ in range(3)
    ]
    assert min(times) <= 0.3


def test_a_misspelt_command_is_met_with_the_nearest_one() -> None:
    done = subprocess.run([*PROGRAM, "factors", "lst"], capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 1
    assert "did you mean list?" in done.stderr
