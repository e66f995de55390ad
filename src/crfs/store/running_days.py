"""Vintages that are only dates: until its day is over a vintage may change, and a change is known from the fetch that saw it."""

from __future__ import annotations

import sqlalchemy as sa

from crfs.bitemporal.rows import KnowledgeBasis
from crfs.credit.definitions import DatasetDefinition
from crfs.store.additions import again
from crfs.store.comparison_terms import Comparison
from crfs.store.conditions import is_taken, is_word, same_key, same_period, says_as, stands
from crfs.store.relations import relation

_END_OF_DAY = "CAST({row}.vintage_date + 1 AS timestamp) AT TIME ZONE :zone"
"""SQL: when a row's vintage day is over."""

_FETCHED = "(SELECT d.fetched_at FROM crfs.batch_dataset AS d WHERE d.batch_id = {row}.batch_id AND d.dataset = :dataset)"
"""SQL: when the answer was fetched that a row's batch rests on."""


def know_changes_from_the_fetch(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """A vintage that is only a date may change until its day is over, so what is seen of it while it runs is not final.

    The first answer is known from the day's release. Where the source has spoken of that key, be it corrected or annulled since, and one of the
    two was seen while the day ran, the row is known from its own fetch, or from the end of the day if that came first, and stays only if it
    says something else than what was known before (it is ``clipped``), or than what was annulled.
    """
    data = relation(definition.name)
    known = f"least(:fetched_at, {_END_OF_DAY.format(row='s')})"
    annulled = f"NOT EXISTS (SELECT 1 FROM {data} AS y WHERE {same_key('y', 's')} AND {stands(data, 'y')})"
    connection.execute(
        sa.text(
            f"UPDATE {table} AS s SET knowledge_time = {known}, knowledge_basis = {KnowledgeBasis.OBSERVED.code}, clipped = true "
            f"WHERE s.knowledge_time < {known} AND EXISTS (SELECT 1 FROM {data} AS x WHERE {same_key('x', 's')} AND x.vintage_date = s.vintage_date "
            f"AND {is_word(data, 'x')} AND NOT ({says_as(definition, 's', 'x')} AND {annulled}) "
            f"AND (:fetched_at < {_END_OF_DAY.format(row='s')} OR {_FETCHED.format(row='x')} < {_END_OF_DAY.format(row='x')}))"
        ),
        _parameters(definition, how),
    )


def say_again_what_was_seen_later(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Staged rows that come in late, as those of an answer that was held back do, do not hide what a later fetch saw of the same day and the
    store knows from before them: that is staged again, known from the later fetch, at the latest from the end of the day.
    """
    data = relation(definition.name)
    known = f"least({_FETCHED.format(row='x')}, {_END_OF_DAY.format(row='x')})"
    free = f"NOT {is_taken(data, 's', known)} AND NOT EXISTS (SELECT 1 FROM {table} AS l WHERE {same_period('l', 's')} AND l.knowledge_time = {known})"
    seen = (
        f"{table} AS s JOIN {data} AS x ON {same_period('x', 's')} AND x.vintage_date IS NOT NULL AND x.knowledge_time < s.knowledge_time "
        f"AND {is_word(data, 'x')} WHERE s.knowledge_time = :fetched_at AND {known} > s.knowledge_time AND {free}"
    )
    statement = again(definition, table, seen, row="x", known_at=known)
    connection.execute(sa.text(statement), _parameters(definition, how))


def _parameters(definition: DatasetDefinition, how: Comparison) -> dict[str, object]:
    return {"fetched_at": how.fetched_at, "zone": definition.zone, "dataset": definition.name}
