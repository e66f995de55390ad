"""Portfolios: books under a name, each load beside the earlier ones."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from crfs.apps.api.answers import respond
from crfs.apps.api.json_values import said_once
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held
from crfs.errors import InvalidInput
from crfs.workflows.session import Session

router = APIRouter(prefix="/v1/portfolios", tags=["portfolios"], responses=responses(404))
_BOOK_TYPES = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
    "application/json": {
        "schema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["rows"],
            "properties": {"rows": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
        },
        "example": {
            "rows": [
                {"facility_id": "F1", "obligor_id": "O1", "ead": 100000, "lgd": 0.4, "pd_12m": 0.02, "r2": 0.2, "group": "retail_pacific"}
            ]
        },
    },
}


@router.get("", summary="Books by name", operation_id="listPortfolios")
def list_all(request: Request, session: Held) -> Response:
    """The newest book under each name."""
    from crfs.workflows.books import list_portfolios

    return respond(request, {"portfolios": list_portfolios(session).to_dicts()})


@router.get("/{name}", summary="The newest book under a name", operation_id="getPortfolio")
def one(request: Request, session: Held, name: str) -> Response:
    """When it was loaded, how many facilities it has, and the hash of its bytes."""
    from crfs.workflows.books import show_portfolio

    return respond(request, show_portfolio(session, name))


@router.put(
    "/{name}",
    summary="Load a book under a name",
    operation_id="putPortfolio",
    status_code=201,
    responses=responses(413, 415),
    openapi_extra={"requestBody": {"required": True, "content": _BOOK_TYPES}},
)
async def load(
    request: Request,
    session: Held,
    name: str,
    valid_at: Annotated[
        str | None, Query(description="When the positions were these, an instant or a day (its end in UTC); now, if not given")
    ] = None,
) -> Response:
    """A book with a wrong cell is refused whole: every row, column and reason is named and nothing is kept.

    Nothing is overwritten: earlier books stay, and a question of an earlier ``as_of`` or ``recorded_as_of`` still finds them.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _BOOK_TYPES:
        raise HTTPException(415, f"a book comes as {', '.join(_BOOK_TYPES)}; not as {kind or 'bytes without a Content-Type'}")
    body = await request.body()
    document = await run_in_threadpool(_load, session, name, kind, body, valid_at)
    return respond(request, document, status=201, headers={"Location": f"/v1/portfolios/{name}"})


def _load(session: Session, name: str, kind: str, body: bytes, valid_at: str | None) -> dict[str, Any]:
    from crfs.workflows.book_rows import rows_as_csv
    from crfs.workflows.books import load_book
    from crfs.workflows.times import parse_question

    if kind == "application/json":
        body = rows_as_csv(rows_of(read_json(body)))
    elif (kind == "application/vnd.apache.parquet") != (body[:4] == b"PAR1"):
        raise InvalidInput(f"the body is not what its Content-Type {kind} says")
    return load_book(session, name, body, valid_at=None if valid_at is None else parse_question(valid_at, what="valid_at"))


def read_json(body: bytes) -> Any:
    """The JSON of a body."""
    try:
        return json.loads(body, object_pairs_hook=said_once)
    except (ValueError, RecursionError) as error:
        words = f"the body is not JSON: {error}"
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": words}]) from None


def rows_of(document: Any, *, within: str = "") -> list[dict[str, Any]]:
    """The rows of a book that came as JSON, objects; ``within`` is where in the body the document stands."""
    if not isinstance(document, dict) or set(document) != {"rows"}:
        raise InvalidInput('a book in JSON is {"rows": [{"facility_id": …, …}, …]}', argument=f"{within}rows")
    rows = document["rows"]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput("rows is a list of objects, one a facility, and not empty", argument=f"{within}rows")
    return rows
