"""How far back rules look: from which observation on they need an entity's history to say how it stands at the last one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.monitoring.early_warning.rules import Rule, RuleKind

_MEANS = frozenset({RuleKind.SENTIMENT, RuleKind.SPREAD_MOVE})
"""Kinds that take a mean of ``window`` observations."""


def first_needed(times: Sequence[datetime], rules: Sequence[Rule], *, least: int) -> int:
    """The place in ``times``, those of an entity's observations in their order, from which on ``rules`` need them all.

    They need the ``of`` and ``clear`` last ones that their levels count, before each of these the ``window`` that a mean is taken of, and the
    one that is ``lookback`` before the first of all those. ``least`` so many of the last ones are needed whatever the rules are. An alert
    that opened on what is older, and has stayed between its thresholds since, is the business of whoever remembers alerts.

    >>> from crfs.monitoring.early_warning.rules import rule_from_dict
    >>> levels = [{"severity": "warning", "open": 4.0, "close": 3.0}]
    >>> days = [datetime(2026, 1, day) for day in range(1, 31)]
    >>> drift = {"name": "portfolio.drift", "kind": "ec_drift", "scope": "portfolio", "levels": levels}
    >>> [first_needed(days, [rule_from_dict(drift | more)], least=3) for more in ({}, {"of": 10}, {"lookback": "P7D"}, {"lookback": "P1Y"})]
    [26, 19, 20, 0]
    """
    found = max(len(times) - least, 0)
    for rule in rules:
        counted = max(least, rule.of, rule.clear) + (rule.window if rule.kind in _MEANS else 0)
        first = max(len(times) - counted, 0)
        if rule.kind.looks_back and first > 0:
            first = first - 1 if rule.lookback is None else _last_by(times, _earlier(times[first], f"-{rule.lookback.polars_offset()}"))
        found = min(found, first)
    return found


def _earlier(time: datetime, offset: str) -> datetime:
    told: datetime = pl.Series([time], dtype=INSTANT).dt.offset_by(offset)[0]
    return told if time.tzinfo is not None else told.replace(tzinfo=None)


def _last_by(times: Sequence[datetime], moment: datetime) -> int:
    """The place of the last time that is not after a moment; 0 where all are."""
    return max(sum(time <= moment for time in times) - 1, 0)
