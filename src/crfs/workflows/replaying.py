"""A replay as a user asks for it, its time written as a text."""

from __future__ import annotations

from datetime import datetime

from crfs.workflows.runs import Replay, replay
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.times import parse_question


def replay_run(
    session: Session, run_id: str, *, recorded_as_of: str | datetime | int | None = None, progress: Progress = no_progress
) -> Replay:
    """Compute a run again and compare; a ``recorded_as_of`` that is only a date means its end in UTC."""
    pinned = parse_question(recorded_as_of, what="recorded_as_of") if isinstance(recorded_as_of, str) else recorded_as_of
    return replay(session, run_id, recorded_as_of=pinned, progress=progress)
