"""Restating: a store comes to say what it would, had it had a parser from the start.

What it would say is in another store (the *model*), which took in the same answers with that parser. The rows of the source are compared by
key: those that differ are published as batches of kind ``reparse``, a payload each, and keys that are no longer said are annulled. What somebody
corrected or annulled stands where the source's word beneath it is the same. What answers showed and told the whole of, where it is no longer the
same, is taken over from the model, so that later answers find what they would find there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.rows import KnowledgeBasis, RowState
from crfs.credit.definitions import DatasetDefinition
from crfs.store.database import Database
from crfs.store.entities import entity_ids
from crfs.store.extents import Extents, keep_extents
from crfs.store.insertion import FIXED, enter_into_books, insert_rows
from crfs.store.notes import holds, keep_rereads, last_notes
from crfs.store.publication import BatchKind, BatchNote, Fence, batch_on, lock_head
from crfs.store.relations import ensure_relation, relation
from crfs.store.showings import Shown, showings
from crfs.store.sightings import Sighting, keep_sightings

_KEY = ["entity", "valid_time", "knowledge_time"]
_BASES = {basis.code: basis for basis in KnowledgeBasis}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    """Whose answers were read again, and by whom: the source, its parser, when, and the job's right to write.

    ``fetch_id`` is the last fetch that the model knows of; None where it is not to be asked whether others came since.
    """

    source: str
    parser_version: str
    at: datetime
    fence: Fence | None = None
    fetch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """What a restatement did, by dataset: rows that were appended (annulled ones among them), and rows that are as they were."""

    batches: Sequence[int]
    appended: dict[str, int]
    unchanged: dict[str, int]


def restate(database: Database, model: Database, definitions: Sequence[DatasetDefinition], reread: Reread) -> Restated | None:
    """Publish, all of it at once, by what the store differs from the model in these datasets.

    None where there is something to publish and something else came in meanwhile; then nothing was published.
    """
    for definition in definitions:
        ensure_relation(database, definition)
        ensure_relation(model, definition)
    with database.reading() as connection:
        compared_at = connection.exec_driver_sql("SELECT batch_id FROM crfs.head").scalar_one()
        noted = {definition.name: last_notes(connection, definition) for definition in definitions}
    changes = [_compared(database, model, definition, reread.source) for definition in definitions]
    parcels = _parcels(database, model, changes)
    unchanged = {change.definition.name: change.unchanged for change in changes}
    appended = {change.definition.name: change.rows.height for change in changes}
    if not parcels and not any(change.entities for change in changes):
        return Restated(batches=[], appended=appended, unchanged=unchanged)
    batches = []
    with database.writing() as connection:
        if _overtaken(connection, changes, reread, head=lock_head(connection), compared_at=compared_at, noted=noted):
            return None
        for parcel in parcels:
            with batch_on(connection, database, _note(parcel, reread)) as batch:
                for change in changes:
                    rows = change.rows.filter(pl.col("parcel") == parcel.number)
                    if rows.height:
                        inserted = insert_rows(batch, change.definition, rows.select(*FIXED, *change.definition.schema()))
                        enter_into_books(batch, change.definition, fetched_at=parcel.fetched_at, inserted=inserted)
            batches.append(batch.batch_id)
        for change in changes:
            last = batches[-1] if batches else compared_at
            _take_over_notes(connection, change, compared_at=compared_at, last=last, noted=noted[change.definition.name])
    return Restated(batches=batches, appended=appended, unchanged=unchanged)


@dataclass(slots=True, kw_only=True)
class _Change:
    """By what a dataset differs: ``rows`` to append, and the ``entities`` (natural key to number) of which the notes differ, with the model's.

    A row that the model says names the model's batch, one that is annulled the store's; ``of_model`` tells which, and ``parcel`` the batch to be.
    """

    definition: DatasetDefinition
    rows: pl.DataFrame
    unchanged: int
    entities: dict[str, int] = field(default_factory=dict)
    shown: dict[str, Shown] = field(default_factory=dict)
    extents: dict[str, list[tuple[Extent, tuple[str, ...]]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parcel:
    """A batch to be: the payloads, with the datasets of the rows that came from each, when they were fetched, and who read them before."""

    number: int
    payloads: dict[str, list[str]]
    fetched_at: datetime | None
    read_by: str | None


def _compared(database: Database, model: Database, definition: DatasetDefinition, source: str) -> _Change:
    values = list(definition.schema())
    said, is_said = _words(database, definition, source), _words(model, definition, None)
    both = said.join(is_said, on=_KEY, how="full", coalesce=True, suffix="_now")
    stands, stands_now = (pl.col(name).is_not_null() & (pl.col(name) != RowState.ANNULLED.code) for name in ("row_state", "row_state_now"))
    same = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(f"{name}_now")) for name in ("row_state", "knowledge_basis", "vintage_date", *values)
    )
    marked = both.with_columns(
        # What another source said of a key contradicts this one's answer, or is the same: either way nothing of that was stored.
        says=stands_now & ~(stands & same) & ~pl.col("another").fill_null(value=False),
        unsaid=stands & ~stands_now & ~pl.col("amended").fill_null(value=False),
        as_it_was=stands & stands_now & same,
    )
    says = marked.filter("says").select(
        *_KEY,
        *(pl.col(f"{name}_now").alias(name) for name in ("row_state", "knowledge_basis", "vintage_date", *values, "batch_id")),
        of_model=True,
    )
    unsaid = marked.filter("unsaid").select(
        *_KEY,
        pl.lit(RowState.ANNULLED.code, dtype=pl.Int16).alias("row_state"),
        "knowledge_basis",
        pl.lit(None, dtype=pl.Date).alias("vintage_date"),
        *(pl.lit(None, dtype=dtype).alias(name) for name, dtype in definition.schema().items()),
        "batch_id",
        of_model=False,
    )
    rows = pl.concat([says.cast(unsaid.schema), unsaid])
    change = _Change(definition=definition, rows=rows, unchanged=int(marked["as_it_was"].sum()))
    _compare_notes(database, model, change, said=said, is_said=is_said)
    ids = (
        dict(zip(rows["entity"].to_list(), entity_ids(database, definition, rows["entity"]).to_list(), strict=True)) if rows.height else {}
    )
    change.rows = rows.with_columns(
        entity_id=pl.col("entity").replace_strict(ids, return_dtype=pl.Int64) if ids else pl.lit(None, dtype=pl.Int64)
    )
    return change


def _words(database: Database, definition: DatasetDefinition, source: str | None) -> pl.DataFrame:
    """What a source (any, where None) said last of each key; whether somebody ``amended`` that since, and whether ``another`` source spoke alone."""
    columns = "".join(f', x."{name}"' for name in definition.schema())
    speaks = "b.kind IN ('ingest', 'reparse')"
    ours = speaks + ("" if source is None else " AND b.source = '" + source.replace("'", "''") + "'")
    table = database.table(
        f"SELECT e.natural_key AS entity, x.valid_time, x.knowledge_time, x.row_state, x.knowledge_basis, x.vintage_date{columns}, x.batch_id, "
        f"coalesce({ours}, false) AS ours, {speaks} AS speaks FROM {relation(definition.name)} AS x JOIN crfs.batch AS b USING (batch_id) "
        "JOIN crfs.entity AS e USING (entity_id) ORDER BY x.batch_id"
    )
    tops = table.unique(_KEY, keep="last", maintain_order=True)
    words = table.filter("ours").unique(_KEY, keep="last", maintain_order=True)
    others = tops.filter("speaks").join(words, on=_KEY, how="anti").with_columns(another=True)
    words = pl.concat([words.with_columns(another=False), others]).drop("ours", "speaks")
    words = words.join(tops.select(*_KEY, amended=~pl.col("ours")), on=_KEY, how="left")
    return words.with_columns(pl.col(name).cast(dtype) for name, dtype in definition.schema().items())


def _compare_notes(database: Database, model: Database, change: _Change, *, said: pl.DataFrame, is_said: pl.DataFrame) -> None:
    """Of which entities that the source speaks of the notes differ, and what the model notes of those."""
    definition = change.definition
    told, is_told = _extents(database, definition), _extents(model, definition)
    spoken_of = {*said.filter(~pl.col("another"))["entity"], *is_said["entity"], *is_told}
    periods = {name: times for name, times in _periods(database, definition, is_said).items() if name in spoken_of}
    shown, is_shown = showings(database, definition, periods), showings(model, definition, periods)
    differ = set()
    for name in spoken_of:
        ours, theirs = shown.get(name, Shown()), is_shown.get(name, Shown())
        if ours.runs != theirs.runs or {extent for extent, _ in told.get(name, [])} != {extent for extent, _ in is_told.get(name, [])}:
            differ.add(name)
    names = sorted(differ)
    change.entities = dict(zip(names, entity_ids(database, definition, pl.Series(names, dtype=pl.String)).to_list(), strict=True))
    change.shown = {name: is_shown.get(name, Shown()) for name in names}
    change.extents = {name: is_told.get(name, []) for name in names}


def _periods(database: Database, definition: DatasetDefinition, is_said: pl.DataFrame) -> dict[str, list[datetime]]:
    """All periods of each entity that either store has, ascending."""
    table = database.table(
        f"SELECT DISTINCT e.natural_key AS entity, x.valid_time FROM {relation(definition.name)} AS x JOIN crfs.entity AS e USING (entity_id)"
    )
    both = pl.concat([table, is_said.select("entity", "valid_time").cast(table.schema)]).unique().sort("entity", "valid_time")
    found: dict[str, list[datetime]] = defaultdict(list)
    for entity, time in both.rows():
        found[entity].append(time)
    return found


def _extents(database: Database, definition: DatasetDefinition) -> dict[str, list[tuple[Extent, tuple[str, ...]]]]:
    table = database.table(
        "SELECT e.natural_key AS entity, n.first_valid_time, n.last_valid_time, n.known_at, n.knowledge_basis, n.vintage_date, n.final_until, n.payloads "
        f"FROM crfs.extent AS n JOIN crfs.entity AS e USING (entity_id) WHERE n.dataset = '{definition.name}' AND {holds('n', 'extent')} ORDER BY n.note_id"
    )
    found: dict[str, list[tuple[Extent, tuple[str, ...]]]] = defaultdict(list)
    for row in table.iter_rows(named=True):
        extent = Extent(
            entity=row["entity"],
            first_valid_time=row["first_valid_time"],
            last_valid_time=row["last_valid_time"],
            known_at=row["known_at"],
            knowledge_basis=_BASES[row["knowledge_basis"]],
            vintage_date=row["vintage_date"],
            final_until=row["final_until"],
        )
        found[row["entity"]].append((extent, tuple(row["payloads"])))
    return found


def _parcels(database: Database, model: Database, changes: Sequence[_Change]) -> list[_Parcel]:
    """The batches that the changes' rows become, one for the payloads of a fetch; the rows are told the number of theirs."""
    origins = {False: _origins(database, changes), True: _origins(model, changes)}
    found: dict[tuple[tuple[str, ...], datetime | None], int] = {}
    payloads: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for change in changes:
        batches = change.rows.select("of_model", "batch_id").unique().sort("of_model", "batch_id", descending=[True, False])
        numbers = {}
        for of_model, batch_id in batches.rows():
            origin = origins[of_model][batch_id]
            number = found.setdefault((tuple(sorted({sha256 for sha256, _ in origin.payloads})), origin.fetched_at), len(found))
            numbers[of_model, batch_id] = number
            for sha256, dataset in origin.payloads:
                if dataset in ("", change.definition.name):
                    payloads[number][sha256].add(dataset)
        parcel = [numbers[key] for key in change.rows.select("of_model", "batch_id").rows()]
        change.rows = change.rows.with_columns(parcel=pl.Series(parcel, dtype=pl.Int64))
    read_by = _readers(database, [sha256 for parcel in payloads.values() for sha256 in parcel])
    made = [
        _Parcel(
            number=number,
            payloads={sha256: sorted(datasets) for sha256, datasets in sorted(payloads[number].items())},
            fetched_at=fetched_at,
            read_by=", ".join(sorted({version for sha256 in shas for version in read_by.get(sha256, ())})) or None,
        )
        for (shas, fetched_at), number in found.items()
    ]
    return sorted(made, key=lambda parcel: (parcel.fetched_at is not None, parcel.fetched_at or 0, parcel.number))


