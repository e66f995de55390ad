"""A mark-to-market run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, number, percent
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.workflows.confidences import percentage

TITLE = "Loss of value as ratings migrate"


def page(answer: Mapping[str, Any]) -> Shown:
    """A mark-to-market run."""
    against = "now" if answer["reference"] == "now" else "in unchanged ratings"
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Value", amount(answer["reference_value"]), against),
        ("Expected loss of value", amount(answer["el"]), Markup("in years: ") + number(answer["horizon_years"]) + "; a gain is negative"),
        ("Standard deviation", amount(answer["ul"]), "of the loss of value"),
    ]
    for measure in answer["measures"]:
        for name, title in (("var", "VaR "), ("es", "ES ")):
            cards.append((f"{title}{_level(measure['confidence'])}", amount(measure[name]), Markup("± ") + amount(measure[f"{name}_se"])))
    shown = [each for each in answer["curves"]["spreads"] if each["spread_bp"] is not None]
    plot = bars_plot(
        [(each["rating"], each["spread_bp"]) for each in shown], name="spreads", title="Spread by rating", unit="basis points a year"
    )
    return Shown(
        title=TITLE,
        lede=f"{about(answer)} Valued on Treasury par yields of {answer['curves']['day']} and the spreads below.",
        cards=cards,
        plots=[(plot, "The spread of each rating over riskless zero rates.")] if plot else [],
        grids=[_migrations(answer), _contributions(answer), _spreads(answer), _treasury(answer)],
        notes=answer["notes"],
    )


def _level(confidence: float) -> str:
    return f"{percentage(confidence)} %"


def _migrations(answer: Mapping[str, Any]) -> Grid:
    last = [each for each in answer["migrations"] if each["years"] == answer["horizon_years"]]
    ends = list(dict.fromkeys(each["to_rating"] for each in last))
    shares: dict[str, list[Markup | str]] = {}
    for each in last:
        # A run that was kept before shares had errors has none to show.
        error = Markup(" ± ") + percent(each["share_se"]) if each.get("share_se") else Markup("")
        shares.setdefault(each["rating"], []).append(percent(each["share"]) + error)
    exact = all(each.get("share_se") == 0.0 for each in last)
    caption = "Those of the matrix, exactly." if exact else "As they came out along the paths, with their standard errors."
    return Grid(title="Ratings at the horizon", head=("from", *ends), rows=list(shares.items()), caption=caption)


def _contributions(answer: Mapping[str, Any]) -> Grid:
    highest = max(measure["confidence"] for measure in answer["measures"])
    return Grid(
        title="Who makes the tail",
        head=("obligor", "Exposure", "Value", f"ES {_level(highest)}", "± error"),
        rows=[
            (
                part["obligor_id"],
                tuple(amount(part[name]) for name in ("ead", "reference_value", f"es:{highest!r}", f"es_se:{highest!r}")),
            )
            for part in answer["contributions"]
        ],
        caption="Mean loss of value given that the book's is in its tail.",
    )


def _spreads(answer: Mapping[str, Any]) -> Grid:
    return Grid(
        title="Spreads by rating",
        head=("rating", "Basis points a year", "From"),
        rows=[
            (each["rating"], (Markup("withheld") if each["spread_bp"] is None else number(each["spread_bp"]), each["origin"]))
            for each in answer["curves"]["spreads"]
        ],
        words=(1,),
    )


def _treasury(answer: Mapping[str, Any]) -> Grid:
    return Grid(
        title="The riskless curve",
        head=("tenor", "Par yield", "Zero rate"),
        rows=[(each["tenor"], (percent(each["par_yield"]), percent(each["zero_rate"], 3))) for each in answer["curves"]["treasury"]],
        caption="Par yields are bond-equivalent, zero rates annually compounded.",
    )
