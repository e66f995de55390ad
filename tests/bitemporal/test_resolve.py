"""The pure functions give what the nested loops of the definition give, on every history of the list."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import as_of, change_points, rows_that_count
from crfs.bitemporal.resolve import without_repeated_bounds
from crfs.errors import InvalidInput
from tests.bitemporal.asking import ask, table_of, told
from tests.bitemporal.histories import (
    AGES,
    BATCHES,
    LAGS,
    PERIODS,
    TICK,
    VALID_TIMES,
    History,
    Question,
    Row,
    answer_at,
    plus,
    random_histories,
    random_instant,
    random_question,
    vintage,
)

COUNT = 3_000


@pytest.fixture(scope="module")
def histories(seed: int) -> dict[str, History]:
    return random_histories(seed, COUNT)


def test_the_list_has_every_kind_of_history(histories: dict[str, History]) -> None:
    def share(happens: object) -> float:
        return sum(bool(happens(history)) for history in histories.values()) / COUNT  # type: ignore[operator]

    assert share(lambda h: len({(row.valid, row.known) for row in h}) < len(h)) > 0.3, "several batches on one key"
    assert share(lambda h: any(row.known < row.valid for row in h)) > 0.1, "forecasts"
    assert share(lambda h: any(a.batch < b.batch and a.known > b.known and a.valid == b.valid for a in h for b in h)) > 0.2, (
        "late revisions"
    )
    assert share(lambda h: any(a.known == b.known and a.valid != b.valid for a in h for b in h)) > 0.2, "ties in knowledge time"
    assert share(lambda h: any(row.known == plus(row.valid, lag) for row in h for lag in LAGS[1:])) > 0.2, "known when it becomes eligible"
    for state in ("missing", "retracted", "annulled"):
        assert share(lambda h, state=state: any(row.state == state for row in h)) > 0.2, state


def test_point_in_time_answers_are_those_of_the_definition(histories: dict[str, History], seed: int) -> None:
    chance = random.Random(seed + 1)
    entities, answered = list(histories), 0
    shares = [entities[number::10] for number in range(10)]
    tables = [table_of({entity: histories[entity] for entity in share}) for share in shares]
    for number in range(60):
        question = random_question(chance)
        asked = [(entity, random_instant(chance, histories[entity], question)) for entity in shares[number % 10]]
        got = ask(tables[number % 10], asked, question)
        for (entity, at), answer in zip(asked, got, strict=True):
            expected = told(answer_at(histories[entity], at, question))
            assert answer == expected, (seed, entity, at, question, histories[entity])
            answered += expected is not None
    assert answered > 5_000


def test_vintages_are_those_of_the_definition(histories: dict[str, History], seed: int) -> None:
    chance = random.Random(seed + 2)
    table = table_of(histories)
    for number in range(8):
        known_by = None if number == 0 else chance.choice(VALID_TIMES) + timedelta(days=chance.randint(-10, 90))
        batch, missing = chance.choice(list(BATCHES)), number % 2 == 0
        got = as_of(table, as_of=known_by, recorded_as_of=batch, missing_is_answer=missing)
        rows = got.select("entity", "valid_time", "knowledge_time", "batch_id", "row_state", "value").sort("entity", "valid_time").rows()
        expected = [
            (entity, *row)
            for entity, history in histories.items()
            for row in vintage(history, known_by, batch=batch, missing_is_answer=missing)
        ]
        assert rows == expected, (seed, known_by, batch, missing)


def test_change_points_are_the_instants_at_which_the_answer_changes(histories: dict[str, History]) -> None:
    few = dict(list(histories.items())[:400])
    for lag in LAGS[1:4]:
        question = Question(lag, LAGS[0], None, True, None, max(BATCHES))
        points = change_points(table_of(few), lag.iso, missing_is_answer=True)
        assert points.select(pl.struct("entity", "effective_time").is_duplicated().any()).item() is False
        of_entity = dict(points.group_by("entity", maintain_order=True).__iter__())
        for entity, history in few.items():
            at_points = of_entity.get((entity,), points.clear())
            instants = sorted({max(row.known, plus(row.valid, lag)) for row in history})
            steps = dict(zip(at_points["effective_time"], at_points.select("valid_time", "knowledge_time").rows(), strict=True))
            last: tuple[datetime, datetime] | None = None
            for instant in instants:
                last = steps.get(instant, last)
                row = _eligible(history, instant, question)
                assert last == (None if row is None else (row.valid, row.known)), (entity, instant, lag)
            assert set(steps) <= set(instants)


def _eligible(history: History, at: datetime, question: Question) -> Row | None:
    """The row that answers, whatever its state: one that is no value is given one, so that the definition hands it out."""
    return answer_at([row if row.state == "annulled" else row._replace(state="value") for row in history], at, question)


# The same with shrinking: a failure of the list above is found again here as a few rows.
_INSTANTS = [*VALID_TIMES, *(plus(valid, lag) for valid in VALID_TIMES for lag in LAGS), VALID_TIMES[0] - timedelta(days=3)]
_rows = st.lists(
    st.builds(
        lambda valid, known, batch, state, value: Row(valid, known, batch, state, float(value) if state == "value" else None),
        st.sampled_from(VALID_TIMES),
        st.sampled_from(_INSTANTS),
        st.integers(1, 4),
        st.sampled_from(["value", "missing", "retracted", "annulled"]),
        st.integers(0, 1_000),
    ),
    max_size=9,
    unique_by=lambda row: (row.valid, row.known, row.batch),
)
_questions = st.builds(
    Question,
    st.sampled_from(LAGS),
    st.sampled_from(PERIODS),
    st.sampled_from(AGES),
    st.booleans(),
    st.none() | st.sampled_from(_INSTANTS),
    st.integers(0, 4),
)


@given(_rows, _questions, st.lists(st.tuples(st.sampled_from(_INSTANTS), st.sampled_from([-TICK, timedelta(), TICK])), max_size=4))
def test_a_small_history_answers_as_its_definition_says(
    history: History, question: Question, instants: list[tuple[datetime, timedelta]]
) -> None:
    asked = [("x", instant + shift) for instant, shift in instants]
    assert ask(table_of({"x": history}), asked, question) == [told(answer_at(history, at, question)) for _, at in asked]


@given(_rows, st.randoms(use_true_random=False))
def test_the_order_in_which_rows_lie_does_not_matter(history: History, chance: random.Random) -> None:
    shuffled = chance.sample(history, len(history))
    one, other = table_of({"x": history}), table_of({"x": shuffled})
    assert as_of(one).equals(as_of(other))
    assert change_points(one, "P1M").equals(change_points(other, "P1M"))


@given(_rows, _questions, st.sampled_from(_INSTANTS))
def test_what_becomes_known_later_or_is_recorded_later_changes_no_answer(history: History, question: Question, at: datetime) -> None:
    question = question._replace(batch=4)
    later = [Row(valid, at + timedelta(days=1), 9, "value", -1.0) for valid in VALID_TIMES]
    later += [row._replace(batch=5, state="annulled", value=None) for row in history]
    seen = [row for row in later if row.batch > 4 or row.known > at]
    assert ask(table_of({"x": history + seen}), [("x", at)], question) == ask(table_of({"x": history}), [("x", at)], question)


def test_values_of_rows_that_are_no_value_are_null_in_the_answer() -> None:
    rows = [Row(VALID_TIMES[0], VALID_TIMES[5], 1, "retracted", 7.0), Row(VALID_TIMES[1], VALID_TIMES[5], 1, "value", 8.0)]
    assert rows_that_count(table_of({"x": rows}))["value"].to_list() == [None, 8.0]


def test_recorded_as_of_may_be_an_instant_where_the_table_says_when() -> None:
    at = datetime(2021, 1, 1, tzinfo=UTC)
    table = table_of({"x": [Row(VALID_TIMES[0], VALID_TIMES[5], batch, "value", float(batch)) for batch in (1, 2)]})
    with_times = table.with_columns(recorded_at=pl.Series([at, at + TICK]))
    assert as_of(with_times, recorded_as_of=at)["value"].to_list() == [1.0]
    assert as_of(with_times, recorded_as_of=at + TICK)["value"].to_list() == [2.0]
    with pytest.raises(InvalidInput, match="give a batch id"):
        as_of(table, recorded_as_of=at)


def test_an_empty_table_answers_nothing() -> None:
    empty = table_of({})
    assert as_of(empty).is_empty()
    assert change_points(empty, "P1M").is_empty()
    assert ask(empty, [("x", VALID_TIMES[0])], random_question(random.Random(1))) == [None]


def test_an_instant_is_the_same_in_any_zone_and_a_day_is_no_instant() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    day = datetime(2020, 1, 1, tzinfo=UTC)
    table = pl.DataFrame(
        {"entity": "x", "valid_time": [day] * 2, "knowledge_time": [day, day + timedelta(days=1)], "batch_id": [1, 2],
         "recorded_at": [day, day + timedelta(days=5)], "row_state": "value", "value": [1.0, 2.0]}
    )  # fmt: skip
    before = day + timedelta(hours=23)
    for asked in (before, before.astimezone(kolkata)):
        assert as_of(table, as_of=asked)["value"].to_list() == [1.0]
        assert as_of(table, recorded_as_of=asked)["value"].to_list() == [1.0]
    local = table.with_columns(pl.col("knowledge_time").dt.convert_time_zone("Asia/Kolkata"))
    assert as_of(local, as_of=before)["value"].to_list() == [1.0]
    for wrong in (before.date(), before.replace(tzinfo=None)):
        with pytest.raises(InvalidInput, match="as_of"):
            as_of(table, as_of=wrong)  # type: ignore[arg-type]  # a day is what is refused
        with pytest.raises(InvalidInput, match="recorded_as_of"):
            as_of(table, recorded_as_of=wrong)  # type: ignore[arg-type]  # a day is what is refused


def test_without_repeated_bounds_every_answer_has_its_value_known_no_later(histories: dict[str, History], seed: int) -> None:
    chance = random.Random(seed + 5)
    names = list(histories)[:400]
    table = table_of({name: histories[name] for name in names})
    table = table.with_columns(
        value=pl.col("value") % 2, knowledge_basis=pl.Series([chance.choice(["backfilled", "observed"]) for _ in range(table.height)])
    )
    fewer = 0
    for missing_is_answer in (False, True):
        counted = rows_that_count(table, missing_is_answer=missing_is_answer)
        settled = without_repeated_bounds(counted)
        fewer += counted.height - settled.height
        for moment in chance.choices(VALID_TIMES, k=4):
            known, shown = (
                as_of(rows, as_of=moment + timedelta(days=60), missing_is_answer=missing_is_answer) for rows in (counted, settled)
            )
            assert known.select("entity", "valid_time", "value").equals(shown.select("entity", "valid_time", "value"))
            assert (shown["knowledge_time"] <= known["knowledge_time"]).all()
    assert fewer > 20
