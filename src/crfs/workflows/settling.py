"""Alerts brought up to date with what rules see, in one transaction: opened, worsened, opened again, eased, kept, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.monitoring.alert_states import Condition
    from crfs.store.alerts import Alert, Before, Ending, Step

GONE = "its condition has gone"


class Way(StrEnum):
    """What became of an alert; the first that fits."""

    OPENED = "opened"
    """There was no live one."""
    WORSENED = "worsened"
    """Its severity rose, which opens it again where people had acknowledged or silenced it."""
    REOPENED = "opened again"
    """Its silence is over."""
    EASED = "eased"
    """Its severity fell."""
    KEPT = "kept"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What rules see: ``conditions``; why, on what evidence and under what title (None: the one that it has) live alerts end, by rule and subject;
    those that nothing was seen of.

    A live alert that is in none of them ends, since its condition has gone.
    """

    conditions: Sequence[Condition]
    ended: Mapping[tuple[str, str], tuple[str, Mapping[str, Any], str | None]] = field(default_factory=dict)
    unseen: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What became of one alert and why, in ``note``; ``alert_id`` is None where it would open, ``severity_before`` and ``state_before`` where it opened."""

    way: Way
    alert_id: int | None
    rule: str
    subject: str
    severity: str
    severity_before: str | None
    state: str
    state_before: str | None
    title: str
    evidence: Mapping[str, Any]
    note: str | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**{name: getattr(self, name) for name in Turn.__dataclass_fields__}, "way": self.way.value, "evidence": dict(self.evidence)}


def settle(
    session: Session,
    rules: Sequence[str],
    look: Callable[[Before], Sight],
    *,
    as_of: datetime | None = None,
    every_look: bool = False,
    dry_run: bool = False,
) -> list[Turn]:
    """Bring the alerts of some rules up to date with what they see of the live ones; with ``dry_run`` say what would become of them.

    A condition that is seen as it was seen before is no new sighting, and nothing is written of it, unless ``every_look`` counts. ``as_of``
    is the moment that the rules look at: it is kept, and ``look`` is told the newest one of each rule besides the live alerts.
    """
    from crfs.store.alerts import settle as settled
    from crfs.store.alerts import would_settle

    now = session.clock.now()
    made: list[tuple[Way, Step]] = []

    def decide(before: Before) -> list[Step]:
        made[:] = _steps(before, look(before), now, every_look=every_look)
        return [step for _, step in made if _says_anything(step)]

    if dry_run:
        would_settle(session.database, rules, decide)
        return [_turn(way, step, None) for way, step in made]
    numbers = iter(settled(session.database, rules, decide, at=now, as_of=as_of))
    return [_turn(way, step, next(numbers) if _says_anything(step) else None) for way, step in made]


def _says_anything(step: Step) -> bool:
    """Whether there is something to write: a sighting, or another state."""
    return step.sighting or step.alert is None or step.alert.state != step.state


def _steps(before: Before, sight: Sight, now: datetime, *, every_look: bool) -> list[tuple[Way, Step]]:
    """What becomes of each alert, by the one state machine, in the order of rule and subject."""
    from crfs.monitoring.alert_states import AlertState, Severity, Standing, after_sighting
    from crfs.store.alerts import Step

    alerts = {(alert.rule, alert.subject): alert for alert in before.live}
    conditions = {(condition.rule, condition.subject): condition for condition in sight.conditions}
    endings = before.endings([key for key in conditions if key not in alerts])
    found = []
    for key in sorted(alerts.keys() | conditions.keys()):
        alert, condition = alerts.get(key), conditions.get(key)
        if key in sight.unseen and condition is None:
            continue
        standing = (
            None
            if alert is None
            else Standing(state=AlertState(alert.state), severity=Severity(alert.severity), silenced_until=alert.silenced_until)
        )
        state = after_sighting(standing, condition, now)
        assert state is not None  # there is an alert or a condition
        if condition is None:
            assert alert is not None
            note, evidence, title = sight.ended.get(key, (GONE, None, None))
            step = Step(
                alert=alert, rule=alert.rule, subject=alert.subject, state=state.value, severity=alert.severity, title=title or alert.title,
                evidence=evidence, note=note, sighting=False,
            )  # fmt: skip
        else:
            facts = (condition.severity.value, condition.title, dict(condition.evidence))
            anew = alert is None or every_look or facts != (alert.severity, alert.title, dict(alert.evidence))
            why = _after(endings.get(key)) if alert is None else _change(alert, facts[0], state.value)
            step = Step(
                alert=alert, rule=condition.rule, subject=condition.subject, state=state.value, severity=facts[0], title=facts[1],
                evidence=facts[2], note=why, sighting=anew,
            )  # fmt: skip
        found.append((_way(alert, step), step))
    return found


def _after(ending: Ending | None) -> str | None:
    """Why there is an alert again: how the one before it ended. None where it is the first."""
    if ending is None:
        return None
    return (
        f"after alert {ending.alert_id}, closed by {ending.actor} at {ending.at:%Y-%m-%dT%H:%M:%SZ}: {ending.note or 'no reason was given'}"
    )


def _change(alert: Alert, severity: str, state: str) -> str | None:
    """Why a live alert is another from now on; None where it is not."""
    risen = _rise(alert, severity)
    why = [] if risen == 0 else [f"{'worsened' if risen > 0 else 'eased'} from {alert.severity} to {severity}"]
    if state != alert.state and risen <= 0:
        why.append("its silence is over")
    return "; ".join(why) or None


def _rise(alert: Alert, severity: str) -> int:
    """How much worse a severity is than that of the alert; below 0 it is milder."""
    from crfs.monitoring.alert_states import Severity

    return Severity(severity).rank - Severity(alert.severity).rank


def _way(alert: Alert | None, step: Step) -> Way:
    if alert is None:
        return Way.OPENED
    if step.state == "closed":
        return Way.CLOSED
    risen = _rise(alert, step.severity)
    if risen > 0:
        return Way.WORSENED
    if step.state != alert.state:
        return Way.REOPENED
    return Way.EASED if risen < 0 else Way.KEPT


def _turn(way: Way, step: Step, number: int | None) -> Turn:
    return Turn(
        way=way,
        alert_id=number if step.alert is None else step.alert.alert_id,
        rule=step.rule,
        subject=step.subject,
        severity=step.severity,
        severity_before=None if step.alert is None else step.alert.severity,
        state=step.state,
        state_before=None if step.alert is None else step.alert.state,
        title=step.title,
        evidence=step.evidence or {},
        note=step.note,
    )
