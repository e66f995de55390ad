"""Amending history: rows of the store that were wrong are corrected or annulled, with a reason; what was answered before can still be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, Problem
from crfs.workflows.jobs import JobContext, run_job
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.definitions import DatasetDefinition
    from crfs.sources.core import Payload
    from crfs.store.publication import BatchKind

_SOURCE = "amendment"
"""What fetches and batches of ours are said to come from: no source's parser reads such a payload again, as if the source had spoken."""
_KEY = ["entity", "valid_time", "knowledge_time"]
_FEW = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentReport:
    """What an amendment did: rows that stand otherwise now, rows that stood so already, and the batch (None where nothing was to do).

    ``derived`` are the rows by dataset that were computed anew from those.
    """

    dataset: str
    kind: str
    reason: str
    actor: str
    payload: str
    amended: int
    unchanged: int
    batch_id: int | None
    derived: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "dataset": self.dataset,
            "kind": self.kind,
            "reason": self.reason,
            "actor": self.actor,
            "payload": self.payload,
            "amended": self.amended,
            "unchanged": self.unchanged,
            "batch_id": self.batch_id,
            "derived": dict(self.derived),
        }


def correct(session: Session, dataset: str, file: Path, *, reason: str, progress: Progress = no_progress) -> AmendmentReport:
    """Give rows of a dataset other values: a CSV file names each by entity, valid time and knowledge time, and has every value column.

    A row without any value says that there is none. How and by which vintage the row was known stays as it was. All rows of the file are
    taken, in one batch, or none: a bad one, or one that the store does not have, is :class:`~crfs.errors.InvalidInput` with its place.
    """
    from crfs.store.publication import BatchKind

    return _amend(session, dataset, file, kind=BatchKind.CORRECTION, reason=reason, progress=progress)


def annul(session: Session, dataset: str, file: Path, *, reason: str, progress: Progress = no_progress) -> AmendmentReport:
    """Say of rows of a dataset that they never were: a CSV file names each by entity, valid time and knowledge time, and nothing else.

    All are annulled, in one batch, or none. A wrong knowledge time is put right so: annul the row, and append it with the right one.
    """
    from crfs.store.publication import BatchKind

    return _amend(session, dataset, file, kind=BatchKind.ANNUL, reason=reason, progress=progress)


def _amend(session: Session, dataset: str, file: Path, *, kind: BatchKind, reason: str, progress: Progress) -> AmendmentReport:
    from crfs.sources.providers.csv import payload_of_file

    if not reason.strip():
        raise InvalidInput("say why the rows are amended: a reason is kept with them (--reason)", argument="reason")
    definition = session.catalogue().dataset(dataset)
    payload = payload_of_file(file, dataset=dataset, at=session.clock.now())

    def work(job: JobContext) -> AmendmentReport:
        rows = _rows(session, definition, payload, kind)
        return _publish(session, definition, payload, rows, kind=kind, reason=reason, job=job)

    return run_job(session, kind.value, {"dataset": dataset, "file": file.name, "reason": reason}, work, progress=progress)


def _rows(session: Session, definition: DatasetDefinition, payload: Payload, kind: BatchKind) -> pl.DataFrame:
    """The rows to append; none is left out."""
    import polars as pl

    from crfs.bitemporal.rows import ROW_STATE, RowState
    from crfs.sources.core.tables import accept
    from crfs.sources.providers.csv import read_amendments
    from crfs.store.publication import BatchKind

    annulling = kind is BatchKind.ANNUL
    table, rejected = read_amendments(payload, definition, with_values=not annulling)
    if table.width:
        known, unknown = _known(session, definition, table)
        accepted, refused = accept(known, definition, fetched_at=payload.fetched_at)
        rejected = pl.concat([rejected, unknown, refused]).sort("row", maintain_order=True)
    if rejected.height:
        raise _refused(payload, rejected, "annulled" if annulling else "corrected")
    if accepted.is_empty():
        raise InvalidInput(f"{payload.url.removeprefix('file:')} has no rows")
    return accepted.with_columns(row_state=pl.lit(RowState.ANNULLED.value, dtype=ROW_STATE)) if annulling else accepted


def _known(session: Session, definition: DatasetDefinition, table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that the store has, with the ``knowledge_basis`` and ``vintage_date`` that they have there; and the others, as rejected."""
    import polars as pl

    from crfs.sources.core import RejectReason
    from crfs.sources.core.tables import rejected_where

    entities = table["entity"].unique()
    stored = (
        session.reader(session.pin().batch_id)
        .rows(definition.name, columns=[], entities=entities.to_list() if len(entities) <= _FEW else None, vintage_dates=True)
        .sort("batch_id")
        .unique(_KEY, keep="last")
        .select(*_KEY, "knowledge_basis", "vintage_date")
    )
    known = table.join(stored, on=_KEY, how="inner", maintain_order="left")
    times = pl.col("knowledge_time").sort().tail(3).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ").str.join(", ")
    unknown = table.join(stored, on=_KEY, how="anti", maintain_order="left").join(
        stored.group_by(_KEY[:2]).agg(_there=times), on=_KEY[:2], how="left", maintain_order="left"
    )
    detail = "the store has no such row; of this entity and valid time it has those known from"
    return known, rejected_where(
        unknown.with_columns(pl.col("_there").fill_null("never")),
        pl.lit(True),
        "knowledge_time",
        RejectReason.UNKNOWN_KEY,
        detail,
        shown="_there",
    )


def _refused(payload: Payload, rejected: pl.DataFrame, what: str) -> InvalidInput:
    from crfs.sources.core.contract import rejection_count

    problems = tuple(Problem(**row) for row in rejected.select("row", "column", "reason", "detail").to_dicts())
    file = payload.url.removeprefix("file:")
    return InvalidInput(f"{file}: {rejection_count(rejected):,} cells or rows are refused, so nothing is {what}", problems=problems)


def _publish(
    session: Session, definition: DatasetDefinition, payload: Payload, rows: pl.DataFrame, *, kind: BatchKind, reason: str, job: JobContext
) -> AmendmentReport:
    from crfs.sources.core import Classification
    from crfs.sources.providers.csv import SOURCE
    from crfs.store.append import Delivery, append
    from crfs.store.payloads import FetchNote, land
    from crfs.store.publication import BatchNote
    from crfs.workflows.documents import derive_documents

    sha256 = land(
        session.database,
        payload.body,
        FetchNote(
            source=_SOURCE,
            stream=definition.name,
            url=payload.url,
            status=payload.status,
            headers=payload.headers,
            classification=Classification.OK.value,
            parser_version=SOURCE.parser_version,
            started_at=payload.started_at,
            fetched_at=payload.fetched_at,
            job_id=job.fence.job_id,
        ),
    )
    note = BatchNote(
        kind=kind,
        at=session.clock.now(),
        reason=reason,
        source=_SOURCE,
        parser_version=SOURCE.parser_version,
        payloads={sha256: [definition.name]},
        fence=job.fence,
    )
    receipt = append(session.database, [Delivery(definition=definition, rows=rows)], note)
    derived = derive_documents(session, [definition.name], job=job) if receipt.batch_id is not None else None
    return AmendmentReport(
        dataset=definition.name,
        kind=kind.value,
        reason=reason,
        actor=session.database.actor,
        payload=sha256,
        amended=receipt.appended[definition.name],
        unchanged=receipt.unchanged[definition.name],
        batch_id=receipt.batch_id,
        derived={} if derived is None else derived.appended,
    )
