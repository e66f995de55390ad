"""Alerts and their history: one live alert a rule and subject, every change of state with who, when, why and on what evidence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from crfs.errors import NotFound
from crfs.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as it stands; ``occurrences`` counts how often its condition was seen."""

    alert_id: int
    rule: str
    subject: str
    severity: str
    state: str
    title: str
    evidence: Mapping[str, Any]
    opened_at: datetime
    last_seen_at: datetime
    occurrences: int
    silenced_until: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """A change of an alert's state."""

    at: datetime
    from_state: str | None
    to_state: str
    actor: str
    note: str | None
    evidence: Mapping[str, Any] | None


_SETTLING = 0x63726661
"""The key of the advisory lock under which rules settle alerts: crfa."""

_COLUMNS = ", ".join(Alert.__dataclass_fields__)
_EVENT_COLUMNS = ", ".join(AlertEvent.__dataclass_fields__)
_WANTED = (
    "(NOT :live OR state <> 'closed') AND (CAST(:rules AS text[]) IS NULL OR rule = ANY(:rules)) "
    "AND (CAST(:severities AS text[]) IS NULL OR severity = ANY(:severities))"
)


def alerts(
    database: Database,
    *,
    live_only: bool = True,
    rules: Sequence[str] | None = None,
    severities: Sequence[str] | None = None,
    before: int | None = None,
    limit: int = 500,
) -> list[Alert]:
    """Alerts, the newest first; those that are not closed, if ``live_only``; those with a number below ``before``."""
    with database.reading() as connection:
        rows = connection.execute(
            sa.text(
                f"SELECT {_COLUMNS} FROM crfs.alert WHERE {_WANTED} AND (CAST(:before AS bigint) IS NULL OR alert_id < :before) "
                "ORDER BY alert_id DESC LIMIT :limit"
            ),
            {"live": live_only, "rules": _texts(rules), "severities": _texts(severities), "before": before, "limit": limit},
        ).all()
    return [Alert(**row._mapping) for row in rows]


