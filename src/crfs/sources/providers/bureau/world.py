"""The simulated credit bureau itself: obligors borrow, pay, fall behind, default, cure or are worked out, month by month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.sources.providers.bureau.population import (
    FACILITY_TYPES,
    MORTGAGE,
    PLACES,
    REGIONS,
    REVOLVING_PLACE,
    SECTORS,
    SECURED_PLACE,
    TERM_PLACE,
    Facilities,
    Obligors,
    annuities,
    enter_facilities,
    enter_obligors,
)
from crfs.sources.providers.bureau.spec import WARM_UP_MONTHS, BureauSpec, Economy
from crfs.sources.providers.bureau.streams import Flags, Floats, Ints, Purpose, normals, uniforms
from crfs.sources.providers.bureau.tables import (
    DEFAULT_SCHEMA,
    FACILITY_SCHEMA,
    NO_DEFAULTS,
    NO_LOSSES,
    NO_RECOVERIES,
    OBLIGOR_SCHEMA,
    RECOVERY_SCHEMA,
    constant,
    dates,
    days_since_1970,
    facility_ids,
    named,
    nullable,
    obligor_ids,
)
from crfs.sources.providers.bureau.truth import (
    STAY_30,
    STAY_60,
    STRESS_PERSISTENCE,
    Behaviour,
    Frailty,
    HazardIndex,
    Truth,
    cure_probability,
    hazard_index,
    logistic,
    loss_given_default,
    spot_pd_12m,
    transitions,
)

DEFAULTED = 3
"""Delinquency bucket of an obligor in default: 90 days or more. Buckets 0, 1 and 2 are under 30, 30 to 59 and 60 to 89 days."""
PROBATION_MONTHS = 3
LEAST_OWED = 25.0
"""Nobody falls behind on less (USD)."""
EXIT_RATE = 0.0045
YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What is true at the end of one month, before anybody delivers it; ``slot`` in each table is the obligor's place."""

    index: int
    first_day: date
    obligor: pl.DataFrame
    facility: pl.DataFrame
    default: pl.DataFrame
    recovery: pl.DataFrame
    truth: Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A whole simulated bureau: all months in one table each, without delays or errors, and the truth."""

    spec: BureauSpec
    obligor: pl.DataFrame
    facility: pl.DataFrame
    default: pl.DataFrame
    recovery: pl.DataFrame
    truth: Truth


def simulate(spec: BureauSpec, macro: pl.DataFrame, *, slots: range | None = None) -> World:
    """Simulate a bureau in an economy (a table of ``MACRO_COLUMNS``); ``slots`` asks for some obligors only, unchanged by the others.

    Holds every month in memory: for large bureaus take :func:`simulate_months`.
    """
    months = list(simulate_months(spec, macro, slots=slots))
    return World(
        spec=spec,
        obligor=pl.concat(month.obligor for month in months),
        facility=pl.concat(month.facility for month in months),
        default=pl.concat(month.default for month in months),
        recovery=pl.concat(month.recovery for month in months),
        truth=Truth(
            obligor_month=pl.concat(month.truth.obligor_month for month in months),
            facility_loss=pl.concat(month.truth.facility_loss for month in months),
        ),
    )


def simulate_months(spec: BureauSpec, macro: pl.DataFrame, *, slots: range | None = None) -> Iterator[Month]:
    """As :func:`simulate`, a month at a time: memory does not grow with the months."""
    economy = Economy.of(spec, macro)
    state = _State.enter(spec, slots if slots is not None else range(spec.slots))
    frailty = Frailty.of(spec)
    for step in range(WARM_UP_MONTHS + spec.months):
        month = state.advance(step, economy, frailty)
        if month is not None:
            yield month


@dataclass(slots=True, kw_only=True)
class _Workout:
    """Facilities in default: what is still to be recovered, when it ends; arrays of places × slots, dates as month indices."""

    open: Flags
    ead: Floats
    left: Floats
    ends: Ints
    default_day: Ints  # days since 1970
    default_month: Ints
    limit: Floats
    drawn_before: Floats
    limit_before: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hazard:
    """Of one month: the hazard's index, who owes enough to fall behind (places × slots), and the probabilities of falling further."""

    index: HazardIndex
    owing: Flags
    p_miss: Floats
    p_30: Floats
    p_60: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moves:
    """Of one month: the buckets after it, and who has cured, misses a first payment, and defaults; ``owing`` as of the hazard."""

    after: Ints
    cured: Flags
    falling: Flags
    defaulting: Flags
    owing: Flags


