"""Verification: whether the bytes and the books of the store are what they were when they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from crfs.store.database import Database
from crfs.store.lineage import runs_on_payloads
from crfs.store.relations import content_of, relation


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
    """Hash every payload, artefact and batch of rows anew (in the server, no bytes moved), and reconcile the books.

    A payload is damaged if its bytes have another hash, if it is gone while a batch, a run or a fetch names it, or if its body is gone
    while a run rests on it: only one that no run rests on may expire.
    """
    with database.reading() as connection:
        payloads: int = connection.exec_driver_sql("SELECT count(*) FROM crfs.payload").scalar_one()
        damaged = list(connection.exec_driver_sql(_DAMAGED).scalars())
        without_body = list(connection.exec_driver_sql("SELECT sha256 FROM crfs.payload WHERE body IS NULL ORDER BY sha256").scalars())
        artefacts = connection.exec_driver_sql("SELECT count(*) FROM crfs.artefact").scalar_one()
        damaged_artefacts = (
            connection.exec_driver_sql("SELECT sha256 FROM crfs.artefact WHERE encode(sha256(body), 'hex') <> sha256 ORDER BY sha256")
            .scalars()
            .all()
        )
        batches, errors = _books(connection)
        errors += _dangling(connection)
        rows, row_errors = _rows(connection)
    needed = {sha256: runs for sha256, runs in runs_on_payloads(database, without_body).items() if runs}
    return Verification(
        payloads=payloads,
        expired_payloads=len(without_body) - len(needed),
        damaged_payloads=dict(sorted({**runs_on_payloads(database, damaged), **needed}.items())),
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


def _dangling(connection: sa.Connection) -> list[str]:
    """Runs whose inputs are not there any more; payloads are told apart."""
    lost = connection.exec_driver_sql(
        "SELECT i.run_id, i.kind, i.reference FROM crfs.run_input AS i WHERE "
        "(i.kind = 'batch' AND NOT EXISTS (SELECT 1 FROM crfs.batch AS b WHERE CAST(b.batch_id AS text) = i.reference)) OR "
        "(i.kind = 'run' AND NOT EXISTS (SELECT 1 FROM crfs.run AS r WHERE r.run_id = i.reference)) ORDER BY 1, 2, 3"
    )
    return [f"run {row.run_id} rests on {row.kind} {row.reference}, which is gone" for row in lost]


def _rows(connection: sa.Connection) -> tuple[int, list[str]]:
    """Counts and contents by batch. Rows that row-level security hides belong to other tenants: those batches are left to them."""
    errors: list[str] = []
    total = 0
    groups = connection.exec_driver_sql("SELECT DISTINCT dataset, columns FROM crfs.batch_dataset ORDER BY dataset, columns").all()
    for group in groups:
        wrong = connection.execute(
            sa.text(
                f"WITH found AS (SELECT d.batch_id, count(*) AS n, {content_of(group.columns, 'd')} AS content FROM {relation(group.dataset)} AS d "
                "GROUP BY d.batch_id) SELECT b.batch_id, b.row_count, coalesce(f.n, 0) AS n FROM crfs.batch_dataset AS b "
                "JOIN crfs.batch AS t USING (batch_id) LEFT JOIN found AS f USING (batch_id) WHERE b.dataset = :dataset AND b.columns = :columns "
                "AND (b.row_count, b.content) IS DISTINCT FROM (f.n, f.content) "
                "AND t.tenant_id = current_setting('crfs.tenant_id')::integer ORDER BY b.batch_id"
            ),
            {"dataset": group.dataset, "columns": group.columns},
        )
        errors += [
            f"dataset {group.dataset}: batch {row.batch_id} wrote {row.row_count} rows, {row.n} are there"
            if row.n != row.row_count
            else f"dataset {group.dataset}: rows of batch {row.batch_id} are not what it wrote"
            for row in wrong
        ]
    for dataset in dict.fromkeys(group.dataset for group in groups):
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


_DAMAGED = (
    "SELECT sha256 FROM crfs.payload WHERE body IS NOT NULL AND (encode(sha256(body), 'hex') <> sha256 OR length(body) <> byte_count) "
    "UNION SELECT named.sha256 FROM (SELECT sha256 FROM crfs.batch_payload UNION SELECT sha256 FROM crfs.fetch "
    "UNION SELECT reference FROM crfs.run_input WHERE kind = 'payload') AS named "
    "WHERE NOT EXISTS (SELECT 1 FROM crfs.payload AS p WHERE p.sha256 = named.sha256) ORDER BY 1"
)
