"""Closed forms and tables refuse what cannot be meant by the name of the argument; none of it becomes a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.risk import (
    effective_number,
    expected_shortfall,
    granularity_adjustment,
    herfindahl_index,
    homogeneous_pool,
    irb,
    name_concentration,
    output_floor,
    standardised,
    tail_measure,
    value_at_risk,
    vasicek,
)
from crfs.risk.creditriskplus import loss_distribution
from crfs.risk.migration.valuation import bullet_flows
from crfs.risk.provisions import balance_share, point_in_time_pd, provision_matrix
from crfs.risk.ranges import truths

DECIMALS = [-0.1, 1.5, math.nan, math.inf, "0.5", None, True]
CONFIDENCES = [0.0, 1.0, math.nan, "0.9", None]
AMOUNTS = [-1.0, math.nan, math.inf, "1", None]
CORRELATIONS = [-1.1, 1.1, math.nan, math.inf, "0.1", None]
FLAGS = ["yes", math.nan, 2, None]

Function = Callable[..., Any]
CASES: list[tuple[Function, dict[str, Any], dict[str, list[Any]]]] = [
    (
        granularity_adjustment,
        {"exposure": [1.0, 2.0], "pd": 0.02, "lgd": 0.4, "capital": 0.06},
        {
            "exposure": [[], [0.0, 0.0], [-1.0, 2.0], [math.nan, 1.0], [math.inf, 1.0], [1e308, 1e308], [[1.0, 2.0]], "x", None],
            "pd": [*DECIMALS, [0.1, 0.2, 0.3]],
            "lgd": DECIMALS,
            "capital": [*DECIMALS, 0.0],
            "confidence": CONFIDENCES,
            "xi": [0.0, -1.0, math.nan, math.inf, 1e-300, "x"],
            "lgd_variance_factor": [*DECIMALS, -5.0],
        },
    ),
    (
        vasicek.conditional_default_probability,
        {"pd": 0.01, "r2": 0.2, "factor": 0.0},
        {"pd": DECIMALS, "r2": [-0.1, 1.0, math.nan], "factor": [math.nan, "x"]},
    ),
    (
        vasicek.value_at_risk,
        {"pd": 0.01, "r2": 0.2, "confidence": 0.99},
        {"pd": DECIMALS, "r2": [1.0, math.nan], "confidence": CONFIDENCES, "lgd": DECIMALS},
    ),
    (
        vasicek.expected_shortfall,
        {"pd": 0.01, "r2": 0.2, "confidence": 0.99},
        {"pd": DECIMALS, "r2": [1.0], "confidence": CONFIDENCES, "lgd": DECIMALS},
    ),
    (vasicek.unexpected_loss, {"pd": 0.01, "r2": 0.2}, {"pd": DECIMALS, "r2": [1.0, "x"], "lgd": DECIMALS}),
    (
        vasicek.joint_default_probability,
        {"pd": 0.01, "other_pd": 0.02, "correlation": 0.2},
        {"pd": DECIMALS, "other_pd": DECIMALS, "correlation": CORRELATIONS},
    ),
    (
        vasicek.default_correlation,
        {"pd": 0.01, "other_pd": 0.02, "correlation": 0.2},
        {"pd": [*DECIMALS, 0.0, 1.0], "other_pd": [*DECIMALS, 0.0], "correlation": CORRELATIONS},
    ),
    (herfindahl_index, {}, {"exposure": [[], [0.0], [-1.0, 2.0], [math.nan], ["x"], 3.0, [1e308, 1e308]]}),
    (effective_number, {}, {"exposure": [[], [math.inf, 1.0], None]}),
    (
        name_concentration,
        {"names": pl.Series(["a", "b"]), "exposure": [1.0, 2.0]},
        {"exposure": [[], [0.0, 0.0], [-1.0, 2.0], [math.nan, 1.0]], "top": [-1, 1.5, "x", None]},
    ),
    (
        homogeneous_pool,
        {"obligors": 10, "pd": 0.01, "r2": 0.2},
        {"obligors": [0, 1.5, math.nan, "x", 100_001, 10**9, 10**30], "pd": DECIMALS, "r2": [1.0, math.nan, "x"]},
    ),
    (
        value_at_risk,
        {"losses": [1.0, 2.0], "confidence": 0.9},
        {
            "losses": [[], [math.nan], "x", [[1.0]]],
            "confidence": CONFIDENCES,
            "weights": [[1.0], [0.0, 0.0], [-1.0, 2.0], [math.nan, 1.0], [1e308, 1e308]],
        },
    ),
    (
        expected_shortfall,
        {"losses": [1.0, 2.0], "confidence": 0.9},
        {"losses": [[], [math.inf]], "confidence": CONFIDENCES, "weights": [["x", "y"]]},
    ),
    (tail_measure, {"losses": [1.0, 2.0], "confidence": 0.9}, {"losses": [[], [math.nan]], "confidence": CONFIDENCES}),
    (
        irb.corporate_correlation,
        {"pd": 0.01},
        {"pd": DECIMALS, "turnover": [-1.0, "x"], "financial_multiplier": [0.0, -1.0, math.nan, 9.0], "ceiling": [math.nan, -1.0, 2.0]},
    ),
    (
        loss_distribution,
        {"loss": [1.0, 2.0], "pd": [0.1, 0.2], "sectors": {"s": 0.5}},
        {
            "loss": ["x", None, ["a", "b"], ["1", "2"], [], [True, False], 1.0, {}],
            "pd": ["x", None, ["a", "b"], [True, False], [0.1]],
            "sectors": ["s", None, 3, {}, ["s"], {1: 0.5}, {"s": "x"}, {"s": None}, {"s": True}, {"s": math.nan}, {"s": -1.0}],
            "weights": ["x", [["a"], ["b"]], [[1.0]], 3, [1.0, 1.0]],
            "unit": ["x", 0.0, -1.0, math.nan, math.inf, True, [1.0, 2.0]],
            "rounding": ["x", None, 3],
            "confidences": [0.99, "0.99", None, (), (1.0,), ("x",), (True,), (0.99, 0.99)],
            "names": ["ab", 3, ["a"], [1, 2]],
            "contributions": ["yes", None, 1],
            "missing_mass": ["x", None, 1.0, 0.0, math.nan],
        },
    ),
    (
        loss_distribution,
        {"loss": [1.0, 2.0], "pd": [0.1, 0.2], "sectors": {"s": 0.5}, "dependence": "moment_matched"},
        {"correlation": ["x", 3, [["x"]], [[math.nan]], [[2.0]], [[1.0, 0.0]]]},
    ),
    (irb.maturity_adjustment, {"pd": 0.01}, {"pd": [*DECIMALS, 1e-7], "maturity_years": [-1.0, math.nan, math.inf, "x"]}),
    (
        irb.capital_requirement,
        {"pd": 0.01, "lgd": 0.4},
        {"pd": DECIMALS, "lgd": DECIMALS, "turnover": [-1.0], "financial_multiplier": [math.nan]},
    ),
    (
        irb.risk_weight,
        {"pd": 0.01, "lgd": 0.4, "regime": irb.BASEL_III},
        {"pd": DECIMALS, "lgd": DECIMALS, "maturity_years": [-1.0, math.nan, math.inf], "large_financial": FLAGS, "transactor": FLAGS},
    ),
    (
        irb.compare_expected_loss,
        {"el": 1.0, "provisions": 1.0, "rwa": 1.0},
        {"el": AMOUNTS, "provisions": AMOUNTS, "rwa": AMOUNTS, "defaulted_el": [*AMOUNTS, 2.0], "defaulted_provisions": [2.0]},
    ),
    (standardised.bank_risk_weight, {"step": 1}, {"step": [7, 1.5, math.nan, "x"], "scra_grade": ["x"], "short_term": FLAGS}),
    (
        standardised.commercial_risk_weight,
        {"ltv": 0.5, "counterparty_risk_weight": 1.0},
        {"ltv": [-1.0, math.nan, "x"], "counterparty_risk_weight": AMOUNTS},
    ),
    (standardised.mismatched_risk_weight, {}, {"risk_weight": AMOUNTS}),
    (standardised.defaulted_risk_weight, {}, {"provision_share": AMOUNTS}),
    (
        output_floor.output_floor,
        {"modelled_rwa": 1.0, "standardised_rwa": 2.0},
        {"modelled_rwa": AMOUNTS, "standardised_rwa": AMOUNTS, "on": ["2026-01-01"]},
    ),
]


@pytest.mark.parametrize(
    ("function", "given", "argument", "value"),
    [
        pytest.param(function, given, argument, value, id=f"{function.__module__.rsplit('.')[-1]}.{function.__name__}-{argument}-{value!r:.30}")
        for function, given, wrong in CASES
        for argument, values in wrong.items()
        for value in values
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_its_name(function: Function, given: dict[str, Any], argument: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        function(**{**given, argument: value})
    assert refused.value.argument == argument


def test_of_several_the_first_wrong_one_is_told_with_its_place() -> None:
    with pytest.raises(InvalidInput, match=r"pd is a decimal within \[0, 1\], not 1.5 \(entry 2 of 3\)"):
        granularity_adjustment([1.0, 1.0, 1.0], pd=[0.1, 1.5, -0.1], lgd=0.4, capital=0.06)


def test_flags_may_be_objects_but_none_of_them_missing() -> None:
    assert truths("small", np.array([True, False], dtype=object)).tolist() == [True, False]
    with pytest.raises(InvalidInput, match="small is True or False"):
        truths("small", np.array([True, None], dtype=object))


def test_losses_that_a_lattice_cannot_hold_are_refused_with_their_rows() -> None:
    with pytest.raises(InvalidInput, match=r"row 1, column loss: out_of_range: 1e\+308 is not within \[0, 1e\+30\]") as refused:
        loss_distribution([1e308, 1.0, math.inf], [0.1, 0.1, 0.1], sectors={"s": 0.5})
    assert [(problem.row, problem.column) for problem in refused.value.problems] == [(1, "loss"), (3, "loss")]


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (irb.corporate_correlation, {"pd": [0.01, 0.02], "turnover": [1e6, 1e6, 1e6]}),
        (irb.corporate_correlation, {"pd": [0.01, 0.02], "financial_multiplier": [1.0] * 3}),
        (irb.correlation, {"pd": [0.01, 0.02], "exposure_class": ["corporate"] * 3}),
        (irb.maturity_adjustment, {"pd": [0.01, 0.02], "maturity_years": [1.0, 2.0, 3.0]}),
        (irb.capital_requirement, {"pd": [0.01, 0.02], "lgd": [0.4] * 3}),
        (irb.risk_weight, {"pd": [0.01, 0.02], "lgd": [0.4] * 3}),
        (irb.defaulted_capital_requirement, {"lgd": [0.4, 0.5], "best_estimate_el": [0.3] * 3}),
        (irb.floored_pd, {"pd": [0.01, 0.02], "exposure_class": ["corporate"] * 3}),
        (irb.floored_lgd, {"lgd": [0.4, 0.5], "exposure_class": ["corporate"] * 3}),
        (irb.floored_lgd, {"lgd": [0.4, 0.5], "secured_share": [0.1] * 3, "exposure_class": "corporate"}),
        (irb.risk_weight, {"pd": [0.01, 0.02], "large_financial": [True] * 3, "lgd": 0.4, "exposure_class": "corporate"}),
        (irb.foundation_lgd, {"exposure_class": ["corporate", "bank"], "subordinated": [True] * 3}),
        (standardised.sovereign_risk_weight, {"step": [1, 2], "domestic_currency": [True] * 3}),
        (standardised.bank_risk_weight, {"step": [1, 2], "short_term": [True] * 3}),
        (standardised.corporate_risk_weight, {"step": [1, 2], "small": [True] * 3}),
        (standardised.retail_risk_weight, {"regulatory": [True, False], "transactor": [True] * 3}),
        (standardised.residential_risk_weight, {"ltv": [0.5, 0.6], "cash_flow_dependent": [True] * 3}),
        (standardised.commercial_risk_weight, {"ltv": [0.5, 0.6], "counterparty_risk_weight": [1.0] * 3}),
        (standardised.defaulted_risk_weight, {"provision_share": [0.1, 0.2], "residential": [True] * 3}),
        (provision_matrix, {"gross": [1.0, 2.0], "loss_rate": [0.1] * 3}),
        (balance_share, {"amortisation": "annuity", "years": [1.0, 2.0], "maturity_years": [2.0] * 3}),
        (point_in_time_pd, {"pd": [0.01, 0.02], "r2": [0.1] * 3, "factor": 0.0}),
        (bullet_flows, {"ead": [1.0, 2.0], "coupon": [0.1] * 3, "maturity_years": 1.0}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "-".join(value),
)
def test_numbers_that_do_not_go_together_are_refused_by_their_names(function: Callable[..., Any], given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        function(**given)
    assert refused.value.argument == list(given)[1 if "amortisation" not in given else 2]
    assert all(f"{name} (" in str(refused.value) for name, value in given.items() if isinstance(value, list))
