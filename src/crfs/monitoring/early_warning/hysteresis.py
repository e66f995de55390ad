"""Hysteresis: an alert opens beyond one threshold and closes behind another, after so many observations; between them nothing changes."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.monitoring.early_warning.known import BoolArray, IntArray
from crfs.monitoring.early_warning.rules import Level, Rule

FloatArray: TypeAlias = npt.NDArray[np.float64]


def states(sightings: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """The sightings of a rule (:func:`~crfs.monitoring.early_warning.signals.signals`) with ``level``: how many levels are on, 0 for none.

    A level opens when ``count`` of the last ``of`` signals are at its threshold or beyond, the last among them, and closes when the last
    ``clear`` are behind its closing threshold; else it stays. A signal that is not known is neither. Thresholds of worse levels are
    harder, so the levels that are on are always the mildest ones.
    """
    signal, code = sightings["signal"].fill_null(np.nan).to_numpy(), entity_numbers(sightings)
    level = np.zeros(len(code), dtype=np.int64)
    for one in rule.levels:
        level += _on(signal, code, one, rule)
    return sightings.with_columns(level=pl.Series(level, dtype=pl.Int64))


def closings(sightings: pl.DataFrame, rule: Rule) -> list[BoolArray]:
    """For each level of the rule, the sightings at which it closes where it is open."""
    signal, code = sightings["signal"].fill_null(np.nan).to_numpy(), entity_numbers(sightings)
    return [_turns(signal, code, one, rule)[1] for one in rule.levels]


def _turns(signal: FloatArray, code: IntArray, level: Level, rule: Rule) -> tuple[BoolArray, BoolArray]:
    """Where a level opens, and where it closes."""
    # A comparison with what is not known is false.
    over = (signal <= level.open) if rule.kind.low_is_bad else (signal >= level.open)
    under = (signal > level.close) if rule.kind.low_is_bad else (signal < level.close)
    opens = over & (_of_last(over, code, rule.of) >= rule.count)
    return opens, ~opens & (_of_last(under, code, rule.clear) >= rule.clear)


def _on(signal: FloatArray, code: IntArray, level: Level, rule: Rule) -> BoolArray:
    opens, closes = _turns(signal, code, level, rule)
    # The last event stands until the next: that is the whole state machine. An entity begins with one, that it is not in alert.
    starts = first_rows(code)
    event = np.maximum.accumulate(np.where(opens | closes | starts, np.arange(len(code)), 0))
    return opens[event]


def _of_last(flags: BoolArray, code: IntArray, window: int) -> IntArray:
    """How many of an entity's last ``window`` flags are up, each row's own among them."""
    count = flags.astype(np.int64)
    for step in range(1, window):
        count[step:] += flags[:-step] & (code[step:] == code[:-step])
    return count


def entity_numbers(sightings: pl.DataFrame) -> IntArray:
    """A number an entity in a table that is sorted by entities."""
    return np.asarray(sightings["entity"].rle_id().to_numpy(), dtype=np.int64)


def first_rows(code: IntArray) -> BoolArray:
    """Where a new entity begins in a sorted table."""
    starts = np.ones(len(code), dtype=np.bool_)
    starts[1:] = code[1:] != code[:-1]
    return starts
