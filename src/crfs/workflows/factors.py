"""Factors as users look at them: the catalogue, a factor's history as known at a time, and its vintages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.observations import bound_entity, observations, recorded_state
from crfs.workflows.session import Session
from crfs.workflows.staleness import Stale, staleness
from crfs.workflows.times import parse_day

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.definitions import FactorDefinition
    from crfs.store.heads import Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorHistory:
    """A factor's values as known at ``as_of`` in the store of ``recorded_as_of``.

    ``table`` has ``valid_time``, ``value`` (null where the source withdrew it), ``knowledge_time`` (since when this value is known) and
    ``knowledge_basis``; both clocks are the resolved ones. ``stale`` marks values whose stream is late.
    """

    mnemonic: str
    title: str
    unit: str
    entity: str
    as_of: datetime
    recorded_as_of: datetime
    batch_id: int
    table: pl.DataFrame
    stale: Stale | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "mnemonic": self.mnemonic,
            "title": self.title,
            "unit": self.unit,
            "entity": self.entity,
            "as_of": self.as_of.isoformat(),
            "recorded_as_of": self.recorded_as_of.isoformat(),
            "batch_id": self.batch_id,
            "stale": self.stale.to_dict() if self.stale else None,
            "observations": self.table.to_dicts(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorVintages:
    """When a factor became known: ``table`` has a row a knowledge time, with how many values came or changed at it, and which ones."""

    mnemonic: str
    entity: str
    recorded_as_of: datetime
    batch_id: int
    table: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "mnemonic": self.mnemonic,
            "entity": self.entity,
            "recorded_as_of": self.recorded_as_of.isoformat(),
            "batch_id": self.batch_id,
            "vintages": self.table.to_dicts(),
        }


def list_factors(session: Session, *, category: str | None = None, search: str | None = None) -> list[dict[str, Any]]:
    """Factors in force, by mnemonic: those of a category, and those that have every word of ``search`` in their description."""
    catalogue = session.catalogue()
    words = (search or "").lower().split()
    found = []
    for mnemonic in sorted(catalogue.factors):
        factor = catalogue.factors[mnemonic]
        text = f"{mnemonic} {factor.title} {factor.category} {factor.dataset} {factor.notes}".lower()
        if (category is None or factor.category == category) and all(word in text for word in words):
            period = catalogue.period(factor)
            found.append(
                {
                    "mnemonic": mnemonic,
                    "title": factor.title,
                    "category": factor.category,
                    "unit": factor.unit,
                    "period": str(period),
                    "dataset": factor.dataset,
                    "entity": factor.entity,
                }
            )
    if category is not None and not found and not words:
        raise NotFound(
            f"no factor is of the category {category!r}; there are {', '.join(sorted({f.category for f in catalogue.factors.values()}))}"
        )
    return found


def show_factor(session: Session, mnemonic: str) -> dict[str, Any]:
    """A factor's definition, that of its dataset, and what the store has of it."""
    import polars as pl

    from crfs.bitemporal.resolve import rows_that_count, without_repeated_bounds
    from crfs.credit.definitions import digest, to_dict

    pin = session.pin()
    catalogue = session.catalogue(pin.batch_id)
    factor = catalogue.factor(mnemonic)
    dataset = catalogue.dataset(factor.dataset)
    stored = session.reader(pin.batch_id).rows(
        factor.dataset, columns=[factor.column], entities=None if factor.entity is None else [factor.entity]
    )
    rows = without_repeated_bounds(rows_that_count(stored))
    answered = rows.filter(pl.col(factor.column).is_not_null())
    newest = answered["batch_id"].unique().sort(descending=True).head(20).to_list()
    stale = staleness(session, dataset, entity=factor.entity, batches=newest, at=session.clock.now()) if newest else None
    return {
        **to_dict(factor),
        "period": str(catalogue.period(factor)),
        "definition_sha256": digest(factor),
        "stale": stale.to_dict() if stale else None,
        "dataset_definition": {
            "title": dataset.title,
            "source": dataset.source,
            "entity_kind": dataset.entity_kind,
            "zone": dataset.zone,
            "revision_policy": dataset.revision_policy.value,
            "rights": dataset.rights,
            "column": to_dict(dataset.column(factor.column)),
        },
        "stored": {
            "entities": answered["entity"].n_unique(),
            "observations": answered.select("entity", "valid_time").n_unique(),
            "revisions": answered.height,
            "vintages": answered["knowledge_time"].n_unique(),
            "first_valid_time": answered["valid_time"].min(),
            "last_valid_time": answered["valid_time"].max(),
            "last_knowledge_time": answered["knowledge_time"].max(),
        },
    }


