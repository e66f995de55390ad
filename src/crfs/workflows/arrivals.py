"""Arrivals: payloads as they come in, landed and parsed, and the rows that those bring which arrived together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING

from crfs.errors import Quarantined
from crfs.workflows.jobs import JobContext
from crfs.workflows.quarantine import answer_key, hold_rejected, released_shape, require_trust
from crfs.workflows.session import Session

if TYPE_CHECKING:
    import polars as pl

    from crfs.bitemporal.extent import Extent
    from crfs.credit.catalogue import Catalogue
    from crfs.quality.thresholds import Shape
    from crfs.sources.core import Payload, Source
    from crfs.store.append import Delivery
    from crfs.store.landed import LandedPayload
    from crfs.store.payloads import FetchNote
    from crfs.workflows.ingest_report import IngestReport

SHOWN_REJECTIONS = 100


class Origin(Enum):
    """Where payloads come from: a provider just now, whose answers are compared with the ones before; the same, asked for a piece of the
    past; files that somebody chose; the landing zone, from where they are read again; or quarantine, from where somebody releases them.
    """

    PROVIDER = "provider"
    BACKFILL = "backfill"
    FILES = "files"
    LANDED = "landed"
    RELEASED = "released"

    @property
    def is_landed(self) -> bool:
        """Whether the bytes are in the store already."""
        return self in (Origin.LANDED, Origin.RELEASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Payloads that arrived together, the rows that they bring, and the datasets that each payload gave rows of; or why they are ``held``."""

    payloads: list[Payload]
    deliveries: list[Delivery]
    origins: dict[str, list[str]]
    shapes: list[tuple[Payload, Shape]]
    held: Quarantined | None = None


def landed_payload_of(session: Session, source: str, item: LandedPayload) -> Payload:
    """A payload as it came, with its bytes."""
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


def land_payload(session: Session, source: Source, payload: Payload, report: IngestReport, job: JobContext) -> str:
    """Keep the bytes before anything is made of them; what the source's classifier takes them for."""
    from crfs.sources.core.contract import classified
    from crfs.store.payloads import land

    classification = classified(source, payload).value
    report.payloads += 1
    report.classifications[classification] = report.classifications.get(classification, 0) + 1
    land(session.database, payload.body, fetch_note(source, payload, classification, job))
    return classification


def fetch_note(source: Source, payload: Payload, classification: str, job: JobContext) -> FetchNote:
    """How a payload came, and what it was taken for."""
    from crfs.store.payloads import FetchNote

    return FetchNote(
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
    )


def parsed_arrivals(
    session: Session,
    source: Source,
    payloads: Iterable[Payload],
    catalogue: Catalogue,
    *,
    report: IngestReport,
    job: JobContext,
    origin: Origin,
) -> Iterator[Arrival]:
    """Payloads a delivery, each landed and then parsed; what follows in a stream of which something is held back is left out: it may be in
    another unit.
    """
    held: set[str] = set()
    for group in _deliveries(payloads):
        if any(payload.stream in held for payload in group):
            if not origin.is_landed:
                for payload in group:
                    land_payload(session, source, payload, report, job)  # the bytes are kept, and the next run asks for them again
            continue
        arrival = _rows(session, source, group, catalogue, report=report, job=job, origin=origin)
        if arrival.held is not None:
            held.update(payload.stream for payload in group)
        yield arrival


def _deliveries(payloads: Iterable[Payload]) -> Iterator[list[Payload]]:
    """Payloads that arrived together (same source, same delivery) form one batch; by default each stands alone."""
    group: list[Payload] = []
    for payload in payloads:
        if group and _delivery(group[-1]) != _delivery(payload):
            yield group
            group = []
        group.append(payload)
        if _delivery(payload) is None:  # at once: the next one may never come
            yield group
            group = []
    if group:
        yield group


def _delivery(payload: Payload) -> str | None:
    from crfs.sources.core.contract import DELIVERY

    return payload.headers.get(DELIVERY)


def _rows(
    session: Session, source: Source, group: list[Payload], catalogue: Catalogue, *, report: IngestReport, job: JobContext, origin: Origin
) -> Arrival:
    import polars as pl

    from crfs.sources.core.contract import classified, extents_of
    from crfs.store.append import Delivery
    from crfs.store.payloads import keep_rejected

    tables: dict[str, list[pl.DataFrame]] = {}
    origins: dict[str, list[str]] = {}
    extents: dict[str, list[Extent]] = {}
    shapes: list[tuple[Payload, Shape]] = []
    for payload in group:
        classification = classified(source, payload).value if origin.is_landed else land_payload(session, source, payload, report, job)
        if classification in {"EMPTY", "RETRY", "QUOTA", "AUTH", "BAD_REQUEST"}:
            if origin is not Origin.LANDED:
                report.notes.append(f"{payload.stream}: {classification}, nothing to store")
            continue
        parsed = source.parse(payload, catalogue)
        _note_rejected(report, payload, parsed.rejected)
        keep_rejected(session.database, answer_key(payload), source.parser_version, parsed.rejected, job.fence)
        if parsed.rejected.height:
            hold_rejected(session, source, payload, parsed.rejected, fence=job.fence)
        if origin in (Origin.PROVIDER, Origin.BACKFILL):
            compared = origin is Origin.PROVIDER
            try:
                shape = require_trust(session, source, payload, parsed, catalogue, compared=compared, fence=job.fence)
            except Quarantined as error:
                return Arrival(payloads=group, deliveries=[], origins={}, shapes=[], held=error)
            shapes += [(payload, shape)] if compared else []
        elif origin is Origin.RELEASED:
            shapes.append((payload, released_shape(payload, parsed)))
        for dataset, table in parsed.tables.items():
            tables.setdefault(dataset, []).append(table)
            origins.setdefault(payload.sha256, []).append(dataset)
            extents.setdefault(dataset, []).extend(extents_of(parsed, payload, dataset))
    deliveries = [
        Delivery(
            definition=catalogue.dataset(dataset),
            rows=pl.concat(parts) if len(parts) > 1 else parts[0],
            fetched_at=_fetched_at(source, group),
            extents=extents[dataset],
        )
        for dataset, parts in tables.items()
    ]
    for delivery in deliveries:
        last = delivery.rows["valid_time"].dt.date().max()
        if isinstance(last, date):  # none where every row was refused
            report.last_valid_day = max(report.last_valid_day or last, last)
    return Arrival(payloads=group, deliveries=deliveries, origins=origins, shapes=shapes)


def _note_rejected(report: IngestReport, payload: Payload, rejected: pl.DataFrame) -> None:
    from crfs.sources.core.contract import rejection_count

    report.rejected_rows += rejection_count(rejected)
    for row in rejected.head(max(0, SHOWN_REJECTIONS - len(report.rejected))).to_dicts():
        report.rejected.append({"stream": payload.stream, "payload": payload.sha256, **row})


def _fetched_at(source: Source, group: list[Payload]) -> datetime | None:
    """When a provider's answers were seen, so that what they changed is known from then; None for files, which say their own times."""
    return group[-1].fetched_at if source.hosts else None
