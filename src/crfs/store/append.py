"""Appending rows: compared without a lock, then published in one short transaction.

A row whose key the store has not, and whose meaning does not rest on what its period's other rows say, has nothing to be compared with: it
goes straight into the relation when the batch is published. The others are staged and compared first. Which are which is told by the
batches' spans of time, and where these overlap by one probe of the relation's key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, ROW_STATE, RowState
from crfs.credit.definitions import ColumnType, DatasetDefinition, RevisionPolicy
from crfs.errors import Conflict, InvalidInput
from crfs.store.comparison import compare
from crfs.store.comparison_terms import Comparison
from crfs.store.database import Database
from crfs.store.entities import entity_ids
from crfs.store.extents import (
    Extents,
    Told,
    keep_extents,
    lie_within_later_ones,
    lies_within_one,
    reach_known_periods,
    withdraw_what_is_left_out,
)
from crfs.store.insertion import enter_into_books, insert_rows, insert_staged
from crfs.store.latest_only import shows_the_latest
from crfs.store.notes import state_of_notes
from crfs.store.publication import BatchKind, BatchNote, Publication, publication
from crfs.store.relations import ensure_relation, relation
from crfs.store.sightings import Sighting, keep_sightings, sightings_of
from crfs.store.staging import StagingRoom, staging_room

_FEW = 100
"""Entities whose own rows are looked at to see whether others wrote of them; and rows whose keys are told in a statement: a table for them
takes longer to make than to ask.
"""
_KEY = ["entity", "valid_time", "knowledge_time"]
_ID_KEY = ["entity_id", "valid_time", "knowledge_time"]
_KEYS = (
    "unnest(CAST(:entity_id AS bigint[]), CAST(:valid_time AS timestamptz[]), CAST(:knowledge_time AS timestamptz[]), "
    "CAST(:by_period AS boolean[]), CAST(:position AS bigint[])) AS k (entity_id, valid_time, knowledge_time, by_period, position)"
)
"""SQL: the keys of rows as they are told in a statement."""
_KINDS = (BatchKind.INGEST, BatchKind.CORRECTION, BatchKind.REDERIVE, BatchKind.ANNUL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Rows of one dataset, ready to be appended.

    ``rows`` has entity, valid_time, knowledge_time, knowledge_basis, vintage_date, row_state, optionally ``clipped``, and every value
    column of the definition. ``fetched_at`` is when the answer that they come from was there: in a dataset whose provider shows only the
    latest values, a value that a release rule dates and that differs from what the store has is a revision known from then. ``extents``
    say what the answer told the whole of, in a vintaged dataset: what it leaves out there is withdrawn.
    """

    definition: DatasetDefinition
    rows: pl.DataFrame
    fetched_at: datetime | None = None
    extents: Sequence[Extent] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an append did: ``batch_id`` is None where nothing was new. Counts are by dataset."""

    batch_id: int | None
    appended: Mapping[str, int]
    unchanged: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A delivery with its rows in the relation's types, entities as ids, and what it tells the whole of."""

    delivery: Delivery
    rows: pl.DataFrame
    extents: Extents | None

    @property
    def entities(self) -> list[int]:
        """What it is about."""
        told = [] if self.extents is None else self.extents.entities
        return sorted({*self.rows["entity_id"].unique().to_list(), *told})

    @property
    def takes_notes(self) -> bool:
        """Whether notes of other answers decide what is news of it."""
        return self.delivery.fetched_at is not None or self.extents is not None or bool(self.rows["clipped"].any())


@dataclass(slots=True, kw_only=True)
class _Part:
    """One dataset of an append: the rows that need no comparison (``fresh``), and the table with those that do (``staged``), if any.

    ``whole`` are all the rows where what they say rests on what is there when they are published: those of a kind that amends history, and
    of an answer that says something of its fetch (the latest values, what days ended with).
    """

    definition: DatasetDefinition
    how: Comparison
    entities: Sequence[int]
    given: int
    fresh: pl.DataFrame
    whole: pl.DataFrame | None = None
    staged: str | None = None
    extents: Extents | None = None
    sightings: Sequence[Sighting] = ()
    left: int = 0

    @property
    def has_notes(self) -> bool:
        """Whether the answer said something that is kept though it may be no news."""
        return bool(self.sightings) or self.extents is not None


