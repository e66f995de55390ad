"""Rules as they are written: the ones that ship, the JSON form, and what is refused by name."""

from __future__ import annotations

import re

import pytest

from crfs.errors import InvalidInput
from crfs.monitoring.alert_states import Severity
from crfs.monitoring.early_warning import RuleKind, Scope, packaged_rules, parse_rules, rule_from_dict

TEXT = """
[[rule]]
name = "obligor.spread"
kind = "spread_move"
scope = "obligor"
lookback = "P1M"
max_age = "P2M"
count = 2
of = 3
clear = 2
floor = 10.0
window = 24
least = 6
levels = [{ severity = "warning", open = 2.0, close = 1.0 }, { severity = "critical", open = 4, close = 2 }]
"""


def test_the_rules_that_ship_are_read_and_cover_every_kind_that_has_a_column_of_its_own() -> None:
    rules = packaged_rules()
    assert {rule.kind for rule in rules} == set(RuleKind) - {RuleKind.LEVEL, RuleKind.LOW_LEVEL}
    assert {rule.scope for rule in rules} == set(Scope)
    for rule in rules:
        assert rule.name.startswith(f"{rule.scope.value}.")
        assert rule_from_dict(rule.to_dict()) == rule


def test_a_rule_has_every_key() -> None:
    (rule,) = parse_rules(TEXT, where="x.toml")
    assert (rule.count, rule.of, rule.clear, rule.floor, rule.window, rule.least) == (2, 3, 2, 10.0, 24, 6)
    assert [level.severity for level in rule.levels] == [Severity.WARNING, Severity.CRITICAL]
    assert (str(rule.lookback), str(rule.max_age), rule.watched) == ("P1M", "P2M", "spread_bp")
    assert rule_from_dict(rule.to_dict()) == rule


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("[[rule]]", "[[rules]]", "nothing else"),
        ("[[rule]]", "[[rule", "not TOML"),
        ('name = "obligor.spread"', 'name = "Spread"', "dotted lower case"),
        ('name = "obligor.spread"', "", "it needs name"),
        ('kind = "spread_move"', 'kind = "spreads"', "it is one of pd_increase"),
        ('kind = "spread_move"', "", "it needs kind"),
        ('scope = "obligor"', 'scope = "country"', "scope = 'country': known: obligor, sector, portfolio"),
        ('scope = "obligor"', 'colour = "red"', "unknown key 'colour'"),
        ('lookback = "P1M"', "", "give lookback"),
        ('lookback = "P1M"', 'lookback = "a month"', "no ISO 8601 duration"),
        ("count = 2", "count = 4", "1 <= count <= of"),
        ("clear = 2", "clear = 0", "clear is at least 1"),
        ("floor = 10.0", "floor = -1.0", "floor not negative"),
        ("least = 6", "least = 2", "3 <= least <= window"),
        ("close = 1.0", "close = 3.0", "is not below open"),
        ("open = 4", "open = 1.5", "is not below open"),
        ("open = 4, close = 2", "open = 1.8, close = 0.5", "milder than those of warning"),
        ('severity = "critical"', 'severity = "warning"', "from the mildest severity"),
        ('severity = "critical"', 'severity = "awful"', "severity = 'awful'"),
        ("open = 4", 'open = "4"', "finite number"),
        ("open = 4", "open = nan", "finite number"),
        ("levels = [{", "levels = [1, {", "a level is a table"),
    ],
)
def test_what_does_not_fit_is_named_with_the_file(old: str, new: str, match: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidInput, match=rf"x\.toml: .*{re.escape(match)}"):
        parse_rules(TEXT.replace(old, new, 1), where="x.toml")


def test_low_is_bad_turns_the_thresholds_round() -> None:
    base = {"name": "obligor.covenant", "kind": "covenant"}
    rule = rule_from_dict(
        {**base, "levels": [{"severity": "warning", "open": 0.1, "close": 0.2}, {"severity": "critical", "open": 0.0, "close": 0.1}]}
    )
    assert rule.kind.low_is_bad
    with pytest.raises(InvalidInput, match="is not above open"):
        rule_from_dict({**base, "levels": [{"severity": "warning", "open": 0.1, "close": 0.05}]})


def test_names_are_given_once() -> None:
    with pytest.raises(InvalidInput, match=r"more than one rule is called obligor\.spread"):
        parse_rules(TEXT + TEXT, where="x.toml")
    with pytest.raises(InvalidInput, match="needs the column"):
        rule_from_dict({"name": "a.b", "kind": "level", "levels": [{"severity": "info", "open": 1.0, "close": 0.0}]})
    with pytest.raises(InvalidInput, match="scale lists the grades"):
        rule_from_dict(
            {"name": "a.b", "kind": "rating_downgrade", "lookback": "P1M", "levels": [{"severity": "info", "open": 1.0, "close": 1.0}]}
        )
    with pytest.raises(InvalidInput, match="it needs a level"):
        rule_from_dict({"name": "a.b", "kind": "limit_use", "levels": []})


@pytest.mark.parametrize("name", ["count", "of", "clear", "window", "least"])
def test_a_rule_counts_a_bounded_number_of_observations(name: str) -> None:
    rule = {"name": "a.b", "kind": "days_past_due", "levels": [{"severity": "info", "open": 1, "close": 1}]}
    with pytest.raises(InvalidInput, match=f"{name} is at most 1,000 observations"):
        rule_from_dict({**rule, name: 99_999_999_999})
