"""FRED's recorded answers into a store: twice is once, the order of captures does not matter, and a window's edge is no revision."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import polars as pl
import pytest

from crfs.bitemporal import as_of
from crfs.errors import InvalidInput
from crfs.sources.core import Query
from crfs.workflows.factors import factor_history, factor_vintages, show_factor
from crfs.workflows.ingest_report import IngestReport
from crfs.workflows.ingestion import ingest
from crfs.workflows.session import Session, open_session
from crfs.workflows.verification import verify
from tests.journeys.captures import write_graph, write_refusal, write_window
from tests.journeys.conftest import SHARED
from tests.sources.alfred import DAY, FOREVER, Archive, random_archive

pytestmark = [pytest.mark.servers, pytest.mark.journey]

SERIES = 10
CAPTURED = datetime(2025, 6, 3, 18, 0, tzinfo=UTC)


def replayed(session: Session, folder: Path) -> IngestReport:
    return ingest(session, "fred", Query(), replay=folder)


def stored(session: Session) -> pl.DataFrame:
    """Every row of every series that the store has."""
    return session.reader(session.pin().batch_id).rows("fred_series")


def shown(rows: pl.DataFrame, day: date) -> dict[str, dict[date, float]]:
    """What the store answers for the end of a day in St. Louis: values by series and date."""
    after = day + DAY
    end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo("America/Chicago")).astimezone(UTC)
    answer: dict[str, dict[date, float]] = {}
    for series, when, value in as_of(rows, as_of=end).select("entity", "valid_time", "value").rows():
        if value is not None:
            answer.setdefault(series, {})[when.date()] = value
    return answer


def archives(seed: int) -> dict[str, Archive]:
    """Histories with withdrawals and re-issues, a series each."""
    return {f"S{i}": Archive(vintages=random_archive(seed + i).vintages, series=f"S{i}") for i in range(SERIES)}


def check_answers(rows: pl.DataFrame, drawn: Mapping[str, Archive]) -> None:
    """On every day around every vintage the store answers what the archive showed."""
    for series, archive in drawn.items():
        own = rows.filter(pl.col("entity") == series)
        for day in sorted({vintage + k * DAY for vintage in archive.vintages for k in (-1, 0, 1)}):
            assert shown(own, day).get(series, {}) == archive.at(day), (series, day)


def revisions(rows: pl.DataFrame) -> set[tuple[str, datetime, datetime, float | None]]:
    """The moments at which a value came, changed or went: what a list of vintages is made of."""
    counted = rows.filter(pl.col("row_state").cast(pl.String) != "missing").sort("entity", "valid_time", "knowledge_time", "batch_id")
    counted = counted.unique(["entity", "valid_time", "knowledge_time"], keep="last", maintain_order=True)
    before = pl.col("value").shift(1).over("entity", "valid_time")
    first = pl.int_range(pl.len()).over("entity", "valid_time") == 0
    changed = counted.filter((first & pl.col("value").is_not_null()) | (~first & ~pl.col("value").eq_missing(before)))
    return set(changed.select("entity", "valid_time", "knowledge_time", "value").rows())


def test_captures_in_any_order_give_the_answers_of_the_archive_and_its_revisions(
    new_store: Callable[[], str], tmp_path: Path, seed: int
) -> None:
    """All vintages, windows cut on both sides, an older capture, the keyless table: whichever comes first."""
    drawn, draw = archives(seed), random.Random(seed)
    for series, archive in drawn.items():
        days = sorted(archive.vintages)
        orders = [f"{series}_{n}" for n in draw.sample(range(5), 5)]
        write_window(tmp_path, f"{orders[0]}_all", archive, captured=CAPTURED)
        write_window(tmp_path, f"{orders[1]}_older", archive, captured=CAPTURED, today=days[3])
        first, length = draw.choice(days[1:]), timedelta(days=draw.randrange(900))
        write_window(tmp_path, f"{orders[2]}_window", archive, captured=CAPTURED, start=first, end=first + length)
        day = draw.choice(days) + draw.randrange(40) * DAY
        write_window(tmp_path, f"{orders[3]}_as_of", archive, captured=CAPTURED, start=day, end=day)
        write_graph(tmp_path, f"{orders[4]}_graph", archive, captured=CAPTURED)
    write_refusal(tmp_path, "refused", captured=CAPTURED)
    alone = tmp_path / "alone"
    for series, archive in drawn.items():
        write_window(alone, series, archive, captured=CAPTURED)
    with open_session(new_store()) as session:
        report = replayed(session, tmp_path)
        assert report.rejected_rows == 0
        rows = stored(session)
        check_answers(rows, drawn)
        again = replayed(session, tmp_path)
        assert (again.batches, again.appended.get("fred_series", 0)) == ([], 0)
        assert verify(session)["sound"]
    with open_session(new_store()) as session:
        replayed(session, alone)
        assert revisions(rows) == revisions(stored(session))


def test_windows_that_never_show_the_whole_give_the_same_answers_in_either_order(
    new_store: Callable[[], str], tmp_path: Path, seed: int
) -> None:
    """Windows share a vintage date, as those of the connector do: a date that is simply gone from the next one is seen to go."""
    drawn, draw = archives(seed), random.Random(seed)
    for series, archive in drawn.items():
        days = sorted(archive.vintages)
        cut = draw.randrange(1, len(days) - 1)
        windows = [(days[0], days[cut]), (days[cut], days[-1]), (days[-1], FOREVER)]
        for number, (start, end) in enumerate(windows):
            write_window(tmp_path / "forth", f"{series}_{number}", archive, captured=CAPTURED, start=start, end=end)
            write_window(tmp_path / "back", f"{series}_{9 - number}", archive, captured=CAPTURED, start=start, end=end)
    for order in ("forth", "back"):
        with open_session(new_store()) as session:
            replayed(session, tmp_path / order)
            check_answers(stored(session), drawn)


def capture_at_random(folder: Path, archive: Archive, draw: random.Random) -> tuple[str, date, date, datetime] | None:
    """One answer of any kind: a window of real time, one day, the keyless table; captured while its last day runs, or later."""
    days = sorted(archive.vintages)
    kind = draw.choice(["window", "day", "table"])
    start = days[0] + draw.randrange((days[-1] - days[0]).days + 20) * DAY
    end = start if kind != "window" else start + draw.randrange(500) * DAY
    captured = datetime(end.year, end.month, end.day, 23, 30, tzinfo=UTC) + draw.choice([0, 1, 40]) * DAY
    if kind == "table":
        captured = datetime(end.year, end.month, end.day, 23, 30, tzinfo=UTC)
        write_graph(folder, archive.series, archive, captured=captured)
        return kind, end, end, captured
    today = captured.date()
    known = [period for period in archive.until(today).periods() if period[1] <= end and period[2] >= start]
    if not known:
        return None
    write_window(folder, archive.series, archive, captured=captured, start=start, end=end, today=today)
    return kind, start, end, captured


def test_what_an_answer_leaves_out_is_gone_from_then_whatever_the_order_of_answers(
    new_store: Callable[[], str], tmp_path: Path, seed: int
) -> None:
    """Withdrawals between windows, too: after each answer, every answer so far can be asked for what it showed.

    The keyless table does not tell whether what lies before its first date is gone or not shown: that is not asked.
    """
    drawn, draw = dict(list(archives(seed).items())[:6]), random.Random(seed)
    given: dict[str, list[tuple[str, date, date, datetime]]] = {series: [] for series in drawn}
    asked = 0
    with open_session(new_store()) as session:
        for turn in range(5):
            for series, archive in drawn.items():
                capture = capture_at_random(tmp_path / str(turn), archive, draw)
                given[series] += [capture] if capture else []
            report = replayed(session, tmp_path / str(turn))
            assert (report.rejected_rows, report.conflicts) == (0, [])
            rows = stored(session)
            for series, archive in drawn.items():
                own = rows.filter(pl.col("entity") == series)
                for kind, start, end, captured in given[series]:
                    if kind == "table":
                        said = archive.vintages[max(day for day in archive.vintages if day <= end)]
                        told = shown_at(own, captured)
                        assert {when: told[when] for when in told if when >= min(said)} == archive.at(end), (series, captured)
                        asked += 1
                        continue
                    near = {vintage + k * DAY for vintage in archive.vintages for k in (-1, 0, 1)}
                    for day in sorted({start, end} | {day for day in near if start <= day <= end}):
                        told = shown(own, day).get(series, {}) if captured.date() > day else shown_at(own, captured)
                        assert told == archive.at(day), (series, day, captured)
                        asked += 1
        for turn in range(5):
            again = replayed(session, tmp_path / str(turn))
            assert (again.batches, again.appended.get("fred_series", 0)) == ([], 0)
        assert asked > len(drawn)
        assert verify(session)["sound"]


def shown_at(rows: pl.DataFrame, instant: datetime) -> dict[date, float]:
    """What rows of one series answer at an instant."""
    answer = as_of(rows, as_of=instant).select("valid_time", "value").rows()
    return {when.date(): value for when, value in answer if value is not None}


def test_once_the_whole_history_is_there_values_are_shown_as_known_from_their_own_vintage(
    new_store: Callable[[], str], tmp_path: Path, seed: int
) -> None:
    """Whatever was asked before it: a window, one day, the keyless table."""
    drawn = (random_archive(seed + k).vintages for k in itertools.count())
    # One whose last vintage has a value: the keyless table would show nothing of another.
    vintages = next(one for one in drawn if set(one[max(one)].values()) - {"."})
    archive, factor = Archive(vintages=vintages, series="GACDFSA066MSFRBPHI"), "us.business_conditions_philadelphia"
    days = sorted(archive.vintages)
    write_graph(tmp_path / "graph", "a", archive, captured=CAPTURED)
    write_window(tmp_path / "day", "a", archive, captured=CAPTURED, start=days[-1] + 40 * DAY, end=days[-1] + 40 * DAY)
    write_window(tmp_path / "window", "a", archive, captured=CAPTURED, start=days[2] + DAY, end=days[-2])
    write_window(tmp_path / "whole", "a", archive, captured=CAPTURED)
    told = {}
    for order in (("whole",), ("graph", "day", "window", "whole")):
        with open_session(new_store()) as session:
            replayed(session, tmp_path / order[0])
            first = factor_history(session, factor).table
            for folder in order[1:]:
                replayed(session, tmp_path / folder)
            known = factor_history(session, factor).table.drop("knowledge_basis")
            told[order] = known, show_factor(session, factor)["stored"]["revisions"], factor_vintages(session, factor).table
    (shown, revised, listed), (other, also_revised, also_listed) = told.values()
    assert set(first.select("knowledge_time", "knowledge_basis").rows()) == {(CAPTURED, "backfilled")}
    assert shown["value"].null_count() < shown.height
    assert other.equals(shown)
    assert (also_revised, also_listed.equals(listed)) == (revised, True)


def test_a_value_that_the_keyless_table_no_longer_has_is_withdrawn(session: Session, tmp_path: Path) -> None:
    """The archive's capture is old; today the table says "." where there was a value."""
    known = {date(2025, 1, 31): {date(2025, 1, 1): "1.5"}, date(2025, 5, 30): {date(2025, 1, 1): ".", date(2025, 5, 1): "2.5"}}
    archive = Archive(vintages=known, series="GONE")
    write_window(tmp_path, "a", archive, captured=CAPTURED, today=date(2025, 2, 1))
    write_graph(tmp_path, "b", archive, captured=CAPTURED)
    replayed(session, tmp_path)
    assert shown(stored(session), CAPTURED.date() - DAY) == {"GONE": {date(2025, 1, 1): 1.5}}
    assert shown(stored(session), CAPTURED.date()) == {"GONE": {date(2025, 5, 1): 2.5}}


