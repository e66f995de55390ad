"""Capital, provisions and stress over HTTP: the same paths for every kind, the same numbers as the library's, problems with their places."""

from __future__ import annotations

import asyncio
from typing import Any

import polars as pl
import pytest

from crfs.apps.api.pages.rendering import probability, written
from crfs.risk.arguments import LEAST_SCENARIOS, MOST_SCENARIOS
from crfs.workflows.macro_words import change, level, spread
from crfs.workflows.run_documents import list_runs
from crfs.workflows.session import Session
from tests.apps.api.conftest import Client
from tests.apps.api.test_risk_runs import finished

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,segment,sector,exposure_class,stage,maturity_years,effective_interest_rate\n"
BOOK = HEADER + "".join(
    f"F{i},O{i},{1000 + i},0.4,0.0{1 + i % 4},0.2,{'corporate_energy' if i % 2 else 'retail_pacific'},"
    f"{'corporate' if i % 2 else 'retail'},{'energy' if i % 2 else ''},{'corporate' if i % 2 else 'other_retail'},{1 + (i % 5 == 0)},3,0.05\n"
    for i in range(30)
)
BAD = BOOK + "F98,O98,100,0.4,1.5,0.2,retail_pacific,retail,,other_retail,1,3,0.05\n"
BAD += "F99,O99,-1,0.4,0.02,0.2,retail_pacific,retail,,other_retail,1,3,0.05\n"
QUESTIONS: dict[str, dict[str, Any]] = {
    "concentration": {"top": 3},
    "capital": {"output_floor": False},
    "ecl": {"policy": {"scenario": [{"name": "base", "weight": 0.6}, {"name": "bad", "weight": 0.4, "hazard_multiplier": 2.0}]}},
    "stress": {"shocks": [{"pd_probit": 0.4, "lgd_add": 0.05}], "confidences": [0.9], "max_scenarios": 2000},
    "sensitivity": {"bumps": {"pd_relative": 0.1}, "satellite": "none", "confidences": [0.9], "max_scenarios": 2000},
    "what-if": {"remove": ["F3", "F4"], "confidences": [0.9], "max_scenarios": 2000},
}
OVERLAY = {
    "name": "energy prices",
    "author": "credit risk",
    "approver": "CRO",
    "reason": "energy prices",
    "effective": "2026-01-01",
    "expires": "2026-12-31",
    "amount": 10.0,
}
FEW = {"confidences": [0.9], "max_scenarios": 2000}


@pytest.fixture(scope="module")
def answers(client: Client) -> dict[str, dict[str, Any]]:
    """A run of each kind, asked of a book in the body."""
    found = {}
    for kind, question in QUESTIONS.items():
        asked = {"book": {"csv": BOOK}, "models": [], "label": "whole", **question}
        answer = client.post(f"/v1/{kind}-runs", json=asked, headers={"Prefer": "wait=30"})
        assert answer.status_code == 200, answer.text
        found[kind] = answer.json()
        assert answer.headers["content-location"] == f"/v1/{kind}-runs/{found[kind]['run_id']}"
    return found


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_run_has_a_url_a_lineage_and_a_place_in_the_list(client: Client, answers: dict[str, dict[str, Any]], kind: str) -> None:
    run_id = answers[kind]["run_id"]
    one = client.get(f"/v1/{kind}-runs/{run_id}")
    assert one.json() == answers[kind]
    assert "immutable" in one.headers["cache-control"]
    assert client.json(f"/v1/{kind}-runs/{run_id}/lineage")["sound"]
    assert run_id in [run["run_id"] for run in client.json(f"/v1/{kind}-runs?label=whole")[f"{kind}_runs".replace("-", "_")]]
    other = next(name for name in QUESTIONS if name != kind)
    client.problem("GET", f"/v1/{other}-runs/{run_id}", 404)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_loaded_book_is_asked_by_its_name_as_a_job(client: Client, answers: dict[str, dict[str, Any]], kind: str) -> None:
    loaded = client.put(f"/v1/portfolios/whole-{kind}", content=BOOK.encode(), headers={"Content-Type": "text/csv"})
    assert loaded.status_code == 201, loaded.text
    answer = client.post(f"/v1/portfolios/whole-{kind}/{kind}-runs", json={"models": [], **QUESTIONS[kind]})
    assert answer.status_code == 202, answer.text
    job = finished(client, answer.headers["location"])
    assert job["state"] == "succeeded", job
    assert job["result"].startswith(f"/v1/{kind}-runs/{kind}-")
    # The same question of the same rows has the same result.
    assert client.json(job["result"])["result_sha256"] == answers[kind]["result_sha256"]
    client.problem("POST", f"/v1/portfolios/nobody/{kind}-runs", 404, json=QUESTIONS[kind])


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_bad_book_is_refused_whole_with_every_place_and_nothing_is_kept(client: Client, session: Session, kind: str) -> None:
    before = len(list_runs(session, kind=kind, limit=1000)), session.pin().batch_id
    found = client.problem("POST", f"/v1/{kind}-runs", 422, json={"book": {"csv": BAD}, "models": [], **QUESTIONS[kind]})
    assert {"/rows/30/pd_12m", "/rows/31/ead"} == {error["pointer"] for error in found["errors"]}
    assert (len(list_runs(session, kind=kind, limit=1000)), session.pin().batch_id) == before


