"""The standardised approach: risk weights by class, rating and loan-to-value, and credit conversion factors.

Paragraphs and tables are those of the Basel Framework, chapter CRE20, in force from 1 January 2023 (the December 2017 text). Risk weights,
conversion factors and loan-to-value ratios are decimals: a risk weight of 0.75 is 75 %. Every function takes values or arrays that
broadcast, and answers with an array (of no dimension for single values).

Left out: public-sector entities and development banks, covered bonds, equity, and credit risk mitigation (CRE22).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_flag
from crfs.risk.ranges import RATIO, Range, elementwise, numbers, truths

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_LTV = Range(said="a decimal of zero or more: the loan over the value of the property", low=0.0)
"""Infinite where the property is worth nothing."""

UNRATED = 0
"""Step of what has no rating. The others are 1 (AAA to AA-), 2 (A), 3 (BBB), 4 (BB), 5 (B) and 6 (below B-)."""

_STEPS = {
    1: "AAA AA+ AA AA- Aaa Aa1 Aa2 Aa3",
    2: "A+ A A- A1 A2 A3",
    3: "BBB+ BBB BBB- Baa1 Baa2 Baa3",
    4: "BB+ BB BB- Ba1 Ba2 Ba3",
    5: "B+ B B- B1 B2 B3",
    6: "CCC+ CCC CCC- CC C R SD D Caa Caa1 Caa2 Caa3 Ca",
    UNRATED: "NR",
}
STEP_OF_RATING = {rating: step for step, ratings in _STEPS.items() for rating in ratings.split()}
"""Step of each grade, in the notation of S&P and Fitch and in that of Moody's; ``C`` is lowest in both."""

# Indexed by step; the first is unrated. CRE20.7 table 1, CRE20.18 table 6 (twice), CRE20.43 table 10.
_SOVEREIGN = np.array([1.0, 0.0, 0.2, 0.5, 1.0, 1.0, 1.5])
_BANK = np.array([np.nan, 0.2, 0.3, 0.5, 1.0, 1.0, 1.5])
_BANK_SHORT_TERM = np.array([np.nan, 0.2, 0.2, 0.2, 0.5, 0.5, 1.5])
_CORPORATE = np.array([1.0, 0.2, 0.5, 0.75, 1.0, 1.5, 1.5])


class ScraGrade(StrEnum):
    """Grades of unrated banks (CRE20.21-32). ``A_STRONG`` is a grade A with a Common Equity Tier 1 ratio of 14 % and a leverage ratio of
    5 % or more."""

    A_STRONG = "A_STRONG"
    A = "A"
    B = "B"
    C = "C"


class OffBalance(StrEnum):
    """Kinds of off-balance-sheet items; each has one credit conversion factor (CRE20.94-101)."""

    DIRECT_CREDIT_SUBSTITUTE = "direct_credit_substitute"
    NOTE_ISSUANCE_FACILITY = "note_issuance_facility"
    TRANSACTION_CONTINGENCY = "transaction_contingency"
    COMMITMENT = "commitment"
    TRADE_LETTER_OF_CREDIT = "trade_letter_of_credit"
    UNCONDITIONALLY_CANCELLABLE = "unconditionally_cancellable"


CONVERSION_FACTORS = {
    OffBalance.DIRECT_CREDIT_SUBSTITUTE: 1.0,
    OffBalance.NOTE_ISSUANCE_FACILITY: 0.5,
    OffBalance.TRANSACTION_CONTINGENCY: 0.5,
    OffBalance.COMMITMENT: 0.4,
    OffBalance.TRADE_LETTER_OF_CREDIT: 0.2,
    OffBalance.UNCONDITIONALLY_CANCELLABLE: 0.1,
}
"""Credit conversion factors, CRE20.95 to CRE20.100; a commitment of any maturity has 40 % unless a lower one is its own."""


