"""A factor model from histories over HTTP: asked, answered, shown on its page, traced, repeated, and taken by a risk run."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from crfs.workflows.session import Session
from tests.apps.api.conftest import Client
from tests.apps.api.test_pages import Page
from tests.apps.api.test_risk_runs import finished

WAIT = {"Prefer": "wait=30"}
ASKED: dict[str, Any] = {
    "frequency": "quarter",
    "factor": [
        {"name": "households", "default_rate_of": {"segment": "retail"}},
        {"name": "spreads", "mnemonic": "us.credit_spread_baa_aaa", "aggregate": "mean", "low_is_bad": False},
    ],
    "groups": {"all": {"households": 0.8, "spreads": 0.2}},
    "start": "1990-01-01",
    "as_of": "2010-06-30",
}


def test_it_is_what_the_library_answers_and_a_risk_run_takes_it(client: Client, session: Session) -> None:
    from crfs.workflows.factor_models import estimate_factor_model

    answer = client.post("/v1/factor-model-runs", json={**ASKED, "label": "from histories"}, headers=WAIT)
    assert answer.status_code == 200, answer.text
    found, place = answer.json(), answer.headers["content-location"]
    content = {name: value for name, value in ASKED.items() if name != "as_of"}
    assert found["result_sha256"] == estimate_factor_model(session, content, as_of=ASKED["as_of"])["result_sha256"]
    assert found["label"] == "from histories"
    assert client.json(place) == found
    assert client.json(f"{place}/lineage")["sound"]
    assert found["run_id"] in [run["run_id"] for run in client.json("/v1/factor-model-runs")["factor_model_runs"]]
    job = finished(client, client.post(f"{place}/replays").headers["location"])
    assert job["outcome"]["verdict"] == "MATCH", job
    book = {"csv": "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,100,0.4,0.02,0.2,all\n"}
    risk = client.post("/v1/risk-runs", json={"book": book, "factor_model": found["model"], "models": []}, headers=WAIT)
    assert risk.status_code == 200, risk.text


def test_a_job_that_nobody_waits_for_tells_where_its_answer_is(client: Client) -> None:
    queued = client.post("/v1/factor-model-runs", json=ASKED)
    assert queued.status_code == 202
    job = finished(client, queued.headers["location"])
    assert job["kind"] == "factor-model-run"
    assert client.json(job["result"])["periods"] > 0


def test_its_page_has_the_correlations_with_their_errors_and_the_pools(client: Client) -> None:
    found = client.post("/v1/factor-model-runs", json=ASKED, headers=WAIT).json()
    text = client.html(f"/runs/{found['run_id']}")
    estimate, pool = found["estimate"], found["default_rates"]["households"]
    wanted = [found["model"]["correlation"][0][1], estimate["sample"][0][1], estimate["standard_errors"][0][1], pool["share_of_chance"]]
    assert {repr(value) for value in wanted} <= Page(text).numbers
    assert "segment = retail" in text
    assert ">Correlations in the sample</title>" in text
    assert f"crfs replay {found['run_id']}" in text


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"frequency": "week"}, "/body/frequency"),
        ({"factor": []}, "/body/factor"),
        ({"factor": [{"name": "odd", "default_rate_of": "sector:energy"}]}, "/body/factor"),
        ({"colour": 1}, "/body/colour"),
        ({"as_of": "yesterday"}, "/body/as_of"),
        ({"as_of": "2150-01-01"}, "/body/as_of"),
        ({"missing": "drop"}, "/body/missing"),
        ({"shrinkage": 2.0}, "/body/shrinkage"),
        ({"factor": [{"name": 3, "default_rate_of": {}}]}, "/body/factor"),
    ],
)
def test_a_wrong_question_is_refused_with_its_place_before_a_job_is_made(client: Client, wrong: dict[str, Any], pointer: str) -> None:
    refused = client.problem("POST", "/v1/factor-model-runs", 422, json={**ASKED, **wrong})
    assert [error["pointer"] for error in refused["errors"]] == [pointer]


def test_a_weight_that_is_no_number_is_named_with_its_group_and_factor(client: Client) -> None:
    refused = client.problem(
        "POST",
        "/v1/factor-model-runs",
        422,
        content=json.dumps({**ASKED, "groups": {"g": {"households": math.nan}}}),
        headers={"Content-Type": "application/json"},
    )
    assert [error["pointer"] for error in refused["errors"]] == ["/body/groups/g/households"]


def test_a_history_that_is_not_there_is_told_to_who_waits(client: Client) -> None:
    asked = {**ASKED, "factor": [{"name": "odd", "mnemonic": "own.nothing"}, *ASKED["factor"]]}
    assert "own.nothing" in client.problem("POST", "/v1/factor-model-runs", 404, json=asked, headers=WAIT)["detail"]
