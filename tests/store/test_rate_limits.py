"""Limits in the store: what any number of processes ask together never exceeds what a provider allows."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crfs.errors import QuotaExhausted
from crfs.sources.core.budget import Budget, LocalBudget
from crfs.store.database import Database
from crfs.store.rate_limits import StoredBudget
from tests.sources.provider_server import GOOD, ProviderServer, provider_server, reply

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
PROGRAM = Path(__file__).with_name("asker.py")


def take(budget: Budget, source: str = "x", **given: Any) -> float:
    plain = {"spacing": 0.0, "a_day": None, "for_backfills": None, "zone": "UTC", "backfill": False, "patience": 300.0}
    return budget.take(source, **{**plain, **given})


class Clock:
    """A clock that is turned by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.now.timestamp()

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(params=["stored", "local"])
def budgets(request: pytest.FixtureRequest) -> Callable[[Clock], Budget]:
    """Both kinds of budget keep the same rules; two stored ones on one database are two machines."""
    if request.param == "local":
        return lambda clock: LocalBudget(now=clock, monotonic=clock.monotonic)
    database: Database = request.getfixturevalue("module_database")
    with database.writing() as connection:
        connection.execute(
            sa.text("UPDATE crfs.rate_limit SET next_at = '1970-01-01', quota_day = '1970-01-01', used = 0, used_by_backfills = 0")
        )
    return lambda clock: StoredBudget(database, now=clock)


def test_slots_lie_apart_and_a_pause_gives_no_burst(budgets: Callable[[Clock], Budget]) -> None:
    clock = Clock()
    budget = budgets(clock)
    assert [take(budget, spacing=0.5) for _ in range(3)] == pytest.approx([0.0, 0.5, 1.0])
    clock.on(60)
    assert [take(budget, spacing=0.5) for _ in range(3)] == pytest.approx([0.0, 0.5, 1.0])
    assert take(budget, "y", spacing=0.5) == 0.0


def test_a_slot_beyond_all_patience_is_not_taken(budgets: Callable[[Clock], Budget]) -> None:
    clock = Clock()
    budget = budgets(clock)
    assert [take(budget, spacing=10.0, patience=15.0) for _ in range(2)] == pytest.approx([0.0, 10.0])
    for _ in range(3):
        with pytest.raises(QuotaExhausted) as caught:
            take(budget, spacing=10.0, patience=15.0)
        assert caught.value.until == NOON + timedelta(seconds=20)
    clock.on(6)
    assert take(budget, spacing=10.0, patience=15.0) == pytest.approx(14.0)


def test_what_a_provider_says_holds_for_everybody_until_then(budgets: Callable[[Clock], Budget]) -> None:
    clock = Clock()
    budget = budgets(clock)
    budget.hold("never asked", 100.0)
    assert take(budget, "never asked") == pytest.approx(100.0)
    take(budget, spacing=1.0)
    budget.hold("x", 4000.0)
    budget.hold("x", 20.0)
    with pytest.raises(QuotaExhausted) as caught:
        take(budget)
    assert caught.value.until == NOON + timedelta(seconds=4000)
    clock.on(4000)
    assert take(budget) == 0.0


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("UTC", datetime(2026, 3, 9, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 3, 9, 4, tzinfo=UTC)),  # a day of 23 hours
        ("Asia/Tokyo", datetime(2026, 3, 8, 15, tzinfo=UTC)),
    ],
)
def test_the_day_count_starts_anew_at_midnight_of_the_zone(budgets: Callable[[Clock], Budget], zone: str, midnight: datetime) -> None:
    clock = Clock()
    budget = budgets(clock)
    for _ in range(3):
        take(budget, a_day=3, zone=zone)
    clock.now = midnight - timedelta(seconds=1)
    for _ in range(2):
        with pytest.raises(QuotaExhausted, match="the day's 3 requests are used up") as caught:
            take(budget, a_day=3, zone=zone)
        assert caught.value.until == midnight
    clock.now = midnight
    for _ in range(3):
        take(budget, a_day=3, zone=zone)
    with pytest.raises(QuotaExhausted):
        take(budget, a_day=3, zone=zone)


