"""``crfs factors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from crfs.apps.cli.door import Door, is_terminal, pass_door, write_bytes
from crfs.apps.cli.lazily import group

if TYPE_CHECKING:
    from datetime import datetime

    from crfs.workflows.factors import FactorHistory, FactorVintages
    from crfs.workflows.session import Session


@group("factors")
def factors() -> None:
    """Find factors; their values as known at any time; their vintages."""


@factors.command("list")
@click.option("--category", help="Only factors of this category.")
@click.option("--search", metavar="WORDS", help="Only factors whose description has all of these words.")
@pass_door
def list_(door: Door, category: str | None, search: str | None) -> None:
    """Factors in force."""
    from crfs.workflows.factors import list_factors

    with door.session() as session:
        found = list_factors(session, category=category, search=search)
    door.table(found, ["mnemonic", "title", "category", "unit", "period", "dataset"], empty="No factor has all of these words.")


@factors.command("show")
@click.argument("mnemonic")
@pass_door
def show(door: Door, mnemonic: str) -> None:
    """What a factor means, where it comes from, and what the store has of it."""
    from crfs.apps.cli.screen import cell
    from crfs.workflows.factors import show_factor

    with door.session() as session:
        document = show_factor(session, mnemonic)
    shown = {**document, "stale": _mark(document["stale"]) if document["stale"] else "no"}
    lines = [f"{name:20} {cell(value)}" for name, value in shown.items() if not isinstance(value, dict)]
    for part in ("dataset_definition", "stored"):
        lines += ["", *(f"{name:20} {cell(value)}" for name, value in document[part].items())]
    door.lines(document, *lines)


@factors.command("get")
@click.argument("mnemonic")
@click.option("--entity", help="Whose value, where the factor is not of one fixed entity.")
@click.option("--start", metavar="DAY", help="The first valid day.")
@click.option("--end", metavar="DAY", help="The last valid day.")
@click.option("--as-of", metavar="TIME", help="As known then; a day means its end in the publisher's zone. Now, if not given.")
@click.option("--recorded-as-of", metavar="TIME", help="As this store had it then.")
@click.option(
    "--format", "file_format", type=click.Choice(["table", "csv", "json", "arrow", "parquet"]), default="table", show_default=True
)
@pass_door
def get(door: Door, mnemonic: str, file_format: str, **question: str | None) -> None:
    """A factor's history as known at a time, each value with since when it is known.

    Values that their provider's terms keep in the store come only as a table.
    """
    from crfs.apps.cli.screen import cell, table
    from crfs.workflows.factors import factor_history
    from crfs.workflows.formats import BINARY, encoded
    from crfs.workflows.rights import require_export

    if file_format in BINARY and not door.json and is_terminal():
        raise click.UsageError(f"{file_format} is not for a terminal; send the output to a file")
    with door.session() as session:
        if door.json or file_format != "table":
            require_export(session, mnemonic, recorded_as_of=question["recorded_as_of"])
        history = factor_history(session, mnemonic, **question)
        empty = _why_empty(session, history, recorded_as_of=question["recorded_as_of"]) if history.table.is_empty() else None
    if door.json or file_format in {"table", "json"}:
        door.json = door.json or file_format == "json"
        note = f"{history.entity}, {history.unit}, as of {cell(history.as_of)}, recorded as of {cell(history.recorded_as_of)} (batch {history.batch_id})"
        door.note(f"{history.mnemonic}: {history.title}\n{note}")
        if history.stale is not None:
            door.note(f"These values are {history.stale.sentence}")
        door.answer(history.to_dict(), lambda screen: screen.print(table(history.table.to_dicts(), history.table.columns)))
    else:
        write_bytes(encoded(history.table, file_format))
    if empty is not None:
        door.note(empty)


def _mark(stale: dict[str, Any]) -> str:
    from crfs.workflows.staleness import Stale

    return Stale(**stale).sentence


def _why_empty(session: Session, history: FactorHistory, *, recorded_as_of: str | None) -> str:
    """Why a question has no value for an answer, and what to ask instead."""
    from crfs.apps.cli.screen import cell
    from crfs.workflows.factors import factor_vintages

    known = factor_vintages(session, history.mnemonic, entity=history.entity, recorded_as_of=recorded_as_of).table
    if known.is_empty():
        return _nothing_of(session, history)
    first: datetime = known["knowledge_time"][0]
    if first > history.as_of:
        return f"Nothing was known of {history.mnemonic} of {history.entity} then; it was first known {cell(first)}."
    return "What was known then has no value in this window."


def _nothing_of(session: Session, answer: FactorHistory | FactorVintages) -> str:
    """That the state of the store that was asked has nothing of a factor, and what changes that."""
    from crfs.workflows.factors import how_it_comes

    return f"The store has no value of {answer.mnemonic} of {answer.entity}: {how_it_comes(session, answer.mnemonic, batch_id=answer.batch_id)}."


@factors.command("vintages")
@click.argument("mnemonic")
@click.option("--entity", help="Whose value, where the factor is not of one fixed entity.")
@click.option("--recorded-as-of", metavar="TIME", help="As this store had it then.")
@pass_door
def vintages(door: Door, mnemonic: str, entity: str | None, recorded_as_of: str | None) -> None:
    """When a factor became known, and how many values came or changed each time."""
    from crfs.apps.cli.screen import table
    from crfs.workflows.factors import factor_vintages

    with door.session() as session:
        found = factor_vintages(session, mnemonic, entity=entity, recorded_as_of=recorded_as_of)
        empty = _nothing_of(session, found) if found.table.is_empty() else None
    door.answer(found.to_dict(), lambda screen: screen.print(table(found.table.to_dicts(), found.table.columns)))
    if empty is not None:
        door.note(empty)
