"""Factors and datasets: the catalogue, histories as known then, vintages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from crfs.apps.api.answers import (
    ASK_AGAIN,
    FOR_EVER,
    MEDIA_TYPES,
    NEVER,
    Cursor,
    TableFormat,
    instant,
    json_bytes,
    question_digest,
    read_cursor,
    respond,
    respond_bytes,
    table_bytes,
)
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held

if TYPE_CHECKING:
    from crfs.workflows.observations import Observations

router = APIRouter(prefix="/v1", tags=["factors"], responses=responses(404))
MOST = 10_000

AsOf = Annotated[str | None, Query(description="What was known then: RFC 3339, or a date (the end of that day in the publisher's zone)")]
RecordedAsOf = Annotated[
    str | None, Query(description="What this store had recorded then: RFC 3339, a date (the end of that day in UTC), or a batch number")
]
Entity = Annotated[str | None, Query(description="One entity, for a factor that has many")]
Limit = Annotated[int | None, Query(ge=1, le=MOST, description="Most items of a page")]
Next = Annotated[str | None, Query(description="The cursor of the page before, from its Link header or its next", max_length=2000)]


@router.get("/factors", summary="Factors in force", operation_id="listFactors")
def list_all(
    request: Request,
    session: Held,
    *,
    q: Annotated[str | None, Query(description="Words that must all be in a factor's description", max_length=200)] = None,
    category: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = None,
    cursor: Next = None,
) -> Response:
    """Factors by mnemonic; with no match the list is empty and ``meta.reason`` says so."""
    from crfs.workflows.factors import list_factors

    question = question_digest("factors", q, category)
    begin = read_cursor(cursor, question).offset if cursor else 0
    found = list_factors(session, category=category, search=q)
    page = found[begin : begin + (limit or MOST)]
    following = Cursor(question=question, offset=begin + len(page)).text() if begin + len(page) < len(found) else None
    document = {"factors": page, "next": following, "meta": _meta(len(found), "no factor matches")}
    return respond(request, document, headers=_link(request, following))


@router.get("/factors/{mnemonic}", summary="A factor's definition and what the store has of it", operation_id="getFactor")
def one(request: Request, session: Held, mnemonic: str) -> Response:
    """The definition in force, that of its dataset, and counts of what is stored."""
    from crfs.workflows.factors import show_factor

    return respond(request, show_factor(session, mnemonic))


@router.get("/factors/{mnemonic}/vintages", summary="When a factor became known", operation_id="getFactorVintages")
def vintages(request: Request, session: Held, mnemonic: str, entity: Entity = None, recorded_as_of: RecordedAsOf = None) -> Response:
    """One item a knowledge time: how many values came or changed at it, and which."""
    from crfs.workflows.factors import factor_vintages

    found = factor_vintages(session, mnemonic, entity=entity, recorded_as_of=recorded_as_of)
    return respond(request, found.to_dict())


@router.get(
    "/factors/{mnemonic}/observations",
    summary="A factor's values as known then",
    operation_id="getFactorObservations",
    responses={
        200: {
            "description": "The observations; every format carries both clocks: in the document, in the schema, or in the headers",
            "content": {media.partition(";")[0]: {} for media in MEDIA_TYPES.values()},
        },
        304: {"description": "The caller has it already"},
        **responses(403),
    },
)
def history(
    request: Request,
    session: Held,
    mnemonic: str,
    *,
    start: Annotated[str | None, Query(description="The first valid time that is wanted")] = None,
    end: Annotated[str | None, Query(description="The valid time before which the answer ends")] = None,
    as_of: AsOf = None,
    recorded_as_of: RecordedAsOf = None,
    entity: Entity = None,
    table_format: Annotated[TableFormat, Query(alias="format")] = TableFormat.JSON,
    limit: Limit = None,
    cursor: Next = None,
) -> Response:
    """Values with ``start <= valid_time < end``, by entity and valid time; nothing is filled in.

    ``resolved`` is true where a clock was not given, or lay after the head, and says what it was taken to be. The JSON form comes in pages
    of at most 10,000; the others whole, unless a limit is given. Where the provider's terms forbid that values leave the store, no form
    is answered (403); the page of the factor shows them.
    """
    from crfs.workflows.observations import observations
    from crfs.workflows.rights import require_export

    question = question_digest(mnemonic, entity, start, end, as_of, recorded_as_of)
    begin = read_cursor(cursor, question) if cursor else None
    found = observations(
        session,
        mnemonic,
        entity=entity,
        start=start,
        end=end,
        as_of=begin.as_of if begin else as_of,
        recorded_as_of=begin.batch_id if begin else recorded_as_of,
    )
    offset = begin.offset if begin else 0
    size = limit or (MOST if table_format is TableFormat.JSON else found.table.height or 1)
    table = found.table.slice(offset, size)
    following = None
    if offset + table.height < found.table.height:
        snapshot = Cursor(question=question, offset=offset + table.height, as_of=instant(found.as_of), batch_id=found.batch_id)
        following = snapshot.text()
    facts = _facts(found, resolved=found.resolved and begin is None)
    headers = {f"Crfs-{name.title().replace('_', '-')}": value for name, value in facts.items() if name not in {"title", "rights"}}
    headers |= _link(request, following)
    cache = NEVER if found.personal else FOR_EVER if found.pinned else ASK_AGAIN
    # Every form is read by a program, so every form leaves the store; the pages show what may only be looked at.
    require_export(session, mnemonic, recorded_as_of=found.batch_id)
    if table_format is not TableFormat.JSON:
        body = table_bytes(table, table_format, facts)
        return respond_bytes(request, body, MEDIA_TYPES[table_format], cache=cache, headers=headers)
    rows = table.to_dicts()
    document = {
        "mnemonic": found.mnemonic,
        "title": found.title,
        "unit": found.unit,
        "entity": found.entity,
        "dataset": found.dataset,
        "as_of": found.as_of,
        "recorded_as_of": found.recorded_as_of,
        "batch_id": found.batch_id,
        "resolved": found.resolved and begin is None,
        "stale": found.stale.to_dict() if found.stale else None,
        "observations": rows,
        "next": following,
        "meta": _meta(found.table.height, "nothing was known of this window then"),
    }
    # An answer about now names the moment of the question, so two of them differ in a byte or two and mean the same.
    digest = None if found.pinned else hashlib.sha256(json_bytes([rows, found.batch_id, facts["resolved"], document["stale"]])).hexdigest()
    return respond(request, document, cache=cache, digest=digest, headers=headers)


@router.get("/datasets", summary="Datasets in force", operation_id="listDatasets")
def datasets(request: Request, session: Held) -> Response:
    """Datasets by name."""
    from crfs.workflows.datasets import list_datasets

    return respond(request, {"datasets": list_datasets(session)})


@router.get("/datasets/{name}", summary="A dataset's definition and what the store has of it", operation_id="getDataset")
def dataset(request: Request, session: Held, name: str) -> Response:
    """The definition in force, its factors, and counts of what is stored."""
    from crfs.workflows.datasets import show_dataset

    return respond(request, show_dataset(session, name))


def _facts(found: Observations, *, resolved: bool) -> dict[str, str]:
    return {
        "mnemonic": found.mnemonic,
        "title": found.title,
        "unit": found.unit,
        "rights": found.rights,
        "as_of": instant(found.as_of),
        "recorded_as_of": instant(found.recorded_as_of),
        "batch_id": str(found.batch_id),
        "resolved": "true" if resolved else "false",
        **({"stale_since": instant(found.stale.since)} if found.stale else {}),
    }


def _meta(total: int, reason: str) -> dict[str, Any]:
    return {"total": total} if total else {"total": 0, "reason": reason}


def _link(request: Request, following: str | None) -> dict[str, str]:
    if following is None:
        return {}
    url = request.url.include_query_params(cursor=following)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}
