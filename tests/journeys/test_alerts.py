"""Alerts from opened to closed on a real store: by what is known of sources, by people, and by two processes at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crfs.errors import InvalidInput
from crfs.monitoring import alert_states
from crfs.monitoring.alert_states import AlertState, Condition, Standing, after_sighting
from crfs.store.database import Database
from crfs.store.source_states import source_failed, source_succeeded
from crfs.workflows.alerts import act_on_alert, list_alerts, show_alert, watch_sources
from crfs.workflows.session import Session, open_session

pytestmark = [pytest.mark.servers, pytest.mark.journey]

NOW = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    """A clock that is turned by hand."""

    time = NOW

    def now(self) -> datetime:
        return self.time


@pytest.fixture(scope="module")
def url(new_store: Callable[[], str]) -> str:
    return new_store()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("CRFS_ACTOR", "jane")
    with open_session(url, clock=clock) as opened:
        yield opened


def broken(database: Database, source: str, *, at: datetime) -> None:
    source_succeeded(database, source, at=at)
    for _ in range(3):
        source_failed(database, source, at=at, error="HTTP 503")


def test_a_life_of_an_alert_with_who_when_and_why(session: Session, clock: Clock) -> None:
    broken(session.database, "fred", at=NOW)
    [number] = watch_sources(session)
    assert watch_sources(session) == []
    [alert] = list_alerts(session)
    assert (alert["state"], alert["severity"], alert["occurrences"]) == ("open", "warning", 2)
    assert alert["evidence"]["error"] == "HTTP 503"
    assert alert["evidence"]["failures"] == 3

    clock.time = NOW + HOUR
    assert act_on_alert(session, number, "acknowledge", note="I ask them")["state"] == "acknowledged"
    watch_sources(session)
    assert show_alert(session, number)["state"] == "acknowledged"

    # A day without a success is worse: people are to see it again.
    clock.time = NOW + 25 * HOUR
    assert watch_sources(session) == []
    alert = show_alert(session, number)
    assert (alert["state"], alert["severity"]) == ("open", "critical")

    clock.time = NOW + 26 * HOUR
    until = clock.time + 2 * HOUR
    with pytest.raises(InvalidInput, match="in the past"):
        act_on_alert(session, number, "silence", until=NOW.isoformat())
    with pytest.raises(InvalidInput, match="until when"):
        act_on_alert(session, number, "silence")
    with pytest.raises(InvalidInput, match="in the past"):  # a day is its start in UTC
        act_on_alert(session, number, "silence", until=clock.time.date().isoformat())
    assert act_on_alert(session, number, "silence", until=until.isoformat(), note="they know")["silenced_until"] == until
    clock.time = until - timedelta(seconds=1)
    watch_sources(session)
    assert show_alert(session, number)["state"] == "silenced"
    clock.time = until
    watch_sources(session)
    assert (show_alert(session, number)["state"], show_alert(session, number)["silenced_until"]) == ("open", None)

    clock.time = until + HOUR
    source_succeeded(session.database, "fred", at=clock.time)
    assert watch_sources(session) == []
    closed = show_alert(session, number)
    assert (closed["state"], closed["closed_at"]) == ("closed", clock.time)
    assert [(event["at"], event["from_state"], event["to_state"], event["actor"], event["note"]) for event in closed["events"]] == [
        (NOW, None, "open", "jane", None),
        (NOW + HOUR, "open", "acknowledged", "jane", "I ask them"),
        (NOW + 25 * HOUR, "acknowledged", "open", "jane", "worsened from warning to critical"),
        (NOW + 26 * HOUR, "open", "silenced", "jane", "they know"),
        (until, "silenced", "open", "jane", "its silence is over"),
        (until + HOUR, "open", "closed", "jane", "its condition has gone"),
    ]
    severities = [(event["from_severity"], event["to_severity"]) for event in closed["events"]]
    assert severities == [(None, "warning"), ("warning", "warning"), ("warning", "critical"), *[("critical", "critical")] * 3]
    assert [bool(event["evidence"]) for event in closed["events"]] == [True, False, True, False, True, False]
    with pytest.raises(InvalidInput, match="cannot be changed"):
        act_on_alert(session, number, "acknowledge")
    assert list_alerts(session) == []

    # The condition comes back: a new alert, which says what became of the one before.
    broken(session.database, "fred", at=clock.time)
    [another] = watch_sources(session)
    assert another > number
    [opening] = show_alert(session, another)["events"]
    assert opening["note"] == f"after alert {number}, closed by jane at 2026-03-06T20:00:00Z: its condition has gone"
    assert opening["evidence"]["error"] == "HTTP 503"
    source_succeeded(session.database, "fred", at=clock.time)
    watch_sources(session)


@pytest.mark.parametrize(("act", "stands"), [("acknowledge", "acknowledged"), ("close", "closed")])
def test_what_a_person_does_while_the_rules_look_stands(
    session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch, act: str, stands: str
) -> None:
    """The act falls between the reading of the alerts and the writing of what was seen: it waits for that, and comes after it."""
    broken(session.database, "bls", at=NOW)
    [number] = watch_sources(session)
    person = threading.Thread(target=act_on_alert, args=(session, number, act), kwargs={"note": "meanwhile"})

    def acted(standing: Standing | None, condition: Condition | None, now: datetime) -> AlertState | None:
        person.start()
        while person.is_alive() and not waiting(session.database):
            time.sleep(0.01)
        return after_sighting(standing, condition, now)

    monkeypatch.setattr(alert_states, "after_sighting", acted)
    watch_sources(session)
    person.join()
    alert = show_alert(session, number)
    assert (alert["state"], alert["occurrences"], alert["events"][-1]["note"]) == (stands, 2, "meanwhile")
    monkeypatch.undo()
    source_succeeded(session.database, "bls", at=clock.time)
    watch_sources(session)


def waiting(database: Database) -> bool:
    """Whether somebody waits for a row that another holds."""
    with database.asking() as connection:
        return bool(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar())


KILLED = """
import os, signal, sys
from crfs.store import alerts
from crfs.workflows.alerts import watch_sources
from crfs.workflows.session import open_session

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(alerts, sys.argv[2], die)
with open_session(sys.argv[1]) as session:
    watch_sources(session)
