"""CECL allowances (ASC 326-20): losses of the whole life, forecast as far as that is reasonable, then back to history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_flag
from crfs.risk.cents import in_cents, in_units
from crfs.risk.facilities import FloatArray, flags, numbers, rejected_note
from crfs.risk.provisions.book import held_at_one, in_default, loans_of, paths_of, read_book, segments_of
from crfs.risk.provisions.loss_paths import Timing, expected_losses, losses_in_default
from crfs.risk.provisions.scenarios import BASE, EclScenario, check_weights, curves_of, time_grid
from crfs.risk.provisions.term_structure import PdCurves
from crfs.risk.ranges import Range, number

_YEARS = Range(said="a finite number of years, zero or more", low=0.0, with_high=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CeclResult:
    """Allowances of a table of facilities: ``table`` has the given columns of the accepted rows, and ``exposure``, ``allowance``,
    ``allowance_cents`` (whole cents that sum to the total), ``pd_lifetime`` and ``allowance:<scenario>`` for each; currency units and
    decimals.
    """

    table: pl.DataFrame
    rejected: pl.DataFrame
    scenario_allowance: tuple[tuple[str, float, float], ...]
    discounted: bool
    forecast_years: float
    reversion_years: float
    notes: tuple[str, ...]

    @property
    def total(self) -> float:
        """Allowance of all rows, currency units: the sum of their whole cents."""
        return int(self.table["allowance_cents"].sum()) / 100.0

    def by(self, *columns: str) -> pl.DataFrame:
        """Facilities and ``allowance`` by the values of any columns, in whole cents that sum to the total whatever the cut."""
        lost = [name for name in columns if name not in self.table.columns]
        if lost or not columns:
            raise InvalidInput(f"the table has no column {', '.join(lost)}" if lost else "name a column to cut by", argument="columns")
        sums = self.table.group_by(columns).agg(pl.len().alias("facilities"), pl.col("allowance_cents").sum()).sort(columns)
        return in_units(sums, "allowance_cents").select(*columns, "facilities", allowance="allowance_cents")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the rows."""
        return {
            "allowance": self.total,
            "scenarios": [{"name": name, "weight": weight, "allowance": amount} for name, weight, amount in self.scenario_allowance],
            "discounted": self.discounted,
            "forecast_years": self.forecast_years,
            "reversion_years": self.reversion_years,
            "n_rejected": self.rejected["row"].n_unique(),
            "notes": list(self.notes),
        }


