"""Streams end to end: FRED, the Treasury and Alpha Vantage on this machine, a real store, and a clock that is turned by hand."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl
import pytest
import sqlalchemy as sa

from crfs.bitemporal.tenor import Tenor
from crfs.errors import Conflict, DoneElsewhere, QuotaExhausted, SourceRejected, SourceUnavailable
from crfs.sources.providers import alpha_vantage, fred, treasury
from crfs.store.jobs import claim, job
from crfs.store.source_states import SourceState, StreamState, slices, source_state, stream_states, take_probe
from crfs.workflows.alerts import watch_sources
from crfs.workflows.backfills import AGAIN_AFTER, submit_backfill
from crfs.workflows.circuit import SourceRests
from crfs.workflows.collection import collect_history, collect_stream
from crfs.workflows.factors import factor_history, show_factor
from crfs.workflows.job_kinds import to_do, work_on
from crfs.workflows.jobs import LEASE
from crfs.workflows.session import Session, open_session
from crfs.workflows.streams import schedule_table, submit_due
from tests.apps.api.conftest import serving
from tests.samples.treasury import feed
from tests.sources.fred_server import KEY, FredServer, fred_server, revised, told_at_once
from tests.sources.provider_server import ProviderServer, provider_server, reply
from tests.store.conftest import administering

pytestmark = [pytest.mark.servers, pytest.mark.journey]

NOW = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
CLAIMS = "fred/claims"
WEEK = timedelta(days=7)
STATE_TABLES = (
    "crfs.stream_state, crfs.source_state, crfs.rate_limit, crfs.backfill_slice, crfs.alert_event, crfs.alert, crfs.payload_shape"
)


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def on(self, by: timedelta) -> datetime:
        self.time += by
        return self.time


@dataclass(frozen=True, kw_only=True)
class Place:
    """A store, the providers that it asks, and its clock."""

    session: Session
    fred: FredServer
    others: ProviderServer
    clock: Clock

    def state(self, key: str = CLAIMS) -> StreamState:
        return stream_states(self.session.database)[key]

    def source(self, name: str = "fred") -> SourceState:
        return source_state(self.session.database, name)

    def at(self, moment: datetime) -> None:
        self.clock.time = self.fred.now = moment

    def execute(self, statement: str) -> None:
        with administering(self.session.database.url) as connection:
            connection.exec_driver_sql(statement)

    def work(self) -> list[dict[str, Any]]:
        """What a worker does now: all jobs that may be claimed, each tried once."""
        return [work_on(self.session, job_id, parks=True) for job_id in to_do(self.session)]


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[FredServer, ProviderServer]]:
    with fred_server() as fred_, provider_server(reply(500)) as others:
        yield fred_, others


@pytest.fixture(scope="module")
def opened(server: sa.URL, tier_folder: Any, providers: tuple[FredServer, ProviderServer]) -> Iterator[Place]:
    """One store for the module; each test finds it without any state of streams, and without FRED's rows."""
    url = server.set(database="streams_module")
    with administering(server) as connection:
        connection.exec_driver_sql("CREATE DATABASE streams_module TEMPLATE blank")
    fred_, others = providers
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
        patch.setenv("CRFS_SOURCES__ALPHA_VANTAGE__API_KEY", "ABCDEFGH12345678")
        patch.setenv("CRFS_SOURCES__FRED__MIRROR", fred_.address)
        for name in ("ALPHA_VANTAGE", "TREASURY"):
            patch.setenv(f"CRFS_SOURCES__{name}__MIRROR", others.address)
        for name in ("FRED", "ALPHA_VANTAGE", "TREASURY"):
            patch.setenv(f"CRFS_SOURCES__{name}__REQUESTS_PER_SECOND", "10000")
        patch.setenv("CRFS_SCHEDULE__STREAMS", CLAIMS)
        for module in (fred, alpha_vantage, treasury):
            provider = replace(module.SOURCE.provider, retry_wait_seconds=0.01, attempts=2)
            patch.setattr(module, "SOURCE", replace(module.SOURCE, provider=provider))
        clock = Clock()
        with open_session(url.render_as_string(hide_password=False), clock=clock) as session:
            yield Place(session=session, fred=fred_, others=others, clock=clock)


@pytest.fixture
def place(opened: Place) -> Place:
    opened.execute(f"TRUNCATE {STATE_TABLES}")
    opened.execute("UPDATE crfs.job SET state = 'cancelled' WHERE state IN ('queued', 'running')")
    # What a test before this one revised would be another value of the same vintage.
    opened.execute("TRUNCATE crfs.extent, crfs.sighting")
    opened.execute("DO $$ BEGIN IF to_regclass('data.fred_series') IS NOT NULL THEN TRUNCATE data.fred_series; END IF; END $$")
    opened.at(NOW)
    opened.fred.failing = None
    for series in ("ICSA", "CCSA", "IC4WSA"):
        opened.fred.series[series] = told_at_once(series, weekly(), on=date(2026, 3, 4))
    return opened


def weekly(first: date = date(2025, 1, 4), count: int = 60) -> dict[date, float]:
    return {first + number * WEEK: 200_000.0 + number for number in range(count)}


def known(place: Place, series: str = "us.claims.initial") -> dict[date, float]:
    rows = place.session.reader(place.session.pin().batch_id).rows("fred_series").filter(pl.col("entity") == series)
    newest = rows.sort("valid_time", "knowledge_time", "batch_id").unique("valid_time", keep="last")
    return {when.date(): value for when, value in newest.select("valid_time", "value").rows()}


