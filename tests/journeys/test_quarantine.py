"""Answers that are not to be trusted, from a provider on this machine to their release: by the program, on a real store."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crfs.apps.cli.program import run
from crfs.bitemporal.rows import INSTANT
from crfs.errors import NotFound, Quarantined, SourceUnavailable
from crfs.quality.thresholds import Shape, Threshold, breaches
from crfs.sources.core import Query
from crfs.store.append import Delivery, append
from crfs.store.definitions import define
from crfs.store.publication import BatchKind, BatchNote
from crfs.store.quarantine import items
from crfs.workflows.alerts import list_alerts, watch_sources
from crfs.workflows.ingestion import ingest, parse_again
from crfs.workflows.quarantine import list_quarantine, show_quarantine, stored_scales
from crfs.workflows.releasing import release_quarantine
from crfs.workflows.session import Session, open_session
from tests.sources.alfred import Archive
from tests.sources.fred_server import KEY, FredServer, fred_server, told_at_once
from tests.sources.provider_server import reply

pytestmark = [pytest.mark.servers, pytest.mark.journey]

WEEK = timedelta(days=7)
VINTAGE = date(2026, 3, 4)
SPOILT = 25
AMOUNTS = ("tot_pub_debt_out_amt", "debt_held_public_amt", "intragov_hold_amt")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """FRED on this machine, and the program on a store of its own."""

    fred: FredServer
    url: str
    capsys: pytest.CaptureFixture[str]

    def crfs(self, *words: str) -> tuple[int, Any]:
        """Exit code and document of a command."""
        self.capsys.readouterr()
        code = int(run([*words, "--json"]))
        return code, json.loads(self.capsys.readouterr().out)

    def show(self, values: dict[date, float], series: str, *, on: date = VINTAGE) -> dict[date, float]:
        self.fred.series[series] = told_at_once(series, values, on=on)
        self.fred.now = datetime(on.year, on.month, on.day, 18, tzinfo=UTC)
        return values


def weekly(series: str, count: int = 60, scale: float = 1.0) -> dict[date, float]:
    """Values that no other series has: FRED's answers do not name theirs."""
    size = 200_000.0 + zlib.crc32(series.encode()) % 10_000
    return {date(2025, 1, 4) + number * WEEK: scale * (size + number) for number in range(count)}


@pytest.fixture(scope="module")
def fred() -> Iterator[FredServer]:
    with fred_server() as served:
        yield served


@pytest.fixture(scope="module")
def url(new_store: Callable[[], str]) -> str:
    """One store for the module: each test has series of its own."""
    return new_store()


@pytest.fixture
def desk(fred: FredServer, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    fred.failing = fred.changed = None
    monkeypatch.setenv("CRFS_STORE__URL", url)
    monkeypatch.setenv("CRFS_ACTOR", "jane")
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
    monkeypatch.setenv("CRFS_SOURCES__FRED__MIRROR", fred.address)
    monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "10000")
    return Desk(fred=fred, url=url, capsys=capsys)


@pytest.fixture
def session(desk: Desk) -> Iterator[Session]:
    with open_session(desk.url) as opened:
        yield opened


def stored(session: Session, series: str) -> dict[date, float | None]:
    """The newest value of each day."""
    rows = session.reader(session.pin().batch_id).rows("fred_series").filter(pl.col("entity") == series)
    newest = rows.sort("valid_time", "knowledge_time", "batch_id").unique("valid_time", keep="last", maintain_order=True)
    return {when.date(): value for when, value in newest.select("valid_time", "value").rows()}


# ------------------------------------------------------------------------------------------------------- what breaks


def many_bad(desk: Desk, series: str) -> None:
    def spoil(path: str, document: dict[str, Any]) -> None:
        for row in document.get("observations", [])[:SPOILT]:
            row["value"] = "n/a"

    desk.show(weekly(series, 62), series, on=VINTAGE + WEEK)
    desk.fred.changed = spoil


def few_rows(desk: Desk, series: str) -> None:
    desk.show(dict(list(weekly(series, 62).items())[-20:]), series, on=VINTAGE + WEEK)


def an_older_answer(desk: Desk, series: str) -> None:
    desk.show(weekly(series, 59), series, on=VINTAGE + WEEK)


def lost_field(desk: Desk, series: str) -> None:
    """The answers before had a field more; see ``flagged``."""
    desk.show(weekly(series, 62), series, on=VINTAGE + WEEK)
    desk.fred.changed = None


