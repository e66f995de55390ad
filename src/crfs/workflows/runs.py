"""Runs and replays: a result is computed from a specification and a batch alone, so it can be computed again."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from crfs.errors import NotFound, VerificationFailed
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    from uuid import UUID

    from crfs.store.runs import Run, RunInputs


class RunKind(StrEnum):
    """What a run computes."""

    TRAINING_SET = "training-set"
    MODEL = "model"
    RISK = "risk"
    CONCENTRATION = "concentration"
    CAPITAL = "capital"
    ECL = "ecl"
    STRESS = "stress"
    REVERSE_STRESS = "reverse-stress"
    SENSITIVITY = "sensitivity"
    WHAT_IF = "what-if"
    MARK_TO_MARKET = "mark-to-market"
    ATTRIBUTION = "attribution"
    FACTOR_MODEL = "factor-model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Computation:
    """What a run's function answers: the result's canonical bytes, what it rests on, and what a caller may want besides."""

    result: bytes
    inputs: RunInputs
    facts: Mapping[str, Any]


Compute = Callable[[Session, Mapping[str, Any], int, Progress], Computation]

_COMPUTE = {
    RunKind.TRAINING_SET: "crfs.workflows.training_sets:compute",
    RunKind.MODEL: "crfs.workflows.training:compute",
    RunKind.RISK: "crfs.workflows.portfolio_risk:compute",
    RunKind.CONCENTRATION: "crfs.workflows.portfolio_concentration:compute",
    RunKind.CAPITAL: "crfs.workflows.portfolio_capital:compute",
    RunKind.ECL: "crfs.workflows.portfolio_ecl:compute",
    RunKind.STRESS: "crfs.workflows.portfolio_stress:compute",
    RunKind.REVERSE_STRESS: "crfs.workflows.portfolio_reverse_stress:compute",
    RunKind.SENSITIVITY: "crfs.workflows.portfolio_sensitivity:compute",
    RunKind.WHAT_IF: "crfs.workflows.portfolio_what_if:compute",
    RunKind.MARK_TO_MARKET: "crfs.workflows.portfolio_mark_to_market:compute",
    RunKind.ATTRIBUTION: "crfs.workflows.portfolio_attribution:compute",
    RunKind.FACTOR_MODEL: "crfs.workflows.factor_models:compute",
}


class Verdict(StrEnum):
    """How a replay ended."""

    MATCH = "MATCH"
    ENVIRONMENT_DIFFERS = "ENVIRONMENT DIFFERS"
    MISMATCH = "MISMATCH"
    OTHER_STATE = "OTHER STATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A run computed again: ``largest_difference`` is relative, over all numbers of the two results (None where one is not at hand)."""

    run_id: str
    kind: str
    verdict: Verdict
    sha256: str
    recorded_sha256: str
    batch_id: int
    recorded_as_of: datetime
    largest_difference: float | None
    environment_differences: list[str]
    rebuild: str
    moved: list[dict[str, Any]]
    summary: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "verdict": self.verdict.value,
            "sha256": self.sha256,
            "recorded_sha256": self.recorded_sha256,
            "batch_id": self.batch_id,
            "recorded_as_of": self.recorded_as_of.isoformat(),
            "largest_difference": self.largest_difference,
            "environment_differences": self.environment_differences,
            "rebuild": self.rebuild,
            "moved": self.moved,
            "summary": dict(self.summary),
        }


