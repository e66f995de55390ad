"""A concentration run on the terminal: by obligor, connected clients and label the index, the effective number and the largest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, state
from crfs.apps.cli.screen import money, number, table
from crfs.workflows.cutting import counted, shown_name

if TYPE_CHECKING:
    from rich.console import Console


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The run's numbers, and how to have them again."""
    screen.print(f"{counted(answer['n_facilities'], 'facility', 'facilities')}, exposure {money(answer['total_ead'], answer['currency'])}")
    screen.print(state(answer))
    for name, part in answer["by"].items():
        screen.print()
        title = f"{name}: {part['names']:,} names, HHI {number(part['hhi'])}, as many as {part['effective_names']:.1f} equal ones"
        rows = [{"name": shown_name(each["name"]), **_figures(each)} for each in part["largest"]]
        screen.print(table(rows, ["name", "exposure", "share"], title=title))
    again(screen, answer)


def _figures(each: Mapping[str, Any]) -> dict[str, str]:
    return {"exposure": money(each["ead"]), "share": f"{each['share'] * 100:.1f} %"}
