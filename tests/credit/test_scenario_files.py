"""Files of scenarios: the example of the documentation, every kind and step, and what is refused by name."""

from __future__ import annotations

from datetime import date
from pathlib import Path as FilePath

import polars as pl
import pytest

from crfs.credit.scenarios import QUARTER, Path, Scenario, ScenarioSeverity, parse_scenarios, scenario_tables, severity_of_table
from crfs.errors import InvalidInput

EXAMPLE = FilePath(__file__).parents[2] / "docs" / "how-to" / "scenarios.toml"
BASE = """
[[scenario]]
name = "base"
severity = "baseline"
start = 2026-01-01
[[scenario.path]]
variable = "us.unemployment_rate"
unit = "percent"
values = [4.4, 4.5, nan, 4.6]
[[scenario.path]]
variable = "us.house_price_index"
unit = "index"
values = [100, 100, 100, 100]
"""


def history() -> pl.DataFrame:
    days = [date(2008, 7, 1), date(2008, 10, 1), date(2009, 1, 1)]
    rate = pl.DataFrame({"valid_time": days, "variable": "us.unemployment_rate", "value": [0.06, 0.07, 0.083], "unit": "decimal"})
    level = pl.DataFrame({"valid_time": days, "variable": "us.house_price_index", "value": [200.0, 190.0, 180.0], "unit": "index"})
    return pl.concat([rate, level])


