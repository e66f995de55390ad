"""The finite homogeneous pool under one Gaussian factor: its exact distribution, against which a simulation is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.arguments import is_whole, shown
from crfs.risk.lattice import lower_quantile
from crfs.risk.panels import STEEP, around_steps, panels
from crfs.risk.ranges import CONFIDENCE, DECIMAL, SHARE_OF_VARIANCE, number

FloatArray: TypeAlias = npt.NDArray[np.float64]

_PANELS = 160
_NODES_PER_PANEL = 24
_REACH = 12.0  # standard deviations of the factor; what lies beyond has probability 4e-33
_CELLS_AT_ONCE = 2_000_000
MOST_OBLIGORS = 100_000
"""Some seconds of work; beyond it the conditional distribution is narrower than the nodes lie apart, and the limit is within 1e-4 of the pool."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HomogeneousPool:
    """Number of defaults among ``obligors`` equal ones: ``probability[k]`` is P(defaults = k)."""

    obligors: int
    pd: float
    r2: float
    probability: FloatArray

    def value_at_risk(self, confidence: float) -> int:
        """Lower quantile of the number of defaults."""
        confidence = number("confidence", confidence, CONFIDENCE)
        return lower_quantile(self.probability, confidence)

    def expected_shortfall(self, confidence: float) -> float:
        """Mean number of defaults in the worst ``1 - confidence`` of states, the atom at the value at risk counted in part."""
        quantile = self.value_at_risk(confidence)
        counts = np.arange(self.obligors + 1)
        tail = float((self.probability[quantile + 1 :] * (counts[quantile + 1 :] - quantile)).sum())
        return quantile + tail / (1.0 - confidence)

    def exceedance(self, defaults: int) -> float:
        """P(number of defaults >= defaults)."""
        if not is_whole(defaults):
            raise InvalidInput(f"defaults is a whole number, not {shown(defaults)}", argument="defaults")
        return float(self.probability[max(defaults, 0) :].sum())

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the number of defaults."""
        counts = np.arange(self.obligors + 1)
        mean = float((self.probability * counts).sum())
        return math.sqrt(float((self.probability * (counts - mean) ** 2).sum()))


def homogeneous_pool(obligors: int, pd: float, r2: float) -> HomogeneousPool:
    """The exact distribution of defaults among ``obligors`` equal ones under one Gaussian factor.

    ``obligors`` is a whole number, 1 to 100,000; of a larger pool :mod:`crfs.risk.vasicek` has the limit. ``pd`` is a decimal in [0, 1], ``r2`` the
    share of systematic variance in [0, 1). What is none of these is :class:`InvalidInput`, which names the argument.

    A binomial distribution given the factor, mixed over the factor by composite Gauss-Legendre quadrature with 3,840 nodes, and as many again around
    the state in which all default at once where ``r2`` is above 0.8: good to about 1e-12 up to 10,000 obligors.

    >>> pool = homogeneous_pool(100, 0.01, 0.2)
    >>> pool.value_at_risk(0.99), round(pool.expected_shortfall(0.99), 6)
    (9, 11.79765)
    """
    from scipy.special import gammaln, log_ndtr, ndtri, xlog1py

    if not is_whole(obligors) or obligors < 1:
        raise InvalidInput(f"obligors is a whole number, one or more, not {shown(obligors)}", argument="obligors")
    if obligors > MOST_OBLIGORS:
        raise InvalidInput(
            f"obligors is {MOST_OBLIGORS:,} at most, not {obligors:,}: of so large a pool crfs.risk.vasicek has the limit, value_at_risk and "
            "expected_shortfall as shares of the exposure",
            argument="obligors",
        )
    pd, r2 = number("pd", pd, DECIMAL), number("r2", r2, SHARE_OF_VARIANCE)
    counts = np.arange(obligors + 1, dtype=np.float64)
    choose = gammaln(obligors + 1.0) - gammaln(counts + 1.0) - gammaln(obligors - counts + 1.0)
    if r2 == 0.0 or pd in (0.0, 1.0):
        with np.errstate(divide="ignore", invalid="ignore"):
            log_pmf = (
                choose + np.where(counts > 0, counts * np.log(pd), 0.0) + np.where(counts < obligors, xlog1py(obligors - counts, -pd), 0.0)
            )
        return HomogeneousPool(obligors=obligors, pd=pd, r2=r2, probability=np.exp(log_pmf))
    factor, log_weight = _nodes(float(ndtri(pd)) / math.sqrt(1.0 - r2), math.sqrt(r2 / (1.0 - r2)))
    log_weight = log_weight - factor**2 / 2.0 - 0.5 * math.log(2.0 * math.pi)
    x = (ndtri(pd) - math.sqrt(r2) * factor) / math.sqrt(1.0 - r2)
    log_p, log_q = log_ndtr(x), log_ndtr(-x)
    probability = np.zeros(obligors + 1)
    step = max(1, _CELLS_AT_ONCE // len(factor))
    for start in range(0, obligors + 1, step):
        k = counts[start : start + step, None]
        probability[start : start + step] = np.exp(
            choose[start : start + step, None] + k * log_p + (obligors - k) * log_q + log_weight
        ).sum(axis=1)
    return HomogeneousPool(obligors=obligors, pd=pd, r2=r2, probability=probability)


def _nodes(a: float, b: float) -> tuple[FloatArray, FloatArray]:
    """Nodes of the factor and the logarithms of their weights, for a default probability ``Phi(a - b factor)``."""
    half = _REACH / _PANELS
    if b > STEEP:
        edges = np.linspace(-_REACH, _REACH, _PANELS + 1)
        return panels(around_steps(edges, a=np.array([a]), b=np.array([b]), width=2.0 * half), _NODES_PER_PANEL)
    points, weights = np.polynomial.legendre.leggauss(_NODES_PER_PANEL)
    centres = -_REACH + half * (2 * np.arange(_PANELS) + 1)
    return (centres[:, None] + half * points).ravel(), np.log(np.tile(half * weights, _PANELS))