def rating_step(rating: npt.ArrayLike) -> IntArray:
    """Step of each rating, 1 (AAA to AA-) to 6 (below B-); empty text, None and ``NR`` are :data:`UNRATED`.

    >>> rating_step(["AA-", "Baa3", "CCC", "", None]).tolist()
    [1, 3, 6, 0, 0]
    """
    given = np.asarray(rating, dtype=object)
    names, where = np.unique(np.array(["" if r is None else str(r).strip() for r in given.ravel()], dtype=np.str_), return_inverse=True)
    unknown = [name for name in names.tolist() if name and name not in STEP_OF_RATING]
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no rating in the notation of S&P, Fitch or Moody's", argument="rating")
    steps = np.array([STEP_OF_RATING.get(name, UNRATED) for name in names.tolist()], dtype=np.int64)
    return steps[where.reshape(-1)].reshape(given.shape)


@elementwise
def sovereign_risk_weight(step: npt.ArrayLike, *, domestic_currency: npt.ArrayLike = False) -> FloatArray:
    """Risk weight of a sovereign or central bank (CRE20.7, table 1); 0 in its own currency where the supervisor allows it (CRE20.8).

    >>> sovereign_risk_weight([1, 2, 3, 5, 6, UNRATED]).tolist()
    [0.0, 0.2, 0.5, 1.0, 1.5, 1.0]
    """
    return np.where(truths("domestic_currency", domestic_currency), 0.0, _SOVEREIGN[_step(step)])


@elementwise
def bank_risk_weight(step: npt.ArrayLike = UNRATED, *, scra_grade: npt.ArrayLike = "", short_term: npt.ArrayLike = False) -> FloatArray:
    """Risk weight of a bank: by its rating (ECRA, CRE20.18 table 6), or by its grade where it has none (SCRA, CRE20.21 table 7).

    ``short_term`` marks claims of an original maturity of three months or less (six for the movement of goods across borders, CRE20.19,
    CRE20.31). In a jurisdiction that does not allow ratings, give no step. A bank with neither rating nor grade is
    :class:`crfs.errors.InvalidInput`.

    >>> bank_risk_weight([1, 2, 3, 4, 6]).tolist()
    [0.2, 0.3, 0.5, 1.0, 1.5]
    >>> bank_risk_weight(scra_grade=["A", "A_STRONG", "B", "C"]).tolist()
    [0.4, 0.3, 0.75, 1.5]
    """
    steps, grade, short = _step(step), np.asarray(scra_grade, dtype=np.str_), truths("short_term", short_term)
    known = np.isin(grade, ["", *ScraGrade])
    if not known.all():
        raise InvalidInput(f"{grade[~known].flat[0]!s} is no scra_grade; known: {', '.join(ScraGrade)}", argument="scra_grade")
    rated = np.where(short, _BANK_SHORT_TERM[steps], _BANK[steps])
    graded = np.select(
        [grade == ScraGrade.A_STRONG, grade == ScraGrade.A, grade == ScraGrade.B, grade == ScraGrade.C],
        [np.where(short, 0.2, 0.3), np.where(short, 0.2, 0.4), np.where(short, 0.5, 0.75), 1.5],
        np.nan,
    )
    weight = np.where(steps == UNRATED, graded, rated)
    if np.isnan(weight).any():
        raise InvalidInput("a bank without a rating needs a scra_grade: A_STRONG, A, B or C", argument="scra_grade")
    return weight


