"""What every command shares: where the store is, how answers are written, and what is told on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from crfs.workflows.session import Progress, Session

_KEY = "crfs.door"


@dataclass(slots=True)
class Door:
    """The options that every command has."""

    data_dir: Path | None = None
    json: bool = False
    debug: bool = False

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The store, open; closed whatever happens."""
        from crfs.workflows.session import open_session

        with open_session(data_dir=self.data_dir, progress=self.note) as session:
            yield session

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Where work tells how far it is: bars on a terminal, lines elsewhere, always on the standard error."""
        from crfs.apps.cli.progress import telling

        with telling() as tell:
            yield tell

    def note(self, text: str) -> None:
        """A sentence beside the answer, on the standard error."""
        click.echo(text, err=True)

    def answer(self, document: Any, render: Callable[[Console], None]) -> None:
        """Write an answer: the document as JSON where that was asked for, else what ``render`` makes of it."""
        if self.json:
            write_json(document)
        else:
            from crfs.apps.cli.screen import console

            render(console())

    def lines(self, document: Any, *lines: str) -> None:
        """Write an answer whose readable form is a few lines."""
        if self.json:
            write_json(document)
        else:
            click.echo("\n".join(lines))

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
        """Write rows: all of them as JSON, else the named columns as a table; ``empty`` is said where there is none."""
        from crfs.apps.cli.screen import table

        if not rows and not self.json:
            self.note(empty)
            return
        self.answer(list(rows), lambda screen: screen.print(table(rows, columns)))


def write_json(document: Any) -> None:
    """A document on the standard output; instants are RFC 3339, NaN is no JSON and is refused."""
    from crfs.apps.cli.documents import to_json

    click.echo(to_json(document))


def write_bytes(body: bytes) -> None:
    """Bytes on the standard output, as they are."""
    stream = sys.stdout.buffer
    stream.write(body)
    stream.flush()


def door_of(context: click.Context) -> Door:
    """The door of a running command."""
    door: Door = context.meta.setdefault(_KEY, Door())
    return door


def pass_door(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the door to a command as its first argument."""
    from functools import update_wrapper

    def with_door(*args: Any, **options: Any) -> Any:
        return function(door_of(click.get_current_context()), *args, **options)

    return update_wrapper(with_door, function)


def shared_options() -> list[click.Option]:
    """``--data-dir``, ``--json`` and ``--debug``, which may stand anywhere in a command."""

    def keep(context: click.Context, option: click.Parameter, value: Any) -> None:
        if value:
            setattr(door_of(context), str(option.name), value)

    return [
        click.Option(
            ["--data-dir"],
            type=click.Path(path_type=Path, file_okay=False),
            callback=keep,
            expose_value=False,
            help="The embedded store's folder (else CRFS_DATA_DIR, else the platform's).",
        ),
        click.Option(["--json"], is_flag=True, callback=keep, expose_value=False, help="Data as JSON on the standard output."),
        click.Option(
            ["--debug"], is_flag=True, callback=keep, expose_value=False, hidden=True, help="Show the traceback of an unexpected error."
        ),
    ]


def is_terminal() -> bool:
    """Whether the standard output is somebody's screen."""
    return sys.stdout.isatty()
