"""What an append takes, leaves out and refuses, and that it is all or nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from crfs.credit.definitions import ColumnType, RevisionPolicy
from crfs.errors import Conflict, InvalidInput
from crfs.store.append import Delivery, append
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote, publication
from crfs.store.staging import staging_room, sweep_staging
from tests.store.deliveries import NOW, SOURCE, dataset, day, rows, stored, write
from tests.store.keeping import landed

AMENDING = [BatchKind.CORRECTION, BatchKind.REDERIVE, BatchKind.ANNUL]


@pytest.fixture
def database(module_database: Database) -> Database:
    return module_database


def test_the_same_rows_again_are_no_batch(database: Database) -> None:
    definition = dataset()
    first = write(database, definition, rows([1.0, None], valid=[0, 1]).with_columns(row_state=pl.Series(["value", "missing"])))
    again = write(database, definition, rows([1.0, None], valid=[0, 1]).with_columns(row_state=pl.Series(["value", "missing"])))
    assert (first.appended, first.unchanged) == ({definition.name: 2}, {definition.name: 0})
    assert (again.batch_id, again.appended, again.unchanged) == (None, {definition.name: 0}, {definition.name: 2})
    assert stored(database, definition) == [(1.0,), (None,)]


def test_only_what_is_new_is_appended(database: Database) -> None:
    definition = dataset()
    write(database, definition, rows([1.0]))
    receipt = write(database, definition, rows([1.0, 2.0], known=[10, 11]))
    assert (receipt.appended, receipt.unchanged) == ({definition.name: 1}, {definition.name: 1})
    assert stored(database, definition) == [(1.0,), (2.0,)]


def test_an_empty_delivery_is_no_batch(database: Database) -> None:
    assert write(database, dataset(), rows([1.0]).clear()).batch_id is None


def test_another_value_at_the_same_key_is_a_conflict_that_names_it_and_leaves_nothing(database: Database) -> None:
    one, other = dataset(), dataset()
    write(database, one, rows([1.0]))
    head = _head(database)
    note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE)
    with pytest.raises(Conflict, match=r"x at 2020-01-01 known from 2020-01-11 00:00Z has another value .* correction"):
        append(
            database, [Delivery(definition=other, rows=rows([5.0])), Delivery(definition=one, rows=rows([9.0, 2.0], valid=[1, 0]))], note
        )
    assert stored(database, one) == [(1.0,)]
    assert stored(database, other) == []
    assert _head(database) == head
    assert _staging(database) == []


def test_a_value_where_the_source_said_missing_is_a_conflict_too(database: Database) -> None:
    definition = dataset()
    write(database, definition, rows([None], state="missing"))
    with pytest.raises(Conflict):
        write(database, definition, rows([1.0]))


def test_amending_history_needs_a_reason() -> None:
    for kind in (*AMENDING, BatchKind.REPARSE):
        for reason in (None, "", "  "):
            with pytest.raises(InvalidInput, match="give a reason"):
                BatchNote(kind=kind, at=NOW, source=SOURCE, reason=reason)


@pytest.mark.parametrize("kind", AMENDING[:2], ids=lambda kind: kind.value)
def test_an_amendment_wins_by_its_later_batch_and_says_why(database: Database, kind: BatchKind) -> None:
    definition = dataset()
    write(database, definition, rows([1.0, 3.0], valid=[0, 1]))
    receipt = write(database, definition, rows([2.0, 3.0], valid=[0, 1]), kind, reason="the file was cut")
    assert receipt.appended == {definition.name: 1}
    assert stored(database, definition) == [(1.0,), (3.0,), (2.0,)]
    with database.reading() as connection:
        note = connection.execute(sa.text("SELECT kind, reason, actor FROM crfs.batch WHERE batch_id = :b"), {"b": receipt.batch_id}).one()
    assert tuple(note) == (kind.value, "the file was cut", "tester")
    assert write(database, definition, rows([2.0, 3.0], valid=[0, 1]), kind).batch_id is None
    # What an ingest compares with is the amended row; what a correction took the place of is no contradiction of it.
    assert write(database, definition, rows([2.0])).batch_id is None
    with pytest.raises(Conflict):
        write(database, definition, rows([9.0]))
    if kind is BatchKind.CORRECTION:
        assert write(database, definition, rows([1.0])).batch_id is None
    else:
        with pytest.raises(Conflict):
            write(database, definition, rows([1.0]))


def test_an_amendment_may_mend_the_basis_of_a_knowledge_time_alone(database: Database) -> None:
    definition = dataset()
    assumed = rows([1.0]).with_columns(knowledge_basis=pl.lit("assumed"))
    write(database, definition, assumed)
    assert write(database, definition, rows([1.0])).batch_id is None, "an ingest has nothing to say of it"
    assert write(database, definition, rows([1.0]), BatchKind.REDERIVE).batch_id is not None
    assert stored(database, definition, columns="knowledge_basis") == [(2,), (0,)]
    assert write(database, definition, rows([1.0]), BatchKind.REDERIVE).batch_id is None


def test_an_annulled_row_is_not_brought_back_by_an_ingest_but_by_a_correction(database: Database) -> None:
    definition = dataset()
    write(database, definition, rows([1.0]))
    write(database, definition, rows([None], state="annulled"), BatchKind.ANNUL)
    assert write(database, definition, rows([1.0])).batch_id is None
    assert write(database, definition, rows([7.0])).batch_id is None
    assert write(database, definition, rows([None], state="annulled"), BatchKind.ANNUL).batch_id is None
    assert write(database, definition, rows([2.0]), BatchKind.CORRECTION).batch_id is not None
    assert stored(database, definition, columns="row_state, value") == [(0, 1.0), (3, None), (0, 2.0)]


def test_what_is_not_there_cannot_be_annulled(database: Database) -> None:
    definition = dataset()
    write(database, definition, rows([1.0]))
    with pytest.raises(InvalidInput, match="1 of the rows to annul are not in the store"):
        write(database, definition, rows([None, None], valid=[0, 1], state="annulled"), BatchKind.ANNUL)


def test_annulled_rows_and_the_kind_annul_belong_together(database: Database) -> None:
    definition = dataset()
    for table, kind in [
        (rows([None], state="annulled"), BatchKind.INGEST),
        (rows([None], state="annulled"), BatchKind.CORRECTION),
        (rows([1.0]), BatchKind.ANNUL),
    ]:
        with pytest.raises(InvalidInput, match="kind annul"):
            write(database, definition, table, kind)


@pytest.mark.parametrize("kind", [BatchKind.DEFINE, BatchKind.REGISTER, BatchKind.PROMOTE], ids=lambda kind: kind.value)
def test_a_kind_that_speaks_of_no_rows_cannot_slip_some_in(database: Database, kind: BatchKind) -> None:
    definition = dataset()
    write(database, definition, rows([1.0]))
    with pytest.raises(InvalidInput, match="has no rows"):
        write(database, definition, rows([2.0]), kind)


def test_a_clipped_row_is_dropped_where_a_value_known_before_says_the_same(database: Database) -> None:
    definition = dataset()
    write(database, definition, rows([1.0, 2.0], known=[10, 12]))
    clipped = rows([1.0, 3.0, 2.0, 2.0], valid=[0, 1, 0, 0], known=[11, 11, 13, 11], clipped=True)
    with pytest.raises(Conflict, match="two different rows"):
        write(database, definition, clipped)
    receipt = write(database, definition, clipped.head(3))
    assert receipt.unchanged == {definition.name: 2}
    assert stored(database, definition) == [(1.0,), (2.0,), (3.0,)]
    # Known only later, or saying something else, it is a revision like any other.
    receipt = write(database, definition, rows([2.0, 1.0], known=[11, 14], clipped=True))
    assert receipt.appended == {definition.name: 2}


def test_a_clipped_row_is_compared_with_what_counts_not_with_what_was_annulled(database: Database) -> None:
    definition = dataset()
    write(database, definition, rows([1.0, 2.0], known=[10, 12]))
    write(database, definition, rows([None], known=12, state="annulled"), BatchKind.ANNUL)
    assert write(database, definition, rows([1.0], known=13, clipped=True)).batch_id is None
    assert write(database, definition, rows([2.0], known=14, clipped=True)).batch_id is not None


def test_a_clipped_missing_after_a_missing_or_retracted_one_says_nothing_new(database: Database) -> None:
    definition = dataset()
    write(database, definition, rows([None], state="missing"))
    assert write(database, definition, rows([None], known=11, state="retracted", clipped=True)).batch_id is None
    assert write(database, definition, rows([1.0], known=11, clipped=True)).batch_id is not None


def test_a_row_that_stands_twice_in_a_delivery_is_written_once_and_two_different_ones_are_refused(database: Database) -> None:
    definition = dataset()
    assert write(database, definition, rows([1.0, 1.0])).appended == {definition.name: 1}
    with pytest.raises(Conflict, match="two different rows for x at 2020-01-02"):
        write(database, definition, rows([1.0, 2.0], valid=1))
    with pytest.raises(InvalidInput, match="one delivery a dataset"):
        append(database, [Delivery(definition=definition, rows=rows([1.0]))] * 2, BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE))


NO_ZONE = datetime(2020, 1, 1)  # noqa: DTZ001
REFUSED = {
    "nan": (pl.lit(math.nan).alias("value"), "NaN or infinity"),
    "infinity": (pl.lit(-math.inf).alias("value"), "NaN or infinity"),
    "a number as text": (pl.lit("1.50").alias("value"), "cannot hold exactly"),
    "a text for a number": (pl.lit("high").alias("value"), "cannot be read"),
    "an integer beyond a float": (pl.lit(2**53 + 1).alias("value"), "cannot hold exactly"),
    "no entity": (pl.lit(None, pl.String).alias("entity"), "entity is blank"),
    "a NUL": (pl.lit("a\0b").alias("entity"), "NUL"),
    "no valid time": (pl.lit(None, pl.Datetime("us", "UTC")).alias("valid_time"), "valid_time is blank"),
    "no knowledge time": (pl.lit(None, pl.Datetime("us", "UTC")).alias("knowledge_time"), "knowledge_time is blank"),
    "no state": (pl.lit(None, pl.String).alias("row_state"), "row_state is blank"),
    "no basis": (pl.lit(None, pl.String).alias("knowledge_basis"), "knowledge_basis is blank"),
    "an unknown state": (pl.lit("gone").alias("row_state"), "cannot be read"),
    "an unknown basis": (pl.lit("guessed").alias("knowledge_basis"), "cannot be read"),
    "no zone": (pl.lit(NO_ZONE).alias("knowledge_time"), "with a time zone"),
    "a day": (pl.lit(NO_ZONE.date()).alias("knowledge_time"), "with a time zone"),
    "nanoseconds": (pl.lit(1_577_836_800_000_000_001).cast(pl.Datetime("ns", "UTC")).alias("knowledge_time"), "cannot hold exactly"),
    "a missing row with a value": (pl.lit("missing").alias("row_state"), "has no values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_row_may_have_is_refused(database: Database, name: str) -> None:
    change, message = REFUSED[name]
    head = _head(database)
    with pytest.raises(InvalidInput, match=message):
        write(database, dataset(), rows([1.0, 1.0], valid=[0, 1]).with_columns(change))
    assert _head(database) == head


def test_types_are_kept_exactly(database: Database) -> None:
    kinds = [("f", ColumnType.FLOAT8), ("i", ColumnType.INT8), ("t", ColumnType.TEXT), ("b", ColumnType.BOOL), ("d", ColumnType.DATE)]
    definition = dataset(columns=kinds)
    table = rows([1.0]).drop("value")
    given = {
        "f": pl.Series([0.1], dtype=pl.Float64),
        "i": pl.Series([2.0**40], dtype=pl.Float64),
        "t": pl.Series(["Ω 'x' \\"], dtype=pl.Categorical()),
        "b": pl.Series([False]),
        "d": pl.Series([day(3).date()]),
    }
    write(database, definition, table.with_columns(**given))
    assert stored(database, definition, columns="f, i, t, b, d") == [(0.1, 2**40, "Ω 'x' \\", False, day(3).date())]
    with pytest.raises(InvalidInput, match=r"column i has 1\.5"):
        write(database, definition, table.with_columns(**{**given, "i": pl.Series([1.5])}))
    with pytest.raises(InvalidInput, match="lack the column b"):
        write(database, definition, table.with_columns(**given).drop("b"))


def test_instants_of_another_zone_are_the_same_instants(database: Database) -> None:
    definition = dataset()
    local = rows([1.0]).with_columns(pl.col("knowledge_time").dt.convert_time_zone("America/New_York"))
    write(database, definition, local)
    assert stored(database, definition, columns="knowledge_time") == [(day(10),)]
    assert write(database, definition, rows([1.0])).batch_id is None


def test_staging_of_a_dead_writer_is_swept_and_that_of_a_living_one_is_not(database: Database) -> None:
    with database.writing() as connection:  # what a writer leaves behind that was killed while it copied
        connection.exec_driver_sql("CREATE UNLOGGED TABLE staging.s00000000deadbeef_0 (entity_id bigint)")
    prepared = pl.DataFrame({"entity_id": [1], "value": [1.0]})
    with staging_room(database) as room:
        with database.writing() as connection:
            room.stage(connection, prepared)
        assert sweep_staging(database) == 1
        assert len(_staging(database)) == 1
        assert sweep_staging(database) == 0
    assert _staging(database) == []


def _head(database: Database) -> int:
    with database.reading() as connection:
        head: int = connection.exec_driver_sql("SELECT batch_id FROM crfs.head").scalar_one()
    return head


def _staging(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'").scalars())


def test_a_withdrawal_in_the_delivery_of_its_value_is_one(database: Database) -> None:
    definition = replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)
    table = rows([1.0, None], known=[5, 8]).with_columns(row_state=pl.Series(["value", "missing"]))
    write(database, definition, table)
    assert [row[0] for row in stored(database, definition, columns="row_state")] == [0, 2]


def test_corrections_that_cross_are_as_if_one_came_after_the_other(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is compared before the first is published, and published after it: it says all that it says, not what differed before."""
    definition = dataset()
    write(database, definition, rows([1.0, 4.0], valid=[0, 1]))
    inside = []

    @contextmanager
    def after_the_other(*given: Any) -> Iterator[Any]:
        monkeypatch.undo()
        inside.append(write(database, definition, rows([2.0, 6.0], valid=[0, 1]), BatchKind.CORRECTION))
        with publication(*given) as batch:
            yield batch

    monkeypatch.setattr("crfs.store.append.publication", after_the_other)
    receipt = write(database, definition, rows([1.0, 5.0], valid=[0, 1]), BatchKind.CORRECTION)
    assert len(inside) == 1
    assert receipt.appended == {definition.name: 2}
    last = dict(stored(database, definition, columns="valid_time, value"))
    assert list(last.values()) == [1.0, 5.0]


