"""What the bureau sends where nothing goes wrong: in order, 15 to 45 days late, corrections after what they correct."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crfs.sources.providers.bureau import BureauSpec, Delivery, World, deliver, simulate_months
from tests.sources.bureau.conftest import CALM

KEYS = {
    "facility": ["facility_id", "month"],
    "obligor": ["obligor_id", "month"],
    "default": ["facility_id", "default_date"],
    "recovery": ["facility_id", "month"],
}


@pytest.fixture(scope="module")
def deliveries(calm: BureauSpec, macro: pl.DataFrame) -> list[Delivery]:
    return list(deliver(calm, simulate_months(calm, macro)))


def sent(deliveries: list[Delivery], name: str) -> pl.DataFrame:
    """All rows of one file, with the delivery's month and instant."""
    return pl.concat(d.files[name].with_columns(reported=pl.lit(d.month), at=pl.lit(d.delivered_at)) for d in deliveries if name in d.files)


def test_deliveries_come_in_order_15_to_45_days_after_the_month(deliveries: list[Delivery], spec: BureauSpec) -> None:
    assert len(deliveries) >= spec.months
    times = [d.delivered_at for d in deliveries]
    assert times == sorted(set(times))
    delays = []
    for d in deliveries:
        following = (d.month.replace(day=28) + timedelta(days=4)).replace(day=1)
        delays.append((d.delivered_at.date() - (following - timedelta(days=1))).days)
    assert min(delays) >= 15
    assert max(delays) <= 45
    assert max(delays) - min(delays) > 20


def test_most_rows_come_with_their_month_and_some_later(deliveries: list[Delivery], spec: BureauSpec) -> None:
    rows = sent(deliveries, "obligor").unique(["obligor_id", "month"], keep="first", maintain_order=True)
    waits = (pl.col("reported").dt.year() - pl.col("month").dt.year()) * 12 + (
        pl.col("reported").dt.month().cast(pl.Int32) - pl.col("month").dt.month().cast(pl.Int32)
    )
    shares = rows.group_by(waits.alias("wait")).len().sort("wait").with_columns(pl.col("len") / rows.height)
    assert shares["wait"].to_list() == [0, 1, 2]
    assert abs(1 - shares["len"][0] - spec.late_share) < 0.003


def test_the_last_version_of_every_row_is_the_truth(deliveries: list[Delivery], world: World) -> None:
    for name, key in KEYS.items():
        rows = sent(deliveries, name)
        last = rows.unique(key, keep="last", maintain_order=True).drop("delivered_at", "reported", "at").sort(key)
        true = getattr(world, name).drop("slot", "place")
        true = true.unique(key, keep="last", maintain_order=True).sort(key)
        assert_frame_equal(last, true)


def test_a_correction_comes_later_and_says_something_else(deliveries: list[Delivery], spec: BureauSpec) -> None:
    for name in ("facility", "obligor"):
        key = KEYS[name]
        rows = sent(deliveries, name)
        twice = rows.filter(pl.struct(key).is_duplicated())
        assert twice.group_by(key).len()["len"].unique().to_list() == [2]
        assert (twice.sort("at").group_by(key, maintain_order=True).agg(pl.col("at").diff().last())["at"] > timedelta(0)).all()
        values = [c for c in rows.columns if c not in {*key, "delivered_at", "reported", "at"}]
        assert not twice.select(*key, *values).is_duplicated().any()
        share = twice.height / 2 / rows.height
        assert 0.5 * spec.correction_share < share <= 1.2 * spec.correction_share


def test_no_delivery_has_two_answers_to_one_question(deliveries: list[Delivery]) -> None:
    for d in deliveries:
        for name, table in d.files.items():
            assert table.height
            assert not table.select(KEYS[name]).is_duplicated().any(), (d.month, name)


def test_a_default_ends_in_a_later_version_of_its_row(deliveries: list[Delivery]) -> None:
    rows = sent(deliveries, "default").sort("at")
    versions = rows.group_by(KEYS["default"], maintain_order=True).agg(pl.col("status"), pl.col("ead"))
    assert all(states[0] == "open" for states in versions["status"])
    assert versions.filter(pl.col("status").list.last() != "open").height > 50
    first_known = rows.unique(KEYS["default"], keep="first", maintain_order=True)
    assert (first_known["at"].dt.date() > first_known["default_date"]).all()


def test_nothing_of_the_future_is_in_a_delivery(deliveries: list[Delivery]) -> None:
    for d in deliveries:
        for name, table in d.files.items():
            for column in ("month", "default_date", "ended_on"):
                if column in table.columns and table[column].null_count() < table.height:
                    assert table[column].max() <= d.delivered_at.date(), (d.month, name, column)  # type: ignore[operator]


def test_the_bytes_are_the_same_in_any_cut(macro: pl.DataFrame) -> None:
    spec = BureauSpec(seed=8, obligors=60, months=6, first_month=date(2007, 1, 1), late_share=0.2, correction_share=0.2, **CALM)  # type: ignore[arg-type]  # all of them are shares
    whole = list(deliver(spec, simulate_months(spec, macro)))
    parts = [list(deliver(spec, simulate_months(spec, macro, slots=part), slots=part)) for part in (range(30), range(30, spec.slots))]
    assert whole[-1].month > date(2007, 6, 1), "late rows and corrections follow after the last month"
    for name in ("facility", "obligor"):
        key = KEYS[name]
        together = pl.concat([sent(part, name) for part in parts if any(name in d.files for d in part)]).sort([*key, "at"])
        assert_frame_equal(together, sent(whole, name).sort([*key, "at"]))
