"""Notes: what answers said that is no row, and that decides how later ones are compared.

A sighting says that an answer showed what was known; an extent says what an answer told the whole of. Where a mended parser has read all answers
on an entity again (it is *reread*), what was noted of it before holds no longer: the sightings since say of every answer what it showed.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from crfs.bitemporal.rows import RowState
from crfs.credit.definitions import DatasetDefinition, Scope
from crfs.store.digests import with_digests


def state_of_notes(connection: sa.Connection, definition: DatasetDefinition, entities: Sequence[int]) -> int:
    """A number that grows whenever something is noted of entities: what was seen again, what was told whole, that they were reread."""
    newest = "(SELECT coalesce(max(note_id), 0) FROM crfs.{} WHERE dataset = :dataset AND entity_id = ANY(:entities))"
    query = sa.text(f"SELECT {' + '.join(newest.format(table) for table in ('sighting', 'extent', 'reread'))}")
    number: int = connection.execute(query, {"dataset": definition.name, "entities": list(entities)}).scalar_one()
    return number


def last_notes(connection: sa.Connection, definition: DatasetDefinition) -> tuple[int, int, int]:
    """The last sighting, extent and reread of a dataset; 0 where there is none."""
    newest = "(SELECT coalesce(max(note_id), 0) FROM crfs.{} WHERE dataset = :dataset)"
    query = sa.text(f"SELECT {', '.join(newest.format(table) for table in ('sighting', 'extent', 'reread'))}")
    sighting, extent, reread = connection.execute(query, {"dataset": definition.name}).one()
    return sighting, extent, reread


def holds(note: str, table: str) -> str:
    """SQL: whether a note (of the table ``sighting`` or ``extent``) still holds: its entity was not reread since."""
    return (
        f"NOT EXISTS (SELECT 1 FROM crfs.reread AS rr WHERE rr.entity_id = {note}.entity_id AND rr.dataset = {note}.dataset "
        f"AND rr.{table}_id >= {note}.note_id)"
    )


def tells_its_fetch(row: str) -> str:
    """SQL: whether the fetch of a row's batch says who showed its period (``:dataset``): the row does, and its entity was not reread since."""
    return (
        f"{row}.row_state <> {RowState.ANNULLED.code} AND NOT EXISTS (SELECT 1 FROM crfs.reread AS rr "
        f"WHERE rr.entity_id = {row}.entity_id AND rr.dataset = :dataset AND rr.batch_id >= {row}.batch_id)"
    )


def keep_rereads(
    connection: sa.Connection, definition: DatasetDefinition, entities: Sequence[int], *, batch_id: int, last: tuple[int, int, int]
) -> None:
    """Note that entities were reread: batches up to ``batch_id``, and the notes up to the ``last``, tell of their answers no longer."""
    tenant = "current_setting('crfs.tenant_id')::integer" if definition.scope is Scope.TENANT else "NULL"
    connection.execute(
        sa.text(
            with_digests(
                "reread",
                "INSERT INTO crfs.reread (dataset, entity_id, batch_id, sighting_id, extent_id, tenant_id) "
                f"SELECT :dataset, entity_id, :batch_id, :sighting_id, :extent_id, {tenant} FROM unnest(CAST(:entities AS bigint[])) AS e (entity_id)",
            )
        ),
        {"dataset": definition.name, "entities": list(entities), "batch_id": batch_id, "sighting_id": last[0], "extent_id": last[1]},
    )
