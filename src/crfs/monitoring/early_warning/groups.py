"""Sectors and the portfolio: what is seen of their obligors month by month, and the rises of their default rates that rules should foretell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from crfs.bitemporal.rows import instant
from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput
from crfs.monitoring.early_warning.performance import RulePerformance, false_alarms, rule_worth

GROUP_COLUMNS = ("pd", "utilisation", "days_past_due", "late_share")
"""What :func:`grouped` says of a group: means over its obligors, and the share of them that is 30 days past due or more."""

LATE_DAYS = 30


def grouped(months: pl.DataFrame, by: str) -> pl.DataFrame:
    """What was seen of groups of obligors: ``entity`` (the group), ``valid_time`` and ``knowledge_time`` (the month's observation),
    ``obligors`` and :data:`GROUP_COLUMNS`.

    ``months`` has one row an obligor and observation: the column ``by``, ``observed_at``, ``in_default``, and ``pd``, ``utilisation`` and
    ``days_past_due`` as they were known then. Obligors in default are not counted; a blank cell is left out of its mean.

    >>> row = {"sector": "energy", "observed_at": 1, "in_default": False, "pd": 0.02, "utilisation": None}
    >>> months = pl.DataFrame([{**row, "days_past_due": 0}, {**row, "pd": 0.04, "days_past_due": 60}])
    >>> grouped(months, "sector").select("entity", "obligors", *GROUP_COLUMNS).rows()
    [('energy', 2, 0.03, None, 30.0, 0.5)]
    """
    return (
        months.filter(~pl.col("in_default"))
        .group_by(by, "observed_at")
        .agg(
            pl.len().alias("obligors"),
            # Sums in the order of their size: the same bits whatever the order of the rows, and the number of threads.
            pl.col("pd", "utilisation", "days_past_due").cast(pl.Float64).sort().mean(),
            (pl.col("days_past_due") >= LATE_DAYS).mean().alias("late_share"),
        )
        .select(
            pl.col(by).alias("entity"),
            pl.col("observed_at").alias("valid_time"),
            pl.col("observed_at").alias("knowledge_time"),
            "obligors",
            *GROUP_COLUMNS,
        )
        .sort("entity", "valid_time")
    )


def default_rates(months: pl.DataFrame, defaults: pl.DataFrame, by: str, *, until: datetime, window: Tenor | str = "P12M") -> pl.DataFrame:
    """The default rates of groups: ``entity``, ``at`` (where the window ends), ``obligors`` at its start, and ``rate``, the share that defaulted in it.

    ``months`` is as for :func:`grouped`, with ``obligor_id``; ``defaults`` has ``entity`` and ``defaulted_at``. An obligor in default at the
    start is not counted, and a window that reaches beyond ``until`` is left out.
    """
    ends = pl.col("observed_at").dt.offset_by(Tenor.parse(window).polars_offset())
    asked = (
        months.filter(~pl.col("in_default"))
        .select(by, "obligor_id", "observed_at", at=ends)
        .filter(pl.col("at") <= instant(until, "until"))
    )
    following = asked.sort("obligor_id", "observed_at").join_asof(
        defaults.select("entity", pl.col("defaulted_at").alias("after"), "defaulted_at").sort("entity", "defaulted_at"),
        left_on="observed_at",
        right_on="after",
        by_left="obligor_id",
        by_right="entity",
        strategy="forward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return (
        following.group_by(pl.col(by).alias("entity"), "at")
        .agg(pl.len().alias("obligors"), rate=(pl.col("defaulted_at") <= pl.col("at")).fill_null(False).mean())
        .sort("entity", "at")
    )


def stretches(rates: pl.DataFrame) -> pl.DataFrame:
    """The time of each group cut where its trouble ends: ``entity``, ``stretch``, ``begins``, and ``onset``, null where no trouble followed.

    A group is in trouble while its default rate is above its own long-run level, the mean of the rates told. One that is at first has its
    onset there: nobody knows when it began.

    >>> rates = pl.DataFrame({"entity": ["energy"] * 6, "at": [1, 2, 3, 4, 5, 6], "rate": [0.0, 0.0, 0.1, 0.1, 0.0, 0.0]})
    >>> stretches(rates).rows()
    [('energy', 'energy 0', 1, 3), ('energy', 'energy 1', 5, None)]
    """
    above = pl.col("rate") > pl.col("rate").mean().over("entity")
    ordered = rates.sort("entity", "at").with_columns(above=above)
    was = pl.col("above").shift(1).over("entity")
    number = (was & ~pl.col("above")).fill_null(False).cum_sum().over("entity")
    return (
        ordered.with_columns(number=number)
        .group_by("entity", "number", maintain_order=True)
        .agg(begins=pl.col("at").first(), onset=pl.col("at").filter(pl.col("above")).first())
        .select("entity", pl.format("{} {}", "entity", "number").alias("stretch"), "begins", "onset")
    )


def group_performance(
    alerts: pl.DataFrame,
    watched: pl.DataFrame,
    rates: pl.DataFrame,
    rules: Sequence[str],
    *,
    until: datetime,
    window: Tenor | str = "P12M",
    confidence: float = 0.95,
) -> tuple[RulePerformance, ...]:
    """Measure rules on groups against the onsets of trouble, as obligors' rules are measured against defaults; a group may have several.

    Args:
        alerts: ``rule``, ``entity``, ``opened_at`` and ``closed_at``.
        watched: ``entity`` and ``at``: the moments at which groups were looked at.
        rates: of :func:`default_rates`; see :func:`stretches` for what is an onset. What was before the first rate is not measured.
        rules: the rules asked about.
        until: up to when defaults are known.
    """
    if not rules:
        raise InvalidInput("name the rules whose worth is asked", argument="rules")
    end, span = instant(until, "until"), Tenor.parse(window)
    cut = stretches(rates)
    seen = _in_stretches(watched.select("entity", "at").unique().filter(pl.col("at") <= end), cut, "at")
    told = _in_stretches(alerts.select("rule", "entity", "opened_at", "closed_at").filter(pl.col("opened_at") <= end), cut, "opened_at")
    onsets = cut.filter(pl.col("onset").is_not_null()).select("stretch", defaulted_at="onset")
    points = seen.join(onsets, on="stretch", how="left")
    first = onsets.rename({"stretch": "entity"})
    began = seen.group_by("stretch").agg(began=pl.col("at").min())
    told_of = first.join(began, left_on="entity", right_on="stretch").filter(pl.col("began") < pl.col("defaulted_at")).drop("began")
    found = []
    for rule in sorted(rules):
        own = told.filter(pl.col("rule") == rule)
        worth = rule_worth(
            rule, own.drop("entity").rename({"stretch": "entity"}), first, told_of, None, end=end, span=span, confidence=confidence
        )
        # An alert that was opened in an earlier stretch alarms in this one too.
        alarms = false_alarms(own, points.select("entity", "at", "defaulted_at"), end, span, confidence)
        found.append(replace(worth, false_alarm_rate=alarms))
    return tuple(found)


def _in_stretches(table: pl.DataFrame, cut: pl.DataFrame, time: str) -> pl.DataFrame:
    return (
        table.sort("entity", time)
        .join_asof(
            cut.select("entity", "stretch", "begins").sort("entity", "begins"),
            left_on=time,
            right_on="begins",
            by="entity",
            strategy="backward",
            check_sortedness=False,
        )
        .filter(pl.col("stretch").is_not_null())
        .drop("begins")
    )
