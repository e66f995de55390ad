"""Rules at work on tables: when alerts opened, worsened and closed, and what is alarming at a moment, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from crfs.bitemporal.rows import INSTANT, instant, not_after
from crfs.errors import InvalidInput
from crfs.monitoring.alert_states import Condition
from crfs.monitoring.early_warning.hysteresis import entity_numbers, first_rows, states
from crfs.monitoring.early_warning.known import RESTS_ON, checked_table
from crfs.monitoring.early_warning.rules import Level, Rule, RuleKind, Scope, require_distinct
from crfs.monitoring.early_warning.signals import LARGEST, signals

_SPELLS = {
    "rule": pl.String(),
    "scope": pl.String(),
    "entity": pl.String(),
    "key": pl.String(),
    "opened_at": INSTANT,
    "closed_at": INSTANT,
    "severity": pl.String(),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """What rules made of tables; ``sightings`` has by rule the moments at which its entities were seen, with signal, values and ``level``.

    A moment's state rests on what was known at it: tables that are later by some rows give the same states of every earlier moment.
    """

    rules: tuple[Rule, ...]
    sightings: Mapping[str, pl.DataFrame]

    def spells(self, *, at: datetime | None = None) -> pl.DataFrame:
        """The alerts: one row from opening to closing.

        ``rule``, ``scope``, ``entity``, ``key`` (``rule/scope/entity``: two alerts of one key are the same trouble again), ``opened_at``,
        ``closed_at`` (null: it is open), and the worst ``severity`` in between. An alert whose value becomes older than the rule's
        ``max_age`` is closed then. ``at`` tells them as they stood at a moment; without it such a closing may lie ahead.
        """
        moment = None if at is None else instant(at, "at")
        parts = [_spells(self._seen(rule, moment), rule) for rule in self.rules]
        told = pl.concat([pl.DataFrame(schema=_SPELLS), *parts]).sort("opened_at", "key")
        return told if moment is None else told.with_columns(pl.when(pl.col("closed_at") <= moment).then("closed_at"))

    def _seen(self, rule: Rule, moment: datetime | None) -> pl.DataFrame:
        table = self.sightings[rule.name]
        return table if moment is None else table.filter(pl.col("at") <= moment)

    def events(self) -> pl.DataFrame:
        """Every change of a level: ``rule``, ``scope``, ``entity``, ``at``, ``severity_before``, ``severity`` (null: none), ``signal``."""
        parts = []
        for rule in self.rules:
            table = self.sightings[rule.name]
            level, starts = table["level"].to_numpy(), first_rows(entity_numbers(table))
            was = np.where(starts, 0, np.concatenate([[0], level[:-1]])) if len(level) else level
            names = {0: None, **{number: one.severity.value for number, one in enumerate(rule.levels, start=1)}}
            parts.append(
                table.with_columns(was=pl.Series(was, dtype=pl.Int64))
                .filter(pl.col("level") != pl.col("was"))
                .select(
                    pl.lit(rule.name).alias("rule"),
                    pl.lit(rule.scope.value).alias("scope"),
                    "entity",
                    "at",
                    pl.col("was").replace_strict(names, return_dtype=pl.String).alias("severity_before"),
                    pl.col("level").replace_strict(names, return_dtype=pl.String).alias("severity"),
                    "signal",
                )
            )
        return pl.concat(parts).sort("at", "rule", "entity")

    def conditions(self, at: datetime) -> list[Condition]:
        """What is alarming at a moment, as the life of alerts takes it: one a rule and subject, in the order of both.

        Of :mod:`crfs.monitoring.alert_states`; ``subject`` is ``scope/entity``. The evidence has the values, the thresholds that they met
        and the clocks: plain JSON.
        """
        moment = instant(at, "at")
        found = []
        for rule in self.rules:
            live = _live(self.sightings[rule.name], rule, moment)
            found += [condition_of(row, rule) for row in live.iter_rows(named=True)]
        return sorted(found, key=lambda condition: (condition.rule, condition.subject))

    def summary(self, at: datetime) -> pl.DataFrame:
        """One row a rule as it stands at a moment: ``rule``, ``scope``, ``kind``, ``entities`` seen, ``live`` alerts and their number by
        severity, and ``opened`` so far."""
        moment = instant(at, "at")
        rows = []
        for rule in self.rules:
            seen = self._seen(rule, moment)
            live = _live(seen, rule, moment)
            counts = dict(live.group_by("level").len().iter_rows())
            by_severity = {one.severity.value: counts.get(number, 0) for number, one in enumerate(rule.levels, start=1)}
            rows.append(
                {
                    "rule": rule.name,
                    "scope": rule.scope.value,
                    "kind": rule.kind.value,
                    "entities": seen["entity"].n_unique(),
                    "live": live.height,
                    **{name: by_severity.get(name, 0) for name in ("info", "warning", "critical")},
                    "opened": _spells(seen, rule).height,
                }
            )
        return pl.DataFrame(rows)


def evaluate(
    tables: Mapping[Scope | str, pl.DataFrame] | pl.DataFrame, rules: Sequence[Rule], *, as_of: datetime | None = None
) -> Evaluation:
    """Let rules look at tables.

    Args:
        tables: by scope, one row an entity, valid time and version: ``entity``, ``valid_time``, ``knowledge_time`` (from when the row was
            known; without the column: from its valid time), ``rests_on`` if it says what a row rests on, and the columns that the rules
            look at. A blank cell says nothing: the last
            value stands. A table alone is that of the obligors.
        rules: with names that differ; each looks at the table of its scope.
        as_of: leaves out what became known later.

    Each entity is seen whenever something became known of it, and only with what was known then; the order of rows does not matter.

    >>> from crfs.monitoring.early_warning.rules import rule_from_dict
    >>> rule = rule_from_dict({"name": "obligor.late", "kind": "days_past_due", "levels": [{"severity": "warning", "open": 30.0, "close": 1.0}]})
    >>> days = [datetime(2026, month, 1) for month in (1, 2, 3, 4)]
    >>> table = pl.DataFrame({"entity": "O1", "valid_time": pl.Series(days).dt.replace_time_zone("UTC"), "days_past_due": [0, 31, 15, 0]})
    >>> evaluate(table, [rule]).spells().select("entity", "severity", pl.col("opened_at", "closed_at").dt.month()).rows()
    [('O1', 'warning', 2, 4)]
    """
    if not rules:
        raise InvalidInput("there is no rule to evaluate", argument="rules")
    require_distinct(tuple(rules), "rules")
    told = {Scope.OBLIGOR: tables} if isinstance(tables, pl.DataFrame) else {Scope(scope): table for scope, table in tables.items()}
    sightings: dict[str, pl.DataFrame] = {}
    for scope in Scope:
        own = [rule for rule in rules if rule.scope is scope]
        if not own:
            continue
        if scope not in told:
            raise InvalidInput(f"rule {own[0].name} looks at the table of scope {scope}, which was not given", argument="tables")
        rows = checked_table(told[scope], own, f"scope {scope}")
        if as_of is not None:
            rows = not_after(rows, "knowledge_time", as_of, "as_of")
        sightings |= {rule.name: states(signals(rows, rule), rule) for rule in own}
    return Evaluation(rules=tuple(rules), sightings=sightings)


def applicable(tables: Mapping[Scope | str, pl.DataFrame], rules: Sequence[Rule]) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The rules whose tables and columns are there, and a sentence for each of the others."""
    told = {Scope(scope): table for scope, table in tables.items()}
    usable, notes = [], []
    for rule in rules:
        if rule.scope not in told:
            notes.append(f"{rule.name}: there is no table of scope {rule.scope}")
            continue
        absent = [name for name in rule.needs if name not in told[rule.scope].columns]
        if absent:
            notes.append(f"{rule.name}: the table of scope {rule.scope} has no column {', '.join(absent)}")
        else:
            usable.append(rule)
    return tuple(usable), tuple(notes)


