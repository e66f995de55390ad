"""Sightings: that an answer showed periods again of which it said nothing new.

Rows are kept where an answer is news. An answer that comes in late, older than one that was no news, would otherwise win over it: nothing would
say that the newer one had seen the old value again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from crfs.bitemporal.rows import RowState
from crfs.credit.definitions import DatasetDefinition, Scope
from crfs.store.additions import again
from crfs.store.comparison_terms import Comparison
from crfs.store.conditions import day_end, is_taken, last_word, same_period, says_as
from crfs.store.digests import with_digests
from crfs.store.notes import holds, tells_its_fetch
from crfs.store.relations import relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Every period of an entity that the store has from the first to the last valid time was shown, with what was known of it by ``seen_at``."""

    entity_id: int
    first_valid_time: datetime
    last_valid_time: datetime
    seen_at: datetime
    knowledge_basis: int
    vintage_date: date | None


def sightings_of(
    connection: sa.Connection, definition: DatasetDefinition, table: str, *, fetched_at: datetime | None, latest_only: bool
) -> list[Sighting]:
    """What a staged answer shows, before it is compared.

    That is what it ``shows`` of the latest values, seen at the fetch; what it says of a day that was running then, seen at the fetch too; and
    what it says with an upper bound alone of when that was known (``clipped``), seen at that bound. Runs of periods end where the store has
    one that the answer leaves out.
    """
    kept = "entity_id, valid_time, CAST({seen} AS timestamptz) AS seen_at, knowledge_basis, vintage_date, knowledge_time FROM {table} WHERE {shows}"
    shown = f"SELECT {kept.format(seen=':fetched_at', table=table, shows='shown')}"
    if not latest_only:
        shown = f"SELECT {kept.format(seen='knowledge_time', table=table, shows='clipped')}"
        if fetched_at is not None:
            running = f":fetched_at < {day_end('knowledge_time')} AND knowledge_time < :fetched_at"
            shown += f" UNION ALL SELECT {kept.format(seen=':fetched_at', table=table, shows=running)}"
    query = sa.text(
        f"WITH seen AS MATERIALIZED (SELECT DISTINCT ON (entity_id, valid_time, seen_at) * FROM ({shown}) AS u "
        "ORDER BY entity_id, valid_time, seen_at, knowledge_time DESC), "
        "span AS (SELECT entity_id, min(valid_time) AS first, max(valid_time) AS last FROM seen GROUP BY entity_id), "
        "period AS (SELECT entity_id, valid_time, seen_at, knowledge_basis, vintage_date FROM seen UNION ALL "
        f"SELECT DISTINCT x.entity_id, x.valid_time, CAST(NULL AS timestamptz), CAST(NULL AS smallint), CAST(NULL AS date) FROM span "
        f"JOIN {relation(definition.name)} AS x ON x.entity_id = span.entity_id AND x.valid_time BETWEEN span.first AND span.last "
        "WHERE NOT EXISTS (SELECT 1 FROM seen AS n WHERE n.entity_id = x.entity_id AND n.valid_time = x.valid_time)), "
        "numbered AS (SELECT *, dense_rank() OVER (PARTITION BY entity_id ORDER BY valid_time) - row_number() OVER "
        "(PARTITION BY entity_id, seen_at, knowledge_basis, vintage_date ORDER BY valid_time) AS run FROM period) "
        "SELECT entity_id, min(valid_time) AS first_valid_time, max(valid_time) AS last_valid_time, seen_at, knowledge_basis, vintage_date "
        "FROM numbered WHERE seen_at IS NOT NULL GROUP BY entity_id, seen_at, knowledge_basis, vintage_date, run ORDER BY 1, 2, 4"
    )
    rows = connection.execute(query, {"fetched_at": fetched_at, "zone": definition.zone} if fetched_at is not None else {})
    return [Sighting(**row._mapping) for row in rows]


