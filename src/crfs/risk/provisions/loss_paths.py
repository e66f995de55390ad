"""The kernel of provisions: expected discounted losses of many facilities over periods, one pass in time, a few vectors of memory.

In a period the hazard of default is constant, and so is the exposure, which is that at its beginning. With h the hazard, δ the force of
interest (and of prepayment) a year and Δ the length, the loss of a facility that is alive at the period's beginning a is

    lgd · exposure(a) · e^(-δ a) · h / (h + δ) · (1 - e^(-(h + δ) Δ))

: default may come at any moment of the period, and is discounted from that moment. Nothing depends on the blocks in which facilities are
worked on: each facility's sums are added in the order of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.provisions.exposure import share_of_kind

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_BLOCK = 8192


class Timing(StrEnum):
    """When in its period a default is discounted from: each moment as it may come (``exact``), or the beginning, the middle or the end."""

    EXACT = "exact"
    START = "start"
    MIDDLE = "middle"
    END = "end"


_PLACE = {Timing.START: 0.0, Timing.MIDDLE: 0.5, Timing.END: 1.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loans:
    """Facilities as arrays. ``on`` is owed today and amortises, ``off`` is what will be drawn of the undrawn by default, until maturity.

    ``hazard`` is a year's; ``curve`` the row of a table of curves, -1 where the facility has its own hazard. ``force`` is ln(1 + interest
    rate), ``contract_force`` that of annuities, ``leaving`` -ln(1 - prepayment rate). ``segment`` is a position for paths.
    ``long_run_hazard`` (NaN: the hazard itself) and ``long_run_lgd`` are what blended paths go to.
    """

    on: FloatArray
    off: FloatArray
    lgd: FloatArray
    hazard: FloatArray
    curve: IntArray
    maturity: FloatArray
    force: FloatArray
    contract_force: FloatArray
    leaving: FloatArray
    amortisation: IntArray
    segment: IntArray
    threshold: FloatArray
    r2: FloatArray
    long_run_hazard: FloatArray
    long_run_lgd: FloatArray

    def take(self, rows: npt.NDArray[np.intp]) -> Loans:
        """Some of them, in that order."""
        return Loans(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathTable:
    """What a scenario does in each period: multipliers by segment, hazards of curves, the factor, and how far paths have gone to the long
    run.

    ``times`` are the ends of the periods after a 0, ``owed_at`` when the exposure of each is looked at. ``hazard``, ``lgd`` and ``ead``
    are periods by segments; ``curve_hazard`` is periods by curves, a year's hazard, and ``curve_threshold`` the normal quantile of a
    year's PD; ``factor`` has a number a period, or is None; ``blend`` is within [0, 1].
    """

    times: FloatArray
    owed_at: FloatArray
    hazard: FloatArray
    lgd: FloatArray
    ead: FloatArray
    curve_hazard: FloatArray
    curve_threshold: FloatArray
    factor: FloatArray | None
    blend: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Losses:
    """Expected discounted losses of each facility in 12 months and until maturity, and its PD in both; currency units and decimals."""

    within_12m: FloatArray
    lifetime: FloatArray
    pd_12m: FloatArray
    pd_lifetime: FloatArray


def expected_losses(loans: Loans, paths: PathTable, *, timing: Timing = Timing.EXACT) -> Losses:
    """Losses of every facility on one scenario's paths.

    A block has one way to amortise, and its long facilities first, so that a period touches only those that live.
    """
    count = len(loans.maturity)
    found = Losses(within_12m=np.zeros(count), lifetime=np.zeros(count), pd_12m=np.zeros(count), pd_lifetime=np.zeros(count))
    for kind in np.unique(loans.amortisation).tolist():
        members = np.flatnonzero(loans.amortisation == kind)
        order = members[np.argsort(-loans.maturity[members], kind="stable")]
        for start in range(0, len(order), _BLOCK):
            rows = order[start : start + _BLOCK]
            block = _block(loans.take(rows), paths, kind, timing)
            for field in fields(Losses):
                getattr(found, field.name)[rows] = getattr(block, field.name)
    return found


def losses_in_default(loans: Loans, paths: PathTable) -> FloatArray:
    """What facilities lose that are in default today: LGD × exposure, as a scenario moves both in its first period; nothing is discounted.

    A blended path goes back to the facility's own LGD: the long run is of those who may default yet.
    """
    blend = float(paths.blend[0])
    lgd = np.minimum(loans.lgd * _by_segment(paths.lgd[0], loans.segment), 1.0)
    if blend:
        lgd = lgd + blend * (loans.lgd - lgd)
    return np.asarray(lgd * (loans.on + loans.off) * (_by_segment(paths.ead[0], loans.segment) * (1.0 - blend) + blend))


def _block(loans: Loans, paths: PathTable, amortisation: int, timing: Timing) -> Losses:
    """``loans`` are sorted by maturity, the longest first."""
    count = len(loans.maturity)
    within_12m, lifetime, hazard_12m, hazard = (np.zeros(count) for _ in range(4))
    drift, alive = loans.force + loans.leaving, np.ones(count)  # alive: not defaulted, not prepaid, and discounted
    for k in range(len(paths.times) - 1):
        begin, end = float(paths.times[k]), float(paths.times[k + 1])
        n = int(np.searchsorted(-loans.maturity, -begin, side="left"))
        if not n:
            break
        step = np.minimum(end, loans.maturity[:n]) - begin
        mass, fall = _hazard_of_period(loans, paths, k, n, step), drift[:n] * step
        owed = loans.on[:n] * share_of_kind(amortisation, float(paths.owed_at[k]), loans.maturity[:n], loans.contract_force[:n])
        blend = float(paths.blend[k])
        lgd = np.minimum(loans.lgd[:n] * _by_segment(paths.lgd[k], loans.segment[:n]), 1.0)
        ead = (owed + loans.off[:n]) * (_by_segment(paths.ead[k], loans.segment[:n]) * (1.0 - blend) + blend)
        if blend:
            lgd = lgd + blend * (loans.long_run_lgd[:n] - lgd)
        gone = -np.expm1(-(mass + fall))
        loss = lgd * ead * alive[:n] * _default_factor(mass, fall, gone, timing)
        alive[:n] *= 1.0 - gone
        lifetime[:n] += loss
        hazard[:n] += mass
        if end <= 1.0 + 1e-9:
            within_12m[:n] += loss
            hazard_12m[:n] += mass
    return Losses(within_12m=within_12m, lifetime=lifetime, pd_12m=-np.expm1(-hazard_12m), pd_lifetime=-np.expm1(-hazard))


def _by_segment(row: FloatArray, segment: IntArray) -> FloatArray | float:
    return row.take(segment) if len(row) > 1 else float(row[0])


def _hazard_of_period(loans: Loans, paths: PathTable, k: int, living: int, step: FloatArray) -> FloatArray:
    """The integral of the hazard over what each facility lives of period ``k``; infinite where default is certain."""
    yearly, threshold = loans.hazard[:living], loans.threshold[:living]
    if paths.curve_hazard.shape[1]:
        curve = loans.curve[:living]
        yearly = np.where(curve >= 0, paths.curve_hazard[k, curve], yearly)
        threshold = np.where(curve >= 0, paths.curve_threshold[k, curve], threshold)
    blend = paths.blend[k]
    settled = step
    if blend:
        long_run = loans.long_run_hazard[:living]
        settled = np.where(np.isnan(long_run), yearly, long_run) * step
    if blend == 1.0:
        return settled
    if paths.factor is not None:
        yearly = _hazard_given(threshold, loans.r2[:living], float(paths.factor[k]), yearly)
    moved = np.asarray(yearly * _by_segment(paths.hazard[k], loans.segment[:living]) * step)
    return (1.0 - blend) * moved + blend * settled if blend else moved


def _hazard_given(threshold: FloatArray, r2: FloatArray, factor: float, hazard: FloatArray) -> FloatArray:
    """A year's hazard given the systematic factor; certain and impossible defaults stay what they are."""
    from scipy.special import log_ndtr

    with np.errstate(invalid="ignore"):
        moved = -log_ndtr(-(threshold - np.sqrt(r2) * factor) / np.sqrt(1.0 - r2))
    return np.where(np.isfinite(threshold), moved, hazard)


def _default_factor(mass: FloatArray, fall: FloatArray, gone: FloatArray, timing: Timing) -> FloatArray:
    """Chance of default in the period times its discount back to the period's beginning; ``gone`` is 1 - exp(-(mass + fall))."""
    if timing is not Timing.EXACT:
        return np.asarray(-np.expm1(-mass) * np.exp(-fall * _PLACE[timing]))
    both = mass + fall
    # mass (1 - e^-both) / both, which is mass where both is 0, and 1 where default is certain.
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = mass * (gone / both)
    if not both.all():
        factor = np.where(both == 0.0, mass, factor)
    certain = np.isinf(mass)
    return np.where(certain, 1.0, factor) if certain.any() else factor


Blend: TypeAlias = Callable[[float, float], float]
"""How far a period, from its beginning to its end, has gone to the long run: 0 not at all, 1 entirely."""
