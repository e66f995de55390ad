"""Alerts and their history: one live alert a rule and subject, every change of state with who, when, why and on what evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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


_COLUMNS = ", ".join(Alert.__dataclass_fields__)
_EVENT_COLUMNS = ", ".join(AlertEvent.__dataclass_fields__)


def alerts(database: Database, *, live_only: bool = True, rules: Sequence[str] | None = None, limit: int = 500) -> list[Alert]:
    """Alerts, the newest first; those that are not closed, if ``live_only``."""
    with database.reading() as connection:
        rows = connection.execute(
            sa.text(
                f"SELECT {_COLUMNS} FROM crfs.alert WHERE (NOT :live OR state <> 'closed') "
                "AND (CAST(:rules AS text[]) IS NULL OR rule = ANY(:rules)) ORDER BY alert_id DESC LIMIT :limit"
            ),
            {"live": live_only, "rules": None if rules is None else list(rules), "limit": limit},
        ).all()
    return [Alert(**row._mapping) for row in rows]


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


def open_alert(
    database: Database, *, rule: str, subject: str, severity: str, title: str, evidence: Mapping[str, Any], at: datetime
) -> int | None:
    """Open an alert; None where another process has just opened the same one."""
    values = {
        "rule": rule, "subject": subject, "severity": severity, "title": title, "evidence": json.dumps(evidence), "at": at,
        "tenant_id": database.tenant_id,
    }  # fmt: skip
    with database.writing() as connection:
        alert_id: int | None = connection.execute(
            sa.text(
                "INSERT INTO crfs.alert (rule, subject, severity, state, title, evidence, opened_at, last_seen_at, tenant_id) "
                "VALUES (:rule, :subject, :severity, 'open', :title, CAST(:evidence AS jsonb), :at, :at, :tenant_id) "
                "ON CONFLICT DO NOTHING RETURNING alert_id"
            ),
            values,
        ).scalar()
        if alert_id is not None:
            _note(connection, database, alert_id, at=at, from_state=None, to_state="open", note=None, evidence=evidence)
    return alert_id


def see_again(
    database: Database, alert_id: int, *, severity: str, title: str, evidence: Mapping[str, Any], at: datetime, expected: str, state: str
) -> None:
    """A live alert's condition was seen again; a change of state is written into its history.

    Where it no longer stands at ``expected``, somebody has just acted on it, and what he did stands: a state that he chose is kept, and an
    alert that he closed is left alone.
    """
    with database.writing() as connection:
        before = _locked(connection, alert_id)
        if before == "closed":
            return
        if before != expected:
            state = before
        connection.execute(
            sa.text(
                "UPDATE crfs.alert SET last_seen_at = :at, occurrences = occurrences + 1, severity = :severity, title = :title, "
                "evidence = CAST(:evidence AS jsonb), state = :state, silenced_until = CASE WHEN :state = 'silenced' THEN silenced_until END "
                "WHERE alert_id = :id"
            ),
            {"at": at, "severity": severity, "title": title, "evidence": json.dumps(evidence), "state": state, "id": alert_id},
        )
        if before != state:
            _note(connection, database, alert_id, at=at, from_state=before, to_state=state, note=None, evidence=evidence)


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
        _note(connection, database, alert_id, at=at, from_state=expected, to_state=state, note=note, evidence=None)
    return True


def _locked(connection: sa.Connection, alert_id: int) -> str:
    state: str | None = connection.execute(
        sa.text("SELECT state FROM crfs.alert WHERE alert_id = :id FOR UPDATE"), {"id": alert_id}
    ).scalar()
    if state is None:
        raise NotFound(f"no alert has the number {alert_id}; crfs alerts list shows those that there are")
    return state


def _note(
    connection: sa.Connection,
    database: Database,
    alert_id: int,
    *,
    at: datetime,
    from_state: str | None,
    to_state: str,
    note: str | None,
    evidence: Mapping[str, Any] | None,
) -> None:
    connection.execute(
        sa.text(
            "INSERT INTO crfs.alert_event (alert_id, at, from_state, to_state, actor, note, evidence, tenant_id) "
            "VALUES (:alert_id, :at, :from_state, :to_state, :actor, :note, CAST(:evidence AS jsonb), :tenant_id)"
        ),
        {
            "alert_id": alert_id,
            "at": at,
            "from_state": from_state,
            "to_state": to_state,
            "actor": database.actor,
            "note": note,
            "evidence": None if evidence is None else json.dumps(evidence),
            "tenant_id": database.tenant_id,
        },
    )
