"""Training as a run: a point-in-time training set, labels whose window has closed, a split by time, a fit, its validation, the registry."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crfs.errors import InvalidInput
from crfs.workflows.runs import Computation, RunKind, describe_run, run_result
from crfs.workflows.runs import compute as compute_run
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.spines import Landed, build_spine, defaults_known, require
from crfs.workflows.times import parse_instant

if TYPE_CHECKING:
    import polars as pl

    from crfs.bitemporal.reader import Reader
    from crfs.credit.catalogue import Catalogue
    from crfs.models.artefact import Model
    from crfs.store.registry import ModelVersion

_COMMON = ("model", "kind", "as_of")


def compute(session: Session, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
    """Fit and validate a model; the result is a document with the model's file, its card and the manifest of its training set."""
    from crfs.models.canonical import canonical_json
    from crfs.store.runs import RunInputs

    reader = session.reader(batch_id)
    model, card, manifest = fit_model(reader, reader.catalogue, specification, landed=session.landed, progress=progress)
    document = {"model": json.loads(model.to_json()), "card": card, "manifest": manifest}
    return Computation(
        result=canonical_json(document),
        inputs=RunInputs(batches={name: sorted(batches) for name, batches in reader.batches_read.items()}),
        facts={"card": card, "model": model, "summary": _summary(card)},
    )


def fit_model(
    reader: Reader, catalogue: Catalogue, specification: Mapping[str, Any], *, landed: Landed, progress: Progress = no_progress
) -> tuple[Model, dict[str, Any], dict[str, Any]]:
    """A fitted model, its card, and the manifest of the rows that it was fitted on; ``reader`` may be any, a table in memory too."""
    fit = _FITS.get(specification.get("kind", ""))
    if fit is None:
        raise InvalidInput(f"kind = {specification.get('kind')!r}; a model is one of {', '.join(_FITS)}")
    as_of = parse_instant(specification.get("as_of") or "", what="as_of")
    return fit(_Rows(reader=reader, catalogue=catalogue, landed=landed), specification, as_of, progress)


def train(
    session: Session,
    specification: Mapping[str, Any],
    *,
    recorded_as_of: datetime | int | None = None,
    label: str | None = None,
    job_id: UUID | None = None,
    progress: Progress = no_progress,
) -> ModelVersion:
    """Fit a model from its specification and register it as the next version; it is nobody's champion yet."""
    from crfs.store.registry import register

    name = specification.get("model")
    if not isinstance(name, str) or not name:
        raise InvalidInput("the specification needs model = NAME")
    batch_id = session.pin(recorded_as_of).batch_id
    computation = compute_run(session, RunKind.MODEL, specification, batch_id, progress)
    run = describe_run(session, RunKind.MODEL, specification, computation, batch_id=batch_id, label=label, job_id=job_id)
    return register(
        session.database,
        model=name,
        kind=specification["kind"],
        run=run,
        artefact=computation.result,
        card=computation.facts["card"],
        inputs=computation.inputs,
    )


def registered_model(session: Session, version: ModelVersion) -> Model:
    """The fitted model of a version; where its file is gone it is fitted again from its run, and must come out the same."""
    from crfs.models.artefact import load_model
    from crfs.models.canonical import canonical_json

    _, document = run_result(session, version.run_id)
    return load_model(version.kind, canonical_json(json.loads(document)["model"]))


def read_specification(text: str, *, where: str) -> dict[str, Any]:
    """A model's specification from TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}: not TOML: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Where a fit takes its rows from."""

    reader: Reader
    catalogue: Catalogue
    landed: Landed


_Fitted = tuple["Model", dict[str, Any], dict[str, Any]]


def _fit_scorecard(rows: _Rows, specification: Mapping[str, Any], as_of: datetime, progress: Progress) -> _Fitted:
    from crfs.bitemporal.tenor import Tenor
    from crfs.features.labels import outcome_labels
    from crfs.features.specification import feature_factors
    from crfs.features.training_set import training_set
    from crfs.models.card import model_card
    from crfs.models.scorecard import ScorecardSpec, fit_scorecard
    from crfs.models.splits import SplitSpec, split_by_time
    from crfs.models.validation import validate

    require(specification, "scorecard", (*_COMMON, "spine", "label", "factor", "split", "scorecard"), ("purpose", "limits", "strict"))
    label = specification["label"]
    require(label, "label", ("horizon", "reporting_delay"), ("defaults",))
    progress("building the training set", 0, 4)
    spine = build_spine(rows.reader, rows.catalogue, specification["spine"], known_by=as_of, landed=rows.landed)
    labelled = outcome_labels(
        spine,
        defaults_known(rows.reader, label, known_by=as_of),
        horizon=label["horizon"],
        known_by=as_of,
        reporting_delay=label["reporting_delay"],
    )
    cut = training_set(
        rows.reader,
        labelled.table,
        feature_factors(specification["factor"]),
        catalogue=rows.catalogue,
        as_of=as_of,
        strict=specification.get("strict", True),
    )
    split_specification = SplitSpec(
        calibration_from=parse_instant(specification["split"]["calibration_from"], what="split.calibration_from"),
        out_of_time_from=parse_instant(specification["split"]["out_of_time_from"], what="split.out_of_time_from"),
        horizon=Tenor.parse(label["horizon"]),
        reporting_delay=Tenor.parse(label["reporting_delay"]),
    )
    split = split_by_time(cut.table, spec=split_specification, known_at=as_of)
    progress("fitting the scorecard", 1, 4)
    scorecard = fit_scorecard(
        split.train,
        spec=ScorecardSpec.from_dict(specification["scorecard"]),
        calibration=split.calibration if split.calibration.height else None,
    )
    progress("validating out of time", 2, 4)
    scored = split.out_of_time.hstack(scorecard.predict(split.out_of_time))
    reference = split.train.hstack(scorecard.predict(split.train))
    validation = validate(scored, reference=reference)
    validation["split"] = {
        **split_specification.to_dict(),
        "counts": split.counts.to_dict(),
        "in_default_at_observation": labelled.in_default,
    }
    card = model_card(
        scorecard, validation=validation, purpose=specification.get("purpose", ""), limits=tuple(specification.get("limits", ()))
    )
    progress("validating out of time", 4, 4)
    return scorecard, card, dict(cut.manifest)


