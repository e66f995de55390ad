"""``crfs datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crfs.apps.cli.commands.ingest import report_lines
from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import group

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from crfs.workflows.amendments import AmendmentReport


@group("datasets")
def datasets() -> None:
    """Datasets: define, append, correct, annul, list, show, export."""


@datasets.command("define")
@click.argument("file", type=click.Path(path_type=Path))
@pass_door
def define(door: Door, file: Path) -> None:
    """Put the datasets and factors of a TOML FILE in force."""
    from crfs.workflows.datasets import define_datasets

    with door.session() as session:
        document = define_datasets(session, file)
    batch = document["batch_id"]
    what = f"{len(document['datasets'])} datasets, {len(document['factors'])} factors"
    door.lines(document, f"{what}: " + ("nothing new" if batch is None else f"in force from batch {batch}"))


@datasets.command("append")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@pass_door
def append(door: Door, name: str, file: Path) -> ExitCode:
    """Append the rows of a CSV FILE: entity, valid_time, perhaps knowledge_time, and every value column.

    Exit code 4 says that some rows were rejected while the others were stored.
    """
    from crfs.workflows.collection import collect, is_partial

    with door.session() as session, door.progress() as progress:
        report = collect(session, "csv", (name,), file=file, progress=progress)
    door.lines(report.to_dict(), *report_lines(report))
    return ExitCode.DONE_IN_PART if is_partial(report) else ExitCode.DONE


@datasets.command("correct")
@click.argument("name", metavar="DATASET")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--reason", required=True, help="Why the rows were wrong; kept with them.")
@pass_door
def correct(door: Door, name: str, file: Path, reason: str) -> None:
    """Give rows of DATASET other values, by a CSV FILE: entity, valid_time, knowledge_time, and every value column.

    All of its rows are taken, or none. What was answered before stays, to be asked for with --recorded-as-of.
    """
    from crfs.workflows.amendments import correct as correct_rows

    _amend(door, correct_rows, name, file, reason=reason, what="corrected")


@datasets.command("annul")
@click.argument("name", metavar="DATASET")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--reason", required=True, help="Why the rows never were; kept with them.")
@pass_door
def annul(door: Door, name: str, file: Path, reason: str) -> None:
    """Say that rows of DATASET never were, by a CSV FILE: entity, valid_time and knowledge_time.

    All of its rows are taken, or none. What was answered before stays, to be asked for with --recorded-as-of.
    """
    from crfs.workflows.amendments import annul as annul_rows

    _amend(door, annul_rows, name, file, reason=reason, what="annulled")


def _amend(door: Door, amend: Callable[..., AmendmentReport], name: str, file: Path, *, reason: str, what: str) -> None:
    with door.session() as session, door.progress() as progress:
        done = amend(session, name, file, reason=reason, progress=progress)
    batch = "nothing new" if done.batch_id is None else f"batch {done.batch_id}, by {done.actor}: {done.reason}"
    lines = [f"{done.dataset}: {done.amended:,} rows {what}, {done.unchanged:,} stood so already; {batch}"]
    lines += [f"  {dataset}: {count:,} rows derived anew" for dataset, count in sorted(done.derived.items()) if count]
    door.lines(done.to_dict(), *lines)


@datasets.command("list")
@pass_door
def list_(door: Door) -> None:
    """Datasets in force."""
    from crfs.workflows.datasets import list_datasets

    with door.session() as session:
        found = list_datasets(session)
    door.table(found, ["dataset", "title", "source", "entity_kind", "period", "columns", "factors"], empty="There are no datasets.")


@datasets.command("show")
@click.argument("name")
@pass_door
def show(door: Door, name: str) -> None:
    """A dataset's definition, and what the store has of it."""
    from crfs.apps.cli.screen import cell, table
    from crfs.workflows.datasets import show_dataset

    with door.session() as session:
        document = show_dataset(session, name)

    def render(screen: Console) -> None:
        for key, value in {**document, **document["stored"]}.items():
            if key not in ("columns", "stored"):
                screen.print(f"{key:20} {cell(value)}")
        screen.print()
        screen.print(table(document["columns"], ["name", "title", "type", "unit", "minimum", "maximum"]))

    door.answer(document, render)


@datasets.command("export")
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder to write into.")
@click.option("--recorded-as-of", metavar="TIME", help="As this store had it then.")
@pass_door
def export(door: Door, name: str, out: Path, recorded_as_of: str | None) -> None:
    """Write all rows of a dataset, every revision with its clocks and vintage date, as Parquet with a manifest."""
    from crfs.workflows.datasets import export_dataset

    with door.session() as session:
        document = export_dataset(session, name, out, recorded_as_of=recorded_as_of)
    lines = [f"{out / name}.parquet: {document['rows']:,} rows, sha256={document['sha256']}"]
    if "left_out" in document:
        lines.append(f"left out, since their rights forbid an export: {', '.join(document['left_out'])}")
    door.lines(document, *lines)
