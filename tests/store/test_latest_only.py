"""Sources that show only the latest values: a period is known from its rule's time first, a changed value from the fetch that saw it."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import Conflict
from crfs.store import comparison, latest_only
from crfs.store.append import Delivery, Receipt, append
from crfs.store.database import Database
from crfs.store.publication import BatchKind, BatchNote
from crfs.store.restating import Restated
from tests.store.deliveries import NOW, SOURCE, brought, dataset, day, rows, sightings, stored, write
from tests.store.keeping import landed
from tests.store.rereading import Step, read_again
from tests.thorough import cases


def polled(
    database: Database,
    definition: object,
    values: list[float | None],
    fetched: datetime,
    *,
    sha: str = "",
) -> Receipt:
    """An answer fetched then, with a value a period; the rule says that a period's value was out ten days after."""
    count = len(values)
    table = rows(values, valid=list(range(count)), known=[10 + number for number in range(count)], knowledge_basis=["calendar"] * count)
    table = table.with_columns(row_state=pl.when(pl.col("value").is_null()).then(pl.lit("missing")).otherwise(pl.lit("value")))
    note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads={sha: [definition.name]} if sha else ())  # type: ignore[attr-defined]
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


@cases(3)
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


def test_a_mended_parser_keeps_the_first_times_and_annuls_what_is_no_longer_said(module_database: Database, model: Database) -> None:
    definition = dataset()
    first, second = landed(module_database, b"first", fetched_at=day(100)), landed(module_database, b"second", fetched_at=day(200))
    polled(module_database, definition, [10.0, 20.0, 99.0], day(100), sha=first)
    polled(module_database, definition, [10.0, 25.0], day(200), sha=second)
    mended: list[Step] = [
        lambda store: polled(store, definition, [1.0, 2.0], day(100), sha=first),
        lambda store: polled(store, definition, [1.0, 2.5], day(200), sha=second),
    ]
    restated = read_again(module_database, model, definition, mended)
    assert restated.appended == {definition.name: 4}
    assert len(restated.batches) == 2, "one for each payload"
    found = stored(module_database, definition, columns="valid_time, knowledge_time, batch_id, row_state, value")
    last = {((v - day(0)).days, (k - day(0)).days): (state, value) for v, k, _, state, value in sorted(found, key=lambda row: row[2])}
    assert last == {(0, 10): (0, 1.0), (1, 11): (0, 2.0), (1, 200): (0, 2.5), (2, 12): (3, None)}
    assert read_again(module_database, model, definition, mended).batches == []


def test_a_mended_parser_that_makes_nothing_of_a_payload_annuls_all_of_it(module_database: Database, model: Database) -> None:
    definition = dataset()
    sha = landed(module_database, b"nothing", fetched_at=day(100))
    polled(module_database, definition, [1.0], day(100), sha=sha)
    read_again(module_database, model, definition, [])
    assert [row[0] for row in stored(module_database, definition, columns="row_state")] == [0, 3]


def test_an_edited_text_keeps_the_time_of_its_first_version_and_the_edit_is_known_from_its_fetch(module_database: Database) -> None:
    definition = dataset()

    def seen(value: float, fetched: datetime) -> Receipt:
        return append(
            module_database,
            [Delivery(definition=definition, rows=rows([value], known=5), fetched_at=fetched)],
            BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE),
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
        return append(module_database, [delivery], BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE))

    seen(both, 10)
    assert [seen(both, fetched).batch_id for fetched in (20, 30, 40)] == [None] * 3
    seen(edited, 50)
    assert seen(edited, 60).batch_id is None
    assert told(module_database, definition) == [(0, 5, 1.0), (0, 8, 2.0), (0, 50, 2.5)]


def test_what_was_annulled_does_not_come_back_by_being_fetched_again(module_database: Database) -> None:
    definition = dataset()
    seen = Delivery(definition=definition, rows=rows([1.0], known=5), fetched_at=day(10))
    append(module_database, [seen], BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE))
    write(module_database, definition, rows([None], known=5, state="annulled"), BatchKind.ANNUL)
    again = Delivery(definition=definition, rows=rows([1.0], known=5), fetched_at=day(20))
    assert append(module_database, [again], BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE)).batch_id is None


Said = list[tuple[int, float | None]]
"""What an answer says of the one period: from when each value is known, and the value."""