def _fit_lgd(rows: _Rows, specification: Mapping[str, Any], as_of: datetime, progress: Progress) -> _Fitted:
    from crfs.models.card import model_card
    from crfs.models.lgd import LgdSpec, fit_lgd
    from crfs.models.workout import realised_lgd

    require(specification, "LGD model", (*_COMMON, "lgd", "discount_rate"), ("purpose", "limits", "defaults", "recoveries"))
    progress("realised losses", 0, 2)
    defaults = _known_defaults(rows.reader, specification, as_of)
    recoveries = _known_recoveries(rows.reader, specification, as_of)
    table = realised_lgd(defaults, recoveries, discount_rate=float(specification["discount_rate"]))
    model = fit_lgd(table, spec=LgdSpec.from_dict(specification["lgd"]))
    card = model_card(model, purpose=specification.get("purpose", ""), limits=tuple(specification.get("limits", ())))
    progress("segment means", 2, 2)
    return model, card, _content(table)


def _fit_ead(rows: _Rows, specification: Mapping[str, Any], as_of: datetime, progress: Progress) -> _Fitted:
    from crfs.models.card import model_card
    from crfs.models.ead import EadSpec, fit_ead

    require(specification, "EAD model", (*_COMMON, "ead", "revolving"), ("purpose", "limits", "defaults"))
    progress("conversion factors", 0, 1)
    table = with_revolving(_known_defaults(rows.reader, specification, as_of), specification["revolving"]).rename(
        {"drawn_12m_before": "drawn", "limit_12m_before": "limit"}
    )
    told = table.drop_nulls(["drawn", "ead"])
    model = fit_ead(told, spec=EadSpec.from_dict({**specification["ead"], "revolving": "revolving"}))
    limits = [*specification.get("limits", ())]
    if told.height < table.height:
        limits.append(f"{table.height - told.height} defaults within a year of opening have no balance a year before and were left out.")
    card = model_card(model, purpose=specification.get("purpose", ""), limits=tuple(limits))
    progress("conversion factors", 1, 1)
    return model, card, _content(told)


def with_revolving(table: pl.DataFrame, types: list[str]) -> pl.DataFrame:
    """Mark the facilities of the named types as revolving; it is told by the column ``facility_type``."""
    import polars as pl

    if "facility_type" not in table.columns:
        raise InvalidInput(f"the table needs a column facility_type: {', '.join(types)} revolve, others do not")
    return table.with_columns(revolving=pl.col("facility_type").is_in(types))


def _known_defaults(reader: Reader, specification: Mapping[str, Any], as_of: datetime) -> pl.DataFrame:
    import polars as pl

    from crfs.bitemporal.resolve import as_of as known_at

    rows = reader.rows(specification.get("defaults", "bureau_default"), known_by=as_of)
    known = known_at(rows, as_of=as_of).filter(pl.col("row_state").cast(pl.String) == "value")
    return (
        known.rename({"entity": "facility_id", "valid_time": "default_time"})
        .drop("knowledge_time", "batch_id", "row_state", "knowledge_basis")
        .sort("facility_id", "default_time")
    )


def _known_recoveries(reader: Reader, specification: Mapping[str, Any], as_of: datetime) -> pl.DataFrame:
    import polars as pl

    from crfs.bitemporal.resolve import as_of as known_at

    rows = reader.rows(specification.get("recoveries", "bureau_recovery"), columns=["default_date", "amount", "cost"], known_by=as_of)
    known = known_at(rows, as_of=as_of).filter(pl.col("row_state").cast(pl.String) == "value")
    return known.select(
        pl.col("entity").alias("facility_id"),
        pl.col("default_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("default_time"),
        pl.col("valid_time").alias("paid_at"),
        "amount",
        "cost",
    )


def _content(table: pl.DataFrame) -> dict[str, Any]:
    import hashlib

    from crfs.features.training_set import canonical_parquet

    return {"rows": table.height, "columns": table.columns, "content_sha256": hashlib.sha256(canonical_parquet(table)).hexdigest()}


def _summary(card: Mapping[str, Any]) -> dict[str, Any]:
    validation = card.get("validation")
    if validation is None:
        return {"kind": card["kind"], "fit": card.get("fit")}
    return {
        "kind": card["kind"],
        "auc": validation["auc"]["value"],
        "ks": validation["ks"],
        "brier": validation["brier"]["brier"],
        "calibration_slope": validation["calibration"]["slope"]["value"],
        "mean_pd": validation["mean_pd"],
        "default_rate": validation["default_rate"],
    }


_FITS: dict[str, Callable[[_Rows, Mapping[str, Any], datetime, Progress], _Fitted]] = {
    "scorecard": _fit_scorecard,
    "lgd_segment_mean": _fit_lgd,
    "ead_segment_mean": _fit_ead,
}
