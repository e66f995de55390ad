"""Portfolio risk as a run: a book, the models that fill it, a factor model, and the loss distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crfs.workflows.book_columns import ORIGINS, columns_of_a_book, numeric_cells
from crfs.workflows.books import book_specification, build_book
from crfs.workflows.runs import Computation, RunKind, execute
from crfs.workflows.scoring import fill_book, model_reference, model_runs
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.spines import require
from crfs.workflows.times import parse_instant

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.runs import Run

DEFAULTS: dict[str, Any] = {"confidences": [0.99, 0.999], "method": "auto", "rel_tol": 0.005, "seed": 1, "max_scenarios": 200_000}
_MODELS = ("pd", "lgd", "ead")
_FILLS = {"pd": "pd_12m_origin", "lgd": "lgd_origin", "ead": "ead_origin"}


def compute(session: Session, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
    """Build the book, fill its blanks from the models, check it, and simulate."""
    from concurrent.futures import ThreadPoolExecutor

    from crfs.credit.factor_model import FactorModel
    from crfs.models.canonical import canonical_json
    from crfs.risk.portfolio import portfolio_risk
    from crfs.store.runs import RunInputs

    require(specification, "risk run", ("book", "factor_model"), ("models", "as_of", "default_ccf", *DEFAULTS))
    reader = session.reader(batch_id)
    progress("building the book", 0, 3)
    book = build_book(session, reader, specification["book"])
    factor_model = FactorModel.from_json(canonical_json(specification["factor_model"]))
    models = specification.get("models", {})
    origins: dict[str, dict[str, int]] = {}
    used: dict[str, Mapping[str, Any]] = {}
    if models:
        progress("filling the book from the models", 1, 3)
        book = fill_book(session, reader, numeric_cells(book), models, at=parse_instant(specification.get("as_of") or "", what="as_of"))
        origins = {name: _counts(book[name]) for name in ORIGINS}
        # A model that filled no cell is not what the numbers rest on.
        used = {name: models[name] for name, origin in _FILLS.items() if name in models and set(origins[origin]) - {"given", "blank"}}
    checked = columns_of_a_book(book)
    progress("simulating losses", 2, 3)
    options = {name: specification.get(name, default) for name, default in DEFAULTS.items()}
    with ThreadPoolExecutor(max_workers=session.workers) as pool:
        result = portfolio_risk(checked, factor_model, default_ccf=specification.get("default_ccf"), map_blocks=pool.map, **options)
    document = {
        **result.to_dict(),
        "as_of": specification.get("as_of"),
        "origins": origins,
        "models": {name: dict(reference) for name, reference in used.items()},
        "segments": _segments(checked),
    }
    payloads = [specification["book"]["sha256"]] if specification["book"].get("kind") == "payload" else []
    progress("simulating losses", 3, 3)
    return Computation(
        result=canonical_json(document),
        inputs=RunInputs(
            batches={name: sorted(batches) for name, batches in reader.batches_read.items()},
            runs=model_runs(session, used),
            payloads=payloads,
        ),
        facts={"document": document, "book": book, "summary": _summary(document)},
    )


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
    """Run the risk of a book (a name, a file, or a book's specification); blanks are filled from the champions named in ``models``.

    ``models`` None takes the champions that there are. The answer is the run and its result with the run's id and both clocks.
    """
    from crfs.store.registry import champion

    specification: dict[str, Any] = {
        "book": book_specification(session, book) if isinstance(book, str) else dict(book),
        "factor_model": dict(factor_model),
        **{name: value for name, value in (options or {}).items() if value is not None},
    }
    references = {}
    for name in champions(session) if models is None else models:
        references[name] = model_reference(champion(session.database, name))
    if references:
        specification["models"] = references
        as_of = as_of or session.clock.now().isoformat()
    if as_of:
        specification["as_of"] = as_of
    run, computation = execute(
        session, RunKind.RISK, specification, label=label, recorded_as_of=recorded_as_of, job_id=job_id, progress=progress
    )
    return run, risk_answer(run, computation.facts["document"])


def risk_answer(run: Run, document: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a risk run: its result with the run's id, both clocks resolved and the hash."""
    return {
        "run_id": run.run_id,
        **document,
        "as_of": document.get("as_of") or run.recorded_as_of.isoformat(),
        "recorded_as_of": run.recorded_as_of.isoformat(),
        "batch_id": run.batch_id,
        "result_sha256": run.result_sha256,
    }


def champions(session: Session) -> list[str]:
    """Of the models that fill a book (``pd``, ``lgd``, ``ead``) those that have a champion."""
    from crfs.store.registry import model_versions

    return [name for name in _MODELS if any(v.role == "champion" for v in model_versions(session.database, model=name))]


def _segments(book: pl.DataFrame) -> list[dict[str, Any]]:
    """Exposure and expected loss by group, for the report."""
    import numpy as np
    import polars as pl

    if "group" not in book.columns or book["ead"].dtype == pl.String:
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


def _counts(origins: pl.Series) -> dict[str, int]:
    return {
        str(row["origin"]): row["count"]
        for row in origins.fill_null("blank").alias("origin").value_counts(sort=False).sort("origin").to_dicts()
    }


def _summary(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("el", "ul", "measures", "hhi", "method", "scenarios")}
