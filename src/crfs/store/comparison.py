"""Taking out of staged rows those that say nothing new, in SQL; what would rewrite history is refused here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from crfs.bitemporal.rows import KnowledgeBasis, RowState
from crfs.credit.definitions import DatasetDefinition, RevisionPolicy
from crfs.errors import Conflict, InvalidInput
from crfs.store.publication import BatchKind
from crfs.store.relations import relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How staged rows of a dataset are compared: the batch's kind, when its answer was fetched, and the payload that it parses again."""

    kind: BatchKind
    fetched_at: datetime | None = None
    payloads: Sequence[str] = ()


def compare(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison, *, since: int) -> None:
    """Take out of the staged rows those that say nothing new; ``since`` compares with later batches only."""
    data, kind = relation(definition.name), how.kind
    if how.fetched_at is not None and definition.revision_policy is RevisionPolicy.LATEST_ONLY:
        _know_revisions_from_the_fetch(connection, definition, table, how)
    of_days = how.fetched_at is not None and definition.revision_policy is RevisionPolicy.VINTAGED
    if of_days:
        _know_changes_of_a_day_from_the_fetch(connection, definition, table, how)
    if kind is BatchKind.REPARSE:
        _annul_what_is_no_longer_said(connection, definition, table, how)
    names = ["row_state", *(f'"{column.name}"' for column in definition.columns)]
    if kind not in {BatchKind.INGEST, BatchKind.ANNUL}:
        names += ["knowledge_basis", "vintage_date"]
    same = f"({', '.join(f's.{name}' for name in names)}) IS NOT DISTINCT FROM ({', '.join(f'd.{name}' for name in names)})"
    counted = (
        f"FROM staging_row AS s JOIN LATERAL (SELECT * FROM {data} AS x WHERE x.entity_id = s.entity_id AND x.valid_time = s.valid_time "
        f"AND x.knowledge_time = s.knowledge_time ORDER BY x.batch_id DESC LIMIT 1) AS d ON d.batch_id > {since}"
    ).replace("staging_row", table)
    settled = f"{same} OR d.row_state = {RowState.ANNULLED.code}" if kind is BatchKind.INGEST else same
    contrary = f"NOT ({settled})"
    vintaged = kind is BatchKind.INGEST and definition.revision_policy is RevisionPolicy.VINTAGED
    if vintaged:
        _withdraw(connection, data, table)
        # Both say that there is no value. "Retracted" says more: that there was one.
        settled += f" OR (s.row_state = {RowState.MISSING.code} AND d.row_state = {RowState.RETRACTED.code})"
        contrary = f"NOT ({settled} OR (s.row_state = {RowState.RETRACTED.code} AND d.row_state = {RowState.MISSING.code}))"
    if kind is BatchKind.ANNUL:
        absent = connection.exec_driver_sql(
            f"SELECT count(*) FROM {table} AS s WHERE NOT EXISTS (SELECT 1 FROM {data} AS x WHERE x.entity_id = s.entity_id "
            "AND x.valid_time = s.valid_time AND x.knowledge_time = s.knowledge_time)"
        ).scalar_one()
        if absent:
            raise InvalidInput(f"dataset {definition.name}: {absent} of the rows to annul are not in the store")
    refused = contrary if kind is BatchKind.INGEST else "false"
    # One look at each row's counterpart says both what goes and what may not come.
    row = connection.exec_driver_sql(
        f"WITH k AS MATERIALIZED (SELECT s.ctid AS place, s.entity_id, s.valid_time, s.knowledge_time, ({settled}) AS settled, "
        f"({refused}) AS refused {counted}), gone AS (DELETE FROM {table} AS t USING k WHERE t.ctid = k.place AND k.settled) "
        "SELECT entity_id, valid_time, knowledge_time FROM k WHERE refused LIMIT 1"
    ).one_or_none()
    if row is not None:
        entity = connection.execute(
            sa.text("SELECT natural_key FROM crfs.entity WHERE entity_id = :entity_id"), {"entity_id": row.entity_id}
        ).scalar()
        raise Conflict(
            f"dataset {definition.name}: {entity} at {row.valid_time:%Y-%m-%d} known from {row.knowledge_time:%Y-%m-%d %H:%M}Z has another "
            "value in the store; if the source was wrong then, write a correction with a reason"
        )
    values = "".join(f' AND s."{column.name}" IS NOT DISTINCT FROM d."{column.name}"' for column in definition.columns)
    connection.exec_driver_sql(
        f"DELETE FROM {table} AS gone USING (SELECT s.ctid FROM {table} AS s JOIN LATERAL (SELECT * FROM {data} AS x "
        "WHERE x.entity_id = s.entity_id AND x.valid_time = s.valid_time AND x.knowledge_time <= s.knowledge_time "
        f"AND x.row_state <> {RowState.ANNULLED.code} AND NOT EXISTS (SELECT 1 FROM {data} AS y WHERE y.entity_id = x.entity_id "
        "AND y.valid_time = x.valid_time AND y.knowledge_time = x.knowledge_time AND y.batch_id > x.batch_id) "
        "ORDER BY x.knowledge_time DESC LIMIT 1) AS d ON (s.row_state = 0) = (d.row_state = 0)"
        f"{values} WHERE s.clipped) AS k WHERE gone.ctid = k.ctid"
    )
    if vintaged:
        _withdraw_later(connection, data, table)
    if of_days:
        _say_again_what_was_seen_later(connection, definition, table, how)


