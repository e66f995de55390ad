"""Gamma sectors in place of a copula: the form of dependence that comes nearest to the covariances, the variance of the whole kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.creditriskplus.sectors import Dependence, GammaSectors, make_sectors

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Of two forms that are equally near the first is taken: it leaves each sector its distribution.
_FORMS = (Dependence.HIDDEN_GAMMA, Dependence.COMPOUND_GAMMA, Dependence.MOMENT_MATCHED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matched:
    """Gamma sectors, the form of dependence that they have, and by how much their covariances miss.

    ``apart`` is the root of the summed squares of what the covariances of the sectors' conditional expected losses are off, over that of the covariances
    themselves: 0 where all are matched.
    """

    sectors: GammaSectors
    dependence: Dependence
    apart: float


def match(expected: FloatArray, covariance: FloatArray) -> Matched:
    """Sectors with ``expected`` losses (K, currency) whose conditional expected losses have the ``covariance`` (K x K, currency squared), all but.

    The sum of the covariances, the variance of the book's conditional expected loss, is kept by every form of dependence
    (:class:`~crfs.risk.creditriskplus.Dependence`); of those that can have it, the one is taken that misses the covariances least.

    >>> found = match(np.array([1.0, 2.0]), np.array([[0.25, 0.2], [0.2, 1.0]]))
    >>> found.dependence.value, round(found.apart, 9), np.round(found.sectors.covariance, 9).tolist()
    ('hidden_gamma', 0.0, [[0.25, 0.1], [0.1, 0.25]])
    """
    scale = np.where(expected > 0.0, expected, 1.0)
    relative = covariance / np.outer(scale, scale)
    variance = np.maximum(np.diag(relative), 0.0).copy()
    deviation = np.sqrt(variance)
    both = np.outer(deviation, deviation)
    correlation = np.divide(relative, both, out=np.zeros_like(relative), where=both > 0.0)
    np.fill_diagonal(correlation, 1.0)
    # One sector has nothing to hang together with.
    if np.count_nonzero(variance) <= 1:
        return Matched(sectors=make_sectors(variance, None, expected, Dependence.INDEPENDENT), dependence=Dependence.INDEPENDENT, apart=0.0)
    size = float(np.linalg.norm(covariance))
    found: list[Matched] = []
    for form in _FORMS:
        try:
            sectors = make_sectors(variance, correlation, expected, form)
        except InvalidInput:
            # The book's covariances are beyond this form.
            continue
        apart = float(np.linalg.norm(sectors.covariance * np.outer(expected, expected) - covariance)) / size
        found.append(Matched(sectors=sectors, dependence=form, apart=apart if apart > 1e-12 else 0.0))
    return min(found, key=lambda each: each.apart)
