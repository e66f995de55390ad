"""The truth of a simulated bureau: its hazard, frailty and losses. Models are judged by it; no delivery carries it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from crfs.sources.bureau.population import CARD, CREDIT_LINE, INSTALMENT, MORTGAGE, SECTORS, Obligors
from crfs.sources.bureau.spec import WARM_UP_MONTHS, BureauSpec
from crfs.sources.bureau.streams import Flags, Floats, Ints, Purpose, generator

FRAILTY_PERSISTENCE = 0.92
FRAILTY_SD = 0.10
SECTOR_FRAILTY_SD = 0.06
STRESS_PERSISTENCE = 0.97
"""Month-to-month autocorrelation of an obligor's own stress (standard normal in the long run): a half-life of two years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Tables that no model sees.

    ``obligor_month``: the hazard's logit ``index``, its parts that nobody observes, the monthly chances to fall behind (``p_miss``) and
    to roll from 30 to 60 and from 60 to 90 days, and ``pd_12m_spot``: the chance to default within twelve months if obligor and
    economy stayed as they are. ``facility_loss``: the loss given default drawn at default (``lgd``, decimal of ``ead``, before costs),
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


def hazard_index(
    obligors: Obligors, behaviour: Behaviour, *, unemployment_change: float, spread: float, common_frailty: float, sector_frailty: Floats
) -> Floats:
    """The hazard's logit less its base: obligor, economy (lagged), interactions, frailty.

    Non-linear in usage (square) and leverage (saturating); lagged in unemployment, spread and delinquencies; the economy meets
    sector and region (``cycle``) and usage; common, sector and own frailty are unobserved.
    """
    economy = np.where(
        obligors.corporate,
        0.12 * unemployment_change + 0.36 * spread,
        0.25 * unemployment_change + 0.08 * spread,
    )
    leverage = np.where(obligors.corporate, np.tanh((behaviour.leverage - 0.25) / 0.20), np.tanh((behaviour.leverage - 0.20) / 0.15))
    index: Floats = (
        obligors.base_risk
        - 0.10 * obligors.corporate
        + 0.45 * obligors.quality
        + 0.25 * obligors.unseen
        + 0.62 * behaviour.stress
        + 0.95 * behaviour.usage**2
        + 0.28 * leverage
        + 0.16 * np.minimum(behaviour.delinquencies, 4)
        + obligors.cycle * economy
        + 0.10 * economy * behaviour.usage
        + common_frailty
        + sector_frailty[obligors.sector]
    )
    return index


def transitions(index: Floats) -> tuple[Floats, Floats, Floats]:
    """Monthly chances: current → 30 days behind, 30 → 60, 60 → 90 (default)."""
    return _logistic(-5.62 + index), _logistic(-0.95 + 0.55 * index), _logistic(-0.25 + 0.55 * index)


STAY_30 = 0.22
"""Chance to stay 30 days behind, of those who do not roll on; the others catch up."""
STAY_60 = 0.25
"""Chance to stay 60 days behind, of those who do not roll on; half of the others go back to 30, half catch up."""


def spot_pd_12m(index: Floats, bucket: Ints) -> Floats:
    """Twelve months of the delinquency chain at today's chances: probability to have reached 90 days, from bucket 0, 1 or 2."""
    p_miss, p_30, p_60 = transitions(index)
    current, thirty, sixty = ((bucket == state).astype(np.float64) for state in range(3))
    defaulted = np.zeros_like(index)
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
    return _logistic(base + secured + drawn + aged + 0.16 * cycle * unemployment_change + 0.75 * noise)


def cure_probability(stress: Floats, *, unemployment_change: float, mortgage: Flags) -> Floats:
    """Chance that a defaulted obligor pays up and returns."""
    return _logistic(-0.75 - 0.35 * stress - 0.16 * unemployment_change + 0.30 * mortgage)


def _logistic(x: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-x))
    return result
