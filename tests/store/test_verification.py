"""Verification finds every flipped byte and every book that does not add up, and says which runs rest on it; lineage is closed."""

from __future__ import annotations

import random

import polars as pl
import pytest

from crfs.credit.definitions import ColumnType
from crfs.errors import VerificationFailed
from crfs.store.artefacts import artefact, keep_artefact
from crfs.store.database import Database
from crfs.store.lineage import lineage, runs_on_payloads
from crfs.store.runs import RunInputs, keep_run, run
from crfs.store.verification import verify_store
from tests.store.conftest import administering
from tests.store.deliveries import dataset, rows, write
from tests.store.keeping import described, kept, landed


def test_one_flipped_byte_in_each_of_twenty_payloads_is_found_and_every_run_above_it_named(own_database: Database, seed: int) -> None:
    chance = random.Random(seed)
    definition = dataset()
    bodies: dict[str, bytes] = {}
    while len(bodies) < 30:
        body = chance.randbytes(chance.choice([1, 40, 3_000, 20_000]))
        bodies[landed(own_database, body)] = body
    hashes = list(bodies)
    above: dict[str, set[str]] = {sha: set() for sha in hashes}
    for number, sha in enumerate(hashes):
        batch = write(own_database, definition, rows([1.0], valid=number), payloads=[sha, hashes[0]]).batch_id
        assert batch is not None
        below = kept(own_database, batches={definition.name: [batch]})
        middle = kept(own_database, runs=[below])
        top = kept(own_database, runs=[middle, below], payloads=[hashes[-1]])
        above[sha] |= {below, middle, top}
        above[hashes[0]] |= {below, middle, top}
        above[hashes[-1]] |= {top}
    assert verify_store(own_database).sound

    damaged = chance.sample(hashes, 20)
    with administering(own_database.url) as connection:
        for sha in damaged:
            place = chance.randrange(len(bodies[sha]))
            flipped = bodies[sha][place] ^ (1 << chance.randrange(8))
            connection.exec_driver_sql("UPDATE crfs.payload SET body = set_byte(body, %s, %s) WHERE sha256 = %s", (place, flipped, sha))
    found = verify_store(own_database)
    assert not found.sound
    assert {sha: set(runs) for sha, runs in found.damaged_payloads.items()} == {sha: above[sha] for sha in damaged}
    assert (found.payloads, found.expired_payloads, found.batches, found.rows) == (len(bodies), 0, 30, 30)
    for sha in damaged:
        for run_id in above[sha]:
            states = {node.sha256: node.state for node in lineage(own_database, run_id).payloads}
            assert states[sha] == "damaged"


def test_a_value_in_a_column_that_a_batch_did_not_have_is_found(own_database: Database) -> None:
    narrow = dataset()
    write(own_database, narrow, rows([1.0, 2.0], valid=[0, 1]))
    gained = [("more", ColumnType.FLOAT8), *((f"more_{number}", ColumnType.TEXT) for number in range(150))]
    wide = dataset(name=narrow.name, columns=(("value", ColumnType.FLOAT8), *gained))
    write(
        own_database,
        wide,
        rows([3.0], valid=2).with_columns(more=4.0, **{name: pl.lit("x") for name, kind in gained if kind is ColumnType.TEXT}),
    )
    assert verify_store(own_database).sound
    with administering(own_database.url) as connection:
        connection.exec_driver_sql(f"UPDATE data.{narrow.name} SET more = 777 WHERE value = 2")
    [error] = verify_store(own_database).book_errors
    assert "rows of batch 1 have values in columns that the dataset did not have when it wrote them" in error


def test_a_book_that_does_not_add_up_is_found(own_database: Database) -> None:
    definition = dataset()
    for number in range(4):
        write(own_database, definition, rows([1.0, 2.0], valid=[0, 1], known=number))
    assert verify_store(own_database).sound
    table = f"data.{definition.name}"
    for spoil, mend, message in [
        (
            f"CREATE TABLE public.aside AS SELECT * FROM {table} WHERE batch_id = 2 AND value = 2",
            f"INSERT INTO {table} SELECT * FROM public.aside",
            "batch 2 wrote 2 rows, 1 are there",
        ),
        (
            f"INSERT INTO {table} SELECT entity_id, valid_time, knowledge_time, 9, recorded_at, 0, 0, NULL, 5 FROM {table} WHERE batch_id = 1",
            f"DELETE FROM {table} WHERE batch_id = 9",
            "there are rows of batch 9, which wrote none",
        ),
        ("UPDATE crfs.head SET batch_id = 7", "UPDATE crfs.head SET batch_id = 4", "the head says 7 batches, the book has 4"),
        (
            "UPDATE crfs.head SET recorded_at = recorded_at + interval '1s'",
            "UPDATE crfs.head SET recorded_at = recorded_at - interval '1s'",
            "the head was recorded at",
        ),
        (
            "UPDATE crfs.batch SET recorded_at = recorded_at - interval '1s' WHERE batch_id = 3",
            "UPDATE crfs.batch SET recorded_at = recorded_at + interval '1s' WHERE batch_id = 3",
            "batch 3 was recorded no later than the one before it",
        ),
    ]:
        with administering(own_database.url) as connection:
            connection.exec_driver_sql(spoil)
            if "aside" in spoil:
                connection.exec_driver_sql(f"DELETE FROM {table} WHERE batch_id = 2 AND value = 2")
        found = verify_store(own_database)
        assert not found.sound
        assert any(message in error for error in found.book_errors), (message, found.book_errors)
        with administering(own_database.url) as connection:
            connection.exec_driver_sql(mend)
        assert verify_store(own_database).sound


