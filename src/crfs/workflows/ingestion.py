"""Ingestion: ask a source, land the bytes, tell what they are, parse, publish; the same for recordings and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import (
    Conflict,
    DoneElsewhere,
    InvalidInput,
    Quarantined,
    QuotaExhausted,
    SourceRejected,
    SourceUnavailable,
)
from crfs.workflows.ahead import ahead
from crfs.workflows.arrivals import Arrival, Origin, land_payload, landed_payload_of, parsed_arrivals
from crfs.workflows.ingest_report import IngestReport, add_counts, require_all_stored, require_anything_stored
from crfs.workflows.jobs import JobContext, run_job
from crfs.workflows.quarantine import keep_shapes
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.transports import transport_of

if TYPE_CHECKING:
    from crfs.credit.catalogue import Catalogue
    from crfs.sources.core import Payload, Query, Source
    from crfs.store.answers import AnswerKey


def ingest(
    session: Session,
    source_name: str,
    query: Query,
    *,
    replay: Path | None = None,
    progress: Progress = no_progress,
) -> IngestReport:
    """Bring what ``query`` asks of a source into the store; ``replay`` takes recorded answers from a folder instead of the network.

    Every payload is landed before it is parsed, and its rows are published in one batch of their own, so that an interrupted run leaves
    whole payloads only and the next one goes on. The same bytes again add nothing, unless the parser has changed: then they are read
    again, and their rows keep the times from which they were known first.

    An answer that contradicts the store is noted in the report and stops no other one; where nothing else came, it is a
    :class:`~crfs.errors.Conflict`.
    """
    from crfs.sources.core import load_source
    from crfs.workflows.circuit import check_circuit

    specification = {
        "source": source_name,
        "series": list(query.series),
        "vintages": query.vintages,
        "replay": str(replay) if replay else None,
    }

    def work(job: JobContext) -> IngestReport:
        if replay is None and load_source(source_name).hosts:
            check_circuit(session, source_name)
        report = ingest_in_job(session, source_name, query, job=job, replay=replay)
        require_anything_stored(report)
        return report

    return run_job(session, "ingest", specification, work, progress=progress)


def ingest_in_job(
    session: Session, source_name: str, query: Query, *, job: JobContext, replay: Path | None = None, backfill: bool = False
) -> IngestReport:
    """The same within a job that is under way; a ``backfill`` has a share of the provider's quota of its own.

    What a provider that was really asked did is noted: its health is what scheduled streams go by. Only silence counts against it. A refusal
    (an unknown series, a wrong key) is an answer: it fails the run, and no other stream.
    """
    from crfs.sources.core import load_source
    from crfs.store.source_states import park_source, source_failed, source_succeeded

    source = load_source(source_name)
    report = IngestReport(source=source_name)
    asked = replay is None and bool(source.hosts)
    try:
        with _payloads(session, source, query, replay, report=report, job=job, backfill=backfill) as payloads:
            origin = Origin.FILES if not asked else Origin.BACKFILL if backfill else Origin.PROVIDER
            _take_in(session, source, payloads, report=report, job=job, origin=origin)
    except QuotaExhausted as error:
        if not error.backfills_only:
            park_source(session.database, source_name, until=error.until, reason=str(error), fence=job.fence)
        raise
    except SourceUnavailable as error:
        if asked:
            source_failed(session.database, source_name, at=session.clock.now(), error=str(error), fence=job.fence)
        raise
    except (SourceRejected, Quarantined):
        # A refusal and an answer that looks wrong are no silence. Where something came, the provider is well.
        if asked and report.payloads:
            source_succeeded(session.database, source_name, at=session.clock.now(), fence=job.fence)
        raise
    if asked:
        source_succeeded(session.database, source_name, at=session.clock.now(), fence=job.fence)
    return report


def parse_again(session: Session, source_name: str, *, progress: Progress = no_progress) -> IngestReport:
    """Read the landed answers of a source again: a mended parser, or a mended release rule, mends history."""
    from crfs.sources.core import load_source
    from crfs.workflows.rereading import reread

    source = load_source(source_name)

    def work(job: JobContext) -> IngestReport:
        report = IngestReport(source=source_name)
        reread(session, source, report=report, job=job)
        require_anything_stored(report)
        return report

    return run_job(session, "reparse", {"source": source_name, "parser_version": source.parser_version}, work, progress=progress)


def take_in_released(session: Session, answer: AnswerKey, *, job: JobContext) -> IngestReport:
    """Parse and publish one landed answer that was held back, whatever it looks like; the next ones are compared with it."""
    from crfs.sources.core import load_source
    from crfs.store.landed import landed_payload

    source, report = load_source(answer.source), IngestReport(source=answer.source)
    payload = landed_payload_of(session, answer.source, landed_payload(session.database, answer))
    _take_in(session, source, [payload], report=report, job=job, origin=Origin.RELEASED)
    require_all_stored(report)
    return report


def take_in_no_longer_refused(session: Session, source_name: str, *, job: JobContext) -> IngestReport:
    """Read a source's answers again, whoever read them before: with another catalogue or parser, rows come in that were refused."""
    from crfs.sources.core import load_source
    from crfs.workflows.rereading import reread

    source, report = load_source(source_name), IngestReport(source=source_name)
    reread(session, source, report=report, job=job, releases=False)
    require_anything_stored(report)
    return report


def still_refused(session: Session, answer: AnswerKey) -> int:
    """How many rows of a landed answer the present parser refuses."""
    from crfs.sources.core import load_source
    from crfs.sources.core.contract import rejection_count
    from crfs.store.landed import landed_payload

    payload = landed_payload_of(session, answer.source, landed_payload(session.database, answer))
    return rejection_count(load_source(answer.source).parse(payload, session.catalogue()).rejected)


