"""What default rates were explained by, as the pages of runs with macro scenarios show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crfs.apps.api.pages.rendering import number
from crfs.apps.api.pages.shown.run import Grid


def fits_grid(fits: Sequence[Mapping[str, Any]]) -> Grid:
    """The regressions of a run, a row a segment."""
    return Grid(
        title="What default rates were explained by",
        caption="Regressions of quarterly default rates on macro history, as known at the run's time.",
        head=("Segment", "Terms", "R²", "Quarters"),
        rows=[
            (
                fit["segment"] or "all others",
                (", ".join(term["name"] for term in fit["terms"]), number(fit["r2"], 3), number(fit["observations"])),
            )
            for fit in fits
        ],
        words=(0,),
    )
