"""The truth of a simulated bureau: its hazard, frailty and losses. Models are judged by it; no delivery carries it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from crfs.sources.providers.bureau.population import CARD, CREDIT_LINE, INSTALMENT, MORTGAGE, SECTORS, Obligors
from crfs.sources.providers.bureau.spec import WARM_UP_MONTHS, BureauSpec
from crfs.sources.providers.bureau.streams import Flags, Floats, Ints, Purpose, generator

FRAILTY_PERSISTENCE = 0.92
FRAILTY_SD = 0.10
SECTOR_FRAILTY_SD = 0.06
STRESS_PERSISTENCE = 0.985
"""Month-to-month autocorrelation of an obligor's own stress (standard normal in the long run): a half-life of almost four years."""

MISS_BASE, ROLL_30, ROLL_60 = -5.12, -2.0, -0.6
"""Logits of the monthly chances, where both indices are 0: to fall 30 days behind, from 30 to 60, from 60 to 90."""
ROLL_OWN = 0.50
"""How much of the obligor's own index moves the chances to fall further."""
MISS_CYCLE, ROLL_CYCLE = 0.15, 1.0
"""How much of the common index moves the chance to miss a payment, and the chances to fall further."""
RETAIL_LABOUR, RETAIL_CREDIT = 0.09, 0.24
"""Effect of a point of unemployment, and of a unit of credit strain, on the common index of a retail obligor."""
CORPORATE_LABOUR, CORPORATE_CREDIT = 0.045, 0.276
"""The same of a corporate one."""
WEAK_HIT_HARDER = 0.8
"""How much more of the economy reaches an obligor whose own index is higher by one (within -0.7 and 2 in all)."""
LATE_AGAIN = 0.25
"""Effect on the own index of each month of the last twelve that ended 30 days or more behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Tables that no model sees.

    ``obligor_month``: the hazard's logit (``own`` and ``common`` part), its parts that nobody observes, the monthly chances to fall
    behind (``p_miss``) and to roll from 30 to 60 and from 60 to 90 days, and ``pd_12m_spot``: the chance to default within twelve
    months if obligor and economy stayed as they are. ``facility_loss``: the loss given default drawn at default (``lgd``, decimal of ``ead``, before costs),
    and whether the obligor was to cure.
    """

    obligor_month: pl.DataFrame
    facility_loss: pl.DataFrame

    def write(self, folder: Path) -> list[Path]:
        """Write the tables as Parquet files into a folder that the caller names; nothing else in crfs keeps them."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, table in (("obligor_month", self.obligor_month), ("facility_loss", self.facility_loss)):
            paths.append(folder / f"{name}.parquet")
            table.write_parquet(paths[-1])
        return paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Frailty:
    """Common shocks that no data shows (logit; a value a month simulated, the sectors' a column a sector)."""

    common: Floats
    sector: Floats

    @classmethod
    def of(cls, spec: BureauSpec) -> Frailty:
        """Stationary first-order autoregressions; month ``t`` does not depend on how many months follow."""
        count = WARM_UP_MONTHS + spec.months
        innovation = np.sqrt(1 - FRAILTY_PERSISTENCE**2)
        paths = np.empty((count, 1 + len(SECTORS)))
        level = np.zeros(1 + len(SECTORS))
        for step in range(count):
            draw = generator(spec.seed, Purpose.FRAILTY, month=spec.calendar_month - WARM_UP_MONTHS + step).standard_normal(
                1 + len(SECTORS)
            )
            level = draw if step == 0 else FRAILTY_PERSISTENCE * level + innovation * draw
            paths[step] = level
        return cls(common=FRAILTY_SD * paths[:, 0], sector=SECTOR_FRAILTY_SD * paths[:, 1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the hazard reads of last month's conduct: ``usage`` of revolving limits (0 without one), ``leverage`` (see ``debt_to_income``
    of the delivered table), ``delinquencies`` of the last twelve months (months 30 days or more behind), own ``stress``."""

    usage: Floats
    leverage: Floats
    delinquencies: Floats
    stress: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardIndex:
    """The hazard's logit less its base, in two parts: the obligor's ``own`` and what the ``common`` economy and frailty add."""

    own: Floats
    common: Floats


def hazard_index(
    obligors: Obligors, behaviour: Behaviour, *, unemployment_change: float, spread: float, common_frailty: float, sector_frailty: Floats
) -> HazardIndex:
    """The index of every obligor in one month.

    Non-linear in usage (square), leverage (saturating) and spread (logarithm); lagged in unemployment, spread and delinquencies; the economy meets
    sector and region (``cycle``), usage and the obligor's own risk: the weak are hit harder; common, sector and own frailty are unobserved.
    """
    strain = np.log1p(3 * max(spread, 0.0))  # the first half point of spread matters more than the next
    economy = np.where(
        obligors.corporate,
        CORPORATE_LABOUR * unemployment_change + CORPORATE_CREDIT * strain,
        RETAIL_LABOUR * unemployment_change + RETAIL_CREDIT * strain,
    )
    leverage = np.where(obligors.corporate, np.tanh((behaviour.leverage - 0.25) / 0.20), np.tanh((behaviour.leverage - 0.20) / 0.15))
    own: Floats = (
        obligors.base_risk
        - 0.10 * obligors.corporate
        + 0.50 * obligors.quality
        + 0.22 * obligors.unseen
        + 0.72 * behaviour.stress
        + 1.10 * behaviour.usage**2
        + 0.30 * leverage
        + LATE_AGAIN * np.minimum(behaviour.delinquencies, 4)
    )
    common: Floats = (
        (obligors.cycle + 0.15 * (behaviour.usage - 0.3) + np.clip(WEAK_HIT_HARDER * own, -0.7, 2.0)) * economy
        + common_frailty
        + sector_frailty[obligors.sector]
    )
    return HazardIndex(own=own, common=common)


def transitions(index: HazardIndex) -> tuple[Floats, Floats, Floats]:
    """Monthly chances: current → 30 days behind, 30 → 60, 60 → 90 (default).

    Hard times make few more people miss a payment and many more of those who did fall further.
    """
    roll = ROLL_OWN * index.own + ROLL_CYCLE * index.common
    return logistic(MISS_BASE + index.own + MISS_CYCLE * index.common), logistic(ROLL_30 + roll), logistic(ROLL_60 + roll)


STAY_30 = 0.22
"""Chance to stay 30 days behind, of those who do not roll on; the others catch up."""
STAY_60 = 0.25
"""Chance to stay 60 days behind, of those who do not roll on; half of the others go back to 30, half catch up."""


def spot_pd_12m(index: HazardIndex, bucket: Ints) -> Floats:
    """Twelve months of the delinquency chain at today's chances: probability to have reached 90 days, from bucket 0, 1 or 2."""
    p_miss, p_30, p_60 = transitions(index)
    current, thirty, sixty = ((bucket == state).astype(np.float64) for state in range(3))
    defaulted = np.zeros_like(p_miss)
    for _ in range(12):
        defaulted = defaulted + sixty * p_60
        back = (1 - p_60) * sixty * (1 - STAY_60) / 2
        current, thirty, sixty = (
            current * (1 - p_miss) + thirty * (1 - p_30) * (1 - STAY_30) + back,
            current * p_miss + thirty * (1 - p_30) * STAY_30 + back,
            thirty * p_30 + sixty * (1 - p_60) * STAY_60,
        )
    return np.where(bucket > 2, 1.0, defaulted)


def loss_given_default(
    kind: Ints, *, seasoning_months: Ints, loan_to_value: Floats, usage: Floats, unemployment_change: float, cycle: Floats, noise: Floats
) -> Floats:
    """Loss as a decimal of the exposure at default, before costs, had the obligor not cured: logistic in type, age, collateral, economy."""
    base = np.asarray([1.15, -1.55, 0.25, 0.30, -0.35])[kind]
    secured = np.where(kind == MORTGAGE, 3.2 * (loan_to_value - 0.75), 0.0)
    drawn = np.where((kind == CARD) | (kind == CREDIT_LINE), 0.35 * (usage - 0.7), 0.0)
    aged = -0.20 * np.log1p(np.maximum(seasoning_months, 0) / 12) * np.where(kind == INSTALMENT, 1.3, 1.0)
    return logistic(base + secured + drawn + aged + 0.16 * cycle * unemployment_change + 0.75 * noise)


def cure_probability(stress: Floats, *, unemployment_change: float, mortgage: Flags) -> Floats:
    """Chance that a defaulted obligor pays up and returns."""
    return logistic(-0.75 - 0.35 * stress - 0.16 * unemployment_change + 0.30 * mortgage)


def logistic(x: Floats) -> Floats:
    """1 / (1 + e^-x)."""
    result: Floats = 1 / (1 + np.exp(-x))
    return result
