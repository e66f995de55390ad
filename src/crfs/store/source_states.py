"""Health of sources and streams: failures in a row, the circuit breaker, parking, watermarks, slices of backfills.

What a job writes here bears its fence: a worker that has lost its lease writes nothing (:func:`~crfs.store.publication.check_fence`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from crfs.store.database import Database
from crfs.store.publication import Fence, check_fence

FAILURES_TO_OPEN = 3
"""So many failures of a source in a row open its circuit."""
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
_PROBE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How a source does; ``open_until``: the circuit is open, ``parked_until``: its quota is used up."""

    source: str
    failures: int = 0
    open_until: datetime | None = None
    parked_until: datetime | None = None
    parked_reason: str | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """How a stream does; ``watermark`` is the last valid day that has come, ``last_news_at`` when rows last came that were new."""

    source: str
    stream: str
    watermark: date | None = None
    next_due_at: datetime | None = None
    last_run_at: datetime | None = None
    last_success_at: datetime | None = None
    last_news_at: datetime | None = None
    failures: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One slice of a backfill, both days included; ``part`` is the series that it is of, empty where it is of all."""

    part: str
    slice_start: date
    slice_end: date
    state: str
    attempts: int
    error: str | None


_SOURCE_COLUMNS = ", ".join(SourceState.__dataclass_fields__)
_STREAM_COLUMNS = ", ".join(StreamState.__dataclass_fields__)
# A slice of one series is kept under the name of its stream, a slash and the series; a stream's own name has no slash.
_SLICE_COLUMNS = "substr(stream, length(CAST(:stream AS text)) + 2) AS part, slice_start, slice_end, state, attempts, error"


def source_state(database: Database, source: str) -> SourceState:
    """The state of a source; a fresh one where nothing was ever asked of it."""
    with database.reading() as connection:
        row = connection.execute(
            sa.text(f"SELECT {_SOURCE_COLUMNS} FROM crfs.source_state WHERE source = :source"), {"source": source}
        ).one_or_none()
    return SourceState(source=source) if row is None else SourceState(**row._mapping)


def source_states(database: Database) -> Mapping[str, SourceState]:
    """All sources of which anything is known."""
    with database.reading() as connection:
        rows = connection.execute(sa.text(f"SELECT {_SOURCE_COLUMNS} FROM crfs.source_state ORDER BY source")).all()
    return {row.source: SourceState(**row._mapping) for row in rows}


def stream_states(database: Database) -> Mapping[str, StreamState]:
    """All streams of which anything is known, by their id."""
    with database.reading() as connection:
        rows = connection.execute(sa.text(f"SELECT {_STREAM_COLUMNS} FROM crfs.stream_state ORDER BY source, stream")).all()
    return {f"{row.source}/{row.stream}": StreamState(**row._mapping) for row in rows}


def streams_of_batches(database: Database, batches: Sequence[int]) -> list[str]:
    """The ids of the streams whose runs and backfills wrote these batches; none for what somebody brought by hand."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                "SELECT DISTINCT j.specification ->> 'stream' AS stream FROM crfs.batch AS b JOIN crfs.job AS j USING (job_id) "
                "WHERE b.batch_id = ANY(:batches) AND j.kind IN ('stream', 'backfill') ORDER BY 1"
            ),
            {"batches": sorted(set(batches))},
        )
        return list(found.scalars())


def take_probe(database: Database, source: str, *, at: datetime) -> bool:
    """Whether the one question that an open circuit lets through may be asked now: only one caller is told yes, and then again later."""
    with database.writing(durable=False) as connection:
        row = connection.execute(
            sa.text(
                "UPDATE crfs.source_state SET open_until = CAST(:again AS timestamptz) WHERE source = :source AND open_until <= :at RETURNING source"
            ),
            {"source": source, "at": at, "again": at + _PROBE},
        ).one_or_none()
    return row is not None


def source_succeeded(database: Database, source: str, *, at: datetime, fence: Fence | None = None) -> None:
    """The source answered: its circuit is closed."""
    with database.writing(durable=False) as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.source_state (source, last_success_at) VALUES (:source, :at) ON CONFLICT (source) DO UPDATE SET "
                "failures = 0, open_until = NULL, last_success_at = :at, parked_until = CASE WHEN source_state.parked_until <= :at THEN NULL "
                "ELSE source_state.parked_until END"
            ),
            {"source": source, "at": at},
        )


