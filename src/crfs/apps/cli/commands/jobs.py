"""``crfs jobs``."""

from __future__ import annotations

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import group


@group("jobs")
def jobs() -> None:
    """The ledger of long work."""


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@pass_door
def list_(door: Door, limit: int) -> None:
    """The newest jobs first."""
    from crfs.workflows.ledger import list_jobs

    with door.session() as session:
        found = list_jobs(session, limit=limit)
    door.table(
        found, ["job_id", "kind", "state", "progress_note", "actor", "created_at", "finished_at", "error"], empty="There was no job yet."
    )
