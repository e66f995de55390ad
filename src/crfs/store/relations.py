"""The relation of a dataset: one generator from the definition to the table that holds its rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from crfs.credit.definitions import DatasetDefinition, Scope, digest
from crfs.errors import Conflict
from crfs.store.database import Database

_NO_VALUES = {
    "entity_id",
    "valid_time",
    "knowledge_time",
    "batch_id",
    "recorded_at",
    "row_state",
    "knowledge_basis",
    "vintage_date",
    "tenant_id",
}
"""Columns of a relation that are told of a row and are no values."""


def relation(dataset: str) -> str:
    """The qualified name of a dataset's relation; the definition has checked the name."""
    return f'data."{dataset}"'


def content_of(columns: Sequence[str], rows: str, *, exact: bool) -> str:
    """The SQL expression for the content of a batch's rows: a sum of their hashes, so that the order of rows does not matter.

    An ``exact`` one is of the bytes that they are sent as, and tells 0.0 and -0.0 apart; the batches of an older crfs have the other. ``rows``
    is the alias of the rows, ``columns`` are the value columns that the batch wrote; one that a definition gained later is in no older
    batch's content.
    """
    fixed = ("entity_id", "valid_time", "knowledge_time", "row_state", "knowledge_basis", "vintage_date")
    listed = ", ".join(f'{rows}."{name}"' for name in (*fixed, *columns))
    hashed = f"ROW(record_send(ROW({listed})))" if exact else f"ROW({listed})"
    return f"coalesce(sum(hash_record_extended({hashed}, 0)), 0)"


def ensure_relation(database: Database, definition: DatasetDefinition) -> None:
    """Make the relation of ``definition``, or add the columns that it lacks; columns are never dropped and never change their type.

    Its index is the key, ordered so that the newest row of an entity is found first; a small one finds the rows of a batch. Rows of a
    tenant's dataset carry the tenant, and row-level security holds on them.
    """
    if database.knows_relation(definition.name, digest(definition)):
        return
    with database.reading() as connection:
        lacking = _lacking(connection, definition)
    if lacking is None or lacking:
        with database.owning() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(%s))", (definition.name,))
            # Looked at again under the lock: another process may have made the relation from an older or a newer definition.
            for statement in _statements(definition, _lacking(connection, definition)):
                connection.exec_driver_sql(statement)
    database.remember_relation(definition.name, digest(definition))


def rows_of_entities(
    connection: sa.Connection, entities: Sequence[int], *, datasets: Collection[str] | None = None
) -> dict[int, set[tuple[str, int]]]:
    """The datasets and batches that have rows of entities, by entity; of ``datasets`` alone where they are named."""
    found: dict[int, set[tuple[str, int]]] = {}
    for name in connection.exec_driver_sql("SELECT DISTINCT dataset FROM crfs.batch_dataset ORDER BY dataset").scalars().all():
        if datasets is None or name in datasets:
            rows = connection.execute(
                sa.text(f"SELECT DISTINCT entity_id, batch_id FROM {relation(name)} WHERE entity_id = ANY(:entities)"),
                {"entities": entities},
            )
            for row in rows:
                found.setdefault(row.entity_id, set()).add((name, row.batch_id))
    return found


def value_columns(connection: sa.Connection, dataset: str) -> list[str]:
    """The value columns that a relation has, those too that only a later definition names."""
    return sorted(_columns(connection, dataset).keys() - _NO_VALUES)


def _lacking(connection: sa.Connection, definition: DatasetDefinition) -> list[str] | None:
    """The value columns that the relation lacks, each with its type; None where there is no relation."""
    existing = _columns(connection, definition.name)
    for column in definition.columns:
        if existing.get(column.name, column.type.value) != column.type.value:
            raise Conflict(
                f"dataset {definition.name}: column {column.name} is {existing[column.name]} in the store and {column.type.value} in the "
                "definition; name it anew"
            )
    if not existing:
        return None
    return [f'"{column.name}" {column.type.value}' for column in definition.columns if column.name not in existing]


def _statements(definition: DatasetDefinition, lacking: list[str] | None) -> list[str]:
    table = relation(definition.name)
    if lacking is not None:
        return [f"ALTER TABLE {table} " + ", ".join(f"ADD COLUMN {column}" for column in lacking)] if lacking else []
    tenant = ["tenant_id integer NOT NULL DEFAULT current_setting('crfs.tenant_id')::integer"] if definition.scope is Scope.TENANT else []
    parts = [
        "entity_id bigint NOT NULL",
        "valid_time timestamptz NOT NULL",
        "knowledge_time timestamptz NOT NULL",
        "batch_id bigint NOT NULL",
        "recorded_at timestamptz NOT NULL",
        "row_state smallint NOT NULL CHECK (row_state BETWEEN 0 AND 3)",
        "knowledge_basis smallint NOT NULL CHECK (knowledge_basis BETWEEN 0 AND 3)",
        "vintage_date date",
        *tenant,
        *(f'"{column.name}" {column.type.value}' for column in definition.columns),
    ]
    statements = [
        f"CREATE TABLE {table} ({', '.join(parts)})",
        (f'CREATE UNIQUE INDEX "{definition.name}_key" ON {table} (entity_id, valid_time DESC, knowledge_time DESC, batch_id DESC)'),
        # Rows of a batch lie together: this finds them at next to no cost.
        f'CREATE INDEX "{definition.name}_batch" ON {table} USING brin (batch_id) WITH (pages_per_range = 32, autosummarize = on)',
        f"GRANT SELECT, INSERT ON {table} TO crfs_app",
    ]
    if tenant:
        own = "tenant_id = current_setting('crfs.tenant_id')::integer"
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own})",
        ]
    return statements


def _columns(connection: sa.Connection, name: str) -> dict[str, str]:
    query = sa.text(
        "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
        "WHERE a.attrelid = to_regclass(:relation) AND a.attnum > 0 AND NOT a.attisdropped"
    )
    return {row.attname: row.typname for row in connection.execute(query, {"relation": relation(name)})}
