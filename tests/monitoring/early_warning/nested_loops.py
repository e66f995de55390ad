"""Early warning written from its sentences as loops over rows, without any table operation: what the vectorised one must agree with."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crfs.monitoring.early_warning import Rule, RuleKind

Row = Mapping[str, Any]
LARGEST = 1e6


@dataclass(frozen=True)
class Seen:
    """One sighting of one entity."""

    at: datetime
    signal: float | None
    value: Any
    before: Any
    level: int


def sightings(rows: Sequence[Row], rule: Rule) -> dict[str, list[Seen]]:
    """By entity, what a rule saw at each moment at which something was new."""
    found: dict[str, list[Seen]] = {}
    told = [row for row in rows if all(row[name] is not None for name in rule.needs)]
    for entity in sorted({row["entity"] for row in told}):
        own = [row for row in told if row["entity"] == entity]
        history: list[Seen] = []
        last: tuple[Row | None, Row | None] | None = None
        for at in sorted({max(row["knowledge_time"], row["valid_time"]) for row in own}):
            now = answer(own, at, at)
            before = None
            if now is not None and rule.kind.looks_back:
                before = answer(own, back(now["valid_time"], rule), at)
            if last is not None and (now, before) == last:
                continue
            last = (now, before)
            signal = signal_of(own, now, before, rule, at)
            history.append(Seen(at, signal, now and now[rule.watched], before and before[rule.watched], 0))
        found[entity] = with_levels(history, rule)
    return found


def answer(own: Sequence[Row], until: datetime, at: datetime) -> Row | None:
    """The row of the greatest valid time up to ``until`` known at ``at``, in its last version."""
    known = [row for row in own if row["valid_time"] <= until and row["knowledge_time"] <= at]
    return max(known, key=lambda row: (row["valid_time"], row["knowledge_time"])) if known else None


def back(time: datetime, rule: Rule) -> datetime:
    """``lookback`` before; month ends meet month ends."""
    assert rule.lookback is not None
    months = time.year * 12 + time.month - 1 - rule.lookback.months
    year, month = months // 12, months % 12 + 1
    length = calendar.monthrange(year, month)[1]
    whole = rule.lookback.months and not rule.lookback.days and not rule.lookback.seconds
    ends = whole and time.day == calendar.monthrange(time.year, time.month)[1]
    day = length if ends else min(time.day, length)
    return time.replace(year=year, month=month, day=day) - timedelta(days=rule.lookback.days, seconds=rule.lookback.seconds)


def signal_of(own: Sequence[Row], now: Row | None, before: Row | None, rule: Rule, at: datetime) -> float | None:
    if now is None:
        return None
    if rule.max_age is not None and rule.max_age.after(now["valid_time"]) < at:
        return None
    value = now[rule.watched]
    if rule.kind is RuleKind.SENTIMENT:
        past = [row[rule.watched] for row in first_versions(own, now)][-(rule.window - 1) :] if rule.window > 1 else []
        return (math.fsum(past) + value) / (len(past) + 1) if len(past) + 1 >= rule.least else None
    if not rule.kind.looks_back:
        return float(value)
    if before is None:
        return None
    old = before[rule.watched]
    match rule.kind:
        case RuleKind.RATING_DOWNGRADE:
            return float(rule.scale.index(value) - rule.scale.index(old))
        case RuleKind.PD_RELATIVE_INCREASE:
            if abs(value - old) < rule.floor:
                return 0.0
            return min(value / old - 1.0, LARGEST) if old > 0.0 else (LARGEST if value > 0.0 else 0.0)
        case RuleKind.EC_DRIFT:
            error = math.sqrt(now["ec_se"] ** 2 + before["ec_se"] ** 2)
            moved = abs(value - old)
            rounding = 1e-9 * max(abs(value), abs(old))
            return min(moved / error, LARGEST) if error > rounding else (LARGEST if moved > rounding else 0.0)
        case RuleKind.SPREAD_MOVE:
            return standardised(own, now, value - old, rule)
        case _:
            return float(value - old)


def first_versions(own: Sequence[Row], now: Row) -> list[Row]:
    """The first version of each period that became known before the period of ``now`` did."""
    first: dict[datetime, Row] = {}
    for row in sorted(own, key=lambda row: row["knowledge_time"]):
        first.setdefault(row["valid_time"], row)
    own_key = (first[now["valid_time"]]["knowledge_time"], now["valid_time"])
    told = sorted(first.values(), key=lambda row: (row["knowledge_time"], row["valid_time"]))
    return [row for row in told if (row["knowledge_time"], row["valid_time"]) < own_key]


def standardised(own: Sequence[Row], now: Row, moved: float, rule: Rule) -> float | None:
    changes = []
    for row in first_versions(own, now):
        old = answer(own, back(row["valid_time"], rule), row["knowledge_time"])
        if old is not None:
            changes.append(row[rule.watched] - old[rule.watched])
    changes = changes[-rule.window :]
    if len(changes) < rule.least:
        return None
    if abs(moved) < rule.floor:
        return 0.0
    mean = math.fsum(changes) / len(changes)
    spread = math.sqrt(math.fsum((change - mean) ** 2 for change in changes) / (len(changes) - 1))
    rounding = 1e-9 * max(abs(moved), abs(mean))
    if abs(moved - mean) <= rounding:
        return 0.0
    if spread <= rounding:
        return math.copysign(LARGEST, moved - mean)
    return max(-LARGEST, min(LARGEST, (moved - mean) / spread))


def with_levels(history: list[Seen], rule: Rule) -> list[Seen]:
    """The state machine, one level after the other."""
    sign = -1.0 if rule.kind.low_is_bad else 1.0
    levels = [0] * len(history)
    for level in rule.levels:
        on = False
        for k, seen in enumerate(history):
            recent = history[max(k - rule.of + 1, 0) : k + 1]
            over = [s.signal is not None and sign * s.signal >= sign * level.open for s in recent]
            calm = [s.signal is not None and sign * s.signal < sign * level.close for s in history[max(k - rule.clear + 1, 0) : k + 1]]
            if over[-1] and sum(over) >= rule.count:
                on = True
            elif len(calm) == rule.clear and all(calm):
                on = False
            levels[k] += on
            del seen
    return [Seen(seen.at, seen.signal, seen.value, seen.before, level) for seen, level in zip(history, levels, strict=True)]
