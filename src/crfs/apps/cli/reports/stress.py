"""A stress run on the terminal: base, stressed and the difference of every number, the steps between them, and the cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, size, state
from crfs.apps.cli.screen import money, table
from crfs.workflows.confidences import percentage
from crfs.workflows.cutting import shown_name
from crfs.workflows.portfolio_capital import named_amounts

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = ("segment", "sector")
TOP = 8
_GRADE_COLUMNS = {"today": "today", "base": "base", "stressed": "stressed", "difference": "change"}
_SHARE_COLUMNS = {"base": "base", "stressed": "stressed", "difference": "change"}
_SHARES = {"downgraded": "downgraded", "upgraded": "upgraded", "defaulted": "defaulted", "notches": "notches down"}
STEPS = {"pd": "default probabilities", "lgd": "losses given default", "ead": "exposures", "correlation": "correlations"}


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    currency = answer["currency"]
    screen.print(f"{size(answer)}, exposure {money(answer['ead_base'], currency)}")
    screen.print(state(answer))
    screen.print(told(answer))
    screen.print()
    screen.print(table(differences(answer), ["amount", "base", "stressed", "difference", "times"]))
    band = answer["band"]
    if band is not None:
        screen.print(
            f"EL under stress by the errors of the regressions, {percentage(band['confidence'])} %: {money(band['el_low'])} to "
            f"{money(band['el_high'])}"
        )
    screen.print()
    screen.print(table(steps(answer), ["why EL changes", "amount"]))
    for by in SHOWN:
        rows = answer["cuts"].get(by, [])
        if rows:
            screen.print()
            screen.print(table([_cut(by, row) for row in rows[:TOP]], [by, "base EL", "stressed EL", "difference"]))
    for fit in answer["satellites"]:
        screen.print(fitted(fit))
    if answer.get("conditional"):
        screen.print()
        _conditional(screen, answer["conditional"])
    if answer.get("migration"):
        screen.print()
        _migration(screen, answer["migration"])
    again(screen, answer)


def _migration(screen: Console, found: Mapping[str, Any]) -> None:
    """Exposure by grade, and what share of it moves, as the book is and stressed."""
    exposure = [{"grade": row["grade"], **{shown: money(row[name]) for shown, name in _GRADE_COLUMNS.items()}} for row in found["exposure"]]
    screen.print(table(exposure, ["grade", *_GRADE_COLUMNS], title="Exposure by grade in 12 months"))
    screen.print()
    shares = [
        {"of exposure": name, **{shown: _share(found[key], column, key) for shown, column in _SHARE_COLUMNS.items()}}
        for key, name in _SHARES.items()
        if key in found
    ]
    screen.print(table(shares, ["of exposure", *_SHARE_COLUMNS]))
    if found["default"] is not None:
        screen.print("Notches down are those of what does not default")
    for note in found["notes"]:
        screen.print(f"Note: {note}")


def _share(part: Mapping[str, float | None], column: str, key: str) -> str:
    value = part[column]
    if value is None:
        return "–"
    return f"{value:.3f}" if key == "notches" else f"{100.0 * value:.2f} %"


def _conditional(screen: Console, found: Mapping[str, Any]) -> None:
    """Losses over all states, and given what base and scenario say of the factors."""
    title = "Losses given the factors of the scenario"
    screen.print(table(given_factors(found), ["amount", "all states", "base", "stressed", "difference"], title=title))
    for item in found["factors"]:
        screen.print(
            f"{item['factor']}: {item['stressed']:+.2f} ± {item['stressed_sd']:.2f} sd under the scenario, "
            f"{item['base']:+.2f} ± {item['base_sd']:.2f} sd under its base, 0 ± 1 over all states"
        )
    for fit in found["satellites"]:
        screen.print(f"{fit['factor']} on {fitted_terms(fit)}")
    for note in found["notes"]:
        screen.print(f"Note: {note}")


def given_factors(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row a number, with its standard error: over all states, given the base, given the scenario, and the difference of these two."""
    rows: list[tuple[str, Mapping[str, float], Mapping[str, float | None]]] = [("EL", found["el"], {}), ("UL", found["ul"], {})]
    for measure in found["measures"]:
        level = f"{percentage(measure['confidence'])} %"
        rows += [(f"{name} {level}", measure[what], measure[f"{what}_se"]) for name, what in (("VaR", "var"), ("ES", "es"))]
    columns = {"all states": "all_states", "base": "base", "stressed": "stressed", "difference": "change"}
    return [
        {"amount": name, **{shown: _with_error(part[column], errors.get(column)) for shown, column in columns.items()}}
        for name, part, errors in rows
    ]


