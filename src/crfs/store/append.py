"""Appending rows: staged and compared without a lock, then published in one short transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, ROW_STATE, RowState
from crfs.credit.definitions import ColumnType, DatasetDefinition, RevisionPolicy
from crfs.errors import Conflict, InvalidInput
from crfs.store.database import Database, answering, unavailable
from crfs.store.entities import entity_ids
from crfs.store.publication import BatchKind, BatchNote, Publication, publication
from crfs.store.relations import content_of, ensure_relation, relation

_KEY = ["entity", "valid_time", "knowledge_time"]
_KINDS = (BatchKind.INGEST, BatchKind.CORRECTION, BatchKind.REPARSE, BatchKind.REDERIVE, BatchKind.ANNUL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Rows of one dataset, ready to be appended.

    ``rows`` has entity, valid_time, knowledge_time, knowledge_basis, vintage_date, row_state, optionally ``clipped``, and every value
    column of the definition.
    """

    definition: DatasetDefinition
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an append did: ``batch_id`` is None where nothing was new. Counts are by dataset."""

    batch_id: int | None
    appended: Mapping[str, int]
    unchanged: Mapping[str, int]


def append(database: Database, deliveries: list[Delivery], note: BatchNote) -> Receipt:
    """Append the rows that are new, all of them in one batch, or none.

    Values are cast only where the cast loses nothing, and times must carry their zone.

    A batch of kind ``ingest`` is compared with the row that counts at the same key: an equal one is a no-op (and so is one whose key was
    annulled: to bring it back is a correction), a different one is a :class:`~crfs.errors.Conflict`. The kinds that amend history append
    what differs from the row that counts, be it only in its ``knowledge_basis`` or ``vintage_date``. A row marked ``clipped`` is dropped
    where a value known before says the same. In a vintaged dataset a ``missing`` row after a value is a withdrawal, whichever of the two
    is ingested first: it is kept as ``retracted``.
    """
    if note.kind not in _KINDS:
        raise InvalidInput(f"a batch of kind {note.kind.value} has no rows of a dataset; append takes {', '.join(k.value for k in _KINDS)}")
    names = [delivery.definition.name for delivery in deliveries]
    if len(set(names)) < len(names):
        raise InvalidInput("an append has one delivery a dataset; concatenate the rows of a dataset first")
    prepared = [(delivery.definition, _prepared(database, delivery, note.kind)) for delivery in deliveries]
    prepared = [(definition, rows) for definition, rows in prepared if rows.height]
    given = {definition.name: rows.height for definition, rows in prepared}
    if not prepared:
        return Receipt(batch_id=None, appended={}, unchanged={})
    for definition, _ in prepared:
        ensure_relation(database, definition)
    with database.appending, _staged(database, prepared) as staged:
        with database.writing(durable=False) as connection:
            compared_at = _head(connection)
            for definition, table in staged:
                _compare(connection, definition, table, note.kind, since=0)
            left = {definition.name: _count(connection, table) for definition, table in staged}
        if not any(left.values()):
            return Receipt(batch_id=None, appended=left, unchanged=given)
        try:
            with publication(database, note) as batch:
                if batch.previous > compared_at:
                    left = _compare_again(batch, staged, note.kind, since=compared_at)
                for definition, table in staged:
                    if left[definition.name]:
                        _insert(batch, definition, table, left[definition.name])
        except _NothingNew:
            return Receipt(batch_id=None, appended=dict.fromkeys(given, 0), unchanged=given)
    return Receipt(batch_id=batch.batch_id, appended=left, unchanged={name: max(0, given[name] - left[name]) for name in given})


class _NothingNew(Exception):
    """Another writer published the same rows between the comparison and the lock."""


def _prepared(database: Database, delivery: Delivery, kind: BatchKind) -> pl.DataFrame:
    """Rows cast exactly to the relation's types, entities as ids, doubles of the same content left out."""
    definition, rows = delivery.definition, delivery.rows
    schema = definition.schema()
    lacking = [name for name in (*_KEY, "knowledge_basis", "row_state", *schema) if name not in rows.columns]
    if lacking:
        raise InvalidInput(f"dataset {definition.name}: the rows lack the column {lacking[0]}")
    wanted: dict[str, pl.DataType] = {
        "entity": pl.String(),
        "valid_time": INSTANT,
        "knowledge_time": INSTANT,
        "row_state": ROW_STATE,
        "knowledge_basis": KNOWLEDGE_BASIS,
        "vintage_date": pl.Date(),
        "clipped": pl.Boolean(),
        **schema,
    }
    columns = [
        _exactly(rows[name], dtype, definition.name)
        if name in rows.columns
        else pl.Series(name, [None], dtype).new_from_index(0, rows.height)
        for name, dtype in wanted.items()
    ]
    table = pl.DataFrame(columns).with_columns(
        pl.col("row_state", "knowledge_basis").to_physical().cast(pl.Int16), pl.col("clipped").fill_null(value=False)
    )
    _check_values(definition, table, kind)
    table = table.unique(maintain_order=True)
    doubled = table.filter(table.select(_KEY).is_duplicated())
    if doubled.height:
        first = doubled.row(0, named=True)
        raise Conflict(
            f"dataset {definition.name}: the delivery has two different rows for {first['entity']} at {first['valid_time']:%Y-%m-%d} "
            f"known from {first['knowledge_time']:%Y-%m-%d %H:%M}Z"
        )
    ids = entity_ids(database, definition, table["entity"].unique())
    return table.select(pl.col("entity").replace_strict(ids, return_dtype=pl.Int64).alias("entity_id"), pl.exclude("entity")).sort(
        "entity_id", "valid_time", "knowledge_time"
    )


