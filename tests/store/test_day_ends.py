"""What days ended with: what was seen while a day ran is known from the fetch that saw it, and how the day ended from its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal.extent import Extent
from crfs.bitemporal.rows import KnowledgeBasis
from crfs.credit.definitions import DatasetDefinition
from crfs.store.append import Delivery, Receipt, append
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote, publication
from tests.store.deliveries import NOW, SOURCE, brought, day, rows, sightings, stored, write
from tests.store.rereading import read_again
from tests.store.test_extents import LONG_AFTER, vintaged
from tests.thorough import cases

DAYS, RELEASE = 4, 8
Values = Mapping[int, float | None]
"""Period → value; None where the provider says that there is none."""


def hour(number: float, of: int) -> datetime:
    return day(of) + timedelta(hours=number)


def extent(known_at: datetime, final_until: datetime | None = None) -> Extent:
    return Extent(
        entity="x", first_valid_time=day(0), last_valid_time=day(9), known_at=known_at, knowledge_basis=KnowledgeBasis.BACKFILLED,
        final_until=final_until,
    )  # fmt: skip


def gave(database: Database, definition: DatasetDefinition, table: pl.DataFrame, fetched: datetime, told: Extent, payload: str) -> Receipt:
    note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads=[payload])
    return append(database, [Delivery(definition=definition, rows=table, fetched_at=fetched, extents=[told])], note)


def table_of(shown: Sequence[tuple[int, datetime, float | None, bool]], *, vintages: bool) -> pl.DataFrame:
    """Rows (period, known from, value, clipped)."""
    made = rows([value for _, _, value, _ in shown], valid=[period for period, *_ in shown], clipped=[clipped for *_, clipped in shown])
    return made.with_columns(
        knowledge_time=pl.Series([known for _, known, _, _ in shown], dtype=pl.Datetime("us", "UTC")),
        row_state=pl.when(pl.col("value").is_null()).then(pl.lit("missing")).otherwise(pl.lit("value")),
        vintage_date=pl.Series([known.date() if vintages else None for _, known, _, _ in shown], dtype=pl.Date),
    )


def polled(database: Database, definition: DatasetDefinition, at: datetime, shown: Values, *, payload: str = "") -> Receipt:
    """A table of the latest values, without a word of since when."""
    table = table_of([(period, at, value, True) for period, value in sorted(shown.items())], vintages=False)
    return gave(database, definition, table, at, extent(at), payload or brought(database, at))


def all_vintages(database: Database, definition: DatasetDefinition, ends: Sequence[Values], *, payload: str = "") -> Receipt:
    """The whole history, read long after: a row for each day that changed a period, known from the hour of the release."""
    shown: list[tuple[int, datetime, float | None, bool]] = []
    nothing: dict[int, float | None] = {}
    for number, (before, now) in enumerate(zip([nothing, *ends], ends, strict=False)):
        for period in sorted({*before, *now}):
            if (period in before, before.get(period)) != (period in now, now.get(period)):
                shown.append((period, hour(RELEASE, number), now.get(period), False))
    shown.sort(key=lambda row: row[:2])
    told = extent(day(0), day(len(ends)))
    return gave(database, definition, table_of(shown, vintages=True), LONG_AFTER, told, payload or brought(database, LONG_AFTER))


def known(database: Database, definition: DatasetDefinition, at: datetime) -> dict[int, float]:
    """Period → value as of an instant."""
    last: dict[tuple[int, datetime], tuple[int, float | None]] = {}
    for valid, since, state, value in stored(database, definition, columns="valid_time, knowledge_time, row_state, value"):
        if since <= at:
            last[(valid - day(0)).days, since] = (state, value)
    counting = {period: (state, value) for (period, _), (state, value) in sorted(last.items()) if state not in (1, 3)}
    return {period: value for period, (state, value) in counting.items() if state == 0 and value is not None}


def values(shown: Values) -> dict[int, float]:
    return {period: value for period, value in sorted(shown.items()) if value is not None}


states = st.dictionaries(st.sampled_from([0, 1]), st.sampled_from([1.0, 2.0, None]), min_size=1)


@cases(10)
@given(
    ends=st.lists(states, min_size=DAYS, max_size=DAYS),
    polls=st.lists(st.tuples(st.integers(0, DAYS - 1), st.sampled_from([7, 9, 15]), states), max_size=4, unique_by=lambda poll: poll[:2]),
    data=st.data(),
)
def test_in_any_order_every_poll_can_be_asked_for_what_it_saw_and_every_day_for_how_it_ended(
    module_database: Database, ends: list[Values], polls: list[tuple[int, int, Values]], data: st.DataObject
) -> None:
    definition = vintaged()
    # A poll after the release shows a change of that day, or what was there before, or what is taken back: anything.
    every = [None, *polls]
    payloads = [brought(module_database, LONG_AFTER if poll is None else hour(poll[1], poll[0])) for poll in every]

    def give(number: int) -> Receipt:
        poll, payload = every[number], payloads[number]
        if poll is None:
            return all_vintages(module_database, definition, ends, payload=payload)
        return polled(module_database, definition, hour(poll[1], poll[0]), poll[2], payload=payload)

    order = data.draw(st.permutations(range(len(every))))
    for count, given_now in enumerate(order, 1):
        give(given_now)
        noted, again = sightings(module_database, definition), data.draw(st.sampled_from(order[:count]))
        assert give(again).batch_id is None, "twice is once"
        assert sightings(module_database, definition) == noted, "and notes nothing"
        given_ = [every[one] for one in order[:count]]
        for number, at, shown in (one for one in given_ if one is not None):
            assert known(module_database, definition, hour(at, number)) == values(shown), (number, at)
        if None in given_:
            for number, end in enumerate(ends):
                assert known(module_database, definition, day(number + 1)) == values(end), number


@cases(3)
@given(
    history=st.lists(states, min_size=DAYS, max_size=DAYS),
    mended=st.lists(states, min_size=DAYS, max_size=DAYS),
    polls=st.lists(
        st.tuples(st.integers(0, DAYS - 1), st.sampled_from([7, 9, 15]), states, states), max_size=4, unique_by=lambda poll: poll[:2]
    ),
    data=st.data(),
)
def test_parsed_again_polls_saw_and_days_ended_with_what_is_read_now_and_later_answers_find_it_so(
    module_database: Database,
    model: Database,
    history: list[Values],
    mended: list[Values],
    polls: list[tuple[int, int, Values, Values]],
    data: st.DataObject,
) -> None:
    definition, whole = vintaged(), brought(module_database, LONG_AFTER)
    payloads = {poll[:2]: brought(module_database, hour(poll[1], poll[0])) for poll in polls}

    def shown(store: Database, poll: tuple[int, int, Values, Values] | None, *, now: bool = True) -> None:
        if poll is None:
            all_vintages(store, definition, mended if now else history, payload=whole)
        else:
            number, at, seen, read = poll
            polled(store, definition, hour(at, number), read if now else seen, payload=payloads[number, at])

    def check(taken: Sequence[tuple[int, int, Values, Values] | None]) -> None:
        for poll in taken:
            if poll is None:
                assert [known(module_database, definition, day(number + 1)) for number in range(DAYS)] == [values(end) for end in mended]
            else:
                assert known(module_database, definition, hour(poll[1], poll[0])) == values(poll[3]), poll

    order = data.draw(st.permutations([None, *polls]))
    early = order[: data.draw(st.integers(1, len(order)))]
    for poll in early:
        shown(module_database, poll, now=False)
    assert read_again(module_database, model, definition, [partial(shown, poll=poll, now=False) for poll in early]).batches == []
    read_again(module_database, model, definition, [partial(shown, poll=poll) for poll in early])
    check(early)
    assert read_again(module_database, model, definition, [partial(shown, poll=poll) for poll in early]).batches == []
    for poll in order[len(early) :]:
        shown(module_database, poll)
    check(order)


def test_a_poll_before_the_figures_are_posted_does_not_hide_the_release(module_database: Database) -> None:
    for order in ((0, 1), (1, 0)):
        definition = vintaged()
        for step in order:
            if step == 0:
                polled(module_database, definition, hour(9, 1), {0: 1.0})
            else:
                all_vintages(module_database, definition, [{0: 1.0}, {0: 2.0, 1: 3.0}])
        assert known(module_database, definition, hour(9, 1)) == {0: 1.0}
        assert known(module_database, definition, day(2)) == {0: 2.0, 1: 3.0}


def test_what_a_later_poll_saw_again_is_known_from_it_though_the_day_before_ended_otherwise(module_database: Database) -> None:
    definition = vintaged()
    polled(module_database, definition, hour(9, 0), {0: 2.0})
    assert polled(module_database, definition, hour(7, 1), {0: 2.0}).batch_id is None
    all_vintages(module_database, definition, [{0: 1.0}] * 3)
    found = [known(module_database, definition, at) for at in (hour(9, 0), day(1), hour(7, 1), day(2))]
    assert found == [{0: 2.0}, {0: 1.0}, {0: 2.0}, {0: 1.0}]


def test_bytes_that_came_twice_are_parsed_again_for_each_of_their_fetches(module_database: Database, model: Database) -> None:
    definition, same, other = vintaged(), brought(module_database, hour(9, 0)), brought(module_database, hour(9, 1))

    def shown(store: Database, factor: float = 1.0) -> None:
        for number, (payload, value) in enumerate(((same, 1.0), (other, 2.0), (same, 1.0))):
            polled(store, definition, hour(9, number), {0: value * factor}, payload=payload)

    shown(module_database, 10.0)
    read_again(module_database, model, definition, [shown])
    assert [known(module_database, definition, day(number + 1)) for number in range(3)] == [{0: 1.0}, {0: 2.0}, {0: 1.0}]


def test_what_is_said_again_for_a_late_answer_is_the_sources_word_and_no_correction_of_ours(module_database: Database) -> None:
    definition = vintaged()
    polled(module_database, definition, hour(9, 0), {0: 1.0})
    correction = rows([5.0]).with_columns(knowledge_time=pl.lit(hour(9, 0)).cast(pl.Datetime("us", "UTC")))
    write(module_database, definition, correction, BatchKind.CORRECTION)
    polled(module_database, definition, hour(9, 2), {0: 1.0})
    assert known(module_database, definition, day(3)) == {0: 5.0}, "a correction stands until the source says something else"
    polled(module_database, definition, hour(9, 1), {0: 2.0})
    assert [known(module_database, definition, hour(10, number)) for number in range(3)] == [{0: 5.0}, {0: 2.0}, {0: 1.0}]
    assert polled(module_database, definition, hour(9, 2), {0: 1.0}).batch_id is None


@pytest.mark.parametrize("first", [True, False])
def test_the_vintages_of_an_answer_say_how_their_days_ended_though_it_does_not_tell_the_whole(
    module_database: Database, *, first: bool
) -> None:
    """As an answer of first releases does."""
    definition = vintaged()
    table = table_of([(0, hour(RELEASE, 1), 2.0, False)], vintages=True)

    def releases() -> None:
        append(
            module_database,
            [Delivery(definition=definition, rows=table, fetched_at=LONG_AFTER)],
            BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE),
        )

    if first:
        releases()
    polled(module_database, definition, hour(9, 1), {0: 1.0})
    if not first:
        releases()
    assert known(module_database, definition, hour(9, 1)) == {0: 1.0}
    assert known(module_database, definition, day(2)) == {0: 2.0}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("clipped", [True, False])
@pytest.mark.parametrize("fetched", [hour(15, 1), LONG_AFTER], ids=["the same day", "long after"])
def test_a_period_that_an_earlier_answer_of_the_day_left_out_is_known_from_the_answer_that_shows_it(
    module_database: Database, order: tuple[int, int], clipped: bool, fetched: datetime
) -> None:
    definition = vintaged()

    def vintage_of_the_day() -> Receipt:
        table = table_of([(1, hour(RELEASE, 1), 2.0, clipped)], vintages=True)
        told = extent(fetched if fetched < day(2) else day(2))
        return gave(database, definition, table, fetched, told, payloads[1])

    database, payloads = module_database, [brought(module_database, hour(9, 1)), brought(module_database, fetched)]
    answers = [lambda: polled(database, definition, hour(9, 1), {0: 1.0}, payload=payloads[0]), vintage_of_the_day]
    for number in order:
        answers[number]()
    assert known(database, definition, hour(9, 1)) == {0: 1.0}
    assert known(database, definition, min(fetched, day(2))) == {1: 2.0}
    assert [answer().batch_id for answer in answers] == [None, None]


def test_an_answer_that_is_parsed_again_says_again_how_days_ended(module_database: Database, model: Database) -> None:
    definition, poll, payload = vintaged(), brought(module_database, hour(9, 1)), brought(module_database, LONG_AFTER)

    def shown(store: Database, ends: Sequence[Values]) -> None:
        polled(store, definition, hour(9, 1), {0: 1.0}, payload=poll)
        all_vintages(store, definition, ends, payload=payload)

    ends: list[Values] = [{0: 3.0}, {0: 2.0}]
    shown(module_database, ends)
    assert read_again(module_database, model, definition, [partial(shown, ends=ends)]).batches == []
    for mended in ([{0: 3.0}, {0: 20.0}], [{0: 3.0}, {0: 1.0}], ends):
        read_again(module_database, model, definition, [partial(shown, ends=mended)])
        assert [known(module_database, definition, at) for at in (hour(9, 1), day(2))] == [{0: 1.0}, mended[1]]


def test_a_correction_of_what_was_seen_while_a_day_ran_stands_when_the_day_ended_with_that(module_database: Database) -> None:
    definition = vintaged()
    polled(module_database, definition, hour(9, 0), {0: 1.0})
    correction = rows([5.0]).with_columns(knowledge_time=pl.lit(hour(9, 0)).cast(pl.Datetime("us", "UTC")))
    write(module_database, definition, correction, BatchKind.CORRECTION)
    all_vintages(module_database, definition, [{0: 1.0}])
    assert known(module_database, definition, day(3)) == {0: 5.0}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_an_answer_of_a_running_day_shows_is_known_from_its_fetch_whatever_was_seen_before_on_that_day(
    module_database: Database, order: tuple[int, int]
) -> None:
    definition, payload = vintaged(), brought(module_database, hour(15, 1))

    def vintage_of_the_day() -> Receipt:
        table = table_of([(0, hour(RELEASE, 1), 2.0, False)], vintages=True)
        return gave(module_database, definition, table, hour(15, 1), extent(hour(15, 1)), payload)

    for number in order:
        if number:
            vintage_of_the_day()
        else:
            polled(module_database, definition, hour(9, 1), {0: 1.0})
    for _ in range(2):
        assert [known(module_database, definition, hour(at, 1)) for at in (9, 14, 15)] == [{0: 1.0}, {0: 1.0}, {0: 2.0}]
        assert vintage_of_the_day().batch_id is None


def test_what_was_seen_while_a_day_ran_and_annulled_does_not_come_back_when_the_day_ended_with_that(module_database: Database) -> None:
    definition = vintaged()
    polled(module_database, definition, hour(9, 0), {0: 1.0})
    polled(module_database, definition, hour(10, 0), {0: 2.0})
    annulment = rows([None], state="annulled").with_columns(knowledge_time=pl.lit(hour(10, 0)).cast(pl.Datetime("us", "UTC")))
    write(module_database, definition, annulment, BatchKind.ANNUL)
    all_vintages(module_database, definition, [{0: 2.0}])
    assert [known(module_database, definition, at) for at in (hour(8, 0), hour(9, 0), day(1))] == [{0: 2.0}, {0: 1.0}, {0: 1.0}]


def test_what_days_ended_with_is_said_of_what_another_published_meanwhile(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of later is compared, a poll of a day that ran is published, and then the answer: as if it had come after the poll."""
    raced, after = vintaged(), vintaged()
    table = table_of([(0, hour(RELEASE, 1), 1.0, False)], vintages=True)

    def told(definition: DatasetDefinition, shown: pl.DataFrame, fetched: datetime) -> None:
        note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, reason=None, payloads=[brought(module_database, fetched)])
        append(module_database, [Delivery(definition=definition, rows=shown, fetched_at=fetched)], note)

    def seen(definition: DatasetDefinition) -> None:
        told(definition, table_of([(0, hour(RELEASE + 2, 1), 2.0, True)], vintages=False), hour(RELEASE + 2, 1))

    @contextmanager
    def after_the_poll(*given: Any) -> Iterator[Any]:
        monkeypatch.undo()
        seen(raced)
        with publication(*given) as batch:
            yield batch

    monkeypatch.setattr("crfs.store.append.publication", after_the_poll)
    told(raced, table, LONG_AFTER)
    seen(after)
    told(after, table, LONG_AFTER)
    moments = [hour(RELEASE, 1), hour(RELEASE + 2, 1), day(2), day(3)]
    assert [known(module_database, raced, at) for at in moments] == [known(module_database, after, at) for at in moments]
    assert known(module_database, raced, day(3)) == {0: 1.0}