def seen(
    database: Database, definition: object, said: Said, fetched: int, *, basis: str = "observed", payloads: tuple[str, ...] = ()
) -> Receipt:
    """An answer fetched then that says several things of one period, known one after the other."""
    table = rows([value for _, value in said], valid=0, known=[known for known, _ in said], knowledge_basis=[basis] * len(said))
    note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads=payloads)
    return append(database, [Delivery(definition=definition, rows=table, fetched_at=day(fetched))], note)  # type: ignore[arg-type]


def known_at(database: Database, definition: object, moment: int, *, period: int = 0) -> float | None:
    """The value of a period as it was known then: a ``missing`` row is no candidate, a ``retracted`` one answers that there is none."""
    found = stored(database, definition, columns="valid_time, knowledge_time, batch_id, row_state, value")  # type: ignore[arg-type]
    of_it = sorted((row[1:] for row in found if row[0] == day(period)), key=lambda row: row[1])
    last = {known: (state, value) for known, _, state, value in of_it}
    standing = [(known, value) for known, (state, value) in last.items() if state in (0, 2) and known <= day(moment)]
    value: float | None = max(standing, default=(None, None))[1]
    return value


@pytest.mark.parametrize(
    "said",
    [
        [(10, 1.0), (14, 2.0)],
        [(10, 1.0), (12, 9.9), (14, 2.0)],
        [(10, 1.0), (12, 1.5), (14, 2.0)],
        [(12, 1.5), (14, 2.0)],
        [(10, 1.0), (11, 2.0)],
        [(10, 2.0)],
    ],
    ids=["one is dropped", "one is edited", "one is added", "the first is dropped", "the last is older", "all but the first are dropped"],
)
def test_the_last_that_an_answer_says_of_a_period_is_what_is_known_from_then_on(module_database: Database, said: Said) -> None:
    definition = dataset()
    seen(module_database, definition, [(10, 1.0), (12, 1.5)], 13)
    seen(module_database, definition, said, 20)
    assert known_at(module_database, definition, 20) == 2.0
    assert [known_at(module_database, definition, moment) for moment in (11, 13)] == [1.0, 1.5]
    assert seen(module_database, definition, said, 20).batch_id is None, "twice is once"
    assert seen(module_database, definition, said, 21).batch_id is None


@pytest.mark.parametrize("basis", ["calendar", "observed"])
def test_an_older_fetch_that_comes_late_does_not_win_over_the_newer_one(module_database: Database, basis: str) -> None:
    definition = dataset()
    seen(module_database, definition, [(40, 2.0)], 60, basis=basis)
    seen(module_database, definition, [(40, 1.0)], 50, basis=basis)
    assert [known_at(module_database, definition, moment) for moment in (40, 49, 50, 59, 60, 70)] == [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]
    for value, fetched in ((1.0, 50), (2.0, 60), (1.0, 55), (2.0, 65)):
        assert seen(module_database, definition, [(40, value)], fetched, basis=basis).batch_id is None


def test_which_fetch_was_the_first_of_a_period_may_turn_out_late_and_more_than_once(module_database: Database) -> None:
    definition = dataset()
    for fetched, value in ((60, 2.0), (50, 2.0), (55, 1.0), (45, 0.5)):
        seen(module_database, definition, [(40, value)], fetched, basis="calendar")
    expected = {40: 0.5, 49: 0.5, 50: 2.0, 54: 2.0, 55: 1.0, 59: 1.0, 60: 2.0}
    assert {moment: known_at(module_database, definition, moment) for moment in expected} == expected


def test_a_corrected_value_stands_though_an_older_fetch_comes_late(module_database: Database) -> None:
    definition = dataset()
    seen(module_database, definition, [(40, 2.0)], 60, basis="calendar")
    write(module_database, definition, rows([2.5], known=40), BatchKind.CORRECTION)
    seen(module_database, definition, [(40, 2.0)], 50, basis="calendar")
    assert [known_at(module_database, definition, moment) for moment in (40, 50, 60)] == [2.5] * 3


def test_parsed_again_answers_that_came_out_of_order_say_what_they_said(module_database: Database, model: Database) -> None:
    definition = dataset()
    new, old = landed(module_database, b"the new", fetched_at=day(60)), landed(module_database, b"the old", fetched_at=day(50))

    def parsed(store: Database, scale: float = 1.0) -> None:
        for sha, fetched, value in ((new, 60, 2.0), (old, 50, 1.0)):
            table = rows([value * scale], valid=0, known=40, knowledge_basis=["calendar"])
            note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads=(sha,))
            append(store, [Delivery(definition=definition, rows=table, fetched_at=day(fetched))], note)

    parsed(module_database)
    for scale in (1.0, 10.0):
        read_again(module_database, model, definition, [partial(parsed, scale=scale)])
        expected = [1.0 * scale, 1.0 * scale, 2.0 * scale, 2.0 * scale]
        assert [known_at(module_database, definition, moment) for moment in (40, 59, 60, 70)] == expected


