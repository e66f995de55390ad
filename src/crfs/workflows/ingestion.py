"""Ingestion: ask a source, land the bytes, tell what they are, parse, publish; the same for recordings and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import (
    Conflict,
    CrfsError,
    DoneElsewhere,
    InvalidInput,
    Quarantined,
    QuotaExhausted,
    SourceRejected,
    SourceUnavailable,
    StoredInPart,
)
from crfs.workflows.ahead import ahead
from crfs.workflows.jobs import JobContext, run_job
from crfs.workflows.quarantine import hold_rejected, keep_shapes, released_shape, require_trust
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.transports import transport_of

if TYPE_CHECKING:
    import polars as pl

    from crfs.bitemporal.extent import Extent
    from crfs.credit.catalogue import Catalogue
    from crfs.quality.thresholds import Shape
    from crfs.sources.core import Payload, Query, Source
    from crfs.store.append import Delivery
    from crfs.store.reparsing import LandedPayload


@dataclass(slots=True, kw_only=True)
class IngestReport:
    """What an ingest did: payloads seen, rows appended and unchanged by dataset, rows rejected with their reasons, batches written.

    ``conflicts`` are the answers that contradict what the store has, of which nothing was stored: stream, payload and what was found.
    """

    source: str
    payloads: int = 0
    classifications: dict[str, int] = field(default_factory=dict)
    appended: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    rejected_rows: int = 0
    conflicts: list[dict[str, str]] = field(default_factory=list)
    last_valid_day: date | None = None
    batches: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "source": self.source,
            "payloads": self.payloads,
            "classifications": dict(sorted(self.classifications.items())),
            "appended": dict(sorted(self.appended.items())),
            "unchanged": dict(sorted(self.unchanged.items())),
            "rejected_rows": self.rejected_rows,
            "rejected": self.rejected,
            "conflicts": self.conflicts,
            "last_valid_day": self.last_valid_day.isoformat() if self.last_valid_day else None,
            "batches": self.batches,
            "notes": self.notes,
        }


SHOWN_REJECTIONS = 100


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
            origin = _Origin.FILES if not asked else _Origin.BACKFILL if backfill else _Origin.PROVIDER
            _take_in(session, source, payloads, report=report, job=job, origin=origin)
    except QuotaExhausted as error:
        if not error.backfills_only:
            park_source(session.database, source_name, until=error.until, reason=str(error))
        raise
    except SourceUnavailable as error:
        if asked:
            source_failed(session.database, source_name, at=session.clock.now(), error=str(error))
        raise
    except (SourceRejected, Quarantined):
        # A refusal and an answer that looks wrong are no silence. Where something came, the provider is well.
        if asked and report.payloads:
            source_succeeded(session.database, source_name, at=session.clock.now())
        raise
    if asked:
        source_succeeded(session.database, source_name, at=session.clock.now())
    return report


def parse_again(session: Session, source_name: str, *, progress: Progress = no_progress) -> IngestReport:
    """Read every landed payload of a source again that its present parser has not read: a mended parser mends history."""
    from crfs.sources.core import load_source
    from crfs.store.reparsing import landed_payloads

    source = load_source(source_name)

    def landed() -> Iterator[Payload]:
        for item in landed_payloads(session.database, source=source.name, unless_parsed_by=source.parser_version):
            yield _payload(session, source.name, item)

    def work(job: JobContext) -> IngestReport:
        report = IngestReport(source=source_name)
        _take_in(session, source, landed(), report=report, job=job, origin=_Origin.LANDED)
        require_anything_stored(report)
        return report

    return run_job(session, "reparse", {"source": source_name, "parser_version": source.parser_version}, work, progress=progress)


class _Origin(Enum):
    """Where payloads come from: a provider just now, whose answers are compared with the ones before; the same, asked for a piece of the
    past; files that somebody chose; the landing zone, where they have been landed long ago; or quarantine, from where somebody releases them.
    """

    PROVIDER = "provider"
    BACKFILL = "backfill"
    FILES = "files"
    LANDED = "landed"
    RELEASED = "released"

    @property
    def is_landed(self) -> bool:
        """Whether the bytes are in the store already."""
        return self in (_Origin.LANDED, _Origin.RELEASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrival:
    """Payloads that arrived together, the rows that they bring, and the datasets that each payload gave rows of; or why they are ``held``."""

    payloads: list[Payload]
    deliveries: list[Delivery]
    origins: dict[str, list[str]]
    shapes: list[tuple[Payload, Shape]]
    held: Quarantined | None = None


def take_in_landed(session: Session, source_name: str, sha256: str, *, job: JobContext, released: bool) -> IngestReport:
    """Parse and publish one landed payload, whatever it looks like; one that is ``released`` is what the next ones are compared with."""
    from crfs.sources.core import load_source
    from crfs.store.reparsing import landed_payload

    source, report = load_source(source_name), IngestReport(source=source_name)
    payload = _payload(session, source_name, landed_payload(session.database, sha256, source=source_name))
    _take_in(session, source, [payload], report=report, job=job, origin=_Origin.RELEASED if released else _Origin.LANDED)
    require_all_stored(report)
    return report


def _payload(session: Session, source: str, item: LandedPayload) -> Payload:
    from crfs.sources.core.contract import Payload

    return Payload(
        source=source,
        stream=item.stream,
        body=session.landed(item.sha256),
        url=item.url,
        status=item.status,
        headers=item.headers,
        started_at=item.started_at,
        fetched_at=item.fetched_at,
    )


def _take_in(
    session: Session, source: Source, payloads: Iterable[Payload], *, report: IngestReport, job: JobContext, origin: _Origin
) -> None:
    """Land, parse, look at and publish; landed payloads are noted as read only when their rows are published.

    Payloads that contradict the store are noted, those that look wrong are held back, and those after them go on. That some were held back
    is an error when all is done.
    """
    catalogue = session.catalogue()
    held: list[Quarantined] = []
    with (
        ahead(payloads) as coming,
        ahead(_parsed(session, source, coming, catalogue, report=report, job=job, origin=origin), depth=2) as parsed,
    ):
        for arrival in parsed:
            if arrival.held is not None:
                held.append(arrival.held)
                continue
            try:
                _publish(session, source, arrival, catalogue, report=report, job=job, origin=origin)
            except DoneElsewhere:
                raise
            except Conflict as error:
                found = str(error)
                report.conflicts += [{"stream": item.stream, "payload": item.sha256, "detail": found} for item in arrival.payloads]
                continue
            if origin.is_landed:
                for payload in arrival.payloads:
                    _land(session, source, payload, report, job)
            keep_shapes(session, source, arrival.shapes, released=origin is _Origin.RELEASED)
            job.progress(f"{source.name}: {arrival.payloads[-1].stream}", report.payloads, None)
    _derive(session, report, job=job)
    if held:
        raise _all_held(held, report)


def _all_held(held: list[Quarantined], report: IngestReport) -> Quarantined:
    """One error for all answers of a run that are held back."""
    words = [str(error) for error in held] + [f"{item['stream']}: {item['detail']}" for item in report.conflicts]
    stored = any(report.appended.values()) or any(report.unchanged.values())
    return Quarantined("; ".join(words) + (". What else came is stored" if stored else ""))


def _derive(session: Session, report: IngestReport, *, job: JobContext) -> None:
    """What published documents become as numbers, in the same job."""
    from crfs.workflows.documents import derive_documents

    if any(report.appended.values()):
        derived = derive_documents(session, report.appended, job=job)
        _add(report.appended, derived.appended)
        if derived.batch_id is not None:
            report.batches.append(derived.batch_id)


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
        _land(session, source, payload, report, job)

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


def _deliveries(payloads: Iterable[Payload], *, same_bytes: bool) -> Iterator[list[Payload]]:
    """Payloads that arrived together (same source, same delivery) form one batch; by default each stands alone.

    With ``same_bytes`` those that follow each other with the same bytes are one too: what a mended parser makes of bytes replaces all that they
    gave before, whichever streams they came as.
    """
    group: list[Payload] = []
    for payload in payloads:
        if group and not _together(group[-1], payload, same_bytes=same_bytes):
            yield group
            group = []
        group.append(payload)
        if _delivery(payload) is None and not same_bytes:  # at once: the next one may never come
            yield group
            group = []
    if group:
        yield group


def _together(one: Payload, other: Payload, *, same_bytes: bool) -> bool:
    delivery = _delivery(one)
    return (delivery is not None and delivery == _delivery(other)) or (same_bytes and one.sha256 == other.sha256)


def _delivery(payload: Payload) -> str | None:
    from crfs.sources.core.contract import DELIVERY

    return payload.headers.get(DELIVERY)


def _land(session: Session, source: Source, payload: Payload, report: IngestReport, job: JobContext) -> str:
    from crfs.store.payloads import FetchNote, land

    classification = source.classify(payload).value
    report.payloads += 1
    report.classifications[classification] = report.classifications.get(classification, 0) + 1
    land(
        session.database,
        payload.body,
        FetchNote(
            source=source.name,
            stream=payload.stream,
            url=payload.url,
            status=payload.status,
            headers=payload.headers,
            classification=classification,
            parser_version=source.parser_version,
            started_at=payload.started_at,
            fetched_at=payload.fetched_at,
            job_id=job.fence.job_id,
        ),
    )
    return classification


def _parsed(
    session: Session,
    source: Source,
    payloads: Iterable[Payload],
    catalogue: Catalogue,
    *,
    report: IngestReport,
    job: JobContext,
    origin: _Origin,
) -> Iterator[_Arrival]:
    """Payloads a delivery, each landed and then parsed; what follows in a stream of which something is held back is left out: it may be in
    another unit.
    """
    held: set[str] = set()
    for group in _deliveries(payloads, same_bytes=origin is _Origin.LANDED):
        if any(payload.stream in held for payload in group):
            if not origin.is_landed:
                for payload in group:
                    _land(session, source, payload, report, job)  # the bytes are kept, and the next run asks for them again
            continue
        arrival = _rows(session, source, group, catalogue, report=report, job=job, origin=origin)
        if arrival.held is not None:
            held.update(payload.stream for payload in group)
        yield arrival


def _rows(
    session: Session, source: Source, group: list[Payload], catalogue: Catalogue, *, report: IngestReport, job: JobContext, origin: _Origin
) -> _Arrival:
    import polars as pl

    from crfs.store.append import Delivery
    from crfs.store.payloads import keep_rejected

    tables: dict[str, list[pl.DataFrame]] = {}
    origins: dict[str, list[str]] = {}
    extents: dict[str, list[Extent]] = {}
    shapes: list[tuple[Payload, Shape]] = []
    for payload in group:
        classification = source.classify(payload).value if origin.is_landed else _land(session, source, payload, report, job)
        if classification in {"EMPTY", "RETRY", "QUOTA", "AUTH", "BAD_REQUEST"}:
            report.notes.append(f"{payload.stream}: {classification}, nothing to store")
            continue
        parsed = source.parse(payload, catalogue)
        _note_rejected(report, payload, parsed.rejected)
        keep_rejected(session.database, payload.sha256, source.parser_version, parsed.rejected, job.fence.job_id)
        if parsed.rejected.height:
            hold_rejected(session, source, payload, parsed.rejected, job_id=job.fence.job_id)
        if origin in (_Origin.PROVIDER, _Origin.BACKFILL):
            compared = origin is _Origin.PROVIDER
            try:
                shape = require_trust(session, source, payload, parsed, catalogue, compared=compared, job_id=job.fence.job_id)
            except Quarantined as error:
                return _Arrival(payloads=group, deliveries=[], origins={}, shapes=[], held=error)
            shapes += [(payload, shape)] if compared else []
        elif origin is _Origin.RELEASED:
            shapes.append((payload, released_shape(payload, parsed)))
        for dataset, table in parsed.tables.items():
            tables.setdefault(dataset, []).append(table)
            origins.setdefault(payload.sha256, []).append(dataset)
            extents.setdefault(dataset, []).extend(parsed.extents.get(dataset, ()))
    deliveries = [
        Delivery(
            definition=catalogue.dataset(dataset),
            rows=pl.concat(parts) if len(parts) > 1 else parts[0],
            fetched_at=_fetched_at(source, group),
            fetches=_fetches(source, group),
            extents=extents[dataset],
        )
        for dataset, parts in tables.items()
    ]
    for delivery in deliveries:
        last = delivery.rows["valid_time"].dt.date().max()
        if isinstance(last, date):  # none where every row was refused
            report.last_valid_day = max(report.last_valid_day or last, last)
    return _Arrival(payloads=group, deliveries=deliveries, origins=origins, shapes=shapes)


def _publish(
    session: Session, source: Source, arrival: _Arrival, catalogue: Catalogue, *, report: IngestReport, job: JobContext, origin: _Origin
) -> None:
    from crfs.store.append import append
    from crfs.store.publication import BatchKind, BatchNote
    from crfs.store.reparsing import earlier

    group, deliveries, origins = arrival.payloads, arrival.deliveries, arrival.origins
    before = earlier(session.database, [payload.sha256 for payload in group], source=source.name, fetches=_fetches(source, group))
    kind, reason = BatchKind.INGEST, None
    # Bytes that are fetched anew say what is shown then, though they were read before; where nothing but vintages is told, they say the same again.
    fetched_anew = before is not None and not before.in_these_fetches and _show_the_latest(deliveries)
    if origin is _Origin.LANDED or (before is not None and before.parser_version != source.parser_version and not fetched_anew):
        read = "was read as nothing new" if before is None else f"{before.parser_version} read"
        kind, reason = BatchKind.REPARSE, f"parser {source.parser_version} of {source.name} reads what {read}"
    if kind is BatchKind.REPARSE and before is not None:
        given = {delivery.definition.name for delivery in deliveries}
        gone = [name for name in before.datasets if name not in given]
        deliveries = [*deliveries, *(_nothing_of(catalogue, name, source, group) for name in gone)]
        origins = {payload.sha256: sorted({*origins.get(payload.sha256, []), *gone}) for payload in group}
    if not deliveries:
        return
    receipt = append(
        session.database,
        deliveries,
        BatchNote(
            kind=kind,
            at=session.clock.now(),
            reason=reason,
            source=source.name,
            parser_version=source.parser_version,
            payloads=origins,
            fence=job.fence,
        ),
    )
    _add(report.appended, receipt.appended)
    _add(report.unchanged, receipt.unchanged)
    if receipt.batch_id is not None:
        report.batches.append(receipt.batch_id)


def _show_the_latest(deliveries: Sequence[Delivery]) -> bool:
    from crfs.store.latest_only import shows_the_latest

    return bool(deliveries) and all(shows_the_latest(delivery.definition, delivery.fetched_at) for delivery in deliveries)


def _fetched_at(source: Source, group: list[Payload]) -> datetime | None:
    """When a provider's answers were seen, so that what they changed is known from then; None for files, which say their own times."""
    return group[-1].fetched_at if source.hosts else None