@dataclass(frozen=True, slots=True)
class _Origin:
    payloads: list[tuple[str, str]]
    fetched_at: datetime | None


def _origins(database: Database, changes: Sequence[_Change]) -> dict[int, _Origin]:
    """Of every batch of the changes' datasets: its payloads, with the dataset that each gave, and when its answer was fetched."""
    query = sa.text(
        "SELECT b.batch_id, array(SELECT ARRAY[p.sha256, p.dataset] FROM crfs.batch_payload AS p WHERE p.batch_id = b.batch_id ORDER BY 1) AS payloads, "
        "max(b.fetched_at) AS fetched_at FROM crfs.batch_dataset AS b WHERE b.dataset = ANY(:datasets) GROUP BY b.batch_id"
    )
    with database.reading() as connection:
        rows = connection.execute(query, {"datasets": [change.definition.name for change in changes]}).all()
    return {row.batch_id: _Origin([(sha256, dataset) for sha256, dataset in row.payloads], row.fetched_at) for row in rows}


def _readers(database: Database, payloads: Sequence[str]) -> dict[str, list[str]]:
    """The parsers that read payloads before and made rows of them."""
    query = sa.text(
        "SELECT p.sha256, array_agg(DISTINCT b.parser_version) AS versions FROM crfs.batch_payload AS p JOIN crfs.batch AS b USING (batch_id) "
        "WHERE p.sha256 = ANY(:payloads) AND b.parser_version IS NOT NULL GROUP BY 1"
    )
    with database.reading() as connection:
        return {row.sha256: row.versions for row in connection.execute(query, {"payloads": list(payloads)})}


