"""Risk of a book that a user names: a bad book is refused, every wrong place named, before a byte of it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.books import find_book
from crfs.workflows.observations import recorded_state
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.times import parse_question

if TYPE_CHECKING:
    import polars as pl

PACKAGED_FACTOR_MODEL = "us_credit"


def risk(
    session: Session,
    book: str | Path,
    factor_model: str | Path | Mapping[str, Any] | None = None,
    *,
    copula: str | None = None,
    confidences: Sequence[float] | None = None,
    method: str | None = None,
    rel_tol: float | None = None,
    seed: int | None = None,
    max_scenarios: int | None = None,
    default_ccf: float | None = None,
    models: Sequence[str] | None = None,
    as_of: str | date | None = None,
    recorded_as_of: str | date | int | None = None,
    label: str | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Loss distribution of a book: a name that was loaded, or a file. The answer is the run's, with its id and both clocks.

    ``factor_model`` is a ``model.json`` (a file or its content) or the name of one that ships with crfs; ``copula`` overrides its own.
    ``models`` names the champions that fill blank cells (None: those that there are; empty: none).
    """
    from crfs.workflows.portfolio_risk import measure_portfolio

    content = dict(read_factor_model(factor_model))
    if copula is not None:
        content["copula"] = copula
    options = {
        "confidences": None if confidences is None else list(confidences),
        "method": method,
        "rel_tol": rel_tol,
        "seed": seed,
        "max_scenarios": max_scenarios,
        "default_ccf": default_ccf,
    }
    _, answer = measure_portfolio(
        session,
        str(book),
        content,
        options=options,
        models=models,
        as_of=None if as_of is None else parse_question(as_of, what="as_of").isoformat(),
        recorded_as_of=recorded_state(recorded_as_of),
        label=label,
        progress=progress,
    )
    return answer


def portfolios(session: Session) -> list[dict[str, Any]]:
    """The newest book under each name."""
    from crfs.workflows.books import list_portfolios

    return list_portfolios(session).to_dicts()


def concentration(session: Session, book: str | Path, *, top: int = 10) -> dict[str, Any]:
    """How a book's exposure is spread over obligors and over the names in its sector, region, rating and group columns.

    Where ``ead`` is blank it is made as the risk run makes it.
    """
    from crfs.credit.schemas import PORTFOLIO
    from crfs.quality.checks import Checked, check_columns
    from crfs.workflows.book_columns import columns_for
    from crfs.workflows.book_runs import fillers
    from crfs.workflows.filling import Filler

    batch_id = session.pin().batch_id
    table = columns_for(find_book(session, str(book), batch_id=batch_id).table(), PORTFOLIO)
    typed, faults = check_columns(table, PORTFOLIO, allow_blank=("pd_12m", "lgd"))
    models = fillers(session, None, batch_id=batch_id)
    filler = Filler(session=session, reader=session.reader(batch_id), models=models, at=None)
    typed = filler.ead(table, typed, faults)
    Checked(accepted=typed.filter(~faults.bad), rejected=faults.table()).require_all(str(book))
    by = {name: _spread(typed, name, top) for name in ("obligor_id", "sector", "region", "rating", "group") if name in typed.columns}
    return {
        "portfolio": str(book),
        "facilities": typed.height,
        "total_ead": float(typed["ead"].sum()),
        "origins": filler.origins,
        "by": by,
    }


def read_factor_model(given: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The content of a factor model: a mapping as it is, a file, or the name of one that ships with crfs."""
    from crfs.credit.factor_model import factor_model_content
    from crfs.workflows.packaged import packaged_factor_model

    if isinstance(given, Mapping):
        return given
    if given is None:
        return packaged_factor_model(PACKAGED_FACTOR_MODEL)
    file = Path(given)
    if not file.exists():
        if file.suffix or len(file.parts) > 1:
            raise NotFound(f"there is no file {given}; a factor model is a model.json, or the name of one that ships with crfs")
        return packaged_factor_model(str(given))
    try:
        return factor_model_content(file.read_bytes(), where=str(file))
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None


def _spread(typed: pl.DataFrame, name: str, top: int) -> dict[str, Any]:
    import polars as pl

    from crfs.risk.concentration import effective_number, herfindahl_index

    shares = typed.group_by(name).agg(pl.col("ead").sum()).sort(["ead", name], descending=[True, False])
    exposures = shares["ead"].to_numpy()
    total = float(exposures.sum())
    return {
        "names": shares.height,
        "hhi": float(herfindahl_index(exposures)),
        "effective_names": float(effective_number(exposures)),
        "largest": [
            {"name": row[name], "ead": row["ead"], "share": row["ead"] / total if total else None} for row in shares.head(top).to_dicts()
        ],
    }
