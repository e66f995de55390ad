"""Alerts brought up to date with what rules see, in one transaction: opened, opened again, worse, kept, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.monitoring.alert_states import Condition
    from crfs.store.alerts import Alert, Step

GONE = "its condition has gone"


class Way(StrEnum):
    """What became of an alert."""

    OPENED = "opened"
    REOPENED = "opened again"
    WORSE = "worse"
    KEPT = "kept"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What rules see: ``conditions``; why and on what evidence live alerts end, by rule and subject; those that nothing was seen of.

    A live alert that is in none of them ends, since its condition has gone.
    """

    conditions: Sequence[Condition]
    ended: Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    unseen: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What became of one alert; ``alert_id`` is None where it would open."""

    way: Way
    alert_id: int | None
    rule: str
    subject: str
    severity: str
    state: str
    title: str
    evidence: Mapping[str, Any]
    note: str | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        found = {name: getattr(self, name) for name in ("alert_id", "rule", "subject", "severity", "state", "title", "evidence", "note")}
        return {"way": self.way.value, **found, "evidence": dict(self.evidence)}


def settle(
    session: Session,
    rules: Sequence[str],
    look: Callable[[Sequence[Alert], datetime | None], Sight],
    *,
    every_look: bool = False,
    dry_run: bool = False,
) -> list[Turn]:
    """Bring the alerts of some rules up to date with what they see of the live ones; with ``dry_run`` say what would become of them.

    A condition that is seen as it was seen before is no new sighting, and nothing is written of it, unless ``every_look`` counts. ``look``
    is told, besides the live alerts, when the newest sighting was that an alert of the rules rests on.
    """
    from crfs.store.alerts import settle as settled
    from crfs.store.alerts import would_settle

    now = session.clock.now()
    made: list[tuple[Way, Step]] = []

    def decide(live: Sequence[Alert], newest: datetime | None) -> list[Step]:
        made[:] = _steps(live, look(live, newest), now, every_look=every_look)
        return [step for _, step in made if _says_anything(step)]

    if dry_run:
        would_settle(session.database, rules, decide)
        return [_turn(way, step, None) for way, step in made]
    numbers = iter(settled(session.database, rules, decide, at=now))
    return [_turn(way, step, next(numbers) if _says_anything(step) else None) for way, step in made]


def _says_anything(step: Step) -> bool:
    """Whether there is something to write: a sighting, or another state."""
    return step.sighting or step.alert is None or step.alert.state != step.state


def _steps(live: Sequence[Alert], sight: Sight, now: datetime, *, every_look: bool) -> list[tuple[Way, Step]]:
    """What becomes of each alert, by the one state machine, in the order of rule and subject."""
    from crfs.monitoring.alert_states import AlertState, Severity, Standing, after_sighting
    from crfs.store.alerts import Step

    alerts = {(alert.rule, alert.subject): alert for alert in live}
    conditions = {(condition.rule, condition.subject): condition for condition in sight.conditions}
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
            note, evidence = sight.ended.get(key, (GONE, None))
            step = Step(
                alert=alert, rule=alert.rule, subject=alert.subject, state=state.value, severity=alert.severity, title=alert.title,
                evidence=evidence, note=note, sighting=False,
            )  # fmt: skip
        else:
            facts = (condition.severity.value, condition.title, dict(condition.evidence))
            anew = alert is None or every_look or facts != (alert.severity, alert.title, dict(alert.evidence))
            step = Step(
                alert=alert, rule=condition.rule, subject=condition.subject, state=state.value, severity=facts[0], title=facts[1],
                evidence=facts[2], sighting=anew,
            )  # fmt: skip
        found.append((_way(alert, step), step))
    return found


def _way(alert: Alert | None, step: Step) -> Way:
    from crfs.monitoring.alert_states import Severity

    if alert is None:
        return Way.OPENED
    if step.state == "closed":
        return Way.CLOSED
    if step.state == "open" != alert.state:
        return Way.REOPENED
    return Way.WORSE if Severity(step.severity).rank > Severity(alert.severity).rank else Way.KEPT


def _turn(way: Way, step: Step, number: int | None) -> Turn:
    return Turn(
        way=way,
        alert_id=number if step.alert is None else step.alert.alert_id,
        rule=step.rule,
        subject=step.subject,
        severity=step.severity,
        state=step.state,
        title=step.title,
        evidence=step.evidence or {},
        note=step.note,
    )