def other_unit(desk: Desk, series: str) -> None:
    def name(path: str, document: dict[str, Any]) -> None:
        flagged(path, document)
        if path == "series":
            document["seriess"][0]["units"] = "Thousands"

    desk.show(weekly(series, 62), series, on=VINTAGE + WEEK)
    desk.fred.changed = name


def other_scale(desk: Desk, series: str) -> None:
    desk.show(weekly(series, 62, scale=0.001), series, on=VINTAGE + WEEK)


def flagged(path: str, document: dict[str, Any]) -> None:
    """What FRED says in this module: a unit, and a flag of each observation."""
    for row in document.get("observations", []):
        row["flag"] = "final"
    if path == "series":
        document["seriess"][0]["units"] = "Number"


BROKEN: dict[str, Callable[[Desk, str], None]] = {
    "rejected_share": many_bad, "row_count_drop": few_rows, "staleness": an_older_answer, "header_change": lost_field,
    "unit_change": other_unit, "scale_jump": other_scale,
}  # fmt: skip


def bring(session: Session, *series: str) -> Any:
    return ingest(session, "fred", Query(series=series))


def held_back(session: Session, series: str) -> list[Any]:
    return [item for item in items(session.database, state="held", whole_only=True) if item.stream == series]


@pytest.mark.parametrize("rule", list(BROKEN))
def test_an_answer_that_breaks_a_threshold_is_held_until_it_is_released_and_is_no_surprise_after_that(
    desk: Desk, session: Session, rule: str
) -> None:
    series = rule.upper()
    desk.fred.changed = flagged if rule in {"header_change", "unit_change"} else None
    before = desk.show(weekly(series), series)
    bring(session, series)
    BROKEN[rule](desk, series)
    with pytest.raises(Quarantined, match="crfs quarantine show"):
        bring(session, series)
    assert stored(session, series) == before
    [held] = held_back(session, series)
    assert held.rule == rule
    assert held.evidence
    assert len(show_quarantine(session, held.quarantine_id)["rejected"]) == (SPOILT if rule == "rejected_share" else 0)
    watch_sources(session)
    [alert] = [item for item in list_alerts(session) if item["rule"] == "source.quarantined"]
    assert alert["evidence"] == {
        "held": 1, "newest": {"quarantine_id": held.quarantine_id, "stream": series, "rule": rule, "detail": held.detail},
    }  # fmt: skip
    with pytest.raises(Quarantined):  # asked again, the same answer is the same item
        bring(session, series)
    assert held_back(session, series) == [held]

    assert release_quarantine(session, held.quarantine_id, reason="FRED says so too")["released"]
    # Of the description no row comes in: the observations were not asked for.
    assert (stored(session, series) == before) is (rule == "unit_change")
    watch_sources(session)
    assert [item for item in list_alerts(session) if item["rule"] == "source.quarantined"] == []
    archive = desk.fred.series[series]
    desk.fred.series[series] = replace(archive, vintages={**archive.vintages, VINTAGE + 2 * WEEK: _one_more(archive)})
    desk.fred.now += WEEK
    if rule != "rejected_share":
        bring(session, series)
        assert held_back(session, series) == []


def test_the_program_tells_of_it_and_releases_it_once(desk: Desk) -> None:
    desk.show(weekly("PROGRAM"), "PROGRAM")
    assert desk.crfs("ingest", "fred", "PROGRAM")[0] == 0
    other_scale(desk, "PROGRAM")
    code, said = desk.crfs("ingest", "fred", "PROGRAM")
    assert (code, said["error"]["type"]) == (2, "Quarantined"), said
    [item] = [found for found in desk.crfs("quarantine", "list")[1] if found["rule"] != "rejected_rows"]
    number = str(item["quarantine_id"])
    assert desk.crfs("quarantine", "show", number)[1]["evidence"]["bound"] == 3.0
    code, released = desk.crfs("quarantine", "release", number, "--reason", "FRED says so too")
    assert (code, released["released"]) == (0, True)
    kept = desk.crfs("quarantine", "show", number)[1]
    assert (kept["state"], kept["released_by"], kept["release_reason"]) == ("released", "jane", "FRED says so too")
    code, said = desk.crfs("quarantine", "release", number, "--reason", "again")
    assert code == 1
    assert "released already, by jane: FRED says so too" in said["error"]["message"]