def _fetches(source: Source, group: list[Payload]) -> list[datetime]:
    return [payload.fetched_at for payload in group] if source.hosts else []


def _nothing_of(catalogue: Catalogue, dataset: str, source: Source, group: list[Payload]) -> Delivery:
    """A delivery without rows: a payload of which the mended parser makes nothing."""
    import polars as pl

    from crfs.sources.core.tables import ACCEPTED
    from crfs.store.append import Delivery

    definition = catalogue.dataset(dataset)
    rows = pl.DataFrame(schema={**ACCEPTED, **definition.schema()})
    return Delivery(definition=definition, rows=rows, fetched_at=_fetched_at(source, group), fetches=_fetches(source, group))


def _note_rejected(report: IngestReport, payload: Payload, rejected: pl.DataFrame) -> None:
    from crfs.sources.core.contract import rejection_count

    report.rejected_rows += rejection_count(rejected)
    for row in rejected.head(max(0, SHOWN_REJECTIONS - len(report.rejected))).to_dicts():
        report.rejected.append({"stream": payload.stream, "payload": payload.sha256, **row})


def _add(totals: dict[str, int], counts: Mapping[str, int]) -> None:
    for dataset, count in counts.items():
        totals[dataset] = totals.get(dataset, 0) + count


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


def check_report(report: IngestReport) -> None:
    """An ingest whose every answer was a refusal is an error of the source's."""
    refused = {"AUTH", "QUOTA", "BAD_REQUEST"}
    if report.payloads and set(report.classifications) <= refused:
        raise SourceRejected(f"{report.source} refused: {', '.join(report.notes[:3])}")


