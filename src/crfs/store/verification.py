"""Verification: whether the bytes and the books of the store are what they were when they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from crfs.store.database import Database
from crfs.store.definitions import altered_definitions
from crfs.store.digests import altered, altered_entities, altered_landings, altered_notes, without_digest
from crfs.store.lineage import runs_above, runs_on_payloads
from crfs.store.relations import content_of, relation, rows_of_entities, value_columns
from crfs.store.runs import specification_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked and what is wrong; ``damaged_payloads`` and ``damaged_artefacts`` name for each the runs that rest on it.

    ``without_digest`` counts batches and runs of an older crfs, of which no more can be checked than their rows and bytes.
    """

    payloads: int
    expired_payloads: int
    damaged_payloads: Mapping[str, Sequence[str]]
    artefacts: int
    damaged_artefacts: Mapping[str, Sequence[str]]
    batches: int
    rows: int
    book_errors: Sequence[str]
    without_digest: Mapping[str, int]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.damaged_payloads or self.damaged_artefacts or self.book_errors)


def verify_store(database: Database) -> Verification:
    """Hash every payload, artefact and batch of rows anew (in the server, no bytes moved), and reconcile the books.

    A payload is damaged if its bytes have another hash, if it is gone while a batch, a run or a fetch names it, or if its body is gone
    while a run rests on it: only one that no run rests on may expire. The books are wrong where a batch, a run, an entity, a fetch, a
    note of what an answer showed or a definition is not what was written, or where what it must have is not there.
    """
    with database.reading() as connection:
        payloads: int = connection.exec_driver_sql("SELECT count(*) FROM crfs.payload").scalar_one()
        damaged = list(connection.exec_driver_sql(_DAMAGED).scalars())
        without_body = list(connection.exec_driver_sql("SELECT sha256 FROM crfs.payload WHERE body IS NULL ORDER BY sha256").scalars())
        artefacts = connection.exec_driver_sql("SELECT count(*) FROM crfs.artefact").scalar_one()
        batches, errors = _books(connection)
        errors += [*_dangling(connection), *_registered(connection), *_digested(connection), *_without_origin(connection)]
        rows, row_errors = _rows(connection)
        found = Verification(
            payloads=payloads,
            expired_payloads=len(without_body),
            damaged_payloads={},
            artefacts=artefacts,
            damaged_artefacts=_damaged_artefacts(connection),
            batches=batches,
            rows=rows,
            book_errors=list(dict.fromkeys([*errors, *row_errors])),
            without_digest=without_digest(connection),
        )
    needed = {sha256: runs for sha256, runs in runs_on_payloads(database, without_body).items() if runs}
    return replace(
        found,
        expired_payloads=len(without_body) - len(needed),
        damaged_payloads=dict(sorted({**runs_on_payloads(database, damaged), **needed}.items())),
    )


def _damaged_artefacts(connection: sa.Connection) -> dict[str, list[str]]:
    """Results whose bytes have another hash, each with the runs that made it and those that rest on these."""
    rows = connection.exec_driver_sql(
        "SELECT a.sha256, array(SELECT r.run_id FROM crfs.run AS r WHERE r.result_sha256 = a.sha256) AS runs FROM crfs.artefact AS a "
        "WHERE encode(sha256(a.body), 'hex') <> a.sha256 ORDER BY a.sha256"
    ).all()
    return {row.sha256: runs_above(connection, runs=row.runs) for row in rows}


def _digested(connection: sa.Connection) -> list[str]:
    """Batches, runs, entities, fetches, notes and definitions that are not what was written."""
    errors = []
    for item in altered(connection):
        above = (
            runs_above(connection, batches=[int(item.reference)])
            if item.what == "batch"
            else [run for run in runs_above(connection, runs=[item.reference]) if run != item.reference]
        )
        errors.append(f"{item}{_resting(above)}")
    if entities := altered_entities(connection):
        touched = rows_of_entities(connection, list(entities))
        for entity, words in entities.items():
            above = runs_above(connection, batches=[number for _, number in touched.get(entity, set())])
            errors.append(f"{words}{_resting(above)}")
    for words, sha256 in altered_landings(connection):
        errors.append(f"{words}{_resting(runs_above(connection, payloads=[sha256]))}")
    errors += altered_notes(connection)
    for words, dataset, batch_id in altered_definitions(connection):
        read = set(_readers(connection, dataset))
        errors.append(f"{words}{_resting([run for run in runs_above(connection, batches=[batch_id]) if run in read])}")
    return errors


