"""Evaluations of early-warning rules through the job ledger: a question is read whole before it is queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from crfs.workflows.asked_for import EVALUATION
from crfs.workflows.jobs import JobContext
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.workflows.rule_evaluation import Evaluated

MOST = 200
"""So many changed alerts are kept with a job; all of them are in the list of alerts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How an evaluation ended."""

    evaluated: Evaluated

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, kept in the ledger."""
        return self.evaluated.to_dict(most=MOST)


def submit_evaluation(session: Session, *, texts: Mapping[str, str | None], as_of: str | None = None, dry_run: bool = False) -> UUID:
    """Queue an evaluation; ``texts`` are those of the files ``rules``, ``limits`` and ``rating_scale``, each if there is one.

    A wrong text is :class:`~crfs.errors.InvalidInput` and leaves nothing. Without ``as_of`` the rules look at the store as it is when the job is done.
    """
    from crfs.store.jobs import submit
    from crfs.workflows.rule_evaluation import question_of_texts

    question = question_of_texts(**texts, as_of=as_of, dry_run=dry_run)
    moment = None if question.as_of is None else question.as_of.isoformat()
    specification = {**{name: text for name, text in texts.items() if text is not None}, "as_of": moment, "dry_run": dry_run}
    return submit(session.database, job_id=uuid4(), kind=EVALUATION, specification=specification, at=session.clock.now()).job_id


def evaluate(session: Session, specification: Mapping[str, Any], job: JobContext) -> Settled:
    """The work of an evaluation; done twice, it is done once."""
    from crfs.workflows.rule_evaluation import evaluate_rules, question_of_texts

    return Settled(evaluated=evaluate_rules(session, question_of_texts(**specification), progress=job.progress))