def compute(session: Session, kind: RunKind, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
    """Compute a result from its specification at a state of the store; nothing is written."""
    module, name = _COMPUTE[kind].split(":")
    return cast(Compute, getattr(import_module(module), name))(session, specification, batch_id, progress)


def describe_run(
    session: Session,
    kind: RunKind,
    specification: Mapping[str, Any],
    computation: Computation,
    *,
    batch_id: int,
    label: str | None,
    job_id: UUID | None,
) -> Run:
    """The record of a computation that was just made."""
    from crfs.ops.environment import environment, environment_digest
    from crfs.store.runs import Run, specification_digest

    surroundings = environment()
    as_of = specification.get("as_of")
    return Run(
        run_id=f"{kind.value}-{uuid4().hex[:20]}",
        kind=kind.value,
        label=label,
        specification=specification,
        specification_sha256=specification_digest(specification),
        as_of=datetime.fromisoformat(as_of) if as_of else None,
        batch_id=batch_id,
        recorded_as_of=session.pin(batch_id).recorded_at,
        environment=surroundings,
        environment_digest=environment_digest(surroundings),
        result_sha256=hashlib.sha256(computation.result).hexdigest(),
        job_id=job_id,
        actor=session.database.actor,
        created_at=session.clock.now(),
    )


def execute(
    session: Session,
    kind: RunKind,
    specification: Mapping[str, Any],
    *,
    label: str | None = None,
    recorded_as_of: datetime | int | None = None,
    job_id: UUID | None = None,
    progress: Progress = no_progress,
) -> tuple[Run, Computation]:
    """Compute a result at the head (or as recorded then), and keep it with what it rests on."""
    from crfs.store.runs import keep_run

    batch_id = session.pin(recorded_as_of).batch_id
    computation = compute(session, kind, specification, batch_id, progress)
    run = describe_run(session, kind, specification, computation, batch_id=batch_id, label=label, job_id=job_id)
    with session.database.writing() as connection:
        keep_run(connection, run, computation.result, computation.inputs, tenant_id=session.database.tenant_id)
    return run, computation


def run_result(session: Session, run_id: str) -> tuple[Run, bytes]:
    """A run and the bytes of its result; where those are gone or damaged, they are computed again and must have the recorded hash."""
    from crfs.store.artefacts import artefact, keep_artefact
    from crfs.store.runs import run as find

    run = find(session.database, run_id)
    try:
        return run, artefact(session.database, run.result_sha256)
    except NotFound:
        state = "gone"
    except VerificationFailed:
        state = "damaged"
    result = compute(session, RunKind(run.kind), run.specification, run.batch_id, no_progress).result
    if hashlib.sha256(result).hexdigest() != run.result_sha256:
        raise VerificationFailed(
            f"the result of {run.run_id} is {state}, and computing it again gives other bytes; crfs replay {run.run_id} says why"
        )
    with session.database.writing() as connection:
        keep_artefact(connection, result)
    return run, result


def replay(session: Session, run_id: str, *, recorded_as_of: datetime | int | None = None, progress: Progress = no_progress) -> Replay:
    """Compute a run again from its specification and compare the bytes.

    The same bytes are kept again where the stored ones are gone or damaged. ``recorded_as_of`` asks what the same specification gives at
    another state of the store: then the answer tells which datasets moved.
    """
    from crfs.ops.environment import differences, environment, environment_digest, rebuild_hint
    from crfs.store.artefacts import artefact, keep_artefact
    from crfs.store.runs import run as find

    run = find(session.database, run_id)
    pin = session.pin(run.batch_id if recorded_as_of is None else recorded_as_of)
    computation = compute(session, RunKind(run.kind), run.specification, pin.batch_id, progress)
    sha256 = hashlib.sha256(computation.result).hexdigest()
    now = environment()
    same_environment = environment_digest(now) == run.environment_digest
    try:
        before: bytes | None = artefact(session.database, run.result_sha256)
    except (NotFound, VerificationFailed):
        before = None
    if sha256 == run.result_sha256 and before is None:
        with session.database.writing() as connection:
            keep_artefact(connection, computation.result)
    verdict = Verdict.MATCH if sha256 == run.result_sha256 else Verdict.MISMATCH
    if pin.batch_id != run.batch_id:
        verdict = Verdict.OTHER_STATE
    elif not same_environment:
        verdict = Verdict.ENVIRONMENT_DIFFERS
    return Replay(
        run_id=run.run_id,
        kind=run.kind,
        verdict=verdict,
        sha256=sha256,
        recorded_sha256=run.result_sha256,
        batch_id=pin.batch_id,
        recorded_as_of=pin.recorded_at,
        largest_difference=0.0 if sha256 == run.result_sha256 else _largest_difference(before, computation.result),
        environment_differences=[] if same_environment else differences(run.environment, now),
        rebuild="" if same_environment else rebuild_hint(run.environment, now),
        moved=[] if pin.batch_id == run.batch_id else _moved(session, run, computation),
        summary=computation.facts.get("summary", {}),
    )


def _moved(session: Session, run: Run, computation: Computation) -> list[dict[str, Any]]:
    """Batches that the run rests on now and did not then, or the other way round, by dataset."""
    from crfs.store.lineage import lineage

    then: dict[str, set[int]] = {}
    for node in lineage(session.database, run.run_id).batches:
        if node.run_id == run.run_id:
            then.setdefault(node.dataset, set()).add(node.batch_id)
    now = {dataset: set(batches) for dataset, batches in computation.inputs.batches.items()}
    moved = []
    for dataset in sorted(then.keys() | now.keys()):
        before, after = then.get(dataset, set()), now.get(dataset, set())
        if before != after:
            moved.append({"dataset": dataset, "new_batches": sorted(after - before), "gone_batches": sorted(before - after)})
    return moved


def _largest_difference(before: bytes | None, after: bytes) -> float | None:
    """The largest relative difference between the numbers of two JSON results; infinite where their shapes differ."""
    if before is None:
        return None
    try:
        return _difference(json.loads(before), json.loads(after))
    except ValueError:
        return None


def _difference(a: Any, b: Any) -> float:
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return 0.0 if a == b else math.inf
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return math.inf
        return max((_difference(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return math.inf
        return max((_difference(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return 0.0 if a == b else abs(a - b) / max(abs(a), abs(b))
    return math.inf
