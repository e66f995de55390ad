"""One evaluation after another: an alert that an earlier one opened stays until its rule closes it, also where the past is told otherwise now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from crfs.bitemporal.rows import INSTANT, instant
from crfs.monitoring.alert_states import Condition, Severity
from crfs.monitoring.early_warning.evaluation import Evaluation, closed_title, condition_of, evidence_of
from crfs.monitoring.early_warning.hysteresis import closings
from crfs.monitoring.early_warning.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A live alert as an earlier evaluation left it; ``evidence`` is that of its condition."""

    rule: str
    subject: str
    severity: Severity
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An alert that its rule closes: why, and what was seen then; ``title`` tells the value that closed it, and is None where none did."""

    rule: str
    subject: str
    reason: str
    evidence: Mapping[str, Any]
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOver:
    """What is alarming now, the earlier alerts that end, and those (rule and subject) of which nothing is seen: they stay as they are."""

    conditions: tuple[Condition, ...]
    ended: tuple[Ended, ...]
    unseen: tuple[tuple[str, str], ...]


def carry_over(found: Evaluation, earlier: Iterable[Earlier], at: datetime) -> CarriedOver:
    """What an evaluation makes of the alerts that an earlier one left.

    A level that was on is on until the rule closes it: at a sighting after the one that the alert rests on, or at the last one. So an alert
    does not vanish between its thresholds because limits, scores or corrections make another past of it. A value that is older
    than the rule's ``max_age`` ends its alert. Alerts of other rules than those of the evaluation are left out.
    """
    moment = instant(at, "at")
    conditions = {(condition.rule, condition.subject): condition for condition in found.conditions(moment)}
    ended: list[Ended] = []
    unseen: list[tuple[str, str]] = []
    by_rule: dict[str, list[Earlier]] = {}
    for alert in earlier:
        by_rule.setdefault(alert.rule, []).append(alert)
    for rule in found.rules:
        mine = by_rule.get(rule.name, [])
        last = _last_sightings(found.sightings[rule.name], rule, mine, moment) if mine else {}
        for alert in mine:
            key, row = (alert.rule, alert.subject), last.get(alert.subject)
            if row is None:
                end = _expiry(rule, alert, moment)
                ended += end
                unseen += [] if end else [key]
            elif row["expired"]:
                ended.append(_ended(alert, rule, row, f"its last value, of {row['valid_time']:%Y-%m-%d}, is older than {rule.max_age}"))
            elif row["level"] == 0:
                title = closed_title(row, rule, last=alert.evidence.get("value"))
                ended.append(_ended(alert, rule, row, f"its condition has gone: {rule.watched} {row['value']}", title))
            elif key not in conditions or row["kept"] > row["own"]:
                conditions[key] = condition_of(row, rule)
    return CarriedOver(conditions=tuple(conditions[key] for key in sorted(conditions)), ended=tuple(ended), unseen=tuple(unseen))


def _last_sightings(sightings: pl.DataFrame, rule: Rule, alerts: Sequence[Earlier], moment: datetime) -> dict[str, dict[str, Any]]:
    """By subject the last sighting of each alert: its ``own`` level, the ``kept`` one, the greater of both as ``level``, ``expired``."""
    standing = pl.DataFrame(
        [
            {
                "entity": alert.subject.removeprefix(f"{rule.scope.value}/"),
                "subject": alert.subject,
                "held": sum(level.severity.rank <= alert.severity.rank for level in rule.levels),
                "since": _time(alert.evidence.get("seen_at")) or moment,
                "opened_at": _time(alert.evidence.get("opened_at")),
            }
            for alert in alerts
        ],
        schema={"entity": pl.String, "subject": pl.String, "held": pl.Int64, "since": INSTANT, "opened_at": INSTANT},
    )
    seen = sightings.filter(pl.col("at") <= moment).join(standing.select("entity"), on="entity", how="semi", maintain_order="left")
    closes = closings(seen, rule)
    shut = [pl.Series(f"shut_{number}", flags) for number, flags in enumerate(closes, start=1)]
    told = seen.with_columns(shut).join(standing, on="entity", how="left", maintain_order="left")
    last = pl.col("entity") != pl.col("entity").shift(-1)
    told = told.filter((pl.col("at") > pl.col("since")) | last.fill_null(True))
    still = [pl.col(f"shut_{number}").not_().all() & (pl.col("held").last() >= number) for number in range(1, len(closes) + 1)]
    final = told.group_by("entity", maintain_order=True).agg(
        pl.col(name).last() for name in [*seen.columns, "subject", "opened_at"] if name not in {"entity", "level"}
    )
    levels = told.group_by("entity", maintain_order=True).agg(own=pl.col("level").last(), kept=pl.sum_horizontal(still).cast(pl.Int64))
    final = final.join(levels, on="entity").with_columns(level=pl.max_horizontal("own", "kept"), expired=_is_older(rule, moment))
    return {row["subject"]: row for row in final.iter_rows(named=True)}


def _is_older(rule: Rule, moment: datetime) -> pl.Expr:
    if rule.max_age is None:
        return pl.lit(False)
    return (pl.col("valid_time").dt.offset_by(rule.max_age.polars_offset()) <= moment).fill_null(False)


def _expiry(rule: Rule, alert: Earlier, moment: datetime) -> list[Ended]:
    """The end of an alert of which nothing is seen any more, where its value has become too old."""
    valid = _time(alert.evidence.get("valid_time"))
    if valid is None or not _older(rule, valid, moment):
        return []
    reason = f"its last value, of {valid:%Y-%m-%d}, is older than {rule.max_age}"
    return [Ended(rule=alert.rule, subject=alert.subject, reason=reason, evidence=alert.evidence)]


def _older(rule: Rule, valid: datetime, moment: datetime) -> bool:
    return bool(pl.DataFrame({"valid_time": [valid]}, schema={"valid_time": INSTANT}).select(_is_older(rule, moment)).item())


def _ended(alert: Earlier, rule: Rule, row: Mapping[str, Any], reason: str, title: str | None = None) -> Ended:
    return Ended(rule=alert.rule, subject=alert.subject, reason=reason, evidence=evidence_of(row, rule, rule.levels[0]), title=title)


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