def append(database: Database, deliveries: list[Delivery], note: BatchNote) -> Receipt:
    """Append the rows that are new, all of them in one batch, or none.

    Values are cast only where the cast loses nothing, and times must carry their zone.

    A batch of kind ``ingest`` is compared with the row that counts at the same key: an equal one is a no-op (and so is one whose key was
    annulled: to bring it back is a correction), a different one is a :class:`~crfs.errors.Conflict`, unless it is what the source had said
    before somebody corrected it: a correction stands until the source says something else. The kinds that amend history append
    what differs from the row that counts, be it only in its ``knowledge_basis`` or ``vintage_date``. A row marked ``clipped`` is dropped
    where a value known before says the same. In a vintaged dataset, and where an answer shows the latest values, a ``missing`` row after
    a value is a withdrawal, whichever of the two is ingested first: it is kept as ``retracted``. What a mended parser
    reads of earlier answers is :func:`~crfs.store.restating.restate`'s.
    """
    if note.kind not in _KINDS:
        raise InvalidInput(f"a batch of kind {note.kind.value} has no rows of a dataset; append takes {', '.join(k.value for k in _KINDS)}")
    names = [delivery.definition.name for delivery in deliveries]
    if len(set(names)) < len(names):
        raise InvalidInput("an append has one delivery a dataset; concatenate the rows of a dataset first")
    prepared = [_prepared(database, delivery, note.kind) for delivery in deliveries]
    prepared = [one for one in prepared if one.rows.height]
    if not prepared:
        return Receipt(batch_id=None, appended={}, unchanged={})
    for one in prepared:
        ensure_relation(database, one.delivery.definition)
    while (receipt := _tried(database, prepared, note)) is None:
        pass  # others published what it rests on while it was compared
    return receipt


def _tried(database: Database, prepared: list[_Prepared], note: BatchNote) -> Receipt | None:
    """One comparison and its publication; None where what an answer without news showed cannot be noted as it was compared."""
    with database.appending, staging_room(database) as room:
        # Of one snapshot: what is published or noted between two statements of a comparison would be known to the one and not to the other.
        with database.writing(durable=False, snapshot=True) as connection:
            compared_at = _head(connection)
            noted = _notes(connection, prepared)
            parts = [_compared(connection, room, one, note) for one in prepared]
        given = {part.definition.name: part.given for part in parts}
        nothing = Receipt(batch_id=None, appended=dict.fromkeys(given, 0), unchanged=given)
        if not any(part.left for part in parts):
            return nothing if _sighted(database, parts, compared_at=compared_at) else None
        try:
            with publication(database, note) as batch:
                if _notes(batch.connection, prepared) != noted:
                    raise _Overtaken
                if batch.previous > compared_at:
                    _compare_again(batch, room, parts, since=compared_at)
                for part in parts:
                    _keep_notes(batch.connection, part, batch_id=batch.previous)
                    if part.left:
                        _insert(batch, part)
        except _NothingNew:
            return None if any(part.has_notes for part in parts) else nothing
        except _Overtaken:
            return None
        except sa.exc.IntegrityError as error:
            raise Conflict(
                f"two rows of the delivery fall on one key, so nothing of it is kept: {str(error.orig).strip().splitlines()[-1]}"
            ) from error
    left = {part.definition.name: part.left for part in parts}
    return Receipt(batch_id=batch.batch_id, appended=left, unchanged={name: max(0, given[name] - left[name]) for name in given})


class _NothingNew(Exception):
    """Another writer published the same rows between the comparison and the lock."""


class _Overtaken(Exception):
    """Another writer published or noted, between the comparison and the lock, what the comparison rests on."""


