"""Runs about a book over HTTP: asked of a book, done as a job, answered under a URL of their own. Every kind has the same paths."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError, create_model
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from crfs.apps.api.answers import FOR_EVER, NEVER, respond
from crfs.apps.api.jobs import job_document
from crfs.apps.api.json_values import QUESTION, State
from crfs.apps.api.portfolios import read_json, rows_of
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held, Service, Serving
from crfs.errors import InvalidInput
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.workflows.book_runs import Attachment
    from crfs.workflows.books import Book

LONGEST_WAIT = 30.0
Asked = TypeVar("Asked", bound=BaseModel)
ROWS = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF1,O1,100000,0.4,0.02,0.2,retail_pacific\n"
"""A book of one facility, for the examples of the description."""
ASKING: dict[int | str, dict[str, Any]] = {
    **responses(404, 413, 415, 429),
    200: {"description": "The result, where Prefer: wait was given and it was ready in time"},
    202: {"description": "Queued: Location is the job, Retry-After when to ask"},
}


class BookQuestion(BaseModel):
    """What may be asked of a book, whatever is measured."""

    model_config = QUESTION

    models: list[str] | None = Field(
        default=None, description="Champions that fill blank cells: of pd, lgd, ead; none: those that there are"
    )
    as_of: str | None = Field(
        default=None,
        description="An instant, or a day (its end in UTC): a name means its book in force then, blanks are filled with what was known then; none: now",
    )
    recorded_as_of: State | None = None
    label: str | None = Field(default=None, max_length=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A question in the workflow's words: what its kind needs, its options, and files that came with it."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    batch_id: int | None = None
    """The state of the store by which names were found; None: that of the question."""
    called: Mapping[str, str] = field(default_factory=dict)
    """What the body calls arguments of the workflow that have another name there."""


@contextmanager
def renaming(called: Mapping[str, str]) -> Iterator[None]:
    """Say of an error that is raised within where in the body its argument stands, where that has another name there."""
    try:
        yield
    except InvalidInput as error:
        if error.argument is not None:
            error.argument = called.get(error.argument, error.argument)
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlace:
    """Where one kind of run about books is found: what it is, and what its answer has."""

    kind: RunKind
    title: str
    answer: str

    @property
    def path(self) -> str:
        """The last part of its addresses."""
        return f"{self.kind.value}-runs"

    @property
    def operation(self) -> str:
        """How the names of its operations end."""
        return "".join(part.capitalize() for part in self.kind.value.split("-")) + "Run"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDoor(RunPlace):
    """A kind of run about one book: ``question`` is the body, ``wanted`` what it means, ``examples`` are bodies for the description."""

    question: type[BookQuestion]
    wanted: Callable[[Any, Session], Wanted]
    example: Mapping[str, Any]
    inline_example: Mapping[str, Any]


def routes(door: RunDoor) -> APIRouter:
    """The paths of a kind of run about one book."""
    router = APIRouter(prefix="/v1", tags=[door.kind.value], responses=responses(404))
    inline_question = create_model(
        f"Inline{door.question.__name__}",
        __base__=door.question,
        __doc__='The same, with the book: ``{"csv": "facility_id,…"}`` or ``{"rows": [{…}, …]}``.',
        book=(dict[str, Any], ...),
    )
    name = door.operation

    @router.post(
        f"/portfolios/{{name}}/{door.path}",
        summary=f"{door.title} of a book that was loaded",
        operation_id=f"postPortfolio{name}",
        status_code=202,
        responses=ASKING,
        openapi_extra=described_body(door.question, door.example, file=False),
    )
    async def ask_of_portfolio(request: Request, session: Held, service: Serving, name: str) -> Response:
        """Queue a run about the book in force under a name at ``as_of`` (as recorded then, where that is asked); an empty body takes every
        default."""
        question = await question_of(request, door.question, empty_is_none=True)
        return await queue(request, session, service, door, lambda: _submit(session, door, name, question))

    @router.post(
        f"/{door.path}",
        summary=f"{door.title} of a book that comes with the question",
        operation_id=f"post{name}",
        status_code=202,
        responses=ASKING,
        openapi_extra=described_body(inline_question, door.inline_example, file=True),
    )
    async def ask(request: Request, session: Held, service: Serving) -> Response:
        """Queue a run about a book in the body. A book with a wrong cell is refused whole, with every row, column and reason, and nothing
        of it is kept."""
        body, file_name, question = await _inline(request, door, inline_question)

        def submit() -> UUID:
            from crfs.workflows.books import book_of_bytes

            return _submit(session, door, book_of_bytes(body, file_name=file_name), question)

        return await queue(request, session, service, door, submit)

    answers(router, door)
    return router


def answers(router: APIRouter, place: RunPlace) -> None:
    """The paths of a kind's runs: the list, the result, its lineage, its replays."""
    name = place.operation

    @router.get(f"/{place.path}", summary=f"The newest runs of this kind: {place.kind.value}", operation_id=f"list{name}s")
    def list_all(
        request: Request,
        session: Held,
        label: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> Response:
        """Runs without their results."""
        from crfs.workflows.run_documents import list_runs

        found = list_runs(session, kind=place.kind.value, label=label, limit=limit)
        return respond(request, {place.path.replace("-", "_"): found})

    @router.get(f"/{place.path}/{{run_id}}", summary=f"The result: {place.title[0].lower()}{place.title[1:]}", operation_id=f"get{name}")
    def one(request: Request, session: Held, run_id: str) -> Response:
        from crfs.workflows.run_documents import book_run

        return respond(request, book_run(session, run_id, kind=place.kind), cache=FOR_EVER)

    one.__doc__ = place.answer

    @router.get(f"/{place.path}/{{run_id}}/lineage", summary="What a run rests on, down to the bytes", operation_id=f"get{name}Lineage")
    def lineage(request: Request, session: Held, run_id: str) -> Response:
        """The closed chain, with the state of every payload's bytes now."""
        from crfs.workflows.lineage import trace

        return respond(request, trace(session, run_id))

    @router.post(
        f"/{place.path}/{{run_id}}/replays",
        summary="Compute a run again in a fresh process",
        operation_id=f"post{name}Replay",
        status_code=202,
        responses=ASKING,
    )
    async def replay(
        request: Request,
        session: Held,
        service: Serving,
        run_id: str,
        recorded_as_of: Annotated[str | None, Query(description="Another state of the store; none: the run's own")] = None,
    ) -> Response:
        """The job's outcome is the verdict: MATCH, ENVIRONMENT DIFFERS, MISMATCH, or OTHER STATE with what moved. There is no body."""
        if (body := await request.body()).strip() and await run_in_threadpool(read_json, body):
            raise InvalidInput("a replay has no body: another state of the store is asked for in the query, ?recorded_as_of=")

        def submit() -> UUID:
            from crfs.workflows.book_jobs import submit_replay

            return submit_replay(session, run_id, recorded_as_of=recorded_as_of)

        return await queue(request, session, service, place, submit)


def described_body(model: type[BaseModel], example: Mapping[str, Any], *, file: bool) -> dict[str, Any]:
    """What the description says of a body."""
    content: dict[str, Any] = {
        "application/json": {"schema": model.model_json_schema(ref_template="#/components/schemas/{model}"), "example": dict(example)}
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


async def _inline(request: Request, door: RunDoor, inline_question: type[BookQuestion]) -> tuple[bytes, str, BookQuestion]:
    """The book, its file's name and the question of a body in JSON or of a form; a large body is read beside the loop, which serves others meanwhile."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        inline = await question_of(request, inline_question)
        rows = await run_in_threadpool(rows_given, inline.book, "book")  # type: ignore[attr-defined]  # the inline form has a book
        return rows, "body.csv", inline
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=1) as form:
            file, text = form.get("book"), form.get("question")
            if not isinstance(file, UploadFile):
                raise InvalidInput("the form needs a file called book")
            if not (text is None or isinstance(text, str)) or set(form) - {"book", "question"}:
                raise InvalidInput("the form has a file called book and a field called question, and nothing else")
            body, name = await file.read(), Path(file.filename or "body.csv").name
            return body, name, await run_in_threadpool(_read, door.question, text.encode() if text else b"{}")
    raise HTTPException(415, f"ask with application/json or multipart/form-data, not {kind or 'without a Content-Type'}")


def _submit(session: Session, door: RunDoor, book: str | Book, question: BookQuestion) -> UUID:
    from crfs.workflows.book_jobs import book_kind, submit_question
    from crfs.workflows.book_runs import Question
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.times import parse_question

    wanted = door.wanted(question, session)
    asked = Question(
        kind=book_kind(door.kind),
        book=book,
        settings=wanted.settings,
        options=wanted.options,
        models=question.models,
        as_of=None if question.as_of is None else parse_question(question.as_of, what="as_of").isoformat(),
        recorded_as_of=recorded_state(question.recorded_as_of) if wanted.batch_id is None else wanted.batch_id,
        label=question.label,
        attachments=wanted.attachments,
    )
    with renaming(wanted.called):
        return submit_question(session, asked)


async def queue(request: Request, session: Session, service: Service, place: RunPlace | None, submit: Callable[[], UUID]) -> Response:
    """Write the job, hand it to the pool, and wait as long as the caller prefers; without a ``place`` the job's outcome is the answer."""
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
            return await run_in_threadpool(_result, request, session, place, future.result(), applied)
    job = job_document(await run_in_threadpool(show_job, session, job_id))
    return respond(request, job, status=202, cache=NEVER, headers={"Location": f"/v1/jobs/{job_id}", "Retry-After": "1", **applied})


def _result(
    request: Request, session: Session, run_place: RunPlace | None, outcome: Mapping[str, Any], headers: Mapping[str, str]
) -> Response:
    from crfs.workflows.run_documents import book_run

    if run_place is None or "verdict" in outcome:
        return respond(request, dict(outcome), cache=NEVER, headers=headers)
    place = {"Content-Location": f"/v1/{run_place.path}/{outcome['run_id']}"}
    return respond(request, book_run(session, outcome["run_id"], kind=run_place.kind), cache=NEVER, headers={**headers, **place})


def _preferred_wait(prefer: str) -> float:
    """The seconds of ``Prefer: wait=N``, at most :data:`LONGEST_WAIT`; 0 where there is none.

    >>> _preferred_wait("respond-async, wait=5"), _preferred_wait("wait=9999"), _preferred_wait("")
    (5.0, 30.0, 0.0)
    """
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})", prefer)
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


