"""A source that nothing is asked of: the command says until when and ends as for a service that is away, and somebody may lift it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from crfs.apps.cli.door import Door
from crfs.apps.cli.program import run
from crfs.credit.schedules import next_due
from crfs.sources.providers import fred as fred_module
from crfs.store.jobs import job, submit
from crfs.store.source_states import park_source, source_state, stream_states
from crfs.workflows.backfills import submit_backfill
from crfs.workflows.job_kinds import to_do, work_on
from crfs.workflows.session import Session, open_session
from crfs.workflows.streams import scheduled, submit_due
from tests.sources.fred_server import KEY, FredServer, fred_server, told_at_once
from tests.sources.provider_server import reply

pytestmark = [pytest.mark.servers, pytest.mark.journey]

CLAIMS = "fred/claims"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Room:
    """A store, FRED beside it, and the program on both."""

    session: Session
    fred: FredServer
    capsys: pytest.CaptureFixture[str]

    def crfs(self, *words: str) -> tuple[int, Any, str]:
        self.capsys.readouterr()
        code = int(run([*words, "--json"]))
        told = self.capsys.readouterr()
        return code, json.loads(told.out), told.err


@pytest.fixture
def room(new_store: Callable[[], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Room]:
    with fred_server() as fred:
        monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
        monkeypatch.setenv("CRFS_SOURCES__FRED__MIRROR", fred.address)
        monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "10000")
        monkeypatch.setenv("CRFS_SCHEDULE__STREAMS", CLAIMS)
        provider = replace(fred_module.SOURCE.provider, retry_wait_seconds=0.01, attempts=3)
        monkeypatch.setattr(fred_module, "SOURCE", replace(fred_module.SOURCE, provider=provider))
        for series in ("ICSA", "CCSA", "IC4WSA"):
            fred.series[series] = told_at_once(series, {date(2026, 1, 3): 200_000.0 + len(series)}, on=date(2026, 3, 4))
        fred.now = datetime.now(UTC)
        with open_session(new_store()) as session:
            monkeypatch.setattr(Door, "session", lambda _door: nullcontext(session))
            yield Room(session=session, fred=fred, capsys=capsys)


def test_a_provider_that_asks_to_be_left_alone_is_asked_again_when_somebody_lifts_it(room: Room) -> None:
    room.fred.failing = reply(429, b"slow down", Retry_After="4000")
    code, said, _ = room.crfs("ingest", "fred", "ICSA")
    assert (code, said["error"]["type"], said["error"]["exit_code"]) == (3, "QuotaExhausted", 3)
    room.fred.failing = None
    asked = room.fred.count
    code, said, _ = room.crfs("ingest", "fred", "ICSA")
    assert (code, room.fred.count) == (3, asked)
    assert "crfs sources lift fred" in said["error"]["message"]
    code, lifted, _ = room.crfs("sources", "lift", "fred")
    assert (code, lifted["source"]) == (0, "fred")
    assert datetime.fromisoformat(lifted["held_until"]) > datetime.now(UTC) + HOUR
    assert lifted["parked_until"] is not None
    assert room.crfs("ingest", "fred", "ICSA")[0] == 0
    run(["sources", "lift", "fred"])
    assert room.capsys.readouterr().out == "fred: nothing was in the way of asking it\n"
    assert room.crfs("sources", "lift", "nobody")[0] == 1


def test_streams_and_jobs_that_wait_for_a_parked_source_are_due_when_it_is_lifted(room: Room) -> None:
    # Sooner than the stream's regular time, at which it is asked whatever is parked.
    [stream] = scheduled(room.session)
    now = datetime.now(UTC)
    wait = min(9 * HOUR, (next_due(stream, now, salt=room.session.salt) - now) / 2)
    park_source(room.session.database, "fred", until=now + wait, reason="25 a day.")
    [job_id] = submit_due(room.session)
    assert to_do(room.session) == []
    code, said, _ = room.crfs("ingest", "fred", "--stream", CLAIMS)
    assert code == 3
    assert "25 a day. (crfs sources lift fred asks it at once)" in said["error"]["message"]
    _, lifted, _ = room.crfs("sources", "lift", "fred")
    assert (lifted["streams"], lifted["jobs"], lifted["parked_reason"]) == (0, 1, "25 a day.")
    assert to_do(room.session) == [job_id]
    assert work_on(room.session, job_id, parks=True)["ingest"]["appended"] == {"fred_series": 3}
    assert source_state(room.session.database, "fred").parked_until is None


def test_an_open_circuit_is_closed_when_it_is_lifted(room: Room) -> None:
    room.fred.failing = reply(503, b"maintenance")
    for _ in range(3):
        assert room.crfs("ingest", "fred", "--stream", "claims")[0] == 3
    room.fred.failing = None
    code, said, _ = room.crfs("ingest", "fred", "--stream", "claims")
    assert code == 3
    assert "rests until" in said["error"]["message"]
    assert room.crfs("sources", "lift", "fred")[1]["open_until"] is not None
    assert (stream_states(room.session.database)[CLAIMS].next_due_at or datetime.max.replace(tzinfo=UTC)) <= datetime.now(UTC)
    assert room.crfs("ingest", "fred", "--stream", "claims")[0] == 0


def test_a_backfill_that_waits_for_a_silent_provider_goes_on_when_its_source_is_lifted(room: Room) -> None:
    """Its pause is its own: the source's circuit is closed, and nothing is parked."""
    database = room.session.database
    room.fred.failing = reply(503, b"down for a moment")
    job_id = submit_backfill(room.session, CLAIMS)
    assert "down for a moment" in work_on(room.session, job_id, parks=True)["reason"]
    state = source_state(database, "fred")
    assert (state.open_until, state.parked_until, to_do(room.session)) == (None, None, [])
    later = datetime.now(UTC) + HOUR
    others = [
        submit(database, job_id=uuid4(), kind=kind, specification={"stream": key}, at=datetime.now(UTC), not_before=later)
        for kind, key in (("stream", "treasury/real_yields"), ("stream", "fredo/claims"), ("ingest", CLAIMS))
    ]
    room.fred.failing = None
    code, lifted, _ = room.crfs("sources", "lift", "fred")
    assert (code, lifted["jobs"], lifted["streams"], lifted["open_until"], lifted["parked_until"]) == (0, 1, 0, None, None)
    assert to_do(room.session) == [job_id]
    assert [job(database, other.job_id).not_before for other in others] == [later] * 3
    assert work_on(room.session, job_id, parks=True)["done"] == 3
    done = job(database, job_id)
    assert (done.state, done.progress_done, done.progress_total, done.progress_note) == ("succeeded", 3, 3, CLAIMS)


