"""A stress run as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, confidence, deviations, error_of, number, percent, ratio, signed
from crfs.apps.api.pages.shown.fits import fits_grid
from crfs.apps.api.pages.shown.run import Grid, Shown, about
from crfs.apps.api.plots.bars import bars_plot
from crfs.apps.api.plots.waterfall import waterfall_plot
from crfs.workflows.confidences import percentage
from crfs.workflows.cutting import shown_name
from crfs.workflows.portfolio_capital import named_amounts

TITLE = "Stress test"
_STEPS = {"pd": "PD", "lgd": "LGD", "ead": "EAD", "correlation": "correlation"}


def page(answer: Mapping[str, Any]) -> Shown:
    """A stress run."""
    scenario, band = answer["scenario"], answer["band"]
    told = "Shocks as they were given" if scenario is None else f"Scenario {scenario['name']} against {answer['base_scenario']['name']}"
    at = f", shocks of the period from {answer['at']}" if answer["at"] else ""
    below = Markup("")
    if band is not None:
        below = confidence(band["confidence"]) + Markup(" band ") + amount(band["el_low"]) + Markup(" to ") + amount(band["el_high"])
    times = ratio(answer["el_stressed"] / answer["el_base"]) + Markup(" times the base") if answer["el_base"] else Markup("")
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("EL, base", amount(answer["el_base"]), "12 months"),
        ("EL, stressed", amount(answer["el_stressed"]), below),
        ("EL, difference", signed(answer["el_change"]), times),
    ]
    plots = [(_waterfall_of(answer), "Why the expected loss changes, step by step.")]
    sector = [(shown_name(row["name"]), row["change"]) for row in answer["cuts"].get("sector", []) if row["change"] > 0.0]
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
    grids = [
        Grid(title="Base, stressed, difference", head=("Amount", "Base", "Stressed", "Difference", "Error"), rows=_differences(answer))
    ]
    grids += [
        Grid(
            title=f"Expected loss by {by.replace('_', ' ')}",
            head=(by.replace("_", " "), "Base", "Stressed", "Difference"),
            rows=[(shown_name(row["name"]), [amount(row[n]) for n in ("base", "stressed", "change")]) for row in rows],
        )
        for by, rows in answer["cuts"].items()
    ]
    if answer.get("conditional"):
        grids += _given_factors(answer["conditional"])
    if answer.get("migration"):
        grids += _migrated(answer["migration"])
    if answer["satellites"]:
        grids.append(fits_grid(answer["satellites"]))
    return Shown(
        title=TITLE,
        lede=f"{told}{at}. {about(answer)}",
        cards=cards,
        plots=[plot for plot in plots if plot[0]],
        grids=grids,
        notes=answer["notes"],
        beside=1,
    )


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
    parts: list[tuple[str, Mapping[str, float], Markup | str]] = [
        ("Expected loss", {"base": answer["el_base"], "stressed": answer["el_stressed"], "change": answer["el_change"]}, "")
    ]
    losses = answer["losses"]
    if losses is not None:
        # A run that was kept before differences had errors has none to show, nor an economic capital.
        parts.append(("Unexpected loss", losses["ul"], _error(losses, "ul")))
        for measure in losses["measures"]:
            level = f"{percentage(measure['confidence'])} %"
            parts += [
                (f"{title} {level}", measure[what], _error(measure, what))
                for what, title in (("var", "VaR"), ("es", "ES"), ("ec", "Economic capital"))
                if what in measure
            ]
    if answer["capital"] is not None:
        parts += [(words[:1].upper() + words[1:], part, "") for words, part in named_amounts(answer["capital"])]
    if answer["ecl"] is not None:
        parts.append(("Allowance", answer["ecl"]["allowance"], ""))
    return [(name, [*(amount(part[n]) for n in ("base", "stressed", "change")), error]) for name, part, error in parts]


def _error(measured: Mapping[str, Any], name: str) -> Markup | str:
    """The error of a difference; a run that was kept before differences had errors has none to show."""
    told = {f"change_{end}": measured.get(f"{name}_{end}", {}).get("change") for end in ("se", "low", "high")}
    if told["change_se"] is None:
        return ""
    return "exact" if name == "ul" and told["change_se"] == 0.0 else error_of(told, "change")


def _given_factors(found: Mapping[str, Any]) -> list[Grid]:
    """Losses over all states, given the base and given the scenario, and what these two say of the factors."""
    parts: list[tuple[str, Mapping[str, float], float | None]] = [
        ("Expected loss", found["el"], None),
        ("Unexpected loss", found["ul"], None),
    ]
    for measure in found["measures"]:
        level = f"{percentage(measure['confidence'])} %"
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
