"""Scenarios: what is kept exactly, what operators may and may not do, and what is refused with its place."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import Tenor
from crfs.credit.scenarios import (
    MONTH,
    QUARTER,
    Between,
    Change,
    Path,
    Scenario,
    ScenarioSeverity,
    change_of_unit,
    combine,
    extend,
    from_deviations,
    from_table,
    rename,
    replay,
    require_weights,
    scale,
    shift,
)
from crfs.credit.scenarios.units import shifted_right, unit_in_engine
from crfs.errors import InvalidInput, NotFound

START = date(2026, 1, 1)
RATE, LEVEL = "us.unemployment_rate", "us.house_price_index"

rates = st.floats(-0.2, 0.9, allow_nan=False)
levels = st.floats(1e-3, 1e6)


def made(rate: list[float | None], level: list[float | None], *, name: str = "base", **fields: Any) -> Scenario:
    paths = (Path(variable=RATE, unit="decimal", values=tuple(rate)), Path(variable=LEVEL, unit="index", values=tuple(level)))
    return Scenario(name=name, start=START, period=QUARTER, paths=paths, **fields)


@st.composite
def scenarios(draw: st.DrawFn, periods: int = 5) -> Scenario:
    return made(
        draw(st.lists(st.none() | rates, min_size=periods, max_size=periods)),
        draw(st.lists(levels, min_size=periods, max_size=periods)),
        name=draw(st.sampled_from(["a", "b"])),
        probability=draw(st.none() | st.floats(0, 1)),
        severity=draw(st.sampled_from(list(ScenarioSeverity))),
        notes=draw(st.text(max_size=5)),
    )


@given(scenarios(), st.randoms(use_true_random=False))
def test_a_table_in_any_order_reads_back_as_the_same_scenario(scenario: Scenario, random: Any) -> None:
    rows = list(range(10))
    random.shuffle(rows)
    again = from_table(
        scenario.to_table()[rows],
        name=scenario.name,
        severity=scenario.severity,
        probability=scenario.probability,
        notes=scenario.notes,
    )
    assert again == scenario
    assert again.digest == scenario.digest
    assert hash(again) == hash(scenario)


@given(scenarios())
def test_the_json_form_reads_back(scenario: Scenario) -> None:
    assert Scenario.from_dict(scenario.to_dict()) == scenario
    table = scenario.to_table()
    assert table["variable"].unique(maintain_order=True).to_list() == [LEVEL, RATE]
    assert table.filter(pl.col("variable") == RATE)["value"].to_list() == list(scenario.path(RATE).values)
    assert table["valid_time"][0] == datetime(2026, 1, 1, tzinfo=UTC)


@given(scenarios())
def test_the_order_of_paths_is_no_content_and_every_number_is(scenario: Scenario) -> None:
    assert replace(scenario, paths=scenario.paths[::-1]).digest == scenario.digest
    level = scenario.path(LEVEL)
    other = replace(level, values=(math.nextafter(level.values[0] or 0.0, math.inf), *level.values[1:]))
    assert replace(scenario, paths=(other, scenario.path(RATE))).digest != scenario.digest
    assert replace(scenario, name="another").digest != scenario.digest


@given(scenarios(), st.sampled_from(["additive", "relative"]))
def test_a_shift_by_nothing_changes_no_bit(scenario: Scenario, how: str) -> None:
    assert shift(scenario, {RATE: 0.0, LEVEL: 0.0}, how=how).paths == scenario.paths


@given(scenarios(), st.floats(-0.5, 0.5), st.integers(0, 4))
def test_a_shift_moves_its_variable_in_its_window_alone(scenario: Scenario, amount: float, first: int) -> None:
    moved = (
        shift(scenario, {RATE: amount}, since=scenario.times[first], until=scenario.times[4])
        if first < 4
        else shift(scenario, {RATE: amount}, since=scenario.times[4])
    )
    last = 4 if first < 4 else 5
    for row, (before, after) in enumerate(zip(scenario.path(RATE).values, moved.path(RATE).values, strict=True)):
        if before is None:
            assert after is None
        elif first <= row < last:
            assert after == before + amount
        else:
            assert after == before
    assert moved.path(LEVEL) == scenario.path(LEVEL)
    assert moved.probability is None  # nobody said how probable the moved one is


def test_a_shift_may_have_an_amount_a_period() -> None:
    base = made([0.04] * 4, [100.0] * 4)
    moved = shift(base, {LEVEL: [-0.1, -0.2]}, how="relative", since=date(2026, 7, 1))
    assert moved.path(LEVEL).values == (100.0, 100.0, 90.0, 80.0)
    assert "us.house_price_index [-0.1, -0.2]" in moved.notes
    with pytest.raises(InvalidInput, match="2 amounts for 4 periods"):
        shift(base, {LEVEL: [-0.1, -0.2]})
    with pytest.raises(InvalidInput, match="not a finite"):
        replace(base, paths=(Path(variable=RATE, unit="decimal", values=(math.inf,)),))
    with pytest.raises(InvalidInput, match="finite number"):
        shift(base, {LEVEL: math.nan})
    with pytest.raises(InvalidInput, match="no period"):
        shift(base, {LEVEL: 0.1}, since=date(2027, 1, 1))
    with pytest.raises(NotFound, match=r"it has us\.house_price_index"):
        shift(base, {"us.gdp": 0.1})
    with pytest.raises(InvalidInput, match="additive or relative"):
        shift(base, {LEVEL: 0.1}, how="both")


@given(scenarios(), scenarios())
def test_scaling_by_one_is_the_scenario_and_by_nothing_is_the_base(scenario: Scenario, base: Scenario) -> None:
    one, none = scale(scenario, base, 1.0), scale(scenario, base, 0.0)
    assert one.path(LEVEL) == scenario.path(LEVEL)
    assert none.path(LEVEL) == base.path(LEVEL)
    for row in range(5):
        said = scenario.path(RATE).values[row] is not None and base.path(RATE).values[row] is not None
        assert one.path(RATE).values[row] == (scenario.path(RATE).values[row] if said else None)
        assert none.path(RATE).values[row] == (base.path(RATE).values[row] if said else None)


@given(scenarios(), scenarios(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_scaling_twice_is_scaling_by_the_product(scenario: Scenario, base: Scenario, first: float, second: float) -> None:
    twice = scale(scale(scenario, base, first), base, second).path(LEVEL).array()
    assert twice == pytest.approx(scale(scenario, base, first * second).path(LEVEL).array(), rel=1e-9, abs=1e-9)


def test_no_level_is_scaled_to_nothing() -> None:
    base, bad = made([0.04] * 2, [100.0, 100.0]), made([0.09] * 2, [80.0, 40.0], name="bad")
    assert scale(bad, base, 1.5).path(LEVEL).values == (70.0, 10.0)
    with pytest.raises(InvalidInput, match="no level") as error:
        scale(bad, base, 2.0)
    assert (error.value.problems[0].row, error.value.problems[0].column) == (2, LEVEL)
    assert scale(bad, base, 2.0, variables=[RATE]).path(LEVEL) == bad.path(LEVEL)
    assert scale(bad, base, 2.0, variables=[RATE]).path(RATE).values == pytest.approx((0.14, 0.14))
    with pytest.raises(InvalidInput, match="must be the same"):
        scale(bad, made([0.04], [100.0]), 2.0)


@given(st.lists(scenarios(), min_size=1, max_size=4), st.data())
def test_a_combination_lies_between_its_parts_and_knows_no_order(parts: list[Scenario], data: st.DataObject) -> None:
    raw = data.draw(st.lists(st.floats(0.01, 1.0), min_size=len(parts), max_size=len(parts)))
    weights = [weight / math.fsum(raw) for weight in raw]
    mean = combine(parts, weights, name="mean")
    order = data.draw(st.permutations(range(len(parts))))
    again = combine([parts[i] for i in order], [weights[i] for i in order], name="mean")
    assert (again.paths, again.severity) == (mean.paths, mean.severity)
    for position, path in enumerate(mean.paths):
        for row, value in enumerate(path.values):
            told = [part.paths[position].values[row] for part in parts]
            if None in told:
                assert value is None
            else:
                assert value is not None
                assert min(x for x in told if x is not None) <= value <= max(x for x in told if x is not None)


def test_weights_are_checked() -> None:
    base, bad = made([0.04], [100.0]), made([0.08], [50.0], name="bad")
    assert combine([base, bad], [0.75, 0.25], name="mean").path(LEVEL).values == (87.5,)
    for weights in ([0.5, 0.6], [1.5, -0.5], [math.nan, 1.0], [1.0]):
        with pytest.raises(InvalidInput, match="weight"):
            combine([base, bad], weights, name="mean")
    with pytest.raises(InvalidInput, match="differ in their variables"):
        combine([base, rename(bad, {LEVEL: "us.other"})], [0.5, 0.5], name="mean")
    assert require_weights([replace(base, probability=0.7), replace(bad, probability=0.3)]) == (0.7, 0.3)
    with pytest.raises(InvalidInput, match=r"sum to 1\.1"):
        require_weights([replace(base, probability=0.8), replace(bad, probability=0.3)])
    with pytest.raises(InvalidInput, match="needs a probability"):
        require_weights([base])


@given(
    st.lists(st.tuples(rates, levels), min_size=3, max_size=8),
    st.floats(-0.1, 0.5),
    levels,
)
def test_a_replay_moves_from_today_as_history_moved(history: list[tuple[float, float]], rate: float, level: float) -> None:
    told = made([row[0] for row in history], [row[1] for row in history])
    again = replay(
        told.to_table(), since=told.times[1], until=told.end, today={RATE: rate, LEVEL: level}, start=date(2030, 4, 1), name="again"
    )
    assert (again.start, again.periods, again.period) == (date(2030, 4, 1), len(history) - 1, QUARTER)
    for (before, after), value in zip(pairwise(history), zip(*(again.path(v).values for v in (RATE, LEVEL)), strict=True), strict=True):
        assert before is not None
        assert value[0] == pytest.approx(rate + after[0] - history[0][0], abs=1e-12)
        assert value[1] == pytest.approx(level * after[1] / history[0][1], rel=1e-12)


def test_a_replay_from_where_history_stood_is_history() -> None:
    told = made([0.05, 0.07, 0.06], [100.0, 80.0, 90.0])
    again = replay(told.to_table(), since=told.times[1], until=told.end, today={RATE: 0.05, LEVEL: 100.0}, start=told.times[1], name="x")
    assert again.path(LEVEL).values == (80.0, 90.0)
    assert again.path(RATE).values == pytest.approx((0.07, 0.06), abs=1e-15)


def test_a_replay_is_held_at_its_bounds_and_says_so() -> None:
    told = made([0.10, 0.04, 0.08], [1.0, 1.0, 1.0])
    again = replay(
        told.to_table(), since=told.times[1], until=told.end, today={RATE: 0.03}, start=START, name="x", bounds={RATE: (0.0, None)}
    )
    assert again.variables == (RATE,)
    assert again.path(RATE).values == pytest.approx((0.0, 0.01))
    assert "held at its bounds: us.unemployment_rate" in again.notes


def test_a_replay_names_what_its_history_lacks() -> None:
    told = made([0.10, None, 0.08], [1.0, 2.0, 3.0])
    common: dict[str, Any] = {"start": START, "name": "x"}
    with pytest.raises(InvalidInput, match="no value for 2026-04-01"):
        replay(told.to_table(), since=told.times[1], until=told.end, today={RATE: 0.1}, **common)
    with pytest.raises(InvalidInput, match="the period before 2026-01-01"):
        replay(told.to_table(), since=told.times[0], until=told.end, today={LEVEL: 0.1}, **common)
    with pytest.raises(InvalidInput, match="no periods of the history"):
        replay(told.to_table(), since=date(2026, 2, 1), until=told.end, today={LEVEL: 0.1}, **common)
    with pytest.raises(InvalidInput, match="no level to start from"):
        replay(told.to_table(), since=told.times[1], until=told.end, today={LEVEL: 0.0}, **common)
    with pytest.raises(InvalidInput, match=r"history has no us\.gdp"):
        replay(told.to_table(), since=told.times[1], until=told.end, today={"us.gdp": 0.0}, **common)


@given(scenarios(), st.floats(-0.1, 0.5), st.floats(0.05, 5.0), st.integers(1, 40))
def test_a_rate_reverts_to_its_mean_by_half_each_half_life(scenario: Scenario, mean: float, half_life: float, periods: int) -> None:
    if scenario.path(RATE).values[-1] is None:
        with pytest.raises(InvalidInput, match="no value in the last period"):
            extend(scenario, periods, means={RATE: mean, LEVEL: None}, half_life_years=half_life)
        return
    last = scenario.path(RATE).values[-1]
    assert last is not None
    longer = extend(scenario, periods, means={RATE: mean, LEVEL: None}, half_life_years=half_life)
    assert longer.periods == 5 + periods
    tail = longer.path(RATE).values[5:]
    for k, value in enumerate(tail, start=1):
        assert value == pytest.approx(mean + (last - mean) * 2.0 ** (-k / 4 / half_life), abs=1e-12)
    assert set(longer.path(LEVEL).values[5:]) == {scenario.path(LEVEL).values[-1]}
    at_once = extend(scenario, periods, means={RATE: mean, LEVEL: None}, half_life_years=0.0)
    assert set(at_once.path(RATE).values[5:]) == {mean}


def test_the_growth_of_a_level_reverts_not_the_level() -> None:
    base = made([0.04, 0.04], [100.0, 90.0])
    longer = extend(base, 400, means={RATE: None, LEVEL: 0.02}, half_life_years=1.0)
    values = longer.path(LEVEL).values
    assert values[2] is not None
    assert values[2] < 90.0  # it goes on falling at first
    assert values[-1] is not None
    assert values[-5] is not None
    assert values[-1] / values[-5] == pytest.approx(1.02)  # four quarters of the long-run growth
    with pytest.raises(InvalidInput, match="say a long-run mean"):
        extend(base, 1, means={RATE: 0.0}, half_life_years=1.0)


def test_deviations_of_years_fall_on_quarters() -> None:
    base = made([0.04] * 8, [100.0] * 8)
    told = pl.DataFrame(
        {
            "valid_time": [date(2027, 1, 1), date(2026, 7, 1), date(2027, 1, 1)],
            "variable": [RATE, LEVEL, LEVEL],
            "deviation": [0.03, -0.1, -0.3],
            "how": ["additive", "relative", "relative"],
        }
    )
    step = from_deviations(base, told, name="adverse", severity="severely_adverse", source="EBA-like")
    assert step.path(RATE).values == pytest.approx([0.04] * 4 + [0.07] * 4)
    assert step.path(LEVEL).values == (100.0, 100.0, 90.0, 90.0, 70.0, 70.0, 70.0, 70.0)
    assert (step.severity, step.source, step.name) == (ScenarioSeverity.SEVERELY_ADVERSE, "EBA-like", "adverse")
    line = from_deviations(base, told, name="adverse", between=Between.LINEAR)
    assert line.path(LEVEL).values == pytest.approx((100.0, 100.0, 90.0, 80.0, 70.0, 70.0, 70.0, 70.0))
    assert line.path(RATE).values == pytest.approx((0.04, 0.04, 0.04, 0.04, 0.07, 0.07, 0.07, 0.07))


@given(scenarios())
def test_a_deviation_of_nothing_is_the_base(base: Scenario) -> None:
    told = pl.DataFrame({"valid_time": [START, START], "variable": [RATE, LEVEL], "deviation": 0.0, "how": ["additive", "relative"]})
    assert from_deviations(base, told, name="same").paths == base.paths


def test_wrong_deviations_are_named_by_row_and_column() -> None:
    base = made([0.04] * 2, [100.0] * 2)
    told = pl.DataFrame(
        {
            "valid_time": [date(2026, 2, 1), START, START, START, START],
            "variable": [RATE, "us.gdp", RATE, RATE, LEVEL],
            "deviation": [0.1, 0.1, math.inf, 0.1, 0.1],
            "how": ["additive", "additive", "additive", "relative", "times"],
        }
    )
    with pytest.raises(InvalidInput) as error:
        from_deviations(base, told, name="x")
    assert [(problem.row, problem.column, problem.reason) for problem in error.value.problems] == [
        (1, "valid_time", "out_of_range"),
        (2, "variable", "unknown_value"),
        (3, "deviation", "not_finite"),
        (4, "how", "inconsistent"),
        (4, "valid_time", "duplicate"),
        (5, "how", "unknown_value"),
    ]


@pytest.mark.parametrize(
    ("row", "change", "column", "reason"),
    [
        (2, {"value": math.nan}, "value", "not_finite"),
        (2, {"value": math.inf}, "value", "not_finite"),
        (3, {"valid_time": date(2026, 4, 2)}, "valid_time", "out_of_range"),
        (3, {"valid_time": None}, "valid_time", "missing"),
        (3, {"variable": None}, "variable", "missing"),
        (4, {"unit": ""}, "unit", "missing"),
        (4, {"unit": "percent"}, "unit", "inconsistent"),
        (2, {"valid_time": date(2026, 1, 1)}, "valid_time", "duplicate"),
    ],
)
def test_a_wrong_cell_of_a_table_is_named(row: int, change: dict[str, Any], column: str, reason: str) -> None:
    rows = made([0.04, 0.05], [100.0, 90.0]).to_table().with_columns(pl.col("valid_time").dt.date()).to_dicts()
    table = pl.DataFrame(
        [{**one, **(change if number == row else {})} for number, one in enumerate(rows, start=1)], schema_overrides={"value": pl.Float64}
    )
    with pytest.raises(InvalidInput) as error:
        from_table(table, name="x")
    assert (row, column, reason) in [(problem.row, problem.column, problem.reason) for problem in error.value.problems]


def test_a_period_without_a_row_is_a_gap() -> None:
    table = made([0.04] * 4, [100.0] * 4).to_table()
    with pytest.raises(InvalidInput, match="no row for the period before 2026-07-01"):
        from_table(table.filter(pl.col("valid_time") != datetime(2026, 4, 1, tzinfo=UTC)), name="x")
    one = from_table(table.filter(pl.col("valid_time") == datetime(2026, 4, 1, tzinfo=UTC)), name="x", period="P3M")
    assert (one.periods, one.start) == (1, date(2026, 4, 1))
    with pytest.raises(InvalidInput, match="how long it is"):
        from_table(table.head(1), name="x")
    with pytest.raises(InvalidInput, match="no rows"):
        from_table(table.clear(), name="x")
    with pytest.raises(InvalidInput, match="has a column unit"):
        from_table(table.drop("unit"), name="x")
    assert from_table(table.drop("unit"), name="x", units={RATE: "percent", LEVEL: "index"}).path(RATE).values[0] == 0.0004


def test_quarters_that_are_called_months_are_told_which_period_is_wanted() -> None:
    days = [date(2025, 7, 1), date(2025, 10, 1), date(2026, 1, 1)]
    table = pl.DataFrame({"valid_time": days, "variable": "us.rate", "value": [0.01, 0.02, 0.03], "unit": "decimal"})
    with pytest.raises(InvalidInput, match="a quarter apart, and the period is said to be P1M: write P3M"):
        from_table(table, name="x", period="P1M")


def test_a_monthly_path_with_a_gap_is_not_taken_for_a_quarterly_one() -> None:
    days = [date(2026, 1, 1), date(2026, 2, 1), date(2026, 5, 1)]
    with pytest.raises(InvalidInput, match="before 2026-05-01"):
        from_table(pl.DataFrame({"valid_time": days, "variable": "us.x", "value": 1.0, "unit": "index"}), name="x")


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"name": " "}, "needs a name"),
        ({"period": Tenor(months=12)}, "P1M or P3M"),
        ({"start": date(2026, 1, 2)}, "first day"),
        ({"start": datetime(2026, 1, 1, tzinfo=UTC)}, "first day"),
        ({"probability": 1.1}, "within"),
        ({"probability": math.nan}, "within"),
        ({"paths": ()}, "no path"),
    ],
)
def test_an_impossible_scenario_is_refused(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        replace(made([0.04], [100.0]), **fields)


def test_paths_are_checked_together_and_alone() -> None:
    one = Path(variable=RATE, unit="decimal", values=(0.1,))
    with pytest.raises(InvalidInput, match="more than one path"):
        Scenario(name="x", start=START, period=MONTH, paths=(one, one))
    with pytest.raises(InvalidInput, match="periods where"):
        Scenario(name="x", start=START, period=MONTH, paths=(one, Path(variable=LEVEL, unit="index", values=(1.0, 2.0))))
    for wrong, match in (("US.x", "dotted lower case"), ("us..x", "dotted lower case")):
        with pytest.raises(InvalidInput, match=match):
            replace(one, variable=wrong)
    with pytest.raises(InvalidInput, match="percent never"):
        replace(one, unit="percent")
    with pytest.raises(InvalidInput, match="not complete") as error:
        made([0.1, None], [1.0, 1.0]).values(RATE)
    assert (error.value.problems[0].row, error.value.problems[0].column) == (2, RATE)


@pytest.mark.parametrize(
    ("unit", "change"),
    [
        ("decimal", Change.DIFFERENCE),
        ("basis points", Change.DIFFERENCE),
        ("standard deviations", Change.DIFFERENCE),
        ("index", Change.RELATIVE),
        ("USD per tonne", Change.RELATIVE),
        ("foreign currency per USD, index", Change.RELATIVE),
        ("thousand persons", Change.RELATIVE),
    ],
)
def test_a_unit_says_how_its_variable_moves(unit: str, change: Change) -> None:
    assert change_of_unit(unit) is change


def test_a_unit_that_does_not_say_is_not_guessed() -> None:
    with pytest.raises(InvalidInput, match="say change"):
        change_of_unit("furlongs")
    assert Path(variable="uk.x", unit="furlongs", values=(1.0,), change=Change.RELATIVE).moves_by is Change.RELATIVE


@given(st.decimals(-1000, 1000, places=4, allow_nan=False))
def test_percent_becomes_the_nearest_decimal(written: Any) -> None:
    assert shifted_right(float(written), 2) == float(written / 100)


def test_basis_points_are_kept_where_the_name_says_so() -> None:
    assert unit_in_engine("us.spread_bp", "basis points") == ("basis points", 0)
    assert unit_in_engine("us.spread", "basis points") == ("decimal", 4)
    assert unit_in_engine("us.index", "index") == ("index", 0)
