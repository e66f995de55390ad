"""Early-warning rules at work on a real store: alerts on books that were loaded and on their risk runs, opened, kept and closed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crfs.errors import Conflict, InvalidInput
from crfs.workflows.alerts import act_on_alert, list_alerts, show_alert
from crfs.workflows.books import load_book
from crfs.workflows.portfolio_risk import measure_portfolio
from crfs.workflows.rule_evaluation import Evaluated, evaluate_rules, question_of_texts
from crfs.workflows.session import Session, open_session
from crfs.workflows.settling import Way, settle
from tests.journeys.world import World

pytestmark = [pytest.mark.servers, pytest.mark.journey]

NOW = datetime(2027, 3, 31, 18, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ACTOR = "jane"
LIMITS = "portfolio,scope,entity,limit\ncorp,obligor,*,100\ncorp,sector,energy,200\ncorp,portfolio,,1000\n"
HEADER = "facility_id,obligor_id,ead,lgd,pd_12m,r2,group,sector\n"
MODEL: dict[str, Any] = {"factors": ["economy"], "correlation": [[1.0]], "groups": {"all": {"economy": 1.0}}}
DRIFT = '[[rule]]\nname = "portfolio.drift"\nkind = "ec_drift"\nscope = "portfolio"\nlevels = [{ severity = "warning", open = 4.0, close = 3.0 }]\n'

DRIFT_OF_NOW = DRIFT.replace("portfolio.drift", "portfolio.drift_of_now")


class Clock:
    """A clock that is turned by hand."""

    time = NOW

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(new_store: Callable[[], str]) -> str:
    return new_store()


@pytest.fixture
def session(url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("CRFS_ACTOR", ACTOR)
    with open_session(url, clock=clock) as opened:
        yield opened


def book(session: Session, owed: Mapping[str, float], *, pd: float = 0.02, order: random.Random | None = None) -> None:
    """Load a book whose obligors owe so much, all in energy."""
    rows = [f"F{name},{name},{ead},0.4,{pd},0.2,all,energy\n" for name, ead in owed.items()]
    if order is not None:
        order.shuffle(rows)
    load_book(session, "corp", (HEADER + "".join(rows)).encode())


def evaluate(session: Session, limits: str | None = LIMITS, **more: Any) -> Evaluated:
    return evaluate_rules(session, question_of_texts(limits=limits, **more))


def told(evaluated: Evaluated) -> list[tuple[str, str, str]]:
    return [(turn.way.value, turn.subject, turn.severity) for turn in evaluated.turns]


def kept(session: Session) -> list[dict[str, Any]]:
    """Every alert, live or closed, with its whole history."""
    return [show_alert(session, alert["alert_id"]) for alert in list_alerts(session, live_only=False)]


def test_an_evaluation_opens_and_the_same_again_changes_nothing(session: Session, clock: Clock) -> None:
    book(session, {"A": 95.0, "B": 50.0, "C": 101.0})
    assert told(evaluate(session, dry_run=True)) == [
        ("opened", "obligor/corp/A", "warning"),
        ("opened", "obligor/corp/C", "critical"),
        ("opened", "sector/corp/energy", "critical"),
    ]
    assert kept(session) == []
    first = evaluate(session)
    assert [turn.way for turn in first.turns] == [Way.OPENED] * 3
    before = kept(session)
    assert {alert["state"] for alert in before} == {"open"}
    evidence = before[-1]["evidence"]
    assert (evidence["value"], evidence["open"], evidence["close"], evidence["known_at"]) == (0.95, 0.9, 0.85, NOW.isoformat())
    assert evidence["rests_on"].startswith("batch ")
    for _ in range(2):
        again = evaluate(session)
        assert [turn.way for turn in again.turns] == [Way.KEPT] * 3
        assert kept(session) == before
        clock.time += DAY
    document = again.to_dict()
    assert (document["opened"], document["kept"], document["changes"]) == (0, 3, [])
    assert "obligor.sentiment: it needs news about the obligors, which the simulation does not have" in document["notes"]
    assert any("portfolio.ec_drift: it needs risk runs" in note for note in document["notes"])


def test_what_recovers_closes_and_what_comes_back_is_another_alert(session: Session, clock: Clock) -> None:
    book(session, {"A": 95.0})
    (opened,) = evaluate(session).turns
    clock.time += DAY
    book(session, {"A": 87.0})  # between the thresholds of the warning, so it stays one
    assert told(evaluate(session)) == [("kept", "obligor/corp/A", "warning")]
    clock.time += DAY
    book(session, {"A": 50.0})
    (closed,) = evaluate(session).turns
    assert (closed.way, closed.alert_id, closed.note) == (Way.CLOSED, opened.alert_id, "its condition has gone: limit_use 0.5")
    assert opened.alert_id is not None
    history = show_alert(session, opened.alert_id)
    assert history["title"] == closed.title == "obligor corp/A: closed at limit_use 0.5, after 0.87"
    assert [(event["to_state"], event["evidence"]["value"]) for event in history["events"]] == [("open", 0.95), ("closed", 0.5)]
    assert evaluate(session).turns == ()
    clock.time += DAY
    book(session, {"A": 99.0})
    (another,) = evaluate(session).turns
    assert another.way is Way.OPENED
    assert (
        another.note == f"after alert {opened.alert_id}, closed by {ACTOR} at 2027-04-02T18:00:00Z: its condition has gone: limit_use 0.5"
    )
    assert another.alert_id is not None
    (opening,) = show_alert(session, another.alert_id)["events"]
    assert (opening["note"], opening["evidence"]["value"]) == (another.note, 0.99)
    clock.time += DAY
    book(session, {"B": 1.0})  # A has gone from the book: nothing of its limit is used
    assert told(evaluate(session)) == [("closed", "obligor/corp/A", "warning")]


def test_an_alert_stays_between_its_thresholds_under_other_limits(session: Session) -> None:
    book(session, {"A": 92.0})
    assert told(evaluate(session)) == [("opened", "obligor/corp/A", "warning")]
    raised = LIMITS.replace("*,100", "*,106")  # 0.868: by this limit no warning would ever have opened, but none closes either
    assert told(evaluate(session, raised)) == [("kept", "obligor/corp/A", "warning")]
    assert told(evaluate(session, LIMITS.replace("*,100", "*,200"))) == [("closed", "obligor/corp/A", "warning")]


def test_alerts_whose_limits_are_not_given_stay_as_they_are(session: Session) -> None:
    book(session, {"A": 92.0})
    evaluate(session)
    before = kept(session)
    other = evaluate(session, "portfolio,scope,entity,limit\ncorp,obligor,B,10\nelse,portfolio,,5\n")
    assert told(other) == []
    assert [rule["unseen"] for rule in other.rules if rule["rule"] == "obligor.limit_use"] == [1]
    assert any("limits of else: no book was in force" in note for note in other.notes)
    with pytest.raises(InvalidInput, match=r"no rule can look at the store: .*obligor.limit_use.*it needs limits"):
        evaluate(session, None)
    assert kept(session) == before


def test_what_people_did_stands(session: Session, clock: Clock) -> None:
    book(session, {"A": 92.0, "B": 93.0})
    first, second = (turn.alert_id for turn in evaluate(session, "portfolio,scope,entity,limit\ncorp,obligor,*,100\n").turns)
    assert first is not None
    assert second is not None
    act_on_alert(session, first, "acknowledge")
    act_on_alert(session, second, "silence", until=(clock.time + 2 * DAY).isoformat())
    limits = "portfolio,scope,entity,limit\ncorp,obligor,*,100\n"
    assert [turn.state for turn in evaluate(session, limits).turns] == ["acknowledged", "silenced"]
    clock.time += 2 * DAY
    found = evaluate(session, limits)
    assert [(turn.way.value, turn.state) for turn in found.turns] == [("kept", "acknowledged"), ("opened again", "open")]
    book(session, {"A": 120.0, "B": 130.0})
    found = evaluate(session, limits)
    assert [(turn.way.value, turn.severity, turn.state_before, turn.note) for turn in found.turns] == [
        ("worsened", "critical", "acknowledged", "worsened from warning to critical"),
        ("worsened", "critical", "open", "worsened from warning to critical"),
    ]
    assert [turn.state for turn in found.turns] == ["open", "open"]
    act_on_alert(session, first, "close", note="sold")
    (again,) = (turn for turn in evaluate(session, limits).turns if turn.way is Way.OPENED)
    assert again.note == f"after alert {first}, closed by {ACTOR} at 2027-04-02T18:00:00Z: sold"


def test_a_change_of_severity_is_counted_and_is_in_the_history_with_its_evidence(session: Session, clock: Clock) -> None:
    limits = "portfolio,scope,entity,limit\ncorp,obligor,*,100\n"
    book(session, {"A": 92.0})
    (opened,) = evaluate(session, limits).turns
    assert opened.alert_id is not None
    said = []
    for owed in (104.0, 103.0, 91.0, 91.0):
        clock.time += DAY
        book(session, {"A": owed})
        dry, done = evaluate(session, limits, dry_run=True).to_dict(), evaluate(session, limits).to_dict()
        counts = {way: done[way] for way in ("opened", "worsened", "reopened", "eased", "kept", "closed")}
        assert counts == {way: dry[way] for way in counts}
        assert counts == {way: sum(rule[way] for rule in done["rules"]) for way in counts}
        said += [way for way, number in counts.items() if number]
        assert [(change["way"], change["severity_before"], change["severity"]) for change in done["changes"]] == (
            {"worsened": [("worsened", "warning", "critical")], "eased": [("eased", "critical", "warning")]}.get(said[-1], [])
        )
    assert said == ["worsened", "kept", "eased", "kept"]
    assert evaluate(session, limits).turns[0].way is Way.KEPT
    events = show_alert(session, opened.alert_id)["events"]
    assert [(e["from_state"], e["to_state"], e["from_severity"], e["to_severity"], e["note"], e["evidence"]["value"]) for e in events] == [
        (None, "open", None, "warning", None, 0.92),
        ("open", "open", "warning", "critical", "worsened from warning to critical", 1.04),
        ("open", "open", "critical", "warning", "eased from critical to warning", 0.91),
    ]


def test_what_eases_while_it_is_silenced_stays_silent_and_what_eases_as_its_silence_ends_says_both(session: Session, clock: Clock) -> None:
    limits = "portfolio,scope,entity,limit\ncorp,obligor,*,100\n"
    book(session, {"A": 120.0, "B": 120.0})
    numbers = [turn.alert_id for turn in evaluate(session, limits).turns]
    for number, days in zip(numbers, (5, 1), strict=True):
        assert number is not None
        act_on_alert(session, number, "silence", until=(clock.time + days * DAY).isoformat())
    clock.time += DAY
    book(session, {"A": 91.0, "B": 91.0})
    assert [(turn.way.value, turn.state, turn.note) for turn in evaluate(session, limits).turns] == [
        ("eased", "silenced", "eased from critical to warning"),
        ("opened again", "open", "eased from critical to warning; its silence is over"),
    ]


def test_alerts_only_go_forward(session: Session, clock: Clock) -> None:
    book(session, {"A": 95.0})
    clock.time += 2 * DAY
    book(session, {"A": 99.0})
    evaluate(session)
    before = kept(session)
    with pytest.raises(Conflict, match="only go forward"):
        evaluate(session, as_of=(NOW + DAY).isoformat())
    with pytest.raises(
        Conflict, match=r"as of 2027-04-02T18:00:00Z .* after 2027-04-01T18:00:00Z: .* nothing was opened, changed or closed"
    ):
        evaluate(session, as_of=(NOW + DAY).isoformat(), dry_run=True)
    assert evaluate(session, as_of=clock.time.date().isoformat()).as_of == clock.time  # today is not over
    with pytest.raises(InvalidInput, match="lies ahead"):
        evaluate(session, as_of=(clock.time + DAY + timedelta(seconds=1)).isoformat())
    assert kept(session) == before


@pytest.mark.parametrize("now", [10.0, 95.0, 99.0], ids=["recovered", "as before", "other"])
def test_an_earlier_moment_after_a_later_one_is_refused_whatever_the_later_one_made_of_it(
    session: Session, clock: Clock, now: float
) -> None:
    """Also where the later evaluation opened and closed nothing, and so no alert tells of it."""
    limits = "portfolio,scope,entity,limit\ncorp,obligor,*,100\n"
    book(session, {"A": 95.0})
    earlier = clock.time + DAY
    clock.time += 2 * DAY
    book(session, {"A": now})
    first = evaluate(session, limits)
    before = kept(session)
    for _ in range(2):
        with pytest.raises(Conflict, match="only go forward"):
            evaluate(session, limits, as_of=earlier.isoformat())
        again = evaluate(session, limits, as_of=clock.time.isoformat())
        assert {turn.way for turn in again.turns} <= {Way.KEPT}
        assert (again.as_of, len(again.turns)) == (first.as_of, len(first.turns))
    assert kept(session) == before


def test_other_rules_may_look_at_an_earlier_moment_and_a_dry_run_holds_nobody_back(session: Session, clock: Clock) -> None:
    book(session, {"A": 95.0})
    clock.time += 2 * DAY
    evaluate(session, dry_run=True)
    assert evaluate(session, as_of=(NOW + DAY).isoformat()).as_of == NOW + DAY
    evaluate(session)
    other = '[[rule]]\nname = "obligor.own"\nkind = "limit_use"\nlevels = [{ severity = "info", open = 0.5, close = 0.4 }]\n'
    assert told(evaluate(session, rules=other, as_of=(NOW + DAY).isoformat())) == [("opened", "obligor/corp/A", "info")]


def test_a_clock_that_is_behind_looks_at_what_the_other_one_looked_at(session: Session, url: str, clock: Clock) -> None:
    ahead = Clock()
    ahead.time = NOW + timedelta(seconds=30)
    book(session, {"A": 95.0})
    with open_session(url, clock=ahead) as other:
        evaluate(other)
    again = evaluate(session)
    assert (again.as_of, {turn.way for turn in again.turns}) == (ahead.time, {Way.KEPT})


def test_a_look_that_is_overtaken_by_a_later_one_looks_again(
    session: Session, url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = Clock()
    ahead.time = NOW + DAY
    book(session, {"A": 95.0})
    asked: list[datetime] = []

    def overtaken(*words: Any, **more: Any) -> Any:
        asked.append(more["as_of"])
        if len(asked) == 1:
            with open_session(url, clock=ahead) as other:
                evaluate(other)
        return settle(*words, **more)

    monkeypatch.setattr("crfs.workflows.rule_evaluation.settle", overtaken)
    assert {turn.way for turn in evaluate(session).turns} == {Way.KEPT}
    assert asked == [NOW, ahead.time, ahead.time]


def test_the_order_of_obligors_does_not_matter(new_store: Callable[[], str], clock: Clock) -> None:
    exposures = {f"O{number}": 70.0 + number for number in range(40)}
    found = []
    for seed in (None, 1, 2):
        with open_session(new_store(), clock=clock) as session:
            book(session, exposures, order=None if seed is None else random.Random(seed))
            evaluate(session)
            found.append([(a["rule"], a["subject"], a["severity"], a["title"], a["evidence"]["value"]) for a in list_alerts(session)])
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 30 + 2


@pytest.mark.parametrize("seed", range(3))
def test_it_does_not_matter_how_often_the_rules_look(new_store: Callable[[], str], seed: int) -> None:
    """Looking after every book leaves the same alerts as looking once at the end, and as looking at some of the times."""
    chance = random.Random(seed)
    books = [{name: chance.choice([60.0, 82.0, 88.0, 93.0, 97.0, 120.0]) for name in "ABCDEF"} for _ in range(7)]
    found = []
    for looks in (set(range(7)), {2, 5, 6}, {6}):
        clock = Clock()
        with open_session(new_store(), clock=clock) as session:
            for number, owed in enumerate(books):
                clock.time += DAY
                book(session, owed)
                if number in looks:
                    evaluate(session)
            found.append([(a["rule"], a["subject"], a["severity"], a["evidence"]) for a in list_alerts(session)])
    assert found[0]
    assert sorted(map(str, found[0])) == sorted(map(str, found[1])) == sorted(map(str, found[2]))


def test_evaluations_at_once_are_one(session: Session, url: str, clock: Clock) -> None:
    book(session, {f"O{number}": 70.0 + number for number in range(40)})
    with open_session(url, clock=clock) as other, ThreadPoolExecutor(2) as pool:
        found = list(pool.map(evaluate, (session, other)))
    ways = sorted(sorted({turn.way.value for turn in one.turns}) for one in found)
    assert ways == [["kept"], ["opened"]]
    assert [(alert["occurrences"], len(alert["events"])) for alert in kept(session)] == [(1, 1)] * len(found[0].turns)


def measure(session: Session, **options: Any) -> str:
    run, _ = measure_portfolio(session, "corp", MODEL, options={"confidences": [0.99], "max_scenarios": 20_000, **options}, models=())
    return run.run_id


def test_capital_that_moved_beyond_its_errors_is_told_with_both_runs(session: Session, clock: Clock) -> None:
    exposures = {f"O{number}": 50.0 + number for number in range(40)}
    book(session, exposures)
    first = measure(session, method="importance_sampling")
    alone = evaluate(session, None, rules=DRIFT)
    assert (alone.turns, len(alone.notes)) == ((), 1)
    assert f"{first} is the only run with its settings" in alone.notes[0]
    clock.time += DAY
    second = measure(session, method="importance_sampling", seed=2)  # within the errors of both
    assert evaluate(session, None, rules=DRIFT).turns == ()
    clock.time += DAY
    book(session, exposures, pd=0.05)
    measure(session, method="importance_sampling", confidences=[0.9])  # other settings: nothing to compare with
    assert evaluate(session, None, rules=DRIFT).turns == ()
    clock.time += DAY
    third = measure(session, method="importance_sampling")
    (turn,) = evaluate(session, None, rules=DRIFT).turns
    assert (turn.way, turn.subject) == (Way.OPENED, "portfolio/corp")
    assert (turn.evidence["rests_on"], turn.evidence["before_rests_on"]) == (f"run {third}", f"run {second}")
    assert turn.evidence["signal"] > 4.0
    clock.time += DAY
    measure(session, method="importance_sampling")
    assert told(evaluate(session, None, rules=DRIFT)) == [("closed", "portfolio/corp", "warning")]


def test_books_and_runs_are_looked_at_as_far_back_as_the_rules_look_and_it_is_told_where_that_ends(session: Session, clock: Clock) -> None:
    limits = "portfolio,scope,entity,limit\ncorp,obligor,*,100\n"
    for number in range(15):  # beyond the limit in all but the first and the last
        book(session, {"A": 120.0 if 0 < number < 14 else 10.0})
        clock.time += DAY
    of_ten = '[[rule]]\nname = "obligor.{0}"\nkind = "limit_use"\n{1}\nlevels = [{{ severity = "warning", open = 1.0, close = 0.9 }}]\n'
    assert any(
        note.startswith("books of corp in force: the newest 12 of 15 were looked at")
        for note in evaluate(session, limits, rules=of_ten.format("now", "clear = 1")).notes
    )
    # Whether 13 of the last 14 were beyond it, the last 12 do not say.
    book(session, {"A": 120.0})
    clock.time += DAY
    long = evaluate(session, limits, rules=of_ten.format("long", "count = 14\nof = 15"))
    assert told(long) == [("opened", "obligor/corp/A", "warning")]
    assert any("the newest 15 of 16 were looked at" in note for note in long.notes)


def test_capital_is_compared_with_the_run_that_is_a_lookback_before_however_many_there_were_since(session: Session, clock: Clock) -> None:
    exposures = {f"O{number}": 50.0 + number for number in range(40)}
    runs = []
    for number in range(16):
        book(session, exposures, pd=0.02 if number < 2 else 0.05)
        runs.append(measure(session, method="importance_sampling", max_scenarios=2_000))
        clock.time += DAY
    rules = DRIFT.replace('kind = "ec_drift"', 'kind = "ec_drift"\nlookback = "P14D"')
    found = evaluate(session, None, rules=rules)
    (turn,) = found.turns
    assert (turn.evidence["rests_on"], turn.evidence["before_rests_on"]) == (f"run {runs[15]}", f"run {runs[1]}")
    assert not any("looked at" in note for note in found.notes)
    assert any(
        "risk runs of corp with these settings: the newest 13 of 16" in note for note in evaluate(session, None, rules=DRIFT_OF_NOW).notes
    )


KILLED = """
import os, signal, sys
from crfs.store import alerts
from crfs.workflows.rule_evaluation import evaluate_rules, question_of_texts
from crfs.workflows.session import open_session

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(alerts, sys.argv[3], die)
with open_session(sys.argv[1]) as session:
    evaluate_rules(session, question_of_texts(limits=sys.argv[2]))
