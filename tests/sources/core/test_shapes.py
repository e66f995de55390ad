"""What answers look like: two captures of one thing look alike whatever ordinary has happened, and a real change is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crfs.credit.catalogue import packaged_catalogue
from crfs.quality.thresholds import Breach, Shape, Threshold, breaches
from crfs.sources.core import Payload
from crfs.sources.core.shapes import kind_of_answer, scales_of, shape_of
from crfs.sources.providers.fred import SOURCE as FRED

NOW = datetime(2026, 3, 5, tzinfo=UTC)
DAY = timedelta(days=1)
CATALOGUE = packaged_catalogue()
Series = Mapping[date, float]


def payload(body: object, *, url: str = "https://example.org/data", stream: str = "X") -> Payload:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Payload(source="fred", stream=stream, body=data, url=url, status=200, headers={}, started_at=NOW, fetched_at=NOW)


def table(values: Series, entity: str = "X") -> pl.DataFrame:
    instants = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in values]
    return pl.DataFrame(
        {"entity": [entity] * len(values), "valid_time": instants, "knowledge_time": instants, "value": list(values.values())},
        schema_overrides={"value": pl.Float64},
    )


def shape(values: Series, *, url: str = "https://example.org/data") -> Shape:
    return shape_of(payload(b"1", url=url), {"d": table(values)})


def compared(before: Series, now: Series, *, before_url: str = "https://x.org/a", url: str = "https://x.org/a") -> list[Breach]:
    old = Shape.from_dict(json.loads(json.dumps(shape(before, url=before_url).to_dict())))  # as the store gives it back
    return breaches(old, shape(now, url=url), rejected_rows=0, scales=scales_of(old, {"d": table(now)}))


def thresholds(found: list[Breach]) -> list[Threshold]:
    return [breach.threshold for breach in found]


# -------------------------------------------------------------------------------------------- what must never be held


@st.composite
def histories(draw: st.DrawFn) -> dict[date, float]:
    """A series with a trend of up to a fifth a period, either sign, any level, days, weeks, months, quarters or years apart."""
    count = draw(st.integers(8, 80))
    step = draw(st.sampled_from([1, 7, 30, 91, 365]))
    level = draw(st.floats(1e-3, 1e12)) * draw(st.sampled_from([1.0, -1.0]))
    moves = draw(st.lists(st.floats(-0.2, 0.25), min_size=count, max_size=count))
    values = {}
    for number, move in enumerate(moves):
        values[date(1950, 1, 1) + number * step * DAY] = level
        level *= 1 + move
    return values


@given(histories(), st.floats(3.1, 40.0), st.booleans())
def test_a_series_all_of_whose_days_are_by_one_factor_what_they_were_is_held(series: Series, factor: float, down: bool) -> None:
    """A quarter's rate that is said of a year, a month's sum that is said of twelve: no revision does that."""
    now = {day: value * (1.0 / factor if down else factor) for day, value in series.items()}
    newest = [abs(value) for value in list(series.values())[-5:]]
    held = [Threshold.SCALE_JUMP] if len(set(newest)) >= 4 else []
    assert thresholds(compared(series, now)) == held
    # One day that keeps its value is none of it.
    last = max(series)
    assert thresholds(compared(series, {**now, last: series[last]})) == []


@given(histories(), st.integers(0, 5), st.floats(-0.5, 0.5))
def test_growth_and_revisions_of_the_same_answer_pass(series: dict[date, float], held_back: int, revision: float) -> None:
    days = sorted(series)
    before = {day: series[day] for day in days[: len(days) - held_back]}
    now = {day: value * (1 + revision) for day, value in series.items()}
    assert compared(before, now) == []


@given(histories(), st.data())
def test_incremental_windows_pages_and_pieces_of_any_part_of_a_history_pass(series: dict[date, float], data: st.DataObject) -> None:
    """First everything, then what is new, with or without overlap; an old piece after a new one; pages one after the other."""
    days = sorted(series)

    def piece() -> dict[date, float]:
        first = data.draw(st.integers(0, len(days) - 2))
        last = data.draw(st.integers(first + 1, len(days)))
        return {day: series[day] for day in days[first:last]}

    assert compared(piece(), piece(), url="https://x.org/a?since=1") == []


@given(
    st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, unique=True), st.lists(st.sampled_from(["x", "y", "z"]), unique=True)
)
def test_new_fields_and_fields_that_only_some_rows_have_pass(fields: list[str], new: list[str]) -> None:
    def rows(names: list[str], optional: str) -> list[dict[str, Any]]:
        return [{**dict.fromkeys(names, 1), **({optional: 1} if number == 0 else {})} for number in range(6)]

    before = shape_of(payload({"rows": rows(fields, "latest"), "note": "N"}), {})
    now = shape_of(payload({"rows": rows([*reversed(fields), *new], "other"), "more": {}}), {})
    assert breaches(before, now, rejected_rows=0) == []


def test_days_and_ids_that_are_keys_are_no_names_of_fields() -> None:
    def body(first: int) -> dict[str, Any]:
        days = {str(date(2026, 1, 1) + (first + number) * DAY): {"1. open": "1", "2. high": "2"} for number in range(8)}
        return {"Meta Data": {"1. Information": "Daily"}, "Time Series (Daily)": days}

    before, now = shape_of(payload(body(0)), {}), shape_of(payload(body(100)), {})
    assert before.header == {"Time Series (Daily){}": ("1. open", "2. high")}
    assert breaches(before, now, rejected_rows=0) == []


def test_what_happens_now_and_then_may_be_absent() -> None:
    """Yahoo's events of a window: dividends in one, a split in the other, nothing in the third."""

    def body(events: dict[str, Any] | None) -> dict[str, Any]:
        result = {"timestamp": [1, 2, 3, 4, 5], "indicators": {"quote": [{"open": [1] * 5, "close": [1] * 5}]}}
        return {"chart": {"result": [{**result, **({"events": events} if events else {})}]}}

    shapes = [
        shape_of(payload(body(events)), {}) for events in ({"dividends": {"1580740200": {"amount": 1}}}, {"splits": {"1": {"n": 4}}}, None)
    ]
    for before in shapes:
        for now in shapes:
            assert breaches(before, now, rejected_rows=0) == []
    assert shapes[0].header == {"chart.result[].indicators.quote[]|": ("open", "close")}


