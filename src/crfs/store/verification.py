"""Verification: whether the bytes and the books of the store are what they were when they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from crfs.store.database import Database
from crfs.store.lineage import runs_on_payloads
from crfs.store.relations import relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked and what is wrong; ``damaged_payloads`` names for each the runs that rest on it."""

    payloads: int
    expired_payloads: int
    damaged_payloads: Mapping[str, Sequence[str]]
    artefacts: int
    damaged_artefacts: Sequence[str]
    batches: int
    rows: int
    book_errors: Sequence[str]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.damaged_payloads or self.damaged_artefacts or self.book_errors)


def verify_store(database: Database) -> Verification:
    """Hash every payload and artefact anew (in the server, no bytes moved), and reconcile batches, head and row counts."""
    with database.reading() as connection:
        payloads = connection.exec_driver_sql(
            "SELECT count(*) AS n, count(*) FILTER (WHERE body IS NULL) AS expired FROM crfs.payload"
        ).one()
        damaged = (
            connection.exec_driver_sql(
                "SELECT sha256 FROM crfs.payload WHERE body IS NOT NULL AND (encode(sha256(body), 'hex') <> sha256 OR length(body) <> byte_count) "
                "ORDER BY sha256"
            )
            .scalars()
            .all()
        )
        artefacts = connection.exec_driver_sql("SELECT count(*) FROM crfs.artefact").scalar_one()
        damaged_artefacts = (
            connection.exec_driver_sql("SELECT sha256 FROM crfs.artefact WHERE encode(sha256(body), 'hex') <> sha256 ORDER BY sha256")
            .scalars()
            .all()
        )
        batches, errors = _books(connection)
        rows, row_errors = _row_counts(connection)
    return Verification(
        payloads=payloads.n,
        expired_payloads=payloads.expired,
        damaged_payloads=runs_on_payloads(database, damaged) if damaged else {},
        artefacts=artefacts,
        damaged_artefacts=damaged_artefacts,
        batches=batches,
        rows=rows,
        book_errors=[*errors, *row_errors],
    )


def _books(connection: sa.Connection) -> tuple[int, list[str]]:
    head = connection.exec_driver_sql("SELECT batch_id, recorded_at FROM crfs.head").one()
    book = connection.exec_driver_sql(
        "SELECT count(*) AS n, coalesce(max(batch_id), 0) AS last, max(recorded_at) AS recorded_at FROM crfs.batch"
    ).one()
    errors = []
    if book.n != book.last or head.batch_id != book.last:
        errors.append(f"the head says {head.batch_id} batches, the book has {book.n} of which the last is {book.last}")
    if book.n and head.recorded_at != book.recorded_at:
        errors.append(f"the head was recorded at {head.recorded_at}, the last batch at {book.recorded_at}")
    backwards = connection.exec_driver_sql(
        "SELECT batch_id FROM (SELECT batch_id, recorded_at <= lag(recorded_at) OVER (ORDER BY batch_id) AS back FROM crfs.batch) AS b WHERE back"
    ).scalars()
    errors += [f"batch {batch_id} was recorded no later than the one before it" for batch_id in backwards]
    return book.n, errors


def _row_counts(connection: sa.Connection) -> tuple[int, list[str]]:
    """Rows that row-level security hides belong to other tenants: those batches are left to them."""
    errors, total = [], 0
    datasets = connection.exec_driver_sql("SELECT DISTINCT dataset FROM crfs.batch_dataset ORDER BY dataset").scalars().all()
    for dataset in datasets:
        wrong = connection.execute(
            sa.text(
                f"WITH found AS (SELECT batch_id, count(*) AS n FROM {relation(dataset)} GROUP BY batch_id) "
                "SELECT b.batch_id, b.row_count, coalesce(f.n, 0) AS n FROM crfs.batch_dataset AS b JOIN crfs.batch AS t USING (batch_id) "
                "LEFT JOIN found AS f USING (batch_id) WHERE b.dataset = :dataset AND b.row_count <> coalesce(f.n, 0) "
                "AND t.tenant_id = current_setting('crfs.tenant_id')::integer ORDER BY b.batch_id"
            ),
            {"dataset": dataset},
        )
        errors += [f"dataset {dataset}: batch {row.batch_id} wrote {row.row_count} rows, {row.n} are there" for row in wrong]
        strange = connection.execute(
            sa.text(
                f"SELECT DISTINCT batch_id FROM {relation(dataset)} AS d WHERE NOT EXISTS "
                "(SELECT 1 FROM crfs.batch_dataset AS b WHERE b.dataset = :dataset AND b.batch_id = d.batch_id) ORDER BY batch_id"
            ),
            {"dataset": dataset},
        ).scalars()
        errors += [f"dataset {dataset}: there are rows of batch {batch_id}, which wrote none" for batch_id in strange]
        total += connection.exec_driver_sql(f"SELECT count(*) FROM {relation(dataset)}").scalar_one()
    return total, errors
