"""Scoring: obligors and facilities through champion models, at one time and one state of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.training import registered_model, with_revolving

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.registry import ModelVersion
    from crfs.store.scan import StoreReader

_MAX_AGE = "P3M"
"""How old an obligor's newest record may be, where the specification of a scorecard does not say."""


def model_reference(version: ModelVersion) -> dict[str, Any]:
    """What a specification keeps of a model version: enough to find it and to know that it is the same."""
    return {"model": version.model, "version": version.version, "sha256": version.artefact_sha256}


def referenced_version(session: Session, reference: Mapping[str, Any]) -> ModelVersion:
    """The version that a specification names; another file under the same name is refused."""
    from crfs.store.registry import model_version

    version = model_version(session.database, reference["model"], reference["version"])
    if version.artefact_sha256 != reference["sha256"]:
        raise InvalidInput(
            f"model {version.model} version {version.version} is {version.artefact_sha256[:12]}…, the run names {reference['sha256'][:12]}…"
        )
    return version


def score_obligors(session: Session, reader: StoreReader, version: ModelVersion, obligors: pl.Series, *, at: datetime) -> pl.DataFrame:
    """``obligor_id``, ``pd_12m``, ``score`` and the points of obligors that the bureau knows at ``at``; others are not in the answer."""
    import polars as pl

    spine = pl.DataFrame({"obligor_id": obligors.unique().sort()}).with_columns(observed_at=pl.lit(at).cast(pl.Datetime("us", "UTC")))
    cut = _features(session, reader, version, spine, known_by=at)
    model = registered_model(session, version)
    known = _known_obligors(reader, _cohorts(session, version), at)
    table = cut.filter(pl.col("obligor_id").is_in(known.implode()))
    return table.select("obligor_id").hstack(model.predict(table)) if table.height else table.select("obligor_id").clear()


def score_spine(
    session: Session,
    reader: StoreReader,
    version: ModelVersion,
    spine: pl.DataFrame,
    *,
    known_by: datetime,
    at_once: int = 200_000,
    progress: Progress = no_progress,
) -> pl.DataFrame:
    """``obligor_id``, ``observed_at`` and ``pd_12m`` of each row of a spine, on what was known at its own time and by ``known_by``.

    Not more than ``at_once`` rows are in memory with all their features; the spine says who is on the books.
    """
    import polars as pl

    model: Any = registered_model(session, version)
    step = f"scoring by {version.model} version {version.version}"
    parts = []
    progress(step, 0, spine.height)
    for part in spine.iter_slices(at_once):
        table = _features(session, reader, version, part, known_by=known_by)
        parts.append(part.select("obligor_id", "observed_at").hstack(model.predict(table).select("pd_12m")))
        progress(step, sum(done.height for done in parts), spine.height)
    empty = spine.select("obligor_id", "observed_at").clear().with_columns(pd_12m=pl.lit(None, dtype=pl.Float64))
    return pl.concat([empty, *parts])


def fitted_until(session: Session, version: ModelVersion) -> tuple[datetime, str]:
    """Up to when a scorecard of cohorts was fitted on what happened, and how old a record it takes."""
    from crfs.store.runs import run as find
    from crfs.workflows.times import parse_instant

    if version.kind != "scorecard":
        raise InvalidInput(f"{version.model} version {version.version} is of kind {version.kind}; obligors are scored by a scorecard")
    age: str = _cohorts(session, version).get("max_age", _MAX_AGE)
    split = find(session.database, version.run_id).specification["split"]
    return parse_instant(split["out_of_time_from"], what="split.out_of_time_from"), age


def _features(session: Session, reader: StoreReader, version: ModelVersion, spine: pl.DataFrame, *, known_by: datetime) -> pl.DataFrame:
    """The rows of a spine with what a scorecard asks for."""
    from crfs.features.specification import feature_factors
    from crfs.features.training_set import training_set
    from crfs.store.runs import run as find

    factors = feature_factors(find(session.database, version.run_id).specification["factor"])
    return training_set(reader, spine, factors, catalogue=reader.catalogue, as_of=known_by).table


def unscored(session: Session, reader: StoreReader, version: ModelVersion, obligors: pl.Series, *, at: datetime) -> pl.DataFrame:
    """Why a scorecard has nothing to say of ``obligors``: ``obligor_id`` and a ``detail`` in words."""
    import polars as pl

    from crfs.bitemporal.resolve import as_of
    from crfs.quality.checks import quoted

    spine = _cohorts(session, version)
    dataset, age = spine["dataset"], spine.get("max_age", _MAX_AGE)
    rows = reader.rows(dataset, columns=[], entities=obligors.to_list(), known_by=at)
    newest = as_of(rows, as_of=at).group_by("entity").agg(pl.col("valid_time").max())
    found = pl.DataFrame({"obligor_id": obligors}).join(newest, left_on="obligor_id", right_on="entity", how="left", maintain_order="left")
    moment = f"{at:%Y-%m-%d}"
    never = quoted(found["obligor_id"], before=f"the cell is blank, and {dataset} knows no obligor '", after=f"' at {moment}")
    stale = pl.format(
        "the cell is blank, and the newest record of the obligor in {} is of {}, older than {} at {}: measure as of a time nearer to it (as_of)",
        pl.lit(dataset),
        pl.col("valid_time").dt.strftime("%Y-%m-%d"),
        pl.lit(age),
        pl.lit(moment),
    )
    return found.with_columns(never=never).select(
        "obligor_id", detail=pl.when(pl.col("valid_time").is_null()).then("never").otherwise(stale)
    )


def predict_facilities(session: Session, version: ModelVersion, table: pl.DataFrame) -> pl.DataFrame:
    """What an LGD or EAD model says of each facility of a table; which types revolve is told by how the model was fitted."""
    model: Any = registered_model(session, version)
    given = with_revolving(table, revolving_types(session, version)) if version.kind == "ead_segment_mean" else table
    predicted: pl.DataFrame = model.predict(given)
    return predicted


def revolving_types(session: Session, version: ModelVersion) -> list[str]:
    """The types of facilities that an EAD model takes as revolving."""
    from crfs.store.runs import run as find

    types: list[str] = find(session.database, version.run_id).specification["revolving"]
    return types


def model_runs(session: Session, models: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """The runs that made the models of a specification."""
    return sorted({referenced_version(session, reference).run_id for reference in models.values()})


def _cohorts(session: Session, version: ModelVersion) -> Mapping[str, Any]:
    """The cohorts that a scorecard was fitted on: they say whose records, and how old, it takes."""
    from crfs.store.runs import run as find

    spine: Mapping[str, Any] = find(session.database, version.run_id).specification["spine"]
    if spine.get("kind") != "cohorts":
        raise InvalidInput(
            f"{version.model} v{version.version} was fitted on the rows of a file, which do not say whom it can score; give the cells, or "
            "promote a version that was fitted on cohorts"
        )
    return spine


def _known_obligors(reader: StoreReader, spine: Mapping[str, Any], at: datetime) -> pl.Series:
    from crfs.features.cohorts import cohorts

    definition = reader.catalogue.dataset(spine["dataset"])
    found = cohorts(reader, definition.name, [at], period=definition.period, max_age=spine.get("max_age", _MAX_AGE), known_by=at)
    return found["obligor_id"]
