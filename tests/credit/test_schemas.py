"""Schemas declare columns once, and find the one that was meant."""

from __future__ import annotations

import polars as pl
import pytest

from crfs.credit.schemas import PORTFOLIO, ColumnSchema, TableSchema
from crfs.errors import InvalidInput


def test_the_nearest_name_is_offered_and_nonsense_is_not() -> None:
    assert PORTFOLIO.nearest("obligor") == "obligor_id"
    assert PORTFOLIO.nearest("EAD ") == "ead"
    assert PORTFOLIO.nearest("xyzzy") is None


def test_a_family_of_columns_is_found_by_its_prefix_but_not_by_the_prefix_alone() -> None:
    found = PORTFOLIO.column("loading:oil")
    assert found is not None
    assert found.prefix
    assert PORTFOLIO.column("loading:") is None
    assert "loading:" not in PORTFOLIO.names


def test_a_schema_that_contradicts_itself_is_refused() -> None:
    column = ColumnSchema(name="a", dtype=pl.String)
    with pytest.raises(InvalidInput, match="more than once"):
        TableSchema(name="t", columns=(column, column))
    with pytest.raises(InvalidInput, match="does not have"):
        TableSchema(name="t", columns=(column,), unique=("b",))
    with pytest.raises(InvalidInput, match="above the maximum"):
        ColumnSchema(name="a", dtype=pl.Float64, minimum=2.0, maximum=1.0)


def test_ranges_are_written_with_their_brackets() -> None:
    assert ColumnSchema(name="r2", dtype=pl.Float64, minimum=0.0, maximum=1.0, maximum_open=True).range_text == "[0, 1)"
    assert ColumnSchema(name="x", dtype=pl.Float64).range_text == "(-inf, inf)"
