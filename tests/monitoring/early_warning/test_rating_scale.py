"""Grades of default probabilities, and rules on both in a case planted by hand: who is foretold, how early, and at what cost."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from scipy.special import ndtr, ndtri

from crfs.errors import InvalidInput
from crfs.monitoring.alert_states import Severity
from crfs.monitoring.early_warning import (
    Level,
    Rule,
    RuleKind,
    evaluate,
    packaged_rules,
    packaged_scale,
    parse_scale,
    rule_from_dict,
    rule_performance,
)

ENDS = pl.Series([datetime(2020, 1, 31, tzinfo=UTC)]).dt.offset_by("0mo")[0]


def end(month: int) -> datetime:
    """The end of a month, the first being January 2020."""
    found: datetime = pl.Series([ENDS]).dt.offset_by(f"{month - 1}mo").dt.month_end()[0]
    return found


def test_the_border_of_two_grades_is_halfway_between_them_in_probits() -> None:
    scale = packaged_scale()
    assert scale.names == ("AA", "A", "BBB", "BB", "B", "CCC", "D")
    border = float(ndtr(0.5 * (ndtri(0.0072) + ndtri(0.0376))))
    given = pl.Series([0.0, border * (1 - 1e-9), border * (1 + 1e-9), 1.0, None, 0.5])
    told = scale.rated(given, pl.Series([False] * 5 + [True]))
    assert told.to_list() == ["AA", "BB", "B", "CCC", None, "D"]
    assert scale.rated(pl.Series(scale.grades.pd), pl.Series([False] * 6)).to_list() == list(scale.grades.names)


def test_a_worse_probability_has_no_better_grade() -> None:
    told = packaged_scale().grades.of_pd(np.sort(np.random.default_rng(1).uniform(0, 1, 500) ** 4))
    assert (np.diff(told) >= 0).all()


def test_scores_can_be_graded_for_the_rules_that_ship() -> None:
    (rule,) = (rule for rule in packaged_rules() if rule.kind is RuleKind.RATING_DOWNGRADE)
    assert set(packaged_scale().names) <= set(rule.scale)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("grade = 1", "default"),
        ('default = "D"', "grade"),
        ("default =", "not TOML"),
        ('default = "B"\ngrade = [{ name = "A", pd = 0.01 }, { name = "B", pd = 0.02 }]', "in default, and of who is not"),
        ('default = "D"\ngrade = [{ name = "A", pd = 0.03 }, { name = "B", pd = 0.02 }]', "do not fall"),
        ('default = "D"\ngrade = [{ name = "A", pd = "1" }, { name = "B", pd = 0.02 }]', "pd a number"),
        ('default = "D"\ngrade = [{ name = "A" }, { name = "B", pd = 0.02 }]', "name and pd"),
    ],
)
def test_what_is_no_scale_is_refused(text: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=what) as refused:
        parse_scale(text, where="mine.toml")
    assert str(refused.value).startswith("mine.toml")


PDS: dict[str, tuple[float, float, int]] = {
    # Before, after, and the month of the change. Up by 0.06 and a grade (BB to B), then in default: foretold.
    "early": (0.006, 0.066, 9),
    # Up by 0.015 within B: too little for either rule; in default all the same.
    "missed": (0.020, 0.035, 9),
    # Up by 0.03 within B, never in default: a false alarm of the PD rule alone.
    "sound": (0.030, 0.060, 10),
    # From AA to BB, which is little in probability, and never in default: a false alarm of the migration rule alone.
    "down": (0.0001, 0.009, 11),
}
DEFAULTED = {"early": 15, "missed": 15}
"""The month at whose end the default is known."""


def planted(months: int = 15) -> pl.DataFrame:
    """Scores month by month, each known at its month's end, with their grades; who is in default has no score."""
    rows = [
        {
            "entity": name,
            "valid_time": end(number),
            "in_default": number >= DEFAULTED.get(name, 99),
            "pd": None if number >= DEFAULTED.get(name, 99) else after if number >= change else before,
        }
        for name, (before, after, change) in PDS.items()
        for number in range(1, months + 1)
    ]
    table = pl.DataFrame(rows, schema_overrides={"pd": pl.Float64})
    return table.with_columns(packaged_scale().rated(table["pd"], table["in_default"])).drop("in_default")


RULES = (
    Rule(
        name="test.pd",
        kind=RuleKind.PD_INCREASE,
        lookback=rule_from_dict(packaged_rules()[0].to_dict()).lookback,
        levels=(Level(severity=Severity.WARNING, open=0.02, close=0.01),),
    ),
    next(rule for rule in packaged_rules() if rule.kind is RuleKind.RATING_DOWNGRADE),
)


def test_the_worth_of_a_pd_rule_and_a_migration_rule_is_as_planted() -> None:
    table = planted()
    assert table.filter(pl.col("entity") == "early")["rating"].to_list() == ["BB"] * 8 + ["B"] * 6 + ["D"]
    assert table.filter(pl.col("entity") == "down")["rating"].unique().sort().to_list() == ["AA", "BB"]
    found = evaluate(table, RULES)
    spells = found.spells()
    pairs = set(spells.select("rule", "entity", "opened_at").rows())
    # Whoever is known to be in default is downgraded to D, then: it foretells nothing, and is late.
    assert pairs == {
        ("test.pd", "early", end(9)),
        ("test.pd", "sound", end(10)),
        ("obligor.rating_downgrade", "early", end(9)),
        ("obligor.rating_downgrade", "down", end(11)),
        ("obligor.rating_downgrade", "missed", end(15)),
    }
    defaults = pl.DataFrame({"entity": ["early", "missed"], "defaulted_at": [datetime(2021, 3, 4, tzinfo=UTC)] * 2})
    watched = table.select("entity", at="valid_time")
    rating, pd, anyone = rule_performance(spells, defaults, until=datetime(2022, 12, 31, tzinfo=UTC), watched=watched)
    for one, false in ((pd, "sound"), (rating, "down")):
        assert (one.precision.hits, one.precision.of) == (1, 2), false
        assert (one.recall.hits, one.recall.of) == (1, 2)
        assert one.lead_days is not None
        assert one.lead_days["p50"] == 155.0  # from 30 September to 4 March
    assert (pd.late, rating.late) == (0, 1)
    assert (anyone.precision.hits, anyone.precision.of) == (2, 4)


def test_what_is_known_later_changes_no_earlier_alert() -> None:
    whole = evaluate(planted(), RULES)
    for months in range(1, 15):
        then = evaluate(planted(months), RULES)
        assert then.spells(at=end(months)).equals(whole.spells(at=end(months)))
