"""Facilities for provisions: the columns of their table, its checks, and the arrays of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from crfs.credit.schemas import ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput
from crfs.quality.checks import Faults, quoted
from crfs.risk.arguments import check_text
from crfs.risk.facilities import (
    BoolArray,
    FloatArray,
    accepted_rows,
    amount_column,
    book_columns,
    codes,
    decimal_column,
    flags,
    note,
    numbers,
    read_facilities,
)
from crfs.risk.provisions.exposure import Amortisation
from crfs.risk.provisions.loss_paths import Blend, Loans, PathTable
from crfs.risk.provisions.scenarios import OTHERS, EclScenario
from crfs.risk.provisions.term_structure import PdCurves
from crfs.risk.ranges import Range, number

LONGEST_YEARS = 100.0
_INTEREST_RATE = Range(said="the interest rate of rows without one, a finite decimal above -1", low=-1.0, with_low=False, with_high=False)


def provisions_schema() -> TableSchema:
    """The columns of a table of facilities for provisions; what a row needs depends on its stage and on the call."""
    return TableSchema(
        name="provisions table",
        unique=("facility_id",),
        columns=(
            ColumnSchema(name="facility_id", dtype=pl.String, required=True, meaning="the contract; once a table"),
            *book_columns(but=("facility_id", "maturity_years")),
            ColumnSchema(
                name="maturity_years",
                dtype=pl.Float64,
                unit="years",
                minimum=0.0,
                minimum_open=True,
                maximum=LONGEST_YEARS,
                meaning="until the end of the contract or, of a revolving one, of its expected life",
            ),
            ColumnSchema(name="pd_curve", dtype=pl.String, meaning="name of a curve, in place of pd_12m"),
            ColumnSchema(name="amortisation", dtype=pl.String, allowed=tuple(Amortisation), meaning="blank: bullet"),
            ColumnSchema(name="prepayment_rate", dtype=pl.Float64, unit="decimal a year", minimum=0.0, maximum=1.0, maximum_open=True),
            ColumnSchema(
                name="defaulted",
                dtype=pl.Boolean,
                meaning="CECL: in default, as stage 3 and a pd_12m of 1 say too; under IFRS 9 the stage counts",
            ),
            ColumnSchema(name="poci", dtype=pl.Boolean, meaning="purchased or originated credit-impaired"),
            amount_column("initial_ecl", "of poci: the lifetime loss expected when it came"),
            decimal_column("pd_12m_long_run", "what CECL goes back to; blank: pd_12m"),
            decimal_column("lgd_long_run", "what CECL goes back to; blank: lgd"),
            ColumnSchema(name="unconditionally_cancellable", dtype=pl.Boolean, meaning="CECL: the undrawn part needs no allowance"),
        ),
    )


def read_book(
    facilities: pl.DataFrame,
    *,
    staged: bool,
    needs_r2: bool,
    interest_rate: float | None,
    all_need_a_rate: bool,
    curves: Sequence[PdCurves],
    carry: Sequence[str],
    accept_partial: bool,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Checked rows with ``effective_interest_rate`` filled in, and the list of faults.

    ``staged``: a stage is needed, and in stage 3 no life; else none is needed of what is :func:`in_default`. ``needs_r2``: a scenario
    moves the factor. ``interest_rate`` is for rows without one; where it is None such a row is a fault if ``all_need_a_rate``, or if it is an annuity,
    whose payments hang on it; of the others the rate is 0. ``curves``: each set must have
    the curves that rows name.
    """
    if interest_rate is not None:
        number("interest_rate", interest_rate, _INTEREST_RATE)
    typed, faults = read_facilities(facilities, provisions_schema(), carry=carry)
    stage = numbers(typed, "stage")
    lives = (stage != 3.0) | flags(typed, "poci") if staged else ~in_default(typed)
    if staged:
        note(
            faults,
            np.isnan(stage) & ~flags(typed, "poci"),
            column="stage",
            detail="a stage is needed: 1, 2 or 3 (stage_facilities finds it)",
        )
    _check_exposure(typed, faults)
    note(faults, np.isnan(numbers(typed, "lgd")), column="lgd", detail="the cell is blank; a value is required")
    note(
        faults, lives & np.isnan(numbers(typed, "maturity_years")), column="maturity_years", detail="the cell is blank; a value is required"
    )
    has_curve = typed["pd_curve"].is_not_null().to_numpy() if "pd_curve" in typed.columns else np.zeros(typed.height, dtype=np.bool_)
    note(faults, lives & ~has_curve & np.isnan(numbers(typed, "pd_12m")), column="pd_12m", detail="give pd_12m, or name a pd_curve")
    for names in [known.names for known in curves] or [()]:
        _check_curves(typed, faults, names)
    if needs_r2:
        note(
            faults,
            lives & np.isnan(numbers(typed, "r2")),
            column="r2",
            detail="a scenario moves the factor, so the share of variance that follows it is needed",
        )
    if interest_rate is None:
        detail = "the cell is blank: give the effective interest rate of the row, or one for all rows without"
        in_need = lives if all_need_a_rate else lives & (codes(typed, "amortisation", [Amortisation.ANNUITY]) == 0)
        note(faults, in_need & np.isnan(numbers(typed, "effective_interest_rate")), column="effective_interest_rate", detail=detail)
    missing = flags(typed, "poci") & np.isnan(numbers(typed, "initial_ecl"))
    note(faults, missing, column="initial_ecl", detail="what was credit-impaired when it came needs the lifetime loss expected then")
    rows, rejected = accepted_rows(typed, faults, what="provisions table", accept_partial=accept_partial)
    filled = numbers(rows, "effective_interest_rate", default=0.0 if interest_rate is None else interest_rate)
    return rows.with_columns(pl.Series("effective_interest_rate", filled)), rejected


