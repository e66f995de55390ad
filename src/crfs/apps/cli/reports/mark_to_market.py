"""A mark-to-market run on the terminal: the curves, losses of value with their errors, the ratings that come out, contributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, size, state
from crfs.apps.cli.screen import money, table
from crfs.workflows.confidences import percentage

if TYPE_CHECKING:
    from rich.console import Console

TOP = 8
_LOSS = "loss of value"


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    currency, curves = answer["currency"], answer["curves"]
    screen.print(
        f"{size(answer)}, worth {money(answer['reference_value'], currency)} "
        f"({'now' if answer['reference'] == 'now' else 'in unchanged ratings'}), exposure {money(answer['total_ead'], currency)}"
    )
    screen.print(
        f"{state(answer)}; {answer['method']}, {answer['scenarios']:,} scenarios, seed {answer['seed']}, {answer['copula']} copula, "
        f"horizon {answer['horizon_years']:g} year{'' if answer['horizon_years'] == 1.0 else 's'}"
    )
    screen.print(f"Treasury par yields of {curves['day']}")
    screen.print()
    screen.print(table([_spread(each) for each in curves["spreads"]], ["rating", "like", "spread, bp", "from"]))
    screen.print()
    screen.print(table(losses(answer), [_LOSS, "amount", "standard error", "95 % interval"]))
    rows = _ratings(answer)
    if rows:
        screen.print()
        screen.print(table(rows, list(rows[0]), title="Ratings at the horizon, per cent"))
    parts = _contributions(answer)
    if parts:
        screen.print()
        screen.print(table(parts, list(parts[0]), title="Largest obligors by expected shortfall"))
    again(screen, answer)


def losses(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """Losses with their errors, one a row; a gain is negative."""

    def row(name: str, value: float, error: float | None, low: float | None = None, high: float | None = None) -> dict[str, str]:
        return {
            _LOSS: name,
            "amount": money(value),
            "standard error": "exact" if error == 0.0 else money(error),
            "95 % interval": f"{money(low)} to {money(high)}" if low is not None and high is not None else "",
        }

    rows = [row("expected", answer["el"], answer["el_se"]), row("UL", answer["ul"], answer["ul_se"])]
    for measure in answer["measures"]:
        for name, title in (("var", "VaR"), ("es", "ES")):
            label = f"{title} {percentage(measure['confidence'])} %"
            rows.append(row(label, measure[name], measure[f"{name}_se"], measure[f"{name}_low"], measure[f"{name}_high"]))
    return rows


def _spread(each: Mapping[str, Any]) -> dict[str, str]:
    spread = each["spread_bp"]
    return {
        "rating": each["rating"],
        "like": each["grade"] or "",
        "spread, bp": "withheld" if spread is None else f"{spread:,.1f}",
        "from": each["origin"],
    }


def _ratings(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    last = [each for each in answer["migrations"] if each["years"] == answer["horizon_years"]]
    rows: dict[str, dict[str, str]] = {}
    for each in last:
        # A run that was kept before shares had errors has none to show.
        error = f" ± {100.0 * each['share_se']:.2f}" if each.get("share_se") else ""
        rows.setdefault(each["rating"], {"rating": each["rating"]})[f"to {each['to_rating']}"] = f"{100.0 * each['share']:.2f}{error}"
    return list(rows.values())


def _contributions(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    confidences = [measure["confidence"] for measure in answer["measures"]]
    total = next((measure["es"] for measure in answer["measures"] if measure["confidence"] == max(confidences)), 0.0)
    last = f"es:{max(confidences)!r}"
    return [
        {
            "obligor": part["obligor_id"],
            "exposure": money(part["ead"]),
            "value": money(part["reference_value"]),
            f"ES {percentage(max(confidences))} %": money(part[last]),
            "standard error": money(part[last.replace("es:", "es_se:")]),
            "share": f"{part[last] / total * 100:.1f} %" if total else "",
        }
        for part in answer["contributions"][:TOP]
    ]
