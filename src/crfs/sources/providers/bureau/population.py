"""Who owes, and under which contracts: the obligors and facilities of a bureau as each of them enters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crfs.sources.providers.bureau.spec import ENTRY_MONTHS, WARM_UP_MONTHS, BureauSpec
from crfs.sources.providers.bureau.streams import Flags, Floats, Ints, Purpose, uniforms

SECTORS = ("construction", "energy", "manufacturing", "public", "retail_trade", "services", "technology", "transport")
"""The obligor's business, or that of the employer."""
SECTOR_SHARES = (0.09, 0.05, 0.16, 0.14, 0.16, 0.24, 0.08, 0.08)
SECTOR_RISK = (0.20, -0.05, 0.05, -0.25, 0.12, 0.0, -0.10, 0.05)
"""Effect on the hazard's logit in calm times."""
SECTOR_CYCLE = (1.35, 0.9, 1.15, 0.75, 1.1, 0.95, 0.95, 1.05)
"""How much of the economy's effect reaches the sector: 1 = all of it."""

REGIONS = (
    "east_north_central", "east_south_central", "middle_atlantic", "mountain", "new_england",
    "pacific", "south_atlantic", "west_north_central", "west_south_central",
)  # fmt: skip
"""The census divisions of the United States."""
REGION_SHARES = (0.15, 0.06, 0.13, 0.07, 0.05, 0.16, 0.19, 0.07, 0.12)
REGION_CYCLE = (1.05, 1.0, 0.9, 1.15, 0.9, 1.25, 1.15, 0.85, 0.85)
"""As SECTOR_CYCLE: where house prices fell most, the crisis reached furthest."""

FACILITY_TYPES = ("card", "mortgage", "instalment", "credit_line", "corporate_loan")
CARD, MORTGAGE, INSTALMENT, CREDIT_LINE, CORPORATE_LOAN = range(5)
REVOLVING_PLACE, SECURED_PLACE, TERM_PLACE = range(3)
PLACES = 3
"""An obligor has up to three facilities at a time: a revolving one, a mortgage (retail), a term loan."""


@dataclass(slots=True, kw_only=True)
class Obligors:
    """What does not change of an obligor; arrays over slots.

    ``quality`` (standard normal, high = risky) shows in income, debts and score; ``unseen`` (standard deviation 1) in nothing but
    defaults: the obligor's own frailty. ``entry`` is the month index from which the obligor is in the bureau.
    """

    corporate: Flags
    sector: Ints
    region: Ints
    income: Floats
    quality: Floats
    unseen: Floats
    score_error: Floats
    thrift: Floats
    due_day: Ints
    entry: Ints
    cycle: Floats
    base_risk: Floats


@dataclass(slots=True, kw_only=True)
class Facilities:
    """The contracts; arrays of places × slots. Money in USD, ``rate`` a decimal a year, ``generation`` counts renewals of a place."""

    kind: Ints
    active: Flags
    credit_limit: Floats
    balance: Floats
    rate: Floats
    term: Ints
    opened: Ints
    generation: Ints
    annuity: Floats
    arrears: Floats
    late: Flags
    collateral: Floats


def enter_obligors(spec: BureauSpec, slots: range) -> Obligors:
    """The obligors of these slots."""
    u = uniforms(spec.seed, Purpose.OBLIGOR, 12, slots)
    places = np.arange(slots.start, slots.stop)
    corporate = u[0] < spec.corporate_share
    sector = _pick(u[1], SECTOR_SHARES)
    region = _pick(u[2], REGION_SHARES)
    quality, unseen = _normal(u[3]), _normal(u[4])
    noise = _normal(u[5])
    income = np.where(corporate, np.exp(14.6 - 0.30 * quality + 1.05 * noise), np.exp(10.72 - 0.20 * quality + 0.50 * noise))
    starts = places % 3 != 2
    entry = np.where(starts, -WARM_UP_MONTHS, (u[6] * ENTRY_MONTHS).astype(np.int64) + 1)
    cycle = 0.5 * np.asarray(SECTOR_CYCLE)[sector] + 0.5 * np.asarray(REGION_CYCLE)[region]
    return Obligors(
        corporate=corporate,
        sector=sector,
        region=region,
        income=np.asarray(np.round(income, -2), dtype=np.float64),
        quality=quality,
        unseen=unseen,
        score_error=_normal(u[7]),
        thrift=_normal(u[8]),
        due_day=(u[9] * 27).astype(np.int64) + 2,
        entry=entry,
        cycle=cycle,
        base_risk=np.asarray(SECTOR_RISK)[sector],
    )


