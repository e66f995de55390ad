"""What every run about a book says of itself on the terminal: its clocks above, and how to have it again below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def state(answer: Mapping[str, Any]) -> str:
    """The clocks of a run in words."""
    return f"as of {answer['as_of']}, recorded as of {answer['recorded_as_of']} (batch {answer['batch_id']})"


def again(screen: Console, answer: Mapping[str, Any]) -> None:
    """Notes for the reader, the run's id and hash, and the commands that compute and trace it."""
    for note in answer["notes"]:
        screen.print(f"Note: {note}")
    screen.print()
    screen.print(f"run {answer['run_id']}  sha256={answer['result_sha256']}")
    screen.print(f"again: crfs replay {answer['run_id']}   bytes: crfs lineage {answer['run_id']} --to payload")