def test_the_example_of_the_documentation_is_read() -> None:
    days = [date(2008 + (6 + 3 * k) // 12, (6 + 3 * k) % 12 + 1, 1) for k in range(-1, 5)]
    told = [
        pl.DataFrame({"valid_time": days, "variable": variable, "value": values, "unit": unit})
        for variable, values, unit in (
            ("us.unemployment_rate", [0.05, 0.06, 0.07, 0.08, 0.09, 0.1], "decimal"),
            ("us.house_price_index", [200.0, 195.0, 190.0, 180.0, 175.0, 170.0], "index"),
        )
    ]
    found = {one.name: one for one in parse_scenarios(EXAMPLE.read_text(), where=EXAMPLE.name, history=pl.concat(told))}
    assert list(found) == ["committee/base", "committee/slump", "committee/slump_long", "committee/mean", "replay/2008"]
    slump, base = found["committee/slump"], found["committee/base"]
    assert slump.severity is ScenarioSeverity.SEVERELY_ADVERSE
    assert (slump.periods, found["committee/slump_long"].periods) == (base.periods, base.periods + 4)
    # 25 percent less, 1.2 times as hard: 328 becomes 229.6.
    assert slump.path("us.house_price_index").values[2] == pytest.approx(328.0 * 0.7)
    assert (slump.path("us.unemployment_rate").values[3] or 0.0) > (base.path("us.unemployment_rate").values[3] or 0.0)
    assert sum(one.probability or 0.0 for one in (slump, base)) == pytest.approx(1.0)


def test_the_table_of_deviations_of_the_documentation_is_read_by_years() -> None:
    base, adverse = parse_scenarios(EXAMPLE.with_name("eba.toml").read_text(), where="eba.toml")
    assert (base.severity, adverse.severity) == (ScenarioSeverity.BASELINE, ScenarioSeverity.SEVERELY_ADVERSE)
    assert adverse.times[::4] == (date(2027, 1, 1), date(2028, 1, 1), date(2029, 1, 1))
    moved = adverse.values("us.unemployment_rate") - base.values("us.unemployment_rate")
    assert moved == pytest.approx([0.015] * 4 + [0.035] * 4 + [0.045] * 4)
    for variable, ends in (("us.real_gdp", [-0.04, -0.07, -0.08]), ("us.house_price_index", [-0.08, -0.16, -0.18])):
        assert (adverse.values(variable) / base.values(variable) - 1.0)[3::4] == pytest.approx(ends)


def test_paths_are_read_in_the_units_of_the_engine() -> None:
    (base,) = parse_scenarios(BASE, where="x.toml")
    assert base.path("us.unemployment_rate").values == (0.044, 0.045, None, 0.046)
    assert (base.severity, base.start, base.period, base.probability) == (ScenarioSeverity.BASELINE, date(2026, 1, 1), QUARTER, None)


def test_steps_follow_each_other() -> None:
    text = (
        BASE
        + """
[[scenario]]
name = "hard"
base = "base"
severity = "severely_adverse"
probability = 0.1
notes = "twice"
[[scenario.step]]
do = "shift"
how = "relative"
by = { "us.house_price_index" = -0.1 }
until = 2026-07-01
[[scenario.step]]
do = "scale"
about = "base"
factor = 2.0
variables = ["us.house_price_index"]
[[scenario.step]]
do = "extend"
periods = 2
half_life_years = 0.0
means = { "us.house_price_index" = "hold", "us.unemployment_rate" = 0.04 }
"""
    )
    base, hard = parse_scenarios(text, where="x.toml")
    assert hard.path("us.house_price_index").values == (80.0, 80.0, 100.0, 100.0, 100.0, 100.0)
    assert hard.path("us.unemployment_rate").values == (0.044, 0.045, None, 0.046, 0.04, 0.04)
    assert (hard.name, hard.severity, hard.probability) == ("hard", ScenarioSeverity.SEVERELY_ADVERSE, 0.1)
    assert hard.notes.startswith("from base; shifted (relative)")
    assert hard.notes.endswith("twice")
    assert base.name == "base"


def test_a_combination_and_a_replay() -> None:
    text = """
[[scenario]]
name = "mean"
combine = { a = 0.5, b = 0.5 }
[[scenario]]
name = "again"
start = 2026-04-01
replay = { since = 2008-10-01, until = 2009-04-01, today = { "us.unemployment_rate" = 0.044 }, bounds = { "us.unemployment_rate" = [0.0, 0.06] } }
"""
    one = Scenario(name="a", start=date(2026, 1, 1), period=QUARTER, paths=(Path(variable="us.x", unit="index", values=(1.0,)),))
    two = Scenario(name="b", start=date(2026, 1, 1), period=QUARTER, paths=(Path(variable="us.x", unit="index", values=(2.0,)),))
    mean, again = parse_scenarios(text, where="x.toml", known={"a": one, "b": two}, history=history())
    assert mean.path("us.x").values == (1.5,)
    assert again.path("us.unemployment_rate").values == pytest.approx((0.054, 0.06))
    with pytest.raises(InvalidInput, match=r"x.toml: scenario again: a replay needs the history"):
        parse_scenarios(text, where="x.toml", known={"a": one, "b": two})


@pytest.mark.parametrize("weights", ["a = 0.25, b = 0.25, c = 0.5", "c = 0.5, a = 0.25, b = 0.25", "b = 0.25, c = 0.5, a = 0.25"])
def test_the_severity_of_a_combination_is_the_one_that_weighs_most_in_any_order(weights: str) -> None:
    path = Path(variable="us.x", unit="index", values=(1.0,))
    severities = {"a": ScenarioSeverity.BASELINE, "b": ScenarioSeverity.SEVERELY_ADVERSE, "c": ScenarioSeverity.SEVERELY_ADVERSE}
    known = {
        name: Scenario(name=name, start=date(2026, 1, 1), period=QUARTER, severity=severity, paths=(path,))
        for name, severity in severities.items()
    }
    text = f'[[scenario]]\nname = "mean"\ncombine = {{ {weights} }}\n'
    [mean] = parse_scenarios(text, where="x.toml", known=known)
    assert mean.severity is ScenarioSeverity.SEVERELY_ADVERSE
    [item] = scenario_tables(text, where="x.toml")
    assert severity_of_table(item, severities.__getitem__) is mean.severity


@pytest.mark.parametrize("unit", ["bp", "bps", "BP", "basis_points", "Basis points"])
def test_basis_points_have_several_spellings(unit: str) -> None:
    text = (
        f'[[scenario]]\nname = "a"\nstart = 2026-01-01\n[[scenario.path]]\nvariable = "us.spread"\nunit = "{unit}"\nvalues = [150]\n'
        f'[[scenario.path]]\nvariable = "us.spread_bp"\nunit = "{unit}"\nvalues = [150]\n'
    )
    [found] = parse_scenarios(text, where="x.toml")
    assert [(path.unit, path.values) for path in found.paths] == [("decimal", (0.015,)), ("basis points", (150.0,))]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('name = "base"', "", "needs a name"),
        ("[[scenario]]", "[[scenarios]]", "nothing else"),
        ('severity = "baseline"', 'severity = "bad"', "one of upside, baseline"),
        ('severity = "baseline"', 'colour = "red"', "unknown key 'colour'"),
        ('severity = "baseline"', "probability = 2", "within"),
        ('severity = "baseline"', 'probability = "half"', "decimal"),
        ('severity = "baseline"', 'base = "x"', "exactly one of"),
        ("start = 2026-01-01", 'start = "2026-01-01"', "without quotation marks"),
        ("start = 2026-01-01", "start = 2026-01-02", "first day"),
        ("start = 2026-01-01", "", "needs start"),
        ("values = [100, 100, 100, 100]", "values = [100]", "periods where"),
        ("values = [100, 100, 100, 100]", 'values = ["100"]', "value 1 is '100'"),
        ("values = [100, 100, 100, 100]", "values = [inf, 100, 100, 100]", "not a finite number"),
        ('unit = "index"', "", "it needs variable"),
        ('unit = "index"', 'unit = "index"\nchange = "up"', "difference or relative"),
        ('[[scenario.path]]\nvariable = "us.h', '[[scenario.step]]\ndo = "jump"\n[[scenario.path]]\nvariable = "us.h', "not 'jump'"),
        ('[[scenario.path]]\nvariable = "us.h', '[[scenario.step]]\ndo = "shift"\n[[scenario.path]]\nvariable = "us.h', "by is a table"),
        (
            '[[scenario.path]]\nvariable = "us.h',
            '[[scenario.step]]\ndo = "scale"\nabout = "lost"\nfactor = 2\n[[scenario.path]]\nvariable = "us.h',
            "no scenario is called 'lost'",
        ),
        ("[[scenario]]", "[[scenario", "not TOML"),
    ],
)
def test_what_does_not_fit_is_named_with_the_file(old: str, new: str, match: str) -> None:
    assert old in BASE
    with pytest.raises(InvalidInput, match=rf"x\.toml: .*{match}"):
        parse_scenarios(BASE.replace(old, new, 1), where="x.toml")