def _notes(connection: sa.Connection, prepared: list[_Prepared]) -> list[int]:
    """The newest note on what is delivered: of what answers showed, and told the whole of, without news."""
    return [state_of_notes(connection, one.delivery.definition, one.entities) for one in prepared if one.takes_notes]


def _keep_notes(connection: sa.Connection, part: _Part, *, batch_id: int) -> None:
    keep_sightings(connection, part.definition, part.sightings, batch_id=batch_id, payloads=part.how.payloads)
    if part.extents is not None:
        keep_extents(connection, part.definition, part.extents, payloads=part.how.payloads)


def _prepared(database: Database, delivery: Delivery, kind: BatchKind) -> _Prepared:
    told = delivery.extents if kind is BatchKind.INGEST else ()
    extents = Extents.of(database, delivery.definition, told) if told else None
    return _Prepared(delivery=delivery, rows=_in_types(database, delivery, kind), extents=extents)


def _in_types(database: Database, delivery: Delivery, kind: BatchKind) -> pl.DataFrame:
    """Rows cast exactly to the relation's types, entities as ids, in the order of the key, doubles of the same content left out."""
    definition, rows = delivery.definition, delivery.rows
    schema = definition.schema()
    lacking = [name for name in (*_KEY, "knowledge_basis", "row_state", *schema) if name not in rows.columns]
    if lacking:
        raise InvalidInput(f"dataset {definition.name}: the rows lack the column {lacking[0]}")
    wanted: dict[str, pl.DataType] = {
        "entity": pl.String(),
        "valid_time": INSTANT,
        "knowledge_time": INSTANT,
        "row_state": ROW_STATE,
        "knowledge_basis": KNOWLEDGE_BASIS,
        "vintage_date": pl.Date(),
        "clipped": pl.Boolean(),
        **schema,
    }
    columns = [
        _exactly(rows[name], dtype, definition.name)
        if name in rows.columns
        else pl.Series(name, [None], dtype).new_from_index(0, rows.height)
        for name, dtype in wanted.items()
    ]
    table = pl.DataFrame(columns).with_columns(
        pl.col("row_state", "knowledge_basis").to_physical().cast(pl.Int16), pl.col("clipped").fill_null(value=False)
    )
    _check_values(definition, table, kind)
    ids = entity_ids(database, definition, table["entity"])
    table = table.select(ids.alias("entity_id"), pl.exclude("entity"), shown=pl.lit(False))
    if not _in_order(table):
        table = table.sort(_ID_KEY)
    shows = shows_the_latest(definition, delivery.fetched_at)
    if kind is BatchKind.INGEST and (shows or definition.revision_policy is RevisionPolicy.VINTAGED):
        table = _with_withdrawals(table)
    if table.select(_doubles()).to_series().any():
        table = table.unique(maintain_order=True)
        doubled = table.filter(_doubles())
        if doubled.height:
            first = doubled.row(0, named=True)
            entity = delivery.rows["entity"].gather((ids == first["entity_id"]).arg_true()[:1]).item()
            raise Conflict(
                f"dataset {definition.name}: the delivery has two different rows for {entity} at {first['valid_time']:%Y-%m-%d} "
                f"known from {first['knowledge_time']:%Y-%m-%d %H:%M}Z"
            )
    return table.with_columns(shown=_shown()) if shows else table


def _shown() -> pl.Expr:
    """Of a sorted table the last rows of their periods: what a provider of the latest values shows, those before it being history."""
    behind = (pl.col(name) != pl.col(name).shift(-1) for name in _ID_KEY[:2])
    return pl.any_horizontal(behind).fill_null(value=True)


def _with_withdrawals(table: pl.DataFrame) -> pl.DataFrame:
    """``missing`` rows that follow a value of their period in the same delivery are withdrawals, as they are in one of its own."""
    said = pl.when(pl.col("row_state") != RowState.MISSING.code).then(pl.col("row_state"))
    before = said.shift(1).forward_fill().over("entity_id", "valid_time")
    withdrawn = (pl.col("row_state") == RowState.MISSING.code) & (before == RowState.VALUE.code)
    retracted = pl.lit(RowState.RETRACTED.code, dtype=pl.Int16)
    return table.with_columns(row_state=pl.when(withdrawn.fill_null(value=False)).then(retracted).otherwise(pl.col("row_state")))


