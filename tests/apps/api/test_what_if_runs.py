"""What-ifs over HTTP: the change as text, as rows or beside a file, shown on a page, replayed, and refused with its places."""

from __future__ import annotations

import copy
import json
from typing import Any

import polars as pl
import pytest

from crfs.apps.api.pages.shown.what_if import page
from tests.apps.api.conftest import Client
from tests.apps.api.test_book_runs import BOOK
from tests.apps.api.test_risk_runs import finished

WAIT = {"Prefer": "wait=30"}
HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\n"
LOAN = "N1,NEWCOMER,5000,0.4,0.03,0.2,retail_pacific\n"
ROW = {"facility_id": "N1", "obligor_id": "NEWCOMER", "ead": 5000, "lgd": 0.4, "pd_12m": 0.03, "r2": 0.2, "group": "retail_pacific"}
QUESTION: dict[str, Any] = {"changes": {"csv": HEADER + LOAN}, "remove": ["F3"], "models": [], "confidences": [0.9], "max_scenarios": 2000}


@pytest.fixture(scope="module")
def answer(client: Client) -> dict[str, Any]:
    asked = client.post("/v1/what-if-runs", json={"book": {"csv": BOOK}, **QUESTION}, headers=WAIT)
    assert asked.status_code == 200, asked.text
    found: dict[str, Any] = asked.json()
    return found


def test_a_change_is_text_or_rows_or_beside_a_file_and_of_a_loaded_book_it_is_a_job(client: Client, answer: dict[str, Any]) -> None:
    assert answer["changes"] == {"came": 1, "replaced": 0, "left": 1}
    assert answer["el"]["change"] == pytest.approx(5000 * 0.4 * 0.03 - 1003 * 0.4 * 0.04)
    told = {name: value for name, value in QUESTION.items() if name != "changes"}
    rows = client.post("/v1/what-if-runs", json={"book": {"csv": BOOK}, **told, "changes": {"rows": [ROW]}}, headers=WAIT)
    assert rows.status_code == 200, rows.text
    form = client.post(
        "/v1/what-if-runs", files={"book": ("book.csv", BOOK.encode())}, data={"question": json.dumps(QUESTION)}, headers=WAIT
    )
    assert form.status_code == 200, form.text
    assert rows.json()["measures"] == form.json()["measures"] == answer["measures"]
    assert client.put("/v1/portfolios/whatif", content=BOOK.encode(), headers={"Content-Type": "text/csv"}).status_code == 201
    job = finished(client, client.post("/v1/portfolios/whatif/what-if-runs", json=QUESTION).headers["location"])
    assert job["state"] == "succeeded", job
    assert client.json(job["result"])["result_sha256"] == answer["result_sha256"]


def test_it_is_replayed_by_a_process_of_its_own_and_traced_to_the_change(client: Client, answer: dict[str, Any]) -> None:
    replayed = client.post(f"/v1/what-if-runs/{answer['run_id']}/replays")
    assert finished(client, replayed.headers["location"])["outcome"]["verdict"] == "MATCH"
    chain = client.json(f"/v1/what-if-runs/{answer['run_id']}/lineage")
    assert chain["sound"]
    assert len(chain["payloads"]) == 2


def test_its_page_has_the_numbers_and_the_words_that_repeat_it(client: Client, answer: dict[str, Any]) -> None:
    page = client.html(f"/runs/{answer['run_id']}")
    assert "<h1>What if</h1>" in page
    assert "Loans: 1 come in, 1 leave." in page
    for part in (answer["measures"][0]["es"], answer["el"]):
        assert repr(part["change"]) in page
        assert repr(part["after"]) in page
    assert "NEWCOMER" in page
    assert f"crfs replay {answer['run_id']}" in page
    assert answer["run_id"] in client.html("/runs?kind=what-if")


def test_the_interval_of_an_obligors_difference_is_drawn_as_it_is_told(answer: dict[str, Any]) -> None:
    told = copy.deepcopy(answer)
    [newcomer] = [part for part in told["obligors"] if part["obligor_id"] == "NEWCOMER"]
    newcomer["measures"][-1]["es"] |= {"change": 400.0, "change_se": 10.0, "change_low": 370.0, "change_high": 450.0}
    plot, _ = page(told).plots[0]
    assert "NEWCOMER: 400 (370 to 450)" in plot
    newcomer["measures"][-1]["es"] |= {"change_low": None, "change_high": None}
    assert "NEWCOMER: 400;" in page(told).plots[0][0].replace("</desc>", ";")


def test_a_first_order_is_shown_where_there_is_one(client: Client) -> None:
    rows = "".join(f"G{k},G{k},{1000 + 7 * (k % 31)},0.4,0.0{1 + k % 9},0.2,retail_pacific\n" for k in range(400))
    asked = {"book": {"csv": HEADER + rows}, "changes": {"csv": HEADER + LOAN}, "models": [], "confidences": [0.99]}
    found = client.post("/v1/what-if-runs", json=asked, headers=WAIT).json()
    es = found["measures"][0]["es"]
    assert es["marginal"] is not None
    page = client.html(f"/runs/{found['run_id']}")
    assert "At first order" in page
    assert repr(es["marginal"]) in page


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [
        ({"remove": ["F3", "NONE"]}, {"/body/remove"}),
        ({"changes": None, "remove": None}, {"/body/changes"}),
        ({"changes": None, "remove": []}, {"/body/changes"}),
        ({"changes": {"rows": []}}, {"/body/changes/rows"}),
        ({"changes": {"file": "/etc/passwd"}}, {"/body/changes"}),
        ({"changes": {"csv": HEADER}}, {"/body/changes"}),
        (
            {"changes": {"csv": HEADER + LOAN + "N2,N2,-1,0.4,1.5,0.2,retail_pacific\n"}},
            {"/body/changes/rows/1/ead", "/body/changes/rows/1/pd_12m"},
        ),
        ({"changes": {"rows": [{**ROW, "group": "nowhere"}]}}, {"/body/changes/rows/0/group"}),
        ({"changes": {"rows": [{**ROW, "pd": 0.1}]}}, {"/columns/pd"}),
        ({"confidences": [2.0]}, {"/body/confidences"}),
    ],
)
def test_what_is_wrong_is_pointed_at_in_the_change(client: Client, wrong: dict[str, Any], pointers: set[str]) -> None:
    refused = client.problem("POST", "/v1/what-if-runs", 422, json={"book": {"csv": BOOK}, **QUESTION, **wrong})
    assert pointers == {error["pointer"] for error in refused["errors"]}, refused


def test_a_wrong_book_is_still_pointed_at_as_the_book(client: Client) -> None:
    bad = pl.read_csv(BOOK.encode()).with_columns(pd_12m=2.0).write_csv()
    refused = client.problem("POST", "/v1/what-if-runs", 422, json={"book": {"csv": bad}, **QUESTION})
    assert "/rows/0/pd_12m" in {error["pointer"] for error in refused["errors"]}