@pytest.mark.parametrize(
    "policy", [RevisionPolicy.VINTAGED, RevisionPolicy.FINAL, RevisionPolicy.RE_ESTIMATED], ids=lambda policy: policy.value
)
def test_the_same_answer_after_a_correction_brings_what_is_new_in_it_and_undoes_nothing(database: Database, policy: RevisionPolicy) -> None:
    definition = replace(dataset(), revision_policy=policy)
    write(database, definition, rows([1.0, 5.0, None], valid=[0, 1, 2]).with_columns(row_state=pl.Series(["value", "value", "missing"])))
    write(database, definition, rows([2.0, 6.0], valid=[0, 2]), BatchKind.CORRECTION)
    write(database, definition, rows([3.0], valid=0), BatchKind.CORRECTION)
    write(database, definition, rows([None], valid=1, state="annulled"), BatchKind.ANNUL)
    again = rows([1.0, 5.0, None, 7.0], valid=[0, 1, 2, 3]).with_columns(row_state=pl.Series(["value", "value", "missing", "value"]))
    assert write(database, definition, again).appended == {definition.name: 1}
    assert write(database, definition, again).batch_id is None
    assert stored(database, definition)[-1] == (7.0,)
    with pytest.raises(Conflict):  # our own earlier correction is no word of the source
        write(database, definition, rows([2.0]))
    with pytest.raises(Conflict):
        write(database, definition, rows([1.0, 9.0], valid=[0, 2]))


