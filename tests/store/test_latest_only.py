"""Sources that show only the latest values: a period is known from its rule's time first, a changed value from the fetch that saw it."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crfs.errors import Conflict
from crfs.store.append import Delivery, Receipt, append
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote
from tests.store.deliveries import NOW, dataset, day, rows, stored, write
from tests.store.keeping import landed


def polled(
    database: Database,
    definition: object,
    values: list[float | None],
    fetched: datetime,
    *,
    kind: BatchKind = BatchKind.INGEST,
    sha: str = "",
) -> Receipt:
    """An answer fetched then, with a value a period; the rule says that a period's value was out ten days after."""
    count = len(values)
    table = rows(values, valid=list(range(count)), known=[10 + number for number in range(count)], knowledge_basis=["calendar"] * count)
    table = table.with_columns(row_state=pl.when(pl.col("value").is_null()).then(pl.lit("missing")).otherwise(pl.lit("value")))
    note = BatchNote(kind=kind, at=NOW, reason="mended" if kind.needs_reason else None, payloads={sha: [definition.name]} if sha else ())  # type: ignore[attr-defined]
    return append(database, [Delivery(definition=definition, rows=table, fetched_at=fetched)], note)  # type: ignore[arg-type]


def told(database: Database, definition: object) -> list[tuple[int, int, float | None]]:
    """(valid day, known from day, value) of every row."""
    found = stored(database, definition, columns="valid_time, knowledge_time, value")  # type: ignore[arg-type]
    return sorted(((v - day(0)).days, (k - day(0)).days, value) for v, k, value in found)


def test_the_first_answer_is_known_by_the_rule_and_the_same_again_is_nothing(module_database: Database) -> None:
    definition = dataset()
    polled(module_database, definition, [1.0, 2.0], day(100))
    assert polled(module_database, definition, [1.0, 2.0], day(200)).batch_id is None
    assert told(module_database, definition) == [(0, 10, 1.0), (1, 11, 2.0)]


def test_a_revision_is_known_from_the_fetch_that_saw_it(module_database: Database) -> None:
    definition = dataset()
    polled(module_database, definition, [1.0], day(100))
    polled(module_database, definition, [1.5, 2.0], day(200))
    polled(module_database, definition, [1.5, 2.0], day(300))
    polled(module_database, definition, [1.0, 2.0], day(400))
    assert told(module_database, definition) == [(0, 10, 1.0), (0, 200, 1.5), (0, 400, 1.0), (1, 11, 2.0)]


def test_without_the_time_of_the_fetch_a_changed_value_is_a_conflict(module_database: Database) -> None:
    definition = dataset()
    write(module_database, definition, rows([1.0]))
    with pytest.raises(Conflict):
        write(module_database, definition, rows([2.0]))


@settings(max_examples=40)
@given(answers=st.lists(st.lists(st.sampled_from([1.0, 2.0]), min_size=1, max_size=4), min_size=1, max_size=6))
def test_polled_in_order_every_fetch_can_be_asked_for_what_it_saw(module_database: Database, answers: list[list[float]]) -> None:
    definition = dataset()
    for number, values in enumerate(answers):
        polled(module_database, definition, list(values), day(100 + number))
        assert polled(module_database, definition, list(values), day(100 + number)).batch_id is None, "twice is once"
    kept = told(module_database, definition)
    for number, values in enumerate(answers):
        for period, value in enumerate(values):
            known = [(k, v) for p, k, v in kept if p == period and k <= 100 + number]
            assert max(known)[1] == value


def test_a_mended_parser_keeps_the_first_times_and_annuls_what_is_no_longer_said(module_database: Database) -> None:
    definition = dataset()
    first, second = landed(module_database, b"first"), landed(module_database, b"second")
    polled(module_database, definition, [10.0, 20.0, 99.0], day(100), sha=first)
    polled(module_database, definition, [10.0, 25.0], day(200), sha=second)
    polled(module_database, definition, [1.0, 2.0], day(100), kind=BatchKind.REPARSE, sha=first)
    polled(module_database, definition, [1.0, 2.5], day(200), kind=BatchKind.REPARSE, sha=second)
    found = stored(module_database, definition, columns="valid_time, knowledge_time, batch_id, row_state, value")
    last = {((v - day(0)).days, (k - day(0)).days): (state, value) for v, k, _, state, value in sorted(found, key=lambda row: row[2])}
    assert last == {(0, 10): (0, 1.0), (1, 11): (0, 2.0), (1, 200): (0, 2.5), (2, 12): (3, None)}
    again = polled(module_database, definition, [1.0, 2.5], day(200), kind=BatchKind.REPARSE, sha=second)
    assert again.batch_id is None


def test_a_mended_parser_that_makes_nothing_of_a_payload_annuls_all_of_it(module_database: Database) -> None:
    definition = dataset()
    sha = landed(module_database, b"nothing")
    polled(module_database, definition, [1.0], day(100), sha=sha)
    polled(module_database, definition, [], day(100), kind=BatchKind.REPARSE, sha=sha)
    assert [row[0] for row in stored(module_database, definition, columns="row_state")] == [0, 3]


def test_an_edited_text_keeps_the_time_of_its_first_version_and_the_edit_is_known_from_its_fetch(module_database: Database) -> None:
    definition = dataset()

    def seen(value: float, fetched: datetime) -> Receipt:
        return append(
            module_database,
            [Delivery(definition=definition, rows=rows([value], known=5), fetched_at=fetched)],
            BatchNote(kind=BatchKind.INGEST, at=NOW),
        )

    for value, fetched in ((1.0, 10), (1.0, 11), (2.0, 12), (2.0, 13), (1.0, 14)):
        seen(value, day(fetched))
    assert told(module_database, definition) == [(0, 5, 1.0), (0, 12, 2.0), (0, 14, 1.0)]


@pytest.mark.parametrize("basis", ["observed", "calendar"])
def test_an_answer_that_tells_a_revision_itself_adds_nothing_when_it_comes_again(module_database: Database, basis: str) -> None:
    definition = dataset()
    both = rows([1.0, 2.0], valid=0, known=[5, 8], knowledge_basis=[basis] * 2)
    edited = both.with_columns(value=pl.Series([1.5, 2.5]))

    def seen(table: pl.DataFrame, fetched: int) -> Receipt:
        delivery = Delivery(definition=definition, rows=table, fetched_at=day(fetched))
        return append(module_database, [delivery], BatchNote(kind=BatchKind.INGEST, at=NOW))

    seen(both, 10)
    assert [seen(both, fetched).batch_id for fetched in (20, 30, 40)] == [None] * 3
    seen(edited, 50)
    assert seen(edited, 60).batch_id is None
    assert told(module_database, definition) == [(0, 5, 1.0), (0, 8, 2.0), (0, 50, 2.5)]


def test_what_was_annulled_does_not_come_back_by_being_fetched_again(module_database: Database) -> None:
    definition = dataset()
    seen = Delivery(definition=definition, rows=rows([1.0], known=5), fetched_at=day(10))
    append(module_database, [seen], BatchNote(kind=BatchKind.INGEST, at=NOW))
    write(module_database, definition, rows([None], known=5, state="annulled"), BatchKind.ANNUL)
    again = Delivery(definition=definition, rows=rows([1.0], known=5), fetched_at=day(20))
    assert append(module_database, [again], BatchNote(kind=BatchKind.INGEST, at=NOW)).batch_id is None
