"""Public functions that take tables refuse arguments of another kind by their names: nothing of it is an error of Python's."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.credit.macro_link import MacroLink
from crfs.errors import InvalidInput
from crfs.risk import (
    WarmPortfolio,
    apply_overlays,
    attribute,
    cecl_allowance,
    expected_credit_loss,
    name_concentration,
    portfolio_risk,
    regulatory_capital,
    stage_facilities,
    stressed_risk,
)
from crfs.risk.cents import in_cents, total_in_cents
from crfs.risk.correlation import estimate_correlation, nearest_correlation
from crfs.risk.irb import compare_expected_loss
from crfs.risk.migration import (
    Generator,
    RatedPositions,
    TransitionMatrix,
    ZeroCurves,
    aalen_johansen_estimate,
    cohort_estimate,
    duration_estimate,
    embedding,
    generator_of,
    grade_spreads,
    joint_migration,
    mark_to_market_risk,
    value_distribution,
    zero_rates,
)
from crfs.risk.migration.par_yields import annual, bond_equivalent
from crfs.risk.migration.thresholds import thresholds
from crfs.risk.migration.valuation import bullet_flows, par_coupon, values_by_rating
from crfs.risk.output_floor import output_floor
from crfs.risk.provisions import (
    EclScenario,
    Overlay,
    PdCurves,
    StagingRule,
    balance_share,
    curves_from_conditional,
    curves_from_cumulative,
    curves_from_generator,
    curves_from_pd_12m,
    curves_from_transitions,
    in_default_by,
    point_in_time_pd,
    provision_matrix,
    reconcile,
)
from crfs.risk.standardised import corporate_risk_weight
from crfs.risk.stress import (
    Grades,
    bumped,
    conditional_book,
    expected_loss,
    restrict,
    shifted_migration,
    stress,
    stress_path,
    stressed_book,
    waterfall,
)
from crfs.risk.stress.transmission import checked_shocks

BOOK = pl.DataFrame(
    {
        "facility_id": ["F1", "F2"],
        "obligor_id": ["A", "B"],
        "ead": [100.0, 50.0],
        "lgd": 0.4,
        "pd_12m": [0.02, 0.03],
        "r2": 0.2,
        "group": "all",
    }
)
LOANS = pl.DataFrame(
    {"facility_id": ["F1"], "exposure_class": ["corporate"], "pd": [0.01], "lgd": [0.45], "ead": [1000.0], "maturity_years": [2.5]}
)
PROVISIONS = pl.DataFrame(
    {"facility_id": ["F1", "F2"], "ead": [1000.0, 500.0], "lgd": 0.4, "pd_12m": [0.005, 0.1], "maturity_years": [5.0, 2.0], "stage": [1, 2]}
)
STAGED = pl.DataFrame({"facility_id": ["A", "B"], "days_past_due": [0, 31]})
LOST = pl.DataFrame({"stage": [1, 2], "ecl_cents": [100, 200]})
OVERLAY: dict[str, Any] = {
    "name": "energy",
    "author": "credit risk",
    "approver": "CRO",
    "reason": "prices",
    "effective": date(2026, 1, 1),
    "expires": date(2026, 12, 31),
    "where": {"stage": [1]},
}
LINKED: dict[str, Any] = {
    "variables": ("unemployment",),
    "mean": (0.05,),
    "covariance": ((0.0004,),),
    "factors": ("economy",),
    "intercept": (2.0,),
    "loadings": ((-40.0,),),
    "residual": ((0.36,),),
}
OPENING = pl.DataFrame({"facility_id": ["A"], "stage": [1], "ecl": [1.0]})
SHOCKS = pl.DataFrame({"valid_time": [date(2026, 1, 1)], "pd_probit": [0.5]})
RATED = BOOK.with_columns(rating=pl.lit("A"), maturity_years=pl.lit(3.0))
GRADES = TransitionMatrix.from_rows(("A", "D"), [[0.98, 0.02]])
CURVES = ZeroCurves.from_spreads(("A",), [1.0, 5.0], [0.02, 0.03], [0.01])
MODEL = FactorModel.one_factor("all")
WARM = WarmPortfolio(BOOK, MODEL, confidences=(0.9,))
SLUMP = ConditionalFactors(factors=("economy",), mean=(-2.0,), covariance=((0.0,),))
RATINGS = pl.DataFrame(
    {"obligor_id": ["X", "X"], "rating": ["A", "D"], "from": [date(2020, 1, 1), date(2021, 3, 1)], "to": [date(2021, 3, 1), None]}
)
COUNTED: dict[str, Any] = {"history": RATINGS, "ratings": ("A", "D"), "start": date(2020, 1, 1), "end": date(2022, 1, 1)}
QUARTERS = pl.DataFrame({"valid_time": list(range(12)), "us": [0.01, 0.02] * 6, "eu": [0.01, 0.02] * 5 + [0.02, 0.01]})
FLOWS = bullet_flows([100.0], coupon=0.05, maturity_years=2.0)
POSITIONS: dict[str, Any] = {
    "names": ("X", "Y"),
    "rating": np.array([0, 0]),
    "r2": np.array([0.2, 0.2]),
    "direction": np.array([0, 0]),
    "directions": np.array([[1.0]]),
    "loss": np.array([[0.0, 1.0], [0.0, 1.0]]),
}
WRONG: list[Any] = [
    "x",
    5,
    None,
    1.5,
    True,
    ["a"],
    {"a": "b"},
    object(),
    math.nan,
    b"x",
    {1},
    (1, 2),
    [[]],
    [{}],
    np.array([1.0, 2.0]),
    np.array(["x", "y"]),
    pl.Series([1.0]),
    datetime(2026, 6, 30, tzinfo=UTC),
]

Kind = Callable[[Any], bool]


def none_of_these(_: Any) -> bool:
    return False


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def whole(value: Any) -> bool:
    return isinstance(value, int) and value == 5


def amount(value: Any) -> bool:
    return isinstance(value, int | float) and value in (5, 1.5) and not isinstance(value, bool)


def path(value: Any) -> bool:
    return isinstance(value, tuple | np.ndarray | pl.Series) and not isinstance(value[0], str)


def empty(value: Any) -> bool:
    return isinstance(value, list) and value == [[]]


def one(value: Any) -> bool:
    return isinstance(value, pl.Series)


def numbers(value: Any) -> bool:
    return amount(value) or path(value) or empty(value)


def pair(value: Any) -> bool:
    return path(value) and not one(value)


def missing(value: Any) -> bool:
    return value is None


def text(value: Any) -> bool:
    return isinstance(value, str)


def texts(value: Any) -> bool:
    return isinstance(value, list | dict | np.ndarray) and all(isinstance(each, str) for each in value)


def names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def two_texts(value: Any) -> bool:
    return isinstance(value, np.ndarray) and texts(value)


def either(*kinds: Kind) -> Kind:
    return lambda value: any(kind(value) for kind in kinds)


# What each argument takes of these; the refusal of all else names it.
CASES: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Kind]]] = [
    (
        attribute,
        {"before": BOOK, "after": BOOK, "before_model": MODEL, "confidences": (0.9,)},
        {
            **dict.fromkeys(["before", "after", "before_model", "order", "tags", "confidences", "method"], none_of_these),
            **dict.fromkeys(["after_model", "revised", "remodelled", "default_ccf"], missing),
            **dict.fromkeys(["shapley", "accept_partial", "contributions"], flag),
            **dict.fromkeys(["replicates", "seed"], whole),
        },
    ),
    (
        stressed_risk,
        {"portfolio": BOOK, "factor_model": MODEL, "given": SLUMP, "confidences": (0.9,)},
        {**dict.fromkeys(["portfolio", "factor_model", "given", "confidences"], none_of_these), "accept_partial": flag, "seed": whole},
    ),
    (
        regulatory_capital,
        {"facilities": LOANS},
        {
            **dict.fromkeys(["facilities", "approach", "regime", "floor_path"], none_of_these),
            **dict.fromkeys(["floor", "ratings_allowed", "accept_partial", "transitional_cap", "defaulted_excess_covers_others"], flag),
            "floor_on": missing,
            "capital_ratio": none_of_these,
            "general_provisions": amount,
            "carry": texts,
        },
    ),
    (
        expected_credit_loss,
        {"facilities": PROVISIONS, "interest_rate": 0.0},
        {
            **dict.fromkeys(["facilities", "scenarios", "timing"], none_of_these),
            "pd_curves": missing,
            "period_years": amount,
            "interest_rate": either(amount, missing),
            "segment_column": text,
            "accept_partial": flag,
            "carry": texts,
        },
    ),
    (
        cecl_allowance,
        {"facilities": PROVISIONS, "interest_rate": 0.0},
        {
            **dict.fromkeys(["facilities", "scenarios"], none_of_these),
            **dict.fromkeys(["forecast_years", "reversion_years", "period_years"], amount),
            "pd_curves": missing,
            "interest_rate": either(amount, missing),
            "segment_column": text,
            **dict.fromkeys(["discounted", "accept_partial"], flag),
            "carry": texts,
        },
    ),
    (
        output_floor,
        {"modelled_rwa": 76.0, "standardised_rwa": 140.0},
        {
            **dict.fromkeys(["modelled_rwa", "standardised_rwa"], amount),
            "on": missing,
            "path": none_of_these,
            "transitional_cap": flag,
        },
    ),
    (
        compare_expected_loss,
        {"el": 100.0, "provisions": 70.0, "rwa": 1000.0},
        {**dict.fromkeys(["el", "provisions", "rwa"], amount), "defaulted_excess_covers_others": flag},
    ),
    (
        name_concentration,
        {"names": pl.Series(["A", "B"]), "exposure": [1.0, 2.0]},
        {"names": texts, "exposure": path, "top": whole},
    ),
    (portfolio_risk, {"portfolio": BOOK, "factor_model": MODEL, "confidences": (0.9,)}, {"method": none_of_these, "default_ccf": missing}),
    (WARM.subscribe, {}, {"listener": none_of_these}),
    (MODEL.variance, {"weights": [1.0]}, {"weights": none_of_these}),
    (
        ConditionalFactors,
        {"factors": ("economy",), "mean": (-2.0,), "covariance": ((0.0,),)},
        {"factors": names, "mean": none_of_these, "covariance": none_of_these, "notes": names},
    ),
    (Copula, {}, {"nu": amount, "by_group": none_of_these}),
    (
        MacroLink,
        LINKED,
        {
            **dict.fromkeys(["variables", "factors"], names),
            **dict.fromkeys(["mean", "covariance", "intercept", "loadings", "residual"], none_of_these),
        },
    ),
    (MacroLink(**LINKED).most_likely, {"values": {"economy": -3.0}}, {"values": none_of_these}),
    (MacroLink(**LINKED).given, {"values": {"unemployment": 0.1}}, {"values": none_of_these}),
    (stage_facilities, {"facilities": STAGED}, {"facilities": none_of_these, "rule": missing, "accept_partial": flag, "carry": texts}),
    (in_default_by, {"facilities": STAGED}, {"facilities": none_of_these, "rule": missing}),
    (
        StagingRule,
        {},
        {
            **dict.fromkeys(["relative_increase", "absolute_increase"], amount),
            **dict.fromkeys(["probation_stage_2_months", "probation_stage_3_months"], whole),
            "dpd_stage_2": either(whole, missing),
            "dpd_stage_3": either(whole, missing),
            "low_credit_risk_pd": missing,
            **dict.fromkeys(["either", "straight_to_stage_1"], flag),
        },
    ),
    (
        EclScenario,
        {"name": "base", "weight": 1.0},
        {
            "name": text,
            "weight": none_of_these,
            "period_years": amount,
            **dict.fromkeys(["hazard_multiplier", "lgd_multiplier", "ead_multiplier"], path),
            "factor": either(path, missing),
            "pd_curves": missing,
        },
    ),
    (
        apply_overlays,
        {"table": LOST, "overlays": [Overlay(**OVERLAY, amount=1.0)], "on": date(2026, 6, 30)},
        dict.fromkeys(["table", "overlays", "on"], none_of_these),
    ),
    (
        Overlay,
        {**OVERLAY, "amount": 1.0},
        {
            **dict.fromkeys(["name", "author", "approver", "reason"], text),
            **dict.fromkeys(["effective", "expires", "where"], none_of_these),
            "amount": either(amount, missing),
        },
    ),
    (Overlay, {**OVERLAY, "factor": 1.0}, {"factor": either(amount, missing)}),
    (
        reconcile,
        {"opening": OPENING, "closing": OPENING},
        {"opening": none_of_these, "closing": none_of_these, "written_off": texts, "amount": text},
    ),
    (
        stress,
        {"book": BOOK, "shocks": SHOCKS, "by": "group"},
        {
            **dict.fromkeys(["book", "shocks", "band", "order"], none_of_these),
            **dict.fromkeys(["at", "lgd_response", "grades", "factor_model"], missing),
            "by": text,
            "shapley": flag,
        },
    ),
    (
        stress_path,
        {"book": BOOK, "shocks": SHOCKS, "by": "group", "period": "P3M"},
        {
            **dict.fromkeys(["book", "shocks", "band", "balance_sheet"], none_of_these),
            **dict.fromkeys(["period", "lgd_response", "grades", "factor_model"], missing),
            "by": text,
            "tag": either(text, missing),
        },
    ),
    (bumped, {"book": BOOK, "name": "lgd_add", "size": 0.1}, {"book": none_of_these}),
    (restrict, {"factor_model": MODEL, "given": SLUMP}, {"factor_model": none_of_these, "given": none_of_these}),
    (
        waterfall,
        {"base": BOOK, "stressed": BOOK},
        {**dict.fromkeys(["base", "stressed", "measure", "order"], none_of_these), "shapley": flag, "tag": either(text, missing)},
    ),
    (
        mark_to_market_risk,
        {"portfolio": RATED, "factor_model": MODEL, "matrix": GRADES, "curves": CURVES, "confidences": (0.9,), "max_scenarios": 1000},
        {
            **dict.fromkeys(["portfolio", "factor_model", "matrix", "curves", "reference", "persistence", "method"], none_of_these),
            **dict.fromkeys(["horizon_curves", "start"], missing),
            "degrees_of_freedom": either(amount, missing),
            **dict.fromkeys(["periods", "frequency"], whole),
            "contributions": flag,
            "map_blocks": none_of_these,
        },
    ),
    (
        joint_migration,
        {"probabilities": [0.9, 0.1], "other": [0.9, 0.1], "correlation": 0.2},
        dict.fromkeys(["probabilities", "other", "correlation"], none_of_these),
    ),
    (nearest_correlation, {"matrix": [[1.0]]}, {"matrix": none_of_these}),
    (provision_matrix, {"gross": 100.0, "loss_rate": 0.1}, {"gross": numbers, "loss_rate": either(one, empty)}),
    (
        balance_share,
        {"amortisation": "annuity", "years": 1.0, "maturity_years": 2.0},
        {"amortisation": empty, **dict.fromkeys(["years", "maturity_years", "interest_rate"], numbers)},
    ),
    (
        point_in_time_pd,
        {"pd": 0.02, "r2": 0.12, "factor": 0.0},
        {"pd": either(one, empty), "r2": empty, "factor": numbers},
    ),
    (curves_from_pd_12m, {"pd_12m": {"A": 0.02}}, {"pd_12m": none_of_these}),
    (
        curves_from_conditional,
        {"pd": {"A": [0.1]}, "times_years": [0.0, 1.0]},
        {"pd": none_of_these, "times_years": none_of_these},
    ),
    (
        curves_from_cumulative,
        {"pd": {"A": [0.1]}, "times_years": [0.0, 1.0]},
        {"pd": none_of_these, "times_years": none_of_these},
    ),
    (
        curves_from_transitions,
        {"states": ["A", "D"], "matrices": [[0.9, 0.1], [0.0, 1.0]]},
        {
            "states": texts,
            "matrices": none_of_these,
            "period_years": amount,
            "periods": whole,
        },
    ),
    (
        curves_from_generator,
        {"states": ["A", "D"], "generators": [[-0.1, 0.1], [0.0, 0.0]], "times_years": [0.0, 1.0]},
        {
            "states": texts,
            "generators": none_of_these,
            "times_years": none_of_these,
        },
    ),
    (
        PdCurves,
        {"names": ("A",), "times_years": np.array([0.0, 1.0]), "survival": np.array([[1.0, 0.9]])},
        {"names": texts, "times_years": none_of_these, "survival": none_of_these},
    ),
    (
        RatedPositions,
        {
            **POSITIONS,
            **dict.fromkeys(["reference_value", "ead"], np.zeros(2)),
            **dict.fromkeys(["random_name", "random_ead", "beta_a", "beta_b"], np.zeros(0)),
        },
        {
            "names": texts,
            **dict.fromkeys(["rating", "r2", "direction", "directions", "loss"], none_of_these),
            **dict.fromkeys(["reference_value", "ead"], pair),
            **dict.fromkeys(["random_ead", "beta_a", "beta_b"], none_of_these),
            "random_name": one,
        },
    ),
    (
        RatedPositions.of_losses,
        POSITIONS,
        {"names": texts, **dict.fromkeys(["rating", "r2", "direction", "directions", "loss"], none_of_these)},
    ),
    (
        TransitionMatrix,
        {"ratings": ("A", "D"), "probability": np.array([[0.9, 0.1], [0.0, 1.0]])},
        {"ratings": texts, "probability": none_of_these, "years": amount, "notes": texts},
    ),
    (
        TransitionMatrix.from_rows,
        {"ratings": ("A", "D"), "rows": [[0.9, 0.1]]},
        {
            "ratings": texts,
            **dict.fromkeys(["rows", "remainder"], none_of_these),
            **dict.fromkeys(["years", "tolerance"], amount),
            "withdrawn": missing,
        },
    ),
    (
        TransitionMatrix.from_table,
        {"table": GRADES.to_table()},
        {"table": none_of_these, "withdrawn": missing, "years": amount, "tolerance": amount, "remainder": none_of_these},
    ),
    (GRADES.power, {"periods": 2}, {"periods": whole}),
    (GRADES.default_term_structure, {"periods": 2}, {"periods": whole}),
    (GRADES.row, {"rating": "A"}, {"rating": none_of_these}),
    (
        ZeroCurves,
        {"ratings": ("A",), "years": np.array([1.0, 5.0]), "rates": np.array([[0.02, 0.03]])},
        {"ratings": texts, "years": path, "rates": none_of_these, "start_years": amount},
    ),
    (
        ZeroCurves.from_spreads,
        {"ratings": ("A",), "years": [1.0, 5.0], "base": [0.02, 0.03], "spreads": [0.01]},
        {"ratings": texts, "years": path, "base": pair, "spreads": one},
    ),
    (
        ZeroCurves.from_table,
        {"table": pl.DataFrame({"rating": ["A"], "years": [1.0], "zero_rate": [0.02]}), "ratings": ("A",)},
        {"table": none_of_these, "ratings": texts},
    ),
    (CURVES.forward, {"years": 1.0}, {"years": amount}),
    (CURVES.discount, {"years": [1.0]}, {"years": path}),
    (Generator, {"ratings": ("A", "D"), "rates": np.array([[-0.1, 0.1], [0.0, 0.0]])}, {"ratings": texts, "rates": none_of_these}),
    (generator_of(GRADES).matrix, {"years": 1.0}, {"years": amount}),
    (generator_of, {"matrix": GRADES}, {"matrix": none_of_these, "method": none_of_these}),
    (embedding, {"matrix": GRADES}, {"matrix": none_of_these}),
    (zero_rates, {"years": [1.0, 2.0], "par_yields": [0.02, 0.03]}, {"years": path, "par_yields": pair}),
    (bond_equivalent, {"annual": 0.06}, {"annual": numbers}),
    (annual, {"bond_equivalent_rate": 0.06}, {"bond_equivalent_rate": numbers}),
    (
        par_coupon,
        {"curves": CURVES, "rating": [0], "maturity_years": 2.0},
        {"curves": none_of_these, "rating": none_of_these, "maturity_years": either(amount, one), "frequency": whole},
    ),
    (
        values_by_rating,
        {"flows": FLOWS, "curves": CURVES},
        {"flows": none_of_these, "curves": none_of_these, "at_years": amount, "carry": missing},
    ),
    (
        value_distribution,
        {"matrix": GRADES, "rating": "A", "values": [100.0, 40.0]},
        {"matrix": none_of_these, "rating": none_of_these, "values": pair, "recovery_sd": amount},
    ),
    (thresholds, {"probabilities": [0.9, 0.1]}, {"probabilities": none_of_these, "degrees_of_freedom": either(amount, missing)}),
    (
        cohort_estimate,
        COUNTED,
        {"ratings": two_texts, **dict.fromkeys(["history", "end", "level"], none_of_these), "start": missing, "months": whole},
    ),
    (
        duration_estimate,
        COUNTED,
        {"ratings": two_texts, **dict.fromkeys(["history", "end", "level"], none_of_these), "start": missing, "years": amount},
    ),
    (aalen_johansen_estimate, COUNTED, {"ratings": two_texts, **dict.fromkeys(["history", "start", "end", "level"], none_of_these)}),
    (
        grade_spreads,
        {"ratings": ("AA",), "quotes": {"AAA": 0.005, "BBB": 0.02}},
        {"ratings": texts, "quotes": none_of_these, "grades": missing, "given": missing},
    ),
    (
        estimate_correlation,
        {"history": QUARTERS, "default_rates": ("us",)},
        {**dict.fromkeys(["history", "default_rates", "missing", "shrinkage"], none_of_these), "hac_lags": whole},
    ),
    (shifted_migration, {"matrix": [[0.9, 0.1], [0.0, 1.0]], "shift": 0.5}, {"matrix": none_of_these, "shift": amount}),
    (
        Grades,
        {"names": ("A", "B"), "pd": (0.01, 0.02)},
        {"names": two_texts, "pd": none_of_these},
    ),
    (
        stressed_book,
        {"book": BOOK, "shocks": checked_shocks(SHOCKS)},
        {
            **dict.fromkeys(["book", "shocks", "band"], none_of_these),
            **dict.fromkeys(["lgd_response", "grades", "factor_model"], missing),
            "by": text,
        },
    ),
    (
        conditional_book,
        {"book": BOOK, "factor_model": MODEL, "left": restrict(MODEL, SLUMP)},
        dict.fromkeys(["book", "factor_model", "left"], none_of_these),
    ),
    (expected_loss, {"book": BOOK}, {"book": none_of_these}),
    (in_cents, {"amounts": [1.0]}, {"amounts": path}),
    (total_in_cents, {"amounts": [1.0]}, {"amounts": path}),
    (corporate_risk_weight, {}, {"ratings_allowed": flag, **dict.fromkeys(["small", "investment_grade"], either(flag, one, empty))}),
    (
        curves_from_pd_12m({"A": 0.02}).pd_between,
        {"name": "A", "start_years": 1.0, "end_years": 9.0},
        {"name": none_of_these, "start_years": amount, "end_years": amount},
    ),
]


@pytest.mark.parametrize(
    ("function", "given", "argument", "kind"),
    [
        pytest.param(function, given, argument, kind, id=f"{function.__qualname__}-{argument}")
        for function, given, kinds in CASES
        for argument, kind in kinds.items()
    ],
)
def test_what_is_of_another_kind_is_refused_by_its_name(
    function: Callable[..., Any], given: dict[str, Any], argument: str, kind: Kind
) -> None:
    for value in WRONG:
        if not kind(value):
            with pytest.raises(InvalidInput) as refused:
                function(**{**given, argument: value})
            assert refused.value.argument == argument, value
