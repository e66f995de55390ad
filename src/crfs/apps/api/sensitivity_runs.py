"""Sensitivity runs: what one input moved at a time does to a book, over HTTP."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from crfs.apps.api.book_runs import ROWS, RunDoor, Wanted, routes
from crfs.apps.api.json_values import NamedOrContent
from crfs.apps.api.risk_runs import LossQuestion, losses_wanted, satellite_wanted
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class SensitivityQuestion(LossQuestion):
    """Which inputs of a book, and which macro variables, are moved by how much; the standard bumps, if not given. ``satellite`` says what a macro
    variable does to the book: the content of a specification, the name of one that ships with crfs, or ``none``; ``us_credit``, if not given,
    where it can be fitted. ``capital`` are the options of regulatory capital. Of capital ``rwa`` is before the output floor and
    ``capital`` after it, where it was asked for: then ``rwa_after_floor`` and ``capital_before_floor`` are told too."""

    bumps: dict[str, float] | None = Field(default=None, min_length=1, max_length=100)
    satellite: NamedOrContent | None = None
    capital: dict[str, Any] | None = None


def bumps_wanted(question: SensitivityQuestion, session: Session) -> Wanted:
    """The factor model, the satellite models, and the options."""
    losses = losses_wanted(question, session)
    own = {name: getattr(question, name) for name in ("bumps", "capital")}
    return Wanted(settings={**losses.settings, **satellite_wanted(question.satellite)}, options={**losses.options, **own})


router = routes(
    RunDoor(
        kind=RunKind.SENSITIVITY,
        title="What one input moved at a time does to a book",
        question=SensitivityQuestion,
        wanted=bumps_wanted,
        example={"confidences": [0.99], "bumps": {"pd_relative": 0.1, "macro_deviations": 1.0}},
        inline_example={"book": {"csv": ROWS}, "bumps": {"pd_relative": 0.1, "lgd_add": 0.05}, "confidences": [0.99], "seed": 1},
        answer="Expected loss, VaR, ES, economic and regulatory capital: base, bumped and the difference with its error, for each bump and a "
        "tenth of it.",
    )
)
