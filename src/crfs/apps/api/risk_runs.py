"""Risk runs: asked of a book, done as a job, answered under a URL of their own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from crfs.apps.api.answers import FOR_EVER, NEVER, respond
from crfs.apps.api.jobs import job_document
from crfs.apps.api.portfolios import read_json, rows_of
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held, Service, Serving
from crfs.errors import InvalidInput, naming
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.workflows.books import Book
    from crfs.workflows.risk_jobs import RiskRequest

router = APIRouter(prefix="/v1", tags=["risk"], responses=responses(404))
LONGEST_WAIT = 30.0


class Question(BaseModel):
    """What is asked of a book. ``factor_model`` is the name of one that ships with crfs, or the content of a model.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    factor_model: dict[str, Any] | Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")] = "us_credit"
    copula: str | None = Field(default=None, max_length=32)
    confidences: list[float] | None = Field(default=None, min_length=1, max_length=20)
    method: str | None = Field(default=None, max_length=32)
    rel_tol: float | None = Field(default=None, gt=0)
    seed: int | None = Field(default=None, ge=0)
    max_scenarios: int | None = Field(default=None, ge=1, le=10_000_000)
    default_ccf: float | None = Field(default=None, ge=0, le=1)
    models: list[str] | None = Field(
        default=None, description="Champions that fill blank cells: of pd, lgd, ead; none: those that there are"
    )
    as_of: str | None = None
    recorded_as_of: str | None = None
    label: str | None = Field(default=None, max_length=200)


class InlineQuestion(Question):
    """The same, with the book: ``{"csv": "facility_id,…"}`` or ``{"rows": [{…}, …]}``."""

    book: dict[str, Any]


Asked = TypeVar("Asked", bound=Question)

_EXAMPLE = {
    "book": {"csv": "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,100000,0.4,0.02,0.2,retail_pacific\n"},
    "confidences": [0.99, 0.999],
    "seed": 1,
}
_ASKING = {
    **responses(404, 413, 415, 429),
    200: {"description": "The result, where Prefer: wait was given and it was ready in time"},
    202: {"description": "Queued: Location is the job, Retry-After when to ask"},
}


def _body(model: type[BaseModel], example: dict[str, Any], *, file: bool) -> dict[str, Any]:
    content: dict[str, Any] = {
        "application/json": {"schema": model.model_json_schema(ref_template="#/components/schemas/{model}"), "example": example}
    }
    if file:
        content["multipart/form-data"] = {
            "schema": {
                "type": "object",
                "required": ["book"],
                "properties": {
                    "book": {"type": "string", "format": "binary", "description": "A CSV or Parquet file"},
                    "question": {"type": "string", "description": "The other members of the JSON form, as JSON"},
                },
            }
        }
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/portfolios/{name}/risk-runs",
    summary="Measure a book that was loaded",
    operation_id="postPortfolioRiskRun",
    status_code=202,
    responses=_ASKING,
    openapi_extra=_body(Question, {"confidences": [0.99], "seed": 1}, file=False),
)
async def ask_of_portfolio(request: Request, session: Held, service: Serving, name: str) -> Response:
    """Queue a risk run of the newest book under a name (as recorded then, where that is asked); an empty body takes every default."""
    body = await request.body()
    question = _question(Question, read_json(body) if body.strip() else {})

    def submit() -> UUID:
        from crfs.workflows.risk_jobs import submit_risk

        return submit_risk(session, _request(name, question))

    return await _queue(request, session, service, submit)


@router.post(
    "/risk-runs",
    summary="Measure a book that comes with the question",
    operation_id="postRiskRun",
    status_code=202,
    responses=_ASKING,
    openapi_extra=_body(InlineQuestion, _EXAMPLE, file=True),
)
async def ask(request: Request, session: Held, service: Serving) -> Response:
    """Queue a risk run of a book in the body. A book with a wrong cell is refused whole, with every row, column and reason, and nothing of
    it is kept."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        inline = _question(InlineQuestion, read_json(await request.body()))
        question: Question = inline
        book, name = _book(inline.book), "body.csv"
    elif kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=1) as form:
            file, text = form.get("book"), form.get("question")
            if not isinstance(file, UploadFile):
                raise InvalidInput("the form needs a file called book")
            if not (text is None or isinstance(text, str)) or set(form) - {"book", "question"}:
                raise InvalidInput("the form has a file called book and a field called question, and nothing else")
            book, name = await file.read(), Path(file.filename or "body.csv").name
            question = _question(Question, read_json(text.encode()) if text else {})
    else:
        raise HTTPException(415, f"ask with application/json or multipart/form-data, not {kind or 'without a Content-Type'}")

    def submit() -> UUID:
        from crfs.workflows.books import book_of_bytes
        from crfs.workflows.risk_jobs import submit_risk

        return submit_risk(session, _request(book_of_bytes(book, file_name=name), question))

    return await _queue(request, session, service, submit)


@router.get("/risk-runs", summary="The newest risk runs", operation_id="listRiskRuns")
def list_all(
    request: Request,
    session: Held,
    label: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """Risk runs without their results."""
    from crfs.workflows.run_documents import list_runs

    return respond(request, {"risk_runs": list_runs(session, kind="risk", label=label, limit=limit)})


@router.get("/risk-runs/{run_id}", summary="The result of a risk run", operation_id="getRiskRun")
def one(request: Request, session: Held, run_id: str) -> Response:
    """Expected and unexpected loss, VaR and ES with errors, the loss curve, concentration, contributions, and where each cell came from."""
    from crfs.workflows.run_documents import risk_run

    return respond(request, risk_run(session, run_id), cache=FOR_EVER)


@router.get("/risk-runs/{run_id}/contributions", summary="Who makes the tail", operation_id="getRiskRunContributions")
def contributions(request: Request, session: Held, run_id: str) -> Response:
    """Contributions to expected loss and to each expected shortfall, by obligor (the largest) and by sector (all: they sum)."""
    from crfs.workflows.run_documents import risk_run

    found = risk_run(session, run_id)
    kept = ("run_id", "currency", "as_of", "recorded_as_of", "contributions")
    return respond(request, {name: found[name] for name in kept}, cache=FOR_EVER)


@router.get("/risk-runs/{run_id}/lineage", summary="What a risk run rests on, down to the bytes", operation_id="getRiskRunLineage")
def lineage(request: Request, session: Held, run_id: str) -> Response:
    """The closed chain, with the state of every payload's bytes now."""
    from crfs.workflows.lineage import trace

    return respond(request, trace(session, run_id))


