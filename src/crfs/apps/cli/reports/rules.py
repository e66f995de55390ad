"""Early-warning rules on the terminal: what they see, what they were worth, and what became of their alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.screen import cell, table

if TYPE_CHECKING:
    from rich.console import Console

TOP = 10
LISTED = 40
"""So many alerts fit on a screen."""


def show(screen: Console, document: Mapping[str, Any]) -> None:
    """Alerts by rule, the worst of those that are live, and the rules against defaults."""
    screen.print(f"{document['source']} as of {cell(document['at'])}: alerts opened so far, and live now")
    columns = ["rule", "scope", "entities", "opened", "live", "info", "warning", "critical"]
    screen.print(table(document["rules"], columns))
    worst = sorted(document["alerts"], key=lambda alert: ("critical", "warning", "info").index(alert["severity"]))
    if worst:
        screen.print()
        screen.print(table(worst[:TOP], ["severity", "rule", "title"], title=f"{min(TOP, len(worst))} of {len(worst):,} live alerts"))
    for title, obligors in (
        ("Sectors and the whole: against the rises of their default rates above their own level that followed within 12 months", False),
        ("Obligors: against the defaults that followed within 12 months", True),
    ):
        rows = [_worth(one) for one in document["performance"] if (one["scope"] == "obligor") is obligors]
        if rows:
            screen.print()
            screen.print(table(rows, list(rows[0]), title=title))
    for note in document["notes"]:
        screen.print(f"Note: {note}")


def show_evaluation(screen: Console, document: Mapping[str, Any]) -> None:
    """What became of the alerts, by rule, and the worst of those that changed."""
    would = document["dry_run"]
    ways = ("opened", "worsened", "reopened", "eased", "kept", "closed")
    numbers = ", ".join(f"{document[way]:,} {way.replace('reopened', 'opened again')}" for way in ways)
    screen.print(f"Alerts as of {document['as_of']}{', if this were no dry run' if would else ''}: {numbers}")
    columns = ["rule", "entities", *ways, "unseen", "info", "warning", "critical"]
    screen.print(table(document["rules"], columns))
    changes = document["changes"]
    if changes:
        screen.print()
        shown = [
            {**change, "what": change["way"], "alert": change["alert_id"], "before": change["severity_before"]} for change in changes[:TOP]
        ]
        title = f"{len(shown)} of {len(changes):,} alerts that {'would change' if would else 'changed'}, the worst first"
        screen.print(table(shown, ["what", "alert", "severity", "before", "rule", "title"], title=title))
        if len(changes) > TOP:
            screen.print("The others: crfs alerts list --rule RULE --severity SEVERITY, or --json here")
    for note in document["notes"]:
        screen.print(f"Note: {note}")


def show_alerts(screen: Console, alerts: Sequence[Mapping[str, Any]], counts: Sequence[Mapping[str, Any]]) -> None:
    """The alerts, or where they are too many for a screen their numbers and the newest."""
    number = sum(count["alerts"] for count in counts)
    if number > LISTED:
        screen.print(table(counts, ["rule", "severity", "state", "alerts"], title=f"{number:,} alerts"))
        screen.print()
    shown = alerts[:LISTED]
    screen.print(table(shown, ["alert_id", "severity", "state", "title", "opened_at", "last_seen_at", "occurrences"]))
    if number > len(shown):
        screen.print(f"The newest {len(shown)} of {number:,}: --rule and --severity narrow it; --limit {number} --json has all")


def _worth(one: Mapping[str, Any]) -> dict[str, str]:
    lead = one["lead_days"]
    return {
        "rule": one["rule"],
        "measured from": f"{one['since']:%Y-%m-%d}",
        "precision": _share(one["precision"]),
        "recall": _share(one["recall"]),
        "false alarms": _share(one["false_alarm_rate"]),
        "median days ahead": "" if lead is None else f"{lead['p50']:.0f}",
    }


def _share(share: Mapping[str, Any] | None) -> str:
    """A share with its interval.

    >>> _share({"value": 0.25, "low": 0.1, "high": 0.5, "hits": 1, "of": 4})
    '25.0 % (10.0 to 50.0) of 4'
    """
    if share is None or share["value"] is None:
        return "none to count"
    return f"{share['value'] * 100:.1f} % ({share['low'] * 100:.1f} to {share['high'] * 100:.1f}) of {share['of']:,}"
