"""The circuit of a source: one that has failed several times in a row, or whose quota is used up, rests before it is asked again."""

from __future__ import annotations

from datetime import datetime

from crfs.errors import QuotaExhausted, SourceUnavailable
from crfs.workflows.session import Session

_SOONER = "(crfs sources lift {} asks it at once)"


class SourceRests(SourceUnavailable):
    """A source's circuit is open: it is not asked before ``until``. No failure of the stream's, which was not asked."""

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


def check_pause(session: Session, source: str) -> None:
    """Nothing where a source does not rest; :class:`SourceRests` or :class:`~crfs.errors.QuotaExhausted` say until when it does."""
    from crfs.store.source_states import source_state

    now, state = session.clock.now(), source_state(session.database, source)
    if state.parked_until is not None and state.parked_until > now:
        raise QuotaExhausted(
            f"{source} is parked until {state.parked_until:%Y-%m-%d %H:%M}Z: {state.parked_reason} {_SOONER.format(source)}",
            until=state.parked_until,
        )
    if state.open_until is not None and state.open_until > now:
        raise SourceRests(
            f"{source} has failed {state.failures} times in a row and rests until {state.open_until:%Y-%m-%d %H:%M}Z: {state.last_error} "
            f"{_SOONER.format(source)}",
            until=state.open_until,
        )


def check_circuit(session: Session, source: str) -> None:
    """As :func:`check_pause`; of those who ask when an open circuit has rested, one may at a time, and its answer closes or opens it again."""
    from crfs.store.source_states import source_state, take_probe

    check_pause(session, source)
    if source_state(session.database, source).open_until is not None and not take_probe(session.database, source, at=session.clock.now()):
        check_pause(session, source)  # somebody else's probe may have just closed it
