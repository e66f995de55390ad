"""Work whose lease was lost: it learns of it at its next step, not a second later."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

import crfs.store.jobs as ledger
from crfs.errors import DoneElsewhere
from crfs.store.publication import Fence
from crfs.workflows import jobs
from crfs.workflows.jobs import JobContext


def test_what_the_beat_has_learnt_stops_the_work_at_its_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    beaten = threading.Event()

    def heartbeat(*_: Any, **__: Any) -> bool:
        beaten.set()
        raise DoneElsewhere("lost")

    monkeypatch.setattr(ledger, "heartbeat", heartbeat)
    monkeypatch.setattr(jobs, "BEAT_SECONDS", 0.01)
    session = SimpleNamespace(database=None, clock=SimpleNamespace(now=lambda: datetime(2026, 3, 5, tzinfo=UTC)))
    context = JobContext(session, Fence(job_id=uuid4(), token=1), lambda *_: None)  # type: ignore[arg-type]
    context.progress("begun", 0, None)
    with context.beating():
        assert beaten.wait(10)
        for thread in threading.enumerate():
            if thread.name == "crfs-lease":
                thread.join(10)
        with pytest.raises(DoneElsewhere, match="lost"):
            context.progress("on", 1, None)