def test_what_is_said_of_jobs_that_waited_for_nothing_else(room: Room) -> None:
    now = datetime.now(UTC)
    submit(room.session.database, job_id=uuid4(), kind="backfill", specification={"stream": CLAIMS}, at=now, not_before=now + HOUR)
    for said in ("fred: 0 streams are due now, 1 jobs that waited may be done\n", "fred: nothing was in the way of asking it\n"):
        room.capsys.readouterr()
        run(["sources", "lift", "fred"])
        assert room.capsys.readouterr().out == said


@pytest.mark.parametrize("name", ["claims", "fred/claims"])
def test_a_stream_goes_by_its_own_name_and_by_the_one_in_the_schedule(room: Room, name: str) -> None:
    assert room.crfs("ingest", "fred", "--stream", name)[0] == 0
    code, said, _ = room.crfs("ingest", "treasury", "--stream", name)
    assert code == 1
    assert ("crfs ingest fred --stream claims" in said["error"]["message"]) is ("/" in name)


def test_each_answer_that_is_tried_again_is_a_sentence_with_the_providers_words_and_no_key(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.fred.failing = reply(429, f"Too Many Requests from {KEY}".encode())
    assert room.crfs("ingest", "fred", "ICSA")[0] == 3
    said = [record.getMessage() for record in caplog.records if record.name in ("crfs.sources", "stamina")]
    assert said == [
        f"fred is busy or broken (HTTP 429): Too Many Requests from REDACTED; try again later (attempt {number} of 3)" for number in (1, 2)
    ]