@pytest.mark.parametrize(("share", "taken"), [(0, 0), (2, 2), (9, 5)])
def test_backfills_take_their_share_and_leave_the_rest(budgets: Callable[[Clock], Budget], share: int, taken: int) -> None:
    budget = budgets(Clock())
    for _ in range(taken):
        take(budget, a_day=5, for_backfills=share, backfill=True)
    with pytest.raises(QuotaExhausted, match="backfills may use" if share < 5 else "the day's 5 requests"):
        take(budget, a_day=5, for_backfills=share, backfill=True)
    for _ in range(5 - taken):
        take(budget, a_day=5, for_backfills=share)
    with pytest.raises(QuotaExhausted, match="the day's 5 requests"):
        take(budget, a_day=5, for_backfills=share)


def test_a_slot_that_is_not_counted_leaves_the_count(budgets: Callable[[Clock], Budget]) -> None:
    budget = budgets(Clock())
    take(budget, a_day=2)
    for _ in range(5):
        take(budget)
    take(budget, a_day=2)
    with pytest.raises(QuotaExhausted):
        take(budget, a_day=2)


def test_the_servers_own_clock_counts(module_database: Database) -> None:
    budget = StoredBudget(module_database)
    assert take(budget, "own clock", spacing=0.3) == 0.0
    before = time.monotonic()
    wait = take(budget, "own clock", spacing=0.3)
    assert 0.3 - (time.monotonic() - before) - 0.1 < wait <= 0.3
    time.sleep(wait)
    assert take(budget, "own clock", spacing=0.3) < 0.3


def test_nobody_waits_with_a_lock_in_his_hand(module_database: Database) -> None:
    """While one process sleeps until its slot, others take theirs."""
    budget = StoredBudget(module_database)
    take(budget, "slow", spacing=200.0)
    assert take(budget, "slow", spacing=0.0) > 190
    assert take(budget, "slow", spacing=0.0) > 190
    with module_database.reading() as connection:
        held = connection.execute(sa.text("SELECT count(*) FROM pg_locks WHERE relation = 'crfs.rate_limit'::regclass")).scalar()
    assert held == 0


def test_threads_of_many_get_a_slot_each(module_database: Database) -> None:
    clock = Clock()
    budget, waits = StoredBudget(module_database, now=clock), list[float]()
    threads = [
        threading.Thread(target=lambda: waits.extend(take(budget, "many", spacing=1.0, patience=1e6, a_day=100) for _ in range(12)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([float(turn) for turn in range(96)])
    with module_database.reading() as connection:
        assert connection.execute(sa.text("SELECT used FROM crfs.rate_limit WHERE source = 'many'")).scalar() == 96


def test_the_application_may_do_all_that(own_database: Database) -> None:
    """A fresh store: the first question of a source makes its row, for whatever tenant."""
    budget = StoredBudget(own_database)
    take(budget, "new", spacing=1.0, a_day=10, for_backfills=5, backfill=True)
    with own_database.reading() as connection:
        row = connection.execute(sa.text("SELECT used, used_by_backfills FROM crfs.rate_limit WHERE source = 'new'")).one()
    assert tuple(row) == (1, 1)


def together(database: Database, server: ProviderServer, *, processes: int, rate: int, a_day: int = 0, seconds: float) -> list[int]:
    """Let so many processes ask at once; how often each did."""
    store = database.url.render_as_string(hide_password=False)
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    children = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), store, server.address, str(rate), str(a_day), str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        for _ in range(processes)
    ]
    said = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0] * processes, said
    return [int(out) for out, _ in said]


def test_two_processes_keep_a_limit_together_as_the_server_counts_it(own_database: Database) -> None:
    """At most 20 in any second, and not many fewer; each process gets its share."""
    with provider_server(reply(200, GOOD)) as server:
        asked = together(own_database, server, processes=2, rate=20, seconds=3.0)
        lasted = server.asked[-1].at - server.asked[0].at
    assert sum(asked) == len(server.asked)
    assert server.most_in(1.0) <= 20
    assert len(server.asked) > 0.6 * 20 * lasted
    assert min(asked) > 0.2 * sum(asked)


def test_processes_share_the_count_of_a_day(own_database: Database) -> None:
    with provider_server(reply(200, GOOD)) as server:
        asked = together(own_database, server, processes=2, rate=200, a_day=40, seconds=5.0)
    assert sum(asked) == len(server.asked) == 40
