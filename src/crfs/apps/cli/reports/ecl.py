"""A run of provisions on the terminal: the allowance, stages, scenarios, overlays and a cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, state
from crfs.apps.cli.reports.stress import fitted
from crfs.apps.cli.screen import table
from crfs.workflows.cutting import counted, shown_name

if TYPE_CHECKING:
    from rich.console import Console

TITLES = {"ifrs9": "IFRS 9", "cecl": "CECL"}
SHOWN = ("stage", "segment", "sector")


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    currency = answer["currency"] or ""
    screen.print(
        f"{counted(answer['n_facilities'], 'facility', 'facilities')}, exposure (EAD) {cents(answer['total_ead'])} {currency}".rstrip()
    )
    overlays = answer["overlays"]
    day = "" if overlays is None else f", reporting date {overlays['on']}"
    screen.print(f"{state(answer)}; {TITLES[answer['standard']]}{day}")
    screen.print()
    screen.print(f"Allowance {cents(answer['allowance'])} {currency}".rstrip())
    if overlays is not None:
        screen.print(f"= expected credit losses {cents(answer['ecl'])} + overlays {cents(overlays['total'])}")
    for by in SHOWN:
        parts = answer["by"].get(by, [])
        if parts:
            screen.print()
            screen.print(table([_part(by, part) for part in parts], [by, "facilities", "exposure (EAD)", "allowance", "coverage"]))
    staging = answer["staging"]
    if staging is not None and staging["triggers"]:
        screen.print()
        rows = [{"what put them there": name, "facilities": count} for name, count in staging["triggers"].items()]
        screen.print(table(rows, ["what put them there", "facilities"]))
    if len(answer["scenarios"]) > 1:
        screen.print()
        name = "ecl" if answer["standard"] == "ifrs9" else "allowance"
        rows = [{"scenario": s["name"], "weight": f"{s['weight']:g}", "losses": cents(s[name])} for s in answer["scenarios"]]
        screen.print(table(rows, ["scenario", "weight", "losses"]))
    for fit in answer["satellites"]:
        screen.print(fitted(fit))
    for line in [] if overlays is None else overlays["overlays"]:
        screen.print(f"Overlay {line['name']}: {cents(line['amount'])}, {line['detail']}; {line['approver']}: {line['reason']}")
    again(screen, answer)


def cents(value: float) -> str:
    """An amount to the cent.

    >>> cents(1234567.8)
    '1,234,567.80'
    """
    return f"{value:,.2f}"


def _part(by: str, part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        by: shown_name(part["name"]),
        "facilities": part["facilities"],
        "exposure (EAD)": cents(part["ead"]),
        "allowance": cents(part["allowance"]),
        "coverage": f"{part['allowance'] / part['ead'] * 100:.2f} %" if part["ead"] else "",
    }
