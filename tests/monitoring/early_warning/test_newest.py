"""How far back rules look: what lies before changes nothing of what they say of the last observation on its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.bitemporal import Tenor
from crfs.monitoring.early_warning import Rule, RuleKind, evaluate, first_needed
from tests.monitoring.early_warning.test_evaluation import persistence, rule
from tests.thorough import cases

START = datetime(2026, 1, 1, tzinfo=UTC)
RULES = {
    RuleKind.LIMIT_USE: ("limit_use", [0.5, 0.85, 0.92, 1.1]),
    RuleKind.EC_DRIFT: ("ec", [100.0, 103.0, 110.0]),
    RuleKind.SENTIMENT: ("sentiment", [-0.9, -0.35, -0.2, 0.5]),
    RuleKind.SPREAD_MOVE: ("spread_bp", [90.0, 100.0, 101.0, 110.0, 180.0]),
}
LOOKBACKS = {"P5D": Tenor.parse("P5D"), "P1M": Tenor.parse("P1M")}


@cases(150)
@given(st.sampled_from(list(RULES)), persistence, st.sampled_from(list(LOOKBACKS)), st.booleans(), st.data())
def test_what_lies_before_changes_no_signal_that_the_last_observations_count(
    kind: RuleKind, lasting: dict[str, int], lookback: str, plain: bool, data: st.DataObject
) -> None:
    column, values = RULES[kind]
    back = None if kind is RuleKind.EC_DRIFT and plain else LOOKBACKS[lookback]
    one = rule(kind, **({"lookback": back} if kind.looks_back else {}), **lasting)
    gaps = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=70))
    times = [START + timedelta(days=sum(gaps[: number + 1])) for number in range(len(gaps))]
    told = data.draw(st.lists(st.sampled_from(values), min_size=len(gaps), max_size=len(gaps)))
    table = pl.DataFrame({"entity": "A", "valid_time": times, column: told, "ec_se": 1.0})
    first = first_needed(times, [one], least=1)
    counted = max(one.of, one.clear)
    whole, part = (_signals(table.slice(start), one)[-counted:] for start in (0, first))
    assert part == pytest.approx(whole[-len(part) :], nan_ok=True)
    assert len(part) == len(whole)


def _signals(table: pl.DataFrame, one: Rule) -> list[float]:
    return evaluate({"obligor": table}, [one]).sightings[one.name]["signal"].fill_null(float("nan")).to_list()


def test_no_more_is_needed_than_there_is() -> None:
    assert first_needed([], [rule(RuleKind.EC_DRIFT)], least=12) == 0
    assert first_needed([START], [rule(RuleKind.EC_DRIFT), rule(RuleKind.LIMIT_USE, of=9)], least=12) == 0
    assert first_needed([START + timedelta(days=n) for n in range(30)], [], least=12) == 18
