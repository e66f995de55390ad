"""Lineage: from a run down to the bytes that it rests on, and from damaged bytes up to every run that rests on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from crfs.store.database import Database
from crfs.store.definitions import altered_definitions
from crfs.store.digests import altered as altered_books
from crfs.store.digests import altered_entities, altered_landings
from crfs.store.relations import rows_of_entities

_RUNS_BELOW = (
    "WITH RECURSIVE below (run_id, parent) AS (SELECT CAST(:run_id AS text), CAST(NULL AS text) UNION "
    "SELECT i.reference, i.run_id FROM below AS b JOIN crfs.run_input AS i ON i.run_id = b.run_id AND i.kind = 'run') "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNode:
    """A run in the chain; ``used_by`` is the run that rests on it (None for the one asked for)."""

    run_id: str
    kind: str
    batch_id: int
    result_sha256: str
    used_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNode:
    """A batch whose rows a run read."""

    run_id: str
    dataset: str
    batch_id: int
    kind: str
    source: str | None
    recorded_at: datetime
    reason: str | None
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadNode:
    """Bytes that a batch was made of, or that a run took directly (``batch_id`` None); ``state`` is ok, damaged or expired."""

    run_id: str
    batch_id: int | None
    sha256: str
    byte_count: int
    state: str
    url: str | None
    status: int | None
    fetched_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The closed chain of a run; ``dangling`` counts edges that lead to nothing, ``altered`` says what of it is not what was written."""

    runs: Sequence[RunNode]
    batches: Sequence[BatchNode]
    payloads: Sequence[PayloadNode]
    dangling: int
    altered: Sequence[str]

    def payloads_that_are(self, state: str) -> list[str]:
        """The hashes of the payloads in a state: ``ok``, ``damaged`` or ``expired``."""
        return sorted({payload.sha256 for payload in self.payloads if payload.state == state})

    @property
    def sound(self) -> bool:
        """Whether the chain is closed, ends at bytes that are kept and have the right hash, and is all as it was written."""
        return not (self.dangling or self.altered or self.payloads_that_are("damaged") or self.payloads_that_are("expired"))


def lineage(database: Database, run_id: str) -> Lineage:
    """Everything that a run rests on, its inputs' inputs included.

    The hashes of payloads and results are computed anew, and what the books say of the chain's runs, batches, entities and definitions is
    compared with their digests. The rows themselves are not read: that is :func:`crfs.store.verification.verify_store`. A result that is no
    longer kept is no damage: the run makes it again.
    """
    parameters = {"run_id": run_id}
    with database.reading() as connection:
        runs = connection.execute(
            sa.text(
                f"{_RUNS_BELOW} SELECT b.run_id, b.parent AS used_by, r.kind, r.batch_id, r.result_sha256 FROM below AS b "
                "LEFT JOIN crfs.run AS r USING (run_id) ORDER BY b.parent NULLS FIRST, b.run_id"
            ),
            parameters,
        ).all()
        batches = connection.execute(
            sa.text(
                f"{_RUNS_BELOW} SELECT DISTINCT i.run_id, i.dataset, CAST(i.reference AS bigint) AS batch_id, t.kind, t.source, t.recorded_at, "
                "t.reason, t.actor FROM below AS b JOIN crfs.run_input AS i ON i.run_id = b.run_id AND i.kind = 'batch' "
                "LEFT JOIN crfs.batch AS t ON t.batch_id = CAST(i.reference AS bigint) ORDER BY i.run_id, i.dataset, batch_id"
            ),
            parameters,
        ).all()
        payloads = connection.execute(
            sa.text(
                f"{_RUNS_BELOW}, taken AS (SELECT DISTINCT i.run_id, p.batch_id, p.sha256 FROM below AS b "
                "JOIN crfs.run_input AS i ON i.run_id = b.run_id AND i.kind = 'batch' "
                "JOIN crfs.batch_payload AS p ON p.batch_id = CAST(i.reference AS bigint) AND p.dataset IN (i.dataset, '') "
                "UNION SELECT i.run_id, NULL, i.reference FROM below AS b "
                "JOIN crfs.run_input AS i ON i.run_id = b.run_id AND i.kind = 'payload'), checked AS (SELECT sha256, byte_count, "
                "CASE WHEN body IS NULL THEN 'expired' WHEN encode(sha256(body), 'hex') = sha256 AND length(body) = byte_count THEN 'ok' "
                "ELSE 'damaged' END AS state "
                "FROM crfs.payload WHERE sha256 IN (SELECT sha256 FROM taken)) "
                "SELECT t.run_id, t.batch_id, t.sha256, c.byte_count, c.state, f.url, f.status, f.fetched_at FROM taken AS t "
                "LEFT JOIN checked AS c USING (sha256) LEFT JOIN LATERAL (SELECT url, status, fetched_at FROM crfs.fetch AS x "
                "WHERE x.sha256 = t.sha256 ORDER BY fetch_id LIMIT 1) AS f ON true ORDER BY t.run_id, t.batch_id, t.sha256"
            ),
            parameters,
        ).all()
        known = [row for row in runs if row.kind is not None]
        altered = _altered(
            connection,
            [row.run_id for row in known],
            [(row.dataset, row.batch_id) for row in batches],
            {row.sha256 for row in payloads},
            defined_by=max((row.batch_id for row in known), default=0),
        )
        altered += [
            f"nobody has fetched the payload {sha256}, as far as the books say"
            for sha256 in sorted({row.sha256 for row in payloads if row.state is not None and row.fetched_at is None})
        ]
        altered += [f"the result of {run_id} is not what it made" for run_id in _damaged_results(connection, [row.run_id for row in known])]
    dangling = sum(row.kind is None for row in runs) + sum(row.kind is None for row in batches) + sum(row.state is None for row in payloads)
    return Lineage(
        runs=[RunNode(**row._mapping) for row in runs if row.kind is not None],
        batches=[BatchNode(**row._mapping) for row in batches if row.kind is not None],
        payloads=[PayloadNode(**row._mapping) for row in payloads if row.state is not None],
        dangling=dangling,
        altered=altered,
    )


