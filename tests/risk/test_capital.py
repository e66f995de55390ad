"""Capital of a table of facilities: approaches side by side, default, the output floor, totals to the cent, and bad rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk import irb
from crfs.risk.capital import Approach, ExposureClass, regulatory_capital
from crfs.risk.output_floor import output_floor


def facility(**columns: Any) -> dict[str, Any]:
    return {"exposure_class": "corporate", "pd": 0.01, "lgd": 0.45, "ead": 100.0} | columns


def table_of(*rows: dict[str, Any]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame({"facility_id": [f"F{k}" for k in range(len(rows))], **columns}, strict=False)


def random_table(count: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    kinds = np.array([kind.value for kind in ExposureClass])[random.integers(0, len(ExposureClass), count)]
    retail = np.isin(kinds, ["residential_mortgage", "qrre", "other_retail"])
    approach = np.where(
        random.random(count) < 0.3, "standardised", np.where((random.random(count) < 0.5) & ~retail, "foundation", "advanced")
    )
    return pl.DataFrame(
        {
            "facility_id": [f"F{k}" for k in range(count)],
            "exposure_class": kinds,
            "approach": approach,
            "pd_12m": np.where(random.random(count) < 0.05, 1.0, random.uniform(0.0, 0.2, count)),
            "lgd": random.uniform(0.0, 1.0, count),
            "ead": random.lognormal(8.0, 1.0, count),
            "maturity_years": random.uniform(0.0, 9.0, count),
            "turnover": random.uniform(0.0, 900.0, count),
            "ltv": random.uniform(0.0, 1.5, count),
            "rating": random.choice(["AAA", "A-", "Baa1", "BB", "B", "CCC", "NR"], count),
            "scra_grade": random.choice(["A", "A_STRONG", "B", "C"], count),
            "specific_provisions": random.uniform(0.0, 500.0, count),
            "sector": random.choice(["north", "south", "west"], count),
        }
    )


def test_a_row_has_what_the_function_says() -> None:
    result = regulatory_capital(table_of(facility(maturity_years=4.0, turnover=20.0), facility(exposure_class="qrre", transactor=True)))
    first = result.table.row(0, named=True)
    assert first["rw"] == pytest.approx(float(irb.risk_weight(0.01, 0.45, maturity_years=4.0, turnover=20.0)))
    assert first["rwa"] == pytest.approx(100.0 * first["rw"])
    assert first["capital"] == pytest.approx(0.08 * first["rwa"])
    assert first["k"] == pytest.approx(first["capital"] / 100.0)
    assert first["el"] == pytest.approx(0.45)
    second = result.table.row(1, named=True)
    assert (second["lgd_used"], second["maturity_used"]) == (0.5, None)  # the floor of QRRE; retail has no maturity
    assert second["rw"] == pytest.approx(float(irb.risk_weight(0.01, 0.5, exposure_class="qrre")))


def test_a_blank_maturity_is_two_and_a_half_years_and_others_are_cut_to_one_and_five() -> None:
    result = regulatory_capital(table_of(*[facility(maturity_years=years) for years in (None, 2.5, 0.2, 1.0, 7.0, 5.0)]))
    weights = result.table["rw"].to_list()
    assert weights[0] == weights[1] < weights[5]
    assert weights[2] == weights[3]
    assert weights[4] == weights[5]
    exempt = regulatory_capital(table_of(facility(maturity_years=0.2, maturity_floor_exempt=True)))
    assert exempt.table["rw"][0] < weights[3]


def test_the_foundation_approach_takes_supervisory_lgd_and_maturity() -> None:
    rows = [facility(lgd=None, maturity_years=5.0), facility(lgd=None, financial=True), facility(lgd=None, subordinated=True)]
    result = regulatory_capital(table_of(*rows), approach=Approach.FOUNDATION)
    assert result.table["lgd_used"].to_list() == [0.40, 0.45, 0.75]
    assert result.table["maturity_used"].to_list() == [2.5] * 3


def test_an_own_estimate_of_lgd_says_nothing_under_the_foundation_approach() -> None:
    kinds: list[dict[str, Any]] = [
        {},
        {"financial": True},
        {"large_financial": True},
        {"subordinated": True},
        {"exposure_class": "bank"},
        {"defaulted": True},
    ]
    rows = [facility(approach="foundation", lgd=lgd, **kind) for kind in kinds for lgd in (None, 0.01, 0.9)]
    result = regulatory_capital(table_of(*rows, facility(lgd=0.3)))
    assert result.table["lgd_used"].to_list() == [lgd for lgd in (0.40, 0.45, 0.45, 0.75, 0.45, 0.40) for _ in range(3)] + [0.3]
    [told] = [note for note in result.notes if "CRE32.6" in note]
    assert told.startswith("18 facilities under the foundation approach have the supervisory LGD")
    assert "the lgd given for 12 of them is not used" in told
    assert "collateral (CRE32.9) is not recognised" in told
    one = facility(pd=0.01, lgd=0.01, ead=1e6)
    assert regulatory_capital(table_of(one), approach="foundation").totals.rwa == pytest.approx(
        820_594, abs=1
    )  # Basel III, 40 %, 2.5 years
    assert regulatory_capital(table_of(one), approach="foundation", regime="basel_ii").table["lgd_used"].to_list() == [0.45]
    assert not [note for note in regulatory_capital(table_of(one)).notes if "foundation" in note]


def test_own_estimates_of_exposure_have_a_floor_of_half_the_standardised_factor() -> None:
    row = facility(ead=None, drawn=60.0, limit=160.0, ccf=0.05)
    assert regulatory_capital(table_of(row)).table["ead"].to_list() == pytest.approx([60.0 + 0.5 * 0.4 * 100.0])
    assert regulatory_capital(table_of(row | {"ccf": 0.3})).table["ead"].to_list() == pytest.approx([90.0])
    cancellable = row | {"off_balance": "unconditionally_cancellable", "ccf": 0.0}
    assert regulatory_capital(table_of(cancellable)).table["ead"].to_list() == pytest.approx([65.0])
    assert regulatory_capital(table_of(row), regime=irb.BASEL_II).table["ead"].to_list() == pytest.approx([65.0])
    foundation = regulatory_capital(table_of(row | {"ccf": None}), approach="foundation")
    assert foundation.table["ead"].to_list() == pytest.approx([100.0])


def test_capital_that_vanishes_in_default_for_want_of_an_estimate_is_told() -> None:
    none = regulatory_capital(table_of(facility(pd=1.0), facility(defaulted=True), facility()))
    assert none.table["rwa"].to_list()[:2] == [0.0, 0.0]
    assert [note for note in none.notes if note.startswith("2 facilities are in default") and "CRE31.3" in note]
    known = regulatory_capital(table_of(facility(pd=1.0, best_estimate_el=0.3), facility(best_estimate_el=None)))
    assert not any("in default" in note for note in known.notes)


def test_default_under_models_is_lgd_less_the_best_estimate() -> None:
    rows = [
        facility(defaulted=True, lgd=0.5, best_estimate_el=0.42),
        facility(pd=1.0, lgd=0.5),
        facility(defaulted=True, pd=None, lgd=None, approach="foundation"),
    ]
    result = regulatory_capital(table_of(*rows))
    assert result.table["k"].to_list() == pytest.approx([0.08, 0.0, 0.0])
    assert result.table["el"].to_list() == pytest.approx([42.0, 50.0, 40.0])


def test_rows_under_tables_have_their_weights_net_of_specific_provisions() -> None:
    common = {"approach": "standardised", "pd": None, "lgd": None}
    cases = [
        (facility(rating="A"), 0.5, 100.0),
        (facility(), 1.0, 100.0),
        (facility(turnover=30.0), 0.85, 100.0),
        (facility(turnover=30.0, rating="BB"), 1.0, 100.0),
        (facility(subordinated=True), 1.5, 100.0),
        (facility(exposure_class="bank", scra_grade="A_STRONG"), 0.3, 100.0),
        (facility(exposure_class="bank", rating="BBB"), 0.5, 100.0),
        (facility(exposure_class="sovereign", rating="B"), 1.0, 100.0),
        (facility(exposure_class="sovereign", rating="CCC", domestic_currency=True), 0.0, 100.0),
        (facility(exposure_class="qrre", transactor=True), 0.45, 100.0),
        (facility(exposure_class="other_retail"), 0.75, 100.0),
        (facility(exposure_class="other_retail", regulatory_retail=False), 1.0, 100.0),
        (facility(exposure_class="other_retail", currency_mismatch=True), 1.125, 100.0),
        (facility(exposure_class="residential_mortgage", ltv=0.75), 0.3, 100.0),
        (facility(exposure_class="residential_mortgage", ltv=0.75, cash_flow_dependent=True), 0.45, 100.0),
        (facility(exposure_class="residential_mortgage", ltv=0.75, meets_requirements=False), 0.75, 100.0),
        (facility(exposure_class="residential_mortgage", ltv=0.75, meets_requirements=False, counterparty="small"), 0.85, 100.0),
        (facility(exposure_class="commercial_real_estate", ltv=0.55, rating="AA"), 0.2, 100.0),
        (facility(exposure_class="commercial_real_estate", ltv=0.55), 0.6, 100.0),
        (facility(exposure_class="commercial_real_estate", ltv=0.65, counterparty="small"), 0.85, 100.0),
        (facility(exposure_class="commercial_real_estate", ltv=0.65, cash_flow_dependent=True), 0.9, 100.0),
        (facility(exposure_class="commercial_real_estate", ltv=0.1, cash_flow_dependent=True, meets_requirements=False), 1.5, 100.0),
        (facility(exposure_class="land_development"), 1.5, 100.0),
        (facility(exposure_class="land_development", presold_residential=True), 1.0, 100.0),
        (facility(defaulted=True, specific_provisions=19.0), 1.5, 81.0),
        (facility(defaulted=True, specific_provisions=20.0), 1.0, 80.0),
        (facility(exposure_class="residential_mortgage", defaulted=True), 1.0, 100.0),
        (facility(drawn=50.0, limit=150.0), 1.0, 90.0),
        (facility(drawn=50.0, limit=150.0, off_balance="trade_letter_of_credit"), 1.0, 70.0),
        (facility(drawn=50.0, limit=40.0), 1.0, 50.0),
        (facility(drawn=50.0), 1.0, 100.0),
    ]
    result = regulatory_capital(table_of(*[row | common for row, _, _ in cases]))
    assert result.table["rw"].to_list() == pytest.approx([weight for _, weight, _ in cases])
    assert result.table["standardised_exposure"].to_list() == pytest.approx([exposure for _, _, exposure in cases])
    assert result.table["rwa"].to_list() == pytest.approx([weight * exposure for _, weight, exposure in cases])
    assert result.table["el"].null_count() == len(cases)
    assert result.expected_loss is None


def test_without_ratings_investment_grade_counts_and_ratings_do_not() -> None:
    rows = [
        facility(rating="B", investment_grade=True),
        facility(rating="AAA"),
        facility(exposure_class="bank", rating="AAA", scra_grade="B"),
    ]
    result = regulatory_capital(table_of(*rows), approach="standardised", ratings_allowed=False)
    assert result.table["rw"].to_list() == [0.65, 1.0, 0.75]


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, date(2023, 5, 1), date(2026, 1, 1), date(2030, 1, 1)]), st.booleans())
def test_the_output_floor_never_lowers_and_is_never_above_the_larger(seed: int, on: date | None, cap: bool) -> None:
    result = regulatory_capital(random_table(40, seed), floor=True, floor_on=on, transitional_cap=cap)
    assert result.floor is not None
    assert result.floor.rwa >= result.floor.modelled_rwa == pytest.approx(result.totals.rwa)
    assert result.floor.rwa <= max(result.floor.modelled_rwa, result.floor.standardised_rwa) * (1 + 1e-12)
    assert result.floor.add_on >= 0.0
    assert result.totals.capital == pytest.approx(0.08 * result.floor.rwa)


def test_an_exposure_that_is_raised_to_its_floor_is_told_of() -> None:
    # CRE32.36: a commitment converts by 40 %, so the least is what is drawn and 20 % of what is undrawn: 100 + 0.2 * 400 = 180.
    low = facility(ead=150.0, drawn=100.0, limit=500.0)
    high = facility(ead=200.0, drawn=100.0, limit=500.0)
    result = regulatory_capital(table_of(low, high))
    assert result.table["ead"].to_list() == pytest.approx([180.0, 200.0])
    [told] = [note for note in result.notes if "EAD" in note]
    assert told.startswith("the EAD of 1 facility is raised, by 30.00 in all,")
    assert "50 % of the standardised conversion of what is undrawn (CRE32.36)" in told
    assert not [note for note in regulatory_capital(table_of(high)).notes if "EAD" in note]
    [earlier] = [note for note in regulatory_capital(table_of({**low, "ead": 90.0}), regime="basel_ii").notes if "EAD" in note]
    assert "own estimates, what is drawn: other" in earlier


@pytest.mark.parametrize(("path", "begins"), [("basel", date(2023, 1, 1)), ("eu", date(2025, 1, 1))])
def test_a_floor_before_its_path_begins_is_told_of(path: str, begins: date) -> None:
    table = random_table(5, 1)
    before = regulatory_capital(table, floor=True, floor_on=begins - timedelta(days=1), floor_path=path)
    [told] = [note for note in before.notes if "output floor" in note]
    assert before.floor is not None
    assert before.floor.share == 0.0
    assert begins.isoformat() in told
    assert "its share is 0" in told
    for held in (regulatory_capital(table, floor=True, floor_on=begins, floor_path=path), regulatory_capital(table, floor=True)):
        assert not [note for note in held.notes if "output floor" in note]


def test_the_floor_of_the_framework_s_example_and_its_cap() -> None:
    # RBC20.13 and RBC90.2: 76 before the floor, 140 under the standardised approaches, 95 where the increase is capped.
    assert output_floor(76.0, 140.0).rwa == pytest.approx(101.5)
    assert output_floor(76.0, 140.0, on=date(2027, 12, 31), transitional_cap=True).rwa == 95.0
    assert output_floor(76.0, 140.0, on=date(2028, 1, 1), transitional_cap=True).rwa == pytest.approx(101.5)
    with pytest.raises(InvalidInput, match="path"):
        output_floor(1.0, 1.0, path="uk")


@given(st.integers(0, 2**32 - 1))
def test_totals_are_the_sums_of_their_parts_to_the_cent_whatever_the_cut(seed: int) -> None:
    result = regulatory_capital(random_table(60, seed))
    totals = {name: round(100 * getattr(result.totals, name)) for name in ("ead", "rwa", "el")}
    for cut in (("sector",), ("exposure_class",), ("sector", "rating", "approach"), ("facility_id",)):
        parts = result.by(*cut)
        assert {name: round(100 * parts[name].sum()) for name in totals} == totals
        assert parts["facilities"].sum() == 60


def _amounts(told: Any) -> Iterator[float]:
    """Every amount of a document of capital; shares and counts are none."""
    if isinstance(told, dict):
        for name, value in told.items():
            if name not in {"rw", "share"}:
                yield from _amounts(value)
    elif isinstance(told, list):
        for value in told:
            yield from _amounts(value)
    elif isinstance(told, float):
        yield told


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_amounts_in_json_are_the_numbers_nearest_to_whole_cents(seed: int, floor: bool) -> None:
    result = regulatory_capital(random_table(60, seed).with_columns(pl.col("ead") * 1234.567), floor=floor)
    told = result.to_dict()
    assert [amount for amount in _amounts(told) if amount != round(amount, 2)] == []
    sums = {name: sum(round(100 * (part[name] or 0.0)) for part in told["by_exposure_class"]) for name in ("ead", "rwa", "capital", "el")}
    if floor:
        assert told["output_floor"]["modelled_rwa"] == told["totals"]["rwa"]
        assert told["output_floor"]["add_on"] == round(told["output_floor"]["rwa"] - told["output_floor"]["modelled_rwa"], 2)
        if told["output_floor"]["binding"]:
            sums["capital"] = round(100 * told["totals"]["capital"])
    assert {name: told["totals"][name] for name in sums} == {name: cents / 100.0 for name, cents in sums.items()}
    if told["expected_loss"] is not None:
        assert told["expected_loss"]["el"] == told["totals"]["el"]


@given(st.integers(0, 2**32 - 1))
def test_a_facility_s_numbers_do_not_depend_on_the_others(seed: int) -> None:
    table = random_table(30, seed)
    whole = regulatory_capital(table, floor=True).table
    alone = regulatory_capital(table[10:11], floor=True).table
    assert alone.rows() == whole[10:11].rows()


def test_expected_loss_is_compared_with_provisions_of_rows_under_models() -> None:
    rows = [facility(specific_provisions=0.2), facility(approach="standardised", specific_provisions=50.0)]
    result = regulatory_capital(table_of(*rows), general_provisions=0.05)
    assert result.expected_loss is not None
    assert result.expected_loss.el == pytest.approx(0.45)
    assert result.expected_loss.shortfall == pytest.approx(0.2)
    json.dumps(result.to_dict())


def test_banks_and_large_firms_under_the_advanced_approach_are_told_of() -> None:
    rows = [facility(turnover=501.0), facility(turnover=500.0), facility(exposure_class="bank")]
    assert regulatory_capital(table_of(*rows)).notes[0].startswith("2 facilities of banks or of groups")
    assert not [note for note in regulatory_capital(table_of(*rows), approach="foundation").notes if "advanced" in note]


def test_every_fault_is_named_by_row_and_column_and_the_others_can_be_measured() -> None:
    rows = [
        facility(),
        facility(pd=1.2),
        facility(lgd=None, pd=None),
        facility(ead=-1.0),
        facility(exposure_class="equity"),
        facility(exposure_class="qrre", approach="foundation"),
        facility(exposure_class="residential_mortgage", approach="standardised"),
        facility(exposure_class="bank", approach="standardised"),
        facility(rating="AAAA", approach="standardised"),
        facility(ead=None, drawn=5.0, limit=9.0),
        facility(exposure_class="sovereign", pd=1e-6),
        facility(ltv=75.0),
        facility(turnover=20_000_000.0),
    ]
    with pytest.raises(InvalidInput) as caught:
        regulatory_capital(table_of(*rows))
    assert [(problem.row, problem.column, problem.reason) for problem in caught.value.problems] == [
        (2, "pd", "out_of_range"),
        (3, "pd", "missing"),
        (3, "lgd", "missing"),
        (4, "ead", "out_of_range"),
        (5, "exposure_class", "unknown_value"),
        (6, "approach", "inconsistent"),
        (7, "ltv", "missing"),
        (8, "scra_grade", "missing"),
        (9, "rating", "unknown_value"),
        (10, "ead", "missing"),
        (11, "pd", "out_of_range"),
        (12, "ltv", "out_of_range"),
        (13, "turnover", "out_of_range"),
    ]
    partial = regulatory_capital(table_of(*rows), accept_partial=True)
    assert partial.totals.facilities == 1
    assert partial.notes[0] == "12 row(s) of the table were rejected and are not in these numbers"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"approach": "slotting"}, "no approach"),
        ({"regime": "basel_iv"}, "no regime"),
        ({"capital_ratio": 8.0}, "capital_ratio"),
        ({"general_provisions": -1.0}, "general_provisions"),
        ({"carry": ["desk"]}, "no column 'desk'"),
    ],
)
def test_a_wrong_argument_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        regulatory_capital(table_of(facility()), **change)


def test_an_empty_table_two_currencies_and_an_unknown_column_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no rows"):
        regulatory_capital(table_of(facility()).clear())
    with pytest.raises(InvalidInput, match="one currency"):
        regulatory_capital(table_of(facility(currency="EUR"), facility(currency="USD")))
    with pytest.raises(InvalidInput) as caught:
        regulatory_capital(table_of(facility(currency="EUR"), facility(currency="XXX1")))
    assert [(p.row, p.reason, p.detail) for p in caught.value.problems] == [
        (2, "unknown_value", "'XXX1' is not three capital letters (ISO 4217)")
    ]
    with pytest.raises(InvalidInput, match="did you mean ltv"):
        regulatory_capital(table_of(facility(ltvv=0.5)))


def test_a_file_as_read_gives_the_same_numbers_and_a_book_s_other_columns_do_not_matter() -> None:
    table = table_of(facility(turnover=20.0, transactor=True), facility(exposure_class="qrre", transactor=True, rating="NR"))
    text = table.with_columns(pl.all().cast(pl.String).fill_null(""))
    assert regulatory_capital(text).table["rwa"].to_list() == regulatory_capital(table).table["rwa"].to_list()
    book = table.with_columns(r2=pl.lit(0.2), group=pl.lit("all"), effective_interest_rate=pl.lit(0.05), lgd_sd=pl.lit(0.1))
    assert regulatory_capital(book, regime="basel_iii").totals == regulatory_capital(table).totals


def test_a_carried_column_comes_along_to_cut_by() -> None:
    result = regulatory_capital(table_of(facility(desk="x"), facility(desk="y"), facility(desk="x")), carry=["desk"])
    assert result.by("desk").select("desk", "facilities", "ead").rows() == [("x", 2, 200.0), ("y", 1, 100.0)]
    with pytest.raises(InvalidInput, match="no column colour"):
        result.by("colour")


def test_a_cut_whose_facilities_are_all_under_tables_has_no_expected_loss() -> None:
    rows = [
        facility(desk="x"),
        facility(desk="y", approach="standardised"),
        facility(desk="z"),
        facility(desk="z", approach="standardised"),
    ]
    result = regulatory_capital(table_of(*rows), carry=["desk"])
    assert result.by("desk").select("desk", "el").rows() == [("x", 0.45), ("y", None), ("z", 0.45)]


def test_a_regime_is_known_by_its_name_everywhere() -> None:
    for regime in irb.REGIMES.values():
        assert irb.risk_weight(0.0001, 0.1, regime=regime.name) == irb.risk_weight(0.0001, 0.1, regime=regime)
        for function in (irb.floored_pd, irb.floored_lgd):
            assert function(0.0, exposure_class="corporate", regime=regime.name) == function(0.0, exposure_class="corporate", regime=regime)
        assert irb.foundation_lgd("corporate", regime=regime.name) == irb.foundation_lgd("corporate", regime=regime)
    with pytest.raises(InvalidInput, match="known: basel_iii, basel_ii") as refused:
        irb.risk_weight(0.01, 0.45, regime="basel_iv")
    assert refused.value.argument == "regime"
