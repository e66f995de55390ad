"""What it would take, and why it changed, over HTTP: asked of a book that comes along and of one that was loaded, answered, traced, repeated."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.apps.api.conftest import Client
from tests.apps.api.test_pages import Page
from tests.apps.api.test_risk_runs import finished

BOOK = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector,exposure_class,maturity_years,effective_interest_rate,stage\n" + "".join(
    f"F{n},O{n},{1000 + n},0.4,0.02,0.2,retail_pacific,s{n % 2},corporate,2.5,0.05,1\n" for n in range(8)
)
ASKED: dict[str, dict[str, Any]] = {"reverse-stress": {"loss": 500.0}}
TELLS: dict[str, tuple[Any, ...]] = {"reverse-stress": ("scenarios", 0, "distance")}
WAIT = {"Prefer": "wait=30"}


def told(document: Any, path: tuple[Any, ...]) -> float:
    for part in path:
        document = document[part]
    return float(document)


@pytest.mark.parametrize("kind", list(ASKED))
def test_a_kind_of_run_is_asked_answered_traced_and_repeated(client: Client, kind: str) -> None:
    inline = client.post(f"/v1/{kind}-runs", json={"book": {"csv": BOOK}, "models": [], **ASKED[kind]}, headers=WAIT)
    assert inline.status_code == 200, inline.text
    place = inline.headers["content-location"]
    assert told(inline.json(), TELLS[kind]) > 0.0
    assert client.json(place) == inline.json()
    assert client.json(f"{place}/lineage")["sound"]
    assert inline.json()["run_id"] in [run["run_id"] for run in client.json(f"/v1/{kind}-runs")[f"{kind.replace('-', '_')}_runs"]]
    loaded = client.put("/v1/portfolios/every-kind", content=BOOK.encode(), headers={"Content-Type": "text/csv"})
    assert loaded.status_code in {200, 201}
    named = client.post(f"/v1/portfolios/every-kind/{kind}-runs", json={"models": [], **ASKED[kind]}, headers=WAIT)
    assert told(named.json(), TELLS[kind]) == told(inline.json(), TELLS[kind])
    job = finished(client, client.post(f"{place}/replays").headers["location"])
    assert job["outcome"]["verdict"] == "MATCH", job


@pytest.mark.parametrize("kind", list(ASKED))
def test_a_wrong_cell_and_a_wrong_word_are_refused_with_their_place(client: Client, kind: str) -> None:
    bad = {"book": {"csv": BOOK.replace("0.02", "1.5", 1)}, "models": [], **ASKED[kind]}
    found = client.problem("POST", f"/v1/{kind}-runs", 422, json=bad)
    assert [(error["pointer"], error["code"]) for error in found["errors"]] == [("/rows/0/pd_12m", "out_of_range")]
    wrong = client.problem("POST", f"/v1/{kind}-runs", 422, json={"book": {"csv": BOOK}, "models": [], **ASKED[kind], "colour": 1})
    assert [error["pointer"] for error in wrong["errors"]] == ["/body/colour"]


@pytest.fixture(scope="module")
def changing(client: Client) -> str:
    """A book whose names defaulted more easily three months later, under its name."""
    for day, body in (("2026-03-31T00:00:00Z", BOOK), ("2026-06-30T00:00:00Z", BOOK.replace("0.02", "0.03"))):
        answer = client.put(f"/v1/portfolios/changing?valid_at={day}", content=body.encode(), headers={"Content-Type": "text/csv"})
        assert answer.status_code in {200, 201}, answer.text
    return "changing"


def test_why_a_loaded_book_changed(client: Client, changing: str) -> None:
    asked = {"from": "2026-03-31", "to": "2026-06-30", "models": [], "confidences": [0.9], "tags": ["sector"]}
    answer = client.post(f"/v1/portfolios/{changing}/attribution-runs", json=asked, headers=WAIT)
    assert answer.status_code == 200, answer.text
    [el] = [effect for effect in answer.json()["effects"] if effect["measure"] == "el" and effect["by"] is None]
    assert {step["step"] for step in el["steps"] if step["amount"]} == {"pd"}
    assert el["after"] == pytest.approx(1.5 * el["before"])
    assert client.json(answer.headers["content-location"]) == answer.json()
    client.problem("POST", f"/v1/portfolios/{changing}/attribution-runs", 422, json={"from": "2026-03-31"})
    client.problem("POST", "/v1/portfolios/nosuch/attribution-runs", 404, json=asked)


def test_the_page_of_a_reverse_stress_has_its_states_who_moves_and_who_loses(client: Client) -> None:
    rows = BOOK + "G1,P1,20000,0.4,0.02,0.2,corporate_energy,s1,corporate,2.5,0.05,1\n"
    answer = client.post("/v1/reverse-stress-runs", json={"book": {"csv": rows}, "models": [], "loss": 2500.0}, headers=WAIT).json()
    text = client.html(f"/runs/{answer['run_id']}")
    wanted = [answer["loss"], answer["el"], answer["middle"]]
    for state in answer["scenarios"]:
        wanted += [state[name] for name in ("loss", "distance", "half_space_probability", "second_order_probability")]
        wanted += state["groups"].values()
        assert state["words"].replace("-", "−") in text
    wanted += [part[name] for part in answer["scenarios"][0]["cuts"] for name in ("ead", "el", "loss")]
    assert {repr(value) for value in wanted} <= Page(text).numbers
    assert ">Loss by group in the likeliest state</title>" in text
    assert ">Where the likeliest state has the groups</title>" in text
    assert f"crfs replay {answer['run_id']}" in text


def test_the_page_of_an_attribution_goes_from_before_to_after(client: Client, changing: str) -> None:
    asked = {"from": "2026-03-31", "to": "2026-06-30", "models": [], "confidences": [0.9, 0.99], "tags": ["sector"]}
    answer = client.post(f"/v1/portfolios/{changing}/attribution-runs", json=asked, headers=WAIT).json()
    text = client.html(f"/runs/{answer['run_id']}")
    whole = [effect for effect in answer["effects"] if effect["by"] is None]
    wanted = [effect[name] for effect in whole for name in ("before", "after")]
    wanted += [step["amount"] for effect in whole for step in effect["steps"] if step["amount"]]
    wanted += [
        effect[n] for effect in answer["effects"] if effect["measure"] == "el" and effect["by"] == "sector" for n in ("before", "change")
    ]
    assert {repr(value) for value in wanted} <= Page(text).numbers
    assert "default probabilities (PD)" in text
    assert "new facilities" not in text, "a step of nothing is left out"
    titles = [f">{name} from the earlier date to the later</title>" in text for name in ("EL", "VaR 99 %", "VaR 90 %")]
    assert titles == [True, True, False]


def test_both_stand_beside_the_risk_of_the_same_book(client: Client, changing: str) -> None:
    later, label = "2026-07-01T00:00:00Z", "explained"
    drawn: dict[str, Any] = {"models": [], "label": label, "confidences": [0.9]}
    asked: dict[str, dict[str, Any]] = {
        "reverse-stress": {"models": [], "label": label, "as_of": later, "loss": 500.0},
        "attribution": {**drawn, "from": "2026-03-31", "to": later},
        "risk": {**drawn, "as_of": later},
    }
    answers = {
        kind: client.post(f"/v1/portfolios/{changing}/{kind}-runs", json=question, headers=WAIT).json() for kind, question in asked.items()
    }
    text = client.html(f"/runs/{answers['risk']['run_id']}")
    for kind, title in (("reverse-stress", "Reverse stress"), ("attribution", "Why the risk changed")):
        assert f"<h2>{title}</h2>" in text
        assert f"crfs replay {answers[kind]['run_id']}" in text
    ids = [name for words in re.findall(r'aria-labelledby="([^"]+)"', text) for name in words.split()]
    assert len(ids) == len(set(ids)), "every plot of the page has names of its own"
    other = client.post(f"/v1/portfolios/{changing}/risk-runs", json={**asked["risk"], "label": "alone"}, headers=WAIT).json()
    assert "Reverse stress" not in client.html(f"/runs/{other['run_id']}")
