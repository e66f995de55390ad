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
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Of this rule only; may be given more than once.")
@click.option("--severity", "severities", multiple=True, metavar="SEVERITY", help="info, warning or critical; may be given more than once.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=500, show_default=True, help="At most so many.")
@pass_door
def list_(door: Door, every: bool, rules: tuple[str, ...], severities: tuple[str, ...], limit: int) -> None:
    """Alerts as they stand now, the newest first; the rules on sources and streams are evaluated first.

    Where there are many, the terminal has their numbers by rule and the newest of them.
    """
    from crfs.apps.cli.reports.rules import show_alerts
    from crfs.workflows.alerts import count_alerts, list_alerts, watch_sources

    wanted: dict[str, Any] = {"live_only": not every, "rules": rules or None, "severities": severities or None}
    with door.session() as session:
        watch_sources(session)
        found, counts = list_alerts(session, **wanted, limit=limit), count_alerts(session, **wanted)
    if not found and not door.json:
        door.note("There is no alert.")
        return
    number = sum(count["alerts"] for count in counts)
    if door.json and number > len(found):  # the terminal says so below the list
        door.note(f"The newest {len(found):,} of {number:,} alerts; --limit has more.")
    door.answer(found, lambda screen: show_alerts(screen, found, counts))


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
    """Early-warning rules: list them, test them, evaluate them."""


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
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--table", type=click.Path(path_type=Path), help="A CSV or Parquet table of obligors, in place of the bureau's.")
@click.option("--defaults", type=click.Path(path_type=Path), help="With --table: entity and defaulted_at, to measure the rules against.")
@click.option("--rating-scale", type=click.Path(path_type=Path), help="TOML: grades and their default probabilities; one ships with crfs.")
@click.option("--as-of", metavar="TIME", help="With what was known then.")
@click.option("--recorded-as-of", metavar="TIME", help="On the store as it was then.")
@pass_door
def test_rules(door: Door, file: Path | None, **options: Any) -> None:
    """What the rules that ship with crfs, or those of a TOML FILE, make of the bureau's obligors and sectors, and what they were worth against its defaults.

    Where FILE is a CSV or Parquet table of obligors, the rules that ship with crfs look at it. Nothing is kept.
    """
    from crfs.apps.cli.reports.rules import show
    from crfs.workflows.alert_rules import try_rules

    with door.session() as session, door.progress() as progress:
        document = try_rules(session, file, progress=progress, **options)
    door.answer(document, lambda screen: show(screen, document))


@rules.command("evaluate")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--limits", type=click.Path(path_type=Path), help="TOML or CSV: limits of loaded books, their sectors and obligors.")
@click.option("--rating-scale", type=click.Path(path_type=Path), help="TOML: grades and their default probabilities; one ships with crfs.")
@click.option("--as-of", metavar="TIME", help="With what was known then; now, if not given.")
@click.option("--dry-run", is_flag=True, help="Only say what would open, worsen, ease, stay and close.")
@pass_door
def evaluate_rules(door: Door, file: Path | None, **options: Any) -> None:
    """Let the rules that ship with crfs, or those of a TOML FILE, look at the store, and open, keep and close their alerts.

    They look at the bureau's obligors and sectors, at the books that were loaded, and at the risk runs of those. The same evaluation
    again changes nothing, and a time before one that they have looked at is refused.
    """
    from crfs.apps.cli.reports.rules import show_evaluation
    from crfs.workflows.rule_evaluation import evaluate_rules as evaluated
    from crfs.workflows.rule_evaluation import question_of_files

    question = question_of_files(file, **options)
    with door.session() as session, door.progress() as progress:
        document = evaluated(session, question, progress=progress).to_dict()
    door.answer(document, lambda screen: show_evaluation(screen, document))


def _act(door: Door, alert: int, act: str, **options: Any) -> None:
    from crfs.workflows.alerts import act_on_alert

    with door.session() as session:
        document = act_on_alert(session, alert, act, **options)
    _write(door, document)


def _write(door: Door, document: dict[str, Any]) -> None:
    from crfs.apps.cli.screen import cell

    lines = [f"{name:20} {cell(value)}" for name, value in document.items() if name != "events"]
    lines += [
        f"{cell(event['at'])}  {event['from_state'] or '':12} → {event['to_state']:12} {event['to_severity'] or '':8} {event['actor']}"
        + (f": {event['note']}" if event["note"] else "")
        for event in document["events"]
    ]
    door.lines(document, *lines)
