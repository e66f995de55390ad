"""Connections to PostgreSQL: the application's, the owner's, and the bulk ones that speak Arrow."""

from __future__ import annotations

import queue
import re
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from crfs.errors import InvalidInput, ServiceUnavailable, plain
from crfs.store.bulk import BulkConnection, BulkError, connect

SCHEMA_VERSION = "0011"
WHEN_DOWN = "see CRFS_STORE__URL, or unset it for the embedded one"
_MIGRATION_LOCK = 0x63726673  # "crfs"
_ALEMBIC = threading.Lock()  # its context is the process's, not the thread's


class Database:
    """One PostgreSQL database, seen by one tenant and one actor.

    Every ordinary connection takes the role ``crfs_app``, which cannot update or delete a row of data and for which row-level security
    holds; definitions of relations and migrations run as ``crfs_owner``. Sessions are in UTC.
    """

    def __init__(self, url: str, *, tenant_id: int = 1, actor: str = "unknown", pool_size: int = 8, when_down: str = WHEN_DOWN) -> None:
        try:
            parsed = make_url(url)
        except sa.exc.ArgumentError:
            raise InvalidInput("the store's URL is not one; write postgresql://user@host/database") from None
        if parsed.get_backend_name() != "postgresql":
            raise InvalidInput(f"the store is PostgreSQL, not {parsed.get_backend_name()}; write postgresql://user@host/database")
        self.url: URL = parsed.set(drivername="postgresql+psycopg")
        self.when_down = when_down
        self.tenant_id = tenant_id
        self.actor = actor
        self._options = f"-c role=crfs_app -c crfs.tenant_id={tenant_id} -c timezone=UTC"
        here = _is_on_this_machine(self.url)
        self.engine = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=not here,  # a server that was started again has closed every connection of the pool
            use_native_hstore=False,  # there is none to be looked for
            connect_args={"options": self._options, "connect_timeout": 10},
        )
        if here:
            sa.event.listen(self.engine, "checkout", _check_that_it_is_open)
        sa.event.listen(self.engine, "before_cursor_execute", _keepable, retval=True)
        # An append holds one connection while it asks for a second one, so no more of them at once than there are pairs.
        self.appending = threading.BoundedSemaphore(pool_size)
        self._bulk: queue.SimpleQueue[BulkConnection] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._relations: set[tuple[str, str]] = set()
        self.entity_ids: dict[tuple[int, str], pl.DataFrame] = {}

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One snapshot for several statements: REPEATABLE READ, read only."""
        with answering(self.when_down), self.engine.connect() as plain:
            connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def asking(self) -> Iterator[sa.Connection]:
        """One statement that needs no transaction around it: a third of the round trips, which is what a look-up's time goes to."""
        with answering(self.when_down), self.engine.connect() as plain:
            yield plain.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def writing(self, *, durable: bool = True, snapshot: bool = False) -> Iterator[sa.Connection]:
        """One transaction of the application.

        One that is not ``durable`` does not wait for the disk: a crash of the server may lose it, but never one that rests on it, since a
        later durable commit takes all earlier ones to the disk with it. All statements of one with a ``snapshot`` see what was committed
        when the first was asked; else each sees what was committed by then.
        """
        with answering(self.when_down), self.engine.connect() as plain:
            connection = plain.execution_options(isolation_level="REPEATABLE READ") if snapshot else plain
            with connection.begin():
                if not durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection

    @contextmanager
    def owning(self) -> Iterator[sa.Connection]:
        """One transaction of the owner of the tables, for definitions of relations."""
        with answering(self.when_down), self.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE crfs_owner")
            yield connection

    @contextmanager
    def bulk(self) -> Iterator[BulkConnection]:
        """A connection that reads Arrow tables."""
        connection = self._pooled_bulk()
        try:
            if connection is None:
                connection = connect(self.url, self._bulk_uri())
            yield connection
        except BulkError as error:
            if connection is not None:
                connection.close()
            raise unavailable(error, self.when_down) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._bulk.put(connection)

    def _pooled_bulk(self) -> BulkConnection | None:
        """A pooled connection that still answers, if there is one."""
        while True:
            try:
                connection = self._bulk.get_nowait()
            except queue.Empty:
                return None
            if connection.is_alive():
                return connection
            connection.close()

    def table(self, statement: str) -> pl.DataFrame:
        """The answer of a query as a table, by Arrow."""
        with self.bulk() as connection:
            return connection.table(statement)

    def time(self) -> datetime:
        """What time it is by the server's clock, UTC."""
        with self.asking() as connection:
            instant: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            return instant

    def knows_relation(self, name: str, digest: str) -> bool:
        """Whether this process has seen the relation of a definition made."""
        with self._lock:
            return (name, digest) in self._relations

    def remember_relation(self, name: str, digest: str) -> None:
        """Note that the relation of a definition is there."""
        with self._lock:
            self._relations.add((name, digest))

    def remember_entities(self, owner: tuple[int, str], met: pl.DataFrame) -> None:
        """Note numbers of entities (``natural_key``, ``entity_id``) that the store has given."""
        with self._lock:
            before = self.entity_ids.get(owner)
            self.entity_ids[owner] = met if before is None else pl.concat([before, met]).unique("natural_key", keep="first")

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        while True:
            try:
                self._bulk.get_nowait().close()
            except queue.Empty:
                return

    def _bulk_uri(self) -> str:
        user = quote(self.url.username or "", safe="")
        password = f":{quote(str(self.url.password), safe='')}" if self.url.password is not None else ""
        place = f"{self.url.host or ''}" + (f":{self.url.port}" if self.url.port else "")
        query = {key: value if isinstance(value, str) else value[0] for key, value in self.url.query.items()}
        query["options"] = f"{self._options} -c synchronous_commit=off"
        return f"postgresql://{user}{password}{'@' if user else ''}{place}/{quote(self.url.database or '', safe='')}?" + urlencode(
            query, quote_via=quote
        )


