"""From opening to closing: every column adds up exactly, whatever moved."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.provisions import EclScenario, expected_credit_loss, reconcile
from crfs.risk.provisions.reconciliation import Movement

book = st.dictionaries(st.integers(0, 30), st.tuples(st.integers(1, 3), st.floats(0.0, 1e7)), max_size=30)


def table_of(rows: dict[int, tuple[int, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "facility_id": [f"F{k}" for k in rows],
            "stage": [stage for stage, _ in rows.values()],
            "ecl": [ecl for _, ecl in rows.values()],
        },
        schema={"facility_id": pl.String, "stage": pl.Int64, "ecl": pl.Float64},
    )


@given(book, book, st.sets(st.integers(0, 30)))
def test_opening_and_movements_are_the_closing_in_every_stage_to_the_cent(
    opening: dict[int, tuple[int, float]], closing: dict[int, tuple[int, float]], off: set[int]
) -> None:
    written_off = [f"F{k}" for k in off & (opening.keys() - closing.keys())]
    table = reconcile(table_of(opening), table_of(closing), written_off=written_off).table
    assert table["movement"].to_list() == [movement.value for movement in Movement]
    for column in ("stage_1", "stage_2", "stage_3", "total"):
        values = table[column].to_list()
        assert sum(values[:-1]) == values[-1]
    assert table["total"].to_list()[1:4] == [0, 0, 0]
    assert abs(table["total"][-1] - 100 * sum(ecl for _, ecl in closing.values())) <= 0.5 + 1e-3
    assert table["facilities"][0] == len(opening)
    assert table["facilities"][-1] == len(closing)
    assert table.filter(pl.col("movement") == "written_off")["facilities"][0] == len(written_off)


@given(book)
def test_a_book_that_did_not_change_has_no_movement(rows: dict[int, tuple[int, float]]) -> None:
    table = reconcile(table_of(rows), table_of(rows)).table
    assert table["total"][0] == table["total"][-1]
    assert table[1:-1].select("stage_1", "stage_2", "stage_3", "total").sum().row(0) == (0, 0, 0, 0)


def test_a_transfer_takes_the_opening_allowance_along_and_is_remeasured_where_it_arrives() -> None:
    moved = reconcile(table_of({1: (1, 10.0), 2: (3, 90.0)}), table_of({1: (3, 75.0), 2: (2, 30.0)}))
    assert moved.amount(Movement.TRANSFER_TO_STAGE_3, stage=1) == -10.0
    assert moved.amount(Movement.TRANSFER_TO_STAGE_3, stage=3) == 10.0
    assert moved.amount("transfer_to_stage_2", stage=3) == -90.0
    assert moved.amount("remeasured_on_transfer", stage=3) == 65.0
    assert moved.amount("remeasured_on_transfer", stage=2) == -60.0
    assert moved.amount("remeasured_on_transfer") == 5.0
    json.dumps(moved.to_dict())


def test_two_runs_reconcile_by_the_cents_that_they_show() -> None:
    common = {"lgd": 0.4, "pd_12m": 0.02, "maturity_years": 3.0}
    before = pl.DataFrame({"facility_id": ["A", "B", "C"], "ead": [333.33, 777.77, 10.0], "stage": [1, 2, 1], **common})
    after = pl.DataFrame({"facility_id": ["B", "C", "D"], "ead": [700.0, 10.0, 55.55], "stage": [1, 1, 2], **common})
    harder = [EclScenario(name="x", weight=1.0, hazard_multiplier=[1.3])]
    opening = expected_credit_loss(before, interest_rate=0.05)
    closing = expected_credit_loss(after, interest_rate=0.05, scenarios=harder)
    moved = reconcile(opening.table, closing.table)
    assert (moved.amount("opening"), moved.amount("closing")) == (opening.total, closing.total)
    assert moved.amount("derecognised") == -opening.table["ecl_cents"][0] / 100


def test_a_hundred_thousand_facilities_add_up() -> None:
    count = 100_000
    rows = pl.DataFrame({"facility_id": [f"F{k}" for k in range(count)], "stage": 1, "ecl": 1 / 3})
    table = reconcile(rows, rows.with_columns(stage=2, ecl=pl.lit(0.67))[::2]).table
    assert table["total"][0] == 3_333_333
    assert sum(table["total"].to_list()[:-1]) == table["total"][-1] == 3_350_000


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"facility_id": ["A", "A"], "stage": [1, 1], "ecl": [1.0, 1.0]}, "comes once"),
        ({"facility_id": ["A"], "stage": [4], "ecl": [1.0]}, "stage is 1, 2 or 3"),
        ({"facility_id": ["A"], "stage": [None], "ecl": [1.0]}, "stage is 1, 2 or 3"),
        ({"facility_id": ["A"], "ecl": [1.0]}, "needs a column stage"),
        ({"facility_id": ["A"], "stage": [1], "ecl": [float("nan")]}, "finite amount"),
        ({"facility_id": ["A"], "stage": [1], "ecl_cents": [1.5]}, "whole numbers"),
    ],
)
def test_bad_tables_are_refused(rows: dict[str, list[Any]], said: str) -> None:
    good = table_of({1: (1, 5.0)})
    with pytest.raises(InvalidInput, match=said):
        reconcile(good, pl.DataFrame(rows))


def test_what_is_written_off_must_be_gone() -> None:
    rows = table_of({1: (3, 5.0)})
    with pytest.raises(InvalidInput, match="F1"):
        reconcile(rows, rows, written_off=["F1"])
