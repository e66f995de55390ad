"""Entities: the natural keys of what rows are about, and the numbers that stand for them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import sqlalchemy as sa

from crfs.credit.definitions import DatasetDefinition, Scope
from crfs.store.database import Database

PUBLIC_TENANT = 0


def tenant_of(database: Database, definition: DatasetDefinition) -> int:
    """Whose the entities of a dataset are."""
    return database.tenant_id if definition.scope is Scope.TENANT else PUBLIC_TENANT


def entity_ids(database: Database, definition: DatasetDefinition, keys: pl.Series) -> Mapping[str, int]:
    """The numbers of entities by natural key; new ones are registered. Keys that this process has met are not asked for again."""
    owner = (tenant_of(database, definition), definition.entity_kind)
    known = database.entity_ids.setdefault(owner, {})
    fresh = sorted(key for key in keys.to_list() if key not in known)
    if fresh:
        values = {"tenant_id": owner[0], "kind": owner[1], "keys": fresh}
        # Durable before the number is remembered: a crash of the server would else give it to another entity, and this process go on using it.
        with database.writing() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO crfs.entity (tenant_id, kind, natural_key) SELECT :tenant_id, :kind, k FROM unnest(CAST(:keys AS text[])) AS k "
                    "ON CONFLICT DO NOTHING"
                ),
                values,
            )
            found = connection.execute(
                sa.text(
                    "SELECT natural_key, entity_id FROM crfs.entity WHERE tenant_id = :tenant_id AND kind = :kind AND natural_key = ANY(:keys)"
                ),
                values,
            )
            fresh_ids = {row.natural_key: row.entity_id for row in found}
        known.update(fresh_ids)
    return known


def entity_names(database: Database, definition: DatasetDefinition) -> pl.DataFrame:
    """All entities of a dataset's kind that this tenant may see: ``entity_id`` and ``entity`` (the natural key)."""
    kind = definition.entity_kind.replace("'", "''")
    return database.table(
        f"SELECT entity_id, natural_key AS entity FROM crfs.entity WHERE tenant_id = {tenant_of(database, definition)} AND kind = '{kind}'"
    ).with_columns(pl.col("entity").cast(pl.String))


def known_entity_ids(database: Database, definition: DatasetDefinition, keys: list[str]) -> dict[str, int]:
    """The numbers of those of ``keys`` that exist."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                "SELECT natural_key, entity_id FROM crfs.entity WHERE tenant_id = :tenant_id AND kind = :kind AND natural_key = ANY(:keys)"
            ),
            {"tenant_id": tenant_of(database, definition), "kind": definition.entity_kind, "keys": keys},
        )
        return {row.natural_key: row.entity_id for row in found}
