"""A provisioning run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, number, percent
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot

TITLE = "Expected credit losses"


def page(answer: Mapping[str, Any]) -> Shown:
    """A run of provisions."""
    overlays = answer["overlays"]
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Allowance", amount(answer["allowance"]), "IFRS 9" if answer["standard"] == "ifrs9" else "CECL"),
        ("Coverage", percent(answer["allowance"] / answer["total_ead"] if answer["total_ead"] else None), "of exposure"),
    ]
    if overlays is not None:
        cards.append(("Overlays", amount(overlays["total"]), f"as of {overlays['on']}"))
    grids = [
        Grid(
            title=f"By {by.replace('_', ' ')}",
            head=(by.replace("_", " "), "Facilities", "Exposure", "Losses of the model", "Overlays", "Allowance", "Coverage"),
            rows=[
                (
                    "none" if part["name"] is None else str(part["name"]),
                    (
                        number(part["facilities"]),
                        *(amount(part[n]) for n in ("ead", "ecl", "overlay", "allowance")),
                        percent(part["allowance"] / part["ead"] if part["ead"] else None),
                    ),
                )
                for part in parts
            ],
        )
        for by, parts in sorted(answer["by"].items(), key=lambda item: item[0] != "stage")
    ]
    stages = [(f"stage {part['name']}" if part["name"] else "none", part["allowance"]) for part in answer["by"].get("stage", [])]
    plot = bars_plot(stages, name="stages", title="Allowance by stage", unit=f"allowance, {answer['currency'] or 'currency units'}")
    plots = [(plot, "Allowance by stage.")] if plot else []
    return Shown(title=TITLE, lede=about(answer), cards=cards, plots=plots, grids=grids, notes=answer["notes"])
