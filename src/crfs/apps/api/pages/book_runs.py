"""What the pages show of a run about a book, whatever it measured: figures, plots and tables, each with the run that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, deviations, number, percent, ratio, signed, value_text
from crfs.apps.api.plots.bars import bars_plot
from crfs.apps.api.plots.waterfall import waterfall_plot

_STEPS = {"pd": "PD", "lgd": "LGD", "ead": "EAD", "correlation": "correlation"}
_REGIMES = {"basel_iii": "Basel III", "basel_ii": "Basel II"}
_BLOCKS = {**_STEPS, "revisions": "revisions", "gone": "gone", "new": "new", "model": "models"}
_REASONS = {
    "revisions": "values revised since",
    "gone": "gone facilities",
    "new": "new facilities",
    "ead": "exposures (EAD)",
    "lgd": "losses given default (LGD)",
    "pd": "default probabilities (PD)",
    "model": "models",
    "correlation": "correlations",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of a page: the first column names the rows, the others are numbers (one may be words)."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, Sequence[Markup | str]]]
    caption: str = ""
    words: int | None = None
    """The place, counted from 0, of a cell that is words in place of a number; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run as a page shows it: ``cards`` are a name, a figure and what stands below it; ``plots`` an SVG and its caption.

    The first ``beside`` of the plots stand in the risk report of the same book too.
    """

    title: str
    lede: str
    cards: Sequence[tuple[str, Markup, Markup | str]]
    plots: Sequence[tuple[str, str]]
    grids: Sequence[Grid]
    notes: Sequence[str]
    beside: int = 0


def shown(kind: str, answer: Mapping[str, Any]) -> Shown:
    """A run of a kind that has a page of figures (:data:`PAGES`)."""
    return _PAGES[kind](answer)


def _about(answer: Mapping[str, Any]) -> str:
    currency = f" {answer['currency']}" if answer["currency"] else ""
    return f"{answer['n_facilities']:,} facilities{', amounts in' + currency if currency else ''}."


def _capital(answer: Mapping[str, Any]) -> Shown:
    totals, floor, expected = answer["totals"], answer["output_floor"], answer["expected_loss"]
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Risk-weighted assets", amount(totals["rwa"]), f"before the output floor; {_REGIMES.get(answer['regime'], answer['regime'])}"),
        ("Mean risk weight", percent(answer["rw"], 1), "of exposure"),
        ("Capital", amount(totals["capital"]), Markup("at ") + percent(answer["capital_ratio"], 1)),
    ]
    if floor is not None:
        cards.append(("RWA after the floor", amount(floor["rwa"]), "binding" if floor["rwa"] > floor["modelled_rwa"] else "not binding"))
    if expected is not None:
        cards.append(("Expected loss less provisions", amount(expected["shortfall"]), "shortfall, off CET1"))
    grids = [
        Grid(
            title=f"By {by.replace('_', ' ')}",
            head=(by.replace("_", " "), "Facilities", "Exposure", "Risk weight", "RWA", "Capital", "EL"),
            rows=[
                (
                    str(part["name"] or "none"),
                    (
                        number(part["facilities"]),
                        amount(part["ead"]),
                        percent(part["rw"], 1),
                        *(amount(part[n]) for n in ("rwa", "capital", "el")),
                    ),
                )
                for part in parts
            ],
        )
        for by, parts in answer["by"].items()
    ]
    plot = bars_plot(
        [(part["name"] or "none", part["rwa"]) for part in answer["by"].get("exposure_class", [])],
        name="rwa",
        title="Risk-weighted assets by exposure class",
        unit=f"risk-weighted assets, {answer['currency'] or 'currency units'}",
    )
    plots = [(plot, "Risk-weighted assets by exposure class.")] if plot else []
    return Shown(title=PAGES["capital"], lede=_about(answer), cards=cards, plots=plots, grids=grids, notes=answer["notes"])


def _ecl(answer: Mapping[str, Any]) -> Shown:
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
    return Shown(title=PAGES["ecl"], lede=_about(answer), cards=cards, plots=plots, grids=grids, notes=answer["notes"])


def _stress(answer: Mapping[str, Any]) -> Shown:
    scenario, band = answer["scenario"], answer["band"]
    told = "Shocks as they were given" if scenario is None else f"Scenario {scenario['name']} against {answer['base_scenario']['name']}"
    at = f", shocks of the period from {answer['at']}" if answer["at"] else ""
    below = Markup("")
    if band is not None:
        below = percent(band["confidence"], 0) + Markup(" band ") + amount(band["el_low"]) + Markup(" to ") + amount(band["el_high"])
    times = ratio(answer["el_stressed"] / answer["el_base"]) + Markup(" times the base") if answer["el_base"] else Markup("")
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("EL, base", amount(answer["el_base"]), "12 months"),
        ("EL, stressed", amount(answer["el_stressed"]), below),
        ("EL, difference", signed(answer["el_change"]), times),
    ]
    plots = [(_waterfall_of(answer), "Why the expected loss changes, step by step.")]
    sector = [(row["name"] or "none", row["change"]) for row in answer["cuts"].get("sector", []) if row["change"] > 0.0]
    plots.append(
        (
            bars_plot(
                sector,
                name="stress-sectors",
                title="More expected loss by sector",
                unit=f"more expected loss, {answer['currency'] or 'currency units'}",
                css="two",
            ),
            "More expected loss by sector.",
        )
    )
    grids = [Grid(title="Base, stressed, difference", head=("Amount", "Base", "Stressed", "Difference"), rows=_differences(answer))]
    grids += [
        Grid(
            title=f"Expected loss by {by.replace('_', ' ')}",
            head=(by.replace("_", " "), "Base", "Stressed", "Difference"),
            rows=[(str(row["name"] or "none"), [amount(row[n]) for n in ("base", "stressed", "change")]) for row in rows],
        )
        for by, rows in answer["cuts"].items()
    ]
    if answer.get("conditional"):
        grids += _given_factors(answer["conditional"])
    if answer.get("migration"):
        grids += _migrated(answer["migration"])
    if answer["satellites"]:
        grids.append(
            Grid(
                title="What default rates were explained by",
                caption="Regressions of quarterly default rates on macro history, as known at the run's time.",
                head=("Segment", "Terms", "R²", "Quarters"),
                rows=[
                    (
                        fit["segment"] or "all others",
                        (", ".join(t["name"] for t in fit["terms"]), number(fit["r2"], 3), number(fit["observations"])),
                    )
                    for fit in answer["satellites"]
                ],
            )
        )
    return Shown(
        title=PAGES["stress"],
        lede=f"{told}{at}. {_about(answer)}",
        cards=cards,
        plots=[plot for plot in plots if plot[0]],
        grids=grids,
        notes=answer["notes"],
        beside=1,
    )


def _migrated(found: Mapping[str, Any]) -> list[Grid]:
    """Rating migration: exposure by grade, the shares that move, and from which grade to which under stress."""
    names = {"downgraded": "Downgraded", "upgraded": "Upgraded", "defaulted": "Defaulted"}
    sides = ("base", "stressed", "change")
    shares: list[tuple[str, Sequence[Markup | str]]] = [
        (name, [percent(found[key][side]) for side in sides]) for key, name in names.items() if key in found
    ]
    shares.append(
        (
            "Notches down" + (", if not defaulted" if found["default"] is not None else ""),
            [number(found["notches"][side], 3) for side in sides],
        )
    )
    grades, caption = found["grades"], ". ".join(note[:1].upper() + note[1:] for note in found["notes"])
    moves = [
        (name, [percent(cell) for cell in row]) for name, row in zip(grades, found["matrix"]["stressed"], strict=True) if row is not None
    ]
    return [
        Grid(
            title="Rating migration: exposure by grade",
            caption=f"Expected in 12 months.{' ' + caption + '.' if caption else ''}",
            head=("Grade", "Today", "Base", "Stressed", "Difference"),
            rows=[(row["grade"], [amount(row[n]) for n in ("today", *sides)]) for row in found["exposure"]],
        ),
        Grid(title="Shares of exposure that move", head=("Share", "Base", "Stressed", "Difference"), rows=shares),
        Grid(title="From grade to grade under stress", head=("From", *grades), rows=moves),
    ]


def _given_factors(found: Mapping[str, Any]) -> list[Grid]:
    """Losses over all states, given the base and given the scenario, and what these two say of the factors."""
    parts: list[tuple[str, Mapping[str, float], float | None]] = [
        ("Expected loss", found["el"], None),
        ("Unexpected loss", found["ul"], None),
    ]
    for measure in found["measures"]:
        level = f"{measure['confidence'] * 100:g} %"
        parts += [
            (f"{what.upper().replace('VAR', 'VaR')} {level}", measure[what], measure[f"{what}_se"]["change"]) for what in ("var", "es")
        ]
    columns = ("all_states", "base", "stressed", "change")
    head = ("All states", "Base", "Stressed", "Difference", "Error")
    return [
        Grid(
            title="Losses given the scenario's factors",
            caption=". ".join(note[:1].upper() + note[1:] for note in found["notes"]) + ".",
            head=("Amount", *head),
            rows=[(name, [*(amount(part[n]) for n in columns), "" if error is None else amount(error)]) for name, part, error in parts],
        ),
        Grid(
            title="Where the scenario has the factors",
            caption="In standard deviations, with what is left open; 0 and 1 over all states, below 0 is bad.",
            head=("Factor", "Base", "Left open", "Stressed", "Left open", "Difference"),
            rows=[
                (item["factor"], [deviations(item[n]) for n in ("base", "base_sd", "stressed", "stressed_sd", "change")])
                for item in found["factors"]
            ],
        ),
    ]


def _waterfall_of(answer: Mapping[str, Any]) -> str:
    """The plot of a stress run's waterfall."""
    fall = answer["waterfall"]
    return waterfall_plot(
        fall["base"],
        [(_STEPS[step["step"]], step["amount"]) for step in fall["steps"]],
        fall["stressed"],
        name="waterfall",
        title="From base to stressed expected loss",
        unit=f"expected loss in 12 months, {answer['currency'] or 'currency units'}",
        ends=("base", "stressed"),
    )


