"""What every run about a book says of itself on the terminal: its clocks above, and how to have it again below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.workflows.cutting import counted
from crfs.workflows.filling import filled_in_words

if TYPE_CHECKING:
    from rich.console import Console


def state(answer: Mapping[str, Any]) -> str:
    """The clocks of a run in words."""
    return f"as of {answer['as_of']}, recorded as of {answer['recorded_as_of']} (batch {answer['batch_id']})"


def size(answer: Mapping[str, Any]) -> str:
    """How many facilities a run's book has, and of how many obligors.

    >>> size({"n_facilities": 12, "n_obligors": 1})
    '12 facilities of 1 obligor'
    """
    return f"{counted(answer['n_facilities'], 'facility', 'facilities')} of {counted(answer['n_obligors'], 'obligor')}"


def again(screen: Console, answer: Mapping[str, Any]) -> None:
    """What models filled in the book, notes for the reader, the run's id and hash, and the commands that compute and trace it."""
    filled = filled_in_words(answer)
    if filled is not None:
        screen.print(f"Filled: {filled}")
    for note in answer["notes"]:
        screen.print(f"Note: {note}")
    screen.print()
    screen.print(f"run {answer['run_id']}  sha256={answer['result_sha256']}")
    screen.print(f"again: crfs replay {answer['run_id']}   bytes: crfs lineage {answer['run_id']} --to payload")
