"""Scenarios over HTTP: listed, shown with their paths, and defined from the text of a file."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from crfs.apps.api.answers import respond
from crfs.apps.api.json_values import QUESTION
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held
from crfs.errors import naming

router = APIRouter(prefix="/v1/scenarios", tags=["scenarios"], responses=responses(404))

_EXAMPLE = """[[scenario]]
name = "house/mild"
base = "us/hold"

[[scenario.step]]
do = "shift"
by = { "us.unemployment_rate_quarterly" = 0.01 }
"""


class Definition(BaseModel):
    """The text of a scenario file."""

    model_config = ConfigDict(**QUESTION, json_schema_extra={"example": {"toml": _EXAMPLE}})

    toml: str = Field(min_length=1, max_length=1_000_000)
    file_name: str = Field(default="scenarios.toml", max_length=200)


@router.get("", summary="Scenarios by name", operation_id="listScenarios")
def list_all(request: Request, session: Held) -> Response:
    """Those that were defined, those of the Federal Reserve's stress tests, and those that ship with crfs."""
    from crfs.workflows.scenarios import list_scenarios

    return respond(request, {"scenarios": list_scenarios(session)})


@router.post("", summary="Define scenarios", operation_id="postScenarios", status_code=201, responses=responses(413, 415))
def define(request: Request, session: Held, definition: Definition) -> Response:
    """Keep the scenarios of a file under their names; what a name meant before stays, and runs that took it are not touched."""
    from crfs.workflows.scenarios import define_scenario_bytes

    body = definition.toml.encode("utf-8", "surrogatepass")
    with naming("toml", instead_of="scenario"):
        document: dict[str, Any] = define_scenario_bytes(session, body, file_name=definition.file_name)
    first = document["scenarios"][0]["scenario"]
    return respond(request, document, status=201, headers={"Location": f"/v1/scenarios/{first}"})


@router.get("/{name:path}", summary="A scenario with its paths", operation_id="getScenario")
def one(
    request: Request,
    session: Held,
    name: str,
    as_of: Annotated[str | None, Query(description="With the history that was known then; now where it is not given")] = None,
    recorded_as_of: Annotated[str | None, Query(description="On the store as it was then")] = None,
) -> Response:
    """Its periods, its variables with their units, and the hash of all that it says."""
    from crfs.workflows.scenarios import show_named

    return respond(request, show_named(session, {"name": name}, as_of=as_of, recorded_as_of=recorded_as_of))
