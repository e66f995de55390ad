"""Quarantine: answers that were held back, and rows that were refused, each with its reason and the payload that it points into."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from crfs.errors import NotFound, plain
from crfs.store.answers import AnswerKey
from crfs.store.database import Database
from crfs.store.publication import Fence, check_fence

REJECTED_ROWS = "rejected_rows"
"""The rule of an item whose bad rows were left out while the others were published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineItem:
    """An answer in quarantine: ``rule`` is the threshold that held it back, or ``rejected_rows``."""

    quarantine_id: int
    source: str
    stream: str
    sha256: str
    parser_version: str
    rule: str
    detail: str
    evidence: Mapping[str, Any]
    state: str
    opened_at: datetime
    job_id: UUID | None
    released_at: datetime | None
    released_by: str | None
    release_reason: str | None
    batch_id: int | None

    @property
    def answer(self) -> AnswerKey:
        """What is held."""
        return AnswerKey(source=self.source, stream=self.stream, sha256=self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A place in a payload that was refused; ``row`` counts its data rows from 1, and is None where the whole body is meant."""

    row: int | None
    column: str | None
    reason: str
    detail: str


_COLUMNS = ", ".join(QuarantineItem.__dataclass_fields__)
_ANSWER = "source = :source AND stream = :stream AND sha256 = :sha256"
"""SQL: rows of one answer (:meth:`AnswerKey._asdict` has the values)."""


def hold(
    database: Database,
    answer: AnswerKey,
    *,
    parser_version: str,
    rule: str,
    detail: str,
    evidence: Mapping[str, Any],
    at: datetime,
    fence: Fence | None,
) -> int:
    """Put an answer into quarantine, for a job that has its lease still; the same answer, parser and rule again is the same item."""
    values = {
        **answer._asdict(), "parser_version": parser_version, "rule": rule, "detail": plain(detail)[:2000],
        "evidence": _json(evidence), "at": at, "job_id": fence.job_id if fence else None, "tenant_id": database.tenant_id,
    }  # fmt: skip
    with database.writing() as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.quarantine (source, stream, sha256, parser_version, rule, detail, evidence, state, opened_at, job_id, tenant_id) "
                "VALUES (:source, :stream, :sha256, :parser_version, :rule, :detail, CAST(:evidence AS jsonb), 'held', :at, :job_id, :tenant_id) "
                "ON CONFLICT DO NOTHING"
            ),
            values,
        )
        found: int = connection.execute(
            sa.text(f"SELECT quarantine_id FROM crfs.quarantine WHERE {_ANSWER} AND parser_version = :parser_version AND rule = :rule"),
            values,
        ).scalar_one()
    return found


def items(
    database: Database, *, state: str | None = None, source: str | None = None, whole_only: bool = False, limit: int | None = 200
) -> list[QuarantineItem]:
    """Items of quarantine, the newest first; only answers that were held back as a whole, if ``whole_only``; all, if ``limit`` is None."""
    with database.reading() as connection:
        rows = connection.execute(
            sa.text(
                f"SELECT {_COLUMNS} FROM crfs.quarantine WHERE (CAST(:state AS text) IS NULL OR state = :state) "
                "AND (CAST(:source AS text) IS NULL OR source = :source) AND NOT (:whole AND rule = :rows) "
                "ORDER BY quarantine_id DESC LIMIT CAST(:limit AS bigint)"
            ),
            {"state": state, "source": source, "whole": whole_only, "rows": REJECTED_ROWS, "limit": limit},
        ).all()
    return [QuarantineItem(**row._mapping) for row in rows]


def item(database: Database, quarantine_id: int) -> QuarantineItem:
    """One item."""
    with database.reading() as connection:
        row = connection.execute(
            sa.text(f"SELECT {_COLUMNS} FROM crfs.quarantine WHERE quarantine_id = :id"), {"id": quarantine_id}
        ).one_or_none()
    if row is None:
        raise NotFound(f"nothing in quarantine has the number {quarantine_id}; crfs quarantine list shows what there is")
    return QuarantineItem(**row._mapping)


def is_released(database: Database, answer: AnswerKey) -> bool:
    """Whether somebody has released this very answer: what it was held back for is then known and accepted."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(f"SELECT 1 FROM crfs.quarantine WHERE {_ANSWER} AND state = 'released' AND rule <> :rows LIMIT 1"),
            {**answer._asdict(), "rows": REJECTED_ROWS},
        ).scalar()
    return found is not None


