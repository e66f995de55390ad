"""What an answer told the whole of: a period that it leaves out has no value from then, whichever of the answers comes in first."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.rows import KnowledgeBasis
from crfs.credit.definitions import DatasetDefinition, RevisionPolicy
from crfs.store.append import Delivery, Receipt, append
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote
from tests.store.deliveries import NOW, SOURCE, brought, dataset, day, rows, sightings, stored, write
from tests.store.rereading import read_again
from tests.thorough import cases

DAYS = 6
PERIODS = (0, 1, 2)
LONG_AFTER = datetime(2023, 1, 1, tzinfo=UTC)


def vintaged() -> DatasetDefinition:
    return replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)


def showed(
    database: Database,
    definition: DatasetDefinition,
    known: int,
    shown: dict[int, float],
    *,
    payload: str = "",
    span: tuple[int, int] = (0, 9),
) -> Receipt:
    """An answer that shows all that was known on a day, with an upper bound alone of since when."""
    table = rows(list(shown.values()), valid=list(shown), known=known, clipped=[True] * len(shown))
    extent = Extent(
        entity="x",
        first_valid_time=day(span[0]),
        last_valid_time=day(span[1]),
        known_at=day(known),
        knowledge_basis=KnowledgeBasis.BACKFILLED,
    )
    delivery = Delivery(definition=definition, rows=table, fetched_at=LONG_AFTER, extents=[extent])
    note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads=[payload or brought(database, LONG_AFTER)])
    return append(database, [delivery], note)


def answers(database: Database, definition: DatasetDefinition, known: int) -> dict[int, float]:
    """Period → value as of a day."""
    keys: dict[tuple[int, datetime], tuple[int, float | None]] = {}
    for valid, at, _, state, value in stored(database, definition, columns="valid_time, knowledge_time, batch_id, row_state, value"):
        keys[(valid - day(0)).days, at] = (state, value)  # in the order of batches
    last = {period: (state, value) for (period, at), (state, value) in sorted(keys.items()) if at <= day(known) and state not in (1, 3)}
    return {period: value for period, (state, value) in sorted(last.items()) if state == 0 and value is not None}


@cases(8)
@given(
    history=st.lists(st.dictionaries(st.sampled_from(PERIODS), st.sampled_from([1.0, 2.0]), min_size=1), min_size=DAYS, max_size=DAYS),
    order=st.lists(st.integers(0, DAYS - 1), min_size=2, max_size=8),
)
def test_in_any_order_every_answer_can_be_asked_for_what_it_showed(
    module_database: Database, history: Sequence[dict[int, float]], order: Sequence[int]
) -> None:
    definition, payloads = vintaged(), [brought(module_database, LONG_AFTER) for _ in history]
    given_: set[int] = set()
    for known in order:
        noted = sightings(module_database, definition)
        receipt = showed(module_database, definition, known, history[known], payload=payloads[known])
        assert known not in given_ or (receipt.batch_id, sightings(module_database, definition)) == (None, noted), "twice is once"
        given_.add(known)
        for asked in given_:
            assert answers(module_database, definition, asked) == history[asked]


def test_outside_its_span_an_answer_withdraws_nothing(module_database: Database) -> None:
    definition = vintaged()
    showed(module_database, definition, 1, {0: 1.0, 1: 1.0, 2: 1.0})
    showed(module_database, definition, 2, {2: 1.0}, span=(1, 9))
    assert answers(module_database, definition, 2) == {0: 1.0, 2: 1.0}


def test_what_a_correction_added_is_not_withdrawn_by_a_source_that_never_had_it(module_database: Database) -> None:
    definition = vintaged()
    showed(module_database, definition, 1, {0: 1.0})
    write(module_database, definition, rows([5.0], valid=1, known=1), BatchKind.CORRECTION)
    assert showed(module_database, definition, 3, {0: 1.0}).batch_id is None
    assert answers(module_database, definition, 3) == {0: 1.0, 1: 5.0}


def test_a_corrected_value_stands_until_the_source_leaves_it_out(module_database: Database) -> None:
    definition = vintaged()
    showed(module_database, definition, 1, {0: 1.0, 1: 1.0})
    write(module_database, definition, rows([5.0], valid=1, known=1), BatchKind.CORRECTION)
    showed(module_database, definition, 2, {0: 1.0, 1: 1.0})
    assert answers(module_database, definition, 2) == {0: 1.0, 1: 5.0}
    showed(module_database, definition, 3, {0: 1.0})
    assert answers(module_database, definition, 3) == {0: 1.0}


@cases(3)
@given(
    history=st.lists(st.dictionaries(st.sampled_from(PERIODS), st.sampled_from([1.0, 2.0]), min_size=1), min_size=DAYS, max_size=DAYS),
    mended=st.lists(st.dictionaries(st.sampled_from(PERIODS), st.sampled_from([1.0, 2.0, 30.0]), min_size=1), min_size=DAYS, max_size=DAYS),
    order=st.permutations(range(DAYS)),
    late=st.integers(0, DAYS - 1),
)
def test_parsed_again_answers_show_what_is_read_of_them_now_and_later_ones_find_it_so(
    module_database: Database,
    model: Database,
    history: Sequence[dict[int, float]],
    mended: Sequence[dict[int, float]],
    order: Sequence[int],
    late: int,
) -> None:
    definition, payloads = vintaged(), [brought(module_database, LONG_AFTER) for _ in history]
    early, later = order[: DAYS - late], order[DAYS - late :]

    def shown(store: Database, known: int, read: Sequence[dict[int, float]] = mended) -> None:
        showed(store, definition, known, read[known], payload=payloads[known])

    for known in early:
        shown(module_database, known, history)
    assert read_again(module_database, model, definition, [partial(shown, known=known, read=history) for known in early]).batches == []
    steps = [partial(shown, known=known) for known in early]
    read_again(module_database, model, definition, steps)
    assert {known: answers(module_database, definition, known) for known in early} == {known: mended[known] for known in early}
    assert read_again(module_database, model, definition, steps).batches == []
    for known in later:
        shown(module_database, known)
    assert [answers(module_database, definition, known) for known in range(DAYS)] == mended


def test_answers_that_are_appended_at_once_withdraw_what_they_would_one_after_the_other(module_database: Database) -> None:
    """The one that leaves a period out, without news, may be noted while the older one that shows it is being compared."""
    history = {1: {0: 1.0, 1: 1.0}, 3: {0: 1.0}, 4: {0: 1.0, 1: 2.0}}
    for _ in range(8):
        definition, start = vintaged(), threading.Barrier(len(history))
        showed(module_database, definition, 0, {0: 1.0})
        with ThreadPoolExecutor(len(history)) as pool:
            gave = [pool.submit(given_at_once, start, module_database, definition, known, shown) for known, shown in history.items()]
        assert all(one.result() for one in gave)
        assert {known: answers(module_database, definition, known) for known in history} == history


def given_at_once(
    start: threading.Barrier, database: Database, definition: DatasetDefinition, known: int, shown: dict[int, float]
) -> Receipt:
    start.wait()
    return showed(database, definition, known, shown)


def test_a_table_of_rows_is_what_it_was_without_extents(module_database: Database) -> None:
    definition = vintaged()
    append(
        module_database,
        [Delivery(definition=definition, rows=pl.concat([rows([1.0], known=1), rows([2.0], valid=1, known=1)]), fetched_at=LONG_AFTER)],
        BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE),
    )
    append(
        module_database,
        [Delivery(definition=definition, rows=rows([1.0], known=2), fetched_at=LONG_AFTER)],
        BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE),
    )
    assert answers(module_database, definition, 2) == {0: 1.0, 1: 2.0}


@pytest.mark.parametrize("value", [1.0, 2.0])
@pytest.mark.parametrize("late", [2, 4])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_period_that_was_seen_again_and_then_annulled_is_withdrawn_by_the_answer_that_leaves_it_out(
    module_database: Database, order: tuple[int, int], late: int, value: float
) -> None:
    definition = vintaged()
    for known in (1, 3):
        showed(module_database, definition, known, {0: 1.0, 1: 1.0})
    write(module_database, definition, rows([None], valid=1, known=1, state="annulled"), BatchKind.ANNUL)
    for shown in ([(late, {0: 1.0, 1: value}), (5, {0: 1.0})][number] for number in order):
        showed(module_database, definition, *shown)
    assert answers(module_database, definition, late) == {0: 1.0, 1: value}
    assert answers(module_database, definition, 5) == {0: 1.0}