def _readers(connection: sa.Connection, dataset: str) -> list[str]:
    """The runs that read a dataset, and those above them."""
    query = sa.text("SELECT DISTINCT run_id FROM crfs.run_input WHERE kind = 'batch' AND dataset = :dataset")
    return runs_above(connection, runs=connection.execute(query, {"dataset": dataset}).scalars().all())


def _resting(runs: Sequence[str]) -> str:
    if not runs:
        return ""
    return f"; {len(runs)} run{'s rest' if len(runs) > 1 else ' rests'} on it: {', '.join(runs)}"


def _registered(connection: sa.Connection) -> list[str]:
    """Models and definitions whose batch, run or hash does not fit; specifications of runs whose hash does not."""
    errors = [
        f"model {row.model} version {row.version} names the file {row.artefact_sha256}, its run {row.run_id} made "
        f"{row.result_sha256 or 'none that is known'}{_resting(runs_above(connection, runs=[row.run_id]))}"
        for row in connection.exec_driver_sql(
            "SELECT v.model, v.version, v.artefact_sha256, v.run_id, r.result_sha256 FROM crfs.model_version AS v "
            "LEFT JOIN crfs.run AS r USING (run_id) WHERE r.result_sha256 IS DISTINCT FROM v.artefact_sha256 ORDER BY 1, 2"
        ).all()
    ]
    empty = connection.exec_driver_sql(
        "SELECT b.batch_id, b.kind FROM crfs.batch AS b WHERE b.tenant_id = current_setting('crfs.tenant_id')::integer AND CASE b.kind "
        "WHEN 'define' THEN NOT EXISTS (SELECT 1 FROM crfs.definition AS d WHERE d.batch_id = b.batch_id) "
        "WHEN 'register' THEN NOT EXISTS (SELECT 1 FROM crfs.model_version AS m WHERE m.batch_id = b.batch_id) "
        "WHEN 'promote' THEN NOT EXISTS (SELECT 1 FROM crfs.promotion AS p WHERE p.batch_id = b.batch_id) "
        "ELSE NOT EXISTS (SELECT 1 FROM crfs.batch_dataset AS d WHERE d.batch_id = b.batch_id) AND b.kind <> 'ingest' END ORDER BY 1"
    ).all()
    errors += [
        f"batch {row.batch_id} is of the kind {row.kind}, and there is nothing that it did"
        + _resting(runs_above(connection, batches=[row.batch_id]))
        for row in empty
    ]
    old = connection.exec_driver_sql(
        "SELECT r.run_id, r.specification, r.specification_sha256 FROM crfs.run AS r JOIN crfs.digest AS d ON d.what = 'run' "
        "AND d.reference = r.run_id WHERE d.older ORDER BY 1"
    )
    errors += [
        f"run {row.run_id}: its specification has not the hash that was kept"
        for row in old
        if specification_digest(row.specification) != row.specification_sha256
    ]
    return errors