def test_two_scenarios_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInput, match="another scenario of this name"):
        parse_scenarios(BASE + BASE, where="x.toml")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            'path = [{ variable = "us.x", unit = "decimal", values = [] }]\nstart = 2026-01-01',
            r"'none': us\.x has no periods: give values, one a period",
        ),
        ("hold = { periods = 0, variables = ['us.x'] }", "scenario none: periods is a number of periods, 1 to 2,400, not 0"),
        (
            "hold = { periods = 1_000_000_000, variables = ['us.x'] }",
            "scenario none: periods is a number of periods, 1 to 2,400, not 1,000,000,000",
        ),
        (
            'base = "slump"\n[[scenario.step]]\ndo = "extend"\nperiods = 1_000_000\nhalf_life_years = 1.0\nmeans = { "us.x" = "hold" }',
            "scenario none: step 1: periods is a number of periods, 1 to 2,400, not 1,000,000",
        ),
        (
            'base = "slump"\n[[scenario.step]]\ndo = "shift"\nhow = "relative"\nby = { "us.x" = 1e308 }',
            r"scenario none: step 1: path of us\.x: row 1, column us\.x: not_finite",
        ),
        (
            'base = "slump"\n[[scenario.step]]\ndo = "scale"\nabout = "calm"\nfactor = 1e308',
            r"scenario none: step 1: path of us\.x: row 1, column us\.x: not_finite",
        ),
    ],
)
def test_a_scenario_without_periods_or_beyond_numbers_is_refused_with_its_name(text: str, match: str) -> None:
    others = """
[[scenario]]
name = "calm"
start = 2026-01-01
path = [{ variable = "us.x", unit = "decimal", values = [2.0, 2.0] }]
[[scenario]]
name = "slump"
start = 2026-01-01
path = [{ variable = "us.x", unit = "decimal", values = [40.0, 40.0] }]
"""
    history = pl.DataFrame(
        {"valid_time": [date(2025, 7, 1), date(2025, 10, 1)], "variable": "us.x", "value": [0.1, 0.2], "unit": "decimal"}
    )
    with pytest.raises(InvalidInput, match=match):
        parse_scenarios(
            f'{others}[[scenario]]\nname = "none"\n{text}\n', where="f.toml", history=history, today={"us.x": 0.2}, start=date(2026, 1, 1)
        )
