"""Landed answers: what a source's parsers have read of them, and all of them in the order in which they were taken in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from crfs.errors import NotFound
from crfs.store.answers import AnswerKey
from crfs.store.database import Database
from crfs.store.digests import FETCH

_TRUSTED = (
    "f.source = :source AND f.classification IN ('OK', 'SCHEMA', 'EMPTY', 'BAD_REQUEST') AND NOT EXISTS (SELECT 1 FROM crfs.quarantine AS q "
    "WHERE q.sha256 = f.sha256 AND q.source = :source AND q.stream = f.stream AND q.state = 'held' AND q.rule <> 'rejected_rows')"
)
"""SQL: answers that a parser may read. Those that are held back in quarantine are not made right by another one; silence and quotas say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedPayload:
    """A payload as a fetch brought it."""

    sha256: str
    stream: str
    url: str
    status: int
    headers: Mapping[str, str]
    started_at: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A fetch: its number, what it brought, the first batch that came of it (none: it was no news), and whether the present parser has read it."""

    fetch_id: int
    payload: LandedPayload
    batch_id: int | None
    is_read: bool


def landed_payload(database: Database, answer: AnswerKey) -> LandedPayload:
    """An answer as the first fetch brought it."""
    query = sa.text(
        "SELECT sha256, stream, url, status, headers, started_at, fetched_at FROM crfs.fetch "
        "WHERE source = :source AND stream = :stream AND sha256 = :sha256 ORDER BY fetched_at, fetch_id LIMIT 1"
    )
    with database.reading() as connection:
        row = connection.execute(query, answer._asdict()).one_or_none()
    if row is None:
        raise NotFound(f"{answer.source} has brought no payload {answer.sha256} for {answer.stream}")
    return LandedPayload(**row._mapping)


def was_read_otherwise(
    database: Database, payloads: Sequence[str], *, source: str, parser_version: str, fetches: Sequence[datetime] | None
) -> bool:
    """Whether rows of payloads were made by another version of their source's parser: the last that were, in these fetches (None: in any)."""
    in_fetches = (
        "true"
        if fetches is None
        else "EXISTS (SELECT 1 FROM crfs.batch_dataset AS d WHERE d.batch_id = b.batch_id AND d.fetched_at = ANY(CAST(:fetches AS timestamptz[])))"
    )
    query = sa.text(
        "SELECT b.parser_version FROM crfs.batch_payload AS p JOIN crfs.batch AS b USING (batch_id) WHERE p.sha256 = ANY(:payloads) "
        f"AND b.source = :source AND b.kind IN ('ingest', 'reparse') AND {in_fetches} ORDER BY b.batch_id DESC LIMIT 1"
    )
    with database.reading() as connection:
        row = connection.execute(query, {"payloads": list(payloads), "source": source, "fetches": list(fetches or ())}).one_or_none()
    return row is not None and row.parser_version != parser_version


def last_fetch(database: Database, *, source: str) -> int:
    """The number of a source's last fetch; 0 where there is none."""
    with database.reading() as connection:
        found: int = connection.execute(
            sa.text("SELECT coalesce(max(fetch_id), 0) FROM crfs.fetch WHERE source = :source"), {"source": source}
        ).scalar_one()
    return found


def answers(database: Database, *, source: str, parser_version: str) -> list[Answer]:
    """All answers of a source that a parser may read, in the order in which they were landed; bytes that came again are an answer each time.

    What :func:`note_read` noted is no fetch of its own.
    """
    query = sa.text(
        "SELECT f.*, (SELECT min(b.batch_id) FROM crfs.batch_payload AS p JOIN crfs.batch AS b USING (batch_id) "
        "JOIN crfs.batch_dataset AS d USING (batch_id) WHERE p.sha256 = f.sha256 AND b.source = :source AND b.kind = 'ingest' "
        "AND coalesce(d.fetched_at = f.fetched_at, true)) AS batch_id, "
        "EXISTS (SELECT 1 FROM crfs.fetch AS g WHERE g.sha256 = f.sha256 AND g.source = :source AND g.stream = f.stream "
        "AND g.fetched_at = f.fetched_at AND g.parser_version = :version) AS is_read FROM ("
        "SELECT DISTINCT ON (f.sha256, f.stream, f.fetched_at) f.fetch_id, f.sha256, f.stream, f.url, f.status, f.headers, f.started_at, f.fetched_at "
        f"FROM crfs.fetch AS f WHERE {_TRUSTED} ORDER BY f.sha256, f.stream, f.fetched_at, f.fetch_id) AS f ORDER BY f.fetch_id"
    )
    with database.reading() as connection:
        rows = connection.execute(query, {"source": source, "version": parser_version}).mappings().all()
    names = LandedPayload.__dataclass_fields__
    return [
        Answer(
            fetch_id=row["fetch_id"],
            payload=LandedPayload(**{name: row[name] for name in names}),
            batch_id=row["batch_id"],
            is_read=row["is_read"],
        )
        for row in rows
    ]


def note_read(database: Database, read: Mapping[int, str], *, parser_version: str) -> None:
    """Note that a version of the parser has read fetches, by their numbers, and what it took each answer for."""
    if not read:
        return
    names = "source, stream, sha256, url, status, headers"
    with database.writing() as connection:
        connection.execute(
            sa.text(
                f"INSERT INTO crfs.fetch (fetch_id, {names}, classification, parser_version, started_at, fetched_at, job_id, tenant_id, digest) "
                f"OVERRIDING SYSTEM VALUE SELECT *, {FETCH} FROM (SELECT nextval('crfs.fetch_fetch_id_seq') AS fetch_id, {names}, "
                "n.taken_for AS classification, "
                "CAST(:version AS text) AS parser_version, started_at, fetched_at, job_id, tenant_id FROM crfs.fetch "
                "JOIN unnest(CAST(:ids AS bigint[]), CAST(:taken_for AS text[])) AS n (id, taken_for) ON n.id = fetch_id ORDER BY fetch_id) AS fresh"
            ),
            {"version": parser_version, "ids": list(read), "taken_for": list(read.values())},
        )


def datasets_of(database: Database, *, source: str) -> list[str]:
    """The datasets that a source's answers have rows of."""
    query = sa.text(
        "SELECT DISTINCT d.dataset FROM crfs.batch AS b JOIN crfs.batch_dataset AS d USING (batch_id) "
        "WHERE b.source = :source AND b.kind IN ('ingest', 'reparse') ORDER BY 1"
    )
    with database.reading() as connection:
        return list(connection.execute(query, {"source": source}).scalars())


def amendments(database: Database, datasets: Sequence[str]) -> list[tuple[int, str, str]]:
    """The batches in which somebody amended rows of datasets: number, kind, dataset; in their order."""
    query = sa.text(
        "SELECT b.batch_id, b.kind, d.dataset FROM crfs.batch AS b JOIN crfs.batch_dataset AS d USING (batch_id) "
        "WHERE d.dataset = ANY(:datasets) AND b.kind IN ('correction', 'annul') ORDER BY 1, 3"
    )
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(query, {"datasets": list(datasets)})]
