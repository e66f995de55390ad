"""Gamma sectors: the random default rates of CreditRisk+, independent or not, and the generating function that they give.

A sector's default rate is its mean times a gamma variable ``S_k`` of mean one and variance ``v_k``, its relative variance. Given the sectors,
obligor ``i`` defaults as a Poisson variable of mean ``pd_i (w_i0 + sum_k w_ik S_k)``, independently of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput

FloatArray: TypeAlias = npt.NDArray[np.float64]
# Values of the generating function's argument: complex on the unit circle, real on the axis.
Values: TypeAlias = npt.NDArray[Any]

# Where variance times excess is below this, the gamma variable is the constant one to every digit.
_NO_VARIANCE = 1e-17


class Dependence(StrEnum):
    """How the sectors hang together; all but the first match the variance of the book's loss under the given correlation.

    ``moment_matched``: one gamma variable for all of them (P. Bürgisser, A. Kurth, A. Wagner and M. Wolf, "Integrating correlations", Risk 12,
    July 1999). A sector's own variance is lost.
    ``compound_gamma``: a hidden gamma variable is the random shape of each sector's (G. Giese, "Enhancing CreditRisk+", Risk 16, April 2003).
    Each keeps its variance, all covariances are one number.
    ``hidden_gamma``: each sector is a common gamma variable and one of its own, in the proportion that leaves the sum exactly gamma
    (Mathai-Moschopoulos; Giese, "Dependent risk factors", in Gundlach and Lehrbass, CreditRisk+ in the Banking Industry, 2004). Each keeps its
    distribution, and the covariance of two is in proportion to the product of their variances.
    """

    INDEPENDENT = "independent"
    MOMENT_MATCHED = "moment_matched"
    COMPOUND_GAMMA = "compound_gamma"
    HIDDEN_GAMMA = "hidden_gamma"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GammaSectors:
    """Sectors as combinations ``S = mixing @ drivers`` of gamma variables of mean one and the given ``variance``.

    The drivers are independent, or, where ``hidden_variance`` is above zero, have shapes in proportion to one hidden gamma variable of that
    variance (and ``variance`` is then the part of their own).
    """

    mixing: FloatArray
    variance: FloatArray
    hidden_variance: float = 0.0

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the sectors that these drivers give, K x K."""
        own: FloatArray = np.einsum("kl,l,ml->km", self.mixing, self.variance, self.mixing)
        reach = self.mixing.sum(axis=1)
        return own + self.hidden_variance * np.outer(reach, reach)

    def term(self, driver: int, excess: Values) -> Values:
        """What one driver adds to the argument of :meth:`log_pgf`; ``excess`` is P_l(z) - P_l(1) of the driver's polynomial, of any shape."""
        return _gamma_term(excess, float(self.variance[driver]))

    def log_pgf(self, terms: Values) -> Values:
        """log E[exp(sum_l excess_l driver_l)] from the sum of all :meth:`term`; infinite where it does not exist."""
        return _gamma_term(terms, self.hidden_variance)

    def tilt(self, driver: int, excess: Values, terms: Values) -> Values:
        """E[driver exp(...)] / E[exp(...)], the derivative of :meth:`log_pgf` by this driver's excess.

        Times the generating function it is that of E[driver; loss = n] in n.
        """
        slope: Values = 1.0 / ((1.0 - self.variance[driver] * excess) * (1.0 - self.hidden_variance * terms))
        return slope


def _gamma_term(excess: Values, variance: float) -> Values:
    """log E[exp(excess S)] of a gamma variable of mean one; on the real axis infinite beyond its pole."""
    argument = -variance * excess
    if not np.any(np.abs(argument) > _NO_VARIANCE):
        return excess
    if np.iscomplexobj(argument):
        # log(1 + z) with the digits of a small z, which NumPy's complex log1p loses. On the unit circle the real part of z is zero or more, so
        # nothing cancels and the principal branch is the one.
        real, imaginary = argument.real, argument.imag
        log = np.empty_like(argument)
        log.real = 0.5 * np.log1p(2.0 * real + (real * real + imaginary * imaginary))
        log.imag = np.arctan2(imaginary, 1.0 + real)
        return -log / variance
    safe = np.where(argument > -1.0, argument, 0.0)
    return np.where(argument > -1.0, -np.log1p(safe) / variance, np.inf)


def make_sectors(variance: FloatArray, correlation: FloatArray | None, el: FloatArray, dependence: Dependence) -> GammaSectors:
    """The drivers for sectors of relative ``variance``, ``correlation`` (K x K) and systematic expected losses ``el`` (currency).

    Raises :class:`InvalidInput` where a form of dependence cannot reproduce the book's variance.
    """
    count = len(variance)
    alone = GammaSectors(mixing=np.eye(count), variance=variance)
    if correlation is None or dependence is Dependence.INDEPENDENT:
        return alone
    covariance = correlation * np.sqrt(np.outer(variance, variance))
    if dependence is Dependence.MOMENT_MATCHED:
        total = float(el.sum())
        matched = float(np.einsum("k,kl,l->", el, covariance, el)) / total**2 if total > 0.0 else 0.0
        return GammaSectors(mixing=np.ones((count, 1)), variance=np.array([max(matched, 0.0)]))
    weight = np.outer(el, el) - np.diag(el * el)
    if not weight.sum() > 0.0:
        return alone
    between = float((weight * covariance).sum())
    live = el > 0.0
    if dependence is Dependence.COMPOUND_GAMMA:
        hidden = between / float(weight.sum())
        _require_within(hidden, float(variance[live].min()), "covariance", "the smallest relative variance of a sector")
        return GammaSectors(mixing=np.eye(count), variance=np.maximum(variance - hidden, 0.0), hidden_variance=hidden)
    spread = float((weight * np.outer(variance, variance)).sum())
    if not spread > 0.0:
        return alone
    shape = between / spread
    _require_within(shape, 1.0 / float(variance[live].max()), "common shape", "the smallest shape (1 / relative variance) of a sector")
    return _hidden_gamma(variance, shape)


def _hidden_gamma(variance: FloatArray, shape: float) -> GammaSectors:
    """S_k = v_k (G_0 + G_k) with G_0 of the common shape and G_k of what is left of 1 / v_k, as drivers of mean one."""
    if shape <= 0.0:
        return GammaSectors(mixing=np.eye(len(variance)), variance=variance)
    common = np.minimum(variance * shape, 1.0)
    own = 1.0 - common
    left = np.divide(variance, own, out=np.zeros_like(variance), where=own > 0.0)
    return GammaSectors(mixing=np.column_stack([common, np.diag(own)]), variance=np.r_[1.0 / shape, left])


def _require_within(value: float, most: float, what: str, bound: str) -> None:
    # Rounding must not refuse sectors that are one variable.
    if -1e-12 <= value <= most * (1.0 + 1e-12):
        return
    raise InvalidInput(
        f"this book's correlated sectors need a {what} of {value:.6g}, which must lie between 0 and {most:.6g}, {bound}; "
        "use dependence 'moment_matched'",
        argument="dependence",
    )
