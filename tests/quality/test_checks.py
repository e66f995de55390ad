"""A table is checked cell by cell against its schema: what passes is typed, what fails has row, column and reason."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.schemas import ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput
from crfs.quality import check_table

SCHEMA = TableSchema(
    name="sample",
    unique=("id",),
    columns=(
        ColumnSchema(name="id", dtype=pl.String, required=True),
        ColumnSchema(name="rate", dtype=pl.Float64, minimum=0.0, maximum=1.0, maximum_open=True),
        ColumnSchema(name="stage", dtype=pl.Int64, allowed=(1, 2, 3)),
        ColumnSchema(name="day", dtype=pl.Date),
        ColumnSchema(name="at", dtype=pl.Datetime("us", "UTC")),
        ColumnSchema(name="flag", dtype=pl.Boolean),
        ColumnSchema(name="loading:", dtype=pl.Float64, prefix=True),
    ),
)


def reasons(table: pl.DataFrame) -> list[tuple[int, str, str]]:
    return check_table(table, SCHEMA).rejected.select("row", "column", "reason").rows()


def test_text_becomes_typed_and_blank_becomes_missing() -> None:
    table = pl.DataFrame(
        {
            "id": [" a ", "b"],
            "rate": ["0.5", " "],
            "stage": ["2", ""],
            "day": ["2026-01-31", ""],
            "at": ["2026-01-31T12:00:00Z", ""],
            "flag": ["true", ""],
            "loading:x": ["1e-1", ""],
        }
    )
    checked = check_table(table, SCHEMA)
    assert checked.rejected.is_empty()
    assert checked.accepted.rows() == [
        ("a", 0.5, 2, date(2026, 1, 31), datetime(2026, 1, 31, 12, tzinfo=UTC), True, 0.1),
        ("b", None, None, None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("rate", "x", Reason.NOT_A_NUMBER),
        ("rate", "1,5", Reason.NOT_A_NUMBER),
        ("rate", "NaN", Reason.NOT_FINITE),
        ("rate", "-inf", Reason.NOT_FINITE),
        ("rate", "-0.1", Reason.OUT_OF_RANGE),
        ("rate", "1.0", Reason.OUT_OF_RANGE),
        ("stage", "4", Reason.UNKNOWN_VALUE),
        ("stage", "1.5", Reason.WRONG_TYPE),
        ("day", "31.1.2026", Reason.WRONG_TYPE),
        ("at", "noon", Reason.WRONG_TYPE),
        ("flag", "perhaps", Reason.WRONG_TYPE),
    ],
)
def test_a_faulty_cell_is_named_with_its_row_and_the_row_is_not_accepted(column: str, cell: str, reason: Reason) -> None:
    checked = check_table(pl.DataFrame({"id": ["a", "b"], column: [None, cell]}), SCHEMA)
    assert checked.rejected.select("row", "column", "reason").rows() == [(2, column, reason.value)]
    assert cell in checked.rejected["detail"][0]
    assert checked.accepted["id"].to_list() == ["a"]


def test_missing_and_duplicate_keys() -> None:
    assert reasons(pl.DataFrame({"id": ["a", "", "a", None, "b"]})) == [(2, "id", "missing"), (3, "id", "duplicate"), (4, "id", "missing")]


def test_a_row_may_have_several_faults_and_faults_are_in_the_order_of_rows() -> None:
    assert reasons(pl.DataFrame({"id": ["", "b"], "rate": [2.0, float("nan")], "stage": [9, 1]})) == [
        (1, "id", "missing"),
        (1, "rate", "out_of_range"),
        (1, "stage", "unknown_value"),
        (2, "rate", "not_finite"),
    ]


def test_a_number_column_of_another_type_is_rejected_not_guessed() -> None:
    assert reasons(pl.DataFrame({"id": ["a"], "rate": [date(2026, 1, 1)]})) == [(1, "rate", "wrong_type")]
    assert reasons(pl.DataFrame({"id": [1.5]})) == [(1, "id", "wrong_type")]


def test_an_unknown_column_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(InvalidInput, match="did you mean rate") as caught:
        check_table(pl.DataFrame({"id": ["a"], "ratee": [0.1]}), SCHEMA)
    assert [(p.row, p.column, p.reason) for p in caught.value.problems] == [(None, "ratee", "unknown_column")]
    with pytest.raises(InvalidInput, match="needs a column id"):
        check_table(pl.DataFrame({"rate": [0.1]}), SCHEMA)


def test_require_all_carries_every_problem() -> None:
    with pytest.raises(InvalidInput, match=r"5 row.*and 2 more") as caught:
        check_table(pl.DataFrame({"id": ["a", "b", "c", "d", "e"], "rate": [7.0] * 5}), SCHEMA).require_all("sample")
    assert len(caught.value.problems) == 5


cell = st.one_of(st.none(), st.text(max_size=6), st.floats(-2, 3).map(str), st.sampled_from(["nan", "inf", "0.5", "", " 0.1 "]))


@given(st.lists(st.tuples(cell, cell), max_size=12))
def test_every_row_is_either_accepted_or_has_a_fault(rows: list[tuple[str | None, str | None]]) -> None:
    table = pl.DataFrame({"id": [row[0] for row in rows], "rate": [row[1] for row in rows]}, schema={"id": pl.String, "rate": pl.String})
    checked = check_table(table, SCHEMA)
    assert checked.accepted.height + checked.rejected_rows == table.height
    assert checked.accepted["id"].null_count() == 0
    assert all(rate is None or 0.0 <= rate < 1.0 for rate in checked.accepted["rate"])


def test_a_long_cell_is_quoted_cut_with_its_length() -> None:
    rejected = check_table(pl.DataFrame({"id": ["a", "b"], "rate": ["9" * 400, "9" * 80]}), SCHEMA).rejected
    cut, whole = rejected["detail"].to_list()
    assert cut.startswith("9" * 80 + "… (400 characters)")
    assert whole.startswith("9" * 80 + " ")


@given(st.lists(st.sampled_from([None, 0.0, -0.0, 0.5, 1.0, -5e-324, 1.7e308, -1.7e308, float("nan"), float("inf"), float("-inf")])))
def test_a_column_of_numbers_has_the_faults_of_its_cells(cells: list[float | None]) -> None:
    schema = TableSchema(
        name="sample",
        columns=(
            ColumnSchema(name="closed", dtype=pl.Float64, minimum=0.0, maximum=1.0),
            ColumnSchema(name="open", dtype=pl.Float64, minimum=0.0, minimum_open=True, maximum=1.0, maximum_open=True),
            ColumnSchema(name="free", dtype=pl.Float64),
        ),
    )

    def faults(values: list[float | None]) -> list[tuple[int, str, str]]:
        table = pl.DataFrame({column.name: values for column in schema.columns}, schema=dict.fromkeys(schema.names, pl.Float64))
        return check_table(table, schema).rejected.select("row", "column", "reason").rows()

    alone = [(row, name, reason) for row, cell in enumerate(cells, 1) for _, name, reason in faults([cell])]
    assert faults(cells) == alone


def test_what_is_none_of_the_words_is_told_with_the_nearest_and_a_number_with_the_unit_it_is_in() -> None:
    schema = TableSchema(
        name="sample",
        columns=(
            ColumnSchema(name="kind", dtype=pl.String, allowed=("corporate", "bank")),
            ColumnSchema(name="sales", dtype=pl.Float64, unit="million euros", minimum=0.0, maximum=2e6),
            ColumnSchema(name="share", dtype=pl.Float64, unit="decimal", minimum=0.0, maximum=1.0),
        ),
    )
    table = pl.DataFrame(
        {"kind": ["corprate", "bank", "Bank", "zzz", None], "sales": [2e7, 0.0, 1.0, 2.0, None], "share": [2.0, 1.0, 0.0, 0.5, None]}
    )
    assert check_table(table, schema).rejected["detail"].to_list() == [
        "'corprate' is none of corporate, bank; did you mean corporate?",
        "20000000.0 is not within [0, 2e+06], in million euros",
        "2.0 is not within [0, 1]",
        "'Bank' is none of corporate, bank; did you mean bank?",
        "'zzz' is none of corporate, bank",
    ]
