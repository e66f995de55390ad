"""Small datasets and deliveries for the store's tests."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from crfs.bitemporal import Tenor
from crfs.credit.definitions import ColumnDefinition, ColumnType, DatasetDefinition, Scope
from crfs.store.append import Delivery, Receipt, append
from crfs.store.database import Database
from crfs.store.payloads import FetchNote, land
from crfs.store.publication import BatchKind, BatchNote, Fence

_NUMBERS = itertools.count(1)
NOW = datetime(2024, 1, 1, tzinfo=UTC)
SOURCE = "test"
"""The source of the deliveries."""


def day(number: int) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number)


def dataset(
    *, scope: Scope = Scope.PUBLIC, name: str | None = None, columns: Sequence[tuple[str, ColumnType]] = (("value", ColumnType.FLOAT8),)
) -> DatasetDefinition:
    """A dataset with a name of its own, so that tests can share a database."""
    name = name or f"dataset_{next(_NUMBERS)}"
    return DatasetDefinition(
        name=name,
        title="For a test",
        source="test",
        entity_kind=f"kind_of_{name}",
        period=Tenor(),
        zone="UTC",
        scope=scope,
        columns=tuple(ColumnDefinition(name=column, title="", type=kind) for column, kind in columns),
    )


def rows(
    values: Sequence[float | None] | Any,
    *,
    entity: str = "x",
    valid: int | Sequence[int] = 0,
    known: int | Sequence[int] = 10,
    state: str = "value",
    **more: Any,
) -> pl.DataFrame:
    count = len(values)
    of = [valid] * count if isinstance(valid, int) else list(valid)
    from_ = [known] * count if isinstance(known, int) else list(known)
    return pl.DataFrame(
        {
            "entity": [entity] * count,
            "valid_time": [day(number) for number in of],
            "knowledge_time": [day(number) for number in from_],
            "row_state": [state] * count,
            "knowledge_basis": ["observed"] * count,
            "value": values,
            **more,
        },
        schema_overrides={"valid_time": pl.Datetime("us", "UTC"), "knowledge_time": pl.Datetime("us", "UTC")}
        | ({"value": pl.Float64()} if all(value is None for value in values) else {}),
    )


def write(
    database: Database,
    definition: DatasetDefinition,
    table: pl.DataFrame,
    kind: BatchKind = BatchKind.INGEST,
    *,
    at: datetime = NOW,
    reason: str | None = None,
    fence: Fence | None = None,
    payloads: Sequence[str] = (),
) -> Receipt:
    note = BatchNote(
        kind=kind, at=at, reason=reason or ("a test" if kind.needs_reason else None), fence=fence, payloads=payloads, source=SOURCE
    )
    return append(database, [Delivery(definition=definition, rows=table)], note)


def brought(database: Database, fetched: datetime) -> str:
    """A payload that was landed then."""
    note = FetchNote(
        source="test", stream="x", url="https://example.org", status=200, headers={}, classification="OK", parser_version="1",
        started_at=fetched, fetched_at=fetched,
    )  # fmt: skip
    return land(database, str(next(_NUMBERS)).encode(), note)


def stored(database: Database, definition: DatasetDefinition, *, columns: str = "value") -> list[tuple[Any, ...]]:
    """What lies in the relation, in the order of batches."""
    with database.reading() as connection:
        found = connection.exec_driver_sql(f'SELECT {columns} FROM data."{definition.name}" ORDER BY batch_id, valid_time, knowledge_time')
        return [tuple(row) for row in found]


def sightings(database: Database, definition: DatasetDefinition) -> int:
    """How many notes there are that an answer showed a period again."""
    with database.reading() as connection:
        count: int = connection.exec_driver_sql(f"SELECT count(*) FROM crfs.sighting WHERE dataset = '{definition.name}'").scalar_one()
        return count
