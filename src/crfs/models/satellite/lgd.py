"""Loss given default in a bad state: the function of Frye and Jacobs, and the channel of house prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput

FloatArray: TypeAlias = npt.NDArray[np.float64]


def frye_jacobs(conditional_pd: npt.ArrayLike, *, pd: npt.ArrayLike, lgd: npt.ArrayLike, r2: npt.ArrayLike) -> FloatArray:
    """Loss given default in the state in which the default rate is ``conditional_pd``, with no parameter beyond those of default.

    ``Phi(Phi^-1(c) - k) / c`` with ``k = (Phi^-1(pd) - Phi^-1(pd lgd)) / sqrt(1 - r2)``: J. Frye and M. Jacobs, "Credit loss and
    systematic loss given default", Journal of Credit Risk 8(1), 2012. It rises with the default rate, and over all states its loss is
    ``pd lgd``. All are decimals and broadcast against each other; ``r2`` is below 1. A ``pd`` or a conditional rate of 0, and an ``lgd``
    of 0 or 1, have their limits.

    >>> frye_jacobs([0.01, 0.1], pd=0.02, lgd=0.4, r2=0.15).round(4).tolist()
    [0.3348, 0.4778]
    """
    from scipy.special import ndtr, ndtri

    c, p, loss, share = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (conditional_pd, pd, lgd, r2)))
    for name, values, good in (
        ("conditional_pd", c, (c >= 0.0) & (c <= 1.0)),
        ("pd", p, (p >= 0.0) & (p <= 1.0)),
        ("lgd", loss, (loss >= 0.0) & (loss <= 1.0)),
        ("r2", share, (share >= 0.0) & (share < 1.0)),
    ):
        if not good.all():
            raise InvalidInput(
                f"{name} is a decimal within [0, 1{')' if name == 'r2' else ']'}, not {values[~good].flat[0]}", argument=name
            )
    inside = (p > 0.0) & (p < 1.0) & (loss > 0.0) & (loss < 1.0) & (c > 0.0)
    one = np.where(inside, p, 0.5)
    mean = np.where(inside, loss, 0.5)
    rate = np.where(inside, c, 0.5)
    k = (ndtri(one) - ndtri(one * mean)) / np.sqrt(1.0 - share)
    given = np.minimum(ndtr(ndtri(rate) - k) / rate, 1.0)
    # Without any default nothing is said: a certain or an impossible loss stays what it is, and so does the loss where pd is 0 or 1.
    return np.where(inside, given, np.where((c == 0.0) & (loss < 1.0) & (p > 0.0) & (p < 1.0), 0.0, loss))


def frye_jacobs_response(pd: FloatArray, stressed_pd: FloatArray, lgd: FloatArray, r2: FloatArray) -> FloatArray:
    """Stressed loss given default where the default probability goes from ``pd`` to ``stressed_pd``.

    The booked one times the growth of Frye and Jacobs's function, at most 1: the form that :func:`crfs.risk.stress.stress` takes as
    ``lgd_response``. No change of the probability is no change of the loss, bit for bit.
    """
    before, after = (frye_jacobs(rate, pd=pd, lgd=lgd, r2=r2) for rate in (pd, stressed_pd))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # of next to no loss all may grow beyond any number
        moved = np.where(before > 0.0, np.minimum(lgd * (after / before), 1.0), lgd)
    higher = np.where(stressed_pd > pd, np.maximum(moved, lgd), np.minimum(moved, lgd))
    return np.where(stressed_pd == pd, lgd, higher)


@dataclass(frozen=True, slots=True, kw_only=True)
class HousePriceLgd:
    """Loss given default of loans secured by property whose price moves with an index.

    Args:
        variable: the index's mnemonic in the scenarios.
        ltv: exposure over the property's value today, above 0 (0.8 = 80 percent).
        sale_haircut: share of the value that a forced sale and its time cost, within [0, 1).
        dispersion: standard deviation of the logarithm of a single price about the index, not negative: 0 makes every loan fall with the
            index; with more, some are under water already, and the loss begins earlier and rises more gently.

    >>> channel = HousePriceLgd(variable="us.house_price_index", ltv=0.8, sale_haircut=0.2)
    >>> [round(float(x), 6) for x in channel.severity([1.0, 0.75])]
    [0.0, 0.25]
    """

    variable: str
    ltv: float
    sale_haircut: float = 0.2
    dispersion: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ltv) and self.ltv > 0.0):
            raise InvalidInput(f"ltv is exposure over value, above 0, not {self.ltv}", argument="ltv")
        if not 0.0 <= self.sale_haircut < 1.0:
            raise InvalidInput(f"sale_haircut is a decimal within [0, 1), not {self.sale_haircut}", argument="sale_haircut")
        if not (math.isfinite(self.dispersion) and self.dispersion >= 0.0):
            raise InvalidInput(f"dispersion is not negative, not {self.dispersion}", argument="dispersion")

    def severity(self, price: npt.ArrayLike) -> FloatArray:
        """Share of the exposure that the sale does not cover where prices are ``price`` times today's (above 0)."""
        return house_price_severity(price, ltv=self.ltv, sale_haircut=self.sale_haircut, dispersion=self.dispersion)

    def shift(self, price: npt.ArrayLike) -> FloatArray:
        """What is added to the loss given default where prices are ``price`` times the base's; 0 at 1."""
        return self.severity(price) - self.severity(1.0)


def house_price_severity(
    price: npt.ArrayLike, *, ltv: npt.ArrayLike, sale_haircut: npt.ArrayLike = 0.2, dispersion: float = 0.0
) -> FloatArray:
    """``E[max(0, 1 - v)]`` for the coverage ``v = (1 - sale_haircut) price / ltv``, scattered lognormally with that mean: a put's loss.

    ``dispersion`` is the standard deviation of ``ln v``. With 0 it is ``max(0, 1 - v)``, else ``Phi(-d2) - v Phi(-d1)`` with
    ``d1 = ln(v) / s + s / 2`` and ``d2 = d1 - s`` (F. Black and M. Scholes, 1973, with no interest). It falls as prices rise.
    """
    from scipy.special import ndtr

    level = np.asarray(price, dtype=np.float64)
    if not (np.isfinite(level) & (level > 0.0)).all():
        raise InvalidInput("price is a ratio to today's, above 0", argument="price")
    coverage = (1.0 - np.asarray(sale_haircut, dtype=np.float64)) * level / np.asarray(ltv, dtype=np.float64)
    plain = np.maximum(0.0, 1.0 - coverage)
    if dispersion == 0.0:
        return plain
    with np.errstate(over="ignore"):  # hardly any dispersion: every price is certain, and infinity has its probability
        first = np.log(coverage) / dispersion + dispersion / 2.0
    put = ndtr(dispersion - first) - coverage * ndtr(-first)
    # A put is worth at least what it pays at once, whatever the rounding.
    return np.asarray(np.clip(put, plain, 1.0), dtype=np.float64)
