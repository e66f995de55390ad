"""The clock: the only place that asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time, in UTC; tests pass one that they set."""

    def now(self) -> datetime:
        """The instant, to the microsecond."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, to the microsecond."""
        return datetime.now(UTC)
