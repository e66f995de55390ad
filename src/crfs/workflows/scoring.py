"""Scoring: obligors and facilities through champion models, at one time and one state of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.session import Session
from crfs.workflows.training import registered_model, with_revolving

if TYPE_CHECKING:
    import polars as pl

    from crfs.store.registry import ModelVersion
    from crfs.store.scan import StoreReader


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

    from crfs.features.specification import feature_factors
    from crfs.features.training_set import training_set
    from crfs.store.runs import run as find

    specification = find(session.database, version.run_id).specification
    model = registered_model(session, version)
    spine = pl.DataFrame({"obligor_id": obligors.unique().sort()}).with_columns(observed_at=pl.lit(at).cast(pl.Datetime("us", "UTC")))
    cut = training_set(reader, spine, feature_factors(specification["factor"]), catalogue=reader.catalogue, as_of=at)
    known = _known_obligors(reader, specification, at)
    table = cut.table.filter(pl.col("obligor_id").is_in(known.implode()))
    return table.select("obligor_id").hstack(model.predict(table)) if table.height else table.select("obligor_id").clear()


def fill_book(
    session: Session, reader: StoreReader, book: pl.DataFrame, models: Mapping[str, Mapping[str, Any]], *, at: datetime
) -> pl.DataFrame:
    """Fill blank ``ead``, ``lgd`` and ``pd_12m`` of a book from models (``{"pd": reference, "lgd": …, "ead": …}``).

    A column ``…_origin`` beside each says where a cell comes from: ``given``, or the model and its version. What no model can fill stays
    blank, for the checks of the book to name.
    """
    import polars as pl

    filled = book
    for name, column in (("ead", "ead"), ("lgd", "lgd"), ("pd", "pd_12m")):
        if column not in filled.columns:
            filled = filled.with_columns(pl.lit(None, pl.Float64).alias(column))
        given = filled[column].is_not_null()
        labels = pl.Series([None], dtype=pl.String).new_from_index(0, filled.height)
        if name in models and not given.all():
            version = referenced_version(session, models[name])
            predicted = _predicted(session, reader, version, name, filled, at=at)
            label = f"{version.model} v{version.version}"
            filled = filled.with_columns(pl.when(given).then(pl.col(column)).otherwise(predicted).alias(column))
            labels = pl.select(pl.when(filled[column].is_not_null()).then(pl.lit(label)).alias("origin"))["origin"]
            if name == "lgd" and "lgd_sd" not in filled.columns:
                filled = filled.with_columns(_lgd_spread(session, version, filled, given).alias("lgd_sd"))
        filled = filled.with_columns(pl.when(given).then(pl.lit("given")).otherwise(labels).alias(f"{column}_origin"))
    return filled


def model_runs(session: Session, models: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """The runs that made the models of a specification."""
    return sorted({referenced_version(session, reference).run_id for reference in models.values()})


def _predicted(session: Session, reader: StoreReader, version: ModelVersion, name: str, book: pl.DataFrame, *, at: datetime) -> pl.Series:
    import polars as pl

    from crfs.store.runs import run as find

    if name == "pd":
        scores = score_obligors(session, reader, version, book["obligor_id"], at=at)
        if "pd_12m" not in scores.columns:
            return pl.Series([None] * book.height, dtype=pl.Float64)
        return book.select("obligor_id").join(scores.select("obligor_id", "pd_12m"), on="obligor_id", how="left", maintain_order="left")[
            "pd_12m"
        ]
    model = registered_model(session, version)
    if name == "lgd":
        return model.predict(book)["lgd"]
    if "drawn" not in book.columns:
        return pl.Series([None] * book.height, dtype=pl.Float64)
    types = find(session.database, version.run_id).specification["revolving"]
    return model.predict(with_revolving(book, types))["ead"]


def _lgd_spread(session: Session, version: ModelVersion, book: pl.DataFrame, given: pl.Series) -> pl.Series:
    """The spread of a single loss about its segment's mean, where the mean is the model's; a Beta's spread is below √(m(1-m))."""
    import polars as pl

    predicted = registered_model(session, version).predict(book)
    widest = (pl.col("lgd") * (1.0 - pl.col("lgd"))).clip(0.0).sqrt() * 0.999
    return predicted.select(pl.when(~given).then(pl.min_horizontal(pl.col("lgd_sd"), widest)).fill_null(0.0).alias("lgd_sd"))["lgd_sd"]


def _known_obligors(reader: StoreReader, specification: Mapping[str, Any], at: datetime) -> pl.Series:
    from crfs.features.cohorts import cohorts

    spine = specification["spine"]
    definition = reader.catalogue.dataset(spine["dataset"])
    found = cohorts(reader, definition.name, [at], period=definition.period, max_age=spine.get("max_age", "P3M"), known_by=at)
    return found["obligor_id"]
