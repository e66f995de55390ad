"""Tail of a sum of many independent small losses from its first cumulants.

With ``d = (x - m1) / sqrt(m2)`` and ``g = m3 / (6 m2^1.5)`` the expansion to third order is

    P(L > x)    = Q(d) + g (d^2 - 1) phi(d)
    E(L - x)+   = sqrt(m2) (phi(d) - d Q(d) + g d phi(d))
    density(x)  = phi(d) (1 + g (d^3 - 3 d)) / sqrt(m2)

(H. Cramér, Mathematical Methods of Statistics, 1946, chapter 17). It is neither monotone nor within [0, 1] far from the mean, so the
first two are clamped. The fourth-order terms are kept apart: their size says how good the third order is.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.normal_cdf import normal_cdf

FloatArray: TypeAlias = npt.NDArray[np.float64]
Losses: TypeAlias = "float | FloatArray"

_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_FAR = 38.0


class Tail(NamedTuple):
    """P(L > x), E(L - x)+, the density at x, minus its slope, and its curvature: arrays of one shape."""

    beyond: FloatArray
    excess: FloatArray
    density: FloatArray
    minus_slope: FloatArray
    curvature: FloatArray


def tail(x: Losses, m1: FloatArray, m2: FloatArray, m3: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """P(L > x), E(L - x)+ and the density of sums with cumulants ``m1``, ``m2`` > 0, ``m3``; shapes broadcast, currency units.

    >>> p, e, f = tail(0.0, np.array([0.0]), np.array([1.0]), np.array([0.0]))
    >>> round(float(p[0]), 9), round(float(e[0]), 9), round(float(f[0]), 9)
    (0.5, 0.39894228, 0.39894228)
    """
    spread = np.sqrt(m2)
    d = np.clip((x - m1) / spread, -_FAR, _FAR)
    g = m3 / (6.0 * m2 * spread)
    square = d * d
    phi = np.exp(-0.5 * square) / _ROOT_TWO_PI
    q = normal_cdf(-d)
    beyond = np.clip(q + g * (square - 1.0) * phi, 0.0, 1.0)
    excess = np.maximum(spread * (phi - d * q + g * d * phi), 0.0)
    # Where d was cut the excess is the distance itself.
    excess = np.where(d <= -_FAR, m1 - x, excess)
    return beyond, excess, phi / spread * (1.0 + g * d * (square - 3.0))


def local(x: Losses, m1: FloatArray, m2: FloatArray, m3: FloatArray) -> Tail:
    """Everything that the contributions of names need at losses ``x``; not clamped but for P(L > x). Shapes broadcast."""
    spread = np.sqrt(m2)
    d = np.clip((x - m1) / spread, -_FAR, _FAR)
    phi = np.exp(-0.5 * d * d) / _ROOT_TWO_PI
    beyond, excess, density = tail(x, m1, m2, m3)
    # The derivatives at second order: with these the parts of all names sum to the third-order total.
    return Tail(beyond, excess, density, phi * d / m2, phi * (d * d - 1.0) / (m2 * spread))


def of_part(at: Tail, first: Losses, second: Losses, third: Losses) -> tuple[FloatArray, FloatArray]:
    """E[X; L > x] and E[X; L in dx] of a part X of the loss, from the derivatives of the tail there.

    ``first``, ``second`` and ``third`` are the joint cumulants of X with itself (or of what would be lost in its place with it): kappa(X), kappa(X, X) and
    kappa(X, X, X); of a part that is independent of all others, in the loss of which the tail is, its own. Shapes broadcast.
    """
    return (
        first * at.beyond + second * at.density + 0.5 * third * at.minus_slope,
        first * at.density + second * at.minus_slope + 0.5 * third * at.curvature,
    )


def fourth_order(x: Losses, m1: FloatArray, m2: FloatArray, m3: FloatArray, m4: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What the next order would add to P(L > x) and to E(L - x)+: the measure of what is left out.

    The terms in the fourth cumulant and in the square of the third.
    """
    spread = np.sqrt(m2)
    d = np.clip((x - m1) / spread, -_FAR, _FAR)
    phi = np.exp(-0.5 * d * d) / _ROOT_TWO_PI
    g = m3 / (6.0 * m2 * spread)
    k = m4 / (24.0 * m2 * m2)
    square = d * d
    beyond = phi * d * (k * (square - 3.0) + 0.5 * g * g * ((square - 10.0) * square + 15.0))
    excess = spread * phi * (k * (square - 1.0) + 0.5 * g * g * ((square - 6.0) * square + 3.0))
    return beyond, excess
