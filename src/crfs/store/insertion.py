"""Rows into the relation of their dataset, and what a batch says of them into its books."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import sqlalchemy as sa

from crfs.bitemporal.rows import INSTANT
from crfs.credit.definitions import DatasetDefinition, Scope
from crfs.store.publication import Publication
from crfs.store.relations import content_of, relation
from crfs.store.staging import copy_into

FIXED = ("entity_id", "valid_time", "knowledge_time", "row_state", "knowledge_basis", "vintage_date")
"""The columns of every relation that are told of a row by its source."""


def insert_rows(batch: Publication, definition: DatasetDefinition, rows: pl.DataFrame) -> None:
    """Rows (:data:`FIXED` and the value columns, in the relation's types) into the relation, as the batch's."""
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


def enter_into_books(batch: Publication, definition: DatasetDefinition, *, fetched_at: datetime | None) -> None:
    """How many rows of the dataset the batch has, their content and spans, and when the answer was fetched that they come from."""
    names = [column.name for column in definition.columns]
    batch.connection.execute(
        sa.text(
            "INSERT INTO crfs.batch_dataset (batch_id, dataset, row_count, columns, content, first_valid_time, last_valid_time, "
            "first_knowledge_time, last_knowledge_time, fetched_at, exact) "
            f"SELECT :batch_id, :dataset, count(*), :columns, {content_of(names, 'd', exact=True)}, min(d.valid_time), max(d.valid_time), "
            "min(d.knowledge_time), max(d.knowledge_time), CAST(:fetched_at AS timestamptz), true "
            f"FROM {relation(definition.name)} AS d WHERE d.batch_id = :batch_id"
        ),
        {"batch_id": batch.batch_id, "dataset": definition.name, "columns": names, "fetched_at": fetched_at},
    )