@elementwise
def corporate_risk_weight(
    step: npt.ArrayLike = UNRATED,
    *,
    small: npt.ArrayLike = False,
    investment_grade: npt.ArrayLike = False,
    ratings_allowed: bool = True,
) -> FloatArray:
    """Risk weight of a corporate (CRE20.43 table 10, CRE20.44, CRE20.47).

    ``small`` marks groups with annual sales of EUR 50 million or less: 85 % where they have no rating. ``ratings_allowed=False`` is for
    jurisdictions without external ratings: all are as unrated, and those that are ``investment_grade`` by CRE20.45-46 have 65 %; it
    counts only there.

    >>> corporate_risk_weight([1, 2, 3, 4, 5, 6, UNRATED]).tolist()
    [0.2, 0.5, 0.75, 1.0, 1.5, 1.5, 1.0]
    >>> corporate_risk_weight(small=[True, False], investment_grade=[False, True], ratings_allowed=False).tolist()
    [0.85, 0.65]
    """
    steps = _step(step)
    rated = check_flag("ratings_allowed", ratings_allowed)
    if not rated:
        steps = np.zeros_like(steps)
    graded = truths("investment_grade", investment_grade) & (not rated)
    unrated = np.where(graded, 0.65, np.where(truths("small", small), 0.85, 1.0))
    return np.where(steps == UNRATED, unrated, _CORPORATE[steps])


@elementwise
def retail_risk_weight(*, regulatory: npt.ArrayLike = True, transactor: npt.ArrayLike = False) -> FloatArray:
    """Risk weight of retail (CRE20.68): 75 % where it meets the criteria of CRE20.65, 45 % of those who repay in full each time, 100 %
    else.

    >>> retail_risk_weight(regulatory=[True, True, False], transactor=[False, True, True]).tolist()
    [0.75, 0.45, 1.0]
    """
    return np.where(truths("regulatory", regulatory), np.where(truths("transactor", transactor), 0.45, 0.75), 1.0)


@elementwise
def residential_risk_weight(
    ltv: npt.ArrayLike,
    *,
    cash_flow_dependent: npt.ArrayLike = False,
    meets_requirements: npt.ArrayLike = True,
    counterparty_risk_weight: npt.ArrayLike = 0.75,
) -> FloatArray:
    """Risk weight of a loan on residential property, of the whole loan (CRE20.82 table 11, CRE20.84 table 12, CRE20.89).

    ``ltv`` is the loan over the value of the property, where the loan counts what is undrawn too. ``cash_flow_dependent``: repayment
    rests materially on what the property earns. What does not meet the requirements of CRE20.71 has the weight of the counterparty, or
    150 %.

    >>> residential_risk_weight([0.5, 0.6, 0.8, 0.9, 1.0, 1.01]).tolist()
    [0.2, 0.25, 0.3, 0.4, 0.5, 0.7]
    >>> residential_risk_weight([0.5, 0.6, 0.8, 0.9, 1.0, 1.01], cash_flow_dependent=True).tolist()
    [0.3, 0.35, 0.45, 0.6, 0.75, 1.05]
    """
    band = np.searchsorted(np.array([0.5, 0.6, 0.8, 0.9, 1.0]), _ltv(ltv), side="left")
    dependent = truths("cash_flow_dependent", cash_flow_dependent)
    own = np.array([0.2, 0.25, 0.3, 0.4, 0.5, 0.7])[band]
    earned = np.array([0.3, 0.35, 0.45, 0.6, 0.75, 1.05])[band]
    regulatory = np.where(dependent, earned, own)
    return np.where(truths("meets_requirements", meets_requirements), regulatory, _other_real_estate(dependent, counterparty_risk_weight))


@elementwise
def commercial_risk_weight(
    ltv: npt.ArrayLike,
    *,
    counterparty_risk_weight: npt.ArrayLike,
    cash_flow_dependent: npt.ArrayLike = False,
    meets_requirements: npt.ArrayLike = True,
) -> FloatArray:
    """Risk weight of a loan on commercial property, of the whole loan (CRE20.85 table 13, CRE20.87 table 14, CRE20.89).

    Up to an ``ltv`` of 60 % it is 60 % or the weight of the counterparty, whichever is lower, and above it the counterparty's; where
    repayment rests on what the property earns, it is 70 %, 90 % (above 60 %) or 110 % (above 80 %).

    >>> commercial_risk_weight([0.6, 0.61], counterparty_risk_weight=1.0).tolist()
    [0.6, 1.0]
    >>> commercial_risk_weight([0.6, 0.8, 0.81], counterparty_risk_weight=1.0, cash_flow_dependent=True).tolist()
    [0.7, 0.9, 1.1]
    """
    ratio, counterparty = _ltv(ltv), numbers("counterparty_risk_weight", counterparty_risk_weight, RATIO)
    dependent = truths("cash_flow_dependent", cash_flow_dependent)
    own = np.where(ratio <= 0.6, np.minimum(0.6, counterparty), counterparty)
    earned = np.array([0.7, 0.9, 1.1])[np.searchsorted(np.array([0.6, 0.8]), ratio, side="left")]
    regulatory = np.where(dependent, earned, own)
    return np.where(truths("meets_requirements", meets_requirements), regulatory, _other_real_estate(dependent, counterparty))


