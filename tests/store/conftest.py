"""A real server for the store's tests: one PostgreSQL a session, a fresh database a module or a test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
import sqlalchemy as sa

from crfs.ops import datatier
from crfs.store.database import Database, ensure_schema
from tests.places import servers_folder

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server_url() -> Iterator[sa.URL]:
    """The address of a running PostgreSQL."""
    with servers_folder("store test") as folder, datatier.start(folder / "data") as tier:
        url = sa.make_url(tier.store_url)
        wait_for_no_disk(url)
        yield url


@contextmanager
def administering(url: sa.URL) -> Iterator[sa.Connection]:
    """A connection of the superuser, statement by statement."""
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def wait_for_no_disk(url: sa.URL) -> None:
    """The server of tests that pull no plug: nothing is waited for until it lies on the disk, which is shared too."""
    with administering(url) as connection:
        # What is kept of the log takes room: each server's own would grow to gigabytes.
        for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '128MB'"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


def new_database(server_url: sa.URL, template: str | None = None) -> sa.URL:
    """The address of a database of its own, empty or a copy of the template."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    with administering(server_url) as connection:
        # The files of a template are copied; by default every page of them goes through the log too.
        connection.exec_driver_sql(f"CREATE DATABASE {name}" + (f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""))
    return server_url.set(database=name)


@pytest.fixture(scope="session")
def empty_url(server_url: sa.URL) -> Callable[[], sa.URL]:
    """Makes an empty database, without the schema."""
    return lambda: new_database(server_url)


@pytest.fixture(scope="session")
def new_store(server_url: sa.URL) -> Callable[[], sa.URL]:
    """Makes a database with the schema: the schema is made once, and copied."""
    blank = new_database(server_url)
    with closing(Database(blank.render_as_string(hide_password=False), tenant_id=1, actor="tester")) as database:
        ensure_schema(database)
    return lambda: new_database(server_url, blank.database)


@pytest.fixture(scope="module")
def connect() -> Iterator[Callable[..., Database]]:
    """Opens databases (url, then the keywords of Database) and closes them when the module is over."""
    with ExitStack() as stack:

        def opened(url: sa.URL, *, tenant_id: int = 1, actor: str = "tester") -> Database:
            database = Database(url.render_as_string(hide_password=False), tenant_id=tenant_id, actor=actor)
            stack.callback(database.close)
            return database

        yield opened


@pytest.fixture(scope="module")
def module_database(new_store: Callable[[], sa.URL], connect: Callable[..., Database]) -> Database:
    """A database with the schema, shared by the tests of a module."""
    return connect(new_store())


@pytest.fixture(scope="module")
def model(new_store: Callable[[], sa.URL], connect: Callable[..., Database]) -> Database:
    """Another one, shared by the tests of a module, to take in there what is read again."""
    return connect(new_store())


@pytest.fixture
def own_database(new_store: Callable[[], sa.URL], connect: Callable[..., Database]) -> Database:
    """A database with the schema, for one test."""
    return connect(new_store())
