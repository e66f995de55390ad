"""Errors as RFC 9457 problem details: one table from the class of an error to a status, for the API and for its description."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from crfs.errors import (
    Conflict,
    CrfsError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotYetKnown,
    Problem,
    Quarantined,
    ServiceUnavailable,
    SourceRejected,
    SourceUnavailable,
    VerificationFailed,
)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 1000
"""As many wrong places as one answer lists; ``detail`` says how many there are in all."""
_SHOCKS = "/body/shocks"

_log = logging.getLogger(__name__)


class TooManyJobs(CrfsError):
    """The pool of this process has as many jobs waiting as it takes; asking again later is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """A documented kind of problem: ``name`` ends its type URI."""

    name: str
    title: str
    status: int

    @property
    def uri(self) -> str:
        """The type URI: where this service describes its kinds of problems."""
        return f"/problems#{self.name}"


# The first class that fits wins, so a class stands before its parent.
TYPES: tuple[tuple[type[CrfsError], ProblemType], ...] = (
    (NotFound, ProblemType(name="not-found", title="No such thing in the store", status=404)),
    (InvalidInput, ProblemType(name="invalid-input", title="The input is wrong", status=422)),
    (Forbidden, ProblemType(name="forbidden", title="Its provider's terms forbid it", status=403)),
    (NotYetKnown, ProblemType(name="not-yet-known", title="Not known yet: ask later", status=409)),
    (Conflict, ProblemType(name="conflict", title="This would rewrite history", status=409)),
    (SourceUnavailable, ProblemType(name="source-unavailable", title="A provider does not answer", status=503)),
    (SourceRejected, ProblemType(name="source-rejected", title="A provider refuses", status=502)),
    (Quarantined, ProblemType(name="quarantined", title="A provider's answer is held back", status=502)),
    (ServiceUnavailable, ProblemType(name="service-unavailable", title="A server that crfs needs is not there", status=503)),
    (TooManyJobs, ProblemType(name="too-many-jobs", title="Too many jobs are waiting", status=429)),
    (VerificationFailed, ProblemType(name="verification-failed", title="What is stored is not what was recorded", status=409)),
    (CrfsError, ProblemType(name="internal", title="An error inside crfs", status=500)),
)
RETRY_AFTER = {"source-unavailable": "60", "service-unavailable": "2", "too-many-jobs": "5"}


def type_of(error: CrfsError) -> ProblemType:
    """The kind of problem that an error is.

    >>> type_of(NotFound("no factor is called 'x'")).status, type_of(InvalidInput("ead is negative")).status
    (404, 422)
    """
    return next(kind for cls, kind in TYPES if isinstance(error, cls))


def pointer(problem: Problem) -> str:
    """The place of a wrong cell as a JSON pointer: ``/rows/2/ead`` is column ``ead`` of the third data row.

    >>> pointer(Problem(row=3, column="ead", reason="out_of_range", detail="-5 is not within [0, inf)"))
    '/rows/2/ead'
    >>> pointer(Problem(row=None, column="loading:a/b", reason="unknown_column", detail=""))
    '/columns/loading:a~1b'
    """
    column = (problem.column or "").replace("~", "~0").replace("/", "~1")
    if problem.row is None:
        return f"/columns/{column}" if column else ""
    return f"/rows/{problem.row - 1}" + (f"/{column}" if column else "")


def argument_place(argument: str, request: Request, member: Sequence[str | int] = ()) -> str:
    """Where in a request an argument, or a member of it, stands, as a pointer: ``/query/as_of``, ``/path/name``, ``/body/book/rows``.

    A book as a whole is where it came from: in the body, or under the name that the path has.
    """
    name, *rest = argument.split(".")
    if name == "portfolio" and not rest and name not in request.query_params:
        return "/path/name" if "name" in request.path_params else "/body/book"
    where = "query" if name in request.query_params else "path" if name in request.path_params else "body"
    return _place([where, name, *rest, *member])


def listed(problems: Sequence[Problem], *, within: str = "") -> list[dict[str, Any]]:
    """Wrong places as ``errors`` members, each with the row (the first data row is 1) and the column beside its pointer.

    A row, or the whole, is of the argument that lies ``within`` the request at that place (none: of the book); a column alone is told as a book's.
    Shocks are a list of rows themselves, and no columns: ``/body/shocks/1/pd_probit``, and of a column the whole.
    """
    return [
        {
            "pointer": _pointed(problem, within),
            "detail": problem.detail,
            "code": problem.reason,
            **({"row": problem.row} if problem.row is not None else {}),
            **({"column": problem.column} if problem.column is not None else {}),
        }
        for problem in problems[:MOST_ERRORS]
    ]


def _pointed(problem: Problem, within: str) -> str:
    if within == _SHOCKS:
        return within if problem.row is None else within + pointer(problem).removeprefix("/rows")
    return (within if problem.row is not None or problem.column is None else "") + pointer(problem)


