"""The schema, the roles, and what is said of a server that cannot be used."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
import sqlalchemy as sa

from crfs.credit.definitions import Scope
from crfs.errors import InvalidInput, NotFound, ServiceUnavailable
from crfs.store.database import SCHEMA_VERSION, WHEN_DOWN, Database, ensure_schema
from tests.store.conftest import administering
from tests.store.deliveries import dataset, rows, stored, write
from tests.test_imports import loaded_by


def test_the_version_of_the_code_is_that_of_the_last_migration(module_database: Database) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(files("crfs.store") / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]
    with administering(module_database.url) as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM public.crfs_version").scalar_one() == SCHEMA_VERSION


def test_an_upgrade_from_nothing_belongs_to_the_owner_and_is_done_once(module_database: Database) -> None:
    ensure_schema(module_database)
    with module_database.reading() as connection:
        owners = (
            connection.exec_driver_sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('crfs', 'data')").scalars().all()
        )
        assert list(owners) == ["crfs_owner"]
        assert connection.exec_driver_sql("SELECT batch_id FROM crfs.head").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT current_user, current_setting('timezone')").one() == ("crfs_app", "UTC")


def test_several_make_the_schema_and_the_roles_at_once(
    empty_url: Callable[[], sa.URL], connect: Callable[..., Database], server_url: sa.URL
) -> None:
    """Two databases of one server at the same moment, each by two callers: the roles are the server's, no database's lock holds them."""
    urls = [empty_url(), empty_url()]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ensure_schema, [connect(url) for url in urls * 2]))
    for url in urls:
        assert write(connect(url), dataset(), rows([1.0])).batch_id == 1


def test_a_schema_of_a_newer_crfs_is_refused(empty_url: Callable[[], sa.URL], connect: Callable[..., Database]) -> None:
    url = empty_url()
    database = connect(url)
    ensure_schema(database)
    with administering(url) as connection:
        connection.exec_driver_sql("UPDATE public.crfs_version SET version_num = '9999'")
    with pytest.raises(ServiceUnavailable, match=r"schema 9999.* newer crfs; upgrade crfs"):
        ensure_schema(database)


def test_a_server_that_is_not_there_says_what_to_do(connect: Callable[..., Database]) -> None:
    database = connect(sa.make_url("postgresql://nobody@127.0.0.1:1/crfs"))
    for attempt in (
        lambda: ensure_schema(database),
        lambda: write(database, dataset(), rows([1.0])),
        lambda: database.table("SELECT 1"),
        lambda: stored(database, dataset()),
    ):
        with pytest.raises(ServiceUnavailable, match=r"PostgreSQL does not answer .*CRFS_STORE__URL"):
            attempt()


def test_a_database_that_is_not_there_says_what_to_do(server_url: sa.URL, connect: Callable[..., Database]) -> None:
    with pytest.raises(ServiceUnavailable, match='"no_such" does not exist'):
        ensure_schema(connect(server_url.set(database="no_such")))


def test_a_url_of_something_else_is_refused() -> None:
    for url, message in [("sqlite:///x.db", "not sqlite"), ("what?", "is not one")]:
        with pytest.raises(InvalidInput, match=message):
            Database(url)


def test_connections_that_the_server_has_closed_are_made_anew(own_database: Database) -> None:
    definition = dataset()
    write(own_database, definition, rows([1.0]))
    assert own_database.table("SELECT 1 AS one").item() == 1
    with administering(own_database.url) as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert own_database.table("SELECT 1 AS one").item() == 1
    assert write(own_database, definition, rows([2.0], valid=1)).batch_id == 2


def test_the_application_cannot_rewrite_what_was_written(module_database: Database) -> None:
    definition, personal = dataset(), dataset(scope=Scope.TENANT)
    write(module_database, definition, rows([1.0]))
    write(module_database, personal, rows([1.0]))
    kept = [f"data.{definition.name}", f"data.{personal.name}"]
    kept += [f"crfs.{name}" for name in ("batch", "batch_dataset", "batch_payload", "payload", "fetch", "rejected_row", "entity")]
    kept += [f"crfs.{name}" for name in ("definition", "artefact", "run", "run_input", "model_version", "promotion", "tenant")]
    for table in kept:
        with module_database.reading() as connection:
            column = list(connection.exec_driver_sql(f"SELECT * FROM {table} LIMIT 0").keys())[1]
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), module_database.writing() as connection:
                connection.exec_driver_sql(statement)
    for statement in ("INSERT INTO crfs.tenant VALUES (7, 'x')", "DELETE FROM crfs.head", "DROP TABLE crfs.batch", "DELETE FROM crfs.job"):
        with pytest.raises(sa.exc.ProgrammingError, match=r"permission denied|must be owner"), module_database.writing() as connection:
            connection.exec_driver_sql(statement)


def test_a_text_that_postgresql_cannot_hold_is_the_callers_mistake_wherever_it_is_asked_for(module_database: Database) -> None:
    from crfs.store.registry import model_version
    from crfs.store.runs import run, runs

    with pytest.raises(InvalidInput, match="cannot take a value"):
        runs(module_database, label="risk-\0")
    for unknown in ("risk-\0", "risk-\ud800"):
        with pytest.raises(NotFound, match="no run is called"):
            run(module_database, unknown)
        with pytest.raises(NotFound, match="there is no model"):
            model_version(module_database, unknown)


def test_what_to_do_about_a_server_that_is_down_is_told_by_who_knows_it(empty_url: Callable[[], sa.URL]) -> None:
    nowhere = empty_url().set(database="no such one")
    for words in (WHEN_DOWN, "run the same command again"):
        database = Database(nowhere.render_as_string(hide_password=False), when_down=words)
        with pytest.raises(ServiceUnavailable, match=words):
            ensure_schema(database)
        with pytest.raises(ServiceUnavailable, match=words), database.reading():
            pass
        with pytest.raises(ServiceUnavailable, match=words):
            database.table("SELECT 1")


def test_bulk_connections_of_several_databases_at_once_are_each_to_its_own(
    new_store: Callable[[], sa.URL], connect: Callable[..., Database]
) -> None:
    databases = [connect(new_store(), tenant_id=number) for number in (1, 2, 3)]
    asked = "SELECT current_database() AS name, current_setting('crfs.tenant_id') AS tenant"

    def told(number: int) -> tuple[str, str]:
        database = databases[number % 3]
        with database.bulk() as one, database.bulk() as other:  # the second is no pooled one
            found = set()
            for connection in (one, other):
                found.update(connection.table(asked).rows())
        ((name, tenant),) = found
        return name, tenant

    with ThreadPoolExecutor(6) as pool:
        for number, (name, tenant) in enumerate(pool.map(told, range(60))):
            assert (name, tenant) == (databases[number % 3].url.database, str(databases[number % 3].tenant_id))


def test_tables_are_read_without_pandas_and_without_pyarrow(new_store: Callable[[], sa.URL]) -> None:
    url = new_store().render_as_string(hide_password=False)
    loaded = loaded_by(f"from crfs.store.database import Database; assert Database({url!r}).table('SELECT 1 AS one').item() == 1")
    assert "polars" in loaded
    assert loaded & {"pandas", "pyarrow"} == set()


def test_a_reading_that_is_interrupted_is_an_interruption_and_the_next_one_answers(module_database: Database) -> None:
    """Ctrl-C while rows are on their way, and before the first of them is."""
    for asked in ("SELECT i, pg_sleep(0.0002) FROM generate_series(1, 100000) AS i", "SELECT pg_sleep(20)"):
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                module_database.table(asked)
        finally:
            timer.join()
        assert module_database.table("SELECT 7 AS seven").item() == 7
