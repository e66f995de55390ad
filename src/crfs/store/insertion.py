"""Rows into the relation of their dataset, and what a batch says of them into its books."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from crfs.bitemporal.rows import INSTANT
from crfs.credit.definitions import DatasetDefinition, Scope
from crfs.store.contents import FEW, Content, content_of_rows
from crfs.store.publication import Publication
from crfs.store.relations import content_of, relation
from crfs.store.staging import copy_into

FIXED = ("entity_id", "valid_time", "knowledge_time", "row_state", "knowledge_basis", "vintage_date")
"""The columns of every relation that are told of a row by its source."""
_TIMES = ("valid_time", "knowledge_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserted:
    """All rows of a dataset that a batch has, as they were sent, and their content."""

    rows: pl.DataFrame
    content: Content


def insert_rows(batch: Publication, definition: DatasetDefinition, rows: pl.DataFrame) -> Inserted | None:
    """Rows (:data:`FIXED` and the value columns, in the relation's types) into the relation, as the batch's.

    While the server stores them their content is found; None where it is the server's to find.
    """
    if rows.height < FEW:
        _insert(batch, definition, rows)
        return None
    with ThreadPoolExecutor(1) as pool:
        content = pool.submit(content_of_rows, rows, [*FIXED, *(column.name for column in definition.columns)])
        _insert(batch, definition, rows)
        found = content.result()
    return None if found is None else Inserted(rows=rows, content=found)


def _insert(batch: Publication, definition: DatasetDefinition, rows: pl.DataFrame) -> None:
    connection, data = batch.connection, relation(definition.name)
    stamped = rows.with_columns(batch_id=pl.lit(batch.batch_id, dtype=pl.Int64), recorded_at=pl.lit(batch.recorded_at, dtype=INSTANT))
    if definition.scope is Scope.TENANT:
        # COPY knows no row-level security, so it is the owner's to do. The tenant is the column's default, that of the session:
        # rows of another one cannot be written this way either.
        connection.exec_driver_sql("SET LOCAL ROLE crfs_owner")
        copy_into(connection, data, stamped)
        connection.exec_driver_sql("SET LOCAL ROLE crfs_app")
    else:
        copy_into(connection, data, stamped)


def insert_staged(batch: Publication, definition: DatasetDefinition, table: str) -> None:
    """Staged rows into the relation, as the batch's."""
    fixed, columns = ", ".join(FIXED), ", ".join(f'"{column.name}"' for column in definition.columns)
    batch.connection.execute(
        sa.text(
            f"INSERT INTO {relation(definition.name)} ({fixed}, batch_id, recorded_at, {columns}) "
            f"SELECT {fixed}, :batch_id, :recorded_at, {columns} FROM {table}"
        ),
        {"batch_id": batch.batch_id, "recorded_at": batch.recorded_at},
    )


def enter_into_books(
    batch: Publication, definition: DatasetDefinition, *, fetched_at: datetime | None, inserted: Inserted | None = None
) -> None:
    """How many rows of the dataset the batch has, their content and spans, and when the answer was fetched that they come from.

    The server looks at all of them, unless they are told as ``inserted``: then it looks at the first, and where it finds of it what was found
    of it here, so are the others what was sent.
    """
    names = [column.name for column in definition.columns]
    values = {"batch_id": batch.batch_id, "dataset": definition.name, "columns": names, "fetched_at": fetched_at}
    content = content_of(names, "d", exact=True)
    stored = f"FROM {relation(definition.name)} AS d WHERE d.batch_id = :batch_id"
    told = f"SELECT count(*), {content}, min(d.valid_time), max(d.valid_time), min(d.knowledge_time), max(d.knowledge_time) {stored}"
    if inserted is not None:
        values |= _told(inserted)
        first = f"SELECT {content} {stored} AND (d.entity_id, d.valid_time, d.knowledge_time) = (:entity_id, :valid_time, :knowledge_time)"
        told = (
            f"SELECT :rows, CASE WHEN ({first}) = :first THEN CAST(:total AS numeric) ELSE (SELECT {content} {stored}) END, "
            ":first_valid_time, :last_valid_time, :first_knowledge_time, :last_knowledge_time"
        )
    batch.connection.execute(
        sa.text(
            "INSERT INTO crfs.batch_dataset (batch_id, dataset, row_count, content, first_valid_time, last_valid_time, "
            "first_knowledge_time, last_knowledge_time, columns, fetched_at, exact) "
            f"SELECT :batch_id, :dataset, t.*, :columns, CAST(:fetched_at AS timestamptz), true FROM ({told}) AS t"
        ),
        values,
    )


def _told(inserted: Inserted) -> dict[str, Any]:
    rows = inserted.rows
    spans = rows.select(
        *(end.name.prefix(prefix) for prefix, end in (("first_", pl.col(*_TIMES).min()), ("last_", pl.col(*_TIMES).max()))),
    ).row(0, named=True)
    first = rows.row(0, named=True)
    key = {name: first[name] for name in ("entity_id", *_TIMES)}
    return {**spans, **key, "rows": rows.height, "total": inserted.content.total, "first": inserted.content.first}
