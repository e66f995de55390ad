"""Many writers at once: batches in commit order, nothing twice, and a pinned read that never changes."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import Definitions
from crfs.errors import Conflict, InvalidInput
from crfs.store.append import Receipt
from crfs.store.database import Database, ensure_schema
from crfs.store.heads import pin
from crfs.store.publication import BatchKind, BatchNote, publication
from crfs.store.scan import StoreReader
from crfs.store.staging import sweep_staging
from tests.store.deliveries import NOW, dataset, rows, stored, write
from tests.store.writer import SHARED, write_batches

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Catalogue.of([Definitions(datasets=(SHARED,), factors=())])
THREADS, PROCESSES, ROUNDS = 8, 3, 5


def start_writer(url: sa.URL, name: str, count: int) -> subprocess.Popen[str]:
    address = url.render_as_string(hide_password=False)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.store.writer", address, name, str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def read(database: Database, batch_id: int) -> pl.DataFrame:
    table = StoreReader(database, CATALOGUE, batch_id=batch_id).rows(SHARED.name)
    return table.sort("entity", "valid_time", "knowledge_time", "batch_id")


def test_writers_in_threads_and_processes_leave_an_ordered_book_and_pinned_reads_never_change(
    empty_url: Callable[[], sa.URL], connect: Callable[..., Database]
) -> None:
    """The processes start on an empty database too, so that four make the schema at once."""
    url = empty_url()
    processes = [start_writer(url, f"process{number}", ROUNDS) for number in range(PROCESSES)]
    database = connect(url)
    ensure_schema(database)
    seen: dict[int, pl.DataFrame] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        writers = [pool.submit(write_batches, database, f"thread{number}", ROUNDS) for number in range(THREADS)]
        while not all(writer.done() for writer in writers) or any(process.poll() is None for process in processes):
            batch_id = pin(database).batch_id
            if _has_relation(database):
                seen.setdefault(batch_id, read(database, batch_id))
            time.sleep(0.01)
    answered = [writer.result() for writer in writers] + [[int(word) for word in process.communicate()[0].split()] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES

    total = (THREADS + PROCESSES) * ROUNDS
    with database.reading() as connection:
        book = connection.exec_driver_sql("SELECT batch_id, recorded_at FROM crfs.batch ORDER BY batch_id").all()
        head = connection.exec_driver_sql("SELECT batch_id, recorded_at FROM crfs.head").one()
    assert [row.batch_id for row in book] == list(range(1, total + 1))
    assert all(before.recorded_at < after.recorded_at for before, after in itertools.pairwise(book))
    assert tuple(head) == tuple(book[-1])
    assert sorted(batch for ids in answered for batch in ids) == list(range(1, total + 1))
    assert all(ids == sorted(ids) for ids in answered), "a writer's own batches are in the order of its commits"
    assert len(seen) > 3
    for batch_id, table in seen.items():
        assert table.height == 3 * batch_id, "every batch up to a head was there when the head was seen"
        assert read(database, batch_id).equals(table)
    assert _staging(database) == 0


@pytest.mark.parametrize("round_number", range(6))
def test_two_writers_of_the_same_rows_at_the_same_time_write_them_once(module_database: Database, round_number: int) -> None:
    definition = dataset()
    outcomes = _at_once(
        [lambda: write(module_database, definition, rows([1.0, 2.0], valid=[0, 1]))] * 2
        + [lambda: write(module_database, definition, rows([2.0, 3.0], valid=[1, 2]))] * 2
    )
    receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert len(receipts) == 4, outcomes
    assert sum(receipt.appended[definition.name] for receipt in receipts) == 3
    assert len([receipt for receipt in receipts if receipt.batch_id is not None]) == 2
    assert sorted(stored(module_database, definition)) == [(1.0,), (2.0,), (3.0,)]


@pytest.mark.parametrize("round_number", range(4))
def test_of_two_writers_of_different_values_at_the_same_time_one_is_refused(module_database: Database, round_number: int) -> None:
    definition = dataset()
    deliveries = [rows([value, 7.0], valid=[0, 1]) for value in (1.0, 2.0)]
    outcomes = _at_once([partial(write, module_database, definition, delivery) for delivery in deliveries])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Receipt"]
    assert len(stored(module_database, definition)) == 2


def test_more_writers_than_connections_take_turns(module_database: Database) -> None:
    """An append holds one connection and asks for another: writers that each hold one and wait for the rest would wait for ever."""
    narrow = Database(module_database.url.render_as_string(hide_password=False), pool_size=1)
    definition = dataset()
    try:
        receipts = _at_once([partial(write, narrow, definition, rows([1.0], valid=number)) for number in range(8)])
    finally:
        narrow.close()
    assert len({receipt.batch_id for receipt in receipts if isinstance(receipt, Receipt)}) == 8, receipts


def test_a_writer_that_is_killed_leaves_nothing_locked_and_its_staging_is_swept(
    own_database: Database, connect: Callable[..., Database]
) -> None:
    process = start_writer(own_database.url, "doomed", 0)
    assert process.stdout is not None
    assert process.stdout.readline() == "staged\n"
    assert (sweep_staging(own_database), _staging(own_database)) == (0, 1), "it lives"
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while sweep_staging(own_database) == 0 and time.monotonic() < deadline:  # until the server has seen that its client is gone
        time.sleep(0.02)
    assert _staging(own_database) == 0
    assert write(own_database, SHARED, rows([2.0], entity="doomed")).batch_id == 1


def test_a_publication_that_fails_leaves_no_batch_and_no_gap(own_database: Database) -> None:
    note = BatchNote(kind=BatchKind.DEFINE, at=NOW)
    with pytest.raises(RuntimeError), publication(own_database, note):
        raise RuntimeError
    with publication(own_database, note) as batch:
        assert (batch.batch_id, batch.previous) == (1, 0)


def test_the_clock_of_the_store_never_stands_still_or_goes_back(own_database: Database) -> None:
    times = []
    for shift in (timedelta(0), timedelta(0), timedelta(days=-400), timedelta(microseconds=5), timedelta(seconds=1)):
        with publication(own_database, BatchNote(kind=BatchKind.DEFINE, at=NOW + shift)) as batch:
            times.append(batch.recorded_at - NOW)
    microseconds = [round(time / timedelta(microseconds=1)) for time in times]
    assert microseconds == [0, 1, 2, 5, 1_000_000]


def test_a_time_resolves_to_the_batch_recorded_by_then(own_database: Database) -> None:
    definition = dataset()
    before = pin(own_database)
    assert (before.batch_id, before.resolved) == (0, True)
    for number in range(3):
        write(own_database, definition, rows([float(number)], known=number), at=NOW + timedelta(hours=number))
    tick = timedelta(microseconds=1)
    for question, batch, resolved in [
        (NOW - tick, 0, False),
        (NOW, 1, False),
        (NOW + timedelta(hours=1) - tick, 1, False),
        (NOW + timedelta(hours=1), 2, False),
        (NOW + timedelta(hours=2), 3, False),
        (NOW + timedelta(hours=2) + tick, 3, True),
        (None, 3, True),
        (2, 2, False),
        (3, 3, False),
        (0, 0, False),
    ]:
        answer = pin(own_database, question)
        assert (answer.batch_id, answer.resolved) == (batch, resolved), question
        if batch:
            assert answer.recorded_at == NOW + timedelta(hours=batch - 1)
    for nonsense in (4, 999, -1, True, False, 6.5, "2", date(2024, 1, 1)):
        with pytest.raises(InvalidInput, match="recorded_as_of"):
            pin(own_database, nonsense)  # type: ignore[arg-type]


def _at_once(calls: list[Callable[[], Receipt]]) -> list[Receipt | Exception]:
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Receipt]) -> Receipt | Exception:
        barrier.wait()
        try:
            return call()
        except Conflict as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def _has_relation(database: Database) -> bool:
    with database.reading() as connection:
        return connection.exec_driver_sql("SELECT to_regclass('data.shared')").scalar() is not None


def _staging(database: Database) -> int:
    with database.reading() as connection:
        count: int = connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'").scalar_one()
    return count