def _damaged_results(connection: sa.Connection, runs: Sequence[str]) -> list[str]:
    """The runs whose kept results have another hash."""
    query = sa.text(
        "SELECT DISTINCT r.run_id FROM crfs.run AS r JOIN crfs.artefact AS a ON a.sha256 = r.result_sha256 WHERE r.run_id = ANY(:runs) "
        "AND encode(sha256(a.body), 'hex') <> a.sha256 ORDER BY 1"
    )
    return list(connection.execute(query, {"runs": list(runs)}).scalars())


def _altered(
    connection: sa.Connection, runs: Sequence[str], batches: Sequence[tuple[str, int]], payloads: Collection[str], *, defined_by: int
) -> list[str]:
    """What of a chain is not what was written, in words. Of definitions that is whatever was in force by the batch ``defined_by``: one that is
    gone does not say of which dataset it was. Of models it is what registered or promoted any version of those that a run names.
    """
    of_models = connection.execute(
        sa.text(
            "SELECT b.batch_id FROM crfs.batch AS b WHERE b.kind IN ('register', 'promote') AND b.batch_id <= :batch_id AND b.source IN ("
            "SELECT 'model:' || coalesce(named.value->>'model', named.key) FROM crfs.run AS r, "
            "jsonb_each(CASE jsonb_typeof(r.specification->'models') WHEN 'object' THEN r.specification->'models' ELSE '{}' END) AS named "
            "WHERE r.run_id = ANY(:runs) UNION SELECT 'model:' || m.model FROM crfs.model_version AS m WHERE m.run_id = ANY(:runs))"
        ),
        {"runs": list(runs), "batch_id": defined_by},
    ).scalars()
    defining = connection.execute(
        sa.text("SELECT batch_id FROM crfs.batch WHERE kind = 'define' AND batch_id <= :batch_id"), {"batch_id": defined_by}
    ).scalars()
    of_chain = {*(number for _, number in batches), *of_models, *defining}
    found = [str(item) for item in altered_books(connection, batches=of_chain, runs=runs)]
    if entities := altered_entities(connection):
        touched = rows_of_entities(connection, list(entities), datasets={dataset for dataset, _ in batches})
        found += [words for entity, words in entities.items() if touched.get(entity, set()) & set(batches)]
    datasets = {dataset for dataset, _ in batches}
    found += [words for words, dataset, _ in altered_definitions(connection) if dataset in datasets]
    return found + [words for words, _ in altered_landings(connection, payloads)]