def _exactly(given: pl.Series, dtype: pl.DataType, dataset: str) -> pl.Series:
    """The same values in the relation's type; a cast that would change one, or give a local time a zone, is refused."""
    if given.dtype == dtype:
        return given
    if dtype == INSTANT and (not isinstance(given.dtype, pl.Datetime) or given.dtype.time_zone is None) and given.dtype != pl.Null:
        raise InvalidInput(f"dataset {dataset}: {given.name} is {given.dtype}; give instants with a time zone")
    try:
        cast = given.cast(dtype)
        changed = cast.cast(given.dtype).ne_missing(given)
    except pl.exceptions.PolarsError:
        raise InvalidInput(f"dataset {dataset}: column {given.name} is {given.dtype} and cannot be read as {dtype}") from None
    if changed.any():
        value = given.filter(changed).item(0)
        raise InvalidInput(f"dataset {dataset}: column {given.name} has {value!r}, which {dtype} cannot hold exactly")
    return cast


def _check_values(definition: DatasetDefinition, table: pl.DataFrame, kind: BatchKind) -> None:
    for name in ("entity", "valid_time", "knowledge_time", "row_state", "knowledge_basis"):
        if table[name].null_count():
            raise InvalidInput(f"dataset {definition.name}: {name} is blank in {table[name].null_count()} rows")
    for column in definition.columns:
        if column.type is ColumnType.FLOAT8 and not table[column.name].is_finite().all():
            raise InvalidInput(f"dataset {definition.name}: column {column.name} has NaN or infinity; a row has neither")
    for name in ("entity", *(column.name for column in definition.columns if column.type is ColumnType.TEXT)):
        if table[name].str.contains("\0", literal=True).any():
            raise InvalidInput(f"dataset {definition.name}: column {name} has a text with a NUL character, which PostgreSQL cannot keep")
    empty = table.filter(pl.col("row_state") != RowState.VALUE.code)
    if empty.height and any(empty[name].null_count() < empty.height for name in definition.schema()):
        raise InvalidInput(f"dataset {definition.name}: a missing, retracted or annulled row has no values")
    annulled = (table["row_state"] == RowState.ANNULLED.code).sum()
    if (annulled and kind is not BatchKind.ANNUL) or (kind is BatchKind.ANNUL and annulled < table.height):
        raise InvalidInput(f"dataset {definition.name}: annulled rows come in a batch of kind annul, and no others do")


@contextmanager
def _staged(database: Database, prepared: list[tuple[DatasetDefinition, pl.DataFrame]]) -> Iterator[list[tuple[DatasetDefinition, str]]]:
    """Unlogged tables with the rows; a writer that dies leaves them to the next one, which sees that nobody holds their lock."""
    token = secrets.randbits(62)
    names = [(definition, f"s{token:016x}_{number}") for number, (definition, _) in enumerate(prepared)]
    with answering(), database.engine.connect() as guard:
        guard.exec_driver_sql("SET synchronous_commit = off")
        guard.execute(sa.text("SELECT pg_advisory_lock(:token)"), {"token": token})
        guard.commit()
        try:
            with database.bulk() as connection:
                from adbc_driver_postgresql import dbapi

                try:
                    for (definition, rows), (_, name) in zip(prepared, names, strict=True):
                        with connection.cursor() as cursor:
                            cursor.execute(_create_staging(definition, name))
                            cursor.adbc_ingest(name, rows.to_arrow(), mode="append", db_schema_name="staging")
                    connection.commit()
                except dbapi.Error as error:
                    raise unavailable(error) from error
            with database.writing(durable=False) as writer:
                for _, name in names:
                    writer.exec_driver_sql(f"ANALYZE staging.{name} (entity_id)")
            yield [(definition, f"staging.{name}") for definition, name in names]
        except BaseException:
            # What went wrong is to be told, not that the server is no longer there to be tidied.
            try:
                _unstage(guard, names, token)
            except sa.exc.SQLAlchemyError:
                guard.invalidate()
            raise
        _unstage(guard, names, token)


