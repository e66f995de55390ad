"""Options of risk runs are refused before anything is kept, and looking at them measures nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from crfs.errors import InvalidInput
from crfs.workflows import (
    portfolio_attribution,
    portfolio_capital,
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


@pytest.mark.parametrize(
    ("kind", "options", "goes_with"),
    [
        (portfolio_capital, {"floor_on": "2026-06-30"}, "output_floor"),
        (portfolio_capital, {"floor_path": "eu", "output_floor": False}, "output_floor"),
        (portfolio_capital, {"transitional_cap": True}, "output_floor"),
        (portfolio_capital, {"transitional_cap": True, "output_floor": True}, "floor_on"),
        (portfolio_capital, {"floor_path": "eu", "output_floor": True}, "floor_on"),
        (portfolio_ecl, {"forecast_years": 3.0}, "standard = 'cecl'"),
        (portfolio_ecl, {"reversion_years": 0.0, "standard": "ifrs9"}, "standard = 'cecl'"),
        (portfolio_ecl, {"discounted": True}, "standard = 'cecl'"),
        (portfolio_ecl, {"timing": "end", "standard": "cecl"}, "standard = 'ifrs9'"),
        (portfolio_ecl, {"stages": "given", "standard": "cecl"}, "standard = 'ifrs9'"),
    ],
    ids=str,
)
def test_an_option_that_means_nothing_without_another_is_refused_by_its_name(kind: Any, options: dict[str, Any], goes_with: str) -> None:
    name = next(iter(options))
    with pytest.raises(InvalidInput, match=rf"{name} = .* goes with {goes_with}") as refused:
        kind.check_options(options)
    assert refused.value.argument == name


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (portfolio_capital, {"output_floor": False, "floor_on": None, "floor_path": "basel", "transitional_cap": False}),
        (portfolio_capital, {"output_floor": True, "floor_on": "2026-06-30", "floor_path": "eu", "transitional_cap": True}),
        (portfolio_ecl, {"forecast_years": 2.0, "reversion_years": 1.0, "discounted": False}),
        (portfolio_ecl, {"standard": "cecl", "timing": "exact", "period_years": 1.0, "forecast_years": 3.0, "discounted": True}),
    ],
    ids=str,
)
def test_defaults_and_options_that_are_read_are_taken(kind: Any, options: dict[str, Any]) -> None:
    kind.check_options(options)


@pytest.mark.parametrize(
    ("kind", "options", "place"),
    [
        (portfolio_stress, {"capital": {"floor_on": "2026-06-30"}}, ("capital", "floor_on")),
        (portfolio_stress, {"ecl": {"discounted": True}}, ("ecl", "discounted")),
        (portfolio_sensitivity, {"capital": {"approach": "best"}}, ("capital", "approach")),
    ],
    ids=str,
)
def test_an_option_within_another_is_named_in_its_place(kind: Any, options: dict[str, Any], place: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        kind.check_options(options)
    assert (refused.value.argument, *refused.value.member) == place
