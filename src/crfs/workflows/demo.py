"""The main job: real history and a simulated bureau into the store, models trained, a book measured, every number repeatable."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.workflows.session import Progress, Session, no_progress

if TYPE_CHECKING:
    from crfs.workflows.book_runs import Question
    from crfs.workflows.stress_questions import StressSettings

SEED = 42
OBLIGORS = 4_000
FIRST_MONTH = "2001-10-01"
MONTHS = 96
BOOK_AT = "2009-11-30T00:00:00Z"
BOOK = {
    "kind": "bureau",
    "at": BOOK_AT,
    "groups": {"corporate": "corporate_{}", "retail": "retail_{}"},
    "r2": {"corporate": 0.20, "retail": 0.08},
}
EARLIER_AT = "2008-11-30T00:00:00Z"
"""Twelve months before: from then to BOOK_AT the change of the book's risk is explained."""
CONFIDENCES = [0.99, 0.999]
SCENARIO = "us/recession"
EXPOSURE_CLASSES = {"card": "qrre", "mortgage": "residential_mortgage", "instalment": "other_retail", "*": "corporate"}
EXPECTED_LIFE_YEARS = 3.0
"""Of what revolves: the bureau's cards and credit lines have no end."""
FILLED_BY = ("pd", "lgd", "ead")
MEASURED = {
    "risk": "portfolio risk",
    "stress": "stress test",
    "ecl": "provisions",
    "capital": "regulatory capital",
    "reverse_stress": "reverse stress",
    "attribution": "attribution",
}
"""The runs about the book, in their order, and what progress calls them."""
LABEL = "demo"
_FLEETING = {
    "run_id",
    "batch_id",
    "recorded_as_of",
    "job_id",
    "created_at",
    "seconds",
    "batches",
}
"""Ids and times. The hashes of results and model files stay: they are the same in every store."""


def demo(session: Session, *, progress: Progress = no_progress) -> dict[str, Any]:
    """Run the main job and answer its report.

    A second run does all of it again and has the same numbers: no row is stored twice, models get another version.
    """
    from datetime import date

    from crfs.sources.providers.bureau import BureauSpec
    from crfs.workflows.bureau import ingest_bureau
    from crfs.workflows.ingest_report import require_all_stored

    history = _history(session, progress)
    spec = BureauSpec(seed=SEED, obligors=OBLIGORS, first_month=date.fromisoformat(FIRST_MONTH), months=MONTHS)
    bureau = ingest_bureau(session, spec, progress=_step(progress, "credit bureau", MONTHS))
    require_all_stored(bureau)
    models = {name: _model(session, name, progress) for name in ("pd", "lgd", "ead")}
    measured: dict[str, Any] = {}
    with session.sharing():
        for name, title in MEASURED.items():
            measured[name] = _measured(session, book_question(session, name, measured), progress=_step(progress, title, None))
    report: dict[str, Any] = {
        "title": "Credit risk of a simulated book in the US economy, as known at the end of 29 November 2009",
        "history": history,
        "bureau": {"seed": SEED, **_contents(session), "rejected_rows": bureau.rejected_rows},
        "models": models,
        **measured,
    }
    report["sha256"] = report_digest(report)
    return report


def report_digest(report: dict[str, Any]) -> str:
    """SHA-256 of a report without ids and times: the same over runs, machines' clocks and numbers of workers."""
    from crfs.models.canonical import canonical_json

    return hashlib.sha256(canonical_json(_lasting({name: value for name, value in report.items() if name != "sha256"}))).hexdigest()


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(item) for name, item in value.items() if name not in _FLEETING}
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    return value


def _history(session: Session, progress: Progress) -> list[dict[str, Any]]:
    from crfs.sources.core import Query
    from crfs.workflows.ingest_report import require_all_stored
    from crfs.workflows.ingestion import ingest

    reports = []
    for name in ("packaged", "nyfed"):
        report = ingest(session, name, Query(vintages="all"), progress=_step(progress, f"history: {name}", None))
        require_all_stored(report)
        reports.append({"source": name, "payloads": report.payloads, "rejected_rows": report.rejected_rows, "notes": report.notes})
    return reports


def _contents(session: Session) -> dict[str, Any]:
    """What the store holds of the bureau, counted from its rows; a default that was withdrawn is none."""
    import polars as pl

    from crfs.bitemporal.resolve import as_of

    reader = session.reader(session.pin().batch_id)
    obligors = reader.rows("bureau_obligor", columns=[])
    facilities = reader.rows("bureau_facility", columns=[])
    defaults = reader.rows("bureau_default", columns=["status"])
    return {
        "obligors": obligors["entity"].n_unique(),
        "facilities": facilities["entity"].n_unique(),
        "months": obligors["valid_time"].n_unique(),
        "records": obligors.height + facilities.height,
        "obligor_records": obligors.height,
        "facility_records": facilities.height,
        "defaults": as_of(defaults).filter(pl.col("row_state").cast(pl.String) == "value").height,
    }


