"""Definitions on the system clock: which definition of a dataset or a factor was in force at a batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import (
    DatasetDefinition,
    FactorDefinition,
    dataset_from_dict,
    digest,
    digest_of_form,
    factor_from_dict,
    to_dict,
)
from crfs.errors import Conflict, InvalidInput, VerificationFailed
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote, publication
from crfs.store.relations import ensure_relation

_IN_FORCE = sa.text(
    "SELECT DISTINCT ON (kind, name) kind, name, sha256, body::text AS body FROM crfs.definition WHERE batch_id <= :batch_id ORDER BY kind, name, batch_id DESC"
)


_LAST = 2**62


def define(
    database: Database,
    datasets: Sequence[DatasetDefinition],
    factors: Sequence[FactorDefinition],
    *,
    at: datetime,
    source: str,
    tell: Callable[[str], None] | None = None,
) -> int | None:
    """Put definitions in force; those that say nothing new are left out. The batch, or None where nothing is new.

    A dataset keeps its columns: one that is dropped, or changes its type, entity kind or scope, is a :class:`~crfs.errors.Conflict`.
    One that somebody altered in the store is put in force anew, which the batch gives as its reason and ``tell`` is told.
    """
    with database.reading() as connection:
        current = _sound(connection)
        fresh = _fresh(current, datasets, factors)
    if not fresh:
        return None
    again = sorted(current.altered & {_name_of(definition) for definition in fresh})
    reason = f"what the store had of {', '.join(again)} was altered: crfs verify tells what else is" if again else None
    if reason is not None and tell is not None:
        tell(f"put in force anew: {reason}")
    for definition in fresh:
        if isinstance(definition, DatasetDefinition):
            ensure_relation(database, definition)
    try:
        with publication(database, BatchNote(kind=BatchKind.DEFINE, at=at, source=source, reason=reason)) as batch:
            # Compared again under the lock: another process may just have put the same definitions in force, or others.
            fresh = _fresh(_sound(batch.connection), datasets, factors)
            if not fresh:
                raise _NothingNew
            batch.connection.execute(
                sa.text(
                    "INSERT INTO crfs.definition (kind, name, batch_id, sha256, body) "
                    "VALUES (:kind, :name, :batch_id, :sha256, CAST(:body AS jsonb))"
                ),
                [
                    {
                        "kind": "dataset" if isinstance(definition, DatasetDefinition) else "factor",
                        "name": _name_of(definition),
                        "batch_id": batch.batch_id,
                        "sha256": digest(definition),
                        "body": json.dumps(to_dict(definition)),
                    }
                    for definition in fresh
                ],
            )
    except _NothingNew:
        return None
    return batch.batch_id


class _NothingNew(Exception):
    """Another writer put the same definitions in force between the comparison and the lock."""


def defined_at(database: Database, batch_id: int | None = None) -> int:
    """The newest batch of definitions at or before a batch (the head, where it is None): the catalogue is the same in between."""
    with database.reading() as connection:
        newest: int | None = connection.execute(
            sa.text("SELECT max(batch_id) FROM crfs.definition WHERE CAST(:batch_id AS bigint) IS NULL OR batch_id <= :batch_id"),
            {"batch_id": batch_id},
        ).scalar()
    return newest or 0


def catalogue_at(database: Database, batch_id: int) -> Catalogue:
    """The definitions that were in force at a batch."""
    with database.reading() as connection:
        return _in_force(connection, batch_id)


def altered_definitions(connection: sa.Connection) -> list[tuple[str, str, int]]:
    """Definitions whose body has not the hash that it was put in force with: words for each, the dataset that it is about, and its batch."""
    found = []
    for row in connection.exec_driver_sql(
        "SELECT kind, name, batch_id, sha256, body, body->>'dataset' AS dataset FROM crfs.definition ORDER BY batch_id, kind, name"
    ):
        if _digest_of(row.kind, row.body) != row.sha256:
            dataset = row.name if row.kind == "dataset" else str(row.dataset)
            found.append((f"the definition of {row.kind} {row.name} is not what batch {row.batch_id} put in force", dataset, row.batch_id))
    return found


def _digest_of(kind: str, body: dict[str, Any]) -> str | None:
    """The hash of a definition's body; None where it is no definition any more."""
    try:
        return digest(_read(kind, body))
    except _UNREADABLE:
        return None


_UNREADABLE = (InvalidInput, KeyError, TypeError, ValueError, AttributeError)
"""What reading a definition from JSON of any shape may raise."""


def _read(kind: str, body: dict[str, Any]) -> DatasetDefinition | FactorDefinition:
    return dataset_from_dict(body) if kind == "dataset" else factor_from_dict(body)


