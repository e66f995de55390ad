"""The newest valid day of entities: how far each series of a stream has come, whoever brought it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import sqlalchemy as sa

from crfs.bitemporal.rows import RowState
from crfs.credit.definitions import DatasetDefinition
from crfs.store.database import Database
from crfs.store.entities import tenant_of
from crfs.store.relations import relation


def newest_days(database: Database, definition: DatasetDefinition, entities: Collection[str], *, until: date) -> dict[str, date]:
    """The last valid day, ``until`` one, for which each of some entities has a value; entities without any are left out.

    Days ahead are no progress: projections reach years into the future. Found by the key of the relation, a few rows an entity.
    """
    with database.reading() as connection:
        if connection.execute(sa.text("SELECT to_regclass(:name)"), {"name": relation(definition.name)}).scalar() is None:
            return {}
        rows = connection.execute(
            sa.text(
                "SELECT e.natural_key, n.valid_time FROM crfs.entity AS e CROSS JOIN LATERAL (SELECT valid_time "
                f"FROM {relation(definition.name)} AS r WHERE r.entity_id = e.entity_id AND r.row_state = {RowState.VALUE.code} "
                "AND r.valid_time < CAST(:until AS date) + 1 ORDER BY r.valid_time DESC LIMIT 1) AS n "
                "WHERE e.tenant_id = :tenant_id AND e.kind = :kind AND e.natural_key = ANY(:entities)"
            ),
            {
                "until": until,
                "tenant_id": tenant_of(database, definition),
                "kind": definition.entity_kind,
                "entities": sorted(set(entities)),
            },
        ).all()
    return {row.natural_key: row.valid_time.date() for row in rows}
