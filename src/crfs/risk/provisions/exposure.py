"""How much of what is owed today will still be owed at a later time: bullet, linear and annuity loans."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.ranges import Range, elementwise, numbers

FloatArray: TypeAlias = npt.NDArray[np.float64]


class Amortisation(StrEnum):
    """How a loan is repaid: all at its end, in equal parts of principal, or in equal payments."""

    BULLET = "bullet"
    LINEAR = "linear"
    ANNUITY = "annuity"


@elementwise
def balance_share(
    amortisation: npt.ArrayLike, years: npt.ArrayLike, *, maturity_years: npt.ArrayLike, interest_rate: npt.ArrayLike = 0.0
) -> FloatArray:
    """Share of today's balance that is owed ``years`` from now, before defaults and prepayments; 0 from maturity on.

    ``interest_rate`` is the effective annual rate of the contract, for annuities: (1 - v^(M - t)) / (1 - v^M), v = 1 / (1 + rate), which
    on payment dates is the balance after the payment, however often one pays. Arguments broadcast.

    >>> balance_share(["bullet", "linear", "annuity"], 1.0, maturity_years=2.0, interest_rate=0.1).round(6).tolist()
    [1.0, 0.5, 0.52381]
    """
    kind = np.asarray(amortisation, dtype=np.str_)
    known = np.isin(kind, list(Amortisation))
    if not known.all():
        raise InvalidInput(
            f"{str(kind[~known].flat[0])!r:.80} is no amortisation; known: {', '.join(Amortisation)}", argument="amortisation"
        )
    t = numbers("years", years, Range(said="a number of years, zero or more", low=0.0))
    maturity = numbers("maturity_years", maturity_years, Range(said="a number of years above 0", low=0.0, with_low=False))
    rate = numbers("interest_rate", interest_rate, Range(said="a decimal above -1", low=-1.0, with_low=False))
    force = np.log1p(rate)
    shares = [share_of_kind(position, t, maturity, force) for position in range(len(Amortisation))]
    return np.select([kind == name for name in Amortisation], shares, np.nan)


def share_of_kind(kind: int, t: FloatArray | float, maturity: FloatArray, force: FloatArray) -> FloatArray:
    """As :func:`balance_share`, unchecked, of one way to amortise (its position in :class:`Amortisation`); ``force`` is ln(1 + rate)."""
    left = np.maximum(maturity - t, 0.0)
    if kind == _BULLET:
        return np.where(left > 0.0, 1.0, 0.0)
    linear = left / maturity
    if kind == _LINEAR:
        return np.asarray(linear)
    whole = np.expm1(-force * maturity)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.expm1(-force * left) / whole
    return np.asarray(level) if np.all(whole) else np.where(whole == 0.0, linear, level)


_BULLET, _LINEAR = 0, 1
