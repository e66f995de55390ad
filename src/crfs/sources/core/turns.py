"""A request's turn: its slot of the provider's limits is taken when all that takes its time (names, connections, TLS) is done.

A slot that was taken before would be used later than it was given, by as long as a handshake takes, and so next to the slot of somebody else. But a
connection must not wait long either, since servers close those that stay silent. So a connection is made first, and then the slot is taken; where
that is far away, the connection is given up, the wait is waited, and another one is made in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LATE_SECONDS = 0.1
"""A request that would leave later than so long after its slot takes another one."""
HELD_SECONDS = 2.0
"""So long a connection waits for its slot, saying nothing."""
MARGIN_SECONDS = 0.25
_AT_ONCE_SECONDS = 0.05
"""What takes no longer made no connection, but used one that was there (or is so quick that it does not matter)."""
_TURNS = 4


class Far(Exception):
    """The slot is taken and is so far away that no connection waits for it."""


class Missed(Exception):
    """The turn came and passed, time and again, before the request could leave."""


class Turn:
    """The turn of one request; :meth:`come` is called when it is about to leave, with a connection made.

    ``take`` takes a slot and says how many seconds away it is; it is told whether the slot counts for the day, which only the first one of a
    request does. ``lead`` is how long before its slot a connection is begun: as long as the last one took, and again, and a little more.
    """

    def __init__(
        self,
        take: Callable[[bool], float],
        *,
        lead: float = MARGIN_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._take, self._sleep, self._monotonic = take, sleep, monotonic
        self.lead = lead
        self._due: float | None = None
        self._taken = 0
        self._waited = False
        self._connecting_since = monotonic()

    def take(self) -> None:
        """Take a slot; who has a connection does so first, and may lose that one while it waits."""
        if self._taken >= _TURNS:
            raise Missed
        wait = self._take(self._taken == 0)
        self._taken += 1
        self._due, self._waited = self._monotonic() + wait, False

    def draw_near(self) -> None:
        """Wait until it is time to make a connection for the slot that is taken; at once, where none is."""
        if self._due is not None:
            self._wait(self._due - self.lead - self._monotonic())
            self._waited = True
        self._connecting_since = self._monotonic()

    def come(self) -> float:
        """Return when the request may leave, with the seconds that this took; :class:`Far` where it is to be tried again."""
        began = self._monotonic()
        connecting = began - self._connecting_since
        if connecting > _AT_ONCE_SECONDS:
            self.lead = 2 * connecting + MARGIN_SECONDS
        while True:
            if self._due is None:
                self.take()
            assert self._due is not None
            left = self._due - self._monotonic()
            if left > HELD_SECONDS and not self._waited:
                raise Far
            if left >= -LATE_SECONDS:
                self._wait(left)
                if self._monotonic() - self._due <= LATE_SECONDS:
                    return self._monotonic() - began
            # Who comes late (a slow handshake, a machine that slept) takes another, or all who were late would go at once.
            self._due = None

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._sleep(seconds)