@pytest.mark.parametrize("same_bytes", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_answer_that_brought_no_news_is_not_forgotten_when_an_older_one_comes_late(
    module_database: Database, order: tuple[int, ...], same_bytes: bool
) -> None:
    """June 1, July 2, August 1 again, in any order of ingestion, as bytes of their own or June's again."""
    definition = dataset()
    answers = [(50, 1.0, b"june"), (60, 2.0, b"july"), (70, 1.0, b"june" if same_bytes else b"august")]
    for number in order:
        fetched, value, body = answers[number]
        sha = landed(module_database, body, fetched_at=day(fetched))
        seen(module_database, definition, [(40, value)], fetched, basis="calendar", payloads=(sha,))
    expected = {40: 1.0, 50: 1.0, 59: 1.0, 60: 2.0, 69: 2.0, 70: 1.0, 90: 1.0}
    assert {moment: known_at(module_database, definition, moment) for moment in expected} == expected


@cases(3)
@given(
    answers=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(1, 9), st.sampled_from([1.0, 2.0, None])), min_size=1, max_size=4, unique_by=lambda row: row[0]),
            st.sampled_from(["observed", "calendar"]),
        ),
        min_size=1,
        max_size=6,
    ),
    data=st.data(),
)
def test_whatever_the_order_a_fetch_that_brought_news_can_be_asked_for_what_it_saw(
    module_database: Database, answers: list[tuple[Said, str]], data: st.DataObject
) -> None:
    definition = dataset()
    # A rule dates a period once.
    fetches = {100 + number: (sorted(said)[-1 if basis == "calendar" else 0 :], basis) for number, (said, basis) in enumerate(answers)}
    payloads = {fetched: brought(module_database, day(fetched)) for fetched in fetches}
    news, ingested = [], []
    for fetched in (order := data.draw(st.permutations(list(fetches)))):
        said, basis = fetches[fetched]
        table = rows([value for _, value in said], valid=0, known=[known for known, _ in said], knowledge_basis=[basis] * len(said))
        table = table.with_columns(row_state=pl.when(pl.col("value").is_null()).then(pl.lit("missing")).otherwise(pl.lit("value")))
        delivery = Delivery(definition=definition, rows=table, fetched_at=day(fetched))
        note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads=(payloads[fetched],))
        receipt, noted = append(module_database, [delivery], note), sightings(module_database, definition)
        assert append(module_database, [delivery], note).batch_id is None, "twice is once"
        assert sightings(module_database, definition) == noted, "and notes nothing"
        news += [fetched] if receipt.batch_id is not None else []
        ingested.append(fetched)
        # A time of publication that a source gives may lie before an earlier fetch; a rule's may not.
        ruled = all(basis == "calendar" for _, basis in fetches.values())
        for moment in ingested if ruled else news and [max(news)]:
            assert known_at(module_database, definition, moment) == fetches[moment][0][-1][1], (order, fetched, moment)


@cases(3)
@given(values=st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=5), rule=st.sampled_from([40, 115]), data=st.data())
def test_whatever_the_order_the_rule_dates_what_the_first_fetch_saw(
    module_database: Database, values: list[float], rule: int, data: st.DataObject
) -> None:
    """Also where the provider publishes before the rule supposes: nothing is known later than it was fetched."""
    definition = dataset()
    ingested: list[int] = []
    for number in data.draw(st.permutations(range(len(values)))):
        fetched = 100 + 10 * number
        basis = "calendar" if rule <= fetched else "observed"
        receipt = seen(module_database, definition, [(min(rule, fetched), values[number])], fetched, basis=basis)
        assert seen(module_database, definition, [(min(rule, fetched), values[number])], fetched, basis=basis).batch_id is None, receipt
        ingested.append(number)
        assert known_at(module_database, definition, min(rule, 100 + 10 * min(ingested))) == values[min(ingested)]
        for one in ingested:
            assert known_at(module_database, definition, 100 + 10 * one) == values[one]
            assert known_at(module_database, definition, 109 + 10 * one) == values[one]