def factor_history(
    session: Session,
    mnemonic: str,
    *,
    entity: str | None = None,
    start: str | None = None,
    end: str | None = None,
    as_of: str | date | None = None,
    recorded_as_of: str | date | int | None = None,
) -> FactorHistory:
    """The values of a factor as known at ``as_of`` (now, where it is None), in the state of the store at ``recorded_as_of``.

    ``start`` and ``end`` are days, both included. A question that is only a date means the end of that day: in the publisher's zone
    for ``as_of``, in UTC for ``recorded_as_of``.
    """
    import polars as pl

    _entity_of(session, mnemonic, entity, recorded_as_of)
    known = observations(session, mnemonic, entity=entity, as_of=as_of, recorded_as_of=recorded_as_of)
    table = known.table
    first, last = _days(start, end)
    if first is not None:
        table = table.filter(pl.col("valid_time").dt.date() >= first)
    if last is not None:
        table = table.filter(pl.col("valid_time").dt.date() <= last)
    return FactorHistory(
        mnemonic=known.mnemonic,
        title=known.title,
        unit=known.unit,
        entity=str(known.entity),
        as_of=known.as_of,
        recorded_as_of=known.recorded_as_of,
        batch_id=known.batch_id,
        table=table.select("valid_time", "value", "knowledge_time", "knowledge_basis"),
        stale=known.stale,
    )


def factor_vintages(
    session: Session, mnemonic: str, *, entity: str | None = None, recorded_as_of: str | date | int | None = None
) -> FactorVintages:
    """The knowledge times of a factor: ``knowledge_time``, ``values`` that came or changed then, ``first_valid_time``, ``last_valid_time``."""
    import polars as pl

    from crfs.bitemporal.resolve import rows_that_count

    pin, factor, name = _entity_of(session, mnemonic, entity, recorded_as_of)
    rows = session.reader(pin.batch_id).rows(factor.dataset, columns=[factor.column], entities=[name])
    counted = rows_that_count(rows, missing_is_answer=factor.missing_is_answer).sort("valid_time", "knowledge_time")
    before = pl.col(factor.column).shift(1).over("valid_time")
    first = pl.col("knowledge_time") == pl.col("knowledge_time").min().over("valid_time")
    table = (
        counted.filter(first | before.ne_missing(pl.col(factor.column)))
        .group_by("knowledge_time")
        .agg(
            pl.len().cast(pl.Int64).alias("values"),
            pl.col("valid_time").min().alias("first_valid_time"),
            pl.col("valid_time").max().alias("last_valid_time"),
        )
        .sort("knowledge_time")
    )
    return FactorVintages(mnemonic=factor.mnemonic, entity=name, recorded_as_of=pin.recorded_at, batch_id=pin.batch_id, table=table)


def how_it_comes(session: Session, mnemonic: str, *, batch_id: int) -> str:
    """What brings the values of a factor, for who finds none in the store as of ``batch_id``."""
    from crfs.sources.core import source_names

    if batch_id < session.pin().batch_id:
        return "an older state of it was asked"
    catalogue = session.catalogue(batch_id)
    name = catalogue.factor(mnemonic).dataset
    source = catalogue.dataset(name).source
    if source == "csv":
        return f"crfs datasets append {name} FILE brings it"
    return f"crfs ingest {source} brings it" if source in source_names() else f"it is made here, from other data ({source})"


def _entity_of(
    session: Session, mnemonic: str, entity: str | None, recorded_as_of: str | date | int | None
) -> tuple[Pin, FactorDefinition, str]:
    """The state, the factor, and the one entity that a question is about."""
    pin = session.pin(recorded_state(recorded_as_of))
    catalogue = session.catalogue(pin.batch_id)
    factor = catalogue.factor(mnemonic)
    name = bound_entity(factor, entity)
    if name is None:
        kind = catalogue.dataset(factor.dataset).entity_kind
        raise InvalidInput(f"{mnemonic} is a factor of each {kind}: name one with entity (--entity)")
    return pin, factor, name


def _days(start: str | None, end: str | None) -> tuple[date | None, date | None]:
    first = parse_day(start, what="start") if start else None
    last = parse_day(end, what="end") if end else None
    if first is not None and last is not None and last < first:
        raise InvalidInput(f"end {last} lies before start {first}", argument="end")
    return first, last
