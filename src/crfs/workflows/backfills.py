"""Backfills: history in slices, each committed by itself, so that one that is interrupted goes on where it stood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from crfs.errors import (
    Cancelled,
    Conflict,
    CrfsError,
    DoneElsewhere,
    InvalidInput,
    Quarantined,
    QuotaExhausted,
    SourceRejected,
    SourceUnavailable,
    StoredInPart,
    Unreadable,
)
from crfs.workflows.circuit import SourceRests, check_circuit
from crfs.workflows.ingest_report import check_rejected, require_all_stored
from crfs.workflows.ingestion import ingest_in_job
from crfs.workflows.jobs import JobContext
from crfs.workflows.session import Session
from crfs.workflows.streams import stream_of

if TYPE_CHECKING:
    from uuid import UUID

    from crfs.credit.streams import StreamDefinition
    from crfs.store.source_states import Slice
    from crfs.workflows.ingest_report import IngestReport

KIND = "backfill"
PRIORITY = -10
_Refusal = SourceRejected | Quarantined | Conflict | InvalidInput
_REFUSALS: tuple[type[_Refusal], ...] = (SourceRejected, Unreadable, Quarantined, StoredInPart, Conflict, InvalidInput)
_SHOWN = 3
"""How many slices that went wrong the error of a whole run names."""
AGAIN_AFTER = timedelta(minutes=5)
"""When a slice that nobody answered is asked again; a provider whose circuit opens meanwhile rests longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfilled:
    """How a backfill ended: slices that there are, done in this run, and failed."""

    stream: str
    slices: int
    done: int
    failed: int
    appended: int

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, kept in the ledger."""
        return {"stream": self.stream, "slices": self.slices, "done": self.done, "failed": self.failed, "appended": self.appended}


def live_key_of(key: str) -> str:
    """Of jobs with this key only one is alive: a stream's history is filled in once at a time, by whoever does it."""
    return f"{KIND}:{key}"


def submit_backfill(session: Session, key: str) -> UUID:
    """Queue the backfill of a stream, behind regular runs; one that is under way is the answer."""
    from crfs.store.jobs import submit

    _sliced(stream_of(session, key), session.clock.now().date())
    job = submit(
        session.database,
        job_id=uuid4(),
        kind=KIND,
        specification={"stream": key},
        at=session.clock.now(),
        priority=PRIORITY,
        live_key=live_key_of(key),
    )
    return job.job_id


def run_backfill(session: Session, key: str, job: JobContext) -> Backfilled:
    """Ask for the slices that are not done yet, the oldest first. One that is refused, held back or contradicts the store is noted with its
    error, and the next one is asked; where none could be filled in, the run has failed with what was wrong. A quota that is used up, a
    provider that does not answer, and whatever else goes wrong, end the run, and the next one goes on from there.
    """
    from crfs.store.source_states import plan_slices, slices

    stream = stream_of(session, key)
    check_circuit(session, stream.source)
    now = session.clock.now()
    plan_slices(session.database, stream.source, stream.name, _sliced(stream, now.date()), at=now, fence=job.fence)
    # What was planned before the catalogue cut the stream otherwise is history that need not be asked in those pieces.
    planned = [
        item
        for item in slices(session.database, stream.source, stream.name)
        if (item.part in stream.series) == (stream.slice_by == "series")
    ]
    left = [item for item in planned if item.state != "done"]
    done = appended = 0
    wrong: list[_Refusal] = []
    for item in left:
        job.progress(f"{key}: {item.part or 'all'}, {item.slice_start} to {item.slice_end}", len(planned) - len(left) + done, len(planned))
        rows, refusal = _fill(session, stream, item, job)
        appended += rows
        if refusal is None:
            done += 1
        else:
            wrong.append(refusal)
    job.tell(key, len(planned) - len(left) + done, len(planned))
    if wrong and not done:
        raise _none_filled_in(key, left, wrong, appended)
    return Backfilled(stream=key, slices=len(planned), done=done, failed=len(wrong), appended=appended)


