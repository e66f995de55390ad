"""What a run is asked with: whole numbers are whole, and no method takes on more evaluations than the budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crfs.errors import InvalidInput
from crfs.risk import portfolio_risk
from tests.risk.test_fine_lattice import book, model


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("seed", 1.5, "seed is a whole number"),
        ("seed", True, "seed is a whole number"),
        ("max_scenarios", 20_000.7, "max_scenarios is a whole number"),
        ("max_scenarios", 999, "1,000 or more"),
        ("max_scenarios", 100_000_001, "100,000,000 at most"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "plain"])
def test_a_number_that_is_not_whole_is_refused(method: str, argument: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        portfolio_risk(book(8, 1), model(), method=method, **{argument: value})


def test_whole_numbers_of_numpy_are_taken() -> None:
    options: dict[str, Any] = {"method": "plain", "contributions": False}
    numbers: dict[str, Any] = {"seed": np.int64(3), "max_scenarios": np.int32(20_000)}
    told = portfolio_risk(book(8, 1), model(), **numbers, **options)
    assert told.to_dict() == portfolio_risk(book(8, 1), model(), seed=3, max_scenarios=20_000, **options).to_dict()


@pytest.mark.parametrize(
    ("count", "method"), [(12, "few_names"), (20, "few_names"), (40, "exact"), (20, "auto"), (20, "plain"), (300, "thinning")]
)
def test_no_run_is_begun_that_takes_more_than_its_budget(count: int, method: str) -> None:
    table = book(count, 1)
    if method == "exact":
        table = table.with_columns(ead=np.ceil(table["ead"] / 1000.0) * 1000.0, group=np.full(count, "retail"))
        assert portfolio_risk(table, model(), method=method, contributions=False).method == "exact"
    with pytest.raises(InvalidInput, match="budget of"):
        portfolio_risk(table, model(), method=method, budget=10.0)
