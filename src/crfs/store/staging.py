"""Where a writer puts rows to look at them: unlogged tables of its own, under a lock that the server gives up when the writer dies."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import polars as pl
import sqlalchemy as sa

from crfs.store.binary_copy import copy_rows
from crfs.store.database import Database, answering

if TYPE_CHECKING:
    import psycopg

_TYPES = {
    pl.Int16: "smallint",
    pl.Int64: "bigint",
    pl.Float64: "double precision",
    pl.String: "text",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Datetime: "timestamptz",
}


class StagingRoom:
    """The staging tables of one append; ``guard`` is the connection that holds their lock."""

    def __init__(self, token: int, guard: sa.Connection) -> None:
        self._token = token
        self._guard = guard
        self._names: list[str] = []

    @property
    def names(self) -> list[str]:
        """The tables that were made."""
        return list(self._names)

    def stage(self, connection: sa.Connection, rows: pl.DataFrame) -> str:
        """Make a table and fill it with ``rows`` on ``connection``; its qualified name.

        The table itself is committed at once. A transaction that makes an unlogged table and is undone because the server dies leaves the
        server a start that fails: it makes the table's files again from its log, where one of them lies still.
        """
        name = f"staging.s{self._token:016x}_{len(self._names)}"
        columns = ", ".join(f'"{column}" {_TYPES[dtype.base_type()]}' for column, dtype in rows.schema.items())
        self._names.append(name)
        self._guard.exec_driver_sql(f"CREATE UNLOGGED TABLE {name} ({columns})")
        self._guard.commit()
        copy_into(connection, name, rows)
        connection.exec_driver_sql(f"ANALYZE {name} (entity_id)")
        return name


def copy_into(connection: sa.Connection, relation: str, rows: pl.DataFrame) -> None:
    """Write ``rows`` into a relation in the transaction of ``connection``.

    COPY goes past SQLAlchemy, so what it breaks is made what a statement of SQLAlchemy's would have raised.
    """
    import psycopg

    raw = cast("psycopg.Connection", connection.connection.dbapi_connection)
    try:
        with raw.cursor() as cursor:
            copy_rows(cursor, relation, rows)
    except psycopg.Error as error:
        lost = raw.closed
        told = sa.exc.DBAPIError.instance(
            f"COPY {relation}", None, error, psycopg.Error, connection_invalidated=lost, dialect=connection.dialect
        )
        if lost:
            connection.invalidate(error)
        raise told from error


@contextmanager
def staging_room(database: Database) -> Iterator[StagingRoom]:
    """Room for one append; a writer that dies leaves its tables to the next one, which sees that nobody holds their lock."""
    token = secrets.randbits(62)
    with answering(database.when_down), database.engine.connect() as guard:
        room = StagingRoom(token, guard)
        guard.exec_driver_sql("SET synchronous_commit = off")
        guard.execute(sa.text("SELECT pg_advisory_lock(:token)"), {"token": token})
        guard.commit()
        try:
            yield room
        except BaseException:
            # What went wrong is to be told, not that the server is no longer there to be tidied.
            try:
                _leave(guard, room, token)
            except sa.exc.SQLAlchemyError:
                guard.invalidate()
            raise
        _leave(guard, room, token)


def _leave(guard: sa.Connection, room: StagingRoom, token: int) -> None:
    """Drop the staging tables and give up the lock that guards them."""
    guard.rollback()
    if room.names:
        guard.exec_driver_sql(f"DROP TABLE IF EXISTS {', '.join(room.names)}")
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
