"""Every kind of run about a book is known wherever kinds are named: by the ledger, by services, by replays and by the API."""

from __future__ import annotations

import pytest

from crfs.apps.api import create_app
from crfs.workflows.asked_for import ASKED_FOR
from crfs.workflows.book_jobs import JOBS, book_kind
from crfs.workflows.job_kinds import WORK
from crfs.workflows.runs import _COMPUTE, RunKind


def test_a_service_takes_up_what_is_asked_of_it_and_everything_has_its_work() -> None:
    assert set(ASKED_FOR) < set(WORK)
    assert {"stream", "backfill"} == set(WORK) - set(ASKED_FOR)


@pytest.mark.parametrize("job", JOBS)
def test_a_kind_is_computed_by_the_module_that_makes_it(job: str) -> None:
    kind = book_kind(JOBS[job])
    module, name = _COMPUTE[kind.kind].split(":")
    assert (kind.job, name) == (job, "compute")
    assert module.endswith(f"portfolio_{kind.kind.value.replace('-', '_')}")
    paths = create_app().openapi()["paths"]
    assert {f"/v1/{job}s", f"/v1/portfolios/{{name}}/{job}s", f"/v1/{job}s/{{run_id}}/replays"} <= set(paths)


def test_every_kind_of_run_has_a_function_that_computes_it() -> None:
    assert set(_COMPUTE) == set(RunKind)
