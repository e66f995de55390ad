"""Zero rates from par yields: the curve on which every par bond is worth par."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.ranges import FINITE, Range, numbers

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Two payments a year; below this a par yield is that of one payment.
_HALF = 0.5
_LOWEST, _HIGHEST = -0.99, 9.99
_TENORS = Range(said="positive and rising, one a tenor", low=0.0, with_low=False, with_high=False)
_ANNUAL = Range(said="a decimal above -1", low=-1.0, with_low=False)
_BOND_EQUIVALENT = Range(said="a decimal above -2", low=-2.0, with_low=False)


def zero_rates(years: npt.ArrayLike, par_yields: npt.ArrayLike) -> FloatArray:
    """Zero rates, annually compounded decimals, one a tenor, from bond-equivalent par yields: those of the United States Treasury, say.

    ``years`` are the tenors, positive and rising; ``par_yields`` decimals a year, one a tenor, negative ones too. A tenor of more than half a year is a
    bond with two coupons a year of half its yield, counted back from its end; the first of a broken half year is paid with the interest that has
    accrued. A tenor up to half a year is a bill: one payment of ``1 + yield * years``. Tenor by tenor, the shortest first, the zero rate is that at which the
    bond is worth par, with rates linear in between tenors and flat before the first, as :class:`~crfs.risk.migration.ZeroCurves` has them: so a
    coupon between two tenors is discounted on the curve that comes out, and par bonds are worth par on it, whatever the gaps.

    Yields of which no positive discount factors come are :class:`InvalidInput`. The method is the bootstrap of F. Fabozzi, *Bond Markets, Analysis,
    and Strategies*, chapter 5.

    >>> zero_rates([0.5, 1.0, 1.5, 2.0], [0.0525, 0.055, 0.0575, 0.06]).round(5).tolist()
    [0.05319, 0.05579, 0.05843, 0.0611]
    """
    tenors, rates = numbers("years", years, _TENORS), numbers("par_yields", par_yields, FINITE)
    if tenors.ndim != 1 or not len(tenors) or (np.diff(tenors) <= 0.0).any():
        raise InvalidInput("years are positive and rising, one a tenor", argument="years")
    if rates.shape != tenors.shape:
        raise InvalidInput(f"par_yields are {len(tenors)} finite decimals, one a tenor", argument="par_yields")
    found = np.empty(len(tenors))
    for place, (tenor, rate) in enumerate(zip(tenors.tolist(), rates.tolist(), strict=True)):
        found[place] = _of_bill(tenor, rate) if tenor <= _HALF else _of_bond(tenors[: place + 1], found[:place], rate)
    return found


def bond_equivalent(annual: npt.ArrayLike) -> FloatArray:
    """Annually compounded rates as bond-equivalent ones, compounded twice a year; decimals above -1.

    >>> bond_equivalent([0.0609]).round(6).tolist()
    [0.06]
    """
    return np.asarray(2.0 * (np.sqrt(1.0 + numbers("annual", annual, _ANNUAL)) - 1.0), dtype=np.float64)


def annual(bond_equivalent_rate: npt.ArrayLike) -> FloatArray:
    """Bond-equivalent rates, compounded twice a year, as annually compounded ones; decimals above -2.

    >>> annual([0.06]).round(6).tolist()
    [0.0609]
    """
    return np.asarray(
        np.square(1.0 + numbers("bond_equivalent_rate", bond_equivalent_rate, _BOND_EQUIVALENT) / 2.0) - 1.0, dtype=np.float64
    )


def _of_bill(tenor: float, rate: float) -> float:
    growth = 1.0 + rate * tenor
    if growth <= 0.0:
        raise _no_curve(tenor, rate)
    return math.expm1(math.log(growth) / tenor)


def _of_bond(tenors: FloatArray, before: FloatArray, rate: float) -> float:
    """The zero rate of the last of ``tenors``, those before it known, at which its bond is worth par."""
    from scipy.optimize import brentq

    tenor = float(tenors[-1])
    payments = math.ceil(tenor / _HALF - 1e-9)
    times = np.maximum(tenor - _HALF * np.arange(payments)[::-1], 0.0)
    amounts = np.full(payments, rate * _HALF)
    amounts[-1] += 1.0
    par = 1.0 + rate * max(_HALF - float(times[0]), 0.0)

    def above_par(last: float) -> float:
        zero = np.interp(times, tenors, np.append(before, last))
        return float((amounts * np.exp(-times * np.log1p(zero))).sum()) - par

    if not above_par(_LOWEST) > 0.0 > above_par(_HIGHEST):
        raise _no_curve(tenor, rate)
    return float(brentq(above_par, _LOWEST, _HIGHEST, xtol=1e-15, rtol=8.9e-16, maxiter=500))


def _no_curve(tenor: float, rate: float) -> InvalidInput:
    return InvalidInput(f"the par yield {rate:g} at {tenor:g} years fits no zero rate beside the shorter ones", argument="par_yields")