def keep_sightings(
    connection: sa.Connection,
    definition: DatasetDefinition,
    sightings: Sequence[Sighting],
    *,
    batch_id: int,
    payloads: Sequence[str],
    unless_noted: bool = True,
) -> None:
    """Note what an answer showed, ``unless_noted`` only what neither a note nor a row says yet; ``batch_id`` is the state that it was compared with."""
    if not sightings:
        return
    tenant = "current_setting('crfs.tenant_id')::integer" if definition.scope is Scope.TENANT else "NULL"
    names = ("entity_id", "first_valid_time", "last_valid_time", "seen_at", "knowledge_basis", "vintage_date")
    types = ("bigint", "timestamptz", "timestamptz", "timestamptz", "smallint", "date")
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in zip(names, types, strict=True))
    listed = ", ".join(names)
    data = relation(definition.name)
    same = f"g.dataset = :dataset AND g.entity_id = n.entity_id AND g.seen_at = n.seen_at AND {holds('g', 'sighting')}"
    noted = (
        f" WHERE NOT EXISTS (SELECT 1 FROM crfs.sighting AS g WHERE {same} "
        "AND g.first_valid_time <= n.first_valid_time AND g.last_valid_time >= n.last_valid_time) "
        f"AND EXISTS (SELECT 1 FROM {data} AS x WHERE x.entity_id = n.entity_id AND x.valid_time BETWEEN n.first_valid_time AND n.last_valid_time "
        f"AND NOT EXISTS (SELECT 1 FROM crfs.sighting AS g WHERE {same} AND {covers(data, 'g', 'x')}) AND NOT ({_is_told_by_a_row(data)}))"
    )
    insertion = (
        f"INSERT INTO crfs.sighting (dataset, tenant_id, batch_id, payloads, {listed}) "
        f"SELECT :dataset, {tenant}, :batch_id, CAST(:payloads AS text[]), {listed} FROM unnest({arrays}) AS n ({listed})"
    )
    connection.execute(
        sa.text(with_digests("sighting", insertion + (noted if unless_noted else ""))),
        {
            "dataset": definition.name,
            "batch_id": batch_id,
            "payloads": list(payloads),
            **{name: [getattr(one, name) for one in sightings] for name in names},
        },
    )


def _is_told_by_a_row(data: str) -> str:
    """SQL: whether the store has a row of the period ``x`` that came with this very answer, and says when it was seen (``n``)."""
    return (
        f"EXISTS (SELECT 1 FROM {data} AS o JOIN crfs.batch_dataset AS d ON d.batch_id = o.batch_id AND d.dataset = :dataset "
        "JOIN crfs.batch_payload AS p ON p.batch_id = o.batch_id AND p.sha256 = ANY(CAST(:payloads AS text[])) AND p.dataset IN ('', :dataset) "
        f"WHERE {same_period('o', 'x')} AND (o.knowledge_time = n.seen_at OR d.fetched_at = n.seen_at) AND {tells_its_fetch('o')})"
    )


def covers(data: str, sighting: str, row: str) -> str:
    """SQL: whether a sighting (of dataset ``:dataset``) is of a row's period. One that the store did not have then was not shown: it would have
    been news.
    """
    return (
        f"{sighting}.dataset = :dataset AND {sighting}.entity_id = {row}.entity_id "
        f"AND {row}.valid_time BETWEEN {sighting}.first_valid_time AND {sighting}.last_valid_time "
        f"AND EXISTS (SELECT 1 FROM {data} AS known WHERE {same_period('known', row)} AND known.batch_id <= {sighting}.batch_id) "
        f"AND {holds(sighting, 'sighting')}"
    )


def say_again_what_was_sighted_later(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> int:
    """Of staged rows that come in late: what a later answer had shown of their periods again is known again from when it was seen.

    A staged value after which nothing was shown any more, and that was shown as nothing later, was withdrawn by then. How many there were.
    """
    data = relation(definition.name)
    late = (
        f"{table} AS s JOIN LATERAL (SELECT g.seen_at, g.knowledge_basis, g.vintage_date FROM crfs.sighting AS g WHERE {covers(data, 'g', 's')} "
        f"AND g.seen_at > s.knowledge_time ORDER BY g.seen_at LIMIT 1) AS later ON true JOIN LATERAL {last_word(data, 's', by='later.seen_at')} AS c "
        f"ON c.knowledge_time < s.knowledge_time AND NOT ({says_as(definition, 's', 'c')}) WHERE s.row_state <> {RowState.ANNULLED.code} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS n WHERE {same_period('n', 's')} AND n.knowledge_time > s.knowledge_time "
        f"AND n.knowledge_time <= later.seen_at) "
        f"AND NOT {is_taken(data, 's', 'later.seen_at')}"
    )
    basis, vintage_date = "later.knowledge_basis", "later.vintage_date"
    statement = again(definition, table, late, row="c", known_at="later.seen_at", basis=basis, vintage_date=vintage_date)
    return connection.execute(sa.text(statement), {"dataset": definition.name}).rowcount
