"""The life of an alert: opened by a condition, acknowledged, silenced or closed by a person, closed when its condition has gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from crfs.errors import InvalidInput


class Severity(StrEnum):
    """How bad it is; the later in the list the worse."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(Severity).index(self)


class AlertState(StrEnum):
    """Where an alert stands; a closed one stays closed, and its condition opens a new one when it comes back."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    CLOSED = "closed"


class Act(StrEnum):
    """What a person does to an alert."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    CLOSE = "close"


_ACTS: Mapping[tuple[AlertState, Act], AlertState] = {
    (AlertState.OPEN, Act.ACKNOWLEDGE): AlertState.ACKNOWLEDGED,
    (AlertState.OPEN, Act.SILENCE): AlertState.SILENCED,
    (AlertState.OPEN, Act.CLOSE): AlertState.CLOSED,
    (AlertState.ACKNOWLEDGED, Act.ACKNOWLEDGE): AlertState.ACKNOWLEDGED,
    (AlertState.ACKNOWLEDGED, Act.SILENCE): AlertState.SILENCED,
    (AlertState.ACKNOWLEDGED, Act.CLOSE): AlertState.CLOSED,
    (AlertState.SILENCED, Act.ACKNOWLEDGE): AlertState.ACKNOWLEDGED,
    (AlertState.SILENCED, Act.SILENCE): AlertState.SILENCED,
    (AlertState.SILENCED, Act.CLOSE): AlertState.CLOSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What a rule sees: of one ``subject`` (``fred``, ``fred/employment``), with the numbers that it rests on.

    ``rule`` and ``subject`` are what makes two sightings the same alert.
    """

    rule: str
    subject: str
    severity: Severity
    title: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a live alert stands: what decides its next step."""

    state: AlertState
    severity: Severity
    silenced_until: datetime | None = None


def after_act(state: AlertState, act: Act) -> AlertState:
    """The state after a person's act; a closed alert takes none.

    >>> after_act(AlertState.OPEN, Act.ACKNOWLEDGE)
    <AlertState.ACKNOWLEDGED: 'acknowledged'>
    """
    try:
        return _ACTS[state, act]
    except KeyError:
        raise InvalidInput(f"a {state} alert cannot be changed; its condition opens a new one if it comes back") from None


def after_sighting(standing: Standing | None, condition: Condition | None, now: datetime) -> AlertState | None:
    """The state after the rules have looked again: ``condition`` is what they see of the alert's subject, None where nothing is wrong.

    A new condition opens an alert; one that has gone closes it; one that has become worse, or whose silence is over, opens it again for
    people to see; else it stays as it is. None where there is neither alert nor condition.
    """
    if condition is None:
        return None if standing is None else AlertState.CLOSED
    if standing is None:
        return AlertState.OPEN
    if condition.severity.rank > standing.severity.rank:
        return AlertState.OPEN
    if standing.state is AlertState.SILENCED and standing.silenced_until is not None and standing.silenced_until <= now:
        return AlertState.OPEN
    return standing.state
