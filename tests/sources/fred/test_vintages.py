"""FRED's vintages: what the table answers for a day is what ALFRED showed on that day, however it was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import orjson
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from crfs.credit.catalogue import Catalogue, packaged_catalogue
from crfs.sources.core import Payload, Query
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.core.tables import settle_clipped
from crfs.sources.providers.fred.source import SOURCE, Fred
from tests.sources.alfred import (
    DAY,
    EARLIEST,
    FOREVER,
    Archive,
    Period,
    observations_document,
    payload_of,
    random_archive,
    rows_of,
    seen,
    with_batch,
)

CATALOGUE = packaged_catalogue()
SEEDS = st.integers(0, 2**32 - 1)
# A seed does not shrink to a simpler history, so nothing is shrunk.
LAW = settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
URL = "https://api.stlouisfed.org/fred/series/observations?series_id=TEST"


def parse(payload: Payload) -> pl.DataFrame:
    return rows_of(SOURCE.parse(payload, CATALOGUE))


def capture(archive: Archive, start: date = EARLIEST, end: date = FOREVER) -> pl.DataFrame:
    """One request for a window of real time."""
    rows = [
        {"realtime_start": str(max(a, start)), "realtime_end": str(min(b, end)), "date": str(when), "value": text}
        for when, a, b, text in archive.periods()
        if a <= end and b >= start
    ]
    if not rows:
        return capture(archive).clear()
    return parse(payload_of(observations_document(rows, start, end), url=URL))


def fetched(archive: Archive, source: Fred, query: Query | None = None) -> pl.DataFrame:
    """Everything that the connector asks for, put together."""
    query = query or Query(series=(archive.series,), vintages="all")
    tables = [source.parse(payload, CATALOGUE).tables for payload in source.fetch(query, archive, CATALOGUE)]
    return settle_clipped(pl.concat([table["fred_series"] for table in tables if table]))


def days_around(archive: Archive) -> Iterable[date]:
    """Every vintage date, the day before and the day after."""
    return sorted({vintage + k * DAY for vintage in archive.vintages for k in (-1, 0, 1)})


@given(SEEDS)
@LAW
def test_every_day_is_answered_as_the_archive_answered_it(seed: int) -> None:
    archive = random_archive(seed)
    table = capture(archive)
    for day in days_around(archive):
        assert seen(table, day) == archive.at(day), day


@given(SEEDS, st.integers(2, 6), st.integers(1, 6))
@LAW
def test_slices_and_pages_give_the_rows_of_one_request(seed: int, max_vintages: int, more_rows: int) -> None:
    archive = random_archive(seed, max_vintages=max_vintages)
    sliced = fetched(archive, Fred(max_vintages=max_vintages, max_rows=max_vintages + more_rows, max_dates=3))
    assert_frame_equal(sliced, capture(archive))


@given(SEEDS, st.integers(0, 6))
@LAW
def test_an_earlier_capture_adds_nothing_to_a_later_one(seed: int, kept: int) -> None:
    archive = random_archive(seed)
    earlier, later = capture(archive.until(sorted(archive.vintages)[kept])), capture(archive)
    assert_frame_equal(pl.concat([earlier, later]).unique(maintain_order=True).sort(["valid_time", "knowledge_time"]), later)


@given(SEEDS, st.integers(0, 6), st.integers(0, 400), st.integers(0, 900))
@LAW
def test_a_windows_edges_are_no_events(seed: int, first: int, later: int, length: int) -> None:
    """Within the window every day is right; beyond the clipped rows nothing is in it that the whole history has not."""
    archive = random_archive(seed)
    start = sorted(archive.vintages)[first] + timedelta(days=later)
    end = start + timedelta(days=length)
    table, whole = capture(archive, start, end), capture(archive)
    for day in [start, end, *(day for day in days_around(archive) if start <= day <= end)]:
        assert seen(table, day) == archive.at(day), day
    # A "." may follow a withdrawal before the window, which the window does not show: those are settled against the history.
    assert set(table.filter("clipped")["knowledge_basis"]) <= {"backfilled"}, "the window does not tell since when"
    exact = table.filter(~pl.col("clipped") & (pl.col("row_state") != "missing"))
    assert exact.join(whole, on=["valid_time", "knowledge_time", "row_state"], how="semi").height == exact.height
    assert_frame_equal(settle_clipped(pl.concat([whole, table])), whole)


@given(SEEDS, st.integers(2, 5), st.integers(0, 4), st.integers(1, 6))
@LAW
def test_a_range_of_dates_gives_those_rows_of_the_whole(seed: int, max_vintages: int, since: int, more_rows: int) -> None:
    archive = random_archive(seed, max_vintages=max_vintages)
    first = date(1999, 1 + since, 1)
    wanted = capture(archive).filter(pl.col("valid_time").dt.date() >= first)
    query = Query(series=("TEST",), vintages="all", since=first)
    if wanted.height:
        assert_frame_equal(fetched(archive, Fred(max_vintages=max_vintages, max_rows=max_vintages + more_rows), query), wanted)


@given(SEEDS, st.integers(2, 5), st.integers(0, 6), st.integers(0, 3))
@LAW
def test_asked_again_and_again_for_what_is_new_nothing_is_lost(seed: int, max_vintages: int, kept: int, earlier: int) -> None:
    """A first run on the day of one vintage, and a last one after all of them, since that day less some: each day from then on is answered."""
    archive = random_archive(seed, max_vintages=max_vintages)
    first_day = sorted(archive.vintages)[kept]
    source, options = Fred(max_vintages=max_vintages), {"vintages_since": first_day - earlier * DAY}
    query = Query(series=("TEST",), vintages="all", options={**options, "newest": True})
    begun = fetched(replace(archive.until(first_day), now=datetime.combine(first_day, time(23), tzinfo=UTC)), source, query)
    gone_on = fetched(archive, source, replace(query, options=options))
    both = settle_clipped(pl.concat([begun, gone_on]).unique(maintain_order=True).sort(["valid_time", "knowledge_time"]))
    for day in [day for day in days_around(archive) if day >= first_day]:
        assert seen(both, day) == archive.at(day), day
    # What was new is known from its own day, not from the window's start.
    exact = capture(archive).filter((pl.col("vintage_date") >= first_day) & (pl.col("row_state") == "value"))
    assert exact.join(both, on=["valid_time", "knowledge_time", "value", "knowledge_basis"], how="semi").height == exact.height


def test_where_no_vintage_came_only_the_list_is_fetched() -> None:
    archive = Archive(vintages={date(2020, 1, 10): {date(2019, 12, 1): "1.5"}, date(2020, 2, 10): {date(2019, 12, 1): "1.6"}})
    since = {"vintages_since": date(2020, 2, 11)}
    asked = Query(series=("TEST",), vintages="all", options=since)
    assert [payload.url.partition("?")[0].rpartition("/")[2] for payload in Fred().fetch(asked, archive, CATALOGUE)] == [
        "series",
        "vintagedates",
    ]
    newest = replace(asked, options={**since, "newest": True})
    assert fetched(archive, Fred(), newest)["value"].to_list() == [1.5, 1.6]


def test_a_withdrawn_value_is_retracted_the_day_after_its_last() -> None:
    archive = Archive(
        vintages={date(2020, 1, 10): {date(2019, 12, 1): "1.5", date(2019, 11, 1): "2"}, date(2020, 2, 10): {date(2019, 11, 1): "2"}}
    )
    gone = capture(archive).filter(pl.col("valid_time") == datetime(2019, 12, 1, tzinfo=UTC))
    assert gone.select("vintage_date", "row_state", "value").rows() == [
        (date(2020, 1, 10), "value", 1.5),
        (date(2020, 2, 10), "retracted", None),
    ]


def test_a_point_is_missing_at_first_and_a_withdrawal_after_a_value() -> None:
    vintages = {date(2020, 1, 1 + i): {date(2019, 12, 1): text} for i, text in enumerate([".", "1", ".", "1", "1"])}
    rows = capture(Archive(vintages=vintages))
    assert rows["row_state"].to_list() == ["missing", "value", "retracted", "value"]
    assert rows["knowledge_basis"].to_list() == ["backfilled", "observed", "observed", "observed"]


def test_a_release_time_in_the_catalogue_says_when_a_vintage_was_known() -> None:
    rows = [{"realtime_start": "2020-06-05", "realtime_end": "9999-12-31", "date": "2020-05-01", "value": "13.3"}]
    payload = payload_of(observations_document(rows, date(2020, 6, 1), FOREVER), url=URL.replace("TEST", "UNRATE"))
    assert parse(payload)["knowledge_time"].to_list() == [datetime(2020, 6, 5, 12, 30, tzinfo=UTC)]
    # A series that no factor names: the end of that day in St. Louis.
    assert parse(payload_of(observations_document(rows, date(2020, 6, 1), FOREVER), url=URL))["knowledge_time"].to_list() == [
        datetime(2020, 6, 6, 5, 0, tzinfo=UTC)
    ]


@pytest.mark.parametrize("output_type", [2, 3])
def test_wide_vintages_give_the_rows_of_real_time_periods(output_type: int) -> None:
    """Output types 2 (every vintage) and 3 (new and revised) of one history without withdrawn dates."""
    days = [date(2020, 1, 5), date(2020, 2, 5), date(2020, 3, 5)]
    said = [{date(2019, 12, 1): "1"}, {date(2019, 12, 1): "1", date(2020, 1, 1): "2"}, {date(2019, 12, 1): ".", date(2020, 1, 1): "3"}]
    archive = Archive(vintages=dict(zip(days, said, strict=True)))
    rows = []
    for when in (date(2019, 12, 1), date(2020, 1, 1)):
        row, before = {"date": str(when)}, "."
        for day, values in archive.vintages.items():
            text = values.get(when, ".")
            if output_type == 2 or text != before:
                row[f"TEST_{day:%Y%m%d}"] = text
            before = text
        rows.append(row)
    document = observations_document(rows, EARLIEST, FOREVER) | {"output_type": output_type}
    assert_frame_equal(parse(payload_of(document, url=URL)), capture(archive))


@pytest.fixture(scope="module")
def gdp(recordings: Path) -> dict[str, Payload]:
    found = recorded_payloads(recordings / "fred", source="fred", now=datetime.now(UTC))
    return {item.path.stem: item.payload for item in found if "GDP" in item.path.name}


@pytest.fixture(scope="module")
def gdp_periods(gdp: dict[str, Payload]) -> list[Period]:
    observations = orjson.loads(gdp["observations_GDP_all_vintages_a"].body)["observations"]
    day = date.fromisoformat
    return [(day(row["date"]), day(row["realtime_start"]), day(row["realtime_end"]), row["value"]) for row in observations]


def archive_of(periods: list[Period]) -> Archive:
    """The archive that has exactly these periods."""
    vintages = sorted({start for _, start, _, _ in periods})
    said: dict[date, dict[date, str]] = {vintage: {} for vintage in vintages}
    for when, start, end, text in periods:
        for vintage in vintages:
            if start <= vintage <= end:
                said[vintage][when] = text
    return Archive(vintages=said, series="GDP", max_vintages=60)


def test_the_first_vintages_of_gdp_are_its_initial_releases(gdp: dict[str, Payload]) -> None:
    initial, every = parse(gdp["observations_GDP_output_type4_initial_release"]), parse(gdp["observations_GDP_all_vintages_a"])
    first = every.filter(pl.col("row_state") == "value").unique("valid_time", keep="first", maintain_order=True)
    both = initial.join(first, on=["valid_time", "knowledge_time", "vintage_date", "value", "knowledge_basis"])
    assert (initial.height, both.height) == (132, 132)


def test_gdp_on_any_day_is_what_alfred_showed_on_that_day(gdp: dict[str, Payload], gdp_periods: list[Period], catalogue: Catalogue) -> None:
    table = parse(gdp["observations_GDP_all_vintages_a"])
    starts = sorted({start for _, start, _, _ in gdp_periods})
    assert len(starts) == 393
    days = sorted({*starts, *(day - DAY for day in starts), *(a + (b - a) // 2 for a, b in pairwise(starts))})
    batched = with_batch(table)
    assert batched.height == 3199
    for day in days:
        shown = {when: float(text) for when, start, end, text in gdp_periods if start <= day <= end and text != "."}
        assert seen(table, day) == shown, day


def test_gdp_in_slices_and_pages_is_gdp_in_one_request(gdp: dict[str, Payload], gdp_periods: list[Period]) -> None:
    archive = archive_of(gdp_periods)
    assert archive.periods() == gdp_periods
    assert_frame_equal(fetched(archive, Fred(max_vintages=60, max_rows=700, max_dates=100)), parse(gdp["observations_GDP_all_vintages_a"]))
    assert len(archive.asked) > 12


def test_the_latest_capture_of_gdp_adds_nothing_to_all_its_vintages(gdp: dict[str, Payload]) -> None:
    every, latest = parse(gdp["observations_GDP_all_vintages_a"]), parse(gdp["series_observations_GDP"])
    assert latest["clipped"].all()
    assert_frame_equal(settle_clipped(pl.concat([every, latest])), every)


def test_gdp_as_of_a_window_that_ends_in_2019_is_the_history_until_then(gdp: dict[str, Payload], gdp_periods: list[Period]) -> None:
    """291 rows of such a capture end on its last day and are not revised then; the recorded one has 2,902 rows."""
    end = date(2019, 1, 1)
    rows = [
        {"realtime_start": str(a), "realtime_end": str(min(b, end)), "date": str(when), "value": text}
        for when, a, b, text in gdp_periods
        if a <= end
    ]
    table = parse(payload_of(observations_document(rows, EARLIEST, end), url=URL.replace("TEST", "GDP")))
    whole = parse(gdp["observations_GDP_all_vintages_a"])
    assert sum(row["realtime_end"] == "2019-01-01" for row in rows) == 291
    assert table.height == 2902
    assert_frame_equal(table, whole.filter(pl.col("vintage_date") <= end))
