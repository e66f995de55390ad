"""Early-warning rules at work on the store: what they see as of a moment opens, keeps and closes alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import Conflict, InvalidInput, naming
from crfs.workflows.alert_rules import lacks_grades, read_limits, read_rules, read_scale
from crfs.workflows.book_watch import CAPITAL_COLUMNS, LIMIT_COLUMNS, watch_capital, watch_limits
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.settling import Sight, Turn, Way, settle
from crfs.workflows.times import as_told, parse_question, refuse_ahead

if TYPE_CHECKING:
    import polars as pl

    from crfs.monitoring.early_warning import Evaluation, Limit, RatingScale, Rule
    from crfs.store.alerts import Before
    from crfs.workflows.bureau_watch import Watch


_TRIES = 5
"""So often rules look at a now that somebody else's look has overtaken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleQuestion:
    """What is to be looked at by which rules: ``limits`` are of books that were loaded, ``scale`` grades scores, ``as_of`` None is now."""

    rules: tuple[Rule, ...]
    limits: tuple[Limit, ...]
    scale: RatingScale
    as_of: datetime | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.dry_run, bool):  # a text "no" would count as yes
            raise InvalidInput(f"dry_run = {self.dry_run!r}: True or False is wanted", argument="dry_run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What became of the alerts of the rules that could be looked at; ``notes`` name the others, with the reason."""

    as_of: datetime
    batch_id: int
    recorded_as_of: datetime
    dry_run: bool
    rules: tuple[Mapping[str, Any], ...]
    turns: tuple[Turn, ...]
    notes: tuple[str, ...]

    def to_dict(self, *, most: int | None = None) -> dict[str, Any]:
        """The JSON form: totals, one row a rule, and the alerts that changed, at ``most`` so many, the worst first."""
        changed = [turn for turn in self.turns if turn.way is not Way.KEPT]
        rank = {"critical": 0, "warning": 1, "info": 2}
        changed.sort(key=lambda turn: (turn.way is Way.CLOSED, rank[turn.severity], turn.rule, turn.subject))
        told = changed if most is None else changed[:most]
        return {
            "as_of": self.as_of.isoformat(),
            "batch_id": self.batch_id,
            "recorded_as_of": self.recorded_as_of.isoformat(),
            "dry_run": self.dry_run,
            **{way.name.lower(): sum(turn.way is way for turn in self.turns) for way in Way},
            "rules": [dict(rule) for rule in self.rules],
            "changes": [turn.to_dict() for turn in told],
            "changes_left_out": len(changed) - len(told),
            "notes": list(self.notes),
        }


@dataclass(slots=True)
class _Seen:
    """Rules that could be looked at, each with its sightings; reasons why others could not, by rule; notes."""

    rules: list[Rule] = field(default_factory=list)
    sightings: dict[str, pl.DataFrame] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def look(self, rules: Sequence[Rule], tables: Mapping[str, pl.DataFrame], why_not: Mapping[str, str], at: datetime) -> None:
        """Let rules look at tables; of one whose column is not there ``why_not`` may know more."""
        from crfs.monitoring.early_warning import applicable, evaluate

        usable, absent = applicable(tables, rules)
        lacking = [rule for rule in rules if rule not in usable]
        for rule, words in zip(lacking, absent, strict=True):
            why = next((why_not[name] for name in rule.needs if name in why_not), None)
            self.reasons[rule.name] = words.removeprefix(f"{rule.name}: ") if why is None else why
        if usable:
            found = evaluate({rule.scope: tables[rule.scope.value] for rule in usable}, usable, as_of=at)
            self.rules += usable
            self.sightings |= found.sightings


def question_of_files(
    rules: Path | None = None,
    *,
    limits: Path | None = None,
    rating_scale: Path | None = None,
    as_of: str | date | None = None,
    dry_run: bool = False,
) -> RuleQuestion:
    """A question whose rules, limits and rating scale stand in files; without one, those that ship with crfs, and no limits."""
    return RuleQuestion(
        rules=read_rules(rules),
        limits=read_limits(limits),
        scale=read_scale(rating_scale),
        as_of=None if as_of is None else parse_question(as_of, what="as_of"),
        dry_run=dry_run,
    )


def question_of_texts(
    *,
    rules: str | None = None,
    limits: str | None = None,
    rating_scale: str | None = None,
    as_of: str | None = None,
    dry_run: bool = False,
) -> RuleQuestion:
    """The same, of the texts of the files."""
    from crfs.monitoring.early_warning import packaged_rules, packaged_scale, parse_limits, parse_rules, parse_scale

    with naming("rules"):
        told = packaged_rules() if rules is None else parse_rules(rules, where="rules")
    with naming("limits"):
        bounds = () if limits is None else parse_limits(limits, where="limits")
    with naming("rating_scale"):
        scale = packaged_scale() if rating_scale is None else parse_scale(rating_scale, where="rating_scale")
    moment = None if as_of is None else parse_question(as_of, what="as_of")
    return RuleQuestion(rules=told, limits=bounds, scale=scale, as_of=moment, dry_run=dry_run)


def evaluate_rules(session: Session, question: RuleQuestion, *, progress: Progress = no_progress) -> Evaluated:
    """Let rules look at the store as of a moment, and bring their alerts up to date with what they see.

    An alert opens, worsens, eases, stays while its rule does not close it, and closes, all in one transaction; the same evaluation again changes
    nothing. What people did to alerts stands. Alerts of rules that cannot be looked at stay as they are. Alerts only go forward: a moment before
    the newest one that one of the rules has looked at is a :class:`~crfs.errors.Conflict`, whether or not it would change anything.
    """
    for _ in range(_TRIES - 1):
        with suppress(_Overtaken):
            return _evaluate(session, question, progress)
    return _evaluate(session, question, progress)


class _Overtaken(Conflict):
    """Somebody had the rules look at a later now while these looked: they look again."""


def _evaluate(session: Session, question: RuleQuestion, progress: Progress) -> Evaluated:
    from crfs.monitoring.early_warning import Evaluation

    pin = session.pin()
    now = session.latest(pin)
    moment = _moment(question.as_of, now=now)
    if moment == now:  # another machine's clock may be ahead: now is not before what it looked at
        moment = max([now, *_looked_up_to(session, question.rules)])
    seen = _look_at_the_store(session, question, pin.batch_id, moment, progress)
    notes = _reasons(question.rules, seen.reasons)
    if not seen.rules:
        raise InvalidInput(f"no rule can look at the store: {'; '.join((*notes, *seen.notes))}")
    found = Evaluation(rules=tuple(seen.rules), sightings=seen.sightings)
    progress("settling the alerts", 0, 1)
    turns, unseen = _settled(session, found, moment, is_now=moment >= now, dry_run=question.dry_run)
    progress("settling the alerts", 1, 1)
    return Evaluated(
        as_of=moment,
        batch_id=pin.batch_id,
        recorded_as_of=pin.recorded_at,
        dry_run=question.dry_run,
        rules=tuple(_of_rule(rule, found, turns, unseen, moment) for rule in found.rules),
        turns=tuple(turns),
        notes=(*notes, *seen.notes, *_stale(found, moment)),
    )


def _moment(as_of: datetime | None, *, now: datetime) -> datetime:
    """The time that is asked about; the end of a day that is not over yet is now."""
    if as_of is None:
        return now
    refuse_ahead(as_of, now=now, what="as_of")
    return min(as_of, now)


def _look_at_the_store(session: Session, question: RuleQuestion, batch_id: int, at: datetime, progress: Progress) -> _Seen:
    """Each rule on what it needs: limits, runs, or the bureau."""
    from crfs.workflows.bureau_watch import NOT_SIMULATED

    seen = _Seen()
    of_limits: list[Rule] = []
    of_capital: list[Rule] = []
    rest: list[Rule] = []
    for rule in question.rules:
        needs = set(rule.needs)
        (of_limits if needs <= LIMIT_COLUMNS else of_capital if needs <= CAPITAL_COLUMNS else rest).append(rule)
    progress("looking at the books", 0, 1)
    if of_limits:
        limits = watch_limits(session, batch_id, question.limits, of_limits, at=at)
        seen.look(of_limits, limits.tables, dict.fromkeys(LIMIT_COLUMNS, limits.why_not) if limits.why_not else {}, at)
        seen.notes += limits.notes
    if of_capital:
        capital = watch_capital(session, of_capital, at=at)
        seen.look(of_capital, capital.tables, dict.fromkeys(CAPITAL_COLUMNS, capital.why_not) if capital.why_not else {}, at)
        seen.notes += capital.notes
    progress("looking at the books", 1, 1)
    if rest:
        other_scale = {rule.name: note for rule in rest if (note := lacks_grades(rule, question.scale))}
        seen.reasons |= {name: note.removeprefix(f"{name}: ") for name, note in other_scale.items()}
        fitting = [rule for rule in rest if rule.name not in other_scale]
        watch = _bureau(session, question, fitting, batch_id, at=at, progress=progress)
        if watch is None:
            words = f"the store knew no obligor of the bureau at {as_told(at)}"
            seen.reasons |= {rule.name: NOT_SIMULATED.get(rule.watched, words) for rule in fitting}
        else:
            seen.look(fitting, watch.tables, watch.why_not, at)
            seen.notes += watch.notes
    return seen


def _reasons(rules: Sequence[Rule], reasons: Mapping[str, str]) -> list[str]:
    """A sentence for each reason, with the rules that could not be looked at for it."""
    lacking: dict[str, list[str]] = {}
    for rule in rules:
        if rule.name in reasons:
            lacking.setdefault(reasons[rule.name], []).append(rule.name)
    return [f"{', '.join(names)}: {why}" for why, names in lacking.items()]


def _bureau(
    session: Session, question: RuleQuestion, rules: Sequence[Rule], batch_id: int, *, at: datetime, progress: Progress
) -> Watch | None:
    """What there is to see of the bureau; None where nothing of it was known."""
    from crfs.workflows.bureau_watch import NoBureau, watch_bureau

    try:
        return watch_bureau(session, batch_id, rules, question.scale, known_by=at, progress=progress)
    except NoBureau:
        return None


def _looked_up_to(session: Session, rules: Sequence[Rule]) -> list[datetime]:
    from crfs.store.alerts import looks

    return [look.as_of for look in looks(session.database, [rule.name for rule in rules])]


def _refuse_going_back(before: Before, moment: datetime, *, is_now: bool) -> None:
    """Alerts that were opened, eased or closed as of a moment are not told otherwise as of an earlier one."""
    later = [look for look in before.looks if look.as_of > moment]
    if not later:
        return
    newest = max(later, key=lambda look: (look.as_of, look.rule))
    others = f" (and {len(later) - 1:,} more)" if len(later) > 1 else ""
    raise (_Overtaken if is_now else Conflict)(
        f"{newest.rule}{others} has looked at the store as of {as_told(newest.as_of)} (by {newest.actor}, {as_told(newest.at)}), after "
        f"{as_told(moment)}: alerts only go forward, and nothing was opened, changed or closed; crfs alerts rules test FILE --as-of TIME looks at "
        "a time that is past and keeps nothing"
    )


def _settled(session: Session, found: Evaluation, moment: datetime, *, is_now: bool, dry_run: bool) -> tuple[list[Turn], dict[str, int]]:
    """What became of the alerts, and by rule the number of those of which nothing was seen."""
    from crfs.monitoring.alert_states import Severity
    from crfs.monitoring.early_warning import Earlier, carry_over

    unseen: dict[str, int] = {}

    def look(before: Before) -> Sight:
        _refuse_going_back(before, moment, is_now=is_now)
        earlier = [Earlier(rule=a.rule, subject=a.subject, severity=Severity(a.severity), evidence=a.evidence) for a in before.live]
        carried = carry_over(found, earlier, moment)
        unseen.clear()
        for rule, _ in carried.unseen:
            unseen[rule] = unseen.get(rule, 0) + 1
        ended = {(end.rule, end.subject): (end.reason, end.evidence, end.title) for end in carried.ended}
        return Sight(conditions=carried.conditions, ended=ended, unseen=frozenset(carried.unseen))

    return settle(session, [rule.name for rule in found.rules], look, as_of=moment, dry_run=dry_run), unseen


def _of_rule(rule: Rule, found: Evaluation, turns: Sequence[Turn], unseen: Mapping[str, int], at: datetime) -> dict[str, Any]:
    own = [turn for turn in turns if turn.rule == rule.name]
    live = [turn for turn in own if turn.way is not Way.CLOSED]
    seen = found.sightings[rule.name]
    return {
        "rule": rule.name,
        "scope": rule.scope.value,
        "kind": rule.kind.value,
        "entities": seen.filter(seen["at"] <= at)["entity"].n_unique(),
        **{way.name.lower(): sum(turn.way is way for turn in own) for way in Way},
        "unseen": unseen.get(rule.name, 0),
        **{name: sum(turn.severity == name for turn in live) for name in ("info", "warning", "critical")},
    }


def _stale(found: Evaluation, at: datetime) -> list[str]:
    """A sentence for each newest time of values that are too old for all the rules that look at them."""
    old: dict[str, list[str]] = {}
    for rule in found.rules:
        newest: Any = found.sightings[rule.name]["valid_time"].max()
        if newest is not None and rule.max_age is not None and rule.max_age.after(newest) <= at:
            old.setdefault(f"{newest:%Y-%m-%d}", []).append(rule.name)
    return [
        f"{', '.join(names)}: the newest value is of {day}, too old at {as_told(at)} to alarm anybody (max_age); --as-of looks at another time"
        for day, names in sorted(old.items())
    ]