SHIFTED = '[[scenario]]\nname = "mine/a"\nbase = "us/hold"\n[[scenario.step]]\ndo = "shift"\n'
MOVED = SHIFTED + 'by = {{ "us.unemployment_rate_quarterly" = {} }}\n'
WRONG_SCENARIOS: list[tuple[str, dict[str, Any]]] = [
    ("[[scenario", {}),
    ("colour = 1\n", {}),
    ('[[scenario]]\nname = "mine/a"\n', {}),
    ('[[scenario]]\nname = "mine/a"\nhold = { periods = 0, variables = ["us.unemployment_rate_quarterly"] }\n', {}),
    ('[[scenario]]\nname = "mine/a"\nstart = 2009-10-01\npath = [{ variable = "us.x", unit = "decimal", values = [] }]\n', {}),
    (f'{SHIFTED}by = {{ "us.moon" = 0.1 }}\n', {}),
    (MOVED.format("[0.1, 0.2]"), {}),
    (MOVED.format("10.0"), {}),
    (MOVED.format("1e300"), {"losses": False}),
    (MOVED.format("0.85"), {"losses": False}),
]


@pytest.mark.parametrize("toml", [toml for toml, _ in WRONG_SCENARIOS][:-1])
def test_what_is_wrong_in_a_scenario_file_is_pointed_at_where_it_is_defined(client: Client, toml: str) -> None:
    found = client.problem("POST", "/v1/scenarios", 422, json={"toml": toml})
    assert [error["pointer"] for error in found["errors"]] == ["/body/toml"], found


