"""Extents in the store: a period that an answer leaves out, though it told the whole of a span, has no value from then.

The law holds in either order. An answer that leaves out what the store has withdraws it; and where that came in first, an older answer that
shows such a period later is withdrawn as it comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.rows import RowState
from crfs.credit.definitions import DatasetDefinition, RevisionPolicy, Scope
from crfs.store.additions import without_value
from crfs.store.conditions import is_word, same_period, stands
from crfs.store.database import Database
from crfs.store.digests import with_digests
from crfs.store.entities import entity_ids
from crfs.store.notes import holds
from crfs.store.relations import relation
from crfs.store.sightings import covers

_TYPES = {
    "entity_id": "bigint",
    "first_valid_time": "timestamptz",
    "last_valid_time": "timestamptz",
    "known_at": "timestamptz",
    "knowledge_basis": "smallint",
    "vintage_date": "date",
    "final_until": "timestamptz",
}
_LISTED = ", ".join(_TYPES)
GIVEN = "unnest({}) AS e ({})".format(", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _TYPES.items()), _LISTED)


class Extents:
    """The extents of one delivery (none: of an answer that tells the whole of nothing), with the numbers of their entities, as the statements
    below take them.
    """

    def __init__(self, entities: Sequence[int] = (), extents: Sequence[Extent] = ()) -> None:
        self.entities = list(entities)
        self.values: dict[str, list[object]] = {
            "entity_id": [*entities],
            "first_valid_time": [extent.first_valid_time for extent in extents],
            "last_valid_time": [extent.last_valid_time for extent in extents],
            "known_at": [extent.known_at for extent in extents],
            "knowledge_basis": [extent.knowledge_basis.code for extent in extents],
            "vintage_date": [extent.vintage_date for extent in extents],
            "final_until": [extent.final_until for extent in extents],
        }

    @classmethod
    def of(cls, database: Database, definition: DatasetDefinition, extents: Sequence[Extent]) -> Extents:
        """With the numbers looked up, and given where an entity is new."""
        keys = pl.Series([extent.entity for extent in extents], dtype=pl.String)
        return cls(entity_ids(database, definition, keys).to_list(), extents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The rows of a staged answer as they came, in a table of their own, and what it told the whole of."""

    own: str
    extents: Extents


def reach_known_periods(connection: sa.Connection, definition: DatasetDefinition, extents: Extents) -> bool:
    """Whether the store has any period within the extents, so that one could be left out."""
    query = (
        f"SELECT EXISTS (SELECT 1 FROM {GIVEN} WHERE EXISTS (SELECT 1 FROM {relation(definition.name)} AS x "
        "WHERE x.entity_id = e.entity_id AND x.valid_time BETWEEN e.first_valid_time AND e.last_valid_time))"
    )
    return bool(connection.execute(sa.text(query), extents.values).scalar_one())


def lies_within_one(row: str) -> str:
    """SQL: whether any answer told the whole of a span with a row's period (``:dataset``)."""
    return (
        f"EXISTS (SELECT 1 FROM crfs.extent AS e WHERE e.dataset = :dataset AND e.entity_id = {row}.entity_id "
        f"AND {row}.valid_time BETWEEN e.first_valid_time AND e.last_valid_time AND {holds('e', 'extent')})"
    )


def lie_within_later_ones(connection: sa.Connection, definition: DatasetDefinition, rows: pl.DataFrame) -> bool:
    """Whether any answer that reaches beyond the first of ``rows`` told the whole of a span of their entities."""
    if definition.revision_policy is not RevisionPolicy.VINTAGED or rows.is_empty():
        return False
    query = (
        "SELECT EXISTS (SELECT 1 FROM crfs.extent AS e WHERE e.dataset = :dataset AND e.entity_id = ANY(:ids) "
        f"AND greatest(e.known_at, e.final_until) > :since AND {holds('e', 'extent')})"
    )
    values = {"dataset": definition.name, "ids": rows["entity_id"].unique().to_list(), "since": rows["knowledge_time"].min()}
    return bool(connection.execute(sa.text(query), values).scalar_one())


