"""Alerts over HTTP: listed, shown with their history, acted on; and evaluations of the rules that open and close them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from crfs.apps.api.answers import NEVER, respond
from crfs.apps.api.book_runs import ASKING, queue
from crfs.apps.api.json_values import QUESTION
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held, Serving

if TYPE_CHECKING:
    from uuid import UUID

    from crfs.workflows.session import Session

router = APIRouter(prefix="/v1", tags=["alerts"], responses=responses(404))

_LIMITS = "portfolio,scope,entity,limit\ncorp,obligor,*,1000000\ncorp,sector,energy,5000000\ncorp,portfolio,,20000000\n"


class Evaluation(BaseModel):
    """What is looked at by which rules: the texts of files, where they are not those that ship with crfs."""

    model_config = ConfigDict(**QUESTION, json_schema_extra={"example": {"limits": _LIMITS, "dry_run": True}})

    rules: str | None = Field(default=None, max_length=1_000_000, description="TOML of [[rule]] tables; none: those that ship with crfs")
    limits: str | None = Field(default=None, max_length=5_000_000, description="TOML of [[limit]] tables, or CSV, of loaded books")
    rating_scale: str | None = Field(default=None, max_length=1_000_000, description="TOML of grades; none: the one that ships with crfs")
    as_of: str | None = Field(default=None, description="An instant, or a day (its end in UTC); none: when the job is done")
    dry_run: bool = Field(default=False, description="Only say what would open, stay and close")


class Note(BaseModel):
    """What is kept in the alert's history."""

    model_config = ConfigDict(**QUESTION, json_schema_extra={"example": {"note": "I ask them"}})

    note: str | None = Field(default=None, max_length=2_000)


class Silence(Note):
    """Until when nobody wants to hear of it: an instant, or a day (its start in UTC)."""

    # It is needed, and where it is left out the workflow says in words what to send.
    model_config = ConfigDict(
        **QUESTION, json_schema_extra={"example": {"until": "2031-01-01", "note": "they know"}, "required": ["until"]}
    )

    until: str | None = Field(default=None, description="An instant, or a day (its start in UTC)")


@router.get("/alerts", summary="Alerts, the newest first", operation_id="listAlerts")
def list_all(
    request: Request,
    session: Held,
    *,
    closed: Annotated[bool, Query(description="Closed ones too")] = False,
    rule: Annotated[str | None, Query(max_length=200)] = None,
    severity: Annotated[str | None, Query(description="info, warning or critical")] = None,
    before: Annotated[int | None, Query(description="Those with a lower number: the next page")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
) -> Response:
    """A page of them, and how many there are by rule, severity and state; ``Link: rel="next"`` is the page after."""
    from crfs.workflows.alerts import count_alerts, list_alerts

    wanted: dict[str, Any] = {"live_only": not closed, "rules": _one(rule), "severities": _one(severity)}
    found = list_alerts(session, **wanted, before=before, limit=limit)
    following = request.url.include_query_params(before=found[-1]["alert_id"]) if len(found) == limit else None
    link = {} if following is None else {"Link": f'<{following.path}?{following.query}>; rel="next"'}
    return respond(request, {"alerts": found, "counts": count_alerts(session, **wanted)}, headers=link)


def _one(name: str | None) -> list[str] | None:
    return None if name is None else [name]


@router.get("/alerts/{alert_id}", summary="An alert", operation_id="getAlert")
def one(request: Request, session: Held, alert_id: int) -> Response:
    """Its evidence, and who did what to it when."""
    from crfs.workflows.alerts import show_alert

    return respond(request, show_alert(session, alert_id))


@router.post("/alerts/{alert_id}/ack", summary="Say that somebody is on it", operation_id="acknowledgeAlert", responses=responses(409))
def acknowledge(request: Request, session: Held, alert_id: int, told: Note | None = None) -> Response:
    """It stays acknowledged until it becomes worse, or its condition has gone. The body may be left out."""
    return _act(request, session, alert_id, "acknowledge", told)


@router.post(
    "/alerts/{alert_id}/silence",
    summary="Say that nobody wants to hear of it",
    operation_id="silenceAlert",
    responses=responses(409),
    openapi_extra={"requestBody": {"required": True}},
)
def silence(request: Request, session: Held, alert_id: int, told: Silence | None = None) -> Response:
    """It opens again after that time, if its condition is still there."""
    return _act(request, session, alert_id, "silence", told, until=None if told is None else told.until)


@router.post("/alerts/{alert_id}/close", summary="Close an alert", operation_id="closeAlert", responses=responses(409))
def close(request: Request, session: Held, alert_id: int, told: Note | None = None) -> Response:
    """If its condition is still there, the rules open a new one. The body may be left out."""
    return _act(request, session, alert_id, "close", told)


def _act(request: Request, session: Session, alert_id: int, act: str, told: Note | None, *, until: str | None = None) -> Response:
    from crfs.workflows.alerts import act_on_alert

    note = None if told is None else told.note
    return respond(request, act_on_alert(session, alert_id, act, note=note, until=until), cache=NEVER)


@router.get("/alert-rules", summary="The early-warning rules that ship with crfs", operation_id="listAlertRules")
def list_rules(request: Request) -> Response:
    """What each looks at, and from where on it is alarming."""
    from crfs.workflows.alert_rules import list_rules as shipped

    return respond(request, {"rules": shipped()})


@router.post(
    "/alert-evaluations",
    summary="Let early-warning rules look at the store",
    operation_id="postAlertEvaluation",
    status_code=202,
    responses=ASKING,
)
async def evaluate(request: Request, session: Held, service: Serving, asked: Evaluation | None = None) -> Response:
    """Queue an evaluation: alerts open, stay and close by what the rules see. The job's outcome says of how many, by rule, which changed, and why
    rules could not look. The same evaluation again changes nothing. Without a body the rules that ship with crfs look at the store as it is."""
    question = asked or Evaluation()

    def submit() -> UUID:
        from crfs.workflows.rule_jobs import submit_evaluation

        texts = {"rules": question.rules, "limits": question.limits, "rating_scale": question.rating_scale}
        return submit_evaluation(session, texts=texts, as_of=question.as_of, dry_run=question.dry_run)

    return await queue(request, session, service, None, submit)
