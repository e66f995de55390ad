"""Stress runs: the effect of a scenario on a book over HTTP."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from crfs.apps.api.book_runs import ROWS, RunDoor, Wanted, renaming, routes
from crfs.apps.api.risk_runs import LossQuestion, losses_wanted
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session


class StressQuestion(LossQuestion):
    """What is asked of a book under stress: a ``scenario`` by its name, or the text of a scenario file in ``scenario_toml`` (with the name,
    where it has several), or ``shocks`` by segment. ``conditional`` adds the losses given the scenario's factors, ``migration`` that
    of ratings: ``grades`` on the book's own scale, or an object of ``ratings`` (default last) and ``rows``, a transition matrix of 12 months.
    ``lgd_response`` is ``frye_jacobs`` (if not said, of a scenario) or ``none`` (if not said, of shocks: their ``lgd_add`` is all that moves losses).
    ``capital`` and ``ecl`` are the options of those, measured under stress too. Of capital ``rwa`` is before the output floor and
    ``capital`` after it, where it was asked for: then ``rwa_after_floor`` and ``capital_before_floor`` are told too."""

    scenario: str | None = Field(default=None, max_length=200)
    scenario_toml: str | None = Field(default=None, max_length=1_000_000)
    base: str | None = Field(default=None, max_length=200)
    shocks: list[dict[str, Any]] | None = Field(default=None, min_length=1, max_length=100_000)
    satellite: dict[str, Any] | None = None
    at: str | None = Field(default=None, max_length=32)
    balance_sheet: str | None = Field(default=None, max_length=32)
    lgd_response: str | None = Field(default=None, max_length=32)
    losses: bool | None = None
    conditional: bool | None = None
    migration: Literal["grades"] | dict[str, Any] | None = None
    capital: dict[str, Any] | None = None
    ecl: dict[str, Any] | None = None


def stress_wanted(question: StressQuestion, session: Session) -> Wanted:
    """The scenario by reference, with what is fitted for it, and the options."""
    from crfs.errors import InvalidInput, naming
    from crfs.workflows.observations import recorded_state
    from crfs.workflows.scenarios import Named, scenario_of_bytes
    from crfs.workflows.stress_questions import stress_settings
    from crfs.workflows.times import parse_question

    for number, row in enumerate(question.shocks or ()):
        for column, cell in row.items():
            if isinstance(cell, str) and cell.strip() and column not in {"segment", "valid_time"}:
                detail = f"row {number + 1} of shocks: {column} is a number or null, not the text {cell!r:.80}"
                raise InvalidInput(detail, argument=f"shocks.{number}.{column}")
    losses = losses_wanted(question, session)
    named = None if question.scenario is None else Named(reference={"name": question.scenario})
    if question.scenario_toml is not None:
        body = question.scenario_toml.encode("utf-8", "surrogatepass")
        with naming("scenario_toml"):
            named = scenario_of_bytes(body, file_name="scenario.toml", name=question.scenario)
    batch_id = session.pin(recorded_state(question.recorded_as_of)).batch_id
    known_by = None if question.as_of is None else parse_question(question.as_of, what="as_of")
    called = {} if question.scenario_toml is None else {"scenario": "scenario_toml"}
    with renaming(called):
        told = stress_settings(
            session,
            scenario=named,
            base=None if question.base is None else Named(reference={"name": question.base}),
            shocks=question.shocks,
            satellite=question.satellite,
            batch_id=batch_id,
            known_by=known_by,
        )
    own = {
        name: getattr(question, name)
        for name in ("at", "balance_sheet", "lgd_response", "losses", "conditional", "migration", "capital", "ecl")
    }
    if question.ecl is not None and "policy" in question.ecl:
        raise InvalidInput("ecl has staging, scenarios and overlays of a policy as its own members", argument="ecl")
    return Wanted(
        settings={**losses.settings, **told.settings},
        options={**losses.options, **{name: value for name, value in own.items() if value is not None}},
        attachments=told.attachments,
        batch_id=batch_id,
        called=called,
    )


router = routes(
    RunDoor(
        kind=RunKind.STRESS,
        title="A stress test",
        question=StressQuestion,
        wanted=stress_wanted,
        example={"scenario": "us/recession", "confidences": [0.99], "losses": False},
        inline_example={"book": {"csv": ROWS}, "shocks": [{"pd_probit": 0.5, "lgd_add": 0.05}], "confidences": [0.99], "seed": 1},
        answer="Expected loss with its steps and its band, VaR and ES, capital and provisions, and (conditional) the losses given the "
        "scenario's factors: base, stressed and the difference, by every cut.",
    )
)
