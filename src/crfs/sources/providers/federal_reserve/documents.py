"""Texts of monetary policy → a row a document, and for statements a row of the numbers that they say."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload
from crfs.sources.core.tables import accept, reject_all, rejected_table
from crfs.sources.core.text import day_instant
from crfs.sources.providers.federal_reserve.administered import read_implementation
from crfs.sources.providers.federal_reserve.decisions import read_decision
from crfs.sources.providers.federal_reserve.release_times import at, minutes_time, statement_time
from crfs.sources.providers.federal_reserve.texts import ANNOUNCEMENT, CONFERENCE, MINUTES, NOTE, STATEMENT, PolicyText, read_text

DOCUMENTS, STATEMENTS, IMPLEMENTATION = "policy_document", "fomc_statement", "fomc_implementation"
TARGET, NO_TARGET = "fomc", "fomc/announcement"
"""The entities of statements: those that say a target for the federal funds rate, and those that do not."""


def parse(payload: Payload, catalogue: Catalogue) -> Parsed:
    """The rows of one text."""
    document = read_text(payload)
    if not isinstance(document, PolicyText):
        return reject_all(*document)
    known, basis, day = knowledge(document, payload.fetched_at)
    base = pl.DataFrame(
        {"row": [1], "day": [document.day], "knowledge_time": [known], "knowledge_basis": [basis], "vintage_date": [day]},
        schema_overrides={"vintage_date": pl.Date()},
    ).with_columns(valid_time=day_instant("day"), clipped=pl.lit(False))
    said_day = document.day if document.kind not in (MINUTES, CONFERENCE) else None
    decision = read_decision(document.text, document.day) if document.kind == STATEMENT else None
    kind = ANNOUNCEMENT if decision is not None and not decision.is_said else document.kind
    text = base.with_columns(
        entity=pl.lit(f"{kind}/{document.day}"),
        kind=pl.lit(kind),
        title=pl.lit(document.title, dtype=pl.String()),
        published=pl.lit(said_day, dtype=pl.Date()),
        words=pl.lit(document.words),
        text=pl.lit(document.text),
    )
    frames = {DOCUMENTS: text}
    if decision is not None:
        entity = TARGET if decision.target_upper is not None else NO_TARGET
        dataset = catalogue.dataset(STATEMENTS)
        frames[STATEMENTS] = base.with_columns(
            *(pl.lit(value, dtype=dataset.column(name).type.polars).alias(name) for name, value in asdict(decision).items()),
            entity=pl.lit(entity),
            title=pl.lit(document.title, dtype=pl.String()),
            published=pl.lit(document.day),
            words=pl.lit(document.words),
        )
    said = asdict(read_implementation(document.text, document.day)) if document.kind == NOTE else {}
    if any(value is not None for value in said.values()):
        rates = {name: pl.lit(value, dtype=pl.Float64()) for name, value in said.items()}
        frames[IMPLEMENTATION] = base.with_columns(entity=pl.lit(TARGET), published=pl.lit(document.day), **rates)
    tables, rejected = {}, [rejected_table(document.rejected)]
    for name, frame in frames.items():
        accepted, refused = accept(frame, catalogue.dataset(name), catalogue, fetched_at=payload.fetched_at)
        rejected.append(refused)
        if accepted.height:
            tables[name] = accepted
    return Parsed(tables=tables, rejected=pl.concat(rejected).sort("row", maintain_order=True))


def knowledge(document: PolicyText, fetched_at: datetime) -> tuple[datetime, str, date | None]:
    """From when the text was known, what that rests on, and the vintage's date where only the day is known.

    The hour that a page says is observed; else the declared times of :mod:`~crfs.sources.providers.federal_reserve.release_times`. A fetch
    before that time is the better witness.
    """
    vintage: date | None = None
    if document.hour is not None:
        known, basis = at(document.day, document.hour), "observed"
    elif document.kind == MINUTES:
        known, basis = minutes_time(document.day)
    elif document.kind == CONFERENCE:
        known, basis, vintage = at(document.day, None), "calendar", document.day
    else:
        known, basis = statement_time(document.day), "calendar"
    return (known, basis, vintage) if known <= fetched_at else (fetched_at, "observed", None)
