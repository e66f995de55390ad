"""A factor's observations as a table with both clocks resolved, the rows behind one of them, and where each came from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.session import Session
from crfs.workflows.staleness import Stale, staleness
from crfs.workflows.times import parse_question, parse_start

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.definitions import DatasetDefinition, FactorDefinition
    from crfs.store.heads import Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """A factor's values as known at ``as_of`` in the store of ``recorded_as_of``.

    ``table`` has ``entity``, ``valid_time``, ``value`` (null where the answer is that there is none), ``knowledge_time``,
    ``knowledge_basis``, ``row_state`` and ``batch_id``, by entity and valid time. ``resolved`` says that a clock was not given, or lay after
    the head, and is what it was resolved to. ``pinned`` says that the same question has the same answer for ever: both clocks were given
    and lie at or before the head. ``personal`` data must not be kept by a cache. ``stale`` marks values whose stream is late, in an answer
    from the store as it is now.
    """

    mnemonic: str
    title: str
    unit: str
    entity: str | None
    as_of: datetime
    recorded_as_of: datetime
    batch_id: int
    resolved: bool
    pinned: bool
    personal: bool
    dataset: str
    rights: str
    table: pl.DataFrame
    stale: Stale | None = None


def observations(
    session: Session,
    mnemonic: str,
    *,
    entity: str | None = None,
    start: str | None = None,
    end: str | None = None,
    as_of: str | date | None = None,
    recorded_as_of: str | date | int | None = None,
) -> Observations:
    """The observations of a factor with ``start <= valid_time < end``; of every entity where none is named and the factor has many.

    A time that is only a date is its first instant for ``start`` and ``end``, and the end of that day for the clocks: in the publisher's
    zone for ``as_of``, in UTC for ``recorded_as_of``, which may be a batch number too.
    """
    import polars as pl

    from crfs.bitemporal.resolve import as_of as known_at
    from crfs.bitemporal.resolve import rows_that_count, without_repeated_bounds
    from crfs.credit.definitions import Scope

    pin, factor, dataset = _asked(session, mnemonic, recorded_as_of)
    now = session.clock.now()
    moment = parse_question(as_of, what="as_of", zone=dataset.zone) if as_of else now
    name = bound_entity(factor, entity)
    rows = session.reader(pin.batch_id).rows(
        factor.dataset, columns=[factor.column], entities=None if name is None else [name], known_by=moment
    )
    counted = without_repeated_bounds(rows_that_count(_within(rows, start, end), missing_is_answer=factor.missing_is_answer))
    known = known_at(counted, as_of=moment, missing_is_answer=factor.missing_is_answer)
    value = factor.value_of(pl.col(factor.column))
    column = dataset.column(factor.column)
    newest = known["batch_id"].unique().sort(descending=True).head(20).to_list()
    stale = staleness(session, dataset, entity=name, batches=newest, at=moment) if recorded_as_of is None and newest else None
    return Observations(
        mnemonic=mnemonic,
        title=factor.title,
        unit=factor.unit,
        entity=name,
        as_of=moment,
        recorded_as_of=pin.recorded_at,
        batch_id=pin.batch_id,
        resolved=as_of is None or pin.resolved,
        pinned=as_of is not None and moment <= now and recorded_as_of is not None and not pin.resolved,
        personal=column.personal or dataset.scope is Scope.TENANT,
        dataset=factor.dataset,
        rights=dataset.rights,
        table=known.select(
            "entity",
            "valid_time",
            value.alias("value"),
            "knowledge_time",
            pl.col("knowledge_basis", "row_state").cast(pl.String),
            "batch_id",
        ).sort("entity", "valid_time"),
        stale=stale,
    )


def first_known(
    session: Session,
    mnemonic: str,
    *,
    entity: str,
    start: str | None = None,
    end: str | None = None,
    recorded_as_of: str | date | int | None = None,
) -> pl.DataFrame:
    """What was known first of each observation with ``start <= valid_time < end``: ``valid_time``, ``value``, ``knowledge_time``.

    That is the row of the smallest knowledge time that the store has: the first release where it has all vintages, a later one where
    it does not. The value is null where the first answer was that there is none.
    """
    import polars as pl

    from crfs.bitemporal.resolve import rows_that_count

    pin, factor, _ = _asked(session, mnemonic, recorded_as_of)
    rows = session.reader(pin.batch_id).rows(factor.dataset, columns=[factor.column], entities=[bound_entity(factor, entity) or entity])
    counted = rows_that_count(_within(rows, start, end), missing_is_answer=factor.missing_is_answer)
    value = factor.value_of(pl.col(factor.column))
    return (
        counted.sort("valid_time", "knowledge_time")
        .unique("valid_time", keep="first", maintain_order=True)
        .select("valid_time", value.alias("value"), "knowledge_time")
    )


def revisions(
    session: Session, mnemonic: str, *, valid_time: str, entity: str | None = None, recorded_as_of: str | int | None = None
) -> list[dict[str, Any]]:
    """Every row that the store has of one observation, in the order in which they became known, with the batch and its payloads.

    Rows that another one replaces (a correction of the same knowledge time) are there too: ``counts`` says which ones count.
    """
    import polars as pl

    from crfs.bitemporal.resolve import rows_that_count
    from crfs.store.provenance import batch_origins

    pin, factor, _ = _asked(session, mnemonic, recorded_as_of)
    name = bound_entity(factor, entity)
    if name is None:
        raise InvalidInput(f"{mnemonic} has many entities: say which one's observation is meant (entity)")
    moment = _instant(valid_time, "valid_time")
    assert moment is not None
    rows = (
        session.reader(pin.batch_id)
        .rows(factor.dataset, columns=[factor.column], entities=[name])
        .filter(pl.col("valid_time") == moment)
        .sort("knowledge_time", "batch_id")
    )
    counting = {(row["knowledge_time"], row["batch_id"]) for row in rows_that_count(rows, missing_is_answer=True).to_dicts()}
    origins = batch_origins(session.database, rows["batch_id"].unique().to_list(), dataset=factor.dataset)
    answer = []
    for row in rows.to_dicts():
        value, origin = row[factor.column], origins[row["batch_id"]]
        answer.append(
            {
                "knowledge_time": row["knowledge_time"],
                "value": None if value is None else factor.value_of(value),
                "row_state": row["row_state"],
                "knowledge_basis": row["knowledge_basis"],
                "counts": (row["knowledge_time"], row["batch_id"]) in counting,
                "batch_id": row["batch_id"],
                "kind": origin.kind,
                "source": origin.source,
                "recorded_at": origin.recorded_at,
                "reason": origin.reason,
                "payloads": list(origin.payloads),
            }
        )
    return answer


def origins(session: Session, mnemonic: str, batches: list[int]) -> dict[int, dict[str, Any]]:
    """For each batch: source, kind, when it was recorded, and the hashes of the payloads that the factor's rows in it came from."""
    from crfs.store.provenance import batch_origins

    return {
        batch_id: {
            "batch_id": batch_id,
            "kind": origin.kind,
            "source": origin.source,
            "recorded_at": origin.recorded_at,
            "reason": origin.reason,
            "payloads": list(origin.payloads),
        }
        for batch_id, origin in batch_origins(session.database, batches, dataset=session.catalogue().factor(mnemonic).dataset).items()
    }