def _in_order(table: pl.DataFrame) -> bool:
    """Whether rows ascend by key: each column does where all columns before it are equal."""
    entity, valid, known = (pl.col(name) for name in _ID_KEY)
    behind = (entity > entity.shift(-1)) | (
        (entity == entity.shift(-1)) & ((valid > valid.shift(-1)) | ((valid == valid.shift(-1)) & (known > known.shift(-1))))
    )
    return not table.select(behind.fill_null(value=False).any()).item()


def _doubles() -> pl.Expr:
    """Rows of a sorted table whose key is that of the row before."""
    return pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in _ID_KEY).fill_null(value=False)


def _exactly(given: pl.Series, dtype: pl.DataType, dataset: str) -> pl.Series:
    """The same values in the relation's type; a cast that would change one, or give a local time a zone, is refused."""
    if given.dtype == dtype:
        return given
    if dtype == INSTANT and (not isinstance(given.dtype, pl.Datetime) or given.dtype.time_zone is None) and given.dtype != pl.Null:
        raise InvalidInput(f"dataset {dataset}: {given.name} is {given.dtype}; give instants with a time zone")
    try:
        cast = given.cast(dtype)
        changed = cast.cast(given.dtype).ne_missing(given)
    except pl.exceptions.PolarsError:
        raise InvalidInput(f"dataset {dataset}: column {given.name} is {given.dtype} and cannot be read as {dtype}") from None
    if changed.any():
        value = given.filter(changed).item(0)
        raise InvalidInput(f"dataset {dataset}: column {given.name} has {value!r}, which {dtype} cannot hold exactly")
    return cast


def _check_values(definition: DatasetDefinition, table: pl.DataFrame, kind: BatchKind) -> None:
    for name in ("entity", "valid_time", "knowledge_time", "row_state", "knowledge_basis"):
        if table[name].null_count():
            raise InvalidInput(f"dataset {definition.name}: {name} is blank in {table[name].null_count()} rows")
    for column in definition.columns:
        if column.type is ColumnType.FLOAT8 and not table[column.name].is_finite().all():
            raise InvalidInput(f"dataset {definition.name}: column {column.name} has NaN or infinity; a row has neither")
    for name in ("entity", *(column.name for column in definition.columns if column.type is ColumnType.TEXT)):
        if table[name].str.contains("\0", literal=True).any():
            raise InvalidInput(f"dataset {definition.name}: column {name} has a text with a NUL character, which PostgreSQL cannot keep")
    empty = table.filter(pl.col("row_state") != RowState.VALUE.code)
    if empty.height and any(empty[name].null_count() < empty.height for name in definition.schema()):
        raise InvalidInput(f"dataset {definition.name}: a missing, retracted or annulled row has no values")
    annulled = (table["row_state"] == RowState.ANNULLED.code).sum()
    if (annulled and kind is not BatchKind.ANNUL) or (kind is BatchKind.ANNUL and annulled < table.height):
        raise InvalidInput(f"dataset {definition.name}: annulled rows come in a batch of kind annul, and no others do")


def _compared(connection: sa.Connection, room: StagingRoom, one: _Prepared, note: BatchNote) -> _Part:
    """The rows told apart, those of known periods staged and compared."""
    delivery, definition, rows = one.delivery, one.delivery.definition, one.rows
    how = Comparison(kind=note.kind, fetched_at=delivery.fetched_at, payloads=sorted({sha256 for sha256, _ in note.origins}))
    known = _to_compare(connection, room, definition, rows, how)
    part = _Part(
        definition=definition, how=how, entities=one.entities, given=rows.height, fresh=rows.filter(~known) if known.any() else rows
    )
    if note.kind is not BatchKind.INGEST or shows_the_latest(definition, how.fetched_at) or _ends_days(definition, how):
        part.whole = rows
    part.extents = one.extents
    reaches = part.extents is not None and reach_known_periods(connection, definition, part.extents)
    if known.any() or reaches:
        _stage_and_compare(connection, room, part, rows.filter(known))
    part.left = part.fresh.height + _count(connection, part.staged)
    return part


