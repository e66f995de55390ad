"""How a source reaches its provider: with the user's key, within limits that all processes share, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from crfs.workflows.jobs import Stopped
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.sources.core import Payload, Source, Transport


@contextmanager
def transport_of(
    session: Session, source: Source, *, land_error: Callable[[Payload], None] | None = None, backfill: bool = False
) -> Iterator[Transport]:
    """The transport of a source; one without hosts reads what is on this machine and sends nothing."""
    if not source.hosts:
        from crfs.sources.core.recorded import NoTransport

        yield NoTransport(now=session.clock.now())
        return
    from crfs.sources.core.http import HttpTransport
    from crfs.store.rate_limits import StoredBudget

    own, proxy = session.settings.source(source.name), session.settings.proxy
    with HttpTransport(
        source,
        clock=session.clock.now,
        key=session.settings.api_key(source.name),
        contact=own.contact,
        enabled=own.enabled,
        mirror=own.mirror,
        per_second=own.requests_per_second,
        proxy=proxy.get_secret_value() if proxy is not None else None,
        budget=StoredBudget(session.database),
        backfill=backfill,
        land_error=land_error,
        sleep=partial(_wait, session),
    ) as transport:
        yield transport


def _wait(session: Session, seconds: float) -> None:
    """Wait for a turn, but not in a process that was told to end: what waited is asked by another one."""
    if session.stopping.wait(seconds):
        raise Stopped("the process was told to end while it waited for its turn")
