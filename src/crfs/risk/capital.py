"""Regulatory capital of a table of facilities: risk weight, risk-weighted assets, capital and expected loss of each row, and the totals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from crfs.credit.schemas import ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput, naming
from crfs.quality.checks import Faults
from crfs.quality.portfolio import require_table
from crfs.risk import irb, standardised
from crfs.risk.arguments import check_day, check_flag
from crfs.risk.cents import in_cents, in_units, total_in_cents
from crfs.risk.facilities import (
    BoolArray,
    FloatArray,
    IntArray,
    accepted_rows,
    amount_column,
    book_columns,
    codes,
    flags,
    note,
    numbers,
    read_facilities,
    rejected_note,
)
from crfs.risk.irb import BASEL_III, ExpectedLossComparison, IrbClass, Regime
from crfs.risk.output_floor import PATHS, OutputFloor, floor_share, output_floor
from crfs.risk.ranges import AMOUNT, Range, number


class Approach(StrEnum):
    """How a facility's risk weight is found: with own estimates of PD, LGD and EAD, with PD alone, or from tables."""

    ADVANCED = "advanced"
    FOUNDATION = "foundation"
    STANDARDISED = "standardised"


class ExposureClass(StrEnum):
    """Exposure classes of a table of facilities; each has a function or a table under either approach."""

    SOVEREIGN = "sovereign"
    BANK = "bank"
    CORPORATE = "corporate"
    COMMERCIAL_REAL_ESTATE = "commercial_real_estate"
    LAND_DEVELOPMENT = "land_development"
    RESIDENTIAL_MORTGAGE = "residential_mortgage"
    QRRE = "qrre"
    OTHER_RETAIL = "other_retail"


_FUNCTION = {
    ExposureClass.COMMERCIAL_REAL_ESTATE: IrbClass.CORPORATE,  # CRE31.10
    ExposureClass.LAND_DEVELOPMENT: IrbClass.HIGH_VOLATILITY_REAL_ESTATE,  # CRE30.15, CRE31.11
}
# Position in IrbClass of the function that each exposure class has.
_FUNCTION_CODES = np.array([list(IrbClass).index(_FUNCTION.get(kind) or IrbClass(kind.value)) for kind in ExposureClass])
_COUNTERPARTIES = ("individual", "small", "other")
_SMALL_TURNOVER = 50.0
_LARGE_TURNOVER = 500.0


_RATIO = Range(said="a decimal within (0, 1]", low=0.0, with_low=False, high=1.0)


def _flag(name: str, meaning: str) -> ColumnSchema:
    return ColumnSchema(name=name, dtype=pl.Boolean, meaning=meaning)


