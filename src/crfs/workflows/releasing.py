"""Releasing from quarantine: what was held is published, with the reason that somebody gives."""

from __future__ import annotations

from typing import Any

from crfs.errors import InvalidInput
from crfs.workflows.ingest_report import IngestReport
from crfs.workflows.ingestion import still_refused, take_in_no_longer_refused, take_in_released
from crfs.workflows.jobs import JobContext, run_job
from crfs.workflows.session import Progress, Session, no_progress


def release_quarantine(session: Session, quarantine_id: int, *, reason: str, progress: Progress = no_progress) -> dict[str, Any]:
    """Publish what an item holds, as the present parser and catalogue read it: a changed rule is how refused rows come in.

    An answer that was held back is published whole; of refused rows those come in that are no longer refused, and the item stays where
    some still are. (A mended parser that refuses none of an item's rows any more releases it by itself when a source is read again.)
    """
    from crfs.quality.thresholds import Threshold
    from crfs.store.quarantine import REJECTED_ROWS, held_whole, item, release

    if not reason.strip():
        raise InvalidInput("say why it is released: a reason is kept with it (--reason)")
    found = item(session.database, quarantine_id)
    if found.state != "held":
        raise InvalidInput(f"item {quarantine_id} was released already, by {found.released_by}: {found.release_reason}")
    whole = found.rule != REJECTED_ROWS
    if not whole and (holding := held_whole(session.database, found.answer)):
        raise InvalidInput(f"the answer with these rows is held back as a whole: look at item {holding[0]}, and release that one")

    def work(job: JobContext) -> IngestReport:
        if whole:
            return take_in_released(session, found.answer, job=job)
        return take_in_no_longer_refused(session, found.source, job=job)

    report = run_job(session, "release", {"quarantine_id": quarantine_id, "reason": reason}, work, progress=progress)
    still = report.rejected_rows if whole else still_refused(session, found.answer)
    # An answer that was held back is published whole, for whatever it was held; rows that are still refused stay.
    rules = [*((rule.value for rule in Threshold) if whole else ()), *(() if still else (REJECTED_ROWS,))]
    batch_id = report.batches[-1] if report.batches else None
    release(session.database, found.answer, rules=rules, at=session.clock.now(), reason=reason, batch_id=batch_id)
    released = found.rule in rules
    return {"quarantine_id": quarantine_id, "released": released, "still_rejected": still, "ingest": report.to_dict()}
