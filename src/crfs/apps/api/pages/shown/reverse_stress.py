"""A reverse stress run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, deviations, number, probability, ratio, written
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.workflows.cutting import shown_name
from crfs.workflows.macro_words import change, level, spread

TITLE = "Reverse stress"


def page(answer: Mapping[str, Any]) -> Shown:
    """A reverse stress run."""
    currency, states = answer["currency"] or "currency units", answer["scenarios"]
    first, loss = states[0], answer["loss"]
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Loss that is asked about", amount(answer["loss"]), "mean loss of 12 months in each state"),
        ("Expected loss", amount(answer["el"]), Markup("over all states; in the middle of them ") + amount(answer["middle"])),
        ("Distance of the likeliest", deviations(first["distance"]), "from the middle, in standard deviations"),
        ("As far that way, or farther", probability(first["half_space_probability"]), "probability"),
    ]
    by = next((tag for tag in ("group", "sector", "segment") if len(_parts(first, tag)) > 1), None)
    plots = []
    if by is not None:
        title = f"Loss by {by} in the likeliest state"
        rows = [(shown_name(part["name"]), part["loss"]) for part in _parts(first, by)]
        plots.append((bars_plot(rows, name="losses", title=title, unit=f"mean loss in 12 months, {currency}", css="two"), f"{title}."))
    what, moves = ("groups", first["groups"]) if first["groups"] else ("factors", first["factors"])
    largest = sorted(moves.items(), key=lambda item: (-abs(item[1]), item[0]))[:24]
    title = f"Where the likeliest state has the {what}"
    plots.append((bars_plot(largest, name="moves", title=title, unit="standard deviations; below 0 is bad"), f"{title}."))
    return Shown(
        title=TITLE,
        lede=f"The most likely states of the world in which the book loses {loss:{',.0f' if loss >= 1000 else ',.6g'}} {currency}. {about(answer)}",
        cards=cards,
        plots=[plot for plot in plots if plot[0]],
        grids=[_states(answer), *_in_macro_terms(states), *_moved(states, what), *_lost(first)],
        notes=answer["notes"],
        beside=2,
    )


def _states(answer: Mapping[str, Any]) -> Grid:
    mixed = any(state["mixing"] is not None for state in answer["scenarios"])
    return Grid(
        title="States",
        caption="The most likely first. As far that way: the probability of a state beyond the plane through this one; by curvature: the same "
        "with the curvature of the surface of equal loss; any way: the probability of a state farther from the middle, good ones included.",
        head=(
            "state",
            "What happens",
            "Loss",
            "Distance",
            "As far that way",
            "By curvature",
            "Any way",
            *(["Shocks times"] if mixed else []),
        ),
        rows=[
            (
                str(number_),
                (
                    state["words"].replace("-", "\N{MINUS SIGN}"),
                    amount(state["loss"]),
                    deviations(state["distance"]),
                    *(probability(state[f"{name}_probability"]) for name in ("half_space", "second_order", "less_likely")),
                    *([number(1.0 / state["mixing"], 3)] if mixed else []),
                ),
            )
            for number_, state in enumerate(answer["scenarios"], 1)
        ],
        words=(0,),
    )


def _in_macro_terms(states: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """The macro variables that most likely go with each state, where satellite models say so."""
    rows: list[tuple[str, Sequence[Markup | str]]] = [
        (
            f"{k}. {move['mnemonic']}",
            (
                *(
                    written(move[n], text(move, n))
                    for n, text in (("value", change), ("sd", spread), ("usual", change), ("usual_sd", spread))
                ),
                deviations(move["deviations"]),
                *(written(move[n], level(move, n)) for n in ("last_known", "level")),
            ),
        )
        for k, state in enumerate(states, 1)
        for move in state["macro"]
    ]
    caption = "The most likely variables given the state, by regressions of the factors on macro history, and what the state leaves open of each; "
    caption += (
        "how it usually is, and by how many of its standard deviations it has moved; its last known level, and the one that it comes to. What enters as "
        "a change is told as one."
    )
    head = ("State and variable", "Most likely", "Left open", "Usual", "Usual spread", "Moved", "Last known", "Comes to")
    return [Grid(title="In macro terms", caption=caption, head=head, rows=rows)] if rows else []


def _moved(states: Sequence[Mapping[str, Any]], what: str) -> list[Grid]:
    """Where each state has the groups, or the factors where there are none."""
    head = [f"State {k}" for k in range(1, len(states) + 1)]
    rows = [(name, [deviations(state[what][name]) for state in states]) for name in states[0][what]]
    caption = "In standard deviations; below 0 is bad."
    return [Grid(title=f"Where the states have the {what}", caption=caption, head=(what[:-1], *head), rows=rows)] if rows else []


def _lost(state: Mapping[str, Any]) -> list[Grid]:
    """Who loses in the likeliest state, by each tag of the book."""
    return [
        Grid(
            title=f"In the likeliest state, by {by.replace('_', ' ')}",
            head=(by.replace("_", " "), "Exposure", "EL", "Loss", "Times EL"),
            rows=[
                (
                    shown_name(part["name"]),
                    (
                        *(amount(part[n]) for n in ("ead", "el", "loss")),
                        ratio(part["loss"] / part["el"] if part["el"] else None),
                    ),
                )
                for part in _parts(state, by)
            ],
        )
        for by in dict.fromkeys(part["by"] for part in state["cuts"])
    ]


def _parts(state: Mapping[str, Any], by: str) -> list[Mapping[str, Any]]:
    """The parts of a state's loss by a tag, the greatest first."""
    return sorted((part for part in state["cuts"] if part["by"] == by), key=lambda part: (-part["loss"], part["name"] or ""))