def test_news_that_pass_by_are_not_counted() -> None:
    """Thirty articles yesterday, twelve today, the newest of them withdrawn."""

    def articles(count: int, newest: date) -> Shape:
        rows = pl.concat([table({newest - number * DAY: 0.3}, entity=f"article {newest} {number}") for number in range(count)])
        return shape_of(payload(b"<rss/>"), {"articles": rows})

    assert breaches(articles(30, date(2026, 3, 4)), articles(12, date(2026, 3, 3)), rejected_rows=0) == []


def test_a_file_without_a_header_and_prose_have_no_names() -> None:
    for body in (
        b"20260101,1,2\n20260102,1,3\n",
        b"This file was made by us, using the 202601 database.\n\n,A,B\n",
        b"one cell\nand, two\n",
        b"1,http://a.org/x,US\n2,http://a.org/y,FR\n",
        b"FACT,http://a.org/x,US\nFACT,http://a.org/y,FR\n",
    ):
        assert shape_of(payload(body), {}).header == {}, body
    assert shape_of(payload(b'\xef\xbb\xbfDate,"1 Mo","3 Mo, par"\n01/02/2026,4.1,4.2\n'), {}).header == {"": ("Date", "1 Mo", "3 Mo, par")}


@pytest.mark.parametrize("body", [b"", b"{", b"[[[[", b"[]", b"{}", b"null", b'{"a":[{}]}', b"\xff\xfe,", b'a,b\n"', b"a,b", b"{" * 5000])
def test_no_body_makes_it_fail(body: bytes) -> None:
    assert shape_of(payload(body), {}).row_count == 0


# ------------------------------------------------------------------------------------------------ what must be held


@given(histories(), st.sampled_from([100.0, 1000.0, 0.01, 1e6, -100.0]))
def test_another_scale_is_seen_at_any_level(series: dict[date, float], scale: float) -> None:
    days = sorted(series)
    now = {day: series[day] * scale for day in days[-7:]}
    assert thresholds(compared(series, now, url="https://x.org/b")) == [Threshold.SCALE_JUMP]


@given(histories(), st.sampled_from([1000.0, 0.001]))
def test_another_scale_is_seen_where_only_new_days_come(series: dict[date, float], scale: float) -> None:
    days = sorted(series)
    cut = len(days) // 2
    before, after = days[:cut], days[cut:]
    assume(len(before) >= 5 and len(after) >= 5)
    now = {day: series[day] * scale for day in after}
    assert thresholds(compared({day: series[day] for day in before}, now, url="https://x.org/b")) == [Threshold.SCALE_JUMP]


def test_one_value_that_is_put_right_is_no_other_scale() -> None:
    series = {date(2026, 1, 1) + number * DAY: 4.0 for number in range(10)}
    wrong = {**series, max(series): 400.0}
    assert compared(wrong, series) == []