"""


@pytest.mark.parametrize("place", ["_open", "_update", "_note"])
def test_rules_that_are_killed_while_they_write_leave_nothing_half_written(session: Session, clock: Clock, url: str, place: str) -> None:
    broken(session.database, "oecd", at=NOW)
    [stays] = watch_sources(session)
    broken(session.database, "census", at=NOW)
    before = (list_alerts(session), show_alert(session, stays))
    done = subprocess.run([sys.executable, "-c", KILLED, url, place], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert (list_alerts(session), show_alert(session, stays)) == before
    # What comes next does it all.
    [opened] = watch_sources(session)
    assert [event["to_state"] for event in show_alert(session, opened)["events"]] == ["open"]
    assert show_alert(session, stays)["occurrences"] == 2
    for source in ("oecd", "census"):
        source_succeeded(session.database, source, at=clock.time)
    watch_sources(session)


WATCHER = """
import sys
from crfs.workflows.alerts import watch_sources
from crfs.workflows.session import open_session
with open_session(sys.argv[1]) as session:
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(len(watch_sources(session)) for _ in range(20)), flush=True)
"""


def test_two_processes_that_see_the_same_open_one_alert(session: Session, url: str) -> None:
    watchers = [
        subprocess.Popen([sys.executable, "-c", WATCHER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for watcher in watchers:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
    for source in ("census", "ecb", "oecd"):
        broken(session.database, source, at=datetime.now(UTC))
    opened = [watcher.communicate("\n", timeout=60)[0] for watcher in watchers]
    assert sum(map(int, opened)) == 3
    mine = [alert for alert in list_alerts(session) if alert["subject"] in {"census", "ecb", "oecd"}]
    assert [alert["state"] for alert in mine] == ["open"] * 3
    assert [alert["occurrences"] for alert in mine] == [40] * 3
    assert [len(show_alert(session, alert["alert_id"])["events"]) for alert in mine] == [1] * 3