def _model(session: Session, name: str, progress: Progress) -> dict[str, Any]:
    from crfs.store.registry import model_versions, promote
    from crfs.workflows.packaged import packaged_model
    from crfs.workflows.training import train

    specification = packaged_model(name)
    version = train(session, specification, label="demo", progress=_step(progress, f"model: {name}", None))
    same = [
        v for v in model_versions(session.database, model=name) if v.role == "champion" and v.artefact_sha256 == version.artefact_sha256
    ]
    if not same:
        promote(session.database, name, version.version, reason="trained by the main job", at=session.clock.now())
    card = version.card
    return {"model": name, "kind": version.kind, "run_id": version.run_id, "artefact_sha256": version.artefact_sha256, "card": card}


def _measured(session: Session, question: Question, *, progress: Progress) -> dict[str, Any]:
    """A run about the bureau's book."""
    from crfs.workflows.book_runs import measure_book

    _, answer = measure_book(session, question, progress=progress, rows=False)
    return answer


def book_question(session: Session, what: str, measured: Mapping[str, Any]) -> Question:
    """What is asked of the bureau's book: its losses, a stress of it, its provisions or its capital; or, by what its risk run found, which
    states would cost as much as its value at risk; or why its risk is not that of a year before."""
    from crfs.workflows.book_jobs import book_kind
    from crfs.workflows.book_runs import Question
    from crfs.workflows.macro_terms import satellite_settings
    from crfs.workflows.packaged import packaged_factor_model
    from crfs.workflows.runs import RunKind

    drawing = {"confidences": CONFIDENCES, "seed": 1, "max_scenarios": 200_000}
    capital = {"exposure_classes": EXPOSURE_CLASSES}
    ecl = {"expected_life_years": EXPECTED_LIFE_YEARS}
    settings: dict[str, Any] = {"factor_model": packaged_factor_model()}
    options: dict[str, Any] = {}
    more: dict[str, Any] = {}
    match kind := RunKind(what.replace("_", "-")):
        case RunKind.RISK:
            options = drawing
        case RunKind.STRESS:
            told = _scenario(session)
            settings |= told.settings
            options, more = {**drawing, "capital": capital, "ecl": ecl}, {"attachments": told.attachments}
        case RunKind.ECL:
            settings, options = {}, ecl
        case RunKind.CAPITAL:
            settings, options = {}, {**capital, "output_floor": True}
        case RunKind.REVERSE_STRESS:
            settings |= satellite_settings(None)
            options = {"loss": _value_at_risk(measured["risk"])}
        case _:
            batch_id = session.pin().batch_id
            settings["earlier"] = _year_before(session, batch_id)
            # Drawn as the risk run is: what its book has afterwards is what that run found.
            options, more = drawing, {"recorded_as_of": batch_id}
    return Question(
        kind=book_kind(kind), book=BOOK, models=FILLED_BY, as_of=BOOK_AT, label=LABEL, settings=settings, options=options, **more
    )


def _value_at_risk(risk: Mapping[str, Any]) -> float:
    """The value at risk that a risk run found at the highest confidence, in whole currency units."""
    found: float = next(measure["var"] for measure in risk["measures"] if measure["confidence"] == CONFIDENCES[-1])
    return float(round(found))


def _year_before(session: Session, batch_id: int) -> dict[str, Any]:
    """The bureau's book twelve months before, at the same state of the store and by the same models: what changed are names and inputs."""
    from crfs.workflows.book_runs import fillers

    models = fillers(session, FILLED_BY, batch_id=batch_id)
    return {"book": {**BOOK, "at": EARLIER_AT}, "batch_id": batch_id, "models": models, "as_of": EARLIER_AT}


def _scenario(session: Session) -> StressSettings:
    from crfs.workflows.scenarios import find_scenario
    from crfs.workflows.stress_questions import stress_settings
    from crfs.workflows.times import parse_instant

    return stress_settings(
        session,
        scenario=find_scenario(SCENARIO),
        base=None,
        shocks=None,
        satellite=None,
        batch_id=session.pin().batch_id,
        known_by=parse_instant(BOOK_AT, what="as_of"),
    )


def _step(progress: Progress, name: str, total: int | None) -> Progress:
    """Progress of a step under the step's own name."""

    def tell(detail: str, done: int, of: int | None) -> None:
        progress(f"{name}: {detail}" if detail else name, done, of if of is not None else total)

    return tell