# --------------------------------------------------------------------------------------------------------- what is asked


def test_the_first_run_asks_for_everything_the_next_from_the_watermark_less_the_overlap_and_a_revision_in_it_arrives(place: Place) -> None:
    report = collect_stream(place.session, CLAIMS)
    assert [asked.get("observation_start") for asked in place.fred.asked()[-3:]] == [None] * 3
    assert report.appended == {"fred_series": 180}
    newest = max(weekly())
    assert (place.state().watermark, place.state().failures) == (newest, 0)

    place.at(NOW + WEEK)
    changed = {newest: 333_000.0, newest + WEEK: 222_000.0}
    place.fred.series["ICSA"] = revised(place.fred.series["ICSA"], changed, on=date(2026, 3, 11))
    before = place.fred.count
    report = collect_stream(place.session, CLAIMS)
    # Six months before 21 February 2026, from the first of the month on.
    assert [asked["observation_start"] for asked in place.fred.asked(since=before)] == ["2025-08-01"] * 3
    assert report.appended == {"fred_series": 2}
    assert known(place, "ICSA") == {**weekly(), **changed}
    as_before = factor_history(place.session, _factor(place, "ICSA"), as_of="2026-03-06").table
    assert dict(zip(as_before["valid_time"].dt.date(), as_before["value"], strict=True))[newest] == weekly()[newest]
    assert (place.state().watermark, place.state().last_news_at) == (newest + WEEK, place.clock.now())

    news = place.state().last_news_at
    place.at(NOW + 2 * WEEK)
    assert collect_stream(place.session, CLAIMS).appended == {"fred_series": 0}
    assert (place.state().last_news_at, place.state().last_success_at) == (news, place.clock.now())


ACCOUNTS = "fred/national_accounts"
PROFITS = ("CP", "CPROFIT")