def _withdraw(connection: sa.Connection, data: str, table: str) -> None:
    """Staged ``missing`` rows whose value was known before: the source withdrew it, and its window did not show from what."""
    connection.exec_driver_sql(
        f"UPDATE {table} AS s SET row_state = {RowState.RETRACTED.code} WHERE s.row_state = {RowState.MISSING.code} AND "
        f"(SELECT x.row_state FROM {data} AS x WHERE x.entity_id = s.entity_id AND x.valid_time = s.valid_time "
        f"AND x.knowledge_time < s.knowledge_time AND {_counts(data, 'x')} ORDER BY x.knowledge_time DESC LIMIT 1) = {RowState.VALUE.code}"
    )


def _withdraw_later(connection: sa.Connection, data: str, table: str) -> None:
    """Stored ``missing`` rows of which a staged value now shows what they withdrew: they are staged again, as ``retracted``."""
    connection.exec_driver_sql(
        f"INSERT INTO {table} (entity_id, valid_time, knowledge_time, row_state, knowledge_basis, vintage_date, clipped) "
        f"SELECT DISTINCT x.entity_id, x.valid_time, x.knowledge_time, {RowState.RETRACTED.code}, x.knowledge_basis, x.vintage_date, false "
        f"FROM {table} AS s JOIN {data} AS x ON x.entity_id = s.entity_id AND x.valid_time = s.valid_time "
        f"AND x.knowledge_time > s.knowledge_time AND x.row_state = {RowState.MISSING.code} AND {_last_batch(data, 'x')} "
        f"WHERE s.row_state = {RowState.VALUE.code} "
        f"AND NOT EXISTS (SELECT 1 FROM {table} AS z WHERE z.entity_id = s.entity_id AND z.valid_time = s.valid_time "
        "AND z.knowledge_time > s.knowledge_time AND z.knowledge_time <= x.knowledge_time) "
        f"AND NOT EXISTS (SELECT 1 FROM {data} AS z WHERE z.entity_id = s.entity_id AND z.valid_time = s.valid_time "
        f"AND z.knowledge_time > s.knowledge_time AND z.knowledge_time < x.knowledge_time AND {_counts(data, 'z')})"
    )


def _counts(data: str, row: str) -> str:
    """SQL: whether a row of the relation is a candidate for an answer."""
    return f"{row}.row_state NOT IN ({RowState.MISSING.code}, {RowState.ANNULLED.code}) AND {_last_batch(data, row)}"


def _last_batch(data: str, row: str) -> str:
    """SQL: whether no later batch has a row of the same key."""
    return (
        f"NOT EXISTS (SELECT 1 FROM {data} AS l WHERE l.entity_id = {row}.entity_id AND l.valid_time = {row}.valid_time "
        f"AND l.knowledge_time = {row}.knowledge_time AND l.batch_id > {row}.batch_id)"
    )


