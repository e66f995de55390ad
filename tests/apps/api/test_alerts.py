"""Alerts and evaluations of rules over HTTP: done as jobs, listed a page at a time, acted on, refused with their place."""

from __future__ import annotations

from typing import Any

import pytest

from crfs.apps.api import create_app
from crfs.workflows.rule_jobs import submit_evaluation
from crfs.workflows.session import Session, open_session
from tests.apps.api.conftest import Client, serving

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector\n"
BOOK = HEADER + "".join(f"F{i},O{i},{80 + i},0.4,0.02,0.2,all,energy\n" for i in range(25))
LIMITS = "portfolio,scope,entity,limit\nalerted,obligor,*,100\nalerted,sector,energy,1500\n"
NOW = {"Prefer": "wait=30"}


@pytest.fixture(scope="module")
def watched(client: Client) -> Client:
    loaded = client.put("/v1/portfolios/alerted", content=BOOK, headers={"Content-Type": "text/csv"})
    assert loaded.status_code == 201, loaded.text
    return client


def test_an_evaluation_is_a_job_and_its_alerts_are_listed_and_acted_on(watched: Client) -> None:
    queued = watched.post("/v1/alert-evaluations", json={"limits": LIMITS, "dry_run": True})
    assert queued.status_code == 202
    assert watched.json(queued.headers["location"])["kind"] == "alert-evaluation"
    done = watched.post("/v1/alert-evaluations", json={"limits": LIMITS}, headers=NOW)
    assert done.status_code == 200, done.text
    document = done.json()
    assert (document["dry_run"], document["kept"], document["closed"]) == (False, 0, 0)
    assert document["opened"] == len(document["changes"]) + document["changes_left_out"]
    own = [change for change in document["changes"] if change["rule"] == "obligor.limit_use"]
    assert len(own) == 25  # all of them use 80 % and more
    assert any("obligor.covenant: it needs covenants" in note for note in document["notes"])

    again = watched.post("/v1/alert-evaluations", json={"limits": LIMITS}, headers=NOW).json()
    assert (again["opened"], again["kept"], again["changes"]) == (0, document["opened"], [])

    page = watched.get("/v1/alerts?rule=obligor.limit_use&limit=20")
    assert len(page.json()["alerts"]) == 20
    assert sum(count["alerts"] for count in page.json()["counts"]) == 25
    following = page.headers["link"].partition(">")[0].removeprefix("<")
    rest = watched.get(following)
    assert len(rest.json()["alerts"]) == 5
    assert "link" not in rest.headers
    numbers = [alert["alert_id"] for alert in (*page.json()["alerts"], *rest.json()["alerts"])]
    assert sorted(numbers) == sorted(change["alert_id"] for change in own)
    critical = watched.json("/v1/alerts?rule=obligor.limit_use&severity=critical")["alerts"]
    assert {alert["subject"] for alert in critical} == {f"obligor/alerted/O{i}" for i in range(20, 25)}

    first, second, third = numbers[:3]
    assert watched.post(f"/v1/alerts/{first}/ack", json={"note": "I ask them"}).json()["state"] == "acknowledged"
    assert watched.post(f"/v1/alerts/{second}/silence", json={"until": "2099-01-01"}).json()["state"] == "silenced"
    assert watched.post(f"/v1/alerts/{third}/close", json={}).json()["state"] == "closed"
    reopened = watched.post("/v1/alert-evaluations", json={"limits": LIMITS}, headers=NOW).json()
    assert [change["way"] for change in reopened["changes"]] == ["opened"]  # the one that was closed, whose condition is still there
    assert watched.json(f"/v1/alerts/{first}")["events"][-1]["note"] == "I ask them"
    assert [watched.json(f"/v1/alerts/{number}")["state"] for number in (first, second, third)] == ["acknowledged", "silenced", "closed"]

    high = watched.post("/v1/alert-evaluations", json={"limits": LIMITS.replace("*,100", "*,1000")}, headers=NOW).json()
    assert (high["closed"], {change["way"] for change in high["changes"]}) == (25, {"closed"})
    assert len(watched.json("/v1/alerts?rule=obligor.limit_use")["alerts"]) == 0
    assert len(watched.json("/v1/alerts?rule=obligor.limit_use&closed=true")["alerts"]) == 26


def test_what_is_wrong_is_pointed_at_and_nothing_is_queued(watched: Client) -> None:
    for member, text in (("rules", "[[rule]]\n"), ("limits", "a,b\n"), ("rating_scale", "x = 1"), ("as_of", "soon")):
        found = watched.problem("POST", "/v1/alert-evaluations", 422, json={member: text})
        assert [error["pointer"] for error in found["errors"]] == [f"/body/{member}"], found
    watched.problem("POST", "/v1/alert-evaluations", 422, json={"rule": "x"})
    untrue: list[Any] = ["yes", "true", 1, None]
    for wrong in untrue:
        found = watched.problem("POST", "/v1/alert-evaluations", 422, json={"dry_run": wrong})
        assert [error["pointer"] for error in found["errors"]] == ["/body/dry_run"]
    watched.problem("GET", "/v1/alerts?severity=bad", 422)
    watched.problem("GET", "/v1/alerts/123456789", 404)
    for act in ("ack", "close"):
        watched.problem("POST", f"/v1/alerts/123456789/{act}", 404, json={})
        watched.problem("POST", f"/v1/alerts/123456789/{act}", 404)  # a body may be left out
        noted = watched.problem("POST", f"/v1/alerts/123456789/{act}", 422, json={"note": "a\0b"})
        assert [error["pointer"] for error in noted["errors"]] == ["/body/note"]
    assert {rule["name"] for rule in watched.json("/v1/alert-rules")["rules"]} >= {"obligor.limit_use", "portfolio.ec_drift"}


def test_what_people_do_needs_no_body_and_a_silence_says_what_it_needs(watched: Client) -> None:
    again = watched.post("/v1/alert-evaluations", json={"limits": LIMITS}, headers=NOW).json()
    number = next(change["alert_id"] for change in again["changes"] if change["rule"] == "obligor.limit_use")
    assert watched.post(f"/v1/alerts/{number}/ack").json()["state"] == "acknowledged"
    bodies: list[dict[str, Any]] = [{}, {"json": {}}, {"json": {"note": "they know"}}, {"json": None}]
    for body in bodies:
        found = watched.problem("POST", f"/v1/alerts/{number}/silence", 422, **body)
        assert [error["pointer"] for error in found["errors"]] == ["/body/until"]
        assert "say until when it is silent: until = 2031-01-01" in found["detail"]
    assert watched.post(f"/v1/alerts/{number}/close").json()["state"] == "closed"
    assert watched.post("/v1/alert-evaluations").status_code == 202
    described = watched.json("/openapi.json")
    wanted = {act: described["paths"][f"/v1/alerts/{{alert_id}}/{act}"]["post"]["requestBody"] for act in ("ack", "silence", "close")}
    assert {act: body.get("required", False) for act, body in wanted.items()} == {"ack": False, "silence": True, "close": False}
    assert described["components"]["schemas"]["Silence"]["required"] == ["until"]


def test_an_evaluation_that_a_dead_service_left_is_done_by_the_next(watched: Client, session: Session) -> None:
    left = submit_evaluation(session, texts={"limits": LIMITS}, dry_run=True)
    assert watched.json(f"/v1/jobs/{left}")["state"] == "queued"
    with (
        open_session(session.database.url.render_as_string(hide_password=False)) as other,
        serving(create_app(other)),
    ):
        pass  # what it took up comes to its end before it closes
    assert watched.json(f"/v1/jobs/{left}")["state"] == "succeeded"
