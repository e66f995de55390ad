"""Factors as users look at them: the catalogue, a factor's history as known at a time, and its vintages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound
from crfs.workflows.session import Session
from crfs.workflows.times import parse_day, parse_question

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from crfs.credit.definitions import FactorDefinition
    from crfs.store.heads import Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorHistory:
    """A factor's values as known at ``as_of`` in the store of ``recorded_as_of``.

    ``table`` has ``valid_time``, ``value`` (null where the source withdrew it), ``knowledge_time`` (since when this value is known) and
    ``knowledge_basis``; both clocks are the resolved ones.
    """

    mnemonic: str
    title: str
    unit: str
    entity: str
    as_of: datetime
    recorded_as_of: datetime
    batch_id: int
    table: pl.DataFrame

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

    from crfs.bitemporal.resolve import rows_that_count
    from crfs.credit.definitions import digest, to_dict

    pin = session.pin()
    catalogue = session.catalogue(pin.batch_id)
    factor = catalogue.factor(mnemonic)
    dataset = catalogue.dataset(factor.dataset)
    rows = rows_that_count(
        session.reader(pin.batch_id).rows(
            factor.dataset, columns=[factor.column], entities=None if factor.entity is None else [factor.entity]
        )
    )
    answered = rows.filter(pl.col(factor.column).is_not_null())
    return {
        **to_dict(factor),
        "period": str(catalogue.period(factor)),
        "definition_sha256": digest(factor),
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
    as_of: str | datetime | None = None,
    recorded_as_of: str | datetime | None = None,
) -> FactorHistory:
    """The values of a factor as known at ``as_of`` (now, where it is None), in the state of the store at ``recorded_as_of``.

    ``start`` and ``end`` are days, both included. A question that is only a date means the end of that day: in the publisher's zone
    for ``as_of``, in UTC for ``recorded_as_of``.
    """
    import polars as pl

    from crfs.bitemporal.resolve import as_of as known_at

    pin, factor, name, zone = _asked(session, mnemonic, entity, recorded_as_of)
    moment = _moment(as_of, zone) or session.clock.now()
    rows = session.reader(pin.batch_id).rows(factor.dataset, columns=[factor.column], entities=[name], known_by=moment)
    known = known_at(rows, as_of=moment, missing_is_answer=factor.missing_is_answer)
    first, last = _days(start, end)
    if first is not None:
        known = known.filter(pl.col("valid_time").dt.date() >= first)
    if last is not None:
        known = known.filter(pl.col("valid_time").dt.date() <= last)
    value = pl.col(factor.column) * factor.scale if factor.scale != 1.0 else pl.col(factor.column)
    table = known.sort("valid_time").select("valid_time", value.alias("value"), "knowledge_time", pl.col("knowledge_basis").cast(pl.String))
    return FactorHistory(
        mnemonic=factor.mnemonic,
        title=factor.title,
        unit=factor.unit,
        entity=name,
        as_of=moment,
        recorded_as_of=pin.recorded_at,
        batch_id=pin.batch_id,
        table=table,
    )


def factor_vintages(
    session: Session, mnemonic: str, *, entity: str | None = None, recorded_as_of: str | datetime | None = None
) -> FactorVintages:
    """The knowledge times of a factor: ``knowledge_time``, ``values`` that came or changed then, ``first_valid_time``, ``last_valid_time``."""
    import polars as pl

    from crfs.bitemporal.resolve import rows_that_count

    pin, factor, name, _ = _asked(session, mnemonic, entity, recorded_as_of)
    rows = session.reader(pin.batch_id).rows(factor.dataset, columns=[factor.column], entities=[name])
    counted = rows_that_count(rows, missing_is_answer=factor.missing_is_answer)
    table = (
        counted.group_by("knowledge_time")
        .agg(
            pl.len().cast(pl.Int64).alias("values"),
            pl.col("valid_time").min().alias("first_valid_time"),
            pl.col("valid_time").max().alias("last_valid_time"),
        )
        .sort("knowledge_time")
    )
    return FactorVintages(mnemonic=factor.mnemonic, entity=name, recorded_as_of=pin.recorded_at, batch_id=pin.batch_id, table=table)


def _asked(
    session: Session, mnemonic: str, entity: str | None, recorded_as_of: str | datetime | None
) -> tuple[Pin, FactorDefinition, str, str]:
    """The state, the factor, its entity and the publisher's zone of a question."""
    pinned = parse_question(recorded_as_of, what="recorded_as_of") if isinstance(recorded_as_of, str) else recorded_as_of
    pin = session.pin(pinned)
    catalogue = session.catalogue(pin.batch_id)
    factor = catalogue.factor(mnemonic)
    dataset = catalogue.dataset(factor.dataset)
    name = factor.entity or entity
    if name is None:
        raise InvalidInput(f"{mnemonic} is a factor of each {dataset.entity_kind}: name one with entity (--entity)")
    if factor.entity is not None and entity not in (None, factor.entity):
        raise InvalidInput(f"{mnemonic} is bound to {factor.entity}; it has no entity {entity!r}")
    return pin, factor, name, factor.release_zone or dataset.zone


def _moment(text: str | datetime | None, zone: str) -> datetime | None:
    if isinstance(text, datetime) and text.tzinfo is None:
        raise InvalidInput("as_of has no time zone")
    return parse_question(text, what="as_of", zone=zone) if isinstance(text, str) else text


def _days(start: str | None, end: str | None) -> tuple[date | None, date | None]:
    first = parse_day(start, what="start") if start else None
    last = parse_day(end, what="end") if end else None
    if first is not None and last is not None and last < first:
        raise InvalidInput(f"end {last} lies before start {first}")
    return first, last
