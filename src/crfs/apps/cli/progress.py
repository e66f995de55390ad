"""Progress on the standard error: a bar a step on a terminal, a line a step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from crfs.workflows.session import Progress


@contextmanager
def telling() -> Iterator[Progress]:
    """Something to tell progress to."""
    if sys.stderr.isatty():
        with _bars() as tell:
            yield tell
    else:
        lines = _Lines()
        yield lines.tell
        lines.end()


def step_of(text: str) -> str:
    """The step that a text is about: its first part, or the first two where there are details besides.

    >>> step_of("history: packaged: packaged: moodys_yields"), step_of("credit bureau: bureau/2003-10"), step_of("simulating")
    ('history: packaged', 'credit bureau', 'simulating')
    """
    parts = text.split(": ")
    return ": ".join(parts[:2]) if len(parts) > 2 and parts[1] not in parts[0] else parts[0]


class _Lines:
    """A line when a step begins, with the seconds that the one before took."""

    def __init__(self) -> None:
        self._step = ""
        self._began = 0.0

    def tell(self, text: str, _done: int, _total: int | None) -> None:
        step = step_of(text)
        if step == self._step:
            return
        self.end()
        self._step, self._began = step, time.monotonic()

    def end(self) -> None:
        """The last step is over."""
        if self._step:
            click.echo(f"{self._step}: {time.monotonic() - self._began:.1f} s", err=True)
        self._step = ""


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), TextColumn("{task.fields[detail]}"), console=Console(stderr=True), refresh_per_second=5
    ) as bars:
        steps = _Steps(bars)
        yield steps.tell
        steps.end()


class _Steps:
    """One bar a step; a step is over when the next one begins."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._step = ""
        self._task: TaskID | None = None

    def tell(self, text: str, done: int, total: int | None) -> None:
        step = step_of(text)
        if step != self._step or self._task is None:
            self.end()
            self._step = step
            self._task = self._bars.add_task(step, total=total, detail="")
        detail = text.removeprefix(step).removeprefix(": ")
        self._bars.update(self._task, completed=done, total=total, detail=detail)

    def end(self) -> None:
        """The last step is over: its bar is full."""
        if self._task is None:
            return
        task = next(task for task in self._bars.tasks if task.id == self._task)
        total = task.total if task.total is not None else max(task.completed, 1.0)
        self._bars.update(self._task, completed=total, total=total, detail="")
        self._task = None
