"""Slots: no server ever counts more than its limits allow, a day has its count, and nobody who asks is forgotten."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import QuotaExhausted
from crfs.sources.core import Limit
from crfs.sources.core.budget import JITTER_SECONDS, LocalBudget, a_day, next_midnight, spacing

LIMITS = st.lists(st.builds(Limit, st.integers(1, 60), st.sampled_from([0.5, 1.0, 5.0, 60.0, 3600.0])), min_size=1, max_size=3)
NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)


class Hands:
    """A budget whose clocks are turned by hand."""

    def __init__(self, *limits: Limit, zone: str = "UTC", share: int | None = None, patience: float = 300.0) -> None:
        self.seconds = 0.0
        self.limits, self.zone, self.share, self.patience = limits, zone, share, patience
        self.budget = LocalBudget(monotonic=lambda: self.seconds, now=lambda: NOW + timedelta(seconds=self.seconds))

    def take(self, *, backfill: bool = False, source: str = "x") -> float:
        return self.budget.take(
            source, spacing=spacing(self.limits), a_day=a_day(self.limits), for_backfills=self.share, zone=self.zone, backfill=backfill,
            patience=self.patience,
        )  # fmt: skip


@given(LIMITS, st.lists(st.tuples(st.floats(0, 30), st.floats(0, JITTER_SECONDS)), min_size=2, max_size=150))
def test_no_window_of_a_server_has_more_requests_than_a_limit_allows(limits: list[Limit], asked: list[tuple[float, float]]) -> None:
    """Whenever requests are asked for, and however late each arrives within the jitter."""
    hands = Hands(*limits, patience=float("inf"))
    arrivals = []
    for pause, late in asked:
        arrivals.append(hands.seconds + hands.take() + late)
        hands.seconds += pause
    arrivals.sort()
    for limit in limits:
        windows = zip(arrivals, arrivals[limit.requests :], strict=False)
        assert all(last - first >= limit.seconds - 1e-6 for first, last in windows), limit


@given(LIMITS)
def test_spacing_wastes_no_more_than_the_jitter(limits: list[Limit]) -> None:
    least = max(limit.seconds / limit.requests for limit in limits)
    assert least < spacing(limits) <= least + JITTER_SECONDS


def test_limits_of_a_day_are_a_count_and_not_a_pace() -> None:
    limits = [Limit(500, 86_400.0), Limit(2000, 4 * 86_400.0), Limit(5, 60.0)]
    assert (a_day(limits), spacing(limits), a_day(limits[2:]), spacing(limits[:2])) == (500, 60.25 / 5, None, 0.0)


def test_who_waits_is_served_in_turn_and_a_pause_gives_no_burst() -> None:
    hands = Hands(Limit(4, 1.0))
    assert [hands.take() for _ in range(3)] == [0.0, 0.3125, 0.625]
    hands.seconds = 100.0
    assert [hands.take() for _ in range(3)] == [0.0, 0.3125, 0.625]


def test_sources_do_not_wait_for_each_other() -> None:
    hands = Hands(Limit(1, 10.0))
    assert [hands.take(source="a"), hands.take(source="b")] == [0.0, 0.0]


def test_a_slot_beyond_all_patience_is_not_taken() -> None:
    hands = Hands(Limit(1, 10.0), patience=15.0)
    assert [hands.take(), hands.take()] == [0.0, 10.25]
    for _ in range(5):
        with pytest.raises(QuotaExhausted, match="asked to be left alone") as caught:
            hands.take()
        assert caught.value.until == NOW + timedelta(seconds=20.5)
    hands.seconds = 6.0
    assert hands.take() == 14.5


def test_what_a_provider_says_holds_until_then() -> None:
    hands = Hands(Limit(1, 10.0))
    hands.budget.hold("x", 100.0)
    hands.budget.hold("x", 50.0)
    assert hands.take() == 100.0
    hands.budget.hold("x", 301.0)
    with pytest.raises(QuotaExhausted):
        hands.take()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_the_day_count_starts_anew_at_midnight_of_the_zone(zone: str) -> None:
    hands = Hands(Limit(3, 86_400.0), zone=zone)
    midnight = next_midnight(NOW, zone)
    for _ in range(3):
        hands.take()
    hands.seconds = (midnight - NOW).total_seconds() - 1
    with pytest.raises(QuotaExhausted, match="the day's 3 requests") as caught:
        hands.take()
    assert caught.value.until == midnight
    hands.seconds += 1
    assert [hands.take() for _ in range(3)] == [0.0] * 3
    with pytest.raises(QuotaExhausted):
        hands.take()


@pytest.mark.parametrize(
    ("now", "zone", "midnight"),
    [
        ("2026-03-08T12:00", "America/New_York", "2026-03-09T04:00"),  # 23 hours
        ("2026-11-01T04:00", "America/New_York", "2026-11-02T05:00"),  # 25 hours
        ("2026-06-30T23:59", "UTC", "2026-07-01T00:00"),
        ("2026-06-30T00:00", "UTC", "2026-07-01T00:00"),
        ("2026-12-31T14:59", "Asia/Tokyo", "2026-12-31T15:00"),
    ],
)
def test_midnight_is_where_the_provider_counts(now: str, zone: str, midnight: str) -> None:
    assert next_midnight(datetime.fromisoformat(now + "+00:00"), zone) == datetime.fromisoformat(midnight + "+00:00")


@pytest.mark.parametrize(("share", "taken"), [(0, 0), (2, 2), (10, 5)])
def test_backfills_take_their_share_and_leave_the_rest(share: int, taken: int) -> None:
    hands = Hands(Limit(5, 86_400.0), share=share)
    for _ in range(taken):
        hands.take(backfill=True)
    with pytest.raises(QuotaExhausted, match="backfills may use" if share < 5 else "the day's 5"):
        hands.take(backfill=True)
    for _ in range(5 - taken):
        hands.take()
    with pytest.raises(QuotaExhausted, match="the day's 5"):
        hands.take()


def test_threads_get_a_slot_each() -> None:
    hands, waits = Hands(Limit(1, 1.0), patience=1e9), list[float]()
    threads = [threading.Thread(target=lambda: waits.extend(hands.take() for _ in range(50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [1.25 * turn for turn in range(400)]
