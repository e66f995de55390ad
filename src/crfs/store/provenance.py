"""Where rows come from: the payloads of a batch, the fetches of a payload, and how much each dataset holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crfs.errors import NotFound
from crfs.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One time that the bytes of a payload came."""

    source: str
    stream: str
    url: str
    status: int
    headers: Mapping[str, Any]
    classification: str
    parser_version: str
    started_at: datetime
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrigin:
    """A batch with the payloads that it was made of."""

    batch_id: int
    kind: str
    source: str | None
    recorded_at: datetime
    reason: str | None
    actor: str
    payloads: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContents:
    """How many rows a dataset has been given, in how many batches, and when the last was recorded."""

    dataset: str
    rows: int
    batches: int
    recorded_at: datetime


def fetches(database: Database, sha256: str) -> list[Fetch]:
    """Every time that a payload came, the first one first."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                "SELECT source, stream, url, status, headers, classification, parser_version, started_at, fetched_at "
                "FROM crfs.fetch WHERE sha256 = :sha256 ORDER BY fetch_id"
            ),
            {"sha256": sha256},
        ).all()
    if not found:
        raise NotFound(f"no payload has the hash {sha256!r}; crfs lineage RUN --to payload lists those of a run")
    return [Fetch(**row._mapping) for row in found]


def batch_origins(database: Database, batches: Sequence[int], *, dataset: str) -> dict[int, BatchOrigin]:
    """The batches of those ids, with the payloads that a dataset's rows in them came from."""
    if not batches:
        return {}
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                "SELECT b.batch_id, b.kind, b.source, b.recorded_at, b.reason, b.actor, "
                "coalesce(array_agg(DISTINCT p.sha256 ORDER BY p.sha256) FILTER (WHERE p.sha256 IS NOT NULL), '{}') AS payloads "
                "FROM crfs.batch AS b LEFT JOIN crfs.batch_payload AS p ON p.batch_id = b.batch_id AND p.dataset IN (:dataset, '') "
                "WHERE b.batch_id = ANY(:batches) "
                "GROUP BY b.batch_id"
            ),
            {"batches": sorted(set(batches)), "dataset": dataset},
        ).all()
    return {row.batch_id: BatchOrigin(**row._mapping) for row in found}


def contents(database: Database, *, batch_id: int) -> list[DatasetContents]:
    """What each dataset had been given by a batch."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                "SELECT d.dataset, CAST(sum(d.row_count) AS bigint) AS rows, count(*) AS batches, max(b.recorded_at) AS recorded_at "
                "FROM crfs.batch_dataset AS d JOIN crfs.batch AS b USING (batch_id) WHERE batch_id <= :batch_id GROUP BY d.dataset ORDER BY d.dataset"
            ),
            {"batch_id": batch_id},
        ).all()
    return [DatasetContents(**row._mapping) for row in found]
