"""The look-up: one entity's value at an instant, answered by PostgreSQL from the first row of one index."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crfs.bitemporal.rows import ROW_STATES, RowState
from crfs.bitemporal.tenor import Tenor
from crfs.credit.definitions import DatasetDefinition
from crfs.store.database import Database
from crfs.store.entities import tenant_of
from crfs.store.relations import ensure_relation, relation


def value_at(
    database: Database,
    definition: DatasetDefinition,
    entity: str,
    *,
    at: datetime,
    batch_id: int,
    lag: str | Tenor = "P0D",
    as_of: datetime | None = None,
    missing_is_answer: bool = False,
) -> dict[str, Any] | None:
    """The row that answers "the value of ``entity`` at ``at``, lagged by ``lag``", as the store had it at ``batch_id``.

    Eligible are rows with ``valid_time + lag <= at`` and ``knowledge_time <= min(at, as_of)``; of those that count the one of the
    greatest (valid_time, knowledge_time). None where there is none, or where the answer is that the value was retracted.
    """
    ensure_relation(database, definition)
    tenor = Tenor.parse(lag)
    dropped = [RowState.ANNULLED.code] if missing_is_answer else [RowState.ANNULLED.code, RowState.MISSING.code]
    values = ", ".join(f'd."{column.name}"' for column in definition.columns)
    data = relation(definition.name)
    query = sa.text(
        f"SELECT d.valid_time, d.knowledge_time, d.batch_id, d.row_state, {values} FROM {data} AS d "
        "WHERE d.entity_id = (SELECT entity_id FROM crfs.entity WHERE tenant_id = :tenant_id AND kind = :kind AND natural_key = :entity) "
        "AND d.batch_id <= :batch_id AND d.knowledge_time <= :known_by AND d.valid_time <= :at "
        "AND d.valid_time + make_interval(months => :months, days => :days, secs => :seconds) <= :at "
        f"AND d.row_state <> ALL (:dropped) AND NOT EXISTS (SELECT 1 FROM {data} AS later WHERE later.entity_id = d.entity_id "
        "AND later.valid_time = d.valid_time AND later.knowledge_time = d.knowledge_time AND later.batch_id > d.batch_id "
        "AND later.batch_id <= :batch_id) ORDER BY d.valid_time DESC, d.knowledge_time DESC, d.batch_id DESC LIMIT 1"
    )
    parameters = {
        "tenant_id": tenant_of(database, definition),
        "kind": definition.entity_kind,
        "entity": entity,
        "batch_id": batch_id,
        "known_by": at if as_of is None else min(at, as_of),
        "at": at,
        "months": tenor.months,
        "days": tenor.days,
        "seconds": tenor.seconds,
        "dropped": dropped,
    }
    with database.asking() as connection:
        row = connection.execute(query, parameters).mappings().one_or_none()
    if row is None or row["row_state"] != RowState.VALUE.code:
        return None
    return {**row, "row_state": ROW_STATES[row["row_state"]]}
