"""SQL and the definition agree on every history of the list: the look-up, the scan with the pure functions, the training set."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import polars as pl
import pytest

from crfs.bitemporal import Tenor, answers
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnDefinition, DatasetDefinition, Definitions, FactorDefinition
from crfs.features import FeatureFactor, training_set
from crfs.store.append import Delivery, append
from crfs.store.database import Database
from crfs.store.lookup import value_at
from crfs.store.publication import BatchKind, BatchNote
from crfs.store.scan import StoreReader
from tests.bitemporal.asking import table_of, told
from tests.bitemporal.histories import (
    AGES,
    BATCHES,
    LAGS,
    VALID_TIMES,
    History,
    Length,
    Question,
    answer_at,
    answer_in_vintage,
    random_histories,
    random_instant,
    random_question,
)
from tests.thorough import TIMES

COUNT = 1_200 * TIMES
DATASET = DatasetDefinition(
    name="histories",
    title="Random histories",
    source="test",
    entity_kind="history",
    period=Tenor.parse("P1M"),
    zone="UTC",
    columns=(ColumnDefinition(name="value", title="A number that no other row has"),),
)
PERIOD = Length(months=1)


def _factor(mnemonic: str, *, missing_is_answer: bool) -> FactorDefinition:
    return FactorDefinition(
        mnemonic=mnemonic,
        title="",
        dataset=DATASET.name,
        column="value",
        unit="1",
        category="test",
        missing_is_answer=missing_is_answer,
    )


FACTORS = {False: _factor("test.value", missing_is_answer=False), True: _factor("test.value_or_none", missing_is_answer=True)}
CATALOGUE = Catalogue.of([Definitions(datasets=(DATASET,), factors=tuple(FACTORS.values()))])


class Loaded(NamedTuple):
    database: Database
    histories: dict[str, History]


@pytest.fixture(scope="module")
def loaded(module_database: Database, seed: int) -> Loaded:
    """The list as entities of one relation; each batch of the list is the store's batch of that number."""
    histories = random_histories(seed, COUNT)
    table = table_of(histories).with_columns(knowledge_basis=pl.lit("observed"))
    for batch, kind in BATCHES.items():
        rows = table.filter(pl.col("batch_id") == batch).drop("batch_id")
        note = BatchNote(kind=BatchKind(kind), at=datetime(2022, 1, batch, tzinfo=UTC), reason=f"batch {batch} of the list")
        receipt = append(module_database, [Delivery(definition=DATASET, rows=rows)], note)
        assert receipt.batch_id == batch
        # The one thing that a batch leaves out here is a missing or retracted row that only says again what counts.
        assert receipt.unchanged[DATASET.name] <= rows.filter(pl.col("row_state").cast(pl.String) != "value").height
    return Loaded(module_database, histories)


def test_the_lookup_of_one_entity_answers_as_the_definition_says(loaded: Loaded, seed: int) -> None:
    chance = random.Random(seed + 3)
    answered = 0
    for entity, history in loaded.histories.items():
        question = random_question(chance)._replace(max_age=None)
        at = random_instant(chance, history, question)
        row = value_at(
            loaded.database,
            DATASET,
            entity,
            at=at,
            batch_id=question.batch,
            lag=question.lag.iso,
            as_of=question.cap,
            missing_is_answer=question.missing_is_answer,
        )
        got = None if row is None else (row["valid_time"], row["knowledge_time"], row["value"])
        assert got == told(answer_at(history, at, question)), (seed, entity, at, question, history)
        answered += got is not None
    assert answered > COUNT // 6


def test_rows_of_the_store_answer_as_the_definition_says(loaded: Loaded, seed: int) -> None:
    chance = random.Random(seed + 4)
    entities = list(loaded.histories)
    for number in range(15):
        question = random_question(chance)
        asked = [(entity, random_instant(chance, loaded.histories[entity], question)) for entity in entities[number % 5 :: 5]]
        reader = StoreReader(loaded.database, CATALOGUE, batch_id=question.batch)
        rows = reader.rows(DATASET.name, known_by=question.cap)
        positions = answers(
            pl.DataFrame(asked, schema={"entity": pl.String, "at": pl.Datetime("us", "UTC")}, orient="row"),
            rows,
            lag=question.lag.iso,
            period=question.period.iso,
            max_age=question.max_age.iso if question.max_age else None,
            missing_is_answer=question.missing_is_answer,
        )
        found = rows.select("valid_time", "knowledge_time", "value").rows()
        for (entity, at), position in zip(asked, positions, strict=True):
            history = loaded.histories[entity]
            got = None if position is None else found[position]
            assert got == told(answer_at(history, at, question)), (seed, entity, at, question, history)