def _differences(answer: Mapping[str, Any]) -> list[tuple[str, Sequence[Markup | str]]]:
    parts: list[tuple[str, Mapping[str, float]]] = [
        ("Expected loss", {"base": answer["el_base"], "stressed": answer["el_stressed"], "change": answer["el_change"]})
    ]
    losses = answer["losses"]
    if losses is not None:
        parts.append(("Unexpected loss", losses["ul"]))
        for measure in losses["measures"]:
            level = f"{measure['confidence'] * 100:g} %"
            parts += [(f"VaR {level}", measure["var"]), (f"ES {level}", measure["es"])]
    if answer["capital"] is not None:
        parts += [("Risk-weighted assets", answer["capital"]["rwa"]), ("Regulatory capital", answer["capital"]["capital"])]
    if answer["ecl"] is not None:
        parts.append(("Allowance", answer["ecl"]["allowance"]))
    return [(name, [amount(part[n]) for n in ("base", "stressed", "change")]) for name, part in parts]


def _reverse_stress(answer: Mapping[str, Any]) -> Shown:
    currency, states = answer["currency"] or "currency units", answer["scenarios"]
    first, loss = states[0], answer["loss"]
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Loss that is asked about", amount(answer["loss"]), "mean loss of 12 months in each state"),
        ("Expected loss", amount(answer["el"]), Markup("over all states; in the middle of them ") + amount(answer["middle"])),
        ("Distance of the likeliest", deviations(first["distance"]), "from the middle, in standard deviations"),
        ("As far that way, or farther", percent(first["half_space_probability"], 3), "probability"),
    ]
    by = next((tag for tag in ("group", "sector", "segment") if len(_parts(first, tag)) > 1), None)
    plots = []
    if by is not None:
        title = f"Loss by {by} in the likeliest state"
        rows = [(part["name"] or f"no {by}", part["loss"]) for part in _parts(first, by)]
        plots.append((bars_plot(rows, name="losses", title=title, unit=f"mean loss in 12 months, {currency}", css="two"), f"{title}."))
    what, moves = ("groups", first["groups"]) if first["groups"] else ("factors", first["factors"])
    largest = sorted(moves.items(), key=lambda item: (-abs(item[1]), item[0]))[:24]
    title = f"Where the likeliest state has the {what}"
    plots.append((bars_plot(largest, name="moves", title=title, unit="standard deviations; below 0 is bad"), f"{title}."))
    return Shown(
        title=PAGES["reverse-stress"],
        lede=f"The most likely states of the world in which the book loses {loss:{',.0f' if loss >= 1000 else ',.6g'}} {currency}. {_about(answer)}",
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
                    *(percent(state[f"{name}_probability"], 3) for name in ("half_space", "second_order", "less_likely")),
                    *([number(1.0 / state["mixing"], 3)] if mixed else []),
                ),
            )
            for number_, state in enumerate(answer["scenarios"], 1)
        ],
        words=0,
    )