def _with_error(amount: float, error: float | None) -> str:
    return f"{money(amount)} ± {money(error)}" if error else money(amount)


def fitted(fit: Mapping[str, Any]) -> str:
    """What default rates were explained by, and how well."""
    return f"Default rates of {fit['segment'] or 'all others'} on {fitted_terms(fit)}"


def fitted_terms(fit: Mapping[str, Any]) -> str:
    """The terms of a regression, and how well they explain."""
    terms = ", ".join(term["name"] for term in fit["terms"])
    return f"{terms}: R² {fit['r2']:.2f} of {fit['observations']} quarters"


def told(answer: Mapping[str, Any]) -> str:
    """What the stress is, in words."""
    scenario, base = answer["scenario"], answer["base_scenario"]
    if scenario is None:
        return "shocks as they were given"
    return f"scenario {scenario['name']} ({scenario['severity']}) against {base['name']}; shocks of the period from {answer['at']}"


def differences(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row a number: base, stressed, the difference, and how many times as large."""
    rows = [_row("EL", {"base": answer["el_base"], "stressed": answer["el_stressed"], "change": answer["el_change"]})]
    losses = answer["losses"]
    if losses is not None:
        rows.append(_row("UL", losses["ul"], losses["ul_se"]))
        for measure in losses["measures"]:
            rows += [
                _row(
                    f"{name.upper().replace('VAR', 'VaR')} {percentage(measure['confidence'])} %",
                    measure[name],
                    measure[f"{name}_se"],
                    ends=[measure.get(f"{name}_{end}", {}).get("change") for end in ("low", "high")],
                )
                for name in ("var", "es")
            ]
    if answer["capital"] is not None:
        rows += [_row(words, part) for words, part in named_amounts(answer["capital"])]
    if answer["ecl"] is not None:
        rows.append(_row("provisions", answer["ecl"]["allowance"]))
        rows += [_row(f"provisions, stage {part['stage']}", part) for part in answer["ecl"]["stages"]]
    return rows


def steps(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """The waterfall of the expected loss, a row a step."""
    fall = answer["waterfall"]
    rows = [("base", fall["base"]), *((STEPS[step["step"]], step["amount"]) for step in fall["steps"]), ("stressed", fall["stressed"])]
    return [{"why EL changes": name, "amount": money(amount)} for name, amount in rows]


def _row(
    name: str, part: Mapping[str, float], errors: Mapping[str, float | None] | None = None, *, ends: Sequence[float | None] = ()
) -> dict[str, str]:
    """A number before and after; ``ends`` are of the interval of the difference, which is told where nothing was sampled."""
    errors = errors or {}
    known = len(ends) == 2 and None not in ends and ends[0] != ends[1] and errors.get("change") == 0.0
    within = f" ({money(ends[0])} to {money(ends[1])})" if known else ""
    times = f"{part['stressed'] / part['base']:.2f}" if part["base"] else ""
    return {
        "amount": name,
        "base": _with_error(part["base"], errors.get("base")),
        "stressed": _with_error(part["stressed"], errors.get("stressed")),
        "difference": _with_error(part["change"], errors.get("change")) + within,
        "times": times,
    }


def _cut(by: str, row: Mapping[str, Any]) -> dict[str, str]:
    return {
        by: shown_name(row["name"]),
        "base EL": money(row["base"]),
        "stressed EL": money(row["stressed"]),
        "difference": money(row["change"]),
    }
