"""Stages: thresholds just met and just missed, backstops, exemption, cures."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.provisions import StagingRule, in_default_by, stage_facilities


def stages(*rows: dict[str, Any], rule: StagingRule | None = None) -> list[tuple[int, list[str]]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pl.DataFrame(
        {"facility_id": [f"F{k}" for k in range(len(rows))], **{n: [row.get(n) for row in rows] for n in names}}, strict=False
    )
    staged = stage_facilities(table, rule=rule).table
    return list(zip(staged["stage"].to_list(), staged["triggers"].to_list(), strict=True))


def pds(now: float, then: float, **more: Any) -> dict[str, Any]:
    return {"pd_lifetime": now, "pd_lifetime_at_origination": then} | more


def test_a_pd_increase_needs_both_thresholds_or_either() -> None:
    rows = [pds(0.02, 0.01), pds(0.0199, 0.01), pds(0.004, 0.001), pds(0.015, 0.010), pds(0.005, 0.010)]
    assert [stage for stage, _ in stages(*rows)] == [2, 1, 1, 1, 1]
    assert [stage for stage, _ in stages(*rows, rule=StagingRule(either=True))] == [2, 2, 2, 2, 1]
    assert stages(rows[0])[0][1] == ["pd_increase"]


def test_backstops_are_more_than_30_and_at_least_90_days() -> None:
    found = stages(*[{"days_past_due": days} for days in (0, 30, 31, 89, 90, 400)])
    assert [stage for stage, _ in found] == [1, 1, 2, 2, 3, 3]
    rebutted = StagingRule(dpd_stage_2=None, dpd_stage_3=None)
    assert [stage for stage, _ in stages({"days_past_due": 400}, rule=rebutted)] == [1]
    later = StagingRule(dpd_stage_2=60, dpd_stage_3=180)
    assert [stage for stage, _ in stages(*[{"days_past_due": days} for days in (60, 61, 180)], rule=later)] == [1, 2, 3]


def test_default_the_watchlist_and_forbearance() -> None:
    found = stages({"defaulted": True, "watchlist": True}, {"watchlist": True}, {"forborne": True}, {"watchlist": None})
    assert found == [(3, ["default", "watchlist"]), (2, ["watchlist"]), (2, ["forbearance"]), (1, [])]
    # A PD of one is a default that nobody flagged, as capital takes it.
    assert stages({"pd_12m": 1.0}, {"pd_12m": 0.999, "defaulted": False}) == [(3, ["default"]), (1, [])]


def test_low_credit_risk_exempts_from_a_pd_increase_and_from_nothing_else() -> None:
    rule = StagingRule(low_credit_risk_pd=0.003)
    rows = [
        pds(0.05, 0.01, pd_12m=0.003),
        pds(0.05, 0.01, pd_12m=0.0031),
        pds(0.05, 0.01, pd_12m=0.001, days_past_due=31),
        pds(0.05, 0.01, pd_12m=0.001, watchlist=True),
    ]
    assert [stage for stage, _ in stages(*rows, rule=rule)] == [1, 2, 2, 2]
    with pytest.raises(InvalidInput, match="12-month PD"):
        stages(pds(0.05, 0.01), rule=rule)


def test_a_cure_takes_its_probation_and_leads_from_stage_3_over_stage_2() -> None:
    def after(previous: int, months: int | None, **more: Any) -> dict[str, Any]:
        return {"previous_stage": previous, "months_without_trigger": months} | more

    found = stages(after(2, 2), after(2, 3), after(2, None), after(3, 11), after(3, 12), after(3, 12, watchlist=True), after(1, 0))
    assert [stage for stage, _ in found] == [2, 1, 2, 3, 2, 2, 1]
    assert found[0][1] == ["probation_stage_2"]
    assert found[3][1] == ["probation_stage_3"]
    straight = StagingRule(straight_to_stage_1=True)
    assert [stage for stage, _ in stages(after(3, 12), after(3, 11), rule=straight)] == [1, 3]
    assert [stage for stage, _ in stages(after(2, 0), rule=StagingRule(probation_stage_2_months=0))] == [1]


flag = st.none() | st.booleans()


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 1.0),
            st.floats(0.0, 1.0),
            st.integers(0, 200),
            flag,
            flag,
            flag,
            st.none() | st.integers(1, 3),
            st.integers(0, 20),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_a_worse_facility_is_never_in_a_better_stage(rows: list[tuple[Any, ...]]) -> None:
    names = ("pd_lifetime", "pd_lifetime_at_origination", "days_past_due", "defaulted", "watchlist", "forborne", "previous_stage")
    given_rows = [dict(zip((*names, "months_without_trigger"), row, strict=True)) for row in rows]
    worse = [row | {"days_past_due": row["days_past_due"] + 31, "pd_lifetime": min(1.0, row["pd_lifetime"] + 0.1)} for row in given_rows]
    now, then = stages(*worse), stages(*given_rows)
    assert all(a[0] >= b[0] for a, b in zip(now, then, strict=True))
    assert all((stage == 1) == (not triggers) for stage, triggers in then)


def test_a_book_s_own_stage_is_the_previous_one_and_bad_rows_are_told_of() -> None:
    book = pl.DataFrame({"facility_id": ["A", "B", "C"], "stage": [3, 1, 2], "days_past_due": [0, 31, -1], "ead": 5.0, "loading:oil": 0.1})
    result = stage_facilities(book, accept_partial=True)
    assert result.table.select("facility_id", "previous_stage", "stage", "ead").rows() == [("A", 3, 3, 5.0), ("B", 1, 2, 5.0)]
    assert result.rejected.select("row", "column").rows() == [(3, "days_past_due")]
    assert result.to_dict() == {
        "stages": {"1": 0, "2": 1, "3": 1},
        "triggers": {"days_past_due_stage_2": 1, "probation_stage_3": 1},
        "n_rejected": 1,
    }


def test_a_hundred_thousand_facilities_at_once() -> None:
    random = np.random.default_rng(3)
    count = 100_000
    table = pl.DataFrame(
        {
            "facility_id": [f"F{k}" for k in range(count)],
            "pd_lifetime": random.uniform(0.0, 0.1, count),
            "pd_lifetime_at_origination": random.uniform(0.0, 0.1, count),
            "days_past_due": random.integers(0, 120, count),
        }
    )
    staged = stage_facilities(table).table
    past_due = table["days_past_due"].to_numpy()
    assert (staged["stage"].to_numpy() == 3).sum() == (past_due >= 90).sum()
    increased = (table["pd_lifetime"] >= 2 * table["pd_lifetime_at_origination"]) & (
        table["pd_lifetime"] - table["pd_lifetime_at_origination"] >= 0.005
    )
    assert staged["sicr"].sum() == ((increased.to_numpy() | (past_due > 30)) & (past_due < 90)).sum()


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ({"pd_lifetime": 0.1}, "pd_lifetime_at_origination", None),
        (pds(1.1, 0.1), "pd_lifetime", "out_of_range"),
        ({"days_past_due": -1}, "days_past_due", "out_of_range"),
        ({"previous_stage": 4}, "previous_stage", "unknown_value"),
    ],
)
def test_bad_rows_are_named(row: dict[str, Any], column: str, reason: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        stages(row if reason else row | {"pd_lifetime_at_origination": None})
    assert (caught.value.problems[0].column, caught.value.problems[0].reason) == (column, reason or "missing")


@pytest.mark.parametrize(
    "wrong",
    [
        {"relative_increase": -0.1},
        {"absolute_increase": float("nan")},
        {"dpd_stage_2": 90},
        {"low_credit_risk_pd": 2.0},
        {"probation_stage_3_months": -1},
    ],
)
def test_an_impossible_rule_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        StagingRule(**wrong)


def test_in_default_no_lifetime_pd_is_needed() -> None:
    found = stages(pds(0.02, 0.01), {"pd_lifetime_at_origination": 0.01, "defaulted": True}, {"pd_lifetime": 0.01, "days_past_due": 90})
    assert [stage for stage, _ in found] == [2, 3, 3]
    with pytest.raises(InvalidInput) as caught:
        stages({"pd_lifetime_at_origination": 0.01}, {"pd_lifetime_at_origination": 0.01, "defaulted": True})
    assert [problem.row for problem in caught.value.problems] == [1]


def test_what_speaks_of_default_is_seen_whatever_stage_a_row_is_given() -> None:
    table = pl.DataFrame(
        {
            "facility_id": list("ABCDEF"),
            "stage": [1, 2, 3, 1, 1, 2],
            "defaulted": [True, None, True, False, None, False],
            "days_past_due": [0, 90, 120, 89, None, 120],
        }
    )
    assert in_default_by(table).tolist() == [True, True, True, False, False, True]
    assert in_default_by(table, rule=StagingRule(dpd_stage_3=60)).tolist() == [True, True, True, True, False, True]
    assert in_default_by(table, rule=StagingRule(dpd_stage_3=None)).tolist() == [True, False, True, False, False, False]
    assert in_default_by(table.select("facility_id", "stage")).tolist() == [False] * 6
