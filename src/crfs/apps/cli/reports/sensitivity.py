"""A sensitivity run on the terminal: every number of the book and of each moved one, and what each bump and a tenth of it add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, size, state
from crfs.apps.cli.reports.stress import fitted
from crfs.apps.cli.reports.what_if import with_error
from crfs.apps.cli.screen import money, table
from crfs.workflows.confidences import percentage
from crfs.workflows.dependence import dependence
from crfs.workflows.highest import at_highest

if TYPE_CHECKING:
    from rich.console import Console


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    screen.print(f"{size(answer)}; one input moved at a time")
    screen.print(f"{state(answer)}; {answer['method']}, {dependence(answer['method'], answer['copula'])}")
    level = f"{percentage(at_highest(answer['measures'])['confidence'])} %" if answer["measures"] else ""
    columns = ["EL", f"VaR {level}", f"ES {level}", _held(answer, f"EC {level}")]
    whole = [bump for bump in answer["bumps"] if not bump["small"]]
    screen.print()
    screen.print(table([_base(answer, columns), *(_levels(bump, columns) for bump in whole)], ["moved", *columns]))
    screen.print()
    rows = [_differences(bump, columns) for bump in answer["bumps"]]
    screen.print(table(rows, ["moved", *columns], title="Difference"))
    for fit in answer["satellites"]:
        screen.print(fitted(fit))
    again(screen, answer)


def _held(answer: Mapping[str, Any], economic: str) -> str:
    """Of which capital the last column is."""
    if answer["capital"] is None:
        return economic
    return "capital after floor" if "rwa_after_floor" in answer["capital"] else "capital"


def _base(answer: Mapping[str, Any], columns: list[str]) -> dict[str, str]:
    last = at_highest(answer["measures"])
    held = answer["capital"]["capital"] if answer["capital"] is not None else last["ec"]
    values = (answer["el"], last["var"], last["es"], held)
    return {"moved": "nothing", **{name: money(value) for name, value in zip(columns, values, strict=True)}}


def _levels(bump: Mapping[str, Any], columns: list[str]) -> dict[str, str]:
    unusual = "" if bump["deviations"] is None else f" ({bump['deviations']:+.2g} sd)"
    return {"moved": bump["words"] + unusual, **{name: money(part["bumped"]) for name, part in zip(columns, _parts(bump), strict=True)}}


def _differences(bump: Mapping[str, Any], columns: list[str]) -> dict[str, str]:
    cells = {}
    for name, part in zip(columns, _parts(bump), strict=True):
        cells[name] = with_error(part, "change")
    return {"moved": bump["words"], **cells}


def _parts(bump: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Expected loss, VaR, ES and capital (regulatory where it is told, else economic), at the highest confidence that was asked for."""
    last = at_highest(bump["measures"])
    return bump["el"], last["var"], last["es"], bump["capital"]["capital"] if bump["capital"] is not None else last["ec"]
