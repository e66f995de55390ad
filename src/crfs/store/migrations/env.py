"""Alembic's environment: runs the migrations on the connection that it is given, as the owner of the tables."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="public", version_table="crfs_version", transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
