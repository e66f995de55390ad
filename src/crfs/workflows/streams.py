"""Streams at work: what is asked of a provider regularly, when it is due, and how it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from crfs.errors import Cancelled, CrfsError, DoneElsewhere, InvalidInput, NotFound, Quarantined, QuotaExhausted, Unreadable
from crfs.workflows.circuit import SourceRests, check_circuit
from crfs.workflows.ingest_report import IngestReport, check_rejected, require_all_stored
from crfs.workflows.ingestion import ingest_in_job
from crfs.workflows.jobs import JobContext
from crfs.workflows.session import Session
from crfs.workflows.staleness import lateness

if TYPE_CHECKING:
    from crfs.credit.streams import StreamDefinition
    from crfs.sources.core import Query
    from crfs.store.source_states import StreamState

KIND = "stream"
_FIRST_RETRY = timedelta(minutes=5)
_LAST_RETRY = timedelta(hours=6)
_ENDED = timedelta(days=366)
_TOLD_LATE = timedelta(days=7)
"""A provider's vintage may bear a day that was over when it came: so far back new vintages are looked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRun:
    """What a run of a stream did; ``asked_since`` is the first valid day that it asked for (None: everything)."""

    stream: str
    asked_since: date | None
    report: IngestReport = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, kept in the ledger."""
        return {
            "stream": self.stream,
            "asked_since": self.asked_since.isoformat() if self.asked_since else None,
            "ingest": self.report.to_dict(),
        }


def stream_of(session: Session, key: str) -> StreamDefinition:
    """The stream of that id; :class:`~crfs.errors.NotFound` names those of its source."""
    streams = session.streams
    if key not in streams:
        near = sorted(name for name in streams if name.partition("/")[0] == key.partition("/")[0])
        raise NotFound(f"no stream is called {key!r}; " + (f"there are {', '.join(near)}" if near else "crfs jobs schedule lists them"))
    return streams[key]


def stream_key(source: str, stream: str) -> str:
    """The id of a source's stream, by its own name or by the id that ``crfs jobs schedule`` lists.

    >>> stream_key("fred", "claims"), stream_key("fred", "fred/claims")
    ('fred/claims', 'fred/claims')
    """
    named, mark, own = stream.rpartition("/")
    if not own or (mark and not named):
        raise InvalidInput(f"{stream!r} is no stream; write one like claims or fred/claims", argument="stream")
    if named not in ("", source):
        raise InvalidInput(
            f"the stream {stream!r} is of {named}, not of {source}; write crfs ingest {named} --stream {own}", argument="stream"
        )
    return f"{source}/{own}"


def scheduled(session: Session) -> list[StreamDefinition]:
    """The streams that the user has switched on (``CRFS_SCHEDULE__STREAMS``, patterns like ``fred/*``): nothing is asked without that."""
    patterns = session.settings.schedule.patterns
    for pattern in patterns:
        if not any(fnmatch(key, pattern) for key in session.streams):
            raise InvalidInput(f"CRFS_SCHEDULE__STREAMS: no stream is called {pattern!r}; crfs jobs schedule --all lists them")
    return [stream for key, stream in session.streams.items() if any(fnmatch(key, pattern) for pattern in patterns)]


def live_key_of(key: str) -> str:
    """Of jobs with this key only one is alive: a stream is asked once at a time, by whoever does it."""
    return f"{KIND}:{key}"


def submit_due(session: Session) -> list[UUID]:
    """Queue a job for each scheduled stream that is due, and say which; where one is queued or under way already, it is that one."""
    from crfs.credit.schedules import next_due
    from crfs.store.jobs import submit
    from crfs.store.source_states import schedule_stream, source_states, stream_states

    now = session.clock.now()
    states, sources = stream_states(session.database), source_states(session.database)
    queued = []
    for stream in scheduled(session):
        state = states.get(stream.key)
        if state is not None and state.next_due_at is not None and state.next_due_at > now:
            continue
        source = sources.get(stream.source)
        pauses = (
            [] if source is None else [pause for pause in (source.parked_until, source.open_until) if pause is not None and pause > now]
        )
        job = submit(
            session.database,
            job_id=uuid4(),
            kind=KIND,
            specification={"stream": stream.key},
            at=now,
            not_before=max(pauses, default=None),
            live_key=live_key_of(stream.key),
        )
        queued.append(job.job_id)
        due = next_due(stream, now, watermark=come_to(session, stream, state.watermark if state else None), salt=session.salt)
        # Whoever does the job may be done with it by now, and knows better when the stream is due.
        schedule_stream(session.database, stream.source, stream.name, due_at=due, instead_of=state.next_due_at if state else None)
    return queued


def seconds_until_due(session: Session, *, at_most: float) -> float:
    """How long until the next scheduled stream is due."""
    from crfs.store.source_states import stream_states

    now, states = session.clock.now(), stream_states(session.database)
    waits = [at_most]
    for stream in scheduled(session):
        due = states[stream.key].next_due_at if stream.key in states else None
        waits.append(0.0 if due is None else max(0.0, (due - now).total_seconds()))
    return min(waits)


def run_stream(session: Session, key: str, job: JobContext) -> StreamRun:
    """Ask a stream for what is new, overlap included; its watermark moves when all of it is stored.

    A source whose circuit is open, or whose quota is used up, is :class:`SourceRests` or :class:`~crfs.errors.QuotaExhausted` at once, and
    the stream is due when that is over. Whatever else ends a run counts as the stream's failure, and is tried again sooner than the next
    regular time; an answer that breaks a threshold is not: the same one would come. A run that is cancelled, or that another worker has, says nothing
    of the stream.
    """
    from crfs.credit.schedules import next_due
    from crfs.store.source_states import stream_states, stream_succeeded

    stream = stream_of(session, key)
    state = stream_states(session.database).get(key)
    since = _since(session, stream, state)
    try:
        check_circuit(session, stream.source)
        report = ingest_in_job(session, stream.source, _query(session, stream, state, since), job=job)
        check_rejected(report)
        require_all_stored(report)
    except (SourceRests, QuotaExhausted) as error:
        _ask_again(session, stream, state, job, at=error.until)
        raise
    except (Cancelled, DoneElsewhere):
        raise
    except Exception as error:
        _note_failure(session, stream, state, error, job)
        raise
    now = session.clock.now()
    last = min(report.last_valid_day, now.date()) if report.last_valid_day else None
    stream_succeeded(
        session.database,
        stream.source,
        stream.name,
        at=now,
        watermark=last,
        news=any(count for count in report.appended.values()),
        fence=job.fence,
    )
    watermark = max(filter(None, (last, state.watermark if state else None)), default=None)
    due = next_due(stream, now, watermark=come_to(session, stream, watermark), salt=session.salt)
    _schedule(session, stream, due, job)
    return StreamRun(stream=key, asked_since=since, report=report)


def _note_failure(session: Session, stream: StreamDefinition, state: StreamState | None, error: Exception, job: JobContext) -> None:
    """Count a failure with its words, and say when the stream is tried again. A store that cannot be told hides no error."""
    from crfs.store.source_states import stream_failed

    now = session.clock.now()
    words = str(error) if isinstance(error, CrfsError) else f"{type(error).__name__}: {error}"
    retry = now + min(_FIRST_RETRY * 2 ** min(state.failures if state else 0, 10), _LAST_RETRY)
    try:
        stream_failed(session.database, stream.source, stream.name, at=now, error=words, fence=job.fence)
        _ask_again(session, stream, state, job, at=None if isinstance(error, Quarantined) and not isinstance(error, Unreadable) else retry)
    except (CrfsError, OSError) as second:
        error.add_note(f"the failure of {stream.key} could not be noted: {second}")


def _ask_again(session: Session, stream: StreamDefinition, state: StreamState | None, job: JobContext, *, at: datetime | None) -> None:
    """Ask at the next regular time, or ``at`` another one if that is sooner."""
    from crfs.credit.schedules import next_due

    watermark = come_to(session, stream, state.watermark if state else None)
    regular = next_due(stream, session.clock.now(), watermark=watermark, salt=session.salt)
    _schedule(session, stream, regular if at is None else min(regular, at), job)


def _schedule(session: Session, stream: StreamDefinition, due: datetime, job: JobContext) -> None:
    from crfs.store.source_states import schedule_stream

    schedule_stream(session.database, stream.source, stream.name, due_at=due, fence=job.fence)


def come_to(session: Session, stream: StreamDefinition, watermark: date | None) -> date | None:
    """How far the slowest series of a stream has come: what is asked goes back that far, and the stream sleeps only when all have come.

    ``watermark``, the last day of any series, is the answer where the store does not know the series apart (they are no entities of the
    source's). A series that is a year behind the others has ended, and nobody waits for it; one that never came is waited for by nobody either.
    """
    from crfs.store.newest import newest_days

    if watermark is None:
        return None
    today = session.clock.now().date()
    days: dict[str, date] = {}
    for dataset in session.catalogue().datasets.values():
        if dataset.source == stream.source and stream.series:
            days |= newest_days(session.database, dataset, stream.series, until=today)
    newest = max(days.values(), default=watermark)
    return min((day for day in days.values() if newest - day <= _ENDED), default=watermark)


def _query(session: Session, stream: StreamDefinition, state: StreamState | None, since: date | None) -> Query:
    """What a run asks for; of vintages that are ``new``, those since the last success, and the first time the newest there is.

    Both go back over the same week, so that a value that stays is not told twice, since two different days.
    """
    from crfs.sources.core import Query

    if stream.vintages != "new":
        return Query(series=stream.series, since=since, vintages=stream.vintages)
    if session.settings.api_key(stream.source) is None:
        return Query(series=stream.series, since=since, vintages="latest")
    last = state.last_success_at if state is not None else None
    again = ((last or session.clock.now()) - _TOLD_LATE).date()
    return Query(series=stream.series, since=since, vintages="all", options={"vintages_since": again, "newest": last is None})


def _since(session: Session, stream: StreamDefinition, state: StreamState | None) -> date | None:
    """How far all series have come, less the overlap; None asks for everything."""
    if state is None or stream.overlap is None or (watermark := come_to(session, stream, state.watermark)) is None:
        return None
    overlap = stream.overlap
    months = watermark.year * 12 + watermark.month - 1 - overlap.months
    first = date(months // 12, months % 12 + 1, 1) if overlap.months else watermark
    return first - timedelta(days=overlap.days)


def schedule_table(session: Session, streams: Iterable[StreamDefinition]) -> list[dict[str, Any]]:
    """When each of the streams is due, and how it does."""
    from crfs.credit.schedules import next_due
    from crfs.store.source_states import source_states, stream_states

    now, states, sources = session.clock.now(), stream_states(session.database), source_states(session.database)
    switched_on = {stream.key for stream in scheduled(session)}
    rows = []
    for stream in streams:
        state, source = states.get(stream.key), sources.get(stream.source)
        due = state.next_due_at if state and state.next_due_at else next_due(stream, now, salt=session.salt)
        late = lateness(stream, state, now)
        rows.append(
            {
                "stream": stream.key,
                "title": stream.title,
                "scheduled": stream.key in switched_on,
                "next_due_at": due,
                "watermark": state.watermark if state else None,
                "last_success_at": state.last_success_at if state else None,
                "last_news_at": state.last_news_at if state else None,
                "failures": state.failures if state else 0,
                "stale": late is not None,
                "stale_since": late[0] if late else None,
                "stale_reason": late[1] if late else None,
                "circuit_open_until": source.open_until if source else None,
                "parked_until": source.parked_until if source else None,
                "last_error": state.last_error if state else None,
            }
        )
    return rows