def count_alerts(
    database: Database, *, live_only: bool = True, rules: Sequence[str] | None = None, severities: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """How many alerts there are by ``rule``, ``severity`` and ``state``, as ``alerts``."""
    with database.reading() as connection:
        rows = connection.execute(
            sa.text(
                f"SELECT rule, severity, state, count(*) AS alerts FROM crfs.alert WHERE {_WANTED} "
                "GROUP BY rule, severity, state ORDER BY rule, severity, state"
            ),
            {"live": live_only, "rules": _texts(rules), "severities": _texts(severities)},
        ).all()
    return [dict(row._mapping) for row in rows]


def _texts(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)


def alert(database: Database, alert_id: int) -> tuple[Alert, list[AlertEvent]]:
    """One alert, and its history from its opening on."""
    with database.reading() as connection:
        row = connection.execute(sa.text(f"SELECT {_COLUMNS} FROM crfs.alert WHERE alert_id = :id"), {"id": alert_id}).one_or_none()
        if row is None:
            raise NotFound(f"no alert has the number {alert_id}; crfs alerts list shows those that there are")
        events = connection.execute(
            sa.text(f"SELECT {_EVENT_COLUMNS} FROM crfs.alert_event WHERE alert_id = :id ORDER BY event_id"), {"id": alert_id}
        ).all()
    return Alert(**row._mapping), [AlertEvent(**event._mapping) for event in events]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What becomes of one alert: it opens where ``alert`` is None, else it is at ``state`` from now on.

    ``sighting`` says whether its condition was seen anew: then title, severity and evidence are those of the sighting. Where the state
    changes, note and evidence go into its history.
    """

    alert: Alert | None
    rule: str
    subject: str
    state: str
    severity: str
    title: str
    evidence: Mapping[str, Any] | None
    note: str | None = None
    sighting: bool = True


def settle(
    database: Database, rules: Sequence[str], decide: Callable[[list[Alert], datetime | None], Sequence[Step]], *, at: datetime
) -> list[int | None]:
    """Bring the alerts of some rules up to date in one transaction: all steps that ``decide`` makes of the live ones, or none.

    ``decide`` is told when the newest sighting was that an alert of the rules rests on, live or closed; None where there is none with a
    ``seen_at``. Whoever settles or acts meanwhile waits. The number of each step's alert is the answer.
    """
    with database.writing() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key, :tenant)"), {"key": _SETTLING, "tenant": database.tenant_id})
        steps = decide(_live(connection, rules, locked=True), _newest_sighting(connection, rules))
        opened = _open(connection, database, [step for step in steps if step.alert is None], at=at)
        _update(connection, [step for step in steps if step.alert is not None], at=at)
        numbers = [opened.get((step.rule, step.subject)) if step.alert is None else step.alert.alert_id for step in steps]
        told = [
            {
                "alert_id": number,
                "from_state": None if step.alert is None else step.alert.state,
                "to_state": step.state,
                "note": step.note,
                "evidence": step.evidence,
            }
            for number, step in zip(numbers, steps, strict=True)
            if number is not None and (step.alert is None or step.alert.state != step.state)
        ]
        _note(connection, database, told, at=at)
    return numbers


def would_settle(database: Database, rules: Sequence[str], decide: Callable[[list[Alert], datetime | None], Sequence[Step]]) -> None:
    """Have ``decide`` look at what :func:`settle` would show it; nothing is written."""
    with database.reading() as connection:
        decide(_live(connection, rules, locked=False), _newest_sighting(connection, rules))


def _live(connection: sa.Connection, rules: Sequence[str], *, locked: bool) -> list[Alert]:
    rows = connection.execute(
        sa.text(
            f"SELECT {_COLUMNS} FROM crfs.alert WHERE state <> 'closed' AND rule = ANY(:rules) ORDER BY alert_id"
            + (" FOR UPDATE" if locked else "")
        ),
        {"rules": list(rules)},
    ).all()
    return [Alert(**row._mapping) for row in rows]


def _newest_sighting(connection: sa.Connection, rules: Sequence[str]) -> datetime | None:
    found: datetime | None = connection.execute(
        sa.text(
            "SELECT max(CAST(told.evidence ->> 'seen_at' AS timestamptz)) FROM crfs.alert AS alert, LATERAL (SELECT alert.evidence "
            "UNION ALL SELECT event.evidence FROM crfs.alert_event AS event WHERE event.alert_id = alert.alert_id) AS told "
            "WHERE alert.rule = ANY(:rules)"
        ),
        {"rules": list(rules)},
    ).scalar()
    return found


def _open(connection: sa.Connection, database: Database, steps: Sequence[Step], *, at: datetime) -> dict[tuple[str, str], int]:
    """Numbers of alerts by rule and subject."""
    if not steps:
        return {}
    rows = [{name: getattr(step, name) for name in ("rule", "subject", "severity", "state", "title", "evidence")} for step in steps]
    opened = connection.execute(
        sa.text(
            "INSERT INTO crfs.alert (rule, subject, severity, state, title, evidence, opened_at, last_seen_at, tenant_id) "
            "SELECT rule, subject, severity, state, title, coalesce(evidence, '{}'), :at, :at, :tenant_id "
            "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
            "AS step (rule text, subject text, severity text, state text, title text, evidence jsonb) "
            "ON CONFLICT DO NOTHING RETURNING rule, subject, alert_id"
        ),
        {"rows": json.dumps(rows), "at": at, "tenant_id": database.tenant_id},
    )
    return {(rule, subject): number for rule, subject, number in opened}


def _update(connection: sa.Connection, steps: Sequence[Step], *, at: datetime) -> None:
    if not steps:
        return
    rows = [
        {"alert_id": step.alert.alert_id, **{name: getattr(step, name) for name in ("severity", "state", "title", "evidence", "sighting")}}
        for step in steps
        if step.alert is not None
    ]
    connection.execute(
        sa.text(
            "UPDATE crfs.alert AS alert SET state = step.state, "
            "silenced_until = CASE WHEN step.state = 'silenced' THEN alert.silenced_until END, "
            "closed_at = CASE WHEN step.state = 'closed' THEN CAST(:at AS timestamptz) END, "
            "last_seen_at = CASE WHEN step.sighting THEN CAST(:at AS timestamptz) ELSE alert.last_seen_at END, "
            "occurrences = alert.occurrences + CAST(step.sighting AS integer), "
            "severity = CASE WHEN step.sighting THEN step.severity ELSE alert.severity END, "
            "title = CASE WHEN step.sighting THEN step.title ELSE alert.title END, "
            "evidence = CASE WHEN step.sighting THEN step.evidence ELSE alert.evidence END "
            "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
            "AS step (alert_id bigint, severity text, state text, title text, evidence jsonb, sighting boolean) "
            "WHERE alert.alert_id = step.alert_id"
        ),
        {"rows": json.dumps(rows), "at": at},
    )


def change(
    database: Database,
    alert_id: int,
    *,
    expected: str,
    state: str,
    at: datetime,
    note: str | None = None,
    silenced_until: datetime | None = None,
) -> bool:
    """Change the state of an alert that stands at ``expected``; whether it still did."""
    with database.writing() as connection:
        if _locked(connection, alert_id) != expected:
            return False
        connection.execute(
            sa.text(
                "UPDATE crfs.alert SET state = :state, silenced_until = :silenced_until, "
                "closed_at = CASE WHEN :state = 'closed' THEN CAST(:at AS timestamptz) END WHERE alert_id = :id"
            ),
            {"state": state, "silenced_until": silenced_until, "at": at, "id": alert_id},
        )
        told = {"alert_id": alert_id, "from_state": expected, "to_state": state, "note": note, "evidence": None}
        _note(connection, database, [told], at=at)
    return True


def _locked(connection: sa.Connection, alert_id: int) -> str:
    state: str | None = connection.execute(
        sa.text("SELECT state FROM crfs.alert WHERE alert_id = :id FOR UPDATE"), {"id": alert_id}
    ).scalar()
    if state is None:
        raise NotFound(f"no alert has the number {alert_id}; crfs alerts list shows those that there are")
    return state


def _note(connection: sa.Connection, database: Database, changes: Sequence[Mapping[str, Any]], *, at: datetime) -> None:
    """Write changes of state into the history."""
    if not changes:
        return
    connection.execute(
        sa.text(
            "INSERT INTO crfs.alert_event (alert_id, at, from_state, to_state, actor, note, evidence, tenant_id) "
            "SELECT alert_id, :at, from_state, to_state, :actor, note, evidence, :tenant_id FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
            "AS change (alert_id bigint, from_state text, to_state text, note text, evidence jsonb) ORDER BY alert_id"
        ),
        {"rows": json.dumps(list(changes)), "at": at, "actor": database.actor, "tenant_id": database.tenant_id},
    )
