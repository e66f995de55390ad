"""Rules on tables: the same as loops written from their sentences, no look into the future, no flapping, and alerts that fit their life."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import Tenor
from crfs.errors import InvalidInput
from crfs.monitoring.alert_states import AlertState, Severity, Standing, after_sighting
from crfs.monitoring.early_warning import Level, Rule, RuleKind, Scope, applicable, evaluate
from tests.monitoring.early_warning.nested_loops import sightings as by_hand
from tests.thorough import cases

START = datetime(2020, 1, 31, tzinfo=UTC)
SCALE = ("A", "B", "C")
THRESHOLDS: Mapping[RuleKind, tuple[float, float, float, float]] = {
    RuleKind.PD_INCREASE: (0.1, 0.05, 0.3, 0.2),
    RuleKind.PD_RELATIVE_INCREASE: (0.5, 0.2, 2.0, 1.0),
    RuleKind.RATING_DOWNGRADE: (1.0, 1.0, 2.0, 1.0),
    RuleKind.UTILISATION_JUMP: (0.3, 0.1, 0.6, 0.3),
    RuleKind.DAYS_PAST_DUE: (30.0, 1.0, 90.0, 60.0),
    RuleKind.SPREAD_MOVE: (1.0, 0.5, 2.0, 1.0),
    RuleKind.SENTIMENT: (-0.3, -0.1, -0.6, -0.4),
    RuleKind.COVENANT: (0.1, 0.2, 0.0, 0.1),
    RuleKind.LIMIT_USE: (0.9, 0.8, 1.0, 0.95),
    RuleKind.EC_DRIFT: (2.0, 1.5, 4.0, 3.0),
    RuleKind.LEVEL: (0.5, 0.4, 0.9, 0.8),
    RuleKind.LOW_LEVEL: (0.5, 0.6, 0.1, 0.2),
}
LOOKBACK = Tenor.parse("P1M")


def rule(kind: RuleKind, **changes: Any) -> Rule:
    first, calm, worse, less = THRESHOLDS[kind]
    given_fields: dict[str, Any] = {
        "name": f"test.{kind.value}",
        "kind": kind,
        "levels": (Level(severity=Severity.WARNING, open=first, close=calm), Level(severity=Severity.CRITICAL, open=worse, close=less)),
        "lookback": LOOKBACK if kind.looks_back else None,
        "scale": SCALE if kind is RuleKind.RATING_DOWNGRADE else (),
        "column": "extra" if kind in {RuleKind.LEVEL, RuleKind.LOW_LEVEL} else None,
        **({"window": 4, "least": 3} if kind is RuleKind.SPREAD_MOVE else {"window": 3, "least": 2} if kind is RuleKind.SENTIMENT else {}),
    }
    return Rule(**{**given_fields, **changes})


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "pd": st.none() | st.sampled_from([0.0, 0.01, 0.1, 0.2, 0.5, 1.0]),
    "rating": st.none() | st.sampled_from(SCALE),
    "utilisation": st.none() | st.sampled_from([0.0, 0.2, 0.5, 1.2]),
    "days_past_due": st.none() | st.sampled_from([0.0, 15.0, 31.0, 95.0]),
    "spread_bp": st.none() | st.sampled_from([90.0, 100.0, 101.0, 110.0, 180.0]),
    "sentiment": st.none() | st.sampled_from([-0.9, -0.35, -0.2, 0.0, 0.5]),
    "covenant_headroom": st.none() | st.sampled_from([-0.1, 0.05, 0.15, 0.4]),
    "limit_use": st.none() | st.sampled_from([0.5, 0.85, 0.92, 1.1]),
    "ec": st.none() | st.sampled_from([100.0, 103.0, 110.0]),
    "ec_se": st.none() | st.sampled_from([0.0, 1.0, 3.0]),
    "extra": st.none() | st.sampled_from([0.0, 0.15, 0.45, 0.55, 0.95]),
}
MONTHS = st.integers(0, 9)
ENDS = [pl.Series([START]).dt.offset_by(f"{month}mo").dt.month_end()[0] for month in range(10)]


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Month ends of a few entities, known late or early, revised, filled in afterwards, with holes."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(["O1", "O2"]), MONTHS, st.sampled_from([-20, 0, 5, 40, 100])), min_size=1, max_size=14, unique=True
        )
    )
    rows = []
    for entity, month, late in keys:
        time = ENDS[month]
        cells = {name: draw(strategy) for name, strategy in VALUES.items()}
        rows.append({"entity": entity, "valid_time": time, "knowledge_time": time + timedelta(days=late), **cells})
    schema = {name: pl.String if name == "rating" else pl.Float64 for name in VALUES}
    return pl.DataFrame(rows, schema_overrides=schema)


kinds = st.sampled_from(list(RuleKind))
persistence = st.fixed_dictionaries({"count": st.integers(1, 2), "of": st.integers(2, 3), "clear": st.integers(1, 3)})


def seen(table: pl.DataFrame, one: Rule) -> dict[str, list[tuple[Any, ...]]]:
    found = evaluate(table, [one]).sightings[one.name]
    return {
        str(key[0]): part.select("at", "signal", "value", "before", "level").rows()
        for key, part in found.group_by("entity", maintain_order=True)
    }


@cases(120)
@given(tables(), kinds, persistence, st.none() | st.just(Tenor.parse("P60D")), st.sampled_from([0.0, 0.05]))
def test_it_is_what_its_sentences_say(
    table: pl.DataFrame, kind: RuleKind, lasting: dict[str, int], age: Tenor | None, floor: float
) -> None:
    one = rule(kind, max_age=age, floor=floor, **lasting)
    expected = by_hand(table.to_dicts(), one)
    found = seen(table, one)
    assert set(found) == {entity for entity, history in expected.items() if history}
    for entity, rows in found.items():
        history = expected[entity]
        assert [row[0] for row in rows] == [one_seen.at for one_seen in history]
        for row, one_seen in zip(rows, history, strict=True):
            assert row[1] == (None if one_seen.signal is None else pytest.approx(one_seen.signal, abs=1e-9, rel=1e-9))
            assert row[2:4] == (one_seen.value, one_seen.before)
            assert row[4] == one_seen.level


@cases(60)
@given(tables(), kinds, persistence, st.integers(0, 400))
def test_later_knowledge_changes_nothing_earlier(table: pl.DataFrame, kind: RuleKind, lasting: dict[str, int], days: int) -> None:
    one, moment = rule(kind, **lasting), START + timedelta(days=days)
    early = table.filter(pl.col("knowledge_time") <= moment)
    if early.is_empty():
        return
    now, then = evaluate(table, [one]), evaluate(early, [one])
    part = pl.col("at") <= moment
    assert now.sightings[one.name].filter(part).equals(then.sightings[one.name].filter(part))
    assert now.conditions(moment) == then.conditions(moment)
    assert now.spells(at=moment).equals(then.spells(at=moment))
    assert evaluate(table, [one], as_of=moment).conditions(moment) == then.conditions(moment)


@cases(40)
@given(tables(), kinds, persistence, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table: pl.DataFrame, kind: RuleKind, lasting: dict[str, int], random: Any) -> None:
    one, order = rule(kind, **lasting), list(range(table.height))
    random.shuffle(order)
    assert evaluate(table[order], [one]).sightings[one.name].equals(evaluate(table, [one]).sightings[one.name])


@cases(25)
@given(tables(), kinds, persistence)
def test_one_entity_knows_nothing_of_another(table: pl.DataFrame, kind: RuleKind, lasting: dict[str, int]) -> None:
    one = rule(kind, **lasting)
    together = evaluate(table, [one]).sightings[one.name]
    for entity in table["entity"].unique():
        alone = evaluate(table.filter(pl.col("entity") == entity), [one]).sightings[one.name]
        assert together.filter(pl.col("entity") == entity).equals(alone)


def level_table(values: list[float | None], *, entity: str = "O1") -> pl.DataFrame:
    days = [START + timedelta(days=k) for k in range(len(values))]
    return pl.DataFrame({"entity": entity, "valid_time": days, "extra": values}, schema_overrides={"extra": pl.Float64})


@given(st.lists(st.floats(0.4, 0.5, exclude_max=True), min_size=1, max_size=30), st.booleans(), st.integers(1, 3), st.integers(1, 3))
def test_within_the_band_nothing_ever_changes(values: list[float], on: bool, of: int, clear: int) -> None:
    """Whatever the signal does between closing and opening, the alert is what it was."""
    one = rule(RuleKind.LEVEL, count=1, of=of, clear=clear)
    before = [0.7] * 3 if on else [0.1] * 3
    found = evaluate(level_table([*before, *values]), [one])
    assert found.sightings[one.name]["level"].to_list()[3:] == [int(on)] * len(values)
    assert found.events().height == int(on)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40))
def test_an_alert_changes_no_more_often_than_the_signal_crosses_the_whole_band(values: list[float]) -> None:
    one = replace(rule(RuleKind.LEVEL), levels=(Level(severity=Severity.WARNING, open=0.5, close=0.4),))
    crossings, side = 0, False
    for value in values:
        if (value >= 0.5 and not side) or (value < 0.4 and side):
            crossings, side = crossings + 1, not side
    assert evaluate(level_table(list(values)), [one]).events().height == crossings


def test_an_alert_waits_for_n_of_m_and_for_calm() -> None:
    one = replace(rule(RuleKind.LEVEL, count=2, of=3, clear=2), levels=(Level(severity=Severity.WARNING, open=0.5, close=0.4),))
    values: list[float | None] = [0.6, 0.1, 0.6, 0.1, None, 0.1, 0.1, 0.6, 0.1, 0.1, 0.6]
    found = evaluate(level_table(values), [one])
    # A blank says nothing: the third is the second of three beyond, and calm comes with two in a row.
    assert found.sightings[one.name]["level"].to_list() == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
    assert found.spells().select("opened_at", "closed_at").rows() == [(START + timedelta(days=2), START + timedelta(days=5))]


def test_looking_again_at_the_same_is_no_second_observation() -> None:
    """A row that came a second time as it was, and one of an old period, are nothing new."""
    one = rule(RuleKind.LEVEL, count=2, of=2)
    table = level_table([0.1, 0.6]).with_columns(knowledge_time=pl.col("valid_time"))
    late = pl.DataFrame({"entity": ["O1"], "valid_time": [START], "extra": [0.7], "knowledge_time": [START + timedelta(days=9)]})
    assert evaluate(pl.concat([table, late]), [one]).spells().is_empty()


def test_an_alert_worsens_eases_and_closes_once_each() -> None:
    one = rule(RuleKind.LEVEL)
    found = evaluate(level_table([0.1, 0.6, 0.95, 0.85, 0.5, 0.41, 0.39]), [one])
    assert found.events().select("severity_before", "severity").rows() == [
        (None, "warning"),
        ("warning", "critical"),
        ("critical", "warning"),
        ("warning", None),
    ]
    (spell,) = found.spells().to_dicts()
    assert spell["key"] == "test.level/obligor/O1"
    assert (spell["severity"], spell["opened_at"], spell["closed_at"]) == ("critical", START + timedelta(days=1), START + timedelta(days=6))


def test_a_value_that_is_too_old_alarms_nobody() -> None:
    one = rule(RuleKind.LEVEL, max_age=Tenor.parse("P3D"))
    table = level_table([0.6, *[None] * 9, 0.45])
    found = evaluate(table, [one])
    assert [condition.subject for condition in found.conditions(START + timedelta(days=2))] == ["obligor/O1"]
    assert found.conditions(START + timedelta(days=3)) == []
    first, second = found.spells().select("opened_at", "closed_at").rows()
    assert first == (START, START + timedelta(days=3))
    assert second == (START + timedelta(days=10), START + timedelta(days=13))  # within the band it is what it was, and is known again
    assert found.spells(at=START + timedelta(days=11))["closed_at"].to_list() == [START + timedelta(days=3), None]


@cases(15)
@given(tables(), st.integers(0, 400))
def test_conditions_fit_the_life_of_alerts(table: pl.DataFrame, days: int) -> None:
    rules = [rule(kind) for kind in RuleKind]
    found = evaluate(table, rules)
    moment = START + timedelta(days=days)
    conditions = found.conditions(moment)
    keys = [(condition.rule, condition.subject) for condition in conditions]
    assert keys == sorted(set(keys))
    spells = found.spells(at=moment).filter(pl.col("closed_at").is_null())
    assert sorted(f"{rule_name}/{subject}" for rule_name, subject in keys) == sorted(spells["key"].to_list())
    for condition in conditions:
        assert json.loads(json.dumps(condition.evidence)) == condition.evidence
        assert {"value", "open", "close", "column", "kind", "opened_at", "seen_at"} <= set(condition.evidence)
        assert condition.title.startswith(f"obligor {condition.subject.removeprefix('obligor/')}: ")
        assert after_sighting(None, condition, moment) is AlertState.OPEN
        worse = Standing(state=AlertState.ACKNOWLEDGED, severity=Severity.WARNING)
        expected = AlertState.OPEN if condition.severity is Severity.CRITICAL else AlertState.ACKNOWLEDGED
        assert after_sighting(worse, condition, moment) is expected
    summary = found.summary(moment)
    assert sum(summary["live"].to_list()) == len(conditions)
    assert sum(summary["warning"].to_list() + summary["critical"].to_list()) == len(conditions)


def test_evidence_says_what_fired() -> None:
    days = [START, datetime(2020, 2, 29, tzinfo=UTC)]
    table = pl.DataFrame(
        {"entity": "O1", "valid_time": days, "pd": [0.01, 0.025], "rating": ["A", "C"], "ec": [100.0, 110.0], "ec_se": [1.0, 1.0]}
    )
    rules = [rule(kind) for kind in (RuleKind.PD_RELATIVE_INCREASE, RuleKind.RATING_DOWNGRADE, RuleKind.EC_DRIFT)]
    drift, growth, rating = evaluate(table, rules).conditions(days[1])
    assert growth.title == "obligor O1: pd 0.025 after 0.01"
    assert growth.evidence["signal"] == pytest.approx(1.5)
    assert (growth.evidence["open"], growth.evidence["close"], growth.severity) == (0.5, 0.2, Severity.WARNING)
    assert growth.evidence["before_time"] == "2020-01-31T00:00:00+00:00"
    assert (rating.title, rating.severity) == ("obligor O1: rating C after A, +2 grades", Severity.CRITICAL)
    assert drift.evidence["signal"] == pytest.approx(10.0 / 2**0.5)
    assert drift.severity is Severity.CRITICAL


def test_a_drift_within_its_own_error_is_none() -> None:
    days = [START, datetime(2020, 2, 29, tzinfo=UTC)]
    table = pl.DataFrame({"entity": "book", "valid_time": days, "ec": [100.0, 110.0], "ec_se": [4.0, 4.0]})
    one = rule(RuleKind.EC_DRIFT, scope=Scope.PORTFOLIO)
    assert evaluate({"portfolio": table}, [one]).conditions(days[1]) == []
    (condition,) = evaluate({"portfolio": table.with_columns(ec_se=3.0)}, [one]).conditions(days[1])
    assert condition.subject == "portfolio/book"


def test_a_drift_of_answers_without_an_error_says_so_and_their_rounding_is_none() -> None:
    days = [START, datetime(2020, 2, 29, tzinfo=UTC)]
    one = rule(RuleKind.EC_DRIFT, scope=Scope.PORTFOLIO)
    table = pl.DataFrame({"entity": "book", "valid_time": days, "ec": [100.0, 110.0], "ec_se": [0.0, 0.0]})
    (condition,) = evaluate({"portfolio": table}, [one]).conditions(days[1])
    assert condition.title == "portfolio book: ec 110 after 100, and the answers have no error that could explain it"
    assert condition.evidence["signal"] == 1e6
    again = table.with_columns(ec=pl.Series([100.0, 100.0 * (1.0 + 1e-12)]))
    assert evaluate({"portfolio": again}, [one]).conditions(days[1]) == []


def test_a_spread_that_leaves_changes_that_were_all_the_same_says_so() -> None:
    days = [datetime(2020, 1, day, tzinfo=UTC) for day in range(1, 9)]
    table = pl.DataFrame({"entity": "O1", "valid_time": days, "spread_bp": [*(100.0 + number for number in range(7)), 190.0]})
    one = rule(RuleKind.SPREAD_MOVE, lookback=Tenor.parse("P1D"), window=5, least=3)
    (condition,) = evaluate(table, [one]).conditions(days[-1])
    assert condition.title == "obligor O1: spread_bp 190 after 106, where it had always changed alike"


def test_each_rule_looks_at_the_table_of_its_scope() -> None:
    obligors, sectors = level_table([0.6]), level_table([0.95], entity="steel")
    rules = [rule(RuleKind.LEVEL), rule(RuleKind.LEVEL, name="test.sector", scope=Scope.SECTOR)]
    found = evaluate({"obligor": obligors, "sector": sectors}, rules).conditions(START)
    assert [(one.rule, one.subject, one.severity) for one in found] == [
        ("test.level", "obligor/O1", Severity.WARNING),
        ("test.sector", "sector/steel", Severity.CRITICAL),
    ]
    with pytest.raises(InvalidInput, match="table of scope sector, which was not given"):
        evaluate(obligors, rules)
    with pytest.raises(InvalidInput, match="no rule"):
        evaluate(obligors, [])
    with pytest.raises(InvalidInput, match=r"more than one rule is called test\.level"):
        evaluate(obligors, [rules[0], rules[0]])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"pd": [0.1, 1.5]}, "row 2, column pd: out_of_range"),
        ({"pd": [0.1, float("nan")]}, "row 2, column pd: not_finite"),
        ({"pd": ["0.1", "much"]}, "row 2, column pd: not_a_number"),
        ({"entity": ["O1", None]}, "row 2, column entity: missing"),
        ({"valid_time": [START, START]}, "row 2, column knowledge_time: duplicate"),
        ({"valid_time": ["2020-01-31", "soon"]}, "row 2, column valid_time: wrong_type"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(change: dict[str, list[Any]], match: str) -> None:
    base: dict[str, Any] = {"entity": ["O1", "O1"], "valid_time": [START, START + timedelta(days=31)], "pd": [0.1, 0.2]}
    with pytest.raises(InvalidInput, match=match):
        evaluate(pl.DataFrame({**base, **change}, strict=False), [rule(RuleKind.PD_INCREASE)])


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_time_of_knowledge_is_that_of_the_value(blank: str | None) -> None:
    one = rule(RuleKind.PD_INCREASE)
    text = pl.DataFrame({"entity": "O1", "valid_time": ["2020-01-31", "2020-02-29", "2020-03-31"], "pd": ["0.1", "0.2", "0.5"]})
    some = text.with_columns(knowledge_time=pl.Series(["2020-02-10", blank, "2020-05-01T08:00:00Z"]))
    told = text.with_columns(knowledge_time=pl.Series(["2020-02-10", "2020-02-29", "2020-05-01T08:00:00Z"]))
    assert evaluate(some, [one]).sightings[one.name].equals(evaluate(told, [one]).sightings[one.name])
    none = text.with_columns(knowledge_time=pl.Series([blank] * 3))
    assert evaluate(none, [one]).sightings[one.name].equals(evaluate(text, [one]).sightings[one.name])
    instants = some.with_columns(pl.col("valid_time").str.to_datetime(time_zone="UTC"), pl.lit(None).alias("knowledge_time"))
    assert evaluate(instants, [one]).sightings[one.name].equals(evaluate(text, [one]).sightings[one.name])


def test_tables_may_come_as_text_and_days() -> None:
    one = rule(RuleKind.PD_INCREASE)
    text = pl.DataFrame({"entity": "O1", "valid_time": ["2020-01-31", "2020-02-29"], "pd": ["0.1", "0.2"], "comment": "x"})
    days = text.with_columns(pl.col("valid_time").str.to_date(), pl.col("pd").cast(pl.Float64))
    assert evaluate(text, [one]).sightings[one.name].equals(evaluate(days, [one]).sightings[one.name])
    with pytest.raises(InvalidInput, match="no time zone"):
        evaluate(days.with_columns(pl.col("valid_time").cast(pl.Datetime("us"))), [one])
    with pytest.raises(InvalidInput, match="no column pd"):
        evaluate(days.drop("pd"), [one])
    with pytest.raises(InvalidInput, match="'Z' of 'O1' is no grade"):
        evaluate(days.with_columns(rating=pl.lit("Z")), [rule(RuleKind.RATING_DOWNGRADE)])


def test_rules_that_cannot_look_are_told_apart() -> None:
    rules = [rule(RuleKind.LEVEL), rule(RuleKind.EC_DRIFT), rule(RuleKind.LIMIT_USE, scope=Scope.SECTOR)]
    usable, notes = applicable({"obligor": level_table([0.6])}, rules)
    assert usable == (rules[0],)
    assert notes == (
        "test.ec_drift: the table of scope obligor has no column ec, ec_se",
        "test.limit_use: there is no table of scope sector",
    )


def test_rules_that_see_nothing_say_nothing() -> None:
    one = rule(RuleKind.LEVEL)
    found = evaluate(level_table([None, None]), [one])
    assert found.conditions(START) == []
    assert found.spells().is_empty()
    assert found.events().is_empty()
    assert found.summary(START)["entities"].to_list() == [0]
