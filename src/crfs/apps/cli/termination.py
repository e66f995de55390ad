"""SIGTERM, which a service manager sends: a command ends on it as on Ctrl-C, its job cancelled and its store closed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """The process was asked to end; whatever tidies up on Ctrl-C tidies up on this."""


@contextmanager
def terminable() -> Iterator[None]:
    """Raise :class:`Terminated` at the first SIGTERM; the ones after it do not disturb the tidying up."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(_signal: int, _frame: FrameType | None) -> None:
    # A function and not SIG_IGN, which processes that are started on the way out would inherit.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    raise Terminated