def _in_alert(sightings: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """The sightings in alert, with ``until`` (when the entity is seen next, or its value becomes too old; null where neither).

    ``spell`` numbers the alerts that they belong to: what expires and is seen again is another one.
    """
    code, on = entity_numbers(sightings), sightings["level"].to_numpy() > 0
    starts = first_rows(code)
    last = np.concatenate([starts[1:], [True]]) if len(code) else starts
    following = sightings["at"].shift(-1).set(pl.Series(last), None)
    until, expired = following, np.zeros(len(code), dtype=np.bool_)
    if rule.max_age is not None:
        expiry = sightings["valid_time"].dt.offset_by(rule.max_age.polars_offset())
        early = (expiry < following).fill_null(True)
        # A value that was too old when it became known says nothing from the first.
        until = pl.select(pl.max_horizontal(expiry, sightings["at"])).to_series().zip_with(early, following)
        expired = early.to_numpy()
    goes_on = ~starts
    goes_on[1:] &= on[:-1] & ~expired[:-1]
    spell = np.cumsum(on & ~goes_on)
    return sightings.with_columns(until=until, spell=pl.Series(spell, dtype=pl.Int64)).filter(pl.Series(on))


def _spells(sightings: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    names = {number: level.severity.value for number, level in enumerate(rule.levels, start=1)}
    return (
        _in_alert(sightings, rule)
        .group_by("spell", maintain_order=True)
        .agg(pl.col("entity").first(), opened_at=pl.col("at").first(), closed_at=pl.col("until").last(), worst=pl.col("level").max())
        .select(
            rule=pl.lit(rule.name),
            scope=pl.lit(rule.scope.value),
            entity="entity",
            key=pl.concat_str(pl.lit(f"{rule.name}/{rule.scope.value}/"), "entity"),
            opened_at="opened_at",
            closed_at="closed_at",
            severity=pl.col("worst").replace_strict(names, return_dtype=pl.String),
        )
    )


def _live(sightings: pl.DataFrame, rule: Rule, moment: datetime) -> pl.DataFrame:
    """The last sighting by a moment of each entity that is in alert then, with ``opened_at``."""
    alarmed = _in_alert(sightings.filter(pl.col("at") <= moment), rule)
    opened = alarmed.with_columns(opened_at=pl.col("at").first().over("spell"))
    return opened.filter(pl.col("until").is_null() | (pl.col("until") > moment))


def condition_of(row: Mapping[str, Any], rule: Rule) -> Condition:
    """What is alarming in a sighting of a rule with its ``level`` (1 or more) and ``opened_at``."""
    level = rule.levels[row["level"] - 1]
    return Condition(
        rule=rule.name,
        subject=f"{rule.scope.value}/{row['entity']}",
        severity=level.severity,
        title=_title(row, rule),
        evidence=evidence_of(row, rule, level),
    )


def evidence_of(row: Mapping[str, Any], rule: Rule, level: Level) -> dict[str, Any]:
    """The values of a sighting, the thresholds of a level, the clocks, and what it all rests on: plain JSON."""
    evidence = {
        "signal": row["signal"],
        "value": row["value"],
        "before": row["before"],
        "column": rule.watched,
        "kind": rule.kind.value,
        "open": level.open,
        "close": level.close,
        "valid_time": row["valid_time"],
        "before_time": row["before_time"],
        "known_at": row["known_at"],
        "seen_at": row["at"],
        "opened_at": row["opened_at"],
        **{name: row[name] for name in (RESTS_ON, f"before_{RESTS_ON}") if name in row},
    }
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in evidence.items() if value is not None}


def closed_title(row: Mapping[str, Any], rule: Rule, *, last: Any) -> str:
    """The title of an alert that a sighting closes: the value that closed it, after the ``last`` one seen before (None: not known)."""
    who = f"{rule.scope.value} {row['entity']}{f': {rule.title}' if rule.title else ''}"
    before = "" if last is None else f", after {_shown(last)}"
    return f"{who}: closed at {rule.watched} {_shown(row['value'])}{before}"


def _title(row: Mapping[str, Any], rule: Rule) -> str:
    who = f"{rule.scope.value} {row['entity']}"
    if rule.title:
        return f"{who}: {rule.title}"
    now, before, signal = _shown(row["value"]), _shown(row["before"]), row["signal"]
    if signal is None:
        return f"{who}: {rule.watched} is not known any more, and was alarming"
    match rule.kind:
        case RuleKind.RATING_DOWNGRADE:
            return f"{who}: rating {now} after {before}, {signal:+.0f} grades"
        case RuleKind.EC_DRIFT if signal >= LARGEST:
            return f"{who}: {rule.watched} {now} after {before}, and the answers have no error that could explain it"
        case RuleKind.EC_DRIFT:
            return f"{who}: {rule.watched} {now} after {before}, {signal:.1f} times the error of both"
        case RuleKind.SPREAD_MOVE if abs(signal) >= LARGEST:
            return f"{who}: {rule.watched} {now} after {before}, where it had always changed alike"
        case RuleKind.SPREAD_MOVE:
            return f"{who}: {rule.watched} {now} after {before}, {signal:.1f} times its usual error"
        case RuleKind.SENTIMENT:
            return f"{who}: {rule.watched} {signal:.2f} on the mean, {now} last"
        case kind if kind.looks_back:
            return f"{who}: {rule.watched} {now} after {before}"
        case _:
            return f"{who}: {rule.watched} {now}"


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
