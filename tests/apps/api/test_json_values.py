"""Types of the members of questions: a wrong one is refused at its place, and never becomes another number."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError

from crfs.apps.api.attribution_runs import AttributionQuestion
from crfs.apps.api.book_runs import BookQuestion, read_question
from crfs.apps.api.capital_runs import CapitalQuestion
from crfs.apps.api.concentration_runs import ConcentrationQuestion
from crfs.apps.api.ecl_runs import EclQuestion
from crfs.apps.api.factor_model_runs import FactorModelQuestion
from crfs.apps.api.mark_to_market_runs import MarkToMarketQuestion
from crfs.apps.api.portfolios import read_json
from crfs.apps.api.reverse_stress_runs import ReverseStressQuestion
from crfs.apps.api.risk_runs import LossQuestion
from crfs.apps.api.sensitivity_runs import SensitivityQuestion
from crfs.errors import InvalidInput
from crfs.workflows import portfolio_capital, portfolio_ecl
from tests.apps.api.conftest import Client

WRONG: list[tuple[type[Any], dict[str, Any], tuple[str | int, ...]]] = [
    (CapitalQuestion, {"capital_ratio": True}, ("body", "capital_ratio")),
    (CapitalQuestion, {"output_floor": "yes"}, ("body", "output_floor")),
    (CapitalQuestion, {"output_floor": 1}, ("body", "output_floor")),
    (CapitalQuestion, {"floor_on": 1_780_000_000}, ("body", "floor_on")),
    (CapitalQuestion, {"floor_on": "2026-13-01"}, ("body", "floor_on")),
    (EclQuestion, {"interest_rate": True}, ("body", "interest_rate")),
    (EclQuestion, {"scenarios": {"us/hold": True}}, ("body", "scenarios", "us/hold")),
    (LossQuestion, {"rel_tol": "0.01"}, ("body", "rel_tol")),
    (LossQuestion, {"seed": True}, ("body", "seed")),
    (LossQuestion, {"seed": 1.5}, ("body", "seed")),
    (LossQuestion, {"default_ccf": True}, ("body", "default_ccf")),
    (LossQuestion, {"confidences": [0.9, True]}, ("body", "confidences", 1)),
    (LossQuestion, {"factor_model": 7}, ("body", "factor_model")),
    (LossQuestion, {"factor_model": ["us_credit"]}, ("body", "factor_model")),
    (LossQuestion, {"factor_model": "../US"}, ("body", "factor_model")),
    (LossQuestion, {"label": 7}, ("body", "label")),
    (ConcentrationQuestion, {"top": True}, ("body", "top")),
    (ReverseStressQuestion, {"loss": True}, ("body", "loss")),
    (ReverseStressQuestion, {"loss": float("inf")}, ("body", "loss")),
    (SensitivityQuestion, {"bumps": {"pd_relative": True}}, ("body", "bumps", "pd_relative")),
    (SensitivityQuestion, {"satellite": True}, ("body", "satellite")),
    (MarkToMarketQuestion, {"transition_matrix": {}, "periods": "4"}, ("body", "periods")),
    (AttributionQuestion, {"from": "2026-03-31", "to": "2026-06-30", "shapley": 1}, ("body", "shapley")),
    (FactorModelQuestion, {"frequency": "quarter", "factor": [{}], "hac_lags": True}, ("body", "hac_lags")),
    (FactorModelQuestion, {"frequency": "quarter", "factor": [{}], "shrinkage": True}, ("body", "shrinkage")),
    (BookQuestion, {"recorded_as_of": True}, ("body", "recorded_as_of")),
    (BookQuestion, {"recorded_as_of": 1.5}, ("body", "recorded_as_of")),
]


@pytest.mark.parametrize(("model", "document", "place"), WRONG)
def test_a_member_of_another_type_is_refused_at_its_place(model: type[Any], document: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(RequestValidationError) as found:
        read_question(model, document)
    assert [error["loc"] for error in found.value.errors()] == [place]


def test_whole_numbers_stand_for_numbers_and_numbers_of_no_fraction_for_whole_ones() -> None:
    found = read_question(LossQuestion, {"seed": 5.0, "default_ccf": 1, "confidences": [0.99], "recorded_as_of": 12})
    assert (found.seed, type(found.seed), found.default_ccf, type(found.default_ccf)) == (5, int, 1.0, float)
    assert found.recorded_as_of == 12
    day = read_question(CapitalQuestion, {"floor_on": "2028-06-30"})
    assert day.model_dump(mode="json", exclude_none=True)["floor_on"] == "2028-06-30"
    assert read_question(LossQuestion, {"factor_model": {"name": "own"}}).factor_model == {"name": "own"}


def test_a_key_that_is_said_twice_is_named() -> None:
    with pytest.raises(RequestValidationError) as found:
        read_json(b'{"book": {"csv": ""}, "policy": {"seed": 1, "seed": 2}}')
    assert '"seed"' in found.value.errors()[0]["msg"]


def test_options_within_a_question_have_their_types_too() -> None:
    for kind, options, name in (
        (portfolio_capital, {"capital_ratio": True}, "capital_ratio"),
        (portfolio_capital, {"output_floor": "yes"}, "output_floor"),
        (portfolio_ecl, {"interest_rate": True}, "interest_rate"),
        (portfolio_ecl, {"discounted": "no"}, "discounted"),
    ):
        with pytest.raises(InvalidInput) as found:
            kind.check_options(options)
        assert found.value.argument == name


def test_problems_say_it_in_plain_words(client: Client) -> None:
    book = {"csv": "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,1,0.4,0.02,0.2,retail_pacific\n"}
    found = client.problem("POST", "/v1/risk-runs", 422, json={"book": book, "factor_model": 7})
    assert [error["pointer"] for error in found["errors"]] == ["/body/factor_model"]
    found = client.problem("POST", "/v1/risk-runs", 422, json={"book": book, "confidences": []})
    assert "after validation" not in found["detail"]
    twice = b'{"book": {"csv": ""}, "seed": 1, "seed": 2}'
    found = client.problem("POST", "/v1/risk-runs", 422, content=twice, headers={"Content-Type": "application/json"})
    assert '"seed"' in found["detail"]
    known = client.post("/v1/concentration-runs", json={"book": book, "recorded_as_of": 1, "models": []}, headers={"Prefer": "wait=30"})
    assert (known.status_code, known.json()["batch_id"]) == (200, 1)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("ead", "100"),
        ("pd_12m", "0.02"),
        ("ead", True),
        ("stage", "1"),
        ("loading:us", "0.3"),
        ("defaulted", "true"),
        ("defaulted", 1),
        ("sector", True),
        ("facility_id", ["F1"]),
    ],
)
def test_a_cell_of_a_row_of_another_type_is_refused_at_its_place(client: Client, column: str, cell: Any) -> None:
    good = {"facility_id": "F0", "obligor_id": "O1", "ead": 100, "lgd": 0.4, "pd_12m": 0.02, "exposure_class": "corporate"}
    rows = [good, {**good, "facility_id": "F1", column: cell}]
    asks = (
        ("POST", "/v1/capital-runs", {"book": {"rows": rows}}),
        ("PUT", "/v1/portfolios/typed", {"rows": rows}),
    )
    for method, place, body in asks:
        found = client.problem(method, place, 422, json=body)
        assert [error["pointer"] for error in found["errors"]] == [f"/rows/1/{column}"], found
    changed = client.problem("POST", "/v1/what-if-runs", 422, json={"book": {"rows": [good]}, "changes": {"rows": rows}, "models": []})
    assert f"/body/changes/rows/1/{column}" in [error["pointer"] for error in changed["errors"]]


def test_cells_of_the_types_of_their_columns_are_taken(client: Client) -> None:
    row = {
        "facility_id": "F1",
        "obligor_id": "O1",
        "ead": 100,
        "lgd": 0.4,
        "pd_12m": None,
        "exposure_class": "corporate",
        "defaulted": True,
    }
    rows = [row, {**row, "facility_id": "F2", "pd_12m": 0.02, "defaulted": False, "sector": "", "maturity_years": 2.5}]
    answer = client.post("/v1/capital-runs", json={"book": {"rows": rows}, "models": []}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["n_facilities"] == 2
