"""What days ended with. While a day runs its vintage may change, and what is seen of it may be taken back; an answer of later tells how it ended.

An answer that tells of a span of knowledge (an extent) says what each day of it ended with. Any other says so of the days whose vintages it has,
if they were over when it was fetched; of a day that ran it says what was known by its fetch. Where something else was seen while such a day
ran, the answer's word is known again from the day's end, or from the fetch, whichever of the two comes in first.
"""

from __future__ import annotations

import sqlalchemy as sa

from crfs.bitemporal.rows import KnowledgeBasis, RowState
from crfs.credit.definitions import DatasetDefinition
from crfs.store.additions import again
from crfs.store.comparison_terms import Comparison
from crfs.store.conditions import day_end, is_word, last_word, same_key, same_period, says_as
from crfs.store.extents import GIVEN, Told
from crfs.store.notes import holds
from crfs.store.relations import relation


def say_what_days_ended_with(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison, told: Told) -> int:
    """Stage what the answer (its rows as they came are ``told.own``) says that days ended with, and of a day that ran what it had by the fetch.

    That is where it is not what the source is known to have said by then, be that corrected or annulled since. How many there were.
    """
    data, values = relation(definition.name), [f'"{column.name}"' for column in definition.columns]
    listed, taken = ("".join(f", {row}{name}" for name in values) for row in ("", "o."))
    end = day_end("x.knowledge_time")
    seen = (
        f"SELECT x.entity_id, x.valid_time, {end} AS ended FROM {{0}} AS x WHERE x.knowledge_time < {end} AND {end} <= :fetched_at "
        f"AND NOT EXISTS (SELECT 1 FROM {told.own} AS s WHERE {same_key('s', 'x')})"
    )
    of_entities = f"x.entity_id IN (SELECT entity_id FROM {told.own} UNION SELECT e.entity_id FROM {GIVEN})"
    # The first of them that reaches: what an answer has of a day, and what it tells of every day.
    tells = (
        f"EXISTS (SELECT 1 FROM {GIVEN} WHERE e.entity_id = m.entity_id AND m.valid_time BETWEEN e.first_valid_time AND e.last_valid_time "
        f"AND e.known_at < m.ended AND m.ended <= e.final_until) "
        f"OR EXISTS (SELECT 1 FROM {told.own} AS s WHERE {same_period('s', 'm')} AND s.vintage_date IS NOT NULL "
        f"AND {day_end('s.knowledge_time')} = m.ended)"
    )
    running = (
        f"SELECT s.entity_id, s.valid_time, CAST(:fetched_at AS timestamptz) FROM {told.own} AS s WHERE s.vintage_date IS NOT NULL "
        f"AND s.knowledge_time < :fetched_at AND :fetched_at < {day_end('s.knowledge_time')}"
    )
    known = (
        f"SELECT x.knowledge_time, x.row_state{listed} FROM {data} AS x WHERE {same_period('x', 'f')} AND {is_word(data, 'x')} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {same_key('t', 'x')}) "
        f"UNION ALL SELECT t.knowledge_time, t.row_state{listed} FROM {table} AS t WHERE {same_period('t', 'f')} "
        f"AND t.row_state <> {RowState.ANNULLED.code}"
    )
    final = (
        f"SELECT m.entity_id, m.valid_time, m.ended, coalesce(o.row_state, {RowState.RETRACTED.code}) AS row_state, o.vintage_date{taken} "
        f"FROM moment AS m LEFT JOIN LATERAL (SELECT * FROM {told.own} AS s WHERE {same_period('s', 'm')} AND s.knowledge_time <= m.ended "
        "ORDER BY s.knowledge_time DESC LIMIT 1) AS o ON true"
    )
    news = (
        f"final AS f JOIN LATERAL (SELECT * FROM ({known}) AS b WHERE b.knowledge_time <= f.ended ORDER BY b.knowledge_time DESC LIMIT 1) AS k "
        f"ON k.knowledge_time < f.ended AND NOT ({says_as(definition, 'f', 'k')})"
    )
    basis = f"CASE WHEN f.ended = :fetched_at THEN {KnowledgeBasis.OBSERVED.code} ELSE {KnowledgeBasis.BACKFILLED.code} END"
    statement = again(definition, table, news, of="f", row="f", after="k", known_at="f.ended", basis=basis)
    return connection.execute(
        sa.text(
            f"WITH moment AS (SELECT DISTINCT m.* FROM ({seen.format(data)} AND {of_entities} AND {is_word(data, 'x')} "
            f"UNION ALL {seen.format(table)}) AS m WHERE {tells} "
            f"UNION {running}), "
            f"final AS ({final}) {statement}"
        ),
        {**told.extents.values, "zone": definition.zone, "fetched_at": how.fetched_at},
    ).rowcount


def say_again_what_days_ended_with(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Of staged rows of a day that was running when they were fetched: what another answer says that the day ended with is known from its end."""
    data, end = relation(definition.name), day_end("s.knowledge_time")
    told = (
        "EXISTS (SELECT 1 FROM crfs.extent AS e WHERE e.dataset = :dataset AND e.entity_id = s.entity_id "
        f"AND s.valid_time BETWEEN e.first_valid_time AND e.last_valid_time AND e.known_at < {end} AND e.final_until >= {end} AND {holds('e', 'extent')})"
        f" OR (c.vintage_date IS NOT NULL AND {day_end('c.knowledge_time')} = {end} AND EXISTS (SELECT 1 FROM crfs.batch_dataset AS d "
        f"WHERE d.batch_id = c.batch_id AND d.dataset = :dataset AND d.fetched_at >= {end}))"
    )
    ended = (
        f"{table} AS s LEFT JOIN LATERAL {last_word(data, 's', by=end)} AS c ON true "
        f"WHERE s.knowledge_time < {end} AND :fetched_at < {end} AND coalesce(c.knowledge_time <= s.knowledge_time, true) "
        f"AND CASE WHEN c.row_state IS NULL THEN s.row_state = {RowState.VALUE.code} ELSE NOT ({says_as(definition, 's', 'c')}) END AND ({told}) "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS n WHERE {same_period('n', 's')} AND n.knowledge_time > s.knowledge_time "
        f"AND n.knowledge_time <= {end})"
    )
    statement = again(definition, table, ended, row="c", known_at=end, basis=KnowledgeBasis.BACKFILLED.code)
    connection.execute(sa.text(statement), {"fetched_at": how.fetched_at, "zone": definition.zone, "dataset": definition.name})
