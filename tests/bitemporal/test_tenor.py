"""Tenors: what they read and write, and that Python and Polars add them alike (SQL is held to it with the histories)."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import Tenor
from crfs.errors import InvalidInput
from tests.bitemporal.histories import Length, plus

tenors = st.builds(Tenor, months=st.integers(0, 40), days=st.integers(0, 400), seconds=st.integers(0, 200_000))
instants = st.datetimes(datetime(1900, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "tenor"),
    [
        ("P0D", Tenor()),
        ("P3M", Tenor(months=3)),
        ("P1Y2M", Tenor(months=14)),
        ("P2W1D", Tenor(days=15)),
        ("PT12H", Tenor(seconds=43_200)),
        ("P1DT1M1S", Tenor(days=1, seconds=61)),
    ],
)
def test_iso_durations(text: str, tenor: Tenor) -> None:
    assert Tenor.parse(text) == tenor


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "3M", "P-1M", "P1.5M", "P1M\n", " P1M", "p1m", "P1M2Y", "PT1D", "1d", "P٣M"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no ISO 8601 duration; write P3M"):
        Tenor.parse(text)


def test_a_number_from_a_file_is_refused_too() -> None:
    with pytest.raises(InvalidInput, match="3 is no ISO 8601 duration"):
        Tenor.parse(3)  # type: ignore[arg-type]


def test_a_tenor_is_not_negative() -> None:
    with pytest.raises(InvalidInput, match="not negative"):
        Tenor(months=-1)


@given(tenors)
def test_the_text_of_a_tenor_reads_back(tenor: Tenor) -> None:
    assert Tenor.parse(str(tenor)) == tenor
    assert Tenor.parse(tenor) is tenor


@given(tenors, st.lists(instants, min_size=1, max_size=5))
def test_python_and_polars_add_a_tenor_alike(tenor: Tenor, times: list[datetime]) -> None:
    expected = [plus(time, Length(tenor.months, tenor.days, tenor.seconds)) for time in times]
    assert [tenor.after(time) for time in times] == expected
    series = pl.Series(times, dtype=pl.Datetime("us", "UTC"))
    assert series.dt.offset_by(tenor.polars_offset()).to_list() == expected