@pytest.fixture
def accounts(place: Place) -> Place:
    """FRED just after the advance estimate of the third quarter: the second one, and profits, come four weeks later."""
    quarters = [date(2025 + number // 4, 1 + 3 * (number % 4), 1) for number in range(7)]
    for series in place.session.streams[ACCOUNTS].series:
        told = quarters[:-1] if series in PROFITS else quarters
        archive = told_at_once(series, dict.fromkeys(told[:-1], 100.0), on=date(2026, 9, 24))
        place.fred.series[series] = revised(archive, {told[-1]: 100.0}, on=date(2026, 10, 29)) if series not in PROFITS else archive
    place.at(datetime(2026, 10, 29, 13, tzinfo=UTC))
    return place


def test_a_stream_does_not_sleep_while_one_of_its_series_has_not_come(accounts: Place) -> None:
    """Nor would it with a calendar, which the packaged one has not: its slowest series decides."""
    from crfs.credit.schedules import next_due
    from crfs.workflows.streams import come_to

    place = accounts
    collect_stream(place.session, ACCOUNTS)
    assert place.state(ACCOUNTS).watermark == date(2026, 7, 1)
    assert place.state(ACCOUNTS).next_due_at.astimezone(UTC).date() == date(2026, 10, 30)  # type: ignore[union-attr]
    employment = place.session.streams["fred/employment"]
    quarterly = replace(place.session.streams[ACCOUNTS], calendar=employment.calendar, period=Tenor.parse("P3M"))
    assert come_to(place.session, quarterly, date(2026, 7, 1)) == date(2026, 1, 1)
    slept = next_due(quarterly, place.clock.now(), watermark=come_to(place.session, quarterly, date(2026, 7, 1)))
    assert slept.date() == date(2026, 10, 30)


def test_a_series_that_has_ended_keeps_nobody_awake(accounts: Place) -> None:
    from crfs.workflows.streams import come_to

    place, stream = accounts, accounts.session.streams[ACCOUNTS]
    for series in PROFITS:
        place.fred.series[series] = told_at_once(series, {date(2020, 1, 1): 1.0}, on=date(2020, 6, 1))
    collect_stream(place.session, ACCOUNTS)
    assert come_to(place.session, stream, date(2026, 7, 1)) == date(2026, 7, 1)
    # Nobody waits for what a store without this stream's rows does not have, either.
    assert come_to(place.session, place.session.streams["fred/employment"], date(2026, 7, 1)) == date(2026, 7, 1)


def test_a_vintage_that_was_asked_for_late_is_known_from_its_day(accounts: Place) -> None:
    """The second and the third estimate, and profits, came while nobody asked: all of them are there, each from its own day."""
    place, quarter = accounts, date(2026, 7, 1)
    collect_stream(place.session, ACCOUNTS)
    place.fred.series["GDP"] = revised(place.fred.series["GDP"], {quarter: 101.0}, on=date(2026, 11, 25))
    place.fred.series["GDP"] = revised(place.fred.series["GDP"], {quarter: 102.0}, on=date(2026, 12, 22))
    place.fred.series["CP"] = revised(place.fred.series["CP"], {quarter: 7.0}, on=date(2026, 11, 25))
    place.at(datetime(2027, 1, 29, 14, tzinfo=UTC))
    before = place.fred.count
    assert collect_stream(place.session, ACCOUNTS).appended == {"fred_series": 3}
    # Two small questions a series, and a third where something was told since a week before the last success: not of the other profits.
    assert place.fred.count - before == 3 * len(place.session.streams[ACCOUNTS].series) - 1
    rows = place.session.reader(place.session.pin().batch_id).rows("fred_series").filter(pl.col("valid_time").dt.date() == quarter)
    # A day's vintage is known at its release, at the latest at the end of the day in St. Louis.
    day = (pl.col("knowledge_time") - timedelta(seconds=1)).dt.convert_time_zone("America/Chicago").dt.date()
    told = rows.filter(pl.col("entity") == "GDP").sort("knowledge_time").select(day, "value").rows()
    assert told == [(date(2026, 10, 29), 100.0), (date(2026, 11, 25), 101.0), (date(2026, 12, 22), 102.0)]
    assert rows.filter(pl.col("entity") == "CP").select(day).to_series().to_list() == [date(2026, 11, 25)]


def _factor(place: Place, series: str) -> str:
    return next(name for name, factor in place.session.catalogue().factors.items() if factor.entity == series)


def test_the_watermark_stays_where_not_everything_could_be_stored(place: Place) -> None:
    """One series of three is unknown: the others are stored, and all is asked again."""
    del place.fred.series["CCSA"]
    newest = max(weekly())
    place.fred.series["IC4WSA"] = revised(place.fred.series["IC4WSA"], {newest: 199_999.0}, on=date(2026, 3, 6))
    place.at(NOW + timedelta(days=1))
    with pytest.raises(SourceRejected, match="does not exist"):
        collect_stream(place.session, CLAIMS)
    assert place.state().watermark is None
    assert known(place, "IC4WSA")[newest] == 199_999.0
    place.fred.series["CCSA"] = told_at_once("CCSA", weekly(), on=date(2026, 3, 4))
    before = place.fred.count
    collect_stream(place.session, CLAIMS)
    assert [asked.get("observation_start") for asked in place.fred.asked(since=before)] == [None] * 3
    assert place.state().watermark == max(weekly())


def test_a_refusal_fails_the_stream_and_leaves_the_circuit_closed_for_the_others(place: Place) -> None:
    place.fred.series.clear()
    for _ in range(4):
        with pytest.raises(SourceRejected, match="does not exist"):
            collect_stream(place.session, CLAIMS)
    assert place.state().failures == 4
    assert (place.source().failures, place.source().open_until) == (0, None)
    assert place.source().last_success_at is not None


# ------------------------------------------------------------------------------------------- failures and the circuit


def test_a_failure_is_tried_again_soon_the_third_opens_the_circuit_one_probe_goes_through_and_a_success_closes_it(place: Place) -> None:
    collect_stream(place.session, CLAIMS)
    regular = place.state().next_due_at
    assert regular is not None
    assert regular > NOW + timedelta(hours=20)
    watermark = place.state().watermark
    place.at(regular)
    place.fred.failing = reply(503, b"maintenance")
    for number, minutes in enumerate((5, 10, 20), start=1):
        [job_id] = submit_due(place.session)
        with pytest.raises(SourceUnavailable, match="maintenance"):
            work_on(place.session, job_id, parks=True)
        assert place.state().failures == number
        assert place.state().next_due_at == place.clock.now() + timedelta(minutes=minutes)
        assert submit_due(place.session) == []
        place.at(place.clock.on(timedelta(minutes=minutes)))
    assert place.state().watermark == watermark
    failed_at = place.clock.now() - timedelta(minutes=20)
    assert place.source().open_until == failed_at + timedelta(minutes=1)

    # While it is open nothing is asked, and that is no failure of the stream's.
    place.at(failed_at + timedelta(seconds=30))
    before = place.fred.count
    with pytest.raises(SourceRests, match="rests until"):
        collect_stream(place.session, CLAIMS)
    assert (place.fred.count, place.state().failures, place.state().next_due_at) == (before, 3, place.source().open_until)

    # One probe is let through, and no second one beside it.
    place.at(failed_at + timedelta(minutes=2))
    assert take_probe(place.session.database, "fred", at=place.clock.now())
    with pytest.raises(SourceRests):
        collect_stream(place.session, CLAIMS)
    assert place.fred.count == before
    assert place.state().next_due_at == place.clock.now() + timedelta(minutes=5)

    # The probe died without a word: the next one may ask. It fails, and the pause is longer.
    place.at(place.clock.on(timedelta(minutes=5)))
    [job_id] = submit_due(place.session)
    with pytest.raises(SourceUnavailable, match="maintenance"):
        work_on(place.session, job_id, parks=True)
    assert place.source().open_until == place.clock.now() + timedelta(minutes=2)

    # A stream that is due meanwhile is queued for when the circuit lets a probe through.
    place.execute("UPDATE crfs.stream_state SET next_due_at = NULL")
    [job_id] = submit_due(place.session)
    assert job(place.session.database, job_id).not_before == place.source().open_until
    assert to_do(place.session) == []
    place.fred.failing = None
    place.at(place.clock.on(timedelta(minutes=2)))
    assert place.work()[0]["ingest"]["payloads"] == 9
    assert (place.source().failures, place.source().open_until, place.state().failures) == (0, None, 0)
    assert place.state().last_error is None


def test_an_answer_that_is_refused_as_a_whole_is_no_success(place: Place) -> None:
    place.fred.failing = reply(200, b"<html><body>Welcome</body></html>")
    with pytest.raises(SourceUnavailable, match="another shape"):
        collect_stream(place.session, CLAIMS)
    assert (place.state().last_success_at, place.state().failures) == (None, 1)


# ------------------------------------------------------------------------------------------------------------ quotas

QUOTA = json.dumps({"Information": "Your rate limit is 25 requests per day. Please subscribe to a premium plan."}).encode()


def any_commodity(handler: BaseHTTPRequestHandler) -> None:
    """What each of the commodities may be, be it a barrel, a tonne or an index, in the interval that was asked for."""
    asked = dict(parse_qsl(urlsplit(handler.path).query))
    told = {"name": "", "interval": asked.get("interval", "daily"), "unit": "", "data": [{"date": "2026-03-03", "value": "170.1"}]}
    reply(200, json.dumps(told).encode())(handler)


COMMODITIES = "alpha_vantage/commodities"


@pytest.fixture
def commodities(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Alpha Vantage: 25 a day, counted in New York."""
    schedule = place.session.settings.schedule.model_copy(update={"streams": COMMODITIES})
    monkeypatch.setattr(place.session, "settings", place.session.settings.model_copy(update={"schedule": schedule}))
    return place


def test_a_quota_that_is_used_up_parks_the_source_and_the_job_runs_when_it_starts_anew(commodities: Place) -> None:
    place, midnight = commodities, datetime(2026, 3, 6, 5, tzinfo=UTC)
    place.others.answers = [reply(200, QUOTA)]
    [job_id] = submit_due(place.session)
    assert work_on(place.session, job_id, parks=True)["parked_until"] == midnight.isoformat()
    waiting = job(place.session.database, job_id)
    assert (waiting.state, waiting.not_before, waiting.lease_holder) == ("queued", midnight, None)
    assert place.source("alpha_vantage").parked_until == midnight
    assert (place.source("alpha_vantage").failures, place.state(COMMODITIES).failures) == (0, 0)
    # Due again or not: the job that waits is the one, and nothing is asked before.
    place.execute("UPDATE crfs.stream_state SET next_due_at = NULL")
    assert submit_due(place.session) == [job_id]
    assert (to_do(place.session), place.work()) == ([], [])
    asked = len(place.others.asked)
    with pytest.raises(QuotaExhausted, match="parked until"):
        collect_stream(place.session, COMMODITIES)
    assert len(place.others.asked) == asked

    place.at(midnight)
    place.execute("TRUNCATE crfs.rate_limit")  # PostgreSQL's own clock has not gone on
    place.others.answers = [any_commodity]
    assert place.work()[0]["ingest"]["appended"] == {"alpha_vantage_series": 8}
    assert job(place.session.database, job_id).state == "succeeded"
    assert place.source("alpha_vantage").parked_until is None


def test_the_days_limit_parks_too_and_a_backfills_share_parks_nobody_else(commodities: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place = commodities
    place.others.answers = [any_commodity]
    streams = dict(place.session.streams)
    streams[COMMODITIES] = replace(streams[COMMODITIES], backfill_since=date(2020, 1, 1), slice=Tenor.parse("P12M"))
    monkeypatch.setitem(place.session.__dict__, "streams", streams)
    job_id = submit_backfill(place.session, COMMODITIES)
    queued = job(place.session.database, job_id)
    assert queued.priority < 0
    [regular] = submit_due(place.session)
    assert to_do(place.session) == [regular, job_id]  # the later one goes first
    before = len(place.others.asked)
    outcome = work_on(place.session, job_id, parks=True)
    assert "backfills may use" in outcome["reason"]
    assert len(place.others.asked) - before == 12  # of 25 a day, half
    assert job(place.session.database, job_id).not_before == datetime.fromisoformat(outcome["parked_until"])
    assert place.source("alpha_vantage").parked_until is None
    assert work_on(place.session, regular, parks=True)["ingest"]["payloads"] == 8
    place.others.answers = [any_commodity]
    with pytest.raises(QuotaExhausted, match="25 requests are used up"):
        collect_stream(place.session, COMMODITIES)
    assert len(place.others.asked) - before == 25
    assert place.source("alpha_vantage").parked_until is not None
    # What was done is done: after the reset, the rest is asked.
    done = [item.state for item in slices(place.session.database, "alpha_vantage", "commodities")]
    assert done.count("done") == 1


# ----------------------------------------------------------------------------------------------------- the ledger


def test_two_beats_queue_one_job_and_a_doubled_message_does_nothing(place: Place) -> None:
    [first] = submit_due(place.session)
    place.execute("UPDATE crfs.stream_state SET next_due_at = NULL")  # another beat has not seen it yet
    assert submit_due(place.session) == [first]
    place.fred.failing = reply(400, b'{"error_code": 400, "error_message": "Bad Request.  The series does not exist."}')
    with pytest.raises(SourceRejected):
        work_on(place.session, first, parks=True)
    asked = place.fred.count

    with pytest.raises(Conflict):
        work_on(place.session, first, parks=True)  # its message came twice
    assert (place.fred.count, place.state().failures) == (asked, 1)


def test_a_beat_that_comes_late_does_not_put_off_what_a_worker_has_scheduled(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is done, and failed, before the beat has written when the stream is due next."""
    import crfs.store.jobs as ledger

    place.fred.failing = reply(503)
    submit = ledger.submit

    def and_work(*args: Any, **options: Any) -> Any:
        queued = submit(*args, **options)
        with pytest.raises(SourceUnavailable):
            work_on(place.session, queued.job_id, parks=True)
        return queued

    monkeypatch.setattr(ledger, "submit", and_work)
    submit_due(place.session)
    assert place.state().next_due_at == NOW + timedelta(minutes=5)


def test_nothing_is_asked_where_nothing_is_switched_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = place.session.settings.schedule.model_copy(update={"streams": ""})
    monkeypatch.setattr(place.session, "settings", place.session.settings.model_copy(update={"schedule": schedule}))
    before = place.fred.count
    for days in range(10):
        place.at(NOW + timedelta(days=days))
        assert submit_due(place.session) == []
    assert (to_do(place.session), place.fred.count) == ([], before)


def test_a_worker_that_died_long_ago_is_followed_by_the_next_one(place: Place) -> None:
    """A store that is opened again ends jobs of dead processes as failed; not those that workers take over."""
    [job_id] = submit_due(place.session)
    assert claim(place.session.database, holder="dead", at=place.clock.now(), lease=LEASE, job_id=job_id) is not None
    place.at(NOW + timedelta(hours=3))
    open_session(place.session.database.url.render_as_string(hide_password=False), clock=place.clock).close()
    assert to_do(place.session) == [job_id]
    assert place.work()[0]["ingest"]["appended"] is not None
    assert job(place.session.database, job_id).attempts == 2


# --------------------------------------------------------------------------------------------------------- staleness


def test_a_stream_without_success_is_stale_after_its_time(place: Place) -> None:
    collect_stream(place.session, CLAIMS)
    values = known(place, "ICSA")
    place.fred.failing = reply(503)
    place.at(NOW + timedelta(days=14))

    def row() -> dict[str, Any]:
        [found] = schedule_table(place.session, [place.session.streams[CLAIMS]])
        return found

    assert not row()["stale"]
    place.at(NOW + timedelta(days=14, seconds=1))
    assert row()["stale"]
    with pytest.raises(SourceUnavailable):
        collect_stream(place.session, CLAIMS)
    assert row()["stale"]
    assert known(place, "ICSA") == values
    place.fred.failing = None
    place.fred.series["ICSA"] = revised(place.fred.series["ICSA"], {date(2026, 3, 14): 222_000.0}, on=date(2026, 3, 18))
    collect_stream(place.session, CLAIMS)
    assert not row()["stale"]


def test_a_stream_that_answers_and_brings_nothing_new_is_stale_too(place: Place) -> None:
    from crfs.workflows.source_testing import try_source

    stream = place.session.streams[CLAIMS]
    collect_stream(place.session, CLAIMS)
    place.at(NOW + timedelta(days=13))
    collect_stream(place.session, CLAIMS)
    assert schedule_table(place.session, [stream])[0]["stale"] is False
    place.at(NOW + timedelta(days=15))
    collect_stream(place.session, CLAIMS)
    [row] = schedule_table(place.session, [stream])
    assert (row["stale"], row["stale_since"], row["failures"]) == (True, NOW + timedelta(days=14), 0)
    assert "answers, but its newest day is 2026-02-21" in row["stale_reason"]
    assert watch_sources(place.session) != []
    assert CLAIMS in try_source(place.session, "fred")["late"]


def test_frozen_data_are_late_though_they_were_news_to_this_store(place: Place) -> None:
    for series in ("ICSA", "CCSA", "IC4WSA"):
        place.fred.series[series] = told_at_once(series, weekly(date(2024, 1, 6), 20), on=date(2026, 3, 4))
    collect_stream(place.session, CLAIMS)
    [row] = schedule_table(place.session, [place.session.streams[CLAIMS]])
    assert (row["watermark"], row["stale"]) == (date(2024, 5, 18), True)
    assert row["stale_reason"] == "answers, but its newest day is 2024-05-18"


def test_a_stream_that_has_never_come_is_late_from_its_first_time(place: Place) -> None:
    from crfs.workflows.source_testing import try_source

    stream = place.session.streams[CLAIMS]
    assert schedule_table(place.session, [stream])[0]["stale"] is False
    assert CLAIMS in try_source(place.session, "fred")["never_asked"]
    place.fred.failing = reply(503, b"maintenance")
    with pytest.raises(SourceUnavailable):
        collect_stream(place.session, CLAIMS)
    place.at(NOW + timedelta(hours=1))
    [row] = schedule_table(place.session, [stream])
    assert (row["stale"], row["stale_since"], row["stale_reason"]) == (True, NOW, "has never come")
    assert CLAIMS in try_source(place.session, "fred")["late"]


def test_a_factor_of_a_late_stream_is_marked_wherever_it_is_looked_at(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Python, in documents, in the program's notes, over HTTP and on the page; not in an answer about the past or a state of the store."""
    from crfs.apps.api import create_app
    from crfs.apps.cli.door import Door
    from crfs.apps.cli.program import run

    factor = _factor(place, "ICSA")
    collect_stream(place.session, CLAIMS)
    assert factor_history(place.session, factor).stale is None
    late = NOW + timedelta(days=14)
    place.at(late + timedelta(days=1))
    place.fred.failing = reply(503, b"maintenance")
    with pytest.raises(SourceUnavailable):
        collect_stream(place.session, CLAIMS)
    history = factor_history(place.session, factor)
    assert history.stale is not None
    assert (history.stale.stream, history.stale.since, history.stale.last_success_at) == (CLAIMS, late, NOW)
    assert history.table.height
    assert "maintenance" in history.stale.sentence
    assert history.to_dict()["stale"]["since"] == late
    assert show_factor(place.session, factor)["stale"]["stream"] == CLAIMS
    assert factor_history(place.session, factor, as_of="2026-03-06").stale is None
    assert factor_history(place.session, factor, recorded_as_of=place.session.pin().recorded_at).stale is None
    assert factor_history(place.session, _factor(place, "UNRATE")).stale is None

    with serving(create_app(place.session)) as client:
        answer = client.get(f"/v1/factors/{factor}/observations")
        assert answer.json()["stale"]["since"] == late.isoformat().replace("+00:00", "Z")
        assert answer.headers["crfs-stale-since"] == late.isoformat().replace("+00:00", "Z")
        page = client.html(f"/factors/{factor}")
        assert ">stale</span> since" in page
        assert CLAIMS in page

    monkeypatch.setattr(Door, "session", lambda _door: nullcontext(place.session))
    capsys.readouterr()
    assert run(["factors", "get", factor]) == 0
    assert f"These values are stale since {late:%Y-%m-%d %H:%M}Z: {CLAIMS} came last" in capsys.readouterr().err
    assert run(["factors", "show", factor]) == 0
    assert f"stale since {late:%Y-%m-%d %H:%M}Z" in capsys.readouterr().out

    place.fred.failing = None
    place.fred.series["ICSA"] = revised(place.fred.series["ICSA"], {date(2026, 3, 14): 222_000.0}, on=date(2026, 3, 18))
    collect_stream(place.session, CLAIMS)
    assert factor_history(place.session, factor).stale is None
    with serving(create_app(place.session)) as client:
        fresh = client.get(f"/v1/factors/{factor}/observations", headers={"if-none-match": answer.headers["etag"]})
    assert (fresh.status_code, fresh.json()["stale"]) == (200, None)  # no rows are new, and the answer is another one all the same


# -------------------------------------------------------------------------------------------------------- backfills

REAL = "treasury/real_yields"


def of_a_year(handler: BaseHTTPRequestHandler) -> None:
    """A few days of the year that is asked for."""
    year = dict(parse_qsl(urlsplit(handler.path).query))["field_tdr_date_value"][:4]
    days = [{"NEW_DATE": f"{year}-{month:02}-15T00:00:00", "TC_5YEAR": f"{int(year) % 7}.{month:02}"} for month in range(1, 13)]
    reply(200, feed([day for day in days if day["NEW_DATE"] < NOW.isoformat()]))(handler)


def years(place: Place, since: int) -> list[str]:
    return [dict(parse_qsl(urlsplit(path).query))["field_tdr_date_value"] for path in place.others.paths[since:]]


def rows_of_real_yields(session: Session) -> list[Any]:
    table = session.reader(session.pin().batch_id).rows("treasury_real_yields")
    return table.drop("batch_id").sort("entity", "valid_time", "knowledge_time").rows()


BACKFILL = """
import sys
from datetime import datetime
from dataclasses import replace
from crfs.sources.providers import treasury
from crfs.workflows.collection import collect_history
from crfs.workflows.session import open_session
class Clock:
    def now(self):
        return datetime.fromisoformat(sys.argv[2])
with open_session(sys.argv[1], clock=Clock()) as session:
    collect_history(session, "treasury/real_yields", progress=lambda step, done, total: print(step, done, flush=True))
"""


def test_a_backfill_that_is_interrupted_asks_only_for_what_is_left_and_ends_in_the_rows_of_an_undisturbed_one(
    place: Place, new_store: Callable[[], str]
) -> None:
    place.others.answers = [of_a_year]
    with open_session(new_store(), clock=place.clock) as whole:
        assert collect_history(whole, REAL)["done"] == 24
        expected = rows_of_real_yields(whole)
    began = len(place.others.asked)

    def sixth(handler: BaseHTTPRequestHandler) -> None:
        if len(place.others.asked) - began > 5:
            reply(503, b"too much")(handler)
        else:
            of_a_year(handler)

    place.others.answers = [sixth]
    with pytest.raises(SourceUnavailable):
        collect_history(place.session, REAL)
    assert [item.state for item in slices(place.session.database, "treasury", "real_yields")].count("done") == 5

    # kill -9 in the midst of it
    place.others.answers = [of_a_year]
    url = place.session.database.url.render_as_string(hide_password=False)
    began = len(place.others.asked)
    with subprocess.Popen([sys.executable, "-c", BACKFILL, url, NOW.isoformat()], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while len(place.others.asked) - began < 6 and process.poll() is None:
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    done = [item.slice_start.year for item in slices(place.session.database, "treasury", "real_yields") if item.state == "done"]
    assert 5 <= len(done) < 24
    assert years(place, began)[0] == "2008"

    began = len(place.others.asked)
    report = collect_history(place.session, REAL)
    assert (report["slices"], report["done"], report["failed"]) == (24, 24 - len(done), 0)
    assert years(place, began)[:1] == [str(2003 + len(done))]
    assert len(years(place, began)) == 24 - len(done)
    assert rows_of_real_yields(place.session) == expected
    # Nothing is left but the newest slice, which has grown by tomorrow.
    assert collect_history(place.session, REAL)["done"] == 0
    place.at(NOW + timedelta(days=1))
    assert collect_history(place.session, REAL)["done"] == 1


def test_a_slice_that_is_refused_is_noted_and_asked_again_by_the_next_run(place: Place) -> None:
    def but_one(handler: BaseHTTPRequestHandler) -> None:
        (reply(404, b"no such year") if "value=2010" in handler.path else of_a_year)(handler)

    place.others.answers = [but_one]
    assert collect_history(place.session, REAL)["failed"] == 1
    [failed] = [item for item in slices(place.session.database, "treasury", "real_yields") if item.state != "done"]
    assert (failed.slice_start.year, failed.state, failed.attempts) == (2010, "failed", 1)
    assert "no such year" in (failed.error or "")
    place.others.answers = [of_a_year]
    began = len(place.others.asked)
    assert collect_history(place.session, REAL)["done"] == 1
    assert years(place, began) == ["2010"]


def test_a_backfill_of_which_no_slice_could_be_filled_in_has_failed_and_says_why(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crfs.apps.cli.door import Door
    from crfs.apps.cli.program import run

    def but_two(handler: BaseHTTPRequestHandler) -> None:
        refused = "value=2010" in handler.path or "value=2012" in handler.path
        (reply(404, b"no such year") if refused else of_a_year)(handler)

    place.others.answers = [but_two]
    report = collect_history(place.session, REAL)
    assert (report["done"], report["failed"]) == (22, 2), "done in part"
    job_id = submit_backfill(place.session, REAL)
    with pytest.raises(SourceRejected, match="none of the 2 slices that were left could be filled in: all, 2010-01-01 to 2010-12-31: "):
        work_on(place.session, job_id, parks=True)
    ended = job(place.session.database, job_id)
    assert ended.state == "failed"
    assert "all, 2012-01-01 to 2012-12-31" in (ended.error or "")
    monkeypatch.setattr(Door, "session", lambda _door: nullcontext(place.session))
    assert run(["ingest", "treasury", "--stream", "real_yields", "--backfill"]) == 1
    assert "none of the 2 slices" in capsys.readouterr().err
    assert [item.state for item in slices(place.session.database, "treasury", "real_yields")].count("failed") == 2


def test_a_backfill_is_queued_once_for_a_worker_and_a_shell_takes_the_waiting_one(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crfs.apps.cli.door import Door
    from crfs.apps.cli.program import run

    place.others.answers = [of_a_year]
    monkeypatch.setattr(Door, "session", lambda _door: nullcontext(place.session))
    words = ["ingest", "treasury", "--stream", "real_yields", "--backfill"]
    capsys.readouterr()
    shown = []
    for _ in range(2):
        assert run([*words, "--queue", "--json"]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    assert shown[0]["job_id"] == shown[1]["job_id"]
    assert (shown[0]["state"], shown[0]["kind"], shown[0]["priority"]) == ("queued", "backfill", -10)
    [job_id] = to_do(place.session)
    asked = len(place.others.asked)
    assert run(words) == 0
    found = job(place.session.database, job_id)
    assert (found.state, len(place.others.asked) - asked) == ("succeeded", 24)
    assert to_do(place.session) == []


def test_two_shells_do_not_fill_in_the_same_history_twice(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crfs.apps.cli.door import Door
    from crfs.apps.cli.program import run

    job_id = submit_backfill(place.session, REAL)
    claim(place.session.database, holder="elsewhere:1", at=place.clock.now(), lease=LEASE, job_id=job_id)
    monkeypatch.setattr(Door, "session", lambda _door: nullcontext(place.session))
    asked = len(place.others.asked)
    assert run(["ingest", "treasury", "--stream", "real_yields", "--backfill"]) == 4
    assert f"the same work is job {job_id}, which is being done by elsewhere:1" in capsys.readouterr().err
    assert submit_backfill(place.session, REAL) == job_id
    assert len(place.others.asked) == asked
    # Whoever did it is gone, and its lease with it.
    place.at(place.clock.now() + 2 * LEASE)
    place.others.answers = [of_a_year]
    assert collect_history(place.session, REAL)["done"] == 24
    assert job(place.session.database, job_id).state == "succeeded"


def test_a_backfill_by_series_asks_again_only_for_the_series_that_are_left(place: Place) -> None:
    """What a store of before, whose slices were of all series, has noted is left alone."""
    from crfs.store.source_states import end_slice, plan_slices

    database = place.session.database
    plan_slices(database, "fred", "claims", [("", date(1967, 1, 1), NOW.date())], at=NOW)
    end_slice(database, "fred", "claims", date(1967, 1, 1), at=NOW, fence=None)
    del place.fred.series["CCSA"]
    report = collect_history(place.session, CLAIMS)
    assert (report["slices"], report["done"], report["failed"]) == (3, 2, 1)
    noted = {item.part: item for item in slices(database, "fred", "claims")}
    assert {part: item.state for part, item in noted.items()} == {"": "done", "ICSA": "done", "CCSA": "failed", "IC4WSA": "done"}
    assert "does not exist" in (noted["CCSA"].error or "")

    place.fred.series["CCSA"] = told_at_once("CCSA", weekly(), on=date(2026, 3, 4))
    before = place.fred.count
    place.at(NOW + timedelta(days=1))
    report = collect_history(place.session, CLAIMS)
    assert (report["done"], report["failed"], report["appended"]) == (1, 0, 60)
    assert {asked["series_id"] for asked in place.fred.asked(since=before)} == {"CCSA"}
    assert collect_history(place.session, CLAIMS)["done"] == 0
    place.at(datetime(2027, 1, 4, tzinfo=UTC))
    assert collect_history(place.session, CLAIMS)["done"] == 3


def test_a_backfill_brings_every_vintage_there_is(place: Place) -> None:
    newest = max(weekly())
    place.fred.series["ICSA"] = revised(place.fred.series["ICSA"], {newest: 333_000.0}, on=date(2026, 3, 5))
    place.at(NOW + WEEK)
    assert collect_history(place.session, CLAIMS)["appended"] == 181
    rows = place.session.reader(place.session.pin().batch_id).rows("fred_series")
    told = rows.filter((pl.col("entity") == "ICSA") & (pl.col("valid_time").dt.date() == newest)).sort("knowledge_time")["value"].to_list()
    assert told == [weekly()[newest], 333_000.0]


@pytest.mark.parametrize("answers", [True, False])
def test_a_worker_that_slept_beyond_its_lease_leaves_slices_and_sources_as_they_are(place: Place, answers: bool) -> None:
    """Another one has taken the job over while the first waited for the provider, who answers it at last, or does not."""
    job_id = submit_backfill(place.session, REAL)

    def overtaken(handler: BaseHTTPRequestHandler) -> None:
        later = place.clock.now() + 2 * LEASE
        claim(place.session.database, holder="another:1", at=later, lease=LEASE, job_id=job_id)
        (of_a_year if answers else reply(503, b"too much"))(handler)

    place.others.answers = [overtaken]
    with pytest.raises(DoneElsewhere):
        work_on(place.session, job_id, parks=True)
    assert {(item.state, item.attempts) for item in slices(place.session.database, "treasury", "real_yields")} == {("pending", 0)}
    assert (place.source("treasury").failures, place.source("treasury").last_success_at) == (0, None)
    assert (job(place.session.database, job_id).state, job(place.session.database, job_id).lease_holder) == ("running", "another:1")


def test_a_queued_backfill_waits_while_its_provider_does_not_answer_and_goes_on_by_itself(place: Place) -> None:
    asked = len(place.others.asked)

    def three_years(handler: BaseHTTPRequestHandler) -> None:
        (of_a_year if len(place.others.asked) - asked <= 3 else reply(503, b"down for a moment"))(handler)

    place.others.answers = [three_years]
    job_id = submit_backfill(place.session, REAL)
    [parked] = place.work()
    assert "down for a moment" in parked["reason"]
    waiting = job(place.session.database, job_id)
    assert (waiting.state, waiting.attempts, waiting.not_before) == ("queued", 0, NOW + AGAIN_AFTER)
    assert to_do(place.session) == []
    assert len(place.others.asked) - asked == 3 + 2

    place.others.answers = [of_a_year]
    place.at(NOW + AGAIN_AFTER)
    [done] = place.work()
    assert (done["done"], done["failed"], job(place.session.database, job_id).state) == (21, 0, "succeeded")


def test_a_queued_backfill_rests_with_its_source_and_counts_no_attempt(place: Place) -> None:
    place.others.answers = [reply(503, b"down for long")]
    job_id = submit_backfill(place.session, REAL)
    for _ in range(3):
        place.at(place.clock.now() + AGAIN_AFTER)
        place.work()
    assert place.source("treasury").open_until is not None
    until = place.clock.now() + timedelta(hours=1)
    place.execute(f"UPDATE crfs.source_state SET open_until = '{until.isoformat()}' WHERE source = 'treasury'")
    place.at(place.clock.now() + AGAIN_AFTER)
    asked = len(place.others.asked)
    place.work()
    waiting = job(place.session.database, job_id)
    assert (waiting.state, waiting.attempts) == ("queued", 0)
    assert waiting.not_before == until
    assert len(place.others.asked) == asked
    place.others.answers = [of_a_year]
    place.at(until)
    assert [done["done"] for done in place.work()] == [24]


def test_a_worker_that_is_told_to_end_gives_a_long_job_back_at_its_next_step(place: Place) -> None:
    stopping = place.session.stopping

    def told_in_the_third_year(handler: BaseHTTPRequestHandler) -> None:
        if len(place.others.asked) - asked == 3:
            stopping.set()
        of_a_year(handler)

    place.others.answers = [told_in_the_third_year]
    job_id = submit_backfill(place.session, REAL)
    asked = len(place.others.asked)
    try:
        [parked] = place.work()
    finally:
        stopping.clear()
    assert "told to end" in parked["reason"]
    waiting = job(place.session.database, job_id)
    assert (waiting.state, waiting.attempts, waiting.lease_holder, len(place.others.asked) - asked) == ("queued", 0, None, 3)
    assert [done["done"] for done in place.work()] == [24 - 2]  # the third year is asked again: its rows were not published yet


def test_a_stream_is_asked_once_at_a_time_whoever_asks(place: Place) -> None:
    [job_id] = submit_due(place.session)
    claim(place.session.database, holder="elsewhere:1", at=place.clock.now(), lease=LEASE, job_id=job_id)
    asked = place.fred.count
    with pytest.raises(DoneElsewhere, match="is being done by elsewhere:1"):
        collect_stream(place.session, CLAIMS)
    assert place.fred.count == asked
    # Its worker is gone: who asks now does that very job.
    place.at(place.clock.now() + 2 * LEASE)
    assert collect_stream(place.session, CLAIMS).appended == {"fred_series": 180}
    assert job(place.session.database, job_id).state == "succeeded"