def _without_origin(connection: sa.Connection) -> list[str]:
    """Batches of rows without a payload though their source lands what it fetches, and payloads that nobody has fetched."""
    own = "b.tenant_id = current_setting('crfs.tenant_id')::integer"
    rootless = connection.exec_driver_sql(
        f"SELECT b.batch_id, b.source FROM crfs.batch AS b WHERE {own} AND b.kind IN ('ingest', 'reparse') "
        "AND EXISTS (SELECT 1 FROM crfs.batch_dataset AS d WHERE d.batch_id = b.batch_id AND d.row_count > 0) "
        "AND NOT EXISTS (SELECT 1 FROM crfs.batch_payload AS p WHERE p.batch_id = b.batch_id) "
        "AND EXISTS (SELECT 1 FROM crfs.fetch AS f WHERE f.source = b.source) ORDER BY 1"
    ).all()
    errors = [
        f"batch {row.batch_id} of {row.source} has rows and names no payload that they came from"
        + _resting(runs_above(connection, batches=[row.batch_id]))
        for row in rootless
    ]
    unfetched = connection.exec_driver_sql(
        "SELECT named.sha256, array_agg(DISTINCT named.batch_id) AS batches, array_agg(DISTINCT named.run_id) AS runs FROM ("
        f"SELECT p.sha256, p.batch_id, NULL AS run_id FROM crfs.batch_payload AS p JOIN crfs.batch AS b USING (batch_id) WHERE {own} "
        "UNION ALL SELECT reference, NULL, run_id FROM crfs.run_input WHERE kind = 'payload') AS named "
        "WHERE EXISTS (SELECT 1 FROM crfs.payload AS p WHERE p.sha256 = named.sha256) "
        "AND NOT EXISTS (SELECT 1 FROM crfs.fetch AS f WHERE f.sha256 = named.sha256) GROUP BY named.sha256 ORDER BY named.sha256"
    ).all()
    for row in unfetched:
        batches, runs = [number for number in row.batches if number is not None], [run for run in row.runs if run is not None]
        errors.append(
            f"nobody has fetched the payload {row.sha256}, as far as the books say{_resting(runs_above(connection, batches=batches, runs=runs))}"
        )
    return errors


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
    groups = connection.exec_driver_sql(
        "SELECT DISTINCT dataset, columns, exact FROM crfs.batch_dataset ORDER BY dataset, columns, exact"
    ).all()
    for group in groups:
        # A column that the dataset gained later is in no content of this batch, and has nothing in its rows.
        gained = [f'd."{name}"' for name in value_columns(connection, group.dataset) if name not in group.columns]
        beyond = f"bool_or({' OR '.join(f'{column} IS NOT NULL' for column in gained)})" if gained else "false"
        wrong = connection.execute(
            sa.text(
                "WITH found AS (SELECT d.batch_id, count(*) AS n, min(d.recorded_at) AS first, max(d.recorded_at) AS last, "
                f"{beyond} AS beyond, {content_of(group.columns, 'd', exact=group.exact)} AS content FROM {relation(group.dataset)} AS d GROUP BY d.batch_id) "
                "SELECT b.batch_id, b.row_count, coalesce(f.n, 0) AS n, f.beyond, b.content IS DISTINCT FROM f.content AS other "
                "FROM crfs.batch_dataset AS b JOIN crfs.batch AS t USING (batch_id) LEFT JOIN found AS f USING (batch_id) "
                "WHERE b.dataset = :dataset AND b.columns = :columns AND b.exact = :exact AND ((b.row_count, b.content) IS DISTINCT FROM (f.n, f.content) "
                "OR f.beyond OR f.first <> t.recorded_at OR f.last <> t.recorded_at) "
                "AND t.tenant_id = current_setting('crfs.tenant_id')::integer ORDER BY b.batch_id"
            ),
            {"dataset": group.dataset, "columns": group.columns, "exact": group.exact},
        ).all()
        for row in wrong:
            if row.n != row.row_count:
                words = f"batch {row.batch_id} wrote {row.row_count} rows, {row.n} are there"
            elif row.other:
                words = f"rows of batch {row.batch_id} are not what it wrote"
            elif row.beyond:
                words = f"rows of batch {row.batch_id} have values in columns that the dataset did not have when it wrote them"
            else:
                words = f"rows of batch {row.batch_id} say that they were recorded at another time than it"
            errors.append(f"dataset {group.dataset}: {words}{_resting(runs_above(connection, batches=[row.batch_id]))}")
    for dataset in dict.fromkeys(group.dataset for group in groups):
        strange = connection.execute(
            sa.text(
                f"SELECT DISTINCT batch_id FROM {relation(dataset)} AS d WHERE NOT EXISTS "
                "(SELECT 1 FROM crfs.batch_dataset AS b WHERE b.dataset = :dataset AND b.batch_id = d.batch_id) ORDER BY batch_id"
            ),
            {"dataset": dataset},
        ).scalars()
        errors += [f"dataset {dataset}: there are rows of batch {batch_id}, which wrote none" for batch_id in strange]
        lost = connection.exec_driver_sql(
            f"SELECT count(*), count(DISTINCT d.entity_id), array_agg(DISTINCT d.batch_id) FROM {relation(dataset)} AS d "
            "WHERE NOT EXISTS (SELECT 1 FROM crfs.entity AS e WHERE e.entity_id = d.entity_id)"
        ).one()
        if lost[0]:
            above = _resting(runs_above(connection, batches=lost[2]))
            errors.append(f"dataset {dataset}: {lost[0]} rows are of {lost[1]} entities that are gone{above}")
        total += connection.exec_driver_sql(f"SELECT count(*) FROM {relation(dataset)}").scalar_one()
    return total, errors


_DAMAGED = (
    "SELECT sha256 FROM crfs.payload WHERE body IS NOT NULL AND (encode(sha256(body), 'hex') <> sha256 OR length(body) <> byte_count) "
    "UNION SELECT named.sha256 FROM (SELECT sha256 FROM crfs.batch_payload UNION SELECT sha256 FROM crfs.fetch "
    "UNION SELECT reference FROM crfs.run_input WHERE kind = 'payload') AS named "
    "WHERE NOT EXISTS (SELECT 1 FROM crfs.payload AS p WHERE p.sha256 = named.sha256) ORDER BY 1"
)