@pytest.mark.parametrize(
    ("kind", "question", "pointer"),
    [
        ("concentration", {"top": -1}, "/body/top"),
        ("concentration", {"default_ccf": 1.5}, "/body/default_ccf"),
        ("concentration", {"confidences": [0.9]}, "/body/confidences"),
        ("capital", {"approach": "best"}, "/body/approach"),
        ("capital", {"exposure_classes": {"card": "credit"}}, "/body/exposure_classes"),
        ("capital", {"capital_ratio": 7}, "/body/capital_ratio"),
        ("ecl", {"standard": "gaap"}, "/body/standard"),
        ("ecl", {"policy": {"scenario": [{"name": "a", "weight": 0.5}]}}, "/body/policy/scenario"),
        ("ecl", {"policy": {"scenario": [{"name": "a", "weight": 0.5}, {"name": "b", "weight": -0.5}]}}, "/body/policy/scenario/1/weight"),
        ("ecl", {"policy": {"scenario": [{"name": "a", "weight": "all"}]}}, "/body/policy/scenario/0/weight"),
        (
            "ecl",
            {"policy": {"scenario": [{"name": "a", "weight": 1.0, "hazard_multiplier": {"*": "x"}}]}},
            "/body/policy/scenario/0/hazard_multiplier",
        ),
        ("ecl", {"policy": {"staging": {"relative_increase": -1.0}}}, "/body/policy/staging/relative_increase"),
        ("ecl", {"policy": {"colour": {}}}, "/body/policy"),
        ("ecl", {"policy": {"overlay": [{**OVERLAY, "where": {"segment": ["retail", 1]}}]}}, "/body/policy/overlay/0/where"),
        ("ecl", {"policy": {"overlay": [{**OVERLAY, "where": {"stage": ["1"]}}]}, "reporting_date": "2026-06-30"}, "/body/policy/overlay"),
        ("ecl", {"timing": "never"}, "/body/timing"),
        ("ecl", {"reporting_date": "1800-12-31"}, "/body/reporting_date"),
        *((kind, {**QUESTIONS[kind], "as_of": "2199-12-31"}, "/body/as_of") for kind in QUESTIONS),
        ("stress", {"scenario": None}, "/body/scenario"),
        ("stress", {"scenario": "us/hold", "shocks": [{"pd_probit": 0.1}]}, "/body/shocks"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "at": "soon"}, "/body/at"),
        ("stress", {"shocks": [{"pd_probit": 0.1}, {"segment": "card", "pd_probit": "0.1"}]}, "/body/shocks/1/pd_probit"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "capital": {"floor_on": "2026-06-30"}}, "/body/capital/floor_on"),
        ("capital", {"floor_on": "2026-06-30"}, "/body/floor_on"),
        ("ecl", {"discounted": True}, "/body/discounted"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "conditional": True}, "/body/conditional"),
        ("stress", {"scenario": "us/hold", "conditional": True, "copula": "t:6", "as_of": "2009-11-30T00:00:00Z"}, "/body/factor_model"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "migration": "grades"}, "/columns/rating"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "migration": {"ratings": ["A", "D"], "rows": [[0.9, 0.2]]}}, "/body/migration"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "ecl": {"timing": "never"}}, "/body/ecl/timing"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "ecl": {"scenarios": [{"name": "a", "weight": 0.5}]}}, "/body/ecl/scenarios"),
        ("stress", {"shocks": [{"pd_probit": 0.1}], "capital": {"capital_ratio": 7}}, "/body/capital/capital_ratio"),
        *(
            ("stress", {"shocks": None, "scenario_toml": toml, "as_of": "2009-11-30T00:00:00Z", **more}, "/body/scenario_toml")
            for toml, more in WRONG_SCENARIOS
        ),
        ("sensitivity", {"bumps": {"pd_relative": -2.0}}, "/body/bumps/pd_relative"),
        ("sensitivity", {"bumps": {"us.moon": 1.0}, "satellite": "none"}, "/body/bumps/us.moon"),
        ("sensitivity", {"bumps": {"us.moon": 1.0}, "as_of": "2009-11-30T00:00:00Z"}, "/body/bumps/us.moon"),
        (
            "sensitivity",
            {"bumps": {"us.unemployment_rate_quarterly": 10.0}, "as_of": "2009-11-30T00:00:00Z"},
            "/body/bumps/us.unemployment_rate_quarterly",
        ),
        ("stress", {"shocks": [{"pd_probit": 0.1}, {"segment": "retail", "r2_scale": -1.0}]}, "/body/shocks/1/r2_scale"),
        ("stress", {"shocks": [{"pd_probbit": 0.1}]}, "/body/shocks"),
        ("sensitivity", {"bumps": {"lgd_add": 2.0}}, "/body/bumps/lgd_add"),
        *((kind, {**QUESTIONS[kind], "label": "a\0b"}, "/body/label") for kind in QUESTIONS),
    ],
)
def test_a_wrong_question_is_pointed_at(client: Client, kind: str, question: dict[str, Any], pointer: str) -> None:
    found = client.problem("POST", f"/v1/{kind}-runs", 422, json={"book": {"csv": BOOK}, "models": [], **question})
    assert pointer in [error["pointer"] for error in found["errors"]], found