@pytest.mark.parametrize("number", range(8))
def test_a_training_set_has_in_each_row_what_the_definition_says(loaded: Loaded, seed: int, number: int) -> None:
    """Number 0 to 3 ask with a cap or without, 4 to 7 ask one vintage."""
    chance = random.Random(seed + 10 + number)
    batch = chance.choice(list(BATCHES))
    instant = chance.choice(VALID_TIMES) + timedelta(days=chance.randint(0, 90))
    cap = instant if number % 2 and number < 4 else None
    vintage = instant if number >= 4 else None
    lags, age = dict.fromkeys(chance.sample(LAGS, 3)), chance.choice(AGES)
    questions = {
        FeatureFactor(
            mnemonic=FACTORS[missing].mnemonic,
            lag=Tenor.parse(lag.iso),
            max_age=Tenor.parse(age.iso) if age else None,
            entity="history",
        ): Question(lag, PERIOD, age, missing, cap, batch)
        for lag in lags
        for missing in (False, True)
    }
    spine = pl.DataFrame(
        [
            (entity, random_instant(chance, loaded.histories[entity], next(iter(questions.values()))))
            for entity in chance.sample(list(loaded.histories), 1_000)
        ],
        schema={"history": pl.String, "observed_at": pl.Datetime("us", "UTC")},
        orient="row",
    )
    reader = StoreReader(loaded.database, CATALOGUE, batch_id=batch)
    made = training_set(reader, spine, list(questions), catalogue=CATALOGUE, as_of=cap, vintage=vintage)
    assert made.table.select("history", "observed_at").equals(spine)
    assert made.manifest["sees_the_future"] is (vintage is not None)
    for factor, question in questions.items():
        for (entity, at), value in zip(spine.rows(), made.table[factor.column], strict=True):
            history = loaded.histories[entity]
            row = answer_at(history, at, question) if vintage is None else answer_in_vintage(history, at, question, vintage)
            assert value == (None if row is None else row.value), (seed, entity, at, question, vintage, history)


def test_later_knowledge_leaves_an_old_training_set_byte_for_byte_as_it_was(own_database: Database, seed: int) -> None:
    """At the head, where what is appended became known later than every row of the spine; at a pinned batch, whatever is appended."""
    chance = random.Random(seed + 30)
    histories = random_histories(seed + 31, 300)
    table = table_of(histories).with_columns(knowledge_basis=pl.lit("observed")).filter(pl.col("row_state").cast(pl.String) != "annulled")
    first = table.unique(["entity", "valid_time", "knowledge_time"], keep="first", maintain_order=True).drop("batch_id")
    latest = max(first["knowledge_time"])

    def write(rows: pl.DataFrame, kind: BatchKind) -> None:
        note = BatchNote(kind=kind, at=datetime(2022, 1, 1, tzinfo=UTC), reason="later")
        assert append(own_database, [Delivery(definition=DATASET, rows=rows)], note).batch_id is not None

    write(first, BatchKind.INGEST)
    spine = pl.DataFrame(
        {"history": entity, "observed_at": latest - timedelta(days=chance.randint(0, 90))}
        for entity in chance.choices(list(histories), k=900)
    ).with_columns(pl.col("observed_at").cast(pl.Datetime("us", "UTC")))
    factors = [FeatureFactor(mnemonic=factor.mnemonic, lag=Tenor.parse("P1M"), entity="history") for factor in FACTORS.values()]

    def made(batch_id: int, as_of: datetime | None = None) -> dict[str, object]:
        reader = StoreReader(own_database, CATALOGUE, batch_id=batch_id)
        return dict(training_set(reader, spine, factors, catalogue=CATALOGUE, as_of=as_of).manifest)

    before, capped = made(1), made(1, as_of=latest - timedelta(days=60))
    assert before["content_sha256"] != capped["content_sha256"]
    moved = first.with_columns(pl.col("knowledge_time").dt.offset_by("1000d"), pl.col("value") + 0.5)
    write(moved, BatchKind.INGEST)
    assert made(2) == before
    changed = first.filter(pl.col("row_state").cast(pl.String) == "value").with_columns(pl.col("value") + 0.25)
    write(changed, BatchKind.CORRECTION)
    write(changed.with_columns(value=pl.lit(None, pl.Float64), row_state=pl.lit("annulled")), BatchKind.ANNUL)
    assert made(1) == made(2) == before
    assert made(1, as_of=latest - timedelta(days=60)) == made(2, as_of=latest - timedelta(days=60)) == capped
    assert len({made(batch)["content_sha256"] for batch in (2, 3, 4)}) == 3
