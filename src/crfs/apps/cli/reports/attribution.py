"""An attribution run on the terminal: each measure before, what changed it, and after; and the same by tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, state
from crfs.apps.cli.screen import money, table
from crfs.workflows.attribution_words import REASONS, measure_title
from crfs.workflows.cutting import counted, shown_name

if TYPE_CHECKING:
    from rich.console import Console


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    earlier = answer["earlier"]
    screen.print(f"from {counted(earlier['n_facilities'], 'facility', 'facilities')} to {answer['n_facilities']:,}")
    known = (
        f"as of {earlier['as_of']} (batch {earlier['batch_id']})"
        if earlier["as_of"]
        else f"as the store of batch {earlier['batch_id']} had it"
    )
    screen.print(f"before: {known}")
    screen.print(f"after: {state(answer)}")
    whole = [effect for effect in answer["effects"] if effect["by"] is None]
    for level in dict.fromkeys(effect["confidence"] for effect in whole):
        screen.print()
        mine = [effect for effect in whole if effect["confidence"] == level]
        screen.print(table(_rows(answer, mine), ["why", *(measure_title(effect) for effect in mine)]))
    cut = [effect for effect in answer["effects"] if effect["by"] is not None and effect["measure"] == "el"]
    for by in dict.fromkeys(effect["by"] for effect in cut):
        screen.print()
        mine = [effect for effect in cut if effect["by"] == by]
        screen.print(table(_parts(by, mine), [by, "EL before", "EL after", "change", "mostly by"]))
    again(screen, answer)


def _rows(answer: Mapping[str, Any], effects: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    rows = [{"why": "before", **{measure_title(effect): money(effect["before"]) for effect in effects}}]
    for k, step in enumerate(answer["order"]):
        told = {measure_title(effect): _amount(effect["steps"][k]) for effect in effects}
        if any(effect["steps"][k]["amount"] for effect in effects):
            rows.append({"why": REASONS[step], **told})
    rows.append({"why": "after", **{measure_title(effect): money(effect["after"]) for effect in effects}})
    return rows


def _amount(step: Mapping[str, Any]) -> str:
    error = step["se"]
    return f"{step['amount']:+,.0f}" + (f" ± {error:,.0f}" if error else "")


def _parts(by: str, effects: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    found = []
    for effect in sorted(effects, key=lambda one: -abs(one["change"])):
        largest = max(effect["steps"], key=lambda step: abs(step["amount"]))
        found.append(
            {
                by: shown_name(effect["label"]),
                "EL before": money(effect["before"]),
                "EL after": money(effect["after"]),
                "change": f"{effect['change']:+,.0f}",
                "mostly by": REASONS[largest["step"]] if largest["amount"] else "",
            }
        )
    return found
