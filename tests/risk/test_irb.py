"""Laws of the risk-weight functions: monotone where the regulation is, within LGD, floors, default, and the value at risk that they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk import irb, vasicek
from crfs.risk.irb import BASEL_II, BASEL_III, IrbClass, compare_expected_loss

classes = st.sampled_from(list(IrbClass))
decimals = st.floats(0.0, 1.0)
years = st.floats(0.0, 10.0)
# Beyond this PD the functions fall again: expected loss, which is no capital, takes over.
RISING = 0.25


@given(classes, st.floats(0.0005, RISING), st.floats(0.0005, RISING), decimals, years)
def test_risk_weights_rise_with_pd_below_a_quarter(kind: IrbClass, low: float, high: float, lgd: float, maturity: float) -> None:
    low, high = sorted((low, high))
    weights = irb.risk_weight([low, high], lgd, exposure_class=kind, maturity_years=maturity, regime=BASEL_III)
    assert weights[0] <= weights[1] * (1 + 1e-12)


@given(classes, decimals, decimals, decimals, years, st.sampled_from([BASEL_II, BASEL_III]))
def test_risk_weights_are_proportional_to_lgd_above_its_floor(
    kind: IrbClass, pd: float, lgd: float, part: float, maturity: float, regime: irb.Regime
) -> None:
    pd = max(pd, 0.0003)
    whole = irb.capital_requirement(pd, lgd, exposure_class=kind, maturity_years=maturity)
    assert float(irb.capital_requirement(pd, lgd * part, exposure_class=kind, maturity_years=maturity)) == pytest.approx(
        part * float(whole), abs=1e-15
    )
    floored = irb.risk_weight(pd, lgd, exposure_class=kind, maturity_years=maturity, regime=regime)
    assert float(floored) >= 0.0


@given(classes, decimals, decimals, years, st.booleans(), st.sampled_from([BASEL_II, BASEL_III]))
def test_capital_lies_between_nothing_and_lgd(
    kind: IrbClass, pd: float, lgd: float, maturity: float, large: bool, regime: irb.Regime
) -> None:
    if kind is IrbClass.SOVEREIGN:
        pd = max(pd, 1e-5)
    weight = float(irb.risk_weight(pd, lgd, exposure_class=kind, maturity_years=maturity, large_financial=large, regime=regime))
    assert 0.0 <= weight / 12.5 <= float(irb.floored_lgd(lgd, exposure_class=kind, regime=regime))


@given(st.floats(0.0003, 0.5), st.floats(0.0, 1.0), st.sampled_from(["residential_mortgage", "qrre", "other_retail"]))
def test_retail_capital_is_the_large_pool_s_value_at_risk_less_its_expected_loss(pd: float, lgd: float, kind: str) -> None:
    r2 = float(irb.correlation(pd, exposure_class=kind))
    expected = vasicek.value_at_risk(pd, r2=r2, confidence=0.999, lgd=lgd) - pd * lgd
    assert float(irb.capital_requirement(pd, lgd, exposure_class=kind)) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@given(st.floats(0.0003, 0.9), st.floats(1.0, 5.0))
def test_the_maturity_adjustment_is_linear_in_maturity_and_one_at_one_year(pd: float, maturity: float) -> None:
    at_one, at_five, between = (float(irb.maturity_adjustment(pd, m)) for m in (1.0, 5.0, maturity))
    assert at_one == pytest.approx(1.0, rel=1e-12)
    assert between == pytest.approx(at_one + (at_five - at_one) * (maturity - 1.0) / 4.0, rel=1e-12)
    assert at_five >= 1.0


def test_the_size_of_a_firm_takes_off_what_it_should() -> None:
    whole = irb.corporate_correlation(0.01)
    assert (whole - irb.corporate_correlation(0.01, turnover=[0.0, 5.0, 27.5, 50.0, 500.0, np.nan])).tolist() == pytest.approx(
        [0.04, 0.04, 0.02, 0.0, 0.0, 0.0]
    )


def test_correlations_have_their_ends() -> None:
    assert irb.corporate_correlation([0.0, 1.0]).tolist() == [0.24, 0.12]
    assert irb.corporate_correlation([0.0, 1.0], ceiling=0.30).tolist() == [0.30, 0.12]
    assert irb.other_retail_correlation([0.0, 1.0]).tolist() == [0.16, 0.03]
    assert float(irb.correlation(0.0, exposure_class="bank", financial_multiplier=1.25)) == pytest.approx(0.30)
    assert float(irb.correlation(0.0, exposure_class="sovereign", financial_multiplier=1.25)) == 0.24


def test_certain_and_impossible_default_have_no_unexpected_loss() -> None:
    for kind in IrbClass:
        assert irb.capital_requirement([0.0, 1.0], 0.45, exposure_class=kind).tolist() == pytest.approx([0.0, 0.0], abs=1e-15)


def test_floors_are_those_of_each_regime() -> None:
    kinds = ["corporate", "sovereign", "bank", "residential_mortgage", "qrre", "other_retail"]
    assert irb.floored_pd(0.0, exposure_class=kinds, regime=BASEL_II).tolist() == [0.0003, 0.0, 0.0003, 0.0003, 0.0003, 0.0003]
    assert irb.floored_pd(0.0, exposure_class=kinds, regime=BASEL_III).tolist() == [0.0005, 0.0, 0.0005, 0.0005, 0.001, 0.0005]
    assert irb.floored_lgd(0.0, exposure_class=kinds, regime=BASEL_II).tolist() == [0.0, 0.0, 0.0, 0.10, 0.0, 0.0]
    assert irb.floored_lgd(0.0, exposure_class=kinds, regime=BASEL_III).tolist() == [0.25, 0.0, 0.0, 0.05, 0.50, 0.30]


def test_the_floor_of_a_partly_secured_claim_is_the_average_of_two() -> None:
    floors = irb.floored_lgd(
        0.0,
        exposure_class=["corporate", "corporate", "other_retail", "residential_mortgage"],
        collateral=["financial", "other_physical", "real_estate", "real_estate"],
        secured_share=[1.0, 0.4, 0.5, 1.0],
    )
    assert floors.tolist() == pytest.approx([0.0, 0.6 * 0.25 + 0.4 * 0.15, 0.5 * 0.30 + 0.5 * 0.10, 0.05])


def test_default_costs_what_lgd_is_above_the_best_estimate() -> None:
    assert irb.defaulted_capital_requirement([0.5, 0.3], [0.4, 0.4]).tolist() == pytest.approx([0.1, 0.0])


def test_supervisory_lgds() -> None:
    assert irb.foundation_lgd(["corporate", "corporate", "sovereign"], financial=[False, True, False]).tolist() == [0.40, 0.45, 0.45]
    assert float(irb.foundation_lgd("corporate", regime=BASEL_II)) == 0.45
    with pytest.raises(InvalidInput, match="no foundation approach"):
        irb.foundation_lgd("qrre")


@given(*[st.floats(0.0, 1e9)] * 3, st.floats(0.0, 1.0), st.booleans())
def test_a_shortfall_and_an_excess_exclude_each_other(el: float, provisions: float, rwa: float, part: float, covers: bool) -> None:
    found = compare_expected_loss(
        el,
        provisions,
        rwa=rwa,
        defaulted_el=0.5 * el,
        defaulted_provisions=part * provisions,
        defaulted_excess_covers_others=covers,
    )
    assert min(found.shortfall, found.excess) == 0.0
    assert found.shortfall - found.excess == pytest.approx(el - (provisions - found.unused_on_defaulted), rel=1e-12, abs=1e-3)
    assert found.tier_2 == min(found.excess, 0.006 * rwa)


def test_an_excess_on_defaults_does_not_cover_others_unless_it_may() -> None:
    barred, allowed = (
        compare_expected_loss(100.0, 110.0, rwa=1e6, defaulted_el=20.0, defaulted_provisions=90.0, defaulted_excess_covers_others=covers)
        for covers in (False, True)
    )
    assert (barred.shortfall, barred.unused_on_defaulted) == (60.0, 70.0)
    assert (allowed.excess, allowed.unused_on_defaulted) == (10.0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pd": 1.5, "lgd": 0.4}, "pd is a decimal"),
        ({"pd": float("nan"), "lgd": 0.4}, "pd is a decimal"),
        ({"pd": 0.1, "lgd": -0.1}, "lgd is a decimal"),
        ({"pd": 0.1, "lgd": 0.4, "exposure_class": "equity"}, "no risk-weight function"),
        ({"pd": 0.1, "lgd": 0.4, "maturity_years": -1.0}, "maturity_years"),
        ({"pd": 0.1, "lgd": 0.4, "turnover": -1.0}, "turnover"),
        ({"pd": 1e-6, "lgd": 0.4}, "no meaning"),
    ],
)
def test_impossible_inputs_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        irb.risk_weight(**arguments)
