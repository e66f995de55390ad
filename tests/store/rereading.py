"""Reading again in the store's tests: what a store takes in is taken in by another one too, by a mended parser, and the store is restated by that."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from crfs.credit.definitions import DatasetDefinition
from crfs.store.database import Database
from crfs.store.relations import relation
from crfs.store.restating import Reread, Restated, restate
from tests.store.deliveries import NOW, SOURCE

Step = Callable[[Database], object]
"""Takes an answer, or an amendment, in."""


def read_again(database: Database, model: Database, definition: DatasetDefinition, steps: Iterable[Step]) -> Restated:
    """Restate a dataset by what a store has that took the steps in one after the other."""
    _empty(model, definition)
    _land(database, model)
    for step in steps:
        step(model)
    restated = restate(database, model, [definition], Reread(source=SOURCE, parser_version="mended", at=NOW))
    assert restated is not None, "nothing else comes in"
    return restated


def _empty(model: Database, definition: DatasetDefinition) -> None:
    """So that a dataset can be read again more than once by one other store."""
    with model.owning() as connection:
        for table in ("sighting", "extent", "reread", "batch_dataset"):
            connection.exec_driver_sql(f"DELETE FROM crfs.{table} WHERE dataset = %s", (definition.name,))
        if connection.exec_driver_sql("SELECT to_regclass(%s)", (relation(definition.name),)).scalar() is not None:
            connection.exec_driver_sql(f"TRUNCATE {relation(definition.name)}")


def _land(database: Database, model: Database) -> None:
    """The payloads of a store into the other one."""
    with model.reading() as connection:
        landed = connection.exec_driver_sql("SELECT sha256 FROM crfs.payload").scalars().all()
    query = sa.text("SELECT sha256, byte_count, body, landed_at, digest FROM crfs.payload WHERE sha256 <> ALL(:landed)")
    with database.reading() as connection:
        fresh = [dict(row._mapping) for row in connection.execute(query, {"landed": list(landed)})]
    if fresh:
        insertion = "INSERT INTO crfs.payload (sha256, byte_count, body, landed_at, digest) VALUES (:sha256, :byte_count, :body, :landed_at, :digest)"
        with model.writing() as connection:
            connection.execute(sa.text(insertion), fresh)
