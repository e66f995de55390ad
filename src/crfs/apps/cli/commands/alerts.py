"""``crfs alerts``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import group

if TYPE_CHECKING:
    from rich.console import Console


@group("alerts")
def alerts() -> None:
    """What needs somebody's attention, from opened to closed."""


@alerts.command("list")
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@pass_door
def list_(door: Door, every: bool) -> None:
    """Alerts as they stand now, the newest first; the rules are evaluated first."""
    from crfs.workflows.alerts import list_alerts, watch_sources

    with door.session() as session:
        watch_sources(session)
        found = list_alerts(session, live_only=not every)
    door.table(found, ["alert_id", "severity", "state", "title", "opened_at", "last_seen_at", "occurrences"], empty="There is no alert.")


@alerts.command("show")
@click.argument("alert", type=int)
@pass_door
def show(door: Door, alert: int) -> None:
    """One alert: its evidence, and who did what to it when."""
    from crfs.workflows.alerts import show_alert

    with door.session() as session:
        document = show_alert(session, alert)
    _write(door, document)


@alerts.command("ack")
@click.argument("alert", type=int)
@click.option("--note", help="Kept in its history.")
@pass_door
def ack(door: Door, alert: int, note: str | None) -> None:
    """Say that somebody is on it."""
    _act(door, alert, "acknowledge", note=note)


@alerts.command("silence")
@click.argument("alert", type=int)
@click.option(
    "--until",
    required=True,
    metavar="TIME",
    help="Open it again after this time, if its condition is still there; a day means its start in UTC.",
)
@click.option("--note", help="Kept in its history.")
@pass_door
def silence(door: Door, alert: int, until: str, note: str | None) -> None:
    """Say that nobody wants to hear of it until a time."""
    _act(door, alert, "silence", note=note, until=until)


@alerts.command("close")
@click.argument("alert", type=int)
@click.option("--note", help="Kept in its history.")
@pass_door
def close(door: Door, alert: int, note: str | None) -> None:
    """Close it; if its condition is still there, the rules open a new one."""
    _act(door, alert, "close", note=note)


@alerts.group("rules")
def rules() -> None:
    """Early-warning rules: list them, test them."""


@rules.command("list")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@pass_door
def list_rules(door: Door, file: Path | None) -> None:
    """The rules that ship with crfs, or those of a TOML FILE."""
    from crfs.workflows.alert_rules import list_rules as found

    document = found(file)

    def told(rule: dict[str, Any]) -> dict[str, Any]:
        levels = ", ".join(f"{level['severity']} {level['open']:g}" for level in rule["levels"])
        return {"rule": rule["name"], "scope": rule["scope"], "kind": rule["kind"], "column": rule["column"], "opens at": levels}

    def render(screen: Console) -> None:
        from crfs.apps.cli.screen import table

        screen.print(table([told(rule) for rule in document], ["rule", "scope", "kind", "column", "opens at"]))

    door.answer(document, render)


@rules.command("test")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", type=click.Path(path_type=Path), help="A CSV or Parquet table of obligors, in place of the bureau's.")
@click.option("--defaults", type=click.Path(path_type=Path), help="With --table: entity and defaulted_at, to measure the rules against.")
@click.option("--rating-scale", type=click.Path(path_type=Path), help="TOML: grades and their default probabilities; one ships with crfs.")
@click.option("--as-of", metavar="TIME", help="With what was known then.")
@click.option("--recorded-as-of", metavar="TIME", help="On the store as it was then.")
@pass_door
def test_rules(door: Door, file: Path, **options: Any) -> None:
    """What the rules of a TOML FILE make of the bureau's obligors and sectors, and what they were worth against its defaults.

    Where FILE is a CSV or Parquet table of obligors, the rules that ship with crfs look at it. Nothing is kept.
    """
    from crfs.apps.cli.reports.rules import show
    from crfs.workflows.alert_rules import try_rules

    with door.session() as session, door.progress() as progress:
        document = try_rules(session, file, progress=progress, **options)
    door.answer(document, lambda screen: show(screen, document))


def _act(door: Door, alert: int, act: str, **options: Any) -> None:
    from crfs.workflows.alerts import act_on_alert

    with door.session() as session:
        document = act_on_alert(session, alert, act, **options)
    _write(door, document)


def _write(door: Door, document: dict[str, Any]) -> None:
    from crfs.apps.cli.screen import cell

    lines = [f"{name:20} {cell(value)}" for name, value in document.items() if name != "events"]
    lines += [
        f"{cell(event['at'])}  {event['from_state'] or '':12} → {event['to_state']:12} {event['actor']}"
        + (f": {event['note']}" if event["note"] else "")
        for event in document["events"]
    ]
    door.lines(document, *lines)
