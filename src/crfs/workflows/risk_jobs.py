"""Risk runs through the job ledger: a request is checked whole before it is queued, and its specification is all that a worker needs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from crfs.workflows.jobs import JobContext
from crfs.workflows.session import Session

if TYPE_CHECKING:
    import polars as pl

KIND = "risk-run"
REPLAY = "replay"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRequest:
    """What somebody asks of a book: ``book`` is a book's specification, ``options`` are those of ``portfolio_risk``.

    ``models`` None takes the champions that there are. Both clocks are texts, as they were asked.
    """

    book: Mapping[str, Any]
    factor_model: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[str] | None = None
    as_of: str | None = None
    recorded_as_of: str | None = None
    label: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The specification of the job."""
        return {
            "book": dict(self.book),
            "factor_model": dict(self.factor_model),
            "options": dict(self.options),
            "models": None if self.models is None else list(self.models),
            "as_of": self.as_of,
            "recorded_as_of": self.recorded_as_of,
            "label": self.label,
        }


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
    """Check the request and its book cell by cell, and queue it; a wrong one is :class:`InvalidInput` and leaves no job."""
    from crfs.store.jobs import submit

    _check(session, request)
    job = submit(session.database, job_id=uuid4(), kind=KIND, specification=request.to_dict(), at=session.clock.now())
    return job.job_id


def submit_replay(session: Session, run_id: str, *, recorded_as_of: str | None = None) -> UUID:
    """Queue the replay of a run."""
    from crfs.store.jobs import submit
    from crfs.store.runs import run as find

    specification = {"run_id": find(session.database, run_id).run_id, "recorded_as_of": recorded_as_of}
    return submit(session.database, job_id=uuid4(), kind=REPLAY, specification=specification, at=session.clock.now()).job_id


def rows_as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of a book as the bytes of a CSV file, so that they can be landed; the columns are those of all rows, in the order they come.

    >>> rows_as_csv([{"facility_id": "F1", "ead": 100.0}, {"facility_id": "F2", "lgd": None}])
    b'facility_id,ead,lgd\\r\\nF1,100.0,\\r\\nF2,,\\r\\n'
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _check(session: Session, request: RiskRequest) -> None:
    from crfs.credit.factor_model import FactorModel
    from crfs.models.canonical import canonical_json
    from crfs.quality.portfolio import validate_portfolio
    from crfs.risk.portfolio import portfolio_risk
    from crfs.store.registry import champion
    from crfs.workflows.book_columns import columns_of_a_book
    from crfs.workflows.books import build_book
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.portfolio_risk import DEFAULTS, champions
    from crfs.workflows.spines import require
    from crfs.workflows.times import parse_instant

    require(request.options, "options", (), (*DEFAULTS, "default_ccf"))
    factor_model = FactorModel.from_json(canonical_json(dict(request.factor_model)))
    if request.as_of:
        parse_instant(request.as_of, what="as_of")
    pin = session.pin(recorded_state(request.recorded_as_of))
    names = champions(session) if request.models is None else list(request.models)
    for name in names:
        champion(session.database, name)
    book = build_book(session, session.reader(pin.batch_id), request.book)
    blank = [column for name, column in (("pd", "pd_12m"), ("lgd", "lgd")) if name in names]
    checked = validate_portfolio(
        columns_of_a_book(book), factor_model, allow_blank=blank, default_ccf=0.0 if "ead" in names else request.options.get("default_ccf")
    )
    checked.require_all("the book")
    # The arguments of the measurement are checked by the measurement itself, on a book of one name that costs nothing.
    portfolio_risk(_one_name(), FactorModel.one_factor("all"), **{k: v for k, v in request.options.items() if k != "default_ccf"})


def _one_name() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        {"facility_id": ["F"], "obligor_id": ["O"], "ead": [1.0], "lgd": [1.0], "pd_12m": [0.5], "r2": [0.1], "group": ["all"]}
    )


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
