"""Signals: what a rule makes of what was known, one number an entity and sighting, and from which values."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.monitoring.early_warning.known import NOWHERE, RESTS_ON, BoolArray, IntArray, KnownValues, instants, microseconds
from crfs.monitoring.early_warning.rules import Rule, RuleKind

FloatArray: TypeAlias = npt.NDArray[np.float64]

LARGEST = 1e6
"""A relative change from nothing, or a move of a number that has no error, is held here: JSON has no infinity."""

_ROUNDING = 1e-9
"""A standard deviation that is smaller than this share of the changes is the rounding of changes that are all the same, and a standard error
that is smaller than this share of the values is that of numbers without one."""


def signals(rows: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """The sightings of a rule: the moments at which what it looks at became known, or became known anew, sorted by entity and moment.

    ``entity``, ``at``, ``signal`` (null: not known), ``value`` and ``before`` (numbers, or grades), ``valid_time`` and
    ``known_at`` of the value, ``before_time`` of the one before, and what both rest on where the table says it. Each is made of rows known at ``at`` alone.
    """
    known = KnownValues(rows, rule.needs)
    code, at = known.moments()
    now = known.last(code, at, at)
    before = np.full(len(code), NOWHERE, dtype=np.int64)
    if rule.kind.looks_back:
        have = np.flatnonzero(now != NOWHERE)
        before[have] = known.last(code[have], _back(known.valid[now[have]], rule), at[have])
    anew = np.ones(len(code), dtype=np.bool_)
    anew[1:] = (now[1:] != now[:-1]) | (before[1:] != before[:-1]) | (code[1:] != code[:-1])
    code, at, now, before = (part[anew] for part in (code, at, now, before))
    signal = _signal(known, now, before, rule)
    valid = _gathered(known.versions["valid_time"], now)
    if rule.max_age is not None:
        fresh = valid.dt.offset_by(rule.max_age.polars_offset()) >= instants(at)
        signal = np.where(fresh.fill_null(False).to_numpy(), signal, np.nan)
    names = known.versions["entity"].gather(_first_of(known.code, code)) if len(code) else known.versions["entity"].clear()
    return pl.DataFrame(
        {
            "entity": names,
            "at": instants(at),
            "signal": pl.Series(signal, dtype=pl.Float64).fill_nan(None),
            "value": _gathered(known.versions[rule.watched], now),
            "before": _gathered(known.versions[rule.watched], before),
            "valid_time": valid,
            "known_at": _gathered(known.versions["knowledge_time"], now),
            "before_time": _gathered(known.versions["valid_time"], before),
            **_basis(known, now, before),
        }
    )


def _basis(known: KnownValues, now: IntArray, before: IntArray) -> dict[str, pl.Series]:
    """What both values rest on, where the table says it."""
    if RESTS_ON not in known.versions.columns:
        return {}
    told = known.versions[RESTS_ON]
    return {RESTS_ON: _gathered(told, now), f"before_{RESTS_ON}": _gathered(told, before)}


def _first_of(codes: IntArray, wanted: IntArray) -> IntArray:
    return np.searchsorted(codes, wanted, side="left")


def _gathered(values: pl.Series, positions: IntArray) -> pl.Series:
    return values.gather(pl.Series(positions).replace(NOWHERE, None).cast(pl.UInt32))


def _back(times: IntArray, rule: Rule) -> IntArray:
    """``lookback`` before a time; the last day of a month goes back to the last day of another, so that month ends of any length meet.

    Without a ``lookback`` it is the instant before, which the observation before answers.
    """
    if rule.lookback is None:
        return times - 1
    distinct, where = np.unique(times, return_inverse=True)
    time = pl.Series(distinct).cast(INSTANT)
    earlier = time.dt.offset_by(f"-{rule.lookback.polars_offset()}")
    if rule.lookback.months and not rule.lookback.days and not rule.lookback.seconds:
        ends = time.dt.date() == time.dt.date().dt.month_end()
        earlier = earlier.dt.month_end().zip_with(ends, earlier)
    return microseconds(earlier)[where.reshape(-1)]


def _numbers(known: KnownValues, column: str, positions: IntArray) -> FloatArray:
    """The values at some positions, NaN nowhere."""
    values = np.concatenate([known.versions[column].to_numpy().astype(np.float64), [np.nan]])
    return np.asarray(values[positions], dtype=np.float64)


def _signal(known: KnownValues, now: IntArray, before: IntArray, rule: Rule) -> FloatArray:
    if rule.kind is RuleKind.RATING_DOWNGRADE:
        places = _places(known, rule)
        return np.asarray(places[now] - places[before], dtype=np.float64)
    value = _numbers(known, rule.watched, now)
    if not rule.kind.looks_back:
        return _mean(known, now, value, rule) if rule.kind is RuleKind.SENTIMENT else value
    old = _numbers(known, rule.watched, before)
    moved = value - old
    match rule.kind:
        case RuleKind.PD_RELATIVE_INCREASE:
            grown = np.divide(value, old, out=np.full_like(value, np.inf), where=old > 0.0) - 1.0
            from_nothing = np.where(value > 0.0, LARGEST, 0.0)
            relative = np.where(old > 0.0, np.minimum(grown, LARGEST), from_nothing)
            return np.where(np.isnan(moved), np.nan, np.where(np.abs(moved) < rule.floor, 0.0, relative))
        case RuleKind.SPREAD_MOVE:
            return _standardised(known, now, moved, rule)
        case RuleKind.EC_DRIFT:
            error = np.hypot(*(_numbers(known, rule.needs[1], positions) for positions in (now, before)))
            # Exact answers have no error, and their last digits differ by the machine that found them: that is no move.
            return _over(np.abs(moved), error, _ROUNDING * np.maximum(np.abs(value), np.abs(old)))
        case _:
            return moved


def _over(moved: FloatArray, error: FloatArray, rounding: FloatArray) -> FloatArray:
    """A move in units of its error, held within bounds; a move that is not rounding is beyond any error of nothing."""
    score = np.clip(np.divide(moved, error, out=np.zeros_like(moved), where=error > rounding), -LARGEST, LARGEST)
    certain = np.where(np.abs(moved) <= rounding, 0.0, np.sign(moved) * LARGEST)
    return np.where(np.isnan(moved) | np.isnan(error), np.nan, np.where(error > rounding, score, certain))


def _places(known: KnownValues, rule: Rule) -> FloatArray:
    """The place of each version's grade on the scale, and a NaN for nowhere; a grade that is not on it is refused."""
    numbers = {grade: float(number) for number, grade in enumerate(rule.scale)}
    grades = known.versions[rule.watched]
    places = grades.replace_strict(numbers, default=None, return_dtype=pl.Float64)
    lost = places.is_null().arg_true()
    if not lost.is_empty():
        entity, grade = known.versions["entity"][lost[0]], grades[lost[0]]
        detail = f"{grade!r} of {entity!r} is no grade of the scale of rule {rule.name}: {', '.join(rule.scale)}"
        raise InvalidInput(detail, problems=(Problem(row=None, column=rule.watched, reason=Reason.UNKNOWN_VALUE.value, detail=detail),))
    return np.concatenate([places.to_numpy(), [np.nan]])