def _note(parcel: _Parcel, reread: Reread) -> BatchNote:
    before = "was read as nothing new" if parcel.read_by is None else f"{parcel.read_by} read"
    return BatchNote(
        kind=BatchKind.REPARSE,
        at=reread.at,
        reason=f"parser {reread.parser_version} of {reread.source} reads what {before}",
        source=reread.source,
        parser_version=reread.parser_version,
        payloads=parcel.payloads,
        fence=reread.fence,
    )


def _overtaken(
    connection: sa.Connection,
    changes: Sequence[_Change],
    reread: Reread,
    *,
    head: int,
    compared_at: int,
    noted: dict[str, tuple[int, int, int]],
) -> bool:
    """Whether rows or notes of the datasets, or answers of the source, came in since they were compared."""
    names = [change.definition.name for change in changes]
    if head > compared_at:
        touched = "SELECT 1 FROM crfs.batch_dataset WHERE dataset = ANY(:datasets) AND batch_id > :batch_id LIMIT 1"
        if connection.execute(sa.text(touched), {"datasets": names, "batch_id": compared_at}).scalar() is not None:
            return True
    if any(last_notes(connection, change.definition) != noted[change.definition.name] for change in changes):
        return True
    if reread.fetch_id is None:
        return False
    landed = "SELECT 1 FROM crfs.fetch WHERE source = :source AND fetch_id > :fetch_id LIMIT 1"
    return connection.execute(sa.text(landed), {"source": reread.source, "fetch_id": reread.fetch_id}).scalar() is not None


