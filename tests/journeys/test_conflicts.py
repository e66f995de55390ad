"""What contradicts the store, or changes within a day: the one is told with its place and stops nothing else, the other is a revision."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from crfs.apps.cli.door import Door
from crfs.apps.cli.program import run
from crfs.apps.worker import tasks
from crfs.errors import (
    Cancelled,
    Conflict,
    CrfsError,
    DoneElsewhere,
    InvalidInput,
    NotYetKnown,
    Quarantined,
    ServiceUnavailable,
    SourceRejected,
    SourceUnavailable,
    StoredInPart,
    Unreadable,
    VerificationFailed,
)
from crfs.sources.core import Query
from crfs.sources.providers import fred as fred_module
from crfs.sources.providers import treasury as treasury_module
from crfs.store.jobs import job
from crfs.store.quarantine import items
from crfs.store.source_states import StreamState, slices, stream_states
from crfs.workflows import streams
from crfs.workflows.alerts import list_alerts, watch_sources
from crfs.workflows.collection import collect_history, collect_stream
from crfs.workflows.factors import factor_history
from crfs.workflows.ingestion import ingest
from crfs.workflows.job_kinds import work_on
from crfs.workflows.releasing import release_quarantine
from crfs.workflows.session import Session, open_session
from crfs.workflows.streams import submit_due
from tests.sources.alfred import Archive
from tests.sources.fred_server import KEY, FredServer, fred_server, told_at_once
from tests.sources.provider_server import provider_server, reply
from tests.store.conftest import administering

pytestmark = [pytest.mark.servers, pytest.mark.journey]

TODAY = date(2026, 3, 6)
CLAIMS = "fred/claims"
FACTOR = "us.unemployment_rate"
# What the small numbers of these tests are multiplied by, so that they lie in the factors' valid ranges.
SIZE = {"UNRATE": 1.0, "GDP": 1e3, "PAYEMS": 1e4, "ICSA": 1e5, "IC4WSA": 1e5, "CCSA": 1e6}


def at(hour: float, day: date = TODAY) -> datetime:
    """An hour of a day in UTC; the release of 08:30 in New York is 13:30."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


@dataclass(kw_only=True)
class Clock:
    time: datetime = field(default_factory=lambda: at(15))

    def now(self) -> datetime:
        return self.time


@dataclass(frozen=True, kw_only=True)
class Room:
    """A store of its own, FRED beside it, and a clock that is turned by hand."""

    session: Session
    fred: FredServer
    clock: Clock
    capsys: pytest.CaptureFixture[str]

    def at(self, moment: datetime) -> None:
        self.clock.time = self.fred.now = moment

    def show(self, series: str, value: float, *, on: date = TODAY) -> None:
        """FRED says so, of months that do not depend on the value, and never another day's vintage."""
        told = {date(2025, month, 1): value if month == 12 else 3.0 + month / 10 + len(series) for month in range(1, 13)}
        months = {day: round(number * SIZE[series], 6) for day, number in told.items()}
        self.fred.series[series] = told_at_once(series, months, on=on)

    def crfs(self, *words: str) -> tuple[int, Any]:
        self.capsys.readouterr()
        code = int(run([*words, "--json"]))
        return code, json.loads(self.capsys.readouterr().out)

    def state(self, key: str = CLAIMS) -> StreamState:
        return stream_states(self.session.database)[key]

    def known(self, hour: float, day: date = TODAY, *, factor: str = FACTOR, times: float = 100.0) -> float | None:
        """What was known then of December 2025: of unemployment, in percent."""
        table = factor_history(self.session, factor, as_of=at(hour, day).isoformat()).table
        found = dict(zip(table["valid_time"].dt.date(), table["value"], strict=True))
        return round(times * found[date(2025, 12, 1)], 6) if found else None


@pytest.fixture(scope="module")
def fred() -> Iterator[FredServer]:
    with fred_server() as served:
        yield served


