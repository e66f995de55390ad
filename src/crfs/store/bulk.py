"""Bulk connections, which speak Arrow: what their driver learns of a server is learnt once a process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL

if TYPE_CHECKING:
    from adbc_driver_manager import AdbcDatabase
    from adbc_driver_postgresql.dbapi import Connection


class _Server:
    """A PostgreSQL as the driver knows it.

    To open one it looks up every type and column that a database has, which takes a hundred times as long as to connect. The types that crfs
    reads are PostgreSQL's own, the same in every database of a server: so one is opened, and only where it connects to is said anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: AdbcDatabase | None = None

    def connect(self, uri: str) -> Connection:
        import adbc_driver_postgresql
        from adbc_driver_manager import AdbcConnection
        from adbc_driver_manager.dbapi import _SharedDatabase
        from adbc_driver_postgresql.dbapi import Connection

        with self._lock:  # nobody says another place between the two
            if self._opened is None:
                self._opened = adbc_driver_postgresql.connect(uri)
            self._opened.set_options(uri=uri)
            plain = AdbcConnection(self._opened)
        try:
            # A connection closes its database, unless somebody shares it.
            return Connection(_SharedDatabase(self._opened), plain)
        except BaseException:
            plain.close()
            raise


_SERVERS: dict[tuple[str | None, int | None, str | None], _Server] = {}
_LOCK = threading.Lock()


def connect(url: URL, uri: str) -> Connection:
    """A connection of the bulk driver to ``uri``, which is ``url`` in its words; autocommit is off."""
    with _LOCK:
        server = _SERVERS.setdefault((url.host or str(url.query.get("host")), url.port, url.username), _Server())
    return server.connect(uri)
