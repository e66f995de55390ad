"""Vintages that are only dates: until its day is over a vintage may change, and a change is known from the fetch that saw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from crfs.bitemporal.rows import KnowledgeBasis, RowState
from crfs.credit.definitions import DatasetDefinition
from crfs.store.conditions import is_word, last_batch, same_key
from crfs.store.relations import relation
from crfs.store.spoken import OWN_BATCHES, Spoken

_END_OF_DAY = "CAST({row}.vintage_date + 1 AS timestamp) AT TIME ZONE :zone"
"""SQL: when a row's vintage day is over."""

_FETCHED = "(SELECT d.fetched_at FROM crfs.batch_dataset AS d WHERE d.batch_id = {row}.batch_id AND d.dataset = :dataset)"
"""SQL: when the answer was fetched that a row's batch rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """When the answer was fetched that the staged rows come from, and the payloads that it parses again, if it does."""

    fetched_at: datetime
    parsed_again: Spoken


def know_changes_from_the_fetch(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Answered) -> None:
    """A vintage that is only a date may change until its day is over, so what is seen of it while it runs is not final.

    The first answer is known from the day's release. Where the store has that key, and one of the two was seen while the day ran, the row is
    known from its own fetch, or from the end of the day if that came first, and stays only if it says something else than what was known
    before (it is ``clipped``). A payload that is parsed again keeps the times that it was given first.
    """
    data = relation(definition.name)
    known = f"least(:fetched_at, {_END_OF_DAY.format(row='s')})"
    own = (
        f" AND NOT EXISTS (SELECT 1 FROM {data} AS o WHERE {same_key('o', 's')} AND o.batch_id IN ({OWN_BATCHES}))"
        if how.parsed_again
        else ""
    )
    connection.execute(
        sa.text(
            f"UPDATE {table} AS s SET knowledge_time = {known}, knowledge_basis = {KnowledgeBasis.OBSERVED.code}, clipped = true "
            f"WHERE s.knowledge_time < {known} AND EXISTS (SELECT 1 FROM {data} AS x WHERE {same_key('x', 's')} AND x.vintage_date = s.vintage_date "
            f"AND x.row_state <> {RowState.ANNULLED.code} AND {last_batch(data, 'x')} "
            f"AND (:fetched_at < {_END_OF_DAY.format(row='s')} OR {_FETCHED.format(row='x')} < {_END_OF_DAY.format(row='x')})){own}"
        ),
        _parameters(definition, how),
    )


def say_again_what_was_seen_later(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Answered) -> None:
    """Staged rows that come in late, as those of an answer that was held back do, do not hide what a later fetch saw of the same day and the
    store knows from before them: that is staged again, known from the later fetch, at the latest from the end of the day.
    """
    data = relation(definition.name)
    values = "".join(f', "{column.name}"' for column in definition.columns)
    known = f"least({_FETCHED.format(row='x')}, {_END_OF_DAY.format(row='x')})"
    gone = f"x.row_state = {RowState.MISSING.code} AND s.row_state = {RowState.VALUE.code}"
    state = f"CASE WHEN {gone} THEN {RowState.RETRACTED.code} ELSE x.row_state END"
    again = (
        f"SELECT DISTINCT x.entity_id, x.valid_time, {known} AS knowledge_time, {state} AS row_state, x.vintage_date{values.replace(', ', ', x.')} "
        f"FROM {table} AS s JOIN {data} AS x ON x.entity_id = s.entity_id AND x.valid_time = s.valid_time "
        f"AND x.vintage_date = s.vintage_date AND x.knowledge_time < s.knowledge_time AND {is_word(data, 'x')} "
        f"WHERE s.knowledge_time = :fetched_at AND {known} > s.knowledge_time"
    )
    same = "l.entity_id = n.entity_id AND l.valid_time = n.valid_time AND l.knowledge_time = n.knowledge_time"
    connection.execute(
        sa.text(
            f"INSERT INTO {table} (entity_id, valid_time, knowledge_time, row_state, vintage_date{values}, knowledge_basis, clipped, shown) "
            f"SELECT n.*, {KnowledgeBasis.OBSERVED.code}, false, false FROM ({again}) AS n "
            f"WHERE NOT EXISTS (SELECT 1 FROM {data} AS l WHERE {same}) AND NOT EXISTS (SELECT 1 FROM {table} AS l WHERE {same})"
        ),
        _parameters(definition, how),
    )


def _parameters(definition: DatasetDefinition, how: Answered) -> dict[str, object]:
    return {"fetched_at": how.fetched_at, "zone": definition.zone, "dataset": definition.name, **how.parsed_again.parameters}