def require_all_stored(report: IngestReport) -> None:
    """That no answer contradicts the store; :class:`~crfs.errors.StoredInPart` where others were stored, else a plain Conflict."""
    if report.conflicts:
        [first, *others] = report.conflicts
        more = f" (and {len(others)} more: {', '.join(dict.fromkeys(item['stream'] for item in others))})" if others else ""
        text = f"{report.source}: {first['stream']}: {first['detail']}{more}"
        stored = any(report.appended.values()) or any(report.unchanged.values())
        raise StoredInPart(f"{text}. What else came is stored") if stored else Conflict(text)


def require_anything_stored(report: IngestReport) -> None:
    """That there is something that does not contradict the store, if anything came."""
    try:
        require_all_stored(report)
    except StoredInPart:
        return


def check_rejected(report: IngestReport) -> None:
    """Bytes that hold rows and give none that can be accepted are an error."""
    from crfs.errors import Problem

    if not report.rejected_rows or any(report.appended.values()) or any(report.unchanged.values()):
        return
    problems = tuple(
        Problem(row=item.get("row"), column=item.get("column"), reason=str(item.get("reason")), detail=str(item.get("detail")))
        for item in report.rejected
    )
    raise InvalidInput(f"{report.source}: all {report.rejected_rows} rows were rejected and nothing was stored", problems=problems)


__all__ = ["CrfsError", "IngestReport", "check_rejected", "check_report", "ingest", "parse_file", "require_all_stored"]
