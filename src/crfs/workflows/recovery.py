"""Coming back after a server of the embedded data tier has died."""

from __future__ import annotations

from crfs.workflows.session import Session


def revive(session: Session) -> bool:
    """Start again what has died of the embedded data tier, under the same addresses; whether the store answers now.

    The session stays open: its pools throw away connections that do not answer. A store that is served from elsewhere is only asked.
    """
    from crfs.errors import ServiceUnavailable
    from crfs.ops.datatier import start

    if session.data_dir is not None:
        # A second hold for a moment: joining is what looks after the servers, and the session's own hold keeps them up afterwards.
        start(session.data_dir).close()
    try:
        session.pin()
    except ServiceUnavailable:
        return False
    return True
