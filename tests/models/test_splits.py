"""Split by time: nothing that was still open reaches an earlier slice."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput, NotYetKnown
from crfs.models.splits import SplitSpec, propose_split, split_by_time


def month(number: int) -> datetime:
    return datetime(2000 + number // 12, number % 12 + 1, 28, tzinfo=UTC)


def panel(months: int) -> pl.DataFrame:
    return pl.DataFrame({"observed_at": [month(number) for number in range(months) for _ in range(2)], "row": range(2 * months)})


@given(months=st.integers(20, 80), horizon=st.integers(1, 18), delay=st.integers(0, 60), first=st.integers(0, 80), gap=st.integers(0, 40))
def test_every_outcome_of_a_slice_is_known_before_the_next_begins(months: int, horizon: int, delay: int, first: int, gap: int) -> None:
    table = panel(months)
    spec = SplitSpec(
        calibration_from=month(first),
        out_of_time_from=month(first + gap),
        horizon=Tenor(months=horizon),
        reporting_delay=Tenor(days=delay),
    )
    try:
        split = split_by_time(table, spec=spec, known_at=month(months + 30))
    except InvalidInput:
        # By the definition: some slice that is asked for has no row.
        known = [spec.reporting_delay.after(spec.horizon.after(at)) for at in table["observed_at"]]
        pairs = list(zip(table["observed_at"], known, strict=True))
        train = [at for at, k in pairs if at < spec.calibration_from and k <= spec.calibration_from]
        middle = [at for at, k in pairs if spec.calibration_from <= at < spec.out_of_time_from and k <= spec.out_of_time_from]
        last = [at for at in table["observed_at"] if at >= spec.out_of_time_from]
        assert not train or not last or (gap and not middle)
        return
    for slice_, bound in ((split.train, spec.calibration_from), (split.calibration, spec.out_of_time_from)):
        assert all(spec.reporting_delay.after(spec.horizon.after(at)) <= bound for at in slice_["observed_at"])
    assert all(at >= spec.out_of_time_from for at in split.out_of_time["observed_at"])
    counts = split.counts
    assert sum(counts.to_dict().values()) == table.height
    assert (counts.train, counts.calibration, counts.out_of_time) == (
        split.train.height,
        split.calibration.height,
        split.out_of_time.height,
    )
    everything = pl.concat([split.train, split.calibration, split.out_of_time])["row"]
    assert everything.n_unique() == everything.len()


def test_an_open_outcome_window_refuses_the_split() -> None:
    table = panel(48)
    spec = SplitSpec(calibration_from=month(20), out_of_time_from=month(36))
    with pytest.raises(NotYetKnown, match=r"24 of 96 rows .* out_of_time_until"):
        split_by_time(table, spec=spec, known_at=month(47))
    ended = SplitSpec(calibration_from=month(20), out_of_time_from=month(34), out_of_time_until=month(36))
    split = split_by_time(table, spec=ended, known_at=month(47))
    assert split.counts.after == 24
    assert split.out_of_time["observed_at"].max() == month(35)


def test_the_stated_time_of_the_outcome_counts_where_there_is_one() -> None:
    table = panel(40).with_columns(
        known=pl.when(pl.col("row") == 0).then(pl.lit(month(39))).otherwise(pl.col("observed_at").dt.offset_by("12mo"))
    )
    spec = SplitSpec(calibration_from=month(20), out_of_time_from=month(35), outcome_known_at="known")
    split = split_by_time(table, spec=spec, known_at=month(60))
    assert 0 not in split.train["row"]
    assert 1 in split.train["row"]


def test_the_proposal_leaves_rows_in_every_slice() -> None:
    table = panel(60)
    spec = propose_split(table)
    split = split_by_time(table, spec=spec, known_at=month(72))
    assert spec.out_of_time_from == month(48)
    assert split.out_of_time["observed_at"].n_unique() == 12
    assert split.calibration["observed_at"].n_unique() >= 6
    assert split.train["observed_at"].n_unique() >= 12
    assert split.counts.purged_train == 2 * 11
    with pytest.raises(InvalidInput, match="too short"):
        propose_split(panel(30))


def test_local_times_and_slices_out_of_order_are_refused() -> None:
    with pytest.raises(InvalidInput, match="UTC"):
        SplitSpec(calibration_from=datetime(2000, 1, 1), out_of_time_from=month(3))  # noqa: DTZ001
    with pytest.raises(InvalidInput, match="follow"):
        SplitSpec(calibration_from=month(5), out_of_time_from=month(3))
    spec = SplitSpec(calibration_from=month(20), out_of_time_from=month(36))
    with pytest.raises(InvalidInput, match="UTC"):
        split_by_time(panel(48).with_columns(pl.col("observed_at").dt.replace_time_zone(None)), spec=spec, known_at=month(60))
