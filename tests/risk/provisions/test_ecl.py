"""Expected credit losses against closed forms and laws: 12 months within life, zero rates, flat hazards, weights, periods, stages, cents."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.provisions import (
    EclScenario,
    Timing,
    balance_share,
    curves_from_conditional,
    curves_from_pd_12m,
    expected_credit_loss,
    point_in_time_pd,
)

rates = st.floats(-0.2, 0.5)
pds = st.floats(0.0, 1.0)
lives = st.floats(0.01, 30.0)


def facility(**columns: Any) -> dict[str, Any]:
    usual = {"ead": 1000.0, "lgd": 0.4, "pd_12m": 0.05, "maturity_years": 5.0, "effective_interest_rate": 0.06, "stage": 2}
    return usual | columns


def table_of(*rows: dict[str, Any]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame({"facility_id": [f"F{k}" for k in range(len(rows))], **columns}, strict=False)


def ecl_of(*, named: str = "ecl", call: dict[str, Any] | None = None, **columns: Any) -> float:
    return float(expected_credit_loss(table_of(facility(**columns)), **(call or {})).table[named][0])


def random_book(count: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "facility_id": [f"F{k}" for k in range(count)],
            "ead": random.lognormal(8.0, 2.0, count),
            "lgd": random.uniform(0.0, 1.0, count),
            "pd_12m": random.uniform(0.0, 0.5, count),
            "maturity_years": random.uniform(0.05, 12.0, count),
            "effective_interest_rate": random.uniform(-0.02, 0.3, count),
            "amortisation": random.choice(["bullet", "linear", "annuity"], count),
            "prepayment_rate": random.uniform(0.0, 0.4, count),
            "stage": random.integers(1, 4, count),
            "sector": random.choice(["a", "b", "c"], count),
            "segment": random.choice(["retail", "firms"], count),
        }
    )


@given(pds, lives, rates, st.sampled_from(["bullet", "linear", "annuity"]), st.floats(0.0, 0.9))
def test_twelve_months_are_within_the_life_and_both_within_what_can_be_lost(
    pd: float, life: float, rate: float, amortisation: str, prepayment: float
) -> None:
    row = facility(pd_12m=pd, maturity_years=life, effective_interest_rate=rate, amortisation=amortisation, prepayment_rate=prepayment)
    found = expected_credit_loss(table_of(row)).table.row(0, named=True)
    assert 0.0 <= found["ecl_12m"] <= found["ecl_lifetime"]
    assert found["ecl_lifetime"] <= 400.0 * max(1.0, (1.0 + rate) ** -life) * (1 + 1e-12)
    if life <= 1.0:
        assert found["ecl_12m"] == found["ecl_lifetime"]


@given(pds, lives, st.sampled_from([0.1, 0.25, 1.0, 0.7]), st.sampled_from(list(Timing)))
def test_without_interest_a_bullet_loses_its_pd_times_lgd(pd: float, life: float, period: float, timing: Timing) -> None:
    found = expected_credit_loss(
        table_of(facility(pd_12m=pd, maturity_years=life, effective_interest_rate=0.0)), period_years=period, timing=timing
    ).table.row(0, named=True)
    assert found["ecl_lifetime"] == pytest.approx(400.0 * (1.0 - (1.0 - pd) ** life), rel=1e-9, abs=1e-9)
    assert found["ecl_12m"] == pytest.approx(400.0 * (1.0 - (1.0 - pd) ** min(life, 1.0)), rel=1e-9, abs=1e-9)
    assert found["pd_lifetime"] == pytest.approx(1.0 - (1.0 - pd) ** life, rel=1e-9, abs=1e-12)


@given(st.floats(0.0, 0.99), lives, rates, st.floats(0.0, 0.9), st.sampled_from([0.1, 0.25, 1.0, 0.7]))
def test_a_flat_hazard_has_its_closed_form_whatever_the_periods(pd: float, life: float, rate: float, leaving: float, period: float) -> None:
    hazard, force = -math.log1p(-pd), math.log1p(rate) - math.log1p(-leaving)
    both = hazard + force
    expected = 400.0 * hazard * (life if abs(both * life) < 1e-12 else -math.expm1(-both * life) / both)
    row = facility(pd_12m=pd, maturity_years=life, effective_interest_rate=rate, prepayment_rate=leaving)
    assert float(expected_credit_loss(table_of(row), period_years=period).table["ecl"][0]) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_defaults_at_the_end_of_years_are_a_geometric_series() -> None:
    v, survival = 1 / 1.06, 0.95
    expected = 400.0 * sum(survival ** (k - 1) * 0.05 * v**k for k in range(1, 6))
    assert ecl_of(call={"period_years": 1.0, "timing": "end"}) == pytest.approx(expected, rel=1e-12)
    assert ecl_of(call={"period_years": 1.0, "timing": "start"}) == pytest.approx(expected * 1.06, rel=1e-12)
    assert ecl_of(call={"period_years": 1.0, "timing": "middle"}) == pytest.approx(expected * math.sqrt(1.06), rel=1e-12)
    assert ecl_of(call={"timing": "end"}) < ecl_of() < ecl_of(call={"timing": "start"})


def test_no_pd_loses_nothing_and_a_certain_one_lgd_at_once() -> None:
    for amortisation in ("bullet", "linear", "annuity"):
        assert ecl_of(pd_12m=0.0, amortisation=amortisation) == 0.0
        assert ecl_of(pd_12m=1.0, amortisation=amortisation) == pytest.approx(400.0, rel=1e-12)
        assert ecl_of(pd_12m=1.0, stage=1, amortisation=amortisation) == pytest.approx(400.0, rel=1e-12)
    assert ecl_of(lgd=0.0) == 0.0
    assert ecl_of(ead=0.0) == 0.0


@pytest.mark.parametrize("amortisation", ["linear", "annuity"])
def test_amortising_loans_agree_with_a_sum_over_their_schedule(amortisation: str) -> None:
    hazard, force = -math.log(0.95), math.log(1.06)
    expected = 0.0
    for k in range(60):
        owed = float(balance_share(amortisation, k / 12, maturity_years=5.0, interest_rate=0.06))
        alive = math.exp(-(hazard + force) * k / 12)
        expected += 400.0 * owed * alive * hazard / (hazard + force) * -math.expm1(-(hazard + force) / 12)
    assert ecl_of(amortisation=amortisation, call={"period_years": 1 / 12}) == pytest.approx(expected, rel=1e-10)


@given(st.just(0.0) | st.floats(1e-4, 0.3), st.integers(1, 120), st.integers(1, 12))
def test_an_annuity_s_balance_is_what_its_payments_leave(rate: float, count: int, a_year: int) -> None:
    growth = (1.0 + rate) ** (1.0 / a_year)
    # Equal payments of 1, discounted from the last one backwards, which loses no digits.
    balances = [0.0]
    for _ in range(count):
        balances.append((balances[-1] + 1.0) / growth)
    for k, balance in enumerate(reversed(balances)):
        share = float(balance_share("annuity", k / a_year, maturity_years=count / a_year, interest_rate=rate))
        assert share == pytest.approx(balance / balances[-1], rel=1e-7, abs=1e-12)


def test_what_may_still_be_drawn_counts_with_its_factor_and_does_not_amortise() -> None:
    drawn = ecl_of(ead=None, drawn=600.0, limit=1000.0, ccf=0.5)
    assert drawn == pytest.approx(0.8 * ecl_of(), rel=1e-12)
    assert ecl_of(ead=800.0, drawn=600.0) == pytest.approx(drawn, rel=1e-12)
    linear = ecl_of(ead=None, drawn=600.0, limit=1000.0, ccf=0.5, amortisation="linear")
    assert linear == pytest.approx(ecl_of(ead=600.0, amortisation="linear") + ecl_of(ead=200.0), rel=1e-12)
    assert ecl_of(ead=None, drawn=600.0, limit=500.0) == pytest.approx(0.6 * ecl_of(), rel=1e-12)  # overdrawn: nothing undrawn


def test_stages_choose_what_counts() -> None:
    table = table_of(*[facility(stage=stage) for stage in (1, 2, 3)])
    found = expected_credit_loss(table).table
    assert found["ecl"][0] == found["ecl_12m"][0] < found["ecl"][1] == found["ecl_lifetime"][1] < found["ecl"][2] == pytest.approx(400.0)
    assert found["pd_lifetime"][2] == 1.0
    bare = table_of(facility(stage=3, pd_12m=None, maturity_years=None, effective_interest_rate=None))
    assert expected_credit_loss(bare).total == 400.0


def test_what_came_credit_impaired_has_the_change_since_then() -> None:
    life = ecl_of()
    result = expected_credit_loss(
        table_of(facility(poci=True, initial_ecl=50.0, stage=None), facility(poci=True, initial_ecl=500.0), facility())
    )
    assert result.table["ecl"].to_list() == pytest.approx([life - 50.0, life - 500.0, life])
    assert [(s.stage, s.facilities) for s in result.stages] == [(2, 1), (None, 2)]
    assert "credit-adjusted" in result.notes[0]
    with pytest.raises(InvalidInput, match="expected then"):
        ecl_of(poci=True)


@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4), st.floats(0.2, 5.0))
def test_the_weighted_loss_lies_between_the_scenarios_and_is_their_mean(seed: int, parts: list[float], stress: float) -> None:
    total = sum(parts) or 1.0
    weights = [part / total for part in parts] if sum(parts) else [1.0] + [0.0] * (len(parts) - 1)
    scenarios = [EclScenario(name=f"s{k}", weight=w, hazard_multiplier=[stress**k]) for k, w in enumerate(weights)]
    table = expected_credit_loss(random_book(20, seed), scenarios=scenarios).table
    each = table.select(f"ecl:s{k}" for k in range(len(weights))).to_numpy()
    assert (each.min(axis=1) * (1 - 1e-12) <= table["ecl"].to_numpy()).all()
    assert (table["ecl"].to_numpy() <= each.max(axis=1) * (1 + 1e-12)).all()
    assert table["ecl"].to_numpy() == pytest.approx(each @ np.array(weights), rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(1.0, 4.0), st.floats(1.0, 2.0))
def test_a_harder_scenario_never_loses_less_and_no_scenario_changes_nothing(seed: int, hazard: float, lgd: float) -> None:
    book = random_book(20, seed).with_columns(effective_interest_rate=pl.col("effective_interest_rate").abs())
    still = EclScenario(
        name="x", weight=1.0, period_years=1 / 12, hazard_multiplier=[1.0] * 30, lgd_multiplier={"retail": [1.0], "*": [1.0]}
    )
    base = expected_credit_loss(book)
    # A path that turns nowhere cuts no period, so the bits are the same too.
    assert expected_credit_loss(book, scenarios=[still]).table["ecl"].to_list() == base.table["ecl"].to_list()
    harder = EclScenario(name="x", weight=1.0, lgd_multiplier=[lgd])
    assert (expected_credit_loss(book, scenarios=[harder]).table["ecl"] >= base.table["ecl"]).all()
    # What is owed falls, and so does its present value: an earlier default only loses more.
    harder = EclScenario(name="x", weight=1.0, hazard_multiplier=[hazard])
    assert (expected_credit_loss(book, scenarios=[harder]).table["ecl"] >= base.table["ecl"] * (1 - 1e-12)).all()


def test_a_path_of_multipliers_moves_the_periods_it_names_and_then_holds() -> None:
    scenario = EclScenario(name="x", weight=1.0, period_years=1.0, hazard_multiplier=[1.0, 2.0, 3.0])
    hazard = -math.log(0.95)
    expected = 400.0 * -math.expm1(-hazard * (1 + 2 + 3 + 3 + 3))
    assert ecl_of(effective_interest_rate=0.0, call={"scenarios": [scenario]}) == pytest.approx(expected, rel=1e-12)
    # Coarse periods do not step over a turn of the path.
    assert ecl_of(effective_interest_rate=0.0, call={"scenarios": [scenario], "period_years": 5.0}) == pytest.approx(expected, rel=1e-12)
    doubled = EclScenario(name="x", weight=1.0, lgd_multiplier=[2.0], ead_multiplier=[1.5])
    assert ecl_of(call={"scenarios": [doubled]}) == pytest.approx(3.0 * ecl_of(), rel=1e-12)
    assert ecl_of(lgd=0.8, call={"scenarios": [EclScenario(name="x", weight=1.0, lgd_multiplier=[2.0])]}) == pytest.approx(
        2.5 * ecl_of(), rel=1e-12
    )


def test_a_path_that_turns_within_a_period_does_not_amortise_faster() -> None:
    turning = EclScenario(name="x", weight=1.0, period_years=1 / 12, hazard_multiplier=[1.0, 1.0 + 1e-9, 1.0, 1.0 - 1e-9])
    for amortisation in ("linear", "annuity"):
        found = ecl_of(amortisation=amortisation, call={"scenarios": [turning], "period_years": 0.5})
        assert found == pytest.approx(ecl_of(amortisation=amortisation, call={"period_years": 0.5}), rel=1e-8)


def test_segments_follow_their_own_paths() -> None:
    table = table_of(facility(segment="cards"), facility(segment="homes"), facility(segment=None))
    scenario = EclScenario(name="x", weight=1.0, lgd_multiplier={"cards": [2.0], "*": [0.5]})
    assert expected_credit_loss(table, scenarios=[scenario]).table["ecl"].to_list() == pytest.approx(
        [2.0 * ecl_of(), 0.5 * ecl_of(), 0.5 * ecl_of()]
    )
    with pytest.raises(InvalidInput, match="no path for"):
        expected_credit_loss(table, scenarios=[EclScenario(name="x", weight=1.0, lgd_multiplier={"cards": [2.0]})])


def test_curves_take_the_place_of_pds() -> None:
    curves = curves_from_pd_12m({"BB": 0.05})
    assert ecl_of(pd_12m=None, pd_curve="BB", call={"pd_curves": curves}) == pytest.approx(ecl_of(), rel=1e-12)
    stepped = curves_from_conditional({"x": [0.1, 0.2]}, times_years=[0.0, 1.0, 2.0])
    found = ecl_of(pd_12m=None, pd_curve="x", maturity_years=3.0, effective_interest_rate=0.0, call={"pd_curves": stepped})
    assert found == pytest.approx(400.0 * (1 - 0.9 * 0.8 * 0.8), rel=1e-12)
    certain = curves_from_conditional({"x": [0.1, 1.0]}, times_years=[0.0, 1.0, 2.0])
    found = ecl_of(pd_12m=None, pd_curve="x", effective_interest_rate=0.0, call={"pd_curves": certain})
    assert found == pytest.approx(400.0, rel=1e-12)
    worse = EclScenario(name="x", weight=1.0, pd_curves=curves_from_pd_12m({"BB": 0.2}))
    assert ecl_of(pd_12m=None, pd_curve="BB", call={"pd_curves": curves, "scenarios": [worse]}) == pytest.approx(
        ecl_of(pd_12m=0.2), rel=1e-12
    )


def test_a_factor_moves_pds_as_vasicek_says() -> None:
    scenario = EclScenario(name="x", weight=1.0, factor=[-2.0])
    moved = float(point_in_time_pd(0.05, r2=0.15, factor=-2.0))
    assert ecl_of(r2=0.15, call={"scenarios": [scenario]}) == pytest.approx(ecl_of(pd_12m=moved), rel=1e-9)
    curves = curves_from_pd_12m({"BB": 0.05})
    assert ecl_of(r2=0.15, pd_12m=None, pd_curve="BB", call={"scenarios": [scenario], "pd_curves": curves}) == pytest.approx(
        ecl_of(pd_12m=moved), rel=1e-9
    )
    assert ecl_of(r2=0.15, pd_12m=0.0, call={"scenarios": [scenario]}) == 0.0
    assert ecl_of(r2=0.15, pd_12m=1.0, call={"scenarios": [scenario]}) == pytest.approx(400.0)
    with pytest.raises(InvalidInput, match="moves the factor"):
        ecl_of(call={"scenarios": [scenario]})


@given(st.integers(0, 2**32 - 1))
def test_totals_sum_to_the_cent_over_any_cut(seed: int) -> None:
    result = expected_credit_loss(random_book(50, seed))
    total = int(result.table["ecl_cents"].sum())
    assert total == round(100 * math.fsum(result.table["ecl"].to_list()))
    for cut in (("sector",), ("stage", "sector"), ("facility_id",)):
        assert round(100 * result.by(*cut)["ecl"].sum()) == total
    assert round(100 * sum(stage.ecl for stage in result.stages)) == total
    assert ((result.table["ecl"] - result.table["ecl_cents"] / 100).abs() <= 0.01).all()
    json.dumps(result.to_dict())


def test_a_facility_s_bits_do_not_depend_on_the_others() -> None:
    book = random_book(20_000, 4)  # more than one block
    whole = expected_credit_loss(book).table.drop("ecl_cents")
    part = expected_credit_loss(book[12_345:12_400]).table.drop("ecl_cents")
    assert part.rows() == whole[12_345:12_400].rows()
    backwards = expected_credit_loss(book.reverse()).table.drop("ecl_cents")
    assert backwards.reverse().rows() == whole.rows()


def test_a_file_as_read_gives_the_same_numbers_and_a_book_s_other_columns_do_not_matter() -> None:
    book = random_book(30, 1)
    text = book.with_columns(pl.all().cast(pl.String))
    other = book.with_columns(r2=pl.lit(0.2), group=pl.lit("all"), lgd_sd=pl.lit(0.1), obligor_id=pl.lit("O"))
    assert expected_credit_loss(text).table["ecl"].to_list() == expected_credit_loss(book).table["ecl"].to_list()
    assert expected_credit_loss(other).total == expected_credit_loss(book).total


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        ({"pd_12m": 1.2}, "pd_12m"),
        ({"pd_12m": float("nan")}, "pd_12m"),
        ({"pd_12m": None}, "pd_12m"),
        ({"lgd": None}, "lgd"),
        ({"ead": -1.0}, "ead"),
        ({"ead": None}, "ead"),
        ({"ead": None, "drawn": 1.0, "limit": 2.0}, "ccf"),
        ({"maturity_years": 0.0}, "maturity_years"),
        ({"maturity_years": 101.0}, "maturity_years"),
        ({"maturity_years": None}, "maturity_years"),
        ({"effective_interest_rate": -1.0}, "effective_interest_rate"),
        ({"effective_interest_rate": None}, "effective_interest_rate"),
        ({"stage": 4}, "stage"),
        ({"stage": None}, "stage"),
        ({"prepayment_rate": 1.0}, "prepayment_rate"),
        ({"amortisation": "balloon"}, "amortisation"),
        ({"pd_curve": "AAA"}, "pd_curve"),
    ],
)
def test_bad_rows_are_named_and_the_others_can_be_measured(wrong: dict[str, Any], column: str) -> None:
    table = table_of(facility(), facility(**wrong))
    with pytest.raises(InvalidInput) as caught:
        expected_credit_loss(table)
    assert {(problem.row, problem.column) for problem in caught.value.problems} == {(2, column)}
    partial = expected_credit_loss(table, accept_partial=True)
    assert partial.table.height == 1
    assert partial.notes == ("1 row(s) of the table were rejected and are not in these numbers",)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"scenarios": []}, "one or more"),
        ({"scenarios": [EclScenario(name="a", weight=0.5), EclScenario(name="b", weight=0.4)]}, "sum to 0.9"),
        ({"scenarios": [EclScenario(name="a", weight=0.5), EclScenario(name="a", weight=0.5)]}, "each name once"),
        ({"timing": "never"}, "no timing"),
        ({"period_years": 0.0}, "period_years"),
        ({"period_years": 1e-6}, "make them longer"),
        ({"interest_rate": -1.5}, "interest rate"),
    ],
)
def test_a_wrong_argument_is_refused(call: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ecl_of(call=call)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": 1.5},
        {"weight": float("nan")},
        {"name": ""},
        {"period_years": 0.0},
        {"hazard_multiplier": []},
        {"hazard_multiplier": [0.0]},
        {"lgd_multiplier": {"a": [float("inf")]}},
        {"factor": [float("nan")]},
    ],
)
def test_an_impossible_scenario_is_refused(wrong: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"name": "x", "weight": 1.0}
    with pytest.raises(InvalidInput):
        EclScenario(**(usual | wrong))
