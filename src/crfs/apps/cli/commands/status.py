"""``crfs status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import command

if TYPE_CHECKING:
    from rich.console import Console


@command("status")
@pass_door
def status(door: Door) -> None:
    """The servers, the store's head and the newest runs.

    An embedded store that sleeps is woken for the moment; one that was never made stays unmade.
    """
    from crfs.apps.cli.screen import cell, table
    from crfs.workflows.status import status as state

    document = state(data_dir=door.data_dir)

    def show(screen: Console) -> None:
        for name in (
            "store",
            "data_dir",
            "running",
            "pids",
            "versions",
            "clients",
            "made",
            "batch_id",
            "recorded_at",
            "datasets",
            "factors",
        ):
            if name in document:
                screen.print(f"{name.replace('_', ' '):12} {cell(document[name])}")
        if document.get("runs"):
            screen.print()
            screen.print(table(document["runs"], ["run_id", "kind", "label", "as_of", "created_at"], title="Newest runs"))

    door.answer(document, show)