def test_an_upper_bound_that_repeats_what_the_source_said_before_a_correction_is_no_news(database: Database) -> None:
    definition = replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)
    write(database, definition, rows([1.0], known=10))
    write(database, definition, rows([2.0], known=10), BatchKind.CORRECTION)
    for value in (1.0, 2.0):
        assert write(database, definition, rows([value], known=12, clipped=True)).batch_id is None
    assert write(database, definition, rows([3.0], known=12, clipped=True)).batch_id is not None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_window_that_showed_the_same_again_is_not_forgotten_when_one_between_comes_late(
    module_database: Database, order: tuple[int, ...]
) -> None:
    """Windows of one day each show only upper bounds: March 1, April 2, May 1 again; of the second period April shows nothing."""
    definition = replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)
    windows = [(40, [1.0, 7.0]), (70, [2.0]), (100, [1.0, 7.0])]
    tables = [
        rows(values, valid=list(range(len(values))), known=known).with_columns(clipped=pl.lit(value=True)) for known, values in windows
    ]
    for number in order:
        write(module_database, definition, tables[number])
    assert [write(module_database, definition, tables[number]).batch_id for number in order] == [None] * 3, "twice is once"
    found = stored(module_database, definition, columns="valid_time, knowledge_time, value")
    expected = [(0, 40, 1.0), (0, 70, 2.0), (0, 100, 1.0), (1, 40, 7.0)]
    answers = {(period, at): max((k, v) for p, k, v in found if p == day(period) and k <= day(at))[1] for period, at, _ in expected}
    assert answers == {(period, at): value for period, at, value in expected}
    assert {value for p, _, value in found if p == day(1)} == {7.0}