def test_what_is_wrong_with_the_book_as_a_whole_is_pointed_at_where_the_book_is(client: Client) -> None:
    plain = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,100,0.4,0.02,0.2,retail_pacific\n"
    by_segment = {"book": {"csv": plain}, "models": [], "shocks": [{"segment": "retail", "pd_probit": 0.1}]}
    found = client.problem("POST", "/v1/stress-runs", 422, json=by_segment)
    assert [error["pointer"] for error in found["errors"]] == ["/body/shocks"], found
    lossless = {"models": [], "loss": 10.0, "satellite": "none"}
    book = plain.replace("0.02", "0")
    found = client.problem("POST", "/v1/reverse-stress-runs", 422, json={"book": {"csv": book}, **lossless})
    assert [error["pointer"] for error in found["errors"]] == ["/body/book"], found
    assert client.put("/v1/portfolios/lossless", content=book, headers={"Content-Type": "text/csv"}).status_code == 201
    found = client.problem("POST", "/v1/portfolios/lossless/reverse-stress-runs", 422, json=lossless)
    assert [error["pointer"] for error in found["errors"]] == ["/path/name"], found


@pytest.mark.parametrize(
    ("place", "question", "pointer"),
    [
        ("stress-runs", {"scenario": "us/nowhere"}, "/body/scenario"),
        ("stress-runs", {"scenario": "us/hold", "base": "us/nowhere"}, "/body/base"),
        ("stress-runs", {"scenario": "mine/b", "scenario_toml": '[[scenario]]\nname = "mine/a"\nbase = "us/hold"\n'}, "/body/scenario"),
        ("ecl-runs", {"scenarios": {"us/hold": 0.5, "us/nowhere": 0.5}}, "/body/scenarios"),
        ("stress-runs", {"shocks": [{"pd_probit": 0.1}], "factor_model": "nowhere"}, "/body/factor_model"),
        ("reverse-stress-runs", {"loss": 1e6, "satellite": "nowhere"}, "/body/satellite"),
        ("risk-runs", {"models": ["pd"], "factor_model": "nowhere"}, "/body/factor_model"),
        *((f"portfolios/nobody/{kind}-runs", QUESTIONS[kind], "/path/name") for kind in QUESTIONS),
        ("portfolios/nobody/attribution-runs", {"from": "2026-03-31", "to": "2026-06-30"}, "/path/name"),
    ],
)
def test_a_name_that_is_not_there_is_pointed_at(client: Client, place: str, question: dict[str, Any], pointer: str) -> None:
    book = {} if place.startswith("portfolios") else {"book": {"csv": BOOK}}
    found = client.problem("POST", f"/v1/{place}", 404, json={**book, "models": [], **question})
    assert [error["pointer"] for error in found["errors"]] == [pointer], found
    assert found["errors"][0]["detail"] == found["detail"]


@pytest.mark.parametrize("wrong", [LEAST_SCENARIOS - 1, MOST_SCENARIOS + 1])
@pytest.mark.parametrize("kind", [kind for kind, question in QUESTIONS.items() if "max_scenarios" in question])
def test_the_least_and_the_most_scenarios_are_those_of_the_library(client: Client, kind: str, wrong: int) -> None:
    asked = {"book": {"csv": BOOK}, "models": [], **QUESTIONS[kind], "max_scenarios": wrong}
    found = client.problem("POST", f"/v1/{kind}-runs", 422, json=asked)
    assert [error["pointer"] for error in found["errors"]] == ["/body/max_scenarios"]
    assert f"{LEAST_SCENARIOS:,}" in found["detail"] or f"{MOST_SCENARIOS:,}" in found["detail"]