@pytest.mark.parametrize("basis", ["calendar", "observed"])
def test_a_correction_stands_until_the_source_says_something_else(module_database: Database, basis: str) -> None:
    definition = dataset()
    seen(module_database, definition, [(5, 1.0)], 10, basis=basis)
    write(module_database, definition, rows([2.0], known=5), BatchKind.CORRECTION)
    assert [seen(module_database, definition, [(5, 1.0)], fetched, basis=basis).batch_id for fetched in (10, 20, 30)] == [None] * 3
    assert known_at(module_database, definition, 30) == 2.0
    assert seen(module_database, definition, [(5, 3.0)], 40, basis=basis).batch_id is not None
    assert (known_at(module_database, definition, 39), known_at(module_database, definition, 40)) == (2.0, 3.0)
    assert seen(module_database, definition, [(5, 1.0)], 50, basis=basis).batch_id is not None, "its first word again is news by now"
    assert known_at(module_database, definition, 50) == 1.0


def test_a_source_that_comes_to_say_what_we_corrected_may_take_it_back(module_database: Database) -> None:
    definition = dataset()
    seen(module_database, definition, [(5, 1.0)], 10)
    write(module_database, definition, rows([2.0], known=5), BatchKind.CORRECTION)
    seen(module_database, definition, [(5, 2.0)], 20)
    seen(module_database, definition, [(5, 1.0)], 30)
    assert [known_at(module_database, definition, moment) for moment in (10, 20, 30)] == [2.0, 2.0, 1.0]


@pytest.mark.parametrize("basis", ["calendar", "observed"])
def test_what_was_annulled_stays_so_until_the_source_says_something_else(module_database: Database, basis: str) -> None:
    definition = dataset()
    seen(module_database, definition, [(5, 1.0)], 10, basis=basis)
    seen(module_database, definition, [(5, 2.0)], 20, basis=basis)
    write(module_database, definition, rows([None], known=20, state="annulled"), BatchKind.ANNUL)
    assert [seen(module_database, definition, [(5, 2.0)], fetched, basis=basis).batch_id for fetched in (20, 30)] == [None] * 2
    assert known_at(module_database, definition, 30) == 1.0
    seen(module_database, definition, [(5, 3.0)], 40, basis=basis)
    assert known_at(module_database, definition, 40) == 3.0
    write(module_database, definition, rows([None, None], known=[5, 40], state="annulled"), BatchKind.ANNUL)
    assert seen(module_database, definition, [(5, 3.0)], 50, basis=basis).batch_id is None
    # With another rule the same value is known from another time: that is how a wrong knowledge time is mended.
    assert seen(module_database, definition, [(7, 3.0)], 60, basis=basis).batch_id is not None
    assert known_at(module_database, definition, 8) == 3.0


def test_writers_of_the_same_answers_in_other_orders_at_the_same_time_agree(module_database: Database, model: Database) -> None:
    answers = [(50, 1.0), (60, 2.0), (70, 1.0), (80, 3.0)]
    for number in range(6):
        definition = dataset()
        orders = [random.Random(10 * number + writer).sample(answers, len(answers)) for writer in range(3)]

        def write_all(order: list[tuple[int, float]], definition: object = definition) -> None:
            for fetched, value in order:
                seen(module_database, definition, [(40, value)], fetched, basis="calendar")

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write_all, orders))
        assert [known_at(module_database, definition, moment) for moment in (40, 55, 65, 75, 85)] == [1.0, 1.0, 2.0, 1.0, 3.0]