def _know_revisions_from_the_fetch(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """A provider that shows only the latest values does not say when one was changed, so a change is known from the fetch that saw it.

    That holds for a row that a rule dates where the store has its period already, since the rule says when the period was first published;
    and for one with a publication time where the store has its very key, since an edited text keeps the time of the first one. Such a row
    stays only if it says something else than what was known before the fetch (it is ``clipped``). A payload that is parsed again keeps the
    times that it was given first.

    Where an answer says several things of a period, known one after the other, the last of them is what the provider shows now; those
    before it whose keys the store has are history that it knows.
    """
    data = relation(definition.name)
    own = (
        f" AND NOT EXISTS (SELECT 1 FROM {data} AS o WHERE o.entity_id = s.entity_id AND o.valid_time = s.valid_time "
        f"AND o.knowledge_time = s.knowledge_time AND o.batch_id IN ({_BATCHES_OF_PAYLOAD}))"
        if how.kind is BatchKind.REPARSE
        else ""
    )
    newer = (
        f"EXISTS (SELECT 1 FROM {table} AS n WHERE n.entity_id = s.entity_id AND n.valid_time = s.valid_time "
        "AND n.knowledge_time > s.knowledge_time)"
    )
    if how.kind is BatchKind.INGEST:
        connection.exec_driver_sql(
            f"DELETE FROM {table} AS s WHERE {newer} AND EXISTS (SELECT 1 FROM {data} AS x WHERE x.entity_id = s.entity_id "
            "AND x.valid_time = s.valid_time AND x.knowledge_time = s.knowledge_time)"
        )
    ruled = f"s.knowledge_basis IN ({KnowledgeBasis.CALENDAR.code}, {KnowledgeBasis.ASSUMED.code})"
    connection.execute(
        sa.text(
            f"UPDATE {table} AS s SET knowledge_time = :fetched_at, knowledge_basis = {KnowledgeBasis.OBSERVED.code}, clipped = true "
            f"WHERE s.knowledge_time < :fetched_at AND EXISTS (SELECT 1 FROM {data} AS x WHERE x.entity_id = s.entity_id "
            f"AND x.valid_time = s.valid_time AND x.row_state <> {RowState.ANNULLED.code} AND {_last_batch(data, 'x')} "
            f"AND ({ruled} OR x.knowledge_time = s.knowledge_time)) AND NOT {newer}{own}"
        ),
        {"fetched_at": how.fetched_at, "payloads": list(how.payloads), "dataset": definition.name},
    )


def _know_changes_of_a_day_from_the_fetch(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """A vintage that is only a date may change until its day is over, so what is seen of it while it runs is not final.

    The first answer is known from the day's release. Where the store has that key, and one of the two was seen while the day ran, the row is
    known from its own fetch, or from the end of the day if that came first, and stays only if it says something else than what was known
    before (it is ``clipped``). A payload that is parsed again keeps the times that it was given first.
    """
    data = relation(definition.name)
    known = f"least(:fetched_at, {_END_OF_DAY.format(row='s')})"
    own = (
        f" AND NOT EXISTS (SELECT 1 FROM {data} AS o WHERE o.entity_id = s.entity_id AND o.valid_time = s.valid_time "
        f"AND o.knowledge_time = s.knowledge_time AND o.batch_id IN ({_BATCHES_OF_PAYLOAD}))"
        if how.kind is BatchKind.REPARSE
        else ""
    )
    connection.execute(
        sa.text(
            f"UPDATE {table} AS s SET knowledge_time = {known}, knowledge_basis = {KnowledgeBasis.OBSERVED.code}, clipped = true "
            f"WHERE s.knowledge_time < {known} AND EXISTS (SELECT 1 FROM {data} AS x WHERE x.entity_id = s.entity_id "
            "AND x.valid_time = s.valid_time AND x.knowledge_time = s.knowledge_time AND x.vintage_date = s.vintage_date "
            f"AND x.row_state <> {RowState.ANNULLED.code} AND {_last_batch(data, 'x')} "
            f"AND (:fetched_at < {_END_OF_DAY.format(row='s')} OR {_LANDED_FOR.format(row='x')} < {_END_OF_DAY.format(row='x')})){own}"
        ),
        _of_days(definition, how),
    )


def _say_again_what_was_seen_later(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Staged rows that come in late, as those of an answer that was held back do, do not hide what a later fetch saw of the same day and the
    store knows from before them: that is staged again, known from the later fetch, at the latest from the end of the day.
    """
    data = relation(definition.name)
    values = "".join(f', "{column.name}"' for column in definition.columns)
    known = f"least({_LANDED_FOR.format(row='x')}, {_END_OF_DAY.format(row='x')})"
    again = (
        f"SELECT DISTINCT x.entity_id, x.valid_time, {known} AS knowledge_time, x.row_state, x.vintage_date{values.replace(', ', ', x.')} "
        f"FROM {table} AS s JOIN {data} AS x ON x.entity_id = s.entity_id AND x.valid_time = s.valid_time "
        f"AND x.vintage_date = s.vintage_date AND x.knowledge_time < s.knowledge_time AND x.row_state <> {RowState.ANNULLED.code} "
        f"AND {_last_batch(data, 'x')} WHERE s.knowledge_time = :fetched_at AND {known} > s.knowledge_time"
    )
    same = "l.entity_id = n.entity_id AND l.valid_time = n.valid_time AND l.knowledge_time = n.knowledge_time"
    connection.execute(
        sa.text(
            f"INSERT INTO {table} (entity_id, valid_time, knowledge_time, row_state, vintage_date{values}, knowledge_basis, clipped) "
            f"SELECT n.*, {KnowledgeBasis.OBSERVED.code}, false FROM ({again}) AS n "
            f"WHERE NOT EXISTS (SELECT 1 FROM {data} AS l WHERE {same}) AND NOT EXISTS (SELECT 1 FROM {table} AS l WHERE {same})"
        ),
        _of_days(definition, how),
    )


def _of_days(definition: DatasetDefinition, how: Comparison) -> dict[str, object]:
    return {"fetched_at": how.fetched_at, "zone": definition.zone, "dataset": definition.name, "payloads": list(how.payloads)}


_END_OF_DAY = "CAST({row}.vintage_date + 1 AS timestamp) AT TIME ZONE :zone"
"""SQL: when a row's vintage day is over."""

_LANDED_FOR = (
    "(SELECT max(l.landed_at) FROM crfs.batch_payload AS p JOIN crfs.payload AS l USING (sha256) "
    "WHERE p.batch_id = {row}.batch_id AND p.dataset IN ('', :dataset))"
)
"""SQL: when the last of the payloads that a row's batch rests on was fetched."""

_BATCHES_OF_PAYLOAD = (
    "SELECT p.batch_id FROM crfs.batch_payload AS p WHERE p.sha256 = ANY(:payloads) AND p.dataset IN ('', :dataset) "
    "AND NOT EXISTS (SELECT 1 FROM crfs.batch_payload AS q WHERE q.batch_id = p.batch_id AND q.dataset IN ('', :dataset) "
    "AND q.sha256 <> ALL(:payloads))"
)
"""The batches whose rows of a dataset came from the named payloads alone."""


def _annul_what_is_no_longer_said(connection: sa.Connection, definition: DatasetDefinition, table: str, how: Comparison) -> None:
    """Keys that the payloads' earlier rows have and the new parser's have not never were: they are staged as ``annulled``."""
    data = relation(definition.name)
    connection.execute(
        sa.text(
            f"INSERT INTO {table} (entity_id, valid_time, knowledge_time, row_state, knowledge_basis, clipped) "
            f"SELECT DISTINCT x.entity_id, x.valid_time, x.knowledge_time, {RowState.ANNULLED.code}, x.knowledge_basis, false FROM {data} AS x "
            f"WHERE x.batch_id IN ({_BATCHES_OF_PAYLOAD}) AND x.row_state <> {RowState.ANNULLED.code} AND {_last_batch(data, 'x')} "
            f"AND NOT EXISTS (SELECT 1 FROM {table} AS s WHERE s.entity_id = x.entity_id AND s.valid_time = x.valid_time "
            "AND s.knowledge_time = x.knowledge_time)"
        ),
        {"payloads": list(how.payloads), "dataset": definition.name},
    )
