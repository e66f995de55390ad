"""A store comes to say what it would, had it had a parser from the start: what differs is published, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import polars as pl
import pytest

from crfs.credit.definitions import RevisionPolicy, Scope
from crfs.store.append import Delivery, Receipt, append
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote
from crfs.store.restating import Reread, restate
from tests.store.deliveries import NOW, SOURCE, dataset, day, rows, stored, write
from tests.store.keeping import landed
from tests.store.rereading import read_again


def test_what_somebody_corrected_or_annulled_stands_where_the_word_beneath_is_the_same(module_database: Database, model: Database) -> None:
    definition = dataset()
    sha = landed(module_database, b"read twice")
    write(module_database, definition, rows([1.0, 5.0, 8.0], valid=[0, 1, 2]), payloads=[sha])
    write(module_database, definition, rows([2.0, 6.0], valid=[0, 1]), BatchKind.CORRECTION)
    write(module_database, definition, rows([None], valid=2, state="annulled"), BatchKind.ANNUL)
    mended = rows([1.0, 5.5, 8.0], valid=[0, 1, 2])
    restated = read_again(module_database, model, definition, [lambda store: write(store, definition, mended, payloads=[sha])])
    assert (restated.appended, restated.unchanged) == ({definition.name: 1}, {definition.name: 2})
    assert stored(module_database, definition)[-1] == (5.5,)


def test_a_basis_that_is_read_better_is_restated_and_what_others_gave_is_not(module_database: Database, model: Database) -> None:
    definition = replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)
    own, other = landed(module_database, b"its own"), landed(module_database, b"of another")
    first = rows([1.0], known=10)

    def read(store: Database, basis: str) -> None:
        write(store, definition, first, payloads=[other])
        again = rows([1.0, 2.0], known=[10, 12], clipped=True).with_columns(knowledge_basis=pl.lit(basis))
        write(store, definition, again, payloads=[own])

    read(module_database, "observed")
    assert read_again(module_database, model, definition, [lambda store: read(store, "backfilled")]).appended == {definition.name: 1}
    assert stored(module_database, definition, columns="value, knowledge_basis")[-1] == (2.0, 3)


def test_the_rows_of_other_sources_and_what_somebody_put_there_are_left_alone(module_database: Database, model: Database) -> None:
    definition = dataset()
    sha = landed(module_database, b"the same bytes")
    write(module_database, definition, rows([1.0]), payloads=[sha])
    write(module_database, definition, rows([2.0]), BatchKind.CORRECTION)
    write(module_database, definition, rows([1.0]), BatchKind.CORRECTION, payloads=[sha])
    assert read_again(module_database, model, definition, []).batches == []
    assert stored(module_database, definition)[-1] == (1.0,)
    write(module_database, definition, rows([3.0], valid=1), payloads=[sha])
    other = restate(module_database, model, [definition], Reread(source="another", parser_version="2", at=NOW))
    assert other is not None
    assert other.batches == []


@pytest.mark.parametrize("scope", [Scope.PUBLIC, Scope.TENANT])
def test_a_restatement_is_published_a_payload_at_a_time_and_all_at_once(module_database: Database, model: Database, scope: Scope) -> None:
    definition = dataset(scope=scope)
    payloads = [landed(module_database, f"{definition.name} {number}".encode()) for number in range(3)]

    def read(store: Database, factor: float) -> None:
        for number, sha in enumerate(payloads):
            write(store, definition, rows([factor * number, 1.0], valid=[2 * number, 2 * number + 1]), payloads=[sha])

    read(module_database, 1.0)
    restated = read_again(module_database, model, definition, [lambda store: read(store, 10.0)])
    assert restated.appended == {definition.name: 2}, "nothing times ten is nothing"
    assert len(restated.batches) == 2
    with module_database.reading() as connection:
        found = connection.exec_driver_sql(
            "SELECT b.batch_id, b.kind, b.source, b.reason, p.sha256, p.dataset FROM crfs.batch AS b JOIN crfs.batch_payload AS p USING (batch_id) "
            "WHERE batch_id = ANY(%s) ORDER BY batch_id",
            (list(restated.batches),),
        ).all()
    assert [(row.kind, row.source, row.sha256) for row in found] == [("reparse", SOURCE, sha) for sha in payloads[1:]]
    assert {row.reason for row in found} == {"parser mended of test reads what was read as nothing new"}, "those who wrote told no version"


def test_what_came_in_meanwhile_is_not_overwritten(module_database: Database, model: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from crfs.store import restating

    definition = dataset()
    sha = landed(module_database, b"in the meantime")
    write(module_database, definition, rows([1.0]), payloads=[sha])
    parcels = restating._parcels

    def late(*arguments: object) -> object:
        write(module_database, definition, rows([4.0], valid=1), payloads=[sha])
        return parcels(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(restating, "_parcels", late)
    with pytest.raises(AssertionError, match="nothing else comes in"):
        read_again(module_database, model, definition, [])
    assert [value for (value,) in stored(module_database, definition)] == [1.0, 4.0]


def test_what_is_noted_of_the_answers_of_other_sources_holds(module_database: Database, model: Database) -> None:
    definition = dataset()
    shas = [landed(module_database, f"{definition.name} {number}".encode()) for number in range(3)]

    def polled(store: Database, entity: str, value: float, fetched: int, sha: str, source: str) -> Receipt:
        table = rows([value], entity=entity, known=5, knowledge_basis=["calendar"])
        note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=source, payloads=(sha,))
        return append(store, [Delivery(definition=definition, rows=table, fetched_at=day(fetched))], note)

    for fetched, sha in zip((10, 30), shas, strict=False):
        polled(module_database, "theirs", 1.0, fetched, sha, "another")
    polled(module_database, "ours", 1.0, 10, shas[2], SOURCE)
    read_again(module_database, model, definition, [lambda store: polled(store, "ours", 2.0, 10, shas[2], SOURCE)])
    polled(module_database, "theirs", 3.0, 20, shas[2], "another")
    found = stored(module_database, definition, columns="knowledge_time, value")
    assert found[-2:] == [(day(20), 3.0), (day(30), 1.0)], "the answer of the thirtieth day had shown the old value again"


def test_of_a_key_that_another_source_spoke_of_first_nothing_is_added(module_database: Database, model: Database) -> None:
    definition = dataset()
    shas = [landed(module_database, f"{definition.name} {number}".encode()) for number in range(2)]
    note = BatchNote(kind=BatchKind.INGEST, at=NOW, source="another", payloads=(shas[0],))
    append(module_database, [Delivery(definition=definition, rows=rows([1.0, 2.0], valid=[0, 1]))], note)
    write(module_database, definition, rows([1.0], valid=0), payloads=[shas[1]])

    def read(store: Database, value: float) -> None:
        write(store, definition, rows([value], valid=0), payloads=[shas[1]])

    for value in (1.0, 10.0):
        assert read_again(module_database, model, definition, [partial(read, value=value)]).batches == []
    assert stored(module_database, definition) == [(1.0,), (2.0,)]
