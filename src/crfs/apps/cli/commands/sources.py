"""``crfs sources``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crfs.apps.cli.door import Door, pass_door, write_json
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import group

if TYPE_CHECKING:
    from rich.console import Console


@group("sources")
def sources() -> None:
    """Providers: list them, try them, parse saved answers, begin a new one."""


@sources.command("list")
@pass_door
def list_(door: Door) -> None:
    """Every source, the datasets it fills, and whether a key is set."""
    from crfs.workflows.source_catalogue import list_sources

    door.table(list_sources(), ["source", "datasets", "takes_key", "key_set", "hosts"], empty="There are no sources.")


@sources.command("parse")
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--meta", type=click.Path(path_type=Path), help="The url, status and headers of the answer (else FILE's .meta.json, if it lies beside)."
)
def parse(source: str, file: Path, meta: Path | None) -> None:
    """Classify and parse saved bytes of SOURCE, and touch nothing. The answer is JSON, with and without --json."""
    from crfs.workflows.source_catalogue import parse_saved

    write_json(parse_saved(source, file, meta))


@sources.command("test")
@click.argument("source")
@pass_door
def test(door: Door, source: str) -> ExitCode:
    """Ask SOURCE a small question of each kind and show what works, with which key, and what is late. Stores nothing.

    Exit code 3 says that something does not work.
    """
    from crfs.apps.cli.screen import cell, table
    from crfs.workflows.source_testing import try_source

    with door.session() as session, door.progress() as progress:
        found = try_source(session, source, progress=progress)

    def render(screen: Console) -> None:
        key = (
            "needs no key"
            if not found["takes_key"]
            else f"key set ({found['key_variable']})"
            if found["key_set"]
            else (f"no key: set {found['key_variable']}" + (f", had at {found['key_page']}" if found["key_page"] else ""))
        )
        screen.print(f"{found['title']}: {key}")
        if found["terms"]:
            screen.print(f"Terms: {found['terms']}")
        if found["probes"]:
            screen.print(table(found["probes"], ["name", "works", "answers", "classification", "accepted", "rejected", "newest"]))
        else:
            screen.print("There is nothing to ask: its files are the user's own.")
        for probe in found["probes"]:
            if probe["error"] or probe["first_rejection"]:
                screen.print(f"{probe['name']}: {probe['error'] or 'rejected: ' + probe['first_rejection']}")
        if found["streams"]:
            screen.print(
                table(found["streams"], ["stream", "scheduled", "next_due_at", "watermark", "last_success_at", "failures", "stale"])
            )
        screen.print(f"Late: {cell(', '.join(found['late'])) if found['late'] else 'nothing'}")
        for row in found["streams"]:
            if row["stale"]:
                screen.print(f"  {row['stream']}: since {cell(row['stale_since'])}: {cell(row['stale_reason'])}")
        if found["never_asked"]:
            screen.print(f"Never asked: {cell(', '.join(found['never_asked']))}")

    door.answer(found, render)
    return ExitCode.DONE if found["works"] or not found["probes"] else ExitCode.NO_SERVICE


@sources.command("lift")
@click.argument("source")
@pass_door
def lift(door: Door, source: str) -> None:
    """Ask SOURCE again at once: close its circuit, end its parking and the pause that its provider asked for.

    Streams and jobs that waited are due now. A day's requests that are used up stay so.
    """
    from crfs.apps.cli.screen import cell
    from crfs.workflows.lifting import lift_source

    with door.session() as session:
        done = lift_source(session, source)
    ends = {"open_until": "its circuit was open", "parked_until": "it was parked", "held_until": "its provider asked to be left alone"}
    lines = [f"{source}: {words} until {cell(done[name])}; no longer" for name, words in ends.items() if done[name] is not None]
    if done["streams"] or done["jobs"]:
        lines.append(f"{source}: {done['streams']} streams are due now, {done['jobs']} jobs that waited may be done")
    door.lines(done, *(lines or [f"{source}: nothing was in the way of asking it"]))


@sources.command("coverage")
@click.option("--markdown", is_flag=True, help="As the page of the documentation.")
@pass_door
def coverage(door: Door, markdown: bool) -> None:
    """How many factors the catalogue has by category and provider, and from when."""
    from crfs.workflows.coverage import coverage, coverage_page

    if markdown:
        click.echo(coverage_page(), nl=False)
    else:
        columns = ["area", "category", "provider", "factors", "declared", "since", "half_since", "last_since"]
        door.table(coverage(), columns, empty="The catalogue has no factor.")


@sources.command("new")
@click.argument("name")
@click.option("--template", type=click.Choice(["csv", "json"]), required=True, help="What the provider's answers look like.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="A checkout of crfs: the folder with its src and tests (here).",
)
@pass_door
def new(door: Door, name: str, template: str, into: Path) -> None:
    """Write the module, the catalogue file, the samples and a test of a new source NAME from a template; nothing that is there is touched.

    The page of coverage is made of the catalogue, so it is made anew afterwards; the last line says how.

    A source is a module of crfs itself, so it is begun in a checkout of crfs: clone crfs, and go there or name it with --into.
    """
    from crfs.workflows.source_template import REFRESH, new_source

    written = new_source(name, template, into)
    door.lines(
        {"written": [str(path) for path in written]},
        *(f"written: {path}" for path in written),
        "next: say in them what the provider does",
        f"then, and after every change of its catalogue file, in {into}: {REFRESH} (a test holds the page to the catalogue)",
    )
