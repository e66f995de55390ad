"""IFRS 9 stages: has credit risk risen significantly since recognition, is the facility credit-impaired, has it cured long enough?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from crfs.credit.schemas import ColumnSchema, TableSchema
from crfs.errors import InvalidInput
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_flag, check_kind, is_whole, shown
from crfs.risk.facilities import BoolArray, accepted_rows, book_columns, decimal_column, flags, note, numbers, read_facilities
from crfs.risk.ranges import DECIMAL, RATIO, number

_ROUNDING = 1e-12


class Trigger(StrEnum):
    """What puts a facility into stage 2 or 3, or keeps it there."""

    DEFAULT = "default"
    DPD_STAGE_3 = "days_past_due_stage_3"
    PD_INCREASE = "pd_increase"
    DPD_STAGE_2 = "days_past_due_stage_2"
    WATCHLIST = "watchlist"
    FORBEARANCE = "forbearance"
    PROBATION_STAGE_3 = "probation_stage_3"
    PROBATION_STAGE_2 = "probation_stage_2"


@dataclass(frozen=True, slots=True, kw_only=True)
class StagingRule:
    """When a facility is in which stage. Every threshold is a policy of the bank; those here are usual ones.

    ``relative_increase`` and ``absolute_increase`` compare the lifetime PD of today with that expected at recognition for the same
    remaining life (5.5.9): it is significant where today's is at least ``1 + relative_increase`` times as large and larger by at least
    ``absolute_increase``, or, with ``either``, where one of the two holds. ``dpd_stage_2``: more days past due than that (5.5.11, 30);
    ``dpd_stage_3``: that many or more (B5.5.37, 90); None rebuts the presumption. ``low_credit_risk_pd``: up to this 12-month PD an
    increase of PD does not count (5.5.10); the other triggers do. A facility whose triggers are gone stays in its stage until
    ``probation_stage_2_months`` or ``probation_stage_3_months`` have gone by without one, and leaves stage 3 for stage 2, unless
    ``straight_to_stage_1``.
    """

    relative_increase: float = 1.0
    absolute_increase: float = 0.005
    either: bool = False
    dpd_stage_2: int | None = 30
    dpd_stage_3: int | None = 90
    low_credit_risk_pd: float | None = None
    probation_stage_2_months: int = 3
    probation_stage_3_months: int = 12
    straight_to_stage_1: bool = False

    def __post_init__(self) -> None:
        for name in ("relative_increase", "absolute_increase"):
            number(name, getattr(self, name), RATIO)
        for name, unit in (
            ("dpd_stage_2", "days"),
            ("dpd_stage_3", "days"),
            ("probation_stage_2_months", "months"),
            ("probation_stage_3_months", "months"),
        ):
            value = getattr(self, name)
            if value is None and unit == "days":
                continue
            if not is_whole(value) or value < 0:
                raise InvalidInput(f"{name} is a whole number of {unit}, zero or more, not {shown(value)}", argument=name)
        if self.dpd_stage_2 is not None and self.dpd_stage_3 is not None and self.dpd_stage_2 >= self.dpd_stage_3:
            raise InvalidInput("dpd_stage_2 comes before dpd_stage_3", argument="dpd_stage_2")
        if self.low_credit_risk_pd is not None:
            number("low_credit_risk_pd", self.low_credit_risk_pd, DECIMAL)
        for name in ("either", "straight_to_stage_1"):
            check_flag(name, getattr(self, name))


def staging_schema() -> TableSchema:
    """The columns that stages are found from; only ``facility_id`` is required, and a blank flag is false."""
    return TableSchema(
        name="staging table",
        unique=("facility_id",),
        columns=(
            ColumnSchema(name="facility_id", dtype=pl.String, required=True, meaning="the contract; once a table"),
            *book_columns(but=("facility_id",)),
            decimal_column("pd_lifetime", "of the remaining life, as seen today"),
            decimal_column("pd_lifetime_at_origination", "of the same remaining life, as seen at recognition"),
            ColumnSchema(name="days_past_due", dtype=pl.Int64, unit="days", minimum=0),
            ColumnSchema(name="defaulted", dtype=pl.Boolean, meaning="credit-impaired; a pd_12m of 1 says so too"),
            ColumnSchema(name="watchlist", dtype=pl.Boolean),
            ColumnSchema(name="forborne", dtype=pl.Boolean),
            ColumnSchema(name="previous_stage", dtype=pl.Int64, allowed=(1, 2, 3)),
            ColumnSchema(
                name="months_without_trigger",
                dtype=pl.Int64,
                unit="months",
                minimum=0,
                meaning="since the last trigger of its previous stage; blank: 0",
            ),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StagingResult:
    """``table`` has the given columns of the accepted rows, and ``stage`` (1, 2 or 3), ``sicr`` (true in stage 2) and ``triggers`` (a list
    of :class:`Trigger`, the heaviest first; empty in stage 1). ``rejected`` lists the faults of rows that are left out.
    """

    table: pl.DataFrame
    rejected: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """How many facilities are in each stage and have each trigger, for JSON."""
        counts = self.table["triggers"].explode().drop_nulls().value_counts().sort("triggers")
        return {
            "stages": {str(stage): int((self.table["stage"] == stage).sum()) for stage in (1, 2, 3)},
            "triggers": dict(counts.iter_rows()),
            "n_rejected": self.rejected["row"].n_unique(),
        }


def stage_facilities(
    facilities: pl.DataFrame, *, rule: StagingRule | None = None, carry: Sequence[str] = (), accept_partial: bool = False
) -> StagingResult:
    """The stage of each facility, and what put it there.

    ``facilities`` has the columns of :func:`staging_schema`. Of a row both lifetime PDs are given, or neither: without them no increase of PD
    is seen, and in default none is needed. A ``pd_12m`` of 1 is in default, as ``defaulted`` is. Where there is no column
    ``previous_stage``, a ``stage`` that the table has is the previous one. What was credit-impaired when it came has no stage, and is no
    matter of this function.

    >>> table = pl.DataFrame({"facility_id": ["A", "B", "C", "D"], "pd_lifetime": [0.01, 0.03, 0.01, 0.01],
    ...                       "pd_lifetime_at_origination": [0.01, 0.01, 0.01, 0.01], "days_past_due": [0, 0, 31, 90]})
    >>> stage_facilities(table).table.select("stage", pl.col("triggers").list.join(" ")).rows()
    [(1, ''), (2, 'pd_increase'), (2, 'days_past_due_stage_2'), (3, 'days_past_due_stage_3 days_past_due_stage_2')]
    """
    rule = _rule_or_usual(rule)
    require_table(facilities, argument="facilities")
    if "stage" in facilities.columns and "previous_stage" not in facilities.columns:
        facilities = facilities.rename({"stage": "previous_stage"})
    typed, faults = read_facilities(facilities, staging_schema(), carry=carry)
    now, then, living = numbers(typed, "pd_lifetime"), numbers(typed, "pd_lifetime_at_origination"), ~_impaired(_triggers(typed, rule))
    detail = "both lifetime PDs are needed to compare them: the cell is blank and the other is not"
    note(faults, living & np.isnan(now) & ~np.isnan(then), column="pd_lifetime", detail=detail)
    note(faults, living & ~np.isnan(now) & np.isnan(then), column="pd_lifetime_at_origination", detail=detail)
    if rule.low_credit_risk_pd is not None:
        missing = living & ~np.isnan(now) & np.isnan(numbers(typed, "pd_12m"))
        note(faults, missing, column="pd_12m", detail="the exemption of low credit risk looks at the 12-month PD")
    rows, rejected = accepted_rows(typed, faults, what="staging table", accept_partial=accept_partial)

    hit = _triggers(rows, rule)
    stage_3 = _impaired(hit)
    stage_2 = hit[Trigger.PD_INCREASE] | hit[Trigger.DPD_STAGE_2] | hit[Trigger.WATCHLIST] | hit[Trigger.FORBEARANCE]
    stage = np.where(stage_3, 3, np.where(stage_2, 2, 1))
    before, months = numbers(rows, "previous_stage", default=1.0), numbers(rows, "months_without_trigger", default=0.0)
    hit[Trigger.PROBATION_STAGE_3] = (before == 3.0) & (stage < 3) & (months < rule.probation_stage_3_months)
    left_3 = (before == 3.0) & (stage == 1) & ~hit[Trigger.PROBATION_STAGE_3] & (not rule.straight_to_stage_1)
    hit[Trigger.PROBATION_STAGE_2] = ((before == 2.0) & (stage == 1) & (months < rule.probation_stage_2_months)) | left_3
    stage = np.where(hit[Trigger.PROBATION_STAGE_3], 3, np.where(hit[Trigger.PROBATION_STAGE_2], 2, stage))
    shown = [pl.when(pl.Series(hit[trigger])).then(pl.lit(trigger.value)) for trigger in Trigger]
    table = rows.with_columns(
        pl.Series("stage", stage),
        pl.Series("sicr", stage == 2),
        pl.concat_list(shown).list.drop_nulls().alias("triggers"),
    )
    return StagingResult(table=table, rejected=rejected)


def in_default_by(facilities: pl.DataFrame, *, rule: StagingRule | None = None) -> BoolArray:
    """Of each row whether it is in default by ``defaulted``, by a ``pd_12m`` of 1, or by ``days_past_due`` of ``rule.dpd_stage_3`` or more, whatever
    stage it is given.

    ``facilities`` has the columns of :func:`staging_schema`; a blank cell, or one that cannot be read, says nothing.

    >>> in_default_by(pl.DataFrame({"facility_id": ["A", "B", "C"], "stage": [1, 1, 3], "days_past_due": [90, 89, 0]})).tolist()
    [True, False, False]
    """
    typed, _ = read_facilities(facilities, staging_schema())
    return _impaired(_triggers(typed, _rule_or_usual(rule)))


def _rule_or_usual(rule: StagingRule | None) -> StagingRule:
    return StagingRule() if rule is None else check_kind("rule", rule, StagingRule)


def _impaired(hit: dict[Trigger, BoolArray]) -> BoolArray:
    return np.asarray(hit[Trigger.DEFAULT] | hit[Trigger.DPD_STAGE_3])


def _triggers(rows: pl.DataFrame, rule: StagingRule) -> dict[Trigger, BoolArray]:
    now, then = numbers(rows, "pd_lifetime"), numbers(rows, "pd_lifetime_at_origination")
    with np.errstate(invalid="ignore"):
        # A difference of decimals such as 0.015 - 0.01 falls a bit short of what is meant.
        relative = now >= (1.0 + rule.relative_increase) * then - _ROUNDING
        absolute = now - then >= rule.absolute_increase - _ROUNDING
        risen = now > then
    increased = risen & ((relative | absolute) if rule.either else (relative & absolute))
    if rule.low_credit_risk_pd is not None:
        increased &= ~(numbers(rows, "pd_12m") <= rule.low_credit_risk_pd)
    past_due = numbers(rows, "days_past_due", default=0.0)
    never = np.zeros(rows.height, dtype=np.bool_)
    return {
        Trigger.DEFAULT: flags(rows, "defaulted") | (numbers(rows, "pd_12m") == 1.0),
        Trigger.DPD_STAGE_3: past_due >= rule.dpd_stage_3 if rule.dpd_stage_3 is not None else never,
        Trigger.PD_INCREASE: increased,
        Trigger.DPD_STAGE_2: past_due > rule.dpd_stage_2 if rule.dpd_stage_2 is not None else never,
        Trigger.WATCHLIST: flags(rows, "watchlist"),
        Trigger.FORBEARANCE: flags(rows, "forborne"),
    }
