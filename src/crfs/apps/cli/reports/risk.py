"""A risk run on the terminal: losses with their errors, concentration, contributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, size, state
from crfs.apps.cli.screen import money, number, table
from crfs.workflows.confidences import percentage
from crfs.workflows.cutting import shown_name
from crfs.workflows.dependence import SECTORS, dependence
from crfs.workflows.highest import at_highest

if TYPE_CHECKING:
    from rich.console import Console

TOP = 8
INDICES = ("sector", "region")
TABLES = (
    ("obligor", "Largest obligors by expected shortfall"),
    ("connected_clients", "Largest connected clients by expected shortfall"),
    ("sector", "Sectors"),
)


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    currency = answer["currency"]
    screen.print(f"{size(answer)}, exposure {money(answer['total_ead'], currency)}")
    drawn = "" if answer["method"] == SECTORS else f"{answer['scenarios']:,} scenarios, seed {answer['seed']}, "
    screen.print(f"{state(answer)}; {answer['method']}, {drawn}{dependence(answer['method'], answer['copula'])}")
    screen.print()
    screen.print(table(_losses(answer), ["loss in 12 months", "amount", "standard error", "95 % interval"]))
    screen.print()
    adjustment = answer["granularity_adjustment"]
    if adjustment is not None:
        granularity = f"granularity adjustment {money(adjustment, currency)}"
    else:
        granularity = f"no granularity adjustment: {answer['granularity_note']}"
    screen.print(f"HHI {number(answer['hhi'])}: as concentrated as {answer['effective_names']:.1f} equal names; {granularity}")
    connected = answer.get("connected_clients")
    if connected is not None:
        screen.print(
            f"connected clients as one name: HHI {number(connected['hhi'])}, as concentrated as {connected['effective_names']:.1f} equal of "
            f"{connected['names']:,}"
        )
    for index in answer["sector_indices"]:
        if index["by"] in INDICES and index["values"] > 1:
            tail = f", in the tail {number(at_highest(index['es'])['hhi'])}" if index["es"] else ""
            screen.print(
                f"by {index['by']}: HHI {number(index['hhi'])}{tail}; as concentrated as {index['effective']:.1f} equal of {index['values']}"
            )
    for by, title in TABLES:
        rows = _contributions(answer, by)
        if rows:
            screen.print()
            screen.print(table(rows, list(rows[0]), title=title))
    again(screen, answer)


def _losses(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    def row(name: str, value: float, error: float | None, low: float | None = None, high: float | None = None) -> dict[str, str]:
        return {
            "loss in 12 months": name,
            "amount": money(value),
            "standard error": _error(error, low, high),
            "95 % interval": "" if error == 0.0 and low == high else _interval(low, high),
        }

    rows = [row("EL", answer["el"], None), row("UL", *(answer[name] for name in ("ul", "ul_se", "ul_low", "ul_high")))]
    for measure in answer["measures"]:
        for name, title in (("var", "VaR"), ("es", "ES"), ("ec", "EC")):
            label = f"{title} {percentage(measure['confidence'])} %"
            rows.append(row(label, measure[name], measure[f"{name}_se"], measure[f"{name}_low"], measure[f"{name}_high"]))
    return rows


def _error(error: float | None, low: float | None, high: float | None) -> str:
    """A standard error. What has neither that nor an interval is exact. Of an interval alone nothing was drawn, or too little to know."""
    if (error is None and low is None and high is None) or (error == 0.0 and low == high):
        return "exact"
    if error is None:
        return "not known"
    return money(error) if error else "none drawn"


def _interval(low: float | None, high: float | None) -> str:
    return f"{money(low)} to {money(high)}" if low is not None and high is not None else ""


def _is_one_part(part: Mapping[str, Any]) -> bool:
    """Facilities without a label are a part as any; connected clients without a name are all those that are not told apart."""
    return part["name"] is not None or part["by"] != "connected_clients"


def _contributions(answer: Mapping[str, Any], by: str) -> list[dict[str, Any]]:
    chosen = [part for part in answer["contributions"] if part["by"] == by and _is_one_part(part)]
    last = max(range(len(answer["measures"])), key=lambda i: answer["measures"][i]["confidence"], default=0)
    ordered = sorted(chosen, key=lambda part: -part["es"][last]["es"] if part["es"] else 0.0)[:TOP]
    total = answer["measures"][last]["es"] if answer["measures"] else 0.0
    return [
        {
            by: shown_name(part["name"]),
            "exposure": money(part["ead"]),
            "EL": money(part["el"]),
            **{f"ES {percentage(item['confidence'])} %": money(item["es"]) for item in part["es"]},
            "95 % interval": _interval(part["es"][last]["es_low"], part["es"][last]["es_high"]) if part["es"][last]["es_se"] else "exact",
            "share": f"{part['es'][last]['es'] / total * 100:.1f} %" if total else "",
        }
        for part in ordered
    ]
