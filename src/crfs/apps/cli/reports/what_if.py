"""A what-if run on the terminal: every number before, after and the difference with its error, and who makes the difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, size, state
from crfs.apps.cli.screen import money, table
from crfs.workflows.confidences import percentage
from crfs.workflows.dependence import dependence
from crfs.workflows.highest import at_highest

if TYPE_CHECKING:
    from rich.console import Console

_TITLES = (("var", "VaR"), ("es", "ES"), ("ec", "EC"))


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    changes, ead = answer["changes"], answer["total_ead"]
    screen.print(f"{size(answer)}; {changes['came']:,} come in, {changes['replaced']:,} take another's place, {changes['left']:,} leave")
    screen.print(f"exposure {money(ead['before'], answer['currency'])}, afterwards {money(ead['after'], answer['currency'])}")
    screen.print(f"{state(answer)}; {answer['method']}, {dependence(answer['method'], answer['copula'])}")
    screen.print()
    rows = numbers(answer)
    screen.print(table(rows, list(rows[0])))
    parts = [_obligor(part, answer) for part in answer["obligors"]]
    if parts:
        screen.print()
        screen.print(table(parts, list(parts[0]), title="What each obligor adds if he alone changes"))
    again(screen, answer)


def numbers(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """Before, after and the difference, a measure a row; the first order beside it where there is one."""
    rows = [("EL", answer["el"]), ("UL", answer["ul"])]
    rows += [(f"{title} {_level(measure)}", measure[name]) for measure in answer["measures"] for name, title in _TITLES]
    first_order = any(part.get("marginal") is not None for _, part in rows)
    return [
        {
            "amount": title,
            "before": money(part["before"]),
            "after": money(part["after"]),
            "difference": money(part["change"]) + (f" ± {money(part['change_se'])}" if part.get("change_se") else ""),
            "95 % interval": _interval(part),
            **({"marginal": with_error(part, "marginal") if part.get("marginal") is not None else ""} if first_order else {}),
        }
        for title, part in rows
    ]


def with_error(part: Mapping[str, Any], name: str) -> str:
    """A number with its standard error, or, where nothing was sampled, with the most that it may be off."""
    value, error = part[name], part.get(f"{name}_se")
    if error:
        return f"{money(value)} ± {money(error)}"
    low, high = part.get(f"{name}_low"), part.get(f"{name}_high")
    if low is None or high is None or low == high:
        return money(value)
    return f"{money(value)} ({money(low)} to {money(high)})"


def _interval(part: Mapping[str, Any]) -> str:
    low, high = part.get("change_low"), part.get("change_high")
    if "change_se" not in part or (part["change_se"] == 0.0 and low == high):
        return "exact"
    return f"{money(low)} to {money(high)}" if low is not None and high is not None else ""


def _level(measure: Mapping[str, Any]) -> str:
    return f"{percentage(measure['confidence'])} %"


def _obligor(part: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, str]:
    level = _level(at_highest(answer["measures"]))
    last = at_highest(part["measures"]) if part["measures"] else None
    marginal = any(each["measures"] and at_highest(each["measures"])["es"]["marginal"] is not None for each in answer["obligors"])
    cells = {name: "" if last is None else with_error(last[name], "change") for name in ("var", "es")}
    row = {
        "obligor": part["obligor_id"],
        "exposure": money(part["ead"]["change"]),
        "EL": money(part["el"]["change"]),
        f"VaR {level}": cells["var"],
        f"ES {level}": cells["es"],
    }
    return row | ({"ES, marginal": "" if last is None else with_error(last["es"], "marginal")} if marginal else {})
