"""``crfs ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import command

if TYPE_CHECKING:
    from crfs.workflows.ingest_report import IngestReport


@command("ingest")
@click.argument("source")
@click.argument("series", nargs=-1)
@click.option("--since", metavar="DAY", help="The first day wanted.")
@click.option("--until", metavar="DAY", help="The last day wanted.")
@click.option("--vintages", type=click.Choice(["all", "latest"]), default="latest", show_default=True, help="Which vintages.")
@click.option("--replay", type=click.Path(path_type=Path), metavar="DIR", help="Recorded answers instead of the network.")
@click.option(
    "--stream",
    metavar="NAME",
    help="A stream of SOURCE from where it stands, like claims or fred/claims (crfs jobs schedule --all lists them).",
)
@click.option("--backfill", is_flag=True, help="With --stream: its whole history, in slices; one that was interrupted goes on.")
@click.option("--queue", is_flag=True, help="With --backfill: leave it to a worker, which does it after everything else (crfs jobs show).")
@click.option(
    "--reparse", is_flag=True, help="Read all landed answers of the source again: after its parser, or a release rule, was mended."
)
@click.option("--dataset", help="csv: the dataset that the file has rows of.")
@click.option("--file", type=click.Path(path_type=Path), help="csv: the file.")
@click.option("--seed", type=int, help="bureau: the seed of the simulation (1).")
@click.option("--obligors", type=int, help="bureau: how many obligors.")
@click.option("--first-month", metavar="DAY", help="bureau: the first day of the first month (2004-10-01).")
@click.option("--months", type=int, help="bureau: how many months (60).")
@pass_door
def ingest(
    door: Door,
    source: str,
    series: tuple[str, ...],
    dataset: str | None,
    stream: str | None,
    *,
    backfill: bool,
    queue: bool,
    reparse: bool,
    **options: Any,
) -> ExitCode:
    """Bring SERIES of SOURCE into the store; the same bytes again add nothing.

    Exit code 4 says that some rows were rejected, or some answers contradict the store, while the others were stored.
    """
    from crfs.workflows.collection import collect, collect_again, collect_history, collect_stream, is_partial, queue_history
    from crfs.workflows.streams import stream_key

    _check_together(click.get_current_context())
    with door.session() as session:
        if queue:
            job = queue_history(session, stream_key(source, str(stream)))
            who = "it is under way" if job["state"] == "running" else "a worker does it"
            door.lines(job, f"job {job['job_id']}: {job['state']}; {who}, and crfs jobs show {job['job_id']} says how far it is")
            return ExitCode.DONE
        with door.progress() as progress:
            if backfill:
                history = collect_history(session, stream_key(source, str(stream)), progress=progress)
                return _history(door, history)
            if stream is not None:
                report = collect_stream(session, stream_key(source, stream), progress=progress)
            elif reparse:
                report = collect_again(session, source, progress=progress)
            else:
                report = collect(session, source, (*series, *([dataset] if dataset else [])), progress=progress, **options)
        door.lines(report.to_dict(), *report_lines(report))
    return ExitCode.DONE_IN_PART if is_partial(report) else ExitCode.DONE


_GOES_WITH: dict[str, tuple[str, ...]] = {
    "stream": ("backfill", "queue"),
    "backfill": ("stream", "queue"),
    "queue": ("stream", "backfill"),
    "reparse": (),
}
"""What may be given beside these, which say all by themselves what is asked; the other options go together, as each source takes them."""
_NEEDS = {"backfill": "stream", "queue": "backfill"}


def _check_together(context: click.Context) -> None:
    """Refuse what would be left out silently, such as --replay beside --stream: the provider would be asked after all."""
    from click.core import ParameterSource

    names = {item.name: item.opts[0] if isinstance(item, click.Option) else "SERIES" for item in context.command.params}
    own = [name for name in context.params if name != "source"]  # not those of every command, such as --json
    given = [name for name in own if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    for name, needed in _NEEDS.items():
        if name in given and needed not in given:
            raise click.UsageError(f"{names[name]} goes with {names[needed]}, which says of what")
    for name, others in _GOES_WITH.items():
        amiss = [names[other] for other in given if name in given and other != name and other not in others]
        if amiss:
            says = "reads what has landed already" if name == "reparse" else "asks what the catalogue says, from where the stream stands"
            raise click.UsageError(f"{names[name]} {says}: it does not go with {', '.join(amiss)}")


def _history(door: Door, history: dict[str, Any]) -> ExitCode:
    door.lines(
        history,
        f"{history['stream']}: {history['done']} slices done now, {history['failed']} failed, of {history['slices']}; {history['appended']:,} rows appended",
    )
    return ExitCode.DONE_IN_PART if history["failed"] else ExitCode.DONE


def report_lines(report: IngestReport) -> list[str]:
    """What an ingest did, for people."""
    from crfs.apps.cli.problems import SHOWN

    lines = [f"{report.source}: {report.payloads:,} payloads, {len(report.batches):,} batches"]
    for dataset in sorted(report.appended.keys() | report.unchanged.keys()):
        lines.append(f"  {dataset}: {report.appended.get(dataset, 0):,} rows appended, {report.unchanged.get(dataset, 0):,} unchanged")
    lines += [f"  note: {note}" for note in report.notes]
    lines += [f"  not stored: {item['stream']}: {item['detail']}" for item in report.conflicts]
    if report.rejected_rows:
        lines.append(f"  rejected rows: {report.rejected_rows:,}")
        for item in report.rejected[:SHOWN]:
            lines.append(f"    {item['stream']}, row {item['row']}, column {item['column']}: {item['reason']}: {item['detail']}")
        if report.rejected_rows > SHOWN:
            lines.append(f"    … and {report.rejected_rows - SHOWN:,} more")
    return lines