def land_risk_weight(*, presold_residential: npt.ArrayLike = False) -> FloatArray:
    """Risk weight of land acquisition, development and construction: 150 %; 100 % for residential property that is largely sold or rented
    before, or in which the borrower has substantial equity at risk (CRE20.90-91).

    >>> land_risk_weight(presold_residential=[False, True]).tolist()
    [1.5, 1.0]
    """
    return np.where(truths("presold_residential", presold_residential), 1.0, 1.5)


SUBORDINATED = 1.5
"""Risk weight of subordinated debt and of capital instruments that are no equity (CRE20.60)."""


def mismatched_risk_weight(risk_weight: npt.ArrayLike) -> FloatArray:
    """Risk weight of an unhedged retail or residential loan to an individual in another currency than that of their income: 1.5 times as
    high, at most 150 % (CRE20.92).

    >>> mismatched_risk_weight([0.75, 1.2]).tolist()
    [1.125, 1.5]
    """
    weight = numbers("risk_weight", risk_weight, RATIO)
    return np.maximum(weight, np.minimum(1.5 * weight, 1.5))


@elementwise
def defaulted_risk_weight(provision_share: npt.ArrayLike, *, residential: npt.ArrayLike = False) -> FloatArray:
    """Risk weight of what is unsecured of a facility in default, net of specific provisions (CRE20.104-107).

    150 %, or 100 % where specific provisions are at least 20 % of the outstanding amount: ``provision_share`` is their ratio, a decimal.
    Residential property whose loan does not rest on what it earns (``residential``) has 100 %.

    >>> defaulted_risk_weight([0.19, 0.2, 0.0], residential=[False, False, True]).tolist()
    [1.5, 1.0, 1.0]
    """
    share = numbers("provision_share", provision_share, RATIO)
    return np.where(truths("residential", residential) | (share >= 0.2), 1.0, 1.5)


def conversion_factor(kind: npt.ArrayLike) -> FloatArray:
    """Credit conversion factor of an off-balance-sheet item by its :class:`OffBalance` kind (CRE20.94-100).

    >>> conversion_factor(["commitment", "unconditionally_cancellable"]).tolist()
    [0.4, 0.1]
    """
    names = np.asarray(kind, dtype=np.str_)
    known = np.isin(names, list(OffBalance))
    if not known.all():
        raise InvalidInput(
            f"{names[~known].flat[0]!r} is no kind of off-balance-sheet item; known: {', '.join(OffBalance)}", argument="kind"
        )
    return np.select([names == item for item in CONVERSION_FACTORS], list(CONVERSION_FACTORS.values()), np.nan)


def _other_real_estate(dependent: npt.NDArray[np.bool_], counterparty_risk_weight: npt.ArrayLike) -> FloatArray:
    return np.where(dependent, 1.5, numbers("counterparty_risk_weight", counterparty_risk_weight, RATIO))


def _step(step: npt.ArrayLike) -> IntArray:
    steps = np.asarray(step)
    if not np.isin(steps, np.arange(7)).all():
        raise InvalidInput("a rating step is a whole number from 0 (unrated) to 6", argument="step")
    return steps.astype(np.int64)


def _ltv(ltv: npt.ArrayLike) -> FloatArray:
    return numbers("ltv", ltv, _LTV)