def runs_above(
    connection: sa.Connection, *, batches: Sequence[int] = (), runs: Sequence[str] = (), payloads: Sequence[str] = ()
) -> list[str]:
    """The runs that rest on batches, payloads or other runs, directly or through runs; ``runs`` themselves are among them.

    On a batch that registered a model, or gave a version of it a role, rest the runs that made the model's versions and those that used them;
    on one that put definitions in force those that read the datasets while they were.
    """
    query = sa.text(
        f"WITH RECURSIVE above (run_id) AS (SELECT run_id FROM ({_RESTING}) AS resting "
        "UNION SELECT i.run_id FROM above AS a JOIN crfs.run_input AS i ON i.kind = 'run' AND i.reference = a.run_id) "
        "SELECT run_id FROM above ORDER BY run_id"
    )
    return list(connection.execute(query, {"batches": list(batches), "runs": list(runs), "payloads": list(payloads)}).scalars())


_RESTING = (
    "SELECT run_id FROM crfs.run_input WHERE kind = 'batch' AND reference = ANY(CAST(CAST(:batches AS bigint[]) AS text[])) "
    "UNION SELECT unnest(CAST(:runs AS text[])) "
    "UNION SELECT i.run_id FROM crfs.batch_payload AS p JOIN crfs.run_input AS i ON i.kind = 'batch' AND i.reference = CAST(p.batch_id AS text) "
    "AND p.dataset IN (i.dataset, '') WHERE p.sha256 = ANY(CAST(:payloads AS text[])) "
    "UNION SELECT run_id FROM crfs.run_input WHERE kind = 'payload' AND reference = ANY(CAST(:payloads AS text[])) "
    "UNION SELECT m.run_id FROM crfs.batch AS b JOIN crfs.model_version AS m ON (b.kind = 'register' AND m.batch_id = b.batch_id) "
    "OR (b.kind = 'promote' AND b.source = 'model:' || m.model) WHERE b.batch_id = ANY(CAST(:batches AS bigint[])) "
    "UNION SELECT i.run_id FROM crfs.definition AS d JOIN crfs.run_input AS i "
    "ON i.dataset = CASE d.kind WHEN 'dataset' THEN d.name ELSE d.body->>'dataset' END JOIN crfs.run AS r ON r.run_id = i.run_id "
    "WHERE d.batch_id = ANY(CAST(:batches AS bigint[])) AND r.batch_id >= d.batch_id AND NOT EXISTS (SELECT 1 FROM crfs.definition AS n "
    "WHERE n.kind = d.kind AND n.name = d.name AND n.batch_id > d.batch_id AND n.batch_id <= r.batch_id)"
)
"""The runs that rest on batches, runs or payloads themselves."""


def runs_on_payloads(database: Database, hashes: Sequence[str]) -> dict[str, list[str]]:
    """For each payload the runs that rest on it, directly, through a batch, or through another run."""
    query = sa.text(
        "WITH RECURSIVE above (sha256, run_id) AS (SELECT p.sha256, i.run_id FROM crfs.batch_payload AS p "
        "JOIN crfs.run_input AS i ON i.kind = 'batch' AND i.reference = CAST(p.batch_id AS text) AND p.dataset IN (i.dataset, '') "
        "WHERE p.sha256 = ANY(:hashes) "
        "UNION SELECT i.reference, i.run_id FROM crfs.run_input AS i WHERE i.kind = 'payload' AND i.reference = ANY(:hashes) "
        "UNION SELECT a.sha256, i.run_id FROM above AS a JOIN crfs.run_input AS i ON i.kind = 'run' AND i.reference = a.run_id) "
        "SELECT DISTINCT sha256, run_id FROM above ORDER BY sha256, run_id"
    )
    answer: dict[str, list[str]] = {sha256: [] for sha256 in hashes}
    with database.reading() as connection:
        for row in connection.execute(query, {"hashes": list(hashes)}):
            answer[row.sha256].append(row.run_id)
    return answer
