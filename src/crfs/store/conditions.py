"""SQL conditions on rows of a relation: which one stands at a key, which may answer, and which is the source's own word.

Most take the relation and the alias of a row of it; what they make is put into the statements of comparisons.
"""

from __future__ import annotations

from crfs.bitemporal.rows import RowState
from crfs.credit.definitions import DatasetDefinition

_AMENDED_BY_US = "('correction', 'annul')"
"""Kinds of batches in which somebody speaks of a source's rows; in all others the source speaks."""


def counts(data: str, row: str) -> str:
    """Whether a row is a candidate for an answer."""
    return f"{row}.row_state NOT IN ({RowState.MISSING.code}, {RowState.ANNULLED.code}) AND {last_batch(data, row)}"


def stands(data: str, row: str) -> str:
    """Whether a row is the last of its key, and the key not annulled."""
    return f"{row}.row_state <> {RowState.ANNULLED.code} AND {last_batch(data, row)}"


def last_batch(data: str, row: str) -> str:
    """Whether no later batch has a row of the same key."""
    return f"NOT EXISTS (SELECT 1 FROM {data} AS l WHERE {same_key('l', row)} AND l.batch_id > {row}.batch_id)"


def is_word(data: str, row: str) -> str:
    """Whether a row is what the source itself said last of its key, be it corrected or annulled since.

    A key that a mended parser no longer makes is none that the source ever spoke of.
    """
    return (
        f"{row}.row_state <> {RowState.ANNULLED.code} AND {by_source(row)} AND NOT EXISTS (SELECT 1 FROM {data} AS l "
        f"WHERE {same_key('l', row)} AND l.batch_id > {row}.batch_id AND {by_source('l')})"
    )


def last_word(data: str, row: str, *, by: str) -> str:
    """What the source itself said last of a row's period by an instant, as a subselect of rows ``x``."""
    return (
        f"(SELECT * FROM {data} AS x WHERE {same_period('x', row)} AND x.knowledge_time <= {by} AND {is_word(data, 'x')} "
        "ORDER BY x.knowledge_time DESC LIMIT 1)"
    )


def is_taken(data: str, row: str, known_at: str) -> str:
    """Whether the store has something of a row's period at an instant; a key that a mended parser no longer made may be made again."""
    return (
        f"EXISTS (SELECT 1 FROM {data} AS k WHERE {same_period('k', row)} AND k.knowledge_time = {known_at} AND {last_batch(data, 'k')} "
        f"AND NOT (k.row_state = {RowState.ANNULLED.code} AND {by_source('k')}))"
    )


def day_end(instant: str) -> str:
    """The end of the day (in ``:zone``) on which an instant falls; a midnight is the end of the day before it."""
    local = f"({instant} AT TIME ZONE :zone)"
    return (
        f"(CASE WHEN {local} = date_trunc('day', {local}) THEN {instant} "
        f"ELSE (date_trunc('day', {local}) + interval '1 day') AT TIME ZONE :zone END)"
    )


def same_period(one: str, other: str) -> str:
    """Whether two rows are of one entity and valid time."""
    return f"{one}.entity_id = {other}.entity_id AND {one}.valid_time = {other}.valid_time"


def same_key(one: str, other: str) -> str:
    """Whether two rows have one key."""
    return f"{same_period(one, other)} AND {one}.knowledge_time = {other}.knowledge_time"


def says_as(definition: DatasetDefinition, one: str, other: str) -> str:
    """Whether two rows have the same values, or none."""
    values = "".join(f' AND {one}."{column.name}" IS NOT DISTINCT FROM {other}."{column.name}"' for column in definition.columns)
    return f"({one}.row_state = 0) = ({other}.row_state = 0){values}"


def by_source(row: str) -> str:
    """Whether it is the source that speaks in a row, and not somebody who corrects or annuls what it said."""
    return f"EXISTS (SELECT 1 FROM crfs.batch AS t WHERE t.batch_id = {row}.batch_id AND t.kind NOT IN {_AMENDED_BY_US})"
