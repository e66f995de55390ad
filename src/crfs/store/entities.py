"""Entities: the natural keys of what rows are about, and the numbers that stand for them."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

from crfs.credit.definitions import DatasetDefinition, Scope
from crfs.store.database import Database
from crfs.store.digests import ENTITY

PUBLIC_TENANT = 0


def tenant_of(database: Database, definition: DatasetDefinition) -> int:
    """Whose the entities of a dataset are."""
    return database.tenant_id if definition.scope is Scope.TENANT else PUBLIC_TENANT


def entity_ids(database: Database, definition: DatasetDefinition, keys: pl.Series) -> pl.Series:
    """The numbers of entities, for each natural key of ``keys``; new ones are registered. Keys that this process has met are not asked for."""
    owner = (tenant_of(database, definition), definition.entity_kind)
    wanted = pl.DataFrame({"natural_key": keys.cast(pl.String)})
    found = _looked_up(database, owner, wanted)
    if found.null_count():
        fresh = wanted.filter(found.is_null())["natural_key"].unique().sort()
        _register(database, owner, fresh.to_list())
        found = _looked_up(database, owner, wanted)
    return found


def _looked_up(database: Database, owner: tuple[int, str], wanted: pl.DataFrame) -> pl.Series:
    known = database.entity_ids.get(owner)
    if known is None:
        return pl.Series("entity_id", [None], dtype=pl.Int64).new_from_index(0, wanted.height)
    return wanted.join(known, on="natural_key", how="left", maintain_order="left")["entity_id"]


def _register(database: Database, owner: tuple[int, str], keys: list[str]) -> None:
    values = {"tenant_id": owner[0], "kind": owner[1], "keys": keys}
    # Durable before the number is remembered: a crash of the server would else give it to another entity, and this process go on using it.
    with database.writing() as connection:
        connection.execute(
            sa.text(
                f"INSERT INTO crfs.entity (entity_id, tenant_id, kind, natural_key, digest) OVERRIDING SYSTEM VALUE SELECT *, {ENTITY} FROM ("
                "SELECT nextval('crfs.entity_entity_id_seq') AS entity_id, CAST(:tenant_id AS integer) AS tenant_id, CAST(:kind AS text) AS kind, "
                "k AS natural_key FROM unnest(CAST(:keys AS text[])) AS k) AS fresh ON CONFLICT DO NOTHING"
            ),
            values,
        )
        rows = connection.execute(
            sa.text(
                "SELECT natural_key, entity_id FROM crfs.entity WHERE tenant_id = :tenant_id AND kind = :kind AND natural_key = ANY(:keys)"
            ),
            values,
        ).all()
    met = pl.DataFrame([tuple(row) for row in rows], schema={"natural_key": pl.String, "entity_id": pl.Int64}, orient="row")
    database.remember_entities(owner, met)


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