def _stage_and_compare(connection: sa.Connection, room: StagingRoom, part: _Part, rows: pl.DataFrame) -> None:
    definition, how = part.definition, part.how
    part.staged, told = room.stage(connection, rows), None
    if part.extents is not None:
        withdraw_what_is_left_out(connection, definition, part.staged, part.extents)
    running = _ends_days(definition, how)
    if running and how.kind is BatchKind.INGEST:
        told = Told(own=room.stage(connection, rows.clear()), extents=part.extents or Extents())
        connection.exec_driver_sql(f"INSERT INTO {told.own} SELECT * FROM {part.staged}")
    latest_only = shows_the_latest(definition, how.fetched_at)
    if how.kind is BatchKind.INGEST and (latest_only or running or rows["clipped"].any()):
        part.sightings = sightings_of(connection, definition, part.staged, fetched_at=how.fetched_at, latest_only=latest_only)
    compare(connection, definition, part.staged, how, told=told)


def _ends_days(definition: DatasetDefinition, how: Comparison) -> bool:
    """Whether the answer was fetched, so that it tells how days ended that were over by then."""
    return how.fetched_at is not None and definition.revision_policy is RevisionPolicy.VINTAGED


def _sighted(database: Database, parts: list[_Part], *, compared_at: int) -> bool:
    """Note what an answer without news showed; False where others published what that rests on in the meantime."""
    sighted = [part for part in parts if part.has_notes]
    if not sighted:
        return True
    with database.writing(durable=False) as connection:
        # Whoever publishes waits, so that what was compared still stands when it is noted.
        head = connection.exec_driver_sql("SELECT batch_id FROM crfs.head FOR UPDATE").scalar_one()
        if head > compared_at and any(_touched_since(connection, part, compared_at) for part in sighted):
            return False
        for part in sighted:
            _keep_notes(connection, part, batch_id=head)
    return True


def _to_compare(
    connection: sa.Connection, room: StagingRoom, definition: DatasetDefinition, rows: pl.DataFrame, how: Comparison
) -> pl.Series:
    """Which rows have to be compared: those whose key the relation has, or, where their period's other rows matter, whose period; and
    those that a later answer may have left out.
    """
    everything = pl.Series([True]).new_from_index(0, rows.height)
    if how.kind is not BatchKind.INGEST or rows.is_empty():
        return everything
    by_period = _by_period(definition, how, rows)
    left_out = lie_within_later_ones(connection, definition, rows)
    overlaps = left_out or _overlaps(connection, definition, rows.filter(by_period), known=False)
    if not overlaps and not _overlaps(connection, definition, rows.filter(~by_period), known=True):
        return ~everything
    sought = rows.select(*_ID_KEY, by_period=by_period, position=pl.int_range(pl.len()))
    keys, values = (_KEYS, sought.to_dict(as_series=False)) if rows.height <= _FEW else (f"{room.stage(connection, sought)} AS k", {})
    found = connection.execute(
        sa.text(
            f"SELECT coalesce(array_agg(k.position), '{{}}') FROM {keys} WHERE EXISTS (SELECT 1 FROM {relation(definition.name)} AS x "
            "WHERE x.entity_id = k.entity_id AND x.valid_time = k.valid_time AND (k.by_period OR x.knowledge_time = k.knowledge_time))"
            + (f" OR {lies_within_one('k')}" if left_out else "")
        ),
        {**values, "dataset": definition.name} if left_out else values,
    ).scalar_one()
    return rows.select(pl.int_range(pl.len()).is_in(pl.Series(found, dtype=pl.Int64).implode())).to_series()


