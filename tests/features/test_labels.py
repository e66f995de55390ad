"""Labels: a default within the horizon, told only where the outcome window has closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput, NotYetKnown
from crfs.features import outcome_labels

INSTANT = pl.Datetime("us", "UTC")
DATA = pl.Schema({"obligor_id": pl.String(), "observed_at": INSTANT})
EVENTS = pl.Schema({"obligor_id": pl.String(), "default_time": INSTANT, "cure_time": INSTANT})
LATE = datetime(2030, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def labels(
    spine: Sequence[tuple[str, datetime]],
    events: Sequence[tuple[str, datetime, datetime | None]],
    *,
    known_by: datetime = LATE,
    horizon: str = "P12M",
) -> list[tuple[str, datetime, int]]:
    made = outcome_labels(
        pl.DataFrame(spine, schema=DATA, orient="row"),
        pl.DataFrame(events, schema=EVENTS, orient="row"),
        horizon=horizon,
        known_by=known_by,
        reporting_delay="P45D",
    )
    assert made.table.height + made.in_default == len(spine)
    return made.table.rows()


def test_the_horizon_is_open_at_its_start_and_closed_at_its_end() -> None:
    observed = day(2020, 2, 29)
    end = day(2021, 2, 28)  # twelve months on, the day clipped
    for default, flag in [(observed + TICK, 1), (end, 1), (end + TICK, 0)]:
        assert labels([("a", observed)], [("a", default, None)]) == [("a", observed, flag)]
    assert labels([("a", observed)], [("b", end, None)]) == [("a", observed, 0)]
    assert labels([("a", observed)], []) == [("a", observed, 0)]


def test_who_is_in_default_at_the_observation_has_no_outcome() -> None:
    observed = day(2020, 6, 30)
    assert labels([("a", observed)], [("a", observed, None)]) == []
    assert labels([("a", observed)], [("a", day(2019, 1, 1), observed + TICK)]) == []
    assert labels([("a", observed)], [("a", day(2019, 1, 1), observed)]) == [("a", observed, 0)]
    assert labels([("a", observed)], [("a", day(2019, 1, 1), observed), ("a", day(2020, 9, 1), None)]) == [("a", observed, 1)]


def test_several_defaults_within_the_horizon_are_one_outcome_and_the_order_of_rows_stays() -> None:
    spine = [("b", day(2020, 1, 31)), ("a", day(2020, 3, 31)), ("b", day(2020, 1, 31))]
    events = [("a", day(2020, 5, 1), day(2020, 6, 1)), ("a", day(2020, 7, 1), None)]
    assert labels(spine, events) == [("b", day(2020, 1, 31), 0), ("a", day(2020, 3, 31), 1), ("b", day(2020, 1, 31), 0)]


def test_an_open_window_refuses_the_whole_set() -> None:
    spine = [("a", day(2020, 1, 31)), ("b", day(2020, 2, 29))]
    closes = day(2021, 2, 28) + timedelta(days=45)
    assert len(labels(spine, [], known_by=closes)) == 2
    with pytest.raises(NotYetKnown, match=r"1 of 2 rows is open at 2021-04-13: the last one closes at 2021-04-14"):
        labels(spine, [], known_by=closes - TICK)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 900)), max_size=6),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1_500), st.none() | st.integers(1, 400)), max_size=6),
)
def test_labels_are_those_of_the_definition(spine: list[tuple[str, int]], events: list[tuple[str, int, int | None]]) -> None:
    start = day(2018, 1, 1)
    asked = [(who, start + timedelta(days=when)) for who, when in spine]
    known = [
        (who, start + timedelta(days=when), None if cured is None else start + timedelta(days=when + cured)) for who, when, cured in events
    ]
    expected = []
    for who, at in asked:
        own = [(default, cure) for whose, default, cure in known if whose == who]
        if any(default <= at and (cure is None or cure > at) for default, cure in own):
            continue
        expected.append((who, at, int(any(at < default <= at + timedelta(days=180) for default, _ in own))))
    assert labels(asked, known, horizon="P180D") == expected


def test_what_cannot_be_labelled_is_refused() -> None:
    spine = pl.DataFrame([("a", day(2020, 1, 31))], schema=DATA, orient="row")
    events = pl.DataFrame([("a", day(2020, 5, 1), None)], schema=EVENTS, orient="row")

    def refused(message: str, spine: pl.DataFrame = spine, events: pl.DataFrame = events, known_by: datetime = LATE) -> None:
        with pytest.raises(InvalidInput, match=message):
            outcome_labels(spine, events, horizon="P12M", known_by=known_by, reporting_delay="P45D")

    refused("observed_at as instants with a zone", spine.with_columns(pl.col("observed_at").dt.date()))
    refused("observed_at as instants with a zone", spine.with_columns(pl.col("observed_at").dt.replace_time_zone(None)))
    refused("default_time as instants with a zone", events=events.with_columns(pl.col("default_time").dt.date()))
    refused("the column obligor_id in the spine", spine.rename({"obligor_id": "firm"}))
    refused("the column cure_time in the defaults", events=events.drop("cure_time"))
    refused("observed_at is blank in 1 rows", spine.with_columns(observed_at=pl.lit(None, INSTANT)))
    refused("obligor_id is blank in 1 rows", spine.with_columns(obligor_id=pl.lit(None, pl.String)))
    refused("default_time is blank", events=events.with_columns(default_time=pl.lit(None, INSTANT)))
    refused("known_by has no time zone", known_by=datetime(2030, 1, 1))  # noqa: DTZ001