def test_fewer_rows_an_older_answer_lost_fields_and_other_units_are_seen() -> None:
    series = {date(2026, 1, 1) + number * DAY: 4.0 for number in range(40)}
    days = sorted(series)
    assert thresholds(compared(series, dict.fromkeys(days[-19:], 4.0))) == [Threshold.ROW_COUNT_DROP]
    assert thresholds(compared(series, dict.fromkeys(days[-20:], 4.0))) == []
    assert thresholds(compared(series, dict.fromkeys(days[:-1], 4.0))) == [Threshold.STALENESS]
    assert compared(series, dict.fromkeys(days[:-1], 4.0), url="https://x.org/other") == []

    def rows(*names: str, unit: str = "Percent") -> Shape:
        return shape_of(payload({"units": unit, "rows": [dict.fromkeys(names, 1) for _ in range(5)]}), {})

    [lost] = breaches(rows("date", "value", "flag"), rows("date", "val"), rejected_rows=0)
    assert (lost.threshold, lost.evidence) == (Threshold.HEADER_CHANGE, {"lost": ["rows[].value", "rows[].flag"], "new": ["val"]})
    [unit] = breaches(rows("a"), rows("a", unit="Basis points"), rejected_rows=0)
    assert (unit.threshold, unit.evidence) == (Threshold.UNIT_CHANGE, {"changed": {"units": ["Percent", "Basis points"]}})


@pytest.mark.parametrize(
    ("rejected", "accepted", "held"),
    [(9, 0, False), (10, 0, True), (10, 40, False), (10, 39, True), (1000, 4000, False), (1001, 4000, True)],
)
def test_the_share_of_bad_rows_that_is_just_right_and_just_wrong(rejected: int, accepted: int, held: bool) -> None:
    assert bool(breaches(None, Shape(question="q", row_count=accepted), rejected_rows=rejected)) is held


def test_an_older_part_of_history_may_look_otherwise() -> None:
    """The Treasury had fewer tenors in 1990 than in 2025."""

    def curve(year: int, tenors: str) -> Shape:
        body = f"Date,{tenors}\n01/02/{year},{','.join('4' for _ in tenors.split(','))}\n".encode()
        return shape_of(payload(body, url=f"https://x.org/{year}"), {"d": table({date(year, 1, 2): 4.0})})

    assert breaches(curve(2025, "1 Mo,2 Mo"), curve(1990, "1 Yr,2 Yr"), rejected_rows=0) == []
    assert thresholds(breaches(curve(1990, "1 Yr,2 Yr"), curve(2025, "2 Yr,3 Yr"), rejected_rows=0)) == [Threshold.HEADER_CHANGE]


# ------------------------------------------------------------------------------------------------- what is compared


def test_days_and_pages_do_not_make_another_kind_but_what_is_asked_does() -> None:
    def kind(query: str, stream: str = "UNRATE") -> str:
        return kind_of_answer(payload(b"", url=f"https://api.stlouisfed.org/fred/series/observations?{query}", stream=stream))

    one = kind("series_id=UNRATE&observation_start=2024-01-01&offset=0&limit=100000#archive_start=1960-03-15")
    assert one == kind("series_id=UNRATE&observation_start=2025-02-01&offset=1000&limit=50")
    assert one != kind("series_id=GDP&observation_start=2024-01-01")
    assert one != kind("series_id=UNRATE&units=pch")
    assert one != kind("series_id=UNRATE", stream="OTHER")


def test_the_two_captures_of_gdp_look_alike() -> None:
    """As recorded, in small: all vintages, and the same a month later with one revision and one period more."""

    def capture(today: str, rows: list[tuple[str, str, str]]) -> tuple[Shape, dict[str, pl.DataFrame]]:
        observations = [{"realtime_start": start, "realtime_end": "9999-12-31", "date": day, "value": value} for day, start, value in rows]
        document = {
            "realtime_start": "1776-07-04", "realtime_end": "9999-12-31", "units": "lin", "output_type": 1, "count": len(rows),
            "offset": 0, "limit": 100_000, "observations": observations,
        }  # fmt: skip
        answer = payload(document, url=f"https://api.stlouisfed.org/fred/series/observations?series_id=GDP&today={today}", stream="GDP")
        tables = dict(FRED.parse(answer, CATALOGUE).tables)
        return shape_of(answer, tables), tables

    rows = [(str(date(1947 + n // 4, 1 + n % 4 * 3, 1)), "1992-01-01", f"{243.0 * 1.016**n:.3f}") for n in range(300)]
    before, _ = capture("a", rows)
    now, tables = capture("b", [*rows[:-1], (rows[-1][0], "2022-01-27", "30000.0"), ("2022-01-01", "2022-04-28", "30100.5")])
    assert breaches(before, now, rejected_rows=0, scales=scales_of(before, tables)) == []
    assert len(before.sizes["fred_series.value of GDP"]) == 5