def _in_macro_terms(states: Sequence[Mapping[str, Any]]) -> list[Grid]:
    """The macro variables that most likely go with each state, where satellite models say so."""
    rows: list[tuple[str, Sequence[Markup | str]]] = [
        (
            f"{k}. {move['variable']}",
            (
                *(value_text(move[n], _unit_of(move)) for n in ("value", "sd", "usual", "usual_sd")),
                deviations(move["deviations"]),
                *(value_text(move[n], move["unit"]) for n in ("last_known", "level")),
            ),
        )
        for k, state in enumerate(states, 1)
        for move in state["macro"]
    ]
    caption = "The most likely variables given the state, by regressions of the factors on macro history, and what the state leaves open of each; "
    caption += (
        "how it usually is, and by how many of its standard deviations it has moved; its last known level, and the one that it comes to."
    )
    head = ("State and variable", "Most likely", "Left open", "Usual", "Usual spread", "Moved", "Last known", "Comes to")
    return [Grid(title="In macro terms", caption=caption, head=head, rows=rows)] if rows else []


def _unit_of(move: Mapping[str, Any]) -> str:
    return "decimal" if move["transform"] == "log_change" else str(move["unit"])


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
                    str(part["name"] or "none"),
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


def _sensitivity(answer: Mapping[str, Any]) -> Shown:
    last = len(answer["measures"]) - 1
    level = f"{answer['measures'][last]['confidence'] * 100:g} %"
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Expected loss", amount(answer["el"]), "of the book as it is, 12 months"),
        (f"VaR {level}", amount(answer["measures"][last]["var"]), ""),
        (f"ES {level}", amount(answer["measures"][last]["es"]), ""),
    ]
    if answer["capital"] is not None:
        cards.append(("Regulatory capital", amount(answer["capital"]["capital"]), "before the output floor"))
    whole = [bump for bump in answer["bumps"] if not bump["small"]]
    plot = bars_plot(
        [(bump["words"], bump["measures"][last]["es"]["change"]) for bump in whole],
        name="bumps",
        title=f"What each bump adds to ES {level}",
        unit=f"expected shortfall, {answer['currency'] or 'currency units'}",
        css="two",
    )
    grids = [_bumped("Expected loss", answer, lambda bump: bump["el"])]
    for k, measure in enumerate(answer["measures"]):
        at = f"{measure['confidence'] * 100:g} %"
        for name, title in (("var", f"VaR {at}"), ("es", f"ES {at}"), ("ec", f"Economic capital {at}")):
            grids.append(_bumped(title, answer, lambda bump, k=k, name=name: bump["measures"][k][name]))  # type: ignore[misc] # bound now
    if answer["capital"] is not None:
        grids.append(_bumped("Regulatory capital", answer, lambda bump: bump["capital"]["capital"]))
    return Shown(
        title=PAGES["sensitivity"],
        lede=f"One input of the book, or one macro variable, moved at a time, by a bump and by a tenth of it. {_about(answer)}",
        cards=cards,
        plots=[(plot, f"What each bump adds to ES {level}.")] if plot else [],
        grids=grids,
        notes=answer["notes"],
    )


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
                    *([amount(part["change_se"])] if errors else []),
                ),
            )
            for words, part in parts
        ],
    )


