"""Reverse stress runs: the most likely states in which a book loses a given amount, over HTTP."""

from __future__ import annotations

from pydantic import Field

from crfs.apps.api.book_runs import ROWS, BookQuestion, RunDoor, Wanted, routes
from crfs.apps.api.json_values import NamedOrContent, Whole
from crfs.apps.api.risk_runs import factor_model_wanted, satellite_wanted
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class ReverseStressQuestion(BookQuestion):
    """What the book is to lose in 12 months, in its currency, and in which factor model. ``satellite`` makes macro terms of the states: the
    content of a specification, the name of one that ships with crfs, or ``none``; ``us_credit``, if not given, where it can be fitted."""

    loss: float = Field(gt=0)
    factor_model: NamedOrContent = "us_credit"
    copula: str | None = Field(default=None, max_length=32)
    satellite: NamedOrContent | None = None
    modes: Whole | None = Field(default=None, ge=1, le=20)
    seed: Whole | None = Field(default=None, ge=0)
    default_ccf: float | None = Field(default=None, ge=0, le=1)


def states_wanted(question: ReverseStressQuestion, _session: Session) -> Wanted:
    """The factor model, and the options of the search."""
    options = {name: getattr(question, name) for name in ("loss", "modes", "seed", "default_ccf")}
    model = factor_model_wanted(question.factor_model, question.copula)
    return Wanted(settings={"factor_model": model, **satellite_wanted(question.satellite)}, options=options)


router = routes(
    RunDoor(
        kind=RunKind.REVERSE_STRESS,
        title="The most likely states that cost a given loss",
        question=ReverseStressQuestion,
        wanted=states_wanted,
        example={"loss": 1_000_000},
        inline_example={"book": {"csv": ROWS}, "loss": 10_000},
        answer="Locally most likely states of the systematic factors, the most likely first, each with its distance in standard deviations, "
        "probabilities, factor moves, macro variables that go with them, and the loss by every cut.",
    )
)
