"""What a source makes of saved bytes, as the JSON of ``crfs sources parse``."""

from __future__ import annotations

from typing import Any

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Classification, Parsed, Payload, Source, classified
from crfs.sources.core.tables import ACCEPTED

_READ = {Classification.OK, Classification.SCHEMA}


def parse_to_json(source: Source, payload: Payload, catalogue: Catalogue) -> dict[str, Any]:
    """Classification, accepted and rejected rows of one payload; instants are ISO 8601 in UTC, values as JSON, absent ones null.

    An answer that is an error, or empty, is classified and not parsed; one of an unknown shape is parsed to say why it is rejected.
    """
    classification = classified(source, payload)
    if classification not in _READ:
        return {"classification": classification.value, "accepted": [], "rejected": []}
    return parsed_to_json(classification, source.parse(payload, catalogue))


def parsed_to_json(classification: Classification, parsed: Parsed) -> dict[str, Any]:
    """The same of a payload that has been read."""
    document: dict[str, Any] = {"classification": classification.value, "accepted": [], "rejected": []}
    for dataset, table in parsed.tables.items():
        document["accepted"] += _accepted(dataset, table)
    document["rejected"] = parsed.rejected.with_columns(pl.col("reason").cast(pl.String)).to_dicts()
    return document


def _accepted(dataset: str, table: pl.DataFrame) -> list[dict[str, Any]]:
    values = [name for name in table.columns if name not in ACCEPTED]
    text = table.with_columns(
        pl.col("valid_time", "knowledge_time").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"),
        pl.col("knowledge_basis").cast(pl.String),
        *(pl.col(name).dt.strftime("%Y-%m-%d") for name in values if table.schema[name] == pl.Date()),
    )
    clocks = text.select("entity", "valid_time", "knowledge_time", "knowledge_basis").to_dicts()
    return [{"dataset": dataset, **row, "values": cells} for row, cells in zip(clocks, text.select(values).to_dicts(), strict=True)]