def test_a_redirect_is_no_mistake_of_the_callers(desk: Desk) -> None:
    desk.show(weekly("MOVED"), "MOVED")
    desk.fred.failing = reply(302, Location="https://login.example.net/portal")
    code, said = desk.crfs("ingest", "fred", "MOVED")
    assert (code, said["error"]["type"]) == (3, "Redirected"), said
    assert "fred redirects to login.example.net (HTTP 302); redirects are not followed" in said["error"]["message"]


def test_of_a_source_that_there_is_not_nothing_is_in_quarantine_and_that_is_told(session: Session) -> None:
    with pytest.raises(NotFound, match="no source is called 'nosuch'"):
        list_quarantine(session, source="nosuch")


def _one_more(archive: Archive) -> dict[date, str]:
    newest = archive.vintages[max(archive.vintages)]
    last = max(newest)
    return {**newest, last + WEEK: newest[last]}


def test_a_bad_answer_stops_no_other_one_of_the_run_and_all_bad_ones_are_told(desk: Desk, session: Session) -> None:
    for series in ("FIRST", "SECOND", "THIRD", "FOURTH"):
        desk.show(weekly(series), series)
    bring(session, "SECOND", "FOURTH")
    for series in ("SECOND", "FOURTH"):
        desk.show(weekly(series, scale=1000), series)
    with pytest.raises(Quarantined, match="times what they were") as caught:
        bring(session, "FIRST", "SECOND", "THIRD", "FOURTH")
    assert all(word in str(caught.value) for word in ("SECOND", "FOURTH", "What else came is stored"))
    for series in ("FIRST", "SECOND", "THIRD", "FOURTH"):
        assert stored(session, series) == weekly(series)