def test_what_is_noted_while_an_answer_is_compared_is_seen_by_all_of_the_comparison_or_by_none(
    module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = dataset()
    seen(module_database, definition, [(40, 2.0)], 60, basis="calendar")
    settle = latest_only.forget_what_was_said

    def overtaken(*arguments: Any) -> None:
        """An earlier fetch that says nothing new is noted in the midst of it: now it is the first that showed the period."""
        monkeypatch.setattr(comparison, "forget_what_was_said", settle)
        assert seen(module_database, definition, [(40, 2.0)], 45, basis="calendar").batch_id is None
        settle(*arguments)

    monkeypatch.setattr(comparison, "forget_what_was_said", overtaken)
    seen(module_database, definition, [(40, 1.0)], 50, basis="calendar")
    assert [known_at(module_database, definition, moment) for moment in (40, 49, 50, 59, 60)] == [2.0, 2.0, 1.0, 1.0, 2.0]


Shown = dict[int, float | None]
"""What a fetch shows: of each period (not all of them) a value, or that there is none."""
RULE = 40


class Polled:
    """A source that shows the latest values, and whose answers are ingested in any order, more than once, and parsed again."""

    def __init__(self, database: Database, fetches: dict[int, Shown], *, rule: int = RULE) -> None:
        self.database, self.fetches, self.rule, self.definition = database, fetches, rule, dataset()
        self.done: set[int] = set()
        self.steps: list[Step] = []
        self.payloads = {
            fetched: landed(database, repr(sorted(shown.items())).encode(), fetched_at=day(fetched)) for fetched, shown in fetches.items()
        }

    def ingest(self, fetched: int) -> Receipt:
        """The answer of a fetch, or, where the provider publishes before the rule supposes, what was known by then."""
        self.done.add(fetched)
        self.steps.append(lambda store: self.take_in(store, fetched))
        return self.take_in(self.database, fetched)

    def take_in(self, store: Database, fetched: int) -> Receipt:
        """The same, as it is read now, into any store."""
        shown = self.fetches[fetched]
        known, basis = (self.rule, "calendar") if self.rule <= fetched else (fetched, "observed")
        count = len(shown)
        table = rows(list(shown.values()), valid=list(shown), known=[known] * count, knowledge_basis=[basis] * count)
        table = table.with_columns(row_state=pl.when(pl.col("value").is_null()).then(pl.lit("missing")).otherwise(pl.lit("value")))
        table = table.with_columns(clipped=pl.lit(basis == "observed"))
        note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads={self.payloads[fetched]: [self.definition.name]})
        return append(store, [Delivery(definition=self.definition, rows=table, fetched_at=day(fetched))], note)

    def amended(self, kind: BatchKind, value: float | None, *, known: int, period: int = 0) -> None:
        table = rows([value], valid=period, known=known, state="annulled" if value is None else "value")
        self.steps.append(lambda store: write(store, self.definition, table, kind))
        write(self.database, self.definition, table, kind)

    def read_again(self, model: Database) -> Restated:
        """All that was taken in, as it is read now."""
        return read_again(self.database, model, self.definition, self.steps)

    def known(self, *moments: int) -> list[float | None]:
        """What was known of the first period then."""
        return [known_at(self.database, self.definition, moment) for moment in moments]

    def check(self) -> None:
        """Known is what the latest of the ingested fetches showed of a period; from the rule's time to the first of them what that one showed."""
        for period in range(3):
            showing = sorted(fetched for fetched in self.done if period in self.fetches[fetched])
            if not showing:
                assert known_at(self.database, self.definition, 900, period=period) is None
                continue
            ends = [*(later - 1 for later in showing[1:]), showing[-1] + 500]
            first = min(self.rule, showing[0])
            for fetched, begin, end in zip(showing, [first, *showing[1:]], ends, strict=True):
                expected = self.fetches[fetched][period]
                for moment in {begin, max(begin, fetched), end}:
                    assert known_at(self.database, self.definition, moment, period=period) == expected, (period, fetched, moment, self.done)
            assert known_at(self.database, self.definition, first - 1, period=period) is None


@cases(3)
@given(
    shown=st.lists(st.dictionaries(st.integers(0, 1), st.sampled_from([None, None, 1.0, 2.0]), min_size=1), min_size=1, max_size=6),
    rule=st.sampled_from([RULE, 115]),
    data=st.data(),
)
def test_whatever_the_order_a_period_shown_with_none_has_no_value_until_it_is_shown_with_one(
    module_database: Database, model: Database, shown: list[Shown], rule: int, data: st.DataObject
) -> None:
    source = Polled(module_database, {100 + 10 * number: what for number, what in enumerate(shown)}, rule=rule)
    for fetched in data.draw(st.permutations(list(source.fetches))):
        source.ingest(fetched)
        source.check()
        assert source.ingest(data.draw(st.sampled_from(sorted(source.done)))).batch_id is None, "twice is once"
    before = stored(module_database, source.definition)
    assert source.read_again(model).batches == [], "parsed again it says what it said"
    assert stored(module_database, source.definition) == before


