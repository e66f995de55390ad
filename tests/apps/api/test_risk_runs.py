"""Risk runs over HTTP: jobs, waiting, bad books, replays, lineage, payloads."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from crfs.errors import InvalidInput
from crfs.workflows.overview import overview
from crfs.workflows.session import Session
from tests.apps.api.conftest import Client

HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\n"
GOOD = HEADER + "".join(f"F{i},O{i},{1000 + i},0.4,0.02,0.2,retail_pacific\n" for i in range(30))
ASKED = {"max_scenarios": 4000, "seed": 7, "models": [], "confidences": [0.9, 0.99]}
BAD = (
    HEADER
    + "F1,O1,100,0.4,1.5,0.2,retail_pacific\n"  # PD above 1
    + "F2,O2,100,NaN,0.02,0.2,retail_pacific\n"
    + "F3,O3,-5,0.4,0.02,0.2,retail_pacific\n"
    + "F4,O4,100,0.4,0.02,0.2,retail_pacific\n"
    + "F4,O5,100,0.4,0.02,0.2,retail_pacific\n"  # the same facility again
    + "F6,O6,100,0.4,0.02,0.2,retail_moon\n"
)


def finished(client: Client, place: str) -> dict[str, Any]:
    for _ in range(400):
        job: dict[str, Any] = client.json(place)
        if job["state"] not in {"queued", "running"}:
            return job
        time.sleep(0.05)
    raise AssertionError(f"the job did not end: {job}")


def held(session: Session) -> tuple[int, ...]:
    """How far the store is: its head, and how many risk runs, payloads and fetches it has."""
    from crfs.workflows.run_documents import list_runs

    with session.database.reading() as connection:
        counts = [connection.exec_driver_sql(f"SELECT count(*) FROM crfs.{table}").scalar_one() for table in ("payload", "fetch")]
    return session.pin().batch_id, len(list_runs(session, kind="risk", limit=1000)), *counts


@pytest.fixture(scope="module")
def measured(client: Client) -> dict[str, Any]:
    answer = client.post("/v1/risk-runs", json={"book": {"csv": GOOD}, **ASKED}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == "wait=30"
    found: dict[str, Any] = answer.json()
    assert answer.headers["content-location"] == f"/v1/risk-runs/{found['run_id']}"
    return found


def test_a_run_is_a_job_whose_result_has_a_url_of_its_own(client: Client, measured: dict[str, Any]) -> None:
    answer = client.post("/v1/risk-runs", json={"book": {"csv": GOOD}, **ASKED})
    assert answer.status_code == 202
    assert answer.headers["retry-after"] == "1"
    job = finished(client, answer.headers["location"])
    assert job["state"] == "succeeded", job
    result = client.get(job["result"])
    # The same question of the same book has the same numbers.
    assert result.json()["result_sha256"] == measured["result_sha256"]
    assert "immutable" in result.headers["cache-control"]
    assert client.get(job["result"], headers={"If-None-Match": result.headers["etag"]}).status_code == 304


def test_the_measures_are_ordered_and_contributions_and_lineage_have_paths(client: Client, measured: dict[str, Any]) -> None:
    assert measured["el"] == pytest.approx(sum((1000 + i) * 0.4 * 0.02 for i in range(30)))
    first, second = measured["measures"]
    assert first["var"] <= second["var"] <= second["es"]
    place = f"/v1/risk-runs/{measured['run_id']}"
    assert client.json(f"{place}/contributions")["contributions"] == measured["contributions"]
    assert any(run["run_id"] == measured["run_id"] for run in client.json("/v1/risk-runs")["risk_runs"])
    chain = client.json(f"{place}/lineage")
    assert chain["sound"] is True
    assert chain == client.json(f"/v1/runs/{measured['run_id']}/lineage")
    sha256 = hashlib.sha256(GOOD.encode()).hexdigest()
    assert [(p["sha256"], p["state"]) for p in chain["payloads"]] == [(sha256, "ok")]
    payload = client.get(f"/v1/payloads/{sha256}")
    assert payload.content == GOOD.encode()
    assert payload.headers["content-disposition"].startswith("attachment")
    assert client.json(f"/v1/runs/{measured['run_id']}")["replay"] == f"crfs replay {measured['run_id']}"


def test_a_replay_in_a_fresh_process_matches(client: Client, measured: dict[str, Any]) -> None:
    answer = client.post(f"/v1/risk-runs/{measured['run_id']}/replays")
    assert answer.status_code == 202
    job = finished(client, answer.headers["location"])
    assert job["outcome"]["verdict"] == "MATCH", job
    assert job["outcome"]["sha256"] == measured["result_sha256"]


def test_creditriskplus_answers_the_same_question_by_another_model(client: Client, measured: dict[str, Any]) -> None:
    asked = {"book": {"csv": GOOD}, **ASKED, "method": "creditriskplus"}
    answer = client.post("/v1/risk-runs", json=asked, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["method"], found["scenarios"]) == ("creditriskplus", 0)
    assert found["el"] == measured["el"]
    assert found["measures"][1]["var_se"] == 0.0
    assert "another model of dependence than the copula" in found["notes"][0]
    job = finished(client, client.post(f"/v1/risk-runs/{found['run_id']}/replays").headers["location"])
    assert job["outcome"]["verdict"] == "MATCH", job
    text = client.html(f"/runs/{found['run_id']}")
    assert "creditriskplus, gamma sectors matched to the gaussian copula" in text
    assert "none drawn" in text or ">exact<" in text
    assert '± <data value="0.0">' not in text, "no number has an error of nothing"
    for drawn in ("Scenarios in the tail", "; simulated ", "standard error over", ", gaussian copula"):
        assert drawn not in text, drawn


@pytest.mark.parametrize("state", ["abc", "999999", "-1"])
def test_a_replay_at_a_state_that_there_is_not_is_refused_with_its_place(client: Client, measured: dict[str, Any], state: str) -> None:
    found = client.problem("POST", f"/v1/risk-runs/{measured['run_id']}/replays?recorded_as_of={state}", 422)
    assert [error["pointer"] for error in found["errors"]] == ["/query/recorded_as_of"]


def test_a_replay_takes_no_body(client: Client, measured: dict[str, Any]) -> None:
    place = f"/v1/risk-runs/{measured['run_id']}/replays"
    assert "?recorded_as_of=" in client.problem("POST", place, 422, json={"recorded_as_of": "2020-01-01"})["detail"]
    assert client.post(place, json={}).status_code == 202


def test_a_book_is_loaded_under_a_name_and_measured_by_it(client: Client, measured: dict[str, Any]) -> None:
    answer = client.put("/v1/portfolios/corner-shop", content=GOOD.encode(), headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["facilities"]) == (201, 30)
    assert client.json(answer.headers["location"])["sha256"] == hashlib.sha256(GOOD.encode()).hexdigest()
    assert "corner-shop" in [p["portfolio"] for p in client.json("/v1/portfolios")["portfolios"]]
    run = client.post("/v1/portfolios/corner-shop/risk-runs", json=ASKED, headers={"Prefer": "wait=30"})
    assert run.status_code == 200, run.text
    assert run.json()["measures"] == measured["measures"]
    client.problem("POST", "/v1/portfolios/nosuch/risk-runs", 404, json=ASKED)
    client.problem("GET", "/v1/portfolios/nosuch", 404)
    # A name is never taken for a file of the machine.
    client.problem("POST", "/v1/portfolios/..%2Fbook.csv/risk-runs", 404, json=ASKED)


def test_a_name_means_the_book_of_the_state_that_is_asked_about(client: Client) -> None:
    for pd_12m in (0.02, 0.5):
        body = HEADER + f"F1,O1,100,0.4,{pd_12m},0.2,retail_pacific\n"
        loaded = client.put("/v1/portfolios/moving", content=body.encode(), headers={"Content-Type": "text/csv"})
        assert loaded.status_code == 201
    for batch, loss in ((loaded.json()["batch_id"], 20.0), (loaded.json()["batch_id"] - 1, 0.8)):
        asked = {**ASKED, "recorded_as_of": str(batch)}
        answer = client.post("/v1/portfolios/moving/risk-runs", json=asked, headers={"Prefer": "wait=30"})
        assert answer.json()["el"] == pytest.approx(loss), answer.text
        assert answer.json()["batch_id"] == batch


def test_rows_and_a_form_are_books_too(client: Client, measured: dict[str, Any]) -> None:
    rows = [
        {"facility_id": f"F{i}", "obligor_id": f"O{i}", "ead": 1000 + i, "lgd": 0.4, "pd_12m": 0.02, "r2": 0.2, "group": "retail_pacific"}
        for i in range(30)
    ]
    by_rows = client.post("/v1/risk-runs", json={"book": {"rows": rows}, **ASKED}, headers={"Prefer": "wait=30"})
    by_form = client.post(
        "/v1/risk-runs", files={"book": ("book.csv", GOOD.encode())}, data={"question": json.dumps(ASKED)}, headers={"Prefer": "wait=30"}
    )
    assert by_rows.json()["measures"] == by_form.json()["measures"] == measured["measures"]


def test_a_bad_book_is_refused_whole_with_every_wrong_place_and_nothing_is_written(client: Client, session: Session) -> None:
    before = held(session)
    found = client.problem("POST", "/v1/risk-runs", 422, json={"book": {"csv": BAD}, **ASKED})
    assert {(e["row"], e["column"], e["code"]) for e in found["errors"]} == {
        (1, "pd_12m", "out_of_range"),
        (2, "lgd", "not_finite"),
        (3, "ead", "out_of_range"),
        (5, "facility_id", "duplicate"),
        (6, "group", "unknown_group"),
    }
    assert "/rows/0/pd_12m" in [e["pointer"] for e in found["errors"]]
    assert held(session) == before
    # Wrong only once it is filled: nobody knows the obligor.
    unknown = HEADER + "F1,O1,100,0.4,,0.2,retail_pacific\n"
    found = client.problem("POST", "/v1/risk-runs", 422, json={"book": {"csv": unknown}, **ASKED, "models": None})
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/rows/0/pd_12m", "missing")]
    assert held(session) == before


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        (BAD.encode(), "/rows/0/pd_12m", "out_of_range"),
        (GOOD.replace("pd_12m", "pd12").encode(), "/columns/pd12", "unknown_column"),
        (GOOD.replace("F3,", "F\xe9,").encode("latin-1"), "/rows/3/facility_id", "broken_encoding"),
        (GOOD.encode("utf-16"), "", "broken_encoding"),
        (b"", "", "empty"),
        (HEADER.encode() + b"F1,O1,1\n", "/rows/0", "broken_row"),
    ],
)
def test_a_bad_file_is_not_loaded(client: Client, session: Session, body: bytes, place: str, code: str) -> None:
    before = held(session)
    found = client.problem("PUT", "/v1/portfolios/bad", 422, content=body, headers={"Content-Type": "text/csv"})
    assert (place, code) in [(e["pointer"], e["code"]) for e in found["errors"]], found
    assert held(session) == before
    client.problem("GET", "/v1/portfolios/bad", 404)


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"seeds": 1}, "/body/seeds"),
        ({"seed": -1}, "/body/seed"),
        ({"confidences": []}, "/body/confidences"),
        ({"confidences": [1.5]}, "/body/confidences"),
        ({"confidences": [0.9, 0.9]}, "/body/confidences"),
        ({"rel_tol": 2.0}, "/body/rel_tol"),
        ({"max_scenarios": 5}, "/body/max_scenarios"),
        ({"method": "magic"}, "/body/method"),
        ({"budget": 0}, "/body/budget"),
        ({"budget": True}, "/body/budget"),
        ({"copula": "clayton"}, "/body/copula"),
        ({"factor_model": "../../secret"}, "/body/factor_model"),
        ({"factor_model": "nosuch"}, "/body/factor_model"),
        ({"factor_model": {"factors": ["a"]}}, "/body/factor_model"),
        ({"models": ["nosuch"]}, "/body/models"),
        ({"as_of": "yesterday"}, "/body/as_of"),
        ({"as_of": "2020-01-01T00:00:00"}, "/body/as_of"),
        ({"recorded_as_of": "yesterday"}, "/body/recorded_as_of"),
        ({"book": {"file": "/etc/passwd"}}, "/body/book"),
        ({"book": {"rows": []}}, "/body/book/rows"),
        ({"book": {"rows": [{"facility_id": ["F"]}]}}, "/rows/0/facility_id"),
    ],
)
def test_a_wrong_question_is_a_problem_and_leaves_no_job(
    client: Client, session: Session, asked: dict[str, Any], place: str | None
) -> None:
    from crfs.workflows.ledger import list_jobs

    before = len(list_jobs(session, limit=1000))
    answer = client.request("POST", "/v1/risk-runs", json={"book": {"csv": GOOD}, **ASKED, **asked})
    assert answer.status_code in {404, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if place:
        assert place in [e["pointer"] for e in answer.json()["errors"]]
    assert len(list_jobs(session, limit=1000)) == before


def test_what_http_itself_refuses_is_a_problem_too(client: Client) -> None:
    assert client.problem("DELETE", "/v1/factors", 405)["type"] == "about:blank"
    client.problem("POST", "/v1/risk-runs", 415, content=b"x", headers={"Content-Type": "text/html"})
    client.problem("PUT", "/v1/portfolios/x", 415, content=b"x")
    for method, place in (("POST", "/v1/risk-runs"), ("PUT", "/v1/portfolios/x")):
        broken = client.problem(method, place, 422, content=b'{"a": 1', headers={"Content-Type": "application/json"})
        assert [(error["pointer"], error["code"]) for error in broken["errors"]] == [("/body", "json_invalid")]
    flat = client.problem("PUT", "/v1/portfolios/x", 422, json={"rows": 1})
    assert [error["pointer"] for error in flat["errors"]] == ["/body/rows"]
    late = client.problem("PUT", "/v1/portfolios/x?valid_at=never", 422, content=GOOD.encode(), headers={"Content-Type": "text/csv"})
    assert [error["pointer"] for error in late["errors"]] == ["/query/valid_at"]
    for unmeant in ("2999-01-01", "0001-01-01", "1026-06-30", "9999-12-30"):
        place = f"/v1/portfolios/x?valid_at={unmeant}"
        found = client.problem("PUT", place, 422, content=GOOD.encode(), headers={"Content-Type": "text/csv"})
        assert [error["pointer"] for error in found["errors"]] == ["/query/valid_at"]
    client.problem("GET", "/v1/portfolios/x", 404)
    big = b"x" * 10_000_001
    client.problem("PUT", "/v1/portfolios/x", 413, content=big, headers={"Content-Type": "text/csv"})
    client.problem("POST", "/v1/risk-runs", 413, content=iter_of(big), headers={"Content-Type": "application/json"})
    client.problem("GET", "/v1/jobs/00000000-0000-0000-0000-000000000000", 404)
    client.problem("GET", "/v1/jobs/seven", 422)
    client.problem("GET", "/v1/risk-runs/risk-nosuch", 404)
    client.problem("POST", "/v1/risk-runs/risk-nosuch/replays", 404)
    client.problem("GET", f"/v1/payloads/{'0' * 64}", 404)
    client.problem("GET", "/v1/payloads/short", 422)
    client.problem("GET", "/v1/models/nosuch", 404)
    client.problem("GET", "/v1/models/pd/versions/99", 404)


async def iter_of(body: bytes) -> Any:
    """A body without a Content-Length, in pieces."""
    for start in range(0, len(body), 1_000_000):
        yield body[start : start + 1_000_000]


def test_a_model_run_is_no_risk_run(client: Client) -> None:
    run_id = client.json("/v1/models/pd")["run_id"]
    client.problem("GET", f"/v1/risk-runs/{run_id}", 404)


def test_a_job_that_waits_is_cancelled_at_once(client: Client, session: Session) -> None:
    from crfs.workflows.book_jobs import submit_replay

    run_id = client.json("/v1/models/pd")["run_id"]
    job_id = submit_replay(session, run_id)
    answer = client.request("DELETE", f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert client.json(f"/v1/jobs/{job_id}")["finished_at"]


def test_damaged_bytes_are_an_error_with_a_kind_of_its_own(client: Client, session: Session) -> None:
    body = HEADER + "F1,O1,100,0.4,0.02,0.2,retail_pacific\n"
    run = client.post("/v1/risk-runs", json={"book": {"csv": body}, **ASKED}, headers={"Prefer": "wait=30"}).json()
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    with session.database.owning() as connection:
        connection.exec_driver_sql("UPDATE crfs.payload SET body = 'other bytes' WHERE sha256 = %s", (sha256,))
    try:
        assert client.problem("GET", f"/v1/payloads/{sha256}", 409)["type"] == "/problems#verification-failed"
        chain = client.json(f"/v1/risk-runs/{run['run_id']}/lineage")
        assert (chain["sound"], chain["damaged"]) == (False, [sha256])
        assert "Do not trust this number" in client.html(f"/lineage/{run['run_id']}")
        replay = client.problem("POST", f"/v1/risk-runs/{run['run_id']}/replays", 409, headers={"Prefer": "wait=30"})
        assert replay["type"] == "/problems#verification-failed"
    finally:
        with session.database.owning() as connection:
            connection.exec_driver_sql("UPDATE crfs.payload SET body = %s WHERE sha256 = %s", (body.encode(), sha256))


def test_the_overview_counts_what_was_stored(session: Session, measured: dict[str, Any]) -> None:
    assert any(run["run_id"] == measured["run_id"] for run in overview(session, runs=100)["runs"])


@pytest.mark.parametrize(
    "options",
    [{"confidences": (2,)}, {"method": "zz"}, {"rel_tol": 1e308}, {"max_scenarios": -5}, {"seed": -1}],
    ids=["confidences", "method", "rel_tol", "max_scenarios", "seed"],
)
def test_a_question_that_is_refused_keeps_nothing_of_its_book(session: Session, tmp_path: Path, options: dict[str, Any]) -> None:
    from crfs.workflows.portfolio_risk import measure_portfolio

    book = tmp_path / "fresh.csv"
    book.write_text("facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF,O,1.25,0.4,0.02,0.2,all\n")

    def counted() -> int:
        with session.database.reading() as connection:
            found: int = connection.exec_driver_sql("SELECT count(*) FROM crfs.payload").scalar_one()
        return found

    before = counted()
    model = {"factors": ["f"], "correlation": [[1.0]], "groups": {"all": {"f": 1.0}}}
    with pytest.raises(InvalidInput):
        measure_portfolio(session, str(book), model, options=options)
    assert counted() == before


MODEL = '{"factors": ["f"], "correlation": [[1]], "groups": {"all": {"f": 1}}}'
ROW = '{"facility_id": "F", "obligor_id": "O", "ead": 1, "lgd": 0.4, "pd_12m": 0.02, "r2": 0.2, "group": "all"}'


def in_rows(row: str) -> str:
    return f'{{"rows": [{row}]}}'


@pytest.mark.parametrize(
    ("book", "model", "place"),
    [
        (in_rows(ROW.replace('"O"', '"\\ud800"')), MODEL, "/rows/0/obligor_id"),
        (in_rows(ROW.replace('"O"', '"a\\u0000b"')), MODEL, "/rows/0/obligor_id"),
        (in_rows(ROW.replace("}", ', "\\ud800": 1}')), MODEL, "/columns/\ud800"),
        (in_rows(ROW.replace("}", ', "a\\u0000": 1}')), MODEL, "/columns/a\0"),
        (in_rows(ROW.replace('"ead": 1', '"ead": 1' + "0" * 400)), MODEL, "/rows/0/ead"),
        (in_rows(ROW.replace('"ead": 1', '"ead": 0')), MODEL, "/columns/ead"),
        ('{"csv": "facility_id,\\ud800\\nF,1\\n"}', MODEL, ""),
        ('{"csv": "facility_id,ead\\nF,\\ud800\\n"}', MODEL, "/rows/0/ead"),
        (in_rows(ROW), MODEL.replace('"f"', '"\\ud800"'), "/body/factor_model"),
        (in_rows(ROW), MODEL.replace('"f"', '"f\\u0000"'), "/body/factor_model"),
        (in_rows(ROW), MODEL.replace("}}", ', "\\ud800": 2}}'), "/body/factor_model"),
        (in_rows(ROW), MODEL.replace(": 1}", ": 1e400}"), "/body/factor_model"),
        (in_rows(ROW), MODEL.replace(": 1}", ": NaN}"), "/body/factor_model"),
        (in_rows(ROW), MODEL.replace("[[1]]", "[[1" + "0" * 400 + "]]"), "/body/factor_model"),
        (in_rows(ROW), MODEL.replace("}}}", '}}, "\\ud800": 1}'), "/body/factor_model"),
        (in_rows(ROW), '{"factors": ' + "[" * 200_000, "/body"),
    ],
)
def test_what_nobody_can_write_down_or_count_with_is_a_problem_with_its_place_and_nothing_is_kept(
    client: Client, session: Session, book: str, model: str, place: str
) -> None:
    before = held(session)
    body = f'{{"book": {book}, "factor_model": {model}, "max_scenarios": 4000, "models": []}}'
    found = client.problem("POST", "/v1/risk-runs", 422, content=body.encode(), headers={"Content-Type": "application/json"})
    assert place in [error["pointer"] for error in found["errors"]], found
    if model == MODEL and "rows" in book:
        other = client.problem("PUT", "/v1/portfolios/odd", 422, content=book.encode(), headers={"Content-Type": "application/json"})
        assert place in [error["pointer"] for error in other["errors"]], other
    assert held(session) == before