@pytest.fixture
def fred_folder() -> Path:
    folder = SHARED / "recordings" / "fred"
    if not folder.is_dir():
        pytest.skip(f"the shared recordings are not at {folder} (CRFS_SHARED)")
    return folder


def test_the_recorded_answers_twice_are_once_and_gdp_is_what_alfred_showed(session: Session, fred_folder: Path) -> None:
    """Metadata, errors, XML, tables and three kinds of observations of GDP, in the order of their names."""
    first = replayed(session, fred_folder)
    assert {"OK", "AUTH", "BAD_REQUEST"} <= set(first.classifications)
    assert first.appended["fred_series"] > 3_199
    rows = stored(session)
    again = replayed(session, fred_folder)
    assert (again.batches, again.rejected_rows) == ([], first.rejected_rows)
    assert stored(session).equals(rows)
    recorded = orjson.loads((fred_folder / "observations_GDP_all_vintages_a.json").read_bytes())["observations"]
    day = date.fromisoformat
    periods = [(day(row["date"]), day(row["realtime_start"]), day(row["realtime_end"]), row["value"]) for row in recorded]
    gdp = rows.filter(pl.col("entity") == "GDP")
    newest = max(start for _, start, _, _ in periods)
    for asked in (date(1991, 12, 3), date(1991, 12, 4), date(2000, 2, 29), date(2008, 9, 15), date(2019, 1, 1), newest - DAY, newest):
        alfred = {when: float(text) for when, start, end, text in periods if start <= asked <= end and text != "."}
        assert shown(gdp, asked).get("GDP", {}) == alfred, asked
    assert verify(session)["sound"]


def test_of_a_folder_the_series_that_are_asked_for_come_in_and_one_that_it_lacks_is_said(session: Session, tmp_path: Path) -> None:
    known = {date(2025, 1, 31): {date(2025, 1, 1): "1.5"}}
    for name in ("FOLDERA", "FOLDERB"):
        write_graph(tmp_path, name, Archive(vintages=known, series=name), captured=CAPTURED)
    ingest(session, "fred", Query(series=("FOLDERA",)), replay=tmp_path)
    assert {name for name in shown(stored(session), CAPTURED.date()) if name.startswith("FOLDER")} == {"FOLDERA"}
    with pytest.raises(InvalidInput, match="no recording of NOSUCH; it has FOLDERA, FOLDERB"):
        ingest(session, "fred", Query(series=("NOSUCH",)), replay=tmp_path)
