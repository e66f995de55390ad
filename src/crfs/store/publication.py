"""The last, short transaction of every write: it locks the head, takes the next batch, and commits what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import sqlalchemy as sa

from crfs.errors import DoneElsewhere, InvalidInput
from crfs.store.database import Database
from crfs.store.digests import keep_batch_digest


class BatchKind(Enum):
    """What a batch does; the four from ``correction`` on speak of rows that are already there and carry a reason."""

    INGEST = "ingest"
    DEFINE = "define"
    REGISTER = "register"
    PROMOTE = "promote"
    CORRECTION = "correction"
    REPARSE = "reparse"
    REDERIVE = "rederive"
    ANNUL = "annul"

    @property
    def needs_reason(self) -> bool:
        """Whether history is amended, so that a reason is due."""
        return self in {BatchKind.CORRECTION, BatchKind.REPARSE, BatchKind.REDERIVE, BatchKind.ANNUL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A job's right to write: its lease's fencing token."""

    job_id: UUID
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchNote:
    """What is told of a batch beside its rows.

    ``payloads`` are the hashes of what it was made of; a mapping says for each the datasets whose rows came from it, so that the lineage of
    one dataset does not lead to the payloads of another that arrived with it.
    """

    kind: BatchKind
    at: datetime
    reason: str | None = None
    source: str | None = None
    parser_version: str | None = None
    payloads: Sequence[str] | Mapping[str, Sequence[str]] = ()
    fence: Fence | None = None

    def __post_init__(self) -> None:
        if self.kind.needs_reason and not (self.reason or "").strip():
            raise InvalidInput(f"a batch of kind {self.kind.value} amends history: give a reason")

    @property
    def origins(self) -> list[tuple[str, str]]:
        """Payload and dataset, in order; the dataset is empty where it was not said."""
        if isinstance(self.payloads, Mapping):
            return sorted({(sha256, dataset) for sha256, datasets in self.payloads.items() for dataset in datasets or [""]})
        return sorted({(sha256, "") for sha256 in self.payloads})


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An open batch: rows are inserted on ``connection`` with this id and this recorded_at."""

    connection: sa.Connection
    batch_id: int
    recorded_at: datetime
    previous: int


@contextmanager
def publication(database: Database, note: BatchNote) -> Iterator[Publication]:
    """Lock the head and hand out the next batch; leaving the block commits rows and head together, an error undoes all.

    Ids are in commit order and recorded_at is strictly increasing whatever the clocks of the writers say.
    """
    with database.writing() as connection, batch_on(connection, database, note) as batch:
        yield batch


def lock_head(connection: sa.Connection) -> int:
    """Let nobody else publish until the transaction ends; the last batch."""
    batch_id: int = connection.exec_driver_sql("SELECT batch_id FROM crfs.head FOR UPDATE").scalar_one()
    return batch_id


@contextmanager
def batch_on(connection: sa.Connection, database: Database, note: BatchNote) -> Iterator[Publication]:
    """The next batch on an open transaction, which may have several, one after the other: they are published together."""
    check_fence(connection, note.fence)
    head = connection.execute(
        sa.text(
            "UPDATE crfs.head SET batch_id = batch_id + 1, recorded_at = greatest(:at, recorded_at + interval '1 microsecond') "
            "RETURNING batch_id, recorded_at"
        ),
        {"at": note.at},
    ).one()
    connection.execute(
        sa.text(
            "INSERT INTO crfs.batch (batch_id, kind, reason, recorded_at, source, parser_version, job_id, actor, tenant_id) "
            "VALUES (:batch_id, :kind, :reason, :recorded_at, :source, :parser_version, :job_id, :actor, :tenant_id)"
        ),
        {
            "batch_id": head.batch_id,
            "kind": note.kind.value,
            "reason": note.reason,
            "recorded_at": head.recorded_at,
            "source": note.source,
            "parser_version": note.parser_version,
            "job_id": note.fence.job_id if note.fence else None,
            "actor": database.actor,
            "tenant_id": database.tenant_id,
        },
    )
    if note.payloads:
        connection.execute(
            sa.text("INSERT INTO crfs.batch_payload (batch_id, sha256, dataset) VALUES (:batch_id, :sha256, :dataset)"),
            [{"batch_id": head.batch_id, "sha256": sha256, "dataset": dataset} for sha256, dataset in note.origins],
        )
    yield Publication(connection=connection, batch_id=head.batch_id, recorded_at=head.recorded_at, previous=head.batch_id - 1)
    keep_batch_digest(connection, head.batch_id, tenant_id=database.tenant_id)


def check_fence(connection: sa.Connection, fence: Fence | None) -> None:
    """That whoever writes on ``connection`` still holds the lease of its job, until the transaction ends; else it is :class:`~crfs.errors.DoneElsewhere`.

    Without a fence somebody writes who is no job. Whatever a job writes that others go by (rows, the state of slices, streams and sources, what
    is held back) is written after this check and in its transaction: a worker that slept beyond its lease, and woke, changes nothing.
    """
    if fence is None:
        return
    row = connection.execute(
        sa.text("SELECT fencing_token, state FROM crfs.job WHERE job_id = :job_id FOR SHARE"), {"job_id": fence.job_id}
    ).one_or_none()
    if row is None or row.fencing_token != fence.token or row.state != "running":
        raise DoneElsewhere(f"job {fence.job_id} has lost its lease to another worker; what it did is not published")
