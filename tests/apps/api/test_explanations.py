"""What it would take, and why it changed, over HTTP: asked of a book that comes along and of one that was loaded, answered, traced, repeated."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apps.api.conftest import Client
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
    assert [run["run_id"] for run in client.json(f"/v1/{kind}-runs")[f"{kind.replace('-', '_')}_runs"]] == [inline.json()["run_id"]]
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


def test_why_a_loaded_book_changed(client: Client) -> None:
    for day, body in (("2026-03-31T00:00:00Z", BOOK), ("2026-06-30T00:00:00Z", BOOK.replace("0.02", "0.03"))):
        answer = client.put(f"/v1/portfolios/changing?valid_at={day}", content=body.encode(), headers={"Content-Type": "text/csv"})
        assert answer.status_code in {200, 201}, answer.text
    asked = {"from": "2026-03-31", "to": "2026-06-30", "models": [], "confidences": [0.9], "tags": ["sector"]}
    answer = client.post("/v1/portfolios/changing/attribution-runs", json=asked, headers=WAIT)
    assert answer.status_code == 200, answer.text
    [el] = [effect for effect in answer.json()["effects"] if effect["measure"] == "el" and effect["by"] is None]
    assert {step["step"] for step in el["steps"] if step["amount"]} == {"pd"}
    assert el["after"] == pytest.approx(1.5 * el["before"])
    assert client.json(answer.headers["content-location"]) == answer.json()
    client.problem("POST", "/v1/portfolios/changing/attribution-runs", 422, json={"from": "2026-03-31"})
    client.problem("POST", "/v1/portfolios/nosuch/attribution-runs", 404, json=asked)
