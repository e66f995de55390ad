"""Reading again: a mended parser mends history.

All answers of a source are taken in by an empty store beside this one (the *model*), in the order in which they were landed, with what somebody
amended meanwhile in between: before the first answer whose rows have a later batch. Then this store is restated by that one: so it says what
it would, had it had the parser from the start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crfs.errors import Conflict
from crfs.workflows.ahead import ahead
from crfs.workflows.arrivals import Arrival, Origin, fetch_note, landed_payload_of, parsed_arrivals
from crfs.workflows.ingest_report import add_counts
from crfs.workflows.jobs import JobContext
from crfs.workflows.quarantine import answer_key
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.credit.catalogue import Catalogue
    from crfs.sources.core import Payload, Source
    from crfs.store.answers import AnswerKey
    from crfs.store.database import Database
    from crfs.store.landed import Answer
    from crfs.store.restating import Restated
    from crfs.workflows.ingest_report import IngestReport


def reread(session: Session, source: Source, *, report: IngestReport, job: JobContext, tells: bool = True, releases: bool = True) -> None:
    """Read all answers of a source with its present parser, and publish what the store would say otherwise.

    The report is told of rows, and, if this ``tells``, of the answers too: else it knows of them. Items of quarantine are released whose rows
    an older parser refused and this one does not, unless who asks ``releases`` none, since somebody is about to, with a reason.
    """
    from crfs.store.landed import last_fetch, note_read
    from crfs.store.quarantine import release_mended
    from crfs.workflows.documents import derive

    if not last_fetch(session.database, source=source.name):
        return
    with _model(job) as model:
        reading = _Reading(session=session, source=source, model=model, report=report, job=job, tells=tells)
        while (restated := reading.restate()) is None:
            job.progress(f"{source.name}: others wrote meanwhile", report.payloads, None)
    # Where this is not reached, the next reading again finds nothing to restate and notes it.
    note_read(session.database, reading.unread, parser_version=source.parser_version)
    for counts, totals in ((restated.appended, report.appended), (restated.unchanged, report.unchanged)):
        add_counts(totals, counts)
    report.batches += restated.batches
    if releases:
        release_mended(
            session.database,
            reading.brought,
            parser_version=source.parser_version,
            at=session.clock.now(),
            batch_id=restated.batches[-1] if restated.batches else None,
            fence=job.fence,
        )
    derive(session, report, job=job)


@contextmanager
def _model(job: JobContext) -> Iterator[Database]:
    """An empty store of this machine's, which is gone afterwards."""
    from crfs.ops.datatier import scratch_tier
    from crfs.store.database import Database, ensure_schema

    job.progress("a store to read into", 0, None)
    with scratch_tier() as tier:
        database = Database(tier.store_url, actor="reread", when_down="the store to read into has died: run the same command again")
        try:
            ensure_schema(database)
            yield database
        finally:
            database.close()