def _attribution(answer: Mapping[str, Any]) -> Shown:
    earlier, whole = answer["earlier"], [effect for effect in answer["effects"] if effect["by"] is None]
    at_most = max((effect["confidence"] for effect in whole if effect["confidence"] is not None), default=None)
    named = {(effect["measure"], effect["confidence"]): effect for effect in whole}
    main = [named[key] for key in (("el", None), ("var", at_most), ("es", at_most)) if key in named]
    cards: list[tuple[str, Markup, Markup | str]] = [
        (f"{_measure(effect)}, change", signed(effect["change"]), amount(effect["before"]) + Markup(" to ") + amount(effect["after"]))
        for effect in main
    ]
    plots = [
        (_changes_of(answer, effect), f"Why {_measure(effect)} changes, step by step.") for effect in main if effect["measure"] != "es"
    ]
    cut = [effect for effect in answer["effects"] if effect["by"] is not None and effect["measure"] == "el"]
    currency = f", amounts in {answer['currency']}" if answer["currency"] else ""
    first, last = (str(at["as_of"] or at["recorded_as_of"])[:10] for at in (earlier, answer))
    return Shown(
        title=PAGES["attribution"],
        lede=f"From {earlier['n_facilities']:,} facilities, as known {first} in the store of batch {earlier['batch_id']}, "
        f"to {answer['n_facilities']:,}, as known {last}{currency}.",
        cards=cards,
        plots=[plot for plot in plots if plot[0]],
        grids=[*_steps_of(answer, whole), *(_parts_of(by, cut) for by in dict.fromkeys(effect["by"] for effect in cut))],
        notes=answer["notes"],
        beside=2,
    )


