"""The main job's report on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports import attribution, capital, ecl, reverse_stress, risk, stress
from crfs.apps.cli.screen import table
from crfs.workflows.card_warnings import card_warnings
from crfs.workflows.confidences import percentage

if TYPE_CHECKING:
    from rich.console import Console


_PARTS = (
    ("Under stress", stress, "stress"),
    ("Provisions", ecl, "ecl"),
    ("Regulatory capital", capital, "capital"),
    ("What would cost as much as the value at risk", reverse_stress, "reverse_stress"),
    ("Why the risk is not that of a year before", attribution, "attribution"),
)
"""What stands below the portfolio's risk: a title, what shows it, and its member of the report."""


def show(screen: Console, report: Mapping[str, Any]) -> None:
    """What came in, how good the models are, what the book may lose; every number with its run."""
    screen.print(report["title"])
    screen.print()
    for part in report["history"]:
        rejected = f", {part['rejected_rows']:,} rows rejected" if part["rejected_rows"] else ""
        screen.print(f"History    {part['source']}: {part['payloads']} payloads{rejected}")
        for note in part["notes"]:
            screen.print(f"           {note}")
    bureau = report["bureau"]
    screen.print(
        f"Bureau     {bureau['obligors']:,} obligors, {bureau['facilities']:,} facilities, {bureau['months']} months, "
        f"{bureau['records']:,} monthly records, {bureau['defaults']:,} defaults (simulated, seed {bureau['seed']})"
    )
    for name, model in report["models"].items():
        screen.print()
        show_model(screen, name, model)
    screen.print()
    screen.print("Portfolio")
    risk.show(screen, report["risk"])
    for title, part, name in _PARTS:
        screen.print()
        screen.print(title)
        part.show(screen, report[name])
    screen.print()
    screen.print(f"report sha256={report['sha256']} (without ids and times: the same again on any number of cores)")


def show_model(screen: Console, name: str, model: Mapping[str, Any]) -> None:
    """What a model is, how it did out of time, what to beware of, and its run."""
    card = model["card"]
    screen.print(f"Model {name}   {model['kind']}: {card['purpose']}")
    validation = card.get("validation")
    if validation is not None and "auc" in validation:
        _show_validation(screen, validation)
    else:
        segments = card.get("segments") or card.get("ccf") or []
        rows = [
            {"segment": item["segment"], "count": item["count"], "mean": item["mean"], "lower": item["lower"], "upper": item["upper"]}
            for item in segments
        ]
        screen.print(table(rows, ["segment", "count", "mean", "lower", "upper"]))
    for warning in card_warnings(card):
        screen.print(f"Warning: {warning}")
    screen.print(f"run {model['run_id']}  sha256={model['artefact_sha256']}  again: crfs replay {model['run_id']}")


def _show_validation(screen: Console, validation: Mapping[str, Any]) -> None:
    auc, slope = validation["auc"], validation["calibration"]["slope"]
    level = f"{percentage(validation['confidence'])} %"
    screen.print(
        f"out of time: {validation['rows']:,} rows of {validation['obligors']:,} obligors, {validation['defaults']:,} defaults, "
        f"observed {validation['first_observed_at'][:10]} to {validation['last_observed_at'][:10]}"
    )
    rows = [
        _measure("AUC", f"{auc['value']:.4f}", auc, level),
        _measure("KS", f"{validation['ks']:.4f}", None, level),
        _measure("Brier score", f"{validation['brier']['brier']:.5f}", None, level),
        _measure("calibration slope", f"{slope['value']:.3f}", slope, level),
        _measure("mean PD", f"{validation['mean_pd'] * 100:.3f} %", None, level),
        _measure("realised rate", f"{validation['default_rate'] * 100:.3f} %", None, level),
    ]
    screen.print(table(rows, ["measure", "value", f"{level} interval"]))


def _measure(name: str, value: str, interval: Mapping[str, float] | None, level: str) -> dict[str, str]:
    shown = "" if interval is None else f"{interval['lower']:.4f} to {interval['upper']:.4f}"
    return {"measure": name, "value": value, f"{level} interval": shown}
