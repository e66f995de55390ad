"""Whether a factor is stale: the stream that brings it has not come, or brought nothing new, for longer than it may; its last good value stays,
and is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.credit.definitions import DatasetDefinition
    from crfs.credit.streams import StreamDefinition
    from crfs.store.source_states import StreamState


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A stream that is late: ``since`` when and for what ``reason``, when it came last (None: never), and what went wrong the last time it was
    asked (None: nothing did).
    """

    stream: str
    since: datetime
    reason: str
    last_success_at: datetime | None
    error: str | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "stream": self.stream,
            "since": self.since,
            "reason": self.reason,
            "last_success_at": self.last_success_at,
            "error": self.error,
        }

    @property
    def sentence(self) -> str:
        """The mark, in words."""
        why = f": {self.error}" if self.error else ""
        return f"stale since {self.since:%Y-%m-%d %H:%M}Z: {self.stream} {self.reason}{why}"


def lateness(stream: StreamDefinition, state: StreamState | None, now: datetime) -> tuple[datetime, str] | None:
    """Since when a stream is late, and the reason in words; None where it is not, or was never to be asked.

    Three clocks, each of which allows ``stale_after``, and the first that has run out counts:

    - since its last success: the provider does not answer;
    - since the last news, where it is asked at a time of day (a feed that is polled has quiet days): it answers, and nothing comes;
    - since its newest day should have been followed: twice as long after that day, once for the period and its usual lag. So frozen data
      are late too, though they were news to this store.

    One that has never come is late from when it was due first, or was first known to have failed.
    """
    if stream.stale_after is None or state is None:
        return None
    allowed = stream.stale_after
    if state.last_success_at is None:
        begun = min((moment for moment in (state.next_due_at, state.last_run_at) if moment is not None), default=None)
        return None if begun is None or begun >= now else (begun, "has never come")
    found = [(allowed.after(state.last_success_at), f"came last at {state.last_success_at:%Y-%m-%d %H:%M}Z")]
    if stream.every_minutes is None:
        answers = "answers, but " + (f"its newest day is {state.watermark}" if state.watermark else "no day has come")
        if state.last_news_at is not None:
            found.append((allowed.after(state.last_news_at), f"{answers}, and nothing new came after {state.last_news_at:%Y-%m-%d %H:%M}Z"))
        if state.watermark is not None:
            found.append((allowed.after(allowed.after(datetime.combine(state.watermark, time(), UTC))), answers))
    since, reason = min(found, key=lambda late: late[0])
    return (since, reason) if since < now else None


def staleness(session: Session, dataset: DatasetDefinition, *, entity: str | None, batches: Sequence[int], at: datetime) -> Stale | None:
    """The mark of values of ``dataset`` that came in ``batches``, as things are now; None where they are fresh, were so ``at`` that time, or no
    stream brings them.

    Their streams are those of the source that name ``entity``, else those whose runs brought the batches. While one of them is in time, the
    values are.
    """
    from crfs.store.source_states import stream_states, streams_of_batches

    states, now = stream_states(session.database), session.clock.now()
    own = {key: stream for key, stream in session.streams.items() if stream.source == dataset.source and key in states}
    late = {key: found for key, stream in own.items() if (found := lateness(stream, states[key], now)) is not None}
    if not late:
        return None
    bringing = [key for key, stream in own.items() if entity is not None and entity in stream.series]
    bringing = bringing or [key for key in streams_of_batches(session.database, batches) if key in own]
    if not bringing or any(key not in late for key in bringing):
        return None
    key = max(bringing, key=lambda name: late[name][0])
    since, reason = late[key]
    if since > at:
        return None
    return Stale(stream=key, since=since, reason=reason, last_success_at=states[key].last_success_at, error=states[key].last_error)