@router.post(
    "/risk-runs/{run_id}/replays",
    summary="Compute a run again in a fresh process",
    operation_id="postRiskRunReplay",
    status_code=202,
    responses=_ASKING,
)
async def replay(
    request: Request,
    session: Held,
    service: Serving,
    run_id: str,
    recorded_as_of: Annotated[str | None, Query(description="Another state of the store; none: the run's own")] = None,
) -> Response:
    """The job's outcome is the verdict: MATCH, ENVIRONMENT DIFFERS, MISMATCH, or OTHER STATE with what moved."""

    def submit() -> UUID:
        from crfs.workflows.risk_jobs import submit_replay

        return submit_replay(session, run_id, recorded_as_of=recorded_as_of)

    return await _queue(request, session, service, submit)


async def _queue(request: Request, session: Session, service: Service, submit: Any) -> Response:
    """Write the job, hand it to the pool, and wait as long as the caller prefers."""
    from crfs.workflows.ledger import show_job

    wait = _preferred_wait(request.headers.get("prefer", ""))
    service.room()
    job_id = await run_in_threadpool(submit)
    future = asyncio.wrap_future(service.do(job_id))
    future.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at, so that asyncio does not complain of it
    applied = {"Preference-Applied": f"wait={wait:g}"} if wait else {}
    if wait:
        done, _ = await asyncio.wait({future}, timeout=wait)
        if done:
            return await run_in_threadpool(_result, request, session, future.result(), applied)
    job = job_document(await run_in_threadpool(show_job, session, job_id))
    return respond(request, job, status=202, cache=NEVER, headers={"Location": f"/v1/jobs/{job_id}", "Retry-After": "1", **applied})


def _result(request: Request, session: Session, outcome: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    from crfs.workflows.run_documents import risk_run

    if "verdict" in outcome:
        return respond(request, dict(outcome), cache=NEVER, headers=headers)
    place = {"Content-Location": f"/v1/risk-runs/{outcome['run_id']}"}
    return respond(request, risk_run(session, outcome["run_id"]), cache=NEVER, headers={**headers, **place})


def _preferred_wait(prefer: str) -> float:
    """The seconds of ``Prefer: wait=N``, at most :data:`LONGEST_WAIT`; 0 where there is none.

    >>> _preferred_wait("respond-async, wait=5"), _preferred_wait("wait=9999"), _preferred_wait("")
    (5.0, 30.0, 0.0)
    """
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})", prefer)
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


def _question(model: type[Asked], document: Any) -> Asked:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found]) from None


def _book(book: Mapping[str, Any]) -> bytes:
    from crfs.workflows.risk_jobs import rows_as_csv

    if set(book) == {"csv"} and isinstance(book["csv"], str):
        return book["csv"].encode("utf-8", "surrogatepass")  # half of a pair is no UTF-8 then, and its place is told with the others
    if set(book) == {"rows"}:
        return rows_as_csv(rows_of(dict(book), within="book."))
    raise InvalidInput('book is {"csv": "facility_id,…"} or {"rows": [{"facility_id": …}, …]}', argument="book")


def _request(book: str | Book, question: Question) -> RiskRequest:
    from crfs.workflows.packaged import packaged_factor_model
    from crfs.workflows.risk_jobs import RiskRequest

    given = question.factor_model
    with naming("factor_model"):
        content = packaged_factor_model(given) if isinstance(given, str) else dict(given)
    if question.copula is not None:
        content["copula"] = question.copula
    options = {name: getattr(question, name) for name in ("confidences", "method", "rel_tol", "seed", "max_scenarios", "default_ccf")}
    return RiskRequest(
        book=book,
        factor_model=content,
        options={name: value for name, value in options.items() if value is not None},
        models=question.models,
        as_of=question.as_of,
        recorded_as_of=question.recorded_as_of,
        label=question.label,
    )
