"""Runs about a book through the job ledger: a question is checked whole before it is queued, and its specification is all that a worker
needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from crfs.errors import naming
from crfs.workflows.asked_for import BOOK_RUNS, FACTOR_MODEL_RUN, REPLAY
from crfs.workflows.jobs import JobContext
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.workflows.book_runs import BookKind, Question

_KINDS: Mapping[RunKind, str] = MappingProxyType(
    {
        RunKind.RISK: "crfs.workflows.portfolio_risk:RISK",
        RunKind.CONCENTRATION: "crfs.workflows.portfolio_concentration:CONCENTRATION",
        RunKind.CAPITAL: "crfs.workflows.portfolio_capital:CAPITAL",
        RunKind.ECL: "crfs.workflows.portfolio_ecl:ECL",
        RunKind.STRESS: "crfs.workflows.portfolio_stress:STRESS",
        RunKind.REVERSE_STRESS: "crfs.workflows.portfolio_reverse_stress:REVERSE_STRESS",
        RunKind.SENSITIVITY: "crfs.workflows.portfolio_sensitivity:SENSITIVITY",
        RunKind.WHAT_IF: "crfs.workflows.portfolio_what_if:WHAT_IF",
        RunKind.MARK_TO_MARKET: "crfs.workflows.portfolio_mark_to_market:MARK_TO_MARKET",
        RunKind.ATTRIBUTION: "crfs.workflows.portfolio_attribution:ATTRIBUTION",
    }
)
JOBS: Mapping[str, RunKind] = MappingProxyType({job: RunKind(job.removesuffix("-run")) for job in BOOK_RUNS})
"""The kinds of jobs that make runs about a book, and the runs that they make."""
RUNS: Mapping[str, RunKind] = MappingProxyType({**JOBS, FACTOR_MODEL_RUN: RunKind.FACTOR_MODEL})
"""The same of all jobs that make a run."""


def book_kind(kind: RunKind) -> BookKind:
    """What a kind of run about a book is made of; its module is imported only now."""
    module, name = _KINDS[kind].split(":")
    found: BookKind = getattr(import_module(module), name)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How a job that makes a run ended: the run that has the answer."""

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


def submit_question(session: Session, question: Question) -> UUID:
    """Check a question and its book cell by cell, and queue it; a wrong one is :class:`InvalidInput` and leaves nothing.

    The job is about the state of the store at which it was asked: later books, champions and rows change nothing of it. No file of this
    machine is ever looked for.
    """
    from crfs.store.jobs import submit
    from crfs.workflows.book_runs import accept

    accepted = accept(session, question, files=False, what="the book")
    specification = {"run": accepted.keep(session), "batch_id": accepted.batch_id, "label": question.label}
    return submit(session.database, job_id=uuid4(), kind=question.kind.job, specification=specification, at=session.clock.now()).job_id


def submit_factor_model(
    session: Session,
    specification: Mapping[str, Any],
    *,
    as_of: str | None = None,
    recorded_as_of: str | int | None = None,
    label: str | None = None,
) -> UUID:
    """Check what a factor model is to be estimated from, and queue it; what has no history is told by the run."""
    from crfs.store.jobs import submit
    from crfs.workflows.book_runs import check_label
    from crfs.workflows.factor_models import asked_content
    from crfs.workflows.observations import recorded_state

    check_label(label)
    content = asked_content(session, specification, as_of=as_of)
    with naming("recorded_as_of"):
        batch_id = session.pin(recorded_state(recorded_as_of)).batch_id
    task = {"run": content, "batch_id": batch_id, "label": label}
    return submit(session.database, job_id=uuid4(), kind=FACTOR_MODEL_RUN, specification=task, at=session.clock.now()).job_id


def submit_replay(session: Session, run_id: str, *, recorded_as_of: str | None = None) -> UUID:
    """Queue the replay of a run; a state of the store that there is not is refused here."""
    from crfs.store.jobs import submit
    from crfs.store.runs import run as find
    from crfs.workflows.observations import recorded_state

    with naming("recorded_as_of"):
        session.pin(recorded_state(recorded_as_of))
    specification = {"run_id": find(session.database, run_id).run_id, "recorded_as_of": recorded_as_of}
    return submit(session.database, job_id=uuid4(), kind=REPLAY, specification=specification, at=session.clock.now()).job_id


def work_of(job: str) -> Callable[[Session, Mapping[str, Any], JobContext], Measured]:
    """The work of a kind of job that makes a run."""
    kind = RUNS[job]

    def work(session: Session, specification: Mapping[str, Any], context: JobContext) -> Measured:
        from crfs.workflows.runs import execute

        run, _ = execute(
            session,
            kind,
            specification["run"],
            label=specification["label"],
            recorded_as_of=specification["batch_id"],
            job_id=context.fence.job_id,
            progress=context.progress,
        )
        return Measured(run_id=run.run_id, result_sha256=run.result_sha256)

    return work


def replay(session: Session, specification: Mapping[str, Any], job: JobContext) -> Replayed:
    """The work of a replay."""
    from crfs.workflows.fresh_process import replay_in_fresh_process

    job.progress("computing again in a process of its own", 0, 1)
    return Replayed(document=replay_in_fresh_process(session, specification["run_id"], recorded_as_of=specification["recorded_as_of"]))