def some_entities(session: Session, mnemonic: str, *, most: int = 20) -> list[str]:
    """The entity that a factor is bound to, or the first few of those that its dataset has."""
    pin, factor, _ = _asked(session, mnemonic, None)
    if factor.entity is not None:
        return [factor.entity]
    return session.reader(pin.batch_id).rows(factor.dataset, columns=[])["entity"].unique().sort().head(most).to_list()


def bound_entity(factor: FactorDefinition, entity: str | None) -> str | None:
    """The entity that a question about a factor is about; None where it is about all of them."""
    if factor.entity is not None and entity not in (None, factor.entity):
        raise InvalidInput(f"{factor.mnemonic} is bound to {factor.entity}; it has no entity {entity!r}", argument="entity")
    return factor.entity or entity


def _asked(session: Session, mnemonic: str, recorded_as_of: str | date | int | None) -> tuple[Pin, FactorDefinition, DatasetDefinition]:
    pin = session.pin(recorded_state(recorded_as_of))
    catalogue = session.catalogue(pin.batch_id)
    factor = catalogue.factor(mnemonic)
    return pin, factor, catalogue.dataset(factor.dataset)


def recorded_state(recorded_as_of: str | date | int | None) -> datetime | int | None:
    """What a question's ``recorded_as_of`` names: an instant, or a batch where it is a whole number."""
    if not isinstance(recorded_as_of, str | date):
        return recorded_as_of  # what is no number of a batch is refused where the state is looked up
    if isinstance(recorded_as_of, str) and re.fullmatch(r"-?[0-9]{1,18}", recorded_as_of) and not _is_day(recorded_as_of):
        return int(recorded_as_of)
    return parse_question(recorded_as_of, what="recorded_as_of")


def _is_day(digits: str) -> bool:
    """Whether digits are a day in ISO 8601's short form, as 20200605 is."""
    try:
        date.fromisoformat(digits)
    except ValueError:
        return False
    return True


def _within(rows: pl.DataFrame, start: str | None, end: str | None) -> pl.DataFrame:
    """The rows with ``start <= valid_time < end``."""
    import polars as pl

    first, last = _instant(start, "start"), _instant(end, "end")
    if first is not None and last is not None and last < first:
        raise InvalidInput(f"end {end} lies before start {start}", argument="end")
    if first is not None:
        rows = rows.filter(pl.col("valid_time") >= first)
    if last is not None:
        rows = rows.filter(pl.col("valid_time") < last)
    return rows


def _instant(text: str | None, what: str) -> datetime | None:
    return parse_start(text, what=what) if text else None
