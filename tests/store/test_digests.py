"""Whatever is altered in the books is found by verification and by the lineage of every run above it, in words that name it."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.rows import KnowledgeBasis
from crfs.credit.definitions import FactorDefinition, RevisionPolicy, dataset_from_dict, to_dict
from crfs.store.append import Delivery, append
from crfs.store.database import Database, ensure_schema
from crfs.store.definitions import define
from crfs.store.lineage import lineage
from crfs.store.publication import BatchKind, BatchNote
from crfs.store.registry import promote, register
from crfs.store.relations import content_of
from crfs.store.runs import RunInputs
from crfs.store.verification import verify_store
from tests.store.conftest import administering
from tests.store.deliveries import NOW, dataset, day, rows, write
from tests.store.keeping import described, kept, landed
from tests.store.older_schemas import of_schema

CHANGES = {
    "all edges to payloads are gone": ("DELETE FROM crfs.batch_payload", "batch 1 .*payloads"),
    "one batch's edges are gone": ("DELETE FROM crfs.batch_payload WHERE batch_id = 2", "batch 2 .*payloads"),
    "the edges are another dataset's": ("UPDATE crfs.batch_payload SET dataset = 'other'", "batch 1 .*payloads"),
    "the inputs are gone": ("DELETE FROM crfs.run_input WHERE kind = 'batch'", "run .*what it rests on"),
    "the specification": ("UPDATE crfs.run SET specification = '{\"seed\": 2}'", "run .*its specification"),
    "the hash of the result": ("UPDATE crfs.run SET result_sha256 = repeat('0', 64)", "run .*hash of its result"),
    "the run's batch": ("UPDATE crfs.run SET batch_id = batch_id + 1", "run .*batch"),
    "a natural key": ("UPDATE crfs.entity SET natural_key = 'y'", "entity 1, now 'y' of the kind"),
    "an entity is gone": ("DELETE FROM crfs.entity", "2 rows are of 1 entities that are gone"),
    "a definition": ("UPDATE crfs.definition SET body = jsonb_set(body, '{title}', '\"Other\"') WHERE kind = 'dataset'", "definition of dataset"),
    "a scale": ("UPDATE crfs.definition SET body = body || '{\"scale\": 100.0}' WHERE kind = 'factor'", "definition of factor"),
    "a definition that is none": ("UPDATE crfs.definition SET body = '[]'", "definition of dataset"),
    "a card": ("UPDATE crfs.model_version SET card = '{\"auc\": 1}'", "batch 4 .*card"),
    "the model's file": ("UPDATE crfs.model_version SET artefact_sha256 = repeat('1', 64)", "model m version 1 names the file 1111"),
    "the promotions": ("DELETE FROM crfs.promotion", "batch 5 .*promotion"),
    "a kind": ("UPDATE crfs.batch SET kind = 'annul', reason = 'x' WHERE batch_id = 1", "batch 1 .*kind"),
    "an actor": ("UPDATE crfs.batch SET actor = 'nobody' WHERE batch_id = 1", "batch 1 .*actor"),
    "the fetches": ("DELETE FROM crfs.fetch", "nobody has fetched the payload"),
    "when rows were recorded": ("UPDATE data.altered SET recorded_at = recorded_at - interval '1 day'", "recorded at another time"),
    "a run is gone": ("DELETE FROM crfs.run_input WHERE run_id = '{top}'; DELETE FROM crfs.run WHERE run_id = '{top}'", "run {top} is gone"),
    "an entity that lost its digest": (
        "ALTER TABLE crfs.entity ALTER digest DROP NOT NULL; UPDATE crfs.entity SET digest = NULL, natural_key = 'y'", "entity 1, now 'y' of the kind"),
    "when an answer was fetched": ("UPDATE crfs.fetch SET fetched_at = fetched_at - interval '1 day' WHERE fetch_id = 2", "fetch 2 of fred GDP"),
    "from where": ("UPDATE crfs.fetch SET url = 'https://example.net/' WHERE fetch_id = 2", "fetch 2 of fred GDP"),
    "a fetch that lost its digest": (
        "ALTER TABLE crfs.fetch ALTER digest DROP NOT NULL; UPDATE crfs.fetch SET digest = NULL, status = 304 WHERE fetch_id = 2", "fetch 2 of fred GDP"),
    "when a payload was landed": ("UPDATE crfs.payload SET landed_at = landed_at + interval '1 day'", "says that it was landed at another time"),
    "when a batch's answer was fetched": ("UPDATE crfs.batch_dataset SET fetched_at = '2024-01-01' WHERE batch_id = 2", "batch 2 .*fetched"),
    "a batch that lost its digest": (
        "ALTER TABLE crfs.digest DROP CONSTRAINT digest_parts_unless_older; UPDATE crfs.digest SET parts = NULL WHERE reference = '2'",
        "batch 2 is gone, or what was kept"),
    "a digest is gone": ("DELETE FROM crfs.digest WHERE what = 'batch' AND reference = '1'", "batch 1 is gone, or what was kept"),
}  # fmt: skip
SEED_ONE = hashlib.sha256(b'{"seed":1}').hexdigest()
NOT_IN_LINEAGE = {"when rows were recorded", "an entity is gone"}
"""Found by verification alone: lineage reads no row."""
NAMED_BY_OTHERS = {
    "a natural key", "the fetches", "when rows were recorded", "an entity that lost its digest", "when an answer was fetched", "from where",
    "a fetch that lost its digest", "a card", "the promotions", "a definition", "a scale",
}  # fmt: skip
"""Runs rest on what these alter by way of batches, models and datasets."""


@pytest.fixture
def top(own_database: Database) -> str:
    """A run on a model that was trained on two batches of one dataset, all of it defined, landed, registered and promoted."""
    definition = dataset(name="altered")
    factor = FactorDefinition(mnemonic="a.factor", title="A factor", dataset="altered", column="value", unit="decimal", category="test")
    batches = [
        write(own_database, definition, rows([1.0], valid=n), payloads=[landed(own_database, b"body %d" % n)]).batch_id for n in (0, 1)
    ]
    assert batches == [1, 2]
    assert define(own_database, [definition], [factor], at=NOW, source="test") == 3
    run = described(b"model", batch_id=3)
    inputs = RunInputs(batches={"altered": [1, 2]})
    assert register(own_database, model="m", kind="k", run=run, artefact=b"model", card={"auc": 0.7}, inputs=inputs).batch_id == 4
    promote(own_database, "m", 1, reason="the first", at=NOW)
    return kept(own_database, runs=[run.run_id], batches={"altered": [2]}, batch_id=5)


@pytest.mark.parametrize("name", CHANGES)
def test_an_alteration_is_found_and_named_with_what_rests_on_it(own_database: Database, top: str, name: str) -> None:
    assert verify_store(own_database).book_errors == []
    assert lineage(own_database, top).altered == []
    change, words = (text.replace("{top}", top) for text in CHANGES[name])
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        for statement in change.split("; "):
            connection.exec_driver_sql(statement)
    errors = "\n".join(verify_store(own_database).book_errors)
    assert re.search(words, errors), errors
    if "batch 2" in words or name in NAMED_BY_OTHERS:
        assert all(top in error for error in errors.splitlines()), "the runs that rest on it are named"
    chain = lineage(own_database, top)
    assert bool(chain.altered or chain.dangling) == (name not in NOT_IN_LINEAGE), chain.altered


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE crfs.payload SET body = NULL WHERE sha256 = (SELECT min(sha256) FROM crfs.batch_payload WHERE batch_id = 2)",
        "UPDATE crfs.payload SET byte_count = byte_count + 1 WHERE sha256 = (SELECT min(sha256) FROM crfs.batch_payload WHERE batch_id = 2)",
        "UPDATE crfs.artefact SET body = set_byte(body, 0, 65) WHERE sha256 = (SELECT result_sha256 FROM crfs.run WHERE run_id = '{top}')",
        "UPDATE crfs.artefact SET body = set_byte(body, 0, 65) WHERE body = 'model'",
        "DELETE FROM crfs.fetch WHERE sha256 = (SELECT min(sha256) FROM crfs.batch_payload WHERE batch_id = 2)",
        "DELETE FROM crfs.definition WHERE kind = 'dataset'",
    ],
    ids=["bytes are gone", "their number", "the result", "a model's file", "a fetch", "a definition is gone"],
)
def test_what_verification_finds_below_a_run_lineage_finds_too(own_database: Database, top: str, statement: str) -> None:
    assert lineage(own_database, top).sound
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        assert connection.exec_driver_sql(statement.replace("{top}", top)).rowcount == 1
    assert not verify_store(own_database).sound
    assert not lineage(own_database, top).sound


def test_every_run_is_named_however_many_rest_on_what_was_altered(own_database: Database, top: str) -> None:
    more = [kept(own_database, b"%d" % number, runs=[top], batches={"altered": [2]}, batch_id=5) for number in range(30)]
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.fetch SET fetched_at = fetched_at + interval '1 day'")
    (error, *_) = verify_store(own_database).book_errors
    assert all(run in error for run in [top, *more]), error


def test_a_store_of_an_older_crfs_is_sound_and_says_that_less_of_it_can_be_checked(own_database: Database, top: str) -> None:
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.digest SET parts = NULL, older = true")
        connection.exec_driver_sql("UPDATE crfs.run SET specification = '{\"seed\": 1}', specification_sha256 = %s", (SEED_ONE,))
    found = verify_store(own_database)
    assert (found.sound, dict(found.without_digest)) == (True, {"batch": 5, "run": 2})
    with administering(own_database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.run SET specification = '{\"seed\": 2}' WHERE run_id = %s", (top,))
        connection.exec_driver_sql("UPDATE crfs.batch SET source = 'fred' WHERE batch_id = 1")
        connection.exec_driver_sql("DELETE FROM crfs.batch_payload WHERE batch_id = 1")
        connection.exec_driver_sql("DELETE FROM crfs.promotion")
    errors = "\n".join(verify_store(own_database).book_errors)
    assert f"run {top}: its specification has not the hash" in errors
    assert "batch 1 of fred has rows and names no payload" in errors
    assert "batch 5 is of the kind promote, and there is nothing that it did" in errors


def test_a_definition_that_was_altered_is_put_in_force_anew_and_that_is_told(own_database: Database) -> None:
    definition, told = dataset(name="altered"), list[str]()
    assert define(own_database, [definition], [], at=NOW, source="test", tell=told.append) == 1
    assert define(own_database, [definition], [], at=NOW, source="test", tell=told.append) is None
    for body in ('{"title": "Other"}', '{"columns": 5}'):
        with administering(own_database.url) as connection:
            connection.exec_driver_sql("UPDATE crfs.definition SET body = body || CAST(%s AS jsonb)", (body,))
        told.clear()
        assert define(own_database, [definition], [], at=NOW, source="test", tell=told.append) is not None
        assert "what the store had of altered was altered" in told[0]
    with own_database.reading() as connection:
        newest = connection.exec_driver_sql(
            "SELECT b.reason, d.body FROM crfs.batch AS b JOIN crfs.definition AS d USING (batch_id) ORDER BY 1"
        ).all()
    assert newest[0].reason.startswith("what the store had of altered")
    assert any(dataset_from_dict(row.body) == definition for row in newest if row.body == to_dict(definition))
    assert len([error for error in verify_store(own_database).book_errors if "definition of dataset altered" in error]) == 2


def test_entities_keep_their_numbers_and_digests_whoever_meets_them_first(own_database: Database, seed: int) -> None:
    chance = random.Random(seed)
    definition = dataset()
    keys = [f"é{number}'\\" for number in range(40)]
    for batch in range(5):
        for key in chance.sample(keys, 12):
            write(own_database, definition, rows([1.0], entity=key, valid=batch))
    found = verify_store(own_database)
    assert found.sound
    with own_database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM crfs.entity WHERE digest IS NULL").scalar_one() == 0


def test_notes_of_the_schema_before_count_as_they_are_when_it_is_brought_up_to_date(empty_url: Callable[[], sa.URL], connect: Any) -> None:
    database = connect(empty_url())
    with of_schema(database, "0006") as connection:
        connection.exec_driver_sql("INSERT INTO crfs.entity (tenant_id, kind, natural_key, digest) VALUES (0, 'k', 'old', 0)")
        for table, time, more in (("sighting", "seen_at", ", batch_id"), ("extent", "known_at", "")):
            for tenant in ("NULL", "1", "2"):
                connection.exec_driver_sql(
                    f"INSERT INTO crfs.{table} (dataset, entity_id, first_valid_time, last_valid_time, knowledge_basis, payloads, tenant_id, {time}{more}) "
                    f"SELECT 'd', 1, '2020-01-01Z', '2021-01-01Z', 0, '{{}}', {tenant}, '2024-01-01Z'{', 0' if more else ''} FROM generate_series(1, 3)"
                )
    ensure_schema(database)
    of_notes = [error for error in verify_store(database).book_errors if "entity" not in error]
    assert of_notes == []
    with administering(database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.sighting SET seen_at = '2023-01-01Z'")
        connection.exec_driver_sql("DELETE FROM crfs.extent")
    errors = [error for error in verify_store(database).book_errors if "entity" not in error]
    assert len(errors) == 2 * 6, "those of another tenant are left to it"


def test_a_store_of_the_schema_before_is_brought_up_to_date_and_what_it_has_counts_as_older(
    empty_url: Callable[[], sa.URL], connect: Any
) -> None:
    database = connect(empty_url())
    with of_schema(database, "0002") as connection:
        connection.exec_driver_sql("INSERT INTO crfs.batch VALUES (1, 'ingest', NULL, '2024-01-01Z', 'fred', '1', NULL, 'me', 1)")
        connection.exec_driver_sql("UPDATE crfs.head SET batch_id = 1, recorded_at = '2024-01-01Z'")
        connection.exec_driver_sql("INSERT INTO crfs.entity (tenant_id, kind, natural_key) VALUES (0, 'k', 'old')")
        connection.exec_driver_sql(
            "INSERT INTO crfs.run VALUES ('risk-1', 'risk', NULL, '{\"seed\": 1}', %s, NULL, 1, '2024-01-01Z', '{}', 'e', 'r', NULL, 'me', 1, "
            "'2024-01-01Z')",
            (SEED_ONE,),
        )
        connection.exec_driver_sql("INSERT INTO crfs.payload VALUES (%s, 3, 'old', '2024-01-01Z')", (hashlib.sha256(b"old").hexdigest(),))
        connection.exec_driver_sql(
            "INSERT INTO crfs.fetch (source, stream, sha256, url, status, headers, classification, parser_version, started_at, fetched_at, tenant_id) "
            "SELECT 'fred', 'GDP', sha256, 'https://example.org/', 200, '{\"a\": 1}', 'OK', '1', landed_at, landed_at, 1 FROM crfs.payload"
        )
    ensure_schema(database)
    found = verify_store(database)
    assert (list(found.book_errors), dict(found.without_digest)) == ([], {"batch": 1, "run": 1})
    write(database, dataset(), rows([1.0]), payloads=[landed(database, b"old"), landed(database, b"new")])
    assert verify_store(database).sound
    with administering(database.url) as connection:
        connection.exec_driver_sql("UPDATE crfs.fetch SET url = 'https://example.net/' WHERE fetch_id = 1")
        connection.exec_driver_sql("UPDATE crfs.entity SET natural_key = 'another' WHERE natural_key = 'old'")
    errors = "\n".join(verify_store(database).book_errors)
    assert "the fetch 1 of fred GDP is not what was landed" in errors, "from the upgrade on"
    assert "now 'another' of the kind k" in errors


NOTES = {
    "when a sighting was": ("UPDATE crfs.sighting SET seen_at = seen_at - interval '1 day'", "sighting 1 of x in altered_.* is not what was noted"),
    "a sighting is gone": ("DELETE FROM crfs.sighting", "sighting 1 is gone"),
    "a sighting that nobody noted": (
        "INSERT INTO crfs.sighting (dataset, entity_id, first_valid_time, last_valid_time, seen_at, batch_id, knowledge_basis) "
        "SELECT dataset, entity_id, first_valid_time, last_valid_time, seen_at + interval '1 day', batch_id, 0 FROM crfs.sighting LIMIT 1",
        "sighting .* of x in altered_.* is not what was noted"),
    "what an extent tells the whole of": (
        "UPDATE crfs.extent SET last_valid_time = first_valid_time", "extent 1 of x in altered_.* is not what was noted"),
    "an extent is gone": ("DELETE FROM crfs.extent", "extent 1 is gone"),
    "the digests are gone": ("DELETE FROM crfs.digest WHERE what IN ('sighting', 'extent')", "extent 1 of x in altered_.* is not what was noted"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTES)
def test_an_altered_note_of_what_an_answer_showed_is_found_and_named(own_database: Database, name: str) -> None:
    definition = replace(dataset(name="altered_notes"), revision_policy=RevisionPolicy.VINTAGED)
    extent = Extent(entity="x", first_valid_time=day(0), last_valid_time=day(9), known_at=day(2), knowledge_basis=KnowledgeBasis.BACKFILLED)
    for known, fetched in ((1, 300), (2, 301)):
        delivery = Delivery(
            definition=definition,
            rows=rows([1.0], known=known, clipped=True),
            fetched_at=day(fetched),
            extents=[extent] if known == 2 else [],
        )
        append(own_database, [delivery], BatchNote(kind=BatchKind.INGEST, at=NOW, payloads=[landed(own_database, b"%d" % known)]))
    assert verify_store(own_database).book_errors == []
    change, words = NOTES[name]
    with administering(own_database.url) as connection:
        assert connection.exec_driver_sql(change).rowcount
    errors = "\n".join(verify_store(own_database).book_errors)
    assert re.search(words, errors), errors


def test_the_sign_of_a_zero_is_part_of_a_batch_and_older_batches_are_checked_as_they_were(own_database: Database) -> None:
    definition = dataset()
    write(own_database, definition, rows([0.0, -0.0, 1.0], valid=[0, 1, 2]))
    assert verify_store(own_database).sound
    flip = f"UPDATE data.{definition.name} SET value = -value WHERE value = 0"
    with administering(own_database.url) as connection:
        connection.exec_driver_sql(flip)
    assert any("rows of batch 1 are not what it wrote" in error for error in verify_store(own_database).book_errors)
    with administering(own_database.url) as connection:  # as an older crfs wrote it
        content = content_of(["value"], "d", exact=False)
        connection.exec_driver_sql(
            f"UPDATE crfs.batch_dataset SET exact = false, content = (SELECT {content} FROM data.{definition.name} AS d)"
        )
        connection.exec_driver_sql("UPDATE crfs.digest SET parts = crfs.parts_of_batch(1)")
    assert verify_store(own_database).sound
    with administering(own_database.url) as connection:
        connection.exec_driver_sql(f"UPDATE data.{definition.name} SET value = 2 WHERE value = 1")
    assert not verify_store(own_database).sound
