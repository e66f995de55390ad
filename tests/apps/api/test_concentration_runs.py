"""Concentration and connected clients over HTTP: asked, shown, replayed, traced, and refused with places in every kind of run."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.apps.api.conftest import Client
from tests.apps.api.test_risk_runs import finished

WAIT = {"Prefer": "wait=30"}
HEADER = "facility_id,obligor_id,connected_clients,ead,lgd,pd_12m,r2,group,segment,sector,exposure_class,stage,maturity_years,effective_interest_rate"
GROUPS = {0: "G", 1: "G", 2: "H", 3: "H"}
ROWS = [
    f"F{i},O{i},{GROUPS.get(i, '')},{1000 + 10 * i},0.4,0.02,0.2,corporate_energy,corporate,{'energy' if i % 2 else ''},corporate,1,3,0.05"
    for i in range(12)
]
AMOUNTS = {"G": 2010.0, "H": 2050.0, **{f"O{i}": 1000.0 + 10 * i for i in range(4, 12)}}
KINDS: dict[str, dict[str, Any]] = {
    "risk": {"confidences": [0.9], "max_scenarios": 2000},
    "concentration": {},
    "capital": {},
    "ecl": {},
    "stress": {"shocks": [{"pd_probit": 0.4}], "confidences": [0.9], "max_scenarios": 2000},
}


def asked(client: Client, kind: str, rows: list[str], **more: Any) -> dict[str, Any]:
    question = {"book": {"csv": "\n".join([HEADER, *rows]) + "\n"}, "models": [], **KINDS[kind], **more}
    answer = client.post(f"/v1/{kind}-runs", json=question, headers=WAIT)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def answer(client: Client) -> dict[str, Any]:
    return asked(client, "concentration", ROWS, top=3)


def test_obligors_and_connected_clients_are_told_beside_each_other(answer: dict[str, Any]) -> None:
    assert (answer["n_facilities"], answer["n_obligors"], answer["n_connected_clients"]) == (12, 12, 10)
    total = sum(AMOUNTS.values())
    assert answer["total_ead"] == total
    assert set(answer["by"]) == {"obligor_id", "connected_clients", "sector", "group", "segment"}
    groups = answer["by"]["connected_clients"]
    assert groups["hhi"] == pytest.approx(sum((amount / total) ** 2 for amount in AMOUNTS.values()), rel=1e-12)
    assert groups["effective_names"] == pytest.approx(1.0 / groups["hhi"])
    assert [each["name"] for each in groups["largest"]] == ["H", "G", "O11"]
    assert groups["top_shares"][:2] == [{"names": 1, "share": 2050.0 / total}, {"names": 2, "share": pytest.approx(4060.0 / total)}]
    assert answer["by"]["obligor_id"]["hhi"] < groups["hhi"]
    assert {each["name"] for each in answer["by"]["sector"]["largest"]} == {"energy", None}


def test_it_is_computed_again_by_a_process_of_its_own_and_the_order_of_rows_changes_nothing(client: Client, answer: dict[str, Any]) -> None:
    replayed = client.post(f"/v1/concentration-runs/{answer['run_id']}/replays")
    assert replayed.status_code == 202
    job = finished(client, replayed.headers["location"])
    assert job["state"] == "succeeded", job
    assert job["outcome"]["verdict"] == "MATCH", job
    shuffled = list(ROWS)
    random.Random(5).shuffle(shuffled)
    other = asked(client, "concentration", shuffled, top=3)
    assert other["result_sha256"] == answer["result_sha256"]


def test_its_page_has_the_numbers_the_plots_and_the_words_that_repeat_it(client: Client, answer: dict[str, Any]) -> None:
    page = client.html(f"/runs/{answer['run_id']}")
    assert "<h1>Concentration of exposure</h1>" in page
    assert ">The largest groups of connected clients</title>" in page
    assert ">What the largest groups of connected clients hold together</title>" in page
    assert repr(answer["by"]["connected_clients"]["hhi"]) in page
    assert f"crfs replay {answer['run_id']}" in page
    assert answer["run_id"] in client.html("/runs?kind=concentration")


def test_a_book_of_exposures_alone_has_a_concentration_and_one_of_nothing_has_none(client: Client) -> None:
    question = {"book": {"csv": "facility_id,obligor_id,ead\nF1,A,3\nF2,B,1\n"}, "models": []}
    found = client.post("/v1/concentration-runs", json=question, headers=WAIT).json()
    assert found["by"]["obligor_id"]["hhi"] == 0.625
    assert found["n_connected_clients"] is None
    assert list(found["by"]) == ["obligor_id"]
    made = {"book": {"csv": "facility_id,obligor_id,drawn,limit\nF1,A,3,5\n"}, "models": []}
    assert client.post("/v1/concentration-runs", json={**made, "default_ccf": 0.5}, headers=WAIT).json()["total_ead"] == 4.0
    refused = client.problem("POST", "/v1/concentration-runs", 422, json=made)
    assert "/rows/0/ccf" in [error["pointer"] for error in refused["errors"]]
    for rows in ("", "F1,A,0\n"):
        nothing = {"book": {"csv": "facility_id,obligor_id,ead\n" + rows}, "models": []}
        client.problem("POST", "/v1/concentration-runs", 422, json=nothing)


@pytest.mark.parametrize("kind", KINDS)
def test_connected_clients_that_contradict_each_other_are_refused_by_row_in_every_kind(client: Client, kind: str) -> None:
    wrong = [*ROWS, ROWS[0].replace("F0,O0,G", "F98,O0,H"), ROWS[11].replace("F11,O11,", "F99,O90,O11")]
    question = {"book": {"csv": "\n".join([HEADER, *wrong]) + "\n"}, "models": [], **KINDS[kind]}
    found = client.problem("POST", f"/v1/{kind}-runs", 422, json=question)
    assert {error["pointer"] for error in found["errors"]} == {"/rows/12/connected_clients", "/rows/11/connected_clients"}


@pytest.mark.parametrize("kind", ["capital", "ecl", "stress"])
def test_groups_cut_what_is_measured_and_who_is_alone_is_one(client: Client, kind: str) -> None:
    found = asked(client, kind, ROWS)
    parts = found["cuts" if kind == "stress" else "by"]["connected_clients"]
    assert {part["name"] for part in parts} == set(AMOUNTS)
    if kind == "capital":
        assert {part["name"]: part["ead"] for part in parts} == AMOUNTS
        assert sum(part["rwa"] for part in parts) == pytest.approx(found["totals"]["rwa"])


def test_a_risk_run_tells_the_groups_beside_the_obligors_and_its_report_shows_them(client: Client, answer: dict[str, Any]) -> None:
    found = asked(client, "risk", ROWS)
    assert found["connected_clients"]["hhi"] == answer["by"]["connected_clients"]["hhi"]
    assert found["hhi"] == pytest.approx(answer["by"]["obligor_id"]["hhi"], rel=1e-12)
    assert {part["name"] for part in found["contributions"] if part["by"] == "connected_clients"} == set(AMOUNTS)
    page = client.html(f"/runs/{found['run_id']}")
    assert "Herfindahl index, connected clients" in page
    assert "<h3>By connected clients</h3>" in page