def held_whole(database: Database, answer: AnswerKey) -> list[int]:
    """The numbers of the items that hold an answer back as a whole."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(f"SELECT quarantine_id FROM crfs.quarantine WHERE {_ANSWER} AND state = 'held' AND rule <> :rows ORDER BY 1"),
            {**answer._asdict(), "rows": REJECTED_ROWS},
        )
        return list(found.scalars())


def rejected_rows(database: Database, answer: AnswerKey, parser_version: str, *, limit: int = 1000) -> list[RejectedRow]:
    """The rows of an answer that a parser refused."""
    with database.reading() as connection:
        rows = connection.execute(
            sa.text(
                f"SELECT row_number, column_name, reason, detail FROM crfs.rejected_row WHERE {_ANSWER} AND parser_version = :version "
                "ORDER BY rejected_id LIMIT :limit"
            ),
            {**answer._asdict(), "version": parser_version, "limit": limit},
        ).all()
    return [RejectedRow(row=row.row_number, column=row.column_name, reason=row.reason, detail=row.detail) for row in rows]


def release(database: Database, answer: AnswerKey, *, rules: Sequence[str], at: datetime, reason: str, batch_id: int | None) -> None:
    """Mark the held items of an answer that are of some rules as released, by whom and why."""
    with database.writing() as connection:
        connection.execute(
            sa.text(
                "UPDATE crfs.quarantine SET state = 'released', released_at = :at, released_by = :actor, release_reason = :reason, "
                f"batch_id = :batch_id WHERE {_ANSWER} AND rule = ANY(:rules) AND state = 'held'"
            ),
            {"at": at, "actor": database.actor, "reason": reason, "batch_id": batch_id, **answer._asdict(), "rules": list(rules)},
        )


def release_mended(
    database: Database, answers: Iterable[AnswerKey], *, parser_version: str, at: datetime, batch_id: int | None, fence: Fence | None
) -> int:
    """Release the items of refused rows of answers that a later parser has read without refusing any; how many these are.

    What holds an answer back as a whole stays: that it may be read is no sign that it is right.
    """
    read = sorted(answers)
    with database.writing() as connection:
        check_fence(connection, fence)
        released = connection.execute(
            sa.text(
                "UPDATE crfs.quarantine AS q SET state = 'released', released_at = :at, released_by = :actor, release_reason = :reason, "
                "batch_id = :batch_id FROM unnest(CAST(:sources AS text[]), CAST(:streams AS text[]), CAST(:sha256s AS text[])) "
                "AS a (source, stream, sha256) WHERE (q.source, q.stream, q.sha256) = (a.source, a.stream, a.sha256) "
                "AND q.rule = :rows AND q.state = 'held' AND q.parser_version <> :version AND NOT EXISTS (SELECT 1 FROM crfs.rejected_row AS r "
                "WHERE (r.source, r.stream, r.sha256, r.parser_version) = (q.source, q.stream, q.sha256, :version))"
            ),
            {
                "at": at,
                "actor": database.actor,
                "reason": f"parser version {parser_version} refuses none of its rows",
                "batch_id": batch_id,
                "sources": [answer.source for answer in read],
                "streams": [answer.stream for answer in read],
                "sha256s": [answer.sha256 for answer in read],
                "rows": REJECTED_ROWS,
                "version": parser_version,
            },
        )
    return released.rowcount


def last_shape(database: Database, source: str, kind: str) -> Mapping[str, Any] | None:
    """What the last accepted answer of a kind looked like."""
    with database.reading() as connection:
        shape: Mapping[str, Any] | None = connection.execute(
            sa.text("SELECT shape FROM crfs.payload_shape WHERE source = :source AND shape_of = :kind"), {"source": source, "kind": kind}
        ).scalar()
    return shape


def keep_shape(
    database: Database,
    source: str,
    kind: str,
    *,
    sha256: str,
    row_count: int,
    shape: Mapping[str, Any],
    newest: date | None,
    at: datetime,
    released: bool = False,
    fence: Fence | None = None,
) -> None:
    """Keep what an accepted answer looks like, for the next one of its kind; an older answer does not replace a newer one.

    Nor does one whose ``newest`` valid day is older, unless somebody has ``released`` it: that is how things are from now on.
    """
    with database.writing(durable=False) as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.payload_shape (source, shape_of, sha256, observed_at, row_count, shape) "
                "VALUES (:source, :kind, :sha256, :at, :row_count, CAST(:shape AS jsonb)) ON CONFLICT (source, shape_of) DO UPDATE SET "
                "sha256 = :sha256, observed_at = :at, row_count = :row_count, shape = CAST(:shape AS jsonb) "
                "WHERE payload_shape.observed_at <= :at AND (:released OR "
                "coalesce(CAST(payload_shape.shape ->> 'newest' AS date) <= CAST(:newest AS date), true))"
            ),
            {
                "source": source,
                "kind": kind,
                "sha256": sha256,
                "at": at,
                "row_count": row_count,
                "shape": _json(shape),
                "newest": newest,
                "released": released,
            },
        )


def _json(value: object) -> str:
    """A document as PostgreSQL takes it: names and units are a provider's, and jsonb holds no NUL and no half of a pair."""

    def shown(inner: object) -> object:
        if isinstance(inner, str):
            return plain(inner)
        if isinstance(inner, Mapping):
            return {plain(str(name)): shown(item) for name, item in inner.items()}
        return [shown(item) for item in inner] if isinstance(inner, list | tuple) else inner

    return json.dumps(shown(value))