def test_a_damaged_artefact_is_found_and_not_handed_out(own_database: Database) -> None:
    run_id = kept(own_database, b"the result")
    sha = run(own_database, run_id).result_sha256
    assert artefact(own_database, sha) == b"the result"
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.artefact SET body = 'another result' WHERE sha256 = %s", (sha,))
    above = kept(own_database, b"another", runs=[run_id])
    assert dict(verify_store(own_database).damaged_artefacts) == {sha: [run_id, above]}
    with pytest.raises(VerificationFailed, match="is damaged"):
        artefact(own_database, sha)
    with own_database.writing() as connection:
        assert keep_artefact(connection, b"the result") == sha
    assert artefact(own_database, sha) == b"the result"
    assert verify_store(own_database).sound


def test_a_run_whose_result_has_another_hash_is_not_kept(module_database: Database) -> None:
    with pytest.raises(VerificationFailed, match="another one"), module_database.writing() as connection:
        keep_run(connection, described(b"one"), b"other", RunInputs(batches={}), tenant_id=1)


def test_bytes_may_expire_only_while_no_run_rests_on_them(own_database: Database) -> None:
    free, needed = landed(own_database, b"old"), landed(own_database, b"needed")
    top = kept(own_database, payloads=[needed])
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.payload SET body = NULL WHERE sha256 = %s", (free,))
    found = verify_store(own_database)
    assert (found.sound, found.expired_payloads) == (True, 1)
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.payload SET body = NULL")
    found = verify_store(own_database)
    assert (found.sound, found.expired_payloads, dict(found.damaged_payloads)) == (False, 1, {needed: [top]})
    assert [node.state for node in lineage(own_database, top).payloads] == ["expired"]


def test_a_payload_that_is_gone_is_named_with_the_runs_that_rested_on_it(own_database: Database) -> None:
    definition = dataset()
    sha = landed(own_database, b"gone")
    batch = write(own_database, definition, rows([1.0]), payloads=[sha]).batch_id
    assert batch is not None
    top = kept(own_database, batches={definition.name: [batch]})
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("DELETE FROM crfs.payload")
    found = verify_store(own_database)
    assert (found.sound, dict(found.damaged_payloads)) == (False, {sha: [top]})


@pytest.mark.parametrize(
    "change", ["value = value + 1", "valid_time = valid_time + interval '9 days'", "row_state = 2, value = NULL", "knowledge_basis = 3"]
)
def test_rows_that_were_altered_are_found_and_a_later_column_is_no_alteration(own_database: Database, change: str) -> None:
    definition = dataset()
    write(own_database, definition, rows([1.0, 2.0], valid=[0, 1]))
    write(own_database, definition, rows([3.0], valid=2))
    with administering(own_database.url) as connection:
        connection.exec_driver_sql(f"ALTER TABLE data.{definition.name} ADD COLUMN later double precision")
    assert verify_store(own_database).sound
    with administering(own_database.url) as connection:
        connection.exec_driver_sql(f"UPDATE data.{definition.name} SET {change} WHERE batch_id = 1 AND value = 2")
    assert list(verify_store(own_database).book_errors) == [f"dataset {definition.name}: rows of batch 1 are not what it wrote"]


def test_lineage_goes_through_runs_on_runs_to_bytes_and_no_edge_dangles(own_database: Database) -> None:
    definition = dataset()
    shas = [landed(own_database, f"body {number}".encode()) for number in range(3)]
    batches = [write(own_database, definition, rows([1.0], valid=number), payloads=[sha]).batch_id for number, sha in enumerate(shas[:2])]
    training_set = kept(own_database, batches={definition.name: [batch for batch in batches if batch]})
    model = kept(own_database, runs=[training_set])
    risk = kept(own_database, runs=[model, training_set], payloads=[shas[2]])
    other = kept(own_database, batches={definition.name: [1]})
    chain = lineage(own_database, risk)
    assert chain.dangling == 0
    edges = {(node.run_id, node.used_by) for node in chain.runs}
    assert edges == {(risk, None), (model, risk), (training_set, risk), (training_set, model)}
    assert {(node.run_id, node.batch_id, node.kind) for node in chain.batches} == {(training_set, 1, "ingest"), (training_set, 2, "ingest")}
    found = {(node.run_id, node.batch_id, node.sha256, node.state, node.url) for node in chain.payloads}
    url = "https://example.org/series"
    assert found == {(training_set, 1, shas[0], "ok", url), (training_set, 2, shas[1], "ok", url), (risk, None, shas[2], "ok", url)}
    assert runs_on_payloads(own_database, shas) == {
        shas[0]: sorted([training_set, model, risk, other]),
        shas[1]: sorted([training_set, model, risk]),
        shas[2]: [risk],
    }


def test_an_edge_that_leads_to_nothing_is_counted(own_database: Database) -> None:
    top = kept(own_database, runs=["risk-gone"], batches={"x": [77]}, payloads=["f" * 64])
    assert lineage(own_database, top).dangling == 3
    assert lineage(own_database, "risk-never").dangling == 1
