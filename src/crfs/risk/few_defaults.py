"""What the expansion may err by in states in which few of the names that are left to it default.

A sum of few losses is no smooth one: that of ``n`` defaults to be expected is none at all with probability exp(-n), where the expansion has a smooth
hill that reaches below zero, with Q(sqrt(n)) of it. No order of the expansion tells, each is a smooth hill too. The cumulants tell ``n``, though: it is
at least ``m1^2 / m2`` (Cauchy and Schwarz), and just that where all losses are alike.

An error of that size in P(L > x) counts where the loss ``x`` is within a spread of what is lost in the state: the density there times the spread. So

    value at risk          E[f(x | state) spread error] / f(x)
    expected shortfall     E[f(x | state) spread^2 error] / (3 P(L > x))

with a third because the excess beyond ``x`` is an integral over errors of both signs (up to 0.4 of the bound for Poisson losses with ``n`` = 0.3 to 4).
"""

from __future__ import annotations

import numpy as np

from crfs.risk.mixture import Mixture
from crfs.risk.normal_cdf import normal_cdf


def few_defaults(mixture: Mixture, x: float, confidence: float) -> tuple[float, float]:
    """By how much the value at risk ``x`` and the expected shortfall may be off, zero or more, in the book's units."""
    mean, variance = (np.maximum(row, 0.0) for row in mixture.sums[:2])
    some = variance > 0.0
    expected = np.divide(mean * mean, variance, out=np.full_like(mean, np.inf), where=some)
    error = np.maximum(np.exp(-expected), normal_cdf(-np.sqrt(np.minimum(expected, 1e4))))
    spread = np.sqrt(variance)
    at = mixture.points.weight * np.maximum(mixture.local(x).density, 0.0)
    density = float(at.sum())
    if not density > 0.0:
        return 0.0, 0.0
    misplaced = at * spread * error
    return float(misplaced.sum()) / density, float((misplaced * spread).sum()) / (3.0 * mixture.scrambles * (1.0 - confidence))