def enter_facilities(spec: BureauSpec, slots: range, obligors: Obligors) -> Facilities:
    """The facilities with which these obligors enter: older ones for the book at the start, new ones for those who come later."""
    n = len(slots)
    u = uniforms(spec.seed, Purpose.FACILITY, 21, slots).reshape(PLACES, 7, n)
    corporate, income, quality = obligors.corporate, obligors.income, obligors.quality
    has = np.stack(
        [
            u[REVOLVING_PLACE, 0] < np.where(corporate, 0.55, 0.70),
            ~corporate & (u[SECURED_PLACE, 0] < 0.26 + 0.06 * np.tanh(-quality)),
            u[TERM_PLACE, 0] < np.where(corporate, 0.70, 0.34),
        ]
    )
    has[TERM_PLACE] |= ~has.any(axis=0)
    kind = np.empty((PLACES, n), dtype=np.int64)
    kind[REVOLVING_PLACE] = np.where(corporate, CREDIT_LINE, CARD)
    kind[SECURED_PLACE] = MORTGAGE
    kind[TERM_PLACE] = np.where(corporate, CORPORATE_LOAN, INSTALMENT)
    spread = _normal(u[:, 1])
    share = np.stack(
        [
            np.where(corporate, 0.10, 0.20) * np.exp(0.45 * spread[0] - 0.10 * quality),
            2.1 * np.exp(0.30 * spread[1]),
            np.where(corporate, 0.28, 0.26) * np.exp(0.45 * spread[2] + 0.12 * quality),
        ]
    )
    limit = np.maximum(np.round(share * income, -2), 500.0)
    margin = np.asarray([0.14, 0.058, 0.085, 0.062, 0.066])[kind]
    rate = np.round(np.clip(margin * np.exp(0.12 * _normal(u[:, 2]) + 0.08 * quality), 0.03, 0.36), 4)
    term = np.stack(
        [
            np.full(n, 0),
            np.where(u[SECURED_PLACE, 3] < 0.75, 360, 180),
            np.where(corporate, 36 + 12 * (u[TERM_PLACE, 3] * 5).astype(np.int64), 24 + 12 * (u[TERM_PLACE, 3] * 4).astype(np.int64)),
        ]
    )
    age = np.floor(np.where(term > 0, np.minimum(0.85 * term, 120), 180) * u[:, 4]).astype(np.int64)
    age = np.where(obligors.entry >= 0, 0, age)
    annuity = annuities(limit, rate, term)
    grown = (1 + rate / 12) ** age
    left = np.where(term > 0, limit * grown - annuity * (grown - 1) / (rate / 12), 0.0)
    usage = np.clip(_logistic(-1.1 + 0.55 * quality - 0.6 * obligors.thrift) + 0.1 * _normal(u[REVOLVING_PLACE, 5]), 0, 1)
    left[REVOLVING_PLACE] = usage * limit[REVOLVING_PLACE]
    collateral = np.zeros((PLACES, n))
    collateral[SECURED_PLACE] = np.round(limit[SECURED_PLACE] / np.clip(0.62 + 0.30 * u[SECURED_PLACE, 6] + 0.05 * quality, 0.4, 1.05), -2)
    return Facilities(
        kind=kind,
        active=has,
        credit_limit=limit,
        balance=np.round(np.clip(left, 0, limit), 2),
        rate=rate,
        term=term,
        opened=obligors.entry - age,
        generation=np.zeros((PLACES, n), dtype=np.int64),
        annuity=annuity,
        arrears=np.zeros((PLACES, n)),
        late=np.zeros((PLACES, n), dtype=np.bool_),
        collateral=collateral,
    )


def annuities(amount: Floats, rate: Floats, term: Ints) -> Floats:
    """The level monthly payment that repays ``amount`` over ``term`` months at ``rate`` a year; 0 where there is no term."""
    monthly = rate / 12
    months = np.maximum(term, 1)
    payment = amount * monthly / (1 - (1 + monthly) ** -months.astype(np.float64))
    return np.where(term > 0, np.round(payment, 2), 0.0)


def _pick(u: Floats, shares: tuple[float, ...]) -> Ints:
    edges = np.cumsum(shares) / np.sum(shares)
    return np.minimum(np.searchsorted(edges, u, side="right"), len(shares) - 1)


def _normal(u: Floats) -> Floats:
    from scipy.special import ndtri

    result: Floats = ndtri(np.clip(u, 1e-12, 1 - 1e-12))
    return result


def _logistic(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))