async def question_of(request: Request, model: type[Asked], *, empty_is_none: bool = False) -> Asked:
    """The question of a body in JSON, read beside the loop; what is wrong with it is told with its place. Of an empty body every default, if
    ``empty_is_none``."""
    body = await request.body()
    return await run_in_threadpool(_read, model, b"{}" if empty_is_none and not body.strip() else body)


def _read(model: type[Asked], body: bytes) -> Asked:
    return read_question(model, read_json(body))


def read_question(model: type[Asked], document: Any) -> Asked:
    """The question of a document; what is wrong with it is told with its place."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        places: dict[tuple[int | str, ...], Any] = {}
        for item in found:
            place = ("body", *(item["loc"] if item["type"] == "missing" else _within(document, item["loc"])))
            places.setdefault(place, {**item, "loc": place})
        raise RequestValidationError(list(places.values())) from None


def _within(document: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The part of a place that the document has: pydantic adds which kind of a union it tried.

    >>> _within({"shrinkage": True}, ("shrinkage", "float"))
    ('shrinkage',)
    """
    at = document
    for depth, part in enumerate(location):
        if not (part in at if isinstance(at, Mapping) else isinstance(at, list) and isinstance(part, int) and part < len(at)):
            return location[:depth]
        at = at[part]
    return location


def rows_given(given: Mapping[str, Any], name: str) -> bytes:
    """The bytes of rows of a book that stand in the member ``name`` of a body, as ``csv`` or as ``rows``."""
    from crfs.workflows.book_rows import rows_as_csv

    if set(given) == {"csv"} and isinstance(given["csv"], str):
        return given["csv"].encode("utf-8", "surrogatepass")  # half of a pair is no UTF-8 then, and its place is told with the others
    if set(given) == {"rows"}:
        return rows_as_csv(rows_of(dict(given), within=f"{name}."))
    raise InvalidInput(f'{name} is {{"csv": "facility_id,…"}} or {{"rows": [{{"facility_id": …}}, …]}}', argument=name)
