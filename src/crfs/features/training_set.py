"""Point-in-time training sets: every row of a spine with what was known at its own time."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from crfs.bitemporal.join import answers
from crfs.bitemporal.reader import Reader
from crfs.bitemporal.release import end_of_day
from crfs.bitemporal.resolve import as_of as vintage_of
from crfs.bitemporal.resolve import rows_that_count
from crfs.bitemporal.rows import INSTANT, KnowledgeBasis, instant
from crfs.bitemporal.tenor import Tenor
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import DatasetDefinition, FactorDefinition, digest
from crfs.errors import InvalidInput, NotYetKnown
from crfs.features.specification import FeatureFactor


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """The spine's columns and one a factor, in the spine's order; ``manifest`` says what it was made of, and the hash of its content."""

    table: pl.DataFrame
    manifest: Mapping[str, Any]

    def to_parquet(self) -> bytes:
        """The table's canonical bytes, the ones that the manifest's ``content_sha256`` is of."""
        return canonical_parquet(self.table)


def training_set(
    reader: Reader,
    spine: pl.DataFrame,
    factors: Sequence[FeatureFactor],
    *,
    catalogue: Catalogue,
    as_of: datetime | None = None,
    vintage: datetime | None = None,
    strict: bool = True,
) -> TrainingSet:
    """Join every factor to every spine row as it was known at the row's ``observed_at``.

    ``observed_at`` is an instant, or a date, which means the end of that day in the zone of each dataset's publisher. ``as_of`` caps what is
    known: ``knowledge_time <= min(observed_at, as_of)``. ``vintage`` asks one vintage for all rows instead: it sees the future of older
    rows, and the manifest says so. A ``strict`` set refuses rows whose knowledge time rests on an assumed lag.
    """
    if as_of is not None and vintage is not None:
        raise InvalidInput("give as_of (a cap on each row's own time) or vintage (one for all rows), not both")
    as_of = None if as_of is None else instant(as_of, "as_of")
    vintage = None if vintage is None else instant(vintage, "vintage")
    if "observed_at" not in spine.columns:
        raise InvalidInput("the spine needs a column observed_at")
    if spine["observed_at"].null_count():
        raise InvalidInput(f"observed_at is blank in {spine['observed_at'].null_count()} rows of the spine")
    names = [*spine.columns, *(factor.column for factor in factors)]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InvalidInput(
            f"the column {doubled} would be there twice: a factor is asked for once at each lag, and the spine has none of them"
        )
    columns: dict[str, pl.Series] = {}
    for (dataset, entity, _), group in _groups(factors, catalogue).items():
        definition = catalogue.dataset(dataset)
        _join(
            reader,
            spine,
            definition,
            entity,
            group=group,
            catalogue=catalogue,
            columns=columns,
            as_of=as_of,
            vintage=vintage,
            strict=strict,
        )
    table = spine.with_columns(columns[factor.column].alias(factor.column) for factor in factors)
    content = canonical_parquet(table)
    manifest = {
        "rows": table.height,
        "columns": table.columns,
        "factors": [
            {**factor.to_dict(), "definition_sha256": digest(catalogue.factor(factor.mnemonic))}
            | {"dataset": (name := catalogue.factor(factor.mnemonic).dataset), "dataset_sha256": digest(catalogue.dataset(name))}
            for factor in factors
        ],
        "as_of": as_of.isoformat() if as_of else None,
        "vintage": vintage.isoformat() if vintage else None,
        "sees_the_future": vintage is not None,
        "strict": strict,
        "spine_sha256": hashlib.sha256(canonical_parquet(spine)).hexdigest(),
        "content_sha256": hashlib.sha256(content).hexdigest(),
    }
    return TrainingSet(table=table, manifest=manifest)


def canonical_parquet(table: pl.DataFrame) -> bytes:
    """Parquet bytes that depend on the values alone, for one version of the libraries."""
    buffer = io.BytesIO()
    table.rechunk().write_parquet(buffer, compression="zstd", statistics=False, row_group_size=1 << 20)
    return buffer.getvalue()


_Group = dict[tuple[str, str | None, str], list[tuple[FeatureFactor, FactorDefinition]]]


def _groups(factors: Sequence[FeatureFactor], catalogue: Catalogue) -> _Group:
    """Factors by dataset, fixed entity, and the spine's column where none is fixed: the rows of a group are read once."""
    groups: _Group = {}
    for factor in factors:
        definition = catalogue.factor(factor.mnemonic)
        on = "" if definition.entity is not None else factor.entity
        groups.setdefault((definition.dataset, definition.entity, on), []).append((factor, definition))
    return groups


