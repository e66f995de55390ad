"""Bulk connections, which speak Arrow: what their driver learns of a server is learnt once a process.

The driver is used without its DB-API: that loads pandas and PyArrow, which take longer than most commands, and neither is needed to hand its Arrow
streams to Polars.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import polars as pl
from sqlalchemy.engine import URL

if TYPE_CHECKING:
    from adbc_driver_manager import AdbcConnection, AdbcDatabase


class BulkError(Exception):
    """The server, or the way to it, failed while a table was read."""


class BulkConnection:
    """A connection that answers queries with tables, each in a transaction of its own."""

    def __init__(self, plain: AdbcConnection) -> None:
        self._plain = plain

    def table(self, statement: str) -> pl.DataFrame:
        """The answer of a query. Raises :class:`BulkError`, and ``KeyboardInterrupt`` where Ctrl-C cancelled it.

        The driver takes the signal for itself, and tells it as an error of this step or of the next one.
        """
        from adbc_driver_manager import AdbcStatement, OperationalError
        from adbc_driver_manager._lib import _blocking_call

        interrupted = threading.Event()
        with AdbcStatement(self._plain) as prepared:

            def stop() -> None:
                interrupted.set()
                prepared.cancel()

            prepared.set_sql_query(statement)
            try:
                stream, _ = _blocking_call(prepared.execute_query, (), {}, stop)
                return _blocking_call(pl.DataFrame, (stream,), {}, stop).rechunk()
            except (OperationalError, pl.exceptions.PolarsError) as error:
                if interrupted.is_set():
                    raise KeyboardInterrupt from error
                raise BulkError(str(error)) from error

    def is_alive(self) -> bool:
        """Whether it still answers."""
        from adbc_driver_manager import Error

        try:
            self.table("SELECT 1")
        except (BulkError, Error):
            return False
        return True

    def close(self) -> None:
        """Leave the server."""
        self._plain.close()


class _Server:
    """A PostgreSQL as the driver knows it.

    To open one it looks up every type and column that a database has, which takes a hundred times as long as to connect. The types that crfs
    reads are PostgreSQL's own, the same in every database of a server: so one is opened, and only where it connects to is said anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: AdbcDatabase | None = None

    def connect(self, uri: str) -> BulkConnection:
        import adbc_driver_postgresql
        from adbc_driver_manager import AdbcConnection, Error

        with self._lock:  # nobody says another place between the two
            try:
                if self._opened is None:
                    self._opened = adbc_driver_postgresql.connect(uri)
                self._opened.set_options(uri=uri)
                return BulkConnection(AdbcConnection(self._opened))
            except Error as error:
                raise BulkError(str(error)) from error


_SERVERS: dict[tuple[str | None, int | None, str | None], _Server] = {}
_LOCK = threading.Lock()


def connect(url: URL, uri: str) -> BulkConnection:
    """A connection of the bulk driver to ``uri``, which is ``url`` in its words. Raises :class:`BulkError`."""
    with _LOCK:
        server = _SERVERS.setdefault((url.host or str(url.query.get("host")), url.port, url.username), _Server())
    return server.connect(uri)
