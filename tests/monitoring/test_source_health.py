"""Rules on sources and streams: what is just wrong and what is just right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crfs.monitoring.alert_states import Severity
from crfs.monitoring.source_health import RULES, SourceHealth, StreamHealth, conditions

NOW = datetime(2026, 3, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def rules(*, sources: tuple[SourceHealth, ...] = (), streams: tuple[StreamHealth, ...] = ()) -> list[tuple[str, str, Severity]]:
    found = conditions(sources, streams, now=NOW)
    assert {condition.rule for condition in found} <= set(RULES)
    assert all(condition.evidence for condition in found)
    return [(condition.rule, condition.subject, condition.severity) for condition in found]


def test_health_is_no_condition() -> None:
    assert rules(sources=(SourceHealth(source="fred", failures=2),), streams=(StreamHealth(stream="fred/x", failures=2),)) == []


@pytest.mark.parametrize(
    ("last", "severity"),
    [
        (NOW - timedelta(hours=24), Severity.WARNING),
        (NOW - timedelta(hours=24) - SECOND, Severity.CRITICAL),
        (None, Severity.CRITICAL),
    ],
)
def test_an_open_circuit_is_critical_when_nothing_came_for_a_day(last: datetime | None, severity: Severity) -> None:
    source = SourceHealth(source="fred", failures=3, open_until=NOW - SECOND, last_success_at=last)  # a probe is due: still open
    assert rules(sources=(source,)) == [("source.circuit_open", "fred", severity)]


@pytest.mark.parametrize(("until", "count"), [(NOW, 0), (NOW + SECOND, 1)])
def test_a_quota_is_used_up_until_it_starts_anew(until: datetime, count: int) -> None:
    assert len(rules(sources=(SourceHealth(source="fred", parked_until=until),))) == count


def test_an_answer_that_is_held_is_told_with_what_it_is_held_for() -> None:
    [one] = conditions([SourceHealth(source="fred", held=1, newest_held={"quarantine_id": 7})], [], now=NOW)
    assert (one.title, one.evidence) == ("1 answer of fred held back in quarantine", {"held": 1, "newest": {"quarantine_id": 7}})
    assert rules(sources=(SourceHealth(source="fred", held=0),)) == []


@pytest.mark.parametrize(("since", "count"), [(None, 0), (NOW + SECOND, 0), (NOW, 1)])
def test_a_stream_is_late_from_the_moment_on(since: datetime | None, count: int) -> None:
    assert len(rules(streams=(StreamHealth(stream="fred/x", stale_since=since),))) == count


@pytest.mark.parametrize(("failures", "count"), [(2, 0), (3, 1)])
def test_three_failures_of_a_stream_are_told(failures: int, count: int) -> None:
    assert len(rules(streams=(StreamHealth(stream="fred/x", failures=failures),))) == count
