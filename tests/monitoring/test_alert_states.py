"""The life of an alert, over all states, acts and sightings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from crfs.errors import InvalidInput
from crfs.monitoring.alert_states import Act, AlertState, Condition, Severity, Standing, after_act, after_sighting

NOW = datetime(2026, 3, 5, tzinfo=UTC)
LIVE = [state for state in AlertState if state is not AlertState.CLOSED]
UNTIL = [None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)]


def seen(severity: Severity) -> Condition:
    return Condition(rule="rule", subject="subject", severity=severity, title="title")


STANDINGS = [Standing(state=state, severity=severity, silenced_until=until) for state, severity, until in product(LIVE, Severity, UNTIL)]


def test_severities_are_ordered() -> None:
    assert [severity.rank for severity in (Severity.INFO, Severity.WARNING, Severity.CRITICAL)] == [0, 1, 2]


@pytest.mark.parametrize("state", list(AlertState))
@pytest.mark.parametrize("act", list(Act))
def test_an_act_has_its_state_whatever_there_was_and_a_closed_alert_takes_none(state: AlertState, act: Act) -> None:
    if state is AlertState.CLOSED:
        with pytest.raises(InvalidInput, match="opens a new one"):
            after_act(state, act)
    else:
        wanted = {Act.ACKNOWLEDGE: AlertState.ACKNOWLEDGED, Act.SILENCE: AlertState.SILENCED, Act.CLOSE: AlertState.CLOSED}
        assert after_act(state, act) is wanted[act]
        if act is not Act.CLOSE:
            assert after_act(after_act(state, act), act) is wanted[act]  # twice is once


@pytest.mark.parametrize("standing", STANDINGS, ids=str)
def test_what_has_gone_closes_whatever_there_was(standing: Standing) -> None:
    assert after_sighting(standing, None, NOW) is AlertState.CLOSED


def test_nothing_is_nothing_and_something_new_opens() -> None:
    assert after_sighting(None, None, NOW) is None
    assert {after_sighting(None, seen(severity), NOW) for severity in Severity} == {AlertState.OPEN}


@pytest.mark.parametrize("standing", STANDINGS, ids=str)
@pytest.mark.parametrize("severity", list(Severity))
def test_what_is_seen_again_opens_where_it_is_worse_or_its_silence_is_over_and_else_stays(standing: Standing, severity: Severity) -> None:
    worse = severity.rank > standing.severity.rank
    spoken = standing.state is AlertState.SILENCED and standing.silenced_until is not None and standing.silenced_until <= NOW
    after = after_sighting(standing, seen(severity), NOW)
    assert after is (AlertState.OPEN if worse or spoken else standing.state)
    assert after is not AlertState.CLOSED


@pytest.mark.parametrize("standing", STANDINGS, ids=str)
@pytest.mark.parametrize("severity", list(Severity))
def test_a_second_look_at_once_changes_nothing_more(standing: Standing, severity: Severity) -> None:
    after = after_sighting(standing, seen(severity), NOW)
    assert after is not None
    until = standing.silenced_until if after is AlertState.SILENCED else None
    assert after_sighting(Standing(state=after, severity=severity, silenced_until=until), seen(severity), NOW) is after