def test_an_upper_bound_after_another_value_of_its_own_answer_is_news_though_an_earlier_one_said_the_same(
    module_database: Database,
) -> None:
    definition = replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)
    write(module_database, definition, rows([1.0], known=40))
    answer = rows([2.0, 1.0], valid=0, known=[70, 72]).with_columns(clipped=pl.Series([False, True]))
    write(module_database, definition, answer)
    assert stored(module_database, definition, columns="knowledge_time, value") == [(day(40), 1.0), (day(70), 2.0), (day(72), 1.0)]
    assert write(module_database, definition, answer).batch_id is None, "twice is once"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_answers_that_say_the_same_the_better_basis_counts_in_any_order(module_database: Database, order: tuple[int, int]) -> None:
    definition = replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)
    bases = ["backfilled", "calendar"]
    payloads = [landed(module_database, f"{definition.name} {basis}".encode()) for basis in bases]
    tables = [rows([1.0], known=40).with_columns(knowledge_basis=pl.lit(basis)) for basis in bases]
    for number in order:
        write(module_database, definition, tables[number], payloads=[payloads[number]])
    assert stored(module_database, definition, columns="knowledge_basis")[-1] == (1,)
    for number in (*order, *order):
        assert write(module_database, definition, tables[number], payloads=[payloads[number]]).batch_id is None, "twice is once"
    assert stored(module_database, definition, columns="knowledge_basis")[-1] == (1,)
