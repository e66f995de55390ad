"""``crfs scenarios``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import group

if TYPE_CHECKING:
    from rich.console import Console


@group("scenarios")
def scenarios() -> None:
    """Scenarios: list, show, define."""


@scenarios.command("list")
@pass_door
def list_(door: Door) -> None:
    """Scenarios by name: defined here, of the Federal Reserve's stress tests, and those that ship with crfs."""
    from crfs.workflows.scenarios import list_scenarios

    with door.session() as session:
        found = list_scenarios(session)
    door.table(found, ["scenario", "origin", "severity", "source", "notes"], empty="There is no scenario.")


@scenarios.command("show")
@click.argument("scenario", metavar="NAME|FILE.toml[#NAME]")
@click.option("--as-of", metavar="TIME", help="With the history that was known then. Now, if not given.")
@click.option("--recorded-as-of", metavar="TIME", help="On the store as it was then.")
@pass_door
def show(door: Door, scenario: str, as_of: str | None, recorded_as_of: str | None) -> None:
    """The paths of a scenario, period by period, in decimals and the units of its variables."""
    from crfs.apps.cli.screen import number, table
    from crfs.workflows.scenarios import show_scenario

    with door.session() as session:
        document = show_scenario(session, scenario, as_of=as_of, recorded_as_of=recorded_as_of)

    def render(screen: Console) -> None:
        screen.print(f"{document['name']}: {document['severity']}, {document['periods']} periods of {document['period']}")
        for name in ("source", "notes"):
            if document[name]:
                screen.print(f"{name:8} {document[name]}")
        for warning in document["warnings"]:
            screen.print(f"Note: {warning}")
        screen.print(f"as of {document['as_of']}, batch {document['batch_id']}, digest {document['digest']}")
        screen.print()
        rows = [
            {"variable": path["variable"], "unit": path["unit"]}
            | {day: "" if value is None else number(value) for day, value in zip(document["times"], path["values"], strict=True)}
            for path in document["paths"]
        ]
        screen.print(table(rows, list(rows[0])))

    door.answer(document, render)


@scenarios.command("define")
@click.argument("file", type=click.Path(path_type=Path))
@pass_door
def define(door: Door, file: Path) -> None:
    """Keep the scenarios of a TOML FILE under their names; runs that took what a name meant before are not touched."""
    from crfs.workflows.scenarios import define_scenarios

    with door.session() as session:
        document = define_scenarios(session, file)
    lines = [f"{item['scenario']}: {item['severity']}, digest {item['digest']}" for item in document["scenarios"]]
    door.lines(document, *lines, f"batch {document['batch_id']}, sha256={document['sha256']}")
