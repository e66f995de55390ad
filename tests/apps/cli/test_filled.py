"""What the terminal says of cells that models filled."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console

from crfs.apps.cli.reports.clocks import again


def test_cells_that_models_filled_are_told_with_the_model() -> None:
    answer: dict[str, Any] = {
        "n_facilities": 4,
        "notes": ["a note"],
        "run_id": "risk-1",
        "result_sha256": "0",
        "origins": {"pd_12m_origin": {"pd v1": 4}, "lgd_origin": {"given": 2, "lgd v3": 2}, "ead_origin": {"given": 4}},
        "models": {"pd": {"model": "pd", "version": 1}, "lgd": {"model": "lgd", "version": 3}},
    }
    for told, first in (
        (answer, "Filled: PD of 4 of 4 facilities by pd v1, LGD of 2 of 4 facilities by lgd v3"),
        (answer | {"models": {}}, "Note: a note"),
    ):
        screen = Console(file=StringIO(), width=200)
        again(screen, told)
        assert screen.file.getvalue().splitlines()[0] == first  # type: ignore[attr-defined]  # it is a StringIO