def _by_period(definition: DatasetDefinition, how: Comparison, rows: pl.DataFrame) -> pl.Series:
    """Rows that mean something else beside other rows of their period: upper bounds, withdrawals, and what is shown of the latest values."""
    if definition.revision_policy is RevisionPolicy.VINTAGED or shows_the_latest(definition, how.fetched_at):
        return pl.repeat(value=True, n=rows.height, eager=True)
    return rows["clipped"]


def _overlaps(connection: sa.Connection, definition: DatasetDefinition, rows: pl.DataFrame, *, known: bool) -> bool:
    """Whether any batch has rows in the span of valid time of these, and, if ``known``, of knowledge time too."""
    if rows.is_empty():
        return False
    span = rows.select(
        first=pl.col("valid_time").min(),
        last=pl.col("valid_time").max(),
        first_known=pl.col("knowledge_time").min(),
        last_known=pl.col("knowledge_time").max(),
    ).row(0, named=True)
    knowledge = " AND first_knowledge_time <= :last_known AND last_knowledge_time >= :first_known" if known else ""
    return (
        connection.execute(
            sa.text(
                "SELECT 1 FROM crfs.batch_dataset WHERE dataset = :dataset AND (first_valid_time IS NULL "
                f"OR (first_valid_time <= :last AND last_valid_time >= :first{knowledge})) LIMIT 1"
            ),
            {"dataset": definition.name, **span},
        ).scalar()
        is not None
    )


def _compare_again(batch: Publication, room: StagingRoom, parts: list[_Part], *, since: int) -> None:
    """Take out what others published between the comparison and the lock."""
    for part in parts:
        if not _touched_since(batch.connection, part, since):
            continue
        if part.extents is not None:
            raise _Overtaken  # what it leaves out is told by all of what is there
        if part.whole is not None:
            part.fresh = part.fresh.clear()
            _stage_and_compare(batch.connection, room, part, part.whole)
            part.left = _count(batch.connection, part.staged)
            continue
        if part.fresh.height:
            late = room.stage(batch.connection, part.fresh)
            part.fresh = part.fresh.clear()
            if part.staged is None:
                part.staged = late
            else:
                batch.connection.exec_driver_sql(f"INSERT INTO {part.staged} SELECT * FROM {late}")
        if part.staged is not None:
            compare(batch.connection, part.definition, part.staged, replace(part.how, since=since))
        part.left = _count(batch.connection, part.staged)
    if not any(part.left for part in parts):
        raise _NothingNew


def _insert(batch: Publication, part: _Part) -> None:
    """The rows into the relation, and what the batch says of them into its books."""
    if part.staged is not None:
        insert_staged(batch, part.definition, part.staged)
    inserted = insert_rows(batch, part.definition, part.fresh.drop("clipped", "shown")) if part.fresh.height else None
    enter_into_books(batch, part.definition, fetched_at=part.how.fetched_at, inserted=None if part.staged is not None else inserted)


def _head(connection: sa.Connection) -> int:
    batch_id: int = connection.exec_driver_sql("SELECT batch_id FROM crfs.head").scalar_one()
    return batch_id


def _count(connection: sa.Connection, table: str | None) -> int:
    if table is None:
        return 0
    count: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return count


def _touched_since(connection: sa.Connection, part: _Part, batch_id: int) -> bool:
    """Whether later batches than this one have rows of what is appended; of many entities, of their dataset."""
    values = {"dataset": part.definition.name, "batch_id": batch_id, "entities": list(part.entities)}
    touched = "SELECT 1 FROM crfs.batch_dataset WHERE dataset = :dataset AND batch_id > :batch_id LIMIT 1"
    if connection.execute(sa.text(touched), values).scalar() is None:
        return False
    if len(part.entities) > _FEW:
        return True
    theirs = f"SELECT 1 FROM {relation(part.definition.name)} WHERE entity_id = ANY(:entities) AND batch_id > :batch_id LIMIT 1"
    return connection.execute(sa.text(theirs), values).scalar() is not None