def cecl_allowance(
    facilities: pl.DataFrame,
    *,
    scenarios: Sequence[EclScenario] = (BASE,),
    forecast_years: float = 2.0,
    reversion_years: float = 1.0,
    discounted: bool = False,
    pd_curves: PdCurves | None = None,
    period_years: float = 0.25,
    interest_rate: float | None = None,
    segment_column: str = "segment",
    carry: Sequence[str] = (),
    accept_partial: bool = False,
) -> CeclResult:
    """Allowance of each facility for the losses of its whole life.

    ``facilities`` as for :func:`crfs.risk.provisions.expected_credit_loss`; no stage is needed. What is in default (``defaulted``, a
    ``stage`` of 3, or a PD of 1) has LGD × exposure, as in stage 3 of IFRS 9, and needs no PD and no life.

    Of the others: for ``forecast_years``, the reasonable and supportable period (326-20-30-9), hazard, LGD and exposure are those of the
    scenarios; over ``reversion_years`` they go back on a straight line (0: at once) to the facility's long run, ``pd_12m_long_run`` and
    ``lgd_long_run``, without multipliers. With a curve and no long-run PD the long run is the curve itself. The undrawn part of what is
    ``unconditionally_cancellable`` has no allowance (326-20-30-11).

    Losses are not discounted (PD × LGD on amortised cost), unless ``discounted``: then at the effective interest rate (326-20-30-4),
    which an annuity needs in any case, and which is 0 where blank otherwise.

    >>> table = pl.DataFrame({"facility_id": ["F1"], "ead": [1000.0], "lgd": [0.4], "pd_12m": [0.1], "pd_12m_long_run": [0.02],
    ...                       "maturity_years": [2.0]})
    >>> round(cecl_allowance(table, forecast_years=1.0, reversion_years=0.0).total, 2) == round(400 * (0.1 + 0.9 * 0.02), 2)
    True
    """
    for name, value in (("forecast_years", forecast_years), ("reversion_years", reversion_years)):
        number(name, value, _YEARS)
    check_flag("discounted", discounted)
    scenarios = check_weights(scenarios)
    rows, rejected = read_book(
        facilities,
        staged=False,
        needs_r2=any(scenario.factor is not None for scenario in scenarios),
        interest_rate=interest_rate,
        all_need_a_rate=discounted,
        curves=curves_of(scenarios, pd_curves),
        carry=carry,
        accept_partial=accept_partial,
    )
    segments = segments_of(rows, scenarios, segment_column)
    defaulted = in_default(rows)
    living, lost = np.flatnonzero(~defaulted), np.flatnonzero(defaulted)
    longest = float(numbers(rows, "maturity_years", default=0.0)[living].max(initial=0.0))
    turns = [forecast_years, forecast_years + reversion_years]
    times = time_grid(scenarios, until_years=longest, period_years=period_years, further=[time for time in turns if time > 0.0])
    blend = partial(_blend, forecast_years=forecast_years, reversion_years=reversion_years)
    allowance, pd_lifetime = np.zeros(rows.height), np.zeros(rows.height)
    by_scenario: dict[str, FloatArray] = {}
    for scenario in scenarios:
        curves = scenario.pd_curves or pd_curves
        loans = loans_of(rows, curves=curves, segments=segments, segment_column=segment_column)
        off = np.where(flags(rows, "unconditionally_cancellable"), 0.0, loans.off)
        loans = replace(loans, off=off, force=loans.force if discounted else np.zeros(rows.height))
        paths = paths_of(scenario, times, period_years=period_years, curves=curves, segments=segments, blend=blend)
        losses = expected_losses(loans.take(living), paths, timing=Timing.EXACT)
        found, pd = np.zeros(rows.height), np.ones(rows.height)
        found[living], pd[living] = losses.lifetime, losses.pd_lifetime
        found[lost] = losses_in_default(loans.take(lost), paths)
        by_scenario[scenario.name] = found
        allowance += scenario.weight * found
        pd_lifetime += scenario.weight * pd
    table = rows.with_columns(
        pl.Series("exposure", loans.on + loans.off),
        pl.Series("allowance", allowance),
        pl.Series("allowance_cents", in_cents(allowance)),
        pl.Series("pd_lifetime", pd_lifetime),
        *(pl.Series(f"allowance:{name}", values) for name, values in by_scenario.items()),
    )
    return CeclResult(
        table=table,
        rejected=rejected,
        scenario_allowance=tuple((s.name, s.weight, math.fsum(by_scenario[s.name].tolist())) for s in scenarios),
        discounted=discounted,
        forecast_years=forecast_years,
        reversion_years=reversion_years,
        notes=(
            *rejected_note(rejected),
            *_notes(len(lost)),
            *held_at_one(rows, scenarios, segment_column, defaulted=defaulted, until_years=forecast_years + reversion_years),
        ),
    )


def _blend(begin: float, end: float, *, forecast_years: float, reversion_years: float) -> float:
    """How far the middle of a period has gone back to the long run."""
    middle = (begin + end) / 2.0
    if reversion_years == 0.0:
        return 1.0 if middle > forecast_years else 0.0
    return min(max((middle - forecast_years) / reversion_years, 0.0), 1.0)


def _notes(defaulted: int) -> tuple[str, ...]:
    if not defaulted:
        return ()
    facilities = "facility is" if defaulted == 1 else "facilities are"
    return (f"{defaulted:,} {facilities} in default (defaulted, stage 3, or a PD of 1): their allowance is LGD times exposure",)
