"""``crfs features``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import group

if TYPE_CHECKING:
    from rich.console import Console


@group("features")
def features() -> None:
    """Training sets that do not see the future, the check that they do not, and documents as numbers."""


@features.command("build")
@click.argument("specification", metavar="SPEC", type=click.Path(path_type=Path))
@click.option("--spine", type=click.Path(path_type=Path), required=True, help="CSV or Parquet with observed_at and the entities' columns.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The .csv or .parquet to write; its manifest is put beside it.")
@click.option("--as-of", metavar="TIME", help="A cap on what is known: each row is answered at its own time, and not after this.")
@click.option("--vintage", metavar="TIME", help="One vintage for all rows; the manifest says that it sees the future.")
@click.option("--recorded-as-of", metavar="TIME", help="As this store had it then.")
@click.option("--not-strict", is_flag=True, help="Accept knowledge times that rest on an assumed lag.")
@pass_door
def build(
    door: Door,
    specification: Path,
    spine: Path,
    out: Path,
    not_strict: bool,
    **clocks: str | None,
) -> None:
    """Join the factors of a TOML SPEC to every row of a spine, as they were known at the row's own time."""
    from crfs.workflows.training_files import build_from_file

    with door.session() as session, door.progress() as progress:
        manifest = build_from_file(session, specification, spine, out, strict=not not_strict, progress=progress, **clocks)
    sees = " (one vintage for all rows: it sees the future of older ones)" if manifest["sees_the_future"] else ""
    door.lines(
        manifest,
        f"{out}: {manifest['rows']:,} rows, {len(manifest['columns'])} columns{sees}",
        f"run {manifest['run_id']}  content sha256={manifest['content_sha256']}",
        f"again: crfs replay {manifest['run_id']}",
    )


@features.command("leakcheck")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--manifest", type=click.Path(path_type=Path), help="What the table was made of (else FILE.manifest.json, if it is there).")
@pass_door
def leakcheck(door: Door, file: Path, manifest: Path | None) -> ExitCode:
    """Whether every value of a training set was known at its row's own time.

    Exit code 2 says that some were not, or that one vintage was taken for all rows.
    """
    from crfs.apps.cli.screen import table
    from crfs.workflows.leakcheck import leakcheck as check

    with door.session() as session:
        document = check(session, file, manifest=manifest)

    def show(screen: Console) -> None:
        screen.print(f"{document['rows']:,} rows, {len(document['factors'])} factors, {document['wrong_cells']:,} wrong cells")
        if document["sees_the_future"]:
            screen.print("One vintage was taken for all rows: it sees the future of older ones.")
        if document["findings"]:
            screen.print(table(document["findings"], list(document["findings"][0])))
        screen.print("CLEAN" if document["clean"] else "LEAKS")

    door.answer(document, show)
    return ExitCode.DONE if document["clean"] else ExitCode.VERIFICATION_FAILED


@features.command("documents")
@click.option("--scorer", default="finance", show_default=True, help="finance, vader or transformer.")
@click.option("--weights", type=click.Path(path_type=Path), help="Of a transformer: the folder of model.onnx, vocab.txt and config.json.")
@pass_door
def documents(door: Door, scorer: str, weights: Path | None) -> None:
    """Derive the numbers of every stored document anew: sentiment, tone, policy stance, counts of rules.

    An ingest derives those of what it brings; this is for another scorer, and for a new version of crfs whose lexicon, formulae or linking of
    names differ. The same again adds nothing.
    """
    from crfs.workflows.documents import rederive_documents, scorer_called

    chosen = scorer_called(scorer, weights)
    with door.session() as session, door.progress() as progress:
        report = rederive_documents(session, scorer=chosen, progress=progress)
    rows = ", ".join(f"{count:,} of {name}" for name, count in report.appended.items() if count) or "nothing new"
    door.lines(report.to_dict(), f"{report.documents:,} documents, scored by {chosen.name} {chosen.version}: {rows}")