def _changes_of(answer: Mapping[str, Any], effect: Mapping[str, Any]) -> str:
    """The plot of the way of one number of an attribution run from the earlier date to the later."""
    return waterfall_plot(
        effect["before"],
        [(_BLOCKS[step["step"]], step["amount"]) for step in effect["steps"]],
        effect["after"],
        name=f"change-{effect['measure']}",
        title=f"{_measure(effect)} from the earlier date to the later",
        unit=f"{_measure(effect)} of 12 months, {answer['currency'] or 'currency units'}",
        ends=("before", "after"),
    )


def _measure(effect: Mapping[str, Any]) -> str:
    name = {"var": "VaR"}.get(effect["measure"], effect["measure"].upper())
    return name if effect["confidence"] is None else f"{name} {round(100 * effect['confidence'], 8):g} %"


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
                rows.append((_REASONS[step], [signed(one["amount"]) + error for one, error in zip(taken, errors, strict=True)]))
        rows.append(("after", [amount(effect["after"]) for effect in effects]))
        names = [_measure(effect) for effect in effects]
        caption = "Steps sum to the change exactly; what follows ± is a step's standard error." if level is None else ""
        title = f"Why {', '.join(names[:-1])} and {names[-1]} changed"
        grids.append(Grid(title=title, caption=caption, head=("why", *names), rows=rows))
    return grids


def _parts_of(by: str, effects: Sequence[Mapping[str, Any]]) -> Grid:
    rows: list[tuple[str, Sequence[Markup | str]]] = []
    for effect in sorted((one for one in effects if one["by"] == by), key=lambda one: -abs(one["change"])):
        largest = max(effect["steps"], key=lambda step: abs(step["amount"]))
        why = _REASONS[largest["step"]] if largest["amount"] else ""
        rows.append((effect["label"] or "none", (amount(effect["before"]), amount(effect["after"]), signed(effect["change"]), why)))
    name = by.replace("_", " ")
    return Grid(title=f"Expected loss by {name}", head=(name, "Before", "After", "Change", "Mostly by"), rows=rows, words=3)


_PAGES: Mapping[str, Callable[[Mapping[str, Any]], Shown]] = {
    "stress": _stress,
    "ecl": _ecl,
    "capital": _capital,
    "reverse-stress": _reverse_stress,
    "sensitivity": _sensitivity,
    "attribution": _attribution,
}
PAGES: Mapping[str, str] = {
    "stress": "Stress test",
    "ecl": "Expected credit losses",
    "capital": "Regulatory capital",
    "reverse-stress": "Reverse stress",
    "sensitivity": "Sensitivities",
    "attribution": "Why the risk changed",
}
"""The kinds of runs that :func:`shown` shows, in the order in which they stand beside a risk run, with the titles of their pages."""
