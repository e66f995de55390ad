"""The model registry: versions are appended, and which version is champion is an act of its own, on the system clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crfs.credit.texts import text_fault
from crfs.errors import InvalidInput, NotFound
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote, publication
from crfs.store.runs import Run, RunInputs, keep_run

_ROLES = ("champion", "challenger", "retired")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A fitted model: its file is the artefact of its run's result; ``card`` says what it is good for."""

    model: str
    version: int
    kind: str
    batch_id: int
    run_id: str
    artefact_sha256: str
    card: Mapping[str, Any]
    actor: str
    role: str | None


def register(
    database: Database, *, model: str, kind: str, run: Run, artefact: bytes, card: Mapping[str, Any], inputs: RunInputs
) -> ModelVersion:
    """Keep a fitted model as the next version of ``model``, with the run that made it, in one batch."""
    with publication(database, BatchNote(kind=BatchKind.REGISTER, at=run.created_at, source=f"model:{model}")) as batch:
        keep_run(batch.connection, run, artefact, inputs, tenant_id=database.tenant_id)
        version: int = batch.connection.execute(
            sa.text(
                "INSERT INTO crfs.model_version (model, version, kind, batch_id, run_id, artefact_sha256, card, actor, tenant_id) "
                "SELECT CAST(:model AS text), coalesce(max(version), 0) + 1, :kind, :batch_id, :run_id, :artefact_sha256, CAST(:card AS jsonb), "
                ":actor, :tenant_id FROM crfs.model_version WHERE model = :model RETURNING version"
            ),
            {
                "model": model,
                "kind": kind,
                "batch_id": batch.batch_id,
                "run_id": run.run_id,
                "artefact_sha256": run.result_sha256,
                "card": json.dumps(card),
                "actor": database.actor,
                "tenant_id": database.tenant_id,
            },
        ).scalar_one()
    return model_version(database, model, version)


def promote(database: Database, model: str, version: int, *, reason: str, at: datetime, role: str = "champion") -> None:
    """Give a version a role; the champion before it stays in the record."""
    if not reason.strip():
        raise InvalidInput("a promotion says why: give a reason")
    if role not in _ROLES:
        raise InvalidInput(f"role = {role!r}; a version is {', '.join(_ROLES)}")
    model_version(database, model, version)
    with publication(database, BatchNote(kind=BatchKind.PROMOTE, at=at, source=f"model:{model}")) as batch:
        batch.connection.execute(
            sa.text(
                "INSERT INTO crfs.promotion (model, version, batch_id, role, reason, actor, tenant_id) "
                "VALUES (:model, :version, :batch_id, :role, :reason, :actor, :tenant_id)"
            ),
            {
                "model": model,
                "version": version,
                "batch_id": batch.batch_id,
                "role": role,
                "reason": reason,
                "actor": database.actor,
                "tenant_id": database.tenant_id,
            },
        )


# A version has the role of its last promotion; a champion loses it when another version becomes champion.
_VERSIONS = (
    "SELECT v.model, v.version, v.kind, v.batch_id, v.run_id, v.artefact_sha256, v.card, v.actor, c.role "
    "FROM crfs.model_version AS v LEFT JOIN LATERAL (SELECT CASE WHEN p.role <> 'champion' OR NOT EXISTS (SELECT 1 FROM crfs.promotion AS q "
    "WHERE q.model = p.model AND q.role = 'champion' AND q.version <> p.version AND q.batch_id > p.batch_id AND q.batch_id <= :batch_id) "
    "THEN p.role END AS role FROM crfs.promotion AS p WHERE p.model = v.model AND p.version = v.version AND p.batch_id <= :batch_id "
    "ORDER BY p.batch_id DESC LIMIT 1) AS c ON true WHERE v.batch_id <= :batch_id"
)
_LAST = 2**62


def model_version(database: Database, model: str, version: int | None = None, *, batch_id: int = _LAST) -> ModelVersion:
    """A version of a model, or its newest one, as the registry was at a batch."""
    found = [one for one in model_versions(database, batch_id=batch_id, model=model) if version in {None, one.version}]
    if not found:
        what = f"model {model!r}" if version is None else f"version {version} of model {model!r}"
        raise NotFound(f"there is no {what}; crfs models list shows what is registered")
    return found[0]


def champion(database: Database, model: str, *, batch_id: int = _LAST) -> ModelVersion:
    """The champion of a model, as the registry was at a batch."""
    for version in model_versions(database, batch_id=batch_id, model=model):
        if version.role == "champion":
            return version
    raise NotFound(f"model {model!r} has no champion; crfs models promote {model} VERSION makes one")


def model_versions(database: Database, *, batch_id: int = _LAST, model: str | None = None) -> list[ModelVersion]:
    """Every version, by model, the newest first; none of a model whose name no text can be."""
    if model is not None and text_fault(model) is not None:
        return []
    with database.reading() as connection:
        found = connection.execute(
            sa.text(f"{_VERSIONS} AND (CAST(:model AS text) IS NULL OR v.model = :model) ORDER BY v.model, v.version DESC"),
            {"batch_id": batch_id, "model": model},
        ).all()
    return [ModelVersion(**row._mapping) for row in found]
