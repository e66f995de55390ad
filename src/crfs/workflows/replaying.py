"""A replay as a user asks for it, its time written as a text."""

from __future__ import annotations

from datetime import date

from crfs.workflows.observations import recorded_state
from crfs.workflows.runs import Replay, replay
from crfs.workflows.session import Progress, Session, no_progress


def replay_run(
    session: Session, run_id: str, *, recorded_as_of: str | date | int | None = None, progress: Progress = no_progress
) -> Replay:
    """Compute a run again and compare; a ``recorded_as_of`` that is only a date means its end in UTC."""
    return replay(session, run_id, recorded_as_of=recorded_state(recorded_as_of), progress=progress)
