"""Digests of what the books say of batches, runs, entities, fetches and notes: written with them, computed anew by the same SQL when they are verified.

A digest has a hash a part, so that what is found altered can be named. They find accidents; who can alter a row can alter its digest too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

ENTITY = "hash_record_extended(ROW(entity_id, tenant_id, kind, natural_key), 0)"
"""The SQL expression for the digest of an entity."""

FETCH = (
    "hash_record_extended(ROW(fetch_id, source, stream, sha256, url, status, headers, classification, parser_version, started_at, fetched_at, "
    "job_id, tenant_id), 0)"
)
"""The SQL expression for the digest of a fetch."""

LANDING = "hash_record_extended(ROW(sha256, landed_at), 0)"
"""The SQL expression for the digest of when a payload was landed."""

NOTES = {
    "sighting": "hash_record_extended(ROW(note_id, dataset, entity_id, first_valid_time, last_valid_time, seen_at, batch_id, knowledge_basis, "
    "vintage_date, payloads, tenant_id), 0)",
    "extent": "hash_record_extended(ROW(note_id, dataset, entity_id, first_valid_time, last_valid_time, known_at, knowledge_basis, vintage_date, "
    "final_until, payloads, tenant_id), 0)",
    "reread": "hash_record_extended(ROW(note_id, dataset, entity_id, batch_id, sighting_id, extent_id, tenant_id), 0)",
}
"""The SQL expressions for the digests of notes, by their tables."""

_PARTS = {
    "batch": {
        "note": "its kind, reason, source, parser, job, actor or time",
        "payloads": "the payloads that it was made of",
        "datasets": "how many rows it wrote, and their content",
        "definitions": "what it put in force",
        "models": "the model that it registered, or its card",
        "promotions": "the promotion that it made",
        "fetches": "when its answers were fetched",
    },
    "run": {
        "note": "its kind, label, clocks, batch, job or actor",
        "result": "the hash of its result",
        "specification": "its specification",
        "environment": "its environment",
        "inputs": "what it rests on",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Altered:
    """A batch or a run that is not what was written: ``parts`` says in words what differs, and is empty where it is gone."""

    what: str
    reference: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        if not self.parts:
            return f"{self.what} {self.reference} is gone, or what was kept to check it by"
        return f"{self.what} {self.reference} is not what was written: {', and '.join(self.parts)} differ"


def keep_batch_digest(connection: sa.Connection, batch_id: int, *, tenant_id: int) -> None:
    """Keep what a batch says, once all of it is written on an open transaction."""
    connection.execute(
        sa.text(
            "INSERT INTO crfs.digest (what, reference, parts, tenant_id) "
            "VALUES ('batch', CAST(:batch_id AS text), crfs.parts_of_batch(:batch_id), :tenant_id)"
        ),
        {"batch_id": batch_id, "tenant_id": tenant_id},
    )


def keep_run_digest(connection: sa.Connection, run_id: str, *, tenant_id: int) -> None:
    """Keep what a run says, once all of it is written on an open transaction."""
    connection.execute(
        sa.text(
            "INSERT INTO crfs.digest (what, reference, parts, tenant_id) VALUES ('run', :run_id, crfs.parts_of_run(:run_id), :tenant_id)"
        ),
        {"run_id": run_id, "tenant_id": tenant_id},
    )


def with_digests(what: str, insertion: str) -> str:
    """SQL: an insertion of notes that keeps their digests with them: those of one answer are one row."""
    return (
        f"WITH kept AS ({insertion} RETURNING *) INSERT INTO crfs.digest (what, reference, parts, tenant_id) "
        f"SELECT '{what}', CAST(min(note_id) AS text), jsonb_object_agg(note_id, {NOTES[what]}), min(tenant_id) FROM kept HAVING count(*) > 0"
    )


def altered(connection: sa.Connection, *, batches: Collection[int] | None = None, runs: Collection[str] | None = None) -> list[Altered]:
    """Batches and runs (of those named, else all) whose parts are not those that were kept; what older versions wrote is passed over.

    Only this tenant's are seen, by their digests too, since a batch may be altered to look another's; other tenants verify their own.
    """
    query = sa.text(
        "SELECT b.what, b.reference, d.parts AS kept, d.parts IS NULL AS unkept, b.parts AS found FROM ("
        "SELECT 'batch' AS what, CAST(batch_id AS text) AS reference, crfs.parts_of_batch(batch_id) AS parts FROM crfs.batch "
        "WHERE (tenant_id = current_setting('crfs.tenant_id')::integer "
        "OR CAST(batch_id AS text) IN (SELECT reference FROM crfs.digest WHERE what = 'batch')) "
        "AND (CAST(:batches AS bigint[]) IS NULL OR batch_id = ANY(:batches)) "
        "UNION ALL SELECT 'run', run_id, crfs.parts_of_run(run_id) FROM crfs.run "
        "WHERE CAST(:runs AS text[]) IS NULL OR run_id = ANY(:runs)) AS b LEFT JOIN crfs.digest AS d USING (what, reference) "
        "WHERE NOT coalesce(d.older, false) AND d.parts IS DISTINCT FROM b.parts "
        "UNION ALL SELECT d.what, d.reference, NULL, true, NULL FROM crfs.digest AS d WHERE d.what IN ('batch', 'run') AND CASE d.what WHEN 'run' "
        "THEN (CAST(:runs AS text[]) IS NULL OR d.reference = ANY(:runs)) AND NOT EXISTS (SELECT 1 FROM crfs.run AS r WHERE r.run_id = d.reference) "
        "ELSE (CAST(:batches AS bigint[]) IS NULL OR d.reference = ANY(CAST(CAST(:batches AS bigint[]) AS text[]))) "
        "AND NOT EXISTS (SELECT 1 FROM crfs.batch AS b WHERE CAST(b.batch_id AS text) = d.reference) END"
    )
    given = {"batches": None if batches is None else sorted(batches), "runs": None if runs is None else sorted(runs)}
    found = []
    for row in connection.execute(query, given):
        differ = () if row.unkept else tuple(words for part, words in _PARTS[row.what].items() if row.kept.get(part) != row.found.get(part))
        found.append(Altered(what=row.what, reference=row.reference, parts=differ))
    return sorted(found, key=lambda item: (item.what, len(item.reference), item.reference))


def without_digest(connection: sa.Connection) -> dict[str, int]:
    """How many batches and runs an older crfs wrote, which kept no digests."""
    rows = connection.exec_driver_sql("SELECT what, count(*) AS n FROM crfs.digest WHERE older GROUP BY what ORDER BY what")
    return {row.what: row.n for row in rows}


def altered_entities(connection: sa.Connection) -> dict[int, str]:
    """Entities whose natural key, kind or tenant is not what was registered, with words for them."""
    rows = connection.exec_driver_sql(
        f"SELECT entity_id, kind, natural_key FROM crfs.entity WHERE digest IS DISTINCT FROM {ENTITY} ORDER BY entity_id"
    )
    return {
        row.entity_id: f"entity {row.entity_id}, now {row.natural_key!r} of the kind {row.kind}, is not what was registered" for row in rows
    }


def altered_notes(connection: sa.Connection) -> list[str]:
    """Words for sightings, extents and rereads that are not what was noted, be it that nobody noted them, and for those that are gone."""
    found = []
    for what, digest in NOTES.items():
        rows = connection.exec_driver_sql(
            "WITH kept AS (SELECT CAST(k.key AS bigint) AS note_id, k.value AS digest FROM crfs.digest AS d, jsonb_each_text(d.parts) AS k "
            f"WHERE d.what = '{what}'), noted AS (SELECT note_id, dataset, entity_id, CAST({digest} AS text) AS digest FROM crfs.{what}) "
            "SELECT note_id, n.dataset, e.natural_key FROM kept AS k FULL JOIN noted AS n USING (note_id) LEFT JOIN crfs.entity AS e USING (entity_id) "
            "WHERE k.digest IS DISTINCT FROM n.digest ORDER BY note_id"
        )
        found += [
            f"{what} {row.note_id} of {row.natural_key} in {row.dataset} is not what was noted"
            if row.dataset
            else f"{what} {row.note_id} is gone"
            for row in rows
        ]
    return found


def altered_landings(connection: sa.Connection, payloads: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Fetches, and times of landing, that are not what was written: words for each, and the payload's hash. Of ``payloads``, else of all."""
    rows = connection.execute(
        sa.text(
            "SELECT sha256, 'the fetch ' || fetch_id || ' of ' || source || ' ' || stream || ' is not what was landed' AS words FROM crfs.fetch "
            f"WHERE digest IS DISTINCT FROM {FETCH} AND (CAST(:payloads AS text[]) IS NULL OR sha256 = ANY(:payloads)) "
            "UNION ALL SELECT sha256, 'the payload ' || sha256 || ' says that it was landed at another time than it was' FROM crfs.payload "
            f"WHERE digest IS DISTINCT FROM {LANDING} AND (CAST(:payloads AS text[]) IS NULL OR sha256 = ANY(:payloads)) ORDER BY 1, 2"
        ),
        {"payloads": None if payloads is None else sorted(payloads)},
    )
    return [(row.words, row.sha256) for row in rows]
