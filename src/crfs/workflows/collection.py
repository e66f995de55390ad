"""What a user asks of a source, whichever it is: a provider's series, a simulated bureau, a file of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crfs.errors import DoneElsewhere, InvalidInput
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.times import parse_day

if TYPE_CHECKING:
    from crfs.workflows.ingest_report import IngestReport


def collect(
    session: Session,
    source: str,
    series: Sequence[str] = (),
    *,
    since: str | None = None,
    until: str | None = None,
    vintages: Literal["all", "latest"] = "latest",
    replay: Path | str | None = None,
    file: Path | str | None = None,
    seed: int | None = None,
    obligors: int | None = None,
    first_month: str | None = None,
    months: int | None = None,
    progress: Progress = no_progress,
) -> IngestReport:
    """Bring rows into the store. ``file`` is of the source ``csv`` (``series`` names its dataset); the last four are the ``bureau``'s.

    Bytes that hold rows and give none that can be accepted are an error of the caller's; a provider that refuses everything is
    :class:`~crfs.errors.SourceRejected`.
    """
    from crfs.sources.core import Query
    from crfs.workflows.ingest_report import check_rejected, check_report
    from crfs.workflows.ingestion import ingest

    bureau = {"seed": seed, "obligors": obligors, "first_month": first_month, "months": months}
    given = {name: value for name, value in bureau.items() if value is not None}
    if given and (source != "bureau" or replay is not None):
        raise InvalidInput(f"{', '.join(given)}: only the simulated bureau takes these")
    if file is not None and source != "csv":
        raise InvalidInput(f"a file is for the source csv; {source} is asked for series, or replays a folder of recordings")
    if source == "bureau" and replay is None:
        if series or since or until:
            raise InvalidInput("the bureau delivers all of its files; bound it with first_month and months")
        report = _bureau(session, given, progress)
    else:
        query = Query(
            series=tuple(series),
            since=parse_day(since, what="since") if since else None,
            until=parse_day(until, what="until") if until else None,
            vintages=vintages,
            options={} if file is None else {"path": str(file)},
        )
        report = ingest(session, source, query, replay=None if replay is None else Path(replay), progress=progress)
    check_report(report)
    check_rejected(report)
    return report


def collect_stream(session: Session, key: str, *, progress: Progress = no_progress) -> IngestReport:
    """Ask a stream for what is new, here and now, by the same code as a worker; one that is under way is :class:`~crfs.errors.DoneElsewhere`."""
    from crfs.workflows.circuit import check_pause
    from crfs.workflows.jobs import run_job
    from crfs.workflows.streams import KIND, live_key_of, run_stream, stream_of

    stream = stream_of(session, key)
    try:
        done = run_job(
            session, KIND, {"stream": key}, lambda job: run_stream(session, key, job), progress=progress, live_key=live_key_of(key)
        )
    except DoneElsewhere:
        check_pause(session, stream.source)  # a job that waits until its source has rested is nobody's work
        raise
    return done.report


def collect_history(session: Session, key: str, *, progress: Progress = no_progress) -> dict[str, Any]:
    """Fill in a stream's history here and now, slice by slice; what is done already is not asked again.

    One that waits in the queue is taken from there; one that is under way elsewhere is :class:`~crfs.errors.DoneElsewhere`.
    """
    from crfs.workflows.backfills import KIND, live_key_of, run_backfill
    from crfs.workflows.jobs import run_job
    from crfs.workflows.streams import stream_of

    stream_of(session, key)
    return run_job(
        session, KIND, {"stream": key}, lambda job: run_backfill(session, key, job), progress=progress, live_key=live_key_of(key)
    ).to_dict()


def queue_history(session: Session, key: str) -> dict[str, Any]:
    """Queue the filling in of a stream's history for a worker, behind all regular work; where it is queued or under way, it is that job."""
    from crfs.workflows.backfills import submit_backfill
    from crfs.workflows.ledger import show_job

    return show_job(session, submit_backfill(session, key))


def collect_again(session: Session, source: str, *, progress: Progress = no_progress) -> IngestReport:
    """Read landed answers of a source again with its present parser."""
    from crfs.workflows.ingestion import parse_again

    return parse_again(session, source, progress=progress)


def is_partial(report: IngestReport) -> bool:
    """Whether some rows were rejected, or some answers contradict the store, while others are in it."""
    return report.rejected_rows > 0 or bool(report.conflicts)


def _bureau(session: Session, given: dict[str, Any], progress: Progress) -> IngestReport:
    from crfs.sources.providers.bureau import BureauSpec
    from crfs.workflows.bureau import ingest_bureau

    if "obligors" not in given:
        raise InvalidInput("say how many obligors the bureau has: obligors (--obligors 1000)")
    if "first_month" in given:
        given["first_month"] = parse_day(given["first_month"], what="first_month")
    return ingest_bureau(session, BureauSpec(**{"seed": 1, **given}), progress=progress)
