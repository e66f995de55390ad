"""Lifting what keeps a source from being asked: its circuit, its parking, and the pause that its provider asked for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from crfs.workflows.session import Session


def lift_source(session: Session, source: str) -> dict[str, Any]:
    """Let a source be asked at once, and say what was in the way: of the source, or of its runs and backfills alone.

    A day's requests that our own count says are used up stay so: the count is the provider's limit, not a guess about its health.
    """
    from crfs.sources.core import load_source
    from crfs.store.rate_limits import StoredBudget
    from crfs.store.source_states import lift_source as lift

    name = load_source(source).name
    lifted = lift(session.database, name, at=session.clock.now())
    return {"source": name, "held_until": StoredBudget(session.database).lift(name), **asdict(lifted)}