@dataclass(slots=True, kw_only=True)
class _State:
    """Everything that changes from month to month; arrays over slots, or places × slots."""

    spec: BureauSpec
    slots: range
    obligors: Obligors
    facilities: Facilities
    present: Flags
    gone: Flags
    bucket: Ints
    stress: Floats
    usage: Floats
    leverage: Floats
    probation: Ints
    cures_at: Ints
    score_noise: Floats
    pay_ratio: Floats
    worst: Ints  # rings of the last twelve months × slots: worst days past due, enquiries, total balance; then per place
    enquiries: Ints
    totals: Floats
    drawn: Floats
    limits: Floats
    since_late: Ints
    workout: _Workout

    @classmethod
    def enter(cls, spec: BureauSpec, slots: range) -> _State:
        n = len(slots)
        obligors = enter_obligors(spec, slots)
        facilities = enter_facilities(spec, slots, obligors)
        start = normals(spec.seed, Purpose.STRESS, 2, slots)
        wide = (PLACES, n)
        return cls(
            spec=spec,
            slots=slots,
            obligors=obligors,
            facilities=facilities,
            present=np.zeros(n, dtype=np.bool_),
            gone=np.zeros(n, dtype=np.bool_),
            bucket=np.zeros(n, dtype=np.int64),
            stress=start[0],
            usage=np.zeros(n),
            leverage=np.zeros(n),
            probation=np.zeros(n, dtype=np.int64),
            cures_at=np.full(n, -10_000, dtype=np.int64),
            score_noise=start[1],
            pay_ratio=np.ones(n),
            worst=np.zeros((YEAR, n), dtype=np.int64),
            enquiries=np.zeros((YEAR, n), dtype=np.int64),
            totals=np.full((YEAR, n), np.nan),
            drawn=np.full((YEAR, *wide), np.nan),
            limits=np.full((YEAR, *wide), np.nan),
            since_late=np.full(n, 999, dtype=np.int64),
            workout=_Workout(
                open=np.zeros(wide, dtype=np.bool_),
                ead=np.zeros(wide),
                left=np.zeros(wide),
                ends=np.zeros(wide, dtype=np.int64),
                default_day=np.zeros(wide, dtype=np.int64),
                default_month=np.zeros(wide, dtype=np.int64),
                limit=np.zeros(wide),
                drawn_before=np.full(wide, np.nan),
                limit_before=np.full(wide, np.nan),
            ),
        )

    def advance(self, step: int, economy: Economy, frailty: Frailty) -> Month | None:
        """Live through one month; the record of it if it is one that the bureau reports."""
        spec, facilities = self.spec, self.facilities
        t = step - WARM_UP_MONTHS
        calendar = spec.calendar_month + t
        u_pay = uniforms(spec.seed, Purpose.PAYMENT, 9, self.slots, month=calendar)
        z = normals(spec.seed, Purpose.BEHAVIOUR, 6, self.slots, month=calendar)
        du = float(economy.unemployment_change[step])
        days_in_month = (spec.month(t + 1) - spec.month(t)).days

        arriving = self._arrive(t)
        active = facilities.active & self.present
        self._measure(active, only=arriving | (step == 0))
        # The hazard comes of last month's conduct and of older news of the economy.
        self.stress = STRESS_PERSISTENCE * self.stress + np.sqrt(1 - STRESS_PERSISTENCE**2) * z[0]
        lates = (self.worst >= 30).sum(axis=0).astype(np.float64)
        hazard = self._hazard(step, economy, frailty, lates, active)
        moves = self._move(t, hazard, u_pay[0], arriving)
        late, days = self._fall_behind(t, moves, active, u_pay, days_in_month)

        payment, due = self._pay(active, late, days, z, u_pay)
        default_rows, loss_rows = self._default(t, moves.defaulting, active, du, days_in_month)
        recovery_rows, closed_rows = self._work_out(t, moves.cured)
        if len(default_rows) or len(closed_rows):
            default_rows = pl.concat([default_rows, closed_rows])

        total_before = self.totals[(step - 6) % YEAR].copy()
        self._remember(step, active, days, payment, due, enquiries=self._enquiries(u_pay[6], du))
        self._measure(active, only=self.present)
        score = self._score(lates, z[3])
        month = None
        if t >= 0:
            month = Month(
                index=t,
                first_day=spec.month(t),
                obligor=self._obligor_table(t, self.present, active, score, step=step, total_before=total_before, due=due),
                facility=self._facility_table(t, active, payment, due, days),
                default=default_rows,
                recovery=recovery_rows,
                truth=Truth(
                    obligor_month=self._truth(t, hazard, moves.after, common_frailty=float(frailty.common[step])),
                    facility_loss=loss_rows,
                ),
            )
        self._leave_or_renew(t, self.present, active, u_pay, z)
        return month

    def _arrive(self, t: int) -> Flags:
        """Let in whose month it is; who they are. Nobody is in default when the reports begin: every default of a report has its whole path."""
        arriving: Flags = self.obligors.entry == t
        if t == 0:
            self.gone |= self.bucket == DEFAULTED
            self.workout.open[:] = False
        self.present = (self.present | arriving) & ~self.gone
        return arriving

    def _hazard(self, step: int, economy: Economy, frailty: Frailty, lates: Floats, active: Flags) -> _Hazard:
        """How likely everybody is to fall a bucket further behind this month; who owes too little cannot."""
        index = hazard_index(
            self.obligors,
            Behaviour(usage=self.usage, leverage=self.leverage, delinquencies=lates, stress=self.stress),
            unemployment_change=float(economy.unemployment_change[step]),
            spread=float(economy.spread[step]),
            common_frailty=float(frailty.common[step]),
            sector_frailty=frailty.sector[step],
        )
        p_miss, p_30, p_60 = transitions(index)
        owing = active & (self.facilities.balance >= LEAST_OWED)
        return _Hazard(index=index, owing=owing, p_miss=np.where(owing.any(axis=0), p_miss, 0.0), p_30=p_30, p_60=p_60)

    def _move(self, t: int, hazard: _Hazard, u: Floats, arriving: Flags) -> _Moves:
        """Move everybody to the bucket of this month: further behind, the same, back, or cured."""
        here, before = self.present, self.bucket
        p_30, p_60 = hazard.p_30, hazard.p_60
        after = np.select(
            [before == 0, before == 1, before == 2],
            [
                (u < hazard.p_miss).astype(np.int64),
                np.where(u < p_30, 2, np.where(u < p_30 + (1 - p_30) * STAY_30, 1, 0)),
                np.where(
                    u < p_60, 3, np.where(u < p_60 + (1 - p_60) * STAY_60, 2, np.where(u < p_60 + (1 - p_60) * (1 + STAY_60) / 2, 1, 0))
                ),
            ],
            before,
        )
        cured = here & (before == DEFAULTED) & (self.cures_at == t)
        after[cured] = 0
        after[~here | arriving] = 0
        self.bucket = after
        self.probation = np.where(cured, PROBATION_MONTHS, np.maximum(self.probation - 1, 0))
        self.stress = np.where(cured, self.stress + 0.4, self.stress)
        return _Moves(
            after=after,
            cured=cured,
            falling=(before == 0) & (after == 1),
            defaulting=here & (before < DEFAULTED) & (after == DEFAULTED),
            owing=hazard.owing,
        )

    def _fall_behind(self, t: int, moves: _Moves, active: Flags, u_pay: Floats, days_in_month: int) -> tuple[Flags, Ints]:
        """Which contracts are behind and for how many days: some when the first payment is missed, all of them in default."""
        obligors, facilities, workout, after = self.obligors, self.facilities, self.workout, moves.after
        in_default = self.present & (after == DEFAULTED)
        chosen = moves.owing & (u_pay[1:4] < np.asarray([[0.80], [0.45], [0.70]]))
        none = moves.falling & ~chosen.any(axis=0)
        first = np.argmax(moves.owing, axis=0)
        chosen[first[none], np.flatnonzero(none)] = True
        late = np.where(moves.falling, chosen, facilities.late) & (after > 0) & active
        late[:, in_default] = active[:, in_default]
        facilities.late = late

        slip = (after == 0) & (u_pay[4] < logistic(-4.1 + 0.75 * self.stress + 0.35 * obligors.quality))
        over = np.minimum(days_in_month - obligors.due_day, 29)
        in_month = np.where(in_default, 90 + over, 30 * after + over)
        days = np.where(late, np.where(after > 0, in_month, 0), 0)
        minor = slip & self.present & ~moves.cured & moves.owing.any(axis=0)
        days[first[minor], np.flatnonzero(minor)] = 1 + (u_pay[5][minor] * 28).astype(np.int64)
        # In default the count goes on from the default day.
        last_day = days_since_1970(self.spec.month(t + 1)) - 1
        return late, np.where(workout.open & active & ~moves.cured, 90 + last_day - workout.default_day, days)

    def _enquiries(self, u: Floats, unemployment_change: float) -> Ints:
        return _poisson(u, np.exp(-2.1 + 0.50 * self.stress + 0.15 * self.obligors.quality + 0.12 * unemployment_change))

    def _remember(self, step: int, active: Flags, days: Ints, payment: Floats, due: Floats, *, enquiries: Ints) -> None:
        """Keep what the next twelve months' records and hazards look back on."""
        here, facilities, place = self.present, self.facilities, step % YEAR
        worst = days.max(axis=0)
        self.worst[place] = np.where(here, worst, 0)
        self.enquiries[place] = np.where(here, enquiries, 0)
        self.totals[place] = np.where(here, np.where(active, facilities.balance, 0.0).sum(axis=0), np.nan)
        self.drawn[place] = np.where(active, facilities.balance, np.nan)
        self.limits[place] = np.where(active, facilities.credit_limit, np.nan)
        self.since_late = np.where(worst >= 30, 0, np.minimum(self.since_late + 1, 999))
        paid_share = np.where(due.sum(axis=0) > 0, payment.sum(axis=0) / np.maximum(due.sum(axis=0), 0.01), 1.0)
        self.pay_ratio = 0.6 * self.pay_ratio + 0.4 * np.minimum(paid_share, 10.0)

    def _truth(self, t: int, hazard: _Hazard, after: Ints, *, common_frailty: float) -> pl.DataFrame:
        """What nobody sees: the hazards of this month, and what they are made of."""
        here = np.flatnonzero(self.present)
        index = HazardIndex(own=hazard.index.own[here], common=hazard.index.common[here])
        return pl.DataFrame(
            {
                "obligor_id": obligor_ids(self.spec.seed, self.slots.start + here),
                "month": constant(self.spec.month(t), len(here)),
                "own": index.own,
                "common": index.common,
                "stress": self.stress[here],
                "own_frailty": self.obligors.unseen[here],
                "common_frailty": np.full(len(here), common_frailty),
                "p_miss": hazard.p_miss[here],
                "p_30_to_60": hazard.p_30[here],
                "p_60_to_90": hazard.p_60[here],
                "pd_12m_spot": spot_pd_12m(index, after[here]),
            }
        )

    def _measure(self, active: Flags, *, only: Flags | np.bool_) -> None:
        """Usage of revolving limits and leverage, as the hazard reads them next month."""
        facilities, obligors = self.facilities, self.obligors
        revolving = active[REVOLVING_PLACE]
        usage = np.where(revolving, facilities.balance[REVOLVING_PLACE] / facilities.credit_limit[REVOLVING_PLACE], 0.0)
        service = np.where(active, np.maximum(facilities.annuity, 0.03 * np.where(facilities.term > 0, 0.0, facilities.balance)), 0.0).sum(
            axis=0
        )
        debt = np.where(active, facilities.balance, 0.0).sum(axis=0)
        leverage = np.where(obligors.corporate, debt, 12 * service) / obligors.income
        self.usage = np.where(only, usage, self.usage)
        self.leverage = np.where(only, leverage, self.leverage)

    def _pay(self, active: Flags, late: Flags, days: Ints, z: Floats, u_pay: Floats) -> tuple[Floats, Floats]:
        """Payments due and made this month, and the balances after them."""
        facilities, obligors, workout = self.facilities, self.obligors, self.workout
        performing = active & ~workout.open
        revolving = facilities.term == 0
        due = np.where(revolving, np.maximum(0.03 * facilities.balance, np.minimum(25.0, facilities.balance)), facilities.annuity)
        due = np.round(np.where(performing, np.minimum(due, facilities.balance * (1 + facilities.rate / 12)), 0.0), 2)
        full = np.exp(-0.4 - 0.55 * self.stress - 0.5 * self.usage + 0.5 * obligors.thrift + 0.6 * z[1])
        made = np.where(revolving, np.minimum(due * (1 + full), np.maximum(facilities.balance, due)), due)
        made = np.round(np.where(late, 0.0, made), 2)
        # revolving: usage moves to where thrift and stress pull it, up when behind
        goal = logistic(-1.05 + 0.55 * obligors.quality - 0.6 * obligors.thrift + 0.70 * self.stress)
        r = REVOLVING_PLACE
        usage = np.where(facilities.credit_limit[r] > 0, facilities.balance[r] / facilities.credit_limit[r], 0.0)
        pull = np.where(self.bucket > 0, (0.25 + 0.35 * u_pay[7]) * (1 - usage), 0.12 * (goal - usage) + 0.045 * z[2])
        drawn = np.clip(usage + pull, 0, 1) * facilities.credit_limit[r]
        amortised = facilities.balance * (1 + facilities.rate / 12) - due
        balance = np.where(late, facilities.balance, np.where(amortised < 1.0, 0.0, amortised))
        balance[r] = drawn
        facilities.balance = np.where(performing, np.round(np.clip(balance, 0, facilities.credit_limit), 2), facilities.balance)
        facilities.arrears = np.where(performing, np.round(np.where(late, facilities.arrears + due, 0.0), 2), facilities.arrears)
        return np.asarray(made, dtype=np.float64), np.asarray(due, dtype=np.float64)

    def _default(self, t: int, defaulting: Flags, active: Flags, du: float, days_in_month: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Open the workout of every facility of the obligors that reach 90 days this month."""
        spec, facilities, obligors, workout = self.spec, self.facilities, self.obligors, self.workout
        opening = active & defaulting & (facilities.balance >= 1.0)
        place, slot = np.nonzero(opening)
        first_day = days_since_1970(spec.month(t))
        day = first_day + np.minimum(obligors.due_day, days_in_month) - 1
        u = uniforms(spec.seed, Purpose.DEFAULT, 2 + 2 * PLACES, self.slots, month=spec.calendar_month + t)
        noise = normals(spec.seed, Purpose.WORKOUT, PLACES, self.slots, month=spec.calendar_month + t)
        has_mortgage = active[SECURED_PLACE]
        cures = defaulting & (u[0] < cure_probability(self.stress, unemployment_change=du, mortgage=has_mortgage))
        self.cures_at = np.where(defaulting, np.where(cures, t + 3 + (u[1] * 10).astype(np.int64), -10_000), self.cures_at)
        if len(slot) == 0:
            return NO_DEFAULTS, NO_LOSSES
        collateral = facilities.collateral[SECURED_PLACE]
        ratio = np.where(collateral > 0, facilities.balance[SECURED_PLACE] / np.maximum(collateral, 1), 0.0)
        house_prices = 1 - 0.05 * max(du, 0.0) * np.asarray(obligors.cycle)
        lgd = loss_given_default(
            facilities.kind,
            seasoning_months=t - facilities.opened,
            loan_to_value=np.broadcast_to(ratio / house_prices, facilities.kind.shape),
            usage=facilities.balance / facilities.credit_limit,
            unemployment_change=du,
            cycle=obligors.cycle,
            noise=noise,
        )
        back = (WARM_UP_MONTHS + t - YEAR) % YEAR
        length = np.where(facilities.kind == MORTGAGE, 12 + 18 * u[2:5], 8 + 24 * u[2:5]).astype(np.int64)
        facilities.active &= ~(defaulting & ~opening)  # what is not drawn is cancelled
        workout.open |= opening
        workout.ead = np.where(opening, facilities.balance, workout.ead)
        workout.left = np.where(opening, np.floor((1 - lgd) * facilities.balance * 100) / 100, workout.left)
        workout.ends = np.where(opening, t + length, workout.ends)
        workout.default_day = np.where(opening, day, workout.default_day)
        workout.default_month = np.where(opening, t, workout.default_month)
        workout.limit = np.where(opening, facilities.credit_limit, workout.limit)
        workout.drawn_before = np.where(opening, self.drawn[back], workout.drawn_before)
        workout.limit_before = np.where(opening, self.limits[back], workout.limit_before)
        rows = self._event_rows((place, slot), "open", None)
        losses = pl.DataFrame(
            {
                "facility_id": rows["facility_id"],
                "obligor_id": rows["obligor_id"],
                "default_date": rows["default_date"],
                "ead": rows["ead"],
                "lgd": lgd[place, slot],
                "cures": cures[slot],
            }
        )
        return rows, losses

    def _work_out(self, t: int, cured: Flags) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Cash flows of this month's workouts, and the events of those that end: by cure, or because nothing more is to come."""
        spec, facilities, workout = self.spec, self.facilities, self.workout
        month_start = days_since_1970(spec.month(t))
        older = workout.open & (workout.default_day < month_start)
        curing = older & cured
        will_cure = self.cures_at > t
        ending = older & ~curing & ~will_cure & (workout.ends <= t)
        u = uniforms(spec.seed, Purpose.WORKOUT_FLOW, 3 * PLACES, self.slots, month=spec.calendar_month + t).reshape(3, PLACES, -1)
        flowing = older & ~curing & ~will_cure & (facilities.kind != MORTGAGE) & (u[0] < 0.55)
        amount = np.where(flowing, workout.left * (0.03 + 0.14 * u[1]), 0.0)
        amount = np.where(ending, workout.left, amount)
        amount = np.where(curing, facilities.arrears, amount)
        amount = np.round(np.minimum(amount, np.where(curing, workout.ead, workout.left)), 2)
        cost = np.round(np.where(amount > 0, amount * (0.02 + 0.06 * u[2]), 0.0), 2)
        workout.left = np.where(curing, 0.0, np.round(workout.left - np.where(curing, 0.0, amount), 2))
        paid = older & ((amount >= 0.01) | ending | curing)
        place, slot = np.nonzero(paid)
        recoveries = NO_RECOVERIES
        if len(slot):
            status = np.where(curing, 1, np.where(ending, 2, 0))[place, slot]
            recoveries = pl.DataFrame(
                {
                    "facility_id": facility_ids(self.spec.seed, self.slots.start + slot, place, facilities.generation[place, slot]),
                    "month": constant(spec.month(t), len(slot)),
                    "obligor_id": obligor_ids(self.spec.seed, self.slots.start + slot),
                    "facility_type": named(FACILITY_TYPES, facilities.kind[place, slot]),
                    "default_date": dates(workout.default_day[place, slot]),
                    "amount": amount[place, slot],
                    "cost": cost[place, slot],
                    "status": named(("open", "cured", "closed"), status),
                    "slot": self.slots.start + slot,
                    "place": place,
                },
                schema=RECOVERY_SCHEMA,
            )
        ended = curing | ending
        closed = NO_DEFAULTS
        if ended.any():
            last_day = days_since_1970(spec.month(t + 1)) - 1
            closed = pl.concat(
                [
                    self._event_rows(np.nonzero(curing), "cured", last_day),
                    self._event_rows(np.nonzero(ending), "closed", last_day),
                ]
            )
        workout.open &= ~ended
        facilities.active &= ~ending
        facilities.balance = np.where(ending, 0.0, facilities.balance)
        facilities.arrears = np.where(ended, 0.0, facilities.arrears)
        return recoveries, closed

    def _score(self, lates: Floats, z: Floats) -> Ints:
        """The bureau's own score: of conduct that anybody could see, with an error that lasts; never of the hazard."""
        obligors = self.obligors
        self.score_noise = 0.9 * self.score_noise + np.sqrt(1 - 0.9**2) * z
        recent = np.exp(-np.minimum(self.since_late, 60) / 9.0)
        enquiries = self.enquiries.sum(axis=0) / 2
        points = (
            715
            - 26 * (obligors.quality + 0.7 * obligors.score_error)
            - 75 * (self.usage - 0.35)
            - 14 * np.minimum(lates, 4)
            - 60 * recent
            - 7 * np.minimum(enquiries, 6)
            + 12 * self.score_noise
        )
        rounded: Ints = np.clip(np.round(points), 300, 850).astype(np.int64)
        return rounded

    def _leave_or_renew(self, t: int, here: Flags, active: Flags, u_pay: Floats, z: Floats) -> None:
        """After the month's record: loans that are repaid are renewed or end, and some obligors move on."""
        facilities = self.facilities
        repaid = active & (facilities.term > 0) & (facilities.balance <= 0) & ~self.workout.open
        renewed = repaid[TERM_PLACE] & (self.bucket == 0) & (u_pay[8] < 0.70)
        p = TERM_PLACE
        facilities.active &= ~repaid
        facilities.active[p] |= renewed
        amount = np.maximum(np.round(facilities.credit_limit[p] * np.exp(0.25 * z[4]), -2), 500.0)
        facilities.credit_limit[p] = np.where(renewed, amount, facilities.credit_limit[p])
        facilities.balance[p] = np.where(renewed, amount, facilities.balance[p])
        facilities.opened[p] = np.where(renewed, t + 1, facilities.opened[p])
        facilities.generation[p] += renewed
        facilities.annuity[p] = np.where(renewed, annuities(amount, facilities.rate[p], facilities.term[p]), facilities.annuity[p])
        # reuse of the enquiry draw would tie leaving to enquiries; the last normal is nobody else's
        moving = here & (t >= 0) & (self.bucket == 0) & (self.probation == 0) & (z[5] > _EXIT_QUANTILE)
        self.gone |= moving | (here & ~facilities.active.any(axis=0))

    def _obligor_table(
        self, t: int, here: Flags, active: Flags, score: Ints, *, step: int, total_before: Floats, due: Floats
    ) -> pl.DataFrame:
        facilities, obligors, spec = self.facilities, self.obligors, self.spec
        at = np.flatnonzero(here)
        slots = self.slots.start + at
        recent = [(step - back) % YEAR for back in range(6)]
        worst, worst_6 = self.worst[:, at], self.worst[recent][:, at]
        balance = np.where(active, facilities.balance, 0.0)[:, at].sum(axis=0)
        limit = np.where(active, facilities.credit_limit, 0.0)[:, at].sum(axis=0)
        corporate = obligors.corporate[at]
        revolving = active[REVOLVING_PLACE, at]
        opened = np.where(facilities.active, facilities.opened, 10_000)[:, at].min(axis=0)
        now = worst_6[0]
        status = np.where(self.bucket[at] == DEFAULTED, 4, np.where(self.probation[at] > 0, 5, np.minimum(now // 30, 2) + (now > 0)))
        status = np.where((status < 4) & (now == 0), 0, status)
        change = np.where(total_before[at] > 0, balance / np.maximum(total_before[at], 1.0) - 1, np.nan)
        return pl.DataFrame(
            {
                "obligor_id": obligor_ids(self.spec.seed, slots),
                "month": constant(spec.month(t), len(at)),
                "segment": named(("retail", "corporate"), corporate.astype(np.int64)),
                "sector": named(SECTORS, obligors.sector[at]),
                "region": named(REGIONS, obligors.region[at]),
                "income": nullable(np.where(corporate, np.nan, obligors.income[at])),
                "revenue": nullable(np.where(corporate, obligors.income[at], np.nan)),
                "months_on_book": t - np.minimum(obligors.entry[at], opened),
                "facilities": active[:, at].sum(axis=0),
                "total_limit": limit,
                "total_balance": np.round(balance, 2),
                "balance_change_6m": nullable(np.round(np.clip(change, -1, 20), 4)),
                "utilisation": nullable(np.where(revolving, np.round(self.usage[at], 4), np.nan)),
                "payment_due": np.round(due[:, at].sum(axis=0), 2),
                "payment_ratio": np.round(self.pay_ratio[at], 4),
                "debt_to_income": np.round(self.leverage[at], 4),
                "enquiries_6m": self.enquiries[recent][:, at].sum(axis=0),
                "days_past_due": now,
                "max_days_past_due_6m": worst_6.max(axis=0),
                "max_days_past_due_12m": worst.max(axis=0),
                "delinquencies_6m": (worst_6 >= 30).sum(axis=0),
                "delinquencies_12m": (worst >= 30).sum(axis=0),
                "minor_delays_12m": ((worst > 0) & (worst < 30)).sum(axis=0),
                "score": score[at],
                "status": named(_STATUS, status),
                "in_default": (self.bucket[at] == DEFAULTED).astype(np.int64),
                "slot": slots,
                "place": np.zeros(len(at), dtype=np.int64),
            },
            schema=OBLIGOR_SCHEMA,
        )

    def _facility_table(self, t: int, active: Flags, payment: Floats, due: Floats, days: Ints) -> pl.DataFrame:
        facilities, spec = self.facilities, self.spec
        slot, place = np.nonzero(active.T)
        kind, term = facilities.kind[place, slot], facilities.term[place, slot]
        age = t - facilities.opened[place, slot]
        limit, balance = facilities.credit_limit[place, slot], facilities.balance[place, slot]
        return pl.DataFrame(
            {
                "facility_id": facility_ids(self.spec.seed, self.slots.start + slot, place, facilities.generation[place, slot]),
                "month": constant(spec.month(t), len(slot)),
                "obligor_id": obligor_ids(self.spec.seed, self.slots.start + slot),
                "facility_type": named(FACILITY_TYPES, kind),
                "months_on_book": age,
                "remaining_months": pl.Series(np.where(term > 0, np.maximum(term - age, 0), -1)).replace(-1, None),
                "interest_rate": facilities.rate[place, slot],
                "credit_limit": limit,
                "balance": balance,
                "utilisation": np.round(balance / limit, 4),
                "collateral_value": nullable(np.where(kind == MORTGAGE, facilities.collateral[place, slot], np.nan)),
                "payment_due": due[place, slot],
                "payment": payment[place, slot],
                "arrears": facilities.arrears[place, slot],
                "days_past_due": days[place, slot],
                "in_default": self.workout.open[place, slot].astype(np.int64),
                "slot": self.slots.start + slot,
                "place": place,
            },
            schema=FACILITY_SCHEMA,
        )

    def _event_rows(self, places: tuple[npt.NDArray[np.int64], ...], status: str, ended: int | None) -> pl.DataFrame:
        """The rows of the event table for these facilities (places and slots); ``ended`` is the last day, in days since 1970."""
        facilities, workout = self.facilities, self.workout
        place, slot = places
        return pl.DataFrame(
            {
                "facility_id": facility_ids(self.spec.seed, self.slots.start + slot, place, facilities.generation[place, slot]),
                "default_date": dates(workout.default_day[place, slot]),
                "obligor_id": obligor_ids(self.spec.seed, self.slots.start + slot),
                "segment": named(("retail", "corporate"), self.obligors.corporate[slot].astype(np.int64)),
                "facility_type": named(FACILITY_TYPES, facilities.kind[place, slot]),
                "ead": workout.ead[place, slot],
                "limit_at_default": workout.limit[place, slot],
                "drawn_12m_before": nullable(workout.drawn_before[place, slot]),
                "limit_12m_before": nullable(workout.limit_before[place, slot]),
                "months_on_book": workout.default_month[place, slot] - facilities.opened[place, slot],
                "collateral_value": nullable(
                    np.where(facilities.kind[place, slot] == MORTGAGE, facilities.collateral[place, slot], np.nan)
                ),
                "status": pl.Series([status], dtype=pl.String()).new_from_index(0, len(slot)),
                "ended_on": dates(np.full(len(slot), -1 if ended is None else ended)),
                "slot": self.slots.start + slot,
                "place": place,
            },
            schema=DEFAULT_SCHEMA,
        )


_STATUS = ("current", "late_1", "late_30", "late_60", "default", "probation")
_EXIT_QUANTILE = 2.6121  # the standard normal exceeds it with probability EXIT_RATE


def _poisson(u: Floats, rate: Floats) -> Ints:
    """Poisson numbers by inversion, at most 8 (a rate here is far below 2)."""
    count = np.zeros(u.shape, dtype=np.int64)
    term = np.exp(-rate)
    below = term.copy()
    for k in range(1, 9):
        count += u > below
        term = term * rate / k
        below += term
    return count
