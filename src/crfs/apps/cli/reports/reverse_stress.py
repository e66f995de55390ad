"""A reverse stress run on the terminal: the states, what each means, and who loses in the likeliest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, state
from crfs.apps.cli.screen import money, table

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = ("group", "sector")
LARGEST = 8


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    currency = answer["currency"]
    screen.print(f"{answer['n_facilities']:,} facilities; what costs {money(answer['loss'], currency)}?")
    screen.print(f"{state(answer)}; {answer['copula']} copula")
    screen.print(f"expected loss {money(answer['el'])}, mean loss in the middle of all states {money(answer['middle'])}")
    screen.print()
    rows = [_state(number, found) for number, found in enumerate(answer["scenarios"], 1)]
    screen.print(table(rows, ["state", "loss", "distance", "as likely as or worse", "what happens"]))
    first = answer["scenarios"][0]
    for by in SHOWN:
        parts = sorted((part for part in first["cuts"] if part["by"] == by), key=lambda part: -float(part["loss"]))[:LARGEST]
        if len(parts) > 1:
            screen.print()
            screen.print(table([_part(by, part) for part in parts], [by, "exposure", "EL", "loss", "times EL"], title="In state 1"))
    again(screen, answer)


def _state(number: int, found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": number,
        "loss": money(found["loss"]),
        "distance": f"{found['distance']:.2f} sd",
        "as likely as or worse": f"{found['half_space_probability']:.2%}",
        "what happens": found["words"],
    }


def _part(by: str, part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        by: part["name"] or "(blank)",
        "exposure": money(part["ead"]),
        "EL": money(part["el"]),
        "loss": money(part["loss"]),
        "times EL": f"{part['loss'] / part['el']:.1f}" if part["el"] > 0.0 else "",
    }