def in_default(rows: pl.DataFrame) -> BoolArray:
    """What is in default as CECL takes it, which has no stages: the row says ``defaulted``, stage 3, or a PD of 1."""
    return np.asarray(flags(rows, "defaulted") | (numbers(rows, "stage") == 3.0) | (numbers(rows, "pd_12m") == 1.0))


def _check_exposure(typed: pl.DataFrame, faults: Faults) -> None:
    no_ead = np.isnan(numbers(typed, "ead"))
    drawn, limit, ccf = (numbers(typed, name) for name in ("drawn", "limit", "ccf"))
    note(faults, no_ead & np.isnan(drawn), column="ead", detail="give ead, or drawn, and limit and ccf where more may be drawn")
    note(
        faults,
        no_ead & (limit > drawn) & np.isnan(ccf),
        column="ccf",
        detail="more may be drawn: give the share of it that will be at default",
    )


def _check_curves(typed: pl.DataFrame, faults: Faults, names: Sequence[str]) -> None:
    if "pd_curve" not in typed.columns:
        return
    unknown = typed["pd_curve"].is_not_null() & ~typed["pd_curve"].is_in(list(names))
    if unknown.any():
        listed = ", ".join(names[:10]) or "none was given"
        detail = quoted(typed["pd_curve"], before="'", after=f"' is no curve; there are: {listed}")
        faults.add(unknown, column="pd_curve", reason=Reason.UNKNOWN_VALUE, detail=detail)


def exposures(rows: pl.DataFrame) -> tuple[FloatArray, FloatArray]:
    """What amortises and what will be drawn until default.

    ``drawn`` and ``ccf`` times what ``limit`` leaves; where ``ead`` is given, ``drawn`` is what amortises of it (all, where that is blank).
    """
    ead, drawn = numbers(rows, "ead"), numbers(rows, "drawn")
    undrawn = np.nan_to_num(np.maximum(numbers(rows, "limit") - drawn, 0.0), nan=0.0)
    on = np.where(np.isnan(ead), drawn, np.fmin(drawn, ead))
    off = np.where(np.isnan(ead), np.where(undrawn > 0.0, numbers(rows, "ccf", default=0.0), 0.0) * undrawn, ead - on)
    return on, off


def loans_of(rows: pl.DataFrame, *, curves: PdCurves | None, segments: Sequence[str], segment_column: str) -> Loans:
    """The arrays of the kernel from checked rows."""
    from scipy.special import ndtri

    on, off = exposures(rows)
    pd = numbers(rows, "pd_12m", default=0.0)
    lgd, long_run_lgd = numbers(rows, "lgd"), numbers(rows, "lgd_long_run")
    long_run_pd = numbers(rows, "pd_12m_long_run")
    force = np.log1p(numbers(rows, "effective_interest_rate", default=0.0))
    with np.errstate(divide="ignore"):
        hazard = -np.log1p(-pd)
        long_run_hazard = -np.log1p(-long_run_pd)
    kind = codes(rows, "amortisation", list(Amortisation))
    place = codes(rows, segment_column, list(segments)) if segment_column in rows.columns else np.full(rows.height, -1, dtype=np.int64)
    return Loans(
        on=on,
        off=off,
        lgd=lgd,
        hazard=hazard,
        curve=codes(rows, "pd_curve", list(curves.names)) if curves else np.full(rows.height, -1, dtype=np.int64),
        maturity=numbers(rows, "maturity_years", default=1.0),
        force=force,
        contract_force=force,
        leaving=-np.log1p(-numbers(rows, "prepayment_rate", default=0.0)),
        amortisation=np.where(kind < 0, 0, kind),
        segment=np.where(place < 0, len(segments), place),
        threshold=np.asarray(ndtri(pd)),
        r2=numbers(rows, "r2", default=0.0),
        long_run_hazard=long_run_hazard,
        long_run_lgd=np.where(np.isnan(long_run_lgd), lgd, long_run_lgd),
    )


