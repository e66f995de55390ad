"""What days ended with. While a day runs its vintage may change, and what is seen of it may be taken back; an answer of later tells how it ended.

An answer that tells of a span of knowledge (an extent) says what each day of it ended with. Any other says so of the days whose vintages it has,
if they were over when it was fetched. Where something else was seen while such a day ran, the answer's word is known again from the day's end,
whichever of the two comes in first.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from crfs.bitemporal.rows import KnowledgeBasis, RowState
from crfs.credit.definitions import DatasetDefinition
from crfs.store.conditions import day_end, is_word, same_key, same_period, says_as, stands
from crfs.store.extents import GIVEN, Extents
from crfs.store.relations import relation


def say_what_days_ended_with(
    connection: sa.Connection, definition: DatasetDefinition, table: str, own: str, extents: Extents, *, fetched_at: datetime
) -> int:
    """Stage what the answer (its rows as they came are in ``own``) says that days ended with, where it is not what is known by then. How many."""
    data, values = relation(definition.name), [f'"{column.name}"' for column in definition.columns]
    listed = "".join(f", {name}" for name in values)
    end = day_end("x.knowledge_time")
    seen = (
        f"SELECT x.entity_id, x.valid_time, {end} AS ended FROM {{0}} AS x WHERE x.knowledge_time < {end} AND {end} <= :fetched_at "
        f"AND NOT EXISTS (SELECT 1 FROM {own} AS s WHERE {same_key('s', 'x')})"
    )
    of_entities = f"x.entity_id IN (SELECT entity_id FROM {own} UNION SELECT e.entity_id FROM {GIVEN})"
    # The first of them that reaches: what an answer has of a day, and what it tells of every day.
    tells = (
        f"EXISTS (SELECT 1 FROM {GIVEN} WHERE e.entity_id = m.entity_id AND m.valid_time BETWEEN e.first_valid_time AND e.last_valid_time "
        f"AND e.known_at < m.ended AND m.ended <= e.final_until) "
        f"OR EXISTS (SELECT 1 FROM {own} AS s WHERE {same_period('s', 'm')} AND s.vintage_date IS NOT NULL "
        f"AND {day_end('s.knowledge_time')} = m.ended)"
    )
    known = (
        f"SELECT x.knowledge_time, x.row_state{listed} FROM {data} AS x WHERE {same_period('x', 'f')} AND {stands(data, 'x')} "
        f"UNION ALL SELECT t.knowledge_time, t.row_state{listed} FROM {table} AS t WHERE {same_period('t', 'f')}"
    )
    gone = f"f.row_state = {RowState.MISSING.code} AND k.row_state = {RowState.VALUE.code}"
    return connection.execute(
        sa.text(
            f"WITH moment AS (SELECT DISTINCT m.* FROM ({seen.format(data)} AND {of_entities} UNION ALL {seen.format(table)}) AS m WHERE {tells}), "
            f"final AS (SELECT m.entity_id, m.valid_time, m.ended, coalesce(o.row_state, {RowState.RETRACTED.code}) AS row_state, o.vintage_date"
            f"{''.join(f', o.{name}' for name in values)} FROM moment AS m LEFT JOIN LATERAL (SELECT * FROM {own} AS s "
            f"WHERE {same_period('s', 'm')} AND s.knowledge_time <= m.ended ORDER BY s.knowledge_time DESC LIMIT 1) AS o ON true) "
            f"INSERT INTO {table} (entity_id, valid_time, knowledge_time, row_state, knowledge_basis, vintage_date, clipped, shown{listed}) "
            f"SELECT f.entity_id, f.valid_time, f.ended, CASE WHEN {gone} THEN {RowState.RETRACTED.code} ELSE f.row_state END, "
            f"{KnowledgeBasis.BACKFILLED.code}, f.vintage_date, false, false{''.join(f', f.{name}' for name in values)} FROM final AS f "
            f"JOIN LATERAL (SELECT * FROM ({known}) AS b WHERE b.knowledge_time <= f.ended ORDER BY b.knowledge_time DESC LIMIT 1) AS k "
            f"ON k.knowledge_time < f.ended AND NOT ({says_as(definition, 'f', 'k')})"
        ),
        {**extents.values, "zone": definition.zone, "fetched_at": fetched_at},
    ).rowcount


def say_again_what_days_ended_with(connection: sa.Connection, definition: DatasetDefinition, table: str, *, fetched_at: datetime) -> None:
    """Of staged rows of a day that was running when they were fetched: what another answer says that the day ended with is known from its end."""
    data, values = relation(definition.name), [f'"{column.name}"' for column in definition.columns]
    end = day_end("s.knowledge_time")
    gone = f"c.row_state IS NULL OR c.row_state = {RowState.MISSING.code} AND s.row_state = {RowState.VALUE.code}"
    told = (
        "EXISTS (SELECT 1 FROM crfs.extent AS e WHERE e.dataset = :dataset AND e.entity_id = s.entity_id "
        f"AND s.valid_time BETWEEN e.first_valid_time AND e.last_valid_time AND e.known_at < {end} AND e.final_until >= {end})"
        f" OR (c.vintage_date IS NOT NULL AND {day_end('c.knowledge_time')} = {end} AND EXISTS (SELECT 1 FROM crfs.batch_dataset AS d "
        f"WHERE d.batch_id = c.batch_id AND d.dataset = :dataset AND d.fetched_at >= {end}))"
    )
    connection.execute(
        sa.text(
            "INSERT INTO {table} (entity_id, valid_time, knowledge_time, row_state, knowledge_basis, vintage_date, clipped, shown{listed}) "
            "SELECT s.entity_id, s.valid_time, {end}, CASE WHEN {gone} THEN {retracted} ELSE c.row_state END, {backfilled}, c.vintage_date, "
            "false, false{taken} FROM {table} AS s "
            "LEFT JOIN LATERAL (SELECT * FROM {data} AS x WHERE {same_as_x} AND x.knowledge_time <= {end} AND {word} "
            "ORDER BY x.knowledge_time DESC LIMIT 1) AS c ON true "
            "WHERE s.knowledge_time < {end} AND :fetched_at < {end} AND coalesce(c.knowledge_time <= s.knowledge_time, true) "
            "AND CASE WHEN c.row_state IS NULL THEN s.row_state = {value} ELSE NOT ({says_as}) END AND ({told}) "
            "AND NOT EXISTS (SELECT 1 FROM {table} AS n WHERE {same_as_n} AND n.knowledge_time > s.knowledge_time AND n.knowledge_time <= {end})"
            "".format(
                table=table,
                data=data,
                listed="".join(f", {name}" for name in values),
                taken="".join(f", c.{name}" for name in values),
                end=end,
                gone=gone,
                told=told,
                retracted=RowState.RETRACTED.code,
                backfilled=KnowledgeBasis.BACKFILLED.code,
                value=RowState.VALUE.code,
                same_as_x=same_period("x", "s"),
                same_as_n=same_period("n", "s"),
                word=is_word(data, "x"),
                says_as=says_as(definition, "s", "c"),
            )
        ),
        {"fetched_at": fetched_at, "zone": definition.zone, "dataset": definition.name},
    )
