"""The internal ratings-based approach: capital and risk weight of a facility from its PD, LGD and maturity.

Formulas and paragraphs are those of the Basel Framework, chapters CRE31 (risk-weight functions), CRE32 (risk components) and CRE35
(expected loss), in force from 1 January 2023 (the December 2017 text, "final Basel III"). PD, LGD, correlations, capital and risk weights
are decimals: a risk weight of 0.9232 is 92.32 %. Every function takes numbers or arrays that broadcast, and answers with an array (of no
dimension for numbers: ``float`` makes one of it). None applies a floor or a cap unless a :class:`Regime` says so, so that published
tables can be computed as they stand.

Risk weights rise with LGD, and with PD up to about 30 % (from there the expected loss, which is not capital, takes over). Below a PD of
1e-5, where only sovereigns can be, the maturity adjustment makes those of long maturity rise again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_flag
from crfs.risk.ranges import AMOUNT, DECIMAL, Range, elementwise, number, numbers, truths

FloatArray: TypeAlias = npt.NDArray[np.float64]

_SALES = Range(said="annual sales in million euros, zero or more, or NaN where they are not known", low=0.0, or_unknown=True)
_YEARS = Range(said="a finite number of years, zero or more", low=0.0, with_high=False)
# So wide that every correlation stays within (0, 1).
_MULTIPLIER = Range(said="a multiplier within [1, 2], such as 1.25", low=1.0, high=2.0)
_CEILING = Range(said="a correlation within [0.12, 0.5), such as 0.24", low=0.12, high=0.5, with_high=False)

CONFIDENCE = 0.999
"""The confidence of the functions: capital is the large pool's value at risk at this level, less the expected loss."""

SMALLEST_PD = float(np.exp((0.11852 - np.sqrt(2.0 / 3.0)) / 0.05478))
"""At this PD, 2.9e-6, the denominator 1 - 1.5 b of the maturity adjustment is zero."""


class IrbClass(StrEnum):
    """The exposure classes that have a risk-weight function of their own.

    ``corporate``, ``sovereign`` and ``bank`` share one function; ``high_volatility_real_estate`` has a higher correlation (CRE31.11). The
    last three are retail and have no maturity adjustment.
    """

    CORPORATE = "corporate"
    SOVEREIGN = "sovereign"
    BANK = "bank"
    HIGH_VOLATILITY_REAL_ESTATE = "high_volatility_real_estate"
    RESIDENTIAL_MORTGAGE = "residential_mortgage"
    QRRE = "qrre"
    OTHER_RETAIL = "other_retail"


RETAIL = frozenset({IrbClass.RESIDENTIAL_MORTGAGE, IrbClass.QRRE, IrbClass.OTHER_RETAIL})
"""The classes whose functions know no maturity."""

_CODE = {kind: position for position, kind in enumerate(IrbClass)}
_RETAIL_CODES = [_CODE[kind] for kind in sorted(RETAIL)]


