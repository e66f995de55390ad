"""CECL: forecast, reversion and long run; what is not discounted; what needs no allowance."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.provisions import EclScenario, cecl_allowance, curves_from_pd_12m, expected_credit_loss


def facility(**columns: Any) -> pl.DataFrame:
    usual = {"facility_id": "F", "ead": 1000.0, "lgd": 0.4, "pd_12m": 0.08, "pd_12m_long_run": 0.02, "maturity_years": 6.0}
    return pl.DataFrame({name: [value] for name, value in (usual | columns).items()}, strict=False)


def hazard(pd: float) -> float:
    return -math.log1p(-pd)


def lifetime(total_hazard: float, exposure: float = 1000.0, lgd: float = 0.4) -> float:
    return exposure * lgd * -math.expm1(-total_hazard)


def allowance(table: pl.DataFrame, **call: Any) -> float:
    return float(cecl_allowance(table, **call).table["allowance"][0])


def test_the_hazard_is_forecast_then_goes_back_on_a_line_then_stays() -> None:
    ramp = sum((1 - (k + 0.5) / 4) * hazard(0.08) + (k + 0.5) / 4 * hazard(0.02) for k in range(4)) / 4
    expected = lifetime(2 * hazard(0.08) + ramp + 3 * hazard(0.02))
    assert allowance(facility(), forecast_years=2.0, reversion_years=1.0) == pytest.approx(expected, rel=1e-12)
    at_once = lifetime(2.1 * hazard(0.08) + 3.9 * hazard(0.02))
    assert allowance(facility(), forecast_years=2.1, reversion_years=0.0) == pytest.approx(at_once, rel=1e-12)


def test_with_no_forecast_only_the_long_run_counts_and_with_a_long_one_only_the_forecast() -> None:
    stress = [EclScenario(name="x", weight=1.0, hazard_multiplier=[3.0], lgd_multiplier=[1.5])]
    assert allowance(facility(), scenarios=stress, forecast_years=0.0, reversion_years=0.0) == pytest.approx(lifetime(6 * hazard(0.02)))
    assert allowance(facility(), scenarios=stress, forecast_years=6.0) == pytest.approx(lifetime(18 * hazard(0.08), lgd=0.6))


def test_lgd_goes_back_too_and_blank_long_runs_are_the_facility_s_own() -> None:
    halves = lifetime(hazard(0.08), lgd=0.4) + math.exp(-hazard(0.08)) * lifetime(5 * hazard(0.02), lgd=0.1)
    assert allowance(facility(lgd_long_run=0.1), forecast_years=1.0, reversion_years=0.0) == pytest.approx(halves, rel=1e-12)
    own = facility(pd_12m_long_run=None)
    assert allowance(own) == pytest.approx(lifetime(6 * hazard(0.08)), rel=1e-12)
    curve = facility(pd_12m=None, pd_12m_long_run=None, pd_curve="x")
    stress = [EclScenario(name="x", weight=1.0, hazard_multiplier=[2.0])]
    found = allowance(curve, pd_curves=curves_from_pd_12m({"x": 0.08}), scenarios=stress, forecast_years=1.0, reversion_years=0.0)
    assert found == pytest.approx(lifetime(7 * hazard(0.08)), rel=1e-12)


@given(st.floats(0.0, 0.9), st.floats(0.1, 20.0), st.floats(0.0, 0.3), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_with_one_pd_for_ever_it_is_the_lifetime_loss_of_ifrs_9(
    pd: float, life: float, rate: float, forecast: float, reversion: float
) -> None:
    table = facility(pd_12m=pd, pd_12m_long_run=pd, maturity_years=life, effective_interest_rate=rate)
    ecl = expected_credit_loss(table.with_columns(stage=pl.lit(2))).table["ecl"][0]
    found = allowance(table, forecast_years=forecast, reversion_years=reversion, discounted=True)
    assert found == pytest.approx(ecl, rel=1e-9, abs=1e-9)
    assert allowance(table, forecast_years=forecast, reversion_years=reversion) >= found * (1 - 1e-12)


def test_what_can_be_cancelled_unconditionally_has_no_allowance_for_the_undrawn() -> None:
    line = {"ead": None, "drawn": 600.0, "limit": 1000.0, "ccf": 0.5}
    assert allowance(facility(**line, unconditionally_cancellable=True)) == pytest.approx(0.6 * allowance(facility()))
    assert allowance(facility(**line)) == pytest.approx(0.8 * allowance(facility()))


def test_scenarios_are_weighted_and_totals_are_in_whole_cents() -> None:
    scenarios = [EclScenario(name="a", weight=0.25), EclScenario(name="b", weight=0.75, hazard_multiplier=[2.0])]
    table = pl.concat([facility(facility_id=f"F{k}", sector="x" if k % 3 else "y") for k in range(7)])
    result = cecl_allowance(table, scenarios=scenarios)
    row = result.table.row(0, named=True)
    assert row["allowance"] == pytest.approx(0.25 * row["allowance:a"] + 0.75 * row["allowance:b"])
    assert round(100 * result.by("sector")["allowance"].sum()) == round(100 * result.total)
    assert result.total == pytest.approx(7 * row["allowance"], abs=0.01)
    json.dumps(result.to_dict())


@pytest.mark.parametrize("said", [{"defaulted": True}, {"stage": 3}, {"stage": 1, "defaulted": True}, {"stage": 3, "defaulted": False}])
def test_what_is_in_default_has_its_exposure_times_its_lgd(said: dict[str, Any]) -> None:
    assert allowance(facility(**said)) == 400.0
    # As in stage 3 of IFRS 9, neither a PD nor a life is needed, nothing is discounted, and no long run is gone back to.
    bare = facility(**said, pd_12m=None, maturity_years=None, lgd_long_run=0.1, pd_12m_long_run=None)
    calls: list[dict[str, Any]] = [{}, {"forecast_years": 0.0, "reversion_years": 0.0}, {"discounted": True, "interest_rate": 0.1}]
    for call in calls:
        result = cecl_allowance(bare, **call)
        assert result.table.select("allowance", "pd_lifetime", "exposure").row(0) == (400.0, 1.0, 1000.0)
    stress = [EclScenario(name="a", weight=0.5), EclScenario(name="b", weight=0.5, hazard_multiplier=[0.5], lgd_multiplier=[2.0])]
    assert allowance(bare, scenarios=stress) == pytest.approx(0.5 * 400.0 + 0.5 * 800.0)
    third = bare.with_columns(stage=pl.lit(3))
    assert expected_credit_loss(third, scenarios=stress).table["ecl"][0] == allowance(bare, scenarios=stress)


def test_what_is_not_in_default_is_as_if_nobody_had_asked_and_the_notes_count_what_is() -> None:
    table = pl.concat(
        [facility(facility_id=str(n), stage=n, defaulted=n == 4) for n in (1, 2, 3)] + [facility(facility_id="4", defaulted=True)],
        how="diagonal",
    )
    result = cecl_allowance(table)
    alone = allowance(facility())
    assert result.table["allowance"].to_list() == [alone, alone, 400.0, 400.0]
    assert result.notes == ("2 facilities are in default (defaulted, stage 3, or a PD of 1): their allowance is LGD times exposure",)
    assert result.to_dict()["notes"] == list(result.notes)
    assert cecl_allowance(facility(stage=2)).notes == ()
    line = facility(defaulted=True, ead=None, drawn=600.0, limit=1000.0, ccf=0.5)
    assert allowance(line) == pytest.approx(0.4 * 800.0)
    assert allowance(line.with_columns(unconditionally_cancellable=pl.lit(True))) == pytest.approx(0.4 * 600.0)


def test_discounting_and_annuities_need_a_rate_and_nothing_else_does() -> None:
    assert allowance(facility()) > 0.0
    with pytest.raises(InvalidInput, match="effective interest rate"):
        allowance(facility(), discounted=True)
    with pytest.raises(InvalidInput, match="effective interest rate"):
        allowance(facility(amortisation="annuity"))
    assert allowance(facility(amortisation="annuity"), interest_rate=0.05) > allowance(facility(amortisation="linear"), interest_rate=0.05)


@pytest.mark.parametrize("wrong", [{"forecast_years": -1.0}, {"reversion_years": float("nan")}, {"period_years": 0.0}])
def test_a_wrong_argument_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        allowance(facility(), **wrong)


def test_an_annuity_needs_its_rate_and_what_is_beside_it_does_not() -> None:
    columns = {"facility_id": ["F1", "F2"], "ead": 1000.0, "lgd": 0.4, "pd_12m": 0.1, "maturity_years": 2.0}
    table = pl.DataFrame({**columns, "amortisation": ["bullet", "annuity"], "effective_interest_rate": [None, 0.05]})
    assert cecl_allowance(table).table["allowance_cents"][0] == cecl_allowance(table[:1]).table["allowance_cents"][0] == 7600
    without = table.with_columns(effective_interest_rate=pl.lit(None, pl.Float64))
    with pytest.raises(InvalidInput, match="row 2, column effective_interest_rate") as refused:
        cecl_allowance(without)
    assert len(refused.value.problems) == 1
    with pytest.raises(InvalidInput, match="row 1, column effective_interest_rate"):
        cecl_allowance(table, discounted=True)
    left = cecl_allowance(without, accept_partial=True)
    assert left.total == 76.0
    assert left.notes == ("1 row(s) of the table were rejected and are not in these numbers",)
