"""When the next request to a provider may go: limits as spacing and as a day's count, and the budget that hands out the slots."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Protocol
from zoneinfo import ZoneInfo

from crfs.errors import QuotaExhausted
from crfs.sources.core.contract import Limit

DAY_SECONDS = 86_400.0
JITTER_SECONDS = 0.25
"""How much later one request may arrive than another that left in its turn. What takes longer (names, connections, handshakes) is done before a
slot is taken (:mod:`crfs.sources.core.turns`)."""


class Budget(Protocol):
    """Hands out slots of a source's limits to everybody who shares it. Its arguments are plain, so that the store can be one."""

    def take(
        self, source: str, *, spacing: float, a_day: int | None, for_backfills: int | None, zone: str, backfill: bool, patience: float
    ) -> float:
        """Take the next slot; the seconds until it comes.

        Slots lie ``spacing`` seconds apart. At most ``a_day`` are given between two midnights of ``zone`` (None: no count is kept), of
        which backfills get at most ``for_backfills``. Nothing is taken, and :class:`~crfs.errors.QuotaExhausted` says until when, where the
        day's count is used up or the slot would come later than in ``patience`` seconds.
        """
        ...

    def hold(self, source: str, seconds: float) -> None:
        """Give no slot that comes sooner than in ``seconds``: the provider said so."""
        ...


def spacing(limits: Iterable[Limit]) -> float:
    """Seconds between two requests so that a provider never counts more than its limits shorter than a day allow.

    Requests leave ``s`` apart and each arrives up to ``JITTER_SECONDS`` (j) later than it left. The first and the last of n + 1 arrivals
    are then at least n s - j apart, so n s >= seconds + j keeps every window of ``seconds`` to n of them.

    >>> spacing([Limit(2, 1.0)])
    0.625
    >>> spacing([Limit(25, 86_400)])
    0.0
    """
    return max(((limit.seconds + JITTER_SECONDS) / limit.requests for limit in limits if limit.seconds < DAY_SECONDS), default=0.0)


def a_day(limits: Iterable[Limit]) -> int | None:
    """Requests a day by the limits of a day or longer; None where there is none.

    >>> a_day([Limit(5, 60.0), Limit(25, 86_400)])
    25
    """
    counts = [max(1, math.floor(limit.requests * DAY_SECONDS / limit.seconds)) for limit in limits if limit.seconds >= DAY_SECONDS]
    return min(counts, default=None)


def next_midnight(now: datetime, zone: str) -> datetime:
    """The next midnight of a zone, in UTC.

    >>> next_midnight(datetime(2026, 3, 8, 4, 0, tzinfo=UTC), "America/New_York").isoformat()
    '2026-03-08T05:00:00+00:00'
    """
    local = now.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date() + timedelta(days=1), time_of_day(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


@dataclass(slots=True)
class _State:
    next_at: float
    day: date | None = None
    used: int = 0
    used_by_backfills: int = 0


class LocalBudget:
    """The budget of one process, for those who have no store. Safe between threads; ``monotonic`` spaces, ``now`` tells the day."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._monotonic, self._now = monotonic, now
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def take(
        self, source: str, *, spacing: float, a_day: int | None, for_backfills: int | None, zone: str, backfill: bool, patience: float
    ) -> float:
        """Take the next slot; see :meth:`Budget.take`."""
        with self._lock:
            moment, now = self._monotonic(), self._now()
            state = self._states.setdefault(source, _State(moment))
            today = now.astimezone(ZoneInfo(zone)).date()
            if state.day != today:
                state.day, state.used, state.used_by_backfills = today, 0, 0
            if a_day is not None:
                share_is_used = backfill and for_backfills is not None and state.used_by_backfills >= for_backfills
                if state.used >= a_day or share_is_used:
                    share = for_backfills if state.used < a_day else None
                    raise QuotaExhausted.of_the_day(source, a_day=a_day, share=share, until=next_midnight(now, zone))
            wait = max(0.0, state.next_at - moment)
            if wait > patience:
                raise QuotaExhausted.held(source, until=now + timedelta(seconds=wait))
            state.next_at = max(state.next_at, moment) + spacing
            if a_day is not None:
                state.used += 1
                state.used_by_backfills += backfill
            return wait

    def hold(self, source: str, seconds: float) -> None:
        """Give no slot that comes sooner than in ``seconds``."""
        with self._lock:
            moment = self._monotonic()
            state = self._states.setdefault(source, _State(moment))
            state.next_at = max(state.next_at, moment + seconds)


OF_THIS_PROCESS = LocalBudget()
"""What every transport of the process shares that is given no other budget."""