def _is_on_this_machine(url: URL) -> bool:
    """Whether the server is reached by a Unix socket."""
    host = url.host or url.query.get("host")
    return isinstance(host, str) and host.startswith("/")


def _check_that_it_is_open(raw: Any, _record: object, _proxy: object) -> None:
    """Refuse a connection of the pool that its server has closed, in the place of a question for each use.

    On this machine a server that ends has closed its side: then there is something to be read, though nothing was asked.
    """
    asked = select.poll()
    if not raw.closed:
        asked.register(raw.fileno(), select.POLLIN)
    if raw.closed or asked.poll(0):
        raise sa.exc.DisconnectionError


_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def _keepable(_connection: object, _cursor: object, statement: str, parameters: Any, _context: object, _many: bool) -> tuple[str, Any]:
    """The words of an error (``:error`` of any statement) and a job's ``:outcome`` as a column can keep them, whatever they quote.

    Whoever tells the ledger how a job ended can do nothing about what the error says: could it not be written, the job would never end, no
    failure would be counted, and a worker would do it again for ever. Anything else with a NUL is its giver's mistake, and refused.
    """
    if isinstance(parameters, dict):
        if isinstance(error := parameters.get("error"), str):
            parameters = {**parameters, "error": plain(error)}
        if isinstance(outcome := parameters.get("outcome"), str) and "\\u0000" in outcome:
            parameters = {**parameters, "outcome": _NUL_IN_JSON.sub(r"\1\\ufffd", outcome)}
    return statement, parameters


def ensure_schema(database: Database) -> None:
    """Bring the database to this version's schema; a fresh one gets it whole, a newer one is refused."""
    plain = sa.create_engine(database.url, poolclass=sa.pool.NullPool, use_native_hstore=False, connect_args={"connect_timeout": 10})
    try:
        with plain.connect() as connection:
            if _version(connection) == SCHEMA_VERSION:
                return
        with plain.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})")
            version = _version(connection)
            connection.commit()
            if version is not None and version > SCHEMA_VERSION:
                raise ServiceUnavailable(
                    f"the database has schema {version}, this crfs knows {SCHEMA_VERSION}: it was written by a newer crfs; upgrade crfs"
                )
            if version != SCHEMA_VERSION:
                _migrate(connection)
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})")
            connection.commit()
    except sa.exc.OperationalError as error:
        raise unavailable(error, database.when_down) from None
    finally:
        plain.dispose()