def source_failed(database: Database, source: str, *, at: datetime, error: str, fence: Fence | None = None) -> SourceState:
    """The source did not answer; the third time in a row opens its circuit, for longer each time up to an hour."""
    with database.writing(durable=False) as connection:
        check_fence(connection, fence)
        row = connection.execute(
            sa.text(
                "INSERT INTO crfs.source_state (source, failures, last_failure_at, last_error) VALUES (:source, 1, :at, :error) "
                "ON CONFLICT (source) DO UPDATE SET failures = source_state.failures + 1, last_failure_at = :at, last_error = :error "
                "RETURNING failures"
            ),
            {"source": source, "at": at, "error": error[:2000]},
        ).one()
        if row.failures >= FAILURES_TO_OPEN:
            pause = min(_FIRST_PAUSE * 2 ** min(row.failures - FAILURES_TO_OPEN, 10), _LONGEST_PAUSE)
            connection.execute(
                sa.text("UPDATE crfs.source_state SET open_until = :until WHERE source = :source"), {"source": source, "until": at + pause}
            )
    return source_state(database, source)


def park_source(database: Database, source: str, *, until: datetime, reason: str, fence: Fence | None = None) -> None:
    """The source's quota is used up: nothing is asked of it before ``until``."""
    with database.writing(durable=False) as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.source_state (source, parked_until, parked_reason) VALUES (:source, :until, :reason) "
                "ON CONFLICT (source) DO UPDATE SET parked_until = :until, parked_reason = :reason"
            ),
            {"source": source, "until": until, "reason": reason[:2000]},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What kept a source from being asked until it was lifted; ``streams`` are due again, and ``jobs`` that waited may be claimed."""

    open_until: datetime | None = None
    parked_until: datetime | None = None
    parked_reason: str | None = None
    streams: int = 0
    jobs: int = 0


def lift_source(database: Database, source: str, *, at: datetime) -> Lifted:
    """Close a source's circuit and end its parking; the streams that wait for either, and every run and backfill that waits, are due at once.

    A job may wait with the circuit closed: a backfill whose provider was silent once has a pause of its own.
    """
    with database.writing() as connection:
        held = connection.execute(
            sa.text(
                "UPDATE crfs.source_state AS s SET failures = 0, open_until = NULL, parked_until = NULL, parked_reason = NULL "
                "FROM (SELECT * FROM crfs.source_state WHERE source = :source FOR UPDATE) AS b WHERE s.source = b.source "
                "AND (b.open_until > :at OR b.parked_until > :at) RETURNING b.open_until, b.parked_until, b.parked_reason"
            ),
            {"source": source, "at": at},
        ).one_or_none()
        opened, parked, reason = (None, None, None) if held is None else held
        until = [moment for moment in (opened, parked) if moment is not None and moment > at]
        streams = connection.execute(
            sa.text(
                "UPDATE crfs.stream_state SET next_due_at = CAST(:at AS timestamptz) WHERE source = :source "
                "AND next_due_at = ANY(CAST(:until AS timestamptz[]))"
            ),
            {"source": source, "at": at, "until": until},
        ).rowcount
        jobs = connection.execute(
            sa.text(
                "UPDATE crfs.job SET not_before = NULL WHERE state = 'queued' AND kind IN ('stream', 'backfill') AND not_before > :at "
                "AND starts_with(specification ->> 'stream', :prefix)"
            ),
            {"at": at, "prefix": f"{source}/"},
        ).rowcount
    return Lifted(open_until=opened, parked_until=parked, parked_reason=reason, streams=streams, jobs=jobs)


_ANY = datetime.max.replace(tzinfo=UTC)


def schedule_stream(
    database: Database, source: str, stream: str, *, due_at: datetime, instead_of: datetime | None = _ANY, fence: Fence | None = None
) -> None:
    """When a stream is asked next; with ``instead_of``, only where that is still when it was due (None: never scheduled)."""
    with database.writing(durable=False) as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.stream_state (source, stream, next_due_at) VALUES (:source, :stream, :due_at) "
                "ON CONFLICT (source, stream) DO UPDATE SET next_due_at = :due_at "
                "WHERE :always OR stream_state.next_due_at IS NOT DISTINCT FROM CAST(:before AS timestamptz)"
            ),
            {
                "source": source,
                "stream": stream,
                "due_at": due_at,
                "always": instead_of is _ANY,
                "before": None if instead_of is _ANY else instead_of,
            },
        )


def stream_succeeded(
    database: Database, source: str, stream: str, *, at: datetime, watermark: date | None, news: bool, fence: Fence | None = None
) -> None:
    """A run of a stream came to its end; a watermark never goes back."""
    with database.writing() as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.stream_state (source, stream, watermark, last_run_at, last_success_at, last_news_at) "
                "VALUES (:source, :stream, :watermark, :at, :at, CASE WHEN :news THEN CAST(:at AS timestamptz) END) "
                "ON CONFLICT (source, stream) DO UPDATE SET watermark = greatest(stream_state.watermark, excluded.watermark), last_run_at = :at, "
                "last_success_at = :at, last_news_at = coalesce(excluded.last_news_at, stream_state.last_news_at), failures = 0, last_error = NULL"
            ),
            {"source": source, "stream": stream, "watermark": watermark, "at": at, "news": news},
        )


def stream_failed(database: Database, source: str, stream: str, *, at: datetime, error: str, fence: Fence | None = None) -> None:
    """A run of a stream failed; what it stored before is there, and its watermark stays."""
    with database.writing() as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.stream_state (source, stream, last_run_at, failures, last_error) VALUES (:source, :stream, :at, 1, :error) "
                "ON CONFLICT (source, stream) DO UPDATE SET last_run_at = :at, failures = stream_state.failures + 1, last_error = :error"
            ),
            {"source": source, "stream": stream, "at": at, "error": error[:2000]},
        )


def plan_slices(
    database: Database, source: str, stream: str, slices: Sequence[tuple[str, date, date]], *, at: datetime, fence: Fence | None = None
) -> None:
    """Write the slices (the series, empty for all; first and last day) of a backfill that are not written yet; one that has grown since, as the
    newest does, is asked again.
    """
    if not slices:
        return
    with database.writing() as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "INSERT INTO crfs.backfill_slice (source, stream, slice_start, slice_end, state, updated_at) "
                "VALUES (:source, :stream, :start, :end, 'pending', :at) ON CONFLICT (source, stream, slice_start) DO UPDATE SET "
                "slice_end = excluded.slice_end, state = 'pending', updated_at = :at WHERE excluded.slice_end > backfill_slice.slice_end"
            ),
            [{"source": source, "stream": _slice_key(stream, part), "start": start, "end": end, "at": at} for part, start, end in slices],
        )


def _slice_key(stream: str, part: str) -> str:
    return f"{stream}/{part}" if part else stream


def slices(database: Database, source: str, stream: str) -> list[Slice]:
    """The slices of a backfill, by series and then the oldest first."""
    with database.reading() as connection:
        rows = connection.execute(
            sa.text(
                f"SELECT {_SLICE_COLUMNS} FROM crfs.backfill_slice WHERE source = :source "
                "AND (stream = :stream OR starts_with(stream, CAST(:stream AS text) || '/')) "
                'ORDER BY stream COLLATE "C", slice_start'
            ),
            {"source": source, "stream": stream},
        ).all()
    return [Slice(**row._mapping) for row in rows]


def end_slice(
    database: Database,
    source: str,
    stream: str,
    start: date,
    *,
    at: datetime,
    fence: Fence | None,
    part: str = "",
    error: str | None = None,
) -> None:
    """A slice is done, or failed with an error; it is asked again by the next run of the backfill."""
    with database.writing() as connection:
        check_fence(connection, fence)
        connection.execute(
            sa.text(
                "UPDATE crfs.backfill_slice SET state = :state, attempts = attempts + 1, job_id = :job_id, error = :error, updated_at = :at "
                "WHERE source = :source AND stream = :stream AND slice_start = :start"
            ),
            {
                "state": "done" if error is None else "failed",
                "job_id": fence.job_id if fence else None,
                "error": error,
                "at": at,
                "source": source,
                "stream": _slice_key(stream, part),
                "start": start,
            },
        )
