"""The relation of a dataset: one generator from the definition to the table that holds its rows."""

from __future__ import annotations

import sqlalchemy as sa

from crfs.credit.definitions import DatasetDefinition, Scope, digest
from crfs.errors import Conflict
from crfs.store.database import Database

CLOCK_COLUMNS = ("entity_id", "valid_time", "knowledge_time", "batch_id", "recorded_at", "row_state", "knowledge_basis", "vintage_date")


def relation(dataset: str) -> str:
    """The qualified name of a dataset's relation; the definition has checked the name."""
    return f'data."{dataset}"'


def ensure_relation(database: Database, definition: DatasetDefinition) -> None:
    """Make the relation of ``definition``, or add the columns that it lacks; columns are never dropped and never change their type.

    Its one index is the key, ordered so that the newest row of an entity is found first. Rows of a tenant's dataset carry the tenant,
    and row-level security holds on them.
    """
    if database.knows_relation(definition.name, digest(definition)):
        return
    existing = _columns(database, definition.name)
    wanted = {column.name: column.type.value for column in definition.columns}
    for name, kind in wanted.items():
        if name in existing and existing[name] != kind:
            raise Conflict(
                f"dataset {definition.name}: column {name} is {existing[name]} in the store and {kind} in the definition; name it anew"
            )
    new = [f'"{name}" {kind}' for name, kind in wanted.items() if name not in existing]
    if not existing or new:
        with database.owning() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(%s))", (definition.name,))
            for statement in _statements(definition, new, fresh=not existing):
                connection.exec_driver_sql(statement)
    database.remember_relation(definition.name, digest(definition))


def _statements(definition: DatasetDefinition, columns: list[str], *, fresh: bool) -> list[str]:
    table = relation(definition.name)
    if not fresh:
        return [f"ALTER TABLE {table} " + ", ".join(f"ADD COLUMN IF NOT EXISTS {column}" for column in columns)]
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
        *columns,
    ]
    statements = [
        f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(parts)})",
        (
            f'CREATE UNIQUE INDEX IF NOT EXISTS "{definition.name}_key" ON {table} '
            "(entity_id, valid_time DESC, knowledge_time DESC, batch_id DESC)"
        ),
        f"GRANT SELECT, INSERT ON {table} TO crfs_app",
    ]
    if tenant:
        own = "tenant_id = current_setting('crfs.tenant_id')::integer"
        statements += [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"DROP POLICY IF EXISTS tenant ON {table}",
            f"CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own})",
        ]
    return statements


def _columns(database: Database, name: str) -> dict[str, str]:
    query = sa.text(
        "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
        "WHERE a.attrelid = to_regclass(:relation) AND a.attnum > 0 AND NOT a.attisdropped"
    )
    with database.reading() as connection:
        return {row.attname: row.typname for row in connection.execute(query, {"relation": relation(name)})}
