"""Public functions that take tables refuse arguments of another kind by their names: nothing of it is an error of Python's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import attribute, regulatory_capital, stressed_risk

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
MODEL = FactorModel.one_factor("all")
SLUMP = ConditionalFactors(factors=("economy",), mean=(-2.0,), covariance=((0.0,),))
WRONG: list[Any] = ["x", 5, None, 1.5, True, ["a"], {"a": "b"}, object(), math.nan]

Kind = Callable[[Any], bool]


def none_of_these(_: Any) -> bool:
    return False


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def whole(value: Any) -> bool:
    return isinstance(value, int) and value == 5


CASES: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Kind]]] = [
    (
        attribute,
        {"before": BOOK, "after": BOOK, "before_model": MODEL, "confidences": (0.9,)},
        {
            **dict.fromkeys(["order", "tags", "confidences"], none_of_these),
            **dict.fromkeys(["shapley", "accept_partial"], flag),
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
            "facilities": none_of_these,
            **dict.fromkeys(["floor", "ratings_allowed", "accept_partial"], flag),
            "capital_ratio": none_of_these,
            "general_provisions": lambda value: value in (5, 1.5) and not isinstance(value, bool),
            "carry": lambda value: value in (["a"], {"a": "b"}),
        },
    ),
]


@pytest.mark.parametrize(
    ("function", "given", "argument", "kind"),
    [
        pytest.param(function, given, argument, kind, id=f"{function.__name__}-{argument}")
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