def _name_of(definition: DatasetDefinition | FactorDefinition) -> str:
    return definition.name if isinstance(definition, DatasetDefinition) else definition.mnemonic


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sound:
    """The definitions in force that are what was put in force, and the names of the others.

    Factors stand for their hashes: a store has thousands, is opened by every command, and all that is asked is which say something new.
    """

    datasets: Mapping[str, DatasetDefinition]
    digests: Mapping[tuple[str, str], str]
    altered: set[str]


def _sound(connection: sa.Connection) -> _Sound:
    datasets: dict[str, DatasetDefinition] = {}
    digests: dict[tuple[str, str], str] = {}
    altered: set[str] = set()
    for row in connection.execute(_IN_FORCE, {"batch_id": _LAST}):
        try:
            if not _is_whole(row.kind, row.body, row.sha256):
                altered.add(row.name)
                continue
            if row.kind == "dataset":
                datasets[row.name] = _dataset(row.body)
        except _UNREADABLE:
            altered.add(row.name)
            continue
        digests[row.kind, row.name] = row.sha256
    return _Sound(datasets=datasets, digests=digests, altered=altered)


_READ = 10_000
"""How many definitions a process remembers: it opens stores, and looks at other batches of them, which have mostly the same ones."""


class _Itself:
    """A definition that is no other one: those that are equal may be written in two ways, as 1 and 1.0, and have two hashes."""

    __slots__ = ("definition",)

    def __init__(self, definition: DatasetDefinition | FactorDefinition) -> None:
        self.definition = definition

    def __hash__(self) -> int:
        return id(self.definition)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.definition is other.definition


@lru_cache(maxsize=_READ)
def _digest_of_this(this: _Itself) -> str:
    return digest(this.definition)


@lru_cache(maxsize=_READ)
def _is_whole(kind: str, body: str, sha256: str) -> bool:
    """Whether a body has its hash; what PostgreSQL writes in a way of its own, as large numbers, is read to be compared."""
    form = json.loads(body)
    return digest_of_form(form) == sha256 or _digest_of(kind, form) == sha256


@lru_cache(maxsize=_READ)
def _dataset(body: str) -> DatasetDefinition:
    return dataset_from_dict(json.loads(body))


@lru_cache(maxsize=_READ)
def _factor(body: str) -> FactorDefinition:
    return factor_from_dict(json.loads(body))


def _in_force(connection: sa.Connection, batch_id: int) -> Catalogue:
    rows = connection.execute(_IN_FORCE, {"batch_id": batch_id}).all()
    try:
        return Catalogue(
            datasets={row.name: _dataset(row.body) for row in rows if row.kind == "dataset"},
            factors={row.name: _factor(row.body) for row in rows if row.kind == "factor"},
        )
    except _UNREADABLE as error:
        raise VerificationFailed(f"a definition in the store cannot be read ({error}): it was altered; crfs verify names it") from error


def _fresh(
    current: _Sound, datasets: Sequence[DatasetDefinition], factors: Sequence[FactorDefinition]
) -> list[DatasetDefinition | FactorDefinition]:
    """Those that say something new; every factor's dataset and column must be there once they are in force."""
    merged = {**current.datasets, **{dataset.name: dataset for dataset in datasets}}
    for factor in factors:
        if factor.dataset not in merged:
            raise InvalidInput(f"factor {factor.mnemonic}: no dataset is called {factor.dataset!r}")
        merged[factor.dataset].column(factor.column)
    fresh: list[DatasetDefinition | FactorDefinition] = []
    for dataset in datasets:
        if current.digests.get(("dataset", dataset.name)) != _digest_of_this(_Itself(dataset)):
            before = current.datasets.get(dataset.name)
            if before is not None:
                _check_compatible(before, dataset)
            fresh.append(dataset)
    fresh += [factor for factor in factors if current.digests.get(("factor", factor.mnemonic)) != _digest_of_this(_Itself(factor))]
    return fresh


def _check_compatible(before: DatasetDefinition, after: DatasetDefinition) -> None:
    now = after.schema()
    for name, dtype in before.schema().items():
        if name not in now:
            raise Conflict(f"dataset {after.name}: column {name} is in the store and cannot be dropped; keep it, or define a new dataset")
        if now[name] != dtype:
            raise Conflict(f"dataset {after.name}: column {name} cannot change its type; name a new column")
    if (before.entity_kind, before.scope) != (after.entity_kind, after.scope):
        raise Conflict(f"dataset {after.name}: entity_kind and scope cannot change; define a new dataset")
