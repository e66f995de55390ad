"""A capital run on the terminal: totals, the output floor, expected loss against provisions, and the cuts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, state
from crfs.apps.cli.screen import money, table
from crfs.workflows.cutting import counted, shown_name

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = ("exposure_class", "approach", "sector")


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    currency = answer["currency"]
    screen.print(f"{counted(answer['n_facilities'], 'facility', 'facilities')}, regulatory EAD {money(answer['totals']['ead'], currency)}")
    screen.print(f"{state(answer)}; {answer['regime']}, {answer['approach']} approach where a row names none")
    screen.print()
    screen.print(table(totals(answer), ["regulatory capital", "amount"]))
    for by in SHOWN:
        parts = answer["by"].get(by, [])
        if len(parts) > 1 or (by == "exposure_class" and parts):
            screen.print()
            screen.print(
                table([_part(by, part) for part in parts], [by, "facilities", "regulatory EAD", "risk weight", "RWA", "capital", "EL"])
            )
    again(screen, answer)


def totals(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """The totals, one a row."""
    amounts, floor, comparison = answer["totals"], answer["output_floor"], answer["expected_loss"]
    rows = [
        ("risk-weighted assets (RWA)", money(amounts["rwa"])),
        ("mean risk weight", percent(answer["rw"])),
    ]
    if floor is not None:
        held = ", held by the transitional cap" if floor["capped"] else ""
        rows += [
            ("RWA under the standardised approaches", money(floor["standardised_rwa"])),
            (f"RWA after the output floor of {floor['share'] * 100:g} %{held}", money(floor["rwa"])),
        ]
    rows.append((f"capital at {answer['capital_ratio'] * 100:g} %", money(amounts["capital"])))
    if comparison is not None:
        rows += [("expected loss (EL) under models", money(comparison["el"])), ("provisions", money(comparison["provisions"]))]
        rows += [("shortfall, off CET1", money(comparison["shortfall"])), ("excess that counts as Tier 2", money(comparison["tier_2"]))]
    return [{"regulatory capital": name, "amount": amount} for name, amount in rows]


def percent(value: float | None) -> str:
    """A decimal as a percentage.

    >>> percent(0.9232), percent(None)
    ('92.3 %', '')
    """
    return "" if value is None else f"{value * 100:.1f} %"


def _part(by: str, part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        by: shown_name(part["name"]),
        "facilities": part["facilities"],
        "regulatory EAD": money(part["ead"]),
        "risk weight": percent(part["rw"]),
        "RWA": money(part["rwa"]),
        "capital": money(part["capital"]),
        "EL": money(part["el"]),
    }
