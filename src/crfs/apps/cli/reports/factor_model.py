"""An estimated factor model on the terminal: what it was estimated from, each pair with its error, and what was done to the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.apps.cli.reports.clocks import again, state
from crfs.apps.cli.screen import table
from crfs.workflows.common_history import estimated_over

if TYPE_CHECKING:
    from rich.console import Console

MOST_PAIRS = 30


def show(screen: Console, answer: Mapping[str, Any]) -> None:
    """The correlations, and how to have them again."""
    found = answer["estimate"]
    names = found["factors"]
    screen.print(f"{len(names)} factor{'' if len(names) == 1 else 's'}, {estimated_over(answer)}")
    screen.print(state(answer))
    screen.print(f"shrinkage {found['shrinkage']:.3f}; moved by {found['distance']:.3g} (Frobenius) to be positive semi-definite")
    screen.print()
    pairs = [
        {
            "factor": names[i],
            "and": names[j],
            "correlation": f"{found['correlation'][i][j]:.3f}",
            "in the sample": f"{found['sample'][i][j]:.3f} ± {found['standard_errors'][i][j]:.3f}",
            "periods": found["observations"][i][j],
        }
        for i in range(len(names))
        for j in range(i)
    ]
    screen.print(table(pairs[:MOST_PAIRS], ["factor", "and", "correlation", "in the sample", "periods"]))
    if len(pairs) > MOST_PAIRS:
        screen.print(f"and {len(pairs) - MOST_PAIRS} more pairs (--json)")
    again(screen, answer)
