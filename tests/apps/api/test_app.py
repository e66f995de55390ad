"""The application around its parts: who may call it, what it says of itself, and what it does when the store dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from crfs.apps.api import create_app
from crfs.ops import datatier
from crfs.workflows.session import Session, open_session
from tests.apps.api.conftest import Client, serving
from tests.places import servers_folder


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]:80", 200), ("evil.example", 400), ("", 400)]
)
def test_only_loopback_names_are_answered(client: Client, host: str, status: int) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code == status


def test_a_foreign_page_may_not_write_here(client: Client) -> None:
    foreign = {"Origin": "https://evil.example", "Content-Type": "text/csv"}
    client.problem("PUT", "/v1/portfolios/x", 403, content=b"x", headers=foreign)
    client.problem("PUT", "/v1/portfolios/x", 403, content=b"x", headers={**foreign, "Origin": "null"})
    own = {"Origin": "http://localhost", "Content-Type": "text/csv"}
    client.problem("PUT", "/v1/portfolios/x", 422, content=b"x", headers=own)


def test_every_answer_keeps_a_browser_inside(client: Client) -> None:
    for url in ("/", "/v1/factors", "/nosuch", "/static/crfs.css"):
        headers = client.get(url).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_the_description_has_one_kind_of_problem_and_an_id_for_every_operation(client: Client) -> None:
    described: dict[str, Any] = client.json("/openapi.json")
    operations = [(path, verb, op) for path, verbs in described["paths"].items() for verb, op in verbs.items()]
    assert len(operations) > 20
    assert "HTTPValidationError" not in described["components"]["schemas"]
    ids = [op["operationId"] for _, _, op in operations]
    assert len(set(ids)) == len(ids)
    for path, verb, op in operations:
        assert op["summary"], (path, verb)
        for status, answer in op["responses"].items():
            if status.startswith(("4", "5")):
                assert set(answer["content"]) == {"application/problem+json"}, (path, verb, status)
                assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_a_full_pool_says_so_and_writes_nothing(session: Session) -> None:
    app = create_app(session)
    with serving(app) as client:
        service = app.state.service
        taken = 0
        while service._places.acquire(blocking=False):
            taken += 1
        found = client.problem("POST", "/v1/risk-runs", 429, json={"book": {"csv": "facility_id\nF\n"}})
        assert found["type"] == "/problems#too-many-jobs"
        for _ in range(taken):
            service._places.release()


def test_jobs_that_an_earlier_process_left_are_taken_up(session: Session) -> None:
    from crfs.workflows.book_jobs import submit_question
    from crfs.workflows.book_rows import rows_as_csv
    from crfs.workflows.book_runs import Question
    from crfs.workflows.ledger import show_job
    from crfs.workflows.packaged import packaged_factor_model
    from crfs.workflows.portfolio_risk import RISK

    row = {"facility_id": "F", "obligor_id": "O", "ead": 1, "lgd": 0.5, "pd_12m": 0.1, "r2": 0.1, "group": "retail_pacific"}
    from crfs.workflows.books import land_book

    book = {"kind": "payload", "sha256": land_book(session, rows_as_csv([row]), Path("one.csv"))}
    job_id = submit_question(session, Question(kind=RISK, book=book, settings={"factor_model": packaged_factor_model()}, models=[]))
    with serving(create_app(session)):
        for _ in range(200):
            if show_job(session, job_id)["state"] == "succeeded":
                break
            time.sleep(0.05)
    assert show_job(session, job_id)["state"] == "succeeded"


def test_a_store_whose_server_was_killed_is_unavailable_and_then_is_back() -> None:
    with servers_folder("api test") as folder, open_session(data_dir=folder / "data") as session, serving(create_app(session)) as client:
        assert client.json("/readyz")["status"] == "ok"
        os.kill(datatier.status(folder / "data").pids["postgres"], signal.SIGKILL)
        time.sleep(0.3)
        seen = set()
        for _ in range(300):
            answer = client.get("/readyz")
            seen.add(answer.status_code)
            if answer.status_code == 200:
                break
            assert answer.status_code == 503, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "2"
            assert client.get("/livez").status_code == 200
            time.sleep(0.1)
        assert seen == {200, 503}
        assert client.json("/v1/factors?limit=1")["factors"]


@pytest.mark.journey
def test_the_service_as_a_process_of_its_own(session: Session, demo_run: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRFS_")}
    environment |= {"CRFS_DATA_DIR": str(session.data_dir), "PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "crfs.apps.api"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            for _ in range(200):
                try:
                    if http.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            report = http.get("/report", follow_redirects=True)
            risk = http.get(f"/v1/risk-runs/{demo_run}").json()
            assert f'value="{risk["el"]!r}"' in report.text
            assert http.get("/static/crfs.css").headers["content-type"].startswith("text/css")
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert b"Traceback" not in output


NUL = "%00"
NAMES = [
    "/v1/risk-runs/{}", "/v1/risk-runs/{}/contributions", "/v1/risk-runs/{}/lineage", "/v1/runs/{}", "/v1/runs/{}/lineage", "/v1/models/{}",
    "/v1/models/{}/versions/1", "/v1/factors/{}", "/v1/factors/{}/vintages", "/v1/factors/{}/observations", "/v1/datasets/{}",
    "/v1/portfolios/{}", "/v1/payloads/{}", "/v1/jobs/{}", "/v1/factors/bureau.obligor.score/observations?entity={}",
    "/v1/factors/bureau.obligor.score/vintages?entity={}", "/v1/factors?q={}&category={}", "/v1/runs?kind={}&label={}", "/v1/risk-runs?label={}",
    "/runs/{}", "/lineage/{}", "/factors/{}", "/models/{}/1", "/payloads/{}", "/report?label={}", "/runs?kind={}",
    "/v1/factors/us.credit_spread_baa_aaa/observations?as_of={}", "/v1/factors/us.credit_spread_baa_aaa/observations?recorded_as_of={}",
]  # fmt: skip


@pytest.mark.parametrize("path", NAMES)
def test_no_name_is_so_strange_that_the_service_breaks(client: Client, path: str) -> None:
    for name in (NUL, f"risk-{NUL}", "%F0%9F%92%A5", "x" * 5000, "'%22%3B--", "9999-12-31", "99999999999999999999"):
        answer = client.get(path.replace("{}", name))
        assert answer.status_code < 500, (path, name, answer.text)


@pytest.mark.parametrize("path", [path for path in NAMES if "?" not in path and "/payloads/" not in path and "/jobs/" not in path])
def test_a_name_that_nothing_can_have_is_one_that_nothing_has(client: Client, path: str) -> None:
    for name in (NUL, f"risk-{NUL}", "nosuch"):
        assert client.get(path.replace("{}", name)).status_code == 404, (path, name)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/risk-runs/%00/replays", None),
        ("POST", "/v1/portfolios/%00/risk-runs", {}),
        ("POST", "/v1/risk-runs", {"label": "a\0b"}),
        ("POST", "/v1/risk-runs", {"models": ["p\0d"]}),
        ("POST", "/v1/risk-runs", {"as_of": "\0"}),
        ("POST", "/v1/risk-runs", {"recorded_as_of": "9999-12-31"}),
        ("POST", "/v1/risk-runs", {"as_of": "9999-12-31"}),
        ("POST", "/v1/risk-runs", {"book": {"csv": "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF,a\0b,1,0.4,,0.2,retail_pacific\n"}}),
        (
            "POST",
            "/v1/risk-runs",
            {"book": {"csv": "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF,A,1e308,0.4,0.2,0.2,retail_pacific\n"}},
        ),
    ],
)
def test_no_question_is_so_strange_that_the_service_breaks(client: Client, method: str, path: str, body: dict[str, Any] | None) -> None:
    good = {"csv": "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF,O,1,0.4,0.02,0.2,retail_pacific\n"}
    asked = None if body is None else {"book": good, **body} if path == "/v1/risk-runs" else body
    answer = client.request(method, path, json=asked)
    assert answer.status_code in {404, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
