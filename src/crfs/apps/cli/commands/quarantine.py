"""``crfs quarantine``."""

from __future__ import annotations

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import group


@group("quarantine")
def quarantine() -> None:
    """Answers that were held back and rows that were refused: list them, look at them, release them.

    Refused rows are released by themselves when a mended parser reads their answer again (crfs ingest SOURCE --reparse) and refuses none.
    """


@quarantine.command("list")
@click.option("--all", "every", is_flag=True, help="Released ones too.")
@click.option("--source", help="Only of this source.")
@pass_door
def list_(door: Door, every: bool, source: str | None) -> None:
    """What is held, the newest first, each with its reason and payload."""
    from crfs.workflows.quarantine import list_quarantine

    with door.session() as session:
        found = list_quarantine(session, held_only=not every, source=source)
    door.table(
        found, ["quarantine_id", "source", "stream", "rule", "detail", "state", "opened_at", "sha256"], empty="Nothing is in quarantine."
    )


@quarantine.command("show")
@click.argument("item", type=int)
@pass_door
def show(door: Door, item: int) -> None:
    """One item: why it is held, its evidence, and the places in its payload that were refused (crfs payloads get SHA has the bytes)."""
    from crfs.apps.cli.screen import cell
    from crfs.workflows.quarantine import show_quarantine

    with door.session() as session:
        document = show_quarantine(session, item)
    lines = [f"{name:20} {cell(value)}" for name, value in document.items() if name != "rejected"]
    lines += [f"row {row['row']}, column {row['column']}: {row['reason']}: {row['detail']}" for row in document["rejected"]]
    door.lines(document, *lines)


@quarantine.command("release")
@click.argument("item", type=int)
@click.option("--reason", required=True, help="Why it is right after all; kept with it.")
@pass_door
def release(door: Door, item: int, reason: str) -> ExitCode:
    """Publish what an item holds, as the present parser and catalogue read it.

    Exit code 4 says that some of its rows are still refused, so that it stays.
    """
    from crfs.workflows.releasing import release_quarantine

    with door.session() as session, door.progress() as progress:
        done = release_quarantine(session, item, reason=reason, progress=progress)
    appended = sum(done["ingest"]["appended"].values())
    state = "released" if done["released"] else f"still held: {done['still_rejected']} rows are refused"
    door.lines(done, f"item {item}: {state}; {appended:,} rows appended")
    return ExitCode.DONE if done["released"] else ExitCode.DONE_IN_PART
