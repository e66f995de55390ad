"""Landing: the bytes that came over the wire, kept once under their hash, and a row for every fetch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import polars as pl
import sqlalchemy as sa

from crfs.errors import NotFound, VerificationFailed
from crfs.store.answers import AnswerKey
from crfs.store.database import Database
from crfs.store.digests import FETCH, LANDING
from crfs.store.publication import Fence, check_fence
from crfs.store.relations import relation


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchNote:
    """How a payload came: ``url`` and ``headers`` without secrets, times in UTC."""

    source: str
    stream: str
    url: str
    status: int
    headers: Mapping[str, str]
    classification: str
    parser_version: str
    started_at: datetime
    fetched_at: datetime
    job_id: UUID | None = None


def land(database: Database, body: bytes, note: FetchNote) -> str:
    """Keep the bytes before anything is made of them; the same bytes again add a fetch, not a payload. Their SHA-256 is answered.

    They take the place of bytes under their hash that are damaged, or have expired.

    No fence is checked: that these bytes came, when and how, is a fact even where whoever fetched them has lost its job to another worker.
    What is made of them needs the lease.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    with database.writing(durable=False) as connection:
        sound = connection.execute(
            sa.text(
                "SELECT coalesce(encode(sha256(body), 'hex') = sha256 AND byte_count = length(body), false) FROM crfs.payload WHERE sha256 = :sha256"
            ),
            {"sha256": sha256},
        ).scalar()
        if sound is None:
            connection.execute(
                sa.text(
                    f"INSERT INTO crfs.payload (sha256, byte_count, body, landed_at, digest) SELECT *, {LANDING} FROM (SELECT CAST(:sha256 AS text) "
                    "AS sha256, CAST(:byte_count AS bigint), CAST(:body AS bytea), CAST(:at AS timestamptz) AS landed_at) AS fresh "
                    "ON CONFLICT DO NOTHING"
                ),
                {"sha256": sha256, "byte_count": len(body), "body": body, "at": note.fetched_at},
            )
        elif not sound:
            connection.execute(sa.text("SELECT crfs.mend_payload(:body)"), {"body": body})
        connection.execute(
            sa.text(
                "INSERT INTO crfs.fetch (fetch_id, source, stream, sha256, url, status, headers, classification, parser_version, started_at, "
                f"fetched_at, job_id, tenant_id, digest) OVERRIDING SYSTEM VALUE SELECT *, {FETCH} FROM ("
                "SELECT nextval('crfs.fetch_fetch_id_seq') AS fetch_id, CAST(:source AS text) AS source, CAST(:stream AS text) AS stream, "
                "CAST(:sha256 AS text) AS sha256, CAST(:url AS text) AS url, CAST(:status AS integer) AS status, CAST(:headers AS jsonb) AS headers, "
                "CAST(:classification AS text) AS classification, CAST(:parser_version AS text) AS parser_version, "
                "CAST(:started_at AS timestamptz) AS started_at, CAST(:fetched_at AS timestamptz) AS fetched_at, CAST(:job_id AS uuid) AS job_id, "
                "CAST(:tenant_id AS integer) AS tenant_id) AS fresh"
            ).bindparams(sa.bindparam("headers", type_=sa.JSON)),
            {
                "source": note.source,
                "stream": note.stream,
                "sha256": sha256,
                "url": note.url,
                "status": note.status,
                "headers": dict(note.headers),
                "classification": note.classification,
                "parser_version": note.parser_version,
                "started_at": note.started_at,
                "fetched_at": note.fetched_at,
                "job_id": note.job_id,
                "tenant_id": database.tenant_id,
            },
        )
    return sha256


def payload(database: Database, sha256: str) -> bytes:
    """The bytes under a hash, checked; only those that this tenant has fetched."""
    query = sa.text(
        "SELECT body FROM crfs.payload AS p WHERE sha256 = :sha256 AND EXISTS (SELECT 1 FROM crfs.fetch AS f WHERE f.sha256 = p.sha256)"
    )
    with database.reading() as connection:
        row = connection.execute(query, {"sha256": sha256}).one_or_none()
    if row is None:
        raise NotFound(f"no payload has the hash {sha256!r}; crfs lineage RUN --to payload lists those of a run")
    if row.body is None:
        raise NotFound(f"the payload {sha256} has expired: its bytes are gone, its hash and its fetches are kept")
    body = bytes(row.body)
    if hashlib.sha256(body).hexdigest() != sha256:
        raise VerificationFailed(
            f"the payload {sha256} is damaged: its bytes have another hash; land it again, or restore it from a backup"
        )
    return body


def keep_rejected(database: Database, answer: AnswerKey, parser_version: str, rejected: pl.DataFrame, fence: Fence | None = None) -> int:
    """Keep the rows of an answer that were refused (row, column, reason, detail); once an answer and parser version, and by a job that has its
    lease still.
    """
    if rejected.is_empty():
        return 0
    with database.writing(durable=False) as connection:
        check_fence(connection, fence)
        seen = connection.execute(
            sa.text(
                "SELECT 1 FROM crfs.rejected_row WHERE source = :source AND stream = :stream AND sha256 = :sha256 "
                "AND parser_version = :version LIMIT 1"
            ),
            {**answer._asdict(), "version": parser_version},
        ).scalar()
        if seen is None:
            connection.execute(
                sa.text(
                    "INSERT INTO crfs.rejected_row "
                    "(source, stream, sha256, parser_version, row_number, column_name, reason, detail, job_id, tenant_id) "
                    "VALUES (:source, :stream, :sha256, :version, :row, :column, :reason, :detail, :job_id, :tenant_id)"
                ),
                [
                    {
                        **answer._asdict(),
                        "version": parser_version,
                        "job_id": fence.job_id if fence else None,
                        "tenant_id": database.tenant_id,
                        **row,
                    }
                    for row in rejected.select("row", "column", "reason", "detail").to_dicts()
                ],
            )
    return rejected.height


def payload_fed(database: Database, sha256: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The sources that fetched a payload, and what its batches wrote: (dataset, natural key of the entity), each once."""
    batches = "SELECT batch_id FROM crfs.batch_payload WHERE sha256 = :sha256 AND dataset IN ('', :dataset)"
    with database.reading() as connection:
        of = {"sha256": sha256}
        sources = (
            connection.execute(sa.text("SELECT DISTINCT source FROM crfs.fetch WHERE sha256 = :sha256 ORDER BY 1"), of).scalars().all()
        )
        datasets = connection.execute(
            sa.text(
                "SELECT DISTINCT d.dataset FROM crfs.batch_payload AS p JOIN crfs.batch_dataset AS d USING (batch_id) "
                "WHERE p.sha256 = :sha256 AND p.dataset IN ('', d.dataset) ORDER BY 1"
            ),
            of,
        ).scalars()
        fed = [
            (dataset, key)
            for dataset in datasets.all()
            for key in connection.execute(
                sa.text(
                    "SELECT natural_key FROM crfs.entity WHERE entity_id IN "
                    f"(SELECT entity_id FROM {relation(dataset)} WHERE batch_id IN ({batches})) ORDER BY 1"
                ),
                {**of, "dataset": dataset},
            ).scalars()
        ]
    return list(sources), fed
