"""Mark-to-market runs: the loss of value of a book by a horizon as ratings migrate, over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from crfs.apps.api.book_runs import RunDoor, Wanted, routes
from crfs.apps.api.json_values import Whole
from crfs.apps.api.risk_runs import LossQuestion, losses_wanted
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class MarkToMarketQuestion(LossQuestion):
    """What is asked of a book's value: ``transition_matrix`` is an object of ``ratings`` (the best first, default last) and ``rows``, probabilities of
    12 months.

    ``quotes`` says whose credit spreads are taken (``auto``, ``ice``, ``moodys_daily`` or ``moodys_monthly``), ``grades`` which agency's grade a rating of
    another scale is like, and ``spreads`` those of ratings that need no quote, decimals a year."""

    transition_matrix: dict[str, Any]
    periods: Whole | None = Field(default=None, ge=1, le=1000)
    persistence: float | None = Field(default=None, ge=0, lt=1)
    reference: str | None = Field(default=None, max_length=32)
    frequency: Whole | None = Field(default=None, ge=1, le=1000)
    quotes: str | None = Field(default=None, max_length=32)
    grades: dict[str, str] | None = None
    spreads: dict[str, float] | None = None


def mark_to_market_wanted(question: MarkToMarketQuestion, session: Session) -> Wanted:
    """The factor model and the matrix, and the options of values, curves and scenarios."""
    losses = losses_wanted(question, session)
    own = {name: getattr(question, name) for name in ("periods", "persistence", "reference", "frequency", "quotes", "grades", "spreads")}
    return Wanted(
        settings={**losses.settings, "transition_matrix": question.transition_matrix},
        options={**losses.options, **{name: value for name, value in own.items() if value is not None}},
    )


_MATRIX = {"ratings": ["A", "B", "D"], "rows": [[0.95, 0.04, 0.01], [0.1, 0.8, 0.1]]}

router = routes(
    RunDoor(
        kind=RunKind.MARK_TO_MARKET,
        title="Loss of value as ratings migrate",
        question=MarkToMarketQuestion,
        wanted=mark_to_market_wanted,
        example={"transition_matrix": _MATRIX, "confidences": [0.99], "seed": 1},
        inline_example={
            "book": {"csv": "facility_id,obligor_id,ead,lgd,rating,maturity_years,r2,group\nF1,O1,100000,0.45,A,3,0.2,corporate_energy\n"},
            "transition_matrix": _MATRIX,
            "confidences": [0.99],
            "seed": 1,
        },
        answer="Expected loss of value, VaR and ES with errors against the value of the book now, ratings and defaults by period, contributions, and "
        "the curves as they were known.",
    )
)
