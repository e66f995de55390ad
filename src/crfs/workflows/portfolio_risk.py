"""Portfolio risk as a run: a book, the models that fill it, a factor model, and the loss distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crfs.credit.schemas import Reason
from crfs.credit.texts import text_fault
from crfs.errors import InvalidInput, Problem, naming
from crfs.workflows.books import build_book, find_book
from crfs.workflows.filling import FILLED, fill_and_check
from crfs.workflows.runs import Computation, RunKind, execute
from crfs.workflows.scoring import model_reference, model_runs
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.spines import require
from crfs.workflows.times import parse_instant

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.store.runs import Run

DEFAULTS: dict[str, Any] = {"confidences": [0.99, 0.999], "method": "auto", "rel_tol": 0.005, "seed": 1, "max_scenarios": 200_000}


def compute(session: Session, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
    """Build the book, fill its blanks from the models, check it, and measure it."""
    from concurrent.futures import ThreadPoolExecutor

    from crfs.credit.factor_model import FactorModel
    from crfs.models.canonical import canonical_json
    from crfs.risk.portfolio import portfolio_risk
    from crfs.store.runs import RunInputs

    require(specification, "risk run", ("book", "factor_model"), ("models", "as_of", "default_ccf", *DEFAULTS))
    reader = session.reader(batch_id)
    progress("building the book", 0, 3)
    book = build_book(session, reader, specification["book"])
    factor_model = FactorModel.from_content(specification["factor_model"])
    progress("filling and checking the book", 1, 3)
    checked, filler = fill_and_check(
        session,
        reader,
        book,
        factor_model,
        specification.get("models", {}),
        at=parse_instant(specification["as_of"], what="as_of") if specification.get("as_of") else None,
        default_ccf=specification.get("default_ccf"),
    )
    accepted = checked.require_all("the book")
    progress("measuring losses", 2, 3)
    options = {name: specification.get(name, default) for name, default in DEFAULTS.items()}
    with ThreadPoolExecutor(max_workers=session.workers) as pool:
        result = portfolio_risk(accepted, factor_model, map_blocks=pool.map, **options)
    document = {
        **result.to_dict(),
        "as_of": specification.get("as_of"),
        "origins": filler.origins,
        "models": filler.used,
        "segments": _segments(accepted),
    }
    payloads = [specification["book"]["sha256"]] if specification["book"].get("kind") == "payload" else []
    progress("measuring losses", 3, 3)
    return Computation(
        result=canonical_json(document),
        inputs=RunInputs(
            batches={name: sorted(batches) for name, batches in reader.batches_read.items()},
            runs=model_runs(session, filler.used),
            payloads=payloads,
        ),
        facts={"document": document, "summary": _summary(document)},
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

    ``models`` None takes the champions that there are. One state of the store answers for all: the book under a name, who is champion, and
    what is known. A book that was named is filled and checked before a byte of it is kept. The answer is the run and its result with the
    run's id and both clocks.
    """
    from crfs.credit.factor_model import FactorModel

    batch_id = session.pin(recorded_as_of).batch_id
    references = fillers(session, models, batch_id=batch_id)
    if references:
        as_of = as_of or session.clock.now().isoformat()
    given = {name: value for name, value in (options or {}).items() if value is not None}
    check_question(given, label)
    if isinstance(book, str):
        named = find_book(session, book, batch_id=batch_id)
        check_book(
            session,
            book,
            named.table(),
            FactorModel.from_content(factor_model),
            references,
            batch_id=batch_id,
            as_of=as_of,
            default_ccf=given.get("default_ccf"),
        )
        book = named.keep(session)
    specification: dict[str, Any] = {"book": dict(book), "factor_model": dict(factor_model), **given}
    if references:
        specification["models"] = references
    if as_of:
        specification["as_of"] = as_of
    run, computation = execute(session, RunKind.RISK, specification, label=label, recorded_as_of=batch_id, job_id=job_id, progress=progress)
    return run, risk_answer(run, computation.facts["document"])


def check_question(options: Mapping[str, Any], label: str | None) -> None:
    """The arguments of a measurement, before anything of its book is kept: they are checked by the measurement itself, on a book of one
    name that costs nothing.
    """
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.risk.portfolio import portfolio_risk

    fault = None if label is None else text_fault(label)
    if fault is not None:
        problem = Problem(row=None, column="label", reason=Reason.WRONG_TYPE.value, detail=f"the label has {fault}")
        raise InvalidInput(problem.detail, problems=(problem,))
    one_name = pl.DataFrame(
        {"facility_id": ["F"], "obligor_id": ["O"], "ead": [1.0], "lgd": [1.0], "pd_12m": [0.5], "r2": [0.1], "group": ["all"]}
    )
    portfolio_risk(one_name, FactorModel.one_factor("all"), **{k: v for k, v in options.items() if k != "default_ccf"})


def check_book(
    session: Session,
    what: str,
    table: pl.DataFrame,
    factor_model: FactorModel,
    models: Mapping[str, Mapping[str, Any]],
    *,
    batch_id: int,
    as_of: str | None,
    default_ccf: float | None,
) -> None:
    """Refuse a book with rows that cannot be measured, with every wrong place, as the run itself would; nothing is written."""
    from crfs.credit.schemas import Reason

    at = parse_instant(as_of, what="as_of") if as_of else None
    checked, _ = fill_and_check(session, session.reader(batch_id), table, factor_model, models, at=at, default_ccf=default_ccf)
    if checked.rejected.is_empty():
        return
    rows, missing = checked.rejected_rows, checked.rejected.filter(reason=Reason.MISSING.value)
    hint = "" if missing.is_empty() or models else "; blank pd_12m and lgd are filled where models were trained and promoted"
    raise InvalidInput(
        f"{what}: {rows} row{'s' if rows != 1 else ''} cannot be measured; nothing was kept{hint}", problems=checked.problems
    )


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


def fillers(session: Session, names: Sequence[str] | None, *, batch_id: int) -> dict[str, dict[str, Any]]:
    """The champions of ``names`` at a batch, as a specification keeps them; None: of ``pd``, ``lgd`` and ``ead`` those that there are."""
    from crfs.store.registry import champion, model_versions

    if names is None:
        found = model_versions(session.database, batch_id=batch_id)
        return {name: model_reference(v) for name in FILLED for v in found if v.model == name and v.role == "champion"}
    unknown = [name for name in names if name not in FILLED]
    if unknown:
        raise InvalidInput(f"no model called {unknown[0]!r} fills a book; {', '.join(FILLED)} do", argument="models")
    with naming("models"):
        return {name: model_reference(champion(session.database, name, batch_id=batch_id)) for name in names}


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


def _summary(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("el", "ul", "measures", "hhi", "method", "scenarios")}
