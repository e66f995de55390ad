"""Runs: what was computed, from which specification, at which state of the store, resting on which inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from crfs.credit.texts import text_fault
from crfs.errors import NotFound, VerificationFailed
from crfs.store.artefacts import keep_artefact
from crfs.store.database import Database
from crfs.store.digests import keep_run_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """What a run rests on: batches by dataset, other runs, payloads and artefacts by hash."""

    batches: Mapping[str, Sequence[int]]
    runs: Sequence[str] = ()
    payloads: Sequence[str] = ()
    artefacts: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One computed result; the specification and the batch suffice to compute it again."""

    run_id: str
    kind: str
    label: str | None
    specification: Mapping[str, Any]
    specification_sha256: str
    as_of: datetime | None
    batch_id: int
    recorded_as_of: datetime
    environment: Mapping[str, Any]
    environment_digest: str
    result_sha256: str
    job_id: UUID | None
    actor: str
    created_at: datetime


_COLUMNS = (
    "run_id, kind, label, specification, specification_sha256, as_of, batch_id, recorded_as_of, environment, environment_digest, "
    "result_sha256, job_id, actor, created_at"
)


def specification_digest(specification: Mapping[str, Any]) -> str:
    """SHA-256 of a specification's canonical JSON."""
    return hashlib.sha256(json.dumps(specification, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def keep_run(connection: sa.Connection, run: Run, result: bytes, inputs: RunInputs, *, tenant_id: int) -> None:
    """Keep a run, its result's bytes and what it rests on, on an open transaction."""
    if keep_artefact(connection, result) != run.result_sha256:
        raise VerificationFailed(f"run {run.run_id} says that its result has the hash {run.result_sha256}, but its bytes have another one")
    connection.execute(
        sa.text(
            f"INSERT INTO crfs.run ({_COLUMNS}, tenant_id) VALUES (:run_id, :kind, :label, CAST(:specification AS jsonb), "
            ":specification_sha256, :as_of, :batch_id, :recorded_as_of, CAST(:environment AS jsonb), :environment_digest, :result_sha256, "
            ":job_id, :actor, :created_at, :tenant_id)"
        ),
        {
            **{name: getattr(run, name) for name in Run.__dataclass_fields__},
            "specification": json.dumps(run.specification),
            "environment": json.dumps(run.environment),
            "tenant_id": tenant_id,
        },
    )
    rows = [("batch", str(batch), dataset) for dataset, batches in inputs.batches.items() for batch in batches]
    rows += [("run", reference, "") for reference in inputs.runs]
    rows += [("payload", reference, "") for reference in inputs.payloads]
    rows += [("artefact", reference, "") for reference in inputs.artefacts]
    if rows:
        connection.execute(
            sa.text(
                "INSERT INTO crfs.run_input (run_id, kind, reference, dataset, tenant_id) "
                "VALUES (:run_id, :kind, :reference, :dataset, :tenant_id)"
            ),
            [
                {"run_id": run.run_id, "kind": kind, "reference": reference, "dataset": dataset, "tenant_id": tenant_id}
                for kind, reference, dataset in sorted(set(rows))
            ],
        )
    keep_run_digest(connection, run.run_id, tenant_id=tenant_id)


def run(database: Database, run_id: str) -> Run:
    """The run of that id; an unambiguous beginning of it will do."""
    with database.reading() as connection:
        beginning = sa.text(f"SELECT {_COLUMNS} FROM crfs.run WHERE starts_with(run_id, :run_id) ORDER BY run_id LIMIT 2")
        found = connection.execute(beginning, {"run_id": run_id}).all() if text_fault(run_id) is None else []
    exact = [row for row in found if row.run_id == run_id] or found
    if not run_id or len(exact) != 1:
        what = "more than one run begins with" if len(exact) > 1 else "no run is called"
        raise NotFound(f"{what} {run_id!r}; crfs status lists the newest runs")
    return Run(**exact[0]._mapping)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRun:
    """A run about a book that was loaded under a name, without its result and specification.

    ``about`` is the time that it is about: that which was asked about, else when it was done. Two runs with the same ``settings`` differ at
    most in their book and in what was left out.
    """

    run_id: str
    book: str
    about: datetime
    created_at: datetime
    settings: str


def book_runs(database: Database, kind: str, *, until: datetime, apart_from: Sequence[str]) -> list[BookRun]:
    """Every run of a kind about a loaded book up to ``until``, in the order in which they were done.

    ``settings`` is a digest of the specification without the book and the keys ``apart_from``; of the models that filled blanks it has the names.
    Specifications stay in the database: those of years of runs are too much to fetch.
    """
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                "SELECT run_id, specification #>> '{book,name}' AS book, coalesce(as_of, created_at) AS about, created_at, "
                "md5(CAST(jsonb_build_array(specification - CAST(:apart AS text[]), (SELECT jsonb_agg(name ORDER BY name) FROM jsonb_object_keys("
                "CASE jsonb_typeof(specification -> 'models') WHEN 'object' THEN specification -> 'models' ELSE '{}' END) AS name)) AS text)) "
                "AS settings FROM crfs.run WHERE kind = :kind AND specification #>> '{book,name}' IS NOT NULL "
                "AND coalesce(as_of, created_at) <= :until ORDER BY created_at, run_id"
            ),
            {"kind": kind, "until": until, "apart": ["book", "models", *apart_from]},
        ).all()
    return [BookRun(**row._mapping) for row in found]


def runs(database: Database, *, kind: str | None = None, label: str | None = None, limit: int = 50) -> list[Run]:
    """The newest runs first."""
    with database.reading() as connection:
        found = connection.execute(
            sa.text(
                f"SELECT {_COLUMNS} FROM crfs.run WHERE (CAST(:kind AS text) IS NULL OR kind = :kind) "
                "AND (CAST(:label AS text) IS NULL OR label = :label) ORDER BY created_at DESC, run_id DESC LIMIT :limit"
            ),
            {"kind": kind, "label": label, "limit": limit},
        ).all()
    return [Run(**row._mapping) for row in found]
