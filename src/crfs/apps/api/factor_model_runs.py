"""Factor models that are estimated from histories, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from crfs.apps.api.book_runs import ASKING, RunPlace, answers, described_body, question_of, queue
from crfs.apps.api.json_values import QUESTION, Day, State, Whole
from crfs.apps.api.problems import responses
from crfs.apps.api.service import Held, Serving
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from uuid import UUID

PLACE = RunPlace(
    kind=RunKind.FACTOR_MODEL,
    title="A factor model estimated from histories",
    answer="The model, which a risk run takes as its factor_model; the sample's correlations with their standard errors, the shrinkage and how far "
    "the matrix was moved to be positive semi-definite; and of factors that are default rates, what they were counted from.",
)
router = APIRouter(prefix="/v1", tags=[PLACE.kind.value], responses=responses(404))
_EXAMPLE = {
    "frequency": "quarter",
    "factor": [
        {"name": "households", "default_rate_of": {"segment": "retail"}},
        {"name": "spreads", "mnemonic": "us.credit_spread_baa_aaa", "aggregate": "mean", "low_is_bad": False},
    ],
    "groups": {"retail": {"households": 0.8, "spreads": 0.2}},
}


class FactorModelQuestion(BaseModel):
    """What a factor model is estimated from: the content of the TOML file that ``crfs portfolio factor-model`` takes, and both clocks."""

    model_config = QUESTION

    frequency: str = Field(description="month, quarter or year")
    factor: list[dict[str, Any]] = Field(min_length=1, max_length=200, description="A name each, and a mnemonic or default_rate_of")
    start: Day | None = Field(default=None, description="The first period; none: all that is known")
    end: Day | None = None
    shrinkage: float | str | None = Field(default=None, description="A weight within [0, 1] of the mean correlation, or ledoit_wolf")
    missing: str | None = Field(default=None, description="pairwise or complete")
    hac_lags: Whole | None = Field(default=None, ge=0, le=1000)
    copula: str | dict[str, Any] | None = None
    groups: dict[str, dict[str, float]] | None = Field(default=None, description="Weights of factors; none: each factor is a group")
    rates: dict[str, str] | None = Field(default=None, description="Datasets that default rates are counted from; none: the bureau's")
    as_of: str | None = Field(default=None, description="Histories as they were known at an instant, or at a day's end in UTC; none: now")
    recorded_as_of: State | None = None
    label: str | None = Field(default=None, max_length=200)


@router.post(
    f"/{PLACE.path}",
    summary="Estimate a factor model from histories",
    operation_id=f"post{PLACE.operation}",
    status_code=202,
    responses=ASKING,
    openapi_extra=described_body(FactorModelQuestion, _EXAMPLE, file=False),
)
async def ask(request: Request, session: Held, service: Serving) -> Response:
    """Queue a run that estimates a factor model from the store's histories as they were known at ``as_of``."""
    question = await question_of(request, FactorModelQuestion)
    return await queue(request, session, service, PLACE, lambda: _submit(session, question))


def _submit(session: Session, question: FactorModelQuestion) -> UUID:
    from crfs.workflows.book_jobs import submit_factor_model

    clocks = {"as_of", "recorded_as_of", "label"}
    return submit_factor_model(
        session,
        question.model_dump(exclude=clocks, exclude_none=True),
        as_of=question.as_of,
        recorded_as_of=question.recorded_as_of,
        label=question.label,
    )


answers(router, PLACE)