class Collateral(StrEnum):
    """Kinds of eligible collateral, as the LGD floors tell them apart (CRE32.16, CRE32.58)."""

    FINANCIAL = "financial"
    RECEIVABLES = "receivables"
    REAL_ESTATE = "real_estate"
    OTHER_PHYSICAL = "other_physical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """What a rule book does to the inputs before the functions see them, and to the risk-weighted assets after.

    ``pd_floor`` is for every class but sovereigns, ``pd_floor_revolver`` for QRRE revolvers. The ``lgd_floor`` fields are for own
    estimates (the advanced approach) and never for sovereigns and banks. ``maturity_floor`` and ``maturity_cap`` are years, not for
    retail. ``correlation_multiplier`` is that of large and unregulated financial institutions (CRE31.7). ``ead_floor_share`` is the part
    of the standardised credit conversion factor below which an own estimate may not go (CRE32.36). ``scaling`` multiplies risk-weighted
    assets.
    """

    name: str
    pd_floor: float
    pd_floor_revolver: float
    lgd_floor_corporate: float
    lgd_floor_mortgage: float
    lgd_floor_qrre: float
    lgd_floor_other_retail: float
    lgd_floor_collateral: tuple[tuple[Collateral, float], ...]
    foundation_lgd: float
    foundation_lgd_financial: float
    foundation_lgd_subordinated: float
    maturity_floor: float
    maturity_cap: float
    correlation_multiplier: float
    ead_floor_share: float
    scaling: float


BASEL_III = Regime(
    name="basel_iii",
    pd_floor=0.0005,
    pd_floor_revolver=0.001,
    lgd_floor_corporate=0.25,
    lgd_floor_mortgage=0.05,
    lgd_floor_qrre=0.50,
    lgd_floor_other_retail=0.30,
    lgd_floor_collateral=(
        (Collateral.FINANCIAL, 0.0),
        (Collateral.RECEIVABLES, 0.10),
        (Collateral.REAL_ESTATE, 0.10),
        (Collateral.OTHER_PHYSICAL, 0.15),
    ),
    foundation_lgd=0.40,
    foundation_lgd_financial=0.45,
    foundation_lgd_subordinated=0.75,
    maturity_floor=1.0,
    maturity_cap=5.0,
    correlation_multiplier=1.25,
    ead_floor_share=0.5,
    scaling=1.0,
)
"""Final Basel III: floors of CRE32.4, CRE32.16, CRE32.36 and CRE32.58, foundation LGD of CRE32.6-7, maturity of CRE32.46, multiplier of
CRE31.7."""

BASEL_II = Regime(
    name="basel_ii",
    pd_floor=0.0003,
    pd_floor_revolver=0.0003,
    lgd_floor_corporate=0.0,
    lgd_floor_mortgage=0.10,
    lgd_floor_qrre=0.0,
    lgd_floor_other_retail=0.0,
    lgd_floor_collateral=tuple((kind, 0.0) for kind in Collateral),
    foundation_lgd=0.45,
    foundation_lgd_financial=0.45,
    foundation_lgd_subordinated=0.75,
    maturity_floor=1.0,
    maturity_cap=5.0,
    correlation_multiplier=1.0,
    ead_floor_share=0.0,
    scaling=1.06,
)
"""Basel II (BCBS 128, June 2006): PD floor of paragraphs 285 and 331, LGD of 266, 287 and 288, scaling factor of 14, which Annex 5 leaves
out."""

REGIMES = {regime.name: regime for regime in (BASEL_III, BASEL_II)}


def regime_of(regime: Regime | str) -> Regime:
    """A regime, or that of a name; :class:`crfs.errors.InvalidInput` with the known names where there is none.

    >>> regime_of("basel_iii") is BASEL_III
    True
    """
    if isinstance(regime, Regime):
        return regime
    given: object = regime  # what is no text may have no hash to be looked up by
    if not isinstance(given, str) or given not in REGIMES:
        raise InvalidInput(f"{regime!r:.80} is no regime; known: {', '.join(REGIMES)}", argument="regime")
    return REGIMES[regime]


@elementwise
def corporate_correlation(
    pd: npt.ArrayLike, *, turnover: npt.ArrayLike | None = None, financial_multiplier: npt.ArrayLike = 1.0, ceiling: float = 0.24
) -> FloatArray:
    """Asset correlation of corporates, sovereigns and banks: from 0.24 at a PD of 0 down to 0.12 at 1 (CRE31.5).

    ``turnover`` is the annual sales of the obligor's group in million euros; NaN or None means unknown, hence not small. Between 5 and 50
    it takes off up to 0.04 (CRE31.8), below 5 it counts as 5. ``financial_multiplier`` is 1.25 for large or unregulated financial
    institutions (CRE31.7). ``ceiling`` is 0.30 for high-volatility commercial real estate (CRE31.11).

    >>> round(float(corporate_correlation(0.01)), 6), round(float(corporate_correlation(0.01, turnover=5.0)), 6)
    (0.192784, 0.152784)
    """
    share = _decay(pd, 50.0)
    base = 0.12 * share + number("ceiling", ceiling, _CEILING) * (1.0 - share)
    return np.asarray(base * numbers("financial_multiplier", financial_multiplier, _MULTIPLIER) - size_adjustment(turnover))


def size_adjustment(turnover: npt.ArrayLike | None) -> FloatArray:
    """What the correlation of a small or medium-sized firm is lower by: 0.04 (1 - (S - 5) / 45), S the sales in million euros (CRE31.8).

    >>> size_adjustment([1.0, 5.0, 27.5, 50.0, 400.0]).tolist()
    [0.04, 0.04, 0.02, 0.0, 0.0]
    """
    if turnover is None:
        return np.zeros(())
    sales = numbers("turnover", turnover, _SALES)
    return np.asarray(0.04 * (1.0 - (np.clip(np.where(np.isnan(sales), 50.0, sales), 5.0, 50.0) - 5.0) / 45.0))


def other_retail_correlation(pd: npt.ArrayLike) -> FloatArray:
    """Asset correlation of other retail: from 0.16 at a PD of 0 down to 0.03 at 1 (CRE31.16).

    >>> round(float(other_retail_correlation(0.02)), 6)
    0.094556
    """
    share = _decay(pd, 35.0)
    return np.asarray(0.03 * share + 0.16 * (1.0 - share))


@elementwise
def correlation(
    pd: npt.ArrayLike, *, exposure_class: npt.ArrayLike, turnover: npt.ArrayLike | None = None, financial_multiplier: npt.ArrayLike = 1.0
) -> FloatArray:
    """Asset correlation by class: 0.15 for residential mortgages (CRE31.14), 0.04 for QRRE (CRE31.15), the functions above for the others.

    ``exposure_class`` is a value of :class:`IrbClass` or an array of them. ``turnover`` and ``financial_multiplier`` count for corporates
    only, the multiplier for banks too.

    >>> correlation(0.01, exposure_class=["residential_mortgage", "qrre"]).tolist()
    [0.15, 0.04]
    """
    code = _codes(exposure_class)
    corporate = code == _CODE[IrbClass.CORPORATE]
    sales = np.where(corporate, np.nan if turnover is None else numbers("turnover", turnover, _SALES), np.nan)
    multiplier = np.where(
        corporate | (code == _CODE[IrbClass.BANK]), numbers("financial_multiplier", financial_multiplier, _MULTIPLIER), 1.0
    )
    ordinary = corporate_correlation(pd, turnover=sales, financial_multiplier=multiplier)
    return np.select(
        [
            code == _CODE[IrbClass.RESIDENTIAL_MORTGAGE],
            code == _CODE[IrbClass.QRRE],
            code == _CODE[IrbClass.OTHER_RETAIL],
            code == _CODE[IrbClass.HIGH_VOLATILITY_REAL_ESTATE],
        ],
        [0.15, 0.04, other_retail_correlation(pd), corporate_correlation(pd, ceiling=0.30)],
        ordinary,
    )


@elementwise
def maturity_adjustment(pd: npt.ArrayLike, maturity_years: npt.ArrayLike = 2.5) -> FloatArray:
    """(1 + (M - 2.5) b) / (1 - 1.5 b), b = (0.11852 - 0.05478 ln PD)² (CRE31.5); 1 at one year, whatever the PD.

    The denominator vanishes at a PD of 2.9e-6, and below it the formula has no meaning: such a PD is refused, except 0 itself, whose
    capital is zero before any adjustment (the answer is then 1).

    >>> round(float(maturity_adjustment(0.01, 2.5)), 6), round(float(maturity_adjustment(0.01, 1.0)), 12)
    (1.25981, 1.0)
    """
    p, years = numbers("pd", pd, DECIMAL), numbers("maturity_years", maturity_years, _YEARS)
    if ((p > 0.0) & (p <= SMALLEST_PD)).any():
        raise InvalidInput(
            f"the maturity adjustment of CRE31.5 has no meaning for a pd above 0 and up to {SMALLEST_PD:.2g}; floor the pd, or give 0",
            argument="pd",
        )
    b = (0.11852 - 0.05478 * np.log(np.where(p > 0.0, p, 1.0))) ** 2
    return np.where(p > 0.0, (1.0 + (years - 2.5) * b) / (1.0 - 1.5 * b), 1.0)


@elementwise
def capital_requirement(
    pd: npt.ArrayLike,
    lgd: npt.ArrayLike,
    *,
    exposure_class: npt.ArrayLike = IrbClass.CORPORATE,
    maturity_years: npt.ArrayLike = 2.5,
    turnover: npt.ArrayLike | None = None,
    financial_multiplier: npt.ArrayLike = 1.0,
) -> FloatArray:
    """K, the capital for unexpected loss of a facility that is not in default, a decimal of its EAD (CRE31.5, CRE31.14-16).

    LGD · (Φ((Φ⁻¹(PD) + √R Φ⁻¹(0.999)) / √(1 - R)) - PD), times the maturity adjustment unless the class is retail. It is 0 at a PD of 0
    and of 1; what is in default has :func:`defaulted_capital_requirement`. Arguments as for :func:`correlation`.

    >>> round(float(capital_requirement(0.01, 0.45)), 6)
    0.073853
    """
    p, loss = numbers("pd", pd, DECIMAL), numbers("lgd", lgd, DECIMAL)
    r = correlation(p, exposure_class=exposure_class, turnover=turnover, financial_multiplier=financial_multiplier)
    k = loss * (_stressed(p, r) - p)
    retail = np.isin(_codes(exposure_class), _RETAIL_CODES)
    adjusted = k * maturity_adjustment(np.where(retail, 1.0, p), maturity_years)
    return np.asarray(np.where(retail, k, adjusted))


@elementwise
def risk_weight(
    pd: npt.ArrayLike,
    lgd: npt.ArrayLike,
    *,
    exposure_class: npt.ArrayLike = IrbClass.CORPORATE,
    maturity_years: npt.ArrayLike = 2.5,
    turnover: npt.ArrayLike | None = None,
    large_financial: npt.ArrayLike = False,
    transactor: npt.ArrayLike = False,
    regime: Regime | str | None = None,
) -> FloatArray:
    """Risk weight of a facility that is not in default, a decimal: 12.5 K (CRE31.5).

    With a ``regime`` (or its name) PD, LGD (as of an unsecured own estimate) and maturity are floored and capped first; with none they are taken as
    they are. ``large_financial`` marks financial institutions with assets of USD 100 billion or more, and unregulated ones of any size:
    their correlation is 1.25 times as high (CRE31.7; not under Basel II). ``transactor`` marks QRRE obligors who repay in full each time;
    their PD floor is the lower one. Under Basel II the scaling factor of 1.06 is no part of the risk weight, as in its Annex 5; it
    multiplies risk-weighted assets.

    >>> round(float(risk_weight(0.01, 0.45)), 4), round(float(risk_weight(0.01, 0.45, turnover=5.0)), 4)
    (0.9232, 0.7239)
    >>> round(float(risk_weight(0.0003, 0.45, regime=BASEL_III)), 4)
    0.1965
    """
    rules = regime_of(BASEL_III if regime is None else regime)
    years = numbers("maturity_years", maturity_years, _YEARS)
    if regime is not None:
        pd = floored_pd(pd, exposure_class=exposure_class, transactor=transactor, regime=rules)
        lgd = floored_lgd(lgd, exposure_class=exposure_class, regime=rules)
        years = np.clip(years, rules.maturity_floor, rules.maturity_cap)
    return 12.5 * capital_requirement(
        pd,
        lgd,
        exposure_class=exposure_class,
        maturity_years=years,
        turnover=turnover,
        financial_multiplier=np.where(truths("large_financial", large_financial), rules.correlation_multiplier, 1.0),
    )


@elementwise
def defaulted_capital_requirement(lgd: npt.ArrayLike, best_estimate_el: npt.ArrayLike) -> FloatArray:
    """K of a facility in default: what its LGD is above the best estimate of its expected loss, or 0; decimals of EAD (CRE31.3).

    Under the foundation approach both are the supervisory LGD, so K is 0 (CRE35.3).

    >>> round(float(defaulted_capital_requirement(0.45, 0.40)), 6)
    0.05
    """
    return np.asarray(np.maximum(numbers("lgd", lgd, DECIMAL) - numbers("best_estimate_el", best_estimate_el, DECIMAL), 0.0))


@elementwise
def floored_pd(
    pd: npt.ArrayLike, *, exposure_class: npt.ArrayLike, transactor: npt.ArrayLike = False, regime: Regime | str = BASEL_III
) -> FloatArray:
    """PD, not below the regime's floor: 0.05 %, and 0.1 % for QRRE revolvers, under final Basel III; none for sovereigns (CRE32.4,
    CRE32.58).

    >>> floored_pd(0.0, exposure_class=["corporate", "sovereign", "qrre"]).tolist()
    [0.0005, 0.0, 0.001]
    >>> float(floored_pd(0.0, exposure_class="qrre", transactor=True))
    0.0005
    """
    code, rules = _codes(exposure_class), regime_of(regime)
    revolver = (code == _CODE[IrbClass.QRRE]) & ~truths("transactor", transactor)
    floor = np.where(code == _CODE[IrbClass.SOVEREIGN], 0.0, np.where(revolver, rules.pd_floor_revolver, rules.pd_floor))
    return np.maximum(numbers("pd", pd, DECIMAL), floor)


@elementwise
def floored_lgd(
    lgd: npt.ArrayLike,
    *,
    exposure_class: npt.ArrayLike,
    collateral: npt.ArrayLike | None = None,
    secured_share: npt.ArrayLike = 0.0,
    regime: Regime | str = BASEL_III,
) -> FloatArray:
    """An own estimate of LGD, not below the regime's floor (CRE32.16-17 and CRE32.58-59).

    ``collateral`` is a value of :class:`Collateral` (or an array; None and empty text: unsecured) and ``secured_share`` the part of the
    exposure that it covers after its haircut, E_S / (E (1 + H_E)), within [0, 1]: the floor is the average of the secured and the
    unsecured floor in these parts. It counts for corporates and other retail; residential mortgages and QRRE have one floor. Sovereigns
    and banks have none.

    >>> floored_lgd(0.0, exposure_class=["corporate", "residential_mortgage", "qrre", "other_retail", "bank"]).tolist()
    [0.25, 0.05, 0.5, 0.3, 0.0]
    >>> round(float(floored_lgd(0.1, exposure_class="corporate", collateral="receivables", secured_share=0.8)), 6)
    0.13
    """
    code, share, rules = _codes(exposure_class), numbers("secured_share", secured_share, DECIMAL), regime_of(regime)
    unsecured = np.where(code == _CODE[IrbClass.OTHER_RETAIL], rules.lgd_floor_other_retail, rules.lgd_floor_corporate)
    kind = np.asarray("" if collateral is None else collateral, dtype=np.str_)
    known = np.isin(kind, ["", *Collateral])
    if not known.all():
        raise InvalidInput(f"{kind[~known].flat[0]!r} is no kind of collateral; known: {', '.join(Collateral)}", argument="collateral")
    secured = np.select([kind == c for c, _ in rules.lgd_floor_collateral], [floor for _, floor in rules.lgd_floor_collateral], unsecured)
    blended = unsecured * (1.0 - share) + secured * share
    floor = np.select(
        [
            (code == _CODE[IrbClass.SOVEREIGN]) | (code == _CODE[IrbClass.BANK]),
            code == _CODE[IrbClass.RESIDENTIAL_MORTGAGE],
            code == _CODE[IrbClass.QRRE],
        ],
        [0.0, rules.lgd_floor_mortgage, rules.lgd_floor_qrre],
        blended,
    )
    return np.asarray(np.maximum(numbers("lgd", lgd, DECIMAL), floor))


@elementwise
def foundation_lgd(
    exposure_class: npt.ArrayLike,
    *,
    financial: npt.ArrayLike = False,
    subordinated: npt.ArrayLike = False,
    regime: Regime | str = BASEL_III,
) -> FloatArray:
    """Supervisory LGD of a claim without recognised collateral (CRE32.6-7): 75 % if subordinated, 45 % on sovereigns, banks and other
    financial institutions (``financial``), 40 % on other corporates. Retail has no foundation approach.

    >>> foundation_lgd(["corporate", "bank", "corporate"], subordinated=[False, False, True]).tolist()
    [0.4, 0.45, 0.75]
    """
    code, rules = _codes(exposure_class), regime_of(regime)
    if np.isin(code, _RETAIL_CODES).any():
        raise InvalidInput("retail exposures have no foundation approach: give an own estimate of lgd", argument="exposure_class")
    is_financial = np.isin(code, [_CODE[IrbClass.SOVEREIGN], _CODE[IrbClass.BANK]]) | truths("financial", financial)
    senior = np.where(is_financial, rules.foundation_lgd_financial, rules.foundation_lgd)
    return np.where(truths("subordinated", subordinated), rules.foundation_lgd_subordinated, senior)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLossComparison:
    """Expected loss against eligible provisions (CRE35.8, CAP10.19, CAP30.13); currency units, none negative.

    ``shortfall`` is deducted from Common Equity Tier 1. ``excess`` is what provisions are above expected loss; ``tier_2`` is the part of
    it that may be counted there: at most 0.6 % of the credit risk-weighted assets under the approach. ``unused_on_defaulted`` is what
    specific provisions on defaulted facilities exceed their own expected loss by, where that is not allowed to cover the others.
    """

    el: float
    provisions: float
    shortfall: float
    excess: float
    tier_2: float
    unused_on_defaulted: float

    def in_cents(self) -> ExpectedLossComparison:
        """The same in whole cents: shortfall and excess are the differences of what is shown."""
        el, provisions, unused = round(self.el, 2), round(self.provisions, 2), round(self.unused_on_defaulted, 2)
        left = round(provisions - unused - el, 2)
        return ExpectedLossComparison(
            el=el,
            provisions=provisions,
            shortfall=max(0.0, -left),
            excess=max(0.0, left),
            tier_2=min(max(0.0, left), round(self.tier_2, 2)),
            unused_on_defaulted=unused,
        )


def compare_expected_loss(
    el: float,
    provisions: float,
    *,
    rwa: float,
    defaulted_el: float = 0.0,
    defaulted_provisions: float = 0.0,
    defaulted_excess_covers_others: bool = False,
) -> ExpectedLossComparison:
    """The shortfall or excess of all eligible ``provisions`` against all expected loss ``el`` of the facilities under the approach.

    ``defaulted_el`` and ``defaulted_provisions`` are the parts of both that lie on facilities in default. Where those provisions exceed
    that expected loss, the excess covers the other facilities only if the supervisor has looked at it (CRE35.9):
    ``defaulted_excess_covers_others``.

    >>> comparison = compare_expected_loss(100.0, 70.0, rwa=5000.0)
    >>> comparison.shortfall, comparison.tier_2
    (30.0, 0.0)
    >>> compare_expected_loss(100.0, 170.0, rwa=5000.0).tier_2
    30.0
    """
    amounts = {"el": el, "provisions": provisions, "rwa": rwa, "defaulted_el": defaulted_el, "defaulted_provisions": defaulted_provisions}
    for name, amount in amounts.items():
        number(name, amount, AMOUNT)
    check_flag("defaulted_excess_covers_others", defaulted_excess_covers_others)
    for part, whole in (("defaulted_el", "el"), ("defaulted_provisions", "provisions")):
        # Both are sums, of which that of the part may be rounded up.
        if amounts[part] > amounts[whole] * (1.0 + 1e-9):
            raise InvalidInput(f"{part} is a part of {whole}, {amounts[whole]}, and not more: {amounts[part]}", argument=part)
    unused = 0.0 if defaulted_excess_covers_others else max(0.0, defaulted_provisions - defaulted_el)
    counted = provisions - unused
    excess = max(0.0, counted - el)
    return ExpectedLossComparison(
        el=el,
        provisions=provisions,
        shortfall=max(0.0, el - counted),
        excess=excess,
        tier_2=min(excess, 0.006 * rwa),
        unused_on_defaulted=unused,
    )


def _stressed(pd: FloatArray, r: FloatArray) -> FloatArray:
    """PD given the systematic factor at its 99.9 % worst."""
    from scipy.special import ndtr, ndtri

    threshold = ndtri(np.where((pd > 0.0) & (pd < 1.0), pd, 0.5))
    inside = ndtr((threshold + np.sqrt(r) * float(ndtri(CONFIDENCE))) / np.sqrt(1.0 - r))
    return np.where((pd > 0.0) & (pd < 1.0), inside, pd)


def _decay(pd: npt.ArrayLike, rate: float) -> FloatArray:
    """(1 - exp(-rate PD)) / (1 - exp(-rate)): 0 at a PD of 0 and 1 at 1."""
    return np.asarray(np.expm1(-rate * numbers("pd", pd, DECIMAL)) / np.expm1(-rate))


def _codes(exposure_class: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Position of each class in :class:`IrbClass`; whole numbers are taken as such positions, so that a table is read once."""
    names = np.asarray(exposure_class)
    if names.dtype.kind in "iu":
        codes = names.astype(np.int64)
        known = (codes >= 0) & (codes < len(IrbClass))
    else:
        names = names.astype(np.str_)
        codes = np.select([names == kind.value for kind in IrbClass], list(range(len(IrbClass))), -1)
        known = codes >= 0
    if not known.all():
        raise InvalidInput(
            f"{names[~known].flat[0]!s} has no risk-weight function; known: {', '.join(IrbClass)}", argument="exposure_class"
        )
    return codes