"""


@pytest.mark.parametrize("place", ["settle", "_open", "_note"])
def test_an_evaluation_that_is_killed_before_its_end_leaves_nothing(session: Session, url: str, place: str) -> None:
    book(session, {"A": 95.0, "B": 99.0, "C": 101.0})
    done = subprocess.run([sys.executable, "-c", KILLED, url, LIMITS, place], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert kept(session) == []
    assert len(evaluate(session).turns) == 4
    with session.database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM crfs.alert_event")).scalar() == 4


def test_the_bureau_s_obligors_and_sectors_are_watched_month_by_month(own_world: World) -> None:
    from crfs.monitoring.early_warning import packaged_rules, packaged_scale
    from crfs.workflows.alert_rules import check_rules_on_bureau

    with open_session(own_world.address) as session:
        moments = [datetime(2008, month, 15, tzinfo=UTC) for month in (6, 7, 8)]
        for number, moment in enumerate(moments):
            found = evaluate(session, None, as_of=moment.isoformat())
            direct = check_rules_on_bureau(session, session.pin().batch_id, packaged_rules(), packaged_scale(), at=moment, known_by=moment)
            live = {(alert["rule"], alert["subject"]): alert["severity"] for alert in list_alerts(session, limit=10_000)}
            assert live == {(alert["rule"], alert["subject"]): alert["severity"] for alert in direct["alerts"]}
            assert len(live) > 10
            ways = {turn.way for turn in found.turns}
            assert ways == {Way.OPENED} if number == 0 else {Way.OPENED, Way.KEPT, Way.CLOSED} <= ways
        before = kept(session)
        assert {turn.way for turn in evaluate(session, None, as_of=moments[-1].isoformat()).turns} == {Way.KEPT}
        assert kept(session) == before
        scored = [alert for alert in before if alert["rule"] == "obligor.pd_increase"]
        assert all(f"run {own_world.runs['pd']}" in alert["evidence"]["rests_on"] for alert in scored)
        now = evaluate(session, None)  # years later nobody's newest record says anything
        assert {turn.way for turn in now.turns if turn.rule != "obligor.rating_downgrade"} == {Way.CLOSED}
        assert any("too old" in note for note in now.notes)