@pytest.mark.parametrize("order", list(itertools.permutations((100, 110, 120, 130))))
def test_a_withdrawn_value_is_retracted_and_may_come_back_in_any_order(module_database: Database, order: tuple[int, ...]) -> None:
    source = Polled(module_database, {100: {0: 1.0}, 110: {0: None}, 120: {0: None}, 130: {0: 1.0}})
    for fetched in order:
        source.ingest(fetched)
    assert source.known(RULE, 109, 110, 129, 130) == [1.0, 1.0, None, None, 1.0]
    found = stored(module_database, source.definition, columns="knowledge_time, batch_id, row_state")
    last = {(known - day(0)).days: state for known, _, state in found}
    assert last[110] == 2, "retracted"
    assert 1 not in last.values(), "nothing is merely missing"


def test_what_never_had_a_value_stays_missing(module_database: Database) -> None:
    source = Polled(module_database, {100: {0: None}, 110: {0: None}})
    assert [source.ingest(110).batch_id is None, source.ingest(100).batch_id is None] == [False, True]
    assert [state for (state,) in stored(module_database, source.definition, columns="row_state")] == [1]


@pytest.mark.parametrize("order", [(100, 110), (110, 100)])
def test_a_none_after_a_corrected_value_withdraws_it_and_a_correction_of_a_none_stands(
    module_database: Database, order: tuple[int, int]
) -> None:
    source = Polled(module_database, {100: {0: 1.0}, 110: {0: None}, 120: {0: None}})
    for fetched in order:
        source.ingest(fetched)
    source.amended(BatchKind.CORRECTION, 2.0, known=RULE)
    assert source.known(RULE, 109, 110) == [2.0, 2.0, None]
    source.amended(BatchKind.CORRECTION, 3.0, known=110)
    assert source.ingest(120).batch_id is None, "the source says what it said"
    assert source.known(109, 110, 120) == [2.0, 3.0, 3.0]


def test_a_none_withdraws_what_is_known_though_what_the_source_said_last_was_annulled(module_database: Database) -> None:
    source = Polled(module_database, {100: {0: 1.0}, 110: {0: 2.0}, 120: {0: None}})
    for fetched in (100, 110):
        source.ingest(fetched)
    source.amended(BatchKind.ANNUL, None, known=110)
    source.ingest(120)
    assert source.known(RULE, 119, 120) == [1.0, 1.0, None]


def test_a_withdrawal_that_was_annulled_stays_so_when_an_older_value_comes_late(module_database: Database) -> None:
    source = Polled(module_database, {100: {0: 1.0}, 110: {0: 2.0}, 120: {0: None}})
    for fetched in (100, 120):
        source.ingest(fetched)
    source.amended(BatchKind.ANNUL, None, known=120)
    source.ingest(110)
    assert source.known(109, 110, 120, 130) == [1.0, 2.0, 2.0, 2.0]


def test_a_mended_parser_that_makes_a_value_of_an_older_answer_finds_it_withdrawn_by_the_newer_one(
    module_database: Database, model: Database
) -> None:
    definition = dataset()
    sha = landed(module_database, b"of the fifth day", fetched_at=day(6))

    def published(store: Database, value: float | None, known: int, payloads: tuple[str, ...] = ()) -> None:
        table = rows([value], known=known, state="value" if value is not None else "missing")
        note = BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE, payloads=payloads)
        append(store, [Delivery(definition=definition, rows=table, fetched_at=day(known + 1))], note)

    published(module_database, None, 5, payloads=(sha,))
    published(module_database, None, 8)
    steps: list[Step] = [lambda store: published(store, 3.0, 5, (sha,)), lambda store: published(store, None, 8)]
    read_again(module_database, model, definition, steps)
    assert [known_at(module_database, definition, moment) for moment in (5, 7, 8)] == [3.0, 3.0, None]


def test_an_answer_that_tells_a_withdrawal_itself_is_no_other_than_one_after_the_other(module_database: Database) -> None:
    definition = dataset()
    table = rows([1.0, None], valid=0, known=[5, 8]).with_columns(row_state=pl.Series(["value", "missing"]))
    for fetched in (10, 20):
        append(
            module_database,
            [Delivery(definition=definition, rows=table, fetched_at=day(fetched))],
            BatchNote(kind=BatchKind.INGEST, at=NOW, source=SOURCE),
        )
    assert [known_at(module_database, definition, moment) for moment in (5, 7, 8, 20)] == [1.0, 1.0, None, None]
    assert [state for (state,) in stored(module_database, definition, columns="row_state")] == [0, 2]


