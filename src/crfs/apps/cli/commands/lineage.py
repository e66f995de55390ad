"""``crfs lineage``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import command

if TYPE_CHECKING:
    from rich.console import Console


@command("lineage")
@click.argument("run", metavar="ID")
@click.option("--to", "depth", type=click.Choice(["batch", "payload"]), default="batch", show_default=True, help="How far down to show.")
@pass_door
def lineage(door: Door, run: str, depth: str) -> ExitCode:
    """What the result ID rests on: runs, batches, and the bytes that came over the wire.

    Hashes are computed anew. Exit code 2 says that the chain is broken, altered, or that bytes are damaged or gone.
    """
    from crfs.apps.cli.screen import cell, table
    from crfs.workflows.lineage import trace

    with door.session() as session:
        document = trace(session, run)
    if depth == "batch":
        document["payload_count"] = len(document.pop("payloads"))

    def show(screen: Console) -> None:
        label = f" ({document['label']})" if document["label"] else ""
        screen.print(f"{document['run_id']}{label}  sha256={document['result_sha256']}")
        screen.print(
            f"as of {cell(document['as_of'])}, recorded as of {cell(document['recorded_as_of'])} (batch {document['batch_id']}), "
            f"specification sha256={document['specification_sha256']}"
        )
        screen.print()
        screen.print(table(document["runs"], ["run_id", "kind", "batch_id", "used_by", "result_sha256"], title="Runs"))
        screen.print()
        screen.print(
            table(
                document["batches"], ["run_id", "dataset", "batch_id", "kind", "source", "recorded_at", "actor", "reason"], title="Batches"
            )
        )
        if "payloads" in document:
            screen.print()
            screen.print(
                table(
                    document["payloads"],
                    ["sha256", "state", "byte_count", "status", "url", "fetched_at", "batch_id", "run_id"],
                    title="Payloads",
                )
            )
        screen.print()
        screen.print(
            f"{document['dangling']} dangling edges, {len(document['damaged'])} damaged payloads, {len(document['expired'])} whose bytes are gone, "
            f"{len(document['altered'])} altered records"
        )
        for altered in document["altered"]:
            screen.print(f"ALTERED {altered}", markup=False, highlight=False)

    door.answer(document, show)
    return ExitCode.DONE if document["sound"] else ExitCode.VERIFICATION_FAILED
