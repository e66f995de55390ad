"""A capital run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, number, percent
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.workflows.cutting import shown_name

TITLE = "Regulatory capital"
_REGIMES = {"basel_iii": "Basel III", "basel_ii": "Basel II"}


def page(answer: Mapping[str, Any]) -> Shown:
    """A capital run."""
    totals, floor, expected = answer["totals"], answer["output_floor"], answer["expected_loss"]
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Risk-weighted assets", amount(totals["rwa"]), f"before the output floor; {_REGIMES.get(answer['regime'], answer['regime'])}"),
        ("Mean risk weight", percent(answer["rw"], 1), Markup("of a regulatory EAD of ") + amount(totals["ead"])),
        ("Capital", amount(totals["capital"]), Markup("at ") + percent(answer["capital_ratio"], 1)),
    ]
    if floor is not None:
        cards.append(("RWA after the floor", amount(floor["rwa"]), "binding" if floor["rwa"] > floor["modelled_rwa"] else "not binding"))
    if expected is not None:
        cards.append(("Expected loss less provisions", amount(expected["shortfall"]), "shortfall, off CET1"))
    grids = [
        Grid(
            title=f"By {by.replace('_', ' ')}",
            head=(by.replace("_", " "), "Facilities", "Regulatory EAD", "Risk weight", "RWA", "Capital", "EL"),
            rows=[
                (
                    shown_name(part["name"]),
                    (
                        number(part["facilities"]),
                        amount(part["ead"]),
                        percent(part["rw"], 1),
                        *(amount(part[n]) for n in ("rwa", "capital")),
                        amount(part["el"]),
                    ),
                )
                for part in parts
            ],
        )
        for by, parts in answer["by"].items()
    ]
    plot = bars_plot(
        [(shown_name(part["name"]), part["rwa"]) for part in answer["by"].get("exposure_class", [])],
        name="rwa",
        title="Risk-weighted assets by exposure class",
        unit=f"risk-weighted assets, {answer['currency'] or 'currency units'}",
    )
    plots = [(plot, "Risk-weighted assets by exposure class.")] if plot else []
    return Shown(title=TITLE, lede=about(answer), cards=cards, plots=plots, grids=grids, notes=answer["notes"])