class Amended(Polled):
    """A polled source, and what somebody made of its rows at random keys: the word stands beside that, and decides what is news."""

    def __init__(self, database: Database, fetches: dict[int, Shown], *, rule: int) -> None:
        super().__init__(database, fetches, rule=rule)
        self.held: dict[tuple[int, int], float | None] = {}
        self.made: dict[tuple[int, int], float | None] = {}

    def look(self) -> list[tuple[int, int]]:
        """The keys that the store holds, (period, known from): some say again what was known, since a poll between them came in late."""
        found = stored(self.database, self.definition, columns="valid_time, knowledge_time, batch_id, row_state, value")
        last = {((v - day(0)).days, (k - day(0)).days): (state, value) for v, k, _, state, value in sorted(found, key=lambda row: row[2])}
        self.held |= {key: value for key, (state, value) in last.items() if state in (0, 2) and key not in self.made}
        return sorted(key for key, (state, _) in last.items() if state != 3)

    def make(self, key: tuple[int, int], value: float | None) -> None:
        self.amended(BatchKind.ANNUL if value is None else BatchKind.CORRECTION, value, known=key[1], period=key[0])
        self.made[key] = value

    def moments(self) -> list[int]:
        return sorted({moment for known in (self.rule, *self.fetches) for moment in (known - 1, known, known + 1)})

    def expected(self, period: int, moment: int) -> float | None:
        """What the source's word says: known from the fetch that showed it (the first: from the rule's time), unless amended at that key."""
        words: dict[int, float | None] = {}
        for fetched in sorted(self.done):
            if period in self.fetches[fetched]:
                value = self.fetches[fetched][period]
                if not words or words[max(words)] != value:
                    words[fetched if words else min(self.rule, fetched)] = value
        words |= {known: value for (of, known), value in self.held.items() if of == period}
        words |= {known: value for (of, known), value in self.made.items() if of == period}
        standing = [known for known in words if known <= moment and self.made.get((period, known), 0.0) is not None]
        return words[max(standing)] if standing else None

    def check_that_nothing_is_known_before_it_was_shown(self) -> None:
        for period in (0, 1):
            showing = sorted(fetched for fetched in self.done if period in self.fetches[fetched])
            for moment in self.moments():
                known = known_at(self.database, self.definition, moment, period=period)
                shown = {self.fetches[fetched][period] for fetched in showing if fetched <= moment}
                shown |= {self.fetches[fetched][period] for fetched in showing[:1] if self.rule <= moment}
                assert known in {None, *shown, *self.made.values()}, (period, moment, known, self.made, sorted(self.done))


@st.composite
def amended_histories(draw: st.DrawFn) -> tuple[dict[int, Shown], int]:
    shown = draw(st.lists(st.dictionaries(st.integers(0, 1), st.sampled_from([None, 1.0, 2.0, 3.0]), min_size=1), min_size=1, max_size=6))
    return {100 + 10 * number: what for number, what in enumerate(shown)}, draw(st.sampled_from([RULE, 105, 115, 125]))


@cases(3)
@given(history=amended_histories(), data=st.data())
def test_an_amendment_of_any_key_stands_until_the_word_of_the_source_changes_whatever_the_order_and_the_rule(
    module_database: Database, model: Database, history: tuple[dict[int, Shown], int], data: st.DataObject
) -> None:
    source = Amended(module_database, history[0], rule=history[1])
    count = data.draw(st.integers(1, len(source.fetches)))
    early, later = sorted(source.fetches)[:count], sorted(source.fetches)[count:]
    for fetched in data.draw(st.permutations(early)):
        source.ingest(fetched)
    for key in source.look():
        how = data.draw(st.sampled_from(["as it is", "annul", "correct"]))
        if how != "as it is":
            source.make(key, None if how == "annul" else 7.0)
    for part in ([], later):
        for fetched in data.draw(st.permutations(part)):
            source.ingest(fetched)
        for fetched in data.draw(st.permutations(sorted(source.done))):
            assert source.ingest(fetched).batch_id is None, "resent it says what it said"
        for period in (0, 1):
            for moment in source.moments():
                known = known_at(module_database, source.definition, moment, period=period)
                assert known == source.expected(period, moment), (period, moment, source.made, source.done)
        source.check_that_nothing_is_known_before_it_was_shown()
    assert source.read_again(model).batches == [], "parsed again it says what it said"