@contextmanager
def answering(when_down: str = WHEN_DOWN) -> Iterator[None]:
    """Turns what SQLAlchemy says of a server that cannot be used, and of a value that no column can hold, into deliberate errors."""
    try:
        yield
    except sa.exc.OperationalError as error:
        raise unavailable(error, when_down) from error
    except sa.exc.DataError as error:
        detail = str(error.orig).strip().splitlines()[0]
        raise InvalidInput(f"PostgreSQL cannot take a value that was given: {detail}") from error
    except sa.exc.TimeoutError as error:
        raise ServiceUnavailable("every connection to PostgreSQL is busy; try again, or raise CRFS_STORE__POOL_SIZE") from error


def unavailable(error: Exception, when_down: str = WHEN_DOWN) -> ServiceUnavailable:
    """The deliberate error for a PostgreSQL that cannot be used."""
    text = str(getattr(error, "orig", None) or error).strip().splitlines()
    detail = text[0] if text else type(error).__name__
    sqlstate = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    if sqlstate == "53100" or "No space left" in detail or "could not extend" in detail:
        return ServiceUnavailable(f"the disk of the store is full ({detail}); free some space and run the same command again")
    if sqlstate.startswith("40"):
        return ServiceUnavailable(f"PostgreSQL gave up a transaction because of another one ({detail}); run the same command again")
    return ServiceUnavailable(f"PostgreSQL does not answer ({detail}); {when_down}")


def _version(connection: sa.Connection) -> str | None:
    if connection.exec_driver_sql("SELECT to_regclass('public.crfs_version')").scalar() is None:
        return None
    version: str | None = connection.exec_driver_sql("SELECT version_num FROM public.crfs_version").scalar()
    return version


def _migrate(connection: sa.Connection) -> None:
    from importlib.resources import as_file, files

    from alembic import command
    from alembic.config import Config

    _ensure_roles(connection)
    with _ALEMBIC, as_file(files("crfs.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        connection.exec_driver_sql("SET ROLE crfs_owner")
        connection.commit()
        command.upgrade(config, "head")
        connection.commit()
    connection.exec_driver_sql("RESET ROLE")
    connection.commit()


def _ensure_roles(connection: sa.Connection) -> None:
    """Roles belong to the whole server, and no lock does: another database's first start at the same moment is waited for."""
    user, database = connection.exec_driver_sql("SELECT current_user, current_database()").one()
    for pause in (0.05, 0.1, 0.2, 0.4, 0.8, None):
        try:
            _make_roles(connection, user, database)
            connection.commit()
            return
        except (sa.exc.ProgrammingError, sa.exc.IntegrityError, sa.exc.InternalError) as error:
            connection.rollback()
            if pause is not None and getattr(error.orig, "sqlstate", None) != "42501":  # insufficient_privilege does not pass
                time.sleep(pause)
                continue
            raise ServiceUnavailable(
                f"the user {user} may not make the roles crfs_owner and crfs_app ({str(error.orig).strip()}); have an administrator run: "
                f"CREATE ROLE crfs_owner NOLOGIN; CREATE ROLE crfs_app NOLOGIN; GRANT crfs_owner, crfs_app TO {user}; "
                f"GRANT CREATE ON DATABASE {database} TO crfs_owner; GRANT CREATE, USAGE ON SCHEMA public TO crfs_owner"
            ) from None


def _make_roles(connection: sa.Connection, user: str, database: str) -> None:
    for role in ("crfs_owner", "crfs_app"):
        if connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).scalar() is None:
            connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN NOBYPASSRLS")
        granted = "SELECT 1 FROM pg_auth_members WHERE roleid = %s::regrole AND member = %s::regrole"
        if connection.exec_driver_sql(granted, (role, _quoted(user))).scalar() is None:
            connection.exec_driver_sql(f"GRANT {role} TO {_quoted(user)}")
    connection.exec_driver_sql(f"GRANT CREATE ON DATABASE {_quoted(database)} TO crfs_owner")
    connection.exec_driver_sql("GRANT CREATE, USAGE ON SCHEMA public TO crfs_owner")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