@pytest.fixture
def room(
    fred: FredServer, new_store: Callable[[], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Room]:
    fred.failing = fred.changed = None
    fred.series.clear()
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
    monkeypatch.setenv("CRFS_SOURCES__FRED__MIRROR", fred.address)
    monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "10000")
    monkeypatch.setenv("CRFS_SCHEDULE__STREAMS", CLAIMS)
    provider = replace(fred_module.SOURCE.provider, retry_wait_seconds=0.01, attempts=2)
    monkeypatch.setattr(fred_module, "SOURCE", replace(fred_module.SOURCE, provider=provider))
    clock = Clock()
    with open_session(new_store(), clock=clock) as session:
        made = Room(session=session, fred=fred, clock=clock, capsys=capsys)
        made.at(clock.time)
        monkeypatch.setattr(Door, "session", lambda _door: nullcontext(session))
        yield made


def rewritten(room: Room, *series: str) -> None:
    """A vintage that is long over says something else than it did."""
    for name in series:
        archive = room.fred.series[name]
        [(on, values)] = archive.vintages.items()
        room.fred.series[name] = Archive(series=name, vintages={on: {**values, max(values): str(9.9 * SIZE[name])}})


# -------------------------------------------------------------------------------------------------------- within a day


def test_a_value_that_changes_within_the_day_is_a_revision_known_from_the_fetch_that_saw_it(room: Room) -> None:
    room.show("UNRATE", 4.1)
    assert room.crfs("ingest", "fred", "UNRATE")[0] == 0
    room.at(at(17))
    room.show("UNRATE", 4.2)
    room.show("GDP", 9.0)
    code, report = room.crfs("ingest", "fred", "UNRATE", "GDP")
    assert (code, report["appended"], report["conflicts"]) == (0, {"fred_series": 13}, [])
    room.at(at(18))
    assert room.crfs("ingest", "fred", "UNRATE")[1]["appended"] == {"fred_series": 0}
    assert [room.known(hour) for hour in (13, 14, 16.9, 17, 20)] == [None, 4.1, 4.1, 4.2, 4.2]


def test_the_days_vintage_that_a_later_list_of_vintages_shows_agrees_with_what_was_seen_within_it(room: Room) -> None:
    """One value was seen at 15:00, another one stood when the day was over."""
    room.show("UNRATE", 4.1)
    ingest(room.session, "fred", Query(series=("UNRATE",)))
    room.show("UNRATE", 4.2)
    room.at(at(15, TODAY + timedelta(days=2)))
    for _ in range(2):
        code, report = room.crfs("ingest", "fred", "UNRATE", "--vintages", "all")
        assert (code, report["conflicts"]) == (0, [])
    assert [room.known(hour) for hour in (14, 29, 30, 40)] == [4.1, 4.1, 4.2, 4.2]


def test_an_answer_that_was_held_back_is_released_beside_another_one_of_the_day(room: Room) -> None:
    room.show("GDP", 4.1)
    ingest(room.session, "fred", Query(series=("GDP",)))
    sound = room.fred.series["GDP"]
    room.at(at(16))
    [(on, values)] = sound.vintages.items()
    room.fred.series["GDP"] = Archive(series="GDP", vintages={on: {day: str(float(value) / 1000) for day, value in values.items()}})
    with pytest.raises(Quarantined):
        ingest(room.session, "fred", Query(series=("GDP",)))
    room.at(at(17))
    room.show("GDP", 4.3)
    ingest(room.session, "fred", Query(series=("GDP",)))
    [held] = [item for item in items(room.session.database, state="held") if item.rule == "scale_jump"]
    assert release_quarantine(room.session, held.quarantine_id, reason="FRED said so then")["released"]
    assert [room.known(hour, factor="us.gdp", times=1.0) for hour in (15, 16, 17)] == [4100.0, 4.1, 4300.0]


# ----------------------------------------------------------------------------------------------- what contradicts the store