def test_what_came_before_a_provider_falls_silent_is_stored(desk: Desk, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last answer too: it does not wait for the next one, which never comes."""
    from crfs.sources.providers import fred as module

    provider = replace(module.SOURCE.provider, attempts=1, retry_wait_seconds=0.01)
    monkeypatch.setattr(module, "SOURCE", replace(module.SOURCE, provider=provider))
    desk.show(weekly("SPOKE"), "SPOKE")

    def falls_silent(path: str, document: dict[str, Any]) -> None:
        if path == "series/observations":
            desk.fred.failing = reply(503)

    desk.fred.changed = falls_silent
    with pytest.raises(SourceUnavailable):
        bring(session, "SPOKE", "SILENT")
    assert stored(session, "SPOKE") == weekly("SPOKE")


def test_the_same_bytes_for_two_series_are_two_answers_and_each_is_released_for_itself(desk: Desk, session: Session) -> None:
    """FRED's observations do not name their series: a stale cache may serve one's to another."""
    for series in ("TWIN", "OTHER_TWIN"):
        desk.show(weekly("TWIN"), series)
    bring(session, "TWIN", "OTHER_TWIN")
    for series in ("TWIN", "OTHER_TWIN"):
        desk.show(weekly("TWIN", 62, scale=1000), series, on=VINTAGE + WEEK)
    with pytest.raises(Quarantined):
        bring(session, "TWIN", "OTHER_TWIN")
    [one], [other] = held_back(session, "TWIN"), held_back(session, "OTHER_TWIN")
    assert one.sha256 == other.sha256
    release_quarantine(session, one.quarantine_id, reason="the unit has changed")
    assert stored(session, "TWIN") == weekly("TWIN", 62, scale=1000)
    with pytest.raises(Quarantined, match="OTHER_TWIN"):
        bring(session, "TWIN", "OTHER_TWIN")
    assert (held_back(session, "TWIN"), held_back(session, "OTHER_TWIN")) == ([], [other])
    assert stored(session, "OTHER_TWIN") == weekly("TWIN")
    watch_sources(session)
    [alert] = [item for item in list_alerts(session) if item["rule"] == "source.quarantined"]
    assert alert["evidence"]["held"] == len(items(session.database, state="held", whole_only=True))
    release_quarantine(session, other.quarantine_id, reason="this one's too")
    assert stored(session, "OTHER_TWIN") == weekly("TWIN", 62, scale=1000)


def test_two_thresholds_are_two_items_and_one_release(desk: Desk, session: Session) -> None:
    desk.show(weekly("BOTH"), "BOTH")
    bring(session, "BOTH")
    desk.show(dict(list(weekly("BOTH", 62, scale=1e-5).items())[-20:]), "BOTH", on=VINTAGE + WEEK)
    with pytest.raises(Quarantined, match=r"rows came.*times what they were"):
        bring(session, "BOTH")
    mine = [item for item in items(session.database, state="held") if item.stream == "BOTH"]
    assert {item.rule for item in mine} == {"row_count_drop", "scale_jump"}
    release_quarantine(session, mine[0].quarantine_id, reason="looked at")
    assert [item for item in items(session.database, state="held") if item.stream == "BOTH"] == []


def test_refused_rows_come_in_when_the_rule_has_changed(desk: Desk, session: Session) -> None:
    """The bounds of a factor of the catalogue are widened."""
    factor = next(f for f in session.catalogue().factors.values() if f.entity == "UNRATE" and f.dataset == "fred_series")
    define(session.database, [], [replace(factor, maximum=0.2)], at=session.clock.now(), source="test")
    desk.show({**dict.fromkeys(weekly("UNRATE"), 4.0), date(2026, 3, 7): 150.0}, "UNRATE")
    report = bring(session, "UNRATE")
    assert (report.rejected_rows, report.appended) == (1, {"fred_series": 60})
    [item] = [item for item in items(session.database, state="held") if item.stream == "UNRATE"]
    assert (item.rule, item.evidence) == ("rejected_rows", {"reasons": {"out_of_range": 1}})
    [row] = show_quarantine(session, item.quarantine_id)["rejected"]
    assert (row["row"], row["column"], row["reason"]) == (61, "value", "out_of_range")

    before = release_quarantine(session, item.quarantine_id, reason="nothing has changed")
    assert (before["released"], before["still_rejected"]) == (False, 1)
    define(session.database, [], [replace(factor, maximum=2.0)], at=session.clock.now(), source="test")
    after = release_quarantine(session, item.quarantine_id, reason="the bounds were too narrow")
    assert (after["released"], after["ingest"]["appended"]) == (True, {"fred_series": 1})
    assert stored(session, "UNRATE")[date(2026, 3, 7)] == 150.0
    known = session.reader(session.pin().batch_id).rows("fred_series").filter(
        (pl.col("entity") == "UNRATE") & (pl.col("valid_time") == pl.lit(datetime(2026, 3, 7, tzinfo=UTC)).cast(INSTANT))
    )  # fmt: skip
    assert known["knowledge_time"].dt.date().to_list() == [VINTAGE]  # known from when it was published, not from its release


def test_rows_of_an_answer_that_is_held_as_a_whole_are_not_released_beside_it(desk: Desk, session: Session) -> None:
    desk.show(weekly("WHOLE"), "WHOLE")
    bring(session, "WHOLE")
    many_bad(desk, "WHOLE")
    with pytest.raises(Quarantined):
        bring(session, "WHOLE")
    mine = {item.rule: item for item in items(session.database, state="held") if item.stream == "WHOLE"}
    assert set(mine) == {"rejected_rows", "rejected_share"}
    with pytest.raises(Exception, match="held back as a whole"):
        release_quarantine(session, mine["rejected_rows"].quarantine_id, reason="the good ones")
    assert stored(session, "WHOLE") == weekly("WHOLE")
    assert release_quarantine(session, mine["rejected_share"].quarantine_id, reason="take the good ones")["released"]
    assert [item.rule for item in items(session.database, state="held") if item.stream == "WHOLE"] == ["rejected_rows"]


def test_a_mended_parser_does_not_publish_what_is_held(desk: Desk, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from crfs.sources.providers import fred as module

    desk.show(weekly("HELD"), "HELD")
    bring(session, "HELD")
    desk.show(weekly("HELD", scale=1000), "HELD")
    with pytest.raises(Quarantined):
        bring(session, "HELD")
    monkeypatch.setattr(module, "SOURCE", replace(module.SOURCE, parser_version="next"))
    parse_again(session, "fred")
    assert stored(session, "HELD") == weekly("HELD")


def test_a_mended_parser_releases_the_rows_that_it_no_longer_refuses(desk: Desk, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves an item whose rows it refuses still; a whole answer that is held stays held."""
    from crfs.sources.providers import fred as module

    class Mended:
        """The parser, which reads what is written "n/a" in one series as no value."""

        def __init__(self, series: str) -> None:
            self.series = series

        def __getattr__(self, name: str) -> Any:
            return "mends" if name == "parser_version" else getattr(module_source, name)

        def parse(self, payload: Any, catalogue: Any) -> Any:
            mended = payload.body.replace(b'"n/a"', b'"."') if payload.stream == self.series else payload.body
            return module_source.parse(replace(payload, body=mended), catalogue)

    def spoil(path: str, document: dict[str, Any]) -> None:
        for row in document.get("observations", [])[:1]:
            row["value"] = "n/a"

    module_source = module.SOURCE
    for series in ("MENDS", "STAYS"):
        desk.show(weekly(series), series)
        desk.fred.changed = spoil
        bring(session, series)
    held = {item.stream: item for item in items(session.database, state="held") if item.stream in {"MENDS", "STAYS"}}
    assert {item.rule for item in held.values()} == {"rejected_rows"}
    monkeypatch.setattr(module, "SOURCE", Mended("MENDS"))
    parse_again(session, "fred")
    after = {item.quarantine_id: item for item in items(session.database)}
    mended, stays = after[held["MENDS"].quarantine_id], after[held["STAYS"].quarantine_id]
    assert (mended.state, mended.release_reason) == ("released", "parser version mends refuses none of its rows")
    assert stays.state == "held"
    assert {item.state for item in after.values() if item.rule != "rejected_rows" and item.stream == "HELD"} <= {"held"}


def test_a_mended_parser_keeps_both_of_two_series_that_say_the_same(desk: Desk, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their answers are the same bytes: FRED's observations do not name their series."""
    from crfs.sources.providers import fred as module

    for series in ("TWIN1", "TWIN2"):
        desk.show(weekly("TWIN"), series)
    bring(session, "TWIN1", "TWIN2")
    monkeypatch.setattr(module, "SOURCE", replace(module.SOURCE, parser_version="mended"))
    for _ in range(2):
        parse_again(session, "fred")
        assert [stored(session, series) for series in ("TWIN1", "TWIN2")] == [weekly("TWIN")] * 2


def test_growth_windows_new_fields_and_revisions_pass(desk: Desk, session: Session) -> None:
    """A level that grows a hundredfold in its history; pieces of it in any order; a field that is new; all values revised by half."""
    series = {date(1950, 1, 1) + number * WEEK: 10.0 * 1.01**number for number in range(600)}
    desk.show(series, "GROWS")
    days = sorted(series)
    for since, until in ((None, None), (days[500], None), (None, days[50]), (days[100], days[200]), (days[-3], None), (None, None)):
        ingest(session, "fred", Query(series=("GROWS",), since=since, until=until))
    desk.fred.changed = flagged
    desk.show({day: value * 1.5 for day, value in series.items()}, "GROWS", on=VINTAGE + WEEK)
    ingest(session, "fred", Query(series=("GROWS",), vintages="all"))
    ingest(session, "fred", Query(series=("GROWS",)))
    assert [item for item in items(session.database) if item.stream == "GROWS"] == []


def test_values_are_compared_with_what_the_store_has_of_the_same_days_whichever_page_they_come_on(session: Session) -> None:
    """The answer before may be of other days: pages of a long table are."""
    catalogue, days = session.catalogue(), [datetime(2024, 1, 1, tzinfo=UTC) + number * timedelta(days=1) for number in range(30)]

    def page(values: list[float], of: list[datetime]) -> pl.DataFrame:
        return pl.DataFrame({"entity": "debt_to_penny", "valid_time": of, "knowledge_time": of, "knowledge_basis": "observed",
                             "row_state": "value", **dict.fromkeys(AMOUNTS, values)},
                            schema_overrides={"valid_time": INSTANT, "knowledge_time": INSTANT})  # fmt: skip

    values = [35e12 + number for number in range(30)]
    note = BatchNote(kind=BatchKind.INGEST, at=datetime(2024, 3, 1, tzinfo=UTC))
    append(session.database, [Delivery(definition=catalogue.dataset("fiscaldata_debt"), rows=page(values, days))], note)
    told = stored_scales(session, {"fiscaldata_debt": page([value / 1000.0 for value in values[:10]], days[:10])}, catalogue)
    assert {name: (round(scale.ratio, 6), scale.is_even) for name, scale in told.items()} == {
        f"fiscaldata_debt.{name} of debt_to_penny": (0.001, True) for name in AMOUNTS
    }
    found = breaches(None, Shape(question="page", row_count=10), rejected_rows=0, scales=told)
    assert [breach.threshold for breach in found] == [Threshold.SCALE_JUMP]
    new = [day + timedelta(days=60) for day in days[:10]]
    assert stored_scales(session, {"fiscaldata_debt": page(values[:10], new)}, catalogue) == {}
