"""Zero rates from par yields: par bonds are worth par on them, a flat curve stays flat, and published rates come out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.migration import ZeroCurves, bullet_flows, par_coupon, values_by_rating, zero_rates
from crfs.risk.migration.par_yields import annual, bond_equivalent

TREASURY = np.array([1 / 12, 0.125, 1 / 6, 0.25, 1 / 3, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 30.0])


def curve(years: np.ndarray, par: np.ndarray) -> ZeroCurves:
    return ZeroCurves(ratings=("riskless",), years=years, rates=zero_rates(years, par)[None, :])


@st.composite
def par_curves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Tenors that the Treasury publishes, some of them, and yields as they have been: smooth, from below zero to 16 %."""
    kept = sorted(draw(st.sets(st.integers(0, len(TREASURY) - 1), min_size=1)))
    level, slope = draw(st.floats(-0.01, 0.14)), draw(st.floats(-0.02, 0.03))
    noise = draw(st.lists(st.floats(-0.002, 0.002), min_size=len(TREASURY), max_size=len(TREASURY)))
    whole = level + slope * (1.0 - np.exp(-TREASURY / 4.0)) + np.array(noise)
    return TREASURY[kept], whole[kept]


@given(par_curves())
def test_every_par_bond_is_worth_par_and_every_bill_pays_its_yield(made: tuple[np.ndarray, np.ndarray]) -> None:
    years, par = made
    curves = curve(years, par)
    bonds = years >= 0.5
    if bonds.any():
        flows = bullet_flows(np.full(int(bonds.sum()), 100.0), coupon=par[bonds], maturity_years=years[bonds], frequency=2)
        assert values_by_rating(flows, curves)[:, 0] == pytest.approx(100.0, abs=1e-9)
        coupons = par_coupon(curves, np.zeros(int(bonds.sum()), dtype=np.int64), maturity_years=years[bonds], frequency=2)
        assert coupons == pytest.approx(par[bonds], abs=1e-12)
    bills = years <= 0.5
    assert curves.discount(years[bills])[:, 0] * (1.0 + par[bills] * years[bills]) == pytest.approx(1.0, abs=1e-12)


@given(st.floats(-0.02, 0.5))
def test_a_flat_curve_stays_flat(rate: float) -> None:
    years = np.arange(1, 61) / 2.0
    assert zero_rates(years, np.full(60, rate)) == pytest.approx(annual(rate).item(), abs=1e-11)


@given(par_curves(), st.floats(0.0001, 0.02))
def test_higher_yields_are_lower_prices(made: tuple[np.ndarray, np.ndarray], more: float) -> None:
    years, par = made
    assert (curve(years, par + more).discount(years) < curve(years, par).discount(years)).all()


def test_spot_rates_of_a_textbook() -> None:
    """F. Fabozzi, Bond Markets, Analysis, and Strategies, chapter 5: par yields and theoretical spot rates of ten years, two decimals."""
    par = [5.25, 5.5, 5.75, 6.0, 6.25, 6.5, 6.75, 6.8, 7.0, 7.1, 7.15, 7.2, 7.3, 7.35, 7.4, 7.5, 7.6, 7.6, 7.7, 7.8]
    spot = [5.25, 5.5, 5.76, 6.02, 6.28, 6.55, 6.82, 6.87, 7.09, 7.2, 7.26, 7.31, 7.43, 7.48, 7.54, 7.67, 7.8, 7.79, 7.93, 8.07]
    found = bond_equivalent(zero_rates(np.arange(1, 21) / 2.0, np.array(par) / 100.0))
    assert 100.0 * found == pytest.approx(np.array(spot), abs=0.0051)


def test_two_years_by_hand() -> None:
    """Coupons of 2 % and 3 % on par: 1.02 D1 = 1 at one payment, then 0.015 of each of four half years."""
    years, par = np.array([0.5, 1.0]), np.array([0.02, 0.03])
    first = 1.0 / 1.01
    second = (1.0 - 0.015 * first) / 1.015
    assert zero_rates(years, par) == pytest.approx([first**-2 - 1.0, 1.0 / second - 1.0], abs=1e-14)


def test_a_broken_half_year_pays_with_what_has_accrued() -> None:
    flat = zero_rates([0.5, 0.75], [0.04, 0.04])
    half = 1.0 + 0.02
    # On half-yearly compounding at 4 % a bond between its dates is worth par with accrued interest, but for simple interest within the half year.
    assert flat == pytest.approx([half**2 - 1.0] * 2, abs=2e-4)


@pytest.mark.parametrize(
    ("years", "par", "argument"),
    [
        ([], [], "years"),
        ([1.0, 1.0], [0.02, 0.02], "years"),
        ([0.0, 1.0], [0.02, 0.02], "years"),
        ([1.0, 2.0], [0.02], "par_yields"),
        ([1.0], [float("nan")], "par_yields"),
        ([0.5], [-2.5], "par_yields"),
        ([1.0, 30.0], [0.01, 9.0], "par_yields"),
    ],
)
def test_what_is_no_curve_is_refused(years: list[float], par: list[float], argument: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        zero_rates(years, par)
    assert refused.value.argument == argument


@given(st.floats(-0.5, 3.0))
def test_conventions_are_each_other_s_inverse(rate: float) -> None:
    assert annual(bond_equivalent(rate)).item() == pytest.approx(rate, abs=1e-12)
