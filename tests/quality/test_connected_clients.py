"""Connected clients in a book: said of obligors, one group each, and refused by row where rows contradict each other."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.connected_clients import with_connected_clients
from crfs.quality.portfolio import validate_portfolio

MODEL = FactorModel.one_factor("all")


def book(obligors: list[str | None], groups: list[str | None]) -> pl.DataFrame:
    rows = range(1, len(obligors) + 1)
    return pl.DataFrame(
        {
            "facility_id": [f"F{k}" for k in rows],
            "obligor_id": obligors,
            "ead": 100.0,
            "lgd": 0.4,
            "pd_12m": 0.02,
            "r2": 0.2,
            "group": "all",
        }
    ).with_columns(connected_clients=pl.Series(groups, dtype=pl.String))


def test_what_one_row_says_holds_for_its_obligor_and_who_says_nothing_is_alone() -> None:
    checked = validate_portfolio(book(["A", "A", "B", "C"], [" G ", "", "G", None]), MODEL)
    assert checked.rejected.is_empty()
    assert checked.accepted["connected_clients"].to_list() == ["G", "G", "G", "C"]


def test_an_obligor_in_two_groups_is_refused_by_row_with_both() -> None:
    checked = validate_portfolio(book(["A", "A", "B"], ["G", "H", "H"]), MODEL)
    assert checked.rejected.rows() == [(2, "connected_clients", "inconsistent", "'H' differs from 'G' on another row of obligor 'A'")]
    assert checked.accepted["facility_id"].to_list() == ["F1", "F3"]


def test_a_group_that_bears_the_id_of_an_obligor_who_names_none_is_refused_there() -> None:
    checked = validate_portfolio(book(["X", "Y"], [None, "X"]), MODEL)
    assert checked.rejected.select("row", "column", "reason").rows() == [(1, "connected_clients", "inconsistent")]
    assert validate_portfolio(book(["X", "Y"], ["X", "X"]), MODEL).rejected.is_empty()
    assert validate_portfolio(book(["X", "Y"], ["Z", "X"]), MODEL).rejected.is_empty()


def test_a_row_without_an_obligor_is_told_once() -> None:
    checked = validate_portfolio(book([None, None, "A"], ["G", "H", "G"]), MODEL)
    assert checked.rejected.select("row", "column").rows() == [(1, "obligor_id"), (2, "obligor_id")]


@pytest.mark.parametrize("cell", [None, ""])
def test_a_column_that_is_blank_throughout_says_nothing(cell: str | None) -> None:
    checked = validate_portfolio(book(["A", "B"], [cell, cell]), MODEL)
    assert checked.accepted["connected_clients"].to_list() == [None, None]


def test_numbers_with_a_point_are_no_names_and_whole_numbers_are() -> None:
    whole = book(["A", "B"], ["1", "1"]).with_columns(pl.col("connected_clients").cast(pl.Int64))
    assert validate_portfolio(whole, MODEL).accepted["connected_clients"].to_list() == ["1", "1"]
    assert with_connected_clients(whole)["connected_clients"].to_list() == ["1", "1"]
    broken = whole.with_columns(pl.col("connected_clients").cast(pl.Float64))
    assert set(validate_portfolio(broken, MODEL).rejected["reason"]) == {"wrong_type"}
    assert with_connected_clients(broken).equals(broken)


def test_a_book_as_it_came_is_told_the_same_and_refused_with_the_same_places() -> None:
    raw = book(["A", "A", "B", "C"], [" G ", "", "G", None])
    assert with_connected_clients(raw)["connected_clients"].to_list() == ["G", "G", "G", "C"]
    assert with_connected_clients(raw.drop("connected_clients")).equals(raw.drop("connected_clients"))
    with pytest.raises(InvalidInput, match="contradict") as refused:
        with_connected_clients(book(["A", "A", "B"], ["G", "H", "H"]))
    assert [(problem.row, problem.column) for problem in refused.value.problems] == [(2, "connected_clients")]


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from(["G", "H", "A", "", None])), min_size=1, max_size=12))
def test_what_is_accepted_gives_every_obligor_one_group_and_every_rejection_a_contradiction(rows: list[tuple[str, str | None]]) -> None:
    table = book([obligor for obligor, _ in rows], [group for _, group in rows])
    said: dict[str, list[str]] = {}
    for obligor, group in rows:
        said.setdefault(obligor, []).extend([group] if group else [])
    named = {group for groups in said.values() for group in groups}
    wrong = {
        k for k, (obligor, group) in enumerate(rows, 1) if (group and group != said[obligor][0]) or (not said[obligor] and obligor in named)
    }
    checked = validate_portfolio(table, MODEL)
    assert set(checked.rejected["row"]) == wrong
    if named:
        expected = [(said[o] or [o])[0] for k, (o, _) in enumerate(rows, 1) if k not in wrong]
        assert checked.accepted["connected_clients"].to_list() == expected
    assert checked.accepted.drop("connected_clients").equals(
        validate_portfolio(table.drop("connected_clients"), MODEL).accepted.filter(
            ~pl.int_range(1, len(rows) + 1, eager=True).is_in(sorted(wrong))
        )
    )