def _none_filled_in(key: str, left: list[Slice], wrong: list[_Refusal], appended: int) -> CrfsError:
    """The failure of a run of which no slice is done, of the first one's group, with the first few in words."""
    said = [f"{item.part or 'all'}, {item.slice_start} to {item.slice_end}: {refusal}" for item, refusal in zip(left, wrong, strict=True)]
    more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    stored = f" {appended:,} rows of them are stored." if appended else ""
    text = f"{key}: none of the {len(said)} slices that were left could be filled in: {'; '.join(said[:_SHOWN])}{more}.{stored}"
    kind = next(group for group in _REFUSALS if isinstance(wrong[0], group))
    return kind(text)


def _fill(session: Session, stream: StreamDefinition, item: Slice, job: JobContext) -> tuple[int, _Refusal | None]:
    """Ask for a slice and note how it ended: the rows that it brought, and what was wrong with it, if something was."""
    from crfs.sources.core import Query
    from crfs.store.source_states import end_slice

    def ended(error: str | None) -> None:
        at = session.clock.now()
        end_slice(session.database, stream.source, stream.name, item.slice_start, at=at, fence=job.fence, part=item.part, error=error)

    query = Query(
        series=(item.part,) if item.part else stream.series,
        since=item.slice_start,
        until=item.slice_end,
        vintages=_vintages(session, stream),
    )
    rows, wrong = 0, None
    try:
        report = ingest_in_job(session, stream.source, query, job=job, backfill=True)
        rows, wrong = sum(report.appended.values()), _wrong_with(report)
    except (QuotaExhausted, Cancelled, DoneElsewhere):
        raise
    except (SourceRejected, Quarantined) as refusal:
        wrong = refusal
    except SourceUnavailable as silence:
        ended(f"{type(silence).__name__}: {silence}")
        if isinstance(silence, SourceRests):
            raise
        until = session.clock.now() + AGAIN_AFTER
        raise SourceRests(f"{silence}; to be asked again from {until:%Y-%m-%d %H:%M}Z", until=until) from silence
    except Exception as failure:
        ended(f"{type(failure).__name__}: {failure}")
        raise
    ended(None if wrong is None else str(wrong))
    return rows, wrong


def _vintages(session: Session, stream: StreamDefinition) -> Literal["all", "latest"]:
    """Which vintages history is asked for: of a stream whose runs ask for new ones, all, if there is a key to ask with."""
    if stream.vintages == "new":
        return "latest" if session.settings.api_key(stream.source) is None else "all"
    return stream.vintages


def _wrong_with(report: IngestReport) -> _Refusal | None:
    """Why a slice whose answers have come is not done: they contradict the store, or nothing in them could be accepted."""
    try:
        require_all_stored(report)
        check_rejected(report)
    except (Conflict, InvalidInput, Quarantined) as error:
        return error
    return None


def _sliced(stream: StreamDefinition, today: date) -> list[tuple[str, date, date]]:
    """The slices from the stream's first day to today, each of all series (empty) or of one; the last one of a time is cut at today, and grows
    on another day.

    A slice of one series reaches to the end of the year: what comes after it was asked is what the stream's runs ask for, and from another year on
    it is asked again, for the sake of history that was revised as a whole.
    """
    if stream.backfill_since is None:
        raise InvalidInput(f"stream {stream.key} says no backfill_since, so there is no history to fill in")
    if stream.slice_by == "series":
        return [(series, stream.backfill_since, date(today.year, 12, 31)) for series in stream.series]
    if stream.slice is None or stream.slice.is_zero:
        return [("", stream.backfill_since, today)]
    found = []
    start = stream.backfill_since
    while start <= today:
        following = stream.slice.after(datetime(start.year, start.month, start.day, tzinfo=UTC)).date()
        found.append(("", start, min(following - timedelta(days=1), today)))
        start = following
    return found
