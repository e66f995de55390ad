"""Databases as an older crfs left them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import sqlalchemy as sa

from crfs.store.database import Database
from tests.store.conftest import administering


@contextmanager
def of_schema(database: Database, version: str) -> Iterator[sa.Connection]:
    """An empty database as an older crfs left it, and a connection to fill it."""
    from alembic import command
    from alembic.config import Config

    with administering(database.url) as connection:
        user, name = connection.exec_driver_sql("SELECT current_user, current_database()").one()
        for role in ("crfs_owner", "crfs_app"):
            if connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).scalar() is None:
                connection.exec_driver_sql(f"CREATE ROLE {role}")
            connection.exec_driver_sql(f'GRANT {role} TO "{user}"')
        connection.exec_driver_sql(f'GRANT CREATE ON DATABASE "{name}" TO crfs_owner')
        connection.exec_driver_sql("GRANT CREATE, USAGE ON SCHEMA public TO crfs_owner")
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("crfs.store") / "migrations"))
        config.attributes["connection"] = connection
        connection.exec_driver_sql("SET ROLE crfs_owner")
        connection.commit()
        command.upgrade(config, version)
        yield connection
        connection.commit()
