"""Runs as documents: what was asked, what came out, and the words that compute it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from crfs.errors import NotFound
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.store.runs import Run


def run_document(session: Session, run_id: str) -> dict[str, Any]:
    """What is recorded of a run, without its result."""
    from crfs.store.runs import run as find

    return _document(find(session.database, run_id))


def list_runs(session: Session, *, kind: str | None = None, label: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest runs first, without specification and environment."""
    from crfs.store.runs import runs

    left_out = {"specification", "environment"}
    return [
        {name: value for name, value in _document(run).items() if name not in left_out}
        for run in runs(session.database, kind=kind, label=label, limit=limit)
    ]


def book_run(session: Session, run_id: str, *, kind: RunKind) -> dict[str, Any]:
    """The answer of a run about a book; where its bytes are gone it is computed again, and must come out the same."""
    from crfs.workflows.book_runs import run_answer
    from crfs.workflows.runs import run_result

    run, result = run_result(session, _of_kind(session, run_id, kind.value))
    return {
        **run_answer(run, json.loads(result)),
        "label": run.label,
        "created_at": run.created_at.isoformat(),
        "replay": replay_command(run.run_id),
    }


def risk_run(session: Session, run_id: str) -> dict[str, Any]:
    """The answer of a risk run."""
    return book_run(session, run_id, kind=RunKind.RISK)


def newest_risk_run(session: Session, *, label: str | None = None, recorded_as_of: str | int | None = None) -> str | None:
    """The id of the newest risk run (of a label) that this store had at ``recorded_as_of``, None where there was none."""
    from crfs.workflows.observations import recorded_state

    found = list_runs(session, kind="risk", label=label, limit=1 if recorded_as_of is None else 1000)
    if recorded_as_of is not None:
        state = recorded_state(recorded_as_of)
        if isinstance(state, int):
            found = [run for run in found if run["batch_id"] <= state]
        elif state is not None:
            found = [run for run in found if run["created_at"] <= state]
    return str(found[0]["run_id"]) if found else None


def runs_beside(session: Session, run: Mapping[str, Any], kinds: Iterable[str]) -> list[dict[str, Any]]:
    """The newest other runs of ``kinds``, one each, under a run's label, about its date and its state of the store: of the same book."""
    if run["label"] is None:
        return []
    found = []
    for kind in kinds:
        others = list_runs(session, kind=kind, label=run["label"], limit=20)
        found += [other for other in others if other["batch_id"] == run["batch_id"] and other["as_of"] == run["as_of"]][:1]
    return found


def replay_command(run_id: str) -> str:
    """What to type to compute a run again."""
    return f"crfs replay {run_id}"


def _of_kind(session: Session, run_id: str, kind: str) -> str:
    from crfs.store.runs import run as find

    run = find(session.database, run_id)
    if run.kind != kind:
        raise NotFound(f"{run.run_id} is no {kind} run but a {run.kind} run")
    return run.run_id


def _document(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "label": run.label,
        "specification": dict(run.specification),
        "specification_sha256": run.specification_sha256,
        "as_of": run.as_of,
        "batch_id": run.batch_id,
        "recorded_as_of": run.recorded_as_of,
        "environment": dict(run.environment),
        "environment_digest": run.environment_digest,
        "result_sha256": run.result_sha256,
        "job_id": None if run.job_id is None else str(run.job_id),
        "actor": run.actor,
        "created_at": run.created_at,
        "replay": replay_command(run.run_id),
    }
