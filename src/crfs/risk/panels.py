"""Gauss-Legendre panels where an integrand is a step: a default probability as a function of the factor, for an ``r2`` near 1."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

STEEP = 2.0
"""Slope ``sqrt(r2 / (1 - r2))`` from which on the panels of the factor itself are too wide: an ``r2`` of 0.8."""
_REACH = 9.0


def panels(edges: FloatArray, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Nodes on the panels between ``edges`` (in rising order; equal ones are none), and the logarithms of their weights.

    >>> x, log_weight = panels(np.array([0.0, 1.0, 1.0, 3.0]), 4)
    >>> len(x), round(float((x**3 * np.exp(log_weight)).sum()), 9)
    (8, 20.25)
    """
    place, weight = np.polynomial.legendre.leggauss(nodes)
    edges = np.unique(edges)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + place)).ravel(), np.log(half * weight).ravel()


def around_steps(edges: FloatArray, *, a: FloatArray, b: FloatArray, width: float) -> FloatArray:
    """``edges`` and, for each step ``Phi(a - b y)``, more of them on which ``a - b y`` goes from 9 to -9 by ``width``; within the ends of ``edges``.

    >>> around_steps(np.array([-10.0, 10.0]), a=np.array([-4.0]), b=np.array([2.0]), width=9.0).tolist()
    [-10.0, -6.5, -2.0, 2.5, 10.0]
    """
    x = np.linspace(-_REACH, _REACH, int(np.ceil(2.0 * _REACH / width)) + 1)
    more = (a[:, None] - x) / b[:, None]
    return np.unique(np.concatenate([edges, np.clip(more, edges[0], edges[-1]).ravel()]))
