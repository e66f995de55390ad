"""Capital runs: the regulatory capital of a book over HTTP."""

from __future__ import annotations

from pydantic import Field

from crfs.apps.api.book_runs import BookQuestion, RunDoor, Wanted, routes
from crfs.apps.api.json_values import Day
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class CapitalQuestion(BookQuestion):
    """What is asked of a book's capital; the classes of facilities that have none in the book go by facility type, by segment, or by
    ``*`` for all others."""

    approach: str | None = Field(default=None, max_length=32)
    regime: str | None = Field(default=None, max_length=32)
    ratings_allowed: bool | None = None
    output_floor: bool | None = None
    floor_on: Day | None = None
    floor_path: str | None = Field(default=None, max_length=32)
    transitional_cap: bool | None = None
    general_provisions: float | None = Field(default=None, ge=0)
    defaulted_excess_covers_others: bool | None = None
    capital_ratio: float | None = Field(default=None, gt=0, le=1)
    exposure_classes: dict[str, str] | None = None


def capital_wanted(question: CapitalQuestion, _session: Session) -> Wanted:
    """The options that were given."""
    own = question.model_dump(mode="json", exclude_none=True, exclude={*BookQuestion.model_fields, "book"})
    return Wanted(options=own)


router = routes(
    RunDoor(
        kind=RunKind.CAPITAL,
        title="Regulatory capital",
        question=CapitalQuestion,
        wanted=capital_wanted,
        example={"approach": "standardised", "exposure_classes": {"*": "corporate"}},
        inline_example={
            "book": {"csv": "facility_id,obligor_id,ead,lgd,pd_12m,exposure_class,maturity_years\nF1,O1,100000,0.45,0.01,corporate,2.5\n"},
            "output_floor": True,
        },
        answer="Totals, the output floor, expected loss against provisions, and risk-weighted assets by every cut.",
    )
)
