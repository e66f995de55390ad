"""Vintages that are only dates: what is seen of a day while it runs may still change, and a change is known from the fetch that saw it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.definitions import DatasetDefinition, RevisionPolicy
from crfs.errors import Conflict
from crfs.store.append import Delivery, Receipt, append
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote
from tests.store.deliveries import NOW, SOURCE, brought, dataset, day, rows, stored, write
from tests.store.rereading import read_again
from tests.thorough import cases

TODAY = 20
RELEASE = 8


def hour(number: float, of: int = TODAY) -> datetime:
    return day(of) + timedelta(hours=number)


def vintaged() -> DatasetDefinition:
    return replace(dataset(), revision_policy=RevisionPolicy.VINTAGED)


def seen(
    database: Database,
    definition: DatasetDefinition,
    value: float | None,
    fetched: datetime,
    *,
    vintage: int = TODAY,
    sha: str | None = None,
) -> Receipt:
    """An answer fetched then that says what the vintage of a day is: known from the day's release, if that is over."""
    known = min(fetched, hour(RELEASE, vintage))
    table = rows([value], state="value" if value is not None else "missing", vintage_date=[date(2020, 1, 1) + timedelta(days=vintage)])
    table = table.with_columns(knowledge_time=known)
    payload = sha or brought(database, fetched)
    note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads={payload: [definition.name]})
    return append(database, [Delivery(definition=definition, rows=table, fetched_at=fetched)], note)


def told(database: Database, definition: DatasetDefinition) -> list[tuple[float, float | None]]:
    """(known from hour of today, value) of what counts."""
    found = stored(database, definition, columns="knowledge_time, batch_id, row_state, value")
    last = {known: (state, value) for known, _, state, value in sorted(found, key=lambda row: (row[0], row[1]))}
    return [((known - hour(0)) / timedelta(hours=1), value) for known, (state, value) in sorted(last.items()) if state != 3]


def at(database: Database, definition: DatasetDefinition, moment: float) -> float | None:
    return [value for known, value in told(database, definition) if known <= moment][-1]


def test_the_first_answer_after_the_release_is_known_from_it_and_a_changed_one_from_its_fetch(module_database: Database) -> None:
    definition = vintaged()
    for moment, value in ((7, 1.0), (9, 2.0), (10, 2.0), (11, 3.0), (12, 2.0)):
        seen(module_database, definition, value, hour(moment))
    assert told(module_database, definition) == [(7, 1.0), (8, 2.0), (11, 3.0), (12, 2.0)]


def test_a_value_that_goes_within_the_day_is_withdrawn_by_the_fetch_that_missed_it(module_database: Database) -> None:
    definition = vintaged()
    seen(module_database, definition, 1.0, hour(9))
    seen(module_database, definition, None, hour(10))
    assert stored(module_database, definition, columns="row_state, value") == [(0, 1.0), (2, None)]
    assert told(module_database, definition) == [(8, 1.0), (10, None)]


def test_what_the_day_ended_with_is_known_from_its_end_where_no_fetch_saw_it(module_database: Database) -> None:
    definition = vintaged()
    seen(module_database, definition, 1.0, hour(9))
    assert seen(module_database, definition, 1.0, hour(30)).batch_id is None
    seen(module_database, definition, 2.0, hour(31))
    assert seen(module_database, definition, 2.0, hour(55)).batch_id is None
    assert told(module_database, definition) == [(8, 1.0), (24, 2.0)]


def test_what_was_first_seen_when_its_day_was_over_is_final(module_database: Database) -> None:
    definition = vintaged()
    seen(module_database, definition, 1.0, hour(30))
    with pytest.raises(Conflict, match="another value in the store"):
        seen(module_database, definition, 2.0, hour(31))


def test_an_answer_that_comes_in_late_does_not_hide_what_a_later_one_saw(module_database: Database) -> None:
    """As when it was held back, and is released after the others."""
    definition, other = vintaged(), vintaged()
    seen(module_database, definition, 2.0, hour(12))
    seen(module_database, definition, 1.0, hour(10))
    assert told(module_database, definition) == [(8, 2.0), (10, 1.0), (12, 2.0)]
    seen(module_database, other, 2.0, hour(30))
    seen(module_database, other, 1.0, hour(10))
    assert told(module_database, other) == [(8, 2.0), (10, 1.0), (24, 2.0)]


def test_a_mended_parser_keeps_the_times_of_the_fetches(module_database: Database, model: Database) -> None:
    definition = vintaged()
    fetches = [(hour(moment), brought(module_database, hour(moment))) for moment in (9, 10, 11)]

    def shown(store: Database, factor: float = 10.0) -> None:
        for value, (fetched, sha) in zip((1.0, 2.0, 3.0), fetches, strict=True):
            seen(store, definition, factor * value, fetched, sha=sha)

    shown(module_database, 1.0)
    read_again(module_database, model, definition, [shown])
    assert told(module_database, definition) == [(8, 10.0), (10, 20.0), (11, 30.0)]


@cases(8)
@given(
    moments=st.sets(st.integers(0, 47), min_size=1, max_size=7), values=st.lists(st.sampled_from([1.0, 2.0, None]), min_size=8, max_size=8)
)
def test_polled_in_order_every_fetch_can_be_asked_for_what_it_saw(
    module_database: Database, moments: set[int], values: list[float | None]
) -> None:
    """Fetches of the day, and of the next one, which see what the day ended with: that no fetch of the day may have seen."""
    definition = vintaged()
    polled = {moment + 0.5: values[min(moment, 24) % 8] for moment in sorted(moments)}
    for moment, value in polled.items():
        seen(module_database, definition, value, hour(moment))
        assert seen(module_database, definition, value, hour(moment)).batch_id is None, "twice is once"
    for moment, value in polled.items():
        assert at(module_database, definition, moment) == value


@pytest.mark.parametrize("moment", [12, 30])
def test_what_was_seen_of_a_running_day_and_corrected_since_is_no_conflict_for_what_the_source_says_later(
    module_database: Database, moment: int
) -> None:
    definition = vintaged()
    seen(module_database, definition, 1.0, hour(9))
    correction = rows([5.0]).with_columns(knowledge_time=pl.lit(hour(RELEASE)).cast(pl.Datetime("us", "UTC")))
    write(module_database, definition, correction, BatchKind.CORRECTION)
    assert seen(module_database, definition, 1.0, hour(moment)).batch_id is None, "it stands until the source says something else"
    seen(module_database, definition, 3.0, hour(moment))
    assert told(module_database, definition) == [(8, 5.0), (min(moment, 24), 3.0)]


@pytest.mark.parametrize("moment", [12, 30])
def test_what_was_seen_of_a_running_day_and_annulled_since_stays_so_until_the_source_says_something_else(
    module_database: Database, moment: int
) -> None:
    definition = vintaged()
    seen(module_database, definition, 1.0, hour(9))
    annulment = rows([None], state="annulled").with_columns(knowledge_time=pl.lit(hour(RELEASE)).cast(pl.Datetime("us", "UTC")))
    write(module_database, definition, annulment, BatchKind.ANNUL)
    assert seen(module_database, definition, 1.0, hour(moment)).batch_id is None
    seen(module_database, definition, 3.0, hour(moment))
    assert told(module_database, definition) == [(min(moment, 24), 3.0)]
