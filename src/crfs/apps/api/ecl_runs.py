"""Runs of provisions: the expected credit losses of a book over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from crfs.apps.api.book_runs import BookQuestion, RunDoor, Wanted, routes
from crfs.apps.api.json_values import Day
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class EclQuestion(BookQuestion):
    """What is asked of a book's provisions; ``policy`` has ``staging`` (an object), ``scenario`` and ``overlay`` (lists of objects), as the
    policy file has them."""

    standard: str | None = Field(default=None, max_length=32)
    policy: dict[str, Any] | None = None
    scenarios: dict[str, float] | None = Field(
        default=None, max_length=50, description="Macro scenarios by name with their weights, in place of the policy's"
    )
    base: str | None = Field(
        default=None, max_length=200, description="What they are compared with; the nearest baseline of all of them, if not given"
    )
    satellite: dict[str, Any] | None = None
    stages: str | None = Field(default=None, max_length=32)
    interest_rate: float | None = Field(default=None, gt=-1)
    expected_life_years: float | None = Field(default=None, gt=0, le=100)
    timing: str | None = Field(default=None, max_length=32)
    period_years: float | None = Field(default=None, gt=0)
    forecast_years: float | None = Field(default=None, ge=0)
    reversion_years: float | None = Field(default=None, ge=0)
    discounted: bool | None = None
    reporting_date: Day | None = None


def ecl_wanted(question: EclQuestion, session: Session) -> Wanted:
    """The options that were given, those of the policy among them, and macro scenarios by reference."""
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.provision_policy import TABLES, read_policy
    from crfs.workflows.scenarios import Named
    from crfs.workflows.stress_questions import macro_settings
    from crfs.workflows.times import parse_question

    told = {"book", "policy", "scenarios", "base", "satellite"}
    own = question.model_dump(mode="json", exclude_none=True, exclude={*BookQuestion.model_fields, *told})
    policy = read_policy(question.policy)
    options = {**own, **policy}
    called = {option: f"policy.{table}" for table, option in TABLES.items() if option in policy}
    if not question.scenarios and question.base is None:
        return Wanted(options=options, called=called)
    batch_id = session.pin(recorded_state(question.recorded_as_of)).batch_id
    macro = macro_settings(
        session,
        [(Named(reference={"name": name}), weight) for name, weight in (question.scenarios or {}).items()],
        base=None if question.base is None else Named(reference={"name": question.base}),
        satellite=question.satellite,
        batch_id=batch_id,
        known_by=None if question.as_of is None else parse_question(question.as_of, what="as_of"),
    )
    called.pop("scenarios", None)  # then the body has these of its own
    return Wanted(settings=macro.settings, options=options, attachments=macro.attachments, batch_id=batch_id, called=called)


router = routes(
    RunDoor(
        kind=RunKind.ECL,
        title="Expected credit losses",
        question=EclQuestion,
        wanted=ecl_wanted,
        example={"standard": "ifrs9", "interest_rate": 0.04, "expected_life_years": 3},
        inline_example={
            "book": {
                "csv": "facility_id,obligor_id,ead,lgd,pd_12m,maturity_years,stage,effective_interest_rate\nF1,O1,100000,0.4,0.02,5,2,0.05\n"
            },
            "policy": {
                "scenario": [{"name": "base", "weight": 0.7}, {"name": "adverse", "weight": 0.3, "hazard_multiplier": [1.5, 2.0, 1.0]}]
            },
        },
        answer="The allowance to the cent, stages and what put facilities into them, scenarios, overlays, and every cut.",
    )
)
