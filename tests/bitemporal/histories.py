"""One list of random histories, and the definition of every answer as nested loops, written from the sentences of the time model alone.

Nothing here knows the package: a history is a list of plain rows, and a month is added with the calendar module. The pure functions
and the SQL of the store are held against this, on the same list.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class Row(NamedTuple):
    """A row on its three clocks; ``value`` is None unless ``state`` is value. No two value rows of a list have the same value."""

    valid: datetime
    known: datetime
    batch: int
    state: str
    value: float | None


History = list[Row]


class Length(NamedTuple):
    """A calendar duration: months with the day clipped to the month's end, then days, then seconds."""

    months: int = 0
    days: int = 0
    seconds: int = 0

    @property
    def iso(self) -> str:
        return f"P{self.months}M{self.days}DT{self.seconds}S"


class Question(NamedTuple):
    """How a value is asked for; ``batch`` is the last batch that may be seen."""

    lag: Length
    period: Length
    max_age: Length | None
    missing_is_answer: bool
    cap: datetime | None
    batch: int


LAGS = [Length(), Length(), Length(months=1), Length(months=3), Length(days=1), Length(seconds=43_200), Length(1, 2, 5), Length(months=13)]
PERIODS = [Length(), Length(days=1), Length(months=1), Length(months=3)]
AGES = [None, None, Length(), Length(days=10), Length(months=1), Length(months=2, days=1)]
TICK = timedelta(microseconds=1)

BATCHES = {1: "ingest", 2: "correction", 3: "annul", 4: "ingest", 5: "rederive", 6: "annul", 7: "rederive"}
"""The batches of a list in their order, with what each may do."""

_DAYS = [
    (2020, 1, 28),
    (2020, 1, 29),
    (2020, 1, 30),
    (2020, 1, 31),
    (2020, 2, 28),
    (2020, 2, 29),
    (2020, 3, 1),
    (2020, 3, 31),
    (2020, 4, 30),
]
VALID_TIMES = [datetime(*day, tzinfo=UTC) for day in _DAYS] + [datetime(2020, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)]


def plus(instant: datetime, length: Length) -> datetime:
    month = instant.year * 12 + instant.month - 1 + length.months
    year, month = month // 12, month % 12 + 1
    day = min(instant.day, calendar.monthrange(year, month)[1])
    return instant.replace(year=year, month=month, day=day) + timedelta(days=length.days, seconds=length.seconds)


def random_histories(seed: int, count: int) -> dict[str, History]:
    """Late and out-of-order revisions, ties, forecasts, corrections, annulments, missing and retracted values, by entity."""
    chance = random.Random(seed)
    numbers = iter(range(1, 1 << 40))
    return {f"h{index:05d}": _history(chance, numbers) for index in range(count)}


def _history(chance: random.Random, numbers: Iterable[int]) -> History:
    rows: History = []
    valid_times = chance.sample(VALID_TIMES, chance.randint(1, 4))
    # Few instants, many of them where a lagged row becomes eligible, so that most histories have ties.
    instants = [plus(valid, lag) for valid in valid_times for lag in chance.sample(LAGS, 3)]
    instants += [chance.choice(valid_times) - timedelta(days=chance.randint(0, 40)), chance.choice(instants) + TICK]
    instants += [chance.choice(valid_times) + timedelta(days=chance.randint(0, 120), seconds=chance.randint(0, 86_399)) for _ in range(2)]
    instants = chance.sample(instants, min(len(instants), chance.randint(1, 6)))
    for batch, kind in BATCHES.items():
        keys = {(row.valid, row.known) for row in rows}
        taken: set[tuple[datetime, datetime]] = set()
        for _ in range(chance.choice([0, 1, 1, 2, 3]) if batch > 1 else chance.randint(1, 5)):
            key = (chance.choice(valid_times), chance.choice(instants))
            if kind != "ingest" and keys and chance.random() < 0.7:
                key = chance.choice(sorted(keys))
            # An annulment speaks of a row that is there; an ingest may not give another value for one that is.
            if key in taken or (kind == "annul") > (key in keys) or (kind == "ingest" and key in keys):
                continue
            taken.add(key)
            state = "annulled" if kind == "annul" else chance.choices(["value", "missing", "retracted"], [6, 2, 1])[0]
            rows.append(Row(*key, batch, state, float(next(iter(numbers))) if state == "value" else None))
    return rows


def random_question(chance: random.Random) -> Question:
    cap = chance.choice([None, None, chance.choice(VALID_TIMES) + timedelta(days=chance.randint(0, 90))])
    lag, period, age = chance.choice(LAGS), chance.choice(PERIODS), chance.choice(AGES)
    return Question(lag, period, age, chance.random() < 0.5, cap, chance.choice([*BATCHES, max(BATCHES), max(BATCHES)]))


def random_instant(chance: random.Random, history: Sequence[Row], question: Question) -> datetime:
    """An instant to ask at: mostly at, or a microsecond before or after, one at which an answer may change or grow too old."""
    row = chance.choice(history)
    edge = chance.choice([row.known, plus(row.valid, question.lag), plus(plus(row.valid, question.period), question.lag)])
    if question.max_age is not None and chance.random() < 0.5:
        edge = plus(plus(plus(row.valid, question.period), question.lag), question.max_age)
    return edge + chance.choice([-TICK, timedelta(), timedelta(), TICK, timedelta(days=chance.randint(0, 60))])


def counts(row: Row, history: Iterable[Row], *, batch: int, missing_is_answer: bool) -> bool:
    """Whether no row of the same key has a later batch, and the row is a candidate."""
    if row.batch > batch:
        return False
    for other in history:
        if other.valid == row.valid and other.known == row.known and row.batch < other.batch <= batch:
            return False
    return row.state in {"value", "retracted"} or (row.state == "missing" and missing_is_answer)


def vintage(history: History, at: datetime | None, *, batch: int, missing_is_answer: bool) -> list[Row]:
    """For each valid time the row that counts with the greatest knowledge time known by ``at``."""
    answer = []
    for row in history:
        if not counts(row, history, batch=batch, missing_is_answer=missing_is_answer) or (at is not None and row.known > at):
            continue
        for other in history:
            if (
                other.valid == row.valid
                and row.known < other.known
                and (at is None or other.known <= at)
                and counts(other, history, batch=batch, missing_is_answer=missing_is_answer)
            ):
                break
        else:
            answer.append(row)
    return sorted(answer)


def answer_at(history: History, at: datetime, question: Question) -> Row | None:
    """The value at an instant, lagged, as known then; None where it is missing, retracted or too old."""
    eligible = [row for row in history if row.known <= at and (question.cap is None or row.known <= question.cap)]
    return _newest(history, eligible, at, question)


def answer_in_vintage(history: History, at: datetime, question: Question, known_by: datetime) -> Row | None:
    """The same where what was known at ``known_by`` may be seen at every instant, older ones too."""
    return _newest(history, [row for row in history if row.known <= known_by], at, question)


def _newest(history: History, eligible: list[Row], at: datetime, question: Question) -> Row | None:
    best: Row | None = None
    for row in eligible:
        if plus(row.valid, question.lag) > at or (best is not None and (row.valid, row.known) < (best.valid, best.known)):
            continue
        if counts(row, history, batch=question.batch, missing_is_answer=question.missing_is_answer):
            best = row
    if best is None or best.state != "value":
        return None
    if question.max_age is not None:
        end = plus(plus(best.valid, question.period), question.lag)
        if at > plus(end, question.max_age):
            return None
    return best
