"""Options of risk runs are refused before anything is kept, and looking at them measures nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from crfs.errors import InvalidInput
from crfs.workflows import (
    portfolio_attribution,
    portfolio_ecl,
    portfolio_mark_to_market,
    portfolio_risk,
    portfolio_sensitivity,
    portfolio_stress,
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
    ],
)
@pytest.mark.parametrize("wrong", ["x", 5, ["a"], [5], [None], {"a": "b"}], ids=repr)
def test_an_option_of_another_kind_is_refused_by_its_name(kind: Any, name: str, wrong: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        kind.check_options({name: wrong})
    assert refused.value.argument == name
