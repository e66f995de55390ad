"""A reverse stress run on the terminal: the states, what each means, and who loses in the likeliest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, state
from crfs.apps.cli.reports.stress import fitted_terms
from crfs.apps.cli.screen import money, table
from crfs.workflows.cutting import counted, shown_name
from crfs.workflows.macro_words import level, most_likely

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = ("group", "sector")
LARGEST = 8


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    currency = answer["currency"]
    screen.print(f"{counted(answer['n_facilities'], 'facility', 'facilities')}; what costs {money(answer['loss'], currency)}?")
    screen.print(f"{state(answer)}; {answer['copula']} copula")
    screen.print(f"expected loss {money(answer['el'])}, mean loss in the middle of all states {money(answer['middle'])}")
    screen.print()
    beyond = "as likely as or worse" if answer["loss"] >= answer["middle"] else "as likely as or better"
    rows = [_state(number, found, beyond) for number, found in enumerate(answer["scenarios"], 1)]
    screen.print(table(rows, ["state", "loss", "distance", beyond, "what happens"]))
    macro = [row for number, found in enumerate(answer["scenarios"], 1) for row in _macro(number, found)]
    if macro:
        screen.print()
        columns = ["state", "macro variable", "most likely", "unusual", "last known", "comes to"]
        screen.print(table(macro, columns, title="In macro terms (± is what a state leaves open)"))
        for fit in answer["satellites"]:
            screen.print(f"{fit['factor']} on {fitted_terms(fit)}")
    first = answer["scenarios"][0]
    for by in SHOWN:
        parts = sorted((part for part in first["cuts"] if part["by"] == by), key=lambda part: -float(part["loss"]))[:LARGEST]
        if len(parts) > 1:
            screen.print()
            screen.print(table([_part(by, part) for part in parts], [by, "exposure", "EL", "loss", "times EL"], title="In state 1"))
    again(screen, answer)


def _macro(number: int, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The macro variables that go with a state, each in its own unit; for one that enters as a change its change, and the level it comes to."""
    return [
        {
            "state": number,
            "macro variable": move["mnemonic"],
            "most likely": most_likely(move),
            "unusual": f"{move['deviations']:+.1f} sd",
            "last known": level(move, "last_known"),
            "comes to": level(move),
        }
        for move in found["macro"]
    ]


def likelihood(probability: float) -> str:
    """A probability as a percentage, with two digits however small it is.

    >>> likelihood(0.0138), likelihood(0.00002), likelihood(3.1e-9)
    ('1.38 %', '0.0020 %', '3.1e-7 %')
    """
    if probability >= 1e-3 or probability == 0.0:
        return f"{100.0 * probability:.2f} %"
    digits, _, power = f"{100.0 * probability:.1e}".partition("e")
    return f"{100.0 * probability:.{1 - int(power)}f} %" if int(power) > -5 else f"{digits}e{int(power)} %"


def _state(number: int, found: Mapping[str, Any], beyond: str) -> dict[str, Any]:
    return {
        "state": number,
        "loss": money(found["loss"]),
        "distance": f"{found['distance']:.2f} sd",
        beyond: likelihood(found["half_space_probability"]),
        "what happens": found["words"],
    }


def _part(by: str, part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        by: shown_name(part["name"]),
        "exposure": money(part["ead"]),
        "EL": money(part["el"]),
        "loss": money(part["loss"]),
        "times EL": f"{part['loss'] / part['el']:.1f}" if part["el"] > 0.0 else "",
    }
