"""Whether a factor is stale: the stream that brings it has not come for longer than it may; its last good value stays, and is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.credit.definitions import DatasetDefinition
    from crfs.credit.streams import StreamDefinition
    from crfs.store.source_states import StreamState


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A stream that is late: ``since`` when, when it came last, and what went wrong the last time it was asked (None: nothing did)."""

    stream: str
    since: datetime
    last_success_at: datetime
    error: str | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"stream": self.stream, "since": self.since, "last_success_at": self.last_success_at, "error": self.error}

    @property
    def sentence(self) -> str:
        """The mark, in words."""
        why = f": {self.error}" if self.error else ""
        return f"stale since {self.since:%Y-%m-%d %H:%M}Z: {self.stream} came last at {self.last_success_at:%Y-%m-%d %H:%M}Z{why}"


def stale_since(stream: StreamDefinition, state: StreamState | None, now: datetime) -> datetime | None:
    """Since when a stream's last success is longer ago than it allows; None where it is not."""
    if stream.stale_after is None or state is None or state.last_success_at is None:
        return None
    since = stream.stale_after.after(state.last_success_at)
    return since if since < now else None


def staleness(session: Session, dataset: DatasetDefinition, *, entity: str | None, batches: Sequence[int], at: datetime) -> Stale | None:
    """The mark of values of ``dataset`` that came in ``batches``, as things are now; None where they are fresh, were so ``at`` that time, or no
    stream brings them.

    Their streams are those of the source that name ``entity``, else those whose runs brought the batches. While one of them is in time, the
    values are.
    """
    from crfs.store.source_states import stream_states, streams_of_batches

    states, now = stream_states(session.database), session.clock.now()
    own = {key: stream for key, stream in session.streams.items() if stream.source == dataset.source and key in states}
    late = {key: since for key, stream in own.items() if (since := stale_since(stream, states[key], now)) is not None}
    if not late:
        return None
    bringing = [key for key, stream in own.items() if entity is not None and entity in stream.series]
    bringing = bringing or [key for key in streams_of_batches(session.database, batches) if key in own]
    if not bringing or any(key not in late for key in bringing):
        return None
    key = max(bringing, key=lambda name: late[name])
    if late[key] > at:
        return None
    last = states[key].last_success_at
    assert last is not None
    return Stale(stream=key, since=late[key], last_success_at=last, error=states[key].last_error)
