"""``crfs models``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import group

if TYPE_CHECKING:
    from rich.console import Console


@group("models")
def models() -> None:
    """Models: train, list, show, promote, score."""


@models.command("train")
@click.argument("kind")
@click.option("--spec", "specification", type=click.Path(path_type=Path), metavar="FILE", help="TOML; pd, lgd and ead ship with crfs.")
@click.option("--label", help="A name for the run.")
@click.option("--recorded-as-of", metavar="TIME", help="On the store as it was then.")
@pass_door
def train(door: Door, kind: str, specification: Path | None, label: str | None, recorded_as_of: str | None) -> None:
    """Fit, validate and register a model of KIND: it is the next version, and nobody's champion yet."""
    from crfs.workflows.models import model_card_text, model_specification, train_model

    content = model_specification(kind, specification)
    with door.session() as session, door.progress() as progress:
        document = train_model(session, content, label=label, recorded_as_of=recorded_as_of, progress=progress)
    door.lines(
        document,
        *_head(document),
        model_card_text(document),
        f"champion: crfs models promote {document['model']} {document['version']} --reason …",
    )


@models.command("list")
@pass_door
def list_(door: Door) -> None:
    """Every version of every model."""
    from crfs.workflows.models import list_models

    with door.session() as session:
        found = list_models(session)
    door.table(found, ["model", "version", "kind", "role", "run_id", "actor"], empty="No model was trained yet: crfs models train pd")


@models.command("show")
@click.argument("model")
@click.option("--version", type=int, help="Which one; the champion, else the newest.")
@pass_door
def show(door: Door, model: str, version: int | None) -> None:
    """A model's version: what it is, what made it, how good it is."""
    document = _shown(door, model, version)
    from crfs.workflows.models import model_card_text

    door.lines(document, *_head(document), model_card_text(document))


@models.command("card")
@click.argument("model")
@click.option("--version", type=int, help="Which one; the champion, else the newest.")
@pass_door
def card(door: Door, model: str, version: int | None) -> None:
    """A model's card: purpose, limits, fit and validation."""
    from crfs.workflows.models import model_card_text

    document = _shown(door, model, version)
    door.lines(document["card"], model_card_text(document))


@models.command("promote")
@click.argument("model")
@click.argument("version", type=int)
@click.option("--reason", required=True, help="Why; it is kept.")
@pass_door
def promote(door: Door, model: str, version: int, reason: str) -> None:
    """Make VERSION the champion of MODEL."""
    from crfs.workflows.models import promote_model

    with door.session() as session:
        document = promote_model(session, model, version, reason=reason)
    door.lines(document, f"{model} version {version} is the champion.")


@models.command("score")
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--version", type=int, help="Which one; the champion, if not given.")
@click.option("--at", metavar="TIME", help="With what was known then. Now, if not given.")
@pass_door
def score(door: Door, model: str, file: Path, version: int | None, at: str | None) -> ExitCode:
    """Score the obligors or facilities of FILE. Exit code 4 says that the store does not know some of them."""
    from crfs.apps.cli.screen import table
    from crfs.workflows.models import score_file

    with door.session() as session:
        document = score_file(session, model, file, version=version, at=at)
    scores: list[dict[str, Any]] = document["scores"]

    def render(screen: Console) -> None:
        if scores:
            screen.print(table(scores, list(scores[0])))

    door.answer(document, render)
    if document["unknown"]:
        door.note(f"{len(document['unknown']):,} unknown at {document['at']}: {', '.join(document['unknown'][:20])}")
    return ExitCode.DONE_IN_PART if document["unknown"] else ExitCode.DONE


def _shown(door: Door, model: str, version: int | None) -> dict[str, Any]:
    from crfs.workflows.models import show_model

    with door.session() as session:
        return show_model(session, model, version=version)


def _head(document: dict[str, Any]) -> list[str]:
    role = f", {document['role']}" if document["role"] else ""
    return [
        f"{document['model']} version {document['version']} ({document['kind']}{role})",
        f"run {document['run_id']}  sha256={document['artefact_sha256']}  again: crfs replay {document['run_id']}",
    ]
