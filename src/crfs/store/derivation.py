"""Deriving rows from rows: one writer at a time, and the batches from which nothing has been derived yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from crfs.store.database import Database, answering

_LOCK = 0x6372_6673_6465_7269
"""The key of the advisory lock: crfsderi."""


@contextmanager
def deriving(database: Database) -> Iterator[None]:
    """Keep every other derivation waiting, so that none writes totals over newer ones; read only after it has begun."""
    with answering(), database.engine.connect() as guard:
        guard.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        guard.commit()
        try:
            yield
        finally:
            guard.rollback()
            guard.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            guard.commit()


def underived(database: Database, *, dataset: str, derived: str, upto: int) -> list[int]:
    """Batches of ``dataset`` up to ``upto`` whose payloads no later batch of ``derived`` names; batches without a payload are among them."""
    query = sa.text(
        "SELECT d.batch_id FROM crfs.batch_dataset AS d WHERE d.dataset = :dataset AND d.batch_id <= :upto AND NOT EXISTS ("
        "SELECT 1 FROM crfs.batch_payload AS p JOIN crfs.batch_payload AS q ON q.sha256 = p.sha256 AND q.dataset = :derived "
        "AND q.batch_id > d.batch_id WHERE p.batch_id = d.batch_id AND p.dataset IN ('', :dataset)) ORDER BY d.batch_id"
    )
    with database.reading() as connection:
        return list(connection.execute(query, {"dataset": dataset, "derived": derived, "upto": upto}).scalars())
