"""Whole cents that sum to the rounded total, against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.cents import LARGEST, in_cents, in_units, total_in_cents

amounts = st.lists(
    st.one_of(
        st.floats(-1e9, 1e9),
        st.integers(-(10**12), 10**12).map(lambda cents: cents / 100.0),
        st.integers(-(10**6), 10**6).map(lambda eighths: eighths * 0.125),
        st.floats(-LARGEST / 64, LARGEST / 64),
    ),
    max_size=60,
)


@given(amounts)
def test_the_total_is_the_exact_sum_rounded_once(values: list[float]) -> None:
    assert total_in_cents(values) == round(100 * sum((Fraction(value) for value in values), Fraction(0)))  # round: half to even


@given(amounts)
def test_the_parts_sum_to_the_total_and_each_is_within_a_cent(values: list[float]) -> None:
    cents = in_cents(values)
    assert int(cents.sum()) == total_in_cents(values)
    for value, part in zip(values, cents.tolist(), strict=True):
        assert abs(Fraction(value) * 100 - part) <= 1


@given(st.lists(st.integers(-(10**13), 10**13), max_size=60))
def test_amounts_that_are_whole_cents_stay_what_they_are(cents: list[int]) -> None:
    assert in_cents([cent / 100.0 for cent in cents]).tolist() == cents


@given(st.lists(st.integers(-(10**13), 10**13), max_size=60))
def test_cents_in_units_are_the_numbers_nearest_to_their_decimals(cents: list[int]) -> None:
    table = pl.DataFrame({"amount": pl.Series(cents, dtype=pl.Int64)})
    assert in_units(table, "amount")["amount"].to_list() == [float(Fraction(cent, 100)) for cent in cents]


@given(amounts)
def test_the_order_changes_no_total(values: list[float]) -> None:
    assert total_in_cents(values) == total_in_cents(sorted(values)) == total_in_cents(values[::-1])


def test_the_largest_remainders_are_rounded_up_and_of_equal_ones_the_first() -> None:
    assert in_cents([0.001, 0.007, 0.002]).tolist() == [0, 1, 0]
    assert in_cents([1 / 3, 1 / 3, 1 / 3]).tolist() == [34, 33, 33]
    assert in_cents([-0.0051, 0.0149]).tolist() == [0, 1]
    assert in_cents([-0.0049, 0.0149]).tolist() == [0, 1]


def test_a_hundred_thousand_thirds_lose_no_cent() -> None:
    parts = np.full(100_000, 1e6 / 3)
    assert int(in_cents(parts).sum()) == 3333333333333


@pytest.mark.parametrize("bad", [[np.nan], [np.inf], [1.0, -5e16], [[1.0]], [LARGEST / 999] * 1000])
def test_what_has_no_cents_is_refused(bad: list[float]) -> None:
    with pytest.raises(InvalidInput):
        in_cents(bad)
