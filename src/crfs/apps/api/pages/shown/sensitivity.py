"""A run of sensitivities as its page shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, error_of, signed
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.workflows.confidences import percentage
from crfs.workflows.highest import at_highest
from crfs.workflows.portfolio_capital import named_amounts

TITLE = "Sensitivities"


def page(answer: Mapping[str, Any]) -> Shown:
    """A run of sensitivities."""
    last = at_highest(answer["measures"])
    level = f"{percentage(last['confidence'])} %"
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Expected loss", amount(answer["el"]), "of the book as it is, 12 months"),
        (f"VaR {level}", amount(last["var"]), ""),
        (f"ES {level}", amount(last["es"]), ""),
    ]
    if answer["capital"] is not None:
        after = "after" if "rwa_after_floor" in answer["capital"] else "before"
        cards.append(("Regulatory capital", amount(answer["capital"]["capital"]), f"{after} the output floor"))
    whole = [bump for bump in answer["bumps"] if not bump["small"]]
    plot = bars_plot(
        [(bump["words"], at_highest(bump["measures"])["es"]["change"]) for bump in whole],
        name="bumps",
        title=f"What each bump adds to ES {level}",
        unit=f"expected shortfall, {answer['currency'] or 'currency units'}",
        css="two",
    )
    grids = [_bumped("Expected loss", answer, lambda bump: bump["el"])]
    for k, measure in enumerate(answer["measures"]):
        at = f"{percentage(measure['confidence'])} %"
        for name, title in (("var", f"VaR {at}"), ("es", f"ES {at}"), ("ec", f"Economic capital {at}")):
            grids.append(_bumped(title, answer, lambda bump, k=k, name=name: bump["measures"][k][name]))  # type: ignore[misc] # bound now
    if answer["capital"] is not None:
        words = [words for words, _ in named_amounts(answer["capital"]) if words.startswith("regulatory capital")]
        grids += [_bumped(word[:1].upper() + word[1:], answer, _of_capital(word)) for word in words]
    return Shown(
        title=TITLE,
        lede=f"One input of the book, or one macro variable, moved at a time, by a bump and by a tenth of it. {about(answer)}",
        cards=cards,
        plots=[(plot, f"What each bump adds to ES {level}.")] if plot else [],
        grids=grids,
        notes=answer["notes"],
    )


def _of_capital(words: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """One of the amounts of capital of a bump, by its words."""

    def part_of(bump: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = dict(named_amounts(bump["capital"]))[words]
        return found

    return part_of


def _bumped(title: str, answer: Mapping[str, Any], part_of: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Grid:
    """One number of the book under each bump."""
    parts = [(bump["words"], part_of(bump)) for bump in answer["bumps"]]
    errors = any("change_se" in part for _, part in parts)
    return Grid(
        title=title,
        head=("Moved", "Base", "Bumped", "Difference", *(["Error"] if errors else [])),
        rows=[
            (
                words,
                (
                    amount(part["base"]),
                    amount(part["bumped"]),
                    signed(part["change"]),
                    *([error_of(part, "change")] if errors else []),
                ),
            )
            for words, part in parts
        ],
    )
