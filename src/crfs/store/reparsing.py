"""What earlier parsers made of payloads, and the payloads that a newer parser has not seen yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from crfs.errors import NotFound
from crfs.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The newest batch that payloads gave: its parser's version, whether it rests on these fetches of them, and the datasets that any batch of theirs
    has rows of.
    """

    parser_version: str
    datasets: tuple[str, ...]
    in_these_fetches: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedPayload:
    """A payload as its first fetch brought it."""

    sha256: str
    stream: str
    url: str
    status: int
    headers: Mapping[str, str]
    started_at: datetime
    fetched_at: datetime


def earlier(database: Database, payloads: Sequence[str], *, source: str, fetches: Sequence[datetime]) -> Earlier | None:
    """What the payloads gave before, in these fetches or else in any; None where no batch of the source rests on them."""
    of_fetch = "EXISTS (SELECT 1 FROM crfs.batch_dataset AS d WHERE d.batch_id = b.batch_id AND d.fetched_at = ANY(CAST(:fetches AS timestamptz[])))"
    query = sa.text(
        f"SELECT b.parser_version, {of_fetch} AS in_these_fetches, "
        "array(SELECT DISTINCT d.dataset FROM crfs.batch_payload AS q JOIN crfs.batch_dataset AS d USING (batch_id) "
        "JOIN crfs.batch AS c USING (batch_id) WHERE q.sha256 = ANY(:payloads) AND c.source = :source AND q.dataset IN ('', d.dataset)) AS datasets "
        "FROM crfs.batch_payload AS p JOIN crfs.batch AS b USING (batch_id) WHERE p.sha256 = ANY(:payloads) AND b.source = :source "
        "ORDER BY in_these_fetches DESC, b.batch_id DESC LIMIT 1"
    )
    with database.reading() as connection:
        row = connection.execute(query, {"payloads": list(payloads), "source": source, "fetches": list(fetches)}).one_or_none()
    if row is None:
        return None
    return Earlier(parser_version=row.parser_version or "", datasets=tuple(sorted(row.datasets)), in_these_fetches=row.in_these_fetches)


def landed_payload(database: Database, sha256: str, *, source: str) -> LandedPayload:
    """A payload as a source's first fetch brought it."""
    query = sa.text(
        "SELECT sha256, stream, url, status, headers, started_at, fetched_at FROM crfs.fetch WHERE sha256 = :sha256 AND source = :source "
        "ORDER BY fetched_at, fetch_id LIMIT 1"
    )
    with database.reading() as connection:
        row = connection.execute(query, {"sha256": sha256, "source": source}).one_or_none()
    if row is None:
        raise NotFound(f"{source} has brought no payload {sha256}")
    return LandedPayload(**row._mapping)


def landed_payloads(database: Database, *, source: str, unless_parsed_by: str) -> Iterator[LandedPayload]:
    """The payloads of a source that its parser of the given version has not read, in the order in which they were fetched: as they came first,
    and as they came again where that was news.

    Bytes that came as several streams (two series that say the same, in an answer that names neither) are a payload each, one after the
    other. Those that are held back in quarantine are not among them: another parser does not make them right.
    """
    query = sa.text(
        "SELECT sha256, stream, url, status, headers, started_at, fetched_at FROM ("
        "SELECT DISTINCT ON (f.sha256, f.stream, f.fetched_at) f.*, min(f.fetched_at) OVER (PARTITION BY f.sha256) AS first_at, "
        "f.fetched_at = min(f.fetched_at) OVER (PARTITION BY f.sha256, f.stream) AS is_first "
        "FROM crfs.fetch AS f WHERE f.source = :source AND f.classification IN ('OK', 'SCHEMA') "
        "ORDER BY f.sha256, f.stream, f.fetched_at, f.fetch_id) AS f "
        "WHERE (is_first OR EXISTS (SELECT 1 FROM crfs.batch_payload AS p JOIN crfs.batch_dataset AS d USING (batch_id) "
        "WHERE p.sha256 = f.sha256 AND p.dataset IN ('', d.dataset) AND d.fetched_at = f.fetched_at)) "
        "AND NOT EXISTS (SELECT 1 FROM crfs.fetch AS g WHERE g.sha256 = f.sha256 AND g.source = :source AND g.stream = f.stream "
        "AND g.fetched_at = f.fetched_at AND g.parser_version = :version) "
        "AND NOT EXISTS (SELECT 1 FROM crfs.quarantine AS q WHERE q.sha256 = f.sha256 AND q.source = :source AND q.state = 'held' "
        "AND q.rule <> 'rejected_rows') "
        "ORDER BY CASE WHEN is_first THEN first_at ELSE fetched_at END, sha256, fetched_at, stream"
    )
    with database.reading() as connection:
        rows = connection.execute(query, {"source": source, "version": unless_parsed_by}).all()
    yield from (LandedPayload(**row._mapping) for row in rows)
