"""One evaluation after another: on one history the second changes nothing of what it says, and no alert vanishes between its thresholds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import Tenor
from crfs.monitoring.alert_states import Severity
from crfs.monitoring.early_warning import Earlier, Level, Rule, RuleKind, Scope, carry_over, evaluate
from tests.monitoring.early_warning.test_evaluation import START, kinds, persistence, rule, tables
from tests.thorough import cases

DAY = datetime(2026, 1, 31, tzinfo=UTC)
USE = Rule(
    name="sector.use",
    kind=RuleKind.LIMIT_USE,
    scope=Scope.SECTOR,
    max_age=Tenor.parse("P60D"),
    levels=(Level(severity=Severity.INFO, open=0.8, close=0.75), Level(severity=Severity.CRITICAL, open=1.0, close=0.95)),
)


def used(*values: float, entity: str = "energy") -> dict[str, pl.DataFrame]:
    days = [DAY + timedelta(days=30 * number) for number in range(len(values))]
    return {"sector": pl.DataFrame({"entity": entity, "valid_time": days, "limit_use": values, "rests_on": "batch 7"})}


def left(found: Any) -> list[Earlier]:
    return [Earlier(rule=c.rule, subject=c.subject, severity=c.severity, evidence=c.evidence) for c in found]


def day(number: int) -> datetime:
    return DAY + timedelta(days=30 * number)


@cases(80)
@given(tables(), kinds, persistence, st.integers(0, 300), st.integers(0, 300), st.none() | st.just(Tenor.parse("P60D")))
def test_on_one_history_what_an_earlier_evaluation_left_changes_nothing(
    table: pl.DataFrame, kind: RuleKind, lasting: dict[str, int], first: int, more: int, age: Tenor | None
) -> None:
    one = rule(kind, max_age=age, **lasting)
    then, now = START + timedelta(days=first), START + timedelta(days=first + more)
    earlier = left(evaluate(table, [one], as_of=then).conditions(then)) if table["knowledge_time"].min() <= then else []  # type: ignore[operator]
    found = evaluate(table, [one])
    carried = carry_over(found, earlier, now)
    assert list(carried.conditions) == found.conditions(now)
    live = {condition.subject for condition in carried.conditions}
    assert {ended.subject for ended in carried.ended} == {alert.subject for alert in earlier} - live
    assert carried.unseen == ()


def test_an_alert_stays_between_its_thresholds_where_the_past_is_told_otherwise() -> None:
    earlier = left(evaluate(used(0.85), [USE]).conditions(DAY))
    # Limits were raised a little, so that by them it would never have opened.
    again = carry_over(evaluate(used(0.79, 0.77), [USE]), earlier, day(1))
    assert [(condition.subject, condition.severity) for condition in again.conditions] == [("sector/energy", Severity.INFO)]
    assert again.conditions[0].evidence["opened_at"] == DAY.isoformat()
    assert (again.conditions[0].evidence["value"], again.conditions[0].evidence["rests_on"]) == (0.77, "batch 7")
    # And a good deal: what it rests on is behind the threshold.
    gone = carry_over(evaluate(used(0.6), [USE]), earlier, DAY)
    assert gone.conditions == ()
    assert gone.ended[0].reason == "its condition has gone: limit_use 0.6"
    assert gone.ended[0].evidence["value"] == 0.6
    assert gone.ended[0].title == "sector energy: closed at limit_use 0.6, after 0.85"
    # Once closed it does not come back between the thresholds.
    assert carry_over(evaluate(used(0.85, 0.7, 0.77), [USE]), earlier, day(2)).conditions == ()


def test_a_severity_stays_between_its_own_thresholds() -> None:
    earlier = left(evaluate(used(1.1), [USE]).conditions(DAY))
    assert earlier[0].severity is Severity.CRITICAL
    for value, severity in ((0.97, Severity.CRITICAL), (0.9, Severity.INFO)):
        (condition,) = carry_over(evaluate(used(0.9, value), [USE]), earlier, day(1)).conditions
        assert condition.severity is severity


def test_what_is_not_seen_stays_until_its_value_is_too_old() -> None:
    earlier = left(evaluate(used(0.9), [USE]).conditions(DAY))
    other = evaluate(used(0.1, 0.1, 0.1, entity="retail"), [USE])
    assert carry_over(other, earlier, day(1)).unseen == (("sector.use", "sector/energy"),)
    (ended,) = carry_over(other, earlier, day(2)).ended
    assert ended.reason == "its last value, of 2026-01-31, is older than P60D"
    seen = carry_over(evaluate(used(0.9), [USE]), earlier, day(2))
    assert (seen.conditions, seen.ended[0].reason) == ((), ended.reason)


def test_alerts_of_other_rules_are_left_alone() -> None:
    other = Earlier(rule="obligor.other", subject="obligor/A", severity=Severity.INFO, evidence={})
    found = carry_over(evaluate(used(0.1), [USE]), [other], DAY)
    assert (found.conditions, found.ended, found.unseen) == ((), (), ())


def test_economic_capital_is_compared_with_the_run_before_where_no_lookback_is_given() -> None:
    drift = Rule(
        name="portfolio.drift",
        kind=RuleKind.EC_DRIFT,
        scope=Scope.PORTFOLIO,
        levels=(Level(severity=Severity.INFO, open=3.0, close=2.0),),
    )
    days = [DAY, DAY + timedelta(hours=1), DAY + timedelta(days=90)]
    runs = pl.DataFrame(
        {"entity": "corp", "valid_time": days, "ec": [100.0, 105.0, 104.0], "ec_se": 1.0, "rests_on": ["run a", "run b", "run c"]}
    )
    found = evaluate({"portfolio": runs}, [drift])
    assert found.conditions(days[0]) == []
    (condition,) = found.conditions(days[1])
    assert (condition.evidence["rests_on"], condition.evidence["before_rests_on"]) == ("run b", "run a")
    assert condition.evidence["signal"] == 5.0 / 2.0**0.5
    assert found.conditions(days[2]) == []
