"""What-if runs: what loans that come, change or leave do to a book's risk, over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from crfs.apps.api.book_runs import ROWS, RunDoor, Wanted, routes, rows_given
from crfs.apps.api.risk_runs import LossQuestion, losses_wanted
from crfs.errors import naming
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class WhatIfQuestion(LossQuestion):
    """What changes of a book: ``changes`` are rows that come or take the place of the facility that has their ``facility_id``, as
    ``{"csv": "facility_id,…"}`` or ``{"rows": [{…}, …]}``; ``remove`` names facilities that leave."""

    changes: dict[str, Any] | None = None
    remove: list[str] | None = Field(default=None, max_length=100_000)


def what_if_wanted(question: WhatIfQuestion, session: Session) -> Wanted:
    """The factor model, the rows that come as a file, and the options."""
    from crfs.workflows.portfolio_what_if import Changes, changes_of_bytes

    losses = losses_wanted(question, session)
    told = Changes(settings={})
    if question.changes is not None:
        with naming("changes"):
            told = changes_of_bytes(rows_given(question.changes, "changes"), file_name="changes.csv")
    return Wanted(
        settings={**losses.settings, **told.settings},
        options={**losses.options, "remove": question.remove},
        attachments=told.attachments,
    )


_LOAN = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group\nF2,O2,50000,0.4,0.03,0.2,retail_pacific\n"

router = routes(
    RunDoor(
        kind=RunKind.WHAT_IF,
        title="What loans that come, change or leave do to the risk",
        question=WhatIfQuestion,
        wanted=what_if_wanted,
        example={"changes": {"csv": _LOAN}, "confidences": [0.99], "seed": 1},
        inline_example={"book": {"csv": ROWS}, "changes": {"csv": _LOAN}, "confidences": [0.99], "seed": 1},
        answer="Expected and unexpected loss, VaR, ES and economic capital before, after and the difference with its error and 95 % interval, and "
        "what each changed obligor adds alone and at first order.",
    )
)
