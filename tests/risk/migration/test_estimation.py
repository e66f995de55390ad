"""Estimates from rating histories: counted by hand, against the rates that made them, and their intervals."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput
from crfs.risk.migration import Generator, aalen_johansen_estimate, cohort_estimate, duration_estimate
from tests.thorough import cases

RATINGS = ("A", "B", "D")
START, END = date(2015, 1, 1), date(2020, 1, 1)


def history(rows: list[tuple[str, str, date, date | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"obligor_id": pl.String, "rating": pl.String, "from": pl.Date, "to": pl.Date}, orient="row")


SMALL = history(
    [
        ("stays", "A", date(2014, 6, 1), None),
        ("falls", "A", START, date(2016, 7, 1)),
        ("falls", "B", date(2016, 7, 1), date(2018, 3, 1)),
        ("falls", "D", date(2018, 3, 1), None),
        ("there and back", "A", START, date(2017, 2, 1)),
        ("there and back", "B", date(2017, 2, 1), date(2017, 9, 1)),
        ("there and back", "A", date(2017, 9, 1), None),
        ("withdrawn", "B", START, date(2016, 4, 1)),
        ("late", "B", date(2018, 6, 1), None),
    ]
)


def test_cohorts_counted_by_hand() -> None:
    # Years from 2015: falls A A, A B, B B, B D; stays and there-and-back A A five times each; withdrawn B B, then gone; late is there for 2019 alone.
    found = cohort_estimate(SMALL, RATINGS, start=START, end=END)
    assert found.counts.tolist() == [[11, 1, 0], [0, 3, 1], [0, 0, 0]]
    assert found.withdrawn == 1
    assert found.matrix.row("A").tolist() == pytest.approx([11 / 12, 1 / 12, 0.0])
    assert found.matrix.row("B").tolist() == pytest.approx([0.0, 3 / 4, 1 / 4])
    # Clopper and Pearson for 1 of 4 and 0 of 12, from tables.
    assert (found.low[1, 2], found.high[1, 2]) == pytest.approx((0.0063, 0.8059), abs=1e-4)
    assert (found.low[0, 2], found.high[0, 2]) == pytest.approx((0.0, 1.0 - 0.025 ** (1 / 12)), abs=1e-12)


def test_durations_counted_by_hand() -> None:
    found = duration_estimate(SMALL, RATINGS, start=START, end=END)
    assert found.counts.tolist() == [[0, 2, 0], [1, 0, 1], [0, 0, 0]]
    days = {name: (b - a).days for name, (a, b) in {"all": (START, END), "falls": (START, date(2016, 7, 1))}.items()}
    in_a = days["all"] + days["falls"] + days["all"] - (date(2017, 9, 1) - date(2017, 2, 1)).days
    in_b = (date(2018, 3, 1) - date(2016, 7, 1)).days + (date(2017, 9, 1) - date(2017, 2, 1)).days
    in_b += (date(2016, 4, 1) - START).days + (END - date(2018, 6, 1)).days
    assert found.at_risk.tolist() == pytest.approx([in_a / 365.25, in_b / 365.25, 0.0])
    assert found.generator is not None
    assert found.generator.rates[0, 1] == pytest.approx(2 / (in_a / 365.25))
    assert found.matrix.probability == pytest.approx(found.generator.matrix(1.0).probability, abs=1e-14)
    # Nobody fell from A to default, yet by way of B it has a probability: what a cohort cannot see.
    assert 0.0 < found.low[0, 2] < found.matrix.row("A")[2] < found.high[0, 2] < 1.0
    # Garwood for two events, from tables: 0.2422 and 7.2247.
    assert found.rate_low is not None
    assert found.rate_high is not None
    assert found.rate_low[0, 1] * in_a / 365.25 == pytest.approx(0.2422, abs=1e-4)
    assert found.rate_high[0, 1] * in_a / 365.25 == pytest.approx(7.2247, abs=1e-4)


def test_the_product_limit_by_hand() -> None:
    found = aalen_johansen_estimate(SMALL, RATINGS, start=START, end=END)
    # A to B: one of 3 on 2016-07-01 and one of 2 on 2017-02-01; B to A: one of 2 on 2017-09-01; B to D: the one of 2018-03-01.
    steps = [
        [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0, 1]],
        [[1 / 2, 1 / 2, 0], [0, 1, 0], [0, 0, 1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 0], [0, 0, 1]],
        [[1, 0, 0], [0, 0, 1], [0, 0, 1]],
    ]
    expected = np.linalg.multi_dot([np.array(step, dtype=float) for step in steps])
    assert found.matrix.probability == pytest.approx(expected, abs=1e-14)
    assert found.matrix.years == pytest.approx(5.0, abs=0.01)


def simulated(rates: np.ndarray, names: int, years: float, seed: int, *, censored: float = 0.0) -> pl.DataFrame:
    """Histories of a chain with constant rates, drawn name by name from the definition; the day is the grain."""
    rng = np.random.default_rng(seed)
    last = len(rates) - 1
    rows: list[tuple[str, str, date, date | None]] = []
    for k in range(names):
        state, day = int(rng.integers(0, last)), 0.0
        end = years * 365.25 if rng.random() > censored else rng.uniform(0.2, years) * 365.25
        while True:
            leave = rng.exponential(365.25 / -rates[state, state]) if state < last else np.inf
            until = max(np.floor(day + leave), day + 1)
            begin = START + timedelta(days=int(day))
            if until >= end:
                closed = end < years * 365.25 and end > day
                rows.append((f"N{k}", f"R{state}", begin, START + timedelta(days=max(int(end), int(day) + 1)) if closed else None))
                break
            rows.append((f"N{k}", f"R{state}", begin, START + timedelta(days=int(until))))
            weights = np.where(np.arange(last + 1) == state, 0.0, rates[state])
            state, day = int(rng.choice(last + 1, p=weights / weights.sum())), until
    return history(rows)


RATES = np.array([[-0.15, 0.12, 0.03], [0.20, -0.45, 0.25], [0.0, 0.0, 0.0]])
NAMES = ("R0", "R1", "R2")


def test_the_rates_that_made_the_histories_are_found_again() -> None:
    data = simulated(RATES, 1500, 5.0, seed=4, censored=0.3)
    truth = Generator(ratings=NAMES, rates=RATES)
    found = duration_estimate(data, NAMES, start=START, end=END)
    assert found.rate_low is not None
    assert found.rate_high is not None
    off = ~np.eye(3, dtype=bool)
    off[-1] = False
    # 99.9 % intervals of four rates and of six cells: all of them hold the truth.
    wide = duration_estimate(data, NAMES, start=START, end=END, level=0.999)
    assert wide.rate_low is not None
    assert wide.rate_high is not None
    assert (wide.rate_low[off] < RATES[off]).all()
    assert (RATES[off] < wide.rate_high[off]).all()
    year = truth.matrix(1.0).probability
    assert (wide.low[:-1] < year[:-1]).all()
    assert (year[:-1] < wide.high[:-1]).all()
    assert (wide.high - wide.low >= found.high - found.low).all()
    whole = aalen_johansen_estimate(data, NAMES, start=START, end=END, level=0.999)
    five = truth.matrix(5.0).probability
    assert (whole.low[:-1] < five[:-1]).all()
    assert (five[:-1] < whole.high[:-1]).all()


def test_without_censoring_the_product_limit_keeps_the_names_of_each_rating() -> None:
    data = simulated(RATES, 400, 5.0, seed=9)
    found = aalen_johansen_estimate(data, NAMES, start=START, end=END)
    began = np.array([data.filter((pl.col("from") == START) & (pl.col("rating") == name)).height for name in NAMES], dtype=float)
    at_end = data.filter(pl.col("from").le(END) & (pl.col("to").is_null() | (pl.col("to") > END)))
    ended = np.array([at_end.filter(pl.col("rating") == name).height for name in NAMES], dtype=float)
    assert began @ found.matrix.probability == pytest.approx(ended, abs=1e-9)


@pytest.mark.parametrize("kind", ["duration", "aalen_johansen"])
def test_stated_intervals_hold_the_truth_about_as_often_as_they_say(kind: str) -> None:
    truth = Generator(ratings=NAMES, rates=RATES)
    target = truth.matrix(1.0 if kind == "duration" else 2.0).probability[:-1]
    held = np.zeros(target.shape)
    runs = 120
    until = date(2017, 1, 1)
    for seed in range(runs):
        data = simulated(RATES, 120, 2.0, seed=seed)
        estimate = duration_estimate if kind == "duration" else aalen_johansen_estimate
        found = estimate(data, NAMES, start=START, end=until)
        held += (found.low[:-1] <= target) & (target <= found.high[:-1])
    # Binomial: 120 runs at 95 % have a deviation of 2 %; four of them either way.
    assert (held / runs).min() > 0.87
    assert (held / runs).mean() < 0.99


@cases(5)
@given(st.integers(0, 10_000))
def test_rows_in_any_order_tell_the_same(seed: int) -> None:
    shuffled = SMALL.sample(fraction=1.0, shuffle=True, seed=seed)
    for estimate in (cohort_estimate, duration_estimate, aalen_johansen_estimate):
        assert np.array_equal(
            estimate(shuffled, RATINGS, start=START, end=END).matrix.probability,
            estimate(SMALL, RATINGS, start=START, end=END).matrix.probability,
        )


def test_a_rating_that_nobody_had_stays_put_and_nothing_is_claimed_of_it() -> None:
    for estimate in (cohort_estimate, duration_estimate):
        found = estimate(SMALL, ("A", "B", "C", "D"), start=START, end=END)
        assert found.matrix.row("C").tolist() == [0.0, 0.0, 1.0, 0.0]
        assert found.high[2, 3] == 1.0
        assert found.low[2, 2] == 0.0
        assert "nobody was rated C" in found.notes[0]


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([("x", "A", date(2016, 1, 1), date(2015, 1, 1))], (1, "to")),
        ([("x", "Z", date(2016, 1, 1), None)], (1, "rating")),
        ([("x", "A", START, date(2017, 1, 1)), ("x", "B", date(2016, 6, 1), None)], (2, "from")),
        ([("x", "A", START, None), ("x", "B", date(2016, 6, 1), None)], (2, "from")),
    ],
)
def test_a_spell_that_cannot_be_is_refused_with_its_place(rows: list[tuple[str, str, date, date | None]], place: tuple[int, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        duration_estimate(history(rows), RATINGS, start=START, end=END)
    assert [(problem.row, problem.column) for problem in refused.value.problems] == [place]


def test_windows_and_levels_out_of_range_are_refused() -> None:
    with pytest.raises(InvalidInput, match="window"):
        duration_estimate(SMALL, RATINGS, start=END, end=START)
    with pytest.raises(InvalidInput, match="no whole period"):
        cohort_estimate(SMALL, RATINGS, start=START, end=date(2015, 6, 1))
    with pytest.raises(InvalidInput, match="level"):
        cohort_estimate(SMALL, RATINGS, start=START, end=END, level=1.0)
    with pytest.raises(InvalidInput, match="no rows"):
        cohort_estimate(SMALL.clear(), RATINGS, end=END)


def test_the_answer_is_plain_json_and_a_table_of_cells() -> None:
    import json

    found = duration_estimate(SMALL, RATINGS, start=START, end=END)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["counts"] == found.counts.tolist()
    table = found.to_table()
    assert table.height == 9
    assert table.filter((pl.col("rating") == "B") & (pl.col("to_rating") == "D"))["count"].item() == 1
