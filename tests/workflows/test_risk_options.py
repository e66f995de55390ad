"""Options of risk runs are refused before anything is kept, and looking at them measures nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from crfs.errors import InvalidInput
from crfs.workflows import (
    portfolio_attribution,
    portfolio_concentration,
    portfolio_ecl,
    portfolio_mark_to_market,
    portfolio_reverse_stress,
    portfolio_risk,
    portfolio_sensitivity,
    portfolio_stress,
    portfolio_what_if,
)


def test_looking_at_options_takes_no_scenarios() -> None:
    portfolio_risk.check_options({})
    began = time.perf_counter()
    portfolio_risk.check_options({"method": "plain", "max_scenarios": 100_000_000})
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("kind", [portfolio_risk, portfolio_mark_to_market], ids=["risk", "mark to market"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"max_scenarios": 100_000_000_000},
        {"max_scenarios": 999},
        {"method": "zz"},
        {"rel_tol": 2.0},
        {"confidences": [2.0]},
        {"seed": -1},
        {"budget": 0.0},
    ],
    ids=["too many", "too few", "method", "rel_tol", "confidences", "seed", "budget"],
)
def test_a_wrong_option_is_refused_by_its_name(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        kind.check_options(wrong)
    assert refused.value.argument == next(iter(wrong))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (portfolio_ecl, "scenarios"),
        (portfolio_ecl, "overlays"),
        (portfolio_stress, "capital"),
        (portfolio_stress, "ecl"),
        (portfolio_stress, "losses"),
        (portfolio_stress, "conditional"),
        (portfolio_sensitivity, "capital"),
        (portfolio_attribution, "shapley"),
        (portfolio_attribution, "default_ccf"),
        (portfolio_concentration, "default_ccf"),
        (portfolio_mark_to_market, "default_ccf"),
        (portfolio_risk, "default_ccf"),
        (portfolio_sensitivity, "default_ccf"),
        (portfolio_stress, "default_ccf"),
        (portfolio_what_if, "default_ccf"),
    ],
)
@pytest.mark.parametrize("wrong", ["x", 5, ["a"], [5], [None], {"a": "b"}], ids=repr)
def test_an_option_of_another_kind_is_refused_by_its_name(kind: Any, name: str, wrong: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        kind.check_options({name: wrong})
    assert refused.value.argument == name


@pytest.mark.parametrize("wrong", ["x", 1.5, -0.1, float("nan"), ["a"], {"a": "b"}, True], ids=repr)
def test_a_conversion_factor_of_a_reverse_stress_is_refused_by_its_name(wrong: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        portfolio_reverse_stress.check_options({"loss": 1.0, "default_ccf": wrong})
    assert refused.value.argument == "default_ccf"


@pytest.mark.parametrize("wrong", ["x", 5, [5], [None], {"a": "b"}, [["a"]], True, 0, ""], ids=repr)
def test_tags_that_are_no_texts_are_refused_by_their_name(wrong: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        portfolio_attribution.check_options({"tags": wrong})
    assert refused.value.argument == "tags"


def test_options_that_are_not_given_are_no_mistake() -> None:
    for kind in (
        portfolio_risk,
        portfolio_attribution,
        portfolio_stress,
        portfolio_sensitivity,
        portfolio_what_if,
        portfolio_concentration,
    ):
        kind.check_options({"default_ccf": None})
        kind.check_options({"default_ccf": 1})
    portfolio_attribution.check_options({"tags": []})
    portfolio_attribution.check_options({"tags": ["sector"]})
