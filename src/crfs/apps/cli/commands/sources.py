"""``crfs sources``."""

from __future__ import annotations

from pathlib import Path

import click

from crfs.apps.cli.door import Door, pass_door, write_json
from crfs.apps.cli.lazily import group


@group("sources")
def sources() -> None:
    """Providers: list them, parse saved answers."""


@sources.command("list")
@pass_door
def list_(door: Door) -> None:
    """Every source, the datasets it fills, and whether a key is set."""
    from crfs.workflows.source_catalogue import list_sources

    door.table(list_sources(), ["source", "datasets", "takes_key", "key_set", "hosts"], empty="There are no sources.")


@sources.command("parse")
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--meta", type=click.Path(path_type=Path), help="The url, status and headers of the answer (else FILE's .meta.json, if it lies beside)."
)
def parse(source: str, file: Path, meta: Path | None) -> None:
    """Classify and parse saved bytes of SOURCE, and touch nothing. The answer is JSON, with and without --json."""
    from crfs.workflows.source_catalogue import parse_saved

    write_json(parse_saved(source, file, meta))
