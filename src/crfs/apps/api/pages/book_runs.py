"""What the pages show of a run about a book, whatever it measured: figures, plots and tables, each with the run that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from crfs.apps.api.pages.rendering import amount, number, percent
from crfs.apps.api.plots.bars import bars_plot
from crfs.apps.api.plots.waterfall import waterfall_plot

_STEPS = {"pd": "PD", "lgd": "LGD", "ead": "EAD", "correlation": "correlation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of a page: the first column names the rows, the others are numbers."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, Sequence[Markup | str]]]
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run as a page shows it: ``cards`` are a name, a figure and what stands below it; ``plots`` an SVG and its caption."""

    title: str
    lede: str
    cards: Sequence[tuple[str, Markup, Markup | str]]
    plots: Sequence[tuple[str, str]]
    grids: Sequence[Grid]
    notes: Sequence[str]


def shown(kind: str, answer: Mapping[str, Any]) -> Shown:
    """A run of a kind that has a page of figures: capital, ecl or stress."""
    return _PAGES[kind](answer)


PAGES = ("capital", "ecl", "stress")
"""The kinds of runs that :func:`shown` shows."""


def _about(answer: Mapping[str, Any]) -> str:
    currency = f" {answer['currency']}" if answer["currency"] else ""
    return f"{answer['n_facilities']:,} facilities{', amounts in' + currency if currency else ''}."


def _capital(answer: Mapping[str, Any]) -> Shown:
    totals, floor, expected = answer["totals"], answer["output_floor"], answer["expected_loss"]
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("Risk-weighted assets", amount(totals["rwa"]), f"before the output floor; {answer['regime']}"),
        ("Mean risk weight", percent(answer["rw"], 1), ""),
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
    return Shown(title="Regulatory capital", lede=_about(answer), cards=cards, plots=plots, grids=grids, notes=answer["notes"])


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
    return Shown(title="Expected credit losses", lede=_about(answer), cards=cards, plots=plots, grids=grids, notes=answer["notes"])


def _stress(answer: Mapping[str, Any]) -> Shown:
    scenario, band = answer["scenario"], answer["band"]
    told = "Shocks as they were given" if scenario is None else f"Scenario {scenario['name']} against {answer['base_scenario']['name']}"
    at = f", shocks of the period from {answer['at']}" if answer["at"] else ""
    below = Markup("")
    if band is not None:
        below = percent(band["confidence"], 0) + Markup(" band ") + amount(band["el_low"]) + Markup(" to ") + amount(band["el_high"])
    cards: list[tuple[str, Markup, Markup | str]] = [
        ("EL, base", amount(answer["el_base"]), "12 months"),
        ("EL, stressed", amount(answer["el_stressed"]), below),
        ("EL, difference", amount(answer["el_change"]), ""),
    ]
    plots = [(waterfall_of(answer), "Why the expected loss changes, step by step.")]
    sector = [(row["name"] or "none", row["change"]) for row in answer["cuts"].get("sector", []) if row["change"] > 0.0]
    plots.append(
        (
            bars_plot(sector, name="stress-sectors", title="More expected loss by sector", unit="more expected loss", css="two"),
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
        title="Stress test",
        lede=f"{told}{at}. {_about(answer)}",
        cards=cards,
        plots=[plot for plot in plots if plot[0]],
        grids=grids,
        notes=answer["notes"],
    )


def waterfall_of(answer: Mapping[str, Any]) -> str:
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


_PAGES: Mapping[str, Callable[[Mapping[str, Any]], Shown]] = {"capital": _capital, "ecl": _ecl, "stress": _stress}
