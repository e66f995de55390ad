"""``crfs jobs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import group
from crfs.apps.cli.parameters import JobId

if TYPE_CHECKING:
    from uuid import UUID


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


@jobs.command("show")
@click.argument("job_id", type=JobId())
@pass_door
def show(door: Door, job_id: UUID) -> None:
    """One job: what it was asked, how far it is, how it ended."""
    from crfs.apps.cli.screen import cell
    from crfs.workflows.ledger import show_job

    with door.session() as session:
        document = show_job(session, job_id)
    door.lines(document, *(f"{name:20} {cell(value)}" for name, value in document.items()))


@jobs.command("cancel")
@click.argument("job_id", type=JobId())
@pass_door
def cancel(door: Door, job_id: UUID) -> None:
    """Ask a job to stop: one that waits is cancelled at once, one that runs at its next step."""
    from crfs.workflows.ledger import cancel_job

    with door.session() as session:
        document = cancel_job(session, job_id)
    door.lines(document, f"{job_id}: {document['state']}" + (", asked to stop" if document["state"] == "running" else ""))


@jobs.command("schedule")
@click.option("--all", "every", is_flag=True, help="Streams that are not switched on too.")
@pass_door
def schedule(door: Door, every: bool) -> None:
    """When each scheduled stream is due next, and how it does. CRFS_SCHEDULE__STREAMS switches streams on; a worker asks them."""
    from crfs.workflows.streams import schedule_table, scheduled

    with door.session() as session:
        rows = schedule_table(session, session.streams.values() if every else scheduled(session))
    door.table(
        rows,
        ["stream", "title", "scheduled", "next_due_at", "watermark", "last_success_at", "failures", "stale", "parked_until"],
        empty="No stream is switched on: set CRFS_SCHEDULE__STREAMS, for example to fred/*; crfs jobs schedule --all lists what there is.",
    )