def test_a_body_is_read_beside_the_loop_which_serves_others_meanwhile(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from crfs.apps.api import book_runs
    from crfs.workflows import book_rows

    on_the_loop: list[tuple[str, bool]] = []

    def watched(place: Any, name: str) -> None:
        usual = getattr(place, name)

        def call(*given: Any, **more: Any) -> Any:
            on_the_loop.append((name, asyncio._get_running_loop() is not None))
            return usual(*given, **more)

        monkeypatch.setattr(place, name, call)

    watched(book_runs, "read_json")
    watched(book_rows, "rows_as_csv")
    rows = pl.read_csv(BOOK.encode()).to_dicts()
    asked = client.post("/v1/concentration-runs", json={"book": {"rows": rows}, "models": []}, headers={"Prefer": "wait=30"})
    assert asked.status_code == 200, asked.text
    client.problem("POST", f"/v1/concentration-runs/{asked.json()['run_id']}/replays", 422, json={"rows": []})
    client.problem("POST", "/v1/portfolios/nobody/concentration-runs", 404, json={"top": 3})
    client.problem("POST", "/v1/concentration-runs", 422, files={"book": ("book.csv", BAD.encode())}, data={"question": "{}"})
    assert on_the_loop == [("read_json", False), ("rows_as_csv", False), *[("read_json", False)] * 3]


def test_every_operations_example_is_accepted(client: Client) -> None:
    described = client.json("/openapi.json")
    for kind in QUESTIONS:
        operation = described["paths"][f"/v1/{kind}-runs"]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer = client.post(f"/v1/{kind}-runs", json={**example, "models": []}, headers={"Prefer": "wait=30"})
        assert answer.status_code == 200, (kind, answer.text)
    toml = described["components"]["schemas"]["Definition"]["example"]
    assert client.post("/v1/scenarios", json=toml).status_code == 201


def test_scenarios_are_defined_listed_and_stress_a_book(client: Client) -> None:
    text = '[[scenario]]\nname = "api/slump"\nbase = "us/hold"\n[[scenario.step]]\ndo = "shift"\nby = { "us.unemployment_rate_quarterly" = 0.02 }\n'
    made = client.post("/v1/scenarios", json={"toml": text})
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/v1/scenarios/api/slump"
    assert client.json("/v1/scenarios/api/slump")["digest"] == made.json()["scenarios"][0]["digest"]
    assert {"api/slump", "us/recession"} <= {item["scenario"] for item in client.json("/v1/scenarios")["scenarios"]}
    client.problem("GET", "/v1/scenarios/nobody/knows", 404)
    assert client.problem("POST", "/v1/scenarios", 422, json={"toml": "no = 'scenario'"})["detail"]
    asked = {"book": {"csv": BOOK}, "models": [], "losses": False, "as_of": "2009-11-30T00:00:00Z"}
    by_name = client.post(
        "/v1/stress-runs", json={**asked, "scenario": "api/slump", "conditional": True, **FEW}, headers={"Prefer": "wait=30"}
    )
    by_text = client.post("/v1/stress-runs", json={**asked, "scenario_toml": text}, headers={"Prefer": "wait=30"})
    assert (by_name.status_code, by_text.status_code) == (200, 200), by_name.text + by_text.text
    assert by_name.json()["el_stressed"] == by_text.json()["el_stressed"]
    assert by_name.json()["base_scenario"]["name"] == "us/hold"
    assert "conditional" not in by_text.json()
    page = client.html(f"/runs/{by_name.json()['run_id']}")
    assert "Losses given the scenario&#39;s factors" in page
    assert repr(by_name.json()["conditional"]["measures"][0]["var"]["stressed"]) in page


def test_capital_before_and_after_the_output_floor_is_named_so_and_has_its_own_risk_weighted_assets(client: Client) -> None:
    header = HEADER.replace(",stage,maturity_years,effective_interest_rate", "")
    book = header + "".join(f"F{k},O{k},100000,0.05,0.001,0.2,retail_pacific,retail,,corporate\n" for k in range(2))
    asked = {"book": {"csv": book}, "models": [], **FEW}
    bump, shock = {"bumps": {"pd_relative": 0.1}, "satellite": "none"}, {"shocks": [{"pd_probit": 0.1}], "losses": False}
    for kind, more, moved in (("sensitivity", bump, "bumped"), ("stress", shock, "stressed")):
        runs = [
            client.post(f"/v1/{kind}-runs", json={**asked, **more, "capital": capital}, headers={"Prefer": "wait=30"}).json()
            for capital in ({"output_floor": True}, {})
        ]
        parts = [run["bumps"][0]["capital"] if kind == "sensitivity" else run["capital"] for run in runs]
        assert set(parts[1]) == set(parts[0]) - {"rwa_after_floor", "capital_before_floor"}
        for side in ("base", moved):
            before, after = (round(0.08 * parts[0][name][side], 2) for name in ("rwa", "rwa_after_floor"))
            assert (parts[0]["capital_before_floor"][side], parts[0]["capital"][side]) == (before, after)
            assert after > before == parts[1]["capital"][side]
        pages = [client.html(f"/runs/{run['run_id']}") for run in runs]
        assert "Regulatory capital before the output floor" in pages[0]
        assert "Regulatory capital after the output floor" in pages[0]
        assert "after the output floor" not in pages[1]


def test_reverse_stress_in_macro_terms_is_answered_and_shown(client: Client) -> None:
    asked = {"book": {"csv": BOOK}, "models": [], "loss": 9000, "modes": 1, "as_of": "2009-11-30T00:00:00Z"}
    answer = client.post("/v1/reverse-stress-runs", json={**asked, "satellite": "us_credit"}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    [state] = answer.json()["scenarios"]
    assert state["loss"] == pytest.approx(9000.0, rel=1e-9)
    assert 0.0 < state["half_space_probability"] < 1e-5, "so small that three decimals would show nothing of it"
    page = client.html(f"/runs/{answer.json()['run_id']}")
    assert "In macro terms" in page
    for move in state["macro"]:
        # As the command line has it: the variable's own name, and a rate's change in points.
        row = cells(page, f"1. {move['mnemonic']}")
        for name, text in (
            ("value", change(move)),
            ("sd", spread(move)),
            ("level", level(move)),
            ("last_known", level(move, "last_known")),
        ):
            assert written(move[name], text) in row
    assert any("points" in change(move) for move in state["macro"])
    tile = page.split("As far that way, or farther", maxsplit=1)[1].split("</div>", maxsplit=1)[0]
    assert probability(state["half_space_probability"]) in tile
    assert page.count(probability(state["half_space_probability"])) >= 2, "the tile and the table have the same digits"
    without = client.post("/v1/reverse-stress-runs", json={**asked, "satellite": "none"}, headers={"Prefer": "wait=30"}).json()
    assert [state["macro"] for state in without["scenarios"]] == [[]]
    wrong: dict[str, Any] = {"rates": {}, "regression": {}, "term": []}
    found = client.problem("POST", "/v1/reverse-stress-runs", 422, json={**asked, "satellite": wrong})
    assert "/body/satellite" in [error["pointer"] for error in found["errors"]]
    client.problem("POST", "/v1/reverse-stress-runs", 404, json={**asked, "satellite": "nowhere"})


def test_ratings_migrate_under_stress_and_their_page_shows_it(client: Client) -> None:
    header, *rows = BOOK.splitlines()
    rated = "\n".join([f"{header},rating", *(f"{row},{'A' if k % 4 < 2 else 'B'}" for k, row in enumerate(rows))]) + "\n"
    matrix = {"ratings": ["A", "B", "D"], "rows": [[0.95, 0.04, 0.01], [0.1, 0.8, 0.1]]}
    asked = {"book": {"csv": rated}, "models": [], "losses": False, "shocks": [{"pd_probit": 0.5}], "migration": matrix}
    answer = client.post("/v1/stress-runs", json=asked, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    found = answer.json()["migration"]
    assert found["defaulted"]["change"] > 0.0
    page = client.html(f"/runs/{answer.json()['run_id']}")
    assert "Rating migration: exposure by grade" in page
    assert repr(found["exposure"][-1]["stressed"]) in page


def test_pages_show_each_kind_with_its_figures_and_plots(client: Client, answers: dict[str, dict[str, Any]]) -> None:
    for answer in answers.values():
        page = client.html(f"/runs/{answer['run_id']}")
        assert f"crfs replay {answer['run_id']}" in page
        assert "<svg" in page
    stress = client.html(f"/runs/{answers['stress']['run_id']}")
    assert repr(answers["stress"]["el_stressed"]) in stress
    assert "From base to stressed expected loss" in stress


def test_facilities_without_a_label_are_shown_as_blank_and_the_parts_sum_to_the_whole(client: Client) -> None:
    # A third of the book is in a sector that is named "none", half of it in no sector at all.
    book = "".join(line.replace(",energy,", ",none,") if k % 3 == 0 else line for k, line in enumerate(BOOK.splitlines(keepends=True)))
    asked = {"book": {"csv": book}, "models": [], **FEW}
    risk = client.post("/v1/risk-runs", json=asked, headers={"Prefer": "wait=30"}).json()
    page = client.html(f"/runs/{risk['run_id']}")
    parts = {part["name"]: part for part in risk["contributions"] if part["by"] == "sector"}
    assert set(parts) == {"energy", "none", None}
    assert sum(part["es"][-1]["es"] for part in parts.values()) == pytest.approx(risk["measures"][-1]["es"])
    for name, row in (("energy", "energy"), ("none", "none"), (None, "(blank)")):
        assert repr(parts[name]["es"][-1]["es"]) in cells(page, row)
    tail = page.split("Where the tail comes from", maxsplit=1)[1].split("</figure>", maxsplit=1)[0]
    assert "(blank)" in tail
    for kind, question in QUESTIONS.items():
        if kind in {"concentration", "capital", "ecl", "stress"}:
            answer = client.post(f"/v1/{kind}-runs", json={"book": {"csv": book}, "models": [], **question}, headers={"Prefer": "wait=30"})
            shown = client.html(f"/runs/{answer.json()['run_id']}")
            assert cells(shown, "(blank)") != cells(shown, "none"), kind


OVERLAYS = [
    {
        "name": "energy <prices>",
        "amount": 12.34,
        "where": {"sector": ["energy"]},
        "author": "credit risk",
        "approver": "the CRO",
        "reason": "prices are falling",
        "effective": "2009-01-01",
        "expires": "2009-12-31",
    },
    {
        "name": "floods",
        "factor": 1.1,
        "author": "credit risk",
        "approver": "the CFO",
        "reason": "the river",
        "effective": "2008-01-01",
        "expires": "2008-06-30",
    },
]


def cells(page: str, row: str) -> str:
    """What stands in the row of a page's table that begins with a name."""
    return page.split(f'<th scope="row">{row}</th>', maxsplit=1)[1].split("</tr>", maxsplit=1)[0]


def test_the_page_of_provisions_has_scenarios_overlays_and_cents(client: Client) -> None:
    asked = {"book": {"csv": BOOK}, "models": [], "policy": {**QUESTIONS["ecl"]["policy"], "overlay": OVERLAYS}}
    answer = client.post(
        "/v1/ecl-runs", json={**asked, "as_of": "2009-12-31", "reporting_date": "2009-11-30"}, headers={"Prefer": "wait=30"}
    ).json()
    page = client.html(f"/runs/{answer['run_id']}")
    assert f"{answer['allowance']:,.2f}" in page
    for scenario in answer["scenarios"]:
        told = cells(page, scenario["name"])
        assert f"{100 * scenario['weight']:.2f}" in told
        assert f"{scenario['ecl']:,.2f}" in told
    applied, expired = cells(page, "energy &lt;prices&gt;"), cells(page, "floods")
    for words in (">12.34<", "the CRO", "prices are falling", "2009-12-31", "applied until 2009-12-31"):
        assert words in applied
    for words in (">0.00<", "the CFO", "the river", "2008-06-30", "expired on 2008-06-30: not applied"):
        assert words in expired


def test_the_page_of_provisions_under_macro_scenarios_says_which_and_what_default_rates_went_by(client: Client) -> None:
    asked = {"book": {"csv": BOOK}, "models": [], "as_of": "2009-11-30T00:00:00Z"}
    weighed = {"us/hold": 0.75, "us/recession": 0.25}
    asked_of = client.post("/v1/ecl-runs", json={**asked, "scenarios": weighed}, headers={"Prefer": "wait=30"})
    assert asked_of.status_code == 200, asked_of.text
    answer = asked_of.json()
    page = client.html(f"/runs/{answer['run_id']}")
    for scenario in answer["scenarios"]:
        assert f"{scenario['ecl']:,.2f}" in cells(page, scenario["name"])
    assert "What default rates were explained by" in page
    assert "us.unemployment_rate_quarterly" in page


def test_the_report_shows_what_was_measured_under_its_label_beside_it(client: Client, answers: dict[str, dict[str, Any]]) -> None:
    question = {"book": {"csv": BOOK}, "models": [], "label": "whole", "max_scenarios": 2000, "confidences": [0.9]}
    for kind, asked in QUESTIONS.items():  # at one state of the store, which other tests have moved
        client.post(
            f"/v1/{kind}-runs",
            json={"book": {"csv": BOOK}, "models": [], "label": "whole", **asked},
            headers={"Prefer": "wait=30"},
        )
    risk = client.post("/v1/risk-runs", json=question, headers={"Prefer": "wait=30"}).json()
    page = client.html(f"/runs/{risk['run_id']}")
    for title in ("Stress test", "Expected credit losses", "Regulatory capital", "Where the tail comes from"):
        assert title in page
    assert repr(answers["ecl"]["allowance"]) in page


@pytest.mark.parametrize("kind", ["concentration", "capital", "what-if"])
def test_a_name_means_its_book_in_force_at_the_time_that_is_asked_about(client: Client, kind: str) -> None:
    for day, body in (("2026-06-30", BOOK), ("2026-03-31", "".join(BOOK.splitlines(keepends=True)[:-1]))):
        loaded = client.put(f"/v1/portfolios/by-{kind}?valid_at={day}", content=body.encode(), headers={"Content-Type": "text/csv"})
        assert loaded.status_code == 201, loaded.text
    place = f"/v1/portfolios/by-{kind}/{kind}-runs"
    counts = {}
    for at in ("2026-03-31", "2026-06-29T12:00:00Z", "2026-07-01T00:00:00Z", None):
        answer = client.post(place, json={"models": [], "as_of": at, **QUESTIONS[kind]}, headers={"Prefer": "wait=30"})
        assert answer.status_code == 200, answer.text
        document = answer.json()
        counts[at] = document["totals"]["facilities"] if kind == "capital" else document["n_facilities"]
    assert list(counts.values()) == [29, 29, 30, 30]
    early = client.problem("POST", place, 404, json={"models": [], "as_of": "2026-03-30", **QUESTIONS[kind]})
    assert "no book was in force" in early["detail"]


def test_a_book_without_blank_cells_has_one_answer_whatever_models_there_are(client: Client) -> None:
    found = []
    choices: tuple[dict[str, Any], ...] = ({}, {}, {"models": []})
    for more in choices:
        asked = {"book": {"csv": BOOK}, "output_floor": False, **more}
        answer = client.post("/v1/capital-runs", json=asked, headers={"Prefer": "wait=30"})
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["result_sha256"])
    assert len(set(found)) == 1
    policy = {
        "overlay": [
            {"name": "o", "factor": 1.1, "author": "A", "approver": "B", "reason": "r", "effective": "2020-01-01", "expires": "2090-01-01"}
        ]
    }
    dated = client.post("/v1/ecl-runs", json={"book": {"csv": BOOK}, "policy": policy}, headers={"Prefer": "wait=30"})
    assert dated.status_code == 200, dated.text
