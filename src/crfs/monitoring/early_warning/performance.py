"""How good rules were: how many alerts came true, how many defaults were foretold, how early, and at what cost of false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from crfs.bitemporal.rows import INSTANT, instant
from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput

ANY = "any rule"
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """``hits`` of ``of``, with its Wilson interval; ``value`` and the ends are None where there is nothing to count."""

    hits: int
    of: int
    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def wilson(hits: int, of: int, *, confidence: float = 0.95) -> Share:
    """A share with its score interval (E. Wilson, Journal of the American Statistical Association 22, 1927), for independent trials.

    >>> share = wilson(8, 10)
    >>> share.value, round(share.low, 6), round(share.high, 6)
    (0.8, 0.490162, 0.943318)
    """
    from scipy.special import ndtri

    if not 0 <= hits <= of or not 0.0 < confidence < 1.0:
        raise InvalidInput(f"a share is hits of trials with a confidence within (0, 1); given {hits} of {of}, {confidence}")
    if not of:
        return Share(hits=0, of=0, value=None, low=None, high=None)
    z = float(ndtri(0.5 + confidence / 2.0))
    share = hits / of
    middle = share + z * z / (2.0 * of)
    reach = z * math.sqrt(share * (1.0 - share) / of + z * z / (4.0 * of * of))
    scale = 1.0 + z * z / of
    return Share(hits=hits, of=of, value=share, low=max((middle - reach) / scale, 0.0), high=min((middle + reach) / scale, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePerformance:
    """What a rule was worth.

    ``precision``: of the alerts whose window has closed, those with a default in it. ``recall``: of the defaults, those with an alert
    opened in the window before. ``false_alarm_rate``: of the moments at which an entity was watched and did not default in the window
    after, those in alert; None without a table of them. ``lead_days``: days from the first such alert to the default, mean and quantiles
    (None: no default was foretold). ``undecided`` alerts have an open window, ``late`` ones came at the default or after it; neither
    counts. Alerts of one entity, and of one recession, hang together, so the intervals are too short.
    """

    rule: str
    window: Tenor
    precision: Share
    recall: Share
    false_alarm_rate: Share | None
    undecided: int
    late: int
    lead_days: dict[str, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "rule": self.rule,
            "window": str(self.window),
            "precision": self.precision.to_dict(),
            "recall": self.recall.to_dict(),
            "false_alarm_rate": None if self.false_alarm_rate is None else self.false_alarm_rate.to_dict(),
            "undecided": self.undecided,
            "late": self.late,
            "lead_days": self.lead_days,
        }


def rule_performance(
    alerts: pl.DataFrame,
    defaults: pl.DataFrame,
    *,
    until: datetime,
    window: Tenor | str = "P12M",
    watched: pl.DataFrame | None = None,
    rules: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> tuple[RulePerformance, ...]:
    """Measure rules against defaults: one answer a rule, in the order of their names, and one for any of them together.

    Args:
        alerts: ``rule``, ``entity``, ``opened_at`` and ``closed_at`` (null: open), as
            :meth:`~crfs.monitoring.early_warning.evaluation.Evaluation.spells` has them.
        defaults: ``entity`` and ``defaulted_at``; the first of an entity counts.
        until: up to when defaults are known. A window that reaches beyond is not decided, whatever has happened in it already.
        window: how long after an alert a default counts as foretold.
        watched: ``entity`` and ``at``: the moments at which entities were looked at and not in default. With it come the false alarms,
            and defaults of entities that were not watched before them are left out of the recall; alerts after them are late all the same.
        rules: whose worth is asked, also where they gave no alert; None: of those that gave one.
    """
    end, span = instant(until, "until"), Tenor.parse(window)
    if span.is_zero:
        raise InvalidInput("window is longer than nothing, such as P12M", argument="window")
    _require(alerts, ("rule", "entity", "opened_at", "closed_at"), "alerts")
    _require(defaults, ("entity", "defaulted_at"), "defaults")
    first = (
        defaults.select("entity", "defaulted_at")
        .filter(pl.col("defaulted_at") <= end)
        .group_by("entity")
        .agg(pl.col("defaulted_at").min())
        .sort("entity")
    )
    points, told_of = None, first
    if watched is not None:
        _require(watched, ("entity", "at"), "watched")
        points = watched.select("entity", "at").unique().filter(pl.col("at") <= end).join(first, on="entity", how="left")
        began = watched.group_by("entity").agg(began=pl.col("at").min())
        told_of = first.join(began, on="entity").filter(pl.col("began") < pl.col("defaulted_at")).drop("began")
    told = alerts.select("rule", "entity", "opened_at", "closed_at").filter(pl.col("opened_at") <= end)
    names = sorted(told["rule"].unique().to_list() if rules is None else rules)
    told = told.filter(pl.col("rule").is_in(names))
    parts = [(name, told.filter(pl.col("rule") == name)) for name in names]
    return tuple(
        rule_worth(name, part, first, told_of, points, end=end, span=span, confidence=confidence) for name, part in [*parts, (ANY, told)]
    )


def rule_worth(
    name: str,
    alerts: pl.DataFrame,
    first: pl.DataFrame,
    told_of: pl.DataFrame,
    points: pl.DataFrame | None,
    *,
    end: datetime,
    span: Tenor,
    confidence: float,
) -> RulePerformance:
    """What the ``alerts`` of one rule were worth against the ``first`` default of each entity.

    The recall counts those that are ``told_of``: their entities were watched before. ``points`` are for the false alarms.
    """
    joined = alerts.join(first, on="entity", how="left")
    late = (pl.col("opened_at") >= pl.col("defaulted_at")).fill_null(False)
    reach = pl.col("opened_at").dt.offset_by(span.polars_offset())
    early = joined.filter(~late).with_columns(hit=(pl.col("defaulted_at") <= reach).fill_null(False), decided=reach <= end)
    decided = early.filter(pl.col("decided"))
    foretold = (
        early.filter(pl.col("hit"))
        .group_by("entity")
        .agg(days=(pl.col("defaulted_at").first() - pl.col("opened_at").min()).dt.total_seconds() / 86_400.0)
    )
    caught = foretold.join(told_of, on="entity", how="semi")
    return RulePerformance(
        rule=name,
        window=span,
        precision=wilson(int(decided["hit"].sum()), decided.height, confidence=confidence),
        recall=wilson(caught.height, told_of.height, confidence=confidence),
        false_alarm_rate=None if points is None else false_alarms(alerts, points, end, span, confidence),
        undecided=early.height - decided.height,
        late=joined.height - early.height,
        lead_days=_lead(caught["days"]),
    )


def _lead(days: pl.Series) -> dict[str, float] | None:
    if days.is_empty():
        return None
    quantiles = {f"p{round(100 * q)}": float(days.quantile(q, interpolation="linear") or 0.0) for q in _QUANTILES}
    return {"mean": math.fsum(days.sort()) / len(days), **quantiles}


def false_alarms(alerts: pl.DataFrame, points: pl.DataFrame, end: datetime, span: Tenor, confidence: float) -> Share:
    """Of the ``points`` (``entity``, ``at``, ``defaulted_at``) after which no default came within ``span``, those in alert."""
    reach = pl.col("at").dt.offset_by(span.polars_offset())
    calm = points.filter((reach <= end) & (pl.col("defaulted_at").is_null() | (pl.col("defaulted_at") > reach)))
    if calm.is_empty():
        return wilson(0, 0, confidence=confidence)
    for_ever = pl.lit(_FOR_EVER).cast(INSTANT)
    spells = alerts.select("entity", "opened_at", closed_at=pl.col("closed_at").cast(INSTANT).fill_null(for_ever)).sort(
        "entity", "opened_at"
    )
    # Spells of several rules overlap: of those opened by a moment the latest closing says whether any is on.
    spells = spells.with_columns(pl.col("closed_at").cum_max().over("entity"))
    on = calm.sort("entity", "at").join_asof(
        spells, left_on="at", right_on="opened_at", by="entity", strategy="backward", check_sortedness=False
    )
    hits = int((on["closed_at"] > on["at"]).fill_null(False).sum())
    return wilson(hits, calm.height, confidence=confidence)


def _require(table: pl.DataFrame, columns: tuple[str, ...], what: str) -> None:
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise InvalidInput(f"the table of {what} lacks {', '.join(absent)}", argument=what)
    for name in columns:
        kind = table.schema[name]
        if name.endswith("at") and not (isinstance(kind, pl.Datetime) and kind.time_zone is not None) and kind != pl.Null:
            raise InvalidInput(f"{name} of {what} is {kind}; give instants with a time zone", argument=what)
        if name != "closed_at" and table[name].null_count():
            raise InvalidInput(f"{name} of {what} is blank in {table[name].null_count()} row(s)", argument=what)
