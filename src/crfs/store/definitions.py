"""Definitions on the system clock: which definition of a dataset or a factor was in force at a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import DatasetDefinition, FactorDefinition, dataset_from_dict, digest, factor_from_dict, to_dict
from crfs.errors import Conflict, InvalidInput
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote, publication
from crfs.store.relations import ensure_relation

_IN_FORCE = sa.text(
    "SELECT DISTINCT ON (kind, name) kind, name, sha256, body FROM crfs.definition WHERE batch_id <= :batch_id ORDER BY kind, name, batch_id DESC"
)


_LAST = 2**62


def define(
    database: Database, datasets: Sequence[DatasetDefinition], factors: Sequence[FactorDefinition], *, at: datetime, source: str
) -> int | None:
    """Put definitions in force; those that say nothing new are left out. The batch, or None where nothing is new.

    A dataset keeps its columns: one that is dropped, or changes its type, entity kind or scope, is a :class:`~crfs.errors.Conflict`.
    """
    with database.reading() as connection:
        fresh = _fresh(_in_force(connection), datasets, factors)
    if not fresh:
        return None
    for definition in fresh:
        if isinstance(definition, DatasetDefinition):
            ensure_relation(database, definition)
    try:
        with publication(database, BatchNote(kind=BatchKind.DEFINE, at=at, source=source)) as batch:
            # Compared again under the lock: another process may just have put the same definitions in force, or others.
            fresh = _fresh(_in_force(batch.connection), datasets, factors)
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
                        "name": definition.name if isinstance(definition, DatasetDefinition) else definition.mnemonic,
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


def _in_force(connection: sa.Connection, batch_id: int = _LAST) -> Catalogue:
    rows = connection.execute(_IN_FORCE, {"batch_id": batch_id}).all()
    return Catalogue(
        datasets={row.name: dataset_from_dict(row.body) for row in rows if row.kind == "dataset"},
        factors={row.name: factor_from_dict(row.body) for row in rows if row.kind == "factor"},
    )


def _fresh(
    current: Catalogue, datasets: Sequence[DatasetDefinition], factors: Sequence[FactorDefinition]
) -> list[DatasetDefinition | FactorDefinition]:
    """Those that say something new; every factor's dataset and column must be there once they are in force."""
    merged = {**current.datasets, **{dataset.name: dataset for dataset in datasets}}
    for factor in factors:
        if factor.dataset not in merged:
            raise InvalidInput(f"factor {factor.mnemonic}: no dataset is called {factor.dataset!r}")
        merged[factor.dataset].column(factor.column)
    fresh: list[DatasetDefinition | FactorDefinition] = []
    for dataset in datasets:
        before = current.datasets.get(dataset.name)
        if before is None or digest(before) != digest(dataset):
            if before is not None:
                _check_compatible(before, dataset)
            fresh.append(dataset)
    for factor in factors:
        was = current.factors.get(factor.mnemonic)
        if was is None or digest(was) != digest(factor):
            fresh.append(factor)
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