def test_one_series_that_contradicts_the_store_stops_no_other_one_and_is_told_with_its_place(room: Room) -> None:
    for series in ("UNRATE", "GDP"):
        room.show(series, 4.1, on=date(2026, 1, 9))
    assert room.crfs("ingest", "fred", "UNRATE", "GDP", "--vintages", "all")[0] == 0
    rewritten(room, "UNRATE")
    room.show("PAYEMS", 5.1, on=date(2026, 1, 9))
    code, report = room.crfs("ingest", "fred", "UNRATE", "PAYEMS", "--vintages", "all")
    assert (code, report["appended"]) == (4, {"fred_series": 12})
    [conflict] = report["conflicts"]
    assert conflict["stream"] == "UNRATE"
    assert "at 2025-12-01 known from 2026-01-09" in conflict["detail"]
    run(["ingest", "fred", "UNRATE", "PAYEMS", "--vintages", "all"])
    assert "not stored: UNRATE: dataset fred_series" in room.capsys.readouterr().out
    code, said = room.crfs("ingest", "fred", "UNRATE", "--vintages", "all")
    assert (code, said["error"]["type"]) == (1, "Conflict"), "nothing else came"


def claims(room: Room, value: float) -> None:
    for series in ("ICSA", "CCSA", "IC4WSA"):
        room.show(series, value, on=date(2026, 1, 9))


