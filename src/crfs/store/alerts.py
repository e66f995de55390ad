"""Alerts and their history: one live alert a rule and subject, every change of state or severity with who, when, why and on what evidence."""

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
    """A change of an alert's state or severity, or an act of a person that leaves both; severities are None where an older crfs wrote it."""

    at: datetime
    from_state: str | None
    to_state: str
    from_severity: str | None
    to_severity: str | None
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

    ``sighting`` says whether its condition was seen anew: then severity and evidence are those of the sighting. ``title`` is
    the one from now on. Where the state or the severity changes, note and evidence go into its history.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The newest moment ``as_of`` which a rule brought its alerts up to date; who had it look, and when."""

    rule: str
    as_of: datetime
    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the newest closed alert of a rule and subject ended."""

    alert_id: int
    at: datetime
    actor: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What an evaluation finds: the live alerts of its rules, their looks before; ``endings`` of alerts by rule and subject on demand."""

    live: Sequence[Alert]
    looks: Sequence[Look]
    endings: Callable[[Sequence[tuple[str, str]]], Mapping[tuple[str, str], Ending]]


def settle(
    database: Database,
    rules: Sequence[str],
    decide: Callable[[Before], Sequence[Step]],
    *,
    at: datetime,
    as_of: datetime | None = None,
) -> list[int | None]:
    """Bring the alerts of some rules up to date in one transaction: all steps that ``decide`` makes of what there is before, or none.

    With ``as_of`` the rules are kept as having looked up to then. Whoever settles or acts meanwhile waits. The number of each step's alert is
    the answer.
    """
    with database.writing() as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key, :tenant)"), {"key": _SETTLING, "tenant": database.tenant_id})
        steps = decide(_before(connection, rules, locked=True))
        opened = _open(connection, database, [step for step in steps if step.alert is None], at=at)
        _update(connection, [step for step in steps if step.alert is not None], at=at)
        numbers = [opened.get((step.rule, step.subject)) if step.alert is None else step.alert.alert_id for step in steps]
        told = [
            {
                "alert_id": number,
                "from_state": None if step.alert is None else step.alert.state,
                "to_state": step.state,
                "from_severity": None if step.alert is None else step.alert.severity,
                "to_severity": step.severity,
                "note": step.note,
                "evidence": step.evidence,
            }
            for number, step in zip(numbers, steps, strict=True)
            if number is not None and (step.alert is None or (step.alert.state, step.alert.severity) != (step.state, step.severity))
        ]
        _note(connection, database, told, at=at)
        if as_of is not None:
            _keep_looks(connection, database, rules, as_of=as_of, at=at)
    return numbers


def would_settle(database: Database, rules: Sequence[str], decide: Callable[[Before], Sequence[Step]]) -> None:
    """Have ``decide`` look at what :func:`settle` would show it; nothing is written."""
    with database.reading() as connection:
        decide(_before(connection, rules, locked=False))


def looks(database: Database, rules: Sequence[str]) -> list[Look]:
    """The newest look of each of some rules that has ever looked."""
    with database.reading() as connection:
        return _looks(connection, rules)


def _before(connection: sa.Connection, rules: Sequence[str], *, locked: bool) -> Before:
    return Before(
        live=_live(connection, rules, locked=locked),
        looks=_looks(connection, rules),
        endings=lambda keys: _endings(connection, keys),
    )


def _live(connection: sa.Connection, rules: Sequence[str], *, locked: bool) -> list[Alert]:
    rows = connection.execute(
        sa.text(
            f"SELECT {_COLUMNS} FROM crfs.alert WHERE state <> 'closed' AND rule = ANY(:rules) ORDER BY alert_id"
            + (" FOR UPDATE" if locked else "")
        ),
        {"rules": list(rules)},
    ).all()
    return [Alert(**row._mapping) for row in rows]


def _looks(connection: sa.Connection, rules: Sequence[str]) -> list[Look]:
    rows = connection.execute(
        sa.text("SELECT rule, as_of, at, actor FROM crfs.rule_look WHERE rule = ANY(:rules) ORDER BY rule"), {"rules": list(rules)}
    ).all()
    return [Look(**row._mapping) for row in rows]


def _keep_looks(connection: sa.Connection, database: Database, rules: Sequence[str], *, as_of: datetime, at: datetime) -> None:
    """The same look again leaves what there is."""
    connection.execute(
        sa.text(
            "INSERT INTO crfs.rule_look AS look (rule, as_of, at, actor, tenant_id) "
            "SELECT rule, CAST(:as_of AS timestamptz), CAST(:at AS timestamptz), :actor, :tenant_id FROM unnest(CAST(:rules AS text[])) AS rule "
            "ON CONFLICT (tenant_id, rule) DO UPDATE SET as_of = excluded.as_of, at = excluded.at, actor = excluded.actor "
            "WHERE look.as_of < excluded.as_of"
        ),
        {"rules": sorted(set(rules)), "as_of": as_of, "at": at, "actor": database.actor, "tenant_id": database.tenant_id},
    )


ENDINGS = (
    "SELECT DISTINCT ON (alert.rule, alert.subject) alert.rule, alert.subject, alert.alert_id, event.at, event.actor, event.note "
    "FROM crfs.alert AS alert JOIN crfs.alert_event AS event ON event.alert_id = alert.alert_id AND event.to_state = 'closed' "
    "JOIN jsonb_to_recordset(CAST(:keys AS jsonb)) AS key (rule text, subject text) USING (rule, subject) "
    "WHERE alert.state = 'closed' ORDER BY alert.rule, alert.subject, alert.alert_id DESC, event.event_id DESC"
)
"""How the newest closed alert of each of ``keys`` ended; it goes by the index alert_closed, however many alerts there have been."""


def _endings(connection: sa.Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Ending]:
    """How the newest closed alerts of rules and subjects ended; none of those that never had one."""
    if not keys:
        return {}
    rows = connection.execute(
        sa.text(ENDINGS),
        {"keys": json.dumps([{"rule": rule, "subject": subject} for rule, subject in keys])},
    ).all()
    return {(row.rule, row.subject): Ending(alert_id=row.alert_id, at=row.at, actor=row.actor, note=row.note) for row in rows}


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
            "title = step.title, "
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
        standing, severity = _locked(connection, alert_id)
        if standing != expected:
            return False
        connection.execute(
            sa.text(
                "UPDATE crfs.alert SET state = :state, silenced_until = :silenced_until, "
                "closed_at = CASE WHEN :state = 'closed' THEN CAST(:at AS timestamptz) END WHERE alert_id = :id"
            ),
            {"state": state, "silenced_until": silenced_until, "at": at, "id": alert_id},
        )
        states = {"from_state": expected, "to_state": state, "from_severity": severity, "to_severity": severity}
        _note(connection, database, [{"alert_id": alert_id, **states, "note": note, "evidence": None}], at=at)
    return True


def _locked(connection: sa.Connection, alert_id: int) -> tuple[str, str]:
    """State and severity."""
    row = connection.execute(
        sa.text("SELECT state, severity FROM crfs.alert WHERE alert_id = :id FOR UPDATE"), {"id": alert_id}
    ).one_or_none()
    if row is None:
        raise NotFound(f"no alert has the number {alert_id}; crfs alerts list shows those that there are")
    return row.state, row.severity


def _note(connection: sa.Connection, database: Database, changes: Sequence[Mapping[str, Any]], *, at: datetime) -> None:
    """Write changes of state or severity into the history."""
    if not changes:
        return
    connection.execute(
        sa.text(
            "INSERT INTO crfs.alert_event (alert_id, at, from_state, to_state, from_severity, to_severity, actor, note, evidence, tenant_id) "
            "SELECT alert_id, :at, from_state, to_state, from_severity, to_severity, :actor, note, evidence, :tenant_id "
            "FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS change (alert_id bigint, from_state text, to_state text, from_severity text, "
            "to_severity text, note text, evidence jsonb) ORDER BY alert_id"
        ),
        {"rows": json.dumps(list(changes)), "at": at, "actor": database.actor, "tenant_id": database.tenant_id},
    )
