"""Ingestion: ask a source, land the bytes, tell what they are, parse, publish; the same for recordings and files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import CrfsError, InvalidInput, SourceRejected
from crfs.workflows.ahead import ahead
from crfs.workflows.jobs import JobContext, run_job
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.catalogue import Catalogue
    from crfs.sources.core import Payload, Query, Source, Transport
    from crfs.store.append import Delivery


@dataclass(slots=True, kw_only=True)
class IngestReport:
    """What an ingest did: payloads seen, rows appended and unchanged by dataset, rows rejected with their reasons, batches written."""

    source: str
    payloads: int = 0
    classifications: dict[str, int] = field(default_factory=dict)
    appended: dict[str, int] = field(default_factory=dict)
    unchanged: dict[str, int] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    rejected_rows: int = 0
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
    whole payloads only and the next one goes on. The same bytes again add nothing.
    """
    from crfs.sources.core import load_source

    source = load_source(source_name)
    specification = {
        "source": source_name,
        "series": list(query.series),
        "vintages": query.vintages,
        "replay": str(replay) if replay else None,
    }

    def work(job: JobContext) -> IngestReport:
        report = IngestReport(source=source_name)
        catalogue = session.catalogue()
        with (
            _payloads(session, source, query, replay, report=report, job=job) as payloads,
            ahead(payloads) as coming,
            ahead(_parsed(session, source, coming, catalogue, report=report, job=job), depth=2) as parsed,
        ):
            for group, deliveries, origins in parsed:
                if deliveries:
                    _publish(session, source, deliveries, origins, report=report, job=job)
                job.progress(f"{source_name}: {group[-1].stream}", report.payloads, None)
        return report

    return run_job(session, "ingest", specification, work, progress=progress)


@contextmanager
def _payloads(
    session: Session, source: Source, query: Query, replay: Path | None, *, report: IngestReport, job: JobContext
) -> Iterator[Iterable[Payload]]:
    catalogue = session.catalogue()
    if replay is not None:
        from crfs.sources.core.recorded import recorded_payloads

        yield (recording.payload for recording in recorded_payloads(replay, source=source.name, now=session.clock.now()))
        return
    with _transport(session, source, report, job) as transport:
        yield source.fetch(query, transport, catalogue)


@contextmanager
def _transport(session: Session, source: Source, report: IngestReport, job: JobContext) -> Iterator[Transport]:
    if not source.hosts:
        from crfs.sources.core.recorded import NoTransport

        yield NoTransport(now=session.clock.now())
        return
    from crfs.sources.core.http import HttpTransport
    from crfs.store.rate_limits import StoredBudget

    def land_error(payload: Payload) -> None:
        _land(session, source, payload, report, job)

    own, proxy = session.settings.source(source.name), session.settings.proxy
    with HttpTransport(
        source,
        clock=session.clock.now,
        key=session.settings.api_key(source.name),
        contact=own.contact,
        enabled=own.enabled,
        mirror=own.mirror,
        proxy=proxy.get_secret_value() if proxy is not None else None,
        budget=StoredBudget(session.database),
        land_error=land_error,
    ) as transport:
        yield transport


def _deliveries(payloads: Iterable[Payload]) -> Iterator[list[Payload]]:
    """Payloads that arrived together (same source, same delivery) form one batch; by default each stands alone."""
    group: list[Payload] = []
    for payload in payloads:
        if group and _delivery(payload) != _delivery(group[-1]):
            yield group
            group = []
        group.append(payload)
        if _delivery(payload) is None:
            yield group
            group = []
    if group:
        yield group


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
    session: Session, source: Source, payloads: Iterable[Payload], catalogue: Catalogue, *, report: IngestReport, job: JobContext
) -> Iterator[tuple[list[Payload], list[Delivery], dict[str, list[str]]]]:
    """Payloads a delivery, each landed and then parsed, with the rows that they bring and the datasets that each gave rows of."""
    for group in _deliveries(payloads):
        yield group, *_rows(session, source, group, catalogue, report=report, job=job)


def _rows(
    session: Session, source: Source, group: list[Payload], catalogue: Catalogue, *, report: IngestReport, job: JobContext
) -> tuple[list[Delivery], dict[str, list[str]]]:
    import polars as pl

    from crfs.store.append import Delivery
    from crfs.store.payloads import keep_rejected

    tables: dict[str, list[pl.DataFrame]] = {}
    origins: dict[str, list[str]] = {}
    for payload in group:
        classification = _land(session, source, payload, report, job)
        if classification in {"EMPTY", "RETRY", "QUOTA", "AUTH", "BAD_REQUEST"}:
            report.notes.append(f"{payload.stream}: {classification}, nothing to store")
            continue
        parsed = source.parse(payload, catalogue)
        _note_rejected(report, payload, parsed.rejected)
        keep_rejected(session.database, payload.sha256, source.parser_version, parsed.rejected, job.fence.job_id)
        for dataset, table in parsed.tables.items():
            tables.setdefault(dataset, []).append(table)
            origins.setdefault(payload.sha256, []).append(dataset)
    deliveries = [
        Delivery(definition=catalogue.dataset(dataset), rows=pl.concat(parts) if len(parts) > 1 else parts[0])
        for dataset, parts in tables.items()
    ]
    return deliveries, origins


def _publish(
    session: Session, source: Source, deliveries: list[Delivery], origins: dict[str, list[str]], *, report: IngestReport, job: JobContext
) -> None:
    from crfs.store.append import append
    from crfs.store.publication import BatchKind, BatchNote

    receipt = append(
        session.database,
        deliveries,
        BatchNote(
            kind=BatchKind.INGEST,
            at=session.clock.now(),
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


def _note_rejected(report: IngestReport, payload: Payload, rejected: pl.DataFrame) -> None:
    report.rejected_rows += rejected.height
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


__all__ = ["CrfsError", "IngestReport", "check_report", "ingest", "parse_file"]
