"""The clock: the only place that asks what time it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

AGREES = timedelta(seconds=2)
"""Clocks of machines that keep time by a server are closer than this; a store's server and its clients need not be corrected then."""


class Clock(Protocol):
    """Tells the time, in UTC; tests pass one that they set."""

    def now(self) -> datetime:
        """The instant, to the microsecond."""
        ...


class SystemClock:
    """The machine's clock, corrected by that of a store's server where it goes wrong.

    Leases and times of knowledge are compared between machines: one whose clock is a minute ahead would take the jobs of all others, and know
    everything a minute late.
    """

    def __init__(self, machine: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._machine, self._behind = machine, timedelta(0)

    def now(self) -> datetime:
        """The instant, to the microsecond."""
        return self._machine() + self._behind

    def set_by(self, server: Callable[[], datetime]) -> timedelta:
        """Take over the time that a server tells; by how much the machine is behind it, 0 where the two agree (``AGREES``, or the answer's way).

        >>> clock = SystemClock(machine=lambda: datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC))
        >>> clock.set_by(lambda: datetime(2026, 1, 1, tzinfo=UTC)).total_seconds(), clock.now().isoformat()
        (-90.0, '2026-01-01T00:00:00+00:00')
        """
        asked = self._machine()
        told = server()
        took = self._machine() - asked
        behind = told - asked - took / 2
        self._behind = behind if abs(behind) > max(AGREES, took) else timedelta(0)
        return self._behind