def document(
    *, type_uri: str, title: str, status: int, detail: str, instance: str, errors: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """A problem details object; ``trace_id`` is also in this process's log where the problem is ours."""
    return {
        "type": type_uri,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "errors": list(errors),
        "trace_id": uuid4().hex,
    }


def answer(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The response for a problem details object."""
    return Response(
        json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace"),  # halves of pairs stay what JSON calls them: \\ud800
        status_code=int(body["status"]),
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def of_error(error: CrfsError, request: Request) -> dict[str, Any]:
    """The problem details of a deliberate error."""
    kind, instance = type_of(error), instance_of(request)
    problems = error.problems if isinstance(error, InvalidInput) else ()
    detail = str(error)
    if isinstance(error, InvalidInput) and error.argument is not None and not problems:
        places = [{"pointer": argument_place(error.argument, request, error.member), "detail": detail, "code": kind.name}]
        return document(type_uri=kind.uri, title=kind.title, status=kind.status, detail=detail, instance=instance, errors=places)
    within = argument_place(error.argument, request) if isinstance(error, InvalidInput) and error.argument is not None else ""
    if len(problems) > MOST_ERRORS:
        detail = f"{detail} (the first {MOST_ERRORS} of {len(problems)} wrong places are listed)"
    return document(
        type_uri=kind.uri, title=kind.title, status=kind.status, detail=detail, instance=instance, errors=listed(problems, within=within)
    )


def of_status(status: int, detail: str, instance: str) -> dict[str, Any]:
    """The problem details of a status that HTTP itself explains (404 of a path, 405, 413 …)."""
    title = HTTPStatus(status).phrase
    return document(type_uri="about:blank", title=title, status=status, detail=detail or title, instance=instance)


def error_headers(error: CrfsError) -> dict[str, str]:
    """Headers that go with an error: when to ask again."""
    wait = RETRY_AFTER.get(type_of(error).name)
    return {"Retry-After": wait} if wait else {}


def instance_of(request: Request) -> str:
    """What the request asked for, without the host."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


AsPage = Callable[[Request, Mapping[str, Any], "Mapping[str, str] | None"], "Response | None"]
"""Makes a page of a problem where a person asked, and answers None where a program did."""


def install(app: FastAPI, as_page: AsPage) -> None:
    """Answer every error with problem details, or with a page of them."""

    def respond(request: Request, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
        return as_page(request, body, headers) or answer(body, headers)

    async def deliberate(request: Request, error: Exception) -> Response:
        assert isinstance(error, CrfsError)
        if isinstance(error, ServiceUnavailable):
            request.app.state.service.revive()
        body = of_error(error, request)
        if body["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, VerificationFailed):
            _log.error("request_failed trace_id=%s path=%s error=%s", body["trace_id"], request.url.path, error)
        return respond(request, body, error_headers(error))

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        body = of_status(error.status_code, str(error.detail or ""), instance_of(request))
        return respond(request, body, error.headers)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        places = [
            {"pointer": _place(item["loc"]), "detail": _plain(str(item["msg"])), "code": str(item["type"])}
            for item in error.errors()[:MOST_ERRORS]
        ]
        first = places[0] if places else {"pointer": "", "detail": "the request cannot be read"}
        kind = type_of(InvalidInput(""))
        body = document(
            type_uri=kind.uri,
            title=kind.title,
            status=kind.status,
            detail=f"{first['pointer'] or 'request'}: {first['detail']}",
            instance=instance_of(request),
            errors=places,
        )
        return respond(request, body)

    async def unexpected(request: Request, error: Exception) -> Response:
        body = of_status(HTTPStatus.INTERNAL_SERVER_ERROR, "crfs made a mistake; its log has it under the trace_id", instance_of(request))
        _log.error("request_failed trace_id=%s path=%s", body["trace_id"], request.url.path, exc_info=error)
        return respond(request, body)

    app.add_exception_handler(CrfsError, deliberate)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(Exception, unexpected)


def _place(location: Sequence[int | str]) -> str:
    """FastAPI's location as a pointer: ``/query/limit``, ``/body/seed``."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _plain(message: str) -> str:
    """A message of pydantic's less what is of its workings, not of the request.

    >>> _plain("List should have at least 1 item after validation, not 0")
    'List should have at least 1 item, not 0'
    """
    return message.replace(" after validation", "")


SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "instance", "errors", "trace_id"],
    "properties": {
        "type": {"type": "string", "description": "URI reference of the kind of problem; about:blank where the status says it all"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "code"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer to the wrong place; /rows/2/ead is row 3 of a book, /body/changes/rows/2/ead of its changes",
                    },
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                    "row": {"type": "integer", "description": "The first data row is 1"},
                    "column": {"type": "string"},
                },
            },
        },
        "trace_id": {"type": "string"},
    },
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of an operation, for its description; every operation may answer 422, 500 and 503."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, 422, 500, 503})
    }