def _take_over_notes(connection: sa.Connection, change: _Change, *, compared_at: int, last: int, noted: tuple[int, int, int]) -> None:
    if not change.entities:
        return
    keep_rereads(connection, change.definition, list(change.entities.values()), batch_id=compared_at, last=noted)
    sightings: dict[frozenset[str], list[Sighting]] = defaultdict(list)
    extents: dict[tuple[str, ...], list[tuple[int, Extent]]] = defaultdict(list)
    for name, entity_id in change.entities.items():
        shown = change.shown[name]
        for (seen_at, basis, vintage_date), runs in shown.runs.items():
            sightings[shown.payloads[seen_at, basis, vintage_date]] += [
                Sighting(
                    entity_id=entity_id,
                    first_valid_time=first,
                    last_valid_time=until,
                    seen_at=seen_at,
                    knowledge_basis=basis,
                    vintage_date=vintage_date,
                )
                for first, until in runs
            ]
        for extent, payloads in change.extents[name]:
            extents[payloads].append((entity_id, extent))
    for shas, seen in sightings.items():
        keep_sightings(connection, change.definition, seen, batch_id=last, payloads=sorted(shas), unless_noted=False)
    for payloads, told in extents.items():
        ids, given = zip(*told, strict=True)
        keep_extents(connection, change.definition, Extents(ids, given), payloads=payloads, unless_noted=False)
