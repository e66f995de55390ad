"""Attribution runs: why the risk of a book changed between two times, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from crfs.apps.api.book_runs import ASKING, RunPlace, answers, described_body, question_of, queue
from crfs.apps.api.json_values import Whole
from crfs.apps.api.problems import responses
from crfs.apps.api.risk_runs import LossQuestion, losses_wanted
from crfs.apps.api.service import Held, Serving
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from uuid import UUID

PLACE = RunPlace(
    kind=RunKind.ATTRIBUTION,
    title="Why the risk of a book changed",
    answer="Every measure before, the steps with their errors, and after: they sum exactly; and the same by the tags that were asked for.",
)
router = APIRouter(prefix="/v1", tags=[PLACE.kind.value], responses=responses(404))


class AttributionQuestion(LossQuestion):
    """Two times, and what may be asked of a loss distribution; ``as_of`` is the later time here."""

    earlier: str = Field(alias="from", description="A day (its end) or an instant")
    later: str = Field(alias="to")
    tags: list[str] | None = Field(default=None, max_length=5)
    shapley: bool | None = None
    replicates: Whole | None = Field(default=None, ge=1, le=100)


@router.post(
    f"/portfolios/{{name}}/{PLACE.path}",
    summary="Why the risk of a book that was loaded changed between two times",
    operation_id=f"postPortfolio{PLACE.operation}",
    status_code=202,
    responses=ASKING,
    openapi_extra=described_body(AttributionQuestion, {"from": "2026-03-31", "to": "2026-06-30", "confidences": [0.999]}, file=False),
)
async def ask(request: Request, session: Held, service: Serving, name: str) -> Response:
    """Queue a run about the book under a name at two times, each seen as it was then."""
    question = await question_of(request, AttributionQuestion)
    return await queue(request, session, service, PLACE, lambda: _submit(session, name, question))


def _submit(session: Session, name: str, question: AttributionQuestion) -> UUID:
    from crfs.workflows.book_jobs import submit_question
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.portfolio_attribution import between
    from crfs.workflows.times import parse_question

    losses = losses_wanted(question, session)
    own = {key: getattr(question, key) for key in ("tags", "shapley", "replicates")}
    asked = between(
        session,
        name,
        parse_question(question.earlier, what="from"),
        parse_question(question.later, what="to"),
        settings=losses.settings,
        options={**losses.options, **own},
        models=question.models,
        batch_id=session.pin(recorded_state(question.recorded_as_of)).batch_id,
        label=question.label,
    )
    return submit_question(session, asked)


answers(router, PLACE)