def _as_first_seen(known: KnownValues) -> tuple[IntArray, IntArray]:
    """The periods in the order of entity and of when they became known, and for each its rank in that order.

    The last value known has the greatest valid time known, so the periods above its own in this order are earlier ones, and were known no
    later: what becomes known later of an earlier period is below, and changes nothing.
    """
    first = known.first
    order = np.lexsort((known.valid[first], known.knowledge[first], known.code[first]))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return order, rank


def _before(values: FloatArray, code: IntArray, steps: int) -> FloatArray:
    """The values of ``steps`` rows before within the entity, NaN where there are not so many."""
    moved = np.full(len(values), np.nan)
    same: BoolArray = code[steps:] == code[:-steps]
    moved[steps:][same] = values[:-steps][same]
    return moved


def _sums_before(values: FloatArray, code: IntArray, window: int) -> tuple[FloatArray, FloatArray]:
    """How many of the ``window`` rows before there are within the entity, and the sum of their values."""
    number, total = np.zeros(len(values)), np.zeros(len(values))
    for step in range(1, window + 1):
        past = _before(values, code, step)
        number += ~np.isnan(past)
        total += np.nan_to_num(past)
    return number, total


def _standardised(known: KnownValues, now: IntArray, moved: FloatArray, rule: Rule) -> FloatArray:
    """The change over mean and standard deviation of the ``window`` changes that became known before it."""
    order, rank = _as_first_seen(known)
    first = known.first[order]
    old = known.last(known.code[first], _back(known.valid[first], rule), known.knowledge[first])
    change = _numbers(known, rule.watched, first) - _numbers(known, rule.watched, old)
    # The changes of an entity that there are, one after the other.
    there = ~np.isnan(change)
    code, told = known.code[first][there], change[there]
    number, total = _sums_before(told, code, rule.window)
    mean = total / np.maximum(number, 1.0)
    # In a second pass: squares of changes less the square of their mean would leave rounding where changes are all the same.
    squares = np.zeros(len(told))
    for step in range(1, rule.window + 1):
        squares += np.nan_to_num((_before(told, code, step) - mean) ** 2)
    enough = number >= rule.least
    usual_mean, usual_sd = (np.full(len(first) + 1, np.nan) for _ in range(2))
    usual_mean[:-1][there] = np.where(enough, mean, np.nan)
    usual_sd[:-1][there] = np.where(enough, np.sqrt(squares / np.maximum(number - 1.0, 1.0)), np.nan)
    period = np.where(now == NOWHERE, NOWHERE, rank[known.period_of[now]]) if len(rank) else now
    centre, spread = usual_mean[period], usual_sd[period]
    rounding = _ROUNDING * np.maximum(np.abs(moved), np.abs(centre))
    score = _over(moved - centre, spread, rounding)
    return np.where(np.isnan(score), np.nan, np.where(np.abs(moved) < rule.floor, 0.0, score))


def _mean(known: KnownValues, now: IntArray, value: FloatArray, rule: Rule) -> FloatArray:
    """The mean of the last value and of those of the ``window - 1`` periods that became known before it."""
    if rule.window == 1 or not len(now):
        return value
    order, rank = _as_first_seen(known)
    first = known.first[order]
    values = _numbers(known, rule.watched, first)
    number, total = _sums_before(values, known.code[first], rule.window - 1)
    period = rank[known.period_of[now]]
    count = number[period] + 1.0
    return np.where(count >= rule.least, (total[period] + value) / count, np.nan)
