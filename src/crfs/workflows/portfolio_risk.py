"""Portfolio risk as a run: a book, the models that fill it, a factor model, and the loss distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crfs.errors import InvalidInput
from crfs.workflows.book_runs import Asked, BookKind, Question, Ready, measure_book, refuse_rows
from crfs.workflows.default_signs import measured_as_performing
from crfs.workflows.filling import fill_and_check
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.risk import WarmPortfolio
    from crfs.risk.portfolio import MeasuredBook
    from crfs.risk.workers import MapTasks
    from crfs.store.runs import Run

DEFAULTS: dict[str, Any] = {
    "confidences": [0.99, 0.999],
    "method": "auto",
    "rel_tol": 0.005,
    "seed": 1,
    "max_scenarios": 200_000,
    "budget": 1e11,
}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options as the measurement does; nothing is measured, so that what is asked for costs nothing yet."""
    from crfs.quality.portfolio import check_default_ccf
    from crfs.risk.choosing import make_question

    check_default_ccf(options.get("default_ccf"))
    check_finite_budget(options)
    asked = {**DEFAULTS, **{name: options[name] for name in DEFAULTS if name in options}}
    make_question(**asked, contributions=False)


def check_finite_budget(options: Mapping[str, Any]) -> None:
    """Refuse a budget without end: a run keeps its options as JSON, which has no word for it.

    >>> check_finite_budget({"budget": float("inf")})
    Traceback (most recent call last):
    crfs.errors.InvalidInput: budget is a finite number above 0, such as 1e11, not inf; write 1e18 for as much as it takes
    >>> check_finite_budget({"budget": 1e18})
    """
    budget = options.get("budget")
    if isinstance(budget, float) and math.isinf(budget):
        raise InvalidInput(
            f"budget is a finite number above 0, such as 1e11, not {budget}; write 1e18 for as much as it takes", argument="budget"
        )


def ready(asked: Asked) -> Ready:
    """The book with its blanks filled, every row of which the factor model can place."""
    from crfs.credit.schemas import PORTFOLIO
    from crfs.workflows.book_columns import columns_for

    checked, filler = fill_and_check(
        asked.session,
        asked.reader,
        columns_for(asked.table, PORTFOLIO),
        factor_model_of(asked),
        asked.models,
        at=asked.at,
        default_ccf=asked.option("default_ccf"),
    )
    refuse_rows(asked, checked.problems)
    return Ready(rows=checked.accepted, filler=filler)


def factor_model_of(asked: Asked) -> FactorModel:
    """The factor model of a specification."""
    from crfs.credit.factor_model import FactorModel
    from crfs.errors import naming

    with naming("factor_model"):
        return FactorModel.from_content(asked.specification["factor_model"])


def measured_book(
    asked: Asked,
    rows: pl.DataFrame,
    *,
    model: FactorModel | None = None,
    contributions: bool = True,
    beside: MeasuredBook | None = None,
) -> MeasuredBook:
    """A book that is ready, measured with the options that were asked for and as many threads, and the device, as the session has.

    ``model`` stands for the factor model of the specification; the book ``beside`` lends its states of the factors.
    """
    from crfs.risk.choosing import make_question
    from crfs.risk.portfolio import measure

    question = make_question(**{name: asked.option(name, default) for name, default in DEFAULTS.items()}, contributions=contributions)
    with asked.pieces() as mapped:
        return measure(rows, model or factor_model_of(asked), question, map_blocks=mapped, device=asked.session.device, beside=beside)


def warm_portfolio(asked: Asked, rows: pl.DataFrame, *, map_blocks: MapTasks | None = None) -> WarmPortfolio:
    """A book that is ready, measured without contributions, which answers what changes of it do: by ``map_blocks``, while that can be used."""
    from crfs.risk import WarmPortfolio

    options = {name: asked.option(name, default) for name, default in DEFAULTS.items()}
    return WarmPortfolio(rows, factor_model_of(asked), map_blocks=map_blocks, threads=asked.session.workers, **options)


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """The loss distribution, and exposure and expected loss by group."""
    return {**measured_book(asked, ready.rows).result.to_dict(), "segments": _segments(ready.rows)}


RISK = BookKind(
    kind=RunKind.RISK,
    options={**DEFAULTS, "default_ccf": None},
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("el", "ul", "measures", "hhi", "method", "scenarios"),
    doing="measuring losses",
    needed=("factor_model",),
    remarks=measured_as_performing,
)
compute = RISK.compute


def measure_portfolio(
    session: Session,
    book: str | Mapping[str, Any],
    factor_model: Mapping[str, Any],
    *,
    options: Mapping[str, Any] | None = None,
    models: Sequence[str] | None = None,
    as_of: str | None = None,
    recorded_as_of: datetime | int | None = None,
    label: str | None = None,
    job_id: UUID | None = None,
    progress: Progress = no_progress,
) -> tuple[Run, dict[str, Any]]:
    """Run the risk of a book (a name, a file, or a book's specification); see :class:`~crfs.workflows.book_runs.Question`."""
    question = Question(
        kind=RISK,
        book=book,
        settings={"factor_model": dict(factor_model)},
        options=options or {},
        models=models,
        as_of=as_of,
        recorded_as_of=recorded_as_of,
        label=label,
    )
    return measure_book(session, question, job_id=job_id, progress=progress)


def _segments(book: pl.DataFrame) -> list[dict[str, Any]]:
    """Exposure and expected loss by group, for the report."""
    import numpy as np
    import polars as pl

    if "group" not in book.columns:
        return []
    ordered = book.select("group", "ead", el=pl.col("ead") * pl.col("lgd") * pl.col("pd_12m")).sort("group", maintain_order=True)
    number = ordered["group"].rle_id().to_numpy()
    names = ordered["group"].unique(maintain_order=True)
    # Sums in the order of the rows: the same bits whatever the number of threads.
    totals = {name: np.bincount(number, weights=ordered[name].to_numpy()) for name in ("ead", "el")}
    facilities = np.bincount(number)
    return [
        {"group": name, "facilities": int(facilities[i]), "ead": float(totals["ead"][i]), "el": float(totals["el"][i])}
        for i, name in enumerate(names)
    ]
