"""What rules were worth: counted by hand on small cases, by loops on random ones, with intervals as statsmodels has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from crfs.errors import InvalidInput
from crfs.monitoring.early_warning import rule_performance, wilson

START = datetime(2020, 1, 1, tzinfo=UTC)
INSTANT = pl.Datetime("us", "UTC")


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def alerts(rows: list[tuple[str, str, int, int | None]]) -> pl.DataFrame:
    told = [(rule, entity, day(opened), None if closed is None else day(closed)) for rule, entity, opened, closed in rows]
    return pl.DataFrame(told, schema={"rule": pl.String, "entity": pl.String, "opened_at": INSTANT, "closed_at": INSTANT}, orient="row")


def events(rows: list[tuple[str, int]], name: str) -> pl.DataFrame:
    return pl.DataFrame([(entity, day(at)) for entity, at in rows], schema={"entity": pl.String, name: INSTANT}, orient="row")


@given(st.integers(0, 500), st.integers(1, 500), st.sampled_from([0.8, 0.95, 0.99]))
def test_intervals_are_wilsons(hits: int, of: int, confidence: float) -> None:
    assume(hits <= of)
    share = wilson(hits, of, confidence=confidence)
    low, high = proportion_confint(hits, of, alpha=1 - confidence, method="wilson")
    assert share.low == pytest.approx(low, abs=1e-12)
    assert share.high == pytest.approx(high, abs=1e-12)
    assert share.value == hits / of


def test_nothing_to_count_is_no_share() -> None:
    assert wilson(0, 0).to_dict() == {"hits": 0, "of": 0, "value": None, "low": None, "high": None}
    with pytest.raises(InvalidInput, match="hits of trials"):
        wilson(2, 1)


def test_a_small_case_by_hand() -> None:
    told = alerts(
        [
            ("r", "A", 0, 50),  # A defaults on day 90: foretold, 90 days before
            ("r", "A", 60, None),  # once more, 30 days before
            ("r", "B", 0, 20),  # B never defaults: a false alarm
            ("r", "C", 0, 10),  # C defaults on day 150, after the window
            ("r", "D", 380, None),  # its window is open
            ("r", "E", 30, None),  # E defaulted on day 30: too late
        ]
    )
    defaults = events([("A", 90), ("A", 300), ("C", 150), ("E", 30), ("F", 200), ("G", 500)], "defaulted_at")
    one, anyone = rule_performance(told, defaults, until=day(400), window="P100D")
    assert (one.rule, anyone.rule) == ("r", "any rule")
    assert (one.precision.hits, one.precision.of) == (2, 4)
    assert (one.recall.hits, one.recall.of) == (1, 4)  # A of A, C, E, F; G is not known yet
    assert (one.undecided, one.late) == (1, 1)
    assert one.lead_days is not None
    assert (one.lead_days["mean"], one.lead_days["p50"]) == (90.0, 90.0)
    assert one.false_alarm_rate is None
    assert anyone.precision == one.precision
    json.dumps(one.to_dict())


def test_false_alarms_are_moments_in_alert_without_a_default_after_them() -> None:
    told = alerts([("r", "A", 10, 30), ("s", "A", 20, 40)])
    watched = events([(entity, at) for entity in ("A", "B") for at in (0, 15, 25, 35, 45)], "at")
    defaults = events([("B", 40)], "defaulted_at")
    r, s, anyone = rule_performance(told, defaults, until=day(100), window="P20D", watched=watched)
    # B: 0 and 15 are calm (no default within 20 days), 25 and 35 are not, 45 is after it.
    assert r.false_alarm_rate is not None
    assert (r.false_alarm_rate.hits, r.false_alarm_rate.of) == (2, 7)
    assert s.false_alarm_rate is not None
    assert (s.false_alarm_rate.hits, s.false_alarm_rate.of) == (2, 7)
    assert anyone.false_alarm_rate is not None
    assert (anyone.false_alarm_rate.hits, anyone.false_alarm_rate.of) == (3, 7)
    assert (r.recall.hits, r.recall.of) == (0, 1)
    unwatched = rule_performance(told, events([("Z", 40)], "defaulted_at"), until=day(100), window="P20D", watched=watched)
    assert unwatched[0].recall.of == 0
    # A default before anybody watched is told of by nobody, and alerts after it are late all the same.
    late = rule_performance(
        told, events([("A", 5)], "defaulted_at"), until=day(100), window="P20D", watched=watched.filter(pl.col("at") > day(5))
    )
    assert [(one.recall.of, one.precision.of, one.late) for one in late] == [(0, 0, 1), (0, 0, 1), (0, 0, 2)]


spells = st.lists(
    st.tuples(st.sampled_from(["r", "s"]), st.sampled_from(["A", "B", "C"]), st.integers(0, 200), st.none() | st.integers(1, 60)),
    max_size=10,
)


@given(
    spells,
    st.lists(st.tuples(st.sampled_from(["A", "B", "C", "D"]), st.integers(0, 260)), max_size=5),
    st.lists(st.tuples(st.sampled_from(["A", "B", "C", "D"]), st.integers(0, 240)), min_size=1, max_size=15, unique=True),
    st.integers(1, 90),
    st.integers(50, 260),
)
def test_counts_are_those_of_loops(
    told: list[tuple[str, str, int, int | None]], defaults: list[tuple[str, int]], watched: list[tuple[str, int]], window: int, until: int
) -> None:
    rows = [(rule, entity, opened, None if length is None else opened + length) for rule, entity, opened, length in told]
    found = rule_performance(
        alerts(rows), events(defaults, "defaulted_at"), until=day(until), window=f"P{window}D", watched=events(watched, "at")
    )
    everyone: dict[str, int] = {}
    for entity, at in sorted(defaults, key=lambda row: row[1]):
        if at <= until:
            everyone.setdefault(entity, at)
    first = {entity: at for entity, at in everyone.items() if any(who == entity and moment < at for who, moment in watched)}
    for one in found:
        own = [row for row in rows if one.rule in {row[0], "any rule"} and row[2] <= until]
        early = [row for row in own if row[1] not in everyone or row[2] < everyone[row[1]]]
        decided = [row for row in early if row[2] + window <= until]
        hits = [row for row in decided if row[1] in everyone and everyone[row[1]] <= row[2] + window]
        assert (one.precision.hits, one.precision.of) == (len(hits), len(decided))
        leads = {}
        for entity, at in first.items():
            openings = [row[2] for row in early if row[1] == entity and row[2] < at <= row[2] + window]
            if openings:
                leads[entity] = at - min(openings)
        assert (one.recall.hits, one.recall.of) == (len(leads), len(first))
        if leads:
            assert one.lead_days is not None
            assert one.lead_days["mean"] == pytest.approx(sum(leads.values()) / len(leads))
        calm = [
            (entity, at) for entity, at in watched if at + window <= until and (entity not in everyone or everyone[entity] > at + window)
        ]
        alarms = [(e, at) for e, at in calm if any(row[1] == e and row[2] <= at and (row[3] is None or row[3] > at) for row in own)]
        assert one.false_alarm_rate is not None
        assert (one.false_alarm_rate.hits, one.false_alarm_rate.of) == (len(alarms), len(calm))
        assert (one.undecided, one.late) == (len(early) - len(decided), len(own) - len(early))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"alerts": pl.DataFrame({"rule": ["r"]})}, "lacks entity, opened_at, closed_at"),
        ({"defaults": events([("A", 1)], "at")}, "lacks defaulted_at"),
        ({"defaults": pl.DataFrame({"entity": ["A"], "defaulted_at": [datetime(2020, 1, 1)]})}, "give instants with a time zone"),  # noqa: DTZ001
        (
            {"defaults": pl.DataFrame({"entity": [None], "defaulted_at": [START]}, schema_overrides={"entity": pl.String})},
            "entity of defaults is blank",
        ),
        ({"window": "P0D"}, "longer than nothing"),
        ({"until": datetime(2020, 1, 1)}, "no time zone"),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_measured_is_refused(change: dict[str, Any], match: str) -> None:
    given_tables: dict[str, Any] = {
        "alerts": alerts([("r", "A", 0, None)]),
        "defaults": events([("A", 1)], "defaulted_at"),
        "until": day(9),
    }
    chosen = {**given_tables, **change}
    with pytest.raises(InvalidInput, match=match):
        rule_performance(chosen.pop("alerts"), chosen.pop("defaults"), **chosen)
