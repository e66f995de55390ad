"""A what-if run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import NONE, amount, error_of, signed
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.workflows.confidences import percentage
from crfs.workflows.dependence import SECTORS
from crfs.workflows.highest import at_highest

TITLE = "What if"
_TITLES = (("var", "VaR"), ("es", "ES"), ("ec", "Economic capital"))


def page(answer: Mapping[str, Any]) -> Shown:
    """A what-if run."""
    changes, last = answer["changes"], at_highest(answer["measures"])
    told = ", ".join(f"{count:,} {words}" for words, count in _counts(changes) if count)
    cards = [_card("Expected loss", answer["el"]), *(_card(f"{title} {_level(last)}", last[name]) for name, title in _TITLES)]
    plot = _obligors_plot(answer)
    return Shown(
        title=TITLE,
        lede=f"Loans: {told}. {about(answer)} {answer['n_facilities_after']:,} afterwards.",
        cards=cards,
        plots=[(plot, f"What each changed obligor adds to ES {_level(last)} if he alone changes.")] if plot else [],
        grids=[_numbers(answer), *([_first_order(answer)] if last["es"]["marginal"] is not None else []), _obligors(answer)],
        notes=answer["notes"],
    )


def _counts(changes: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return ("come in", changes["came"]), ("take another's place", changes["replaced"]), ("leave", changes["left"])


def _level(measure: Mapping[str, Any]) -> str:
    return f"{percentage(measure['confidence'])} %"


def _card(title: str, part: Mapping[str, Any]) -> tuple[str, Markup, Markup | str]:
    return title, signed(part["change"]), amount(part["before"]) + Markup(" to ") + amount(part["after"])


def _interval(part: Mapping[str, Any], name: str) -> Markup:
    low, high = part.get(f"{name}_low"), part.get(f"{name}_high")
    return NONE if low is None or high is None else signed(low) + Markup(" to ") + signed(high)


def _known(part: Mapping[str, Any]) -> tuple[Markup | str, Markup]:
    """The error of a difference, and its interval."""
    error = error_of(part, "change")
    if error == "exact":
        return error, NONE
    return ("none drawn" if part["change_se"] == 0.0 else error), _interval(part, "change")


def _numbers(answer: Mapping[str, Any]) -> Grid:
    rows = [("Exposure", answer["total_ead"]), ("Expected loss", answer["el"]), ("Standard deviation", answer["ul"])]
    rows += [(f"{title} {_level(measure)}", measure[name]) for measure in answer["measures"] for name, title in _TITLES]
    return Grid(
        title="Before, after, difference",
        head=("Amount", "Before", "After", "Difference", "Error", "95 % interval"),
        rows=[(title, (amount(part["before"]), amount(part["after"]), signed(part["change"]), *_known(part))) for title, part in rows],
        caption="Nothing is drawn: the intervals are those of both books, by their lattices."
        if answer["method"] == answer["method_after"] == SECTORS
        else "Both books are measured at the same random numbers, and the error is that of the difference; where the changed book has a run of "
        "its own, which the notes say, it is that of both runs.",
    )


def _first_order(answer: Mapping[str, Any]) -> Grid:
    rows = [(f"{title} {_level(measure)}", measure[name]) for measure in answer["measures"] for name, title in _TITLES[:2]]
    return Grid(
        title="At first order",
        head=("Amount", "Marginal", "Error", "95 % interval", "Difference"),
        rows=[
            (title, (signed(part["marginal"]), error_of(part, "marginal"), _interval(part, "marginal"), signed(part["change"])))
            for title, part in rows
        ],
        caption="The mean change of loss given that the book's own loss is at, or beyond, its value at risk.",
    )


def _obligors(answer: Mapping[str, Any]) -> Grid:
    level = _level(at_highest(answer["measures"]))
    first_order = any(part["measures"] and at_highest(part["measures"])["es"]["marginal"] is not None for part in answer["obligors"])
    marginal = (f"ES {level}, marginal", "Error") if first_order else ()
    return Grid(
        title="Obligor by obligor",
        head=("obligor", "Exposure", "Expected loss", f"VaR {level}", "Error", f"ES {level}", "Error", *marginal),
        rows=[
            (part["obligor_id"], (signed(part["ead"]["change"]), signed(part["el"]["change"]), *_adds(part, first_order)))
            for part in answer["obligors"]
        ],
        caption=f"What each adds if he alone changes{', and at first order, where all sum to the whole' if first_order else ''}.",
    )


def _adds(part: Mapping[str, Any], first_order: bool) -> tuple[Markup | str, ...]:
    if not part["measures"]:
        return (NONE,) * (6 if first_order else 4)
    last = at_highest(part["measures"])
    var, es = last["var"], last["es"]
    told = (signed(var["change"]), error_of(var, "change"), signed(es["change"]), error_of(es, "change"))
    return (*told, signed(es["marginal"]), error_of(es, "marginal")) if first_order else told


def _obligors_plot(answer: Mapping[str, Any]) -> str:
    told = [part for part in answer["obligors"] if part["measures"]]
    last = _level(at_highest(answer["measures"]))
    return bars_plot(
        [(part["obligor_id"], at_highest(part["measures"])["es"]["change"]) for part in told],
        name="what-if",
        title=f"What each changed obligor adds to ES {last}",
        unit=f"expected shortfall, {answer['currency'] or 'currency units'}, with 95 % intervals",
        css="two",
        intervals={part["obligor_id"]: interval for part in told if (interval := _drawn(at_highest(part["measures"])["es"])) is not None},
    )


def _drawn(part: Mapping[str, Any]) -> tuple[float, float] | None:
    """The interval of a difference, with what the method itself may be off by; None where it is not known."""
    low, high = part.get("change_low"), part.get("change_high")
    return None if low is None or high is None else (low, high)
