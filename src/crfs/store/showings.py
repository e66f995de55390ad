"""Showings: which answers showed which periods of an entity, be it that their batches have rows of them or that they were sighted.

Sightings are runs of periods, and how they are cut depends on the order in which answers came in. Here they are cut at the same periods, so that
those of two stores can be compared, and those of the one be taken over by the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np

from crfs.bitemporal.rows import KnowledgeBasis
from crfs.credit.definitions import DatasetDefinition, RevisionPolicy
from crfs.store.database import Database
from crfs.store.notes import holds, tells_its_fetch
from crfs.store.relations import relation

Moment = tuple[datetime, int, date | None]
"""When something was seen, how that is known, and the vintage that it was of."""
Run = tuple[datetime, datetime]
"""The first and the last of periods that follow each other."""
_Sighted = tuple[Moment, datetime, datetime, int, list[str]]
_Fetched = tuple[Moment, datetime, list[str]]


@dataclass(slots=True)
class Shown:
    """What was shown of an entity: at each moment runs of periods, and the payloads of the answers."""

    runs: dict[Moment, list[Run]] = field(default_factory=dict)
    payloads: dict[Moment, frozenset[str]] = field(default_factory=dict)


def showings(database: Database, definition: DatasetDefinition, periods: dict[str, list[datetime]]) -> dict[str, Shown]:
    """What answers showed of entities, in runs of ``periods``: of each entity all that are to be told apart, ascending.

    Where answers show the latest values every one of them is there, since the fetch of a row's batch tells who showed its period too; in a
    vintaged dataset only what was sighted.
    """
    sighted, fetched = _sightings(database, definition), _fetched(database, definition)
    if not sighted and not fetched:
        return {}
    first_batch = _first_batches(database, definition)
    return {
        entity: _shown(times, first_batch.get(entity, {}), sighted.get(entity, ()), fetched.get(entity, ()))
        for entity, times in periods.items()
    }


def _shown(times: list[datetime], known: dict[datetime, int], sighted: Iterable[_Sighted], fetched: Iterable[_Fetched]) -> Shown:
    since = np.array([known.get(time, np.iinfo(np.int64).max) for time in times], dtype=np.int64)
    index = np.array([_instant(time) for time in times], dtype="datetime64[us]")
    masks: dict[Moment, np.ndarray] = defaultdict(lambda: np.zeros(len(index), dtype=bool))
    payloads: dict[Moment, set[str]] = defaultdict(set)
    for moment, first, last, batch_id, shas in sighted:
        begin = np.searchsorted(index, _instant(first), side="left")
        end = np.searchsorted(index, _instant(last), side="right")
        masks[moment][begin:end] |= since[begin:end] <= batch_id
        payloads[moment].update(shas)
    for moment, time, shas in fetched:
        masks[moment][np.searchsorted(index, _instant(time))] = True
        payloads[moment].update(shas)
    shown = Shown()
    for moment, mask in masks.items():
        if mask.any():
            shown.runs[moment] = _runs(mask, times)
            shown.payloads[moment] = frozenset(payloads[moment])
    return shown


def _instant(time: datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")


def _runs(mask: np.ndarray, times: list[datetime]) -> list[Run]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(times[begin], times[end - 1]) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def _first_batches(database: Database, definition: DatasetDefinition) -> dict[str, dict[datetime, int]]:
    """From which batch on the store has something of each period of an entity."""
    table = database.table(
        f"SELECT e.natural_key AS entity, x.valid_time, min(x.batch_id) AS batch_id FROM {relation(definition.name)} AS x "
        "JOIN crfs.entity AS e USING (entity_id) GROUP BY 1, 2"
    )
    found: dict[str, dict[datetime, int]] = defaultdict(dict)
    for entity, time, batch_id in table.rows():
        found[entity][time] = batch_id
    return found


def _sightings(database: Database, definition: DatasetDefinition) -> dict[str, list[_Sighted]]:
    latest = definition.revision_policy is RevisionPolicy.LATEST_ONLY
    table = database.table(
        "SELECT e.natural_key AS entity, g.seen_at, g.knowledge_basis, g.vintage_date, g.first_valid_time, g.last_valid_time, g.batch_id, g.payloads "
        f"FROM crfs.sighting AS g JOIN crfs.entity AS e USING (entity_id) WHERE g.dataset = '{definition.name}' AND {holds('g', 'sighting')}"
    )
    found: dict[str, list[_Sighted]] = defaultdict(list)
    for entity, seen_at, basis, vintage, first, last, batch_id, payloads in table.rows():
        moment = _fetch(seen_at) if latest else (seen_at, basis, vintage)
        found[entity].append((moment, first, last, batch_id, payloads))
    return found


def _fetched(database: Database, definition: DatasetDefinition) -> dict[str, list[_Fetched]]:
    if definition.revision_policy is not RevisionPolicy.LATEST_ONLY:
        return {}
    of_dataset = f"d.dataset = '{definition.name}' AND d.fetched_at IS NOT NULL"
    batches = database.table(
        f"SELECT d.batch_id, d.fetched_at, array(SELECT p.sha256 FROM crfs.batch_payload AS p WHERE p.batch_id = d.batch_id "
        f"AND p.dataset IN ('', d.dataset)) AS payloads FROM crfs.batch_dataset AS d WHERE {of_dataset}"
    )
    if batches.is_empty():
        return {}
    moments = {batch_id: (_fetch(fetched_at), payloads) for batch_id, fetched_at, payloads in batches.rows()}
    condition = tells_its_fetch("x").replace(":dataset", f"'{definition.name}'")
    rows = database.table(
        f"SELECT DISTINCT e.natural_key AS entity, x.batch_id, x.valid_time FROM {relation(definition.name)} AS x "
        f"JOIN crfs.entity AS e USING (entity_id) JOIN crfs.batch_dataset AS d USING (batch_id) WHERE {of_dataset} AND {condition}"
    )
    found: dict[str, list[_Fetched]] = defaultdict(list)
    for entity, batch_id, time in rows.rows():
        moment, payloads = moments[batch_id]
        found[entity].append((moment, time, payloads))
    return found


def _fetch(at: datetime) -> Moment:
    return at, KnowledgeBasis.OBSERVED.code, None