@cases(3)
@given(history=amended_histories(), data=st.data())
def test_however_late_a_poll_comes_in_after_amendments_nothing_is_known_before_it_was_shown(
    module_database: Database, model: Database, history: tuple[dict[int, Shown], int], data: st.DataObject
) -> None:
    source = Amended(module_database, history[0], rule=history[1])
    for fetched in data.draw(st.permutations(sorted(source.fetches))):
        source.ingest(fetched)
        source.check_that_nothing_is_known_before_it_was_shown()
        amends = data.draw(st.booleans())
        if (free := [key for key in source.look() if key not in source.made]) and amends:
            source.make(data.draw(st.sampled_from(free)), data.draw(st.sampled_from([None, 7.0])))
        assert source.ingest(data.draw(st.sampled_from(sorted(source.done)))).batch_id is None, "resent it says what it said"
    assert source.read_again(model).batches == [], "parsed again it says what it said"
    source.check_that_nothing_is_known_before_it_was_shown()


def test_the_annulment_of_a_poll_before_the_rule_stands_until_the_word_changes_and_the_change_is_known_from_its_fetch(
    module_database: Database,
) -> None:
    source = Polled(module_database, {104: {0: 2.0}, 132: {0: 2.0}, 166: {0: 3.0}, 197: {0: 2.0}}, rule=110)
    source.ingest(104)
    source.amended(BatchKind.ANNUL, None, known=104)
    assert source.ingest(132).batch_id is None
    for fetched in (166, 197):
        source.ingest(fetched)
    assert source.known(110, 132, 165, 166, 196, 197) == [None, None, None, 3.0, 3.0, 2.0]


def test_what_is_shown_after_an_annulled_poll_before_the_rule_makes_one_history_in_any_order(module_database: Database) -> None:
    histories = []
    for order in itertools.permutations((132, 166, 197)):
        source = Polled(module_database, {104: {0: 2.0}, 132: {0: 2.0}, 166: {0: 3.0}, 197: {0: 2.0}}, rule=110)
        source.ingest(104)
        source.amended(BatchKind.ANNUL, None, known=104)
        for fetched in order:
            source.ingest(fetched)
        histories.append(source.known(*range(100, 210)))
    assert histories == [histories[0]] * len(histories)


def test_the_first_poll_may_come_in_late_though_another_key_of_its_period_was_annulled(module_database: Database) -> None:
    source = Polled(module_database, {100: {0: 1.0}, 110: {0: 2.0}, 120: {0: 3.0}})
    for fetched in (110, 120):
        source.ingest(fetched)
    source.amended(BatchKind.ANNUL, None, known=120)
    source.ingest(100)
    assert source.known(RULE, 109, 110, 120) == [1.0, 1.0, 2.0, 2.0]


def test_a_value_that_somebody_put_where_there_is_none_is_not_withdrawn_by_a_later_none(module_database: Database, model: Database) -> None:
    source = Polled(module_database, {100: {0: None}, 110: {0: None}}, rule=105)
    for fetched in (110, 100):
        source.ingest(fetched)
    source.amended(BatchKind.CORRECTION, 7.0, known=100)
    assert source.read_again(model).batches == []
    assert source.known(100, 105, 110) == [7.0] * 3


@cases(3)
@given(history=amended_histories(), rule=st.sampled_from([RULE - 5, RULE, 105, 112, 115, 125]), data=st.data())
def test_answers_that_are_parsed_again_say_whatever_is_read_of_them_now_and_later_ones_find_it_so(
    module_database: Database, model: Database, history: tuple[dict[int, Shown], int], rule: int, data: st.DataObject
) -> None:
    """By another rule, as other values, of other periods: as if they had been read so from the start."""
    source = Polled(module_database, history[0], rule=history[1])
    late = sorted(data.draw(st.sets(st.sampled_from(sorted(source.fetches)), max_size=len(source.fetches) - 1)))
    early = [fetched for fetched in sorted(source.fetches) if fetched not in late]
    for fetched in data.draw(st.permutations(early + data.draw(st.lists(st.sampled_from(early), max_size=3)))):
        source.ingest(fetched)
    for _ in range(data.draw(st.integers(1, 2))):
        source.rule = rule
        factor = data.draw(st.sampled_from([1.0, 10.0]))
        for fetched, shown in source.fetches.items():
            read = {period: None if value is None else factor * value for period, value in shown.items()}
            others = st.dictionaries(st.integers(0, 2), st.sampled_from([None, 1.0, 2.0, 30.0]), min_size=1)
            source.fetches[fetched] = data.draw(st.one_of(st.just(read), others))
        source.read_again(model)
        source.check()
        assert source.read_again(model).batches == [], "parsed again it says what it said"
    for fetched in data.draw(st.permutations(late)):
        source.ingest(fetched)
    source.check()
