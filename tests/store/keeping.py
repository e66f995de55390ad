"""Payloads and runs for the store's tests."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime

from crfs.store.database import Database
from crfs.store.payloads import FetchNote, land
from crfs.store.runs import Run, RunInputs, keep_run
from tests.store.deliveries import NOW

_NUMBERS = itertools.count(1)


def landed(database: Database, body: bytes, *, url: str = "https://example.org/series", fetched_at: datetime = NOW) -> str:
    note = FetchNote(
        source="fred",
        stream="GDP",
        url=url,
        status=200,
        headers={"content-type": "application/json"},
        classification="OK",
        parser_version="1",
        started_at=NOW,
        fetched_at=fetched_at,
    )
    return land(database, body, note)


def described(result: bytes, *, batch_id: int = 0) -> Run:
    return Run(
        run_id=f"risk-{next(_NUMBERS):06d}",
        kind="risk",
        label=None,
        specification={"seed": 1},
        specification_sha256="0" * 64,
        as_of=None,
        batch_id=batch_id,
        recorded_as_of=NOW,
        environment={"python": "3.11"},
        environment_digest="0" * 64,
        result_sha256=hashlib.sha256(result).hexdigest(),
        job_id=None,
        actor="tester",
        created_at=NOW,
    )


def kept(
    database: Database,
    result: bytes = b"{}",
    *,
    batches: Mapping[str, Sequence[int]] | None = None,
    runs: Sequence[str] = (),
    payloads: Sequence[str] = (),
    batch_id: int | None = None,
) -> str:
    """A run that rests on these, at the last of the batches unless one is named; its id."""
    run = described(result, batch_id=batch_id or max([0, *(batch for of in (batches or {}).values() for batch in of)]))
    with database.writing() as connection:
        inputs = RunInputs(batches=batches or {}, runs=runs, payloads=payloads)
        keep_run(connection, run, result, inputs, tenant_id=database.tenant_id)
    return run.run_id
