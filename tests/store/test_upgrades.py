"""What an older crfs left is there after an upgrade, and means the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from crfs.store.alerts import ENDINGS, alert, looks
from crfs.store.answers import AnswerKey
from crfs.store.database import ensure_schema
from crfs.store.quarantine import items, rejected_rows
from tests.store.older_schemas import of_schema


def test_rules_have_looked_up_to_what_their_alerts_rest_on(empty_url: Callable[[], sa.URL], connect: Any) -> None:
    """Live or closed, by tenant; rules whose alerts do not say when they were seen, as those on sources, have no look."""
    database = connect(empty_url())
    with of_schema(database, "0009") as connection:
        for tenant, rule, state, seen in (
            (1, "obligor.late", "closed", "2027-03-01T00:00:00+00:00"),
            (1, "obligor.late", "open", "2027-02-01T00:00:00+00:00"),
            (2, "obligor.late", "open", "2028-02-01T00:00:00+00:00"),
            (1, "source_failing", "open", None),
        ):
            connection.exec_driver_sql(
                "INSERT INTO crfs.alert (rule, subject, severity, state, title, evidence, opened_at, last_seen_at, tenant_id) "
                "VALUES (%s, %s, 'warning', %s, 't', CAST(%s AS jsonb), '2027-03-01Z', '2027-03-02Z', %s)",
                (rule, f"obligor/{state}", state, "{}" if seen is None else f'{{"seen_at": "{seen}"}}', tenant),
            )
        connection.exec_driver_sql(
            "INSERT INTO crfs.alert_event (alert_id, at, to_state, actor, evidence, tenant_id) "
            "SELECT alert_id, '2027-03-02Z', 'closed', 'jane', '{\"seen_at\": \"2027-03-02T00:00:00+00:00\"}', 1 FROM crfs.alert WHERE state = 'closed'"
        )
        number = connection.exec_driver_sql("SELECT alert_id FROM crfs.alert WHERE state = 'closed'").scalar_one()
    ensure_schema(database)
    [look] = looks(database, ["obligor.late", "source_failing"])
    assert (look.rule, look.as_of) == ("obligor.late", datetime(2027, 3, 2, tzinfo=UTC))
    [event] = alert(database, number)[1]
    assert (event.from_severity, event.to_severity) == (None, None)


def test_the_newest_closed_alert_is_found_by_an_index_however_many_there_have_been(empty_url: Callable[[], sa.URL], connect: Any) -> None:
    database = connect(empty_url())
    with of_schema(database, "0010") as connection:
        connection.exec_driver_sql(
            "INSERT INTO crfs.alert (rule, subject, severity, state, title, evidence, opened_at, last_seen_at, closed_at, tenant_id) "
            "SELECT 'obligor.late', 'obligor/' || n, 'warning', 'closed', 't', '{}', '2027-03-01Z', '2027-03-02Z', '2027-03-03Z', 1 "
            "FROM generate_series(1, 5000) AS n"
        )
        connection.exec_driver_sql(
            "INSERT INTO crfs.alert_event (alert_id, at, to_state, actor, tenant_id) SELECT alert_id, closed_at, 'closed', 'jane', 1 FROM crfs.alert"
        )
        connection.exec_driver_sql("ANALYZE crfs.alert, crfs.alert_event")
    ensure_schema(database)
    keys = {"keys": json.dumps([{"rule": "obligor.late", "subject": "obligor/7"}])}
    with database.reading() as connection:
        plan = "\n".join(connection.execute(sa.text(f"EXPLAIN {ENDINGS}"), keys).scalars())
        [found] = connection.execute(sa.text(ENDINGS), keys).all()
    assert "alert_closed" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert (found.subject, found.actor) == ("obligor/7", "jane")


def test_refused_rows_of_the_schema_before_are_those_of_the_answer_that_is_held_for_them(
    empty_url: Callable[[], sa.URL], connect: Any
) -> None:
    """Where none is, they are of the first one that came with these bytes."""
    database = connect(empty_url())
    held, free = (hashlib.sha256(body).hexdigest() for body in (b"held", b"free"))
    with of_schema(database, "0008") as connection:
        for sha, streams in ((held, ("GDP", "UNRATE")), (free, ("CPI", "PPI"))):
            connection.exec_driver_sql(
                "INSERT INTO crfs.payload (sha256, byte_count, body, landed_at, digest) VALUES (%s, 4, 'body', '2024-01-01Z', 0)", (sha,)
            )
            for stream in streams:
                connection.exec_driver_sql(
                    "INSERT INTO crfs.fetch (source, stream, sha256, url, status, headers, classification, parser_version, started_at, fetched_at, "
                    "tenant_id, digest) VALUES ('fred', %s, %s, 'u', 200, '{}', 'OK', '1', '2024-01-01Z', '2024-01-01Z', 1, 0)",
                    (stream, sha),
                )
            connection.exec_driver_sql(
                "INSERT INTO crfs.rejected_row (sha256, parser_version, row_number, column_name, reason, detail, tenant_id) "
                "VALUES (%s, '1', 3, 'value', 'not_a_number', 'x', 1)",
                (sha,),
            )
        connection.exec_driver_sql(
            "INSERT INTO crfs.quarantine (source, stream, sha256, parser_version, rule, detail, evidence, state, opened_at, tenant_id) "
            "VALUES ('fred', 'UNRATE', %s, '1', 'rejected_rows', '1 cell', '{}', 'held', '2024-01-01Z', 1)",
            (held,),
        )
    ensure_schema(database)
    [item] = items(database)
    assert item.answer == AnswerKey("fred", "UNRATE", held)
    counts = {
        (stream, sha): len(rejected_rows(database, AnswerKey("fred", stream, sha), "1"))
        for sha, streams in ((held, ("GDP", "UNRATE")), (free, ("CPI", "PPI")))
        for stream in streams
    }
    assert counts == {("GDP", held): 0, ("UNRATE", held): 1, ("CPI", free): 1, ("PPI", free): 0}
