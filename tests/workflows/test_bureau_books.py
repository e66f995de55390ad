"""The bureau's book reads few records: never too few."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal.tenor import Tenor
from crfs.workflows.books import _oldest

SPANS = st.builds(Tenor, months=st.integers(0, 30), days=st.integers(0, 40), seconds=st.integers(0, 200_000))
TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(begun=TIMES, period=SPANS, age=SPANS)
def test_a_record_that_can_still_count_is_read(begun: datetime, period: Tenor, age: Tenor) -> None:
    last = age.after(period.after(begun))  # the last moment at which its age is no more
    oldest = _oldest(last, period, age)
    assert oldest is not None
    assert oldest <= begun


def test_spans_beyond_all_time_are_no_bound() -> None:
    at = datetime(2009, 11, 30, tzinfo=UTC)
    assert _oldest(at, "P1M", "P9999Y") is None
    bound = _oldest(at, "P1M", "P3M")
    assert bound is not None
    assert (at - bound).days < 4 * 32, "and few others are"
