"""Risk runs through the job ledger: a request is checked whole before it is queued, and its specification is all that a worker needs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from crfs.credit.schemas import Reason
from crfs.credit.texts import text_fault
from crfs.errors import InvalidInput, Problem, naming
from crfs.workflows.books import Book
from crfs.workflows.jobs import JobContext
from crfs.workflows.session import Session

if TYPE_CHECKING:
    pass

KIND = "risk-run"
REPLAY = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRequest:
    """What somebody asks of a book: ``book`` is the name that it was loaded under, its bytes, or a book's specification.

    ``options`` are those of ``portfolio_risk``; ``models`` None takes the champions that there are. Both clocks are texts, as they were asked.
    """

    book: str | Book | Mapping[str, Any]
    factor_model: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[str] | None = None
    as_of: str | None = None
    recorded_as_of: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How a risk job ended: the run that has the answer."""

    run_id: str
    result_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, kept in the ledger."""
        return {"run_id": self.run_id, "result_sha256": self.result_sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How a replay ended."""

    document: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, kept in the ledger."""
        return dict(self.document)


def submit_risk(session: Session, request: RiskRequest) -> UUID:
    """Check the request and its book cell by cell, and queue it; a wrong one is :class:`InvalidInput` and leaves nothing.

    The job is about the state of the store at which it was asked: later books, champions and rows change nothing of it.
    """
    from crfs.store.jobs import submit
    from crfs.workflows.books import named_book
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.portfolio_risk import fillers

    batch_id = session.pin(recorded_state(request.recorded_as_of)).batch_id
    models = fillers(session, request.models, batch_id=batch_id)
    as_of = request.as_of or (session.clock.now().isoformat() if models else None)
    book = named_book(session, request.book, batch_id=batch_id) if isinstance(request.book, str) else request.book
    _check(session, request, book, models, batch_id=batch_id, as_of=as_of)
    specification = {
        "book": book.keep(session) if isinstance(book, Book) else dict(book),
        "factor_model": dict(request.factor_model),
        "options": dict(request.options),
        "models": list(models),
        "as_of": as_of,
        "recorded_as_of": batch_id,
        "label": request.label,
    }
    return submit(session.database, job_id=uuid4(), kind=KIND, specification=specification, at=session.clock.now()).job_id


def submit_replay(session: Session, run_id: str, *, recorded_as_of: str | None = None) -> UUID:
    """Queue the replay of a run."""
    from crfs.store.jobs import submit
    from crfs.store.runs import run as find

    specification = {"run_id": find(session.database, run_id).run_id, "recorded_as_of": recorded_as_of}
    return submit(session.database, job_id=uuid4(), kind=REPLAY, specification=specification, at=session.clock.now()).job_id


def rows_as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of a book as the bytes of a CSV file, so that they can be landed; the columns are those of all rows, in the order they come.

    A cell that is no number and no text, and a column whose name cannot be written, are :class:`InvalidInput`.

    >>> rows_as_csv([{"facility_id": "F1", "ead": 100.0}, {"facility_id": "F2", "lgd": None}])
    b'facility_id,ead,lgd\\r\\nF1,100.0,\\r\\nF2,,\\r\\n'
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    problems = [
        Problem(row=None, column=name, reason=Reason.BROKEN_ENCODING.value, detail=f"the name of the column, {name!r:.80}, has {fault}")
        for name in columns
        if (fault := text_fault(name)) is not None
    ]
    problems += [
        Problem(row=number, column=column, reason=Reason.WRONG_TYPE.value, detail=f"a cell is a number, a text or null, not {cell!r:.80}")
        for number, row in enumerate(rows, 1)
        for column, cell in row.items()
        if not isinstance(cell, str | int | float | None) or isinstance(cell, bool) or (isinstance(cell, str) and text_fault(cell))
    ]
    if problems:
        detail = f"the rows have {len(problems)} names or cells that are no number and no text; first: {problems[0].detail}"
        raise InvalidInput(detail, problems=tuple(problems))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _check(
    session: Session,
    request: RiskRequest,
    book: Book | Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    *,
    batch_id: int,
    as_of: str | None,
) -> None:
    from crfs.credit.factor_model import FactorModel
    from crfs.workflows.books import build_book
    from crfs.workflows.portfolio_risk import DEFAULTS, check_book, check_question
    from crfs.workflows.spines import require

    require(request.options, "options", (), (*DEFAULTS, "default_ccf"))
    with naming("factor_model"):
        factor_model = FactorModel.from_content(request.factor_model)
    check_question(request.options, request.label)
    table = book.table() if isinstance(book, Book) else build_book(session, session.reader(batch_id), book)
    default_ccf = request.options.get("default_ccf")
    check_book(session, "the book", table, factor_model, models, batch_id=batch_id, as_of=as_of, default_ccf=default_ccf)


def measure(session: Session, specification: Mapping[str, Any], job: JobContext) -> Measured:
    """The work of a risk run."""
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.portfolio_risk import measure_portfolio

    run, _ = measure_portfolio(
        session,
        specification["book"],
        specification["factor_model"],
        options=specification["options"],
        models=specification["models"],
        as_of=specification["as_of"],
        recorded_as_of=recorded_state(specification["recorded_as_of"]),
        label=specification["label"],
        job_id=job.fence.job_id,
        progress=job.progress,
    )
    return Measured(run_id=run.run_id, result_sha256=run.result_sha256)


def replay(session: Session, specification: Mapping[str, Any], job: JobContext) -> Replayed:
    """The work of a replay."""
    from crfs.workflows.fresh_process import replay_in_fresh_process

    job.progress("computing again in a process of its own", 0, 1)
    return Replayed(document=replay_in_fresh_process(session, specification["run_id"], recorded_as_of=specification["recorded_as_of"]))
