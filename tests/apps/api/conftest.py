"""A real store with history, a book's worth of models and a user's own dataset; the application over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI

from crfs.apps.api import create_app
from crfs.workflows.session import Session, open_session
from tests.places import servers_folder
from tests.store.conftest import wait_for_no_disk

FIRST = "entity,valid_time,knowledge_time,value\nA,2020-01-01,2020-02-01T09:00:00Z,1.5\nA,2020-02-01,2020-03-01T09:00:00Z,2.5\n"
BEFORE = (
    "entity,valid_time,knowledge_time,value\n"
    "B,2020-01-01,2020-02-01T09:00:00Z,10\nB,2020-02-01,2020-03-01T09:00:00Z,11\nB,2020-01-01,2020-03-01T09:00:00Z,10.5\n"
)
REVISED = "entity,valid_time,knowledge_time,value\nA,2020-01-01,2020-04-01T09:00:00Z,1.75\n"
DEFINITIONS = """
[[dataset]]
name = "gizmos"
title = "Gizmos <script>alert(1)</script>"
source = "csv"
entity_kind = "gizmo"
period = "P1M"
zone = "America/New_York"
revision_policy = "vintaged"
[[dataset.column]]
name = "value"
title = "What it is"
[[factor]]
mnemonic = "test.gizmo"
title = "A gizmo's <script>alert(1)</script> & value"
dataset = "gizmos"
column = "value"
entity = "A"
unit = "index"
category = "test"
[[factor]]
mnemonic = "test.revised"
title = "A gizmo that was revised before anybody looked"
dataset = "gizmos"
column = "value"
entity = "B"
scale = 2
unit = "index"
category = "test"
"""


class Client:
    """Requests to an application that runs in a loop of its own thread; answers come with their JSON or HTML at hand."""

    def __init__(self, call: Callable[..., httpx.Response]) -> None:
        self._call = call

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        return self._call(method, url, **more)

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self._call("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx.Response:
        return self._call("POST", url, **more)

    def put(self, url: str, **more: Any) -> httpx.Response:
        return self._call("PUT", url, **more)

    def json(self, url: str, status: int = 200) -> Any:
        answer = self.get(url)
        assert answer.status_code == status, answer.text
        return answer.json()

    def html(self, url: str, status: int = 200) -> str:
        answer = self.get(url, headers={"accept": "text/html"})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text

    def problem(self, method: str, url: str, status: int, **more: Any) -> dict[str, Any]:
        """The problem details of an answer, whose every member is checked."""
        answer = self._call(method, url, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"
        found: dict[str, Any] = answer.json()
        assert set(found) == {"type", "title", "status", "detail", "instance", "errors", "trace_id"}
        assert found["status"] == status
        assert found["detail"]
        assert all({"pointer", "detail", "code"} <= set(error) for error in found["errors"])
        return found


@contextmanager
def serving(app: FastAPI) -> Iterator[Client]:
    """The application, started, behind a client."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        stack.enter_context(portal.wrap_async_context_manager(app.router.lifespan_context(app)))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        http = stack.enter_context(
            portal.wrap_async_context_manager(httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60))
        )

        def call(method: str, url: str, **more: Any) -> httpx.Response:
            return portal.call(lambda: http.request(method, url, **more))

        yield Client(call)


def publish(session: Session, folder: Path, text: str) -> None:
    """Append rows of the user's own dataset, as the file of a user would."""
    from crfs.workflows.collection import collect

    file = folder / f"gizmos-{len(text)}.csv"
    file.write_text(text, encoding="utf-8")
    collect(session, "csv", ["gizmos"], file=file)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    with servers_folder("api test") as made:
        yield made


@pytest.fixture(scope="session")
def session(folder: Path) -> Iterator[Session]:
    """An open store: packaged history, a small bureau, champions, and the user's own dataset with a first delivery."""
    from crfs.sources.core import Query
    from crfs.sources.providers.bureau import BureauSpec
    from crfs.workflows.bureau import ingest_bureau
    from crfs.workflows.datasets import define_datasets
    from crfs.workflows.ingestion import ingest
    from crfs.workflows.models import promote_model
    from crfs.workflows.packaged import packaged_model
    from crfs.workflows.training import train

    with open_session(data_dir=folder / "data") as opened:
        wait_for_no_disk(opened.database.url)
        ingest(opened, "packaged", Query(vintages="all"))
        ingest_bureau(opened, BureauSpec(seed=1, obligors=300, first_month=date(2003, 10, 1), months=72))
        for name in ("pd", "lgd", "ead"):
            version = train(opened, packaged_model(name), label="demo")
            promote_model(opened, version.model, version.version, reason="the tests need one")
        (folder / "gizmos.toml").write_text(DEFINITIONS, encoding="utf-8")
        define_datasets(opened, folder / "gizmos.toml")
        publish(opened, folder, FIRST)
        publish(opened, folder, BEFORE)
        yield opened


@pytest.fixture(scope="session")
def client(session: Session) -> Iterator[Client]:
    with serving(create_app(session)) as made:
        yield made


@pytest.fixture(scope="session")
def demo_run(session: Session) -> str:
    """A risk run of the bureau's book, as the main job makes one."""
    from crfs.workflows.demo import BOOK, BOOK_AT
    from crfs.workflows.packaged import packaged_factor_model
    from crfs.workflows.portfolio_risk import measure_portfolio

    options = {"confidences": [0.99, 0.999], "max_scenarios": 20_000}
    run, _ = measure_portfolio(session, BOOK, packaged_factor_model(), options=options, as_of=BOOK_AT, label="demo")
    return run.run_id
