"""Alerts at work: rules look at what is known, conditions open and close alerts, people acknowledge, silence and close them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from crfs.credit.texts import text_fault
from crfs.errors import Conflict, InvalidInput
from crfs.workflows.session import Session
from crfs.workflows.settling import Sight, Way, settle
from crfs.workflows.staleness import lateness
from crfs.workflows.times import parse_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crfs.monitoring.alert_states import Act
    from crfs.store.answers import AnswerKey


_MOST_LISTED = 100_000
"""As many alerts as one list may have."""


def watch_sources(session: Session) -> list[int]:
    """Evaluate the rules of source health and bring the alerts up to date; the numbers of those that opened now."""
    from crfs.monitoring.source_health import RULES, SourceHealth, StreamHealth, conditions
    from crfs.store.quarantine import QuarantineItem, items
    from crfs.store.source_states import SourceState, source_states, stream_states
    from crfs.workflows.streams import scheduled

    now = session.clock.now()
    held: dict[str, dict[AnswerKey, QuarantineItem]] = {}
    for item in items(session.database, state="held", whole_only=True, limit=None):
        held.setdefault(item.source, {}).setdefault(item.answer, item)
    states = source_states(session.database)
    sources = []
    for name in sorted(states.keys() | held.keys()):
        state, answers = states.get(name, SourceState(source=name)), list(held.get(name, {}).values())
        newest = answers[0] if answers else None
        sources.append(
            SourceHealth(
                source=name,
                failures=state.failures,
                open_until=state.open_until,
                parked_until=state.parked_until,
                last_success_at=state.last_success_at,
                last_error=state.last_error,
                held=len(answers),
                newest_held={}
                if newest is None
                else {"quarantine_id": newest.quarantine_id, "stream": newest.stream, "rule": newest.rule, "detail": newest.detail},
            )
        )
    kept = stream_states(session.database)
    streams = []
    for stream in scheduled(session):
        run = kept.get(stream.key)
        if run is None:
            continue
        late = lateness(stream, run, now)
        streams.append(
            StreamHealth(
                stream=stream.key,
                failures=run.failures,
                last_success_at=run.last_success_at,
                last_error=run.last_error,
                stale_since=late[0] if late else None,
                stale_reason=late[1] if late else None,
            )
        )
    seen = conditions(sources, streams, now=now)
    settled = settle(session, RULES, lambda _before: Sight(conditions=seen), every_look=True)
    return [turn.alert_id for turn in settled if turn.way is Way.OPENED and turn.alert_id is not None]


def list_alerts(
    session: Session,
    *,
    live_only: bool = True,
    rules: str | Sequence[str] | None = None,
    severities: str | Sequence[str] | None = None,
    before: int | None = None,
    limit: int = 500,
) -> list[dict[str, Any]]:
    """Alerts, the newest first: those that are not closed, if ``live_only``, of some ``rules`` and ``severities``, below a number."""
    from crfs.store.alerts import alerts

    if type(limit) is not int or not 1 <= limit <= _MOST_LISTED:
        raise InvalidInput(f"limit = {limit!r}: a whole number from 1 to {_MOST_LISTED:,} is wanted", argument="limit")
    found = alerts(
        session.database, live_only=live_only, rules=_texts(rules, "rule"), severities=_severities(severities), before=before, limit=limit
    )
    return [asdict(alert) for alert in found]


def count_alerts(
    session: Session,
    *,
    live_only: bool = True,
    rules: str | Sequence[str] | None = None,
    severities: str | Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """How many of those that :func:`list_alerts` lists there are by rule, severity and state."""
    from crfs.store.alerts import count_alerts as counted

    return counted(session.database, live_only=live_only, rules=_texts(rules, "rule"), severities=_severities(severities))


def _texts(names: str | Sequence[str] | None, argument: str) -> list[str] | None:
    """A list of names, also of one that is not in a list."""
    if names is None:
        return None
    given: list[Any] = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    wrong = [name for name in given if not isinstance(name, str) or text_fault(name)]
    if wrong:
        raise InvalidInput(f"{argument} = {wrong[0]!r}: a name is wanted", argument=argument)
    return given


def _severities(names: str | Sequence[str] | None) -> list[str] | None:
    from crfs.monitoring.alert_states import Severity

    given = _texts(names, "severity")
    wrong = [name for name in given or () if name not in list(Severity)]
    if wrong:
        raise InvalidInput(f"severity = {wrong[0]!r}: it is one of {', '.join(Severity)}", argument="severity")
    return given


def show_alert(session: Session, alert_id: int) -> dict[str, Any]:
    """One alert with its history."""
    from crfs.store.alerts import alert

    _require_number(alert_id)
    found, events = alert(session.database, alert_id)
    return {**asdict(found), "events": [asdict(event) for event in events]}


def _require_number(alert_id: int) -> None:
    if type(alert_id) is not int:
        raise InvalidInput(f"alert_id = {alert_id!r}: the number of an alert is wanted, as the list of alerts has it", argument="alert_id")


def _require_note(note: str | None) -> None:
    if note is None:
        return
    if not isinstance(note, str):
        raise InvalidInput(f"note = {note!r}: a text is wanted", argument="note")
    fault = text_fault(note)
    if fault is not None:
        raise InvalidInput(f"note has {fault}, which cannot be kept", argument="note")


def act_on_alert(
    session: Session, alert_id: int, act: Act | str, *, note: str | None = None, until: str | date | None = None
) -> dict[str, Any]:
    """Acknowledge, silence (``until`` a time; a day is its start in UTC) or close an alert, with a note that is kept."""
    from crfs.monitoring.alert_states import Act, AlertState, after_act
    from crfs.store.alerts import alert, change

    _require_number(alert_id)
    _require_note(note)
    wanted = Act(act)
    now = session.clock.now()
    end: datetime | None = None
    if wanted is Act.SILENCE:
        if until is None:
            raise InvalidInput(
                "say until when it is silent: until = 2031-01-01 (the start of a day in UTC), or an instant", argument="until"
            )
        end = parse_start(until, what="until")
        if end <= now:
            raise InvalidInput(f"until {until} lies in the past", argument="until")
    found, _ = alert(session.database, alert_id)
    state = after_act(AlertState(found.state), wanted)
    if not change(session.database, alert_id, expected=found.state, state=state.value, at=now, note=note, silenced_until=end):
        raise Conflict(f"alert {alert_id} has just been changed by somebody else; look at it again")
    return show_alert(session, alert_id)
