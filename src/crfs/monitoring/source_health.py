"""Rules on the health of sources and streams: open circuits, used-up quotas, late streams, answers in quarantine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from crfs.monitoring.alert_states import Condition, Severity

CIRCUIT_OPEN = "source.circuit_open"
QUOTA_USED_UP = "source.quota_used_up"
STREAM_STALE = "stream.stale"
STREAM_FAILING = "stream.failing"
QUARANTINED = "source.quarantined"
RULES = (CIRCUIT_OPEN, QUOTA_USED_UP, STREAM_STALE, STREAM_FAILING, QUARANTINED)
"""The rules of this module: an alert of theirs closes when its condition is seen no more."""

_LONG = timedelta(hours=24)
_FAILURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """What is known of a source; ``held`` counts its answers that are held back in quarantine, ``newest_held`` tells of the last one."""

    source: str
    failures: int = 0
    open_until: datetime | None = None
    parked_until: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    held: int = 0
    newest_held: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """What is known of a stream that is asked regularly; ``stale_since`` is when it became late, for ``stale_reason``."""

    stream: str
    failures: int = 0
    last_success_at: datetime | None = None
    last_error: str | None = None
    stale_since: datetime | None = None
    stale_reason: str | None = None


def conditions(sources: Iterable[SourceHealth], streams: Iterable[StreamHealth], *, now: datetime) -> list[Condition]:
    """What is wrong now, a condition each."""
    found: list[Condition] = []
    for source in sources:
        found += _of_source(source, now)
    for stream in streams:
        found += _of_stream(stream, now)
    return found


def _of_source(source: SourceHealth, now: datetime) -> list[Condition]:
    found = []
    if source.open_until is not None:
        long = source.last_success_at is None or now - source.last_success_at > _LONG
        found.append(
            Condition(
                rule=CIRCUIT_OPEN,
                subject=source.source,
                severity=Severity.CRITICAL if long else Severity.WARNING,
                title=f"{source.source} does not answer: {source.failures} failures in a row",
                evidence=_plain(
                    failures=source.failures, open_until=source.open_until, last_success_at=source.last_success_at, error=source.last_error
                ),
            )
        )
    if source.parked_until is not None and source.parked_until > now:
        found.append(
            Condition(
                rule=QUOTA_USED_UP,
                subject=source.source,
                severity=Severity.INFO,
                title=f"the quota of {source.source} is used up until {source.parked_until:%Y-%m-%d %H:%M}Z",
                evidence=_plain(parked_until=source.parked_until),
            )
        )
    if source.held:
        found.append(
            Condition(
                rule=QUARANTINED,
                subject=source.source,
                severity=Severity.WARNING,
                title=f"{source.held} {'answer' if source.held == 1 else 'answers'} of {source.source} held back in quarantine",
                evidence={"held": source.held, "newest": dict(source.newest_held)},
            )
        )
    return found


def _of_stream(stream: StreamHealth, now: datetime) -> list[Condition]:
    found = []
    if stream.stale_since is not None and stream.stale_since <= now:
        found.append(
            Condition(
                rule=STREAM_STALE,
                subject=stream.stream,
                severity=Severity.WARNING,
                title=f"{stream.stream} is late: its last good value stays, and is marked stale",
                evidence=_plain(
                    last_success_at=stream.last_success_at,
                    stale_since=stream.stale_since,
                    reason=stream.stale_reason,
                    error=stream.last_error,
                ),
            )
        )
    if stream.failures >= _FAILURES:
        found.append(
            Condition(
                rule=STREAM_FAILING,
                subject=stream.stream,
                severity=Severity.WARNING,
                title=f"{stream.stream} has failed {stream.failures} times in a row",
                evidence=_plain(failures=stream.failures, error=stream.last_error),
            )
        )
    return found


def _plain(**evidence: object) -> Mapping[str, object]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in evidence.items() if value is not None}
