"""Mark-to-market risk over HTTP: asked, shown on its page, replayed, and refused with places."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from crfs.workflows.collection import collect
from crfs.workflows.session import Session
from tests.apps.api.conftest import Client
from tests.apps.api.test_risk_runs import finished
from tests.apps.cli.conftest import ROOT

WAIT = {"Prefer": "wait=30"}
BOOK = (ROOT / "examples" / "bonds.csv").read_text()
MATRIX = pl.read_csv(ROOT / "examples" / "matrix.csv")
QUESTION: dict[str, Any] = {
    "transition_matrix": {"ratings": MATRIX.columns[1:], "rows": [list(row[1:]) for row in MATRIX.iter_rows()]},
    "as_of": "2018-11-16T00:00:00Z",
    "models": [],
    "confidences": [0.99],
    "max_scenarios": 8000,
    "rel_tol": 0.05,
}


@pytest.fixture(scope="module")
def answer(client: Client, session: Session) -> dict[str, Any]:
    """A run on the curve of the Treasury of November of 2018."""
    early = client.problem("POST", "/v1/mark-to-market-runs", 409, json={"book": {"csv": BOOK}, **QUESTION})
    assert "crfs ingest treasury par_yields" in early["detail"]
    collect(session, "treasury", replay=ROOT / "examples" / "treasury")
    asked = client.post("/v1/mark-to-market-runs", json={"book": {"csv": BOOK}, **QUESTION}, headers=WAIT)
    assert asked.status_code == 200, asked.text
    found: dict[str, Any] = asked.json()
    return found


def test_it_is_asked_of_a_loaded_book_too_and_replayed_by_a_process_of_its_own(client: Client, answer: dict[str, Any]) -> None:
    assert (
        client.put("/v1/portfolios/bonds?valid_at=2018-10-31", content=BOOK.encode(), headers={"Content-Type": "text/csv"}).status_code
        == 201
    )
    job = finished(client, client.post("/v1/portfolios/bonds/mark-to-market-runs", json=QUESTION).headers["location"])
    assert job["state"] == "succeeded", job
    assert client.json(job["result"])["result_sha256"] == answer["result_sha256"]
    replayed = client.post(f"/v1/mark-to-market-runs/{answer['run_id']}/replays")
    assert finished(client, replayed.headers["location"])["outcome"]["verdict"] == "MATCH"


def test_its_page_has_the_numbers_and_the_words_that_repeat_it(client: Client, answer: dict[str, Any]) -> None:
    page = client.html(f"/runs/{answer['run_id']}")
    assert "<h1>Loss of value as ratings migrate</h1>" in page
    assert repr(answer["measures"][0]["es"]) in page
    assert "withheld" in page
    assert "ES 99 %" in page
    assert f"crfs replay {answer['run_id']}" in page
    assert answer["run_id"] in client.html("/runs?kind=mark-to-market")


@pytest.mark.usefixtures("answer")
def test_spreads_that_were_given_are_drawn_and_wrong_ones_are_pointed_at(client: Client) -> None:
    ratings = MATRIX.columns[1:-1]
    given = {name: 0.005 * (1 + place) for place, name in enumerate(ratings)}
    asked = client.post("/v1/mark-to-market-runs", json={"book": {"csv": BOOK}, **QUESTION, "spreads": given}, headers=WAIT)
    assert asked.status_code == 200, asked.text
    assert ">Spread by rating</title>" in client.html(f"/runs/{asked.json()['run_id']}")
    for wrong, pointer in (
        ({"spreads": {"ZZ": 0.1}}, "/body/spreads"),
        ({"quotes": "mine"}, "/body/quotes"),
        ({"persistence": 1.0}, "/body/persistence"),
        ({"transition_matrix": {"ratings": ["A"]}}, "/body/transition_matrix"),
    ):
        refused = client.problem("POST", "/v1/mark-to-market-runs", 422, json={"book": {"csv": BOOK}, **QUESTION, **wrong})
        assert refused["errors"][0]["pointer"] == pointer, wrong
    bad = BOOK.replace("energy,BB,3.0", "energy,ZZ,3.0")
    refused = client.problem("POST", "/v1/mark-to-market-runs", 422, json={"book": {"csv": bad}, **QUESTION})
    assert [error["pointer"] for error in refused["errors"]] == ["/rows/2/rating"]
