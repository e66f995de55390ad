"""The simulated bureau keeps the laws of a real one, and is the same world however it is computed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crfs.errors import InvalidInput
from crfs.sources.providers.bureau import BureauSpec, World, simulate
from crfs.sources.providers.bureau.streams import BLOCK

TABLES = ("obligor", "facility", "default", "recovery")


def small(macro: pl.DataFrame, **changes: object) -> World:
    return simulate(BureauSpec(**({"seed": 3, "obligors": 120, "months": 24} | changes)), macro)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_world_and_another_seed_another(macro: pl.DataFrame) -> None:
    first, again, other = small(macro), small(macro), small(macro, seed=4)
    for name in TABLES:
        assert_frame_equal(getattr(first, name), getattr(again, name))
    assert not first.obligor["score"].head(50).equals(other.obligor["score"].head(50))


def test_obligors_do_not_depend_on_which_others_are_simulated(macro: pl.DataFrame) -> None:
    spec = BureauSpec(seed=5, obligors=2000, months=14)
    whole = simulate(spec, macro)
    parts = [simulate(spec, macro, slots=part) for part in (range(700), range(700, BLOCK + 1), range(BLOCK + 1, spec.slots))]
    for name in TABLES:
        put_together = pl.concat(getattr(part, name) for part in parts)
        key = ["slot", "place", *[c for c in ("month", "default_date", "status") if c in put_together.columns]]
        assert_frame_equal(put_together.sort(key), getattr(whole, name).sort(key))


def test_more_obligors_or_months_leave_the_earlier_ones_as_they_were(macro: pl.DataFrame) -> None:
    few, many, longer = small(macro), small(macro, obligors=400), small(macro, months=30)
    for name in TABLES:
        assert_frame_equal(getattr(many, name).filter(pl.col("slot") < 180), getattr(few, name))
    assert_frame_equal(longer.obligor.filter(pl.col("month") < date(2006, 10, 1)), few.obligor)


def test_a_row_an_entity_and_month_and_none_before_the_origination(world: World) -> None:
    assert not world.obligor.select("obligor_id", "month").is_duplicated().any()
    assert not world.facility.select("facility_id", "month").is_duplicated().any()
    assert not world.recovery.select("facility_id", "month").is_duplicated().any()
    assert world.facility["months_on_book"].min() == 0
    ages = world.facility.sort("facility_id", "month").with_columns(step=pl.col("months_on_book").diff().over("facility_id"))
    assert set(ages["step"].drop_nulls()) == {1}, "a facility is reported every month from its first"
    assert world.facility.group_by("facility_id").agg(pl.col("obligor_id").n_unique())["obligor_id"].max() == 1


def test_an_obligor_sums_up_the_facilities(world: World) -> None:
    summed = world.facility.group_by("obligor_id", "month").agg(
        total_balance=pl.col("balance").sum().round(2),
        total_limit=pl.col("credit_limit").sum(),
        days_past_due=pl.col("days_past_due").max(),
        facilities=pl.len().cast(pl.Int64),
        payment_due=pl.col("payment_due").sum().round(2),
    )
    columns = ["obligor_id", "month", "total_balance", "total_limit", "days_past_due", "facilities", "payment_due"]
    assert_frame_equal(world.obligor.select(columns).sort(columns[:2]), summed.select(columns).sort(columns[:2]), abs_tol=0.011)


def test_balances_lie_between_nothing_and_the_limit(world: World) -> None:
    facility = world.facility
    assert facility.filter((pl.col("balance") < 0) | (pl.col("balance") > pl.col("credit_limit"))).is_empty()
    assert facility.filter((pl.col("payment") < 0) | (pl.col("arrears") < 0)).is_empty()
    assert facility.filter((pl.col("days_past_due") >= 30) & (pl.col("payment") > 0)).is_empty(), "who pays is not a month behind"


def test_a_default_is_reached_through_30_and_60_days(world: World) -> None:
    worst = world.obligor.select("obligor_id", "month", "days_past_due")
    events = world.default.filter(pl.col("status") == "open").unique("obligor_id", keep="any").select("obligor_id", "default_date")
    seen = 0
    for back, low, high in ((0, 90, 119), (1, 60, 89)):
        at = events.with_columns(month=pl.col("default_date").dt.truncate("1mo").dt.offset_by(f"-{back}mo"))
        found = at.join(worst, on=["obligor_id", "month"], how="inner")
        assert found["days_past_due"].is_between(low, high).all(), (back, found.filter(~pl.col("days_past_due").is_between(low, high)))
        seen += found.height
    assert seen > 1.8 * events.height > 300
    past_90 = world.obligor.filter((pl.col("days_past_due") >= 90) & (pl.col("in_default") == 0))
    assert past_90.is_empty(), "nobody is 90 days behind and not in default"


def test_all_facilities_of_an_obligor_default_on_one_day(world: World) -> None:
    opened = world.default.filter(pl.col("status") == "open")
    days = opened.group_by("obligor_id", pl.col("default_date").dt.truncate("1mo").alias("m")).agg(pl.col("default_date").n_unique())
    assert days["default_date"].max() == 1
    assert (opened["ead"] > 0).all()
    assert (opened["ead"] <= opened["limit_at_default"]).all()


def test_cards_are_drawn_before_default(world: World) -> None:
    cards = world.default.filter((pl.col("status") == "open") & (pl.col("facility_type") == "card")).drop_nulls("drawn_12m_before")
    undrawn = cards.filter(pl.col("limit_12m_before") - pl.col("drawn_12m_before") > 200)
    factor = (undrawn["ead"] - undrawn["drawn_12m_before"]) / (undrawn["limit_12m_before"] - undrawn["drawn_12m_before"])
    assert undrawn.height > 50
    assert 0.3 < float(factor.median() or 0) < 1.0  # type: ignore[arg-type]


def test_recoveries_stay_within_the_exposure_and_follow_the_default(world: World) -> None:
    exposure = world.default.filter(pl.col("status") == "open").select("facility_id", "default_date", "ead")
    flows = world.recovery.join(exposure, on=["facility_id", "default_date"], how="left")
    assert flows["ead"].null_count() == 0, "no cash flow without a default"
    assert (flows["month"] > flows["default_date"]).all()
    total = flows.group_by("facility_id", "default_date").agg(pl.col("amount").sum(), pl.col("ead").first())
    assert (total["amount"] <= total["ead"] + 0.01).all()
    assert (world.recovery["cost"] <= 0.1 * world.recovery["amount"] + 0.01).all()


def test_each_workout_ends_once_and_nothing_follows(world: World) -> None:
    last = world.recovery.sort("month").group_by("facility_id", "default_date").agg(pl.col("status"))
    for states in last["status"]:
        assert "open" in set(states.to_list()[:-1]) | {"open"}
        assert set(states.to_list()[:-1]) <= {"open"}
    ended = world.default.filter(pl.col("status") != "open").select("facility_id", "default_date", "status")
    closing = world.recovery.filter(pl.col("status") != "open").select("facility_id", "default_date", "status")
    assert_frame_equal(ended.sort("facility_id", "default_date"), closing.sort("facility_id", "default_date"))
    assert set(ended["status"]) == {"cured", "closed"}


def test_realised_losses_are_those_of_the_truth(world: World) -> None:
    closed = world.default.filter(pl.col("status") == "closed").select("facility_id", "default_date")
    flows = world.recovery.group_by("facility_id", "default_date").agg(pl.col("amount").sum())
    joined = closed.join(flows, on=["facility_id", "default_date"]).join(world.truth.facility_loss, on=["facility_id", "default_date"])
    realised = 1 - joined["amount"] / joined["ead"]
    assert joined.height > 50
    assert float((realised - joined["lgd"]).abs().max() or 0) < 0.02  # type: ignore[arg-type]


def test_the_crisis_is_in_it(world: World) -> None:
    opened = world.default.filter(pl.col("status") == "open").unique(["obligor_id", "default_date"])
    performing = world.obligor.filter(pl.col("in_default") == 0)

    def yearly(first: date, last: date) -> float:
        months = performing.filter(pl.col("month").is_between(first, last))
        events = opened.filter(pl.col("default_date").is_between(first, last)).height
        return events / months.height * 12

    calm, crisis = yearly(date(2005, 1, 1), date(2006, 12, 31)), yearly(date(2008, 10, 1), date(2009, 9, 30))
    assert 0.010 < calm < 0.028
    assert 0.03 < crisis < 0.075
    assert crisis > 1.8 * calm


def test_the_book_neither_dies_out_nor_explodes(world: World, spec: BureauSpec) -> None:
    sizes = world.obligor.group_by("month").len().sort("month")["len"]
    assert abs(sizes[0] - spec.obligors) < 0.05 * spec.obligors
    assert sizes.min() > 0.85 * spec.obligors  # type: ignore[operator]
    assert sizes.max() < 1.1 * spec.obligors  # type: ignore[operator]
    assert world.obligor["months_on_book"].filter(world.obligor["month"] == date(2009, 1, 1)).min() < 12  # type: ignore[operator]


def test_no_delivered_column_reveals_the_hazard(world: World) -> None:
    month = date(2008, 6, 1)
    true = world.truth.obligor_month.filter(pl.col("month") == month)
    rows = world.obligor.filter((pl.col("month") == month) & (pl.col("in_default") == 0)).join(true, on=["obligor_id", "month"])
    correlations = {
        name: abs(rows.select(pl.corr(name, "pd_12m_spot", method="spearman")).item())
        for name, dtype in world.obligor.schema.items()
        if dtype.is_numeric() and rows[name].n_unique() > 1
    }
    assert max(correlations.values()) < 0.90
    assert correlations["score"] > 0.3, "but the columns do tell something of it"
    hidden = set(world.truth.obligor_month.columns) - {"obligor_id", "month"}
    for name in TABLES:
        assert not hidden & set(getattr(world, name).columns)


def test_the_truth_orders_the_defaults(world: World) -> None:
    at = date(2007, 12, 1)
    opened = world.default.filter((pl.col("status") == "open") & pl.col("default_date").is_between(date(2008, 1, 1), date(2008, 12, 31)))
    rows = world.obligor.filter((pl.col("month") == at) & (pl.col("in_default") == 0)).join(
        world.truth.obligor_month, on=["obligor_id", "month"]
    )
    bad = rows["obligor_id"].is_in(opened["obligor_id"].unique().implode()).to_numpy()
    rank = rows["pd_12m_spot"].rank().to_numpy()
    area = (rank[bad].sum() - bad.sum() * (bad.sum() + 1) / 2) / (bad.sum() * (~bad).sum())
    assert 0.75 < area < 0.95


def test_the_truth_is_written_only_where_the_caller_says(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("truth") / "new"
    paths = world.truth.write(folder)
    assert sorted(p.name for p in paths) == ["facility_loss.parquet", "obligor_month.parquet"]
    assert_frame_equal(pl.read_parquet(folder / "obligor_month.parquet"), world.truth.obligor_month)
    assert np.isfinite(world.truth.obligor_month.select(pl.selectors.numeric()).to_numpy()).all()


def test_an_economy_with_gaps_is_refused_by_month(macro: pl.DataFrame) -> None:
    spec = BureauSpec(seed=1, obligors=10, months=12)
    with pytest.raises(InvalidInput, match="unemployment_rate for 2004-02-01"):
        simulate(spec, macro.filter(pl.col("month") != date(2004, 2, 1)))
    with pytest.raises(InvalidInput, match="no column 'credit_spread'"):
        simulate(spec, macro.drop("credit_spread"))
    with pytest.raises(InvalidInput, match="twice"):
        simulate(spec, pl.concat([macro, macro]))
    simulate(spec, macro.filter(pl.col("month") <= date(2005, 9, 1)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"obligors": 0}, "obligors"),
        ({"months": 0}, "months"),
        ({"first_month": date(2004, 1, 2)}, "first day"),
        ({"late_share": 0.9}, "late_share"),
    ],
)
def test_a_spec_says_what_is_wrong_with_it(change: dict[str, object], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        replace(BureauSpec(seed=1, obligors=10), **change)  # type: ignore[arg-type]