@dataclass(slots=True, kw_only=True)
class _Reading:
    """A store that takes in a source's answers as they are read now; ``unread`` are the fetches that were not read so before, and as what;
    ``brought`` the answers that rows came of."""

    session: Session
    source: Source
    model: Database
    report: IngestReport
    job: JobContext
    tells: bool
    taken: set[int] = field(default_factory=set)
    amended: set[tuple[int, str]] = field(default_factory=set)
    datasets: set[str] = field(default_factory=set)
    unread: dict[int, str] = field(default_factory=dict)
    brought: set[AnswerKey] = field(default_factory=set)

    def restate(self) -> Restated | None:
        """Take in what has come since the last time, and restate the store; None where more came meanwhile."""
        from crfs.store.landed import answers, datasets_of, last_fetch
        from crfs.store.restating import Reread, restate

        session, source = self.session, self.source
        catalogue = session.catalogue()
        fetch_id = last_fetch(session.database, source=source.name)
        found = answers(session.database, source=source.name, parser_version=source.parser_version)
        self.datasets.update(datasets_of(session.database, source=source.name))
        self._take_in([answer for answer in found if answer.fetch_id not in self.taken], catalogue)
        definitions = [catalogue.dataset(name) for name in sorted(self.datasets)]
        self.job.progress(f"{source.name}: comparing", self.report.payloads, None)
        reread_ = Reread(
            source=source.name, parser_version=source.parser_version, at=session.clock.now(), fence=self.job.fence, fetch_id=fetch_id
        )
        return restate(session.database, self.model, definitions, reread_)

    def _take_in(self, answers: list[Answer], catalogue: Catalogue) -> None:
        """Answers in the order in which they came in, those that arrived together together, and before each what was amended before it."""
        from crfs.store.landed import amendments

        amended = [item for item in amendments(self.session.database, sorted(self.datasets)) if (item[0], item[2]) not in self.amended]
        positions = iter(_positions(answers))
        self.job.progress(f"{self.source.name}: reading", 0, len(answers))
        with (
            ahead(self._payloads(answers)) as coming,
            ahead(self._parsed(coming, catalogue), depth=2) as parsed,
        ):
            for arrival in parsed:
                position = max(next(positions) for _ in arrival.payloads)
                while amended and amended[0][0] < position:
                    self._amend(*amended.pop(0), catalogue=catalogue)
                self._append(arrival)
                self.job.progress(f"{self.source.name}: {arrival.payloads[-1].stream}", len(self.taken), len(answers))
        for item in amended:
            self._amend(*item, catalogue=catalogue)

    def _payloads(self, answers: list[Answer]) -> Iterator[Payload]:
        from crfs.sources.core.contract import classified

        for answer in answers:
            payload = landed_payload_of(self.session, self.source.name, answer.payload)
            self.taken.add(answer.fetch_id)
            taken_for = classified(self.source, payload).value
            if not answer.is_read:
                self.unread[answer.fetch_id] = taken_for
            if self.tells:
                self.report.payloads += 1
                self.report.classifications[taken_for] = self.report.classifications.get(taken_for, 0) + 1
            yield payload

    def _parsed(self, payloads: Iterator[Payload], catalogue: Catalogue) -> Iterator[Arrival]:
        return parsed_arrivals(self.session, self.source, payloads, catalogue, report=self.report, job=self.job, origin=Origin.LANDED)

    def _append(self, arrival: Arrival) -> None:
        from crfs.sources.core.contract import classified
        from crfs.store.append import append
        from crfs.store.payloads import land
        from crfs.store.publication import BatchKind, BatchNote

        if not arrival.deliveries:
            return
        self.brought.update(answer_key(payload) for payload in arrival.payloads if payload.sha256 in arrival.origins)
        self.datasets.update(delivery.definition.name for delivery in arrival.deliveries)
        for payload in arrival.payloads:
            land(self.model, payload.body, fetch_note(self.source, payload, classified(self.source, payload).value, self.job))
        note = BatchNote(
            kind=BatchKind.INGEST,
            at=self.session.clock.now(),
            source=self.source.name,
            parser_version=self.source.parser_version,
            payloads=arrival.origins,
        )
        try:
            append(self.model, arrival.deliveries, note)
        except Conflict as error:
            self.report.conflicts += [{"stream": item.stream, "payload": item.sha256, "detail": str(error)} for item in arrival.payloads]

    def _amend(self, batch_id: int, kind: str, dataset: str, *, catalogue: Catalogue) -> None:
        """What somebody made of rows, here too; keys that the parser no longer makes cannot be annulled, and need not be."""
        from crfs.store.append import Delivery, append
        from crfs.store.publication import BatchKind, BatchNote
        from crfs.store.scan import StoreReader

        self.amended.add((batch_id, dataset))
        rows = StoreReader(self.session.database, catalogue, batch_id=batch_id).rows(dataset, batches=[batch_id], vintage_dates=True)
        if kind == BatchKind.ANNUL.value:
            entities = rows["entity"].unique().to_list()
            there = StoreReader(self.model, catalogue, batch_id=_HEAD).rows(dataset, columns=[], entities=entities)
            rows = rows.join(there, on=["entity", "valid_time", "knowledge_time"], how="semi")
        if rows.height:
            note = BatchNote(kind=BatchKind(kind), at=self.session.clock.now(), reason=f"batch {batch_id}")
            append(self.model, [Delivery(definition=catalogue.dataset(dataset), rows=rows)], note)


_HEAD = 2**62
"""A batch after all others."""


def _positions(answers: list[Answer]) -> list[int]:
    """Of each answer the batch by which it had come in: its own, else that of the last one before it that was news."""
    position, positions = 0, []
    for answer in answers:
        position = max(position, answer.batch_id or 0)
        positions.append(position)
    return positions
