"""Risk runs: the loss distribution of a book over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from crfs.apps.api.answers import FOR_EVER, respond
from crfs.apps.api.book_runs import ROWS, BookQuestion, RunDoor, Wanted, routes
from crfs.apps.api.json_values import NamedOrContent, Whole
from crfs.apps.api.service import Held
from crfs.errors import naming
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class LossQuestion(BookQuestion):
    """What is asked of a book's losses. ``factor_model`` is the name of one that ships with crfs, or the content of a model.json."""

    factor_model: NamedOrContent = "us_credit"
    copula: str | None = Field(default=None, max_length=32)
    confidences: list[float] | None = Field(default=None, min_length=1, max_length=20)
    method: str | None = Field(default=None, max_length=32)
    rel_tol: float | None = Field(default=None, gt=0)
    seed: Whole | None = Field(default=None, ge=0)
    max_scenarios: Whole | None = None
    budget: float | None = Field(default=None, gt=0)
    default_ccf: float | None = Field(default=None, ge=0, le=1)


def losses_wanted(question: LossQuestion, _session: Session) -> Wanted:
    """The factor model, and the options of the loss distribution."""
    options = {
        name: getattr(question, name) for name in ("confidences", "method", "rel_tol", "seed", "max_scenarios", "budget", "default_ccf")
    }
    return Wanted(settings={"factor_model": factor_model_wanted(question.factor_model, question.copula)}, options=options)


def factor_model_wanted(given: dict[str, Any] | str, copula: str | None) -> dict[str, Any]:
    """The content of a factor model that was named or given, with another copula where one was asked for."""
    from crfs.workflows.packaged import packaged_factor_model

    with naming("factor_model"):
        content = packaged_factor_model(given) if isinstance(given, str) else dict(given)
    return content if copula is None else {**content, "copula": copula}


def satellite_wanted(given: dict[str, Any] | str | None) -> dict[str, Any]:
    """How a specification keeps satellite models that were named or given; a text is a name, never a file of this machine."""
    from crfs.workflows.macro_terms import NO_SATELLITE, satellite_settings
    from crfs.workflows.packaged import packaged_satellite

    with naming("satellite"):
        return satellite_settings(packaged_satellite(given) if isinstance(given, str) and given != NO_SATELLITE else given)


router = routes(
    RunDoor(
        kind=RunKind.RISK,
        title="Value at risk, expected shortfall and who makes them",
        question=LossQuestion,
        wanted=losses_wanted,
        example={"confidences": [0.99], "seed": 1},
        inline_example={"book": {"csv": ROWS}, "confidences": [0.99, 0.999], "seed": 1},
        answer="Expected and unexpected loss, VaR and ES with errors, the loss curve, concentration, contributions, and where each cell "
        "came from.",
    )
)


@router.get("/risk-runs/{run_id}/contributions", summary="Who makes the tail", operation_id="getRiskRunContributions")
def contributions(request: Request, session: Held, run_id: str) -> Response:
    """Contributions to expected loss and to each expected shortfall, by obligor (the largest) and by sector (all: they sum)."""
    from crfs.workflows.run_documents import risk_run

    found = risk_run(session, run_id)
    kept = ("run_id", "currency", "as_of", "recorded_as_of", "contributions")
    return respond(request, {name: found[name] for name in kept}, cache=FOR_EVER)
