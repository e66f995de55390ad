"""A concentration run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, number, percent
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.workflows.cutting import shown_name

TITLE = "Concentration of exposure"
_OF = {"obligor_id": "obligors", "connected_clients": "groups of connected clients"}


def page(answer: Mapping[str, Any]) -> Shown:
    """A concentration run."""
    spread = answer["by"]
    names = [name for name in _OF if name in spread]
    # Who is one name is the last of these: connected clients where the book names them.
    whole = spread[names[-1]]
    cards: list[tuple[str, Markup, Markup | str]] = [("Exposure", amount(answer["total_ead"]), "at default")]
    for name in names:
        cards += [
            ("Herfindahl index", number(spread[name]["hhi"]), f"of {_OF[name]}"),
            (
                "Equal names it is like",
                number(spread[name]["effective_names"]),
                Markup("of ") + number(spread[name]["names"]) + f" {_OF[name]}",
            ),
        ]
    unit = f"exposure, {answer['currency'] or 'currency units'}"
    listed = [(shown_name(each["name"]), each["ead"]) for each in whole["largest"]]
    rest = answer["total_ead"] - sum(value for _, value in listed)
    largest = bars_plot(listed, name="largest", title=f"The largest {_OF[names[-1]]}", unit=unit)
    held = bars_plot(
        [(f"the largest {point['names']:,}", 100.0 * point["share"]) for point in whole["top_shares"]],
        name="held",
        title=f"What the largest {_OF[names[-1]]} hold together",
        unit="per cent of exposure",
        css="two",
    )
    captions = [
        (largest, f"The largest {_OF[names[-1]]}; all others hold {100.0 * max(0.0, rest) / answer['total_ead']:.3g} % of the exposure."),
        (held, f"What so many of the largest {_OF[names[-1]]} hold together, in per cent of the exposure."),
    ]
    return Shown(
        title=TITLE,
        lede=about(answer),
        cards=cards,
        plots=[(plot, caption) for plot, caption in captions if plot],
        grids=[_grid(name, spread[name]) for name in (*names, *(name for name in spread if name not in names))],
        notes=answer["notes"],
    )


def _grid(name: str, part: Mapping[str, Any]) -> Grid:
    """The largest of one column, below what is known of all of them."""
    title = name.removesuffix("_id").replace("_", " ")
    return Grid(
        title=f"By {title}",
        head=(title, "Exposure", "Share"),
        rows=[(shown_name(each["name"]), (amount(each["ead"]), percent(each["share"], 1))) for each in part["largest"]],
        caption=f"The largest of {part['names']:,}; Herfindahl index {part['hhi']:.4g}, as many as {part['effective_names']:.4g} equal ones.",
    )