def capital_schema(pd_name: str = "pd_12m") -> TableSchema:
    """The columns of a table of facilities for capital; besides ``facility_id`` and ``exposure_class`` those that a row's approach needs."""
    return TableSchema(
        name="capital table",
        unique=("facility_id",),
        columns=(
            ColumnSchema(name="facility_id", dtype=pl.String, required=True, meaning="the contract; once a table"),
            ColumnSchema(name="exposure_class", dtype=pl.String, required=True, allowed=tuple(ExposureClass)),
            ColumnSchema(name="approach", dtype=pl.String, allowed=tuple(Approach), meaning="blank: the one that the call names"),
            ColumnSchema(
                name=pd_name, dtype=pl.Float64, unit="decimal", minimum=0.0, maximum=1.0, meaning="in 12 months; 1 means in default"
            ),
            *book_columns(but=("facility_id", "pd_12m")),
            ColumnSchema(
                name="turnover", dtype=pl.Float64, unit="million euros", minimum=0.0, maximum=2e6, meaning="annual sales of the group"
            ),
            ColumnSchema(
                name="ltv", dtype=pl.Float64, unit="decimal", minimum=0.0, maximum=10.0, meaning="loan over value of the property"
            ),
            _flag("defaulted", "in default; a pd of 1 says so too"),
            ColumnSchema(name="best_estimate_el", dtype=pl.Float64, unit="decimal of ead", minimum=0.0, maximum=1.0, meaning="in default"),
            amount_column("specific_provisions", "set aside for this facility"),
            _flag("subordinated", "ranks behind other debt"),
            _flag("financial", "a corporate that is a financial institution"),
            _flag("large_financial", "financial institution with assets of USD 100 billion, or unregulated"),
            _flag("transactor", "repays in full at each date"),
            ColumnSchema(name="collateral", dtype=pl.String, allowed=tuple(irb.Collateral)),
            ColumnSchema(name="secured_share", dtype=pl.Float64, unit="decimal", minimum=0.0, maximum=1.0, meaning="after haircuts"),
            _flag("maturity_floor_exempt", "short-term exposure of CRE32.51-53 without the floor of one year"),
            ColumnSchema(name="off_balance", dtype=pl.String, allowed=tuple(standardised.OffBalance), meaning="blank: commitment"),
            _flag("investment_grade", "by the bank's own assessment, where ratings are not allowed"),
            ColumnSchema(name="scra_grade", dtype=pl.String, allowed=tuple(standardised.ScraGrade)),
            _flag("short_term", "original maturity of three months or less"),
            _flag("domestic_currency", "sovereign in its own currency, where the supervisor allows 0"),
            _flag("regulatory_retail", "meets the criteria of CRE20.65; blank: yes"),
            _flag("cash_flow_dependent", "repayment rests on what the property earns"),
            _flag("meets_requirements", "real estate that meets CRE20.71; blank: yes"),
            ColumnSchema(name="counterparty", dtype=pl.String, allowed=_COUNTERPARTIES, meaning="who owes on real estate"),
            _flag("presold_residential", "land development that has 100 % by CRE20.91"),
            _flag("currency_mismatch", "an individual's unhedged loan in another currency than their income"),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CapitalTotals:
    """Sums over the rows; currency units. ``rwa`` is before the output floor, ``capital`` after it where there is one. ``el`` is of rows
    with models."""

    facilities: int
    ead: float
    rwa: float
    modelled_rwa: float
    capital: float
    el: float
    specific_provisions: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CapitalResult:
    """Capital of a table of facilities.

    ``table`` has the given columns of the accepted rows, and: ``ead``; ``pd_used``, ``lgd_used`` and ``maturity_used`` (after floors, of
    rows with models); ``k``; ``rw`` (decimal), ``rwa``, ``capital``, ``el`` (blank without a model); and, where the output floor was
    asked for or the row is under the standardised approach, ``standardised_exposure``, ``standardised_rw`` and ``standardised_rwa``. A
    row's ``capital`` is before the floor. ``rejected`` lists the faults of rows that are left out. ``expected_loss`` is None without rows
    under models, ``floor`` where it was not asked for.
    """

    table: pl.DataFrame
    rejected: pl.DataFrame
    totals: CapitalTotals
    expected_loss: ExpectedLossComparison | None
    floor: OutputFloor | None
    regime: str
    notes: tuple[str, ...]

    def by(self, *columns: str) -> pl.DataFrame:
        """Sums by the values of any columns: facilities, ``ead``, ``rwa``, ``capital``, ``el`` in currency units, and ``rw`` = rwa / ead.

        ``el`` is null where no facility is under a model: tables know of none. The amounts are whole cents, allotted to the rows by the
        largest remainder (:mod:`crfs.risk.cents`): whatever the cut, its parts sum to the same totals, to the cent.
        """
        lost = [name for name in columns if name not in self.table.columns]
        if lost or not columns:
            raise InvalidInput(f"the table has no column {', '.join(lost)}" if lost else "name a column to cut by", argument="columns")
        amounts = {name: in_cents(self.table[name].fill_null(0.0).to_numpy()) for name in ("ead", "rwa", "capital", "el")}
        cut = self.table.select(columns).with_columns(pl.Series(f"__{name}", cents) for name, cents in amounts.items())
        cut = cut.with_columns(__modelled=self.table["el"].is_not_null())
        sums = cut.group_by(columns).agg(
            pl.len().alias("facilities"), *(pl.col(f"__{name}").sum() for name in amounts), pl.col("__modelled").any()
        )
        sums = sums.sort(columns).with_columns(pl.when("__modelled").then("__el").alias("__el"))
        return in_units(sums, *(f"__{name}" for name in amounts)).select(
            *columns,
            "facilities",
            *(pl.col(f"__{name}").alias(name) for name in amounts),
            (pl.col("__rwa") / pl.when(pl.col("__ead") > 0).then(pl.col("__ead"))).alias("rw"),
        )

    @property
    def totals_in_cents(self) -> CapitalTotals:
        """The totals as the cuts sum to them: whole cents, in currency units."""
        modelled = self.table.filter(pl.col("approach") != Approach.STANDARDISED.value)
        binding = self.floor is not None and self.floor.binding
        return replace(
            self.totals,
            ead=_rounded(self.table["ead"]),
            rwa=_rounded(self.table["rwa"]),
            modelled_rwa=_rounded(modelled["rwa"]),
            capital=round(self.totals.capital, 2) if binding else _rounded(self.table["capital"]),
            el=_rounded(self.table["el"]),
            specific_provisions=round(self.totals.specific_provisions, 2),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the rows; amounts are whole cents, which sum to the totals."""
        totals = self.totals_in_cents
        return {
            "regime": self.regime,
            "totals": asdict(totals),
            "expected_loss": asdict(self.expected_loss.in_cents()) if self.expected_loss else None,
            "output_floor": self.floor.in_cents(totals.rwa).to_dict() if self.floor else None,
            "by_exposure_class": self.by("exposure_class").to_dicts(),
            "n_rejected": self.rejected["row"].n_unique(),
            "notes": list(self.notes),
        }


def regulatory_capital(
    facilities: pl.DataFrame,
    *,
    approach: Approach | str = Approach.ADVANCED,
    regime: Regime | str = BASEL_III,
    ratings_allowed: bool = True,
    floor: bool = False,
    floor_on: date | None = None,
    floor_path: str = "basel",
    transitional_cap: bool = False,
    general_provisions: float = 0.0,
    defaulted_excess_covers_others: bool = False,
    capital_ratio: float = 0.08,
    carry: Sequence[str] = (),
    accept_partial: bool = False,
) -> CapitalResult:
    """Risk weight, risk-weighted assets, capital and expected loss of each facility, and of all.

    ``facilities`` has one row a facility with the columns of :func:`capital_schema` (``pd`` is understood for ``pd_12m``); the columns
    named in ``carry`` come along unread, to cut by. ``approach`` is that of rows which name none. Amounts are in one currency, sales in
    million euros.

    Under models: PD, LGD and maturity after the floors of ``regime`` (or its name), EAD not below what CRE32.36 says where ``drawn`` and ``limit`` are
    given. Under the foundation approach LGD is the supervisory one of CRE32.6-7, whatever ``lgd`` says and without regard to collateral (CRE32.9), and
    maturity is 2.5 years (CRE32.44), as where it is blank (CRE32.55). In default K = max(0, LGD - ``best_estimate_el``) and EL is that estimate; blank
    means as large as LGD. Under tables: exposures are net of specific provisions, ``drawn + conversion factor · undrawn`` where these are given, else
    ``ead``.

    ``floor`` asks for the output floor: every row then needs what the standardised approach needs. ``general_provisions`` are those of
    rows under models; they and the specific ones are set against expected loss. A rejected row means :class:`crfs.errors.InvalidInput`
    with every problem, unless ``accept_partial`` says to measure the others.

    >>> table = pl.DataFrame({"facility_id": ["F1", "F2"], "exposure_class": ["corporate", "residential_mortgage"], "pd": [0.01, 0.02],
    ...                       "lgd": [0.45, 0.15], "ead": [1000.0, 2000.0], "maturity_years": [2.5, None], "ltv": [None, 0.7]})
    >>> result = regulatory_capital(table, floor=True)
    >>> result.table.select(pl.col("rw", "rwa", "el", "standardised_rw").round(4)).rows()
    [(0.9232, 923.168, 4.5, 1.0), (0.2931, 586.2335, 6.0, 0.3)]
    >>> round(result.totals.rwa, 2), round(result.floor.rwa, 2), result.floor.binding
    (1509.4, 1509.4, False)
    """
    usual, rules = _approach(approach), irb.regime_of(regime)
    require_table(facilities, argument="facilities")
    capital_ratio, general_provisions = (
        number("capital_ratio", capital_ratio, _RATIO),
        number("general_provisions", general_provisions, AMOUNT),
    )
    ratings_allowed, floor = check_flag("ratings_allowed", ratings_allowed), check_flag("floor", floor)
    check_flag("transitional_cap", transitional_cap)
    check_flag("defaulted_excess_covers_others", defaulted_excess_covers_others)
    if floor_on is not None:
        check_day("floor_on", floor_on)
    with naming("floor_path", instead_of="path"):
        floor_share(floor_on, path=floor_path)
    pd_name = "pd" if "pd" in facilities.columns and "pd_12m" not in facilities.columns else "pd_12m"
    typed, faults = read_facilities(facilities, capital_schema(pd_name), carry=carry)
    typed = typed.rename({pd_name: "pd_12m"}).with_columns(_approach_of(typed, usual))
    _check_needs(typed, faults, floor=floor, ratings_allowed=ratings_allowed, pd_name=pd_name)
    rows, rejected = accepted_rows(typed, faults, what="capital table", accept_partial=accept_partial)

    modelled = ~_is_approach(rows, Approach.STANDARDISED)
    columns = _modelled(rows, modelled, rules)
    if floor or not modelled.all():
        needed = np.ones(rows.height, dtype=np.bool_) if floor else ~modelled
        columns |= _standardised(rows, needed, ratings_allowed=ratings_allowed)
        for name in ("rw", "rwa"):
            columns[name] = np.where(modelled, columns[name], columns[f"standardised_{name}"])
    columns["capital"] = capital_ratio * columns["rwa"]
    table = rows.drop("ead", strict=False).with_columns(pl.Series(name, values, nan_to_null=True) for name, values in columns.items())

    totals = _totals(rows, columns, modelled)
    floored = None
    if floor:
        base = math.fsum(columns["standardised_rwa"].tolist())
        floored = output_floor(totals.rwa, base, on=floor_on, path=floor_path, transitional_cap=transitional_cap)
    comparison = None
    if modelled.any():
        defaulted = _totals(rows, columns, modelled & _in_default(rows), only=True)
        own = _totals(rows, columns, modelled, only=True)
        comparison = irb.compare_expected_loss(
            own.el,
            own.specific_provisions + general_provisions,
            rwa=own.rwa,
            defaulted_el=defaulted.el,
            defaulted_provisions=defaulted.specific_provisions,
            defaulted_excess_covers_others=defaulted_excess_covers_others,
        )
    return CapitalResult(
        table=table,
        rejected=rejected,
        totals=replace(totals, capital=capital_ratio * (floored.rwa if floored else totals.rwa)),
        expected_loss=comparison,
        floor=floored,
        regime=rules.name,
        notes=(
            *_notes(rows, rejected, rules),
            *_raised_note(rows, columns["ead"], modelled, rules),
            *(_floor_note(floor_on, path=floor_path) if floored else ()),
        ),
    )


def _rounded(amounts: pl.Series) -> float:
    """The sum in currency units, rounded once to the cent."""
    return total_in_cents(amounts.fill_null(0.0).to_numpy()) / 100.0


def _totals(rows: pl.DataFrame, columns: dict[str, FloatArray], modelled: BoolArray, *, only: bool = False) -> CapitalTotals:
    """Sums over all rows, or only over those under models; each is the exact sum, rounded once."""
    taken = modelled if only else np.ones(rows.height, dtype=np.bool_)

    def total(values: FloatArray, mask: BoolArray) -> float:
        return math.fsum(values[mask].tolist())

    return CapitalTotals(
        facilities=int(taken.sum()),
        ead=total(columns["ead"], taken),
        rwa=total(columns["rwa"], taken),
        modelled_rwa=total(columns["rwa"], modelled),
        capital=total(columns["capital"], taken),
        el=total(columns["el"], modelled),
        specific_provisions=total(numbers(rows, "specific_provisions", default=0.0), taken),
    )


def _approach(approach: Approach | str) -> Approach:
    try:
        return Approach(approach)
    except (TypeError, ValueError):
        raise InvalidInput(f"{approach!r:.80} is no approach; known: {', '.join(Approach)}", argument="approach") from None


def _approach_of(typed: pl.DataFrame, usual: Approach) -> pl.Series:
    if "approach" not in typed.columns:
        return pl.repeat(usual.value, typed.height, dtype=pl.String, eager=True).alias("approach")
    return typed["approach"].fill_null(usual.value)


def _is_approach(rows: pl.DataFrame, approach: Approach) -> BoolArray:
    return np.asarray((rows["approach"] == approach.value).to_numpy(), dtype=np.bool_)


def _is_class(rows: pl.DataFrame, *kinds: ExposureClass) -> BoolArray:
    return np.asarray(rows["exposure_class"].is_in([kind.value for kind in kinds]).fill_null(False).to_numpy(), dtype=np.bool_)


def _is_retail(rows: pl.DataFrame) -> BoolArray:
    return _is_class(rows, ExposureClass.RESIDENTIAL_MORTGAGE, ExposureClass.QRRE, ExposureClass.OTHER_RETAIL)


def _in_default(rows: pl.DataFrame) -> BoolArray:
    return np.asarray(flags(rows, "defaulted") | (numbers(rows, "pd_12m") == 1.0))


def _rating_codes(rows: pl.DataFrame) -> IntArray:
    return codes(rows, "rating", list(standardised.STEP_OF_RATING))


def _check_needs(typed: pl.DataFrame, faults: Faults, *, floor: bool, ratings_allowed: bool, pd_name: str) -> None:
    """Note what a row lacks for the approach that it is under, and for the standardised one where the floor needs it."""
    modelled, foundation = ~_is_approach(typed, Approach.STANDARDISED), _is_approach(typed, Approach.FOUNDATION)
    tabled, defaulted = ~modelled | floor, _in_default(typed)
    pd, lgd, ead, drawn = (numbers(typed, column) for column in ("pd_12m", "lgd", "ead", "drawn"))
    note(faults, modelled & np.isnan(pd) & ~defaulted, column=pd_name, detail="a facility under models needs a pd")
    smallest = (pd > 0.0) & (pd <= irb.SMALLEST_PD) & _is_class(typed, ExposureClass.SOVEREIGN) & modelled
    detail = f"the maturity adjustment of CRE31.5 has no meaning for a pd above 0 and up to {irb.SMALLEST_PD:.2g}"
    note(faults, smallest, column=pd_name, detail=detail, reason=Reason.OUT_OF_RANGE)
    note(faults, modelled & np.isnan(lgd) & ~foundation, column="lgd", detail="a facility under the advanced approach needs an lgd")
    detail = "retail has no foundation approach: give an lgd and name the advanced approach"
    note(faults, foundation & _is_retail(typed), column="approach", detail=detail, reason=Reason.INCONSISTENT)
    line_known = ~np.isnan(drawn) & ~np.isnan(numbers(typed, "limit"))
    own_factor = ~np.isnan(numbers(typed, "ccf")) | foundation
    note(faults, modelled & np.isnan(ead) & ~(line_known & own_factor), column="ead", detail="give ead, or drawn, limit and ccf")
    note(faults, tabled & np.isnan(ead) & np.isnan(drawn), column="ead", detail="give ead, or drawn and limit")
    own_weight = tabled & ~defaulted & ~flags(typed, "subordinated")
    estate = own_weight & _is_class(typed, ExposureClass.RESIDENTIAL_MORTGAGE, ExposureClass.COMMERCIAL_REAL_ESTATE)
    detail = "the standardised weight of real estate needs an ltv"
    note(faults, estate & np.isnan(numbers(typed, "ltv")), column="ltv", detail=detail)
    if "rating" in typed.columns:
        unknown = tabled & typed["rating"].is_not_null().to_numpy() & (_rating_codes(typed) < 0)
        detail = "no rating in the notation of S&P, Fitch or Moody's"
        note(faults, unknown, column="rating", detail=detail, reason=Reason.UNKNOWN_VALUE)
    unrated = (_step(typed, ratings_allowed=ratings_allowed) == standardised.UNRATED) & own_weight & _is_class(typed, ExposureClass.BANK)
    ungraded = codes(typed, "scra_grade", list(standardised.ScraGrade)) < 0
    note(faults, unrated & ungraded, column="scra_grade", detail="a bank without a rating needs a grade: A_STRONG, A, B or C")


def _step(rows: pl.DataFrame, *, ratings_allowed: bool) -> IntArray:
    """Step of each row's rating; unrated where it has none, or none counts."""
    if not ratings_allowed:
        return np.zeros(rows.height, dtype=np.int64)
    return np.array([*standardised.STEP_OF_RATING.values(), standardised.UNRATED], dtype=np.int64)[_rating_codes(rows)]


def _undrawn(rows: pl.DataFrame) -> FloatArray:
    """What may still be drawn; 0 where a limit or what is drawn is not known, or the limit is overdrawn."""
    return np.nan_to_num(np.maximum(numbers(rows, "limit") - numbers(rows, "drawn"), 0.0), nan=0.0)


def _table_factor(rows: pl.DataFrame) -> FloatArray:
    factors = [standardised.CONVERSION_FACTORS[kind] for kind in standardised.OffBalance]
    usual = standardised.CONVERSION_FACTORS[standardised.OffBalance.COMMITMENT]
    return np.array([*factors, usual])[codes(rows, "off_balance", list(standardised.OffBalance))]


def _own_ead(rows: pl.DataFrame, modelled: BoolArray) -> FloatArray:
    """Exposure at default as the rows say it, before its floor: ``ead``, else what is drawn and the converted part of what is undrawn."""
    factor = np.where(_is_approach(rows, Approach.FOUNDATION) | ~modelled, _table_factor(rows), numbers(rows, "ccf"))
    ead, undrawn = numbers(rows, "ead"), _undrawn(rows)
    return np.where(np.isnan(ead), numbers(rows, "drawn") + np.where(undrawn > 0.0, factor, 0.0) * undrawn, ead)


def _modelled(rows: pl.DataFrame, modelled: BoolArray, regime: Regime) -> dict[str, FloatArray]:
    """Columns under models; NaN where a row is under tables, but for ``ead``."""
    foundation = _is_approach(rows, Approach.FOUNDATION)
    function = _FUNCTION_CODES[codes(rows, "exposure_class", list(ExposureClass))]
    drawn, undrawn, factor = numbers(rows, "drawn"), _undrawn(rows), _table_factor(rows)
    ead = _own_ead(rows, modelled)
    floored = modelled & ~foundation & ~_is_class(rows, ExposureClass.SOVEREIGN)
    least = np.where(floored, drawn + regime.ead_floor_share * factor * undrawn, np.nan)
    ead = np.fmax(ead, least)

    defaulted = _in_default(rows)
    pd = np.where(defaulted | ~modelled, 1.0, numbers(rows, "pd_12m"))
    pd = irb.floored_pd(pd, exposure_class=function, transactor=flags(rows, "transactor"), regime=regime)
    lgd = _lgd(rows, function, foundation, modelled, regime)
    years = numbers(rows, "maturity_years", default=2.5)
    lowest = np.where(flags(rows, "maturity_floor_exempt"), 0.0, regime.maturity_floor)
    years = np.where(foundation, 2.5, np.clip(years, lowest, regime.maturity_cap))
    large = flags(rows, "large_financial")
    k = irb.capital_requirement(
        pd,
        lgd,
        exposure_class=function,
        maturity_years=years,
        turnover=np.where(_is_class(rows, ExposureClass.CORPORATE), numbers(rows, "turnover"), np.nan),
        financial_multiplier=np.where(large, regime.correlation_multiplier, 1.0),
    )
    estimate = numbers(rows, "best_estimate_el")
    estimate = np.where(foundation | np.isnan(estimate), lgd, estimate)
    k = np.where(defaulted, irb.defaulted_capital_requirement(lgd, estimate), k)
    el = np.where(defaulted, estimate, pd * lgd) * ead
    shown = {
        "pd_used": pd,
        "lgd_used": lgd,
        "maturity_used": np.where(_is_retail(rows), np.nan, years),
        "k": k,
        "rw": 12.5 * k * regime.scaling,
        "rwa": 12.5 * k * regime.scaling * ead,
        "el": el,
    }
    return {"ead": ead} | {column: np.where(modelled, values, np.nan) for column, values in shown.items()}


def _lgd(rows: pl.DataFrame, function: IntArray, foundation: BoolArray, modelled: BoolArray, regime: Regime) -> FloatArray:
    """LGD as the functions take it: own estimates floored under the advanced approach, the supervisory ones under the foundation approach.

    What the column ``lgd`` has is the bank's own estimate, which the foundation approach does not know (CRE32.5); nor is it the supervisory one
    reduced for collateral (CRE32.9), which no column says.
    """
    wholesale = np.where(_is_retail(rows), list(IrbClass).index(IrbClass.CORPORATE), function)
    supervisory = irb.foundation_lgd(
        wholesale,
        financial=flags(rows, "financial") | flags(rows, "large_financial"),
        subordinated=flags(rows, "subordinated"),
        regime=regime,
    )
    own = modelled & ~foundation
    floored = irb.floored_lgd(
        np.where(own, numbers(rows, "lgd"), supervisory),
        exposure_class=function,
        collateral=np.array([*irb.Collateral, ""], dtype=np.str_)[codes(rows, "collateral", list(irb.Collateral))],
        secured_share=numbers(rows, "secured_share", default=0.0),
        regime=regime,
    )
    return np.where(own, floored, supervisory)


def _standardised(rows: pl.DataFrame, needed: BoolArray, *, ratings_allowed: bool) -> dict[str, FloatArray]:
    """Columns under tables; NaN where a row does not need them."""
    drawn, ead = numbers(rows, "drawn"), numbers(rows, "ead")
    converted = drawn + _table_factor(rows) * _undrawn(rows)
    gross = np.where(np.isnan(numbers(rows, "limit")), np.where(np.isnan(ead), drawn, ead), np.where(np.isnan(drawn), ead, converted))
    provisions = numbers(rows, "specific_provisions", default=0.0)
    exposure = np.maximum(gross - provisions, 0.0)
    weight = np.where(needed, _table_weight(rows, gross, provisions, ratings_allowed=ratings_allowed), np.nan)
    return {
        "standardised_exposure": np.where(needed, exposure, np.nan),
        "standardised_rw": weight,
        "standardised_rwa": weight * exposure,
    }


def _table_weight(rows: pl.DataFrame, gross: FloatArray, provisions: FloatArray, *, ratings_allowed: bool) -> FloatArray:
    step = _step(rows, ratings_allowed=ratings_allowed)
    corporate = standardised.corporate_risk_weight(
        step,
        small=numbers(rows, "turnover") <= _SMALL_TURNOVER,
        investment_grade=flags(rows, "investment_grade"),
        ratings_allowed=ratings_allowed,
    )
    is_bank = _is_class(rows, ExposureClass.BANK)
    grade = np.array([*standardised.ScraGrade, "C"], dtype=np.str_)[codes(rows, "scra_grade", list(standardised.ScraGrade))]
    bank = standardised.bank_risk_weight(np.where(is_bank, step, 1), scra_grade=grade, short_term=flags(rows, "short_term"))
    retail = standardised.retail_risk_weight(
        regulatory=flags(rows, "regulatory_retail", default=True), transactor=flags(rows, "transactor")
    )
    residential, individual = _is_class(rows, ExposureClass.RESIDENTIAL_MORTGAGE), _is_individual(rows)
    weight = np.select(
        [
            is_bank,
            _is_class(rows, ExposureClass.SOVEREIGN),
            _is_class(rows, ExposureClass.QRRE, ExposureClass.OTHER_RETAIL),
            residential | _is_class(rows, ExposureClass.COMMERCIAL_REAL_ESTATE, ExposureClass.LAND_DEVELOPMENT),
        ],
        [
            bank,
            standardised.sovereign_risk_weight(step, domestic_currency=flags(rows, "domestic_currency")),
            retail,
            _real_estate_weight(rows, step, corporate),
        ],
        corporate,
    )
    mismatched = flags(rows, "currency_mismatch") & _is_retail(rows) & (~residential | individual)
    weight = np.where(mismatched, standardised.mismatched_risk_weight(weight), weight)
    weight = np.where(flags(rows, "subordinated"), standardised.SUBORDINATED, weight)
    share = np.divide(provisions, gross, out=np.zeros_like(gross), where=gross > 0.0)
    in_default = standardised.defaulted_risk_weight(share, residential=residential & ~flags(rows, "cash_flow_dependent"))
    return np.where(_in_default(rows), in_default, weight)


def _is_individual(rows: pl.DataFrame) -> BoolArray:
    """Who owes on real estate is an individual: as the row says, or on a residential mortgage that says nothing."""
    who = codes(rows, "counterparty", _COUNTERPARTIES)
    return np.asarray((who == 0) | ((who < 0) & _is_class(rows, ExposureClass.RESIDENTIAL_MORTGAGE)))


def _real_estate_weight(rows: pl.DataFrame, step: IntArray, corporate: FloatArray) -> FloatArray:
    small = (codes(rows, "counterparty", _COUNTERPARTIES) == 1) & (step == standardised.UNRATED)
    owes = np.where(_is_individual(rows), 0.75, np.where(small, 0.85, corporate))  # CRE20.89(1)
    ltv = numbers(rows, "ltv", default=0.0)
    terms = {
        "cash_flow_dependent": flags(rows, "cash_flow_dependent"),
        "meets_requirements": flags(rows, "meets_requirements", default=True),
    }
    return np.select(
        [_is_class(rows, ExposureClass.RESIDENTIAL_MORTGAGE), _is_class(rows, ExposureClass.COMMERCIAL_REAL_ESTATE)],
        [
            standardised.residential_risk_weight(ltv, counterparty_risk_weight=owes, **terms),
            standardised.commercial_risk_weight(ltv, counterparty_risk_weight=owes, **terms),
        ],
        standardised.land_risk_weight(presold_residential=flags(rows, "presold_residential")),
    )


def _notes(rows: pl.DataFrame, rejected: pl.DataFrame, regime: Regime) -> tuple[str, ...]:
    notes = [*rejected_note(rejected)]
    if regime.scaling != 1.0:
        notes.append(f"risk weights under models carry the scaling factor of {regime.scaling:g}")
    large = _is_class(rows, ExposureClass.CORPORATE) & (numbers(rows, "turnover", default=0.0) > _LARGE_TURNOVER)
    barred = _is_approach(rows, Approach.ADVANCED) & (large | _is_class(rows, ExposureClass.BANK))
    if regime.name == BASEL_III.name and barred.any():
        notes.append(
            f"{int(barred.sum())} facilities of banks or of groups with sales above EUR 500 million are under the advanced approach, "
            "which CRE30.34 does not permit for them"
        )
    foundation = _is_approach(rows, Approach.FOUNDATION)
    if foundation.any():
        given = int((foundation & ~np.isnan(numbers(rows, "lgd"))).sum())
        unused = f"; the lgd given for {given} of them is not used" if given else ""
        notes.append(
            f"{int(foundation.sum())} facilities under the foundation approach have the supervisory LGD (CRE32.6-7): eligible collateral (CRE32.9) is "
            f"not recognised{unused}"
        )
    unknown = _in_default(rows) & (foundation | (_is_approach(rows, Approach.ADVANCED) & np.isnan(numbers(rows, "best_estimate_el"))))
    if unknown.any():
        notes.append(
            f"{int(unknown.sum())} facilities are in default (defaulted, or a pd of 1) without a best_estimate_el: it is taken as large as the LGD (under "
            "the foundation approach always), so they carry no risk-weighted assets, and all they lose is expected loss, which provisions or own "
            "funds have to cover (CRE31.3, CRE35)"
        )
    return tuple(notes)


def _floor_note(on: date | None, *, path: str) -> tuple[str, ...]:
    begins = PATHS[path][0][0]
    if on is None or on >= begins:
        return ()
    return (f"the output floor begins on {begins.isoformat()} on the path {path}: on {on.isoformat()} its share is 0, and it adds nothing",)


def _raised_note(rows: pl.DataFrame, ead: FloatArray, modelled: BoolArray, regime: Regime) -> tuple[str, ...]:
    """Where exposures are not those of the book: whoever compares capital with other measures of it has to know."""
    own = _own_ead(rows, modelled)
    raised = ead > own
    if not raised.any():
        return ()
    count, amount = int(raised.sum()), math.fsum((ead - own)[raised].tolist())
    least = f"what is drawn and {regime.ead_floor_share:.0%} of the standardised conversion of what is undrawn (CRE32.36)".replace(
        "%", " %"
    )
    return (
        f"the EAD of {count:,} {'facility' if count == 1 else 'facilities'} is raised, by {amount:,.2f} in all, to the least that is permitted of own "
        f"estimates, {least if regime.ead_floor_share else 'what is drawn'}: other measures of the book have it without",
    )
