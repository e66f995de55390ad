"""A provisioning run as its page shows it: to the cent, with the scenarios, the rule and the overlays that made it what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import cents, number, percent
from crfs.apps.api.pages.shown.fits import fits_grid
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.workflows.cutting import shown_name

TITLE = "Expected credit losses"


def page(answer: Mapping[str, Any]) -> Shown:
    """A run of provisions."""
    overlays = answer["overlays"]
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Allowance", cents(answer["allowance"]), "IFRS 9" if answer["standard"] == "ifrs9" else "CECL"),
        ("Coverage", percent(answer["allowance"] / answer["total_ead"] if answer["total_ead"] else None), "of exposure"),
        ("Losses of the model", cents(answer["ecl"]), Markup("on an exposure of ") + cents(answer["total_ead"])),
    ]
    if overlays is not None:
        cards.append(("Overlays", cents(overlays["total"]), f"as of {overlays['on']}"))
    grids = [_by(by, parts) for by, parts in sorted(answer["by"].items(), key=lambda item: item[0] != "stage")]
    if answer["staging"] is not None and answer["staging"]["triggers"]:
        grids.append(_triggers(answer["staging"]["triggers"]))
    if len(answer["scenarios"]) > 1 or answer["macro"]:
        grids.append(_scenarios(answer))
    if overlays is not None:
        grids.append(_overlays(overlays["overlays"], on=overlays["on"]))
    if answer["satellites"]:
        grids.append(fits_grid(answer["satellites"]))
    stages = [(f"stage {part['name']}" if part["name"] else shown_name(None), part["allowance"]) for part in answer["by"].get("stage", [])]
    plot = bars_plot(stages, name="stages", title="Allowance by stage", unit=f"allowance, {answer['currency'] or 'currency units'}")
    plots = [(plot, "Allowance by stage.")] if plot else []
    return Shown(title=TITLE, lede=about(answer), cards=cards, plots=plots, grids=grids, notes=answer["notes"])


def _by(by: str, parts: Sequence[Mapping[str, Any]]) -> Grid:
    """What each value of a column has; the amounts of all of them sum to the cards above, to the cent."""
    return Grid(
        title=f"By {by.replace('_', ' ')}",
        head=(by.replace("_", " "), "Facilities", "Exposure (EAD)", "Losses of the model", "Overlays", "Allowance", "Coverage"),
        rows=[
            (
                shown_name(part["name"]),
                (
                    number(part["facilities"]),
                    *(cents(part[n]) for n in ("ead", "ecl", "overlay", "allowance")),
                    percent(part["allowance"] / part["ead"] if part["ead"] else None),
                ),
            )
            for part in parts
        ],
    )


def _triggers(triggers: Mapping[str, int]) -> Grid:
    return Grid(
        title="What put facilities into their stages",
        head=("trigger", "Facilities"),
        rows=[(name.replace("_", " "), (number(count),)) for name, count in triggers.items()],
    )


def _scenarios(answer: Mapping[str, Any]) -> Grid:
    """The scenarios that were weighed; the losses of each are the model's, before overlays."""
    amount = "ecl" if answer["standard"] == "ifrs9" else "allowance"
    return Grid(
        title="Scenarios and their weights",
        caption="The losses of the model on each scenario, before overlays; by their weights they make the losses of the model.",
        head=("scenario", "Weight", "Losses of the model"),
        rows=[(each["name"], (percent(each["weight"]), cents(each[amount]))) for each in answer["scenarios"]],
    )


def _overlays(lines: Sequence[Mapping[str, Any]], *, on: str) -> Grid:
    """Every overlay of the policy, also those that were not applied, with who answers for it and until when."""
    return Grid(
        title="Overlays",
        caption=f"Every overlay of the policy, as of {on}, also where it was not applied.",
        head=("overlay", "Amount", "Facilities", "What became of it", "Approved by", "Reason", "Expires"),
        rows=[
            (
                line["name"],
                (cents(line["amount"]), number(line["facilities"]), line["detail"], line["approver"], line["reason"], line["expires"]),
            )
            for line in lines
        ],
        words=(2, 3, 4, 5),
    )
