"""Curves, cash flows and values by rating: closed forms and what must not change."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.migration import (
    CashFlows,
    TransitionMatrix,
    ZeroCurves,
    bullet_flows,
    par_coupon,
    value_distribution,
    values_by_rating,
)

CURVES = ZeroCurves.from_spreads(("A", "B"), [1.0, 2.0, 5.0], [0.02, 0.025, 0.03], [0.01, 0.04])


@given(st.floats(0.05, 12.0), st.integers(0, 1), st.sampled_from([1, 2, 4]))
def test_at_its_par_coupon_a_loan_is_worth_what_is_owed(maturity: float, rating: int, frequency: int) -> None:
    coupon = par_coupon(CURVES, [rating], maturity_years=[maturity], frequency=frequency)
    flows = bullet_flows([1000.0], coupon=coupon, maturity_years=[maturity], frequency=frequency)
    assert values_by_rating(flows, CURVES)[0, rating] == pytest.approx(1000.0, rel=1e-12)


@given(st.floats(0.5, 10.0), st.floats(-0.02, 0.2), st.floats(0.0, 0.2))
def test_on_a_flat_curve_a_bullet_has_its_closed_form(maturity: float, rate: float, coupon: float) -> None:
    flat = ZeroCurves(ratings=("A",), years=np.array([1.0]), rates=np.array([[rate]]))
    flows = bullet_flows([100.0], coupon=[coupon], maturity_years=[maturity])
    times = np.arange(maturity, 1e-9, -1.0)
    expected = 100.0 * (coupon * np.sum((1.0 + rate) ** -times) + (1.0 + rate) ** -maturity)
    assert values_by_rating(flows, flat)[0, 0] == pytest.approx(expected, rel=1e-11)


@given(st.floats(0.1, 4.0), st.floats(4.5, 9.0))
def test_forward_curves_let_an_unchanged_promise_grow_at_its_own_rate(horizon: float, maturity: float) -> None:
    zero = CashFlows(owner=np.zeros(1, dtype=np.int64), years=np.array([maturity]), amount=np.array([1.0]), count=1)
    now = values_by_rating(zero, CURVES)
    later = values_by_rating(zero, CURVES.forward(horizon), at_years=horizon)
    assert later * CURVES.discount(np.array([horizon])) == pytest.approx(now, rel=1e-12)


def test_what_was_paid_before_the_horizon_is_carried_or_kept() -> None:
    flows = bullet_flows([100.0], coupon=[0.1], maturity_years=[3.0])
    kept = values_by_rating(flows, CURVES.forward(2.0), at_years=2.0)
    carried = values_by_rating(flows, CURVES.forward(2.0), at_years=2.0, carry=CURVES)
    growth = float(CURVES.discount(np.array([1.0]))[0, 0] / CURVES.discount(np.array([2.0]))[0, 0])
    assert carried - kept == pytest.approx(np.full((1, 2), 10.0 * (growth - 1.0)), rel=1e-12)
    ended = values_by_rating(bullet_flows([100.0], coupon=[0.1], maturity_years=[1.0]), CURVES.forward(2.0), at_years=2.0, carry=CURVES)
    assert ended.tolist() == [[pytest.approx(110.0 * growth)] * 2]


def test_values_add_up_over_payments_and_scale_with_what_is_owed() -> None:
    one = bullet_flows([100.0, 250.0], coupon=[0.05, 0.03], maturity_years=[2.5, 7.0], frequency=2)
    assert one.years[one.owner == 0].tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5])
    value = values_by_rating(one, CURVES)
    double = bullet_flows([200.0, 500.0], coupon=[0.05, 0.03], maturity_years=[2.5, 7.0], frequency=2)
    assert values_by_rating(double, CURVES) == pytest.approx(2.0 * value)
    assert (value[:, 0] > value[:, 1]).all()


def test_curves_are_read_from_a_table_each_with_its_own_tenors() -> None:
    table = pl.DataFrame({"rating": ["B", "A", "A", "C"], "years": [3.0, 5.0, 1.0, 1.0], "zero_rate": [0.06, 0.04, 0.02, 0.5]})
    curves = ZeroCurves.from_table(table, ("A", "B"))
    assert curves.years.tolist() == [1.0, 3.0, 5.0]
    assert curves.rates.tolist() == [pytest.approx([0.02, 0.03, 0.04]), pytest.approx([0.06, 0.06, 0.06])]
    with pytest.raises(InvalidInput, match="no zero curve for D"):
        ZeroCurves.from_table(table, ("A", "D"))


@pytest.mark.parametrize(
    ("years", "rates"),
    [
        ([0.0, 1.0], [[0.01, 0.02]]),
        ([2.0, 1.0], [[0.01, 0.02]]),
        ([1.0], [[-1.0]]),
        ([1.0], [[float("nan")]]),
        ([1.0, 2.0], [[0.01]]),
        ([1.0], [[15.0]]),
    ],
)
def test_curves_that_discount_nothing_sensible_are_refused(years: list[float], rates: list[list[float]]) -> None:
    with pytest.raises(InvalidInput):
        ZeroCurves(ratings=("A",), years=np.array(years), rates=np.array(rates))


@pytest.mark.parametrize("maturity", [0.0, -1.0, float("nan"), 1000.0])
def test_a_loan_without_a_maturity_is_refused(maturity: float) -> None:
    with pytest.raises(InvalidInput):
        bullet_flows([100.0], coupon=[0.05], maturity_years=[maturity])


MATRIX = TransitionMatrix.from_rows(("A", "B", "D"), [[0.90, 0.08, 0.02], [0.10, 0.80, 0.10]])


def test_one_name_s_value_has_the_moments_and_quantiles_of_its_row() -> None:
    found = value_distribution(MATRIX, "A", [105.0, 98.0, 40.0])
    assert found.mean == pytest.approx(0.9 * 105 + 0.08 * 98 + 0.02 * 40)
    assert found.standard_deviation**2 == pytest.approx(0.9 * 105**2 + 0.08 * 98**2 + 0.02 * 40**2 - found.mean**2)
    assert found.value_at_risk(0.95, reference=105.0) == pytest.approx(7.0)
    assert found.value_at_risk(0.99, reference=105.0) == pytest.approx(65.0)
    assert found.value_at_risk(0.90, reference=105.0) == 0.0
    assert found.expected_shortfall(0.95, reference=105.0) == pytest.approx((0.02 * 65 + 0.03 * 7) / 0.05)
    wider = value_distribution(MATRIX, "A", [105.0, 98.0, 40.0], recovery_sd=25.0)
    assert wider.standard_deviation**2 == pytest.approx(found.standard_deviation**2 + 0.02 * 625.0)
    with pytest.raises(InvalidInput):
        value_distribution(MATRIX, "Z", [1.0, 1.0, 1.0])
    with pytest.raises(InvalidInput):
        value_distribution(MATRIX, "A", [1.0, 1.0])