def _take_in(
    session: Session, source: Source, payloads: Iterable[Payload], *, report: IngestReport, job: JobContext, origin: Origin
) -> None:
    """Land, parse, look at and publish; landed payloads are noted as read only when their rows are published.

    Payloads that contradict the store are noted, those that look wrong are held back, and those after them go on. That some were held back
    is an error when all is done.
    """
    from crfs.workflows.documents import derive
    from crfs.workflows.rereading import reread

    catalogue = session.catalogue()
    held: list[Quarantined] = []
    read_otherwise = False
    with (
        ahead(payloads) as coming,
        ahead(parsed_arrivals(session, source, coming, catalogue, report=report, job=job, origin=origin), depth=2) as parsed,
    ):
        for arrival in parsed:
            if arrival.held is not None:
                held.append(arrival.held)
                continue
            if _was_read_otherwise(session, source, arrival):
                read_otherwise = True
            else:
                try:
                    _publish(session, source, arrival, report=report, job=job)
                except DoneElsewhere:
                    raise
                except Conflict as error:
                    found = str(error)
                    report.conflicts += [{"stream": item.stream, "payload": item.sha256, "detail": found} for item in arrival.payloads]
                    continue
            if origin.is_landed:
                for payload in arrival.payloads:
                    land_payload(session, source, payload, report, job)
            keep_shapes(session, source, arrival.shapes, released=origin is Origin.RELEASED, fence=job.fence)
            job.progress(f"{source.name}: {arrival.payloads[-1].stream}", report.payloads, None)
    derive(session, report, job=job)
    if read_otherwise:
        # What was found of answers beside those that were read otherwise is found anew.
        report.conflicts, report.rejected, report.rejected_rows = [], [], 0
        reread(session, source, report=report, job=job, tells=False)
    if held:
        raise _all_held(held, report)


def _all_held(held: list[Quarantined], report: IngestReport) -> Quarantined:
    """One error for all answers of a run that are held back."""
    words = [str(error) for error in held] + [f"{item['stream']}: {item['detail']}" for item in report.conflicts]
    stored = any(report.appended.values()) or any(report.unchanged.values())
    return Quarantined("; ".join(words) + (". What else came is stored" if stored else ""))


@contextmanager
def _payloads(
    session: Session, source: Source, query: Query, replay: Path | None, *, report: IngestReport, job: JobContext, backfill: bool
) -> Iterator[Iterable[Payload]]:
    catalogue = session.catalogue()
    if replay is not None:
        from crfs.sources.core.recorded import recorded_payloads

        yield _of_series(
            (recording.payload for recording in recorded_payloads(replay, source=source.name, now=session.clock.now())), query, replay
        )
        return

    def land_error(payload: Payload) -> None:
        land_payload(session, source, payload, report, job)

    with transport_of(session, source, land_error=land_error, backfill=backfill) as transport:
        yield source.fetch(query, transport, catalogue)


def _of_series(payloads: Iterable[Payload], query: Query, folder: Path) -> Iterator[Payload]:
    """Of a folder's recordings those of the series that were asked for; all, where none were."""
    met: set[str] = set()
    for payload in payloads:
        met.add(payload.stream)
        if not query.series or payload.stream in query.series:
            yield payload
    lacking = [name for name in query.series if name not in met]
    if lacking:
        shown = ", ".join(sorted(met)[:20]) + (", …" if len(met) > 20 else "")
        raise InvalidInput(f"{folder} has no recording of {', '.join(lacking)}; it has {shown}", argument="series")


def _publish(session: Session, source: Source, arrival: Arrival, *, report: IngestReport, job: JobContext) -> None:
    from crfs.store.append import append
    from crfs.store.publication import BatchKind, BatchNote

    if not arrival.deliveries:
        return
    receipt = append(
        session.database,
        arrival.deliveries,
        BatchNote(
            kind=BatchKind.INGEST,
            at=session.clock.now(),
            source=source.name,
            parser_version=source.parser_version,
            payloads=arrival.origins,
            fence=job.fence,
        ),
    )
    add_counts(report.appended, receipt.appended)
    add_counts(report.unchanged, receipt.unchanged)
    if receipt.batch_id is not None:
        report.batches.append(receipt.batch_id)


def _was_read_otherwise(session: Session, source: Source, arrival: Arrival) -> bool:
    """Whether another parser has read these very answers before, so that all have to be read again.

    Bytes that are fetched anew say what is shown then, whoever read them before; where nothing but vintages is told, they say the same again.
    """
    from crfs.store.landed import was_read_otherwise
    from crfs.store.latest_only import shows_the_latest

    shows = bool(arrival.deliveries) and all(shows_the_latest(one.definition, one.fetched_at) for one in arrival.deliveries)
    return was_read_otherwise(
        session.database,
        [payload.sha256 for payload in arrival.payloads],
        source=source.name,
        parser_version=source.parser_version,
        fetches=[payload.fetched_at for payload in arrival.payloads] if shows else None,
    )


def parse_file(source_name: str, body: Path, meta: Path | None, catalogue: Catalogue) -> dict[str, Any]:
    """Run one source's classifier and parser on saved bytes; touches nothing."""
    from crfs.ops.clock import SystemClock
    from crfs.sources.core import load_source
    from crfs.sources.core.document import parse_to_json
    from crfs.sources.core.recorded import recording

    source = load_source(source_name)
    try:
        payload = recording(body, meta, source=source_name, now=SystemClock().now()).payload
    except OSError as error:
        raise InvalidInput(f"cannot read {body}: {error.strerror}") from None
    return parse_to_json(source, payload, catalogue)