def held_at_one(
    rows: pl.DataFrame, scenarios: Sequence[EclScenario], segment_column: str, *, defaulted: BoolArray, until_years: float = np.inf
) -> tuple[str, ...]:
    """What to say of losses given default that a scenario's multiplier would take above 1: there they are held, which hides a slip of the pen.

    A multiplier counts that a facility lives to see, and that is of before ``until_years``; of what is ``defaulted`` the first one alone.
    """
    lgd, told = numbers(rows, "lgd"), []
    sees = np.where(defaulted, 0.0, np.fmin(numbers(rows, "maturity_years", default=1.0), until_years))
    place = rows[segment_column].cast(pl.String).to_numpy() if segment_column in rows.columns else np.full(rows.height, None)
    for scenario in scenarios:
        largest, paths = np.zeros(rows.height), scenario.paths("lgd_multiplier")
        named = np.isin(place, [name for name in paths if name != OTHERS])
        for name, path in paths.items():
            members = ~named if name == OTHERS else place == name
            for k, value in enumerate(path):
                seen = members & ((k == 0) | (k * scenario.period_years < sees))
                largest[seen] = np.maximum(largest[seen], value)
        held = lgd * largest > 1.0 + 1e-12
        if held.any():
            count = int(held.sum())
            told.append(
                f"scenario {scenario.name}: the LGD of {count:,} {'facility' if count == 1 else 'facilities'} is held at 1, which its "
                f"lgd_multiplier (up to {largest[held].max():g}) would exceed"
            )
    return tuple(told)


def segments_of(rows: pl.DataFrame, scenarios: Sequence[EclScenario], segment_column: str) -> tuple[str, ...]:
    """Names of segments that any scenario tells apart; each segment of the rows must have a path in every scenario that does."""
    check_text("segment_column", segment_column)
    named: dict[str, None] = {}
    for scenario in scenarios:
        for what in ("hazard_multiplier", "lgd_multiplier", "ead_multiplier"):
            paths = scenario.paths(what)
            named |= dict.fromkeys(name for name in paths if name != OTHERS)
            if OTHERS in paths:
                continue
            if segment_column not in rows.columns:
                raise InvalidInput(f"scenario {scenario.name} has paths by segment, and the table has no column {segment_column!r}")
            lost = [str(name) for name in rows[segment_column].unique().to_list() if name not in paths]
            if lost:
                raise InvalidInput(
                    f"scenario {scenario.name}: {what} has no path for {', '.join(sorted(lost)[:5])}; name them, or give '{OTHERS}'"
                )
    return tuple(named)


def paths_of(
    scenario: EclScenario,
    times: Sequence[float],
    *,
    period_years: float,
    curves: PdCurves | None,
    segments: Sequence[str],
    blend: Blend | None = None,
) -> PathTable:
    """What a scenario does in each period of ``times``; the last column of each table is for segments that are not named.

    Exposures are looked at every ``period_years``, however a scenario's turns cut the periods.
    """

    from scipy.special import ndtri

    def table(what: str) -> FloatArray:
        paths = scenario.paths(what)
        others = paths.get(OTHERS, (1.0,))
        by_segment = [paths.get(name, others) for name in segments] + [others]
        return np.array([[scenario.at(path, begin) for path in by_segment] for begin in times[:-1]])

    nodes = np.asarray(times, dtype=np.float64)
    curve_hazard = np.zeros((len(nodes) - 1, 0))
    if curves is not None:
        hazard = curves.cumulative_hazard(nodes)
        with np.errstate(invalid="ignore"):
            step = np.where(np.isinf(hazard[:, 1:]), np.inf, np.diff(hazard, axis=1))
        curve_hazard = np.ascontiguousarray((step / np.diff(nodes)).T)
    factor = None
    if scenario.factor is not None:
        factor = np.array([scenario.at(scenario.factor, begin) for begin in times[:-1]])
    return PathTable(
        times=nodes,
        owed_at=np.floor(nodes[:-1] / period_years + 1e-9) * period_years,
        hazard=table("hazard_multiplier"),
        lgd=table("lgd_multiplier"),
        ead=table("ead_multiplier"),
        curve_hazard=curve_hazard,
        curve_threshold=np.asarray(ndtri(-np.expm1(-curve_hazard))),
        factor=factor,
        blend=np.array([blend(begin, end) if blend else 0.0 for begin, end in pairwise(times)]),
    )