def _unstage(guard: sa.Connection, names: list[tuple[DatasetDefinition, str]], token: int) -> None:
    """Drop the staging tables and give up the lock that guards them."""
    guard.rollback()
    for _, name in names:
        guard.exec_driver_sql(f"DROP TABLE IF EXISTS staging.{name}")
    guard.execute(sa.text("SELECT pg_advisory_unlock(:token)"), {"token": token})
    guard.exec_driver_sql("RESET synchronous_commit")
    guard.commit()


def sweep_staging(database: Database) -> int:
    """Drop the staging tables of writers that died; the number of tables dropped."""
    dropped = 0
    with database.writing(durable=False) as connection:
        tables = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'").scalars().all()
        for name in tables:
            token = int(name[1:17], 16)
            if connection.execute(sa.text("SELECT pg_try_advisory_xact_lock(:token)"), {"token": token}).scalar():
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS staging.{name}")
                dropped += 1
    return dropped


def _create_staging(definition: DatasetDefinition, name: str) -> str:
    columns = ", ".join(f'"{column.name}" {column.type.value}' for column in definition.columns)
    return (
        f"CREATE UNLOGGED TABLE staging.{name} (entity_id bigint, valid_time timestamptz, knowledge_time timestamptz, "
        f"row_state smallint, knowledge_basis smallint, vintage_date date, clipped boolean, {columns})"
    )


def _compare(connection: sa.Connection, definition: DatasetDefinition, table: str, kind: BatchKind, *, since: int) -> None:
    """Take out of the staged rows those that say nothing new; ``since`` compares with later batches only."""
    data = relation(definition.name)
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
    if kind is BatchKind.INGEST:
        row = connection.exec_driver_sql(
            f"SELECT s.entity_id, s.valid_time, s.knowledge_time {counted} WHERE {contrary} LIMIT 1"
        ).one_or_none()
        if row is not None:
            entity = connection.execute(
                sa.text("SELECT natural_key FROM crfs.entity WHERE entity_id = :entity_id"), {"entity_id": row.entity_id}
            ).scalar()
            raise Conflict(
                f"dataset {definition.name}: {entity} at {row.valid_time:%Y-%m-%d} known from {row.knowledge_time:%Y-%m-%d %H:%M}Z has another "
                "value in the store; if the source was wrong then, write a correction with a reason"
            )
    connection.exec_driver_sql(f"DELETE FROM {table} AS gone USING (SELECT s.ctid {counted} WHERE {settled}) AS k WHERE gone.ctid = k.ctid")
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


def _compare_again(batch: Publication, staged: list[tuple[DatasetDefinition, str]], kind: BatchKind, *, since: int) -> dict[str, int]:
    """What is left of the staged rows after those that others published between the comparison and the lock."""
    for definition, table in staged:
        if _touched_since(batch, definition, since):
            _compare(batch.connection, definition, table, kind, since=since)
    left = {definition.name: _count(batch.connection, table) for definition, table in staged}
    if not any(left.values()):
        raise _NothingNew
    return left


def _insert(batch: Publication, definition: DatasetDefinition, table: str, count: int) -> None:
    names = [column.name for column in definition.columns]
    columns = ", ".join(f'"{name}"' for name in names)
    fixed = "entity_id, valid_time, knowledge_time, row_state, knowledge_basis, vintage_date"
    batch.connection.execute(
        sa.text(
            f"INSERT INTO {relation(definition.name)} ({fixed}, batch_id, recorded_at, {columns}) "
            f"SELECT {fixed}, :batch_id, :recorded_at, {columns} FROM {table}"
        ),
        {"batch_id": batch.batch_id, "recorded_at": batch.recorded_at},
    )
    batch.connection.execute(
        sa.text(
            "INSERT INTO crfs.batch_dataset (batch_id, dataset, row_count, columns, content) "
            f"SELECT :batch_id, :dataset, :row_count, :columns, {content_of(names, 's')} FROM {table} AS s"
        ),
        {"batch_id": batch.batch_id, "dataset": definition.name, "row_count": count, "columns": names},
    )


def _head(connection: sa.Connection) -> int:
    batch_id: int = connection.exec_driver_sql("SELECT batch_id FROM crfs.head").scalar_one()
    return batch_id


def _count(connection: sa.Connection, table: str) -> int:
    count: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return count


def _touched_since(batch: Publication, definition: DatasetDefinition, batch_id: int) -> bool:
    return (
        batch.connection.execute(
            sa.text("SELECT 1 FROM crfs.batch_dataset WHERE dataset = :dataset AND batch_id > :batch_id LIMIT 1"),
            {"dataset": definition.name, "batch_id": batch_id},
        ).scalar()
        is not None
    )
