"""Concentration runs: how a book's exposure is spread over names and labels, over HTTP."""

from __future__ import annotations

from pydantic import Field

from crfs.apps.api.book_runs import BookQuestion, RunDoor, Wanted, routes
from crfs.apps.api.json_values import Whole
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class ConcentrationQuestion(BookQuestion):
    """What is asked of a book's concentration: how many of the largest to list, and the conversion factor of rows that say none."""

    top: Whole | None = Field(default=None, ge=0, le=1000)
    default_ccf: float | None = Field(default=None, ge=0, le=1)


def concentration_wanted(question: ConcentrationQuestion, _session: Session) -> Wanted:
    """The options that were given."""
    return Wanted(options={"top": question.top, "default_ccf": question.default_ccf})


router = routes(
    RunDoor(
        kind=RunKind.CONCENTRATION,
        title="Concentration",
        question=ConcentrationQuestion,
        wanted=concentration_wanted,
        example={"top": 5},
        inline_example={
            "book": {"csv": "facility_id,obligor_id,connected_clients,ead,sector\nF1,O1,G1,100000,energy\nF2,O2,G1,50000,\n"},
            "top": 5,
        },
        answer="Herfindahl index, effective number, the largest and what they hold together: by obligor, by connected clients where the book "
        "names them, and by every label.",
    )
)
