"""An attribution run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, signed
from crfs.apps.api.pages.shown.run import Grid, Shown
from crfs.apps.api.plots.waterfall import waterfall_plot
from crfs.workflows.attribution_words import REASONS, SHORT, measure_title
from crfs.workflows.cutting import counted, shown_name
from crfs.workflows.times import day_of, parse_instant

TITLE = "Why the risk changed"


def page(answer: Mapping[str, Any]) -> Shown:
    """An attribution run."""
    earlier, whole = answer["earlier"], [effect for effect in answer["effects"] if effect["by"] is None]
    at_most = max((effect["confidence"] for effect in whole if effect["confidence"] is not None), default=None)
    named = {(effect["measure"], effect["confidence"]): effect for effect in whole}
    main = [named[key] for key in (("el", None), ("var", at_most), ("es", at_most)) if key in named]
    cards: list[tuple[str, Markup, Markup | str]] = [
        (f"{measure_title(effect)}, change", signed(effect["change"]), amount(effect["before"]) + Markup(" to ") + amount(effect["after"]))
        for effect in main
    ]
    plots = [
        (_changes_of(answer, effect), f"Why {measure_title(effect)} changes, step by step.") for effect in main if effect["measure"] != "es"
    ]
    cut = [effect for effect in answer["effects"] if effect["by"] is not None and effect["measure"] == "el"]
    currency = f", amounts in {answer['currency']}" if answer["currency"] else ""
    first = f" {_day(earlier['as_of'])}" if earlier["as_of"] else ""
    return Shown(
        title=TITLE,
        lede=f"From {counted(earlier['n_facilities'], 'facility', 'facilities')}, as known{first} in the store of batch {earlier['batch_id']}, "
        f"to {answer['n_facilities']:,}, as known {_day(answer['as_of'])}{currency}.",
        cards=cards,
        plots=[plot for plot in plots if plot[0]],
        grids=[*_steps_of(answer, whole), *(_parts_of(by, cut) for by in dict.fromkeys(effect["by"] for effect in cut))],
        notes=answer["notes"],
        beside=2,
    )


def _day(moment: str) -> str:
    return day_of(parse_instant(moment, what="as_of")).isoformat()


def _changes_of(answer: Mapping[str, Any], effect: Mapping[str, Any]) -> str:
    """The plot of the way of one number of an attribution run from the earlier date to the later."""
    return waterfall_plot(
        effect["before"],
        [(SHORT[step["step"]], step["amount"]) for step in effect["steps"]],
        effect["after"],
        name=f"change-{effect['measure']}",
        title=f"{measure_title(effect)} from the earlier date to the later",
        unit=f"{measure_title(effect)} of 12 months, {answer['currency'] or 'currency units'}",
        ends=("before", "after"),
    )


def _steps_of(answer: Mapping[str, Any], whole: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """The numbers of the book before, step by step, and after, a table a confidence; steps in which the dates do not differ are left out."""
    levels = sorted({effect["confidence"] for effect in whole if effect["confidence"] is not None})
    grids = []
    for level in (None, *levels):
        effects = [effect for effect in whole if effect["confidence"] == level]
        rows: list[tuple[str, Sequence[Markup | str]]] = [("before", [amount(effect["before"]) for effect in effects])]
        for k, step in enumerate(answer["order"]):
            taken = [effect["steps"][k] for effect in effects]
            if any(one["amount"] for one in taken):
                errors = [Markup(" ± ") + amount(one["se"]) if one["se"] else Markup("") for one in taken]
                rows.append((REASONS[step], [signed(one["amount"]) + error for one, error in zip(taken, errors, strict=True)]))
        rows.append(("after", [amount(effect["after"]) for effect in effects]))
        names = [measure_title(effect) for effect in effects]
        caption = "Steps sum to the change exactly; what follows ± is a step's standard error." if level is None else ""
        title = f"Why {', '.join(names[:-1])} and {names[-1]} changed"
        grids.append(Grid(title=title, caption=caption, head=("why", *names), rows=rows))
    return grids


def _parts_of(by: str, effects: Sequence[Mapping[str, Any]]) -> Grid:
    rows: list[tuple[str, Sequence[Markup | str]]] = []
    for effect in sorted((one for one in effects if one["by"] == by), key=lambda one: -abs(one["change"])):
        largest = max(effect["steps"], key=lambda step: abs(step["amount"]))
        why = REASONS[largest["step"]] if largest["amount"] else ""
        rows.append((shown_name(effect["label"]), (amount(effect["before"]), amount(effect["after"]), signed(effect["change"]), why)))
    name = by.replace("_", " ")
    return Grid(title=f"Expected loss by {name}", head=(name, "Before", "After", "Change", "Mostly by"), rows=rows, words=(3,))