def withdraw_what_is_left_out(connection: sa.Connection, definition: DatasetDefinition, table: str, extents: Extents) -> None:
    """Stage, as ``retracted``, the periods within the extents of which the store knows a value by then and the staged answer shows none.

    A value that somebody put there by a correction, and that the source never said, stays.
    """
    data = relation(definition.name)
    before = f"FROM {data} AS {{0}} WHERE {same_period('{0}', 'a')} AND {{0}}.knowledge_time <= a.known_at"
    last = "ORDER BY {0}.knowledge_time DESC LIMIT 1"
    standing, word = (
        f"(SELECT {row}.row_state {before.format(row)} AND {condition(data, row)} {last.format(row)}) = {RowState.VALUE.code}"
        for row, condition in (("c", stands), ("w", is_word))
    )
    withdrawn = without_value(
        table, RowState.RETRACTED, f"absent AS a WHERE {standing} AND {word}", of="a", known_at="a.known_at", clipped=True
    )
    connection.execute(
        sa.text(
            f"WITH absent AS MATERIALIZED (SELECT DISTINCT x.entity_id, x.valid_time, e.known_at, e.knowledge_basis, e.vintage_date "
            f"FROM {GIVEN} JOIN {data} AS x ON x.entity_id = e.entity_id AND x.valid_time BETWEEN e.first_valid_time AND e.last_valid_time "
            f"WHERE NOT EXISTS (SELECT 1 FROM {table} AS s WHERE {same_period('s', 'x')} AND s.knowledge_time <= e.known_at)) {withdrawn}"
        ),
        extents.values,
    )


def withdraw_what_was_left_out_later(connection: sa.Connection, definition: DatasetDefinition, table: str) -> int:
    """Of staged values that come in late: the next answer that told the whole of a span with their period, and had not shown it, withdraws them.

    How many there were.
    """
    data = relation(definition.name)
    between = "knowledge_time > s.knowledge_time AND {0}.knowledge_time <= later.known_at"
    # On a running day what an answer shows is known from the release, and what it leaves out from the fetch.
    showed = (
        f"EXISTS (SELECT 1 FROM crfs.sighting AS g WHERE {covers(data, 'g', 's')} "
        "AND (g.seen_at = e.known_at OR g.seen_at < e.known_at AND g.payloads && e.payloads)) "
        f"OR EXISTS (SELECT 1 FROM {data} AS x JOIN crfs.batch_payload AS p ON p.batch_id = x.batch_id AND p.sha256 = ANY(e.payloads) "
        f"WHERE {same_period('x', 's')} AND x.knowledge_time <= e.known_at AND {is_word(data, 'x')})"
    )
    left_out = (
        f"{table} AS s JOIN LATERAL (SELECT e.*, s.valid_time FROM crfs.extent AS e "
        "WHERE e.dataset = :dataset AND e.entity_id = s.entity_id AND s.valid_time BETWEEN e.first_valid_time AND e.last_valid_time "
        f"AND e.known_at > s.knowledge_time AND {holds('e', 'extent')} AND NOT ({showed}) ORDER BY e.known_at LIMIT 1) AS later ON true "
        f"WHERE s.row_state = {RowState.VALUE.code} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS n WHERE {same_period('n', 's')} AND n.{between.format('n')}) "
        f"AND NOT EXISTS (SELECT 1 FROM {data} AS x WHERE {same_period('x', 's')} AND x.{between.format('x')} AND {stands(data, 'x')})"
    )
    statement = without_value(table, RowState.RETRACTED, left_out, of="later", known_at="later.known_at")
    return connection.execute(sa.text(statement), {"dataset": definition.name}).rowcount


def keep_extents(
    connection: sa.Connection, definition: DatasetDefinition, extents: Extents, *, payloads: Sequence[str], unless_noted: bool = True
) -> None:
    """Note what an answer told the whole of, ``unless_noted`` only once."""
    if not extents.entities:
        return
    tenant = "current_setting('crfs.tenant_id')::integer" if definition.scope is Scope.TENANT else "NULL"
    noted = (
        " WHERE NOT EXISTS (SELECT 1 FROM crfs.extent AS n WHERE n.dataset = :dataset AND n.entity_id = e.entity_id "
        "AND n.known_at = e.known_at AND n.first_valid_time <= e.first_valid_time AND n.last_valid_time >= e.last_valid_time "
        f"AND coalesce(n.final_until >= e.final_until, e.final_until IS NULL) AND {holds('n', 'extent')})"
    )
    insertion = (
        f"INSERT INTO crfs.extent (dataset, tenant_id, payloads, {_LISTED}) "
        f"SELECT :dataset, {tenant}, CAST(:payloads AS text[]), {_LISTED} FROM {GIVEN}"
    )
    connection.execute(
        sa.text(with_digests("extent", insertion + (noted if unless_noted else ""))),
        {**extents.values, "dataset": definition.name, "payloads": list(payloads)},
    )