@pytest.fixture
def vintaged(room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """The stream of claims asks for every vintage, and has a history to fill in."""
    found = dict(room.session.streams)
    found[CLAIMS] = replace(found[CLAIMS], vintages="all", overlap=None, backfill_since=date(2025, 1, 1), slice=None)
    monkeypatch.setitem(room.session.__dict__, "streams", found)
    claims(room, 4.1)
    return room


def test_a_stream_that_contradicts_the_store_is_counted_told_tried_again_and_alerts(
    vintaged: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    room = vintaged
    collect_stream(room.session, CLAIMS)
    watermark = room.state().watermark
    rewritten(room, "CCSA")
    app = tasks.application("memory://", lambda: room.session)
    for number, minutes in enumerate((5, 10, 20), start=1):
        room.at(max(room.clock.time, room.state().next_due_at or room.clock.time))
        [job_id] = submit_due(room.session)
        with caplog.at_level(logging.INFO, logger="crfs.worker"):
            app.tasks[tasks.WORK](str(job_id))
        assert f"job_failed job_id={job_id} error=StoredInPart: fred: CCSA: dataset fred_series" in caplog.text
        assert job(room.session.database, job_id).state == "failed"
        state = room.state()
        assert (state.failures, state.watermark) == (number, watermark)
        assert "CCSA" in (state.last_error or "")
        assert state.next_due_at == room.clock.now() + timedelta(minutes=minutes)
    watch_sources(room.session)
    [alert] = [found for found in list_alerts(room.session) if found["rule"] == "stream.failing"]
    assert "CCSA" in alert["evidence"]["error"]
    assert room.crfs("ingest", "fred", "--stream", "claims")[0] == 4


def test_a_slice_that_contradicts_the_store_is_noted_and_the_others_are_done(vintaged: Room) -> None:
    room = vintaged
    ingest(room.session, "fred", Query(series=("ICSA", "CCSA", "IC4WSA"), vintages="all"))
    rewritten(room, "CCSA")
    report = collect_history(room.session, CLAIMS)
    assert (report["done"], report["failed"]) == (2, 1)
    [failed] = [item for item in slices(room.session.database, "fred", "claims") if item.state == "failed"]
    assert (failed.part, failed.attempts) == ("CCSA", 1)
    assert "CCSA" in (failed.error or "")


# ---------------------------------------------------------------------------------------------- whatever ends a stream's run

ENDS: list[Exception] = [
    SourceUnavailable("silent"), SourceRejected("no"), Quarantined("held"), InvalidInput("wrong"), Conflict("other"), StoredInPart("some"),
    NotYetKnown("later"), VerificationFailed("damaged"), ServiceUnavailable("full"), CrfsError("any"), MemoryError("much"),
    KeyError("a fault of ours"),
]  # fmt: skip


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_whatever_ends_a_streams_run_is_counted_and_kept_and_logged(
    shared: Room, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    before = shared.state().failures
    monkeypatch.setattr(streams, "ingest_in_job", fails)
    shared.at(shared.state().next_due_at or shared.clock.time)
    [job_id] = submit_due(shared.session)
    _worked(shared, job_id, error)
    assert shared.state().failures == before + 1
    assert str(error) in (shared.state().last_error or "")
    assert (shared.state().next_due_at or shared.clock.time) > shared.clock.time
    assert f"job_failed job_id={job_id} error={type(error).__name__}: {error}" in caplog.text


@pytest.mark.parametrize("error", [Cancelled("asked to stop"), DoneElsewhere("another worker was quicker")], ids=["cancelled", "elsewhere"])
def test_a_run_that_was_stopped_or_is_anothers_is_no_failure(shared: Room, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    before = shared.state()
    monkeypatch.setattr(streams, "ingest_in_job", fails)
    shared.at(before.next_due_at or shared.clock.time)
    [job_id] = submit_due(shared.session)
    with pytest.raises(type(error)):
        work_on(shared.session, job_id, parks=True)
    assert (shared.state().failures, shared.state().last_error) == (before.failures, before.last_error)


def test_a_message_about_a_job_that_another_worker_has_is_no_news(
    session: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DoneElsewhere("it is done")

    monkeypatch.setattr(tasks, "work_on", fails)
    with caplog.at_level(logging.DEBUG, logger="crfs.worker"):
        tasks.application("memory://", lambda: session).tasks[tasks.WORK](str(uuid4()))
    assert caplog.text == ""


def _worked(room: Room, job_id: UUID, error: Exception) -> None:
    app = tasks.application("memory://", lambda: room.session)
    if isinstance(error, CrfsError):
        app.tasks[tasks.WORK](str(job_id))
    else:
        with pytest.raises(type(error)):
            app.tasks[tasks.WORK](str(job_id))


@pytest.fixture(scope="module")
def shared(fred: FredServer, new_store: Callable[[], str]) -> Iterator[Room]:
    """One store for the runs that only fail."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRFS_SCHEDULE__STREAMS", CLAIMS)
        clock = Clock()
        with open_session(new_store(), clock=clock) as session:
            made = Room(session=session, fred=fred, clock=clock, capsys=None)  # type: ignore[arg-type]
            with administering(session.database.url) as connection:
                connection.exec_driver_sql(
                    "INSERT INTO crfs.stream_state (source, stream, next_due_at) VALUES ('fred', 'claims', '2026-03-06')"
                )
            yield made


def test_a_page_in_the_place_of_an_answer_is_no_mistake_of_the_callers_and_is_asked_for_again_soon(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "treasury/par_yields"
    monkeypatch.setenv("CRFS_SCHEDULE__STREAMS", key)
    provider = replace(treasury_module.SOURCE.provider, retry_wait_seconds=0.01, attempts=2)
    monkeypatch.setattr(treasury_module, "SOURCE", replace(treasury_module.SOURCE, provider=provider))
    page = b"<!DOCTYPE html><html><body>We are at work on this site</body></html>"
    with provider_server(reply(200, page, Content_Type="text/html")) as treasury:
        monkeypatch.setenv("CRFS_SOURCES__TREASURY__MIRROR", treasury.address)
        monkeypatch.setenv("CRFS_SOURCES__TREASURY__REQUESTS_PER_SECOND", "10000")
        with open_session(room.session.database.url.render_as_string(hide_password=False), clock=room.clock) as session:
            monkeypatch.setattr(Door, "session", lambda _door: nullcontext(session))
            code, said = room.crfs("ingest", "treasury", "par_yields", "--since", "2026-03-01")
            assert (code, said["error"]["type"]) == (2, "Unreadable"), said
            assert [problem["reason"] for problem in said["error"]["problems"]] == ["malformed"]
            with pytest.raises(Unreadable, match="crfs quarantine list --source treasury"):
                collect_stream(session, key)
            state = stream_states(session.database)[key]
            assert (state.failures, state.watermark) == (1, None)
            assert state.next_due_at == room.clock.now() + timedelta(minutes=5)
            treasury.answers = [reply(200, b'Date,"10 Yr"\n03/04/2026,4.20\n', Content_Type="text/csv")]
            assert sum(collect_stream(session, key).appended.values()) == 1