def _join(
    reader: Reader,
    spine: pl.DataFrame,
    definition: DatasetDefinition,
    entity: str | None,
    *,
    group: list[tuple[FeatureFactor, FactorDefinition]],
    catalogue: Catalogue,
    columns: dict[str, pl.Series],
    as_of: datetime | None,
    vintage: datetime | None,
    strict: bool,
) -> None:
    wanted = list(dict.fromkeys(factor.column for _, factor in group))
    entities = None if entity is None else [entity]
    rows = reader.rows(definition.name, columns=wanted, entities=entities, known_by=vintage or as_of)
    if strict and _rests_on_assumption(rows):
        raise NotYetKnown(
            f"dataset {definition.name} has knowledge times that rest on an assumed lag; declare a release calendar, or ask with strict off"
        )
    asked_for = group[0][0].entity
    if entity is None and asked_for not in spine.columns:
        raise InvalidInput(
            f"factor {group[0][0].mnemonic} is joined on {asked_for!r}, which the spine lacks; name the column with entity = …"
        )
    questions = spine.select(
        entity=pl.lit(entity) if entity is not None else pl.col(asked_for).cast(pl.String),
        at=_instants(spine["observed_at"], definition.zone),
    )
    asked: dict[tuple[Tenor, Tenor | None, Tenor, bool], list[tuple[FeatureFactor, FactorDefinition]]] = {}
    for feature, factor in group:
        age = feature.max_age or factor.max_age
        asked.setdefault((feature.lag, age, catalogue.period(factor), factor.missing_is_answer), []).append((feature, factor))
    for (lag, age, period, missing_is_answer), members in asked.items():
        candidates = _one_vintage(rows, missing_is_answer=missing_is_answer) if vintage else rows
        positions = answers(questions, candidates, lag=lag, period=period, max_age=age, missing_is_answer=missing_is_answer)
        if vintage:
            positions = candidates["source"].gather(positions)
        for feature, factor in members:
            values = rows[factor.column].gather(positions)
            columns[feature.column] = factor.value_of(values)


def _rests_on_assumption(rows: pl.DataFrame) -> bool:
    """Whether a row that counts has an assumed knowledge time; one that was annulled or corrected since has no say."""
    assumed = pl.col("knowledge_basis").cast(pl.String) == KnowledgeBasis.ASSUMED.value
    if rows.filter(assumed).is_empty():
        return False
    keys = rows.select("entity", "valid_time", "knowledge_time", "batch_id", "row_state", "knowledge_basis")
    return not rows_that_count(keys, missing_is_answer=True).filter(assumed).is_empty()


def _one_vintage(rows: pl.DataFrame, *, missing_is_answer: bool) -> pl.DataFrame:
    """One vintage (the filter is done) for all rows of a spine: its rows taken as known from the beginning, with their ``source`` position."""
    keys = rows.select("entity", "valid_time", "knowledge_time", "batch_id", "row_state").with_row_index("source")
    seen = vintage_of(keys, missing_is_answer=missing_is_answer)
    return seen.with_columns(knowledge_time=pl.lit(datetime.fromisoformat("0001-01-01T00:00:00+00:00")).cast(INSTANT))


def _instants(observed_at: pl.Series, zone: str) -> pl.Series:
    if observed_at.dtype == pl.Date:
        return end_of_day(observed_at, zone)
    if not isinstance(observed_at.dtype, pl.Datetime) or observed_at.dtype.time_zone is None:
        raise InvalidInput("observed_at has no time zone; give UTC instants, or dates")
    return observed_at.dt.convert_time_zone("UTC").cast(INSTANT)
